"""Is it right on this card, and how fast is it? One command of at most four minutes, one JSON.

    python benchmarks/gpu_check.py [--seconds 200] [--systems 4096] [--largest 10000000] [--output check.json]

1. right: random systems (`benchmarks/sweep_kernel.py` draws them) from a start and along the branch from T_c, here and on the
   CPU of this machine: statuses, amplitudes to 1e-9, derivatives to 1e-6; the residual of every solution with three times the
   nodes; a sweep into a Zarr store against one in memory;
2. fast: systems per second of each kernel at 1e4, 1e5, ... systems, warm, as long as there is time; double-precision operations
   per second of the device; memory; time to compile.

Exit code 1 if anything is wrong. Without a GPU it says what it says of the CPU.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from sweep_kernel import draw, systems_of

from jaxgap import Rule, Status, critical_temperature
from jaxgap.equations.pairing import gap_residual
from jaxgap.materials import two_band
from jaxgap.numerics.cutting import CPU, cut, forced
from jaxgap.numerics.provenance import provenance
from jaxgap.solving.many import solve_many

START = [8.0, 5.0, 3.0]
FINE = Rule(96, 84)
AMPLITUDES, DERIVATIVES, RESIDUAL = 1e-9, 1e-6, 1e-10
"""What is promised: relative, relative, and [meV]."""
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
AT_ONCE = 65_536
"""Systems of one call."""
FMA = 2_000
"""Multiplications and additions in a row, of 2^22 numbers."""


@jax.jit
def start(lambda_33: Any, d: Any, T: Any) -> Any:
    """(amplitudes, status) from a start."""
    found = solve_many(systems_of(lambda_33, d), T, start=START)
    return found.Delta.real, found.status


@jax.jit
def branch(lambda_33: Any, d: Any, T: Any) -> Any:
    """(amplitudes, status) of the branch connected to T_c."""
    found = solve_many(systems_of(lambda_33, d), T)
    return found.Delta.real, found.status


@jax.jit
def T_c(lambda_33: Any, d: Any, T: Any) -> Any:
    """(T_c, status)."""
    return jax.vmap(critical_temperature)(systems_of(lambda_33, d))[:, None], jnp.zeros(len(T), int)


@jax.jit
def derivatives(lambda_33: Any, d: Any, T: Any) -> Any:
    """d (sum of amplitudes) / d (lambda_33, T) of every system."""

    def total(lambda_33: Any, T: Any) -> Any:
        found = solve_many(systems_of(lambda_33, d), T, start=START)
        return jnp.sum(jnp.where((found.status == Status.CONVERGED)[:, None], found.Delta.real, 0.0))

    return jax.grad(total, argnums=(0, 1))(lambda_33, T)


@jax.jit
def residuals(lambda_33: Any, d: Any, T: Any, Delta: Any) -> Any:
    """|r| with three times the nodes [meV]."""
    r = jax.vmap(partial(gap_residual, rule=FINE))(systems_of(lambda_33, d), Delta, T)
    return jnp.linalg.norm(r, axis=1)


KERNELS: dict[str, Callable[..., Any]] = {"start": start, "branch": branch, "T_c": T_c}


def on_the_cpu(function: Callable[..., Any], *rows: np.ndarray) -> Any:
    """What this machine's CPU says."""
    with jax.default_device(jax.local_devices(backend="cpu")[0]), forced(CPU) if cut() != CPU else nullcontext():
        return jax.tree.map(np.asarray, function(*rows))


def right(n: int) -> dict[str, Any]:
    """Every comparison: how far apart, and whether that is near enough."""
    rows = draw(n, region="across_the_change_of_regime")
    table: dict[str, Any] = {}
    for name, function in KERNELS.items():
        Delta, status = jax.tree.map(np.asarray, function(*rows))
        wanted, wanted_status = on_the_cpu(function, *rows)
        same = (status == wanted_status) & (status <= Status.NORMAL)
        size = np.maximum(np.linalg.norm(wanted[same], axis=1, keepdims=True), 1e-300)
        apart = float(np.sort(np.abs(Delta[same] - wanted[same]) / size, axis=None)[-1])
        table[name] = {"statuses_that_differ": int(np.sum(status != wanted_status)), "largest_difference": apart}
        table[name]["right"] = bool(np.all(status == wanted_status) and apart <= AMPLITUDES)
    Delta, status = jax.tree.map(np.asarray, start(*rows))
    left = np.asarray(residuals(*rows, Delta))[status == Status.CONVERGED]
    table["residual"] = {"largest_meV": float(np.sort(left)[-1]), "right": bool(np.all(left <= RESIDUAL))}
    got, wanted = jax.tree.map(np.asarray, derivatives(*rows)), on_the_cpu(derivatives, *rows)
    # Where there is no solution there is no derivative, on either device.
    there = [np.isfinite(b) for b in wanted]
    missing = sum(int(np.sum(np.isfinite(a) != good)) for a, good in zip(got, there, strict=True))
    apart = max(
        float(np.max(np.abs(a - b)[good] / (np.abs(b[good]) + 1e-3))) for a, b, good in zip(got, wanted, there, strict=True)
    )
    table["derivatives"] = {"largest_difference": apart, "missing": missing, "right": missing == 0 and apart <= DERIVATIVES}
    table["sweep"] = stored()
    return table


