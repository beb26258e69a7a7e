"""A measured curve from a file as people have them, in the units of the registry.

`read_curve` reads what fit.toml says of a file (`FileConfig`) for a quantity with a unit, and an axis of its own or none but
temperature; `understood` says besides which columns it took.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgap.fitting.reading.arrays import read_numpy
from jaxgap.fitting.reading.columns import Asked, assigned
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.igor import read_igor_binary, read_igor_text
from jaxgap.fitting.reading.labelled import read_labelled
from jaxgap.fitting.reading.preparation import MeasuredCurve, prepared
from jaxgap.fitting.reading.stacking import stacked
from jaxgap.fitting.reading.tables import Table
from jaxgap.fitting.reading.text import read_text_table
from jaxgap.fitting.reading.units import converted, factor, is_arbitrary, parsed, power_of_T, times_T
from jaxgap.numerics.checks import InputError

__all__ = ["MeasuredCurve", "Understood", "read_curve", "read_table_of", "understood"]


class Understood(NamedTuple):
    """What was made of a file."""

    table: Table
    roles: dict[str, int]
    """T, axis, value, error, T_error -> index of the column."""
    units: dict[str, str]
    """Role -> unit of the file; where it says none, the registry's."""
    assumed: tuple[str, ...]
    """Roles whose unit is assumed to be the registry's."""
    power: int
    """Of T, by which the values were multiplied."""
    dropped: int
    """Rows in which a number was missing."""
    curve: MeasuredCurve


READERS: Mapping[str, Callable[[Path, FileConfig], Table]] = {
    ".npz": read_numpy,
    ".npy": read_numpy,
    ".itx": read_igor_text,
    ".ibw": read_igor_binary,
    **dict.fromkeys((".nc", ".nc4", ".cdf", ".h5", ".hdf5", ".hdf", ".nxs"), read_labelled),
}
"""Ending of a file's name -> what reads it; everything else is text."""


def read_curve(config: FileConfig, folder: Path, axis: tuple[str, str] | None, unit: str) -> MeasuredCurve:
    """The points of a file in `folder` for a quantity in `unit`, with the axis (name, unit); None for one over temperature.

    Raises:
        InputError: if the file cannot be read as fit.toml says: one sentence with the line and what was expected.
    """
    return understood(read_table_of(config, folder), config, Asked.of(axis, unit)).curve


def understood(table: Table, config: FileConfig, asked: Asked) -> Understood:
    """What the columns of a file come to for a quantity, with those that were taken and their units."""
    roles = assigned(table, config, asked)
    _check_named(config, asked, table.path)
    units, assumed = _units(table, roles, config, asked)
    raw = {role: table.columns[k].numbers(table.where, _called(table, k)) for role, k in roles.items()}
    keep = _complete(raw, table, roles, config)
    power = 0 if is_arbitrary(units["value"]) else power_of_T(units["value"], asked.unit) or 0
    of_T = units | {role: times_T(units[role], power) for role in ("value", "error") if units.get(role, "%") != "%"}
    values = {role: _in_unit(part[keep], role, of_T, asked, config, _where(table, roles[role])) for role, part in raw.items()}
    if units.get("error") == "%" != units["value"]:
        values["error"] = np.abs(values["value"]) * raw["error"][keep] / 100
    points = _points(values, table, keep, config, asked, power)
    if len(points.value) == 0:
        raise InputError(f"{table.path}: the file must hold points, but every row lacks a number.")
    curve = prepared(points, config, table.path)
    return Understood(table, roles, units, assumed, power, len(keep) - int(keep.sum()), curve)


def read_table_of(config: FileConfig, folder: Path) -> Table:
    """The columns of a file, whatever it is."""
    path = folder / config.file
    table = READERS.get(path.suffix.lower(), read_text_table)(path, config)
    return stacked(table) if config.T == "header" else table


def _called(table: Table, k: int) -> str:
    """A column in a sentence."""
    name = table.columns[k].name
    return f"column {k + 1}" + (f" `{name}`" if name else "")


def _where(table: Table, k: int) -> str:
    return f"{table.path}: {_called(table, k)}"


def _check_named(config: FileConfig, asked: Asked, where: str) -> None:
    """Keys of `units` are roles; T is in one place."""
    if unknown := [role for role in config.units if role not in (*asked.roles, "x")]:
        raise InputError(f"{where}: `units` must be of {', '.join(asked.roles)}, but has `{unknown[0]}`.")


