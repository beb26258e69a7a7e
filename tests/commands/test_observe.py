"""The command `jaxgap observe`: pictures with their data, several states in one, and what is said about bad input."""

import json
import time
from functools import partial

import numpy as np
import pytest
from problems import one_band

from jaxgap import materials, save, solve
from jaxgap.commands import terminal
from jaxgap.observables import andreev_conductance, tunnelling_conductance, tunnelling_density_of_states
from jaxgap.observables.experiments import EXPERIMENTS, observed
from jaxgap.observables.views import TEMPERATURE

WRITTEN = 1e-9
"""Tables have ten digits."""


@pytest.fixture
def observe(command, monkeypatch, tmp_path):
    """Calls the command in this process, in an empty folder: (exit code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    return partial(command, "observe")


def table(path):
    """Column names and columns of a table."""
    lines = path.read_text().splitlines()
    return lines[0].split(","), np.array([[float(x) for x in line.split(",")] for line in lines[1:]]).T


@pytest.fixture(scope="module")
def state():
    return solve(materials.ba122(), 2.0, branch="s+-")


@pytest.mark.parametrize(
    ("experiment", "library"),
    [
        ("dos", lambda s, x: tunnelling_density_of_states(s, x, 0.0, weights=[1.0, 0.5]).total),
        pytest.param("tunnelling", lambda s, x: tunnelling_conductance(s, x, 0.1, weights=[1.0, 0.5]), marks=pytest.mark.slow),
        pytest.param("andreev", lambda s, x: andreev_conductance(s, x, 0.1, 0.7, weights=[1.0, 0.5]), marks=pytest.mark.slow),
    ],
)
def test_curves_are_the_library_s(observe, tmp_path, state, experiment, library):
    barrier = ("--Z", "0.7") if experiment == "andreev" else ()
    code, out, _ = observe("ba122", experiment, "--branch", "s+-", "--weights", "1,0.5", *barrier, "--reach", "20")
    assert code == 0
    assert f"Wrote ba122_{experiment}.png and ba122_{experiment}.csv." in out
    assert (tmp_path / f"ba122_{experiment}.png").read_bytes().startswith(b"\x89PNG")
    _, (x, y) = table(tmp_path / f"ba122_{experiment}.csv")
    assert (x[0], x[-1]) == (-20.0, 20.0)
    np.testing.assert_allclose(y, library(state, x), rtol=WRITTEN, atol=WRITTEN)


def test_who_waits_is_told_for_what(observe, monkeypatch):
    def slowly(*asked):
        time.sleep(0.6)
        return observed(*asked)

    monkeypatch.setattr(terminal, "QUIET", 0.0)
    monkeypatch.setattr("jaxgap.commands.observe.observed", slowly)
    code, out, said = observe("ba122", "dos")
    assert code == 0
    assert "dos of ba122 (" in said
    assert "dos of ba122 (" not in out


def test_several_states_make_several_curves(observe, tmp_path):
    code, out, _ = observe("ba122", "dos", "--branch", "s+-,s++", "--T", "2,20", "--out", "both.pdf", "--json")
    assert code == 0
    assert json.loads(out)["states"] == ["s+-, 2 K", "s+-, 20 K", "s++, 2 K", "s++, 20 K"]
    lines = (tmp_path / "both.csv").read_text().splitlines()
    assert lines[0] == 'omega_meV,"s+-, 2 K","s+-, 20 K","s++, 2 K","s++, 20 K"'
    assert len({line.split(",")[k] for line in lines[1:] for k in (1, 2)}) > 500
    assert (tmp_path / "both.pdf").exists()


def test_photoemission_reads_gaps(observe, tmp_path):
    code, out, _ = observe("ba122", "arpes", "--branch", "s+-", "--Gamma", "0.1", "--resolution", "0.2")
    assert code == 0
    assert "alpha: reads 12.54 meV; at k_F (weight) 11.42 (0.33), 12.54 (0.67); branch minima 6.20, 12.41" in out
    columns, (omega, alpha, beta) = table(tmp_path / "ba122_arpes.csv")
    assert columns == ["omega_meV", "alpha", "beta"]
    assert abs(omega[np.argmax(alpha)]) == pytest.approx(12.54, abs=0.1)
    assert abs(omega[np.argmax(beta)]) == pytest.approx(6.20, abs=0.1)


@pytest.mark.slow
def test_a_map_and_a_normal_state(observe, tmp_path):
    assert observe("mgb2", "map", "--T", "50")[0] == 0
    columns, (_, _, intensity) = table(tmp_path / "mgb2_map.csv")
    assert columns == ["k_per_angstrom", "omega_meV", "intensity_per_meV"]
    assert np.min(intensity) >= 0
    for experiment, row in EXPERIMENTS.items():
        T = "85,90" if row.picture.axis is TEMPERATURE else "90"
        # What has no default.
        needed = {"--gamma-n": "20", "--korringa": "0.3", "--layer-spacing": "6.6"}
        flags = {one.flag for one in row.options}
        given = [word for flag, value in needed.items() if flag in flags for word in (flag, value)]
        if experiment == "critical_field":  # g is not symmetric
            assert observe("ba122", experiment, "--T", T, *given)[0] == 2
        else:
            given = [] if experiment == "heat" else given
            assert observe("ba122", experiment, "--T", T, *given)[0] == 0


def test_what_a_picture_leaves_out_is_said(observe):
    """Above T_c, and past the end of a branch."""
    code, out, _ = observe("ba122", "superfluid", "--branch", "s+-", "--T", "5,36,40")
    assert code == 0
    assert "left out at 36, 40 K: " in out
    assert "does not reach this temperature" in out
    code, out, _ = observe("ba122", "dos", "--T", "2,90", "--json")
    assert code == 0
    assert json.loads(out)["notes"] == ["90 K: normal, without a gap, at 90 K."]


def test_temperature_is_the_axis_of_heat(observe, tmp_path):
    save(one_band(), tmp_path / "lead.toml")
    code, out, _ = observe("lead.toml", "heat", "--T", "12,4,16", "--formula-volume", "50", "--layer-spacing", "6", "--json")
    assert code == 0
    assert json.loads(out)["files"] == ["lead_heat.png", "lead_heat.csv"]
    columns, (T, C, normal) = table(tmp_path / "lead_heat.csv")
    assert columns == ["T_K", "value", "normal state"]
    assert T.tolist() == [4.0, 12.0, 16.0]
    assert C[0] < normal[0] < C[1]
    assert C[2] == pytest.approx(normal[2], rel=WRITTEN)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["heat", "superfluid", "nmr"])
def test_branches_are_curves_over_temperature_as_far_as_they_go(observe, tmp_path, experiment):
    code, out, _ = observe("ba122", experiment, "--branch", "s+-,s++", "--T", "5:45:5", "--json")
    assert code == 0
    assert json.loads(out)["states"] == ["s+-", "s++"]
    columns, (T, one, other) = table(tmp_path / f"ba122_{experiment}.csv")
    assert columns == ["T_K", "s+-", "s++"]
    np.testing.assert_array_equal(np.isnan(one), T > 35.35)
    assert np.isfinite(other).all()


@pytest.mark.parametrize(
    ("arguments", "code", "complaint"),
    [
        (
            ("ba122", "colour"),
            2,
            "Argument `EXPERIMENT` must be one of dos, tunnelling, andreev, arpes, map, heat, superfluid, nmr,",
        ),
        (
            ("ba122", "heat"),
            2,
            "Argument `--T` must hold at least two temperatures for a curve over temperature, but got [2.0].",
        ),
        (("ba122", "nmr", "--branch", "s+", "--T", "1:5:3"), 2, "Argument `--branch` must"),
        (
            ("ba122", "heat", "--branch", "s+-", "--T", "2,20", "--layer-spacing", "6"),
            2,
            "Argument `--layer-spacing` must come with --formula-volume",
        ),
        (
            ("ba122", "heat", "--branch", "s+-", "--T", "2,20", "--formula-volume", "50"),
            2,
            "Argument `--layer-spacing` [angstrom] must be given",
        ),
        (("lead", "dos"), 2, "Unknown system `lead`"),
        (("ba122", "dos", "--Z", "3"), 2, "Argument `--Z` must be left out: `dos` takes --Gamma, --weights, --reach,"),
        (("ba122", "heat", "--Gamma", "1"), 2, "Argument `--Gamma` must be left out: `heat` takes --formula-volume,"),
        (("ba122", "arpes", "--weights", "1,1"), 2, "Argument `--weights` must be left out"),
        (
            ("ba122", "superfluid", "--reach", "9"),
            2,
            "Argument `--reach` must be left out: `superfluid` takes --layer-spacing,",
        ),
        (("ba122", "dos", "--Gamma", "-1"), 2, "Argument `--Gamma` must not be negative [meV], but got -1.0."),
        (("ba122", "nmr", "--Gamma", "0", "--T", "1:5:3"), 2, "Argument `--Gamma` must be positive [meV], but got 0.0."),
        (("ba122", "andreev", "--Z", "-1"), 2, "Argument `--Z` must not be negative, but got -1.0."),
        (("ba122", "arpes", "--resolution", "0"), 2, "Argument `--resolution` must be positive [meV], but got 0.0."),
        (("ba122", "dos", "--reach", "nan"), 2, "Argument `--reach` must be finite"),
        (("ba122", "dos", "--T", "-1"), 2, "Argument `--T` must hold temperatures >= 0 [K], but got [-1.0]."),
        (("ba122", "heat", "--T", "1:9:0"), 2, "Argument `--T` must be a number, a list 1,5,10 or start:stop:count"),
        (("ba122", "heat", "--T", "1:9:1000000000"), 2, "Argument `--T` must have 100,000 temperatures at most"),
        (("ba122,ba122", "dos"), 2, "Argument `SYSTEM` must name different systems"),
        (("ba122", "dos", "--T", "1:9:9"), 2, "must make at most 6 curves"),
        (("ba122", "dos", "--T", "x"), 2, "Argument `--T` must hold a number, but got `x`."),
        (("ba122", "dos", "--branch", "s+-", "--weights", "1"), 2, "Argument `--weights` must have 2 numbers"),
        (("ba122", "dos", "--reach", "-1"), 2, "Argument `--reach` must be positive"),
        (("ba122", "dos", "--branch", "s+-", "--set", "Omega"), 2, "Argument `--set` must look like PATH=VALUE"),
        (("ba122", "map", "--branch", "s+-,s++"), 2, "leave one state for a map"),
        (("ba122", "dos", "--branch", "s+-", "--out", "nowhere/x.png"), 2, "Cannot write the picture `nowhere/x.png`"),
        (("ba122", "arpes", "--T", "0"), 2, "Argument `--T` must be positive [K] for photoemission"),
        (("ba122", "dos", "--branch", "s+-", "--T", "50"), 3, "does not reach this temperature"),
        (("ba122", "superfluid", "--branch", "s+-", "--T", "50,60"), 3, "does not reach this temperature"),
    ],
)
def test_bad_input_is_one_sentence(observe, arguments, code, complaint):
    found, _, err = observe(*arguments)
    assert found == code
    assert complaint in err
    assert len(err.strip().splitlines()) == 1