def stored() -> dict[str, Any]:
    """A sweep into a store is the one in memory."""
    from jaxgap.sweeps import sweep

    grid = {"lambda_33": np.linspace(0.1, 0.3, 8), "d": np.linspace(0.5, 10.0, 8)}
    run = partial(sweep, two_band(), grid, ("gap", "label"), T=4.2, start=START, batch=64)
    with tempfile.TemporaryDirectory() as folder:
        one, other = run(), run(store=Path(folder) / "sweep.zarr").load()
    same = all(np.array_equal(one[name], other[name], equal_nan=True) for name in one)
    return {"points": int(one.status.size), "right": bool(same)}


def rate(function: Callable[..., Any], n: int) -> dict[str, Any]:
    """Systems per second, in calls of `AT_ONCE`, after one call; two calls are asked for before the first is fetched."""
    size = min(n, AT_ONCE)
    pieces = [draw(size, seed=k) for k in range(min(-(-n // size), 4))]
    began = time.perf_counter()
    jax.block_until_ready(function(*pieces[0]))
    first, done, waiting = time.perf_counter() - began, 0, []
    began = time.perf_counter()
    while done < n:
        waiting.append(function(*pieces[(done // size) % len(pieces)]))
        done += size
        if len(waiting) > 2:
            jax.block_until_ready(waiting.pop(0))
    jax.block_until_ready(waiting)
    seconds = time.perf_counter() - began
    return {"systems": done, "seconds": seconds, "systems_per_second": done / seconds, "seconds_of_the_first_call": first}


def double_precision() -> float:
    """Multiplications and additions per second of the device, in double precision."""

    @jax.jit
    def run(x: Any) -> Any:
        return jax.lax.fori_loop(0, FMA // 100, lambda _, x: _hundred(x), x)

    def _hundred(x: Any) -> Any:
        for _ in range(100):
            x = x * 0.999 + 1e-3
        return x

    x = jnp.ones(2**22 if jax.default_backend() != "cpu" else 2**14)
    jax.block_until_ready(run(x))
    began = time.perf_counter()
    jax.block_until_ready(run(x))
    return 2 * FMA * len(x) / (time.perf_counter() - began)


def fast(largest: int, until: float) -> dict[str, Any]:
    """Rates at all sizes for which there is time."""
    table: dict[str, Any] = {"double_precision_operations_per_second": double_precision()}
    for n in (n for n in SIZES if n <= largest):
        for name, function in KERNELS.items():
            rows = table.setdefault(name, [])
            expected = n / rows[-1]["systems_per_second"] if rows else 0.0
            if time.perf_counter() + expected < until:
                rows.append(rate(function, n))
    return table


def main(arguments: list[str] | None = None) -> int:
    """Check, measure, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=200.0, help="No measurement begins that would end later.")
    parser.add_argument("--systems", type=int, default=4096, help="Systems that are compared with the CPU.")
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    device = jax.local_devices()[0]
    report: dict[str, Any] = {
        "benchmark": "gpu_check",
        "device": f"{device.platform}: {device.device_kind}",
        "cut": cut()._asdict(),
    }
    report["right"] = right(options.systems)
    report["seconds_to_compare"] = time.perf_counter() - began
    report["fast"] = fast(options.largest, began + options.seconds)
    report["peak_bytes"] = (device.memory_stats() or {}).get("peak_bytes_in_use")
    report["seconds"] = time.perf_counter() - began
    text = json.dumps(report | {"provenance": provenance()}, indent=1)
    print(text)
    if options.output is not None:
        options.output.write_text(text + "\n", encoding="utf-8")
    return int(not all(one["right"] for one in report["right"].values()))


if __name__ == "__main__":
    sys.exit(main())
