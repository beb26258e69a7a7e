r"""What a quantity is: a row of the registry (`jaxgap.observables.quantities`) that `jaxgap observe`, sweeps and fits read.

A quantity is a function of one system, at one temperature, in one state,

.. math:: O = O(\text{system}, T, \text{state}; \text{points on its own axes}, \text{settings})

with what its readers have to know beside it: name, unit, axes, settings with their defaults and bounds, what must be known
before it can be computed, its value in the normal state, and how it is drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.observables._checks import band_weights, not_negative, positive
from jaxgap.observables.views import Axis, Settings, Sight, View
from jaxgap.spectra.minima import branch_names

__all__ = ["GAMMA", "LAYER_SPACING", "PICTURE_REACH", "WEIGHTS", "Need", "Picture", "Quantity", "Setting", "names_along"]


class Need(IntEnum):
    """What must be known before a quantity can be computed."""

    SYSTEM = 0
    """The system alone."""
    BRANCH = 1
    """The system and a branch that is followed in temperature (`located.OnBranch` stands for the state)."""
    STATE = 2
    """Amplitudes at a temperature: the function takes nothing of the state but `Delta`, so that a fit can compute it before the
    gap equations are solved."""
    SOLUTION = 3
    """All that a solver says of a state: its label, its steps, its errors."""


class Setting(NamedTuple):
    """A number that an experiment has besides the state: a broadening, a barrier, a resolution. None is negative."""

    name: str
    """As the function takes it."""
    default: float | None
    unit: str | None
    help: str
    """Of the command's option; that of the first experiment in the registry that has it."""
    positive: bool = False
    """Whether it must not be zero either."""
    of_bands: bool = False
    """Whether it has one value for every band."""
    option: str = ""
    """Of the command, if it is not called as the function has it."""

    @property
    def flag(self) -> str:
        """The command's option."""
        return self.option or "--" + self.name.replace("_", "-")

    def check(self, value: object, sc: Superconductor, called: str = "") -> None:
        """Raise `InputError` for a value that the experiment would refuse of this system; it is `called` as it was given."""
        name = called or self.name
        if self.of_bands:
            band_weights(value, len(sc.bands))
        elif value is not None and self.positive:
            positive(name, value, self.unit or "1")
        elif value is not None:
            not_negative(name, value, self.unit)


GAMMA = Setting("Gamma", 0.1, "meV", "Broadening [meV]. Default: .1; dos 0, arpes 1.")
WEIGHTS = Setting("weights", None, None, "Weights of the bands in tunnelling, or at the nucleus: 1,0.3.", of_bands=True)
PICTURE_REACH = Setting("reach", None, "meV", "Highest energy or voltage of the picture [meV, mV].", positive=True)
LAYER_SPACING = Setting(
    "layer_spacing",
    None,
    "angstrom",
    "Distance of the layers of 2D bands [angstrom], for heat and superfluid.",
    positive=True,
)


class Picture(NamedTuple):
    """How a quantity is drawn by `jaxgap observe`."""

    axis: Axis
    help: str
    """What it is, for the command's help."""
    label: str = ""
    """Of the values."""
    title: str = ""
    """With settings in braces, such as {Gamma:g}."""
    seen: Callable[[View], Sight] | None = None
    """Where more is drawn than the quantity over the axis, one curve per state: a function of its own."""
    settings: tuple[Setting, ...] = ()
    """Of the picture alone: its reach, its units."""
    refused: Callable[[Mapping[str, Superconductor], Float[np.ndarray, "temperature"], Settings], None] | None = None
    """Raises `InputError` for systems, temperatures and settings that do not go together, before anything is solved."""


@dataclass(frozen=True)
class Quantity:
    """A row of the registry; of a sweep, a variable of its result."""

    name: str
    function: Callable[..., object]
    """(sc, T, state, **points and settings) -> an array of fixed shape, for one state, of JAX operations."""
    dims: tuple[str, ...] | None = ()
    """Names of the axes of that array; None: not known before it is traced."""
    units: str = "1"
    long_name: str = ""
    needs: Need = Need.SOLUTION
    axes: tuple[str, ...] = ()
    """Those of `dims` whose points the function takes, by name: energies, voltages, momenta. The others are a system's
    (`names_along`)."""
    settings: tuple[Setting, ...] = ()
    normal: float | None = None
    """Its value in the normal state, if the function does not know it."""
    differentiable: bool = True
    """False for codes, counts and estimates."""
    datum: str = ""
    """What it is called in a file of measured data; empty: a fit cannot take it."""
    proposed: bool = False
    """Whether a fit considers it when it says what to measure next."""
    picture: Picture | None = None
    """None: `jaxgap observe` does not have it."""
    source: str = ""
    """Of the formula, where no module has it."""

    @property
    def of_solution(self) -> bool:
        """False for a quantity of the system alone (T_c), which exists where no solution was found."""
        return self.needs != Need.SYSTEM

    @property
    def options(self) -> tuple[Setting, ...]:
        """Settings of the experiment and of its picture."""
        return self.settings + (self.picture.settings if self.picture else ())

    def __call__(self, sc: Superconductor, T: object, state: object, **given: object) -> Shaped[Array, "..."]:
        """The value, with default settings where none are given."""
        return jnp.asarray(self.function(sc, T, state, **{one.name: one.default for one in self.settings} | given))

    def at(self, **given: object) -> "Quantity":
        """The same with settings, and points on its own axes: `NMR.at(Gamma=0.3)`, `DENSITY_OF_STATES.at(omega=[1.0, 2.0])`."""
        known = [*self.axes, *(one.name for one in self.settings)]
        for name in given:
            check(name in known, "settings", f"be of {', '.join(known) or 'nothing'}", f"`{name}`")
        left = tuple(one for one in self.settings if one.name not in given)
        axes = tuple(axis for axis in self.axes if axis not in given)
        return replace(self, function=partial(self.function, **given), settings=left, axes=axes)


def names_along(sc: Superconductor) -> dict[str, tuple[str, ...]]:
    """What the axes that belong to a system hold."""
    return {"channel": sc.channels, "branch": branch_names(sc), "band": sc.band_names}
