"""What compiling quickly and keeping programs gain, in runs that take turns.

    python benchmarks/compilation.py [--rounds 3] [--output results.json]

Two rows for XLA's flags (`jaxgap.numerics.programs.QUICK`, on and off, no cache): seconds to compile three programs, and
seconds to run them. Three rows for `jaxgap fit fits/ba0.6k0.4fe2as2`, wall seconds: nothing kept; what XLA made kept; that and
what JAX traced kept. Every number is a median over the rounds; every run is a process of its own.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax

from jaxgap.numerics.programs import KNOWN, QUICK

ROOT = Path(__file__).parent.parent
PROGRAMS = """
import json, sys, time
import jax, jax.numpy as jnp
from jaxgap import materials, solve
from jaxgap.equations.pairing import gap_residual

sc = materials.two_band()
lam = jnp.linspace(0.0, 0.15, 2000)
def amplitude(x):
    return solve(sc.set({"lambda_33": x}), 4.2).Delta[0].real
def residual(x):
    return gap_residual(sc, jnp.stack([4 + x, 4 - x, x]), jnp.asarray(4.2))
compiled, ran = 0.0, 0.0
for function in (amplitude, jax.grad(amplitude), jax.jacfwd(residual)):
    lowered = jax.jit(jax.vmap(function)).lower(lam)
    began = time.perf_counter()
    program = lowered.compile()
    compiled += time.perf_counter() - began
    jax.block_until_ready(program(lam))
    began = time.perf_counter()
    for _ in range(5):
        jax.block_until_ready(program(lam))
    ran += (time.perf_counter() - began) / 5
print(json.dumps([compiled, ran]))
"""


def programs(flags: tuple[str, ...]) -> list[float]:
    """[seconds to compile, seconds to run] with these flags, without a cache."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_")}
    environment["XLA_FLAGS"] = " ".join(flags)
    done = subprocess.run([sys.executable, "-c", PROGRAMS], env=environment, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def fits() -> list[float]:
    """Wall seconds of the fit [nothing kept, XLA's part kept, both parts kept]."""
    with tempfile.TemporaryDirectory() as work:
        cache, folder = Path(work) / "cache", Path(work) / "fit"
        shutil.copytree(ROOT / "fits" / "ba0.6k0.4fe2as2", folder)
        environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(cache), "MPLBACKEND": "agg"}
        seconds = []
        for before in (lambda: None, lambda: shutil.rmtree(cache / "traced"), lambda: None):
            before()
            began = time.perf_counter()
            command = [sys.executable, "-m", "jaxgap", "fit", str(folder)]
            subprocess.run(command, env=environment, check=True, capture_output=True)
            seconds.append(time.perf_counter() - began)
        return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()

    choices = {"XLA's flags off": (), "XLA's flags on": QUICK} if jax.__version_info__[:2] in KNOWN else {"XLA as it is": ()}
    taken: dict[str, list[list[float]]] = {name: [] for name in [*choices, "fit"]}
    for _ in range(arguments.rounds):
        for name, flags in choices.items():
            taken[name].append(programs(flags))
        taken["fit"].append(fits())
    medians = {name: [statistics.median(column) for column in zip(*rows, strict=True)] for name, rows in taken.items()}

    for name in choices:
        print(f"{name:16s} compile {medians[name][0]:6.1f} s   run {medians[name][1]:6.3f} s")
    labels = ("nothing kept", "XLA's part kept", "XLA's and the traced part kept")
    for label, seconds in zip(labels, medians["fit"], strict=True):
        print(f"fit, {label:32s} {seconds:6.1f} s")
    if arguments.output:
        machine = f"{platform.machine()}, {os.cpu_count()} cores"
        content = {"machine": machine, "jax": jax.__version__, "rounds": arguments.rounds, "medians": medians, "taken": taken}
        arguments.output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
