"""Solutions per second of the batched solve, beside the script that a physicist would write.

    python benchmarks/solve.py [--systems 20000] [--script-systems 12] [--output results.json]

Systems: two equal 2D bands with all three amplitudes (`materials.two_band`), lambda_33 in 0..0.15, d in 0..10 meV, T in
1..20 K, drawn with a fixed seed. Both start from the same amplitudes and solve the gap equations to a residual of 1e-10 meV,
which is verified afterwards for every element with a quadrature of three times the nodes. The script is scipy's `quad` on the
closed form of the integrands (with the Fermi momenta as break points) inside scipy's `root`; it runs on the first systems of
the batch, on the same machine in the same run. Compile time is printed apart.
"""

import argparse
import json
import math
import os
import platform
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import quad
from scipy.optimize import root

import jaxgap
from jaxgap import Rule, Status
from jaxgap.materials import two_band
from jaxgap.pairing import gap_residual
from jaxgap.quadrature import DEFAULT_RULE
from jaxgap.solve import solve_core

TOLERANCE = 1e-10  # meV, residual of the gap equations
START = np.array([6.5, 4.2, 1.8])
BATCH = 1000  # systems that share a cache-sized block
RULE = Rule(overlap=16, single=8)  # fewer nodes than the default: enough for these systems, as the verification shows


def draw(n: int, seed: int = 2020) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(lambda_33, d [meV], T [K]) of n random systems."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, 0.15, n), rng.uniform(0, 10, n), rng.uniform(1, 20, n)


def batch(lambda_33: Any, d: Any) -> Any:
    """A batch of systems as one pytree."""
    sc = two_band()
    return jax.vmap(lambda x, y: sc.set({"lam[a:b, a:b]": x, "mu[b]": 200.0 + y}))(jnp.asarray(lambda_33), jnp.asarray(d))


@partial(jax.jit, static_argnums=2)
def solve_all(systems: Any, T: Any, rule: Rule) -> Any:
    """(amplitudes, status, steps) of every system, from START."""

    def one(arguments: Any) -> Any:
        solution = solve_core(*arguments, jnp.asarray(START), None, rule)
        return solution.Delta.real, solution.status, solution.steps

    return jax.lax.map(one, (systems, T), batch_size=BATCH)


@partial(jax.jit, static_argnums=3)
def residuals(systems: Any, Delta: Any, T: Any, rule: Rule) -> Any:
    """|r| of every system with another quadrature rule [meV]."""
    return jax.lax.map(lambda a: jnp.linalg.norm(gap_residual(*a, rule)), (systems, Delta, T), batch_size=BATCH)


# --- the script -------------------------------------------------------------------------------------------------------


def script_solve(lambda_33: float, d: float, T: float) -> tuple[np.ndarray, bool]:
    """scipy quad + root, for one system, as one would write it from the paper's Eq. 3-5."""
    lam = np.array([[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, lambda_33]])
    Omega, kT = 30.0, 0.08617333262145177 * T

    def f(E: float) -> float:
        return math.tanh(E / (2 * kT)) / (2 * E)

    def integrand(z1: float, D: np.ndarray, channel: int) -> float:
        D1, D2, D3 = D
        z2 = z1 - d
        inside1, inside2 = abs(z1) <= Omega, abs(z2) <= Omega
        if not (inside1 and inside2):
            if channel == 0 and inside1:
                return D1 * f(math.sqrt(z1**2 + D1**2))
            if channel == 1 and inside2:
                return D2 * f(math.sqrt(z2**2 + D2**2))
            return 0.0
        e1, e2, s3 = z1**2 + D1**2, z2**2 + D2**2, D3**2
        r = (z1 - z2) ** 2 + (D1 + D2) ** 2
        b = math.sqrt((e1 - e2) ** 2 + 4 * s3 * r)
        Ep, Em = math.sqrt((e1 + e2 + 2 * s3 + b) / 2), math.sqrt((e1 + e2 + 2 * s3 - b) / 2)
        S, R = f(Ep) + f(Em), (f(Ep) - f(Em)) / b
        if channel == 0:
            return 0.5 * (D1 * S + R * (D1 * (e1 - e2 + 2 * s3) + 2 * s3 * D2))
        if channel == 1:
            return 0.5 * (D2 * S + R * (D2 * (e2 - e1 + 2 * s3) + 2 * s3 * D1))
        return D3 * S + R * (D3 * ((z1 - z2) ** 2 + D1**2 + D2**2) + 2 * D1 * D2 * D3)

    def equations(D: np.ndarray) -> np.ndarray:
        points = [-Omega + d, 0.0, d, Omega]
        P = [
            quad(integrand, -Omega, Omega + d, (D, c), points=points, epsabs=1e-11, epsrel=1e-11, limit=200)[0]
            for c in range(3)
        ]
        return D - lam @ np.array(P)

    found = root(equations, START, tol=1e-11)
    return found.x, bool(np.linalg.norm(equations(found.x)) <= TOLERANCE)


