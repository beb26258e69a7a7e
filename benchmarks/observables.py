"""What a spectrum of 500 energies and a number of thermodynamics or response cost, compiled, for two cross-paired bands and
with a third band beside them.

    python benchmarks/observables.py [--output results.json]

The least of 100 calls: the others were disturbed.
"""

import argparse
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from timing import seconds

from jaxgap import Solution, materials, solve
from jaxgap.numerics.programs import compile_quickly
from jaxgap.numerics.provenance import provenance
from jaxgap.observables import (
    andreev_conductance,
    andreev_reflection,
    entropy,
    fermi_wave_vector,
    photoemission,
    relaxation_rate,
    specific_heat,
    spectral_function,
    superfluid_density,
    symmetrised_gap,
    tunnelling_conductance,
    tunnelling_density_of_states,
)

CALLS = 100
ENERGIES = 500


def milliseconds(call: Callable[[], Any]) -> float:
    """The least of a call that is compiled."""
    return 1e3 * float(seconds(call, CALLS).min())


def spectra(s: Solution, reach: float) -> dict[str, float]:
    """Milliseconds of every spectrum of one state."""
    x = np.linspace(-reach, reach, ENERGIES)
    band = s.superconductor.bands[0]
    kappa, k = float(band.mass * band.mu), fermi_wave_vector(s.superconductor, band.name)
    widths = {"energy_resolution": 2.0, "momentum_resolution": 0.005}
    calls: dict[str, Callable[[], Any]] = {
        "density of states, no broadening": lambda: tunnelling_density_of_states(s, x, 0.0),
        "density of states, Gamma .3": lambda: tunnelling_density_of_states(s, x, 0.3),
        "dI/dV of a tunnel junction, Gamma .3": lambda: tunnelling_conductance(s, x, 0.3),
        "dI/dV of a tunnel junction, Gamma 0": lambda: tunnelling_conductance(s, x, 0.0),
        "spectral function at k_F, Gamma .5": lambda: spectral_function(s, kappa, x, 0.5),
        "EDC, resolution 2 meV and .005 1/A": lambda: photoemission(s, k, x, 0.5, **widths),
        "gap of the symmetrised EDC": lambda: symmetrised_gap(s, band.name, 0.5, *widths.values()),
        "Andreev reflection, Gamma .3": lambda: andreev_reflection(s, x, 0.3, 0.5),
        "dI/dV of a point contact, Gamma .3": lambda: andreev_conductance(s, x, 0.3, 0.5),
    }
    return {name: milliseconds(call) for name, call in calls.items()}


def numbers(s: Solution) -> dict[str, float]:
    """Milliseconds of every thermodynamic or response function of one state."""
    calls: dict[str, Callable[[], Any]] = {
        "entropy": lambda: entropy(s),
        "specific heat": lambda: specific_heat(s),
        "superfluid density": lambda: superfluid_density(s),
        "1/(T_1 T), Gamma .3": lambda: relaxation_rate(s, 0.3),
    }
    return {name: milliseconds(call) for name, call in calls.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="Also write the JSON here.")
    arguments = parser.parse_args()
    compile_quickly()
    states = {
        "ba122, s+-, 4.2 K": (solve(materials.ba122(), 4.2, branch="s+-"), 30.0),
        "mgb2, lambda_i3 = .01, 4.2 K": (solve(materials.mgb2(0.01), 4.2), 20.0),
    }
    found = {
        "energies": ENERGIES,
        "milliseconds": {name: spectra(s, reach) | numbers(s) for name, (s, reach) in states.items()},
        "load_averages_1_5_15_min": os.getloadavg(),
        "provenance": provenance(),
    }
    for state, rows in found["milliseconds"].items():
        print(state)
        for name, taken in rows.items():
            print(f"  {name:40} {taken:7.2f} ms")
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
