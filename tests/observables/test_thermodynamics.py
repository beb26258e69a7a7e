"""Entropy, specific heat, critical field and latent heat: textbook numbers, and two routes to the same quantity."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band, problem, random_system, relative_error, system

from jaxgap import InputError, Rule, critical_temperature, solve, transition
from jaxgap.equations.entropy import entropy_of
from jaxgap.equations.free_energy import free_energy_functional, free_energy_of
from jaxgap.observables import (
    condensation_energy,
    critical_field,
    entropy,
    latent_heat,
    molar,
    normal_entropy,
    normal_specific_heat,
    sommerfeld_coefficient,
    specific_heat,
    specific_heat_jump,
    states_per_volume,
)
from jaxgap.observables.quantities import QUANTITIES
from jaxgap.spectra import pair as spectrum
from jaxgap.units import hbar2_over_2m_e, k_B

WEAK_COUPLING_JUMP = 1.4261275
"""12 / 7 zeta(3)."""
WEAK = 1e-4
"""What lambda = .18 leaves of it (6e-5): corrections are of order (T_c / Omega)^2."""
PUBLISHED = 6e-5
"""The numbers of Kogan, Martin, Prozorov, PRB 80, 014507 (2009), are computed to four digits here."""
TWO_ROUTES = 1e-10
"""Entropy from occupations against -dF/dT, relative to the normal state's: both are quadratures with fine rules."""
DIFFERENCES = 1e-6
"""Central differences with steps of 1e-4 to 1e-3 of the value."""
EXACT = 1e-12
"""Two formulas for one number."""


@pytest.fixture(scope="module")
def sc():
    """Two cross-paired bands at a distance, symmetric g; T_c = 82.7 K."""
    return random_system(1, symmetric=True)


@pytest.fixture(scope="module")
def state(sc):
    return solve(sc, 40.0)


# === the spectrum's part


def test_the_entropy_of_two_branches_is_that_of_their_occupations():
    """Also where the branches touch, and next to the gapless state."""
    D = np.array([4.0, 3.0, 2.0])
    for z1, z2, amplitudes in ((1.0, 3.0, D), (2.0, 2.0, D * [1, 1, 0] + [0, 1, 0]), (0.3, -0.2, [2.0, 3.0, np.sqrt(6.0)])):
        arguments = [jnp.asarray(float(x)) for x in (z1, z2, *amplitudes)]
        for kT in (0.2, 3.0):
            f = [1 / (np.exp(float(E) / kT) + 1) for E in spectrum.energies(*arguments)]
            wanted = -2 * sum(x * np.log(x) + (1 - x) * np.log1p(-x) for x in f)
            found = spectrum.entropy_sum(spectrum.branches(*arguments), jnp.asarray(kT))
            assert relative_error(found, wanted) < EXACT


# === entropy


@pytest.mark.slow
def test_entropy_is_the_slope_of_the_free_energy(sc, state):
    """-dF/dT at fixed amplitudes (which are stationary) is S - S_n; S comes from occupations over whole bands."""
    slope = jax.jit(jax.grad(lambda T: free_energy_functional(sc, state.Delta.real, T, Rule(160, 120))))(state.T)
    S, S_n = entropy(state), normal_entropy(sc, state.T)
    assert abs(float(S - S_n + slope)) < TWO_ROUTES * float(S_n)
    assert float(S) < float(S_n)


@pytest.mark.slow
@pytest.mark.parametrize("t", [0.1, 0.3, 0.9])
def test_entropy_is_the_slope_of_the_free_energy_of_the_solution(sc, t):
    """The total derivative, through the solution, and the default rules."""
    T = t * float(critical_temperature(sc))

    def F(T):
        solution = solve(sc, T)
        return free_energy_of(sc, solution.Delta, solution.T, Rule(160, 120))

    S_n = float(normal_entropy(sc, T))
    assert abs(float(entropy(solve(sc, T))) - S_n + float(jax.grad(F)(T))) < TWO_ROUTES * S_n


@pytest.mark.slow
def test_small_entropies_keep_their_digits(sc):
    """2 % of T_c: e^-E/kT is 1e-38 there, and still a sum of positive numbers; against a finer rule."""
    cold = solve(sc, 1.65)
    fine = entropy_of(sc, cold.Delta, cold.T, Rule(300, 200))
    assert 0 < float(fine) < 1e-12
    assert relative_error(entropy(cold), fine) < 1e-8


