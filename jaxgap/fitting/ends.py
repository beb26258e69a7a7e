"""Where the starts of a fit end, once its search is over: least squares on self-consistent states from every place that the
search has led to, one by one side by side, or all together (`jaxgap.fitting.together`).
"""

from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import minimise_nested, nested_at
from jaxgap.fitting.objective import Nested
from jaxgap.fitting.optima import End, distance_of
from jaxgap.fitting.problem import Problem
from jaxgap.fitting.search import Progress, searched, searched_of_each, searched_together
from jaxgap.fitting.states import ANY_STABILITY, of_stability
from jaxgap.fitting.together import Readings, at_once, minimise_nested_together, nested_of_each, rows_at_once
from jaxgap.numerics.threads import side_by_side

__all__ = ["ends_of_refused", "ends_of_search"]

TIGHTER = (0.1, 0.01, 0.001)
"""Where the search has ended off the branch, s is made smaller by these factors."""
NEARBY = 0.05
"""The solution on the branch is where the search has ended if its amplitudes differ by no more than this share."""
NEAR_END = 0.01
"""A search that ends this close to a known end, as a share of the bounds, needs no finish of its own."""
EXPLORING = 20
"""Limit of the evaluations of a search, and of a finish, from states that the fit may not take."""
Tick = Callable[[int, float], None]
"""Called as tick(starts done, lowest chi^2 so far)."""


def ends_of_search(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, progress: Progress
) -> tuple[list[End], int]:
    """(ends, evaluations) over states that the fit may take, from where the search has ended, start by start."""
    return _finished_of_each(p, settings, theta, Delta, tick=lambda done, best: progress("finish", done, len(theta), best))


def ends_of_refused(
    p: Problem,
    settings: OptimiserConfig,
    searched_to: tuple[np.ndarray, np.ndarray],
    others: tuple[np.ndarray, np.ndarray],
    ends: list[End],
) -> tuple[list[End], int]:
    """(ends, evaluations) over all states, to know what is refused: from where the search has ended and no end is, and, in a
    few steps, from (parameters, amplitudes) of `others`, which need not lead anywhere."""
    if int(p.unstable) < 0:
        return [], 0
    relaxed, few = of_stability(p, ANY_STABILITY), {"search_steps": EXPLORING, "finish_steps": EXPLORING}
    briefly = settings.model_copy(update={name: min(most, getattr(settings, name)) for name, most in few.items()})
    known = _places(ends)

    lost = np.array([not end.at.on_branch for end in ends], bool)
    theta, Delta = (part[lost] for part in searched_to)
    new = ~_alike(p, theta, Delta, *known)
    found, used = _finished_of_each(relaxed, settings, theta[new], Delta[new])

    theta, Delta, _, more = searched_of_each(p, briefly, *others)
    new = _on_branch(relaxed, theta, Delta) & ~_alike(p, theta, Delta, *known)
    explored, most = _finished_of_each(relaxed, briefly, theta[new], Delta[new], tighter=())
    return found + explored, used + int(more.sum()) + len(theta) + most


def _places(ends: list[End]) -> tuple[np.ndarray, np.ndarray]:
    """(parameters, amplitudes) of those that have converged."""
    kept = [end for end in ends if end.converged]
    theta, Delta = [end.theta for end in kept], [np.asarray(end.at.Delta) for end in kept]
    return np.array(theta), np.array(Delta)


