r"""A branch followed in temperature, in one system or in many at once.

Every evaluation is one Newton step of every element, at a temperature of its own. A step in T^2 is predicted by the parabola
through the last three points (`jaxgap.solving.path`) and corrected by Newton; it is refused where the correction is not small,
or where the branch is not found half way: a step over the end of a branch, or on to another one, does not pass for a solution.
Nor does one over which the sign of det M changes: along a branch, the number of unstable amplitude directions turns from even
to odd only at folds and branch points. After a step that is taken, the next is twice as long; one that is refused is tried
again at a quarter of its length.

Cooled below T_c, the branch may come to where a band that is weakly coupled to the others would superconduct on its own. Within
some (lambda_12 / lambda_22)^(2/3) T that band's amplitude then grows from next to nothing, while a state with nothing of it
goes on below, unstable. Where steps have become short and still lead there, the stable state beside it is looked for, along the
unstable direction u of M. (Without any coupling this is a pitchfork; its two sides are one state, up to a free phase.)

`Care` says how much of this is done. For many systems that is little at first (`ROUGH`): points need only be good enough to
tell branches apart, what lies half way is told by the bend of the branch, and an element that meets anything else is left to
who follows it with all care.
"""

from enum import IntEnum
from functools import reduce
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import WithMatrix
from jaxgap.equations.gauge import rounding, vanishing
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import count_negative
from jaxgap.numerics.newton import (
    ROUNDING,
    Ending,
    Root,
    Search,
    Stride,
    advanced,
    ahead,
    alike,
    norm,
    root_of,
    search_from,
)
from jaxgap.numerics.programs import barrier, told
from jaxgap.solving.labels import has_signs
from jaxgap.solving.path import Path, Points, expected, first_point, gap_scale, longer
from jaxgap.units import thermal_energy

__all__ = [
    "CAREFUL",
    "ENOUGH",
    "ROUGH",
    "SIDE",
    "Care",
    "Signs",
    "Walk",
    "arrived",
    "begin",
    "either",
    "evaluated",
    "go_on",
    "going",
    "resumed",
]

CORRECTION = 0.15
"""Largest correction of a predicted |Delta| that still counts as the same branch."""
HALF_WAY = 0.02
"""Largest distance, in units of |Delta|, of the branch half way of a step from the mean of its ends. (In ba122 with lambda_13 =
.0192 and Omega = 37.878 meV, steps that jump between its four states are 4 % off and more.)"""
SIDE = 0.5
"""Largest change of any channel's amplitude, in units of itself, that is not told by those before it. A band that is weakly
coupled has two states, with either sign; from one to the other is further, however small it is."""
SOFT = 1e-7
"""In units of |Delta|: amplitudes below are zero after a search, which ends when |Delta| is good to 1e-8, and a soft direction
to less."""
ASIDE = (1.5, 0.4, 0.1, 0.02)
"""Distances from an unstable state, in units of k_B T, from which the stable one beside it is looked for: a band's amplitude is
0.9 k_B T at 0.9 of its own T_c."""
SHORT = 0.01
"""Steps shorter than this share of T may lead aside, and to an amplitude that has just begun to grow."""
SQUARINGS = 14
"""The unstable direction is a column of (|M| - M)^(2^14)."""
ALONG = 0.3
"""Largest share of the first amplitudes that is not along the unstable direction of the normal state; they are half to twice as
large as expected. Elsewhere T_c is not where the branch begins (a transition of first order)."""
ENOUGH = 10_000
"""Evaluations after which a walk is given up; 400 are many, a few mK below T_c."""
LONGER, SHORTER = 2.0, 0.25
"""Factors of the step after one that is taken, and one that is refused."""


class Care(NamedTuple):
    """How carefully a branch is followed."""

    start: int = 16
    """Evaluations after which a start has failed."""
    step: int = 16
    """Evaluations after which a step in temperature has failed."""
    stride: Stride = Stride()
    ending: Ending = Ending()
    zero: float = SOFT
    """In units of |Delta|: amplitudes below have no sign."""

    @property
    def rough(self) -> bool:
        """Whether nothing is looked for half way, aside, or from a start that leads to an unstable state; and whether a branch
        has to begin as it does below a continuous transition."""
        return self.ending.rough


