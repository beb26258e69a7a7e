"""Make SYNTHETIC data: both gaps of the s+- branch of Ba0.6K0.4Fe2As2 at twenty temperatures, at known couplings, with noise.

    python fits/synthetic_ba0.6k0.4fe2as2/make_data.py

The truth is lambda_13 = 0.02 and Omega = 38 meV; the noise is Gaussian, 0.1 meV, from seed 20.
"""

import csv
from pathlib import Path

import numpy as np

import jaxgap as jg
from jaxgap.fitting.data import COLUMNS
from jaxgap.observables import branch_names
from jaxgap.solving.curves import gap_curve

TRUTH = {"lambda_13": 0.02, "Omega": 38.0}
NOISE = 0.1
TEMPERATURES = np.linspace(1.0, 34.25, 20)


def main() -> None:
    sc, rng = jg.materials.ba122(**TRUTH), np.random.default_rng(20)
    rows = []
    curve = gap_curve(sc, TEMPERATURES, "s+-")
    for T, gaps in zip(TEMPERATURES, np.asarray(curve.gaps), strict=True):
        for name, gap in zip(branch_names(sc), gaps, strict=True):
            value = f"{gap + NOISE * rng.normal():.4f}"
            source = ("SYNTHETIC", "make_data.py", "calculated, with noise")
            rows.append((f"branch_minimum[{name}]", f"{T:.4g}", value, NOISE, "meV", "fit", *source))
    with (Path(__file__).parent / "data.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


if __name__ == "__main__":
    main()
