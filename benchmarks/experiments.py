"""A fit of several experiments: seconds, first and again, and what share the compiler has.

    python benchmarks/experiments.py [FOLDER] [--label before] [--output results.json]

FOLDER is a fit of curves; by default the SYNTHETIC one of MgB2 with a heat capacity, a relaxation rate, a tunnelling and a
point-contact spectrum (253 points, seven parameters with the scale that is known beforehand). Fitted twice in one process as
the command line compiles, with nothing kept from runs before. Of each: wall and CPU seconds, seconds in JAX's tracing, lowering
and XLA (of all threads), evaluations, chi^2 and the values, and how busy the machine was: on a busy one wall seconds say
little, and CPU seconds are upper limits. Bars on two idle cores: 30 s again, 60 s more for the first.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxgap.fitting import load_fit
from jaxgap.fitting.optimise import fit_branch
from jaxgap.numerics.programs import compile_quickly

SHIPPED = Path(__file__).parent.parent / "fits" / "synthetic_mgb2_experiments"
COMPILING = "/jax/core/compile/"
BAR_AGAIN, BAR_COMPILING = 30.0, 60.0


def row(folder: Path, label: str) -> dict[str, Any]:
    """Two fits of the branch that fit.toml names."""
    spent: dict[str, float] = {}
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: spent.update({name: spent.get(name, 0.0) + seconds})
    )
    config, sc, data = load_fit(folder)
    calls = []
    for _ in range(2):
        spent.clear()
        began, cpu = time.perf_counter(), time.process_time()
        result = fit_branch(config, sc, data, lambda *_: None)
        calls.append(
            {
                "seconds": time.perf_counter() - began,
                "cpu_seconds": time.process_time() - cpu,
                "compiling": {
                    name.removeprefix(COMPILING): seconds for name, seconds in spent.items() if name.startswith(COMPILING)
                },
                "load": os.getloadavg()[0],
            }
        )
    return {
        "label": label,
        "folder": folder.name,
        "points": len(result.fitted),
        "evaluations": result.evaluations,
        "chi2": result.chi2,
        "values": dict(zip(config.parameters, np.asarray(result.value).tolist(), strict=True)),
        "first": calls[0],
        "again": calls[1],
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "jax": jax.__version__,
        "bars_seconds": [BAR_AGAIN, BAR_COMPILING],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=SHIPPED)
    parser.add_argument("--label", default="now", help="Of the row, which replaces one of the same label.")
    parser.add_argument("--output", type=Path, help="Rows of other labels that it has already stay.")
    arguments = parser.parse_args()
    compile_quickly()
    known = arguments.output is not None and arguments.output.exists()
    rows = {one["label"]: one for one in json.loads(arguments.output.read_text())} if known else {}
    rows[arguments.label] = row(arguments.folder, arguments.label)
    print(json.dumps(rows[arguments.label], indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(list(rows.values()), indent=1) + "\n")


if __name__ == "__main__":
    main()
