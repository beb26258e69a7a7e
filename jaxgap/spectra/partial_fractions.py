r"""Sums over k of Green's functions of parabolic bands, in closed form: partial fractions in kappa.

.. math:: \int_a^b d\kappa \, \rho(\kappa) \frac{N(\kappa)}{Q(\kappa)} = \sum_j \frac{N(r_j)}{Q'(r_j)} \, J(r_j), \qquad
          J(r) = \int_a^b d\kappa \frac{\rho(\kappa)}{\kappa - r}

.. math:: J = \ln \frac{b - r}{a - r} \;(2D), \qquad 2 (\sqrt b - \sqrt a)
          + \sqrt r \left[ \ln \frac{\sqrt b - \sqrt r}{\sqrt a - \sqrt r} - \ln \frac{\sqrt b + \sqrt r}{\sqrt a + \sqrt r}
          \right] \;(3D)

Of two cross-paired bands Q is a quartic. At z = omega + i Gamma two of its roots lie above the real axis and two below it, and
either two may come together (at an extremum of a branch; where branches touch; everywhere, if they are one): then the sum over
single roots is a difference of two infinities. So Q stays a product U D of two quadratics,

.. math:: \frac NQ = \frac{A_U}{U} + \frac{A_D}{D}, \quad A_U = N D^{-1} \;\mathrm{mod}\; U, \qquad
          U = (\kappa - c)^2 - h^2,

which is well conditioned off the real axis, and so are the integrals that are left, even functions of h:

.. math:: \int_a^b \frac{\alpha (\kappa - c) + \gamma}{U} d\kappa = \alpha \frac{J_+ + J_-}{2} + \gamma \frac{J_+ - J_-}{2h},
          \qquad J_\pm = J(c \pm h)

In 3D kappa = t^2, and U is the product of one such quadratic in t and the same in -t.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.numerics.types import Scalar
from jaxgap.spectra.pair import abs2, safe_sqrt

__all__ = ["Linear", "Quadratic", "RationalFunctions", "cauchy", "integrals", "over_quadratic"]

Number = Complex[Array, ""]


def reciprocal(x: Complex[Array, "*s"]) -> Complex[Array, "*s"]:
    """1 / x without the care for overflow that XLA's division takes: a sixth of the operations to compile."""
    over = 1 / abs2(x)
    return jax.lax.complex(x.real * over, -x.imag * over)


class Linear(NamedTuple):
    """alpha (x - c) + gamma: what a polynomial is modulo a `Quadratic`, which has the c."""

    alpha: Inexact[Array, "*both"]
    gamma: Inexact[Array, "*both"]

    def plus(self, one: "Linear", factor: Inexact[Array, ""] | float = 1.0) -> "Linear":
        """self + factor one."""
        return Linear(self.alpha + factor * one.alpha, self.gamma + factor * one.gamma)

    def times(self, factor: Inexact[Array, ""] | float) -> "Linear":
        """factor self."""
        return Linear(factor * self.alpha, factor * self.gamma)

    def shifted(self, number: Inexact[Array, ""]) -> "Linear":
        """self + number."""
        return Linear(self.alpha, self.gamma + number)


class Quadratic(NamedTuple):
    """(x - c)^2 - h^2, with the arithmetic of polynomials modulo it: (x - c)^2 = h^2."""

    c: Complex[Array, "*both"]
    h2: Complex[Array, "*both"]

    def product(self, one: Linear, two: Linear) -> Linear:
        """Of two polynomials."""
        return Linear(one.alpha * two.gamma + one.gamma * two.alpha, one.gamma * two.gamma + one.alpha * two.alpha * self.h2)

    def inverse(self, one: Linear) -> Linear:
        """What times `one` is 1: its conjugate over its norm."""
        over_norm = reciprocal(one.gamma**2 - one.alpha**2 * self.h2)
        return Linear(-one.alpha * over_norm, one.gamma * over_norm)

    def of(self, other: "Quadratic") -> Linear:
        """Another quadratic, modulo this one."""
        apart = self.c - other.c
        return Linear(2 * apart, self.h2 - other.h2 + apart**2)


class RationalFunctions(eqx.Module):
    """N / Q with one monic quartic Q and several N, of degree three at most: an abstract class.

    Polynomials are told modulo a quadratic: close to its roots no large powers of kappa cancel in them.
    """

    @abstractmethod
    def quartic(self, U: Quadratic) -> Linear:
        """Q modulo U."""

    @abstractmethod
    def numerators(self, U: Quadratic) -> Sequence[Linear]:
        """Every N modulo U."""


