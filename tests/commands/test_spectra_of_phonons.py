"""The command line with retarded interactions: T_c of a file of alpha^2F, and what it refuses."""

import json

import numpy as np
import pytest

import jaxgap as jg

OMEGA = [0.0, 3.0, 6.0, 9.0, 12.0, 16.0]
ALPHA2F = [0.0, 0.25, 0.9, 0.35, 0.6, 0.0]


@pytest.fixture
def spectrum(tmp_path):
    rows = "\n".join(f"{omega} {value}" for omega, value in zip(OMEGA, ALPHA2F, strict=True))
    path = tmp_path / "model.a2F"
    path.write_text(f"# w (meV)  a2F\n{rows}\n")
    return path


@pytest.mark.slow
def test_tc_of_a_file(command, spectrum):
    ended = command("tc", spectrum, "--mu-star", 0.12, "--cutoff", 160, "--json")
    assert ended.code == 0
    found = json.loads(ended.out)
    a2F = jg.origins.eliashberg_function(OMEGA, ALPHA2F)
    sc = jg.superconductor(bands={"band": {"mu": 1e3}}, interaction=jg.Retarded(a2F, 0.12, 160.0))
    assert found["T_c_K"] == pytest.approx(float(jg.critical_temperature(sc)), rel=1e-12)
    assert found["T_c_K"] == pytest.approx(12.00722343953799, rel=1e-5)
    assert found["derivatives_K_per_unit"]["mu_star[band, band]"] < 0 < found["derivatives_K_per_unit"]["lam[band, band]"]


@pytest.mark.slow
@pytest.mark.slow
def test_tables(command, spectrum):
    said = command("tc", spectrum).out
    assert "Eliashberg's equations" in said
    assert "lambda = 2.21807, omega_log = 4.44028 meV" in said
    assert "lam[band, band]" in said
    solved = command("solve", "mgb2_eliashberg", "--T", 10).out
    assert "gap edge sigma: 7.0" in solved
    assert float(jg.critical_temperature(jg.materials.mgb2_eliashberg())) == pytest.approx(39.4, abs=0.05)


def test_refusals(command, spectrum):
    for arguments, sentence in (
        (("tc", spectrum, "--mu-star", 0.1), "Argument `--mu-star` must come with --cutoff"),
        (("tc", spectrum, "--mu-star", 0.1, "--cutoff", 10), "Argument `omega_c` must be above the spectrum"),
        (("tc", "nothing.a2F", "--mu-star", 0.1, "--cutoff", 10), "Cannot read alpha^2F"),
        (("tc", "mgb2_eliashberg", "--kind"), "must have a static interaction"),
        (("gaps", "mgb2_eliashberg", "--T", 1), "must have a static interaction"),
        (("observe", "mgb2_eliashberg", "gaps", "--T", 1), "must"),
    ):
        ended = command(*arguments)
        assert ended.code == 2, arguments
        assert sentence in " ".join(ended.err.split())


@pytest.mark.slow
def test_a_tunnel_junction_sees_gaps_and_phonons(command, monkeypatch, tmp_path):
    """Maxima at the gap edges, 2.7 and 7.1 meV, and the dip behind a phonon of 66 meV above the larger one."""
    monkeypatch.chdir(tmp_path)
    assert command("observe", "mgb2_eliashberg", "tunnelling", "--T", 4, "--Gamma", 0.1).code == 0
    V, seen = np.genfromtxt("mgb2_eliashberg_tunnelling.csv", delimiter=",", skip_header=1).T
    peaks = V[1:-1][(seen[1:-1] > seen[:-2]) & (seen[1:-1] > seen[2:])]
    for edge in (2.7, 7.1, 66.0 + 7.1):
        assert np.min(np.abs(peaks - edge)) < 1.5
    assert seen[np.argmin(np.abs(V - 76.0))] < 0.97
