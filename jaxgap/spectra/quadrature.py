r"""Nodes and weights for integrals over kappa, placed where the integrand is sharp.

.. math:: \int_a^b f(x) \, dx, \qquad x = c + w \sinh t

Gap-equation integrands are peaked at the real parts c of the complex roots of E_+^2 E_-^2 = det(kappa) = 0, with widths
w = hypot(Im root, pi k_B T |m|): their poles E^2 = -(pi k_B T)^2 lie about there. Every interval is cut at each c and half
way between neighbours, and Gauss-Legendre nodes are laid in t on each piece, which turns a pole at distance w into one at
distance pi/2 from an end, where Gauss nodes cluster: n = 32 nodes a piece integrate peaks of width 1e-6 of the interval to
12 digits, and exactly gapless states (w = 0, a step in the integrand) because the step lies on a cut.

Where the nodes lie is a choice, not physics: positions relative to the interval carry no derivative. The ends a and b do,
so that derivatives with respect to Omega, mu and m include the motion of the shell's edges, to every order.
"""

import math
from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Shaped

from jaxgap.numerics.programs import barrier

__all__ = ["NARROWEST", "Rule", "DEFAULT_RULE", "Peaked", "Pieces", "laid_on", "later_on", "longest_pieces", "panels", "pieces"]

NARROWEST = 1e-12
"""Smallest width, as a share of the interval, to which peaks are resolved: below it positions are rounding."""


class Rule(NamedTuple):
    """Numbers of Gauss nodes per piece (static)."""

    overlap: int = 32
    """Where two cross-paired bands are both inside the shell."""
    single: int = 28
    """Where a band pairs alone."""
    several: int = 20
    """In a cluster of three or more bands."""

    def refined(self) -> "Rule":
        """The finer rule that checks this one: incommensurate, about 1.5 times the nodes."""
        return Rule(*(math.ceil(1.5 * n) + 1 for n in self))


DEFAULT_RULE = Rule()


class Pieces(NamedTuple):
    """Where nodes lie on the pieces of an interval [a, b]: at c + w sinh t, in units of b - a from a."""

    start: Float[Array, "piece ..."]
    """Where the integrand is sharp."""
    width: Float[Array, "piece ..."]
    """w / 2."""
    left: Float[Array, "piece ..."]
    """t at the lower end."""
    step: Float[Array, "piece ..."]
    """What t grows by."""


def panels(
    a: Float[Array, "*element"],
    b: Float[Array, "*element"],
    centre: Float[Array, "root *element"],
    width: Float[Array, "root *element"],
    n: int,
) -> tuple[Float[Array, "node *element"], Float[Array, "node *element"]]:
    """Nodes and weights on [a, b] for an integrand with peaks at `centre` of half width `width`.

    An empty interval (a = b) has zero weights whose derivatives with respect to a and b are right: moving an end
    uncovers the integrand there.
    """
    return laid_on(a, b, pieces([(a, b, centre, width)])[0], n)


Peaked = tuple[Float[Array, "..."], Float[Array, "..."], Float[Array, "..."], Float[Array, "..."]]
"""(a, b, centre, width) as in `panels`, of shapes that differ from interval to interval."""


