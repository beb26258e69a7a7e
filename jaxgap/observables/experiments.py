"""What `jaxgap observe` is asked for: systems at temperatures on branches, solved, and what an experiment sees of them.

Spectra are of states, one per temperature; heat, superfluid density and nuclear relaxation are curves over the temperatures.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgap.drawing import COLOURS
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError, check, check_finite
from jaxgap.observables.curves import look
from jaxgap.observables.gaps import branch_minima
from jaxgap.observables.quantities import EXPERIMENTS, OPTIONS
from jaxgap.observables.quantity import Quantity
from jaxgap.observables.views import TEMPERATURE, Panels, Settings, Sight, View
from jaxgap.solving.curves import solve_temperatures
from jaxgap.solving.labels import Label
from jaxgap.solving.one import solve
from jaxgap.solving.solution import Solution, Status

__all__ = ["Observed", "Request", "check_experiment", "observed"]


class Observed(NamedTuple):
    """What is seen, and of which states."""

    sight: Sight
    states: Mapping[str, Solution]
    """The states, or the solutions over temperature, by what tells them apart."""

    @property
    def numbers(self) -> Mapping[str, object]:
        """What the picture is read for."""
        return self.sight.numbers if isinstance(self.sight, Panels) else {}

    @property
    def said(self) -> tuple[str, ...]:
        """The same in sentences."""
        return self.sight.said if isinstance(self.sight, Panels) else ()

    @property
    def notes(self) -> list[str]:
        """What the picture does not show: states that are normal, and temperatures at which there is none."""
        notes = []
        for label, s in self.states.items():
            name = f"{label}: " * bool(label)
            T, status, missing = (np.atleast_1d(part) for part in (s.T, s.status, ~s.converged))
            normal = np.atleast_1d(s.label == Label.NORMAL) & ~missing
            if normal.any():
                notes.append(f"{name}normal, without a gap, at {_listed(T[normal])}.")
            for code in np.unique(status[missing]):
                at = _listed(T[missing & (status == code)])
                notes.append(f"{name}left out at {at}: {Status(int(code)).sentence}")
        return notes


def _listed(T: Float[np.ndarray, "temperature"]) -> str:
    """A few temperatures, or how many there are."""
    return ", ".join(f"{t:g}" for t in T) + " K" if len(T) <= 4 else f"{len(T)} temperatures, {T.min():g} to {T.max():g} K"


def observed(experiment: str, request: "Request") -> Observed:
    """What an experiment sees.

    Raises:
        InputError: for anything that it would refuse, before anything is solved.
        NotConvergedError: if a branch does not exist.
    """
    check_experiment(experiment, request.given)
    row = EXPERIMENTS[experiment]
    shown = row.picture
    assert shown is not None
    settings = request.checked(row)
    over_temperature = shown.axis is TEMPERATURE
    states = request.along_T if over_temperature else request.states
    reach = 0.0 if over_temperature else settings["reach"] or reach_of(states)
    sight = look(row, View(states, settings, reach))
    title = "; ".join(part for part in (request.title(states), sight.title) if part)
    return Observed(sight._replace(title=title), states)


def check_experiment(experiment: str, given: Iterable[str]) -> None:
    """Raise `InputError` for an experiment that does not exist, or for settings that have no meaning for it."""
    check(experiment in EXPERIMENTS, "EXPERIMENT", f"be one of {', '.join(EXPERIMENTS)}", f"`{experiment}`")
    flags = [one.flag for one in EXPERIMENTS[experiment].options]
    for name in given:
        flag = OPTIONS[name].flag
        check(flag in flags, flag, f"be left out: `{experiment}` takes {', '.join(flags)}", "it")


def reach_of(states: Mapping[str, Solution]) -> float:
    """2.5 times the largest branch minimum of all states (at most Omega), or half the shell where all are normal; of a retarded
    interaction a third more than a phonon's energy above the gap [meV]."""
    retarded = [s for s in states.values() if s.superconductor.is_retarded]
    if retarded:
        return max(float(np.ceil(4 / 3 * _phonon_above(s))) for s in retarded)
    largest = max(min(float(np.max(branch_minima(s))), float(s.superconductor.Omega)) for s in states.values())
    # An eighth of a meV: energies that hardly differ are no news.
    return np.ceil(20 * largest) / 8 if largest > 0 else max(float(s.superconductor.Omega) / 2 for s in states.values())


