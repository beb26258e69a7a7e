"""What a computed figure of a paper is: a picture, its data, and a table of the paper's statements beside what comes out."""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import numpy as np
from matplotlib import figure as mpl

__all__ = ["Figure", "Row", "Statement", "rows_of", "within"]

Row: TypeAlias = tuple[str | float, ...]
"""One line of a figure's data."""


class Statement(NamedTuple):
    """What the paper says against what comes out."""

    paper: str
    jaxgap: str
    agrees: str


class Figure(NamedTuple):
    """A picture, its data and its table."""

    figure: mpl.Figure
    columns: tuple[str, ...]
    rows: list[Row]
    statements: tuple[Statement, ...]


def rows_of(*columns: Iterable[float] | np.ndarray) -> list[Row]:
    """Columns of numbers as rows."""
    return [tuple(map(float, row)) for row in zip(*columns, strict=True)]


def within(value: float, lo: float, hi: float) -> str:
    """Whether a computed number lies in the range that the paper's words leave."""
    return "yes" if lo <= value <= hi else "no"
