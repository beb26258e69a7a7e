r"""Branches of solutions in temperature: Delta(T) and the excitation gaps along a branch, up to its end (`branch_end`).

.. math:: \Delta(T) = \lambda P(\Delta(T), T) / N, \qquad \min_k E_\pm(k; \Delta(T))"""

from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Reals
from jaxgap.solving.core import concluded, solve_core
from jaxgap.solving.entry import takes_any_filling, takes_any_system
from jaxgap.solving.filling import filled
from jaxgap.solving.labels import Label, sign_pattern
from jaxgap.solving.one import amplitudes
from jaxgap.solving.retarded import retarded_at_temperatures
from jaxgap.solving.solution import Solution, Status
from jaxgap.solving.stations import Stations, at_stations
from jaxgap.solving.ways import way_from_T_c, way_from_zero
from jaxgap.spectra.mesh import coarser
from jaxgap.spectra.minima import branch_minima_of
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

__all__ = ["GapCurve", "curve_at", "gap_curve", "solve_temperatures"]

Start = Inexact[Array, "channel"] | None
Signs = Float[Array, "band"] | None


@takes_any_system
def solve_temperatures(
    sc: Superconductor,
    T: object,
    *,
    start: object = None,
    branch: str | None = None,
    rule: Rule = DEFAULT_RULE,
) -> Solution:
    """`solve` at each of the temperatures `T` [K], batched: a `Solution` whose leaves have the temperatures as first axis.

    Nothing raises: every element has its own status. `start`, `branch` and `rule` are those of `solve`.

    Args:
        sc: the system.
        T: temperatures [K].
        start: amplitudes to start from [meV], one per channel, or a `Solution`.
        branch: the branch to take, "s++", "s+-", or one sign per band.
        rule: quadrature nodes per piece.

    Example:
        >>> many = jg.solve_temperatures(jg.materials.two_band(), [4.2, 20.0])
        >>> many.Delta.shape
        (2, 3)
    """
    Delta_0 = None if start is None else amplitudes(start, sc)
    pattern = None if branch is None else sign_pattern(branch, sc.signed)
    if isinstance(sc, RetardedSuperconductor):
        check(rule == DEFAULT_RULE, "rule", "be left out with a retarded interaction (it has `frequencies`)", rule)
        return retarded_at_temperatures(sc, _temperatures(T), Delta_0, pattern)
    return _solve_temperatures(sc, _temperatures(T), Delta_0, pattern, rule)


def _temperatures(T: object) -> Float[Array, "temperature"]:
    check_finite("T", T)
    T = np.asarray(cast(Reals, T), dtype=float)
    check(T.ndim == 1 and T.size > 0 and not np.any(T < 0), "T", "be a list of temperatures >= 0 [K]", T.tolist())
    return jnp.asarray(T)


@program
def _solve_temperatures(
    sc: Superconductor, T: Float[Array, "temperature"], Delta_0: Start, pattern: Signs, rule: Rule
) -> Solution:
    return _along(sc, T, Delta_0, pattern, rule)


def _along(sc: Superconductor, T: Float[Array, "temperature"], Delta_0: Start, pattern: Signs, rule: Rule) -> Solution:
    """The solution at every temperature, of a branch as `solve` finds it: followed once (`jaxgap.solving.stations`). From given
    amplitudes, and at a density, which has another mu at every temperature, each is solved by itself."""
    if Delta_0 is not None or sc.density is not None:
        return jax.vmap(lambda t: solve_core(filled(sc, t, Delta_0, pattern), t, Delta_0, pattern, rule))(T)
    walked, T_walked = jax.lax.stop_gradient((coarser(sc), T))
    way = way_from_T_c(walked, rule) if pattern is None else way_from_zero(walked, pattern, rule)
    stations = at_stations(way, T_walked, rising=pattern is not None, pattern=pattern)
    return _concluded(sc, T, stations, pattern, rule)


