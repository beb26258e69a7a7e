"""What a computed figure of a paper is: a picture, its data, and a table of the paper's statements beside what comes out."""

from typing import Any, NamedTuple

__all__ = ["Figure", "Statement", "within"]


class Statement(NamedTuple):
    """What the paper says against what comes out."""

    paper: str
    jaxgap: str
    agrees: str


class Figure(NamedTuple):
    """A picture, its data and its table."""

    figure: Any
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    statements: tuple[Statement, ...]


def within(value: float, lo: float, hi: float) -> str:
    """Whether a computed number lies in the range that the paper's words leave."""
    return "yes" if lo <= value <= hi else "no"
