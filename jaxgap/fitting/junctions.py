r"""Tunnel junctions as part of a fit: what lies between the state and a measured spectrum.

.. math:: y(V) = a \, (1 + b V) \, \frac{dI}{dV}(V; \Gamma, w)

with dI/dV of the state (`observables.conductance`, relative to the normal state's), the normalisation a, the slope b of the
background [1/mV], the Dynes broadening Gamma [meV] and the tunnelling weights w_i of the bands. Each of them is fixed in
[junctions.<name>] of fit.toml, or a parameter of the fit under the path `junction[<name>].Gamma`, `.scale`, `.slope` or
`.weight[<band>]`.
"""

import re
from typing import Any, NamedTuple

from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.conductance import conductance_of
from jaxgap.solving.state import GivenState

__all__ = ["PATH", "Junction", "Spectrum", "Tie", "is_junction", "measured", "tie", "with_values"]

PATH = re.compile(r"junction\[(?P<name>[^\]]+)\]\.(?P<leaf>Gamma|scale|slope|weight)(?:\[(?P<band>[^\]]+)\])?")


class Junction(NamedTuple):
    """A junction's own numbers."""

    Gamma: Float[Array, ""]
    """Dynes broadening [meV]."""
    scale: Float[Array, ""]
    slope: Float[Array, ""]
    """Of the background [1/mV]."""
    weight: Float[Array, "band"]
    """Tunnelling weight of every band."""


class Tie(NamedTuple):
    """A number of a junction that a parameter sets."""

    junction: int
    leaf: str
    band: int
    factor: float


class Spectrum(NamedTuple):
    """The points of one junction at one temperature."""

    junction: int
    condition: int
    """Index of sample and temperature."""
    nodes: int | None
    """As `conductance.common_nodes` has it."""


def is_junction(path: str) -> bool:
    """Whether a parameter's path leads into a junction."""
    return path.startswith("junction[")


def tie(path: str, factor: float, names: list[str], bands: tuple[str, ...]) -> Tie:
    """The number at `path`, of the junctions `names` of a system with `bands`."""
    found = PATH.fullmatch(path)
    if found is None or (found["leaf"] == "weight") == (found["band"] is None):
        raise InputError(
            f"Unknown path `{path}`: a junction has `junction[<name>].Gamma`, `.scale`, `.slope` and `.weight[<band>]`."
        )
    if found["name"] not in names:
        raise InputError(f"`{path}`: there is no [junctions.{found['name']}].")
    if found["band"] is not None and found["band"] not in bands:
        raise InputError(f"`{path}`: there is no band `{found['band']}`; the bands are {', '.join(bands)}.")
    band = bands.index(found["band"]) if found["band"] else 0
    return Tie(names.index(found["name"]), found["leaf"], band, factor)


def with_values(junctions: tuple[Junction, ...], ties: tuple[tuple[Tie, ...], ...], theta: Any) -> tuple[Junction, ...]:
    """The junctions with the parameters `theta` set."""
    changed = list(junctions)
    for value, group in zip(theta, ties, strict=True):
        for to in group:
            one, new = changed[to.junction], to.factor * value
            new = one.weight.at[to.band].set(new) if to.leaf == "weight" else new
            changed[to.junction] = one._replace(**{to.leaf: new})
    return tuple(changed)


def measured(
    sc: Superconductor, Delta: Any, T: Any, V: Float[Array, "voltage"], junction: Junction, nodes: int | None
) -> Float[Array, "voltage"]:
    """y(V) of a state."""
    background = junction.scale * (1 + junction.slope * V)
    return background * conductance_of(GivenState(sc, T, Delta), V, junction.Gamma, junction.weight, nodes)
