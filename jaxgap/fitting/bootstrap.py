r"""Parametric bootstrap: how a fit scatters when its data are drawn again from the fitted model.

.. math:: y^*_d = y_d(\hat\theta) + \sigma_d \, \mathcal{N}(0, 1), \qquad \hat\theta^* = \arg\min \chi^2(\theta; y^*)

Every set is fitted from the optimum. The spread of the ends is a third route to the uncertainties, beside covariance and
profile, that knows nothing of their approximations; their mean shows a bias of the estimate; and the chi^2 of the sets is what
this fit's own chi^2 has to be compared with, also where a robust loss or limits give it no distribution in closed form (Efron
and Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13). What is known of a parameter beforehand is a
datum, and drawn again too. A limit stays: it is no reading that could have come out otherwise.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgap._checks import NotConvergedError, check
from jaxgap._precision import require_float64
from jaxgap.fitting.minimise import distance, minimise_nested
from jaxgap.fitting.result import FitResult

__all__ = ["Bootstrap", "Scatter", "bootstrap"]


class Scatter(NamedTuple):
    """Of one parameter over the sets."""

    name: str
    unit: str
    best: float
    """Of the fit."""
    mean: float
    sd: float
    interval_68: tuple[float, float]
    """Central: as many sets below as above."""
    interval_95: tuple[float, float]


class Bootstrap(NamedTuple):
    """Fits to data drawn from the fitted model."""

    fit: FitResult
    values: np.ndarray
    """[set, parameter], of the sets whose fit converged on the branch."""
    chi2: np.ndarray
    """[set]."""
    drawn: int
    """Number of sets drawn."""
    seed: int

    @property
    def summary(self) -> tuple[Scatter, ...]:
        """Mean, standard deviation and central intervals of every parameter."""
        rows = []
        for k, (name, parameter) in enumerate(self.fit.config.parameters.items()):
            x = self.values[:, k]
            low_95, low, high, high_95 = np.quantile(x, [0.025, 0.16, 0.84, 0.975]).tolist()
            sd = float(x.std(ddof=1))
            rows.append(
                Scatter(name, parameter.unit, float(self.fit.value[k]), float(x.mean()), sd, (low, high), (low_95, high_95))
            )
        return tuple(rows)

    @property
    def p_value(self) -> float:
        """Share of the sets with a chi^2 as large as the fit's, the fit counted as one of them: how surprising it is."""
        return float((1 + np.sum(self.chi2 >= self.fit.chi2)) / (1 + len(self.chi2)))

    @property
    def lost(self) -> int:
        """Sets whose fit did not converge, or ended where the branch does not exist."""
        return self.drawn - len(self.values)


def bootstrap(
    result: FitResult, *, sets: int = 200, seed: int = 0, progress: Callable[[int, int], None] = lambda *_: None
) -> Bootstrap:
    """Fit `sets` sets of data drawn from the fitted model; `progress` is called as progress(set, sets).

    Raises:
        InputError: for less than ten sets.
        NotConvergedError: if the fit did not converge, or less than half of the sets can be fitted.
    """
    require_float64()
    check(sets >= 10, "sets", "be at least 10", sets)
    check(seed >= 0, "seed", "not be negative", seed)
    if not result.start_converged.any():
        raise NotConvergedError("The fit did not converge: there is no model to draw data from.")
    p, rng, settings = result.problem, np.random.default_rng(seed), result.config.optimiser
    limit = np.array([bool(row.limit) for row in p.rows])
    known, width = np.isfinite(np.asarray(p.prior[1])), np.asarray(p.upper - p.lower)
    values, chi2 = [], []
    for done in range(sets):
        reading = result.predicted + np.asarray(p.error) * rng.normal(size=len(p.rows))
        beforehand = result.value + np.where(known, np.asarray(p.prior[1]), 0.0) * rng.normal(size=len(known))
        # The same structure: one compiled program serves all sets.
        drawn = replace(
            p,
            value=jnp.asarray(np.where(limit, np.asarray(p.value), reading)),
            prior=(jnp.asarray(np.where(known, beforehand, np.asarray(p.prior[0]))), p.prior[1]),
        )
        theta, end, _ = minimise_nested(drawn, result.value.copy(), result.amplitudes, settings)
        bounds = np.asarray(p.lower), np.asarray(p.upper)
        left = distance(np.asarray(end.residuals), np.asarray(end.jacobian), theta, bounds, width, settings.tolerance)
        if end.on_branch and left <= settings.tolerance:
            values.append(theta)
            chi2.append(float(np.sum(np.asarray(end.residuals) ** 2)))
        progress(done + 1, sets)
    if 2 * len(values) < sets:
        raise NotConvergedError(
            f"Only {len(values)} of {sets} sets could be fitted: the branch ends within the errors, or "
            "`optimiser.finish_steps` is too small."
        )
    return Bootstrap(result, np.array(values), np.array(chi2), sets, seed)
