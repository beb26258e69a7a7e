"""Models compared: what they hold, what they cost, whether techniques agree."""

import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy.stats import chi2

from jaxgap import InputError, NotConvergedError
from jaxgap.fitting import Datum, FitConfig, FitResult, load_fit, load_result
from jaxgap.fitting.comparison import Comparison, compare, log_evidence, model
from jaxgap.fitting.config import FULL, ModelConfig, ParameterConfig
from jaxgap.fitting.minimise import distance, minimised
from jaxgap.fitting.report.comparison import print_comparison, record_of
from jaxgap.fitting.report.verdict import misfit

FITS = Path(__file__).parents[2] / "fits"
compare_module = sys.modules["jaxgap.fitting.comparison"]
TIGHT = 1e-9
"""Linear problems are solved to rounding."""


@pytest.fixture(scope="module")
def mgb2():
    return load_fit(FITS / "mgb2")


@pytest.fixture(scope="module")
def ba122():
    return load_fit(FITS / "ba0.6k0.4fe2as2_all_techniques")


def test_a_held_parameter_sets_its_leaves_and_is_no_parameter(mgb2):
    config, sc, data = model(*mgb2, "without_cross_band_pairing")
    assert list(config.parameters) == ["lambda_sigma", "lambda_pi"]
    assert float(sc.get("lam[sigma1, sigma1:sigma2]")) == 0.0
    assert data == mgb2[2]


def test_techniques_select_rows(ba122):
    config, _, data = model(*ba122, "stm")
    assert {d.technique for d in data if d.use == "fit"} == {"STM"}
    assert len(data) == len(ba122[2])
    assert config.parameters == ba122[0].parameters


def edited(tmp_path, old, new):
    for name in ("fit.toml", "data.csv"):
        text = (FITS / "mgb2" / name).read_text()
        (tmp_path / name).write_text(text.replace(old, new))
    return tmp_path


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("{ lambda_i3 = 0.0 }", "{ lambda_33 = 0.0 }", "holds `lambda_33`, which is no parameter"),
        ("{ lambda_i3 = 0.0 }", "{ lambda_i3 = 0.5 }", "outside its bounds"),
        ("{ lambda_i3 = 0.0 }", "{ lambda_i3 = 0.0, lambda_pi = 0.2, lambda_sigma = 0.3 }", "nothing is left to fit"),
        ("hold = { lambda_i3 = 0.0 }", "", "exactly one of `hold`, `techniques` and `empirical`"),
        ("[models.without_cross_band_pairing]", "[models.all]", "a model cannot be called `all`"),
        ('branch = "s++"', 'branch = "s++"\nset = { "lam[pi, tau]" = 0.1 }', "tau"),
        ('branch = "s++"', 'branch = "s++"\nset = { "lam[pi, pi]" = 0.1 }', "is set by both `system.set` and `lambda_pi`"),
    ],
)
def test_a_wrong_model_is_one_sentence(tmp_path, old, new, complaint):
    with pytest.raises(InputError) as error:
        load_fit(edited(tmp_path, old, new))
    assert complaint in str(error.value)
    assert str(error.value).count("fit.toml") == 1


def test_leaves_that_are_set_are_fixed(tmp_path):
    _, sc, _ = load_fit(edited(tmp_path, 'branch = "s++"', 'branch = "s++"\nset = { Omega = 60.0 }'))
    assert float(sc.Omega) == 60.0


def test_an_unknown_technique_is_named(ba122):
    config, sc, data = ba122
    other = config.model_copy(update={"models": {"x": config.models["stm"].model_copy(update={"techniques": ("NMR",)})}})
    with pytest.raises(InputError, match="no fitted row has the technique `NMR`; there are ARPES, STM"):
        model(other, sc, data, "x")


def test_nothing_to_compare_with(ba122):
    config, sc, data = ba122
    with pytest.raises(InputError, match="no \\[models"):
        compare(config.model_copy(update={"models": {}}), sc, data)


