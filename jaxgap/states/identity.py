"""When two sets of amplitudes are one state: up to complex conjugation and the free phases of groups of coupled channels."""

import numpy as np
from jaxtyping import Float, Inexact, Int

__all__ = ["SAME", "different_states", "distances", "distinct"]

SAME = 1e-6
"""Two solutions are one if their amplitudes differ by less than 1e-6 of their size: a search finds them to about 1e-8."""


def distances(
    a: Inexact[np.ndarray, "*point a channel"], b: Inexact[np.ndarray, "*point b channel"], groups: list[np.ndarray]
) -> Float[np.ndarray, "*point a b"]:
    """|a - b| of every row of a and every row of b, right to about 1e-8 of their size.

    Over the phases, |a - b e^(i phi)|^2 is |a|^2 + |b|^2 - 2 |a . b*| at best."""
    squared = np.zeros((*a.shape[:-1], b.shape[-2]))
    for group in groups:
        x, y = a[..., group], np.swapaxes(b[..., group], -1, -2)
        size = np.sum(np.abs(x) ** 2, axis=-1)[..., None] + np.sum(np.abs(y) ** 2, axis=-2)[..., None, :]
        squared = squared + size - 2 * np.maximum(np.abs(x @ y), np.abs(x @ np.conj(y)))
    return np.sqrt(np.maximum(squared, 0.0))


def different_states(
    candidates: Inexact[np.ndarray, "point candidate channel"], groups: list[np.ndarray], slots: int | None = None
) -> Inexact[np.ndarray, "point slot channel"]:
    """The different states among the candidates of every point (NaN is none), each time the first; NaN where there are fewer
    than `slots`, or than any point has."""
    first = _first_of_each(candidates, groups, slots)
    states = np.take_along_axis(candidates, np.maximum(first, 0)[..., None], axis=1)
    return np.where(first[..., None] >= 0, states, np.nan)


def distinct(rows: Inexact[np.ndarray, "row channel"], groups: list[np.ndarray]) -> Int[np.ndarray, "state"]:
    """Indices of the rows without repetitions, each time the first."""
    return _first_of_each(rows[None], groups, None)[0]


def _first_of_each(
    candidates: Inexact[np.ndarray, "point candidate channel"], groups: list[np.ndarray], slots: int | None
) -> Int[np.ndarray, "point slot"]:
    """Indices of the different states of every point; -1 where there are fewer."""
    left, points = np.isfinite(candidates).all(axis=2), np.arange(len(candidates))
    found: list[np.ndarray] = []
    while left.any() and (slots is None or len(found) < slots):
        index = np.argmax(left, axis=1)
        state = candidates[points, index]
        found.append(np.where(left[points, index], index, -1))
        left &= ~(distances(state[:, None], candidates, groups)[:, 0] <= SAME * np.linalg.norm(state, axis=1)[:, None])
        left[points, index] = False
    first = np.full((len(points), len(found) if slots is None else slots), -1)
    for slot, index in enumerate(found):
        first[:, slot] = index
    return first
