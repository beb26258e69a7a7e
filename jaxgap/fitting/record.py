"""result.json: everything needed to reproduce and to judge a fit."""

import platform
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from jaxgap.fitting.information import combinations
from jaxgap.fitting.optimise import FitResult
from jaxgap.fitting.verdict import FittedRow, ParameterRow, correlation, fitted_rows, parameter_rows, verdict
from jaxgap.observables.gaps import branch_names
from jaxgap.superconductor import to_toml

__all__ = ["SCHEMA", "as_json"]

SCHEMA = "jaxgap-fit-2"
"""Version of result.json's structure."""


def as_json(result: FitResult) -> dict[str, Any]:
    """Everything needed to reproduce and to judge the fit; numbers that do not exist are null."""
    return {
        "schema": SCHEMA,
        "title": result.config.title,
        "configuration": result.config.model_dump(mode="json"),
        "system_toml": to_toml(result.superconductor),
        "parameters": [_parameter(result, row) for row in parameter_rows(result)],
        "covariance": _matrix(result.covariance),
        "correlation": _matrix(correlation(result)),
        "undetermined_directions": result.undetermined.tolist(),
        "combinations": _combinations(result),
        "chi2": result.chi2,
        "criteria": {name: _finite(value) for name, value in result.criteria.items()},
        "degrees_of_freedom": result.degrees_of_freedom,
        "fitted": [_fitted(row) for row in fitted_rows(result)],
        "predictions": [{**p._asdict(), "uncertainty": _finite(p.uncertainty)} for p in result.predictions],
        "other_data": [{**d._asdict(), "quantity": d.quantity} for d in result.data if d.use != "fit"],
        "solutions": [_solution(result, T) for T in sorted({d.T for d in result.fitted if d.T is not None})],
        "curve": _curve(result),
        "starts": _starts(result),
        "verdict": verdict(result),
        "seconds": result.seconds,
        "provenance": _provenance(),
    }


def _parameter(result: FitResult, row: ParameterRow) -> dict[str, Any]:
    """Value, uncertainty, and the ends of the profile's interval with why they are there: chi2, bound or branch."""
    interval = row.interval
    return {
        "name": row.name,
        "value": row.value,
        "uncertainty": _finite(row.error),
        "interval_68": {
            "lower": interval.lower._asdict(),
            "upper": interval.upper._asdict(),
            "profile": interval.points.tolist(),
        },
        "bounds": list(row.bounds),
        "unit": row.unit,
        "sets": result.config.parameters[row.name].sets,
        "at_bound": row.at_bound,
    }


def _combinations(result: FitResult) -> list[dict[str, Any]]:
    return [
        {"text": c.text, "exponents": c.exponents, "relative_error": _finite(c.relative_error)} for c in combinations(result)
    ]


def _fitted(row: FittedRow) -> dict[str, Any]:
    return {
        **row.datum._asdict(),
        "quantity": row.datum.quantity,
        "T_K": row.datum.T,
        "error": row.error,
        "error_assumed": row.datum.error is None,
        "model": row.model,
        "distance_sigma": row.distance,
    }


def _solution(result: FitResult, T: float) -> dict[str, Any]:
    i = int(np.argmin(np.abs(np.asarray(result.curve.T) - T)))
    s = jax.tree.map(lambda leaf: np.asarray(leaf)[i], result.curve.solutions)
    return {
        "T_K": float(s.T),
        "channels": list(s.superconductor.channels),
        "Delta_real_meV": s.Delta.real.tolist(),
        "Delta_imag_meV": s.Delta.imag.tolist(),
        "residual_meV": float(s.residual),
        "sigma_min": float(s.sigma_min),
        "quadrature_error": float(s.quadrature_error),
    }


def _curve(result: FitResult) -> dict[str, Any]:
    """The fitted branch against temperature, as in fit.png."""
    return {
        "T_K": np.asarray(result.curve.T).tolist(),
        "branches": list(branch_names(result.superconductor)),
        "branch_minima_meV": _matrix(np.asarray(result.curve.gaps)),
        "stable_at_equal_rates": np.asarray(result.curve.stable).tolist(),
    }


def _starts(result: FitResult) -> dict[str, Any]:
    return {
        "values": result.start_values.tolist(),
        "chi2": [_finite(x) for x in result.start_chi2.tolist()],
        "converged": result.start_converged.tolist(),
        "evaluations": result.evaluations,
    }


def _matrix(rows: np.ndarray) -> list[list[float | None]]:
    return [[_finite(x) for x in row] for row in rows.tolist()]


def _finite(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def _provenance() -> dict[str, Any]:
    packages = {name: version(name) for name in ("jaxgap", "jax", "jaxlib", "equinox", "optax", "numpy")}
    device = jax.devices()[0]
    return {
        "versions": packages,
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
    }
