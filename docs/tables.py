"""The tables in the pages that follow from the code or from the repository's own results.

    python docs/tables.py           # writes all of them anew

A page says where a table goes, `<!-- table: KIND ARGUMENT -->` ... `<!-- end -->`, and what stands between is written here;
`tests/commands/test_file_pages.py` fails if a page is not what this would make of it.
"""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from jaxgap.commands.outline import app
from jaxgap.continuation.bifurcations import BifurcationKind
from jaxgap.continuation.ends import EndKind
from jaxgap.continuation.transition import TransitionKind
from jaxgap.fitting.data import COLUMNS, OPTIONAL
from jaxgap.observables.quantities import MEASURED, RECORDED
from jaxgap.observables.quantity import Need
from jaxgap.solving.labels import Label
from jaxgap.solving.solution import Status

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS))
from measured import TABLES, table

ROOT = DOCS.parent
INFINITE = ["Infinity", "-Infinity"]
"""What JSON has for numbers that are."""
LONGEST = 60
"""Characters of an example in a cell."""
_BLOCK = re.compile(r"(<!-- table: ([\w.-]+)(?: ([\w.-]+))? -->\n).*?(<!-- end -->)", re.DOTALL)
_TOML = re.compile(r"```toml\n(.*?)```", re.DOTALL)


def filled(page: str) -> str:
    """The page with its tables written anew."""

    def one(found: re.Match[str]) -> str:
        return f"{found[1]}\n{KINDS[found[2]](found[3] or '', page)}\n\n{found[4]}"

    return _BLOCK.sub(one, page)


def pages() -> list[Path]:
    """Those with tables."""
    return [path for path in sorted(DOCS.rglob("*.md")) if _BLOCK.search(path.read_text(encoding="utf-8"))]


# --- keys of files ------------------------------------------------------------------------------------------------------


def schema_of(name: str) -> dict[str, Any]:
    """The JSON schema of a file."""
    path = DOCS / "schemas" / f"{name.removesuffix('.json')}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def tables_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> table of a file, the whole file first."""
    return {"": schema} | {str(table.get("title")): table for table in _tables(schema) if table is not schema}


def _tables(part: Any) -> Iterator[Any]:
    """All objects with keys of their own."""
    if isinstance(part, Mapping) and "properties" in part:
        yield part
    for inner in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
        yield from _tables(inner)


def _keys(name: str, page: str, which: str) -> str:
    """The keys of a table of a file, needed ones first; of one that jaxgap writes nothing is said of defaults."""
    schema, examples, read = schema_of(which), examples_in(page, which), which.endswith(".toml")
    content = tables_of(schema)[name]
    head = ("key", "what it is", "type", *["default"] * read, "example")
    rows = []
    needed = content.get("required", ())
    for key, field in sorted(content["properties"].items(), key=lambda one: read and one[0] not in needed):
        default = "needed" if key in needed else _default(field)
        example = examples.get((name, key), "")
        about = (sentence(field, schema), _type(field), *[default] * read, "" if example == "" else _code(example, read))
        rows.append((f"`{key}`", *about))
    return table(head, rows)


def _type(field: Mapping[str, Any]) -> str:
    """What a key takes, in words."""
    if "$ref" in field:
        return "table"
    for several in ("anyOf", "oneOf"):
        if several in field:
            parts = [_type(part) for part in field[several] if part.get("type") != "null" and part.get("enum") != INFINITE]
            return " or ".join(dict.fromkeys(parts))
    if "enum" in field:
        return ", ".join(_code(value) for value in field["enum"])
    if "const" in field:
        return _code(field["const"])
    if field.get("type") == "array":
        if "prefixItems" in field:
            return f"list of {len(field['prefixItems'])}"
        inner = _type(field.get("items", {}))
        if inner.startswith("list of"):
            return f"list of lists{inner.removeprefix('list')}"
        return f"list of {inner}s" if inner in ("table", "number", "string") else f"list of {inner}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"table of {_type(inner)}s" if isinstance(inner, Mapping) and "type" in inner else "table"
    return {"number": "number", "integer": "whole number", "boolean": "true, false", "string": "string"}.get(
        str(field.get("type")), "any"
    )


def _default(field: Mapping[str, Any]) -> str:
    default = field.get("default")
    return "" if default in (None, "", {}, []) or isinstance(default, Mapping) else _code(default)


