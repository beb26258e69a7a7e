"""The commands `jaxgap data` and `jaxgap new`: what is understood of files, and folders that a fit takes as they stand."""

import json
import tomllib
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgap import solve
from jaxgap.fitting import load_fit
from jaxgap.fitting.reading.kinds import CURVES, hinted
from jaxgap.observables import tunnelling_conductance

ZOO = Path(__file__).parents[1] / "fitting" / "reading" / "zoo"
PNG = b"\x89PNG"
GAMMA_N, GAMMA = 5.0, 0.3
"""mJ/mol K^2, and meV: of the synthetic sample."""


@pytest.fixture
def run(command, monkeypatch, tmp_path):
    """Calls the entry point in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return command


# === data


def test_a_spectrum_is_understood(run, tmp_path):
    code, out, err = run("data", ZOO / "nanonis.dat")
    assert (code, err) == (0, "")
    assert "nanonis.dat: dIdV, " in out
    assert "5 points" in out
    assert "-4 to 4" in out
    for left in ("The temperature is not in the file", "The values are in A", "The errors are not in the file"):
        assert f"To be said: {left}" in out
    assert (tmp_path / "nanonis_data.png").read_bytes().startswith(PNG)


def test_options_say_what_the_file_does_not(run, tmp_path):
    code, out, _ = run(
        *("data", ZOO / "nanonis.dat", "--T", "1.2", "--with", "normalise={beyond=3}", "--with", "errors={constant=0.1}"),
        *("--quantity", "andreev", "--output", tmp_path / "a.pdf", "--json"),
    )
    assert code == 0
    told = json.loads(out)
    assert (told["quantity"], told["points"], told["to_be_said"]) == ("andreev", 5, [])
    assert told["ranges"] == {"T": [1.2, 1.2], "V": [-4, 4], "value": [0.25, 1.5], "error": [0.1, 0.1]}
    assert told["units"] == {"T": "K", "V": "mV", "value": "1", "error": "1"}
    assert [column["role"] for column in told["columns"]] == ["V", "value"]
    assert told["T_K"] == {"1.2": 5}
    assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("file", "quantity", "unsaid"),
    [
        ("comma.csv", "heat_over_T", 0),
        ("quantum_design.dat", "heat_over_T", 0),
        ("temperature_errors.csv", "heat_over_T", 0),
        ("nan_rows.csv", "heat_over_T", 1),
        ("temperature_column.csv", "dIdV", 1),
        ("bias_down_up.txt", "dIdV", 3),
        ("scaled.itx", "edc", 1),
    ],
)
def test_kinds_are_told_by_names_and_units(run, file, quantity, unsaid):
    code, out, _ = run("data", ZOO / file, "--json")
    told = json.loads(out)
    assert (code, told["quantity"], len(told["to_be_said"])) == (0, quantity, unsaid)


@pytest.mark.parametrize(
    ("name", "quantity"),
    [
        ("C/T", "heat_over_T"),
        ("Cp/T", "heat_over_T"),
        ("C_el", "heat"),
        ("rho_s", "superfluid"),
        ("lambda^-2", "inverse_lambda_squared"),
        ("lambda_ab", "penetration_depth"),
        ("Delta lambda", "delta_lambda"),
        ("sigma_sc", "sigma_sc"),
        ("1/T1", "relaxation_rate"),
        ("1/T1T", "nmr"),
        ("mu0Hc", "critical_field"),
        ("LI Demod 1 X", "dIdV"),
        ("dI/dV", "dIdV"),
        ("Intensity", "edc"),
        ("gap", "branch_minimum"),
        ("weather", None),
    ],
)
def test_hints(name, quantity):
    assert next(hinted(name), None) == quantity


def test_a_file_with_voltages_is_of_no_quantity_without(run):
    _, out, _ = run("data", ZOO / "temperature_column.csv", "--json")
    assert set(json.loads(out)["others"]) == {"dos", "andreev", "symmetrised_edc", "edc"}


def test_a_unit_that_no_file_says_is_named(run):
    Path("a.txt").write_text("V dIdV error\n-1 0.5 0.1\n1 0.6 0.1\n", encoding="utf-8")
    _, out, _ = run("data", "a.txt", "--T", "2")
    assert 'The file does not say the unit of `V`, which is taken for mV: units = { V = "mV" }.' in out
    _, out, _ = run("data", "a.txt", "--T", "2", "--units", "V=V", "--json")
    assert json.loads(out)["ranges"]["V"] == [-1000, 1000]
    assert json.loads(out)["to_be_said"] == []


def test_a_cut_of_photoemission(run):
    """It is one curve where it is taken at an angle, and over energies, an EDC; the temperature is the file's."""
    xarray = pytest.importorskip("xarray")
    coordinates = {"eV": [-0.05, -0.025, 0.0, 0.025], "alpha": [-1.0, 0.0, 1.0]}
    cut = xarray.DataArray(
        np.ones((4, 3)), dims=tuple(coordinates), coords=coordinates, name="cut", attrs={"sample_temp": 12.0}
    )
    cut.to_netcdf("cut.nc", engine="h5netcdf")
    code, _, err = run("data", "cut.nc")
    assert (code, err.count("\n")) == (2, 1)
    assert "take one with at = { alpha = ... }" in err
    code, out, _ = run("data", "cut.nc", "--with", "at={alpha=[-0.5,1.5]}", "--json")
    told = json.loads(out)
    assert (code, told["quantity"], told["points"], told["T_K"]) == (0, "edc", 4, {"12": 4})
    assert told["ranges"]["omega"] == [-50, 25]


