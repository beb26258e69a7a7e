"""Fits: the shipped one, its uncertainties, its objective, data that do not determine, and everything a user can get wrong."""

import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import relative_error

from jaxgap import EndKind, InputError, Label, NotConvergedError, Status, branch_end, critical_temperature, materials, solve
from jaxgap.equations.pairing import gap_residual
from jaxgap.fitting import combinations, fit, load_fit, load_result, minimise, next_measurement, write_report
from jaxgap.fitting.minimise import distance, nested_at
from jaxgap.fitting.objective import deviations, joint, joint_objective
from jaxgap.fitting.optimise import _best
from jaxgap.fitting.predictions import predictions
from jaxgap.fitting.problem import problem, system_at
from jaxgap.fitting.report.files import as_json, verdict
from jaxgap.fitting.uncertainty import curvature, curve_sigma
from jaxgap.model.systems import from_toml
from jaxgap.observables import branch_minima, coherence_peaks, fermi_momentum_gaps
from jaxgap.spectra.minima import branch_minima_of

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"

PRINTED = {"lambda_13": (0.0312555, 5e-8), "Omega": (40.9626, 5e-5)}
"""Values as an independent fit printed them, and half a unit of their last digits."""
PAPER = {"lambda_13": (0.03126, 5e-6), "Omega": (40.96, 5e-3)}
"""The same to the digits that the README gives."""
PERFECT = 1e-12
"""chi^2 of two data and two parameters: rounding of the gaps over sigma, squared, with a generous margin."""
FOLD, T_C = (35.35, 0.01), (79.04, 0.01)
"""[K] Half a unit of the last digits, and a margin."""
COVARIANCE = 1e-4
"""Central differences of solved gaps: h^2 times third derivatives; the covariance is a square of an inverse."""
DIFFERENCES = 1e-6
"""Central differences of chi^2 with relative steps of 1e-5."""
TRUTH = 1e-5
"""Relative: synthetic data carry 10 digits; the optimiser stops at a gradient of 1e-9."""
REPEATABLE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""

HEADER = "quantity,T_K,value,error,unit,use,technique,source,how_obtained\n"
UPPER, LOWER = "branch_minimum[alpha:beta upper]", "branch_minimum[alpha:beta lower]"


def row(quantity, T, value, error="", unit="meV", use="fit"):
    """A line of data.csv."""
    return f'{quantity},{T},{value},{error},{unit},{use},synthetic,"made by tests/test_fit.py",calculated\n'


ROWS = row(UPPER, 0, 12.4) + row(LOWER, 0, 6.2)


@pytest.fixture
def folder(tmp_path):
    """A copy of the shipped folder, to be changed."""
    shutil.copytree(SHIPPED, tmp_path / "fit", ignore=shutil.ignore_patterns("result.json", "fit.png", "report.html"))
    return tmp_path / "fit"


def edit(folder, old, new):
    """Replace text of fit.toml that must be there exactly once."""
    path = folder / "fit.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def data(folder, text):
    (folder / "data.csv").write_text(text, encoding="utf-8")


