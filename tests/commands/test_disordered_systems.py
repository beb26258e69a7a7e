"""The command line with impurities: T_c in closed form, dressed states, what it refuses."""

import json

import numpy as np
import pytest
from disordered import EFREMOV, S, two_bands

import jaxgap as jg


@pytest.fixture
def system(tmp_path):
    path = tmp_path / "system.toml"
    jg.save(two_bands(EFREMOV, 10.0 / np.pi, S["s1"]), path)
    return path


@pytest.mark.slow
def test_tc(command, system):
    said = command("tc", system).out
    assert "T_c = 14.5593" in said
    assert "digammas of disorder" in said
    assert "disorder.u[a, b]" in said
    found = json.loads(command("tc", system, "--json", "--set", "disorder.density=0").out)
    assert found["T_c_K"] == pytest.approx(56.09, rel=1e-4)
    assert found["derivatives_K_per_unit"]["disorder.density"] < 0
    never = command("tc", system, "--set", "lam[a, a]=-0.5", "--set", "lam[b, b]=-0.5").out
    assert "The normal state is stable at every temperature: T_c = 0." in never


@pytest.mark.slow
def test_solve(command, system):
    said = command("solve", system, "--T", 3).out
    assert "s++ (converged)" in said
    assert "order parameter b: +0.1" in said


@pytest.mark.slow
def test_what_is_refused(command, system, tmp_path):
    ended = command("gaps", system, "--T", "1:3:2")
    assert ended.code == 2
    assert "must have a static interaction" in ended.err + ended.out
    shell = tmp_path / "shell.toml"
    shell.write_text("Omega = 30.0\nlam = [[0.3]]\n[bands.a]\nmu = 500.0\n[disorder]\ndensity = 1.0\nu = [[1.0]]\n")
    ended = command("tc", shell)
    assert ended.code == 2
    assert "be left out of a momentum shell" in ended.err + ended.out
