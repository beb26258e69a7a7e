"""What a fit says in one paragraph: what the data determine, what they do not, and what is doubtful. Words of numbers that are
there already (`rows`, `directions`)."""

import numpy as np

from jaxgap.fitting.config import GROUND_STATE
from jaxgap.fitting.directions import combinations
from jaxgap.fitting.report.alternatives import alternatives, better_refused, only_refused, state_sentence
from jaxgap.fitting.report.checks import badly_described, curve_checks
from jaxgap.fitting.report.rows import ComparedRow, compared, correlation, p_value, parameter_rows, reached, sum_of_squares
from jaxgap.fitting.result import FitResult, Tried
from jaxgap.numerics.amounts import amount

__all__ = ["misfit", "starts_text", "verdict"]

MISFIT = 0.01
"""Probability of so large a chi^2 below which a fit is called bad."""
BAD_WITHOUT_FREEDOM = 9.0
"""The same where there is no degree of freedom, and chi^2 could be zero."""
DEEPER = 1e-3
"""By how much chi^2 has to fall on the way along a profile to be another minimum."""


def misfit(result: FitResult) -> str:
    """What to say of a chi^2 that is too large; empty if it is not, and where its distribution is not known."""
    without_freedom = result.degrees_of_freedom <= 0 and result.chi2 > BAD_WITHOUT_FREEDOM and sum_of_squares(result)
    if not (without_freedom or p_value(result) < MISFIT):
        return ""
    if (refused := better_refused(result)) is not None:
        return only_refused(result, refused)
    return (
        f"The model does not describe these data: chi^2 = {result.chi2:.3g} for {result.degrees_of_freedom} degrees of "
        "freedom; values and uncertainties then mean little."
    )


def starts_text(result: FitResult) -> str:
    best = reached(result)
    return f"{int(best.sum())} of {amount(len(best), 'start')} reached this minimum"


def verdict(result: FitResult) -> str:
    """One paragraph: what the data determine, and what they do not."""
    state = state_sentence(result)
    known = [state, *_determined(result)] if result.refused else [*_determined(result), state]
    others = alternatives(result, told=better_refused(result) if misfit(result) else None)
    sentences = [*_branches(result), *known, *others, *_warnings(result)]
    told = [text for text in sentences if text] + _assumptions(result) + [_predicted(row) for row in compared(result)]
    return " ".join(told + [f"On {name}: {one.note}" for name, one in result.config.parameters.items() if one.note])


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
            f"{amount(len(result.fitted), 'datum', 'data')} for {amount(len(result.value), 'parameter')} "
            "leave no degree of freedom: a perfect fit is no test of the model; only what was predicted and not fitted is."
        )
    return sentences + badly_described(curve_checks(result))


def _assumptions(result: FitResult) -> list[str]:
    """The errors that no source gives, and what the system is beyond."""
    beyond = dict.fromkeys(remark for sample in result.samples for remark in sample.superconductor.remarks)
    without = [datum for datum in result.fitted if datum.error is None]
    assumed = sorted({(datum.unit, result.config.assumed_error(datum)) for datum in without})
    return [
        f"The sources give no error; {error:g} {unit} is assumed, and the uncertainties scale with it."
        for unit, error in assumed
    ] + list(beyond)


def _predicted(row: ComparedRow) -> str:
    """What was predicted, and what the measurement says of it."""
    name, value, uncertainty, unit = row.prediction
    if np.isinf(uncertainty):
        seen = "" if row.datum is None else f"; measured is {row.datum.value:g} {row.datum.unit}"
        return f"Not determined by these data: {name} (at this optimum it is {value:.4g} {unit}{seen})."
    text = f"Predicted, not fitted: {name} at {with_error(value, uncertainty)} {unit}"
    if row.datum is None:
        return text + "."
    return f"{text}, {row.judgement} the measured {row.datum.value:g} {row.datum.unit}."


def with_error(value: float, error: float) -> str:
    """A value and its error to the error's second digit."""
    if not np.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"
