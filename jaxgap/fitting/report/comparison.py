"""What a comparison of models says: a table and sentences for people, comparison.json for machines."""

from typing import Annotated

import numpy as np
from rich.console import Console
from rich.markup import escape

from jaxgap.fitting.comparison import Comparison, Tension, log_evidence
from jaxgap.fitting.config import FULL
from jaxgap.fitting.empirical.fit import EmpiricalFit
from jaxgap.fitting.report.columns import Table
from jaxgap.fitting.result import FitResult
from jaxgap.model.records import Known, Record, Row

__all__ = ["ComparisonRecord", "print_comparison", "record_of"]


class ModelRecord(Record):
    """The fit of one model."""

    chi2: float
    data: int
    """How many were fitted."""
    parameters: dict[str, float]
    uncertainties: dict[str, Known]
    interval_68: dict[str, tuple[float, float]]
    criteria: dict[str, Known]
    """AIC, AICc and BIC."""
    log_evidence_laplace: Known
    p_value: Known | None
    """Of the rise of chi^2 over that of the full model, if parameters are held."""


class FreeGapsRecord(Record):
    """The fit of a model with free gaps."""

    empirical: str
    """Which one: a name in `jaxgap.fitting.empirical.models`."""
    chi2: float
    data: int
    parameters: dict[str, float]
    uncertainties: dict[str, Known]
    criteria: dict[str, Known]
    log_evidence_laplace: Known
    starts: int
    starts_at_best: int
    """Starts that ended there; none, if T_c has moved from where the best of them ended."""


class FailedRecord(Record):
    """A model whose fit did not converge."""

    not_converged: str
    """Why."""


class ComparisonRecord(Record):
    """comparison.json."""

    models: dict[str, ModelRecord | FreeGapsRecord | FailedRecord]
    """By name; the one as fit.toml has it is called `all`."""
    tension: Annotated[Tension, Row()] | None
    """How badly techniques disagree, if they were fitted together and apart."""
    verdict: str


def record_of(found: Comparison) -> ComparisonRecord:
    """The record of a comparison."""
    models = {name: _model(found, name) for name in found.fits}
    failed = {name: FailedRecord(not_converged=why) for name, why in found.failed.items()}
    free = {name: _free_gaps(one) for name, one in found.empirical.items()}
    return ComparisonRecord.of(found, models=models | free | failed)


def _free_gaps(fit: EmpiricalFit) -> FreeGapsRecord:
    return FreeGapsRecord.of(
        fit,
        empirical=fit.model,
        data=len(fit.fitted),
        uncertainties=dict(zip(fit.config.parameters, fit.uncertainty.tolist(), strict=True)),
        log_evidence_laplace=log_evidence(fit),
        starts=len(fit.start_chi2),
        starts_at_best=fit.reached,
    )


def _model(found: Comparison, name: str) -> ModelRecord:
    fit = found.fits[name]
    names = tuple(fit.config.parameters)
    return ModelRecord.of(
        fit,
        data=len(fit.fitted),
        parameters=dict(zip(names, fit.value.tolist(), strict=True)),
        uncertainties=dict(zip(names, fit.uncertainty.tolist(), strict=True)),
        interval_68={i.name: (i.lower.value, i.upper.value) for i in fit.intervals},
        log_evidence_laplace=log_evidence(fit),
        p_value=found.p_value(name) if name in found.held else None,
    )


def print_comparison(found: Comparison, console: Console) -> None:
    """Every model with what it costs, then their parameters; then what follows, in sentences."""
    for table in (_costs(found), _parameters(found)):
        console.print(table)
    console.print(escape(found.verdict))


def _costs(found: Comparison) -> Table:
    """What every model costs."""
    table = Table(title=escape(next(iter(found.fits.values())).config.title or "models"))
    for column in ("model", "data", "free", "chi^2", "AICc", "BIC", "ln Z", "p"):
        table.add_column(column, justify="left" if column == "model" else "right")
    alike = {FULL} | found.held.keys() | found.uncrossed.keys() | found.empirical.keys()
    for name, fit in _fits(found).items():
        table.add_row(
            escape(name),
            str(len(fit.fitted)),
            str(len(fit.value)),
            f"{fit.chi2:.2f}",
            *(_number(fit.criteria[key]) if name in alike else "" for key in ("AICc", "BIC")),
            _number(log_evidence(fit)) if name in alike else "",
            f"{found.p_value(name):.2g}" if name in found.held else "",
        )
    for name in found.failed:
        table.add_row(escape(name), *[""] * 7)
    return table


def _number(x: float) -> str:
    """With a dash where there is none: the data are too few for it, or leave a parameter open."""
    return "–" if np.isnan(x) else f"{x:.2f}"


def _parameters(found: Comparison) -> Table:
    """The parameters of every model, a line each."""
    table = Table(title="their parameters")
    for column in ("model", "parameter", "value", "uncertainty"):
        table.add_column(column, justify="left" if column in ("model", "parameter") else "right")
    for name, fit in _fits(found).items():
        rows = zip(fit.config.parameters, fit.value, fit.uncertainty, strict=True)
        for i, (key, value, error) in enumerate(rows):
            table.add_row("" if i else escape(name), escape(key), f"{value:.4g}", f"{error:.1g}")
    for name in found.failed:
        table.add_row(escape(name), "did not converge", "", "")
    return table


def _fits(found: Comparison) -> dict[str, FitResult | EmpiricalFit]:
    return found.fits | dict(found.empirical)
