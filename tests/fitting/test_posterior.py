"""Posteriors: the density and its gradient, draws against what is known of them, and runs that are interrupted.

All problems here differ in numbers only (data, errors, bounds), so that the programs of one serve all.
"""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import relative_error

from jaxgap import InputError, NotConvergedError, branch_end, materials, solve
from jaxgap.commands import fit as commands
from jaxgap.fitting import inference_data, load_fit, plot_posterior, posterior
from jaxgap.fitting.checkpoint import drawn_so_far, load_checkpoint, save_checkpoint
from jaxgap.fitting.density import density, evaluated, laplace, potential, theta_of
from jaxgap.fitting.prior import MOST
from jaxgap.fitting.problem import problem
from jaxgap.fitting.profile import Interval, Side
from jaxgap.fitting.report import posterior as report
from jaxgap.fitting.result import FitResult, SampleResult
from jaxgap.fitting.sampler import _evaluated
from jaxgap.observables import branch_minima

pytestmark = pytest.mark.slow
"""All of them need draws, or the programs that make them."""

SHIPPED = Path(__file__).parents[2] / "fits" / "ba0.6k0.4fe2as2"
TRUTH = np.array([0.02, 38.0])
TEMPERATURES = (5.0, 20.0)
BOUNDS = ((0.0, 0.15), (20.0, 50.0))
CHAINS, WARMUP = 4, 100
RUN = {"chains": CHAINS, "warmup": WARMUP, "seed": 0}
DIFFERENCES = 1e-6
"""Central differences of the potential with steps of 1e-5."""
REPEATABLE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""
SIGMAS = 4.0
"""Monte Carlo errors by which an estimate from draws may be off (fixed seed)."""
WIDE = 0.8
"""Errors [meV] with which the posterior reaches the edge of the branch."""
NARROW = 0.02
"""Errors of 0.02 meV leave the gaps linear in the parameters, and the posterior Gaussian, to a few per cent of a standard
deviation."""


def gaps_at(theta):
    """(upper, lower) gap at all temperatures, one after the other, and the amplitudes."""
    states = [solve(materials.ba122(*theta), T, branch="s+-") for T in TEMPERATURES]
    gaps = np.concatenate([np.asarray(branch_minima(state))[::-1] for state in states])
    return gaps, np.stack([np.asarray(state.Delta.real) for state in states])


def fitted(folder, error, bounds=BOUNDS, **changes):
    """The fit of gaps calculated at TRUTH, which is its optimum, with this error [meV] each."""
    gaps, Delta = gaps_at(TRUTH)
    header, rows = "quantity,T_K,value,error,unit,use,technique,source,how_obtained\n", []
    places = [(name, T) for T in TEMPERATURES for name in ("upper", "lower")]
    for (name, T), gap in zip(places, gaps, strict=True):
        rows.append(f"branch_minimum[alpha:beta {name}],{T},{float(gap)!r},{error},meV,fit,synthetic,tests,calculated\n")
    folder.mkdir(exist_ok=True)
    (folder / "data.csv").write_text(header + "".join(rows), encoding="utf-8")
    text = (SHIPPED / "fit.toml").read_text(encoding="utf-8").replace("start = 0.05\n", "").replace("start = 35.0\n", "")
    text = text.replace("[0.0, 0.15]", str(list(bounds[0]))).replace("[20.0, 50.0]", str(list(bounds[1])))
    (folder / "fit.toml").write_text(text, encoding="utf-8")
    config, sc, data = load_fit(folder)
    h = 1e-4 * np.diag(TRUTH)
    slopes = [(gaps_at(TRUTH + s)[0] - gaps_at(TRUTH - s)[0]) / (2 * s.sum() * error) for s in h]
    J = np.concatenate([np.stack(slopes, axis=1), np.zeros((2, 2))])
    covariance = np.linalg.inv(J.T @ J)
    sigma = np.sqrt(np.diag(covariance))
    intervals = [
        Interval(name, value, 1.0, Side(value - s, "chi2"), Side(value + s, "chi2"), np.array([[value, 0.0]]))
        for name, value, s in zip(config.parameters, TRUTH.tolist(), sigma.tolist(), strict=True)
    ]
    samples = (SampleResult(**{**dict.fromkeys(SampleResult._fields), "name": "", "superconductor": sc}),)
    known = {
        "config": config,
        "data": data,
        "samples": samples,
        "value": TRUTH,
        "covariance": covariance,
        "jacobian": J,
        "branch": "s+-",
    }
    known |= {"amplitudes": Delta, "chi2": 0.0, "intervals": tuple(intervals), "start_converged": np.array([True])}
    return FitResult(**{**dict.fromkeys(FitResult._fields), **known, **changes})


