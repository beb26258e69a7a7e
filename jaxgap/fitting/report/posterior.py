"""What a posterior says: a table with its warnings in sentences, posterior.json, posterior.png, and posterior.nc for arviz."""

from pathlib import Path
from typing import Annotated, Final, Literal

import matplotlib.pyplot as plt
import numpy as np
from pydantic import Field
from rich.console import Console
from rich.markup import escape

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.draws import Marginal, Posterior
from jaxgap.fitting.elpd import PARETO, Criterion
from jaxgap.fitting.inference_data import netcdf
from jaxgap.fitting.report.columns import Table
from jaxgap.fitting.report.corner import plot_posterior as plot_posterior
from jaxgap.fitting.report.posterior_checks import PosteriorCheck, posterior_checks
from jaxgap.model.files import picture, write_files
from jaxgap.model.records import Matrix, Record, Row, Vector, source, text_of
from jaxgap.numerics.provenance import Provenance, provenance

__all__ = ["SCHEMA", "PosteriorRecord", "plot_posterior", "posterior_files", "print_report", "record_of", "write_posterior"]

SCHEMA: Final = "jaxgap-posterior-1"
"""Version of posterior.json's structure."""


class ModeRecord(Record):
    """One mode, around an optimum of the fit."""

    optimum: Annotated[Vector, source("optimum", "value")]
    """Its parameters."""
    chi2: Annotated[float, source("optimum", "chi2")]
    stability: Annotated[str, source("optimum", "stability")]
    share: Annotated[float, source("mass", "share")]
    error: Annotated[float, source("mass", "error")]
    """One standard deviation of the share."""
    laplace: Annotated[float, source("mass", "laplace")]
    """The share by Laplace's approximation, for comparison."""


class PosteriorRecord(Record):
    """posterior.json."""

    schema_: Annotated[Literal["jaxgap-posterior-1"], Field(alias="schema")] = SCHEMA
    title: Annotated[str, source("config", "title")]
    configuration: Annotated[FitConfig, source("config")]
    """fit.toml with all defaults."""
    parameters: Annotated[list[Annotated[Marginal, Row()]], source("summary")]
    correlation: Matrix
    criteria: list[Annotated[Criterion, Row()]]
    curves: list[Annotated[PosteriorCheck, Row()]] = Field(default_factory=list)
    """Posterior predictive checks."""
    chi2: dict[Literal["mean", "lowest"], float]
    modes: list[ModeRecord]
    """If there are several."""
    chains: int
    draws: int
    """Of every chain."""
    warmup: int
    seed: int
    divergences: int
    mean_evaluations_per_draw: float
    converged: bool
    verdict: str
    seconds: float
    """Spent on sampling."""
    provenance: Provenance


def record_of(posterior: Posterior) -> PosteriorRecord:
    """The record of a posterior: summary and provenance."""
    chains, draws, _ = posterior.draws.shape
    return PosteriorRecord.of(
        posterior,
        curves=posterior_checks(posterior),
        chi2={"mean": float(posterior.chi2.mean()), "lowest": float(posterior.chi2.min())},
        chains=chains,
        draws=draws,
        mean_evaluations_per_draw=float(posterior.steps.mean()),
        provenance=provenance("numpyro", "arviz"),
    )


def write_posterior(posterior: Posterior, folder: str | Path) -> tuple[Path, ...]:
    """Write posterior.json, posterior.png and posterior.nc into `folder`, all or none; returns their paths."""
    return write_files(posterior_files(posterior, folder))


def posterior_files(posterior: Posterior, folder: str | Path, record: PosteriorRecord | None = None) -> dict[Path, str | bytes]:
    """Path -> content of what is written about a posterior; a `record` that has been told is the one that is written."""
    figure = plot_posterior(posterior)
    try:
        content = picture(figure)
    finally:
        plt.close(figure)
    folder = Path(folder)
    written: dict[Path, str | bytes] = {folder / "posterior.json": text_of(record or record_of(posterior)) + "\n"}
    return written | {folder / "posterior.png": content, folder / "posterior.nc": netcdf(posterior.tree)}


def print_report(posterior: Posterior, console: Console) -> None:
    """The table of a posterior, its criteria, and its verdict."""
    names = [escape(m.name + (f" [{m.unit}]" if m.unit else "")) for m in posterior.summary]
    # Two tables, since one would be wider than a terminal.
    table = _table(f"posterior: {posterior.config.title or 'fit'}", "mean", "sd", "68 % interval", "95 % interval")
    for name, m in zip(names, posterior.summary, strict=True):
        intervals = [f"{low:.4g} .. {high:.4g}" for low, high in (m.interval_68, m.interval_95)]
        table.add_row(name, f"{m.mean:.5g}", f"{m.sd:.2g}", *intervals)
    console.print(table)
    table = _table("the fit's optimum, and the chains", "optimum", "R-hat", "ESS bulk", "ESS tail")
    for name, m, optimum in zip(names, posterior.summary, posterior.optimum, strict=True):
        table.add_row(name, f"{optimum:.5g}", f"{m.r_hat:.4f}", f"{m.ess_bulk:.0f}", f"{m.ess_tail:.0f}")
    console.print(table)
    for c in posterior.criteria:
        k = "" if np.isnan(c.pareto_k) else f", largest Pareto k {c.pareto_k:.2f} (up to {PARETO} is good)"
        console.print(
            f"{c.name}: elpd = {c.elpd:.2f} +- {c.se:.2f}, {c.parameters:.2f} effective parameters{k}", highlight=False
        )
    _print_checks(posterior, console)
    console.print(f"{posterior.divergences} divergences; {posterior.seconds:.1f} s.", highlight=False)
    console.print(escape(posterior.verdict), highlight=False)


def _print_checks(posterior: Posterior, console: Console) -> None:
    """The posterior predictive checks, where there are curves."""
    checks = posterior_checks(posterior)
    if not checks:
        return
    table = _table(
        "posterior predictive checks", "points", "in 68 %", "in 95 %", "p of chi^2", "p of neighbours", first="curve"
    )
    for one in checks:
        shares = [f"{100 * share:.0f} %" for share in (one.inside_68, one.inside_95)]
        p = "" if np.isnan(one.p_chi2) else f"{one.p_chi2:.2g}"
        table.add_row(escape(f"{one.kind}[{one.name}]"), str(one.points), *shares, p, f"{one.p_neighbours:.2g}")
    console.print(table)


def _table(title: str, *columns: str, first: str = "parameter") -> Table:
    table = Table(title=title)
    table.add_column(first)
    for column in columns:
        table.add_column(column, justify="right")
    return table