def main() -> None:
    """Run, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=20_000)
    parser.add_argument("--script-systems", type=int, default=12)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()

    lambda_33, d, T = draw(options.systems)
    systems, temperatures = batch(lambda_33, d), jnp.asarray(T)

    began = time.perf_counter()
    scripted = [script_solve(lambda_33[i], d[i], T[i]) for i in range(options.script_systems)]
    script = {
        "systems": options.script_systems,
        "solutions_per_second": options.script_systems / (time.perf_counter() - began),
        "share_converged": float(np.mean([ok for _, ok in scripted])),
    }
    rows = [measure(rule, systems, temperatures, scripted, script) for rule in (RULE, DEFAULT_RULE)]
    device = jax.devices()[0]
    report = {
        "benchmark": "solve",
        "device": f"{device.platform}: {device.device_kind}",
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "versions": {"jaxgap": jaxgap.__version__, "jax": jax.__version__, "python": platform.python_version()},
        "tolerance_meV": TOLERANCE,
        "script": script,
        "jaxgap": rows,
    }
    for name, row in (("script (scipy quad + root)", script), *((f"jaxgap, rule {row['rule']}", row) for row in rows)):
        print(name)
        for key, value in row.items():
            print(f"    {key:32s} {value:.6g}" if isinstance(value, float) else f"    {key:32s} {value}")
    if options.output is not None:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure(rule: Rule, systems: Any, T: Any, scripted: Any, script: dict[str, Any]) -> dict[str, Any]:
    """Compile, run three times, verify every element with another quadrature, compare with the script."""
    began = time.perf_counter()
    compiled = solve_all.lower(systems, T, rule).compile()
    compile_seconds = time.perf_counter() - began
    times = []
    for _ in range(4):
        began = time.perf_counter()
        Delta, status, steps = jax.block_until_ready(compiled(systems, T))
        times.append(time.perf_counter() - began)
    rate = len(T) / float(np.median(times[1:]))
    exact = np.asarray(residuals(systems, Delta, T, Rule(96, 84)))
    verified = np.isfinite(exact) & (exact <= TOLERANCE) & (np.asarray(status) == Status.CONVERGED)
    differences = [float(np.abs(x - np.asarray(Delta[i])).max()) for i, (x, _) in enumerate(scripted)]
    return {
        "rule": list(rule),
        "systems": len(T),
        "compile_seconds": compile_seconds,
        "solutions_per_second": rate,
        "share_converged": float(verified.mean()),
        "largest_verified_residual_meV": float(np.sort(exact)[-1]),
        "mean_steps": float(np.mean(np.asarray(steps))),
        "largest_difference_from_script_meV": max(differences),
        "ratio_to_script": rate / script["solutions_per_second"],
    }


if __name__ == "__main__":
    main()
