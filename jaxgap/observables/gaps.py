r"""Excitation gaps, in the definitions that are in use; they differ, so they are never mixed.

- `branch_minimum`: the minimum of every quasiparticle branch over all k at which it pairs: E_- and E_+ where both bands of a
  pair are inside their shells, and where only one is, as a part of the lower branch, E = sqrt(zeta_i^2 + |Delta_i|^2). The
  smallest one is the `excitation_gap`, with which the density of states begins. With a distance d between the bands it does
  not vanish at T_c for E_+ (it tends to d/2), and further extrema of E_- are not in it.
- `overlap_minimum`: the same where both bands are inside their shells only, as Vargas-Paredes et al., Phys. Rev. B 101, 094516
  (2020), have it. It knows nothing of a band that pairs alone at its own k_F, outside its partner's shell, with a gap
  |Delta_i|: for bands of equal mass at a distance d < Omega the two definitions agree.
- `fermi_momentum`: what symmetrised photoemission reads: E at band i's Fermi momentum, on the branch with the larger weight
  |u_i|^2 + |v_i|^2 of that band.
- `coherence_peak`: what tunnelling sees: the extrema of E_+-(kappa) with their weight in the density of states; of a branch
  that has several, a fit takes the one of the largest weight.
"""

from collections.abc import Callable
from functools import partial, reduce
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.equations.pairing import overlap_interval, overlap_nodes, pairs, pick
from jaxgap.model.band import density_of_states, kappa_F, rho, zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.bracket import bisected, bisected_on_host
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_solution, takes_system
from jaxgap.solving.solution import Solution
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.beyond_overlap import ROUNDING, lowest_alone, normal_crossing, pairs_alone_at_fermi_momentum

__all__ = [
    "branch_names",
    "branch_minima",
    "overlap_minima",
    "excitation_gap",
    "excitation_gaps",
    "gapless_excess",
    "FermiMomentumGaps",
    "fermi_momentum_gaps",
    "CoherencePeak",
    "coherence_peaks",
    "strongest_peaks_of",
]


GAPLESS = 1e-6
"""A state is gapless if its smallest excitation energy is below 1e-6 of its largest amplitude."""


def branch_names(sc: Superconductor) -> tuple[str, ...]:
    """Names of the quasiparticle branches: `pi` for a band alone, `alpha:beta lower` and `upper` for a cross-paired pair."""
    names: list[str] = []
    for cluster in sc.clusters:
        linked = ":".join(sc.bands[i].name for i in cluster.bands)
        names += [linked] if len(cluster.bands) == 1 else [f"{linked} lower", f"{linked} upper"]
    return tuple(names)


DEFINITIONS = ("branch_minimum", "overlap_minimum", "fermi_momentum")
"""Of gaps whose number is fixed, so that they can be fitted and swept."""


@takes_solution
def excitation_gaps(solution: Solution, definition: str = "branch_minimum") -> Float[Array, "gap"]:
    """Excitation gaps [meV] in one of the differentiable definitions.

    Args:
        solution: a solved state.
        definition: "branch_minimum" or "overlap_minimum" (one gap per branch, in the order of `branch_names`: lower before
            upper), or "fermi_momentum" (one gap per band; `fermi_momentum_gaps` has the weights too). The `coherence_peak`
            list has no fixed length: see `coherence_peaks`.
    """
    check(
        definition in DEFINITIONS,
        "definition",
        f"be one of {', '.join(DEFINITIONS)} (for coherence peaks call `coherence_peaks`)",
        repr(definition),
    )
    if definition == "fermi_momentum":
        return fermi_momentum_gaps(solution).gap
    return branch_minima(solution) if definition == "branch_minimum" else overlap_minima(solution)


# --- branch_minimum and overlap_minimum -------------------------------------------------------------------------------


@takes_solution
@program
def branch_minima(solution: Solution) -> Float[Array, "branch"]:
    """Minimum of every quasiparticle branch over all k at which it pairs [meV], in the order of `branch_names`.

    Of two cross-paired bands the lower one is the minimum of E_- and, where band i alone is inside its shell, of
    sqrt(zeta_i^2 + |Delta_i|^2); the upper one is that of E_+. Normal states, |zeta| > Omega outside the shells, belong to no
    branch. Only where two shells do not overlap, and E_+ has no k of its own, the upper one is where the normal bands cross
    between their shells (d/2 for equal masses): above Omega, which is to say no gap but the cutoff's.

    Differentiable to every order: the k of a minimum is itself a root, dE/dkappa = 0, or moves with a shell's edge. The
    derivative is NaN where the minimum is a kink (an exactly gapless or crossing branch).
    """
    return branch_minima_of(solution.superconductor, solution.Delta)


