"""Fits at a fixed density: numbers from which data were calculated are found again; what such a fit does not take."""

import json

import numpy as np
import pytest
from lattices import SYSTEM

import jaxgap as jg
from jaxgap.fitting import load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.problem import problem
from jaxgap.observables import excitation_gap, tunnelling_conductance

BANDS = """
Omega = 30.0
g = [[1.0]]
density = 18.0
bands.a = { mu = 9.0 }
"""
LATTICE = SYSTEM.replace("mu = -80.0", "density = 0.7")
FIT = """
title = "SYNTHETIC: a fixed density"

[system]
file = "system.toml"
branch = "{branch}"

[parameters.g]
sets = {{ "g[{channel}, {channel}]" = 1.0 }}
bounds = [{g[0]}, {g[1]}]

[parameters.n]
sets = {{ density = 1.0 }}
bounds = [{n[0]}, {n[1]}]

[data]
file = "data.csv"
assumed_error_meV = 1.0

[optimiser]
starts = 2
"""
CASES = {
    "bands": (
        BANDS,
        {"of": "a", "branch": "s+", "channel": "a", "g": (0.9, 1.4), "n": (12.0, 26.0)},
        (1.2, 20.0),
        (10.0, 90.0),
        0.2,
    ),
    "a lattice": (
        LATTICE,
        {"branch": "+", "channel": "s", "g": (250.0, 350.0), "n": (0.5, 0.9)},
        (290.0, 0.65),
        (100.0, 350.0),
        1.0,
    ),
}
"""(system.toml, its names and bounds, what data are calculated from, temperatures [K], their error [meV])."""
HEADER = "quantity,T_K,value,error,unit,use,technique,source,how_obtained"
FOUND = 1e-5  # of the true values: data have 10 digits, and the fit ends where chi^2 is 1e-10 of its error bars


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def written(system, names, true, T, error):
        (tmp_path / "system.toml").write_text(system)
        (tmp_path / "fit.toml").write_text(FIT.format(**names))
        sc = jg.load("system.toml").set({f"g[{names['channel']}, {names['channel']}]": true[0], "density": true[1]})
        gaps = [(t, float(excitation_gap(jg.solve(sc, t)))) for t in T]
        rows = [
            f"branch_minimum[{names.get('of', 'lowest')}],{t},{gap!r},{error},meV,fit,SYNTHETIC,test,calculated"
            for t, gap in gaps
        ]
        rows += [f"T_c,,{float(jg.critical_temperature(sc))!r},2.0,K,fit,SYNTHETIC,test,calculated"]
        (tmp_path / "data.csv").write_text("\n".join([HEADER, *rows]) + "\n")
        return tmp_path

    return written


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_known_numbers_are_found_again(command, folder, case):
    path, true = folder(*case), case[2]
    assert command("fit", ".").code == 0
    result = json.loads((path / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["g"], values["n"]], true, rtol=FOUND)
    assert (path / "fit.png").stat().st_size > 10_000


SPECTRUM = """
[[data]]
file = "sts.dat"
quantity = "dIdV"
T = 20.0
errors = { constant = 0.02 }
"""


@pytest.mark.slow
def test_spectra_move_with_the_mu_of_the_density(folder):
    """A spectrum is that of the state at its mu, and its derivatives have those of mu in them."""
    system, names, true, *_ = CASES["bands"]
    path, V, Gamma = folder(system, names, true, (), 0.2), np.array([-14.0, -5.0, 4.0, 12.0]), 1.0
    (path / "sts.dat").write_text("V (mV) dIdV\n" + "".join(f"{v} 1.0\n" for v in V))
    rest = f"[data.settings]\nGamma = {Gamma}\n"
    (path / "fit.toml").write_text(FIT.format(**names).split("[data]")[0] + SPECTRUM + rest + "[optimiser]\nstarts = 2\n")
    config, sc, data = load_fit(path)
    p = problem(config, config.systems(sc), data)

    def state(theta):
        return jg.solve(sc.set({"g[a, a]": theta[0], "density": theta[1]}), 20.0)

    theta = np.array(true)
    at = nested_at(p, theta, np.asarray(state(theta).Delta.real)[None])
    np.testing.assert_allclose(at.predicted, tunnelling_conductance(state(theta), V, Gamma), rtol=1e-9)
    for k, h in enumerate((1e-4, 1e-3)):
        up, down = (tunnelling_conductance(state(theta + side * h * np.eye(2)[k]), V, Gamma) for side in (1, -1))
        slope = np.asarray(up - down) / (2 * h) / 0.02
        assert np.abs(np.abs(at.jacobian[:4, k]) - np.abs(slope)).max() < 1e-5 * np.abs(slope).max()


REFUSED = {
    "a mu of the lattice": (
        "a lattice",
        ("fit.toml", "sets = { density = 1.0 }", "sets = { mu = 1.0 }"),
        "Unknown path `mu`: the paths of this lattice are `t`, `density`",
    ),
    "the mu that the density says": (
        "bands",
        ("fit.toml", "sets = { density = 1.0 }", 'sets = { "mu[a]" = 1.0 }'),
        "The path `mu[a]` is not free at a fixed density",
    ),
    "a density beyond the bands": (
        "a lattice",
        ("fit.toml", "bounds = [0.5, 0.9]", "bounds = [0.5, 2.5]"),
        "Argument `density` must lie between 0 and 2 electrons per cell",
    ),
    "both in the file": (
        "a lattice",
        ("system.toml", "density = 0.7", "density = 0.7\nmu = -80.0"),
        "Argument `mu` must be left out where there is a density",
    ),
    "the end of a branch": (
        "bands",
        ("data.csv", "T_c,,", "branch_end,,"),
        "Argument `density` must be left out of a fit of `branch_end`",
    ),
}
"""(case, (file, what is there, what stands there instead), what is said)."""


@pytest.mark.parametrize(("case", "change", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(command, monkeypatch, tmp_path, case, change, sentence):
    monkeypatch.chdir(tmp_path)
    system, names, *_ = CASES[case]
    files = {
        "system.toml": system,
        "fit.toml": FIT.format(**names),
        "data.csv": f"{HEADER}\nT_c,,20.0,2.0,K,fit,SYNTHETIC,test,no\n",
    }
    name, old, new = change
    for file, text in (files | {name: files[name].replace(old, new)}).items():
        (tmp_path / file).write_text(text)
    refused = command("fit", ".")
    assert refused.code == 2
    assert sentence in refused.err.replace("\n", " ")
