r"""Extrema of the quasiparticle branches over k with their weight in the density of states, of given amplitudes.

Near an extremum E(kappa) = E + E'' (kappa - kappa_0)^2 / 2 the density of quasiparticle states is w / sqrt|omega - E| with
w = rho sqrt(2 / |E''|): a coherence peak, or van Hove singularity. `coherence_peaks_of` lists all of them, on the host;
`strongest_peaks_of` takes the one of the largest weight of every branch, differentiably.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.model.band import crosses, density_of_states, rho
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.bracket import bisected_on_host
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.beyond_overlap import ROUNDING, lowest_of_band, pairs_alone_at_fermi_momentum
from jaxgap.spectra.bogoliubov import Bogoliubov
from jaxgap.spectra.minima import (
    GRID,
    KINK,
    NEAR,
    Amplitudes,
    Flag,
    Ranked,
    Scalar,
    Theta,
    at_extremum,
    branch_energy,
    branch_names,
    dense_grid,
    of_branches,
    turning_point,
)
from jaxgap.spectra.regions import pick

__all__ = [
    "CoherencePeak",
    "coherence_peaks_of",
    "singular_energies_of_pair",
    "singular_energies_of_several",
    "strongest_peaks_of",
]

Points: TypeAlias = Float[Array, "point"]


class CoherencePeak(NamedTuple):
    """An extremum of a quasiparticle branch: a van Hove singularity of the density of states."""

    branch: str
    energy: float
    """E at the extremum [meV]."""
    kappa: float
    """kappa of the extremum [meV]."""
    kind: str
    """"minimum", "maximum", "kink" (a crossing or an exactly gapless line), "band edge" (of an incipient band alone) or "shell
    edge" (an artefact of the cutoff)."""
    weight: float
    """rho sqrt(2 / |E''|): the density of quasiparticle states near the peak is weight / sqrt(|omega - E|); NaN where E is
    not smooth."""

    @property
    def is_artefact(self) -> bool:
        """Whether the peak comes from the sharp shell, not from the physics."""
        return self.kind == "shell edge"


def coherence_peaks_of(sc: Superconductor, Delta: Amplitudes) -> list[CoherencePeak]:
    """All extrema of E_-+(kappa) inside the shell, lowest energy first; those at the overlap's edges are named as such.

    Where the partner of a band is outside its shell at the band's k_F, the band pairs alone and has its minimum there.
    """
    peaks: list[CoherencePeak] = []
    if not sc.bands:  # a lattice's are refused
        return peaks
    names = iter(branch_names(sc))
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            peaks.append(_single_peak(sc, Delta, cluster.bands[0], next(names)))
            continue
        if len(cluster.bands) > 2:
            of_rank = [next(names) for _ in cluster.bands]
            peaks += _peaks_of_several(Bogoliubov(sc, Delta, cluster), of_rank)
            continue
        branches = next(names), next(names)
        for upper in (False, True):
            peaks += _pair_peaks(sc, Delta, cluster, upper, branches[upper])
        alone = np.asarray(pairs_alone_at_fermi_momentum(sc, cluster))
        peaks += [_single_peak(sc, Delta, i, branches[0]) for i, one in zip(cluster.bands, alone, strict=True) if one]
    return sorted(peaks, key=lambda peak: peak.energy)


def _single_peak(sc: Superconductor, Delta: Amplitudes, i: int, name: str) -> CoherencePeak:
    """A band alone has one minimum, E = |Delta| at k_F, with E'' = 1 / m^2 |Delta|; an incipient one a step at its bottom."""
    band = sc.bands[i]
    kappa, gap = (float(part) for part in lowest_of_band(sc, Delta, i))
    if not crosses(band):
        return CoherencePeak(name, gap, kappa, "band edge", float("nan"))
    weight = float(density_of_states(band, sc.dimension)) * (2 * gap) ** 0.5
    return CoherencePeak(name, gap, kappa, "minimum", weight)


def _pair_peaks(sc: Superconductor, Delta: Amplitudes, cluster: Cluster, upper: bool, name: str) -> list[CoherencePeak]:
    return _peaks_between((sc, Delta, jnp.asarray(upper)), cluster, np.asarray(dense_grid(sc, Delta, cluster)), name)


def _peaks_of_several(matrix: Bogoliubov, names: list[str]) -> list[CoherencePeak]:
    """Of a larger cluster, between all edges of its shells; bands outside their shells have none."""
    *_, active, grids = matrix.stretches(GRID)
    peaks, highest = [], float(matrix.superconductor.Omega) * (1 - ROUNDING)
    for rank, name in enumerate(names):
        for on, grid in zip(np.asarray(active), np.asarray(grids), strict=True):
            theta = (matrix.superconductor, matrix.Delta, Ranked(jnp.asarray(rank), jnp.asarray(on)))
            found = _peaks_between(theta, matrix.cluster, grid, name)
            peaks += [peak for peak in found if peak.energy < highest]
    return peaks


