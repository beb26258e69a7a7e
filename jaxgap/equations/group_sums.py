r"""P and its derivatives of clusters of three or more bands, without derivatives of eigenvectors.

Real amplitudes: A = \zeta + i \Delta = U S V^+ has the energies E_b = S_b >= 0, and with s_c = U^+ B_c V, p_c = U^+ B_c U,
q_c = V^+ B_c V (any singular value decomposition, degenerate or not)

.. math:: P_c = \tfrac12 \sum_k {\rm Im\,tr}\, B_c U t(S) V^\dagger, \qquad
          \frac{\partial P_c}{\partial x_{c'}} = \tfrac12 \sum_k \sum_{ij} \left\{
          t[E_i, E_j] \,{\rm Re}\, K^{++}_{c,ij} K^{++*}_{c',ij}
          + t[E_i, -E_j] \,{\rm Re}\, K^{+-}_{c,ij} K^{+-*}_{c',ij} \right\}

.. math:: K^{++} = \tfrac{i}{2} (s - s^\dagger), \; K^{+-} = \tfrac{i}{2} (s + s^\dagger) \text{ for real parts}, \qquad
          K^{++} = \tfrac12 (p - q), \; K^{+-} = -\tfrac12 (p + q) \text{ for imaginary ones}

Both are Hermitian up to a sign: i <= j is enough. Complex amplitudes: the same with the eigenvectors of the whole matrix H and
K_c = W^+ (dH/dx_c) W, \partial P = \tfrac14 \sum t[l_a, l_b] K_c K_{c'}^*. Derivatives of both are those of
`spectra.several_bands`; here Newton spends its time. On a CPU systems come one by one, with their nodes as lanes, so that all
matrices of one stay in cache; on a GPU all together.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.equations.nodes import Group
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.hyperbolic import tanh_difference
from jaxgap.numerics.jacobi import eigenvectors, singular_vectors
from jaxgap.spectra.shells import gap_matrix

__all__ = ["Block", "group_densities", "matrix_densities"]

Block = Literal["none", "amplitudes", "phases"]
"""What is asked for besides P: dP/dx, or at real amplitudes the block of imaginary parts."""

IN_CACHE = 400_000
"""Bytes of the matrices K of nodes that are treated at once, or they don't stay in cache: of three bands with complex
amplitudes 112 nodes take 5.6 us each, 336 together 9.5 us."""

Vectors = Float[Array, "2 band column node"]
Nodes = tuple[Float[Array, "band node"], Float[Array, "node"], Bool[Array, "band node"]]
"""zeta, weights, and which bands are inside their shells, of one system."""
Pairs = tuple[tuple[int, int], ...]
Found = tuple[Float[Array, "x"], Float[Array, "x x"]]
Hermitian = list[Float[Array, "_ _ node"]]
"""A matrix of every channel and node: for every row i the real parts of its entries j >= i, and the imaginary parts of those
j > i."""
Roots = list[Float[Array, "_ node"]]
"""Of weights, in the same places."""
Forms = Float[Array, "_ node"] | None
"""phi_c at the nodes; None is 1."""


def group_densities(
    group: Group, x: Float[Array, "x element"], kT: Float[Array, "element"], block: Block
) -> tuple[Float[Array, "x element"], Float[Array, "x x element"]]:
    """(P, dP/dx) of the cluster's channels, real parts before imaginary ones; without a block the latter are of no use."""
    real = len(x) == len(group.pairs)
    of_one = partial(_of_real if real else _of_complex, group.pairs, block)
    nodes = group.z, group.at.weight, group.at.active
    if cut().gpu:
        P, dP = jax.vmap(of_one, in_axes=-1, out_axes=-1)(nodes, x, kT)
        return P, dP
    count = len(group.at.weight)
    levels = len(group.z) * (1 if real else 2)
    # Of every unknown a Hermitian matrix, of real amplitudes two.
    of_node = 8 * len(x) * levels * levels * (2 if real else 1)
    blocks = next(k for k in range(1, count + 1) if k == count or (count % k == 0 and count // k * of_node <= IN_CACHE))

    def of_element(nodes: Nodes, x: Float[Array, "x"], kT: Float[Array, ""]) -> Found:
        if blocks == 1:
            return of_one(nodes, x, kT)
        split = jax.tree.map(lambda leaf: jnp.moveaxis(leaf.reshape(*leaf.shape[:-1], blocks, -1), -2, 0), nodes)
        P, dP = jax.lax.map(lambda part: of_one(part, x, kT), split)
        return jnp.sum(P, axis=0), jnp.sum(dP, axis=0)

    first = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), (nodes, x, kT))
    found: Found = jax.lax.map(lambda one: of_element(*one), first)
    P, dP = jax.tree.map(lambda leaf: jnp.moveaxis(leaf, 0, -1), found)
    return P, dP


