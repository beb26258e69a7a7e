r"""Tunnelling density of states, with and without Dynes broadening.

.. math:: N_i(\omega) = -\frac{1}{\pi} \,\mathrm{Im} \sum_k G_{ii}(k, \omega + i\Gamma), \qquad
          G = \left[ z - \zeta - \Delta (z + \zeta)^{-1} \Delta^\dagger \right]^{-1}

the electron part of the Green's function of the cross-paired bands (both branches with their coherence factors), with
z = omega + i Gamma as in R. C. Dynes, V. Narayanamurti, J. P. Garno, Phys. Rev. Lett. 41, 1509 (1978). Nodes are placed at
the complex roots of (z^2 - E_+^2)(z^2 - E_-^2) = 0 in kappa, so a small Gamma costs no accuracy; states outside the shell
are normal and are integrated analytically (`spectra.green`). Without broadening it is that of sharp quasiparticles.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.band import check_carriers
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables._checks import band_weights, check_resolved, not_negative
from jaxgap.observables.measurements import background
from jaxgap.observables.quantity import GAMMA, PICTURE_REACH, WEIGHTS, Need, Numbers, Picture, Quantity, Ranges
from jaxgap.observables.views import ENERGY, Spectra, View
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.solution import Solution
from jaxgap.solving.state import PairedState

__all__ = [
    "DensityOfStates",
    "tunnelling_density_of_states",
]


class DensityOfStates(NamedTuple):
    """Density of states relative to the normal state's, weighted as bands tunnel; of a lattice in 1/meV per cell and spin."""

    total: Float[Array, "omega"]
    """Sum over the bands; 1 far from the gaps. Of a lattice over its orbitals."""
    bands: Float[Array, "band omega"]
    """Contribution of every band, or orbital; they add up to the total."""


@takes_solution
def tunnelling_density_of_states(
    solution: PairedState, omega: Reals, Gamma: Real, *, weights: Reals | None = None
) -> DensityOfStates:
    r"""N(omega) / N(0) of a solved state, as a tunnel junction weighs its bands.

    .. math:: N(\omega) / N(0) = \sum_i w_i N_i(\omega) / \sum_i w_i N_i(0)

    Of a lattice, whose N(0) may be singular, it is sum_a w_a N_a(omega) over the orbitals [1/meV per cell and spin]; without
    weights it integrates to the number of orbitals. Its mesh is chosen for Gamma, and two meshes are compared
    (`spectra.lattice_green`): N is right to 1e-4 / depth, the depth being the largest |h - mu|, mostly to 1e-6 / depth. A
    Gamma that no mesh resolves is an `InputError` that says the smallest one, and NaN where JAX traces.

    Args:
        solution: the state.
        omega: energies [meV].
        Gamma: Dynes broadening [meV], not negative. At exactly 0 (a number, not traced) the density of states is that of sharp
            quasiparticles: infinite at the van Hove singularities themselves. A lattice needs one that is positive.
        weights: tunnelling weight of every band (any common factor drops out) or orbital (there it does not); by default all
            tunnel equally.

    Example:
        >>> solution = jg.solve(jg.materials.two_band(), 4.2)
        >>> N = jg.observables.tunnelling_density_of_states(solution, [0.0, 20.0], Gamma=0.1)
        >>> np.asarray(N.total).round(3).tolist()
        [0.022, 1.046]
    """
    check_finite("omega", omega)
    check_carriers(solution.superconductor.beyond, "the density of states")
    broadening = not_negative("Gamma", Gamma, "meV")
    omega = jnp.atleast_1d(jnp.asarray(omega, jnp.float64))
    weights = band_weights(weights, len(solution.superconductor.components))
    check_resolved(solution.superconductor, "Gamma", Gamma)
    if is_concrete(Gamma) and float(Gamma) == 0.0:
        return _clean_density_of_states(solution, omega, weights)
    return _density_of_states(solution, omega, broadening, weights)


@program
def _density_of_states(
    solution: PairedState, omega: Float[Array, "omega"], Gamma: Float[Array, ""], weights: Float[Array, "band"]
) -> DensityOfStates:
    sc = solution.superconductor
    G = solution.local_functions_at(omega + 1j * Gamma).G.T
    return _weighted(sc, -G.imag / jnp.pi, weights)


@program
def _clean_density_of_states(
    solution: PairedState, omega: Float[Array, "omega"], weights: Float[Array, "band"]
) -> DensityOfStates:
    sc = solution.superconductor
    N = solution.density_of_states_at(omega).T
    return _weighted(sc, N, weights)


def _weighted(sc: Superconductor, N: Float[Array, "band omega"], weights: Float[Array, "band"]) -> DensityOfStates:
    # A band that does not tunnel adds 0, also where its density of states is infinite.
    weighted = jnp.where(weights[:, None] > 0, weights[:, None] * N, 0.0)
    bands = weighted / sc.normal_density(weights)
    return DensityOfStates(jnp.sum(bands, axis=0), bands)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

TALLEST = 6.0
"""A picture without broadening ends here: its peaks are infinite."""


def density_spectra(states: Mapping[str, Solution], omega: Reals, Gamma: Real = 0.0, weights: Reals | None = None) -> Spectra:
    """N(omega) / N(0) of several states."""
    omega = np.asarray(omega)
    curves = {
        label: np.asarray(tunnelling_density_of_states(s, omega, Gamma, weights=weights).total) for label, s in states.items()
    }
    top = TALLEST if Gamma == 0 and max(curve.max() for curve in curves.values()) > TALLEST else None
    broadening = "no broadening (peaks are infinite)" if Gamma == 0 else rf"$\Gamma$ = {Gamma:g} meV"
    return Spectra(
        omega, curves, ENERGY.label, r"$N(\omega)\,/\,N(0)$", ENERGY.column, f"density of states, {broadening}", top=top
    )


def _seen(view: View) -> Spectra:
    own = {name: view.settings[name] for name in ("Gamma", "weights")}
    return density_spectra(view.states, np.linspace(-view.reach, view.reach, 2001), **own)


def broadened(
    sc: Superconductor, T: Float[np.ndarray, "condition"], points: Mapping[str, np.ndarray], ranges: Ranges
) -> Numbers:
    """Nothing is planned, but a fit needs a broadening: without one the peaks are infinite, and a point that one of them
    passes has no derivative."""
    least = DENSITY_OF_STATES.settings[0].range_in(ranges)[0]
    check(least > 0, "Gamma", "be given, and stay positive [meV], in a fit of a density of states", least)
    return {}


DENSITY_OF_STATES = Quantity(
    "dos",
    lambda sc, T, s, omega, Gamma, weights: tunnelling_density_of_states(s, omega, Gamma, weights=weights).total,
    ("omega",),
    long_name="tunnelling density of states relative to the normal state",
    needs=Need.STATE,
    axes=("omega",),
    settings=(GAMMA._replace(default=0.0), WEIGHTS),
    datum="dos",
    measurement=background("omega", "meV"),
    plan=broadened,
    axis_units={"omega": "meV"},
    picture=Picture(ENERGY, "N(omega) / N(0), exact where no --Gamma is given", seen=_seen, settings=(PICTURE_REACH,)),
)
