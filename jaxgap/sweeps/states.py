"""All states at many points, each on its own: the search of a phase diagram (`jaxgap.phases.sweep`) without its neighbours.

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

from jaxgap.equations.gap_equations import equations, residuals
from jaxgap.equations.gauge import vanishing
from jaxgap.equations.nodes import lanes
from jaxgap.model.family import Section
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.newton import newton, norm
from jaxgap.numerics.programs import program
from jaxgap.phases.diagram import CHUNK, judged_states, linear_map
from jaxgap.phases.sweep import BROKEN_SLOTS, broken_states_from, different_states, displaced_starts, real_states_from
from jaxgap.solving.many import BLOCK
from jaxgap.solving.stability import negative_of_each
from jaxgap.spectra.quadrature import Rule
from jaxgap.states.search import ITERATIONS, SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE, complex_starts, real_starts

__all__ = ["Found", "MOST", "search", "ground_states"]

REAL_SLOTS = 8
"""Real states of a point that are kept."""
BETWEEN = (0.5, 0.25, 0.75)
"""Where it is looked for more states on the way from one to another: half way alone misses a saddle in some hundred points."""
MOST = REAL_SLOTS + BROKEN_SLOTS
"""States of a point that are kept."""
ROUGH_RULE = Rule(7, 6)
"""Nodes with which most starts arrive, many of them at the same states."""
STAGES = ((ROUGH_RULE, 8), (SEARCH_RULE, 5), (SEARCH_RULE, SEARCH_STEPS))
"""Rules and steps with which starts go on, those that are still on their way gathered anew: a block of them takes as long as
its slowest (nine steps are enough for three starts in four, twelve for nine in ten)."""


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


def search(family: Section, rows: Float[np.ndarray, "point axis"], groups: list[np.ndarray]) -> Found:
    """All states found at every point of `rows`; `groups` are the channels that turn together."""
    systems, maps, symmetric = in_chunks(partial(_systems, family), CHUNK, rows)
    normal_stable = negative_of_each(np.eye(maps.shape[-1]) - maps) == 0
    y, none = np.zeros(len(rows)), np.zeros(1)
    direct, far = real_starts(systems)
    after = _of_each(partial(_iterated, family), rows, far)[0]
    states = real_states_from(partial(_ends, family, rows, groups=groups), direct, after, groups, REAL_SLOTS, BETWEEN)
    judged = judged_states(family, rows, none, states[None])[:4]
    Delta, F, amplitude, phase = (field[0] for field in judged)
    real = Found(Delta.astype(complex), F, amplitude, phase, normal_stable)
    return _ranked(_with_broken(family, rows, y, real, symmetric, complex_starts(systems), groups))


@program
def _systems(family: Section, rows: Float[Array, "point axis"]) -> Any:
    """(system, lambda K(T), whether g is symmetric) at every row."""

    def one(row: Any) -> Any:
        sc, T = family.at(*row)
        # Leaves that no axis sets are repeated.
        return sc, linear_map(sc, T), jnp.asarray(sc.has_free_energy)

    return jax.vmap(one)(rows)


def _ends(family: Section, rows: np.ndarray, starts: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Where Newton ends from every start (that is not NaN) of every point; NaN for what is no state. What arrives with few
    nodes is finished with those of any search, each state once."""
    ends = []
    for rule, steps in STAGES:
        Delta, converged, superconducting = _of_each(partial(_roots, family, rule=rule, steps=steps), rows, starts)
        arrived = np.where((converged & superconducting)[..., None], Delta, np.nan)
        starts = np.where(converged[..., None], np.nan, Delta)
        if rule == SEARCH_RULE:
            ends.append(arrived)
        else:
            starts = np.concatenate([different_states(arrived, groups, 2 * REAL_SLOTS), starts], axis=1)
    return np.concatenate(ends, axis=1)


def _of_each(program_: Any, rows: np.ndarray, starts: np.ndarray) -> list[np.ndarray]:
    """A program's results for every start of every point that is not NaN; NaN, or False, for the others."""
    present = np.isfinite(starts).all(axis=2)
    point, _ = np.nonzero(present)
    if not len(point):
        return [np.full_like(starts, np.nan), np.zeros(present.shape, bool), np.zeros(present.shape, bool)]
    out = []
    for values in in_chunks(program_, BLOCK, rows[point], starts[present]):
        spread = np.full(present.shape + values.shape[1:], np.nan if values.dtype == float else False)
        spread[present] = values
        out.append(spread)
    # What is not there has neither converged nor is on its way.
    return [out[0], out[1] | ~present, out[2]] if len(out) > 1 else out


@program
def _roots(
    family: Section, rows: Float[Array, "start axis"], starts: Float[Array, "start channel"], rule: Rule, steps: int
) -> Any:
    """(amplitudes, converged, whether to a superconducting state) of Newton from every start at its own point."""
    search = equations(rule)

    def one(row: Any, D: Any) -> Any:
        sc, T = family.at(*row)
        root = newton(search, D, (sc, T), steps, vanishing(sc, T), SEARCH_STRIDE)
        return root.x, root.converged, norm(root.x) > 2 * vanishing(sc, T)

    return jax.vmap(one)(rows, starts)


@program
def _iterated(family: Section, rows: Float[Array, "start axis"], starts: Float[Array, "start channel"]) -> Any:
    """Every start after a few plain iterations at its own point, as in `states.search.iterated`."""
    # Leaves that no axis sets are repeated.
    sc, T = jax.vmap(lambda row: family.at(*row))(rows)

    def step(_: Any, D: Any) -> Any:
        return D - residuals(D.T, lanes(sc, D, T, ROUGH_RULE)).T

    return (jax.lax.fori_loop(0, ITERATIONS, step, starts),)


def _with_broken(
    family: Section, rows: np.ndarray, y: np.ndarray, real: Found, symmetric: np.ndarray, starts: np.ndarray, groups: Any
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
        more, plain = displaced_starts(family, rows[beside], y[beside], softened)
        candidates[beside] = different_states(
            broken_states_from(family, rows[beside], y[beside], more, plain), groups, BROKEN_SLOTS
        )
    left = lacking & np.isnan(candidates[:, 0, 0])
    if left.any():
        candidates[left] = different_states(broken_states_from(family, rows[left], y[left], starts[left]), groups, BROKEN_SLOTS)
    judged = judged_states(family, rows, np.zeros(1), candidates[None], groups)[:4]
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
