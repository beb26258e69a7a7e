"""report.html: a fit on one page, for reading and for printing.

The page is one file: its style and its pictures (SVG) are inside, it asks nothing of the network, runs no script, and is made
from the `FitResult` alone. Everything that a user has written is escaped.
"""

import base64
import html
import io
from collections.abc import Iterable, Sequence
from string import Template
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import tomli_w

from jaxgap.fitting.data import Datum
from jaxgap.fitting.directions import combinations
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.report.alternatives import optimum_rows
from jaxgap.fitting.report.pictures import (
    plot_correlation,
    plot_profiles,
    plot_residuals,
    plot_samples,
    plot_spectra,
    plot_starts,
)
from jaxgap.fitting.report.rows import ComparedRow, compared, number_rows, p_value, parameter_rows, reached, spectra
from jaxgap.fitting.report.verdict import starts_text, verdict
from jaxgap.fitting.result import FitResult
from jaxgap.model.superconductor import to_toml

__all__ = ["page"]


def page(result: FitResult) -> str:
    """The whole of report.html."""
    sections = [
        ("Parameters", _parameters(result)),
        ("Gaps on the fitted branch", _curves(result)),
        ("Fit quality", _quality(result)),
        *([("Spectra", _spectra(result))] if spectra(result) else []),
        *([("Residuals", _residuals(result))] if number_rows(result) else []),
        ("Predicted, not fitted", _predictions(result)),
        ("Correlation of the parameters", _correlation(result)),
        ("Profiles of χ²", _profiles(result)),
        ("What the data fix", _combinations(result)),
        ("All data", _data(result)),
        ("Starts", _starts(result)),
        ("Provenance", _provenance(result)),
    ]
    body = "\n".join(f"<section>\n<h2>{_text(title)}</h2>\n{content}\n</section>" for title, content in sections)
    title = result.config.title or "fit"
    return PAGE.substitute(title=_text(title), verdict=_text(verdict(result).replace(" +- ", " ± ")), style=STYLE, body=body)


PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>$title</title>
<style>
$style</style>
</head>
<body>
<h1>$title</h1>
<p class="verdict">$verdict</p>
$body
</body>
</html>
""")

STYLE = """\
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; background: #fff; color: #1a1a1a;
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid #bbb; break-after: avoid; }
.verdict { border-left: 4px solid #0072B2; padding: .2rem 0 .2rem 1rem; }
.note { font-size: .87rem; color: #444; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .87rem; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid #1a1a1a; }
td { border-bottom: 1px solid #ddd; overflow-wrap: break-word; }
.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
.aside td { color: #555; font-style: italic; }
tr, img { break-inside: avoid; }
img { max-width: 100%; height: auto; display: block; margin: .5rem 0; }
pre { font-size: .8rem; background: #f5f5f5; padding: .7rem; white-space: pre-wrap; overflow-wrap: anywhere; }
@media print { body { max-width: none; margin: 0; font-size: 10pt; } .table { overflow: visible; } }
"""


# --- sections ----------------------------------------------------------------------------------------------------------


def _parameters(result: FitResult) -> str:
    rows = []
    for row in parameter_rows(result):
        bounds = "{:g} .. {:g}".format(*row.bounds)
        rows.append((row.label, f"{row.value:.6g}", _number(row.error, ".2g"), row.interval_text, bounds, row.note))
    note = "The uncertainty is one standard deviation, from the covariance. The interval is that of the profile of χ²: it ends "
    note += "where χ² has risen by 1, unless it says otherwise."
    return _table("parameter|#value|#uncertainty|#68 % interval|#bounds|note", rows) + _note(note)


def _curves(result: FitResult) -> str:
    if any(np.isfinite(sample.curve_sigma).any() for sample in result.samples):
        band = "The band is one standard deviation of the gap, to first order in the parameters. It stops one standard "
        band += "deviation before the predicted end of the branch (grey): there the branch may not exist, and first order says "
        band += "nothing."
    else:
        band = "There is no uncertainty band: the data do not determine all parameters."
    return _picture(plot_samples(result), "Gaps against temperature with data and uncertainty") + _note(band)


def _quality(result: FitResult) -> str:
    p, n = p_value(result), result.degrees_of_freedom
    rows = [("χ²", f"{result.chi2:.4g}"), ("degrees of freedom", str(n))]
    rows += [("p-value of χ²", _number(p, ".3g")), *((name, _number(value, ".4g")) for name, value in result.criteria.items())]
    notes = []
    if n <= 0:
        notes.append("Without a degree of freedom χ² is no test of the model, and has no p-value.")
    elif np.isnan(p):
        notes.append("χ² has no known distribution with limits or a loss that forgives outliers: no p-value.")
    if np.isnan(result.criteria["AICc"]):
        notes.append("AICc needs two more data than parameters.")
    return _table("|#", rows) + _note(" ".join(notes))


def _spectra(result: FitResult) -> str:
    rows = [
        (junction, f"{T:g}", str(len(points)), f"{sum(point.distance**2 for point in points):.1f}")
        for (junction, T), points in spectra(result).items()
    ]
    picture = _picture(plot_spectra(result), "Tunnelling spectra with the fitted model")
    return picture + _table("junction|#T (K)|#points|#χ²", rows)


def _residuals(result: FitResult) -> str:
    rows = []
    for row in number_rows(result):
        measured = f"{row.datum.value:g} {_unit(row.datum)}", row.error_text
        rows.append((row.quantity, _T(row.datum), *measured, _number(row.model, ".4f"), _number(row.distance, "+.3f")))
    picture = _picture(plot_residuals(result).figure, "Residuals of the fitted data in standard deviations")
    note = "Grey: one and two standard deviations. Triangles are limits and point to the side on which they are kept."
    return picture + _note(note) + _table("fitted datum|#T (K)|#measured|#error|#model|#sigmas off", rows)


def _predictions(result: FitResult) -> str:
    rows = [_prediction(row) for row in compared(result)]
    if not rows:
        return _note("Everything that this fit predicts was fitted.")
    columns = "quantity|#predicted|#uncertainty|#measured|#error|source|#sigmas apart|prediction ... measurement"
    return _table(columns, rows)


def _prediction(row: ComparedRow) -> tuple[str, ...]:
    name, value, _, unit = row.prediction
    start = f"{name} [{unit}]", _number(value, ".3f"), row.uncertainty_text
    if row.datum is None:
        return (*start, "–", "–", "", "–", row.judgement)
    error = f"{row.error:g}{' (assumed)' if row.datum.error is None else ''}"
    return (*start, f"{row.datum.value:g}", error, row.datum.source, _number(row.distance, "+.1f"), row.judgement)


def _correlation(result: FitResult) -> str:
    if len(result.value) == 1:
        return _note("There is one parameter.")
    return _picture(plot_correlation(result).figure, "Correlation matrix of the parameters")


def _profiles(result: FitResult) -> str:
    note = "χ² above its minimum, minimised over all other parameters at every point; where it leaves the parabola of the "
    note += "covariance, the uncertainties are not symmetric."
    return _picture(plot_profiles(result), "Profiles of chi-squared for every parameter") + _note(note)


def _combinations(result: FitResult) -> str:
    rows = [
        (c.text, f"{100 * c.relative_error:.2g} %" if c.relative_error < 1 else "not at all", _exponents(c.exponents))
        for c in combinations(result)
    ]
    note = "Independent products of powers of the parameters, the best known first; small exponents are left out on the left."
    return _table("combination|#known to|all exponents (norm 1)", rows) + _note(note)


def _exponents(exponents: dict[str, float]) -> str:
    return ", ".join(f"{name}: {_number(power, '+.2f')}" for name, power in exponents.items())


def _data(result: FitResult) -> str:
    """Every row of the file; those that did not count are marked."""
    rows, classes = [], []
    for d in result.data:
        given = "–" if d.error is None else f"{d.error:g}"
        error = given if d.error is not None or d.use == "show" else f"{error_of(d, result.config):g} (assumed)"
        use = {"fit": "fitted", "predict": "compared", "show": "only shown"}[d.use]
        value = f"{d.value:g} {_unit(d)}{f' ({d.limit} limit)' if d.limit else ''}"
        rows.append((use, d.label, _T(d), value, error, d.technique, d.source, d.how_obtained))
        classes.append("" if d.use == "fit" else "aside")
    note = "In italics: rows that did not count in the fit."
    return _table("use|quantity|#T (K)|#value|#error|technique|source|how obtained", rows, classes) + _note(note)


def _starts(result: FitResult) -> str:
    """How the starts ended."""
    others = int(np.sum(~reached(result)))
    text = f"{starts_text(result)}{f'; {others} ended elsewhere' if others else ''}; {result.evaluations} evaluations of the "
    optima = [(one.parameters, one.chi2, one.amplitudes, one.stability, one.fate) for one in optimum_rows(result)]
    table = _table("optimum|#χ²|amplitudes (meV)|state|", optima) if optima else ""
    return f"<p>{_text(text + f'model in {result.seconds:.1f} s.')}</p>{table}" + _picture(
        plot_starts(result).figure, "Chi-squared where every start ended"
    )


def _provenance(result: FitResult) -> str:
    known = result.provenance
    rows = [(name, str(value)) for name, value in known.items() if name != "versions"]
    rows += known["versions"].items()
    configuration = tomli_w.dumps(result.config.model_dump(mode="json", exclude_none=True))
    parts = [_table("|", rows), _folded("Configuration (fit.toml with all defaults)", configuration)]
    for sample in result.samples:
        of = f" of {sample.name}" if sample.name else ""
        parts.append(_folded(f"The system{of} at the optimum (system.toml)", to_toml(sample.superconductor)))
    return "".join(parts)


# --- elements ----------------------------------------------------------------------------------------------------------


def _text(text: str) -> str:
    """Any text as HTML that shows it."""
    return html.escape(text, quote=True)


def _table(columns: str, rows: Iterable[Sequence[str]], classes: Iterable[str] = ()) -> str:
    """A table of plain text; "|" separates the names of the columns, "#" marks those of numbers."""
    names = columns.split("|")
    kinds = [' class="number"' if name.startswith("#") else "" for name in names]
    cells = [(f"<th{kind}>", name.lstrip("#"), "</th>") for name, kind in zip(names, kinds, strict=True)]
    head = "".join(start + _text(name) + end for start, name, end in cells) if any(name.strip("#") for name in names) else ""
    rows = list(rows)
    lines = [f"<tr>{head}</tr>"] if head else []
    for row, kind in zip(rows, list(classes) or [""] * len(rows), strict=True):
        opening = f'<tr class="{kind}">' if kind else "<tr>"
        lines.append(opening + "".join(f"<td{k}>{_text(cell)}</td>" for k, cell in zip(kinds, row, strict=True)) + "</tr>")
    return '<div class="table"><table>\n' + "\n".join(lines) + "\n</table></div>\n"


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>\n' if text else ""


def _folded(summary: str, text: str) -> str:
    return f"<details>\n<summary>{_text(summary)}</summary>\n<pre>{_text(text)}</pre>\n</details>\n"


def _picture(figure: Any, description: str) -> str:
    """A figure as an image inside the page, the same bytes for the same fit; letters are drawn, so that no font is missing."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "jaxgap"}):
        figure.savefig(file, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    content = base64.b64encode(file.getvalue()).decode("ascii")
    width = round(96 * figure.get_figwidth())
    return f'<img alt="{_text(description)}" width="{width}" src="data:image/svg+xml;base64,{content}">\n'


def _number(x: float, form: str) -> str:
    """A number, a dash where there is none, and a real minus."""
    if np.isnan(x):
        return "–"
    return "infinite" if np.isinf(x) else format(x, form).replace("-", "−")


def _T(datum: Datum) -> str:
    return "" if datum.T is None else f"{datum.T:g}"


def _unit(datum: Datum) -> str:
    return "" if datum.unit == "1" else datum.unit
