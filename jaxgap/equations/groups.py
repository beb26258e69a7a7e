"""Groups of coupled channels: each has a free phase of its own, and only phases within a group mean anything.

Channels belong to one group if they are coupled, directly or through others, by lambda or by a common spectrum. The amplitudes
of a group may turn together for free: bands that are not coupled have no relative phase or sign.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.pair import abs2

__all__ = ["coupled_channels", "real_parts", "imaginary_share"]


def coupled_channels(sc: Superconductor) -> Float[Array, "channel channel"]:
    """1 for channels that are coupled directly or through others, else 0."""
    linked = np.eye(len(sc.channels), dtype=bool)
    for cluster in sc.clusters:
        linked[np.ix_(cluster.channels, cluster.channels)] = True
    together = jnp.asarray((sc.lam != 0) | (sc.lam.T != 0) | linked, float)
    for _ in range(max(1, (len(linked) - 1).bit_length())):
        together = jnp.asarray(together @ together > 0, float)
    return together


def real_parts(together: Float[Array, "channel channel"], Delta: Inexact[Array, "channel"]) -> Float[Array, "channel"]:
    """Real parts after the phase that makes its amplitudes as real as possible is taken out of every group, whose sign stays
    open."""
    if not jnp.iscomplexobj(Delta):
        return Delta
    # One number for all channels of a group: two that differ by rounding could have square roots of opposite signs.
    square = (together.astype(complex) @ Delta**2)[jnp.argmax(together, axis=1)]
    size = jnp.abs(square)
    phase = jnp.where(size > 0, jnp.sqrt(square / jnp.where(size > 0, size, 1.0)), 1.0)
    return jnp.real(Delta * jnp.conj(phase))


def imaginary_share(together: Float[Array, "channel channel"], Delta: Inexact[Array, "channel"]) -> Float[Array, ""]:
    """Twice the share of sum |Delta|^2 that is left to imaginary parts when every group is as real as it can be: sum |Delta|^2
    less |sum Delta^2| of every group, over sum |Delta|^2."""
    members = jnp.sum(together, axis=1)
    left = jnp.sum((together @ abs2(Delta) - jnp.abs(together.astype(complex) @ Delta**2)) / members)
    total = jnp.sum(abs2(Delta))
    return left / jnp.where(total > 0, total, 1.0)
