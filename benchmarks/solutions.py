"""How complete is `solutions`? Its search against thousands of random starts, on random systems.

    python benchmarks/solutions.py [--systems 200] [--starts 2000] [--output results.json]

Systems: two cross-paired bands with symmetric g, couplings of either sign, d in 0..12 meV, T in 0.5..12 K, drawn with a fixed
seed. The exhaustive search runs the same Newton from random real and complex amplitudes of all sizes. Printed: the share of the
union of both sets of solutions that `solutions` found, of all and of the stable ones, and the time of one call.
"""

import argparse
import json
import platform
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap import parabolic_band, superconductor
from jaxgap import solutions as module


def random_system(rng: np.random.Generator) -> Any:
    """Two bands, all three channels coupled with either sign, equal masses, symmetric g."""
    lam = np.diag([*rng.uniform(0.25, 0.5, 2), rng.uniform(-0.2, 0.35)])
    off = np.triu(rng.uniform(-0.15, 0.15, (3, 3)), 1)
    bands = [parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0 + rng.uniform(0, 12))]
    return superconductor(bands=bands, cross=["a:b"], lam=lam + off + off.T, Omega=rng.uniform(20, 40))


def exhaustive(sc: Any, T: Any, starts: int, rng: np.random.Generator) -> list[Any]:
    """Solutions that Newton finds from random starts, solved to full accuracy; real and complex."""
    n = len(sc.channels)
    size = np.max(np.abs(module._starts(sc)[0])) * 10 ** rng.uniform(-1.5, 0.3, (starts, 1))
    x = rng.normal(size=(starts, n))
    real = size * x / np.linalg.norm(x, axis=1, keepdims=True)
    groups = module.coupled_groups(sc)
    rows = []
    for guess in (real, real * np.exp(2j * np.pi * rng.uniform(size=real.shape))):
        found, converged = (np.asarray(part) for part in module._search(sc, T, jnp.asarray(guess)))
        rows.append(found[converged & (np.linalg.norm(found, axis=1) > 1e-5 * np.max(size))].astype(complex))
    turned, is_real = module._as_real(np.concatenate(rows), groups)
    found = []
    for part in (turned[is_real].real, turned[~is_real]):
        found += module._polished(sc, T, part[module._distinct(part, groups)])
    return found


def compare(sc: Any, T: float, starts: int, rng: np.random.Generator) -> dict[str, Any]:
    """How many solutions each search found, and how many of the other's were missed."""
    groups = module.coupled_groups(sc)
    began = time.perf_counter()
    found = module.solutions(sc, T)
    seconds = time.perf_counter() - began
    known = np.stack([np.asarray(state.solution.Delta) for state in found])
    missed = []
    for solution in exhaustive(sc, jnp.asarray(T), starts, rng):
        Delta = np.asarray(solution.Delta)
        if np.min(module.distances(Delta, known, groups)) > 1e-6 * np.linalg.norm(Delta):
            missed += module.judged(sc, [solution])
            known = np.concatenate([known, Delta[None]])
    return {
        "found": len(found),
        "stable_found": len(found.stable),
        "missed": len(missed),
        "stable_missed": sum(state.stable for state in missed),
        "missed_states": [f"{state.name}; {state.stability}" for state in missed],
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--starts", type=int, default=2000)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(33)
    rows = []
    for k in range(arguments.systems):
        sc, T = random_system(rng), rng.uniform(0.5, 12.0)
        rows.append(compare(sc, T, arguments.starts, rng))
        if rows[-1]["missed"]:
            print(k, rows[-1])
    total = {key: sum(row[key] for row in rows) for key in ("found", "stable_found", "missed", "stable_missed")}
    result = {
        "systems": arguments.systems,
        "random_starts_per_system": 2 * arguments.starts,
        **total,
        "share_found": total["found"] / (total["found"] + total["missed"]),
        "share_of_stable_found": total["stable_found"] / (total["stable_found"] + total["stable_missed"]),
        "median_seconds_per_call": float(np.median([row["seconds"] for row in rows])),
        "device": f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}, {platform.machine()}",
        "jax": jax.__version__,
    }
    print(json.dumps(result, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
