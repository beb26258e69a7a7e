r"""The local Green's function of cross-paired bands: the integral over kappa in closed form, for any number of bands.

.. math:: M(\kappa) = \begin{pmatrix} i W - X - \zeta & -\Phi \\ -\Phi^T & i W + X + \zeta \end{pmatrix}
          = M_0 - \kappa M_1, \qquad M_1 = \mathrm{diag}(1/m, -1/m), \qquad K = M_1^{-1} M_0

with zeta_i = kappa / m_i - mu_i; W and X real and symmetric, Phi Hermitian. Eigenvalues k_s of K come in conjugate pairs, and

.. math:: \int_a^b d\kappa \, M^{-1} = R \, \mathrm{diag}[\log(k_s - a) - \log(k_s - b)] \, R^{-1} M_1^{-1}, \qquad
          \int_{-\infty}^{\infty} d\kappa \, M^{-1} = -i \pi \, \mathrm{sgn}(\mathrm{Im} K) \, M_1^{-1}

The sign squares to 1, which is Eilenberger's normalisation. Nothing is factorised: distances and masses enter through K only.
g = integral of the upper left block, f = minus that of the upper right one, for rho = 1 (2D).

Of two bands the sign is a polynomial in K (`_sign_of_four`); of more it is found by Newton's iteration S -> (S + S^-1)/2
(Higham, Functions of Matrices, SIAM (2008), Ch. 5). Neither needs eigenvectors, which do not exist where k_1 = k_2. Elements
come last, so that a batch is long vectors and no library is called.
"""

from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

__all__ = [
    "Local",
    "imaginary_sign",
    "inverse_in_the_open",
    "local_green_function",
    "local_matrix",
    "shell_green_function",
    "sign_at_any_energy",
]

STEPS = 14
"""Of Newton for the sign of more than two bands; all but the last `UNSCALED` are scaled by (|S^-1| / |S|)^(1/2)."""
UNSCALED = 5
"""Newton's own steps, which square the error; each also doubles the digits of derivatives (Kenney and Laub 1991)."""
LONG = 24
"""The same near the real axis."""
CUBIC = 3
"""Newton steps at the end of the trigonometric root of the cubic, through which derivatives go: after k of them those of order
2^k - 1 are exact."""
ROUNDING, TINY = 16 * np.finfo(float).eps, np.finfo(float).tiny
"""Of coefficients of the cubic, which moves its root by that over its slope there."""

Blocks: TypeAlias = Inexact[Array, "row column *element"]
"""A matrix whose axes come first."""


class Local(NamedTuple):
    """Normal and anomalous local Green's functions of one frequency, or of many in the last axes."""

    g: Complex[Array, "band band *element"]
    f: Complex[Array, "band band *element"]


def local_green_function(
    W: Float[Array, "band band *element"],
    X: Float[Array, "band band *element"],
    Phi: Inexact[Array, "band band *element"],
    mu: Float[Array, "band"],
    mass: Float[Array, "band"],
) -> Local:
    """g and f of bands without edges: kappa from -infinity to infinity, 2D."""
    K = local_matrix(W, X, Phi, mu, mass)
    d = jnp.concatenate([mass, -mass])
    return _parts(-1j * jnp.pi * imaginary_sign(K) * d.reshape(1, -1, *[1] * (W.ndim - 2)))


def local_matrix(
    W: Inexact[Array, "band band *element"],
    X: Inexact[Array, "band band *element"],
    Phi: Inexact[Array, "band band *element"],
    mu: Float[Array, "band"],
    mass: Float[Array, "band"],
) -> Complex[Array, "particle_and_hole particle_and_hole *element"]:
    """K, with kappa counted from the mean kappa_F: that changes no integral over all kappa, and keeps digits. At an energy z
    instead of i omega W is -i z."""
    centred = mu - jnp.mean(mass * mu) / mass
    d = jnp.concatenate([mass, -mass])
    return d.reshape(-1, 1, *[1] * (W.ndim - 2)) * _matrix(W, X, Phi, centred)


def shell_green_function(
    W: Float[Array, "band band"],
    X: Float[Array, "band band"],
    Phi: Inexact[Array, "band band"],
    mu: Float[Array, "band"],
    mass: Float[Array, "band"],
    edges: tuple[Float[Array, ""], Float[Array, ""]],
) -> Local:
    """g and f with kappa between two edges [meV], 2D. By eigenvectors of the library (CPU only, and none at exceptional
    points): with it weak coupling is compared with `jaxgap.solve`, nothing is solved."""
    d = jnp.concatenate([mass, -mass])
    k, R = jnp.linalg.eig(d[:, None] * _matrix(W, X, Phi, mu))
    logs = jnp.log(k - edges[0]) - jnp.log(k - edges[1])
    return _parts((R * logs) @ jnp.linalg.inv(R) * d)


