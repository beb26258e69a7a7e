"""Disordered states at real energies: Abrikosov and Gor'kov's gapless region, what disorder makes of a gapless state."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import S, one_band, two_bands

import jaxgap as jg
from jaxgap.solving.dressed import DressedState

NEAR = 1e-4
"""The density of states at energies 1e-7 above the real axis, beside square roots."""


def dressed(sc, pairing):
    return DressedState(sc, jnp.asarray(1.0), jnp.asarray(pairing, float))


def density(state, omega):
    return np.asarray(jax.jit(jax.vmap(state.density_of_states))(jnp.asarray(omega)))


def spins(a, Delta=1.5):
    """alpha = a Delta."""
    return dressed(one_band(a * Delta / (2 * np.pi * 0.2**2), J=0.2), [Delta])


@pytest.mark.slow
@pytest.mark.parametrize("a", [0.1, 0.5])
def test_the_gap_of_spins_is_smaller_than_the_order_parameter(a):
    edge = 1.5 * (1 - a ** (2 / 3)) ** 1.5
    below, above = density(spins(a), [0.97 * edge, 1.03 * edge])[:, 0]
    assert below < NEAR
    assert above > 0.1


@pytest.mark.parametrize("a", [1.2, 3.0])
def test_gapless_superconductivity(a):
    N = density(spins(a), [0.0])[0, 0]
    assert pytest.approx(np.sqrt(1 - a**-2), rel=1e-6) == N


@pytest.mark.slow
def test_abrikosov_and_gorkov_by_another_route():
    """omega / Delta = u (1 - (alpha / Delta) / sqrt(1 - u^2)), N = Re u / sqrt(u^2 - 1), by the roots of a polynomial."""
    a, omega = 0.6, np.array([0.1, 0.9, 1.5, 4.0])
    found = density(spins(a), omega)[:, 0]
    for w, N in zip(omega / 1.5, found, strict=True):
        # (1 - u^2) (u - w)^2 = a^2 u^2
        u = np.roots(np.polymul([-1, 0, 1], [1, -2 * w, w * w]) - np.array([0, 0, a * a, 0, 0]))
        u = u[np.argmax(u.imag)]
        expected = abs(np.real(u / np.sqrt(u * u - 1 + 0j))) if u.imag > 1e-9 else 0.0
        assert expected == pytest.approx(N, abs=NEAR)


@pytest.mark.slow
def test_charges_drive_through_the_gapless_state():
    """u = s3 takes (6, 4, 7.5), nu = 1, through DOS(0) = 1.38 at Gamma = 0.5 and reopens a gap; u = 1 leaves every number."""
    lam = 0.1 * np.eye(3)

    def total(rate, u, Delta=(6.0, 4.0, 7.5)):
        return density(dressed(two_bands(lam, rate / np.pi, u, d=10.0), Delta), [0.0, 1.0, 3.0, 9.0]).sum(axis=1)

    clean = total(0.0, S["s3"])
    np.testing.assert_allclose(total(0.7, S["1"]), clean, rtol=1e-5)
    assert clean[0] < NEAR
    assert total(0.5, S["s3"])[0] == pytest.approx(1.38, abs=5e-3)
    assert total(2.0, S["s3"])[0] < 1e-3


@pytest.mark.slow
def test_a_solution_is_seen_by_tunnelling():
    solution = jg.solve(one_band(0.5 / (2 * np.pi * 0.2**2), J=0.2), 3.0)
    omega = np.array([0.0, 1.0, 2.0, 12.0])
    N = jg.observables.tunnelling_density_of_states(solution, omega, Gamma=0.05).total
    a = 0.5 / float(solution.pairing[0])
    gap = float(solution.pairing[0]) * (1 - a ** (2 / 3)) ** 1.5
    assert N[0] < 0.2
    assert gap < 2.0 < 12.0
    assert N[2] > 1.0
    assert float(N[3]) == pytest.approx(1.0, abs=0.02)
    A = jg.observables.spectral_function(solution, jnp.array([500.0]), jnp.array([1.0, 2.0]), Gamma=0.05)
    assert np.all(np.isfinite(np.asarray(jax.tree.leaves(A)[0])))
    # The self-energy on the imaginary axis is the Matsubara one.
    sc, own = solution.superconductor, solution.self_energy
    Sigma = DressedState(sc, solution.T, solution.pairing).self_energy(1j * own.omega[0])
    np.testing.assert_allclose(-jnp.imag(Sigma[0, 0]), own.W[0, 0] - own.omega[0], rtol=1e-9)
    np.testing.assert_allclose(Sigma[0, 1], own.Phi[0, 0] - solution.pairing[0], rtol=1e-9)
