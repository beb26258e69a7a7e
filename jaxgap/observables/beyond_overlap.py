r"""Quasiparticles of two cross-paired bands where one is inside its shell and the other is not.

.. math:: E(\kappa) = \sqrt{\zeta_i^2 + |\Delta_i|^2}, \qquad |\zeta_j| > \Omega

Band i pairs alone there (Delta_3 is switched off), and its partner j is normal. So the smallest E is |Delta_i| if the band's
Fermi momentum lies in such an interval, or else lies at the interval's end.

Both energies are convex functions of kappa on an interval, and so is the larger one: its smallest value lies at one of the
ends, at the Fermi momentum, or where both are equal. These places are known in closed form, with their derivatives.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.bands import kappa_F, larger, smaller, zeta
from jaxgap.pairing import parameters, pick, single_intervals
from jaxgap.spectrum import abs2, safe_sqrt
from jaxgap.superconductor import Cluster, Superconductor

__all__ = ["ROUNDING", "lowest_beyond_overlap", "pairs_alone_at_fermi_momentum"]

ROUNDING = 1e-12
"""An interval narrower than 1e-12 of its upper end is none: shells that are equal, or only touch."""


def lowest_beyond_overlap(
    sc: Superconductor, Delta: Inexact[Array, "channel"], cluster: Cluster, upper: Bool[Array, ""]
) -> Float[Array, ""]:
    """Smallest energy [meV] of a band of `cluster` that pairs alone; with `upper` of the larger one of its energy and that of
    its normal partner. Infinite where no band of the cluster pairs alone."""
    bands, lo, hi = single_intervals(sc)
    mine = tuple(k for k, i in enumerate(bands) if i in cluster.bands)
    own = tuple(bands[k] for k in mine)
    partner = tuple(sum(cluster.bands) - i for i in own)
    a, b = (pick(ends, mine)[:, None] for ends in (lo, hi))
    leaves, s = parameters(sc), abs2(pick(Delta, own))[:, None]
    (m, mu), (m_j, mu_j) = ([pick(leaf, which)[:, None] for leaf in leaves] for which in (own, partner))
    places = jnp.concatenate([m * mu, *_crossings(m, mu, m_j, mu_j, s)], axis=1)
    first, last = (jnp.broadcast_to(end, places.shape) for end in (a, b))
    kappa = jnp.concatenate([a, b, smaller(larger(places, first), last)], axis=1)
    E = safe_sqrt((kappa / m - mu) ** 2 + s)
    E = jnp.where(upper, larger(E, jnp.abs(kappa / m_j - mu_j)), E)
    E = jnp.where(b - a > ROUNDING * b, E, jnp.inf).ravel()
    return E[jnp.argmin(E)]


def _crossings(m: Any, mu: Any, m_j: Any, mu_j: Any, s: Any) -> tuple[Any, Any]:
    """The two kappa at which zeta^2 + s = zeta_j^2, 0 where there is none."""
    A = 1 / m**2 - 1 / m_j**2
    B = -2 * (mu / m - mu_j / m_j)
    C = (mu - mu_j) * (mu + mu_j) + s
    D = B**2 - 4 * A * C
    # Of the two forms of a root each is free of cancellation where the other is not; for equal masses (A = 0) one is left.
    q = -(B + jnp.where(B < 0, -1.0, 1.0) * safe_sqrt(D)) / 2
    return _ratio(q, A, D), _ratio(C, q, D)


def _ratio(above: Any, below: Any, D: Any) -> Any:
    good = (D > 0) & (below != 0)
    return jnp.where(good, above / jnp.where(good, below, 1.0), 0.0)


def pairs_alone_at_fermi_momentum(sc: Superconductor, cluster: Cluster) -> Bool[Array, "2"]:
    """Of both bands of a pair: whether the partner is outside its shell at the band's k_F."""
    i, j = (sc.bands[k] for k in cluster.bands)
    return jnp.abs(jnp.stack([zeta(j, kappa_F(i)), zeta(i, kappa_F(j))])) > sc.Omega
