"""Cases with known answers, random systems, and the comparisons that all tests share.

`reference/gap_solutions.json` holds solutions from an independent brute-force code (BdG eigenvectors, dyadic Gauss panels,
residual below 1e-11). Its channels are one per band, then the cross channels; its `normalization` is jaxgap's `convention`.
Two bands are always called a and b here, so that all two-band systems share one compiled program.
"""

import json
import string
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap import Superconductor, parabolic_band, superconductor

REFERENCE = Path(__file__).parent / "reference" / "gap_solutions.json"


@dataclass(frozen=True)
class Problem:
    """A system with its known solution."""

    name: str
    system: Superconductor
    T: float
    """[K]"""
    Delta: np.ndarray
    """[meV], complex"""
    T_c: float
    """[K]"""
    free_energy: float | None
    """Relative to the normal state, divided by N_1(0) [meV^2]; None where there is none."""
    minima: tuple[float, ...]
    """Branch minima [meV], ascending."""

    def __str__(self) -> str:
        return self.name


def system(lam: Any, mus: Any, masses: Any = None, *, Omega: float = 30.0, cross: Any = ((0, 1),), **options: Any):
    """A system of bands called a, b, c, ... from bare numbers."""
    masses = [1.0] * len(mus) if masses is None else masses
    names = string.ascii_lowercase[: len(mus)]
    bands = [parabolic_band(*band) for band in zip(names, mus, masses, strict=True)]
    pairs = [(names[i], names[j]) for i, j in cross]
    return superconductor(bands=bands, lam=lam, Omega=Omega, cross=pairs, **options)


def one_band(lam: float = 0.3, Omega: float = 30.0, mu: float = 200.0, mass: float = 1.0, **options: Any) -> Superconductor:
    """A single band, whose answers are textbook formulas."""
    return system([[lam]], [mu], [mass], Omega=Omega, cross=(), **options)


def _problem(case: dict[str, Any]) -> Problem:
    sc = system(
        case["lam"],
        case["mus"],
        case["masses"],
        Omega=case["Omega"],
        cross=case["cross"],
        dimension=case["dim"],
        convention=case["normalization"],
    )
    Delta = np.array(case["Delta_real"]) + 1j * np.array(case["Delta_imag"])
    return Problem(
        case["name"],
        sc,
        case["T_K"],
        Delta,
        case["Tc_K"],
        case.get("free_energy_per_N1"),
        tuple(case["branch_minima_meV"]),
    )


PROBLEMS = tuple(_problem(case) for case in json.loads(REFERENCE.read_text(encoding="utf-8"))["cases"])


def problem(words: str) -> Problem:
    """The only reference case whose name contains `words`."""
    found = [p for p in PROBLEMS if words in p.name]
    if len(found) != 1:
        raise KeyError(f"{len(found)} reference cases contain {words!r}")
    return found[0]


def ba122(**values: float) -> Superconductor:
    """`jaxgap.materials.ba122()` with the bands called a and b (the same numbers, one compiled program)."""
    return problem("s+- branch, T=1.0").system.set(values)


def generator(seed: int) -> np.random.Generator:
    """Random numbers of one test, the same in every run."""
    return np.random.default_rng([2020, seed])


def random_system(
    seed: int, *, d: float | None = None, symmetric: bool = False, equal_masses: bool = True, **options: Any
) -> Superconductor:
    """A random system of two cross-paired electron bands a and b, well inside the superconducting phase at a few K.

    Intraband couplings .3 to .45, cross channel .05 to .2, off-diagonal ones within +-.1; interband distance `d` [meV], drawn
    from 2 to 12 if None. With `symmetric` g obeys detailed balance (a free energy exists).
    """
    rng = generator(seed)
    lam = np.diag([*rng.uniform(0.3, 0.45, 2), rng.uniform(0.05, 0.2)])
    off = np.triu(rng.uniform(-0.1, 0.1, (3, 3)), 1)
    skew = rng.uniform(0.8, 1.25, 3)  # symmetric times diagonal: asymmetric, but with real eigenvalues, hence with a T_c
    Omega, mu, drawn = rng.uniform(20, 40), rng.uniform(100, 200), rng.uniform(2, 12)
    masses = [1.0, 1.0] if equal_masses else [1.0, rng.uniform(0.97, 1.03)]
    mus = [mu, mu + (drawn if d is None else d)]
    sc = system((lam + off + off.T) * skew, mus, masses, Omega=Omega, **options)
    return balanced(sc) if symmetric else sc


def balanced(sc: Superconductor) -> Superconductor:
    """The system whose g is the symmetric part of this one's."""
    g = np.asarray(sc.g)
    lam = (g + g.T) / 2 * np.asarray(sc.N)[None, :]
    return sc.set({f"lam[{c}, {k}]": lam[i, j] for i, c in enumerate(sc.channels) for j, k in enumerate(sc.channels)})


def relative_error(got: Any, wanted: Any) -> float:
    """Largest |got - wanted| / |wanted| over the entries; infinite if any number is not finite or is compared with zero."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        raise ValueError(f"shapes {got.shape} and {wanted.shape} differ")
    if not (np.isfinite(got).all() and np.isfinite(wanted).all() and np.all(wanted != 0)):
        return float("inf")
    return float((np.abs(got - wanted) / np.abs(wanted)).max())


def gauge_error(got: Any, wanted: Any) -> float:
    """`relative_error` of amplitudes up to a global phase and complex conjugation."""
    return min(relative_error(_rotated(g, wanted), wanted) for g in (np.asarray(got), np.conj(got)))


def _rotated(got: Any, wanted: Any) -> Any:
    """`got` with the global phase that brings it nearest to `wanted`."""
    overlap = np.vdot(got, wanted)
    return got * overlap / abs(overlap) if abs(overlap) > 0 else got


def scaled_error(got: Any, wanted: Any) -> float:
    """max |got - wanted| / max |wanted|, for arrays some of whose entries may vanish; infinite if not finite."""
    got, wanted = np.asarray(got), np.asarray(wanted)
    if got.shape != wanted.shape:
        raise ValueError(f"shapes {got.shape} and {wanted.shape} differ")
    if not (np.isfinite(got).all() and np.isfinite(wanted).all()):
        return float("inf")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def stacked(systems: Any) -> Superconductor:
    """Systems of one structure as a batch, for `jax.vmap`."""
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *systems)


def likely_amplitudes(sc: Superconductor) -> np.ndarray:
    """A start in the basin of the ground state: Omega / sinh(1 / Lambda) along the leading eigenvector of lambda."""
    values, vectors = np.linalg.eig(np.asarray(sc.lam))
    best = np.argmax(values.real)
    v = vectors[:, best].real
    return float(sc.Omega) / np.sinh(1 / values[best].real) * v / v[np.argmax(np.abs(v))]
