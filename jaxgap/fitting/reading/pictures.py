"""A picture of a measured curve, as it was understood."""

import numpy as np
from matplotlib.axes import Axes

from jaxgap.drawing import COLOURS, axes_or_new
from jaxgap.fitting.reading.kinds import axis_of
from jaxgap.fitting.reading.preparation import MeasuredCurve
from jaxgap.fitting.reading.units import is_arbitrary
from jaxgap.observables.quantity import Quantity

__all__ = ["draw_measured"]

MARKERS = ("o", "s", "^", "D", "v", "P")
MOST = 8
"""Temperatures that the legend names; of more, the first and the last ones."""


def draw_measured(curve: MeasuredCurve, row: Quantity, title: str = "", label: str = "", ax: Axes | None = None) -> Axes:
    """The points with their errors, a curve for every temperature; draws on `ax` (a new one if None) and returns it.

    The axis of the values has the quantity's label, unless another is given, as for values in units of their own.
    """
    ax = axes_or_new(ax)
    groups = curve.groups
    named = {*range(MOST // 2), *range(len(groups) - MOST // 2, len(groups))}
    for k, group in enumerate(groups):
        error, T_error = (None if part is None else part[group] for part in (curve.error, curve.T_error))
        ax.errorbar(
            curve.along[group],
            curve.value[group],
            error,
            T_error if curve.x is None else None,
            fmt=MARKERS[k % len(MARKERS)],
            ms=3.5,
            lw=0.9,
            color=COLOURS[k % len(COLOURS)],
            label=f"{curve.T[group[0]]:g} K" if curve.x is not None and k in named else None,
        )
    axis = axis_of(row) or ("T", "K")
    shown = row.picture.label if row.picture is not None and row.picture.label else _with_unit(row.datum, row.units)
    ax.set(
        xlabel=_with_unit(
            {"T": "temperature $T$", "V": "voltage $V$", "omega": r"energy $\omega$"}.get(*axis[:1], axis[0]), axis[1]
        )
    )
    ax.set_ylabel(label or shown)
    ax.set_title(title, fontsize=10)
    if curve.x is not None and np.isfinite(curve.T).all():
        ax.legend(frameon=False, fontsize=8.5)
    return ax


def _with_unit(name: str, unit: str) -> str:
    return name if is_arbitrary(unit) else f"{name} ({unit})"
