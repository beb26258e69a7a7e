r"""The search for states: where Newton leads from many starts, at many points of a family of systems at once.

A single system is a batch of one. Newton runs from the starts of `jaxgap.states.starts`, and may step over hills of |r|, or it
would not leave most valleys. The states found are starts themselves: half way between every two of them (between two minima
lies a saddle), and displaced along unstable phases (a state that breaks time reversal may be close to a real one, and far from
everything else). Some starts first iterate Delta <- lambda P / N a few times, which leads to stable solutions from far away
and, along a soft direction, to the bottom of a valley in which Newton would crawl.

Places are rows of coordinates of the family; starts and states of a point are padded with NaN.
"""

from functools import partial
from typing import NamedTuple, TypeAlias

import jax
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from jaxgap.equations.gap_equations import residual
from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.groups import as_real
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Family
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import MARGINAL
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.newton import CAREFUL, Stride, norm
from jaxgap.numerics.programs import program
from jaxgap.solving.stability import negative_of_each, phase_block
from jaxgap.spectra.quadrature import Rule
from jaxgap.states.identity import different_states
from jaxgap.states.starts import Starts

__all__ = [
    "AT_ONE_POINT",
    "AT_MANY_POINTS",
    "CARRIED",
    "ITERATIONS",
    "SEARCH_RULE",
    "SEARCH_STEPS",
    "SEARCH_STRIDE",
    "BrokenStates",
    "Effort",
    "Places",
    "RealStates",
    "all_states",
    "broken_ends",
    "displaced",
    "half_way",
    "iterated",
    "real_ends",
    "real_states",
    "stable_broken_beside",
    "stable_broken_states",
]

SEARCH_RULE = Rule(10, 8, 8)
"""Nodes of the search: its roots need only be near enough to be told apart and polished."""
ROUGH_RULE = Rule(7, 6, 6)
"""Nodes with which most starts arrive, many of them at the same states."""
SEARCH_STEPS = 20
SEARCH_STRIDE = Stride(longest=0.3, rise=1e4)
"""Over random systems one complex start in nine ends nowhere, as it does with steps that must lower |r|; near the change of
Fig. 2, where M is soft, those lose two in three, and the complex saddle with them."""
ITERATIONS = 8
"""Plain iterations before Newton, in some of the starts."""
DISPLACEMENTS = (0.03, 0.3)
"""Shares of |Delta| by which real states of unstable phases are displaced to look for complex ones."""


class Effort(NamedTuple):
    """How a search goes about it."""

    stages: tuple[tuple[Rule, int], ...]
    """Rules and steps with which real starts go on; those that are still on their way are gathered anew."""
    stride: Stride
    shares: tuple[float, ...]
    """Where it is looked for more states on the way from one to another."""
    block: int
    """Real starts that are treated at once: one program serves every number of them."""
    broken_block: int
    """Complex ones."""
    states: int
    """States."""


AT_ONE_POINT = Effort(((SEARCH_RULE, SEARCH_STEPS),), SEARCH_STRIDE, (0.5,), 16, 16, 4)
AT_MANY_POINTS = Effort(
    ((ROUGH_RULE, 8), (SEARCH_RULE, 5), (SEARCH_RULE, SEARCH_STEPS)), SEARCH_STRIDE, (0.5, 0.25, 0.75), 256, 32, 32
)
"""A block takes as long as its slowest start (nine steps are enough for three in four, twelve for nine in ten). From fewer
nodes, half way alone misses a saddle at some hundred points."""
CARRIED = Effort(((SEARCH_RULE, SEARCH_STEPS),), CAREFUL, (), 256, 32, 32)
"""From a state of a neighbouring point."""


RealStates: TypeAlias = Float[np.ndarray, "point _ channel"]
BrokenStates: TypeAlias = Complex[np.ndarray, "point _ channel"]
"""Amplitudes [meV] at every point, NaN for what is not there: starts, where they end, states."""
Iterations: TypeAlias = Int[np.ndarray, "start"] | int
"""Plain iterations before Newton, of every start or of all."""


class Places(NamedTuple):
    """Places of a family."""

    family: Family
    rows: Float[np.ndarray, "point coordinate"]
    groups: list[np.ndarray]
    """Channels that turn together, the same at all points."""

    def some(self, which: Bool[np.ndarray, "point"]) -> "Places":
        """Some of them."""
        return self._replace(rows=self.rows[which])


# --- all states -------------------------------------------------------------------------------------------------------


