"""Roots of polynomials: those that the coefficients were made from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.spectra.roots import pair_roots, roots_of

ROUNDING = 1e-11
"""Of simple roots, in the largest of them: rounding of the coefficients over the distances of the roots."""
DOUBLE = 1e-4
"""Of roots that are double up to rounding: its square root."""
N = 500


def roots(name):
    rng = np.random.default_rng(7)
    anywhere = rng.normal(size=(N, 4)) + 1j * rng.normal(size=(N, 4))
    real, width = rng.uniform(-20, 20, size=(N, 2)), rng.uniform(0.5, 10, size=(N, 2))
    return {
        "anywhere": anywhere,
        "small and large": anywhere * np.array([1e-3, 1e-3, 1.0, 1.0]) + np.array([0, 0, 50.0, -50.0]),
        "pairs": np.concatenate([real + 1j * width, real - 1j * width], axis=1),
        "double": np.concatenate([real, real], axis=1) + 0j,
    }[name]


@pytest.mark.parametrize("name", ["anywhere", "small and large", "pairs", "double"])
def test_the_roots_are_those_of_the_polynomial(name):
    wanted = roots(name)
    c = jnp.asarray(np.array([np.poly(x) for x in wanted]), complex)
    found = np.asarray(jax.vmap(roots_of)(3.0 * c))
    apart = np.abs(found[:, :, None] - wanted[:, None, :])
    far = np.maximum(apart.min(axis=1).max(axis=1), apart.min(axis=2).max(axis=1)) / np.abs(wanted).max(axis=1)
    assert far.max() < (DOUBLE if name == "double" else 1e-9 if name == "pairs" else ROUNDING)


def test_what_is_not_finite_has_no_roots():
    assert np.isnan(np.asarray(roots_of(jnp.array([1.0, jnp.nan, 0.0, 0.0, 1.0]) + 0j))).all()
    assert np.asarray(roots_of(jnp.array([2.0, 0.0, 0.0, 0.0, 0.0]) + 0j)) == pytest.approx(0.0, abs=1e-4)


def test_no_library_is_called():
    """jaxlib's batches of eigenvalues wait inside the threads that they need: two programs at once may hang."""
    m1, mu1, m2, mu2 = jnp.array([1.0, 50.0, 0.8, 60.0])
    many = jax.vmap(lambda z: pair_roots(m1, mu1, m2, mu2, jnp.array([6.0, 4.0, 2.0]), z))
    text = jax.jit(many).lower(jnp.linspace(1.0, 9.0, 5) + 0.3j).as_text()
    assert "custom_call" not in text
