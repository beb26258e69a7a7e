"""Are the intervals of a fit right for every kind of datum? How often they cover a known truth, kind by kind.

    python benchmarks/coverage.py [--sets 100] [--kinds heat nmr ...] [--output results.json]

SYNTHETIC data: the s+- branch of the two-band system of fits/synthetic_every_kind at known couplings, seen by one kind of
experiment at a time (`CASES`): curves of a dozen points with the experiment's own numbers free beside a coupling, or a table
of numbers. What is measured is what the fit's own model says at the truth (tests/fitting/test_experiments.py has it beside the
observables of solved states), with Gaussian noise from a fixed seed, of such a size that the least known parameter is known to
3 %. Every set is fitted from the truth; counted is how often the truth lies within one standard deviation of the covariance.
Bar: 60 to 76 % (68.3 % expected; of 100 sets a share is known to 4.7 %, so that one in ten lies outside the bar by chance; of
400 to 2.3 %, and one in two thousand).
"""

import argparse
import json
import tempfile
import time
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import tomli_w
from calibration import one

import jaxgap as jg
from jaxgap.fitting import load_fit
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.objective import Nested
from jaxgap.fitting.problem import Problem, problem
from jaxgap.observables.quantities import MEASURED

SHIPPED = Path(__file__).parent.parent / "fits" / "synthetic_every_kind" / "fit.toml"
SEED = 23
BAR = (0.60, 0.76)
COUPLINGS = {"lambda_i3": 0.06, "lambda_11": 0.45}
BOUNDS = {"lambda_i3": [0.02, 0.1], "lambda_11": [0.4, 0.5]}
COLD = np.linspace(3.0, 30.0, 14)
"""Temperatures [K] of curves; the branch ends at 37.8 K."""
WARM = np.linspace(6.0, 30.0, 8)
"""[K]; of relaxation, whose integrals take long."""
VOLTAGES = np.linspace(-20.0, 20.0, 17)
"""[mV]"""
ENERGIES = np.linspace(-20.0, 8.0, 17)
"""[meV]"""
KNOWN_TO = 0.03
"""Relative error of the least known parameter: intervals of the covariance are those of a problem that is nearly linear."""
NEAR = 1e-3
"""A fit has arrived within so many standard deviations of the minimum."""
LOWER, UPPER = "branch_minimum[a:b lower]", "branch_minimum[a:b upper]"


class Case(NamedTuple):
    """A kind of datum, and how it is measured here."""

    own: Mapping[str, tuple[float, float, float]] = MappingProxyType({})
    """The experiment's numbers that are free: (truth, bounds)."""
    settings: Mapping[str, float] = MappingProxyType({})
    """Those that are fixed."""
    rows: tuple[str, ...] = ()
    """Of a table of numbers, at every temperature; of a curve there are none."""
    couplings: tuple[str, ...] = ("lambda_i3",)
    T: Any = COLD
    """[K]; None for what has no temperature."""
    x: np.ndarray | None = None
    of: str = ""


