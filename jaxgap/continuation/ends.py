r"""Where a branch of real solutions ends when the temperature rises: its last temperature, a function of the system.

It ends at a fold, where it meets another solution and M = dr/dDelta is singular; where the amplitude of a band passes zero (the
state goes on, but s+- has become s++); or where all amplitudes vanish, at a continuous transition. The branch is followed in
steps too small to be stepped over (past a fold Newton happily finds some other solution), and each end is then the root of
equations of its own, in the amplitudes, a direction v and T:

.. math::
    \text{fold:} \quad & r = 0, \; M v = 0, \; v_0 \cdot v = 1 \\
    \text{change of sign of } \Delta_i \text{:} \quad & r = 0, \; v = e_i, \; v \cdot \Delta = 0 \\
    \text{normal state:} \quad & v = \lambda K(T) v, \; v_0 \cdot v = 1

With f = r, or f = v - lambda K v for the normal state, and w the left null vector of df/dDelta in the directions in which the
amplitudes are free to move, its derivative is

.. math:: dT = - \frac{w \cdot df}{w \cdot \partial_T f}

where df is the change of f with the system at fixed T, Delta and v. T is a continuous function of the couplings also where a
fold goes over into a change of sign, with a kink there.
"""

from enum import IntEnum
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.linear import highest_temperature, normal_matrix
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError, is_concrete
from jaxgap.numerics.implicit import SINGULAR, at_root, moved_along, null_vector
from jaxgap.numerics.newton import Root, Search, advanced, differenced, norm, root_of, search_from
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import smallest_singular_value
from jaxgap.solving.entry import takes_system
from jaxgap.solving.following import Track, follow, follow_from_zero
from jaxgap.solving.labels import has_signs, sign_pattern

__all__ = ["RESOLUTION", "Begin", "BranchEnd", "EndKind", "branch_end", "end_temperature", "located"]

RESOLUTION = 1e-3
"""A branch is followed until steps of this length [K] fail."""
END_DISTANCE = 0.05
"""What is located further beyond the last point than this [K] is not the end of this branch."""
ALIKE = 0.1
"""Largest change of the amplitudes, relative to their size, on the way to it."""
ASTRAY = 0.6
"""The same while it is looked for."""

LOCATED = 20
"""Evaluations in which an end is found, or there is none of its kind: from the last point of a branch 3 to 8 are enough."""


class EndKind(IntEnum):
    """How a branch ends."""

    FOLD = 0
    """It meets another branch at a fold (a spinodal): the state disappears at a finite gap."""
    OTHER = 4
    """It could not be followed further, or what ends it is degenerate (the amplitude of a band that is coupled to no other)."""
    MISSING = 2
    """It does not exist at T = 0."""
    SIGN_CHANGE = 3
    """The amplitude of a band passes zero: the state goes on, with other signs."""
    NORMAL = 1
    """Its amplitudes vanish: a continuous transition."""

    @property
    def words(self) -> str:
        """How it ends, after "the branch ends"."""
        return (
            "at a fold",
            "in the normal state",
            "before it begins: it does not exist at T = 0",
            "where the amplitude of a band changes sign",
            "or cannot be followed further",
        )[self]


class BranchEnd(eqx.Module):
    """The end of a branch of solutions when the temperature rises."""

    T: Float[Array, ""]
    """Temperature [K], by the end's own equations; of `EndKind.OTHER`, as far as the branch was followed (to some 1e-3 K)."""
    Delta: Float[Array, "channel"]
    """Amplitudes there [meV]."""
    kind: Int[Array, ""]
    """An `EndKind` code."""


class Begin(NamedTuple):
    """Where to begin to follow a branch."""

    T: Float[Array, ""]
    """Temperature [K]."""
    starts: Float[Array, "start channel"]
    """Amplitudes there [meV], as `follow` takes them."""


