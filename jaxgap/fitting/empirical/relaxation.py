r"""Nuclear relaxation of free gaps, after Hebel and Slichter, with Dynes's broadening.

.. math:: \frac{(1/T_1 T)}{(1/T_1 T)_n} = 2 \int_0^\infty d\omega \, [-f'(\omega)] \left\{
          \Bigl[ \sum_i w_i \, \mathrm{Re} \, \frac{z}{\sqrt{z^2 - \Delta_i^2}} \Bigr]^2
          + \Bigl[ \sum_i w_i \, \mathrm{Re} \, \frac{\Delta_i}{\sqrt{z^2 - \Delta_i^2}} \Bigr]^2 \right\}, \qquad
          z = \omega + i \Gamma

L. C. Hebel, C. P. Slichter, Phys. Rev. 113, 1504 (1959), Eq. 3.7; w_i as in `jaxgap.observables.nmr`. A negative gap is one of
the other sign (s+-).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.fitting.empirical.tunnelling import green_functions
from jaxgap.spectra.quadrature import panels
from jaxgap.units import thermal_energy

__all__ = ["relaxation_rate"]

REACH = 36.0
"""-f' ends at 36 k_B T: e^-36 = 2e-16."""
NODES = 32
"""Gauss nodes per piece, two pieces per centre."""


def relaxation_rate(
    T: Float[Array, ""], Delta: Float[Array, "gap"], Gamma: Float[Array, ""], weights: Float[Array, "gap"]
) -> Float[Array, ""]:
    """1/(T_1 T) at T [K] relative to the normal state's, of gaps [meV] with weights that add up to one and Gamma > 0 [meV]."""
    kT = thermal_energy(T)
    centre = jnp.append(jnp.abs(Delta), 0.0)
    width = jnp.append(jnp.broadcast_to(Gamma, Delta.shape), jnp.pi * kT)
    omega, weight = jax.lax.stop_gradient(panels(jnp.zeros(()), REACH * kT, centre, width, NODES))
    pairs = [green_functions(omega + 1j * Gamma, D) for D in Delta]
    N, M = (jnp.stack([G.real for G in part], axis=1) @ weights for part in zip(*pairs, strict=True))
    e = jnp.exp(-omega / kT)
    return 2 * jnp.sum(weight * e / (1 + e) ** 2 / kT * (N**2 + M**2))
