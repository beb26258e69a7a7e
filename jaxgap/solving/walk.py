r"""A branch followed in temperature, in many systems at once: `jaxgap.solving.following` with as few evaluations as will do.

Followed is u = Delta / g(T) along T^2, in which gaps are nearly linear at low T. From T_c, g is the gap of a weakly coupled
band that has the same T_c (to about 2 %),

.. math:: \Delta_w(T) = \pi e^{-\gamma} k_B T_c \tanh\bigl(1.74 \sqrt{T_c / T - 1}\bigr),

which takes out what all branches have in common, the square root below T_c; from T = 0, g = 1.

Each evaluation is one Newton step of every element, at a temperature of its own. A step in T^2 is predicted by the parabola
through the last three points. It is refused, and tried again at a quarter of its length, under the conditions of
`solving.following.follow`: Newton does not arrive, or corrects the prediction by more than 15 %, or the branch is further than
2 % from the mean of its neighbours, or det M changes sign; or if one amplitude, however small, does not go on as it did: a band
that is weakly coupled has states with either sign. After a step that is taken, the next is twice as long.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import coefficients
from jaxgap.numerics.newton import norm, solved
from jaxgap.solving.following import CORRECTION, HALF_WAY, SIDE, alike
from jaxgap.solving.labels import has_signs
from jaxgap.units import k_B

__all__ = ["Path", "Walk", "begin", "go_on", "arrived", "going", "weak_coupling_gap"]

SLOPE = 1.74
"""Of the interpolation: Delta_w^2 is proportional to T_c - T with the weak-coupling factor."""
FIRST, OTHERS = 8, 3
"""Newton steps after which a start, and a step in temperature, have failed."""
ARRIVED = 0.03
"""|dx| / |x| of the last of them: what it leaves is of second order."""
ALONG = 0.3
"""Largest share of the first amplitudes that is not along the unstable direction; they are half to twice as large as expected.
Elsewhere T_c is not where the branch begins (a transition of first order)."""
RESOLVED = 0.1
"""As `ARRIVED`, of each channel's amplitude."""
LONGER, SHORTER = 2.0, 0.25
"""Factors of the step after one that is taken, and one that is refused."""
SHORTEST = 1e-7
"""Share of the way, in T^2, below which the branch has ended."""


class Path(NamedTuple):
    """Where a branch is looked for, and where to it is followed."""

    T_0: Float[Array, ""]
    """Where it begins [K]."""
    T: Float[Array, ""]
    """The goal [K]."""
    T_c: Float[Array, ""]
    """Of the gap that is taken out [K]; 0: none."""
    start: Float[Array, "channel"]
    """Amplitudes there, or from which they are found [meV]."""
    h: Float[Array, ""]
    """The first step in T^2 [K^2]."""


class Walk(NamedTuple):
    """How far a branch has been followed."""

    k: Int[Array, ""]
    """Points found on it."""
    y: Float[Array, ""]
    """T^2 of the last one [K^2]."""
    u: Float[Array, "channel"]
    """Delta / g there."""
    slope: Float[Array, "channel"]
    """du/dT^2 in the last step, how that changed from the step before (the second divided difference), and that step's
    length."""
    bend: Float[Array, "channel"]
    h_last: Float[Array, ""]
    h: Float[Array, ""]
    """The step being tried [K^2]."""
    x: Float[Array, "channel"]
    """Amplitudes at its end so far [meV]."""
    predicted: Float[Array, "channel"]
    newton_steps: Int[Array, ""]
    """Newton steps taken there."""
    steps: Int[Array, ""]
    """Evaluations in all."""
    lost: Bool[Array, ""]
    """The start did not lead to the branch, or it has ended."""
    there: Bool[Array, ""]
    """Whether the goal is reached."""


def begin(path: Path, asked: Bool[Array, ""], found: Bool[Array, ""]) -> Walk:
    """The walk before its first step; one that is not `asked` for is lost. If the start is not `found`, it is a guess."""
    x = path.start
    zero, none, k = jnp.zeros((), int), jnp.zeros_like(x), jnp.asarray(found, int)
    u, h = x / _scale(path, path.T_0), jnp.where(path.T < path.T_0, -path.h, path.h)
    w = Walk(k, path.T_0**2, u, none, none, h, h, x, x, zero, zero, ~asked, found & (path.T_0 == path.T))
    return _predicted(path, w)


def going(w: Walk) -> Bool[Array, "*element"]:
    """Whether there is something left to do."""
    return ~(w.lost | w.there)


def arrived(path: Path, w: Walk) -> Float[Array, "channel"]:
    """The amplitudes at the goal [meV]."""
    return w.u * _scale(path, path.T)


