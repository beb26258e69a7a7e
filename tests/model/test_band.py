"""The protocol of bands: the parabolic one keeps its promises, and a user's own kind of band serves as well."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bent_band import bent_band
from scipy.integrate import quad

from jaxgap import InputError, critical_temperature, parabolic_band, solve, superconductor
from jaxgap.equations.pairing import anomalous_densities
from jaxgap.model.band import Band, density_of_states, kappa_F, shell, velocity
from jaxgap.model.systems import to_toml
from jaxgap.observables import branch_minima, excitation_gap, superfluid_density, tunnelling_density_of_states
from jaxgap.units import hbar2_over_2m_e, k_B

EXACT = 1e-13
"""Closed forms of a band against each other: rounding."""
SUMS = 1e-8
"""Sums over k against scipy's quad, whose own error is about as large."""
DIFFERENCES = 1e-6
"""Derivatives against central differences."""
LARGE = 1e-3
"""Half the shell's width over the band's, squared: what is lost where a density of states is taken as constant."""

OMEGA = 20.0
BANDS = [parabolic_band("a", 60.0, 1.3), parabolic_band("a", -45.0, -0.8), bent_band("a", 60.0, 0.01)]


@pytest.mark.parametrize("band", BANDS, ids=["electron", "hole", "bent"])
def test_a_band_is_consistent(band):
    assert isinstance(band, Band)
    band.check()
    lo, hi = shell(band, jnp.asarray(OMEGA))
    assert np.allclose(np.sort([band.zeta(lo), band.zeta(hi)]), [-OMEGA, OMEGA], rtol=EXACT)
    at_F = kappa_F(band)
    assert abs(float(band.zeta(at_F))) < EXACT * 60
    energies = jnp.linspace(-15.0, 15.0, 7) + 2.0j
    assert np.allclose(band.zeta(band.kappa_at(energies)), energies, rtol=10 * EXACT)
    slope = jax.vmap(jax.grad(band.zeta))(jnp.stack([lo, at_F, hi]))
    assert np.allclose(band.slope(jnp.stack([lo, at_F, hi])), slope, rtol=EXACT)
    assert np.allclose(band.tangent, (1 / slope[1], at_F * slope[1]), rtol=EXACT)
    assert np.isclose(density_of_states(band, 3), np.sqrt(at_F) / abs(slope[1]), rtol=EXACT)
    k = jnp.sqrt(at_F / hbar2_over_2m_e)
    assert np.isclose(velocity(band, k), jax.grad(lambda q: band.zeta(hbar2_over_2m_e * q**2))(k), rtol=EXACT)


@pytest.mark.parametrize("band", BANDS, ids=["electron", "hole", "bent"])
def test_normal_states_beyond_the_shell(band):
    """The imaginary part against quadrature of 1 / (z - zeta), in 2D."""
    z = 7.0 + 3.0j
    lo, hi = (float(end) for end in shell(band, jnp.asarray(OMEGA)))

    def integrand(kappa):
        return (1 / (z - complex(band.zeta(jnp.asarray(kappa))))).imag

    with jax.disable_jit():
        expected = quad(integrand, 0, lo)[0] + quad(integrand, hi, np.inf, limit=200)[0]
    found = band.beyond_shell(jnp.asarray(z), jnp.asarray(OMEGA), 2)
    assert np.isclose(found.imag, expected, rtol=SUMS)


# --- a user's own kind of band ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bent():
    return superconductor(bands=[bent_band("a", 60.0, 0.01)], lam=[[0.4]], Omega=OMEGA)


@pytest.fixture(scope="module")
def state(bent):
    return solve(bent, 3.0)


