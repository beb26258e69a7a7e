r"""What a quantity is: a row of the registry (`jaxgap.observables.quantities`) that `jaxgap observe`, sweeps and fits read.

A quantity is a function of one system, at one temperature, in one state; what an instrument reads of it is a function of that,

.. math:: O = O(\text{system}, T, \text{state}; \text{points on its own axes}, \text{settings}), \qquad
          y = y(O, T, \text{points}; \text{numbers of the measurement})

with what its readers have to know beside it: name, unit, axes, settings with their defaults and bounds, what must be known
before it can be computed, its value in the normal state, and how it is drawn. All of y can be differentiated and batched with
respect to the system, T, the amplitudes, the points and all numbers; what JAX needs as static numbers (nodes, meshes) is
planned beforehand, once for all temperatures of a data set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Shaped

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.observables._checks import band_weights, finite, not_negative, positive
from jaxgap.observables.views import Axis, Settings, Sight, View
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.state import GivenState, MeanFieldState
from jaxgap.spectra.minima import branch_names

__all__ = [
    "GAMMA",
    "LAYER_SPACING",
    "PICTURE_REACH",
    "WEIGHTS",
    "Measurement",
    "Need",
    "Numbers",
    "Picture",
    "Points",
    "Quantity",
    "Ranges",
    "Setting",
    "names_along",
    "where_paired",
]

Points = Mapping[str, Float[Array, "point"]]
"""On a quantity's own axes, by their names."""
Numbers = Mapping[str, object]
"""Of settings and measurement, by name: numbers, one per band where a setting is `of_bands`, None where the default counts."""
Ranges = Mapping[str, tuple[float, float]]
"""The smallest and the largest value that a number may take in a fit (twice the same where it is fixed)."""


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
    """A number that an experiment has besides the state: a broadening, a barrier, a resolution, a background."""

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
    bounds: tuple[float, float] | None = None
    """Between which a fit looks for it where it is told no others; None: it must be told."""
    signed: bool = False
    """Whether it may be negative."""
    required: bool = False
    """Whether there is nothing to be said without it: it has no default."""

    @property
    def flag(self) -> str:
        """The command's option."""
        return self.option or "--" + self.name.replace("_", "-")

    def range_in(self, ranges: "Ranges") -> tuple[float, float]:
        """The smallest and the largest value that it may take: its default where `ranges` do not say."""
        if self.name in ranges:
            return ranges[self.name]
        assert self.default is not None
        return self.default, self.default

    def check(self, value: object, sc: Superconductor, called: str = "") -> None:
        """Raise `InputError` for a value that the experiment would refuse of this system; it is `called` as it was given."""
        name = called or self.name
        if self.of_bands:
            band_weights(value, len(sc.components))
        elif value is None:
            check(not self.required, name, f"be given{f' [{self.unit}]' * bool(self.unit)}", "None")
        elif self.positive:
            positive(name, value, self.unit or "1")
        elif self.signed:
            finite(name, value, self.unit)
        else:
            not_negative(name, value, self.unit)


GAMMA = Setting("Gamma", 0.1, "meV", "Broadening [meV]. Default: .1; dos 0, arpes 1.", bounds=(0.01, 5.0))
WEIGHTS = Setting(
    "weights", None, None, "Weights of the bands in tunnelling, or at the nucleus: 1,0.3.", of_bands=True, bounds=(0.0, 1.0)
)
PICTURE_REACH = Setting("reach", None, "meV", "Highest energy or voltage of the picture [meV, mV].", positive=True)
LAYER_SPACING = Setting(
    "layer_spacing",
    None,
    "angstrom",
    "Distance of the layers of 2D bands [angstrom], for heat and superfluid.",
    positive=True,
)