def go_on(
    equations: Callable[[Any, Any], Any],
    sc: Superconductor,
    path: Path,
    w: Walk,
    most: Int[Array, ""] | int,
    pattern: Float[Array, "band"] | None = None,
) -> Walk:
    """The walk after at most that many more evaluations of (r, dr/dx) = `equations`(x, (sc, T)).

    det M has to be positive, as where superconductivity sets in continuously and in every stable state; with `pattern`, the
    band amplitudes must keep those signs.
    """
    end = w.steps + most

    def step(w: Walk) -> Walk:
        began, last = w.k > 0, _reaches(path, w)
        T = jnp.where(began, jnp.where(last, path.T, jnp.sqrt(jnp.maximum(w.y + w.h, 0.0))), path.T_0)
        gap = _scale(path, T)
        r, M = equations(w.x, (sc, T))
        dx = solved(M, r)
        length = norm(dx)
        x = w.x - dx * jnp.minimum(1.0, norm(w.x) / jnp.where(length > 0, length, 1.0))

        # === judge
        size, h, before = norm(x), jnp.abs(w.h), jnp.abs(w.h_last)
        slope = jnp.where(began, (x / gap - w.u) / w.h, 0.0)
        bend = jnp.where(w.k > 1, (slope - w.slope) / (w.h + w.h_last), 0.0)
        off = jnp.where(w.k > 1, bend * gap * h * jnp.maximum(h, before), x - w.predicted)
        straight = ((w.k < 2) | (norm(off) <= HALF_WAY * size)) & alike(off, x, SIDE)
        near = norm(x - w.predicted) <= CORRECTION * size
        still = (length <= ARRIVED * size) & alike(dx, x, RESOLVED)
        good = still & (coefficients(M)[0][-1] > 0) & jnp.where(began, near & straight, _as_expected(path, x))
        if pattern is not None:
            good &= has_signs(sc, x, pattern)
        failed = w.newton_steps + 1 >= jnp.where(began, OTHERS, FIRST)
        refused = ~good & (still | failed | (began & ~near) | ~jnp.isfinite(size))

        # === move
        moved = Walk(
            k=w.k + 1,
            y=jnp.where(began, T**2, w.y),
            u=x / gap,
            slope=slope,
            bend=bend,
            h_last=w.h,
            h=jnp.where(began, LONGER * w.h, w.h),
            x=x,
            predicted=x,
            newton_steps=jnp.zeros_like(w.newton_steps),
            steps=w.steps + 1,
            lost=w.lost,
            there=jnp.where(began, last, path.T_0 == path.T),
        )
        back = w._replace(
            h=jnp.where(began, SHORTER * w.h, w.h),
            newton_steps=jnp.zeros_like(w.newton_steps),
            steps=w.steps + 1,
            lost=~began | (h < SHORTEST * jnp.abs(path.T**2 - path.T_0**2)),
        )
        stayed = w._replace(x=x, newton_steps=w.newton_steps + 1, steps=w.steps + 1)
        return _either(good, _predicted(path, moved), _either(refused, _predicted(path, back), stayed))

    return jax.lax.while_loop(lambda w: going(w) & (w.steps < end), step, w)


def _either(this: Bool[Array, ""], one: Walk, other: Walk) -> Walk:
    return Walk(*(jnp.where(this, a, b) for a, b in zip(one, other, strict=True)))


def _as_expected(path: Path, x: Float[Array, "channel"]) -> Bool[Array, ""]:
    """Whether the first amplitudes are like those expected below a continuous T_c."""
    start = path.start
    along = (start @ x) / (start @ start)
    return (norm(x - along * start) <= ALONG * norm(x)) & (2 * along > 1) & (along < 2)


def _reaches(path: Path, w: Walk) -> Bool[Array, ""]:
    """Whether the step ends at the goal."""
    return jnp.abs(w.h) >= (1 - 1e-12) * jnp.abs(path.T**2 - w.y)


def _predicted(path: Path, w: Walk) -> Walk:
    """The walk with its next step cut where it goes beyond the goal, and its end predicted."""
    rest = path.T**2 - w.y
    h = jnp.where(jnp.abs(w.h) < jnp.abs(rest), w.h, rest)
    T = jnp.where(_reaches(path, w), path.T, jnp.sqrt(jnp.maximum(w.y + h, 0.0)))
    on = (w.u + h * (w.slope + w.bend * (h + w.h_last))) * _scale(path, T)
    x = jnp.where(w.k > 0, on, path.start)
    return w._replace(h=h, x=x, predicted=x)


def _scale(path: Path, T: Float[Array, ""]) -> Float[Array, ""]:
    """g(T) [meV]."""
    return jnp.where(path.T_c > 0, weak_coupling_gap(T, jnp.where(path.T_c > 0, path.T_c, 1.0)), 1.0)


def weak_coupling_gap(T: Float[Array, "*element"], T_c: Float[Array, "*element"]) -> Float[Array, "*element"]:
    """Delta_w [meV]; a thousandth of T_c stands for what is colder."""
    share = jnp.sqrt(jnp.maximum(T_c / jnp.maximum(T, 1e-3 * T_c) - 1, 0.0))
    return jnp.pi * jnp.exp(-jnp.euler_gamma) * k_B * T_c * jnp.tanh(SLOPE * share)