CAREFUL = Care()
ROUGH = Care(8, 3, Stride(rise=jnp.inf), Ending(last_step=0.03, each=0.1), ROUNDING)
"""What the last step leaves is of second order; there is no time for steps that lower |r|."""


class Aim(IntEnum):
    """What is looked for."""

    END = 0
    """The branch at the end of the step; before the first one, where it begins."""
    HALF_WAY = 1
    """The branch half way, the end having been found."""
    ASIDE = 2
    """The stable state beside an unstable one, which has been found at the end."""


class Memory(NamedTuple):
    """What a careful walk remembers."""

    aim: Int[Array, ""]
    """An `Aim`."""
    spare: Int[Array, ""]
    """The first start that leads to the branch, but to an unstable state of it; -1: none."""
    jacobian: Float[Array, "channel channel"]
    """M at the last point."""
    end: Root
    """What was found at the end of the step."""
    unstable: Int[Array, ""]
    """Its unstable directions in the amplitudes."""


class Walk(NamedTuple):
    """How far a branch has been followed, and what is being tried."""

    points: Points
    h: Float[Array, ""]
    """The step in T^2 being tried [K^2]."""
    tried: Int[Array, ""]
    """Starts that were tried; beside another state, distances from it."""
    odd: Bool[Array, ""]
    """Whether the number of unstable amplitude directions is odd."""
    memory: Memory | None
    """None: the walk is rough. In a block of many, everything that is remembered costs time at every evaluation."""
    here: Float[Array, ""]
    """Where Newton is asked [K]."""
    guess: Float[Array, "channel"]
    """What is expected there [meV]."""
    search: Search
    steps: Int[Array, ""]
    """Evaluations in all."""
    lost: Bool[Array, ""]
    """No start led to the branch, or it has ended."""
    there: Bool[Array, ""]
    """Whether the goal is reached."""

    @property
    def remembered(self) -> Memory:
        """The memory of a careful walk."""
        if self.memory is None:
            raise ValueError("a rough walk remembers nothing")
        return self.memory

    def aims(self, aim: Aim) -> Bool[Array, ""]:
        """Whether that is what is looked for."""
        return jnp.array(aim == Aim.END) if self.memory is None else self.memory.aim == aim


class Verdict(NamedTuple):
    """On what Newton has found."""

    root: Root
    good: Bool[Array, ""]
    """Whether it is on the branch."""
    near: Bool[Array, ""]
    """Whether it would be, but for its unstable directions, or the side of a small amplitude."""
    unstable: Int[Array, ""]
    """Its unstable directions in the amplitudes."""


Signs = Float[Array, "band"] | None
Values = tuple[Float[Array, "channel"], Float[Array, "channel channel"]]
"""(r, M)."""
W = TypeVar("W")


# === following


def begin(path: Path, asked: Bool[Array, ""] | bool = True, care: Care = CAREFUL) -> Walk:
    """The walk before its first step; one that is not `asked` for is lost."""
    x, zero, no = path.starts[0], jnp.zeros((), int), jnp.array(False)
    nothing = Root(x, jnp.asarray(jnp.inf), jnp.eye(len(x)), no, zero)
    return Walk(
        points=first_point(path),
        h=path.h,
        tried=zero,
        odd=no,
        memory=None if care.rough else Memory(zero + Aim.END, zero - 1, nothing.jacobian, nothing, zero),
        here=path.T_0,
        guess=x,
        search=search_from(x),
        steps=zero,
        lost=~jnp.asarray(asked),
        there=no,
    )


def resumed(path: Path, points: Points, odd: Bool[Array, ""], pattern: Signs = None) -> Walk:
    """The careful walk that goes on from points of another one on the same branch; the first step tried is all of the rest."""
    w = begin(path)
    return _aimed(path, pattern, w._replace(points=points, odd=odd, h=path.T**2 - points.T**2))


def going(w: Walk) -> Bool[Array, "*element"]:
    """Whether there is something left to do."""
    return ~(w.lost | w.there)


def arrived(path: Path, w: Walk) -> Float[Array, "channel"]:
    """The amplitudes at the goal [meV]."""
    return w.points.u * gap_scale(path, path.T)


