"""How complete is `solutions`? Its search against thousands of random starts, and its counts against the free energy's Hessian.

    python benchmarks/solutions.py [--systems 200] [--starts 1000] [--family two_cross_paired] [--seed 33] [--output FILE]

Random systems with symmetric g and couplings of either sign, drawn with a fixed seed, of five families: two cross-paired bands
at a distance d; three bands without cross pairs (whose repulsions can be frustrated); two cross-paired bands and a third one;
three, and four, bands in one cluster, all of them cross-paired, with shells that overlap partly, where couplings between bands
are repulsive, of either sign, and weak in turn.
The exhaustive search starts from random real and complex amplitudes of all sizes. Printed: the share of the union of both
sets of solutions that `solutions` found, of all and of the stable ones; how many solutions have as many unstable directions
as n_-(Hessian of F) - n_-(g) says; how many stable states break time reversal; and the time of one call.
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

import jaxgap
from jaxgap import Label, parabolic_band, solutions, superconductor
from jaxgap.equations.free_energy import free_energy_functional
from jaxgap.equations.groups import coupled_groups
from jaxgap.states.identity import distances

ZERO_MODE = 1e-6  # eigenvalues of the Hessian of F, of order 1, count as negative below -1e-6
SAME = 1e-6
LINKED = {"three_linked": 3, "four_linked": 4}


def random_system(rng: np.random.Generator, family: str) -> Any:
    """Couplings of either sign between all channels, equal masses, symmetric g (lambda is symmetric, N is the same for all)."""
    if family in LINKED:
        return linked_system(rng, LINKED[family])
    cross = [] if family == "three_bands" else ["a:b"]
    bands = [parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0 + rng.uniform(0, 12))]
    bands += [parabolic_band("c", mu=200.0)] * (family != "two_cross_paired")
    diagonal = rng.uniform(0.25, 0.5, len(bands)).tolist() + rng.uniform(-0.2, 0.35, len(cross)).tolist()
    n, reach = len(diagonal), 0.15 if family == "two_cross_paired" else 0.3
    off = np.triu(rng.uniform(-reach, reach, (n, n)), 1)
    return superconductor(bands=bands, cross=cross, lam=np.diag(diagonal) + off + off.T, Omega=rng.uniform(20, 40))


def linked_system(rng: np.random.Generator, n: int) -> Any:
    """n bands in one cluster; g between bands is repulsive, of either sign, or weak."""
    names = "abcd"[:n]
    mus, masses = 150 + np.cumsum(rng.uniform(0, 15, n)), rng.uniform(0.9, 1.1, n)
    bands = [parabolic_band(*row) for row in zip(names, mus, masses, strict=True)]
    cross = [f"{a}:{b}" for k, a in enumerate(names) for b in names[k + 1 :]]
    size = n + len(cross)
    low, high = ((-0.3, 0.0), (-0.3, 0.3), (-0.03, 0.03))[rng.integers(3)]
    g = np.triu(rng.uniform(-0.05, 0.05, (size, size)), 1)
    g[:n, :n] = np.triu(rng.uniform(low, high, (n, n)), 1)
    g = g + g.T + np.diag([*rng.uniform(0.25, 0.5, n), *rng.uniform(-0.2, 0.35, len(cross))])
    Omega = rng.uniform(20, 40)
    root = np.sqrt(np.asarray(superconductor(bands=bands, cross=cross, lam=np.eye(size), Omega=Omega).N))
    return superconductor(bands=bands, cross=cross, lam=g / root[:, None] * root, Omega=Omega)


def random_starts(rng: np.random.Generator, n: int, starts: int) -> np.ndarray:
    """As many real as complex amplitudes [meV], isotropic, of sizes 0.3 to 30 meV."""
    size = 10 ** rng.uniform(-0.5, 1.5, (2 * starts, 1))
    x = rng.normal(size=(2 * starts, n))
    phases = np.exp(2j * np.pi * rng.uniform(size=x.shape))
    return size * x / np.linalg.norm(x, axis=1, keepdims=True) * np.where(np.arange(2 * starts)[:, None] < starts, 1.0, phases)


@jax.jit
def hessian_count(sc: Any, Delta: Any, T: Any) -> Any:
    """n_-(Hessian of F) - n_-(g), on real and imaginary parts."""
    n = len(sc.channels)
    H = jax.hessian(lambda x: free_energy_functional(sc, x[:n] + 1j * x[n:], T))(jnp.concatenate([Delta.real, Delta.imag]))
    return jnp.sum(jnp.linalg.eigvalsh(H) < -ZERO_MODE) - 2 * jnp.sum(jnp.linalg.eigvalsh(sc.g) < 0)


def examine(sc: Any, T: float, starts: int, rng: np.random.Generator) -> dict[str, Any]:
    """One system: what was found, what was missed, and whether the counts agree."""
    began = time.perf_counter()
    found = solutions(sc, T)
    seconds = time.perf_counter() - began
    known = np.stack([np.asarray(state.solution.Delta) for state in found])
    everything = solutions(sc, T, starts=random_starts(rng, len(sc.channels), starts))

    def is_known(state: Any) -> bool:
        Delta = np.asarray(state.solution.Delta)
        return bool(np.min(distances(Delta[None], known, coupled_groups(sc))) <= SAME * np.linalg.norm(Delta))

    missed = [state for state in everything if not is_known(state)]
    superconducting = [state for state in everything if state.label != Label.NORMAL]
    counts = [
        (state.unstable_amplitude + state.unstable_phase, int(hessian_count(sc, state.solution.Delta, state.solution.T)))
        for state in superconducting
    ]
    broken = [state for state in superconducting if state.label == Label.BROKEN]
    return {
        "found": len(found),
        "stable_found": len(found.stable),
        "missed": len(missed),
        "stable_missed": sum(state.stable for state in missed),
        "missed_states": [f"{state.name}; {state.stability}" for state in missed],
        "counted": len(counts),
        "counts_agree": sum(a == b for a, b in counts),
        "most_unstable": max((a for a, _ in counts), default=0),
        "repulsive_eigenchannels": int(np.sum(np.linalg.eigvalsh(np.asarray(sc.g)) < 0)),
        "complex": len(broken),
        "stable_time_reversal_breaking": sum(state.stable for state in broken),
        "gapless": sum(state.gapless for state in superconducting),
        "seconds": seconds,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--starts", type=int, default=1000)
    families = ("two_cross_paired", "three_bands", "two_cross_paired_and_one", *LINKED)
    parser.add_argument("--family", choices=families, default=families[0])
    parser.add_argument("--seed", type=int, default=33, help="Other systems.")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    rows = []
    for k in range(arguments.systems):
        sc, T = random_system(rng, arguments.family), rng.uniform(0.5, 12.0)
        rows.append(examine(sc, T, arguments.starts, rng))
        row = rows[-1]
        if row["missed"] or row["counts_agree"] < row["counted"] or row["stable_time_reversal_breaking"]:
            print(k, f"T = {T:.6g} K", np.asarray(sc.lam).round(6).tolist(), row, flush=True)
        if arguments.output:  # After every system: an interruption loses none.
            arguments.output.write_text(json.dumps(summary(rows, arguments), indent=1) + "\n")
    print(json.dumps(summary(rows, arguments), indent=1))


def summary(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> dict[str, Any]:
    """Of the systems so far."""
    total = {key: sum(row[key] for row in rows) for key in rows[0] if isinstance(rows[0][key], int) and key != "most_unstable"}
    return {
        "family": arguments.family,
        "seed": arguments.seed,
        "systems": len(rows),
        "random_starts_per_system": 2 * arguments.starts,
        **total,
        "most_unstable": max(row["most_unstable"] for row in rows),
        "systems_with_stable_time_reversal_breaking": sum(row["stable_time_reversal_breaking"] > 0 for row in rows),
        "share_found": total["found"] / max(total["found"] + total["missed"], 1),
        "share_of_stable_found": total["stable_found"] / max(total["stable_found"] + total["stable_missed"], 1),
        "share_of_counts_that_agree": total["counts_agree"] / max(total["counted"], 1),
        "median_seconds_per_call": float(np.median([row["seconds"] for row in rows])),
        "device": f"{jax.devices()[0].platform}: {jax.devices()[0].device_kind}, {platform.machine()}",
        "jax": jax.__version__,
        "jaxgap": jaxgap.__version__,
    }


if __name__ == "__main__":
    main()
