"""Phases of the pair amplitudes: what s++ and s+- are about.

A phase means something only between channels that are coupled, directly or through others (`jaxgap.equations.groups`): every
channel's is given relative to the first band of its group.
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxgap.equations.groups import coupled_channels
from jaxgap.observables.quantity import Quantity
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.pair import abs2

__all__ = ["phase_difference", "relative_signs"]


@takes_solution
def phase_difference(solution: MeanFieldState) -> Float[Array, "channel"]:
    """Phase of every amplitude relative to that of the first band coupled to it [rad], in (-pi, pi]; NaN where an amplitude is
    zero."""
    relative = solution.Delta * jnp.conj(_first_of_group(solution))
    zero = jnp.abs(relative) == 0
    return jnp.where(zero, jnp.nan, jnp.angle(jnp.where(zero, 1.0, relative)))


@takes_solution
def relative_signs(solution: MeanFieldState) -> Float[Array, "channel"]:
    """cos of the phase relative to the first band coupled to it: +1 or -1 where the amplitudes are real, 0 for a zero one."""
    Delta, first = solution.Delta, _first_of_group(solution)
    size = jnp.sqrt(abs2(Delta) * abs2(first))
    return jnp.where(size > 0, jnp.real(Delta * jnp.conj(first)) / jnp.where(size > 0, size, 1.0), 0.0)


def _first_of_group(solution: MeanFieldState) -> Complex[Array, "channel"]:
    """The amplitude of the first band of every channel's group."""
    return solution.Delta[jnp.argmax(coupled_channels(solution.superconductor), axis=1)]


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

PHASES = (
    Quantity(
        "phase_difference",
        lambda sc, T, s: phase_difference(s),
        ("channel",),
        "rad",
        "phase relative to the first band coupled to it",
    ),
    Quantity(
        "relative_sign", lambda sc, T, s: relative_signs(s), ("channel",), "1", "sign relative to the first band coupled to it"
    ),
)
