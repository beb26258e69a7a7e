"""What the commands about a system print: tables for people, rows for machines."""

from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from jaxgap.commands.terminal import console
from jaxgap.continuation.transition import Transition, TransitionKind
from jaxgap.model.records import print_json
from jaxgap.model.superconductor import Superconductor
from jaxgap.observables import branch_minima, branch_names, fermi_momentum_gaps, overlap_minima
from jaxgap.phases.diagram import PhaseDiagram
from jaxgap.solving.labels import Label
from jaxgap.solving.solution import Solution, Status
from jaxgap.spectra.beyond_overlap import pairs_alone_at_fermi_momentum
from jaxgap.spectra.regions import pairs
from jaxgap.states.ranking import NO_GROUND, NORMAL_GROUND
from jaxgap.states.solutions import State

__all__ = [
    "diagram_row",
    "print_diagram",
    "print_gaps",
    "print_transition",
    "gap_lines",
    "gap_row",
    "solution_row",
    "state_row",
]


def solution_row(s: Solution) -> dict[str, Any]:
    return {
        "T_K": float(s.T),
        "status": Status(int(s.status)).text,
        "label": Label(int(s.label)).text,
        "channels": s.superconductor.channels,
        "Delta_real_meV": np.asarray(s.Delta.real).tolist(),
        "Delta_imag_meV": np.asarray(s.Delta.imag).tolist(),
        "residual_meV": float(s.residual),
        "steps": int(s.steps),
        "sigma_min": float(s.sigma_min),
        "quadrature_error": float(s.quadrature_error),
        "unstable_amplitude": int(s.unstable_amplitude),
        "unstable_phase": int(s.unstable_phase),
        "branches": branch_names(s.superconductor),
        **_minima(s),
    }


def _minima(s: Solution) -> dict[str, Any]:
    minima = np.asarray(branch_minima(s))
    smallest = float(np.min(np.append(minima, s.superconductor.Omega)))  # as `excitation_gap`, without a program of its own
    return {"branch_minima_meV": minima.tolist(), "excitation_gap_meV": smallest}


def gap_lines(s: Solution) -> list[str]:
    """The branch minima of a solution, and what the shells have to do with them."""
    sc = s.superconductor
    minima = dict(zip(branch_names(sc), np.asarray(branch_minima(s)), strict=True))
    lines = [f"gap (branch minimum) {name}: {gap:.6f} meV" for name, gap in minima.items()]
    for cluster in pairs(sc):
        if bool(pairs_alone_at_fermi_momentum(sc, cluster).any()):
            overlap = dict(zip(branch_names(sc), np.asarray(overlap_minima(s)), strict=True))
            lines += _pairs_alone(":".join(sc.bands[i].name for i in cluster.bands), minima, overlap)
    return lines


def _pairs_alone(pair: str, minima: dict[str, float], overlap: dict[str, float]) -> list[str]:
    """What is said of a pair with a band whose partner is outside its shell at the band's k_F."""
    lower, upper = f"{pair} lower", f"{pair} upper"
    if np.isnan(overlap[lower]):
        return [f"the shells of {pair} do not overlap: each band pairs alone; `{upper}` is no gap but the cutoff's"]
    if minima[lower] < overlap[lower]:
        where = "of a band that pairs alone, where its partner is outside the shell"
        return [f"`{lower}` is {where}; where both bands pair the minimum is {overlap[lower]:.6f} meV"]
    return []


def state_row(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "stability": state.stability,
        "free_energy": state.free_energy,
        "smallest_gap_meV": state.gap,
        **solution_row(state.solution),
    }


def print_transition(found: Transition, as_json_: bool) -> None:
    if as_json_:
        row = {
            "T_c_K": found.T_c,
            "kind": found.kind.name.lower().replace("_", " "),
            "linear_K": found.linear,
            "superheating_K": found.superheating,
            "oscillatory_K": found.oscillatory,
        }
        print_json(row)
        return
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


def gap_row(s: Solution) -> dict[str, Any]:
    fermi = fermi_momentum_gaps(s)
    return {
        "T_K": float(s.T),
        "status": Status(int(s.status)).text,
        "label": Label(int(s.label)).text,
        **_minima(s),
        "fermi_momentum_meV": np.asarray(fermi.gap).tolist(),
        "fermi_momentum_weight": np.asarray(fermi.weight).tolist(),
    }


def print_gaps(sc: Superconductor, rows: list[dict[str, Any]]) -> None:
    table = Table(title="excitation gaps (meV): minima of the branches, and at the bands' Fermi momenta", title_justify="left")
    for column in ("T [K]", "state"):
        table.add_column(escape(column), justify="right")
    for name in branch_names(sc):
        table.add_column(escape(name), justify="right")
    for name in sc.band_names:
        table.add_column(f"at k_F of {name}", justify="right")
    for row in rows:
        numbers = [*row["branch_minima_meV"], *row["fermi_momentum_meV"]]
        asked_for = row["status"] in ("converged", "normal")
        state = row["label"] if asked_for else row["status"]
        table.add_row(f"{row['T_K']:g}", state, *(f"{x:.4f}" if asked_for else "-" for x in numbers))
    console.print(table)


def diagram_row(found: PhaseDiagram) -> dict[str, Any]:
    """What a phase diagram shows, in numbers: shares of points, and how far every line reaches."""
    points = found.ground.size
    shares = {
        "superconducting": np.sum(found.ground >= 0) / points,
        "normal": np.sum(found.ground == NORMAL_GROUND) / points,
        "time_reversal_broken": np.sum(found.ground_broken) / points,
        "no_stable_state_found": np.sum(found.ground == NO_GROUND) / points,
        "several_stable_states": np.sum(found.stable_states > 1) / points,
    }
    lines = {
        kind.name.lower(): {
            "points": len(line),
            **{name: [float(f(line[:, i])) for f in (np.min, np.max)] for i, name in enumerate((found.x_name, found.y_name))},
        }
        for kind, line in found.lines.items()
        if len(line)
    }
    return {"shares_of_points": {name: float(share) for name, share in shares.items()}, "lines": lines}


def print_diagram(found: PhaseDiagram) -> None:
    """The same as a table."""
    row = diagram_row(found)
    words = [f"{share:.1%} {name.replace('_', ' ')}" for name, share in row["shares_of_points"].items()]
    console.print(f"{found.ground.size} points: {', '.join(words)}.")
    table = Table(title="lines, each point located by its own equations", title_justify="left")
    for column in ("line", "points", found.x_name, found.y_name):
        table.add_column(escape(column))
    for kind, line in row["lines"].items():
        ranges = ("{:.6g} to {:.6g}".format(*line[name]) for name in (found.x_name, found.y_name))
        table.add_row(kind, str(line["points"]), *ranges)
    console.print(table)
