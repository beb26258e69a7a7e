"""Where the gap equations of many systems are summed: quadrature nodes and couplings, with the elements of the batch last.

Arrays are [node, element], so that every operation runs over long vectors. Nodes are placed for given amplitudes, at the peaks
of the integrands (`jaxgap.equations.pairing.integrand_peaks`), and stay there: several evaluations may share them.
"""

from typing import NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import integrand_peaks, nodes_on_each, overlap_interval, pairs, parameters, pick, single_intervals
from jaxgap.units import thermal_energy

__all__ = ["Alone", "Lanes", "Pair", "lanes"]

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


def lanes(sc: Superconductor, Delta: Inexact[Array, "element channel"], T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes, placed for the amplitudes `Delta`."""
    alone, together, coupling, kT = _once(jax.vmap(_intervals, out_axes=-1)(sc, Delta, T))
    alone_at, *pairs_at = nodes_on_each(sc, [(*on.ends, *on.peaks) for on in (alone, *together)], _numbers(rule, together))
    first = jnp.asarray(alone.first)
    singles = Alone(_energies_alone(sc, alone_at.kappa, first), alone_at.weight, first)
    both = []
    for cluster, (kappa, weight) in zip(pairs(sc), pairs_at, strict=True):
        z1, z2 = (sc.bands[i].zeta(kappa) for i in cluster.bands)
        both.append(Pair(z1, z2, weight))
    return Lanes(coupling, kT, singles, tuple(both), sc.clusters)


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


class _Interval(NamedTuple):
    """Where nodes are to lie: of one system, or of many, elements last."""

    ends: tuple[Float[Array, "*on"], Float[Array, "*on"]]
    peaks: tuple[Float[Array, "root *on"], Float[Array, "root *on"]]
    """Centres and widths."""
    first: Float[Array, "*on"] | None


def _numbers(rule: Rule, together: list[_Interval]) -> list[int]:
    """Of nodes on a piece, where bands pair alone and where two pair together."""
    return [rule.single, *[rule.overlap] * len(together)]


def _intervals(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""]
) -> tuple[_Interval, list[_Interval], Float[Array, "channel channel"], Float[Array, ""]]:
    """(where bands pair alone, where two pair together, g, k_B T) of one system."""
    bands, a, b = zip(*single_intervals(sc), strict=True)
    overlaps = [overlap_interval(sc, cluster) for cluster in pairs(sc)]
    # Barred, or XLA finds the shells' ends once for every use.
    flat, as_they_were = ravel_pytree((parameters(sc), jnp.stack(a), jnp.stack(b), overlaps))
    (m, mu), a, b, overlaps = as_they_were(barrier(flat))
    size = jnp.abs(Delta)

    def own(interval: int) -> Float[Array, "5"]:
        band = bands[interval]
        return jnp.stack([m[band], mu[band], size[band], a[interval], b[interval]])

    both = []
    for cluster, ends in zip(pairs(sc), overlaps, strict=True):
        peaks = integrand_peaks(pick(m, cluster.bands), pick(mu, cluster.bands), pick(Delta, cluster.channels), T)
        both.append(_Interval(ends, peaks, None))
    sides = (jnp.stack([own(k) for k in side], axis=1) for side in _sides(sc))
    return _alone(*sides, T), both, sc.g, thermal_energy(T)


def _sides(sc: Superconductor) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which of `single_intervals` belong to the first and to the last band of a cluster, on every side of the overlap."""
    one: list[int] = []
    other: list[int] = []
    k = 0
    for cluster in sc.clusters:
        pair = len(cluster.bands) == 2
        one += [k, k + 1] if pair else [k]
        other += [k + 2, k + 3] if pair else [k]
        k += 4 if pair else 1
    return tuple(one), tuple(other)


def _alone(one: Float[Array, "5 interval"], other: Float[Array, "5 interval"], T: Float[Array, ""]) -> _Interval:
    """On every side of an overlap; m, mu, |Delta| and both ends are those of `one` band or of the `other`. At most one of two
    bands is alone there: the other one's interval is empty."""
    first = one[4] > one[3]
    m, mu, size, a, b = jnp.where(first, one, other)
    centre, width = jax.vmap(lambda *on: integrand_peaks(*(value[None] for value in on), T), out_axes=-1)(m, mu, size)
    return _Interval((a, b), (centre, width), first.astype(float))
