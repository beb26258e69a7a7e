r"""How many electrons there are in the state of given amplitudes.

.. math:: n = \sum_k \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}
            = \sum_{\text{outside the shells}} 2 f(\zeta)
            + \sum_{\text{inside}} \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}

of both spins, per cell of a lattice, and of bands in the unit of their sums over kappa = hbar^2 k^2 / 2 m_e:

.. math:: n = 2 \int d\kappa \, \rho f: \qquad 2 m E_F \;(2D), \quad \tfrac43 (m E_F)^{3/2} \;(3D)

for normal electrons at T = 0, in meV and meV^(3/2). There are n / (4 pi hbar^2 / 2 m_e) electrons per area in 2D, and
n / (4 pi^2 (hbar^2 / 2 m_e)^(3/2)) per volume in 3D. A hole band has no lowest state: its holes count less than zero. Outside
the shells states are normal, and a closed form: a sum of what is normal everywhere and of what pairing changes would at T = 0
lose the step of f, and with it the derivative.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.green import clusters_of
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.units import thermal_energy

__all__ = ["normal_occupation", "occupation"]

Scalar = Float[Array, ""]


def occupation(sc: Superconductor, Delta: Inexact[Array, "channel"], T: Scalar, rule: Rule = DEFAULT_RULE) -> Float[Array, ""]:
    """n of given amplitudes, whether or not they solve the gap equations."""
    kT, n = thermal_energy(T), jnp.zeros(())
    for spectrum in clusters_of(sc, Delta):
        n += spectrum.occupation(T, rule)
    for band in sc.beyond:
        n += band.electrons_outside(sc.Omega, kT, sc.dimension)
    return n


def normal_occupation(sc: Superconductor, T: Scalar) -> Float[Array, ""]:
    """n of the normal state."""
    if not sc.beyond:
        return occupation(sc, jnp.zeros(len(sc.channels)), T)
    kT = thermal_energy(T)
    return jnp.sum(jnp.stack([band.electrons_above(jnp.zeros(()), kT, sc.dimension) for band in sc.bands]))
