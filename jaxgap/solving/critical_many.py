r"""T_c,lin of the systems of a sweep: that of `jaxgap.solving.critical`, found for many systems at once.

.. math:: \det(1 - \lambda K(T_c)) = 0

Down from where no system superconducts, `onset` finds with a third of the nodes where the normal state becomes unstable, to
1e-3 in ln T; secants with all nodes find where the determinant vanishes. Where that is not said or does not settle (two
channels become critical together), `solving.critical.search` decides, as for a single system.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.equations.gap_equations import normal_matrix
from jaxgap.equations.nodes import lanes
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import coefficients
from jaxgap.numerics.gathered import of_those_left
from jaxgap.solving.critical import LOWEST, STEP, continued, highest_temperature, search
from jaxgap.solving.many import LONG_BLOCK, fewer
from jaxgap.solving.onset import CLOSE, onset
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = ["critical_temperature_in_batch"]

MOST = int(-LOWEST / STEP) + 16
"""Steps of the search: to where `solving.critical.search` ends, and some that are halved."""
SECANTS = 5
"""From 2e-3 in ln T: rounding is reached after three or four."""
SETTLED = 1e-12
"""Change of ln T in the last one."""


def critical_temperature_in_batch(sc: Superconductor) -> Float[Array, ""]:
    """`critical_temperature` of one system, with its derivatives; under vmap it is found for the whole batch at once."""
    return continued(sc, _found(jax.lax.stop_gradient(sc))).T_c


@jax.custom_batching.custom_vmap
def _found(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]; 0 if there is none."""
    return search(sc)[0]


@_found.def_vmap
def _found_in_batch(size: int, batched: Any, sc: Superconductor) -> Any:
    sc = jax.tree.map(lambda leaf, has: leaf if has else jnp.broadcast_to(leaf, (size, *leaf.shape)), sc, batched[0])
    lowest = jax.vmap(highest_temperature)(sc) * jnp.exp(LOWEST)
    where = onset(sc, lowest, fewer(DEFAULT_RULE), MOST)
    T_c, settled = _refined(sc, jnp.where(where.below, where.T_c, 1.0))
    # Few nodes do not resolve the coldest temperatures: whether there is no T_c is asked there again.
    zero = jnp.zeros((size, len(sc.channels)))
    c, _ = coefficients(normal_matrix(lanes(sc, zero, lowest, DEFAULT_RULE)))
    never = where.above & jnp.all(c > 0, axis=0)
    left = ~(never | (where.below & settled))
    return of_those_left(jax.vmap(lambda s: search(s)[0]), LONG_BLOCK, sc, jnp.where(never, 0.0, T_c), left), True


def _refined(sc: Superconductor, T_c: Float[Array, "element"]) -> Any:
    """(T_c [K], whether it has settled) from T_c to 1e-3, with all nodes."""
    zero = jnp.zeros((len(T_c), len(sc.channels)))

    def at(x: Any) -> Any:
        return coefficients(normal_matrix(lanes(sc, zero, jnp.exp(x), DEFAULT_RULE)))[0][-1]

    def secant(_: Any, state: Any) -> Any:
        x_0, f_0, x = state
        f = at(x)
        step = f * (x - x_0) / jnp.where(f == f_0, jnp.inf, f - f_0)
        return x, f, x - step

    x = jnp.log(T_c)
    x_0 = x - CLOSE
    x, _, last = jax.lax.fori_loop(0, SECANTS, secant, (x_0, at(x_0), x))
    settled = (jnp.abs(last - x) <= SETTLED) & (jnp.abs(last - jnp.log(T_c)) <= 4 * CLOSE)
    return jnp.exp(last), settled
