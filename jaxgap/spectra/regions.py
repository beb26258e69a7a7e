r"""Which bands pair at which kappa, and nodes of quadrature there.

A channel (i, j) acts where |zeta_i| <= Omega and |zeta_j| <= Omega: two cross-paired bands have an overlap of their shells with
all three amplitudes, and what the partner's shell leaves of each, on either side, where the band pairs alone. Outside all
shells bands are normal.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import Band, larger, smaller
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.spectra.quadrature import Peaked, Pieces, laid_on, later_on, panels, pieces
from jaxgap.units import thermal_energy

__all__ = [
    "Nodes",
    "NodesLater",
    "Interval",
    "amplitudes_at",
    "broadened",
    "energies_alone",
    "intervals_alone",
    "nodes_at_roots",
    "nodes_later",
    "nodes_of_band",
    "nodes_of_intervals",
    "integrand_peaks",
    "lightest",
    "nodes_on",
    "nodes_on_each",
    "overlap_interval",
    "overlap_nodes",
    "pairs",
    "parameters",
    "pick",
    "single_intervals",
    "single_nodes",
    "tables",
]

Amplitudes = Inexact[Array, "channel"]
Scalar = Float[Array, ""]


class Nodes(NamedTuple):
    """Quadrature nodes in kappa, with weights that include rho(kappa)."""

    kappa: Float[Array, "*interval node"]
    weight: Float[Array, "*interval node"]

    def integral(self, integrand: Inexact[Array, "*interval node"]) -> Inexact[Array, "*interval"]:
        """Sum over the nodes of each interval, as a matrix product: XLA then computes the integrand only once."""
        return jnp.einsum("...n,...n->...", integrand, self.weight.astype(integrand.dtype))


def parameters(sc: Superconductor) -> tuple[Float[Array, "band"], Float[Array, "band"]]:
    """Masses and mus of all bands' tangents as arrays: what nodes are placed by."""
    m, mu = zip(*(band.tangent for band in sc.bands), strict=True)
    return jnp.stack(m), jnp.stack(mu)


def energies_alone(
    sc: Superconductor, bands: tuple[int, ...], kappa: Float[Array, "interval node"]
) -> Float[Array, "interval node"]:
    """zeta of the band of every interval. Bands of one kind go together: fewer operations to compile than one by one."""
    if not bands:
        return kappa
    numbers, structures = zip(*(jax.tree.flatten(_nameless(sc.bands[i])) for i in bands), strict=True)
    if len(set(structures)) > 1:
        return jnp.stack([sc.bands[i].zeta(k) for i, k in zip(bands, kappa, strict=True)])
    together = jax.tree.unflatten(structures[0], [jnp.stack(leaf) for leaf in zip(*numbers, strict=True)])
    return jax.vmap(lambda band, k: band.zeta(k))(together, kappa)


def _nameless(band: Band) -> Band:
    return replace(band, name="")


def pairs(sc: Superconductor) -> list[Cluster]:
    """The clusters of two cross-paired bands."""
    return [cluster for cluster in sc.clusters if len(cluster.bands) == 2]


def pick(values: Inexact[Array, "n *k"], indices: tuple[int, ...]) -> Inexact[Array, "m *k"]:
    """values[indices] for static indices, as slices: much cheaper than XLA's gather in a batch on the CPU."""
    return jnp.stack([values[i] for i in indices]) if indices else values[:0]


def overlap_interval(sc: Superconductor, cluster: Cluster) -> tuple[Scalar, Scalar]:
    """The interval of kappa in which all bands of a cluster are inside the shell (empty if its ends are equal)."""
    a, b = zip(*(sc.bands[i].shell(sc.Omega) for i in cluster.bands), strict=True)
    lo = reduce(larger, a)
    return lo, larger(lo, reduce(smaller, b))


def integrand_peaks(
    m: Float[Array, "band"], mu: Float[Array, "band"], Delta: Inexact[Array, "own"], T: Scalar, normal: bool = False
) -> tuple[Float[Array, "root"], Float[Array, "root"]]:
    """Centres and widths (hypot of the root's imaginary part and pi k_B T |m|) of what must be resolved."""
    m, mu, Delta, kT = jax.lax.stop_gradient((m, mu, Delta, thermal_energy(T)))
    found = [spectrum.peaks(m, mu, Delta)] + normal * [spectrum.peaks(m, mu, 0 * Delta)]
    centre, width = (jnp.concatenate(part) for part in zip(*found, strict=True))
    return centre, broadened(width, lightest(m), kT)


