r"""Minima of the quasiparticle branches over k, of given amplitudes, whether or not they solve the gap equations.

.. math:: \min_\kappa E_\pm(\kappa), \qquad \frac{dE}{d\kappa} = 0

inside, or at an end of the interval in which both bands of a pair are inside their shells; beyond it the lower branch goes on
where one band pairs alone (`spectra.beyond_overlap`). The k of a minimum is itself a root, so minima differentiate to every
order. `jaxgap.observables.gaps` says which gap is which.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.model.band import zeta
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.implicit import at_root
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.beyond_overlap import ROUNDING, lowest_alone, lowest_of_band, normal_crossing
from jaxgap.spectra.bogoliubov import Bogoliubov
from jaxgap.spectra.lattice_minima import lowest_energy
from jaxgap.spectra.regions import overlap_interval, overlap_nodes
from jaxgap.spectra.shells import Samples

__all__ = [
    "GAPLESS",
    "GRID",
    "Ranked",
    "at_extremum",
    "branch_energy",
    "branch_minima_of",
    "branch_names",
    "dense_grid",
    "excesses",
    "excitation_gap_of",
    "gapless_excess_of",
    "of_branches",
    "overlap_minima_of",
    "turning_point",
    "turning_points",
]

Amplitudes: TypeAlias = Inexact[Array, "channel"]
Scalar: TypeAlias = Float[Array, ""]
Flag: TypeAlias = Bool[Array, ""]
OfPair: TypeAlias = Callable[[Superconductor, Amplitudes, Cluster, Flag], Scalar]
"""A number of one branch of a pair: of the upper one where the flag is true."""


class Ranked(NamedTuple):
    """One branch of a cluster of three or more bands, where some of them are inside their shells."""

    rank: Int[Array, ""]
    """0: the lowest."""
    active: Bool[Array, "band"]


OfSeveral: TypeAlias = Callable[[Bogoliubov, Int[Array, ""]], Scalar]
"""A number of the branch of this rank."""
Theta: TypeAlias = tuple[Superconductor, Amplitudes, Flag | Ranked]
"""What E(kappa) of a branch depends on: the system, the amplitudes, and which one it is (of a pair: whether the upper one)."""

GRID = 12
"""Nodes a piece of the grid in which the minima of a larger cluster are bracketed."""
GAPLESS = 1e-6
"""A state is gapless if its smallest excitation energy is below 1e-6 of its largest amplitude."""


def branch_names(sc: Superconductor) -> tuple[str, ...]:
    """Names of the quasiparticle branches: `pi` for a band alone, `alpha:beta lower` and `upper` for a cross-paired pair,
    `alpha:beta:gamma 1` to `3`, by rank, for more; of a lattice the lowest one only."""
    if isinstance(sc, Lattice):
        return ("lowest",)
    names: list[str] = []
    for cluster in sc.clusters:
        linked = ":".join(sc.bands[i].name for i in cluster.bands)
        ranks = [f"{linked} {k + 1}" for k in range(len(cluster.bands))]
        names += {1: [linked], 2: [f"{linked} lower", f"{linked} upper"]}.get(len(cluster.bands), ranks)
    return tuple(names)


def excitation_gap_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, ""]:
    """`excitation_gap` of given amplitudes; NaN if one of them is."""
    if isinstance(sc, Lattice):
        return lowest_energy(sc, Delta)
    # Not `jnp.min`, which drops NaN in large batches.
    return reduce(_smallest, branch_minima_of(sc, Delta), sc.Omega)


def _smallest(x: Float[Array, ""], y: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(jnp.isnan(x) | (x <= y), x, y)


def branch_minima_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """`branch_minima` of given amplitudes, whether or not they solve the gap equations."""
    if isinstance(sc, Lattice):
        return lowest_energy(sc, Delta)[None]
    return of_branches(sc, Delta, partial(_minimum, everywhere=True), partial(_minimum_of_several, everywhere=True))


def overlap_minima_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """`overlap_minima` of given amplitudes."""
    return of_branches(sc, Delta, partial(_minimum, everywhere=False), partial(_minimum_of_several, everywhere=False))


def of_branches(
    sc: Superconductor, Delta: Inexact[Array, "channel"], of_pair: OfPair, of_several: OfSeveral
) -> Float[Array, "branch"]:
    """`lowest_of_band` of bands alone, of_pair(sc, Delta, cluster, upper) of both branches of every pair, of_several(matrix,
    rank) of those of larger clusters: by `branch_names`."""
    _check_of_bands(sc)
    values: list[Scalar] = []
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            values.append(lowest_of_band(sc, Delta, cluster.bands[0])[1])
        elif len(cluster.bands) > 2:
            matrix = Bogoliubov(sc, Delta, cluster)
            ranks = jnp.arange(len(cluster.bands))
            values += list(jax.vmap(lambda rank, s=matrix: of_several(s, rank))(ranks))
        else:
            values += list(jax.vmap(lambda upper, c=cluster: of_pair(sc, Delta, c, upper))(jnp.array([False, True])))
    return jnp.stack(values)


@partial(jax.jit, static_argnames="cluster")
def branch_energy(kappa: Float[Array, ""], theta: Theta, cluster: Cluster) -> Float[Array, ""]:
    """E of a branch at one kappa [meV]: E_- or E_+ of a pair of bands, or by rank."""
    sc, Delta, upper = theta
    if isinstance(upper, Ranked):
        at = Samples(kappa[None], jnp.ones(1), upper.active[:, None])
        # Not by an index: under `vmap` that would be a gather.
        E = Bogoliubov(sc, Delta, cluster).energies_among(at)[:, 0]
        return jnp.sum(jnp.where(jnp.arange(len(E)) == upper.rank, E, 0.0))
    z1, z2 = (zeta(sc.bands[i], kappa) for i in cluster.bands)
    E_plus, E_minus = spectrum.energies(z1, z2, *(Delta[c] for c in cluster.channels))
    return jnp.where(upper, E_plus, E_minus)


@partial(jax.jit, static_argnames=("cluster", "everywhere"))
def _minimum(sc: Superconductor, Delta: Amplitudes, cluster: Cluster, upper: Flag, *, everywhere: bool) -> Float[Array, ""]:
    """Minimum of one branch of a pair, everywhere or over the overlap of the shells."""
    lo, hi = overlap_interval(sc, cluster)
    # Without overlap a NaN of the amplitudes is left in the lower branch.
    elsewhere = jnp.where(upper, normal_crossing(sc, cluster), lowest_alone(sc, Delta, cluster))
    beyond = elsewhere if everywhere else jnp.full((), jnp.nan)
    return _lowest_between((sc, Delta, upper), cluster, lo, hi, dense_grid(sc, Delta, cluster), beyond, upper)


@partial(jax.jit, static_argnames="everywhere")
def _minimum_of_several(matrix: Bogoliubov, rank: Int[Array, ""], *, everywhere: bool) -> Float[Array, ""]:
    """Minimum of one branch of a larger cluster: over all intervals between the shells' edges, bands outside their shells being
    normal, or over that in which all pair."""
    s = matrix
    lower, upper, active, grid = s.stretches(GRID)
    wanted = jnp.ones(len(lower), bool) if everywhere else active.all(axis=1)

    def one(lo: Scalar, hi: Scalar, on: Bool[Array, "band"], grid: Float[Array, "grid"], wanted: Flag) -> Float[Array, ""]:
        theta = (s.superconductor, s.Delta, Ranked(rank, on))
        nothing = jnp.where(jnp.isfinite(s.Delta).all(), jnp.inf, jnp.nan)
        E = _lowest_between(theta, s.cluster, lo, hi, grid, nothing, jnp.asarray(True))
        return jnp.where(wanted, E, nothing)

    E = jax.vmap(one)(lower, upper, active, grid, wanted)
    lowest = E[jnp.argmin(E)]
    return jnp.where(jnp.isinf(lowest), jnp.nan, lowest)


def _lowest_between(
    theta: Theta, cluster: Cluster, lo: Scalar, hi: Scalar, grid: Float[Array, "grid"], beyond: Scalar, anyway: Flag
) -> Float[Array, ""]:
    """The lowest E between two ends; `beyond` if there is nothing between them, or, unless `anyway`, if that is lower."""
    E = partial(branch_energy, cluster=cluster)
    kappa, smooth = _argmin(E, jax.lax.stop_gradient(theta), jax.lax.stop_gradient((lo, hi)), grid)
    # A NaN of the energy is one of the gap.
    chosen = (hi - lo > ROUNDING * hi) & (anyway | ~(jax.lax.stop_gradient(E(kappa, theta)) > beyond))

    # At the shell's edge the minimum moves with the edge; inside, kappa is the root of dE/dkappa.
    at_lo, at_hi = kappa <= lo, kappa >= hi
    wanted = chosen & ~at_lo & ~at_hi
    inside = at_extremum(kappa, theta, cluster, smooth, wanted)
    gap = E(jnp.where(at_lo, lo, jnp.where(at_hi, hi, inside)), theta)
    return jnp.where(chosen, gap, beyond)


def at_extremum(kappa: Scalar, theta: Theta, cluster: Cluster, smooth: Flag, wanted: Flag) -> Float[Array, ""]:
    """`kappa` as the root of dE/dkappa; where it is not `wanted`, as a number that depends on nothing."""
    fixed = jax.lax.stop_gradient(kappa)
    # Reverse mode would multiply the zero that comes back from what is not wanted with a NaN.
    root = at_root(partial(_stationary, cluster=cluster), kappa[None], (*theta, fixed, wanted), smooth | ~wanted)
    return root[0]


@partial(jax.jit, static_argnames="cluster")
def _stationary(x: Float[Array, "1"], theta: tuple[*Theta, Scalar, Flag], cluster: Cluster) -> Float[Array, "1"]:
    *branch, fixed, wanted = theta
    return jnp.where(wanted, jax.grad(branch_energy)(x[0], tuple(branch), cluster), x[0] - fixed)[None]


@partial(jax.jit, static_argnames="cluster")
def dense_grid(sc: Superconductor, Delta: Amplitudes, cluster: Cluster) -> Float[Array, "grid"]:
    """Increasing kappa, dense where the spectrum bends: the quadrature's nodes, and the ends."""
    sc, Delta = jax.lax.stop_gradient((sc, Delta))
    lo, hi = overlap_interval(sc, cluster)
    nodes = overlap_nodes(sc, cluster, Delta, jnp.zeros(()), 48).kappa
    return jnp.sort(jnp.concatenate([lo[None], nodes, hi[None]]))


