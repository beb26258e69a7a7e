r"""Experiments as part of a fit: what lies between the state and a measured curve.

.. math:: y(x, T) = \mathcal{M}\bigl[ O(\text{system}, T, \text{state}; x, \text{settings}); \text{numbers} \bigr]

O is a quantity of the registry (`jaxgap.observables.quantities`) with settings of the experiment (a broadening, a barrier, a
resolution, weights of bands), and M what the instrument and the rest of the sample make of it (a scale, an offset, a
background, a lattice's heat: `Quantity.measurement`). Every one of these numbers is fixed in fit.toml, or a parameter of the
fit under the path `data[<name>].<number>`, `data[<name>].weights[<band>]`. A tunnel junction whose points are rows of a table
of numbers (`dIdV[<name>]`) has them in [junctions.<name>], and may be written `junction[<name>].Gamma`, `.weight[<band>]`.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Quantity, Setting, names_along

__all__ = [
    "Experiment",
    "Given",
    "Numbers",
    "Tie",
    "arrays_of",
    "check_bounds",
    "check_numbers",
    "experiment_of",
    "is_experiment",
    "parsed",
    "ranges_of",
    "tie",
    "with_values",
]

PATH = re.compile(r"(?P<table>data|junction)\[(?P<name>[^\]]+)\]\.(?P<number>\w+)(?:\[(?P<band>[^\]]+)\])?")
OLD = {"weight": "weights"}
"""Names of a junction's numbers that the registry has otherwise."""

Numbers = dict[str, Float[Array, "..."]]
"""An experiment's own numbers by name: one value each, or one for every band."""


class Given(NamedTuple):
    """An experiment as fit.toml has it."""

    kind: str
    """Of data: a name in `MEASURED`."""
    of: str
    """The branch or band; empty where the quantity has none."""
    numbers: Mapping[str, float | Mapping[str, float]]
    """Those that are fixed; of bands by their names."""


class Place(NamedTuple):
    """Where a path leads."""

    name: str
    number: str
    band: str | None


class Tie(NamedTuple):
    """A number of an experiment that a parameter sets."""

    experiment: int
    number: str
    band: int | None
    factor: float


class Experiment(NamedTuple):
    """The points of one experiment: at some conditions, equally many at each (the last one repeated where there are fewer)."""

    kind: str
    of: int | None
    """Index of the branch or band."""
    conditions: tuple[int, ...]
    """Indices of sample and temperature, rising."""
    points: int
    """At every condition."""
    plan: tuple[tuple[str, object], ...]
    """Static numbers that the quantity takes: nodes, meshes."""

    @property
    def quantity(self) -> Quantity:
        """The row of the registry."""
        return MEASURED[self.kind]


# --- paths ----------------------------------------------------------------------------------------------------------------


def is_experiment(path: str) -> bool:
    """Whether a parameter's path leads into an experiment."""
    return path.startswith(("data[", "junction["))


def parsed(path: str, given: Mapping[str, Given], bands: Sequence[str]) -> Place:
    """Where a path leads: a number that one of the experiments `given` has.

    Raises:
        InputError: for a path that leads nowhere.
    """
    found = PATH.fullmatch(path)
    if found is None:
        raise InputError(
            f"Unknown path `{path}`: an experiment has `data[<name>].<number>`, and `data[<name>].weights[<band>]` of bands."
        )
    name, number, band = found["name"], OLD.get(found["number"], found["number"]), found["band"]
    if name not in given:
        where = f"[junctions.{name}]" if found["table"] == "junction" else f"experiment `{name}` among the data"
        raise InputError(f"`{path}`: there is no {where}.")
    setting = known_numbers(given[name].kind).get(number)
    if setting is None:
        known = ", ".join(known_numbers(given[name].kind)) or "none"
        raise InputError(f"Unknown path `{path}`: `{given[name].kind}` has no number `{number}`; it has {known}.")
    if setting.of_bands != (band is not None):
        written = f"{path.split('[')[0]}[{name}].{found['number']}" + ("[<band>]" if setting.of_bands else "")
        raise InputError(f"`{path}`: this number is written `{written}`.")
    if band is not None and band not in bands:
        raise InputError(f"`{path}`: there is no band `{band}`; the bands are {', '.join(bands)}.")
    return Place(name, number, band)


def known_numbers(kind: str) -> dict[str, Setting]:
    """The numbers that an experiment of a kind has."""
    return {one.name: one for one in MEASURED[kind].numbers}


