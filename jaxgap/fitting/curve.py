"""The fitted branch against temperature: found by its name from nothing, or, where that leads to another state, followed from
the fitted state itself, down to T = 0 and up to the branch's end."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.continuation.ends import Begin
from jaxgap.fitting.normal import paired
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.programs import program
from jaxgap.solving.core import solve_core, unless_nothing
from jaxgap.solving.curves import GapCurve, gap_curve
from jaxgap.solving.following import follow
from jaxgap.solving.labels import Label, has_signs, sign_pattern
from jaxgap.solving.solution import Status
from jaxgap.spectra.minima import branch_minima_of
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = ["branch_curve", "fitted_curve"]


def branch_curve(sc: Superconductor, T: np.ndarray, branch: str) -> GapCurve:
    """The branch of a name at the temperatures `T` [K]; at a density the one connected to T_c, whose electrons are counted, and
    nothing where that has another name."""
    if sc.density is None:
        return gap_curve(sc, T, branch)
    curve, pattern = gap_curve(sc, T), sign_pattern(branch, sc.signed)
    found = curve.solutions
    named = jax.vmap(lambda here, D: has_signs(here, D, pattern))(found.superconductor, found.Delta.real)
    status = jnp.where(named | (found.label == Label.NORMAL), found.status, Status.LEFT_BRANCH).astype(int)
    return GapCurve(
        eqx.tree_at(lambda s: s.status, found, status), jnp.where(named[:, None], curve.gaps, jnp.nan), curve.stable & named
    )


def fitted_curve(
    sc: Superconductor, branch: str, T: np.ndarray, fitted: np.ndarray, Delta: np.ndarray, begin: Begin | None
) -> GapCurve:
    """The branch at the temperatures `T` [K], with the amplitudes `Delta` [meV] at those that were fitted.

    `solve` finds it from nothing by its signs, if that is the fitted state; else it is followed from `begin`, its state at the
    lowest of them.
    """
    curve = branch_curve(sc, T, branch)
    if begin is None or sc.density is not None or _passes(sc, curve, T, fitted, Delta):
        return curve
    return _followed(sc, jnp.asarray(T), begin, sign_pattern(branch, sc.signed))


def _passes(sc: Superconductor, curve: GapCurve, T: np.ndarray, fitted: np.ndarray, Delta: np.ndarray) -> bool:
    """Whether a curve has the fitted amplitudes at all fitted temperatures."""
    index = np.searchsorted(T, fitted)
    found, converged = np.asarray(curve.solutions.Delta).real[index], np.asarray(curve.solutions.converged)[index]
    # Its sign is free.
    found = found * np.sign(found[:, :1] * Delta[:, :1])
    good = np.isclose(found, Delta, rtol=1e-6, atol=1e-8 * float(sc.scale)).all(axis=1)
    # Beyond T_c the fit has the normal state, and the branch has ended.
    return bool(np.all(np.where(paired(Delta), good & converged, ~converged)))


@program
def _followed(sc: Superconductor, T: Float[Array, "temperature"], begin: Begin, pattern: Any) -> GapCurve:
    def at(t: Float[Array, ""]) -> tuple[Any, Any, Any]:
        track = follow(sc, begin.starts, begin.T, t, pattern)
        found = solve_core(sc, t, track.root.x, None, DEFAULT_RULE)
        status = jnp.where(track.arrived, found.status, Status.LEFT_BRANCH).astype(int)
        Delta = unless_nothing(found.Delta, status)
        solution = eqx.tree_at(lambda s: (s.status, s.Delta), found, (status, Delta))
        exists = solution.converged & (solution.label != Label.NORMAL)
        return solution, jnp.where(exists, branch_minima_of(sc, Delta), jnp.nan), exists & solution.stable

    return GapCurve(*jax.vmap(at)(T))
