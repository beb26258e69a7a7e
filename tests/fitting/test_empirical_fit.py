"""Models with free gaps beside gap equations: what they read, what fits find, what compares, and where a fit may start."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band
from rich.console import Console

import jaxgap as jg
from jaxgap import InputError
from jaxgap.fitting import load_fit, load_result
from jaxgap.fitting.comparison import compare, model
from jaxgap.fitting.empirical.couplings import first_guess
from jaxgap.fitting.empirical.fit import best_near, fit_empirical
from jaxgap.fitting.empirical.gap import reduced_gap_squared
from jaxgap.fitting.empirical.heat import specific_heat
from jaxgap.fitting.empirical.models import EMPIRICAL
from jaxgap.fitting.empirical.problem import empirical_predictions, empirical_problem
from jaxgap.fitting.empirical.superfluid import superfluid_density
from jaxgap.fitting.empirical.tunnelling import tunnelling_conductance
from jaxgap.fitting.empirical.values import FUNCTIONS, FreeGaps, quantity_of
from jaxgap.fitting.report.comparison import print_comparison, record_of
from jaxgap.observables.quantities import MEASURED
from jaxgap.solving.state import GivenState
from jaxgap.units import k_B

FITS = Path(__file__).parents[2] / "fits"
compare_module = sys.modules["jaxgap.fitting.comparison"]
EXACT = 1e-10
"""Data that the model has made itself."""
GUESS = 0.2
"""These couplings have no gaps of 2.4 and 1.1 k_B T_c together: gaps and T_c of a first guess are a compromise."""
RNG_SEED = 5

SYSTEM = """
[system]
material = "mgb2"
branch = "s++"

[parameters.lambda_sigma]
bounds = [0.15, 0.4]
start = 0.27
[parameters.lambda_sigma.sets]
"lam[sigma1, sigma1]" = 1.0
"lam[sigma2, sigma2]" = 0.996363636

[parameters.lambda_pi]
bounds = [0.05, 0.3]
start = 0.2
sets = { "lam[pi, pi]" = 1.0 }

[parameters.lambda_i3]
bounds = [0.0, 0.03]
[parameters.lambda_i3.sets]
"lam[sigma1, sigma1:sigma2]" = 1.0
"lam[sigma1:sigma2, sigma1]" = 1.0

[data]
assumed_error_meV = 0.5

[optimiser]
starts = 4
"""
TRUTH = {"T_c": 37.3, "alpha_1": 2.4, "alpha_2": 1.1, "weight": 0.6, "weight_s": 0.35}


def folder(path, rows, more=""):
    (path / "fit.toml").write_text(SYSTEM + more)
    (path / "data.csv").write_text("\n".join(["quantity,T_K,value,error,V_mV", *rows]))
    return path


def of_alpha(scatter=0.0, seed=RNG_SEED, points=22):
    """Rows of a specific heat and a superfluid density of two gaps."""
    T = np.linspace(3.0, 44.0, points)
    t, alpha, rng = jnp.asarray(T / 37.3), jnp.array([2.4, 1.1]), np.random.default_rng(seed)
    C = specific_heat(t, alpha, jnp.array([0.6, 0.4])) + scatter * 0.02 * rng.normal(size=points)
    rho = superfluid_density(t, alpha, jnp.array([0.35, 0.65])) + scatter * 0.01 * rng.normal(size=points)
    rows = [f"heat,{x!r},{float(y)!r},0.02," for x, y in zip(T.tolist(), C, strict=True)]
    return rows + [f"superfluid,{x!r},{float(y)!r},0.01," for x, y in zip(T.tolist(), rho, strict=True)]


ALPHA = '\n[models.two_gaps]\nempirical = "alpha"\n'


# --- what they read -----------------------------------------------------------------------------------------------------


def test_every_datum_is_described_or_known_not_to_be():
    assert set(FUNCTIONS) | {"T_c"} | {"branch_end", "jump", "edc", "symmetrised_edc", "gap_edge"} == set(MEASURED)
    assert {kind for one in EMPIRICAL.values() for kind in one.kinds} == set(FUNCTIONS) | {"T_c"}


@pytest.fixture(scope="module")
def weak():
    """(system of one band in weak coupling, its gap at T = 0 [meV], T_c): Omega is 36 times k_B T_c."""
    sc = one_band(0.25)
    T_c = float(jg.critical_temperature(sc))
    return sc, float(abs(jg.solve(sc, T=0.0).Delta[0])), T_c


POINTS = {"V": jnp.array([0.0, 0.5, 1.3, 2.6])}
NUMBERS = {"gamma_n": 10.0, "korringa": 0.1, "lambda_0": 100.0, "layer_spacing": 6.0, "Gamma": 0.1, "Z": 0.6}


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(FUNCTIONS))
def test_one_band_in_weak_coupling_reads_as_a_gap_of_bcs_theory(kind, weak):
    """The registry's own function of a solved state, and that of a free gap of the same size, but for k_B T_c / Omega."""
    sc, gap, T_c = weak
    T = jnp.asarray(0.6 * T_c)
    state = jg.solve(sc, T=float(T))
    D = float(abs(state.Delta[0]))
    assert gap * np.sqrt(float(reduced_gap_squared(T / T_c))) == pytest.approx(D, rel=2e-3)
    free = FreeGaps(T / T_c, jnp.asarray(T_c), jnp.array([gap / (k_B * T_c)]), jnp.array([D]), jnp.ones(1), jnp.array([D]))
    row = MEASURED[kind]
    numbers = {one.name: jnp.asarray(NUMBERS[one.name]) for one in row.numbers if one.name in NUMBERS}
    points = {axis: POINTS[axis] for axis in row.axes}
    at = {axis: np.asarray(x)[None] for axis, x in points.items()}
    plan = row.planned(sc, np.array([float(T)]), at, {name: (float(x), float(x)) for name, x in numbers.items()})
    ours = row.reading(sc, T, GivenState(sc, T, state.Delta.real), points, numbers, plan)
    theirs = quantity_of(kind).reading(sc, T, free, points, numbers, {})
    np.testing.assert_allclose(theirs, ours, rtol=6e-3)


