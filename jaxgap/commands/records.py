"""What the commands print with --json. Numbers that do not exist are null."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, cast

import numpy as np
from pydantic import BeforeValidator, ConfigDict

from jaxgap.continuation.transition import TransitionKind
from jaxgap.fitting.information import Measurement
from jaxgap.fitting.report.record import FitRecord
from jaxgap.model.records import Known, Record, Row, Vector, source
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.observables import branch_minima, branch_names, fermi_momentum_gaps, gap_edges, spectrum_onset
from jaxgap.observables.gaps import CoherencePeak
from jaxgap.phases.diagram import PhaseDiagram
from jaxgap.solving.labels import Label
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution, Status
from jaxgap.states.ranking import NO_GROUND, NORMAL_GROUND
from jaxgap.states.solutions import State

__all__ = [
    "BesideRecord",
    "CheckRecord",
    "ColumnRecord",
    "DataRecord",
    "DiagramRecord",
    "EndRecord",
    "GapRow",
    "GapsRecord",
    "NewRecord",
    "NextRecord",
    "ObserveRecord",
    "SolutionRecord",
    "SolutionsRecord",
    "StateRecord",
    "SweepRecord",
    "TcRecord",
    "TransitionRecord",
    "diagram_record",
    "gap_row",
    "solution_record",
    "state_record",
]

StatusText = Annotated[str, source("status"), BeforeValidator(lambda code: Status(int(code)).text)]
LabelText = Annotated[str, source("label"), BeforeValidator(lambda code: Label(int(code)).text)]


# --- solutions ---------------------------------------------------------------------------------------------------------


class SolutionRecord(Record):
    """A solution of the gap equations: `jaxgap solve`."""

    T_K: Annotated[float, source("T")]
    status: StatusText
    label: LabelText
    channels: Annotated[tuple[str, ...], source("superconductor", "channels")]
    """The order of the amplitudes."""
    Delta_real_meV: Annotated[Vector, source("Delta", "real")]
    Delta_imag_meV: Annotated[Vector, source("Delta", "imag")]
    mu_meV: Annotated[Vector, source("superconductor", "mus")]
    """Of every band, or that of a lattice; found where there is a density."""
    residual_meV: Annotated[Known, source("residual")]
    steps: int
    sigma_min: Known
    quadrature_error: Known
    unstable_amplitude: int
    unstable_phase: int
    branches: Annotated[tuple[str, ...], source("superconductor"), BeforeValidator(branch_names)]
    """The order of the gaps."""
    branch_minima_meV: Vector
    """None of a retarded interaction, whose gaps are edges."""
    excitation_gap_meV: Known
    """The smallest of them, or of the edges."""
    gap_edges_meV: Vector | None = None
    """Of a retarded interaction: Re Delta(E) = E of every band; empty with cross channels or disorder. Its `Delta` is that at
    the lowest Matsubara frequency."""
    gap_edge_errors_meV: Vector | None = None
    """What another number of points of the continuation changes."""
    Z: Vector | None = None
    """Of a retarded interaction: W / omega of every channel at the lowest Matsubara frequency."""
    rho: Known | None = None
    """The same of the linearised equations: their leading eigenvalue, above 1 below T_c."""
    matsubara_frequencies: int | None = None


OF_RETARDED = ("gap_edges_meV", "gap_edge_errors_meV", "Z", "rho", "matsubara_frequencies")
"""What a static solution does not have."""


class RankedRecord(Record):
    """What is known of one solution among others."""

    name: str
    stability: str
    free_energy: Known | None
    """Relative to the normal state [meV^2 times the unit of N]; null if g is not symmetric: then none exists."""
    smallest_gap_meV: Annotated[Known, source("gap")]


class StateRecord(SolutionRecord, RankedRecord):
    """A solution among all."""


class SolutionsRecord(Record):
    """All solutions at one temperature: `jaxgap solutions`."""

    T_K: float
    solutions: list[StateRecord]
    """Ranked."""


def solution_record(s: Solution) -> SolutionRecord:
    return SolutionRecord.of(s, **_minima(s))


def state_record(state: State) -> StateRecord:
    ranked = RankedRecord.of(state)
    return StateRecord.of(state.solution, **dict(ranked), **_minima(state.solution))


def _minima(s: Solution) -> dict[str, object]:
    if isinstance(s, RetardedSolution):
        return _edges(s)
    minima = np.asarray(branch_minima(s))
    sc = s.superconductor  # As `excitation_gap`, without a program of its own: bands are normal beyond their shells.
    smallest = float(np.min([*minima, *([float(sc.Omega)] if sc.beyond else [])]))
    return {"branch_minima_meV": minima, "excitation_gap_meV": smallest} | dict.fromkeys(OF_RETARDED)


def _excitation_gap(s: RetardedSolution, edge: np.ndarray) -> float:
    """The smallest edge, or with cross channels where the spectrum begins; not known of disordered states."""
    if not bool(s.converged) or not np.any(np.asarray(s.Delta)) or s.superconductor.is_disordered:
        return float("nan")
    return float(spectrum_onset(s).energy) if s.superconductor.cross else float(np.min(edge))


def _edges(s: RetardedSolution) -> dict[str, object]:
    known = bool(s.converged) and not s.superconductor.cross and not s.superconductor.is_disordered
    edge, error = (np.asarray(part) for part in gap_edges(s)) if known else (np.empty(0), np.empty(0))
    return {
        "branch_minima_meV": np.empty(0),
        "excitation_gap_meV": _excitation_gap(s, edge),
        "gap_edges_meV": edge,
        "gap_edge_errors_meV": error,
        "Z": np.asarray(s.self_energy.Z[: len(s.superconductor.channels), 0]),
        "rho": float(s.rho),
        "matsubara_frequencies": cast(RetardedSuperconductor, s.superconductor).frequencies,
    }


# --- gaps --------------------------------------------------------------------------------------------------------------


class GapRow(Record):
    """The gaps at one temperature."""

    T_K: Annotated[float, source("T")]
    status: StatusText
    label: LabelText
    branch_minima_meV: Vector
    excitation_gap_meV: Known
    fermi_momentum_meV: Vector
    """At k_F of every band; nothing of a lattice."""
    fermi_momentum_weight: Vector
    """Of the band on the quasiparticle branch that is meant."""


class EndRecord(Record):
    """Where a branch ends, and how."""

    T_K: float
    kind: str


class GapsRecord(Record):
    """Gaps against temperature: `jaxgap gaps`."""

    branches: tuple[str, ...]
    """Names of the quasiparticle branches: the order of the minima."""
    rows: list[GapRow]
    branch_end: EndRecord | None
    """Of the branch that was asked for."""
    coherence_peaks: list[Annotated[CoherencePeak, Row()]]
    """At the first temperature."""


def gap_row(s: Solution) -> GapRow:
    if not s.superconductor.beyond:
        return GapRow.of(s, **_minima(s), fermi_momentum_meV=np.empty(0), fermi_momentum_weight=np.empty(0))
    fermi = fermi_momentum_gaps(s)
    return GapRow.of(s, **_minima(s), fermi_momentum_meV=fermi.gap, fermi_momentum_weight=fermi.weight)


# --- transitions -------------------------------------------------------------------------------------------------------


class TcRecord(Record):
    """T_c of the linearised gap equations: `jaxgap tc`."""

    T_c_K: float
    derivatives_K_per_unit: dict[str, Known]
    """With respect to every leaf of the system."""
    oscillatory_K: float | None
    """Below this the normal state is unstable in an oscillation, if it is above T_c."""
    critical_together: int | None
    """How many directions become critical there; null of a retarded interaction, where they are not counted."""
    differentiable: bool


class TransitionRecord(Record):
    """The transition of the ground state: `jaxgap tc --kind`."""

    T_c_K: Annotated[float, source("T_c")]
    kind: Annotated[str, BeforeValidator(lambda kind: TransitionKind(kind).name.lower().replace("_", " "))]
    linear_K: Annotated[tuple[float, ...], source("linear")]
    """Temperatures at which the normal state is marginal, highest first."""
    superheating_K: Annotated[float | None, source("superheating")]
    """Up to which a superconducting state survives."""
    oscillatory_K: Annotated[float | None, source("oscillatory")]


# --- diagrams, pictures, sweeps, fits ----------------------------------------------------------------------------------


class LineRecord(Record):
    """A line of a phase diagram; beside the number of its points, from where to where it reaches on each axis, by its name."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, tuple[float, float]]

    points: int


