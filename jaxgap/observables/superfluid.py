r"""Superfluid density and penetration depth of a state: what muons, microwaves and magnetometers see.

.. math:: F(q) - F(0) = D \, \frac{\hbar^2 q^2}{2 m_e} + O(q^4), \qquad \frac{1}{\lambda^2} = \frac{\mu_0 e^2}{m_e} D,
          \qquad \rho_s = D / \sum_i \frac{n_i}{|m_i|}

D is the weight of the state's response to a uniform twist: of constant amplitudes `jaxgap.equations.superfluid_weight` has it,
of impurities `jaxgap.solving.dressed_response`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.superfluid_weight import carrier_weight
from jaxgap.model.band import check_carriers
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real
from jaxgap.observables.absolute import states_per_volume
from jaxgap.observables.curves import along_temperatures, over_temperature, system_of
from jaxgap.observables.measurements import SCALED
from jaxgap.observables.quantity import LAYER_SPACING, Need, Picture, Quantity
from jaxgap.observables.stiffness import depths_of_lattice
from jaxgap.observables.views import TEMPERATURE, Settings, Spectra
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.solution import Solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.pair import abs2
from jaxgap.units import london_density

__all__ = [
    "SuperfluidDensity",
    "superfluid_density",
    "penetration_depth",
    "full_weight",
    "superfluid_fraction_of",
]


class SuperfluidDensity(NamedTuple):
    """Superfluid density relative to n/m of all carriers: 1 at T = 0 for bands that pair alone."""

    total: Float[Array, ""]
    bands: Float[Array, "band"]
    """Supercurrent that every band carries; they add up to the total. Of cross-paired bands it is that of the band's own
    electrons in the twist of all of them, and can exceed what its carriers would have alone."""


@takes_any_solution
def superfluid_density(solution: MeanFieldState) -> SuperfluidDensity:
    """rho_s = D / sum_i (n_i / |m_i|) of a state: what (lambda(0)/lambda(T))^2 measures, up to the value at T = 0.

    n_i are the electrons (of a hole band: the holes) of the normal state at the same chemical potential: fewer than are paired
    in a shallow band, where rho_s exceeds 1 by as much, and none in an incipient one.

    Local: lambda much longer than the coherence length; clean unless the system has impurities
    (`jaxgap.solving.dressed_response`). At T = 0 exactly a gapless state is that of a gap that vanishes afterwards: its
    quasiparticles at E = 0 are a delta function that is left out.
    """
    check_carriers(solution.superconductor.bands, "the superfluid density")
    return _superfluid_density(solution)


@program
def _superfluid_density(solution: MeanFieldState) -> SuperfluidDensity:
    sc = solution.superconductor
    bands = solution.superfluid_weights() / jnp.sum(carrier_weight(sc))
    return SuperfluidDensity(jnp.sum(bands), bands)


@takes_any_solution
def penetration_depth(
    solution: MeanFieldState, layer_spacing: Real | None = None, cell: object = None
) -> Float[Array, "*axis"]:
    """London penetration depth lambda [nm] of a state; infinite in the normal state, NaN if D is negative.

    The densities are absolute, from the masses (`jaxgap.observables.absolute`); of 2D bands it is that of currents in the
    layers. Of a lattice it is one for currents along each of x, y (and z), from `superfluid_stiffness`.

    Args:
        solution: the state.
        layer_spacing: distance of the layers [angstrom] of 2D bands, or of a 2D lattice; in 3D there is none.
        cell: of a lattice, its vectors [angstrom], one a row, or their lengths where they are orthogonal; bands take none.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> round(float(jg.observables.penetration_depth(solution, layer_spacing=6.0)), 1)
        100.7
    """
    if isinstance(solution.superconductor, Lattice):
        return depths_of_lattice(solution, layer_spacing, cell)
    check(cell is None, "cell", "not be given: bands have their densities from their masses", cell)
    return _penetration_depth(solution, states_per_volume(solution.superconductor, layer_spacing))


@program
def _penetration_depth(solution: MeanFieldState, states: Float[Array, ""]) -> Float[Array, ""]:
    D = jnp.sum(solution.superfluid_weights())
    # In the normal state rounding is left.
    D = jnp.where(jnp.any(abs2(solution.Delta) > 0), D, 0.0)
    return jnp.sqrt(london_density / (D * states))


def full_weight(sc: Superconductor, layer_spacing: Real | None) -> Float[Array, ""]:
    """1/lambda^2 [1/um^2] of all carriers, from the masses."""
    return jnp.sum(carrier_weight(sc)) * states_per_volume(sc, layer_spacing) / london_density * 1e6


def superfluid_fraction_of(state: MeanFieldState | DressedState) -> Float[Array, ""]:
    """rho_s of a state."""
    return jnp.sum(state.superfluid_weights()) / jnp.sum(carrier_weight(state.superconductor))


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def superfluid_curves(branches: Mapping[str, Solution], layer_spacing: Real | None = None) -> Spectra:
    """rho_s(T) as muSR and microwave experiments show it; of one branch alone, also the share of every band.

    As 1/lambda^2 [1/um^2] if the layer spacing [angstrom] of 2D bands is given, or the bands are 3D; else relative to n/m of
    all carriers.
    """
    dimensions = sorted({solutions.superconductor.dimension for solutions in branches.values()})
    check(len(dimensions) == 1, "branches", "have bands of one dimension", dimensions)
    absolute = dimensions == [3] or layer_spacing is not None
    curves = {}
    for label, solutions in branches.items():
        sc = system_of(solutions)
        scale = float(full_weight(sc, layer_spacing)) if absolute else 1.0
        density = along_temperatures(superfluid_density, solutions)
        curves[label or "total"] = scale * np.asarray(density.total)
        if len(branches) == 1:
            curves |= zip(sc.band_names, scale * np.asarray(density.bands).T, strict=True)
    y_label = r"$\lambda^{-2}$ ($\mu$m$^{-2}$)" if absolute else r"superfluid density $\rho_s$"
    return over_temperature(branches, curves, y_label, "superfluid density, local")


def _refused(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    if settings["layer_spacing"] is not None:
        states_per_volume(sc, settings["layer_spacing"])


SUPERFLUID = Quantity(
    "superfluid",
    lambda sc, T, s: superfluid_fraction_of(s),
    long_name="superfluid density relative to n/m of all carriers",
    needs=Need.STATE,
    normal=0.0,
    datum="superfluid",
    measurement=SCALED,
    picture=Picture(
        TEMPERATURE,
        "superfluid density over temperature, or lambda^-2 with --layer-spacing",
        seen=lambda view: superfluid_curves(view.states, view.settings["layer_spacing"]),
        settings=(LAYER_SPACING,),
        refused=_refused,
    ),
)
