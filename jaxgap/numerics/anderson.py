r"""Fixed points x = g(x) by Anderson's acceleration: as many unknowns as one likes, and no matrix of them.

.. math:: x_{k+1} = x_k + f_k - (\Delta X_k + \Delta F_k) \gamma_k, \qquad f_k = g(x_k) - x_k, \qquad
          \gamma_k = \arg\min_\gamma |f_k - \Delta F_k \gamma|

with the last few differences of x and f as columns (D. G. Anderson, J. ACM 12, 547 (1965); H. F. Walker and P. Ni, SIAM J.
Numer. Anal. 49, 1715 (2011)). Where g contracts, it needs a third of the plain iterations. What it does not find it leaves to
Newton.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.newton import norm
from jaxgap.numerics.small import openly_solved
from jaxgap.numerics.types import PyTree

__all__ = ["Accelerated", "accelerated"]

DEPTH = 5
"""Differences that are kept."""
RIDGE = 1e-14
"""Of the normal equations, as a share of their trace: differences become parallel where the end is near."""
LONGEST = 2.0
"""|change| of a step in units of |x| beyond which it is not taken, and the plain one is."""


class Accelerated(NamedTuple):
    """Where it has ended."""

    x: Float[Array, "n"]
    residual: Float[Array, ""]
    """|g(x) - x|."""
    steps: Int[Array, ""]
    """Evaluations of g."""
    converged: Bool[Array, ""]


def accelerated(
    g: Callable[[Float[Array, "n"], PyTree], Float[Array, "n"]],
    x: Float[Array, "n"],
    theta: PyTree,
    tolerance: float,
    most: int = 60,
) -> Accelerated:
    """The fixed point of g(x, theta) to which `x` leads; converged where |g(x) - x| <= tolerance |x|."""
    State = tuple[Array, Array, Array, Array, Array]

    def going(state: State) -> Bool[Array, ""]:
        x, f, _, _, k = state
        return ~(norm(f) <= tolerance * norm(x)) & jnp.isfinite(norm(f)) & (k < most)

    def step(state: State) -> State:
        x, f, X, F, k = state
        gram = F @ F.T
        # Rows that have not been filled yet are zero, and have no share.
        ridge = RIDGE * jnp.trace(gram) + jnp.where(jnp.diag(gram) == 0, 1.0, 0.0)
        gamma = openly_solved(gram + jnp.diag(ridge), F @ f)
        change = f - gamma @ (X + F)
        change = jnp.where(norm(change) <= LONGEST * norm(x), change, f)
        new = x + change
        f_new = g(new, theta) - new
        return new, f_new, _pushed(X, change), _pushed(F, f_new - f), k + 1

    nothing = jnp.zeros((DEPTH, len(x)))
    x, f, _, _, k = jax.lax.while_loop(going, step, (x, g(x, theta) - x, nothing, nothing, jnp.ones((), int)))
    size = norm(f)
    return Accelerated(x, size, k, jnp.isfinite(x).all() & (size <= tolerance * norm(x)))


def _pushed(rows: Float[Array, "depth n"], row: Float[Array, "n"]) -> Float[Array, "depth n"]:
    return jnp.concatenate([row[None], rows[:-1]])
