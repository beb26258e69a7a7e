"""The models that people fit today, against quadrature of their formulas written here a second time, by mpmath and by SciPy."""

import itertools

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from jaxgap.fitting.empirical.andreev import andreev_conductance, polarised_conductance, reflected
from jaxgap.fitting.empirical.gap import ALPHA_BCS, reduced_gap_squared
from jaxgap.fitting.empirical.heat import condensation_energy, critical_field, entropy, specific_heat
from jaxgap.fitting.empirical.relaxation import relaxation_rate
from jaxgap.fitting.empirical.superfluid import superfluid_density
from jaxgap.fitting.empirical.tunnelling import tunnelling_conductance
from jaxgap.units import k_B

QUADRATURE = 1e-8
"""Agreement that is asked for with quadrature of the formulas."""
MANY_DIGITS = 1e-11
"""Agreement with mpmath at 20 digits: Euler and Maclaurin's formula leaves 6e-14 of ln t, which delta^2 has some times."""
ROUNDED = 0.51e-4
"""Four digits of a table."""
ENDS = 1e-10
"""What -f' has beyond the nodes of spectra, exp(-26), and what their rule leaves."""
DIFFERENCES = 1e-6
"""Central differences."""
T = np.array([0.08, 0.2, 0.35, 0.5, 0.7, 0.9, 0.99])
"""T / T_c."""
BCS = jnp.array([ALPHA_BCS])
ONE = jnp.ones(1)
TWO = jnp.array([2.1, 0.9])
SHARES = jnp.array([0.55, 0.45])


def solved(t):
    """Delta / k_B T_c of the gap equation, the cutoff taken to infinity, by mpmath."""
    mp.mp.dps = 20

    def equation(gap):
        def integrand(x):
            E = mp.sqrt(x**2 + gap**2)
            return mp.tanh(x / 2) / x - mp.tanh(E / (2 * t)) / E

        return mp.quad(integrand, [0, 0.5, 2, 8, 32, 128, 1024, mp.inf])

    return mp.findroot(equation, (1.76 * np.tanh(1.74 * np.sqrt(1 / t - 1)), 1.76), tol=1e-30)


@pytest.mark.parametrize("t", [0.12, 0.3, 0.6, 0.9, 0.995])
def test_the_gap_solves_its_equation(t):
    delta = np.sqrt(float(reduced_gap_squared(jnp.asarray(t))))
    assert delta == pytest.approx(float(solved(t) / (mp.pi * mp.exp(-mp.euler))), rel=MANY_DIGITS)


def test_limits_of_the_gap():
    """1 - sqrt(2 pi t / alpha) exp(-alpha / t) when cold; near T_c delta^2 = 8 pi^2 (1 - t) / 7 zeta(3) alpha^2."""
    assert float(reduced_gap_squared(jnp.asarray(0.0))) == pytest.approx(1.0, abs=1e-13)
    assert np.all(np.asarray(reduced_gap_squared(jnp.array([1.0, 1.3, 50.0]))) == 0.0)
    t = 0.1
    wanted = np.sqrt(2 * np.pi * t / ALPHA_BCS) * np.exp(-ALPHA_BCS / t)
    assert 1 - np.sqrt(float(reduced_gap_squared(jnp.asarray(t)))) == pytest.approx(wanted, rel=0.01)
    slope = 8 * np.pi**2 / (7 * float(mp.zeta(3)) * ALPHA_BCS**2)
    near = 1 - 1e-7
    assert float(reduced_gap_squared(jnp.asarray(near))) == pytest.approx(slope * 1e-7, rel=1e-6)
    assert float(jax.grad(reduced_gap_squared)(jnp.asarray(near))) == pytest.approx(-slope, rel=1e-6)


# B. Muehlschlegel, Z. Phys. 155, 313 (1959): Delta(T)/Delta(0) from t = .18 in steps of .02, as three public programs print it
# (at t = .68 one of them has 0.8474, the others 0.8471). Of his other columns we know no digits for sure: critical field,
# entropy and specific heat are compared with quadrature of their formulas.
TABLE = (
    "1.0000 0.9999 0.9997 0.9994 0.9989 0.9982 0.9971 0.9957 0.9938 0.9915 0.9885 0.9850 0.9809 0.9760 0.9704 0.9641 0.9569 "
    "0.9488 0.9399 0.9299 0.9190 0.9070 0.8939 0.8796 0.8640 0.8471 0.8288 0.8089 0.7874 0.7640 0.7386 0.7110 0.6810 0.6480 "
    "0.6117 0.5715 0.5263 0.4749 0.4148 0.3416 0.2436 0.0000"
)


