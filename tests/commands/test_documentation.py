"""`jaxgap docs`, and the wheel that has the pages."""

import shutil
import zipfile
from pathlib import Path

import pytest

from jaxgap.commands import documentation

ROOT = Path(__file__).parents[2]


def test_it_says_where_the_pages_are(command, monkeypatch, tmp_path):
    (tmp_path / "index.html").write_text("<html></html>")
    monkeypatch.setattr(documentation, "PLACES", (tmp_path / "none", tmp_path))
    opened = []
    monkeypatch.setattr(documentation.webbrowser, "open", lambda address: not opened.append(address))
    assert command("docs").out.strip() == str(tmp_path / "index.html")
    assert opened == []
    assert command("docs", "--open").code == 0
    assert opened == [(tmp_path / "index.html").as_uri()]
    monkeypatch.setattr(documentation.webbrowser, "open", lambda address: False)
    done = command("docs", "--open")
    assert (done.code, done.err.count("\n")) == (2, 1)


def test_without_pages_it_says_how_to_build_them(command, monkeypatch, tmp_path):
    monkeypatch.setattr(documentation, "PLACES", (tmp_path,))
    done = command("docs")
    assert (done.code, done.err.count("\n")) == (2, 1)
    assert "python -m sphinx -b html docs build/docs" in done.err


@pytest.mark.parametrize("built", [True, False])
def test_a_wheel_has_the_pages_that_are_built(built, tmp_path):
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="the extra `test` has hatchling")
    tree = tmp_path / "tree"
    for name in ("jaxgap/commands", "jaxgap/numerics", "fits/mgb2"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "hatch_build.py", "jaxgap/__init__.py"):
        shutil.copy2(ROOT / name, tree / name)
    if built:
        for name in ("index.html", "_static/tex-svg.js", ".doctrees/index.doctree"):
            (tree / "build" / "docs" / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / "build" / "docs" / name).write_text("")
    (wheel,) = wheels.WheelBuilder(str(tree)).build(directory=str(tmp_path / "dist"))
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"jaxgap/__init__.py", "jaxgap/fits/mgb2/fit.toml"} <= names
    pages = {name for name in names if name.startswith("jaxgap/pages/")}
    assert pages == ({"jaxgap/pages/index.html", "jaxgap/pages/_static/tex-svg.js"} if built else set())
