"""Clusters of N cross-paired bands: solutions per second and core of a batch, compile times, memory per element, and `solve`.

    python benchmarks/clusters.py [--bands 1 2 3 4 6 8] [--systems 256] [--output results.json]

Electron bands of different masses whose shells overlap partly, drawn with a fixed seed; up to four bands all pairs have a cross
channel, more are linked in a chain. Every system is solved from a start 10 % off its solution (`solve_many`), checked, and
counted if its status is CONVERGED: the promise is 1e-9. Two bands have a closed form. Times are of CPU cores, least of some
rounds; with `taskset -c 0` of one core without the threads of others, which cost a third.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxgap
from jaxgap import Status, parabolic_band, solve, superconductor
from jaxgap.solving.many import many_core, solve_many
from jaxgap.spectra.quadrature import DEFAULT_RULE

ROUNDS = 3
T = 4.0  # [K]


def system(rng: np.random.Generator, n: int) -> Any:
    """Bands that pair by themselves and attract each other weakly, so that there is an s++ state; lambda is not symmetric."""
    names = "abcdefgh"[:n]
    mus, masses = 150 + np.cumsum(rng.uniform(0, 10, n)), rng.uniform(0.9, 1.1, n)
    bands = [parabolic_band(*row) for row in zip(names, mus, masses, strict=True)]
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n) if n <= 4 or j == i + 1]
    size = n + len(pairs)
    lam = rng.uniform(0.0, 0.03, (size, size)) + np.diag([*rng.uniform(0.3, 0.4, n), *rng.uniform(0.05, 0.15, len(pairs))])
    return superconductor(bands=bands, cross=[f"{names[i]}:{names[j]}" for i, j in pairs], lam=lam, Omega=30.0)


def measured(n: int, count: int) -> dict[str, Any]:
    """One row."""
    rng = np.random.default_rng([2025, n])
    systems = [system(rng, n) for _ in range(count)]
    sc = jax.tree.map(lambda *leaves: jnp.stack(leaves), *systems)
    T_all, size = jnp.full(count, T), len(systems[0].channels)
    guess = jnp.asarray(np.r_[np.full(n, 3.0), np.full(size - n, 0.3)])
    found = solve_many(sc, T_all, start=guess)
    exact = found.Delta.real
    # Newton from one guess for all can end nowhere: such a state is followed from T_c.
    for i in np.flatnonzero(np.asarray(found.status) != Status.CONVERGED):
        exact = exact.at[i].set(solve(systems[i], T).Delta.real)
    start = exact * jnp.asarray(1 + 0.1 * rng.normal(size=exact.shape))
    began = time.perf_counter()
    lowered = jax.jit(lambda sc, T, x: many_core(sc, T, x, None, DEFAULT_RULE, "short").status).lower(sc, T_all, start)
    compiled = lowered.compile()
    compile_seconds = time.perf_counter() - began
    rounds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        status = np.asarray(compiled(sc, T_all, start))
        rounds.append(time.process_time() - began)
    began = time.perf_counter()
    alone = solve(systems[0], T, start=start[0])
    first = time.perf_counter() - began
    singles = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        solve(systems[0], T, start=start[0])
        singles.append(time.perf_counter() - began)
    return {
        "bands": n,
        "channels": size,
        "systems": count,
        "solutions_per_second_and_core": count / min(rounds),
        "share_converged": float(np.mean(status == Status.CONVERGED)),
        "compile_seconds": compile_seconds,
        "bytes_per_element": compiled.memory_analysis().temp_size_in_bytes / count,
        "single_solve_milliseconds": 1e3 * min(singles),
        "single_solve_first_call_seconds": first,
        "single_quadrature_error": float(alone.quadrature_error),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bands", type=int, nargs="*", default=[1, 2, 3, 4, 6, 8])
    parser.add_argument("--systems", type=int, default=256)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)  # the time to compile is that of a first run
    rows = []
    for n in options.bands:
        rows.append(measured(n, options.systems if n <= 4 else max(8, options.systems // 8)))
        print(json.dumps(rows[-1]), flush=True)
    if options.output:
        found = {"T_K": T, "rows": rows, "jax": jax.__version__, "jaxgap": jaxgap.__version__}
        options.output.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
