r"""Matsubara frequencies on a compressed grid, and sums over all of them that are exact in the kernel.

.. math:: \omega_n = (2n + 1) \pi k_B T, \qquad \nu_n = 2 n \pi k_B T, \qquad
          \lambda(\nu) = \sum_q \lambda_q \frac{\omega_q^2}{\omega_q^2 + \nu^2}

What depends on omega_n is known at few nodes: the first frequencies, then a few in every panel [a, 2a) of n. Between them it is
a polynomial in 1/omega (it is analytic there: self-energies of phonons are series in 1/omega far above them), so that a sum
over ALL frequencies up to N is exact in the kernel, and a matrix:

.. math:: \sum_{m=0}^{N-1} [\lambda(\nu_{n-m}) \pm \lambda(\nu_{n+m+1})] f(\omega_m)
          = \sum_k A^{\pm}_{nk} f(\omega_k), \qquad
          A^{\pm} = \left[ \lambda(\nu_{n-m}) \pm \lambda(\nu_{n+m+1}) \right] L

with the matrix L of the interpolation, which is one block for every panel: 8192 frequencies need some 130 nodes. (The
equations: Marsiglio and Carbotte in The Physics of Superconductors, Springer (2003), Sec. 3; the grid is jaxgap's.) What is
instantaneous, a Coulomb repulsion or a BCS coupling with a cutoff, is one more row: sum_m theta(omega_c - omega_m)
f(omega_m), in which the last frequency counts by the share of its cell [2 pi T n, 2 pi T (n + 1)] that is below omega_c: a
sharp step would make T_c a staircase in omega_c.
"""

import functools
import itertools
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Real

from jaxgap.units import k_B

__all__ = ["Kernels", "Mesh", "Panel", "frequencies", "kernels", "mesh", "phonon_propagator"]

FIRST = 12
"""Frequencies from the lowest on that are nodes each."""
DEGREE = 12
"""Nodes in every panel: Delta(i omega_0) is then good to 4e-10."""


class Panel(NamedTuple):
    """Some frequencies in a row, and the nodes among them."""

    first: int
    end: int
    """The frequencies are `first` to `end` - 1."""
    L: Float[np.ndarray, "frequency node"] | None
    """Their block of L; None where all are nodes."""


class Mesh(NamedTuple):
    """Nodes among the first N Matsubara frequencies; of NumPy, part of a program's structure."""

    n: Int[np.ndarray, "node"]
    """Their indices."""
    L: Float[np.ndarray, "all node"]
    """f(omega_m) = sum_k L[m, k] f(omega_k) for all m < N."""
    panels: tuple[Panel, ...]
    """The blocks that L consists of: a frequency is between the nodes of its own panel only."""

    @property
    def N(self) -> int:
        """How many frequencies there are."""
        return len(self.L)

    def onto_nodes(self, terms: Callable[[int, int], Float[Array, "*row some"]]) -> Float[Array, "*row node"]:
        """sum_m of `terms`, whose values of m = first .. end - 1 are `terms(first, end)`, as a matrix on the nodes."""
        parts = []
        for panel in self.panels:
            values = terms(panel.first, panel.end)
            parts.append(values if panel.L is None else values @ jnp.asarray(panel.L))
        return jnp.concatenate(parts, axis=-1)


class Kernels(NamedTuple):
    """Sums over all frequencies as matrices on the nodes, of every form of spectrum with lambda = 1, times pi k_B T."""

    omega: Float[Array, "row"]
    """omega_n [meV] where sums are made: at the nodes."""
    odd: Float[Array, "spectrum row node"]
    """pi k_B T [lambda(n-m) - lambda(n+m+1)] L: makes W of what is odd in omega."""
    even: Float[Array, "spectrum row node"]
    """pi k_B T [lambda(n-m) + lambda(n+m+1)] L: makes Phi of what is even."""
    instant: Float[Array, "node"]
    """2 pi k_B T theta(omega_c - omega_m) L: what an instantaneous interaction sums."""
    tail: Float[Array, "spectrum row"]
    """pi k_B T sum over m >= N of the kernel of W, for omega_m / R_m = 1 there: exact to O(Delta^2 / omega_N^2)."""
    normal: Float[Array, "spectrum row"]
    """The same sum over all m in the normal state: W - omega."""


def frequencies(n: Real[np.ndarray, "node"], T: Float[Array, ""]) -> Float[Array, "node"]:
    """omega_n [meV]."""
    return T * (jnp.pi * k_B) * (2 * n + 1)


