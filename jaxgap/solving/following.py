"""A branch followed in temperature, in one system: from given amplitudes, from T = 0, or from T_c (`jaxgap.solving.walk`)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.equations.gap_equations import equations
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import Root
from jaxgap.solving.path import Path, from_temperature, gap_scale
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.solving.walk import Signs, Walk, begin, go_on
from jaxgap.solving.ways import RESOLUTION, shortest, unfinished, way_from_T_c
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["Track", "follow", "follow_from_T_c", "follow_from_zero", "track_of"]


class Track(NamedTuple):
    """Where following a branch in temperature ended."""

    T: Float[Array, ""]
    """How far the branch was followed [K]."""
    Delta: Float[Array, "channel"]
    """Its amplitudes there [meV]."""
    jacobian: Float[Array, "channel channel"]
    """M there."""
    began: Bool[Array, ""]
    """Whether a start led to the branch at all."""
    arrived: Bool[Array, ""]
    """Whether it reached the goal: False if the branch ended, or could not be followed, before."""
    root: Root
    """What Newton found last: the root at the goal, if `arrived`."""


def follow(
    sc: Superconductor,
    starts: Float[Array, "start channel"],
    T: Float[Array, ""],
    goal: Float[Array, ""],
    pattern: Signs = None,
    rule: Rule = DEFAULT_RULE,
    resolution: float = RESOLUTION,
) -> Track:
    """Find a real solution at T from one of `starts`, and follow it to the temperature `goal` [K].

    With `pattern`, the band amplitudes must have and keep those signs, and a state that is stable in its amplitudes is
    preferred, whatever the order of the starts; without, there is one start, and the state must be stable and stay so. The
    first step tried is the whole way. When steps fall below `resolution` [K], or a thousandth of the way, the branch has ended.
    """
    path = from_temperature(T, goal, starts, shortest(T, goal, resolution))
    return track_of(path, go_on(equations(rule), sc, path, begin(path), pattern))


def follow_from_zero(
    sc: Superconductor,
    T: Float[Array, ""],
    pattern: Float[Array, "band"],
    rule: Rule = DEFAULT_RULE,
    resolution: float = RESOLUTION,
) -> Track:
    """The branch whose band amplitudes have the signs of `pattern`: found at T = 0, followed up to T [K]."""
    return follow(sc, starting_amplitudes(sc, pattern), jnp.zeros(()), T, pattern, rule, resolution)


def follow_from_T_c(sc: Superconductor, T: Float[Array, ""], rule: Rule) -> Track:
    """The branch connected to T_c, followed down to T (`way_from_T_c`)."""
    way = way_from_T_c(sc, rule)
    end = jax.lax.while_loop(unfinished, lambda state: way.step(T, state), way.begin(T))
    track = track_of(way.path(T, end), end.walk)
    return track._replace(arrived=track.arrived | ~(way.T_c > T))


def track_of(path: Path, w: Walk) -> Track:
    """Where a careful walk along a path has ended."""
    Delta = w.points.u * gap_scale(path, w.points.T)
    end, jacobian = w.remembered.end, w.remembered.jacobian
    return Track(w.points.T, Delta, jacobian, w.points.k > 0, w.there, end._replace(steps=w.steps))
