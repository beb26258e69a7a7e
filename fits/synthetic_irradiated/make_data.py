"""Make SYNTHETIC data: T_c of one superconductor after several doses of irradiation.

    python fits/synthetic_irradiated/make_data.py

The truth is `TRUTH`, of s+- with two bands; a dose leaves so many impurities, whose charges scatter between the bands and
break its pairs. The noise is Gaussian, 0.1 K, from seed 28.
"""

import csv
from pathlib import Path

import numpy as np

import jaxgap as jg
from jaxgap.fitting.data import COLUMNS

FOLDER = Path(__file__).parent
TRUTH = {"lambda_aa": 0.5, "u_ab": 1.0}
DOSES = {"pristine": 0.0, "first": 0.08, "second": 0.16, "third": 0.25}
"""Density of impurities, in the units of jaxgap.Disorder."""
NOISE = 0.1
"""[K]"""


def system(density: float) -> jg.Superconductor:
    return jg.superconductor(
        bands={"a": {"mu": 500.0}, "b": {"mu": 500.0}},
        lam=[[TRUTH["lambda_aa"], -0.05], [-0.05, 0.1]],
        interaction=jg.MatsubaraCutoff(30.0),
        disorder=jg.Disorder(density=density, u=[[0.0, TRUTH["u_ab"]], [TRUTH["u_ab"], 0.0]]),
    )


def main() -> None:
    rng, rows = np.random.default_rng(28), []
    jg.save(system(0.0), FOLDER / "system.toml")
    about = ("SYNTHETIC", "make_data.py", "calculated, with noise")
    for sample, density in DOSES.items():
        T_c = float(jg.critical_temperature(system(density))) + NOISE * rng.normal()
        rows.append(("T_c", "", f"{T_c:.3f}", NOISE, "K", "fit", *about, sample))
    columns = (*COLUMNS, "unit", "use", "technique", "source", "how_obtained", "sample")
    with (FOLDER / "data.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])


if __name__ == "__main__":
    main()