@program
@takes_solution
def overlap_minima(solution: Solution) -> Float[Array, "branch"]:
    """`branch_minima` over the k at which both bands of a pair are inside their shells (Vargas-Paredes et al.) [meV]; NaN where
    the shells do not overlap: there is no such k."""
    return overlap_minima_of(solution.superconductor, solution.Delta)


@program
@takes_solution
def excitation_gap(solution: Solution) -> Float[Array, ""]:
    """The smallest excitation energy [meV], at which the density of states begins: the lowest of `branch_minima`.

    Or Omega, if that is less (|Delta| > Omega): the states outside the shells are normal.
    """
    return excitation_gap_of(solution.superconductor, solution.Delta)


def excitation_gap_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, ""]:
    """`excitation_gap` of given amplitudes; NaN if one of them is."""
    # Not `jnp.min`, which drops NaN in large batches.
    return reduce(_smallest, branch_minima_of(sc, Delta), sc.Omega)


def _smallest(x: Float[Array, ""], y: Float[Array, ""]) -> Float[Array, ""]:
    return jnp.where(jnp.isnan(x) | (x <= y), x, y)


def branch_minima_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """`branch_minima` of given amplitudes, whether or not they solve the gap equations."""
    return _of_branches(sc, Delta, partial(_minimum, everywhere=True))


def overlap_minima_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """`overlap_minima` of given amplitudes."""
    return _of_branches(sc, Delta, partial(_minimum, everywhere=False))


def _of_branches(sc: Superconductor, Delta: Inexact[Array, "channel"], of_pair: Callable[..., Any]) -> Float[Array, "branch"]:
    """|Delta| of every band alone, of_pair(sc, Delta, cluster, upper) of both branches of every pair: by `branch_names`."""
    values: list[Any] = []
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            values.append(spectrum.safe_sqrt(spectrum.abs2(Delta[cluster.bands[0]])))
        else:
            values += list(jax.vmap(lambda upper, c=cluster: of_pair(sc, Delta, c, upper))(jnp.array([False, True])))
    return jnp.stack(values)


@partial(jax.jit, static_argnames="cluster")
def _energy(kappa: Float[Array, ""], theta: Any, cluster: Cluster) -> Float[Array, ""]:
    """E_- or E_+ of a pair of bands at one kappa [meV]."""
    sc, Delta, upper = theta
    z1, z2 = (zeta(sc.bands[i], kappa) for i in cluster.bands)
    E_plus, E_minus = spectrum.energies(z1, z2, *(Delta[c] for c in cluster.channels))
    return jnp.where(upper, E_plus, E_minus)


@partial(jax.jit, static_argnames=("cluster", "everywhere"))
def _minimum(sc: Superconductor, Delta: Any, cluster: Cluster, upper: Bool[Array, ""], *, everywhere: bool) -> Float[Array, ""]:
    """Minimum of one branch of a pair, everywhere or over the overlap of the shells."""
    theta = (sc, Delta, upper)
    E = partial(_energy, cluster=cluster)
    lo, hi = overlap_interval(sc, cluster)
    kappa, smooth = _argmin(E, jax.lax.stop_gradient(theta), jax.lax.stop_gradient((lo, hi)), _grid(sc, Delta, cluster))
    # Without overlap a NaN of the amplitudes is left in the lower branch.
    elsewhere = jnp.where(upper, normal_crossing(sc, cluster), lowest_alone(sc, Delta, cluster))
    beyond = elsewhere if everywhere else jnp.full((), jnp.nan)
    # A NaN of the energy is one of the gap.
    chosen = (hi - lo > ROUNDING * hi) & (upper | ~(jax.lax.stop_gradient(E(kappa, theta)) > beyond))

    # At the shell's edge the minimum moves with the edge; inside, kappa is the root of dE/dkappa.
    at_lo, at_hi = kappa <= lo, kappa >= hi
    wanted = chosen & ~at_lo & ~at_hi
    inside = _extremum(kappa, theta, cluster, smooth, wanted)
    gap = E(jnp.where(at_lo, lo, jnp.where(at_hi, hi, inside)), theta)
    return jnp.where(chosen, gap, beyond)


