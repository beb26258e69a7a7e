"""Pictures: drawn on the axes that were given, with units, and with the numbers of the library."""

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from amplitudes import state
from problems import one_band, problem

from jaxgap import InputError, gap_curve, materials
from jaxgap.drawing import COLOURS, draw_curve
from jaxgap.materials import ba122
from jaxgap.observables import ZeroEnergyMap, branch_minima, branch_names, dispersion, tunnelling_density_of_states
from jaxgap.plotting.plots import plot_density_of_states, plot_dispersion, plot_gaps
from jaxgap.plotting.zero_energy import plot_zero_energy_map
from jaxgap.units import hbar2_over_2m_e

CASE = problem("s+- branch, T=1.0")
DRAWN = 1e-12
"""Curves hold the very numbers of the library; only the axes' units are converted back."""
T = np.array([1.0, 30.0, 36.0])
"""[K] Across the end of s+- at 35.35 K; its phases (at equal rates) turn unstable at about 27 K."""


@pytest.fixture
def ax():
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.fixture(scope="module")
def solution():
    return state(CASE.system, CASE.Delta, CASE.T)


@pytest.fixture(scope="module")
def curve():
    return gap_curve(ba122(), T, "s+-")


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


def curves(ax):
    """label -> (x, y) of the labelled lines."""
    return {line.get_label(): line.get_xydata().T for line in ax.get_lines() if not line.get_label().startswith("_")}


def has_units(ax, x, y):
    return f"({x})" in ax.get_xlabel() and (y is None or f"({y})" in ax.get_ylabel())


def test_plot_dispersion(solution, ax):
    assert plot_dispersion(solution, ax=ax, points=101) is ax
    assert has_units(ax, "Å$^{-1}$", "meV")
    drawn = curves(ax)
    assert tuple(drawn) == branch_names(CASE.system)
    kappa = hbar2_over_2m_e * drawn["a:b lower"][0] ** 2
    assert len(kappa) == 101
    assert kappa.min() < 19.0  # beyond the overlap of the shells, 19 to 91 meV
    assert kappa.max() > 91.0
    for (_, energy), wanted in zip(drawn.values(), dispersion(solution, kappa), strict=True):
        np.testing.assert_allclose(energy, wanted, rtol=1e-9)  # kappa went through a square root and back
    assert min(drawn["a:b lower"][1]) == pytest.approx(6.204, abs=0.1)
    assert "1 K" in ax.get_title()


def test_plot_density_of_states(solution, ax):
    omega = np.linspace(-20.0, 20.0, 41)
    assert plot_density_of_states(solution, omega, Gamma=0.3, ax=ax) is ax
    assert has_units(ax, "meV", None)
    assert "N(0)" in ax.get_ylabel()  # relative: no unit
    drawn = curves(ax)
    assert list(drawn) == ["total", "a", "b"]
    wanted = tunnelling_density_of_states(solution, omega, 0.3)
    np.testing.assert_allclose(drawn["total"], [omega, wanted.total], rtol=DRAWN)
    np.testing.assert_allclose(drawn["b"][1], wanted.bands[1], rtol=DRAWN)
    marks = [line.get_xdata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 2]
    np.testing.assert_allclose(marks, branch_minima(solution), rtol=DRAWN)
    assert "0.3 meV" in ax.get_title()


def test_density_of_states_chooses_its_range(solution, ax):
    plot_density_of_states(solution, ax=ax)
    omega = curves(ax)["total"][0]
    assert omega.min() == -omega.max()
    assert omega.max() > 2 * float(branch_minima(solution)[1])


def test_density_of_states_of_the_normal_state(ax):
    plot_density_of_states(state(CASE.system, np.zeros(3), 90.0), ax=ax)
    total = curves(ax)["total"][1]
    assert np.isfinite(total).all()


def test_one_band(ax):
    s = state(one_band(), [2.0])
    plot_dispersion(s, ax=ax, points=11)
    assert list(curves(ax)) == ["a"]
    plot_density_of_states(s, ax=plt.subplots()[1])


