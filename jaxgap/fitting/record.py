"""result.json: everything needed to reproduce, to judge and to draw a fit again; written here, and read here.

It is strict JSON. Numbers that may fail to exist are null (NaN), those that may be infinite `"Infinity"` or `"-Infinity"`; all
others have the digits that give the same 64 bits back. Energies are in meV, temperatures in K.

| key | what it holds |
|---|---|
| `schema` | `"jaxgap-fit-4"` |
| `title`, `verdict` | text |
| `configuration` | fit.toml with all defaults |
| `parameters` | per parameter `name`, `unit`, `value`, `uncertainty` (one sigma), `interval_68`, `bounds`, `sets`, `at_bound` |
| `parameters[].interval_68` | `lower`, `upper` (`value`, `reason`: chi2, bound or branch), `rise`, `profile` |
| `....profile` | points [value, chi^2 above the minimum], minimised over the other parameters |
| `covariance`, `correlation` | [parameter, parameter]; infinite and null where the data do not determine |
| `undetermined_directions` | rows in units of the bounds' widths |
| `jacobian` | [residual, parameter]: of the fitted data, then of what is known of each parameter beforehand |
| `combinations` | products of powers, the best known first: `text`, `exponents` by parameter, `relative_error` |
| `chi2`, `degrees_of_freedom`, `criteria` | of the fit; AIC, AICc (null where it does not exist) and BIC |
| `data` | all rows of data.csv: `quantity`, what it was read as, `value`, `error` (null: none given), `use`, source, ... |
| `fitted` | the rows that counted: `row` of `data` (from 0), `quantity`, `T_K`, `value`, `error` as used, ... |
| `fitted[]` | ... `error_assumed` (the source gives none), `model`, `distance_sigma`: (model - value) / error |
| `amplitudes_meV` | [condition, channel] at the different samples and temperatures of the fitted data, rising |
| `channels`, `branches` | the orders of amplitudes and of gaps |
| `samples` | one per sample; one without a name if fit.toml has no samples |
| `samples[].system_toml` | the system at the optimum as a system.toml |
| `samples[].predictions` | `name`, `value`, `uncertainty`, `unit` of the end of the branch and of T_c |
| `samples[].curve` | the fitted branch against temperature: see below, and `sigma_meV` of its gaps, [temperature, branch] |
| `samples[].comparison` | the other branch at the same temperatures |
| `branch` | the fitted branch |
| `branches_tried` | if fit.toml leaves it open: `branch`, `chi2`, `remark` of each |
| `optima` | all that were found, the reported one first (unless nothing converged): see below |
| `refused` | why the reported state may not be taken, if no other was found; else empty |
| `starts` | per start `values`, `chi2`, `converged`, `optimum` (its place in `optima`, -1: none) |
| `solving.starts.evaluations`, `.explored` | of all together; how many more starts began at states that the fit may not take |
| `seconds` | of the fit |
| `provenance` | `versions`, `python`, `device`, `precision` |

Of an optimum `values`, `chi2`, `amplitudes_meV` [condition, channel], `unstable_amplitude` and `unstable_phase` (directions;
the latter for equal relaxation rates), `phase_defined` (whether g is symmetric), `stability` in words, `refused` (why it may
not be the fit, or empty) and `starts` (how many ended there). Files of earlier versions lack `optima` and what belongs to it.

Of a curve, lists over its temperatures: `T_K`, `branch_minima_meV` [temperature, branch] (null where the branch does not
exist), `stable_at_equal_rates`, `Delta_real_meV` and `Delta_imag_meV` [temperature, channel], `status` and `label` (the codes
of `jaxgap.Status` and `jaxgap.Label`), `residual_meV`, `steps`, `sigma_min`, `quadrature_error`, `differentiable`,
`unstable_amplitude`, `unstable_phase`.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from pydantic import ValidationError

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.information import combinations
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.profile import Interval, Side
from jaxgap.fitting.result import FitResult, SampleResult, Tried
from jaxgap.fitting.uncertainty import Prediction
from jaxgap.fitting.verdict import FittedRow, ParameterRow, correlation, fitted_rows, parameter_rows, verdict
from jaxgap.model.superconductor import Superconductor, from_toml, to_toml
from jaxgap.numerics.checks import InputError
from jaxgap.solving.curves import GapCurve
from jaxgap.solving.solution import Solution
from jaxgap.spectra.minima import branch_names

__all__ = ["SCHEMA", "as_json", "from_json", "load_result", "text_of"]

SCHEMA = "jaxgap-fit-4"
"""Version of result.json's structure."""


