"""Singular values and eigenvalues by Jacobi's rotations, against LAPACK and what was put in."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator

from jaxgap.numerics.jacobi import eigenvectors, singular_vectors

TOLERANCE = 1e-13  # some ten eps times |A|, which is about 10


def _symmetric(n: int, degenerate: bool) -> np.ndarray:
    """Complex symmetric matrices, as zeta + i Delta is; `degenerate` ones have equal and vanishing singular values."""
    rng = generator(n)
    A = rng.normal(size=(n, n, 40)) + 1j * rng.normal(size=(n, n, 40))
    A = A + A.transpose(1, 0, 2)
    if degenerate:
        A[0] = A[:, 0] = 0
        A[1, 2:] = A[2:, 1] = 0
        A[1, 1] = 1j * np.abs(A[2, 2]) if n == 3 else 2.0
    return A


def _parts(A: np.ndarray) -> jax.Array:
    return jnp.stack([A.real, A.imag])


def _whole(parts: jax.Array) -> np.ndarray:
    parts = np.asarray(parts)
    return parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0]


@pytest.mark.parametrize("degenerate", [False, True])
@pytest.mark.parametrize("n", [3, 4, 5, 8])
def test_singular_vectors(n: int, degenerate: bool) -> None:
    A = _symmetric(n, degenerate)
    U, s, V = (np.asarray(x) if x.ndim == 2 else _whole(x) for x in jax.jit(singular_vectors)(_parts(A)))
    assert np.abs(np.einsum("ijk,jk,ljk->ilk", U, s, V.conj()) - A).max() < TOLERANCE
    assert np.abs(np.einsum("ijk,ilk->jlk", V.conj(), V) - np.eye(n)[..., None]).max() < TOLERANCE
    true = np.linalg.svd(np.moveaxis(A, -1, 0), compute_uv=False)
    assert np.abs(np.sort(s, axis=0)[::-1].T - true).max() < TOLERANCE


@pytest.mark.parametrize("real", [False, True])
@pytest.mark.parametrize("n", [2, 4, 6, 7])
def test_eigenvectors(n: int, real: bool) -> None:
    A = _symmetric(max(n, 3), True)[:n, :n]
    H = A.real if real else A + A.conj().transpose(1, 0, 2) + 1j * np.triu(np.ones((n, n)), 1)[..., None]
    H = (H + H.conj().transpose(1, 0, 2)) / 2
    E, W = jax.jit(eigenvectors)(jnp.asarray(H)[None] if real else _parts(H))
    E, W = np.asarray(E), _whole(W)
    assert np.abs(np.einsum("ijk,jk,ljk->ilk", W, E, W.conj()) - H).max() < TOLERANCE
    assert np.abs(np.sort(E, axis=0).T - np.linalg.eigvalsh(np.moveaxis(H, -1, 0))).max() < TOLERANCE


def test_small_singular_values_keep_their_digits() -> None:
    """diag(1, 1e-6, 1e-12) with its columns mixed by a rotation from the right, which changes no singular value."""
    angle = np.array([0.3, 1.2, 2.5])
    c, s = np.cos(angle), np.sin(angle)
    one = np.ones_like(c)
    rotation = np.array([[c, -s, 0 * one], [s, c, 0 * one], [0 * one, 0 * one, one]])
    A = np.diag([1.0, 1e-6, 1e-12])[..., None] * 1.0
    found = np.sort(np.asarray(singular_vectors(_parts(np.einsum("ijk,jlk->ilk", A + 0 * c, rotation) + 0j))[1]), axis=0)
    np.testing.assert_allclose(found, np.array([1e-12, 1e-6, 1.0])[:, None] * one, rtol=1e-9)
