r"""A branch followed in temperature.

Steps in T, each predicted by the secant and corrected by Newton, refused where the correction is not small, or where the
branch is not found half way: a step over the end of a branch, or on to another one, does not pass for a solution.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.critical import instability
from jaxgap.labels import has_signs
from jaxgap.newton import Root, norm
from jaxgap.pairing import gap_residual
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.superconductor import Superconductor
from jaxgap.unknowns import search_root, vanishing

__all__ = ["Track", "follow", "follow_from_zero", "follow_from_T_c", "starting_amplitudes"]


class Track(NamedTuple):
    """Where following a branch in temperature ended."""

    T: Float[Array, ""]
    """How far the branch was followed [K]."""
    Delta: Float[Array, "channel"]
    """Its amplitudes there [meV]."""
    began: Bool[Array, ""]
    """Whether a start led to the branch at all."""
    arrived: Bool[Array, ""]
    """Whether it reached the goal: False if the branch ended, or could not be followed, before."""
    root: Root
    """The root found at the goal: on the branch if `arrived`, else wherever Newton went from the last point."""


class _Walk(NamedTuple):
    T: Float[Array, ""]
    Delta: Float[Array, "channel"]
    slope: Float[Array, "channel"]
    h: Float[Array, ""]
    tried: Int[Array, ""]
    began: Bool[Array, ""]
    checking: Bool[Array, ""]
    """Whether a step is found good at its end, and now to be checked half way."""
    root: Root
    """The root at the end of the last step tried."""
    steps: Int[Array, ""]
    done: Bool[Array, ""]


CORRECTION = 0.15
"""Largest correction of a predicted |Delta| that still counts as the same branch."""
HALF_WAY = 0.02
"""Largest distance, in units of |Delta|, of the branch half way of a step from the mean of its ends. (In ba122 with lambda_13 =
.0192 and Omega = 37.878 meV, steps that jump between its four states are 4 % off and more.)"""


def follow(
    sc: Superconductor,
    starts: Float[Array, "start channel"],
    T: Float[Array, ""],
    goal: Float[Array, ""],
    pattern: Float[Array, "band"] | None = None,
    rule: Rule = DEFAULT_RULE,
    resolution: float = 1e-4,
) -> Track:
    """Find a real solution at T from the first of `starts` that leads to one, and follow it to the temperature `goal` [K].

    With `pattern`, the band amplitudes must have and keep those signs. The first step tried is the whole way. A step is
    refused, and tried again at a quarter of its length, if Newton fails, if it corrects the (secant) prediction by more
    than 15 %, if a sign changes, or if half way Newton, from the mean of both ends, does the same or goes further than 2 %
    (steps that change the amplitudes by less need no such check). When steps fall below `resolution` [K] the branch has
    ended, and Newton jumps to the goal, from amplitudes of equal sign, to report what is there.
    """
    n_starts = len(starts)

    def step(s: _Walk) -> _Walk:
        jump = jnp.abs(s.h) <= resolution
        last = jump | (jnp.abs(goal - s.T) <= jnp.abs(s.h))
        T = jnp.where(s.began, jnp.where(last, goal, s.T + s.h), s.T)
        predicted = jnp.where(jump, jnp.abs(starts[0]), s.Delta + s.slope * (T - s.T))
        predicted = jnp.where(s.began, predicted, starts[jnp.minimum(s.tried, n_starts - 1)])

        # === solve, at the end of the step or half way
        T_here = jnp.where(s.checking, (s.T + T) / 2, T)
        predicted = jnp.where(s.checking, (s.Delta + s.root.x) / 2, predicted)
        found = search_root(sc, T_here, predicted, rule, max_steps=16)
        size = norm(s.Delta)
        good = (
            found.converged
            & (norm(found.x) > vanishing(sc, T_here))
            & (~s.began | (norm(found.x - predicted) <= jnp.where(s.checking, HALF_WAY, CORRECTION) * size))
        )
        if pattern is not None:
            good &= has_signs(sc, found.x, pattern)

        # === judge and move
        root = jax.tree.map(lambda end, now: jnp.where(s.checking, end, now), s.root, found)
        checking = good & s.began & ~jump & ~s.checking & (norm(root.x - s.Delta) > HALF_WAY * size)
        moved = good & ~jump & ~checking
        dT = jnp.where(T == s.T, jnp.inf, T - s.T)
        tried = s.tried + ~(s.began | good)
        return _Walk(
            T=jnp.where(moved, T, s.T),
            Delta=jnp.where(moved, root.x, s.Delta),
            slope=jnp.where(moved, (root.x - s.Delta) / dT, s.slope),
            h=s.h * jnp.where(s.began & ~checking, jnp.where(moved, 2.0, 0.25), 1.0),
            tried=tried,
            began=s.began | good,
            checking=checking,
            root=root,
            steps=s.steps + found.steps,
            done=jump | (moved & (goal == T)) | (tried == n_starts),
        )

    zero, no = jnp.zeros((), int), jnp.array(False)
    nothing = Root(starts[0], jnp.asarray(jnp.inf), jnp.eye(starts.shape[1]), no, zero)
    # Where the way is shorter than the resolution, the step must not look like the last jump.
    h = jnp.where(goal == T, 1.0, jnp.sign(goal - T) * jnp.maximum(jnp.abs(goal - T), 2 * resolution))
    start = _Walk(T, starts[0], 0 * starts[0], h, zero, no, no, nothing, zero, no)
    end = jax.lax.while_loop(lambda s: ~s.done, step, start)
    arrived = end.began & end.root.converged & (goal == end.T) & (jnp.abs(end.h) > resolution)
    return Track(end.T, end.Delta, end.began, arrived, end.root._replace(steps=end.steps))


def starting_amplitudes(sc: Superconductor, pattern: Float[Array, "band"]) -> Float[Array, "start channel"]:
    """Amplitudes from which to look for a branch at T = 0 [meV]: those of decoupled channels, Omega / sinh(1/lambda_cc), with
    the signs of `pattern`, at three sizes, and with a weaker cross amplitude of either sign."""
    n, n_bands = len(sc.channels), len(sc.bands)
    size = sc.Omega / jnp.sinh(1 / jnp.clip(jnp.diag(sc.lam), 0.1, 2.0))
    signs = jnp.concatenate([pattern, jnp.ones(n - n_bands)])
    scales = [(bands, cross) for cross in (0.2, -0.2) for bands in (1.0, 0.6, 1.5)]
    return jnp.stack([size * signs * jnp.array([b] * n_bands + [c] * (n - n_bands)) for b, c in scales])


def follow_from_zero(
    sc: Superconductor,
    T: Float[Array, ""],
    pattern: Float[Array, "band"],
    rule: Rule = DEFAULT_RULE,
    resolution: float = 1e-4,
) -> Track:
    """The branch whose band amplitudes have the signs of `pattern`: found at T = 0, followed up to T [K]."""
    return follow(sc, starting_amplitudes(sc, pattern), jnp.zeros(()), T, pattern, rule, resolution)


CLOSE = 0.9
"""Share of T_c at which the branch connected to T_c is picked up."""


def follow_from_T_c(sc: Superconductor, T: Float[Array, ""], rule: Rule) -> Track:
    """The branch connected to T_c, followed down to T: picked up at max(T, 0.9 T_c) along the unstable direction v.

    The amplitude a there solves v . r(a v) = 0, which is negative for small a below T_c and positive for large a.
    """
    T_c, v = instability(sc)
    T_0 = jnp.maximum(T, CLOSE * T_c)

    def bisect(_: Any, bracket: Any) -> Any:
        lo, hi = bracket
        middle = (lo + hi) / 2
        inside = v @ gap_residual(sc, jnp.exp(middle) * v, T_0, rule) < 0
        return jnp.where(inside, middle, lo), jnp.where(inside, hi, middle)

    bounds = jnp.log(vanishing(sc, T_0)), jnp.log(100 * sc.Omega)
    a = jnp.exp(jax.lax.fori_loop(0, 30, bisect, bounds)[0])
    superconducting = T_c > T
    track = follow(sc, (jnp.where(superconducting, a, 0.0) * v)[None], T_0, T, rule=rule)
    return track._replace(arrived=track.arrived | ~superconducting)
