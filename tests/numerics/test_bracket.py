"""Bisection on the device and on the host: the same ends, to the last bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.numerics.bracket import bisected, bisected_on_host, rising_root

ROOTS = np.array([0.1, 0.5, 2.0 / 3.0, 0.999])


@pytest.mark.parametrize(("first", "last"), [(0.0, 1.0), (1.0, 0.0)])
def test_both_narrow_to_neighbouring_numbers_around_the_root(first, last):
    """In either direction, and as many brackets at once as there are."""
    start, end = np.full(4, first), np.full(4, last)
    found = bisected(lambda x: (x < ROOTS) == (first < last), jnp.asarray(start), jnp.asarray(end))
    host = bisected_on_host(lambda x: (x < ROOTS) == (first < last), start, end)
    np.testing.assert_array_equal(found, host)
    for one in found:
        assert np.abs(np.asarray(one) - ROOTS).max() <= np.finfo(float).eps


def test_as_many_halvings_as_asked_for():
    first, last = bisected(lambda x: x < 0.3, jnp.zeros(()), jnp.ones(()), 10)
    assert float(last - first) == 2.0**-10
    assert float(first) < 0.3 <= float(last)


def test_a_batch_is_that_of_its_elements():
    roots = jnp.asarray(ROOTS)
    alone = [bisected(lambda x, root=root: x < root, jnp.zeros(()), jnp.ones(()))[0] for root in roots]
    together = jax.vmap(lambda root: bisected(lambda x: x < root, jnp.zeros(()), jnp.ones(()))[0])(roots)
    np.testing.assert_array_equal(together, jnp.stack(alone))


def test_what_is_nowhere_like_the_first_end_narrows_to_it():
    """NaN is like no end: the bracket shrinks to the first one, and nothing loops."""
    first, last = bisected(lambda x: jnp.nan * x > 0, jnp.ones(()), 2 * jnp.ones(()))
    assert float(first) == float(last) == 1.0


def test_secants_inside_a_bracket_that_grows():
    """Of smooth, of broken and of stepped rising functions, from wherever it begins, and in a batch."""
    for f, root in (
        (lambda x: jnp.expm1(x - 3.0), 3.0),
        (lambda x: jnp.where(x < -40.0, 0.01, 5.0) * (x + 40.0), -40.0),
        (lambda x: jnp.where(x < 7.25, -1.0, 2.0), 7.25),
        (lambda x: jnp.tanh(x / 1e-3) + 0.0 * x, 0.0),
    ):
        starts = jnp.array([-50.0, 0.3, root + 1e-9, 80.0])
        found = jax.vmap(lambda x, f=f: rising_root(f, x, jnp.ones(()), jnp.asarray(1e-12)))(starts)
        np.testing.assert_allclose(found, root, atol=2e-12)
