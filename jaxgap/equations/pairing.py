r"""Anomalous densities P_c, the gap equations and the free energy.

.. math:: P_c = -\frac{\partial \varphi}{\partial \Delta_c^*}, \qquad
          \Delta_c = \sum_{c'} \lambda_{cc'} P_{c'} / N_{c'}, \qquad
          F = \Delta^\dagger g^{-1} \Delta + \varphi

Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), Eq. 5, with their chi's not divided by an amplitude that may
vanish, and with the 1/2 of Eq. 5 inside P. phi is the quasiparticle free energy relative to the normal state,

.. math:: \varphi = -\sum_k \{ L(E_+) + L(E_-) - L(|\zeta_1|) - L(|\zeta_2|) \}, \quad
          L(E) = E + 2 k_B T \ln(1 + e^{-E / k_B T})

Everything here is for one system at one temperature; amplitudes are an array of one number per channel [meV], real or
complex. A channel (i, j) acts where |zeta_i| <= Omega and |zeta_j| <= Omega: two cross-paired bands have an overlap region
with all three amplitudes, and edges where only one band is inside its shell and pairs alone.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import block_diag
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.green import clusters_of
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import pick

__all__ = [
    "anomalous_densities",
    "cubic_residual",
    "gap_residual",
    "pack",
    "unpack",
]

Amplitudes = Inexact[Array, "channel"]
Scalar = Float[Array, ""]


def pack(Delta: Inexact[Array, "channel *k"]) -> Float[Array, "x *k"]:
    """Amplitudes as real unknowns: n for real ones, 2n for complex ones, real parts first."""
    return jnp.concatenate([Delta.real, Delta.imag]) if jnp.iscomplexobj(Delta) else Delta


def unpack(x: Float[Array, "x *k"], n: int) -> Inexact[Array, "channel *k"]:
    """The amplitudes of n channels from real unknowns."""
    return x if x.shape[0] == n else x[:n] + 1j * x[n:]


@partial(jax.jit, static_argnames="rule")
def anomalous_densities(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = DEFAULT_RULE) -> Amplitudes:
    """Anomalous density P_c of every channel [meV times the unit of N]; a cross channel counts both orderings.

    P_c = -d phi / d Delta_c^*.
    """
    P = jnp.concatenate([spectrum.anomalous_densities(T, rule) for spectrum in clusters_of(sc, Delta)])
    return pick(P, _by_channel(sc))


def _by_channel(sc: Superconductor) -> tuple[int, ...]:
    """Where the system's channels are in a row of the channels of all clusters."""
    return tuple(np.argsort([c for cluster in sc.clusters for c in cluster.channels]).tolist())


def phase_jacobian(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Scalar, rule: Rule = DEFAULT_RULE
) -> Float[Array, "channel channel"]:
    """d Im P / d Im Delta [unit of N] at real amplitudes."""
    order = np.array(_by_channel(sc))
    return block_diag(*(spectrum.phase_jacobian(T, rule) for spectrum in clusters_of(sc, Delta)))[order][:, order]


@partial(jax.jit, static_argnames="rule")
def gap_residual(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = DEFAULT_RULE) -> Amplitudes:
    """What the gap equations leave [meV]: Delta_c - sum_c' lambda_cc' P_c' / N_c'."""
    return Delta - sc.lam @ (anomalous_densities(sc, Delta, T, rule) / sc.N)


@partial(jax.jit, static_argnames="rule")
def cubic_residual(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = DEFAULT_RULE) -> Amplitudes:
    """d^3 r(epsilon Delta) / d epsilon^3 of the residual r in the normal state, epsilon = 0 [meV]."""
    P = jnp.concatenate([spectrum.cubic_densities(T, rule) for spectrum in clusters_of(sc, Delta)])
    return -sc.lam @ (pick(P, _by_channel(sc)) / sc.N)