def sample(folder, draws, progress=lambda *_: None, block=20, **changes):
    """Draws of the nearly linear problem; a process of its own calls this, too."""
    return posterior(fitted(folder, NARROW), **{**RUN, **changes}, draws=draws, folder=folder, block=block, progress=progress)


@pytest.fixture(scope="module")
def linear(optimised, tmp_path_factory):
    """(draws of the nearly linear problem, its fit, its folder)."""
    folder = tmp_path_factory.mktemp("linear") / "fit"
    return sample(folder, 300), fitted(folder, NARROW), folder


def density_of(result):
    p = result.problem
    return density(p, result.value, result.amplitudes)


@pytest.fixture(scope="module")
def curved(tmp_path_factory):
    """A density that reaches the edge of the branch and is cut by a bound: (fit, density)."""
    result = fitted(tmp_path_factory.mktemp("curved") / "fit", WIDE, ((0.01, 0.15), (20.0, 38.5)))
    return result, density_of(result)


def coordinates(d, theta):
    share = (np.asarray(theta) - np.asarray(d.p.lower)) / np.asarray(d.p.upper - d.p.lower)
    return np.log(share) - np.log1p(-share)


def at(d, theta):
    """The density at rows of parameters, as many at once as there are chains."""
    u = coordinates(d, theta)
    pieces = [_evaluated(d, np.resize(u[i : i + CHAINS], (CHAINS, u.shape[1]))) for i in range(0, len(u), CHAINS)]
    return jax.tree.map(lambda *parts: np.concatenate(parts)[: len(u)], *jax.tree.map(np.asarray, pieces))


# === the density


def test_the_potential_is_that_of_solved_gaps(curved):
    result, d = curved
    theta = np.array([[0.03, 37.0], [0.015, 38.2], [0.02, 30.0]])
    found = at(d, theta)
    errors = WIDE * np.ones(4)
    for row, t in enumerate(theta):
        z = (gaps_at(t)[0] - gaps_at(TRUTH)[0]) / errors
        np.testing.assert_allclose(found.deviations[row], z, rtol=0, atol=REPEATABLE)
        u = coordinates(d, t)
        wanted = z @ z / 2 - np.sum(np.log(1 / (1 + np.exp(-u)) / (1 + np.exp(u))))
        assert relative_error(found.potential[row], wanted) < REPEATABLE
    assert found.exists.all()
    np.testing.assert_allclose(theta_of(d.p, jnp.asarray(coordinates(d, theta[0]))), theta[0], rtol=1e-12)
    assert len(result.fitted) == 4


def test_the_gradient_is_that_of_the_potential(curved):
    _, d = curved
    u = coordinates(d, np.array([[0.03, 37.0], [0.015, 38.2], [0.02, 30.0], [0.011, 38.0]]))
    gradient = np.asarray(_evaluated(d, u).gradient)
    for k, h in enumerate(1e-5 * np.eye(2)):
        slope = np.asarray(_evaluated(d, u + h).potential - _evaluated(d, u - h).potential) / 2e-5
        assert relative_error(gradient[:, k], slope) < DIFFERENCES


def test_the_sampler_sees_the_same_gradient(curved):
    """jax.grad of the potential, and where the branch is missing a finite zero."""
    _, d = curved
    f = jax.jit(jax.value_and_grad(lambda u: potential(d, u)))
    for theta in ([0.03, 37.0], [0.1, 38.0]):
        u = coordinates(d, np.array([theta]))
        here = jax.tree.map(lambda leaf: leaf[0], at(d, np.array([theta])))
        value, gradient = f(jnp.asarray(u[0]))
        np.testing.assert_allclose([value, *gradient], [here.potential, *here.gradient], rtol=REPEATABLE)


