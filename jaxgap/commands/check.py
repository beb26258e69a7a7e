"""The command `jaxgap check`: a fit folder read and drawn beside the model at its first start, before anything is fitted."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from jaxgap.commands.records import BesideRecord, CheckRecord
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.fitting.at_start import AtStart, Beside, at_start, plot_at_start
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.loading import load_fit
from jaxgap.fitting.report.columns import Table
from jaxgap.model.files import write_picture
from jaxgap.model.records import print_json
from jaxgap.numerics.amounts import amount

__all__ = ["checks"]

checks = typer.Typer()


@checks.command(short_help="Data beside the model, before a fit")
def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder with fit.toml and its data.")],
    output: Annotated[Path | None, typer.Option(help="Picture (PNG or PDF). Default: check.png in FOLDER.")] = None,
    as_json_: JsonOption = False,
) -> None:
    """Read a fit folder and draw its data beside the model at the first start, without fitting.

    Everything that is wrong with fit.toml, its system and its data is said in one sentence, with exit code 2.

    Example: jaxgap check fits/ba0.6k0.4fe2as2
    """
    config, sc, data = load_fit(folder)
    if not as_json_:
        _tell_what_is_read(config, data)
    with waiting("the model at the first start"):
        found = at_start(config, sc, data)
    path = output or folder / "check.png"
    write_picture(plot_at_start(found, config.title), path)
    if as_json_:
        print_json(_record(found, data, path))
    else:
        _tell(found)
        console.print(escape(f"Wrote {path}. Next: jaxgap fit {folder}"), soft_wrap=True)


def _tell_what_is_read(config: FitConfig, data: tuple[Datum, ...]) -> None:
    """At once: what follows compiles for a while."""
    parameters = _table(config.title or "fit", "parameter", "start", "bounds", "sets")
    for name, one in config.parameters.items():
        sets = ", ".join(path if factor == 1 else f"{factor:g} {path}" for path, factor in one.sets.items())
        start = "" if one.start is None else f"{one.start:g}"
        parameters.add_row(*map(escape, (name, start, "{:g} .. {:g}".format(*one.bounds), sets)))
    console.print(parameters)
    uses = Counter(datum.use for datum in data)
    assumed = sum(datum.use == "fit" and datum.error is None for datum in data)
    words = {"fit": ("counts", "count"), "predict": ("is compared with a prediction", "are compared with predictions")}
    words["show"] = ("is shown only", "are shown only")
    said = ", ".join(amount(uses[use], *what) for use, what in words.items() if uses[use])
    console.print(
        f"{amount(len(data), 'row').capitalize()}: {said}" + (f"; of {assumed} the error is assumed." if assumed else "."),
        soft_wrap=True,
    )


def _tell(found: AtStart) -> None:
    table = _table("data beside the model at the first start", "datum", "T (K)", "measured", "error", "model", "sigmas off")
    curves: dict[str, list[Beside]] = {}
    for row in found.rows:
        d = row.datum
        if d.experiment:
            curves.setdefault(d.curve, []).append(row)
            continue
        T = "" if d.T is None else f"{d.T:g}"
        model = (f"{row.model:.4g}", f"{row.distance:+.2f}") if found.exists else ("", "")
        table.add_row(*map(escape, (d.label, T, f"{d.value:g}", f"{row.error:.3g}", *model)))
    for name, rows in curves.items():
        chi2 = f"chi^2 {sum(row.distance**2 for row in rows):.1f}" if found.exists else ""
        table.add_row(escape(name), "", amount(len(rows), "point"), "", chi2, "")
    console.print(table)
    at = ", ".join(f"{name} = {value:.4g}" for name, value in found.parameters.items())
    if found.exists:
        said = f"Branch {found.branch}, at {at}: chi^2 = {found.chi2:.4g} of {amount(len(found.rows), 'datum', 'data')}."
    else:
        said = (
            f"At {at} there is no state {found.branch} that the fit may take at every temperature of the data. "
            "The search starts from there all the same; other starts are elsewhere."
        )
    console.print(escape(said), soft_wrap=True)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=escape(title))
    for name in columns:
        left = name in ("parameter", "sets", "datum")
        table.add_column(name, justify="left" if left else "right")
    return table


def _record(found: AtStart, data: tuple[Datum, ...], path: Path) -> CheckRecord:
    rows = [
        BesideRecord(datum=row.datum.label, T_K=row.datum.T, measured=row.datum.value, error=row.error, model=_known(row.model))
        for row in found.rows
    ]
    return CheckRecord(
        branch=found.branch,
        parameters=found.parameters,
        exists=found.exists,
        chi2=_known(found.chi2),
        rows=rows,
        uses=dict(Counter(datum.use for datum in data)),
        picture=str(path),
    )


def _known(number: float) -> float | None:
    return number if np.isfinite(number) else None
