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

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.origins.common_shift import Shift, Vectors, best_of, differences, eta
from jaxgap.origins.surfaces import FermiSurface

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


class Effectiveness(NamedTuple):
    """Interband effectiveness beside the intraband ones, all at the same q_c."""

    share: Float[Array, "*batch"]
    """eta_uo at the best shift."""
    Q: Float[Array, "*batch d"]
    """That shift [1/angstrom]."""
    as_drawn: Float[Array, "*batch"]
    """eta_uo without a shift."""
    intraband: Float[Array, "*batch 2"]
    """eta_uu(0) and eta_oo(0)."""

    @property
    def relative(self) -> Float[Array, "*batch"]:
        """eta_uo / sqrt(eta_uu eta_oo): 1 for perfect nesting, never more."""
        return self.share / jnp.sqrt(self.intraband[..., 0] * self.intraband[..., 1])

    @property
    def relative_as_drawn(self) -> Float[Array, "*batch"]:
        """The same without a shift."""
        return self.as_drawn / jnp.sqrt(self.intraband[..., 0] * self.intraband[..., 1])


def share(
    u: FermiSurface,
    o: FermiSurface,
    q_c: Real,
    Q: Reals | None = None,
    *,
    profile: str = "gaussian",
    reciprocal: Reals | None = None,
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

    Example:
        >>> u, o = (jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu)) for mu in (100.0, 120.0))
        >>> [round(float(jg.origins.share(u, o, q_c)), 4) for q_c in (0.05, 0.1)]
        [0.076, 0.1664]
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    Q = jnp.zeros(u.k.shape[1]) if Q is None else jnp.asarray(Q, jnp.float64)
    check(Q.shape == (u.k.shape[1],), "Q", f"have {u.k.shape[1]} components", f"shape {Q.shape}")
    check(profile in ("gaussian", "disc"), "profile", 'be "gaussian" or "disc"', repr(profile))
    if profile == "disc":
        check(u.k.shape[1] == 2 and len(reciprocal) == 0, "profile", 'be "gaussian" in 3D and on a lattice', repr(profile))
        return _disc_share(u, o, q_c, Q)
    return _share(u, o, q_c, Q, reciprocal)


