r"""Posterior predictive checks of the fitted curves, from the draws alone: nothing is solved.

.. math:: p = \Pr \bigl[ D(y_{rep}, \theta) \geq D(y, \theta) \,\big|\, y \bigr]
            = \frac{1}{S} \sum_s \Pr \bigl[ D(y_{rep}, \theta_s) \geq D(y, \theta_s) \,\big|\, \theta_s \bigr]

(A. Gelman, X.-L. Meng and H. Stern, Statistica Sinica 6, 733 (1996)), with the chi^2 of a curve as D, and with the number of
neighbours on the same side of the model. Repeated data scatter about each draw by their errors alone, so that the
probabilities inside the sum are those of chi^2 on n degrees of freedom and of a binomial distribution. The data are used twice:
p is nearer to 1/2 than a probability would be, and one close to 0 or 1 says the more.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.stats import binom
from scipy.stats import chi2 as chi2_distribution

from jaxgap.fitting.data import Datum
from jaxgap.fitting.draws import Posterior
from jaxgap.fitting.report.checks import LEVELS
from jaxgap.model.records import Known
from jaxgap.observables.quantities import MEASURED

__all__ = ["PosteriorCheck", "posterior_checks"]


class PosteriorCheck(NamedTuple):
    """How a curve lies about the draws."""

    name: str
    """Of the experiment, and of which sample where there are several."""
    kind: str
    points: int
    inside_68: float
    """Share of the points within one error of the model, the mean over the draws."""
    inside_95: float
    p_chi2: Known
    """NaN for a loss that forgives outliers."""
    p_neighbours: float


def posterior_checks(posterior: Posterior) -> tuple[PosteriorCheck, ...]:
    """The checks of every curve, in the order of fit.toml; limits among its points do not count."""
    curves: dict[tuple[str, str], list[int]] = {}
    for k, d in enumerate(posterior.fitted):
        if d.experiment and not d.limit:
            curves.setdefault((d.series, d.kind), []).append(k)
    return tuple(_check(posterior, *key, own) for key, own in curves.items())


def _check(posterior: Posterior, name: str, kind: str, own: list[int]) -> PosteriorCheck:
    fitted = [posterior.fitted[k] for k in own]
    z = np.asarray(posterior.deviations).reshape(-1, len(posterior.fitted))[:, own]
    squares = all(posterior.config.entries[d.entry].loss == "linear" for d in fitted)
    p_chi2 = float(np.mean(chi2_distribution.sf(np.sum(z**2, axis=1), len(own)))) if squares else float("nan")
    first, second = np.array(_pairs(fitted), int).reshape(-1, 2).T
    same = np.sum(z[:, first] * z[:, second] > 0, axis=1)
    near, far = (float(np.mean(np.abs(z) <= k)) for k in LEVELS.values())
    return PosteriorCheck(name, kind, len(own), near, far, p_chi2, float(np.mean(binom.sf(same - 1, len(first), 0.5))))


def _pairs(fitted: list[Datum]) -> list[tuple[int, int]]:
    """The places of neighbours on the axis of a curve: of a spectrum, at the same temperature."""
    order = sorted(range(len(fitted)), key=lambda i: (fitted[i].T or 0.0, fitted[i].x or 0.0))
    pairs = list(pairwise(order))
    if not MEASURED[fitted[0].kind].axes:
        return pairs
    return [(i, j) for i, j in pairs if fitted[i].T == fitted[j].T]