# --- what fits find -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_alpha_model_is_found_in_its_own_data(tmp_path):
    config, sc, data = load_fit(folder(tmp_path, of_alpha(points=12), ALPHA + "bounds = { T_c = [35.0, 40.0] }\n"))
    own, e = empirical_problem("two_gaps", config, sc, data)
    found = fit_empirical(own, e, data)
    assert found.chi2 < EXACT
    assert found.parameters == pytest.approx(TRUTH, rel=1e-6)
    assert found.reached >= 2
    assert list(own.parameters) == list(TRUTH)
    assert found.criteria["AICc"] == pytest.approx(10 + 2 * 5 * 6 / (24 - 6), abs=1e-6)
    np.testing.assert_allclose(found.predicted, [datum.value for datum in data], atol=1e-7)


@pytest.mark.slow
def test_intervals_of_the_alpha_model_hold_the_truth_as_often_as_they_say(tmp_path):
    """100 sets of data with their errors: 68.3 % of the intervals of every parameter, within 3 standard deviations of a
    binomial distribution."""
    config, sc, data = load_fit(folder(tmp_path, of_alpha(points=40), ALPHA))
    _, e = empirical_problem("two_gaps", config, sc, data)
    truth, rng, hits = np.array(list(TRUTH.values())), np.random.default_rng(RNG_SEED), []
    for _ in range(100):
        drawn = np.asarray(e.p.value) + np.asarray(e.p.error) * rng.normal(size=len(data))
        found, covariance = best_near(replace(e, p=replace(e.p, value=jnp.asarray(drawn))), truth)
        hits.append(np.abs(found - truth) < np.sqrt(np.diag(covariance)))
    share = np.mean(hits, axis=0)
    assert np.all(np.abs(share - 0.683) < 3 * np.sqrt(0.683 * 0.317 / 100)), share
    assert np.mean(hits) == pytest.approx(0.683, abs=0.06)


SPECTRA = [(4.2, 5.0, 2.0), (15.0, 4.1, 1.2)]


def of_dynes():
    """Rows of two spectra of two gaps, through a junction with a scale."""
    V = np.linspace(-12.0, 12.0, 25)
    rows = []
    for T, *gaps in SPECTRA:
        curve = 1.3 * tunnelling_conductance(
            jnp.asarray(V), jnp.asarray(T), jnp.array(gaps), jnp.asarray(0.4), jnp.array([0.7, 0.3])
        )
        rows += [f"dIdV[tip],{T},{float(y)!r},0.01,{x!r}" for x, y in zip(V.tolist(), curve, strict=True)]
    return rows


