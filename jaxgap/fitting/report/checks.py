r"""Predictive checks of the fitted curves: do the measured points scatter about the model as the fit says that they should?

Three questions to every curve, each with the probability of so bad an answer if the model and the errors are right:

.. math:: \chi^2 = \sum_d z_d^2 \quad \text{on} \quad n - \sum_d h_d \quad \text{degrees of freedom};

how many of the n points lie in the interval k sqrt(1 + h) of k = 1 (68 %) or 1.96 (95 %) in which the fit expects another
measurement, model and measurement error in quadrature: the points have been fitted themselves, so that

.. math:: p_k = \frac{1}{n} \sum_d \operatorname{erf} \biggl( \frac{k}{\sqrt 2} \sqrt{\frac{1 + h_d}{1 - h_d}} \biggr)

of them are expected (binomial); and how many of the m pairs of neighbours lie on the same side of the model: half of them, and
more where the model misses the shape of a curve, whatever the errors are (binomial: the test of runs of Wald and Wolfowitz,
Ann. Math. Stat. 11, 147 (1940), with equal chances). Residuals z and leverages h are those of `report.residuals`.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import erf
from scipy.stats import binom, binomtest
from scipy.stats import chi2 as chi2_distribution

from jaxgap.fitting.report.residuals import independent_residuals, leverages, plain
from jaxgap.fitting.report.rows import Curve, FittedRow, curves
from jaxgap.fitting.result import FitResult
from jaxgap.observables.quantities import MEASURED

__all__ = ["LEVELS", "CurveCheck", "Neighbours", "Share", "badly_described", "curve_checks", "neighbours", "share_within"]

LEVELS = {"68 %": 1.0, "95 %": 1.959963984540054}
"""Standard deviations of the intervals."""
UNLIKELY = 0.01
"""Probability below which one of all curves is called badly described; it is shared among them."""


class Share(NamedTuple):
    """Points inside an interval."""

    inside: int
    points: int
    expected: float
    """Share of them."""
    p: float
    """Of a number as far from it, to either side; NaN for a loss that forgives outliers: they are expected."""

    @property
    def share(self) -> float:
        """Of the points."""
        return self.inside / self.points


class Neighbours(NamedTuple):
    """Neighbouring points of a curve, and on which side of the model they lie."""

    same: int
    """Pairs on one side."""
    pairs: int
    p: float
    """Of so many or more."""


class CurveCheck(NamedTuple):
    """How a curve lies about the model."""

    curve: Curve
    chi2: float
    freedom: float
    """n less the leverages: its part of the degrees of freedom."""
    p_chi2: float
    """Of a larger chi^2; NaN for a loss that forgives, or without a degree of freedom."""
    shares: dict[str, Share]
    """By the name of the interval."""
    neighbours: Neighbours

    @property
    def name(self) -> str:
        """Of the experiment."""
        return self.curve.name


def curve_checks(result: FitResult) -> list[CurveCheck]:
    """The checks of every fitted curve, in the order of fit.toml; limits among its points do not count."""
    z, h, squares = independent_residuals(result), leverages(result), plain(result)
    limits = np.array([bool(d.limit) for d in result.fitted], bool)
    return [_check(curve, z, h, squares, limits) for curve in curves(result)]


def _check(curve: Curve, z: np.ndarray, h: np.ndarray, squares: np.ndarray, limits: np.ndarray) -> CurveCheck:
    parts = [np.array([row.place for row in rows if not limits[row.place]], int) for rows in _lines(curve)]
    own = np.concatenate(parts)
    known = bool(squares[own].all())
    chi2, freedom = float(np.sum(z[own] ** 2)), float(np.sum(1 - h[own]))
    p = float(chi2_distribution.sf(chi2, freedom)) if known and freedom > 0 else float("nan")
    shares = {name: share_within(z[own], h[own], k) for name, k in LEVELS.items()}
    if not known:
        shares = {name: one._replace(p=float("nan")) for name, one in shares.items()}
    return CurveCheck(curve, chi2, freedom, p, shares, neighbours([z[part] for part in parts]))


def _lines(curve: Curve) -> list[list[FittedRow]]:
    """The points in the order of their axis: of a spectrum, temperature by temperature."""
    return list(curve.by_temperature.values()) if MEASURED[curve.kind].axes else [curve.rows]


def share_within(z: np.ndarray, h: np.ndarray, k: float) -> Share:
    """How many of the residuals z lie within k sqrt(1 + h)."""
    inside = int(np.sum(np.abs(z) <= k * np.sqrt(1 + h)))
    with np.errstate(divide="ignore"):
        expected = float(np.mean(erf(k / np.sqrt(2) * np.sqrt((1 + h) / np.maximum(1 - h, 0.0))))) if len(z) else float("nan")
    p = float(binomtest(inside, len(z), min(expected, 1.0)).pvalue) if len(z) else float("nan")
    return Share(inside, len(z), expected, p)


def neighbours(lines: list[np.ndarray]) -> Neighbours:
    """How many neighbours have the same sign, in lines of residuals; zeros have none and are left out."""
    products = np.concatenate([np.sign(z[1:]) * np.sign(z[:-1]) for z in lines]) if lines else np.zeros(0)
    same, pairs = int(np.sum(products > 0)), int(np.sum(products != 0))
    return Neighbours(same, pairs, float(binom.sf(same - 1, pairs, 0.5)))


# --- in words ---------------------------------------------------------------------------------------------------------------


def badly_described(checks: list[CurveCheck]) -> list[str]:
    """A sentence for every curve about which the model or its errors are wrong."""
    limit = UNLIKELY / max(len(checks), 1)
    return [text for one in checks if (text := _said(one, limit))]


def _said(one: CurveCheck, limit: float) -> str:
    near, inside = one.neighbours, one.shares["68 %"]
    reasons = []
    if one.p_chi2 < limit:
        reasons.append(f"chi^2 = {one.chi2:.3g} for {one.freedom:.3g} degrees of freedom (p = {one.p_chi2:.1g})")
    elif inside.p < limit and inside.share < inside.expected:
        reasons.append(f"{inside.inside} of {inside.points} points lie within the 68 % interval (p = {inside.p:.1g})")
    if near.p < limit:
        reasons.append(f"{near.same} of {near.pairs} neighbours lie on the same side of the model (p = {near.p:.1g})")
    if reasons:
        return f"The curve {one.name} is badly described: {' and '.join(reasons)}."
    if one.p_chi2 > 1 - limit:
        return f"The errors of {one.name} look too large: chi^2 = {one.chi2:.3g} for {one.freedom:.3g} degrees of freedom."
    return ""