# === the shipped fit


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The fit of Ba0.6K0.4Fe2As2, run once: (result, folder with the report, lines of progress)."""
    folder = tmp_path_factory.mktemp("ba122") / "fit"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("result.json", "fit.png", "report.html"))
    progress = []
    result = fit(*load_fit(folder), lambda *line: progress.append(line))
    write_report(result, folder)
    return result, folder, progress


@pytest.mark.parametrize("known", [PRINTED, PAPER], ids=["independent fit", "README"])
def test_the_couplings_of_ba122(shipped, known):
    for name, value in zip(shipped[0].config.parameters, shipped[0].value, strict=True):
        assert abs(value - known[name][0]) < known[name][1]


def test_it_says_what_it_is(shipped):
    result = shipped[0]
    lines = repr(result).splitlines()
    assert lines[0] == "fit: Ba0.6K0.4Fe2As2, ARPES gaps, s+- branch"
    assert lines[1].startswith("  lambda_13 = 0.031")
    assert " +- 0.007 (68 %: 0.0233" in lines[1]
    assert lines[-1].endswith("of 2 data, branch s+-")


def test_two_data_are_fitted_perfectly(shipped):
    assert 0 <= shipped[0].chi2 < PERFECT
    np.testing.assert_allclose(shipped[0].predicted, [12.4, 6.2], rtol=1e-7)  # sqrt(PERFECT) sigma


def test_what_was_predicted_and_not_fitted(shipped):
    fold, T_c = shipped[0].samples[0].predictions
    assert "s+-" in fold.name
    assert abs(fold.value - FOLD[0]) < FOLD[1]
    assert abs(T_c.value - T_C[0]) < T_C[1]
    assert fold.unit == T_c.unit == "K"
    sc = shipped[0].superconductor
    assert abs(fold.value - float(branch_end(sc, "s+-").T)) < REPEATABLE * FOLD[0]
    assert abs(T_c.value - float(critical_temperature(sc))) < REPEATABLE * T_C[0]


def test_every_start_reaches_the_minimum(shipped):
    result = shipped[0]
    assert result.start_values.shape == (16, 2)
    assert np.all(result.start_converged)
    assert np.abs(result.start_chi2).max() < PERFECT
    assert np.abs(result.start_values - result.value).max() < 1e-6 * 50  # the same minimum, on the scale of the bounds


def test_the_solutions_are_verified(shipped):
    result = shipped[0]
    solution = jax.tree.map(lambda leaf: leaf[0], result.samples[0].curve.solutions)
    assert float(solution.T) == 0.0
    assert int(solution.status) == Status.CONVERGED
    assert int(solution.label) == Label.S_PLUS_MINUS
    np.testing.assert_allclose(branch_minima(solution)[::-1], result.predicted, rtol=REPEATABLE)


def test_the_curve_follows_the_branch_to_its_end(shipped):
    """Gaps from 0 to beyond T_c: there up to the predicted end of the branch, absent beyond."""
    result = shipped[0]
    T, gaps, stable = (
        np.asarray(part) for part in (result.samples[0].curve.T, result.samples[0].curve.gaps, result.samples[0].curve.stable)
    )
    end, T_c = (prediction.value for prediction in result.samples[0].predictions)
    assert np.all(np.diff(T) >= 0)
    assert T[0] == 0.0
    assert T[-1] > T_c
    np.testing.assert_array_equal(np.isfinite(gaps).all(axis=1), end > T)
    np.testing.assert_allclose(gaps[0][::-1], result.predicted, rtol=REPEATABLE)
    assert 25 < T[stable].max() < 29 < end  # phases at equal rates: PHYSICS.md says about 27 K


def test_tied_leaves(shipped):
    sc, x = shipped[0].superconductor, shipped[0].value[0]
    factors = {"lam[alpha, alpha:beta]": 1.0, "lam[beta, alpha:beta]": 1.0, "lam[alpha:beta, alpha]": 0.5}
    factors["lam[alpha:beta, beta]"] = 0.5
    for path, factor in factors.items():
        assert float(sc.get(path)) == factor * x
    assert float(sc.Omega) == shipped[0].value[1]


def gaps_at(theta):
    """(upper, lower) gap of ba122 at T = 0 for lambda_13 and Omega."""
    return np.asarray(branch_minima(solve(materials.ba122(*theta), 0.0, branch="s+-")))[::-1]


def deviation_slopes(theta):
    """Derivatives of (prediction - datum) / error with respect to lambda_13 and Omega, by central differences of solutions."""
    steps = 1e-4 * theta
    shifts = zip(np.diag(steps), steps, strict=True)
    return np.stack([(gaps_at(theta + s) - gaps_at(theta - s)) / (2 * h) for s, h in shifts], axis=1) / 0.2


def test_the_uncertainty_is_that_of_perturbed_solutions(shipped):
    """(J^T J)^-1 sigma^2 with J from solutions at shifted parameters."""
    result = shipped[0]
    J = deviation_slopes(result.value)
    covariance = np.linalg.inv(J.T @ J)
    assert relative_error(result.covariance, covariance) < COVARIANCE
    assert relative_error(result.uncertainty, np.sqrt(np.diag(covariance))) < COVARIANCE
    assert result.undetermined.shape == (0, 2)


def test_the_uncertainty_of_a_prediction_is_propagated(shipped):
    result = shipped[0]
    steps = 1e-4 * result.value

    def temperatures(theta):
        sc = materials.ba122(*theta)
        return np.array([float(branch_end(sc, "s+-").T), float(critical_temperature(sc))])

    shifts = zip(np.diag(steps), steps, strict=True)
    J = np.stack([(temperatures(result.value + s) - temperatures(result.value - s)) / (2 * h) for s, h in shifts], axis=1)
    wanted = np.sqrt(np.diag(J @ result.covariance @ J.T))
    assert relative_error([p.uncertainty for p in result.samples[0].predictions], wanted) < COVARIANCE


def test_progress_is_reported(shipped):
    stages = [stage for stage, *_ in shipped[2]]
    assert stages == sorted(stages, key=["search", "finish"].index)
    assert all(0 <= step <= steps for _, step, steps, _ in shipped[2])
    assert shipped[2][-1][3] < PERFECT


def strict(text):
    """JSON without NaN and Infinity, which are no JSON."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_result_json(shipped):
    result, folder, _ = shipped
    report = strict((folder / "result.json").read_text(encoding="utf-8"))
    assert report["schema"] == "jaxgap-fit-5"
    assert report["title"] == result.config.title
    assert report["configuration"]["parameters"]["lambda_13"]["bounds"] == [0.0, 0.15]
    assert report["configuration"]["optimiser"]["seed"] == 0
    assert [p["name"] for p in report["parameters"]] == ["lambda_13", "Omega"]
    assert [p["value"] for p in report["parameters"]] == result.value.tolist()
    assert [p["uncertainty"] for p in report["parameters"]] == result.uncertainty.tolist()
    assert [p["unit"] for p in report["parameters"]] == ["", "meV"]
    assert not any(p["at_bound"] for p in report["parameters"])
    np.testing.assert_allclose(np.diag(report["correlation"]), 1.0)
    assert report["covariance"] == result.covariance.tolist()
    assert report["chi2"] == result.chi2
    assert report["degrees_of_freedom"] == 0
    assert [f["value"] for f in report["fitted"]] == [12.4, 6.2]
    assert all(f["error_assumed"] and f["error"] == 0.2 and abs(f["distance_sigma"]) < 1e-5 for f in report["fitted"])
    assert [p["unit"] for p in report["samples"][0]["predictions"]] == ["K", "K"]
    assert len(report["data"]) == len(result.data)
    assert [report["data"][f["row"]]["use"] for f in report["fitted"]] == ["fit", "fit"]
    assert [report["data"][f["row"]]["error"] for f in report["fitted"]] == [None, None]
    assert report["samples"][0]["curve"]["T_K"][0] == 0.0
    assert report["samples"][0]["curve"]["residual_meV"][0] < 1e-9
    assert report["amplitudes_meV"] == result.amplitudes.tolist()
    assert report["samples"][0]["curve"]["branch_minima_meV"][-1] == [None, None]  # beyond the end: no number, not NaN
    assert len(report["starts"]["values"]) == len(report["starts"]["chi2"]) == len(report["starts"]["converged"]) == 16
    assert {"versions", "python", "device", "precision"} <= set(report["provenance"])
    assert report["provenance"]["precision"] == "float64"
    assert report["verdict"] == verdict(result)


def test_the_shapes_in_result_json(shipped):
    """With nothing but json: what the header of jaxgap/fitting/record.py promises of every list."""
    report = strict((shipped[1] / "result.json").read_text(encoding="utf-8"))
    parameters, channels, branches = (len(report[key]) for key in ("parameters", "channels", "branches"))
    assert (parameters, channels, branches) == (2, 3, 2)
    for key in ("covariance", "correlation"):
        assert [len(line) for line in report[key]] == [parameters] * parameters
    assert [len(line) for line in report["jacobian"]] == [parameters] * (len(report["fitted"]) + parameters)
    assert [len(line) for line in report["amplitudes_meV"]] == [channels] * len({f["T_K"] for f in report["fitted"]})
    temperatures = len(report["samples"][0]["curve"]["T_K"])
    assert temperatures > 80
    for curve in (report["samples"][0]["curve"], report["samples"][0]["comparison"]):
        assert {len(values) for values in curve.values()} == {temperatures}
        assert {len(line) for line in curve["branch_minima_meV"]} == {branches}
        assert {len(line) for line in curve["Delta_real_meV"] + curve["Delta_imag_meV"]} == {channels}
    assert {len(line) for line in report["samples"][0]["curve"]["sigma_meV"]} == {branches}
    for parameter in report["parameters"]:
        ends = [parameter["interval_68"][end]["value"] for end in ("lower", "upper")]
        inside = [v for v, above in parameter["interval_68"]["profile"] if ends[0] <= v <= ends[1] and above <= 1.0 + 1e-3]
        assert len(inside) >= 11


