"""What a sweep's result looks like: variables with dimensions, types, units and flags, the same in memory and on disk."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import jax
import numpy as np

from jaxgap.observables.quantity import Quantity, names_along
from jaxgap.solving.labels import Label
from jaxgap.solving.solution import Status
from jaxgap.states.many import MOST
from jaxgap.sweeps.grid import Points, unit_of

LONG_NAMES = {"T": "temperature", "Omega": "half width of the pairing shell", "d": "distance of the bands, mu_2 - mu_1"}
"""Of axes and coordinates; another axis is called by its name."""

__all__ = ["NOT_COMPUTED", "NO_STATE", "Variable", "variables", "coordinates", "filled"]

NOT_COMPUTED, NO_STATE = -1, -2
"""Codes of `status` besides those of `Status`: this point has not been reached; there is no state in this slot, or no stable
state was found."""

Attributes = Mapping[str, object]
Shapes = Mapping[str, jax.ShapeDtypeStruct]
Coordinate = tuple[tuple[str, ...], np.ndarray, Attributes]
"""(dimensions, values, attributes)."""


@dataclass(frozen=True)
class Variable:
    """One array of the result."""

    name: str
    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype
    fill: np.generic
    """Where nothing was computed, or there is nothing."""
    inner: tuple[int, ...] = ()
    """The last part of `shape`: that of one state's value."""
    attributes: Attributes = field(default_factory=dict)


def variables(points: Points, quantities: tuple[Quantity, ...], shapes: Shapes, mode: str) -> tuple[Variable, ...]:
    """All arrays of a result; `shapes` has what one solution gives."""
    slots = ("state",) if mode == "all" else ()
    found = [_status(points, slots), _variable(points, slots, "residual", (), shapes["residual"], _RESIDUAL)]
    if mode != "branch":
        found += _of_search(points, slots)
    for one in quantities:
        dims = one.dims
        if dims is None:
            dims = tuple(f"{one.name}_{i}" for i in range(len(shapes[one.name].shape)))
        attributes: Attributes = {"units": one.units, "long_name": one.long_name}
        if one.name == "label":
            attributes = {**attributes, **_flags({int(label): label.text for label in Label} | {-1: "no solution"})}
        found.append(_variable(points, slots, one.name, dims, shapes[one.name], attributes))
    return tuple(found)


_RESIDUAL = {"units": "meV", "long_name": "residual of the gap equations"}


def _variable(
    points: Points,
    slots: tuple[str, ...],
    name: str,
    dims: tuple[str, ...],
    shape: jax.ShapeDtypeStruct,
    attributes: Attributes,
) -> Variable:
    dtype = np.dtype(shape.dtype)
    if dtype.kind in "iub":
        dtype, fill = np.dtype(np.int32), np.int32(-1)
    else:
        fill = dtype.type(np.nan) if dtype.kind == "f" else dtype.type(complex(np.nan, np.nan))
    extent = (*points.shape, *(MOST for _ in slots), *shape.shape)
    return Variable(name, (*points.dims, *slots, *dims), extent, dtype, fill, shape.shape, attributes)


def _flags(meanings: dict[int, str]) -> Attributes:
    """Attributes by which a code says what it means, as the CF conventions have them."""
    words = (text.replace(" ", "_") for text in meanings.values())
    return {"flag_values": list(meanings), "flag_meanings": " ".join(words)}


def _status(points: Points, slots: tuple[str, ...]) -> Variable:
    meanings = {int(one): one.text for one in Status} | {NOT_COMPUTED: "not computed", NO_STATE: "no state"}
    attributes = {"long_name": "how the solve ended", **_flags(meanings)}
    shape = (*points.shape, *(MOST for _ in slots))
    return Variable("status", (*points.dims, *slots), shape, np.dtype(np.int32), np.int32(NOT_COMPUTED), (), attributes)


def _of_search(points: Points, slots: tuple[str, ...]) -> list[Variable]:
    """What a search for all states says besides the states."""
    integer, minus = np.dtype(np.int32), np.int32(-1)
    count = {"units": "1", "long_name": "states found, the normal one not counted"}
    normal = {"long_name": "whether the normal state is stable", **_flags({-1: "not computed", 0: "no", 1: "yes"})}
    found = [
        Variable("count", points.dims, points.shape, integer, minus, (), count),
        Variable("normal_stable", points.dims, points.shape, integer, minus, (), normal),
    ]
    if slots:
        dims, shape = (*points.dims, *slots), (*points.shape, MOST)
        for what, rates in (("amplitude", ""), ("phase", " (for equal relaxation rates)")):
            about = {"units": "1", "long_name": f"unstable directions in {what}s{rates}"}
            found.append(Variable(f"unstable_{what}", dims, shape, integer, minus, (), about))
    return found


def coordinates(points: Points, found: tuple[Variable, ...]) -> dict[str, Coordinate]:
    """name -> (dimensions, values, attributes) of the axes and of named dimensions."""
    out: dict[str, Coordinate] = {}
    for one in points.axes:
        about = {"units": one.unit or "1", "long_name": LONG_NAMES.get(one.name, one.name)}
        out[one.name] = ((one.name,) if points.outer else ("sample",), one.values, about)
    for name, value in _fixed(points).items():
        out[name] = ((), np.asarray(value, float), {"units": unit_of(points.family.sc, name), "long_name": LONG_NAMES[name]})
    used = {dim for variable in found for dim in variable.dims}
    for name, labels in names_along(points.family.sc).items():
        if name in used:
            out[name] = ((name,), np.array(labels), {})
    return out


def _fixed(points: Points) -> dict[str, object]:
    """What the same stands for at all points, and no axis moves: the temperature and the cutoff."""
    sc, own = points.family.sc, [moves for moves in points.family.moves if not callable(moves)]
    moved = {path for moves in own for path, *_ in moves}
    found: dict[str, object] = {} if "T" in moved else {"T": points.family.T}
    # A function of an axis may change any leaf.
    known = len(own) == len(points.family.moves) and "Omega" in sc.paths and "Omega" not in moved
    return found | ({"Omega": sc.get("Omega")} if known else {})


def filled(variable: Variable, extent: tuple[int, ...], values: np.ndarray) -> np.ndarray:
    """The values of a block in its shape and type, with one kind of NaN: what is lacking has the same bits everywhere."""
    rest = variable.shape[len(variable.shape) - (np.ndim(values) - 1) :]
    block = np.ascontiguousarray(values, dtype=variable.dtype).reshape(*extent, *rest)
    return np.where(np.isnan(block), variable.fill, block) if variable.dtype.kind in "fc" else block
