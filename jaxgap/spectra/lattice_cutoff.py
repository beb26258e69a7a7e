r"""A smooth cutoff of the attraction in several orbitals: it acts in the energies of bands, on each of both electrons.

.. math:: D(k) = S \Bigl[ \sum_c \Delta_c B_c(k) \Bigr] S, \qquad S = \sqrt{\chi(h(k) - \mu)}, \qquad
          \chi(\zeta) = \frac{\sinh(\Omega / s)}{\cosh(\zeta / s) + \cosh(\Omega / s)}

which is `jaxgap.model.forms.Smooth`: of one orbital phi(k) chi(xi), and between bands Delta_nm sqrt(chi_n chi_m), a smooth form
of the shells of bands that pair across where both are inside. S commutes with h, and has first and second derivatives by Taylor
series about frozen eigenvectors (`spectra.bogoliubov`). With u = zeta / s, w = Omega / s, f = sqrt(chi) has

.. math:: f' = -\frac{m}{2} f, \qquad f'' = \Bigl( \frac{m^2}{4} - \frac{m'}{2} \Bigr) f, \qquad
          m = \tfrac12 \Bigl[ \tanh\frac{u + w}{2} + \tanh\frac{u - w}{2} \Bigr]

and divided differences that are means of these where arguments are close (Hermite and Genocchi), quotients elsewhere.
"""

from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.forms import Smooth
from jaxgap.numerics.jacobi import eigenvectors
from jaxgap.spectra.bogoliubov import function_of

__all__ = ["root_of_cutoff", "root_without_derivatives"]

CLOSE = 0.5
"""Distance of arguments, in units of s, below which divided differences are means: f is analytic within pi of the real axis."""
NODES = 8
LARGEST = 600.0
"""Exponent beyond which sqrt(chi) is nothing."""

X = Float[Array, "*#k"]
U, WEIGHT = (part / 2 for part in np.polynomial.legendre.leggauss(NODES))
U = U + 0.5
SECOND, THIRD = U[:, None] + 0 * U, (1 - U[:, None]) * U
"""Shares of the second and third of three points, in the triangle whose shares add up to 1."""
IN_TRIANGLE = WEIGHT[:, None] * (1 - U[:, None]) * WEIGHT


def root_of_cutoff(cutoff: Smooth, h: Inexact[Array, "node n n"]) -> Inexact[Array, "node n n"]:
    """S at all nodes, of h - mu [meV]; with first and second derivatives, NaN for a third."""
    w = cutoff.Omega / cutoff.width
    return function_of(h / cutoff.width, partial(_root, w=w), partial(_first, w=w), partial(_second, w=w))


def root_without_derivatives(cutoff: Smooth, h: Float[Array, "2 n n node"]) -> Inexact[Array, "n n node"]:
    """The same with real and imaginary parts apart, and nodes last."""
    E, W = eigenvectors(h)
    vectors = W[0] + 1j * W[1]
    return jnp.einsum("acx,cx,bcx->abx", vectors, _root(E / cutoff.width, cutoff.Omega / cutoff.width), jnp.conj(vectors))


def _root(u: X, w: Float[Array, ""]) -> X:
    """f, without overflow."""
    size = jnp.abs(u)
    rise = jnp.exp(jnp.minimum(size - w, LARGEST)) * (1 + jnp.exp(-2 * size))
    return jnp.sqrt((1 - jnp.exp(-2 * w)) / (rise + 1 + jnp.exp(-2 * w)))


def _slope(u: X, w: Float[Array, ""]) -> X:
    """f'."""
    return -(jnp.tanh((u + w) / 2) + jnp.tanh((u - w) / 2)) / 4 * _root(u, w)


def _bend(u: X, w: Float[Array, ""]) -> X:
    """f''."""
    above, below = jnp.tanh((u + w) / 2), jnp.tanh((u - w) / 2)
    return ((above + below) ** 2 / 16 - (2 - above**2 - below**2) / 8) * _root(u, w)


def _first(x: X, y: X, w: Float[Array, ""]) -> X:
    """f[x, y]."""
    apart = y - x
    close = jnp.abs(apart) < CLOSE
    within = jnp.where(close, apart, 0.0)[..., None] * U
    mean = jnp.sum(_slope(jnp.asarray(x)[..., None] + within, w) * WEIGHT, axis=-1)
    return jnp.where(close, mean, (_root(y, w) - _root(x, w)) / jnp.where(close, 1.0, apart))


def _second(x: X, y: X, z: X, w: Float[Array, ""]) -> X:
    """f[x, y, z]."""
    low, middle, high = jnp.sort(jnp.stack(jnp.broadcast_arrays(x, y, z)), axis=0)
    close = high - low < CLOSE
    up, far = (jnp.where(close, end - low, 0.0)[..., None, None] for end in (middle, high))
    mean = jnp.sum(_bend(low[..., None, None] + up * SECOND + far * THIRD, w) * IN_TRIANGLE, axis=(-2, -1))
    quotient = (_first(middle, high, w) - _first(low, middle, w)) / jnp.where(close, 1.0, high - low)
    return jnp.where(close, mean, quotient)
