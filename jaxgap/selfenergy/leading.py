"""The eigenvalue of a matrix with the largest real part, and its vectors, differentiable to every order.

Maps of gap functions have real eigenvalues where the interaction has detailed balance, and a repulsion makes large negative
ones: the power method of M + c finds the right one, not the largest modulus. A few powers by squaring, and then as many
products with vectors as it takes: most maps are done after a few, and 2^16 powers in all tell eigenvalues apart that differ by
4e-4, as those of lambda = 10^4 do.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.linearised import at_linearised_root, factorised

__all__ = ["Leading", "leading", "leading_eigenvalue", "refined"]

SMALL = 128
SQUARINGS_OF_SMALL, SQUARINGS = 3, 1
"""Before vectors are multiplied, of matrices with up to `SMALL` rows, and of others: a squaring of 70 rows costs as much as 6
products with the vectors, one of 260 as much as 20, as measured."""
POWERS = 2**16
SETTLED = 1e-9
"""Change of the vectors that ends it: the value is as accurate as its square."""


class Leading(NamedTuple):
    """An eigenvalue with its right and left vectors; left @ right = 1, the right one of norm 1, its largest entry positive."""

    value: Float[Array, ""]
    right: Float[Array, "n"]
    left: Float[Array, "n"]


def leading(M: Float[Array, "n n"]) -> Leading:
    """Without derivatives. The value is as accurate as the vectors' errors multiplied."""
    M = jax.lax.stop_gradient(M)
    P = M + _shift(M) * jnp.eye(len(M))
    squarings = SQUARINGS_OF_SMALL if len(M) <= SMALL else SQUARINGS
    P = jax.lax.fori_loop(0, squarings, lambda _, P: (Q := P / jnp.sqrt(jnp.sum(P * P))) @ Q, P)
    # P is right left^T: its largest column and row are these.
    size = jnp.sum(P * P, axis=0)
    right = P[:, jnp.argmax(size)]
    right = right / jnp.sqrt(right @ right)
    right = right * jnp.sign(right[jnp.argmax(jnp.abs(right))])
    left = right @ P
    start = Leading(jnp.ones(()), right, left / (left @ right))
    begin = jnp.zeros((), int), jnp.ones(()), start
    _, _, near = jax.lax.while_loop(lambda s: (s[1] > SETTLED) & (s[0] < POWERS >> squarings), partial(_multiplied, P), begin)
    # Two more steps of the vectors, which the last rounding of P has blurred.
    return refined(M, near, 2)


def _multiplied(
    P: Float[Array, "n n"], state: tuple[Int[Array, ""], Float[Array, ""], Leading]
) -> tuple[Int[Array, ""], Float[Array, ""], Leading]:
    """(products, change of the vectors, vectors) after one product more."""
    count, _, near = state
    right, left = P @ near.right, near.left @ P
    right = right / jnp.sqrt(right @ right)
    left = left / (left @ right)
    changes = ((new - old) / jnp.sqrt(new @ new) for new, old in ((right, near.right), (left, near.left)))
    change = jnp.sqrt(sum((part @ part for part in changes), jnp.zeros(())))
    return count + 1, change, Leading(near.value, right, left)


def refined(M: Float[Array, "n n"], near: Leading, steps: int = 12) -> Leading:
    """The same from vectors that are near, by a few steps of the power method."""
    M = jax.lax.stop_gradient(M)
    shift = _shift(M)

    def step(
        _: Int[Array, ""], vectors: tuple[Float[Array, "n"], Float[Array, "n"]]
    ) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        right, left = vectors
        right, left = M @ right + shift * right, left @ M + shift * left
        right = right / jnp.sqrt(right @ right)
        return right, left / (left @ right)

    right, left = jax.lax.fori_loop(0, steps, step, (near.right, near.left))
    return Leading(left @ M @ right, right, left)


def _shift(M: Float[Array, "n n"]) -> Float[Array, ""]:
    """What makes the most negative eigenvalue a small one."""
    return jnp.max(jnp.sum(jnp.where(M < 0, -M, 0.0), axis=1))


def leading_eigenvalue(M: Float[Array, "n n"], found: Leading, trusted: Bool[Array, ""] | bool = True) -> Float[Array, ""]:
    """The eigenvalue of `found`, which belongs to `M`, differentiable: the root of (M v - rho v, v_0 v - 1)."""
    x = jnp.append(found.right, found.value)
    one, last = jnp.eye(len(M)), jnp.append(found.right, 0.0)
    bordered = jnp.concatenate([jnp.concatenate([M - found.value * one, -found.right[:, None]], axis=1), last[None]])
    known = factorised(jax.lax.stop_gradient(bordered))
    trusted &= known.smallest_singular_value() > SINGULAR
    return at_linearised_root(_eigenpair, x, (M, found.right), trusted, known)[-1]


def _eigenpair(x: Float[Array, "n"], theta: tuple[Float[Array, "m m"], Float[Array, "m"]]) -> Float[Array, "n"]:
    M, along = theta
    v, rho = x[:-1], x[-1]
    return jnp.append(M @ v - rho * v, along @ v - 1)
