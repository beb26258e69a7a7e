r"""Isotropic parabolic bands around one centre.

.. math:: \zeta_i(\kappa) = \kappa / m_i - \mu_i, \qquad \kappa_F = m \mu, \qquad N(0) = |m| \rho(\kappa_F)

An electron band has m > 0, a hole band m < 0; energies count from the chemical potential, so mu is the distance from the band's
edge to it, of the sign of the mass. See Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), section II. A band whose mu has
the other sign has no Fermi surface: it is incipient, and pairs as far as its edge is inside the shell, which ends there.

A contact interaction has no shell about the chemical potential, but a cutoff fixed to the band, of which nothing depends once
the coupling does (`jaxgap.model.contact`): such a band is a `ContactBand`.
"""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.model.band import Band, larger, rho
from jaxgap.model.fermi import electrons_above
from jaxgap.numerics.checks import check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["ContactBand", "ParabolicBand", "check_fermi_surface", "check_parabolic", "outer_states", "parabolic_band"]


class ParabolicBand(Band):
    """One parabolic band. Made by `parabolic_band`, which converts and checks.

    Attributes:
        mass: m [electron masses], negative for a hole band.
        mu: chemical potential from the band's edge [meV], of the sign of the mass where there is a Fermi surface.
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

    def table(self) -> dict[str, Any]:
        return {**self.own_numbers}

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
        """|m| (depth -+ Omega), cut at the band's edge kappa = 0 [meV]; the depth is |mu|, or -|mu| without Fermi surface."""
        m, depth = jnp.abs(self.mass), jnp.sign(self.mass) * self.mu
        return larger(m * (depth - Omega), jnp.zeros(())), larger(m * (depth + Omega), jnp.zeros(()))

    def electrons_above(self, a: Float[Array, ""], kT: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        return self.sense * electrons_above(self.sense * self.mass, self.sense * self.mu, a, kT, dimension)

    def beyond_shell(self, z: Complex[Array, ""], Omega: Float[Array, ""], dimension: int) -> Complex[Array, ""]:
        """2D: -m ln(z - zeta); 3D, with q = sqrt(kappa) and s = sqrt(m (z + mu)): -2 m q + m s ln[(s + q)/(s - q)]."""
        a, b = self.shell(Omega)
        m, w = self.mass, z + self.mu
        if dimension == 2:
            inner = -m * (jnp.log(w - a / m) - jnp.log(w))
            return inner + outer_states(m, self.mu, b, z, dimension)
        s, qa = jnp.sqrt(m * w), rho(a, 3)
        return m * s * jnp.log((s + qa) / (s - qa)) + outer_states(m, self.mu, b, z, dimension)


class ContactBand(ParabolicBand):
    """A parabolic electron band that pairs up to a cutoff above its bottom, wherever the chemical potential is."""

    def check(self) -> None:
        super().check()
        check(float(self.mass) > 0, f"mass[{self.name}]", "be positive for a cutoff above the band's bottom", float(self.mass))

    def shell(self, Omega: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """0 <= kappa / m <= cutoff [meV]."""
        return jnp.zeros(()), self.mass * Omega

    def within(self, energy: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        return ParabolicBand.shell(self, energy)

    def pairs_at(self, energy: Float[Array, "*k"], Omega: Float[Array, ""]) -> Bool[Array, "*k"]:
        return (energy >= -self.mu) & (energy <= Omega - self.mu)

    @property
    def range_leaf(self) -> str:
        return "cutoff"


def outer_states(
    mass: Float[Array, ""], mu: Float[Array, ""], b: Float[Array, ""], z: Complex[Array, ""], dimension: int
) -> Complex[Array, ""]:
    r"""\int_b^\infty d\kappa \rho / (z - \zeta) of a parabolic band, up to a real constant."""
    w = z + mu
    if dimension == 2:
        top = 1j * jnp.where(mass > 0, jnp.pi, 0.0)  # ln(z - zeta) at the upper end, up to a real constant
        return -mass * (top - jnp.log(w - b / mass))
    s, q = jnp.sqrt(mass * w), rho(b, 3)
    return mass * s * (-1j * jnp.pi * jnp.sign(s.imag) - jnp.log((s + q) / (s - q)))


def parabolic_band(name: str, mu: Reals, mass: Reals = 1.0) -> ParabolicBand:
    """A parabolic band from numbers.

    Args:
        name: a short identifier such as `alpha`.
        mu: chemical potential from the band's edge [meV]; of the sign of the mass, unless the band is incipient.
        mass: effective mass [electron masses]; negative, with a negative mu, for a hole band.

    Raises:
        InputError: if a value is not finite, or the mass is zero.

    Example:
        >>> band = jg.parabolic_band("alpha", mu=50.0, mass=2.0)
        >>> float(band.mu), float(band.mass)
        (50.0, 2.0)
    """
    check_identifier("name", name)
    _check_numbers(name, mu, mass)
    return ParabolicBand(mass=jnp.asarray(mass, jnp.float64), mu=jnp.asarray(mu, jnp.float64), name=name)


def check_parabolic(bands: Iterable[Band], what: str) -> None:
    """Raise `InputError` unless all bands are parabolic, where a closed form is of such bands only."""
    for band in bands:
        check(isinstance(band, ParabolicBand), f"bands.{band.name}", f"be parabolic for {what}", type(band).__name__)


def check_fermi_surface(band: Band, remedy: str = "") -> None:
    """Raise `InputError` if the mu of a parabolic band has not the sign of its mass."""
    if not isinstance(band, ParabolicBand) or not is_concrete(band):
        return
    mass, mu = float(np.asarray(band.mass)), float(np.asarray(band.mu))
    check(
        mass * mu > 0.0,
        f"mu[{band.name}]",
        f"have the sign of the mass (both positive for an electron band, both negative for a hole band){remedy}",
        f"mu = {mu} with mass = {mass}",
    )


def _check_numbers(name: str, mu: Reals, mass: Reals) -> None:
    for leaf, value in ((f"mass[{name}]", mass), (f"mu[{name}]", mu)):
        check_finite(leaf, value)
        check(np.ndim(jnp.asarray(value)) == 0, leaf, "be one number", f"shape {np.shape(jnp.asarray(value))}")
    if is_concrete(mass):
        check(float(np.asarray(mass)) != 0.0, f"mass[{name}]", "not be zero", float(np.asarray(mass)))
