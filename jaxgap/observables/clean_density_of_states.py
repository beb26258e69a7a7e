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

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import Band, rho, zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.regions import overlap_interval, pairs, pick, single_intervals
from jaxgap.spectra.roots import pair_roots

__all__ = ["clean_density_of_states_of", "electron_weights"]

ZERO = 1e-6
"""Energies closer to zero than 1e-6 Omega are read as that: there the two roots beside a gapless line are still told apart."""
REAL = 1e-6
"""Roots within 1e-6 Omega |m| of the real axis are candidates (rounding moves a double root by less); Newton decides."""
FOUND = 1e-9
"""A candidate is a root if Newton's method ends where |E - |omega|| <= 1e-9 Omega."""


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


def _together(
    sc: Superconductor, cluster: Cluster, Delta: Any, omega: Float[Array, ""], ends: tuple[Any, Any]
) -> Float[Array, "2"]:
    """Both bands with a cross amplitude, from the roots of the pair."""
    one, two = (sc.bands[i] for i in cluster.bands)
    roots = pair_roots(one.mass, one.mu, two.mass, two.mu, Delta, omega)
    width = sc.Omega * jnp.maximum(jnp.abs(one.mass), jnp.abs(two.mass))

    def at(root: Any) -> Float[Array, "2"]:
        kappa, slope, upper, found = _refined(one, two, Delta, root.real, jnp.abs(omega), FOUND * sc.Omega)
        found &= (jnp.abs(root.imag) <= REAL * width) & (kappa >= ends[0]) & (kappa <= ends[1])
        kappa = jnp.where(found, kappa, jnp.abs(one.mass * one.mu))
        weights = electron_weights(zeta(one, kappa), zeta(two, kappa), Delta, omega, jnp.where(upper, 1.0, -1.0))
        return jnp.where(found, rho(kappa, sc.dimension) * weights / jnp.where(found, jnp.abs(slope), 1.0), 0.0)

    return jnp.sum(jax.vmap(at)(roots), axis=0)


def _refined(one: Band, two: Band, Delta: Any, kappa: Any, size: Any, tolerance: Any) -> tuple[Any, Any, Any, Any]:
    """(kappa, dE/dkappa, whether on the upper branch, whether found), by Newton's method on E(kappa) = size.

    Two steps beyond the root also carry its derivatives, to the third order.
    """

    def energies(kappa: Any) -> Any:
        return spectrum.energies(zeta(one, kappa), zeta(two, kappa), *Delta)

    E_plus, E_minus = jax.lax.stop_gradient(energies(kappa))
    upper = 2 * size**2 > E_plus**2 + E_minus**2

    def value_and_slope(kappa: Any) -> Any:
        E, slope = jax.jvp(energies, (kappa,), (jnp.ones_like(kappa),))
        return tuple(jnp.where(upper, *pair) for pair in (E, slope))

    for _ in range(3):
        E, slope = value_and_slope(kappa)
        kappa = kappa - jnp.where(slope == 0, 0.0, (E - size) / jnp.where(slope == 0, 1.0, slope))
    E, slope = value_and_slope(kappa)
    return kappa, slope, upper, jnp.abs(E - size) <= tolerance


def electron_weights(z1: Any, z2: Any, Delta: Any, omega: Any, sign: Any) -> Float[Array, "2"]:
    """|u|^2 of both bands on the branch E_+ (sign 1) or E_- (sign -1) for omega = E, |v|^2 for omega = -E."""
    s1, s2, s3 = (abs2(D) for D in Delta)
    b = safe_sqrt(spectrum.splitting(z1, z2, *Delta))
    # Where the branches are one (b = 0), each has half of it.
    over_b = jnp.where(b > 0, sign / jnp.where(b > 0, b, 1.0), 0.0)
    delta = (z1 - z2) * (z1 + z2) + s1 - s2
    first = (1 + z1 / omega + over_b * (delta + (z1 * delta + 2 * s3 * (z1 - z2)) / omega)) / 4
    second = (1 + z2 / omega - over_b * (delta + (z2 * delta + 2 * s3 * (z1 - z2)) / omega)) / 4
    return jnp.stack([first, second])
