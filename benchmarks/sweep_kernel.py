"""Solutions per second of the batched kernel, across a change of regime, and beside baselines with the same nodes and starts.

    python benchmarks/sweep_kernel.py [--systems 16384] [--largest 1000000] [--memory 10000000] [--output results.json]
    python benchmarks/sweep_kernel.py --default-nodes [--systems 16384] [--output results.json]
    python benchmarks/sweep_kernel.py --from-T_c [--systems 16384] [--output results.json]

Systems: two equal 2D bands with all three amplitudes (`materials.two_band`), drawn with a fixed seed. What is measured first is
what a map is made for (`from_T_c`): the branch connected to T_c, with default nodes, in these regions:

- across_the_change_of_regime: lambda_33 in 0.1..0.4, d in 0.5..15 meV, 4.2 K: from intraband to crossband pairing, with
  folds, windows of two states and gapless ones;
- below_it: lambda_33 in 0..0.15, d in 0..10 meV, T in 1..20 K, where nothing happens;
- to_above_T_c: the same to 60 K;

with the share that is converged, the share that went the long way, and what `jax.vmap(solve)` takes and says of some of them.

The race is below the change of regime. All start from the same amplitudes and solve the gap equations to a residual of 1e-10
meV, which is verified afterwards for every element with more nodes, several times as many. With few nodes a piece, which are
enough for these systems, or, with `--default-nodes`, as many as `solve` takes by default (only the race).

- kernel: `jaxgap.solving.many.solve_many`, one thread for every core;
- script: scipy's `quad` (which chooses its nodes itself) and `root`, as one would write it from the paper;
- numpy: the script's equations on the whole batch at once, Newton with a Jacobian by forward differences (on one core);
- numpy_rearranged: the same, with jaxgap's own algebra, by which four sums over k make all integrals;
- numpy_all_cores: that in blocks that stay in cache, on all cores (threads);
- optimistix: `jax.vmap` of optimistix' Newton on `equations.pairing.gap_residual`, all cores, compiled with the options of the
kernel.

All take turns and each keeps its best time: other work on the machine then hurts all of them. What depends on it least is the
time of all cores together that a solution takes (`core_microseconds_per_solution`).
"""

import argparse
import json
import math
import os
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sweep_baselines import START, TOLERANCE, as_written, in_numpy, rearranged, script

from jaxgap import Rule, Status, critical_temperature, solve
from jaxgap.equations.pairing import gap_residual
from jaxgap.materials import two_band
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.provenance import provenance
from jaxgap.solving.many import solve_many
from jaxgap.sweeps.evaluate import OPTIONS

RULE = Rule(overlap=14, single=8)  # set once, before anything is traced
FINE = Rule(overlap=96, single=48)
CORES = os.cpu_count() or 1
BLOCK = cut().block
NUMPY_BLOCK = 128  # arrays that stay in cache
SMALLEST, LARGEST = 2 * BLOCK, 8 * BLOCK  # systems that one call of a compiled program solves: a thread each

Draw = tuple[np.ndarray, np.ndarray, np.ndarray]


REGIONS = {
    "across_the_change_of_regime": ((0.1, 0.4), (0.5, 15.0), (4.2, 4.2)),
    "below_it": ((0.0, 0.15), (0.0, 10.0), (1.0, 20.0)),
    "to_above_T_c": ((0.0, 0.15), (0.0, 10.0), (1.0, 60.0)),
}
"""Bounds of lambda_33, d [meV] and T [K]."""


def draw(n: int, seed: int = 2020, region: str = "below_it") -> Draw:
    """(lambda_33, d [meV], T [K]) of n random systems."""
    rng = np.random.default_rng(seed)
    lambda_33, d, T = (rng.uniform(*bounds, n) for bounds in REGIONS[region])
    return lambda_33, d, T


def systems_of(lambda_33: Any, d: Any) -> Any:
    """A batch of systems as one pytree."""
    sc = two_band()
    return jax.vmap(lambda x, y: sc.set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y}))(lambda_33, d)


def piece_of(n: int) -> int:
    """Systems of a piece: large ones where there are enough for all cores."""
    return LARGEST if n >= 4 * CORES * LARGEST else SMALLEST


def pieces(*rows: np.ndarray) -> Iterator[tuple[np.ndarray, ...]]:
    """Pieces of one size, the last one filled up."""
    n, size = len(rows[0]), piece_of(len(rows[0]))
    for start in range(0, n, size):
        yield tuple(np.resize(row[start : start + size], (size, *row.shape[1:])) for row in rows)


