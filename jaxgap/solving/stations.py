"""A branch at many temperatures: followed once, past all of them, and from the points beside each to it.

Following a branch takes hundreds of evaluations where it bends, or ends, or has to be told from others at the start, and nearly
all of that way is the same for every temperature. One walk goes to the furthest, and leaves at every other one the last points
that it took on this side. From those a walk to each takes its first step all the way; it is held to the branch by the same
rules (`jaxgap.solving.walk`), so that what it finds is what a walk of its own would have found. A temperature before the first
point begins for itself.

All walks are one loop, one after the other: as a batch each would wait for the longest at every evaluation, and on a CPU many
evaluations together take as long as one by one.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.newton import Root
from jaxgap.solving.path import Points
from jaxgap.solving.walk import Signs, either, resumed
from jaxgap.solving.ways import RESOLUTION, PickUp, Temperature, Way, unfinished

__all__ = ["Stations", "at_stations"]


class Stations(NamedTuple):
    """What a branch is at every temperature that was asked for."""

    root: Root
    """What Newton found last, batched: the root there, if `arrived`."""
    arrived: Bool[Array, "station"]
    """Whether the branch was followed there."""
    beyond: Bool[Array, "station"]
    """Whether the branch has ended clearly before it, so that it was not tried."""


class _Left(NamedTuple):
    """What the common walk has left at the stations: its last points on this side, and how many evaluations these took."""

    points: Points
    steps: Int[Array, "*station"]


class _Tour(NamedTuple):
    """The walk to the furthest station, k = -1, or from what it has left to the k-th."""

    k: Int[Array, ""]
    state: PickUp
    left: _Left
    odd: Bool[Array, ""]
    asked: Bool[Array, "station"]
    beyond: Bool[Array, "station"]
    root: Root
    arrived: Bool[Array, "station"]


def at_stations(way: Way, T: Float[Array, "station"], rising: bool, pattern: Signs = None) -> Stations:
    """The branch at the temperatures T [K], in any order. `rising` tells where the way goes; of a branch that begins at T = 0,
    all of its beginning is common."""
    n, furthest = len(T), jnp.max(T) if rising else jnp.min(T)

    def goal(k: Int[Array, ""]) -> Temperature:
        return jnp.where(k < 0, furthest, T[k])

    def step(tour: _Tour) -> _Tour:
        before = tour.state.walk.points.k
        tour = tour._replace(state=way.step(goal(tour.k), tour.state))
        walk = tour.state.walk
        tour = jax.lax.cond((tour.k < 0) & (walk.points.k > before), lambda t: _leaves(t, T, rising), lambda t: t, tour)
        return jax.lax.cond(unfinished(tour.state), lambda t: t, next_one, tour)

    def next_one(tour: _Tour) -> _Tour:
        tour = jax.lax.cond(tour.k < 0, lambda t: _surveyed(t, T, rising), _arrived, tour)
        later = tour.asked & (jnp.arange(n) > tour.k)
        k = jnp.where(later.any(), jnp.argmax(later), n)
        here = jnp.minimum(k, n - 1)
        own, beside = way.begin(T[here]), jax.tree.map(lambda leaf: leaf[here], tour.left)
        going_on = resumed(way.path(T[here], own), beside.points, tour.odd, pattern)
        resuming = PickUp(own.log_a, jnp.full_like(own.halvings, NO_PICKING), going_on)
        return tour._replace(k=k, state=either(beside.points.k > 0, resuming, own))

    tour = jax.lax.while_loop(lambda tour: tour.k < n, step, _tour(way.begin(furthest), n))
    normal = ~(way.T_c > T)
    return Stations(tour.root, tour.arrived | normal, tour.beyond)


NO_PICKING = jnp.iinfo(jnp.int32).max
"""Halvings of a walk that has been picked up."""


def _tour(state: PickUp, n: int) -> _Tour:
    """Before the first evaluation."""
    walk, no = state.walk, jnp.zeros(n, bool)
    left = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), _Left(walk.points, walk.steps))
    root = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), walk.remembered.end)
    return _Tour(jnp.asarray(-1), state, left, walk.odd, ~no, no, root, no)


def _leaves(tour: _Tour, T: Float[Array, "station"], rising: bool) -> _Tour:
    """The points of the common walk are left at all stations that are not behind the last one."""
    walk = tour.state.walk
    ahead = (T >= walk.points.T) if rising else (T <= walk.points.T)

    def kept(old: Array, new: Array) -> Array:
        return jnp.where(ahead.reshape(-1, *(1,) * new.ndim), new, old)

    return tour._replace(left=jax.tree.map(kept, tour.left, _Left(walk.points, walk.steps)), odd=walk.odd)


def _surveyed(tour: _Tour, T: Float[Array, "station"], rising: bool) -> _Tour:
    """The common walk has ended. A branch from T = 0 that has not begun, or has ended on the way, is not looked for again;
    nearer to its end than `RESOLUTION` every temperature decides for itself."""
    walk = tour.state.walk
    n, began = len(T), walk.points.k > 0
    beyond = began & ~walk.there & (T > walk.points.T + RESOLUTION) & rising
    asked = ~beyond & (began | (not rising))
    end = walk.remembered.end._replace(steps=walk.steps)
    root = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), end)
    return tour._replace(asked=asked, beyond=beyond, root=root)


def _arrived(tour: _Tour) -> _Tour:
    """The walk to the k-th station has ended."""
    k, walk = tour.k, tour.state.walk
    end = walk.remembered.end._replace(steps=walk.steps + tour.left.steps[k])
    root = jax.tree.map(lambda all_, one: all_.at[k].set(one), tour.root, end)
    return tour._replace(root=root, arrived=tour.arrived.at[k].set(walk.there))