class DiagramRecord(Record):
    """A phase diagram: `jaxgap diagram`."""

    shares_of_points: dict[str, float]
    lines: dict[str, LineRecord]
    """By kind."""
    files: list[str]


def diagram_record(found: PhaseDiagram, files: Iterable[Path]) -> DiagramRecord:
    """Shares of points, and how far every line reaches."""
    points = found.ground.size
    shares = {
        "superconducting": np.sum(found.ground >= 0) / points,
        "normal": np.sum(found.ground == NORMAL_GROUND) / points,
        "time_reversal_broken": np.sum(found.ground_broken) / points,
        "no_stable_state_found": np.sum(found.ground == NO_GROUND) / points,
        "several_stable_states": np.sum(found.stable_states > 1) / points,
    }
    lines = {kind.name.lower(): _line(found, line) for kind, line in found.lines.items() if len(line)}
    return DiagramRecord(shares_of_points=shares, lines=lines, files=[str(path) for path in files])


def _line(found: PhaseDiagram, line: np.ndarray) -> LineRecord:
    ranges = zip((found.x_name, found.y_name), line.min(axis=0), line.max(axis=0), strict=True)
    return LineRecord.model_validate({"points": len(line)} | {name: (first, last) for name, first, last in ranges})


class ObserveRecord(Record):
    """What an experiment would see, besides the numbers that it is read for: `jaxgap observe`."""

    model_config = ConfigDict(extra="allow")

    experiment: str
    states: list[str]
    """By what tells them apart."""
    files: list[str]
    notes: list[str]
    """What the picture does not show."""


