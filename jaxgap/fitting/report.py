"""What a fit says: a table, result.json, fit.png, and one paragraph on what the data do and do not determine."""

import json
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from jaxgap.branches import gap_curve
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.information import Measurement, combinations
from jaxgap.fitting.objective import error_of
from jaxgap.fitting.optimise import FitResult, Prediction
from jaxgap.observables.gaps import branch_names
from jaxgap.plotting import COLOURS, draw_curve
from jaxgap.superconductor import to_toml

__all__ = ["SCHEMA", "as_json", "plot_fit", "print_next", "print_report", "provenance", "verdict", "write_report"]

SCHEMA = "jaxgap-fit-2"
"""Version of result.json's structure."""
DEEPER = 1e-3
"""By how much chi^2 has to fall on the way along a profile to be another minimum."""
AT_BOUND = 0.01
"""A parameter is reported at its bound within 1 % of the range."""


def write_report(result: FitResult, folder: str | Path) -> tuple[Path, Path]:
    """Write result.json and fit.png into `folder`; returns their paths."""
    folder = Path(folder)
    paths = folder / "result.json", folder / "fit.png"
    paths[0].write_text(json.dumps(as_json(result), indent=1, allow_nan=False) + "\n", encoding="utf-8")
    figure = plot_fit(result).figure
    figure.savefig(paths[1], dpi=160)
    plt.close(figure)
    return paths


def verdict(result: FitResult) -> str:
    """One paragraph: what the data determine, and what they do not."""
    names, errors = list(result.config.parameters), result.uncertainty
    fixed = [f"{name} = {_with_error(v, s)}{_unit(result, name)}" for name, v, s in _parameters(result) if np.isfinite(s)]
    free = [name for name, s in zip(names, errors, strict=True) if not np.isfinite(s)]
    n, k = len(result.fitted), len(names)
    sentences = (
        [f"With everything else held at its value in fit.toml, the {n} fitted data give {' and '.join(fixed)}."]
        if fixed
        else []
    )
    if not result.start_converged.any():
        sentences.insert(0, "NOT CONVERGED: no start met `optimiser.tolerance`; these numbers are provisional.")
    if free:
        sentences.append(f"They do not determine {' and '.join(free)} (only a combination, or nothing at all).")
    elif k == 2:
        sentences.append(f"The two are correlated ({_correlation(result)[0, 1]:+.2f}).")
    if k > 2 and n:
        sentences.append(_known_combinations(result))
    if any(interval.points[:, 1].min() < -DEEPER for interval in result.intervals):
        sentences.append("A lower chi^2 was found while looking for the intervals: raise `optimiser.starts`.")
    if result.degrees_of_freedom <= 0:
        sentences.append(
            f"{n} data for {k} parameters leave no degree of freedom: a perfect fit is no test of the model; only what was "
            "predicted and not fitted is."
        )
    assumed = sorted({datum.unit for datum in result.fitted if datum.error is None})
    for unit in assumed:
        error = result.config.data.assumed_error_meV if unit == "meV" else result.config.data.assumed_error_K
        sentences.append(f"The sources give no error; {error:g} {unit} is assumed, and the uncertainties scale with it.")
    sentences += [_compare(prediction, result.config, result.data) for prediction in _predicted(result)]
    return " ".join(sentences)


def _known_combinations(result: FitResult) -> str:
    """What the data fix, from the best known combination of parameters to the worst."""
    parts = []
    for combination in combinations(result):
        error = combination.relative_error
        parts.append(f"{combination.text} {f'to {100 * error:.2g} %' if error < 1 else 'not at all'}")
    return f"They fix, as products of powers: {'; '.join(parts)}."


