"""What is made of a file before anything is fitted: its kind, columns, units and range, and what is still to be said."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from jaxgap.fitting.reading.columns import BIAS, ENERGY, Asked, assigned, key_of, temperature_in
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.curve import Understood, read_table_of, understood
from jaxgap.fitting.reading.kinds import CURVES, axis_of, hinted
from jaxgap.fitting.reading.tables import Table
from jaxgap.fitting.reading.units import is_arbitrary, power_of_T
from jaxgap.numerics.checks import InputError, check
from jaxgap.observables.quantity import Quantity

__all__ = ["Look", "look"]

ABSENT = {"T": 0.0, "units": {"value": "arbitrary"}, "missing": "drop"}
"""What is taken for a thing that is still to be said, so that the rest can be shown."""

BY_AXIS = {"edc": ENERGY, "dIdV": BIAS}
"""What a curve over energies, or over voltages, is when nothing else tells."""


class Look(NamedTuple):
    """What was made of a file."""

    table: Table
    quantity: str
    """Its name in files of data; empty if it could not be told."""
    others: tuple[str, ...]
    """Other quantities that the columns would do for."""
    found: Understood | None
    """None if the columns could not be told."""
    to_be_said: tuple[str, ...]
    """Sentences: what fit.toml has to say of the file before it can be fitted."""
    left_out: tuple[str, ...] = ()
    """Keys of fit.toml that were taken from `ABSENT`."""

    @property
    def T_known(self) -> bool:
        """Whether the temperatures are those of the file, or stated."""
        return "T" not in self.left_out


def look(config: FileConfig, folder: Path, quantity: str = "") -> Look:
    """What a file in `folder` comes to, as a curve of a quantity or of the one that it seems to be.

    Raises:
        InputError: if it cannot be read at all.
    """
    check(quantity in ("", *CURVES), "quantity", f"be one of {', '.join(CURVES)}", f"`{quantity}`")
    table = read_table_of(config, folder)
    possible = {} if quantity else dict(_possible(table, config))
    # A file with voltages is of no quantity that has none.
    possible = {name: roles for name, roles in possible.items() if axis_of(CURVES[name])} or possible
    kind = quantity or _likeliest(table, possible)
    others = tuple(name for name in possible if name != kind)
    if not kind:
        return Look(table, "", others, None, (_unknown(table, others),))
    try:
        found, left_out = _read(table, config, CURVES[kind])
    except InputError as error:
        return Look(table, kind, others, None, (str(error),))
    return Look(table, kind, others, found, tuple(_sentences(found, left_out)), left_out)


def _asked(row: Quantity) -> Asked:
    return Asked.of(axis_of(row), row.units)


def _with(config: FileConfig, names: tuple[str, ...]) -> FileConfig:
    """The file with what is still to be said of it."""
    return config.model_copy(update={name: ABSENT[name] for name in names})


def _possible(table: Table, config: FileConfig) -> Iterator[tuple[str, dict[str, int]]]:
    """Quantities for which every column that is needed is there, in a unit that will do, with those columns."""
    for name, row in CURVES.items():
        if (roles := _roles(table, config, row)) is not None and (axis_of(row) is not None or "T" in roles):
            unit = config.units.get("value", table.columns[roles["value"]].unit or "")
            if is_arbitrary(unit) or is_arbitrary(row.units) or power_of_T(unit, row.units) is not None:
                yield name, roles


def _roles(table: Table, config: FileConfig, row: Quantity) -> dict[str, int] | None:
    """The columns that a quantity needs, whether or not the temperature of a spectrum is known; None if they are not there."""
    without = [_with(config, ("T",))] if axis_of(row) is not None and config.T is None else []
    for one in (config, *without):
        with suppress(InputError):
            return assigned(table, one, _asked(row))
    return None


def _likeliest(table: Table, possible: Mapping[str, dict[str, int]]) -> str:
    """The quantity that the name of the values says, or that of the axis, or the only one in their unit; else empty."""
    if len(possible) == 1:
        return next(iter(possible))
    for roles in possible.values():
        if kinds := [kind for kind in hinted(table.columns[roles["value"]].name) if kind in possible]:
            # A unit that says what it is of counts more than a name that two quantities share.
            of_unit = [kind for kind in kinds if _has_unit(table, roles) and not is_arbitrary(CURVES[kind].units)]
            return (of_unit or kinds)[0]
    for name, axis in BY_AXIS.items():
        if name in possible and key_of(_axis_name(table, possible[name], name)) in axis:
            return name
    own = [name for name in possible if not is_arbitrary(CURVES[name].units)]
    return own[0] if len(own) == 1 else ""


def _axis_name(table: Table, roles: Mapping[str, int], name: str) -> str:
    """What the column of a quantity's axis is called."""
    return table.columns[roles[(axis_of(CURVES[name]) or ("T", ""))[0]]].name


def _has_unit(table: Table, roles: dict[str, int]) -> bool:
    return not is_arbitrary(table.columns[roles["value"]].unit or "")


def _read(table: Table, config: FileConfig, row: Quantity) -> tuple[Understood, tuple[str, ...]]:
    """What was understood when as little as possible was taken for granted, and what that was.

    Raises:
        InputError: if all of that does not help.
    """
    may = [name for name in ABSENT if name != "units" or is_arbitrary(row.units)]
    for names in (names for n in range(len(may)) for names in combinations(may, n)):
        with suppress(InputError):
            return understood(table, _with(config, names), _asked(row)), names
    return understood(table, _with(config, tuple(may)), _asked(row)), tuple(may)


def _unknown(table: Table, others: Sequence[str]) -> str:
    known = ", ".join(others or CURVES)
    why = "its columns would do for several" if others else f"its columns tell nothing ({table.names})"
    wide = sum(temperature_in(column) is not None for column in table.columns) > 1
    also = '; T = "header" takes temperatures from their names' if wide else ""
    return f"{table.path}: say what it is of with `quantity`, one of {known}: {why}{also}."


def _sentences(found: Understood, left_out: Sequence[str]) -> Iterator[str]:
    """What is still to be said of a file."""
    if "T" in left_out:
        yield "The temperature is not in the file: T = ... [K]."
    if "units" in left_out:
        unit = found.table.columns[found.roles["value"]].unit
        yield (
            f"The values are in {unit}, the model's relative to the normal state: normalise = {{ beyond = ... }} or "
            'units = { value = "arbitrary" }, and a scale that is fitted.'
        )
    if "missing" in left_out:
        yield f'Numbers are missing in {found.dropped} rows: missing = "drop" leaves them out.'
    if found.power:
        done = "multiplied" if found.power > 0 else "divided"
        yield f"The values are in {found.units['value']}: they are {done} by T, unless `units` says otherwise."
    for role in found.assumed:
        unit = found.units[role]
        yield f'The file does not say the unit of `{role}`, which is taken for {unit}: units = {{ {role} = "{unit}" }}.'
    if found.curve.error is None:
        yield "The errors are not in the file: errors = { constant = ... }, { relative = ... } or { scatter = [from, to] }."
