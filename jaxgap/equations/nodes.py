"""Where the gap equations of many systems are summed: quadrature nodes and couplings, with the elements of the batch last.

Arrays are [node, element], so that every operation runs over long vectors. Nodes are placed for given amplitudes, at the peaks
of the integrands (`jaxgap.spectra.pair.peaks`), and stay there: several evaluations may share them.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int

from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.node_sums import Later
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.mesh import PRECISE, mesh_for
from jaxgap.spectra.pair import peaks
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import (
    Nodes,
    NodesLater,
    broadened,
    integrand_peaks,
    lightest,
    nodes_later,
    nodes_of_band,
    nodes_on_each,
    overlap_interval,
    pairs,
    parameters,
    pick,
    single_intervals,
    tables,
)
from jaxgap.spectra.several_bands import several
from jaxgap.spectra.shells import Parts, Samples, Shells, band_pairs, nodes_on_parts, parts_of, shell_edges
from jaxgap.units import thermal_energy

__all__ = ["Alone", "Group", "Lanes", "Meshed", "Pair", "Places", "Table", "bands_alone", "lanes", "lanes_at", "places"]

Small = TypeVar("Small")
Laid = TypeVar("Laid", bound=tuple[Array, ...])


class Alone(NamedTuple):
    """Nodes where one band pairs alone: (zeta, weight) of each, [node, interval, element]."""

    nodes: tuple[Float[Array, "node interval element"], Float[Array, "node interval element"]] | Later
    first: Float[Array, "interval element"]
    """1 if it is the first of its cluster's bands that is alone there, 0 if it is the last."""


class Pair(NamedTuple):
    """Nodes where two cross-paired bands are both inside the shell."""

    z1: Float[Array, "node element"]
    z2: Float[Array, "node element"]
    weight: Float[Array, "node element"]


class Table(NamedTuple):
    """Nodes of a band that is known by its density of states."""

    z: Float[Array, "node element"]
    weight: Float[Array, "node element"]


class Group(eqx.Module):
    """Nodes of a cluster of three or more bands."""

    z: Float[Array, "band node element"]
    at: Samples
    pairs: tuple[tuple[int, int], ...] = eqx.field(static=True)
    """The bands of its channels, by their places in the cluster."""


class Meshed(eqx.Module):
    """Lattices with the sizes of their meshes, which nodes are found from where they are summed over."""

    systems: Lattice
    T: Float[Array, "element"]
    N: Int[Array, "element"]
    """Nodes per direction."""
    N_normal: Int[Array, "element"]
    """In the normal state."""


class Lanes(eqx.Module):
    """All that the gap equations depend on besides the amplitudes, with the elements of the batch last."""

    coupling: Float[Array, "channel channel element"]
    """lambda_cc' / N_c'."""
    kT: Float[Array, "element"]
    """k_B T [meV]."""
    alone: Alone | None
    """None if all clusters have more than two bands, or none is in k space."""
    pairs: tuple[Pair | Later, ...]
    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    lattices: Meshed | None
    """None but of lattices, which have nothing else."""
    clusters: tuple[Cluster, ...] = eqx.field(static=True)
    """Of bands in k space."""
    tabulated: tuple[int, ...] = eqx.field(static=True)
    """The channels of the others."""


class Interval(NamedTuple):
    """Where nodes are to lie, and for what integrand."""

    a: Float[Array, "*on element"]
    b: Float[Array, "*on element"]
    centre: Float[Array, "root *on element"]
    """Of its peaks."""
    width: Float[Array, "root *on element"]
    """At T = 0."""
    mass: Float[Array, "*on element"]
    """The least |m| of the bands."""


class Places(NamedTuple):
    """Where the nodes of a batch are to lie, at any temperature."""

    coupling: Float[Array, "channel channel element"]
    """As in `Lanes`."""
    first: Float[Array, "interval element"] | None
    """As in `Alone`; None without such intervals."""
    alone: Interval | None
    pairs: list[Interval]
    groups: list[Parts]
    tables: list[Float[Array, "element"]]
    """|Delta| of the bands that are known by their density of states."""
    lattices: Inexact[Array, "element channel"] | None = None
    """Amplitudes of lattices: how many nodes they need depends on the temperature, too."""