def test_the_normal_state_is_sommerfelds(sc):
    """S_n = C_n = (2 pi^2 / 3) k_B^2 T sum N_i where k_B T is far below the band edges."""
    wanted = 2 * np.pi**2 / 3 * k_B**2 * 20.0 * float(jnp.sum(sc.N[:2]))
    assert relative_error(normal_entropy(sc, 20.0), wanted) < EXACT
    assert relative_error(normal_specific_heat(sc, 20.0), wanted) < 1e-9


@pytest.mark.slow
def test_states_outside_the_shell_are_counted():
    """Above T_c the state's entropy is the normal state's, although k_B T reaches beyond the shell (and the band's edge)."""
    narrow = one_band(0.3, Omega=10.0, mu=30.0, dimension=3)
    hot = solve(narrow, 60.0)
    assert relative_error(entropy(hot), normal_entropy(narrow, 60.0)) < EXACT
    assert relative_error(specific_heat(hot), normal_specific_heat(narrow, 60.0)) < 1e-9


# === specific heat


@pytest.mark.slow
def test_specific_heat_is_the_slope_of_the_entropy(sc, state):
    h = 0.02
    above, below = (float(entropy(solve(sc, 40.0 + s * h))) for s in (1, -1))
    assert relative_error(specific_heat(state), 40.0 * (above - below) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_specific_heat_differentiates_through_the_solution(sc):
    def C(x):
        return specific_heat(solve(sc.set({"lam[a, a:b]": x}), 40.0))

    x, h = float(sc.get("lam[a, a:b]")), 1e-4
    assert relative_error(jax.grad(C)(x), (float(C(x + h)) - float(C(x - h))) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_without_a_free_energy_there_is_still_a_specific_heat():
    """ba122's s+- state: entropy and heat of the occupations, but no condensation energy."""
    case = problem("s+- branch, T=1.0")
    state = solve(case.system, 20.0, branch="s+-")
    h = 0.01
    above, below = (float(entropy(solve(case.system, 20.0 + s * h, branch="s+-"))) for s in (1, -1))
    assert relative_error(specific_heat(state), 20.0 * (above - below) / (2 * h)) < DIFFERENCES
    with pytest.raises(InputError, match="no free energy"):
        condensation_energy(state)


# === the jump


def kogan(n, nu, share=1.0):
    """Two bands with densities n and interactions nu_11, nu_22, nu_12 as Kogan, Martin and Prozorov print them."""
    lam = share * np.array([[n[0] * nu[0], n[1] * nu[2]], [n[0] * nu[2], n[1] * nu[1]]])
    return system(lam, [200.0, 200.0], n, cross=())


def test_the_jump_of_one_band_is_the_textbooks():
    assert float(specific_heat_jump(one_band(0.18))) == pytest.approx(WEAK_COUPLING_JUMP, abs=WEAK)


@pytest.mark.slow
def test_two_bands_in_weak_coupling():
    """Gaps and jump of the MgB2 set, and the full jump for equal row sums, where the gaps are equal."""
    mgb2 = kogan((0.44, 0.56), (0.23, 0.08, 0.06))
    T_c = float(critical_temperature(mgb2))
    np.testing.assert_allclose(np.abs(solve(mgb2, 0.0).Delta) / (k_B * T_c), [2.0477, 0.8142], atol=PUBLISHED)
    assert float(specific_heat_jump(mgb2)) == pytest.approx(0.8583, abs=PUBLISHED)
    equal = kogan((0.4, 0.6), (0.5, 0.36666666666666664, 0.1), share=0.18 / 0.26)
    assert relative_error(specific_heat_jump(equal), specific_heat_jump(one_band(0.18))) < 1e-9


@pytest.mark.slow
def test_the_jump_is_the_limit_of_the_specific_heat(sc):
    """C below T_c, extrapolated linearly to it; and its derivative by differences."""
    T_c = float(critical_temperature(sc))
    near = [float(specific_heat(solve(sc, t * T_c)) / normal_specific_heat(sc, t * T_c)) - 1 for t in (0.999, 0.998)]
    assert float(specific_heat_jump(sc)) == pytest.approx(2 * near[0] - near[1], abs=1e-5)

    def jump(x):
        return specific_heat_jump(sc.set({"lam[a, b]": x}))

    # The jump is good to 1e-9: steps this long need an extrapolation.
    x, h = float(sc.get("lam[a, b]")), 1e-3
    one, two = ((float(jump(x + s)) - float(jump(x - s))) / (2 * s) for s in (h, 2 * h))
    assert relative_error(jax.grad(jump)(x), (4 * one - two) / 3) < DIFFERENCES


@pytest.mark.slow
def test_areas_balance(sc):
    """S(T_c) = S_n(T_c), and F_n - F at T = 0 is the area between the entropies."""
    T_c = float(critical_temperature(sc))
    u, w = np.polynomial.legendre.leggauss(24)
    T = T_c * (u + 1) / 2
    lost = [float(normal_entropy(sc, t) - entropy(solve(sc, t))) for t in T]
    assert relative_error(T_c / 2 * w @ lost, condensation_energy(solve(sc, 0.0))) < 1e-6


# === first order


@pytest.mark.slow
def test_latent_heat_is_the_kink_of_the_free_energy():
    """Pure cross pairing at a distance (Sarma, Clogston): L = T dF/dT at the transition, from differences of F."""
    lam = np.diag([0.0, 0.0, 0.12])
    sc = system(lam, [200.0, 200.0 + 1.3 * 60.0 / np.sinh(1 / 0.24)], Omega=60.0)
    event = transition(sc).event
    T, h = float(event.value()), 1e-3
    F = [float(free_energy_of(sc, solve(sc, T + s * h, start=event.Delta).Delta, jnp.asarray(T + s * h))) for s in (1, -1)]
    assert relative_error(latent_heat(event), T * (F[0] - F[1]) / (2 * h)) < 1e-5
    assert np.isnan(float(specific_heat_jump(sc)))


# === absolute units


def test_the_critical_field_in_weak_coupling():
    """H_c(0)^2 / 2 mu_0 = N(0) Delta^2 / 2 per volume, with N(0) = m_e / 2 pi hbar^2 c for unit mass, here in SI units."""
    sc = one_band(0.18)
    state = solve(sc, 0.0)
    e, hbar, m_e, mu_0, c = 1.602176634e-19, 1.054571817646156e-34, 9.1093837015e-31, 1.25663706212e-6, 6e-10
    N = m_e / (2 * np.pi * hbar**2 * c)
    Delta = float(np.abs(state.Delta[0])) * 1e-3 * e
    # Corrections are of order Delta / Omega (shell) squared: 6e-5.
    assert float(critical_field(state, 6.0)) == pytest.approx(np.sqrt(mu_0 * N) * Delta, rel=1e-4)
    per_meV = N * 1e-3 * e * 1e-30
    assert relative_error(states_per_volume(sc, 6.0), per_meV) < 1e-9
    # 2.35715 mJ/(mol K^2) for one state per eV and formula unit, of both spins.
    gamma = sommerfeld_coefficient(sc, 50.0, 6.0)
    assert float(gamma) == pytest.approx(2.35715 * 2 * per_meV * 50.0 * 1e3, rel=1e-5)
    assert relative_error(molar(normal_specific_heat(sc, 2.0) / 2.0, sc, 50.0, 6.0), gamma) < 1e-9


def test_three_dimensions_need_no_layers():
    """N(0) = m k_F / 2 pi^2 hbar^2 per spin and volume, k_F = sqrt(kappa_F / (hbar^2 / 2 m_e))."""
    sc = one_band(0.3, mu=200.0, mass=1.3, dimension=3)
    k_F = np.sqrt(260.0 / hbar2_over_2m_e)
    assert relative_error(states_per_volume(sc) * sc.N[0], 1.3 * k_F / (4 * np.pi**2 * hbar2_over_2m_e)) < EXACT
    with pytest.raises(InputError, match="Argument `layer_spacing` must not be given"):
        states_per_volume(sc, 6.0)
    for wrong in ({"layer_spacing": None}, {"layer_spacing": -1.0}):
        with pytest.raises(InputError, match="layer_spacing"):
            states_per_volume(one_band(), **wrong)
    with pytest.raises(InputError, match="Argument `formula_volume` must be positive"):
        molar(1.0, one_band(), 0.0, 6.0)
    with pytest.raises(InputError, match="Argument `T` must"):
        normal_entropy(one_band(), -1.0)


def test_condensation_energy_of_one_band_in_weak_coupling():
    """U(0) / gamma_n T_c^2 = (3 / 4 pi^2) (Delta / k_B T_c)^2 = 0.2364, less the normal state's gamma_n T^2 / 2 (the rest
    is e^-88)."""
    sc = one_band(lam=0.18)
    T_c = float(critical_temperature(sc))
    s = solve(sc, 0.02 * T_c)
    found = QUANTITIES["condensation_energy"].reading(sc, s.T, s, {}, {"gamma_n": 5.0}, {})
    wanted = 3 / (4 * np.pi**2) * (np.pi / np.exp(np.euler_gamma)) ** 2 - 0.02**2 / 2
    assert found / (5.0 * T_c**2) == pytest.approx(wanted, rel=WEAK)
