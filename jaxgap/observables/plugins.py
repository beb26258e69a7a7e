"""Rows of the registry that other packages bring: entry points of the group `jaxgap.observables`, each a `Quantity`.

In the pyproject.toml of such a package:

    [project.entry-points."jaxgap.observables"]
    microwave_loss = "my_package.microwaves:MICROWAVE_LOSS"

A row that cannot be had, or that has a name that is taken, is left out with a warning that says which package it is of: what
somebody else installed must not keep jaxgap from being imported.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points

import jax.numpy as jnp

from jaxgap.observables.quantity import Quantity

__all__ = ["GROUP", "with_rows_of_others"]

GROUP = "jaxgap.observables"


def with_rows_of_others(own: Mapping[str, Quantity]) -> dict[str, Quantity]:
    """jaxgap's rows, and behind them those of all other packages that are installed."""
    rows = dict(own)
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        row, why_not = _loaded(point.load)
        why_not = why_not or _taken(row, rows.values())
        if why_not:
            package = point.dist.name if point.dist is not None else "unknown"
            warnings.warn(f"The observable `{point.value}` of the package `{package}` is left out: {why_not}.", stacklevel=2)
        else:
            rows[row.name] = row
    return rows


def _loaded(load: Callable[[], object]) -> tuple[Quantity, str]:
    """A row, and what is wrong with it; empty: nothing."""
    nothing = Quantity("", lambda sc, T, s: jnp.nan)
    try:
        row = load()
    except Exception as error:  # whatever another package's import may raise
        return nothing, f"loading it fails with {type(error).__name__}: {error}"
    return (row, "") if isinstance(row, Quantity) else (nothing, f"it is no Quantity, but of type {type(row).__name__}")


def _taken(row: Quantity, rows: Iterable[Quantity]) -> str:
    """What of a row clashes with those that are known; empty: nothing."""
    for known in rows:
        if row.name == known.name:
            return f"there is a quantity `{row.name}` already"
        if row.datum and row.datum == known.datum:
            return f"`{known.name}` is called `{row.datum}` in files of data already"
    return ""
