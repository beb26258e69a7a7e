r"""The winding number of a state: how many eigenvalues of M_1^-1 (mu + i Delta), with masses M_1^-1 = diag(m), lie below the
axis.

.. math:: \nu = \#\{ \mathrm{Im} \, k < 0 \}, \qquad k = \text{eigenvalues of } \mathrm{diag}(m) (\mu + i \Delta)

For real amplitudes it cannot change without a gapless line in between (an eigenvalue crosses the axis where E(kappa) = 0). It
is 0 of s++ of bands of one kind (electrons or holes) that their own amplitudes dominate; 1 of s+- AND of two bands that cross
pairs dominate, which are one phase. (Derived for jaxgap.) Delta and -Delta are one state: of each group of coupled bands the
smaller of nu and its complement counts.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap.equations.groups import coupled_channels, is_broken, real_parts
from jaxgap.model.couplings import band_matrix
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.small import eigenvalues

__all__ = ["NO_WINDING", "winding_number"]

NO_WINDING = -1
"""Of states without one: normal ones, those that break time reversal, no state."""


def winding_number(sc: Superconductor, Delta: Complex[Array, "channel"]) -> Int[Array, ""]:
    """nu of amplitudes [meV] that the free phases can make real; `NO_WINDING` of others, and of the normal state."""
    Delta = jax.lax.stop_gradient(Delta)
    together, n = coupled_channels(sc), len(sc.bands)
    real = real_parts(together, Delta)
    tangents = [band.tangent for band in sc.bands]
    mass, mu = (jnp.stack(part) for part in zip(*tangents, strict=True))
    matrix = band_matrix(real, n, sc.cross)
    groups = together[:n, :n] > 0

    def of_group(members: Bool[Array, "band"]) -> Float[Array, ""]:
        """The share of one of its bands."""
        inside = members[:, None] & members
        others = jnp.diag(jnp.where(members, 0.0, 1.0))
        own = jnp.where(inside, matrix, 0.0) + others
        below = jnp.sum(jnp.imag(eigenvalues(mass[:, None] * (jnp.diag(mu) + 1j * own))) < 0)
        size = jnp.sum(members)
        return jnp.minimum(below, size - below) / size

    nu = jnp.round(jnp.sum(jnp.stack([of_group(groups[i]) for i in range(n)]))).astype(int)
    state = jnp.isfinite(Delta).all() & jnp.any(Delta != 0) & ~is_broken(together, Delta)
    return jnp.where(state, nu, NO_WINDING)
