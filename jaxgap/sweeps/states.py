"""All states at many points, each on its own: the search of a phase diagram (`jaxgap.phase_sweep`) without its neighbours.

A phase diagram carries states from point to point, so that what it finds at one depends on the others. Here every point is
searched from its own starts alone: the result is the same in whatever blocks a sweep is cut. As there, all real states are
kept, and of those that break time reversal the stable ones.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Int

from jaxgap._chunks import in_chunks
from jaxgap._compilation import program
from jaxgap.phase_diagram import CHUNK, judged_states, linear_map
from jaxgap.phase_sweep import BROKEN_SLOTS, SLOTS, broken_states_from, different_states, displaced_starts, real_states_from
from jaxgap.search import complex_starts, real_starts
from jaxgap.stability import negative_of_each
from jaxgap.sweeps.grid import Place

__all__ = ["Found", "MOST", "search", "ground_states"]

MOST = SLOTS + BROKEN_SLOTS
"""States of a point that are kept."""


class Found(NamedTuple):
    """States of every point, by rising free energy (if g is not symmetric: by falling size); NaN and -1 where there are fewer.

    The normal state is not among them: its free energy is zero."""

    Delta: Complex[np.ndarray, "point state channel"]
    free_energy: Float[np.ndarray, "point state"]
    unstable_amplitude: Int[np.ndarray, "point state"]
    unstable_phase: Int[np.ndarray, "point state"]
    normal_stable: Bool[np.ndarray, "point"]

    @property
    def stable(self) -> Bool[np.ndarray, "point state"]:
        """Whether no direction is unstable (phases: for equal relaxation rates)."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase == 0)


def search(place: Place, rows: Float[np.ndarray, "point axis"], groups: list[np.ndarray]) -> Found:
    """All states found at every point of `rows`; `groups` are the channels that turn together."""
    systems, maps, symmetric = in_chunks(partial(_systems, place), CHUNK, rows)
    normal_stable = negative_of_each(np.eye(maps.shape[-1]) - maps) == 0
    y, none = np.zeros(len(rows)), np.zeros(1)
    states = real_states_from(place, rows, y, *real_starts(systems), groups)
    judged = judged_states(place, rows, none, states[None])[:4]
    Delta, F, amplitude, phase = (field[0] for field in judged)
    real = Found(Delta.astype(complex), F, amplitude, phase, normal_stable)
    return _ranked(_with_broken(place, rows, y, real, symmetric, complex_starts(systems), groups))


@program
def _systems(place: Place, rows: Float[Array, "point axis"]) -> Any:
    """(system, lambda K(T), whether g is symmetric) at every row."""

    def one(row: Any) -> Any:
        sc, T = place.at(row)
        # Leaves that no axis sets are repeated.
        return sc, linear_map(sc, T), jnp.asarray(sc.has_free_energy)

    return jax.vmap(one)(rows)


def _with_broken(
    place: Place, rows: np.ndarray, y: np.ndarray, real: Found, symmetric: np.ndarray, starts: np.ndarray, groups: Any
) -> Found:
    """The real states, and the stable ones that break time reversal: looked for beside real states that are soft in their
    phases alone, and from complex `starts` where nothing else is stable."""
    n, _, c = real.Delta.shape
    soft = (real.unstable_amplitude == 0) & (real.unstable_phase > 0)
    lacking = symmetric & ~real.normal_stable & ~real.stable.any(axis=1)
    beside = symmetric & soft.any(axis=1)
    candidates = np.full((n, BROKEN_SLOTS, c), np.nan, complex)
    if beside.any():
        softened = np.where(soft[..., None], real.Delta.real, np.nan)[beside]
        more, plain = displaced_starts(place, rows[beside], y[beside], softened)
        candidates[beside] = different_states(
            broken_states_from(place, rows[beside], y[beside], more, plain), groups, BROKEN_SLOTS
        )
    left = lacking & np.isnan(candidates[:, 0, 0])
    if left.any():
        candidates[left] = different_states(broken_states_from(place, rows[left], y[left], starts[left]), groups, BROKEN_SLOTS)
    judged = judged_states(place, rows, np.zeros(1), candidates[None], groups)[:4]
    fields = (np.concatenate([one, other[0]], axis=1) for one, other in zip(real[:4], judged, strict=True))
    return Found._make([*fields, real.normal_stable])


def _ranked(found: Found) -> Found:
    """The states of every point by free energy, where there is none by size; those that are not there last."""
    size = np.linalg.norm(found.Delta, axis=2)
    key = np.where(np.isnan(found.free_energy), -size, found.free_energy)
    order = np.argsort(key, axis=1, kind="stable")  # NaN is last.
    fields = (np.take_along_axis(field, order[..., None] if field.ndim > 2 else order, axis=1) for field in found[:4])
    return Found._make([*fields, found.normal_stable])


def ground_states(found: Found) -> Complex[np.ndarray, "point channel"]:
    """Amplitudes of the stable state of lowest free energy (without one: of largest amplitudes); zero for the normal state, NaN
    where no stable state was found."""
    first = np.argmax(found.stable, axis=1)[:, None]
    F = np.take_along_axis(found.free_energy, first, axis=1)[:, 0]
    Delta = np.take_along_axis(found.Delta, first[..., None], axis=1)[:, 0]
    superconducting = found.stable.any(axis=1) & ~(found.normal_stable & (F > 0))
    normal = np.where(found.normal_stable, 0.0, np.nan)[:, None]
    return np.where(superconducting[:, None], Delta, normal)
