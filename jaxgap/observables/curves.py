"""Thermodynamic and response functions against temperature, and their pictures.

`along_temperatures` evaluates any observable of one state along a branch. The pictures are in the units in which measurements
are shown: C / C_n or mJ/(mol K^2), rho_s or lambda^-2 [1/um^2], 1/(T_1 T) relative to the normal state.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.branches import solve_temperatures
from jaxgap.critical import critical_temperature
from jaxgap.observables.absolute import molar, states_per_volume
from jaxgap.observables.nmr import checked_broadening, checked_weights, relaxation_rate
from jaxgap.observables.superfluid_density import SuperfluidDensity, carrier_weight, superfluid_density
from jaxgap.observables.thermodynamics import normal_specific_heat, specific_heat
from jaxgap.plotting import COLOURS, _axes
from jaxgap.solution import Solution
from jaxgap.superconductor import Superconductor
from jaxgap.units import london_density

__all__ = ["Curve", "along_temperatures", "plot_specific_heat", "plot_superfluid_density", "plot_relaxation_rate"]


class Curve(NamedTuple):
    """An observable along a branch."""

    solutions: Solution
    """Batched over the temperatures."""
    values: Any
    """What the observable returns, with the temperatures as first axis; NaN where the branch does not exist."""

    @property
    def T(self) -> np.ndarray:
        """The temperatures [K]."""
        return np.asarray(self.solutions.T)


def along_temperatures(
    observable: Callable[[Solution], Any], sc: Superconductor, T: Any, *, start: Any = None, branch: str | None = None
) -> Curve:
    """`observable(solution)` at each of the temperatures `T` [K].

    Example: `along_temperatures(lambda s: relaxation_rate(s, 0.1), sc, T, branch="s+-")`. `start` and `branch` are those of
    `solve`; without them it is the branch connected to T_c, above T_c the normal state. An observable is compiled once: keep
    it, if it is a lambda.
    """
    solutions = solve_temperatures(sc, T, start=start, branch=branch)
    return Curve(solutions, _evaluated(solutions, observable))


@eqx.filter_jit
def _evaluated(solutions: Solution, observable: Callable[[Solution], Any]) -> Any:
    def at(solution: Solution) -> Any:
        return jax.tree.map(lambda x: jnp.where(solution.converged, x, jnp.nan), observable(solution))

    # One temperature after the other: a spectrum's nodes fill the cache, and all of them at once take four times as long.
    return jax.lax.map(at, solutions)


def plot_specific_heat(
    sc: Superconductor,
    T: Any,
    branch: str | None = None,
    *,
    formula_volume: Any = None,
    layer_spacing: Any = None,
    colour: str = COLOURS[0],
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """C/T against temperature along a branch, with the normal state's dashed.

    In mJ/(mol K^2) if the volume of a formula unit [angstrom^3] is given (and, of 2D bands, the layer spacing [angstrom]), else
    relative to the normal state's. Draw several systems on one `ax`, each with its `colour` and `label`.
    """
    ax = _axes(ax)
    C = along_temperatures(_with_normal, sc, T, branch=branch)
    heat, normal = (np.asarray(part) / C.T for part in C.values)
    if formula_volume is None:
        heat, normal, unit = heat / normal, normal / normal, r"$C\,/\,C_n$"
    else:
        heat, normal = (molar(part, sc, formula_volume, layer_spacing) for part in (heat, normal))
        unit = "$C/T$ (mJ mol$^{-1}$ K$^{-2}$)"
    ax.plot(C.T, heat, color=colour, label=label)
    ax.plot(C.T, normal, color=colour, lw=0.8, ls=(0, (4, 2)))
    return _finished(ax, unit, label)


def _with_normal(solution: Solution) -> Any:
    return specific_heat(solution), normal_specific_heat(solution.superconductor, solution.T)


def plot_superfluid_density(
    sc: Superconductor,
    T: Any,
    branch: str | None = None,
    *,
    layer_spacing: Any = None,
    bands: bool = True,
    colour: str = "black",
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """rho_s(T) along a branch as muSR and microwave experiments show it, with the share of every band dashed.

    As 1/lambda^2 [1/um^2] if the layer spacing [angstrom] of 2D bands is given, or the bands are 3D; else relative to n/m of
    all carriers. Draw several systems on one `ax` with `bands=False`, each with its `colour` and `label`.
    """
    ax = _axes(ax)
    found = along_temperatures(superfluid_density, sc, T, branch=branch)
    density: SuperfluidDensity = found.values
    scale, unit = 1.0, r"superfluid density $\rho_s(T)$"
    if sc.dimension == 3 or layer_spacing is not None:
        scale = float(jnp.sum(carrier_weight(sc)) * states_per_volume(sc, layer_spacing)) / london_density * 1e6
        unit = r"$\lambda^{-2}(T)$ (µm$^{-2}$)"
    ax.plot(found.T, scale * density.total, color=colour, lw=1.8, label=label or ("total" if bands else None))
    if bands:
        for name, share, line in zip(sc.band_names, np.asarray(density.bands).T, COLOURS, strict=False):
            ax.plot(found.T, scale * share, color=line, lw=1.0, ls="--", label=name)
    return _finished(ax, unit, label or bands)


def plot_relaxation_rate(
    sc: Superconductor,
    T: Any,
    Gamma: Any,
    branch: str | None = None,
    *,
    weights: Any = None,
    colour: str = COLOURS[0],
    label: str | None = None,
    ax: Any = None,
) -> Any:
    """1/(T_1 T) relative to the normal state along a branch, with Dynes broadening Gamma [meV]; T_c is dotted."""
    ax = _axes(ax)
    # A pytree, not a closure: one program for all broadenings and weights.
    observable = eqx.Partial(relaxation_rate, Gamma=checked_broadening(Gamma), weights=checked_weights(weights, len(sc.bands)))
    rate = along_temperatures(observable, sc, T, branch=branch)
    ax.plot(rate.T, rate.values, color=colour, label=label)
    T_c = float(critical_temperature(sc))
    if branch is None and rate.T.min() < T_c < rate.T.max():
        ax.axvline(T_c, color="0.7", lw=0.8, ls=":", zorder=0)
    return _finished(ax, r"$(1/T_1T)\,/\,(1/T_1T)_n$", label)


def _finished(ax: Any, unit: str, legend: Any) -> Any:
    ax.autoscale()  # Limits that an earlier curve has set do not stay.
    ax.set(xlabel="temperature $T$ (K)", ylabel=unit, xlim=(0, None))
    ax.set_ylim(bottom=min(0.0, ax.dataLim.ymin))
    if legend:
        ax.legend(frameon=False)
    return ax
