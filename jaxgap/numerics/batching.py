"""Functions of one element that are computed as functions of many."""

from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import jax
from jax.custom_batching import custom_vmap

__all__ = ["one_of_many", "spread"]

R = TypeVar("R")
A = TypeVar("A", bound=tuple[object, ...])


def one_of_many(many: Callable[..., R], alone: Callable[..., R] | None = None) -> Callable[..., R]:
    """The function of one element that `many` computes for a batch of them, the leading axis of every leaf.

    One element is a batch of one; under `jax.vmap`, nested or not, all elements are one batch. `alone` is the same function
    as one would write it for one element: derivatives, of every order, are its derivatives. Without it there are none.
    """

    @custom_vmap
    def folded(*args: object) -> object:
        return many(*args) if _length(args) else _of_none(many, args)

    @folded.def_vmap
    def _(size: int, batched: list[object], *args: object) -> tuple[object, object]:
        rows = spread(size, batched, args)
        n = jax.tree.leaves(rows)[0].shape[1]
        whole = jax.tree.map(lambda leaf: leaf.reshape(size * n, *leaf.shape[2:]), rows)
        result = jax.tree.map(lambda leaf: leaf.reshape(size, n, *leaf.shape[1:]), folded(*whole))
        return result, jax.tree.map(lambda _: True, result)

    @custom_vmap
    def one(*args: object) -> object:
        return jax.tree.map(lambda leaf: leaf[0], folded(*jax.tree.map(lambda leaf: leaf[None], args)))

    @one.def_vmap
    def _(size: int, batched: list[object], *args: object) -> tuple[object, object]:
        result = folded(*spread(size, batched, args))
        return result, jax.tree.map(lambda _: True, result)

    if alone is None:
        return cast(Callable[..., R], one)

    @jax.custom_jvp
    def both(*args: object) -> object:
        return one(*args)

    @both.defjvp
    def _(primals: tuple[object, ...], tangents: tuple[object, ...]) -> tuple[object, object]:
        return both(*primals), jax.jvp(alone, primals, tangents)[1]

    return cast(Callable[..., R], both)


def _length(args: tuple[object, ...]) -> int:
    """How many elements there are."""
    return len(jax.tree.leaves(args)[0])


def _of_none(many: Callable[..., object], args: tuple[object, ...]) -> object:
    """What there is of no elements: a batch may be empty (a fit of T_c alone has no amplitudes)."""
    one = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape[1:]), leaf.dtype), args)
    return jax.tree.map(lambda leaf: jax.numpy.zeros((0, *leaf.shape[1:]), leaf.dtype), jax.eval_shape(many, *one))


def spread(size: int, batched: Sequence[object], args: A) -> A:
    """The arguments of a rule of `custom_vmap`, all leaves with the batch's axis first."""
    return cast(
        A,
        jax.tree.map(
            lambda leaf, has: leaf if has else jax.numpy.broadcast_to(leaf, (size, *leaf.shape)), args, tuple(batched)
        ),
    )
