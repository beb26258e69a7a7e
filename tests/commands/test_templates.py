"""`jaxgap new system`, `sweep` and `schemas`: what they write works as it stands, and so does what is commented out."""

import json
import re

import pytest

import jaxgap as jg
from jaxgap.commands.templates import SWEEP, SYSTEM
from jaxgap.model.systems import from_toml
from jaxgap.sweeps.config import load_sweep

jsonschema = pytest.importorskip("jsonschema")


def test_a_system_to_begin_with(command, tmp_path):
    done = command("new", "system", tmp_path / "system.toml")
    assert done.code == 0
    assert jg.load(tmp_path / "system.toml").band_names == ("a", "b")
    again = command("new", "system", tmp_path / "system.toml")
    assert (again.code, "nothing is overwritten" in again.err) == (2, True)
    assert jg.critical_temperature(jg.load(tmp_path / "system.toml")) > 4.2


def test_what_a_system_has_commented_out():
    """Each line of a key put in, and the one that it stands for left out."""
    with_cross = re.sub(r"^lam = .*$", "", SYSTEM, count=1, flags=re.MULTILINE)
    for key in ("cross", "lam", "convention", "dimension", "density", "mass"):
        with_cross = re.sub(rf"^# ({key} = )", r"\1", with_cross, flags=re.MULTILINE)
    sc = from_toml(with_cross)
    assert sc.channels == ("a", "b", "a:b")
    assert (sc.dimension, float(sc.density)) == (3, 400.0)


@pytest.mark.parametrize("uncommented", [False, True])
def test_a_sweep_to_begin_with(command, tmp_path, uncommented):
    assert command("new", "sweep", tmp_path / "mine").code == 0
    file = tmp_path / "mine" / "sweep.toml"
    assert file.read_text() == SWEEP
    assert command("new", "sweep", tmp_path / "mine").code == 2
    if uncommented:
        file.write_text(re.sub(r"^# (\[|values|sets|chunk|set )", r"\1", SWEEP, flags=re.MULTILINE))
    config, given = load_sweep(file)
    assert set(given["grid"]) == {"lambda_33", "d"} | ({"x"} if uncommented else set())
    assert config.run.chunk == (1024 if uncommented else None)


def test_schemas_for_an_editor(command, tmp_path):
    assert command("new", "schemas", tmp_path).code == 0
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {f"{name}.schema.json" for name in ("system.toml", "fit.toml", "sweep.toml")}
    for path in tmp_path.iterdir():
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_a_fit_is_begun_with_or_without_its_name(command, tmp_path):
    assert command("new", "fit", tmp_path / "one", "--bands", "1").code == 0
    assert command("new", tmp_path / "two", "--bands", "1").code == 0
    one, two = ((tmp_path / name / "fit.toml").read_text() for name in ("one", "two"))
    assert one == two
    assert "system" in command("new", "--help").out
    assert "FOLDER" in command("new", "fit", "--help").out
