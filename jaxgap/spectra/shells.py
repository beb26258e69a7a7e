r"""Where the bands of a cluster of several are inside their shells, and nodes of quadrature there.

The 2N edges of N shells, sorted, bound 2N - 1 intervals of kappa; in each a set of bands is active, and a channel acts where
both of its bands are. Integrands are sharp at the roots kappa of

.. math:: \det\left[ \kappa / m - \mu + i \Delta_S \right] = 0, \qquad
          \text{eigenvalues of } m (\mu - i \Delta_S) \text{, for complex amplitudes of }
          \begin{pmatrix} m \mu & -m \Delta_S \\ m \Delta_S^\dagger & m \mu \end{pmatrix}

with the amplitudes Delta_S of the active bands: roots of all bands would leave errors of 1e-3 beside an edge. Every interval is
cut at its roots and half way between them; most of the pieces are empty, and only the longest get nodes.

Nodes do not move with the edges. That an integral does is told by samples at the edges themselves, whose weights are zero and
have the right derivative (`samples`).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.model.band import rho
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.orders import ends_after
from jaxgap.numerics.small import eigenvalues
from jaxgap.spectra.quadrature import NARROWEST, longest_pieces
from jaxgap.spectra.regions import broadened, lightest

__all__ = [
    "Parts",
    "Samples",
    "Shells",
    "band_pairs",
    "gap_matrix",
    "nodes_on_parts",
    "parts_at",
    "parts_of",
    "samples",
    "shell_edges",
]

Scalar = Float[Array, ""]

TIE = 1e-12
"""Edges closer than this share of the largest kappa coincide."""


class Shells(NamedTuple):
    """The bands of a cluster, with amplitudes."""

    m: Float[Array, "band *on"]
    mu: Float[Array, "band *on"]
    a: Float[Array, "band *on"]
    """Lower edges, in kappa [meV]."""
    b: Float[Array, "band *on"]
    pairs: tuple[tuple[int, int], ...]
    """The bands of every channel."""
    Delta: Inexact[Array, "own *on"]


class Parts(NamedTuple):
    """The intervals between the edges of a cluster's shells, and the peaks of its integrands."""

    edges: Float[Array, "edge *on"]
    """Rising [meV]."""
    active: Bool[Array, "band interval *on"]
    centre: Float[Array, "root interval *on"]
    width: Float[Array, "root interval *on"]
    """At T = 0."""
    mass: Float[Array, "*on"]
    """The least |m| of the bands."""


class Samples(NamedTuple):
    """Nodes in kappa, with weights that include rho(kappa), and the bands that are inside their shells there."""

    kappa: Float[Array, "node *on"]
    weight: Float[Array, "node *on"]
    active: Bool[Array, "band node *on"]

    def integral(self, integrand: Inexact[Array, "..."], axis: int = -1) -> Inexact[Array, "..."]:
        """Sum over the nodes."""
        return jnp.sum(integrand * self.weight, axis=axis)


def band_pairs(sc: Superconductor, cluster: Cluster) -> tuple[tuple[int, int], ...]:
    """The bands of every channel of a cluster, by their places in it."""
    n = len(sc.bands)
    pairs = ((c, c) if c < n else sc.cross[c - n] for c in cluster.channels)
    return tuple((cluster.bands.index(i), cluster.bands.index(j)) for i, j in pairs)


def gap_matrix(pairs: tuple[tuple[int, int], ...], Delta: Inexact[Array, "own *on"]) -> Inexact[Array, "band band *on"]:
    """The symmetric matrix of a cluster's amplitudes."""
    size = 1 + max(j for pair in pairs for j in pair)
    where = {pair: c for c, (i, j) in enumerate(pairs) for pair in ((i, j), (j, i))}
    zero = jnp.zeros_like(Delta[0])
    return jnp.stack([jnp.stack([Delta[where[i, j]] if (i, j) in where else zero for j in range(size)]) for i in range(size)])


