"""The corner plot of a posterior: every parameter's draws, every pair's, the fit's optimum and its profile intervals."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.stats import gaussian_kde

from jaxgap.drawing import COLOURS, figure_of
from jaxgap.fitting.draws import Posterior

__all__ = ["plot_posterior"]

LEVELS = (0.68, 0.95)
"""Probability inside the contours."""
SHOWN = 4000
"""Draws in a scatter plot and its contours."""
REACH = 0.002
"""Share of the draws left out of a panel on either side."""


def plot_posterior(posterior: Posterior, ax: Axes | np.ndarray | None = None) -> Figure:
    """Corner plot: every parameter's draws on the diagonal, every pair's below it, with contours of 68 % and 95 %, the optimum
    of the fit and its profile intervals; returns the figure.

    Args:
        posterior: the draws.
        ax: axes [parameter, parameter] to draw on; new ones if not given.
    """
    x, k = posterior.draws.reshape(-1, len(posterior.names)), len(posterior.names)
    if ax is None:
        size = 2.4 * k + 1.2
        _, ax = plt.subplots(k, k, figsize=(size, size), layout="constrained", squeeze=False)
    ax = np.atleast_2d(np.asarray(ax, object))
    limits = [np.quantile(x[:, i], [REACH, 1 - REACH]) for i in range(k)]
    for i in range(k):
        for j in range(k):
            if j > i:
                ax[i, j].axis("off")
            elif i == j:
                _draw_marginal(ax[i, i], posterior, i, x[:, i])
            else:
                _draw_pair(ax[i, j], posterior, (j, i), x)
    for i in range(k):
        for j in range(i + 1):
            _label(ax[i, j], posterior, i, j, limits)
    _legend(ax, posterior)
    return figure_of(ax[0, 0])


def _draw_marginal(ax: Axes, posterior: Posterior, i: int, x: np.ndarray) -> None:
    """The histogram with its 68 % interval, above it the profile's."""
    m, interval = posterior.summary[i], posterior.intervals[i]
    ax.hist(x, bins=40, range=tuple(np.quantile(x, [REACH, 1 - REACH])), density=True, color=COLOURS[5], alpha=0.55)
    ax.axvspan(*m.interval_68, color=COLOURS[0], alpha=0.15, lw=0)
    ax.axvline(m.mean, color=COLOURS[0], lw=1.6)
    top = ax.get_ylim()[1]
    ax.set_ylim(0, 1.15 * top)
    best = posterior.optimum[i]
    ends = [[best - interval.lower.value], [interval.upper.value - best]]
    ax.errorbar(best, 1.07 * top, xerr=ends, fmt="D", ms=5, capsize=4, color=COLOURS[1], lw=1.6)


def _draw_pair(ax: Axes, posterior: Posterior, pair: tuple[int, int], x: np.ndarray) -> None:
    """Draws of two parameters, and the regions of highest density."""
    chosen = x[:: max(1, len(x) // SHOWN), list(pair)]
    ax.plot(*chosen.T, ".", ms=2.5, color=COLOURS[5], alpha=0.4, mew=0, rasterized=True)
    _draw_contours(ax, x[:, list(pair)])
    where = posterior.diverging.reshape(-1)
    if where.any():
        ax.plot(*x[where][:, list(pair)].T, "x", ms=5, mew=1, color="black")
    ax.plot(*posterior.optimum[list(pair)], "D", ms=6, color=COLOURS[1], mec="white", mew=0.8, zorder=5)


def _draw_contours(ax: Axes, x: np.ndarray) -> None:
    """Contours that enclose 68 % and 95 % of the draws, where they are dense enough to have a density."""
    scale = x.std(axis=0)
    if not np.all(scale > 0) or abs(np.corrcoef(x.T)[0, 1]) > 1 - 1e-9:
        return
    chosen = x[:: max(1, len(x) // SHOWN)].T
    kde = gaussian_kde(chosen)
    heights = np.quantile(kde(chosen), [1 - level for level in LEVELS[::-1]])
    low, high = x.min(axis=0) - 0.2 * scale, x.max(axis=0) + 0.2 * scale
    X, Y = np.meshgrid(*(np.linspace(a, b, 120) for a, b in zip(low, high, strict=True)))
    density = kde(np.stack([X.ravel(), Y.ravel()])).reshape(X.shape)
    ax.contour(X, Y, density, levels=heights, colors=COLOURS[0], linewidths=1.6, linestyles=["--", "-"])


def _label(ax: Axes, posterior: Posterior, i: int, j: int, limits: list[np.ndarray]) -> None:
    """Labels with units at the outside only."""
    k = len(posterior.names)
    ax.set_xlim(*_margin(limits[j]))
    if i != j:
        ax.set_ylim(*_margin(limits[i]))
    ax.locator_params(axis="x", nbins=4)
    if i == k - 1:
        ax.set_xlabel(_name(posterior, j))
    else:
        ax.set_xticklabels([])
    if i == j:
        ax.set_yticks([])
        ax.spines[["left", "right", "top"]].set_visible(False)
    elif j == 0:
        ax.set_ylabel(_name(posterior, i))
    else:
        ax.set_yticklabels([])


def _margin(limits: np.ndarray) -> tuple[float, float]:
    margin = 0.06 * (limits[1] - limits[0])
    return float(limits[0] - margin), float(limits[1] + margin)


def _name(posterior: Posterior, i: int) -> str:
    """A parameter as physicists write it: lambda_13 [unit] as a subscripted Greek letter."""
    name, unit = posterior.names[i], posterior.config.parameters[posterior.names[i]].unit
    head, _, index = name.partition("_")
    greek = {"lambda": r"\lambda", "lam": r"\lambda", "mu": r"\mu", "Omega": r"\Omega", "alpha": r"\alpha", "beta": r"\beta"}
    if head in greek and (not index or index.isalnum()):
        name = f"${greek[head]}{f'_{{{index}}}' if index else ''}$"
    return f"{name} ({unit})" if unit else name


def _legend(ax: np.ndarray, posterior: Posterior) -> None:
    handles = [
        Patch(color=COLOURS[5], alpha=0.55, label=f"{posterior.diverging.size} draws"),
        Line2D([], [], color=COLOURS[0], lw=1.6, label="mean; contour around 68 % of the draws"),
        Line2D([], [], color=COLOURS[0], lw=1.6, ls="--", label="contour around 95 %"),
        Patch(color=COLOURS[0], alpha=0.15, label="central 68 % interval"),
        Line2D([], [], color=COLOURS[1], marker="D", ms=5, lw=1.6, label=r"optimum; profile interval ($\Delta\chi^2 = 1$)"),
    ]
    if posterior.divergences:
        handles.append(Line2D([], [], color="black", marker="x", ms=5, lw=0, label="draws whose trajectory diverged"))
    if len(posterior.names) > 1:
        ax[0, -1].legend(handles=handles, frameon=False, fontsize=8.5, loc="upper right")
    else:
        ax[0, 0].figure.legend(handles=handles, frameon=False, fontsize=8.5, loc="outside lower center")
    ax[0, 0].figure.suptitle(posterior.config.title, fontsize=11)
