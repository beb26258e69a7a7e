r"""What was known of the parameters before the data: draws of it, and how far its model is from the data.

Uniform between the bounds of fit.toml, or the Gaussian that is known beforehand, cut off there. Of the draws' models stand the
deviations from the data as those of a posterior,

.. math:: z = \frac{y(\theta) - y}{\sigma}, \qquad \theta \sim p(\theta)

on the sheet of states that continues the optimum's (`jaxgap.fitting.density`). Where it does not exist there is no number: the
posterior has no weight there, whatever the data.
"""

import numpy as np
from scipy.special import ndtr, ndtri

from jaxgap.fitting.config import FitConfig, ParameterConfig
from jaxgap.fitting.density import Density
from jaxgap.fitting.sampler import evaluated_at

__all__ = ["MOST", "deviations_before", "draws_before"]

MOST = 100
"""Draws of every chain whose models are looked at. Each costs what one step of a trajectory costs, and a picture of what the
model could have been needs no more."""
EDGE = 1e-9
"""Share of the bounds within which a draw's coordinates, which are infinite there, stay."""


def draws_before(config: FitConfig, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Parameters as they may be before the data, [chain, draw, parameter], of so many chains and draws."""
    u = np.random.default_rng([seed, 1]).uniform(size=(*shape, len(config.parameters)))
    columns = [_before(one, u[:, :, k]) for k, one in enumerate(config.parameters.values())]
    return np.stack(columns, axis=-1)


def _before(one: ParameterConfig, u: np.ndarray) -> np.ndarray:
    """The inverse of the distribution before the data at u: uniform, or a Gaussian that the bounds cut off."""
    lo, hi = one.bounds
    if one.prior is None:
        return lo + (hi - lo) * u
    value, sigma = one.prior
    below, above = ndtr((lo - value) / sigma), ndtr((hi - value) / sigma)
    return np.clip(value + sigma * ndtri(below + (above - below) * u), lo, hi)


def deviations_before(d: Density, theta: np.ndarray) -> np.ndarray:
    """(model - datum) / error after the loss at the first `MOST` draws of every chain, [chain, draw, datum]; NaN where the
    branch does not exist."""
    theta = theta[:, :MOST]
    lower, upper = np.asarray(d.p.lower), np.asarray(d.p.upper)
    share = np.clip((theta - lower) / (upper - lower), EDGE, 1 - EDGE)
    u = np.log(share) - np.log1p(-share)
    at = evaluated_at(d, u.reshape(-1, u.shape[-1]))
    z = np.where(np.asarray(at.exists)[:, None], np.asarray(at.deviations), np.nan)
    return z.reshape(*theta.shape[:2], -1)
