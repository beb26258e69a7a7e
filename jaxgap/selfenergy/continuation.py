r"""From the imaginary axis to energies above the real one: Pade approximants.

.. math:: f(z) \approx \cfrac{a_0}{1 + \cfrac{a_1 (z - z_0)}{1 + \cfrac{a_2 (z - z_1)}{1 + \dots}}}, \qquad z_n = i \omega_n

the continued fraction through the values at the lowest Matsubara frequencies (H. J. Vidberg and J. W. Serene, J. Low Temp. Phys.
29, 179 (1977)), whose coefficients are Thiele's reciprocal differences. It is good where temperature is low against the energies
that the self-energy varies on: k_B T << omega_q. What it is good for is known by comparing two numbers of points.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

__all__ = ["MORE_POINTS", "POINTS", "Pade", "continued", "pade"]

POINTS, MORE_POINTS = 36, 48
"""Matsubara frequencies that a continuation is made of, and those with which it is compared."""
ROUNDING = 1e-15
"""Differences below so many times their terms are none: a constant has a continued fraction of one term."""


class Pade(NamedTuple):
    """Continued fractions of several functions through the same points."""

    points: Complex[Array, "point"]
    """i omega_n [meV]."""
    a: Complex[Array, "function point"]
    """Their coefficients."""


def pade(omega: Float[Array, "point"], values: Float[Array, "function point"]) -> Pade:
    """The continued fractions through values at i omega [meV]."""
    z, n = 1j * omega, len(omega)

    def one_more(a: Complex[Array, "function point"], k: Array) -> tuple[Complex[Array, "function point"], None]:
        last = jax.lax.dynamic_slice_in_dim(a, k - 1, 1, axis=1)
        difference = last - a
        small = jnp.abs(difference) <= ROUNDING * (jnp.abs(last) + jnp.abs(a))
        divisor = (z - z[k - 1]) * a
        nothing = small | (divisor == 0)
        further = jnp.where(nothing, 0.0, jnp.where(nothing, 0.0, difference) / jnp.where(nothing, 1.0, divisor))
        return jnp.where(jnp.arange(n) >= k, further, a), None

    return Pade(z, jax.lax.scan(one_more, values.astype(jnp.complex128), jnp.arange(1, n))[0])


def continued(f: Pade, z: Complex[Array, "*z"]) -> Complex[Array, "function *z"]:
    """The functions at energies z [meV] in the upper half plane, or on the real axis."""
    n, ones = len(f.points), (1,) * jnp.ndim(z)
    a = f.a.reshape(*f.a.shape, *ones)

    def one_more(tail: Complex[Array, "function *z"], k: Array) -> tuple[Complex[Array, "function *z"], None]:
        return a[:, k] * (z - f.points[k - 1]) / (1 + tail), None

    start = jnp.zeros((len(a), *jnp.shape(z)), jnp.complex128)
    return a[:, 0] / (1 + jax.lax.scan(one_more, start, jnp.arange(n - 1, 0, -1))[0])
