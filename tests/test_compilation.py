"""Flags for XLA: set once, never over the user's, never for a release that does not know them."""

import os

import jax
import pytest

from jaxgap import _compilation
from jaxgap._compilation import QUICK, compile_quickly


@pytest.mark.parametrize("before", ["", "--xla_dump_to=nowhere"])
def test_flags_are_appended_once(monkeypatch, before):
    monkeypatch.setenv("XLA_FLAGS", before)
    monkeypatch.setattr(_compilation, "KNOWN", (jax.__version_info__[:2],))
    compile_quickly()
    compile_quickly()
    assert os.environ["XLA_FLAGS"].split() == [*before.split(), *QUICK]


def test_what_the_user_set_stays(monkeypatch):
    chosen = QUICK[0].split("=")[0] + "=true"
    monkeypatch.setenv("XLA_FLAGS", chosen)
    monkeypatch.setattr(_compilation, "KNOWN", (jax.__version_info__[:2],))
    compile_quickly()
    assert os.environ["XLA_FLAGS"].split() == [chosen, *QUICK[1:]]


def test_an_unknown_release_gets_none(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "")
    monkeypatch.setattr(_compilation, "KNOWN", ())
    compile_quickly()
    assert os.environ["XLA_FLAGS"] == ""