PLACED = Case(T=np.full(10, np.nan))
"""What belongs to no temperature, measured ten times."""
SCALE, DEPTH = {"scale": (1.1, 0.5, 2.0)}, {"lambda_0": (200.0, 50.0, 800.0)}
LAYERS, WIDTH = {"layer_spacing": 6.0}, {"Gamma": (1.0, 0.2, 4.0)}
TWO = ("lambda_i3", "lambda_11")
CASES = {
    "branch_minimum": Case(rows=(LOWER, UPPER), couplings=TWO),
    "fermi_momentum": Case(rows=("fermi_momentum[a]", "fermi_momentum[b]"), couplings=TWO),
    "coherence_peak": Case(rows=("coherence_peak[a:b lower]", "coherence_peak[a:b upper]"), couplings=TWO),
    "difference": Case(rows=(f"{UPPER} - {LOWER}",)),
    "ratio": Case(rows=(f"{UPPER} / {LOWER}",)),
    "over_T_c": Case(rows=(f"2 {LOWER} / k_B T_c",)),
    "T_c": PLACED._replace(rows=("T_c",), couplings=("lambda_11",)),
    "heat_jump": PLACED._replace(rows=("heat_jump",), couplings=("lambda_11",)),
    "branch_end": PLACED._replace(rows=("branch_end",)),
    "jump": PLACED._replace(rows=("jump[s++]",)),
    "heat": Case({"residual": (0.1, 0.0, 0.6)}),
    "heat_over_T": Case({"gamma_n": (5.0, 1.0, 20.0), "beta": (0.005, 0.0, 1.0)}),
    "entropy": Case({"residual": (0.1, 0.0, 0.6)}),
    "condensation_energy": Case({"gamma_n": (5.0, 1.0, 20.0)}),
    "critical_field": Case(SCALE, LAYERS),
    "superfluid": Case(SCALE),
    "inverse_lambda_squared": Case(DEPTH),
    "penetration_depth": Case(DEPTH),
    "delta_lambda": Case(DEPTH | {"offset": (5.0, -100.0, 100.0)}),
    "sigma_sc": Case(DEPTH | {"sigma_n": (0.3, 0.0, 1.0)}),
    "nmr": Case({"Gamma": (0.3, 0.15, 0.6)}, T=WARM),
    "relaxation_rate": Case({"korringa": (0.05, 0.005, 0.5)}, {"Gamma": 0.3}, T=WARM),
    "ultrasound": Case(SCALE),
    "dIdV": Case({"Gamma": (0.5, 0.05, 3.0)} | SCALE, T=4.2, x=VOLTAGES),
    "andreev": Case({"Gamma": (0.5, 0.25, 1.0), "Z": (0.5, 0.2, 1.0)}, T=4.2, x=VOLTAGES),
    "edc": Case(WIDTH, {"scale": 10.0, "background": 0.5}, T=10.0, x=ENERGIES, of="a"),
    "symmetrised_edc": Case(WIDTH, {"scale": 10.0, "background": 0.5}, T=10.0, x=ENERGIES, of="a"),
    "dos": Case({"Gamma": (0.5, 0.1, 3.0)} | SCALE, T=1.0, x=VOLTAGES),
}


# --- a fit of one kind ---------------------------------------------------------------------------------------------------


def folder_of(kind: str, case: Case, folder: Path) -> Path:
    """fit.toml and a file whose values are still to be calculated."""
    table = tomllib.loads(SHIPPED.read_text())
    sets = {name: table["parameters"][name]["sets"] for name in COUPLINGS}
    parameters = {name: {"bounds": BOUNDS[name], "sets": sets[name]} for name in case.couplings}
    own = {name: {"bounds": list(ends), "sets": {f"data[curve].{name}": 1.0}} for name, (_, *ends) in case.own.items()}
    data = {"file": "data.csv", "assumed_error_meV": 1.0} if case.rows else _curve(kind, case)
    made = {
        "system": table["system"],
        "parameters": parameters | own,
        "data": data if case.rows else [data],
        "optimiser": {"tolerance": NEAR},
    }
    (folder / "fit.toml").write_text(tomli_w.dumps(made))
    (folder / "data.csv").write_text("\n".join(_lines(case)) + "\n")
    return folder


def _curve(kind: str, case: Case) -> dict[str, Any]:
    row, axis = MEASURED[kind], "T" if case.x is None else next(iter(MEASURED[kind].axis_units))
    columns = {axis: 1, "value": 2, "error": 3}
    units = {axis: "K" if case.x is None else row.axis_units[axis], "value": row.units}
    entry = {"name": "curve", "file": "data.csv", "quantity": kind, "columns": columns, "units": units, "of": case.of}
    return entry | {"settings": dict(case.settings)} | ({} if case.x is None else {"T": case.T})