def print_report(result: FitResult, console: Console) -> None:
    """The tables of a fit, and its verdict."""
    table = Table(title=result.config.title or "fit", title_justify="left")
    for column in ("parameter", "value", "uncertainty", "68 % interval", "bounds", "note"):
        table.add_column(column, justify="left" if column in ("parameter", "note") else "right")
    for name, value, error in _parameters(result):
        bounds = result.config.parameters[name].bounds
        table.add_row(
            escape(f"{name}{_unit(result, name, ' [{}]')}"),
            f"{value:.6g}",
            f"{error:.2g}",
            _interval_text(result, name),
            f"{bounds[0]:g} .. {bounds[1]:g}",
            _note(value, error, bounds),
        )
    console.print(table)
    table = Table(title="fitted data", title_justify="left")
    for column in ("datum", "T (K)", "measured", "error", "model", "sigmas off"):
        table.add_column(column, justify="left" if column == "datum" else "right")
    for row in _rows(result):
        T = "" if row["T_K"] is None else f"{row['T_K']:g}"
        limit = f" ({row['limit']} limit)" if row["limit"] else ""
        spread = f"{row['error']:g}{' (assumed)' if row['error_assumed'] else ''}"
        table.add_row(
            escape(row["quantity"]) + limit,
            T,
            f"{row['value']:g}",
            spread,
            f"{row['model']:.4f}",
            f"{row['distance_sigma']:+.3f}",
        )
    console.print(table)
    table = Table(title="predicted, not fitted", title_justify="left")
    for column in ("quantity", "value", "uncertainty", "measured"):
        table.add_column(column, justify="left" if column == "quantity" else "right")
    for prediction in _predicted(result):
        datum = _measured(prediction, result.data)
        seen = "" if datum is None else f"{datum.value:g} ({datum.source.split(',')[0].split(' (')[0]})"
        table.add_row(
            f"{prediction.name} [{prediction.unit}]", f"{prediction.value:.3f}", f"{prediction.uncertainty:.2g}", seen
        )
    console.print(table)
    console.print(f"chi^2 = {result.chi2:.3g}; {_starts_text(result)}; {result.seconds:.1f} s.", highlight=False)
    console.print(verdict(result), highlight=False)


def print_next(name: str, rows: tuple[Measurement, ...], now: float, console: Console, shown: int = 8) -> None:
    """The measurements that would shrink the uncertainty of a parameter most."""
    title = f"one more measurement: what becomes of the uncertainty of {name}, now {now:.2g}"
    table = Table(title=title, title_justify="left")
    for column in ("measurement", "T (K)", "error", "uncertainty then"):
        table.add_column(column, justify="left" if column == "measurement" else "right")
    for row in rows[:shown]:
        unit = "K" if row.T is None else "meV"
        T = "" if row.T is None else f"{row.T:.3g}"
        table.add_row(escape(row.quantity), T, f"{row.error:g} {unit}", f"{row.uncertainty:.2g}")
    console.print(table)


def as_json(result: FitResult) -> dict[str, Any]:
    """Everything needed to reproduce and to judge the fit; numbers that do not exist are null."""
    parameters = [
        {
            "name": name,
            "value": value,
            "uncertainty": _finite(error),
            "interval_68": _interval(result, name),
            "bounds": list(result.config.parameters[name].bounds),
            "unit": result.config.parameters[name].unit,
            "sets": result.config.parameters[name].sets,
            "at_bound": bool(_note(value, error, result.config.parameters[name].bounds).startswith("at")),
        }
        for name, value, error in _parameters(result)
    ]
    return {
        "schema": SCHEMA,
        "title": result.config.title,
        "configuration": result.config.model_dump(mode="json"),
        "system_toml": to_toml(result.superconductor),
        "parameters": parameters,
        "covariance": [[_finite(x) for x in row] for row in result.covariance.tolist()],
        "correlation": [[_finite(x) for x in row] for row in _correlation(result).tolist()],
        "undetermined_directions": result.undetermined.tolist(),
        "combinations": [
            {"text": c.text, "exponents": c.exponents, "relative_error": _finite(c.relative_error)}
            for c in combinations(result)
        ],
        "chi2": result.chi2,
        "criteria": {name: _finite(value) for name, value in result.criteria.items()},
        "degrees_of_freedom": result.degrees_of_freedom,
        "fitted": _rows(result),
        "predictions": [{**p._asdict(), "uncertainty": _finite(p.uncertainty)} for p in result.predictions],
        "other_data": [{**d._asdict(), "quantity": d.quantity} for d in result.data if d.use != "fit"],
        "solutions": [_solution(result, T) for T in sorted({d.T for d in result.fitted if d.T is not None})],
        "curve": _curve(result),
        "starts": {
            "values": result.start_values.tolist(),
            "chi2": [_finite(x) for x in result.start_chi2.tolist()],
            "converged": result.start_converged.tolist(),
            "evaluations": result.evaluations,
        },
        "verdict": verdict(result),
        "seconds": result.seconds,
        "provenance": provenance(),
    }


