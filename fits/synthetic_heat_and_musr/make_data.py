"""Make SYNTHETIC data: the heat capacity and the muon spin depolarisation of one two-band superconductor, a file of each.

    python fits/synthetic_heat_and_musr/make_data.py

The truth is `TRUTH`, on the s++ branch; the curves come from the observables of solved states, not from the fit's own route.
The noise is Gaussian, of the size given in each file, from seed 6.
"""

from pathlib import Path

import jax
import numpy as np

import jaxgap as jg
from jaxgap import observables as see
from jaxgap.observables.muon_rotation import MUON_ROTATION

FOLDER = Path(__file__).parent
TRUTH = {"lambda_aa": 0.4, "lambda_bb": 0.2, "gamma_n": 4.0, "lambda_0": 150.0}
BETA = 0.01
"""Of the lattice's heat [mJ/(mol K^4)]."""
SIGMA_N = 0.1
"""Of nuclear moments [1/us]."""
T = np.arange(2.0, 47.0, 2.0)
"""[K]; muons are measured at every second one."""


def main() -> None:
    rng = np.random.default_rng(6)
    sc = jg.materials.two_band().set({"lam[a, a]": TRUTH["lambda_aa"], "lam[b, b]": TRUTH["lambda_bb"]})
    below = float(jg.critical_temperature(sc)) > T
    states = jg.solve_temperatures(sc, T[below], branch="s++")
    heat = jax.vmap(lambda s: see.specific_heat(s) / see.normal_specific_heat(s.superconductor, s.T))(states)
    width = jax.vmap(lambda s: MUON_ROTATION(s.superconductor, s.T, s, lambda_0=TRUTH["lambda_0"]))(states)
    normal = np.sum(~below)

    C = TRUTH["gamma_n"] * np.append(heat, np.ones(normal)) + BETA * T**2
    error = 0.03 + 0.01 * C
    C += error * rng.normal(size=len(T))
    lines = [f"{t:.2f};{c / 1e3:.7f};{e / 1e3:.7f}".replace(".", ",") for t, c, e in zip(T, C, error, strict=True)]
    write("heat.csv", ["# SYNTHETIC", "T (K);C/T (J/mol K^2);error (J/mol K^2)", *lines])

    sigma = np.hypot(np.append(width, np.zeros(normal)), SIGMA_N)[::2]
    sigma += 0.01 * rng.normal(size=len(sigma))
    rows = zip(T[::2], sigma, strict=True)
    write("musr.dat", ["% SYNTHETIC", *(f"{t:8.3f} {s:9.4f} {0.01:9.4f}" for t, s in rows)])


def write(name: str, lines: list[str]) -> None:
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