def leaves_of(result):
    """Every number and text of a result."""
    return jax.tree.leaves_with_path(result._replace(config=None), is_leaf=lambda x: x is None)


def test_a_result_loads_again_to_the_last_bit(shipped):
    result, folder, _ = shipped
    again = load_result(folder)
    assert again.config == result.config
    assert jax.tree.structure(again._replace(config=None)) == jax.tree.structure(result._replace(config=None))
    for (path, ours), (_, theirs) in zip(leaves_of(again), leaves_of(result), strict=True):
        if isinstance(theirs, np.ndarray | jax.Array):
            ours, theirs = np.ascontiguousarray(ours), np.ascontiguousarray(theirs)
            assert (ours.dtype, ours.shape) == (theirs.dtype, theirs.shape), path
            # The bits, signs of zeros included; NaNs have no bits to speak of.
            same = (ours.view(np.uint8) == theirs.view(np.uint8)).reshape(*ours.shape, -1).all(-1) if ours.size else True
            assert np.all(same | (np.isnan(ours) & np.isnan(theirs))), path
        else:
            assert (type(ours), ours) == (type(theirs), theirs), path
    assert again.criteria["BIC"] == result.criteria["BIC"]
    assert verdict(again) == verdict(result)
    assert again.interval("lambda_13").lower == result.intervals[0].lower


