"""Sweeps: every point is what `solve` says of it, however it is cut, and what does not exist is flagged.

One band, whose gap and T_c are closed forms, serves wherever the physics of two does not matter.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band

from jaxgap import InputError, Label, Status, branch_end, materials, solutions, solve, superconductor
from jaxgap.observables import branch_minima
from jaxgap.sweeps import axis, observable, plot_sweep, sweep
from jaxgap.sweeps.grid import Blocks, points

CLOSED_FORM = 1e-9
"""Delta(0) = Omega / sinh(1/lambda) to what `solve` promises."""
ANOTHER_BATCH = 1e-12
"""Another batch size is another program, whose rounding differs; these systems are well conditioned (sigma_min > 0.1)."""
SAME_ROOT = 1e-12
"""Two roads to one root, meV."""
DIFFERENCED = 1e-6
"""Central differences with a step of 1e-5: truncation and rounding."""

START = [15.0]
"""[meV]: above every gap here, from where Newton does not step across zero."""
BATCH = 8
LAM = np.linspace(0.25, 0.5, 5)
OMEGA = np.array([20.0, 30.0, 40.0])
GRID = {"lam[a, a]": LAM, "Omega": OMEGA}
WANTED = ("gap", "Delta", "d gap/d Omega", "d gap/d lam[a, a]", "d T_c/d Omega", "T_c", "label")


pytestmark = pytest.mark.usefixtures("sweeps_as_tests_compile")


@pytest.fixture(scope="module")
def one():
    return sweep(one_band(), GRID, WANTED, T=0.0, start=START, batch=BATCH)


@pytest.mark.slow
def test_the_gap_of_one_band_is_the_closed_form(one):
    Delta = OMEGA[None, :] / np.sinh(1 / LAM[:, None])
    assert one.gap.dims == ("lam[a, a]", "Omega")
    np.testing.assert_allclose(one.gap, Delta, rtol=CLOSED_FORM)
    np.testing.assert_allclose(one.Delta[..., 0], Delta, rtol=CLOSED_FORM)
    assert np.all(one.label == Label.S_PLUS_PLUS)
    assert np.all(one.status == Status.CONVERGED)


def test_sensitivities_are_the_closed_forms(one):
    """d Delta/d lambda = Delta coth(1/lambda) / lambda^2; Delta and T_c are proportional to Omega."""
    np.testing.assert_allclose(one["d_gap_d_Omega"], one.gap / OMEGA, rtol=CLOSED_FORM)
    np.testing.assert_allclose(one["d_T_c_d_Omega"], one.T_c / OMEGA, rtol=CLOSED_FORM)
    slope = one.gap / np.tanh(1 / LAM[:, None]) / LAM[:, None] ** 2
    np.testing.assert_allclose(one["d_gap_d_lam[a, a]"], slope, rtol=CLOSED_FORM)


def test_units_meanings_and_provenance_are_in_the_attributes(one):
    assert one.gap.attrs["units"] == "meV"
    assert one.coords["Omega"].attrs["units"] == "meV"
    assert one["d_T_c_d_Omega"].attrs["units"] == "K / meV"
    meanings = dict(zip(one.status.attrs["flag_values"], one.status.attrs["flag_meanings"].split(), strict=True))
    assert meanings[Status.NOT_CONVERGED] == "not_converged"
    assert '"jax"' in one.attrs["provenance"]


def test_what_is_not_found_is_flagged_and_never_a_number():
    """Above T_c the search ends in the normal state, which is not what was asked for: no zeros, NaN."""
    sc = one_band()
    T = np.array([1.0, 1000.0])
    found = sweep(sc, {"T": T}, ["gap", "label", "T_c"], start=START, batch=BATCH)
    assert found.status.values.tolist() == [Status.CONVERGED, Status.TRIVIAL]
    assert np.isfinite(found.gap[0])
    assert np.isnan(found.gap[1])
    assert found.label.values.tolist() == [Label.S_PLUS_PLUS, -1]
    assert np.isfinite(found.T_c).all()


def _split(sc, T, solution):
    minima = branch_minima(solution)
    return minima[1] - minima[0]


@pytest.fixture(scope="module")
def two():
    """The map of the two-band model at a few points, with what a user's function makes of a state."""
    sc = materials.two_band()
    grid = {"lambda_33": [0.1, 0.15], "d": [0.0, 3.0, 6.0]}
    wanted = {"minima": "branch_minimum", "split": _split}
    return sweep(sc, grid, wanted, T=4.2, start=[8.0, 5.0, 3.0], batch=BATCH)


@pytest.mark.slow
def test_every_point_is_what_solve_says_of_its_system(two):
    for i, lam in enumerate(two.lambda_33.values):
        for k, d in enumerate(two.d.values):
            s = solve(materials.two_band(float(lam), float(d)), 4.2, start=[8.0, 5.0, 3.0])
            np.testing.assert_allclose(two.minima[i, k], branch_minima(s), atol=SAME_ROOT)
            np.testing.assert_allclose(two.split[i, k], np.diff(branch_minima(s))[0], atol=SAME_ROOT)


