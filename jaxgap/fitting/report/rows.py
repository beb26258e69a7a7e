"""What a fit says in rows of numbers: parameters, fitted data beside the model, predictions beside what was measured. Terminal,
result.json, pictures and page all take them from here; nothing is solved."""

from typing import NamedTuple

import numpy as np

from jaxgap.fitting.data import Datum
from jaxgap.fitting.optima import SAME
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.profile import Interval
from jaxgap.fitting.result import FitResult, SampleResult
from jaxgap.fitting.uncertainty import Prediction

__all__ = [
    "ComparedRow",
    "Curve",
    "FittedRow",
    "ParameterRow",
    "compared",
    "correlation",
    "curves",
    "ends_at_T_c",
    "fitted_rows",
    "number_rows",
    "p_value",
    "parameter_rows",
    "reached",
    "sum_of_squares",
]

AT_BOUND = 0.01
"""A parameter is reported at its bound within 1 % of the range."""
AT_T_C = 1e-3
"""A branch that ends within this share of T_c ends there."""
CONFLICT = 3.0
"""Combined standard deviations from which a prediction is in conflict with a measurement."""
ENDS = {"chi2": "", "bound": " (bound)", "branch": " (branch ends)"}
"""What is said of an interval's end that is no crossing of chi^2."""


class ParameterRow(NamedTuple):
    """A parameter at the optimum."""

    name: str
    unit: str
    value: float
    error: float
    """One standard deviation; infinite if the data do not determine it."""
    bounds: tuple[float, float]
    sets: dict[str, float]
    """Path -> factor: the leaves that it sets."""
    interval: Interval

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} [{self.unit}]" if self.unit else self.name

    @property
    def at_bound(self) -> bool:
        lo, hi = self.bounds
        return min(self.value - lo, hi - self.value) < AT_BOUND * (hi - lo)

    @property
    def note(self) -> str:
        if self.at_bound:
            return "at a bound: the uncertainty is not to be trusted"
        return "" if np.isfinite(self.error) else "not determined by the data"

    @property
    def interval_text(self) -> str:
        """The 68 % interval; an end that is no crossing of chi^2 says so."""
        ends = self.interval.lower, self.interval.upper
        return " .. ".join(f"{side.value:.4g}{ENDS[side.reason]}" for side in ends)


def parameter_rows(result: FitResult) -> list[ParameterRow]:
    """The parameters in the order of the configuration."""
    rows = zip(result.config.parameters.items(), result.value, result.uncertainty, result.intervals, strict=True)
    return [
        ParameterRow(name, parameter.unit, float(value), float(error), parameter.bounds, parameter.sets, interval)
        for (name, parameter), value, error, interval in rows
    ]


class FittedRow(NamedTuple):
    """A datum that counted, beside the model."""

    row: int
    """Its place in `FitResult.data`."""
    place: int
    """Among the data that counted."""
    datum: Datum
    error: float
    """Its own, or the assumed one."""
    model: float

    @property
    def distance(self) -> float:
        """Model less measurement, in standard deviations."""
        return (self.model - self.datum.value) / self.error

    @property
    def quantity(self) -> str:
        """The quantity, of which sample, and whether it is a limit."""
        return f"{self.datum.label} ({self.datum.limit} limit)" if self.datum.limit else self.datum.label

    @property
    def assumed(self) -> bool:
        """Whether the source gives no error."""
        return self.datum.error is None

    @property
    def error_text(self) -> str:
        return f"{self.error:g}{' (assumed)' if self.assumed else ''}"


def fitted_rows(result: FitResult) -> list[FittedRow]:
    """The data that counted, in the order of the file."""
    places = [i for i, datum in enumerate(result.data) if datum.use == "fit"]
    rows = zip(places, result.fitted, result.predicted, strict=True)
    return [
        FittedRow(row, i, datum, error_of(datum, result.config), float(model)) for i, (row, datum, model) in enumerate(rows)
    ]


def number_rows(result: FitResult) -> list[FittedRow]:
    """The fitted data that are not points of a curve."""
    return [row for row in fitted_rows(result) if not row.datum.experiment]


class Curve(NamedTuple):
    """The fitted points of one experiment."""

    name: str
    """Of the experiment, and of which sample where there are several."""
    kind: str
    rows: list[FittedRow]
    """By rising temperature, and on the quantity's own axis."""

    @property
    def chi2(self) -> float:
        """Sum of the squared distances; correlated errors and losses aside."""
        return float(sum(row.distance**2 for row in self.rows))

    @property
    def by_temperature(self) -> dict[float, list[FittedRow]]:
        """The points at every temperature [K]."""
        found: dict[float, list[FittedRow]] = {}
        for row in self.rows:
            found.setdefault(row.datum.T or 0.0, []).append(row)
        return found


