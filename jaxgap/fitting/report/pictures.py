"""Pictures of how good a fit is, from what its result holds: nothing is solved here. (`gap_picture` has the fit itself.)

What a user has written (titles, names, sources) is drawn as it stands, never read as mathematical notation.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxgap.drawing import COLOURS
from jaxgap.fitting.report.curve_pictures import plot_curves as plot_curves
from jaxgap.fitting.report.gap_picture import plot_fit as plot_fit
from jaxgap.fitting.report.gap_picture import plot_samples as plot_samples
from jaxgap.fitting.report.rows import FittedRow, ParameterRow, correlation, number_rows, parameter_rows, reached
from jaxgap.fitting.result import FitResult

__all__ = ["plot_correlation", "plot_curves", "plot_fit", "plot_profiles", "plot_residuals", "plot_samples", "plot_starts"]

GREY = "0.35"
MANY = 40
"""Data up to which each has a line of its own in the picture of the residuals."""
LOWEST = 1e-6
"""chi^2 above the lowest that is drawn as this: what is less is the same minimum."""


# --- residuals, correlation --------------------------------------------------------------------------------------------


def plot_residuals(result: FitResult, ax: Axes | None = None) -> Axes:
    """Model less measurement of every fitted datum in standard deviations, named by quantity, technique and source."""
    rows = number_rows(result)
    if len(rows) > MANY:
        return _plot_many_residuals(rows, ax)
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 1.2 + 0.44 * len(rows)), layout="constrained")
    for width, shade in ((2, "0.95"), (1, "0.88")):
        ax.axvspan(-width, width, color=shade, lw=0, zorder=0)
    ax.axvline(0, color="0.5", lw=1, zorder=1)
    for y, row in enumerate(rows):
        marker = {"upper": "<", "lower": ">", "": "o"}[row.datum.limit]
        ax.plot([0, row.distance], [y, y], color=COLOURS[0], lw=1.5)
        ax.plot(row.distance, y, marker=marker, color=COLOURS[0], mec="black", ms=6)
    ax.set(xlabel="(model − measurement) / error", xlim=_reach(rows))
    ax.set(ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
    ax.set_yticklabels([_residual_label(row) for row in rows], fontsize=8, parse_math=False)
    return ax


def _reach(rows: list[FittedRow]) -> tuple[float, float]:
    reach = max([3.0, *(1.15 * abs(row.distance) for row in rows if np.isfinite(row.distance))])
    return -reach, reach


def _plot_many_residuals(rows: list[FittedRow], ax: Axes | None) -> Axes:
    """The residuals of many data against their temperature, each quantity in its colour; what has none is at the left edge."""
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 4.2), layout="constrained")
    for width, shade in ((2, "0.95"), (1, "0.88")):
        ax.axhspan(-width, width, color=shade, lw=0, zorder=0)
    ax.axhline(0, color="0.5", lw=1, zorder=1)
    for i, quantity in enumerate(dict.fromkeys(row.quantity for row in rows)):
        own = [row for row in rows if row.quantity == quantity]
        marker = {"upper": "v", "lower": "^", "": "o"}[own[0].datum.limit]
        colour = COLOURS[i % len(COLOURS)]
        lost = own[0].datum.T is None
        name = f"{quantity} (left edge)" if lost else quantity
        T, distances = [row.datum.T or 0.0 for row in own], [row.distance for row in own]
        place = ax.get_yaxis_transform() if lost else ax.transData
        ax.plot(T, distances, marker, ms=4, color=colour, clip_on=False, transform=place, label=name)
    ax.set(xlabel="temperature $T$ (K)", ylabel="(model − measurement) / error", ylim=_reach(rows))
    for text in ax.legend(frameon=False, fontsize=8, loc="best", ncols=2).get_texts():
        text.set_parse_math(False)
    return ax


def _residual_label(row: FittedRow) -> str:
    where = "" if row.datum.T is None else f", {row.datum.T:g} K"
    origin = ", ".join(part for part in (row.datum.technique, row.datum.source) if part)
    return f"{row.quantity}{where}\n{_short(origin, 52)}"


def _short(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def plot_correlation(result: FitResult, ax: Axes | None = None) -> Axes:
    """The correlation matrix of the parameters, as colours and as numbers; a dash where the data determine too little."""
    names, matrix = list(result.config.parameters), correlation(result)
    n = len(names)
    if ax is None:
        _, ax = plt.subplots(figsize=(3.6 + 0.62 * n, 2.0 + 0.62 * n), layout="constrained")
    # Colour-blind safe, and light where a number stands on it.
    image = ax.imshow(matrix, cmap=plt.get_cmap("PuOr").with_extremes(bad="0.9"), vmin=-1.25, vmax=1.25)
    bar = ax.figure.colorbar(image, ax=ax, label="correlation", shrink=0.85)
    bar.ax.set_ylim(-1, 1)
    for (i, k), value in np.ndenumerate(matrix):
        strong = np.isfinite(value) and abs(value) > 0.85
        text = f"{value:+.2f}".replace("-", "−") if np.isfinite(value) else "–"
        ax.text(k, i, text, ha="center", va="center", color="white" if strong else "black")
    ax.set(xticks=range(n), yticks=range(n))
    ax.set_xticklabels(names, rotation=30, ha="right", parse_math=False)
    ax.set_yticklabels(names, parse_math=False)
    return ax


# --- profiles, starts --------------------------------------------------------------------------------------------------


def plot_profiles(result: FitResult) -> Figure:
    """chi^2 along every parameter, minimised over the others, with its 68 % interval and the covariance's parabola; returns
    the figure."""
    rows = parameter_rows(result)
    columns = min(len(rows), 3)
    lines = -(-len(rows) // columns)
    size = (0.8 + 3.2 * columns, 0.6 + 2.9 * lines)
    figure, axes = plt.subplots(lines, columns, figsize=size, layout="constrained", squeeze=False)
    for ax, row in zip(axes.flat, rows, strict=False):
        _draw_profile(ax, row)
    for ax in axes.flat[len(rows) :]:
        ax.remove()
    for line in axes:
        line[0].set_ylabel(r"$\chi^2 - \chi^2_{\min}$")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False, fontsize=8.5
    )
    return figure


def _draw_profile(ax: Axes, row: ParameterRow) -> None:
    """The profile up to twice the rise that bounds its interval."""
    interval, top = row.interval, 2.0 * row.interval.rise
    value, above = interval.points.T
    ax.axvspan(interval.lower.value, interval.upper.value, color="0.9", lw=0, zorder=0, label="68 % interval")
    ax.axhline(interval.rise, color="0.6", lw=1, ls=":", zorder=1)
    ax.plot(value, above, color=COLOURS[0], lw=1.8, marker="o", ms=3.5, label=r"minimum over all other parameters")
    near = value[above <= top]
    reach = [min(near.min(), interval.lower.value), max(near.max(), interval.upper.value)]
    margin = 0.04 * (reach[1] - reach[0])
    x = np.linspace(reach[0] - margin, reach[1] + margin, 200)
    # A parameter that the data do not determine has no parabola; the legend names it all the same.
    known = np.isfinite(row.error) and row.error > 0
    parabola = ((x - row.value) / row.error) ** 2 if known else np.full_like(x, np.nan)
    ax.plot(x, parabola, color=COLOURS[1], lw=1.4, ls=(0, (4, 2)), label="parabola of the covariance")
    for bound in row.bounds:
        if x[0] <= bound <= x[-1]:
            ax.axvline(bound, color="black", lw=1.2)
            side = -1 if bound == row.bounds[1] else 1
            ha = "right" if side < 0 else "left"
            ax.annotate("bound", (bound, top), xytext=(3 * side, -10), textcoords="offset points", ha=ha, fontsize=8)
    ax.set(xlim=(x[0], x[-1]), ylim=(min(0.0, float(above.min())) - 0.03 * top, top))
    ax.set_xlabel(f"{row.name} ({row.unit})" if row.unit else row.name, parse_math=False)
    ax.xaxis.set_major_locator(MaxNLocator(5))


def plot_starts(result: FitResult, ax: Axes | None = None) -> Axes:
    """chi^2 above the lowest where every start ended, the best first."""
    if ax is None:
        _, ax = plt.subplots(figsize=(5.2, 2.8), layout="constrained")
    order = np.argsort(result.start_chi2, kind="stable")
    above = np.maximum(result.start_chi2[order] - result.chi2, LOWEST)
    same, done, place = reached(result)[order], result.start_converged[order], np.arange(1, len(order) + 1)
    exists = np.isfinite(above)
    top = 10 * max(1.0, float(above[exists].max(initial=LOWEST)))
    groups = (
        (exists & same, "o", COLOURS[0], COLOURS[0], "reached the minimum"),
        (exists & ~same & done, "s", COLOURS[1], COLOURS[1], "another minimum"),
        (exists & ~same & ~done, "D", "none", GREY, "not converged"),
        (~exists, "X", GREY, GREY, "no such branch (at the top)"),
    )
    for chosen, marker, face, edge, label in groups:
        if chosen.any():
            y = np.where(exists, above, top)[chosen]
            ax.scatter(place[chosen], y, marker=marker, facecolors=face, edgecolors=edge, s=28, label=label, clip_on=False)
    ax.set(yscale="log", ylim=(LOWEST / 3, top), xlim=(0.4, len(order) + 0.6))
    ax.set(xlabel="start, sorted", ylabel=r"$\chi^2 - \chi^2_{\min}$")
    ax.set_title(r"what is below $10^{-6}$ is drawn at $10^{-6}$", fontsize=8.5, color=GREY)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.legend(frameon=False, fontsize=8.5, loc="center right")
    return ax
