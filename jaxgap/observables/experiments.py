"""The experiments of `jaxgap observe`: from what is asked for to a picture and its data.

An experiment is a function of a `Request` that returns a `Drawing`; `EXPERIMENTS` has them by the names that the command takes.
Spectra are of states, one per temperature; heat, superfluid density and nuclear relaxation are curves over the temperatures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np

from jaxgap.drawing import COLOURS
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError, check, check_finite
from jaxgap.observables import curves, pictures
from jaxgap.observables._checks import band_weights, not_negative, positive
from jaxgap.observables.absolute import states_per_volume
from jaxgap.observables.symmetrised import gap_comparison
from jaxgap.solving.curves import solve_temperatures
from jaxgap.solving.labels import Label
from jaxgap.solving.one import solve
from jaxgap.solving.solution import Solution, Status

__all__ = ["EXPERIMENTS", "TAKES", "Drawing", "Request"]


@dataclass(frozen=True)
class Request:
    """What is to be seen: systems at temperatures on branches, and the experiment's own numbers."""

    systems: dict[str, Superconductor]
    branches: tuple[str | None, ...]
    T: np.ndarray
    """[K]"""
    Gamma: float | None
    """[meV]; None: the experiment's own."""
    Z: float
    weights: np.ndarray | None
    energy_resolution: float
    """[meV]"""
    momentum_resolution: float
    """[1/angstrom]"""
    given_reach: float | None
    """[meV]; None: from the gaps."""
    formula_volume: float | None
    """[angstrom^3]"""
    layer_spacing: float | None
    """[angstrom]"""

    def check(self, experiment: str) -> None:
        """Raise `InputError` for a number that the experiment would refuse, before anything is solved."""
        needs_width = experiment in ("andreev", "arpes", "map", "nmr")
        if self.Gamma is not None:
            (positive if needs_width else not_negative)("--Gamma", self.Gamma, "meV")
        not_negative("--Z", self.Z)
        (positive if experiment == "arpes" else not_negative)("--resolution", self.energy_resolution, "meV")
        not_negative("--momentum-resolution", self.momentum_resolution, "1/angstrom")
        for option, value, unit in (
            ("--reach", self.given_reach, "meV"),
            ("--formula-volume", self.formula_volume, "angstrom^3"),
            ("--layer-spacing", self.layer_spacing, "angstrom"),
        ):
            if value is not None:
                positive(option, value, unit)
        for sc in self.systems.values():
            band_weights(self.weights, len(sc.bands))
            if experiment == "heat":
                curves.heat_unit(sc, self.formula_volume, self.layer_spacing)
            if experiment == "superfluid" and self.layer_spacing is not None:
                states_per_volume(sc, self.layer_spacing)
        check_finite("--T", self.T)
        check(bool(np.all(self.T >= 0)), "--T", "hold temperatures >= 0 [K]", self.T.tolist())
        if experiment in ("arpes", "map"):
            check(bool(np.all(self.T > 0)), "T", "be positive [K] for photoemission (the Fermi function)", self.T.tolist())

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

    @property
    def reach(self) -> float:
        """The highest energy or voltage of the picture."""
        return self.given_reach if self.given_reach is not None else pictures.reach_of(self.states)

    def axis(self, points: int = 501) -> np.ndarray:
        """Energies or voltages, even around zero."""
        return np.linspace(-self.reach, self.reach, points)

    def broadening(self, default: float) -> float:
        """Gamma [meV]."""
        return default if self.Gamma is None else self.Gamma


class Drawing(NamedTuple):
    """A picture and its data."""

    figure: Any
    columns: Iterable[str]
    rows: Iterable[Iterable[Any]]
    states: Mapping[str, Solution]
    """The states, or the solutions over temperature, by what tells them apart."""
    numbers: Mapping[str, Any] = MappingProxyType({})
    """What the picture is read for."""

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


def _listed(T: np.ndarray) -> str:
    """A few temperatures, or how many there are."""
    return ", ".join(f"{t:g}" for t in T) + " K" if len(T) <= 4 else f"{len(T)} temperatures, {T.min():g} to {T.max():g} K"


def _one(request: Request, solutions: Mapping[str, Solution], spectra: pictures.Spectra) -> Drawing:
    """The drawing of one set of curves."""
    title = "; ".join(part for part in (request.title(solutions), spectra.title) if part)
    columns, rows = spectra.table
    named = [column or "value" for column in columns]
    return Drawing(pictures.draw(spectra._replace(title=title)).figure, named, rows, solutions)


# --- spectra of states ------------------------------------------------------------------------------------------------


def density_of_states(request: Request) -> Drawing:
    """N(omega) / N(0), exact where no --Gamma is given."""
    omega, s = request.axis(2001), request.states
    return _one(request, s, pictures.density_spectra(s, omega, request.broadening(0.0), request.weights))


