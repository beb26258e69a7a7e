"""Gaps at the Fermi momenta of given amplitudes: what symmetrised photoemission reads.

E at k_F,i of band i, on the branch with the larger weight |u_i|^2 + |v_i|^2 of that band (`spectra.pair.band_weights`). An
incipient band has no k_F, and NaN for its gap.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import kappa_F, zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.bogoliubov import Bogoliubov

__all__ = ["FermiMomentumGaps", "fermi_momentum_gaps_of"]


class FermiMomentumGaps(NamedTuple):
    """Gaps at the Fermi momenta, one per band."""

    gap: Float[Array, "band"]
    """E at k_F of the band, on the branch with the larger weight of that band [meV]."""
    weight: Float[Array, "band"]
    """That weight |u_i|^2 + |v_i|^2: 1/2 is a tie between the branches, 1 a band that pairs alone."""


def fermi_momentum_gaps_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> FermiMomentumGaps:
    """`fermi_momentum_gaps` of given amplitudes."""
    rows: list[tuple[Float[Array, ""], Float[Array, ""]]] = []
    partners = {i: cluster for cluster in sc.clusters for i in cluster.bands}
    for i, band in enumerate(sc.bands):
        alone = spectrum.safe_sqrt(spectrum.abs2(Delta[i]))
        cluster = partners[i]
        if len(cluster.bands) == 1:
            rows.append((alone, jnp.ones(())))
            continue
        if len(cluster.bands) > 2:
            E, W = Bogoliubov(sc, Delta, cluster).at_one(kappa_F(band), cluster.bands.index(i))
            largest = jnp.arange(len(E)) == jnp.argmax(W)
            rows.append((jnp.sum(jnp.where(largest, E, 0.0)), jnp.sum(jnp.where(largest, W, 0.0))))
            continue
        one, two = (sc.bands[j] for j in cluster.bands)
        z1, z2 = zeta(one, kappa_F(band)), zeta(two, kappa_F(band))
        amplitudes = [Delta[c] for c in cluster.channels]
        E_plus, E_minus = spectrum.energies(z1, z2, *amplitudes)
        W = spectrum.band_weights(z1, z2, *amplitudes)
        W = W if cluster.bands[0] == i else 1 - W
        # Where the partner is outside its shell at this k_F, the band pairs alone.
        paired = one.pairs_at(z1, sc.Omega) & two.pairs_at(z2, sc.Omega)
        gap, weight = jnp.where(W >= 0.5, E_plus, E_minus), jnp.where(W >= 0.5, W, 1 - W)
        rows.append((jnp.where(paired, gap, alone), jnp.where(paired, weight, 1.0)))
    gaps, weights = zip(*rows, strict=True)
    crossed = jnp.stack([kappa_F(band) > 0 for band in sc.bands])
    return FermiMomentumGaps(*(jnp.where(crossed, jnp.stack(part), jnp.nan) for part in (gaps, weights)))
