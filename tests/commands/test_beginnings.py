"""The commands to begin with: `show` a system, copy `examples`, `check` a fit folder."""

from pathlib import Path

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.fitting import load_fit
from jaxgap.fitting.at_start import at_start
from jaxgap.materials import SYSTEMS
from jaxgap.model.systems import from_toml
from jaxgap.observables import branch_minima

FITS = Path(__file__).parents[2] / "fits"


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_that_is_shown_is_the_system(command, name):
    done = command("show", name)
    assert done.code == 0
    assert done.out.startswith("# ")
    assert from_toml(done.out).table() == SYSTEMS[name]().table()


def test_a_shown_system_has_the_leaves_that_were_set(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    Path("system.toml").write_text(command("show", "ba122", "--set", "lambda_33=0.2").out)
    assert float(jg.load("system.toml").get("lambda_33")) == 0.2
    assert not command("show", "system.toml").out.startswith("#")


def test_examples_are_listed_and_copied(command, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert {line.split(":")[0] for line in command("examples").out.splitlines()} == {path.name for path in FITS.iterdir()}
    for name in ("mgb2", "synthetic_mgb2_experiments"):
        assert command("examples", name).code == 0
        assert not [path for path in Path(name).iterdir() if path.suffix in (".png", ".json", ".html")]
        assert load_fit(name)[2] == load_fit(FITS / name)[2]


def test_an_example_is_not_copied_over_a_fit(command, tmp_path):
    assert command("examples", "mgb2", "--to", tmp_path / "mine").code == 0
    before = (tmp_path / "mine" / "fit.toml").read_bytes()
    done = command("examples", "cakfe4as4", "--to", tmp_path / "mine")
    assert (done.code, "must be a folder without a fit.toml" in done.err) == (2, True)
    assert (tmp_path / "mine" / "fit.toml").read_bytes() == before
    assert "must be one of 2h-nbse2, " in command("examples", "none").err


def test_what_is_wrong_with_a_folder_is_one_sentence(command, tmp_path):
    done = command("check", tmp_path)
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "has no fit.toml" in done.err


@pytest.mark.slow
def test_the_data_beside_the_model_before_a_fit(command, tmp_path):
    """The published gaps of Ba0.6K0.4Fe2As2 at the start of fit.toml: those of the system there."""
    config, sc, data = load_fit(FITS / "ba0.6k0.4fe2as2")
    found = at_start(config, sc, data)
    start = jg.materials.ba122(0.05, 35.0)
    gaps = np.asarray(branch_minima(jg.solve(start, 0.0, branch="s+-")))
    np.testing.assert_allclose([row.model for row in found.rows], gaps[::-1], rtol=1e-9)
    z = (gaps[::-1] - [12.4, 6.2]) / [row.error for row in found.rows]
    assert found.exists
    assert found.chi2 == pytest.approx(z @ z, rel=1e-9)
    done = command("check", FITS / "ba0.6k0.4fe2as2", "--output", tmp_path / "check.png", "--json")
    assert done.json["chi2"] == pytest.approx(found.chi2)
    assert done.json["uses"] == {"fit": 2, "predict": 2, "show": 7}
    assert (tmp_path / "check.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_start_without_a_state_is_told(command, tmp_path):
    """At lambda_13 = .13 there is no stable s+- state at 0 K."""
    folder = tmp_path / "fit"
    assert command("examples", "ba0.6k0.4fe2as2", "--to", folder).code == 0
    text = (folder / "fit.toml").read_text()
    (folder / "fit.toml").write_text(text.replace("start = 0.05", "start = 0.13"))
    done = command("check", folder)
    assert done.code == 0
    assert "there is no state s+- that the fit may take" in done.out.replace("\n", " ")
    assert (folder / "check.png").exists()