@takes_system
def branch_end(sc: Superconductor, branch: str, *, throw: bool = True) -> BranchEnd:
    """Follow a branch from T = 0 until it ends: the temperature [K] at which it does, differentiable.

    Derivatives are NaN where the end is of `EndKind.OTHER`; those of the amplitudes are also NaN in the normal state, which
    they reach as a square root.

    Args:
        sc: the system.
        branch: "s++", "s+-", or one sign per band such as "++-".
        throw: raise `NotConvergedError` if the branch does not exist at T = 0 (under tracing: `EndKind.MISSING`).

    Example:
        >>> bands = {"a": {"mu": 50.0}, "b": {"mu": 62.0}}
        >>> lam = [[0.45, -0.02, 0.06], [-0.02, 0.42, 0.06], [0.06, 0.06, 0.24]]
        >>> sc = jg.superconductor(bands=bands, cross=["a:b"], lam=lam, Omega=40.0)
        >>> end = jg.branch_end(sc, "s+-")
        >>> jg.continuation.ends.EndKind(int(end.kind)).name, round(float(end.T), 3)
        ('FOLD', 37.332)
    """
    end = _branch_end(sc, sign_pattern(branch, sc.signed))
    if throw and is_concrete(end) and int(end.kind) == EndKind.MISSING:
        raise NotConvergedError(f"The branch {branch} was not found at T = 0 for this system.")
    return end


def end_temperature(sc: Superconductor, pattern: Float[Array, "band"], begin: Begin | None = None) -> Float[Array, ""]:
    """Temperature [K] at which the branch with these signs ends: `branch_end` for use inside other programs, and from a state
    of the branch where one is given."""
    return _position(*_end(sc, pattern, begin))


@program
def _branch_end(sc: Superconductor, pattern: Float[Array, "band"]) -> BranchEnd:
    z, theta, trusted = _end(sc, pattern)
    n, normal = len(theta.v_0), theta.kind == EndKind.NORMAL
    Delta = jnp.where(normal, 0.0, z[:n])
    # T and the amplitudes apart: who differentiates only T does not pay for the amplitudes, which take second derivatives.
    moving = at_root(_equations, z, theta, trusted & ~normal)[:n]
    return BranchEnd(_position(z, theta, trusted), at_root(jnp.subtract, Delta, moving), theta.kind)


def _end(
    sc: Superconductor, pattern: Float[Array, "band"], begin: Begin | None = None
) -> tuple[Float[Array, "n"], "_Theta", Bool[Array, ""]]:
    """(z = (Delta, v, T), what its equations depend on, whether z is their root)."""
    frozen, begin = jax.lax.stop_gradient((sc, begin))
    highest = highest_temperature(frozen)
    if begin is None:
        track = follow_from_zero(frozen, highest, pattern, resolution=RESOLUTION)
    else:
        track = follow(frozen, begin.starts, begin.T, highest, pattern, resolution=RESOLUTION)
    z, kind, v_0, trusted = located(frozen, track, pattern)
    return z, _Theta(sc, kind, v_0, z[: len(v_0)]), trusted


# --- the equations ------------------------------------------------------------------------------------------------------


class _Theta(NamedTuple):
    """What the equations of an end depend on."""

    sc: Superconductor
    kind: Int[Array, ""]
    v_0: Float[Array, "channel"]
    """Fixes the length of v; at a change of sign the unit vector of the amplitude that vanishes."""
    Delta_0: Float[Array, "channel"]
    """Last amplitudes of the branch [meV]: in the normal state, where v alone has a meaning, these stand for them."""


def _equations(z: Float[Array, "n"], theta: _Theta) -> Float[Array, "n"]:
    """The equations of an end, in z = (Delta, v, T)."""
    sc, kind, v_0, Delta_0 = theta
    n = len(v_0)
    Delta, v, T = z[:n], z[n:-1], z[-1]

    def fold() -> Float[Array, "n"]:
        r, M = residual_and_matrix(sc, Delta, T)
        return jnp.concatenate([r, M @ v, (v_0 @ v - 1)[None]])

    def change() -> Float[Array, "n"]:
        return jnp.concatenate([gap_residual(sc, Delta, T), v - v_0, (v_0 @ Delta)[None]])

    def normal() -> Float[Array, "n"]:
        return jnp.concatenate([Delta - Delta_0, normal_matrix(sc, T) @ v, (v_0 @ v - 1)[None]])

    which = jnp.where(kind == EndKind.NORMAL, 2, jnp.where(kind == EndKind.SIGN_CHANGE, 1, 0))
    return jax.lax.switch(which, [fold, change, normal])


