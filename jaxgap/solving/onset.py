r"""Where superconductivity sets in, for many systems at once: `jaxgap.solving.critical` as far as a sweep needs it.

.. math:: \det(s + 1 - \lambda K(T)) = s^n + c_{n-1} s^{n-1} + \dots + c_0

has the roots s = (eigenvalue of lambda K) - 1. If all its coefficients are positive, no real eigenvalue reaches 1, and no
static state branches off the normal one (which is stable then, unless a complex pair makes it oscillate, see `critical`); if
only c_0 is negative, one is above 1. Temperatures are those at which `critical` looks for T_c, down from where no system
superconducts. An element ends where its normal state is unstable, or where it is not above its own T; steps to where more than
one eigenvalue is above 1 are halved. T_c is where c_0 vanishes in the last step. Where none of this holds (two eigenvalues
cross 1 together, or a pair of complex ones comes near it), nothing is said.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.equations.gap_equations import normal_matrix
from jaxgap.equations.nodes import lanes
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import coefficients
from jaxgap.solving.critical import STEP, highest_temperature
from jaxgap.spectra.quadrature import Rule

__all__ = ["Onset", "onset", "normalised"]

MOST = 64
"""Steps down from the highest temperature, to e^-9.6 of it, unless it is said: a block waits for the slowest."""
SHORTEST = STEP / 32
"""Steps are halved until there is one eigenvalue above 1 at their end; not below this one."""
SECANTS = 5
"""From a bracket of 0.15 in ln T, in which c_0 is close to linear."""
CLOSE = 1e-3
"""|ln(T / T_c)| below which it is not said on which side T lies; also the error of ln T_c that is allowed."""


class Onset(NamedTuple):
    """What is known of every element."""

    T_c: Float[Array, "element"]
    """T_c,lin [K] to 1e-3, where `below`."""
    direction: Float[Array, "channel element"]
    """Relative amplitudes with which superconductivity sets in there, as in `solving.critical.instability`."""
    below: Bool[Array, "element"]
    """Whether T is below T_c."""
    above: Bool[Array, "element"]
    """Whether the normal state is stable at all temperatures that were looked at, and T is above T_c. If neither: not known."""


class _Scan(NamedTuple):
    log_T: Float[Array, "element"]
    """Where the normal state was found stable last."""
    c_0: Float[Array, "element"]
    """There."""
    h: Float[Array, "element"]
    """The step down from there."""
    under: Float[Array, "element"]
    """c_0 at its end."""
    unstable: Bool[Array, "element"]
    """Whether one eigenvalue, or three, are above 1 there."""
    done: Bool[Array, "element"]


def onset(sc: Superconductor, T: Float[Array, "element"], rule: Rule, most: int = MOST) -> Onset:
    """Whether each element's T [K] is below its T_c, and what sets in there. Looked for in at most that many steps."""
    zero = jnp.zeros((len(T), len(sc.channels)))
    goal = jnp.log(T)

    def at(log_T: Any) -> tuple[Any, Any]:
        return coefficients(normal_matrix(lanes(sc, zero, jnp.exp(log_T), rule)))

    def step(state: Any) -> Any:
        k, s = state
        log_T = s.log_T - s.h
        c, _ = at(log_T)
        rest = jnp.all(c[:-1] > 0, axis=0)
        stable, unstable = rest & (c[-1] > 0), rest & (c[-1] < 0)
        h = jnp.where(stable | unstable, s.h, s.h / 2)
        done = unstable | (stable & (log_T <= goal)) | (h < SHORTEST)
        now = _Scan(jnp.where(stable, log_T, s.log_T), jnp.where(stable, c[-1], s.c_0), h, c[-1], unstable, done)
        return k + 1, jax.tree.map(lambda old, new: jnp.where(s.done, old, new), s, now)

    # === down to the first unstable temperature, or to T
    highest = jnp.log(jax.vmap(highest_temperature)(sc))
    one, no = jnp.ones_like(T), jnp.zeros(T.shape, bool)
    start = _Scan(highest, one, STEP * one, one, no, ~jnp.isfinite(highest))
    _, end = jax.lax.while_loop(lambda state: (state[0] < most) & ~jnp.all(state[1].done), step, (0, start))

    # === T_c, by secants inside the last step
    low, high = end.log_T - end.h, end.log_T

    def secant(_: Any, state: Any) -> Any:
        x, f, x_0, f_0, _ = state
        guess = jnp.clip(x - f * (x - x_0) / jnp.where(f == f_0, 1.0, f - f_0), low, high)
        c, columns = at(guess)
        return guess, c[-1], x, f, columns

    columns = jnp.zeros((*zero.T.shape[:1], *zero.T.shape))
    x, _, x_0, _, columns = jax.lax.fori_loop(0, SECANTS, secant, (low, end.under, high, end.c_0, columns))
    found = end.unstable & (jnp.abs(x - x_0) <= CLOSE)
    never = end.done & ~end.unstable & (end.log_T <= goal)
    return Onset(
        T_c=jnp.exp(x),
        direction=normalised(columns),
        below=found & ((goal < x - CLOSE) | (T == 0)),
        above=never | (found & (goal > x + CLOSE)),
    )


def normalised(columns: Float[Array, "n n element"]) -> Float[Array, "n element"]:
    """The longest column, its norm 1 and its largest component positive."""
    n = len(columns)
    best, longest = columns[:, 0], jnp.sum(columns[:, 0] ** 2, axis=0)
    for k in range(1, n):
        length = jnp.sum(columns[:, k] ** 2, axis=0)
        best, longest = jnp.where(length > longest, columns[:, k], best), jnp.where(length > longest, length, longest)
    largest = best[0]
    for part in best[1:]:
        largest = jnp.where(jnp.abs(part) > jnp.abs(largest), part, largest)
    return best * jnp.sign(largest) / jnp.sqrt(longest)