@pytest.mark.slow
def test_gap_curve(curve):
    """NaN beyond the end of the branch, and stable only where neither amplitudes nor phases run away."""
    np.testing.assert_array_equal(curve.T, T)
    assert curve.gaps.shape == (3, 2)
    np.testing.assert_array_equal(np.isnan(curve.gaps).any(axis=1), [False, False, True])
    np.testing.assert_array_equal(curve.stable, [True, False, False])
    np.testing.assert_allclose(curve.gaps[0], CASE.minima, rtol=1e-7)  # the reference found k to 1e-8


@pytest.mark.slow
def test_plot_gaps(curve, ax):
    """Here solid and dashed meet nowhere: the only stable point has no stable neighbour."""
    assert plot_gaps(ba122(), T, "s+-", ax=ax) is ax
    assert has_units(ax, "K", "meV")
    drawn = curves(ax)
    assert tuple(drawn) == branch_names(ba122())
    for (x, y), dashed, gap in zip(drawn.values(), unlabelled(ax), curve.gaps.T, strict=True):
        np.testing.assert_array_equal(x, T)
        assert np.isnan(y).all()
        np.testing.assert_allclose(dashed.get_ydata(), gap, rtol=DRAWN)
        assert dashed.is_dashed()
    assert "s+-" in ax.get_title()


def unlabelled(ax):
    return [line for line in ax.get_lines() if line.get_label().startswith("_")]


def test_draw_curve_joins_its_pieces(ax):
    """The last stable and the first unstable point are connected, by a dashed line."""
    x, y = np.arange(5.0), np.arange(5.0) ** 2
    draw_curve(ax, x, y, np.array([True, True, True, False, False]), label="curve")
    solid, dashed = (line.get_ydata() for line in ax.get_lines())
    np.testing.assert_array_equal(solid, [0, 1, 4, np.nan, np.nan])
    np.testing.assert_array_equal(dashed, [np.nan, np.nan, 4, 9, 16])
    assert list(curves(ax)) == ["curve"]


def test_plot_zero_energy_map(ax):
    """Colours are N, dots the crossings, and a line stands where the row is gapless; a state without any has no dot."""
    x, s = np.array([1.0, 2.0, 3.0]), np.array([0.5, 1.5])
    N = np.array([[0.1, 0.2], [0.4, 0.8], [1.6, 3.2]])
    crossings, axis = np.array([[-1.0, 1.0], [np.nan, np.nan], [-1.2, 1.2]]), np.array([[1.0, 3.0], [0.0, 3.0], [-1.0, 3.0]])
    found = ZeroEnergyMap(s, N, np.ones(3), crossings, np.array([0.3, 0.0, 0.3]), axis, 0.05)
    assert plot_zero_energy_map(found, x, "T", "spin $x$", ax=ax) is ax
    assert has_units(ax, "K", None)
    assert ax.get_ylabel() == "spin $x$"
    np.testing.assert_array_equal(ax.collections[0].get_array(), N.T)
    below, above, gapless = ax.get_lines()
    np.testing.assert_array_equal(below.get_ydata(), crossings[:, 0])
    np.testing.assert_array_equal(above.get_ydata(), crossings[:, 1])
    assert set(gapless.get_xdata()) == {2.0}
    assert "0.05 meV" in ax.get_title()
    for wrong, said in (([1.0, 2.0], "be 3 positions"), ([1.0, 3.0, 2.0], "rise")):
        with pytest.raises(InputError, match=f"`x` must {said}"):
            plot_zero_energy_map(found, wrong, ax=ax)


@pytest.mark.parametrize("draw", [plot_dispersion, plot_density_of_states])
def test_new_axes_if_none_are_given(draw, solution):
    before = set(plt.get_fignums())
    axes = draw(solution)
    assert set(plt.get_fignums()) - before == {axes.figure.number}


def test_more_branches_than_a_pair(ax):
    """Every branch of MgB2 is drawn, in its own colour."""
    s = state(materials.mgb2(), [7.0, 6.5, 3.0, 0.4])
    plot_dispersion(s, ax=ax, points=11)
    assert tuple(curves(ax)) == branch_names(materials.mgb2())
    assert len({line.get_color() for line in ax.get_lines()}) == 3 <= len(COLOURS)