def _matrix(
    W: Blocks, X: Blocks, Phi: Blocks, mu: Float[Array, "band"]
) -> Inexact[Array, "particle_and_hole particle_and_hole *element"]:
    """M_0: M at kappa = 0."""
    energy = jnp.diag(-mu).reshape(*W.shape[:2], *[1] * (W.ndim - 2))
    upper = jnp.concatenate([1j * W - X - energy, -Phi], axis=1)
    return jnp.concatenate([upper, jnp.concatenate([-jnp.swapaxes(Phi, 0, 1), 1j * W + X + energy], axis=1)])


def _parts(G: Blocks) -> Local:
    n = len(G) // 2
    return Local(G[:n, :n], -G[:n, n:])


# --- matrices with their elements last ----------------------------------------------------------------------------------


def imaginary_sign(K: Blocks) -> Blocks:
    """sgn Im K: +1 on eigenvectors whose eigenvalues have positive imaginary parts, -1 on the others. Differentiable."""
    if len(K) == 2:
        return _sign_of_two(K)
    return _sign_of_four(K) if len(K) == 4 else _newton_sign(-1j * K)


def _sign_of_two(K: Blocks) -> Blocks:
    """Of one band: K, counted from its mean eigenvalue, squares to a number."""
    one = jnp.eye(2).reshape(2, 2, *[1] * (K.ndim - 2))
    K = K - jnp.trace(K) / 2 * one
    return -1j * K / jnp.sqrt(K[0, 0] * K[1, 1] - K[0, 1] * K[1, 0])


def _sign_of_four(K: Blocks) -> Blocks:
    r"""Of two bands, in closed form. The characteristic polynomial of K, counted from its mean eigenvalue, is real,

    .. math:: k^4 + c_2 k^2 + c_1 k + c_0 = (k^2 - i \sigma k + q)(k^2 + i \sigma k + q^*), \qquad
              \sigma = \mathrm{Im}(k_1 + k_2)

    with the eigenvalues k_1, k_2 above the axis in the first factor: there k^2 + Re q = i (sigma k - Im q), below with the
    other sign. So sgn Im K = -i (K^2 + Re q) (sigma K - Im q)^-1, and the inverse is a polynomial (Cayley and Hamilton).
    """
    one = jnp.eye(4).reshape(4, 4, *[1] * (K.ndim - 2))
    K = K - jnp.trace(K) / 4 * one
    square = _product(K, K)
    t2, t3, t4 = (jnp.real(jnp.sum(jnp.swapaxes(A, 0, 1) * B, axis=(0, 1))) for A, B in ((K, K), (square, K), (square, square)))
    c2, c1, c0 = -t2 / 2, -t3 / 3, t2**2 / 8 - t4 / 4
    y = _largest_root(-2 * c2, c2**2 - 4 * c0, c1**2)
    real, t = (c2 - y) / 2, -c1 / (2 * y)  # Re q, and Im q / sigma
    p = (t**2 + real) ** 2  # The polynomial at t.
    inverse = _product(K, square + t * K + (t**2 + c2) * one) + (t**3 + c2 * t + c1) * one
    return 1j / (jnp.sqrt(y) * p) * _product(square + real * one, inverse)


def _largest_root(
    a: Float[Array, "*element"], b: Float[Array, "*element"], c: Float[Array, "*element"]
) -> Float[Array, "*element"]:
    """The largest root of y^3 + a y^2 + b y + c, of which all are real and the largest is simple: (Im k_1 + Im k_2)^2, before
    (Im k_1 - Im k_2)^2 and -(Re k_1 - Re k_2)^2."""
    x, z, w = jax.lax.stop_gradient((a, b, c))
    Q, R = x**2 / 9 - z / 3, x**3 / 27 - x * z / 6 + w / 2
    root = jnp.sqrt(jnp.maximum(Q, 0.0))
    ratio = jnp.clip(-R / jnp.where(root > 0, root, 1.0) ** 3, -1.0, 1.0)
    y = 2 * root * jnp.cos(jnp.arccos(ratio) / 3) - x / 3
    for _ in range(CUBIC):
        y = y - (((y + a) * y + b) * y + c) / ((3 * y + 2 * a) * y + b)
    return y


def sign_at_any_energy(K: Blocks) -> Blocks:
    """sgn Im K where the eigenvalues are no conjugate pairs: at energies off the imaginary axis. Differentiable. Of more than
    two bands it takes as many steps as eigenvalues with |Im k| = 1e-4 |k| need."""
    if len(K) == 2:
        return _sign_of_two(K)
    return _sign_of_any_four(K) if len(K) == 4 else _newton_sign(-1j * K, LONG)