def sentence(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if text := field.get("description"):
        return str(text)
    ref = next((part["$ref"] for part in (field, *field.get("anyOf", ())) if "$ref" in part), None)
    if ref is None:
        return ""
    return str(schema["$defs"][ref.rsplit("/", 1)[1]].get("description", ""))


def _code(value: object, toml: bool = True) -> str:
    text = _written(value) if toml else json.dumps(value, ensure_ascii=False)
    return f"`{text if len(text) <= LONGEST else text[: LONGEST - 4] + ' ...'}`"


def _written(value: object) -> str:
    """As TOML has it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_name(key)} = {_written(part)}" for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_written, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)


def _name(key: str) -> str:
    return key if re.fullmatch(r"[\w-]+", key) else f'"{key}"'


def toml_in(page: str) -> list[str]:
    """The examples of a page."""
    return _TOML.findall(page)


def examples_in(page: str, which: str) -> dict[tuple[str, str], object]:
    """(table, key) -> the first value of it in the examples of a page; of result.json in a fit that is kept."""
    schema = schema_of(which)
    found: dict[tuple[str, str], object] = {}
    contents = [tomllib.loads(text) for text in toml_in(page)]
    if which.endswith(".json"):
        contents = [json.loads((ROOT / "fits" / "ba0.6k0.4fe2as2" / which).read_text(encoding="utf-8"))]
    for content in contents:
        for key, value in _walked(schema, content, schema):
            found.setdefault(key, value)
    return found


def _walked(table: Any, value: Any, schema: Any) -> Iterator[tuple[tuple[str, str], Any]]:
    """((table, key), value) of all that a value has, with the schema's part that it follows."""
    table = schema["$defs"][table["$ref"].rsplit("/", 1)[1]] if "$ref" in table else table
    several = table.get("anyOf") or table.get("oneOf")
    if several:
        yield from _walked(next(part for part in several if _fits(part, value, schema)), value, schema)
        return
    name, keys, others = table.get("title", ""), table.get("properties"), table.get("additionalProperties")
    if isinstance(value, Mapping) and keys:
        for key, inner in value.items():
            yield ("" if table is schema else name, key), inner
            yield from _walked(keys[key], inner, schema)
    elif isinstance(value, Mapping) and isinstance(others, Mapping):
        value, table = list(value.values()), {"items": others}
    if isinstance(value, list) and "items" in table:
        for inner in value:
            yield from _walked(table["items"], inner, schema)


def _fits(part: Any, value: Any, schema: Any) -> bool:
    if "$ref" in part:
        table = schema["$defs"][part["$ref"].rsplit("/", 1)[1]]
        return isinstance(value, Mapping) and set(table.get("required", ())) <= set(value) <= set(table["properties"])
    kinds = {"array": list, "object": Mapping, "string": str, "number": int | float, "integer": int, "null": type(None)}
    return isinstance(value, kinds.get(str(part.get("type")), object))


# --- quantities ---------------------------------------------------------------------------------------------------------


def _columns(argument: str, page: str) -> str:
    """Of data.csv: which must be there."""
    rows = [(f"`{name}`", COLUMN[name], "yes" if name in COLUMNS else "") for name in (*COLUMNS, *OPTIONAL)]
    return table(("column", "what it holds", "needed"), rows)


COLUMN = {
    "quantity": "what was measured: a name of the table below, in brackets what it is of; or `-` for a number to be shown only",
    "T_K": "temperature [K]; empty where the quantity is a temperature itself, and where the source states none (then the row "
    "can be shown, not fitted)",
    "value": "the number, in the quantity's unit",
    "error": "one standard deviation, > 0, in the same unit; may be empty for energies and temperatures, of which fit.toml "
    "assumes one",
    "unit": "`meV`, `K`, or `1` for a ratio, as a check: it must be the quantity's own",
    "use": "`fit` (it counts; so does an empty cell), `predict` (of T_c and branch_end: compared with what the fit predicts), "
    "`show` (drawn and listed)",
    "technique": "how it was measured: for reports, and for `techniques` of a model",
    "source": "where it is published",
    "how_obtained": "text, table, figure, ...",
    "limit": "`upper` or `lower` if the number is a limit, softened by its error; empty for a value",
    "V_mV": "voltage [mV] of a point of a spectrum, `dIdV[JUNCTION]`; empty for everything else",
    "sample": "which of [samples] it was measured on; may be empty only where there are none, and in rows that are shown",
}


def _kinds(argument: str, page: str) -> str:
    """Of numbers that a data.csv may have."""
    of = {"branch": "[BRANCH]", "band": "[BAND]", "V": "[JUNCTION]"}
    rows = []
    for name, row in MEASURED.items():
        if row.axes and name != "dIdV":
            continue
        brackets = "[STATE]" if name == "jump" else "".join(of[dim] for dim in row.dims or () if dim in of)
        at = "a temperature" if row.needs >= Need.STATE else ""
        unit = "" if row.units == "1" else row.units
        rows.append((f"`{name}{brackets}`", row.long_name, unit, at))
    return table(("quantity", "what it is", "unit", "needs"), rows)


def _recorded(argument: str, page: str) -> str:
    """Of what a sweep records."""
    rows = [
        (
            f"`{name}`",
            row.long_name,
            "" if row.units == "1" else row.units,
            ", ".join(row.dims or ()),
            "yes" if row.differentiable else "",
        )
        for name, row in RECORDED.items()
    ]
    return table(("name", "what it is", "unit", "axes", "`d NAME/d PATH`"), rows)


# --- what is said --------------------------------------------------------------------------------------------------------


def _statuses(argument: str, page: str) -> str:
    rows = [(int(one), f"`{one.name}`", one.sentence) for one in Status]
    return table(("code", "`jaxgap.Status`", "what it says"), rows)


def _labels(argument: str, page: str) -> str:
    return table(("code", "`jaxgap.Label`", "in words"), [(int(one), f"`{one.name}`", one.text) for one in Label])


def _ends(argument: str, page: str) -> str:
    return table(("code", "`jaxgap.EndKind`", "the branch ends"), [(int(one), f"`{one.name}`", one.words) for one in EndKind])


def _transitions(argument: str, page: str) -> str:
    rows = [(int(one), f"`{one.name}`", one.text) for one in TransitionKind]
    return table(("code", "`jaxgap.TransitionKind`", "in words"), rows)


def _bifurcations(argument: str, page: str) -> str:
    rows = [(int(one), f"`{one.name}`", one.name.lower().replace("_", " ")) for one in BifurcationKind]
    return table(("code", "`jaxgap.BifurcationKind`", "in words"), rows)


# --- the command line ---------------------------------------------------------------------------------------------------


def _commands(argument: str, page: str) -> str:
    """Every command with its help, arguments and options."""
    group = typer.main.get_command(app)
    assert isinstance(group, typer.core.TyperGroup)
    return "\n\n".join(_command(f"jaxgap {name}", one) for name, one in group.commands.items())


def _command(name: str, command: Any) -> str:
    depth = name.count(" ") + 1
    lines = [f"{'#' * depth} {name}", "", *_example(" ".join(part.split()) for part in (command.help or "").split("\n\n"))]
    rows: list[tuple[str, str]] = []
    if hasattr(command, "commands"):
        parts = [_command(f"{name} {inner}", one) for inner, one in command.commands.items()]
        return "\n\n".join(["\n".join(lines).strip(), *parts])
    for one in command.params:
        if getattr(one, "hidden", False) or one.name == "help":
            continue
        argument = one.param_type_name == "argument"
        called = one.metavar or str(one.name).upper() if argument else ", ".join((*one.opts, *one.secondary_opts))
        rows.append((f"`{called}`", " ".join((one.help or "").split()) + (" Needed." if one.required and not argument else "")))
    return "\n".join([*lines, table(("argument, option", "what it is"), rows)])


def _example(paragraphs: Iterator[str]) -> Iterator[str]:
    """Paragraphs of a help; those of examples as code."""
    for text in paragraphs:
        if found := re.match(r"Examples?: (.*)$", text):
            yield from (f"    {one.strip()}" for one in found[1].split("; "))
        else:
            yield text.replace("<", "\\<")
        yield ""


KINDS: dict[str, Callable[[str, str], str]] = {
    **{
        which: lambda name, page, which=which: _keys(name, page, which)
        for which in ("system.toml", "fit.toml", "sweep.toml", "result.json")
    },
    "columns": _columns,
    "kinds": _kinds,
    "recorded": _recorded,
    "statuses": _statuses,
    "labels": _labels,
    "ends": _ends,
    "transitions": _transitions,
    "bifurcations": _bifurcations,
    "commands": _commands,
    **TABLES,
}


if __name__ == "__main__":
    for path in pages():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
