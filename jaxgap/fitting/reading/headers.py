"""What stands above the numbers: names of columns with their units, `T (K)`, `Temp_K`, `V / mV`, `C/T [mJ/mol K2]`, or units in
a line of their own."""

import re
from collections.abc import Sequence

from jaxgap.fitting.reading.cells import rows_of
from jaxgap.fitting.reading.units import is_arbitrary, parsed

__all__ = ["cells_of_header", "is_unit_line", "named"]

_IN_BRACKETS = re.compile(r"(?P<name>.*?)\s*[\(\[\{](?P<unit>[^\[\]\{\}]*)[\)\]\}]", re.DOTALL)
_AFTER = re.compile(r"(?P<name>.+?)\s*(?:_|/|,|\s)\s*(?P<unit>[^\s_/,]+)")
_WORD = re.compile(r"\"[^\"]*\"|[^\s\(\[\"]+(?:\s*[\(\[][^\)\]]*[\)\]])?|[\(\[][^\)\]]*[\)\]]")
_SINGLE = frozenset("KV")
"""One letter after a name that is a unit: C/T and x_s are names."""


def named(text: str) -> tuple[str, str | None]:
    """(name, unit) of what stands above a column; None if it says no unit."""
    text = " ".join(text.strip().strip('"').lstrip("#%").split())
    found = _IN_BRACKETS.fullmatch(text)
    if found and (name := found["name"].rstrip("/, ")) and _may_be_unit(found["unit"]):
        return name, found["unit"].strip()
    if text.isalpha() and text != "V" and _is_unit(text):  # V is what a voltage is called.
        return text, text
    if (found := _AFTER.fullmatch(text)) and _is_unit(found["unit"]):
        return found["name"], found["unit"]
    return text, None


def _may_be_unit(text: str) -> bool:
    """Whether what stands in brackets is meant as a unit: that it is none that is known is said where it is used."""
    return parsed(text) is not None or any(symbol in text for symbol in "/^")


def _is_unit(text: str) -> bool:
    """Whether a word is a unit for certain."""
    return parsed(text) is not None and not is_arbitrary(text) and (len(text) > 1 or text in _SINGLE)


def is_unit_line(cells: Sequence[str]) -> bool:
    """Whether a line holds nothing but units, one of them at least a real one."""
    plain = [cell.strip("()[]{} ") for cell in cells]
    return all(parsed(cell) is not None for cell in plain) and any(_is_unit(cell) for cell in plain)


def cells_of_header(line: str, delimiter: str, least: int, count: int) -> list[str] | None:
    """The cells of a line above `count` columns, of which the first `least` are not empty; None if it has other than that many.

    A header may be separated otherwise than the numbers below it. Where blanks separate its cells, names may hold some: two of
    them, or a unit in brackets, tell.
    """
    line = line.strip("\r\n")
    for mark in (delimiter, *(mark for mark in "\t;," if mark in line)):
        cells = next((cells for _, cells in rows_of([line], mark, "")), []) if mark != " " else []
        while len(cells) > count and not cells[-1]:
            cells.pop()
        if least <= len(cells) <= count and cells:
            return cells + [""] * (count - len(cells))
    if delimiter != " " and any(mark in line for mark in "\t;,"):
        return None
    for cells in (re.split(r"\s{2,}|\t", line.strip()), _WORD.findall(line), line.split()):
        if len(cells) == count:
            return [cell.strip().strip('"') for cell in cells]
    return None
