"""docs/schemas: what they say is what jaxgap reads and writes."""

import json
import tomllib
from pathlib import Path

import pytest

from jaxgap.commands.schemas import READ, contents
from jaxgap.fitting import load_result
from jaxgap.fitting.report.record import as_json, from_json

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schemas"
FITS = sorted(path.parent for path in ROOT.glob("fits/*/result.json"))
SINCE = {"verdict", "configuration", "samples", "optima", "refused", "starts", "lines"}
"""Keys of result.json that have more in them than when some of the fits were made, or are worded anew."""
ROUNDING = 1e-9
"""Combinations are computed again, by a singular value decomposition whose last bits are the machine's."""
jsonschema = pytest.importorskip("jsonschema")


def shipped():
    """(schema, what has to follow it) of every file that is shipped."""
    for kind in ("result", "comparison"):
        yield from ((kind, path) for path in sorted(ROOT.glob(f"fits/*/{kind}.json")))
    for name in READ:
        yield from ((name, path) for path in sorted(ROOT.glob(f"*/*/{name}")))


def test_the_schemas_are_those_of_the_records():
    """If not: python -m jaxgap.commands.schemas docs/schemas"""
    written = contents()
    assert written == {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    for text in written.values():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize(("name", "path"), [*shipped()], ids=lambda part: part if isinstance(part, str) else part.parent.name)
def test_every_shipped_file_follows_its_schema(name, path):
    text = path.read_text(encoding="utf-8")
    content = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    # What is required comes first: the schema as a whole then refuses a file that lacks it before it reads the rest.
    required = schema.get("required", [])
    follows = jsonschema.Draft202012Validator({"required": required, **schema})
    follows.validate(content)
    for needed in required:
        assert not follows.is_valid({key: value for key, value in content.items() if key != needed})


@pytest.mark.parametrize("folder", FITS, ids=lambda folder: folder.name)
def test_a_result_is_written_again_as_it_was_read(folder):
    """Fits of all ages load; what is written of them is what was there, and loads to the same."""
    old = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    new = as_json(load_result(folder))
    assert as_json(from_json(new)) == new
    for row, before in zip(new["combinations"], old["combinations"], strict=True):
        assert row.pop("exponents") == pytest.approx(before.pop("exponents"), abs=ROUNDING)
        assert float(row.pop("relative_error")) == pytest.approx(float(before.pop("relative_error")), rel=ROUNDING)
    assert {key for key in new if old.get(key) != new[key]} <= SINCE
    if old.get("optima"):
        assert new == {"lines": [], **old}
