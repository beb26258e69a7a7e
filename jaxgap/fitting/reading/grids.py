"""Arrays over named axes, as programs save them, and the curve that is taken from one: at a point of its other axes, or as the
mean over a part of them."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped

from jaxgap.fitting.reading.columns import TEMPERATURE, key_of
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.headers import named
from jaxgap.fitting.reading.tables import Column, Table
from jaxgap.numerics.checks import InputError

__all__ = ["Along", "Grid", "along", "real", "table_of"]


class Along(NamedTuple):
    """An axis of an array."""

    name: str
    unit: str | None
    points: Float[np.ndarray, "point"] | None
    """None where the file has only the number of points."""

    @property
    def is_temperature(self) -> bool:
        return key_of(self.name) in TEMPERATURE

    def __str__(self) -> str:
        if self.points is None:
            return self.name
        return f"{self.name} ({len(self.points)} points, {self.points.min():g} to {self.points.max():g})"


class Grid(NamedTuple):
    """An array over axes."""

    values: Shaped[np.ndarray, "..."]
    axes: tuple[Along, ...]
    unit: str | None = None
    T: float | None = None
    """Temperature [K], if it is noted beside the array."""


def table_of(grids: Mapping[str, Grid], config: FileConfig, path: str) -> Table:
    """The columns that a file of arrays comes to: an axis and the curve over it, a curve at every temperature, or arrays of one
    length beside each other.

    Raises:
        InputError: if that is not one curve, with what there is.
    """
    grids = _chosen(grids, config, path)
    _check_axes(grids, config, path)
    curves = {name: _taken(grid, config, path) for name, grid in grids.items()}
    if len(curves) == 1:
        ((name, grid),) = curves.items()
        return _table(_columns_of(name, grid, path), grid.T, path)
    first = next(iter(curves.values()))
    if not all(_beside(first, grid) for grid in curves.values()):
        told = ", ".join(f"{name} ({_shape(grid)})" for name, grid in curves.items())
        raise InputError(f"{path}: the file holds several arrays, {told}: say which with `variable`.")
    (axis,) = first.axes
    columns = [_column(name, grid, real(grid.values, f"{path}: `{name}`")) for name, grid in curves.items()]
    return _table(([] if axis.points is None else [Column(axis.name, axis.unit, axis.points)]) + columns, first.T, path)


def _beside(one: Grid, other: Grid) -> bool:
    """Whether two arrays are columns over one axis."""
    if not one.values.ndim == other.values.ndim == 1 or one.values.shape != other.values.shape:
        return False
    (first,), (second,) = one.axes, other.axes
    return first[:2] == second[:2] and np.array_equal(np.asarray(first.points), np.asarray(second.points))


def real(values: Shaped[np.ndarray, "..."], where: str) -> Float[np.ndarray, "..."]:
    """Numbers in double precision.

    Raises:
        InputError: for texts, dates and complex numbers.
    """
    if values.dtype.kind not in "fiub":
        raise InputError(f"{where} must hold real numbers, but holds {values.dtype}.")
    return values.astype(np.float64)


def _shape(grid: Grid) -> str:
    return " x ".join(map(str, grid.values.shape))


def _chosen(grids: Mapping[str, Grid], config: FileConfig, path: str) -> Mapping[str, Grid]:
    """The array that is meant, or all of them."""
    if config.variable is None:
        if not grids:
            raise InputError(f"{path}: the file must hold an array, but holds none at its top.")
        return grids
    if config.variable not in grids:
        raise InputError(f"{path}: `variable` must be one of {', '.join(grids) or 'none'}, but is `{config.variable}`.")
    return {config.variable: grids[config.variable]}


def _check_axes(grids: Mapping[str, Grid], config: FileConfig, path: str) -> None:
    known = {axis.name for grid in grids.values() for axis in grid.axes}
    if unknown := [name for name in config.at if name not in known]:
        raise InputError(f"{path}: `at` must name axes of the array ({', '.join(sorted(known))}), but has `{unknown[0]}`.")


def _taken(grid: Grid, config: FileConfig, path: str) -> Grid:
    """The array where fit.toml wants it; an axis of one point is none."""
    if grid.values.size == 0:
        raise InputError(f"{path}: the array must hold numbers, but is empty.")
    for axis in grid.axes:
        place = [one.name for one in grid.axes].index(axis.name)
        if axis.name in config.at:
            values = _at(grid.values, place, axis, config.at[axis.name], path)
        elif grid.values.shape[place] == 1 and grid.values.ndim > 1:
            values = np.take(grid.values, 0, axis=place)
        else:
            continue
        grid = grid._replace(values=values, axes=grid.axes[:place] + grid.axes[place + 1 :])
    return grid


def _at(values: np.ndarray, place: int, axis: Along, where: float | tuple[float, float], path: str) -> np.ndarray:
    """The array at a point of one axis, or its mean over a part of it."""
    points = np.arange(1.0, values.shape[place] + 1) if axis.points is None else axis.points
    if isinstance(where, tuple):
        inside = np.flatnonzero((points >= min(where)) & (points <= max(where)))
        if inside.size == 0:
            raise InputError(f"{path}: `at` needs points of {axis} between {where[0]:g} and {where[1]:g}, but there are none.")
        return np.asarray(real(np.take(values, inside, axis=place), path).mean(axis=place))
    step = np.abs(np.diff(points)).max() if len(points) > 1 else np.inf
    if not points.min() - step / 2 <= where <= points.max() + step / 2:
        raise InputError(f"{path}: `at` must be on the axis {axis}, but is {where:g}.")
    return np.take(values, int(np.argmin(np.abs(points - where))), axis=place)


def _columns_of(name: str, grid: Grid, path: str) -> list[Column]:
    """The columns of one array."""
    where = f"{path}: `{name}`"
    if grid.values.ndim == 2 and all(axis.points is None for axis in grid.axes):
        return _plain(real(grid.values, where))
    if grid.values.ndim == 1:
        (axis,) = grid.axes
        own = [] if axis.points is None else [Column(axis.name, axis.unit, axis.points)]
        return [*own, _column(name, grid, real(grid.values, where))]
    if grid.values.ndim == 2 and sum(axis.is_temperature for axis in grid.axes) == 1:
        return _at_temperatures(name, grid, where)
    free = [axis for axis in grid.axes if not axis.is_temperature]
    wish = ", ".join(f"{axis.name} = ..." for axis in free[1:])
    told = ", ".join(map(str, grid.axes)) or "no axis"
    raise InputError(f"{where} must come to one curve, but has the axes {told}: take one with at = {{ {wish} }}.")


def _at_temperatures(name: str, grid: Grid, where: str) -> list[Column]:
    """A curve at every temperature, one below the other."""
    sides = zip(grid.axes, grid.values.shape, strict=True)
    places = np.meshgrid(*(np.arange(1.0, n + 1) if a.points is None else a.points for a, n in sides), indexing="ij")
    columns = [Column(axis.name, axis.unit, place.ravel()) for axis, place in zip(grid.axes, places, strict=True)]
    return [*columns, _column(name, grid, real(grid.values, where).ravel())]


def _column(text: str, grid: Grid, values: Float[np.ndarray, "row"]) -> Column:
    """A column of an array, whose name may say the unit."""
    name, unit = named(text)
    return Column(name, grid.unit or unit, values)


def _plain(values: Float[np.ndarray, "row column"]) -> list[Column]:
    """The columns of a matrix: along the shorter of its sides."""
    rows = values.T if values.shape[0] < values.shape[1] else values
    return [Column("", None, np.ascontiguousarray(column)) for column in rows.T]


def _table(columns: list[Column], T: float | None, path: str) -> Table:
    return Table(path, tuple(columns), np.arange(1, len(columns[-1].values) + 1), "point", T=T)


def along(text: str, points: Float[np.ndarray, "point"] | None, unit: str | None = None) -> Along:
    """An axis by its name, which may say the unit."""
    name, own = named(text)
    return Along(name, unit or own, points)