def _alike(p: Problem, theta: np.ndarray, Delta: np.ndarray, known: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Whether the search has ended where an end is already, row by row."""
    width, alike = np.asarray(p.upper - p.lower), np.zeros(len(theta), bool)
    for one, found in zip(known, amplitudes, strict=True):
        near = (np.abs(theta - one) <= NEAR_END * width).all(-1)
        alike |= near & (_apart(found, Delta) <= NEARBY * _size(Delta))
    return alike


def _size(Delta: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(Delta, axis=(-2, -1)))


def _apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far amplitudes are apart; the sign of all together is free."""
    return np.asarray(np.minimum(_size(one - other), _size(one + other)))


def _on_branch(p: Problem, theta: np.ndarray, Delta: np.ndarray) -> np.ndarray:
    """Whether there are states that the fit may take near the amplitudes, row by row."""
    if at_once(p, len(theta)):
        n = len(theta)
        return np.asarray(nested_of_each(p, theta, Delta, Readings.of(p, n), rows_at_once(p, n)).on_branch)
    found = side_by_side(lambda i: bool(nested_at(p, theta[i], Delta[i]).on_branch), range(len(theta)))
    return np.array(list(found), bool)


# --- the finish ---------------------------------------------------------------------------------------------------------


def _finished_of_each(
    p: Problem,
    settings: OptimiserConfig,
    theta: np.ndarray,
    Delta: np.ndarray,
    tighter: tuple[float, ...] = TIGHTER,
    tick: Tick = lambda *_: None,
) -> tuple[list[End], int]:
    """(where every row ends, evaluations).

    The search may end far from any solution on the branch, as far as the weight of the gap equations in it allows. Then it goes
    on with more weight, until there is a solution to start from.
    """
    if at_once(p, len(theta)):
        ends, evaluations = _finished_together(p, settings, theta, Delta, tighter)
        tick(len(ends), min((_chi2(end) for end in ends), default=np.inf))
        return ends, evaluations
    ends, evaluations, lowest = [], 0, np.inf
    found = side_by_side(lambda i: _finished(p, settings, theta[i], Delta[i], tighter), range(len(theta)))
    for i, (end, used) in enumerate(found):
        ends.append(end)
        evaluations, lowest = evaluations + used, min(lowest, _chi2(end))
        tick(i + 1, lowest)
    return ends, evaluations


def _chi2(end: End) -> float:
    """Infinite where there is no state that the fit may take."""
    return float(np.sum(end.at.residuals**2)) if end.at.on_branch else np.inf


def _there(at: Nested, Delta: np.ndarray) -> np.ndarray:
    """Whether there is a solution where the search has ended."""
    near = _size(np.asarray(at.Delta) - Delta) <= NEARBY * _size(Delta)
    return np.asarray((at.on_branch | at.refused) & near)


def _finished(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, tighter: tuple[float, ...]
) -> tuple[End, int]:
    """(where one start ends, evaluations)."""
    used = 0
    for factor in () if p.systems[0].is_retarded else tighter:
        if _there(nested_at(p, theta, Delta), Delta):
            break
        theta, Delta, _, more = searched(replace(p, scale=p.scale * factor), settings, theta, Delta)
        used += more + 1
    theta, at, more = minimise_nested(p, theta, Delta, settings)
    return _end(p, settings, theta, at), used + more


def _end(p: Problem, settings: OptimiserConfig, theta: np.ndarray, at: Nested) -> End:
    near = distance_of(p, theta, at, settings.tolerance) <= settings.tolerance
    return End(theta, at, bool(near and (at.on_branch or at.refused)))


def _finished_together(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, tighter: tuple[float, ...]
) -> tuple[list[End], int]:
    """(where every row ends, evaluations), in batched programs."""
    theta, Delta, used, far = theta.copy(), Delta.copy(), 0, np.arange(len(theta))
    size, readings = rows_at_once(p, len(theta)), Readings.of(p, len(theta))
    for factor in tighter:
        at = nested_of_each(p, theta[far], Delta[far], readings.some(far), size)
        far = far[~_there(at, Delta[far])]
        if not len(far):
            break
        stiffer = replace(p, scale=p.scale * factor)
        theta[far], Delta[far], _, more = searched_together(stiffer, settings, theta[far], Delta[far])
        used += int(more.sum()) + len(far)
    theta, at, more = minimise_nested_together(p, theta, Delta, settings)
    rows = (jax.tree.map(lambda part: part[i], (theta, at)) for i in range(len(theta)))  # noqa: B023
    return [_end(p, settings, *row) for row in rows], used + int(more.sum())