# --- write -------------------------------------------------------------------------------------------------------------


def text_of(result: FitResult) -> str:
    """The content of result.json."""
    text = json.dumps(as_json(result), indent=1, allow_nan=False)
    # Lists of numbers on one line; a line break in JSON is never part of a text.
    text = re.sub(r"\[\n\s*([^\[\]{}]*?)\n\s*\]", lambda found: "[" + re.sub(r"\n\s*", " ", found[1]) + "]", text)
    return text + "\n"


def as_json(result: FitResult) -> dict[str, Any]:
    """The record of a fit, as the header of this module describes it."""
    return {
        "schema": SCHEMA,
        "title": result.config.title,
        "verdict": verdict(result),
        "configuration": result.config.model_dump(mode="json"),
        "parameters": [_parameter(result, row) for row in parameter_rows(result)],
        "covariance": _written(result.covariance),
        "correlation": _written(correlation(result)),
        "undetermined_directions": _written(result.undetermined),
        "jacobian": _written(result.jacobian),
        "combinations": _combinations(result),
        "chi2": result.chi2,
        "degrees_of_freedom": result.degrees_of_freedom,
        "criteria": {name: _number(value) for name, value in result.criteria.items()},
        "data": [{"quantity": datum.quantity, **datum._asdict()} for datum in result.data],
        "fitted": _fitted(result),
        "amplitudes_meV": _written(result.amplitudes),
        "channels": list(result.samples[0].superconductor.channels),
        "branches": list(branch_names(result.samples[0].superconductor)),
        "samples": [_sample(sample) for sample in result.samples],
        "branch": result.branch,
        "branches_tried": [{**one._asdict(), "chi2": _number(one.chi2)} for one in result.tried],
        "optima": [_optimum(one) for one in result.optima or ()],
        "refused": result.refused or "",
        "starts": _starts(result),
        "seconds": result.seconds,
        "provenance": result.provenance,
    }


def _sample(sample: SampleResult) -> dict[str, Any]:
    return {
        "name": sample.name,
        "system_toml": to_toml(sample.superconductor),
        "predictions": [{**p._asdict(), "uncertainty": _number(p.uncertainty)} for p in sample.predictions],
        "curve": {**_curve(sample.curve), "sigma_meV": _written(sample.curve_sigma)},
        "comparison": _curve(sample.comparison),
    }


def _parameter(result: FitResult, row: ParameterRow) -> dict[str, Any]:
    """Value, uncertainty, and the ends of the profile's interval with why they are there."""
    interval = row.interval
    return {
        "name": row.name,
        "unit": row.unit,
        "value": row.value,
        "uncertainty": _number(row.error),
        "interval_68": {
            "lower": interval.lower._asdict(),
            "upper": interval.upper._asdict(),
            "rise": interval.rise,
            "profile": _written(interval.points),
        },
        "bounds": list(row.bounds),
        "sets": result.config.parameters[row.name].sets,
        "at_bound": row.at_bound,
    }


def _combinations(result: FitResult) -> list[dict[str, Any]]:
    return [
        {"text": c.text, "exponents": c.exponents, "relative_error": _number(c.relative_error)} for c in combinations(result)
    ]


def _fitted(result: FitResult) -> list[dict[str, Any]]:
    places = [i for i, datum in enumerate(result.data) if datum.use == "fit"]
    return [_fitted_row(i, row) for i, row in zip(places, fitted_rows(result), strict=True)]


def _fitted_row(place: int, row: FittedRow) -> dict[str, Any]:
    return {
        "row": place,
        "quantity": row.datum.quantity,
        "T_K": row.datum.T,
        "value": row.datum.value,
        "error": row.error,
        "error_assumed": row.datum.error is None,
        "model": _number(row.model),
        "distance_sigma": _number(row.distance),
    }


