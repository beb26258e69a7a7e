r"""The branch connected to T_c, found below it and followed down to T: `following.follow_from_T_c` in a few large steps.

Followed is u = Delta / Delta_w, with the gap of a weakly coupled band that has the same T_c (to about 2 %),

.. math:: \Delta_w(T) = \pi e^{-\gamma} k_B T_c \tanh\bigl(1.74 \sqrt{T_c / T - 1}\bigr),

which takes out what all branches have in common: the square root below T_c, and the saturation at low T. Steps are equal in
Delta_w^4, in which what is left of u is nearly linear. Each is predicted from those before it and corrected by two Newton
steps, and refused under the conditions of `following.follow`: they do not arrive, or correct the prediction by more than 15 %,
or the branch is further than 2 % from the mean of its neighbours one step before and one step after.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.following import CLOSE, CORRECTION, HALF_WAY
from jaxgap.newton import norm, solved
from jaxgap.superconductor import Superconductor
from jaxgap.units import k_B
from jaxgap.unknowns import vanishing

__all__ = ["Approach", "descend"]

SLOPE = 1.74
"""Of the interpolation: Delta_w^2 is proportional to T_c - T with the weak-coupling factor."""
FIRST, OTHERS = 3, 2
"""Newton steps at the first temperature and at the others."""
ARRIVED = 0.03
"""|dx| / |x| of the last of them: what it leaves is of second order."""
ALONG = 0.3
"""Largest share of the first amplitudes that is not along the unstable direction; they are half to twice as large as expected.
Elsewhere T_c is not where the branch begins (a transition of first order)."""


class Approach(NamedTuple):
    """What a search has found."""

    x: Float[Array, "channel"]
    good: Bool[Array, ""]
    steps: Int[Array, ""]


class _Walk(NamedTuple):
    k: Int[Array, ""]
    """Temperatures that are done with."""
    left: Int[Array, ""]
    """Newton steps left at this one."""
    x: Float[Array, "channel"]
    predicted: Float[Array, "channel"]
    u: Float[Array, "channel"]
    """Delta / Delta_w at the temperature before, its last change, and what that was more than the one before."""
    slope: Float[Array, "channel"]
    bend: Float[Array, "channel"]
    good: Bool[Array, ""]


def descend(
    equations: Callable[[Any, Any], Any],
    sc: Superconductor,
    T: Float[Array, ""],
    T_c: Float[Array, ""],
    direction: Float[Array, "channel"],
    n: Int[Array, ""] | int,
) -> Approach:
    """The branch at T < T_c, from max(T, 0.9 T_c) in n steps, with the (r, dr/dx) of `equations` at (x, (sc, T))."""
    v, top, bottom = direction, _weak_coupling_gap(jnp.maximum(T, CLOSE * T_c), T_c), _weak_coupling_gap(T, T_c)
    full = _weak_coupling_gap(0 * T, T_c)
    expected = top * jnp.sqrt(jnp.sum(v**2) / jnp.sum(v**4))

    def place(k: Any) -> Any:
        """(T, Delta_w) after k steps."""
        share = k / n
        gap = full * ((1 - share) * (top / full) ** 4 + share * (bottom / full) ** 4) ** 0.25
        t = T_c / (1 + (jnp.arctanh(jnp.minimum(gap / full, 1 - 1e-9)) / SLOPE) ** 2)
        return jnp.where(k == n, T, t), gap

    def newton_step(_: Any, s: _Walk) -> _Walk:
        t, gap = place(s.k)
        r, M = equations(s.x, (sc, t))
        dx = solved(M, r)
        x = s.x - dx
        last = s.left == 1

        # === judge
        size, began = norm(x), s.k == 0
        along = v @ x
        as_expected = (norm(x - along * v) <= ALONG * size) & (2 * along > expected) & (along < 2 * expected)
        u = x / gap
        slope = jnp.where(began, 0.0, u - s.u)
        bend = jnp.where(s.k < 2, 0.0, slope - s.slope)
        near = (norm(x - s.predicted) <= CORRECTION * size) & (norm(bend) * gap <= 2 * HALF_WAY * size)
        good = (norm(dx) <= ARRIVED * size) & jnp.where(began, as_expected, near)

        # === move
        _, next_gap = place(s.k + 1)
        predicted = jnp.where(last, (u + slope + bend) * next_gap, s.predicted)
        moved = _Walk(s.k + 1, jnp.full_like(s.left, OTHERS), predicted, predicted, u, slope, bend, s.good & good)
        stayed = s._replace(left=s.left - 1, x=x)
        return jax.tree.map(lambda new, old: jnp.where(last, new, old), moved, stayed)

    still, start = jnp.zeros_like(v), expected * v
    begin = _Walk(jnp.zeros((), int), jnp.full((), FIRST), start, start, still, still, still, jnp.array(True))
    evaluations = FIRST + OTHERS * n
    end = jax.lax.fori_loop(0, evaluations, newton_step, begin)
    x = end.u * bottom
    return Approach(x, end.good & (norm(x) > vanishing(sc, T)), jnp.asarray(evaluations))


def _weak_coupling_gap(T: Float[Array, ""], T_c: Float[Array, ""]) -> Float[Array, ""]:
    """Delta_w [meV]; a thousandth of T_c stands for what is colder."""
    share = jnp.sqrt(jnp.maximum(T_c / jnp.maximum(T, 1e-3 * T_c) - 1, 0.0))
    return jnp.pi * jnp.exp(-jnp.euler_gamma) * k_B * T_c * jnp.tanh(SLOPE * share)
