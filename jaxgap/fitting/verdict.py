"""What a fit says, in rows of numbers and in one paragraph: terminal, result.json and page all take it from here."""

from typing import NamedTuple

import numpy as np
from scipy.stats import chi2 as chi2_distribution

from jaxgap.fitting.alternatives import alternatives, better_refused, only_refused, state_sentence
from jaxgap.fitting.config import GROUND_STATE
from jaxgap.fitting.data import Datum
from jaxgap.fitting.information import combinations
from jaxgap.fitting.optima import SAME
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.profile import Interval
from jaxgap.fitting.result import FitResult, SampleResult, Tried
from jaxgap.fitting.uncertainty import Prediction

__all__ = [
    "ComparedRow",
    "FittedRow",
    "ParameterRow",
    "compared",
    "correlation",
    "ends_at_T_c",
    "fitted_rows",
    "misfit",
    "number_rows",
    "p_value",
    "parameter_rows",
    "reached",
    "spectra",
    "starts_text",
    "verdict",
]

MISFIT = 0.01
"""Probability of so large a chi^2 below which a fit is called bad."""
BAD_WITHOUT_FREEDOM = 9.0
"""The same where there is no degree of freedom, and chi^2 could be zero."""
DEEPER = 1e-3
"""By how much chi^2 has to fall on the way along a profile to be another minimum."""
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
        ParameterRow(name, parameter.unit, float(value), float(error), parameter.bounds, interval)
        for (name, parameter), value, error, interval in rows
    ]


class FittedRow(NamedTuple):
    """A datum that counted, beside the model."""

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
    def error_text(self) -> str:
        return f"{self.error:g}{' (assumed)' if self.datum.error is None else ''}"


def fitted_rows(result: FitResult) -> list[FittedRow]:
    """The data that counted, in the order of the file."""
    rows = zip(result.fitted, result.predicted, strict=True)
    return [FittedRow(datum, error_of(datum, result.config), float(model)) for datum, model in rows]


def number_rows(result: FitResult) -> list[FittedRow]:
    """The fitted data that are not points of a spectrum."""
    return [row for row in fitted_rows(result) if row.datum.V is None]


def spectra(result: FitResult) -> dict[tuple[str, float], list[FittedRow]]:
    """The points of every fitted spectrum by rising voltage, by junction (and sample) and temperature [K]."""
    found: dict[tuple[str, float], list[FittedRow]] = {}
    for row in sorted((row for row in fitted_rows(result) if row.datum.V is not None), key=lambda row: row.datum.V or 0.0):
        found.setdefault((_junction(row.datum), row.datum.T or 0.0), []).append(row)
    return dict(sorted(found.items()))


def _junction(datum: Datum) -> str:
    return f"{datum.sample}: {datum.of}" if datum.sample else datum.of


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
    def sentence(self) -> str:
        name, value, uncertainty, unit = self.prediction
        if np.isinf(uncertainty):
            seen = "" if self.datum is None else f"; measured is {self.datum.value:g} {self.datum.unit}"
            return f"Not determined by these data: {name} (at this optimum it is {value:.4g} {unit}{seen})."
        text = f"Predicted, not fitted: {name} at {with_error(value, uncertainty)} {unit}"
        if self.datum is None:
            return text + "."
        return f"{text}, {self.judgement} the measured {self.datum.value:g} {self.datum.unit}."

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
    end, T_c = sample.predictions
    return bool(abs(end.value - T_c.value) < AT_T_C * T_c.value)


def p_value(result: FitResult) -> float:
    """The probability that data scattered by their errors have a larger chi^2; NaN without a degree of freedom, and where
    limits or a robust loss make chi^2 something else."""
    if result.degrees_of_freedom <= 0 or not _sum_of_squares(result):
        return float("nan")
    return float(chi2_distribution.sf(result.chi2, result.degrees_of_freedom))


def _sum_of_squares(result: FitResult) -> bool:
    """Whether chi^2 is one: no limit among the data, no robust loss."""
    return result.config.data.loss == "linear" and not any(datum.limit for datum in result.fitted)


def misfit(result: FitResult) -> str:
    """What to say of a chi^2 that is too large; empty if it is not, and where its distribution is not known."""
    without_freedom = result.degrees_of_freedom <= 0 and result.chi2 > BAD_WITHOUT_FREEDOM and _sum_of_squares(result)
    if not (without_freedom or p_value(result) < MISFIT):
        return ""
    if (refused := better_refused(result)) is not None:
        return only_refused(result, refused)
    return (
        f"The model does not describe these data: chi^2 = {result.chi2:.3g} for {result.degrees_of_freedom} degrees of "
        "freedom; values and uncertainties then mean little."
    )