DYNES = """
[junctions.tip]
Gamma = 0.3
[parameters.Gamma]
bounds = [0.05, 2.0]
unit = "meV"
sets = { "junction[tip].Gamma" = 1.0 }
[parameters.scale]
bounds = [0.5, 2.0]
sets = { "data[tip].scale" = 1.0 }
[parameters.w]
bounds = [0.0, 1.0]
sets = { "junction[tip].weight[pi]" = 1.0 }
[models.two]
empirical = "two_gap_dynes"
[models.one]
empirical = "dynes"
[models.contact]
empirical = "btk"
"""


@pytest.mark.slow
def test_free_gaps_share_the_numbers_of_an_experiment(tmp_path):
    """Gamma and the scale are those of the fit; weights of bands are none of a model that has gaps instead."""
    config, sc, data = load_fit(folder(tmp_path, of_dynes(), DYNES))
    own, e = empirical_problem("two", config, sc, data)
    gaps = {f"Delta_{i}({T:g} K)": gap for T, *pair in SPECTRA for i, gap in zip((1, 2), pair, strict=True)}
    truth = gaps | {"weight of tip": 0.7, "Gamma": 0.4, "scale": 1.3}
    assert list(own.parameters) == list(truth)
    assert own.parameters["Gamma"] == config.parameters["Gamma"]
    found = fit_empirical(own, e, data)
    assert found.chi2 < EXACT
    assert found.parameters == pytest.approx(truth, rel=1e-5)
    with pytest.raises(InputError, match=r"Model `contact`: `btk` .* says nothing of `dIdV`, which is fitted"):
        empirical_problem("contact", config, sc, data)


def test_gaps_of_bands_are_the_gaps_that_they_are_said_to_have(tmp_path):
    rows = ["fermi_momentum[sigma1],4.2,7.1,0.1,", "fermi_momentum[pi],4.2,2.3,0.1,", "T_c,,37.0,0.5,"]
    rows.append("2 fermi_momentum[pi] / k_B T_c,4.2,1.5,0.1,")
    said = ALPHA + "gaps = { sigma1 = 1, sigma2 = 1, pi = 2 }\nbounds = { T_c = [30.0, 45.0] }\n"
    config, sc, data = load_fit(folder(tmp_path, rows, said))
    own, e = empirical_problem("two_gaps", config, sc, data)
    assert own.parameters["T_c"].bounds == (30.0, 45.0)
    assert list(own.parameters) == ["T_c", "alpha_1", "alpha_2"]
    found = np.asarray(empirical_predictions(e, jnp.array([36.0, 2.0, 0.8])))
    kT_c, delta = k_B * 36.0, np.sqrt(float(reduced_gap_squared(jnp.asarray(4.2 / 36))))
    np.testing.assert_allclose(found, [2 * kT_c * delta, 0.8 * kT_c * delta, 36.0, 2 * 0.8 * delta], rtol=1e-12)
    config, sc, data = load_fit(folder(tmp_path, rows, ALPHA))
    with pytest.raises(InputError, match="which of its gaps does `sigma1` have"):
        empirical_problem("two_gaps", config, sc, data)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        ('[models.x]\nempirical = "tanh"', "empirical"),
        ('[models.x]\nempirical = "alpha"\ntechniques = ["STM"]', "exactly one of `hold`, `techniques` and `empirical`"),
        ('[models.x]\nempirical = "smw"\nbounds = { T_c = [1.0, 2.0] }', "are of an empirical model with free gaps"),
        ('[models.x]\nempirical = "bcs"\nbounds = { T_c = [3.0, 2.0] }', "the lower bound of `T_c` must be below"),
    ],
)
def test_a_wrong_model_is_one_sentence(tmp_path, more, complaint):
    with pytest.raises(InputError) as error:
        load_fit(folder(tmp_path, of_alpha(points=5), more))
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (
            "bounds = { alpha = [1.0, 2.0] }",
            "`bounds` has `alpha`, but its parameters are T_c, alpha_1, alpha_2, weight, weight_s",
        ),
        ("gaps = { tau = 1 }", "`gaps` has `tau`, which is no band and no branch"),
    ],
)
def test_what_a_model_does_not_have_is_named(tmp_path, more, complaint):
    config, sc, data = load_fit(folder(tmp_path, of_alpha(points=5), ALPHA + more))
    with pytest.raises(InputError, match=complaint):
        empirical_problem("two_gaps", config, sc, data)


# --- what compares ------------------------------------------------------------------------------------------------------