def lanes(sc: Superconductor, Delta: Inexact[Array, "element channel"], T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes, placed for the amplitudes `Delta`."""
    return lanes_at(sc, places(sc, Delta), T, rule)


def lanes_at(sc: Superconductor, on: Places, T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes at temperatures T [K]."""
    if isinstance(sc, Lattice):
        return _on_lattices(sc, on, T, rule)
    kT, all_ = barrier(thermal_energy(T)), [*([on.alone] if on.alone else []), *on.pairs]
    peaked = [(at.a, at.b, at.centre, broadened(at.width, at.mass, kT)) for at in all_]
    numbers = [*([rule.single] if on.alone else []), *[rule.overlap] * len(on.pairs)]
    nodes: Sequence[Nodes | NodesLater] = (nodes_later if cut().registers else nodes_on_each)(sc, peaked, numbers)
    singles = None
    if on.first is not None:
        alone, *nodes = nodes
        singles = Alone(_laid(partial(_of_bands_alone, sc, on.first), alone), on.first)
    together = [_laid(partial(_of_pair, sc, cluster), at) for cluster, at in zip(pairs(sc), nodes, strict=True)]
    groups = []
    for cluster, parts in zip(several(sc), on.groups, strict=True):
        found = nodes_on_parts(parts, kT, sc.decades * rule.several, sc.dimension)
        z = jnp.stack([sc.bands[i].zeta(found.kappa) for i in cluster.bands])
        groups.append(Group(z, found, band_pairs(sc, cluster)))
    own = tables(sc)
    laid = tuple(_on_table(sc, cluster.bands[0], size, T, rule.single) for cluster, size in zip(own, on.tables, strict=True))
    rest = tuple(cluster for cluster in sc.clusters if cluster not in own)
    return Lanes(on.coupling, kT, singles, tuple(together), tuple(groups), laid, None, rest, tuple(c.channels[0] for c in own))


def _on_lattices(systems: Lattice, on: Places, T: Float[Array, "element"], rule: Rule) -> Lanes:
    def sizes(lattice: Lattice, Delta: Inexact[Array, "channel"], t: Float[Array, ""]) -> tuple[Int[Array, ""], Int[Array, ""]]:
        return mesh_for(lattice, Delta, t, rule).N, mesh_for(lattice, 0 * Delta, t, rule, PRECISE).N

    assert on.lattices is not None
    N, N_normal = jax.vmap(sizes)(systems, on.lattices, T)
    meshed = Meshed(systems, T, N, N_normal)
    return Lanes(on.coupling, thermal_energy(T), None, (), (), (), meshed, (), ())


def _on_table(sc: Superconductor, i: int, size: Float[Array, "element"], T: Float[Array, "element"], n: int) -> Table:
    """Nodes of band i, whose amplitudes have these sizes."""

    def of_one(sc: Superconductor, size: Float[Array, ""], T: Float[Array, ""]) -> Table:
        band = sc.bands[i]
        m, mu = band.tangent
        nodes = nodes_of_band(sc, band, *band.shell(sc.Omega), *integrand_peaks(m[None], mu[None], size[None], T), n)
        return Table(band.zeta(nodes.kappa), nodes.weight)

    found: Table = jax.vmap(of_one, out_axes=-1)(sc, size, T)
    return found


def _small(sc: Superconductor) -> list[Cluster]:
    """The clusters of one or two bands in k space, which may pair alone."""
    return [cluster for cluster in sc.clusters if len(cluster.bands) <= 2 and cluster not in tables(sc)]


def bands_alone(clusters: Iterable[Cluster]) -> list[tuple[int, int]]:
    """The first and the last band of the cluster of every interval in which a band pairs alone."""
    return [(c.bands[0], c.bands[-1]) for c in clusters if len(c.bands) <= 2 for _ in c.bands]


def _laid(of_bands: Callable[[Nodes], Laid], at: Nodes | NodesLater) -> Laid | Later:
    """What is known of bands at nodes, now or where it is summed."""
    return of_bands(at) if isinstance(at, Nodes) else Later(at.n, lambda u, weight: of_bands(at.at(u, weight)))


def _of_pair(sc: Superconductor, cluster: Cluster, at: Nodes) -> Pair:
    z1, z2 = (sc.bands[i].zeta(at.kappa) for i in cluster.bands)
    return Pair(z1, z2, at.weight)


def _of_bands_alone(
    sc: Superconductor, first: Float[Array, "interval element"], at: Nodes
) -> tuple[Float[Array, "node interval element"], Float[Array, "node interval element"]]:
    return _energies_alone(sc, at.kappa, first), at.weight


def _energies_alone(
    sc: Superconductor, kappa: Float[Array, "node interval element"], first: Float[Array, "interval element"]
) -> Float[Array, "node interval element"]:
    """zeta of the band that is alone in every interval."""
    z = []
    for k, (i, j) in enumerate(bands_alone(_small(sc))):
        own = sc.bands[i].zeta(kappa[:, k])
        z.append(own if i == j else jnp.where(first[k] > 0, own, sc.bands[j].zeta(kappa[:, k])))
    return jnp.stack(z, axis=1)


def _once(tree: Small) -> Small:
    """`barrier` of small arrays, which as one is quicker to compile than as many."""
    leaves, structure = jax.tree.flatten(tree)
    rows = [leaf.reshape(-1, leaf.shape[-1]) for leaf in leaves]
    parts = jnp.split(barrier(jnp.concatenate(rows)), np.cumsum([len(row) for row in rows])[:-1])
    return jax.tree.unflatten(structure, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])


