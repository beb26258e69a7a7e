"""Waves of Igor Pro: text (.itx), read here, and binary (.ibw), read by igor2.

A wave has up to four dimensions x, y, z, t with a scale x = x0 + k dx each, whose unit names it (eV); waves of one block are
columns beside each other.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxgap.fitting.reading.cells import lines_of, number_in
from jaxgap.fitting.reading.columns import TEMPERATURE, key_of
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.encodings import read_any_text
from jaxgap.fitting.reading.foreign import as_a_file_of, require
from jaxgap.fitting.reading.grids import Along, Grid, along, table_of
from jaxgap.fitting.reading.tables import Table
from jaxgap.model.files import read_bytes
from jaxgap.numerics.checks import InputError

__all__ = ["read_igor_binary", "read_igor_text"]

_NAMES = ("x", "y", "z", "t")
_SIZE = re.compile(r"/N=\(([\d,\s]+)\)", re.IGNORECASE)
_WAVES = re.compile(r"WAVES((?:\s*/[A-Z](?:=\([^)]*\))?)*)[\s,]+(.*)", re.IGNORECASE)
_QUOTED = re.compile(r"'([^']+)'|([^\s,;']+)")
_SCALE = re.compile(
    r"SetScale\s*(?P<how>/[PI])?\s*(?P<dim>[xyztd])[\s,]\s*(?P<a>[^,\s]+)\s*,\s*(?P<b>[^,\s]+)\s*(?:,\s*\"(?P<unit>[^\"]*)\")?\s*,?\s*"
    r"(?P<waves>[^;]*)",
    re.IGNORECASE,
)
_NOTE = re.compile(r"Note\s+(?:/[A-Z]+\s+)?(?P<wave>'[^']+'|\w+)\s*,\s*\"(?P<text>.*?)\"", re.IGNORECASE)


class _Wave(NamedTuple):
    """Numbers with the scale of each dimension."""

    values: np.ndarray
    scales: dict[str, tuple[str, float, float, str]]
    """Dimension (d for the values) -> (how, start, step or end, unit)."""
    note: str = ""


def read_igor_text(path: Path, config: FileConfig) -> Table:
    """The columns of an Igor text file.

    Raises:
        InputError: for a line that is none of the format's, with what was expected.
    """
    lines = [line.strip() for line in lines_of(read_any_text(path, config.encoding))]
    first = next((k for k, line in enumerate(lines) if line), 0)
    begin = lines[first] if lines else ""
    if begin.upper() != "IGOR":
        raise InputError(
            f"{path}:{first + 1}: an Igor text file must begin with the line IGOR, but begins with `{begin[:40]}`."
        )
    waves: dict[str, _Wave] = {}
    ahead = iter(enumerate(lines[first + 1 :], first + 2))
    for number, line in ahead:
        if (head := _WAVES.fullmatch(line)) is not None:
            waves |= _block(head, ahead, f"{path}:{number}", str(path))
        elif line[:2].upper() == "X ":
            waves = _told(waves, line[2:], f"{path}:{number}")
        elif line:
            raise InputError(f"{path}:{number}: the line must be WAVES, BEGIN, numbers, END or X, but is `{line[:40]}`.")
    return table_of({name: _grid(wave) for name, wave in waves.items()}, config, str(path))


def _block(head: re.Match[str], ahead: Iterator[tuple[int, str]], where: str, path: str) -> dict[str, _Wave]:
    """The waves of one block: columns, or one wave of several dimensions."""
    names = [quoted or plain for quoted, plain in _QUOTED.findall(head[2])]
    number, line = next(ahead, (0, ""))
    if line.upper() != "BEGIN" or not names:
        raise InputError(f"{where}: WAVES must be followed by names and the line BEGIN.")
    rows: list[list[float]] = []
    for number, line in ahead:
        if line.upper() == "END":
            return _shaped(names, rows, _SIZE.search(head[1]), where)
        cells = [number_in(cell, comma=False) for cell in line.split()]
        unknown = [k for k, cell in enumerate(cells) if cell is None]
        if bad := [line.split()[k] for k in unknown if line.split()[k].lower() != "nan"]:
            raise InputError(f"{path}:{number}: a wave must hold numbers, but holds `{bad[0][:40]}`.")
        rows += [[np.nan if cell is None else cell for cell in cells]] if cells else []
    raise InputError(f"{where}: the wave must end with the line END, but the file ends at line {number}.")


def _shaped(names: list[str], rows: list[list[float]], size: re.Match[str] | None, where: str) -> dict[str, _Wave]:
    """Numbers between BEGIN and END as the waves that they are."""
    if size is not None:
        shape = [int(n) for n in re.findall(r"\d+", size[1])]
        flat = np.array([cell for row in rows for cell in row])
        if flat.size != np.prod(shape) or len(names) != 1:
            raise InputError(f"{where}: the wave must have {' x '.join(map(str, shape))} numbers, but has {flat.size}.")
        # Layers of the third dimension and above stand below each other, rows and columns as they are seen.
        higher = len(shape[2:])
        order = [*range(higher, len(shape)), *reversed(range(higher))]
        return {names[0]: _Wave(flat.reshape([*reversed(shape[2:]), *shape[:2]]).transpose(order), {})}
    if bad := [row for row in rows if len(row) != len(names)]:
        raise InputError(f"{where}: every line of the waves must have {len(names)} numbers, but one has {len(bad[0])}.")
    return {name: _Wave(np.array(column), {}) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _told(waves: dict[str, _Wave], commands: str, where: str) -> dict[str, _Wave]:
    """The waves with what a line of commands says of them: scales and notes; the others set what is of no use here."""
    for command in map(str.strip, commands.split(";")):
        if found := _SCALE.fullmatch(command):
            start, other = (number_in(found[key], comma=False) or 0.0 for key in "ab")
            scale = ((found["how"] or "").upper(), start, other, found["unit"] or "")
            names = [quoted or plain for quoted, plain in _QUOTED.findall(found["waves"])]
            for name in names:
                if name in waves:
                    waves[name] = waves[name]._replace(scales=waves[name].scales | {found["dim"].lower(): scale})
        elif command.lower().startswith("setscale"):
            raise InputError(
                f"{where}: SetScale must have a dimension, two numbers, a unit and waves, but is `{command[:60]}`."
            )
        elif note := _NOTE.fullmatch(command):
            name = note["wave"].strip("'")
            if name in waves:
                waves[name] = waves[name]._replace(note=waves[name].note + note["text"].replace("\\r", "\n") + "\n")
    return waves


def _grid(wave: _Wave) -> Grid:
    """A wave over its dimensions."""
    axes = tuple(_axis(name, n, wave.scales.get(name)) for name, n in zip(_NAMES, wave.values.shape, strict=False))
    unit = wave.scales["d"][3] if "d" in wave.scales else ""
    return Grid(wave.values, axes, unit or None, _temperature(wave.note))


def _axis(name: str, n: int, scale: tuple[str, float, float, str] | None) -> Along:
    """The points of a dimension: from a start in steps (/P), or between ends, both of them (/I) or the first (neither)."""
    if scale is None or scale == ("/P", 0.0, 1.0, ""):  # As it is where nobody has set it.
        return Along(name, None, None)
    how, start, other, unit = scale
    step = other if how == "/P" else (other - start) / max(n - (how == "/I"), 1)
    return along(unit or name, start + step * np.arange(n), unit)


def _temperature(note: str) -> float | None:
    """The sample's temperature [K], if a line of the note, such as `Sample temp=10`, says it."""
    pairs = [line.split("=", 1) for line in re.split(r"[\r\n]+", note) if "=" in line]
    found = [number_in(value.split()[0], comma=False) for name, value in pairs if key_of(name) in TEMPERATURE and value.split()]
    return found[0] if len(found) == 1 else None