def test_the_density_is_zero_without_a_branch(curved):
    """At lambda_13 = .1 there is no stable s+- solution: infinite, with a gradient that is a number."""
    _, d = curved
    assert int(solve(materials.ba122(0.1, 38.0), TEMPERATURES[0], branch="s+-").unstable_amplitude) == 1
    found = at(d, np.array([[0.1, 38.0], [0.03, 37.0]]))
    np.testing.assert_array_equal(found.exists, [False, True])
    assert found.potential[0] == found.chi2[0] == np.inf
    np.testing.assert_array_equal(found.gradient[0], 0.0)
    assert np.isfinite(found.deviations).all()
    assert np.isfinite(found.potential[1])


def test_the_end_of_the_branch_is_a_datum(tmp_path):
    """A row of kind branch_end: its deviation is that of the fold, and the gradient follows."""
    fitted(tmp_path / "fit", 0.2)
    with open(tmp_path / "fit" / "data.csv", "a", encoding="utf-8") as file:
        file.write("branch_end,,30,1,K,fit,synthetic,tests,calculated\n")
    config, sc, data = load_fit(tmp_path / "fit")
    d = density(problem(config, [sc], data), TRUTH, gaps_at(TRUTH)[1])
    f = jax.jit(lambda u: evaluated(d, u))
    theta = np.array([0.025, 38.5])
    u = coordinates(d, theta)
    here = f(u)
    end = float(branch_end(materials.ba122(*theta), "s+-").T)
    assert abs(float(here.deviations[4]) - (end - 30)) < 1e-6
    slopes = [float(f(u + h).potential - f(u - h).potential) / 2e-5 for h in 1e-5 * np.eye(2)]
    assert relative_error(here.gradient, slopes) < 1e-5
    assert bool(here.exists)


def test_the_gaussian_around_the_optimum(linear):
    """Its covariance, brought back to the parameters, is that of the fit."""
    _, result, _ = linear
    d = density_of(result)
    u, C = laplace(d.p, result.value, result.jacobian)
    share = 1 / (1 + np.exp(-u))
    slope = np.asarray(d.p.upper - d.p.lower) * share * (1 - share)
    np.testing.assert_allclose(C * np.outer(slope, slope), result.covariance, rtol=0.01)


# === the draws


def test_a_linear_problem_has_the_posterior_of_its_covariance(linear):
    found, result, _ = linear
    x = found.draws.reshape(-1, 2)
    for k, (m, sigma) in enumerate(zip(found.summary, result.uncertainty, strict=True)):
        error = sigma / np.sqrt(m.ess_bulk)
        assert abs(m.mean - TRUTH[k]) < SIGMAS * error
        assert abs(m.sd - sigma) < SIGMAS * error
        np.testing.assert_allclose(m.interval_68, TRUTH[k] + sigma * np.array([-0.9945, 0.9945]), atol=2 * SIGMAS * error)
        np.testing.assert_allclose(m.interval_95, TRUTH[k] + sigma * np.array([-1.96, 1.96]), atol=3 * SIGMAS * error)
    rho = result.covariance[0, 1] / np.prod(result.uncertainty)
    effective = min(m.ess_bulk for m in found.summary)
    assert abs(found.correlation[0, 1] - rho) < SIGMAS * (1 - rho**2) / np.sqrt(effective) + 0.01
    # Two parameters: chi^2 above its minimum has a mean of 2 and a variance of 4.
    assert abs(found.chi2.mean() - 2.0) < SIGMAS * 2 / np.sqrt(effective)
    assert found.divergences == 0
    assert x.std(axis=0).min() > 0


def test_chi2_belongs_to_the_draws(linear):
    found, result, _ = linear
    d = density_of(result)
    rows = found.draws[:, -1]
    again = at(d, rows)
    np.testing.assert_allclose(again.chi2, found.chi2[:, -1], rtol=1e-6)
    np.testing.assert_allclose(np.sum(found.deviations**2, axis=-1), found.chi2, rtol=1e-12)


def test_bounds_are_respected(tmp_path):
    """A bound half a standard deviation above the optimum cuts the posterior there, and nothing goes beyond it."""
    result = fitted(tmp_path / "fit", NARROW)
    upper = float(TRUTH[1] + result.uncertainty[1] / 2)
    cut = posterior(fitted(tmp_path / "fit", NARROW, (BOUNDS[0], (20.0, upper))), **RUN, draws=30)
    assert cut.draws[:, :, 1].max() <= upper
    assert cut.draws[:, :, 1].max() > TRUTH[1] + 0.3 * result.uncertainty[1]
    assert cut.summary[1].mean < TRUTH[1]


