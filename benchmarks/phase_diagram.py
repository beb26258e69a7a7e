"""Seconds for a phase diagram of (lambda_33, T): the change of Fig. 2, with its end point inside.

    python benchmarks/phase_diagram.py [--points 200] [--output results.json]

Two rows: in a process without kept programs (what a first diagram costs) and again in the same process with another range of
T (what further ones cost). Bar: 300 s for 200 x 200 on 2 cores. Each row has the share of points with a ground state, and how
far the diagram's equal-F line is, at 4.2 K, from the crossing that tests locate by its own equations.
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

import jaxgap as jg
from jaxgap import BifurcationKind as Kind

BAR = 300.0  # seconds for 200 x 200
LAMBDA_33 = (0.15, 0.26)
TEMPERATURES = ((0.5, 20.0), (1.0, 18.0))  # K
EQUAL_F = 0.202509  # lambda_33 of equal free energies at 4.2 K, located in tests/test_continuation.py


def diagram(points: int, ends: tuple[float, float]) -> dict[str, Any]:
    began = time.perf_counter()
    made = jg.phase_diagram(jg.materials.two_band(), 4.2, {"lambda_33": (*LAMBDA_33, points)}, {"T": (*ends, points)})
    seconds = time.perf_counter() - began
    return {
        "points": [points, points],
        "T_K": ends,
        "seconds": seconds,
        "bar_seconds": BAR,
        "share_with_a_ground_state": float(np.mean(made.ground >= 0)),
        "line_points": {kind.name: len(points) for kind, points in made.lines.items()},
        "equal_F_at_4.2_K": _at(made.lines[Kind.CROSSING], 4.2),
        "equal_F_known": EQUAL_F,
    }


def _at(line: Any, T: float) -> float:
    """lambda_33 of a line's points (lambda_33, T), interpolated at T."""
    points = np.asarray(line)[np.argsort(np.asarray(line)[:, 1])]
    return float(np.interp(T, points[:, 1], points[:, 0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=200)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    machine = {"machine": platform.machine(), "cores": os.cpu_count(), "jax": jax.__version__}
    rows = []
    for ends in TEMPERATURES:
        rows.append(diagram(arguments.points, ends))
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps({**machine, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
