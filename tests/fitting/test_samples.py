"""Several samples in one fit, and leaves tied to parameters by expressions."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import InputError, materials
from jaxgap.fitting import fit, load_fit, load_result, next_measurement, write_report
from jaxgap.fitting.comparison import model
from jaxgap.fitting.expressions import evaluated, held, names_in
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.objective import joint
from jaxgap.fitting.problem import problem, system_at, systems_at
from jaxgap.fitting.report.rows import p_value
from jaxgap.fitting.uncertainty import leaves
from jaxgap.solving.curves import gap_curve
from jaxgap.spectra.minima import branch_names

SHIPPED = Path(__file__).parents[2] / "fits" / "synthetic_two_samples"
TRUTH = np.array([0.024, 0.03, 41.0])
"""lambda_13 of the two samples, and Omega, which they share."""
TEMPERATURES = {"under": (2.0, 18.0), "optimal": (2.0, 25.0)}
DIFFERENCES = 1e-6
"""Central differences with relative steps of 1e-5."""

FIT = """
[system]
material = "ba122"
branch = "s+-"

[samples.under]
[samples.optimal]
set = { "mu[beta]" = 54.0 }

[parameters.lambda_13]
bounds = [0.015, 0.05]
each = true
sets = { "lam[alpha, alpha:beta]" = 1.0, "lam[beta, alpha:beta]" = 1.0 }

[parameters.Omega]
unit = "meV"
bounds = [30.0, 50.0]
sets = { Omega = 1.0 }

[ties]
"lam[alpha:beta, alpha]" = "0.5 * lambda_13"
"lam[alpha:beta, beta]" = "lambda_13 / 2"

[data]
assumed_error_meV = 0.1

[optimiser]
starts = 4

