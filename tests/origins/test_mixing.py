"""Couplings from mixing: what rank one forces, exactly, and derivatives back to the mixing and to the phonon."""

import matplotlib as mpl

mpl.use("agg")

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import relative_error, scaled_error, system

from jaxgap import critical_temperature, materials, parabolic_band, solve
from jaxgap.equations.free_energy import free_energy_functional_of_pairs
from jaxgap.equations.pairing import gap_residual
from jaxgap.numerics.checks import InputError
from jaxgap.observables import branch_minima, free_energy
from jaxgap.origins import (
    mixing_coefficients,
    mixing_vector,
    plot_mixing,
    superconductor_from_mixing,
    vibronic_model,
    with_mixing,
)
from jaxgap.spectra.minima import branch_minima_of

EXACT = 1e-10
"""A well conditioned solve, as in test_limits.py."""
T_C = 1e-9
"""T_c of two equations that are equal up to a rotation of the bands."""
FINITE_DIFFERENCES = 1e-6
OMEGA = 30.0
T = 4.0
"""[K]"""

BANDS = (parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0))
APART = (parabolic_band("a", mu=200.0), parabolic_band("b", mu=206.0))


def coefficients(angle):
    return jnp.array([np.cos(angle), np.sin(angle)])


def mixed(angle=0.4, g_0=0.4, bands=BANDS, intraband=(0.0, 0.0), **options):
    return superconductor_from_mixing(C=coefficients(angle), g_0=g_0, bands=bands, Omega=OMEGA, intraband=intraband, **options)


@pytest.fixture(scope="module")
def solution():
    """Of the rank-one system, from a start that is not proportional to v."""
    return solve(mixed(), T, start=[4.0, 1.0, 1.0])


# === the matrix


def test_the_matrix():
    sc = mixed(0.4, intraband=(0.1, 0.2))
    c, s = np.cos(0.4), np.sin(0.4)
    v = np.array([c**2, s**2, c * s])
    assert scaled_error(sc.g, 0.4 * np.outer(v, v) + np.diag([0.1, 0.2, 0.0])) < 1e-14
    assert bool(sc.has_free_energy)
    np.testing.assert_allclose(mixing_vector((c, s)), v, rtol=1e-15)


def test_mixing_is_added_to_what_is_there():
    """In three bands, to the pair that is named and to nothing else."""
    before = materials.mgb2()
    after = with_mixing(before, coefficients(0.3), 0.2, "sigma2:sigma1")
    added = np.asarray(after.g - before.g)
    assert np.linalg.matrix_rank(added, tol=1e-12) == 1
    assert not added[2].any()  # the pi band
    assert not added[:, 2].any()
    assert abs(np.trace(added) - 0.2 * np.sum(mixing_vector(coefficients(0.3)) ** 2)) < 1e-14


# === rank one


def test_rank_one_forces_amplitudes_along_v(solution):
    """Delta is proportional to v, so Delta_3^2 = Delta_1 Delta_2; at d = 0 exactly gapless."""
    Delta = solution.Delta.real
    ratio = np.asarray(Delta / mixing_vector(coefficients(0.4)))
    assert relative_error(ratio, np.full(3, ratio[0])) < EXACT
    assert abs(float(Delta[2] ** 2 / (Delta[0] * Delta[1])) - 1) < EXACT
    lower, upper = np.asarray(branch_minima(solution))
    assert lower < 1e-10 * upper


def test_rank_one_is_one_band(solution):
    """Equal bands: the mixed band is a single band with lambda = g_0 N, whatever the angle. Gap and T_c are BCS's."""
    one = system([[0.4]], [200.0], Omega=OMEGA, cross=())
    gap = solve(one, T, start=[5.0]).Delta[0].real
    assert relative_error(branch_minima(solution)[1], gap) < EXACT
    wanted = critical_temperature(one)
    for angle in (0.1, 0.4, np.pi / 4):
        assert relative_error(critical_temperature(mixed(angle)), wanted) < T_C


def test_conventions_do_not_matter(solution):
    """lambda depends on what N_3 is called, the gap equations do not: the same amplitudes solve both."""
    left = gap_residual(mixed(convention="sum"), solution.Delta.real, jnp.asarray(T))
    assert float(jnp.abs(left).max()) < EXACT * float(jnp.abs(solution.Delta).max())


def test_rank_one_at_a_distance():
    """Bands that differ: Delta is along v all the same, but |Delta_3|^2 is below the gapless value, and there is a gap."""
    found = solve(mixed(bands=APART), T, start=[4.0, 1.0, 1.0])
    ratio = np.asarray(found.Delta.real / mixing_vector(coefficients(0.4)))
    assert relative_error(ratio, np.full(3, ratio[0])) < EXACT
    assert float(branch_minima(found)[0]) > 0.01


