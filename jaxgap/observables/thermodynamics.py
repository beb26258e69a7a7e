r"""Thermodynamics of a solved state: free energy, entropy, specific heat, critical field.

.. math:: F = \Delta^\dagger g^{-1} \Delta + \varphi = \mathrm{Re}\, \Delta^\dagger P + \varphi \text{ at a solution}

(the second form needs no inverse, so rank-one couplings are allowed). It exists only if g is symmetric. Entropy and specific
heat are those of the quasiparticles, with f the Fermi function and both spins counted,

.. math:: S = -2 k_B \sum_{k, b} [f_b \ln f_b + (1 - f_b) \ln(1 - f_b)], \quad f_b = f(E_b), \qquad
          C = T \frac{dS}{dT} = T \Bigl[ \frac{\partial S}{\partial T}
              - \frac{\partial S}{\partial \Delta} M^{-1} \frac{\partial r}{\partial T} \Bigr]

(J. Bardeen, L. N. Cooper, J. R. Schrieffer, Phys. Rev. 108, 1175 (1957), section III), where the last term is the change of
the amplitudes with temperature, dDelta/dT = -M^-1 dr/dT from the gap equations r = 0. In the shell the sum runs over
the branches b = +-; outside it over the bands' normal states, which exist in the superconductor as in the normal metal: with
them S and C are those of whole bands (at a fixed chemical potential), and the normal state's C/T is that of all states within
reach of k_B T, (2 pi^2 / 3) k_B^2 sum_i N_i for k_B T << |mu_i|. Relative to the normal state they cancel.

Where F exists, S - S_n = -dF/dT and F_n - F = mu_0 H_c^2 / 2. Where it does not (asymmetric g), S and C are still the entropy
and the heat of quasiparticles that fill the levels E_b(T), but no more than that: they are no derivatives of any free
energy, and the area between C/T and its normal value is no condensation energy.
"""

from collections.abc import Mapping
from typing import cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.entropy import normal_entropy_of, normal_specific_heat_of
from jaxgap.equations.free_energy import FREE_ENERGY_RULE
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_known_mu, check_static
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real
from jaxgap.observables.absolute import cells_per_volume, molar, states_per_volume
from jaxgap.observables.curves import along_temperatures, over_temperature, system_of
from jaxgap.observables.measurements import RESIDUAL
from jaxgap.observables.quantity import LAYER_SPACING, Need, Picture, Quantity, Setting
from jaxgap.observables.views import TEMPERATURE, Settings, Spectra
from jaxgap.solving.entry import takes_any_solution, takes_any_system, takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.spectra.quadrature import Rule
from jaxgap.units import magnetic_energy

__all__ = [
    "free_energy",
    "condensation_energy",
    "critical_field",
    "entropy",
    "specific_heat",
    "normal_entropy",
    "normal_specific_heat",
]


NO_FREE_ENERGY = (
    "This system has no free energy: g_cc' = lambda_cc' / N_c' is not symmetric, so its gap equations are not the "
    "stationarity of any functional (detailed balance does not hold)."
)

# --- free energy ------------------------------------------------------------------------------------------------------


@takes_solution
def free_energy(solution: MeanFieldState, rule: Rule = FREE_ENERGY_RULE) -> Float[Array, ""]:
    """Free energy relative to the normal state [meV^2 times the unit of N]; divide by a density of states to compare.

    Raises:
        InputError: if g = lambda / N is not symmetric: then no free energy exists, and that of a symmetrised system would
            be another system's. Under tracing the result is NaN instead.
    """
    sc = solution.superconductor
    symmetric = sc.has_free_energy
    if is_concrete(symmetric) and not bool(jnp.all(symmetric)):
        raise InputError(NO_FREE_ENERGY)
    return solution.free_energy(rule)


@takes_solution
def condensation_energy(solution: MeanFieldState) -> Float[Array, ""]:
    """F_n - F of a state [meV^2 times the unit of N], positive where it beats the normal state; see `free_energy`."""
    return -free_energy(solution)


@takes_solution
def critical_field(solution: MeanFieldState, layer_spacing: Real | None = None, cell: object = None) -> Float[Array, ""]:
    r"""Thermodynamic critical field mu_0 H_c [T]; NaN where the normal state has the lower free energy.

    .. math:: (\mu_0 H_c)^2 / 2 \mu_0 = (F_n - F) / V

    The densities of states are absolute, from the masses (`jaxgap.observables.absolute`).

    Args:
        solution: the state.
        layer_spacing: distance of the layers [angstrom] of 2D bands or of a 2D lattice; in 3D there is none.
        cell: of a lattice, its vectors [angstrom], one a row, or their lengths where they are orthogonal; bands take none.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> round(float(jg.observables.critical_field(solution, layer_spacing=6.0)), 3)
        0.213
    """
    sc = solution.superconductor
    check(bool(not sc.beyond) or cell is None, "cell", "not be given: bands have their densities from their masses", cell)
    per_volume = states_per_volume(sc, layer_spacing) if sc.beyond else cells_per_volume(sc, cell, layer_spacing)
    energy = condensation_energy(solution) * per_volume
    return jnp.where(energy >= 0, safe_sqrt(magnetic_energy * energy), jnp.nan)