def _lines(case: Case) -> list[str]:
    if not case.rows:
        return [f"{x},1.0,1.0" for x in (case.T if case.x is None else case.x)]
    T = ["" if np.isnan(t) else f"{t}" for t in case.T]
    return ["quantity,T_K,value,error", *(f"{row},{t},1.0,1.0" for t in T for row in case.rows)]


def posed(kind: str, folder: Path) -> tuple[FitConfig, Problem, np.ndarray, np.ndarray]:
    """(configuration, problem whose values are the model's at the truth, the truth, amplitudes there)."""
    case = CASES[kind]
    config, sc, data = load_fit(folder_of(kind, case, folder))
    truth = np.array([COUPLINGS[name] if name in COUPLINGS else case.own[name][0] for name in config.parameters])
    p = problem(config, config.systems(sc), data)
    near = np.stack([np.asarray(jg.solve(sc, float(T), branch="s+-").Delta.real) for T in p.T]) if len(p.T) else None
    near = np.zeros((0, len(sc.channels))) if near is None else near
    at = nested_at(p, truth, near)
    assert at.on_branch, f"{kind}: no branch at the truth"
    return config, replace(p, value=jnp.asarray(at.predicted), error=jnp.full(len(p.value), _noise(p, at, truth))), truth, near


def _noise(p: Problem, at: Nested, truth: np.ndarray) -> float:
    """The error of every datum with which the least known parameter is known to `KNOWN_TO`."""
    J = np.asarray(at.jacobian)[: len(p.rows)] * np.asarray(p.error)[:, None]
    return float(KNOWN_TO / np.max(np.sqrt(np.diag(np.linalg.inv(J.T @ J))) / truth))


# --- how often --------------------------------------------------------------------------------------------------------------


def covered(kind: str, sets: int, seed: int) -> dict[str, Any]:
    """How often one standard deviation covers the truth, parameter by parameter."""
    began, rng = time.perf_counter(), np.random.default_rng([seed, list(CASES).index(kind)])
    with tempfile.TemporaryDirectory() as folder:
        config, p, truth, near = posed(kind, Path(folder))
    prepared, away = time.perf_counter() - began, []
    for _ in range(sets):
        drawn = replace(p, value=p.value + p.error * jnp.asarray(rng.normal(size=len(p.value))))
        minimum, sigma, _ = one(config, drawn, near, (truth,))
        away.append((minimum.theta - truth) / sigma)
    away = np.array(away)
    shares = dict(zip(config.parameters, np.mean(np.abs(away) <= 1, axis=0).tolist(), strict=True))
    return {
        "kind": kind,
        "sets": sets,
        "seed": seed,
        "points": len(p.value),
        "noise": float(p.error[0]),
        "noise_in_largest_value": float(p.error[0] / np.abs(p.value).max()),
        "share_covered": shares,
        "within_bar": all(BAR[0] <= share <= BAR[1] for share in shares.values()),
        "mean_of_deviation_over_sigma": np.mean(away, axis=0).tolist(),
        "spread_of_deviation_over_sigma": np.std(away, axis=0).tolist(),
        "relative_error": (np.abs(sigma / truth)).tolist(),
        "seconds": time.perf_counter() - began,
        "seconds_before": prepared,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED, help="Other sets: is a share chance?")
    parser.add_argument("--kinds", nargs="*", choices=list(CASES), default=list(CASES))
    parser.add_argument("--output", type=Path, help="Rows of other kinds that it has already stay.")
    arguments = parser.parse_args()
    known = arguments.output is not None and arguments.output.exists()
    rows = {row["kind"]: row for row in json.loads(arguments.output.read_text())} if known else {}
    for kind in arguments.kinds:
        rows[kind] = covered(kind, arguments.sets, arguments.seed)
        print(json.dumps(rows[kind]), flush=True)
        if arguments.output:
            arguments.output.write_text(json.dumps([rows[one] for one in CASES if one in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