def lightest(m: Float[Array, "band *on"]) -> Float[Array, "*on"]:
    """The least |m| of some bands."""
    return reduce(jnp.minimum, [jnp.abs(m_i) for m_i in m])


def broadened(
    width: Float[Array, "root *on"], mass: Float[Array, "*#on"], kT: Float[Array, "*#on"]
) -> Float[Array, "root *on"]:
    """The width of a peak at a temperature."""
    return jnp.sqrt(width * width + (jnp.pi * kT * mass) ** 2)


def nodes_on(
    sc: Superconductor,
    a: Float[Array, ""],
    b: Float[Array, ""],
    centre: Float[Array, "root"],
    width: Float[Array, "root"],
    n: int,
) -> Nodes:
    """Nodes on [a, b]; in 3D the integral runs over sqrt(kappa), in which a band's edge is smooth."""
    return nodes_on_each(sc, [(a, b, centre, width)], [n])[0]


def nodes_on_each(sc: Superconductor, intervals: list[Peaked], n: list[int]) -> list[Nodes]:
    """Nodes on several intervals (a, b, centre, width); of many at once they come first, the elements last."""
    n = [sc.decades * m for m in n]
    if sc.dimension == 2:
        return [Nodes(*laid_on(*on[:2], cut, m)) for on, cut, m in zip(intervals, pieces(intervals), n, strict=True)]
    on_root = _on_root(intervals)
    return [_of_root(*laid_on(*on[:2], cut, m)) for on, cut, m in zip(on_root, pieces(on_root), n, strict=True)]


class NodesLater(NamedTuple):
    """Nodes that are not laid yet."""

    n: int
    """On each piece."""
    at: Callable[[Scalar, Scalar], Nodes]
    """Those of every piece, from a node and a weight of Gauss' rule."""


def nodes_later(sc: Superconductor, intervals: list[Peaked], n: list[int]) -> list[NodesLater]:
    """`nodes_on_each`, to be laid where they are summed over."""

    def later(interval: Peaked, on: Pieces, n: int) -> NodesLater:
        def at(u: Scalar, weight: Scalar) -> Nodes:
            y, v = later_on(*interval[:2], on, u, weight)
            return Nodes(y, v) if sc.dimension == 2 else _of_root(y, v)

        return NodesLater(sc.decades * n, at)

    on = intervals if sc.dimension == 2 else _on_root(intervals)
    return [later(*each) for each in zip(on, pieces(on), n, strict=True)]


def _on_root(intervals: list[Peaked]) -> list[Peaked]:
    """Of sqrt(kappa)."""
    return [(safe_sqrt(a), safe_sqrt(b), *_root(centre, width)) for a, b, centre, width in intervals]


def _root(x: Float[Array, "*root"], y: Float[Array, "*root"]) -> tuple[Float[Array, "*root"], Float[Array, "*root"]]:
    """Real and imaginary part of sqrt(x + i y), y >= 0, without complex numbers."""
    larger_part = jnp.sqrt((jnp.sqrt(x * x + y * y) + jnp.abs(x)) / 2)
    other = y / jnp.where(larger_part > 0, 2 * larger_part, 1.0)
    return jnp.where(x >= 0, larger_part, other), jnp.where(x >= 0, other, larger_part)


def _of_root(y: Float[Array, "*node"], weight: Float[Array, "*node"]) -> Nodes:
    return Nodes(y**2, 2 * y**2 * weight)  # dkappa rho = 2 y dy y


def nodes_of_band(
    sc: Superconductor, band: Band, a: Scalar, b: Scalar, centre: Float[Array, "root"], width: Float[Array, "root"], n: int
) -> Nodes:
    """Nodes on [a, b] for a band that is alone there, with weights that are its states: of one known by a table n nodes on
    each side of every peak between any two knots."""
    if band.in_k_space:
        return nodes_on(sc, a, b, centre, width, n)
    ends = band.segments(a, b)
    kappa, weight = jax.vmap(lambda lower, upper: panels(lower, upper, centre, width, n))(*ends)
    return Nodes(kappa.reshape(-1), (weight * band.states(kappa, sc.dimension)).reshape(-1))


def tables(sc: Superconductor) -> list[Cluster]:
    """The bands, which pair alone, that are known by their density of states only."""
    return [cluster for cluster in sc.clusters if cluster.bands and not sc.bands[cluster.bands[0]].in_k_space]


