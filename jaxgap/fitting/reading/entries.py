"""A file of measurements as an entry [[data]] of fit.toml, complete: what the file does not say is assumed, and marked so.

The experiment's own numbers that nothing says become parameters, which begin where the data suggest.
"""

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.kinds import CURVES, axis_of
from jaxgap.fitting.reading.look import Look, look
from jaxgap.fitting.reading.preparation import MeasuredCurve
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.quantity import Quantity, Setting, names_along

__all__ = ["Beginning", "Entry", "entry_of"]

FAR = 0.8
"""Of the reach of a spectrum: from there on it is taken for the normal state's."""
ERROR = 0.02
"""Of the largest value: the error that is assumed where a file gives none."""
FREE = ("Gamma",)
"""Settings with a default that are parameters all the same: no two samples have the same."""
_IN_NAME = re.compile(r"(?<![\d.])(\d+(?:[.p]\d+)?)_?K(?![a-z])")
"""A temperature in a file's name: sts_4.2K.dat, sts_4p2K.dat."""


class Beginning(NamedTuple):
    """A parameter of the fit: where it begins."""

    start: float
    bounds: tuple[float, float]
    unit: str
    sets: Mapping[str, float]
    """Path -> factor."""


class Entry(NamedTuple):
    """An entry of fit.toml."""

    name: str
    lines: tuple[str, ...]
    parameters: Mapping[str, Beginning]
    assumed: tuple[str, ...]
    """Sentences: what has to be checked."""


def entry_of(file: Path, quantity: str, folder: Path, sc: Superconductor, taken: Mapping[str, Entry]) -> Entry:
    """The entry for a file in the fit.toml of `folder`, with a name that is not taken.

    Raises:
        InputError: if the file cannot be read, or its kind or temperature cannot be told.
    """
    found = look(FileConfig(file=file.name), file.parent, quantity)
    if found.found is None:
        raise InputError(found.to_be_said[0])
    row, name = CURVES[found.quantity], _name(file, taken)
    said = {key: (value, why) for key, value, why in _assumed(found, file)}
    curve = _curve(file, found.quantity, {key: value for key, (value, _) in said.items()})
    if curve.error is None:
        said["errors"] = {"constant": _rounded(ERROR * float(np.abs(curve.value).max()))}, "the file has none"
    about = {"name": name, "file": os.path.relpath(file, folder).replace(os.sep, "/"), "quantity": found.quantity}
    lines = [f"{key} = {_toml(value)}" for key, value in about.items()]
    said = _of(row, sc) | said
    lines += [f"{key} = {_toml(value)}  # ASSUMED: {why}" for key, (value, why) in said.items()]
    parameters = dict(_parameters(found.quantity, name, curve, "normalise" in said))
    assumed = tuple(f"{name}: `{key}` is assumed, {why}" for key, (_, why) in said.items())
    begin = {f"{number}_{name}": one for number, one in parameters.items()}
    return Entry(name, (*lines, *_others(row, parameters)), begin, assumed)


def _assumed(found: Look, file: Path) -> Iterator[tuple[str, object, str]]:
    """(key, value, why) of what a file leaves to be said, its errors excepted."""
    assert found.found is not None
    curve = found.found.curve
    if not found.T_known:
        yield "T", _temperature(file), "from the name of the file"
    if found.found.assumed:
        yield "units", {role: found.found.units[role] for role in found.found.assumed}, "the file does not say them"
    if "missing" in found.left_out:
        yield "missing", "drop", f"rows without a number: {found.found.dropped}"
    if "units" in found.left_out and curve.x is not None:
        yield "normalise", {"beyond": _rounded(FAR * float(np.abs(curve.x).max()))}, "the normal state's voltages"
    elif "units" in found.left_out:
        yield "normalise", {"at": float(curve.T.max())}, "as if the sample were normal there"