def test_a_posterior_with_an_edge_and_a_bound(curved):
    """Mean and spread against quadrature on a grid; there is nothing beyond the edge of the branch and the bounds."""
    result, d = curved
    found = posterior(result, **RUN, draws=1000)
    n = 60
    middle = (np.arange(n) + 0.5) / n
    low, high = np.asarray(d.p.lower), np.minimum(np.asarray(d.p.upper), [0.1, 38.5])
    grid = np.stack(np.meshgrid(*(low + (high - low) * middle[:, None]).T, indexing="ij"), axis=-1).reshape(-1, 2)
    here = at(d, grid)
    weight = np.exp(-here.chi2 / 2)
    weight /= weight.sum()
    mean = weight @ grid
    sd = np.sqrt(weight @ (grid - mean) ** 2)
    for k, m in enumerate(found.summary):
        assert abs(m.mean - mean[k]) < SIGMAS * sd[k] / np.sqrt(m.ess_bulk) + 0.02 * sd[k]
        assert abs(m.sd - sd[k]) < SIGMAS * sd[k] / np.sqrt(m.ess_bulk) + 0.02 * sd[k]
    assert np.all(found.draws >= d.p.lower)
    assert np.all(found.draws <= d.p.upper)
    assert not here.exists.all()
    assert found.divergences > 0
    assert "the branch does not exist" in found.verdict
    assert np.isfinite(found.chi2).all()


# === what is said of them


def test_the_posterior_is_immutable(linear):
    with pytest.raises(AttributeError):
        linear[0].seed = 1
    with pytest.raises(ValueError, match="read-only"):
        linear[0].draws[0, 0, 0] = 0.0


def test_convergence_is_judged(linear, tmp_path):
    found, _, folder = linear
    assert found.converged == all(m.r_hat < 1.01 and min(m.ess_bulk, m.ess_tail) > 400 for m in found.summary)
    shutil.copytree(folder, tmp_path / "fit")
    few = sample(tmp_path / "fit", 20)
    assert not few.converged
    assert "NOT CONVERGED" in str(few)
    assert "fewer than 400 draws are effective" in few.verdict
    np.testing.assert_array_equal(few.draws, found.draws[:, :20])