def all_states(at: Places, starts: Starts, effort: Effort) -> tuple[RealStates, BrokenStates]:
    """(real states, states that break time reversal), stable or not, at every point; the normal state left out."""
    real = real_states(at, starts, effort)
    beside = displaced(at, real, effort.states)
    begin = np.concatenate([starts.broken, beside, beside], axis=1)
    iterations = np.where(np.arange(begin.shape[1]) < begin.shape[1] - beside.shape[1], 0, ITERATIONS)
    ends = broken_ends(at, begin, effort, iterations)
    real = np.concatenate([real, ends.which(~ends.broken).real], axis=1)
    return different_states(real, at.groups), different_states(ends.which(ends.broken), at.groups)


# --- real states ------------------------------------------------------------------------------------------------------


def real_states(at: Places, starts: Starts, effort: Effort, slots: int | None = None) -> RealStates:
    """Real states at every point, the normal one left out: as many as `slots`, or all; NaN where there are fewer."""
    begin = np.concatenate([starts.direct, starts.far], axis=1)
    iterations = np.where(np.arange(begin.shape[1]) < starts.direct.shape[1], 0, ITERATIONS)
    states = different_states(real_ends(at, begin, effort, iterations), at.groups, slots)
    states = _recombined(states, at.groups, slots)
    more = real_ends(at, half_way(states, effort.shares), effort)
    return different_states(np.concatenate([states, more], axis=1), at.groups, slots)


def real_ends(at: Places, starts: RealStates, effort: Effort, iterations: Iterations = 0) -> RealStates:
    """Where Newton ends, after so many plain iterations, from every start of every point; NaN for what is no superconducting
    state. What arrives with few nodes is finished with those of any search, each state once."""
    ends = []
    for rule, steps in effort.stages:
        found = _newton(at, starts, iterations, effort.block, rule, steps, effort.stride)
        arrived = np.where((found.converged & found.superconducting)[..., None], found.Delta, np.nan)
        starts, iterations = np.where(found.converged[..., None], np.nan, found.Delta), 0
        if rule == SEARCH_RULE:
            ends.append(arrived)
        else:
            starts = np.concatenate([different_states(arrived, at.groups), starts], axis=1)
    return np.concatenate(ends, axis=1)


def half_way(states: RealStates, shares: tuple[float, ...]) -> RealStates:
    """Between every two states of a point, at such shares of the way, in either relative sign."""
    one, other = (states[..., k, :] for k in np.triu_indices(states.shape[-2], k=1))
    return np.concatenate([(1 - share) * one + sign * share * other for share in shares for sign in (1, -1)], axis=-2)


def _recombined(states: RealStates, groups: list[np.ndarray], slots: int | None) -> RealStates:
    """The states that those of groups of channels which nothing couples make together, the normal state of a group among
    them: at T = 0 no start with an amplitude in a group leads there."""
    points, _, n = states.shape
    if len(groups) == 1:
        return states
    total = np.zeros((points, 1, n))
    for group in groups:
        alone = np.zeros_like(states)
        alone[..., group] = states[..., group]
        alone = different_states(np.where(np.any(alone, axis=2, keepdims=True), alone, np.nan), groups)
        alone = np.concatenate([np.zeros((points, 1, n)), alone], axis=1)
        total = (total[:, :, None] + alone[:, None]).reshape(points, -1, n)
    made = np.where(np.any(total, axis=2, keepdims=True), total, np.nan)
    return different_states(np.concatenate([states, made], axis=1), groups, slots)


# --- states that break time reversal ----------------------------------------------------------------------------------


class BrokenEnds(NamedTuple):
    """Where complex starts lead, NaN where to no superconducting state; real amplitudes have imaginary parts of zero."""

    Delta: BrokenStates
    broken: Bool[np.ndarray, "point start"]
    stable: Bool[np.ndarray, "point start"]
    """Whether no direction is unstable, the gauge directions left out."""

    def which(self, wanted: Bool[np.ndarray, "point start"]) -> BrokenStates:
        """NaN for the others."""
        return np.where(wanted[..., None], self.Delta, np.nan)


def broken_ends(at: Places, starts: BrokenStates, effort: Effort, iterations: Iterations = 0) -> BrokenEnds:
    """Where Newton ends, after so many plain iterations, from every complex start of every point."""
    found = _newton(at, starts, iterations, effort.broken_block, SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE)
    good = found.converged & found.superconducting
    ends = BrokenEnds(np.full(starts.shape, np.nan, complex), np.zeros(good.shape, bool), np.zeros(good.shape, bool))
    ends.Delta[good], real = as_real(np.asarray(found.Delta)[good], at.groups)
    ends.broken[good] = ~real
    ends.stable[good] = negative_of_each(found.M[good]) == 0
    return ends


def stable_broken_states(at: Places, starts: BrokenStates, effort: Effort, iterations: Iterations = 0) -> BrokenStates:
    """Of where complex starts lead, the stable states that break time reversal; NaN for the others."""
    ends = broken_ends(at, starts, effort, iterations)
    return ends.which(ends.broken & ends.stable)


