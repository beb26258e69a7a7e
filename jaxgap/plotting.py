"""Pictures. Every function draws on `ax` (a new one if None) and returns it; units are on the axes."""

from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np

from jaxgap.branches import solve_temperatures
from jaxgap.labels import Label
from jaxgap.observables import branch_minima, branch_names, dispersion, tunnelling_density_of_states, wave_vector
from jaxgap.pairing import overlap_interval
from jaxgap.solution import Solution
from jaxgap.stability import unstable_directions
from jaxgap.superconductor import Superconductor

__all__ = ["COLOURS", "plot_dispersion", "plot_density_of_states", "plot_gaps", "gap_curves"]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's colours, which colour-blind readers can tell apart."""


def _axes(ax: Any, width: float = 6.4, height: float = 4.4) -> Any:
    return plt.subplots(figsize=(width, height), layout="constrained")[1] if ax is None else ax


def plot_dispersion(solution: Solution, ax: Any = None, points: int = 2001) -> Any:
    """E_+-(k) of every quasiparticle branch, over the shell and a little beyond."""
    ax = _axes(ax)
    sc = solution.superconductor
    ends = np.array([[float(end) for end in overlap_interval(sc, cluster)] for cluster in sc.clusters])
    lo, hi = ends[:, 0].min(), ends[:, 1].max()
    kappa = np.linspace(max(lo - 0.05 * (hi - lo), 0.0), hi + 0.05 * (hi - lo), points)
    for name, energy, colour in zip(branch_names(sc), dispersion(solution, kappa), COLOURS, strict=False):
        ax.plot(wave_vector(kappa), energy, color=colour, label=name)
    ax.set(xlabel=r"$k$ (Å$^{-1}$)", ylabel="quasiparticle energy $E$ (meV)", ylim=(0, None))
    ax.set_title(_title(solution), fontsize=10)
    ax.legend(frameon=False)
    return ax


def plot_density_of_states(solution: Solution, omega: Any = None, Gamma: float = 0.1, ax: Any = None) -> Any:
    """Tunnelling density of states with Dynes broadening Gamma [meV], total and per band, and the branch minima."""
    ax = _axes(ax)
    sc = solution.superconductor
    gaps = np.asarray(branch_minima(solution))
    reach = 2.5 * float(np.nanmax(gaps)) if np.any(gaps > 0) else 0.5 * float(sc.Omega)
    omega = np.linspace(-reach, reach, 1201) if omega is None else np.asarray(omega)
    N = tunnelling_density_of_states(solution, omega, Gamma)
    ax.plot(omega, N.total, color="black", lw=1.8, label="total")
    for name, band, colour in zip(sc.band_names, N.bands, COLOURS, strict=False):
        ax.plot(omega, band, color=colour, lw=1.0, ls="--", label=name)
    for gap in gaps[np.isfinite(gaps)]:
        ax.axvline(gap, color="0.7", lw=0.8, zorder=0)
    ax.set(xlabel=r"energy $\omega$ (meV)", ylabel=r"$N(\omega)\,/\,N(0)$", ylim=(0, None))
    ax.set_title(f"{_title(solution)}, $\\Gamma$ = {Gamma:g} meV; grey: branch minima", fontsize=10)
    ax.legend(frameon=False)
    return ax


def gap_curves(solutions: Solution) -> tuple[np.ndarray, np.ndarray]:
    """(gaps [meV] as temperature x branch, stable) of a batch of solutions; NaN where the branch does not exist.

    `stable` is True where no amplitude and no phase direction is unstable (phases for equal relaxation rates).
    """
    exists = np.asarray(solutions.converged) & (np.asarray(solutions.label) != Label.NORMAL)
    gaps = np.where(exists[:, None], np.asarray(jax.vmap(branch_minima)(solutions)), np.nan)
    unstable = jax.vmap(unstable_directions)(solutions)
    return gaps, exists & (np.asarray(unstable.amplitude) == 0) & (np.asarray(unstable.phase) == 0)


def plot_gaps(sc: Superconductor, T: Any, branch: str | None = None, ax: Any = None) -> Any:
    """Branch minima against temperature along a branch: solid where it is stable, dashed where it is not."""
    ax = _axes(ax)
    gaps, stable = gap_curves(solve_temperatures(sc, T, branch=branch))
    for name, gap, colour in zip(branch_names(sc), gaps.T, COLOURS, strict=False):
        draw_curve(ax, np.asarray(T), gap, stable, color=colour, label=name)
    ax.set(xlabel="temperature $T$ (K)", ylabel="excitation gap (branch minimum) (meV)", xlim=(0, None), ylim=(0, None))
    ax.set_title(f"branch {branch}" if branch else r"branch connected to $T_c$", fontsize=10)
    ax.legend(frameon=False)
    return ax


def draw_curve(ax: Any, x: np.ndarray, y: np.ndarray, stable: np.ndarray, label: str | None = None, **style: Any) -> None:
    """A curve that is solid where `stable` and dashed elsewhere; the pieces share their end points."""
    joined = stable[:-1] & stable[1:]
    solid = np.concatenate([joined, [False]]) | np.concatenate([[False], joined])
    dashed = np.concatenate([~joined, [False]]) | np.concatenate([[False], ~joined])
    ax.plot(x, np.where(solid, y, np.nan), label=label, **style)
    ax.plot(x, np.where(dashed, y, np.nan), ls=(0, (4, 2)), **style)


def _title(solution: Solution) -> str:
    return f"$T$ = {float(solution.T):g} K, {Label(int(solution.label)).text}"