def threaded(one: Callable[..., Any], drawn: Draw) -> tuple[np.ndarray, np.ndarray]:
    """(amplitudes, converged) of all systems; a thread per core takes the pieces."""
    with ThreadPoolExecutor(CORES) as pool:
        done = list(pool.map(lambda piece: [np.asarray(part) for part in one(*piece)], pieces(*drawn)))
    n = len(drawn[0])
    return np.concatenate([x for x, _ in done])[:n], np.concatenate([ok for _, ok in done])[:n]


# --- the ways -------------------------------------------------------------------------------------------------------


@partial(jax.jit, compiler_options=OPTIONS.get(jax.default_backend()))
def kernel(lambda_33: Any, d: Any, T: Any) -> Any:
    """(amplitudes, converged) of a piece."""
    found = solve_many(systems_of(lambda_33, d), T, start=START, rule=RULE)
    return found.Delta.real, found.status == Status.CONVERGED


@partial(jax.jit, compiler_options=OPTIONS.get(jax.default_backend()))
def plain(lambda_33: Any, d: Any, T: Any) -> Any:
    """optimistix' Newton on the gap equations, with nothing but vmap around it."""
    import optimistix  # Only the race needs it: what draws systems from here does without.

    solver = optimistix.Newton(rtol=1e-9, atol=1e-11)

    def one(sc: Any, T: Any) -> Any:
        found = optimistix.root_find(
            lambda D, args: gap_residual(args[0], D, args[1], RULE), solver, jnp.asarray(START), (sc, T), throw=False
        )
        return found.value, found.result == optimistix.RESULTS.successful

    return jax.vmap(one)(systems_of(lambda_33, d), T)


# --- measurements -----------------------------------------------------------------------------------------------------


@jax.jit
def residuals(lambda_33: Any, d: Any, T: Any, Delta: Any) -> Any:
    """|r| of every system with six times the nodes [meV], by the equations that `solve` uses."""
    r = jax.vmap(partial(gap_residual, rule=FINE))(systems_of(lambda_33, d), Delta, T)
    return jnp.linalg.norm(r, axis=1)


def verified(drawn: Draw, Delta: np.ndarray, converged: np.ndarray) -> dict[str, Any]:
    """Share of the systems that are said to be solved and are."""
    exact = np.concatenate([np.asarray(residuals(*piece)) for piece in pieces(*drawn, Delta)])[: len(Delta)]
    good = np.isfinite(exact) & (exact <= TOLERANCE)
    return {
        "share_converged": float(converged.mean()),
        "share_verified": float((good & converged).mean()),
        "largest_verified_residual_meV": float(np.sort(exact[good])[-1]) if good.any() else None,
    }


def race(sizes: dict[str, int], rounds: int) -> dict[str, Any]:
    """The best rate of every way, taking turns, and what its answers are worth."""
    ways = {
        "kernel": partial(threaded, kernel),
        "script": lambda drawn: script(*drawn),
        "numpy": lambda drawn: in_numpy(*drawn, RULE, as_written),
        "numpy_rearranged": lambda drawn: in_numpy(*drawn, RULE, rearranged),
        "numpy_all_cores": partial(threaded, partial(in_numpy, rule=RULE, densities=rearranged, block=NUMPY_BLOCK)),
        "optimistix": partial(threaded, plain),
    }
    best, core, rows = dict.fromkeys(ways, math.inf), dict.fromkeys(ways, math.inf), {}
    for name in (name for name in ways if name != "script"):
        ways[name](draw(sizes[name]))  # compiled before the clock starts
    loads = [os.getloadavg()[0]]
    for _ in range(rounds):
        for name, way in ways.items():
            drawn = draw(sizes[name])
            began, busy = time.perf_counter(), time.process_time()
            answers = way(drawn)
            best[name] = min(best[name], time.perf_counter() - began)
            core[name] = min(core[name], time.process_time() - busy)
            rows[name] = (drawn, *answers)
        loads.append(os.getloadavg()[0])
    table = {
        name: {
            "systems": sizes[name],
            "solutions_per_second": sizes[name] / best[name],
            "core_microseconds_per_solution": 1e6 * core[name] / sizes[name],
            **verified(*rows[name]),
        }
        for name in ways
    }
    for name in (name for name in ways if name != "kernel"):
        table[name]["kernel_is_faster_by"] = table["kernel"]["solutions_per_second"] / table[name]["solutions_per_second"]
        table[name]["kernel_takes_less_core_time_by"] = core[name] / sizes[name] / (core["kernel"] / sizes["kernel"])
    return table | {"load_average": loads}


