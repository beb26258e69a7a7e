"""McMillan, Allen and Dynes, the moments of alpha^2F and reading it: published numbers, closed forms, and bad files."""

import matplotlib as mpl

mpl.use("agg")

import itertools

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import relative_error, scaled_error
from scipy import integrate, optimize

from jaxgap.numerics.checks import InputError
from jaxgap.origins import (
    allen_dynes,
    eliashberg_function,
    mcmillan,
    moments,
    plot_regimes,
    plot_temperature_derivative,
    strong_coupling,
    temperature_derivative,
    temperature_of,
)
from jaxgap.units import k_B

QUADRATURE = 1e-12
"""Gauss nodes between points whose frequencies differ by less than tenfold."""
FINITE_DIFFERENCES = 1e-6
"""Central differences with a step of 1e-5."""
ROUNDING = 1e-13


# === formulas


@pytest.mark.parametrize(
    ("T_c", "wanted", "digits"),
    [
        (lambda: mcmillan(0.75, 0.094, 1050 * k_B), 37.06, 0.005),
        (lambda: allen_dynes(3.0, 0.1, 327 * k_B, 457.8 * k_B), 81.854, 0.0005),
        (lambda: allen_dynes(0.8713463, 0.16, 61.479024), 26.4008, 0.00005),
    ],
    ids=["McMillan", "Allen-Dynes with f1 f2", "Allen-Dynes without"],
)
def test_published_numbers(T_c, wanted, digits):
    """Computed T_c of published inputs, to the digits printed."""
    assert abs(float(T_c()) - wanted) < digits


def test_f1_and_f2_by_hand():
    lam, mu_star, ratio = 2.0, 0.13, 1.3
    f_1 = (1 + (lam / (2.46 * (1 + 3.8 * mu_star))) ** 1.5) ** (1 / 3)
    Lambda_2 = 1.82 * (1 + 6.3 * mu_star) * ratio
    f_2 = 1 + (ratio - 1) * lam**2 / (lam**2 + Lambda_2**2)
    got = allen_dynes(lam, mu_star, 20.0, 26.0) / allen_dynes(lam, mu_star, 20.0)
    assert relative_error(got, f_1 * f_2) < ROUNDING


def test_mcmillan_and_allen_dynes_are_one_exponential():
    assert relative_error(mcmillan(0.8, 0.1, 1.45 * 30), 1.2 * allen_dynes(0.8, 0.1, 30.0)) < ROUNDING


def test_weak_coupling_has_no_correction():
    """f_1 - 1 is (lambda/Lambda_1)^(3/2) / 3, and f_2 - 1 of order lambda^2."""
    ratio = float(allen_dynes(0.05, 0.0, 30.0, 40.0) / allen_dynes(0.05, 0.0, 30.0))
    f_2 = 1 + (4 / 3 - 1) * 0.05**2 / (0.05**2 + (1.82 * 4 / 3) ** 2)
    assert abs(ratio - f_2 - (0.05 / 2.46) ** 1.5 / 3) < 1e-6


def test_strong_coupling():
    """Allen and Dynes' fit tends to exp(-1.04) / (1.2 sqrt(2.46)) = .1878 omega_2 sqrt(lambda), 3 % above the exact .1827."""
    lam = 1e8
    ratio = float(allen_dynes(lam, 0.0, 20.0, 30.0) / strong_coupling(lam, 30.0))
    assert abs(ratio * 0.1827 - np.exp(-1.04) / (1.2 * np.sqrt(2.46))) < 1e-6
    assert abs(ratio - 1) < 0.03
    assert relative_error(strong_coupling(4.0, 30.0), 2 * 0.1827 * 30 / k_B) < ROUNDING


def test_the_mcmillan_limit_is_not_one():
    """At fixed lambda omega^2 McMillan's T_c is largest at lambda = 2.08 (mu* = 0); Allen and Dynes' grows on."""
    at = optimize.minimize_scalar(lambda lam: -float(allen_dynes(lam, 0.0, 1 / np.sqrt(lam))), bounds=(1, 4), method="bounded")
    assert abs(at.x - 2.08) < 1e-3  # d/dlambda of -ln(lambda)/2 - 1.04/lambda
    lam = np.geomspace(0.3, 1e3, 60)
    assert np.all(np.diff(allen_dynes(lam, 0.0, 1 / np.sqrt(lam), 1 / np.sqrt(lam))) > 0)


def test_repulsion_wins():
    """No superconductivity, and no NaN in its derivative, at lambda <= mu* (1 + .62 lambda)."""
    for lam in (0.0, 0.1, 0.13):
        assert float(allen_dynes(lam, 0.13, 30.0, 40.0)) == 0
        slope = jax.grad(lambda x: allen_dynes(x, 0.13, 30.0, 40.0))(lam)
        assert float(slope) == 0
    assert float(mcmillan(0.2, 0.13, 30.0)) > 0


@pytest.mark.parametrize("argument", range(4))
def test_derivatives_of_allen_dynes(argument):
    at = [1.3, 0.12, 25.0, 33.0]
    h = 1e-5 * at[argument]
    plus, minus = (float(allen_dynes(*(x + s * h * (i == argument) for i, x in enumerate(at)))) for s in (1, -1))
    slope = jax.grad(allen_dynes, argnums=argument)(*at)
    assert relative_error(slope, (plus - minus) / (2 * h)) < FINITE_DIFFERENCES


# === moments


