"""Smallest singular values of many small matrices, elements last."""

import itertools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgap.numerics.small import SWEEPS, rotation, smallest_singular_value

__all__ = ["smallest_singular_values"]

LARGEST = 4
"""Up to this size all pairs of columns are written out; of larger ones those of a round are turned together."""

Columns = tuple[Float[Array, "n element"], ...]


def smallest_singular_values(M: Float[Array, "n n element"]) -> Float[Array, "element"]:
    """sigma_min of every M, by one-sided Jacobi rotations of its columns; NaN if M is not finite."""
    n = M.shape[1]
    if n > LARGEST:
        return jax.vmap(smallest_singular_value, in_axes=-1)(M)

    def sweep(_: Int[Array, ""] | int, columns: Columns) -> Columns:
        rotated = list(columns)
        for a, b in itertools.combinations(range(n), 2):
            u, v = rotated[a], rotated[b]
            c, t = rotation(u, v)
            rotated[a], rotated[b] = c * (u - t * v), c * (v + t * u)
        return tuple(rotated)

    columns = jax.lax.fori_loop(0, SWEEPS, sweep, tuple(M[:, k] for k in range(n)))
    lengths = jnp.stack([jnp.sqrt(jnp.sum(u * u, axis=0)) for u in columns])
    smallest = lengths[0]
    for length in lengths[1:]:
        smallest = jnp.where(length < smallest, length, smallest)
    return jnp.where(jnp.isfinite(lengths).all(axis=0), smallest, jnp.nan)