def _of_real(
    pairs: Pairs,
    block: Block,
    nodes: Nodes,
    x: Float[Array, "own"],
    kT: Float[Array, ""],
) -> Found:
    z, weight, active = nodes
    n = len(z)
    D = jnp.where(active[:, None] & active[None], gap_matrix(pairs, x)[:, :, None], 0.0)
    U, E, V = singular_vectors(jnp.stack([z[:, None] * jnp.eye(n)[:, :, None], D]))
    U, V = (jnp.where(active[:, None], one, 0.0) for one in (U, V))
    return _sums_of_real(pairs, block, (U, E, V), weight, kT, None)


def matrix_densities(
    pairs: Pairs,
    block: Block,
    h: Float[Array, "2 band band node"],
    forms: Float[Array, "own node"],
    weight: Float[Array, "node"],
    x: Float[Array, "x"],
    kT: Float[Array, ""],
    root: Inexact[Array, "band band node"] | None = None,
) -> Found:
    """(P, dP/dx) of channels B_c = form_c S (e_a e_b^T + e_b e_a^T) S where h is any Hermitian matrix with the symmetry of
    reversed time, real parts before imaginary ones; S, the root of a cutoff (`spectra.lattice_cutoff`), is 1 if it is None."""
    C, n = len(pairs), len(h[0])
    halves = [_gaps(pairs, n, half[:, None] * forms) for half in (x[:C], x[C:]) if len(half)]
    if len(halves) == 1:
        D, none = _within(root, halves[0])
        U, E, V = singular_vectors(jnp.stack([h[0] - none, h[1] + D]))
        return _sums_of_real(pairs, block, (_times_root(root, U), E, _times_root(root, V)), weight, kT, forms)
    (a, a_i), (b, b_i) = (_within(root, half) for half in halves)
    D, D_i, E_, E_i = a - b_i, a_i + b, a + b_i, a_i - b  # S (D_r + i D_i) S, and S (D_r - i D_i) S.
    real = jnp.concatenate([jnp.concatenate([h[0], D], axis=1), jnp.concatenate([E_, -h[0]], axis=1)])
    imag = jnp.concatenate([jnp.concatenate([h[1], D_i], axis=1), jnp.concatenate([E_i, -h[1]], axis=1)])
    E, W = eigenvectors(jnp.stack([real, imag]))
    u, v = (_times_root(root, half) for half in (W[:, :n], W[:, n:]))
    return _sums_of_complex(pairs, block, (E, u, v), weight, kT, forms)


def _within(root: Inexact[Array, "band band node"] | None, D: Float[Array, "band band node"]) -> tuple[Array, Array]:
    """(Real, imaginary part) of S D S."""
    if root is None:
        return D, jnp.zeros(())
    found = jnp.einsum("abx,bcx,cdx->adx", root, D, root)
    return found.real, found.imag


def _times_root(root: Inexact[Array, "band band node"] | None, vectors: Vectors) -> Vectors:
    """S on the vectors: it takes the place of B_c's, which then is between orbitals."""
    if root is None:
        return vectors
    found = jnp.einsum("abx,bcx->acx", root, vectors[0] + 1j * vectors[1])
    return jnp.stack([found.real, found.imag])


def _gaps(pairs: Pairs, n: int, Delta: Float[Array, "own node"]) -> Float[Array, "band band node"]:
    """The symmetric matrix of amplitudes; several channels may have the same bands."""
    rows = [[jnp.zeros_like(Delta[0])] * n for _ in range(n)]
    for (i, j), D in zip(pairs, Delta, strict=True):
        rows[i][j] = rows[i][j] + D
        rows[j][i] = rows[i][j]
    return jnp.stack([jnp.stack(row) for row in rows])


def _sums_of_real(
    pairs: Pairs,
    block: Block,
    found: tuple[Vectors, Float[Array, "column node"], Vectors],
    weight: Float[Array, "node"],
    kT: Float[Array, ""],
    forms: Forms,
) -> Found:
    """From the singular vectors of h + i D."""
    U, E, V = found
    # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
    weight = jnp.where((E > 0).all(axis=0), weight, 0.0)
    t = jnp.tanh(E / (2 * kT)) * weight
    kinds = _kinds(pairs)
    P = _in_order(kinds, jnp.concatenate([_densities(_turned, _pick(kind, pairs, forms), U, V, t) for kind in kinds]))
    if block == "none":
        return P, jnp.zeros((len(pairs), len(pairs)))
    same, opposite = (_roots(E / (2 * kT), sign * E / (2 * kT), weight / (2 * kT)) for sign in (1, -1))
    parts = _symmetric_parts if block == "amplitudes" else _imaginary_parts
    # Twice K+-, but for a factor i, and twice K++.
    K = [tuple(zip(parts(U, V, *_pick(kind, pairs, forms)), (opposite, same), strict=True)) for kind in kinds]
    return P, _ordered(kinds, _products(K)) / 8