def read_igor_binary(path: Path, config: FileConfig) -> Table:
    """The columns of an Igor binary wave.

    Raises:
        InputError: if it is none.
    """
    read_bytes(path, "data file")  # It says what is wrong where there is no such file.
    require(path, "igor2")
    from igor2 import binarywave

    logging.getLogger("igor2").setLevel(logging.CRITICAL)  # What it has to say is in what it raises.
    with as_a_file_of(path, "an Igor binary wave"):
        grids = _of_binary(binarywave.load(str(path))["wave"])
    return table_of(grids, config, str(path))


def _of_binary(wave: Mapping[str, Any]) -> dict[str, Grid]:
    """The wave as igor2 has it."""
    head, values = wave["wave_header"], np.asarray(wave["wData"])
    several = "sfA" in head
    steps, starts = (np.atleast_1d(head[name if several else old]) for name, old in (("sfA", "hsA"), ("sfB", "hsB")))
    units = [_text(unit) for unit in head["dimUnits"]] if several else [_text(head["xUnits"])]
    names = _NAMES[: values.ndim]
    scales = {name: ("/P", float(starts[k]), float(steps[k]), units[k]) for k, name in enumerate(names)}
    own = _text(head["dataUnits"]) or _text(wave.get("data_units", b""))
    note = wave.get("note", b"")
    text = note.decode("utf-8", "replace") if isinstance(note, bytes) else str(note)
    return {_text(head["bname"]): _grid(_Wave(values, scales | {"d": ("", 0.0, 0.0, own)}, text))}


def _text(letters: object) -> str:
    """Bytes, or an array of single ones, as text."""
    joined = letters if isinstance(letters, bytes) else b"".join(np.asarray(letters, dtype="S").ravel().tolist())
    return joined.decode("utf-8", "replace").strip("\0 ")
