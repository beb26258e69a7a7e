"""What a comparison of models says: a table and sentences for people, comparison.json for machines."""

from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jaxgap.fitting.compare import Comparison, log_evidence
from jaxgap.fitting.config import FULL

__all__ = ["comparison_row", "print_comparison"]


def comparison_row(found: Comparison) -> dict[str, Any]:
    models: dict[str, Any] = {}
    for name, fit in found.fits.items():
        models[name] = {
            "chi2": fit.chi2,
            "data": len(fit.fitted),
            "parameters": dict(zip(fit.config.parameters, fit.value.tolist(), strict=True)),
            "uncertainties": dict(zip(fit.config.parameters, fit.uncertainty.tolist(), strict=True)),
            "interval_68": {i.name: [i.lower.value, i.upper.value] for i in fit.intervals},
            "criteria": fit.criteria,
            "log_evidence_laplace": log_evidence(fit),
            "p_value": found.p_value(name) if name in found.held else None,
        }
    tension = found.tension
    models |= {name: {"not_converged": why} for name, why in found.failed.items()}
    return {"models": models, "tension": tension._asdict() if tension else None, "verdict": found.verdict}


def print_comparison(found: Comparison, console: Console) -> None:
    """Every model with what it costs; then what follows, in sentences."""
    table = Table(title=escape(next(iter(found.fits.values())).config.title or "models"), title_justify="left")
    for column in ("model", "data", "parameters", "chi^2", "AICc", "BIC", "ln evidence", "p"):
        table.add_column(column, justify="left" if column in ("model", "parameters") else "right")
    for name, fit in found.fits.items():
        pairs = zip(fit.config.parameters, fit.value, fit.uncertainty, strict=True)
        comparable = name == FULL or name in found.held
        table.add_row(
            escape(name),
            str(len(fit.fitted)),
            escape("\n".join(f"{key} = {value:.4g} +- {error:.1g}" for key, value, error in pairs)),
            f"{fit.chi2:.2f}",
            *(f"{fit.criteria[key]:.2f}" if comparable else "" for key in ("AICc", "BIC")),
            f"{log_evidence(fit):.2f}" if comparable else "",
            f"{found.p_value(name):.2g}" if name in found.held else "",
        )
    for name in found.failed:
        table.add_row(escape(name), "", "did not converge", "", "", "", "", "")
    console.print(table)
    console.print(escape(found.verdict))