def stable_broken_beside(at: Places, states: RealStates, effort: Effort) -> BrokenStates:
    """`stable_broken_states` from real states, displaced along their unstable phases, as they are and after iterations."""
    beside = displaced(at, states, effort.states)
    iterations = np.repeat([0, ITERATIONS], beside.shape[1])
    return stable_broken_states(at, np.concatenate([beside, beside], axis=1), effort, iterations)


def displaced(at: Places, states: RealStates, block: int) -> BrokenStates:
    """Complex starts: the real states of every point moved along their unstable phases, by a little and by more."""
    point, slot = np.nonzero(np.isfinite(states).all(axis=2))
    starts: list[list[np.ndarray]] = [[] for _ in at.rows]
    blocks = in_chunks(partial(_phase_blocks, at.family), block, at.rows[point], states[point, slot]) if len(point) else ()
    for k, Delta, B in zip(point, states[point, slot], blocks, strict=True):
        values, vectors = np.linalg.eig(B)
        w = vectors.real.T[values.real < -MARGINAL]
        w *= np.linalg.norm(Delta) / np.linalg.norm(w, axis=1, keepdims=True)
        starts[k] += [Delta + 1j * share * along for share in DISPLACEMENTS for along in w]
    padded = np.full((len(at.rows), max(map(len, starts)), states.shape[2]), np.nan, complex)
    for row, found in zip(padded, starts, strict=True):
        row[: len(found)] = np.reshape(found, (-1, states.shape[2]))
    return padded


@program
def _phase_blocks(
    family: Family, rows: Float[Array, "state coordinate"], Delta: Float[Array, "state channel"]
) -> Float[Array, "state channel channel"]:
    def one(row: Float[Array, "coordinate"], D: Float[Array, "channel"]) -> Float[Array, "channel channel"]:
        sc, T = family.at(*row)
        return phase_block(sc, D, T, SEARCH_RULE)

    return jax.vmap(one)(rows, Delta)


# --- Newton from every start ------------------------------------------------------------------------------------------


class _Ends(NamedTuple):
    """Where Newton ended."""

    Delta: Inexact[Array | np.ndarray, "*start channel"]
    converged: Bool[Array | np.ndarray, "*start"]
    superconducting: Bool[Array | np.ndarray, "*start"]
    M: Float[Array | np.ndarray, "*start x x"]
    """On real unknowns, the gauge directions deflated."""


@program
def _ends(
    family: Family,
    rows: Float[Array, "start coordinate"],
    starts: Inexact[Array, "start channel"],
    iterations: Int[Array, "start"],
    steps: Int[Array | np.ndarray, ""],
    stride: Stride,
    rule: Rule,
) -> _Ends:
    def one(row: Float[Array, "coordinate"], Delta: Inexact[Array, "channel"], n: Int[Array, ""]) -> _Ends:
        sc, T = family.at(*row)
        root = search_root(sc, T, pack(iterated(sc, T, Delta, n)), rule, steps, stride)
        superconducting = norm(root.x) > 2 * vanishing(sc, T)
        return _Ends(unpack(root.x, len(sc.channels)), root.converged, superconducting, root.jacobian)

    return jax.vmap(one)(rows, starts, iterations)


def _newton(
    at: Places, starts: RealStates | BrokenStates, iterations: Iterations, block: int, rule: Rule, steps: int, stride: Stride
) -> _Ends:
    """Where Newton ends from every start; NaN and False for those that are not there."""
    present = np.isfinite(starts).all(axis=2)
    # Those with as many iterations stand together.
    start, point = np.nonzero(present.T)
    points, n = present.shape, starts.shape[2]
    unknowns = 2 * n if np.iscomplexobj(starts) else n
    none, no = np.full_like(starts, np.nan), np.zeros(points, bool)
    ends = _Ends(none, no, no.copy(), np.full((*points, unknowns, unknowns), np.nan))
    if len(start):
        # As arrays: one program serves every number of steps and iterations, and every stride.
        newton = partial(_ends, at.family, steps=np.asarray(steps), stride=Stride(*map(np.asarray, stride)), rule=rule)
        before = np.broadcast_to(iterations, present.shape[1])[start]
        found = in_chunks(newton, block, at.rows[point], starts[point, start], before)
        for all_, some in zip(ends, found, strict=True):
            all_[point, start] = some
    return ends


def iterated(
    sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "channel"], iterations: Int[Array, ""] | int = ITERATIONS
) -> Inexact[Array, "channel"]:
    """`Delta` [meV] after a few plain iterations Delta <- lambda P / N, which lead towards the stable solutions."""
    n = len(sc.channels)
    return jax.lax.fori_loop(0, iterations, lambda _, D: D - unpack(residual(sc, D, T, SEARCH_RULE), n), Delta)
