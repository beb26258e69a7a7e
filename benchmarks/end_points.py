"""The line on which the first-order change of Fig. 2 ends, T*(d, lambda_i3), and from where on the gapless state is stable.

    python benchmarks/end_points.py [--output results.json]

System: `materials.two_band` with lambda_i3 between the bands and their cross channel, and a distance d of the bands. At a low
temperature the two folds along lambda_33 are found by continuation and followed upwards until they meet; the gapless state
between the minima is followed upwards until its amplitudes and its phases are stable. The notebook of findings draws this.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jaxgap as jg
from jaxgap import BifurcationKind as Kind

DISTANCES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0)  # meV, at lambda_i3 = 0.05
COUPLINGS = (0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08)  # lambda_i3, at d = 0


def end_point(d: float, lambda_i3: float) -> dict[str, Any]:
    """T*, lambda_33 there, and the temperatures from which on the gapless state is stable [K]."""
    sc = jg.materials.two_band(d=d).set({"lambda_13": lambda_i3, "lambda_23": lambda_i3})
    row: dict[str, Any] = {"d_meV": d, "lambda_i3": lambda_i3}
    for T in (4.2, 2.0, 1.0, 0.5):  # the colder, the wider the range in which two states exist
        line = jg.path(sc, T, {"lambda_33": (0.12, 0.45)})
        branch = jg.follow_path(line, jg.solve(line.at(0.0)[0], T).Delta.real)
        folds = [event for event in branch.events if event.kind == Kind.FOLD]
        if len(folds) == 2:
            break
    else:
        return {**row, "T_star_K": None}
    star = jg.critical_end_point(*folds)
    row |= {"T_star_K": star.T, "lambda_33": star.value()}
    gapless = [event for event in branch.events if event.kind == Kind.GAPLESS]
    if gapless:
        limits = jg.gapless_limits(gapless[0])
        row |= {"gapless_amplitude_K": limits.amplitude, "gapless_phase_K": limits.phase}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    for d, lambda_i3 in [(d, 0.05) for d in DISTANCES] + [(0.0, x) for x in COUPLINGS if x != 0.05]:
        began = time.perf_counter()
        rows.append({**end_point(d, lambda_i3), "seconds": time.perf_counter() - began})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.output:
        arguments.output.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
