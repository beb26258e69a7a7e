"""Arrays on a mesh of devices whose axes are explicit, as `jax.make_mesh` makes them: what is computed there is JAX's to place.

Under explicit axes JAX asks every operation where its result lives, and refuses loops and linear algebra under `vmap`. One
element is independent of every other, so there is nothing to say: inside, the axes are automatic.
"""

import functools
from collections.abc import Callable, Sequence
from typing import ParamSpec, TypeVar

import equinox as eqx
import jax
from jax.sharding import AxisType, PartitionSpec
from jaxtyping import PyTree

__all__ = ["elementwise", "on_any_mesh"]

P = ParamSpec("P")
R = TypeVar("R")


def on_any_mesh(function: Callable[P, R]) -> Callable[P, R]:
    """`function` of traced arrays, wherever they live; its results are not spread (under `vmap`: as the elements are)."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        traced = [leaf for leaf in jax.tree.leaves((args, kwargs)) if isinstance(leaf, jax.core.Tracer)]
        return _run(function, args, kwargs, _explicit(traced), PartitionSpec())

    return call


def elementwise(function: Callable[P, R]) -> Callable[P, R]:
    """`function` of batches, wherever they live; its results are spread as the first of them is."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        arrays = [leaf for leaf in jax.tree.leaves((args, kwargs)) if isinstance(leaf, jax.Array)]
        spread = _explicit(arrays)
        spec = PartitionSpec() if spread is None else PartitionSpec(*jax.typeof(spread).sharding.spec[:1])
        return _run(function, args, kwargs, spread, spec)

    return call


def _explicit(arrays: Sequence[jax.Array]) -> jax.Array | None:
    """The first of the arrays that is on a mesh with an explicit axis, spread ones first."""
    there = [array for array in arrays if AxisType.Explicit in jax.typeof(array).sharding.mesh.axis_types]
    return next((array for array in there if any(jax.typeof(array).sharding.spec)), there[0] if there else None)


def _run(function: Callable[..., R], args: PyTree, kwargs: PyTree, array: jax.Array | None, spec: PartitionSpec) -> R:
    if array is None:
        return function(*args, **kwargs)
    mesh = jax.typeof(array).sharding.mesh
    axes = tuple(name for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True) if kind == AxisType.Explicit)
    arrays, rest = eqx.partition((args, kwargs), eqx.is_array)
    static: list[PyTree] = []

    def of(arrays: PyTree) -> PyTree:
        args, kwargs = eqx.combine(arrays, rest)
        results, others = eqx.partition(function(*args, **kwargs), eqx.is_array)
        static.append(others)
        return results

    with jax.sharding.use_abstract_mesh(mesh):
        results = jax.sharding.auto_axes(of, axes=axes, out_sharding=spec)(arrays)
    combined: R = eqx.combine(results, static[0])
    return combined
