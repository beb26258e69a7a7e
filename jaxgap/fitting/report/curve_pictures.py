"""The fitted curves with the model through them, and their residuals: one panel for a curve over temperature, one for every
temperature of a spectrum.
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgap.drawing import COLOURS
from jaxgap.fitting.data import axis_unit
from jaxgap.fitting.report.rows import Curve, FittedRow, curves, model_errors
from jaxgap.fitting.result import FitResult
from jaxgap.observables.quantities import MEASURED

__all__ = ["plot_curves"]

COLUMNS = 3
"""Panels side by side."""
SPECTRA = 6
"""Temperatures of one experiment that are drawn, spread evenly over them."""
LABELS = {"V": "voltage $V$ (mV)", "omega": r"energy $\omega$ (meV)"}


class Panel(NamedTuple):
    """One curve with residuals below."""

    title: str
    x_label: str
    y_label: str
    x: np.ndarray
    rows: list[FittedRow]


def plot_curves(result: FitResult) -> Figure:
    """Every fitted curve with the model through it (and its one-sigma band, where the data determine it); residuals below."""
    panels = [panel for curve in curves(result) for panel in _panels(curve)]
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        2 * rows,
        columns,
        figsize=(1.0 + 3.6 * columns, 4.4 * rows),
        height_ratios=(3, 1) * rows,
        squeeze=False,
        layout="constrained",
    )
    sigma = model_errors(result)
    for k in range(rows * columns):
        top, bottom = axes[2 * (k // columns) : 2 * (k // columns) + 2, k % columns]
        if k < len(panels):
            _draw(top, bottom, panels[k], sigma)
        else:
            top.remove()
            bottom.remove()
    axes[0, 0].legend(frameon=False, fontsize=8.5)
    return figure


def _panels(curve: Curve) -> list[Panel]:
    row = MEASURED[curve.kind]
    y_label = row.long_name if row.units == "1" else f"{row.long_name} ({row.units})"
    if not row.axes:
        x = np.array([one.datum.T for one in curve.rows])
        return [Panel(curve.name, "temperature $T$ (K)", _wrapped(y_label), x, curve.rows)]
    found = list(curve.by_temperature.items())
    kept = sorted({round(i) for i in np.linspace(0, len(found) - 1, min(len(found), SPECTRA))})
    label = LABELS.get(row.axes[0], f"{row.axes[0]} ({axis_unit(curve.kind)})")
    return [
        Panel(f"{curve.name}, {T:g} K", label, _wrapped(y_label), np.array([one.datum.x for one in rows]), rows)
        for T, rows in (found[i] for i in kept)
    ]


def _wrapped(text: str, width: int = 34) -> str:
    """A long label on two lines."""
    if len(text) <= width:
        return text
    cut = text.rfind(" ", 0, width)
    return text if cut < 0 else f"{text[:cut]}\n{text[cut + 1 :]}"


def _draw(top: Axes, bottom: Axes, panel: Panel, sigma: np.ndarray) -> None:
    value, error, model, distance = np.array([(one.datum.value, one.error, one.model, one.distance) for one in panel.rows]).T
    band = sigma[[one.place for one in panel.rows]]
    top.errorbar(panel.x, value, yerr=error, fmt="o", label="data", zorder=1, ms=3, color="0.35", lw=0.8)
    top.plot(panel.x, model, color=COLOURS[1], lw=1.8, label="model", zorder=3)
    if np.isfinite(band).all():
        top.fill_between(
            panel.x, model - band, model + band, color=COLOURS[1], alpha=0.3, lw=0, zorder=2, label="68 % of the model"
        )
    bottom.axhspan(-1, 1, color="0.9", lw=0)
    bottom.axhline(0, color="0.5", lw=1)
    bottom.plot(panel.x, distance, "o", ms=3, color=COLOURS[1])
    top.set_title(panel.title, fontsize=10, parse_math=False)
    top.set_ylabel(panel.y_label, fontsize=9)
    bottom.set(xlabel=panel.x_label, ylabel="model − data\n(errors)", xlim=top.get_xlim())
    top.tick_params(labelbottom=False)
