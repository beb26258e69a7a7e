"""The critical temperature of the linearised gap equations, of one system or of many at once, differentiable.

T_c,lin is the largest T at which an eigenvalue of lambda K is 1 (`jaxgap.equations.linear`). It is THE critical temperature if
the transition is continuous; with cross-band pairing between bands at a distance d the transition can be of first order, and
the eigenvalue is not monotonic in T, so the search scans (`jaxgap.solving.onset`, `jaxgap.solving.normal_state`). Of a system
with a density mu moves with T, too: all that is asked is asked at the mu of T_c (`jaxgap.solving.critical_filling`).

Without detailed balance (g not symmetric) eigenvalues of lambda K can be complex. Where a pair of them crosses 1 with its real
part, the normal state becomes unstable too (for equal relaxation rates), but in an oscillation: the linearised equations have
no static solution there, and no static superconducting state branches off. That is no T_c; it is told beside it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int

from jaxgap.equations.linear import (
    coldest_temperature,
    highest_temperature,
    linear_kernel,
    normal_matrices,
    normal_places,
    pair_susceptibility,
)
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.characteristic import LARGEST, changes_of_sign, coefficients
from jaxgap.numerics.programs import program
from jaxgap.solving.critical_filling import at_critical_mu
from jaxgap.solving.entry import takes_any_filling, takes_any_system, takes_system
from jaxgap.solving.normal_state import LOWEST, Search, by_one, counted_in, search_down, search_from
from jaxgap.solving.onset import Onset, onset_at, temperature_at
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


@takes_any_system
def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which lambda K has the real eigenvalue 1; 0 if there is none. (NaN on a lattice
    where there is none down to what its largest mesh resolves, and electrons attract each other.)

    Differentiable with respect to every leaf of `sc`. Where several channels become critical together (equal bands without
    coupling) the derivative is that of the mean of their temperatures: exact in every direction in which they stay together,
    such as that of a tied parameter, else the mean of both sides of T_c = max. NaN where the eigenvalue is defective.
    """
    if isinstance(sc, RetardedSuperconductor):
        return critical_temperature_of(sc)
    return temperature_at(sc if sc.density is None else at_critical_mu(sc))


@takes_any_filling
def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    return Instability(*onset(sc)[:2])


@takes_any_filling
def onset(sc: Superconductor) -> Onset:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable, and what else is known there."""
    return onset_at(sc if sc.density is None else at_critical_mu(sc))


def lowest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """The temperature [K] down to which T_c is searched for."""
    return highest_temperature(sc) * jnp.exp(LOWEST)


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
