"""Pages of reference, docs/reference: they are what docs/tables.py makes of the code, they name every key that a reader accepts
and no other, each with an example, and every example of a file in the documentation loads."""

import dataclasses
import importlib
import importlib.util
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest

from jaxgap.commands.system_file import BandTable, DisorderTable, InteractionTable, LatticeTable, SpectrumTable, SystemFile
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import read_data
from jaxgap.fitting.loading import _with_each
from jaxgap.materials import SYSTEMS
from jaxgap.model import interaction_tables, lattice_tables, systems
from jaxgap.model.config import in_file
from jaxgap.model.disorder import Disorder
from jaxgap.model.systems import from_table, load, to_toml
from jaxgap.model.tabulated import tabulated_band
from jaxgap.sweeps.config import SweepConfig

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILES = ("system.toml", "fit.toml", "sweep.toml")
BEGUN = {
    "system.toml": "Omega = 30.0\nlam = [[0.3, 0.05], [0.05, 0.3]]\nbands.sigma = { mu = 200.0 }\nbands.pi = { mu = 200.0 }",
    "fit.toml": '[system]\nmaterial = "mgb2"\nbranch = "s+++"\n[parameters.a]\nbounds = [0.0, 1.0]\n'
    'sets = { "lam[pi, pi]" = 1.0 }\n[data]\nassumed_error_meV = 0.1',
}
"""What examples that are parts of a file are parts of."""
BESIDE = {
    "pi.csv": "-60,1.0\n0,1.2\n60,1.1\n",
    "alpha.csv": "kappa,energy\n0,0\n10,8.95\n25,22.19\n50,43.75\n90,76.95\n150,123.75\n300,225\n",
    "alpha2F.dat": "# THz alpha2F\n0 0\n5 0.4\n7 0.6\n10 0\n",
    "mgb2.a2F": "# meV alpha2F\n0 0\n20 0.4\n30 0.6\n40 0\n",
    "square_hr.dat": "made by hand\n1\n4\n1 1 1 1\n"
    + "".join(f"{x} {y} 0 1 1 -0.1 0\n" for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))),
}
"""Files that examples name."""


def _loaded(name):
    found = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


tables = _loaded("tables")


ROOMS = (
    "jaxgap",
    "jaxgap.observables",
    "jaxgap.fitting",
    "jaxgap.sweeps",
    "jaxgap.plotting",
    "jaxgap.origins",
    "jaxgap.materials",
)
ELSEWHERE = {"materials", "units", "MATERIALS", "SYSTEMS", "NAMES", "fitting", "observables", "origins", "plotting", "sweeps"}
"""Modules, and tables of names."""


def page_of(name):
    return (DOCS / "reference" / f"{name.replace('.', '_')}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", tables.pages(), ids=lambda path: path.stem)
def test_tables_are_those_of_the_code(path):
    """If not: python docs/tables.py"""
    page = path.read_text(encoding="utf-8")
    assert page == tables.filled(page)


@pytest.mark.parametrize("name", FILES)
def test_every_key_is_on_the_page_with_an_example(name):
    page = page_of(name)
    shown = set(re.findall(rf"<!-- table: {re.escape(name)} ?(\w*) -->", page))
    known = tables.tables_of(tables.schema_of(name))
    assert shown == set(known)
    examples = tables.examples_in(page, name)
    schema = tables.schema_of(name)
    for table, content in known.items():
        for key, field in content["properties"].items():
            assert (table, key) in examples, f"{table}.{key} has no example"
            assert tables.sentence(field, schema), f"{table}.{key} is not explained"


def test_every_key_of_a_result_is_on_its_page():
    name = "result.json"
    shown = set(re.findall(rf"<!-- table: {re.escape(name)} ?(\w*) -->", page_of(name)))
    elsewhere = set(tables.tables_of(tables.schema_of("fit.toml"))) - {""}
    assert set(tables.tables_of(tables.schema_of(name))) - elsewhere - {"FitConfig", "CurveRecord"} == shown


def test_keys_of_a_system_are_those_that_its_readers_accept():
    fields = {kind: set(kind.model_fields) for kind in (SystemFile, BandTable, LatticeTable, InteractionTable, SpectrumTable)}
    assert fields[SystemFile] == systems._KEYS | {"lattice"}
    assert fields[LatticeTable] == lattice_tables._KEYS | {"matrices"}
    of_files = {"file", "unit", "column"}
    assert fields[InteractionTable] == {*interaction_tables.OTHERS, *interaction_tables.SPECTRUM} | of_files
    assert fields[SpectrumTable] == {*interaction_tables.SPECTRUM, "pairs"} | of_files
    assert set(DisorderTable.model_fields) == {one.name for one in dataclasses.fields(Disorder)}
    assert fields[BandTable] == {"mu", "mass", "energy", "density", "kappa", "scale", *(key for key, *_ in systems.FILES)}
    assert tabulated_band("a", mu=0.0, energy=[-1.0, 1.0], density=[1.0, 1.0]).name == "a"


