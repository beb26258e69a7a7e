r"""Linear equations with a matrix that is known by its products alone, 1 less something compact.

Generalised conjugate residuals (S. C. Eisenstat, H. C. Elman, M. H. Schultz, SIAM J. Numer. Anal. 20, 345 (1983)): of all
combinations of the residuals so far the one that leaves the least, the iterates of GMRES with the residual at hand. The
smallest singular value is that of the two-sided Lanczos matrix of Golub and Kahan (SIAM J. Numer. Anal. 2, 205 (1965)),

.. math:: J v_k = \beta_{k-1} u_{k-1} + \alpha_k u_k, \qquad J^T u_k = \alpha_k v_k + \beta_k v_{k+1}

made orthogonal to all before. Both need as many products as there are singular values that are not 1, give or take: some
ten to fifteen for self-energies, whatever the number of frequencies.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.newton import norm
from jaxgap.numerics.small import smallest_singular_value

__all__ = ["Solved", "Product", "smallest_by_products", "solved_by_products"]

TOLERANCE = 1e-13
"""|A x - b| / |b| that is left."""
KEPT = 20
"""Directions that are kept; the oldest goes when one more comes."""
MOST = 60
"""Products."""
SINGULAR_VALUES = 16
"""Steps of Golub and Kahan."""
NOTHING = 1e-14
"""Length of a vector in units of |A v_1| that rounding leaves of one that is a combination of those before."""

Product: TypeAlias = Callable[[Float[Array, "n"]], Float[Array, "n"]]
"""A times a vector."""


class Solved(NamedTuple):
    """Where it has ended."""

    x: Float[Array, "n"]
    converged: Bool[Array, ""]
    products: Int[Array, ""]


def solved_by_products(A: Product, b: Float[Array, "n"]) -> Solved:
    """A^-1 b; converged where |A x - b| <= 1e-13 |b|."""
    State = tuple[Array, Array, Array, Array, Array]
    target = TOLERANCE * norm(b)

    def going(state: State) -> Bool[Array, ""]:
        _, r, _, _, k = state
        size = norm(r)
        return (size > target) & jnp.isfinite(size) & (k < MOST)

    def step(state: State) -> State:
        x, r, P, Q, k = state
        p, q = r, A(r)
        for _ in range(2):  # Twice: the first leaves what rounding makes of the sum.
            share = Q @ q
            p, q = p - share @ P, q - share @ Q
        length = norm(q)
        p, q = p / length, q / length
        amount = q @ r
        x, r = x + amount * p, r - amount * q
        return x, r, jnp.concatenate([p[None], P[:-1]]), jnp.concatenate([q[None], Q[:-1]]), k + 1

    nothing = jnp.zeros((KEPT, len(b)))
    x, r, _, _, k = jax.lax.while_loop(going, step, (jnp.zeros_like(b), b, nothing, nothing, jnp.zeros((), int)))
    return Solved(x, norm(r) <= target, k)


def smallest_by_products(A: Product, transposed: Product, n: int) -> Float[Array, ""]:
    """The smallest singular value of the n x n matrix A, from above."""
    steps = min(SINGULAR_VALUES, n)
    V, U = jnp.zeros((steps, n)), jnp.zeros((steps, n))
    v = jnp.full(n, n**-0.5)
    u = A(v)
    alpha = [norm(u)]
    beta = []
    for k in range(1, steps):
        u = u / jnp.where(alpha[-1] > 0, alpha[-1], 1.0)
        V, U = V.at[k - 1].set(v), U.at[k - 1].set(u)
        w = transposed(u)
        for _ in range(2):
            w = w - (V[:k] @ w) @ V[:k]
        # Where nothing is left, all singular values that the start has a share of are there: the rest is one of them.
        length = norm(w)
        left = length > NOTHING * alpha[0]
        beta.append(jnp.where(left, length, 0.0))
        v = jnp.where(left, w / jnp.where(left, length, 1.0), 0.0)
        u = A(v)
        for _ in range(2):
            u = u - (U[:k] @ u) @ U[:k]
        alpha.append(jnp.where(left, norm(u), alpha[0]))
    return smallest_singular_value(jnp.diag(jnp.stack(alpha)) + jnp.diag(jnp.stack(beta), 1))
