"""result.json: everything needed to reproduce, to judge and to draw a fit again; written here, and read here.

It is strict JSON. Numbers that may fail to exist are null (NaN), those that may be infinite `"Infinity"` or `"-Infinity"`; all
others have the digits that give the same 64 bits back. Energies are in meV, temperatures in K. What its keys are is said by
`FitRecord`, and by docs/schemas/result.json. Files of earlier versions lack `optima` and what belongs to it, or
`lines`.
"""

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import BeforeValidator, Field, ValidationError

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.directions import Combination, combinations
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.profile import Interval, Side
from jaxgap.fitting.report.rows import correlation, fitted_rows, parameter_rows
from jaxgap.fitting.report.verdict import verdict
from jaxgap.fitting.result import FitResult, Line, SampleResult, Tried
from jaxgap.fitting.uncertainty import Prediction
from jaxgap.model.records import Codes, Flags, Matrix, Number, Record, Row, Vector, read_record, source
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import from_toml, to_toml
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.provenance import Provenance
from jaxgap.solving.curves import GapCurve
from jaxgap.solving.solution import Solution
from jaxgap.spectra.minima import branch_names

__all__ = ["SCHEMA", "FitRecord", "as_json", "from_json", "load_result", "record_of", "text_of"]

SCHEMA: Final = "jaxgap-fit-5"
"""Version of result.json's structure."""
BEFORE: Final = "jaxgap-fit-4"
"""The one before, which is still read: the place of a point of a spectrum is called V there, and `of` names its junction."""


# --- what it holds -----------------------------------------------------------------------------------------------------


class IntervalRecord(Record):
    """The 68.3 % interval of a parameter from the profile of chi^2."""

    lower: Annotated[Side, Row()]
    """The lower end."""
    upper: Annotated[Side, Row()]
    """The upper end."""
    rise: float
    """Of chi^2 at its ends."""
    profile: Annotated[Matrix, source("points")]
    """Points [value, chi^2 above the minimum], minimised over the other parameters."""


class ParameterRecord(Record):
    """A parameter at the optimum."""

    name: str
    """As in fit.toml."""
    unit: str
    """As in fit.toml."""
    value: float
    """At the optimum."""
    uncertainty: Annotated[Number, source("error")]
    """One standard deviation."""
    interval_68: Annotated[IntervalRecord, source("interval")]
    bounds: tuple[float, float]
    """As in fit.toml."""
    sets: dict[str, float]
    """Path -> factor: the leaves that it sets."""
    at_bound: bool
    """Whether the optimum lies at one."""

    @property
    def interval(self) -> Interval:
        return Interval(name=self.name, best=self.value, **self.interval_68.arguments(Interval._fields))


class FittedRecord(Record):
    """A datum that counted, beside the model."""

    row: int
    """Of `data`, from 0."""
    quantity: Annotated[str, source("datum", "quantity")]
    """As data.csv writes it."""
    T_K: Annotated[float | None, source("datum", "T")]
    """Temperature; null where there is none."""
    value: Annotated[float, source("datum", "value")]
    """As measured."""
    error: float
    """As used."""
    error_assumed: Annotated[bool, source("assumed")]
    """The source gives none."""
    model: Number
    """The model's reading at the optimum."""
    distance_sigma: Annotated[Number, source("distance")]
    """(model - value) / error."""