def flatness(largest: int) -> list[dict[str, Any]]:
    """Time per solution against the number of systems, the best of some runs of each size."""
    rows = []
    for n in [n for n in (1_000, 10_000, 100_000, 1_000_000) if n <= largest]:
        drawn, times = draw(n), []
        for _ in range(max(1, min(12, 300_000 // n))):
            began = time.perf_counter()
            threaded(kernel, drawn)
            times.append(time.perf_counter() - began)
        rows.append({"systems": n, "microseconds_per_solution": 1e6 * min(times) / n, "load_average": os.getloadavg()[0]})
    return rows


def memory(largest: int) -> list[dict[str, Any]]:
    """Peak memory of the process after streams of growing length: what is drawn and found is counted and dropped."""
    rows, done, solved = [], 0, 0
    began = time.perf_counter()
    for n in [n for n in (100_000, 1_000_000, 10_000_000) if n <= largest]:
        while done < n:
            size = min(16 * LARGEST, n - done)
            solved += int(threaded(kernel, draw(size, seed=done))[1].sum())
            done += size
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rows.append({"systems": n, "converged": solved, "peak_MiB": peak, "seconds": time.perf_counter() - began})
    return rows


def operations(steps: float) -> dict[str, Any]:
    """Operations and bytes per solution, from the compiled programs of what a block evaluates, times how often."""
    from jaxgap.equations.gap_equations import residuals, residuals_and_matrices
    from jaxgap.equations.nodes import lanes
    from jaxgap.solving.many import fewer

    lambda_33, d, T = (jnp.asarray(row) for row in draw(BLOCK))
    sc, x = systems_of(lambda_33, d), jnp.tile(START, (BLOCK, 1))
    parts = {
        "search": (steps - 3, lambda sc, x, T: residuals_and_matrices(x.T, lanes(sc, x, T, fewer(RULE)))),
        "finish": (1, lambda sc, x, T: residuals_and_matrices(x.T, lanes(sc, x, T, RULE))),
        "check": (2, lambda sc, x, T: residuals(x.T, lanes(sc, x, T, RULE))),
        "judge": (1, lambda sc, x, T: residuals(x.T, lanes(sc, x, T, RULE.refined()))),
    }
    keys, of_parts = ("flops", "transcendentals", "bytes accessed"), {}
    for name, (times, part) in parts.items():
        cost = jax.jit(part).lower(sc, x, T).compile().cost_analysis()
        of_parts[name] = {key: times * cost.get(key, 0.0) / BLOCK for key in keys}
    total = {key: sum(one[key] for one in of_parts.values()) for key in keys}
    return {
        **{key.replace(" ", "_") + "_per_solution": value for key, value in total.items()},
        "share_of_the_search": {key: of_parts["search"][key] / total[key] for key in keys[:2]},
        "mean_steps": steps,
    }


@partial(jax.jit, static_argnames="ways", compiler_options=OPTIONS.get(jax.default_backend()))
def branch(lambda_33: Any, d: Any, T: Any, ways: Any) -> Any:
    """(amplitudes, status) of the branch connected to T_c, with default nodes."""
    found = solve_many(systems_of(lambda_33, d), T, ways=ways)
    return found.Delta.real, found.status


@jax.jit
def one_by_one(lambda_33: Any, d: Any, T: Any) -> Any:
    """The same by `solve`."""
    found = jax.vmap(solve)(systems_of(lambda_33, d), T)
    return found.Delta.real, found.status


def from_T_c(n: int, rounds: int) -> dict[str, dict[str, Any]]:
    """The branch connected to T_c in all regions: how fast, what goes the long way, and what `solve` says of some."""
    few, rows = 256, {}
    for region in REGIONS:
        drawn = draw(n, region=region)
        some = tuple(row[:few] for row in drawn)
        ways = {
            "kernel": (n, lambda drawn=drawn: threaded(partial(branch, ways="both"), drawn)),
            "vmap": (few, lambda some=some: jax.block_until_ready(one_by_one(*some))),
        }
        found, core, best = {}, dict.fromkeys(ways, math.inf), dict.fromkeys(ways, math.inf)
        for _ in range(rounds + 1):  # the first one compiles
            for name, (size, way) in ways.items():
                began, busy = time.perf_counter(), time.process_time()
                found[name] = tuple(np.asarray(part) for part in way())
                best[name] = min(best[name], (time.perf_counter() - began) / size)
                core[name] = min(core[name], (time.process_time() - busy) / size)
        (Delta, status), (wanted, wanted_status) = found["kernel"], found["vmap"]
        same = np.flatnonzero((status[:few] == wanted_status) & (status[:few] <= Status.NORMAL))
        rows[region] = {
            "solutions_per_second": 1 / best["kernel"],
            "share_as_asked_for": float(np.mean(status <= Status.NORMAL)),
            "share_of_the_long_way": float(np.mean(threaded(partial(branch, ways="short"), drawn)[1] == Status.NOT_CONVERGED)),
            "core_microseconds_per_solution": {name: 1e6 * seconds for name, seconds in core.items()},
            "systems": {name: size for name, (size, _) in ways.items()},
            "different_statuses": few - int(np.sum(status[:few] == wanted_status)),
            "largest_difference_meV": float(np.sort(np.abs(Delta[same] - wanted[same]).ravel())[-1]),
            "load_average": os.getloadavg()[0],
        }
        print(f"{region}: {_in_words(rows[region])}")
    return rows


def _in_words(row: dict[str, Any]) -> str:
    return (
        f"{row['solutions_per_second']:.0f} solutions per second, {row['share_as_asked_for']:.2%} as asked for, "
        f"{row['share_of_the_long_way']:.2%} by the long way"
    )


def compiling() -> dict[str, float]:
    """Seconds until the branch from T_c is compiled: the short way alone, as a sweep begins, and both ways."""
    lambda_33, d, T = (jnp.asarray(row) for row in draw(1024))
    sc, seconds = systems_of(lambda_33, d), {}
    for ways in ("short", "both"):
        began = time.perf_counter()
        jax.jit(partial(solve_many, ways=ways)).lower(sc, T).compile()
        seconds[ways] = time.perf_counter() - began
    return seconds


def T_c_of(n: int, rounds: int) -> dict[str, Any]:
    """Core time per T_c, in batches of 128 and one by one."""
    lambda_33, d, _ = draw(n)
    sc, found, core = systems_of(lambda_33, d), {}, {}
    for name, together, size in (("batches", 128, n), ("one by one", None, n // 8)):
        way = jax.jit(partial(jax.lax.map, critical_temperature, batch_size=together))
        some = jax.tree.map(lambda leaf, size=size: leaf[:size], sc)
        core[name] = math.inf
        for _ in range(rounds + 1):  # the first one compiles
            busy = time.process_time()
            found[name] = np.asarray(way(some))
            core[name] = min(core[name], 1e6 * (time.process_time() - busy) / size)
    largest = float(np.sort(np.abs(found["batches"][: n // 8] / found["one by one"] - 1))[-1])
    return {"core_microseconds_per_T_c": core, "largest_relative_difference": largest}


def main() -> None:
    """Run, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=16_384)
    parser.add_argument("--largest", type=int, default=1_000_000, help="Systems of the longest run for the time per solution.")
    parser.add_argument("--memory", type=int, default=10_000_000, help="Systems of the longest stream.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--default-nodes", action="store_true", help="Only the race, with the nodes that `solve` takes by default."
    )
    parser.add_argument("--from-T_c", action="store_true", help="Only T_c and the branch connected to it, against a vmap.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_compilation_cache", False)  # the time to compile is that of a first run

    if options.from_T_c:
        finish(
            {
                "benchmark": "sweep_kernel --from-T_c",
                "cores": CORES,
                "from_T_c": from_T_c(options.systems, options.rounds),
                "T_c": T_c_of(options.systems // 2, options.rounds),
                "compile_seconds": compiling(),
            },
            options.output,
        )
        return
    if options.default_nodes:
        global RULE
        RULE = Rule()
    arguments = [jnp.asarray(row) for row in draw(LARGEST)]
    began = time.perf_counter()
    kernel.lower(*arguments).compile()
    compile_seconds = time.perf_counter() - began
    n = options.systems
    report: dict[str, Any] = {"benchmark": "sweep_kernel", "cores": CORES, "rule": list(RULE), "tolerance_meV": TOLERANCE}
    report["compile_seconds"] = compile_seconds
    if not options.default_nodes:
        report["from_T_c"] = from_T_c(options.systems, options.rounds)
    few = dict.fromkeys(("numpy", "numpy_rearranged", "numpy_all_cores", "optimistix"), n // 4)
    report["race"] = race({"kernel": n, "script": 8} | few, options.rounds)
    steps = solve_many(systems_of(*map(jnp.asarray, draw(LARGEST)[:2])), draw(LARGEST)[2], start=START, rule=RULE).steps
    report["operations"] = operations(float(jnp.mean(steps)))
    if not options.default_nodes:
        report["time_per_solution"] = flatness(options.largest)
        report["memory"] = memory(options.memory)
    finish(report, options.output)


def finish(report: dict[str, Any], output: Path | None) -> None:
    """Print, and write JSON if asked."""
    text = json.dumps(report | {"provenance": provenance()}, indent=1)
    print(text)
    if output is not None:
        output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
