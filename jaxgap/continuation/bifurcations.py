r"""Where branches end, branch off and change places: each is the root of its own equations, and so differentiable.

.. math::
    \text{fold:} \quad & r = 0, \; M v = 0, \; v_0 \cdot v = 1 \\
    \text{pitchfork (phases):} \quad & r = 0, \; (B + \hat\Delta \hat\Delta^T) w = 0, \; w_0 \cdot w = 1 \\
    \text{gapless:} \quad & r = 0, \; \min_k E_-(k) = 0 \\
    \text{crossing:} \quad & r(\Delta) = 0, \; r(\Delta') = 0, \; F(\Delta) = F(\Delta')

with the gap equations r, M = dr/dDelta and its phase block B; `jaxgap.continuation.residuals` has them, and those of branch
points and of ends in the normal state.

At a fold (a spinodal) two real solutions meet; at a pitchfork of phases a pair of conjugate complex solutions leaves a real
one; where free energies are equal the ground state changes by a first-order transition. The p of
each is `at_root` of them: a derivative of "the temperature at which s+- ends" is one
`jax.grad` away.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.continuation import residuals
from jaxgap.continuation.residuals import deflated_phase_block, gap_equations, gap_equations_and_matrix
from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Path
from jaxgap.numerics.implicit import SINGULAR, at_root, moved_along, null_vector
from jaxgap.numerics.newton import differenced, newton, norm
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import smallest_singular_value
from jaxgap.numerics.types import PyTree, Scalar
from jaxgap.spectra.minima import GAPLESS, excitation_gap_of
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = [
    "BifurcationKind",
    "Bifurcation",
    "root_at",
    "locate_fold",
    "locate_pitchfork",
    "locate_branch_point",
    "locate_normal",
    "locate_crossing",
    "locate_gapless",
    "is_gapless",
    "is_transversal",
]


class BifurcationKind(IntEnum):
    """What happens to a branch."""

    FOLD = 0
    """It turns back: a spinodal."""
    PITCHFORK = 3
    """Its phases become unstable. If g is symmetric, a pair of complex solutions (time reversal) leaves it there; if not, the
    gap equations at complex amplitudes have one equation more than unknowns, and in general none does."""
    BRANCH_POINT = 2
    """Another real branch crosses it, or a pair of real ones leaves it."""
    NORMAL = 1
    """It ends in the normal state: a continuous transition."""
    CROSSING = 4
    """Its free energy equals that of another branch: a first-order transition."""
    GAPLESS = 5
    """Its smallest excitation energy touches zero: pairing changes from intraband- to crossband-dominated."""


class Bifurcation(eqx.Module):
    """A special point of a branch; p is a differentiable function of the path, and so of its systems."""

    kind: BifurcationKind = eqx.field(static=True)
    path: Path
    p: Float[Array, ""]
    Delta: Inexact[Array, "channel"]
    """Amplitudes there [meV]; complex only at a crossing with a state that breaks time reversal."""
    direction: Inexact[Array, "channel"]
    """The null vector: the change of the amplitudes (of their imaginary parts, at a pitchfork of phases); at a crossing the
    amplitudes of the other branch; zero at a gapless state, where nothing bifurcates."""
    converged: Bool[Array, ""]
    """Whether the equations are solved; if not, nothing here means anything, and derivatives are NaN."""
    steps: Int[Array, ""]

    def value(self, name: str | None = None) -> Float[Array, ""]:
        """The value of what changes along the path, at this point."""
        return self.path.value(self.p, name)


@program
def root_at(
    path: Path, p: Float[Array, ""], Delta: Inexact[Array, "channel"]
) -> tuple[Inexact[Array, "channel"], Bool[Array, ""]]:
    """(amplitudes, converged) of the solution near `Delta` [meV] at p, zero if it is the normal state; without derivatives."""
    sc, T = path.at(p)
    root = search_root(sc, T, pack(Delta), DEFAULT_RULE, 20)
    return unpack(jnp.where(norm(root.x) <= vanishing(sc, T), 0.0, root.x), len(Delta)), root.converged


def _located(
    kind: BifurcationKind,
    equations: Callable[..., Float[Array, "m"]],
    path: Path,
    z: Float[Array, "m"],
    v_0: Float[Array, "k"] | None,
    n: int,
) -> Bifurcation:
    """Newton on the equations of a bifurcation, and its implicit derivative."""
    frozen = jax.lax.stop_gradient(path)
    theta, frozen_theta = (path, frozen) if v_0 is None else ((path, v_0), (frozen, v_0))
    root = newton(differenced(equations), z, frozen_theta)
    x = at_root(equations, root.x, theta, root.converged)
    p = x[-2] if kind == BifurcationKind.BRANCH_POINT else x[-1]
    if kind == BifurcationKind.FOLD:
        trusted = root.converged & (smallest_singular_value(root.jacobian) > SINGULAR)
        p = _fold_position(jax.lax.stop_gradient(root.x), path, v_0, trusted)
    direction = {BifurcationKind.NORMAL: x[:n], BifurcationKind.GAPLESS: jnp.zeros(n)}.get(kind, x[n : 2 * n])
    Delta = x[:n] if kind != BifurcationKind.NORMAL else jnp.zeros(n)
    return Bifurcation(kind, path, p, Delta, direction, root.converged, root.steps)


@jax.custom_jvp
def _fold_position(
    z: Float[Array, "m"], path: Path, v_0: Float[Array, "channel"], trusted: Bool[Array, ""]
) -> Float[Array, ""]:
    """p of the fold z = (Delta, v, p), with the derivative dp = -(w . dr) / (w . dr/dp), where w M = 0.

    `at_root` gives the same from second derivatives of the gap equations, most of which cancel.
    """
    del path, v_0, trusted
    return z[-1]


@partial(_fold_position.defjvp, symbolic_zeros=True)
def _fold_position_jvp(primals: tuple[PyTree, ...], tangents: tuple[PyTree, ...]) -> tuple[Scalar, PyTree]:
    z, path, v_0, trusted = primals
    # Only a second derivative needs that of the fold's amplitudes.
    x = at_root(residuals.fold, z, (path, v_0), trusted)
    Delta, p = x[: len(v_0)], _fold_position(*primals)
    w = null_vector(gap_equations_and_matrix(path, Delta, p)[1].T)
    return p, moved_along(lambda moved, q: gap_equations(moved, Delta, q), w, path, tangents[1], p, trusted)


@program
def locate_fold(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The fold near the real amplitudes `Delta` [meV] at p.

    Args:
        path: the path, as `jaxgap.path` makes it.
        Delta: amplitudes near the fold [meV], one per channel.
        p: place on the path near it.

    Example:
        >>> coupling = jg.path(jg.materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)})
        >>> Delta = jg.solve(jg.materials.two_band(), 4.2).Delta.real
        >>> branch = jg.follow_path(coupling, Delta)
        >>> event = branch.events[1]
        >>> round(float(jg.locate_fold(coupling, event.Delta, event.p).value()), 6)
        0.21716
    """
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    v_0 = null_vector(gap_equations_and_matrix(frozen, Delta, p)[1])
    return _located(BifurcationKind.FOLD, residuals.fold, path, jnp.concatenate([Delta, v_0, p[None]]), v_0, len(Delta))


