r"""Many systems solved at once, as fast as the arithmetic allows, each with a status as trustworthy as that of `solve`.

Most elements of a batch go the short way:

1. find: safeguarded Newton, as in `solve`, with a third of the nodes;
2. finish: nodes placed once for what it found, one Newton step, and one more with the same M;
3. judge: the residual there, and, as in `solve`, one evaluation with a finer rule.

Whatever does not end in a root of the promised accuracy on the asked-for branch, a vanished gap included, is left to
`solve_core`, together with all elements whose start is complex or whose branch is the one connected to T_c. So every status but
`CONVERGED` is `solve`'s own verdict.

Elements are treated in blocks of a fixed size whose arrays stay in cache (`jaxgap.sweeps.lanes`), and an element that has
arrived waits, unchanged, for the others of its block: results depend neither on the block nor on the place in it.
"""

import math
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap._checks import check
from jaxgap.following import CORRECTION, HALF_WAY, starting_amplitudes
from jaxgap.implicit import SINGULAR
from jaxgap.labels import has_signs, label_of, sign_pattern
from jaxgap.newton import RESIDUAL_TOLERANCE, Root, newton, norm, solved
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution, Status, promised_accuracy
from jaxgap.solve import solve_core
from jaxgap.superconductor import Superconductor
from jaxgap.sweeps.lanes import Lanes, lanes, residual, residual_and_matrix
from jaxgap.unknowns import implicit_amplitudes, vanishing

__all__ = ["solve_many"]

BLOCK = 128
"""Elements of a block: with some 60 nodes an array is 64 kB."""
SLOW_BLOCK = 64
"""Elements that go the long way together."""
SHORT_STEP = 0.02
"""|dx| / |x| up to which what the coarse rule found and the root are one solution."""
SWEEPS = 6


class Short(NamedTuple):
    """Where the short way ended."""

    Delta: Float[Array, "channel"]
    residual: Float[Array, ""]
    steps: Int[Array, ""]
    sigma_min: Float[Array, ""]
    quadrature_error: Float[Array, ""]
    converged: Bool[Array, ""]


def coarse(rule: Rule) -> Rule:
    """The rule of the search."""
    return Rule(*(max(4, math.ceil(3 * n / 8)) for n in rule))


@partial(jax.custom_batching.custom_vmap)
def _never(x): return x


def equations_of(rule: Rule) -> Any:
    """(r, M) at (x, (sc, T)) for `newton`; a batch of them is computed with the elements last."""

    @jax.custom_batching.custom_vmap
    def equations(x: Float[Array, "n"], theta: Any) -> Any:
        r, M = many(x[None], jax.tree.map(lambda leaf: leaf[None], theta))
        return r[0], M[0]

    @equations.def_vmap
    def _(size: int, batched: Any, x: Any, theta: Any) -> Any:
        spread = lambda leaf, done: leaf if done else jnp.broadcast_to(leaf, (size, *jnp.shape(leaf)))  # noqa: E731
        x, theta = jax.tree.map(spread, (x, theta), tuple(batched))
        return many(x, theta), (True, True)

    def many(x: Any, theta: Any) -> Any:
        r, M = residual_and_matrix(x.T, lanes(theta[0], x, theta[1], rule))
        return r.T, jnp.moveaxis(M, -1, 0)

    return equations


def short_way(sc: Superconductor, T: Any, start: Any, pattern: Any, rule: Rule) -> Short:
    """A block of elements the short way."""
    equations = equations_of(coarse(rule))
    find = jax.vmap(lambda sc, T, x: newton(equations, x, (sc, T), MAX, vanishing(sc, T)))
    root = find(sc, T, start)
    return finish(sc, T, root, rule)

MAX = 16

def finish(sc, T, root, rule):
    at = lanes(sc, root.x, T, rule)
    x = root.x.T
    r, M = residual_and_matrix(x, at)
    step = jax.vmap(solved, in_axes=-1, out_axes=-1)
    dx = step(M, r)
    near = jnp.sqrt(jnp.sum(dx**2, 0)) <= SHORT_STEP * jnp.sqrt(jnp.sum(x**2, 0))
    x = x - dx
    x = x - step(M, residual(x, at))
    r = residual(x, at)
    size, length = jnp.sqrt(jnp.sum(r**2, 0)), jnp.sqrt(jnp.sum(x**2, 0))
    finer = lanes(sc, x.T, T, rule.refined())
    error = step(M, residual(x, finer))
    large = jnp.abs(x) > 1e-4 * sc.Omega
    qe = jnp.sqrt(jnp.sum(jnp.where(large, error / jnp.where(large, x, 1.), 0.)**2, 0))
    sigma = smallest_singular_values(M)
    ok = root.converged & near & (size <= RESIDUAL_TOLERANCE * length) & (length > vanishing(sc, T)) & (qe <= promised_accuracy(sigma)) & jnp.isfinite(x).all(0)
    return Short(x.T, size, root.steps + 3, sigma, qe, ok)


def smallest_singular_values(M: Float[Array, "n n element"]) -> Float[Array, "element"]:
    """sigma_min by one-sided Jacobi rotations of the columns."""
    n = M.shape[0]
    columns = [M[:, c] for c in range(n)]

    def sweep(_: Any, columns: Any) -> Any:
        columns = list(columns)
        for a in range(n):
            for b in range(a + 1, n):
                u, v = columns[a], columns[b]
                alpha, beta, gamma = jnp.sum(u * u, 0), jnp.sum(v * v, 0), jnp.sum(u * v, 0)
                apart = (beta - alpha) / 2
                t = gamma / jnp.where(gamma == 0, 1.0, apart + jnp.where(apart >= 0, 1., -1.) * jnp.sqrt(apart**2 + gamma**2))
                c = 1 / jnp.sqrt(1 + t * t)
                columns[a], columns[b] = c * (u - t * v), c * (v + t * u)
        return tuple(columns)

    columns = jax.lax.fori_loop(0, SWEEPS, sweep, tuple(columns))
    s2 = jnp.stack([jnp.sum(c * c, 0) for c in columns])
    smallest = s2[0]
    for s in s2[1:]:
        smallest = jnp.where(s < smallest, s, smallest)
    return jnp.where(jnp.isfinite(s2).all(0), jnp.sqrt(smallest), jnp.nan)
