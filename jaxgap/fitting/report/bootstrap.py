"""What a bootstrap says: a table beside the covariance, sentences, bootstrap.json."""

from typing import Annotated, Final, Literal

from pydantic import Field
from rich.console import Console
from rich.markup import escape

from jaxgap.fitting.report.columns import Table
from jaxgap.fitting.report.rows import parameter_rows
from jaxgap.fitting.resampling import Bootstrap, Scatter
from jaxgap.model.records import Matrix, Record, Row, Vector, source
from jaxgap.numerics.provenance import Provenance, provenance

__all__ = ["BootstrapRecord", "print_report", "record_of", "verdict"]

SCHEMA: Final = "jaxgap-bootstrap-1"
"""Version of bootstrap.json's structure."""
APART = 0.2
"""Share by which a standard deviation differs from the covariance's before it is said."""
BIASED = 3.0
"""Standard errors of the mean from which a bias is said."""
LOST = 0.02
"""Share of lost sets from which the intervals are said to be too narrow."""


def verdict(found: Bootstrap) -> str:
    """What the sets say that covariance and chi^2 do not."""
    said = [f"{len(found.values)} sets of data drawn from the fitted model were fitted again."]
    for row, known in zip(found.summary, parameter_rows(found.fit), strict=True):
        ratio = row.sd / known.error
        if not abs(ratio - 1) <= APART:
            said.append(f"{row.name} scatters by {row.sd:.2g}, where the covariance says {known.error:.2g}.")
        bias = row.mean - row.best
        if abs(bias) > BIASED * row.sd / len(found.values) ** 0.5:
            said.append(f"Its fit is biased: {row.name} comes out {bias:+.2g} from where it was on average.")
    if found.fit.degrees_of_freedom > 0:
        said.append(f"A chi^2 as large as this fit's ({found.fit.chi2:.3g}) has the probability {found.p_value:.2g}.")
    if found.lost > LOST * found.drawn:
        said.append(
            f"{found.lost} of {found.drawn} sets are lost: their best fit is at an edge of where the branch exists, or beyond. "
            "The intervals are too narrow on that side."
        )
    return " ".join(said)


def print_report(found: Bootstrap, console: Console) -> None:
    """Every parameter beside its covariance; then the verdict."""
    title = f"{found.fit.config.title or 'fit'}: {len(found.values)} bootstrap sets"
    table = Table(title=escape(title))
    for column in ("parameter", "fit", "mean", "sigma", "sigma (covariance)", "68 %"):
        table.add_column(column, justify="left" if column == "parameter" else "right")
    for row, known in zip(found.summary, parameter_rows(found.fit), strict=True):
        interval = "{:.4g} .. {:.4g}".format(*row.interval_68)
        numbers = (f"{row.best:.6g}", f"{row.mean:.6g}", f"{row.sd:.2g}", f"{known.error:.2g}", interval)
        table.add_row(escape(known.label), *numbers)
    console.print(table)
    console.print(escape(verdict(found)), highlight=False)


class BootstrapRecord(Record):
    """bootstrap.json."""

    schema_: Annotated[Literal["jaxgap-bootstrap-1"], Field(alias="schema")] = SCHEMA
    title: Annotated[str, source("fit", "config", "title")]
    verdict: str
    parameters: Annotated[list[Annotated[Scatter, Row()]], source("summary")]
    chi2_of_the_fit: Annotated[float, source("fit", "chi2")]
    p_value: float | None
    """Share of the sets with a chi^2 as large as the fit's; null without a degree of freedom."""
    sets: Annotated[int, source("drawn")]
    lost: int
    """Sets whose fit did not converge."""
    seed: int
    values: Matrix
    """[set, parameter], of the sets that are not lost."""
    chi2: Vector
    """[set]."""
    provenance: Provenance


def record_of(found: Bootstrap) -> BootstrapRecord:
    """The record of a bootstrap."""
    p_value = found.p_value if found.fit.degrees_of_freedom > 0 else None
    return BootstrapRecord.of(found, verdict=verdict(found), p_value=p_value, provenance=provenance())
