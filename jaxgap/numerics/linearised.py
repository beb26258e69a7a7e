r"""The implicit derivative where dr/dx at the root is known in a form that solves linear equations cheaply.

`jaxgap.numerics.implicit.at_root` has a matrix, finds its smallest singular value and eliminates it. Of hundreds of unknowns
both cost far more than the root did: here whoever found the root brings dr/dx as factors (`Factors`), or as products with
vectors (`jaxgap.numerics.krylov`), and its smallest singular value. A first derivative then is one linear system:
forward with dr/dx, backward with its transpose.
"""

from abc import abstractmethod
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import lu_factor, lu_solve
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.implicit import Residual, Trees, along
from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.types import PyTree

__all__ = ["Factors", "Linearised", "at_linearised_root", "factorised"]

POWERS = 12
"""Of the power method for the smallest singular value, at most."""
SETTLED = 1e-3
"""Relative change of it that ends it."""


class Linearised(eqx.Module):
    """dr/dx at a root, as something that solves linear equations."""

    @abstractmethod
    def solved(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        """x with dr/dx x = b."""

    @abstractmethod
    def solved_transposed(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        """x with (dr/dx)^T x = b."""

    @abstractmethod
    def smallest_singular_value(self) -> Float[Array, ""]:
        """sigma_min(dr/dx): good to a per cent, and where it is small to all digits."""


class Factors(Linearised):
    """L U of a matrix."""

    lu: Float[Array, "n n"]
    pivots: Int[Array, "n"]

    def solved(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        return lu_solve((self.lu, self.pivots), b)

    def solved_transposed(self, b: Float[Array, "n"]) -> Float[Array, "n"]:
        return lu_solve((self.lu, self.pivots), b, trans=1)

    def smallest_singular_value(self) -> Float[Array, ""]:
        """As 1 / |J^-1|, by the power method."""

        def going(state: tuple[Array, Array, Array, Array]) -> Bool[Array, ""]:
            _, size, before, k = state
            return (jnp.abs(size - before) > SETTLED * size) & (k < POWERS)

        def step(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
            v, size, _, k = state
            w = self.solved(v)
            length = jnp.sqrt(w @ w)
            u = self.solved_transposed(w / length)
            return u / jnp.sqrt(u @ u), length, size, k + 1

        n = len(self.lu)
        start = jnp.full(n, n**-0.5), jnp.ones(()), jnp.zeros(()), jnp.zeros((), int)
        return 1 / jax.lax.while_loop(going, step, start)[1]


def factorised(J: Float[Array, "n n"]) -> Factors:
    """The factors of a matrix."""
    return Factors(*lu_factor(J))


def at_linearised_root(
    residual: Residual, x: Float[Array, "n"], theta: PyTree, trusted: Bool[Array, ""], linearised: Linearised
) -> Float[Array, "n"]:
    """`x`, the root of `residual(x, theta)`, as a differentiable function of `theta`, as by `at_root`: in forward and reverse
    mode, to every order.

    Args:
        residual: (x, theta) -> as many numbers as x has; it closes over no traced values.
        x: the root.
        theta: what it depends on.
        trusted: whether x is a root, and dr/dx there far enough from being singular; else derivatives are NaN.
        linearised: dr/dx there.

    Example:
        >>> from jaxgap.numerics.linearised import at_linearised_root, factorised
        >>> square = lambda x, a: x**2 - a
        >>> root = lambda a: at_linearised_root(square, jnp.array([3.0]), a, jnp.array(True), factorised(jnp.array([[6.0]])))[0]
        >>> round(float(jax.grad(root)(9.0)), 6)
        0.166667
    """
    x, linearised = jax.lax.stop_gradient((x, linearised))
    return _at_root(residual, x, linearised, theta, trusted)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _at_root(
    residual: Residual, x: Float[Array, "n"], linearised: Linearised, theta: PyTree, trusted: Bool[Array, ""]
) -> Float[Array, "n"]:
    del residual, linearised, theta, trusted
    return x


@partial(_at_root.defjvp, symbolic_zeros=True)
@own_rules
def _at_root_jvp(residual: Residual, primals: Trees, tangents: Trees) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    x, linearised, theta, trusted = primals
    x = _at_root(residual, x, linearised, theta, trusted)
    dr = along(lambda parameters: residual(x, parameters), theta, tangents[2])
    # The product is what derivatives of this derivative go through, and is not computed for the first.
    dx = jax.lax.custom_linear_solve(
        lambda v: jax.jvp(lambda y: residual(y, theta), (x,), (v,))[1],
        dr,
        lambda _, b: linearised.solved(b),
        lambda _, b: linearised.solved_transposed(b),
    )
    return x, -dx * jnp.where(trusted, 1.0, jnp.nan)
