r"""Density of states of sharp quasiparticles: no broadening, hence no quadrature either.

.. math:: N_i(\omega) = \sum_k \sum_b \left[ |u_{ib}|^2 \delta(\omega - E_b) + |v_{ib}|^2 \delta(\omega + E_b) \right]
          = \sum_{r} \rho(\kappa_r) \frac{|u_{ib}|^2}{|dE_b / d\kappa|} \Big|_{\kappa_r}, \qquad E_b(\kappa_r) = |\omega|

(|v|^2 for omega < 0), over the real roots kappa_r inside the shell, of both branches b = +- of a cross-paired pair; outside the
shell states are normal. The spectrum is that of Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), Eq. 3-4, and the weight
is the residue of G_ii at omega = +-E_b, with delta = eps_1^2 - eps_2^2 and b = E_+^2 - E_-^2

.. math:: |u_{1\pm}|^2 = \tfrac14 \left( 1 + \frac{\zeta_1}{\omega} \right) \pm \frac{1}{4b} \left[ \delta
          + \frac{\zeta_1 \delta + 2 |\Delta_3|^2 (\zeta_1 - \zeta_2)}{\omega} \right]

N is infinite at an extremum of a branch and behaves as |omega - E|^(-1/2) on one side of it: to integrate it, cut there and
substitute omega = E +- t^2. Within some 1e-9 meV of it digits are lost, as omega - E itself has lost them.
"""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import Band, rho
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.regions import overlap_interval, pairs, pick, single_intervals

__all__ = ["clean_density_of_states_of", "electron_weights"]


def clean_density_of_states_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], omega: Float[Array, ""]
) -> Float[Array, "band"]:
    """N_i(omega) of every band [unit of N] at one energy omega [meV]."""
    smallest = ZERO * sc.Omega
    omega = jnp.where(jnp.abs(omega) < smallest, jnp.where(omega < 0, -smallest, smallest), omega)
    N = jnp.stack([_outside_shell(band, sc, omega) for band in sc.bands])
    for i, a, b in zip(*single_intervals(sc), strict=True):
        N = N.at[i].add(_alone(sc.bands[i], sc, safe_sqrt(abs2(Delta[i])), omega, (a, b)))
    for cluster in pairs(sc):
        N = N.at[jnp.array(cluster.bands)].add(_pair(sc, cluster, Delta, omega))
    # No root is found where an amplitude is NaN: that is no gap.
    return jnp.where(jnp.isfinite(Delta).all(), N, jnp.nan)


def _pair(sc: Superconductor, cluster: Cluster, Delta: Any, omega: Float[Array, ""]) -> Float[Array, "2"]:
    """N_1 and N_2 of two cross-paired bands where both are inside the shell."""
    amplitudes = pick(Delta, cluster.channels)
    ends = overlap_interval(sc, cluster)
    apart = [_alone(sc.bands[i], sc, safe_sqrt(abs2(Delta[i])), omega, ends) for i in cluster.bands]
    # Without a cross amplitude branches cross: each has a kink there, the bands have none.
    none = abs2(amplitudes[2]) == 0
    together = _together(sc, cluster, jnp.where(none, jnp.ones_like(amplitudes), amplitudes), omega, ends)
    return jnp.where(none, jnp.stack(apart), together)


def _outside_shell(band: Band, sc: Superconductor, omega: Float[Array, ""]) -> Float[Array, ""]:
    kappa = band.mass * (omega + band.mu)
    normal = (jnp.abs(omega) > sc.Omega) & (kappa > 0)
    return jnp.where(normal, jnp.abs(band.mass) * rho(jnp.where(normal, kappa, 1.0), sc.dimension), 0.0)


def _alone(band: Band, sc: Superconductor, gap: Any, omega: Float[Array, ""], ends: tuple[Any, Any]) -> Float[Array, ""]:
    """BCS: E = sqrt(zeta^2 + Delta^2), |u|^2 = (1 + zeta / omega) / 2, at zeta = +-sqrt(omega^2 - Delta^2)."""
    size = jnp.abs(omega)
    open_ = size >= gap
    z = jnp.array([1.0, -1.0]) * jnp.sqrt(jnp.where(open_, (size - gap) * (size + gap), 1.0))
    kappa = band.mass * (band.mu + z)
    inside = open_ & (kappa >= ends[0]) & (kappa <= ends[1])
    density = jnp.abs(band.mass) * rho(jnp.where(inside, kappa, 1.0), sc.dimension)
    return jnp.sum(jnp.where(inside, density * (1 + z / omega) / 2 * size / jnp.abs(z), 0.0))
