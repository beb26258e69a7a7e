"""Where the gap equations of many systems are summed: quadrature nodes and couplings, with the elements of the batch last.

Arrays are [node, element], so that every operation runs over long vectors. Nodes are placed for given amplitudes, at the peaks
of the integrands (`jaxgap.equations.pairing.integrand_peaks`), and stay there: several evaluations may share them.
"""

from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import Nodes, integrand_peaks, nodes_on, overlap_interval, pairs, parameters, pick, single_intervals
from jaxgap.units import thermal_energy

__all__ = ["Alone", "Lanes", "Pair", "lanes"]

Small = TypeVar("Small")
Peaks = tuple[Float[Array, "root"], Float[Array, "root"]]
"""Centres and widths, in kappa."""


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


def lanes(sc: Superconductor, Delta: Inexact[Array, "element channel"], T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes, placed for the amplitudes `Delta`."""
    alone, together, coupling, kT = _once(jax.vmap(_intervals, out_axes=-1)(sc, Delta, T))
    kappa, weight = _nodes(sc, alone, rule.single)
    singles = Alone(kappa * (1 / alone.m[0]) - alone.mu[0], weight, jnp.asarray(alone.first))
    both = []
    for interval in together:
        kappa, weight = _nodes(sc, interval, rule.overlap)
        z1, z2 = (kappa * (1 / m) - mu for m, mu in zip(interval.m, interval.mu, strict=True))
        both.append(Pair(z1, z2, weight))
    return Lanes(coupling, kT, singles, tuple(both), sc.clusters)


def _once(tree: Small) -> Small:
    """`barrier` of small arrays, which as one is quicker to compile than as many."""
    leaves, structure = jax.tree.flatten(tree)
    rows = [leaf.reshape(-1, leaf.shape[-1]) for leaf in leaves]
    parts = jnp.split(barrier(jnp.concatenate(rows)), np.cumsum([len(row) for row in rows])[:-1])
    return jax.tree.unflatten(structure, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])


class _Interval(NamedTuple):
    """Where nodes are to lie: of one system, or of many, elements last."""

    ends: tuple[Float[Array, "*on"], Float[Array, "*on"]]
    peaks: tuple[Float[Array, "root *on"], Float[Array, "root *on"]]
    """Centres and widths."""
    m: Float[Array, "band *on"]
    """Masses and mus of the bands that pair there."""
    mu: Float[Array, "band *on"]
    first: Float[Array, "*on"] | None


def _nodes(sc: Superconductor, on: _Interval, n: int) -> Nodes:
    (a, b), (centre, width) = on.ends, on.peaks
    return nodes_on(sc, a, b, centre, width, n)


def _intervals(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""]
) -> tuple[_Interval, list[_Interval], Float[Array, "channel channel"], Float[Array, ""]]:
    """(where bands pair alone, where two pair together, g, k_B T) of one system."""
    both = []
    for cluster in pairs(sc):
        m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
        peaks = integrand_peaks(m, mu, pick(Delta, cluster.channels), T)
        both.append(_Interval(overlap_interval(sc, cluster), peaks, m, mu, None))
    return _alone(sc, Delta, T), both, sc.g, thermal_energy(T)


def _alone(sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""]) -> _Interval:
    """The whole shell of a single band, and either side of the overlap of two: at most one of them is alone there, the other
    one's interval is empty."""
    bands, lower, upper = single_intervals(sc)
    first, last = _either(sc)
    m, mu = parameters(sc)

    def of(k: tuple[int, ...]) -> tuple[Inexact[Array, "interval"], ...]:
        own = tuple(bands[i] for i in k)
        return pick(m, own), pick(mu, own), pick(Delta, own), pick(lower, k), pick(upper, k)

    one, other = of(first), of(last)
    chosen = (one[4] > one[3]) | jnp.array([i == j for i, j in zip(first, last, strict=True)])
    m, mu, D, a, b = (jnp.where(chosen, x, y) for x, y in zip(one, other, strict=True))

    def peaks(m: Float[Array, ""], mu: Float[Array, ""], D: Inexact[Array, ""]) -> Peaks:
        return integrand_peaks(m[None], mu[None], D[None], T)

    centre, width = jax.vmap(peaks, out_axes=-1)(m, mu, D)
    return _Interval((a, b), (centre, width), m[None], mu[None], chosen.astype(float))


def _either(sc: Superconductor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Of `single_intervals` those that one of two bands may be alone on: its first band's, and its last one's."""
    first, last, begun = [], [], 0
    for cluster in sc.clusters:
        two = len(cluster.bands) == 2
        first += [begun, begun + 1] if two else [begun]
        last += [begun + 2, begun + 3] if two else [begun]
        begun += 4 if two else 1
    return tuple(first), tuple(last)
