"""Random systems that phonons can make: is the state of lowest free energy the positive one?

    python benchmarks/phonon_cone.py [--systems 1000] [--output results.json]

Inside the cone of couplings that phonons make (`jaxgap.selfenergy.phonon_cone`) the map from pairs to pairing keeps positive
matrices positive, so that a state with Phi_1 Phi_2 >= Phi_3^2 + A^2 at every frequency exists below T_c. That it has the lowest
free energy is proven for bands at no distance only. Here: two cross-paired bands, couplings of random bosons (amplitudes a
and b of the bands, c between them: three modes each, normal numbers), scaled to a largest lambda of 0.5 to 1.5, one mode of 50
meV, d from 0 to 30 meV, 0.3 T_c; every state that twelve patterns of signs lead to (`jaxgap.states.retarded`), by its free
energy.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import jaxgap as jg
from jaxgap.numerics.provenance import provenance
from jaxgap.states.retarded import patterns

OMEGA = 50.0
FREQUENCIES = 192
EVERY = 50
"""Systems after which what is done is written."""
POSITIVE = -1e-6
"""Phi_1 Phi_2 - Phi_3^2 - A^2 in units of |Phi|^2, where it is called negative."""
SAME = 1e-6
"""Of a free energy."""


def couplings(rng: np.random.Generator) -> tuple[np.ndarray, float] | None:
    """(lambda, V_a / V_33) of random bosons; None where V_a is larger than V_33, which `odd` does not take."""
    a, b, c, other = rng.normal(size=(4, 3))
    other *= np.linalg.norm(c) / np.linalg.norm(other)  # c' is c with k and k' exchanged.
    x, y = a @ b, c @ other
    # <ac'> = <ac>, as a and b do not change: of every boson there is the one with k and k' exchanged, too.
    both = (c + other) / 2
    g = np.array([[a @ a, c @ c, a @ both], [c @ c, b @ b, b @ both], [a @ both, b @ both, (x + y) / 2]])
    if not abs(x - y) <= abs(x + y):
        return None
    return g * rng.uniform(0.5, 1.5) / np.max(np.abs(np.linalg.eigvals(g))), (x - y) / (x + y)


def system(lam: Any, odd: Any, d: Any) -> jg.Superconductor:
    """Two equal bands at the distance d [meV]."""
    bands = {"a": {"mu": 500.0}, "b": {"mu": 510.0}}
    given = jg.superconductor(
        bands=bands, cross=["a:b"], lam=np.eye(3) / 2, interaction=jg.Retarded(OMEGA, odd=0.0, frequencies=FREQUENCIES)
    )
    names = given.channels
    values = {f"lam[{r}, {c}]": lam[i, j] for i, r in enumerate(names) for j, c in enumerate(names)}
    return given.set(values | {"odd": odd, "mu[b]": 500.0 + d})


def states(sc: jg.Superconductor, T: float) -> tuple[np.ndarray, np.ndarray]:
    """Of every state that is found the free energy, and the least of (Phi_1 Phi_2 - Phi_3^2 - A^2) / |Phi|^2 over the
    frequencies."""
    found = [jg.solve(sc, T, start=float(sc.scale) * start, throw=False) for start in patterns(2, 1)]
    rows = [state(one) for one in found if bool(one.converged)]
    return np.array([F for F, _ in rows]), np.array([least for _, least in rows])


@jax.jit
def state(found: Any) -> tuple[Any, Any]:
    """(free energy, least of the determinant) of a solution."""
    Phi, A = found.self_energy.Phi, found.self_energy.A[0]
    return found.free_energy(), jnp.min((Phi[0] * Phi[1] - Phi[2] ** 2 - A**2) / jnp.sum(Phi**2, axis=0))


def main() -> None:
    """Run, print, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    rows: list[tuple[np.ndarray, float, float]] = []
    while len(rows) < options.systems:
        if (made := couplings(rng)) is not None:
            rows.append((*made, rng.uniform(0.0, 30.0)))
    report: dict[str, Any] = {"benchmark": "phonon_cone", "seed": options.seed}
    counts = {"systems": 0, "without_T_c": 0, "nothing_found": 0, "with_several_states": 0, "lowest_is_positive": 0}
    others: list[dict[str, Any]] = []
    for number, (lam, odd, d) in enumerate(rows, 1):
        sc = system(lam, odd, d)
        assert jg.phonon_cone(sc).inside, lam
        counts["systems"] += 1
        T_c = float(jg.critical_temperature(sc))
        F, least = states(sc, 0.3 * T_c) if T_c > 0 else (np.zeros(0), np.zeros(0))
        if not T_c > 0:
            counts["without_T_c"] += 1
        elif not len(F):
            counts["nothing_found"] += 1
        else:
            lowest = int(np.argmin(F))
            counts["with_several_states"] += bool(np.max(F) > F[lowest] * (1 - SAME))
            if least[lowest] >= POSITIVE:
                counts["lowest_is_positive"] += 1
            else:
                positive = F[least >= POSITIVE]
                own = float(positive.min()) if len(positive) else None
                others.append(
                    {"lam": lam.tolist(), "odd": odd, "d": d, "T_c": T_c, "F": float(F[lowest]), "F_of_the_positive": own}
                )
        if number % EVERY and number < len(rows):
            continue
        print(counts, f"{len(others)} others", flush=True)
        report |= {"counts": counts, "others": others}
        if options.output is not None:
            options.output.write_text(json.dumps(report | {"provenance": provenance()}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
