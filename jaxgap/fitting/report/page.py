"""report.html: a fit on one page, for reading and for printing (`plotting.page`), made from the `FitResult` alone."""

import numpy as np
import tomli_w

from jaxgap.drawing import figure_of
from jaxgap.fitting.data import Datum
from jaxgap.fitting.directions import combinations
from jaxgap.fitting.model_curves import drawn
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.report.alternatives import optimum_rows
from jaxgap.fitting.report.checks import badly_described, curve_checks
from jaxgap.fitting.report.pictures import (
    plot_correlation,
    plot_curves,
    plot_profiles,
    plot_residuals,
    plot_samples,
    plot_starts,
)
from jaxgap.fitting.report.rows import ComparedRow, compared, curves, number_rows, p_value, parameter_rows, reached
from jaxgap.fitting.report.verdict import starts_text, verdict
from jaxgap.fitting.result import FitResult
from jaxgap.model.systems import to_toml
from jaxgap.observables.quantities import MEASURED
from jaxgap.plotting import page as plotting
from jaxgap.plotting.page import Html, element, folded, image, joined, remark, table

__all__ = ["page"]


def page(result: FitResult) -> str:
    """The whole of report.html."""
    sections = [
        ("Parameters", _parameters(result)),
        ("Gaps on the fitted branch", _curves(result)),
        ("Fit quality", _quality(result)),
        *([("Curves", _measured(result))] if curves(result) else []),
        *([("Residuals", _residuals(result))] if number_rows(result) else []),
        ("Predicted, not fitted", _predictions(result)),
        ("Correlation of the parameters", _correlation(result)),
        ("Profiles of χ²", _profiles(result)),
        ("What the data fix", _combinations(result)),
        ("All data", _data(result)),
        ("Starts", _starts(result)),
        ("Provenance", _provenance(result)),
    ]
    return plotting.page(result.config.title or "fit", verdict(result).replace(" +- ", " ± "), sections)


# --- sections ----------------------------------------------------------------------------------------------------------


def _parameters(result: FitResult) -> Html:
    rows = []
    for row in parameter_rows(result):
        bounds = "{:g} .. {:g}".format(*row.bounds)
        rows.append((row.label, f"{row.value:.6g}", _number(row.error, ".2g"), row.interval_text, bounds, row.note))
    note = "The uncertainty is one standard deviation, from the covariance. The interval is that of the profile of χ²: it ends "
    note += "where χ² has risen by 1, unless it says otherwise."
    return table("parameter|#value|#uncertainty|#68 % interval|#bounds|note", rows) + remark(note)


def _curves(result: FitResult) -> Html:
    if any(np.isfinite(sample.curve_sigma).any() for sample in result.samples):
        band = "The band is one standard deviation of the gap, to first order in the parameters. It stops one standard "
        band += "deviation before the predicted end of the branch (grey): there the branch may not exist, and first order says "
        band += "nothing."
    else:
        band = "There is no uncertainty band: the data do not determine all parameters."
    return image(plot_samples(result), "Gaps against temperature with data and uncertainty") + remark(band)


def _quality(result: FitResult) -> Html:
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
    return table("|#", rows) + remark(" ".join(notes))


def _measured(result: FitResult) -> Html:
    """Every fitted curve: pictures, and whether its points scatter as they should."""
    checks = curve_checks(result)
    rows = []
    for one in checks:
        shares = [f"{s.inside} ({s.expected * s.points:.0f})" for s in one.shares.values()]
        least = min((s.p for s in one.shares.values()), key=lambda p: np.inf if np.isnan(p) else p)
        same = f"{one.neighbours.same} of {one.neighbours.pairs}"
        quality = f"{one.chi2:.1f}", _number(one.freedom, ".1f"), _number(one.p_chi2, ".2g")
        scatter = *shares, _number(least, ".2g"), same, _number(one.neighbours.p, ".2g")
        rows.append((one.name, one.curve.kind, str(len(one.curve.rows)), *quality, *scatter))
    columns = "data|quantity|#points|#χ²|#degrees of freedom|#p|#in 68 %|#in 95 %|#p|#same side|#p"
    parts = [image(plot_curves(result), "Measured curves with the fitted model and residuals"), table(columns, rows)]
    said = badly_described(checks) or ["No curve is badly described."]
    return joined([*parts, remark(" ".join([*said, CHECKS, *_not_drawn(result)])), _by_temperature(result)])


CHECKS = (
    "Of every curve: χ² on its share of the degrees of freedom; points inside the intervals in which the fit expects another "
    "measurement, model and measurement error in quadrature (in brackets: as many as expected of points that were fitted "
    "themselves; p is the smaller one of both); neighbouring points on the same side of the model (half of them are "
    "expected). p is the probability of something as bad if model and errors are right."
)


def _not_drawn(result: FitResult) -> list[str]:
    """What of many temperatures is drawn."""
    said = []
    for curve in curves(result):
        n = len(curve.by_temperature)
        if MEASURED[curve.kind].axes and n > (shown := len(drawn(list(curve.by_temperature)))):
            said.append(f"Of the {n} temperatures of {curve.name} {shown} are drawn.")
    return said


