"""Heat, superfluid density and nuclear relaxation over temperature: the library's numbers, in the units that are shown."""

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
from problems import one_band

from jaxgap import InputError, materials, solve, solve_temperatures
from jaxgap.observables import (
    normal_specific_heat,
    penetration_depth,
    relaxation_rate,
    sommerfeld_coefficient,
    specific_heat,
    superfluid_density,
)
from jaxgap.observables.curves import along_temperatures, spectra
from jaxgap.observables.nmr import NMR
from jaxgap.observables.pictures import draw
from jaxgap.observables.superfluid import superfluid_curves
from jaxgap.observables.thermodynamics import heat_curves
from jaxgap.observables.views import Spectra

SAME = 1e-9
"""A state alone and in a batch: both are converged to rounding, and differ by as much."""
SOMMERFELD = 1e-9
"""C_n / T of bands whose ends are many k_B T away."""
T = np.array([4.0, 12.0, 16.0])
"""T_c of `one_band` is 14.1 K."""


@pytest.fixture(scope="module")
def branches():
    return {"": solve_temperatures(one_band(), T)}


def test_heat_has_both_units(branches):
    relative, molar = heat_curves(branches), heat_curves(branches, 50.0, 6.0)
    np.testing.assert_allclose(molar.curves[""] / molar.normal[""], relative.curves[""], rtol=SAME)
    np.testing.assert_allclose(molar.normal[""], float(sommerfeld_coefficient(one_band(), 50.0, 6.0)), rtol=SOMMERFELD)
    assert relative.curves[""][-1] == pytest.approx(1.0, rel=SAME)
    assert relative.curves[""][1] > 1.5
    assert molar.table[0] == ("T_K", "", "normal state")


def test_one_branch_shows_its_bands_and_several_do_not(branches):
    one = superfluid_curves(branches)
    assert list(one.curves) == ["total", "a"]
    np.testing.assert_array_equal(one.curves["total"], one.curves["a"])
    assert one.curves["total"][-1] == pytest.approx(0.0, abs=SAME)
    both = superfluid_curves({"x": branches[""], "y": branches[""]}, 6.0)
    assert list(both.curves) == ["x", "y"]
    depth = [float(penetration_depth(jax.tree.map(lambda leaf, i=i: leaf[i], branches[""]), 6.0)) for i in (0, 1)]
    np.testing.assert_allclose(both.curves["x"][:2], 1e6 / np.square(depth), rtol=SAME)


def test_relaxation_has_its_coherence_peak_and_korringas_law(branches):
    rate = spectra(NMR, branches, Gamma=0.05).curves[""]
    assert rate[0] < 0.2 < 1.0 < rate[1]
    assert rate[2] == pytest.approx(1.0, rel=SAME)


def test_what_does_not_exist_is_left_out():
    curves = {"ends": np.array([3.0, 2.0, np.nan]), "goes on": np.array([3.0, 2.5, -1.0])}
    ax = draw(Spectra(np.arange(3.0), curves, "x", "y", "x_unit", normal={"ends": np.array([np.nan, 4.0, 4.0])}))
    low, high = ax.get_ylim()
    assert low < -1.0
    assert 4.0 < high < 5.0
    assert len(ax.lines) == 3
    plt.close(ax.figure)


def test_bad_input_is_named(branches):
    state = jax.tree.map(lambda leaf: leaf[0], branches[""])
    for call, complaint in (
        (lambda: heat_curves(branches, 50.0), "Argument `layer_spacing` .* must be given"),
        (lambda: heat_curves(branches, None, 6.0), "`layer_spacing` must come with `formula_volume`"),
        (lambda: spectra(NMR, branches, Gamma=0.0), "`Gamma` must be positive"),
        (lambda: along_temperatures(superfluid_density, state), "`solutions` must be those of `solve_temperatures`"),
    ):
        with pytest.raises(InputError, match=complaint):
            call()


@pytest.mark.slow
def test_curves_are_the_points_and_say_where_nothing_exists():
    sc, Gamma, temperatures = materials.ba122(), 0.3, [10.0, 30.0, 50.0]
    branches = {"s+-": solve_temperatures(sc, temperatures, branch="s+-")}
    found = {
        specific_heat: heat_curves(branches).curves["s+-"],
        superfluid_density: superfluid_curves(branches).curves["s+-"],
        relaxation_rate: spectra(NMR, branches, Gamma=Gamma, weights=[1.0, 0.5]).curves["s+-"],
    }
    assert all(np.isnan(curve[2]) for curve in found.values())
    for i, one in enumerate(temperatures[:2]):
        s = solve(sc, one, branch="s+-")
        wanted = {
            specific_heat: specific_heat(s) / normal_specific_heat(sc, one),
            superfluid_density: superfluid_density(s).total,
            relaxation_rate: relaxation_rate(s, Gamma, weights=[1.0, 0.5]),
        }
        for observable, curve in found.items():
            assert curve[i] == pytest.approx(float(wanted[observable]), rel=SAME)
