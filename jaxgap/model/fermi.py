r"""Electrons of a normal band, of both spins, above some kappa: integrals of the Fermi function f. Of a parabolic band:

.. math:: n(a) = 2 \int_a^\infty d\kappa \, \rho f(\kappa / m - \mu)
          = 2 m k_B T \ln \left[ 1 + e^{(\mu - a / m) / k_B T} \right] \;(2D)

In 3D there is no closed form. Where the band is degenerate, f is a step and its derivative all that matters:

.. math:: n(a) = \int \frac{dx}{4 \cosh^2(x / 2)} \, \tfrac43 \left[ \kappa(x)^{3/2} - a^{3/2} \right], \qquad
          \kappa(x) = m (\mu + k_B T x) \ge a

which is exact at T = 0, derivatives included; else the integral runs over sqrt(kappa), in which the band's bottom is smooth, on
nodes that the poles of f at mu +- i pi k_B T are far from. (Both are good to 1e-14: tests/solving/test_filling.py.)

Of a density of states that is linear in zeta from a to b, with slope N',

.. math:: \int_a^b d\zeta \, N f = \Bigl[ -N s + N' (k_B T)^2 \, \mathrm{Li}_2(-e^{-\zeta / k_B T}) \Bigr]_a^b, \qquad
          s = k_B T \ln(1 + e^{-\zeta / k_B T})
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["electrons_above", "linear_filling"]

Scalar = Float[Array, ""]

FAR = 40.0
"""f < 5e-18 so many k_B T above mu."""
DEGENERATE = 45.0
"""mu / k_B T above which the band's bottom is out of reach of f."""
NODES = 64
"""Gauss nodes on either side of mu."""


def electrons_above(m: Scalar, mu: Scalar, a: Scalar, kT: Scalar, dimension: int) -> Float[Array, ""]:
    """n(a) of a band with m > 0 [meV times the unit of N]."""
    if dimension == 2:
        return 2 * m * kT * jax.nn.softplus((mu - a / m) / kT)
    degenerate = mu > DEGENERATE * kT
    # What is not taken must be finite, or reverse mode would make NaN of it.
    mu_step, mu_smooth = jnp.where(degenerate, mu, FAR * DEGENERATE * kT), jnp.where(degenerate, kT, mu)
    return jnp.where(degenerate, _step(m, mu_step, a, kT), _smooth(m, mu_smooth, a, kT))


def _step(m: Scalar, mu: Scalar, a: Scalar, kT: Scalar) -> Float[Array, ""]:
    lowest = jnp.clip((a / m - mu) / kT, -FAR, FAR)
    middle = jnp.clip(0.0, lowest, FAR)
    total = jnp.zeros(())
    for x, weight in (_gauss(lowest, middle), _gauss(middle, jnp.asarray(FAR))):
        kappa = m * (mu + kT * x)
        total += jnp.sum(weight / (4 * jnp.cosh(x / 2) ** 2) * 4 / 3 * (kappa**1.5 - a**1.5))
    return total


def _smooth(m: Scalar, mu: Scalar, a: Scalar, kT: Scalar) -> Float[Array, ""]:
    m_0, mu_0, a_0, kT_0 = jax.lax.stop_gradient((m, mu, a, kT))
    peak = jnp.sqrt(m_0 * (mu_0 + 1j * jnp.pi * kT_0))
    c, w = peak.real, peak.imag
    bottom, top = jnp.sqrt(a_0), jnp.sqrt(jnp.maximum(m_0 * mu_0, a_0) + FAR * m_0 * kT_0)
    middle = jnp.clip(c, bottom, top)
    lower, upper = (_gauss(*(jnp.arcsinh((y - c) / w) for y in ends)) for ends in ((bottom, middle), (middle, top)))
    t, weight = (jnp.concatenate(both) for both in zip(lower, upper, strict=True))
    # Nodes are relative to the ends, of which the lower one moves.
    length = jnp.where(top > bottom, top - bottom, 1.0)
    share, per = (c + w * jnp.sinh(t) - bottom) / length, w * jnp.cosh(t) * weight / length
    start = jnp.where(a > 0, jnp.sqrt(jnp.where(a > 0, a, 1.0)), 0.0)
    y = start + (top - start) * share
    return jnp.sum((top - start) * per * 4 * y**2 * jax.nn.sigmoid((mu - y**2 / m) / kT))


def _gauss(lower: Scalar, upper: Scalar) -> tuple[Float[Array, "node"], Float[Array, "node"]]:
    u, weight = np.polynomial.legendre.leggauss(NODES)
    half = (upper - lower) / 2
    return lower + half * (1 + u), half * weight


def linear_filling(
    N: tuple[Float[Array, "segment"], Float[Array, "segment"]],
    zeta: tuple[Float[Array, "segment"], Float[Array, "segment"]],
    rise: Float[Array, "segment"],
    kT: Scalar,
) -> Float[Array, "segment"]:
    """The integral of N f over every segment, with N and zeta [meV] at its two ends and the slope N' between."""
    x = [-one / kT for one in zeta]
    ends = [-density * kT * jax.nn.softplus(u) - rise * kT**2 * _double(u) for density, u in zip(N, x, strict=True)]
    return ends[1] - ends[0]


@jax.custom_jvp
def _double(u: Float[Array, "segment"]) -> Float[Array, "segment"]:
    """-Li_2(-e^u), the integral of ln(1 + e^u) up to u."""
    far = jax.scipy.special.spence(1 + jnp.exp(-jnp.abs(u)))
    return jnp.where(u > 0, u**2 / 2 + jnp.pi**2 / 6 + far, -far)


@_double.defjvp
def _double_jvp(
    primals: tuple[Float[Array, "segment"]], tangents: tuple[Float[Array, "segment"]]
) -> tuple[Float[Array, "segment"], Float[Array, "segment"]]:
    return _double(*primals), jax.nn.softplus(primals[0]) * tangents[0]
