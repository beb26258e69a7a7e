"""T_c of disordered systems in closed form: Abrikosov and Gor'kov, Anderson, which pairs which impurities break."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import EFREMOV, S, one_band, two_bands
from problems import relative_error
from scipy.optimize import brentq
from scipy.special import digamma

import jaxgap as jg
from jaxgap.selfenergy.frequencies import settled
from jaxgap.selfenergy.impurities import opened
from jaxgap.selfenergy.leading import leading
from jaxgap.selfenergy.onset import linearised
from jaxgap.selfenergy.pair_breaking import pair_map, pair_sum, relaxation
from jaxgap.units import k_B

CASES = json.loads((Path(__file__).parents[1] / "reference" / "disorder.json").read_text())["cases"]
LAW, TABLE = CASES[0], CASES[1]
FAR = 0.04
"""A coupling so weak that omega_c / k_B T_c0 = 10^11, and corrections to the law 10^-11."""
EXACT = 1e-13
"""Rounding of T_c: Newton ends at 1e-14."""
PRINTED = 2e-4
"""The page prints four digits."""


def law(a):
    """T_c / T_c0 of Abrikosov and Gor'kov at a = alpha / 2 pi k_B T_c0."""
    return brentq(lambda t: np.log(t) + digamma(0.5 + a / t) - digamma(0.5), 1e-9, 1, xtol=1e-15)


def ratio(make, a, alpha_of_one):
    """T_c / T_c0 at a density that makes alpha = a 2 pi k_B T_c0."""
    T_c0 = float(jg.critical_temperature(make(0.0)))
    return float(jg.critical_temperature(make(a * 2 * np.pi * k_B * T_c0 / alpha_of_one))) / T_c0


@pytest.mark.parametrize(("B", "x"), [(0.3, 3.4), (2.0, 40.7), (100.0, 1e6), (0.01 + 3j, 1e11)])
def test_the_sum_is_a_difference_of_digammas(B, x):
    M = np.floor(x)
    exact = digamma(M + 0.5 + B) - digamma(0.5 + B) + (x - M) / (M + 0.5 + B)
    assert abs(pair_sum(jnp.array([[B + 0j]]), jnp.asarray(x))[0, 0] / exact - 1) < 1e-14


def test_the_sum_of_a_matrix_without_a_basis_of_eigenvectors():
    B, x = np.array([[0.7, 1.0], [0.0, 0.7]]), 30.0
    found = pair_sum(jnp.asarray(B + 0j), jnp.asarray(x))
    direct = sum(np.linalg.inv((m + 0.5) * np.eye(2) + B) for m in range(30))
    np.testing.assert_allclose(found, direct, rtol=1e-13)


@pytest.mark.parametrize("a", [case["alpha_over_2piTc0"] for case in LAW["values"]])
def test_the_law_of_abrikosov_and_gorkov(a):
    found = ratio(lambda n: one_band(n, J=1.0, lam=FAR, mass=1.3), a, 2 * np.pi * 1.3)
    assert abs(found - law(a)) < 1e-10
    printed = {case["alpha_over_2piTc0"]: case["T_over_Tc0"] for case in LAW["values"]}
    assert abs(found - printed[a]) < 1e-10


def test_a_finite_cutoff_raises_it():
    """The page's .9024 at omega_c / k_B T_c0 = 48, by alpha / omega_c relative."""
    lam = 1 / (digamma(48 / (2 * np.pi) + 0.5) - digamma(0.5))
    found = ratio(lambda n: one_band(n, J=1.0, lam=lam), 0.02, 2 * np.pi)
    assert abs(found - 0.9024) < 5e-4
    assert found > law(0.02)


@pytest.mark.slow
@pytest.mark.parametrize("x", [0.3, 1.0, 2.5])
def test_spins_of_any_strength(x):
    alpha = 2 / np.pi * x**2 / (1 + x**2) ** 2
    found = ratio(lambda n: one_band(n, J=x / np.pi, kind="T-matrix", lam=FAR), 0.05, alpha)
    assert abs(found - law(0.05)) < 1e-10


