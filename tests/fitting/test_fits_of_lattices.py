"""A fit of a lattice's hopping and coupling to gaps and a T_c that were calculated for known ones."""

import json

import numpy as np
import pytest
from lattices import SYSTEM

import jaxgap as jg
from jaxgap.observables import excitation_gap

FIT = """
title = "SYNTHETIC: a lattice"

[system]
file = "system.toml"
branch = "+"

[parameters.g]
sets = { "g[s, s]" = 1.0 }
bounds = [250.0, 350.0]

[parameters.mu]
sets = { mu = 1.0 }
bounds = [-140.0, -40.0]

[data]
file = "data.csv"
assumed_error_meV = 1.0

[optimiser]
starts = 2
"""
TRUE = {"g[s, s]": 290.0, "mu": -95.0}
FOUND = 1e-5  # of the true values: data have 10 digits, and the fit ends where chi^2 is 1e-10 of its error bars


@pytest.mark.slow
def test_known_numbers_are_found_again(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.toml").write_text(SYSTEM)
    (tmp_path / "fit.toml").write_text(FIT)
    sc = jg.load("system.toml").set(TRUE)
    gaps = [(T, float(excitation_gap(jg.solve(sc, T)))) for T in (100.0, 350.0)]
    rows = [f"branch_minimum[lowest],{T},{gap!r},0.5,meV,fit,SYNTHETIC,test,calculated" for T, gap in gaps]
    rows += [f"T_c,,{float(jg.critical_temperature(sc))!r},2.0,K,fit,SYNTHETIC,test,calculated"]
    header = "quantity,T_K,value,error,unit,use,technique,source,how_obtained"
    (tmp_path / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    assert command("fit", ".").code == 0
    result = json.loads((tmp_path / "result.json").read_text())
    values = {one["name"]: one["value"] for one in result["parameters"]}
    np.testing.assert_allclose([values["g"], values["mu"]], [TRUE["g[s, s]"], TRUE["mu"]], rtol=FOUND)
    assert (tmp_path / "fit.png").stat().st_size > 10_000