def test_the_gap_is_that_of_muehlschlegels_table():
    printed = np.array(TABLE.split(), float)
    t = 0.18 + 0.02 * np.arange(len(printed))
    assert t[-1] == pytest.approx(1.0)
    found = np.sqrt(np.asarray(reduced_gap_squared(jnp.asarray(np.round(t, 2)))))
    assert np.max(np.abs(found - printed)) < ROUNDED


# --- heat and field -----------------------------------------------------------------------------------------------------


def scipy_gap(t):
    """delta of the other form of the gap equation, ln(1/delta) = 2 int f(E)/E, by brentq on SciPy's quadrature."""
    if t >= 1:
        return 0.0

    def equation(delta):
        a = ALPHA_BCS * delta / t
        return np.log(delta) + 2 * quad(lambda u: 1 / (np.exp(a * np.cosh(u)) + 1), 0, np.arccosh(1 + 60 / a), epsabs=1e-14)[0]

    return brentq(equation, 0.9 * np.tanh(1.6 * np.sqrt(1 / t - 1)), 1.0, xtol=1e-15, rtol=1e-14)


def scipy_entropy(t, alpha):
    """S / gamma T of one gap, as - sum f ln f + (1 - f) ln(1 - f)."""
    a = alpha * scipy_gap(t) / t

    def integrand(x):
        f = 1 / (np.exp(np.hypot(x, a)) + 1)
        return -(f * np.log(f) + (1 - f) * np.log1p(-f))

    return 6 / np.pi**2 * quad(integrand, 0, 60, epsabs=1e-14, epsrel=1e-13, limit=200)[0]


def scipy_heat(t, alpha):
    """C / gamma T of one gap: Tinkham's Eq. 3.60, with the slope of the gap by differences."""
    h = 1e-3 * min(t, 1 - t)
    up, down, up2, down2 = ((alpha * scipy_gap(t + k * h)) ** 2 for k in (1, -1, 2, -2))
    slope = (8 * (up - down) - (up2 - down2)) / (12 * h)  # d Delta^2 / dt in units of k_B T_c
    a = alpha * scipy_gap(t) / t

    def integrand(x):
        E = np.hypot(x, a)
        return (E**2 - slope / (2 * t)) / (4 * np.cosh(E / 2) ** 2)

    return 6 / np.pi**2 * quad(integrand, 0, 60, epsabs=1e-14, epsrel=1e-13, limit=200)[0]


@pytest.fixture(scope="module")
def heat():
    return jax.jit(specific_heat)


def test_entropy_and_heat_are_their_integrals(heat):
    found = np.asarray(entropy(jnp.asarray(T), TWO, SHARES)), np.asarray(heat(jnp.asarray(T), TWO, SHARES))
    for one, scipy in zip(found, (scipy_entropy, scipy_heat), strict=True):
        wanted = [sum(w * scipy(t, alpha) for w, alpha in zip(SHARES.tolist(), TWO.tolist(), strict=True)) for t in T]
        np.testing.assert_allclose(one, wanted, rtol=QUADRATURE, atol=1e-12)


def test_the_jump_of_the_heat(heat):
    below = jnp.array([1 - 1e-9, 1 + 1e-9])
    jump = 12 / (7 * float(mp.zeta(3)))
    np.testing.assert_allclose(heat(below, BCS, ONE), [1 + jump, 1.0], rtol=1e-7)
    strong = jnp.array([2.5])
    np.testing.assert_allclose(heat(below, strong, ONE)[0], 1 + jump * (2.5 / ALPHA_BCS) ** 2, rtol=1e-7)


