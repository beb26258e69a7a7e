"""Where derivatives end: a Taylor form has the value of its function and some of its derivatives; of a later one it would be
silently wrong."""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["ends_after"]


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def ends_after(order: int, x: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """Zero, with zero derivatives with respect to `x` up to this order; the next one is NaN, in every mode."""
    return 0 * x  # not a constant: what has no batch while its tangent has one confuses `jax.linearize`


@ends_after.defjvp
def _ends_after_jvp(
    order: int, primals: tuple[Float[Array, "*k"]], tangents: tuple[Float[Array, "*k"]]
) -> tuple[Float[Array, "*k"], Float[Array, "*k"]]:
    # Only a function of x itself: reverse mode drops the rules of what depends on a tangent, too.
    (x,), (dx,) = primals, tangents
    slope = ends_after(order - 1, x) if order > 0 else jnp.nan * x
    return ends_after(order, x), slope * dx
