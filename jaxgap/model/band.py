r"""Isotropic parabolic bands around one centre, as functions of kappa = hbar^2 k^2 / 2 m_e >= 0 [meV].

.. math:: \zeta_i(\kappa) = \kappa / m_i - \mu_i, \qquad
          \sum_k = \int d\kappa \, \rho(\kappa), \quad \rho = 1 \;(2D), \; \sqrt{\kappa} \;(3D)

An electron band has m > 0 and mu > 0, a hole band m < 0 and mu < 0; energies count from the chemical potential, so mu is
the distance from the band's edge to it. See Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), section II.
"""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, check_identifier, is_concrete

__all__ = ["Band", "parabolic_band", "zeta", "kappa_F", "rho", "density_of_states", "shell", "larger", "smaller"]


class Band(eqx.Module):
    """One parabolic band. Made by `parabolic_band`, which converts and checks.

    Attributes:
        mass: m [electron masses], negative for a hole band.
        mu: chemical potential from the band's edge [meV], of the sign of the mass.
        name: a short identifier; part of the structure, so it neither batches nor differentiates.
    """

    mass: Float[Array, ""]
    mu: Float[Array, ""]
    name: str = eqx.field(static=True)


def parabolic_band(name: str, mu: Any, mass: Any = 1.0) -> Band:
    """A parabolic band from numbers.

    Args:
        name: a short identifier such as `alpha`.
        mu: chemical potential from the band's edge [meV].
        mass: effective mass [electron masses]; negative, with a negative mu, for a hole band.

    Raises:
        InputError: if a value is not finite, the mass or mu is zero, or their signs differ.
    """
    check_identifier("name", name)
    for leaf, value in ((f"mass[{name}]", mass), (f"mu[{name}]", mu)):
        check_finite(leaf, value)
        check(jnp.shape(value) == (), leaf, "be one number", f"shape {jnp.shape(value)}")
    if is_concrete(mass, mu):
        check(float(mass) != 0.0, f"mass[{name}]", "not be zero", mass)
        check(
            float(mass) * float(mu) > 0.0,
            f"mu[{name}]",
            "have the sign of the mass (both positive for an electron band, both negative for a hole band)",
            f"mu = {mu} with mass = {mass}",
        )
    return Band(jnp.asarray(mass, jnp.float64), jnp.asarray(mu, jnp.float64), name)


def zeta(band: Band, kappa: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """Band energy from the chemical potential [meV]: zeta(kappa) = kappa / m - mu."""
    return kappa / band.mass - band.mu


def kappa_F(band: Band) -> Float[Array, ""]:
    """kappa at the Fermi surface [meV]: kappa_F = m mu."""
    return band.mass * band.mu


def rho(kappa: Float[Array, "*k"], dimension: int) -> Float[Array, "*k"]:
    """Weight of the sum over k, up to a constant that cancels: 1 in 2D, sqrt(kappa) in 3D."""
    return jnp.ones_like(kappa) if dimension == 2 else jnp.sqrt(kappa)


def density_of_states(band: Band, dimension: int) -> Float[Array, ""]:
    """Normal density of states at the Fermi level, N(0) = |m| rho(kappa_F)."""
    return jnp.abs(band.mass) * rho(kappa_F(band), dimension)


def shell(band: Band, Omega: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The interval of kappa in which |zeta| <= Omega: |m| (|mu| -+ Omega), cut at the band's edge kappa = 0 [meV]."""
    m, mu = jnp.abs(band.mass), jnp.abs(band.mu)
    return larger(m * (mu - Omega), jnp.zeros(())), m * (mu + Omega)


def larger(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """max(x, y), with the mean of both derivatives where they are equal.

    JAX's own derivatives of max and min compare x and y with the result. XLA may compute x once more for that, and round it
    differently: it then equals neither, and the derivative is 0 (`jnp.maximum`) or NaN (`jnp.max` of an array).
    """
    return jnp.where(x > y, x, jnp.where(x < y, y, (x + y) / 2))


def smaller(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """min(x, y), as `larger`."""
    return jnp.where(x < y, x, jnp.where(x > y, y, (x + y) / 2))
