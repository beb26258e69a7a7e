"""A branch followed in temperature, in one system: from given amplitudes, from T = 0, or from T_c (`jaxgap.solving.walk`)."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import equations
from jaxgap.equations.gauge import vanishing
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import Root, ahead
from jaxgap.solving.onset import onset_at
from jaxgap.solving.path import Path, from_T_c, from_temperature, gap_scale, picked_up
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.solving.walk import CAREFUL, ENOUGH, Signs, Walk, begin, either, evaluated, go_on, going
from jaxgap.spectra.mesh import for_walk
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["Track", "follow", "follow_from_T_c", "follow_from_zero"]

RESOLUTION = 1e-4
"""Shortest step [K]; not more than a thousandth of the way."""
HALVINGS = 14
"""Of the bracket of the first amplitude below T_c, a factor of some 1e11: to a few thousandths, from where Newton goes on."""


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
    path = from_temperature(T, goal, starts, _shortest(T, goal, resolution))
    return _track(path, go_on(equations(rule), sc, path, begin(path), pattern))


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
    """The branch connected to T_c, followed down to T: picked up at max(T, 0.9 T_c) along the unstable direction v.

    The amplitude a there solves v . r(a v) = 0, which is negative for small a below T_c and positive for large a. It is looked
    for in the same loop: another place where the equations are evaluated would have to be compiled.
    """
    T_c, v = onset_at(sc)[:2]
    sc = for_walk(sc, T_c)
    superconducting, T_0 = T_c > T, picked_up(T, T_c)
    T_c, shortest, with_matrix = jnp.where(superconducting, T_c, 0.0), _shortest(T_0, T, RESOLUTION), equations(rule)

    def path_from(log_a: Bracket) -> Path:
        return from_T_c(T, T_c, jnp.where(superconducting, jnp.exp(jnp.mean(log_a)), 0.0) * v, shortest)

    def step(state: PickUp) -> PickUp:
        log_a, halvings, w = state
        path, middle = path_from(log_a), jnp.mean(log_a)
        r, M = with_matrix(ahead(w.search), (sc, w.here))
        halved = jnp.where(v @ r < 0, jnp.stack([middle, log_a[1]]), jnp.stack([log_a[0], middle]))
        picking = PickUp(halved, halvings + 1, begin(path_from(halved)))
        walking = PickUp(log_a, halvings, evaluated(sc, path, w, (r, M), None, CAREFUL))
        return either(halvings < HALVINGS, picking, walking)

    log_a = jnp.log(jnp.stack([vanishing(sc, T_0), 100 * sc.scale]))
    start = PickUp(log_a, jnp.where(superconducting, 0, HALVINGS), begin(path_from(log_a)))
    end = jax.lax.while_loop(lambda state: going(state.walk) & (state.walk.steps < ENOUGH), step, start)
    track = _track(path_from(end.log_a), end.walk)
    return track._replace(arrived=track.arrived | ~superconducting)


Bracket = Float[Array, "2"]


class PickUp(NamedTuple):
    """Where the branch connected to T_c is picked up, and the walk from there."""

    log_a: Bracket
    """ln of the least and the largest amplitude [meV] that it may have there."""
    halvings: Int[Array, ""]
    walk: Walk


def _shortest(T: Float[Array, ""], goal: Float[Array, ""], resolution: float) -> Float[Array, ""]:
    return jnp.minimum(resolution, 1e-3 * jnp.abs(goal - T))


def _track(path: Path, w: Walk) -> Track:
    Delta = w.points.u * gap_scale(path, w.points.T)
    end, jacobian = w.remembered.end, w.remembered.jacobian
    return Track(w.points.T, Delta, jacobian, w.points.k > 0, w.there, end._replace(steps=w.steps))
