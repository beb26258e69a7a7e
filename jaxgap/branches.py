"""Branches of solutions in temperature: Delta(T) and the excitation gaps along a branch, up to its end (`branch_end`)."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap._checks import check, check_finite
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.characteristic import count_negative
from jaxgap.labels import Label, sign_pattern
from jaxgap.observables.gaps import branch_minima_of
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution
from jaxgap.solve import amplitudes, solve_core
from jaxgap.stability import real_blocks
from jaxgap.superconductor import Superconductor

__all__ = ["GapCurve", "gap_curve", "solve_temperatures"]


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
