r"""lambda K(T): the gap equations for small amplitudes, whose eigenvalue 1 is where the normal state gives way.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} K_{c'}(T) \Delta_{c'}, \qquad
          K_i = \int \frac{\tanh(\zeta_i / 2 k_B T)}{2 \zeta_i}, \qquad
          K_{ij} = \int \frac{\tanh(\zeta_i / 2 k_B T) + \tanh(\zeta_j / 2 k_B T)}{\zeta_i + \zeta_j}

each over its shell and divided by N_c. The sums are made twice, of the same integrands: for one system with the derivatives of
every leaf (`linear_kernel`; where two shells are equal they are the mean of both sides), and for the values of many systems
(`normal_matrices`), on the nodes of `jaxgap.equations.gap_equations`, elements last.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.equations.lattice_sums import kernels_on_lattices
from jaxgap.equations.nodes import Places, bands_alone, lanes_at, places
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.hyperbolic import tanh_over
from jaxgap.numerics.node_sums import over_nodes
from jaxgap.numerics.small import symmetric_eigenvectors
from jaxgap.spectra.green import with_own_sums
from jaxgap.spectra.mesh import coldest_on
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import energies_alone, overlap_nodes, pairs, single_nodes
from jaxgap.spectra.several_bands import linear_sums
from jaxgap.units import k_B, thermal_energy

__all__ = [
    "linear_kernel",
    "linear_map",
    "normal_matrix",
    "normal_matrices",
    "normal_places",
    "attracts",
    "coldest_temperature",
    "highest_temperature",
    "susceptibility",
    "pair_susceptibility",
]

OfK = Float[Array, "*k"]

COLDEST = 1e-14
"""In units of the highest possible T_c: the normal state's stability at T = 0 is that at this temperature."""


@partial(jax.jit, static_argnames="rule")
def linear_kernel(sc: Superconductor, T: Float[Array, ""], rule: Rule = DEFAULT_RULE) -> Float[Array, "channel"]:
    """K_c(T) of every channel (dimensionless): P_c = N_c K_c Delta_c for small amplitudes."""
    kT = thermal_energy(T)
    normal = jnp.zeros_like(sc.lam[0])
    bands, nodes = single_nodes(sc, normal, T, rule.single)
    K = normal.at[np.array(bands, int)].add(nodes.integral(susceptibility(energies_alone(sc, bands, nodes.kappa), kT)))
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, normal, T, rule.overlap)
        z1, z2 = (sc.bands[i].zeta(nodes.kappa) for i in cluster.bands)
        parts = jnp.stack([susceptibility(z1, kT), susceptibility(z2, kT), pair_susceptibility(z1, z2, kT)])
        K = K.at[jnp.array(cluster.channels)].add(nodes.integral(parts))
    for spectrum in with_own_sums(sc, normal):
        K = K.at[jnp.array(spectrum.cluster.channels)].add(spectrum.linear_kernel(T, rule))
    return K / sc.N


def linear_map(sc: Superconductor, T: Float[Array, ""], rule: Rule = DEFAULT_RULE) -> Float[Array, "channel channel"]:
    """lambda K(T): Delta -> lambda K Delta."""
    for spectrum in with_own_sums(sc, jnp.zeros_like(sc.lam[0])):
        if spectrum.mixes:
            return sc.lam @ spectrum.linear_matrix(T, rule)
    return sc.lam * linear_kernel(sc, T, rule)[None, :]


def normal_matrix(sc: Superconductor, T: Float[Array, ""]) -> Float[Array, "channel channel"]:
    """M = 1 - lambda K(T) of the normal state, which eigenvalues with a negative real part make unstable; at T = 0 that of next
    to nothing."""
    return jnp.eye(len(sc.lam)) - linear_map(sc, jnp.maximum(T, coldest_temperature(sc)))


def normal_places(systems: Superconductor) -> Places | None:
    """Where the nodes of `normal_matrices` lie; None of one system, which has its own."""
    alone, n = len(systems.lam) == 1 and not systems.meshed and not cut().registers, systems.lam.shape[-1]
    return None if alone else places(systems, jnp.zeros((len(systems.lam), n)))


