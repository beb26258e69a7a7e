r"""Where eigenvalues of a matrix A cross 1: their eigenvectors, and how their mean moves.

.. math:: \bar\mu - 1 = \frac{1}{k} \operatorname{tr} P (A - 1), \qquad d\bar\mu = \frac{1}{k} \operatorname{tr} P \, dA, \qquad
          P = V (U^T V)^{-1} U^T, \qquad (A - 1) V = 0, \quad U^T (A - 1) = 0

for k eigenvalues that are 1 together and have k eigenvectors, P being the projector on these. One eigenvalue of a group is not
differentiable, the mean of the group is. Beyond the first order it is the trace of the k x k matrix H of

.. math:: (1 - A) X + U H = 0, \qquad V^T X = 1,

which vanishes with the group's eigenvalues: exactly, to every order, in a direction in which they stay together.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.small import eigenvalues, openly_solved, right_vectors, smallest_singular_value

__all__ = ["MarginalSpace", "marginal_space", "is_static", "projector", "mean_eigenvalue", "differentiable"]

STATIC = 1e-10
"""A real part x of an eigenvalue of A is itself a real eigenvalue where x - A is singular to this share of A: far above
rounding, far below a printed coupling's last digit. (Of a pair x +- i s close to defective the singular value is about s^2.)"""

TOGETHER = 1e-9
"""Singular values of 1 - A below this belong to eigenvalues that are 1 together: the derivative of one that is further from the
others is right to eps / 1e-9."""


class MarginalSpace(NamedTuple):
    """The eigenvectors of eigenvalue 1 of a matrix, to its right and left."""

    right: Float[Array, "n n"]
    """Orthonormal columns; those that are `chosen` (the last ones) span V."""
    left: Float[Array, "n n"]
    """The same for U."""
    chosen: Float[Array, "n"]
    """1 for the columns that belong to the space, 0 for the others; the last one always does."""
    inverse: Float[Array, "n n"]
    """(U^T V)^-1 in the chosen columns; for one eigenvector only its sign, so that nothing diverges where it is defective."""
    direction: Float[Array, "n"]
    """The vector of V (norm 1) in which all components take part, its largest component positive."""
    complete: Bool[Array, ""]
    """Whether there are as many eigenvectors as eigenvalues in a group of several (not looked at for one alone)."""


def _nearest(A: Float[Array, "n n"]) -> Float[Array, ""]:
    """The real part of an eigenvalue that is nearest to 1. It is not taken for 1: rounding in A may be larger than that in its
    eigenvalues' differences."""
    real = eigenvalues(A).real
    return real[jnp.argmin(jnp.abs(real - 1))]


@jax.jit
def is_static(A: Float[Array, "n n"]) -> Bool[Array, ""]:
    """Whether A has a real eigenvalue near 1 to working precision, where the real part of one crosses 1."""
    shifted = _nearest(A) * jnp.eye(len(A)) - A
    return smallest_singular_value(shifted) <= STATIC * jnp.maximum(1.0, jnp.sqrt(jnp.sum(A * A)))


@jax.jit
def marginal_space(A: Float[Array, "n n"]) -> MarginalSpace:
    """The eigenvectors of A of the eigenvalue 1, which it must have to rounding."""
    n = len(A)
    A = jnp.where(jnp.isfinite(A).all(), A, jnp.eye(n))
    s, V = right_vectors(jnp.eye(n) - A)
    _, U = right_vectors(jnp.eye(n) - A.T)
    chosen = jnp.where(jnp.arange(n) == n - 1, 1.0, jnp.where(s <= TOGETHER, 1.0, 0.0))
    overlap = (U * chosen).T @ (V * chosen) + jnp.diag(1 - chosen)
    several = jnp.sum(chosen) > 1.5
    complete = ~several | (smallest_singular_value(overlap) > SINGULAR)
    inverse = jnp.where(
        several & complete, openly_solved(jnp.where(several & complete, overlap, jnp.eye(n)), jnp.eye(n)), jnp.eye(n)
    )
    return MarginalSpace(V, U, chosen, inverse * chosen[:, None] * chosen, _direction(V, chosen), complete)


def _direction(V: Float[Array, "n n"], chosen: Float[Array, "n"]) -> Float[Array, "n"]:
    everything = V @ (chosen * jnp.sum(V, axis=0))
    v = jnp.where(jnp.sum(everything**2) > 1e-6, everything, V[:, -1])
    v = v / jnp.sqrt(v @ v)
    return v * jnp.where(v[jnp.argmax(jnp.abs(v))] < 0, -1.0, 1.0)


def projector(space: MarginalSpace) -> Float[Array, "n n"]:
    """P; for one eigenvector P times U^T V, which vanishes on it where it is defective."""
    V, U = space.right * space.chosen, space.left * space.chosen
    return V @ space.inverse @ U.T


def mean_eigenvalue(space: MarginalSpace, A: Float[Array, "n n"]) -> Float[Array, ""]:
    """tr (U^T V)^-1 H: k times the mean of the group's eigenvalues of A less 1, close to where they are 1.

    For one eigenvector it is that times U^T V."""
    n, V, U, others = len(A), space.right * space.chosen, space.left * space.chosen, jnp.diag(1 - space.chosen)
    matrix = jnp.block([[jnp.eye(n) - A, U], [V.T, others]])
    H = openly_solved(matrix, jnp.concatenate([jnp.zeros((n, n)), jnp.diag(space.chosen)]))[n:]
    return jnp.sum(space.inverse * H.T)


def differentiable(space: MarginalSpace, slope: Float[Array, "n n"]) -> Bool[Array, ""]:
    """Whether the place where the mean crosses 1 has a derivative, for dA/dx = `slope` along the way: tr P dA/dx must not
    vanish, as it does where a single eigenvector belongs to a double eigenvalue."""
    return space.complete & (jnp.abs(jnp.trace(projector(space) @ slope)) > SINGULAR)