# --- entropy and specific heat ----------------------------------------------------------------------------------------


@takes_any_solution
@program
def entropy(solution: MeanFieldState) -> Float[Array, ""]:
    """Entropy S of the quasiparticles and of the normal states outside the shell [meV^2/K times the unit of N]; of impurities
    and an instantaneous interaction with the averaged density of states (`jaxgap.solving.dressed_response`)."""
    return solution.entropy()


@takes_any_solution
@program
def specific_heat(solution: MeanFieldState) -> Float[Array, ""]:
    """Specific heat C = T dS/dT along the state's branch [meV^2/K times the unit of N].

    It diverges at a fold, where the branch ends. See `specific_heat_jump` for T_c itself. Of three or more cross-paired bands
    it has first derivatives; second ones are NaN.
    """
    return solution.specific_heat()


@takes_any_system
def normal_entropy(sc: Superconductor, T: Real) -> Float[Array, ""]:
    """Entropy S_n of the normal state at T [K], from whole bands [meV^2/K times the unit of N]."""
    return _normal_entropy(_bare(sc), _temperature(T))


@takes_any_system
def normal_specific_heat(sc: Superconductor, T: Real) -> Float[Array, ""]:
    """Specific heat C_n of the normal state at T [K], from whole bands [meV^2/K times the unit of N]."""
    return _normal_specific_heat(_bare(sc), _temperature(T))


def _bare(sc: Superconductor) -> Superconductor:
    """The system, whose normal state is that of its bands: impurities do not change it, phonons would."""
    check_known_mu(sc)
    if sc.is_retarded and cast(RetardedSuperconductor, sc).spectra:
        check_static(sc)
    return sc


def _temperature(T: Real) -> Float[Array, ""]:
    check_finite("T", T)
    check(jnp.shape(T) == (), "T", "be one number [K] (for many temperatures: jax.vmap)", f"shape {jnp.shape(T)}")
    if is_concrete(T):
        check(float(T) >= 0, "T", "not be negative [K]", float(T))
    return jnp.asarray(T, jnp.float64)


_normal_entropy, _normal_specific_heat = program(normal_entropy_of), program(normal_specific_heat_of)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------


def heat_curves(
    branches: Mapping[str, Solution], formula_volume: Real | None = None, layer_spacing: Real | None = None
) -> Spectra:
    """C / C_n; or C/T in mJ/(mol K^2), with the normal state's, if a volume per formula unit is given.

    At T = 0, where C and C_n vanish, both are NaN.

    Args:
        branches: solutions along temperatures by the label that the legend shows.
        formula_volume: volume of one formula unit [angstrom^3].
        layer_spacing: distance of the layers [angstrom] of 2D bands; only with the volume, and 3D bands take none.
    """
    curves, normal = {}, {}
    for label, solutions in branches.items():
        unit = _heat_unit(system_of(solutions), formula_volume, layer_spacing)
        heat, reference = along_temperatures(_with_normal, solutions)
        if unit is None:
            curves[label] = np.asarray(heat / reference)
        else:
            curves[label], normal[label] = (np.asarray(unit * C / solutions.T) for C in (heat, reference))
    y_label = r"specific heat $C\,/\,C_n$" if formula_volume is None else "$C/T$ (mJ mol$^{-1}$ K$^{-2}$)"
    return over_temperature(branches, curves, y_label, "specific heat of quasiparticles", normal)


def _with_normal(solution: Solution) -> tuple[Float[Array, ""], Float[Array, ""]]:
    return specific_heat(solution), normal_specific_heat(solution.superconductor, solution.T)


def _heat_unit(sc: Superconductor, formula_volume: Real | None, layer_spacing: Real | None) -> Float[Array, ""] | None:
    """C in mJ/(mol K) of C = 1, None if no volume is given."""
    check(formula_volume is not None or layer_spacing is None, "layer_spacing", "come with `formula_volume`", layer_spacing)
    return None if formula_volume is None else molar(1.0, sc, formula_volume, layer_spacing)


def _refused(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    _heat_unit(sc, settings["formula_volume"], settings["layer_spacing"])


FREE_ENERGY = Quantity(
    "free_energy",
    lambda sc, T, s: s.free_energy(),
    (),
    "meV^2 N",
    "free energy relative to the normal state",
)
HEAT = Quantity(
    "heat",
    lambda sc, T, s: s.specific_heat() / normal_specific_heat_of(sc, T),
    long_name="specific heat relative to the normal state",
    needs=Need.STATE,
    normal=1.0,
    datum="heat",
    measurement=RESIDUAL,
    picture=Picture(
        TEMPERATURE,
        "specific heat over temperature: C / C_n, or C/T in mJ/(mol K^2) with --formula-volume",
        seen=lambda view: heat_curves(view.states, view.settings["formula_volume"], view.settings["layer_spacing"]),
        settings=(
            Setting("formula_volume", None, "angstrom^3", "Volume per formula unit [angstrom^3], for heat.", positive=True),
            LAYER_SPACING,
        ),
        refused=_refused,
    ),
)
