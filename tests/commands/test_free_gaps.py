"""Models with free gaps from the command line: where a fit starts, and what a point contact is compared with.

SYNTHETIC data of two bands that pair alone: a point contact to them conducts as two channels side by side, which is the two-gap
model of Blonder, Tinkham and Klapwijk at the bands' own amplitudes, to the last digit.
"""

import json
import re

import numpy as np
import pytest

from jaxgap import critical_temperature, solve
from jaxgap.commands import fit as commands
from jaxgap.fitting import load_fit
from jaxgap.observables import andreev_conductance

SYSTEM = """
[system]
branch = "s++"
[system.inline]
Omega = 20.0
lam = [[0.28, 0.02], [0.02, 0.2]]
[system.inline.bands.strong]
mu = 200.0
[system.inline.bands.weak]
mu = 200.0

[parameters.lambda_strong]
bounds = [0.15, 0.45]
start = 0.42
sets = { "lam[strong, strong]" = 1.0 }
[parameters.lambda_weak]
bounds = [0.05, 0.35]
start = 0.07
sets = { "lam[weak, weak]" = 1.0 }
"""
TRUTH = {"lambda_strong": 0.28, "lambda_weak": 0.2}
"""The system as it stands in fit.toml."""
GUESS = 0.1
"""Couplings from the gaps and T_c of weak coupling, Omega being some ten of the larger gap."""
FITTED = 1e-5
"""Data without noise, to six decimals."""
GAPS = """
[data]
file = "data.csv"
assumed_error_meV = 0.1

[optimiser]
starts = 1
"""
CONTACT = """
[[data]]
name = "contact"
file = "contact.csv"
quantity = "andreev"
T = 1.5
settings = { Gamma = 0.1, Z = 0.6 }

[models.two]
empirical = "two_gap_btk"
[models.one]
empirical = "btk"

[optimiser]
starts = 2
"""
T = 1.5


def posed(folder, data):
    """The system of fit.toml, at the truth."""
    (folder / "fit.toml").write_text(SYSTEM + data)
    for name in ("data.csv", "contact.csv"):
        (folder / name).write_text(
            "V (mV),G,error\n0,1,0.01\n" if name == "contact.csv" else "quantity,T_K,value,error\nT_c,,8,1\n"
        )
    return load_fit(folder)[1]


@pytest.mark.slow
def test_a_fit_that_starts_from_the_alpha_model(command, tmp_path, monkeypatch):
    """Its gaps and T_c give couplings near the truth, far from where fit.toml starts; the fit goes on from there."""
    sc = posed(tmp_path, GAPS)
    rows = ["quantity,T_K,value,error", f"T_c,,{float(critical_temperature(sc)):.6f},0.05"]
    for t in (1.0, 3.0, 5.0):
        gaps = zip(sc.band_names, np.abs(np.asarray(solve(sc, t, branch="s++").Delta)), strict=True)
        rows += [f"fermi_momentum[{band}],{t},{gap:.6f},0.02" for band, gap in gaps]
    (tmp_path / "data.csv").write_text("\n".join(rows) + "\n")
    begun, run_fit = [], commands.run_fit
    monkeypatch.setattr(commands, "run_fit", lambda config, *rest: begun.append(config) or run_fit(config, *rest))
    code, out, err = command("fit", tmp_path, "--start-from", "alpha")
    assert code == 0, err
    starts = {name: one.start for name, one in begun[0].parameters.items()}
    assert starts == pytest.approx(TRUTH, rel=GUESS)
    said = " ".join(out.split())
    assert "If strong has gap 1 and weak has gap 2" in said
    assert {name: float(re.search(rf"{name} = ([\d.]+)", said)[1]) for name in TRUTH} == pytest.approx(starts, rel=1e-3)
    record = json.loads((tmp_path / "result.json").read_text())
    assert {one["name"]: one["value"] for one in record["parameters"]} == pytest.approx(TRUTH, rel=FITTED)
    # Where it starts is no part of what is fitted.
    assert record["configuration"]["parameters"]["lambda_strong"]["start"] == 0.42


@pytest.mark.slow
def test_a_point_contact_is_compared_with_free_gaps(command, tmp_path):
    """Of the same curve: couplings, two gaps with weights, which are as good, and one gap, which is not."""
    sc, V = posed(tmp_path, CONTACT), np.linspace(-5.0, 5.0, 31)
    state = solve(sc, T, branch="s++")
    rows = [f"{v:.6f},{G:.8f},0.01" for v, G in zip(V, np.asarray(andreev_conductance(state, V, 0.1, 0.6)), strict=True)]
    (tmp_path / "contact.csv").write_text("\n".join(["V (mV),G,error", *rows]) + "\n")
    code, out, err = command("compare", tmp_path)
    assert code == 0, err
    models = json.loads((tmp_path / "comparison.json").read_text())["models"]
    assert {name: len(one["parameters"]) for name, one in models.items()} == {"all": 2, "two": 3, "one": 1}
    assert models["all"]["chi2"] < 1e-6
    assert models["two"]["chi2"] < 1e-6
    assert models["one"]["chi2"] > 100
    larger, smaller = np.abs(np.asarray(state.Delta))
    found = list(models["two"]["parameters"].values())
    assert found == pytest.approx([larger, smaller, 0.5], rel=1e-3)
    for name in models:
        assert any(line.startswith(f"│ {name} ") for line in out.splitlines())
    assert (tmp_path / "curves.png").stat().st_size > 10_000
