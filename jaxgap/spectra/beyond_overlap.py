r"""Quasiparticles of two cross-paired bands where not both are inside their shells.

.. math:: E(\kappa) = \sqrt{\zeta_i^2 + |\Delta_i|^2}, \qquad |\zeta_j| > \Omega

Where only band i is inside its shell it pairs alone (Delta_3 is switched off), and its partner j is normal. So the smallest E
is |Delta_i| if the band's Fermi momentum lies in such an interval of kappa, or else lies at the interval's end.

Two shells that do not overlap leave a gap between them in which both bands are normal and cross; the larger of the two energies
is the smallest there, at |zeta_1| = |zeta_2| (d/2 for equal masses at the distance d).
"""

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.model.band import Band, kappa_F, larger, smaller, zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.regions import energies_alone, intervals_alone, parameters, pick

__all__ = ["ROUNDING", "lowest_alone", "lowest_of_band", "normal_crossing", "pairs_alone_at_fermi_momentum"]

ROUNDING = 1e-12
"""An interval narrower than 1e-12 of its upper end is none: shells that are equal, or only touch."""


def lowest_of_band(sc: Superconductor, Delta: Inexact[Array, "channel"], i: int) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(kappa, energy) [meV] of the minimum of a band without partner: |Delta| at k_F, or sqrt(zeta^2 + |Delta|^2) at that edge
    of its shell which is nearest to it, of an incipient band its bottom."""
    band, gap2 = sc.bands[i], abs2(Delta[i])
    a, b = band.shell(sc.Omega)
    inside = (kappa_F(band) >= a) & (kappa_F(band) <= b)
    kappa = jnp.where(inside, kappa_F(band), jnp.where(kappa_F(band) < a, a, b))
    return kappa, safe_sqrt(jnp.where(inside, 0.0, zeta(band, kappa)) ** 2 + gap2)


def lowest_alone(sc: Superconductor, Delta: Inexact[Array, "channel"], cluster: Cluster) -> Float[Array, ""]:
    """Smallest energy [meV] of a band of a pair where its partner is outside its shell; infinite if there is no such k."""
    own, lower, upper = zip(*intervals_alone(sc, cluster), strict=True)
    a, b = jnp.stack(lower), jnp.stack(upper)
    m, mu = (pick(leaf, own) for leaf in parameters(sc))
    nearest = smaller(larger(m * mu, a), b)
    z = energies_alone(sc, own, nearest[:, None])[:, 0]
    E = safe_sqrt(z**2 + abs2(pick(Delta, own)))
    E = jnp.where(b - a > ROUNDING * b, E, jnp.inf)
    return E[jnp.argmin(E)]


def normal_crossing(sc: Superconductor, cluster: Cluster) -> Float[Array, ""]:
    """Smallest |zeta_1| = |zeta_2| >= Omega [meV] of the bands of a pair; infinite if they do not cross outside the shells."""
    one, two = (sc.bands[i] for i in cluster.bands)
    crossings = [_crossing(one, two, sign, sc.Omega) for sign in (1.0, -1.0)]
    return smaller(*crossings)


def _crossing(one: Band, two: Band, sign: float, Omega: Float[Array, ""]) -> Float[Array, ""]:
    """|zeta_1| at the kappa where zeta_1 = sign zeta_2, by the tangents' crossing."""
    (m1, mu1), (m2, mu2) = one.tangent, two.tangent
    slope = 1 / m1 - sign / m2
    kappa = (mu1 - sign * mu2) / jnp.where(slope == 0, 1.0, slope)
    energy = jnp.abs(zeta(one, kappa))
    return jnp.where((slope != 0) & (kappa >= 0) & (energy >= (1 - ROUNDING) * Omega), energy, jnp.inf)


def pairs_alone_at_fermi_momentum(sc: Superconductor, cluster: Cluster) -> Bool[Array, "2"]:
    """Of both bands of a pair: whether the partner is outside its shell at the band's k_F, if it has one."""
    i, j = (sc.bands[k] for k in cluster.bands)
    both = jnp.stack([j.pairs_at(zeta(j, kappa_F(i)), sc.Omega), i.pairs_at(zeta(i, kappa_F(j)), sc.Omega)])
    return ~both & jnp.stack([kappa_F(i) > 0, kappa_F(j) > 0])