class CurveRecord(Record):
    """A branch against temperature: lists over its temperatures."""

    T_K: Annotated[Vector, source("solutions", "T")]
    """Temperatures, rising."""
    branch_minima_meV: Annotated[Matrix, source("gaps")]
    """[temperature, quasiparticle branch]; null where the state does not exist."""
    stable_at_equal_rates: Annotated[Flags, source("stable")]
    """Whether the state is stable, phases relaxing as fast as amplitudes; in amplitudes alone where `unstable_phase` is -1."""
    Delta_real_meV: Annotated[Matrix, source("solutions", "Delta", "real")]
    """[temperature, channel]."""
    Delta_imag_meV: Annotated[Matrix, source("solutions", "Delta", "imag")]
    """[temperature, channel]."""
    status: Annotated[Codes, source("solutions", "status")]
    """Codes of `jaxgap.Status`."""
    label: Annotated[Codes, source("solutions", "label")]
    """Codes of `jaxgap.Label`."""
    residual_meV: Annotated[Vector, source("solutions", "residual")]
    """Norm of the gap equations' residual."""
    steps: Annotated[Codes, source("solutions", "steps")]
    """Evaluations of the gap equations."""
    sigma_min: Annotated[Vector, source("solutions", "sigma_min")]
    """Smallest singular value of the Jacobian: the conditioning."""
    quadrature_error: Annotated[Vector, source("solutions", "quadrature_error")]
    """Estimated relative error of amplitudes."""
    differentiable: Annotated[Flags, source("solutions", "differentiable")]
    """Whether derivatives exist to useful precision."""
    unstable_amplitude: Annotated[Codes | None, source("solutions", "unstable_amplitude")] = None
    """Unstable directions; -1: not known, since a record of before has none."""
    unstable_phase: Annotated[Codes | None, source("solutions", "unstable_phase")] = None
    """The same of phases; -1: not examined, as of cross-paired states with phonons and of disordered ones."""

    def curve(self, sc: Superconductor) -> GapCurve:
        """The curve of the system `sc`."""
        n, channels = len(self.T_K), len(sc.channels)
        # Amplitudes are complex: the parts are put together bit by bit (re + i im would lose the sign of a zero).
        parts = [part.reshape(n, channels) for part in (self.Delta_real_meV, self.Delta_imag_meV)]
        arrays = {"Delta": np.stack(parts, axis=-1).view(complex)[..., 0]}
        for name, values in self.arguments(field.name for field in fields(Solution)).items():
            arrays[name] = np.full(n, -1) if values is None else values.reshape(n)
        # A batch of solutions, made like one.
        solutions = jax.vmap(lambda of_one: Solution(superconductor=sc, **of_one))(jax.tree.map(jnp.asarray, arrays))
        gaps, stable = self.branch_minima_meV.reshape(n, len(branch_names(sc))), self.stable_at_equal_rates.reshape(n)
        return GapCurve(solutions, jnp.asarray(gaps), jnp.asarray(stable))


class FittedCurveRecord(CurveRecord):
    """The fitted branch of solutions."""

    sigma_meV: Matrix
    """One standard deviation of its gaps, [temperature, quasiparticle branch]."""


class SampleRecord(Record):
    """What the fit says of a sample."""

    name: str
    """Empty if fit.toml has no samples."""
    system_toml: Annotated[
        str, source("superconductor"), BeforeValidator(lambda sc: to_toml(sc) if isinstance(sc, Superconductor) else sc)
    ]
    """The system at the optimum as a system.toml."""
    predictions: list[Annotated[Prediction, Row()]]
    """Of the end of the branch and of T_c."""
    curve: FittedCurveRecord
    comparison: CurveRecord
    """The other branch at the same temperatures."""

    @property
    def sample(self) -> SampleResult:
        sc = from_toml(self.system_toml, "result.json")
        return SampleResult(
            name=self.name,
            superconductor=sc,
            curve=self.curve.curve(sc),
            curve_sigma=_rows(self.curve.sigma_meV, len(branch_names(sc))),
            comparison=self.comparison.curve(sc),
            predictions=tuple(self.predictions),
        )


class OptimumRecord(Record):
    """A minimum of chi^2, of one state."""

    values: Annotated[Vector, source("value")]
    """Of the parameters."""
    chi2: float
    """Of this minimum."""
    amplitudes_meV: Annotated[Matrix, source("amplitudes")]
    """[condition, channel]."""
    unstable_amplitude: int
    """Directions in which the amplitudes are unstable."""
    unstable_phase: int
    """Directions in which the phases are, for equal relaxation rates."""
    phase_defined: bool
    """Whether g is symmetric."""
    stability: str
    """In words."""
    refused: str
    """Why it may not be the fit, or empty."""
    starts: int
    """How many ended there."""


