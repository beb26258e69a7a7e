r"""Entropy and specific heat of given amplitudes: quasiparticles inside the shells, normal states outside.

.. math:: S = -2 k_B \sum_{k, b} [f_b \ln f_b + (1 - f_b) \ln(1 - f_b)], \qquad
          C = T \Bigl[ \frac{\partial S}{\partial T}
              - \frac{\partial S}{\partial \Delta} M^{-1} \frac{\partial r}{\partial T} \Bigr]

with the change of the amplitudes with temperature dDelta/dT = -M^-1 dr/dT from the gap equations r = 0.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import gauge_directions
from jaxgap.equations.pairing import gap_residual, pack, unpack
from jaxgap.model.band import Band, kappa_F, larger, shell, smaller, zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.small import solved
from jaxgap.numerics.types import Scalar
from jaxgap.spectra import pair as pair_spectrum
from jaxgap.spectra.green import with_own_sums
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import Nodes, energies_alone, nodes_of_band, overlap_nodes, pairs, pick, single_nodes
from jaxgap.units import k_B, thermal_energy

__all__ = ["entropy_of", "normal_entropy_of", "normal_specific_heat_of", "specific_heat_of"]

REACH = 40.0
"""Normal states further than 40 k_B T from the Fermi level have no entropy: e^-40 = 4e-18."""


HEAT_RULE = Rule(64, 48, 36)
"""More nodes: at low T the entropy sits in peaks at the gap, much narrower than those of the gap equations."""


def entropy_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = HEAT_RULE
) -> Float[Array, ""]:
    """`entropy` of given amplitudes: a sum of positive numbers, however small."""
    kT = thermal_energy(T)
    bands, nodes = single_nodes(sc, Delta, T, rule.single)
    z = energies_alone(sc, bands, nodes.kappa)
    E = safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None])
    S = jnp.sum(nodes.integral(_entropy_single(E, kT)))
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap)
        z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
        S += nodes.integral(pair_spectrum.entropy_sum(pair_spectrum.branches(z1, z2, *pick(Delta, cluster.channels)), kT))
    for spectrum in with_own_sums(sc, Delta):
        S += spectrum.entropy(T, rule)
    for band in sc.beyond:
        (a, b), (lo, hi) = shell(band, sc.Omega), _within_reach(band, T)
        S += _normal_entropy_on(sc, band, smaller(lo, a), a, T, rule) + _normal_entropy_on(sc, band, b, larger(hi, b), T, rule)
    return k_B * S


def normal_entropy_of(sc: Superconductor, T: Float[Array, ""], rule: Rule = HEAT_RULE) -> Float[Array, ""]:
    """`normal_entropy` of a temperature that is an array."""
    if not sc.beyond:  # All of a lattice takes part in pairing.
        return entropy_of(sc, jnp.zeros(len(sc.channels)), T, rule)
    return k_B * jnp.sum(jnp.stack([_normal_entropy_on(sc, band, *_within_reach(band, T), T, rule) for band in sc.bands]))


def _within_reach(band: Band, T: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The interval of kappa with |zeta| <= 40 k_B T. Where it ends does not matter, so it does not move with T or the band."""
    band, T = jax.lax.stop_gradient((band, T))
    return band.within(REACH * thermal_energy(T))


def _normal_entropy_on(sc: Superconductor, band: Band, a: Scalar, b: Scalar, T: Scalar, rule: Rule) -> Float[Array, ""]:
    """Entropy [k_B] of a band's normal states with kappa in [a, b]."""
    kT = thermal_energy(T)
    centre, width = jax.lax.stop_gradient((kappa_F(band), jnp.pi * kT * jnp.abs(band.tangent[0])))
    nodes: Nodes = nodes_of_band(sc, band, a, b, centre[None], width[None], rule.single)
    return nodes.integral(_entropy_single(jnp.abs(zeta(band, nodes.kappa)), kT))


def _entropy_single(E: Float[Array, "*k"], kT: Float[Array, ""]) -> Float[Array, "*k"]:
    """s(E) = 2 ln(1 + exp(-E / k_B T)) + (2E / k_B T) f(E) [k_B], for both spins."""
    x = E / kT
    decay = jnp.exp(-x)
    return 2 * jnp.log1p(decay) + 2 * x * decay / (1 + decay)


def specific_heat_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = HEAT_RULE
) -> Float[Array, ""]:
    """`specific_heat` of amplitudes that solve the gap equations."""
    x, n = pack(Delta), len(sc.channels)
    M = residual_and_matrix(sc, Delta, T, DEFAULT_RULE)[1]
    gauge = gauge_directions(sc, x)
    r_T = jax.jvp(lambda t: pack(gap_residual(sc, Delta, t)), (T,), (jnp.ones(()),))[1]
    dx = -solved(M + gauge.T @ gauge, r_T)
    return T * jax.jvp(lambda x, t: entropy_of(sc, unpack(x, n), t, rule), (x, T), (dx, jnp.ones(())))[1]


def normal_specific_heat_of(sc: Superconductor, T: Float[Array, ""], rule: Rule = HEAT_RULE) -> Float[Array, ""]:
    """`normal_specific_heat` of a temperature that is an array."""
    return T * jax.jvp(lambda t: normal_entropy_of(sc, t, rule), (T,), (jnp.ones(()),))[1]
