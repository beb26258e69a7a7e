"""Thousands of fits in batched programs beside the same fits one by one on all cores: a bootstrap, and starts.

    python benchmarks/many_fits.py [--sets 4096] [--starts 512] [--beside 256] [--output results.json]

The shipped fit of Ba0.6K0.4Fe2As2 (two gaps, two parameters). One by one only `--beside` are done, and their time is scaled;
what is compiled is in neither, and told apart. The values of the sets that both have are compared in standard deviations of the
parameters; of the starts the share that converged within 1e-6 of the best chi^2 is told.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from jaxgap.fitting import FitResult, bootstrap, fit, load_fit
from jaxgap.numerics.cutting import CPU, cut, forced
from jaxgap.numerics.provenance import provenance

SHIPPED = Path(__file__).parent.parent / "fits" / "ba0.6k0.4fe2as2"


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """(result, seconds of the first call, of the second)."""
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return found, *seconds


def bootstraps(result: FitResult, sets: int, beside: int) -> dict[str, Any]:
    """A bootstrap both ways."""
    together, first, again = timed(lambda: bootstrap(result, sets=sets, seed=1))
    with forced(cut()._replace(fits=10 * sets)):
        alone, _, one_by_one = timed(lambda: bootstrap(result, sets=beside, seed=1))
    n = min(len(alone.values), beside - alone.lost)
    apart = np.abs(together.values[:n] - alone.values[:n]) / result.uncertainty
    return {
        "sets": sets,
        "lost": together.lost,
        "seconds": again,
        "seconds_first_call": first,
        "ms_per_set": 1e3 * again / sets,
        "ms_per_set_one_by_one": 1e3 * one_by_one / beside,
        "ratio": one_by_one / beside / (again / sets),
        "largest_difference_in_sigmas": float(np.max(apart)) if not (together.lost or alone.lost) else None,
    }


def starts(starts: int, beside: int) -> dict[str, Any]:
    """A fit from many starts both ways."""
    config, sc, data = load_fit(SHIPPED)

    def of(n: int) -> FitResult:
        return fit(config.model_copy(update={"optimiser": config.optimiser.model_copy(update={"starts": n})}), sc, data)

    together, first, again = timed(lambda: of(starts))
    with forced(cut()._replace(fits=10 * starts)):
        alone, _, one_by_one = timed(lambda: of(beside))
        _, _, one_start = timed(lambda: of(1))
    # What a fit does once (profiles, curves) is in both.
    mine, other = (again - one_start) / (starts - 1), (one_by_one - one_start) / (beside - 1)
    return {
        "starts": starts,
        "seconds": again,
        "seconds_first_call": first,
        "ms_per_start": 1e3 * mine,
        "ms_per_start_one_by_one": 1e3 * other,
        "ratio": other / mine,
        "found_the_best": float(np.mean(together.start_chi2 <= together.chi2 + 1e-6)),
        "found_the_best_one_by_one": float(np.mean(alone.start_chi2 <= alone.chi2 + 1e-6)),
        "chi2": [together.chi2, alone.chi2],
    }


def main() -> None:
    """Run, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=4096)
    parser.add_argument("--starts", type=int, default=512)
    parser.add_argument("--beside", type=int, default=256)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    with forced(cut()._replace(fits=min(CPU.fits, options.sets, options.starts))):
        config, sc, data = load_fit(SHIPPED)
        report = {
            "benchmark": "many_fits",
            "bootstrap": bootstraps(fit(config, sc, data), options.sets, options.beside),
            "starts": starts(options.starts, options.beside),
        }
    print(json.dumps(report, indent=1))
    if options.output is not None:
        options.output.write_text(json.dumps(report | {"provenance": provenance()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
