"""How the elements of a batch are shared out: block by block on a CPU, on a GPU each as a thread of its own.

A `way` is a function of a block of elements, (systems, ...) with a leading axis, in which no element depends on another.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.cutting import Cut, cut, forced
from jaxgap.numerics.registers import in_registers
from jaxgap.numerics.scalars import Unscalar
from jaxgap.numerics.small import ELIMINATED
from jaxgap.solving.finer import refines
from jaxgap.spectra.regions import tables
from jaxgap.spectra.several_bands import several

__all__ = ["cut_for", "each_by_itself", "in_blocks"]


def cut_for(systems: Superconductor) -> Cut:
    """How work on such systems is cut."""
    if refines(systems) or systems.is_retarded:
        return cut().of_meshes()
    return cut().of_heavy() if several(systems) or tables(systems) else cut()


def in_blocks(way: Any, batch: Any) -> Any:
    """`way` of all elements: on a GPU each as a thread of its own where that can be, else block by block."""
    return each_by_itself(way, batch, partial(_block_by_block, way))


def _block_by_block(way: Any, batch: Any) -> Any:
    """The last block is filled up with the last element."""
    n = len(batch[1])
    size = cut_for(batch[0]).together(n)
    blocks = -(-n // size)
    index = jnp.minimum(jnp.arange(blocks * size), n - 1)
    padded = batch if n == blocks * size else jax.tree.map(lambda leaf: leaf[index], batch)
    stacked = jax.tree.map(lambda leaf: leaf.reshape(blocks, size, *leaf.shape[1:]), padded)
    found = jax.lax.map(way, stacked)
    return jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:])[:n], found)


def each_by_itself(way: Any, batch: Any, otherwise: Any) -> Any:
    """`way` of every element in one kernel, all of it in registers (`jaxgap.numerics.registers`); `otherwise` on other devices,
    and for systems that are too large for that, or have bands that are no formula."""

    def in_a_kernel(batch: Any) -> Any:
        try:
            with forced(cut()._replace(registers=True)):
                return in_registers(way, batch, getattr(way, "__name__", "way"))
        except Unscalar:
            return otherwise(batch)

    sc = batch[0]
    if not cut().gpu or len(sc.channels) > ELIMINATED or several(sc) or tables(sc):
        return otherwise(batch)
    return jax.lax.platform_dependent(batch, cuda=in_a_kernel, default=otherwise)