class StartsRecord(Record):
    """How the starts ended."""

    values: Annotated[Matrix, source("start_values")]
    """[start, parameter]: where each ended."""
    chi2: Annotated[Vector, source("start_chi2")]
    """Where each ended."""
    converged: Annotated[Flags, source("start_converged")]
    """Whether each did."""
    optimum: Annotated[Codes | None, source("start_optimum")] = None
    """The place of each in `optima`, -1: none."""
    evaluations: int
    """Of all together."""
    explored: int = 0
    """How many more starts began at states that the fit may not take."""


class LineRecord(Record):
    """The model along a fitted curve, on an axis finer than the data's."""

    experiment: str
    """The entry of fit.toml's data."""
    sample: str
    """Empty if fit.toml has none."""
    T_K: Annotated[float | None, source("T")]
    """Of a spectrum; null for a curve over temperature."""
    x: Vector
    """Temperatures [K], or places on the quantity's own axis."""
    value: Vector
    """Null where there is no state."""
    sigma: Vector
    """One standard deviation; null where the data do not determine all parameters."""


class FitRecord(Record):
    """result.json."""

    schema_: Annotated[Literal["jaxgap-fit-5"], Field(alias="schema")] = SCHEMA
    """Version of this structure."""
    title: Annotated[str, source("config", "title")]
    """That of fit.toml."""
    verdict: str
    """What the data do and do not determine, in sentences."""
    configuration: Annotated[FitConfig, source("config")]
    """fit.toml with all defaults."""
    parameters: list[ParameterRecord]
    """In the order of covariance, jacobian and `values`."""
    covariance: Matrix
    """[parameter, parameter]; infinite and null where the data do not determine."""
    correlation: Matrix
    """[parameter, parameter]."""
    undetermined_directions: Annotated[Matrix, source("undetermined")]
    """Rows in units of the bounds' widths."""
    jacobian: Matrix
    """[residual, parameter]: of the fitted data, then of what is known of each parameter beforehand."""
    combinations: list[Annotated[Combination, Row("text")]]
    """Products of powers of the parameters, the best known first."""
    chi2: float
    """At the optimum: of the data and of what is known beforehand."""
    degrees_of_freedom: int
    """Data and what is known beforehand, less parameters."""
    criteria: dict[str, Number]
    """AIC, AICc (null where it does not exist) and BIC."""
    data: list[Annotated[Datum, Row("quantity")]]
    """All rows of data.csv, and what each was read as."""
    fitted: list[FittedRecord]
    """The rows that counted."""
    amplitudes_meV: Annotated[Matrix, source("amplitudes")]
    """[condition, channel] at the different samples and temperatures of the fitted data, rising."""
    channels: list[str]
    """The order of amplitudes."""
    branches: list[str]
    """Names of the quasiparticle branches: the order of gaps."""
    samples: list[SampleRecord]
    """One, without a name, if fit.toml has none."""
    branch: str
    """The fitted branch."""
    branches_tried: Annotated[list[Annotated[Tried, Row()]], source("tried")]
    """All, if fit.toml leaves open which one it is."""
    optima: tuple[OptimumRecord, ...] = ()
    """All that were found, the reported one first (unless nothing converged)."""
    refused: str = ""
    """Why the reported state may not be taken, if no other was found; else empty."""
    lines: tuple[LineRecord, ...] = ()
    """The model along the fitted curves."""
    starts: StartsRecord
    seconds: float
    """Of the fit."""
    provenance: Provenance


# --- write -------------------------------------------------------------------------------------------------------------


def text_of(result: FitResult) -> str:
    """The content of result.json."""
    text = json.dumps(as_json(result), indent=1, allow_nan=False)
    # Lists of numbers on one line; a line break in JSON is never part of a text.
    text = re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)
    return text + "\n"


def as_json(result: FitResult) -> dict[str, object]:
    """What result.json holds."""
    return record_of(result).as_json()


