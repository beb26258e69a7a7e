"""Make SYNTHETIC data: four experiments on one sample of MgB2, each in a file as its instrument might write it.

    python fits/synthetic_mgb2_experiments/make_data.py

The truth is `TRUTH`, on the s+++ branch; the curves come from the functions of `jaxgap.observables` on solved states, not from
the fit's own route. The noise is Gaussian, of the size given in each file or in fit.toml, from seed 31.
"""

from pathlib import Path

import jax
import numpy as np

import jaxgap as jg
from jaxgap import observables as see

FOLDER = Path(__file__).parent
TRUTH = {"lambda_i3": 0.01, "lambda_pi": 0.22, "gamma_n": 2.6, "korringa": 0.005, "Gamma": 0.4, "Z": 0.5}
BETA = 0.01
"""Of the lattice's heat [mJ/(mol K^4)]."""
SOURCE = "SYNTHETIC, calculated with noise by make_data.py"


def along(sc: jg.Superconductor, T: np.ndarray, seen) -> np.ndarray:
    """An observable along the s+++ branch, and of the normal state beyond it."""
    solutions = jax.vmap(lambda t: jg.solve(sc, t, branch="s+++"))(T)
    return np.where(np.asarray(solutions.converged), np.asarray(jax.vmap(seen)(solutions)), np.nan)


def main() -> None:
    sc, rng = jg.materials.mgb2(TRUTH["lambda_i3"]), np.random.default_rng(31)
    heat(sc, rng)
    relaxation(sc, rng)
    tunnelling(sc, rng)
    contact(sc, rng)


def heat(sc: jg.Superconductor, rng: np.random.Generator) -> None:
    """C/T in J/(mol K^2), semicolons and decimal commas, a header of two lines."""
    T = np.linspace(2.0, 48.0, 60)
    ratio = along(sc, T, lambda s: see.specific_heat(s) / see.normal_specific_heat(s.superconductor, s.T))
    C = TRUTH["gamma_n"] * np.where(np.isfinite(ratio), ratio, 1.0) + BETA * T**2
    error = 0.02 + 0.004 * C
    C += error * rng.normal(size=len(T))
    rows = [f"{t:.3f};{c / 1e3:.7f};{e / 1e3:.7f}".replace(".", ",") for t, c, e in zip(T, C, error, strict=True)]
    write("heat.csv", [f"# {SOURCE}", "T (K);C/T (J/mol K^2);error (J/mol K^2)", *rows])


def relaxation(sc: jg.Superconductor, rng: np.random.Generator) -> None:
    """1/T_1 in 1/s, columns separated by spaces, errors relative."""
    T = np.geomspace(6.0, 48.0, 30)
    ratio = along(sc, T, lambda s: see.relaxation_rate(s, 0.3))
    rate = TRUTH["korringa"] * T * np.where(np.isfinite(ratio), ratio, 1.0)
    rate *= 1 + 0.03 * rng.normal(size=len(T))
    write("t1.dat", [f"% {SOURCE}", *(f"{t:10.4f} {r:12.6e}" for t, r in zip(T, rate, strict=True))])


def tunnelling(sc: jg.Superconductor, rng: np.random.Generator) -> None:
    """dI/dV in nS against the bias in V, tabs, from positive to negative bias."""
    V = np.linspace(15.0, -15.0, 61)
    clean = np.asarray(see.tunnelling_conductance(jg.solve(sc, 4.2, branch="s+++"), V, TRUTH["Gamma"]))
    y = 1.7 * (clean + 0.02 * rng.normal(size=len(V)))
    write("sts.txt", [f"# {SOURCE}", "Bias (V)\tdI/dV (nS)", *(f"{v / 1e3:.6f}\t{g:.6f}" for v, g in zip(V, y, strict=True))])


def contact(sc: jg.Superconductor, rng: np.random.Generator) -> None:
    """A point contact at two temperatures in one file."""
    lines = [f"# {SOURCE}", "T_K,V_mV,G,dG"]
    for T in (4.2, 20.0):
        V = np.linspace(-15.0, 15.0, 51)
        G = np.asarray(see.andreev_conductance(jg.solve(sc, T, branch="s+++"), V, 0.5, TRUTH["Z"]))
        G = G + 0.02 * rng.normal(size=len(V))
        lines += [f"{T:g},{v:.3f},{g:.5f},0.02" for v, g in zip(V, G, strict=True)]
    write("contact.csv", lines)


def write(name: str, lines: list[str]) -> None:
    (FOLDER / name).write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
