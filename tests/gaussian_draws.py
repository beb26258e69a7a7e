"""Posteriors that cost nothing: draws of the Gaussian around the optimum of a fit that is read from its result.json."""

import numpy as np

from jaxgap.fitting import Posterior

CHAINS, DRAWS = 2, 500


def posterior_of(result, z):
    """Draws of the Gaussian of the covariance around an optimum with the residuals z, to first order."""
    rng = np.random.default_rng(4)
    theta = rng.multivariate_normal(result.value, result.covariance, size=(CHAINS, DRAWS))
    deviations = z + (theta - result.value) @ result.jacobian[: len(z)].T
    chi2, none = np.sum(deviations**2, axis=-1), np.zeros((CHAINS, DRAWS))
    about = {"diverging": none.astype(bool), "steps": none + 1, "optimum": result.value, "intervals": result.intervals}
    return Posterior(result.config, result.fitted, theta, chi2, deviations, **about, seed=0, warmup=1, seconds=0.0)


def residuals(result):
    value, error = (np.array([getattr(d, name) for d in result.fitted]) for name in ("value", "error"))
    return (np.asarray(result.predicted) - value) / error
