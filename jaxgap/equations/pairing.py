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

from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.band import larger, shell, smaller, zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule, panels
from jaxgap.units import k_B

__all__ = [
    "anomalous_densities",
    "gap_residual",
    "thermal_energy",
    "pack",
    "unpack",
    "quasiparticle_free_energy",
    "free_energy_functional",
    "free_energy_functional_of_pairs",
]

Amplitudes = Inexact[Array, "channel"]
Scalar = Float[Array, ""]

_COLDEST = 1e-30
"""k_B T [meV] that stands for T = 0: every exp(-E / k_B T) is then exactly 0, and no derivative is 0/0."""


def thermal_energy(T: Scalar) -> Scalar:
    """k_B T [meV], with a floor of 1e-30 meV that makes T = 0 an ordinary temperature."""
    return jnp.maximum(k_B * T, _COLDEST)


class Nodes(NamedTuple):
    """Quadrature nodes in kappa, with weights that include rho(kappa)."""

    kappa: Float[Array, "*interval node"]
    weight: Float[Array, "*interval node"]

    def integral(self, integrand: Inexact[Array, "*interval node"]) -> Inexact[Array, "*interval"]:
        """Sum over the nodes of each interval, as a matrix product: XLA then computes the integrand only once."""
        return jnp.einsum("...n,...n->...", integrand, self.weight.astype(integrand.dtype))


def parameters(sc: Superconductor) -> tuple[Float[Array, "band"], Float[Array, "band"]]:
    """Masses and mus of all bands as arrays."""
    return jnp.stack([band.mass for band in sc.bands]), jnp.stack([band.mu for band in sc.bands])


def pairs(sc: Superconductor) -> list[Cluster]:
    """The clusters of two cross-paired bands."""
    return [cluster for cluster in sc.clusters if len(cluster.bands) == 2]


def overlap_interval(sc: Superconductor, cluster: Cluster) -> tuple[Scalar, Scalar]:
    """The interval of kappa in which all bands of a cluster are inside the shell (empty if its ends are equal)."""
    a, b = zip(*(shell(sc.bands[i], sc.Omega) for i in cluster.bands), strict=True)
    lo = reduce(larger, a)
    return lo, larger(lo, reduce(smaller, b))


def overlap_nodes(sc: Superconductor, cluster: Cluster, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False) -> Nodes:
    """Nodes where both bands of a cluster are inside the shell, placed for the amplitudes `Delta`.

    With `normal`, the nodes also resolve the normal state at T: the kinks of |zeta_i| in the free energy.
    """
    m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
    peaks = integrand_peaks(m, mu, pick(Delta, cluster.channels), T, normal)
    return nodes_on(sc, *overlap_interval(sc, cluster), *peaks, n)


def single_intervals(sc: Superconductor) -> tuple[tuple[int, ...], Float[Array, "interval"], Float[Array, "interval"]]:
    """(bands, a, b): where a band is inside its shell and pairs alone.

    That is the whole shell of a band without cross channel; of a cross-paired one it is what its partner's shell leaves,
    on either side. The ends are cut by `larger` and `smaller`: where two shells are equal (d = 0), the
    derivative of an edge is then the mean of both sides.
    """
    ends = []
    for cluster in sc.clusters:
        edges = [shell(sc.bands[i], sc.Omega) for i in cluster.bands]
        if len(edges) == 1:
            ends.append((cluster.bands[0], *edges[0]))
            continue
        for i, (a, b), (a_other, b_other) in zip(cluster.bands, edges, edges[::-1], strict=True):
            ends += [(i, a, smaller(larger(a_other, a), b)), (i, smaller(larger(b_other, a), b), b)]
    bands, lower, upper = zip(*ends, strict=True)
    return bands, jnp.stack(lower), jnp.stack(upper)