def located(sc: Superconductor, track: Track, pattern: Float[Array, "band"]) -> tuple[Any, Any, Any, Any]:
    """(z, `EndKind`, v_0, whether z is the root of this end's equations) of a followed branch."""
    Delta, T, n = track.Delta, track.T, len(track.Delta)
    unit = jnp.zeros_like(Delta).at[jnp.argmin(jnp.abs(Delta[: sc.signed]))].set(1.0)
    kinds = jnp.array([EndKind.FOLD, EndKind.SIGN_CHANGE, EndKind.NORMAL])
    along_v = jnp.stack([null_vector(track.jacobian), unit, Delta / norm(Delta)])

    def locate(kind: Any, v_0: Any) -> tuple[Any, Any]:
        root = _root(jnp.concatenate([Delta, v_0, T[None]]), _Theta(sc, kind, v_0, Delta))
        near = root.converged & (root.x[-1] >= T - RESOLUTION) & (root.x[-1] <= T + END_DISTANCE)
        near &= norm(root.x[:n] - Delta) <= ALIKE * norm(Delta)
        return root.x, near & (smallest_singular_value(root.jacobian) > SINGULAR)

    # One after the other: as a batch each would take as long as the one that finds nothing.
    z, good = jax.lax.map(lambda end: locate(*end), (kinds, along_v))
    fold, change, normal = z
    # A fold with other signs lies beyond the change of sign; v is longer than 1 by what it has across the amplitudes.
    others = jnp.where(unit > 0, Delta, change[:n])
    belongs = has_signs(sc, fold[:n], pattern), has_signs(sc, others, pattern), norm(normal[n:-1]) <= 1 + ALIKE**2
    good &= jnp.stack(belongs) & track.began
    first = jnp.argmax(good)
    kind = jnp.where(good.any(), kinds[first], jnp.where(track.began, EndKind.OTHER, EndKind.MISSING))
    followed = jnp.concatenate([Delta, along_v[0], T[None]])
    return jnp.where(good.any(), z[first], followed), kind, along_v[first], good.any()


def _root(z: Float[Array, "n"], theta: _Theta) -> Root:
    """Newton's root of the equations of an end from z, unless it goes far from there, as where the end is of another kind."""
    equations, Delta = differenced(_equations), theta.Delta_0

    def going(s: Search) -> Bool[Array, ""]:
        return ~s.done & (s.steps < LOCATED) & (norm(s.x[: len(Delta)] - Delta) <= ASTRAY * norm(Delta))

    return root_of(jax.lax.while_loop(going, lambda s: advanced(equations, s, theta), search_from(z)), 0.0, 0.0)


# --- the derivative -----------------------------------------------------------------------------------------------------


@jax.custom_jvp
def _position(z: Float[Array, "n"], theta: _Theta, trusted: Bool[Array, ""]) -> Float[Array, ""]:
    """T of the end z = (Delta, v, T), with its derivative: that of `at_root`, without the second derivatives of the gap
    equations, most of which cancel."""
    del theta, trusted
    return z[-1]


@partial(_position.defjvp, symbolic_zeros=True)
def _position_jvp(primals: Any, tangents: Any) -> Any:
    z, theta, trusted = primals
    n, kind = len(theta.v_0), theta.kind
    T = _position(*primals)
    # Only a second derivative needs that of the end's amplitudes.
    x = at_root(_equations, z, theta, trusted)

    def f(sc: Superconductor, T: Any) -> Any:
        return jnp.where(kind == EndKind.NORMAL, normal_matrix(sc, T) @ x[n:-1], gap_residual(sc, x[:n], T))

    free = jnp.where(kind == EndKind.SIGN_CHANGE, 1 - theta.v_0, 1.0)
    # M of the equations that f needs: in closed form it would be another program's worth to compile.
    M = jax.jacfwd(partial(gap_residual, theta.sc))(x[:n], T)
    slopes = jnp.where(kind == EndKind.NORMAL, normal_matrix(theta.sc, T), M * free)
    return T, moved_along(f, null_vector(slopes.T), theta.sc, tangents[1].sc, T, trusted)