def _sign_of_any_four(K: Blocks) -> Blocks:
    r"""`_sign_of_four` where the characteristic polynomial is complex,

    .. math:: k^4 + c_2 k^2 + c_1 k + c_0 = (k^2 - \sigma k + q)(k^2 + \sigma k + q'), \qquad \sigma = k_1 + k_2

    so that sgn Im K = (K^2 + (q + q')/2) (sigma K - (q - q')/2)^-1.
    """
    one = jnp.eye(4).reshape(4, 4, *[1] * (K.ndim - 2))
    K = K - jnp.trace(K) / 4 * one
    square = _product(K, K)
    t2, t3, t4 = (jnp.sum(jnp.swapaxes(A, 0, 1) * B, axis=(0, 1)) for A, B in ((K, K), (square, K), (square, square)))
    c2, c1, c0 = -t2 / 2, -t3 / 3, t2**2 / 8 - t4 / 4
    y = _highest_root(2 * c2, c2**2 - 4 * c0, -(c1**2))
    sigma = jnp.sqrt(y)
    sigma = jnp.where(jnp.imag(sigma) < 0, -sigma, sigma)
    t = c1 / (2 * y)
    p = ((t**2 + c2) * t + c1) * t + c0  # The polynomial at t.
    inverse = _product(K, square + t * K + (t**2 + c2) * one) + (t**3 + c2 * t + c1) * one
    return -1 / (sigma * p) * _product(square + (c2 + y) / 2 * one, inverse)


def _highest_root(
    a: Complex[Array, "*element"], b: Complex[Array, "*element"], c: Complex[Array, "*element"]
) -> Complex[Array, "*element"]:
    """(k_1 + k_2)^2 among the roots (k_1 + k_i)^2 of y^3 + a y^2 + b y + c, by Cardano's formula: as k_1 and k_2 alone lie
    above the axis and all sum up to 0, its |Im sqrt(y)| is the largest. The other two may coincide, up to rounding, which is
    not to count."""
    A, B, C = jax.lax.stop_gradient((a, b, c))
    P, Q = B - A**2 / 3, 2 * A**3 / 27 - A * B / 3 + C
    root = jnp.sqrt(Q**2 / 4 + P**3 / 27)
    cube = -Q / 2 + jnp.where(jnp.real(jnp.conj(Q) * root) > 0, -root, root)
    first = jnp.where(cube == 0, 1.0, cube) ** (1 / 3)
    u = jnp.stack([turn * first for turn in np.exp(2j * np.pi * np.arange(3) / 3)])
    y = jnp.where(cube == 0, 0.0, u - P / (3 * u)) - A / 3
    sigma, slope = jnp.sqrt(y), jnp.abs((3 * y + 2 * A) * y + B)
    size = jnp.abs(A) + jnp.sqrt(jnp.abs(B)) + jnp.abs(C) ** (1 / 3)
    height = jnp.abs(jnp.imag(sigma)) - ROUNDING * size**3 / jnp.maximum(slope * jnp.abs(sigma), TINY)
    highest = jnp.where(height[1] > height[0], y[1], y[0])
    y = jnp.where(height[2] > jnp.maximum(height[0], height[1]), y[2], highest)
    for _ in range(CUBIC):
        y = y - (((y + a) * y + b) * y + c) / ((3 * y + 2 * a) * y + b)
    return y


def _newton_sign(A: Blocks, steps: int = STEPS) -> Blocks:
    """sgn A, for eigenvalues off the imaginary axis."""

    def step(S: Blocks, scaled: Bool[Array, ""]) -> tuple[Blocks, None]:
        inverse = inverse_in_the_open(S)
        scale = jnp.where(scaled, jax.lax.stop_gradient(jnp.sqrt(_size(inverse) / _size(S))), 1.0)
        return (scale * S + inverse / scale) / 2, None

    return jax.lax.scan(step, A, jnp.arange(steps) < steps - UNSCALED)[0]


def _size(A: Blocks) -> Float[Array, "*element"]:
    return jnp.sqrt(jnp.sum(jnp.real(A) ** 2 + jnp.imag(A) ** 2, axis=(0, 1)))


def _product(A: Blocks, B: Inexact[Array, "column other *element"]) -> Inexact[Array, "row other *element"]:
    return jnp.sum(A[:, :, None] * B[None], axis=1)


def inverse_in_the_open(A: Blocks) -> Blocks:
    """A^-1 by blocks of halves (Schur's complement), arithmetic of elements only; upper left blocks must not be singular."""
    n = len(A)
    if n == 1:
        return 1 / A
    h = n // 2
    P, Q, R, S = A[:h, :h], A[:h, h:], A[h:, :h], A[h:, h:]
    left = inverse_in_the_open(P)
    RP, PQ = _product(R, left), _product(left, Q)
    rest = inverse_in_the_open(S - _product(RP, Q))
    upper, lower = -_product(PQ, rest), -_product(rest, RP)
    return jnp.concatenate(
        [jnp.concatenate([left - _product(upper, RP), upper], axis=1), jnp.concatenate([lower, rest], axis=1)]
    )