def _extremum(kappa: Any, theta: Any, cluster: Cluster, smooth: Any, wanted: Any) -> Float[Array, ""]:
    """`kappa` as the root of dE/dkappa; where it is not `wanted`, as a number that depends on nothing."""
    fixed = jax.lax.stop_gradient(kappa)
    # Reverse mode would multiply the zero that comes back from what is not wanted with a NaN.
    root = at_root(partial(_stationary, cluster=cluster), kappa[None], (*theta, fixed, wanted), smooth | ~wanted)
    return root[0]


@partial(jax.jit, static_argnames="cluster")
def _stationary(x: Float[Array, "1"], theta: Any, cluster: Cluster) -> Float[Array, "1"]:
    *theta, fixed, wanted = theta
    return jnp.where(wanted, jax.grad(_energy)(x[0], tuple(theta), cluster), x[0] - fixed)[None]


@partial(jax.jit, static_argnames="cluster")
def _grid(sc: Superconductor, Delta: Any, cluster: Cluster) -> Float[Array, "grid"]:
    """Increasing kappa, dense where the spectrum bends: the quadrature's nodes, and the ends."""
    sc, Delta = jax.lax.stop_gradient((sc, Delta))
    lo, hi = overlap_interval(sc, cluster)
    nodes = overlap_nodes(sc, cluster, Delta, jnp.zeros(()), 48).kappa
    return jnp.sort(jnp.concatenate([lo[None], nodes, hi[None]]))


def _argmin(E: Any, theta: Any, ends: Any, grid: Float[Array, "grid"]) -> tuple[Float[Array, ""], Any]:
    """kappa of the lowest E, by bisection of dE/dkappa around the lowest grid point, and whether E is smooth there."""
    slope = jax.grad(lambda kappa: E(kappa, theta))
    lowest = jnp.argmin(jax.vmap(lambda kappa: E(kappa, theta))(grid))
    # Neighbours by value: the nodes of an empty piece coincide.
    before = jnp.searchsorted(grid, grid[lowest], side="left") - 1
    after = jnp.searchsorted(grid, grid[lowest], side="right")
    bracket = grid[jnp.maximum(before, 0)], grid[jnp.minimum(after, grid.shape[0] - 1)]

    left, right = _turning_point(slope, bracket, rising=False)
    tiny = 1e-13 * ends[1]
    at_lo, at_hi = left <= ends[0] + tiny, right >= ends[1] - tiny
    # A kink keeps a finite slope on both sides of the root, a smooth minimum does not.
    jump = slope(right + 1e3 * tiny) - slope(left - 1e3 * tiny)
    kappa = jnp.where(at_lo, ends[0], jnp.where(at_hi, ends[1], (left + right) / 2))
    # Of bands that are nearly equal some nodes nearly coincide: a bracket of them shows no change but rounding.
    around = jnp.minimum(bracket[0], kappa - NEAR * ends[1]), jnp.maximum(bracket[1], kappa + NEAR * ends[1])
    return kappa, jnp.abs(jump) < KINK * jnp.abs(slope(around[1]) - slope(around[0]))


def _turning_point(slope: Any, bracket: Any, rising: Any) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """A bracket at whose left end E is `rising` and at whose right end it is not (or the reverse), narrowed to the last bit."""
    return bisected(lambda kappa: (slope(kappa) >= 0) == rising, bracket[0], bracket[1], 80)


KINK = 0.1
"""A minimum is a kink if a tenth of the slope's change over the bracket happens within 1e-10 of kappa."""
NEAR = 1e-6
"""The bracket reaches 1e-6 of the largest kappa to either side at least."""


# --- gapless ----------------------------------------------------------------------------------------------------------


@takes_system
def gapless_excess(sc: Superconductor, Delta: Float[Array, "channel"]) -> Float[Array, "pair"]:
    r"""Zero where E_- of a cross-paired pair of bands touches zero [meV^2], positive where Delta_3 dominates. Real amplitudes.

    .. math:: \Delta_3^2 - \Delta_1 \Delta_2 + \zeta_1 \zeta_2 \quad \text{where} \quad \zeta_1 \Delta_2 + \zeta_2 \Delta_1 = 0

    These are the two squares whose sum is E_+^2 E_-^2. For equal masses at a distance d it reads
    Delta_3^2 = Delta_1 Delta_2 [1 + d^2 / (Delta_1 + Delta_2)^2]. The k of it may lie outside the shells, where nothing is
    gapless: `excitation_gap` tells. If Delta_1 and Delta_2 differ in sign there is no such state,
    and the value is |Delta_1 Delta_2| + Delta_3^2.
    """
    return jnp.stack([_gapless_excess(sc, Delta, cluster) for cluster in pairs(sc)] or [jnp.full((), jnp.inf)])