def correlation(result: FitResult) -> np.ndarray:
    """The covariance over the standard deviations; NaN where one is not finite."""
    sigma = np.where(np.isfinite(result.uncertainty), result.uncertainty, np.nan)
    return result.covariance / np.outer(sigma, sigma)


def reached(result: FitResult) -> np.ndarray:
    """Which starts ended, converged, at the reported minimum."""
    good = result.start_converged & (result.start_chi2 <= result.chi2 + SAME)
    return good if result.start_optimum is None or result.reported is None else good & (result.start_optimum == 0)


def starts_text(result: FitResult) -> str:
    best = reached(result)
    return f"{int(best.sum())} of {len(best)} starts reached this minimum"


def verdict(result: FitResult) -> str:
    """One paragraph: what the data determine, and what they do not."""
    state = state_sentence(result)
    known = [state, *_determined(result)] if result.refused else [*_determined(result), state]
    others = alternatives(result, told=better_refused(result) if misfit(result) else None)
    sentences = [*_branches(result), *known, *others, *_warnings(result)]
    return " ".join([text for text in sentences if text] + _assumptions(result) + [row.sentence for row in compared(result)])


def _branches(result: FitResult) -> list[str]:
    """Which branch it is, if that was left open."""
    if not result.tried:
        return []
    others = [f"{one.branch} {_fate(one)}" for one in result.tried if one.branch != result.branch]
    asked = "is the ground state and " if result.config.system.branch == GROUND_STATE else ""
    return [f"The branch that {asked}fits best is {result.branch} (chi^2 = {result.chi2:.3g}); {', '.join(others)}."]


def _fate(tried: Tried) -> str:
    chi2 = "" if np.isnan(tried.chi2) else f"has chi^2 = {tried.chi2:.3g}"
    return " but is ".join(part for part in (chi2, tried.remark) if part) if chi2 else f"was {tried.remark}"


def _determined(result: FitResult) -> list[str]:
    """Which parameters the data fix, which they leave open, and what they fix of those."""
    rows, n = parameter_rows(result), len(result.fitted)
    fixed = [f"{row.name} = {with_error(row.value, row.error)} {row.unit}".rstrip() for row in rows if np.isfinite(row.error)]
    free = [row.name for row in rows if not np.isfinite(row.error)]
    sentences = []
    if not result.start_converged.any() and not result.refused:
        sentences.append("NOT CONVERGED: no start met `optimiser.tolerance`; these numbers are provisional.")
    if fixed:
        held = "With everything else held at its value in fit.toml"
        data = "the one fitted datum gives" if n == 1 else f"the {n} fitted data give"
        sentences.append(f"{held}, {data} {' and '.join(fixed)}.")
    if free:
        sentences.append(f"They do not determine {' and '.join(free)} (only a combination, or nothing at all).")
    elif len(rows) == 2:
        sentences.append(f"The two are correlated ({correlation(result)[0, 1]:+.2f}).")
    if len(rows) > 2 and n:
        sentences.append(_known_combinations(result))
    return sentences


def _known_combinations(result: FitResult) -> str:
    """What the data fix, from the best known combination of parameters to the worst."""
    parts = []
    for combination in combinations(result):
        error = combination.relative_error
        parts.append(f"{combination.text} {f'to {100 * error:.2g} %' if error < 1 else 'not at all'}")
    return f"They fix, as products of powers: {'; '.join(parts)}."


def _warnings(result: FitResult) -> list[str]:
    sentences = []
    if any(interval.points[:, 1].min() < -DEEPER for interval in result.intervals):
        sentences.append("A lower chi^2 was found while looking for the intervals: raise `optimiser.starts`.")
    if misfit(result):
        sentences.append(misfit(result))
    elif result.degrees_of_freedom <= 0:
        sentences.append(
            f"{_number_of(len(result.fitted), 'datum', 'data')} for {_number_of(len(result.value), 'parameter', 'parameters')} "
            "leave no degree of freedom: a perfect fit is no test of the model; only what was predicted and not fitted is."
        )
    return sentences


def _number_of(n: int, one: str, several: str) -> str:
    return f"one {one}" if n == 1 else f"{n} {several}"


def _assumptions(result: FitResult) -> list[str]:
    """The errors that no source gives, and what the system is beyond."""
    beyond = dict.fromkeys(remark for sample in result.samples for remark in sample.superconductor.remarks)
    data, assumed = result.config.data, sorted({datum.unit for datum in result.fitted if datum.error is None})
    errors = {unit: data.assumed_error_meV if unit == "meV" else data.assumed_error_K for unit in assumed}
    return [
        f"The sources give no error; {error:g} {unit} is assumed, and the uncertainties scale with it."
        for unit, error in errors.items()
    ] + list(beyond)


def with_error(value: float, error: float) -> str:
    """A value and its error to the error's second digit."""
    if not np.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"
