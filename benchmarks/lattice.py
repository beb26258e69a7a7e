"""Lattices: time of `solve` at the promised 1e-8, of sweeps over the filling, and of spectra.

    python benchmarks/lattice.py [--fillings 1000] [--output results.json]

Couplings are chosen such that the gap at T = 0 is .1 t, or .01 t, to the last digit: g = Delta / P(Delta) on a mesh that is
much finer. A solve is from T_c down, with everything that it tells (`lattice_errors.py`: whether the error that it tells is
right). A sweep over the filling is of the attractive Hubbard model at 200 K, with gap, mu and T_c at every density. Densities
of states are of 401 energies.
"""

import argparse
import json
import resource
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
from jaxgap.observables import tunnelling_density_of_states
from jaxgap.solving.solution import Status
from jaxgap.spectra.mesh import mesh_for
from jaxgap.sweeps import sweep

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


def fillings(count: int) -> dict[str, Any]:
    """A sweep over the density, cold and warm."""
    found: dict[str, Any] = {"points": count}
    hubbard = jaxgap.materials.attractive_hubbard_model()
    filled = eqx.tree_at(lambda s: s.density, hubbard, jnp.asarray(0.7), is_leaf=lambda x: x is None)
    for name, shift in (("first", 0.0), ("warm", 1e-3)):
        began, used = time.perf_counter(), time.process_time()
        data = sweep(filled, {"density": np.linspace(0.3, 1.7, count) + shift}, ("Delta", "mu", "T_c"), T=200.0)
        found |= {f"{name}_seconds": time.perf_counter() - began, f"{name}_cpu_seconds": time.process_time() - used}
    found["converged"] = int((data.status == Status.CONVERGED).sum())
    found["peak_gigabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return found


def spectra() -> list[dict[str, Any]]:
    """Densities of states of 401 energies, by orbitals and broadening [meV]."""
    omega, rows = np.linspace(-100.0, 100.0, 401), []
    for orbitals in (1, 2):
        solution = solve(with_a_gap(orbitals, 0.1), 0.0)
        for Gamma in (5.0, 1.5):
            jax.block_until_ready(tunnelling_density_of_states(solution, omega, Gamma))
            began, used = time.perf_counter(), time.process_time()
            jax.block_until_ready(tunnelling_density_of_states(solution, omega, Gamma))
            seconds, cpu = time.perf_counter() - began, time.process_time() - used
            rows.append({"orbitals": orbitals, "Gamma": Gamma, "warm_seconds": seconds, "warm_cpu_seconds": cpu})
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fillings", type=int, default=1000)
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
    more = {"fillings": fillings(arguments.fillings), "spectra": spectra()} if arguments.fillings else {}
    print("\n".join(f"{name}: {value}" for name, value in more.items()))
    if arguments.output:
        device = {"jax": jax.__version__, "jaxgap": jaxgap.__version__, "device": jax.devices()[0].device_kind}
        arguments.output.write_text(json.dumps({**device, "solve": rows, **more}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
