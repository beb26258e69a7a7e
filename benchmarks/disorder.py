"""Disordered systems per second: T_c in closed form, dressed states, their spectra, bound states of one impurity.

    python benchmarks/disorder.py [--output FILE]

Two bands at a distance of 6 meV with a cross channel, potentials and spins between them, and a Matsubara cutoff; batches of
densities. Each row has seconds per element without and, where it says so, with the derivative with respect to the density, of
the clock and of the processor (which counts where others use the machine), and how many elements have a finite answer;
compilation is told apart. One core is measured by starting it with taskset -c 0.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from timing import seconds

import jaxgap as jg
from jaxgap.observables import bound_states
from jaxgap.solving.dressed import DressedState

CALLS = 3
ENERGIES = 500
LAM = [[0.4, 0.05, 0.03], [0.05, 0.3, 0.02], [0.03, 0.02, 0.2]]
U, J = [[0.8, 0.3], [0.3, -0.5]], [[0.1, 0.05], [0.05, 0.2]]


def system() -> jg.Superconductor:
    """Two bands, 6 meV apart."""
    bands = {"a": {"mu": 500.0}, "b": {"mu": 506.0}}
    options = {"cross": ["a:b"], "interaction": jg.MatsubaraCutoff(30.0), "disorder": jg.Disorder(0.6, U, J)}
    return jg.superconductor(bands=bands, lam=LAM, **options)


def row(name: str, call: Callable[[jax.Array], jax.Array], values: jax.Array, gradient: bool = True) -> dict[str, object]:
    """Seconds per element of a batched call, and of its gradient."""
    found: dict[str, object] = {"task": name, "elements": len(values)}
    kinds = [("", jax.vmap(call)), *([("gradient_", jax.vmap(jax.value_and_grad(call)))] if gradient else [])]
    for kind, function in kinds:
        began = time.perf_counter()
        run = jax.jit(function).lower(values).compile()
        found[f"{kind}compile_s"] = time.perf_counter() - began
        found[f"{kind}per_element_s"] = float(np.min(seconds(lambda run=run: run(values), CALLS))) / len(values)
        began = time.process_time()
        jax.block_until_ready(run(values))
        found[f"{kind}processor_per_element_s"] = (time.process_time() - began) / len(values)
    found["finite"] = int(jnp.sum(jnp.isfinite(jax.jit(jax.vmap(call))(values))))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--machine", default="", help="what is written beside the device: cores, and whether others used them")
    options = parser.parse_args()
    sc, n = system(), jnp.linspace(0.1, 1.0, 256)
    state = DressedState(sc, jnp.asarray(4.0), jnp.array([5.0, 3.0, 1.0]))
    clean = jg.superconductor(bands={"a": {"mu": 500.0}, "b": {"mu": 506.0}}, lam=LAM, cross=["a:b"], Omega=30.0)
    given = jg.solve(clean, 4.0)

    def at(density: jax.Array) -> jg.Superconductor:
        return sc.set({"disorder.density": density})

    rows = [
        row("T_c in closed form", lambda x: jg.critical_temperature(at(x)), n),
        row("bound states of a spin", lambda x: bound_states(given, J=x * jnp.asarray(J)).E[0], n, gradient=False),
        row(
            f"density of states, of {ENERGIES} energies",
            lambda w: -jnp.sum(jnp.imag(state.local_functions(w + 0.05j).G)),
            jnp.linspace(0.0, 12.0, ENERGIES),
            gradient=False,
        ),
        row("dressed states, 512 frequencies", lambda x: jg.solve(at(x), 10.0).Delta[0].real, n[:4], gradient=False),
    ]
    for one in rows:
        print(*(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in one.items()), sep=", ")
    if options.output:
        table = {
            "device": jax.devices()[0].device_kind,
            "machine": options.machine,
            "jax": jax.__version__,
            "rows": rows,
        }
        options.output.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