def test_the_condensation_energy_of_bcs_theory_is_its_free_energy():
    """F_s / N = -Delta^2 (1/2 + ln(Delta(0)/Delta)) - 4 k_B T int ln(1 + exp(-E / k_B T)), F_n / N = -pi^2 (k_B T)^2 / 3."""

    def wanted(t):
        D = ALPHA_BCS * scipy_gap(t)
        thermal = 4 * t * quad(lambda x: np.log1p(np.exp(-np.hypot(x, D) / t)), 0, 60 * t, epsabs=1e-14)[0]
        return 3 / (2 * np.pi**2) * (D**2 * (0.5 + np.log(ALPHA_BCS / D)) + thermal - np.pi**2 * t**2 / 3)

    at = jnp.append(jnp.asarray(T), 0.0)
    energy = [wanted(t) for t in T] + [3 * ALPHA_BCS**2 / (4 * np.pi**2)]
    np.testing.assert_allclose(condensation_energy(at, BCS, ONE), energy, atol=1e-10)
    np.testing.assert_allclose(critical_field(at, BCS, ONE), np.sqrt(np.array(energy) / energy[-1]), atol=QUADRATURE)


def test_the_critical_field_of_the_alpha_model_is_the_integral_of_its_entropy():
    t = np.linspace(0.3, 1.0, 2001)
    missing = t * (1 - np.asarray(entropy(jnp.asarray(t), TWO, SHARES)))
    weight = np.full(2001, 2.0)
    weight[1::2], weight[[0, -1]] = 4.0, 1.0
    assert float(condensation_energy(jnp.array([0.3]), TWO, SHARES)[0]) == pytest.approx(
        missing @ weight * 0.7 / 6000, abs=1e-10
    )


def test_the_deviation_of_the_critical_field():
    """h(t) - (1 - t^2) is -0.037 at its deepest (J. Bardeen et al., Phys. Rev. 108, 1175 (1957), Fig. 2), and near T_c h is
    1.7367 (1 - t)."""
    t = jnp.linspace(0.02, 0.999, 400)
    h = np.asarray(critical_field(t, BCS, ONE))
    assert np.min(h - (1 - t**2)) == pytest.approx(-0.037, abs=5e-4)
    # Rutgers: (dH_c/dT)^2 is proportional to the jump of C.
    slope = np.sqrt(12 / (7 * float(mp.zeta(3))) / (2 * 3 * ALPHA_BCS**2 / (4 * np.pi**2)))
    assert h[-1] / 0.001 == pytest.approx(slope, rel=2e-3)


# --- response -----------------------------------------------------------------------------------------------------------


def test_the_superfluid_density_is_its_integral():
    def one(t, alpha):
        a = alpha * scipy_gap(t) / t  # E = Delta cosh u
        end = np.arccosh(1 + 60 / a)
        slope = quad(lambda u: a * np.cosh(u) / (4 * np.cosh(a * np.cosh(u) / 2) ** 2), 0, end, epsabs=1e-14, limit=200)[0]
        return 1 - 2 * slope

    wanted = [sum(w * one(t, alpha) for w, alpha in zip(SHARES.tolist(), TWO.tolist(), strict=True)) for t in T]
    np.testing.assert_allclose(superfluid_density(jnp.asarray(T), TWO, SHARES), wanted, atol=QUADRATURE)
    np.testing.assert_allclose(superfluid_density(jnp.array([0.0, 1.0, 2.0]), TWO, SHARES), [1.0, 0.0, 0.0], atol=1e-14)


KELVIN, GAPS, WEIGHTS = 4.2, jnp.array([5.0, 2.2]), jnp.array([0.3, 0.7])
V = np.array([-9.0, -5.1, -2.3, 0.0, 0.7, 2.1, 4.8, 14.0])


def smeared(of_energy, V, gap, Gamma, T=KELVIN):
    """int (-f') of_energy by SciPy, in pieces that end where the integrand is sharp."""
    kT = k_B * T
    ends = sorted({V - 40 * kT, V + 40 * kT, *(x for x in (-gap, gap, V, 0.0) if abs(x - V) < 40 * kT)})
    more = sorted({*ends, *(x for e in ends for d in (Gamma, 10 * Gamma) for x in (e - d, e + d) if ends[0] < x < ends[-1])})

    def integrand(omega):
        return of_energy(omega) / (4 * kT * np.cosh((omega - V) / (2 * kT)) ** 2)

    return sum(quad(integrand, a, b, epsabs=1e-13, limit=200)[0] for a, b in itertools.pairwise(more))


