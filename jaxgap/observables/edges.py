r"""Gap edges of a retarded interaction, and of impurities: where spectra begin. Without impurities Re Delta_i(E) = E,

.. math:: N_i(E) = N_i \, \mathrm{Re} \frac{E}{\sqrt{E^2 - \Delta_i(E)^2}}

Delta_i(E) is continued from the Matsubara frequencies (`jaxgap.solving.real_axis`). Its error is estimated by one round of the
exact formula less, from another number of points: 1e-12 for sharp phonons far above k_B T, 1e-3 for a broad spectrum that
reaches down to the gap, where a quasiparticle has a lifetime, and more at strong coupling. Of impurities with an instantaneous
interaction (`MatsubaraCutoff`) the edge is where N_i(E) of the averaged state begins (`jaxgap.selfenergy.elastic_edge`), 0 of a
gapless one: bands that impurities or cross pairs link, however weakly, have states at the same energies, and share it.
"""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_clean
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.observables.quantity import Need, Quantity
from jaxgap.observables.views import Settings
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.real_axis import POINTS, ContinuedState, edges_of, rounds_of
from jaxgap.solving.real_axis_across import CrossContinuedState, onset_of_spectrum
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution

__all__ = ["EDGE", "RHO", "GapEdges", "SpectrumOnset", "Z", "alone", "edges_within", "gap_edges", "spectrum_onset"]

OTHER_POINTS = 60
"""Of the Pade approximants that the edges are compared with."""


class GapEdges(NamedTuple):
    """Where the spectra of the bands begin."""

    edge: Float[Array, "band"]
    """[meV], with derivatives; of impurities with those of first order."""
    error: Float[Array, "band"]
    """What one round less, from another number of points, changes [meV]; 0 of impurities, where nothing is continued."""


@takes_any_solution
def gap_edges(solution: Solution) -> GapEdges:
    """Gap edges [meV] of a solution without cross channels, or with impurities and an instantaneous interaction, with an
    estimate of their error.

    Raises:
        InputError: if the solution is of a static interaction (`excitation_gaps` is its gaps); without impurities, if it has
            cross channels or fewer than 60 Matsubara frequencies; with them, if the interaction is retarded.
    """
    if isinstance(solution, RetardedSolution) and solution.superconductor.is_dressed:
        edge = _dressed_edges(solution)
        return GapEdges(edge, jnp.zeros_like(edge))
    sc = _checked(solution)
    check(not sc.cross, "solution", "have no cross channels for its edges", ", ".join(sc.channels[len(sc.bands) :]))
    return _edges(cast(RetardedSolution, solution))


class SpectrumOnset(NamedTuple):
    """Where the density of states of all bands together begins."""

    energy: Float[Array, ""]
    """[meV], without derivatives; 0 of a gapless state."""
    error: Float[Array, ""]
    """What another number of points of the continuation changes [meV]."""


@takes_any_solution
def spectrum_onset(solution: Solution) -> SpectrumOnset:
    """Where the density of states of a solution with cross channels begins: bands have no edges of their own there.

    Raises:
        InputError: if the solution is of a static interaction (`excitation_gap` is its gap), or without cross channels
            (`gap_edges`), or has disorder; if there are fewer than 60 Matsubara frequencies.
    """
    sc = _checked(solution)
    check(bool(sc.cross), "solution", "have cross channels (without them there are `gap_edges`)", ", ".join(sc.channels))
    return _onset(cast(RetardedSolution, solution))


def _checked(solution: Solution) -> RetardedSuperconductor:
    check(isinstance(solution, RetardedSolution), "solution", "have a retarded interaction", type(solution).__name__)
    sc = cast(RetardedSuperconductor, solution.superconductor)
    check_clean(sc, "solution")
    N = sc.frequencies or FREQUENCIES
    check(OTHER_POINTS <= N, "solution", f"have at least {OTHER_POINTS} frequencies", N)
    return sc


@program
def _onset(solution: RetardedSolution) -> SpectrumOnset:
    here, other = (onset_of_spectrum(across(solution, points)) for points in (POINTS, OTHER_POINTS))
    return SpectrumOnset(here, jnp.abs(here - other))


def across(solution: RetardedSolution, points: int) -> CrossContinuedState:
    """The continuation of a solution with cross channels."""
    found = solution.continued(points)
    assert isinstance(found, CrossContinuedState)
    return found


@program
def _edges(solution: RetardedSolution) -> GapEdges:
    fewer = rounds_of(cast(RetardedSuperconductor, solution.superconductor)) - 1
    edge, other = edges_of(alone(solution)), edges_of(alone(solution, OTHER_POINTS, fewer))
    return GapEdges(edge, jax.lax.stop_gradient(jnp.abs(edge - other)))


@program
def _dressed_edges(solution: RetardedSolution) -> Float[Array, "band"]:
    return edges_within(solution)


def edges_within(solution: RetardedSolution) -> Float[Array, "band"]:
    """Gap edges [meV] for use inside other programs; nothing is checked."""
    sc = cast(RetardedSuperconductor, solution.superconductor)
    return DressedState(sc, solution.T, solution.pairing).edges() if sc.is_dressed else edges_of(alone(solution))


def alone(solution: RetardedSolution, points: int = POINTS, rounds: int | None = None) -> ContinuedState:
    """The continuation of a solution without cross channels."""
    found = solution.continued(points, rounds)
    assert isinstance(found, ContinuedState)
    return found


# --- for sweeps and fits --------------------------------------------------------------------------------------------------


def _refused(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    check(sc.is_retarded, "sc", "have a retarded interaction for `gap_edge` (static ones have branch minima)", "a static one")
    if sc.is_dressed:
        return
    check_clean(sc)
    check(len(sc.channels) == len(sc.band_names), "sc", "have no cross channels for `gap_edge`", ", ".join(sc.channels))


def _static(sc: Superconductor, T: Float[np.ndarray, "temperature"], settings: Settings) -> None:
    check(sc.is_retarded, "sc", "have a retarded interaction for `Z` and `rho`", "a static one")


Z = Quantity(
    "Z",
    lambda sc, T, s: s.self_energy.Z[: len(sc.channels), 0],
    ("channel",),
    "1",
    "W / omega at the lowest Matsubara frequency",
    refused=_static,
)
RHO = Quantity(
    "rho",
    lambda sc, T, s: s.rho,
    (),
    "1",
    "leading eigenvalue of the linearised equations",
    differentiable=False,
    refused=_static,
)
EDGE = Quantity(
    "gap_edge",
    lambda sc, T, s: edges_within(s),
    ("band",),
    "meV",
    "edge of the gap, where the spectrum of a band begins",
    Need.SOLUTION,
    datum="gap_edge",
    refused=_refused,
)
