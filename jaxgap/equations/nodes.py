"""Where the gap equations of many systems are summed: quadrature nodes and couplings, with the elements of the batch last.

Arrays are [node, element], so that every operation runs over long vectors. Nodes are placed for given amplitudes, at the peaks
of the integrands (`jaxgap.spectra.pair.peaks`), and stay there: several evaluations may share them.
"""

import math
from typing import NamedTuple, TypeAlias, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.pair import peaks
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import (
    broadened,
    lightest,
    nodes_on_each,
    overlap_interval,
    pairs,
    parameters,
    pick,
    single_intervals,
)
from jaxgap.units import thermal_energy

__all__ = ["Alone", "Lanes", "Pair", "Places", "lanes", "lanes_at", "places"]

Small = TypeVar("Small")


class Alone(NamedTuple):
    """Nodes where one band pairs alone."""

    z: Float[Array, "node interval element"]
    weight: Float[Array, "node interval element"]
    first: Float[Array, "interval element"]
    """1 if it is the first of its cluster's bands that is alone there, 0 if it is the last."""


class Pair(NamedTuple):
    """Nodes where two cross-paired bands are both inside the shell."""

    z1: Float[Array, "node element"]
    z2: Float[Array, "node element"]
    weight: Float[Array, "node element"]


class Lanes(eqx.Module):
    """All that the gap equations depend on besides the amplitudes, with the elements of the batch last."""

    coupling: Float[Array, "channel channel element"]
    """lambda_cc' / N_c'."""
    kT: Float[Array, "element"]
    """k_B T [meV]."""
    alone: Alone
    pairs: tuple[Pair, ...]
    clusters: tuple[Cluster, ...] = eqx.field(static=True)


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
    first: Float[Array, "interval element"]
    """As in `Alone`."""
    alone: Interval
    pairs: list[Interval]


def lanes(sc: Superconductor, Delta: Inexact[Array, "element channel"], T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes, placed for the amplitudes `Delta`."""
    return lanes_at(sc, places(sc, Delta), T, rule)


def lanes_at(sc: Superconductor, on: Places, T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes at temperatures T [K]."""
    kT, all_ = barrier(thermal_energy(T)), [on.alone, *on.pairs]
    peaked = [(at.a, at.b, at.centre, broadened(at.width, at.mass, kT)) for at in all_]
    alone, *both = nodes_on_each(sc, peaked, [rule.single, *[rule.overlap] * len(on.pairs)])
    together = []
    for cluster, at in zip(pairs(sc), both, strict=True):
        z1, z2 = (sc.bands[i].zeta(at.kappa) for i in cluster.bands)
        together.append(Pair(z1, z2, at.weight))
    singles = Alone(_energies_alone(sc, alone.kappa, on.first), alone.weight, on.first)
    return Lanes(on.coupling, kT, singles, tuple(together), sc.clusters)


def _energies_alone(
    sc: Superconductor, kappa: Float[Array, "node interval element"], first: Float[Array, "interval element"]
) -> Float[Array, "node interval element"]:
    """zeta of the band that is alone in every interval."""
    z = []
    for k, (i, j) in enumerate((c.bands[0], c.bands[-1]) for c in sc.clusters for _ in c.bands):
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
    (m, mu), a, b, overlaps, coupling = _numbers(systems)
    size = jnp.abs(Delta)

    def own(interval: int, band: int) -> Float[Array, "5 element"]:
        return jnp.stack([m[band], mu[band], size[band], a[interval], b[interval]])

    # On every side of an overlap at most one of two bands is alone: the other one's interval is empty.
    one, other = (jnp.stack([own(*on) for on in side], axis=1) for side in _sides(systems))
    first = one[4] > one[3]
    alone = jnp.where(first, one, other)
    own_of = [tuple(alone[:3, None])]
    own_of += [(pick(m, c.bands), pick(mu, c.bands), pick(Delta, c.channels)) for c in pairs(systems)]
    found = _once([peaks(*values) for values in own_of])
    ends = [(alone[3], alone[4]), *((on[0], on[1]) for on in overlaps)]
    on, *both = (Interval(*e, *peak, lightest(m)) for e, peak, (m, *_) in zip(ends, found, own_of, strict=True))
    return Places(coupling, first.astype(float), on, both)


Numbers: TypeAlias = tuple[
    tuple[Float[Array, "band *on"], ...],
    Float[Array, "interval *on"],
    Float[Array, "interval *on"],
    list[Float[Array, "2 *on"]],
    Float[Array, "channel channel *on"],
]


def _numbers(systems: Superconductor) -> Numbers:
    """(m and mu of the bands, both ends of `single_intervals`, those of the overlaps, g), elements last. As one array, or XLA
    finds the shells' ends once for every use."""

    def of_one(sc: Superconductor) -> Numbers:
        _, a, b = zip(*single_intervals(sc), strict=True)
        overlaps = [jnp.stack(overlap_interval(sc, cluster)) for cluster in pairs(sc)]
        return parameters(sc), jnp.stack(a), jnp.stack(b), overlaps, sc.g

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
    for cluster in sc.clusters:
        first, last, apart = cluster.bands[0], cluster.bands[-1], len(cluster.bands)
        sides = range(k, k + apart)
        one += [(side, first) for side in sides]
        other += [(side + apart * (apart - 1), last) for side in sides]
        k += apart * apart
    return one, other
