"""Linear algebra in the open is that of the library, of any size, for singular and defective matrices, too."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap.numerics.small import (
    LARGEST,
    eigenvalues,
    eliminated,
    openly_solved,
    right_vectors,
    smallest_singular_value,
    solved,
    symmetric_eigenvectors,
)

ROUNDING = 5e-14
"""Backward errors of some n eps, in units of |A|."""
SIZES = [1, 2, 3, 4, 5, *(pytest.param(n, marks=pytest.mark.slow) for n in (6, 7, 8, LARGEST)), LARGEST + 1]


def _matrices(n):
    """Random ones; singular, nearly singular, zero, triangular, cyclic and with two eigenvalues close together."""
    rng = np.random.default_rng(n)
    M = rng.normal(size=(60, n, n))
    if n > 1:
        M[:8, :, -1] = M[:8, :, :-1] @ rng.normal(size=n - 1) + np.geomspace(1e-12, 1e-3, 8)[:, None] * M[:8, :, -1]
        M[8:14] = [0 * np.eye(n), np.eye(n), np.triu(np.ones((n, n))), np.ones((n, n)), np.roll(np.eye(n), 1, 0), 1e-9 * M[20]]
        M[14] = np.diag(np.linspace(1, 2, n)) + np.diag(np.full(n - 1, 1e-8), 1) + np.diag(np.full(n - 1, 1e-8), -1)
    return M


def _sizes(M):
    return np.linalg.norm(M, axis=(1, 2)) + 1e-300


@pytest.mark.parametrize("n", SIZES)
def test_linear_systems(n):
    A = np.random.default_rng(n).normal(size=(200, n, n))
    if n > 1:
        A[::2, 0, 0] = 0.0  # needs another pivot
    for b in (np.random.default_rng(1).normal(size=(200, n)), np.random.default_rng(2).normal(size=(200, n, 3))):
        x = np.asarray(jax.jit(jax.vmap(openly_solved))(A, b))
        left = np.abs((A @ x.reshape(200, n, -1)).reshape(b.shape) - b)
        assert np.max(left / (1 + np.abs(x).max())) < ROUNDING * n


@pytest.mark.parametrize("n", [1, 4, LARGEST + 1])
def test_linear_systems_in_a_loop(n):
    """With its derivative, dx = -A^-1 dA x."""
    rng = np.random.default_rng(n)
    A, dA, b = rng.normal(size=(50, n, n)), rng.normal(size=(50, n, n)), rng.normal(size=(50, n))
    if n > 1:
        A[::2, 0, 0] = 0.0  # needs another pivot
    x, dx = jax.jit(jax.vmap(lambda A, dA, b: jax.jvp(lambda M: eliminated(M, b), (A,), (dA,))))(A, dA, b)
    expected = np.linalg.solve(A, b[..., None])
    np.testing.assert_allclose(x, expected[..., 0], rtol=1e-9)  # The worst of them has a condition of 1e4.
    np.testing.assert_allclose(dx, -np.linalg.solve(A, dA @ expected)[..., 0], rtol=1e-8)


@pytest.mark.parametrize("n", [3, 6])
def test_a_singular_system_has_no_finite_solution(n):
    for way in (solved, openly_solved, eliminated):
        assert not np.isfinite(way(jnp.ones((n, n)), jnp.arange(float(n)))).all()


@pytest.mark.parametrize("n", [3, 6])
def test_derivatives_are_those_of_the_solution(n):
    """Of first and second order, forward and reverse: dx = -A^-1 dA x."""
    rng = np.random.default_rng(n)
    A, dA, b = (jnp.asarray(rng.normal(size=shape)) for shape in ((n, n), (n, n), (n,)))
    A = A + n * jnp.eye(n)

    def x(e):
        return openly_solved(A + e * dA, b)

    inverse = np.linalg.inv(A)
    first = -inverse @ dA @ inverse @ b
    second = 2 * inverse @ dA @ inverse @ dA @ inverse @ b
    np.testing.assert_allclose(jax.jit(jax.jacfwd(x))(0.0), first, atol=1e-13)
    np.testing.assert_allclose(jax.jit(jax.jacrev(x))(0.0), first, atol=1e-13)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.jacrev(x)))(0.0), second, atol=1e-13)


@pytest.mark.parametrize("n", SIZES)
def test_singular_values_and_right_vectors(n):
    M = _matrices(n)
    wanted = np.linalg.svd(M, compute_uv=False)
    s, V = map(np.asarray, jax.jit(jax.vmap(right_vectors))(M))
    assert np.max(np.abs(s - wanted) / _sizes(M)[:, None]) < ROUNDING
    assert np.max(np.abs(np.swapaxes(V, 1, 2) @ V - np.eye(n))) < ROUNDING
    assert np.max(np.abs(np.linalg.norm(M @ V, axis=1) - wanted) / _sizes(M)[:, None]) < ROUNDING
    M = np.concatenate([M, np.full((1, n, n), np.inf)])
    *smallest, none = jax.jit(jax.vmap(smallest_singular_value))(M)
    assert np.max(np.abs(smallest - wanted[:, -1]) / _sizes(M[:-1])) < ROUNDING
    assert np.isnan(none)


@pytest.mark.parametrize("n", SIZES)
def test_symmetric_matrices(n):
    S = _matrices(n)
    S = S + np.swapaxes(S, 1, 2)
    values, vectors = map(np.asarray, jax.jit(jax.vmap(symmetric_eigenvectors))(S))
    assert np.max(np.abs(values - np.linalg.eigvalsh(S)) / _sizes(S)[:, None]) < ROUNDING
    assert np.max(np.abs(S @ vectors - vectors * values[:, None]) / _sizes(S)[:, None, None]) < ROUNDING


@pytest.mark.parametrize("n", SIZES)
def test_eigenvalues(n):
    """Each is one of a matrix at a distance of rounding: A - eigenvalue is singular; and together they are all of them."""
    M = _matrices(n)
    *found, none = np.asarray(jax.jit(jax.vmap(eigenvalues))(np.concatenate([M, np.full((1, n, n), np.nan)])))
    found = np.stack(found)
    apart = np.linalg.svd(M[:, None] - found[..., None, None] * np.eye(n), compute_uv=False)[..., -1]
    assert np.max(apart / _sizes(M)[:, None]) < ROUNDING
    traces = np.stack(
        [np.trace(M @ M, axis1=1, axis2=2) - np.sum(found**2, axis=1), np.trace(M, axis1=1, axis2=2) - found.sum(1)]
    )
    assert np.max(np.abs(traces) / (_sizes(M) + _sizes(M) ** 2)) < ROUNDING * n
    assert np.isnan(none).all()


def test_a_defective_pair():
    """Eigenvalues of [[1, 1], [e, 1]] are 1 +- sqrt(e)."""
    e = np.array([0.0, 1e-8, 1e-4, -1e-4])
    found = np.asarray(jax.jit(jax.vmap(eigenvalues))(jnp.asarray([[[1.0, 1.0], [x, 1.0]] for x in e])))
    np.testing.assert_allclose(np.max(np.abs(found - 1), axis=1), np.sqrt(np.abs(e)), atol=1e-12)