def places(systems: Superconductor, Delta: Inexact[Array, "element channel"]) -> Places:
    """Where the nodes of a batch are to lie for the amplitudes `Delta`."""
    systems, Delta = jax.lax.stop_gradient((systems, Delta.T))
    if isinstance(systems, Lattice):
        return Places(jnp.moveaxis(systems.lam, 0, -1), None, None, [], [], [], Delta.T)
    (m, mu), a, b, overlaps, shells, coupling = _numbers(systems)
    size = jnp.abs(Delta)
    own_of, ends, first = [], [], None
    if _small(systems):

        def own(interval: int, band: int) -> Float[Array, "5 element"]:
            return jnp.stack([m[band], mu[band], size[band], a[interval], b[interval]])

        # On every side of an overlap at most one of two bands is alone: the other one's interval is empty.
        one, other = (jnp.stack([own(*on) for on in side], axis=1) for side in _sides(systems))
        first = one[4] > one[3]
        alone = jnp.where(first, one, other)
        own_of, ends = [tuple(alone[:3, None])], [(alone[3], alone[4])]
    own_of += [(pick(m, c.bands), pick(mu, c.bands), pick(Delta, c.channels)) for c in pairs(systems)]
    ends += [(on[0], on[1]) for on in overlaps]
    found = _once([peaks(*values) for values in own_of]) if own_of else []
    on = [Interval(*e, *peak, lightest(m)) for e, peak, (m, *_) in zip(ends, found, own_of, strict=True)]
    groups = [
        parts_of(Shells(pick(m, c.bands), pick(mu, c.bands), *edges, band_pairs(systems, c), pick(Delta, c.channels)))
        for c, edges in zip(several(systems), shells, strict=True)
    ]
    sizes = [size[cluster.channels[0]] for cluster in tables(systems)]
    if first is None:
        return Places(coupling, None, None, on, groups, sizes)
    return Places(coupling, first.astype(float), on[0], on[1:], groups, sizes)


Numbers: TypeAlias = tuple[
    tuple[Float[Array, "band *on"], ...],
    Float[Array, "interval *on"],
    Float[Array, "interval *on"],
    list[Float[Array, "2 *on"]],
    list[tuple[Float[Array, "_ *on"], Float[Array, "_ *on"]]],
    Float[Array, "channel channel *on"],
]


def _numbers(systems: Superconductor) -> Numbers:
    """(m and mu of the bands, both ends of `single_intervals`, those of the overlaps, the shells' in larger clusters, g),
    elements last. As one array, or XLA finds the shells' ends once for every use."""

    def of_one(sc: Superconductor) -> Numbers:
        a, b = (jnp.stack([one[k] for one in single_intervals(sc)] or [jnp.zeros(())]) for k in (1, 2))
        overlaps = [jnp.stack(overlap_interval(sc, cluster)) for cluster in pairs(sc)]
        return parameters(sc), a, b, overlaps, [shell_edges(sc, cluster) for cluster in several(sc)], sc.g

    def flat(sc: Superconductor) -> Float[Array, "number"]:
        return jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(of_one(sc))])

    leaves, structure = jax.tree.flatten(jax.eval_shape(jax.vmap(of_one, out_axes=-1), systems))
    rows = np.cumsum([math.prod(leaf.shape[:-1]) for leaf in leaves])[:-1]
    parts = jnp.split(barrier(jax.vmap(flat, out_axes=-1)(systems)), rows)
    return jax.tree.unflatten(structure, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])


Side: TypeAlias = list[tuple[int, int]]


def _sides(sc: Superconductor) -> tuple[Side, Side]:
    """(Which of `single_intervals`, its band) of the first and of the last band of a cluster, on every side of the overlap."""
    one: Side = []
    other: Side = []
    k = 0
    for cluster in _small(sc):
        first, last, apart = cluster.bands[0], cluster.bands[-1], len(cluster.bands)
        sides = range(k, k + apart)
        one += [(side, first) for side in sides]
        other += [(side + apart * (apart - 1), last) for side in sides]
        k += apart * apart
    return one, other