@pytest.mark.parametrize("name", [*SYSTEMS])
def test_every_material_follows_the_schema(name):
    SystemFile.model_validate(tomllib.loads(to_toml(SYSTEMS[name]())))


def examples():
    """(page, place, text) of every TOML block."""
    paths = [*sorted(DOCS.rglob("*.md")), ROOT / "README.md", *sorted(ROOT.glob("*/README.md"))]
    for path in paths:
        for k, text in enumerate(re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)):
            yield pytest.param(text, id=f"{path.stem}-{k}")


@pytest.mark.parametrize("text", [*examples()])
def test_examples_load(text, tmp_path):
    for name, content in BESIDE.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "system.toml").write_text(BEGUN["system.toml"], encoding="utf-8")
    table = tomllib.loads(text)
    if "project" in table:
        assert all(":" in entry for group in table["project"]["entry-points"].values() for entry in group.values())
    elif {"observables", "axes"} & set(table):
        SweepConfig.model_validate(table).system.superconductor(tmp_path / "sweep.toml")
    elif {"data", "models", "parameters", "junctions"} & set(table):
        with in_file(tmp_path / "fit.toml"):
            config = FitConfig.model_validate(_with_each(tomllib.loads(BEGUN["fit.toml"]) | table))
        assert len(config.systems(config.superconductor(tmp_path))) == max(1, len(config.samples))
    else:
        whole = table if "lattice" in table or len(table) > 1 else tomllib.loads(BEGUN["system.toml"]) | table
        if "bands" in table and len(table) == 1:
            whole["bands"] = tomllib.loads(BEGUN["system.toml"])["bands"] | table["bands"]
        SystemFile.model_validate(whole)
        sc = from_table(systems.with_files(whole, tmp_path), "system.toml")
        (tmp_path / "again.toml").write_text(to_toml(sc), encoding="utf-8")
        again = load(tmp_path / "again.toml")
        assert again.paths == sc.paths
        assert all(np.all(again.get(path) == sc.get(path)) for path in sc.paths)


def test_the_example_of_a_table_of_numbers_is_read(tmp_path):
    text = re.search(r"\n\n((?:    .*\n)+)", page_of("data.csv"))[1]
    (tmp_path / "data.csv").write_text(re.sub(r"^    ", "", text, flags=re.MULTILINE), encoding="utf-8")
    rows = read_data(tmp_path / "data.csv", SYSTEMS["ba122"]())
    assert len(rows) == 4
    assert [row.kind for row in rows] == ["branch_minimum"] * 3 + ["T_c"]


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_is_in_the_reference(room):
    """A page of docs/reference/api lists it; what a list has exists."""
    source = Path(importlib.import_module(room).__file__).read_text(encoding="utf-8")
    public = {name for name in re.findall(r" as (\w+)(?:$|  #)", source, re.MULTILINE) if not name.startswith("_")} - ELSEWHERE
    texts = [path.read_text(encoding="utf-8") for path in sorted((DOCS / "reference" / "api").glob("*.md"))]
    blocks = [found for text in texts for found in re.findall(r"```\{api\} ([\w.]+)\n(.*?)```", text, re.DOTALL)]
    listed = [name for module, names in blocks if module == room for name in names.split()]
    assert set(listed) == public
    assert len(listed) == len(public)


def test_every_page_is_in_the_table_of_contents():
    """Sphinx would complain, but it is not always at hand."""
    found = {DOCS / "index.md"}
    for path in sorted(DOCS.rglob("*.md")):
        for tree in re.findall(r"```\{toctree\}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            entries = [line for line in tree.splitlines() if line and not line.startswith(":")]
            found |= {(path.parent / f"{entry}.md").resolve() for entry in entries}
            notebooks = [DOCS / "notebooks" / f"{entry.split('/')[-1]}" for entry in entries if "notebooks/" in entry]
            assert all((ROOT / "notebooks" / f"{one.name}.ipynb").is_file() for one in notebooks)
    assert set(DOCS.rglob("*.md")) <= found
