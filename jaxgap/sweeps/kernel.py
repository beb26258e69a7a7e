"""Many systems at once: `solve_core` over a batch, in pieces that stay in cache."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.labels import sign_pattern
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution
from jaxgap.solve import solve_core
from jaxgap.superconductor import Superconductor

__all__ = ["solve_many"]

AT_ONCE = 256
"""Systems per piece."""


def solve_many(
    systems: Superconductor,
    T: Float[Array, "element"],
    *,
    start: Any = None,
    branch: str | None = None,
    rule: Rule = DEFAULT_RULE,
) -> Solution:
    """`solve` of every element of a batch: `systems` has leaves with the elements as first axis, `T` one temperature [K] each.

    Pure, and to be called inside `jax.jit`. Nothing raises: every element carries its own status.

    Args:
        systems: the systems.
        T: temperatures [K].
        start: amplitudes to start from [meV], one row for all elements or one per element; real ones keep every phase real.
        branch: the branch to take, as for `solve`; default: the one connected to T_c.
        rule: quadrature nodes per piece.
    """
    pattern = None if branch is None else sign_pattern(branch, len(systems.bands))
    if start is not None:
        start = jnp.broadcast_to(start, (T.shape[0], len(systems.channels)))

    def one(element: Any) -> Solution:
        sc, T, Delta_0 = element
        return solve_core(sc, T, Delta_0, pattern, rule)

    return jax.lax.map(one, (systems, T, start), batch_size=min(AT_ONCE, T.shape[0]))
