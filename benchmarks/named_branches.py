"""How often `branch="s+-"` and the like miss a state that exists, over random systems of five kinds.

    python benchmarks/named_branches.py [--systems 10000] [--starts 24] [--output results.json]

A pattern of signs exists in a system at T = 0 if one of many random starts with these signs ends in a state that has them, or
`solve` finds one. It is missed if `solve(sc, 0.0, branch=...)` then has no converged state; states that are stable in their
amplitudes are counted apart, and so is a `solve` that ends in an unstable one although a stable one exists.
"""

import argparse
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxgap as jg
from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.numerics.characteristic import count_negative
from jaxgap.solving.core import solve_core
from jaxgap.solving.labels import sign_pattern
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule

SEED = 20260101
RULE = Rule(20, 20)
STEPS = 30
AT_ONCE = 16


def system(mus: list[float], cross: list[str]) -> jg.Superconductor:
    names = "abc"[: len(mus)]
    n = len(mus) + len(cross)
    bands = {name: {"mu": mu} for name, mu in zip(names, mus, strict=True)}
    return jg.superconductor(bands=bands, cross=cross, lam=0.1 * np.eye(n), Omega=30.0)


def symmetric(diagonal: list[Any], others: Any) -> np.ndarray:
    """lambda with these intraband couplings, and off-diagonal ones in the order 12, 13, 23."""
    n = len(diagonal)
    lam = np.zeros((len(diagonal[0]), n, n))
    for i, values in enumerate(diagonal):
        lam[:, i, i] = values
    for (i, j), values in zip(np.argwhere(np.triu(np.ones((n, n)), 1)), others, strict=True):
        lam[:, i, j] = lam[:, j, i] = values
    return lam


def kinds(n: int) -> Iterator[tuple[str, jg.Superconductor, np.ndarray, tuple[str, ...]]]:
    """(kind, a system of its structure, lambda of every system, the patterns asked for)."""
    u = partial(np.random.default_rng(SEED).uniform, size=n)
    two, three, pair = system([500.0] * 2, []), system([500.0] * 3, []), system([200.0, 205.0], ["a:b"])
    signs = ("s++", "s+-")
    yield "intraband", two, symmetric([u(0.15, 0.6), u(0.15, 0.6)], [u(-0.1, 0.1)]), signs
    half = u(-0.4, 0.4)
    yield "interband", two, symmetric([u(0.0, 0.5), u(0.0, 0.5)], [half]), signs
    off = [u(-0.4, 0.4) for _ in range(3)]
    yield "three bands", three, symmetric([u(0.0, 0.5) for _ in range(3)], off), ("+++", "++-", "+-+", "+--")
    off = [u(-0.15, 0.15) for _ in range(3)]
    yield "cross-paired", pair, symmetric([u(0.1, 0.5), u(0.1, 0.5), u(0.0, 0.4)], off), signs
    weak = 10 ** u(-8.0, -2.0) * np.sign(u(-1.0, 1.0))
    yield "weakly coupled", two, symmetric([u(0.15, 0.5), u(0.1, 0.5)], [weak]), signs


def random_starts(lam: np.ndarray, Omega: float, pattern: np.ndarray, n: int) -> np.ndarray:
    """Amplitudes with these signs, cross ones with any, over two and a half decades of the size that lambda suggests."""
    rng = np.random.default_rng(SEED + 1)
    size = Omega / np.sinh(1 / np.clip(np.max(np.abs(np.linalg.eigvalsh(lam)), axis=-1), 0.08, 3.0))
    shape = (len(lam), n, lam.shape[-1])
    signs = np.sign(rng.uniform(-1, 1, shape))
    signs[..., : len(pattern)] = pattern
    return size[:, None, None] * signs * 10 ** rng.uniform(-2.0, 0.7, shape)


def counted(name: str, sc: jg.Superconductor, lam: np.ndarray, branch: str, starts: int) -> dict[str, Any]:
    pattern = sign_pattern(branch, len(sc.bands))
    T = jnp.zeros(())

    def has(x: Any) -> Any:
        bands = x[..., : len(pattern)] * pattern
        return jnp.all(bands > 0, axis=-1) | jnp.all(bands < 0, axis=-1)

    def many(lam: Any, starts: Any) -> Any:
        one = eqx.tree_at(lambda s: s.lam, sc, lam)
        root = jax.vmap(lambda x: search_root(one, T, x, RULE, STEPS))(starts)
        size = jnp.sqrt(jnp.sum(root.x**2, axis=-1))
        there = root.converged & has(root.x) & (size > vanishing(one, T))
        return there, there & (count_negative(jnp.moveaxis(root.jacobian, 0, -1)) == 0)

    def named(lam: Any) -> Any:
        s = solve_core(eqx.tree_at(lambda s: s.lam, sc, lam), T, None, pattern, DEFAULT_RULE)
        return s.converged & has(s.Delta.real), s.unstable_amplitude == 0

    batched = jax.jit(lambda *args: jax.lax.map(lambda rows: many(*rows), args, batch_size=AT_ONCE))
    there, stable = (
        np.asarray(part).any(axis=1) for part in batched(lam, random_starts(lam, 30.0, np.asarray(pattern), starts))
    )
    found, of_stable = map(np.asarray, jax.jit(lambda lam: jax.lax.map(named, lam, batch_size=AT_ONCE))(lam))
    exists, any_stable = there | found, stable | (found & of_stable)
    return {
        "kind": name,
        "branch": branch,
        "systems": len(lam),
        "exist": int(exists.sum()),
        "missed": int((exists & ~found).sum()),
        "stable": int(any_stable.sum()),
        "stable_missed": int((any_stable & ~(found & of_stable)).sum()),
        "first_missed": lam[any_stable & ~(found & of_stable)][:3].tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--systems", type=int, default=10_000, help="of all kinds together")
    parser.add_argument("--starts", type=int, default=24)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = []
    for name, sc, lam, branches in kinds(arguments.systems // 5):
        for branch in branches:
            rows.append(counted(name, sc, lam, branch, arguments.starts))
            print(json.dumps(rows[-1]), flush=True)
    total = {key: sum(row[key] for row in rows) for key in ("exist", "missed", "stable", "stable_missed")}
    print(json.dumps({"kind": "all", **total}))
    if arguments.output:
        record = {"systems": arguments.systems, "starts": arguments.starts, "rows": rows, "total": total}
        arguments.output.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