@pytest.mark.slow
def test_a_sensitivity_to_the_distance_is_that_of_a_difference():
    """`d` sets mu_2 to mu_1 + d; for axes that set other leaves the closed form below says the same."""
    grid = {"lambda_33": [0.1, 0.15], "d": [0.0, 3.0, 6.0]}
    two = sweep(materials.two_band(), grid, {"slope": "d gap/d d"}, T=4.2, start=[8.0, 5.0, 3.0], batch=BATCH)
    h = 1e-5

    def gap(d):
        return float(np.min(branch_minima(solve(materials.two_band(0.15, d), 4.2, start=[8.0, 5.0, 3.0]))))

    slope = (gap(3.0 + h) - gap(3.0 - h)) / (2 * h)
    np.testing.assert_allclose(two.slope[1, 1], slope, rtol=DIFFERENCED)


# --- points -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(7,), (5, 3), (4, 3, 6)])
@pytest.mark.parametrize("most", [1, 4, 7, 100])
def test_blocks_hold_every_point_once(shape, most):
    blocks = Blocks.of(shape, most)
    seen = np.zeros(shape, int)
    for k in range(len(blocks)):
        seen[blocks.block(k)] += 1
        assert blocks.points(k) <= most
    assert np.all(seen == 1)


def test_results_do_not_depend_on_the_blocks(one):
    other = sweep(one_band(), GRID, WANTED, T=0.0, start=START, batch=BATCH, chunk=4)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name])


def test_results_do_not_depend_on_the_batch(one):
    other = sweep(one_band(), GRID, ("gap",), T=0.0, start=START, batch=16)
    np.testing.assert_allclose(one.gap, other.gap, rtol=ANOTHER_BATCH)


def test_samples_are_the_points_of_a_grid_one_by_one(one):
    columns = {name: part.ravel() for name, part in zip(GRID, np.meshgrid(LAM, OMEGA, indexing="ij"), strict=True)}
    rows = sweep(one_band(), samples=columns, observables=WANTED, T=0.0, start=START, batch=BATCH)
    assert rows.gap.dims == ("sample",)
    np.testing.assert_array_equal(rows.gap, one.gap.values.ravel())


def test_an_axis_may_set_several_leaves_or_be_a_function(one):
    """Delta is proportional to Omega: here Omega = 5 + 2 x, by factors and by a function. The derivative along x is that of
    all that x moves."""
    x = (OMEGA - 5) / 2
    by_factor = {"x": axis(x, {"Omega": (2.0, 5.0)}, "meV")}
    by_function = {"x": axis(x, lambda sc, value: sc.set({"Omega": 5.0 + 2.0 * value}))}
    for grid, wanted in ((by_factor, ["gap", "d gap/d x"]), (by_function, ["gap"])):
        found = sweep(one_band(lam=float(LAM[0])), grid, wanted, T=0.0, start=START, batch=BATCH)
        np.testing.assert_allclose(found.gap, one.gap[0], rtol=CLOSED_FORM)
        if "d gap/d x" in wanted:
            np.testing.assert_allclose(found["d_gap_d_x"], 2 * one.gap[0] / OMEGA, rtol=CLOSED_FORM)


def test_progress_counts_points_and_knows_the_rate():
    seen = []
    sweep(one_band(), GRID, ("gap",), T=0.0, start=START, batch=16, chunk=4, progress=seen.append)
    assert [now.done for now in seen] == [3, 6, 9, 12, 15]
    assert seen[-1].left == 0.0
    assert seen[-1].rate > 0


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"grid": {"lam[a, b]": [0.1]}}, "Unknown channel `b`"),
        ({"grid": {"Omega": []}}, "at least one value"),
        ({"grid": {"Omega": [1.0, np.nan]}}, "`Omega` must be finite"),
        ({"grid": {"Omega": [1.0, -1.0]}}, "At Omega = -1"),
        ({"grid": {"T": [-1.0, 1.0]}, "T": None}, "`T` must not be negative"),
        ({"T": None}, "`T` must be given exactly if no axis sets it"),
        ({"grid": {"Omega": [1.0], "x": axis([1.0], {"Omega": 2.0})}}, "set by both axes `Omega` and `x`"),
        ({"grid": None, "samples": {"Omega": [1.0], "mu[a]": [200.0, 100.0]}}, "columns of equal length"),
        ({"observables": ["gapp"]}, "Unknown observable `gapp` (did you mean `gap`?)"),
        ({"observables": ["d label/d Omega"]}, "cannot differentiate `label`"),
        ({"observables": ["d gap/d nothing"]}, "Unknown path `nothing`"),
        ({"observables": ["gap", "gap"]}, "have different names"),
        ({"mode": "every"}, "`mode` must be one of"),
        ({"mode": "all"}, "where a branch or a start is given"),
        ({"scheduler": "tcp://nowhere:1"}, "`store` must be given with `scheduler`"),
    ],
)
def test_bad_input_gives_one_sentence(change, sentence):
    given = {"grid": {"Omega": [30.0]}, "observables": ["gap"], "T": 0.0, "start": START} | change
    with pytest.raises(InputError) as error:
        sweep(one_band(), **given)
    assert sentence in str(error.value)


