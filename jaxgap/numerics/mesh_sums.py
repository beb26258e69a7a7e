r"""Sums over the nodes of a uniform mesh whose number is known only when the program runs, with derivatives.

.. math:: S(v) = \sum_{j} f(v, j), \qquad dS = \Bigl[ \sum_j \frac{\partial f}{\partial v} \Bigr] dv

Nodes come in blocks, so that memory is bounded, in a loop that reverse mode cannot go back through. So derivatives are sums
themselves: the derivative of S is the sum of the derivatives, made in the same loop, times a vector; and so on to every order,
forward, in reverse and under `jax.vmap`. Numbers that do not move cost nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PyTree

from jaxgap.numerics.precision import own_rules

__all__ = ["Summand", "over_blocks"]

MANY = 48
"""Numbers that move, from which on derivatives of a block are found in reverse."""

Blocks: TypeAlias = tuple[Int[Array, ""], PyTree]
"""(how many blocks, what else a summand has to know, without derivatives)."""
Summand: TypeAlias = Callable[[PyTree, Int[Array, ""], PyTree], Float[Array, "..."]]
"""The sum over one block, f(v, number of the block, what else it has to know). It must not close over traced values."""


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def over_blocks(f: Summand, v: PyTree, blocks: Blocks) -> Float[Array, "..."]:
    """The sum of `f` over all blocks, as a function of the numbers `v`."""
    count, rest = blocks
    shape = jax.eval_shape(f, v, jnp.zeros((), int), rest)
    start = jnp.zeros(shape.shape, shape.dtype)
    return jax.lax.fori_loop(0, count, lambda b, total: total + f(v, b, rest), start)


@partial(over_blocks.defjvp, symbolic_zeros=True)
@own_rules
def _over_blocks_jvp(
    f: Summand, primals: tuple[PyTree, Blocks], tangents: tuple[PyTree, PyTree]
) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
    v, blocks = primals
    leaves, tree = jax.tree.flatten(v)
    dots = jax.tree.leaves(tangents[0], is_leaf=lambda x: isinstance(x, SymbolicZero))
    moving = [k for k, dot in enumerate(dots) if not isinstance(dot, SymbolicZero)]
    flat, unflatten = ravel_pytree([leaves[k] for k in moving])
    still = [leaf for k, leaf in enumerate(leaves) if k not in moving]

    def slopes(both: tuple[Float[Array, "x"], list[Array]], b: Int[Array, ""], rest: PyTree) -> Float[Array, "..."]:
        def of_moving(x: Float[Array, "x"]) -> Float[Array, "..."]:
            moved, kept = iter(unflatten(x)), iter(both[1])
            return f(jax.tree.unflatten(tree, [next(moved if k in moving else kept) for k in range(len(leaves))]), b, rest)

        return (jax.jacrev if len(flat) > MANY else jax.jacfwd)(of_moving)(both[0])

    value = over_blocks(f, v, blocks)
    if not moving:
        return value, jnp.zeros_like(value)
    dv = ravel_pytree([dots[k] for k in moving])[0]
    return value, jnp.tensordot(over_blocks(slopes, (flat, still), blocks), dv, 1)
