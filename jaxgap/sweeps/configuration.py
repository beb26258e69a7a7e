"""What a result depends on, as plain text: two sweeps of one configuration give the same numbers.

A user's function counts by its name, its source and the values that it takes from around it; what it calls does not.
"""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable
from importlib.metadata import version
from types import CodeType
from typing import Literal

import jax
import numpy as np

from jaxgap.model.records import Record
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import to_toml
from jaxgap.numerics.provenance import provenance
from jaxgap.sweeps.grid import Axis, Blocks, Points
from jaxgap.sweeps.quantities import NAMES, Quantity, Sensitivity
from jaxgap.sweeps.work import Work

__all__ = ["configuration", "digest", "function_text"]


class AxisRecord(Record):
    """An axis of a sweep."""

    points: int
    values: str
    """A digest."""
    sets: str | list[tuple[str, float, float]]
    """(path, factor, offset) of every leaf that it sets; or the name and a digest of the function that does."""
    unit: str


class StoreRecord(Record):
    """Everything that the numbers of a sweep depend on: the attribute `jaxgap_configuration` of its store."""

    system: str
    """As a system.toml, or what a lattice of functions of Python is made of."""
    T: float | None
    """[K]; null where an axis sets it."""
    points: Literal["grid", "samples"]
    axes: dict[str, AxisRecord]
    observables: list[tuple[str, str, str | None, str]]
    """(name, unit, dimension, digest of a user's function) of each."""
    mode: str
    branch: str | None
    start: list[str] | None
    """Complex amplitudes [meV]."""
    batch: int
    """Points that a device treats at once."""
    chunk: list[int]
    """Points of a block along every dimension."""
    versions: dict[str, str]


def configuration(points: Points, work: Work, blocks: Blocks) -> dict[str, object]:
    """Everything that the numbers of a sweep depend on, ready for JSON."""
    sets_T = any(path == "T" for one in points.axes if not callable(one.moves) for path, *_ in one.moves)
    start = None if work.start is None else [repr(complex(x)) for x in work.start]
    record = StoreRecord(
        system=_system(points.family.sc),
        T=None if sets_T else float(points.family.T),
        points="grid" if points.outer else "samples",
        axes={one.name: _axis(one) for one in points.axes},
        observables=[_quantity(one) for one in work.evaluator.quantities],
        mode=work.mode,
        branch=work.evaluator.branch,
        start=start,
        batch=work.evaluator.batch,
        chunk=list(blocks.chunk),
        versions={name: version(name) for name in ("jaxgap", "jax", "jaxlib")},
    )
    return record.as_json()


def about_sweep(title: str, sc: Superconductor) -> dict[str, object]:
    """What a result says of itself to who reads it without jaxgap."""
    said: dict[str, object] = {"Conventions": "CF-1.11", "title": title, "source": f"jaxgap {version('jaxgap')}"}
    return said | {"system": _system(sc), "provenance": json.dumps(provenance())}


def _system(sc: Superconductor) -> str:
    """As a system.toml; of a lattice that is made of functions its numbers and theirs."""
    if not sc.code:
        return to_toml(sc)
    leaves = [_value(leaf) for leaf in jax.tree.leaves(sc)]
    return json.dumps({"as": str(sc), "leaves": leaves, "code": [function_text(one) for one in sc.code]})


def digest(settings: dict[str, object]) -> str:
    """A short name of a configuration."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _axis(one: Axis) -> AxisRecord:
    digest = hashlib.sha256(np.ascontiguousarray(one.values).tobytes()).hexdigest()
    sets = function_text(one.moves) if callable(one.moves) else list(one.moves)
    return AxisRecord(points=len(one.values), values=digest, sets=sets, unit=one.unit)


def _quantity(one: Quantity) -> tuple[str, str, str | None, str]:
    known = any(one.function is built_in.function for built_in in NAMES.values())
    along = one.along if isinstance(one, Sensitivity) else None
    return one.name, one.units, along, "" if known else function_text(one.function)


def function_text(function: Callable[..., object]) -> str:
    """Name and digest of a function."""
    if isinstance(function, functools.partial):
        inner = function_text(function.func)
        return f"{inner} with {_value(function.args)} {_value(sorted(function.keywords.items()))}"
    code = getattr(function, "__code__", None)
    try:
        source = inspect.getsource(function)
    except (OSError, TypeError):
        source = ""
    if code is not None and (not source or function.__name__ == "<lambda>"):
        # Two of them may stand on one line of source.
        source += _code(code)
    around = [_value(cell.cell_contents) for cell in getattr(function, "__closure__", None) or ()]
    text = "\n".join([source, *around, _value(getattr(function, "__defaults__", None))])
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return f"{name} {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _code(code: CodeType) -> str:
    """Compiled code as text, without addresses."""
    constants = [_code(part) if isinstance(part, CodeType) else repr(part) for part in code.co_consts]
    return repr((code.co_code, code.co_names, constants))


def _value(value: object) -> str:
    """A value as text that is the same in every process."""
    if callable(value):
        return function_text(value)
    if hasattr(value, "__array__"):
        array = np.asarray(value)
        return f"{array.dtype} {array.shape} {hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()}"
    if isinstance(value, list | tuple):
        return "(" + ", ".join(_value(part) for part in value) + ")"
    return repr(value)