def test_the_log_likelihood_is_a_normalised_gaussian(linear):
    found, *_ = linear
    wanted = -(found.deviations**2) / 2 - np.log(NARROW * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(found.log_likelihood, wanted)
    waic, loo = found.criteria
    # n data, k parameters, perfect data: about -n ln(sigma sqrt(2 pi)) - k / 2 and k parameters.
    assert abs(waic.elpd - loo.elpd) < 3.0
    assert 0 < waic.parameters < 3
    assert np.isfinite(loo.pareto_k)
    assert loo.trusted == (loo.pareto_k <= 0.7)


def test_a_limit_is_a_probability(linear):
    """No norm of a Gaussian: ln p is ln of the probability itself."""
    found, *_ = linear
    limits = tuple(d._replace(limit="upper") for d in found.fitted)
    changed = type(found)(**{**{name: getattr(found, name) for name in found.__dataclass_fields__}, "fitted": limits})
    np.testing.assert_allclose(changed.log_likelihood, -(found.deviations**2) / 2)


def test_inference_data(linear):
    data = linear[0].inference_data()
    assert list(data.posterior.data_vars) == ["lambda_13", "Omega"]
    np.testing.assert_array_equal(data.posterior["Omega"], linear[0].draws[:, :, 1])
    assert data.log_likelihood["data"].shape == (CHAINS, 300, 4)
    assert data.sample_stats["diverging"].sum() == 0


def test_the_prior_predictive_is_the_model_at_the_prior(linear):
    """As many draws of every chain as are looked at; each has the gaps of its parameters, or none where there is no branch."""
    groups = linear[0].tree
    prior, model = groups["prior"], groups["prior_predictive"]["model"].values
    assert model.shape == (CHAINS, MOST, 4)
    there = ~np.isnan(model).any(axis=-1)
    assert 0 < there.sum() < there.size
    for chain, draw in zip(*(where[:3] for where in np.nonzero(there)), strict=True):
        theta = np.array([prior[name].values[chain, draw] for name in ("lambda_13", "Omega")])
        np.testing.assert_allclose(model[chain, draw], gaps_at(theta)[0], rtol=REPEATABLE)


def test_the_json_is_strict(linear, tmp_path):
    paths = report.write_posterior(linear[0], tmp_path)
    kept = json.loads(paths[0].read_text(encoding="utf-8"), parse_constant=lambda name: pytest.fail(name))
    assert kept["schema"] == "jaxgap-posterior-1"
    assert [p["name"] for p in kept["parameters"]] == ["lambda_13", "Omega"]
    assert kept["parameters"][0]["mean"] == linear[0].summary[0].mean
    assert kept["converged"] == linear[0].converged
    assert {"numpyro", "arviz", "jaxgap"} <= set(kept["provenance"]["versions"])
    assert paths[1].stat().st_size > 20_000
    assert paths[2].name == "posterior.nc"


def test_the_corner_plot_has_units(linear):
    import matplotlib.pyplot as plt

    figure = plot_posterior(linear[0])
    labels = {ax.get_xlabel() for ax in figure.axes} | {ax.get_ylabel() for ax in figure.axes}
    assert {r"$\Omega$ (meV)", r"$\lambda_{13}$"} <= labels
    plt.close(figure)


# === interruptions


def test_an_interrupted_run_goes_on_bit_for_bit(linear, tmp_path):
    """Stopped in the warm-up, stopped in the draws, then finished, with blocks of another size."""
    whole, _, _ = linear
    for stage, step, kept in (("warmup", 70, 0), ("draws", 13, 12)):

        def stop(at_stage, at_step, _, stage=stage, step=step):
            if (at_stage, at_step) == (stage, step):
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sample(tmp_path / "fit", 40, stop, block=7)
        assert drawn_so_far(tmp_path / "fit" / "posterior.npz") in (kept, kept + 1)
    found = sample(tmp_path / "fit", 40, block=11)
    for name in ("draws", "chi2", "deviations", "diverging", "steps"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[:, :40])
    longer = sample(tmp_path / "fit", 60)
    np.testing.assert_array_equal(longer.draws, whole.draws[:, :60])
    assert drawn_so_far(tmp_path / "fit" / "posterior.npz") == 60


def test_a_killed_run_goes_on_bit_for_bit(tmp_path):
    folder = tmp_path / "fit"
    code = f"import conftest, test_posterior as t; from pathlib import Path; t.sample(Path({str(folder)!r}), 200, block=10)"
    run = [sys.executable, "-c", code]
    process = subprocess.Popen(run, cwd=Path(__file__).parents[1])
    deadline = time.monotonic() + 400
    while drawn_so_far(folder / "posterior.npz") < 30:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    kept = drawn_so_far(folder / "posterior.npz")
    assert 30 <= kept < 200
    resumed, whole = sample(folder, 200), sample(tmp_path / "other", 200)
    np.testing.assert_array_equal(resumed.draws, whole.draws)
    np.testing.assert_array_equal(resumed.chi2, whole.chi2)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"seed": 1}, r"other seed \(0, not 1\)"),
        ({"warmup": 101}, r"other warmup \(100, not 101\)"),
        ({"chains": 2}, r"other chains \(4, not 2\)"),
    ],
)
def test_a_checkpoint_of_other_settings_is_refused(linear, changes, says):
    with pytest.raises(InputError, match=says):
        sample(linear[2], 300, **changes)


