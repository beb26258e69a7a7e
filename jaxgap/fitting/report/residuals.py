r"""Residuals of the fitted data that are independent of each other, and what the uncertainty of the parameters makes of them.

.. math:: z = L^{-1} (y(\hat\theta) - y), \qquad h_d = \bigl( J C J^T \bigr)_{dd}, \qquad
          \sigma_y^2 = \frac{\partial y}{\partial \theta} \, C \, \frac{\partial y}{\partial \theta}^T

with the errors' covariance L L^T (diagonal, where nothing else is given), the derivatives J of z and the covariance C of the
parameters. h is the leverage of a datum (D. C. Hoaglin and R. E. Welsch, Am. Stat. 32, 17 (1978)): the model has been drawn
towards the datum so far that its residual scatters by sqrt(1 - h), and another measurement of the same would lie
sqrt(1 + h) from the model. The leverages of all data add up to the number of parameters that they determine.
"""

import numpy as np
from scipy.linalg import solve_triangular

from jaxgap.fitting.data import Datum
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.result import FitResult

__all__ = ["independent_residuals", "leverages", "model_errors", "plain"]

UNDETERMINED = 0.01
"""As of the covariance: directions that the data leave open over more than 100 times the bounds."""


def plain(result: FitResult) -> np.ndarray:
    """Which data count by the square of their deviation: no limit, no loss that forgives."""
    return np.array([not d.limit and result.config.entries[d.entry].loss == "linear" for d in result.fitted], bool)


def independent_residuals(result: FitResult) -> np.ndarray:
    """z of every datum that counted, model less measurement; losses and limits aside."""
    z = np.array([d.value for d in result.fitted])
    z = (np.asarray(result.predicted) - z) / _errors(result)
    for rows, L in _factors(result.fitted):
        z[rows] = solve_triangular(L, z[rows] * _errors(result)[rows], lower=True)
    return z


def leverages(result: FitResult) -> np.ndarray:
    """h of every datum that counted; zero where it does not count by a square, and is no part of a linear problem."""
    width = np.array([np.ptp(one.bounds) for one in result.config.parameters.values()])
    U, s, _ = np.linalg.svd(np.asarray(result.jacobian) * width, full_matrices=False)
    h = np.sum(U[: len(result.fitted), s >= UNDETERMINED] ** 2, axis=1)
    return np.where(plain(result), h, 0.0)


def model_errors(result: FitResult) -> np.ndarray:
    """One standard deviation of the model at every datum that counted, from the covariance of the parameters.

    NaN where the data leave a parameter open, and for limits and losses that forgive, whose residuals are no differences.
    """
    if not np.isfinite(result.covariance).all():
        return np.full(len(result.fitted), np.nan)
    slopes = np.asarray(result.jacobian)[: len(result.fitted)]
    scaled = slopes * _errors(result)[:, None]
    for rows, L in _factors(result.fitted):
        scaled[rows] = L @ slopes[rows]
    variance = np.einsum("di,ij,dj->d", scaled, result.covariance, scaled)
    return np.where(plain(result), np.sqrt(np.maximum(variance, 0.0)), np.nan)


def _errors(result: FitResult) -> np.ndarray:
    return np.array([error_of(datum, result.config) for datum in result.fitted])


def _factors(fitted: tuple[Datum, ...]) -> list[tuple[np.ndarray, np.ndarray]]:
    """(places, L) of every group of data whose errors are correlated."""
    groups: dict[str, list[int]] = {}
    for k, datum in enumerate(fitted):
        if datum.covariance:
            groups.setdefault(datum.experiment, []).append(k)
    return [(np.array(rows), np.linalg.cholesky([fitted[k].covariance for k in rows])) for rows in groups.values()]
