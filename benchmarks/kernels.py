"""Two small choices, and what they gain.

    python benchmarks/kernels.py [--output results.json]

Elimination in the open against LAPACK, for batches of small linear systems (`jaxgap.numerics.small.ELIMINATED`); one chain of
the posterior's density with its gradient against four in one batch (`jaxgap.fitting.sampler`). Medians over 30 calls.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import seconds

from jaxgap.fitting import load_result
from jaxgap.fitting.density import density, potential
from jaxgap.numerics.programs import compile_quickly
from jaxgap.numerics.provenance import provenance
from jaxgap.numerics.small import solved

FITS = Path(__file__).parents[1] / "fits" / "ba0.6k0.4fe2as2"
CALLS = 30


def median(call: Callable[[], Any]) -> float:
    """[s]"""
    return float(np.median(seconds(call, CALLS)))


def elimination(n: int, batch: int) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    A, b = jnp.asarray(rng.normal(size=(batch, n, n))), jnp.asarray(rng.normal(size=(batch, n)))
    own, lapack = jax.jit(jax.vmap(solved)), jax.jit(jax.vmap(jnp.linalg.solve))
    apart = float(jnp.max(jnp.abs(own(A, b) - lapack(A, b)) / jnp.abs(lapack(A, b)).max(axis=1, keepdims=True)))
    times = {"own_us": 1e6 * median(lambda: own(A, b)), "lapack_us": 1e6 * median(lambda: lapack(A, b))}
    return {"unknowns": n, "batch": batch, **times, "ratio": times["lapack_us"] / times["own_us"], "largest_difference": apart}


def chains(number: int) -> dict[str, Any]:
    result = load_result(FITS)
    p = result.problem
    d = density(p, result.value, result.amplitudes)
    share = (result.value - np.asarray(p.lower)) / np.asarray(p.upper - p.lower)
    u = jnp.tile(jnp.asarray(np.log(share) - np.log1p(-share)), (number, 1))
    run = jax.jit(jax.vmap(jax.value_and_grad(lambda u: potential(d, u))))
    return {"chains": number, "ms": 1e3 * median(lambda: run(u))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="Also write the JSON here.")
    arguments = parser.parse_args()
    compile_quickly()
    found = {
        "elimination": [elimination(n, batch) for n in (2, 3, 4, 5) for batch in (16, 1024)],
        "density_with_gradient": [chains(1), chains(4)],
        "provenance": provenance(),
    }
    print(json.dumps(found, indent=1))
    if arguments.output:
        arguments.output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
