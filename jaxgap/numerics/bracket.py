"""Bisection: a bracket at whose two ends something is otherwise, halved again and again.

Where the middle is `like_first`, as things are at the first end, it becomes the first end, else the last one. Nothing else is
asked: no value, no slope, no order of the ends; and no step leaves the bracket.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

__all__ = ["bisected", "bisected_on_host"]

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
