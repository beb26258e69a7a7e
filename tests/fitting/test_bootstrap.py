"""Bootstrap: the scatter of a nearly linear fit is its covariance; what is lost, biased or surprising is said."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import chi2 as chi2_distribution

from jaxgap import InputError, NotConvergedError
from jaxgap.commands import fit as commands
from jaxgap.fitting import bootstrap, load_result
from jaxgap.fitting.checkpoint import drawn_so_far
from jaxgap.fitting.report.bootstrap import verdict
from jaxgap.fitting.resampling import Bootstrap

FITS = Path(__file__).parents[2] / "fits"
SETS = 150


@pytest.fixture(scope="module")
def result():
    """The shipped fit of two gaps, whose uncertainty is known by other routes."""
    return load_result(FITS / "ba0.6k0.4fe2as2")


@pytest.fixture(scope="module")
def found(result):
    """With errors of a tenth, where the model is linear."""
    data = result.config.data.model_copy(update={"assumed_error_meV": 0.02})
    close = result._replace(config=result.config.model_copy(update={"data": data}), covariance=result.covariance / 100)
    return bootstrap(close, sets=SETS, seed=3)


@pytest.mark.slow
def test_the_scatter_of_a_linear_fit_is_its_covariance(found):
    assert found.lost == 0
    scatter = np.cov(found.values.T)
    # Of 150 sets a variance is known to 12 %.
    np.testing.assert_allclose(np.diag(scatter), np.diag(found.fit.covariance), rtol=0.35)
    correlation = scatter[0, 1] / np.sqrt(scatter[0, 0] * scatter[1, 1])
    expected = found.fit.covariance[0, 1] / np.prod(found.fit.uncertainty)
    assert correlation == pytest.approx(expected, abs=0.2)
    for k, row in enumerate(found.summary):
        assert abs(row.mean - row.best) < 5 * found.fit.uncertainty[k] / SETS**0.5
        assert row.interval_95[0] < row.interval_68[0] < row.best < row.interval_68[1] < row.interval_95[1]


@pytest.mark.slow
def test_it_is_repeatable(found):
    np.testing.assert_array_equal(bootstrap(found.fit, sets=10, seed=3).values, found.values[:10])


def test_the_probability_of_chi2_is_that_of_its_distribution(result):
    sets = chi2_distribution.rvs(5, size=999, random_state=np.random.default_rng(1))
    made = Bootstrap(result._replace(chi2=9.236), np.zeros((999, 2)), sets, 999, 0)
    assert made.p_value == pytest.approx(0.1, abs=0.03)


@pytest.mark.slow
def test_an_interrupted_run_goes_on_and_a_finished_one_is_made_longer(result, tmp_path):
    """The sets are those of one run, bit by bit; nothing that is done is done again."""
    seen = []

    def stop(done, of):
        seen.append(done)
        if len(seen) == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bootstrap(result, sets=12, seed=3, folder=tmp_path, progress=stop)
    assert drawn_so_far(tmp_path / "bootstrap.npz") == 7
    went_on = bootstrap(result, sets=12, seed=3, folder=tmp_path, progress=stop)
    longer = bootstrap(result, sets=14, seed=3, folder=tmp_path, progress=stop)
    assert seen == list(range(1, 15))
    whole = bootstrap(result, sets=14, seed=3)
    np.testing.assert_array_equal(longer.values, whole.values)
    np.testing.assert_array_equal(longer.chi2, whole.chi2)
    np.testing.assert_array_equal(went_on.values, whole.values[:12])
    with pytest.raises(InputError, match=r"bootstrap.npz` belongs to a run with other seed \(3, not 4\)"):
        bootstrap(result, sets=12, seed=4, folder=tmp_path)
    with pytest.raises(InputError, match="belongs to a run with other fit"):
        bootstrap(result._replace(value=result.value * 1.01), sets=12, seed=3, folder=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("bootstrap", "--sets", "0"), "Argument `--sets` must be at least 10, but got 0"),
        (("bootstrap", "--seed", "-1"), "Argument `--seed` must not be negative"),
        (("posterior", "--draws", "0"), "Argument `--draws` must be at least 4, but got 0"),
        (("posterior", "--chains", "0"), "Argument `--chains` must be at least 1, but got 0"),
        (("posterior", "--warmup", "0"), "Argument `--warmup` must be at least 1, but got 0"),
    ],
)
def test_counts_are_refused_before_anything_is_fitted(command, monkeypatch, arguments, says):
    monkeypatch.setattr(commands, "run_fit", None)
    name, *options = arguments
    code, _, err = command(name, "nowhere", *options)
    assert code == 2
    assert says in err


def test_what_stands_out_is_said(result):
    rng = np.random.default_rng(2)
    values = result.value + result.uncertainty * [2.0, 1.0] * rng.normal(size=(100, 2)) + [0, 2 * result.uncertainty[1]]
    said = verdict(Bootstrap(result, values, np.ones(100), 120, 0))
    assert "lambda_13 scatters by" in said
    assert "Its fit is biased: Omega comes out +" in said
    assert "20 of 120 sets are lost" in said
    assert "probability" not in said  # no degree of freedom


def test_bad_input(result):
    with pytest.raises(InputError, match="sets"):
        bootstrap(result, sets=3)
    with pytest.raises(InputError, match="seed"):
        bootstrap(result, seed=-1)
    with pytest.raises(NotConvergedError, match="no model to draw data from"):
        bootstrap(result._replace(start_converged=np.array([False])))


def test_the_command(command, tmp_path):
    for name in ("fit.toml", "data.csv", "result.json"):
        (tmp_path / name).write_bytes((FITS / "ba0.6k0.4fe2as2" / name).read_bytes())
    ended = command("bootstrap", tmp_path, "--sets", 10, "--json")
    assert ended.code == 0
    told = ended.json
    assert told == json.loads((tmp_path / "bootstrap.json").read_text(encoding="utf-8"))
    assert told["sets"] == 10
    assert "bootstrap   10/10" in ended.err
