"""Make SYNTHETIC data: tunnelling spectra of the s+- branch of Ba0.6K0.4Fe2As2 at two temperatures, with noise.

    python fits/synthetic_spectra/make_data.py

The truth is lambda_13 = 0.02, Omega = 38 meV, Gamma = 0.4 meV, weight 0.6 of the beta band (1 of alpha), normalisation 1.05 and
a background slope of 0.002 per mV; the noise is Gaussian, 0.02 of the normal conductance, from seed 21.
"""

import csv
from pathlib import Path

import numpy as np

import jaxgap as jg
from jaxgap.fitting.data import COLUMNS
from jaxgap.observables import tunnelling_conductance

TRUTH = {"lambda_13": 0.02, "Omega": 38.0, "Gamma": 0.4, "weight_beta": 0.6, "scale": 1.05, "slope": 0.002}
NOISE = 0.02
TEMPERATURES = (4.2, 15.0)
VOLTAGES = np.linspace(-20.0, 20.0, 61)


def main() -> None:
    sc, rng, rows = jg.materials.ba122(TRUTH["lambda_13"], TRUTH["Omega"]), np.random.default_rng(21), []
    background = TRUTH["scale"] * (1 + TRUTH["slope"] * VOLTAGES)
    for T in TEMPERATURES:
        state = jg.solve(sc, T, branch="s+-")
        clean = tunnelling_conductance(state, VOLTAGES, TRUTH["Gamma"], weights=(1.0, TRUTH["weight_beta"]))
        for V, value in zip(VOLTAGES, background * np.asarray(clean) + NOISE * rng.normal(size=len(VOLTAGES)), strict=True):
            source = ("SYNTHETIC", "make_data.py", "calculated, with noise")
            rows.append(("dIdV[tip]", T, f"{value:.5f}", NOISE, "1", "fit", *source, f"{V:.4f}"))
    with (Path(__file__).parent / "data.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([(*COLUMNS, "V_mV"), *rows])


if __name__ == "__main__":
    main()