def test_what_cannot_be_told_is_asked_for(run):
    code, out, err = run("data", ZOO / "several_channels.txt")
    assert code == 2
    assert "LIX" in out  # The columns are shown all the same.
    assert err.count("\n") == 1
    assert "say what it is of with `quantity`" in err
    code, out, err = run("data", ZOO / "several_channels.txt", "--quantity", "dIdV")
    assert code == 2
    assert "say which column is `value` with columns = { value = ... }" in err
    code, out, _ = run("data", ZOO / "several_channels.txt", "--quantity", "dIdV", "--columns", "value=3", "--json")
    assert (code, json.loads(out)["ranges"]["value"]) == (0, [4, 12])


def test_a_table_of_numbers_says_itself_what_it_is(run):
    code, out, _ = run("data", Path(__file__).parents[2] / "fits" / "synthetic_spectra" / "data.csv")
    assert code == 0
    assert "122 numbers" in out
    code, out, _ = run("data", Path(__file__).parents[2] / "fits" / "synthetic_spectra" / "data.csv", "--json")
    assert json.loads(out)["rows"] == {"dIdV[tip]": 122}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.csv"], "The data file `nowhere.csv` does not exist."),
        ([ZOO / "only_text.txt"], "must hold lines of numbers"),
        ([ZOO / "comma.csv", "--quantity", "weather"], "Argument `--quantity` must be one of"),
        ([ZOO / "comma.csv", "--columns", "T"], "Argument `--columns` must look like V=1,value=2, but got `T`."),
        ([ZOO / "comma.csv", "--with", "missing=maybe"], "must be a line of fit.toml"),
        ([ZOO / "comma.csv", "--with", 'missing="maybe"'], "Option --with: `missing`: input should be 'refuse' or 'drop'"),
        ([ZOO / "comma.csv", "--with", "colums=1"], "Option --with: unknown key `colums`."),
        ([ZOO / "comma.csv", "--output", "a.tiff_"], "Cannot write the picture"),
    ],
)
def test_bad_input_is_one_sentence(run, arguments, sentence):
    code, _, err = run("data", *arguments)
    assert code == 2
    assert err.startswith("jaxgap: ")
    assert err.count("\n") == 1
    assert sentence in err


# === new


SLOW = (["--bands", "3"], ["--material", "mgb2"], ["--material", "ba122"], [])


@pytest.mark.parametrize("about", [["--bands", "1"], *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW)])
def test_a_new_folder_is_one_that_a_fit_reads(run, about):
    code, out, _ = run("new", "mine", *about)
    assert code == 0
    assert "Wrote mine/fit.toml, mine/data.csv. Next: jaxgap fit mine" in out
    config, sc, data = load_fit("mine")
    assert len(data) > len(config.parameters)
    assert all(datum.technique == "EXAMPLE" for datum in data)
    for parameter in config.parameters.values():  # The example is not fitted where the fit begins.
        assert all(abs(sc.get(path) - parameter.start) > 0.01 * parameter.start for path in parameter.sets)


@pytest.mark.slow
def test_a_new_folder_is_fitted(run):
    """The fit finds the couplings from which the example was calculated, and begins elsewhere."""
    run("new", "mine", "--bands", "1")
    code, out, _ = run("fit", "mine", "--json")
    fitted = json.loads(out)
    (value, uncertainty) = (fitted["parameters"][0][key] for key in ("value", "uncertainty"))
    assert code == 0
    assert abs(value - 0.35) < 0.1 * uncertainty  # The example has four digits and no noise.


def test_nothing_is_overwritten(run):
    Path("mine").mkdir()
    for name in ("fit.toml", "data.csv"):
        path = Path("mine", name)
        path.write_text("mine", encoding="utf-8")
        code, _, err = run("new", "mine")
        assert (code, err.count("\n"), path.read_text(encoding="utf-8")) == (2, 1, "mine")
        assert f"has a {name} already: nothing is overwritten" in err
        path.unlink()


def made():
    """A heat capacity and two spectra, SYNTHETIC, as files of a laboratory."""
    T, V = np.linspace(2.0, 30.0, 12), np.linspace(-0.01, 0.01, 9)
    np.savetxt("heat.csv", np.c_[T, 0.1 * T], delimiter=",", header="T (K),C/T (mJ/mol K^2)", comments="")
    for name in ("sts_1.5K.dat", "sts_4p2K.dat"):
        np.savetxt(name, np.c_[V, 20 + 1e6 * V**2], header="Bias (V)  dI/dV (nS)", comments="")


