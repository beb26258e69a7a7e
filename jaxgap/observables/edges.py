r"""Gap edges of a retarded interaction, where spectra begin: Re Delta_i(E) = E on the real axis.

.. math:: N_i(E) = N_i \, \mathrm{Re} \frac{E}{\sqrt{E^2 - \Delta_i(E)^2}}

Delta_i(E) is continued from the Matsubara frequencies (`jaxgap.solving.real_axis`). Its error is estimated by one round of the
exact formula less, from another number of points: 1e-12 for sharp phonons far above k_B T, 1e-3 for a broad spectrum that
reaches down to the gap, where a quasiparticle has a lifetime, and more at strong coupling.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.model.superconductor import check_clean
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.real_axis import edges_of, rounds_of
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution

__all__ = ["GapEdges", "gap_edges"]

OTHER_POINTS = 60
"""Of the Pade approximants that the edges are compared with."""


class GapEdges(NamedTuple):
    """Where the spectra of the bands begin."""

    edge: Float[Array, "band"]
    """[meV], with derivatives."""
    error: Float[Array, "band"]
    """What one round less, from another number of points, changes [meV]."""


@takes_any_solution
def gap_edges(solution: Solution) -> GapEdges:
    """Gap edges [meV] of a solution without cross channels, with an estimate of their error.

    Raises:
        InputError: if the solution is of a static interaction (`excitation_gaps` is its gaps), has cross channels or disorder;
            if there are fewer than 60 Matsubara frequencies.
    """
    check(isinstance(solution, RetardedSolution), "solution", "have a retarded interaction", type(solution).__name__)
    assert isinstance(solution, RetardedSolution)
    sc = cast(RetardedSuperconductor, solution.superconductor)
    check_clean(sc, "solution")
    check(not sc.cross, "solution", "have no cross channels for its edges", ", ".join(sc.channels[len(sc.bands) :]))
    N = sc.frequencies or FREQUENCIES
    check(OTHER_POINTS <= N, "solution", f"have at least {OTHER_POINTS} frequencies", N)
    return _edges(solution)


@program
def _edges(solution: RetardedSolution) -> GapEdges:
    fewer = rounds_of(cast(RetardedSuperconductor, solution.superconductor)) - 1
    edge, other = edges_of(solution.continued()), edges_of(solution.continued(OTHER_POINTS, fewer))
    return GapEdges(edge, jax.lax.stop_gradient(jnp.abs(edge - other)))
