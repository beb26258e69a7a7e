r"""Lines of a phase diagram, located on the edges of its grid.

Between two neighbouring points of the grid the states are paired by likeness. What has no partner, or changes its stability or
its rank, marks an edge that a line crosses, and the crossing is located there by its own equations
(`jaxgap.continuation.bifurcations`). A crossing counts only where it lies on its edge: nothing is interpolated. What begins and
ends within one edge is not seen.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.continuation.bifurcations import (
    Bifurcation,
    BifurcationKind,
    is_gapless,
    locate_crossing,
    locate_fold,
    locate_gapless,
    locate_normal,
    locate_pitchfork,
    root_at,
)
from jaxgap.model.family import Path, Section
from jaxgap.states.identity import distances
from jaxgap.states.ranking import NO_GROUND, NORMAL_GROUND

__all__ = ["Grid", "phase_lines", "BROKEN_GROUND"]

BROKEN_GROUND = -3
"""Instead of an index, beside those of `jaxgap.states.ranking`: the ground state breaks time reversal, and is not among the
real ones of a `Grid`."""
LIKE = 0.5
"""Two states of neighbouring points can be the same if they differ by less than half their size, and an event belongs to a
state if its amplitudes do."""
FOLLOWED_TO = 0.01
"""Shortest step, as a share of the edge, with which a state is followed to its end."""


Known: TypeAlias = list[np.ndarray]
"""(Delta, amplitude, phase, excess) of some states, as `Grid` has them."""


class Grid(NamedTuple):
    """The real states at every point of the grid: NaN and -1 where a point has fewer."""

    x: np.ndarray
    y: np.ndarray
    Delta: np.ndarray
    """[row, column, state, channel]."""
    amplitude: np.ndarray
    """Unstable directions, [row, column, state]."""
    phase: np.ndarray
    excess: np.ndarray
    """`gapless_excess_of`, [row, column, state, pair]."""
    ground: np.ndarray
    """Index of the ground state, [row, column]."""
    broken: np.ndarray
    """Amplitudes of the ground state where it breaks time reversal, else NaN, [row, column, channel]."""


class _Edges(NamedTuple):
    """Edges between neighbours: what `Grid` holds, at both ends; [edge, ...]."""

    a: np.ndarray
    """(x, y) of the first end, [edge, 2]."""
    b: np.ndarray
    one: Grid
    other: Grid

    def turned(self) -> "_Edges":
        return _Edges(self.b, self.a, self.other, self.one)


class _Candidates(NamedTuple):
    """Where to look for crossings: edge, start of Newton, and where on the edge."""

    edge: np.ndarray
    Delta: np.ndarray
    other: np.ndarray
    """The other state of a crossing; of a fold the state that ends, of which `Delta` is a guess at the end."""
    p: np.ndarray


def phase_lines(
    plane: Section, grid: Grid, groups: list[np.ndarray], has_free_energy: bool
) -> dict[BifurcationKind, np.ndarray]:
    """Points (x, y) of every line, [point, 2], by kind. `groups` are the channels that turn together.

    `CROSSING`: the ground state changes by a jump (first order; only with a free energy). `NORMAL`: it vanishes continuously.
    `FOLD`: a real state that is stable in its amplitudes ends (a spinodal). `PITCHFORK`: the phases of a real state that is
    stable in its amplitudes become unstable; where it is the ground state on one side and time reversal is broken on the other,
    this is the continuous onset of broken time reversal. `GAPLESS`: the smallest excitation energy of a stable real state
    touches zero. Of states that break time reversal only ground states have lines (not the end of a metastable one).
    """
    edges = _edges(grid)
    partner = _partners(edges)
    looked_for = {
        BifurcationKind.FOLD: [_ending(edges, partner)],
        BifurcationKind.PITCHFORK: [_destabilised(edges, partner)],
        BifurcationKind.GAPLESS: [_closing(edges, partner)],
        BifurcationKind.CROSSING: [_jumping(edges, partner), _jumping_broken(edges, partner, groups)],
        BifurcationKind.NORMAL: [_vanishing(edges)],
    }
    if not has_free_energy:
        del looked_for[BifurcationKind.CROSSING]
    lines, on = {}, {}
    for kind, parts in looked_for.items():
        found = [_located(kind, plane, edges, candidates, groups) for candidates in parts]
        on[kind], lines[kind] = (np.concatenate(each) for each in zip(*found, strict=True))
    # Where the ground state jumps to the normal state, the vanishing of another state is no transition.
    jumped = np.isin(on[BifurcationKind.NORMAL], on.get(BifurcationKind.CROSSING, []))
    lines[BifurcationKind.NORMAL] = lines[BifurcationKind.NORMAL][~jumped]
    return lines


def _edges(grid: Grid) -> _Edges:
    """All edges, along x and along y."""
    points = np.stack(np.meshgrid(grid.x, grid.y), axis=-1)
    fields = [points, *grid[2:]]

    def both(first: tuple[slice, slice], second: tuple[slice, slice]) -> list[np.ndarray]:
        return [np.concatenate([field[cut].reshape(-1, *field.shape[2:]) for cut in (first, second)]) for field in fields]

    rows, columns = slice(None), slice(None)
    one = both((rows, slice(None, -1)), (slice(None, -1), columns))
    other = both((rows, slice(1, None)), (slice(1, None), columns))
    return _Edges(one[0], other[0], Grid(grid.x, grid.y, *one[1:]), Grid(grid.x, grid.y, *other[1:]))


def _partners(edges: _Edges) -> np.ndarray:
    """For every state of the first ends the index of its like at the other end, -1 if none: mutually nearest up to sign, with
    as many unstable amplitudes (where a branch turns back, this number changes)."""
    one, other = edges.one.Delta, edges.other.Delta
    slots = one.shape[1]
    distance = np.full((len(one), slots, slots), np.inf)
    for s in range(slots):
        state = one[:, s, None]
        size = np.maximum(np.linalg.norm(state, axis=2), np.linalg.norm(other, axis=2))
        apart = np.minimum(np.linalg.norm(state - other, axis=2), np.linalg.norm(state + other, axis=2)) / size
        alike = np.isfinite(apart) & (edges.one.amplitude[:, s, None] == edges.other.amplitude)
        distance[:, s] = np.where(alike, apart, np.inf)
    there, back = np.argmin(distance, axis=2), np.argmin(distance, axis=1)
    mutual = np.take_along_axis(back, there, axis=1) == np.arange(slots)
    near = np.min(distance, axis=2) < LIKE
    return np.where(mutual & near, there, -1)


def _turned_partners(partner: np.ndarray) -> np.ndarray:
    """The partners seen from the other ends."""
    back = np.full_like(partner, -1)
    edge, slot = np.nonzero(partner >= 0)
    back[edge, partner[edge, slot]] = slot
    return back


def _ending(edges: _Edges, partner: np.ndarray) -> _Candidates:
    """States stable in their amplitudes at one end that have no partner at the other: a fold between, near the middle of
    such a state and the unstable one that is nearest to it."""
    found = []
    for p, side, partners in ((0.0, edges, partner), (1.0, edges.turned(), _turned_partners(partner))):
        state = side.one
        edge, slot = np.nonzero((state.amplitude == 0) & (partners < 0))
        D = state.Delta[edge, slot]
        unstable = np.where((state.amplitude[edge] > 0)[..., None], state.Delta[edge], np.nan)
        sign = np.where(np.sum(unstable * D[:, None], axis=2) < 0, -1.0, 1.0)
        unstable = unstable * sign[..., None]
        apart = np.nan_to_num(np.linalg.norm(unstable - D[:, None], axis=2), nan=np.inf)
        nearest = unstable[np.arange(len(D)), np.argmin(apart, axis=1)]
        middle = np.where(np.isfinite(nearest), (D + nearest) / 2, D)
        found.append(_Candidates(edge, middle, D, np.full(len(D), p)))
    return _joined(found)


def _paired(edges: _Edges, partner: np.ndarray, wanted: Callable[[Known, Known], np.ndarray]) -> _Candidates:
    """Middles between partners for which `wanted(first, second)` holds, each with everything that `Grid` says about it."""
    edge, slot = np.nonzero(partner >= 0)
    index = edge, partner[edge, slot]
    one, other = ([field[where] for field in grid[2:6]] for grid, where in ((edges.one, (edge, slot)), (edges.other, index)))
    chosen = wanted(one, other)
    D, E = one[0][chosen], other[0][chosen]
    sign = np.where(np.sum(D * E, axis=1) < 0, -1.0, 1.0)[:, None]
    return _Candidates(edge[chosen], (D + sign * E) / 2, np.zeros_like(D), np.full(len(D), 0.5))


def _destabilised(edges: _Edges, partner: np.ndarray) -> _Candidates:
    def wanted(one: Known, other: Known) -> np.ndarray:
        return (one[1] == 0) & (other[1] == 0) & ((one[2] == 0) != (other[2] == 0))

    return _paired(edges, partner, wanted)


def _closing(edges: _Edges, partner: np.ndarray) -> _Candidates:
    def wanted(one: Known, other: Known) -> np.ndarray:
        stable = [(state[1] == 0) & (state[2] == 0) for state in (one, other)]
        return (stable[0] | stable[1]) & np.any(one[3] * other[3] < 0, axis=1)

    return _paired(edges, partner, wanted)


def _jumping(edges: _Edges, partner: np.ndarray) -> _Candidates:
    """Edges whose ends have different ground states, at most one of them the normal state."""
    a, b = edges.one.ground, edges.other.ground
    index = np.arange(len(a))
    same = (a >= 0) & (partner[index, a] == b)
    edge = np.flatnonzero(((a >= 0) | (b >= 0)) & (np.minimum(a, b) > NO_GROUND) & ~same)
    D, other = (
        np.where((ground[edge] >= 0)[:, None], grid.Delta[edge, ground[edge]], 0.0)
        for ground, grid in ((a, edges.one), (b, edges.other))
    )
    swap = (a[edge] < 0)[:, None]
    return _Candidates(edge, np.where(swap, other, D), np.where(swap, D, other), np.full(len(edge), 0.5))


def _jumping_broken(edges: _Edges, partner: np.ndarray, groups: list[np.ndarray]) -> _Candidates:
    """Edges whose ends have different ground states, at least one of them with broken time reversal; complex.

    Not those on which the phases of the real one become unstable: there time reversal breaks continuously, at the pitchfork.
    """
    a, b = (_ground(grid) for grid in (edges.one, edges.other))
    broken = [grid.ground == BROKEN_GROUND for grid in (edges.one, edges.other)]
    size = np.maximum(np.linalg.norm(a, axis=1), np.linalg.norm(b, axis=1))
    same = broken[0] & broken[1] & (_apart(a, b, groups) < LIKE * size)
    continuous = _softening(edges, partner) | _softening(edges.turned(), _turned_partners(partner))
    edge = np.flatnonzero((broken[0] | broken[1]) & ~same & ~continuous & np.isfinite(size))
    swap = ~broken[0][edge, None]
    D, other = np.where(swap, b[edge], a[edge]), np.where(swap, a[edge], b[edge])
    return _Candidates(edge, D, other, np.full(len(edge), 0.5))


def _softening(edges: _Edges, partner: np.ndarray) -> np.ndarray:
    """Whether the ground state of the first end is real and, at the other end, unstable in its phases, [edge]."""
    edge, slot = np.arange(len(partner)), np.maximum(edges.one.ground, 0)
    there = partner[edge, slot]
    return (edges.one.ground >= 0) & (there >= 0) & (edges.other.phase[edge, there] > 0)


def _ground(grid: Grid) -> np.ndarray:
    """Amplitudes of the ground state, complex, NaN if there is none, [edge, channel]."""
    real = grid.Delta[np.arange(len(grid.ground)), np.maximum(grid.ground, 0)]
    real = np.where((grid.ground >= 0)[:, None], real, np.where((grid.ground == NORMAL_GROUND)[:, None], 0.0, np.nan))
    return np.where((grid.ground == BROKEN_GROUND)[:, None], grid.broken, real)


def _apart(
    a: Inexact[np.ndarray, "*point channel"], b: Inexact[np.ndarray, "*point channel"], groups: list[np.ndarray]
) -> Float[np.ndarray, "*point"] | np.floating:
    """|a - b| up to free phases and complex conjugation."""
    return distances(a[..., None, :], b[..., None, :], groups)[..., 0, 0]


def _vanishing(edges: _Edges) -> _Candidates:
    """Edges of which just one end has the normal state as its ground state."""
    normal = [grid.ground == NORMAL_GROUND for grid in (edges.one, edges.other)]
    found = []
    for p, state, here in ((0.0, edges.one, ~normal[0] & normal[1]), (1.0, edges.other, normal[0] & ~normal[1])):
        edge = np.flatnonzero(here & (state.ground != NO_GROUND))
        # T_c depends on real couplings only: the larger part of complex amplitudes, which are as real as can be, shows the way.
        D = _ground(state)[edge].real
        found.append(_Candidates(edge, D, np.zeros_like(D), np.full(len(D), p)))
    return _joined(found)


def _joined(parts: list[_Candidates]) -> _Candidates:
    return _Candidates(*(np.concatenate(fields) for fields in zip(*parts, strict=True)))


def _located(
    kind: BifurcationKind, plane: Section, edges: _Edges, c: _Candidates, groups: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """(edge, point (x, y)) of every candidate that is a crossing on its edge, each once."""
    found: dict[tuple[int, float], np.ndarray] = {}
    for edge, Delta, other, p in zip(*c, strict=True):
        path = plane.edge(edges.a[edge], edges.b[edge])
        states = [jnp.asarray(Delta), jnp.asarray(other)][: 2 if kind == BifurcationKind.CROSSING else 1]
        event = LOCATE[kind](path, *states, jnp.asarray(p))
        if kind == BifurcationKind.FOLD and not _belongs(event, Delta, other, groups):
            # `other` is the state that ends: follow it close to its end.
            event = locate_fold(path, *_last(path, other, p))
        if _belongs(event, Delta, other, groups):
            share = float(event.p)
            found[int(edge), round(share, 9)] = edges.a[edge] + (edges.b[edge] - edges.a[edge]) * share
    return np.array([edge for edge, _ in found], int), np.array(list(found.values())).reshape(-1, 2)


def _last(path: Path, Delta: np.ndarray, p: float) -> tuple[Float[Array, "channel"], Float[Array, ""]]:
    """The last point (amplitudes, p) to which a state can be followed from one end of an edge, by steps that shrink."""
    last, step = (jnp.asarray(Delta), jnp.asarray(p)), 0.25 if p == 0 else -0.25
    while abs(step) > FOLLOWED_TO and 0 <= float(last[1]) <= 1:
        new, converged = root_at(path, last[1] + step, last[0])
        if bool(converged) and np.linalg.norm(new - last[0]) < LIKE / 2 * np.linalg.norm(last[0]):
            last = new, last[1] + step
        else:
            step /= 2
    return last


LOCATE: dict[BifurcationKind, Callable[..., Bifurcation]] = {
    BifurcationKind.FOLD: locate_fold,
    BifurcationKind.PITCHFORK: locate_pitchfork,
    BifurcationKind.GAPLESS: locate_gapless,
    BifurcationKind.CROSSING: locate_crossing,
    BifurcationKind.NORMAL: locate_normal,
}


def _belongs(event: Bifurcation, Delta: np.ndarray, other: np.ndarray, groups: list[np.ndarray]) -> bool:
    """Whether an event lies on its edge, and is one of the states with which the search began."""
    if not (bool(event.converged) and -1e-9 <= float(event.p) <= 1 + 1e-9):
        return False
    if event.kind == BifurcationKind.NORMAL:
        return True
    D, size = np.asarray(event.Delta), np.linalg.norm(Delta)
    near = np.linalg.norm(D - Delta) < LIKE * size
    if event.kind == BifurcationKind.GAPLESS:
        near &= is_gapless(event)
    if event.kind == BifurcationKind.CROSSING:
        second = np.asarray(event.direction)
        near &= np.linalg.norm(second - other) <= LIKE * np.linalg.norm(other)
        # Newton may have led both to one state.
        near &= _apart(D, second, groups) > 1e-3 * size
    return bool(near)
