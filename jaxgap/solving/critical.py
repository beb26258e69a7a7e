"""The critical temperature of the linearised gap equations, of one system or of many at once, differentiable.

T_c,lin is the largest T at which an eigenvalue of lambda K is 1 (`jaxgap.equations.linear`). It is THE critical temperature if
the transition is continuous; with cross-band pairing between bands at a distance d the transition can be of first order, and
the eigenvalue is not monotonic in T, so the search scans (`jaxgap.solving.normal_state`). Many systems are searched with a
third of the nodes first.

Without detailed balance (g not symmetric) eigenvalues of lambda K can be complex. Where a pair of them crosses 1 with its real
part, the normal state becomes unstable too (for equal relaxation rates), but in an oscillation: the linearised equations have
no static solution there, and no static superconducting state branches off. That is no T_c; it is told beside it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from jaxgap.equations.linear import (
    attracts,
    coldest_temperature,
    highest_temperature,
    linear_kernel,
    linear_map,
    normal_matrices,
    normal_places,
    pair_susceptibility,
)
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import spread
from jaxgap.numerics.characteristic import LARGEST, changes_of_sign, coefficients
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.gathered import of_those_left
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_any_system, takes_system
from jaxgap.solving.normal_state import (
    CLOSE,
    FEW,
    LOWEST,
    STEP,
    Search,
    by_one,
    counted_in,
    search_down,
    search_from,
    top_of,
)
from jaxgap.solving.retarded import critical_temperature_of

__all__ = [
    "critical_temperature",
    "Instability",
    "instability",
    "Onset",
    "onset",
    "Crossing",
    "linear_crossings",
    "linear_temperatures",
    "lowest_temperature",
    "linear_kernel",
    "highest_temperature",
    "pair_susceptibility",
]

A_FEW = 64
"""Systems that are searched with all nodes at once: another search with few would take longer to compile than it saves."""
GRID = 1200
"""Temperatures at which all crossings are looked for, evenly in ln T: two closer than 2.7 % can be missed, if one of them
undoes the other."""
SAME_ROOT = 1e-7
"""Crossings closer than this share of T are told as one: rounding splits a defective one by some 1e-8."""


class Instability(NamedTuple):
    """Where the normal state gives way to a static superconducting one."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if no static superconducting state branches off at any temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive). Where several directions
    become critical together, the one in which all channels take part."""


class Onset(NamedTuple):
    """All that is known of where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """As in `Instability`."""
    direction: Float[Array, "channel"]
    together: Int[Array, ""]
    """How many directions become critical at T_c together: eigenvalues within 1e-9 of 1 with as many eigenvectors."""
    differentiable: Bool[Array, ""]
    """Whether T_c has a derivative; not where there is none, nor where its eigenvalue is defective (double, with one
    eigenvector): there T_c moves with the square root of a coupling, and rounding in lambda leaves it 8 digits."""
    oscillatory: Float[Array, ""]
    """Temperature [K] above T_c at which the normal state becomes unstable in an oscillation (for equal relaxation rates), with
    a complex pair of eigenvalues: possible only without detailed balance. 0 if there is none."""


@takes_any_system
def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which lambda K has the real eigenvalue 1; 0 if there is none. (NaN on a lattice
    where there is none down to what its largest mesh resolves, and electrons attract each other.)

    Differentiable with respect to every leaf of `sc`. Where several channels become critical together (equal bands without
    coupling) the derivative is that of the mean of their temperatures: exact in every direction in which they stay together,
    such as that of a tied parameter, else the mean of both sides of T_c = max. NaN where the eigenvalue is defective.
    """
    return critical_temperature_of(sc) if isinstance(sc, RetardedSuperconductor) else _temperature(sc)


@takes_system
def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    return Instability(*onset(sc)[:2])


@takes_system
def onset(sc: Superconductor) -> Onset:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable, and what else is known there."""
    return _onset(sc)


def lowest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """The temperature [K] down to which T_c is searched for."""
    return highest_temperature(sc) * jnp.exp(LOWEST)


# --- T_c as a function of the system ----------------------------------------------------------------------------------------


@program
def _temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c alone: what else is known of it is not compiled."""
    return _all_known(sc).T_c


@program
def _onset(sc: Superconductor) -> Onset:
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


# --- all crossings ----------------------------------------------------------------------------------------------------------


class Crossing(NamedTuple):
    """Where an eigenvalue's real part crosses 1."""

    T: float
    """[K]"""
    static: bool
    """Whether a real eigenvalue does it."""


@takes_system
def linear_temperatures(sc: Superconductor) -> tuple[float, ...]:
    """All temperatures [K] at which lambda K(T) has the eigenvalue 1, highest first."""
    return tuple(crossing.T for crossing in linear_crossings(sc) if crossing.static)


def linear_crossings(sc: Superconductor) -> list[Crossing]:
    """Wherever an eigenvalue's real part crosses 1, highest first: normal states may be stable again below."""
    top, coldest = (float(jnp.log(T)) for T in (highest_temperature(sc), coldest_temperature(sc)))
    log_T = top + np.linspace(0.0, max(LOWEST, coldest - top), GRID)
    number = np.asarray(_numbers(sc, jnp.asarray(log_T)))
    found: list[Crossing] = []
    for i in np.flatnonzero(np.diff(number)):
        upper, above = log_T[i], number[i]
        # One after the other, where several eigenvalues cross between two temperatures of the grid.
        for _ in range(len(sc.channels)):
            end = _between(sc, upper, log_T[i + 1], above, number[i + 1])
            new = Crossing(float(np.exp(end.at[0])), bool(end.static[0]))
            if not found or found[-1].static != new.static or abs(new.T / found[-1].T - 1) > SAME_ROOT:
                found.append(new)
            upper, above = np.asarray(end.lower[0]), np.asarray(end.under[0])
            if above == number[i + 1]:
                break
    return found


@program
def _numbers(sc: Superconductor, log_T: Float[Array, "temperature"]) -> Int[Array, "temperature"]:
    """Numbers of eigenvalues whose real part is above 1."""
    systems = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(log_T), *leaf.shape)), sc)
    M = normal_matrices(systems, normal_places(systems), jnp.exp(log_T))
    return changes_of_sign(coefficients(M)[0]) if len(M) <= LARGEST else counted_in(M)[0]


@program
def _between(sc: Superconductor, upper: ArrayLike, lower: ArrayLike, above: ArrayLike, under: ArrayLike) -> Search:
    """The first crossing below `upper`, ln T, in a bracket with so many eigenvalues above 1 at its ends."""
    systems = jax.tree.map(lambda leaf: leaf[None], sc)
    ends = [jnp.atleast_1d(end) for end in (upper, lower)]
    c_upper, c_lower = (coefficients(normal_matrices(systems, None, jnp.exp(end)))[0][-1] for end in ends)
    start = search_from(systems, ends[0], seen=True)
    start = start._replace(
        c_upper=c_upper,
        above=jnp.atleast_1d(above),
        lower=ends[1],
        c_lower=c_lower,
        under=jnp.atleast_1d(under),
        bracketed=start.seen,
    )
    hard = ~by_one(start)
    return search_down(systems, start._replace(hard=hard), ends[1], counted=True, onwards=False)