def _argmin(
    E: Callable[[Scalar, Theta], Scalar], theta: Theta, ends: tuple[Scalar, Scalar], grid: Float[Array, "grid"]
) -> tuple[Scalar, Flag]:
    """kappa of the lowest E, by bisection of dE/dkappa around the lowest grid point, and whether E is smooth there."""
    slope = jax.grad(lambda kappa: E(kappa, theta))
    lowest = jnp.argmin(jax.vmap(lambda kappa: E(kappa, theta))(grid))
    # Neighbours by value: the nodes of an empty piece coincide.
    before = jnp.searchsorted(grid, grid[lowest], side="left") - 1
    after = jnp.searchsorted(grid, grid[lowest], side="right")
    bracket = grid[jnp.maximum(before, 0)], grid[jnp.minimum(after, grid.shape[0] - 1)]

    left, right = turning_point(slope, bracket, rising=False)
    tiny = 1e-13 * ends[1]
    at_lo, at_hi = left <= ends[0] + tiny, right >= ends[1] - tiny
    # A kink keeps a finite slope on both sides of the root, a smooth minimum does not.
    jump = slope(right + 1e3 * tiny) - slope(left - 1e3 * tiny)
    kappa = jnp.where(at_lo, ends[0], jnp.where(at_hi, ends[1], (left + right) / 2))
    # Of bands that are nearly equal some nodes nearly coincide: a bracket of them shows no change but rounding.
    around = jnp.minimum(bracket[0], kappa - NEAR * ends[1]), jnp.maximum(bracket[1], kappa + NEAR * ends[1])
    return kappa, jnp.abs(jump) < KINK * jnp.abs(slope(around[1]) - slope(around[0]))


