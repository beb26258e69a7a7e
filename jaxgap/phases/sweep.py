r"""States at all points of a plane: found by a search at some, carried by Newton to the others.

The search begins anew, from a set of starts and from the points half way between the states found, at some points of some
columns. The states are then carried over the plane, along x and along y, forwards and backwards, so that a state found anywhere
reaches every point at which it exists and to which a row or a column leads.

Real states first, stable or not. Of those that break time reversal (complex ones, in twice as many unknowns) only the stable
ones are kept. They are looked for where a real state is stable in its amplitudes but not in its phases, from starts displaced
along these; from complex starts, at fewer points; and again where no stable state at all is known.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Section
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.newton import norm
from jaxgap.numerics.programs import program
from jaxgap.solving.labels import breaks_time_reversal
from jaxgap.solving.stability import negative_of_each, phase_block
from jaxgap.states.search import (
    ITERATIONS,
    SEARCH_RULE,
    SEARCH_STEPS,
    SEARCH_STRIDE,
    complex_starts,
    coupled_groups,
    displaced,
    distances,
    half_way,
    iterated,
    real_starts,
)

__all__ = [
    "real_states",
    "broken_states",
    "real_states_from",
    "broken_states_from",
    "displaced_starts",
    "different_states",
    "groups_of",
]

SLOTS, BROKEN_SLOTS = 6, 2
"""Real states, and stable states that break time reversal, kept at every point."""
SEARCHED = (12, 24)
"""(columns, rows) at whose crossings the search begins anew, evenly spread."""
SPARSE = 3
"""Complex starts are tried at the crossings of every third of these columns with every third of these rows."""
SEARCHED_AGAIN = 288
"""Most points without any stable state at which the search begins once more, evenly spread among them."""
SAME = 1e-5
CHUNK, BROKEN_CHUNK = 256, 32

Carrier = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""(x, y, starts [point, start, channel]) -> where Newton ends, NaN for what is no state."""


def real_states(plane: Section, xs: np.ndarray, ys: np.ndarray) -> Float[np.ndarray, "row column slot channel"]:
    """Real states at every point, NaN where there are fewer than `SLOTS`."""
    groups = groups_of(plane, xs, ys)
    found = np.full((len(ys), len(xs), SLOTS, len(plane.sc.channels)), np.nan)
    columns, rows = _searched_at(xs, ys)
    for k in columns:
        found[rows, k] = _searched(plane, np.full(len(rows), xs[k]), ys[rows], groups)
    _carry(xs, ys, found, partial(_newton, plane), groups)
    return found


def broken_states(
    plane: Section, xs: np.ndarray, ys: np.ndarray, softened: np.ndarray, lacking: np.ndarray
) -> Complex[np.ndarray, "row column slot channel"]:
    """Stable states that break time reversal at every point, NaN where there are fewer than `BROKEN_SLOTS`.

    Args:
        plane: the plane.
        xs: its columns.
        ys: its rows.
        softened: real states that are stable in their amplitudes and not in their phases, [row, column, state, channel], else
            NaN.
        lacking: whether no real state, nor the normal one, is stable, [row, column].
    """
    groups = groups_of(plane, xs, ys)
    found = np.full((len(ys), len(xs), BROKEN_SLOTS, len(plane.sc.channels)), np.nan, complex)
    columns, rows = _searched_at(xs, ys)
    points, sparse = (np.zeros(lacking.shape, bool) for _ in range(2))
    points[np.ix_(rows, columns)] = True
    sparse[np.ix_(rows[::SPARSE], columns[::SPARSE])] = True
    for _ in range(2):
        _search_broken(plane, xs, ys, found, points, softened, groups)
        _search_broken(plane, xs, ys, found, sparse, None, groups)
        _carry(xs, ys, found, partial(broken_states_from, plane), groups)
        # Again, where nothing that is stable has been found or carried.
        left = np.flatnonzero(lacking & np.isnan(found[:, :, 0, 0]))
        if not len(left):
            break
        points = np.zeros_like(points)
        points.flat[left[np.unique(np.linspace(0, len(left) - 1, SEARCHED_AGAIN).round().astype(int))]] = True
        sparse = points
    return found


