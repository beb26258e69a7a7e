r"""The picture of zero energy beside one impurity: its bound states, and a gapless state's own.

.. math:: \det(1 - s \, V \, G(0)) = 0; \qquad N_i(0) \propto 1 / \Gamma \text{ there}, \quad N / c \text{ of a gapless state}

`jaxgap.observables.zero_energy_map` computes what is drawn here.
"""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm

from jaxgap.drawing import COLOURS, axes_or_new, axis_label, figure_of
from jaxgap.numerics.checks import check
from jaxgap.numerics.types import Reals
from jaxgap.observables import ZeroEnergyMap

__all__ = ["plot_zero_energy_map"]

DARKEST = 1e-4
"""Of the largest density of states: below it everything has one colour."""


def plot_zero_energy_map(
    found: ZeroEnergyMap, x: Reals, name: str = "state", strength: str = "strength of the impurity $s$", ax: Axes | None = None
) -> Axes:
    """The density of states at zero energy at an impurity as colour, over states and strengths. Dots: a bound state is at zero
    energy, located by its own equation, wherever the clean state has a gap; dashed: the clean state has none, N(0) > 0.

    Args:
        found: the map.
        x: the position of every state, in rising order: of what changes along the row.
        name: what that is: a path of a leaf, or text with its unit.
        strength: the same of the factors.
        ax: axes to draw on; None: new ones.

    Example:
        >>> states, spin = [jg.solve(jg.materials.two_band(), T) for T in (1.0, 4.2)], [[1 / np.pi, 0.0], [0.0, 0.0]]
        >>> found = jg.observables.zero_energy_map(states, [0.5, 1.0, 1.5], Gamma=0.1, J=spin)
        >>> jg.plotting.plot_zero_energy_map(found, [1.0, 4.2], "T").get_xlabel()
        'temperature $T$ (K)'
    """
    place = np.asarray(x, float)
    check(place.shape == (len(found.edge),), "x", f"be {len(found.edge)} positions, one per state", f"shape {place.shape}")
    check(bool(np.all(np.diff(place) > 0)), "x", "rise", place.tolist())
    ax = axes_or_new(ax)
    colours = LogNorm(vmin=max(float(found.N.min()), DARKEST * float(found.N.max())), vmax=float(found.N.max()))
    image = ax.pcolormesh(place, found.s, found.N.T, cmap="cividis", norm=colours, shading="nearest", rasterized=True)
    figure_of(ax).colorbar(image, ax=ax, label="$N(0)$ at the impurity (of the normal metal)", extend="min")
    ax.set_title(rf"zero energy, $\Gamma$ = {found.Gamma:g} meV", fontsize=10)
    for k, column in enumerate(found.crossings.T):
        text = "bound state at zero energy" if k == 0 else None
        ax.plot(place, column, ".", ms=3, color=COLOURS[1], mew=0.0, label=text)
    for k, at in enumerate(found.gapless(place)):
        ax.axvline(at, color="white", lw=1.4, ls=(0, (4, 2)), label="gapless state, $N(0) > 0$" if k == 0 else None)
    ax.set(xlabel=axis_label(name), ylabel=strength, xlim=(place[0], place[-1]), ylim=(found.s.min(), found.s.max()))
    if ax.get_legend_handles_labels()[0]:
        box = {"facecolor": "0.35", "labelcolor": "white", "framealpha": 0.85, "edgecolor": "none"}
        ax.legend(loc="upper left", fontsize=8, markerscale=2, **box)
    return ax
