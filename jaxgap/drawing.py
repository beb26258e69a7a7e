r"""What every picture starts from: axes, colours, curves that show stability, and the data beside a picture.

.. math:: M v = m v, \quad M = \frac{\partial r}{\partial \Delta}: \qquad
          \text{solid where no } \mathrm{Re} \, m < 0, \text{ dashed where there is one}

The pictures themselves live where their subject does: of systems and solutions in `plotting`, of experiments in `observables`,
of fits and sweeps in `fitting` and `sweeps`. All of them take `ax=None`, draw, and return the axes; units are on the labels.
"""

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array, Bool
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgap.numerics.types import Reals

__all__ = ["COLOURS", "axes_or_new", "figure_of", "axis_label", "draw_curve", "save", "write_csv"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""


def axes_or_new(ax: Axes | None, width: float = 6.4, height: float = 4.4) -> Axes:
    """`ax`, or those of a new figure of this size [inch]."""
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """The figure that holds `ax`, whatever it is a part of."""
    figure = ax.figure
    return figure if isinstance(figure, Figure) else figure.figure


def axis_label(name: str) -> str:
    """What stands at the axis of a leaf or of the temperature, with its unit."""
    if name == "T":
        return "temperature $T$ (K)"
    if name.startswith("lambda_"):
        return rf"$\lambda_{{{name.removeprefix('lambda_')}}}$"
    if name == "Omega" or name.startswith("mu["):
        return f"{name} (meV)"
    return name


def draw_curve(
    ax: Axes, x: Reals, y: Reals, stable: Bool[Array | np.ndarray, "point"], label: str | None = None, **style: Any
) -> None:
    """A curve that is solid where `stable` and dashed elsewhere; the pieces share their end points.

    Args:
        ax: axes to draw on.
        x, y: places of the points, in order.
        stable: of every point, whether the state there is stable.
        label: for the legend.
        style: what `Axes.plot` takes.

    Example:
        >>> import matplotlib.pyplot as plt
        >>> _, ax = plt.subplots()
        >>> jg.plotting.draw_curve(ax, [1.0, 2.0, 3.0], [7.0, 6.0, 4.0], np.array([True, True, False]), label="s++")
        >>> [line.get_linestyle() for line in ax.lines]
        ['-', '--']
    """
    x, y, good = (np.asarray(part) for part in (x, y, stable))
    joined = good[:-1] & good[1:]
    solid = np.concatenate([joined, [False]]) | np.concatenate([[False], joined])
    dashed = np.concatenate([~joined, [False]]) | np.concatenate([[False], ~joined])
    ax.plot(x, np.where(solid, y, np.nan), label=label, **style)
    ax.plot(x, np.where(dashed, y, np.nan), ls=(0, (4, 2)), **style)


def save(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
    """Write NAME.png and NAME.pdf into `folder`, which is made, and close the figure; returns the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    png, pdf = paths = folder / f"{name}.png", folder / f"{name}.pdf"
    figure.savefig(png, dpi=160)
    figure.savefig(pdf)
    plt.close(figure)
    return paths


def write_csv(path: Path, columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """A table with one line of column names; numbers with ten digits."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([[f"{x:.10g}" if isinstance(x, float) else x for x in row] for row in rows])