def spectrum(omega):
    """Two groups of phonons [meV]; zero at omega = 0."""
    return 0.3 * np.exp(-(((omega - 25) / 8) ** 2)) + 0.8 * np.exp(-(((omega - 70) / 6) ** 2)) - 0.3 * np.exp(-((25 / 8) ** 2))


def table(points=61, start=0.0):
    omega = np.linspace(start, 95.0, points)
    alpha2F = np.maximum(spectrum(omega), 0.0)
    alpha2F[0] = 0.0 if start == 0 else alpha2F[0]
    return omega, alpha2F


@pytest.mark.parametrize("start", [0.0, 4.0])
def test_moments_against_scipy(start):
    """Of the function that is linear between the points, piece by piece."""
    omega, alpha2F = table(20, start)

    def integral(weight):
        pieces = itertools.pairwise(omega)
        f = lambda x: np.interp(x, omega, alpha2F) * weight(x)  # noqa: E731
        return 2 * sum(integrate.quad(f, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pieces)

    lam = integral(lambda x: 1 / x)
    wanted = lam, np.exp(integral(lambda x: np.log(x) / x) / lam), np.sqrt(integral(lambda x: x) / lam)
    assert relative_error(moments(eliashberg_function(omega, alpha2F)), wanted) < QUADRATURE


def test_moments_of_a_line_from_zero():
    """alpha^2F = c omega up to omega_D: lambda = 2 c omega_D, omega_log = omega_D / e, omega_2 = omega_D / sqrt(3)."""
    got = moments(eliashberg_function([0.0, 40.0], [0.0, 0.5]))
    assert relative_error(got, [1.0, 40 / np.e, 40 / np.sqrt(3)]) < QUADRATURE


def test_moments_of_one_phonon():
    """A narrow peak: both averages are its frequency."""
    got = moments(eliashberg_function([30.0, 30.001, 30.002], [0.0, 1e4, 0.0]))
    assert relative_error(got, [2 * 1e4 * 0.001 / 30.001, 30.001, 30.001]) < 1e-9


def test_units_of_frequency():
    omega, alpha2F = table()
    wanted = moments(eliashberg_function(omega, alpha2F))
    units = {"THz": 4.135667696923859, "Ry": 13605.693122994, "Ha": 27211.386245988, "eV": 1e3, "cm-1": 0.12398419843320026}
    for unit, meV in (units | {"K": 0.08617333262145177}).items():
        assert relative_error(moments(eliashberg_function(omega / meV, alpha2F, unit)), wanted) < QUADRATURE


# === which phonons matter


def test_functional_derivative_is_that_of_the_table():
    """d T_c / d (alpha^2F at a point) = integral of the point's tent times delta T_c / delta alpha^2F(omega)."""
    a2F = eliashberg_function(*table(31, 5.0))
    slopes = jax.jit(jax.grad(lambda f: temperature_of(eliashberg_function(a2F.omega, f), 0.13)))(a2F.alpha2F)
    omega = np.asarray(a2F.omega)
    u, weight = np.polynomial.legendre.leggauss(24)
    h = omega[1] - omega[0]
    for k in (3, 8, 20):
        inside = np.concatenate([omega[k] + h * (u - 1) / 2, omega[k] + h * (u + 1) / 2])
        tent = 1 - np.abs(inside - omega[k]) / h
        wanted = np.sum(np.tile(weight * h / 2, 2) * tent * np.asarray(temperature_derivative(a2F, 0.13, inside)))
        assert relative_error(slopes[k], wanted) < 1e-10
    bump = np.zeros(31)
    bump[8] = 1e-5
    plus, minus = (float(temperature_of(eliashberg_function(omega, a2F.alpha2F + s * bump), 0.13)) for s in (1, -1))
    assert relative_error(slopes[8], (plus - minus) / 2e-5) < FINITE_DIFFERENCES


def test_softer_phonons_matter_more_down_to_a_frequency():
    """Per alpha^2F the soft ones; where the formula fails, far below pi k_B T_c, its derivative turns negative."""
    a2F = eliashberg_function(*table())
    derivative = np.asarray(temperature_derivative(a2F, 0.13, jnp.linspace(10.0, 90.0, 9)))
    assert np.all(derivative > 0)
    assert np.all(np.diff(derivative) < 0)
    assert float(temperature_derivative(a2F, 0.13, jnp.array([0.05]))[0]) < 0


def test_pictures():
    axes = plt.subplots()[1]
    assert plot_regimes(ax=axes) is axes
    left, right = plot_temperature_derivative(eliashberg_function(*table()), 0.13)
    assert "(meV)" in left.get_xlabel()
    assert "(K/meV)" in right.get_ylabel()
    plt.close("all")


# === bad input


def test_bad_arguments():
    with pytest.raises(InputError, match="`unit` must be one of meV, eV, THz, cm-1, K, Ry, Ha"):
        eliashberg_function([0.0, 1.0], [0.0, 0.1], "Hz")
    with pytest.raises(InputError, match="`lam` must not be negative"):
        mcmillan(-0.1, 0.1, 30.0)
    with pytest.raises(InputError, match="`omega_log` must be positive"):
        allen_dynes(0.5, 0.1, 0.0)
    with pytest.raises(InputError, match="`alpha2F` must have one value per frequency"):
        eliashberg_function([1.0, 2.0], [0.1])


def test_relative_size_is_what_counts():
    """Frequencies in any unit: T_c scales with them, lambda does not."""
    omega, alpha2F = table()
    one, two = (eliashberg_function(s * omega, alpha2F) for s in (1.0, 2.0))
    assert scaled_error(temperature_of(two, 0.1), 2 * temperature_of(one, 0.1)) < QUADRATURE
