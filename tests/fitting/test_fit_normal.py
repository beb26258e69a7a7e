"""Fits to data beyond T_c, where the model has no gap, and to data that belong to no temperature of their own."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.fitting import fit, load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.predictions import predictions
from jaxgap.fitting.problem import problem, thinned
from jaxgap.units import k_B

ONE_BAND = """
[system]
branch = "s+"
inline = { Omega = 20.0, lam = [[0.3]], bands.a.mu = 500.0 }
[parameters.coupling]
bounds = [0.1, 0.6]
sets = { "lam[a, a]" = 1.0 }
[data]
assumed_error_meV = 0.05
[optimiser]
starts = 2
"""
PAIR = """
[system]
branch = "s++"
inline = { Omega = 40.0, cross = ["a:b"], lam = [[0.4, 0, 0], [0, 0.3, 0], [0, 0, 0.1]], bands.a.mu = 90.0, bands.b.mu = 100.0 }
[parameters.coupling]
bounds = [0.1, 0.6]
sets = { "lam[a, a]" = 1.0, "lam[b, a]" = 0.1 }
[data]
assumed_error_meV = 0.05
"""
EXP_GAMMA = 1.781072417990198
CLOSED_FORM = 2e-5
"""k_B T_c = (2 e^gamma / pi) Omega exp(-1 / lambda) leaves out exp(-Omega / k_B T_c) = 1e-14 and the bend of no band in 2D:
what is left is rounding of the fit, at its tolerance of 1e-7 standard deviations."""
AMPLITUDE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""


def folder(path: Path, toml: str, rows: list[str]) -> Path:
    (path / "fit.toml").write_text(toml, encoding="utf-8")
    header = "quantity,T_K,value,error,unit,use,technique,source,how_obtained\n"
    (path / "data.csv").write_text(
        header + "".join(f"{row},fit,SYNTHETIC,tests,calculated\n" for row in rows), encoding="utf-8"
    )
    return path


def one_band(coupling: float) -> jg.Superconductor:
    return jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[coupling]], Omega=20.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["T_c", pytest.param("branch_end", marks=pytest.mark.slow)])
def test_a_measured_T_c_alone_gives_the_coupling(tmp_path, kind):
    result = fit(*load_fit(folder(tmp_path, ONE_BAND, [f"{kind},,7.2,0.1,K"])))
    expected = 1 / np.log(2 * EXP_GAMMA / np.pi * 20.0 / (k_B * 7.2))
    assert abs(result.value[0] / expected - 1) < CLOSED_FORM
    assert result.start_converged.all()
    # dT_c / dlambda = T_c / lambda^2
    assert abs(result.uncertainty[0] / (0.1 * expected**2 / 7.2) - 1) < CLOSED_FORM


@pytest.mark.slow
def test_gaps_beyond_T_c_are_zero_in_the_model(tmp_path):
    """A series up to above T_c, one point of it read as a small gap: its residual is the reading itself."""
    true = 0.3
    T_c = float(jg.critical_temperature(one_band(true)))
    rows = []
    for T in (1.0, 4.0, 0.98 * T_c):
        gap = float(jnp.abs(jg.solve(one_band(true), T).Delta[0]))
        rows.append(f"branch_minimum[a],{T},{gap:.12f},0.02,meV")
    rows += [f"branch_minimum[a],{T},{gap},0.02,meV" for T, gap in ((1.02 * T_c, 0.0), (1.5 * T_c, 0.04), (300.0, 0.0))]
    result = fit(*load_fit(folder(tmp_path, ONE_BAND, rows)))
    assert abs(result.value[0] / true - 1) < 1e-8
    np.testing.assert_array_equal(result.predicted[3:], 0.0)
    np.testing.assert_allclose(result.chi2, (0.04 / 0.02) ** 2, rtol=1e-6)
    np.testing.assert_array_equal(result.jacobian[3:6], 0.0)
    assert result.start_converged.all()


@pytest.mark.slow
def test_what_a_fit_says_of_a_pair_in_the_normal_state(tmp_path):
    """Every definition of a gap is zero, its derivative too; below T_c the branch is found also from no amplitude at all."""
    lower, upper = "branch_minimum[a:b lower]", "branch_minimum[a:b upper]"
    of_T = [lower, upper, "fermi_momentum[a]", "coherence_peak[a:b upper]", f"{upper} - {lower}"]
    rows = [f"{quantity},300,0.0,0.1,meV" for quantity in of_T] + [f"2 {lower} / k_B T_c,300,0.0,0.1,1"]
    config, sc, data = load_fit(folder(tmp_path, PAIR, [*rows, f"{lower},30,8.0,0.1,meV"]))
    p, theta = problem(config, [sc], data), np.array([0.4])
    found = nested_at(p, theta, np.zeros((2, 3)))
    solved = jg.solve(sc.set({"lam[b, a]": 0.04}), 30.0)
    assert float(jg.critical_temperature(solved.superconductor)) > 35
    assert found.on_branch
    np.testing.assert_array_equal(found.Delta[1], 0.0)
    np.testing.assert_allclose(found.Delta[0], solved.Delta.real, rtol=AMPLITUDE)
    np.testing.assert_array_equal(found.predicted[:-1], 0.0)
    np.testing.assert_array_equal(found.jacobian[:6], 0.0)
    assert abs(found.jacobian[6]) > 1
    # A trial coupling without T_c: all normal.
    assert not nested_at(p, np.array([-2.0]), np.ones((2, 3))).predicted.any()


@pytest.mark.slow
def test_a_ratio_of_gaps_has_no_value_in_the_normal_state(tmp_path):
    ratio = "branch_minimum[a:b upper] / branch_minimum[a:b lower]"
    config, sc, data = load_fit(folder(tmp_path, PAIR, [f"{ratio},300,1.0,0.1,1", "branch_minimum[a:b lower],30,8.0,0.1,meV"]))
    found = nested_at(problem(config, [sc], data), np.array([0.4]), np.ones((2, 3)))
    assert not found.on_branch
    assert np.isnan(found.residuals[0])


def test_the_search_looks_at_a_few_temperatures_of_every_series(tmp_path):
    rows = [f"branch_minimum[a],{T},1.0,0.1,meV" for T in np.linspace(1, 9, 41)] + ["T_c,,9,0.1,K"]
    rows += [f"fermi_momentum[a],{T},1.0,0.1,meV" for T in (1.1, 2.1)]
    config, sc, data = load_fit(folder(tmp_path, ONE_BAND, rows))
    p = problem(config, [sc], data)
    few, kept = thinned(p, 12)
    assert len(kept) == 14
    assert len(few.rows) == len(few.value) == 15
    np.testing.assert_array_equal(few.T, p.T[kept])
    assert {1.0, 9.0, 1.1, 2.1} <= set(few.T.tolist())
    Delta = jnp.linspace(2.0, 1.0, len(p.T))[:, None]
    whole = dict(zip(p.rows, predictions(p, jnp.array([0.3]), Delta).tolist(), strict=True))
    for row, value in zip(few.rows, predictions(few, jnp.array([0.3]), Delta[kept]).tolist(), strict=True):
        old = row if row.terms[0][0] == "T_c" else row._replace(condition=int(kept[row.condition]))
        assert value == whole[old]
    same, all_of_them = thinned(p, 41)
    assert same is p
    assert len(all_of_them) == len(p.T)


@pytest.mark.slow
def test_two_equal_decoupled_bands_that_one_parameter_ties(tmp_path):
    """They become critical together; along the direction in which both couplings change T_c has a derivative."""
    toml = ONE_BAND.replace("lam = [[0.3]], bands.a.mu", "lam = [[0.3, 0], [0, 0.3]], bands.b.mu = 500.0, bands.a.mu")
    toml = toml.replace('"s+"', '"s++"').replace('"lam[a, a]" = 1.0', '"lam[a, a]" = 1.0, "lam[b, b]" = 1.0')
    config, sc, data = load_fit(folder(tmp_path, toml, ["T_c,,7.2,0.1,K"]))
    expected = 1 / np.log(2 * EXP_GAMMA / np.pi * 20.0 / (k_B * 7.2))
    found = nested_at(problem(config, [sc], data), np.array([expected]), np.zeros((0, 2)))
    assert found.on_branch
    assert abs(found.predicted[0] / 7.2 - 1) < CLOSED_FORM
    assert abs(found.jacobian[0, 0] / (7.2 / expected**2 / 0.1) - 1) < CLOSED_FORM