class ColumnRecord(Record):
    """A column of a file of measurements."""

    number: int
    """From 1."""
    name: str
    unit: str | None
    """As the file has it; null if it says none."""
    role: str | None
    """T, the quantity's axis, value, error or T_error; null if it is not read."""


class DataRecord(Record):
    """What was understood of a file of measurements: `jaxgap data`."""

    file: str
    quantity: str | None
    """What it is a curve of; null if that could not be told, or if its rows say what they are."""
    rows: dict[str, int]
    """Quantity -> number of rows, of a table of numbers whose rows say what they are."""
    columns: list[ColumnRecord]
    units: dict[str, str]
    """Of T, axis, value and errors after they were read: the registry's."""
    points: int
    dropped: int
    """Rows in which a number is missing."""
    ranges: dict[str, tuple[float, float]]
    """Smallest and largest T, axis, value, error, T_error after all was read."""
    T_K: dict[str, int]
    """Temperature -> number of points, where the quantity has an axis of its own."""
    others: list[str]
    """Other quantities that the columns would do for."""
    to_be_said: list[str]
    """What fit.toml has to say of the file before it can be fitted."""
    picture: str | None


class BesideRecord(Record):
    """A datum that counts, beside the model at the first start."""

    datum: str
    T_K: float | None
    measured: float
    error: float
    """Its own, or the assumed one."""
    model: float | None
    """Null where the branch is missing."""


class CheckRecord(Record):
    """A fit before it is one: `jaxgap check`."""

    branch: str
    parameters: dict[str, float]
    """Of the first start."""
    exists: bool
    """Whether there is a state that the fit may take at every temperature of the data."""
    chi2: float | None
    rows: list[BesideRecord]
    uses: dict[str, int]
    """How many rows of the data count (fit), are compared with (predict), or only shown (show)."""
    picture: str


class NewRecord(Record):
    """A new folder for a fit: `jaxgap new`."""

    files: list[str]
    """That were written."""
    to_be_checked: list[str]
    """What was assumed of the data."""


class SweepRecord(Record):
    """How a sweep ended: `jaxgap sweep`."""

    store: str
    points: dict[str, int]
    """How many solves ended how."""
    pictures: list[str]


class NextRecord(FitRecord):
    """A fit, and which measurement would help most: `jaxgap fit --next PARAMETER`."""

    next: list[Annotated[Measurement, Row()]]
    """The most useful first."""
