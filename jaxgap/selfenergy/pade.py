r"""Continuation from Matsubara frequencies to the real axis by a continued fraction (Vidberg and Serene, J. Low Temp. Phys. 29,
179 (1977)).

.. math:: f(z) = \cfrac{a_1}{1 + \cfrac{a_2 (z - z_1)}{1 + \cfrac{a_3 (z - z_2)}{1 + \ldots}}}, \qquad f(z_k) = f_k

It is exact for rational functions, and for self-energies of phonons good to many digits at low energies from some 40 points on.
How good it is, it does not say: what two numbers of points agree on is (`jaxgap.observables.edges`). Values have to be
those of an analytic function to rounding: sums over frequencies, not values interpolated between nodes.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

__all__ = ["continued", "fraction"]


def fraction(z: Complex[Array, "n"], f: Complex[Array, "n"]) -> Complex[Array, "n"]:
    """The coefficients a_k of values f at points z."""

    def step(g: Complex[Array, "n"], k: Array) -> tuple[Complex[Array, "n"], Complex[Array, ""]]:
        later = jnp.arange(len(z)) > k
        apart = jnp.where(later, z - z[k], 1.0)
        own = g[k]
        size = jnp.where(later & (g != 0), g, 1.0)
        return jnp.where(later, (own - g) / (apart * size), g), own

    return jax.lax.scan(step, f, jnp.arange(len(z)))[1]


def continued(a: Complex[Array, "n"], z: Complex[Array, "n"], at: Complex[Array, ""]) -> Complex[Array, ""]:
    """f(at), from the last coefficient on: nothing overflows."""

    def step(t: Complex[Array, ""], k: Array) -> tuple[Complex[Array, ""], None]:
        return a[k] * (at - z[k - 1]) / (1 + t), None

    t, _ = jax.lax.scan(step, jnp.zeros((), complex), jnp.arange(len(a) - 1, 0, -1))
    return a[0] / (1 + t)


def even_in_frequency(omega: Float[Array, "n"], f: Float[Array, "n"]) -> tuple[Complex[Array, "n"], Complex[Array, "n"]]:
    """(coefficients, points) of a function that is even in the frequency, known at i omega_n."""
    z = 1j * omega
    return fraction(z, f.astype(complex)), z
