"""A branch at many temperatures: followed once, past all of them, and from the points beside each to it.

Following a branch takes hundreds of evaluations where it bends, or ends, or has to be told from others at the start, and nearly
all of that way is the same for every temperature. One walk goes to the furthest, and keeps the points that it took. From the
last ones on this side of every other temperature a walk to it takes its first step all the way; it is held to the branch by the
same rules (`jaxgap.solving.walk`), so that what it finds is what a walk of its own would have found. A temperature before the
first point begins for itself. Which temperatures these are may be said once the common walk has ended, by where it did.

All walks are one loop, one after the other: as a batch each would wait for the longest at every evaluation, and on a CPU many
evaluations together take as long as one by one.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from jaxgap.numerics.newton import Root
from jaxgap.solving.path import Points
from jaxgap.solving.walk import Signs, Walk, either, resumed
from jaxgap.solving.ways import RESOLUTION, PickUp, Temperature, Way, unfinished

__all__ = ["Stations", "at_stations", "past_stations"]

KEPT = 128
"""Points of the common walk that are kept. It seldom has half as many; from the last of them everything beyond begins."""


class Stations(NamedTuple):
    """What a branch is at every temperature that was asked for."""

    T: Float[Array, "station"]
    """The temperatures [K]."""
    told: PyTree[Array]
    """What else was said where they were chosen."""
    root: Root
    """What Newton found last, batched: the root there, if `arrived`."""
    arrived: Bool[Array, "station"]
    """Whether the branch was followed there."""
    beyond: Bool[Array, "station"]
    """Whether the branch has ended clearly before it, so that it was not tried."""


Places = Callable[[Walk], tuple[Float[Array, "station"], Any]]
"""(temperatures [K], whatever else is to be told) by the common walk when it has ended."""


class _Kept(NamedTuple):
    """The points of the common walk, and how many evaluations these took."""

    points: Points
    steps: Int[Array, "*kept"]


class _Tour(NamedTuple):
    """The common walk, k = -1, or from what it has kept to the k-th station."""

    k: Int[Array, ""]
    state: PickUp
    kept: _Kept
    odd: Bool[Array, ""]
    T: Float[Array, "station"]
    told: PyTree[Array]
    asked: Bool[Array, "station"]
    beyond: Bool[Array, "station"]
    root: Root
    arrived: Bool[Array, "station"]


def at_stations(way: Way, T: Float[Array, "station"], rising: bool, pattern: Signs = None) -> Stations:
    """The branch at the temperatures T [K], in any order. `rising` tells where the way goes; of a branch that begins at T = 0,
    all of its beginning is common."""
    return past_stations(way, jnp.max(T) if rising else jnp.min(T), lambda walk: (T, None), rising, pattern)


def past_stations(way: Way, furthest: Temperature, places: Places, rising: bool, pattern: Signs = None) -> Stations:
    """The branch followed to `furthest` [K], or to its end, and at the temperatures on the way that `places` then chooses."""

    def step(tour: _Tour) -> _Tour:
        goal = jnp.where(tour.k < 0, furthest, tour.T[jnp.maximum(tour.k, 0)])
        tour = _keeps(tour._replace(state=way.step(goal, tour.state)))
        return jax.lax.cond(unfinished(tour.state), lambda t: t, next_one, tour)

    def next_one(tour: _Tour) -> _Tour:
        tour = jax.lax.cond(tour.k < 0, lambda t: _surveyed(t, places, rising), _arrived, tour)
        n = len(tour.T)
        later = tour.asked & (jnp.arange(n) > tour.k)
        k = jnp.where(later.any(), jnp.argmax(later), n)
        T = tour.T[jnp.minimum(k, n - 1)]
        own, beside = way.begin(T), _beside(tour.kept, T, rising)
        going_on = resumed(way.path(T, own), beside.points, tour.odd, pattern)._replace(steps=beside.steps)
        resuming = PickUp(own.log_a, jnp.full_like(own.halvings, NO_PICKING), going_on)
        return tour._replace(k=k, state=either(beside.points.k > 0, resuming, own))

    begun = way.begin(furthest)
    T, told = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(places, begun.walk))
    tour = jax.lax.while_loop(lambda tour: tour.k < len(T), step, _tour(begun, T, told))
    normal = ~(way.T_c > tour.T)
    return Stations(tour.T, tour.told, tour.root, tour.arrived | normal, tour.beyond)


NO_PICKING = jnp.iinfo(jnp.int32).max
"""Halvings of a walk that has been picked up."""


def _tour(state: PickUp, T: Float[Array, "station"], told: PyTree[Array]) -> _Tour:
    """Before the first evaluation."""
    walk, no = state.walk, jnp.zeros(len(T), bool)
    kept = _repeated(_Kept(walk.points, walk.steps), KEPT)
    root = _repeated(walk.remembered.end, len(T))
    return _Tour(jnp.asarray(-1), state, kept, walk.odd, T, told, ~no, no, root, no)


def _repeated(tree: Any, n: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), tree)


def _keeps(tour: _Tour) -> _Tour:
    """The last point of the common walk is kept, in its place; beyond `KEPT` of them none."""
    walk, common = tour.state.walk, tour.k < 0
    place = jnp.where(common & (walk.points.k > 0), walk.points.k - 1, KEPT)
    now = _Kept(walk.points, walk.steps)
    kept = jax.tree.map(lambda all_, one: all_.at[place].set(one, mode="drop"), tour.kept, now)
    return tour._replace(kept=kept, odd=jnp.where(common, walk.odd, tour.odd))


def _beside(kept: _Kept, T: Temperature, rising: bool) -> _Kept:
    """The last point that is not behind T; none has k = 0."""
    before = (kept.points.T <= T) if rising else (kept.points.T >= T)
    there = (kept.points.k > 0) & before
    last = jnp.argmax(jnp.where(there, kept.points.k, 0))
    found = jax.tree.map(lambda leaf: leaf[last], kept)
    return found._replace(points=found.points._replace(k=jnp.where(there.any(), found.points.k, 0)))


def _surveyed(tour: _Tour, places: Places, rising: bool) -> _Tour:
    """The common walk has ended. A branch from T = 0 that has not begun, or has ended on the way, is not looked for again;
    nearer to its end than `RESOLUTION` every temperature decides for itself."""
    walk = tour.state.walk
    T, told = places(walk)
    began = walk.points.k > 0
    beyond = began & ~walk.there & (T > walk.points.T + RESOLUTION) & rising
    asked = ~beyond & (began | (not rising))
    root = _repeated(walk.remembered.end._replace(steps=walk.steps), len(T))
    return tour._replace(T=T, told=told, asked=asked, beyond=beyond, root=root)


def _arrived(tour: _Tour) -> _Tour:
    """The walk to the k-th station has ended."""
    walk = tour.state.walk
    end = walk.remembered.end._replace(steps=walk.steps)
    root = jax.tree.map(lambda all_, one: all_.at[tour.k].set(one), tour.root, end)
    return tour._replace(root=root, arrived=tour.arrived.at[tour.k].set(walk.there))
