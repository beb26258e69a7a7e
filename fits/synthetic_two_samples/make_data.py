"""Make SYNTHETIC data of two samples: gaps of the s+- branch of Ba0.6K0.4Fe2As2 at two couplings, with noise.

    python fits/synthetic_two_samples/make_data.py

The truth is lambda_13 = 0.024 in the sample `under` and 0.03 in `optimal`, whose beta band is moreover 2 meV deeper; both
have Omega = 41 meV. The noise is Gaussian, 0.1 meV, from seed 22.
"""

import csv
from pathlib import Path

import numpy as np

import jaxgap as jg
from jaxgap.fitting.data import COLUMNS
from jaxgap.observables import branch_names
from jaxgap.solving.curves import gap_curve

LAMBDA_13 = {"under": 0.024, "optimal": 0.03}
OMEGA = 41.0
NOISE = 0.1
TEMPERATURES = np.array([2.0, 8.0, 14.0, 20.0, 25.0, 30.0])


def main() -> None:
    rng, rows = np.random.default_rng(22), []
    for sample, lambda_13 in LAMBDA_13.items():
        sc = jg.materials.ba122(lambda_13, OMEGA)
        if sample == "optimal":
            sc = sc.set({"mu[beta]": 62.0})
        curve = gap_curve(sc, TEMPERATURES, "s+-")
        for T, gaps in zip(TEMPERATURES, np.asarray(curve.gaps), strict=True):
            for name, gap in zip(branch_names(sc), gaps, strict=True):
                value = f"{gap + NOISE * rng.normal():.4f}"
                source = ("SYNTHETIC", "make_data.py", "calculated, with noise", sample)
                rows.append((f"branch_minimum[{name}]", f"{T:.4g}", value, NOISE, "meV", "fit", *source))
    with (Path(__file__).parent / "data.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([(*COLUMNS, "sample"), *rows])


if __name__ == "__main__":
    main()
