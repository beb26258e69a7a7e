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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import overlap_nodes, pairs, parameters, pick, single_nodes
from jaxgap.units import thermal_energy

__all__ = [
    "anomalous_densities",
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

    P_c = -d phi / d Delta_c^*, in closed form.
    """
    return densities_from(sc, _sums_over_k(sc, Delta, T, rule), Delta)


class SumsOverK(NamedTuple):
    """All sums over k that the anomalous densities are made of."""

    alone: Float[Array, "band"]
    """sum of f(E) over the k where the band pairs alone, f(E) = tanh(E / 2 k_B T) / 2E."""
    pairs: tuple[tuple[Scalar, Scalar, Scalar, Scalar], ...]
    """Of every cluster of two bands, where both are inside the shell: the sums of S, R, R (zeta_1^2 - zeta_2^2) and
    R (zeta_1 - zeta_2)^2."""


def _sums_over_k(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule) -> SumsOverK:
    kT = thermal_energy(T)
    m, mu = parameters(sc)
    bands, nodes = single_nodes(sc, Delta, T, rule.single)
    z = nodes.kappa / pick(m, bands)[:, None] - pick(mu, bands)[:, None]
    f = nodes.integral(spectrum.pair_sum(safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None]), kT))
    alone = [sum((f[k] for k, i in enumerate(bands) if i == band), jnp.zeros(())) for band in range(len(sc.bands))]
    rows = []
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap)
        z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
        S, R = spectrum.pair_sums(spectrum.branches(z1, z2, *pick(Delta, cluster.channels)), kT)
        S, R, R_zz, R_dd = (nodes.integral(x) for x in (S, R, R * (z1 - z2) * (z1 + z2), R * (z1 - z2) ** 2))
        rows.append((S, R, R_zz, R_dd))
    return SumsOverK(jnp.stack(alone), tuple(rows))


def densities_from(sc: Superconductor, sums: SumsOverK, Delta: Amplitudes) -> Amplitudes:
    """P_c from the sums over k that belong to the amplitudes `Delta`."""
    P = [sums.alone[i] * Delta[i] for i in range(len(sc.bands))] + [jnp.zeros((), Delta.dtype)] * len(sc.cross)
    for cluster, row in zip(pairs(sc), sums.pairs, strict=True):
        for c, P_c in zip(cluster.channels, _two_bands(*row, pick(Delta, cluster.channels)), strict=True):
            P[c] += P_c
    return jnp.stack(P)


def phase_jacobian(sc: Superconductor, Delta: Float[Array, "channel"], T: Scalar, rule: Rule = DEFAULT_RULE) -> Any:
    """d Im P / d Im Delta [unit of N] at real amplitudes.

    To first order imaginary parts change none of |Delta_c|^2 and Re(Delta_1^* Delta_2^* Delta_3^2), on which the sums over k
    depend: the sums of the real amplitudes serve.
    """
    sums = _sums_over_k(sc, Delta, T, rule)
    return jax.jacfwd(lambda eta: densities_from(sc, sums, Delta + 1j * eta).imag)(jnp.zeros_like(Delta))


def _two_bands(
    S: Scalar, R: Scalar, R_zz: Scalar, R_dd: Scalar, Delta: Inexact[Array, "3"]
) -> tuple[Inexact[Array, ""], Inexact[Array, ""], Inexact[Array, ""]]:
    r"""P_1, P_2 and P_3 of two cross-paired bands where both are inside the shell.

    .. math:: P_1 = \sum_k \tfrac12 \{ \Delta_1 S + R [ \Delta_1 (\epsilon_1^2 - \epsilon_2^2 + 2|\Delta_3|^2)
                                                + 2 \Delta_3^2 \Delta_2^* ] \}
              \quad (P_2: 1 \leftrightarrow 2)

    .. math:: P_3 = \sum_k \Delta_3 S + R [ \Delta_3 ((\zeta_1 - \zeta_2)^2 + |\Delta_1|^2 + |\Delta_2|^2)
                                    + 2 \Delta_1 \Delta_2 \Delta_3^* ]

    The amplitudes do not depend on k, so four sums over k make all three.
    """
    Delta1, Delta2, Delta3 = Delta
    s1, s2, s3 = abs2(Delta1), abs2(Delta2), abs2(Delta3)
    R_12 = R_zz + R * (s1 - s2)  # sum of R (eps_1^2 - eps_2^2)
    P1 = 0.5 * (Delta1 * (S + 2 * s3 * R + R_12) + 2 * Delta3**2 * jnp.conj(Delta2) * R)
    P2 = 0.5 * (Delta2 * (S + 2 * s3 * R - R_12) + 2 * Delta3**2 * jnp.conj(Delta1) * R)
    P3 = Delta3 * (S + R_dd + R * (s1 + s2)) + 2 * Delta1 * Delta2 * jnp.conj(Delta3) * R
    return P1, P2, P3


@partial(jax.jit, static_argnames="rule")
def gap_residual(sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = DEFAULT_RULE) -> Amplitudes:
    """What the gap equations leave [meV]: Delta_c - sum_c' lambda_cc' P_c' / N_c'."""
    return Delta - sc.lam @ (anomalous_densities(sc, Delta, T, rule) / sc.N)