class Measurement(NamedTuple):
    """What lies between a quantity and what an instrument reads of it: `jaxgap.observables.measurements` has the usual ones."""

    function: Callable[..., Array]
    """(value, T, points, **numbers) -> the reading, in the quantity's unit unless a scale changes it."""
    numbers: tuple[Setting, ...]
    """With defaults that leave the value as it is."""
    formula: str
    """The same for people, with x for the value."""


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
    refused: Callable[[Superconductor, Float[np.ndarray, "temperature"], Settings], None] | None = None
    """Raises `InputError` for settings of the picture alone that do not go with a system, before anything is solved."""


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
    measurement: Measurement | None = None
    """None: what is read is the value."""
    plan: Callable[[Superconductor, Float[np.ndarray, "condition"], Mapping[str, np.ndarray], Ranges], Numbers] | None = None
    """(sc, T of every condition, points [condition, point] by axis, ranges of the numbers) -> what the function takes besides
    as static numbers: nodes, centres, a mesh. On the host; good for all these temperatures and all numbers in their ranges."""
    refused: Callable[[Superconductor, Float[np.ndarray, "temperature"], Settings], None] | None = None
    """Raises `InputError` for a system, temperatures and settings of which this cannot be computed, before it is."""
    axis_units: Mapping[str, str] = field(default_factory=dict, hash=False)
    """Of the points on `axes`."""

    @property
    def of_solution(self) -> bool:
        """False for a quantity of the system alone (T_c), which exists where no solution was found."""
        return self.needs != Need.SYSTEM

    @property
    def complete(self) -> bool:
        """Whether every setting has a default."""
        return not any(one.required for one in self.settings)

    @property
    def options(self) -> tuple[Setting, ...]:
        """Settings of the experiment and of its picture."""
        return self.settings + (self.picture.settings if self.picture else ())

    @property
    def numbers(self) -> tuple[Setting, ...]:
        """All that an experiment has besides the state: its settings and those of the measurement."""
        return self.settings + (self.measurement.numbers if self.measurement else ())

    def planned(
        self, sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
    ) -> Numbers:
        """The static numbers that `reading` takes, the same for all temperatures `T` [K]; the arguments are those of `plan`.

        Raises:
            InputError: where this quantity does not exist.
        """
        for end in (0, 1):
            if self.refused is not None:
                self.refused(sc, T, {one.name: ranges.get(one.name, (one.default,) * 2)[end] for one in self.settings})
        return {} if self.plan is None else self.plan(sc, T, points, ranges)

    def reading(
        self,
        sc: Superconductor,
        T: Float[Array, ""] | None,
        state: object,
        points: Points,
        numbers: Numbers,
        plan: Numbers,
        of: int | None = None,
    ) -> Float[Array, "..."]:
        """What an instrument reads at one temperature, in one state: the measurement of the value. JAX may trace everything in
        it but `plan` and `of`, the place along the first of `dims` (a branch, a band) that is measured."""
        given = {one.name: one.default if numbers.get(one.name) is None else numbers[one.name] for one in self.numbers}
        own = {one.name: given.pop(one.name) for one in self.settings}

        def observed(state: object) -> Float[Array, "..."]:
            return jnp.asarray(self.function(sc, T, state, **points, **own, **plan))

        value = observed(state) if self.normal is None else where_paired(state, observed, self.normal)
        value = value if of is None else value[of]
        return value if self.measurement is None else self.measurement.function(value, T, points, **given)

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


def where_paired(
    state: object, observed: Callable[[MeanFieldState | DressedState], Float[Array, "..."]], normal: float | Float[Array, ""]
) -> Float[Array, "..."]:
    """`observed` of a state with amplitudes, and `normal` where all of them are zero.

    There `observed` need not have a derivative: it is asked at other amplitudes and not used, so that reverse mode does not
    multiply a zero with infinity.
    """
    assert isinstance(state, MeanFieldState | DressedState)
    sc, paired = state.superconductor, jnp.any(state.Delta != 0)
    if sc.is_retarded:  # Its self-energy is more than its amplitudes.
        return jnp.where(paired, observed(state), normal)
    # Of a lattice all channels are alike.
    n, scale = (len(sc.bands), sc.Omega) if sc.beyond else (len(sc.channels), sc.scale)
    elsewhere = scale * np.where(np.arange(len(sc.channels)) < n, 0.1, 0.02)
    Delta = jnp.where(paired, state.Delta, jax.lax.stop_gradient(elsewhere))
    return jnp.where(paired, observed(GivenState(sc, state.T, Delta)), normal)


def names_along(sc: Superconductor) -> dict[str, tuple[str, ...]]:
    """What the axes that belong to a system hold."""
    return {"channel": sc.channels, "branch": branch_names(sc), "band": sc.components}
