"""Bisection: a bracket at whose two ends something is otherwise, halved again and again. And for a function that rises, and is
dear, the root by secants that stay inside such a bracket.

Where the middle is `like_first`, as things are at the first end, it becomes the first end, else the last one. Nothing else is
asked: no value, no slope, no order of the ends; and no step leaves the bracket.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

__all__ = ["bisected", "bisected_on_host", "rising_root"]

LAST_BIT = 60
"""Halvings after which a bracket's ends are neighbouring numbers, unless it encloses zero."""


def bisected(
    like_first: Callable[[Float[Array, "*bracket"]], Bool[Array, "*bracket"]],
    first: Float[Array, "*bracket"],
    last: Float[Array, "*bracket"],
    steps: int = LAST_BIT,
) -> tuple[Float[Array, "*bracket"], Float[Array, "*bracket"]]:
    """(first, last) of every bracket after so many halvings: on the device, always as many."""

    def halve(_: object, ends: tuple[Float[Array, "*bracket"], Float[Array, "*bracket"]]) -> tuple[jax.Array, jax.Array]:
        middle = (ends[0] + ends[1]) / 2
        like = like_first(middle)
        return jnp.where(like, middle, ends[0]), jnp.where(like, ends[1], middle)

    found: tuple[jax.Array, jax.Array] = jax.lax.fori_loop(0, steps, halve, (first, last))
    return found


def bisected_on_host(
    like_first: Callable[[np.ndarray], np.ndarray], first: np.ndarray, last: np.ndarray, steps: int = LAST_BIT
) -> tuple[np.ndarray, np.ndarray]:
    """`bisected` of arrays of the host, where `like_first` is a call per step: of any program, or of one point."""
    for _ in range(steps):
        middle = (first + last) / 2
        like = like_first(middle)
        first, last = np.where(like, middle, first), np.where(like, last, middle)
    return first, last


MOST = 80
"""Evaluations of `rising_root`."""
HALVED = 4
"""One of so many steps is a halving, so that no secant stays at one end of the bracket."""

Scalar = Float[Array, ""]


class Secant(NamedTuple):
    """Between two evaluations."""

    x: Scalar
    """Where it is evaluated next."""
    last: Scalar
    """Where it was evaluated last,"""
    value: Scalar
    """with this result."""
    low: Scalar
    """Where it is below zero,"""
    high: Scalar
    """and where it is not; infinite as long as there is no such place."""
    steps: Int[Array, ""]
    done: Bool[Array, ""]


def rising_root(f: Callable[[Scalar], Scalar], x: Scalar, reach: Scalar, tolerance: Scalar) -> Scalar:
    """Where a rising function, which may jump, crosses zero, to a `tolerance` in x: from `x`, with first steps of `reach` that
    grow until there is a bracket. No derivatives."""

    def step(s: Secant) -> Secant:
        y = f(s.x)
        below = y < 0
        low, high = jnp.where(below, s.x, s.low), jnp.where(below, s.high, s.x)
        far = reach * 2.0**s.steps
        halved = jnp.where(jnp.isinf(low), high - far, jnp.where(jnp.isinf(high), low + far, (low + high) / 2))
        new = s.x - y * (s.x - s.last) / (y - s.value)
        good = (new > low) & (new < high) & (jnp.abs(new - s.x) <= far) & (s.steps % HALVED < HALVED - 1)
        new = jnp.where(good, new, halved)
        done = (y == 0) | (jnp.abs(new - s.x) <= tolerance) | (high - low <= tolerance)
        return Secant(jnp.where(y == 0, s.x, new), s.x, y, low, high, s.steps + 1, done)

    inf = jnp.asarray(jnp.inf)
    start = Secant(x, x, jnp.asarray(jnp.nan), -inf, inf, jnp.zeros((), int), jnp.zeros((), bool))
    return jax.lax.while_loop(lambda s: ~s.done & (s.steps < MOST), step, start).x