def _concluded(sc: Superconductor, T: Float[Array, "temperature"], stations: Stations, pattern: Signs, rule: Rule) -> Solution:
    """What was found at the stations, T, with verdicts and derivatives; nothing where the branch has ended."""
    _, _, root, arrived, beyond = stations
    found = jax.vmap(lambda t, root, there: concluded(sc, t, root, there, pattern, rule))(
        jnp.where(beyond, 0.0, T), root, arrived
    )
    return found if pattern is None else _without(beyond, T, found)


def _without(beyond: Bool[Array, "temperature"], T: Float[Array, "temperature"], found: Solution) -> Solution:
    """The solutions with nothing where the branch has ended."""
    nan, status = jnp.where(beyond, jnp.nan, 1.0), jnp.where(beyond, int(Status.LEFT_BRANCH), found.status)
    return eqx.tree_at(
        lambda s: (s.T, s.Delta, s.status, s.label, s.residual, s.sigma_min, s.quadrature_error, s.differentiable),
        found,
        (
            T,
            found.Delta * nan[:, None],
            status,
            jnp.where(beyond, int(Label.NOTHING), found.label),
            found.residual * nan,
            found.sigma_min * nan,
            found.quadrature_error * nan,
            found.differentiable & ~beyond,
        ),
    )


class GapCurve(eqx.Module):
    """Excitation gaps along a branch."""

    solutions: Solution
    """Batched over the temperatures."""
    gaps: Float[Array, "temperature branch"]
    """Branch minima [meV], in the order of `branch_names`; NaN where the branch does not exist."""
    stable: Bool[Array, "temperature"]
    """Where the branch exists and no direction, in amplitudes or in phases, is known to be unstable (phases for equal rates).
    Where `solutions.unstable_phase` is -1 phases were not examined, and it speaks of amplitudes alone."""

    @property
    def T(self) -> Float[Array, "temperature"]:
        """The temperatures [K]."""
        return self.solutions.T


@takes_any_filling
def gap_curve(sc: Superconductor, T: object, branch: str | None = None) -> GapCurve:
    """Excitation gaps and stability along a branch (default: the one connected to T_c) at the temperatures `T` [K].

    The branch is that of `solve`: the one that exists from T = 0 up to `branch_end`, and nothing beyond, even if the state
    connected to T_c has its signs there.

    Args:
        sc: the system.
        T: temperatures [K].
        branch: the branch to take, "s++", "s+-", or one sign per band; None: the one connected to T_c.

    Example:
        >>> curve = jg.gap_curve(jg.materials.two_band(), [4.2, 20.0], "s++")
        >>> np.asarray(curve.gaps).round(3).tolist()
        [[3.289, 7.508], [2.903, 7.132]]
    """
    pattern = None if branch is None else sign_pattern(branch, sc.signed)
    return _gap_curve(sc, _temperatures(T), pattern)


@program
def _gap_curve(sc: Superconductor, T: Float[Array, "temperature"], pattern: Signs) -> GapCurve:
    return _with_gaps(sc, _along(sc, T, None, pattern, DEFAULT_RULE))


def curve_at(sc: Superconductor, stations: Stations, pattern: Float[Array, "band"]) -> GapCurve:
    """`gap_curve` of a named branch that has been followed already."""
    return _with_gaps(sc, _concluded(sc, stations.T, stations, pattern, DEFAULT_RULE))


def _with_gaps(sc: Superconductor, solutions: Solution) -> GapCurve:
    def at(solution: Solution) -> tuple[Solution, Float[Array, "branch"], Bool[Array, ""]]:
        exists = solution.converged & (solution.label != Label.NORMAL)
        here = sc if sc.density is None else solution.superconductor
        gaps = jnp.where(exists, branch_minima_of(here, solution.Delta), jnp.nan)
        return solution, gaps, exists & solution.stable

    return GapCurve(*jax.vmap(at)(solutions))
