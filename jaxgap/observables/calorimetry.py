r"""What a calorimeter and a magnetometer read: C/T with its lattice, entropy, jump, condensation energy, critical field.

.. math:: \frac{C}{T} = \gamma_n \Bigl[ (1 - r) \frac{C_s}{C_n} + r \Bigr] + \beta T^2 + \delta T^4, \qquad
          U = \gamma_n \frac{F_n - F}{(2\pi^2/3) k_B^2 \sum_i N_i}, \qquad \frac{(\mu_0 H_c)^2}{2 \mu_0} = \frac{F_n - F}{V}

with the quasiparticles' heat C_s and that of the normal state (`thermodynamics`), the Sommerfeld coefficient gamma_n
[mJ/(mol K^2)], the fraction r that stays normal, and the lattice's Debye term and the next (N. E. Phillips, Crit. Rev. Solid
State Sci. 2, 467 (1971)). In the condensation energy U [mJ/mol] the measured gamma_n stands for the densities of states: masses
of a band calculation lack what phonons add. The critical field takes them from the masses; what is off is its `scale`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.entropy import normal_entropy_of, normal_specific_heat_of
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.types import Scalar
from jaxgap.observables.absolute import states_per_volume
from jaxgap.observables.discontinuities import specific_heat_jump
from jaxgap.observables.measurements import LATTICE, RESIDUAL, RESIDUAL_FRACTION, SCALED
from jaxgap.observables.quantity import LAYER_SPACING, Need, Picture, Quantity, Setting, where_paired
from jaxgap.observables.thermodynamics import NO_FREE_ENERGY
from jaxgap.observables.views import TEMPERATURE, Settings
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.units import k_B, magnetic_energy

__all__ = ["CALORIMETRY", "CRITICAL_FIELD", "HEAT_OVER_T"]

GAMMA_N = Setting(
    "gamma_n",
    None,
    "mJ/(mol K^2)",
    "Sommerfeld coefficient of the normal state [mJ/(mol K^2)].",
    positive=True,
    bounds=(0.1, 100.0),
    required=True,
)


def heat_over_T_of(
    sc: Superconductor, T: Scalar, state: MeanFieldState, gamma_n: float | Scalar, residual: float | Scalar
) -> Float[Array, ""]:
    """gamma_n [(1 - r) C / C_n + r] [mJ/(mol K^2)]: the electrons' share of C/T."""
    ratio = where_paired(state, lambda s: s.specific_heat() / normal_specific_heat_of(sc, T), 1.0)
    return gamma_n * ((1 - residual) * ratio + residual)


def condensation_energy_of(sc: Superconductor, state: MeanFieldState, gamma_n: float | Scalar) -> Float[Array, ""]:
    """F_n - F [mJ/mol] of a system whose normal state has the Sommerfeld coefficient gamma_n."""
    return -gamma_n * state.free_energy() / (2 * jnp.pi**2 / 3 * k_B**2 * jnp.sum(sc.band_densities))


def critical_field_of(sc: Superconductor, state: MeanFieldState, layer_spacing: float | Scalar | None) -> Float[Array, ""]:
    """mu_0 H_c [T]; -sqrt of the same where the normal state has the lower free energy: a fit then knows which way to go."""
    energy = -magnetic_energy * state.free_energy() * states_per_volume(sc, layer_spacing)
    return jnp.sign(energy) * safe_sqrt(jnp.abs(energy))


def _without_free_energy(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    if not bool(jnp.all(sc.has_free_energy)):
        raise InputError(NO_FREE_ENERGY)


def _without_field(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    _without_free_energy(sc, T, settings)
    states_per_volume(sc, settings["layer_spacing"])


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

HEAT_OVER_T = Quantity(
    "heat_over_T",
    heat_over_T_of,
    units="mJ/(mol K^2)",
    long_name="specific heat over temperature",
    needs=Need.STATE,
    settings=(GAMMA_N, RESIDUAL_FRACTION),
    datum="heat_over_T",
    measurement=LATTICE,
    picture=Picture(
        TEMPERATURE,
        "C/T of the electrons over temperature, in mJ/(mol K^2), of a normal state with --gamma-n",
        "$C/T$ (mJ mol$^{-1}$ K$^{-2}$)",
        r"specific heat of quasiparticles, $\gamma_n$ = {gamma_n:g} mJ mol$^{{-1}}$ K$^{{-2}}$",
    ),
)
ENTROPY = Quantity(
    "entropy",
    lambda sc, T, s: s.entropy() / normal_entropy_of(sc, T),
    long_name="entropy relative to the normal state",
    needs=Need.STATE,
    normal=1.0,
    datum="entropy",
    measurement=RESIDUAL,
    picture=Picture(TEMPERATURE, "entropy over temperature, relative to the normal state", "$S\\,/\\,S_n$", "quasiparticles"),
)
HEAT_JUMP = Quantity(
    "heat_jump",
    lambda sc, T, s: specific_heat_jump(sc),
    long_name="(C - C_n) / C_n just below T_c",
    needs=Need.SYSTEM,
    datum="heat_jump",
)
CONDENSATION = Quantity(
    "condensation_energy",
    lambda sc, T, s, gamma_n: condensation_energy_of(sc, s, gamma_n),
    units="mJ/mol",
    long_name="free energy of the normal state above that of the superconductor",
    needs=Need.STATE,
    settings=(GAMMA_N,),
    normal=0.0,
    datum="condensation_energy",
    measurement=SCALED,
    refused=_without_free_energy,
)
CRITICAL_FIELD = Quantity(
    "critical_field",
    lambda sc, T, s, layer_spacing: critical_field_of(sc, s, layer_spacing),
    units="T",
    long_name="thermodynamic critical field mu_0 H_c",
    needs=Need.STATE,
    settings=(LAYER_SPACING,),
    normal=0.0,
    datum="critical_field",
    measurement=SCALED,
    refused=_without_field,
    picture=Picture(TEMPERATURE, "thermodynamic critical field over temperature", r"$\mu_0 H_c$ (T)", "critical field"),
)
CALORIMETRY = (HEAT_OVER_T, ENTROPY, HEAT_JUMP, CONDENSATION, CRITICAL_FIELD)