def pieces(intervals: Sequence[Peaked]) -> list[Pieces]:
    """The pieces of several intervals, or of several kinds of many of them, elements last: cut one by one, the rest together,
    which is quicker to compile."""
    if not intervals:
        return []
    ends, of_each = zip(*(_cut(*jax.lax.stop_gradient(interval)) for interval in intervals), strict=True)
    c_a, w, span, *apart = (_joined([of[k] for of in ends]) for k in range(5))
    t = _arcsinh(jnp.stack(apart) / w)
    parts = barrier(jnp.stack([c_a / span, w / (2 * span), t[0], t[1] - t[0]]))
    cuts = np.cumsum([math.prod(shape) // math.prod(parts.shape[2:]) for shape in of_each])[:-1]
    together = jnp.split(parts, cuts, axis=1)
    return [Pieces(*part.reshape(4, *shape)) for part, shape in zip(together, of_each, strict=True)]


def laid_on(
    a: Float[Array, "*element"], b: Float[Array, "*element"], on: Pieces, n: int
) -> tuple[Float[Array, "node *element"], Float[Array, "node *element"]]:
    """n nodes and weights on every piece of [a, b]. Many intervals at once have their elements last."""
    rule = (part.reshape(1, n, *(1 for _ in a.shape)) for part in np.polynomial.legendre.leggauss(n))
    frozen = jax.lax.stop_gradient((a, b, Pieces(*(part[:, None] for part in on))))
    y, v = jax.lax.stop_gradient(barrier(_relative(*frozen, *rule)))
    return a + (b - a) * y.reshape(-1, *a.shape), (b - a) * v.reshape(-1, *a.shape)


def later_on(
    a: Float[Array, "*element"], b: Float[Array, "*element"], on: Pieces, u: Float[Array, ""], weight: Float[Array, ""]
) -> tuple[Float[Array, "piece *element"], Float[Array, "piece *element"]]:
    """One node and its weight on every piece of [a, b], from those of Gauss' rule."""
    y, v = _relative(a, b, on, u, weight)
    return a + (b - a) * y, (b - a) * v


def _cut(
    a: Float[Array, "*element"],
    b: Float[Array, "*element"],
    c: Float[Array, "root *element"],
    w: Float[Array, "root *element"],
) -> tuple[tuple[Float[Array, "piece *element"], ...], tuple[int, ...]]:
    """(c - a, w, b - a, the lower and the upper end of a piece less c), of every piece, and their shape."""
    span = jnp.where(b > a, b - a, 1.0)
    c, w = _sorted(c, _shared_widths(c, w))
    w = jnp.maximum(w, NARROWEST * span)
    cuts = jnp.stack([c, jnp.concatenate([(c[1:] + c[:-1]) / 2, b[None]])], axis=1).reshape(-1, *a.shape)[:-1]
    ends = jnp.concatenate([a[None], jnp.clip(cuts, a, b), b[None]])
    c, w = jnp.repeat(c, 2, axis=0), jnp.repeat(w, 2, axis=0)
    return (c - a, w, jnp.broadcast_to(span, c.shape), ends[:-1] - c, ends[1:] - c), c.shape


def longest_pieces(
    a: Float[Array, "interval *element"],
    b: Float[Array, "interval *element"],
    centre: Float[Array, "root interval *element"],
    width: Float[Array, "root interval *element"],
    n: int,
    most: int,
) -> tuple[Float[Array, "node *element"], Float[Array, "node *element"], Int[Array, "piece *element"], Bool[Array, "*element"]]:
    """n nodes on each of the `most` longest pieces of all intervals together: (nodes, weights, the interval of every piece,
    whether nothing is left out)."""
    c, w = _sorted(centre, _shared_widths(centre, width))
    between = jnp.stack([c, jnp.concatenate([(c[1:] + c[:-1]) / 2, b[None]])], axis=1).reshape(-1, *a.shape)[:-1]
    ends = jnp.concatenate([a[None], jnp.clip(between, a, b), b[None]])
    c, w = jnp.repeat(c, 2, axis=0), jnp.repeat(w, 2, axis=0)
    interval = jnp.broadcast_to(jnp.arange(len(a)).reshape(1, -1, *[1] * (a.ndim - 1)), c.shape)
    length = (ends[1:] - ends[:-1]).reshape(-1, *a.shape[1:])
    chosen = jnp.argsort(-length, axis=0)[:most]

    def of(part: Shaped[Array, "cut interval *element"]) -> Shaped[Array, "piece *element"]:
        return jnp.take_along_axis(part.reshape(length.shape), chosen, axis=0)

    c, w, lower, upper, interval = (of(part) for part in (c, w, ends[:-1], ends[1:], interval))
    left, right = _arcsinh((lower - c) / w), _arcsinh((upper - c) / w)
    u, weight = (part.reshape(1, n, *[1] * (a.ndim - 1)) for part in np.polynomial.legendre.leggauss(n))
    step = ((right - left) / 2)[:, None]
    t = (left[:, None] + right[:, None]) / 2 + step * u
    grow = barrier(jnp.exp(t))
    x = jnp.clip(c[:, None] + w[:, None] * (grow - 1 / grow) / 2, lower[:, None], upper[:, None])
    v = w[:, None] * (grow + 1 / grow) / 2 * step * weight
    left_out = jnp.sum(length, axis=0) - jnp.sum(jnp.take_along_axis(length, chosen, axis=0), axis=0)
    whole = left_out <= NARROWEST * jnp.sum(length, axis=0)
    return x.reshape(-1, *a.shape[1:]), v.reshape(-1, *a.shape[1:]), interval, whole


def _joined(parts: list[Float[Array, "..."]]) -> Float[Array, "..."]:
    """The pieces of all intervals, one after the other."""
    return parts[0] if len(parts) == 1 else jnp.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])


def _relative(
    a: Float[Array, "*element"],
    b: Float[Array, "*element"],
    on: Pieces,
    u: Float[np.ndarray | Array, "*gauss"],
    weight: Float[np.ndarray | Array, "*gauss"],
) -> tuple[Float[Array, "piece *gauss_element"], Float[Array, "piece *gauss_element"]]:
    """Positions in [0, 1] and weights that sum to one."""
    start, width, left, step = on
    grow = barrier(jnp.exp(left + step * (0.5 * (u + 1))))  # else XLA makes a second exponential of 1 / grow
    decay = 1 / grow
    y = start + width * (grow - decay)
    v = (width * step) * (grow + decay) * (0.5 * weight)
    # An empty interval has equal pieces, so that all derivatives with respect to its ends are those of an integral.
    count = len(start)
    piece = np.arange(count).reshape(-1, *(1 for _ in start.shape[1:]))
    even_y, even_v = (piece + (u + 1) / 2) / count, weight / (2 * count)
    return jnp.where(b > a, jnp.clip(y, 0.0, 1.0), even_y), jnp.where(b > a, v, even_v)


Sorted = tuple[Float[Array, "root *element"], Float[Array, "root *element"]]


def _sorted(c: Float[Array, "root *element"], w: Float[Array, "root *element"]) -> Sorted:
    """Both in the order of c. Two are exchanged in the open: a batched sort calls its comparator for every element."""
    if len(c) == 2:
        ordered = c[0] <= c[1]
        return jnp.where(ordered, c, c[::-1]), jnp.where(ordered, w, w[::-1])
    if len(c) > 2:
        c, w = jax.lax.sort((c, w), dimension=0, num_keys=1)
    return c, w


def _arcsinh(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """arcsinh to an absolute error of rounding, which positions need: half the cost of one to a relative error."""
    size = jnp.abs(x)
    return jnp.sign(x) * jnp.log(size + jnp.sqrt(1 + size * size))


def _shared_widths(c: Float[Array, "root *element"], w: Float[Array, "root *element"]) -> Float[Array, "root *element"]:
    """Widths that also resolve the neighbours: w_i = min over j of hypot(c_i - c_j, w_j); of two in the open, as above."""
    apart = c[:, None] - c[None, :]
    reach = jnp.sqrt(apart * apart + w * w)
    return reduce(jnp.minimum, [reach[:, j] for j in range(len(c))]) if len(c) <= 2 else jnp.min(reach, axis=1)
