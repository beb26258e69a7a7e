r"""What experiments read where gaps are free: the quantities of the registry, with the functions of this room.

.. math:: O_{\rm alpha} = O(t = T/T_c, \alpha_i, w_i) \;\text{ of thermodynamics and the superfluid density}, \qquad
          O = O(\Delta_i, w_i; \text{points}, \text{settings}) \;\text{ of spectra}

A quantity keeps its name, unit, settings and measurement: the numbers of an experiment (a scale, a background, gamma_n,
lambda_0) are the same whichever model is fitted, and so are the densities from the masses where nothing else gives them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.fitting.empirical.andreev import andreev_conductance
from jaxgap.fitting.empirical.gap import ALPHA_BCS
from jaxgap.fitting.empirical.heat import JUMP, condensation_energy, entropy, specific_heat
from jaxgap.fitting.empirical.relaxation import relaxation_rate
from jaxgap.fitting.empirical.superfluid import superfluid_density
from jaxgap.fitting.empirical.tunnelling import density_of_states, tunnelling_conductance
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.types import Scalar
from jaxgap.observables.absolute import states_per_volume
from jaxgap.observables.muon_rotation import depolarisation_of
from jaxgap.observables.penetration import change_of, depth_of, inverse_square_of
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Quantity
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.units import k_B, magnetic_energy, thermal_energy

__all__ = ["CARRIERS", "ELECTRONS", "GAPS", "SPECTRA", "FreeGaps", "quantity_of"]

Number = float | Scalar
Points = Float[Array, "point"]


class FreeGaps(NamedTuple):
    """What an empirical model says of a sample at one temperature: it stands where a state does."""

    t: Scalar
    """T / T_c; NaN, as the next two, where gaps are free at every temperature."""
    T_c: Scalar
    """[K]"""
    alpha: Float[Array, "gap"]
    """Delta(0) / k_B T_c."""
    Delta: Float[Array, "gap"]
    """At this temperature [meV]."""
    weights: Float[Array, "gap"]
    """What each gap counts in the quantity that is asked for; they add up to one."""
    by_name: Float[Array, "name"]
    """The gap [meV] of every branch, or band, of the system."""


def _heat(sc: Superconductor, T: Scalar, s: FreeGaps) -> Scalar:
    return specific_heat(s.t[None], s.alpha, s.weights)[0]


def _heat_over_T(sc: Superconductor, T: Scalar, s: FreeGaps, gamma_n: Number, residual: Number) -> Scalar:
    return gamma_n * ((1 - residual) * _heat(sc, T, s) + residual)


def _entropy(sc: Superconductor, T: Scalar, s: FreeGaps) -> Scalar:
    return entropy(s.t[None], s.alpha, s.weights)[0]


def _jump(sc: Superconductor, T: Scalar | None, s: FreeGaps) -> Scalar:
    return JUMP * s.weights @ (s.alpha / ALPHA_BCS) ** 2


def _energy(s: FreeGaps) -> Scalar:
    """(F_n - F) / gamma [K^2]."""
    return s.T_c**2 * condensation_energy(s.t[None], s.alpha, s.weights)[0]


def _condensation_energy(sc: Superconductor, T: Scalar, s: FreeGaps, gamma_n: Number) -> Scalar:
    return gamma_n * _energy(s)


def _critical_field(sc: Superconductor, T: Scalar, s: FreeGaps, layer_spacing: Number | None) -> Scalar:
    gamma = 2 * jnp.pi**2 / 3 * k_B**2 * jnp.sum(sc.band_densities)
    return safe_sqrt(magnetic_energy * gamma * _energy(s) * states_per_volume(sc, layer_spacing))


def _superfluid(sc: Superconductor, T: Scalar, s: FreeGaps) -> Scalar:
    return superfluid_density(s.t[None], s.alpha, s.weights)[0]


def _inverse_square(
    sc: Superconductor, T: Scalar, s: FreeGaps, lambda_0: Number | None, layer_spacing: Number | None
) -> Scalar:
    return inverse_square_of(sc, lambda_0, layer_spacing) * _superfluid(sc, T, s)


def _depth(sc: Superconductor, T: Scalar, s: FreeGaps, lambda_0: Number | None, layer_spacing: Number | None) -> Scalar:
    return depth_of(_superfluid(sc, T, s), inverse_square_of(sc, lambda_0, layer_spacing))


def _change(sc: Superconductor, T: Scalar, s: FreeGaps, lambda_0: Number | None, layer_spacing: Number | None) -> Scalar:
    return change_of(_superfluid(sc, T, s), inverse_square_of(sc, lambda_0, layer_spacing))


def _muons(sc: Superconductor, T: Scalar, s: FreeGaps, lambda_0: Number | None, layer_spacing: Number | None) -> Scalar:
    return depolarisation_of(_inverse_square(sc, T, s, lambda_0, layer_spacing))


def _tunnelling(sc: Superconductor, T: Scalar, s: FreeGaps, V: Points, Gamma: Number, weights: object) -> Points:
    # The weights of bands are those of the gap equations' bands: here gaps have their own.
    return tunnelling_conductance(V, T, s.Delta, jnp.asarray(Gamma), s.weights)


def _density(sc: Superconductor, T: Scalar, s: FreeGaps, omega: Points, Gamma: Number, weights: object) -> Points:
    return density_of_states(omega, s.Delta, jnp.asarray(Gamma), s.weights)


def _andreev(
    sc: Superconductor, T: Scalar, s: FreeGaps, V: Points, Gamma: Number, Z: Number, weights: object, polarisation: Number
) -> Points:
    return andreev_conductance(V, T, s.Delta, jnp.asarray(Gamma), jnp.asarray(Z), s.weights, jnp.asarray(polarisation))


def _relaxation(sc: Superconductor, T: Scalar, s: FreeGaps, Gamma: Number, weights: object) -> Scalar:
    return relaxation_rate(T, s.Delta, jnp.asarray(Gamma), s.weights)


def _relaxation_rate(sc: Superconductor, T: Scalar, s: FreeGaps, Gamma: Number, weights: object, korringa: Number) -> Scalar:
    return korringa * T * _relaxation(sc, T, s, Gamma, weights)


def _attenuation(sc: Superconductor, T: Scalar, s: FreeGaps) -> Scalar:
    """2 f(Delta): J. Bardeen, L. N. Cooper, J. R. Schrieffer, Phys. Rev. 108, 1175 (1957), section IV."""
    return 2 * s.weights @ jax.nn.sigmoid(-s.Delta / thermal_energy(T))


def _by_name(sc: Superconductor, T: Scalar, s: FreeGaps) -> Float[Array, "name"]:
    return s.by_name


ELECTRONS: dict[str, Callable[..., Array]] = {
    "heat": _heat,
    "heat_over_T": _heat_over_T,
    "entropy": _entropy,
    "heat_jump": _jump,
    "condensation_energy": _condensation_energy,
    "critical_field": _critical_field,
}
"""In which gaps count with their share of the electrons, gamma_i / gamma."""
CARRIERS: dict[str, Callable[..., Array]] = {
    "superfluid": _superfluid,
    "inverse_lambda_squared": _inverse_square,
    "penetration_depth": _depth,
    "delta_lambda": _change,
    "sigma_sc": _muons,
}
"""In which they count with their share of n/m."""
SPECTRA: dict[str, Callable[..., Array]] = {
    "dIdV": _tunnelling,
    "dos": _density,
    "andreev": _andreev,
    "nmr": _relaxation,
    "relaxation_rate": _relaxation_rate,
    "ultrasound": _attenuation,
}
"""In which they count with weights of every experiment's own."""
GAPS: dict[str, Callable[..., Array]] = dict.fromkeys(("branch_minimum", "fermi_momentum", "coherence_peak"), _by_name)
"""Gaps themselves, in whichever definition."""
FUNCTIONS = ELECTRONS | CARRIERS | SPECTRA | GAPS


def quantity_of(kind: str) -> Quantity:
    """The row of the registry whose values are those of `FreeGaps`."""
    return replace(MEASURED[kind], function=FUNCTIONS[kind], normal=None, plan=None, refused=None)
