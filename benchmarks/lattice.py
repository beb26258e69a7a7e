"""Lattices: time of `solve` at the promised 1e-8, and how often the error that is told is at least the true one.

    python benchmarks/lattice.py [--systems 200] [--output results.json]

Couplings are chosen such that the gap at T = 0 is .1 t, or .01 t, to the last digit: g = Delta / P(Delta) on a mesh that is
much finer. A solve is from T_c down, with everything that it tells. Honesty: random lattices of one orbital (hoppings up to
third neighbours, different in x and y; s, extended s and d waves; 20 to 80 K), each solved on the mesh that is chosen for
it and on one of 1.6 times as many nodes per direction. Those whose search ended in the normal state are not counted.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxgap
from jaxgap import channel, critical_temperature, lattice, solve
from jaxgap.equations.pairing import anomalous_densities
from jaxgap.solving.core import solve_core
from jaxgap.solving.solution import Status
from jaxgap.spectra.mesh import mesh_for
from jaxgap.spectra.quadrature import DEFAULT_RULE

ROUNDS = 1
t = 100.0
FINE = {0.1: 1024, 0.01: 6144}


def square(k: Any, p: Any) -> Any:
    return -2 * p["t"] * (jnp.cos(k[0]) + jnp.cos(k[1])) + 4 * p["tp"] * jnp.cos(k[0]) * jnp.cos(k[1])


def two_orbitals(k: Any, p: Any) -> Any:
    c, V = jnp.cos(k[0]) + jnp.cos(k[1]), p["V"] * (jnp.cos(k[0]) - jnp.cos(k[1]))
    return jnp.array([[-2 * p["t"] * c, V], [V, -1.2 * p["t"] * c - 40.0]])


def with_a_gap(orbitals: int, share: float) -> Any:
    """A lattice whose gap at T = 0 is this share of t."""
    h, numbers = (square, {"t": t, "tp": 20.0}) if orbitals == 1 else (two_orbitals, {"t": t, "V": 30.0})
    mu = -60.0 if orbitals == 1 else -128.0
    channels = {name: channel(i) for i, name in enumerate("ab"[:orbitals])}
    eye = np.eye(orbitals)
    fine = lattice(h, parameters=numbers, channels=channels, g=100 * eye, mu=mu, mesh=FINE[share])
    Delta = jnp.full(orbitals, share * t)
    g = np.asarray(Delta / anomalous_densities(fine, Delta, jnp.zeros(())))
    return lattice(h, parameters=numbers, channels=channels, g=g * eye, mu=mu)


def timed(orbitals: int, share: float) -> dict[str, Any]:
    """One row."""
    system, T = with_a_gap(orbitals, share), jnp.zeros(())
    began = time.perf_counter()
    solution = solve(system, 0.0)
    first = time.perf_counter() - began
    rounds = []
    for _ in range(ROUNDS):
        began, used = time.perf_counter(), time.process_time()
        solution = solve(system, 0.0)
        rounds.append((time.perf_counter() - began, time.process_time() - used))
    began = time.perf_counter()
    T_c = float(critical_temperature(system))
    return {
        "orbitals": orbitals,
        "gap": share,
        "first_seconds": first,
        "warm_seconds": min(rounds)[0],
        "warm_cpu_seconds": min(cpu for _, cpu in rounds),
        "T_c": T_c,
        "T_c_seconds": time.perf_counter() - began,
        "nodes_per_direction": int(mesh_for(solution.superconductor, solution.Delta.real, T).N),
        "error": float(np.abs(np.asarray(solution.Delta.real) / (share * t) - 1).max()),
        "error_told": float(solution.quadrature_error),
        "status": Status(int(solution.status)).text,
        "steps": int(solution.steps),
    }


def bent(k: Any, p: Any) -> Any:
    near = p["t"] * jnp.cos(k[0]) + p["ty"] * jnp.cos(k[1])
    return -2 * near + 4 * p["tp"] * jnp.cos(k[0]) * jnp.cos(k[1]) - 2 * p["tpp"] * (jnp.cos(2 * k[0]) + jnp.cos(2 * k[1]))


def honest(count: int) -> dict[str, Any]:
    """How often the error that is told is at least the true one."""
    rng = np.random.default_rng(20)
    core = jax.jit(lambda s, T, x: solve_core(s, T, x, None, DEFAULT_RULE))
    channels = {"s": channel(), "e": channel(form="extended s"), "d": channel(form="d_x2-y2")}
    numbers = {name: 0.0 for name in ("t", "ty", "tp", "tpp")}
    start = lattice(bent, parameters={**numbers, "t": t}, channels=channels, g=np.eye(3))
    right, told_over_true, statuses, normal = 0, [], [], 0
    while len(statuses) < count:
        values = {"t": t, "ty": t * rng.uniform(0.6, 1.1), "tp": t * rng.uniform(-0.1, 0.35), "tpp": t * rng.uniform(-0.1, 0.1)}
        g = rng.normal(size=(3, 3)) * 15
        g = (g + g.T) / 2 + np.diag(rng.uniform(90, 200, 3))
        system = eqx.tree_at(lambda s: s.lam, start.set({**values, "mu": rng.uniform(-200, 100)}), jnp.asarray(g))
        T = jnp.asarray(rng.uniform(20, 80))
        x = jnp.asarray(rng.uniform(5, 30) * rng.normal(size=3))
        found = core(system, T, x)
        if int(found.status) not in (Status.CONVERGED, Status.INACCURATE):
            normal += 1
            continue
        N = int(mesh_for(found.superconductor, found.Delta.real, T).N)
        finer = core(eqx.tree_at(lambda s: s.mesh, system, jnp.asarray(4.0 * round(0.4 * N))), T, found.Delta.real)
        a, b = np.asarray(found.Delta.real), np.asarray(finer.Delta.real)
        large = np.abs(b) > 1e-6 * np.abs(b).max()
        true, told = np.linalg.norm((a / b - 1)[large]), float(found.quadrature_error)
        right += true <= max(told, 1e-13)
        told_over_true.append(max(told, 1e-16) / max(true, 1e-16))
        statuses.append(int(found.status))
    return {
        "systems": count,
        "not_superconducting": normal,
        "told_at_least_true": right / count,
        "told_over_true_1_50_percent": [float(np.quantile(told_over_true, q)) for q in (0.01, 0.5)],
        "converged": float(np.mean(np.array(statuses) == Status.CONVERGED)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=200)
    parser.add_argument("--orbitals", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--gaps", type=float, nargs="*", default=list(FINE), help="of t: 0.1, 0.01")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    columns = ("orbitals", "gap", "first_seconds", "warm_seconds", "warm_cpu_seconds", "T_c_seconds", "nodes_per_direction")
    columns = (*columns, "error", "error_told", "status")
    print("  ".join(columns))
    rows = []
    for orbitals in arguments.orbitals:
        for share in arguments.gaps:
            row = timed(orbitals, share)
            rows.append(row)
            cells = (f"{row[name]:.3g}" if isinstance(row[name], float) else str(row[name]) for name in columns)
            print("  ".join(f"{cell:>{len(name)}}" for name, cell in zip(columns, cells, strict=True)), flush=True)
    honesty = honest(arguments.systems) if arguments.systems else {}
    print("\n".join(f"{name}: {value}" for name, value in honesty.items()))
    if arguments.output:
        device = {"jax": jax.__version__, "jaxgap": jaxgap.__version__, "device": jax.devices()[0].device_kind}
        arguments.output.write_text(json.dumps({**device, "solve": rows, "honesty": honesty}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