@program
def locate_pitchfork(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near the real amplitudes `Delta` [meV] at p where a pair of complex solutions leaves.

    Args:
        path: the path, as `jaxgap.path` makes it.
        Delta: amplitudes near the pitchfork [meV], one per channel.
        p: place on the path near it.

    Example:
        >>> coupling = jg.path(jg.materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)})
        >>> Delta = jg.solve(jg.materials.two_band(), 4.2).Delta.real
        >>> branch = jg.follow_path(coupling, Delta)
        >>> event = branch.events[0]
        >>> round(float(jg.locate_pitchfork(coupling, event.Delta, event.p).value()), 6)
        0.202521
    """
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    sc, T = frozen.at(p)
    w_0 = null_vector(deflated_phase_block(sc, Delta, T))
    return _located(
        BifurcationKind.PITCHFORK, residuals.pitchfork, path, jnp.concatenate([Delta, w_0, p[None]]), w_0, len(Delta)
    )


@program
def locate_branch_point(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near the real amplitudes `Delta` [meV] at p where real branches cross.

    `direction` is the left null vector of M; where g is symmetric, g^-1 direction is the right one.
    """
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    w_0 = null_vector(gap_equations_and_matrix(frozen, Delta, p)[1].T)
    z = jnp.concatenate([Delta, w_0, jnp.stack([p, jnp.zeros(())])])
    return _located(BifurcationKind.BRANCH_POINT, residuals.branch_point, path, z, None, len(Delta))


