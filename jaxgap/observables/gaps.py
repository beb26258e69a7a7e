r"""Excitation gaps, in the definitions that are in use; they differ, so they are never mixed.

- `branch_minimum`: the minimum of every quasiparticle branch over all k at which it pairs: E_- and E_+ where both bands of a
  pair are inside their shells, and where only one is, as a part of the lower branch, E = sqrt(zeta_i^2 + |Delta_i|^2). The
  smallest one is the `excitation_gap`, with which the density of states begins. With a distance d between the bands it does
  not vanish at T_c for E_+ (it tends to d/2), and further extrema of E_- are not in it.
- `overlap_minimum`: the same where both bands are inside their shells only, as Vargas-Paredes et al., Phys. Rev. B 101, 094516
  (2020), have it. It knows nothing of a band that pairs alone at its own k_F, outside its partner's shell, with a gap
  |Delta_i|: for bands of equal mass at a distance d < Omega the two definitions agree.
- `fermi_momentum`: what symmetrised photoemission reads: E at band i's Fermi momentum, on the branch with the larger weight
  |u_i|^2 + |v_i|^2 of that band.
- `coherence_peak`: what tunnelling sees: the extrema of E_+-(kappa) with their weight in the density of states; of a branch
  that has several, a fit takes the one of the largest weight.
"""

from jaxtyping import Array, Float, Inexact

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.observables.quantity import Need, Quantity
from jaxgap.solving.entry import takes_solution, takes_system
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.fermi_momentum import FermiMomentumGaps, fermi_momentum_gaps_of
from jaxgap.spectra.minima import branch_minima_of, branch_names, excitation_gap_of, gapless_excess_of, overlap_minima_of
from jaxgap.spectra.peaks import CoherencePeak, coherence_peaks_of, strongest_peaks_of

__all__ = [
    "branch_names",
    "branch_minima",
    "overlap_minima",
    "excitation_gap",
    "excitation_gaps",
    "gapless_excess",
    "FermiMomentumGaps",
    "fermi_momentum_gaps",
    "CoherencePeak",
    "coherence_peaks",
]


DEFINITIONS = ("branch_minimum", "overlap_minimum", "fermi_momentum")
"""Of gaps whose number is fixed, so that they can be fitted and swept."""


@takes_solution
def excitation_gaps(solution: MeanFieldState, definition: str = "branch_minimum") -> Float[Array, "gap"]:
    """Excitation gaps [meV] in one of the differentiable definitions.

    Args:
        solution: a solved state.
        definition: "branch_minimum" or "overlap_minimum" (one gap per branch, in the order of `branch_names`: lower before
            upper), or "fermi_momentum" (one gap per band; `fermi_momentum_gaps` has the weights too). The `coherence_peak`
            list has no fixed length: see `coherence_peaks`.
    """
    check(
        definition in DEFINITIONS,
        "definition",
        f"be one of {', '.join(DEFINITIONS)} (for coherence peaks call `coherence_peaks`)",
        repr(definition),
    )
    if definition == "fermi_momentum":
        return fermi_momentum_gaps(solution).gap
    return branch_minima(solution) if definition == "branch_minimum" else overlap_minima(solution)


# --- branch_minimum and overlap_minimum -------------------------------------------------------------------------------


@takes_solution
@program
def branch_minima(solution: MeanFieldState) -> Float[Array, "branch"]:
    """Minimum of every quasiparticle branch over all k at which it pairs [meV], in the order of `branch_names`.

    Of two cross-paired bands the lower one is the minimum of E_- and, where band i alone is inside its shell, of
    sqrt(zeta_i^2 + |Delta_i|^2); the upper one is that of E_+. Normal states, |zeta| > Omega outside the shells, belong to no
    branch. Only where two shells do not overlap, and E_+ has no k of its own, the upper one is where the normal bands cross
    between their shells (d/2 for equal masses): above Omega, which is to say no gap but the cutoff's.

    Differentiable to every order: the k of a minimum is itself a root, dE/dkappa = 0, or moves with a shell's edge. The
    derivative is NaN where the minimum is a kink (an exactly gapless or crossing branch).
    """
    return branch_minima_of(solution.superconductor, solution.Delta)