@pytest.mark.parametrize("Gamma", [0.02, 0.5])
def test_the_tunnelling_conductance_is_its_integral(Gamma):
    def dynes(gap):
        return lambda omega: abs(np.real((omega + 1j * Gamma) / np.sqrt((omega + 1j * Gamma) ** 2 - gap**2)))

    wanted = [
        sum(w * smeared(dynes(gap), v, gap, Gamma) for w, gap in zip(WEIGHTS.tolist(), GAPS.tolist(), strict=True)) for v in V
    ]
    found = tunnelling_conductance(jnp.asarray(V), jnp.asarray(KELVIN), GAPS, jnp.asarray(Gamma), WEIGHTS)
    np.testing.assert_allclose(found, wanted, atol=QUADRATURE)


def test_at_zero_temperature_the_conductance_is_the_density_of_states():
    z = V + 0.3j
    wanted = sum(w * np.abs(np.real(z / np.sqrt(z**2 - gap**2))) for w, gap in zip(WEIGHTS, GAPS, strict=True))
    found = tunnelling_conductance(jnp.asarray(V), jnp.zeros(()), GAPS, jnp.asarray(0.3), WEIGHTS)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def btk(E, gap, Gamma, Z):
    """A and B of BTK's Table II as Plecenik writes them: u_0 and v_0 of a complex energy."""
    z = abs(E) + 1j * Gamma
    u2 = (1 + np.sqrt(z**2 - gap**2) / z) / 2
    v2 = 1 - u2
    gamma = u2 + Z**2 * (u2 - v2)
    return abs(u2 * v2) / abs(gamma) ** 2, abs((u2 - v2) * (Z**2 + 1j * Z) / gamma) ** 2


@pytest.mark.parametrize(("Gamma", "Z"), [(0.02, 0.0), (0.3, 0.45), (0.1, 3.0)])
def test_the_andreev_conductance_is_its_integral(Gamma, Z):
    def conducting(gap):
        return lambda omega: (1 + Z**2) * (1 + np.subtract(*btk(omega, gap, Gamma, Z)))

    wanted = [
        sum(w * smeared(conducting(gap), v, gap, Gamma) for w, gap in zip(WEIGHTS.tolist(), GAPS.tolist(), strict=True))
        for v in V
    ]
    arguments = jnp.asarray(V), jnp.asarray(KELVIN), GAPS, jnp.asarray(Gamma), jnp.asarray(Z), WEIGHTS
    np.testing.assert_allclose(andreev_conductance(*arguments), wanted, atol=QUADRATURE)


def test_reflection_without_broadening_is_btks_table():
    """Table II of BTK has closed forms inside the gap: A = Delta^2 / [E^2 + (Delta^2 - E^2)(1 + 2 Z^2)^2], B = 1 - A."""
    E, Z = np.array([-4.9, -1.0, 0.0, 2.0, 4.5]), 0.7
    A, B = reflected(jnp.asarray(E), jnp.asarray(5.0), jnp.asarray(1e-12), jnp.asarray(Z))
    table = 25 / (E**2 + (25 - E**2) * (1 + 2 * Z**2) ** 2)
    np.testing.assert_allclose(A, table, rtol=1e-9)
    np.testing.assert_allclose(B, 1 - table, rtol=1e-9)


def test_a_polarised_metal_conducts_above_the_gap_only():
    """Mazin et al.: 4 beta (1 + Z^2) / [(1 + beta)^2 + 4 Z^2] with beta = E / sqrt(E^2 - Delta^2), nothing below Delta."""
    E, Z = np.array([-4.9, 0.0, 3.0, 5.3, 8.0, 40.0]), 0.7
    found = polarised_conductance(jnp.asarray(E), jnp.asarray(5.0), jnp.asarray(1e-12), jnp.asarray(Z))
    beta = np.array([0.0 if x < 5 else x / np.sqrt(x**2 - 25) for x in np.abs(E)])
    np.testing.assert_allclose(found, 4 * beta * (1 + Z**2) / ((1 + beta) ** 2 + 4 * Z**2), atol=1e-9)
    arguments = jnp.asarray(V), jnp.asarray(KELVIN), GAPS, jnp.asarray(0.2), jnp.asarray(Z), WEIGHTS
    whole, none, half = (np.asarray(andreev_conductance(*arguments, jnp.asarray(P))) for P in (1.0, 0.0, 0.5))
    np.testing.assert_allclose(half, (whole + none) / 2, rtol=1e-12)