def test_a_checkpoint_of_another_fit_is_refused(linear, tmp_path):
    shutil.copytree(linear[2], tmp_path / "fit")
    with pytest.raises(InputError, match=r"other data.*fresh"):
        posterior(fitted(tmp_path / "fit", 0.021), **RUN, draws=10, folder=tmp_path / "fit")
    with pytest.raises(InputError, match=r"other fit\.toml.*fresh"):
        posterior(fitted(tmp_path / "fit", NARROW, ((0.0, 0.14), BOUNDS[1])), **RUN, draws=10, folder=tmp_path / "fit")
    changed = fitted(tmp_path / "fit", NARROW)
    other = changed.superconductor.set({"mu[beta]": 49.0})
    changed = changed._replace(samples=(changed.samples[0]._replace(superconductor=other),))
    with pytest.raises(InputError, match=r"other system.*fresh"):
        posterior(changed, **RUN, draws=10, folder=tmp_path / "fit")


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty", "text"])
def test_a_damaged_checkpoint_is_refused(linear, tmp_path, damage):
    shutil.copytree(linear[2], tmp_path / "fit")
    path = tmp_path / "fit" / "posterior.npz"
    content = bytearray(path.read_bytes())
    if damage == "changed":
        content[len(content) // 2] ^= 0xFF
    damaged = {"truncated": content[:-1000], "changed": content, "empty": b"", "text": b"draws"}[damage]
    path.write_bytes(damaged)
    with pytest.raises(InputError, match=r"damaged and not used.*fresh"):
        sample(tmp_path / "fit", 300)
    assert path.read_bytes() == damaged  # it is left for its owner to look at


def test_a_changed_number_is_noticed(tmp_path):
    """An archive that is sound as an archive, and not what was written."""
    path = tmp_path / "posterior.npz"
    save_checkpoint(path, {"seed": 0}, {"theta": np.zeros(3)})
    assert load_checkpoint(path, {"seed": 0})["theta"].tolist() == [0.0, 0.0, 0.0]
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "theta": np.ones(3)})
    with pytest.raises(InputError, match="damaged"):
        load_checkpoint(path, {"seed": 0})
    assert load_checkpoint(tmp_path / "none.npz", {}) is None


# === bad input, and the command line


@pytest.mark.parametrize("bad", [{"draws": 3}, {"warmup": 0}, {"chains": 0}, {"block": 0}, {"seed": -1}])
def test_numbers_that_make_no_sense(linear, bad):
    with pytest.raises(InputError, match=f"Argument `{next(iter(bad))}` must"):
        posterior(linear[1], **bad)


def test_a_fit_that_did_not_converge_is_refused(linear):
    with pytest.raises(NotConvergedError, match="no optimum"):
        posterior(linear[1]._replace(start_converged=np.array([False])))


def without_packages(monkeypatch):
    monkeypatch.setattr(inference_data, "find_spec", lambda name: None)


def test_missing_packages_are_named(linear, monkeypatch):
    without_packages(monkeypatch)
    with pytest.raises(InputError, match=r'Posteriors need numpyro, arviz, h5netcdf, h5py: pip install "jaxgap\[bayes\]"\.'):
        posterior(linear[1])


@pytest.fixture
def run(command, monkeypatch, linear, tmp_path):
    """Calls `jaxgap posterior` on a copy of the nearly linear problem, whose fit is known."""
    monkeypatch.setattr(commands, "_known_or_new", lambda *_: linear[1])
    folder = shutil.copytree(linear[2], tmp_path / "cli")

    def call(*options):
        ended = command("posterior", folder, "--warmup", WARMUP, *options)
        return ended.code, ended, folder

    return call


def test_the_command_goes_on_and_writes(run, linear):
    code, printed, folder = run("--draws", "310", "--json")
    assert code == 4  # not enough draws to be quoted
    told = json.loads(printed.out)
    assert told["draws"] == 310
    assert told == json.loads((folder / "posterior.json").read_text(encoding="utf-8"))
    assert (folder / "posterior.png").exists()
    assert "310/310" in printed.err
    assert drawn_so_far(folder / "posterior.npz") == 310


def test_the_command_prints_a_table(run):
    code, printed, folder = run("--draws", "300")
    assert code == 4
    assert "These draws must not be quoted yet; they are kept in" in printed.err
    assert "lambda_13" in printed.out
    assert "R-hat" in printed.out
    assert str(folder / "posterior.json") in printed.out.replace("\n", "")


def test_an_interrupted_command_says_how_to_go_on(run, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "draw_posterior", stop)
    code, printed, _ = run()
    assert code == 130
    assert printed.err.count("\n") == 1
    assert "300 draws of every chain are kept" in printed.err
    assert "goes on from there" in printed.err


def test_the_command_names_missing_packages(run, monkeypatch):
    without_packages(monkeypatch)
    code, printed, _ = run()
    assert code == 2
    assert printed.err == 'jaxgap: Posteriors need numpyro, arviz, h5netcdf, h5py: pip install "jaxgap[bayes]".\n'