def _gapless_excess(sc: Superconductor, Delta: Any, cluster: Cluster) -> Float[Array, ""]:
    (one, two), (D1, D2, D3) = (sc.bands[i] for i in cluster.bands), (Delta[c] for c in cluster.channels)
    same = D1 * D2 > 0
    weight = D2 / one.mass + D1 / two.mass
    kappa = (one.mu * D2 + two.mu * D1) / jnp.where(weight == 0, 1.0, weight)
    return D3**2 + jnp.where(same, zeta(one, kappa) * zeta(two, kappa) - D1 * D2, jnp.abs(D1 * D2))


# --- fermi_momentum ---------------------------------------------------------------------------------------------------


class FermiMomentumGaps(NamedTuple):
    """Gaps at the Fermi momenta, one per band."""

    gap: Float[Array, "band"]
    """E at k_F of the band, on the branch with the larger weight of that band [meV]."""
    weight: Float[Array, "band"]
    """That weight |u_i|^2 + |v_i|^2: 1/2 is a tie between the branches, 1 a band that pairs alone."""


@takes_solution
def fermi_momentum_gaps(solution: Solution) -> FermiMomentumGaps:
    """E at k_F,i of every band i, on the branch that carries more of the band, and the weight it carries."""
    return _fermi_momentum_gaps(solution.superconductor, solution.Delta)


