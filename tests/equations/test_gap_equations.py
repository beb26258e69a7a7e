"""The batched gap equations and M in closed form against `equations.pairing` and its automatic differentiation, which know
nothing of A and q."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator

from jaxgap import materials, parabolic_band, superconductor
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import rounding
from jaxgap.equations.pairing import gap_residual, pack, unpack
from jaxgap.spectra.quadrature import Rule

ROUNDING = 1e-13
SYSTEMS = {
    "equal bands": materials.two_band(),
    "shifted bands": materials.two_band(d=5.0),
    "asymmetric couplings": materials.ba122(),
    "three bands, one pair": materials.mgb2(),
    "3D, unequal masses": superconductor(
        bands=[parabolic_band("a", mu=200.0, mass=1.0), parabolic_band("b", mu=190.0, mass=1.7)],
        cross=["a:b"],
        lam=[[0.4, 0.05, 0.02], [0.05, 0.3, 0.03], [0.02, 0.03, 0.1]],
        Omega=40.0,
        dimension=3,
    ),
}


def cases(sc):
    """Amplitudes [meV] large and small, of either sign, zero, gapless (Delta_3^2 = Delta_1 Delta_2) and nearly so."""
    n, rng = len(sc.channels), generator(7)
    gapless = np.append(np.full(n - 1, 2.0), 2.0)
    rows = [5 * rng.normal(size=n), 5 * rng.normal(size=n), np.full(n, 1e-3), np.full(n, 1e-8), np.zeros(n)]
    return [*rows, gapless, gapless * np.append(np.ones(n - 1), 1 + 1e-4)]


def error_of_r(sc, Delta):
    """By how much r can be wrong: each route rounds the energies of its own nodes, which counts for the smallest amplitudes."""
    return ROUNDING * np.max(np.abs(Delta)) + rounding(sc)


def error_of_M(sc, Delta, M):
    """By how much M can be wrong: rounding of its terms, of the order of lambda times P / N Delta, and of energies."""
    largest = np.max(np.abs(Delta))
    return 10 * ROUNDING * (np.max(np.abs(M)) + np.max(np.abs(np.asarray(sc.lam)))) + rounding(sc) / (largest or 1.0)


# Two bands of equal mass in 2D: one program for both, and the only ones without and with edges where a band pairs alone.
QUICK = ("equal bands", "shifted bands")


@pytest.mark.parametrize("T", [0.0, 0.02, 4.2, 60.0])
@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS])
def test_against_automatic_differentiation(name, T):
    sc = SYSTEMS[name]
    for Delta in cases(sc):
        if T == 0 and not np.any(Delta):
            continue  # The normal state at T = 0: a logarithm diverges.
        r, M = residual_and_matrix(sc, jnp.asarray(Delta), jnp.asarray(T))
        expected = gap_residual(sc, jnp.asarray(Delta), jnp.asarray(T))
        np.testing.assert_allclose(r, expected, rtol=0, atol=error_of_r(sc, Delta))
        expected = jax.jacfwd(gap_residual, argnums=1)(sc, jnp.asarray(Delta), jnp.asarray(T))
        np.testing.assert_allclose(M, expected, rtol=0, atol=error_of_M(sc, Delta, expected))


@pytest.mark.parametrize("T", [0.0, 4.2, 60.0])
@pytest.mark.parametrize("name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SYSTEMS])
@pytest.mark.parametrize("spread", [1.0, 1e-6])
def test_complex_amplitudes(name, T, spread):
    """On real and imaginary parts, phases free and nearly real. Not nearly gapless: there automatic differentiation loses
    digits (its derivatives do not even commute), the closed form does not."""
    sc, rng = SYSTEMS[name], generator(11)
    n = len(sc.channels)

    def residual(x):
        return pack(gap_residual(sc, unpack(x, n), jnp.asarray(T)))

    large, other = cases(sc)[:2]
    for Delta in (large, other, 1e-3 * large, 1e-8 * other):
        x = pack(jnp.asarray(Delta * np.exp(1j * spread * rng.normal(size=n))))
        r, M = residual_and_matrix(sc, unpack(x, n), jnp.asarray(T))
        np.testing.assert_allclose(r, residual(x), rtol=0, atol=error_of_r(sc, Delta))
        expected = jax.jacfwd(residual)(x)
        np.testing.assert_allclose(M, expected, rtol=0, atol=error_of_M(sc, Delta, expected))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "T"), [("shifted bands", 0.0), ("shifted bands", 4.2), ("3D, unequal masses", 4.2)])
def test_its_derivatives(name, T):
    """Folds differentiate M once more, with respect to the amplitudes and every leaf."""
    sc, Delta = SYSTEMS[name], jnp.asarray([3.0, -2.0, 0.7])
    rule, T = Rule(20, 16), jnp.asarray(T)

    def both(Delta, sc):
        return residual_and_matrix(sc, Delta, T, rule)[1], jax.jacfwd(gap_residual, argnums=1)(sc, Delta, T, rule)

    closed, expected = jax.jacfwd(both)(Delta, sc)
    np.testing.assert_allclose(closed, expected, rtol=0, atol=1e-11)
    closed, expected = jax.jacfwd(both, argnums=1)(Delta, sc)
    for a, b in zip(jax.tree.leaves(closed), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-11 * max(1.0, float(np.max(np.abs(b)))))
