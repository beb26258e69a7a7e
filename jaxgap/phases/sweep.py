r"""States at all points of a plane: found by a search at some, carried by Newton to the others.

The search (`jaxgap.states.search`) begins anew at some points of some columns. The states are then carried over the plane,
along x and along y, forwards and backwards, so that a state found anywhere reaches every point at which it exists and to which
a row or a column leads.

Real states first, stable or not. Of those that break time reversal (complex ones, in twice as many unknowns) only the stable
ones are kept. They are looked for where a real state is stable in its amplitudes but not in its phases, from starts displaced
along these; from complex starts, at fewer points; and again where no stable state at all is known.
"""

import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact

from jaxgap.equations.groups import coupled_groups
from jaxgap.model.family import Section
from jaxgap.states.identity import different_states
from jaxgap.states.many import BROKEN_SLOTS, systems_on
from jaxgap.states.search import (
    AT_MANY_POINTS,
    CARRIED,
    BrokenStates,
    Places,
    real_ends,
    real_states,
    stable_broken_beside,
    stable_broken_states,
)
from jaxgap.states.starts import starts_of

__all__ = ["Plane", "broken_states_on", "real_states_on"]

SLOTS = 6
"""Real states kept at every point."""
SEARCHED = (12, 24)
"""(columns, rows) at whose crossings the search begins anew, evenly spread."""
SPARSE = 3
"""Complex starts are tried at the crossings of every third of these columns with every third of these rows."""
SEARCHED_AGAIN = 288
"""Most points without any stable state at which the search begins once more, evenly spread among them."""

Carrier = Callable[[Places, np.ndarray], np.ndarray]
"""(points, starts [point, start, channel]) -> where Newton ends, NaN for what is no state."""


class Plane(NamedTuple):
    """The points of a plane, row by row."""

    section: Section
    x: Float[np.ndarray, "column"]
    y: Float[np.ndarray, "row"]

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.y), len(self.x)

    @property
    def points(self) -> Places:
        """All of them; the channels that turn together are those in the middle (an end may be where a coupling vanishes)."""
        middle = self.section.at(*((ends[0] + ends[-1]) / 2 for ends in (self.x, self.y)))[0]
        rows = np.stack(np.meshgrid(self.x, self.y), axis=-1).reshape(-1, 2)
        return Places(self.section, rows, coupled_groups(middle))

    def crossings(self, every: int = 1) -> Bool[np.ndarray, "row column"]:
        """The points at which the search begins anew, or every so many of their rows and columns."""
        columns, rows = (
            np.unique(np.linspace(0, len(line) - 1, most).round().astype(int))[::every]
            for line, most in zip((self.x, self.y), SEARCHED, strict=True)
        )
        chosen = np.zeros(self.shape, bool)
        chosen[np.ix_(rows, columns)] = True
        return chosen


def real_states_on(plane: Plane) -> Float[np.ndarray, "row column slot channel"]:
    """Real states at every point, NaN where there are fewer than `SLOTS`."""
    begin = plane.crossings()
    at = plane.points.some(begin.ravel())
    states = real_states(at, starts_of(systems_on(at).systems), AT_MANY_POINTS, SLOTS)
    found = np.full((*plane.shape, SLOTS, states.shape[2]), np.nan)
    found[begin] = states
    _carry(plane, found, partial(real_ends, effort=CARRIED))
    return found


def broken_states_on(
    plane: Plane, softened: Float[np.ndarray, "row column state channel"], lacking: Bool[np.ndarray, "row column"]
) -> Complex[np.ndarray, "row column slot channel"]:
    """Stable states that break time reversal at every point, NaN where there are fewer than `BROKEN_SLOTS`.

    Args:
        plane: the plane.
        softened: real states that are stable in their amplitudes and not in their phases, else NaN.
        lacking: whether no real state, nor the normal one, is stable.
    """
    points = plane.points
    found = np.full((*plane.shape, BROKEN_SLOTS, softened.shape[3]), np.nan, complex)

    def add(where: Bool[np.ndarray, "row column"], states: BrokenStates) -> None:
        found[where] = different_states(np.concatenate([found[where], states], axis=1), points.groups, BROKEN_SLOTS)

    beside, sparse = plane.crossings(), plane.crossings(SPARSE)
    for _ in range(2):
        add(beside, stable_broken_beside(points.some(beside.ravel()), softened[beside], AT_MANY_POINTS))
        at = points.some(sparse.ravel())
        add(sparse, stable_broken_states(at, starts_of(systems_on(at).systems).broken, AT_MANY_POINTS))
        _carry(plane, found, partial(stable_broken_states, effort=CARRIED))
        # Again, where nothing that is stable has been found or carried.
        left = np.flatnonzero(lacking & np.isnan(found[:, :, 0, 0]))
        if not len(left):
            break
        beside = np.zeros(plane.shape, bool)
        beside.flat[left[np.unique(np.linspace(0, len(left) - 1, SEARCHED_AGAIN).round().astype(int))]] = True
        sparse = beside
    return found


def _carry(plane: Plane, found: Inexact[np.ndarray, "row column slot channel"], newton: Carrier) -> None:
    """Carry the states in `found` to all points that they reach, in place."""
    points = plane.points
    rows = points.rows.reshape(*plane.shape, 2)
    # Views: what is found enters `found`. Along the columns first (few hold anything), along the rows, along all columns.
    for lines, states in ((rows, found), (rows.swapaxes(0, 1), found.swapaxes(0, 1)), (rows, found)):
        for order in (range(len(lines)), range(len(lines) - 1, -1, -1)):
            for before, here in itertools.pairwise(order):
                if np.isfinite(states[before]).any():
                    known = np.concatenate([states[here], newton(points._replace(rows=lines[here]), states[before])], axis=1)
                    states[here] = different_states(known, points.groups, states.shape[2])