def test_its_gap_equation_has_its_density_of_states(bent, state):
    """1 = lambda int d zeta N(zeta)/N(0) tanh(E / 2 k_B T) / 2E, with N = 1 / (d zeta / d kappa) in 2D."""
    Delta, band = float(state.Delta[0].real), bent.bands[0]
    mass, bend, mu = (float(leaf) for leaf in (band.mass, band.bend, band.mu))

    def integrand(z):
        E = np.hypot(z, Delta)
        slope = np.sqrt(1 / mass**2 + 4 * bend * (mu + z))
        return np.tanh(E / (2 * k_B * 3.0)) / (2 * E) / slope

    total = quad(integrand, -OMEGA, 0, epsabs=1e-13)[0] + quad(integrand, 0, OMEGA, epsabs=1e-13)[0]
    assert bool(state.converged)
    assert np.isclose(0.4 * total / float(density_of_states(band, 2)), 1.0, rtol=SUMS)
    assert np.isclose(excitation_gap(state), Delta, rtol=EXACT)
    # Not the constant density of states of a parabolic band.
    assert abs(Delta / (OMEGA / np.sinh(1 / 0.4)) - 1) > LARGE


@pytest.mark.slow
def test_its_numbers_have_paths_and_derivatives(bent):
    assert "bend[a]" in bent.paths
    assert float(bent.get("bend[a]")) == 0.01

    def T_c(bend):
        return critical_temperature(bent.set({"bend[a]": bend}))

    slope, step = jax.grad(T_c)(0.01), 1e-5
    assert np.isclose(slope, (T_c(0.01 + step) - T_c(0.01 - step)) / (2 * step), rtol=DIFFERENCES)
    with pytest.raises(InputError, match=r"bend\[a\]"):
        bent.set({"bend[a]": -1.0})


def test_its_density_of_states(bent, state):
    """Far outside the gap it is the normal one, which is not constant."""
    band = bent.bands[0]
    omega = jnp.array([-45.0, 45.0])
    found = tunnelling_density_of_states(state, omega, 1e-3).total
    normal = (1 / band.slope(band.kappa_at(omega))) / density_of_states(band, 2)
    assert np.allclose(found, normal, rtol=LARGE)
    assert np.allclose(tunnelling_density_of_states(state, omega, 0.0).total, normal, rtol=EXACT)


@pytest.mark.slow
def test_it_pairs_across_with_another_kind():
    """P of two cross-paired bands of different kinds: sums over k of the 4 x 4 Bogoliubov-de Gennes matrix."""
    sc = superconductor(
        bands=[parabolic_band("a", 50.0), bent_band("b", 62.0, 0.002)],
        lam=np.diag([0.3, 0.3, 0.2]),
        Omega=OMEGA,
        cross=["a:b"],
    )
    Delta, kT = np.array([4.0, 3.0, 2.0]), k_B * 20.0
    ends = np.sort([float(end) for band in sc.bands for end in shell(band, sc.Omega)])
    x, w = np.polynomial.legendre.leggauss(400)
    P = np.zeros(3)
    for a, b in pairwise(ends):
        kappa, weight = a + (b - a) * (x + 1) / 2, w * (b - a) / 2
        energies = np.stack([band.zeta(jnp.asarray(kappa)) for band in sc.bands], axis=1)
        for z, weight_k in zip(energies, weight, strict=True):
            inside = np.abs(z) <= OMEGA
            D = np.array([[Delta[0] * inside[0], Delta[2] * inside.all()], [Delta[2] * inside.all(), Delta[1] * inside[1]]])
            E, U = np.linalg.eigh(np.block([[np.diag(z), D], [D, -np.diag(z)]]))
            F = (U * np.tanh(E / (2 * kT)) @ U.T)[:2, 2:] / 2
            P += weight_k * np.array([F[0, 0], F[1, 1], F[0, 1] + F[1, 0]])
    assert np.allclose(anomalous_densities(sc, jnp.asarray(Delta), jnp.asarray(20.0)), P, rtol=SUMS)
    found = solve(sc, 5.0)
    assert bool(found.converged)
    assert np.isfinite(branch_minima(found)).all()
    with pytest.raises(InputError, match="parabolic"):
        superfluid_density(found)
    with pytest.raises(InputError, match="parabolic"):
        to_toml(sc)
