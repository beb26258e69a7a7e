"""Lines of a text as cells, and cells as numbers: what every table of text shares, data.csv included.

Blank lines and lines that begin with a mark of comments count for nothing; a spreadsheet may have put such a line in quotes.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from jaxgap.numerics.checks import InputError

__all__ = ["is_comment", "is_infinite", "is_missing", "is_number", "lines_of", "mixed_decimals", "number_in", "rows_of"]

_MISSING = frozenset({"", "nan", "na", "n/a", "-", "--", "---", "null", "none", "?", "-nan", "nan(ind)", "-1.#ind", "1.#qnan"})
_FORTRAN = re.compile(r"(?<=[\d.])[dDqQ](?=[+-]?\d)")
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eEdDqQ][+-]?\d+)?")


def lines_of(text: str) -> list[str]:
    """The lines of a text, whatever ends them."""
    return io.StringIO(text, newline=None).readlines()


def is_comment(line: str, marks: Sequence[str]) -> bool:
    return line.lstrip().lstrip('"').startswith(tuple(marks))


def rows_of(lines: Iterable[str], delimiter: str, where: str) -> Iterator[tuple[int, list[str]]]:
    """(line from 1, cells) of everything that is not blank; a cell in quotes may hold delimiters.

    Raises:
        InputError: for a line that is no row of cells.
    """
    reader = csv.reader(_plain(lines) if delimiter == " " else lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, [cell.strip() for cell in cells]
    except csv.Error as error:
        raise InputError(f"{where}:{reader.line_num}: the line cannot be read as cells: {error}.") from None


def _plain(lines: Iterable[str]) -> Iterator[str]:
    """Lines whose cells are separated by single blanks."""
    for line in lines:
        yield " ".join(line.split()) if '"' not in line else line.replace("\t", " ").strip()


def is_missing(cell: str) -> bool:
    """Whether a cell says that there is no number."""
    return cell.lower() in _MISSING


def is_number(cell: str) -> bool:
    """Whether a cell looks like a number, with decimal point or comma."""
    return _NUMBER.fullmatch(cell.replace("\N{MINUS SIGN}", "-")) is not None


def number_in(cell: str, comma: bool) -> float | None:
    """The number that a cell holds, Fortran's 1.0D-3 too; None if it holds none, or one that is not finite.

    With `comma` decimals have commas.
    """
    plain = _FORTRAN.sub("e", cell.replace("\N{MINUS SIGN}", "-"))
    try:
        value = float(plain.replace(",", ".") if comma else plain)
    except ValueError:
        return None
    return value if math.isfinite(value) and "_" not in plain else None


def is_infinite(cell: str) -> bool:
    """Whether it holds what Python reads as a number that is not finite."""
    return cell.strip("+-\N{MINUS SIGN} ").lower() in ("inf", "infinity", "nan")


def mixed_decimals(cells: Iterable[tuple[str, str]]) -> tuple[str, str, str] | None:
    """The first (where, cell with a comma, cell with a point) of (where, cell) that show both: 1,234 beside 0.5 could be either
    number. None if decimals are marked in one way."""
    marked: dict[str, str] = {}
    for where, cell in cells:
        for mark in ",.":
            if mark in cell:
                marked.setdefault(mark, cell)
        if len(marked) > 1:
            return where, marked[","], marked["."]
    return None
