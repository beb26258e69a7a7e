"""A table with a column of values for every temperature as one with a column of temperatures."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxgap.fitting.reading.columns import temperature_in
from jaxgap.fitting.reading.tables import Column, Table
from jaxgap.numerics.checks import InputError

__all__ = ["stacked"]


def stacked(table: Table) -> Table:
    """The columns whose names say a temperature below each other, the others beside each of them.

    Raises:
        InputError: if fewer than two do.
    """
    T = {k: t for k, column in enumerate(table.columns) if (t := temperature_in(column)) is not None}
    if len(T) < 2:
        raise InputError(
            f'{table.path}: T = "header" needs columns whose names say temperatures (2K, 4.2 K); there are {table.names}.'
        )
    units = {column.unit for k, column in enumerate(table.columns) if k in T and column.unit not in (None, "K")}
    if len(units) > 1:
        raise InputError(
            f"{table.path}: the columns of all temperatures must have one unit, but have {' and '.join(map(str, units))}."
        )
    n, parts = len(table.lines), [table.columns[k] for k in T]
    others = [column._replace(values=_below([column] * len(T))) for k, column in enumerate(table.columns) if k not in T]
    values = Column("value", next(iter(units), None), _below(parts), parts[0].comma)
    columns = (*others, Column("T", "K", np.repeat(np.array([*T.values()]), n)), values)
    return table._replace(columns=columns, lines=np.tile(table.lines, len(T)))


def _below(columns: Sequence[Column]) -> tuple[str, ...] | Float[np.ndarray, "row"]:
    """The values of columns below each other."""
    first = columns[0].values
    if isinstance(first, np.ndarray):
        return np.concatenate([np.asarray(column.values) for column in columns])
    return tuple(cell for column in columns for cell in column.values)
