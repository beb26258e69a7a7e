"""The one order of the states of a point, and the ground state that follows from it.

By rising free energy, and states of one free energy by their number of unstable directions. Where g is not symmetric there is
no free energy, and it is by the number of unstable directions and then by falling size. The ground state is the first that is
stable; the normal state, whose free energy and size are zero, takes its place among the others.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

__all__ = ["NORMAL_GROUND", "NO_GROUND", "ground_index", "ranked"]

NORMAL_GROUND, NO_GROUND = -1, -2
"""Instead of an index: the ground state is the normal state; no stable state was found."""


def ranked(
    free_energy: Float[np.ndarray, "*point state"],
    unstable: Int[np.ndarray, "*point state"],
    size: Float[np.ndarray, "*point state"],
) -> Int[np.ndarray, "*point state"]:
    """Indices in the order of the states; `free_energy` is NaN where there is none, `size` (|Delta|) where there is no state:
    these come last."""
    there, known = np.isfinite(size), np.isfinite(free_energy)
    first = np.where(there, np.where(known, free_energy, unstable), np.inf)
    second = np.where(known, unstable, -size)
    return np.lexsort((np.where(there, second, 0.0), first), axis=-1)


def ground_index(
    free_energy: Float[np.ndarray, "*point state"],
    stable: Bool[np.ndarray, "*point state"],
    normal_stable: Bool[np.ndarray, "*point"],
) -> Int[np.ndarray, "*point"]:
    """Index of the ground state among ranked superconducting states; `NORMAL_GROUND`, or `NO_GROUND` if none is stable."""
    first = np.argmax(stable, axis=-1)
    F = np.take_along_axis(free_energy, first[..., None], axis=-1)[..., 0]
    superconducting = stable.any(axis=-1) & ~(normal_stable & (F > 0))
    return np.where(superconducting, first, np.where(normal_stable, NORMAL_GROUND, NO_GROUND))