def record_of(result: FitResult) -> FitRecord:
    """The record of a fit: the fields of the result, and what follows from them."""
    sc = result.samples[0].superconductor
    return FitRecord.of(
        result,
        verdict=verdict(result),
        parameters=parameter_rows(result),
        correlation=correlation(result),
        combinations=combinations(result),
        fitted=fitted_rows(result),
        channels=sc.channels,
        branches=branch_names(sc),
        samples=[_sample(sample) for sample in result.samples],
        starts=result,
    )


def _sample(sample: SampleResult) -> SampleRecord:
    return SampleRecord.of(sample, curve=FittedCurveRecord.of(sample.curve, sigma_meV=sample.curve_sigma))


# --- read --------------------------------------------------------------------------------------------------------------


def load_result(folder: str | Path) -> FitResult:
    """The fit whose result.json is in `folder`, equal to the last bit to the one that was written.

    Raises:
        InputError: if the file is missing, incomplete, of another schema, or not what jaxgap wrote.
    """
    path, again = Path(folder) / "result.json", f"run `jaxgap fit {folder}` to write it"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"The folder `{folder}` has no result.json: {again}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read `{path}`: {error}.") from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is incomplete or not JSON ({error}): {again} again.") from None
    schema = record.get("schema") if isinstance(record, dict) else None
    if schema == BEFORE:
        record = _upgraded(record)
    elif schema != SCHEMA:
        raise InputError(f"{path} has the schema `{schema}`, and this version of jaxgap reads `{SCHEMA}`: {again} again.")
    try:
        return from_json(record)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        lacks, wrong = f"lacks the key `{where}`", f"is not a result of jaxgap (`{where}`: {first['msg']})"
        raise InputError(f"{path} {lacks if first['type'] == 'missing' else wrong}: {again} again.") from None
    except ValueError as error:
        raise InputError(f"{path} is not a result of jaxgap ({error}): {again} again.") from None


def _upgraded(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the schema `BEFORE` as one of today's."""

    def renamed(row: dict[str, Any]) -> dict[str, Any]:
        new = {"x" if key == "V" else key: part for key, part in row.items()}
        return new | {"of": "", "experiment": row["of"]} if row.get("kind") == "dIdV" else new

    rows = record.get("data")
    if not (isinstance(rows, list) and all(isinstance(row, dict) for row in rows)):
        return record | {"schema": SCHEMA}
    return record | {"schema": SCHEMA, "data": [renamed(row) for row in rows]}


def from_json(record: dict[str, object]) -> FitResult:
    """The inverse of `as_json`; a record that it did not write raises ValueError (or pydantic's, which is one)."""
    read = read_record(FitRecord, record)
    samples = tuple(sample.sample for sample in read.samples)
    k, channels = len(read.parameters), len(samples[0].superconductor.channels)
    parts = (
        read.arguments(FitResult._fields)
        | read.starts.arguments(FitResult._fields)
        | {
            "data": tuple(read.data),
            "samples": samples,
            "value": np.array([row.value for row in read.parameters]),
            "intervals": tuple(row.interval for row in read.parameters),
            "predicted": np.array([row.model for row in read.fitted]),
            "tried": tuple(read.branches_tried),
            "optima": tuple(_optimum(row, channels) for row in read.optima),
            "lines": tuple(Line(**row.arguments(Line._fields)) for row in read.lines),
        }
    )
    widths = {"covariance": k, "undetermined": k, "jacobian": k, "start_values": k, "amplitudes": channels}
    return FitResult(**parts | {name: _rows(parts[name], width) for name, width in widths.items()})


def _optimum(row: OptimumRecord, channels: int) -> Optimum:
    parts = row.arguments(Optimum._fields)
    return Optimum(**parts | {"amplitudes": _rows(row.amplitudes_meV, channels)})


def _rows(array: np.ndarray, width: int) -> np.ndarray:
    """A matrix with a width that an empty list does not tell."""
    return array.reshape(len(array), width)