def test_contacts_of_the_normal_state_have_no_structure():
    none = jnp.zeros(2)
    arguments = jnp.asarray(V), jnp.asarray(KELVIN), none, jnp.asarray(0.1)
    np.testing.assert_allclose(tunnelling_conductance(*arguments, WEIGHTS), 1.0, rtol=ENDS)
    np.testing.assert_allclose(andreev_conductance(*arguments, jnp.asarray(0.8), WEIGHTS), 1.0, rtol=ENDS)
    np.testing.assert_allclose(relaxation_rate(jnp.asarray(KELVIN), none, jnp.asarray(0.1), WEIGHTS), 1.0, rtol=ENDS)


@pytest.mark.parametrize("Gamma", [0.05, 0.4])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_the_relaxation_rate_is_its_integral(Gamma, sign):
    gaps = GAPS * jnp.array([1.0, sign])

    def rate(omega):
        z = omega + 1j * Gamma
        roots = [np.sqrt(z - gap) * np.sqrt(z + gap) for gap in gaps.tolist()]
        N = sum(w * np.real(z / root) for w, root in zip(WEIGHTS.tolist(), roots, strict=True))
        M = sum(w * np.real(gap / root) for w, gap, root in zip(WEIGHTS.tolist(), gaps.tolist(), roots, strict=True))
        return N**2 + M**2

    kT = k_B * 15.0
    cuts = [0.0, *(g + d for g in (2.2, 5.0) for d in (-10 * Gamma, -Gamma, 0, Gamma, 10 * Gamma)), 40 * kT]
    cuts = sorted(x for x in cuts if x >= 0)

    def integrand(omega):
        return rate(omega) / (4 * kT * np.cosh(omega / (2 * kT)) ** 2)

    wanted = 2 * sum(quad(integrand, a, b, epsabs=1e-13)[0] for a, b in itertools.pairwise(cuts))
    found = relaxation_rate(jnp.asarray(15.0), gaps, jnp.asarray(Gamma), WEIGHTS)
    assert float(found) == pytest.approx(wanted, abs=QUADRATURE)


@pytest.mark.slow
def test_without_weights_signs_of_two_equal_gaps_take_the_coherence_peak_away():
    """At T = .9 T_c: of one sign the rate exceeds the normal one, of opposite signs M vanishes and the rate is lower."""
    T_c, equal = 20.0, jnp.array([0.5, 0.5])
    D = ALPHA_BCS * k_B * T_c * np.sqrt(float(reduced_gap_squared(jnp.asarray(0.9))))
    rates = [float(relaxation_rate(jnp.asarray(18.0), D * jnp.array([1.0, s]), jnp.asarray(0.1), equal)) for s in (1.0, -1.0)]
    assert rates[0] > 1.5 > 1.0 > rates[1] - 0.2


# --- derivatives --------------------------------------------------------------------------------------------------------


def curves(x):
    """Every function of (T_c, alpha_1, alpha_2, weight, Gamma, Z) at some temperatures below and above T_c."""
    T_c, alpha, weights = x[0], x[1:3], jnp.stack([x[3], 1 - x[3]])
    kelvin = jnp.array([3.0, 9.0, 16.0, 25.0])
    t = kelvin / T_c
    gaps = jnp.sqrt(reduced_gap_squared(t[1])) * alpha * k_B * T_c
    volts = jnp.array([0.0, 2.0, 3.3])
    spectra = tunnelling_conductance(volts, kelvin[1], gaps, x[4], weights)
    contact = andreev_conductance(volts, kelvin[1], gaps, x[4], x[5], weights)
    rate = relaxation_rate(kelvin[1], gaps, x[4], weights)
    over_T = [f(t, alpha, weights) for f in (entropy, specific_heat, critical_field, superfluid_density)]
    return jnp.concatenate([*over_T, spectra, contact, rate[None]])


AT = jnp.array([20.0, 2.0, 0.8, 0.6, 0.3, 0.5])


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    forward = np.asarray(jax.jit(jax.jacfwd(curves))(AT))
    run = jax.jit(curves)
    for k in range(len(AT)):
        h = 1e-5 * float(AT[k])
        difference = (np.asarray(run(AT.at[k].add(h))) - np.asarray(run(AT.at[k].add(-h)))) / (2 * h)
        np.testing.assert_allclose(forward[:, k], difference, atol=DIFFERENCES)


@pytest.mark.slow
def test_both_modes_of_derivatives_agree():
    np.testing.assert_allclose(jax.jit(jax.jacrev(curves))(AT), jax.jit(jax.jacfwd(curves))(AT), atol=1e-9)
