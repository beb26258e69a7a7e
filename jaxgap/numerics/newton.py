r"""Safeguarded Newton for a few unknowns, batchable, with one evaluation of residual and Jacobian per step.

.. math:: x \leftarrow x - t \, J^{-1} r, \qquad t \in \{1, 1/4, 1/16, \ldots\}

A step is taken only if it lowers |r|, and is never longer than |x| itself, so that amplitudes do not fly across zero. A
search for all roots is not so careful (`Stride`): along a soft direction of M, where |r| is small everywhere, steps that lower
it crawl, and longer ones arrive.
Nothing raises and nothing is NaN-blind: an element that fails keeps its last accepted point and says so.
"""

from collections.abc import Callable
from functools import reduce
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.implicit import Residual
from jaxgap.numerics.programs import told
from jaxgap.numerics.small import ELIMINATED, solved
from jaxgap.numerics.types import PyTree

__all__ = [
    "Ending",
    "Equations",
    "EXACTLY",
    "Root",
    "Search",
    "Stride",
    "CAREFUL",
    "advanced",
    "ahead",
    "alike",
    "differenced",
    "newton",
    "norm",
    "root_of",
    "search_from",
]

MAX_STEPS = 60
STEP_TOLERANCE = 1e-8
"""A step of |dx| <= 1e-8 |x| is the last: what it leaves is of order (1e-8)^2."""
RESIDUAL_TOLERANCE = 1e-12
"""Converged means |r| <= 1e-12 |x|."""
EXACT = 1e-15
"""|r| <= 1e-15 |x| cannot be improved."""
SHORTEST = 1e-5
"""Shortest share of a Newton step that is tried before giving up."""
ROUNDING = 1e-13
"""Components below it, in units of |x|, are zero."""
DIFFERENCE = 1e-5
"""Step of `differenced` relative to |x|: truncation 1e-10, rounding 1e-11."""

Equations: TypeAlias = Callable[[Float[Array, "n"], PyTree], tuple[Float[Array, "n"], Float[Array, "n n"]]]
"""(r, dr/dx) at (x, theta)."""


class Stride(NamedTuple):
    """How far one step may go."""

    longest: Float[Array | np.ndarray, ""] | float = 1.0
    """|dx| / |x|."""
    rise: Float[Array | np.ndarray, ""] | float = 1.0
    """Factor by which |r| may rise."""


CAREFUL = Stride()


class Root(NamedTuple):
    """Where Newton ended."""

    x: Float[Array, "n"]
    residual: Float[Array, ""]
    """|r(x)| (2-norm) [meV]."""
    jacobian: Float[Array, "n n"]
    """dr/dx at x."""
    converged: Bool[Array, ""]
    steps: Int[Array, ""]
    """Evaluations of residual and Jacobian."""


class Search(NamedTuple):
    """A search for a root, between two evaluations."""

    x: Float[Array, "n"]
    """The last point that was taken."""
    size: Float[Array, ""]
    """|r| there."""
    jacobian: Float[Array, "n n"]
    dx: Float[Array, "n"]
    """The step from there, of which the share t is tried next."""
    t: Float[Array, ""]
    steps: Int[Array, ""]
    done: Bool[Array, ""]


class Ending(NamedTuple):
    """Where a search ends."""

    last_step: float = STEP_TOLERANCE
    """Share |dx| / |x| up to which a step is the last. If it is above its default, a root need only be found to that share, and
    be finished elsewhere: the equations are then not evaluated after that step."""
    each: float | None = None
    """The same share, of every unknown (`alike`); None: of the whole only."""

    @property
    def rough(self) -> bool:
        """Whether the last step is not checked."""
        return self.last_step > STEP_TOLERANCE


EXACTLY = Ending()


def norm(x: Float[Array, "n"]) -> Float[Array, ""]:
    """2-norm, of a few components in the open: in a batch a product would be a call of its own.

    No maximum anywhere: XLA's max and min drop NaN in large batches on the CPU.
    """
    return jnp.sqrt(reduce(jnp.add, [c * c for c in x]) if len(x) <= ELIMINATED else x @ x)


def alike(change: Float[Array, "n"], x: Float[Array, "n"], share: float, zero: float = ROUNDING) -> Bool[Array, ""]:
    """Whether no component changes by more than a share of itself. Below `zero`, in units of |x|, they are nothing."""
    return (jnp.abs(change) <= share * jnp.abs(x) + zero * norm(x)).all()