def _curve(curve: GapCurve) -> dict[str, Any]:
    s = curve.solutions
    return {
        "T_K": _written(s.T),
        "branch_minima_meV": _written(curve.gaps),
        "stable_at_equal_rates": _written(curve.stable),
        "Delta_real_meV": _written(s.Delta.real),
        "Delta_imag_meV": _written(s.Delta.imag),
        "status": _written(s.status),
        "label": _written(s.label),
        "residual_meV": _written(s.residual),
        "steps": _written(s.steps),
        "sigma_min": _written(s.sigma_min),
        "quadrature_error": _written(s.quadrature_error),
        "differentiable": _written(s.differentiable),
        "unstable_amplitude": _written(s.unstable_amplitude),
        "unstable_phase": _written(s.unstable_phase),
    }


def _optimum(one: Optimum) -> dict[str, Any]:
    return {
        "values": _written(one.value),
        "chi2": one.chi2,
        "amplitudes_meV": _written(one.amplitudes),
        "unstable_amplitude": one.unstable_amplitude,
        "unstable_phase": one.unstable_phase,
        "phase_defined": one.phase_defined,
        "stability": one.stability,
        "refused": one.refused,
        "starts": one.starts,
    }


def _starts(result: FitResult) -> dict[str, Any]:
    return {
        "values": _written(result.start_values),
        "chi2": _written(result.start_chi2),
        "converged": _written(result.start_converged),
        "optimum": None if result.start_optimum is None else _written(result.start_optimum),
        "evaluations": result.evaluations,
        "explored": result.explored,
    }


def _written(array: Any) -> Any:
    """An array as nested lists of what JSON can hold."""
    array = np.asarray(array)
    if array.ndim:
        return [_written(part) for part in array]
    return _number(array.item()) if array.dtype.kind == "f" else array.item()


def _number(x: float) -> float | str | None:
    if np.isinf(x):
        return "Infinity" if x > 0 else "-Infinity"
    return None if np.isnan(x) else float(x)


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
    if schema != SCHEMA:
        raise InputError(f"{path} has the schema `{schema}`, and this version of jaxgap reads `{SCHEMA}`: {again} again.")
    try:
        return from_json(record)
    except KeyError as error:
        raise InputError(f"{path} lacks the key `{error.args[0]}`: {again} again.") from None
    except (AttributeError, TypeError, ValueError, ValidationError) as error:
        reason = str(error).split("\n")[0]
        raise InputError(f"{path} is not a result of jaxgap ({reason}): {again} again.") from None


def from_json(record: dict[str, Any]) -> FitResult:
    """The inverse of `as_json`; a record that it did not write raises KeyError, TypeError or ValueError."""
    config, parameters, starts = FitConfig.model_validate(record["configuration"]), record["parameters"], record["starts"]
    samples = tuple(_read_sample(sample) for sample in record["samples"])
    k, channels = len(config.parameters), len(samples[0].superconductor.channels)
    return FitResult(
        config=config,
        data=tuple(_datum(row) for row in record["data"]),
        samples=samples,
        value=_read([row["value"] for row in parameters], (k,)),
        covariance=_read(record["covariance"], (k, k)),
        undetermined=_read(record["undetermined_directions"], (-1, k)),
        jacobian=_read(record["jacobian"], (-1, k)),
        intervals=tuple(_interval(row) for row in parameters),
        chi2=float(record["chi2"]),
        amplitudes=_read(record["amplitudes_meV"], (-1, channels)),
        predicted=_read([row["model"] for row in record["fitted"]], (-1,)),
        start_values=_read(starts["values"], (-1, k)),
        start_chi2=_read(starts["chi2"], (-1,)),
        start_converged=_read(starts["converged"], (-1,), bool),
        evaluations=int(starts["evaluations"]),
        seconds=float(record["seconds"]),
        provenance=record["provenance"],
        branch=record["branch"],
        tried=tuple(Tried(row["branch"], _value(row["chi2"]), row["remark"]) for row in record["branches_tried"]),
        optima=tuple(_read_optimum(row, channels) for row in record.get("optima", [])),
        refused=record.get("refused", ""),
        start_optimum=None if starts.get("optimum") is None else _read(starts["optimum"], (-1,), int),
        explored=int(starts.get("explored", 0)),
    )