def shell_edges(sc: Superconductor, cluster: Cluster) -> tuple[Float[Array, "band"], Float[Array, "band"]]:
    """Lower and upper edges of the shells, in kappa [meV]."""
    a, b = zip(*(sc.bands[i].shell(sc.Omega) for i in cluster.bands), strict=True)
    return jnp.stack(a), jnp.stack(b)


def parts_of(shells: Shells, normal: bool = False) -> Parts:
    """Cut for the amplitudes, if `normal` also for none. No derivatives."""
    shells = _fixed(shells)
    m, mu, a, b, *_ = shells
    edges, active = _between(a, b)
    D = _acting(shells, active)
    middle, weight = jnp.broadcast_to(_diagonal(m * mu, D), D.shape), m[:, None, None]
    if jnp.iscomplexobj(D):
        # Two conjugates each; those above the real axis are enough.
        roots = _eigenvalues([[middle, -weight * D], [weight * jnp.conj(D), middle]])
        roots = jnp.take_along_axis(roots, jnp.argsort(roots.imag, axis=0), axis=0)[len(m) :]
    else:
        roots = _eigenvalues([[middle - 1j * weight * D]])
    if normal:
        roots = jnp.concatenate([roots, jnp.broadcast_to((m * mu)[:, None], roots.shape) + 0j])
    return Parts(edges, active, roots.real, jnp.abs(roots.imag), lightest(m))


def parts_at(shells: Shells, z: Complex[Array, ""]) -> tuple[Parts, Complex[Array, "root interval"]]:
    r"""The parts cut at the roots kappa of det(z - H), and these: eigenvalues of

    .. math:: \begin{pmatrix} m (\mu + z) & -m \Delta_S \\ m \Delta_S^\dagger & m (\mu - z) \end{pmatrix} .
    """
    shells = _fixed(shells)
    m, mu, a, b, *_ = shells
    z = jax.lax.stop_gradient(z)
    edges, active = _between(a, b)
    D = _acting(shells, active)
    electron, hole = (jnp.broadcast_to(_diagonal(m * (mu + w), D), D.shape) for w in (z, -z))
    roots = _eigenvalues([[electron, -m[:, None, None] * D], [m[:, None, None] * jnp.conj(D), hole]])
    return Parts(edges, active, roots.real, jnp.abs(roots.imag), lightest(m)), roots


def _fixed(shells: Shells) -> Shells:
    m, mu, a, b, _, Delta = shells
    return Shells(*jax.lax.stop_gradient((m, mu, a, b)), shells.pairs, jax.lax.stop_gradient(Delta))


def _between(a: Float[Array, "band *on"], b: Float[Array, "band *on"]) -> tuple[Float[Array, "edge *on"], Bool[Array, "..."]]:
    """The sorted edges, and the bands that are inside their shells in every interval between them, by rank."""
    n = len(a)
    both = jnp.concatenate([a, b])
    order = jnp.argsort(both, axis=0, stable=True)
    rank = jnp.argsort(order, axis=0, stable=True)
    place = jnp.arange(2 * n - 1).reshape(1, -1, *[1] * (a.ndim - 1))
    return jnp.take_along_axis(both, order, axis=0), (rank[:n, None] <= place) & (rank[n:, None] > place)


def _acting(shells: Shells, active: Bool[Array, "band interval *on"]) -> Inexact[Array, "band band interval *on"]:
    """The matrix of amplitudes of the active bands. A band outside its shell is decoupled, and gets an amplitude so large that
    its root is far from everything."""
    D = jnp.where(active[:, None] & active[None], gap_matrix(shells.pairs, shells.Delta)[:, :, None], 0.0)
    far = (jnp.max(shells.b, axis=0) - jnp.min(shells.a, axis=0)) / jnp.abs(shells.m)
    return D + jnp.where(active[None], 0.0, 1.0) * _diagonal(far, D)


def _diagonal(values: Inexact[Array, "band *on"], D: Inexact[Array, "band band interval *on"]) -> Inexact[Array, "..."]:
    return jnp.eye(len(values)).reshape(*D.shape[:2], *[1] * (D.ndim - 2)) * values[:, None, None]


