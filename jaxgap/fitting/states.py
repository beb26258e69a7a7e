r"""Which solutions of the gap equations a fit may take: THE predicate of every fit, profile, bootstrap and posterior.

A sample shows a stable state. So a state counts if it solves the gap equations, its bands have the signs of the branch, and no
direction of M = dr/dDelta is unstable: none in amplitude and, where g is symmetric, none in phase. (Where g is not symmetric,
whether phases are stable depends on relaxation rates, and does not count.) With `system.stability = "any"` in fit.toml every
state with the signs may be the optimum; from there on only those of as many unstable directions count.

Signs are no identity: of a branch is what is continuous with a state of the same signs and stability at T = 0. At every
temperature of the data that is found out by following the state down.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import newton_amplitudes, vanishing
from jaxgap.fitting.filling import filled_at, right_density
from jaxgap.fitting.normal import first_pairs, only_with_pairs, paired
from jaxgap.fitting.problem import Parameters, Problem, at_conditions
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import count_negative
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.newton import Root, norm
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray, Scalar
from jaxgap.solving.following import follow
from jaxgap.solving.labels import has_signs
from jaxgap.solving.stability import negative_of_each, phase_block, real_blocks

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


Attempt = tuple[Int[Array, ""], Amplitudes, Found, Bool[Array, ""]]
"""Number, starts, what has been found, whether some start once more."""


def states_near(p: Problem, theta: Parameters, near: Amplitudes, max_steps: int = 30) -> Found:
    """Where Newton ends from `near` at every condition, and what that is.

    Beyond T_c it is the normal state (`fitting.normal`), unless the data there have no value in it. Where Newton has come to
    zero although the normal state is not stable, since it started from amplitudes of another T_c, it starts once more from
    those of the pairs that form first.
    """

    def one(
        sc: Superconductor, T: Scalar, Delta: Float[Array, "channel"]
    ) -> tuple[Root, Int[Array, ""], Bool[Array, ""], Bool[Array, ""]]:
        root = newton_amplitudes(sc, T, Delta, max_steps)
        vanished = norm(root.x) <= vanishing(sc, T)
        return root, unstable_directions(p, sc, T, root.x, root.jacobian), vanished, has_signs(sc, root.x, p.pattern)

    def attempt(state: Attempt) -> Attempt:
        i, start, kept, _ = state
        root, unstable, vanished, signed = at_conditions(p, theta, one, start)
        solves = root.converged & ~vanished & signed & right_density(p, theta, root.x)
        neither = jnp.zeros(len(p.T), bool), jnp.zeros_like(near)
        stable, first = jax.lax.cond(solves.all(), lambda: neither, lambda: at_conditions(p, theta, first_pairs))
        normal, possible = ~solves & stable, ~jnp.asarray(only_with_pairs(p))
        root = root._replace(x=jnp.where(normal[:, None], 0.0, root.x))
        allowed = jnp.where(normal, possible, solves & ((p.unstable < 0) | (unstable == p.unstable)))
        found = Found(root, jnp.where(normal, possible, solves), jnp.where(normal, 0, unstable), allowed)
        # Conditions at which there is a state already stay as they are.
        kept = jax.tree.map(lambda a, b: jnp.where(kept.solves.reshape(-1, *[1] * (a.ndim - 1)), a, b), kept, found)
        again = vanished & ~stable & ~kept.solves
        return i + 1, jnp.where(again[:, None], first, near), kept, again.any()

    (n, channels), no = near.shape, jnp.zeros(len(p.T), bool)
    empty = Root(jnp.zeros_like(near), jnp.zeros(n), jnp.zeros((n, channels, channels)), no, jnp.zeros(n, int))
    nothing = Found(empty, no, jnp.zeros(n, int), no)
    begin = jnp.zeros((), int), near, nothing, jnp.array(True)
    return jax.lax.while_loop(lambda state: (state[0] < 2) & state[3], attempt, begin)[2]


def unstable_directions(
    p: Problem, sc: Superconductor, T: Scalar, Delta: Float[Array, "channel"], M: Float[Array, "n n"]
) -> Int[Array, ""]:
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
    blocks = _blocks(filled_at(p, theta), theta, Delta)
    return Counts(*(int(np.max(negative_of_each(block))) for block in blocks))


@program
def _blocks(
    p: Problem, theta: Float[AnyArray, "parameter"], Delta: Float[AnyArray, "condition channel"]
) -> tuple[Float[Array, "condition n n"], Float[Array, "condition n n"]]:
    return at_conditions(p, jnp.asarray(theta), lambda sc, T, D: real_blocks(sc, D, T), jnp.asarray(Delta))


def continuous(p: Problem, theta: np.ndarray, Delta: np.ndarray) -> bool:
    """Whether the solutions `Delta` [meV] of every sample are one branch, continuous with a state of the same signs and
    stability at T = 0: each with the next colder one, and the coldest with that."""
    if not np.any(np.asarray(p.T) > 0):
        return True
    colder, goal = _goals(p, Delta)
    ends, arrived = (np.asarray(part) for part in _followed_to(filled_at(p, theta), theta, Delta, goal))
    return _met(Delta, colder, ends, arrived)


def continuous_of_each(p: Problem, theta: np.ndarray, Delta: np.ndarray, size: int) -> np.ndarray:
    """`continuous` of every row, so many in one call of the program."""
    if not np.any(np.asarray(p.T) > 0) or not len(theta):
        return np.ones(len(theta), bool)
    aims = [_goals(p, one) for one in Delta]
    followed = in_chunks(partial(_each_followed_to, p), size, theta, Delta, np.stack([goal for _, goal in aims]))
    found = zip(Delta, (colder for colder, _ in aims), *followed, strict=True)
    return np.array([_met(*one) for one in found])


def _goals(p: Problem, Delta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the next colder condition, the temperature to which the state is followed) of every condition."""
    # At a density it is so at the mu of every temperature by itself.
    colder = _next_colder(p, paired(Delta)) if p.systems[0].density is None else np.full(len(p.T), -1)
    return colder, np.where(colder >= 0, np.asarray(p.T)[colder], 0.0)


