"""What else fits: the optima of a fit in rows and in sentences, with their stability, and what to do about those refused."""

from typing import NamedTuple

from jaxgap.fitting.optima import SAME, UNSTABLE, Optimum
from jaxgap.fitting.result import FitResult

__all__ = ["OptimumRow", "alternatives", "better_refused", "only_refused", "optimum_rows", "state_sentence"]

TOLD = 3
"""Optima told in a sentence of their own."""
WORTH = 25.0
"""An optimum whose chi^2 is higher by more than this has e^-12 of the weight: it stands in the tables only."""
WAY_OUT = '`stability = "any"` in [system] of fit.toml lets it count'


class OptimumRow(NamedTuple):
    """An optimum in words."""

    parameters: str
    chi2: str
    amplitudes: str
    """At the first sample and temperature of the data."""
    stability: str
    fate: str
    starts: int


def optimum_rows(result: FitResult) -> list[OptimumRow]:
    """All optima, the reported one first."""
    rows = []
    for one in result.optima or ():
        fate = f"refused: {one.refused}" if one.refused else ("reported" if one is result.reported else "not the best")
        amplitudes = ", ".join(f"{D:+.4f}" for D in one.amplitudes[0]) if len(one.amplitudes) else ""
        rows.append(OptimumRow(_place(result, one), _chi2(one.chi2), amplitudes, one.stability, fate, one.starts))
    return rows


def state_sentence(result: FitResult) -> str:
    """What kind of state the fit is to; empty where no stability is known (data that belong to no temperature)."""
    best = result.reported
    if best is None or not len(best.amplitudes):
        return ""
    text = f"Stability of the fitted state: {best.stability}"
    if best.refused:
        return f"REFUSED: no state that this fit may take was found. {text}; {best.refused}{_way_out(best)}."
    if best.unstable:
        return f"{text}: a sample does not show it."
    return f"{text}{'' if best.phase_defined else '; only amplitudes count'}."


def alternatives(result: FitResult, told: Optimum | None = None) -> list[str]:
    """The other optima that are worth a sentence: as good ones, nearly as good ones, and those refused; but for the one that is
    `told` elsewhere."""
    others = [one for one in result.others if one.chi2 <= result.chi2 + WORTH and one is not told]
    said = [_sentence(result, one) for one in others[:TOLD]]
    more = len(others) - len(said)
    return said + ([f"{more} more optima are in result.json."] if more > 0 else [])


def _sentence(result: FitResult, one: Optimum) -> str:
    equal = abs(one.chi2 - result.chi2) <= SAME
    fits = "fits as well" if equal else f"has chi^2 = {_chi2(one.chi2)}"
    text = f"Another optimum, {_place(result, one)}, {fits}; its state: {one.stability}"
    return f"{text}; refused, since {one.refused}{_way_out(one)}." if one.refused else f"{text}."


def _way_out(one: Optimum) -> str:
    return f" ({WAY_OUT})" if one.refused == UNSTABLE else ""


def better_refused(result: FitResult) -> Optimum | None:
    """A state that fits better than the reported one and may not be taken; the best of them."""
    if result.refused:
        return None
    found = [one for one in result.others if one.refused and one.chi2 < result.chi2 - SAME]
    return min(found, key=lambda one: one.chi2) if found else None


def only_refused(result: FitResult, one: Optimum) -> str:
    """What to say of a bad fit where a refused state fits well: it is the bounds, not the model."""
    return (
        f"Between these bounds no state that the fit may take describes these data (chi^2 = {result.chi2:.3g} at best). It is "
        f"not the model that fails: with chi^2 = {_chi2(one.chi2)} at {_place(result, one)} a state does that is refused "
        f"({one.stability}; {one.refused}). Widen the bounds{f'; {WAY_OUT}' if one.refused == UNSTABLE else ''}."
    )


def _place(result: FitResult, one: Optimum) -> str:
    units = [parameter.unit for parameter in result.config.parameters.values()]
    values = zip(result.config.parameters, one.value, units, strict=True)
    return ", ".join(f"{name} = {value:.6g} {unit}".rstrip() for name, value, unit in values)


def _chi2(chi2: float) -> str:
    return "0" if chi2 < SAME else f"{chi2:.3g}"
