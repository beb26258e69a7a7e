r"""What a sweep records at every point: quantities by name, derivatives of them, or any function of (sc, T, solution).

A sensitivity is written as it reads, `d branch_minimum/d lambda_33`, and is the derivative along the branch,

.. math:: \frac{dO}{dp} = \frac{\partial O}{\partial p} + \frac{\partial O}{\partial \Delta} \cdot \frac{d\Delta}{dp}

with d Delta/dp from the implicit derivative of the gap equations (`jaxgap.numerics.implicit`). p is a path into the system,
`T`, or an axis of the sweep, which may move several leaves.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from jaxgap.equations.free_energy import free_energy_of
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check
from jaxgap.observables import branch_names, phase_difference, relative_signs
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.solution import Solution
from jaxgap.spectra.fermi_momentum import fermi_momentum_gaps_of
from jaxgap.spectra.minima import branch_minima_of, excitation_gap_of, overlap_minima_of
from jaxgap.spectra.peaks import strongest_peaks_of
from jaxgap.sweeps.grid import Points, unit_of

__all__ = ["NAMES", "Quantity", "observable", "quantities"]

Function = Callable[[Superconductor, Any, Solution], Any]


@dataclass(frozen=True)
class Quantity:
    """A variable of the result."""

    name: str
    function: Function
    """(sc, T, solution) -> an array of fixed shape, for one state."""
    dims: tuple[str, ...] | None = ()
    """Names of the axes of that array; None: not known before it is traced."""
    units: str = "1"
    long_name: str = ""
    along: str | None = None
    """If it is a sensitivity: the canonical path, `T`, or an axis, with respect to which `function` is differentiated."""
    of_solution: bool = True
    """False for a quantity of the system alone (T_c), which exists where no solution was found."""


_KNOWN = (
    Quantity("Delta", lambda sc, T, s: s.Delta, ("channel",), "meV", "pair amplitude"),
    Quantity(
        "branch_minimum",
        lambda sc, T, s: branch_minima_of(sc, s.Delta),
        ("branch",),
        "meV",
        "excitation gap (branch minimum)",
    ),
    Quantity(
        "overlap_minimum",
        lambda sc, T, s: overlap_minima_of(sc, s.Delta),
        ("branch",),
        "meV",
        "branch minimum where both bands of a pair are inside their shells (NaN: nowhere)",
    ),
    Quantity(
        "fermi_momentum",
        lambda sc, T, s: fermi_momentum_gaps_of(sc, s.Delta).gap,
        ("band",),
        "meV",
        "excitation gap (at the Fermi momentum)",
    ),
    Quantity(
        "fermi_momentum_weight",
        lambda sc, T, s: fermi_momentum_gaps_of(sc, s.Delta).weight,
        ("band",),
        "1",
        "weight of the band at its Fermi momentum",
    ),
    Quantity(
        "coherence_peak",
        lambda sc, T, s: strongest_peaks_of(sc, s.Delta),
        ("branch",),
        "meV",
        "excitation gap (strongest coherence peak; NaN: the branch has none)",
    ),
    Quantity("gap", lambda sc, T, s: excitation_gap_of(sc, s.Delta), (), "meV", "smallest branch minimum"),
    Quantity(
        "free_energy",
        lambda sc, T, s: free_energy_of(sc, s.Delta, T),
        (),
        "meV^2 N",
        "free energy relative to the normal state",
    ),
    Quantity(
        "phase_difference",
        lambda sc, T, s: phase_difference(s),
        ("channel",),
        "rad",
        "phase relative to the first band coupled to it",
    ),
    Quantity(
        "relative_sign", lambda sc, T, s: relative_signs(s), ("channel",), "1", "sign relative to the first band coupled to it"
    ),
    Quantity(
        "T_c",
        lambda sc, T, s: critical_temperature(sc),
        (),
        "K",
        "critical temperature (linear)",
        of_solution=False,
    ),
    Quantity("label", lambda sc, T, s: s.label, (), "1", "kind of state"),
    Quantity("sigma_min", lambda sc, T, s: s.sigma_min, (), "1", "smallest singular value of M"),
    Quantity("quadrature_error", lambda sc, T, s: s.quadrature_error, (), "1", "estimated relative error of the amplitudes"),
    Quantity("steps", lambda sc, T, s: s.steps, (), "1", "evaluations of the gap equations"),
)

NAMES = {one.name: one for one in _KNOWN}
"""What an observable may be called."""
FIXED = ("status", "residual")
"""Recorded always."""
_INTEGERS = ("label", "steps", "sigma_min", "quadrature_error")
"""Have no derivative."""
_SENSITIVITY = re.compile(r"^d\s+(?P<what>\w+)\s*/\s*d\s+(?P<along>.+)$")


def observable(function: Function, name: str = "", dims: Iterable[str] = (), units: str = "1", long_name: str = "") -> Quantity:
    """A quantity of one's own.

    Args:
        function: (sc, T, solution) -> an array of fixed shape, for one state, of JAX operations.
        name: the variable's name; default: the function's.
        dims: names of the array's axes.
        units: its unit.
        long_name: what it is.
    """
    name = name or getattr(function, "__name__", "")
    check(callable(function), "function", "be a function of (sc, T, solution)", repr(function))
    check(name.isidentifier(), "name", "be an identifier", repr(name))
    return Quantity(name, function, tuple(dims), units, long_name or name)


def quantities(observables: Any, points: Points) -> tuple[Quantity, ...]:
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
    for one in found:
        check(names.count(one.name) == 1, "observables", "have different names, other than those of axes", f"`{one.name}`")
    return found


def _quantity(entry: Any, name: str | None, points: Points) -> Quantity:
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
    if what not in NAMES or what in _INTEGERS:
        good = ", ".join(name for name in NAMES if name not in _INTEGERS)
        raise InputError(f"Observable `{text}`: cannot differentiate `{what}`; what can be differentiated is {good}.")
    axes = {one.name: one.unit for one in points.axes}
    place = along if along in axes or along == "T" else points.family.sc.canonical(along)
    unit = axes.get(place) or unit_of(place)
    base = NAMES[what]
    units = base.units if unit == "1" else f"{base.units} / {unit}"
    return replace(base, name=f"d_{what}_d_{along}", units=units, long_name=f"d {what} / d {along}", along=place)


def labels_of(sc: Superconductor) -> dict[str, tuple[str, ...]]:
    """Coordinates of the dimensions that belong to a system."""
    return {"channel": sc.channels, "branch": branch_names(sc), "band": sc.band_names}
