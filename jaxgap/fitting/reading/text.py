"""A table in a file of text, as instruments, spreadsheets and people write it: what separates its cells, how decimals are
marked, where the numbers begin and what the columns are called are stated, or found.

The numbers begin at the first line at least half of whose cells are numbers. Above them the last line with as many cells names
the columns, or the last comment of so many cells; a line of units may follow it. Where a line says [Data] (Nanonis, Quantum
Design) the table begins below.
"""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgap.fitting.reading.cells import is_comment, is_missing, is_number, lines_of, mixed_decimals, rows_of
from jaxgap.fitting.reading.config import DELIMITERS, FileConfig
from jaxgap.fitting.reading.encodings import read_any_text
from jaxgap.fitting.reading.headers import cells_of_header, is_unit_line, named
from jaxgap.fitting.reading.tables import Column, Table
from jaxgap.numerics.checks import InputError

__all__ = ["read_text_table"]

_BEGIN = re.compile(r'\s*"?\[data\]"?[\s,;]*', re.IGNORECASE)
SAMPLE = 60
"""Lines by which a delimiter is found."""
WORDS = 3
"""Of a name in a comment, at most."""
_ORDER = ("tab", "semicolon", "comma", "spaces")
"""In which delimiters are tried: a space may stand beside any of the others."""


class _Rows(NamedTuple):
    """Rows of cells with their lines, and the lines above them."""

    lines: tuple[int, ...]
    cells: tuple[list[str], ...]
    above: tuple[str, ...]
    """Without comments, the last one next to the numbers."""


def read_text_table(path: Path, config: FileConfig) -> Table:
    """The columns of a file of text.

    Raises:
        InputError: if it cannot be read, holds no numbers, or its rows have different numbers of cells.
    """
    lines = lines_of(read_any_text(path, config.encoding))
    first = _first_line(lines, config, path)
    body = ["\n" if k < first or is_comment(line, config.comment) else line for k, line in enumerate(lines)]
    delimiter = DELIMITERS[config.delimiter or _delimiter(body)]
    rows = _rows(body, delimiter, config, path)
    count = Counter(map(len, rows.cells)).most_common(1)[0][0]
    _check_counts(rows, count, delimiter, path)
    comma = _has_decimal_commas(rows, config, path)
    comments = [line.lstrip().lstrip('"#%!/') for line in lines[: rows.lines[0] - 1] if is_comment(line, config.comment)]
    columns = list(zip(*(cells[:count] for cells in rows.cells), strict=True))
    filled = max(k for k, column in enumerate(columns, 1) if any(column))
    noted, above = (
        [cells for line in lines if (cells := cells_of_header(line, delimiter, filled, count)) is not None]
        for lines in (comments, rows.above)
    )
    names = _names([*(cells for cells in noted if not any(map(_is_prose, cells))), *above], count)
    table = tuple(Column(*name, cells, comma) for name, cells in zip(names, columns, strict=True))
    return Table(str(path), table, np.array(rows.lines), remark=_remark(rows, names, delimiter, count))


def _first_line(lines: Sequence[str], config: FileConfig, path: Path) -> int:
    """Index of the line at which the table begins."""
    if config.skip >= len(lines):
        raise InputError(f"{path}: `skip` must leave lines to read, but is {config.skip} of {len(lines)}.")
    begins = [k + 1 for k, line in enumerate(lines) if _BEGIN.fullmatch(line)]
    return max([config.skip, *begins[:1]])


def _delimiter(body: Sequence[str]) -> str:
    """The delimiter that leaves most numbers, in rows of one length, in the last lines."""
    sample = [line for line in body if line.strip()][-SAMPLE:]

    def numbers(name: str) -> float:
        rows = [cells for _, cells in rows_of(sample, DELIMITERS[name], "")]
        size, often = Counter(map(len, rows)).most_common(1)[0] if rows else (1, 0)
        good = sum(is_number(cell) for cells in rows for cell in cells)
        filled = sum(not is_missing(cell) for cells in rows for cell in cells)
        return often / len(rows) * good / max(filled, 1) if size > 1 else 0.0

    return max(_ORDER, key=numbers)


def _rows(body: Sequence[str], delimiter: str, config: FileConfig, path: Path) -> _Rows:
    """The rows of numbers, below the header."""
    found = list(rows_of(body, delimiter, str(path)))
    header = config.header
    if header is None:
        header = next((k for k, (_, cells) in enumerate(found) if _is_data(cells)), len(found))
    if header >= len(found):
        raise InputError(f"{path}: the file must hold lines of numbers, but there are none below its header.")
    above = tuple(body[line - 1] for line, _ in found[:header])
    lines, cells = zip(*found[header:], strict=True)
    return _Rows(lines, cells, above)


def _is_data(cells: Sequence[str]) -> bool:
    """Whether at least half of what a row holds are numbers."""
    filled = [cell for cell in cells if cell]
    good = sum(is_number(cell) or is_missing(cell) for cell in filled)
    return good > 0 and 2 * good >= len(filled)


def _check_counts(rows: _Rows, count: int, delimiter: str, path: Path) -> None:
    for line, cells in zip(rows.lines, rows.cells, strict=True):
        if len(cells) < count or any(cells[count:]):
            name = next(name for name, mark in DELIMITERS.items() if mark == delimiter)
            raise InputError(
                f"{path}:{line}: the line must have {count} cells as most others, separated by {name}, but has {len(cells)}."
            )


def _has_decimal_commas(rows: _Rows, config: FileConfig, path: Path) -> bool:
    """Whether decimals have commas."""
    if config.decimal is not None:
        return config.decimal == "comma"
    numbers = [
        (f"{path}:{line}", cell)
        for line, cells in zip(rows.lines, rows.cells, strict=True)
        for cell in cells
        if is_number(cell)
    ]
    if mixed := mixed_decimals(numbers):
        raise InputError(
            f"{mixed[0]}: decimals must have a comma everywhere or a point everywhere, but the file has both `{mixed[1]}` and "
            f"`{mixed[2]}` (say which with `decimal`)."
        )
    return any("," in cell for _, cell in numbers)


def _is_prose(cell: str) -> bool:
    """Whether a cell of a comment is more than a name with its unit."""
    return len(re.sub(r"[(\[].*", "", cell).split()) > WORDS


def _names(headers: Sequence[Sequence[str]], count: int) -> list[tuple[str, str | None]]:
    """(name, unit) of every column, of lines above the numbers with as many cells; names are empty where nothing names them."""
    named_ = [cells for cells in headers if not all(is_number(cell) or is_missing(cell) for cell in cells)]
    if len(named_) > 1 and is_unit_line(named_[-1]):
        units = [cell.strip("()[] ") for cell in named_[-1]]
        return [(name, unit) for (name, _), unit in zip(map(named, named_[-2]), units, strict=True)]
    return [named(cell) for cell in named_[-1]] if named_ else [("", None)] * count


def _remark(rows: _Rows, names: Sequence[tuple[str, str | None]], delimiter: str, count: int) -> str:
    """What is odd about a header that names other than `count` columns."""
    if not rows.above or any(name for name, _ in names):
        return ""
    has = len(next((cells for _, cells in rows_of([rows.above[-1]], delimiter, "")), []))
    commas = " (are there decimal commas, which cannot be told from those between the cells?)" if delimiter == "," else ""
    return f"the line above the numbers has {has} cells, but line {rows.lines[0]} has {count}{commas}"
