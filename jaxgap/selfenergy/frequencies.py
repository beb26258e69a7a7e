"""How many Matsubara frequencies a retarded interaction needs at a temperature, and what too few of them leave."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.retarded import FREQUENCIES, REACH, RetardedSuperconductor
from jaxgap.numerics.checks import InputError, is_concrete
from jaxgap.units import k_B

__all__ = ["MOST", "coldest", "settled", "truncation_error"]

FEWEST = 64
MOST = 65536
LEAST_REACH = 12.0
"""omega_N in units of the highest phonon below which nothing is solved: T_c would be off by 1e-4 even without mu*."""


def reach(sc: RetardedSuperconductor) -> float:
    """omega_N in units of the spectrum's highest frequency that is aimed at; a mere cutoff needs all frequencies below it."""
    return REACH if sc.spectra else 1.02


def settled(sc: RetardedSuperconductor, T: Float[Array, ""]) -> RetardedSuperconductor:
    """The system with so many frequencies as T [K] asks for, where numbers are known; a power of two.

    Raises:
        InputError: if T is too low for as many as there can be, or as the user gave.
    """
    if not is_concrete(sc, T):
        return sc if sc.frequencies else replace(sc, frequencies=FREQUENCIES)
    highest = float(np.asarray(sc.highest))
    per_frequency = 2 * np.pi * k_B * float(np.asarray(T))
    least = (LEAST_REACH if sc.spectra else 1.0) * highest
    given = sc.frequencies or MOST
    if not per_frequency * given >= least:
        lowest = least / (2 * np.pi * k_B * given)
        raise InputError(
            f"Argument `T` must be at least {lowest:.3g} K for a spectrum up to {highest:g} meV and {given} Matsubara "
            f"frequencies, but got {float(np.asarray(T)):g}."
        )
    if sc.frequencies:
        return sc
    wanted = reach(sc) * highest / per_frequency + 1
    return replace(sc, frequencies=int(min(MOST, max(FEWEST, 2 ** np.ceil(np.log2(wanted))))))


def coldest(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """The temperature [K] down to which its frequencies resolve its spectrum."""
    least = LEAST_REACH if sc.spectra else 1.0
    return least * sc.highest / (2 * jnp.pi * k_B * (sc.frequencies or FREQUENCIES))


def truncation_error(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Float[Array, ""]:
    """Estimated relative error of amplitudes by frequencies beyond omega_N: 2 (w / omega_N)^4, and 2 mu* (w / omega_N)^2 (the
    largest sum of a row of mu*), as measured from 12 to 100; infinite where they do not resolve the spectrum, or do not reach
    the cutoff."""
    N = sc.frequencies or FREQUENCIES
    x = sc.highest / (2 * jnp.pi * k_B * T * N)
    if not sc.spectra:
        return jnp.where(x <= 1.0, 0.0, jnp.inf)
    repulsion = 0.0 if sc.mu_star is None else jnp.max(jnp.sum(jnp.abs(sc.mu_star), axis=1))
    return jnp.where(x <= 1 / LEAST_REACH, 2 * (x**4 + repulsion * x**2), jnp.inf)
