r"""The inverse Green's function of bands with an order parameter, before impurities dress it.

.. math:: M = \begin{pmatrix} z + \mu & -\Delta \\ -\Delta^T & z - \mu \end{pmatrix} - \kappa_0 M_1^{-1}, \qquad
          G^{-1} = M - (\kappa - \kappa_0) M_1^{-1}

of parabolic bands without edges, with 1 / M_1 the inverse masses and their negatives of the holes. kappa is counted from the
mean kappa_F: that keeps digits.
"""

import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxgap.model.couplings import band_matrix
from jaxgap.model.retarded import RetardedSuperconductor

__all__ = ["centre_of", "inverse_of", "masses_of"]


def masses_of(sc: RetardedSuperconductor) -> Float[Array, "spinor"]:
    """M_1: the masses, and their negatives of the holes."""
    mass = jnp.stack([band.tangent[0] for band in sc.bands])
    return jnp.concatenate([mass, -mass])


def centre_of(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """kappa_0, the mean kappa_F [meV]."""
    return jnp.mean(masses_of(sc)[: len(sc.bands)] * sc.mus)


def inverse_of(
    sc: RetardedSuperconductor, pairing: Float[Array, "channel"], z: Complex[Array, "energy"]
) -> Complex[Array, "spinor spinor energy"]:
    """M of an order parameter [meV] at many energies, which come last."""
    n = len(sc.bands)
    Delta = band_matrix(pairing, n, sc.cross)
    mu = jnp.diag(sc.mus)
    fixed = jnp.block([[mu, -Delta], [-Delta, -mu]]) - centre_of(sc) * jnp.diag(1 / masses_of(sc))
    return z * jnp.eye(2 * n)[..., None] + fixed[..., None]
