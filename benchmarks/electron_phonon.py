"""McMillan's and Allen and Dynes' formulas against a table of published inputs and T_c.

    python benchmarks/electron_phonon.py TABLE.csv

The table has the columns formula (McMillan1968, AllenDynes_basic or AllenDynes_f1f2), case, lambda, mu_star, theta_D_K,
omega_log_K, omega2_K and Tc_K_source_formula_output (T_c as the source gives it); a column Tc_K_recomputed_here is compared,
too, if it is there. T_c in it is a formula's output, not a measurement. Agreement is counted to half a unit of the last digit
printed, and to shares of T_c.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from jaxgap.origins import allen_dynes, mcmillan
from jaxgap.units import k_B

SHARES = (1e-4, 1e-3, 1e-2)
COLUMNS = ("Tc_K_source_formula_output", "Tc_K_recomputed_here")


def temperature(row: dict[str, str]) -> float:
    """T_c [K] of a row, by the formula that it names."""
    lam, mu_star = float(row["lambda"]), float(row["mu_star"])
    if row["formula"] == "McMillan1968":
        return float(mcmillan(lam, mu_star, k_B * float(row["theta_D_K"])))
    omega_2 = k_B * float(row["omega2_K"]) if row["formula"] == "AllenDynes_f1f2" else None
    return float(allen_dynes(lam, mu_star, k_B * float(row["omega_log_K"]), omega_2))


def last_digit(text: str) -> float:
    """Half a unit of the last printed digit."""
    return 0.5 * 10.0 ** -len(text.partition(".")[2])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    rows = list(csv.DictReader(parser.parse_args().table.read_text(encoding="utf-8").splitlines()))
    for column in (c for c in COLUMNS if rows and c in rows[0]):
        print(
            f"{column}\n{'formula':18} {'cases':>5} {'printed digits':>14} "
            + " ".join(f"{s:>7.0e}" for s in SHARES)
            + "   worst"
        )
        errors: dict[str, list[tuple[float, bool, str]]] = defaultdict(list)
        for row in rows:
            T_c, wanted = temperature(row), row[column]
            # A little more than half a unit: the decimal that was rounded is not a binary number.
            printed = abs(T_c - float(wanted)) <= 1.0001 * last_digit(wanted)
            errors[row["formula"]].append((abs(T_c / float(wanted) - 1), printed, row["case"]))
        for formula, found in [*errors.items(), ("all", [one for of in errors.values() for one in of])]:
            shares = np.array([error for error, _, _ in found])
            counts = " ".join(f"{np.sum(shares <= s):>7}" for s in SHARES)
            worst = max(found)
            print(f"{formula:18} {len(found):>5} {sum(ok for _, ok, _ in found):>14} {counts}   {worst[0]:.1e} ({worst[2]})")


if __name__ == "__main__":
    main()
