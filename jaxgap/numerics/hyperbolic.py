r"""tanh and its divided differences, with no 0/0 where arguments meet and no overflow where they are large.

.. math:: t[x, y] = \frac{t_x - t_y}{x - y} = s(x - y)\,(1 - t_x t_y), \qquad s(u) = \tanh(u) / u

.. math:: t[x, y, z] = (1 - t_x t_y)\, s[x - y, z - y] - t_y (1 - t_x t_z)\, s(x - z)\, s(y - z)

with y the middle one of the three, and all reflected so that y >= 0. Of four, t[w, x, y, z] is the difference of two of these
over the largest distance, or, where they are close, a series about their mean. They are exact to rounding down to T = 0, where
energies over 2 k_B T are 1e30 and more.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = [
    "level_entropy",
    "log_cosh",
    "one_less_product",
    "second_difference",
    "slope_difference",
    "tanh_difference",
    "tanh_over",
    "third_difference",
]

NEAR = 1e-3
"""|x| below which tanh(x) / x is a series, whose first term left out is x^6 / 20; beyond, its second derivative is good to
eps / x^2."""
CLOSE = 0.35
"""|u| and |v| below which s[u, v] is a series: its first term left out is below 1e-16."""
TERMS = (1.0, -1 / 3, 2 / 15, -17 / 315, 62 / 2835, -1382 / 155925, 21844 / 6081075, -929569 / 638512875,
         6404582 / 10854718875, -443861162 / 1856156927625, 18888466084 / 194896477400625,
         -113927491862 / 2900518163668125)  # fmt: skip
"""Of s(u) in u^2."""
TOGETHER = 0.25
"""Largest distance of four arguments up to which their divided difference is a series..."""
ORDERS = 18
"""...of so many terms: their mean is at most 3/16 away, (3 / 8 pi)^18 = 2e-17."""

X = Float[Array, "*#k"]


def tanh_over(x: X) -> X:
    """s(x) = tanh(x) / x."""
    near = jnp.abs(x) < NEAR
    square = jnp.where(near, x * x, 0.0)
    return jnp.where(near, 1 - square * (1 / 3 - square * (2 / 15)), jnp.tanh(x) / jnp.where(near, 1.0, x))


def log_cosh(x: X) -> X:
    """ln(2 cosh x)."""
    return jnp.abs(x) + jnp.log1p(jnp.exp(-2 * jnp.abs(x)))


def level_entropy(x: X) -> X:
    r"""\sigma(x) = ln(1 + e^-2x) + 2x / (e^2x + 1), x = E / 2 k_B T: entropy [k_B] of a level at +-E, of one spin."""
    size = jnp.abs(x)
    decay = jnp.exp(-2 * size)
    return jnp.log1p(decay) + 2 * size * decay / (1 + decay)


def one_less_product(x: X, y: X) -> X:
    """1 - tanh(x) tanh(y) = cosh(x - y) / (cosh x cosh y), without cancellation."""
    a, b, apart = jnp.abs(x), jnp.abs(y), jnp.abs(x - y)
    # |x - y| - |x| - |y|
    exponent = jnp.where((x >= 0) == (y >= 0), -2 * jnp.minimum(a, b), 0.0)
    return 2 * jnp.exp(exponent) * (1 + jnp.exp(-2 * apart)) / ((1 + jnp.exp(-2 * a)) * (1 + jnp.exp(-2 * b)))


def tanh_difference(x: X, y: X) -> X:
    """t[x, y], which is 1 - tanh(x)^2 where y = x."""
    return tanh_over(x - y) * one_less_product(x, y)


def slope_difference(x: X, y: X) -> X:
    r"""g[x, y] of g = x (1 - t_x^2) = -\sigma'(x) with the entropy \sigma = \ln 2 \cosh x - x t_x of a level."""
    # With the smaller one in front nothing cancels.
    near, far = jnp.where(jnp.abs(x) < jnp.abs(y), x, y), jnp.where(jnp.abs(x) < jnp.abs(y), y, x)
    both = jnp.tanh(near + far) * one_less_product(near, -far)  # t_x + t_y
    return one_less_product(far, far) - near * both * tanh_difference(near, far)


def second_difference(x: X, y: X, z: X) -> X:
    """t[x, y, z], symmetric in its arguments."""
    low, high = jnp.minimum(jnp.minimum(x, y), z), jnp.maximum(jnp.maximum(x, y), z)
    middle = jnp.maximum(jnp.minimum(x, y), jnp.minimum(jnp.maximum(x, y), z))
    turned = middle < 0
    low, middle, high = jnp.where(turned, -high, low), jnp.abs(middle), jnp.where(turned, -low, high)
    above, below = high - middle, low - middle
    found = one_less_product(high, middle) * _of_quotient(above, below) - (
        jnp.tanh(middle) * one_less_product(high, low) * tanh_over(high - low) * tanh_over(below)
    )
    return jnp.where(turned, -found, found)


def _of_quotient(u: X, v: X) -> X:
    """s[u, v] for u >= 0 >= v: (u + v) times a polynomial in u^2 and v^2 where both are small."""
    close = (jnp.abs(u) < CLOSE) & (jnp.abs(v) < CLOSE)
    U, V = jnp.where(close, u * u, 0.0), jnp.where(close, v * v, 0.0)
    total, both, power = jnp.zeros_like(U), jnp.ones_like(U), jnp.ones_like(V)
    for term in TERMS[1:]:
        total = total + term * both
        power = power * V
        both = U * both + power
    return jnp.where(close, (u + v) * total, (tanh_over(u) - tanh_over(v)) / jnp.where(close, 1.0, u - v))


def third_difference(w: X, x: X, y: X, z: X) -> X:
    """t[w, x, y, z], symmetric in its arguments; with first derivatives."""
    a, b, c, d = jnp.sort(jnp.stack(jnp.broadcast_arrays(w, x, y, z)), axis=0)
    together = d - a < TOGETHER
    apart = jnp.where(together, 1.0, d - a)
    quotient = (second_difference(b, c, d) - second_difference(a, b, c)) / apart
    return jnp.where(together, _series_of_four(*(jnp.where(together, p, 0.0) for p in (a, b, c, d))), quotient)


def _series_of_four(a: X, b: X, c: X, d: X) -> X:
    """The sum over k of t^(k + 3) / (k + 3)! at the mean times the complete homogeneous polynomial of degree k of the four
    distances from it."""
    mean = (a + b + c + d) / 4
    t = [jnp.tanh(mean), one_less_product(mean, mean)]
    for k in range(1, ORDERS + 2):
        # t' = 1 - t^2.
        t.append(-sum((t[i] * t[k - i] for i in range(k + 1)), jnp.zeros(())) / (k + 1))
    total, h = jnp.zeros_like(mean), [jnp.ones_like(mean), *[jnp.zeros_like(mean)] * (ORDERS - 1)]
    for point in (a, b, c, d):
        for k in range(1, ORDERS):
            h[k] = h[k] + (point - mean) * h[k - 1]
    for k in range(ORDERS):
        total = total + t[k + 3] * h[k]
    return total
