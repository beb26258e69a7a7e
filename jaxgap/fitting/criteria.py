r"""What a fit costs: chi^2 with a price for every parameter, and Laplace's evidence.

.. math:: {\rm AICc} = \chi^2 + 2 k + \frac{2 k (k + 1)}{n - k - 1}, \qquad {\rm BIC} = \chi^2 + k \ln n, \qquad
          \ln Z = -\tfrac12 \chi^2 + \tfrac{k}{2} \ln 2\pi + \tfrac12 \ln \det C - \sum_k \ln w_k

with k parameters, n data (what is known of a parameter beforehand counts as one), C the covariance and w the widths between the
bounds: uniform before the data. Only fits of the same data compare.
"""

from collections.abc import Sequence

import numpy as np

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum

__all__ = ["criteria_of", "degrees_of_freedom", "laplace"]


def degrees_of_freedom(config: FitConfig, fitted: Sequence[Datum]) -> int:
    """Data, and what is known of parameters beforehand, less the number of parameters."""
    known = sum(parameter.prior is not None for parameter in config.parameters.values())
    return len(fitted) + known - len(config.parameters)


def criteria_of(chi2: float, k: int, freedom: int) -> dict[str, float]:
    """Information criteria, lower is better. NaN where the data are too few for the correction (AICc needs two more data than
    parameters)."""
    n, aic = freedom + k, chi2 + 2 * k
    corrected = aic + 2 * k * (k + 1) / (n - k - 1) if n > k + 1 else np.nan
    return {"AIC": aic, "AICc": corrected, "BIC": chi2 + k * np.log(n)}


def laplace(chi2: float, covariance: np.ndarray, config: FitConfig) -> float:
    """ln Z by Laplace's approximation, up to a constant of the data; NaN where the data leave a parameter open."""
    if not np.isfinite(covariance).all():
        return float("nan")
    widths = [hi - lo for lo, hi in (parameter.bounds for parameter in config.parameters.values())]
    _, logdet = np.linalg.slogdet(2 * np.pi * covariance)
    return float(-chi2 / 2 + logdet / 2 - np.sum(np.log(widths)))
