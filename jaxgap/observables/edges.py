r"""Gap edges of a retarded interaction, where spectra begin: Re Delta_i(E) = E on the real axis.

.. math:: N_i(E) = N_i \, \mathrm{Re} \frac{E}{\sqrt{E^2 - \Delta_i(E)^2}}

Delta_i(E) is continued from the lowest Matsubara frequencies by Vidberg and Serene's continued fraction
(`jaxgap.selfenergy.pade`). Its error is what several numbers of points disagree by: 1e-9 for sharp phonons and couplings of
order one, 1e-3 for a broad spectrum that reaches down to the gap, where a quasiparticle has a lifetime, and more at strong
coupling.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.selfenergy.eliashberg import equations_of, first_frequencies, self_energy_at
from jaxgap.selfenergy.pade import continued, even_in_frequency
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution

__all__ = ["GapEdges", "gap_edges"]

POINTS = (40, 60, 80)
"""Of the continued fraction; with 20 it is now and then wrong."""
ITERATIONS = 60
"""E <- Re Delta(E), which contracts: Delta changes over phonons' energies."""


class GapEdges(NamedTuple):
    """Where the spectra of the bands begin."""

    edge: Float[Array, "band"]
    """[meV], with derivatives; with the largest number of points."""
    error: Float[Array, "band"]
    """What the numbers of points disagree by [meV]."""


@takes_any_solution
def gap_edges(solution: Solution) -> GapEdges:
    """Gap edges [meV] of a solution without cross channels, with an estimate of their error.

    Raises:
        InputError: if the solution is of a static interaction (`excitation_gaps` is its gaps), or has cross channels; if there
        are
            fewer than 80 Matsubara frequencies.
    """
    check(isinstance(solution, RetardedSolution), "solution", "have a retarded interaction", type(solution).__name__)
    assert isinstance(solution, RetardedSolution)
    sc = cast(RetardedSuperconductor, solution.superconductor)
    check(not sc.cross, "solution", "have no cross channels for its edges", ", ".join(sc.channels[len(sc.bands) :]))
    N = sc.frequencies or FREQUENCIES
    check(POINTS[-1] <= N, "solution", f"have at least {POINTS[-1]} frequencies", N)
    return _edges(solution)


@program
def _edges(solution: RetardedSolution) -> GapEdges:
    sc = cast(RetardedSuperconductor, solution.superconductor)
    known, E = solution.self_energy, equations_of(sc, solution.T)
    lowest = first_frequencies(sc, solution.T, POINTS[-1])
    W, Phi = self_energy_at(known.Phi / known.Z, E, lowest)
    Delta = Phi * lowest.omega / W
    found = jnp.stack([jax.vmap(lambda D, n=n: _edge(lowest.omega[:n], D[:n]))(Delta) for n in POINTS])
    return GapEdges(found[-1], jax.lax.stop_gradient(jnp.max(found, axis=0) - jnp.min(found, axis=0)))


def _edge(omega: Float[Array, "n"], Delta: Float[Array, "n"]) -> Float[Array, ""]:
    """|E| where Re Delta(E) = E; 0 of the normal state."""
    exists = Delta[0] != 0
    size = jnp.where(exists, Delta * jnp.sign(Delta[0]), 1.0)
    fixed = jax.lax.stop_gradient((omega, size))
    E = jax.lax.fori_loop(0, ITERATIONS, lambda _, E: _real_part(E, *fixed), size[0])
    E = at_root(_off_the_edge, E[None], (omega, size), exists)[0]
    return jnp.where(exists, E, 0.0)


def _real_part(E: Float[Array, ""], omega: Float[Array, "n"], Delta: Float[Array, "n"]) -> Float[Array, ""]:
    """Re Delta(E)."""
    return jnp.real(continued(*even_in_frequency(omega, Delta), E + 0j))


def _off_the_edge(E: Float[Array, "1"], theta: tuple[Float[Array, "n"], Float[Array, "n"]]) -> Float[Array, "1"]:
    return E - _real_part(E[0], *theta)
