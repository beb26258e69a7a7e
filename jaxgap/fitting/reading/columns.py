"""Which column of a table is what: as fit.toml says it, or as the header does (`T (K)`, `Bias calc (V)`, `C_err`).

The roles are `T`, the quantity's axis (by its name in the registry, such as V or omega; `x` stands for any), `value`, `error`
and `T_error`. What the header leaves open is asked for in one sentence.
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.tables import Column, Table
from jaxgap.fitting.reading.units import factor
from jaxgap.numerics.checks import InputError

__all__ = ["BIAS", "ENERGY", "TEMPERATURE", "Asked", "assigned", "key_of", "temperature_in"]

TEMPERATURE = frozenset({
    "t", "temp", "temperature", "tsample", "sampletemp", "sampletemperature", "tmean", "tavg", "tempk", "tk", "kelvin", "k",
    "averagetemp", "averagetemperature", "tempsample",
})  # fmt: skip
ENERGY = frozenset({"omega", "w", "e", "en", "energy", "eef", "ef", "eb", "ebin", "binding", "bindingenergy", "ev", "mev"})
BIAS = frozenset({"v", "u", "bias", "biascalc", "biasvoltage", "voltage", "samplebias", "vbias", "ubias", "vb", "mv", "biasv"})
ALONG: Mapping[str, frozenset[str]] = {"V": BIAS | ENERGY, "omega": ENERGY | BIAS, "T": TEMPERATURE}
"""Axis of the registry -> what columns of it are called, letters and digits only."""
ERROR = frozenset({"error", "err", "sigma", "std", "stdev", "stddev", "sd", "dy", "uncertainty", "unc", "errorbar", "e"})
T_ERROR = frozenset({"dt", "sigmat", "deltat", "stdt", "temperr", "temperror"})
_TEMPERATURE = re.compile(r"(?:.*[\s_=])?(\d+(?:[.,]\d+)?)\s*K|(\d+(?:[.,]\d+)?)")
_ENDS = ("err", "error", "std", "stdev", "stddev", "uncertainty", "unc", "errorbar")
_STARTS = ("d", "delta", "sigma", "err", "error", "std", "unc")


class Asked(NamedTuple):
    """What a quantity needs of a file."""

    axis: str | None
    """Its own axis by name; None for a quantity over temperature."""
    axis_unit: str
    unit: str
    """Of the value."""

    @classmethod
    def of(cls, axis: tuple[str, str] | None, unit: str) -> "Asked":
        """What a quantity in `unit` needs, with the axis (name, unit), or none but T."""
        name, own = axis or (None, "K")
        return cls(name, own, unit)

    @property
    def roles(self) -> tuple[str, ...]:
        """What columns can be."""
        return ("T", *([] if self.axis in (None, "T") else [str(self.axis)]), "value", "error", "T_error")


def key_of(name: str) -> str:
    """A name by which columns are known: its letters and digits, small."""
    return re.sub(r"[\W_]+", "", name.replace("±", "error").replace("+-", "error").lower())


def temperature_in(column: Column) -> float | None:
    """The temperature that a column's name says: 2K, T = 4.2 K, 10 K (nS)."""
    found = _TEMPERATURE.fullmatch(f"{column.name} {column.unit}" if column.unit == "K" else column.name)
    return None if found is None else float((found[1] or found[2]).replace(",", "."))


def assigned(table: Table, config: FileConfig, asked: Asked) -> dict[str, int]:
    """Role -> index of the column; `error`, `T_error`, and `T` where fit.toml states it, only if there are any.

    Raises:
        InputError: if a stated column is not there, or a needed one can only be guessed.
    """
    stated = _by_name(config.columns, "columns", asked)
    roles = {role: _place(which, role, table) for role, which in stated.items()}
    if twice := [role for role, place in roles.items() if list(roles.values()).count(place) > 1]:
        raise InputError(
            f"{table.path}: `columns` must name different columns, but `{twice[0]}` and `{twice[1]}` are the same."
        )
    found = _recognised(table, asked, roles, config)
    needed = [role for role in asked.roles[:-2] if role != "T" or config.T in (None, "header")]
    if missing := [role for role in needed if role not in found and not (role == "T" and table.T is not None)]:
        raise InputError(f"{table.path}: {_question(missing[0], table, needed)}")
    return found


def _by_name(given: Mapping[str, str | int], key: str, asked: Asked) -> dict[str, str | int]:
    """What fit.toml says by role, with the axis under its own name."""
    out = {(asked.axis or "T") if role == "x" else role: value for role, value in given.items()}
    if unknown := [role for role in out if role not in asked.roles]:
        raise InputError(f"`{key}` must be of {', '.join(asked.roles)}, but has `{unknown[0]}`.")
    return out