def test_the_reported_system_loads_again(shipped):
    result, folder, _ = shipped
    sc = from_toml(strict((folder / "result.json").read_text(encoding="utf-8"))["samples"][0]["system_toml"])
    assert jax.tree.structure(sc) == jax.tree.structure(result.superconductor)
    for ours, theirs in zip(jax.tree.leaves(sc), jax.tree.leaves(result.superconductor), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_fit_png(shipped):
    from matplotlib.image import imread

    path = shipped[1] / "fit.png"
    assert 20_000 < path.stat().st_size < 1_000_000
    height, width, *_ = imread(path).shape
    assert 600 < height < width < 2000
    assert imread(path)[..., :3].std() > 0.05  # not one colour


def test_the_page_is_written(shipped):
    assert shipped[0].config.title in (shipped[1] / "report.html").read_text(encoding="utf-8")


# === the uncertainty of the curve


@pytest.mark.parametrize("T", [0.0, 20.0, 34.8])
def test_the_band_is_that_of_perturbed_solutions(shipped, T):
    """g C g, with g from solutions at shifted parameters, close to the fold too (the shift moves that by some 1e-3 K)."""
    result = shipped[0]
    place = int(np.argmin(np.abs(np.asarray(result.samples[0].curve.T) - T)))
    T = float(result.samples[0].curve.T[place])

    def gaps(theta):
        return np.asarray(branch_minima(solve(materials.ba122(*theta), T, branch="s+-")))

    steps = 1e-4 * np.diag(result.value)
    g = np.stack([(gaps(result.value + s) - gaps(result.value - s)) / (2 * s.sum()) for s in steps], axis=1)
    assert (
        relative_error(result.samples[0].curve_sigma[place], np.sqrt(np.einsum("bk,kl,bl->b", g, result.covariance, g)))
        < COVARIANCE
    )


def test_the_band_passes_through_the_errors_of_the_data(shipped):
    """Two data, two parameters: at their temperature the gaps are known as well as measured. No branch, no band."""
    result = shipped[0]
    np.testing.assert_allclose(result.samples[0].curve_sigma[0], 0.2, rtol=1e-6)
    exists = np.isfinite(np.asarray(result.samples[0].curve.gaps))
    np.testing.assert_array_equal(np.isfinite(result.samples[0].curve_sigma), exists)
    lower = result.samples[0].curve_sigma[exists.all(axis=1), 0]
    assert np.all(np.diff(lower) >= -1e-6)
    assert lower[-1] > 10  # diverges at the fold


def test_no_covariance_no_band(shipped):
    result = shipped[0]
    p = result.problem
    sigma = curve_sigma(p, result.value, result.samples[0].curve, np.diag([np.inf, 1.0]))
    assert sigma.shape == result.samples[0].curve_sigma.shape
    assert np.isnan(sigma).all()


def test_the_comparison_reaches_T_c(shipped):
    """s++ of the same system; its smaller gap closes there."""
    result = shipped[0]
    T, gaps, T_c = (
        np.asarray(result.samples[0].comparison.T),
        np.asarray(result.samples[0].comparison.gaps),
        result.samples[0].T_c.value,
    )
    np.testing.assert_array_equal(T, np.asarray(result.samples[0].curve.T))
    np.testing.assert_array_equal(np.isfinite(gaps).all(axis=1), T_c > T)
    last = np.flatnonzero(T_c > T)[-1]
    assert T_c - T[last] < 2e-4 * T_c
    assert gaps[last, 0] < 0.02
    steps = np.abs(np.diff(gaps[T_c > T, 0]))
    assert steps.max() < 0.5  # [meV]: no jump at the end


def test_the_verdict_warns(shipped):
    text = verdict(shipped[0])
    assert "no degree of freedom" in text
    assert "0.2 meV is assumed" in text
    assert "36 K" in text
    assert "37 K" in text


# === the objective


@pytest.fixture(scope="module")
def fixed_problem():
    config, sc, rows = load_fit(SHIPPED)
    return problem(config, [sc], rows)


def objective(p, theta, near):
    """(chi^2, its gradient, amplitudes, on branch) at theta."""
    found = nested_at(p, np.asarray(theta, dtype=float), near)
    return np.sum(found.residuals**2), 2 * found.residuals @ found.jacobian, found.Delta, bool(found.on_branch)


_joint_and_slopes = jax.jit(jax.value_and_grad(joint_objective, argnums=(1, 2)))


def _joint(*arguments):
    return _joint_and_slopes(*arguments)[0]


def amplitudes_at(theta):
    return np.asarray(solve(materials.ba122(*theta), 0.0, branch="s+-").Delta.real)[None]


def chi2_at(theta):
    return np.sum(((gaps_at(theta) - [12.4, 6.2]) / 0.2) ** 2)


@pytest.mark.slow
@pytest.mark.parametrize("theta", [(0.02, 38.0), (0.05, 43.0)])
def test_gradient_of_the_objective(fixed_problem, theta):
    """On the branch: chi^2 of the solved gaps, and its gradient by the implicit function theorem."""
    near, steps = amplitudes_at(theta), 1e-5 * np.diag(theta)
    value, gradient, _, on_branch = objective(fixed_problem, theta, near)
    assert on_branch
    assert relative_error(value, chi2_at(theta)) < REPEATABLE
    slopes = [
        (objective(fixed_problem, theta + step, near)[0] - objective(fixed_problem, theta - step, near)[0]) / (2 * step.sum())
        for step in steps
    ]
    assert relative_error(gradient, slopes) < DIFFERENCES


@pytest.mark.slow
def test_a_missing_branch_is_an_ordinary_point_of_the_search(fixed_problem):
    """At lambda_13 = .1 and .14 there is no stable s+- solution, only another one: values and gradients are finite all the
    same."""
    assert int(solve(materials.ba122(0.1, 41.0), 0.0, branch="s+-").unstable_amplitude) == 1
    near = amplitudes_at((0.0313, 41.0))
    for theta in ((0.1, 41.0), (0.14, 41.0), (0.149, 49.9), (0.001, 20.1)):
        value, gradient, Delta, on_branch = objective(fixed_problem, theta, near)
        assert np.isfinite(value)
        assert np.isfinite(gradient).all()
        assert np.isfinite(Delta).all()
        # At another state (lambda_13 = .14, .149) amplitudes are held, and solve: only rounding depends on theta there.
        assert (np.abs(gradient).max() > 1) == (theta[0] in (0.1, 0.001))
        if theta[0] == 0.1:
            assert not on_branch
            assert relative_error(value, _joint(fixed_problem, np.array(theta), Delta)) < REPEATABLE


@pytest.mark.parametrize("away", [0.0, 0.1])
@pytest.mark.slow
def test_the_joint_residuals(fixed_problem, away):
    """Their squares add up to the joint objective, and their sparse derivatives to its gradient."""
    theta = jnp.array([0.02, 38.0])
    Delta = jnp.asarray(amplitudes_at((0.02, 38.0)) + away)
    found = joint(fixed_problem, theta, Delta)
    value, slopes = _joint_and_slopes(fixed_problem, theta, Delta)
    assert relative_error(jnp.sum(found.deviations**2) + jnp.sum(found.stiff**2), value) < REPEATABLE
    gradient = 2 * (found.deviations @ found.deviations_theta + jnp.einsum("tc,tck->k", found.stiff, found.stiff_theta))
    np.testing.assert_allclose(gradient, slopes[0], rtol=REPEATABLE, atol=REPEATABLE * float(value))
    # One temperature: all data belong to it; the parameters' rows come after theirs and know no amplitudes.
    d = found.deviations[: found.deviations_Delta.shape[0]]
    gradient = 2 * (d @ found.deviations_Delta + jnp.einsum("tc,tcd->td", found.stiff, found.stiff_Delta)[0])
    np.testing.assert_allclose(gradient, slopes[1][0], rtol=REPEATABLE, atol=REPEATABLE * float(value))


@pytest.mark.slow
def test_the_joint_objective_counts_the_gap_equations(fixed_problem):
    """chi^2 at a solution; away from one |r|^2 / s^2 is added, with s = .05 meV by default."""
    theta = np.array([0.02, 38.0])
    sc, Delta = materials.ba122(*theta), amplitudes_at(theta)
    assert relative_error(_joint(fixed_problem, theta, Delta), chi2_at(theta)) < REPEATABLE
    away = Delta + 0.1
    gaps, r = jax.jit(lambda D: (branch_minima_of(sc, D), gap_residual(sc, D, jnp.zeros(()))))(away[0])
    chi2 = np.sum(((np.asarray(gaps)[::-1] - [12.4, 6.2]) / 0.2) ** 2)
    assert relative_error(_joint(fixed_problem, theta, away), chi2 + r @ r / 0.05**2) < REPEATABLE


def test_parameters_set_all_their_leaves(fixed_problem):
    sc = system_at(fixed_problem, jnp.array([0.04, 39.0]))
    wanted = materials.ba122(0.04, 39.0)
    np.testing.assert_array_equal(sc.lam, wanted.lam)
    assert float(sc.Omega) == 39.0


# === the interval of the profile


def chi2_profile(v, k):
    """chi^2 at a fixed parameter, by brute force over the other one: a fine scan of solved gaps, then a parabola."""
    from scipy.optimize import minimize_scalar

    best = np.array([PRINTED["lambda_13"][0], PRINTED["Omega"][0]])
    theta = np.array([v, v])

    def chi2(other):
        theta[1 - k] = other
        theta[k] = v
        return chi2_at(theta)

    reach = np.array([0.004, 1.0])[1 - k]
    return minimize_scalar(
        chi2, bounds=(best[1 - k] - reach, best[1 - k] + reach), method="bounded", options={"xatol": 1e-8}
    ).fun


@pytest.mark.parametrize("k", [0, 1])
def test_an_interval_ends_where_chi2_has_risen_by_one(shipped, k):
    """Checked by another minimiser on gaps from `solve`: the profile at both ends is 1."""
    interval = shipped[0].intervals[k]
    assert interval.lower.reason == interval.upper.reason == "chi2"
    assert interval.lower.value < interval.best < interval.upper.value
    for side in (interval.lower, interval.upper):
        assert abs(chi2_profile(side.value, k) - 1.0) < 1e-3
    assert np.all(np.diff(interval.points[:, 0]) > 0)


def test_intervals_of_nonlinear_parameters_are_not_symmetric(shipped):
    result = shipped[0]
    interval, sigma = result.intervals[0], result.uncertainty[0]
    below, above = interval.best - interval.lower.value, interval.upper.value - interval.best
    assert below > 1.1 * sigma > 1.1 * above
    assert result.interval("lambda_13").lower == interval.lower
    wide = result.interval("lambda_13", 3.841)
    assert wide.lower.value < interval.lower.value
    assert wide.upper.value > interval.upper.value


def test_an_interval_may_end_at_a_bound_or_with_the_branch(shipped):
    """At 20 times the rise lambda_13 meets its lower bound, 0."""
    wide = shipped[0].interval("lambda_13", 40.0)
    assert (wide.lower.reason, wide.lower.value) == ("bound", 0.0)
    assert wide.upper.reason in ("branch", "chi2")
    with pytest.raises(InputError, match="name"):
        shipped[0].interval("lambda_31")
    with pytest.raises(InputError, match="rise"):
        shipped[0].interval("Omega", -1.0)


# === what data determine


def test_combinations_are_the_directions_of_the_covariance(shipped):
    """In relative changes: orthogonal, and together they give the covariance back."""
    result = shipped[0]
    found = combinations(result)
    V = np.array([list(known.exponents.values()) for known in found])
    np.testing.assert_allclose(V @ V.T, np.eye(2), atol=1e-12)
    assert found[0].relative_error < found[1].relative_error
    variance = V.T @ np.diag([known.relative_error**2 for known in found]) @ V
    assert relative_error(variance * np.outer(result.value, result.value), result.covariance) < REPEATABLE
    assert [known.text for known in found] == ["Omega", "lambda_13"]


@pytest.mark.slow
def test_the_next_measurement(shipped):
    """One more small gap at a temperature where it is: as inverting the information with slopes of solved gaps says."""
    result = shipped[0]
    rows = next_measurement(result, "lambda_13")
    assert [row.uncertainty for row in rows] == sorted(row.uncertainty for row in rows)
    assert all(row.uncertainty <= result.uncertainty[0] * (1 + 1e-9) for row in rows)
    best = next(row for row in rows if row.quantity == LOWER)
    assert 0.9 * FOLD[0] < best.T < FOLD[0]

    def gap(theta):
        return float(branch_minima(solve(materials.ba122(*theta), best.T, branch="s+-"))[0])

    steps = 1e-4 * np.diag(result.value)
    slope = np.array([(gap(result.value + s) - gap(result.value - s)) / (2 * s.sum()) for s in steps]) / best.error
    information = np.linalg.inv(result.covariance) + np.outer(slope, slope)
    assert relative_error(best.uncertainty, np.sqrt(np.linalg.inv(information)[0, 0])) < COVARIANCE
    again = next_measurement(result, "lambda_13", error_meV=1e6, error_K=1e6)
    np.testing.assert_allclose([row.uncertainty for row in again], result.uncertainty[0], rtol=1e-6)
    with pytest.raises(InputError, match="lambda_31"):
        next_measurement(result, "lambda_31")
    with pytest.raises(InputError, match="error_meV"):
        next_measurement(result, "Omega", error_meV=0.0)


# === kinds of data, losses, what is known beforehand


def test_differences_ratios_and_limits(folder):
    """Every kind of row against the gaps and T_c from which it is made."""
    pair = f"{UPPER} - {LOWER}"
    rows = [
        row(pair, 0, 6.0, 0.2),
        row(f"{UPPER} / {LOWER}", 0, 2.0, 0.1, unit="1"),
        row(f"2 {LOWER} / k_B T_c", 0, 3.0, 0.2, unit="1"),
        row(UPPER, 0, 12.0, 0.5),
        row("T_c", "", 79.0, 1.0, unit="K"),
        row("coherence_peak[alpha:beta upper]", 0, 12.0),
        row("fermi_momentum[beta]", 0, 6.0),
    ]
    data(folder, HEADER + "".join(rows))
    config, sc, read = load_fit(folder)
    assert [d.quantity for d in read][:3] == [pair, f"{UPPER} / {LOWER}", f"2 {LOWER} / k_B T_c"]
    p = problem(config, [sc], read)
    theta = (0.03, 41.0)
    upper, lower = gaps_at(theta)
    T_c = float(critical_temperature(materials.ba122(*theta)))
    state = solve(materials.ba122(*theta), 0.0, branch="s+-")
    strongest = max((p for p in coherence_peaks(state) if "upper" in p.branch and p.weight > 0), key=lambda p: p.weight)
    wanted = [upper - lower, upper / lower, 2 * lower / (0.08617333262 * T_c), upper, T_c]
    wanted += [strongest.energy, float(fermi_momentum_gaps(state).gap[1])]
    found = jax.jit(predictions)(p, jnp.asarray(theta), jnp.asarray(amplitudes_at(theta)))
    assert relative_error(found, wanted) < REPEATABLE


def test_limits_cost_nothing_when_kept(folder):
    """-2 ln of the probability to be on the right side: 2 ln 2 at the limit itself, z^2 + ... far beyond it, 0 far inside."""
    header = HEADER.replace("how_obtained", "how_obtained,limit")
    text = header + row(UPPER, 0, 12.4, 0.2).rstrip() + ",\n" + row(LOWER, 0, 6.0, 0.5).rstrip() + ",upper\n"
    text += row(LOWER, 0, 6.0, 0.5).rstrip() + ",lower\n"
    data(folder, text)
    config, sc, read = load_fit(folder)
    p = problem(config, [sc], read)
    deviations_of = jax.jit(lambda y: deviations(p, y))
    far = deviations_of(jnp.array([12.4, 1.0, 1.0]))
    assert float(far[0]) == 0.0
    assert float(far[1]) < 1e-10
    assert 10 < float(far[2]) < 10.5
    at = deviations_of(jnp.array([12.4, 6.0, 6.0]))
    np.testing.assert_allclose(at[1:] ** 2, 2 * np.log(2), rtol=1e-12)
    slope = jax.jit(jax.jacfwd(deviations_of))(jnp.array([12.4, -30.0, 60.0]))
    assert np.isfinite(slope).all()


def test_bad_columns(folder):
    data(folder, HEADER.replace("how_obtained", "how_obtained,limits") + row(UPPER, 0, 12.4).rstrip() + ",upper\n")
    assert "unknown column `limits`" in complaint(folder)
    data(folder, HEADER.replace("how_obtained", "how_obtained,limit") + row(UPPER, 0, 12.4).rstrip() + ",most\n")
    assert "`limit` must be upper, lower or empty" in complaint(folder)


@pytest.mark.parametrize(("loss", "cost"), [("soft_l1", lambda s: 2 * (np.sqrt(1 + s) - 1)), ("cauchy", np.log1p)])
def test_losses(folder, loss, cost):
    edit(folder, "[optimiser]", f'loss = "{loss}"\n\n[optimiser]')
    config, sc, read = load_fit(folder)
    p = problem(config, [sc], read)
    deviations_of = jax.jit(lambda y: deviations(p, y))
    for z in (0.0, 1e-6, 0.5, -3.0, 100.0):
        found = float(deviations_of(jnp.array([12.4 + 0.2 * z, 6.2]))[0])
        assert np.isclose(found**2, cost(z**2), rtol=1e-9)
        assert np.sign(found) == np.sign(z)
    slope = jax.jit(jax.jacfwd(deviations_of))(jnp.array([12.4, 6.2]))
    np.testing.assert_allclose(slope, np.eye(2) / 0.2, rtol=1e-12)


@pytest.mark.slow
def test_what_is_known_beforehand_counts_as_a_datum(fixed_problem, folder):
    edit(folder, "bounds = [20.0, 50.0]", "bounds = [20.0, 50.0]\nprior = [38.0, 0.5]")
    config, sc, read = load_fit(folder)
    p = problem(config, [sc], read)
    theta, near = np.array([0.03, 41.0]), amplitudes_at((0.03, 41.0))
    without = np.sum(nested_at(fixed_problem, theta, near).residuals ** 2)
    assert np.isclose(np.sum(nested_at(p, theta, near).residuals ** 2), without + ((41.0 - 38.0) / 0.5) ** 2, rtol=1e-12)


def test_the_shipped_fit_has_no_criteria_to_spare(shipped):
    """Two data, two parameters: AIC = 2 k, BIC = k ln n, no AICc."""
    criteria = shipped[0].criteria
    assert np.isclose(criteria["AIC"], 4.0)
    assert np.isclose(criteria["BIC"], 2 * np.log(2))
    assert np.isnan(criteria["AICc"])


def test_what_is_known_beforehand_is_a_degree_of_freedom(shipped):
    """As configuration says: one more datum."""
    result = shipped[0]
    assert result.degrees_of_freedom == 0
    parameters = dict(result.config.parameters)
    parameters["Omega"] = parameters["Omega"].model_copy(update={"prior": (38.0, 0.5)})
    known = result._replace(config=result.config.model_copy(update={"parameters": parameters}))
    assert known.degrees_of_freedom == 1
    assert np.isclose(known.criteria["BIC"], 2 * np.log(3))


@pytest.mark.slow
def test_both_searches_find_the_same_minimum(folder, shipped):
    edit(folder, "seed = 0", 'seed = 0\nsearch = "adam"')
    result = fit(*load_fit(folder))
    assert result.start_converged.all()
    assert relative_error(result.value, shipped[0].value) < REPEATABLE
    assert result.evaluations > 10 * shipped[0].evaluations


@pytest.mark.slow
def test_the_end_of_the_branch_can_be_fitted(folder, shipped):
    """The upper gap and the temperature at which s+- ends, as the shipped fit predicts it: the same couplings."""
    end = shipped[0].samples[0].end.value
    data(folder, HEADER + row(UPPER, 0, 12.4, 0.2) + row("branch_end", "", f"{end:.10f}", 0.5, unit="K"))
    edit(folder, "starts = 16", "starts = 4")
    result = fit(*load_fit(folder))
    assert relative_error(result.value, shipped[0].value) < TRUTH
    assert result.chi2 < 1e-10


@pytest.mark.slow
def test_an_end_at_a_change_of_sign_can_be_fitted(folder):
    """Where s+- goes over into s++ and does not fold: the couplings of the synthetic gap and end."""
    truth = (0.02, 38.0)
    sc = materials.ba122(*truth)
    gap, end = float(branch_minima_of(sc, solve(sc, 0.0, branch="s+-").Delta.real)[1]), branch_end(sc, "s+-")
    assert int(end.kind) == EndKind.SIGN_CHANGE
    data(folder, HEADER + row(UPPER, 0, f"{gap:.10f}", 0.2) + row("branch_end", "", f"{float(end.T):.10f}", 0.5, unit="K"))
    edit(folder, "starts = 16", "starts = 4")
    result = fit(*load_fit(folder))
    assert relative_error(result.value, np.array(truth)) < TRUTH
    # One start ends beyond the change of sign, where s+- is a saddle: no state that a fit takes.
    taken = np.isfinite(result.start_chi2)
    assert taken.sum() == 3
    assert result.start_converged[taken].all()


class Misfit:
    """Two data that never fit beside two that can, with a bend: chi^2 = 2e8 does not see the last steps to the minimum."""

    def __call__(self, x):
        r = np.array([1e4, 1e4, x[0] + 0.1 * x[0] ** 2 - 1, 3 * (x[1] - x[0])])
        return r, np.array([[0, 0], [0, 0], [1 + 0.2 * x[0], 0], [-3, 3]], float)


@pytest.mark.parametrize("steps", [minimise.POLISHING, 0])
def test_a_minimum_is_reached_where_chi2_does_not_see_it(monkeypatch, steps):
    """Gauss-Newton steps go on where the trust region sees no progress; without them the test fails."""
    monkeypatch.setattr(minimise, "POLISHING", steps)
    bounds, scale = (np.full(2, -10.0), np.full(2, 10.0)), np.full(2, 20.0)
    end = minimise.minimised(Misfit(), np.array([5.0, -5.0]), bounds, scale, 1e-9, 100)
    left = minimise.distance(*Misfit()(end.x), end.x, bounds, scale, 1e-9)
    assert (left <= 1e-9) == (steps > 0)


# === data that do not determine the parameters

THIRD = """
[parameters.lambda_33]
bounds = [0.1, 0.3]
start = 0.25
[parameters.lambda_33.sets]
"lam[alpha:beta, alpha:beta]" = 1.0

[data]
"""
MASS = """
[parameters.mass]
bounds = [0.5, 2.0]
start = 1.0
[parameters.mass.sets]
"mass[alpha]" = 1.0
"mass[beta]" = 1.0

[data]
"""


def test_a_parameter_that_the_data_do_not_see(folder, shipped):
    """A common mass of 2D bands drops out of everything; the other two parameters are as well determined as without it."""
    edit(folder, "[data]\n", MASS)
    config, sc, rows = load_fit(folder)
    p = problem(config, [sc], rows)
    J = np.concatenate([deviation_slopes(shipped[0].value), np.zeros((2, 1))], axis=1)
    covariance, undetermined = curvature(p, J)
    np.testing.assert_allclose(np.abs(undetermined), [[0.0, 0.0, 1.0]], atol=COVARIANCE)
    assert np.isposinf(covariance[2, 2])
    assert relative_error(covariance[:2, :2], shipped[0].covariance) < COVARIANCE


@pytest.mark.slow
def test_a_fit_with_a_parameter_that_the_data_do_not_see(folder, shipped):
    """The same, from the fit itself."""
    edit(folder, "[data]\n", MASS)
    edit(folder, "starts = 16", "starts = 2")
    result = fit(*load_fit(folder))
    assert relative_error(result.value[:2], shipped[0].value) < TRUTH
    assert relative_error(result.uncertainty[:2], shipped[0].uncertainty) < COVARIANCE
    assert np.isposinf(result.uncertainty[2])
    assert "do not determine mass" in verdict(result)


@pytest.mark.slow
def test_a_fit_says_what_the_data_do_not_determine(folder):
    """Any of three parameters can be traded for the others: two data determine none of them."""
    edit(folder, "[data]\n", THIRD)
    edit(folder, "starts = 16", "starts = 4")
    result = fit(*load_fit(folder))
    assert result.chi2 < 1e-6
    assert result.undetermined.shape == (1, 3)
    assert np.all(np.isposinf(result.uncertainty))
    assert "do not determine" in verdict(result)
    report = strict(json.dumps(as_json(result), allow_nan=False))
    assert [p["uncertainty"] for p in report["parameters"]] == ["Infinity"] * 3
    assert all(p["uncertainty"] == "Infinity" for p in report["samples"][0]["predictions"])
    assert np.isnan(result.samples[0].curve_sigma).all()
    write_report(result, folder)
    np.testing.assert_array_equal(load_result(folder).covariance, result.covariance)


# === data with a known truth


@pytest.mark.slow
def test_synthetic_data_recover_their_truth(folder):
    """Gaps calculated, not measured, at three temperatures for lambda_13 = .02 and Omega = 38."""
    truth = np.array([0.02, 38.0])
    text = HEADER
    for T in (1.0, 15.0, 25.0):
        lower, upper = branch_minima(solve(materials.ba122(*truth), T, branch="s+-"))
        text += row(UPPER, T, f"{float(upper):.10f}", 0.1) + row(LOWER, T, f"{float(lower):.10f}", 0.1)
    data(folder, text)
    edit(folder, "starts = 16", "starts = 6")
    result = fit(*load_fit(folder))
    assert relative_error(result.value, truth) < TRUTH
    assert result.chi2 < PERFECT
    assert {1.0, 15.0, 25.0} <= set(np.asarray(result.samples[0].curve.T).tolist())
    assert np.isfinite(result.uncertainty).all()
    assert "no degree of freedom" not in verdict(result)
    assert "assumed" not in verdict(result)


def test_no_start_on_the_branch_is_said():
    with pytest.raises(NotConvergedError, match="no start ended at parameters"):
        _best(np.array([np.inf, np.inf]), np.array([False, False]), np.array([True, True]))


def test_an_end_without_derivatives_is_no_minimum():
    """A NaN in the Jacobian used to count as converged, and could be the best start."""
    chi2, yes, no = np.array([1.0, 2.0]), np.array([True, True]), np.array([False, True])
    assert _best(chi2, yes, no) == 1
    with pytest.raises(NotConvergedError, match="has no derivative"):
        _best(chi2, yes, ~yes)
    bounds = np.zeros(1), np.ones(1)
    assert distance(np.ones(1), np.array([[np.nan]]), np.full(1, 0.5), bounds, np.ones(1)) == np.inf


# === bad input


def complaint(folder):
    """The one sentence of the error; load_fit raises nothing else."""
    with pytest.raises(InputError) as caught:
        load_fit(folder)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text.replace(str(folder), "")) < 350
    return text


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("seed = 0", "seed = 0\nsteps = 3", "unknown key `optimiser.steps`"),
        ("seed = 0", "seed = 0\nadam_steps = 3", '`optimiser.adam_steps` has an effect only with search = "adam"'),
        ("starts = 16", "starts = 0", "`optimiser.starts`"),
        ("[optimiser]", "[junctions.tip]\nGamma = 0.1\n[optimiser]", "no spectrum in the data is of [junctions.tip]"),
        ('branch = "s+-" ', 'brunch = "s+-" ', "branch"),
        ("[data]\n", "[date]\n", "data"),
        ('unit = "meV"', 'unit = "meV"\nguess = 3', "unknown key `parameters.Omega.guess`"),
        ('title = "', "title = ", "not valid TOML"),
        ("[data]\n", "[data\n", "not valid TOML"),
        ('material = "ba122" ', 'material = "bscco" ', "unknown material `bscco`"),
        ('material = "ba122" ', "", "exactly one of `material`, `file` and `inline`"),
        ('material = "ba122" ', 'file = "system.toml" ', "system.toml"),
        ('branch = "s+-" ', 'branch = "d" ', "`branch` must"),
        ('branch = "s+-" ', 'branch = "+-+" ', "`branch` must"),
        ("start = 0.05", "start = 0.2", "start 0.2 is not inside the bounds"),
        ("start = 0.05", "start = nan", "lambda_13"),
        ("bounds = [0.0, 0.15]", "bounds = [0.15, 0.0]", "lower bound must be below"),
        ("bounds = [0.0, 0.15]", "bounds = [0.05, 0.05]", "lower bound must be below"),
        ("bounds = [0.0, 0.15]", "bounds = [0.0]", "bounds"),
        ("bounds = [0.0, 0.15]", "bounds = [0.0, inf]", "bounds"),
        ("bounds = [20.0, 50.0]", "bounds = [-20.0, 50.0]", "`Omega` must be positive"),
        ("bounds = [20.0, 50.0]", "bounds = [0.0, 50.0]", "`Omega` must be positive"),
        ('"lam[beta, alpha:beta]" = 1.0', '"lam[gamma, alpha:beta]" = 1.0', "gamma"),
        ('"lam[beta, alpha:beta]" = 1.0', '"gap[beta]" = 1.0', "Unknown path `gap[beta]`"),
        ('"lam[beta, alpha:beta]" = 1.0', '"lam[beta" = 1.0', "lam[beta"),
        ('"lam[beta, alpha:beta]" = 1.0', '"Omega" = 1.0', "Omega"),
        ('"lam[beta, alpha:beta]" = 1.0', '"lam[beta, alpha:beta]" = "one"', "lambda_13"),
        ("starts = 16", "starts = 0", "optimiser.starts"),
        ("starts = 16", "starts = 1.5", "optimiser.starts"),
        ("starts = 16", 'starts = "many"', "optimiser.starts"),
        ("assumed_error_meV = 0.2", "assumed_error_meV = 0.0", "assumed_error_meV"),
        ("assumed_error_meV = 0.2", "assumed_error_meV = -0.2", "assumed_error_meV"),
        ('file = "data.csv"', 'file = "other.csv"', "other.csv` does not exist"),
        ('file = "data.csv"', 'file = "."', "Is a directory"),
    ],
)
def test_bad_configuration(folder, old, new, says):
    edit(folder, old, new)
    text = complaint(folder)
    assert says in text
    assert str(folder) in text or "`branch` must" in text