def tunnelling(request: Request) -> Drawing:
    """dI/dV of a tunnel junction, smeared with temperature."""
    V, s = request.axis(), request.states
    return _one(request, s, pictures.tunnelling_spectra(s, V, request.broadening(0.1), request.weights))


def andreev(request: Request) -> Drawing:
    """dI/dV of a point contact with a barrier --Z, smeared with temperature."""
    V, s = request.axis(), request.states
    return _one(request, s, pictures.andreev_spectra(s, V, request.broadening(0.1), request.Z, request.weights))


def photoemission(request: Request) -> Drawing:
    """Symmetrised EDCs at the Fermi momentum of every band, and the gaps that they show."""
    bands = {sc.band_names for sc in request.systems.values()}
    check(len(bands) == 1, "SYSTEM", "have the same bands in one photoemission picture", [*request.systems])
    names, widths = bands.pop(), (request.broadening(1.0), request.energy_resolution, request.momentum_resolution)
    figure, axes = plt.subplots(1, len(names), figsize=(max(6.4, 4.6 * len(names)), 4.4), layout="constrained", squeeze=False)
    columns, data = ["omega_meV"], [request.axis()]
    for band, ax in zip(names, axes[0], strict=True):
        spectra = pictures.edc_spectra(request.states, band, data[0], *widths)
        pictures.draw(spectra._replace(title=f"at $k_F$ of {band}", y_label=spectra.y_label if ax is axes[0, 0] else ""), ax)
        columns += [", ".join(part for part in (band, label) if part) for label in spectra.curves]
        data += spectra.curves.values()
    k = f", {widths[2]:g} $\\mathrm{{\\AA}}^{{-1}}$" if widths[2] else ""
    title = f"{request.title(request.states)}; $\\Gamma$ = {widths[0]:g} meV, resolution {widths[1]:g} meV{k}"
    figure.suptitle(title.lstrip("; "), fontsize=10)
    gaps = {label: [row._asdict() for row in gap_comparison(s, *widths)] for label, s in request.states.items()}
    rows = zip(*(map(float, column) for column in data), strict=True)
    return Drawing(figure, columns, rows, request.states, {"gaps_meV": gaps})


def intensity_map(request: Request) -> Drawing:
    """The photoemission intensity I(k, omega) around the Fermi momenta, of one state."""
    check(len(request.states) == 1, "--T", "leave one state for a map", f"{len(request.states)} states")
    state, widths = next(iter(request.states.values())), (request.broadening(1.0), request.energy_resolution)
    omega = np.linspace(-request.reach, request.reach / 2, 201)
    title = request.title(request.states)
    found = pictures.photoemission_map(state, omega, *widths, request.momentum_resolution, title)
    return Drawing(pictures.draw_map(found).figure, *found.table, request.states)


# --- curves over temperature ------------------------------------------------------------------------------------------


def heat(request: Request) -> Drawing:
    """specific heat over temperature: C / C_n, or C/T in mJ/(mol K^2) with --formula-volume."""
    s = request.along_T
    return _one(request, s, curves.heat_curves(s, request.formula_volume, request.layer_spacing))


def superfluid(request: Request) -> Drawing:
    """superfluid density over temperature, or lambda^-2 with --layer-spacing."""
    s = request.along_T
    return _one(request, s, curves.superfluid_curves(s, request.layer_spacing))


def nmr(request: Request) -> Drawing:
    """1/(T_1 T) over temperature, relative to the normal state."""
    s = request.along_T
    return _one(request, s, curves.relaxation_curves(s, request.broadening(0.1), request.weights))


EXPERIMENTS: dict[str, Callable[[Request], Drawing]] = {
    "dos": density_of_states,
    "tunnelling": tunnelling,
    "andreev": andreev,
    "arpes": photoemission,
    "map": intensity_map,
    "heat": heat,
    "superfluid": superfluid,
    "nmr": nmr,
}
"""By the names that `jaxgap observe` takes; the docstring's first line is what the help shows."""
TAKES: dict[str, tuple[str, ...]] = {
    "dos": ("--Gamma", "--weights", "--reach"),
    "tunnelling": ("--Gamma", "--weights", "--reach"),
    "andreev": ("--Gamma", "--Z", "--weights", "--reach"),
    "arpes": ("--Gamma", "--resolution", "--momentum-resolution", "--reach"),
    "map": ("--Gamma", "--resolution", "--momentum-resolution", "--reach"),
    "heat": ("--formula-volume", "--layer-spacing"),
    "superfluid": ("--layer-spacing",),
    "nmr": ("--Gamma", "--weights"),
}
"""The options of each, besides those that all of them take."""
