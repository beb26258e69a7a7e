r"""Singular values and eigenvalues of many small matrices at once, elements last, by rotations of pairs of columns (Jacobi).

.. math:: A = U S V^\dagger, \qquad H = W \,\mathrm{diag}(l)\, W^\dagger

Columns are rotated until all are orthogonal, which takes no library and no division by what may vanish: A V = U S, and
H + s = (H + s) W W^+ with a shift s that makes H positive. Errors are some eps |A|; singular values keep their relative
precision where A has it. Complex numbers are real parts and imaginary ones, on a leading axis: XLA's complex loops are not
vectorised.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from jaxgap.numerics.programs import barrier

__all__ = ["eigenvectors", "singular_vectors"]

OPEN = 4
"""Matrices up to this size are rotated pair by pair; of larger ones all disjoint pairs at once, which is quicker to compile."""
SWEEPS = {1: 0, 2: 2, 3: 5, 4: 5}
"""That reach rounding; each at least squares the angles that are left."""
MORE_SWEEPS = 8
"""Of larger matrices."""
SHIFT = 2.0
"""In units of |H|: the shifted matrix has a condition of at most 3."""

Columns = Float[Array, "part row column *k"]
Column = tuple[Float[Array, "row *k"], ...]
"""Real part and, of complex ones, imaginary part."""


def singular_vectors(A: Float[Array, "2 n n *k"]) -> tuple[Columns, Float[Array, "n *k"], Columns]:
    """(U, s, V) with A = U diag(s) V^+, in no order. A column of U that belongs to s = 0 is zero. No derivatives."""
    n = A.shape[1]
    one = jnp.stack([jnp.eye(n), jnp.zeros((n, n))]).reshape(2, n, n, *[1] * (A.ndim - 3))
    both = _orthogonal(jnp.concatenate([A, jnp.broadcast_to(one, A.shape)], axis=1), n)
    columns, V = both[:, :n], both[:, n:]
    s = jnp.sqrt(jnp.sum(columns * columns, axis=(0, 1)))
    return columns / jnp.where(s > 0, s, 1.0), s, V


def eigenvectors(H: Float[Array, "part n n *k"]) -> tuple[Float[Array, "n *k"], Columns]:
    """(l, W) of Hermitian matrices, of symmetric ones if there is one part, in no order. No derivatives."""
    n = H.shape[1]
    shift = SHIFT * jnp.sqrt(jnp.sum(H * H, axis=(0, 1, 2)))
    one = jnp.eye(n).reshape(n, n, *[1] * (H.ndim - 3))
    columns = _orthogonal(H.at[0].add(shift * one), n)
    size = jnp.sqrt(jnp.sum(columns * columns, axis=(0, 1)))
    return size - shift, columns / jnp.where(size > 0, size, 1.0)


def _orthogonal(M: Columns, count: int) -> Columns:
    """M times the rotation that makes its columns orthogonal, of which the first `count` rows matter."""
    n = M.shape[2]
    sweeps, parts = SWEEPS.get(n, MORE_SWEEPS), tuple(M)
    if n <= OPEN:
        columns = tuple(tuple(part[:, j] for part in parts) for j in range(n))
        found = jax.lax.fori_loop(0, sweeps, partial(_pair_by_pair, count), columns)
        return jnp.stack([jnp.stack(part, axis=1) for part in zip(*found, strict=True)])
    half = (n + 1) // 2
    # An odd number of columns has one of zeros beside it.
    padded = [jnp.concatenate([part, jnp.zeros_like(part[:, : 2 * half - n])], axis=1) for part in parts]
    pairs = tuple(part[:, :half] for part in padded), tuple(part[:, half:] for part in padded)
    pairs = jax.lax.fori_loop(0, sweeps * (2 * half - 1), partial(_all_pairs, count), pairs)
    # After whole sweeps every column is in its place again.
    return jnp.stack([jnp.concatenate(part, axis=1)[:, :n] for part in zip(*pairs, strict=True)])


def _pair_by_pair(count: int, _: Int[Array, ""] | int, columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """One sweep."""
    found = list(columns)
    for p in range(len(found)):
        for q in range(p + 1, len(found)):
            found[p], found[q] = _rotated(found[p], found[q], count)
    return tuple(found)


def _all_pairs(count: int, _: Int[Array, ""] | int, pairs: tuple[Column, Column]) -> tuple[Column, Column]:
    """One round of a tournament: all but the first column then move on by one place."""
    one, other = _rotated(*pairs, count)
    both = list(zip(one, other, strict=True))
    return (
        tuple(jnp.concatenate([a[:, :1], b[:, :1], a[:, 1:-1]], axis=1) for a, b in both),
        tuple(jnp.concatenate([b[:, 1:], a[:, -1:]], axis=1) for a, b in both),
    )


def _rotated(a: Column, b: Column, count: int) -> tuple[Column, Column]:
    r"""c a - s e^{-i\phi} b and c e^{-i\phi} b + s a, orthogonal, by the smaller of the angles.

    Real parts and imaginary ones by themselves, and what multiplies them found once: half the time of arrays of both.
    """

    def inner(u: Column, v: Column) -> Float[Array, "*k"]:
        return jnp.sum(sum((x[:count] * y[:count] for x, y in zip(u, v, strict=True)), jnp.zeros(())), axis=0)

    half_apart, overlap = (inner(b, b) - inner(a, a)) / 2, inner(a, b)
    if len(a) == 1:
        (x,), (y,) = a, b
        c, s = barrier(_angle(half_apart, overlap))
        return (c * x - s * y,), (c * y + s * x,)
    (x, x_i), (y, y_i) = a, b
    turned = inner((x,), (y_i,)) - inner((x_i,), (y,))
    size = jnp.sqrt(overlap * overlap + turned * turned)
    per_size = 1 / jnp.where(size > 0, size, 1.0)
    c, s = _angle(half_apart, size)
    cosine, sine = jnp.where(size > 0, overlap * per_size, 1.0), turned * per_size
    c, s, c_c, c_s, s_c, s_s = barrier((c, s, c * cosine, c * sine, s * cosine, s * sine))
    return (
        (c * x - s_c * y - s_s * y_i, c * x_i - s_c * y_i + s_s * y),
        (c_c * y + c_s * y_i + s * x, c_c * y_i - c_s * y + s * x_i),
    )


def _angle(half_apart: Float[Array, "*k"], overlap: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], Float[Array, "*k"]]:
    """(cosine, sine)."""
    reach = jnp.abs(half_apart) + jnp.sqrt(half_apart * half_apart + overlap * overlap)
    t = jnp.where(half_apart < 0, -1.0, 1.0) * overlap / jnp.where(reach > 0, reach, 1.0)
    c = 1 / jnp.sqrt(1 + t * t)
    return c, c * t
