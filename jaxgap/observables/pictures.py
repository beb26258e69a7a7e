"""Pictures of what experiments see, in the units of their papers; several states in one, to be compared.

`picture` draws whatever an experiment shows (`jaxgap.observables.views`); `draw` and `draw_map` draw on `ax` (a new one if
None) and return it.
"""

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jaxgap.drawing import COLOURS, axes_or_new, figure_of
from jaxgap.observables.views import IntensityMap, Panels, Sight
from jaxgap.observables.views import Spectra as Spectra

__all__ = ["draw", "draw_map", "draw_panels", "picture"]

LINES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (5, 1, 1, 1)), (0, (3, 1)), (0, (1, 2)))
"""Of the curves of a picture: with `COLOURS`, two ways to tell each from the others."""


def picture(sight: Sight) -> Figure:
    """What an experiment shows."""
    if isinstance(sight, Panels):
        return draw_panels(sight)
    return figure_of(draw_map(sight) if isinstance(sight, IntensityMap) else draw(sight))


def draw_panels(found: Panels) -> Figure:
    """The panels beside each other."""
    n = len(found.panels)
    figure, axes = plt.subplots(1, n, figsize=(max(6.4, 4.6 * n), 4.4), layout="constrained", squeeze=False)
    for ax, spectra in zip(axes[0], found.panels.values(), strict=True):
        draw(spectra if ax is axes[0, 0] else spectra._replace(y_label=""), ax)
    figure.suptitle(found.title, fontsize=10)
    return figure


def draw(spectra: Spectra, ax: Axes | None = None) -> Axes:
    """The curves with their legend, the normal state dotted; marks as triangles on them, with the numbers in the legend."""
    ax = axes_or_new(ax)
    for i, (label, curve) in enumerate(spectra.curves.items()):
        colour, mark = COLOURS[i % len(COLOURS)], spectra.marks.get(label)
        text = label if mark is None else f"{label}{': ' * bool(label)}gap {mark:.2f} meV"
        ax.plot(spectra.x, curve, color=colour, ls=LINES[i % len(LINES)], lw=1.6, label=text)
        if label in spectra.normal:
            ax.plot(spectra.x, spectra.normal[label], color=colour, ls=(0, (1, 1)), lw=0.9)
        if mark is not None and mark > 0:
            at = np.array([-mark, mark])
            ax.plot(at, np.interp(at, spectra.x, curve), "v", color=colour, ms=6, mec="black", mew=0.5, zorder=5)
    ax.set(xlabel=spectra.x_label, ylabel=spectra.y_label, xlim=(spectra.x[0], spectra.x[-1]))
    drawn = np.concatenate([*spectra.curves.values(), *spectra.normal.values()])
    if np.isfinite(drawn).any():
        ax.set_ylim(*_limits(drawn[np.isfinite(drawn)], spectra))
    else:
        ax.set_yticks([])
        ax.text(0.5, 0.5, "no finite values", transform=ax.transAxes, ha="center", va="center")
    ax.set_title(spectra.title, fontsize=10)
    if any(spectra.curves) or spectra.marks:
        ax.legend(frameon=False, fontsize=8.5, loc="upper center" if spectra.marks else "best")
    return ax


def _limits(drawn: Float[np.ndarray, "point"], spectra: Spectra) -> tuple[float, float]:
    """Of the ordinate, from all finite values that are drawn."""
    low, high = float(np.min(drawn)), float(np.max(drawn))
    # From zero, unless all that matters lies far above it, or something below.
    if spectra.top is not None or low < high / 2 or high - low < 0.1 * high:
        low = low if low < -0.01 * high else 0.0
    # Room above for the legend where it would lie on peaks.
    high = spectra.top or high + (0.3 if spectra.marks else 0.05) * (high - low)
    return low - (0.05 * (high - low) if low else 0.0), high


def draw_map(found: IntensityMap, ax: Axes | None = None) -> Axes:
    """The intensity as colour, +-E_b(k) as dashed lines."""
    ax = axes_or_new(ax)
    image = ax.pcolormesh(found.k, found.omega, found.intensity.T, cmap="cividis", shading="nearest", rasterized=True)
    ax.figure.colorbar(image, ax=ax, label="intensity (1/meV)")
    for E in found.branches:
        for sign in (-1, 1):
            ax.plot(found.k, sign * E, color="white", lw=0.8, ls=(0, (4, 3)), alpha=0.8)
    ax.axhline(0.0, color="white", lw=0.5)
    ax.set(xlabel=r"$k$ ($\mathrm{\AA}^{-1}$)", ylabel=r"energy $\omega$ (meV)", ylim=(found.omega[0], found.omega[-1]))
    ax.set_xlim(found.k[0], found.k[-1])
    ax.set_title(f"{found.title}{'; ' * bool(found.title)}dashed: $\\pm E(k)$", fontsize=10)
    return ax
