"""Rows of the registry that other packages bring: entry points of the group `jaxgap.observables`, each a `Quantity`.

In the pyproject.toml of such a package:

    [project.entry-points."jaxgap.observables"]
    microwave_loss = "my_package.microwaves:MICROWAVE_LOSS"

A row that cannot be had, or that has a name that is taken, is left out with a warning that says which package it is of: what
somebody else installed must not keep jaxgap from being imported.
"""

import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import EntryPoint, entry_points

from jaxgap.observables.quantity import Quantity

__all__ = ["GROUP", "with_rows_of_others"]

GROUP = "jaxgap.observables"


def with_rows_of_others(own: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """jaxgap's rows, and behind them those of all other packages that are installed."""
    rows = dict(own)
    for point, row in _loaded(sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value))):
        taken = _taken(row, rows.values())
        if taken:
            _leave_out(point, taken)
        else:
            rows[row.name] = row
    return rows


def _loaded(points: Iterable[EntryPoint]) -> Iterator[tuple[EntryPoint, Quantity]]:
    for point in points:
        try:
            row = point.load()
        except Exception as error:  # whatever another package's import may raise
            _leave_out(point, f"loading it fails with {type(error).__name__}: {error}")
            continue
        if isinstance(row, Quantity):
            yield point, row
        else:
            _leave_out(point, f"it is no Quantity, but of type {type(row).__name__}")


def _taken(row: Quantity, rows: Iterable[Quantity]) -> str:
    """What of a row clashes with those that are known; empty: nothing."""
    for known in rows:
        if row.name == known.name:
            return f"there is a quantity `{row.name}` already"
        if row.datum and row.datum == known.datum:
            return f"`{known.name}` is called `{row.datum}` in files of data already"
    return ""


def _leave_out(point: EntryPoint, why: str) -> None:
    package = point.dist.name if point.dist is not None else "unknown"
    warnings.warn(f"The observable `{point.value}` of the package `{package}` is left out: {why}.", stacklevel=4)
