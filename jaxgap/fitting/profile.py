r"""Intervals that stay right where errors are not symmetric and where a bound is near: the profile of the likelihood.

.. math:: \chi^2_p(v) = \min_{\theta : \, \theta_k = v} \chi^2(\theta), \qquad
          \text{interval:} \quad \chi^2_p(v) - \chi^2_{\min} \le \Delta

with Delta = 1 for 68.3 % and 3.84 for 95 % of one parameter (Wilks; James and Roos,
Comput. Phys. Commun. 10, 343 (1975): MINOS).
The other parameters are minimised anew at every v, from where they were at the last one. An interval ends where the
profile has risen by Delta, at a bound, or where the branch ceases to exist (or to be stable): which of these is said.
"""

import math
from typing import Literal, NamedTuple

import numpy as np
from scipy.optimize import brentq

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import minimise_nested
from jaxgap.fitting.optima import distance_of
from jaxgap.fitting.problem import Problem
from jaxgap.numerics.bracket import bisected_on_host
from jaxgap.numerics.checks import check

__all__ = ["Interval", "Minimum", "Side", "profile"]

PRECISION = 1e-4
"""The end of an interval is located to 1e-4 of its length."""
NEAR = 0.02
"""The other parameters are minimised to within so many standard deviations. The square of what is left, by which the minimum of
the linear problem is lower, is taken off chi^2."""
STEPS = 30
"""Limit of the evaluations at one point. One that starts from its neighbours takes one or two; what takes more is where a state
ends, or T_c passes a temperature of the data, and there is no minimum to be found more closely."""
GROWTH, FIRST = 1.6, 1.1
"""Of the steps that look for an end; the first, in standard deviations, is just beyond it where chi^2 is a parabola."""


class Side(NamedTuple):
    """One end of an interval."""

    value: float
    reason: Literal["chi2", "bound", "branch"]
    """"chi2" if the profile has risen there, "bound", or "branch" if the branch ceases to exist, or to be as stable as it is at
    the optimum (`jaxgap.fitting.states`)."""


class Interval(NamedTuple):
    """Where the profile of chi^2 is less than `rise` above its minimum."""

    name: str
    best: float
    rise: float
    lower: Side
    upper: Side
    points: np.ndarray
    """(value, chi^2 above the minimum) of all points computed, by rising value, [point, 2]."""


class Minimum(NamedTuple):
    """Where a fit ended."""

    theta: np.ndarray
    Delta: np.ndarray
    chi2: float
    sigma: np.ndarray
    """Standard deviations from the covariance: where to look first."""


def profile(p: Problem, settings: OptimiserConfig, minimum: Minimum, k: int, rise: float = 1.0, points: int = 0) -> Interval:
    """The interval of parameter `k` in which chi^2, minimised over all others, is less than `rise` above its minimum; with
    `points` also the profile at so many values spread evenly over it, for a picture.

    Raises:
        InputError: for a rise that is not positive.
    """
    check(rise > 0, "rise", "be positive", rise)
    scan = _Scan(p, settings, minimum, k)
    lower, upper = (scan.side(sign, rise) for sign in (-1, 1))
    # Outwards from the minimum, so that every point starts close to one that is known.
    for v in sorted(np.linspace(lower.value, upper.value, points), key=lambda v: abs(v - scan.best)):
        scan.known(float(v))
    return Interval(p.names[k], float(minimum.theta[k]), rise, lower, upper, np.array(sorted(scan.seen.items())))


class _Scan:
    """chi^2_p(v) of one parameter; the others start on the line through where they were at points seen nearby."""

    def __init__(self, p: Problem, settings: OptimiserConfig, minimum: Minimum, k: int) -> None:
        self.p, self.k, self.chi2 = p, k, minimum.chi2
        self.settings = settings.model_copy(
            update={"tolerance": max(settings.tolerance, NEAR), "finish_steps": min(settings.finish_steps, STEPS)}
        )
        self.free = np.arange(len(minimum.theta)) != k
        self.best = float(minimum.theta[k])
        self.states = {self.best: (minimum.theta, minimum.Delta)}
        self.seen = {self.best: 0.0}
        self.bounds = float(p.lower[k]), float(p.upper[k])
        sigma = minimum.sigma[k]
        self.step = float(sigma) if np.isfinite(sigma) and sigma > 0 else 0.1 * (self.bounds[1] - self.bounds[0])

    def above(self, v: float) -> float:
        """chi^2_p(v) - chi^2_min; infinite where there is no state that the fit may take."""
        theta, near = self._started(v)
        theta, end, _ = minimise_nested(self.p, theta, near, self.settings, self.free)
        if not end.on_branch:
            return np.inf
        self.states[v] = theta, np.asarray(end.Delta)
        left = distance_of(self.p, theta, end, self.settings.tolerance, self.free)
        self.seen[v] = float(np.sum(np.asarray(end.residuals) ** 2)) - min(left, NEAR) ** 2 - self.chi2
        return self.seen[v]

    def _started(self, v: float) -> tuple[np.ndarray, np.ndarray]:
        """(parameters, amplitudes) to start from at `v`."""
        closest, *others = sorted(self.states, key=lambda seen: abs(seen - v))
        theta, near = self.states[closest]
        # Not through two that are next to each other: how exactly they are known would be magnified.
        far = next((seen for seen in others if abs(seen - closest) >= abs(v - closest)), None)
        if far is not None:
            theta = theta + (v - closest) / (far - closest) * (self.states[far][0] - theta)
        theta = np.clip(theta, self.p.lower, self.p.upper)
        theta[self.k] = v
        return theta, near

    def side(self, sign: int, rise: float) -> Side:
        """The end of the interval below (sign = -1) or above the minimum."""
        bound, inside, step = self.bounds[(sign + 1) // 2], self.best, FIRST * np.sqrt(rise) * self.step
        while True:
            # Not best + (bound - best), which need not be the bound to the last bit.
            v = self.best + sign * step if step < sign * (bound - self.best) else bound
            if (above := self.above(v)) >= rise:
                break
            if v == bound:
                return Side(bound, "bound")
            inside, step = v, GROWTH * step
        if np.isinf(above):
            v = self._edge(inside, v)
            if self.seen[v] < rise:
                return Side(v, "branch")
            inside = max((x for x in self.seen if self.seen[x] < rise), key=lambda x: sign * x)
        precision = PRECISION * abs(v - self.best)
        # The root of chi^2 is nearly straight.
        return Side(float(brentq(lambda x: _root(self.known(x)) - np.sqrt(rise), inside, v, xtol=precision)), "chi2")

    def _edge(self, inside: float, outside: float) -> float:
        """The last value at which the branch exists, to 1e-4 of its distance."""
        halvings = math.ceil(math.log2(abs(outside - inside) / (PRECISION * abs(outside - self.best))))
        ends = bisected_on_host(lambda v: ~np.isinf(self.above(float(v))), np.asarray(inside), np.asarray(outside), halvings)
        return float(ends[0])

    def known(self, v: float) -> float:
        """`above`, computed once."""
        return self.seen[v] if v in self.seen else self.above(v)


def _root(above: float) -> float:
    """Of the rise; of one that rounding, or a better minimum, makes negative, with its sign."""
    return math.copysign(math.sqrt(abs(above)), above)
