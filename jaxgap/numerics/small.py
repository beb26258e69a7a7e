r"""Linear algebra of small matrices in the open: linear systems, singular values and vectors, eigenvalues.

Every function is of one matrix; under `jax.vmap` its operations are those of all matrices. A library call per matrix is what a
batch waits for on a CPU (and two chains of such calls in one program may wait for each other, `jaxgap.numerics.programs`); on a
GPU general eigenvalues even go to the host. What is larger than `LARGEST` is left to the library.

Singular values come by one-sided rotations of pairs of columns (Jacobi; all disjoint pairs at once, in the order of a
tournament), those of a symmetric matrix S by the same of S + |S|, general eigenvalues by the shifted QR iteration (Francis,
with the shifts of Wilkinson) of a Hessenberg matrix. All are backward stable: errors are some eps |A|.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float, Inexact, Int

from jaxgap.numerics.cutting import cut

__all__ = [
    "ELIMINATED",
    "LARGEST",
    "eigenvalues",
    "eliminated",
    "openly_solved",
    "right_vectors",
    "rotation",
    "smallest_singular_value",
    "solved",
    "symmetric_eigenvectors",
]

LARGEST = 16
"""Complex amplitudes of eight channels, in real unknowns. Beyond, the compiler pays more for open code than calls cost."""
ELIMINATED = 4
"""Linear systems up to this size are eliminated scalar by scalar: 1024 at once take a quarter of LAPACK's time or less on the
CPU (`benchmarks/kernels.py`)."""
SWEEPS = 6
"""Sweeps of rotations of up to four columns; each at least squares the angles that are left. Of more columns twice that."""
ITERATIONS = 30
"""Limit of QR steps per eigenvalue, which two or three find."""
UNUSUAL = 10
"""Every so many steps the shift is another one, should the usual ones go in circles."""

Matrix = Inexact[Array, "n n"]
Pairs = tuple[Float[Array, "row pair"], Float[Array, "row pair"]]


# === linear systems


def solved(A: Matrix, b: Inexact[Array, "n"]) -> Inexact[Array, "n"]:
    """A^-1 b, the quickest way: on a CPU larger systems are LAPACK's."""
    return jnp.linalg.solve(A, b) if len(A) > ELIMINATED and not cut().gpu else openly_solved(A, b)


def openly_solved(A: Matrix, b: Inexact[Array, "n *column"]) -> Inexact[Array, "n *column"]:
    """A^-1 b, of one column or of several, without a library on any device."""
    n = len(A)
    if n > LARGEST:
        return jnp.linalg.solve(A, b)
    if n <= ELIMINATED and b.ndim == 1:
        return _scalar_by_scalar(A, b)
    # Derivatives are those of the solution, not of the elimination.
    found: Array = jax.lax.custom_linear_solve(
        lambda x: _product(A, x), b, lambda _, b: _eliminated(A, b), lambda _, b: _eliminated(A.T, b)
    )
    return found


def _product(A: Matrix, x: Inexact[Array, "n *column"]) -> Inexact[Array, "n *column"]:
    return jnp.sum(A.reshape(*A.shape, *[1] * (x.ndim - 1)) * x[None], axis=1)


def _scalar_by_scalar(A: Matrix, b: Inexact[Array, "n"]) -> Inexact[Array, "n"]:
    """Gauss elimination with the largest pivot of every column, on scalars: batched, these are long vectors."""
    n = len(b)
    rows = [[*A[i], b[i]] for i in range(n)]
    for k in range(n):
        for i in range(k + 1, n):
            swapped = jnp.abs(rows[i][k]) > jnp.abs(rows[k][k])
            up, low = rows[k], rows[i]
            rows[k] = [jnp.where(swapped, b, a) for a, b in zip(up, low, strict=True)]
            rows[i] = [jnp.where(swapped, a, b) for a, b in zip(up, low, strict=True)]
        for i in range(k + 1, n):
            factor = rows[i][k] / rows[k][k]
            rows[i] = [b - factor * a for a, b in zip(rows[k], rows[i], strict=True)]
    x: list[Inexact[Array, ""]] = []
    for k in reversed(range(n)):
        known = sum(row * x_j for row, x_j in zip(rows[k][k + 1 : n], x, strict=True))
        x.insert(0, (rows[k][n] - known) / rows[k][k])
    return jnp.stack(x)


def _eliminated(A: Matrix, b: Inexact[Array, "n *column"]) -> Inexact[Array, "n *column"]:
    """Gauss-Jordan elimination; rows stay where they are, and the pivot of a column is the largest that has not been one."""
    n = len(A)
    rows = jnp.concatenate([A, b.reshape(n, -1)], axis=1)
    free, order = jnp.ones(n, bool), []
    for k in range(n):
        size = jnp.where(free, jnp.abs(rows[:, k]), -1.0)
        chosen = jnp.arange(n) == jnp.argmax(size)
        pivot = jnp.sum(jnp.where(chosen[:, None], rows, 0.0), axis=0)
        pivot = pivot / pivot[k]
        rows = jnp.where(chosen[:, None], pivot, rows - rows[:, k, None] * pivot)
        free &= ~chosen
        order.append(chosen)
    x = jnp.stack([jnp.sum(jnp.where(chosen[:, None], rows[:, n:], 0.0), axis=0) for chosen in order])
    return x.reshape(b.shape)