def _temperature(file: Path) -> float:
    """From the name of a file."""
    found = _IN_NAME.findall(file.stem)
    if len(found) != 1:
        raise InputError(
            f"{file}: its temperature must be in the file or in its name, such as sts_4.2K.dat, but is in neither."
        )
    return float(found[0].replace("p", "."))


def _curve(file: Path, quantity: str, said: Mapping[str, object]) -> MeasuredCurve:
    """The points with everything said."""
    found = look(FileConfig.model_validate({"file": file.name, **said}), file.parent, quantity).found
    assert found is not None
    return found.curve


def _name(file: Path, taken: Mapping[str, Entry]) -> str:
    """A name of letters, digits and underscores that paths can have."""
    stem = re.sub(r"[^A-Za-z0-9]+", "_", file.stem).strip("_") or "curve"
    names = [stem, *(f"{stem}_{k}" for k in range(2, len(taken) + 3))]
    return next(name for name in names if name not in taken)


def _dims(row: Quantity) -> str | None:
    """The axis of a system that a quantity has values along: its branches or bands."""
    own = [dim for dim in row.dims or () if dim not in row.axes]
    return own[0] if own else None


def _of(row: Quantity, sc: Superconductor) -> dict[str, tuple[object, str]]:
    """The branch or band that it is of: (the first one, why)."""
    along = _dims(row)
    if along is None:
        return {}
    names = names_along(sc)[along]
    return {"of": (names[0], f"one of {', '.join(names)}")}


def _others(row: Quantity, free: Mapping[str, Beginning]) -> Iterator[str]:
    """What else the experiment has: a comment."""
    left = [one for one in row.numbers if one.name not in free]
    if left:
        known = ", ".join(f"{one.name}{f' [{one.unit}]' if one.unit else ''}" for one in left)
        yield f"# Other numbers of it, for settings = {{ ... }} or as parameters: {known}"


def _parameters(quantity: str, name: str, curve: MeasuredCurve, normalised: bool) -> Iterator[tuple[str, Beginning]]:
    """The experiment's numbers that must be found: those without a default, those that no two samples share, and the scale of
    values that are normalised where the model need not be 1."""
    row = CURVES[quantity]
    for number in row.numbers:
        unknown = number.default is None and number.bounds is not None and not number.of_bands
        own = number.name in FREE and axis_of(row) is not None
        if unknown or own or (number.name == "scale" and (normalised or number.bounds is None)):
            start = _start(number, quantity, curve)
            low, high = number.bounds or (start / 100, 100 * start)
            if start > 0 and not low < start < high:
                low, high = min(low, start / 10), max(high, 10 * start)
            bounds, unit = (_rounded(low), _rounded(high)), number.unit or ""
            yield number.name, Beginning(_rounded(start), bounds, unit, {f"data[{name}].{number.name}": 1.0})


def _start(number: Setting, quantity: str, curve: MeasuredCurve) -> float:
    """Where a number begins: what the data suggest, or the middle of its bounds."""
    top, warmest = float(np.abs(curve.value).max()), int(np.argmax(curve.T))
    low, high = number.bounds or (1.0, 1.0)
    guesses = {
        ("gamma_n", "heat_over_T"): float(curve.value[warmest]),
        ("korringa", "relaxation_rate"): float(curve.value[warmest] / max(curve.T[warmest], 1e-3)),
        ("lambda_0", "penetration_depth"): float(curve.value.min()),
        ("lambda_0", "inverse_lambda_squared"): 1e3 / np.sqrt(top),
        ("scale", "edc"): 10 * top,  # A peak of 1 / (10 meV).
    }
    found = guesses.get((number.name, quantity), number.default or float(np.sqrt(max(low, 1e-6) * high)))
    return found if found > 0 else float(np.sqrt(max(low, 1e-6) * high))


def _rounded(x: float) -> float:
    return float(f"{x:.3g}")


def _toml(value: object) -> str:
    """A value of TOML."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {_toml(part)}" for key, part in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
