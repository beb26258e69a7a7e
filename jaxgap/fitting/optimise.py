"""The fit itself: many starts, a search that no missing branch can stop, an exact finish, a verified end.

1. Search: least squares on parameters and amplitudes together, the gap equations as stiff data (`jaxgap.fitting.search`).
2. Finish: least squares on the self-consistent solution alone, through the implicit derivative (`nested`), over the states
   that the fit may take (`jaxgap.fitting.states`), and, to know what is refused, over the others.
3. Judge: every optimum found is told once, with its stability; the best one that a sample can show is the result
   (`jaxgap.fitting.optima`). `solve` finds its branch again from nothing, or it is followed from the state found.
4. Uncertainty: covariance, profiles, and what they make of the curve and of predictions, by exact derivatives
   (`jaxgap.fitting.uncertainty`).

Least squares is `scipy.optimize.least_squares` (trust region, bounds respected exactly), with the exact Jacobian from one
compiled program; the loops stay on the host, where they can report and be stopped.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.curve import branch_curve, fitted_curve
from jaxgap.fitting.data import Datum
from jaxgap.fitting.ends import ends_of_refused, ends_of_search
from jaxgap.fitting.filling import filled_at
from jaxgap.fitting.model_curves import model_lines
from jaxgap.fitting.optima import End, Optimum, optima
from jaxgap.fitting.problem import Problem, problem, system_at
from jaxgap.fitting.profile import Minimum, profile
from jaxgap.fitting.result import FitResult, SampleResult
from jaxgap.fitting.retarded import retarded_curve, retarded_curve_sigma, retarded_prediction
from jaxgap.fitting.search import Progress, by_adam, by_least_squares
from jaxgap.fitting.starts import starts
from jaxgap.fitting.states import Found, of_stability, states_near
from jaxgap.fitting.uncertainty import curvature, curve_sigma, end_and_T_c, gap_slopes, leaves, predict, state_of
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.provenance import provenance
from jaxgap.numerics.threads import side_by_side
from jaxgap.solving.labels import sign_pattern

__all__ = ["Progress", "fit_branch", "other_branch"]

PICTURED = 11
"""Points of every profile, spread over its interval, besides those that locate the ends."""


def fit_branch(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], progress: Progress) -> FitResult:
    """The fit on the branch that `config` names.

    Raises:
        NotConvergedError: if no start ends at a solution with the signs of the branch.
    """
    require_float64()
    began = time.perf_counter()
    p = problem(config, config.systems(sc), data)
    ends, asked, explored, used = _ends(p, config, progress)
    found, owner = optima(p, ends, asked)
    best = _chosen(ends, found, owner, asked, lambda: _missing(p, config, ends[:asked]))
    refused = found[0].refused if owner[best] == 0 else ""
    if owner[best] == 0:
        # From here on, what is continuous with it in its stability.
        p = of_stability(p, found[0].unstable)
    value, at = ends[best].theta, ends[best].at
    Delta, J, predicted, residuals = (np.asarray(part) for part in (at.Delta, at.jacobian, at.predicted, at.residuals))
    covariance, undetermined = curvature(p, J)
    minimum = Minimum(value, Delta, float(np.sum(residuals**2)), np.sqrt(np.diag(covariance)))
    result = FitResult(
        config=config,
        data=data,
        samples=tuple(_sample(p, config, i, value, covariance, Delta) for i in range(len(p.systems))),
        value=value,
        covariance=covariance,
        undetermined=undetermined,
        jacobian=J[: len(p.rows) + len(p.names)],
        intervals=tuple(side_by_side(lambda k: profile(p, config.optimiser, minimum, k, points=PICTURED), range(len(value)))),
        chi2=minimum.chi2,
        amplitudes=Delta,
        predicted=predicted,
        start_values=np.stack([end.theta for end in ends[:asked]]),
        start_chi2=_chi2_on_branch(ends[:asked]),
        start_converged=np.array([end.converged and bool(end.at.on_branch) for end in ends[:asked]]),
        evaluations=used,
        seconds=time.perf_counter() - began,
        provenance=provenance(data=data),
        branch=config.system.branch,
        optima=found,
        start_optimum=owner[:asked],
        explored=explored,
        refused=refused,
    )
    return result._replace(lines=model_lines(p, result))


def _sample(
    p: Problem, config: FitConfig, sample: int, value: np.ndarray, covariance: np.ndarray, Delta: np.ndarray
) -> SampleResult:
    """What the optimum says of one sample, whose branch is found again from nothing, if its name leads there."""
    if p.systems[0].is_retarded:
        return _retarded_sample(p, config, sample, value, covariance)
    theta, begin, branch = jnp.asarray(value), state_of(p, Delta, sample), config.system.branch
    sc, predicted = system_at(p, theta, sample), predict(p, config, theta, covariance, Delta, sample)
    T = _curve_temperatures(p, sample, *(prediction.value for prediction in predicted))
    own = np.array(p.sample, int) == sample
    curve = fitted_curve(sc, branch, T, np.asarray(p.T)[own], Delta[own], begin)
    other = branch_curve(sc, T, other_branch(branch, sc))
    sigma = curve_sigma(p, value, curve, covariance, sample)
    return SampleResult(config.sample_names[sample], sc, curve, sigma, other, predicted)


def _retarded_sample(p: Problem, config: FitConfig, sample: int, value: np.ndarray, covariance: np.ndarray) -> SampleResult:
    """The same of a retarded interaction, whose gaps are edges."""
    sc, branch = system_at(p, jnp.asarray(value), sample), config.system.branch
    predicted = retarded_prediction(p, config, value, covariance, sample)
    own = np.asarray(p.T)[np.array(p.sample, int) == sample].tolist()
    curve, other = (retarded_curve(sc, own, predicted[1].value, name) for name in (branch, other_branch(branch, sc)))
    sigma = retarded_curve_sigma(p, value, curve, covariance, sample)
    return SampleResult(config.sample_names[sample], sc, curve, sigma, other, predicted)


# --- the starts ---------------------------------------------------------------------------------------------------------


def _ends(p: Problem, config: FitConfig, progress: Progress) -> tuple[list[End], int, int, int]:
    """(where starts end, how many of them are `optimiser.starts`, how many more were searched from, evaluations)."""
    first = starts(p, config)
    if p.systems[0].is_retarded:
        ends, used = ends_of_search(p, config.optimiser, first.theta, first.Delta, progress)
        return ends, first.asked, 0, used
    with ThreadPoolExecutor(2) as pool:
        # What comes after the search is run once, at a start, so that its compilation overlaps with the search's.
        sc, T = system_at(p, jnp.asarray(first.theta[0])), _curve_temperatures(p, 0, 10.0, 20.0)
        paths = leaves(p, first.theta[0], 0)[0]
        ahead: list[Future[Any]] = [
            pool.submit(end_and_T_c, sc, p.pattern, paths, state_of(p, first.Delta[0], 0)),
            pool.submit(branch_curve, sc, T, config.system.branch),
            pool.submit(gap_slopes, sc, paths, jnp.asarray(T), jnp.ones((len(T), len(sc.channels))), jnp.zeros(len(T))),
        ]
        search, asked = by_adam if config.optimiser.search == "adam" else by_least_squares, first.asked
        theta, Delta, used = search(p, config.optimiser, first.theta[:asked], first.Delta[:asked], progress)
        ends, more = ends_of_search(p, config.optimiser, theta, Delta, progress)
        refused, most = ends_of_refused(p, config.optimiser, (theta, Delta), (first.theta[asked:], first.Delta[asked:]), ends)
        for compiled in ahead:
            compiled.result()
    return ends + refused, asked, len(first.theta) - asked, used + more + most


def _chi2_on_branch(ends: list[End]) -> np.ndarray:
    """chi^2, infinite where there is no state that the fit may take."""
    return np.array([float(np.sum(end.at.residuals**2)) if end.at.on_branch else np.inf for end in ends])


def _chosen(
    ends: list[End], found: tuple[Optimum, ...], owner: np.ndarray, asked: int, missing: Callable[[], str] = str
) -> int:
    """The end that is reported: of the best optimum; where all are refused, of the best of them, unless a start that has not
    converged is at a state that may be taken."""
    chi2 = _chi2_on_branch(ends[:asked])
    if found and (not found[0].refused or not np.isfinite(chi2).any()):
        own = np.flatnonzero(owner == 0)
        return int(min(own, key=lambda i: np.sum(ends[i].at.residuals ** 2)))
    return _best(chi2, np.zeros(asked, bool), np.array([np.isfinite(end.at.jacobian).all() for end in ends[:asked]]), missing)


def _missing(p: Problem, config: FitConfig, ends: list[End]) -> str:
    """Where the start that came closest has no model for the data."""
    chi2 = [float(np.sum(end.at.residuals**2)) for end in ends]
    closest = ends[int(np.argmin(np.where(np.isfinite(chi2), chi2, np.inf)))]
    found = _states_near(p, closest.theta, np.asarray(closest.at.Delta))
    if np.asarray(found.solves).all():
        return ""
    k = int(np.argmin(found.solves))
    place = f"T = {float(p.T[k]):g} K" + (f" of {config.sample_names[p.sample[k]]}" if config.samples else "")
    if not np.asarray(found.root.x)[k].any():
        return f" (The closest has no pairs at {place}, where a ratio of gaps has no value.)"
    return f" (The closest is missing it at {place}, below its T_c.)"


@program
def _states_near(p: Problem, theta: Any, near: Any) -> Found:
    return states_near(filled_at(p, theta), theta, near)


def _best(chi2: np.ndarray, converged: np.ndarray, differentiable: np.ndarray, missing: Callable[[], str] = str) -> int:
    """The lowest chi^2 among the starts that converged, or, if none did, among those on the branch; where it is `missing` is
    said if none is."""
    if not np.isfinite(chi2).any():
        raise NotConvergedError(
            "The fit did not converge: no start ended at parameters for which the asked-for branch exists at every temperature "
            f"of the data.{missing()} Widen the bounds, raise `optimiser.starts` or `optimiser.search_steps`, or check "
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


def _curve_temperatures(p: Problem, sample: int, end: float, T_c: float) -> np.ndarray:
    """The fitted temperatures, and a grid from 0 to beyond T_c that is denser towards the end of the branch and T_c [K]; the
    same number for every sample."""
    own = np.asarray(p.T)[np.array(p.sample, int) == sample]
    most = max((p.sample.count(i) for i in range(len(p.systems))), default=0)
    own = np.append(own, np.full(most - len(own), own[-1] if len(own) else 0.0))
    grid = np.linspace(0.0, 1.04 * max(end, T_c, 1.0), 60)
    closer = [end * (1 - np.geomspace(3e-5, 0.2, 24)), T_c * (1 - np.geomspace(1e-4, 0.02, 8))]
    return np.sort(np.concatenate([own, grid, *closer]))


def other_branch(branch: str, sc: Superconductor) -> str:
    """The branch to compare with: all bands alike, or, if that is the fitted one, the last band against the others."""
    if (np.asarray(sign_pattern(branch, sc.signed)) < 0).any():
        return sc.wave + "+" * sc.signed
    return sc.wave + "+" * (sc.signed - 1) + "-"
