r"""The common shift Q at which lattice momenta join two surfaces best: the highest maximum of

.. math:: \eta(Q) = \sum_{uo} w_u w_o \, e^{-(k_o - k_u - Q)^2 / q_c^2}, \qquad
          Q \leftarrow Q + \frac{q_c^2}{2} \frac{d \ln \eta}{d Q} \;\text{(a mean shift)}

A mean shift moves Q to the weighted mean of the differences and never descends (Y. Cheng, IEEE Trans. Pattern Anal. Mach.
Intell. 17, 790 (1995)). The search begins at differences between a few points of each surface, goes on with more points for
those that promise most, and ends with Newton steps on all points. `jaxgap.origins.nesting` says what eta means.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import told
from jaxgap.numerics.types import PyTree, Scalar

__all__ = ["Shift", "Vectors", "best_of", "differences", "eta"]

COARSE = 32
"""Points of each surface that the search for Q begins with."""
CANDIDATES = 9
"""Differences between so many points of each surface are where it begins."""
FINALISTS, FINE = 6, 192
"""So many of them are followed to the end, with so many points; the best one then with all points."""
MEAN_SHIFTS, ASCENTS = 25, 40
CLOSE = 1e-12
"""A step of this share of q_c is the last."""
ROUNDING = 1e-14
"""By this share eta may fall in a step that rises."""
ASIDE = (0.03, 0.05, 0.02)
"""By how much of q_c an ascent begins beside where it would."""
EQUAL = 1e-9
"""Shares that differ by less are equally good."""
FLAT = 1e-6
"""A direction along which eta curves less than this share of 2 eta/q_c^2 is free: Q is kept where the search found it."""


class Shift(NamedTuple):
    """The common shift that serves best."""

    Q: Float[Array, "d"]
    """[1/angstrom]; one of several, or of a continuum, where symmetry makes them equal."""
    share: Float[Array, ""]
    """eta(Q)."""


Vectors = Float[Array, "n d"]
Points = tuple[Float[Array, "_ d"], Float[Array, "_"]]
"""k and normalised weights of a surface."""


def differences(
    k: Float[Array, "u d"], K: Float[Array, "o d"], Q: Float[Array, "d"], reciprocal: Vectors
) -> Float[Array, "image u o d"]:
    """k_o - k_u - Q; on a lattice the nearest image and its neighbours (further ones are beyond a period and a half)."""
    x = (K[None, :] - k[:, None] - Q)[None]
    n = len(reciprocal)
    if n == 0:
        return x
    steps = jax.lax.stop_gradient(jnp.round(x @ jnp.linalg.pinv(reciprocal)))
    around = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * n), axis=-1).reshape(-1, n)
    return x - (steps + around[:, None, None]) @ reciprocal


def eta(u: Points, o: Points, q_c: Scalar, Q: Float[Array, "d"], reciprocal: Vectors) -> Float[Array, ""]:
    """eta(Q) of (k, normalised weights) of two surfaces."""
    x = differences(u[0], o[0], Q, reciprocal)
    return u[1] @ (jnp.sum(jnp.exp(-jnp.sum(x**2, axis=-1) / q_c**2), axis=0) @ o[1])


class _Local(NamedTuple):
    """eta around one Q."""

    eta: Float[Array, ""]
    mean: Float[Array, "d"]
    """Mean of q - Q with the weights w P: the mean shift, q_c^2/2 d ln eta/dQ."""
    curvature: Float[Array, "d d"]
    """q_c^2/2 d^2 eta/dQ^2 / eta."""


def _local(u: Points, o: Points, q_c: Scalar, Q: Float[Array, "d"], reciprocal: Vectors) -> _Local:
    x = differences(u[0], o[0], Q, reciprocal)
    w = jnp.exp(-jnp.sum(x**2, axis=-1) / q_c**2) * u[1][:, None] * o[1][None, :]
    eta = jnp.maximum(jnp.sum(w), 1e-300)
    wx = w[..., None] * x
    second = jnp.einsum("nuod,nuoe->de", wx, x) / eta
    return _Local(eta, jnp.sum(wx, axis=(0, 1, 2)) / eta, 2 * second / q_c**2 - jnp.eye(len(Q)))


Climb = tuple[Float[Array, "d"], _Local, Scalar, Int[Array, ""]]
"""Q, eta around it, length of the last step, steps."""


def best_of(u: Points, o: Points, q_c: Scalar, reciprocal: Vectors) -> Shift:
    Q, free = jax.lax.stop_gradient(_search(*jax.lax.stop_gradient((u, o, q_c, reciprocal))))
    scale = jax.lax.stop_gradient(q_c**2 / jnp.maximum(eta(u, o, q_c, Q, reciprocal), 1e-300))
    Q = at_root(_stationary, Q, (u, o, q_c, reciprocal, Q, free, scale))
    return Shift(Q, eta(u, o, q_c, Q, reciprocal))


def _stationary(Q: Float[Array, "d"], theta: PyTree) -> Float[Array, "d"]:
    """d eta/dQ = 0 in the directions in which eta curves, Q unmoved in the others."""
    u, o, q_c, reciprocal, Q_0, free, scale = theta
    slope = scale * jax.grad(eta, argnums=3)(u, o, q_c, Q, reciprocal) / q_c
    return slope - free @ slope + free @ (Q - Q_0) / q_c


def _search(u: Points, o: Points, q_c: Scalar, reciprocal: Vectors) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """(the best Q, projector on the directions along which eta does not curve)."""
    centres = o[1] @ o[0] - u[1] @ u[0]
    start = (_thinned(o, CANDIDATES)[0][None, :] - _thinned(u, CANDIDATES)[0][:, None]).reshape(-1, len(centres))
    start = jnp.concatenate([start, centres[None], jnp.zeros((1, len(centres)))])
    few = _coarser(u, o, q_c, COARSE)
    rough = jax.lax.map(lambda Q: _mean_shifts(*few, Q, reciprocal), start, batch_size=32)
    # What is best for wide momenta need not be for narrow ones, so that all compete once more.
    pool, many = jnp.concatenate([rough, start]), _coarser(u, o, q_c, FINE)
    value = jax.lax.map(lambda Q: eta(*many, Q, reciprocal), pool)
    finalists = jnp.concatenate([pool[_distinct(pool, value, many[2] / 4)], start[-2:]])
    aside = many[2] * jnp.asarray(ASIDE[: len(centres)])  # where symmetry makes a minimum or a saddle stationary, too
    found, value = jax.lax.map(lambda Q: _ascend(*many, Q + aside, reciprocal), finalists)
    # Of equal ones the shortest.
    length = jnp.sum(found**2, axis=1)
    chosen = jnp.argmin(jnp.where(value >= jnp.max(value) * (1 - EQUAL), length, jnp.inf))
    Q, _ = _ascend(u, o, q_c, found[chosen], reciprocal)
    curvature, axes = jnp.linalg.eigh(_local(u, o, q_c, Q, reciprocal).curvature)
    return Q, (axes * (jnp.abs(curvature) <= FLAT)) @ axes.T


def _coarser(u: Points, o: Points, q_c: Scalar, points: int) -> tuple[Points, Points, Scalar]:
    """Both surfaces with fewer points, and a q_c that these resolve."""
    u, o = _thinned(u, points), _thinned(o, points)
    return u, o, jnp.maximum(q_c, 2 * jnp.maximum(_gap(u[0]), _gap(o[0])))


def _thinned(surface: Points, points: int) -> Points:
    """About so many of the points, evenly; in 3D, where points are rows of rings, by a stride that visits all of a ring."""
    k, w = surface
    every = max(len(k) // points, 1)
    while k.shape[1] == 3 and math.gcd(every, len(k)) > 1:
        every += 1
    return k[::every], w[::every] / jnp.sum(w[::every])


def _gap(k: Float[Array, "point d"]) -> Float[Array, ""]:
    """The largest distance from a point to its nearest neighbour."""
    r2 = jnp.sum((k[:, None] - k[None, :]) ** 2, axis=-1)
    return jnp.sqrt(jnp.max(jnp.min(jnp.where(jnp.eye(len(k), dtype=bool), jnp.inf, r2), axis=1)))


def _distinct(Q: Float[Array, "start d"], value: Float[Array, "start"], apart: Scalar) -> Int[Array, "finalist"]:
    """Indices of the `FINALISTS` highest that are not within `apart` of a higher one."""
    taken = []
    for _ in range(FINALISTS):
        best = jnp.argmax(value)
        taken.append(best)
        value = jnp.where(jnp.sum((Q - Q[best]) ** 2, axis=1) < apart**2, -jnp.inf, value)
    return jnp.stack(taken)


def _mean_shifts(u: Points, o: Points, q_c: Scalar, Q: Float[Array, "d"], reciprocal: Vectors) -> Float[Array, "d"]:
    """Q moved to the kernel-weighted mean of the differences, again and again, which never descends."""
    return jax.lax.fori_loop(0, MEAN_SHIFTS, lambda _, Q: Q + _local(u, o, q_c, Q, reciprocal).mean, Q)


def _ascend(u: Points, o: Points, q_c: Scalar, Q: Float[Array, "d"], reciprocal: Vectors) -> tuple[Float[Array, "d"], Scalar]:
    """Newton's ascent with the moduli of the curvatures, which leads away from saddles; from where a step has descended, a mean
    shift is taken instead. Returns the best Q and its eta."""

    def going(state: Climb) -> Bool[Array, ""]:
        _, _, step, steps = state
        return (steps < ASCENTS) & (step > CLOSE * q_c)

    def ascend(state: Climb) -> Climb:
        Q, best, _, steps = state
        curvature, axes = jnp.linalg.eigh(best.curvature)
        dQ = axes @ ((axes.T @ best.mean) / jnp.maximum(jnp.abs(curvature), FLAT))
        dQ = dQ * jnp.minimum(1.0, q_c / 2 / jnp.maximum(jnp.sqrt(dQ @ dQ), 1e-300))
        tried = _local(u, o, q_c, Q + dQ, reciprocal)
        (rises,) = told(tried.eta >= best.eta * (1 - ROUNDING))
        careful = Q + best.mean
        there = jax.lax.cond(rises, lambda: tried, lambda: _local(u, o, q_c, careful, reciprocal))
        length = jnp.where(rises, jnp.sqrt(dQ @ dQ), jnp.sqrt(best.mean @ best.mean))
        return jnp.where(rises, Q + dQ, careful), there, length, steps + 1

    state = (Q, _local(u, o, q_c, Q, reciprocal), q_c, jnp.zeros((), int))
    Q, best, *_ = jax.lax.while_loop(going, ascend, state)
    return Q, best.eta