def integrals(
    a: Scalar, b: Scalar, functions: RationalFunctions, roots: Complex[Array, "4"], dimension: int
) -> tuple[Number, ...]:
    r"""\int_a^b d\kappa \rho N / Q of every N, with the roots of Q, two on either side of the real axis."""
    both = factors(functions, jax.lax.stop_gradient(roots))

    def part(one: Quadratic, other: Quadratic) -> list[Number]:
        mean, quotient = over_quadratic(a, b, one, dimension)
        inverse = one.inverse(one.of(other))
        terms = [one.product(N, inverse) for N in functions.numerators(one)]
        return [alpha * mean + gamma * quotient for alpha, gamma in terms]

    return tuple(jnp.sum(terms) for terms in jax.vmap(part)(both, _exchanged(both)))


# --- the factors of a quartic -------------------------------------------------------------------------------------------

Factors = Quadratic
"""U and D of the monic quartic U D: arrays of two."""


def _exchanged(both: Factors) -> Factors:
    return Quadratic(both.c[::-1], both.h2[::-1])


STEPS = 2
"""Of Newton's method: roots that are double up to rounding are known to the root of that only, their factor is not."""


@jax.custom_jvp
def factors(functions: RationalFunctions, roots: Complex[Array, "4"]) -> Factors:
    """U has the two upper roots, D the two lower ones. Differentiated as factors of Q, whatever the roots."""
    own = jnp.stack([_upper(roots), ~_upper(roots)])
    c = jnp.sum(jnp.where(own, roots, 0.0), axis=1) / 2
    start = Quadratic(c, jnp.sum(jnp.where(own, (roots - c[:, None]) ** 2, 0.0), axis=1) / 2)
    return jax.lax.fori_loop(0, STEPS, lambda _, both: _improved(functions, both), start)


def _upper(roots: Complex[Array, "4"]) -> Bool[Array, "4"]:
    """Which two of four have the larger imaginary parts; of equal ones the first."""
    height, place = roots.imag, np.arange(4)
    before = (height[:, None] < height) | ((height[:, None] == height) & (place[:, None] > place))
    return jnp.sum(before, axis=1) < 2


def _improved(functions: RationalFunctions, both: Factors) -> Factors:
    """One step of Newton's method on Q = U D."""
    x = _changes(both, jax.vmap(functions.quartic)(both))
    return Quadratic(both.c - x.alpha / 2, both.h2 - x.gamma + x.alpha**2 / 4)


def _changes(both: Factors, residues: Linear) -> Linear:
    """dU and dD of dU D + U dD = dQ, which is told modulo U and modulo D: hence dU = dQ D^-1 modulo U."""
    return jax.vmap(lambda one, other, dQ: one.product(dQ, one.inverse(one.of(other))))(both, _exchanged(both), residues)


@factors.defjvp
def _factors_jvp(primals: tuple[Any, Any], tangents: tuple[Any, Any]) -> tuple[Factors, Factors]:
    both = factors(*primals)
    _, residues = jax.jvp(lambda functions: jax.vmap(functions.quartic)(both), primals[:1], tangents[:1])
    x = _changes(both, residues)
    # U + dU = (x - c)^2 - h^2 + alpha (x - c) + gamma.
    return both, Quadratic(-x.alpha / 2, -x.gamma)


# --- the integrals of single terms --------------------------------------------------------------------------------------


def cauchy(
    a: Float[Array, "*#root"], b: Float[Array, "*#root"], r: Complex[Array, "*#root"], dimension: int
) -> Complex[Array, "*root"]:
    """J(r)."""
    if dimension == 2:
        return _log_ratio(b - r, a - r)
    root, lo, hi = jnp.sqrt(r), safe_sqrt(a), safe_sqrt(b)
    return 2 * (hi - lo) + root * (_log_ratio(hi - root, lo - root) - _log_ratio(hi + root, lo + root))


def _log_ratio(x: Complex[Array, "*#s"], y: Complex[Array, "*#s"]) -> Complex[Array, "*s"]:
    """ln(x / y), the principal value, in real arithmetic."""
    ratio = x * jnp.conj(y)
    return jax.lax.complex(jnp.log(abs2(x) / abs2(y)) / 2, jnp.arctan2(ratio.imag, ratio.real))


