"""Batches in pieces on several threads."""

import jax
import numpy as np
import pytest

from jaxgap.numerics.chunks import all_in_chunks, in_chunks
from jaxgap.numerics.programs import program


@program
def _squares(x):
    return {"square": x**2, "sum": x.sum(axis=1)}


@pytest.mark.parametrize("count", [1, 4, 5, 13])
def test_pieces_of_any_number_of_rows_are_put_together_in_order(count):
    rows = np.random.default_rng(0).normal(size=(count, 3))
    result = in_chunks(_squares, 4, rows)
    np.testing.assert_array_equal(result["square"], rows**2)
    assert result["sum"].shape == (count,)


def test_several_programs_at_once():
    one, other = np.arange(18.0).reshape(9, 2), np.arange(6.0).reshape(2, 3)
    first, second = all_in_chunks(4, (_squares, one), (lambda x: x + 1, other))
    np.testing.assert_array_equal(first["square"], one**2)
    np.testing.assert_array_equal(second, other + 1)


def test_pieces_compute_in_double_precision_where_only_the_caller_has_switched_it_on():
    jax.config.update("jax_enable_x64", False)
    try:
        with jax.enable_x64(True):
            assert in_chunks(lambda x: 1.0 * x, 1, np.arange(6.0)).dtype == np.float64
    finally:
        jax.config.update("jax_enable_x64", True)


def test_an_error_in_one_piece_is_the_callers():
    def broken(x):
        if float(x[0]) == 3.0:
            raise ValueError("the third piece")
        return x

    with pytest.raises(ValueError, match="the third piece"):
        in_chunks(broken, 1, np.arange(6.0))
