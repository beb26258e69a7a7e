"""The optima of a fit: where its starts end, each once, with what kind of state it is, and why one may not be taken."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from jaxgap.fitting.minimise import distance
from jaxgap.fitting.objective import Nested
from jaxgap.fitting.problem import Problem
from jaxgap.fitting.retarded import retarded_counts
from jaxgap.fitting.states import Counts, counts
from jaxgap.solving.solution import stability_in_words

__all__ = ["DISCONTINUOUS", "End", "Optimum", "SAME", "UNSTABLE", "distance_of", "optima"]

SAME = 1e-6
"""chi^2 up to which two optima are equally good."""
CLOSE, ALIKE = 1e-4, 1e-3
"""Two ends are one optimum if their parameters differ by less than 1e-4 of the bounds' widths, and their amplitudes by less
than 1e-3 of their size."""
OPEN = 0.01
"""A direction is open if the data allow it to move by more than 100 times the bounds (as in `uncertainty.curvature`)."""


UNSTABLE = "a sample shows stable states only"
DISCONTINUOUS = "it is not continuous with a state of these signs and this stability at T = 0"
"""Why a state is refused."""


class End(NamedTuple):
    """Where one start has ended."""

    theta: np.ndarray
    at: Nested
    converged: bool
    """Whether the minimum is as close as asked for."""


class Optimum(NamedTuple):
    """A minimum of chi^2, of one state."""

    value: np.ndarray
    """Parameters."""
    chi2: float
    amplitudes: np.ndarray
    """At every sample and temperature of the fitted data [meV], [condition, channel]."""
    unstable_amplitude: int
    """Unstable directions in amplitude, the most over the temperatures of the data."""
    unstable_phase: int
    """The same in phase, for equal relaxation rates: information only unless `phase_defined`."""
    phase_defined: bool
    """Whether g is symmetric."""
    refused: str
    """Why the fit may not take it; empty if it may."""
    starts: int
    """Of `optimiser.starts`, how many ended here."""

    @property
    def unstable(self) -> int:
        """Unstable directions that count."""
        return self.unstable_amplitude + (self.unstable_phase if self.phase_defined else 0)

    @property
    def stability(self) -> str:
        """Stability in words."""
        return stability_in_words(self.unstable_amplitude, self.unstable_phase, self.phase_defined)


def distance_of(p: Problem, theta: np.ndarray, at: Nested, tolerance: float, free: np.ndarray | slice = slice(None)) -> float:
    """How far the minimum is, in standard deviations; over the parameters that are `free` (all, if that is not given)."""
    bounds = np.asarray(p.lower)[free], np.asarray(p.upper)[free]
    r, J = np.asarray(at.residuals), np.asarray(at.jacobian)[:, free]
    return distance(r, J, theta[free], bounds, bounds[1] - bounds[0], tolerance)


def optima(p: Problem, ends: Sequence[End], asked: int) -> tuple[tuple[Optimum, ...], np.ndarray]:
    """(the optima at which ends have converged, those that may be taken first, then by chi^2; the optimum of every end, -1 for
    none). The first `asked` ends are those of `optimiser.starts`."""
    width = np.asarray(p.upper - p.lower)
    found: list[tuple[End, Counts]] = []
    owner = np.full(len(ends), -1)
    for i in sorted(range(len(ends)), key=lambda i: _chi2(ends[i])):
        end = ends[i]
        if not end.converged:
            continue
        unstable = _counts(p, end)
        for k, (other, kind) in enumerate(found):
            if kind == unstable and _same(end, other, width):
                owner[i] = k
                break
        else:
            owner[i] = len(found)
            found.append((end, unstable))
    number = np.bincount(owner[:asked] + 1, minlength=len(found) + 1)[1:].tolist()
    rows = [_optimum(p, end, unstable, n) for (end, unstable), n in zip(found, number, strict=True)]
    order = sorted(range(len(rows)), key=lambda k: _rank(rows, k))
    place = np.append(np.argsort(order), -1)
    return tuple(rows[k] for k in order), place[owner]


def _counts(p: Problem, end: End) -> Counts:
    if p.systems[0].is_retarded:
        return Counts(*retarded_counts(p, end.theta))
    return counts(p, end.theta, np.asarray(end.at.Delta))


def _optimum(p: Problem, end: End, unstable: Counts, starts: int) -> Optimum:
    amplitude, phase = unstable
    state = np.asarray(end.at.Delta), amplitude, phase, p.phases
    return Optimum(end.theta, _chi2(end), *state, _refusal(p, end, unstable), starts)


def _rank(rows: list[Optimum], k: int) -> tuple[object, ...]:
    """What may be taken first; then chi^2; of equally good ones the more stable."""
    row, lowest = rows[k], min(other.chi2 for other in rows)
    return bool(row.refused), 0.0 if row.chi2 <= lowest + SAME else row.chi2, row.unstable, row.chi2


def _chi2(end: End) -> float:
    return float(np.sum(np.asarray(end.at.residuals) ** 2))


def _same(one: End, other: End, width: np.ndarray) -> bool:
    """Whether two ends are one optimum: at the same place, or along one valley that the data leave open."""
    a, b = np.asarray(one.at.Delta), np.asarray(other.at.Delta)
    apart = np.minimum(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1))
    near = np.all(np.abs(one.theta - other.theta) <= CLOSE * width) and np.all(apart <= ALIKE * np.linalg.norm(a, axis=-1))
    valley = abs(_chi2(one) - _chi2(other)) <= SAME and all(_open(end, width) for end in (one, other))
    return bool(near or valley)


def _open(end: End, width: np.ndarray) -> bool:
    s = np.linalg.svd(np.asarray(end.at.jacobian) * width, compute_uv=False)
    return bool(np.sum(s >= OPEN) < len(width))


def _refusal(p: Problem, end: End, unstable: Counts) -> str:
    """Why the fit may not take the state, in words that follow "refused:"."""
    number = unstable.amplitude + (unstable.phase if p.phases else 0)
    if int(p.unstable) >= 0 and number != int(p.unstable):
        return UNSTABLE
    return "" if end.at.on_branch else DISCONTINUOUS
