"""Local Green's functions in closed form: against eigenvectors and quadrature over kappa, and in weak coupling `solve`."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsubara_sums import all_frequencies
from problems import PROBLEMS, generator

from jaxgap import solve
from jaxgap.selfenergy.local_green import imaginary_sign, inverse_in_the_open, local_green_function, shell_green_function
from jaxgap.selfenergy.matsubara import frequencies
from jaxgap.units import k_B

CLOSED = 1e-12
WEAK = 1e-12
"""What amplitudes of `solve` leave of the gap equations summed over Matsubara frequencies, relative."""


def _random(n, elements=20, seed=1):
    rng = generator(seed)
    A, X, P, Q = rng.normal(size=(4, n, n, elements))
    W = np.einsum("ijn,kjn->ikn", A, A) + 0.5 * np.eye(n)[..., None]
    Phi = 3 * (P + P.swapaxes(0, 1)) + 1j * (Q - Q.swapaxes(0, 1))
    parts = W, X + X.swapaxes(0, 1), Phi, 10 * rng.normal(size=n), rng.uniform(0.3, 2.0, n)
    return tuple(map(jnp.asarray, parts))


def _inverse(W, X, Phi, mu, mass, kappa):
    energy = np.diag(kappa / mass - mu)
    return np.linalg.inv(np.block([[1j * W - X - energy, -Phi], [-Phi.T, 1j * W + X + energy]]))


@pytest.mark.parametrize("n", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))])
def test_the_sign_is_that_of_eigenvectors(n):
    W, X, Phi, mu, mass = _random(n)
    found = local_green_function(W, X, Phi, mu, mass)
    d = np.concatenate([mass, -mass])
    for k in range(W.shape[-1]):
        values, R = np.linalg.eig(d[:, None] * np.linalg.inv(_inverse(W[..., k], X[..., k], Phi[..., k], mu, mass, 0.0)))
        G = -1j * np.pi * R @ np.diag(np.sign(values.imag)) @ np.linalg.inv(R) * d
        np.testing.assert_allclose(found.g[..., k], G[:n, :n], atol=CLOSED)
        np.testing.assert_allclose(found.f[..., k], -G[:n, n:], atol=CLOSED)


@pytest.mark.slow
def test_two_routes_to_the_sign_of_two_bands():
    """The closed form, and the general one of two bands beside a third that is apart."""
    W, X, Phi, mu, mass = _random(2, elements=1)
    alone = local_green_function(W, X, Phi, mu, mass)

    def beside(A, own):
        return jnp.concatenate([jnp.concatenate([A, jnp.zeros((2, 1, 1))], 1), jnp.array([0, 0, own]).reshape(1, 3, 1)])

    both = local_green_function(beside(W, 1.0), beside(X, 0.2), beside(Phi, 0.7), jnp.append(mu, 3.0), jnp.append(mass, 0.5))
    np.testing.assert_allclose(both.g[:2, :2], alone.g, atol=CLOSED)
    np.testing.assert_allclose(both.f[:2, :2], alone.f, atol=CLOSED)
    np.testing.assert_allclose(both.g[2, 2], -1j * np.pi * 0.5 / np.hypot(1, 0.7), atol=CLOSED)


def test_an_exceptional_point():
    """Equal bands: k_1 = k_2, where eigenvectors get lost."""
    one, zero = jnp.eye(2).reshape(2, 2, 1), jnp.zeros((2, 2, 1))
    found = local_green_function(1.3 * one, zero, 0.9 * one + 0j, jnp.array([5.0, 5.0]), jnp.ones(2))
    np.testing.assert_allclose(found.f[..., 0], np.pi * 0.9 / np.hypot(1.3, 0.9) * np.eye(2), atol=CLOSED)


@pytest.mark.slow
def test_the_integral_over_kappa():
    """Quadrature, kappa = tan: to where Gauss has it."""
    W, X, Phi, mu, mass = (part[..., 0] if part.ndim == 3 else part for part in _random(2))
    x, w = np.polynomial.legendre.leggauss(2000)
    width, centre = 10.0, np.mean(mu * mass)
    angle = np.pi / 2 * x
    G = sum(
        v * _inverse(W, X, Phi, mu, mass, k)
        for v, k in zip(w * width / np.cos(angle) ** 2, centre + width * np.tan(angle), strict=True)
    )
    found = local_green_function(W[..., None], X[..., None], Phi[..., None], mu, mass)
    np.testing.assert_allclose(found.f[..., 0], -np.pi / 2 * G[:2, 2:], atol=1e-9)
    np.testing.assert_allclose(found.g[..., 0], np.pi / 2 * G[:2, :2], atol=1e-9)
    edges = (centre - 20.0, centre + 30.0)
    inside = sum(v * 25 * _inverse(W, X, Phi, mu, mass, centre + 5 + 25 * k) for v, k in zip(w, x, strict=True))
    np.testing.assert_allclose(shell_green_function(W, X, Phi, mu, mass, edges).f, -inside[:2, 2:], atol=1e-9)


@pytest.mark.slow
def test_derivatives_of_the_sign():
    """The closed form, to second order, against differences."""
    W, X, Phi, mu, mass = _random(2, elements=1)

    def f(t):
        found = local_green_function(W + 0.1 * t, X, Phi * (1 + t), mu, mass)
        return jnp.real(jnp.sum(found.f[0, 1])) + jnp.imag(found.g[0, 0, 0])

    slope = jax.jit(jax.grad(f))
    h = 1e-4
    assert abs(slope(0.0) - (f(h) - f(-h)) / (2 * h)) < 1e-6
    assert abs(jax.jit(jax.hessian(f))(0.0) - (slope(h) - slope(-h)) / (2 * h)) < 1e-6


def test_the_inverse_in_the_open():
    A = jnp.asarray(generator(3).normal(size=(5, 5, 7)) + 3 * np.eye(5)[..., None])
    np.testing.assert_allclose(inverse_in_the_open(A), np.moveaxis(np.linalg.inv(np.moveaxis(A, -1, 0)), 0, -1), atol=1e-12)
    K = jnp.diag(jnp.array([1 + 2j, 1 - 2j, 3j, -3j, 5 + 1j, 5 - 1j]))[..., None]
    np.testing.assert_allclose(imaginary_sign(K)[..., 0], np.diag([1, -1, 1, -1, 1, -1]), atol=1e-12)


# --- weak coupling ------------------------------------------------------------------------------------------------------

CASES = [
    p for p in PROBLEMS if p.system.cross and p.system.dimension == 2 and p.T >= 1 and not np.any(np.asarray(p.Delta).imag)
]
_alone = jax.jit(jax.vmap(shell_green_function, in_axes=(0, None, None, None, None, None)))


def _anomalous(sc, Delta, T):
    """P_c = 2 k_B T sum_n f_c(n): the closed forms of every stretch of kappa in which the same bands are in their shells."""
    n, w = all_frequencies(int(25 * float(sc.Omega) / (2 * np.pi * k_B * T)))
    omega = np.asarray(frequencies(n, jnp.asarray(T)))
    mu, mass = (np.array([float(getattr(band, leaf)) for band in sc.bands]) for leaf in ("mu", "mass"))
    shells = np.sort(np.stack([mass * (mu - float(sc.Omega)), mass * (mu + float(sc.Omega))]), axis=0)
    P = np.zeros(len(sc.channels))
    edges = np.unique(shells)
    for a, b in itertools.pairwise(edges):
        for cluster in sc.clusters:
            bands = [i for i in cluster.bands if shells[0, i] <= a and b <= shells[1, i]]
            if not bands:
                continue
            Phi = np.zeros((len(sc.bands),) * 2)
            Phi[np.diag_indices(len(sc.bands))] = Delta[: len(sc.bands)]
            for k, (i, j) in enumerate(sc.cross):
                Phi[i, j] = Phi[j, i] = Delta[len(sc.bands) + k]
            some, nothing = np.ix_(bands, bands), np.zeros((len(bands),) * 2)
            W = omega[:, None, None] * np.eye(len(bands))
            f = np.zeros((len(sc.bands),) * 2)
            f[some] = np.tensordot(w, np.real(_alone(W, nothing, Phi[some] + 0j, mu[bands], mass[bands], (a, b)).f), 1)
            P += 2 * k_B * T * np.array([*np.diag(f), *(f[i, j] + f[j, i] for i, j in sc.cross)])
    return P


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=str(c), marks=[] if "T=20.0" in str(c) else pytest.mark.slow) for c in CASES]
)
def test_an_instantaneous_interaction_with_the_momentum_shell_is_todays_gap_equation(case):
    Delta = np.real(np.asarray(solve(case.system, case.T, start=case.Delta.real).Delta))
    made = np.asarray(case.system.lam) @ (_anomalous(case.system, Delta, case.T) / np.asarray(case.system.N))
    assert np.abs(made - Delta).max() < WEAK * np.abs(Delta).max()