def eliminated(A: Matrix, b: Inexact[Array, "n"]) -> Inexact[Array, "n"]:
    """A^-1 b of a matrix of any size without a library: a loop over columns, so that programs do not grow with it."""
    found: Array = jax.lax.custom_linear_solve(
        lambda x: _product(A, x), b, lambda _, b: _column_by_column(A, b), lambda _, b: _column_by_column(A.T, b)
    )
    return found


def _column_by_column(A: Matrix, b: Inexact[Array, "n"]) -> Inexact[Array, "n"]:
    """As `_eliminated`, in a loop."""
    n = len(A)

    def column(k: Int[Array, ""], now: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        rows, free, place = now
        chosen = jnp.arange(n) == jnp.argmax(jnp.where(free, jnp.abs(rows[:, k]), -1.0))
        pivot = jnp.sum(jnp.where(chosen[:, None], rows, 0.0), axis=0)
        pivot = pivot / pivot[k]
        rows = jnp.where(chosen[:, None], pivot, rows - rows[:, k, None] * pivot)
        return rows, free & ~chosen, jnp.where(chosen, k, place)

    start = jnp.concatenate([A, b[:, None]], axis=1), jnp.ones(n, bool), jnp.zeros(n, int)
    rows, _, place = jax.lax.fori_loop(0, n, column, start)
    return jnp.zeros_like(rows[:, n]).at[place].set(rows[:, n])


# === singular values, symmetric matrices


def smallest_singular_value(J: Float[Array, "n n"]) -> Float[Array, ""]:
    """sigma_min(J), NaN if J is not finite."""
    finite = jnp.isfinite(J).all()
    if len(J) == 1:
        return jnp.where(finite, jnp.abs(J[0, 0]), jnp.nan)
    J = jnp.where(finite, J, 0.0)
    if len(J) > LARGEST:
        smallest = jnp.linalg.svd(J, compute_uv=False)[-1]
    else:
        columns = _orthogonal(J, len(J))
        smallest = jnp.sqrt(jnp.min(jnp.sum(columns * columns, axis=0)))
    return jnp.where(finite, smallest, jnp.nan)


def right_vectors(M: Float[Array, "n n"]) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    """(singular values, falling, and the right singular vectors, as columns) of a finite matrix. No derivatives."""
    n = len(M)
    if n > LARGEST:
        _, s, rows = jnp.linalg.svd(M)
        return s, rows.T
    both = _orthogonal(jnp.concatenate([M, jnp.eye(n)]), n)
    s = jnp.sqrt(jnp.sum(both[:n] ** 2, axis=0))
    # The place of every column: how many are longer, or as long and before it.
    before = (s[:, None] > s) | ((s[:, None] == s) & (jnp.arange(n)[:, None] < jnp.arange(n)))
    places = jnp.sum(before, axis=0)[:, None] == jnp.arange(n)
    return jnp.sum(jnp.where(places, s[:, None], 0.0), axis=0), jnp.sum(jnp.where(places, both[n:, :, None], 0.0), axis=1)


def symmetric_eigenvectors(S: Float[Array, "n n"]) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    """(eigenvalues, rising, and eigenvectors, as columns) of a symmetric matrix. No derivatives."""
    size = jnp.sqrt(jnp.sum(S * S))
    s, vectors = right_vectors(S + size * jnp.eye(len(S)))
    return s[::-1] - size, vectors[:, ::-1]


def rotation(u: Float[Array, "row *pair"], v: Float[Array, "row *pair"]) -> tuple[Float[Array, "*pair"], Float[Array, "*pair"]]:
    """(cosine, tangent) of the smaller angle by which c (u - t v) and c (v + t u) are orthogonal."""
    overlap, apart = jnp.sum(u * v, axis=0), jnp.sum(v * v - u * u, axis=0) / 2
    t = overlap / jnp.where(overlap == 0, 1.0, apart + jnp.where(apart < 0, -1.0, 1.0) * jnp.hypot(apart, overlap))
    return 1 / jnp.sqrt(1 + t * t), t


def _orthogonal(M: Float[Array, "row n"], count: int) -> Float[Array, "row n"]:
    """M times the rotation that makes its columns, of which the first `count` rows matter, orthogonal."""
    n = M.shape[1]
    half = (n + 1) // 2
    padded = jnp.pad(M, ((0, 0), (0, 2 * half - n)))

    def round_of(_: Int[Array, ""] | int, pairs: Pairs) -> Pairs:
        one, other = pairs
        c, t = rotation(one[:count], other[:count])
        one, other = c * (one - t * other), c * (other + t * one)
        if half == 1:
            return one, other
        # All but the first move on by one place.
        return (
            jnp.concatenate([one[:, :1], other[:, :1], one[:, 1:-1]], axis=1),
            jnp.concatenate([other[:, 1:], one[:, -1:]], axis=1),
        )

    sweeps = SWEEPS if n <= ELIMINATED else 2 * SWEEPS
    pairs = jax.lax.fori_loop(0, sweeps * (2 * half - 1), round_of, (padded[:, :half], padded[:, half:]))
    return jnp.concatenate(pairs, axis=1)[:, :n]


# === eigenvalues of any matrix


def eigenvalues(A: Matrix) -> Complex[Array, "n"]:
    """All eigenvalues, in no order; NaN if A is not finite. No derivatives."""
    n = len(A)
    if n > LARGEST:
        return jnp.linalg.eigvals(A)
    finite = jnp.isfinite(A).all()
    H = _hessenberg(jnp.where(finite, A, 0.0)).astype(complex)

    def going(state: tuple[Matrix, Int[Array, ""]]) -> Array:
        H, steps = state
        return (_last_coupled(H) > 0) & (steps < ITERATIONS * n)

    def step(state: tuple[Matrix, Int[Array, ""]]) -> tuple[Matrix, Int[Array, ""]]:
        H, steps = state
        return _qr_step(H, _last_coupled(H), steps % UNUSUAL == UNUSUAL - 1), steps + 1

    H, _ = jax.lax.while_loop(going, step, (H, jnp.zeros((), int)))
    return jnp.where(finite, jnp.diagonal(H), jnp.nan)


def _hessenberg(A: Matrix) -> Matrix:
    """A matrix with the same eigenvalues and nothing below its first subdiagonal, by reflections."""
    n = len(A)
    for k in range(n - 2):
        x = jnp.where(jnp.arange(n) > k, A[:, k], 0.0)
        size = jnp.sqrt(jnp.sum(jnp.real(x * jnp.conj(x))))
        head = jnp.abs(x[k + 1])
        v = x.at[k + 1].add(jnp.where(head > 0, x[k + 1] / jnp.where(head > 0, head, 1.0), 1.0) * size)
        square = jnp.sum(jnp.real(v * jnp.conj(v)))
        v = v * jnp.sqrt(2 / jnp.where(square > 0, square, 1.0))
        A = A - v[:, None] * jnp.sum(jnp.conj(v)[:, None] * A, axis=0)
        A = A - jnp.sum(A * v, axis=1)[:, None] * jnp.conj(v)
    return A


def _last_coupled(H: Matrix) -> Int[Array, ""]:
    """The last row whose element below the diagonal is not negligible; 0: the matrix is triangular."""
    size = jnp.abs(jnp.diagonal(H))
    coupled = jnp.abs(jnp.diagonal(H, -1)) > jnp.finfo(float).eps * (size[1:] + size[:-1])
    return jnp.max(jnp.where(coupled, jnp.arange(1, len(H)), 0), initial=0)


def _qr_step(H: Complex[Array, "n n"], last: Int[Array, ""], unusual: Array) -> Complex[Array, "n n"]:
    """H - s = Q R, then R Q + s, of the rows and columns up to `last`."""
    n = len(H)
    shift = jnp.where(unusual, H[last, last] + jnp.abs(H[last, last - 1]), _wilkinson(H, last))
    inside = jnp.arange(n) <= last
    H = H - jnp.diag(jnp.where(inside, shift, 0.0))
    turns = []
    for k in range(n - 1):
        x, y = H[k, k], H[k + 1, k]
        size = jnp.sqrt(jnp.real(x * jnp.conj(x) + y * jnp.conj(y)))
        acts = (k < last) & (size > 0)
        c, s = (jnp.where(acts, part / jnp.where(acts, size, 1.0), rest) for part, rest in ((x, 1.0), (y, 0.0)))
        upper, lower = jnp.conj(c) * H[k] + jnp.conj(s) * H[k + 1], c * H[k + 1] - s * H[k]
        H = H.at[k].set(upper).at[k + 1].set(lower)
        turns.append((c, s))
    for k, (c, s) in enumerate(turns):
        left, right = c * H[:, k] + s * H[:, k + 1], jnp.conj(c) * H[:, k + 1] - jnp.conj(s) * H[:, k]
        H = H.at[:, k].set(left).at[:, k + 1].set(right)
    return H + jnp.diag(jnp.where(inside, shift, 0.0))


def _wilkinson(H: Complex[Array, "n n"], last: Int[Array, ""]) -> Complex[Array, ""]:
    """The eigenvalue of the last 2 x 2 that is nearer to its last element."""
    a, b, c, d = H[last - 1, last - 1], H[last - 1, last], H[last, last - 1], H[last, last]
    half = (a - d) / 2
    root = jnp.sqrt(half * half + b * c)
    root = jnp.where(jnp.real(jnp.conj(half) * root) < 0, -root, root)
    far = half + root
    return d - jnp.where(far == 0, 0.0, b * c / jnp.where(far == 0, 1.0, far))
