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

from functools import partial
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.equations.nodes import Group
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.hyperbolic import tanh_difference
from jaxgap.numerics.jacobi import eigenvectors, singular_vectors
from jaxgap.spectra.shells import gap_matrix

__all__ = ["Block", "group_densities"]

Block = Literal["none", "amplitudes", "phases"]
"""What is asked for besides P: dP/dx, or at real amplitudes the block of imaginary parts."""

AT_ONCE = 128
"""Nodes of complex amplitudes whose matrices stay in cache: of three bands 112 take 5.6 us each, 336 together 9.5 us."""

Vectors = Float[Array, "2 band column node"]
Nodes = tuple[Float[Array, "band node"], Float[Array, "node"], Bool[Array, "band node"]]
"""zeta, weights, and which bands are inside their shells, of one system."""
Pairs = tuple[tuple[int, int], ...]
Found = tuple[Float[Array, "x"], Float[Array, "x x"]]


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
    blocks = 1 if real else next(k for k in range(1, count + 1) if count % k == 0 and count // k <= AT_ONCE)

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
    n, C = len(z), len(pairs)
    D = jnp.where(active[:, None] & active[None], gap_matrix(pairs, x)[:, :, None], 0.0)
    U, E, V = singular_vectors(jnp.stack([z[:, None] * jnp.eye(n)[:, :, None], D]))
    # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
    weight = jnp.where((E > 0).all(axis=0), weight, 0.0)
    U, V = (jnp.where(active[:, None], one, 0.0) for one in (U, V))
    t = jnp.tanh(E / (2 * kT)) * weight
    P = jnp.stack([_turned(U[:, i], V[:, j], t) * (0.5 if i == j else 1.0) for i, j in pairs])
    if block == "none":
        return P, jnp.zeros((C, C))
    e, f, twice = _pairs_of_levels(E / (2 * kT), weight / (2 * kT))
    plus, minus = tanh_difference(e, f) * twice, tanh_difference(e, -f) * twice
    K = [(_real_parts if block == "amplitudes" else _imaginary_parts)(U, V, pair) for pair in pairs]
    K_plus, K_minus = (jnp.stack(part) for part in zip(*K, strict=True))
    return P, (_products(K_plus, plus) + _products(K_minus, minus)) / 8


def _turned(u: Float[Array, "2 column node"], v: Float[Array, "2 column node"], t: Float[Array, "column node"]) -> Array:
    """Im sum u t v^*."""
    return jnp.sum(t * (u[1] * v[0] - u[0] * v[1]))


def _products(K: Float[Array, "c part pair node"], weight: Float[Array, "pair node"]) -> Float[Array, "c c"]:
    rows = K.reshape(len(K), -1)
    return (K * weight).reshape(len(K), -1) @ rows.T


def _overlap(u: Vectors, v: Vectors, pair: tuple[int, int], turned: bool = False) -> tuple[Array, Array]:
    """Real and imaginary parts of (u^+ B_c v)_ij for i <= j, row by row; if `turned` of its ji. (By slices: XLA's gather on a
    CPU takes longer than all else.)"""
    a, b = pair
    orders = [(a, b)] if a == b else [(a, b), (b, a)]
    real, imag = [], []
    for i in range(u.shape[2]):
        left, right = (slice(i, None), slice(i, i + 1)) if turned else (slice(i, i + 1), slice(i, None))
        terms = [((u[0, k, left], u[1, k, left]), (v[0, m, right], v[1, m, right])) for k, m in orders]
        real.append(sum((x[0] * y[0] + x[1] * y[1] for x, y in terms), jnp.zeros(())))
        imag.append(sum((x[0] * y[1] - x[1] * y[0] for x, y in terms), jnp.zeros(())))
    return jnp.concatenate(real), jnp.concatenate(imag)


def _real_parts(U: Vectors, V: Vectors, pair: tuple[int, int]) -> tuple[Array, Array]:
    """Twice K++ and K+- of the real part of a channel."""
    (r, t), (r_T, t_T) = _overlap(U, V, pair), _overlap(U, V, pair, turned=True)
    return jnp.stack([t + t_T, r - r_T]), jnp.stack([t - t_T, r + r_T])


def _imaginary_parts(U: Vectors, V: Vectors, pair: tuple[int, int]) -> tuple[Array, Array]:
    """Twice K++ and K+- of the imaginary part of a channel."""
    (p, p_i), (q, q_i) = _overlap(U, U, pair), _overlap(V, V, pair)
    return jnp.stack([p - q, p_i - q_i]), jnp.stack([p + q, p_i + q_i])


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
    weight = jnp.where((E != 0).all(axis=0), weight, 0.0)
    u, v = (jnp.where(active[:, None], half, 0.0) for half in (W[:, :n], W[:, n:]))
    t = jnp.tanh(E / (2 * kT)) * weight
    P = jnp.stack([part for turned in (False, True) for part in _of_channels(pairs, u, v, t, turned)])
    if block == "none":
        return P, jnp.zeros((2 * C, 2 * C))
    e, f, twice = _pairs_of_levels(E / (2 * kT), weight / (2 * kT))
    # K of the real part of a channel is X + X^+, of the imaginary one i (X - X^+), with X = u^+ B_c v.
    K_real, K_imag = [], []
    for pair in pairs:
        imag_part, real_part = _real_parts(u, v, pair)
        K_real.append(real_part)
        K_imag.append(jnp.stack([imag_part[1], -imag_part[0]]))
    return P, _products(jnp.stack(K_real + K_imag), tanh_difference(e, f) * twice) / 4


def _of_channels(pairs: Pairs, u: Vectors, v: Vectors, t: Float[Array, "column node"], turned: bool) -> list[Float[Array, ""]]:
    """Real or imaginary parts of tr B_c u t v^+ / 2."""
    of = _turned if turned else _straight
    return [(of(u[:, i], v[:, j], t) + of(u[:, j], v[:, i], t)) * (0.25 if i == j else 0.5) for i, j in pairs]


def _straight(u: Float[Array, "2 column node"], v: Float[Array, "2 column node"], t: Float[Array, "column node"]) -> Array:
    """Re sum u t v^*."""
    return jnp.sum(t * (u[0] * v[0] + u[1] * v[1]))


def _pairs_of_levels(
    x: Float[Array, "column node"], weight: Float[Array, "node"]
) -> tuple[Float[Array, "pair node"], Float[Array, "pair node"], Float[Array, "pair node"]]:
    """(x_i, x_j, weight, twice that unless i = j) for i <= j, row by row."""
    n = len(x)
    first = jnp.concatenate([jnp.broadcast_to(x[i], (n - i, x.shape[1])) for i in range(n)])
    twice = np.concatenate([[1.0, *[2.0] * (n - i - 1)] for i in range(n)])
    return first, jnp.concatenate([x[i:] for i in range(n)]), jnp.asarray(twice)[:, None] * weight
