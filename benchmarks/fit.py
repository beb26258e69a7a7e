"""Fits: how many of 64 starts reach the best minimum, in what time, by which search; and the same by iminuit and lmfit.

    python benchmarks/fit.py [--starts 64] [--output results.json]

Three problems. Two parameters: the shipped fit of Ba0.6K0.4Fe2As2 (two gaps). Six parameters: the same system's couplings and
Omega from gaps at eight temperatures, SYNTHETIC (calculated at known couplings, with noise of 0.05 meV from a fixed seed),
which do not determine them; and the same with T_c, the end of the branch and couplings known beforehand to some 5 %, which do.
Rows: search by least squares and by adam, first call (with compilation, nothing kept) and second call, evaluations, and the
share of starts that converged within 1e-6 of the best chi^2. Then MIGRAD, HESSE and MINOS of iminuit and the least squares of
lmfit on the two-parameter problem, driving the same compiled model with the same derivatives, from jaxgap's
start: how far their minimum, covariance and intervals are from jaxgap's, and their evaluations of the model.
(iminuit and lmfit are not dependencies: pip install iminuit lmfit.)
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import iminuit
import jax
import lmfit
import numpy as np

import jaxgap as jg
from jaxgap.fitting import FitResult, fit, load_fit
from jaxgap.fitting.minimise import nested_at
from jaxgap.observables import branch_minima

BAR = 10.0  # seconds for 64 starts of the two-parameter fit, second call
SHIPPED = Path(__file__).parent.parent / "fits" / "ba0.6k0.4fe2as2"
TRUTH = {"lambda_13": 0.02, "Omega": 38.0}
TEMPERATURES = (1.0, 5.0, 10.0, 14.0, 18.0, 22.0, 25.0, 28.0)
NOISE = 0.05
KNOWN = {"lambda_11": (0.5, 0.025), "lambda_22": (0.4, 0.02), "lambda_33": (0.24, 0.0125), "lambda_12": (-0.01, 0.01)}
"""(value, standard deviation), off the truth (.51, .39, .25, -.005) by up to one of these."""
SIX = {
    "lambda_11": ((0.4, 0.6), {"lam[alpha, alpha]": 1.0}),
    "lambda_22": ((0.3, 0.5), {"lam[beta, beta]": 1.0}),
    "lambda_33": ((0.1, 0.35), {"lam[alpha:beta, alpha:beta]": 1.0}),
    "lambda_12": ((-0.05, 0.02), {"lam[alpha, beta]": 1.0, "lam[beta, alpha]": 0.5}),
}


def six(folder: Path, determined: bool) -> Path:
    """A fit folder with six parameters and synthetic data; with what determines them, or without."""
    folder.mkdir()
    toml = (SHIPPED / "fit.toml").read_text()
    for name, ((lo, hi), sets) in SIX.items():
        lines = [f"[parameters.{name}]", f"bounds = [{lo}, {hi}]", *known(name, determined), f"[parameters.{name}.sets]"]
        toml = toml.replace(
            "[data]\n", "\n".join([*lines, *(f'"{path}" = {factor}' for path, factor in sets.items())]) + "\n\n[data]\n"
        )
    (folder / "fit.toml").write_text(toml)
    rng, sc = np.random.default_rng(0), jg.materials.ba122(*TRUTH.values())
    rows = ["quantity,T_K,value,error,unit,use,technique,source,how_obtained"]
    for T in TEMPERATURES:
        gaps = np.asarray(branch_minima(jg.solve(sc, T, branch="s+-"))) + NOISE * rng.normal(size=2)
        rows += [
            f"branch_minimum[alpha:beta {name}],{T},{gap:.6f},{NOISE},meV,fit,synthetic,benchmarks/fit.py,calculated with noise"
            for name, gap in zip(("lower", "upper"), gaps, strict=True)
        ]
    if determined:
        end, T_c = float(jg.branch_end(sc, "s+-").T), float(jg.critical_temperature(sc))
        rows += [
            f"{quantity},,{T + rng.normal():.4f},1.0,K,fit,synthetic,benchmarks/fit.py,calculated with noise"
            for quantity, T in (("branch_end", end), ("T_c", T_c))
        ]
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
    return folder


def known(name: str, determined: bool) -> list[str]:
    return ["prior = [{}, {}]".format(*KNOWN[name])] if determined else []


def row(name: str, folder: Path, search: str, starts: int) -> dict[str, Any]:
    config, sc, data = load_fit(folder)
    config = config.model_copy(update={"optimiser": config.optimiser.model_copy(update={"search": search, "starts": starts})})
    seconds, result = [], None
    for _ in range(2):
        began = time.perf_counter()
        result = fit(config, sc, data)
        seconds.append(time.perf_counter() - began)
    assert result is not None
    reached = result.start_converged & (result.start_chi2 <= result.chi2 + 1e-6)
    return {
        "problem": name,
        "search": search,
        "starts": starts,
        "share_at_the_best_minimum": float(np.mean(reached)),
        "share_converged": float(np.mean(result.start_converged)),
        "chi2": result.chi2,
        "values": dict(zip(config.parameters, result.value.tolist(), strict=True)),
        "uncertainties": [float(s) if np.isfinite(s) else None for s in result.uncertainty],
        "evaluations": result.evaluations,
        "seconds_first_call": seconds[0],
        "seconds_second_call": seconds[1],
    }


class Model:
    """chi^2 of the two-parameter fit for other minimisers, which count its calls."""

    def __init__(self, result: FitResult) -> None:
        self.p = result.problem
        self.near, self.calls, self.names = result.amplitudes, 0, list(result.config.parameters)

    def at(self, theta: Any) -> Any:
        self.calls += 1
        return nested_at(self.p, np.asarray(theta, dtype=float), self.near)

    def chi2(self, theta: Any) -> float:
        return float(np.sum(self.at(theta).residuals ** 2))

    def gradient(self, theta: Any) -> np.ndarray:
        found = self.at(theta)
        return 2 * found.residuals @ found.jacobian


def others(result: FitResult) -> list[dict[str, Any]]:
    """iminuit and lmfit from the configured start, compared with jaxgap."""
    start = [parameter.start for parameter in result.config.parameters.values()]
    bounds = [parameter.bounds for parameter in result.config.parameters.values()]
    ours = [(interval.lower.value, interval.upper.value) for interval in result.intervals]

    model, began = Model(result), time.perf_counter()
    m = iminuit.Minuit(model.chi2, np.array(start), grad=model.gradient, name=model.names)
    # With strategy 2 MIGRAD ends earlier, 1.06e-6 from the minimum, whatever its tolerance.
    m.limits, m.tol, m.strategy = bounds, 1e-8, 1
    m.migrad()
    m.hesse()
    m.minos()
    theirs = [(m.values[n] + m.merrors[n].lower, m.values[n] + m.merrors[n].upper) for n in model.names]
    rows = [_compared("iminuit", result, np.array(m.values), np.array(m.covariance), theirs, ours, model, began)]

    model, began = Model(result), time.perf_counter()
    parameters = lmfit.Parameters()
    for name, value, (lo, hi) in zip(model.names, start, bounds, strict=True):
        parameters.add(name, value=value, min=lo, max=hi)
    minimiser = lmfit.Minimizer(
        lambda q: model.at([q[name].value for name in model.names]).residuals,
        parameters,
        scale_covar=False,
    )
    # Two data and two parameters leave no degree of freedom, for which conf_interval's F test does not exist: no interval.
    found = minimiser.minimize(method="leastsq", xtol=1e-12, ftol=1e-12)
    values = np.array([found.params[name].value for name in model.names])
    rows.append(_compared("lmfit", result, values, np.asarray(found.covar), None, ours, model, began))
    return rows


def _compared(
    name: str, result: FitResult, values: np.ndarray, covariance: np.ndarray, theirs: Any, ours: Any, model: Model, began: float
) -> dict[str, Any]:
    sigma = result.uncertainty
    distances = None if theirs is None else (np.abs(np.array(theirs) - np.array(ours)) / sigma[:, None]).tolist()
    return {
        "tool": name,
        "minimum_off_relative": float(np.max(np.abs(values / result.value - 1))),
        "covariance_off_relative": float(np.max(np.abs(covariance - result.covariance) / np.outer(sigma, sigma))),
        "interval_ends_off_in_sigma": distances,
        "model_calls": model.calls,
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=64)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        problems = {
            "two parameters": SHIPPED,
            "six parameters, synthetic": six(Path(folder) / "open", False),
            "six parameters, synthetic, determined": six(Path(folder) / "determined", True),
        }
        for name, where in problems.items():
            for search in ("least_squares", "adam"):
                rows.append(row(name, where, search, arguments.starts))
                print(json.dumps(rows[-1]), flush=True)
    result = fit(*load_fit(SHIPPED))
    began = time.perf_counter()
    for name in result.config.parameters:
        result.interval(name)
    ours = {
        "tool": "jaxgap",
        "evaluations_of_16_starts": result.evaluations,
        "seconds_for_intervals": time.perf_counter() - began,
    }
    compared = [ours, *others(result)]
    for line in compared:
        print(json.dumps(line), flush=True)
    if arguments.output:
        machine = {"machine": platform.machine(), "cores": os.cpu_count(), "jax": jax.__version__, "bar_seconds": BAR}
        arguments.output.write_text(json.dumps({**machine, "fits": rows, "other_tools": compared}, indent=1) + "\n")


if __name__ == "__main__":
    main()
