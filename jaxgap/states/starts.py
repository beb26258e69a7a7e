"""Amplitudes from which a search for states starts: every combination of relative signs, each channel dominant in turn, and
phases spread evenly; at the size that the largest eigenvalue of lambda suggests, at a smaller one, and at every channel's own.
Without a seed: the same in every run.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Complex, Float

from jaxgap.equations.lattice_sums import sizes_of_many, sizes_on_lattice
from jaxgap.model.couplings import pair_weights
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.programs import program

__all__ = ["Starts", "starts_of"]


class Starts(NamedTuple):
    """Amplitudes [meV], [..., start, channel]."""

    direct: Float[np.ndarray, "*system direct channel"]
    """To start from as they are."""
    far: Float[np.ndarray, "*system far channel"]
    """To start from after plain iterations."""
    broken: Complex[np.ndarray, "*system broken channel"]
    """With phases."""


def starts_of(sc: Superconductor) -> Starts:
    """Starts for one system or for a batch of them."""
    size, own = _sizes(sc)
    real, broken = _shapes(sc.lam.shape[-1])
    return Starts(
        np.concatenate([0.3 * size * real, own * real], axis=-2),
        size * real,
        np.concatenate([size * broken, own * broken], axis=-2),
    )


def _sizes(sc: Superconductor) -> tuple[Float[np.ndarray, "*system 1 1"], Float[np.ndarray, "*system 1 channel"]]:
    """Amplitudes [meV] that the largest eigenvalue of the couplings suggests, and every channel by itself."""
    if isinstance(sc, Lattice):
        size, alone = (np.asarray(found) for found in (sizes_of_many if np.ndim(sc.lam) > 2 else sizes_on_lattice)(sc))
        return size[..., None, None], alone[..., None, :]
    weight = pair_weights(len(sc.bands), len(sc.cross), sc.convention)
    lam, Omega = np.asarray(_strengths(sc)) * weight, np.asarray(sc.Omega)[..., None, None]
    largest = np.max(np.abs(np.linalg.eigvals(lam)), axis=-1)[..., None, None]
    size = Omega / np.sinh(1 / np.clip(largest, 0.08, 3.0))
    own = Omega / np.sinh(1 / np.clip(np.abs(np.diagonal(lam, axis1=-2, axis2=-1))[..., None, :], 0.15, 3.0))
    return size, own


@program
def _strengths(sc: Superconductor) -> Float[Array, "*system channel channel"]:
    return sc.strengths[0] if sc.lam.ndim == 2 else jax.vmap(lambda one: one.strengths[0])(sc)


@lru_cache
def _shapes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(real, complex) relative amplitudes, norm 1 in the largest: signs or phases times which channel dominates."""
    # At most 16 sign patterns: all of them for up to five channels, else evenly spread ones.
    patterns = np.unique(np.linspace(0, 2 ** (n - 1) - 1, min(2 ** (n - 1), 16)).astype(int))
    signs = 1.0 - 2.0 * ((patterns[:, None] >> np.arange(n)) & 1)
    weights = np.concatenate([np.ones((1, n)), np.where(np.eye(n) > 0, 1.0, 0.25)])
    real = (signs[:, None] * weights[None]).reshape(-1, n)
    # Phases from an additive recurrence with irrational steps: even in every number of dimensions, without a seed.
    steps = np.modf(1 / _harmonious(n) ** np.arange(1, n + 1))[0]
    phases = 2 * np.pi * np.modf(np.arange(1, 4 * (n + 1) + 1)[:, None] * steps)[0]
    return real, np.exp(1j * phases) * np.resize(weights, (len(phases), n))


def _harmonious(n: int) -> float:
    """The root of x^(n+1) = x + 1, whose powers are badly approximable together."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (n + 1))
    return x
