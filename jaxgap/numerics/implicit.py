r"""The implicit derivative, used by everything that is found as a root.

.. math:: r(x, \theta) = 0 \quad\Rightarrow\quad dx = -(\partial r / \partial x)^{-1} (\partial r / \partial \theta) \, d\theta

Finding and differentiating are separate: any method may find x (host code included), and `at_root` makes the result a
differentiable function of theta, in forward and reverse mode, to every order, and under vmap. It is a custom_jvp that
calls itself in its own rule, so that the x in the derivative is again differentiable.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeAlias, TypeVar

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Bool, Float

from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.small import openly_solved, smallest_singular_value
from jaxgap.numerics.types import PyTree, Scalar

__all__ = ["at_root", "along", "moved_along", "null_vector", "SINGULAR"]

SINGULAR = 1e-6
"""Smallest singular value of dr/dx below which derivatives are NaN: rounding in x, 1e-15/sigma_min, enters them once more
divided by sigma_min, so that at 1e-6 about three digits are left and at 1e-8 none."""


X = TypeVar("X")
Y = TypeVar("Y")
Theta = TypeVar("Theta")
Residual: TypeAlias = Callable[[Float[Array, "n"], PyTree], Float[Array, "n"]]
"""r(x, theta)."""
Trees: TypeAlias = tuple[PyTree, ...] | list[PyTree]
"""Arguments of a custom derivative, or their tangents (of which some are symbolic zeros)."""


def at_root(
    residual: Residual,
    x: Float[Array, "n"],
    theta: PyTree,
    trusted: Bool[Array, ""] | bool = True,
    jacobian: Float[Array, "n n"] | None = None,
) -> Float[Array, "n"]:
    """`x`, the root of `residual(x, theta)`, as a differentiable function of the pytree `theta`.

    `jacobian` is dr/dx there, if it is known (Newton has it): a first derivative then need not compute it again. The
    derivative is NaN, never garbage, in either mode, where it does not exist to useful precision (sigma_min(dr/dx) <
    `SINGULAR`) and where the caller does not trust x to be a root. `residual` must not close over traced values: they
    belong in `theta`.

    Args:
        residual: (x, theta) -> as many numbers as x has.
        x: the root, found by whatever means.
        theta: what it depends on.
        trusted: whether x is a root at all.
        jacobian: dr/dx at x, if it is known.

    Example:
        >>> square_root = lambda a: jg.at_root(lambda x, a: x**2 - a, jnp.array([3.0]), a)[0]
        >>> round(float(jax.grad(square_root)(9.0)), 6)
        0.166667
    """
    x, jacobian = jax.lax.stop_gradient((x, jacobian))
    return _at_root(residual, x, jacobian, theta, jnp.asarray(trusted))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _at_root(
    residual: Residual, x: Float[Array, "n"], jacobian: Float[Array, "n n"] | None, theta: PyTree, trusted: Bool[Array, ""]
) -> Float[Array, "n"]:
    del residual, jacobian, theta, trusted
    return x


@partial(_at_root.defjvp, symbolic_zeros=True)
@own_rules
def _at_root_jvp(residual: Residual, primals: Trees, tangents: Trees) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
    x, jacobian, theta, trusted = primals
    x = _at_root(residual, x, jacobian, theta, trusted)
    J = jax.jacfwd(residual)(x, theta) if jacobian is None else _jacobian(residual, jacobian, x, theta)
    dr = along(lambda parameters: residual(x, parameters), theta, tangents[2])
    # Poison must be linear in the tangent, or reverse mode would lose it; safe_J keeps the solve itself finite.
    good = trusted & (smallest_singular_value(jax.lax.stop_gradient(J)) > SINGULAR)
    safe_J = jnp.where(good, J, jnp.eye(J.shape[0]))
    return x, -openly_solved(safe_J, dr) * jnp.where(good, 1.0, jnp.nan)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _jacobian(residual: Residual, jacobian: Float[Array, "n n"], x: Float[Array, "n"], theta: PyTree) -> Float[Array, "n n"]:
    """dr/dx at (x, theta), whose value is known; only its derivatives are computed."""
    del residual, x, theta
    return jacobian


@partial(_jacobian.defjvp, symbolic_zeros=True)
@own_rules
def _jacobian_jvp(residual: Residual, primals: Trees, tangents: Trees) -> tuple[Float[Array, "n n"], Float[Array, "n n"]]:
    jacobian, x, theta = primals
    change = along(lambda arguments: jax.jacfwd(residual)(*arguments), (x, theta), tuple(tangents[1:]))
    return _jacobian(residual, jacobian, x, theta), change


def along(function: Callable[[X], Y], at: X, tangent: PyTree) -> Y:
    """Derivative of `function` at the pytree `at` in the direction `tangent`, whose symbolic zeros cost nothing."""
    leaves, tree = jax.tree.flatten(at)
    dots = jax.tree.leaves(tangent)
    moving = [k for k, dot in enumerate(dots) if not isinstance(dot, SymbolicZero)]

    def of(moved: list[PyTree]) -> Y:
        values = dict(zip(moving, moved, strict=True))
        return function(jax.tree.unflatten(tree, [values.get(k, leaf) for k, leaf in enumerate(leaves)]))

    change: Y = jax.jvp(of, ([leaves[k] for k in moving],), ([dots[k] for k in moving],))[1]
    return change


def null_vector(matrix: Float[Array, "n n"]) -> Float[Array, "n"]:
    """v with matrix v = 0 (of the smallest singular value, norm 1)."""
    return jnp.linalg.svd(jnp.where(jnp.isfinite(matrix).all(), matrix, 0.0))[2][-1]


def moved_along(
    f: Callable[[Theta, Scalar], Float[Array, "n"]],
    w: Float[Array, "n"],
    theta: Theta,
    tangent: PyTree,
    p: Scalar,
    trusted: Bool[Array, ""],
) -> Float[Array, ""]:
    """dp = -(w . df) / (w . df/dp) for f(theta, p) = 0, where w is orthogonal to what the other unknowns change in f."""
    df = along(lambda moved: f(moved, p), theta, tangent)
    f_p = jax.jvp(lambda q: f(theta, q), (p,), (jnp.ones(()),))[1]
    return -(w @ df) / jnp.where(trusted, w @ f_p, jnp.nan)