@pytest.mark.slow
def test_weak_spins_and_potentials_are_borns():
    """Its first correction is 2 x^2."""
    u, J = 1e-4 * np.array([[0.5, 0.8], [0.8, -0.3]]), 1e-4 * np.array([[0.3, 0.1], [0.1, 0.6]])
    lam, n = [[0.3, 0.05, 0.03], [0.05, 0.25, 0.02], [0.03, 0.02, 0.2]], 0.1 / (np.pi * 1e-8)
    born, t = (float(jg.critical_temperature(two_bands(lam, n, u, J, d=3.0, kind=kind))) for kind in ("Born", "T-matrix"))
    clean = float(jg.critical_temperature(two_bands(lam, 0.0, u, J, d=3.0)))
    assert abs(born - clean) > 0.1
    # Of x = pi N u = 3e-4, the level shift -n u x^2 of strong potentials is 1e-8 of the rates.
    assert abs(t - born) < 1e-3 * abs(born - clean)


@pytest.mark.parametrize("state", ["s++", "s+-", "cross"])
def test_which_pairs_which_impurities_break(state):
    """The table of alpha / pi n v^2: 0 or 2; in two cases the immune partner takes over."""
    case = TABLE["values"][state]
    interaction = jg.MatsubaraCutoff(TABLE["omega_c"])

    def T_c(n, u=None, J=None):
        return float(jg.critical_temperature(two_bands(case["lam"], n, u, J, interaction=interaction)))

    T_c0 = T_c(0.0, S["1"])
    assert relative_error(T_c0, case["T_c0"]) < 1e-12
    n = 0.05 * 2 * k_B * T_c0
    for leaf in ("u", "J"):
        for name, matrix in S.items():
            assert abs(T_c(n, **{leaf: matrix}) / T_c0 - case[f"{leaf}={name}"]) < 1e-12, (leaf, name)


@pytest.mark.slow
@pytest.mark.parametrize("d", [0.0, 7.0])
def test_equal_potentials_are_harmless_at_every_distance(d):
    lam = [[0.3, 0.05, 0.03], [0.05, 0.25, 0.02], [0.03, 0.02, 0.2]]
    clean, dirty = (float(jg.critical_temperature(two_bands(lam, n, S["1"], d=d))) for n in (0.0, 30.0))
    assert relative_error(dirty, clean) < EXACT


@pytest.mark.parametrize("kind", ["Born", "T-matrix"])
def test_one_band_obeys_anderson(kind):
    clean, dirty = (float(jg.critical_temperature(one_band(n, u=0.7, kind=kind))) for n in (0.0, 10.0))
    assert relative_error(dirty, clean) < EXACT


@pytest.mark.slow
def test_interband_scattering_turns_s_plus_minus_into_s_plus_plus():
    found = [float(jg.critical_temperature(two_bands(EFREMOV, G / np.pi, S["s1"]))) for G in (0.0, 10.0, 1e4)]
    np.testing.assert_allclose(found, [56.09, 14.56, 7.23], rtol=4e-4)
    limit = 2 * np.exp(np.euler_gamma) / np.pi * 30.0 / k_B * np.exp(-1 / 0.25)
    assert relative_error(float(jg.critical_temperature(two_bands(EFREMOV, 1e8, S["s1"]))), limit) < 1e-2


def test_interband_scattering_narrows_the_distance():
    lam = np.diag([0.0, 0.0, 0.2])
    rates = {0.0: 28.47, 1.0: 29.13, 5.0: 30.24, 100.0: 31.53}
    found = [float(jg.critical_temperature(two_bands(lam, G / np.pi, S["s1"], d=4.0))) for G in rates]
    np.testing.assert_allclose(found, list(rates.values()), rtol=PRINTED)
    assert found[-1] < float(jg.critical_temperature(two_bands(lam, 0.0, S["s1"])))


