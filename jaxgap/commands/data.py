"""The command `jaxgap data`: what is understood of a file of measurements, before anything is fitted."""

import tomllib
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from jaxgap.commands.records import ColumnRecord, DataRecord
from jaxgap.commands.terminal import JsonOption, console
from jaxgap.drawing import figure_of
from jaxgap.fitting.reading import FileConfig
from jaxgap.fitting.reading.cells import is_comment, lines_of, rows_of
from jaxgap.fitting.reading.encodings import read_any_text
from jaxgap.fitting.reading.kinds import CURVES, axis_of
from jaxgap.fitting.reading.look import Look, look
from jaxgap.fitting.reading.units import is_arbitrary
from jaxgap.fitting.report.columns import Table
from jaxgap.fitting.table import Cells, read_table
from jaxgap.model.config import validated
from jaxgap.model.files import write_picture
from jaxgap.model.records import print_json
from jaxgap.numerics.amounts import amount
from jaxgap.numerics.checks import InputError, check

__all__ = ["files"]

files = typer.Typer()

_NAMES = ", ".join(CURVES)


@files.command(short_help="What is understood of a file")
def data(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Text, .npz, .npy, .nc, .h5, .itx, .ibw; or a data.csv.")],
    quantity: Annotated[str, typer.Option(help=f"What it is a curve of: {_NAMES}. Default: by its columns and units.")] = "",
    columns: Annotated[str, typer.Option(help="Which column is what, by name or number: V=1,value=LIX.")] = "",
    units: Annotated[str, typer.Option(help="Units of the columns: V=mV,value=nS.")] = "",
    T: Annotated[float | None, typer.Option("--T", help="Temperature of all points [K].")] = None,
    with_: Annotated[
        list[str], typer.Option("--with", metavar="KEY=VALUE", help="What else [[data]] of fit.toml may say; may be repeated.")
    ] = [],  # noqa: B006
    output: Annotated[Path | None, typer.Option(help="Picture (PNG or PDF). Default: FILE_data.png.")] = None,
    as_json_: JsonOption = False,
) -> None:
    """What is understood of a file of measurements: kind, columns, units, ranges, and a picture.

    What it cannot know is listed: fit.toml has to say it. Options say the same things for a try.

    Examples: jaxgap data sts_2K.dat; jaxgap data sts.txt --quantity dIdV --columns V=1,value=3 --units V=V --T 2
    --with "normalise={beyond=8}"
    """
    check(quantity in ("", *CURVES), "--quantity", f"be one of {_NAMES}", f"`{quantity}`")
    if (rows := _rows_that_say(file)) is not None:
        _tell_rows(file, rows, as_json_)
        return
    said: dict[str, object] = {"file": file.name, "columns": _pairs("--columns", columns), "units": _pairs("--units", units)}
    config = validated(FileConfig, said | ({} if T is None else {"T": T}) | _toml(with_), "Option --with")
    found = look(config, file.parent, quantity)
    path = None if found.found is None else output or Path(f"{file.stem}_data.png")
    if path is not None:
        _draw(found, file.name, path)
    if as_json_:
        print_json(_record(found, file, path))
    else:
        _tell(found, file, path)
    if found.found is None:
        raise InputError(found.to_be_said[0])


def _pairs(option: str, text: str) -> dict[str, str | int]:
    """Of V=1,value=LIX."""
    out: dict[str, str | int] = {}
    for part in filter(None, map(str.strip, text.split(","))):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        check(bool(key and equals and value), option, "look like V=1,value=2", f"`{text}`")
        out[key] = int(value) if option == "--columns" and value.isdigit() else value
    return out


def _toml(lines: Iterable[str]) -> dict[str, object]:
    """What --with says, in the words of fit.toml."""
    out: dict[str, object] = {}
    for line in lines:
        try:
            out |= tomllib.loads(line)
        except tomllib.TOMLDecodeError as error:
            raise InputError(
                f'Option --with must be a line of fit.toml such as missing="drop", but `{line}` is not: {error}.'
            ) from None
    return out


def _rows_that_say(path: Path) -> tuple[Cells, ...] | None:
    """The rows of a table of numbers, which say themselves what they are (data.csv); None if the file is no such table."""
    if path.suffix.lower() not in (".csv", ".txt", ".dat", ".tsv"):
        return None
    lines = [line for line in lines_of(read_any_text(path)) if line.strip() and not is_comment(line, "#")]
    heads = [next((cells for _, cells in rows_of(lines[:1], mark, str(path))), []) for mark in ",;\t"]
    head = next((cells for cells in heads if "quantity" in cells), None)
    return None if head is None else read_table(path, ("quantity",), head, ("T_K", "value", "error"))


def _tell_rows(file: Path, rows: Sequence[Cells], as_json_: bool) -> None:
    counts = Counter(row.text("quantity") for row in rows)
    ranges = {
        name: (min(known), max(known))
        for name in ("T_K", "value", "error")
        if (known := [x for row in rows if (x := row.number(name)) is not None])
    }
    if as_json_:
        empty = {"columns": [], "units": {}, "dropped": 0, "T_K": {}, "others": [], "to_be_said": [], "picture": None}
        about = {"file": str(file), "quantity": None, "rows": dict(counts), "points": len(rows), "ranges": ranges}
        print_json(DataRecord.model_validate(about | empty))
        return
    console.print(escape(f"{file}: {len(rows)} numbers; each row says what it is. `jaxgap fit` reads them as [data]."))
    table = Table()
    for title in ("quantity", "rows", "T [K]", "value"):
        table.add_column(title, justify="left" if title == "quantity" else "right")
    for name, count in counts.items():
        own = [row for row in rows if row.text("quantity") == name]
        table.add_row(escape(name), str(count), *(_reach(row.number(key) for row in own) for key in ("T_K", "value")))
    console.print(table)


