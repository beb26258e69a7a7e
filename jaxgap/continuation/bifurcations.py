r"""Where branches end, branch off and change places: each is the root of its own equations, and so differentiable.

Along a path (system, T)(p) through parameter space, with r the gap equations, M = dr/dDelta and B their phase block:

.. math::
    \text{fold:} \quad & r = 0, \; M v = 0, \; v_0 \cdot v = 1 \\
    \text{pitchfork (phases):} \quad & r = 0, \; (B + \hat\Delta \hat\Delta^T) w = 0, \; w_0 \cdot w = 1 \\
    \text{branch point (real):} \quad & r + \beta w = 0, \; M^T w = 0, \; w \cdot \partial_p r = 0, \; w \cdot w = 1 \\
    \text{end at the normal state:} \quad & \lambda K v = v, \; v_0 \cdot v = 1 \\
    \text{gapless:} \quad & r = 0, \; \min_k E_-(k) = 0 \\
    \text{equal free energies:} \quad & r(\Delta) = 0, \; r(\Delta') = 0, \; F(\Delta) = F(\Delta')

At a fold (a spinodal) two real solutions meet; at a pitchfork of phases a pair of conjugate complex solutions leaves a real
one (B always has the gauge direction as a null vector, which the added projector removes); where free energies are equal the
ground state changes by a first-order transition. The p of each is `at_root` of its equations: a derivative of "the
temperature at which s+- ends" is one `jax.grad` away.
"""

