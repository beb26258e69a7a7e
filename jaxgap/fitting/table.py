"""A table of a CSV file as spreadsheets and people write it, row by row, with the line of each.

Cells are separated by commas, semicolons or tabs, whichever the header has. Where it is not commas, numbers may have decimal
commas: then all of them have. Blank lines, lines that begin with `#`, and empty cells at the end of a line count for nothing.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxgap.fitting.reading.cells import is_comment, is_infinite, lines_of, mixed_decimals, number_in, rows_of
from jaxgap.model.files import read_text
from jaxgap.numerics.checks import InputError

__all__ = ["Cells", "read_table"]

DELIMITERS = (",", ";", "\t")


class Cells(NamedTuple):
    """A row of a table."""

    where: str
    """File and line, for complaints."""
    line: int
    values: dict[str, str]
    """Column -> cell."""
    delimiter: str

    def text(self, column: str) -> str:
        """What a cell holds; empty where there is no such column."""
        return self.values.get(column, "")

    def number(self, column: str) -> float | None:
        """The number in a cell; None if it is empty.

        Raises:
            InputError: for anything else.
        """
        text = self.text(column)
        if not text:
            return None
        if "," in text and self.delimiter == ",":
            raise InputError(
                f"{self.where}: the column `{column}` must hold a number, but holds `{text}`: where commas separate the cells, "
                "decimals have a point."
            )
        if (value := number_in(text, comma=True)) is None:
            must = "be finite" if is_infinite(text) else "hold a number"
            raise InputError(f"{self.where}: the column `{column}` must {must}, but holds `{text}`.")
        return value


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str], numbers: Sequence[str]) -> tuple[Cells, ...]:
    """The rows of a table with the columns `needed`, and maybe some of the `optional` ones; `numbers` are those that hold
    numbers.

    Raises:
        InputError: if the file cannot be read, a needed column is missing, one is unknown or there twice, a row is longer or
            shorter than the header, or numbers have decimal commas here and points there.
    """
    # A comment counts as an empty line: the others keep their numbers.
    lines = ["\n" if is_comment(line, "#") else line for line in lines_of(read_text(path, "data file"))]
    head = next((line for line in lines if line.strip()), "")
    delimiter = max(DELIMITERS, key=head.count)
    (first, header), *records = list(rows_of(lines, delimiter, str(path))) or [(1, [])]
    _check_header(header, needed, optional, f"{path}:{first}")
    rows = tuple(_cells(record, header, f"{path}:{line}", line, delimiter) for line, record in records)
    _check_decimals(rows, numbers)
    return rows


def _check_header(header: list[str], needed: Sequence[str], optional: Sequence[str], where: str) -> None:
    while header and not header[-1]:
        header.pop()
    missing = [column for column in needed if column not in header]
    if missing:
        raise InputError(
            f"{where}: the column `{missing[0]}` is missing; the columns are {', '.join(needed)}, and may be "
            f"{', '.join(optional)}, but the line has {', '.join(header)[:200] or 'none'}."
        )
    if twice := [column for column in header if header.count(column) > 1]:
        raise InputError(f"{where}: the column `{twice[0]}` must be there once, but is there {header.count(twice[0])} times.")
    if unknown := [column for column in header if column not in (*needed, *optional)]:
        raise InputError(
            f"{where}: unknown column `{unknown[0]}`; the columns are {', '.join(needed)}, and may be {', '.join(optional)}."
        )


def _cells(record: list[str], header: list[str], where: str, line: int, delimiter: str) -> Cells:
    n = len(header)
    if len(record) < n or any(record[n:]):
        name = {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
        raise InputError(f"{where}: the row must have {n} cells, but has {len(record)} (quote a cell that contains {name}).")
    return Cells(where, line, dict(zip(header, record, strict=False)), delimiter)


def _check_decimals(rows: Sequence[Cells], numbers: Sequence[str]) -> None:
    """Decimals are marked in one way in the whole table: 1,234 beside 0.5 could be either number."""
    read = rows if rows and rows[0].delimiter != "," else ()
    if mixed := mixed_decimals((row.where, row.text(column)) for row in read for column in numbers):
        raise InputError(
            f"{mixed[0]}: decimals must have a comma everywhere or a point everywhere, but the table has both `{mixed[1]}` and "
            f"`{mixed[2]}`."
        )