@functools.lru_cache(maxsize=64)
def mesh(N: int, first: int = FIRST, degree: int = DEGREE) -> Mesh:
    """The grid of N frequencies: the `first` ones, then `degree` integers near Chebyshev's nodes in 1/omega per panel."""
    start, bounds = min(first, N), [0]
    while start < N:
        bounds.append(start)
        start = min(2 * start, N)
    bounds.append(N)
    nodes: list[int] = []
    panels: list[Panel] = []
    L = np.zeros((N, first + degree * N.bit_length()))
    for begin, end in itertools.pairwise(bounds):
        m = np.arange(begin, end)
        chosen = m if begin == 0 else _chosen(m, degree)
        block = None if len(chosen) == len(m) else _interpolation(1 / (m + 0.5), 1 / (chosen + 0.5))
        L[begin:end, len(nodes) : len(nodes) + len(chosen)] = np.eye(len(m)) if block is None else block
        nodes += list(chosen)
        panels.append(Panel(begin, end, block))
    return Mesh(np.array(nodes), L[:, : len(nodes)], tuple(panels))


def _chosen(m: Int[np.ndarray, "all"], degree: int) -> Int[np.ndarray, "node"]:
    """The integers of a panel that are nearest to Chebyshev's nodes in 1/omega."""
    if len(m) <= degree:
        return m
    low, high = 1 / (m[-1] + 0.5), 1 / (m[0] + 0.5)
    u = (low + high) / 2 + (high - low) / 2 * np.cos(np.pi * (np.arange(degree) + 0.5) / degree)
    return np.unique(np.clip(np.round(1 / u - 0.5).astype(int), m[0], m[-1]))


def _interpolation(u: Float[np.ndarray, "all"], nodes: Float[np.ndarray, "node"]) -> Float[np.ndarray, "all node"]:
    """The polynomials of Lagrange through the nodes at u, by the barycentric formula, which rounding does not touch."""
    # Distances as shares of the panel: the products of twelve would underflow.
    x, knots = ((values - nodes.min()) / np.ptp(u) for values in (u, nodes))
    weights = np.array([1 / np.prod(knot - np.delete(knots, j)) for j, knot in enumerate(knots)])
    away = x[:, None] - knots
    hit = away == 0
    parts = weights / np.where(hit, 1.0, away)
    return np.where(hit.any(axis=1, keepdims=True), hit, parts / parts.sum(axis=1, keepdims=True))


def phonon_propagator(
    omega_q: Float[Array, "mode"], weight: Float[Array, "spectrum mode"], T: Float[Array, ""], n: Int[np.ndarray, "*n"]
) -> Float[Array, "spectrum *n"]:
    """sum_q weight_q omega_q^2 / (omega_q^2 + nu_n^2) at bosonic frequencies."""
    nu = (2 * jnp.pi * k_B * T) * n
    square = omega_q**2
    return jnp.tensordot(weight, square / (square + nu[..., None] ** 2), (1, -1))


def kernels(
    grid: Mesh,
    omega_q: Float[Array, "mode"],
    weight: Float[Array, "spectrum mode"],
    omega_c: Float[Array, ""],
    T: Float[Array, ""],
    rows: Int[np.ndarray, "row"] | None = None,
) -> Kernels:
    """All sums over frequencies at the temperature T, of spectra with the modes omega_q [meV] and a cutoff omega_c [meV]: what
    is made at the nodes, or at other frequencies, `rows` below N, of what is known at the nodes."""
    n, m, N = grid.n if rows is None else rows, np.arange(grid.N), grid.N
    step = jnp.pi * k_B * T
    u = phonon_propagator(omega_q, weight, T, np.arange(2 * N))

    def summed(sign: int) -> Float[Array, "spectrum row node"]:
        """Of one of both only, where only that is asked for: the other is not made then."""
        # Of an array of its own each: terms that both gather go through memory, ten times slower than within the sum's loop.
        apart, together, v = np.abs(n[:, None] - m), n[:, None] + m + 1, sign * step * u
        return grid.onto_nodes(lambda i, j: sign * v[:, apart[:, i:j]] + v[:, together[:, i:j]])

    sums = jnp.concatenate([jnp.zeros_like(u[:, :1]), jnp.cumsum(u, axis=1)], axis=1)
    return Kernels(
        omega=frequencies(n, T),
        odd=summed(-1),
        even=summed(1),
        instant=2 * step * grid.onto_nodes(lambda i, j: cell_share(omega_c, T, m[i:j])),
        tail=step * (sums[:, N + n + 1] - sums[:, N - n]),
        normal=step * (2 * sums[:, n + 1] - u[:, :1]),
    )


def cell_share(omega_c: Float[Array, ""], T: Float[Array, ""], m: Int[np.ndarray, "m"]) -> Float[Array, "m"]:
    """theta(omega_c - omega_m): the share of the cell [2 pi T m, 2 pi T (m + 1)] that is below omega_c."""
    return jnp.clip(omega_c / (2 * jnp.pi * k_B * T) - m, 0.0, 1.0)