[models.one_coupling_is_zero]
hold = { lambda_13 = 0.015 }
"""


def made(tmp_path, fit=FIT, noise=0.0):
    """A folder with data calculated at `TRUTH`."""
    folder = tmp_path / "two"
    folder.mkdir(exist_ok=True)
    (folder / "fit.toml").write_text(fit, encoding="utf-8")
    lines = ["quantity,T_K,value,error,unit,use,technique,source,how_obtained,sample"]
    rng = np.random.default_rng(4)
    for lambda_13, (sample, temperatures) in zip(TRUTH, TEMPERATURES.items(), strict=False):
        sc = materials.ba122(lambda_13, TRUTH[2])
        sc = sc.set({"mu[beta]": 54.0}) if sample == "optimal" else sc
        gaps = np.asarray(gap_curve(sc, temperatures, "s+-").gaps) + noise * rng.normal(size=(2, 2))
        for T, row in zip(temperatures, gaps, strict=True):
            for name, gap in zip(branch_names(sc), row, strict=True):
                lines.append(f"branch_minimum[{name}],{T},{gap:.12g},,meV,fit,synthetic,tests,calculated,{sample}")
    (folder / "data.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return made(tmp_path_factory.mktemp("samples"))


@pytest.fixture(scope="module")
def two(folder):
    """(configuration, the problem of two samples)."""
    config, sc, data = load_fit(folder)
    return config, problem(config, config.systems(sc), data)


@pytest.mark.slow
def test_each_sample_has_its_own_parameter(two):
    config, p = two
    assert list(config.parameters) == ["lambda_13@under", "lambda_13@optimal", "Omega"]
    under, optimal = systems_at(p, jnp.asarray(TRUTH))
    for sc, lambda_13 in ((under, 0.024), (optimal, 0.03)):
        for path in ("lam[alpha, alpha:beta]", "lam[beta, alpha:beta]"):
            assert float(sc.get(path)) == lambda_13
        for path in ("lam[alpha:beta, alpha]", "lam[alpha:beta, beta]"):
            assert float(sc.get(path)) == 0.5 * lambda_13
        assert float(sc.Omega) == 41.0
    assert float(optimal.get("mu[beta]")) == 54.0
    assert float(under.get("mu[beta]")) != 54.0
    assert p.sample == (0, 0, 1, 1)
    np.testing.assert_array_equal(p.T, [2.0, 18.0, 2.0, 25.0])


def amplitudes(p, theta):
    """Of every condition, each from its own system, one sample after the other as in `p`."""
    T, sample = np.asarray(p.T), np.asarray(p.sample)
    curves = [gap_curve(system_at(p, theta, i), T[sample == i], "s+-") for i in range(len(TEMPERATURES))]
    return jnp.concatenate([curve.solutions.Delta.real for curve in curves])


@pytest.mark.slow
def test_the_model_of_two_samples_is_that_of_each(two):
    """The data were calculated sample by sample: at the truth all residuals vanish."""
    _, p = two
    theta = jnp.asarray(TRUTH)
    Delta = amplitudes(p, theta)
    found = nested_at(p, TRUTH, np.asarray(Delta))
    assert bool(found.on_branch)
    assert np.max(np.abs(found.residuals)) < 1e-7
    # A parameter of one sample moves nothing of the other.
    J = np.asarray(found.jacobian)[:8]
    assert np.all(J[4:, 0] == 0)
    assert np.all(J[:4, 1] == 0)
    assert np.all(J[:, 2] != 0)


@pytest.mark.slow
def test_derivatives_of_two_samples(two):
    _, p = two
    theta = jnp.asarray([0.026, 0.028, 40.0])
    Delta = np.asarray(amplitudes(p, theta))
    J = nested_at(p, np.asarray(theta), Delta).jacobian[:8]
    for k, step in enumerate(1e-5 * np.asarray(theta)):
        high, low = (nested_at(p, np.asarray(theta.at[k].add(sign * step)), Delta).residuals[:8] for sign in (1, -1))
        scale = np.abs(J[:, k]).max()
        np.testing.assert_allclose(J[:, k], (high - low) / (2 * step), atol=DIFFERENCES * scale, rtol=0)


def test_leaves_of_a_sample(two):
    _, p = two
    paths, slopes = leaves(p, TRUTH, 1)
    by_path = dict(zip(paths, slopes.tolist(), strict=True))
    assert by_path["lam[alpha:beta, alpha]"] == [0.0, 0.5, 0.0]
    assert by_path["Omega"] == [0.0, 0.0, 1.0]


def test_holding_a_parameter_of_each_sample(folder):
    config, sc, data = load_fit(folder)
    held_config, base, _ = model(config, sc, data, "one_coupling_is_zero")
    assert list(held_config.parameters) == ["Omega"]
    p = problem(held_config, held_config.systems(base), data)
    for one in systems_at(p, jnp.asarray([41.0])):
        assert float(one.get("lam[alpha, alpha:beta]")) == 0.015
        assert float(one.get("lam[alpha:beta, beta]")) == float(one.get("lam[alpha:beta, alpha]")) == 0.0075


@pytest.mark.slow
def test_the_search_of_two_samples_has_its_minimum_at_the_truth(two):
    """All residuals vanish there, those of the gap equations, too."""
    _, p = two
    theta = jnp.asarray(TRUTH)
    searched = joint(p, theta, amplitudes(p, theta))
    assert np.max(np.abs(np.append(searched.deviations, searched.stiff))) < 1e-7


@pytest.mark.slow
def test_a_fit_of_two_samples(tmp_path):
    folder = made(tmp_path)
    result = fit(*load_fit(folder))
    assert result.start_converged.all()
    np.testing.assert_allclose(result.value, TRUTH, rtol=1e-6)
    assert [sample.name for sample in result.samples] == ["under", "optimal"]
    with pytest.raises(InputError, match="this fit has several"):
        result.superconductor  # noqa: B018
    write_report(result, folder)
    again = load_result(folder)
    assert jax.tree.structure(again._replace(config=None)) == jax.tree.structure(result._replace(config=None))
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert "end of the s+- branch of under" in text
    assert "optimal: branch_minimum" in text
    best = next_measurement(result, "lambda_13@under", temperatures=4)[0]
    assert best.quantity.startswith("under: ")
    assert result.interval("Omega").lower.value < 41.0 < result.interval("Omega").upper.value


@pytest.mark.slow
def test_the_shipped_fit_of_two_samples():
    """The truth, within its errors."""
    result = fit(*load_fit(SHIPPED))
    truth = {"lambda_13@under": 0.024, "lambda_13@optimal": 0.03, "Omega": 41.0}
    assert list(result.config.parameters) == list(truth)
    for value, wanted, error in zip(result.value, truth.values(), result.uncertainty, strict=True):
        assert abs(value - wanted) < 3 * error
    assert p_value(result) > 0.01


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[samples.under]\n[samples.optimal]\n", "[samples.under]\n", "must name a sample (under), but is `optimal`"),
        ("each = true", 'sample = "over"', "is of the sample `over`, which is not in [samples]"),
        ("each = true", "each = 1", "unknown key `parameters.lambda_13.each`"),
        ('"mu[beta]" = 54.0', '"mu[gamma]" = 54.0', "sample `optimal`"),
        ('"mu[beta]" = 54.0', "Omega = 54.0", "`Omega` is set by both `samples.optimal.set` and `Omega`"),
        ('= "lambda_13 / 2"', '= "lambda_23"', "uses `lambda_23`, which is no parameter"),
        ('= "lambda_13 / 2"', '= "lambda_13 +"', "is no expression"),
        ('= "lambda_13 / 2"', "= \"__import__('os')\"", "but not `__import__('os')`"),
        ('"lam[alpha:beta, beta]" =', '"lam[alpha, alpha:beta]" =', "is set by both"),
        ('= "lambda_13 / 2"', '= "lambda_13 / 0"', "ties"),
        ("sets = { Omega = 1.0 }", "", "parameter `Omega` sets nothing"),
        ('= "lambda_13 / 2"', '= "lambda_13 ** -400"', "ties"),
        ('"mu[beta]" = 54.0', '"mu[beta]" = -10.0', "sample `optimal`: Argument `mu[beta]` must have the sign of the mass"),
    ],
)
@pytest.mark.slow
def test_what_can_be_wrong(tmp_path, old, new, complaint):
    assert FIT.count(old) == 1
    with pytest.raises(InputError) as error:
        load_fit(made(tmp_path, FIT.replace(old, new)))
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_each_needs_samples(tmp_path):
    with pytest.raises(InputError, match=r"`each = true`, but there are no \[samples\]"):
        load_fit(made(tmp_path, FIT.replace('[samples.under]\n[samples.optimal]\nset = { "mu[beta]" = 54.0 }\n', "")))


@pytest.mark.parametrize(
    ("column", "complaint"),
    [
        ("", "the column `sample` must say which of under, optimal"),
        (",sample", "must name a sample (under, optimal), but is ``"),
    ],
)
def test_rows_name_their_sample(tmp_path, column, complaint):
    folder = made(tmp_path)
    lines = (folder / "data.csv").read_text(encoding="utf-8").splitlines()
    cells = [line.rpartition(",")[0] + ("," if column else "") for line in lines[1:]]
    (folder / "data.csv").write_text("\n".join([lines[0].removesuffix(",sample") + column, *cells]) + "\n", encoding="utf-8")
    with pytest.raises(InputError) as error:
        load_fit(folder)
    assert complaint in str(error.value)


def test_expressions():
    assert names_in("0.5 * a + sqrt(b**2) - (-a) / 4") == ("a", "b")
    slope = jax.grad(lambda a: evaluated("3 * a**2 + exp(b)", {"a": a, "b": 0.0}))(jnp.asarray(2.0))
    assert float(slope) == 12.0
    assert held("a * b + c", {"b": 0.25}) == "a * 0.25 + c"
    # A negative number keeps its brackets.
    assert evaluated(held("a**2 + b", {"a": -2.0}), {"b": 1.0}) == 5.0
    for text in ("10.0**400 * a", "a / 0", "(-1)**0.5 * a"):
        assert not np.isfinite(evaluated(text, {"a": 1.0}))
    for text in ("a.b", "[a]", "a if b else c", "lambda: a", "a @ b", "f(a)", "sqrt(a, b)", "'x'", "True", "1e999", ""):
        with pytest.raises(InputError):
            names_in(text)
