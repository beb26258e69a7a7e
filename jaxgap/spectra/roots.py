r"""The complex kappa at which a quasiparticle of two cross-paired bands has the energy z.

.. math:: (z^2 - E_+^2)(z^2 - E_-^2) = z^4 - A z^2 + \det = 0, \qquad A = \epsilon_1^2 + \epsilon_2^2 + 2|\Delta_3|^2

is a quartic in kappa, since zeta_i = kappa / m_i - mu_i is linear in it (E_+-: Vargas-Paredes et al., Phys. Rev. B 101, 094516
(2020), Eq. 3-4).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Inexact

from jaxgap.numerics.types import Scalar
from jaxgap.spectra.pair import abs2

__all__ = ["pair_roots"]


def pair_roots(
    m1: Scalar, mu1: Scalar, m2: Scalar, mu2: Scalar, Delta: Inexact[Array, "3"], z: Inexact[Array, ""]
) -> Complex[Array, "4"]:
    """The four kappa at which E_+ or E_- equals z [meV], without derivatives."""
    # Counted from between the Fermi surfaces: far from there the coefficients would cancel.
    centre = (m1 * mu1 + m2 * mu2) / 2
    x1, x2 = jnp.stack([1 / m1, centre / m1 - mu1]), jnp.stack([1 / m2, centre / m2 - mu2])
    s1, s2, s3 = abs2(Delta)
    x11, x22, x12 = jnp.polymul(x1, x1), jnp.polymul(x2, x2), jnp.polymul(x1, x2)
    A = (x11 + x22).at[-1].add(s1 + s2 + 2 * s3)
    det = jnp.polymul(x12, x12).at[2:].add(2 * s3 * x12 + s2 * x11 + s1 * x22)
    constant = s3**2 + s1 * s2 - 2 * jnp.real(jnp.conj(Delta[0] * Delta[1]) * Delta[2] ** 2)
    quartic = det.astype(complex).at[2:].add(-(z**2) * A).at[-1].add(constant + z**4)
    return jax.lax.stop_gradient(centre) + jnp.roots(jax.lax.stop_gradient(quartic), strip_zeros=False)
