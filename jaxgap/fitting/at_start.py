r"""A fit before it is one: the data that count beside the model at the first start, and their chi^2 there.

Nothing is searched. Where the parameters of the first start have no state with the signs of the branch at every temperature,
there is no model to compare with. That says nothing about the fit: its search goes through such parameters
(`jaxgap.fitting.search`).
"""

from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgap.drawing import COLOURS
from jaxgap.fitting.config import ANY, GROUND_STATE, FitConfig
from jaxgap.fitting.data import Datum, axis_unit
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.problem import error_of, problem
from jaxgap.fitting.report.curve_pictures import value_label
from jaxgap.fitting.starts import starts
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.precision import require_float64
from jaxgap.solving.labels import named_branches

__all__ = ["AtStart", "Beside", "at_start", "plot_at_start"]

PANELS_IN_A_ROW = 3


class Beside(NamedTuple):
    """A datum that counts, beside the model at the first start."""

    datum: Datum
    error: float
    """Its own, or the assumed one."""
    model: float
    """NaN where the branch is missing."""

    @property
    def distance(self) -> float:
        """Model less measurement, in standard deviations."""
        return (self.model - self.datum.value) / self.error


class AtStart(NamedTuple):
    """The data that count beside the model at the first start."""

    branch: str
    """Of several that fit.toml allows, the one whose chi^2 is lowest."""
    parameters: dict[str, float]
    exists: bool
    """Whether there is a state that the fit may take at every temperature of the data."""
    chi2: float
    """NaN if there is not."""
    rows: tuple[Beside, ...]


def at_start(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...]) -> AtStart:
    """The model of a fit (`load_fit`) at its first start: the `start` of every parameter, else a point within its bounds."""
    require_float64()
    asked = config.system.branch
    several = asked in (ANY, GROUND_STATE)
    found = [_of_branch(config.with_branch(name), sc, data) for name in (named_branches(sc.signed) if several else (asked,))]
    return min(found, key=lambda one: one.chi2 if one.exists else np.inf)


def _of_branch(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...]) -> AtStart:
    p = problem(config, config.systems(sc), data)
    one = config.model_copy(update={"optimiser": config.optimiser.model_copy(update={"starts": 1})})
    first = starts(p, one)
    found = nested_at(p, first.theta[0], first.Delta[0])
    exists, fitted = bool(found.on_branch), [datum for datum in data if datum.use == "fit"]
    predicted = np.asarray(found.predicted) if exists else np.full(len(fitted), np.nan)
    rows = tuple(Beside(d, error_of(d, config), float(y)) for d, y in zip(fitted, predicted, strict=True))
    chi2 = float(np.sum(np.asarray(found.residuals) ** 2)) if exists else float("nan")
    return AtStart(config.system.branch, dict(zip(p.names, first.theta[0].tolist(), strict=True)), exists, chi2, rows)


def plot_at_start(found: AtStart, title: str = "") -> Figure:
    """Every number and curve that counts with its error, and the model at the first start: one panel per quantity."""
    panels = _panels(found.rows)
    columns = min(PANELS_IN_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(1.0 + 4.0 * columns, 0.8 + 3.2 * rows), squeeze=False, layout="constrained"
    )
    for ax, (name, own) in zip(axes.flat, panels.items(), strict=False):
        _draw(ax, name, own)
    for ax in axes.flat[len(panels) :]:
        ax.set_axis_off()
    axes[0, 0].legend(frameon=False, fontsize=8.5)
    figure.suptitle(f"{title}\nbefore the fit, at its first start", fontsize=11, parse_math=False)
    return figure


def _panels(rows: tuple[Beside, ...]) -> dict[str, list[Beside]]:
    """By curve and temperature; numbers by themselves, by what they are of."""
    found: dict[str, list[Beside]] = {}
    for row in rows:
        d = row.datum
        at = f", {d.T:g} K" if d.x is not None else ""
        name = f"{d.curve}{at}" if d.experiment else f"numbers ({d.unit})" if d.unit != "1" else "ratios"
        found.setdefault(f"{d.sample}: {name}" if d.sample else name, []).append(row)
    return found


def _draw(ax: Axes, name: str, rows: list[Beside]) -> None:
    first, curve = rows[0].datum, bool(rows[0].datum.experiment)
    value, error, model = np.array([(row.datum.value, row.error, row.model) for row in rows]).T
    if not curve:
        x = np.arange(len(rows), dtype=float)
        names = [row.datum.quantity + (f", {row.datum.T:g} K" if row.datum.T is not None else "") for row in rows]
        ax.set_xticks(x, names, rotation=30, ha="right", fontsize=7.5)
        ax.margins(x=0.2)
    else:
        x = np.array([row.datum.T if row.datum.x is None else row.datum.x for row in rows], float)
        ax.set_xlabel("temperature $T$ (K)" if first.x is None else f"{_axis(first)} ({axis_unit(first.kind)})")
    order = np.argsort(x)
    ax.errorbar(x, value, yerr=error, fmt="o", ms=4, lw=0.8, capsize=2, color="0.35", label="data", zorder=1)
    style = {"ls": "-"} if curve and len(rows) > 1 else {"ls": "none", "marker": "x", "ms": 7, "mew": 1.8}
    ax.plot(x[order], model[order], color=COLOURS[1], label="model at the first start", zorder=2, **style)
    ax.set_ylabel(value_label(first.kind) if curve else "value" if first.unit in ("", "1") else f"value ({first.unit})")
    ax.set_title(name, fontsize=9.5, parse_math=False)


def _axis(datum: Datum) -> str:
    """What a spectrum's own axis is."""
    return "voltage $V$" if axis_unit(datum.kind) == "mV" else r"energy $\omega$"
