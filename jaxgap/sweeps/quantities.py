r"""What a sweep records at every point: quantities by name (`jaxgap.observables.quantities`), derivatives of them, or any
function of (sc, T, solution).

A sensitivity is written as it reads, `d branch_minimum/d lambda_33`, and is the derivative along the branch,

.. math:: \frac{dO}{dp} = \frac{\partial O}{\partial p} + \frac{\partial O}{\partial \Delta} \cdot \frac{d\Delta}{dp}

with d Delta/dp from the implicit derivative of the gap equations (`jaxgap.numerics.implicit`). p is a path into the system,
`T`, or an axis of the sweep, which may move several leaves.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from functools import partial

import numpy as np

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check
from jaxgap.numerics.types import Scalar
from jaxgap.observables.quantities import OF_IMPURITIES, OF_RETARDED
from jaxgap.observables.quantities import RECORDED as NAMES
from jaxgap.observables.quantity import Quantity
from jaxgap.solving.solution import Solution
from jaxgap.sweeps.grid import Points, unit_of

__all__ = ["NAMES", "Quantity", "Sensitivity", "observable", "quantities"]

Function = Callable[[Superconductor, Scalar, Solution], object]
Asked = str | Function | Quantity


@dataclass(frozen=True)
class Sensitivity(Quantity):
    """A derivative of a quantity along the branch."""

    along: str = ""
    """The canonical path, `T`, or axis with respect to which `function` is differentiated."""


FIXED = ("status", "residual")
"""Recorded always."""
_SENSITIVITY = re.compile(r"^d\s+(?P<what>\w+)\s*/\s*d\s+(?P<along>.+)$")


def observable(function: Function, name: str = "", dims: Iterable[str] = (), units: str = "1", long_name: str = "") -> Quantity:
    """A quantity of one's own.

    Args:
        function: (sc, T, solution) -> an array of fixed shape, for one state, of JAX operations.
        name: the variable's name; default: the function's.
        dims: names of the array's axes.
        units: its unit.
        long_name: what it is.

    Example:
        >>> ratio = jg.sweeps.observable(lambda sc, T, s: abs(s.Delta[0] / s.Delta[1]), "ratio", long_name="Delta_a / Delta_b")
        >>> ratio.name, ratio.units
        ('ratio', '1')
    """
    name = name or getattr(function, "__name__", "")
    check(callable(function), "function", "be a function of (sc, T, solution)", repr(function))
    check(name.isidentifier(), "name", "be an identifier", repr(name))
    return Quantity(name, function, tuple(dims), units, long_name or name)


def quantities(observables: Asked | Iterable[Asked] | Mapping[str, Asked], points: Points) -> tuple[Quantity, ...]:
    """The quantities that `observables` ask for: names, functions, `Quantity` objects, or a mapping name -> any of these.

    Raises:
        InputError: for a name that is not known, or that is given twice.
    """
    if isinstance(observables, str) or callable(observables) or isinstance(observables, Quantity):
        observables = [observables]
    named = observables.items() if isinstance(observables, Mapping) else ((None, entry) for entry in observables)
    found = tuple(_quantity(entry, name, points) for name, entry in named)
    names = [*FIXED, *(one.name for one in found), *points.dims, *(one.name for one in points.axes)]
    check(len(found) > 0, "observables", "name at least one", "none")
    _check_of(points.family.sc, found)
    for one in found:
        check(names.count(one.name) == 1, "observables", "have different names, other than those of axes", f"`{one.name}`")
    return tuple(_planned(one, points) for one in found)


def _planned(one: Quantity, points: Points) -> Quantity:
    """With its static numbers for the sweep's temperatures, where singular energies are not known."""
    sc = points.family.sc
    if not sc.is_dressed or one.plan is None or one.axes:
        return one
    given = {name: (float(value),) * 2 for name, value in getattr(one.function, "keywords", {}).items() if np.ndim(value) == 0}
    return replace(one, function=partial(one.function, **one.planned(sc, points.temperatures, {}, given)))


def _check_of(sc: Superconductor, found: Iterable[Quantity]) -> None:
    """A retarded interaction has no quasiparticle branches, and a static one no self-energy."""
    own = {NAMES[name].function for name in NAMES}
    names = [name for name in (*OF_RETARDED, *(OF_IMPURITIES if sc.is_dressed else ())) if name in NAMES]
    retarded = {NAMES[name].function for name in names}
    for one in found:
        known = not sc.is_retarded or one.function in retarded or one.function not in own
        check(known, "observables", f"be of {', '.join(names)} with a retarded interaction", f"`{one.name}`")
        if one.function in retarded and one.refused is not None:
            one.refused(sc, np.zeros(1), {})


def _quantity(entry: Asked, name: str | None, points: Points) -> Quantity:
    if isinstance(entry, str):
        one = _by_name(entry.strip(), points)
    elif isinstance(entry, Quantity):
        one = entry
    else:
        check(callable(entry), "observables", "hold names or functions of (sc, T, solution)", repr(entry))
        label = name or entry.__name__.strip("<>")
        one = Quantity(label, entry, None, getattr(entry, "units", "1"), label)
    one = one if name is None else replace(one, name=name)
    check("/" not in one.name, "observables", "have names without `/`", repr(one.name))
    return one


def _by_name(text: str, points: Points) -> Quantity:
    if text in NAMES:
        return NAMES[text]
    match = _SENSITIVITY.match(text)
    if match is None:
        near = difflib.get_close_matches(text, NAMES, 1)
        hint = f" (did you mean `{near[0]}`?)" if near else ""
        raise InputError(
            f"Unknown observable `{text}`{hint}: the observables are {', '.join(NAMES)}, and sensitivities such as "
            "`d branch_minimum/d lambda_33`."
        )
    what, along = match["what"], match["along"].strip()
    if what not in NAMES or not NAMES[what].differentiable:
        good = ", ".join(name for name, one in NAMES.items() if one.differentiable)
        raise InputError(f"Observable `{text}`: cannot differentiate `{what}`; what can be differentiated is {good}.")
    axes = {one.name: one.unit for one in points.axes}
    place = along if along in axes or along == "T" else points.family.sc.canonical(along)
    unit = axes.get(place) or unit_of(points.family.sc, place)
    base = NAMES[what]
    about = {one.name: getattr(base, one.name) for one in fields(base)} | {
        "name": f"d_{what}_d_{along}",
        "units": base.units if unit == "1" else f"{base.units} / {unit}",
        "long_name": f"d {what} / d {along}",
    }
    return Sensitivity(**about, along=place)
