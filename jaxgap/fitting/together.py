r"""Least squares of many starts, or of many sets of data, together: every evaluation is one batched program.

What fills a GPU, and on a CPU spares what every call of a program costs: thousands of starts, a bootstrap of thousands. Few
fits are done one by one (`jaxgap.fitting.minimise`), with a program that is compiled sooner. Here all rows take their steps at
the same time, each within a radius of its own,

.. math:: \delta = -\arg\min_\delta |r + J \delta|^2, \quad |\delta| \le \Delta,
          \qquad \delta = -\sum_d v_d \frac{s_d \, u_d \cdot r}{s_d^2 + \lambda}, \quad J = U S V^T

with the damping lambda that makes the step as long as the radius (Moré, Lecture Notes in Mathematics 630, 105 (1978)), lengths
in shares of the parameters' ranges, and steps cut at the bounds. A row that has arrived is not evaluated again.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import CLOSE, Bounds, Linear, linear
from jaxgap.fitting.objective import Nested, nested
from jaxgap.fitting.problem import Parameters, Problem
from jaxgap.fitting.states import Amplitudes, continuous_of_each
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.programs import program

__all__ = ["Arrived", "Readings", "at_once", "minimise_nested_together", "minimised_together", "nested_of_each", "rows_at_once"]

RADIUS = 0.25
"""Of the first step, in shares of the ranges."""
SHORT = 1e-14
"""A radius at which a row is stuck."""
POOR, GOOD = 0.25, 0.75
"""Shares of the predicted decrease of chi^2 below, and above, which the radius shrinks, and grows."""
LITTLE = 1e-16
"""Of chi^2: a decrease that is none."""
SEARCHES = 12
"""Newton steps for the damping, which converge from below."""

EvaluateRows = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(residuals, Jacobian) of the rows with these numbers at x; not finite where there is no model."""


class Arrived(NamedTuple):
    """Where rows have ended."""

    x: np.ndarray
    chi2: np.ndarray
    evaluations: np.ndarray


def at_once(p: Problem, n: int) -> bool:
    """Whether n fits of a problem go together. Curves of experiments do not, nor sums over meshes or frequencies: each of them
    is a batch itself."""
    sc = p.systems[0]
    return n >= cut().fits and not p.experiments and not sc.meshed and not sc.is_retarded