def _read_sample(record: dict[str, Any]) -> SampleResult:
    sc = from_toml(record["system_toml"], "result.json")
    return SampleResult(
        name=record["name"],
        superconductor=sc,
        curve=_read_curve(record["curve"], sc),
        curve_sigma=_read(record["curve"]["sigma_meV"], (-1, len(branch_names(sc)))),
        comparison=_read_curve(record["comparison"], sc),
        predictions=tuple(_prediction(row) for row in record["predictions"]),
    )


def _read_optimum(row: dict[str, Any], channels: int) -> Optimum:
    arrays = _read(row["values"], (-1,)), float(row["chi2"]), _read(row["amplitudes_meV"], (-1, channels))
    kinds = row["unstable_amplitude"], row["unstable_phase"], row["phase_defined"], row["refused"], row["starts"]
    return Optimum(*arrays, *kinds)


def _datum(row: dict[str, Any]) -> Datum:
    values = {name: row[name] for name in Datum._fields}
    return Datum(**{**values, "second": tuple(values["second"])})


def _prediction(row: dict[str, Any]) -> Prediction:
    return Prediction(row["name"], float(row["value"]), _value(row["uncertainty"]), row["unit"])


def _interval(row: dict[str, Any]) -> Interval:
    found = row["interval_68"]
    lower, upper = (Side(float(found[end]["value"]), found[end]["reason"]) for end in ("lower", "upper"))
    return Interval(row["name"], float(row["value"]), float(found["rise"]), lower, upper, _read(found["profile"], (-1, 2)))


def _read_curve(record: dict[str, Any], sc: Superconductor) -> GapCurve:
    n = len(record["T_K"])
    # Amplitudes are complex: the parts are put together bit by bit (re + i im would lose the sign of a zero).
    parts = [_read(record[name], (n, len(sc.channels))) for name in ("Delta_real_meV", "Delta_imag_meV")]
    Delta = np.stack(parts, axis=-1).view(complex)[..., 0]
    arrays = {name: _read(record[key], (n,)) for name, key in _DIAGNOSTICS.items()}
    arrays |= {name: _read(record[name], (n,), int) for name in ("status", "label", "steps")}
    arrays |= {"Delta": Delta, "differentiable": _read(record["differentiable"], (n,), bool)}
    # Not in a record of before: -1, not known.
    arrays |= {name: _read(record.get(name, [-1] * n), (n,), int) for name in ("unstable_amplitude", "unstable_phase")}
    gaps = _read(record["branch_minima_meV"], (n, len(branch_names(sc))))
    stable = _read(record["stable_at_equal_rates"], (n,), bool)
    # A batch of solutions, made like one.
    solutions = jax.vmap(lambda of_one: Solution(superconductor=sc, **of_one))(jax.tree.map(jnp.asarray, arrays))
    return GapCurve(solutions, jnp.asarray(gaps), jnp.asarray(stable))


_DIAGNOSTICS = {"T": "T_K", "residual": "residual_meV", "sigma_min": "sigma_min", "quadrature_error": "quadrature_error"}


def _read(nested: Any, shape: tuple[int, ...], kind: type = float) -> np.ndarray:
    """The array that `_written` made lists of, in a shape that an empty list does not tell (-1: any length)."""
    values = [_value(x) if kind is float else x for x in _flat(nested)]
    if -1 not in shape:
        return np.array(values, dtype=kind).reshape(shape)
    return np.array(values, dtype=kind).reshape((len(nested), *shape[1:]))


def _flat(nested: Any) -> Iterable[Any]:
    if not isinstance(nested, list):
        return [nested]
    return [x for part in nested for x in _flat(part)]


def _value(x: Any) -> float:
    return float("nan") if x is None else float(x)
