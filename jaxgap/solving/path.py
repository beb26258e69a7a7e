r"""From where to where a branch is followed in temperature, and what is expected on the way.

Followed is u = Delta / g(T) along T^2, in which gaps are nearly linear at low T. From T_c, g is the gap of a weakly coupled
band that has the same T_c (to about 2 %),

.. math:: \Delta_w(T) = \pi e^{-\gamma} k_B T_c \tanh\bigl(1.74 \sqrt{T_c / T - 1}\bigr),

which takes out what all branches have in common, the square root below T_c; from T = 0, or any other temperature, g = 1.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgap.units import k_B

__all__ = [
    "CLOSE",
    "Path",
    "Points",
    "expected",
    "first_point",
    "gap_scale",
    "from_T_c",
    "from_temperature",
    "longer",
    "weak_coupling_gap",
]

SLOPE = 1.74
"""Of the interpolation: Delta_w^2 is proportional to T_c - T with the weak-coupling factor."""
CLOSE = 0.9
"""Share of T_c at which the branch connected to T_c is picked up."""
STEP = 0.2
"""The first step from there, in (T / T_c)^2."""


class Path(NamedTuple):
    """Where a branch is looked for, and where to it is followed."""

    T_0: Float[Array, ""]
    """Where it begins [K]."""
    T: Float[Array, ""]
    """The goal [K]."""
    T_c: Float[Array, ""]
    """Of the gap that is taken out [K]; 0: none."""
    starts: Float[Array, "start channel"]
    """Amplitudes from which it is looked for at T_0, in turn [meV]."""
    h: Float[Array, ""]
    """The first step in T^2 [K^2]."""
    shortest: Float[Array, ""]
    """Where steps of this length fail, the branch has ended [K]."""


class Points(NamedTuple):
    """What is known of the branch from the last three points that were found on it."""

    k: Int[Array, ""]
    """How many there are in all."""
    T: Float[Array, ""]
    """Of the last one [K]."""
    u: Float[Array, "channel"]
    """Delta / g there."""
    slope: Float[Array, "channel"]
    """du/dT^2 in the last step."""
    bend: Float[Array, "channel"]
    """How that changed from the step before: the second divided difference."""
    h: Float[Array, ""]
    """The last step [K^2]."""


def from_temperature(
    T_0: Float[Array, ""],
    T: Float[Array, ""],
    starts: Float[Array, "start channel"],
    shortest: Float[Array, ""],
    share: float = 1.0,
) -> Path:
    """From T_0 to T [K]; the first step is a share of the way."""
    return Path(T_0, T, jnp.zeros_like(T), starts, share * (T**2 - T_0**2), shortest)


def from_T_c(T: Float[Array, ""], T_c: Float[Array, ""], start: Float[Array, "channel"], shortest: Float[Array, ""]) -> Path:
    """From max(T, 0.9 T_c) down to T [K]."""
    return Path(picked_up(T, T_c), T, T_c, start[None], -STEP * T_c**2, shortest)


def picked_up(T: Float[Array, "*element"], T_c: Float[Array, "*element"]) -> Float[Array, "*element"]:
    """The temperature [K] at which the branch connected to T_c is looked for."""
    return jnp.maximum(T, CLOSE * T_c)


def first_point(path: Path) -> Points:
    """Before there is any, the first start stands for one."""
    x, zero = path.starts[0], jnp.zeros(())
    return Points(jnp.zeros((), int), path.T_0, x / gap_scale(path, path.T_0), 0 * x, 0 * x, zero)


def longer(p: Points, T: Float[Array, ""], u: Float[Array, "channel"]) -> Points:
    """The branch with one more point on it."""
    h = T**2 - p.T**2
    slope = jnp.where(p.k > 0, (u - p.u) / jnp.where(h == 0, 1.0, h), 0.0)
    bend = jnp.where(p.k > 1, (slope - p.slope) / jnp.where(h + p.h == 0, 1.0, h + p.h), 0.0)
    return Points(p.k + 1, T, u, slope, bend, jnp.where(p.k > 0, h, 0.0))


def expected(path: Path, p: Points, T: Float[Array, ""]) -> Float[Array, "channel"]:
    """The amplitudes at T [meV], by the parabola through the last three points."""
    h = T**2 - p.T**2
    return (p.u + h * (p.slope + p.bend * (h + p.h))) * gap_scale(path, T)


def gap_scale(path: Path, T: Float[Array, ""]) -> Float[Array, ""]:
    """g(T) [meV]."""
    return jnp.where(path.T_c > 0, weak_coupling_gap(T, jnp.where(path.T_c > 0, path.T_c, 1.0)), 1.0)


def weak_coupling_gap(T: Float[Array, "*element"], T_c: Float[Array, "*element"]) -> Float[Array, "*element"]:
    """Delta_w [meV]; a thousandth of T_c stands for what is colder."""
    share = jnp.sqrt(jnp.maximum(T_c / jnp.maximum(T, 1e-3 * T_c) - 1, 0.0))
    return jnp.pi * jnp.exp(-jnp.euler_gamma) * k_B * T_c * jnp.tanh(SLOPE * share)