def rows_at_once(p: Problem, n: int) -> int:
    """Rows that one call of a program evaluates: as many as arrays allow with a derivative for every parameter."""
    numbers = max(1, len(p.T)) * (1 + len(p.names))
    most = max(1, cut().piece // numbers)
    return min(2 ** (most.bit_length() - 1), 2 ** (n - 1).bit_length())


# --- what is evaluated --------------------------------------------------------------------------------------------------


class Readings(NamedTuple):
    """What is compared with, row by row."""

    value: np.ndarray
    """Of every datum."""
    known: np.ndarray
    """Of every parameter beforehand."""

    @staticmethod
    def of(p: Problem, n: int) -> "Readings":
        """Those of the fit itself, n times."""
        return Readings(*(np.tile(np.asarray(part), (n, 1)) for part in (p.value, p.prior[0])))

    def some(self, rows: np.ndarray) -> "Readings":
        return Readings(self.value[rows], self.known[rows])


def nested_of_each(p: Problem, theta: np.ndarray, near: np.ndarray, readings: Readings, size: int) -> Nested:
    """`nested` of every row, so many in one call of the program."""
    found: Nested = in_chunks(partial(_nested, p), size, theta, near, *readings)
    return found


@program
def _nested(
    p: Problem,
    theta: Float[Array, "row parameter"],
    near: Float[Array, "row condition channel"],
    value: Float[Array, "row datum"],
    known: Float[Array, "row parameter"],
) -> Nested:
    def one(theta: Parameters, near: Amplitudes, value: Float[Array, "datum"], known: Parameters) -> Nested:
        return nested(replace(p, value=value, prior=(known, p.prior[1])), theta, near)

    return jax.vmap(one)(theta, near, value, known)


def minimise_nested_together(
    p: Problem, theta: np.ndarray, Delta: np.ndarray, settings: OptimiserConfig, readings: Readings | None = None
) -> tuple[np.ndarray, Nested, np.ndarray]:
    """(parameters, residuals there, evaluations) where least squares through the implicit derivative ends, row by row, as
    `minimise_nested` has it; of the fit's own readings, or of others."""
    readings, near = readings or Readings.of(p, len(theta)), Delta.copy()
    size, bounds = rows_at_once(p, len(theta)), (np.asarray(p.lower), np.asarray(p.upper))

    def evaluate(rows: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = nested_of_each(p, x, near[rows], readings.some(rows), size)
        near[rows] = np.where(found.on_branch[:, None, None], found.Delta, near[rows])
        # A state that may not be taken is refused like a step too long.
        return np.where(found.refused[:, None], np.nan, found.residuals), np.asarray(found.jacobian)

    end = minimised_together(evaluate, theta, bounds, bounds[1] - bounds[0], settings.tolerance, settings.finish_steps)
    at = nested_of_each(p, end.x, near, readings, size)
    on_branch = np.asarray(at.on_branch)
    continued = on_branch & continuous_of_each(p, end.x, np.asarray(at.Delta), size)
    at = at._replace(on_branch=continued, refused=np.asarray(at.refused) | (on_branch & ~continued))
    return end.x, at, end.evaluations + 1


# --- least squares ------------------------------------------------------------------------------------------------------


def minimised_together(
    evaluate: EvaluateRows, x: np.ndarray, bounds: Bounds, scale: np.ndarray, tolerance: float, steps: int
) -> Arrived:
    """Where least squares ends from every row of x [row, parameter]: `tolerance` standard deviations from the minimum, or after
    `steps` evaluations. A row that is not finite at its start ends there."""
    x = np.clip(x, *bounds)
    r, J = (np.array(part) for part in evaluate(np.arange(len(x)), x))
    chi2, radius, used = _chi2(r, J), np.full(len(x), RADIUS), np.ones(len(x), int)
    going = np.isfinite(chi2)
    while (going & (used < steps)).any():
        rows = np.flatnonzero(going & (used < steps))
        here = linear(r[rows], J[rows], x[rows], bounds, scale, tolerance)
        far = (here.distance > tolerance) & (radius[rows] > SHORT)
        going[rows[~far]] = False
        rows, here = rows[far], Linear(*(part[far] for part in here))
        if not len(rows):
            break
        trial = np.clip(x[rows] + scale * here.step(_damping(here, radius[rows])), *bounds)
        new_r, new_J = evaluate(rows, trial)
        used[rows] += 1
        new = _chi2(new_r, new_J)
        share = (chi2[rows] - new) / _decrease(r[rows], J[rows], trial - x[rows])
        # Close to a minimum chi^2 changes by less than its rounding, but the distance still shrinks.
        close = (here.distance < CLOSE) & np.isfinite(new)
        close[close] = (
            linear(new_r[close], new_J[close], trial[close], bounds, scale, tolerance).distance < here.distance[close]
        )
        taken = (new < chi2[rows]) | close
        going[rows[~taken & (here.distance < CLOSE)]] = False
        radius[rows] = _radius(radius[rows], trial - x[rows], scale, np.where(close, 1.0, share))
        kept = rows[taken]
        x[kept], r[kept], J[kept], chi2[kept] = trial[taken], new_r[taken], new_J[taken], new[taken]
    return Arrived(x, chi2, used)


def _chi2(r: np.ndarray, J: np.ndarray) -> np.ndarray:
    """Infinite where something is not finite."""
    good = np.isfinite(r).all(-1) & np.isfinite(J).all((-1, -2))
    return np.where(good, np.sum(np.where(good[:, None], r, 0.0) ** 2, -1), np.inf)


def _decrease(r: np.ndarray, J: np.ndarray, step: np.ndarray) -> np.ndarray:
    """By how much a step would make chi^2 smaller, if residuals were straight lines; a step cut at bounds may make it larger,
    which counts as little."""
    after = np.sum((r + np.einsum("nrp,np->nr", J, step)) ** 2, axis=-1)
    before = np.sum(r**2, axis=-1)
    return np.maximum(before - after, LITTLE * before)


def _damping(here: Linear, radius: np.ndarray) -> np.ndarray:
    """The damping with which a step is as long as the radius; 0 where it is shorter without."""
    damping = np.zeros(len(radius))
    for _ in range(SEARCHES):
        stiffness = here.stiffness(damping)
        squares = (here.along * here.stretch / stiffness) ** 2
        length = np.sqrt(np.sum(squares, -1))
        slope = np.sum(squares / stiffness, -1)
        longer = length > radius
        change = np.where(longer, (length / radius - 1) * length**2 / np.where(slope > 0, slope, 1.0), 0.0)
        damping = damping + change
    return damping


def _radius(radius: np.ndarray, step: np.ndarray, scale: np.ndarray, share: np.ndarray) -> np.ndarray:
    """The next radius, from the share of the decrease that was expected."""
    length = np.linalg.norm(step / scale, axis=-1)
    shrunk, grown = POOR * np.minimum(length, radius), np.maximum(radius, 2 * length)
    return np.where(share < POOR, shrunk, np.where(share > GOOD, grown, radius))
