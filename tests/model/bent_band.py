"""A band of another kind, as a user writes one: it bends upwards from the parabola."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap import Band
from jaxgap.model.band import larger
from jaxgap.numerics.checks import check


class BentBand(Band):
    """zeta(kappa) = kappa / m + bend kappa^2 - mu, in 2D."""

    mass: Float[Array, ""]
    bend: Float[Array, ""]
    mu: Float[Array, ""]
    name: str = eqx.field(static=True)

    @property
    def leaves(self):
        return ("mu", "mass", "bend")

    def check(self):
        check(float(self.bend) > 0, f"bend[{self.name}]", "be positive", float(self.bend))

    def zeta(self, kappa):
        return kappa / self.mass + self.bend * kappa**2 - self.mu

    def slope(self, kappa):
        return 1 / self.mass + 2 * self.bend * kappa

    def kappa_at(self, energy):
        return (jnp.sqrt(1 / self.mass**2 + 4 * self.bend * (self.mu + energy)) - 1 / self.mass) / (2 * self.bend)

    @property
    def tangent(self):
        kappa_F = self.kappa_at(jnp.zeros(()))
        return 1 / self.slope(kappa_F), kappa_F * self.slope(kappa_F)

    def shell(self, Omega):
        return larger(self.kappa_at(-Omega), jnp.zeros(())), self.kappa_at(Omega)

    def beyond_shell(self, z, Omega, dimension):
        # zeta - z = bend (kappa - k1) (kappa - k2), by partial fractions.
        a, b = self.shell(Omega)
        k1 = self.kappa_at(z)
        k2 = -1 / (self.mass * self.bend) - k1
        zero, lo, hi = (jnp.log(k - k1) - jnp.log(k - k2) for k in (jnp.zeros(()), a, b))
        return -(lo - zero - hi) / (self.bend * (k1 - k2))


def bent_band(name, mu, bend, mass=1.0):
    return BentBand(mass=jnp.asarray(mass), bend=jnp.asarray(bend), mu=jnp.asarray(mu), name=name)
