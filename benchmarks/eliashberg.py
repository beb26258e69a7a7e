"""T_c and self-energies of retarded interactions per second: one band, and two cross-paired ones.

    python benchmarks/eliashberg.py [--output FILE]

A batch of one-band systems with different couplings and 20 modes (mu* = 0.1), 256 frequencies, and batches of two cross-paired
bands with 200, 16 at once, as `solve_many` has them. Each row has systems per second without and with the derivative with
respect to a coupling, and how many have a finite answer; compilation is told apart. Seconds are the processor's, of one core if
it is started with taskset -c 0; `load` is how busy the machine was.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from timing import seconds

import jaxgap as jg
from jaxgap.solving.retarded import TOGETHER

CALLS = 5
ELEMENTS = 256


def one_band(frequencies: int) -> jg.Superconductor:
    """20 modes like a broad spectrum, mu* = 0.1."""
    modes = np.linspace(4.0, 20.0, 20)
    interaction = jg.Retarded(modes, 0.1, 200.0, frequencies=frequencies)
    return jg.superconductor(bands={"a": {"mu": 500.0}}, lam=1.0, interaction=interaction)


def crossed(frequencies: int) -> jg.Superconductor:
    """Two bands, 10 meV apart."""
    lam = [[0.73, 0.09, 0.09], [0.09, 0.46, 0.09], [0.09, 0.09, 0.25]]
    bands = {"a": {"mu": 500.0}, "b": {"mu": 510.0}}
    return jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=jg.Retarded(49.5, frequencies=frequencies))


def together(call: Callable[[jax.Array], Any]) -> Callable[[jax.Array], Any]:
    """Of all couplings, `TOGETHER` at once."""
    return lambda couplings: jax.lax.map(call, couplings, batch_size=TOGETHER)


def row(name: str, call: Callable[[jax.Array], jax.Array], couplings: jax.Array) -> dict[str, object]:
    """Seconds per element of a batched call, and of its gradient."""
    batched, gradient = together(call), together(jax.value_and_grad(call))
    found: dict[str, object] = {"task": name, "elements": len(couplings), "load": os.getloadavg()[0]}
    for kind, function in (("", batched), ("gradient_", gradient)):
        began = time.process_time()
        run = jax.jit(function).lower(couplings).compile()
        found[f"{kind}compile_s"] = time.process_time() - began
        times = seconds(lambda run=run: run(couplings), CALLS, clock=time.process_time)
        found[f"{kind}per_element_s"] = float(np.median(times)) / len(couplings)
    values = batched(couplings)
    found["finite"] = int(jnp.sum(jnp.isfinite(values)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    lam = jnp.linspace(0.8, 1.6, ELEMENTS)
    alone, both = one_band(256), crossed(200)
    rows = [
        row("T_c, one band", lambda x: jg.critical_temperature(alone.set({"lam[a, a]": x})), lam),
        row("gap function, one band", lambda x: jg.solve(alone.set({"lam[a, a]": x}), 4.0).Delta[0].real, lam),
        row("T_c, two cross-paired bands", lambda x: jg.critical_temperature(both.set({"lam[a, a]": x})), lam[:16]),
        row("self-energy, two cross-paired bands", lambda x: jg.solve(both.set({"lam[a, a]": x}), 8.0).Delta[2].real, lam[::4]),
    ]
    print(f"{'task':38} {'per second':>10} {'with gradient':>13} {'compile':>8} {'finite':>8}")
    for one in rows:
        per, slope, wait = (float(str(one[key])) for key in ("per_element_s", "gradient_per_element_s", "compile_s"))
        print(f"{one['task']:38} {1 / per:>10.0f} {1 / slope:>13.0f} {wait:>7.1f}s {one['finite']:>4}/{one['elements']}")
    if options.output:
        device = jax.devices()[0].device_kind
        options.output.write_text(json.dumps({"device": device, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
