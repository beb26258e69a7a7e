r"""Branches of solutions in temperature: Delta(T) along a branch, and the temperature at which it ends.

A branch of real solutions ends at a fold, where it meets another solution and the Jacobian M is singular, or where the
amplitudes vanish (T_c). Past a fold Newton happily finds some other solution; here a branch is followed in steps too small to
be stepped over, and the fold is then located by its own equations (`jaxgap.bifurcations`), which make the temperature of the
end a differentiable function of the system.
"""

from enum import IntEnum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap._checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.bifurcations import heating, locate_fold
from jaxgap.critical import highest_temperature
from jaxgap.following import follow_from_zero
from jaxgap.implicit import at_root
from jaxgap.labels import Label, sign_pattern
from jaxgap.observables.gaps import branch_minima_of
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution
from jaxgap.solve import amplitudes, solve_core
from jaxgap.stability import count_negative, real_blocks
from jaxgap.superconductor import Superconductor

__all__ = ["BranchEnd", "EndKind", "GapCurve", "branch_end", "gap_curve", "solve_temperatures"]


class EndKind(IntEnum):
    """How a branch ends."""

    FOLD = 0
    """It meets another branch at a fold (a spinodal): the state disappears at a finite gap."""
    OTHER = 1
    """Its amplitudes vanish, an amplitude changes sign, or it could not be followed further."""
    MISSING = 2
    """It does not exist at T = 0."""


class BranchEnd(eqx.Module):
    """The end of a branch of solutions when the temperature rises."""

    T: Float[Array, ""]
    """Temperature [K]: of the fold by its own equations, else as far as the branch was followed (to some 1e-3 K)."""
    Delta: Float[Array, "channel"]
    """Amplitudes there [meV]."""
    kind: Int[Array, ""]
    """An `EndKind` code."""


def branch_end(sc: Superconductor, branch: str, *, throw: bool = True) -> BranchEnd:
    """Follow a branch from T = 0 until it ends: the temperature [K] at which it does, differentiable if it is a fold.

    Args:
        sc: the system.
        branch: "s++", "s+-", or one sign per band such as "++-".
        throw: raise `NotConvergedError` if the branch does not exist at T = 0 (under tracing: `EndKind.MISSING`).
    """
    require_float64()
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    end = _branch_end(sc, sign_pattern(branch, len(sc.bands)))
    if throw and is_concrete(end) and int(end.kind) == EndKind.MISSING:
        raise NotConvergedError(f"The branch {branch} was not found at T = 0 for this system.")
    return end


def solve_temperatures(
    sc: Superconductor, T: Any, *, start: Any = None, branch: str | None = None, rule: Rule = DEFAULT_RULE
) -> Solution:
    """`solve` at each of the temperatures `T` [K], batched: a `Solution` whose leaves have the temperatures as first axis.

    Nothing raises: every element has its own status. `start`, `branch` and `rule` are those of `solve`.
    """
    require_float64()
    Delta_0 = None if start is None else amplitudes(start, sc)
    pattern = None if branch is None else sign_pattern(branch, len(sc.bands))
    return _solve_temperatures(sc, _temperatures(T), Delta_0, pattern, rule)


def _temperatures(T: Any) -> Float[Array, "temperature"]:
    check_finite("T", T)
    T = np.asarray(T, dtype=float)
    check(T.ndim == 1 and not np.any(T < 0), "T", "be a list of temperatures >= 0 [K]", T.tolist())
    return jnp.asarray(T)


@program
def _solve_temperatures(sc: Superconductor, T: Float[Array, "temperature"], Delta_0: Any, pattern: Any, rule: Rule) -> Solution:
    return jax.vmap(lambda t: solve_core(sc, t, Delta_0, pattern, rule))(T)


class GapCurve(eqx.Module):
    """Excitation gaps along a branch."""

    solutions: Solution
    """Batched over the temperatures."""
    gaps: Float[Array, "temperature branch"]
    """Branch minima [meV], in the order of `branch_names`; NaN where the branch does not exist."""
    stable: Bool[Array, "temperature"]
    """Where the branch exists and no direction, in amplitudes or in phases, is unstable (phases for equal rates)."""

    @property
    def T(self) -> Float[Array, "temperature"]:
        """The temperatures [K]."""
        return self.solutions.T


def gap_curve(sc: Superconductor, T: Any, branch: str | None = None) -> GapCurve:
    """Excitation gaps and stability along a branch (default: the one connected to T_c) at the temperatures `T` [K].

    The branch is that of `solve`: the one that exists from T = 0 up to `branch_end`, and nothing beyond, even if the state
    connected to T_c has its signs there.
    """
    pattern = None if branch is None else sign_pattern(branch, len(sc.bands))
    return _gap_curve(sc, _temperatures(T), pattern)


@program
def _gap_curve(sc: Superconductor, T: Float[Array, "temperature"], pattern: Any) -> GapCurve:
    def at(t: Float[Array, ""]) -> tuple[Solution, Any, Any]:
        solution = solve_core(sc, t, None, pattern, DEFAULT_RULE)
        exists = solution.converged & (solution.label != Label.NORMAL)
        amplitude, phase = (count_negative(block) for block in real_blocks(sc, solution.Delta.real, t))
        stable = exists & (amplitude == 0) & (phase == 0)
        return solution, jnp.where(exists, branch_minima_of(sc, solution.Delta), jnp.nan), stable

    return GapCurve(*jax.vmap(at)(T))


def fold_temperature(sc: Superconductor, pattern: Float[Array, "band"]) -> Float[Array, ""]:
    """Temperature [K] at which the branch with these signs ends; NaN derivative unless it ends in a fold."""
    return _branch_end(sc, pattern).T


@program
def _branch_end(sc: Superconductor, pattern: Float[Array, "band"]) -> BranchEnd:
    frozen = jax.lax.stop_gradient(sc)
    track = follow_from_zero(frozen, highest_temperature(frozen), pattern, resolution=1e-3)
    fold = locate_fold(heating(sc), track.Delta, track.T)
    # The followed branch stops within its last step of the fold, which is no shorter than the resolution / 4.
    is_fold = fold.converged & (fold.p >= track.T - 1e-3) & (fold.p <= track.T + FOLD_DISTANCE)
    is_fold &= jnp.sum((fold.Delta - track.Delta) ** 2) <= 0.01 * jnp.sum(track.Delta**2)
    kind = jnp.where(track.began, jnp.where(is_fold, EndKind.FOLD, EndKind.OTHER), EndKind.MISSING)
    # T and the amplitudes apart: who differentiates only T does not pay for the amplitudes, which take second derivatives.
    T, Delta = (
        at_root(jnp.subtract, jnp.where(is_fold, located, followed), located, is_fold)
        for located, followed in ((fold.p[None], track.T[None]), (fold.Delta, track.Delta))
    )
    return BranchEnd(T[0], Delta, kind.astype(int))


FOLD_DISTANCE = 0.05
"""The branch is followed to about 1e-3 K of its end; a fold further away than this [K] is another one."""