def _phonon_above(s: Solution) -> float:
    """The highest phonon above the largest gap [meV]."""
    assert isinstance(s.superconductor, RetardedSuperconductor)
    return float(s.superconductor.highest) + float(np.max(np.abs(s.Delta)))


@dataclass(frozen=True)
class Request:
    """What is to be seen: systems at temperatures on branches, and the settings that are given."""

    systems: dict[str, Superconductor]
    branches: tuple[str | None, ...]
    T: Float[np.ndarray, "temperature"]
    """[K]"""
    given: Settings

    def checked(self, row: Quantity) -> Settings:
        """All settings of an experiment: those given, and its own defaults.

        Raises:
            InputError: for a number, or a temperature, that the experiment would refuse.
        """
        settings = {one.name: one.default for one in row.options} | dict(self.given)
        for one in row.options:
            for sc in self.systems.values():
                one.check(settings[one.name], sc, one.flag)
        check_finite("--T", self.T)
        check(bool(np.all(self.T >= 0)), "--T", "hold temperatures >= 0 [K]", self.T.tolist())
        refusals = (row.refused, row.picture.refused if row.picture else None)
        for sc in self.systems.values():
            for refused in refusals:
                if refused is not None:
                    refused(sc, self.T, settings)
        return settings

    @cached_property
    def states(self) -> dict[str, Solution]:
        """The solved states by what tells them apart; each must be the one asked for (`solve` raises otherwise)."""
        found = {}
        for sc, branch, parts in self._asked(len(self.T)):
            for T in self.T:
                s = solve(sc, float(T), branch=branch)
                found[", ".join(parts + [f"{T:g} K"] * (len(self.T) > 1))] = s
        return found

    @cached_property
    def along_T(self) -> dict[str, Solution]:
        """Solutions over all temperatures by what tells them apart; each branch must exist at one of them at least."""
        T = np.unique(self.T)
        check(len(T) > 1, "--T", "hold at least two temperatures for a curve over temperature", self.T.tolist())
        found = {}
        for sc, branch, parts in self._asked(1):
            s = solve_temperatures(sc, T, branch=branch)
            if not np.any(np.asarray(s.converged)):
                raise NotConvergedError(Status(int(s.status[0])).sentence)
            found[", ".join(parts)] = s
        return found

    def _asked(self, per_branch: int) -> Iterator[tuple[Superconductor, str | None, list[str]]]:
        """Every system on every branch, with what tells it from the others; `per_branch` curves each."""
        count = len(self.systems) * len(self.branches) * per_branch
        check(1 <= count <= len(COLOURS), "--T", f"make at most {len(COLOURS)} curves with the systems and branches", count)
        for name, sc in self.systems.items():
            for branch in self.branches:
                # Several branches have been asked for by name.
                yield sc, branch, [name] * (len(self.systems) > 1) + [branch or ""] * (len(self.branches) > 1)

    def title(self, solutions: Mapping[str, Solution]) -> str:
        """What all solutions have in common."""
        parts = [*self.systems] * (len(self.systems) == 1) + [f"{self.T[0]:g} K"] * (len(self.T) == 1)
        if len(self.branches) == 1:
            labels = {Label(int(code)).text for s in solutions.values() for code in np.ravel(s.label)}
            parts += [self.branches[0] or labels.pop()] if self.branches[0] or len(labels) == 1 else []
        return ", ".join(parts)