def over_quadratic(a: Scalar, b: Scalar, U: Quadratic, dimension: int) -> tuple[Number, Number]:
    r"""\int d\kappa \rho (\kappa - c) / U and \int d\kappa \rho / U from a to b."""
    if dimension == 2:
        return _flat(a, b, U)
    # U(t^2) = V(t) V(-t), V = (t - c')^2 - h'^2 with the roots' square roots that have positive real parts: q is their
    # product, 2 t^2 / U = (t / V(t) - t / V(-t)) / 2c', and the integral over V(-t) is one over -t.
    q = _beside(U.c, jnp.sqrt(U.c**2 - U.h2))
    c = jnp.sqrt((U.c + q) / 2)
    over = reciprocal(2 * c)
    V, lo, hi = Quadratic(c, U.h2 * over**2), safe_sqrt(a), safe_sqrt(b)
    mean, quotient = (x + y for x, y in zip(_flat(lo, hi, V), _flat(-hi, -lo, V), strict=True))
    return 2 * (hi - lo) + c * mean + V.h2 * quotient, mean * over + quotient / 2


def _beside(c: Number, q: Number) -> Number:
    """+-q, the product of square roots with positive real parts of two numbers on one side of the real axis, whose mean is c:
    it lies on c's side of the line through 0 that is at right angles to it."""
    return jnp.where((q * jnp.conj(c)).real < 0, -q, q)


CLOSE = 0.1
"""Roots are close if |h^2| is less than a tenth of the square of the mean's distance from the ends."""
GAUSS = 9
"""Nodes between close roots: the nearest pole is at u = 0.1^(-1/2), where Gauss' rule leaves some 10^(-2n), rounding."""


@jax.custom_jvp
def _flat(a: Scalar, b: Scalar, U: Quadratic) -> tuple[Number, Number]:
    """(J+ + J-) / 2 and (J+ - J-) / 2h for rho = 1."""
    h = jnp.sqrt(U.h2)
    one, two = (cauchy(a, b, r, 2) for r in (U.c + h, U.c - h))
    close = _close(a, b, U)
    quotient = jnp.where(close, _between(a, b, U, close, 0), (one - two) / 2 * reciprocal(jnp.where(close, 1.0, h)))
    return (one + two) / 2, quotient


@_flat.defjvp
def _flat_jvp(
    primals: tuple[Scalar, Scalar, Quadratic], tangents: tuple[Any, Any, Any]
) -> tuple[tuple[Number, Number], tuple[Number, Number]]:
    r"""Of J' = 1/(a - r) - 1/(b - r): with M_y = (y - c) / U(y) and Q_y = 1 / U(y) at both ends y

    .. math:: dM = (M_a - M_b) dc + (Q_a - Q_b) \tfrac12 dh^2 + M_b db - M_a da, \quad
              dQ = (Q_a - Q_b) dc + \frac{M_a - M_b - Q}{2 h^2} dh^2 + Q_b db - Q_a da
    """
    (a, b, U), (da, db, dU) = primals, tangents
    mean, quotient = _flat(a, b, U)
    Q_a, Q_b = (reciprocal((y - U.c) ** 2 - U.h2) for y in (a, b))
    M_a, M_b = (a - U.c) * Q_a, (b - U.c) * Q_b
    close = _close(a, b, U)
    apart = (M_a - M_b - quotient) / 2 * reciprocal(jnp.where(close, 1.0, U.h2))
    slope = jnp.where(close, _between(a, b, U, close, 1), apart)
    d_mean = (M_a - M_b) * dU.c + (Q_a - Q_b) / 2 * dU.h2 + M_b * db - M_a * da
    d_quotient = (Q_a - Q_b) * dU.c + slope * dU.h2 + Q_b * db - Q_a * da
    return (mean, quotient), (d_mean, d_quotient)


def _close(a: Scalar, b: Scalar, U: Quadratic) -> Bool[Array, ""]:
    return abs2(U.h2) < (CLOSE * jnp.minimum(abs2(U.c - a), abs2(U.c - b))) ** 2


def _between(a: Scalar, b: Scalar, U: Quadratic, close: Bool[Array, ""], order: int) -> Number:
    r"""(J+ - J-) / 2h of close roots, or its derivative with respect to h^2: \int_0^1 du of dJ/dr at c + hu, made even."""
    x, weight = np.polynomial.legendre.leggauss(GAUSS)
    u2 = ((x + 1) / 2) ** 2

    def at(y: Scalar) -> Number:
        apart = jnp.where(close, y - U.c, 1.0)
        over = reciprocal(apart**2 - jnp.where(close, U.h2, 0.0) * u2)
        return apart * (over ** (order + 1) @ (u2**order * weight / 2))

    return at(a) - at(b)