@program
def locate_normal(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near p where a branch of small amplitudes in the direction of `Delta` ends in the normal state."""
    Delta, p = jax.lax.stop_gradient((Delta, p))
    v_0 = Delta / norm(Delta)
    return _located(BifurcationKind.NORMAL, residuals.normal, path, jnp.append(v_0, p), v_0, len(Delta))


@program
def locate_crossing(
    path: Path, Delta: Inexact[Array, "channel"], other: Inexact[Array, "channel"], p: Float[Array, ""]
) -> Bifurcation:
    """The point near p where two branches, near `Delta` and `other` [meV], have equal free energies.

    `other` may be zero: the crossing with the normal state, a first-order transition out of superconductivity. With complex
    amplitudes (both arrays then) one of them or both break time reversal. Not converged if g is not symmetric: then there are
    no free energies.

    Args:
        path: the path, as `jaxgap.path` makes it.
        Delta: amplitudes of one branch near the crossing [meV].
        other: those of the other branch there [meV].
        p: place on the path near it.

    Example:
        >>> coupling = jg.path(jg.materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)})
        >>> Delta = jg.solve(jg.materials.two_band(), 4.2).Delta.real
        >>> branch = jg.follow_path(coupling, Delta)
        >>> first, *_, last = map(jnp.asarray, branch.at(0.5))
        >>> event = jg.locate_crossing(coupling, first, last, jnp.asarray(0.5))
        >>> bool(event.converged), round(float(event.value()), 6)
        (True, 0.202509)
    """
    Delta, other, p = jax.lax.stop_gradient((Delta, other, p))
    states = jnp.concatenate([pack(Delta), pack(other)])
    z, n = jnp.append(states, p), len(Delta)
    if not jnp.iscomplexobj(Delta):
        return _located(BifurcationKind.CROSSING, residuals.crossing, path, z, None, n)
    event = _located(BifurcationKind.CROSSING, residuals.crossing_broken, path, z, states, 2 * n)
    both = unpack(event.Delta, n), unpack(event.direction, n)
    return Bifurcation(event.kind, path, event.p, *both, event.converged, event.steps)


@program
def locate_gapless(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The gapless state near the real amplitudes `Delta` [meV] at p: `gapless_excess_of` is zero.

    Args:
        path: the path, as `jaxgap.path` makes it.
        Delta: amplitudes near the gapless state [meV], one per channel.
        p: place on the path near it.

    Example:
        >>> coupling = jg.path(jg.materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)})
        >>> Delta = jg.solve(jg.materials.two_band(), 4.2).Delta.real
        >>> branch = jg.follow_path(coupling, Delta)
        >>> event = branch.events[2]
        >>> round(float(jg.locate_gapless(coupling, event.Delta, event.p).value()), 6)
        0.203034
    """
    Delta, p = jax.lax.stop_gradient((Delta, p))
    return _located(BifurcationKind.GAPLESS, residuals.gapless, path, jnp.append(Delta, p), None, len(Delta))


def is_gapless(event: Bifurcation) -> bool:
    """Whether the smallest excitation energy at a located point is zero: the k at which E_- touches zero may lie outside the
    shell, where nothing pairs."""
    sc, _ = event.path.at(event.p)
    return float(excitation_gap_of(sc, event.Delta)) <= GAPLESS * float(jnp.max(jnp.abs(event.Delta)))


TRANSVERSAL = 1e-5
"""|w . dr/dp| / |Delta|: 1e-3 to 1 at folds (p from 0 to 1, or T in K); where branches cross, the square root of rounding."""


def is_transversal(fold: Bifurcation) -> bool:
    """Whether p turns at a located fold: w . dr/dp is not zero, with w M = 0. Else branches cross there."""
    return bool(_transversality(fold.path, fold.Delta, fold.p) > TRANSVERSAL)


@program
def _transversality(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Float[Array, ""]:
    """|w . dr/dp| / |Delta|."""
    w = null_vector(gap_equations_and_matrix(path, Delta, p)[1].T)
    r_p = jax.jacfwd(lambda q: gap_equations(path, Delta, q))(p)
    return jnp.abs(w @ r_p) / norm(Delta)
