"""Are the intervals of a posterior right, and what do they cost? Coverage of a known truth, on synthetic data.

    python benchmarks/posterior.py [--sets 40] [--draws 500] [--warmup 300] [--output results.json]

The synthetic sets are those of benchmarks/calibration.py: gaps of Ba0.6K0.4Fe2As2's s+- branch at eight temperatures,
calculated at known couplings, with Gaussian noise of 0.05 and 0.3 meV from a fixed seed. Every set is fitted from the truth and
drawn from; counted is how often the truth lies in the central 68 % and 95 % intervals of the draws, and on the same sets of the
profile. (Of 100 sets the share itself is known to 4.7 % and 2.2 %, one standard deviation; that of the difference of the two,
which share their data, is smaller.) Besides: the time per effective draw, and the largest R-hat.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from calibration import LEVELS as RISES
from calibration import NOISES, TRUTH, fitted_folder

from jaxgap.fitting import FitResult, load_fit, posterior
from jaxgap.fitting.draws import Posterior
from jaxgap.fitting.minimise import minimise_nested
from jaxgap.fitting.profile import Minimum, profile
from jaxgap.fitting.result import SampleResult
from jaxgap.numerics.programs import compile_quickly, keep_programs

LEVELS = dict(zip(("interval_68", "interval_95"), (rise for _, rise in RISES.values()), strict=True))
"""Name of the interval -> rise of chi^2 of the profile."""


def drawn(
    folder: Path, values: np.ndarray, known: Any, length: tuple[int, int]
) -> tuple[Posterior, float, dict[str, np.ndarray]]:
    """(posterior of one noisy set with (draws, warm-up), seconds of sampling, the profile's intervals)."""
    config, p, near, _ = known
    p = replace(p, value=jnp.asarray(values))
    _, sc, rows = load_fit(folder)
    theta, end, _ = minimise_nested(p, TRUTH.copy(), near, config.optimiser)
    J = np.asarray(end.jacobian)
    sigma, chi2 = np.sqrt(np.diag(np.linalg.inv(J.T @ J))), float(np.sum(np.asarray(end.residuals) ** 2))
    minimum = Minimum(theta, np.asarray(end.Delta), chi2, sigma)
    intervals = {
        level: np.array(
            [[i.lower.value, i.upper.value] for i in (profile(p, config.optimiser, minimum, k, rise) for k in (0, 1))]
        )
        for level, rise in LEVELS.items()
    }
    data = tuple(row._replace(value=float(value)) for row, value in zip(rows, values, strict=True))
    samples = (SampleResult(**{**dict.fromkeys(SampleResult._fields), "name": "", "superconductor": sc}),)
    known = {"config": config, "samples": samples, "branch": "s+-", "data": data, "value": theta, "intervals": ()}
    known |= {"jacobian": np.asarray(end.jacobian)[: len(rows) + len(theta)], "amplitudes": np.asarray(end.Delta)}
    # The rest of a fit (curve, profile) is not asked for.
    result = FitResult(**{**dict.fromkeys(FitResult._fields), **known, "start_converged": np.array([bool(end.on_branch)])})
    began = time.perf_counter()
    found = posterior(result, draws=length[0], warmup=length[1])
    return found, time.perf_counter() - began, intervals


def covered(noise: float, sets: int, length: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """The row of the table, after every tenth set."""
    rng = np.random.default_rng(20)
    inside = {way: {level: np.zeros(len(TRUTH)) for level in LEVELS} for way in ("posterior", "profile")}
    r_hat, per_draw, divergences = [], [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        known = fitted_folder(folder, noise)
        for i in range(sets):
            values = known[3] + noise * rng.normal(size=len(known[3]))
            found, seconds, profiled = drawn(folder, values, known, length)
            for level in LEVELS:
                ends = {"posterior": np.array([getattr(m, level) for m in found.summary]), "profile": profiled[level]}
                for way, end in ends.items():
                    inside[way][level] += (end[:, 0] <= TRUTH) & (end[:, 1] >= TRUTH)
            r_hat.append(max(m.r_hat for m in found.summary))
            divergences += found.divergences
            # The first set compiles.
            per_draw.append(1e3 * seconds / min(min(m.ess_bulk, m.ess_tail) for m in found.summary))
            if (i + 1) % 10 == 0 or i + 1 == sets:
                yield {
                    "noise_meV": noise,
                    "sets": i + 1,
                    "draws": 4 * length[0],
                    "covered": {
                        way: {level: (count / (i + 1)).tolist() for level, count in of.items()} for way, of in inside.items()
                    },
                    "ms_per_effective_draw": float(np.median(per_draw[1:] or per_draw)),
                    "largest_r_hat": float(np.max(r_hat)),
                    "share_of_sets_with_r_hat_below_1.01": float(np.mean(np.array(r_hat) < 1.01)),
                    "divergences": divergences,
                    "device": jax.devices()[0].device_kind,
                }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=40)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--warmup", type=int, default=300)
    parser.add_argument("--noise", type=float, nargs="*", help="Errors of the gaps [meV] (default: both).")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    compile_quickly()
    keep_programs()
    rows = []
    print("noise (meV)  sets  68 % covers          95 % covers          ms/effective draw  largest R-hat  divergences")
    for noise in arguments.noise or NOISES:
        rows.append({})
        for row in covered(noise, arguments.sets, (arguments.draws, arguments.warmup)):
            rows[-1] = row
            if arguments.output:
                arguments.output.write_text(json.dumps(rows, indent=1) + "\n")
        row = rows[-1]
        shares = ["  ".join(f"{share:8.3f}" for share in row["covered"]["posterior"][level]) for level in LEVELS]
        print(
            f"{noise:11g}  {row['sets']:4d}  {shares[0]:19s}  {shares[1]:19s}  {row['ms_per_effective_draw']:17.1f}"
            f"  {row['largest_r_hat']:13.4f}  {row['divergences']:11d}",
            flush=True,
        )


if __name__ == "__main__":
    main()