def _place(which: str | int, role: str, table: Table) -> int:
    """Index of a column that is stated."""
    if isinstance(which, int):
        if which > len(table.columns):
            raise InputError(f"{table.path}: `columns.{role}` must be at most {len(table.columns)}, but is {which}.")
        return which - 1
    names = [column.name for column in table.columns]
    whole = [f"{column.name} ({column.unit})" for column in table.columns]
    for candidates, wanted in (
        (names, which),
        (whole, which),
        ([*map(key_of, names)], key_of(which)),
        ([*map(key_of, whole)], key_of(which)),
    ):
        if candidates.count(wanted) == 1 and wanted:
            return candidates.index(wanted)
    many = "is there several times" if names.count(which) > 1 else "is not there"
    raise InputError(
        f"{table.path}: `columns.{role}` must be a column, by name or number, but `{which}` {many}; there are {table.names}."
    )


def _recognised(table: Table, asked: Asked, stated: Mapping[str, int], config: FileConfig) -> dict[str, int]:
    """The stated roles, and those that the header shows beyond doubt."""
    out = dict(stated)
    keys = [key_of(column.name) for column in table.columns]
    free = lambda: [k for k in range(len(keys)) if k not in out.values() and keys[k]]  # noqa: E731

    def take(role: str, names: Sequence[int]) -> None:
        if role not in out and len(names) == 1:
            out[role] = names[0]

    if config.T is None or config.T == "header":
        take("T", [k for k in free() if keys[k] in TEMPERATURE and _fits(table.columns[k], "K")])
    if asked.axis not in (None, "T"):
        own = ALONG.get(str(asked.axis), frozenset()) | {str(asked.axis).lower(), "x"}
        take(str(asked.axis), [k for k in free() if keys[k] in own and _fits(table.columns[k], asked.axis_unit)])
    if config.T_error is None:
        take("T_error", [k for k in free() if keys[k] in T_ERROR or (keys[k][:1] == "t" and keys[k].endswith(_ENDS))])
    points = BIAS | ENERGY
    rest = [k for k in free() if not _is_temperature(keys[k], out, table) and keys[k] not in points]
    errors = [k for k in rest if _is_error(keys[k], keys)]
    take("value", _values(table, [k for k in rest if k not in errors] or rest, asked))
    if config.errors is None and "value" in out:
        take("error", _errors_of(keys, [k for k in errors if k != out["value"]], keys[out["value"]]))
    return out


def _fits(column: Column, unit: str) -> bool:
    """Whether a column's unit is no reason against it."""
    return not column.unit or factor(column.unit, unit) is not None


def _is_temperature(key: str, out: Mapping[str, int], table: Table) -> bool:
    """Whether a column is a temperature that fit.toml states instead, or its error."""
    return ("T" not in out and key in TEMPERATURE) or key in T_ERROR


def _is_error(key: str, keys: Sequence[str]) -> bool:
    """Whether a column is called the error of something: d, sigma or delta only before the name of another column."""
    if key in ERROR or key.endswith(_ENDS) or key.startswith(("err", "unc", "std")):
        return True
    return any(key == start + other for start in _STARTS for other in keys if other and other != key)


def _errors_of(keys: Sequence[str], errors: Sequence[int], value: str) -> list[int]:
    """Those of the columns of errors that can be the value's."""
    own = [k for k in errors if value in keys[k]]
    return own if len(errors) > 1 else list(errors)


def _values(table: Table, rest: Sequence[int], asked: Asked) -> list[int]:
    """Those of the columns that can be the value: the only one, or the only one called so, or in its unit."""
    called = [k for k in rest if key_of(table.columns[k].name) in ("value", "y")]
    alike = [k for k in rest if table.columns[k].unit and factor(table.columns[k].unit or "", asked.unit) is not None]
    return next((found for found in (list(rest), called, alike) if len(found) == 1), [])


def _question(role: str, table: Table, needed: Sequence[str]) -> str:
    """What has to be said of a file."""
    if not any(column.name for column in table.columns):
        example = ", ".join(f"{name} = {k}" for k, name in enumerate(needed, 1))
        told = f"{table.remark}: " if table.remark else ""
        number = len(table.columns)
        return f"{told}the {number} columns have no names: say which is which by number, such as columns = {{ {example} }}."
    also = " or T = ... for all of it" if role == "T" else ""
    if role == "value" and sum(temperature_in(column) is not None for column in table.columns) > 1:
        also = ', or T = "header" where the names are temperatures'
    return f"say which column is `{role}` with columns = {{ {role} = ... }}{also}; there are {table.names}."
