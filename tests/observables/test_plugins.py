"""Rows of other packages, from a distribution that is made here."""

import warnings

import pytest

from jaxgap.observables.plugins import with_rows_of_others
from jaxgap.observables.quantities import QUANTITIES
from jaxgap.observables.quantity import Quantity

MODULE = """
from jaxgap.observables.quantity import Need, Quantity
LOSS = Quantity("microwave_loss", lambda sc, T, s: s.T, needs=Need.STATE, datum="microwave_loss", long_name="loss")
HEAT = Quantity("heat", lambda sc, T, s: s.T)
AGAIN = Quantity("another_heat", lambda sc, T, s: s.T, datum="heat")
NUMBER = 4
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Installs a package with an entry point."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "jaxgap_microwaves.py").write_text(MODULE, encoding="utf-8")
    about = tmp_path / "jaxgap_microwaves-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: jaxgap-microwaves\nVersion: 1.0\n", encoding="utf-8")

    def install(value):
        (about / "entry_points.txt").write_text(f"[jaxgap.observables]\nany = {value}\n", encoding="utf-8")
        return with_rows_of_others(QUANTITIES)

    return install


def test_a_row_of_another_package_stands_behind_jaxgaps_own(installed):
    rows = installed("jaxgap_microwaves:LOSS")
    assert list(rows) == [*QUANTITIES, "microwave_loss"]
    assert isinstance(rows["microwave_loss"], Quantity)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("jaxgap_microwaves:HEAT", "there is a quantity `heat` already"),
        ("jaxgap_microwaves:AGAIN", "`heat` is called `heat` in files of data already"),
        ("jaxgap_microwaves:NUMBER", "it is no Quantity, but of type int"),
        ("jaxgap_microwaves:NOTHING", "loading it fails with AttributeError: .*NOTHING"),
        ("jaxgap_nowhere:LOSS", "loading it fails with ModuleNotFoundError: No module named 'jaxgap_nowhere'"),
    ],
)
def test_what_is_broken_or_clashes_is_left_out_with_a_sentence(installed, value, why):
    with pytest.warns(UserWarning, match=f"^The observable `{value}` of the package `jaxgap-microwaves` is left out: {why}"):
        rows = installed(value)
    assert rows == QUANTITIES


def test_without_other_packages_there_are_jaxgaps_own():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(with_rows_of_others({})) == []