def _eigenvalues(blocks: list[list[Inexact[Array, "band band interval *on"]]]) -> Complex[Array, "root interval *on"]:
    matrix = jnp.concatenate([jnp.concatenate(row, axis=1) for row in blocks])
    shape = matrix.shape[2:]
    found = jax.vmap(eigenvalues)(jnp.moveaxis(matrix.reshape(*matrix.shape[:2], -1), -1, 0))
    return found.T.reshape(-1, *shape)


def nodes_on_parts(parts: Parts, kT: Float[Array, "*on"], n: int, dimension: int) -> Samples:
    """n nodes on each of the longest pieces."""
    lower, upper = parts.edges[:-1], parts.edges[1:]
    centre, width = parts.centre, broadened(parts.width, parts.mass, kT)
    if dimension == 3:
        # The integral runs over sqrt(kappa), in which a band's edge is smooth.
        root = jnp.sqrt(centre + 1j * width)
        lower, upper, centre, width = jnp.sqrt(lower), jnp.sqrt(upper), root.real, root.imag
    least = NARROWEST * jnp.maximum(upper[-1] - lower[0], jnp.finfo(float).tiny)
    bands = len(parts.active)
    most = 2 * (bands + len(centre)) + 2
    y, weight, interval, whole = longest_pieces(lower, upper, centre, jnp.maximum(width, least), n, most)
    # Of a spectrum with more pieces than ever seen nothing is known.
    weight = jnp.where(whole, weight, jnp.nan)
    shape = (bands, *interval.shape)
    inside = jnp.take_along_axis(parts.active, jnp.broadcast_to(interval[None], shape), axis=1)
    active = jnp.repeat(inside, n, axis=1)
    return Samples(y * y, 2 * y * y * weight, active) if dimension == 3 else Samples(y, weight, active)


def samples(sc: Superconductor, cluster: Cluster, parts: Parts, kT: Scalar, n: int) -> Samples:
    """Where integrands of one system are summed; derivatives are those of integrals whose ends move with the shells.

    To second order in the displacement e - e_0 of an edge the integral changes by (e - e_0) times what the integrand jumps by
    half way. Where edges coincide the mean is taken of two orders in which they may pass each other, one the reverse of the
    other: exact if all move together, the mean of both sides of two. A third derivative in the edges is NaN.
    """
    a, b = shell_edges(sc, cluster)
    nodes = jax.lax.stop_gradient(nodes_on_parts(parts, kT, sc.decades * n, sc.dimension))
    found = [nodes, *(_crossings(a, b, order, sc.dimension) for order in (np.arange(len(a)), -np.arange(len(a))))]
    kappa, weight = (jnp.concatenate(leaf) for leaf in zip(*((one.kappa, one.weight) for one in found), strict=True))
    return Samples(kappa, weight, jnp.concatenate([one.active for one in found], axis=1))


def _crossings(a: Float[Array, "band"], b: Float[Array, "band"], order: np.ndarray, dimension: int) -> Samples:
    """Samples at the edges with and without the band whose edge it is; of bands that tie the earlier in `order` goes first."""
    n = len(a)
    e = jnp.concatenate([a, b])
    fixed = jax.lax.stop_gradient(e)
    kappa = (e + fixed) / 2
    lo, hi = fixed[:n, None], fixed[None, n:].T
    who, sign = np.tile(np.arange(n), 2), np.repeat([-1.0, 1.0], n)
    near = TIE * jnp.max(fixed)
    first = order[:, None] < order[who][None]
    # Lower edges come in this order, and upper ones leave in it.
    inside = jnp.where(jnp.abs(lo - fixed) <= near, first, lo < fixed) & jnp.where(
        jnp.abs(hi - fixed) <= near, ~first, hi > fixed
    )
    own = who[None] == np.arange(n)[:, None]
    positive = kappa > 0
    density = jnp.where(positive, rho(jnp.where(positive, kappa, 1.0), dimension), 0.0)
    weight = (e - fixed) * sign * density / 2 + ends_after(2, e - fixed)
    return Samples(
        jnp.concatenate([kappa, kappa]),
        jnp.concatenate([weight, -weight]),
        jnp.concatenate([inside | own, inside & ~own], axis=1),
    )