def test_measured_files_become_entries(run):
    made()
    code, out, _ = run("new", "mine", "--bands", "2", "heat.csv", "sts_1.5K.dat", "andreev=sts_4p2K.dat", "--json")
    assert code == 0
    assert json.loads(out)["files"] == ["mine/fit.toml"]
    text = Path("mine/fit.toml").read_text(encoding="utf-8")
    table = tomllib.loads(text)
    heat, first, second = table["data"]
    assert heat == {"name": "heat", "file": "../heat.csv", "quantity": "heat_over_T", "errors": {"constant": 0.06}}
    assert (first["quantity"], first["T"], first["normalise"]) == ("dIdV", 1.5, {"beyond": 8.0})
    assert (second["quantity"], second["T"]) == ("andreev", 4.2)
    assert table["parameters"]["gamma_n_heat"]["start"] == 3.0
    assert table["parameters"]["Gamma_sts_1_5K"]["sets"] == {"data[sts_1_5K].Gamma": 1.0}
    # Whatever is no more than a guess says so, in the file and in the command's answer.
    assert text.count("# ASSUMED") == len(json.loads(out)["to_be_checked"]) == 7


@pytest.mark.slow
def test_measured_files_are_fitted(run):
    """A heat capacity and a spectrum of the band of fit.toml, SYNTHETIC, in the forms of a laboratory: what the files do not
    say is assumed well enough for a fit that finds the coupling, gamma_n and Gamma, and describes the data."""
    run("new", "band", "--bands", "1")
    _, sc, _ = load_fit("band")
    generator = np.random.default_rng(7)
    T, V = np.linspace(2.0, 28.0, 14), np.linspace(-12.0, 12.0, 41)
    heat = CURVES["heat_over_T"]
    C = np.array([float(heat.reading(sc, jnp.asarray(t), solve(sc, t), {}, {"gamma_n": GAMMA_N}, {})) for t in T])
    G = np.asarray(tunnelling_conductance(solve(sc, 2.0), V, GAMMA))
    C, G = C + 0.05 * generator.normal(size=T.size), 25 * (G + 0.01 * generator.normal(size=V.size))
    np.savetxt("heat.csv", np.c_[T, C], delimiter=";", header="T (K);C/T (mJ/mol K^2)", comments="", fmt="%.6g")
    np.savetxt("sts_2K.dat", np.c_[V / 1000, G], header="Bias (V)  dI/dV (nS)", comments="", fmt="%.6g")
    assert run("new", "mine", "--bands", "1", "heat.csv", "sts_2K.dat")[0] == 0
    code, out, _ = run("fit", "mine", "--json")
    fitted = json.loads(out)
    found = {one["name"]: (one["value"], one["uncertainty"]) for one in fitted["parameters"]}
    assert code == 0
    for name, truth in (("lambda_a", 0.35), ("gamma_n_heat", GAMMA_N), ("Gamma_sts_2K", GAMMA)):
        value, uncertainty = found[name]
        assert abs(value - truth) < 3 * uncertainty < 0.5 * truth
    assert fitted["chi2"] < 2 * (T.size + V.size)  # The assumed errors are larger than the noise.


def test_what_no_file_says_is_asked_for(run):
    made()
    Path("sts_1.5K.dat").rename("sts.dat")
    code, _, err = run("new", "mine", "sts.dat")
    assert (code, err.count("\n")) == (2, 1)
    assert "its temperature must be in the file or in its name, such as sts_4.2K.dat" in err
    code, _, err = run("new", "mine", ZOO / "several_channels.txt")
    assert code == 2
    assert "say what it is of with `quantity`" in err
    assert not Path("mine").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--bands", "9"], "Argument `--bands` must be 1 to 6, but got 9."),
        (["--material", "unobtainium"], "Argument `--material` must be one of two_band, mgb2, ba122, mgb2_six_layers_model"),
        (["--material", "mgb2", "--bands", "2"], "Argument `--bands` must not be given with a material"),
    ],
)
def test_what_is_no_system_is_refused(run, arguments, sentence):
    code, _, err = run("new", "mine", *arguments)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err


def test_every_curve_can_be_recognised():
    """A quantity of the registry that no name of a column leads to must be stated: none is."""
    names = ["C", "C/T", "S", "rho_s", "1/T1", "(T1T)", "gap", "alpha_s", "mu0_Hc", "lambda", "lambda^-2", "Delta_lambda"]
    names += ["sigma_sc", "dIdV", "DOS", "EDC", "symmetrised", "F_s"]
    assert {kind for name in names for kind in hinted(name)} >= set(CURVES) - {"condensation_energy"}


def test_a_heat_capacity_that_is_not_over_T_is_told(run):
    code, out, _ = run("data", ZOO / "heat_not_over_T.csv")
    assert code == 0
    assert "heat_over_T, " in out
    assert "The values are in J/mol K: they are divided by T" in out
    assert "1.5 to 6.125" in out