def test_two_parameters_set_the_same_path(folder):
    edit(folder, "[parameters.Omega.sets]\nOmega = 1.0", '[parameters.Omega.sets]\n"lam[beta, alpha:beta]" = 1.0')
    says = complaint(folder)
    assert "`lam[beta, alpha:beta]` is set" in says
    assert "`lambda_13` and" in says
    assert "`Omega`" in says


def test_two_spellings_of_the_same_path(folder):
    """lambda_13 is an alias of lam[alpha, alpha:beta], and beta:alpha is alpha:beta."""
    edit(folder, "[parameters.Omega.sets]\nOmega = 1.0", "[parameters.Omega.sets]\nlambda_13 = 0.001")
    says = complaint(folder)
    assert "`lam[alpha, alpha:beta]` is set" in says
    assert "`lambda_13` and" in says
    assert "`Omega`" in says


def test_no_parameters(folder):
    text = (folder / "fit.toml").read_text(encoding="utf-8")
    start, end = text.index("[parameters.lambda_13]"), text.index("[data]")
    (folder / "fit.toml").write_text("parameters = {}\n" + text[:start] + text[end:], encoding="utf-8")
    assert "parameters" in complaint(folder)


def test_missing_files(folder, tmp_path):
    assert "has no fit.toml" in complaint(tmp_path / "nowhere")
    (folder / "data.csv").unlink()
    assert "data.csv` does not exist" in complaint(folder)
    (folder / "fit.toml").unlink()
    assert "has no fit.toml" in complaint(folder)


