"""What a sweep on disk costs in memory, and what it survives.

    python benchmarks/sweep.py memory [--points 100000 1000000] [--output results.json]
    python benchmarks/sweep.py kills [--points 100000] [--kills 20] [--computing] [--seed 5] [--output results.json]

`memory`: peak resident memory and rate of a sweep of one band over its coupling and temperature, by number of points; every
size in a process of its own. `kills`: the same sweep, ended by SIGKILL at random moments after its store is begun, each time
from the beginning; then continued and compared, bit by bit, with one that was not interrupted.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

SEED = 5
COLUMNS = 100
"""Temperatures."""
SMALL = 2000
"""Points of a block where sweeps are killed: fifty blocks."""
START = [25.0]
"""[meV]: above every gap."""


def run(store: str, points: int, chunk: int | None = None) -> None:
    """The sweep, in this process."""
    import jax

    if "--xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        jax.config.update("jax_num_cpu_devices", os.cpu_count() or 1)
    from jaxgap import parabolic_band, superconductor
    from jaxgap.sweeps import sweep

    sc = superconductor(bands=[parabolic_band("a", mu=200.0)], lam=[[0.3]], Omega=30.0)
    grid = {"lam[a, a]": np.linspace(0.25, 0.5, points // COLUMNS), "T": np.linspace(0.0, 1.5, COLUMNS)}
    rates: list[float] = []

    def report(now: Any) -> None:
        rates[:] = [now.rate]

    data = sweep(sc, grid, ["gap", "label"], start=START, chunk=chunk, store=store, progress=report)
    converged = sum(int(np.sum(data.status[i].values == 0)) for i in range(data.status.shape[0]))
    print(json.dumps({"points": data.status.size, "converged": converged, "points_per_second": rates[-1] if rates else None}))


def child(store: Path, points: int, *chunk: int) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "run", *map(str, (store, points, *chunk))]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def finished(store: Path, points: int, *chunk: int) -> dict[str, Any]:
    """What a child prints, and its peak memory."""
    process = child(store, points, *chunk)
    assert process.stdout is not None
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise RuntimeError(f"the sweep of {points} points ended with status {status}")
    return json.loads(text) | {"peak_memory_MB": usage.ru_maxrss / 1024}


def memory(sizes: list[int], folder: Path) -> list[dict[str, Any]]:
    # The compiler takes more memory than the sweep: here its programs are loaded.
    finished(folder / "compiled.zarr", COLUMNS)
    found = []
    for points in sizes:
        store = folder / f"{points}.zarr"
        began = time.monotonic()
        row = finished(store, points)
        size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
        found.append(row | {"seconds": time.monotonic() - began, "store_MB": size / 2**20})
        print(json.dumps(found[-1]), flush=True)
        shutil.rmtree(store)
    return found


def content(store: Path) -> dict[str, bytes]:
    """All arrays, bit by bit."""
    from jaxgap.sweeps import open_sweep

    data = open_sweep(store).load()
    return {str(name): data[name].values.tobytes() for name in data.data_vars}


def kills(points: int, number: int, folder: Path, computing: bool, seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    whole, store = folder / "whole.zarr", folder / "killed.zarr"
    process = child(whole, points, SMALL)
    while not begun(whole, computing):
        time.sleep(0.001)
    began = time.monotonic()
    process.communicate()
    took, expected = time.monotonic() - began, content(whole)
    blocks = written(whole)
    print(f"uninterrupted: {took:.1f} s of computing, {blocks} blocks", flush=True)
    found = []
    for kill in range(number):
        moment = float(rng.uniform(0, took))
        process = child(store, points, SMALL)
        while not begun(store, computing):
            time.sleep(0.001)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        killed = process.wait() == -signal.SIGKILL
        before = written(store)
        finished(store, points, SMALL)
        equal = content(store) == expected
        found.append({"kill": kill, "moment_s": moment, "killed": killed, "blocks_of": [before, blocks], "equal": equal})
        print(json.dumps(found[-1]), flush=True)
        shutil.rmtree(store)
    return found


def begun(store: Path, computing: bool) -> bool:
    """Whether something of the store is there, or (`computing`) its first block."""
    if computing:
        return written(store) > 0
    return store.exists() or store.with_name(store.name + ".new").exists()


def written(store: Path) -> int:
    """Blocks that have a checksum."""
    return sum(path.is_file() and path.suffix == "" for path in (store / "manifest" / "checksum" / "c").rglob("*"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["memory", "kills", "run"])
    parser.add_argument("run", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--points", type=int, nargs="+", default=[100_000])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--computing", action="store_true", help="Kill only after the first block: not while it compiles.")
    parser.add_argument("--seed", type=int, default=SEED, help="Of the moments of the kills.")
    parser.add_argument("--output", type=Path, help="Also write the JSON here.")
    arguments = parser.parse_args()
    if arguments.what == "run":
        run(arguments.run[0], *(int(part) for part in arguments.run[1:]))
        return
    from jaxgap.numerics.provenance import provenance

    with tempfile.TemporaryDirectory() as folder:
        if arguments.what == "memory":
            rows = memory(arguments.points, Path(folder))
        else:
            rows = kills(arguments.points[0], arguments.kills, Path(folder), arguments.computing, arguments.seed)
    found = {arguments.what: rows, "provenance": provenance()}
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