def turning_point(
    slope: Callable[[Scalar], Scalar], bracket: tuple[Scalar, Scalar], rising: Flag | bool
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A bracket at whose left end E is `rising` and at whose right end it is not (or the reverse), narrowed to the last bit."""
    return bisected(lambda kappa: (slope(kappa) >= 0) == rising, bracket[0], bracket[1], 80)


KINK = 0.1
"""A minimum is a kink if a tenth of the slope's change over the bracket happens within 1e-10 of kappa."""


NEAR = 1e-6
"""The bracket reaches 1e-6 of the largest kappa to either side at least."""


def _check_of_bands(sc: Superconductor) -> None:
    """Of a lattice the `InputError` that says what it is not."""
    _ = sc.bands


def excesses(sc: Superconductor) -> int:
    """How many numbers `gapless_excess_of` gives: one per cluster of linked bands, or one that says nothing."""
    return max(len(sc.linked), 1)


def gapless_excess_of(sc: Superconductor, Delta: Float[Array, "channel"]) -> Float[Array, "linked"]:
    r"""Zero where E_- of a cross-paired pair of bands touches zero [meV^2], positive where Delta_3 dominates. Real amplitudes.

    .. math:: \Delta_3^2 - \Delta_1 \Delta_2 + \zeta_1 \zeta_2 \quad \text{where} \quad \zeta_1 \Delta_2 + \zeta_2 \Delta_1 = 0

    These are the two squares whose sum is E_+^2 E_-^2. For equal masses at a distance d it reads
    Delta_3^2 = Delta_1 Delta_2 [1 + d^2 / (Delta_1 + Delta_2)^2]. The k of it may lie outside the shells, where nothing is
    gapless: `excitation_gap_of` tells. If Delta_1 and Delta_2 differ in sign there is no such state,
    and the value is |Delta_1 Delta_2| + Delta_3^2. Of larger clusters, one number each: `Bogoliubov.gapless_excess`.
    """
    _check_of_bands(sc)
    found = [
        _gapless_excess(sc, Delta, c) if len(c.bands) == 2 else Bogoliubov(sc, Delta, c).gapless_excess() for c in sc.linked
    ]
    return jnp.stack(found or [jnp.full((), jnp.inf)])


def _gapless_excess(sc: Superconductor, Delta: Amplitudes, cluster: Cluster) -> Float[Array, ""]:
    (one, two), (D1, D2, D3) = (sc.bands[i] for i in cluster.bands), (Delta[c] for c in cluster.channels)
    same = D1 * D2 > 0
    (m1, mu1), (m2, mu2) = one.tangent, two.tangent
    weight = D2 / m1 + D1 / m2
    kappa = (mu1 * D2 + mu2 * D1) / jnp.where(weight == 0, 1.0, weight)
    return D3**2 + jnp.where(same, zeta(one, kappa) * zeta(two, kappa) - D1 * D2, jnp.abs(D1 * D2))


def turning_points(sc: Superconductor, Delta: Amplitudes, cluster: Cluster, upper: Flag, most: int) -> Float[Array, "turn"]:
    """kappa of the first `most` extrema of a branch of a pair inside the shell, kinks included; where there are fewer, an end
    of the overlap. Numbers that depend on nothing."""
    theta = jax.lax.stop_gradient((sc, Delta, upper))
    slope = jax.grad(lambda kappa: branch_energy(kappa, theta, cluster))
    grid = dense_grid(*theta[:2], cluster)
    slopes = jax.vmap(slope)(grid)
    turns = ((slopes[:-1] >= 0) != (slopes[1:] >= 0)) & (jnp.diff(grid) > 0)
    wanted = turns.astype(float).at[jnp.array([0, -1])].add(0.5)
    place = jax.lax.top_k(wanted, most)[1]
    brackets = jax.vmap(lambda i: jnp.stack(turning_point(slope, (grid[i], grid[i + 1]), slopes[i] >= 0)))(place)
    return jnp.mean(brackets, axis=1)
