"""docs/data.md names everything that an entry may say of its file, and its example is one."""

import re
import tomllib
from pathlib import Path

import pytest

from jaxgap.fitting.reading import FileConfig
from jaxgap.fitting.reading.curve import READERS
from jaxgap.fitting.reading.units import parsed
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need

PAGE = (Path(__file__).parents[3] / "docs" / "data.md").read_text(encoding="utf-8")
OF_THE_FIT = {"name", "quantity"}
"""Keys of an entry that do not say how its file is read."""


def test_the_page_names_every_key():
    named = set(re.findall(r"`(\w+)[` ]", PAGE)) | set(re.findall(r"^(\w+) = ", PAGE, re.MULTILINE))
    assert set(FileConfig.model_fields) - named == set()


def test_the_example_is_an_entry():
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (entry,) = tomllib.loads(text)["data"]
    FileConfig.model_validate({key: value for key, value in entry.items() if key not in OF_THE_FIT})


@pytest.mark.parametrize("ending", [".npz", ".npy", ".nc", ".h5", ".itx", ".ibw"])
def test_the_endings_are_known(ending):
    assert ending in READERS
    assert f"`{ending}`" in PAGE


def test_the_units_are():
    first = PAGE.split("## Units")[1].split("are one unit")[0]
    units = {parsed(text) for text in re.findall(r"`([^`]+)`", first)}
    assert len(units) == 1
    assert None not in units


def test_every_curve_and_its_numbers_are_named():
    """A row of the table for every quantity that a file may be of."""
    table = PAGE.split("## What can be fitted")[1].split("\n## ")[0]
    rows = {line.split("`")[1]: line for line in table.splitlines() if line.startswith("| `")}
    for name, quantity in MEASURED.items():
        if quantity.needs >= Need.STATE and (quantity.axes or not quantity.dims):
            assert all(f"`{number.name}`" in rows[name] for number in quantity.numbers), name