def test_without_cross_band_pairing(tmp_path):
    config, sc, data = load_fit(folder(tmp_path, of_alpha(points=5), '[models.smw]\nempirical = "smw"\n'))
    own, system, same = model(config, sc, data, "smw")
    assert list(own.parameters) == ["lambda_sigma", "lambda_pi"]
    cross = [":" in channel for channel in system.channels]
    assert np.all(np.asarray(system.lam)[cross] == 0.0)
    assert np.all(np.asarray(system.lam)[:, cross] == 0.0)
    alone = np.ix_(*2 * [np.flatnonzero(~np.array(cross))])
    np.testing.assert_array_equal(np.asarray(system.lam)[alone], np.asarray(sc.lam)[alone])
    assert same == data


@pytest.mark.slow
def test_free_gaps_are_compared_with_gap_equations(tmp_path, monkeypatch, capsys):
    """Models with free gaps beside a fit that stands for ours: in the table, the record and a sentence each."""
    more = ALPHA + "bounds = { T_c = [36.0, 38.0] }\n" + '[models.bcs]\nempirical = "bcs"\nbounds = { T_c = [36.0, 38.0] }\n'
    config, sc, data = load_fit(folder(tmp_path, of_alpha(scatter=1.0, points=12), more))
    known = load_result(FITS / "ba0.6k0.4fe2as2")
    ours = known._replace(config=known.config.model_copy(update={"models": config.models}), data=data, chi2=90.0, optima=())
    monkeypatch.setattr(compare_module, "fit", lambda *_: ours)
    found = compare(config, sc, data)
    two, one = found.empirical["two_gaps"], found.empirical["bcs"]
    assert two.chi2 < 24 + 4 * np.sqrt(48)
    assert one.criteria["AICc"] > two.criteria["AICc"] + 100
    assert "`two_gaps` has chi^2" in found.verdict
    assert "AICc prefers `two_gaps`" in found.verdict
    assert "AICc prefers the full model" in found.verdict
    row = record_of(found).as_json()["models"]
    assert row["two_gaps"]["empirical"] == "alpha"
    assert row["two_gaps"]["parameters"] == two.parameters
    assert row["two_gaps"]["starts_at_best"] == two.reached
    print_comparison(found, Console(width=200))
    assert "alpha_2" in capsys.readouterr().out


@pytest.mark.slow
def test_the_published_gaps_of_mgb2_do_not_tell_free_gaps_from_gap_equations():
    """Gaps of nine techniques: two free gaps and a T_c against couplings, three parameters each."""
    config, sc, data = load_fit(FITS / "mgb2")
    own, e = empirical_problem("two_free_gaps", config, sc, data)
    found = fit_empirical(own, e, data)
    assert list(found.parameters) == ["T_c", "alpha_1", "alpha_2"]
    assert found.chi2 == pytest.approx(22.466, abs=0.01)
    record = json.loads((FITS / "mgb2" / "comparison.json").read_text())["models"]
    assert record["two_free_gaps"]["chi2"] == pytest.approx(found.chi2, abs=1e-6)
    assert abs(record["all"]["criteria"]["AICc"] - found.criteria["AICc"]) < 2.0


# --- where a fit may start ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_first_guess_has_the_gaps_and_the_T_c(tmp_path):
    more = "[parameters.lambda_12]\nbounds = [0.0, 0.05]\n[parameters.lambda_12.sets]\n"
    more += '"lam[sigma1, pi]" = 1.0\n"lam[sigma2, pi]" = 1.0\n"lam[pi, sigma1]" = 1.0\n"lam[pi, sigma2]" = 1.0\n'
    # Of the heat alone: six tenths of the electrons have the larger gap, and of MgB2's bands both sigma bands have two thirds.
    config, sc, data = load_fit(folder(tmp_path, of_alpha()[:22], more))
    guess = first_guess(config, sc, data)
    assert guess.gaps == (1, 1, 2)
    assert guess.residual < 0.1
    starts = {name: parameter.start for name, parameter in guess.config.parameters.items()}
    system = sc.set({path: factor * starts[name] for name, p in config.parameters.items() for path, factor in p.sets.items()})
    kT_c = k_B * 37.3
    gaps = np.abs(np.asarray(jg.solve(system, T=0.5, branch="s++").Delta))
    np.testing.assert_allclose(gaps[[0, 2]], [2.4 * kT_c, 1.1 * kT_c], rtol=GUESS)
    assert float(jg.critical_temperature(system)) == pytest.approx(37.3, rel=GUESS)
    assert "sigma1 has gap 1" in guess.sentence(sc.band_names)


def test_a_first_guess_needs_two_bands(tmp_path):
    config, _, data = load_fit(folder(tmp_path, of_alpha(points=5)))
    with pytest.raises(InputError, match="two bands or more"):
        first_guess(config, one_band(0.3), data)
