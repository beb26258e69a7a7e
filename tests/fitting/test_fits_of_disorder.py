"""Samples that share couplings and differ in their impurities: couplings and densities found again from their T_c."""

import json

import numpy as np
import pytest
from disordered import EFREMOV, S, two_bands

import jaxgap as jg
from jaxgap.fitting.loading import load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.problem import problem
from jaxgap.numerics.checks import InputError
from jaxgap.observables import gap_edges
from jaxgap.sweeps import sweep

TRUE = {"pristine": 0.0, "first": 0.05, "second": 0.2}
"""Density of impurities of every sample."""
FIT = """
title = "SYNTHETIC: T_c of irradiated samples"
[system]
file = "system.toml"
branch = "s+-"
[samples.pristine]
[samples.first]
[samples.second]
[parameters.lambda_a]
sets = { "lam[a, a]" = 1.0 }
bounds = [0.4, 0.6]
[parameters.n_1]
sets = { "disorder.density" = 1.0 }
sample = "first"
bounds = [0.0, 0.15]
[parameters.n_2]
sets = { "disorder.density" = 1.0 }
sample = "second"
bounds = [0.0, 0.5]
[data]
file = "data.csv"
assumed_error_meV = 0.1
[optimiser]
starts = 2
"""
HEADER = "quantity,T_K,value,error,unit,use,technique,source,how_obtained,sample\n"


def system(density=0.0):
    return two_bands(EFREMOV, density, S["s1"])


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    jg.save(system(), "system.toml")
    (tmp_path / "fit.toml").write_text(FIT)
    return tmp_path


def test_couplings_and_densities_are_found_again(command, folder):
    T_c = {name: float(jg.critical_temperature(system(n))) for name, n in TRUE.items()}
    rows = [f"T_c,,{value!r},0.3,K,fit,SYNTHETIC,test,calculated,{name}\n" for name, value in T_c.items()]
    (folder / "data.csv").write_text(HEADER + "".join(rows))
    assert command("fit", ".").code == 0
    result = json.loads((folder / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["lambda_a"], values["n_1"], values["n_2"]], [0.5, 0.05, 0.2], rtol=1e-6)


@pytest.mark.slow
def test_gaps_and_T_c_of_two_samples(command, folder):
    """The smaller gap of s+- under scattering between the bands, which both share; the coupling and a density found again."""
    rows = []
    for name, n in TRUE.items():
        if name == "second":
            continue
        edge = float(gap_edges(jg.solve(system(n), 6.0)).edge[1])
        rows += [f"gap_edge[b],6.0,{edge!r},0.01,meV,fit,SYNTHETIC,test,calculated,{name}\n"]
        rows += [f"T_c,,{float(jg.critical_temperature(system(n)))!r},0.3,K,fit,SYNTHETIC,test,calculated,{name}\n"]
    (folder / "data.csv").write_text(HEADER + "".join(rows))
    one = FIT.replace("[samples.second]\n", "")
    start, end = one.index("[parameters.n_2]"), one.index("[data]")
    (folder / "fit.toml").write_text(one[:start] + one[end:].replace("starts = 2", "starts = 1"))
    assert command("fit", ".").code == 0
    result = json.loads((folder / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["lambda_a"], values["n_1"]], [0.5, 0.05], rtol=1e-6)
    curve = result["samples"][1]["curve"]
    assert np.isfinite(np.array(curve["sigma_meV"], float)[np.array(curve["status"]) == int(jg.Status.CONVERGED)]).all()


ONE = FIT[: FIT.index("[samples.pristine]")] + FIT[FIT.index("[parameters.lambda_a]") : FIT.index("[parameters.n_1]")]
ONE += '[parameters.n]\nsets = { "disorder.density" = 1.0 }\nbounds = [0.0, 0.5]\n[optimiser]\nstarts = 1\n'
"""One sample, whose coupling and density are looked for."""
TRUTH = np.array([0.5, 0.2])
V = np.linspace(-14.0, 14.0, 29)


def with_curve(folder, quantity, values, at):
    """The folder of a fit of one curve of exact numbers."""
    rows = "".join(f"{float(x)!r},{float(y)!r},0.01\n" for x, y in zip(at, values, strict=True))
    head, extra = ("V (mV),dIdV", "T = 6.0\n") if quantity == "dIdV" else ("T (K),value", "")
    (folder / "curve.csv").write_text(f"{head},error\n{rows}")
    entry = f'[[data]]\nfile = "curve.csv"\nquantity = "{quantity}"\n{extra}'
    (folder / "fit.toml").write_text(ONE + entry)
    return folder


def spectrum():
    return jg.observables.tunnelling_conductance(jg.solve(system(0.2), 6.0), V, 0.1)


def slopes_and_differences(folder, h=1e-4):
    """(deviations, derivatives, and the same from states at other parameters, to the fourth order of the step h)."""
    config, sc, data = load_fit(folder)
    p = problem(config, config.systems(sc), data)

    def at(theta):
        return nested_at(p, theta, np.zeros((len(p.T), 2)))

    def deviation(k, steps):
        return at(TRUTH + steps * h * np.eye(2)[k]).residuals

    here = at(TRUTH)
    found = [(8 * (deviation(k, 1) - deviation(k, -1)) - deviation(k, 2) + deviation(k, -2)) / (12 * h) for k in range(2)]
    return here.residuals, here.jacobian, np.stack(found, axis=1)


