"""Work side by side: in order, no further ahead than needed, with the settings of who asks."""

import threading
import time

import jax
import jax.numpy as jnp
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from jaxgap.numerics.threads import blas_on_one_thread, cores, side_by_side


def test_results_come_in_order():
    assert [*side_by_side(lambda x: (time.sleep(0.02 * (x % 3)), x)[1], range(9))] == [*range(9)]


def test_nothing_is_no_work():
    assert [*side_by_side(lambda x: x, [])] == []


def test_items_are_asked_for_when_they_are_needed():
    asked = []

    def items():
        for k in range(100 * cores()):
            asked.append(k)
            yield k

    found = side_by_side(lambda x: x, items())
    assert next(found) == 0
    assert len(asked) <= 2 * cores()
    found.close()


def test_what_has_not_begun_is_dropped_where_one_fails():
    begun, lock = [], threading.Lock()

    def work(k):
        with lock:
            begun.append(k)
        if k == 0:
            raise ValueError("the first")
        time.sleep(0.05)

    with pytest.raises(ValueError, match="the first"):
        list(side_by_side(work, range(100 * cores())))
    assert len(begun) <= 3 * cores()


def test_threads_have_the_precision_of_who_asks():
    """JAX's own switch belongs to one thread."""
    with jax.enable_x64(True):
        assert {one.dtype for one in side_by_side(lambda k: jnp.ones(()) / (k + 3), range(4))} == {jnp.dtype("float64")}


def blas_threads():
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_pieces_have_one_thread_of_blas_each_and_leave_it_as_it_was():
    with threadpool_limits(3, "blas"):
        assert [*side_by_side(lambda _: blas_threads(), range(4))] == [{1}] * 4
        assert blas_threads() == {3}


def test_who_comes_second_and_stays_longer_keeps_blas_on_one_thread():
    with threadpool_limits(3, "blas"):
        first, second = blas_on_one_thread(), blas_on_one_thread()
        first.__enter__()
        second.__enter__()
        first.__exit__(None, None, None)
        assert blas_threads() == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == {3}
