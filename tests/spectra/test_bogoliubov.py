"""Functions of Hermitian matrices by Taylor series: against their eigenvectors, and where their derivatives end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator

from jaxgap.spectra.bogoliubov import levels, tanh_and_slope, tanh_of

DIFFERENCES = 1e-7  # five-point differences with steps of 1e-3
SIZE = 4


def hermitian(rng, complex_):
    A = rng.normal(size=(SIZE, SIZE)) + (1j * rng.normal(size=(SIZE, SIZE)) if complex_ else 0.0)
    return (A + A.conj().T) / 2


def differences(f, x, h=1e-3):
    steps = np.eye(len(x))
    return np.stack(
        [(8 * (f(x + h * e) - f(x - h * e)) - f(x + 2 * h * e) + f(x - 2 * h * e)) / (12 * h) for e in steps], axis=-1
    )


def slope_by_eigenvectors(X, V):
    """d tanh(X + eps V) / d eps."""
    E, W = np.linalg.eigh(X)
    apart = E[:, None] - E
    t = (np.tanh(E)[:, None] - np.tanh(E)) / np.where(np.abs(apart) > 1e-9, apart, 1.0)
    t = np.where(np.abs(apart) > 1e-9, t, 1 - np.tanh(E)[:, None] ** 2)
    return W @ (t * (W.conj().T @ V @ W)) @ W.conj().T


@pytest.mark.slow
@pytest.mark.parametrize("complex_", [False, True], ids=["real", "complex"])
def test_the_slope_of_tanh_has_its_second_derivatives(complex_):
    """Where two pairs of eigenvalues coincide, too."""
    rng = generator(3)
    fixed, B, C, V, turn = (hermitian(rng, complex_) for _ in range(5))
    E, W = np.linalg.eigh(fixed)
    fixed = (W * np.array([E[0], E[0], E[3], E[3]])) @ W.conj().T

    def matrices(x):
        return fixed + x[0] * B + (x[1] + x[0] ** 2) * C, V + x[1] * turn

    def slope(x):
        X, along = matrices(x)
        return jnp.real(tanh_and_slope(jnp.asarray(X)[None], jnp.asarray(along)[None])[1]).ravel()

    x = jnp.zeros(2)
    np.testing.assert_allclose(
        slope(x), slope_by_eigenvectors(*(np.asarray(part) for part in matrices(x))).real.ravel(), atol=1e-13
    )
    forward, reverse = (jax.jit(jax.jacfwd(mode(slope)))(x) for mode in (jax.jacfwd, jax.jacrev))
    np.testing.assert_allclose(forward, reverse, atol=1e-12)
    np.testing.assert_allclose(forward, differences(jax.jit(jax.jacfwd(slope)), x), atol=DIFFERENCES)


@pytest.mark.slow
def test_levels_have_third_derivatives():
    rng = generator(5)
    A, B, C = (hermitian(rng, True) for _ in range(3))

    def E(x):
        return levels(jnp.asarray(A + x[0] * B + (x[1] + x[0] ** 2) * C)[None])[0]

    x = jnp.asarray([0.1, 0.2])
    np.testing.assert_allclose(E(x), np.linalg.eigvalsh(A + 0.1 * B + 0.21 * C), atol=1e-13)
    third = jax.jit(jax.jacfwd(jax.jacfwd(jax.jacrev(E))))(x)
    wanted = differences(jax.jit(jax.jacfwd(jax.jacfwd(E))), x)
    np.testing.assert_allclose(third, wanted, atol=DIFFERENCES * np.abs(wanted).max())
    assert np.isnan(jax.jvp(lambda s: jax.jacfwd(jax.jacfwd(jax.jacfwd(E)))(x + s), (0.0,), (1.0,))[1]).all()


@pytest.mark.slow
def test_a_third_derivative_of_tanh_is_no_number():
    rng = generator(7)
    A, B = hermitian(rng, False), hermitian(rng, False)

    def total(x):
        return jnp.sum(tanh_of(jnp.asarray(A + x * B)[None]))

    second = jax.grad(jax.grad(total))
    assert np.isfinite(second(0.0))
    assert np.isnan(jax.grad(second)(0.0))
