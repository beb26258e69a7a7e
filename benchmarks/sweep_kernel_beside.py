"""The rows of `sweep_kernel.py` from two working trees, in turns: what a change does to the batched kernel on a CPU.

    git worktree add ../before COMMIT
    python benchmarks/sweep_kernel_beside.py ../before [--systems 16384] [--rounds 60] [--output results.json]

One process for each tree, both of which have compiled before the clock starts; they take turns row by row, one waits while the
other works, and every row keeps its best. Rows: from a start with few and with default nodes (2D and 3D), the branch connected
to T_c in the three regions, a named branch, and T_c in batches.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np

ROWS = [
    "from a start, few nodes",
    "from a start, default nodes",
    "from a start, default nodes, 3D",
    "from T_c, across_the_change_of_regime",
    "from T_c, below_it",
    "from T_c, to_above_T_c",
    "named branch",
    "T_c",
]


def work(tree: Path, systems: int) -> None:
    """What a process of one tree does: for every row whose name it reads, one run of it, told as a line of JSON."""
    sys.path[:0] = [str(tree), str(tree / "benchmarks")]
    import jax
    import sweep_kernel

    import jaxgap
    from jaxgap import Rule, Superconductor, critical_temperature, parabolic_band, superconductor
    from jaxgap.solving.many import solve_many
    from jaxgap.sweeps.evaluate import OPTIONS

    if not jaxgap.__file__.startswith(str(tree)):
        raise SystemExit(f"{jaxgap.__file__} is not of {tree}")
    compiled = partial(jax.jit, compiler_options=OPTIONS.get(jax.default_backend()))
    two_band = jaxgap.materials.two_band()
    bands = [parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0)]
    in_3D = superconductor(bands=bands, cross=["a:b"], lam=two_band.lam, Omega=30.0, dimension=3)

    def solved(sc: Superconductor, **how: Any) -> Callable[..., Any]:
        def one(lambda_33: Any, d: Any, T: Any) -> Any:
            batch = jax.vmap(lambda x, y: sc.set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y}))(lambda_33, d)
            found = solve_many(batch, T, **how)
            return found.Delta.real, found.status

        return cast(Callable[..., Any], compiled(one))

    @compiled
    def T_c(lambda_33: Any, d: Any, _: Any) -> Any:
        found = jax.lax.map(critical_temperature, sweep_kernel.systems_of(lambda_33, d), batch_size=128)
        return found, found > 0

    started = partial(solved, start=sweep_kernel.START)
    from_T_c = solved(two_band, ways="both")
    rows = {
        "from a start, few nodes": (started(two_band, rule=sweep_kernel.RULE), "below_it"),
        "from a start, default nodes": (started(two_band, rule=Rule()), "below_it"),
        "from a start, default nodes, 3D": (started(in_3D, rule=Rule()), "below_it"),
        **{f"from T_c, {region}": (from_T_c, region) for region in sweep_kernel.REGIONS},
        "named branch": (solved(two_band, branch="++", ways="short"), "below_it"),
        "T_c": (T_c, "below_it"),
    }
    for line in sys.stdin:
        way, region = rows[line.strip()]
        n = systems // 8 if "named" in line else systems
        drawn = sweep_kernel.draw(n, region=region)
        began, busy = time.perf_counter(), time.process_time()
        found, status = sweep_kernel.threaded(way, drawn)
        told = {"seconds": (time.perf_counter() - began) / n, "core": (time.process_time() - busy) / n}
        told |= {"sum": float(np.nansum(np.abs(found))), "status": np.bincount(status.astype(int)).tolist()}
        print(json.dumps(told), flush=True)


def main() -> None:
    """Run, print, write JSON."""
    from jaxgap.numerics.provenance import provenance  # Not where a process of the other tree would take it from.

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="A working tree of the older commit.")
    parser.add_argument("--systems", type=int, default=16_384)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--rows", nargs="*", default=ROWS, choices=ROWS, metavar="ROW", help=f"Of: {'; '.join(ROWS)}.")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    trees = {"before": options.before.resolve(), "now": Path(__file__).resolve().parent.parent}
    workers = {
        name: subprocess.Popen(
            [sys.executable, __file__, "--work", str(tree), str(options.systems)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for name, tree in trees.items()
    }

    def turn(name: str, row: str) -> dict[str, float]:
        worker = workers[name]
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(row + "\n")
        worker.stdin.flush()
        return dict(json.loads(worker.stdout.readline()))

    report = {}
    for row in options.rows:
        first = {name: turn(name, row) for name in trees}  # compiled
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for i in range(options.rounds):
            for name in trees if i % 2 else reversed(trees):
                taken[name].append(turn(name, row))
        rounds = {key: {name: np.array([one[key] for one in taken[name]]) for name in trees} for key in ("seconds", "core")}
        ratios = {key: of["now"] / of["before"] for key, of in rounds.items()}
        report[row] = {
            "time_now_over_before": float(np.median(ratios["seconds"])),
            "core_now_over_before": float(np.median(ratios["core"])),
            "standard_error": float(1.2533 * np.std(ratios["core"]) / np.sqrt(options.rounds)),
            **{f"best_solutions_per_second_{name}": 1 / float(rounds["seconds"][name].min()) for name in trees},
            **{f"best_core_microseconds_{name}": 1e6 * float(rounds["core"][name].min()) for name in trees},
            "same_statuses": first["before"]["status"] == first["now"]["status"],
            "sums_of_amplitudes_relative_difference": abs(first["now"]["sum"] / first["before"]["sum"] - 1.0),
        }
        print(row, json.dumps(report[row]), flush=True)
    for worker in workers.values():
        assert worker.stdin is not None
        worker.stdin.close()
        worker.wait()
    commits = {
        name: subprocess.run(
            ["git", "-C", str(tree), "rev-parse", "HEAD"], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, tree in trees.items()
    }
    text = json.dumps(
        {"benchmark": "sweep_kernel_beside", "commits": commits, "rows": report, "provenance": provenance()}, indent=1
    )
    if options.output is not None:
        options.output.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
