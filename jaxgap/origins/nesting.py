r"""How well the momenta of the lattice join two Fermi surfaces: W18's argument of Fig. 3 as a number.

.. math:: P(q) = \frac{1}{N_u N_o} \oint \frac{dS_u}{(2\pi)^d v_u} \oint \frac{dS_o}{(2\pi)^d v_o} \, \delta(q - (k_o - k_u)),
          \qquad \eta(Q) = \int dq \; w(q - Q) \, P(q)

W18 (Whangbo, Deng, Koehler, Simon) argues with a sketch: interband pairing is weak between surfaces that cross, strong between
similar and close ones, and strong between nested ones, for the momentum Q that nests them. There is no formula in the paper.
THIS IS JAXGAP'S READING of that sketch: pairs are excited from one surface to the other by lattice displacements whose momenta
reach as far as q_c (further for a higher average phonon frequency) around one common shift Q, and eta, the share of all
differences q that they supply at the best Q, measures how effective that is. With w = exp(-q^2/q_c^2) (in 2D of the same area
as the disc |q| < q_c; the sharp disc is there too) eta is smooth, and because this w is positive definite,

.. math:: \eta_{uo}(Q) \le \sqrt{\eta_{uu}(0) \, \eta_{oo}(0)} \quad \text{for every } Q,

with equality for all q_c only if the shift makes the weighted surfaces equal: perfect nesting is as good as pairing within one
band, and nothing is better. The ratio of both sides is the `relative` effectiveness, between 0 and 1.
"""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap._checks import check, check_finite, is_concrete
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.implicit import at_root
from jaxgap.origins.fermi_surface import FermiSurface

__all__ = [
    "Effectiveness",
    "Shift",
    "best_shift",
    "couplings",
    "difference_distribution",
    "effectiveness",
    "local_share",
    "share",
]

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


class Effectiveness(NamedTuple):
    """Interband effectiveness beside the intraband ones, all at the same q_c."""

    share: Float[Array, ""]
    """eta_uo at the best shift."""
    Q: Float[Array, "d"]
    """That shift [1/angstrom]."""
    as_drawn: Float[Array, ""]
    """eta_uo without a shift."""
    intraband: Float[Array, "2"]
    """eta_uu(0) and eta_oo(0)."""

    @property
    def relative(self) -> Float[Array, ""]:
        """eta_uo / sqrt(eta_uu eta_oo): 1 for perfect nesting, never more."""
        return self.share / jnp.sqrt(self.intraband[..., 0] * self.intraband[..., 1])

    @property
    def relative_as_drawn(self) -> Float[Array, ""]:
        """The same without a shift."""
        return self.as_drawn / jnp.sqrt(self.intraband[..., 0] * self.intraband[..., 1])


def share(
    u: FermiSurface, o: FermiSurface, q_c: Any, Q: Any = None, *, profile: str = "gaussian", reciprocal: Any = None
) -> Float[Array, ""]:
    """eta(Q): the share of the differences q = k_o - k_u that momenta up to q_c around Q supply (jaxgap's reading of W18).

    Args:
        u, o: the two surfaces; twice the same for pairing within a band.
        q_c: range of the lattice momenta [1/angstrom].
        Q: common shift [1/angstrom]; none by default.
        profile: "gaussian" is w = exp(-q^2/q_c^2); "disc" counts |q| <= q_c (2D; to second order in the points' spacing).
        reciprocal: reciprocal lattice vectors, one per row [1/angstrom], if q counts modulo these.

    Raises:
        InputError: if q_c is not positive, or smaller than the spacing of the points, which then must be more.
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    Q = jnp.zeros(u.k.shape[1]) if Q is None else jnp.asarray(Q, jnp.float64)
    check(Q.shape == (u.k.shape[1],), "Q", f"have {u.k.shape[1]} components", f"shape {Q.shape}")
    check(profile in ("gaussian", "disc"), "profile", 'be "gaussian" or "disc"', repr(profile))
    if profile == "disc":
        check(u.k.shape[1] == 2 and len(reciprocal) == 0, "profile", 'be "gaussian" in 3D and on a lattice', repr(profile))
        return _disc_share(u, o, q_c, Q)
    return _share(u, o, q_c, Q, reciprocal)


def best_shift(u: FermiSurface, o: FermiSurface, q_c: Any, *, reciprocal: Any = None) -> Shift:
    """The common shift Q that maximises `share`, differentiable (a root of the gradient).

    The maximum is looked for by mean shifts, which never descend, from the differences between a few points of each surface and
    from that of their centres, and polished by Newton. Arguments and errors as for `share`.
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    return _best(u, o, q_c, reciprocal)


