"""What is seen of solved states: curves over one axis, panels of them, an intensity map. Numbers, labels and units, no picture.

`jaxgap.observables.pictures` draws them; `table` is what is written beside a picture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxgap.solving.solution import Solution

__all__ = ["ENERGY", "TEMPERATURE", "VOLTAGE", "Axis", "IntensityMap", "Panels", "Settings", "Sight", "Spectra", "View"]

Settings = Mapping[str, Any]
"""Of an experiment, by name: what they may be is said by its `Setting`s."""
Table = tuple[tuple[str, ...], Iterable[tuple[float, ...]]]
"""Columns and rows."""


class Axis(NamedTuple):
    """What lies along the horizontal axis."""

    name: str
    """As a quantity's function takes the points; over temperature, every state is at one."""
    label: str
    column: str
    """Of a table, with its unit."""
    points: int = 501
    """How many a picture has."""


TEMPERATURE = Axis("T", "temperature $T$ (K)", "T_K")
ENERGY = Axis("omega", r"energy $\omega$ (meV)", "omega_meV")
VOLTAGE = Axis("V", "voltage $V$ (mV)", "V_mV")


@dataclass(frozen=True)
class View:
    """What is looked at: solved states, and an experiment's settings."""

    states: Mapping[str, Solution]
    """By what tells them apart; over temperature, each is a batch of states (`solve_temperatures`)."""
    settings: Settings
    """Complete: of the experiment and of its picture."""
    reach: float = 0.0
    """The highest energy or voltage; without meaning over temperature."""


class Spectra(NamedTuple):
    """Curves over one axis; NaN where there is nothing."""

    x: Float[np.ndarray, "point"]
    curves: dict[str, Float[np.ndarray, "point"]]
    """By label."""
    x_label: str
    y_label: str
    x_column: str
    """As in a table, with its unit."""
    title: str = ""
    marks: Mapping[str, float] = MappingProxyType({})
    """Places on the axis to be marked, by label of the curve."""
    top: float | None = None
    """Where the picture ends."""
    normal: Mapping[str, Float[np.ndarray, "point"]] = MappingProxyType({})
    """What the normal state has, by label of the curve."""

    @property
    def table(self) -> Table:
        """Columns and rows."""
        names = [_joined(label, "normal state") for label in self.normal]
        return (self.x_column, *self.curves, *names), _rows(self.x, *self.curves.values(), *self.normal.values())


class Panels(NamedTuple):
    """Curves over one axis beside each other: a panel for every band."""

    panels: Mapping[str, Spectra]
    """By band."""
    title: str
    numbers: Mapping[str, object]
    """What is read from them."""
    said: tuple[str, ...]
    """The same in sentences."""

    @property
    def table(self) -> Table:
        """Columns and rows."""
        first = next(iter(self.panels.values()))
        curves = {_joined(band, label): y for band, one in self.panels.items() for label, y in one.curves.items()}
        return (first.x_column, *curves), _rows(first.x, *curves.values())


class IntensityMap(NamedTuple):
    """I(k, omega) of one state, and what lies beneath it."""

    k: Float[np.ndarray, "k"]
    """[1/angstrom]"""
    omega: Float[np.ndarray, "omega"]
    """[meV]"""
    intensity: Float[np.ndarray, "k omega"]
    """[1/meV]"""
    branches: Float[np.ndarray, "branch k"]
    """E(k) [meV]."""
    title: str

    @property
    def table(self) -> Table:
        """Columns and rows."""
        k, omega = np.meshgrid(self.k, self.omega, indexing="ij")
        columns = ("k_per_angstrom", "omega_meV", "intensity_per_meV")
        return columns, _rows(k.ravel(), omega.ravel(), self.intensity.ravel())


Sight = Spectra | Panels | IntensityMap


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _rows(*columns: Float[np.ndarray, "point"]) -> list[tuple[float, ...]]:
    return [tuple(map(float, row)) for row in zip(*columns, strict=True)]
