"""What the command line prints: tables for people, one JSON object for machines."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jaxgap._checks import InputError
from jaxgap.fitting.compare import FULL, Comparison, log_evidence
from jaxgap.labels import Label
from jaxgap.observables import branch_minima, branch_names, fermi_momentum_gaps
from jaxgap.phase_diagram import PhaseDiagram
from jaxgap.phase_lines import NO_GROUND, NORMAL_GROUND
from jaxgap.solution import Solution, Status
from jaxgap.solutions import State
from jaxgap.superconductor import Superconductor
from jaxgap.transition import Transition

__all__ = [
    "comparison_row",
    "console",
    "diagram_row",
    "print_comparison",
    "print_diagram",
    "print_gaps",
    "print_json",
    "print_transition",
    "gap_row",
    "solution_row",
    "state_row",
    "write_json",
]

console = Console(highlight=False)


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
        "branches": branch_names(s.superconductor),
        "branch_minima_meV": np.asarray(branch_minima(s)).tolist(),
    }


def state_row(state: State) -> dict[str, Any]:
    return {
        "name": state.name,
        "stability": state.stability,
        "unstable_amplitude": state.unstable_amplitude,
        "unstable_phase": state.unstable_phase,
        "free_energy": state.free_energy,
        "smallest_gap_meV": state.gap,
        **solution_row(state.solution),
    }


def print_transition(found: Transition, as_json_: bool) -> None:
    kind = found.kind.name.lower().replace("_", " ")
    if as_json_:
        row = {"T_c_K": found.T_c, "kind": kind, "linear_K": found.linear, "superheating_K": found.superheating}
        print_json(row)
        return
    console.print(
        "No superconducting ground state at any temperature." if found.kind == 0 else f"T_c = {found.T_c:.6f} K, {kind}"
    )
    console.print(
        "The normal state is marginal at " + (", ".join(f"{T:.6f}" for T in found.linear) or "no temperature") + " K."
    )
    if found.superheating is not None:
        console.print(f"A superconducting state survives up to {found.superheating:.6f} K (a fold).")


def gap_row(s: Solution) -> dict[str, Any]:
    fermi = fermi_momentum_gaps(s)
    return {
        "T_K": float(s.T),
        "status": Status(int(s.status)).text,
        "label": Label(int(s.label)).text,
        "branch_minima_meV": np.asarray(branch_minima(s)).tolist(),
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


def comparison_row(found: Comparison) -> dict[str, Any]:
    best = min(fit.criteria["AICc"] for fit in [found.full, *found.held.values()])
    models = {}
    for name, fit in found.fits.items():
        models[name] = {
            "chi2": fit.chi2,
            "data": len(fit.fitted),
            "parameters": dict(zip(fit.config.parameters, fit.value.tolist(), strict=True)),
            "uncertainties": dict(zip(fit.config.parameters, fit.uncertainty.tolist(), strict=True)),
            "interval_68": {i.name: [i.lower.value, i.upper.value] for i in fit.intervals},
            "criteria": fit.criteria,
            "AICc_above_best": fit.criteria["AICc"] - best if name in found.held or name == FULL else None,
            "log_evidence_laplace": log_evidence(fit),
            "p_value": found.p_value(name) if name in found.held else None,
        }
    tension = found.tension
    return {"models": models, "tension": tension._asdict() if tension else None, "verdict": found.verdict}


def print_comparison(found: Comparison) -> None:
    """Every model with what it costs; then what follows, in sentences."""
    table = Table(title=found.full.config.title or "models", title_justify="left")
    for column in ("model", "data", "parameters", "chi^2", "AICc", "BIC", "ln evidence", "p"):
        table.add_column(column, justify="left" if column in ("model", "parameters") else "right")
    for name, fit in found.fits.items():
        pairs = zip(fit.config.parameters, fit.value, fit.uncertainty, strict=True)
        comparable = name == FULL or name in found.held
        table.add_row(
            escape(name),
            str(len(fit.fitted)),
            escape("\n".join(f"{key} = {value:.4g} +- {error:.1g}" for key, value, error in pairs)),
            f"{fit.chi2:.2f}",
            *(f"{fit.criteria[key]:.2f}" if comparable else "" for key in ("AICc", "BIC")),
            f"{log_evidence(fit):.2f}" if comparable else "",
            f"{found.p_value(name):.2g}" if name in found.held else "",
        )
    console.print(table)
    console.print(escape(found.verdict))


def print_json(value: dict[str, Any]) -> None:
    """JSON with null for numbers that do not exist."""
    print(json.dumps(_plain(value), indent=1, allow_nan=False))


def write_json(value: dict[str, Any], path: Path) -> None:
    """The same into a file."""
    try:
        path.write_text(json.dumps(_plain(value), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"Cannot write `{path}`: {error}.") from None


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