def check_numbers(name: str, given: Given, sc: Superconductor, free: Collection[str]) -> None:
    """Raise InputError for a number that there is not, that the experiment would refuse, or that nothing says; those that are
    `free` are parameters."""
    known = known_numbers(given.kind)
    for number, setting in known.items():
        if setting.required and number not in given.numbers and number not in free:
            raise InputError(
                f"`{name}`: `{given.kind}` needs `{number}`: give it in `settings`, or let a parameter set "
                f"`data[{name}].{number}`."
            )
    for number, value in given.numbers.items():
        if number not in known:
            raise InputError(f"`{name}`: `{given.kind}` has no number `{number}`; it has {', '.join(known) or 'none'}.")
        if isinstance(value, Mapping) != known[number].of_bands:
            form = "a table, one number per band" if known[number].of_bands else "one number"
            raise InputError(f"`{name}`: `{number}` must be {form}.")
        if isinstance(value, Mapping) and (unknown := [band for band in value if band not in sc.band_names]):
            raise InputError(
                f"`{name}`: `{number}`: there is no band `{unknown[0]}`; the bands are {', '.join(sc.band_names)}."
            )
        known[number].check(_filled(value, sc) if isinstance(value, Mapping) else value, sc, f"{name}.{number}")


def check_bounds(path: str, place: Place, given: Mapping[str, Given], values: Sequence[float], sc: Superconductor) -> None:
    """Raise InputError where a number of an experiment may not be at one of the bounds of a parameter."""
    setting = known_numbers(given[place.name].kind)[place.number]
    low = min(values)
    if setting.signed or low > 0 or (low == 0 and not setting.positive):
        return
    must = "be positive" if setting.positive else "not be negative"
    raise InputError(f"`{path}` must {must}, but its bounds are {values[0]:g} and {values[1]:g}.")


def tie(path: str, factor: float, given: Mapping[str, Given], bands: tuple[str, ...]) -> Tie:
    """The number at `path` as the parameter that sets it has it."""
    place = parsed(path, given, bands)
    return Tie(list(given).index(place.name), place.number, None if place.band is None else bands.index(place.band), factor)


# --- numbers ----------------------------------------------------------------------------------------------------------------


def arrays_of(given: Given, sc: Superconductor) -> Numbers:
    """The numbers of an experiment, default ones where none are given; a number that is not known at all is left out."""
    found: Numbers = {}
    for name, setting in known_numbers(given.kind).items():
        value = given.numbers.get(name, setting.default)
        if setting.of_bands:
            found[name] = jnp.asarray(_filled(value if isinstance(value, Mapping) else {}, sc))
        elif value is not None:
            assert not isinstance(value, Mapping)
            found[name] = jnp.asarray(float(value))
    return found


def _filled(weights: Mapping[str, float], sc: Superconductor) -> np.ndarray:
    return np.array([weights.get(band, 1.0) for band in sc.band_names])


def with_values(
    numbers: tuple[Numbers, ...], ties: tuple[tuple[Tie, ...], ...], theta: Float[Array, "parameter"]
) -> tuple[Numbers, ...]:
    """The numbers of all experiments with the parameters `theta` set."""
    changed = [dict(one) for one in numbers]
    for value, group in zip(theta, ties, strict=True):
        for to in group:
            one, new = changed[to.experiment], to.factor * value
            one[to.number] = new if to.band is None else one[to.number].at[to.band].set(new)
    return tuple(changed)


# --- what is static ------------------------------------------------------------------------------------------------------


def experiment_of(
    given: Given,
    sc: Superconductor,
    conditions: tuple[int, ...],
    T: np.ndarray,
    x: np.ndarray,
    ranges: Mapping[str, tuple[float, float]],
) -> Experiment:
    """The static structure of an experiment at temperatures T [condition] and points x [condition, point]; `ranges` have the
    least and the largest value of every number."""
    row = MEASURED[given.kind]
    of = names_along(sc)[(row.dims or ("",))[0]].index(given.of) if given.of else None
    plan = row.planned(sc, T, dict.fromkeys(row.axes, x), ranges)
    return Experiment(given.kind, of, conditions, x.shape[1], tuple(sorted(plan.items())))


def ranges_of(
    name: str,
    given: Mapping[str, Given],
    sc: Superconductor,
    parameters: Iterable[tuple[tuple[float, float], Mapping[str, float]]],
) -> dict[str, tuple[float, float]]:
    """The least and the largest value of every number of the experiment `name`, from the (bounds, what it sets) of every
    parameter."""
    values = {number: np.array([array, array]) for number, array in arrays_of(given[name], sc).items()}
    for bounds, sets in parameters:
        for path, factor in sets.items():
            if is_experiment(path) and (place := parsed(path, given, sc.band_names)).name == name:
                ends = factor * np.array(bounds)
                at = ... if place.band is None else (slice(None), sc.band_names.index(place.band))
                values.setdefault(place.number, np.zeros(2))[at] = ends
    return {number: (float(two.min()), float(two.max())) for number, two in values.items()}
