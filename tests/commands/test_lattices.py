"""Commands for a lattice: its file, or a model's name, stand where those of bands do."""

import numpy as np
import pytest
from lattices import SYSTEM

from jaxgap import Status, critical_temperature, load, materials, solve
from jaxgap.model.lattice_materials import SYSTEMS
from jaxgap.sweeps import open_sweep

pytestmark = pytest.mark.slow
T = 300.0
SWEEP = """
T = 300.0
observables = ["Delta", "gap", "T_c", "d Delta/d t"]

[system]
file = "system.toml"

[axes.mu]
values = [-90.0, -80.0]
"""
STEP = 1e-3  # of differences, whose error is then 1e-7 of the derivative
REPEATABLE = 1e-9  # of a solve in another program


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "system.toml").write_text(SYSTEM)
    return command


@pytest.fixture
def sc(run):
    return load("system.toml")


def test_solve_tc_and_gaps(run, sc):
    found = run("solve", "system.toml", "--T", str(T), "--json").json
    expected = solve(sc, T)
    assert found["Delta_real_meV"] == pytest.approx(expected.Delta.real.tolist(), rel=REPEATABLE)
    assert found["branches"] == ["lowest"]
    assert 0 < found["excitation_gap_meV"] <= found["Delta_real_meV"][0] * (1 + REPEATABLE)
    assert "Solution at T = 300 K: + (converged), stable" in run("solve", "system.toml", "--T", str(T)).out
    T_c = run("tc", "system.toml", "--json").json["T_c_K"]
    assert T_c == pytest.approx(float(critical_temperature(sc)), rel=REPEATABLE)
    rows = run("gaps", "system.toml", "--T", f"{T},{1.1 * T_c}", "--json").json["rows"]
    assert [row["status"] for row in rows] == ["converged", "normal"]
    assert rows[0]["fermi_momentum_meV"] == []
    assert rows[0]["branch_minima_meV"] == pytest.approx(found["branch_minima_meV"], rel=1e-6)
    table = run("gaps", "system.toml", "--T", str(T)).out
    assert "lowest" in table
    assert "k_F" not in table


def test_a_sweep_from_its_file(run, sc, tmp_path):
    """Gaps, T_c and a derivative, against `solve` of every point and differences of it."""
    (tmp_path / "sweep.toml").write_text(SWEEP)
    assert run("sweep", "sweep.toml").code == 0
    data = open_sweep("sweep.zarr")
    assert (data.status == Status.CONVERGED).all()
    assert data["d_Delta_d_t"].attrs["units"] == "meV / meV"
    for mu in data.mu.values:
        at = sc.set({"mu": float(mu)})
        point = data.sel(mu=mu)
        np.testing.assert_allclose(point.Delta, solve(at, T).Delta.real, rtol=REPEATABLE)
        np.testing.assert_allclose(point.T_c, critical_temperature(at), rtol=REPEATABLE)
        ends = [float(solve(at.set({"t": 100.0 + h}), T).Delta[0].real) for h in (-STEP, STEP)]
        np.testing.assert_allclose(point["d_Delta_d_t"], (ends[1] - ends[0]) / (2 * STEP), rtol=1e-6)


def test_models_on_lattices_have_names(run):
    assert set(SYSTEMS) - set(materials.MATERIALS) - {"mgb2_eliashberg"} == {
        "attractive_hubbard_model",
        "cuprate_lattice_model",
        "pnictide_orbitals_model",
    }
    found = run("tc", "cuprate_lattice_model", "--json").json
    assert found["T_c_K"] == pytest.approx(93.0, abs=0.5)
    refused = run("new", "mine", "--material", "cuprate_lattice_model")
    assert refused.code == 2
    assert "must be one of two_band" in refused.err
