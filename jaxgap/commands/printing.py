"""What the commands about a system print for people: sentences and tables (`records` is for machines)."""

import numpy as np
from rich.markup import escape

from jaxgap.commands.records import DiagramRecord, GapRow
from jaxgap.commands.terminal import console
from jaxgap.continuation.transition import Transition, TransitionKind
from jaxgap.fitting.report.columns import Table
from jaxgap.model.eliashberg import EliashbergFunction, moments
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.amounts import amount
from jaxgap.observables import branch_minima, branch_names, gap_edges, overlap_minima, spectrum_onset
from jaxgap.phases.diagram import PhaseDiagram
from jaxgap.solving.critical import Onset, lowest_temperature
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution
from jaxgap.spectra.beyond_overlap import ROUNDING, pairs_alone_at_fermi_momentum

__all__ = ["gap_lines", "mu_lines", "print_critical", "print_diagram", "print_gaps", "print_transition"]


def mu_lines(sc: Superconductor, s: Solution) -> list[str]:
    """The chemical potentials that were found for the density of a system."""
    if sc.density is None:
        return []
    names = [f"mu[{band.name}]" for band in sc.beyond] or ["mu"]
    return [f"{name} = {float(mu):+.9f} meV" for name, mu in zip(names, s.superconductor.mus, strict=True)]


def gap_lines(s: Solution) -> list[str]:
    """The branch minima of a solution, and what the shells have to do with them."""
    sc = s.superconductor
    if sc.is_retarded:
        return _edge_lines(s)
    minima = dict(zip(branch_names(sc), np.asarray(branch_minima(s)), strict=True))
    lines = [f"gap (branch minimum) {name}: {gap:.6f} meV" for name, gap in minima.items()]
    for cluster in sc.linked:
        several = len(cluster.bands) > 2
        if several or bool(pairs_alone_at_fermi_momentum(sc, cluster).any()):
            overlap = dict(zip(branch_names(sc), np.asarray(overlap_minima(s)), strict=True))
            linked = ":".join(sc.bands[i].name for i in cluster.bands)
            lines += (_partly_paired if several else _pairs_alone)(linked, minima, overlap)
    return lines


def _edge_lines(s: Solution) -> list[str]:
    """Where the spectra of a retarded interaction begin, of cross-paired bands all together; of disordered ones their order
    parameter."""
    assert isinstance(s, RetardedSolution)
    if s.superconductor.is_disordered:
        pairing = zip(s.superconductor.channels, np.asarray(s.pairing), strict=True)
        return [f"order parameter {name}: {value:+.6f} meV" for name, value in pairing]
    if s.superconductor.cross:
        onset = spectrum_onset(s)
        error = f"numbers of points of its continuation differ by {float(onset.error):.1e} meV"
        return [f"the density of states begins at {float(onset.energy):.6f} meV ({error})"]
    edges = gap_edges(s)
    named = zip(s.superconductor.band_names, np.asarray(edges.edge), np.asarray(edges.error), strict=True)
    return [
        f"gap edge {name}: {edge:.6f} meV (numbers of points of its continuation differ by {error:.1e} meV)"
        for name, edge, error in named
    ]


def _partly_paired(linked: str, minima: dict[str, float], overlap: dict[str, float]) -> list[str]:
    """What is said of branches of several bands that are lowest where not all of these are inside their shells."""
    names = [name for name in minima if name.split()[0] == linked]
    if all(np.isnan(overlap[name]) for name in names):
        return [f"there is no k at which all of {linked} are inside their shells: fewer bands pair at each"]
    where = "where some of its bands are outside their shells; where all pair the minimum is"
    return [f"`{name}` is {where} {overlap[name]:.6f} meV" for name in names if minima[name] < (1 - ROUNDING) * overlap[name]]


def _pairs_alone(pair: str, minima: dict[str, float], overlap: dict[str, float]) -> list[str]:
    """What is said of a pair with a band whose partner is outside its shell at the band's k_F."""
    lower, upper = f"{pair} lower", f"{pair} upper"
    if np.isnan(overlap[lower]):
        return [f"the shells of {pair} do not overlap: each band pairs alone; `{upper}` is no gap but the cutoff's"]
    if minima[lower] < overlap[lower]:
        where = "of a band that pairs alone, where its partner is outside the shell"
        return [f"`{lower}` is {where}; where both bands pair the minimum is {overlap[lower]:.6f} meV"]
    return []


DEFECTIVE = (
    "T_c has no derivatives here: its eigenvalue of lambda K is double with one eigenvector (defective), and moves with the "
    "square root of a coupling. It is right to about 8 digits."
)
MEAN = (
    "{} directions become critical together here. The derivatives are those of the mean of their temperatures: exact for "
    "changes that keep them together, else the mean of both sides."
)