def single_nodes(
    sc: Superconductor, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False
) -> tuple[tuple[int, ...], Nodes]:
    """Bands and nodes of all intervals in which a band pairs alone."""
    bands, a, b = single_intervals(sc)
    m, mu = (pick(leaf, bands) for leaf in parameters(sc))

    def interval(m: Any, mu: Any, Delta: Any, a: Any, b: Any) -> Nodes:
        return nodes_on(sc, a, b, *integrand_peaks(m[None], mu[None], Delta[None], T, normal), n)

    return bands, jax.vmap(interval)(m, mu, pick(Delta, bands), a, b)


def pick(values: Inexact[Array, "n *k"], indices: tuple[int, ...]) -> Inexact[Array, "m *k"]:
    """values[indices] for static indices, as slices: much cheaper than XLA's gather in a batch on the CPU."""
    return jnp.stack([values[i] for i in indices])


def pack(Delta: Inexact[Array, "channel *k"]) -> Float[Array, "x *k"]:
    """Amplitudes as real unknowns: n for real ones, 2n for complex ones, real parts first."""
    return jnp.concatenate([Delta.real, Delta.imag]) if jnp.iscomplexobj(Delta) else Delta


def unpack(x: Float[Array, "x *k"], n: int) -> Inexact[Array, "channel *k"]:
    """The amplitudes of n channels from real unknowns."""
    return x if x.shape[0] == n else x[:n] + 1j * x[n:]


def nodes_on(sc: Superconductor, a: Any, b: Any, centre: Any, width: Any, n: int) -> Nodes:
    """Nodes on [a, b]; in 3D the integral runs over sqrt(kappa), in which a band's edge is smooth.

    Of many intervals at once the nodes come first, the intervals last (as in `spectra.quadrature.panels`).
    """
    if sc.dimension == 2:
        return Nodes(*panels(a, b, centre, width, n))
    root = jnp.sqrt(centre + 1j * width)
    y, weight = panels(safe_sqrt(a), safe_sqrt(b), root.real, root.imag, n)
    return Nodes(y**2, 2 * y**2 * weight)  # dkappa rho = 2 y dy y


def integrand_peaks(
    m: Any, mu: Any, Delta: Any, T: Scalar, normal: bool = False
) -> tuple[Float[Array, "root"], Float[Array, "root"]]:
    """Centres and widths (hypot of the root's imaginary part and pi k_B T |m|) of what must be resolved."""
    m, mu, Delta, kT = jax.lax.stop_gradient((m, mu, Delta, thermal_energy(T)))
    found = [spectrum.peaks(m, mu, Delta)] + normal * [spectrum.peaks(m, mu, 0 * Delta)]
    centre, width = (jnp.concatenate(part) for part in zip(*found, strict=True))
    return centre, jnp.sqrt(width * width + (jnp.pi * kT * jnp.min(jnp.abs(m))) ** 2)


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


FREE_ENERGY_RULE = Rule(96, 64)
"""More nodes: F subtracts the normal state, whose |zeta| has a kink at T = 0."""


def quasiparticle_free_energy(
    sc: Superconductor, Delta: Amplitudes, T: Scalar, rule: Rule = FREE_ENERGY_RULE
) -> Float[Array, ""]:
    """phi [meV^2 times the unit of N]: quasiparticle free energy relative to the normal state."""
    kT = thermal_energy(T)
    m, mu = parameters(sc)
    bands, nodes = single_nodes(sc, Delta, T, rule.single, normal=True)
    z = nodes.kappa / pick(m, bands)[:, None] - pick(mu, bands)[:, None]
    E = safe_sqrt(z**2 + abs2(pick(Delta, bands))[:, None])
    gained = _log_sum_single(E, kT) - _log_sum_single(jnp.abs(z), kT)
    phi = -jnp.sum(nodes.integral(gained))
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap, normal=True)
        z = jnp.stack([zeta(sc.bands[i], nodes.kappa) for i in cluster.bands])
        L = spectrum.log_sum(spectrum.branches(*z, *pick(Delta, cluster.channels)), kT)
        phi -= nodes.integral(L - jnp.sum(_log_sum_single(jnp.abs(z), kT), axis=0))
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