def effectiveness(u: FermiSurface, o: FermiSurface, q_c: Any, *, reciprocal: Any = None) -> Effectiveness:
    """How effective interband pairing is by the geometry of two surfaces: `share` at the best shift, beside the intraband ones.

    Jaxgap's reading of W18's Fig. 3 (see the module); arguments and errors as for `share`.
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    return _effectiveness(u, o, q_c, reciprocal)


def local_share(u: FermiSurface, o: FermiSurface, q_c: Any, Q: Any) -> Float[Array, "point"]:
    """What every point of u contributes to eta(Q) / eta_uu(0): 1 where the other surface lies there as its own does.

    With Q of `best_shift` it shows which parts of a surface find partners; the mean with the weights dS/v is the ratio.
    """
    q_c, reciprocal = _checked(u, o, q_c, None)
    (k, w), (K, W) = _normalised(u), _normalised(o)
    towards, within = (
        jnp.sum(jnp.exp(-jnp.sum(_differences(k, x, shift, reciprocal)[0] ** 2, axis=-1) / q_c**2) * y, axis=1)
        for x, y, shift in ((K, W, jnp.asarray(Q, jnp.float64)), (k, w, jnp.zeros(k.shape[1])))
    )
    return towards / (w @ within)


def difference_distribution(u: FermiSurface, o: FermiSurface, edges: Any, Q: Any = None) -> Float[Array, "bin"]:
    """Density of |q - Q| with q = k_o - k_u, weighted by 1/(v v'), averaged over the bins between `edges` [angstrom].

    The integral over all |q - Q| is one; 2D.
    """
    edges = np.asarray(edges, float)
    rising = edges.ndim == 1 and len(edges) > 1 and edges[0] >= 0 and bool(np.all(np.diff(edges) > 0))
    check(rising, "edges", "rise from zero or above", edges.tolist())
    check(u.k.shape[1] == 2 and o.k.shape[1] == 2, "u", "be two surfaces in 2D", f"{u.k.shape[1]}D and {o.k.shape[1]}D")
    Q = jnp.zeros(2) if Q is None else jnp.asarray(Q, jnp.float64)
    return jnp.diff(_cumulative(u, o, jnp.asarray(edges), Q)) / np.diff(edges)


def couplings(surfaces: Any, g: Any, q_c: Any, *, reciprocal: Any = None) -> Float[Array, "band band"]:
    r"""The band couplings of one attraction that acts as far as the momenta reach: lambda_ij = g eta_ij N_j.

    g [meV angstrom^d] is common to all pairs of bands and g_ij = g eta_ij is symmetric, so a free energy exists. Jaxgap's
    reading of W18; the cross channels need the mixing of the bands, too.
    """
    n = len(surfaces)
    N = jnp.stack([surface.density_of_states for surface in surfaces])
    eta = [[jnp.zeros(())] * n for _ in range(n)]
    for i in range(n):
        eta[i][i] = share(surfaces[i], surfaces[i], q_c, reciprocal=reciprocal)
        for j in range(i):
            eta[i][j] = eta[j][i] = best_shift(surfaces[i], surfaces[j], q_c, reciprocal=reciprocal).share
    return g * jnp.stack([jnp.stack(row) for row in eta]) * N


def _checked(u: FermiSurface, o: FermiSurface, q_c: Any, reciprocal: Any) -> tuple[Float[Array, ""], Float[Array, "n d"]]:
    require_float64()
    d = u.k.shape[1]
    check(o.k.shape[1] == d, "o", f"have the dimension of `u`, {d}", o.k.shape[1])
    check_finite("q_c", q_c)
    if is_concrete(q_c, u, o):
        check(float(q_c) > 0, "q_c", "be positive [1/angstrom]", q_c)
        spacing = max(float(u.spacing), float(o.spacing))
        check(float(q_c) >= spacing, "q_c", f"be at least the spacing of the points, {spacing:.3g} 1/angstrom (take more)", q_c)
    reciprocal = jnp.zeros((0, d)) if reciprocal is None else jnp.atleast_2d(jnp.asarray(reciprocal, jnp.float64))
    check(reciprocal.shape[1] == d, "reciprocal", f"hold vectors of {d} components", f"shape {reciprocal.shape}")
    return jnp.asarray(q_c, jnp.float64), reciprocal


# --- eta(Q) ----------------------------------------------------------------------------------------------------------


def _differences(
    k: Float[Array, "u d"], K: Float[Array, "o d"], Q: Float[Array, "d"], reciprocal: Float[Array, "n d"]
) -> Float[Array, "image u o d"]:
    """k_o - k_u - Q; on a lattice the nearest image and its neighbours (further ones are beyond a period and a half)."""
    x = (K[None, :] - k[:, None] - Q)[None]
    n = len(reciprocal)
    if n == 0:
        return x
    steps = jax.lax.stop_gradient(jnp.round(x @ jnp.linalg.pinv(reciprocal)))
    around = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * n), axis=-1).reshape(-1, n)
    return x - (steps + around[:, None, None]) @ reciprocal


def _eta(u: Any, o: Any, q_c: Any, Q: Float[Array, "d"], reciprocal: Float[Array, "n d"]) -> Float[Array, ""]:
    """eta(Q) of (k, normalised weights) of two surfaces."""
    x = _differences(u[0], o[0], Q, reciprocal)
    return u[1] @ (jnp.sum(jnp.exp(-jnp.sum(x**2, axis=-1) / q_c**2), axis=0) @ o[1])


class _Local(NamedTuple):
    """eta around one Q."""

    eta: Float[Array, ""]
    mean: Float[Array, "d"]
    """Mean of q - Q with the weights w P: the mean shift, q_c^2/2 d ln eta/dQ."""
    curvature: Float[Array, "d d"]
    """q_c^2/2 d^2 eta/dQ^2 / eta."""


def _local(u: Any, o: Any, q_c: Any, Q: Float[Array, "d"], reciprocal: Float[Array, "n d"]) -> _Local:
    x = _differences(u[0], o[0], Q, reciprocal)
    w = jnp.exp(-jnp.sum(x**2, axis=-1) / q_c**2) * u[1][:, None] * o[1][None, :]
    eta = jnp.maximum(jnp.sum(w), 1e-300)
    wx = w[..., None] * x
    second = jnp.einsum("nuod,nuoe->de", wx, x) / eta
    return _Local(eta, jnp.sum(wx, axis=(0, 1, 2)) / eta, 2 * second / q_c**2 - jnp.eye(len(Q)))


def _normalised(surface: FermiSurface) -> tuple[Float[Array, "point d"], Float[Array, "point"]]:
    weight = surface.weight
    return surface.k, weight / jnp.sum(weight)


@program
def _share(u: FermiSurface, o: FermiSurface, q_c: Any, Q: Any, reciprocal: Any) -> Float[Array, ""]:
    return _eta(_normalised(u), _normalised(o), q_c, Q, reciprocal)


@program
def _best(u: FermiSurface, o: FermiSurface, q_c: Any, reciprocal: Any) -> Shift:
    return _best_of(_normalised(u), _normalised(o), q_c, reciprocal)


@program
def _effectiveness(u: FermiSurface, o: FermiSurface, q_c: Any, reciprocal: Any) -> Effectiveness:
    first, second = _normalised(u), _normalised(o)
    none = jnp.zeros(u.k.shape[1])
    best = _best_of(first, second, q_c, reciprocal)
    intraband = jnp.stack([_eta(x, x, q_c, none, reciprocal) for x in (first, second)])
    return Effectiveness(best.share, best.Q, _eta(first, second, q_c, none, reciprocal), intraband)


# --- the best shift -----------------------------------------------------------------------------------------------------


def _best_of(u: Any, o: Any, q_c: Any, reciprocal: Any) -> Shift:
    Q, free = jax.lax.stop_gradient(_search(*jax.lax.stop_gradient((u, o, q_c, reciprocal))))
    scale = jax.lax.stop_gradient(q_c**2 / jnp.maximum(_eta(u, o, q_c, Q, reciprocal), 1e-300))
    Q = at_root(_stationary, Q, (u, o, q_c, reciprocal, Q, free, scale))
    return Shift(Q, _eta(u, o, q_c, Q, reciprocal))


def _stationary(Q: Float[Array, "d"], theta: Any) -> Float[Array, "d"]:
    """d eta/dQ = 0 in the directions in which eta curves, Q unmoved in the others."""
    u, o, q_c, reciprocal, Q_0, free, scale = theta
    slope = scale * jax.grad(_eta, argnums=3)(u, o, q_c, Q, reciprocal) / q_c
    return slope - free @ slope + free @ (Q - Q_0) / q_c


def _search(u: Any, o: Any, q_c: Any, reciprocal: Any) -> tuple[Float[Array, "d"], Float[Array, "d d"]]:
    """(the best Q, projector on the directions along which eta does not curve)."""
    centres = o[1] @ o[0] - u[1] @ u[0]
    start = (_thinned(o, CANDIDATES)[0][None, :] - _thinned(u, CANDIDATES)[0][:, None]).reshape(-1, len(centres))
    start = jnp.concatenate([start, centres[None], jnp.zeros((1, len(centres)))])
    few = _coarser(u, o, q_c, COARSE)
    rough = jax.lax.map(lambda Q: _mean_shifts(*few, Q, reciprocal), start, batch_size=32)
    # What is best for wide momenta need not be for narrow ones, so that all compete once more.
    pool, many = jnp.concatenate([rough, start]), _coarser(u, o, q_c, FINE)
    value = jax.lax.map(lambda Q: _eta(*many, Q, reciprocal), pool)
    finalists = jnp.concatenate([pool[_distinct(pool, value, many[2] / 4)], start[-2:]])
    aside = many[2] * jnp.asarray(ASIDE[: len(centres)])  # where symmetry makes a minimum or a saddle stationary, too
    found, value = jax.lax.map(lambda Q: _ascend(*many, Q + aside, reciprocal), finalists)
    # Of equal ones the shortest.
    length = jnp.sum(found**2, axis=1)
    chosen = jnp.argmin(jnp.where(value >= jnp.max(value) * (1 - EQUAL), length, jnp.inf))
    Q, _ = _ascend(u, o, q_c, found[chosen], reciprocal)
    curvature, axes = jnp.linalg.eigh(_local(u, o, q_c, Q, reciprocal).curvature)
    return Q, (axes * (jnp.abs(curvature) <= FLAT)) @ axes.T


def _coarser(u: Any, o: Any, q_c: Any, points: int) -> tuple[Any, Any, Any]:
    """Both surfaces with fewer points, and a q_c that these resolve."""
    u, o = _thinned(u, points), _thinned(o, points)
    return u, o, jnp.maximum(q_c, 2 * jnp.maximum(_gap(u[0]), _gap(o[0])))


def _thinned(surface: Any, points: int) -> Any:
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


def _distinct(Q: Float[Array, "start d"], value: Float[Array, "start"], apart: Any) -> Any:
    """Indices of the `FINALISTS` highest that are not within `apart` of a higher one."""
    taken = []
    for _ in range(FINALISTS):
        best = jnp.argmax(value)
        taken.append(best)
        value = jnp.where(jnp.sum((Q - Q[best]) ** 2, axis=1) < apart**2, -jnp.inf, value)
    return jnp.stack(taken)


def _mean_shifts(u: Any, o: Any, q_c: Any, Q: Float[Array, "d"], reciprocal: Any) -> Float[Array, "d"]:
    """Q moved to the kernel-weighted mean of the differences, again and again, which never descends."""
    return jax.lax.fori_loop(0, MEAN_SHIFTS, lambda _, Q: Q + _local(u, o, q_c, Q, reciprocal).mean, Q)


def _ascend(u: Any, o: Any, q_c: Any, Q: Float[Array, "d"], reciprocal: Any) -> tuple[Float[Array, "d"], Float[Array, ""]]:
    """Newton's ascent with the moduli of the curvatures, which leads away from saddles; from where a step has descended, a mean
    shift is taken instead. Returns the best Q and its eta."""

    def going(state: Any) -> Any:
        _, _, step, steps = state
        return (steps < ASCENTS) & (step > CLOSE * q_c)

    def ascend(state: Any) -> Any:
        Q, best, _, steps = state
        curvature, axes = jnp.linalg.eigh(best.curvature)
        dQ = axes @ ((axes.T @ best.mean) / jnp.maximum(jnp.abs(curvature), FLAT))
        dQ = dQ * jnp.minimum(1.0, q_c / 2 / jnp.maximum(jnp.sqrt(dQ @ dQ), 1e-300))
        tried = _local(u, o, q_c, Q + dQ, reciprocal)
        rises = tried.eta >= best.eta * (1 - ROUNDING)
        careful = Q + best.mean
        there = jax.lax.cond(rises, lambda: tried, lambda: _local(u, o, q_c, careful, reciprocal))
        length = jnp.where(rises, jnp.sqrt(dQ @ dQ), jnp.sqrt(best.mean @ best.mean))
        return jnp.where(rises, Q + dQ, careful), there, length, steps + 1

    state = (Q, _local(u, o, q_c, Q, reciprocal), q_c, jnp.zeros((), int))
    Q, best, *_ = jax.lax.while_loop(going, ascend, state)
    return Q, best.eta


# --- the disc -----------------------------------------------------------------------------------------------------------


def _disc_share(u: FermiSurface, o: FermiSurface, radius: Any, Q: Any) -> Float[Array, ""]:
    return _cumulative(u, o, radius[None], Q)[0]


@program
def _cumulative(u: FermiSurface, o: FermiSurface, radii: Float[Array, "radius"], Q: Any) -> Float[Array, "radius"]:
    """Share of the differences with |q - Q| <= radius: from every point of u, the parts of o's segments inside a circle."""
    (k, w), (K, W) = _normalised(u), _normalised(o)
    ends = np.cumsum((0, *o.sheets))
    following = np.concatenate([np.roll(np.arange(a, b), -1) for a, b in pairwise(ends)])
    K_next = K[following].at[ends[1:] - 1].add(o.drift)
    w_o = (W + W[following]) / 2
    a, b = (jnp.sum((x[None, :] - k[:, None] - Q) ** 2, axis=-1) for x in (K, K_next))

    def within(radius: Float[Array, ""]) -> Float[Array, ""]:
        low, high = jnp.minimum(a, b) - radius**2, jnp.maximum(a, b) - radius**2
        cut = (low < 0) & (high > 0)
        part = jnp.where(cut, -low / jnp.where(cut, high - low, 1.0), jnp.where(high <= 0, 1.0, 0.0))
        return w @ (part @ w_o)

    return jax.lax.map(within, radii)
