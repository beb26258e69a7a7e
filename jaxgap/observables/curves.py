"""Thermodynamic and response functions against temperature, in the units in which measurements are shown.

C / C_n or C/T in mJ/(mol K^2), rho_s or lambda^-2 [1/um^2], 1/(T_1 T) relative to the normal state. The functions take
solutions along temperatures (`solve_temperatures`) by the label that the legend shows, and give `Spectra`, which
`jaxgap.observables.pictures.draw` draws; what does not exist, as beyond a branch's end, is NaN and left out of the line.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.observables._checks import pair_weights, positive
from jaxgap.observables.absolute import molar, states_per_volume
from jaxgap.observables.nmr import relaxation_rate
from jaxgap.observables.pictures import Spectra
from jaxgap.observables.superfluid import carrier_weight, superfluid_density
from jaxgap.observables.thermodynamics import normal_specific_heat, specific_heat
from jaxgap.solving.solution import Solution
from jaxgap.units import london_density

__all__ = ["along_temperatures", "heat_curves", "heat_unit", "relaxation_curves", "superfluid_curves"]

Branches = Mapping[str, Solution]
"""Solutions batched over the temperatures, by label."""


def along_temperatures(observable: Callable[[Solution], Any], solutions: Solution) -> Any:
    """`observable(solution)` at each of the temperatures of `solutions`, which come first; NaN where the branch does not exist.

    Example: `along_temperatures(superfluid_density, solve_temperatures(sc, T, branch="s+-"))`. An observable is compiled once:
    keep it, if it is a lambda.
    """
    check(jnp.ndim(solutions.T) == 1, "solutions", "be those of `solve_temperatures`", f"shape {jnp.shape(solutions.T)}")
    return _evaluated(solutions, observable)


@eqx.filter_jit
def _evaluated(solutions: Solution, observable: Callable[[Solution], Any]) -> Any:
    def at(solution: Solution) -> Any:
        return jax.tree.map(lambda x: jnp.where(solution.converged, x, jnp.nan), observable(solution))

    # One temperature after the other: a spectrum's nodes fill the cache, and all of them at once take four times as long.
    return jax.lax.map(at, solutions)


def heat_curves(branches: Branches, formula_volume: Any = None, layer_spacing: Any = None) -> Spectra:
    """C / C_n; or C/T in mJ/(mol K^2), with the normal state's, if a volume per formula unit is given.

    At T = 0, where C and C_n vanish, both are NaN.

    Args:
        branches: the solutions.
        formula_volume: volume of one formula unit [angstrom^3].
        layer_spacing: distance of the layers [angstrom] of 2D bands; only with the volume, and 3D bands take none.
    """
    curves, normal = {}, {}
    for label, solutions in branches.items():
        unit = heat_unit(_system(solutions), formula_volume, layer_spacing)
        heat, reference = along_temperatures(_with_normal, solutions)
        if unit is None:
            curves[label] = np.asarray(heat / reference)
        else:
            curves[label], normal[label] = (np.asarray(unit * C / solutions.T) for C in (heat, reference))
    y_label = r"specific heat $C\,/\,C_n$" if formula_volume is None else "$C/T$ (mJ mol$^{-1}$ K$^{-2}$)"
    return _against_temperature(branches, curves, y_label, "specific heat of quasiparticles", normal)


def heat_unit(sc: Superconductor, formula_volume: Any, layer_spacing: Any) -> Any:
    """C in mJ/(mol K) of C = 1, None if no volume is given."""
    check(formula_volume is not None or layer_spacing is None, "layer_spacing", "come with `formula_volume`", layer_spacing)
    return None if formula_volume is None else molar(1.0, sc, formula_volume, layer_spacing)


def _with_normal(solution: Solution) -> Any:
    return specific_heat(solution), normal_specific_heat(solution.superconductor, solution.T)


def superfluid_curves(branches: Branches, layer_spacing: Any = None) -> Spectra:
    """rho_s(T) as muSR and microwave experiments show it; of one branch alone, also the share of every band.

    As 1/lambda^2 [1/um^2] if the layer spacing [angstrom] of 2D bands is given, or the bands are 3D; else relative to n/m of
    all carriers.
    """
    dimensions = sorted({solutions.superconductor.dimension for solutions in branches.values()})
    check(len(dimensions) == 1, "branches", "have bands of one dimension", dimensions)
    absolute = dimensions == [3] or layer_spacing is not None
    curves = {}
    for label, solutions in branches.items():
        sc = _system(solutions)
        scale = _full_weight(sc, layer_spacing) if absolute else 1.0
        density = along_temperatures(superfluid_density, solutions)
        curves[label or "total"] = scale * np.asarray(density.total)
        if len(branches) == 1:
            curves |= zip(sc.band_names, scale * np.asarray(density.bands).T, strict=True)
    y_label = r"$\lambda^{-2}$ ($\mu$m$^{-2}$)" if absolute else r"superfluid density $\rho_s$"
    return _against_temperature(branches, curves, y_label, "superfluid density, clean and local")


def _full_weight(sc: Superconductor, layer_spacing: Any) -> float:
    """1/lambda^2 [1/um^2] of all carriers."""
    return float(jnp.sum(carrier_weight(sc)) * states_per_volume(sc, layer_spacing)) / london_density * 1e6


def relaxation_curves(branches: Branches, Gamma: float, weights: Any = None) -> Spectra:
    """1/(T_1 T) relative to the normal state, with Dynes broadening Gamma [meV]; the weights are those of `relaxation_rate`."""
    curves = {}
    for label, solutions in branches.items():
        # A pytree, not a closure: one program for all broadenings and weights.
        A = pair_weights(weights, len(solutions.superconductor.bands))
        rate = eqx.Partial(relaxation_rate, Gamma=positive("Gamma", Gamma, "meV"), weights=A)
        curves[label] = np.asarray(along_temperatures(rate, solutions))
    title = rf"nuclear relaxation, $\Gamma$ = {Gamma:g} meV"
    return _against_temperature(branches, curves, r"$(1/T_1T)\,/\,(1/T_1T)_n$", title)


def _system(solutions: Solution) -> Superconductor:
    """The system of all of them."""
    return jax.tree.map(lambda leaf: leaf[0], solutions.superconductor)


def _against_temperature(
    branches: Branches, curves: dict[str, np.ndarray], y_label: str, title: str, normal: Mapping[str, np.ndarray] | None = None
) -> Spectra:
    axes = [np.asarray(solutions.T) for solutions in branches.values()]
    check(all(np.array_equal(T, axes[0]) for T in axes), "branches", "have the same temperatures", [len(T) for T in axes])
    return Spectra(axes[0], curves, "temperature $T$ (K)", y_label, "T_K", title, normal=normal or {})
