r"""Free energy of given amplitudes, relative to the normal state.

.. math:: F = \Delta^\dagger g^{-1} \Delta + \varphi, \quad
          \varphi = -\sum_k \{ L(E_+) + L(E_-) - L(|\zeta_1|) - L(|\zeta_2|) \}, \quad
          L(E) = E + 2 k_B T \ln(1 + e^{-E / k_B T})

with d phi / d Delta_c^* = -P_c. It exists only if g is symmetric. At a solution F = Re Delta^+ P + phi, which needs no inverse:
rank-one couplings are allowed.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.equations.pairing import anomalous_densities
from jaxgap.model.band import zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra import pair as pair_spectrum
from jaxgap.spectra.green import with_own_sums
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import energies_alone, overlap_nodes, pairs, pick, single_nodes
from jaxgap.units import thermal_energy

__all__ = [
    "FREE_ENERGY_RULE",
    "free_energy_functional",
    "free_energy_functional_of_pairs",
    "free_energy_of",
    "quasiparticle_free_energy",
]

Amplitudes = Inexact[Array, "channel"]
Scalar = Float[Array, ""]

FREE_ENERGY_RULE = Rule(96, 64, 96)
"""More nodes: F subtracts the normal state, whose |zeta| has a kink at T = 0."""


@partial(jax.jit, static_argnames="rule")
def free_energy_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = FREE_ENERGY_RULE
) -> Float[Array, ""]:
    """`free_energy` of amplitudes that solve the gap equations; NaN if g is not symmetric."""
    condensate = jnp.real(jnp.vdot(Delta, anomalous_densities(sc, Delta, T, rule)))
    F = condensate + quasiparticle_free_energy(sc, Delta, T, rule)
    return jnp.where(sc.has_free_energy, F, jnp.nan)


def quasiparticle_free_energy(
    sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = FREE_ENERGY_RULE
) -> Float[Array, ""]:
    """phi [meV^2 times the unit of N]: quasiparticle free energy relative to the normal state."""
    kT = thermal_energy(T)
    bands, nodes = single_nodes(sc, Delta, T, rule.single, normal=True)
    z = energies_alone(sc, bands, nodes.kappa)
    E = safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None])
    gained = _log_sum_single(E, kT) - _log_sum_single(jnp.abs(z), kT)
    phi = -jnp.sum(nodes.integral(gained))
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap, normal=True)
        z = jnp.stack([zeta(sc.bands[i], nodes.kappa) for i in cluster.bands])
        L = pair_spectrum.log_sum(pair_spectrum.branches(*z, *pick(Delta, cluster.channels)), kT)
        phi -= nodes.integral(L - jnp.sum(_log_sum_single(jnp.abs(z), kT), axis=0))
    for spectrum in with_own_sums(sc, Delta):
        phi += spectrum.quasiparticle_free_energy(T, rule)
    return phi


def _log_sum_single(E: Float[Array, "*k"], kT: Scalar) -> Float[Array, "*k"]:
    """L(E) = E + 2 k_B T ln(1 + exp(-E / k_B T))."""
    return E + 2 * kT * jnp.log1p(jnp.exp(-E / kT))


def free_energy_functional(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = FREE_ENERGY_RULE) -> Float[Array, ""]:
    """F(Delta) = Delta^+ g^-1 Delta + phi(Delta), relative to the normal state; stationary at the solutions.

    Meaningful only for symmetric, invertible g (NaN or infinite otherwise; see `free_energy_functional_of_pairs`).
    """
    condensate = jnp.real(jnp.vdot(Delta, jnp.linalg.solve(sc.g.astype(Delta.dtype), Delta)))
    return condensate + quasiparticle_free_energy(sc, Delta, T, rule)


def free_energy_functional_of_pairs(
    sc: Superconductor, X: Amplitudes, T: Scalar, rule: Rule = FREE_ENERGY_RULE
) -> Float[Array, ""]:
    """F(X) = X^+ g X + phi(g X) in the pair densities X, with Delta = g X: for any symmetric g, singular ones too."""
    Delta = sc.g.astype(X.dtype) @ X
    return jnp.real(jnp.vdot(X, Delta)) + quasiparticle_free_energy(sc, Delta, T, rule)