def test_a_model_that_cannot_be_fitted_does_not_stop_the_others(mgb2, monkeypatch):
    config, sc, data = mgb2
    name = next(name for name, model in config.models.items() if model.hold)

    def fit_but(missing):
        def fit(one, *_):
            if (FULL if len(one.parameters) == len(config.parameters) else name) == missing:
                raise NotConvergedError("no start ended there.")
            return fitted(one, 3.0, [d.line for d in data if d.use == "fit"])

        return fit

    config = config.model_copy(update={"models": {name: config.models[name]}})
    monkeypatch.setattr(compare_module, "fit", fit_but(name))
    without = compare(config, sc, data)
    assert without.failed == {name: "no start ended there."}
    assert without.full.chi2 == 3.0
    assert not without.held
    assert f"The fit of `{name}` is missing: no start ended there." in without.verdict
    monkeypatch.setattr(compare_module, "fit", fit_but(FULL))
    alone = compare(config, sc, data)
    assert list(alone.fits) == list(alone.held) == [name]
    assert np.isnan(alone.p_value(name))
    assert alone.tension is None
    assert f"The fit of `{FULL}` is missing" in alone.verdict
    monkeypatch.setattr(compare_module, "fit", lambda *_: fit_but(FULL)(mgb2[0]))
    with pytest.raises(NotConvergedError, match="No model could be fitted"):
        compare(config, sc, data)


def fitted(config, value, lines):
    """As much of a FitResult as a comparison looks at."""
    datum = Datum("T_c", "", None, 30.0, 1.0, "K", "fit", "", "", "", 0)
    empty = FitResult(**dict.fromkeys(FitResult._fields))
    data = tuple(datum._replace(line=line) for line in lines)
    return empty._replace(config=config, data=data, chi2=value, value=np.zeros(len(config.parameters)))


def test_half_of_the_probability_sits_at_a_bound(mgb2):
    config = mgb2[0]
    found = Comparison({"all": fitted(config, 10.0, range(9)), "without_cross_band_pairing": fitted(config, 13.8415, range(9))})
    assert found.p_value("without_cross_band_pairing") == pytest.approx(0.025, rel=1e-4)
    assert found.tension is None
    first, *rows, last = str(found).splitlines()
    assert (first, rows[0]) == ("comparison", "  all: chi^2 = 10 of 9 data with 3 parameters")
    assert last == found.verdict


def test_tension_counts_the_parameters_that_separate_fits_have_more(ba122):
    config = ba122[0]
    lines = {"arpes": (1, 2), "stm": (3, 4), "specific_heat": (5, 6), "lower_critical_field": (7, 8), "musr": (9,)}
    parts = {name: fitted(config, 0.5, rows) for name, rows in lines.items()}
    found = Comparison({"all": fitted(config, 30.0, range(1, 10)), **parts})
    tension = found.tension
    assert tension.freedom == 2 * 4 + 1 - 2
    assert tension.p_value == pytest.approx(chi2.sf(27.5, 7), rel=TIGHT)
    assert "in conflict" in found.verdict
    shared = Comparison({**found.fits, "musr": fitted(config, 0.5, (1,))})
    assert shared.tension is None


def test_a_special_case_that_fits_better_is_a_failed_search(mgb2, ba122):
    held = Comparison({"all": fitted(mgb2[0], 10.0, range(9)), "without_cross_band_pairing": fitted(mgb2[0], 9.0, range(9))})
    assert "which cannot be: raise `optimiser.starts`" in held.verdict
    lines = {"arpes": (1, 2), "stm": (3, 4), "specific_heat": (5, 6), "lower_critical_field": (7, 8), "musr": (9,)}
    parts = {name: fitted(ba122[0], 1.0, rows) for name, rows in lines.items()}
    assert "which cannot be less" in Comparison({"all": fitted(ba122[0], 4.0, range(1, 10)), **parts}).verdict


def test_few_data_can_still_exclude_a_model(mgb2):
    def comparison(rise):
        return Comparison(
            {"all": fitted(mgb2[0], 0.0, range(3)), "without_cross_band_pairing": fitted(mgb2[0], rise, range(3))}
        )

    assert "excludes `without_cross_band_pairing`" in comparison(30.0).verdict
    assert "does not tell the models apart" in comparison(1.0).verdict


