"""Phases of the pair amplitudes: what s++ and s+- are about."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap._entry import takes_solution
from jaxgap.solution import Solution
from jaxgap.spectrum import abs2

__all__ = ["phase_difference", "relative_signs"]


@takes_solution
def phase_difference(solution: Solution) -> Float[Array, "channel"]:
    """Phase of every amplitude relative to the first band's [rad], in (-pi, pi]; NaN where an amplitude is zero."""
    relative = solution.Delta * jnp.conj(solution.Delta[0])
    zero = jnp.abs(relative) == 0
    return jnp.where(zero, jnp.nan, jnp.angle(jnp.where(zero, 1.0, relative)))


@takes_solution
def relative_signs(solution: Solution) -> Float[Array, "channel"]:
    """cos of the phase relative to the first band's amplitude: +1 or -1 where the amplitudes are real, 0 for a zero one."""
    Delta = solution.Delta
    size = jnp.sqrt(abs2(Delta) * abs2(Delta[0]))
    return jnp.where(size > 0, jnp.real(Delta * jnp.conj(Delta[0])) / jnp.where(size > 0, size, 1.0), 0.0)