def test_the_matrix_is_the_pages():
    """A = (pi n N / 2)(ad_u^2 + anti_J^2) - (i / 2) ad_mu of equal masses."""
    u, J, n = np.array([[0.5, 0.8], [0.8, -0.3]]), np.array([[0.3, 0.1], [0.1, 0.6]]), 0.7
    A, D = relaxation(two_bands(np.zeros((3, 3)), n, u, J, d=3.0))
    one = np.eye(2)

    def bracket(M, sign):
        return np.kron(M, one) + sign * np.kron(one, M.T)

    expected = np.pi * n / 2 * (bracket(u, -1) @ bracket(u, -1) + bracket(J, 1) @ bracket(J, 1))
    expected = expected - 0.5j * bracket(np.diag([0.0, 3.0]), -1)
    np.testing.assert_allclose(A, expected, atol=1e-13)
    np.testing.assert_array_equal(D, 2.0)


HARD = {
    "equal masses": {"u": [[0.8, 0.3], [0.3, -0.5]], "J": [[0.1, 0.05], [0.05, 0.2]], "d": 6.0},
    "different masses": {"u": [[0.8, 0.3], [0.3, -0.5]], "J": [[0.1, 0.05], [0.05, 0.2]], "d": 6.0, "masses": (1.0, 0.6)},
    "T-matrix": {"u": [[0.8, 0.3], [0.3, -0.5]], "J": [[0.1, 0.05], [0.05, 0.2]], "d": 6.0, "kind": "T-matrix"},
}
HARD_LAM = [[0.4, 0.05, 0.03], [0.05, 0.3, 0.02], [0.03, 0.02, 0.2]]
HARD_ONE = two_bands(HARD_LAM, 0.6, **HARD["equal masses"])


@pytest.mark.slow
@pytest.mark.parametrize("name", HARD)
def test_it_agrees_with_the_self_consistent_equations(name):
    sc = two_bands(HARD_LAM, 0.6, **HARD[name])
    T_c = jg.critical_temperature(sc)
    M = jax.jit(linearised)(opened(settled(sc, T_c)), T_c)
    assert abs(leading(M).value - 1) < 1e-9
    assert abs(leading(pair_map(sc, T_c)).value - 1) < 1e-12


@pytest.mark.slow
def test_derivatives_by_finite_differences():
    sc = HARD_ONE
    slope = jax.grad(jg.critical_temperature)(sc)
    for path in (*(p for p in sc.paths if p.startswith("disorder")), "mu[b]", "mass[b]", "lam[a, a:b]", "omega_c"):
        x, h = float(sc.get(path)), {"mu[b]": 1e-3, "omega_c": 1e-3, "mass[b]": 2e-6}.get(path, 1e-4)
        up, down = (float(jg.critical_temperature(sc.set({path: x + s * h}))) for s in (1, -1))
        assert float(slope.get(path)) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-6), path


@pytest.mark.slow
def test_the_second_derivative():
    def slope(n):
        return jax.grad(lambda n: jg.critical_temperature(HARD_ONE.set({"disorder.density": n})))(n)

    near = [float(slope(n)) for n in (0.599, 0.601)]
    assert float(jax.grad(slope)(0.6)) == pytest.approx((near[1] - near[0]) / 0.002, rel=1e-5)


@pytest.mark.slow
def test_two_kinds_add_and_strong_disorder_leaves_no_superconductivity():
    def of(*densities):
        bands = {"a": {"mu": 500.0}}
        disorder = [jg.Disorder(n, J=J) for n, J in zip(densities, (0.1, 0.3), strict=True)]
        return jg.superconductor(bands=bands, lam=0.3, interaction=jg.MatsubaraCutoff(30.0), disorder=disorder)

    one, other = (float(jg.critical_temperature(of(*n))) for n in ((0.9, 0.1), (0.0, 0.2)))
    assert relative_error(one, other) < EXACT
    assert float(jg.critical_temperature(one_band(5.0, J=1.0))) == 0.0