def test_pictures_have_units_and_no_line_where_there_is_no_value(one):
    ax = plot_sweep(one, "gap")
    assert ax.get_ylabel() == "lam[a, a]"
    assert ax.get_xlabel() == "Omega (meV)"
    assert ax.figure.axes[1].get_ylabel() == "smallest branch minimum (meV)"
    ax = plot_sweep(one, "Delta", Omega=29.0)
    assert ax.get_title() == "Omega = 30 meV"
    assert ax.get_ylabel() == "pair amplitude (meV)"
    ax = plot_sweep(one, "status")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["converged"]
    with pytest.raises(InputError, match="variable"):
        plot_sweep(one, "nothing")


def test_a_quantity_of_ones_own_has_a_unit_and_named_axes():
    twice = observable(lambda sc, T, s: 2 * jnp.abs(s.Delta), "twice", ["channel"], "meV")
    found = sweep(one_band(), {"Omega": OMEGA}, [twice], T=0.0, start=START, batch=16)
    assert found.twice.dims == ("Omega", "channel")
    assert found.twice.attrs["units"] == "meV"
    np.testing.assert_allclose(found.twice[:, 0], 2 * OMEGA / np.sinh(1 / 0.3), rtol=CLOSED_FORM)


# --- branches, ground states, all states ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_branch_is_followed_and_flagged_beyond_its_end():
    sc = materials.ba122()
    end = float(branch_end(sc, "s+-").T)
    found = sweep(sc, {"T": [1.0, end - 0.5, end + 0.5]}, ["label", "gap"], branch="s+-", batch=4)
    assert found.status.values.tolist() == [Status.CONVERGED, Status.CONVERGED, Status.LEFT_BRANCH]
    assert found.label.values.tolist() == [Label.S_PLUS_MINUS, Label.S_PLUS_MINUS, -1]


@pytest.fixture(scope="module")
def searched():
    """The change of Fig. 2 in a few points, of which every one has several states."""
    grid = {"lambda_33": [0.15, 0.2, 0.205, 0.25], "T": [1.0, 10.0, 60.0]}
    given = {"grid": grid, "observables": ["gap", "Delta", "free_energy", "label"], "batch": 16}
    return (sweep(materials.two_band(), mode=mode, **given) for mode in ("all", "ground_state"))


@pytest.mark.slow
def test_all_states_and_the_ground_state_are_those_of_a_search_at_one_point(searched):
    every, ground = searched
    for i, lam in enumerate(every.lambda_33.values):
        for k, T in enumerate(every["T"].values):
            known = solutions(materials.two_band(float(lam)), T)
            real = [s for s in known if s.solution.is_real and s.label != Label.NORMAL]
            n = int(every["count"][i, k])
            assert n >= len(real)
            gaps = every.gap.values[i, k, :n]
            assert all(np.min(np.abs(gaps - s.gap)) < 1e-8 for s in real)
            assert np.all(every.status[i, k, n:] == -2)
            assert np.all(np.diff(every.free_energy[i, k, :n]) >= 0)
            best = known.ground_state
            np.testing.assert_allclose(ground.gap[i, k], best.gap, atol=1e-8)
            assert int(ground.label[i, k]) == best.label
            assert int(ground.status[i, k]) == (Status.NORMAL if best.label == Label.NORMAL else Status.CONVERGED)


@pytest.mark.slow
def test_ground_states_do_not_depend_on_the_blocks():
    given = {"grid": {"lambda_33": [0.15, 0.205], "T": [1.0, 10.0, 60.0]}, "observables": ["Delta"], "mode": "ground_state"}
    one, other = (sweep(materials.two_band(), batch=16, chunk=chunk, **given) for chunk in (100, 2))
    np.testing.assert_array_equal(one.Delta, other.Delta)


@pytest.mark.slow
def test_nan_in_a_large_batch_is_flagged():
    """XLA's max and min drop NaN in batches of thousands: no status may come from them."""
    lam = np.linspace(0.3, 0.31, 10_000)
    grid = {"x": axis(lam, lambda sc, x: sc.set({"lam[a, a]": jnp.where(x >= 0.3, jnp.nan, x)}) if _traced(x) else sc)}
    found = sweep(one_band(), grid, ["gap"], T=0.0, start=START, batch=10_000)
    assert np.all(found.status == Status.INVALID)
    assert np.isnan(found.gap).all()


def _traced(x):
    return isinstance(x, jax.core.Tracer)


@pytest.mark.parametrize("pair", ["a:b", "b:a"])
def test_the_distance_is_an_axis_whichever_band_is_named_first(pair):
    sc = superconductor(bands={"a": {"mu": 50.0}, "b": {"mu": 60.0}}, cross=[pair], lam=np.eye(3) * 0.3, Omega=30.0)
    assert points(sc, 4.2, {"d": [0.0, 5.0]}, None).axes[0].unit == "meV"
