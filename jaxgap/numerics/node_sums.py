"""Sums over quadrature nodes of functions of a node and of an element, for all elements of a batch.

The function is written once, for arrays. On a CPU it is one of arrays [node, element], which XLA makes in loops that stay in
cache. On a GPU such arrays would travel to memory and back at every operation that XLA does not fuse; there a kernel
(Pallas, by Triton) goes through an element's nodes one by one with the function in registers, and writes nothing but sums.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.cutting import cut

__all__ = ["Later", "over_nodes"]

ELEMENTS = 128
"""Of a block of threads, one each."""
WARPS = 4
NODES = 32
"""Most nodes that a thread goes through, so that there are enough threads; a few partial sums are then left."""

OfNode: TypeAlias = Float[Array, "node *element"]
OfElement: TypeAlias = Float[Array, "..."]
"""Broadcasts to the elements' shape."""
Function: TypeAlias = Callable[..., tuple[Array, ...]]
"""Of nodes' numbers, then of elements', by operations on scalars only: no reductions, no indices, no stacks."""


class Later(NamedTuple):
    """Nodes that are laid where they are summed over: n of Gauss' rule on each of some pieces."""

    n: int
    at: Callable[[Float[Array, ""], Float[Array, ""]], tuple[Float[Array, "piece *element"], ...]]
    """A node's numbers on every piece, from a node and a weight of Gauss' rule on [-1, 1]."""


def over_nodes(
    function: Function, of_nodes: tuple[OfNode, ...] | Later, of_elements: tuple[OfElement, ...]
) -> tuple[OfElement, ...]:
    """Sums over the nodes of all values of `function(*of_nodes, *of_elements)`."""
    if isinstance(of_nodes, Later):
        return _laid_one_by_one(function, of_nodes, of_elements)
    if not cut().gpu:
        return _summed(function, *of_nodes, *of_elements)
    n = len(of_nodes)

    def in_a_kernel(*arrays: Array) -> tuple[Array, ...]:
        return kernel_sums(function, arrays[:n], arrays[n:])

    found: tuple[Array, ...] = jax.lax.platform_dependent(
        *of_nodes, *of_elements, cuda=in_a_kernel, default=partial(_summed, function)
    )
    return found


def _laid_one_by_one(function: Function, nodes: Later, of_elements: tuple[OfElement, ...]) -> tuple[OfElement, ...]:
    def values(gauss: tuple[Float[Array, ""], Float[Array, ""]]) -> tuple[Array, ...]:
        return _summed(function, *nodes.at(*gauss), *of_elements)

    def add(sums: tuple[Array, ...], gauss: Any) -> tuple[tuple[Array, ...], None]:
        return tuple(a + b for a, b in zip(sums, values(gauss), strict=True)), None

    rule = tuple(jnp.asarray(part) for part in np.polynomial.legendre.leggauss(nodes.n))
    none = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), jax.eval_shape(lambda: values((rule[0][0], rule[1][0]))))
    return jax.lax.scan(add, none, rule)[0]


def _summed(function: Function, *arrays: Array) -> tuple[Array, ...]:
    return tuple(jnp.sum(value, axis=0) for value in function(*arrays))


def kernel_sums(
    function: Function, of_nodes: tuple[OfNode, ...], of_elements: tuple[OfElement, ...], interpret: bool = False
) -> tuple[OfElement, ...]:
    """`over_nodes` by the kernel; with `interpret` on any device, as a test of it."""
    from jax.experimental import pallas  # It takes a while, and only GPUs need it.
    from jax.experimental.pallas import triton

    shape = of_nodes[0].shape[1:]
    nodes, count = len(of_nodes[0]), math.prod(shape)
    size = min(ELEMENTS, 1 << (count - 1).bit_length())
    blocks, each = -(-count // size), max(d for d in range(1, NODES + 1) if nodes % d == 0)
    rows = [_filled(jnp.broadcast_to(x, (nodes, *shape)).reshape(nodes, count), blocks * size) for x in of_nodes]
    single = [_filled(jnp.broadcast_to(x, shape).reshape(1, count), blocks * size) for x in of_elements]
    sums = len(jax.eval_shape(function, *(x[0] for x in rows), *(x[0] for x in single)))
    partial_sums = jax.ShapeDtypeStruct((nodes // each, blocks * size), rows[0].dtype)
    found = pallas.pallas_call(
        partial(_kernel, function, each, len(rows), len(single)),
        grid=(blocks, nodes // each),
        in_specs=[
            *[pallas.BlockSpec((each, size), lambda i, k: (k, i)) for _ in rows],
            *[pallas.BlockSpec((1, size), lambda i, k: (0, i)) for _ in single],
        ],
        out_specs=[pallas.BlockSpec((1, size), lambda i, k: (k, i))] * sums,
        out_shape=[partial_sums] * sums,
        compiler_params=triton.CompilerParams(num_warps=WARPS),
        interpret=interpret,
        name="over_nodes",
    )(*rows, *single)
    return tuple(jnp.sum(part, axis=0)[:count].reshape(shape) for part in found)


def _filled(x: Float[Array, "row element"], size: int) -> Float[Array, "row more"]:
    """With the last element again and again."""
    return x if x.shape[1] == size else jnp.pad(x, ((0, 0), (0, size - x.shape[1])), mode="edge")


def _kernel(function: Function, nodes: int, of_nodes: int, of_elements: int, *refs: Any) -> None:
    """Sums of one block of elements over some of their nodes."""
    rows, single, out = refs[:of_nodes], refs[of_nodes : of_nodes + of_elements], refs[of_nodes + of_elements :]
    elements = [x[0, :] for x in single]

    def add(k: Any, sums: tuple[Array, ...]) -> tuple[Array, ...]:
        values = function(*(x[k, :] for x in rows), *elements)
        return tuple(a + b for a, b in zip(sums, values, strict=True))

    zero = jnp.zeros_like(rows[0][0, :])
    for ref, total in zip(out, jax.lax.fori_loop(0, nodes, add, (zero,) * len(out)), strict=True):
        ref[0, :] = total