def _met(Delta: np.ndarray, colder: np.ndarray, ends: np.ndarray, arrived: np.ndarray) -> bool:
    """Whether every state with pairs has been followed to its goal, and has met the one that is there."""
    met = (colder < 0) | _alike(ends, Delta[colder])
    return bool((arrived & met)[paired(Delta)].all())


def _next_colder(p: Problem, among: np.ndarray) -> np.ndarray:
    """The next colder condition of the same sample among those, by condition; -1: none."""
    colder, sample = np.full(len(among), -1), np.array(p.sample, int)
    for i in set(p.sample):
        own = np.flatnonzero(among & (sample == i))
        own = own[np.argsort(np.asarray(p.T)[own], kind="stable")]
        colder[own[1:]] = own[:-1]
    return colder


def _alike(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether rows of amplitudes are the same states; their signs are free."""
    apart = np.minimum(np.linalg.norm(some - others, axis=1), np.linalg.norm(some + others, axis=1))
    return np.asarray(apart <= SAME * np.linalg.norm(others, axis=1))


@program
def _followed_to(
    p: Problem,
    theta: Float[AnyArray, "parameter"],
    Delta: Float[AnyArray, "condition channel"],
    goal: Float[AnyArray, "condition"],
) -> tuple[Amplitudes, Bool[Array, "condition"]]:
    """(amplitudes at the temperature `goal` [K] of the state at every condition, whether it was followed there without a change
    of stability)."""

    def one(
        sc: Superconductor, T: Scalar, D: Float[Array, "channel"], goal: Scalar
    ) -> tuple[Float[Array, "channel"], Bool[Array, ""]]:
        track = follow(sc, D[None], T, goal, p.pattern)
        end = track.root
        M = residual_and_matrix(sc, D, T)[1]
        there = unstable_directions(p, sc, goal, end.x, end.jacobian)
        return end.x, track.arrived & (there == unstable_directions(p, sc, T, D, M))

    return at_conditions(p, jnp.asarray(theta), one, jnp.asarray(Delta), jnp.asarray(goal))


@program
def _each_followed_to(
    p: Problem,
    theta: Float[Array, "row parameter"],
    Delta: Float[Array, "row condition channel"],
    goal: Float[Array, "row condition"],
) -> tuple[Float[Array, "row condition channel"], Bool[Array, "row condition"]]:
    return jax.vmap(lambda t, D, to: _followed_to(filled_at(p, t), t, D, to))(theta, Delta, goal)
