"""The fit itself: many starts, a search that no missing branch can stop, an exact finish, a verified end.

1. Search: least squares on parameters and amplitudes together, the gap equations as stiff data (`jaxgap.fitting.search`).
2. Finish: least squares on the self-consistent solution alone, through the implicit derivative (`nested`).
3. Verify: `solve` finds the branch at the optimum from nothing, and must find the same amplitudes.
4. Uncertainty: covariance, profiles, and what they make of the curve and of predictions, by exact derivatives
   (`jaxgap.fitting.uncertainty`).

Least squares is `scipy.optimize.least_squares` (trust region, bounds respected exactly), with the exact Jacobian from one
compiled program; the loops stay on the host, where they can report and be stopped.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap._checks import NotConvergedError
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.branches import GapCurve, gap_curve
from jaxgap.fitting.config import FitConfig, OptimiserConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.minimise import distance, minimise_nested, nested_at
from jaxgap.fitting.objective import Nested, roots_near
from jaxgap.fitting.problem import Problem, problem, system_at
from jaxgap.fitting.profile import Minimum, profile
from jaxgap.fitting.result import FitResult, SampleResult
from jaxgap.fitting.search import Progress, by_adam, by_least_squares, searched, starts
from jaxgap.fitting.uncertainty import curvature, curve_sigma, end_and_T_c, gap_slopes, leaves, predict
from jaxgap.labels import sign_pattern
from jaxgap.provenance import provenance
from jaxgap.superconductor import Superconductor

__all__ = ["Progress", "fit_branch", "other_branch"]

TIGHTER = (0.1, 0.01, 0.001)
"""Where the search has ended off the branch, s is made smaller by these factors."""
NEARBY = 0.05
"""The solution on the branch is where the search has ended if its amplitudes differ by no more than this share."""
PICTURED = 11
"""Points of every profile, spread over its interval, besides those that locate the ends."""


def fit_branch(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], progress: Progress) -> FitResult:
    """The fit on the branch that `config` names.

    Raises:
        NotConvergedError: if no start ends at a solution on the asked-for branch.
    """
    require_float64()
    began = time.perf_counter()
    p = problem(config, config.systems(sc), data)
    points, used = _minima(p, config, progress)
    chi2, converged = points.chi2_on_branch, points.done(p, config.optimiser.tolerance)
    best = _best(chi2, converged, np.isfinite(points.jacobian).all(axis=(1, 2)), lambda: _missing(p, config, points))
    value = points.theta[best]
    covariance, undetermined = curvature(p, points.jacobian[best])
    minimum = Minimum(value, points.Delta[best], float(chi2[best]), np.sqrt(np.diag(covariance)))
    return FitResult(
        config=config,
        data=data,
        samples=tuple(_sample(p, config, i, value, covariance, points.Delta[best]) for i in range(len(p.systems))),
        value=value,
        covariance=covariance,
        undetermined=undetermined,
        jacobian=points.jacobian[best][: len(p.rows) + len(p.names)],
        intervals=tuple(profile(p, config.optimiser, minimum, k, points=PICTURED) for k in range(len(value))),
        chi2=minimum.chi2,
        amplitudes=points.Delta[best],
        predicted=points.predicted[best],
        start_values=points.theta,
        start_chi2=chi2,
        start_converged=converged,
        evaluations=used + points.evaluations,
        seconds=time.perf_counter() - began,
        provenance=provenance(),
        branch=config.system.branch,
    )


def _minima(p: Problem, config: FitConfig, progress: Progress) -> tuple["_Points", int]:
    """(where all starts end, evaluations of the search)."""
    theta, Delta = starts(p, config)
    with ThreadPoolExecutor(2) as pool:
        # What comes after the search is run once, at a start, so that its compilation overlaps with the search's.
        first, T, paths = system_at(p, jnp.asarray(theta[0])), _curve_temperatures(p, 0, 10.0, 20.0), leaves(p, theta[0], 0)[0]
        ahead: list[Future[Any]] = [
            pool.submit(end_and_T_c, first, p.pattern, paths),
            pool.submit(gap_curve, first, T, config.system.branch),
            pool.submit(gap_slopes, first, paths, jnp.asarray(T), jnp.ones((len(T), len(first.channels)))),
        ]
        search = by_adam if config.optimiser.search == "adam" else by_least_squares
        theta, Delta, used = search(p, config.optimiser, theta, Delta, progress)
        points = _finish(p, config.optimiser, theta, Delta, progress)
        for compiled in ahead:
            compiled.result()
    return points, used


def _sample(
    p: Problem, config: FitConfig, sample: int, value: np.ndarray, covariance: np.ndarray, Delta: np.ndarray
) -> SampleResult:
    """What the optimum says of one sample, whose branch is found again from nothing."""
    theta = jnp.asarray(value)
    sc, predicted = system_at(p, theta, sample), predict(p, config, theta, covariance, sample)
    T = _curve_temperatures(p, sample, *(prediction.value for prediction in predicted))
    own = np.array(p.sample, int) == sample
    curve = _verified(sc, config.system.branch, T, np.asarray(p.T)[own], Delta[own])
    other = gap_curve(sc, T, other_branch(config.system.branch, len(sc.bands)))
    sigma = curve_sigma(p, value, curve, covariance, sample)
    return SampleResult(config.sample_names[sample], sc, curve, sigma, other, predicted)


# --- finish: parameters alone ------------------------------------------------------------------------------------------


class _Points(NamedTuple):
    """Where all starts are."""

    theta: np.ndarray
    residuals: np.ndarray
    """[start, residual], as in `Nested`."""
    predicted: np.ndarray
    jacobian: np.ndarray
    Delta: np.ndarray
    on_branch: np.ndarray
    evaluations: int

    def done(self, p: Problem, tolerance: float) -> np.ndarray:
        """Which starts have converged: the minimum is as close as asked for."""
        bounds = np.asarray(p.lower), np.asarray(p.upper)
        scale = bounds[1] - bounds[0]
        rows = zip(self.residuals, self.jacobian, self.theta, strict=True)
        near = [distance(r, J, x, bounds, scale, tolerance) <= tolerance for r, J, x in rows]
        return self.on_branch & np.array(near)

    @property
    def chi2(self) -> np.ndarray:
        return np.sum(self.residuals**2, axis=1)

    @property
    def chi2_on_branch(self) -> np.ndarray:
        """chi^2, infinite where the branch does not exist."""
        return np.where(self.on_branch, self.chi2, np.inf)


def _finish(p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, progress: Progress) -> _Points:
    """Least squares through the implicit derivative, from every start."""
    ends, evaluations, lowest = [], 0, np.inf
    for i in range(len(theta)):
        x, end, used = _finished(p, settings, theta[i], Delta[i])
        ends.append((x, end))
        evaluations += used
        if end.on_branch:
            lowest = min(lowest, float(np.sum(end.residuals**2)))
        progress("finish", i + 1, len(theta), lowest)
    points = jax.tree.map(lambda *parts: np.stack(parts), *(end for _, end in ends))
    theta = np.stack([x for x, _ in ends])
    return _Points(theta=theta, evaluations=evaluations, **points._asdict())


def _finished(p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray) -> tuple[np.ndarray, Nested, int]:
    """(parameters, residuals there, evaluations) of one start.

    The search may end far from any solution on the branch, as far as the weight of the gap equations in it allows. Then it goes
    on with more weight, until there is a solution to start from.
    """
    used = 0
    for factor in TIGHTER:
        at = nested_at(p, theta, Delta)
        if at.on_branch and np.linalg.norm(at.Delta - Delta) <= NEARBY * np.linalg.norm(Delta):
            break
        stiffer = replace(p, scale=p.scale * factor)
        theta, Delta, _, more = searched(stiffer, settings, theta, Delta)
        used += more + 1
    theta, end, more = minimise_nested(p, theta, Delta, settings)
    return theta, end, used + more


def _missing(p: Problem, config: FitConfig, points: _Points) -> str:
    """Where the start that came closest has no model for the data."""
    chi2 = np.where(np.isfinite(points.chi2), points.chi2, np.inf)
    i = int(np.argmin(chi2))
    roots, found = jax.tree.map(np.asarray, _roots(p, points.theta[i], points.Delta[i]))
    if found.all():
        return ""
    k = int(np.argmin(found))
    place = f"T = {float(p.T[k]):g} K" + (f" of {config.sample_names[p.sample[k]]}" if config.samples else "")
    if not roots.x[k].any():
        return f" (The closest has no pairs at {place}: a ratio of gaps has no value there.)"
    return f" (The closest is missing it at {place}, below its T_c.)"


@program
def _roots(p: Problem, theta: Any, near: Any) -> Any:
    return roots_near(p, theta, near)


def _best(chi2: np.ndarray, converged: np.ndarray, differentiable: np.ndarray, where: Callable[[], str] = str) -> int:
    """The lowest chi^2 among the starts that converged, or, if none did, among those on the branch; `where` it is missing is
    said if none is."""
    if not np.isfinite(chi2).any():
        raise NotConvergedError(
            "The fit did not converge: no start ended at parameters for which the asked-for branch exists at every temperature "
            f"of the data.{where()} Widen the bounds, raise `optimiser.starts` or `optimiser.search_steps`, or check "
            "`system.branch` in fit.toml."
        )
    finite = np.isfinite(chi2) & differentiable
    if not finite.any():
        raise NotConvergedError(
            "The fit did not converge: every start ended where a fitted number has no derivative (branches that cross, or a "
            "fold). Check the data, widen the bounds, or raise `optimiser.starts`."
        )
    usable = converged & finite if (converged & finite).any() else finite
    return int(np.argmin(np.where(usable, chi2, np.inf)))


def _verified(sc: Superconductor, branch: str, T: np.ndarray, fitted: np.ndarray, near: np.ndarray) -> GapCurve:
    """The branch at the optimum, from nothing: at every fitted temperature it must have the amplitudes of the fit."""
    curve = gap_curve(sc, T, branch)
    index = np.searchsorted(T, fitted)
    found, converged = np.asarray(curve.solutions.Delta).real[index], np.asarray(curve.solutions.converged)[index]
    same = np.isclose(found, near, rtol=1e-6, atol=1e-8 * float(sc.Omega)).all(axis=1)
    # Amplitudes of zero are the normal state, beyond the end of the branch.
    good = np.where((near == 0).all(axis=1), ~converged, same & converged)
    if not good.all():
        raise NotConvergedError(
            f"The fit ended on another solution than the branch {branch} at T = {T[index][~good][0]:g} K: "
            "raise `optimiser.starts`, or give a start in fit.toml."
        )
    return curve


def _curve_temperatures(p: Problem, sample: int, end: float, T_c: float) -> np.ndarray:
    """The fitted temperatures, and a grid from 0 to beyond T_c that is denser towards the end of the branch and T_c [K]; the
    same number for every sample."""
    own = np.asarray(p.T)[np.array(p.sample, int) == sample]
    most = max((p.sample.count(i) for i in range(len(p.systems))), default=0)
    own = np.append(own, np.full(most - len(own), own[-1] if len(own) else 0.0))
    grid = np.linspace(0.0, 1.04 * max(end, T_c, 1.0), 60)
    closer = [end * (1 - np.geomspace(3e-5, 0.2, 24)), T_c * (1 - np.geomspace(1e-4, 0.02, 8))]
    return np.sort(np.concatenate([own, grid, *closer]))


def other_branch(branch: str, n_bands: int) -> str:
    """The branch to compare with: all bands alike, or, if that is the fitted one, the last band against the others."""
    if (np.asarray(sign_pattern(branch, n_bands)) < 0).any():
        return "s" + "+" * n_bands
    return "s" + "+" * (n_bands - 1) + "-"
