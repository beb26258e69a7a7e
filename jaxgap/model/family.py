r"""Families of systems: (system, T) as a function of coordinates, whatever is done at each point.

One coordinate makes a `Path`, the straight line between two systems, along which branches are followed. Any number of them
makes a `Section` through parameter space, around one system: the plane of a phase diagram, the grid of a sweep, and with no
coordinate at all the one point itself. A coordinate of a section moves leaves, or T,

.. math:: \text{leaf} = \text{offset} + \text{factor} \times \text{coordinate}

or is any function (system, value) -> system.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor

__all__ = ["Family", "Path", "Section", "Coordinate", "Move", "Moves", "leaf", "heating", "point"]

Coordinate: TypeAlias = float | np.ndarray | Array
"""A number, of Python or of an array library, or traced."""

Move: TypeAlias = tuple[str, float, float]
"""(path of a leaf or "T", factor, offset)."""

Moves: TypeAlias = tuple[Move, ...] | Callable[[Superconductor, Coordinate], Superconductor]
"""What a coordinate does."""


class Family(eqx.Module):
    """Systems and temperatures by coordinates."""

    @abstractmethod
    def at(self, *coordinates: Coordinate) -> tuple[Superconductor, Array]:
        """(system, T [K]) at one point."""


class Path(Family):
    """A straight line through parameter space: (system, T)(p) for p from 0 to 1, and beyond."""

    sc_0: Superconductor
    sc_1: Superconductor
    T_0: Float[Array, ""]
    T_1: Float[Array, ""]
    names: tuple[str, ...] = eqx.field(static=True)
    """What changes: "T" and paths of leaves."""

    def at(self, *coordinates: Coordinate) -> tuple[Superconductor, Array]:
        """(system, T [K]) at p."""
        (p,) = coordinates
        sc = jax.tree.map(lambda a, b: a + (b - a) * p, self.sc_0, self.sc_1)
        return sc, self.T_0 + (self.T_1 - self.T_0) * p

    def value(self, p: Coordinate, name: str | None = None) -> Array:
        """The value of what changes (the first name, if none is given) at p."""
        name = self.names[0] if name is None else name
        a, b = (self.T_0, self.T_1) if name == "T" else (self.sc_0.get(name), self.sc_1.get(name))
        return a + (b - a) * p


class Section(Family):
    """(system, T) around one system, by as many coordinates as there are `moves`."""

    sc: Superconductor
    T: Float[Array, ""]
    """[K], where no coordinate sets it."""
    moves: tuple[Moves, ...] = eqx.field(static=True)

    def at(self, *coordinates: Coordinate) -> tuple[Superconductor, Array]:
        """(system, T [K]) at one point."""
        values: dict[str, Coordinate] = {}
        for moves, value in zip(self.moves, coordinates, strict=True):
            for path, factor, offset in () if callable(moves) else moves:
                # A leaf that is the value itself is so to the last bit.
                values[path] = value if (factor, offset) == (1.0, 0.0) else offset + factor * value
        T = jnp.asarray(values.pop("T", self.T), float)
        sc = self.sc.set(values)
        for moves, value in zip(self.moves, coordinates, strict=True):
            if callable(moves):
                sc = moves(sc, value)
        return sc, T

    def edge(self, start: np.ndarray, stop: np.ndarray) -> Path:
        """The straight path between two points."""
        (sc_0, T_0), (sc_1, T_1) = self.at(*start), self.at(*stop)
        names = tuple(path for moves in self.moves if not callable(moves) for path, *_ in moves)
        return Path(sc_0, sc_1, T_0, T_1, names)


def leaf(path: str) -> Moves:
    """The coordinate that is a leaf (or "T" [K]) itself."""
    return ((path, 1.0, 0.0),)


def heating(sc: Superconductor) -> Path:
    """The path along which only the temperature changes, with p = T in K."""
    return Path(sc, sc, jnp.zeros(()), jnp.ones(()), ("T",))


def point(sc: Superconductor, T: Float[Array, ""]) -> Section:
    """One system at one temperature [K]: the section without coordinates."""
    return Section(sc, T, ())
