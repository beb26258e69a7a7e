r"""Free gaps fitted to the data of a fit: least squares from many starts, with exact Jacobians.

The specific heat of a model with a T_c jumps there, and with it chi^2 wherever T_c passes a temperature of the data: between
two of them it is smooth. So starts are looked for with T_c half way between neighbouring temperatures, at every such place, and
the other parameters where a Halton sequence has them; least squares begins at the best of them, and once more from its best end
with T_c at the neighbouring places.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.fitting.config import FitConfig, OptimiserConfig
from jaxgap.fitting.criteria import criteria_of, degrees_of_freedom
from jaxgap.fitting.data import Datum
from jaxgap.fitting.empirical.models import EMPIRICAL, EmpiricalModel
from jaxgap.fitting.empirical.problem import EmpiricalProblem, empirical_predictions, empirical_slopes
from jaxgap.fitting.minimise import minimised
from jaxgap.fitting.objective import beforehand, chained, deviations
from jaxgap.fitting.starts import spread
from jaxgap.fitting.uncertainty import curvature
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.numerics.programs import program
from jaxgap.numerics.threads import side_by_side
from jaxgap.numerics.types import AnyArray

__all__ = ["EmpiricalFit", "best_near", "fit_empirical"]

End = tuple[np.ndarray, float]
"""(parameters, chi^2)."""
Progress = Callable[[str, int, int, float], None]
"""Called as progress(stage, step, steps, best chi^2 so far)."""
LEAST = 12
"""Starts at least, where places of T_c make more than `optimiser.starts`."""
TRIED = 4
"""Points at which chi^2 is looked at in every such place, and for every start."""
NEIGHBOURS, MOVES = 5, 8
"""Places of T_c that are tried from the best end, and how often."""
REACHED = 1e-3
"""Starts that end within so much of the lowest chi^2 have reached it."""
DEFAULT = OptimiserConfig()


class EmpiricalFit(NamedTuple):
    """The best fit of an empirical model."""

    config: FitConfig
    """With the parameters of the model in place of the fit's own."""
    model: str
    """A name in `EMPIRICAL`."""
    data: tuple[Datum, ...]
    value: np.ndarray
    covariance: np.ndarray
    """From the curvature of chi^2; infinite along directions that the data do not determine."""
    chi2: float
    predicted: np.ndarray
    """Model value of every fitted datum."""
    start_chi2: np.ndarray
    seconds: float

    @property
    def spec(self) -> EmpiricalModel:
        """Which model it is."""
        return EMPIRICAL[self.model]

    @property
    def parameters(self) -> dict[str, float]:
        """Best values by name."""
        return dict(zip(self.config.parameters, self.value.tolist(), strict=True))

    @property
    def uncertainty(self) -> np.ndarray:
        """One standard deviation of every parameter."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def fitted(self) -> tuple[Datum, ...]:
        """The rows that counted."""
        return tuple(datum for datum in self.data if datum.use == "fit")

    @property
    def reached(self) -> int:
        """Starts that ended at the best fit; none, if T_c has moved from where the best of them ended."""
        return int(np.sum(self.start_chi2 <= self.chi2 + REACHED))

    @property
    def degrees_of_freedom(self) -> int:
        """Data, and what is known of parameters beforehand, less the number of parameters."""
        return degrees_of_freedom(self.config, self.fitted)

    @property
    def criteria(self) -> dict[str, float]:
        """AIC, AICc and BIC, as of any other fit of these data."""
        return criteria_of(self.chi2, len(self.value), self.degrees_of_freedom)


def fit_empirical(
    config: FitConfig,
    e: EmpiricalProblem,
    data: tuple[Datum, ...],
    progress: Progress = lambda *_: None,
) -> EmpiricalFit:
    """Fit an empirical model (`empirical_problem` makes the configuration and the arrays).

    Raises:
        NotConvergedError: if chi^2 is finite nowhere.
    """
    began, found = time.perf_counter(), []
    starts = _starts(e, config.optimiser)
    for i, end in enumerate(side_by_side(lambda start: _ended(e, start, config.optimiser), starts)):
        found.append(end)
        progress("free gaps", i + 1, len(starts), min(chi2 for _, chi2 in found))
    best = _moved(e, min(found, key=lambda end: end[1]), config.optimiser, progress)
    if not np.isfinite(best[1]):
        raise NotConvergedError(f"No start of the model `{e.model}` ended where it has a value.")
    value = _ordered(e, best[0])
    r, J, predicted = (np.asarray(part) for part in _residuals(e, value))
    ends = np.array([chi2 for _, chi2 in found])
    covariance, seconds = curvature(e.p, J)[0], time.perf_counter() - began
    return EmpiricalFit(config, e.model, data, value, covariance, float(r @ r), predicted, ends, seconds)


def best_near(e: EmpiricalProblem, theta: np.ndarray, settings: OptimiserConfig = DEFAULT) -> tuple[np.ndarray, np.ndarray]:
    """(parameters, covariance) where least squares ends from `theta`."""
    value = _ended(e, theta, settings)[0]
    return value, curvature(e.p, np.asarray(_residuals(e, value)[1]))[0]


def _ended(e: EmpiricalProblem, theta: np.ndarray, settings: OptimiserConfig) -> End:
    """(where least squares ends from `theta`, chi^2 there: infinite where the model has no value)."""

    def evaluate(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r, J, _ = _residuals(e, theta)
        return np.asarray(r), np.asarray(J)

    bounds = np.asarray(e.p.lower), np.asarray(e.p.upper)
    end = minimised(evaluate, theta, bounds, bounds[1] - bounds[0], settings.tolerance, settings.finish_steps)
    r = evaluate(end.x)[0]
    return end.x, float(r @ r) if np.isfinite(r).all() else float("inf")


@program
def _residuals(
    e: EmpiricalProblem, theta: Float[AnyArray, "parameter"]
) -> tuple[Float[Array, "residual"], Float[Array, "residual parameter"], Float[Array, "datum"]]:
    """(residuals of data and of what is known beforehand, their derivatives, predictions)."""

    t = jnp.asarray(theta)
    predicted, slopes = empirical_predictions(e, t), empirical_slopes(e, t)

    def weighed(predicted: Float[Array, "datum"]) -> Float[Array, "datum"]:
        return deviations(e.p, predicted)

    z, J = chained(weighed, predicted, slopes)
    r = jnp.concatenate([z, beforehand(e.p, t)])
    return r, jnp.concatenate([J, jnp.diag(1 / e.p.prior[1])]), predicted


@program
def _chi2(e: EmpiricalProblem, thetas: Float[AnyArray, "start parameter"]) -> Float[Array, "start"]:
    def one(t: Float[Array, "parameter"]) -> Float[Array, ""]:
        return jnp.sum(deviations(e.p, empirical_predictions(e, t)) ** 2) + jnp.sum(beforehand(e.p, t) ** 2)

    return jax.lax.map(one, jnp.asarray(thetas))


def _starts(e: EmpiricalProblem, settings: OptimiserConfig) -> np.ndarray:
    """[start, parameter]: of all places of T_c, and of several points in each, the best."""
    places = [_between(e, k, name) for k, name in enumerate(e.p.names)]
    count = max(settings.starts, *(len(own) for own in places))
    theta = spread(e.p, TRIED * count, settings.seed)
    for k, own in enumerate(places):
        if len(own):
            theta[:, k] = np.resize(np.repeat(own, TRIED), len(theta))
    groups = theta.reshape(count, TRIED, -1)
    chi2 = np.nan_to_num(np.asarray(_chi2(e, theta)).reshape(count, TRIED), nan=np.inf)
    best = groups[np.arange(count), np.argmin(chi2, axis=1)]
    found: np.ndarray = best[np.argsort(np.min(chi2, axis=1), kind="stable")[: max(settings.starts, LEAST)]]
    return found


def _moved(e: EmpiricalProblem, best: End, settings: OptimiserConfig, progress: Progress) -> End:
    """The best of ends with T_c moved to neighbouring places, as long as that lowers chi^2."""
    for i in range(MOVES):
        ends = side_by_side(lambda start: _ended(e, start, settings), _neighbouring(e, best[0]))
        lowest = min([best, *ends], key=lambda end: end[1])
        done = not lowest[1] < best[1] - REACHED
        progress("T_c", MOVES if done else i + 1, MOVES, lowest[1])
        if done:
            break
        best = lowest
    return best


def _neighbouring(e: EmpiricalProblem, theta: np.ndarray) -> list[np.ndarray]:
    """The parameters with a T_c at each of the places that are nearest to it."""
    found = []
    for k, name in enumerate(e.p.names):
        places = _between(e, k, name)
        for place in places[np.argsort(np.abs(places - theta[k]))[:NEIGHBOURS]]:
            found.append(theta.copy())
            found[-1][k] = place
    return found


def _between(e: EmpiricalProblem, k: int, name: str) -> np.ndarray:
    """Half way between the temperatures of the data, as far as a parameter is a T_c and may be there."""
    if not e.spec.along_T or name.partition("@")[0] != "T_c":
        return np.zeros(0)
    lower, upper = float(e.p.lower[k]), float(e.p.upper[k])
    T = np.unique([lower, *np.asarray(e.p.T)[_inside(np.asarray(e.p.T), lower, upper)], upper])
    return (T[1:] + T[:-1]) / 2


def _inside(T: np.ndarray, lower: float, upper: float) -> np.ndarray:
    return (lower < T) & (upper > T)


def _ordered(e: EmpiricalProblem, theta: np.ndarray) -> np.ndarray:
    """The same fit with the larger gap first, where no datum tells the two apart and the bounds allow it."""
    names = list(e.p.names)
    own = [name for name in names if name.startswith(("alpha_1", "Delta_1"))]
    if e.named or not own:
        return theta
    first, second = ([names.index(name.replace("_1", which, 1)) for name in own] for which in ("_1", "_2"))
    weights = [names.index(name) for name in set(dict(e.weights).values())]
    other = theta.copy()
    other[first], other[second], other[weights] = theta[second], theta[first], 1 - theta[weights]
    allowed = np.all((other >= np.asarray(e.p.lower)) & (other <= np.asarray(e.p.upper)))
    return other if allowed and np.sum(other[first]) > np.sum(theta[first]) else theta