def _searched_at(xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(columns, rows) at whose crossings the search begins anew."""
    columns, rows = (
        np.unique(np.linspace(0, n - 1, most).round().astype(int)) for n, most in zip((len(xs), len(ys)), SEARCHED, strict=True)
    )
    return columns, rows


def groups_of(plane: Section, xs: np.ndarray, ys: np.ndarray) -> list[np.ndarray]:
    """Groups of channels that turn together: those in the middle of the plane (an end may be where a coupling vanishes)."""
    return coupled_groups(plane.at(float(xs[0] + xs[-1]) / 2, float(ys[0] + ys[-1]) / 2)[0])


def _carry(xs: np.ndarray, ys: np.ndarray, found: np.ndarray, newton: Carrier, groups: list[np.ndarray]) -> None:
    """Carry the states in `found` to all points that they reach, in place."""
    X, Y = np.meshgrid(xs, ys)
    # Views: what is found enters `found`. Along the columns first (few hold anything), along the rows, along all columns.
    for x, y, states in ((X, Y, found), (X.T, Y.T, found.swapaxes(0, 1)), (X, Y, found)):
        for order in (range(len(x)), range(len(x) - 1, -1, -1)):
            for before, here in itertools.pairwise(order):
                if np.isfinite(states[before]).any():
                    carried = newton(x[here], y[here], states[before])
                    states[here] = different_states(np.concatenate([states[here], carried], axis=1), groups, states.shape[2])


def different_states(candidates: np.ndarray, groups: list[np.ndarray], slots: int) -> np.ndarray:
    """The different states of every row, up to the free phases and conjugation, in `slots` slots: [row, slot, channel]."""
    rows, _, n = candidates.shape
    left = np.isfinite(candidates).all(axis=2)
    kept = np.full((rows, slots, n), np.nan, candidates.dtype)
    for slot in range(slots):
        first = np.argmax(left, axis=1)
        state = np.where(left.any(axis=1)[:, None], candidates[np.arange(rows), first], np.nan)
        kept[:, slot] = state
        apart = distances(state[:, None], candidates, groups)[:, 0]
        left &= ~(apart <= SAME * np.linalg.norm(state, axis=1)[:, None]) & np.isfinite(state[:, :1])
    return kept


# --- real states ------------------------------------------------------------------------------------------------------


@program
def _roots(plane: Any, x: Any, y: Any, starts: Float[Array, "start channel"]) -> tuple[Any, Any]:
    """(amplitudes, converged to a superconducting state) of Newton from every start at its own point."""

    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        root = search_root(sc, T, D, SEARCH_RULE, SEARCH_STEPS)
        return root.x, root.converged & (norm(root.x) > 2 * vanishing(sc, T))

    return jax.vmap(one)(x, y, starts)


@program
def _iterated(plane: Any, x: Any, y: Any, starts: Float[Array, "start channel"]) -> Float[Array, "start channel"]:
    """Every start after a few plain iterations at its own point."""

    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        return iterated(sc, T, D)

    return jax.vmap(one)(x, y, starts)


def _searched(plane: Section, x: np.ndarray, y: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """States at the points of one column, from fresh starts (some after a few plain iterations) and half way between the
    states that these lead to, [point, slot, channel]."""
    # Starts depend on the couplings: those of the first and of the last point.
    ends = [real_starts(plane.at(float(x[i]), float(y[i]))[0]) for i in (0, -1)]
    direct, far = (
        np.broadcast_to(starts, (len(y), *starts.shape))
        for starts in (np.unique(np.concatenate(part), axis=0) for part in zip(*ends, strict=True))
    )
    flat = [np.repeat(part, far.shape[1]) for part in (x, y)] + [far.reshape(-1, far.shape[2])]
    after = in_chunks(partial(_iterated, plane), CHUNK, *flat).reshape(far.shape)
    return real_states_from(partial(_newton, plane, x, y), direct, after, groups)


def real_states_from(
    newton: Callable[[np.ndarray], np.ndarray],
    direct: np.ndarray,
    after: np.ndarray,
    groups: list[np.ndarray],
    slots: int = SLOTS,
    shares: tuple[float, ...] = (0.5,),
) -> Float[np.ndarray, "point slot channel"]:
    """Real states at every point: where `newton` ends ([point, start, channel]; NaN for what is no state) from starts as they
    are, from others after a few plain iterations, and half way between the states that these lead to (or at other `shares` of
    the way); NaN where there are fewer than `slots`."""
    states = different_states(newton(np.concatenate([direct, after], axis=1)), groups, slots)
    return different_states(np.concatenate([states, newton(half_way(states, shares))], axis=1), groups, slots)


def _newton(plane: Any, x: np.ndarray, y: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Where Newton ends from every start (that is not NaN) of every point; NaN if it does not converge, or becomes normal."""
    ended = np.full_like(starts, np.nan)
    present = np.isfinite(starts).all(axis=2)
    if present.any():
        point, _ = np.nonzero(present)
        Delta, converged = in_chunks(partial(_roots, plane), CHUNK, x[point], y[point], starts[present])
        ended[present] = np.where(converged[:, None], Delta, np.nan)
    return ended


# --- states that break time reversal ----------------------------------------------------------------------------------


class _Broken(NamedTuple):
    """Where Newton ended."""

    Delta: Complex[Array, "start channel"]
    good: Bool[Array, "start"]
    """Whether it converged, to a superconducting state that breaks time reversal."""
    M: Float[Array, "start x x"]
    """On real and imaginary parts, the gauge directions deflated."""


@program
def _broken_roots(
    plane: Any, x: Any, y: Any, starts: Complex[Array, "start channel"], iterations: Int[Array, "start"]
) -> _Broken:
    """Newton from every start at its own point, after so many plain iterations."""

    def one(x: Any, y: Any, D: Any, iterations: Any) -> _Broken:
        sc, T = plane.at(x, y)
        start = pack(iterated(sc, T, D, iterations))
        root = search_root(sc, T, start, SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE)
        Delta = unpack(root.x, len(sc.channels))
        good = root.converged & (norm(root.x) > 2 * vanishing(sc, T)) & breaks_time_reversal(sc, Delta)
        return _Broken(Delta, good, root.jacobian)

    return jax.vmap(one)(x, y, starts, iterations)


def broken_states_from(plane: Any, x: np.ndarray, y: np.ndarray, starts: np.ndarray, iterations: Any = 0) -> np.ndarray:
    """Where Newton ends from every complex start (that is not NaN) of every point, after plain iterations; NaN if not in a
    stable state that breaks time reversal."""
    ended = np.full_like(starts, np.nan)
    present = np.isfinite(starts).all(axis=2)
    if present.any():
        point, slot = np.nonzero(present)
        plain = np.broadcast_to(iterations, starts.shape[1])[slot]
        found = in_chunks(partial(_broken_roots, plane), BROKEN_CHUNK, x[point], y[point], starts[present], plain)
        stable = found.good & (negative_of_each(found.M) == 0)
        ended[present] = np.where(stable[:, None], found.Delta, np.nan)
    return ended


def _search_broken(
    plane: Section, xs: np.ndarray, ys: np.ndarray, found: np.ndarray, points: np.ndarray, softened: Any, groups: Any
) -> None:
    """Search at `points` ([row, column]) from the real states `softened`, displaced, else from complex starts; what is found
    enters `found`."""
    row, column = np.nonzero(points)
    if not len(row):
        return
    x, y = xs[column], ys[row]
    if softened is None:
        shapes = complex_starts(plane.at(float(x[len(x) // 2]), float(y[len(y) // 2]))[0])
        starts = np.broadcast_to(shapes, (len(row), *shapes.shape))
        new = broken_states_from(plane, x, y, starts, np.zeros(len(shapes), int))
    else:
        new = broken_states_from(plane, x, y, *displaced_starts(plane, x, y, softened[points]))
    found[points] = different_states(np.concatenate([found[points], new], axis=1), groups, found.shape[2])


def displaced_starts(plane: Any, x: np.ndarray, y: np.ndarray, softened: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(complex starts, [point, start, channel]; plain iterations before each): the real states `softened` of every point
    (NaN: none) displaced along their unstable phases, as they are and after iterations."""
    direct = _displaced(plane, x, y, softened)
    return np.concatenate([direct, direct], axis=1), np.repeat([0, ITERATIONS], direct.shape[1])


@program
def _phase_blocks(plane: Any, x: Any, y: Any, Delta: Float[Array, "state channel"]) -> Float[Array, "state n n"]:
    return jax.vmap(lambda x, y, D: phase_block(*_state_at(plane, x, y, D), SEARCH_RULE))(x, y, Delta)


def _state_at(plane: Any, x: Any, y: Any, Delta: Any) -> tuple[Any, Any, Any]:
    sc, T = plane.at(x, y)
    return sc, Delta, T


def _displaced(plane: Any, x: np.ndarray, y: np.ndarray, states: np.ndarray) -> np.ndarray:
    """The real states of every point, displaced along their unstable phases: [point, start, channel], filled up with NaN."""
    rows: list[list[np.ndarray]] = [[] for _ in x]
    point, slot = np.nonzero(np.isfinite(states).all(axis=2))
    if len(point):
        D = states[point, slot]
        blocks = in_chunks(partial(_phase_blocks, plane), BROKEN_CHUNK, x[point], y[point], D)
        for k, state, block in zip(point, D, blocks, strict=True):
            rows[k] += list(displaced(state, block))
    starts = np.full((len(x), max(1, *map(len, rows)), states.shape[2]), np.nan, complex)
    for i, row in enumerate(rows):
        starts[i, : len(row)] = np.reshape(row, (-1, states.shape[2]))
    return starts
