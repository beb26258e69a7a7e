"""First-order transitions: where two branches of a path have equal free energies."""

import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgap.continuation.arclength import LONGEST_STEP
from jaxgap.continuation.bifurcations import Bifurcation, locate_crossing
from jaxgap.continuation.branches import Branch
from jaxgap.model.family import Path
from jaxgap.solving.stability import negative_of_each, real_blocks

__all__ = ["crossings"]


def crossings(found: tuple[Branch, ...], stable: bool = True) -> tuple[Bifurcation, ...]:
    """Where two real branches have equal free energies (first-order transitions), and where one equals the normal state.

    Args:
        found: branches of one path.
        stable: only crossings at which both states are stable (phases: for equal relaxation rates).
    """
    pieces = [piece for branch in found if branch.is_real for piece in _monotonic(branch)]
    events = []
    for k, a in enumerate(pieces):
        for b in [*pieces[k + 1 :], None]:
            events += _crossings_of(a, b)
    return tuple(event for event in events if not stable or _both_stable(event))


def _both_stable(event: Bifurcation) -> bool:
    """Whether both states of a crossing are stable."""
    sc, T = event.path.at(event.p)
    blocks = [block for Delta in (event.Delta, event.direction) for block in real_blocks(sc, Delta, T)]
    return not negative_of_each(np.stack(blocks)).any()


class _Piece(NamedTuple):
    path: Path
    p: np.ndarray
    Delta: np.ndarray
    F: np.ndarray


def _monotonic(branch: Branch) -> list[_Piece]:
    """Pieces of a branch between its turning points, each with increasing p."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(branch.p)))) + 1
    F, pieces = branch.free_energy, []
    for start, stop in itertools.pairwise([0, *turns, len(branch.p) - 1]):
        index = np.arange(start, stop + 1)
        index = index if branch.p[stop] > branch.p[start] else index[::-1]
        pieces.append(_Piece(branch.path, branch.p[index], branch.Delta[index], F[index]))
    return pieces


def _crossings_of(a: _Piece, b: _Piece | None) -> list[Bifurcation]:
    """Crossings of the free energies of two pieces, or of one with the normal state's."""
    p = np.unique(np.concatenate([a.p, b.p if b is not None else []]))
    lo, hi = (a.p[0], a.p[-1]) if b is None else (max(a.p[0], b.p[0]), min(a.p[-1], b.p[-1]))
    p = p[(p >= lo) & (p <= hi)]
    if len(p) < 2:
        return []
    difference = np.interp(p, a.p, a.F) - (np.interp(p, b.p, b.F) if b is not None else 0.0)
    found = []
    for i in np.flatnonzero(difference[:-1] * difference[1:] < 0):
        middle = p[i] + (p[i + 1] - p[i]) * difference[i] / (difference[i] - difference[i + 1])
        state, other = (_interpolated(piece, middle, a.Delta.shape[1]) for piece in (a, b))
        event = locate_crossing(a.path, jnp.asarray(state), jnp.asarray(other), jnp.asarray(middle))
        if bool(event.converged) and abs(float(event.p) - middle) <= 2 * LONGEST_STEP:
            found.append(event)
    return found


def _interpolated(piece: _Piece | None, p: float, n: int) -> np.ndarray:
    if piece is None:
        return np.zeros(n)
    return np.array([np.interp(p, piece.p, column) for column in piece.Delta.T])
