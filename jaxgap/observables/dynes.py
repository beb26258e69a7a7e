r"""Which Dynes broadening a disordered sample shows, and how far its density of states is from that of any.

Dynes, Narayanamurti and Garno broaden the spectrum of the clean state by hand (Phys. Rev. Lett. 41, 1509 (1978)),

.. math:: N_D(\omega; \Gamma, s) = N(\omega + i\Gamma; s\Delta)|_{\rm clean}, \qquad
          \text{of one band} \quad \mathrm{Re} \frac{\omega + i\Gamma}{\sqrt{(\omega + i\Gamma)^2 - s^2 \Delta^2}}

Impurities make such a spectrum exactly if the fields that break pairs have a Lorentzian distribution of width Gamma (F. Herman
and R. Hlubina, Phys. Rev. B 94, 144508 (2016)): electrons then have i(omega_n + Gamma) for i omega_n, T_c follows from

.. math:: \ln \frac{T_{c0}}{T_c} = \psi\Bigl(\frac12 + \frac{\Gamma}{2 \pi k_B T_c}\Bigr) - \psi\Bigl(\frac12\Bigr) ,

and Gamma is the pair breaking alpha of Abrikosov and Gor'kov. Spins of one strength have the same T_c, and another spectrum: it
has a sharp edge below alpha = Delta, where Dynes' has states at all energies. A broadening that is fitted to it is then not
alpha; impurities that break no pairs have none, whatever they do to the resistivity.
"""

from dataclasses import replace
from typing import NamedTuple, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.numerics.checks import NotConvergedError, check, check_finite
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables.density_of_states import tunnelling_density_of_states
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.state import PairedState

__all__ = ["DynesParameter", "dynes_parameter"]

ENERGIES, REACH = 241, 3.0
"""At which spectra are compared, and up to where, in units of the largest amplitude of the order parameter."""
RESOLUTION = 0.02
"""In the same units: what both spectra are seen with, so that a peak without broadening is finite."""
WIDEST = 3.0
"""Largest Gamma that is tried, in the same units."""
SCALES = (0.2, 2.0)
"""Of the amplitudes."""
TIGHT = 1e-10
END = 1e-3
"""Nearer to an end of what is tried, in units of it, nothing was found."""


class DynesParameter(NamedTuple):
    """The clean spectrum, broadened, that is nearest to a disordered one."""

    Gamma: float
    """Its broadening [meV]."""
    scale: float
    """Its amplitudes in units of the order parameter of the disordered state."""
    difference: float
    """The largest difference of both, in units of the normal density of states: how far Dynes' form is from the truth."""
    omega: float
    """Where that is [meV]."""


@takes_any_solution
def dynes_parameter(solution: PairedState, omega: Reals | None = None, resolution: Real | None = None) -> DynesParameter:
    r"""The Gamma (and the scale of the amplitudes) with which Dynes' spectrum is nearest to that of a disordered state.

    .. math:: \min_{\Gamma, s} \sum_\omega \left[ N(\omega + i r) - N_D(\omega + i r; \Gamma, s) \right]^2

    Args:
        solution: a state with impurities and a Matsubara cutoff.
        omega: energies at which both are compared [meV]; by default from 0 to three times the largest amplitude.
        resolution: r [meV], not 0; by default 2 % of that amplitude.

    Raises:
        InputError: for a state without impurities, energies that are none, or a resolution that is not positive.
        NotConvergedError: where an energy of the spectrum, or the least squares, did not converge, or ended at an end of what
            is tried.

    Example:
        >>> spins = jg.Disorder(density=0.05, J=1.0)
        >>> sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=0.3, interaction=jg.MatsubaraCutoff(30.0), disorder=spins)
        >>> found = jg.observables.dynes_parameter(jg.solve(sc, 0.5))
        >>> print(f"{found.Gamma:.3f} meV, {found.scale:.3f}, off by {found.difference:.2f}")
        0.257 meV, 0.849, off by 0.26
    """
    state = _dressed(solution)
    largest = float(jnp.max(jnp.abs(state.pairing)))
    check(largest > 0, "solution", "be superconducting", "the normal state")
    width = RESOLUTION * largest if resolution is None else resolution
    check_finite("resolution", width)
    check(float(np.asarray(width)) > 0, "resolution", "be positive [meV]", width)
    energies = np.linspace(0.0, REACH * largest, ENERGIES) if omega is None else np.atleast_1d(np.asarray(omega, float))
    check_finite("omega", energies)
    check(energies.ndim == 1 and energies.size >= 2, "omega", "be a list of two energies or more [meV]", energies.shape)
    return _nearest(state, energies, float(np.asarray(width)), largest)


def _dressed(solution: PairedState) -> DressedState:
    disordered = solution.superconductor.is_disordered
    check(disordered, "solution", "have impurities (of a clean state Gamma is what one chooses)", "a clean one")
    state = solution.at_real_energies() if isinstance(solution, RetardedSolution) else solution
    assert isinstance(state, DressedState)
    return state


def _nearest(state: DressedState, omega: Float[np.ndarray, "omega"], resolution: float, largest: float) -> DynesParameter:
    # Scipy takes time to import, and no other experiment needs it.
    from scipy.optimize import least_squares

    sc = state.superconductor
    densities = [path for path in sc.paths if path.startswith("disorder") and path.endswith("density")]
    without = cast(RetardedSuperconductor, sc.set(dict.fromkeys(densities, 0.0)))
    clean = replace(state, superconductor=without)
    seen = _spectrum(state, omega, resolution)

    def off(x: np.ndarray) -> np.ndarray:
        Gamma, scale = x[0] * largest, x[1]
        difference: np.ndarray = _spectrum(replace(clean, pairing=scale * state.pairing), omega, resolution + Gamma) - seen
        return difference

    bounds = ([0.0, SCALES[0]], [WIDEST, SCALES[1]])
    found = least_squares(off, [0.1, 1.0], bounds=bounds, jac="3-point", xtol=TIGHT, ftol=TIGHT, gtol=TIGHT)
    if not found.success:
        raise NotConvergedError(f"No broadening was found within {found.nfev} evaluations.")
    if found.x[0] >= (1 - END) * WIDEST or not (1 + END) * SCALES[0] < found.x[1] < (1 - END) * SCALES[1]:
        raise NotConvergedError(
            f"No Dynes spectrum is nearest: at the energies given the best Gamma, {found.x[0] * largest:.4g} meV, or the scale "
            f"of the amplitudes, {found.x[1]:.4g}, is the largest or smallest that is tried."
        )
    worst = int(np.argmax(np.abs(found.fun)))
    return DynesParameter(float(found.x[0]) * largest, float(found.x[1]), float(abs(found.fun[worst])), float(omega[worst]))


def _spectrum(state: DressedState, omega: Float[np.ndarray, "omega"], Gamma: float) -> Float[np.ndarray, "omega"]:
    N = np.asarray(tunnelling_density_of_states(state, omega, Gamma).total)
    if not np.isfinite(N).all():
        raise NotConvergedError(f"The self-energy was not found at {omega[~np.isfinite(N)][0]:.4g} meV.")
    return N
