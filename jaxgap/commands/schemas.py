"""JSON schemas of what jaxgap reads and writes: `python -m jaxgap.commands.schemas FOLDER` writes docs/schemas anew.

They follow from the records' classes, descriptions included: what a docstring says of a field, the schema says.
"""

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode

from jaxgap.commands import records
from jaxgap.commands.system_file import SystemFile
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.report.bootstrap import BootstrapRecord
from jaxgap.fitting.report.comparison import ComparisonRecord
from jaxgap.fitting.report.posterior import PosteriorRecord
from jaxgap.fitting.report.record import FitRecord
from jaxgap.model.files import write_files
from jaxgap.sweeps.config import SweepConfig
from jaxgap.sweeps.configuration import StoreRecord

__all__ = ["READ", "WRITTEN", "contents"]

READ: Mapping[str, type[BaseModel]] = MappingProxyType(
    {"fit.toml": FitConfig, "sweep.toml": SweepConfig, "system.toml": SystemFile}
)
"""Files that users write."""
WRITTEN: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "result.json": FitRecord,
        "posterior.json": PosteriorRecord,
        "bootstrap.json": BootstrapRecord,
        "comparison.json": ComparisonRecord,
        "store": StoreRecord,
        "solve": records.SolutionRecord,
        "solutions": records.SolutionsRecord,
        "tc": records.TcRecord,
        "tc--kind": records.TransitionRecord,
        "gaps": records.GapsRecord,
        "data": records.DataRecord,
        "new": records.NewRecord,
        "check": records.CheckRecord,
        "diagram": records.DiagramRecord,
        "observe": records.ObserveRecord,
        "sweep": records.SweepRecord,
        "fit--next": records.NextRecord,
    }
)
"""Files that jaxgap writes, the attribute of a sweep's store, and what commands print with --json."""


def contents() -> dict[str, str]:
    """File name -> JSON schema."""
    read = {f"{name}.schema.json": _text(kind, "validation") for name, kind in READ.items()}
    return read | {f"{name.removesuffix('.json')}.schema.json": _text(kind, "serialization") for name, kind in WRITTEN.items()}


def _text(kind: type[BaseModel], mode: JsonSchemaMode) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **kind.model_json_schema(mode=mode)}
    _describe(schema, {part.__name__: part for part in _classes(kind)})
    return json.dumps(schema, indent=1) + "\n"


def _classes(kind: object) -> Iterator[type]:
    """The classes of jaxgap that a type is made of, with those of their fields."""
    if isinstance(kind, type) and kind.__module__.startswith("jaxgap."):
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _classes(hint)
    for part in get_args(kind):
        yield from _classes(part)


def _describe(part: object, classes: dict[str, type]) -> None:
    """Say of every object in the schema what its class says of itself and of its fields."""
    if isinstance(part, dict):
        if "properties" in part and (kind := classes.get(str(part.get("title")))):
            _describe_object(part, kind)
        for inner in part.values():
            _describe(inner, classes)
    for inner in part if isinstance(part, list) else ():
        _describe(inner, classes)


def _describe_object(table: dict[str, Any], kind: type) -> None:
    table["description"] = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    said = {name: text for part in reversed(kind.__mro__) for name, text in _docstrings(part).items()}
    for name, field in table["properties"].items():
        if "properties" not in field:  # A table's title is its class.
            field.pop("title", None)
        if text := said.get(name, said.get(f"{name}_")):
            field["description"] = text


@cache
def _docstrings(kind: type) -> dict[str, str]:
    """Field, or property -> the text under it."""
    if not kind.__module__.startswith("jaxgap."):
        return {}
    (tree,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(tree, ast.ClassDef)
    pairs = zip(tree.body, tree.body[1:], strict=False)
    properties = {part.name: part for part in tree.body if isinstance(part, ast.FunctionDef) and part.decorator_list}
    said = {name: " ".join((ast.get_docstring(part) or "").split()) for name, part in properties.items()}
    return said | {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairs
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/schemas")
    write_files({folder / name: text for name, text in contents().items()})
