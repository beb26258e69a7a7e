"""Old names: modules of 0.1 still import, say where their contents are now, and hide no function of the package."""

import importlib

import pytest

import jaxgap
from jaxgap._names import APART, MOVED


@pytest.mark.parametrize("old", sorted(MOVED))
def test_every_old_module_stands_for_one_that_exists(old):
    new = importlib.import_module(f"jaxgap.{MOVED[old]}")
    name = next(name for name in vars(new) if not name.startswith("_"))
    with pytest.warns(DeprecationWarning, match=f"jaxgap.{old} is now jaxgap.{MOVED[old]}"):
        found = getattr(importlib.import_module(f"jaxgap.{old}"), name)
    assert found is getattr(new, name)


@pytest.mark.parametrize("old", sorted(APART))
def test_what_went_another_way_is_found(old):
    module, name = old.rsplit(".", 1)
    with pytest.warns(DeprecationWarning, match=APART[old]):
        found = getattr(importlib.import_module(f"jaxgap.{module}"), name)
    assert found is getattr(importlib.import_module(f"jaxgap.{APART[old]}"), name)


def test_functions_are_not_hidden_by_old_modules():
    for name in ("solve", "solutions", "branches", "transition", "crossings", "phase_diagram"):
        importlib.import_module(f"jaxgap.{name}")
        assert callable(getattr(jaxgap, name))
