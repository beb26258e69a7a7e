"""Heat and superfluid density of disordered states: the clean state's, closed forms, Abrikosov and Gor'kov by another route."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import S, one_band
from scipy.integrate import quad
from scipy.optimize import brentq

import jaxgap as jg
from jaxgap.observables import (
    entropy,
    normal_entropy,
    normal_specific_heat,
    relaxation_rate,
    specific_heat,
    superfluid_density,
)
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.state import GivenState
from jaxgap.units import k_B

LAM = [[0.4, 0.05, 0.03], [0.05, 0.3, 0.02], [0.03, 0.02, 0.2]]
ALMOST_CLEAN = 1e-9
weights_of, entropy_of = jax.jit(DressedState.superfluid_weights), jax.jit(DressedState.entropy)


def dressed(sc, T, pairing):
    return DressedState(sc, jnp.asarray(float(T)), jnp.asarray(pairing, float))


def test_a_dirty_superconductor_in_closed_form():
    """One band with charges at T = 0, and whose entropy does not know of them."""
    for a in (0.4, 5.0):
        sc = one_band(1.5 * a / (np.pi * 0.2**2), u=0.2)
        root = np.sqrt(abs(1 - a * a))
        expected = (np.pi / 2 - (np.arccos(a) if a < 1 else np.arccosh(a)) / root) / a
        assert float(weights_of(dressed(sc, 0.05, [1.5]))[0]) / 1000 == pytest.approx(expected, rel=3e-9)


@pytest.mark.slow
def test_charges_leave_the_entropy():
    clean = GivenState(
        jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.3]], Omega=450.0), jnp.asarray(4.0), jnp.array([1.5])
    )
    for density in (ALMOST_CLEAN, 100.0):
        found = float(entropy_of(dressed(one_band(density, u=0.2), 4.0, [1.5])))
        assert found == pytest.approx(float(clean.entropy()), rel=1e-9)
    normal = dressed(one_band(1.0, u=0.2), 4.0, [1e-9])
    assert float(entropy_of(normal)) == pytest.approx(float(normal_entropy(normal.superconductor, 4.0)), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(("mass", "accuracy"), [(1.0, 1e-8), (2.0, 2e-6)])
def test_cross_paired_bands_without_impurities(mass, accuracy):
    """That of the shell, which changes bands of unequal velocities by (Delta / Omega)^2."""
    bands = {"a": {"mu": 5000.0}, "b": {"mu": 5010.0 / mass, "mass": mass}}
    given = {"bands": bands, "lam": LAM, "cross": ["a:b"]}
    disordered = jg.superconductor(**given, interaction=jg.MatsubaraCutoff(30.0), disorder=jg.Disorder(ALMOST_CLEAN, S["s1"]))
    clean = GivenState(jg.superconductor(**given, Omega=2400.0), jnp.asarray(15.0), jnp.array([6.0, 4.0, 3.0]))
    state = dressed(disordered, 15.0, [6.0, 4.0, 3.0])
    np.testing.assert_allclose(weights_of(state), clean.superfluid_weights(), rtol=accuracy)
    assert float(entropy_of(state)) == pytest.approx(float(clean.entropy()), rel=1e-9)


def gorkov(T_c0, alpha):
    """Delta(T) and S(T) / S_n of spins, by sums over frequencies and the density of states of u = omega~ / Delta~."""

    def u_of(omega, Delta):  # At a Matsubara frequency: omega / Delta = u (1 - (alpha / Delta) / sqrt(1 + u^2)).
        return brentq(lambda u: u * (1 - alpha / Delta / np.sqrt(1 + u * u)) - omega / Delta, 0, (omega + alpha) / Delta + 1)

    def gap(T):
        omega = np.pi * k_B * T * (2 * np.arange(4000) + 1)

        def off(Delta):
            terms = [1 / np.sqrt(1 + u_of(w, Delta) ** 2) / Delta - 1 / w for w in omega[:400]]
            far = omega[400:]
            rest = np.sum(-alpha / far**2 + (alpha**2 - Delta**2 / 2) / far**3)
            return np.log(T / T_c0) - 2 * np.pi * k_B * T * (np.sum(terms) + rest)

        return brentq(off, 1e-3, 5.0, xtol=1e-9)

    def density(E, Delta):
        u = np.roots(
            np.polymul([-1, 0, 1], [1, -2 * E / Delta, (E / Delta) ** 2]) - np.array([0, 0, (alpha / Delta) ** 2, 0, 0])
        )
        u = u[np.argmax(u.imag)]
        return abs(np.real(u / np.sqrt(u * u - 1 + 0j))) if u.imag > 1e-9 else 0.0

    def entropy(T):
        Delta = gap(T)

        def integrand(x):
            return (density(x * k_B * T, Delta) - 1) * (np.log1p(np.exp(-x)) + x / (np.exp(x) + 1))

        edge = Delta * (1 - (alpha / Delta) ** (2 / 3)) ** 1.5 / (k_B * T) if alpha < Delta else 0.0
        return 1 + 6 / np.pi**2 * quad(integrand, 0, 40, points=[edge, Delta / (k_B * T)], limit=400)[0]

    return gap, entropy


@pytest.mark.slow
def test_spins_by_another_route():
    """Order parameter, entropy and heat at 4 K where alpha / 2 pi k_B T_c0 = 0.05; with a cutoff of 400 T_c."""
    omega_c, T, lam = 300.0, 4.0, 0.16
    clean = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=lam, interaction=jg.MatsubaraCutoff(omega_c))
    T_c0 = float(jg.critical_temperature(clean))
    alpha = 0.05 * 2 * np.pi * k_B * T_c0
    sc = one_band(alpha / (2 * np.pi * 0.2**2), J=0.2, omega_c=omega_c, lam=lam)
    gap, entropy_ratio = gorkov(T_c0, alpha)
    state = jg.solve(sc, T)
    assert float(state.pairing[0]) == pytest.approx(gap(T), rel=5e-3)
    assert float(entropy(state)) / float(normal_entropy(sc, T)) == pytest.approx(entropy_ratio(T), rel=5e-3)
    h = 0.05
    heat = ((T + h) * entropy_ratio(T + h) - (T - h) * entropy_ratio(T - h)) / (2 * h)
    assert float(specific_heat(state)) / float(normal_specific_heat(sc, T)) == pytest.approx(heat, rel=5e-3)


@pytest.mark.slow
def test_a_solution_is_seen_by_every_experiment():
    """Charges leave nuclear relaxation and heat of one band, and take from its superfluid density."""
    few, many = (jg.solve(one_band(n, u=0.2), 5.0) for n in (ALMOST_CLEAN, 10.0))
    assert float(relaxation_rate(many, Gamma=0.1)) == pytest.approx(float(relaxation_rate(few, Gamma=0.1)), rel=1e-2)
    assert float(specific_heat(many)) == pytest.approx(float(specific_heat(few)), rel=1e-7)
    assert float(superfluid_density(many).total) < 0.9 * float(superfluid_density(few).total)