@program
def _fermi_momentum_gaps(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> FermiMomentumGaps:
    return fermi_momentum_gaps_of(sc, Delta)


def fermi_momentum_gaps_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> FermiMomentumGaps:
    """`fermi_momentum_gaps` of given amplitudes."""
    rows: list[Any] = []
    partners = {i: cluster for cluster in sc.clusters for i in cluster.bands}
    for i, band in enumerate(sc.bands):
        alone = spectrum.safe_sqrt(spectrum.abs2(Delta[i]))
        cluster = partners[i]
        if len(cluster.bands) == 1:
            rows.append((alone, jnp.ones(())))
            continue
        z1, z2 = (zeta(sc.bands[j], kappa_F(band)) for j in cluster.bands)
        amplitudes = [Delta[c] for c in cluster.channels]
        E_plus, E_minus = spectrum.energies(z1, z2, *amplitudes)
        W = spectrum.band_weights(z1, z2, *amplitudes)
        W = W if cluster.bands[0] == i else 1 - W
        # Where the partner is outside its shell at this k_F, the band pairs alone.
        paired = (jnp.abs(z1) <= sc.Omega) & (jnp.abs(z2) <= sc.Omega)
        gap, weight = jnp.where(W >= 0.5, E_plus, E_minus), jnp.where(W >= 0.5, W, 1 - W)
        rows.append((jnp.where(paired, gap, alone), jnp.where(paired, weight, 1.0)))
    gaps, weights = zip(*rows, strict=True)
    return FermiMomentumGaps(jnp.stack(gaps), jnp.stack(weights))


# --- coherence_peak ---------------------------------------------------------------------------------------------------


class CoherencePeak(NamedTuple):
    """An extremum of a quasiparticle branch: a van Hove singularity of the density of states."""

    branch: str
    energy: float
    """E at the extremum [meV]."""
    kappa: float
    """kappa of the extremum [meV]."""
    kind: str
    """"minimum", "maximum", "kink" (a crossing or an exactly gapless line) or "shell edge" (an artefact of the cutoff)."""
    weight: float
    """rho sqrt(2 / |E''|): the density of quasiparticle states near the peak is weight / sqrt(|omega - E|); NaN where E is
    not smooth."""

    @property
    def is_artefact(self) -> bool:
        """Whether the peak comes from the sharp shell, not from the physics."""
        return self.kind == "shell edge"


@takes_solution
def coherence_peaks(solution: Solution) -> list[CoherencePeak]:
    """All extrema of E_-+(kappa) inside the shell, lowest energy first; those at the overlap's edges are named as such.

    Where the partner of a band is outside its shell at the band's k_F, the band pairs alone and has its minimum there.
    """
    peaks: list[CoherencePeak] = []
    names = iter(branch_names(solution.superconductor))
    sc = solution.superconductor
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            peaks.append(_single_peak(solution, cluster.bands[0], next(names)))
            continue
        branches = next(names), next(names)
        for upper in (False, True):
            peaks += _pair_peaks(solution, cluster, upper, branches[upper])
        alone = np.asarray(pairs_alone_at_fermi_momentum(sc, cluster))
        peaks += [_single_peak(solution, i, branches[0]) for i, one in zip(cluster.bands, alone, strict=True) if one]
    return sorted(peaks, key=lambda peak: peak.energy)


def _single_peak(solution: Solution, i: int, name: str) -> CoherencePeak:
    """A band alone has one minimum, E = |Delta| at k_F, with E'' = 1 / m^2 |Delta|."""
    sc, gap = solution.superconductor, float(abs(solution.Delta[i]))
    band = sc.bands[i]
    weight = float(rho(kappa_F(band), sc.dimension)) * float(jnp.abs(band.mass)) * (2 * gap) ** 0.5
    return CoherencePeak(name, gap, float(kappa_F(band)), "minimum", weight)


def _pair_peaks(solution: Solution, cluster: Cluster, upper: bool, name: str) -> list[CoherencePeak]:
    sc = solution.superconductor
    theta = (sc, solution.Delta, jnp.asarray(upper))
    grid = np.asarray(_grid(sc, solution.Delta, cluster))
    lo, hi = grid[0], grid[-1]
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
def _orders(kappa: Float[Array, "point"], theta: Any, cluster: Cluster) -> tuple[Any, Any, Any]:
    """(E, dE/dkappa, d^2E/dkappa^2) at every kappa."""
    slope = jax.grad(_energy)
    curvature = jax.grad(lambda k: slope(k, theta, cluster))
    return jax.vmap(lambda k: (_energy(k, theta, cluster), slope(k, theta, cluster), curvature(k)))(kappa)


def _rising_or_falling(slope: Any, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Neighbouring grid points between which `slope` changes its sign."""
    rising = np.asarray(slope(grid)) >= 0
    change = np.flatnonzero(rising[:-1] != rising[1:])
    return grid[change], grid[change + 1]


def strongest_peaks_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Float[Array, "branch"]:
    """Energy of every branch's extremum of the largest weight [meV], in the order of `branch_names`, for given amplitudes; NaN
    where a branch has none inside the shell. Differentiable, except where two extrema have the same weight."""
    return _of_branches(sc, Delta, _strongest)


@partial(jax.jit, static_argnames="cluster")
def _strongest(sc: Superconductor, Delta: Any, cluster: Cluster, upper: Bool[Array, ""]) -> Float[Array, ""]:
    theta = (sc, Delta, upper)
    fixed = jax.lax.stop_gradient(theta)
    slope = jax.grad(lambda kappa: _energy(kappa, fixed, cluster))
    # The shell's edges are no extrema; nodes of an empty piece coincide.
    grid = _grid(sc, Delta, cluster)[1:-1]
    slopes, width = jax.vmap(slope)(grid), jnp.diff(grid)
    turns = ((slopes[:-1] >= 0) != (slopes[1:] >= 0)) & (width > 0)
    curvature = jnp.abs(jnp.diff(slopes)) / jnp.where(turns, width, 1.0)
    density = jax.vmap(lambda kappa: rho(kappa, sc.dimension))((grid[:-1] + grid[1:]) / 2)
    weight = jnp.where(turns, density / jnp.sqrt(jnp.where(turns, curvature, 1.0)), -1.0)
    place = jnp.argmax(weight)
    left, right = _turning_point(slope, (grid[place], grid[place + 1]), slopes[place] >= 0)
    alone, gaps = _strongest_alone(sc, Delta, cluster, upper)
    strongest = jnp.argmax(jnp.append(alone, weight[place]))
    wanted = turns[place] & (strongest == 2)
    kappa = _extremum((left + right) / 2, theta, cluster, turns[place], wanted)
    energy = jnp.append(gaps, _energy(kappa, theta, cluster))[strongest]
    return jnp.where(turns[place] | (strongest < 2), energy, jnp.nan)


def _strongest_alone(
    sc: Superconductor, Delta: Any, cluster: Cluster, upper: Bool[Array, ""]
) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
    """Of both bands: the weight rho / sqrt(E'') at k_F if the band pairs alone there (on the lower branch), else -2;
    and |Delta|."""
    alone = pairs_alone_at_fermi_momentum(sc, cluster)
    gaps = spectrum.safe_sqrt(spectrum.abs2(pick(Delta, cluster.bands)))
    bands = [sc.bands[i] for i in cluster.bands]
    N = jnp.stack([density_of_states(band, sc.dimension) for band in bands])
    return jnp.where(alone & ~upper, N * jax.lax.stop_gradient(jnp.sqrt(gaps)), -2.0), gaps
