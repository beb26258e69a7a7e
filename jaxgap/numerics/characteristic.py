r"""Characteristic polynomials of many small matrices, elements last, and what their signs say about eigenvalues.

.. math:: \det(s + M) = s^n + c_{n-1} s^{n-1} + \dots + c_0

has the roots s = -(eigenvalue of M). How many of them lie in the right half plane, the number of eigenvalues of M with a
negative real part, is the number of changes of sign in the first column of Routh's array (F. R. Gantmacher, *The Theory of
Matrices*, vol. 2, ch. XV). Nothing here is a library call per matrix, which a batch would wait for.
"""

from functools import reduce
from itertools import pairwise

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, Int

__all__ = ["coefficients", "changes_of_sign", "count_negative", "MARGINAL", "LARGEST"]

MARGINAL = 1e-8
"""An eigenvalue of M counts as negative below -1e-8: the gauge mode's zero is good to about 1e-13."""
LARGEST = 8
"""Up to this size; cancellation in the coefficients grows with it, and beyond, LAPACK finds the eigenvalues one by one."""


def coefficients(
    M: Inexact[Array, "n n *element"],
) -> tuple[Inexact[Array, "n *element"], Inexact[Array, "n n *element"]]:
    """(c_{n-1}, ..., c_0) of det(s + M), and the matrix B with M B = c_0, by the recursion of Faddeev and LeVerrier."""
    n = len(M)
    one = jnp.eye(n).reshape(n, n, *[1] * (M.ndim - 2))
    B, c = jnp.broadcast_to(one, M.shape), []
    for k in range(1, n + 1):
        last = B
        product = -reduce(jnp.add, [M[:, j, None] * B[None, j] for j in range(n)])
        # jnp.trace would mask all of the matrices.
        c.append(-reduce(jnp.add, [product[i, i] for i in range(n)]) / k)
        B = product + c[-1] * one
    return jnp.stack(c), last


def count_negative(M: Float[Array, "n n *element"]) -> Int[Array, "*element"]:
    """Number of eigenvalues of M whose real part is below -`MARGINAL`; of a matrix that is not finite, n."""
    n = len(M)
    finite = jnp.isfinite(M).all(axis=(0, 1))
    shifted = jnp.where(finite, M, 0.0) + MARGINAL * jnp.eye(n).reshape(n, n, *[1] * (M.ndim - 2))
    if n > LARGEST:
        values = jnp.linalg.eigvals(jnp.moveaxis(shifted, (0, 1), (-2, -1)))
        return jnp.where(finite, jnp.sum(values.real < 0, axis=-1), n)
    return jnp.where(finite, changes_of_sign(coefficients(shifted)[0]), n)


def changes_of_sign(c: Float[Array, "n *element"]) -> Int[Array, "*element"]:
    """In the first column of Routh's array of s^n + c[0] s^(n-1) + ... + c[n-1]: how many roots have a positive real part."""
    one, tiny = jnp.ones_like(c[0]), jnp.finfo(float).tiny
    row, below = [one, *c[1::2]], [*c[0::2]]
    column = [one]
    while below:
        pivot = jnp.where(below[0] == 0, tiny, below[0])  # zero: a pair of opposite eigenvalues, approached from above
        column.append(pivot)
        left, right = [*row[1:]], [*below[1:], *[jnp.zeros_like(one)] * len(row)]
        row, below = below, [(a * pivot - row[0] * b) / pivot for a, b in zip(left, right, strict=False)]
    return jnp.sum(jnp.stack([a * b < 0 for a, b in pairwise(column)]), axis=0)