def _by_temperature(result: FitResult) -> Html:
    """The shares of spectra at several temperatures in chi^2."""
    rows = []
    for curve in curves(result):
        if MEASURED[curve.kind].axes and len(curve.by_temperature) > 1:
            for T, points in curve.by_temperature.items():
                share = sum(point.distance**2 for point in points)
                rows.append((curve.name, f"{T:g}", str(len(points)), f"{share:.1f}"))
    return table("data|#T (K)|#points|#Σ (model − data)² / error²", rows) if rows else Html()


def _residuals(result: FitResult) -> Html:
    rows = []
    for row in number_rows(result):
        measured = f"{row.datum.value:g} {_unit(row.datum)}", row.error_text
        rows.append((row.quantity, _T(row.datum), *measured, _number(row.model, ".4f"), _number(row.distance, "+.3f")))
    picture = image(figure_of(plot_residuals(result)), "Residuals of the fitted data in standard deviations")
    note = "Grey: one and two standard deviations. Triangles are limits and point to the side on which they are kept."
    return picture + remark(note) + table("fitted datum|#T (K)|#measured|#error|#model|#sigmas off", rows)


def _predictions(result: FitResult) -> Html:
    rows = [_prediction(row) for row in compared(result)]
    if not rows:
        return remark("Everything that this fit predicts was fitted.")
    columns = "quantity|#predicted|#uncertainty|#measured|#error|source|#sigmas apart|prediction ... measurement"
    return table(columns, rows)


def _prediction(row: ComparedRow) -> tuple[str, ...]:
    name, value, _, unit = row.prediction
    start = f"{name} [{unit}]", _number(value, ".3f"), row.uncertainty_text
    if row.datum is None:
        return (*start, "–", "–", "", "–", row.judgement)
    error = f"{row.error:g}{' (assumed)' if row.datum.error is None else ''}"
    return (*start, f"{row.datum.value:g}", error, row.datum.source, _number(row.distance, "+.1f"), row.judgement)


def _correlation(result: FitResult) -> Html:
    if len(result.value) == 1:
        return remark("There is one parameter.")
    return image(figure_of(plot_correlation(result)), "Correlation matrix of the parameters")


def _profiles(result: FitResult) -> Html:
    note = "χ² above its minimum, minimised over all other parameters at every point; where it leaves the parabola of the "
    note += "covariance, the uncertainties are not symmetric."
    return image(plot_profiles(result), "Profiles of chi-squared for every parameter") + remark(note)


def _combinations(result: FitResult) -> Html:
    rows = [
        (c.text, f"{100 * c.relative_error:.2g} %" if c.relative_error < 1 else "not at all", _exponents(c.exponents))
        for c in combinations(result)
    ]
    note = "Independent products of powers of the parameters, the best known first; small exponents are left out on the left."
    return table("combination|#known to|all exponents (norm 1)", rows) + remark(note)


def _exponents(exponents: dict[str, float]) -> str:
    return ", ".join(f"{name}: {_number(power, '+.2f')}" for name, power in exponents.items())


def _data(result: FitResult) -> Html:
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
    return table("use|quantity|#T (K)|#value|#error|technique|source|how obtained", rows, classes) + remark(note)


def _starts(result: FitResult) -> Html:
    """How the starts ended."""
    others = int(np.sum(~reached(result)))
    text = f"{starts_text(result)}{f'; {others} ended elsewhere' if others else ''}; {result.evaluations} evaluations of the "
    optima = [(one.parameters, one.chi2, one.amplitudes, one.stability, one.fate) for one in optimum_rows(result)]
    found = table("optimum|#χ²|amplitudes (meV)|state|", optima) if optima else Html()
    picture = image(figure_of(plot_starts(result)), "Chi-squared where every start ended")
    return element("p", f"{text}model in {result.seconds:.1f} s.") + found + picture


def _provenance(result: FitResult) -> Html:
    known = result.provenance
    rows = [(name, str(value)) for name, value in known.items() if name != "versions"]
    rows += known["versions"].items()
    configuration = tomli_w.dumps(result.config.model_dump(mode="json", exclude_none=True))
    parts = [table("|", rows), folded("Configuration (fit.toml with all defaults)", configuration)]
    for sample in result.samples:
        of = f" of {sample.name}" if sample.name else ""
        parts.append(folded(f"The system{of} at the optimum (system.toml)", to_toml(sample.superconductor)))
    return joined(parts)


# --- words ------------------------------------------------------------------------------------------------------------


def _number(x: float, form: str) -> str:
    """A number, a dash where there is none, and a real minus."""
    if np.isnan(x):
        return "–"
    return "infinite" if np.isinf(x) else format(x, form).replace("-", "−")


def _T(datum: Datum) -> str:
    return "" if datum.T is None else f"{datum.T:g}"


def _unit(datum: Datum) -> str:
    return "" if datum.unit == "1" else datum.unit
