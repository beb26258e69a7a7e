"""The elements of a batch for which a quick way has not been enough, gathered into blocks for another one."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

__all__ = ["of_those_left"]

B = TypeVar("B")
R = TypeVar("R")


def of_those_left(way: Callable[[B], R], size: int, batch: B, result: R, left: Bool[Array, "element"]) -> R:
    """`result` with `way` of the elements that are `left`, in blocks of `size`; the last one is filled up.

    All leaves of `batch` and `result` have a leading axis of elements. It costs nothing where nothing is left.
    """
    n = len(left)
    order = jnp.append(jnp.argsort(~left, stable=True), jnp.zeros(size, int))

    def block(state: tuple[Int[Array, ""], R]) -> tuple[Int[Array, ""], R]:
        began, result = state
        chosen = jax.lax.dynamic_slice_in_dim(order, began, size)
        new = way(jax.tree.map(lambda leaf: leaf[chosen], batch))
        into = jnp.where(began + jnp.arange(size) < jnp.sum(left), chosen, n)
        return began + size, jax.tree.map(lambda all_, some: all_.at[into].set(some, mode="drop"), result, new)

    return jax.lax.while_loop(lambda state: state[0] < jnp.sum(left), block, (jnp.zeros((), int), result))[1]
