r"""A branch followed in temperature.

Steps in T, each predicted by the secant and corrected by Newton, refused where the correction is not small, or where the
branch is not found half way: a step over the end of a branch, or on to another one, does not pass for a solution. Nor does one
over which the sign of det M changes: along a branch, the number of unstable amplitude directions turns from even to odd only at
folds and branch points.

Cooled below T_c, the branch may come to where a band that is weakly coupled to the others would superconduct on its own. Within
some (lambda_12 / lambda_22)^(2/3) T that band's amplitude then grows from next to nothing, while a state with nothing of it
goes on below, unstable. Where steps have become short and still lead there, the stable state beside it is looked for, along the
unstable direction u of M. (Without any coupling this is a pitchfork; its two sides are one state, up to a free phase.)
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.characteristic import count_negative
from jaxgap.numerics.newton import Root, norm
from jaxgap.solving.critical import instability
from jaxgap.solving.labels import has_signs
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.units import thermal_energy

__all__ = ["Track", "alike", "follow", "follow_from_zero", "follow_from_T_c"]


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
    """What Newton found last: the root at the goal, if `arrived`."""


class _Walk(NamedTuple):
    T: Float[Array, ""]
    Delta: Float[Array, "channel"]
    odd: Bool[Array, ""]
    """Whether the number of unstable amplitude directions is odd."""
    slope: Float[Array, "channel"]
    h: Float[Array, ""]
    tried: Int[Array, ""]
    """Starts that were tried; beside another state, distances from it."""
    spare: Int[Array, ""]
    """The first start that leads to the branch, but to an unstable state of it; -1: none."""
    began: Bool[Array, ""]
    checking: Bool[Array, ""]
    """Whether a step is found good at its end, and now to be checked half way."""
    aside: Bool[Array, ""]
    """Whether a step has led to another state, beside which that of the branch is looked for."""
    root: Root
    """The root at the end of the last step tried."""
    unstable: Int[Array, ""]
    """Its unstable directions in the amplitudes."""
    steps: Int[Array, ""]
    done: Bool[Array, ""]


class _Try(NamedTuple):
    """One call of Newton."""

    T: Float[Array, ""]
    """The end of the step [K]."""
    predicted: Float[Array, "channel"]
    """There [meV]."""
    here: Float[Array, ""]
    """Where Newton is asked [K]: there, or half way."""
    start: Float[Array, "channel"]
    u: Float[Array, "channel"]
    """The direction aside."""


class _Verdict(NamedTuple):
    good: Bool[Array, ""]
    """Whether what was found is on the branch."""
    near: Bool[Array, ""]
    """Whether it would be, but for its unstable directions, or the side of a small amplitude."""
    unstable: Int[Array, ""]
    """Unstable directions in the amplitudes."""


CORRECTION = 0.15
"""Largest correction of a predicted |Delta| that still counts as the same branch."""
HALF_WAY = 0.02
"""Largest distance, in units of |Delta|, of the branch half way of a step from the mean of its ends. (In ba122 with lambda_13 =
.0192 and Omega = 37.878 meV, steps that jump between its four states are 4 % off and more.)"""
SIDE = 0.5
"""Largest change of any channel's amplitude, in units of itself, that is not told by those before it. A band that is weakly
coupled has two states, with either sign; from one to the other is further, however small it is."""
ROUNDING = 1e-13
"""In units of |Delta|: amplitudes below are zero."""
SOFT = 1e-7
"""The same after a search, which ends when |Delta| is good to 1e-8, and a soft direction to less."""
ASIDE = (1.5, 0.4, 0.1, 0.02)
"""Distances from an unstable state, in units of k_B T, from which the stable one beside it is looked for: a band's amplitude is
0.9 k_B T at 0.9 of its own T_c."""
SHORT = 0.01
"""Steps shorter than this share of T may lead aside, and to an amplitude that has just begun to grow."""
SQUARINGS = 14
"""The unstable direction is a column of (|M| - M)^(2^14)."""


def follow(
    sc: Superconductor,
    starts: Float[Array, "start channel"],
    T: Float[Array, ""],
    goal: Float[Array, ""],
    pattern: Float[Array, "band"] | None = None,
    rule: Rule = DEFAULT_RULE,
    resolution: float = 1e-4,
) -> Track:
    """Find a real solution at T from one of `starts`, and follow it to the temperature `goal` [K].

    With `pattern`, the band amplitudes must have and keep those signs, and a state that is stable in its amplitudes is
    preferred, whatever the order of the starts; without, there is one start, and the state must be stable and stay so.
    The first step tried is the whole way. A step is refused, and tried again at a quarter of its length, if Newton fails, if
    it corrects the (secant) prediction by more than 15 %, or one amplitude by more than half (in a short step, to its other
    side), if a sign of `pattern` or that of det M changes, or if half way Newton, from the mean of both ends, does the same
    or goes further than 2 % (steps that change the amplitudes by less need no such check). When steps fall below `resolution`
    [K], or a thousandth of the way, the branch has ended.
    """
    n_starts = len(starts)
    shortest = jnp.minimum(resolution, 1e-3 * jnp.abs(goal - T))

    def attempt(s: _Walk) -> _Try:
        last = jnp.abs(goal - s.T) <= jnp.abs(s.h)
        T = jnp.where(s.began, jnp.where(last, goal, s.T + s.h), s.T)
        first = starts[jnp.where(s.tried < n_starts, s.tried, s.spare)]
        predicted = jnp.where(s.began, s.Delta + s.slope * (T - s.T), first)
        start = jnp.where(s.checking, (s.Delta + s.root.x) / 2, predicted)
        u = 0 * start
        if pattern is None:
            u = _unstable_direction(s.root.jacobian, predicted - s.root.x)
            distance = jnp.array(ASIDE)[jnp.minimum(s.tried, len(ASIDE) - 1)] * thermal_energy(T)
            start = jnp.where(s.aside, s.root.x + distance * u, start)
        return _Try(T, predicted, jnp.where(s.checking, (s.T + T) / 2, T), start, u)

    def judge(s: _Walk, t: _Try, found: Root) -> _Verdict:
        # === is it near what was expected?
        correction = found.x - jnp.where(s.checking, t.start, t.predicted)
        expected = norm(correction) <= jnp.where(s.checking, HALF_WAY, CORRECTION) * norm(s.Delta)
        away = found.x - s.root.x
        along = t.u @ away
        beside = (along > 0) & (norm(away - along * t.u) <= CORRECTION * norm(s.root.x))
        near = found.converged & (norm(found.x) > vanishing(sc, t.here)) & jnp.where(s.aside, beside, ~s.began | expected)
        if pattern is not None:
            near &= has_signs(sc, found.x, pattern)

        # === is it the state that was followed?
        kept = jnp.all((found.x * s.Delta >= 0) | (jnp.abs(found.x) <= SOFT * norm(found.x)))
        on_its_side = alike(correction, found.x, zero=SOFT) | (kept & (jnp.abs(s.h) <= SHORT * s.T))
        on_its_side |= s.aside | ~s.began
        unstable = count_negative(found.jacobian)
        of_its_kind = unstable == 0
        if pattern is not None:
            of_its_kind = jnp.where(s.began, (unstable % 2 == 1) == s.odd, of_its_kind | (s.tried >= n_starts))
        return _Verdict(near & on_its_side & of_its_kind, near, unstable)

    def step(s: _Walk) -> _Walk:
        t = attempt(s)
        found = search_root(sc, t.here, t.start, rule, max_steps=16)
        good, near, count = judge(s, t, found)

        # === aside, from another state; a further one on the way has fewer unstable directions
        entering = near & ~good & ~s.checking & ~s.aside & (~s.began | (jnp.abs(s.h) <= SHORT * s.T))
        further = near & ~good & s.aside & (count < s.unstable)
        again = s.aside & ~good & ~further & (s.tried + 1 < len(ASIDE))
        aside = (entering | further | again) & (pattern is None)

        # === move, check half way, or shorten the step
        kept = s.checking | (s.aside & ~good & ~further)
        root = jax.tree.map(lambda old, new: jnp.where(kept, old, new), s.root, found)
        far = norm(root.x - s.Delta) > HALF_WAY * norm(s.Delta)
        checking = good & s.began & ~s.checking & ~s.aside & far
        moved = good & ~checking
        refused = ~(moved | checking | aside)
        dT = jnp.where(s.began & (t.T != s.T), t.T - s.T, jnp.inf)
        tried = jnp.where(again | (refused & ~s.began), s.tried + 1, jnp.where(s.began | aside, 0, s.tried))
        spare = jnp.where(near & ~good & ~s.began & (s.spare < 0), s.tried, s.spare)
        over = jnp.where(s.began, jnp.abs(s.h) <= shortest, tried >= n_starts + (spare >= 0) * (pattern is not None))
        return _Walk(
            T=jnp.where(moved, t.T, s.T),
            Delta=jnp.where(moved, root.x, s.Delta),
            odd=jnp.where(moved & ~s.began, count % 2 == 1, s.odd),
            slope=jnp.where(moved, (root.x - s.Delta) / dT, s.slope),
            h=s.h * jnp.where(s.began, jnp.where(moved, 2.0, jnp.where(refused, 0.25, 1.0)), 1.0),
            tried=tried,
            spare=spare,
            began=s.began | moved,
            checking=checking,
            aside=aside,
            root=root,
            unstable=jnp.where(kept, s.unstable, count),
            steps=s.steps + found.steps,
            done=(moved & (goal == t.T)) | (refused & over),
        )

    zero, no = jnp.zeros((), int), jnp.array(False)
    nothing = Root(starts[0], jnp.asarray(jnp.inf), jnp.eye(starts.shape[1]), no, zero)
    start = _Walk(T, starts[0], no, 0 * starts[0], goal - T, zero, zero - 1, no, no, no, nothing, zero, zero, no)
    end = jax.lax.while_loop(lambda s: ~s.done, step, start)
    return Track(end.T, end.Delta, end.began, end.began & (goal == end.T), end.root._replace(steps=end.steps))


def alike(
    change: Float[Array, "channel"], x: Float[Array, "channel"], share: float = SIDE, zero: float = ROUNDING
) -> Bool[Array, ""]:
    """Whether no amplitude changes by more than a share of itself: its sign, at least, is then that of the branch. Below
    `zero`, in units of |Delta|, they have none."""
    return (jnp.abs(change) <= share * jnp.abs(x) + zero * norm(x)).all()


def _unstable_direction(M: Float[Array, "n n"], towards: Float[Array, "n"]) -> Float[Array, "n"]:
    """The eigenvector of the lowest eigenvalue of M (norm 1) in the direction of `towards`; if that is orthogonal to it, with
    the largest component positive."""

    def squared(_: Any, power: Any) -> Any:
        power = power / jnp.sqrt(jnp.sum(power**2))
        return power @ power

    power = jax.lax.fori_loop(0, SQUARINGS, squared, jnp.sqrt(jnp.sum(M**2)) * jnp.eye(len(M)) - M)
    longest = jnp.argmax(jnp.sum(power**2, axis=0))
    u = power[:, longest] / norm(power[:, longest])
    side = u @ towards
    return u * jnp.sign(jnp.where(side == 0, u[jnp.argmax(jnp.abs(u))], side))


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

    def inside(log_a: Float[Array, ""]) -> Bool[Array, ""]:
        return v @ gap_residual(sc, jnp.exp(log_a) * v, T_0, rule) < 0

    a = jnp.exp(bisected(inside, jnp.log(vanishing(sc, T_0)), jnp.log(100 * sc.Omega), 30)[0])
    superconducting = T_c > T
    track = follow(sc, (jnp.where(superconducting, a, 0.0) * v)[None], T_0, T, rule=rule)
    return track._replace(arrived=track.arrived | ~superconducting)