def _kinds(pairs: Pairs) -> list[tuple[int, ...]]:
    """Channels of one band and those of two: what is done for all channels of a kind at once is compiled once."""
    kinds = [tuple(c for c, (i, j) in enumerate(pairs) if (i == j) == alone) for alone in (True, False)]
    return [kind for kind in kinds if kind]


def _pick(kind: tuple[int, ...], pairs: Pairs, forms: Forms) -> tuple[Pairs, Forms]:
    return tuple(pairs[c] for c in kind), None if forms is None else jnp.stack([forms[c] for c in kind])


def _in_order(kinds: list[tuple[int, ...]], found: Float[Array, "own *rest"]) -> Float[Array, "own *rest"]:
    """Channels as they come, of those that come kind by kind."""
    places = [c for kind in kinds for c in kind]
    return found if places == sorted(places) else jnp.stack([found[places.index(c)] for c in range(len(places))])


def _ordered(kinds: list[tuple[int, ...]], found: Float[Array, "own own"]) -> Float[Array, "own own"]:
    return _in_order(kinds, _in_order(kinds, found).T)


Sides = list[tuple[Float[Array, "channel 2 column node"], Float[Array, "channel 2 column node"]]]


def _sides(u: Vectors, v: Vectors, pairs: Pairs) -> Sides:
    """Of all channels what is left and right of B_c = e_a e_b^T, and of its transpose if a is not b. (By slices: on a CPU XLA's
    gather takes longer than all else.)"""
    orders = [pairs] if all(a == b for a, b in pairs) else [pairs, tuple((b, a) for a, b in pairs)]
    return [(jnp.stack([u[:, a] for a, _ in order]), jnp.stack([v[:, b] for _, b in order])) for order in orders]


def _densities(
    of: Callable[[Vectors, Vectors], Float[Array, "channel column node"]],
    channels: tuple[Pairs, Forms],
    u: Vectors,
    v: Vectors,
    t: Float[Array, "column node"],
) -> Float[Array, "channel"]:
    """Real or imaginary parts of tr B_c u t v^+ / 2, all of one kind."""
    pairs, forms = channels
    terms = sum((of(*side) for side in _sides(u, v, pairs)), jnp.zeros(()))
    return jnp.sum(terms * (t if forms is None else t * forms[:, None]), axis=(1, 2)) / 2


def _turned(u: Float[Array, "channel 2 column node"], v: Float[Array, "channel 2 column node"]) -> Array:
    """Im u v^*."""
    return u[:, 1] * v[:, 0] - u[:, 0] * v[:, 1]


def _straight(u: Float[Array, "channel 2 column node"], v: Float[Array, "channel 2 column node"]) -> Array:
    """Re u v^*."""
    return u[:, 0] * v[:, 0] + u[:, 1] * v[:, 1]


def _products(matrices: Sequence[Sequence[tuple[Hermitian, Roots]]]) -> Float[Array, "c c"]:
    """Sums over k and over all i and j of weight Re K_c,ij K_c',ij^*, over the matrices of all unknowns, kind by kind.

    With the root of the weight in each factor there is one array, not one with weights and one without.
    """
    K = [
        jnp.concatenate([row * root for one, roots in of_kind for row, root in zip(one, roots, strict=True)], axis=1)
        for of_kind in matrices
    ]
    flat = jnp.concatenate(K).reshape(sum(map(len, K)), -1)
    return flat @ flat.T


def _overlaps(u: Vectors, v: Vectors, pairs: Pairs) -> Iterator[tuple[Array, Array, Array, Array]]:
    """For every i real and imaginary parts of (u^+ B_c v)_ij, and of its ji, for j >= i, of all channels of a kind."""
    sides = _sides(u, v, pairs)

    def of(left: slice, right: slice) -> tuple[Array, Array]:
        terms = [(x[:, :, left], y[:, :, right]) for x, y in sides]
        real = sum((x[:, 0] * y[:, 0] + x[:, 1] * y[:, 1] for x, y in terms), jnp.zeros(()))
        return real, sum((x[:, 0] * y[:, 1] - x[:, 1] * y[:, 0] for x, y in terms), jnp.zeros(()))

    for i in range(u.shape[2]):
        one, others = slice(i, i + 1), slice(i, None)
        yield *of(one, others), *of(others, one)


