r"""Pictures. Every function draws on `ax` (a new one if None) and returns it; units are on the axes.

.. math:: E_\pm(k), \qquad \min_k E_\pm(k), \qquad N(\omega) = -\frac1\pi \, \mathrm{Im} \sum_k G(k, \omega + i\Gamma)

`jaxgap.observables` computes what is drawn here.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.patches import Patch

from jaxgap.continuation.bifurcations import BifurcationKind
from jaxgap.drawing import COLOURS, axes_or_new, axis_label, draw_curve, figure_of, save, write_csv
from jaxgap.model.band import shell
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.types import Reals
from jaxgap.observables import FermiSurface, branch_minima, branch_names, dispersion, tunnelling_density_of_states, wave_vector
from jaxgap.phases.diagram import PhaseDiagram
from jaxgap.solving.curves import gap_curve
from jaxgap.solving.labels import Label
from jaxgap.solving.solution import Solution

__all__ = [
    "plot_dispersion",
    "plot_density_of_states",
    "plot_fermi_surface",
    "plot_gaps",
    "plot_phase_diagram",
    "write_phase_diagram",
]


def plot_dispersion(solution: Solution, ax: Axes | None = None, points: int = 2001) -> Axes:
    """E_+-(k) of every quasiparticle branch, over the shells of all bands and a little beyond.

    Args:
        solution: the state.
        ax: axes to draw on; None: new ones.
        points: of every curve.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> ax = jg.plotting.plot_dispersion(solution, points=201)
        >>> len(ax.lines) >= 2
        True
    """
    ax = axes_or_new(ax)
    sc = solution.superconductor
    ends = np.array([[float(end) for end in shell(band, sc.Omega)] for band in sc.bands])
    lo, hi = ends[:, 0].min(), ends[:, 1].max()
    kappa = np.linspace(max(lo - 0.05 * (hi - lo), 0.0), hi + 0.05 * (hi - lo), points)
    for name, energy, colour in zip(branch_names(sc), dispersion(solution, kappa), COLOURS, strict=False):
        ax.plot(wave_vector(kappa), energy, color=colour, label=name)
    ax.set(xlabel=r"$k$ (Å$^{-1}$)", ylabel="quasiparticle energy $E$ (meV)", ylim=(0, None))
    ax.set_title(_title(solution), fontsize=10)
    ax.legend(frameon=False)
    return ax


def plot_density_of_states(solution: Solution, omega: Reals | None = None, Gamma: float = 0.1, ax: Axes | None = None) -> Axes:
    """Tunnelling density of states with Dynes broadening Gamma [meV], total and per band, and the branch minima; of a lattice
    per orbital.

    Args:
        solution: the state.
        omega: energies [meV]; None: from zero to beyond the largest gap.
        Gamma: Dynes broadening [meV].
        ax: axes to draw on; None: new ones.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> ax = jg.plotting.plot_density_of_states(solution, [0.0, 5.0, 20.0])
        >>> [text.get_text() for text in ax.get_legend().get_texts()]
        ['total', 'a', 'b']
    """
    ax = axes_or_new(ax)
    sc = solution.superconductor
    gaps, edge = (np.asarray(branch_minima(solution)), float(sc.Omega)) if sc.beyond else (np.zeros(0), 2 * float(sc.depth))
    largest = float(np.max(gaps)) if sc.beyond else 2 * float(np.max(np.abs(solution.Delta)))
    reach = 2.5 * min(largest, edge) if largest > 0 else 0.5 * edge
    omega = np.linspace(-reach, reach, 1201) if omega is None else np.asarray(omega)
    N = tunnelling_density_of_states(solution, omega, Gamma)
    ax.plot(omega, N.total, color="black", lw=1.8, label="total")
    for name, band, colour in zip(sc.components, N.bands, COLOURS, strict=False):
        ax.plot(omega, band, color=colour, lw=1.0, ls="--", label=name)
    for gap in gaps[gaps < edge]:
        ax.axvline(gap, color="0.7", lw=0.8, zorder=0)
    label = r"$N(\omega)\,/\,N(0)$" if sc.beyond else r"$N(\omega)$ (1 / meV, cell and spin)"
    ax.set(xlabel=r"energy $\omega$ (meV)", ylabel=label, ylim=(0, None))
    ax.set_title(f"{_title(solution)}, $\\Gamma$ = {Gamma:g} meV{'; grey: branch minima' * len(gaps[:1])}", fontsize=10)
    ax.legend(frameon=False)
    return ax


def plot_fermi_surface(surface: FermiSurface, ax: Axes | None = None) -> Axes:
    """The Fermi lines of a lattice over the Brillouin zone, coloured by the gap |Delta_nn| on them."""
    ax = axes_or_new(ax, 5.6, 4.6)
    check(len(surface.lines) > 0, "surface", "have Fermi lines", "none: the normal state has no Fermi surface here")
    top = max(float(line.gap.max()) for line in surface.lines)
    norm = Normalize(0.0, top if top > 0 else 1.0)
    bands = {line.band: line for line in surface.lines}
    for line in surface.lines:
        ends = np.stack([line.k[:-1, :2], line.k[1:, :2]], axis=1)
        # Where points are left out, so is the line.
        near = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) <= 4 * np.median(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1))
        pieces = LineCollection(list(ends[near]), cmap="cividis", norm=norm, lw=2.5)
        pieces.set_array(((line.gap[:-1] + line.gap[1:]) / 2)[near])
        ax.add_collection(pieces)
    colours = ScalarMappable(norm, "cividis")
    figure_of(ax).colorbar(colours, ax=ax, label=r"gap $|\Delta_{nn}(k)|$ on the Fermi line (meV)")
    for band, line in bands.items() if len(bands) > 1 else ():
        x, y = map(float, line.k[len(line.k) // 2, :2])
        ax.annotate(f"band {band + 1}", (x, y), xytext=(4, 4), textcoords="offset points", fontsize=8)
    ticks = [-np.pi, 0.0, np.pi]
    ax.set(xlim=(-np.pi, np.pi), ylim=(-np.pi, np.pi), aspect="equal", xticks=ticks, yticks=ticks)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_ticklabels([r"$-\pi$", "0", r"$\pi$"])
    ax.set(xlabel="$k_x$ (1 / lattice constant)", ylabel="$k_y$ (1 / lattice constant)")
    if surface.k_z is not None:
        ax.set_title(f"$k_z$ = {surface.k_z:g}", fontsize=10)
    return ax


def plot_gaps(sc: Superconductor, T: Reals, branch: str | None = None, ax: Axes | None = None) -> Axes:
    """Branch minima against temperature along a branch: solid where it is stable, dashed where it is not.

    Args:
        sc: the system.
        T: temperatures [K].
        branch: the branch, as for `solve`; None: the one connected to T_c.
        ax: axes to draw on; None: new ones.

    Example:
        >>> ax = jg.plotting.plot_gaps(jg.materials.two_band(), [4.2, 20.0], "s++")
        >>> ax.get_ylabel()
        'excitation gap (branch minimum) (meV)'
    """
    ax = axes_or_new(ax)
    curve = gap_curve(sc, T, branch)
    for name, gap, colour in zip(branch_names(sc), curve.gaps.T, COLOURS, strict=False):
        draw_curve(ax, curve.T, gap, curve.stable, color=colour, label=name)
    ax.set(xlabel="temperature $T$ (K)", ylabel="excitation gap (branch minimum) (meV)", xlim=(0, None), ylim=(0, None))
    ax.set_title(f"branch {branch}" if branch else r"branch connected to $T_c$", fontsize=10)
    ax.legend(frameon=False)
    return ax


LINES = {
    BifurcationKind.CROSSING: ("first order ($F$ equal)", "o", COLOURS[1]),
    BifurcationKind.NORMAL: ("continuous", "s", "black"),
    BifurcationKind.FOLD: ("end of a state (fold)", ".", COLOURS[5]),
    BifurcationKind.PITCHFORK: ("phases become unstable", ".", COLOURS[3]),
    BifurcationKind.GAPLESS: ("gapless", "d", "white"),
}
"""How the lines of a phase diagram are drawn."""


def plot_phase_diagram(diagram: PhaseDiagram, ax: Axes | None = None) -> Axes:
    """The smallest gap of the ground state as colour, and the lines: every dot is a point located by the line's own equations
    on an edge of the grid. Hatched (black) where several superconducting states are stable, and (white, the other way) where
    the ground state breaks time reversal."""
    ax = axes_or_new(ax, 7.6, 4.8)
    gap = np.ma.masked_invalid(diagram.ground_gap)
    colours = plt.get_cmap("cividis").with_extremes(bad="0.8")
    image = ax.pcolormesh(diagram.x, diagram.y, gap, cmap=colours, shading="nearest", rasterized=True)
    figure_of(ax).colorbar(image, ax=ax, label="smallest gap of the ground state (meV)")
    handles: list[Artist] = []
    for kind, (label, marker, colour) in LINES.items():
        points = diagram.lines.get(kind, np.zeros((0, 2)))
        if len(points):
            size, edge = (3.5, "black") if marker == "d" else (3.0, colour)
            style: dict[str, Any] = {"marker": marker, "ms": size, "ls": "none", "color": colour, "mec": edge, "mew": 0.4}
            handles += ax.plot(*points.T, label=label, **style)
    handles += _hatched(ax, diagram, diagram.stable_states > 1, "////", "black", "several stable states")
    handles += _hatched(ax, diagram, diagram.ground_broken, r"\\", "white", "ground state breaks time reversal")
    if gap.mask.any():
        handles.append(Patch(facecolor="0.8", label="no stable state found"))
    ax.set(xlabel=axis_label(diagram.x_name), ylabel=axis_label(diagram.y_name))
    if handles:
        figure_of(ax).legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, frameon=False, markerscale=1.5)
    return ax


def _hatched(ax: Axes, diagram: PhaseDiagram, where: np.ndarray, hatch: str, colour: str, label: str) -> list[Patch]:
    """Hatch the points of a diagram at which `where` holds; its handle for the legend, if there are any."""
    if not where.any():
        return []
    # Every point has its cell, as the colours have: contours through the points would leave out what is one point wide.
    corners = [np.repeat(_cell_ends(axis), 2)[1:-1] for axis in (diagram.x, diagram.y)]
    cells = np.repeat(np.repeat(where, 2, axis=0), 2, axis=1)
    contours = ax.contourf(*corners, cells, levels=[0.5, 1.5], colors="none", hatches=[hatch])
    contours.set(edgecolor=colour, linewidth=0.0)
    return [Patch(facecolor="0.4" if colour == "white" else "none", edgecolor=colour, hatch=hatch, label=label)]


def _cell_ends(points: np.ndarray) -> np.ndarray:
    """The ends of the cells around evenly spaced points."""
    half = (points[1] - points[0]) / 2
    return np.append(points - half, points[-1] + half)


def write_phase_diagram(diagram: PhaseDiagram, folder: str | Path) -> tuple[Path, ...]:
    """Write diagram.png and .pdf, states.csv and lines.csv into `folder`; returns the paths.

    states.csv has a row for every state at every point: whether it is the ground state (`ground`) and breaks time reversal
    (`broken`: its amplitudes have imaginary parts, the last columns), 1 or 0.
    """
    folder = Path(folder)
    pictures = save(figure_of(plot_phase_diagram(diagram)), folder, "diagram")
    states, lines = folder / "states.csv", folder / "lines.csv"
    names = diagram.superconductor.channels
    channels = [f"Delta_{name}_meV" for name in names] + [f"Delta_{name}_imaginary_meV" for name in names]
    counts = ("free_energy", "gap_meV", "unstable_amplitude", "unstable_phase", "ground", "broken")
    write_csv(states, (diagram.x_name, diagram.y_name, *counts, *channels), _state_rows(diagram))
    points = [(kind.name.lower(), *map(float, point)) for kind, line in diagram.lines.items() for point in line]
    write_csv(lines, ("line", diagram.x_name, diagram.y_name), points)
    return (*pictures, states, lines)


def _state_rows(diagram: PhaseDiagram) -> Iterator[tuple[float, ...]]:
    ground, broken = diagram.ground, diagram.broken
    for i, k, state in zip(*np.nonzero(np.isfinite(diagram.gap)), strict=True):
        at = i, k, state
        energy = float(diagram.free_energy[at]), float(diagram.gap[at])
        counts = (
            int(diagram.unstable_amplitude[at]),
            int(diagram.unstable_phase[at]),
            int(ground[i, k] == state),
            int(broken[at]),
        )
        amplitudes = np.concatenate([diagram.Delta[at].real, diagram.Delta[at].imag])
        yield float(diagram.x[k]), float(diagram.y[i]), *energy, *counts, *map(float, amplitudes)


def _title(solution: Solution) -> str:
    return f"$T$ = {float(solution.T):g} K, {Label(int(solution.label)).text}"