def differenced(residual: Residual) -> Equations:
    """(r, dr/dx) of `residual(x, theta)` by central differences.

    Where r contains derivatives itself, differentiating it once more takes several times longer to compile. The root is as
    accurate, because r is: Newton only converges linearly, with a factor of some 1e-9.
    """

    def equations(x: Float[Array, "n"], theta: PyTree) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
        n = x.shape[0]
        h = DIFFERENCE * norm(x)
        at = x + h * jnp.concatenate([jnp.zeros((1, n)), jnp.eye(n), -jnp.eye(n)])
        r = jax.vmap(lambda y: residual(y, theta))(at)
        return r[0], (r[1 : n + 1] - r[n + 1 :]).T / (2 * h)

    return equations


def newton(
    equations: Equations,
    x: Float[Array, "n"],
    theta: PyTree,
    max_steps: Int[Array | np.ndarray, ""] | int = MAX_STEPS,
    floor: Float[Array, ""] | float = 0.0,
    stride: Stride = CAREFUL,
    last_step: float = STEP_TOLERANCE,
    rounding: Float[Array, ""] | float = 0.0,
) -> Root:
    """A root of r(x, theta) from the start `x`.

    Args:
        equations: (r, dr/dx) at (x, theta) [meV], in closed form or by `differenced`.
        x: start [meV].
        theta: everything else the equations depend on.
        max_steps: limit of evaluations.
        floor: |x| [meV] below which x counts as zero and the search ends.
        stride: how far one step may go.
        last_step: as in `Ending`.
        rounding: |r| [meV] that rounding may leave.
    """
    ending = Ending(last_step)

    def going(s: Search) -> Bool[Array, ""]:
        return ~s.done & (s.steps < max_steps)

    end = jax.lax.while_loop(going, lambda s: advanced(equations, s, theta, floor, stride, ending), search_from(x))
    return root_of(end, floor, rounding, ending)


def search_from(x: Float[Array, "n"]) -> Search:
    """A search before its first evaluation."""
    n = x.shape[0]
    return Search(x, jnp.asarray(jnp.inf), jnp.eye(n), 0 * x, jnp.ones(()), jnp.zeros((), int), jnp.zeros((), bool))


def ahead(s: Search) -> Float[Array, "n"]:
    """Where the next evaluation is to be."""
    return s.x + s.t * s.dx


def advanced(
    equations: Equations,
    s: Search,
    theta: PyTree,
    floor: Float[Array, ""] | float = 0.0,
    stride: Stride = CAREFUL,
    ending: Ending = EXACTLY,
) -> Search:
    """The search after one more evaluation."""
    x = ahead(s)
    r, jacobian = equations(x, theta)
    size = norm(r)
    last = (norm(s.t * s.dx) <= ending.last_step * norm(x)) & (s.steps > 0) & (not ending.rough)
    arrived = jnp.isfinite(size) & (last | (norm(x) <= floor) | (size <= EXACT * norm(x)))
    taken = arrived | (size < (1 - 1e-4 * s.t) * stride.rise * s.size)
    dx = _limited(-solved(jacobian, r), x, stride.longest)
    if not ending.rough:
        taken, arrived = told(taken, arrived)
    else:  # a whole Newton step, not one that was shortened
        found = taken & (norm(dx) <= ending.last_step * norm(x))
        if ending.each is not None:
            found &= alike(dx, x, ending.each)
        taken, arrived, found = told(taken, arrived | found, found)
        x = jnp.where(found, x + dx, x)
    return Search(
        x=jnp.where(taken, x, s.x),
        size=jnp.where(taken, size, s.size),
        jacobian=jnp.where(taken, jacobian, s.jacobian),
        dx=jnp.where(taken, dx, s.dx),
        t=jnp.where(taken, 1.0, s.t / 4),
        steps=s.steps + 1,
        done=arrived | (~taken & (s.t < SHORTEST)),
    )


def root_of(
    s: Search,
    floor: Float[Array, ""] | float = 0.0,
    rounding: Float[Array, ""] | float = 0.0,
    ending: Ending = EXACTLY,
) -> Root:
    """What a search has found, and whether that is a root."""
    # The floor is for amplitudes that vanish: just beyond a fold |r| is as small without a solution.
    size = norm(s.x)
    small = s.size <= jnp.where(size <= floor, floor, RESIDUAL_TOLERANCE * size + rounding)
    if ending.rough:
        small = s.done & (s.t == 1)  # not given up
    return Root(s.x, s.size, s.jacobian, jnp.isfinite(s.x).all() & small, s.steps)


def _limited(dx: Float[Array, "n"], x: Float[Array, "n"], share: Float[Array | np.ndarray, ""] | float) -> Float[Array, "n"]:
    """dx, shortened to a share of |x|; a step that ends as close to zero as that is on its way to the normal state, and
    taken as it is."""
    length, size = norm(dx), norm(x)
    longest = jnp.where(norm(x + dx) <= share * size, size, share * size)
    return dx * jnp.where(length > longest, longest / jnp.where(length > 0, length, 1.0), 1.0)