def _peaks_between(theta: Theta, cluster: Cluster, grid: np.ndarray, name: str) -> list[CoherencePeak]:
    """Extrema of a branch inside an interval of kappa, and its ends."""
    sc, (lo, hi) = theta[0], grid[[0, -1]]
    if not hi > lo:
        return []

    def orders(kappa: np.ndarray) -> list[np.ndarray]:
        # As many as the grid has, whatever the number of extrema: one program.
        padded = np.concatenate([kappa, np.full(len(grid) - len(kappa), lo)])
        return [np.asarray(part)[: len(kappa)] for part in _orders(padded, theta, cluster)]

    def slope(kappa: np.ndarray) -> np.ndarray:
        return orders(kappa)[1]

    brackets = _rising_or_falling(slope, np.unique(grid)[1:-1])
    rising = slope(brackets[0]) >= 0
    left, right = bisected_on_host(lambda kappa: (slope(kappa) >= 0) == rising, *brackets)
    middle = (left + right) / 2
    wide = np.minimum(brackets[0], middle - NEAR * hi), np.maximum(brackets[1], middle + NEAR * hi)
    around = [slope(kappa) for kappa in (left - 1e-9 * hi, right + 1e-9 * hi, *wide)]
    kinks = np.abs(around[1] - around[0]) > KINK * np.abs(around[3] - around[2])
    energies, _, curvature = orders(middle)
    # Exactly at a gapless line the roots that E_+ is made of have no second derivative, E_+ has one.
    curvature = np.where(curvature == 0, (around[3] - around[2]) / (wide[1] - wide[0]), curvature)
    peaks = []
    for kappa, energy, kink, E2 in zip(middle, energies, kinks, curvature, strict=True):
        kind = "kink" if kink else ("minimum" if E2 > 0 else "maximum")
        weight = float("nan") if kink else float(rho(jnp.asarray(kappa), sc.dimension)) * (2 / abs(E2)) ** 0.5
        peaks.append(CoherencePeak(name, float(energy), float(kappa), kind, float(weight)))
    ends = zip((lo, hi), orders(np.array([lo, hi]))[0], strict=True)
    return peaks + [CoherencePeak(name, float(E), float(end), "shell edge", float("nan")) for end, E in ends]


@partial(jax.jit, static_argnames="cluster")
def _orders(kappa: Float[Array, "point"], theta: Theta, cluster: Cluster) -> tuple[Points, Points, Points]:
    """(E, dE/dkappa, d^2E/dkappa^2) at every kappa."""
    slope = jax.grad(branch_energy)
    curvature = jax.grad(lambda k: slope(k, theta, cluster))
    return jax.vmap(lambda k: (branch_energy(k, theta, cluster), slope(k, theta, cluster), curvature(k)))(kappa)


