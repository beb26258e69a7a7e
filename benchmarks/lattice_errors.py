"""How often the error that a solve on a lattice tells is at least the true one: 200 random lattices of five families.

    python benchmarks/lattice_errors.py [--share 1.0] [--only FAMILY] [--output results.json]

A system is solved on the mesh that is chosen for it, and on one that is two or three times as fine per direction, whose result
counts as the true one. Families differ in what makes integrands sharp: warm states (20 to 80 K), where the temperature does; at
T = 0 gaps without nodes, gaps with nodes, where the error falls like a power of the mesh only; and two hybridised orbitals,
warm and at T = 0. Hoppings, mu, couplings and the amplitudes from which it starts are random; systems that end in the normal
state are not counted, nor those that need more than 1024 nodes per direction (their number is told).
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxgap
from jaxgap import Lattice, channel, lattice
from jaxgap.solving.core import solve_core
from jaxgap.solving.solution import Status
from jaxgap.spectra.mesh import mesh_for
from jaxgap.spectra.quadrature import DEFAULT_RULE

t = 100.0
LARGEST = 1024
"""Nodes per direction up to which a system is looked at: with two or three times as many it takes seconds."""
Random = np.random.Generator


def bent(k: Any, p: Any) -> Any:
    near = p["t"] * jnp.cos(k[0]) + p["ty"] * jnp.cos(k[1])
    return -2 * near + 4 * p["tp"] * jnp.cos(k[0]) * jnp.cos(k[1]) - 2 * p["tpp"] * (jnp.cos(2 * k[0]) + jnp.cos(2 * k[1]))


def hybridised(k: Any, p: Any) -> Any:
    a, b = (-2 * (p["t"] * jnp.cos(k[i]) + p["ty"] * jnp.cos(k[1 - i])) for i in (0, 1))
    V = p["V"] * jnp.sin(k[0]) * jnp.sin(k[1]) + p["W"]
    return jnp.array([[a, V], [V, b + p["e"]]])


def of_one_orbital(rng: Random) -> dict[str, float]:
    return {"ty": t * rng.uniform(0.6, 1.1), "tp": t * rng.uniform(-0.1, 0.35), "tpp": t * rng.uniform(-0.1, 0.1)}


def of_two_orbitals(rng: Random) -> dict[str, float]:
    low, high = {"ty": -0.2, "V": -0.4, "W": -0.3, "e": -0.8}, {"ty": 0.9, "V": 0.4, "W": 0.3, "e": 0.8}
    return {name: t * rng.uniform(low[name], high[name]) for name in low}


class Family(NamedTuple):
    """Random systems of one kind."""

    number: int
    hamiltonian: Callable[[Any, Any], Any]
    numbers: Callable[[Random], dict[str, float]]
    channels: dict[str, Any]
    attraction: tuple[float, float]
    """Of every channel by itself [meV]."""
    mixing: float
    """Spread of the other couplings [meV]."""
    T: tuple[float, float]
    tolerance: float
    finer: int
    """Factor of the nodes of the mesh that counts as the true one."""


THREE = {"s": channel(), "e": channel(form="extended s"), "d": channel(form="d_x2-y2")}
EACH = {"a": channel(0), "b": channel(1), "ab": channel((0, 1))}
FAMILIES = {
    "one orbital, 20 to 80 K": Family(60, bent, of_one_orbital, THREE, (90, 200), 15.0, (20, 80), 1e-8, 2),
    "one orbital, T = 0, s": Family(40, bent, of_one_orbital, {"s": channel()}, (130, 220), 0.0, (0, 0), 1e-7, 2),
    "one orbital, T = 0, nodes": Family(40, bent, of_one_orbital, {"d": THREE["d"]}, (110, 170), 0.0, (0, 0), 1e-4, 3),
    "two orbitals, 30 to 100 K": Family(40, hybridised, of_two_orbitals, EACH, (150, 250), 15.0, (30, 100), 1e-7, 2),
    "two orbitals, T = 0": Family(20, hybridised, of_two_orbitals, EACH, (260, 360), 15.0, (0, 0), 1e-6, 2),
}


def drawn(family: Family, start: Lattice, rng: Random) -> tuple[Lattice, Any, Any]:
    """(a system, T [K], amplitudes to start from [meV])."""
    n = len(family.channels)
    g = rng.normal(size=(n, n)) * family.mixing
    g = (g + g.T) / 2 + np.diag(rng.uniform(*family.attraction, n))
    moved = start.set({**family.numbers(rng), "mu": rng.uniform(-200, 100)})
    system = eqx.tree_at(lambda s: s.lam, moved, jnp.asarray(g))
    return system, jnp.asarray(rng.uniform(*family.T)), jnp.asarray(rng.uniform(10, 40) * rng.normal(size=n))


def errors(family: Family, count: int, rng: Random) -> dict[str, Any]:
    """One row: how often it is honest, by how much it is cautious, and the worst case."""
    core = jax.jit(lambda s, T, x: solve_core(s, T, x, None, DEFAULT_RULE))
    names = dict.fromkeys(("t", *family.numbers(rng)), 0.0)
    start = lattice(
        family.hamiltonian,
        parameters={**names, "t": t},
        channels=family.channels,
        g=np.eye(len(family.channels)),
        tolerance=family.tolerance,
    )
    told, true, nodes, converged, normal, large_meshes, cases = [], [], [], [], 0, 0, []
    while len(told) < count:
        system, T, x = drawn(family, start, rng)
        found = core(system, T, x)
        if int(found.status) not in (Status.CONVERGED, Status.INACCURATE):
            normal += 1
            continue
        N = int(mesh_for(found.superconductor, found.Delta.real, T).N)
        if N > LARGEST:
            large_meshes += 1
            continue
        much_finer = eqx.tree_at(lambda s: s.mesh, system, jnp.asarray(float(family.finer * N)))
        finer = core(much_finer, T, found.Delta.real)
        a, b = np.asarray(found.Delta.real), np.asarray(finer.Delta.real)
        large = np.abs(b) > 1e-6 * np.abs(b).max()
        told.append(float(found.quadrature_error))
        true.append(float(np.linalg.norm((a / b - 1)[large])))
        nodes.append(N)
        converged.append(int(found.status) == Status.CONVERGED)
        cases.append({path: float(system.get(path)) for path in system.paths} | {"T": float(T), "Delta": b.tolist()})
    true_, told_ = np.maximum(true, 1e-14), np.maximum(told, 1e-13)
    worst = int(np.argmax(true_ / told_))
    return {
        "systems": count,
        "not_superconducting": normal,
        "with_more_nodes": large_meshes,
        "honest": int(np.sum(true_ <= told_)),
        "told_over_true_least_median": [float(np.min(told_ / true_)), float(np.median(told_ / true_))],
        "largest_true": float(np.max(true)),
        "converged": int(np.sum(converged)),
        "nodes_median_largest": [float(np.median(nodes)), int(np.max(nodes))],
        "worst": {"told": told[worst], "true": true[worst], "nodes": nodes[worst], **cases[worst]},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1.0, help="of the systems of every family")
    parser.add_argument("--only", choices=FAMILIES, help="a family; others keep what the output says of them")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    kept = arguments.only and arguments.output and arguments.output.exists()
    rows = json.loads(arguments.output.read_text(encoding="utf-8"))["families"] if kept else {}
    for seed, (name, family) in enumerate(FAMILIES.items()):
        if arguments.only not in (None, name):
            continue
        began = time.perf_counter()
        row = errors(family, max(1, round(arguments.share * family.number)), np.random.default_rng(seed))
        rows[name] = row | {"seconds": time.perf_counter() - began}
        print(f"{name}: {row['honest']} of {row['systems']}, {row}", flush=True)
        systems, honest = (sum(one[key] for one in rows.values()) for key in ("systems", "honest"))
        if arguments.output:  # After every family, of which some take minutes.
            device = {"jax": jax.__version__, "jaxgap": jaxgap.__version__, "device": jax.devices()[0].device_kind}
            found = {**device, "systems": systems, "honest": honest, "families": rows}
            arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"told at least the true error: {honest} of {systems}")


if __name__ == "__main__":
    main()
