"""The fitted curves with the model through them, and their residuals: one panel for a curve over temperature, one for every
temperature of a spectrum (of many temperatures those that `drawn` chooses). The model is drawn on an axis of its own, finer
than the data's (`fitting.model_curves`).
"""

import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jaxgap.drawing import COLOURS
from jaxgap.fitting.data import Datum, axis_unit
from jaxgap.fitting.model_curves import drawn
from jaxgap.fitting.report.checks import LEVELS
from jaxgap.fitting.report.residuals import independent_residuals, leverages, model_errors
from jaxgap.fitting.report.rows import Curve, FittedRow, curves
from jaxgap.fitting.result import FitResult, Line
from jaxgap.observables.quantities import MEASURED

__all__ = ["plot_curves", "value_label"]

Lines = Mapping[tuple[str, str, float | None], Line]
"""By experiment, sample and temperature."""
COLUMNS = 3
"""Panels side by side."""
SHADES = {"68 %": "0.82", "95 %": "0.92"}
"""Of the intervals of `LEVELS`."""
LABELS = {"V": "voltage $V$ (mV)", "omega": r"energy $\omega$ (meV)"}


class Panel(NamedTuple):
    """One curve with residuals below."""

    title: str
    x_label: str
    y_label: str
    x: np.ndarray
    rows: list[FittedRow]
    line: Line | None
    """The model; None: it is known at the data only."""


class About(NamedTuple):
    """What is known of every datum that counted."""

    z: np.ndarray
    leverage: np.ndarray
    sigma: np.ndarray
    """Of the model."""


def plot_curves(result: FitResult) -> Figure:
    """Every fitted curve with the model through it and its one-sigma band, where the data determine it. Below, the residuals
    in the intervals in which the fit expects other measurements (`report.checks`)."""
    lines = {(line.experiment, line.sample, line.T): line for line in result.lines}
    panels = [panel for curve in curves(result) for panel in _panels(curve, lines)]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    size = (1.0 + 3.6 * columns, 0.4 + 4.2 * rows)
    figure = plt.figure(figsize=size, layout="constrained")
    about = About(independent_residuals(result), leverages(result), model_errors(result))
    grid = figure.add_gridspec(rows, columns)
    for k, panel in enumerate(panels):
        inner = grid[k // columns, k % columns].subgridspec(2, 1, height_ratios=(3, 1.2), hspace=0.02)
        top = figure.add_subplot(inner[0])
        _draw(top, figure.add_subplot(inner[1], sharex=top), panel, about)
    figure.suptitle("\n".join(wrap(result.config.title, 44 * columns)), fontsize=11, parse_math=False)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if columns == 1 else 5, frameon=False, fontsize=8.5)
    return figure


def _panels(curve: Curve, lines: Lines) -> list[Panel]:
    row, first = MEASURED[curve.kind], curve.rows[0].datum
    if not row.axes:
        x = np.array([one.datum.T for one in curve.rows])
        return [Panel(curve.name, "temperature $T$ (K)", value_label(curve.kind), x, curve.rows, _known(lines, first))]
    label = LABELS.get(row.axes[0], f"{row.axes[0]} ({axis_unit(curve.kind)})")
    shown = {T: curve.by_temperature[T] for T in drawn(list(curve.by_temperature))}
    return [
        Panel(
            f"{curve.name}, {T:g} K",
            label,
            value_label(curve.kind),
            np.array([one.datum.x for one in rows]),
            rows,
            _known(lines, first, T),
        )
        for T, rows in shown.items()
    ]


def _known(lines: Lines, of: Datum, T: float | None = None) -> Line | None:
    """The model along the curve of a datum, unless it is known nowhere."""
    line = lines.get((of.experiment, of.sample, T))
    return line if line is not None and np.isfinite(line.value).any() else None


def value_label(kind: str, width: int = 30) -> str:
    """The long name of a quantity and its unit, on several lines, its powers raised."""
    row = MEASURED[kind]
    text = row.long_name if row.units == "1" else f"{row.long_name} ({row.units})"
    return "\n".join(wrap(re.sub(r"\^(\d)", lambda found: "⁰¹²³⁴⁵⁶⁷⁸⁹"[int(found[1])], text), width))


def _draw(top: Axes, bottom: Axes, panel: Panel, about: About) -> None:
    value, error, model = np.array([(one.datum.value, one.error, one.model) for one in panel.rows]).T
    z, h, sigma = (part[[one.place for one in panel.rows]] for part in about)
    top.errorbar(panel.x, value, yerr=error, fmt="o", label="data", zorder=1, ms=3, color="0.35", lw=0.8)
    line = panel.line or Line("", "", None, panel.x, model, sigma)
    top.plot(line.x, line.value, color=COLOURS[1], lw=1.8, label="model", zorder=3)
    if np.isfinite(sigma).all():
        band: dict[str, Any] = {"color": COLOURS[1], "alpha": 0.3, "lw": 0, "zorder": 2}
        reach = line.value - line.sigma, line.value + line.sigma
        top.fill_between(line.x, *reach, label="model ± its error", **band)
    _draw_residuals(bottom, panel.x, z, np.sqrt(1 + h))
    for name, shade in SHADES.items():
        top.fill_between([], [], color=shade, lw=0, label=f"{name} of other measurements")
    top.set_title("\n".join(wrap(panel.title, 44)), fontsize=10, parse_math=False)
    top.set_ylabel(panel.y_label, fontsize=8.5)
    bottom.set_xlabel(panel.x_label)
    bottom.set_ylabel("(model − data)\n/ error", fontsize=8.5)
    top.tick_params(labelbottom=False)


def _draw_residuals(ax: Axes, x: np.ndarray, z: np.ndarray, width: np.ndarray) -> None:
    """Residuals, and the intervals in which other measurements are expected; all of it is seen."""
    order = np.argsort(x, kind="stable")
    for name, shade in reversed(SHADES.items()):
        reach = LEVELS[name] * width[order]
        ax.fill_between(x[order], -reach, reach, color=shade, lw=0)
    ax.axhline(0, color="0.5", lw=1)
    ax.plot(x, z, "o", ms=3, color=COLOURS[1])
    top = 1.15 * max(2.6, float(np.max(np.abs(z), initial=0.0)))
    ax.set_ylim(-top, top)
    ax.yaxis.set_major_locator(MaxNLocator(4, integer=True, symmetric=True))