def overlap_nodes(sc: Superconductor, cluster: Cluster, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False) -> Nodes:
    """Nodes where both bands of a cluster are inside the shell, placed for the amplitudes `Delta`.

    With `normal`, the nodes also resolve the normal state at T: the kinks of |zeta_i| in the free energy.
    """
    m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
    peaks = integrand_peaks(m, mu, pick(Delta, cluster.channels), T, normal)
    return nodes_on(sc, *overlap_interval(sc, cluster), *peaks, n)


class Interval(NamedTuple):
    """Where a band is inside its shell and pairs alone."""

    band: int
    a: Scalar
    b: Scalar


def intervals_alone(sc: Superconductor, cluster: Cluster) -> list[Interval]:
    """Where bands of a cluster of one or two pair alone (clusters of several know but one kind of interval: `spectra.shells`;
    tables have nodes of their own: `spectra.one_table`).

    That is the whole shell of a band without cross channel; of a cross-paired one it is what its partner's shell leaves,
    on either side. The ends are cut by `larger` and `smaller`: where two shells are equal (d = 0), the
    derivative of an edge is then the mean of both sides.
    """
    if not cluster.bands or len(cluster.bands) > 2 or cluster in tables(sc):
        return []
    edges = [sc.bands[i].shell(sc.Omega) for i in cluster.bands]
    if len(edges) == 1:
        return [Interval(cluster.bands[0], *edges[0])]
    found = []
    for i, (a, b), (a_other, b_other) in zip(cluster.bands, edges, edges[::-1], strict=True):
        found += [Interval(i, a, smaller(larger(a_other, a), b)), Interval(i, smaller(larger(b_other, a), b), b)]
    return found


def single_intervals(sc: Superconductor) -> list[Interval]:
    """`intervals_alone` of all clusters."""
    return [interval for cluster in sc.clusters for interval in intervals_alone(sc, cluster)]


def nodes_of_intervals(
    sc: Superconductor, intervals: list[Interval], Delta: Amplitudes, T: Scalar, n: int, normal: bool = False
) -> tuple[tuple[int, ...], Nodes]:
    """Bands and nodes of intervals in which a band pairs alone."""
    if not intervals:
        return (), Nodes(jnp.zeros((0, 1)), jnp.zeros((0, 1)))
    bands, a, b = zip(*intervals, strict=True)
    m, mu = (pick(leaf, bands) for leaf in parameters(sc))

    def nodes(m: Scalar, mu: Scalar, Delta: Inexact[Array, ""], a: Scalar, b: Scalar) -> Nodes:
        return nodes_on(sc, a, b, *integrand_peaks(m[None], mu[None], Delta[None], T, normal), n)

    return bands, jax.vmap(nodes)(m, mu, pick(Delta, bands), jnp.stack(a), jnp.stack(b))


def single_nodes(
    sc: Superconductor, Delta: Amplitudes, T: Scalar, n: int, normal: bool = False
) -> tuple[tuple[int, ...], Nodes]:
    """`nodes_of_intervals` of all clusters."""
    return nodes_of_intervals(sc, single_intervals(sc), Delta, T, n, normal)


NODES_AT_ROOTS = 24
"""Gauss nodes per piece beside the roots of a Green's function; there are two pieces per root, eight for a pair of bands."""


def nodes_at_roots(sc: Superconductor, a: Scalar, b: Scalar, roots: Complex[Array, "root"]) -> Nodes:
    """Nodes on [a, b] for a Green's function with these poles in kappa."""
    roots = jax.lax.stop_gradient(roots)
    return nodes_on(sc, a, b, roots.real, jnp.abs(roots.imag), NODES_AT_ROOTS)


def amplitudes_at(
    sc: Superconductor, cluster: Cluster, Delta: Amplitudes, z: Sequence[Float[Array, "*k"]]
) -> list[Inexact[Array, "*k"]]:
    """Amplitudes of a cluster's channels where its bands have the energies `z`: zero where a band is outside its shell."""
    inside = {i: sc.bands[i].pairs_at(energy, sc.Omega) for i, energy in zip(cluster.bands, z, strict=True)}
    n, acts = len(sc.bands), dict(inside)
    for c in cluster.channels:
        if c >= n:
            i, j = sc.cross[c - n]
            acts[c] = inside[i] & inside[j]
    return [jnp.where(acts[c], Delta[c], 0.0) for c in cluster.channels]
