"""A fit on the terminal, table by table, and its files: result.json, fit.png and report.html."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
from rich.console import Console
from rich.markup import escape

from jaxgap.fitting.information import Measurement
from jaxgap.fitting.report.alternatives import optimum_rows
from jaxgap.fitting.report.columns import Table
from jaxgap.fitting.report.page import page
from jaxgap.fitting.report.pictures import plot_curves, plot_fit, plot_samples
from jaxgap.fitting.report.record import as_json, text_of
from jaxgap.fitting.report.rows import compared, curves, number_rows, parameter_rows
from jaxgap.fitting.report.verdict import starts_text, verdict
from jaxgap.fitting.result import FitResult
from jaxgap.model.files import picture, write_files
from jaxgap.numerics.amounts import amount

__all__ = ["as_json", "plot_fit", "print_next", "print_report", "report_files", "verdict", "write_report", "write_views"]


def write_report(result: FitResult, folder: str | Path) -> tuple[Path, ...]:
    """Write result.json, fit.png and report.html (and curves.png) into `folder`, all or none; returns their paths."""
    return write_files(report_files(result, folder))


def write_views(result: FitResult, folder: str | Path) -> tuple[Path, ...]:
    """Write what is made from result.json, fit.png, report.html, and curves.png if there are any, into `folder`."""
    return write_files(_views(result, Path(folder)))


def report_files(result: FitResult, folder: str | Path) -> dict[Path, str | bytes]:
    """Path -> content of all that is written about a fit."""
    return {Path(folder) / "result.json": text_of(result), **_views(result, Path(folder))}


def _views(result: FitResult, folder: Path) -> dict[Path, str | bytes]:
    figures = {"fit.png": plot_samples(result)}
    if curves(result):
        figures["curves.png"] = plot_curves(result)
    contents: dict[Path, str | bytes] = {folder / name: picture(figure) for name, figure in figures.items()}
    for figure in figures.values():
        plt.close(figure)
    return contents | {folder / "report.html": page(result)}


def print_report(result: FitResult, console: Console) -> None:
    """The tables of a fit, and its verdict."""
    optima = [_optima(result)] if len(result.optima or ()) > 1 else []
    predicted = [_predicted(result)] if compared(result) else []
    for table in (_parameters(result), _fitted(result), *optima, *predicted):
        console.print(table)
    console.print(f"chi^2 = {result.chi2:.3g}; {starts_text(result)}; {result.seconds:.1f} s.", highlight=False)
    console.print(escape(verdict(result)), highlight=False)


def _parameters(result: FitResult) -> Table:
    rows = [
        (row.label, f"{row.value:.6g}", f"{row.error:.2g}", row.interval_text, "{:g} .. {:g}".format(*row.bounds), row.note)
        for row in parameter_rows(result)
    ]
    return _table(result.config.title or "fit", "parameter value uncertainty 68_%_interval bounds note", rows, left=(0, 5))


def _fitted(result: FitResult) -> Table:
    rows = []
    for row in number_rows(result):
        T = "" if row.datum.T is None else f"{row.datum.T:g}"
        rows.append((row.quantity, T, f"{row.datum.value:g}", row.error_text, f"{row.model:.4f}", f"{row.distance:+.3f}"))
    for curve in curves(result):
        at = list(curve.by_temperature)
        span = f"{at[0]:g}" if len(at) == 1 else f"{at[0]:g} .. {at[-1]:g}"
        rows.append((f"{curve.kind}[{curve.name}]", span, amount(len(curve.rows), "point"), "", f"chi^2 {curve.chi2:.1f}", ""))
    return _table("fitted data", "datum T_(K) measured error model sigmas_off", rows)


def _optima(result: FitResult) -> Table:
    rows = [(one.parameters, one.chi2, one.stability, one.fate) for one in optimum_rows(result)]
    return _table("optima found", "at chi^2 state and_so", rows, left=(0, 2, 3))


def _predicted(result: FitResult) -> Table:
    rows = []
    for row in compared(result):
        name, value, _, unit = row.prediction
        seen = "" if row.datum is None else f"{row.datum.value:g} ({row.source})"
        rows.append((f"{name} [{unit}]", f"{value:.3f}", row.uncertainty_text, seen))
    return _table("predicted, not fitted", "quantity value uncertainty measured", rows)


def print_next(name: str, rows: tuple[Measurement, ...], now: float, console: Console, shown: int = 8) -> None:
    """The measurements that would shrink the uncertainty of a parameter most."""
    title = f"one more measurement: what becomes of the uncertainty of {name}, now {now:.2g}"
    cells = []
    for row in rows[:shown]:
        unit, T = ("K", "") if row.T is None else ("meV", f"{row.T:.3g}")
        cells.append((row.quantity, T, f"{row.error:g} {unit}", f"{row.uncertainty:.2g}"))
    console.print(_table(title, "measurement T_(K) error uncertainty_then", cells))


def _table(title: str, columns: str, rows: Iterable[Sequence[str]], left: tuple[int, ...] = (0,)) -> Table:
    """A table of plain text: numbers to the right, the columns `left` to the left; "_" in a column's name is a space."""
    table = Table(title=escape(title))
    for i, column in enumerate(columns.split()):
        table.add_column(column.replace("_", " "), justify="left" if i in left else "right")
    for row in rows:
        table.add_row(*map(escape, row))
    return table
