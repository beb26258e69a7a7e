"""Clusters of three linked bands from the command line: files, numbers, and one sentence for what is wrong."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from jaxgap import critical_temperature, load, materials, save, solve, superconductor
from jaxgap.fitting.loading import load_fit
from jaxgap.model.systems import from_toml, to_toml

REPEATABLE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""
LAM = [
    [0.38, 0.0122, 0.0062, 0.0125, 0.0083],
    [0.0122, 0.35, 0.0068, 0.0035, -0.0012],
    [0.0062, 0.0068, 0.33, 0.0099, 0.0049],
    [0.0125, 0.0035, 0.0099, 0.14, 0.0105],
    [0.0083, -0.0012, 0.0049, 0.0105, 0.12],
]
BANDS = "[bands.a]\nmu = 150.0\n[bands.b]\nmu = 168.0\n[bands.c]\nmu = 190.0\n"
HEAD = f'Omega = 30.0\ncross = ["a:b", "b:c"]\nlam = {LAM}\n'
GOOD = HEAD + BANDS
"""The first case of tests/reference/clusters.json."""
DELTA = [4.841554645591804, 4.030726822175441, 3.3453795156093045, 0.3537405417488263, 0.15798393170596187]
"""[meV], at 2 K."""


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Calls the entry point in this process, beside three.toml."""
    monkeypatch.chdir(tmp_path)
    Path("three.toml").write_text(GOOD, encoding="utf-8")
    return command


BAD_FILES = {
    "unknown band in cross": (GOOD.replace('"b:c"', '"b:d"'), "`cross` must name bands of the system (a, b, c), but got `d`"),
    "cross with itself": (GOOD.replace('"b:c"', '"b:b"'), "`cross` must pair two different bands"),
    "a pair in both orders": (GOOD.replace('"b:c"', '"b:a"'), "`cross` must name each pair of bands once"),
    "three bands in a pair": (GOOD.replace('"b:c"', '"a:b:c"'), "`cross` must name pairs of bands such as `alpha:beta`"),
    "lam of the bands alone": (
        GOOD.replace(str(LAM), str([row[:3] for row in LAM[:3]])),
        "`lam` must be a 5 x 5 matrix, one row and column per channel (a, b, c, a:b, b:c), but got shape (3, 3)",
    ),
    "a third cross channel without couplings": (GOOD.replace('"b:c"', '"b:c", "a:c"'), "`lam` must be a 6 x 6 matrix"),
    "a channel that is none": ('channels = ["a", "b", "c", "a:b", "a:c"]\n' + GOOD, "a:c"),
    "a channel twice": ('channels = ["a", "b", "c", "a:b", "b:a"]\n' + GOOD, "`channels` must name each of"),
    "a channel too few": ('channels = ["a", "b", "c", "a:b"]\n' + GOOD, "`channels` must name each of"),
    "a hole band with an electron's mu": (GOOD.replace("mu = 190.0", "mu = 190.0\nmass = -1.0"), "`mu[c]` must have the sign"),
}

BAD_ARGUMENTS = {
    "s+- of three bands": (["--branch", "s+-"], "must have one sign per band (3) where `s+-` is ambiguous, but got 's+-'"),
    "a sign too few": (["--branch", "+-"], "must have one sign per band (3)"),
    "a sign for each channel": (["--branch", "+++++"], "must have one sign per band (3)"),
    "no sign": (["--branch", "a:b"], "`--branch` must be `s++`, `s+-` or one sign per band"),
    "three amplitudes for five channels": (
        ["--start", "5,4,3"],
        "`--start` must have one amplitude per channel (a, b, c, a:b, b:c), but got shape (3,)",
    ),
    "words for amplitudes": (["--start", "5,4,three,0,0"], "`--start` must hold comma-separated numbers"),
    "the alias of two bands": (["--set", "lambda_13=0.1"], "Unknown path `lambda_13`"),
    "a coupling to a pair that is not there": (["--set", "lam[a, a:c]=0.1"], "a:c"),
    "a mu of no band": (["--set", "mu[d]=100"], "Unknown path `mu[d]`"),
    "a mass of the other sign": (["--set", "mass[b]=-1"], "`mu[b]` must have the sign of the mass"),
}


def one_sentence(done, said):
    assert done.code == 2, done.err
    assert done.out == ""
    assert len(done.err.splitlines()) == 1, done.err
    assert done.err.startswith("jaxgap: ")
    assert said in done.err