def best_shift(u: FermiSurface, o: FermiSurface, q_c: Real, *, reciprocal: Reals | None = None) -> Shift:
    """The common shift Q that maximises `share`, differentiable (a root of the gradient).

    The maximum is looked for by mean shifts, which never descend, from the differences between a few points of each surface and
    from that of their centres, and polished by Newton. Arguments and errors as for `share`.

    Args:
        u, o: the two surfaces.
        q_c: range of the lattice momenta [1/angstrom].
        reciprocal: reciprocal lattice vectors, one per row [1/angstrom], if q counts modulo these.

    Example:
        >>> u = jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu=100.0))
        >>> o = jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu=100.0, centre=[0.3, 0.1]))
        >>> np.asarray(jg.origins.best_shift(u, o, q_c=0.05).Q).round(6).tolist()
        [0.3, 0.1]
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    return _best(u, o, q_c, reciprocal)


def effectiveness(u: FermiSurface, o: FermiSurface, q_c: Real, *, reciprocal: Reals | None = None) -> Effectiveness:
    """How effective interband pairing is by the geometry of two surfaces: `share` at the best shift, beside the intraband ones.

    Jaxgap's reading of W18's Fig. 3 (see the module); arguments and errors as for `share`.

    Args:
        u, o: the two surfaces.
        q_c: range of the lattice momenta [1/angstrom].
        reciprocal: reciprocal lattice vectors, one per row [1/angstrom], if q counts modulo these.

    Example:
        >>> electrons, holes = (jg.origins.pocket_surface(jg.origins.pocket([m, m], mu=100 * m)) for m in (1.0, -1.0))
        >>> round(float(jg.origins.effectiveness(electrons, holes, q_c=0.05).relative), 6)
        1.0
    """
    q_c, reciprocal = _checked(u, o, q_c, reciprocal)
    return _effectiveness(u, o, q_c, reciprocal)


def local_share(u: FermiSurface, o: FermiSurface, q_c: Real, Q: Reals) -> Float[Array, "point"]:
    """What every point of u contributes to eta(Q) / eta_uu(0): 1 where the other surface lies there as its own does.

    With Q of `best_shift` it shows which parts of a surface find partners; the mean with the weights dS/v is the ratio.

    Args:
        u, o: the two surfaces.
        q_c: range of the lattice momenta [1/angstrom].
        Q: common shift [1/angstrom].

    Example:
        >>> u = jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu=100.0))
        >>> eta = jg.origins.local_share(u, u, 0.05, [0.0, 0.0])
        >>> bool(jnp.allclose(eta, 1.0))
        True
    """
    q_c, reciprocal = _checked(u, o, q_c, None)
    (k, w), (K, W) = _normalised(u), _normalised(o)
    towards, within = (
        jnp.sum(jnp.exp(-jnp.sum(differences(k, x, shift, reciprocal)[0] ** 2, axis=-1) / q_c**2) * y, axis=1)
        for x, y, shift in ((K, W, jnp.asarray(Q, jnp.float64)), (k, w, jnp.zeros(k.shape[1])))
    )
    return towards / (w @ within)


def difference_distribution(u: FermiSurface, o: FermiSurface, edges: Reals, Q: Reals | None = None) -> Float[Array, "bin"]:
    """Density of |q - Q| with q = k_o - k_u, weighted by 1/(v v'), averaged over the bins between `edges` [angstrom].

    The integral over all |q - Q| is one; 2D.

    Args:
        u, o: the two surfaces (2D).
        edges: of the bins of |q - Q| [1/angstrom], rising.
        Q: common shift [1/angstrom]; none by default.

    Example:
        >>> u = jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu=100.0))
        >>> edges = jnp.linspace(0.0, 0.4, 5)
        >>> P = jg.origins.difference_distribution(u, u, edges)
        >>> round(float(jnp.sum(P * jnp.diff(edges))), 6)
        1.0
    """
    edges = np.asarray(edges, float)
    rising = edges.ndim == 1 and len(edges) > 1 and edges[0] >= 0 and bool(np.all(np.diff(edges) > 0))
    check(rising, "edges", "rise from zero or above", edges.tolist())
    check(u.k.shape[1] == 2 and o.k.shape[1] == 2, "u", "be two surfaces in 2D", f"{u.k.shape[1]}D and {o.k.shape[1]}D")
    Q = jnp.zeros(2) if Q is None else jnp.asarray(Q, jnp.float64)
    return jnp.diff(_cumulative(u, o, jnp.asarray(edges), Q)) / np.diff(edges)


def couplings(
    surfaces: Sequence[FermiSurface], g: Real, q_c: Real, *, reciprocal: Reals | None = None
) -> Float[Array, "band band"]:
    r"""The band couplings of one attraction that acts as far as the momenta reach: lambda_ij = g eta_ij N_j.

    g [meV angstrom^d] is common to all pairs of bands and g_ij = g eta_ij is symmetric, so a free energy exists. Jaxgap's
    reading of W18; the cross channels need the mixing of the bands, too.

    Args:
        surfaces: one per band.
        g: the attraction [meV angstrom^d].
        q_c: range of the lattice momenta [1/angstrom].
        reciprocal: reciprocal lattice vectors, one per row [1/angstrom], if q counts modulo these.

    Example:
        >>> surfaces = [jg.origins.pocket_surface(jg.origins.pocket([1.0, 1.0], mu)) for mu in (100.0, 120.0)]
        >>> lam = jg.origins.couplings(surfaces, g=1e5, q_c=0.1)
        >>> np.asarray(lam).round(3).tolist()
        [[0.374, 0.348], [0.348, 0.339]]
    """
    n = len(surfaces)
    N = jnp.stack([surface.density_of_states for surface in surfaces])
    eta = [[jnp.zeros(())] * n for _ in range(n)]
    for i in range(n):
        eta[i][i] = share(surfaces[i], surfaces[i], q_c, reciprocal=reciprocal)
        for j in range(i):
            eta[i][j] = eta[j][i] = best_shift(surfaces[i], surfaces[j], q_c, reciprocal=reciprocal).share
    return jnp.asarray(g) * jnp.stack([jnp.stack(row) for row in eta]) * N


def _checked(u: FermiSurface, o: FermiSurface, q_c: Real, reciprocal: Reals | None) -> tuple[Scalar, Vectors]:
    require_float64()
    d = u.k.shape[1]
    check(o.k.shape[1] == d, "o", f"have the dimension of `u`, {d}", o.k.shape[1])
    check_finite("q_c", q_c)
    if is_concrete(q_c, u, o):
        check(float(q_c) > 0, "q_c", "be positive [1/angstrom]", q_c)
        spacing = max(float(u.spacing), float(o.spacing))
        check(float(q_c) >= spacing, "q_c", f"be at least the spacing of the points, {spacing:.3g} 1/angstrom (take more)", q_c)
    vectors = jnp.zeros((0, d)) if reciprocal is None else jnp.atleast_2d(jnp.asarray(reciprocal, jnp.float64))
    check(vectors.shape[1] == d, "reciprocal", f"hold vectors of {d} components", f"shape {vectors.shape}")
    return jnp.asarray(q_c, jnp.float64), vectors


# --- compiled ---------------------------------------------------------------------------------------------------------


def _normalised(surface: FermiSurface) -> tuple[Float[Array, "point d"], Float[Array, "point"]]:
    weight = surface.weight
    return surface.k, weight / jnp.sum(weight)


@program
def _share(u: FermiSurface, o: FermiSurface, q_c: Scalar, Q: Float[Array, "d"], reciprocal: Vectors) -> Float[Array, ""]:
    return eta(_normalised(u), _normalised(o), q_c, Q, reciprocal)


@program
def _best(u: FermiSurface, o: FermiSurface, q_c: Scalar, reciprocal: Vectors) -> Shift:
    return best_of(_normalised(u), _normalised(o), q_c, reciprocal)


@program
def _effectiveness(u: FermiSurface, o: FermiSurface, q_c: Scalar, reciprocal: Vectors) -> Effectiveness:
    first, second = _normalised(u), _normalised(o)
    none = jnp.zeros(u.k.shape[1])
    best = best_of(first, second, q_c, reciprocal)
    intraband = jnp.stack([eta(x, x, q_c, none, reciprocal) for x in (first, second)])
    return Effectiveness(best.share, best.Q, eta(first, second, q_c, none, reciprocal), intraband)


# --- the disc -----------------------------------------------------------------------------------------------------------


def _disc_share(u: FermiSurface, o: FermiSurface, radius: Scalar, Q: Float[Array, "d"]) -> Float[Array, ""]:
    return _cumulative(u, o, radius[None], Q)[0]


@program
def _cumulative(
    u: FermiSurface, o: FermiSurface, radii: Float[Array, "radius"], Q: Float[Array, "d"]
) -> Float[Array, "radius"]:
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