def test_a_misfit_is_called_one_only_where_chi2_has_its_distribution(mgb2):
    def said(config, lines, chi2, limit=""):
        result = fitted(config, chi2, range(lines))
        return misfit(result._replace(data=tuple(d._replace(limit=limit) for d in result.data)))

    config = mgb2[0]
    robust = config.model_copy(update={"data": config.data.model_copy(update={"loss": "cauchy"})})
    assert "does not describe" in said(config, 3, 20.0)
    assert "does not describe" in said(config, 9, 60.0)
    assert not said(config, 9, 10.0)
    assert not said(robust, 3, 20.0)
    assert not said(config, 30, 20.0, "upper")


def test_the_evidence_of_a_linear_model_is_the_integral():
    # One parameter, uniform between 0 and 2, chi^2 = ((theta - 1) / .05)^2 + 3.
    theta = np.linspace(0, 2, 200001)
    exact = np.trapezoid(np.exp(-(((theta - 1) / 0.05) ** 2 + 3.0) / 2), theta) / 2.0
    parameter = ParameterConfig(bounds=(0.0, 2.0), sets={"Omega": 1.0})
    result = fitted(FitConfig.model_construct(parameters={"a": parameter}), 3.0, (1,))
    assert log_evidence(result._replace(covariance=np.array([[0.05**2]]))) == pytest.approx(np.log(exact), abs=TIGHT)
    assert np.isnan(log_evidence(result._replace(covariance=np.array([[np.inf]]))))


def test_the_distance_to_the_minimum_is_in_standard_deviations():
    rng = np.random.default_rng(3)
    A, b, x = rng.normal(size=(9, 3)) * [1.0, 1e-3, 1e3], rng.normal(size=9), np.array([0.3, 20.0, 1e-3])
    bounds, scale = (np.full(3, -1e6), np.full(3, 1e6)), np.full(3, 2e6)
    best = np.linalg.lstsq(A, b)[0]
    step = best - x
    assert distance(A @ x - b, A, x, bounds, scale) == pytest.approx(np.sqrt(step @ A.T @ A @ step), rel=1e-8)
    end = minimised(lambda x: (A @ x - b, A), x, bounds, scale, 1e-7, 100)
    np.testing.assert_allclose(end.x, best, rtol=1e-8)
    # A parameter at its bound, pushed against it, has arrived.
    r, J = np.array([1.0]), np.array([[1.0]])
    assert distance(r, J, np.zeros(1), (np.zeros(1), np.ones(1)), np.ones(1)) == 0.0
    assert distance(-r, J, np.zeros(1), (np.zeros(1), np.ones(1)), np.ones(1)) == 1.0


@pytest.mark.slow
def test_the_published_gaps_of_mgb2_bound_the_cross_band_coupling(mgb2):
    found = compare(*mgb2)
    full = found.full
    assert full.start_converged.sum() >= 4
    assert dict(zip(full.config.parameters, full.value, strict=True))["lambda_i3"] < 1e-6
    upper = full.interval("lambda_i3", 3.8415).upper
    assert upper.reason == "chi2"
    assert upper.value == pytest.approx(0.002914, abs=2e-5)
    assert found.held["without_cross_band_pairing"].chi2 == pytest.approx(full.chi2, abs=1e-6)
    assert "do not prefer" in found.verdict or "AICc prefers `without_cross_band_pairing`" in found.verdict


@pytest.mark.slow
def test_the_techniques_of_ba122_disagree(ba122):
    tension = compare(*ba122).tension
    assert tension.freedom == 7
    assert tension.apart < 1e-6
    assert tension.together == pytest.approx(206.21, abs=0.01)
    assert tension.p_value < 1e-30


def test_a_missing_fit_is_told_in_table_and_record(capsys):
    """Beside those that are there, and also if it is that of the full model."""
    known = load_result(FITS / "ba0.6k0.4fe2as2")
    held = known._replace(
        config=known.config.model_copy(update={"models": {"held": ModelConfig(hold={"Omega": 40.0})}}),
    )
    for found in (Comparison({FULL: held}, {"held": "no start."}), Comparison({"held": held}, {FULL: "no start."})):
        (missing,) = found.failed
        row = record_of(found).as_json()
        assert row["models"][missing] == {"not_converged": "no start."}
        print_comparison(found, Console(width=200))
        printed = capsys.readouterr().out
        assert "did not converge" in printed
        assert f"The fit of `{missing}` is missing: no start." in printed