@pytest.mark.parametrize(("text", "said"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(run, text, said):
    Path("bad.toml").write_text(text, encoding="utf-8")
    done = run("solve", "bad.toml", "--T", "2")
    one_sentence(done, said)
    assert "bad.toml: " in done.err


@pytest.mark.parametrize(("arguments", "said"), BAD_ARGUMENTS.values(), ids=BAD_ARGUMENTS)
def test_bad_arguments(run, arguments, said):
    one_sentence(run("solve", "three.toml", "--T", "2", *arguments), said)


NEW = {
    "cross of an unknown band": (["--bands", "3", "--cross", "a:b,b:d"], "`cross` must name bands of the system (a, b, c)"),
    "cross that is no pair": (["--bands", "3", "--cross", "a"], "`cross` must name pairs of bands"),
    "cross with a material": (["--material", "lifeas_model", "--cross", "a:b"], "`--cross` must not be given with a material"),
}


@pytest.mark.parametrize(("arguments", "said"), NEW.values(), ids=NEW)
def test_bad_new_folders(run, arguments, said):
    one_sentence(run("new", "mine", *arguments), said)
    assert not Path("mine").exists()


def test_andreev_reflection_is_refused(run):
    """It is a formula of two linked bands."""
    done = run("observe", "three.toml", "andreev", "--T", "40")  # the normal state: nothing to solve
    assert done.code == 2
    assert "is defined for single bands and cross-paired pairs only, but a, b and c are cross-paired together" in done.err


@pytest.mark.parametrize("sc", [from_toml(GOOD), *(make() for name, make in materials.MATERIALS.items() if "model" in name)])
def test_files_hold_the_system(sc, tmp_path):
    save(sc, tmp_path / "sc.toml")
    again = load(tmp_path / "sc.toml")
    assert to_toml(again) == to_toml(sc)
    assert (again.channels, again.cross, again.linked) == (sc.channels, sc.cross, sc.linked)
    np.testing.assert_array_equal(again.lam, sc.lam)


def test_channels_in_any_order():
    sc = from_toml(GOOD)
    order = [4, 2, 0, 3, 1]
    lam = np.array(LAM)[np.ix_(order, order)]
    bands = {band.name: {"mu": float(band.mu)} for band in sc.bands}
    turned = superconductor(bands=bands, cross=["a:b", "b:c"], lam=lam, Omega=30.0, channels=["c:b", "c", "a", "b:a", "b"])
    np.testing.assert_array_equal(turned.lam, sc.lam)


@pytest.mark.slow
def test_numbers(run):
    done = run("solve", "three.toml", "--T", "2", "--json")
    report = json.loads(done.out)
    assert done.code == 0
    assert report["branches"] == ["a:b:c 1", "a:b:c 2", "a:b:c 3"]
    np.testing.assert_allclose(report["Delta_real_meV"], DELTA, rtol=1e-8)
    words = run("solve", "three.toml", "--T", "2", "--branch", "+++").out  # of which none becomes an emoji
    assert "gap (branch minimum) a:b:c 1: 3.345003 meV" in words
    T_c = json.loads(run("tc", "three.toml", "--json").out)["T_c_K"]
    assert T_c == pytest.approx(29.63529863507667, rel=REPEATABLE)
    rows = json.loads(run("gaps", "three.toml", "--T", "2,35", "--json").out)["rows"]
    assert [row["status"] for row in rows] == ["converged", "normal"]


@pytest.mark.slow
def test_a_new_folder(run):
    assert run("new", "mine", "--bands", "3", "--cross", "a:b,b:c").code == 0
    table = tomllib.loads(Path("mine/fit.toml").read_text(encoding="utf-8"))
    assert table["system"]["inline"]["cross"] == ["a:b", "b:c"]
    config, sc, data = load_fit("mine")
    assert sc.linked[0].bands == (0, 1, 2)
    assert {datum.quantity for datum in data} == {f"branch_minimum[a:b:c {k}]" for k in (1, 2, 3)} | {"T_c"}
    assert set(config.parameters) == {"lambda_a", "lambda_b", "lambda_c"}


# === models of more bands


MODELS = {
    "mgb2_six_layers_model": 30.554,
    "lifeas_model": 18.108,
    "five_band_pnictide_model": 36.281,
    "oxide_interface_model": 0.2002,
}
"""T_c [K] as their docstrings round it."""
SIGNS = {
    "mgb2_six_layers_model": "++++",
    "lifeas_model": "++--",
    "five_band_pnictide_model": "+++--",
    "oxide_interface_model": "++",
}


@pytest.mark.parametrize("name", MODELS)
def test_what_the_models_are(name):
    """Detailed balance; a pair linked by symmetric couplings; what is said of their sources."""
    sc = materials.MATERIALS[name]()
    assert bool(sc.has_free_energy)
    np.testing.assert_array_equal(sc.lam, sc.lam.T)
    assert sc.remarks == ()
    assert materials.MATERIALS[name].__doc__.startswith("MODEL of ")
    assert "All else is a choice" in materials.MATERIALS[name].__doc__


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_the_models_solve(name):
    sc = materials.MATERIALS[name]()
    assert float(critical_temperature(sc)) == pytest.approx(MODELS[name], abs=5.1e-4)
    solution = solve(sc, min(1.0, MODELS[name] / 4))
    assert bool(solution.converged)
    signs = np.sign(np.asarray(solution.Delta.real)[: len(sc.bands)])
    assert "".join("+" if sign == signs[0] else "-" for sign in signs) == SIGNS[name]