def curves(result: FitResult) -> list[Curve]:
    """The fitted curves in the order of fit.toml."""
    found: dict[tuple[str, str], list[FittedRow]] = {}
    for row in fitted_rows(result):
        if row.datum.experiment:
            found.setdefault((row.datum.series, row.datum.kind), []).append(row)
    return [Curve(*key, sorted(rows, key=lambda row: (row.datum.T or 0.0, row.datum.x or 0.0))) for key, rows in found.items()]


class ComparedRow(NamedTuple):
    """What was predicted and not fitted, beside the measurement if there is one."""

    prediction: Prediction
    datum: Datum | None
    error: float
    """Of the measurement; NaN if there is none."""

    @property
    def distance(self) -> float:
        """Prediction less measurement, in standard deviations of both together; NaN without a measurement, and where the
        uncertainty is not known."""
        if self.datum is None or not np.isfinite(self.prediction.uncertainty):
            return float("nan")
        return float((self.prediction.value - self.datum.value) / np.hypot(self.prediction.uncertainty, self.error))

    @property
    def judgement(self) -> str:
        """What the measurement says of the prediction, in words."""
        if self.datum is None:
            return "not measured"
        if np.isnan(self.distance):
            return "of unknown uncertainty beside"
        return "consistent with" if abs(self.distance) <= CONFLICT else "in conflict with"

    @property
    def source(self) -> str:
        """Who measured it, in short."""
        return "" if self.datum is None else self.datum.source.split(",")[0].split(" (")[0]

    @property
    def uncertainty_text(self) -> str:
        """Its uncertainty, or what there is instead of one."""
        sigma = self.prediction.uncertainty
        return "not determined" if np.isinf(sigma) else "unknown" if np.isnan(sigma) else f"{sigma:.2g}"


def compared(result: FitResult) -> list[ComparedRow]:
    """The predictions that were not fitted. A branch that ends at T_c is one prediction, not two, and none if one of both
    was fitted."""
    fitted = {(datum.kind, datum.sample) for datum in result.fitted}
    rows = []
    for sample in result.samples:
        end, T_c = (_compared(result, sample, k) for k in (0, 1))
        known = [kind for kind in ("branch_end", "T_c") if (kind, sample.name) in fitted]
        if ends_at_T_c(sample):
            # T_c has the better derivative: the end is where an amplitude vanishes.
            one = end if end.datum is not None and T_c.datum is None else T_c
            rows += [] if known else [one._replace(prediction=T_c.prediction._replace(name=one.prediction.name))]
        else:
            rows += [row for row, kind in ((end, "branch_end"), (T_c, "T_c")) if kind not in known]
    return rows


def _compared(result: FitResult, sample: SampleResult, k: int) -> ComparedRow:
    kind = ("branch_end", "T_c")[k]
    measured = [d for d in result.data if d.kind == kind and d.use == "predict" and d.sample == sample.name]
    datum = measured[0] if measured else None
    return ComparedRow(sample.predictions[k], datum, float("nan") if datum is None else error_of(datum, result.config))


def ends_at_T_c(sample: SampleResult) -> bool:
    """Whether the fitted branch ends where the normal state becomes stable."""
    end, T_c = sample.end, sample.T_c
    return bool(abs(end.value - T_c.value) < AT_T_C * T_c.value)


def p_value(result: FitResult) -> float:
    """The probability that data scattered by their errors have a larger chi^2; NaN without a degree of freedom, and where
    limits or a robust loss make chi^2 something else."""
    from scipy.stats import chi2 as chi2_distribution  # here: it takes half a second to import

    if result.degrees_of_freedom <= 0 or not sum_of_squares(result):
        return float("nan")
    return float(chi2_distribution.sf(result.chi2, result.degrees_of_freedom))


def sum_of_squares(result: FitResult) -> bool:
    """Whether chi^2 is one: no limit among the data, no robust loss."""
    return not result.config.robust and not any(datum.limit for datum in result.fitted)


def correlation(result: FitResult) -> np.ndarray:
    """The covariance over the standard deviations; NaN where one is not finite."""
    sigma = np.where(np.isfinite(result.uncertainty), result.uncertainty, np.nan)
    return result.covariance / np.outer(sigma, sigma)


def reached(result: FitResult) -> np.ndarray:
    """Which starts ended, converged, at the reported minimum."""
    good = result.start_converged & (result.start_chi2 <= result.chi2 + SAME)
    return good if result.start_optimum is None or result.reported is None else good & (result.start_optimum == 0)
