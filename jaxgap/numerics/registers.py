"""A function of one element as one kernel for many: all that lies between its arguments and its results stays in registers.

A batched program of XLA on a GPU is one of kernels over arrays [..., element], each of which reads its arrays from memory and
writes them back; and in a loop all elements wait for the slowest of all. Here the function is traced for one element and run
on scalars (`jaxgap.numerics.scalars`), each of which is a vector of the elements of one block of threads, and a block waits for
the slowest of its own only. The kernel is one of Pallas, by Triton; with `interpret` it runs on any device, as a test of it.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.numerics.scalars import Lanes, Run, Scalars, Table, constant, in_shape
from jaxgap.numerics.types import PyTree

__all__ = ["in_registers"]

LANES = 32
"""Elements of a block: one warp."""


def in_registers(
    function: Callable[[PyTree], PyTree], batch: PyTree, name: str = "in_registers", interpret: bool = False
) -> PyTree:
    """`function`, which is written for a batch of any size, of all elements of a batch (its leaves' first axis): each goes as a
    batch of one. What it closes over is the same for all.

    Raises:
        Unscalar: if something in it has no counterpart on scalars.
    """
    leaves, tree = jax.tree.flatten(batch)
    count = len(leaves[0])
    one = [jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype) for leaf in leaves]
    traced, shapes = jax.make_jaxpr(lambda *x: function(jax.tree.unflatten(tree, x)), return_shape=True)(*one)
    results, result_tree = jax.tree.flatten(shapes)
    outer = [c for c in traced.consts if isinstance(c, jax.core.Tracer)]
    given, found = _Rows([*outer, *one]), _Rows(results)

    def run(table: Table, rows: Sequence[Any]) -> list[Any]:
        """The rows of the results, from those of what is given."""
        values, lanes = given.as_scalars(rows), Lanes(LANES)
        closed_over = iter(values[: len(outer)])
        constants = [next(closed_over) if isinstance(c, jax.core.Tracer) else constant(c) for c in traced.consts]
        of_all = Run(lanes, table).open(traced.jaxpr, constants, values[len(outer) :])
        return lanes.flat(of_all, [x.dtype for x in results])

    tables: list[np.ndarray] = []

    def collected(column: np.ndarray) -> Callable[[Any], Any]:
        tables.append(column)
        return lambda _: jnp.zeros((), column.dtype)

    # Once without a kernel, for the constants that its loops will read.
    jax.eval_shape(partial(run, collected), [jax.ShapeDtypeStruct((LANES,), dtype) for dtype in given.of_rows])

    def kernel(*refs: Any) -> None:
        n, m = len(given.dtypes), len(given.dtypes) + len(tables)
        of_tables = iter(refs[n:m])

        def read(_: np.ndarray) -> Callable[[Any], Any]:
            ref = next(of_tables)
            return lambda k: ref[k]

        rows = run(read, [refs[k][row, :] for k, row in given.places])
        for (k, row), x in zip(found.places, rows, strict=True):
            refs[m + k][row, :] = x.astype(found.dtypes[k])

    stacks = given.stacked([*(jnp.broadcast_to(x, (count, *x.shape)) for x in outer), *leaves], -(-count // LANES) * LANES)
    out = _launched(kernel, stacks, tables, found, name, interpret)
    return jax.tree.unflatten(result_tree, found.unstacked(out, count))


def _launched(
    kernel: Callable[..., None], stacks: Sequence[Any], tables: Sequence[np.ndarray], found: "_Rows", name: str, interpret: bool
) -> Sequence[Any]:
    """The rows of the results: `kernel` of one block of elements after the other, each with all of the tables."""
    from jax.experimental import pallas  # It takes a while, and only GPUs need it.
    from jax.experimental.pallas import triton

    size = stacks[0].shape[1]
    rows: Sequence[Any] = pallas.pallas_call(
        kernel,
        grid=(size // LANES,),
        in_specs=[
            *[pallas.BlockSpec((len(x), LANES), lambda i: (0, i)) for x in stacks],
            *[pallas.BlockSpec(x.shape, lambda i: (0,)) for x in tables],
        ],
        out_specs=[pallas.BlockSpec((height, LANES), lambda i: (0, i)) for height in found.heights],
        out_shape=[
            jax.ShapeDtypeStruct((height, size), dtype) for height, dtype in zip(found.heights, found.dtypes, strict=True)
        ],
        compiler_params=triton.CompilerParams(num_warps=1),
        interpret=interpret,
        name=name,
    )(*stacks, *map(jnp.asarray, tables))
    return rows


class _Rows:
    """How arrays of one element lie in memory: number by number as a row of all elements, one array of rows for each dtype."""

    def __init__(self, arrays: Sequence[Any]):
        self.arrays = arrays
        self.of_rows = [_stored(x.dtype) for x in arrays for _ in range(math.prod(x.shape))]
        self.dtypes = sorted(set(self.of_rows), key=str)
        self.heights = [self.of_rows.count(dtype) for dtype in self.dtypes]
        self.places: list[tuple[int, int]] = []
        """(Which array, which of its rows) of every number."""
        filled = dict.fromkeys(self.dtypes, 0)
        for dtype in self.of_rows:
            self.places.append((self.dtypes.index(dtype), filled[dtype]))
            filled[dtype] += 1

    def as_scalars(self, rows: Sequence[Any]) -> list[Scalars]:
        rest = iter(rows)

        def number(dtype: Any) -> Any:
            return next(rest) != 0 if dtype == np.dtype(bool) else next(rest)

        return [in_shape([number(x.dtype) for _ in range(math.prod(x.shape))], x.shape) for x in self.arrays]

    def stacked(self, of_all: Sequence[Any], size: int) -> list[Any]:
        """From arrays with a leading axis of elements; filled up with the last element."""
        rows = [x.reshape(len(x), -1).T.astype(_stored(x.dtype)) for x in of_all]
        together = [jnp.concatenate([x for x in rows if x.dtype == dtype]) for dtype in self.dtypes]
        return [jnp.pad(x, ((0, 0), (0, size - x.shape[1])), mode="edge") for x in together]

    def unstacked(self, stacks: Sequence[Any], count: int) -> list[Any]:
        """The arrays, with a leading axis of all elements in the place of that of one."""
        began, found = 0, []
        for x in self.arrays:
            n, shape = math.prod(x.shape), (count, *x.shape[1:])
            k, first = self.places[began] if n else (0, 0)
            began += n
            found.append(stacks[k][first : first + n, :count].T.reshape(shape).astype(x.dtype))
        return found


def _stored(dtype: Any) -> np.dtype:
    """As what a number travels: truth is an integer."""
    return np.dtype(np.int32) if dtype == np.dtype(bool) else np.dtype(dtype)
