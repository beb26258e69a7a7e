"""How a branch is begun, and followed towards a temperature by one evaluation after the other: the named one from T = 0, the
one connected to T_c from there.

One such `Way` serves whoever goes on it: to one temperature (`jaxgap.solving.following`), or past many
(`jaxgap.solving.stations`).
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import equations
from jaxgap.equations.gauge import vanishing
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import ahead
from jaxgap.solving.onset import onset_at
from jaxgap.solving.path import Path, from_T_c, from_temperature, picked_up
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.solving.walk import CAREFUL, ENOUGH, Walk, begin, either, evaluated, going
from jaxgap.spectra.mesh import for_walk
from jaxgap.spectra.quadrature import Rule

__all__ = ["PickUp", "RESOLUTION", "Temperature", "Way", "shortest", "unfinished", "way_from_T_c", "way_from_zero"]

RESOLUTION = 1e-4
"""Shortest step [K]; not more than a thousandth of the way."""
HALVINGS = 14
"""Of the bracket of the first amplitude below T_c, a factor of some 1e11: to a few thousandths, from where Newton goes on."""

Temperature = Float[Array, ""]


class PickUp(NamedTuple):
    """Where the branch connected to T_c is picked up, and the walk from there."""

    log_a: Float[Array, "2"]
    """ln of the least and the largest amplitude [meV] that it may have there."""
    halvings: Int[Array, ""]
    walk: Walk


class Way(NamedTuple):
    """A branch that is to be followed: how a walk on it begins, and how it goes on by one evaluation, towards a goal [K]."""

    begin: Callable[[Temperature], PickUp]
    step: Callable[[Temperature, PickUp], PickUp]
    path: Callable[[Temperature, PickUp], Path]
    T_c: Temperature
    """Where there is the normal state at and above this temperature [K]; infinite where that is not known."""


def unfinished(state: PickUp) -> Bool[Array, ""]:
    """Whether its walk goes on."""
    return going(state.walk) & (state.walk.steps < ENOUGH)


def way_from_zero(
    sc: Superconductor,
    pattern: Float[Array, "band"],
    rule: Rule,
    resolution: float = RESOLUTION,
    known: Float[Array, "channel"] | None = None,
) -> Way:
    """That of `follow_from_zero`. There is nothing to be picked up; the amplitudes at T = 0 [meV] need not be looked for where
    they are `known`."""
    cold, with_matrix = jnp.zeros(()), equations(rule)
    starts = starting_amplitudes(sc, pattern) if known is None else known[None]

    def path(T: Temperature, _: PickUp | None = None) -> Path:
        return from_temperature(cold, T, starts, shortest(cold, T, resolution))

    def step(T: Temperature, state: PickUp) -> PickUp:
        found = with_matrix(ahead(state.walk.search), (sc, state.walk.here))
        return state._replace(walk=evaluated(sc, path(T), state.walk, found, pattern, CAREFUL))

    def set_out(T: Temperature) -> PickUp:
        return PickUp(jnp.zeros(2), jnp.asarray(HALVINGS), begin(path(T)))

    return Way(set_out, step, path, jnp.asarray(jnp.inf))


def way_from_T_c(sc: Superconductor, rule: Rule) -> Way:
    """Down the branch connected to T_c, picked up at max(T, 0.9 T_c) along the unstable direction v of the normal state.

    The amplitude a there solves v . r(a v) = 0, which is negative for small a below T_c and positive for large a. It is looked
    for in the same loop: another place where the equations are evaluated would have to be compiled.
    """
    T_c, v = onset_at(sc)[:2]
    sc, with_matrix = for_walk(sc, T_c), equations(rule)

    def path_from(T: Temperature, log_a: Float[Array, "2"]) -> Path:
        below, a = T_c > T, jnp.exp(jnp.mean(log_a))
        least = shortest(picked_up(T, T_c), T, RESOLUTION)
        return from_T_c(T, jnp.where(below, T_c, 0.0), jnp.where(below, a, 0.0) * v, least)

    def picking(T: Temperature, log_a: Float[Array, "2"], halvings: Int[Array, ""]) -> PickUp:
        return PickUp(log_a, halvings, begin(path_from(T, log_a)))

    def step(T: Temperature, state: PickUp) -> PickUp:
        log_a, halvings, w = state
        r, M = with_matrix(ahead(w.search), (sc, w.here))
        middle = jnp.mean(log_a)
        halved = jnp.where(v @ r < 0, jnp.stack([middle, log_a[1]]), jnp.stack([log_a[0], middle]))
        walking = PickUp(log_a, halvings, evaluated(sc, path_from(T, log_a), w, (r, M), None, CAREFUL))
        return either(halvings < HALVINGS, picking(T, halved, halvings + 1), walking)

    def set_out(T: Temperature) -> PickUp:
        log_a = jnp.log(jnp.stack([vanishing(sc, picked_up(T, T_c)), 100 * sc.scale]))
        return picking(T, log_a, jnp.where(T_c > T, 0, HALVINGS))

    return Way(set_out, step, lambda T, state: path_from(T, state.log_a), T_c)


def shortest(T: Temperature, goal: Temperature, resolution: float) -> Temperature:
    """The step [K] whose failure ends a walk."""
    return jnp.minimum(resolution, 1e-3 * jnp.abs(goal - T))