def _units(table: Table, roles: Mapping[str, int], config: FileConfig, asked: Asked) -> tuple[dict[str, str], tuple[str, ...]]:
    """Role -> unit as fit.toml or the header says it, and roles of which neither does: they have the registry's, and errors
    have the unit of what they are of."""
    stated = {(asked.axis or "T") if role == "x" else role: unit for role, unit in config.units.items()}
    said = {role: table.columns[k].unit for role, k in roles.items() if table.columns[k].unit} | stated
    targets = {role: asked.unit if role == "value" else "K" if role == "T" else asked.axis_unit for role in asked.roles[:-2]}
    units = {role: said.get(role) or target for role, target in targets.items()}
    units |= {role: said.get(role) or units[of] for role, of in (("error", "value"), ("T_error", "T"))}
    assumed = tuple(role for role in targets if role in roles and role not in said and not is_arbitrary(targets[role]))
    return {role: unit for role, unit in units.items() if role in roles}, assumed


def _complete(
    raw: Mapping[str, Float[np.ndarray, "row"]], table: Table, roles: Mapping[str, int], config: FileConfig
) -> np.ndarray:
    """Which rows have all their numbers.

    Raises:
        InputError: if one has not, unless fit.toml drops those.
    """
    keep = np.all([np.isfinite(part) for part in raw.values()], axis=0)
    if config.missing == "refuse" and not keep.all():
        row = int(np.argmin(keep))
        role = next(role for role, part in raw.items() if not np.isfinite(part[row]))
        raise InputError(
            f"{table.where[row]}: {_called(table, roles[role])} must hold the number of `{role}`, but it is missing (missing = "
            '"drop" leaves such rows out).'
        )
    return keep


def _in_unit(
    values: Float[np.ndarray, "row"], role: str, units: Mapping[str, str], asked: Asked, config: FileConfig, where: str
) -> Float[np.ndarray, "row"]:
    """Numbers of a role in the registry's unit; what is normalised, or in a unit that is none (counts), stays as it is."""
    own = units["value"]
    if role in ("T", "T_error", asked.axis):
        return converted(values, units[role], asked.axis_unit if role == asked.axis else "K", where)
    if is_arbitrary(own) or units[role] == "%" != own:  # Per cent of the value.
        return values
    if not is_arbitrary(asked.unit) or factor(own, "1") is not None or parsed(own) is None:
        return converted(values, units[role], asked.unit, where)
    if config.normalise is None:
        raise InputError(
            f"{where} must be relative to the normal state, but is in {own}: give `normalise`, or units = {{ value = "
            '"arbitrary" } where a scale is fitted.'
        )
    return converted(values, units[role], own, where)


def _points(
    values: Mapping[str, Float[np.ndarray, "row"]],
    table: Table,
    keep: np.ndarray,
    config: FileConfig,
    asked: Asked,
    power: int,
) -> MeasuredCurve:
    """The points, times a power of T, with their temperatures and errors, which must be possible ones."""
    n, where = int(keep.sum()), [place for place, kept in zip(table.where, keep, strict=True) if kept]
    T = values.get(
        "T", np.full(n, np.nan if table.T is None else table.T) if isinstance(config.T, str | None) else np.full(n, config.T)
    )
    _refuse(T < 0, where, T, "T must not be negative")
    _refuse((T == 0) & (power < 0), where, T, "T must be positive where the values are divided by it")
    error, T_error = values.get("error"), values.get("T_error")
    if error is not None:
        _refuse(error <= 0, where, error, "the error must be positive")
    if T_error is not None:
        _refuse(T_error < 0, where, T_error, "the error of T must not be negative")
    elif config.T_error is not None:
        T_error = np.full(n, config.T_error)
    x = None if asked.axis in (None, "T") else values[str(asked.axis)]
    of_T = T**power if power else np.ones(n)
    return MeasuredCurve(T, x, values["value"] * of_T, None if error is None else error * of_T, T_error, table.lines[keep])


def _refuse(bad: np.ndarray, where: list[str], values: Float[np.ndarray, "row"], must: str) -> None:
    if bad.any():
        k = int(np.argmax(bad))
        raise InputError(f"{where[k]}: {must}, but is {values[k]:g}.")
