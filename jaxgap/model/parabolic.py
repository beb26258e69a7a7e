r"""Isotropic parabolic bands around one centre.

.. math:: \zeta_i(\kappa) = \kappa / m_i - \mu_i, \qquad \kappa_F = m \mu, \qquad N(0) = |m| \rho(\kappa_F)

An electron band has m > 0 and mu > 0, a hole band m < 0 and mu < 0; energies count from the chemical potential, so mu is
the distance from the band's edge to it. See Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), section II.
"""

from collections.abc import Iterable

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import Band, larger, rho
from jaxgap.numerics.checks import check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["ParabolicBand", "check_parabolic", "parabolic_band"]


class ParabolicBand(Band):
    """One parabolic band. Made by `parabolic_band`, which converts and checks.

    Attributes:
        mass: m [electron masses], negative for a hole band.
        mu: chemical potential from the band's edge [meV], of the sign of the mass.
        name: a short identifier; part of the structure, so it neither batches nor differentiates.
    """

    mass: Float[Array, ""]
    mu: Float[Array, ""]
    name: str = eqx.field(static=True)

    def __str__(self) -> str:
        return f"{self.name}: mass {float(self.mass):g} m_e, mu {float(self.mu):g} meV"

    @property
    def leaves(self) -> tuple[str, ...]:
        return ("mu", "mass")

    def check(self) -> None:
        _check_numbers(self.name, self.mu, self.mass)

    def zeta(self, kappa: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        return kappa * (1 / self.mass) - self.mu  # one division for many kappa

    def slope(self, kappa: Float[Array, "*k"]) -> Float[Array, "*#k"]:
        return jnp.broadcast_to(1 / self.mass, jnp.shape(kappa))

    def kappa_at(self, energy: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        return self.mass * (self.mu + energy)

    @property
    def tangent(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        return self.mass, self.mu

    def shell(self, Omega: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """|m| (|mu| -+ Omega), cut at the band's edge kappa = 0 [meV]."""
        m, mu = jnp.abs(self.mass), jnp.abs(self.mu)
        return larger(m * (mu - Omega), jnp.zeros(())), m * (mu + Omega)

    def beyond_shell(self, z: Complex[Array, ""], Omega: Float[Array, ""], dimension: int) -> Complex[Array, ""]:
        """2D: -m ln(z - zeta); 3D, with q = sqrt(kappa) and s = sqrt(m (z + mu)): -2 m q + m s ln[(s + q)/(s - q)]."""
        a, b = self.shell(Omega)
        m, w = self.mass, z + self.mu
        if dimension == 2:
            inner = -m * (jnp.log(w - a / m) - jnp.log(w))
            top = 1j * jnp.where(m > 0, jnp.pi, 0.0)  # ln(z - zeta) at the upper end, up to a real constant
            return inner - m * (top - jnp.log(w - b / m))
        s = jnp.sqrt(m * w)
        qa, qb = rho(a, 3), rho(b, 3)
        top = -1j * jnp.pi * jnp.sign(s.imag)
        return m * s * (jnp.log((s + qa) / (s - qa)) + top - jnp.log((s + qb) / (s - qb)))


def parabolic_band(name: str, mu: Reals, mass: Reals = 1.0) -> ParabolicBand:
    """A parabolic band from numbers.

    Args:
        name: a short identifier such as `alpha`.
        mu: chemical potential from the band's edge [meV].
        mass: effective mass [electron masses]; negative, with a negative mu, for a hole band.

    Raises:
        InputError: if a value is not finite, the mass or mu is zero, or their signs differ.
    """
    check_identifier("name", name)
    _check_numbers(name, mu, mass)
    return ParabolicBand(mass=jnp.asarray(mass, jnp.float64), mu=jnp.asarray(mu, jnp.float64), name=name)


def check_parabolic(bands: Iterable[Band], what: str) -> None:
    """Raise `InputError` unless all bands are parabolic, where a closed form is of such bands only."""
    for band in bands:
        check(isinstance(band, ParabolicBand), f"bands.{band.name}", f"be parabolic for {what}", type(band).__name__)


def _check_numbers(name: str, mu: Reals, mass: Reals) -> None:
    for leaf, value in ((f"mass[{name}]", mass), (f"mu[{name}]", mu)):
        check_finite(leaf, value)
        check(np.ndim(jnp.asarray(value)) == 0, leaf, "be one number", f"shape {np.shape(jnp.asarray(value))}")
    if not is_concrete((mass, mu)):
        return
    mass, mu = float(np.asarray(mass)), float(np.asarray(mu))
    check(mass != 0.0, f"mass[{name}]", "not be zero", mass)
    check(
        mass * mu > 0.0,
        f"mu[{name}]",
        "have the sign of the mass (both positive for an electron band, both negative for a hole band)",
        f"mu = {mu} with mass = {mass}",
    )