def normal_matrices(
    systems: Superconductor, on: Places | None, T: Float[Array, "element"], rule: Rule = DEFAULT_RULE
) -> Float[Array, "channel channel element"]:
    """M = 1 - lambda K(T) of the normal state of a batch of systems, without derivatives."""
    n = systems.lam.shape[-1]
    if on is None:  # What its derivative compiles anyway.
        return (jnp.eye(n) - linear_map(jax.tree.map(lambda leaf: leaf[0], systems), T[0], rule))[:, :, None]
    at = lanes_at(systems, on, T, rule)
    if at.lattices is not None:
        return jnp.eye(n)[:, :, None] - jnp.einsum("ijn,jkn->ikn", at.coupling, kernels_on_lattices(at.lattices))
    K = [jnp.zeros_like(at.kT)] * n
    if at.alone is not None:
        bands = bands_alone(at.clusters)
        (alone,) = over_nodes(lambda z, weight, kT: (susceptibility(z, kT) * weight,), at.alone.nodes, (at.kT,))
        for k, (i, j) in enumerate(bands):
            K[i] += at.alone.first[k] * alone[k]
            K[j] += (1 - at.alone.first[k]) * alone[k]
    for c, table in zip(at.tabulated, at.tables, strict=True):
        (alone,) = over_nodes(lambda z, weight, kT: (susceptibility(z, kT) * weight,), tuple(table), (at.kT,))
        K[c] += alone
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        for channel, part in zip(cluster.channels, over_nodes(_of_pair, pair, (at.kT,)), strict=True):
            K[channel] += part
    for cluster, group in zip((c for c in at.clusters if len(c.bands) > 2), at.groups, strict=True):
        for channel, part in zip(cluster.channels, linear_sums(group.z, group.at, group.pairs, at.kT), strict=True):
            K[channel] += part
    return jnp.eye(n)[:, :, None] - at.coupling * jnp.stack(K)[None]


def _of_pair(z1: OfK, z2: OfK, weight: OfK, kT: Float[Array, "*temperature"]) -> tuple[OfK, OfK, OfK]:
    """The integrands of the three channels of two cross-paired bands."""
    return susceptibility(z1, kT) * weight, susceptibility(z2, kT) * weight, pair_susceptibility(z1, z2, kT) * weight


def susceptibility(z: Float[Array, "*k"], kT: Float[Array, "*temperature"]) -> Float[Array, "*k"]:
    """tanh(z / 2 k_B T) / 2z."""
    return tanh_over(z / (2 * kT)) / (4 * kT)


def pair_susceptibility(z1: Float[Array, "*k"], z2: Float[Array, "*k"], kT: Float[Array, "*temperature"]) -> Float[Array, "*k"]:
    """[tanh(z1 / 2 k_B T) + tanh(z2 / 2 k_B T)] / (z1 + z2), by tanh(x + y) (1 + tanh x tanh y), which has no 0/0 at x = -y."""
    x, y = z1 / (2 * kT), z2 / (2 * kT)
    return tanh_over(x + y) * (1 + jnp.tanh(x) * jnp.tanh(y)) / (2 * kT)


def coldest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """The temperature [K] that stands for zero in the normal state: next to nothing, or on a lattice the lowest one that its
    largest mesh resolves."""
    least = COLDEST * highest_temperature(sc)
    return jnp.maximum(least, coldest_on(sc)) if isinstance(sc, Lattice) else least


def attracts(sc: Superconductor) -> Bool[Array, ""]:
    """Whether electrons attract each other in any combination of channels (the symmetric part of g has a positive eigenvalue),
    so that there may be a T_c however low."""
    g = sc.g
    return symmetric_eigenvectors((g + g.T) / 2)[0][-1] > 0


def highest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """A temperature [K] above which no solution but the normal state exists: |lambda K| < 1 (Frobenius norm).

    tanh(x)/x <= 1 bounds K_i <= n_i / 4 k_B T N_i and K_ij <= min(n_i, n_j) / 2 k_B T N_ij, where n_i is the number of states
    of band i in its shell.
    """
    for spectrum in with_own_sums(sc, jnp.zeros_like(sc.lam[0])):
        if spectrum.mixes:
            return jnp.sqrt(jnp.sum((sc.lam @ spectrum.largest_kernel()) ** 2)) / k_B + 1e-300
    count = [band.states_within(sc.Omega, sc.dimension) for band in sc.bands]
    bounds = [n / 4 for n in count] + [jnp.minimum(count[i], count[j]) / 2 for i, j in sc.cross]
    return jnp.sqrt(jnp.sum((sc.lam * (jnp.stack(bounds) / sc.N)[None, :]) ** 2)) / k_B + 1e-300
