"""A table of columns, from whatever file: names and units as the file has them, numbers as they stand, each row's place."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxgap.fitting.reading.cells import is_missing, number_in
from jaxgap.numerics.checks import InputError

__all__ = ["Column", "Table"]

LONGEST = 40
"""Characters of a cell that a sentence shows."""


class Column(NamedTuple):
    """A column: what the file calls it, and its unit."""

    name: str
    """Empty where there is no header."""
    unit: str | None
    """None if the file says none; "" if it says that there is none."""
    values: tuple[str, ...] | Float[np.ndarray, "row"]
    """Cells, or numbers."""
    comma: bool = False
    """Whether decimals have commas."""

    def numbers(self, where: tuple[str, ...], called: str) -> Float[np.ndarray, "row"]:
        """The numbers, NaN where one is missing.

        Raises:
            InputError: for a cell that holds something else; the column is `called` so.
        """
        if isinstance(self.values, np.ndarray):
            return self.values
        out = np.full(len(self.values), np.nan)
        for k, cell in enumerate(self.values):
            if (value := number_in(cell, self.comma)) is not None:
                out[k] = value
            elif not is_missing(cell):
                raise InputError(f"{where[k]}: {called} must hold a number, but holds `{_shown(cell)}`{self._remark(cell)}.")
        return out

    def _remark(self, cell: str) -> str:
        """What may be the matter with a cell."""
        return ": decimals have a point here" if not self.comma and number_in(cell, comma=True) is not None else ""


def _shown(cell: str) -> str:
    """A cell in a sentence: one that a quote was not closed in may be half a file."""
    text = " ".join(cell.split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


class Table(NamedTuple):
    """Columns of equal length."""

    path: str
    columns: tuple[Column, ...]
    lines: Int[np.ndarray, "row"]
    """Lines of a text, or places in an array, from 1."""
    word: str = "line"
    """What `lines` counts: "line", or "point" of an array."""
    remark: str = ""
    """Why the columns have no names, if there is a line that could have named them."""
    T: float | None = None
    """Temperature [K], if the file says it beside the columns."""

    @property
    def where(self) -> tuple[str, ...]:
        """File and line of every row, for complaints."""
        middle = ":" if self.word == "line" else f": {self.word} "
        return tuple(f"{self.path}{middle}{line}" for line in self.lines)

    @property
    def names(self) -> str:
        """What the columns are called, for complaints."""
        if not any(column.name for column in self.columns):
            return f"{len(self.columns)} without names"
        names = [f"{k} `{column.name}`" for k, column in enumerate(self.columns, 1)]
        return ", ".join(names[:14]) + (", ..." if len(names) > 14 else "")