def plot_fit(result: FitResult, ax: Any = None) -> Any:
    """Gaps against temperature on the fitted branch, with the data, and the other branch beside it."""
    if ax is None:
        _, ax = plt.subplots(figsize=(7.2, 5.0), layout="constrained")
    sc, branch = result.superconductor, result.config.system.branch
    end, last = result.predictions[0].value, float(result.curve.T[-1])
    # The same temperatures for the other branch, so that the compiled program serves again.
    other_branch = _other_branch(branch)
    for name, other, curve in (
        (branch, False, result.curve),
        (other_branch, True, gap_curve(sc, result.curve.T, other_branch)),
    ):
        for i, (label, gap) in enumerate(zip(branch_names(sc), curve.gaps.T, strict=True)):
            style: dict[str, Any] = {"color": "0.55", "lw": 1.2} if other else {"color": COLOURS[i % len(COLOURS)], "lw": 2.2}
            shown = f"{name}, {label.split()[-1]} branch" if not other else (f"{name} (not fitted)" if i == 0 else None)
            draw_curve(ax, curve.T, gap, curve.stable, label=shown, **style)
    ax.axvline(end, ymax=0.75, color="0.8", lw=1, zorder=0)
    ax.annotate(f"{branch} ends\n{end:.2f} K", (end, 0.5), xytext=(4, 0), textcoords="offset points", fontsize=9, color="0.3")
    _draw_data(result, ax)
    ax.plot([], [], color="0.3", ls=(0, (4, 2)), lw=1.2, label="dashed: unstable (phases: at equal rates)")
    ax.set(xlabel="temperature $T$ (K)", ylabel="excitation gap (minimum of the branch) (meV)", xlim=(-0.05 * last, last))
    ax.set_ylim(0, 1.3 * ax.get_ylim()[1])
    ax.set_title(result.config.title, fontsize=11)
    ax.legend(frameon=False, fontsize=8.5, loc="upper right", ncols=2)
    return ax


def _draw_data(result: FitResult, ax: Any) -> None:
    """Fitted data with their errors; data without a stated temperature at the left edge; measured temperatures on top."""
    names = branch_names(result.superconductor)
    for i, name in enumerate(names):
        rows = [d for d in result.fitted if d.quantity == f"branch_minimum[{name}]" and not d.limit]
        errors = [error_of(d, result.config) for d in rows]
        if rows:
            label = "fitted data" if i == len(names) - 1 else None
            style = {"fmt": "o", "ms": 6, "color": COLOURS[i % len(COLOURS)], "mec": "black", "capsize": 3}
            ax.errorbar([d.T for d in rows], [d.value for d in rows], yerr=errors, label=label, zorder=5, **style)
    shown = [d for d in result.data if d.use == "show" and d.unit == "meV" and not d.operator]
    left, right = ax.get_xlim()
    if shown:
        x = [-0.02 * (right - left) if d.T is None else d.T for d in shown]
        style = {"marker": "D", "s": 26, "facecolors": "none", "edgecolors": "0.25", "zorder": 4, "linewidths": 1}
        ax.scatter(x, [d.value for d in shown], label="other ARPES data, T not stated (not fitted)", **style)


def _other_branch(branch: str) -> str:
    """The branch drawn for comparison: s++, or s+- if that is the fitted one."""
    return "s+-" if branch.removeprefix("s") == "++" else "s++"


def _parameters(result: FitResult) -> list[tuple[str, float, float]]:
    return [
        (name, float(v), float(s))
        for name, v, s in zip(result.config.parameters, result.value, result.uncertainty, strict=True)
    ]


def _rows(result: FitResult) -> list[dict[str, Any]]:
    rows = []
    for datum, model in zip(result.fitted, result.predicted, strict=True):
        error = error_of(datum, result.config)
        rows.append(
            {
                **datum._asdict(),
                "quantity": datum.quantity,
                "T_K": datum.T,
                "error": error,
                "error_assumed": datum.error is None,
                "model": float(model),
                "distance_sigma": (float(model) - datum.value) / error,
            }
        )
    return rows


