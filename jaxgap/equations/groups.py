"""Groups of coupled channels: each has a free phase of its own, and only phases within a group mean anything.

Channels belong to one group if they are coupled, directly or through others, by lambda or by a common spectrum. The amplitudes
of a group may turn together for free: bands that are not coupled have no relative phase or sign.

What is said of amplitudes here holds for one row of them and for many, [..., channel], in arrays of JAX and of numpy alike: the
host, which tells states apart, knows no other definition.
"""

from types import ModuleType
from typing import TypeVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.programs import program

__all__ = [
    "as_real",
    "coupled_channels",
    "coupled_groups",
    "imaginary_share",
    "is_broken",
    "membership",
    "real_parts",
    "turned",
]

A = TypeVar("A", Array, np.ndarray)

REAL = 1e-10
"""Amplitudes count as real up to the free phases if |sum Delta^2| >= (1 - 1e-10) sum |Delta|^2: phases within 1e-5."""


def coupled_channels(sc: Superconductor) -> Float[Array, "channel channel"]:
    """1 for channels that are coupled directly or through others, else 0."""
    linked = np.eye(len(sc.channels), dtype=bool)
    for cluster in sc.clusters:
        linked[np.ix_(cluster.channels, cluster.channels)] = True
    together = jnp.asarray((sc.lam != 0) | (sc.lam.T != 0) | linked, float)
    for _ in range(max(1, (len(linked) - 1).bit_length())):
        together = jnp.asarray(together @ together > 0, float)
    return together


@program
def _coupled(sc: Superconductor) -> Float[Array, "channel channel"]:
    return coupled_channels(sc)


def coupled_groups(sc: Superconductor) -> list[np.ndarray]:
    """The channels of every group."""
    together = np.asarray(_coupled(sc)) > 0
    return [np.flatnonzero(row) for row in np.unique(together, axis=0)]


def membership(groups: list[np.ndarray]) -> Float[np.ndarray, "channel channel"]:
    """`coupled_channels` of the system whose groups these are."""
    n = sum(map(len, groups))
    together = np.zeros((n, n))
    for group in groups:
        together[np.ix_(group, group)] = 1.0
    return together


def _library(Delta: Inexact[A, "*row channel"]) -> ModuleType:
    return np if isinstance(Delta, np.ndarray) else jnp


def turned(together: Float[A, "channel channel"], Delta: Inexact[A, "*row channel"]) -> Inexact[A, "*row channel"]:
    """`Delta` after the phase that makes its amplitudes as real as possible is taken out of every group, whose sign stays
    open."""
    xp = _library(Delta)
    # One number for all channels of a group: two that differ by rounding could have square roots of opposite signs.
    square = (Delta**2 @ together.astype(complex))[..., xp.argmax(together, axis=1)]
    size = xp.abs(square)
    return Delta * xp.conj(xp.where(size > 0, xp.sqrt(square / xp.where(size > 0, size, 1.0)), 1.0))


def real_parts(together: Float[Array, "channel channel"], Delta: Inexact[Array, "channel"]) -> Float[Array, "channel"]:
    """Real parts when every group is as real as it can be."""
    return jnp.real(turned(together, Delta)) if jnp.iscomplexobj(Delta) else Delta


def imaginary_share(together: Float[A, "channel channel"], Delta: Inexact[A, "*row channel"]) -> Float[A, "*row"]:
    """Twice the share of sum |Delta|^2 that is left to imaginary parts when every group is as real as it can be: sum |Delta|^2
    less |sum Delta^2| of every group, over sum |Delta|^2."""
    xp = _library(Delta)
    weight = xp.real(Delta) ** 2 + xp.imag(Delta) ** 2
    left = weight @ together - xp.abs(Delta**2 @ together.astype(complex))
    total = xp.sum(weight, axis=-1)
    return xp.sum(left / xp.sum(together, axis=1), axis=-1) / xp.where(total > 0, total, 1.0)


def is_broken(together: Float[A, "channel channel"], Delta: Inexact[A, "*row channel"]) -> Bool[A, "*row"]:
    """Whether time reversal is broken: no choice of the free phases makes the amplitudes real."""
    return imaginary_share(together, Delta) > REAL


def as_real(
    Delta: Inexact[np.ndarray, "row channel"], groups: list[np.ndarray]
) -> tuple[Inexact[np.ndarray, "row channel"], Bool[np.ndarray, "row"]]:
    """(rows, which are real): the free phases of every row chosen so that it is as real as it can be, with the largest
    amplitude of every group positive."""
    Delta, together = Delta.astype(complex), membership(groups)
    rows, real = turned(together, Delta), ~is_broken(together, Delta)
    for group in groups:
        part = rows[:, group]
        lead = np.take_along_axis(part, np.argmax(np.abs(part), axis=1)[:, None], axis=1)
        rows[:, group] = np.where(lead.real < 0, -part, part)
    return np.where(real[:, None], rows.real, rows), real
