"""Are the intervals of a fit right? How often they cover a known truth, on synthetic data.

    python benchmarks/calibration.py [--sets 200] [--output results.json]

SYNTHETIC data: gaps of Ba0.6K0.4Fe2As2's s+- branch at eight temperatures, calculated at known couplings (lambda_13 = 0.02,
Omega = 38 meV), with Gaussian noise of known size from a fixed seed. Every set is fitted from the truth and from a start far
away; counted is how often the truth lies within the 68.3 % and 95 % intervals of covariance and profile. Bars: 68 +- 5 %
and 95 +- 3 %. (Of 200 sets the share itself is known to 3.3 % and 1.5 %, one standard deviation.)
Two sizes of noise: 0.05 meV, where the model is almost linear over the errors, and 0.3 meV, where it is not.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

import jaxgap as jg
from jaxgap.fitting import load_fit
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.minimise import minimise_nested
from jaxgap.fitting.problem import Problem, problem
from jaxgap.fitting.profile import Minimum, profile
from jaxgap.observables import branch_minima

SHIPPED = Path(__file__).parent.parent / "fits" / "ba0.6k0.4fe2as2"
TRUTH = np.array([0.02, 38.0])
FAR = np.array([0.03, 42.0])
TEMPERATURES = (1.0, 5.0, 10.0, 14.0, 18.0, 22.0, 25.0, 28.0)
NOISES = (0.05, 0.3)
LEVELS = {"68.3 %": (1.0, 1.0), "95 %": (1.9600, 3.8415)}  # (standard deviations, rise of chi^2)


def fitted_folder(folder: Path, noise: float) -> tuple[FitConfig, Problem, np.ndarray, np.ndarray]:
    """(configuration, problem with the calculated gaps as data, amplitudes at the truth, gaps)."""
    sc = jg.materials.ba122(*TRUTH)
    rows, gaps, Delta = ["quantity,T_K,value,error,unit,use,technique,source,how_obtained"], [], []
    for T in TEMPERATURES:
        solution = jg.solve(sc, T, branch="s+-")
        Delta.append(np.asarray(solution.Delta.real))
        for name, gap in zip(("lower", "upper"), np.asarray(branch_minima(solution)), strict=True):
            gaps.append(float(gap))
            row = f"branch_minimum[alpha:beta {name}],{T},{gap},{noise},meV,fit,synthetic,benchmarks/calibration.py,calculated"
            rows.append(row)
    (folder / "data.csv").write_text("\n".join(rows) + "\n")
    (folder / "fit.toml").write_text((SHIPPED / "fit.toml").read_text())
    config, sc, data = load_fit(folder)
    return config, problem(config, [sc], data), np.stack(Delta), np.array(gaps)


def one(
    config: FitConfig, p: Problem, near: np.ndarray, starts: Sequence[np.ndarray] = (TRUTH, FAR)
) -> tuple[Minimum, np.ndarray, bool]:
    """(minimum, its standard deviations, whether all starts reach it)."""
    ends = [minimise_nested(p, start.copy(), near, config.optimiser)[:2] for start in starts]
    chi2 = [float(np.sum(np.asarray(end.residuals) ** 2)) if end.on_branch else np.inf for _, end in ends]
    theta, end = ends[int(np.argmin(chi2))]
    J = np.asarray(end.jacobian)
    sigma = np.sqrt(np.diag(np.linalg.inv(J.T @ J)))
    return Minimum(theta, np.asarray(end.Delta), min(chi2), sigma), sigma, bool(np.ptp(chi2) < 1e-6)


def calibrated(noise: float, sets: int) -> dict[str, Any]:
    began = time.perf_counter()
    rng = np.random.default_rng(20)
    with tempfile.TemporaryDirectory() as folder:
        config, p, near, gaps = fitted_folder(Path(folder), noise)
    covered = {kind: {level: np.zeros(2) for level in LEVELS} for kind in ("covariance", "profile")}
    agree, scatter = 0, []
    for _ in range(sets):
        # The same structure: one compiled program serves all sets.
        drawn = replace(p, value=jnp.asarray(gaps + noise * rng.normal(size=len(gaps))))
        minimum, sigma, same = one(config, drawn, near)
        agree += same
        scatter.append((minimum.theta - TRUTH) / sigma)
        for level, (deviations, rise) in LEVELS.items():
            covered["covariance"][level] += np.abs(minimum.theta - TRUTH) <= deviations * sigma
            for k in range(2):
                interval = profile(drawn, config.optimiser, minimum, k, rise)
                covered["profile"][level][k] += interval.lower.value <= TRUTH[k] <= interval.upper.value
    names = list(config.parameters)
    shares = {
        kind: {level: dict(zip(names, (counts / sets).tolist(), strict=True)) for level, counts in levels.items()}
        for kind, levels in covered.items()
    }
    return {
        "noise_meV": noise,
        "sets": sets,
        "data_per_set": len(gaps),
        "share_covered": shares,
        "mean_of_deviation_over_sigma": np.mean(scatter, axis=0).tolist(),
        "spread_of_deviation_over_sigma": np.std(scatter, axis=0).tolist(),
        "share_in_which_both_starts_agree": agree / sets,
        "seconds": time.perf_counter() - began,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    parser.add_argument("--noise", type=float, nargs="*", help="Errors of the gaps [meV] (default: both).")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    for noise in arguments.noise or NOISES:
        rows.append(calibrated(noise, arguments.sets))
        print(json.dumps(rows[-1], indent=1), flush=True)
        if arguments.output:
            arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