def _interval(result: FitResult, name: str) -> dict[str, Any]:
    """The ends of the profile's interval, and why they are there: chi2, bound or branch."""
    interval = next(interval for interval in result.intervals if interval.name == name)
    return {"lower": interval.lower._asdict(), "upper": interval.upper._asdict(), "profile": interval.points.tolist()}


def _interval_text(result: FitResult, name: str) -> str:
    """The interval; an end that is no crossing of chi^2 says so."""
    interval = next(interval for interval in result.intervals if interval.name == name)
    marks = {"chi2": "", "bound": " (bound)", "branch": " (branch ends)"}
    lower, upper = (f"{side.value:.4g}{marks[side.reason]}" for side in (interval.lower, interval.upper))
    return f"{lower} .. {upper}"


def _note(value: float, error: float, bounds: tuple[float, float]) -> str:
    lo, hi = bounds
    if min(value - lo, hi - value) < AT_BOUND * (hi - lo):
        return "at a bound: the uncertainty is not to be trusted"
    return "" if np.isfinite(error) else "not determined by the data"


def _correlation(result: FitResult) -> np.ndarray:
    sigma = result.uncertainty
    with np.errstate(invalid="ignore"):
        return result.covariance / np.outer(sigma, sigma)


def _kind(prediction: Prediction) -> str:
    return "T_c" if prediction.name.startswith("T_c") else "branch_end"


def _predicted(result: FitResult) -> list[Prediction]:
    """The predictions that were not fitted."""
    fitted = {datum.kind for datum in result.fitted}
    return [prediction for prediction in result.predictions if _kind(prediction) not in fitted]


def _measured(prediction: Prediction, data: tuple[Datum, ...]) -> Datum | None:
    kind = _kind(prediction)
    return next((datum for datum in data if datum.kind == kind and datum.use == "predict"), None)


def _compare(prediction: Prediction, config: FitConfig, data: tuple[Datum, ...]) -> str:
    datum = _measured(prediction, data)
    text = (
        f"Predicted, not fitted: {prediction.name} at {_with_error(prediction.value, prediction.uncertainty)} {prediction.unit}"
    )
    if datum is None:
        return text + "."
    spread = np.hypot(prediction.uncertainty, error_of(datum, config))
    agrees = "consistent with" if abs(prediction.value - datum.value) <= 3 * spread else "in conflict with"
    return f"{text}, {agrees} the measured {datum.value:g} {datum.unit}."


def _with_error(value: float, error: float) -> str:
    """A value and its error to the error's second digit."""
    if not np.isfinite(error) or error <= 0:
        return f"{value:.5g}"
    digits = max(0, 1 - int(np.floor(np.log10(error))))
    return f"{value:.{digits}f} +- {error:.{digits}f}"


def _unit(result: FitResult, name: str, form: str = " {}") -> str:
    unit = result.config.parameters[name].unit
    return form.format(unit) if unit else ""


def _starts_text(result: FitResult) -> str:
    best = result.start_converged & (result.start_chi2 <= result.chi2 + 1e-6)
    return f"{int(best.sum())} of {len(best)} starts reached this minimum"


def _curve(result: FitResult) -> dict[str, Any]:
    """The fitted branch against temperature, as in fit.png."""
    gaps = [[_finite(gap) for gap in row] for row in np.asarray(result.curve.gaps).tolist()]
    return {
        "T_K": np.asarray(result.curve.T).tolist(),
        "branches": list(branch_names(result.superconductor)),
        "branch_minima_meV": gaps,
        "stable_at_equal_rates": np.asarray(result.curve.stable).tolist(),
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


def _finite(x: float) -> float | None:
    return float(x) if np.isfinite(x) else None


def provenance(*more: str) -> dict[str, Any]:
    """Versions (of `more` packages, too), device and precision of a result."""
    packages = {name: version(name) for name in ("jaxgap", "jax", "jaxlib", "equinox", "optax", "numpy", *more)}
    device = jax.devices()[0]
    return {
        "versions": packages,
        "python": platform.python_version(),
        "device": f"{device.platform}: {device.device_kind}",
        "precision": "float64",
    }