@program
@takes_solution
def overlap_minima(solution: MeanFieldState) -> Float[Array, "branch"]:
    """`branch_minima` over the k at which both bands of a pair are inside their shells (Vargas-Paredes et al.) [meV]; NaN where
    the shells do not overlap: there is no such k."""
    return overlap_minima_of(solution.superconductor, solution.Delta)


@program
@takes_solution
def excitation_gap(solution: MeanFieldState) -> Float[Array, ""]:
    """The smallest excitation energy [meV], at which the density of states begins: the lowest of `branch_minima`.

    Or Omega, if that is less (|Delta| > Omega): the states outside the shells are normal.
    """
    return excitation_gap_of(solution.superconductor, solution.Delta)


# --- gapless ----------------------------------------------------------------------------------------------------------


@takes_system
def gapless_excess(sc: Superconductor, Delta: Float[Array, "channel"]) -> Float[Array, "pair"]:
    """Zero where E_- of a cross-paired pair of bands touches zero [meV^2], positive where Delta_3 dominates. Real amplitudes.

    See `jaxgap.spectra.minima.gapless_excess_of`.
    """
    return gapless_excess_of(sc, Delta)


# --- fermi_momentum ---------------------------------------------------------------------------------------------------


@takes_solution
def fermi_momentum_gaps(solution: MeanFieldState) -> FermiMomentumGaps:
    """E at k_F,i of every band i, on the branch that carries more of the band, and the weight it carries."""
    return _fermi_momentum_gaps(solution.superconductor, solution.Delta)


@program
def _fermi_momentum_gaps(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> FermiMomentumGaps:
    return fermi_momentum_gaps_of(sc, Delta)


# --- coherence_peak ---------------------------------------------------------------------------------------------------


@takes_solution
def coherence_peaks(solution: MeanFieldState) -> list[CoherencePeak]:
    """All extrema of E_-+(kappa) inside the shell, lowest energy first; those at the overlap's edges are named as such.

    Where the partner of a band is outside its shell at the band's k_F, the band pairs alone and has its minimum there.
    """
    return coherence_peaks_of(solution.superconductor, solution.Delta)


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

GAPS = (
    Quantity(
        "branch_minimum",
        lambda sc, T, s: branch_minima_of(sc, s.Delta),
        ("branch",),
        "meV",
        "excitation gap (branch minimum)",
        Need.STATE,
        normal=0.0,
        datum="branch_minimum",
        proposed=True,
    ),
    Quantity(
        "overlap_minimum",
        lambda sc, T, s: overlap_minima_of(sc, s.Delta),
        ("branch",),
        "meV",
        "branch minimum where both bands of a pair are inside their shells (NaN: nowhere)",
        Need.STATE,
    ),
    Quantity(
        "fermi_momentum",
        lambda sc, T, s: fermi_momentum_gaps_of(sc, s.Delta).gap,
        ("band",),
        "meV",
        "excitation gap (at the Fermi momentum)",
        Need.STATE,
        normal=0.0,
        datum="fermi_momentum",
        proposed=True,
    ),
    Quantity(
        "fermi_momentum_weight",
        lambda sc, T, s: fermi_momentum_gaps_of(sc, s.Delta).weight,
        ("band",),
        "1",
        "weight of the band at its Fermi momentum",
        Need.STATE,
    ),
    Quantity(
        "coherence_peak",
        lambda sc, T, s: strongest_peaks_of(sc, s.Delta),
        ("branch",),
        "meV",
        "excitation gap (strongest coherence peak; NaN: the branch has none)",
        Need.STATE,
        normal=0.0,
        datum="coherence_peak",
    ),
    Quantity("gap", lambda sc, T, s: excitation_gap_of(sc, s.Delta), (), "meV", "smallest branch minimum", Need.STATE),
)