def _rising_or_falling(slope: Callable[[np.ndarray], np.ndarray], grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring grid points between which `slope` changes its sign."""
    rising = np.asarray(slope(grid)) >= 0
    change = np.flatnonzero(rising[:-1] != rising[1:])
    return grid[change], grid[change + 1]


def strongest_peaks_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """Energy of every branch's extremum of the largest weight [meV], in the order of `branch_names`, for given amplitudes; NaN
    where a branch has none inside the shell. Differentiable, except where two extrema have the same weight."""
    return of_branches(sc, Delta, _strongest, _strongest_of_several)


@partial(jax.jit, static_argnames="cluster")
def _strongest(sc: Superconductor, Delta: Amplitudes, cluster: Cluster, upper: Flag) -> Float[Array, ""]:
    theta = (sc, Delta, upper)
    weight, turns, found = _heaviest(theta, cluster, dense_grid(sc, Delta, cluster))
    alone, gaps = _strongest_alone(sc, Delta, cluster, upper)
    strongest = jnp.argmax(jnp.append(alone, weight))
    kappa = at_extremum(found, theta, cluster, turns, turns & (strongest == 2))
    energy = jnp.append(gaps, branch_energy(kappa, theta, cluster))[strongest]
    return jnp.where(turns | (strongest < 2), energy, jnp.nan)


@jax.jit
def _strongest_of_several(matrix: Bogoliubov, rank: Int[Array, ""]) -> Float[Array, ""]:
    """Of all intervals between the edges of a larger cluster's shells."""
    *_, active, grid = matrix.stretches(GRID)
    sc, Delta, cluster = matrix.superconductor, matrix.Delta, matrix.cluster

    def of(on: Bool[Array, "band"], grid: Float[Array, "grid"]) -> tuple[Scalar, Flag, Scalar]:
        return _heaviest((sc, Delta, Ranked(rank, on)), cluster, grid)

    weight, turns, found = jax.vmap(of)(active, grid)
    best = jnp.argmax(weight)
    theta = (sc, Delta, Ranked(rank, active[best]))
    kappa = at_extremum(found[best], theta, cluster, turns[best], turns[best])
    return jnp.where(turns[best], branch_energy(kappa, theta, cluster), jnp.nan)


def _heaviest(theta: Theta, cluster: Cluster, grid: Float[Array, "grid"]) -> tuple[Scalar, Flag, Scalar]:
    """(weight, whether there is one, kappa) of the extremum of the largest weight inside an interval."""
    sc, fixed = theta[0], jax.lax.stop_gradient(theta)
    slope = jax.grad(lambda kappa: branch_energy(kappa, fixed, cluster))
    # The shell's edges are no extrema; nodes of an empty piece coincide.
    grid = grid[1:-1]
    slopes, width = jax.vmap(slope)(grid), jnp.diff(grid)
    turns = ((slopes[:-1] >= 0) != (slopes[1:] >= 0)) & (width > 0)
    curvature = jnp.abs(jnp.diff(slopes)) / jnp.where(turns, width, 1.0)
    density = jax.vmap(lambda kappa: rho(kappa, sc.dimension))((grid[:-1] + grid[1:]) / 2)
    weight = jnp.where(turns, density / jnp.sqrt(jnp.where(turns, curvature, 1.0)), -1.0)
    place = jnp.argmax(weight)
    left, right = turning_point(slope, (grid[place], grid[place + 1]), slopes[place] >= 0)
    return weight[place], turns[place], (left + right) / 2


def _strongest_alone(
    sc: Superconductor, Delta: Amplitudes, cluster: Cluster, upper: Flag
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Of both bands: the weight rho / sqrt(E'') at k_F if the band pairs alone there (on the lower branch), else -2;
    and |Delta|."""
    alone = pairs_alone_at_fermi_momentum(sc, cluster)
    gaps = spectrum.safe_sqrt(spectrum.abs2(pick(Delta, cluster.bands)))
    bands = [sc.bands[i] for i in cluster.bands]
    N = jnp.stack([density_of_states(band, sc.dimension) for band in bands])
    return jnp.where(alone & ~upper, N * jax.lax.stop_gradient(jnp.sqrt(gaps)), -2.0), gaps


TURNS = 3
"""Extrema of a branch to which nodes are fitted: a pair of bands at a distance has up to three per branch inside the shell."""


def singular_energies_of_pair(sc: Superconductor, Delta: Amplitudes, cluster: Cluster) -> Float[Array, "peak"]:
    """Energies [meV] of the branches' extrema, and, as far as `TURNS` allows, those at the shell's edges."""
    grid = dense_grid(sc, Delta, cluster)
    return jnp.concatenate([_extrema((sc, Delta, jnp.asarray(upper)), cluster, grid) for upper in (False, True)])


def singular_energies_of_several(matrix: Bogoliubov) -> Float[Array, "peak"]:
    """Those of a larger cluster, between all edges of its shells, whose steps are at ends of intervals, too."""
    *_, active, grid = matrix.stretches(GRID)
    ranks = jnp.arange(len(matrix.cluster.bands))

    def of(rank: Int[Array, ""], on: Bool[Array, "band"], grid: Float[Array, "grid"]) -> Float[Array, "peak"]:
        # A branch has a minimum and a maximum per band, but one.
        most = 2 * len(matrix.cluster.bands) - 1
        return _extrema((matrix.superconductor, matrix.Delta, Ranked(rank, on)), matrix.cluster, grid, most)

    each = jax.vmap(jax.vmap(of, in_axes=(None, 0, 0)), in_axes=(0, None, None))(ranks, active, grid)
    return each.reshape(-1)


def _extrema(theta: Theta, cluster: Cluster, grid: Float[Array, "grid"], most: int = TURNS) -> Float[Array, "peak"]:
    """E at the first extrema of a branch inside the shell; where there are fewer, where it is flattest between them (extrema
    that have just merged leave a peak of N), and at the shell's edges, where N has steps."""
    slope = jax.grad(lambda kappa: branch_energy(kappa, theta, cluster))
    slopes = jax.vmap(slope)(grid)
    turns = ((slopes[:-1] >= 0) != (slopes[1:] >= 0)) & (jnp.diff(grid) > 0)
    wanted = jnp.where(_flattest(slopes) & ~turns, 0.75, turns.astype(float)).at[jnp.array([0, -1])].add(0.5)
    place = jax.lax.top_k(wanted, most)[1]

    def at(i: Int[Array, ""]) -> Float[Array, "2"]:
        turning = jnp.stack(turning_point(slope, (grid[i], grid[i + 1]), slopes[i] >= 0))
        return jnp.where(wanted[i] == 0.75, grid[i], turning)

    brackets = jax.vmap(at)(place)
    return jax.vmap(lambda kappa: branch_energy(kappa, theta, cluster))(jnp.mean(brackets, axis=1))


def _flattest(slopes: Points) -> Bool[Array, "piece"]:
    """Pieces at whose lower end a branch is flatter than on both sides."""
    size = jnp.abs(slopes)
    inside = (size[1:-1] < size[:-2]) & (size[1:-1] < size[2:])
    return jnp.concatenate([jnp.zeros(1, bool), inside])