from collections.abc import Mapping
from enum import IntEnum
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.curvature import residual_and_matrix
from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.gauge import fixed_gauge_residual, group_directions, search_root, theta_at, vanishing
from jaxgap.equations.pairing import gap_residual, pack, unpack
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check
from jaxgap.numerics.implicit import SINGULAR, at_root, moved_along, null_vector, smallest_singular_value
from jaxgap.numerics.newton import differenced, newton, norm
from jaxgap.numerics.programs import program
from jaxgap.solving.critical import linear_kernel
from jaxgap.solving.entry import takes_system
from jaxgap.solving.one import checked_temperature
from jaxgap.solving.stability import phase_block
from jaxgap.spectra.minima import GAPLESS, excitation_gap_of, gapless_excess_of
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = [
    "Path",
    "path",
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


class Path(eqx.Module):
    """A straight line through parameter space: (system, T)(p) for p from 0 to 1, and beyond."""

    sc_0: Superconductor
    sc_1: Superconductor
    T_0: Float[Array, ""]
    T_1: Float[Array, ""]
    names: tuple[str, ...] = eqx.field(static=True)
    """What changes: "T" and paths of leaves."""

    def at(self, p: Any) -> tuple[Superconductor, Float[Array, ""]]:
        """(system, T [K]) at p."""
        sc = jax.tree.map(lambda a, b: a + (b - a) * p, self.sc_0, self.sc_1)
        return sc, self.T_0 + (self.T_1 - self.T_0) * p

    def value(self, p: Any, name: str | None = None) -> Any:
        """The value of what changes (the first name, if none is given) at p."""
        name = self.names[0] if name is None else name
        a, b = (self.T_0, self.T_1) if name == "T" else (self.sc_0.get(name), self.sc_1.get(name))
        return a + (b - a) * p


@takes_system
def path(sc: Superconductor, T: Any, along: Any) -> Path:
    """The path on which the leaves named in `along` (and "T" [K]) go from their first to their second value together.

    Example: `path(sc, 4.2, {"lambda_33": (0.1, 0.3)})`, or `path(sc, 0.0, {"T": (0.0, 80.0)})`.
    """
    if not isinstance(along, Mapping) or not along:
        raise InputError(f'Argument `along` must name what changes, such as {{"lambda_33": (0.1, 0.3)}}, but got {along!r}.')
    for name, ends in along.items():
        check(isinstance(ends, tuple | list) and len(ends) == 2, f"along[{name}]", "be a pair (from, to)", repr(ends))
    leaves = {name: ends for name, ends in along.items() if name != "T"}
    sc_0, sc_1 = (sc.set({name: ends[i] for name, ends in leaves.items()}) for i in (0, 1))
    T_0, T_1 = (checked_temperature(value) for value in along.get("T", (T, T)))
    return Path(sc_0, sc_1, T_0, T_1, tuple(along))


def heating(sc: Superconductor) -> Path:
    """The path along which only the temperature changes, with p = T in K."""
    return Path(sc, sc, jnp.zeros(()), jnp.ones(()), ("T",))


class BifurcationKind(IntEnum):
    """What happens to a branch."""

    FOLD = 0
    """It turns back: a spinodal."""
    PITCHFORK = 1
    """Its phases become unstable. If g is symmetric, a pair of complex solutions (time reversal) leaves it there; if not, the
    gap equations at complex amplitudes have one equation more than unknowns, and in general none does."""
    BRANCH_POINT = 2
    """Another real branch crosses it, or a pair of real ones leaves it."""
    NORMAL = 3
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

    def value(self, name: str | None = None) -> Any:
        """The value of what changes along the path, at this point."""
        return self.path.value(self.p, name)


@program
def root_at(path: Path, p: Float[Array, ""], Delta: Inexact[Array, "channel"]) -> tuple[Any, Any]:
    """(amplitudes, converged) of the solution near `Delta` [meV] at p, zero if it is the normal state; without derivatives."""
    sc, T = path.at(p)
    root = search_root(sc, T, pack(Delta), DEFAULT_RULE, 20)
    return unpack(jnp.where(norm(root.x) <= vanishing(sc, T), 0.0, root.x), len(Delta)), root.converged


def gap_equations(path: Path, Delta: Any, p: Any) -> Any:
    """r at p."""
    sc, T = path.at(p)
    return gap_residual(sc, Delta, T)


def gap_equations_and_matrix(path: Path, Delta: Any, p: Any) -> Any:
    """(r, M) at p, for real amplitudes."""
    sc, T = path.at(p)
    return residual_and_matrix(sc, Delta, T)


def _fold(z: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    path, v_0 = theta
    n = len(v_0)
    r, M = gap_equations_and_matrix(path, z[:n], z[-1])
    return jnp.concatenate([r, M @ z[n:-1], (v_0 @ z[n:-1] - 1)[None]])


def _pitchfork(z: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    path, w_0 = theta
    n = len(w_0)
    Delta, w, p = z[:n], z[n:-1], z[-1]
    sc, T = path.at(p)
    return jnp.concatenate([gap_residual(sc, Delta, T), deflated_phase_block(sc, Delta, T) @ w, (w_0 @ w - 1)[None]])


def deflated_phase_block(sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""]) -> Any:
    """B + the projector on the gauge directions: its other eigenvalues are those of B."""
    gauge = group_directions(sc, Delta)
    return phase_block(sc, Delta, T) + gauge.T @ gauge


def _branch_point(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    n = (len(z) - 2) // 2
    Delta, w, p, beta = z[:n], z[n : 2 * n], z[-2], z[-1]
    r, M = gap_equations_and_matrix(theta, Delta, p)
    _, r_p = jax.jvp(lambda q: gap_equations(theta, Delta, q), (p,), (jnp.ones(()),))
    return jnp.concatenate([r + beta * w, w @ M, jnp.stack([w @ r_p, w @ w - 1])])


def _normal(z: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    path, v_0 = theta
    sc, T = path.at(z[-1])
    return jnp.append(z[:-1] - sc.lam @ (linear_kernel(sc, T) * z[:-1]), v_0 @ z[:-1] - 1)


def _crossing(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    n = (len(z) - 1) // 2
    sc, T = theta.at(z[-1])
    states = z[:n], z[n : 2 * n]
    F, F_other = (free_energy_of(sc, Delta, T) for Delta in states)
    # In units of meV, like the gap equations.
    balance = (F - F_other) / (jnp.sum(sc.N) * sc.Omega)
    return jnp.concatenate([*(gap_residual(sc, Delta, T) for Delta in states), balance[None]])


def _crossing_broken(z: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    """`_crossing` of complex amplitudes, real parts before imaginary ones, which do not turn relative to `origin`."""
    path, origin = theta
    m = len(origin) // 2
    sc, T = path.at(z[-1])
    r, F = [], []
    for part in (slice(0, m), slice(m, 2 * m)):
        r.append(fixed_gauge_residual(z[part], theta_at(sc, T, origin[part]), DEFAULT_RULE))
        F.append(free_energy_of(sc, unpack(z[part], len(sc.channels)), T))
    return jnp.concatenate([*r, (F[0] - F[1])[None] / (jnp.sum(sc.N) * sc.Omega)])


def _gapless(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    sc, T = theta.at(z[-1])
    # In units of meV, like the gap equations.
    excess = sc.Omega * jnp.prod(gapless_excess_of(sc, z[:-1]) / sc.Omega**2)
    return jnp.append(gap_residual(sc, z[:-1], T), excess)


def _located(kind: BifurcationKind, equations: Any, path: Path, z: Any, v_0: Any, n: int) -> Bifurcation:
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
def _fold_position(z: Float[Array, "n"], path: Path, v_0: Any, trusted: Any) -> Float[Array, ""]:
    """p of the fold z = (Delta, v, p), with the derivative dp = -(w . dr) / (w . dr/dp), where w M = 0.

    `at_root` gives the same from second derivatives of the gap equations, most of which cancel.
    """
    del path, v_0, trusted
    return z[-1]


@partial(_fold_position.defjvp, symbolic_zeros=True)
def _fold_position_jvp(primals: Any, tangents: Any) -> Any:
    z, path, v_0, trusted = primals
    # Only a second derivative needs that of the fold's amplitudes.
    x = at_root(_fold, z, (path, v_0), trusted)
    Delta, p = x[: len(v_0)], _fold_position(*primals)
    w = null_vector(gap_equations_and_matrix(path, Delta, p)[1].T)
    return p, moved_along(lambda moved, q: gap_equations(moved, Delta, q), w, path, tangents[1], p, trusted)


@program
def locate_fold(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The fold near the real amplitudes `Delta` [meV] at p."""
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    v_0 = null_vector(gap_equations_and_matrix(frozen, Delta, p)[1])
    return _located(BifurcationKind.FOLD, _fold, path, jnp.concatenate([Delta, v_0, p[None]]), v_0, len(Delta))


@program
def locate_pitchfork(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near the real amplitudes `Delta` [meV] at p where a pair of complex solutions leaves."""
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    sc, T = frozen.at(p)
    w_0 = null_vector(deflated_phase_block(sc, Delta, T))
    return _located(BifurcationKind.PITCHFORK, _pitchfork, path, jnp.concatenate([Delta, w_0, p[None]]), w_0, len(Delta))


@program
def locate_branch_point(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near the real amplitudes `Delta` [meV] at p where real branches cross.

    `direction` is the left null vector of M; where g is symmetric, g^-1 direction is the right one.
    """
    frozen, Delta, p = jax.lax.stop_gradient((path, Delta, p))
    w_0 = null_vector(gap_equations_and_matrix(frozen, Delta, p)[1].T)
    z = jnp.concatenate([Delta, w_0, jnp.stack([p, jnp.zeros(())])])
    return _located(BifurcationKind.BRANCH_POINT, _branch_point, path, z, None, len(Delta))


@program
def locate_normal(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The point near p where a branch of small amplitudes in the direction of `Delta` ends in the normal state."""
    Delta, p = jax.lax.stop_gradient((Delta, p))
    v_0 = Delta / norm(Delta)
    return _located(BifurcationKind.NORMAL, _normal, path, jnp.append(v_0, p), v_0, len(Delta))


@program
def locate_crossing(
    path: Path, Delta: Inexact[Array, "channel"], other: Inexact[Array, "channel"], p: Float[Array, ""]
) -> Bifurcation:
    """The point near p where two branches, near `Delta` and `other` [meV], have equal free energies.

    `other` may be zero: the crossing with the normal state, a first-order transition out of superconductivity. With complex
    amplitudes (both arrays then) one of them or both break time reversal. Not converged if g is not symmetric: then there are
    no free energies.
    """
    Delta, other, p = jax.lax.stop_gradient((Delta, other, p))
    states = jnp.concatenate([pack(Delta), pack(other)])
    z, n = jnp.append(states, p), len(Delta)
    if not jnp.iscomplexobj(Delta):
        return _located(BifurcationKind.CROSSING, _crossing, path, z, None, n)
    event = _located(BifurcationKind.CROSSING, _crossing_broken, path, z, states, 2 * n)
    both = unpack(event.Delta, n), unpack(event.direction, n)
    return Bifurcation(event.kind, path, event.p, *both, event.converged, event.steps)


@program
def locate_gapless(path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]) -> Bifurcation:
    """The gapless state near the real amplitudes `Delta` [meV] at p: `gapless_excess` is zero."""
    Delta, p = jax.lax.stop_gradient((Delta, p))
    return _located(BifurcationKind.GAPLESS, _gapless, path, jnp.append(Delta, p), None, len(Delta))


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