def test_a_band_diagonal_part_lifts_it():
    """To first order in the added coupling; Delta_3^2 falls below Delta_1 Delta_2."""
    found = solve(mixed(intraband=(0.15, 0.15)), T, start=[4.0, 1.0, 1.0])
    Delta = found.Delta.real
    assert float(Delta[2] ** 2 / (Delta[0] * Delta[1])) < 0.9
    assert float(branch_minima(found)[0]) > 0.1


def test_free_energy_without_an_inverse(solution):
    """g is singular: at the solution the observable needs no inverse, and the functional of pairs is stationary in X."""
    sc, Delta = solution.superconductor, solution.Delta.real
    X = jnp.linalg.pinv(sc.g) @ Delta
    F = jax.jit(free_energy_functional_of_pairs)
    wanted = float(free_energy(solution))
    assert wanted < 0
    assert relative_error(F(sc, X, jnp.asarray(T)), wanted) < 1e-8
    for direction in np.eye(3):
        assert float(F(sc, X + 0.1 * direction, jnp.asarray(T))) > wanted


# === derivatives


@pytest.mark.slow
def test_derivatives_with_respect_to_the_mixing():
    def T_c(C, g_0):
        bands = APART
        return critical_temperature(superconductor_from_mixing(C=C, g_0=g_0, bands=bands, Omega=OMEGA, intraband=(0.2, 0.15)))

    C, h = coefficients(0.4), 1e-5
    slope, by_g = jax.grad(T_c, argnums=(0, 1))(C, 0.3)
    for k, direction in enumerate(np.eye(2)):
        wanted = (T_c(C + h * direction, 0.3) - T_c(C - h * direction, 0.3)) / (2 * h)
        assert relative_error(slope[k], wanted) < FINITE_DIFFERENCES
    assert relative_error(by_g, (T_c(C, 0.3 + h) - T_c(C, 0.3 - h)) / (2 * h)) < FINITE_DIFFERENCES


@pytest.mark.slow
def test_derivatives_with_respect_to_phonon_and_band_distance():
    """From (delta, omega) through mixing and couplings to T_c; delta is the distance of the bands in both places."""

    def T_c(delta, omega):
        model = vibronic_model(delta=delta, kappa=400.0, omega=omega, M=10.8)
        bands = (BANDS[0], parabolic_band("b", mu=200.0 + delta))
        C = mixing_coefficients(model)
        return critical_temperature(superconductor_from_mixing(C=C, g_0=0.3, bands=bands, Omega=OMEGA, intraband=(0.2, 0.15)))

    at = (6.0, 40.0)
    slopes = jax.grad(T_c, argnums=(0, 1))(*at)
    for k in (0, 1):
        h = 1e-4 * at[k]
        plus, minus = (T_c(*(x + s * h * (i == k) for i, x in enumerate(at))) for s in (1, -1))
        assert relative_error(slopes[k], (plus - minus) / (2 * h)) < FINITE_DIFFERENCES


# === picture and bad input


def test_gapless_line_of_any_angle():
    """Without solving: amplitudes along v have E_- = 0 at d = 0."""
    for angle in (0.1, 0.7):
        lower, upper = branch_minima_of(mixed(angle), 5.0 * mixing_vector(coefficients(angle)))
        assert float(lower) < 1e-10 * float(upper)


@pytest.mark.slow
def test_picture():
    left, right = plot_mixing(lambda C: superconductor_from_mixing(C=C, g_0=0.4, bands=BANDS, Omega=OMEGA), T, [0.2, 0.6])
    assert "(meV)" in left.get_ylabel()
    assert "(K)" in right.get_ylabel()
    T_c = right.get_lines()[0].get_ydata()
    assert abs(T_c[0] / T_c[1] - 1) < T_C
    plt.close("all")


def test_bad_input():
    with pytest.raises(InputError, match=r"`C` must be two coefficients"):
        mixing_vector([1.0, 0.0, 0.0])
    with pytest.raises(InputError, match="`C` must be finite"):
        mixing_vector([1.0, np.nan])
    with pytest.raises(InputError, match="`bands` must be two bands"):
        superconductor_from_mixing(C=(1.0, 0.0), g_0=0.1, bands=BANDS[:1], Omega=OMEGA)
    with pytest.raises(InputError, match="`intraband` must be two numbers"):
        mixed(intraband=(0.1,))
    with pytest.raises(InputError, match="`sc` must have a cross channel"):
        with_mixing(system([[0.4]], [200.0], cross=()), (1.0, 0.0), 0.1)
    with pytest.raises(InputError, match="Unknown channel"):
        with_mixing(materials.mgb2(), (1.0, 0.0), 0.1, "a:b")
    with pytest.raises(InputError, match="`g_0` must be one number"):
        with_mixing(materials.mgb2(), (1.0, 0.0), [0.1, 0.2])