def print_critical(sc: Superconductor, found: Onset, derivatives: dict[str, float]) -> None:
    """T_c of the linearised gap equations, and what it depends on."""
    T_c, oscillatory, together = float(found.T_c), float(found.oscillatory), int(found.together)
    if oscillatory > 0:
        console.print(oscillatory_sentence(T_c, oscillatory), soft_wrap=True)
    if T_c == 0.0:
        if oscillatory == 0:
            lowest = float(lowest_temperature(sc))
            console.print(f"The normal state is stable at every temperature (above {lowest:.1e} K): T_c = 0.")
        return
    console.print(f"T_c = {T_c:.6f} K (linearised gap equations)")
    if not bool(found.differentiable):
        console.print(DEFECTIVE, soft_wrap=True)
        return
    if together > 1:
        console.print(MEAN.format(together), soft_wrap=True)
    _print_derivatives(sc, derivatives)


LEAVES = ("lam", "mu_star", "omega_c", "mode", "disorder")
"""Of a retarded interaction that T_c depends on."""


def print_retarded(sc: RetardedSuperconductor, T_c: float, derivatives: dict[str, float]) -> None:
    """T_c of Eliashberg's equations, what the spectrum is, and what T_c depends on."""
    closed = sc.is_dressed
    if T_c == 0.0:
        lowest = "at every temperature" if closed else "down to the temperature that 65536 Matsubara frequencies resolve"
        console.print(f"The normal state is stable {lowest}: T_c = 0.")
        return
    how = "digammas of disorder" if closed else f"Eliashberg's equations, {sc.frequencies} Matsubara frequencies"
    console.print(f"T_c = {T_c:.6f} K ({how})")
    if len(sc.bands) == 1 and sc.spectra and isinstance(sc.spectra[0], EliashbergFunction):
        lam, omega_log, omega_2 = (float(moment) for moment in moments(sc.spectra[0]))
        console.print(f"lambda = {lam:.6g}, omega_log = {omega_log:.6g} meV, omega_2 = {omega_2:.6g} meV")
    shown = {path: slope for path, slope in derivatives.items() if path.startswith(LEAVES)}
    _print_derivatives(sc, shown)


def _print_derivatives(sc: Superconductor, derivatives: dict[str, float]) -> None:
    table = Table(title="what it depends on")
    table.add_column("leaf")
    table.add_column("value", justify="right")
    table.add_column("dT_c/dleaf [K per unit]", justify="right")
    for path, derivative in derivatives.items():
        table.add_row(escape(path), f"{float(sc.get(path)):.6g}", f"{derivative:.5g}")
    console.print(table)


def print_transition(found: Transition) -> None:
    if found.kind == TransitionKind.NONE:
        console.print("No superconducting ground state at any temperature.")
    elif found.kind == TransitionKind.OSCILLATORY and found.oscillatory is not None:
        console.print(oscillatory_sentence(found.T_c, found.oscillatory), soft_wrap=True)
    else:
        console.print(f"T_c = {found.T_c:.6f} K, {found.kind.text}")
    marginal = " and ".join(f"{T:.6f} K" for T in found.linear)
    if marginal or found.oscillatory is None:
        console.print(f"The normal state is marginal at {marginal or 'no temperature'}.")
    if found.superheating is not None:
        console.print(f"A superconducting state survives up to {found.superheating:.6f} K (a fold).")


def oscillatory_sentence(T_c: float, oscillatory: float) -> str:
    """What is known where a complex pair of eigenvalues of lambda K crosses 1 first."""
    static = (
        "no static superconducting state branches off from it at any temperature"
        if T_c == 0
        else f"a static superconducting state branches off from it only at T_c = {T_c:.6f} K"
    )
    return (
        f"The normal state is unstable below {oscillatory:.6f} K in an oscillation (a complex pair of eigenvalues of lambda K, "
        f"which is possible because g is not symmetric; for equal relaxation rates), and {static}."
    )


def print_gaps(sc: Superconductor, rows: list[GapRow]) -> None:
    bands = sc.band_names if sc.beyond else ()
    also = ", and at the bands' Fermi momenta" if bands else ""
    table = Table(title=f"excitation gaps (meV): minima of the quasiparticle branches{also}")
    for column in ("T [K]", "state"):
        table.add_column(escape(column), justify="right")
    for name in branch_names(sc):
        table.add_column(escape(name), justify="right")
    for name in bands:
        table.add_column(f"at k_F of {name}", justify="right")
    for row in rows:
        numbers = [*row.branch_minima_meV, *row.fermi_momentum_meV]
        asked_for = row.status in ("converged", "normal")
        state = row.label if asked_for else row.status
        table.add_row(f"{row.T_K:g}", state, *(f"{x:.4f}" if asked_for else "-" for x in numbers))
    console.print(table)


def print_diagram(found: PhaseDiagram, record: DiagramRecord) -> None:
    """Shares of points, and how far every line reaches."""
    words = [f"{share:.1%} {name.replace('_', ' ')}" for name, share in record.shares_of_points.items()]
    console.print(f"{amount(found.ground.size, 'point')}: {', '.join(words)}.")
    table = Table(title="lines, each point located by its own equations")
    for column in ("line", "points", found.x_name, found.y_name):
        table.add_column(escape(column))
    for kind, line in record.lines.items():
        ranges = ("{:.6g} to {:.6g}".format(*reach) for reach in line.__pydantic_extra__.values())
        table.add_row(kind, str(line.points), *ranges)
    console.print(table)