def _symmetric_parts(u: Vectors, v: Vectors, pairs: Pairs, forms: Forms) -> tuple[Hermitian, Hermitian]:
    """s + s^+ and i (s - s^+) of s = phi_c u^+ B_c v."""
    plus, minus = [], []
    for r, t, r_T, t_T in _overlaps(u, v, pairs):
        plus += [r + r_T, (t - t_T)[:, 1:]]
        minus += [-(t + t_T), (r - r_T)[:, 1:]]
    return _times(forms, plus), _times(forms, minus)


def _imaginary_parts(U: Vectors, V: Vectors, pairs: Pairs, forms: Forms) -> tuple[Hermitian, Hermitian]:
    """p + q and p - q."""
    plus, minus = [], []
    for (p, p_i, *_), (q, q_i, *_) in zip(_overlaps(U, U, pairs), _overlaps(V, V, pairs), strict=True):
        plus += [p + q, (p_i + q_i)[:, 1:]]
        minus += [p - q, (p_i - q_i)[:, 1:]]
    return _times(forms, plus), _times(forms, minus)


def _times(forms: Forms, rows: Hermitian) -> Hermitian:
    return rows if forms is None else [forms[:, None] * row for row in rows]


def _of_complex(
    pairs: Pairs,
    block: Block,
    nodes: Nodes,
    x: Float[Array, "x"],
    kT: Float[Array, ""],
) -> Found:
    z, weight, active = nodes
    n, C = len(z), len(pairs)
    D, D_i = (jnp.where(active[:, None] & active[None], gap_matrix(pairs, half)[:, :, None], 0.0) for half in (x[:C], x[C:]))
    Z, none = z[:, None] * jnp.eye(n)[:, :, None], jnp.zeros_like(D)
    real = jnp.concatenate([jnp.concatenate([Z, D], axis=1), jnp.concatenate([D, -Z], axis=1)])
    imag = jnp.concatenate([jnp.concatenate([none, D_i], axis=1), jnp.concatenate([-D_i, none], axis=1)])
    E, W = eigenvectors(jnp.stack([real, imag]))
    u, v = (jnp.where(active[:, None], half, 0.0) for half in (W[:, :n], W[:, n:]))
    return _sums_of_complex(pairs, block, (E, u, v), weight, kT, None)


def _sums_of_complex(
    pairs: Pairs,
    block: Block,
    found: tuple[Float[Array, "column node"], Vectors, Vectors],
    weight: Float[Array, "node"],
    kT: Float[Array, ""],
    forms: Forms,
) -> Found:
    """From the eigenvectors of the whole matrix, upper halves and lower ones."""
    (E, u, v), C = found, len(pairs)
    weight = jnp.where((E != 0).all(axis=0), weight, 0.0)
    t = jnp.tanh(E / (2 * kT)) * weight
    kinds = _kinds(pairs)
    halves = [[_densities(of, _pick(kind, pairs, forms), u, v, t) for kind in kinds] for of in (_straight, _turned)]
    P = jnp.concatenate([_in_order(kinds, jnp.concatenate(half)) for half in halves])
    if block == "none":
        return P, jnp.zeros((2 * C, 2 * C))
    roots = _roots(E / (2 * kT), E / (2 * kT), weight / (2 * kT))
    # K of the real part of a channel is X + X^+, of the imaginary one i (X - X^+), with X = u^+ B_c v.
    K = [_symmetric_parts(u, v, *_pick(kind, pairs, forms)) for kind in kinds]
    found_K = _products([[(own[part], roots)] for part in (0, 1) for own in K])
    both = [*kinds, *(tuple(c + C for c in kind) for kind in kinds)]
    return P, _ordered(both, found_K) / 4


def _roots(x: Float[Array, "column node"], y: Float[Array, "column node"], weight: Float[Array, "node"]) -> Roots:
    """Roots of weight t[x_i, y_j], twice that unless i = j, in the places of `Hermitian`."""
    n = len(x)
    first = jnp.concatenate([jnp.broadcast_to(x[i], (n - i, x.shape[1])) for i in range(n)])
    twice = np.concatenate([[1.0, *[2.0] * (n - i - 1)] for i in range(n)])
    found = jnp.sqrt(
        tanh_difference(first, jnp.concatenate([y[i:] for i in range(n)])) * (jnp.asarray(twice)[:, None] * weight)
    )
    rows = jnp.split(found, np.cumsum(np.arange(n, 1, -1)))
    return [part for row in rows for part in (row, row[1:])]
