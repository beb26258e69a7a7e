"""When is a gapless state stable? Random systems of two cross-paired bands with symmetric g, each along its whole lambda_33.

    python benchmarks/gapless_states.py [--systems 100] [--output results.json]

Systems are those of `benchmarks/solutions.py` (couplings of either sign, bands 0 to 12 meV apart), at a random temperature
between 0.05 and 0.95 of their T_c at lambda_33 = 0. All branches along lambda_33 from -0.2 to 0.6 are followed; where a branch
is gapless, the unstable directions in amplitudes and phases are counted. Printed: how many systems have a gapless state, how
many a stable one, and how the share of stable ones grows with T / T_c.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from solutions import random_system

from jaxgap import BifurcationKind, branches, critical_temperature, path
from jaxgap.solving.stability import negative_of_each, real_blocks


def examine(sc: Any, T: float) -> list[dict[str, Any]]:
    """The gapless states of one system along lambda_33, and how stable they are."""
    rows = []
    for branch in branches(path(sc, T, {"lambda_33": (-0.2, 0.6)}), searches=4):
        for event in branch.events:
            if event.kind != BifurcationKind.GAPLESS:
                continue
            here, _ = event.path.at(event.p)
            amplitude, phase = (int(negative_of_each(np.asarray(block))) for block in real_blocks(here, event.Delta, T))
            rows.append(
                {
                    "lambda_33": float(event.value()),
                    "share_of_T_c": T / float(critical_temperature(here)),
                    "Delta_meV": np.asarray(event.Delta).tolist(),
                    "unstable_amplitude": amplitude,
                    "unstable_phase": phase,
                }
            )
    return rows


def is_stable(row: dict[str, Any]) -> bool:
    """Whether nothing is unstable."""
    return row["unstable_amplitude"] == row["unstable_phase"] == 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=100)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()

    rng = np.random.default_rng(20260926)
    began, systems, rows = time.perf_counter(), [], []
    for k in range(arguments.systems):
        sc = random_system(rng, "two_cross_paired")
        T = rng.uniform(0.05, 0.95) * float(critical_temperature(sc.set({"lambda_33": 0.0})))
        found = examine(sc, T)
        d = float(sc.bands[1].mu - sc.bands[0].mu)
        systems.append(
            {"T_K": T, "d_meV": d, "lam": np.asarray(sc.lam).tolist(), "Omega_meV": float(sc.Omega), "gapless": found}
        )
        rows += [(row, k) for row in found]
        if (k + 1) % 10 == 0:
            print(f"{k + 1} systems, {len(rows)} gapless states, {time.perf_counter() - began:.0f} s", flush=True)

    with_any, with_stable = ({k for row, k in chosen} for chosen in (rows, [pair for pair in rows if is_stable(pair[0])]))
    print(f"{len(with_any)} of {len(systems)} systems have a gapless state, {len(with_stable)} a stable one")
    for lo in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = [row for row, _ in rows if lo <= row["share_of_T_c"] < lo + 0.2]
        print(f"T / T_c {lo:.1f} .. {lo + 0.2:.1f}: {sum(map(is_stable, inside))} of {len(inside)} gapless states are stable")
    if arguments.output:
        arguments.output.write_text(json.dumps(systems, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