def _reach(values: Iterable[float | None]) -> str:
    """The smallest and the largest of numbers, as they are printed."""
    known = [x for x in values if x is not None and np.isfinite(x)]
    if not known:
        return "-"
    low, high = f"{min(known):.6g}", f"{max(known):.6g}"
    return low if low == high else f"{low} to {high}"


def _draw(found: Look, title: str, path: Path) -> None:
    import matplotlib.pyplot as plt

    from jaxgap.fitting.reading.pictures import draw_measured

    assert found.found is not None
    column = found.table.columns[found.found.roles["value"]]
    label = f"{column.name or 'value'} ({column.unit or 'arbitrary'})" if _units(found)["value"] == "arbitrary" else ""
    figure = figure_of(draw_measured(found.found.curve, CURVES[found.quantity], title, label))
    try:
        write_picture(figure, path)
    finally:
        plt.close(figure)


def _parts(found: Look) -> dict[str, np.ndarray]:
    """T, axis, value and errors by the names of their roles, as they were read."""
    assert found.found is not None
    curve, axis = found.found.curve, axis_of(CURVES[found.quantity])
    own = {} if axis is None or curve.x is None else {axis[0]: curve.x}
    rest = {"value": curve.value, "error": curve.error, "T_error": curve.T_error}
    T = {"T": curve.T} if found.T_known else {}
    return T | own | {name: part for name, part in rest.items() if part is not None}


def _units(found: Look) -> dict[str, str]:
    """The same names -> the registry's units, as they are after the reading."""
    row = CURVES[found.quantity]
    axis = axis_of(row)
    assert found.found is not None
    # What has no unit of its own keeps that of the model, unless it is said to be no multiple of it.
    said = found.found.units["value"]
    own = "arbitrary" if is_arbitrary(said) and said not in ("", "1", row.units) else row.units
    units = {"T": "K", "T_error": "K", "value": own, "error": own} | (dict([axis]) if axis else {})
    return {name: units[name] for name in _parts(found)}


def _record(found: Look, file: Path, path: Path | None) -> DataRecord:
    roles = {} if found.found is None else {k: role for role, k in found.found.roles.items()}
    columns = [
        ColumnRecord(number=k + 1, name=column.name, unit=column.unit, role=roles.get(k))
        for k, column in enumerate(found.table.columns)
    ]
    parts = {} if found.found is None else _parts(found)
    spectra = found.T_known and found.found is not None and found.found.curve.x is not None
    return DataRecord(
        file=str(file),
        quantity=found.quantity or None,
        rows={},
        columns=columns,
        units={} if found.found is None else _units(found),
        points=0 if found.found is None else len(found.found.curve.value),
        dropped=0 if found.found is None else found.found.dropped,
        ranges={name: (float(part.min()), float(part.max())) for name, part in parts.items()},
        T_K={f"{T:g}": int((parts["T"] == T).sum()) for T in np.unique(parts["T"])} if spectra else {},
        others=list(found.others),
        to_be_said=list(found.to_be_said),
        picture=None if path is None else str(path),
    )


def _tell(found: Look, file: Path, path: Path | None) -> None:
    """The columns, what they were taken for, and what is still to be said."""
    row = CURVES.get(found.quantity)
    what = "unknown" if row is None else f"{found.quantity}, {row.long_name}"
    points = f", {amount(len(found.found.curve.value), 'point')}" if found.found is not None else ""
    console.print(escape(f"{file}: {what}{points}."), soft_wrap=True)
    if found.others:
        console.print(escape(f"Its columns would do for {', '.join(found.others)}, too (--quantity)."), soft_wrap=True)
    console.print(_columns(found))
    if found.found is not None:
        console.print(_read_as(found))
    for sentence in found.to_be_said if found.found is not None else ():
        console.print(escape(f"To be said: {sentence}"), soft_wrap=True)
    if path is not None:
        console.print(escape(f"Wrote {path}."), soft_wrap=True)


def _columns(found: Look) -> Table:
    table = Table(title="columns of the file")
    for title in ("number", "name", "unit", "read as"):
        table.add_column(title, justify="right" if title == "number" else "left")
    roles = {} if found.found is None else {k: role for role, k in found.found.roles.items()}
    for k, column in enumerate(found.table.columns):
        table.add_row(str(k + 1), escape(column.name or "-"), escape(column.unit or "-"), roles.get(k, "-"))
    return table


def _read_as(found: Look) -> Table:
    table = Table(title="what was read")
    for title in ("", "unit", "range", "different values"):
        table.add_column(title, justify="right" if title == "different values" else "left")
    units = _units(found)
    for name, part in _parts(found).items():
        unit = units[name] or "1"
        table.add_row(name, escape(unit), _reach(part.tolist()), str(len(np.unique(part))))
    return table
