r"""Where the normal state of one system or of many gives way: the search for T_c,lin, behind `jaxgap.solving.critical`.

.. math:: \lambda K(T_c) v = v

The root is found from above, of many systems with a third of the nodes first; T_c and the direction v have the derivatives of
their own equations.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.linear import attracts, coldest_temperature, linear_map
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import spread
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.gathered import of_those_left
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.normal_state import CLOSE, FEW, LOWEST, STEP, search_down, search_from, top_of

__all__ = ["Onset", "onset_at", "temperature_at"]

A_FEW = 64
"""Systems that are searched with all nodes at once: another search with few would take longer to compile than it saves."""


class Onset(NamedTuple):
    """All that is known of where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if no static superconducting state branches off at any temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive). Where several directions
    become critical together, the one in which all channels take part."""
    together: Int[Array, ""]
    """How many directions become critical at T_c together: eigenvalues within 1e-9 of 1 with as many eigenvectors."""
    differentiable: Bool[Array, ""]
    """Whether T_c has a derivative; not where there is none, nor where its eigenvalue is defective (double, with one
    eigenvector): there T_c moves with the square root of a coupling, and rounding in lambda leaves it 8 digits."""
    oscillatory: Float[Array, ""]
    """Temperature [K] above T_c at which the normal state becomes unstable in an oscillation (for equal relaxation rates), with
    a complex pair of eigenvalues: possible only without detailed balance. 0 if there is none."""


@program
def temperature_at(sc: Superconductor) -> Float[Array, ""]:
    """T_c alone of a system with a mu of its own: what else is known of it is not compiled."""
    return _all_known(sc).T_c


@program
def onset_at(sc: Superconductor) -> Onset:
    """All that is known of the onset of a system with a mu of its own."""
    return _all_known(sc)


def _all_known(sc: Superconductor) -> Onset:
    frozen = jax.lax.stop_gradient(sc)
    T_c, oscillatory, A = _found(frozen)
    exists = T_c > 0
    x = jnp.log(jnp.where(exists, T_c, 1.0))
    slope = jax.jvp(lambda t: linear_map(frozen, jnp.exp(t)), (x,), (jnp.ones(()),))[1]
    space = jax.lax.stop_gradient(marginal_space(A))
    good = exists & differentiable(space, slope)
    x = at_root(_mean_crosses_one, x[None], (sc, space), good)[0]
    v = at_root(_marginal_direction, jnp.append(space.direction, 0.0), (sc, space, x), good)[:-1]
    return Onset(
        jnp.where(jnp.isnan(T_c), jnp.nan, jnp.where(exists, jnp.exp(x), 0.0)),
        jnp.where(exists, v, 0.0),
        jnp.where(exists, jnp.sum(space.chosen), 0).astype(int),
        good,
        oscillatory,
    )


def _mean_crosses_one(x: Float[Array, "1"], theta: tuple[Superconductor, MarginalSpace]) -> Float[Array, "1"]:
    """Residual whose root is ln T_c: the mean of the eigenvalues that cross 1 there, less 1."""
    sc, space = theta
    return mean_eigenvalue(space, linear_map(sc, jnp.exp(x[0])))[None]


def _marginal_direction(
    x: Float[Array, "n"], theta: tuple[Superconductor, MarginalSpace, Float[Array, ""]]
) -> Float[Array, "n"]:
    """Residual whose root is (v, 0): lambda K(T_c) v = v with v . v_0 = 1."""
    sc, space, log_T = theta
    v = x[:-1]
    return jnp.append(v - linear_map(sc, jnp.exp(log_T)) @ v + x[-1] * space.left[:, -1], space.direction @ v - 1)


Found = tuple[Float[Array, "*element"], Float[Array, "*element"], Float[Array, "*element channel channel"]]
"""(T_c,lin, the temperature of an oscillatory instability above it) [K], 0 for none, and lambda K(T_c)."""


@jax.custom_batching.custom_vmap
def _found(sc: Superconductor) -> Found:
    systems = jax.tree.map(lambda leaf: leaf[None], sc)
    T_c, oscillatory, A = _searched(systems, top_of(systems))
    return T_c[0], oscillatory[0], A[0]


@_found.def_vmap
def _found_in_batch(size: int, batched: list[Superconductor], sc: Superconductor) -> tuple[Found, tuple[bool, ...]]:
    """Of more than a few systems with few nodes first, then with all from there; what that loses, from above."""
    (systems,) = spread(size, batched, (sc,))
    top = top_of(systems)
    if size <= A_FEW:
        return _searched(systems, top), (True, True, True)
    lowest = jnp.maximum(top + LOWEST, jnp.log(jax.vmap(coldest_temperature)(systems)))
    few = search_down(systems, search_from(systems, top, seen=True), lowest, FEW, CLOSE)
    near = jnp.where(few.found, few.at + 2 * CLOSE, top)
    nothing = 0 * top, 0 * top, jnp.moveaxis(0 * few.M, -1, 0)

    def search(again: Int[Array, ""], found: Found) -> Found:
        left = (again == 0) | (few.found & (found[0] == 0))
        begin = jnp.where(again == 0, near, top)
        return of_those_left(lambda block: _searched(*block), min(cut().block, size), (systems, begin), found, left)

    return jax.lax.fori_loop(0, 2, search, nothing), (True, True, True)


def _searched(systems: Superconductor, begin: Float[Array, "element"]) -> Found:
    """With all nodes: from the top, or from where few nodes have found T_c just below `begin`, ln T; 0 if it is not there."""
    top = top_of(systems)
    close = begin < top
    lowest, step = begin + jnp.where(close, -4 * CLOSE, LOWEST), jnp.where(close, 4 * CLOSE, STEP)
    coldest = jnp.log(jax.vmap(coldest_temperature)(systems))
    lowest = jnp.maximum(lowest, coldest)
    end = search_down(systems, search_from(systems, begin, seen=~close), lowest, step=step, counted=True)
    finite = jnp.isfinite(top)
    # Below what a mesh resolves it is not known.
    unknown = (coldest > top + LOWEST) & jax.vmap(attracts)(systems)
    T_c = jnp.where(end.found, jnp.exp(end.at), jnp.where(unknown, jnp.nan, 0.0))
    A = jnp.eye(len(end.M)) - jnp.moveaxis(end.M, -1, 0)
    return jnp.where(finite, T_c, jnp.nan), jnp.where(finite, jnp.exp(end.oscillatory), jnp.nan), A
