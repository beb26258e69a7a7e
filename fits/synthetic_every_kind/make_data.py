"""Make SYNTHETIC data: one row of every kind that a fit takes, calculated from the system in fit.toml, with noise.

    python fits/synthetic_every_kind/make_data.py

The truth is lambda_11 = 0.45, lambda_i3 = 0.06 and Omega = 40 meV. The noise is Gaussian, of the size in the column `error`,
from seed 24.
"""

import csv
from pathlib import Path

import numpy as np

import jaxgap as jg
from jaxgap.fitting import load_fit
from jaxgap.fitting.data import COLUMNS
from jaxgap.observables import branch_minima, fermi_momentum_gaps
from jaxgap.observables.gaps import strongest_peaks_of

FOLDER = Path(__file__).parent
COLD, WARM = 2.0, 30.0


def main() -> None:
    rng, sc = np.random.default_rng(24), load_fit(FOLDER)[1]
    cold, warm = (jg.solve(sc, T, branch="s+-") for T in (COLD, WARM))
    (lower, upper), (hot, _) = (np.asarray(branch_minima(solution)) for solution in (cold, warm))
    T_c, end = float(jg.critical_temperature(sc)), float(jg.branch_end(sc, "s+-").T)
    lowest, highest = (f"branch_minimum[a:b {name}]" for name in ("lower", "upper"))
    rows = [
        (lowest, COLD, lower, 0.1, "meV"),
        (highest, COLD, upper, 0.2, "meV"),
        ("fermi_momentum[a]", COLD, float(fermi_momentum_gaps(cold).gap[0]), 0.2, "meV"),
        ("coherence_peak[a:b lower]", COLD, float(strongest_peaks_of(sc, cold.Delta)[0]), 0.1, "meV"),
        (f"{highest} - {lowest}", COLD, upper - lower, 0.1, "meV"),
        (f"{highest} / {lowest}", COLD, upper / lower, 0.02, "1"),
        (f"2 {lowest} / k_B T_c", COLD, 2 * lower / (jg.units.k_B * T_c), 0.05, "1"),
        ("T_c", "", T_c, 0.5, "K"),
        ("branch_end", "", end, 0.5, "K"),
        ("jump[s++]", "", float(jg.jump_temperature(sc, "s+-", "s++")), 0.3, "K"),
    ]
    made = [(*row[:2], f"{row[2] + row[3] * rng.normal():.4f}", *row[3:], "") for row in rows]
    # A limit is no reading: this one is a tenth above the truth.
    made.append((lowest, WARM, f"{1.1 * hot:.4f}", 0.1, "meV", "upper"))
    with (FOLDER / "data.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow((*COLUMNS, "limit"))
        writer.writerows((*row[:5], "fit", "SYNTHETIC", "make_data.py", "calculated, with noise", row[5]) for row in made)


if __name__ == "__main__":
    main()