def test_binary_files(folder):
    (folder / "data.csv").write_bytes(b"\xff\xfe\x00\x01")
    assert "data.csv" in complaint(folder)
    (folder / "fit.toml").write_bytes(b"\xff\xfe\x00\x01")
    assert "fit.toml" in complaint(folder)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the column `quantity` is missing"),
        (HEADER, "has no rows"),
        (HEADER.replace("error,", "") + ROWS, "the column `error` is missing"),
        (ROWS, "the column `quantity` is missing"),
        (HEADER + row(UPPER, 0, 12.4, use="show"), "nothing to fit"),
    ],
    ids=["empty", "header only", "missing column", "no header", "nothing to fit"],
)
def test_bad_tables(folder, text, says):
    data(folder, text)
    complaint_ = complaint(folder)
    assert says in complaint_
    assert "data.csv" in complaint_


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (row(LOWER, 0, "six"), "the column `value` must hold a number, but holds `six`"),
        (row(LOWER, "cold", 6.2), "the column `T_K` must hold a number, but holds `cold`"),
        (row(LOWER, 0, 6.2, "small"), "the column `error` must hold a number"),
        (row(LOWER, 0, "nan"), "the column `value` must be finite"),
        (row(LOWER, 0, 6.2, "inf"), "the column `error` must be finite"),
        (row(LOWER, "nan", 6.2), "the column `T_K` must be finite"),
        (row(LOWER, 0, ""), "the column `value` is empty"),
        (row(LOWER, 0, 6.2, -0.2), "error must be positive, but is -0.2"),
        (row(LOWER, 0, 6.2, 0.0), "error must be positive"),
        (row(LOWER, -4, 6.2), "T_K must not be negative"),
        (row(LOWER, "", 6.2), "needs a temperature"),
        (row(LOWER, 0, 6.2, unit="K"), "the unit of `branch_minimum[alpha:beta lower]` must be meV"),
        (row(LOWER, 0, 6.2, use="maybe"), "`use` must be one of"),
        (row("gap", 0, 6.2), "unknown quantity `gap`"),
        (row("branch_minimum[alpha:beta middle]", 0, 6.2), "must be of one of"),
        (row("branch_minimum", 0, 6.2), "must be of one of"),
        (row("fermi_momentum[gamma]", 0, 6.2), "must be of one of alpha, beta"),
        (row("T_c[alpha]", "", 37, unit="K"), "takes nothing in brackets"),
        (row("-", "", 12), "can only be shown"),
        (row(f"{UPPER} / T_c", 0, 2.0, 0.1, unit="1"), "unknown quantity"),
        (row(f"{UPPER} * {LOWER}", 0, 2.0, 0.1, unit="1"), "unknown quantity"),
        (row(f"{UPPER} / {LOWER}", 0, 2.0, 0.1), "must be 1"),
        (row(f"{UPPER} / {LOWER}", 0, 2.0, unit="1"), "a number without unit that is fitted needs an error"),
        (row(f"{UPPER} - fermi_momentum[gamma]", 0, 2.0), "must be of one of alpha, beta"),
        ("just,three,cells\n", "must have 9 cells"),
        (row(LOWER, 0, 6.2).strip() + ",one more\n", "must have 9 cells"),
    ],
)
def test_bad_rows_are_named_by_their_line(folder, bad, says):
    data(folder, HEADER + row(UPPER, 0, 12.4) + bad)
    text = complaint(folder)
    assert says in text
    assert f"{folder / 'data.csv'}:3:" in text


def test_a_missing_branch_of_the_fit_is_said_at_the_end_only(folder):
    """A sign pattern that this system may not have is no bad input: `load_fit` accepts it."""
    edit(folder, 'branch = "s+-" ', 'branch = "++" ')
    assert load_fit(folder)[0].system.branch == "++"