@pytest.mark.slow
def test_slopes_of_a_tunnelling_spectrum(folder):
    """Through the gap equations; the amplitudes move with coupling and density, and so does what impurities dress."""
    deviations, slopes, differences = slopes_and_differences(with_curve(folder, "dIdV", spectrum(), V))
    assert np.abs(deviations).max() < 1e-7
    np.testing.assert_allclose(slopes, differences, atol=1e-8 * np.abs(differences).max())


@pytest.mark.slow
@pytest.mark.parametrize("quantity", ["superfluid", "heat"])
def test_slopes_of_curves_over_temperature(folder, quantity):
    sc, T, see = system(0.2), [6.0, 25.0], jg.observables
    states = [jg.solve(sc, t) for t in T]
    if quantity == "heat":
        values = [see.specific_heat(s) / see.normal_specific_heat(sc, s.T) for s in states]
    else:
        values = [see.superfluid_density(s).total for s in states]
    deviations, slopes, differences = slopes_and_differences(with_curve(folder, quantity, values, T))
    assert np.abs(deviations).max() < 1e-7
    np.testing.assert_allclose(slopes, differences, atol=1e-8 * np.abs(differences).max())


@pytest.mark.slow
def test_a_spectrum_finds_coupling_and_density_again(command, folder):
    """From one spectrum without noise, with the curve of the model and its band of errors in the result."""
    assert command("fit", str(with_curve(folder, "dIdV", spectrum(), V))).code == 0
    result = json.loads((folder / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["lambda_a"], values["n"]], TRUTH, rtol=1e-6)
    (line,) = result["lines"]
    assert np.isfinite(np.array([line["value"], line["sigma"]], float)).all()


def test_curves_that_disorder_does_not_know_are_refused(folder):
    with_curve(folder, "ultrasound", [0.9, 0.6], [5.0, 20.0])
    with pytest.raises(InputError, match=r"with disorder, whose data are .* superfluid, .*: leave its file out"):
        load_fit(folder)


def test_a_response_at_one_temperature_is_no_curve(folder):
    (folder / "data.csv").write_text(HEADER + "superfluid,5.0,0.9,0.01,1,fit,SYNTHETIC,test,calculated,\n")
    (folder / "fit.toml").write_text(ONE + '[data]\nfile = "data.csv"\nassumed_error_meV = 0.1\n')
    with pytest.raises(InputError, match=r"with disorder, whose data are gap_edge.*: set its `use` to show"):
        load_fit(folder)


@pytest.mark.slow
def test_a_sweep_over_the_density():
    densities = np.array([0.05, 0.2, 1.0])
    data = sweep(system(), {"disorder.density": densities}, ("T_c", "Delta", "Z", "d T_c/d disorder.density"), T=5.0)
    for k, n in enumerate(densities):
        solution = jg.solve(system(float(n)), 5.0)
        np.testing.assert_allclose(np.asarray(data.Delta)[k], solution.Delta.real, rtol=1e-9)
        np.testing.assert_allclose(np.asarray(data.T_c)[k], jg.critical_temperature(system(float(n))), rtol=1e-9)
    h = 1e-4
    up, down = (float(jg.critical_temperature(system(0.2 + x))) for x in (h, -h))
    np.testing.assert_allclose(np.asarray(data["d_T_c_d_disorder.density"])[1], (up - down) / (2 * h), rtol=1e-6)


@pytest.mark.slow
def test_a_sweep_of_edges():
    densities = np.array([0.05, 0.2])
    data = sweep(system(), {"disorder.density": densities}, ("gap_edge", "d gap_edge/d disorder.density"), T=5.0)
    edges = [gap_edges(jg.solve(system(float(n)), 5.0)).edge for n in densities]
    np.testing.assert_allclose(data.gap_edge, edges, rtol=1e-9)
    h = 1e-5
    up, down = (float(gap_edges(jg.solve(system(0.2 + x), 5.0)).edge[1]) for x in (h, -h))
    np.testing.assert_allclose(np.asarray(data["d_gap_edge_d_disorder.density"])[1, 1], (up - down) / (2 * h), rtol=1e-6)


@pytest.mark.slow
def test_all_real_states_of_a_disordered_system():
    found = jg.solutions(system(0.2), 5.0)
    assert [state.name for state in found] == ["s+-", "normal"]
    assert np.isnan(found[0].gap)
    assert "gap" not in str(found).splitlines()[2]


@pytest.mark.slow
def test_a_sweep_of_curves():
    """Heat, superfluid density and relaxation at every point are those of the state by itself."""
    sc = system(1.0 / np.pi)
    data = sweep(sc, {"disorder.density": np.array([0.2, 1.0 / np.pi])}, ("heat", "superfluid", "nmr"), T=10.0)
    one = jg.solve(sc, 10.0)
    see = jg.observables
    alone = see.specific_heat(one) / see.normal_specific_heat(sc, 10.0), see.superfluid_density(one).total
    for name, value in zip(("heat", "superfluid", "nmr"), (*alone, see.relaxation_rate(one, 0.1)), strict=True):
        np.testing.assert_allclose(np.asarray(data[name])[1], value, rtol=1e-7)