def go_on(
    with_matrix: WithMatrix,
    sc: Superconductor,
    path: Path,
    w: Walk,
    pattern: Signs = None,
    care: Care = CAREFUL,
    most: Int[Array, ""] | int | None = None,
) -> Walk:
    """The walk after at most that many more evaluations (or `ENOUGH`) of (r, M) = `with_matrix`(x, (sc, T)).

    With `pattern`, the band amplitudes must have and keep those signs, and a state that is stable in its amplitudes is
    preferred, whatever the order of the starts; without, the state must be stable and stay so.
    """
    last = w.steps + (ENOUGH if most is None else most)

    def step(w: Walk) -> Walk:
        return evaluated(sc, path, w, with_matrix(ahead(w.search), (sc, w.here)), pattern, care)

    return jax.lax.while_loop(lambda w: going(w) & (w.steps < last), step, w)


def evaluated(sc: Superconductor, path: Path, w: Walk, found: Values, pattern: Signs, care: Care) -> Walk:
    """The walk after (r, M) were `found` where its search wants them."""
    search = advanced(lambda *_: found, w.search, (sc, w.here), vanishing(sc, w.here), care.stride, care.ending)
    w = w._replace(search=search, steps=w.steps + 1)
    (ended,) = told(_ended(path, care, w))
    return jax.lax.cond(ended, lambda w: _turned(sc, path, pattern, care, w), lambda w: w, w)


def _ended(path: Path, care: Care, w: Walk) -> Bool[Array, ""]:
    """Whether the search has arrived, has taken too long, or is on its way to somewhere else."""
    s, began = w.search, w.points.k > 0
    there = s.x + jnp.where(s.done, 0.0, s.t) * s.dx
    astray = began & w.aims(Aim.END) & ~_close(path, w, there)
    return s.done | (s.steps >= jnp.where(began, care.step, care.start)) | astray


def _turned(sc: Superconductor, path: Path, pattern: Signs, care: Care, w: Walk) -> Walk:
    """The walk after a search: where the next one looks."""
    v = _judged(sc, path, pattern, care, w)
    good, near = told(v.good, v.near)
    v = v._replace(good=good, near=near)
    turned = either(v.good, _moved(path, w, v), _refused(path, w, v, spares=pattern is not None))
    if not care.rough:
        (to_be_checked,) = told(v.good & _to_be_checked(path, w, v))
        turned = either(to_be_checked, _looks(w, v, Aim.HALF_WAY), turned)
    if not care.rough and pattern is None:
        (aside,) = told(~v.good & _leads_aside(path, w, v))
        turned = either(aside, _looks_aside(w, v), turned)
    return _aimed(path, pattern, turned)


def either(this: Bool[Array, ""], one: W, other: W) -> W:
    return jax.tree.map(lambda a, b: jnp.where(this, a, b), one, other)


# === is it the branch?


def _judged(sc: Superconductor, path: Path, pattern: Signs, care: Care, w: Walk) -> Verdict:
    """What Newton has found, and whether it is the state that is followed."""
    floor, began = vanishing(sc, w.here), w.points.k > 0
    root = root_of(w.search, floor, rounding(sc), care.ending)
    unstable = count_negative(root.jacobian)
    near = root.converged & (norm(root.x) > floor) & _where_expected(path, care, w, root.x)
    of_its_kind = unstable == 0
    if pattern is not None:
        near &= has_signs(sc, root.x, pattern)
        of_its_kind = jnp.where(began, (unstable % 2 == 1) == w.odd, of_its_kind | (w.tried >= len(path.starts)))
    on_its_side = ~began | (_straight(path, w, root.x) if care.rough else _on_its_side(path, care, w, root.x))
    return Verdict(root, near & on_its_side & of_its_kind, near, unstable)


