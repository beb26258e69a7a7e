r"""How much of a posterior each of its modes holds, by bridge sampling between the chains of a mode and a known density.

Chains do not go from one mode to another: between them there may be no state at all, or another sheet of solutions. Each mode
has chains of its own, and its mass

.. math:: Z_m = \int_m e^{-U(u)} \, du

follows from its draws and from as many of a known density q, a Student t fitted to the other half of the draws (Meng and Wong,
Statistica Sinica 6, 831 (1996); the error is that of Fruehwirth-Schnatter, Econometrics Journal 7, 143 (2004)):

.. math:: Z = \frac{\langle e^{-U} h \rangle_q}{\langle q \, h \rangle_m}, \qquad
          \frac{1}{h} = s_1 e^{-U} + s_2 Z q .

Two optima may lie on one sheet of solutions. Then a point belongs to the one that is nearer in the metric of its curvature.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_expit, logsumexp

from jaxgap.fitting.density import Density
from jaxgap.fitting.sampler import Draws, evaluated_at

__all__ = ["Chains", "Mass", "cells", "masses"]

FREEDOM = 5
"""Degrees of freedom of the Student t: its tails are wider than a posterior's, also against a bound (e^-|u| in u)."""
SAME = 1e-6
"""chi^2 at the optimum of another mode up to which both are on one sheet of solutions."""
STEPS = 200
EDGE = 1e-12
"""Share of the bounds within which a point counts as at a bound."""


class Chains(NamedTuple):
    """The chains of one mode."""

    density: Density
    laplace: tuple[np.ndarray, np.ndarray]
    """(centre, covariance) in the coordinates u."""
    chi2: float
    """Of the optimum."""
    draws: Draws
    effective: float
    """Number of effective draws."""


class Mass(NamedTuple):
    """The share of one mode in the posterior."""

    share: float
    error: float
    """One standard deviation of the share."""
    laplace: float
    """The share by Laplace's approximation, for comparison."""


def masses(modes: list[Chains], seed: int) -> tuple[Mass, ...]:
    """The shares of all modes."""
    kept = cells(modes)
    found = [_bridged(modes, m, kept[m], np.random.default_rng([seed, m])) for m in range(len(modes))]
    log_Z, error = (np.array(part) for part in zip(*found, strict=True))
    share = np.exp(log_Z - logsumexp(log_Z))
    # The share's derivative with respect to every ln Z.
    slopes = share[:, None] * (np.eye(len(share)) - share)
    errors = np.sqrt(slopes**2 @ error**2)
    gauss = np.array(
        [-mode.chi2 / 2 + np.linalg.slogdet(mode.laplace[1])[1] / 2 + _log_jacobian(mode.laplace[0]) for mode in modes]
    )
    approximate = np.exp(gauss - logsumexp(gauss))
    return tuple(Mass(*row) for row in zip(share.tolist(), errors.tolist(), approximate.tolist(), strict=True))


def cells(modes: list[Chains]) -> list[np.ndarray]:
    """Which draws [draw, chain] of every mode lie in its own cell."""
    return [_in_cell(modes, m, coordinates(mode.density, mode.draws.theta)) for m, mode in enumerate(modes)]


def _in_cell(modes: list[Chains], m: int, u: np.ndarray) -> np.ndarray:
    """Whether no other optimum on the same sheet is nearer, in the metric of its curvature."""
    near = np.ones(u.shape[:-1], bool)
    for n, other in enumerate(modes):
        if n != m and _one_sheet(modes[m], other):
            near &= _distance(modes[m], u) <= _distance(other, u)
    return near


def _distance(mode: Chains, u: np.ndarray) -> np.ndarray:
    centre, covariance = mode.laplace
    away = u - centre
    return np.einsum("...k,kl,...l->...", away, np.linalg.inv(covariance), away)


def _one_sheet(one: Chains, other: Chains) -> bool:
    """Whether the state of one mode, continued to the optimum of the other, is the other's."""
    here = evaluated_at(one.density, coordinates(one.density, np.asarray(other.density.theta))[None])
    return bool(here.exists[0] and abs(here.chi2[0] - other.chi2) <= SAME * (1 + other.chi2))


def coordinates(d: Density, theta: np.ndarray) -> np.ndarray:
    """u of parameters inside the bounds."""
    lower, upper = np.asarray(d.p.lower), np.asarray(d.p.upper)
    share = np.clip((theta - lower) / (upper - lower), EDGE, 1 - EDGE)
    return np.log(share) - np.log1p(-share)


def _log_jacobian(u: np.ndarray) -> np.ndarray | np.floating:
    """ln of s(u) s(-u), summed over the parameters: -U without chi^2."""
    return np.sum(log_expit(u) + log_expit(-u), axis=-1)


def _bridged(modes: list[Chains], m: int, kept: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """(ln Z of a mode, its error)."""
    mode = modes[m]
    u = coordinates(mode.density, mode.draws.theta)[kept]
    log_p = -mode.draws.chi2[kept] / 2 + _log_jacobian(u)
    # Every other draw fits q, the rest is compared with it.
    q = _student(u[::2])
    proposed = np.atleast_2d(q.rvs(len(u[1::2]), random_state=rng)).reshape(-1, u.shape[1])
    there = evaluated_at(mode.density, proposed)
    inside = there.exists & _in_cell(modes, m, proposed)
    log_p_there = np.where(inside, -np.where(inside, there.potential, 0.0), -np.inf)
    of_draws, of_proposed = log_p[1::2] - q.logpdf(u[1::2]), log_p_there - q.logpdf(proposed)
    return _bridge(np.atleast_1d(of_draws), np.atleast_1d(of_proposed), mode.effective / 2)


def _student(u: np.ndarray) -> Any:
    from scipy.stats import multivariate_t  # here: it takes half a second to import

    covariance = np.atleast_2d(np.cov(u.T))
    return multivariate_t(u.mean(axis=0), covariance * (FREEDOM - 2) / FREEDOM, df=FREEDOM)


def _bridge(of_draws: np.ndarray, of_proposed: np.ndarray, effective: float) -> tuple[float, float]:
    """(ln Z, its error) from ln(p / q) at draws of p and of q."""
    n, k = min(effective, len(of_draws)), len(of_proposed)
    log_s1, log_s2 = np.log(n / (n + k)), np.log(k / (n + k))
    log_Z = float(np.median(of_draws))
    for _ in range(STEPS):
        above = logsumexp(of_proposed - np.logaddexp(log_s1 + of_proposed, log_s2 + log_Z)) - np.log(k)
        below = logsumexp(-np.logaddexp(log_s1 + of_draws, log_s2 + log_Z)) - np.log(len(of_draws))
        log_Z, last = float(above - below), log_Z
        if abs(log_Z - last) < 1e-10:
            break
    f = np.exp(of_proposed - log_Z - np.logaddexp(log_s1 + of_proposed - log_Z, log_s2))
    g = np.exp(-np.logaddexp(log_s1 + of_draws - log_Z, log_s2))
    return log_Z, float(np.sqrt(f.var() / f.mean() ** 2 / k + g.var() / g.mean() ** 2 / n))
