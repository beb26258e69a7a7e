"""All states at many points, each searched from its own starts alone: the result is the same in whatever blocks they are cut.

All real states are kept, and of those that break time reversal the stable ones: an unstable one is neither ground state nor
metastable. (A phase diagram, `jaxgap.phases.sweep`, carries states from point to point instead.)
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float

from jaxgap.equations.linear import normal_matrix
from jaxgap.model.family import Family
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.programs import program
from jaxgap.solving.stability import negative_of_each
from jaxgap.spectra.minima import excesses
from jaxgap.states.identity import different_states
from jaxgap.states.judging import States, in_order, joined, judged
from jaxgap.states.ranking import NORMAL_GROUND, ground_index
from jaxgap.states.search import AT_MANY_POINTS, Places, real_states, stable_broken_beside, stable_broken_states
from jaxgap.states.starts import starts_of

__all__ = ["BROKEN_SLOTS", "MOST", "Found", "Systems", "ground_states", "search", "systems_on"]

REAL_SLOTS, BROKEN_SLOTS = 8, 2
"""Real states, and stable states that break time reversal, of a point that are kept."""
MOST = REAL_SLOTS + BROKEN_SLOTS


class Found(NamedTuple):
    """States of every point, ranked. The normal state is not among them: its free energy is zero."""

    states: States
    normal_stable: Bool[np.ndarray, "point"]


def search(at: Places) -> Found:
    """All states found at every point."""
    systems, normal_stable, symmetric = systems_on(at)
    starts, judge = starts_of(systems), partial(judged, linked=excesses(systems))
    real = judge(at, real_states(at, starts, AT_MANY_POINTS, REAL_SLOTS), block=AT_MANY_POINTS.block)

    # === beside real states that are soft in their phases alone, and from complex starts where nothing else is stable
    broken = np.full((len(at.rows), BROKEN_SLOTS, real.Delta.shape[2]), np.nan, complex)
    beside = symmetric & real.softened.any(axis=1)
    if beside.any():
        soft = np.where(real.softened[..., None], real.Delta, np.nan)[beside]
        found = stable_broken_beside(at.some(beside), soft, AT_MANY_POINTS)
        broken[beside] = different_states(found, at.groups, BROKEN_SLOTS)
    left = symmetric & ~normal_stable & ~real.stable.any(axis=1) & np.isnan(broken[:, 0, 0])
    if left.any():
        found = stable_broken_states(at.some(left), starts.broken[left], AT_MANY_POINTS)
        broken[left] = different_states(found, at.groups, BROKEN_SLOTS)
    states = joined(real, judge(at, broken, block=AT_MANY_POINTS.broken_block))
    return Found(in_order(states), normal_stable)


def ground_states(found: Found) -> Complex[np.ndarray, "point channel"]:
    """Amplitudes of the ground state of every point; zero for the normal state, NaN where no stable state was found."""
    index = ground_index(found.states.free_energy, found.states.stable, found.normal_stable)
    Delta = np.take_along_axis(found.states.Delta, np.maximum(index, 0)[:, None, None], axis=1)[:, 0]
    instead = np.where(index == NORMAL_GROUND, 0.0, np.nan)
    return np.where((index >= 0)[:, None], Delta, instead[:, None])


class Systems(NamedTuple):
    """The systems at points."""

    systems: Superconductor
    """A batch."""
    normal_stable: Bool[np.ndarray, "point"]
    """Whether the normal state is stable: no eigenvalue of lambda K(T) is above 1."""
    symmetric: Bool[np.ndarray, "point"]
    """Whether g is symmetric."""


def systems_on(at: Places) -> Systems:
    """The systems at all points."""
    systems, M, symmetric = in_chunks(partial(_systems, at.family), AT_MANY_POINTS.block, at.rows)
    return Systems(systems, negative_of_each(M) == 0, symmetric)


@program
def _systems(
    family: Family, rows: Float[Array, "point coordinate"]
) -> tuple[Superconductor, Float[Array, "point channel channel"], Bool[Array, "point"]]:
    def one(row: Float[Array, "coordinate"]) -> tuple[Superconductor, Float[Array, "channel channel"], Bool[Array, ""]]:
        sc, T = family.at(*row)
        return sc, normal_matrix(sc, T), jnp.asarray(sc.has_free_energy)

    return jax.vmap(one)(rows)