def _where_expected(path: Path, care: Care, w: Walk, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether x is near what was looked for."""
    if care.rough:
        return jnp.where(w.points.k > 0, _close(path, w, x), (path.T_c == 0) | _as_it_begins(path, x))
    return jnp.where(w.aims(Aim.ASIDE), _beside(w, x), (w.points.k == 0) | _close(path, w, x))


def _close(path: Path, w: Walk, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether x is what was predicted, or half way the mean of both ends, but for a small correction."""
    size = norm(w.points.u) * gap_scale(path, w.here)
    return norm(x - w.guess) <= jnp.where(w.aims(Aim.HALF_WAY), HALF_WAY, CORRECTION) * size


def _as_it_begins(path: Path, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether the first amplitudes are like those expected below a continuous T_c."""
    start = path.starts[0]
    along = (start @ x) / (start @ start)
    return (norm(x - along * start) <= ALONG * norm(x)) & (2 * along > 1) & (along < 2)


def _beside(w: Walk, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether x lies on the side of the unstable state to which was gone, and not far from that direction."""
    end = w.remembered.end
    u, away = w.guess - end.x, x - end.x
    u = u / norm(u)
    along = u @ away
    return (along > 0) & (norm(away - along * u) <= CORRECTION * norm(end.x))


def _on_its_side(path: Path, care: Care, w: Walk, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether each amplitude, however small, is that of the branch; in short steps, has at least its sign."""
    kept = jnp.all((x * w.points.u >= 0) | (jnp.abs(x) <= care.zero * norm(x)))
    return alike(x - w.guess, x, SIDE, care.zero) | (kept & _short(path, w)) | w.aims(Aim.ASIDE)


def _straight(path: Path, w: Walk, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether the branch, as its bend says, is half way where it should be, and each amplitude that of the branch."""
    gap = gap_scale(path, w.here)
    added, third = longer(w.points, w.here, x / gap), w.points.k > 1
    off = added.bend * gap * jnp.abs(added.h) * jnp.maximum(jnp.abs(added.h), jnp.abs(w.points.h))
    return (~third | (norm(off) <= HALF_WAY * norm(x))) & alike(jnp.where(third, off, x - w.guess), x, SIDE)


# === where to look next


def _moved(path: Path, w: Walk, v: Verdict) -> Walk:
    """The walk with the end of the step as another point."""
    T, began = _end_of_step(path, w), w.points.k > 0
    end, memory = v.root, w.memory
    if memory is not None:
        end = either(w.aims(Aim.HALF_WAY), memory.end, v.root)
        memory = memory._replace(aim=jnp.zeros_like(memory.aim), jacobian=end.jacobian, end=end)
    return w._replace(
        memory=memory,
        points=longer(w.points, T, end.x / gap_scale(path, T)),
        h=jnp.where(began, LONGER * w.h, w.h),
        odd=jnp.where(began, w.odd, v.unstable % 2 == 1),
        there=path.T == T,
    )


def _refused(path: Path, w: Walk, v: Verdict, spares: bool) -> Walk:
    """The walk with a shorter step, or another start, if any."""
    began, memory, spared = w.points.k > 0, w.memory, jnp.array(False)
    tried = jnp.where(began, 0, w.tried + 1)
    if memory is not None:
        spare = jnp.where(v.near & ~began & (memory.spare < 0), w.tried, memory.spare) if spares else memory.spare
        end = either(w.aims(Aim.END), v.root, memory.end)
        memory, spared = memory._replace(aim=jnp.zeros_like(memory.aim), spare=spare, end=end), spare >= 0
    return w._replace(
        memory=memory,
        h=jnp.where(began, SHORTER * w.h, w.h),
        tried=tried,
        lost=jnp.where(began, _step(path, w) <= path.shortest, tried >= len(path.starts) + spared),
    )


def _to_be_checked(path: Path, w: Walk, v: Verdict) -> Bool[Array, ""]:
    """Whether a step that is good at its end is to be checked half way: smaller changes need not be."""
    last = w.points.u * gap_scale(path, w.points.T)
    return (w.points.k > 0) & w.aims(Aim.END) & (norm(v.root.x - last) > HALF_WAY * norm(last))


def _looks(w: Walk, v: Verdict, aim: Aim) -> Walk:
    """The walk that has found something at the end of its step, and is to look elsewhere, too."""
    memory = w.remembered
    memory = memory._replace(aim=jnp.full_like(memory.aim, aim), end=v.root, unstable=v.unstable)
    return w._replace(memory=memory, tried=jnp.zeros_like(w.tried))


def _leads_aside(path: Path, w: Walk, v: Verdict) -> Bool[Array, ""]:
    """Whether a short step, or the start, leads to an unstable state; or there are more distances from one to be tried."""
    entering = v.near & w.aims(Aim.END) & ((w.points.k == 0) | _short(path, w))
    return entering | (w.aims(Aim.ASIDE) & (_further(w, v) | (w.tried + 1 < len(ASIDE))))


def _further(w: Walk, v: Verdict) -> Bool[Array, ""]:
    """Whether aside another unstable state was found, on the way to the stable one: it has fewer unstable directions."""
    return w.aims(Aim.ASIDE) & v.near & (v.unstable < w.remembered.unstable)


def _looks_aside(w: Walk, v: Verdict) -> Walk:
    again = w.aims(Aim.ASIDE) & ~_further(w, v)
    return either(again, w._replace(tried=w.tried + 1), _looks(w, v, Aim.ASIDE))


# === the next search


def _start(path: Path, k: Int[Array, ""]) -> Float[Array, "channel"]:
    """path.starts[k], in the open."""
    return reduce(lambda row, i: jnp.where(k >= i, path.starts[i], row), range(1, len(path.starts)), path.starts[0])


def _aimed(path: Path, pattern: Signs, w: Walk) -> Walk:
    """The walk with its step cut where it goes beyond the goal, and the next search begun."""
    began, rest = w.points.k > 0, path.T**2 - w.points.T**2
    w = w._replace(h=jnp.where(jnp.abs(w.h) < jnp.abs(rest), w.h, rest))
    T = barrier(_end_of_step(path, w))
    next_start = w.tried if w.memory is None else jnp.where(w.tried < len(path.starts), w.tried, w.memory.spare)
    predicted = jnp.where(began, expected(path, w.points, T), _start(path, next_start))
    here, guess = T, predicted
    if w.memory is not None:
        end, half = w.memory.end, jnp.sqrt((w.points.T**2 + T**2) / 2)
        middle = (w.points.u + end.x / gap_scale(path, T)) / 2 * gap_scale(path, half)
        here, guess = jnp.where(w.aims(Aim.HALF_WAY), half, T), jnp.where(w.aims(Aim.HALF_WAY), middle, predicted)
    if w.memory is not None and pattern is None:
        distance = jnp.array(ASIDE)[jnp.minimum(w.tried, len(ASIDE) - 1)] * thermal_energy(T)
        beside = end.x + distance * _unstable_direction(end.jacobian, predicted - end.x, w.aims(Aim.ASIDE))
        guess = jnp.where(w.aims(Aim.ASIDE), beside, guess)
    return w._replace(here=here, guess=guess, search=search_from(guess))


def _end_of_step(path: Path, w: Walk) -> Float[Array, ""]:
    """The temperature [K] to which the step leads; before the first point, that at which it is looked for."""
    y, rest = w.points.T**2 + w.h, jnp.abs(path.T**2 - w.points.T**2)
    T = jnp.where(jnp.abs(w.h) >= (1 - 1e-12) * rest, path.T, jnp.sqrt(jnp.maximum(y, 0.0)))
    return jnp.where(w.points.k > 0, T, path.T_0)


def _step(path: Path, w: Walk) -> Float[Array, ""]:
    """Its length [K]."""
    return jnp.abs(_end_of_step(path, w) - w.points.T)


def _short(path: Path, w: Walk) -> Bool[Array, ""]:
    return _step(path, w) <= SHORT * w.points.T


def _unstable_direction(M: Float[Array, "n n"], towards: Float[Array, "n"], wanted: Bool[Array, ""]) -> Float[Array, "n"]:
    """The eigenvector of the lowest eigenvalue of M (norm 1) in the direction of `towards`; if that is orthogonal to it, with
    the largest component positive. Where none of a batch is `wanted`, no time is spent."""

    def squared(_: object, power: Float[Array, "n n"]) -> Float[Array, "n n"]:
        power = power / jnp.sqrt(jnp.sum(power**2))
        return power @ power

    squarings = jnp.where(wanted, SQUARINGS, 0)
    power = jax.lax.fori_loop(0, squarings, squared, jnp.sqrt(jnp.sum(M**2)) * jnp.eye(len(M)) - M)
    longest = jnp.argmax(jnp.sum(power**2, axis=0))
    u = power[:, longest] / norm(power[:, longest])
    side = u @ towards
    return u * jnp.sign(jnp.where(side == 0, u[jnp.argmax(jnp.abs(u))], side))
