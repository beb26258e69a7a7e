r"""Conductance of a point contact with free gaps: the classical theory of Blonder, Tinkham and Klapwijk, smeared.

.. math:: \frac{dI}{dV} = \sum_i w_i \int d\omega \, [-f'(\omega - eV)] \, (1 + Z^2) (1 + A_i - B_i), \qquad
          A = |a|^2, \quad a = \frac{u_0 v_0}{\gamma}, \qquad B = |b|^2, \quad b = - \frac{(u_0^2 - v_0^2)(Z^2 + i Z)}{\gamma}

.. math:: \gamma = u_0^2 + Z^2 (u_0^2 - v_0^2), \qquad
          u_0^2 = 1 - v_0^2 = \frac12 \left[ 1 + \frac{\sqrt{z^2 - \Delta^2}}{z} \right], \qquad z = \omega + i \Gamma

G. E. Blonder, M. Tinkham, T. M. Klapwijk, Phys. Rev. B 25, 4515 (1982), Table II; with Gamma, A. Plecenik et al., Phys. Rev. B
49, 10016 (1994). In terms of c = v_0 / u_0 = Delta / (z + sqrt(z^2 - Delta^2)), which the code has, nothing is 0/0:

.. math:: a = \frac{c}{1 + Z^2 (1 - c^2)}, \qquad |b|^2 = \frac{Z^2 (1 + Z^2) |1 - c^2|^2}{|1 + Z^2 (1 - c^2)|^2} .

A metal of spin polarisation P sends a share P of its current in electrons that cannot be reflected as holes (I. I. Mazin, A. A.
Golubov, B. Nadgorny, J. Appl. Phys. 89, 7576 (2001)): they conduct as (1 - |c|^4) / |1 + r c^2|^2 with r = -i Z / (1 + i Z),
averaged over both signs of Z.

|a|^2 and |b|^2 are not analytic, so the path of integration is the real axis, with nodes over Gamma at +-Delta.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxgap.spectra.quadrature import panels
from jaxgap.units import thermal_energy

__all__ = ["andreev_conductance", "polarised_conductance", "reflected", "smearing"]

REACH = 26.0
"""-f' ends at 26 k_B T: e^-26 = 5e-12."""
NODES = 26
"""Gauss nodes per piece, two pieces per centre."""
COLDEST = 1e-5
"""k_B T [meV] below which a spectrum is smeared no less: 0.1 mK."""


def andreev_conductance(
    V: Float[Array, "voltage"],
    T: Float[Array, ""],
    Delta: Float[Array, "gap"],
    Gamma: Float[Array, ""],
    Z: Float[Array, ""],
    weights: Float[Array, "gap"],
    polarisation: Float[Array, ""] | float = 0.0,
) -> Float[Array, "voltage"]:
    """dI/dV at voltages [mV] and a temperature [K], relative to the normal state's, of gaps [meV] with weights that add up to
    one, a broadening Gamma > 0 [meV], a barrier Z and a spin polarisation of the metal."""

    def of(D: Float[Array, ""]) -> Float[Array, "voltage"]:
        omega, weight = smearing(V, T, D, Gamma)
        A, B = reflected(omega, D, Gamma, Z)
        polarised = polarisation * polarised_conductance(omega, D, Gamma, Z)
        return jnp.sum(weight * ((1 - polarisation) * (1 + Z**2) * (1 + A - B) + polarised), axis=0)

    return jnp.stack([of(D) for D in Delta], axis=1) @ weights


def reflected(
    omega: Float[Array, "*omega"], Delta: Float[Array, ""], Gamma: Float[Array, ""], Z: Float[Array, ""]
) -> tuple[Float[Array, "*omega"], Float[Array, "*omega"]]:
    """A, what goes back as holes, and B, what goes back as electrons."""
    c = _coherence(omega, Delta, Gamma)
    without = 1 - c**2
    a, b = c / (1 + Z**2 * without), without / (1 + Z**2 * without)
    return a.real**2 + a.imag**2, Z**2 * (1 + Z**2) * (b.real**2 + b.imag**2)


def polarised_conductance(
    omega: Float[Array, "*omega"], Delta: Float[Array, ""], Gamma: Float[Array, ""], Z: Float[Array, ""]
) -> Float[Array, "*omega"]:
    """What electrons conduct that find no partner of the other spin, relative to the normal state."""
    square = _coherence(omega, Delta, Gamma) ** 2
    both = [1 + r * square for r in (-1j * Z / (1 + 1j * Z), 1j * Z / (1 - 1j * Z))]
    return (1 - square.real**2 - square.imag**2) * sum(0.5 / (one.real**2 + one.imag**2) for one in both)


def _coherence(omega: Float[Array, "*omega"], Delta: Float[Array, ""], Gamma: Float[Array, ""]) -> Complex[Array, "*omega"]:
    """c = v_0 / u_0."""
    z = omega + 1j * Gamma
    return Delta / (z + jnp.sqrt(z - Delta) * jnp.sqrt(z + Delta))


def smearing(
    V: Float[Array, "voltage"], T: Float[Array, ""], Delta: Float[Array, ""], Gamma: Float[Array, ""]
) -> tuple[Float[Array, "node voltage"], Float[Array, "node voltage"]]:
    """Energies [meV] and weights, -f' among them, of an integral with something of width Gamma at +-Delta."""
    kT = jnp.maximum(thermal_energy(T), COLDEST)
    a, b = V - REACH * kT, V + REACH * kT
    centre = jnp.stack([V, jnp.broadcast_to(Delta, V.shape), jnp.broadcast_to(-Delta, V.shape)])
    width = jnp.broadcast_to(jnp.stack([jnp.pi * kT, Gamma, Gamma])[:, None], centre.shape)
    omega, weight = jax.lax.stop_gradient(panels(a, b, centre, width, NODES))
    e = jnp.exp(-jnp.abs(omega - V) / kT)
    return omega, weight * e / (1 + e) ** 2 / kT
