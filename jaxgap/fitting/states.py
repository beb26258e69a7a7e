r"""Which solutions of the gap equations a fit may take: THE predicate of every fit, profile, bootstrap and posterior.

A sample shows a stable state. So a state counts if it solves the gap equations, its bands have the signs of the branch, and no
direction of M = dr/dDelta is unstable: none in amplitude and, where g is symmetric, none in phase. (Where g is not symmetric,
whether phases are stable depends on relaxation rates, and does not count.) With `system.stability = "any"` in fit.toml every
state with the signs may be the optimum; from there on only those of as many unstable directions count.

Signs are no identity: of a branch is what is continuous with a state of the same signs and stability at T = 0. At every
temperature of the data that is found out by following the state down.
"""

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap._compilation import program
from jaxgap.characteristic import count_negative
from jaxgap.curvature import residual_and_matrix
from jaxgap.fitting.problem import Parameters, Problem, at_conditions
from jaxgap.following import follow
from jaxgap.labels import has_signs
from jaxgap.newton import Root
from jaxgap.stability import negative_of_each, phase_block, real_blocks
from jaxgap.superconductor import Superconductor
from jaxgap.unknowns import newton_amplitudes

__all__ = ["ANY_STABILITY", "Counts", "Found", "continuous", "counts", "of_stability", "states_near", "unstable_directions"]

ANY_STABILITY = -1
"""Instead of a number of unstable directions: whatever it is."""
SAME = 1e-6
"""Two states are one if their amplitudes differ by less than 1e-6 of their size."""

Amplitudes = Float[Array, "condition channel"]


class Found(NamedTuple):
    """Where Newton has ended, at every condition."""

    root: Root
    solves: Bool[Array, "condition"]
    """Whether that is a solution with the signs of the branch."""
    unstable: Int[Array, "condition"]
    """Its unstable directions, of those that count."""
    allowed: Bool[Array, "condition"]
    """Whether the fit may take it."""


def states_near(p: Problem, theta: Parameters, near: Amplitudes, max_steps: int = 30) -> Found:
    """Where Newton ends from `near` at every condition, and what that is."""

    def one(sc: Superconductor, T: Any, Delta: Any) -> tuple[Root, Any]:
        root = newton_amplitudes(sc, T, Delta, max_steps)
        return root, unstable_directions(p, sc, T, root.x, root.jacobian)

    root, unstable = at_conditions(p, theta, one, near)
    solves = root.converged & jax.vmap(lambda D: has_signs(D, p.pattern))(root.x)
    return Found(root, solves, unstable, solves & ((p.unstable < 0) | (unstable == p.unstable)))


def unstable_directions(p: Problem, sc: Superconductor, T: Any, Delta: Float[Array, "channel"], M: Any) -> Int[Array, ""]:
    """Unstable directions of a real solution that count: of its amplitudes, and of its phases where g is symmetric."""
    amplitude = count_negative(M)
    return amplitude + count_negative(phase_block(sc, Delta, T)) if p.phases else amplitude


def of_stability(p: Problem, unstable: int) -> Problem:
    """The same fit over states with so many unstable directions (`ANY_STABILITY`: any number)."""
    return replace(p, unstable=jnp.asarray(unstable))


class Counts(NamedTuple):
    """Unstable directions of a state, the most over the conditions of the data."""

    amplitude: int
    phase: int
    """For equal relaxation rates."""


def counts(p: Problem, theta: np.ndarray, Delta: np.ndarray) -> Counts:
    """The unstable directions of solutions `Delta` [meV]."""
    if not len(Delta):
        return Counts(0, 0)
    blocks = _blocks(p, theta, Delta)
    return Counts(*(int(np.max(negative_of_each(block))) for block in blocks))


@program
def _blocks(p: Problem, theta: Any, Delta: Any) -> Any:
    return at_conditions(p, theta, lambda sc, T, D: real_blocks(sc, D, T), Delta)


def continuous(p: Problem, theta: np.ndarray, Delta: np.ndarray) -> bool:
    """Whether the solutions `Delta` [meV] of every sample are one branch, continuous with a state of the same signs and
    stability at T = 0."""
    if not np.any(np.asarray(p.T) > 0):
        return True
    ends, arrived = (np.asarray(part) for part in _at_zero(p, theta, Delta))
    return bool(arrived.all()) and all(_one(ends[np.array(p.sample) == i]) for i in set(p.sample))


def _one(states: np.ndarray) -> bool:
    """Whether rows of amplitudes are one state; its sign is free."""
    first = states[0]
    apart = np.minimum(np.linalg.norm(states - first, axis=1), np.linalg.norm(states + first, axis=1))
    return bool(np.all(apart <= SAME * np.linalg.norm(first)))


@program
def _at_zero(p: Problem, theta: Any, Delta: Any) -> Any:
    """(amplitudes at T = 0 of the state at every condition, whether it was followed there without a change of stability)."""

    def one(sc: Superconductor, T: Any, D: Any) -> Any:
        zero = jnp.zeros(())
        track = follow(sc, D[None], T, zero, p.pattern)
        end = track.root
        M = residual_and_matrix(sc, D, T)[1]
        there = unstable_directions(p, sc, zero, end.x, end.jacobian)
        return end.x, track.arrived & (there == unstable_directions(p, sc, T, D, M))

    return at_conditions(p, theta, one, Delta)
