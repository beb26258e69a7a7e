r"""The gap equations of many systems at once, at real amplitudes, on nodes that stay where they are.

The equations and their derivative M are those of `jaxgap.curvature`, in the same functions of A = E_+^2 + E_-^2 and
q = E_+ E_-. What differs is the layout: arrays are [node, element] with the elements last, so that every operation runs over
long vectors; M, which costs more than the equations, is computed only where it is asked for; and nodes, placed by
`jaxgap.pairing`, serve several evaluations.

Only the functions of temperature have a form of their own, with few exponentials and divisions, in which each of them is good to
rounding for the equations and to 1e-8 for M. With x_\pm = exp(-E_\pm / k_B T), D = (1 + x_+)(1 + x_-) and v = E_+ - E_-,

.. math:: \Lambda_u = \frac{1 - x_+ x_-}{D}, \qquad \Lambda_{v^2} = \frac{H}{2D}, \qquad
          H = \frac{x_- - x_+}{v} = \frac{\sqrt{x_+ x_-}}{k_B T} \frac{\sinh\delta}{\delta}, \qquad \delta = \frac{v}{2 k_B T},

where the second form of H, as a series, is taken for delta < 1/2.
"""

import itertools
import math
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.curvature import Energies, half_gradient
from jaxgap.pairing import (
    integrand_peaks,
    nodes_on,
    overlap_interval,
    pairs,
    parameters,
    pick,
    single_intervals,
    thermal_energy,
)
from jaxgap.quadrature import Rule
from jaxgap.superconductor import Cluster, Superconductor

__all__ = ["Lanes", "lanes", "residual", "residual_and_matrix", "smallest_singular_values"]

SMALL = 0.25
"""delta^2 below which H and its derivative are series."""
TERMS = 7
"""Terms after the first of sinh(delta)/delta: .25^8/17! = 4e-20."""
SLOPE_TERMS = 4
"""Terms of its derivative: .25^4/11! = 1e-10, for M."""
SWEEPS = 6
"""Sweeps of rotations: the angles left over are squared, at least, by each."""


class Alone(NamedTuple):
    """Nodes where one band pairs alone."""

    z: Float[Array, "node interval element"]
    weight: Float[Array, "node interval element"]
    first: Float[Array, "interval element"]
    """1 if it is the first of its cluster's bands that is alone there, 0 if it is the last."""


class Pair(NamedTuple):
    """Nodes where two cross-paired bands are both inside the shell."""

    z1: Float[Array, "node element"]
    z2: Float[Array, "node element"]
    weight: Float[Array, "node element"]


class Lanes(eqx.Module):
    """All that the gap equations depend on besides the amplitudes, with the elements of the batch last."""

    coupling: Float[Array, "channel channel element"]
    """lambda_cc' / N_c'."""
    kT: Float[Array, "element"]
    """k_B T [meV]."""
    alone: Alone
    pairs: tuple[Pair, ...]
    clusters: tuple[Cluster, ...] = eqx.field(static=True)


def lanes(sc: Superconductor, Delta: Float[Array, "element channel"], T: Float[Array, "element"], rule: Rule) -> Lanes:
    """The systems of a batch with their nodes, placed for the amplitudes `Delta`."""
    alone, together, coupling, kT = jax.vmap(_intervals, out_axes=-1)(sc, Delta, T)
    kappa, weight = nodes_on(sc, *alone.ends, *alone.peaks, rule.single)
    singles = Alone(kappa * (1 / alone.m[0]) - alone.mu[0], weight, alone.first)
    both = []
    for interval in together:
        kappa, weight = nodes_on(sc, *interval.ends, *interval.peaks, rule.overlap)
        z1, z2 = (kappa * (1 / m) - mu for m, mu in zip(interval.m, interval.mu, strict=True))
        both.append(Pair(z1, z2, weight))
    return Lanes(coupling, kT, singles, tuple(both), sc.clusters)


class _Interval(NamedTuple):
    """Where nodes are to lie: of one system, or of many, elements last."""

    ends: tuple[Any, Any]
    peaks: tuple[Any, Any]
    """Centres and widths, [root]."""
    m: Any
    """Masses and mus of the bands that pair there, [band]."""
    mu: Any
    first: Any


def _intervals(sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""]) -> tuple[_Interval, Any, Any, Any]:
    """(where bands pair alone, where two pair together, g, k_B T) of one system."""
    ends = list(zip(*single_intervals(sc)[1:], strict=True))
    alone, both = [], []
    for cluster in sc.clusters:
        if len(cluster.bands) == 1:
            alone.append(_alone(sc, cluster, [ends.pop(0)], Delta, T))
            continue
        (left_i, right_i, left_j, right_j), ends = ends[:4], ends[4:]
        alone += [_alone(sc, cluster, side, Delta, T) for side in ([left_i, left_j], [right_i, right_j])]
    for cluster in pairs(sc):
        m, mu = (pick(leaf, cluster.bands) for leaf in parameters(sc))
        peaks = integrand_peaks(m, mu, pick(Delta, cluster.channels), T)
        both.append(_Interval(overlap_interval(sc, cluster), peaks, m, mu, None))
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts, axis=-1), *alone)
    return stacked, both, sc.g, thermal_energy(T)


def _alone(sc: Superconductor, cluster: Cluster, ends: Any, Delta: Any, T: Any) -> _Interval:
    """On one side of the overlap. At most one of two bands is alone there: the other one's interval is empty."""
    m, mu = parameters(sc)
    first = (ends[0][1] > ends[0][0]) | (len(ends) == 1)
    i, j = cluster.bands[0], cluster.bands[-1]
    options = zip((m[i], mu[i], Delta[i], *ends[0]), (m[j], mu[j], Delta[j], *ends[-1]), strict=True)
    m, mu, D, a, b = (jnp.where(first, x, y) for x, y in options)
    peaks = integrand_peaks(m[None], mu[None], D[None], T)
    return _Interval((a, b), peaks, m[None], mu[None], first.astype(float))


def residual(x: Float[Array, "channel element"], at: Lanes) -> Float[Array, "channel element"]:
    """What the gap equations leave at the amplitudes x [meV]."""
    return x - _mixed(at.coupling, _densities(x, at, False)[0])


def residual_and_matrix(
    x: Float[Array, "channel element"], at: Lanes
) -> tuple[Float[Array, "channel element"], Float[Array, "channel channel element"]]:
    """(r [meV], M = dr/dx)."""
    P, dP = _densities(x, at, True)
    columns = [_mixed(at.coupling, column) for column in dP]
    one = jnp.eye(len(x))[:, :, None]
    return x - _mixed(at.coupling, P), one - jnp.stack(columns, axis=1)


def _mixed(coupling: Any, P: list[Any]) -> Float[Array, "channel element"]:
    """sum over c' of lambda_cc' P_c' / N_c'."""
    return jnp.stack([sum(g * P_c for g, P_c in zip(row, P, strict=True)) for row in coupling])


def _densities(x: Float[Array, "channel element"], at: Lanes, with_matrix: bool) -> tuple[list[Any], list[list[Any]]]:
    """(P, dP/dx) by channel; without the matrix the latter are zeros."""
    n, zero = len(x), jnp.zeros_like(at.kT)
    P, dP = [zero] * n, [[zero] * n for _ in range(n)]
    bands = [(c.bands[0], c.bands[-1]) for c in at.clusters for _ in range(len(c.bands))]
    D = jnp.stack([jnp.where(first > 0, x[i], x[j]) for (i, j), first in zip(bands, at.alone.first, strict=True)])
    f, slope = _single_sums(at.alone, D, at.kT, with_matrix)
    for k, (i, j) in enumerate(bands):
        for band, share in ((i, at.alone.first[k]), (j, 1 - at.alone.first[k])):
            P[band] += share * f[k] * D[k]
            dP[band][band] += share * (f[k] + slope[k] * 2 * D[k] * D[k])
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        P_c, dP_c = _pair_densities(pair, x[jnp.array(cluster.channels)], at.kT, with_matrix)
        for a, channel in enumerate(cluster.channels):
            P[channel] += P_c[a]
            for b, other in enumerate(cluster.channels):
                dP[channel][other] += dP_c[a][b]
    return P, dP


def _single_sums(at: Alone, D: Any, kT: Any, with_slope: bool) -> tuple[Any, Any]:
    """Sums over k of f(E) = tanh(E / 2 k_B T) / 2E and df/d(E^2), [interval, element]."""
    z, weight, _ = at
    E2 = z * z + D * D
    # A node that falls on E = 0 is left out, as in `spectrum.pair_sum`.
    gapped = E2 > 0
    per_E = weight / jnp.sqrt(jnp.where(gapped, E2, 1.0))
    t = jnp.tanh(jnp.where(gapped, jnp.sqrt(E2), 0.0) / (2 * kT))
    f = 0.5 * t * per_E
    if not with_slope:
        return jnp.sum(f, axis=0), jnp.zeros_like(D)
    slope = ((1 - t * t) * weight / (4 * kT) - f) / (2 * jnp.where(gapped, E2, jnp.inf))
    return jnp.sum(f, axis=0), jnp.sum(slope, axis=0)


def _pair_densities(pair: Pair, x: Float[Array, "3 element"], kT: Any, with_matrix: bool) -> tuple[Any, Any]:
    """P and dP/dx of the three channels of two cross-paired bands where both are inside the shell."""
    z1, z2, weight = pair
    q, A, Lambda = _functions(z1, z2, x, kT, with_matrix)
    summed = lambda f: jnp.sum(f * weight, axis=0)  # noqa: E731
    z = Energies(jnp.ones_like(z1), z1 * z1, z2 * z2, z1 * z2)
    moments = Energies(*(summed(Lambda["q/q"] * part) for part in z))
    slopes = jnp.array([2.0, 2.0, 4.0])[:, None]
    A_x, Lambda_A = slopes * x, summed(Lambda["A"])
    P = (Lambda_A * A_x + half_gradient(x, moments)) / 2
    if not with_matrix:
        return P, jnp.zeros((3, 3, 1))
    q_x = half_gradient(x[:, None], z) / jnp.where(q > 0, q, 1.0)
    AA, Aq_x = summed(Lambda["AA"]), [summed(Lambda["Aq"] * q_x[a]) for a in range(3)]
    bent = jax.vmap(jax.jacfwd(half_gradient), in_axes=-1, out_axes=-1)(x, moments)  # sum of Lambda_q / 2q det_xx
    weighted = [Lambda["qq"] * q_x[a] for a in range(3)]
    qq_xx = {(a, b): summed(weighted[a] * q_x[b]) for a in range(3) for b in range(a, 3)}
    dP = [
        [
            (bent[a, b] + AA * A_x[a] * A_x[b] + A_x[a] * Aq_x[b] + Aq_x[a] * A_x[b] + qq_xx[min(a, b), max(a, b)]) / 2
            for b in range(3)
        ]
        for a in range(3)
    ]
    for a in range(3):
        dP[a][a] += Lambda_A * slopes[a] / 2
    return P, dP


def _functions(z1: Any, z2: Any, x: Any, kT: Any, with_matrix: bool) -> Any:
    D1, D2, D3 = x
    s1, s2, s3 = D1 * D1, D2 * D2, D3 * D3
    q = jnp.sqrt((z1 * z2 - D1 * D2 + s3) ** 2 + (z1 * D2 + z2 * D1) ** 2)
    A = z1 * z1 + z2 * z2 + s1 + s2 + 2 * s3
    b2 = ((z1 - z2) * (z1 + z2) + s1 - s2) ** 2 + 4 * s3 * ((z1 - z2) ** 2 + (D1 + D2) ** 2)
    gapped = q > 0
    safe = jnp.where(gapped, q, 1.0)
    u2 = A + 2 * safe
    u = jnp.sqrt(u2)
    per_u = 1 / u
    v2 = b2 * per_u * per_u
    v = jnp.sqrt(v2)
    E_plus = (u + v) / 2
    per_kT = 1 / kT
    minus, plus = jnp.exp(-safe / E_plus * per_kT), jnp.exp(-E_plus * per_kT)
    both, cosh = minus * plus, minus + plus
    per_D = 1 / ((1 + minus) * (1 + plus))
    delta2 = v2 * (0.25 * per_kT * per_kT)
    small = delta2 < SMALL
    delta2 = jnp.where(small, delta2, 0.0)
    series = jnp.ones_like(v)
    for k in range(TERMS, 0, -1):
        series = 1 + delta2 * (1 / ((2 * k) * (2 * k + 1))) * series
    per_v = 1 / jnp.where(small, 1.0, v)
    scale = jnp.sqrt(both) * per_kT
    H = jnp.where(small, scale * series, (minus - plus) * per_v)
    L_u, L_v = (1 - both) * per_D, 0.5 * H * per_D
    per_u_L = L_u * per_u
    Lambda = {"A": 0.5 * per_u_L + L_v, "q/q": (per_u_L - 2 * L_v) / safe}
    if with_matrix:
        slope = jnp.zeros_like(v)
        for k in range(SLOPE_TERMS, 0, -1):
            slope = k / math.factorial(2 * k + 1) + delta2 * slope
        H_v = jnp.where(small, scale * per_kT * per_kT * 0.25 * slope, (0.5 * per_kT * cosh - H) * (0.5 * per_v * per_v))
        L_uu = (both + L_u * (both + 0.5 * cosh)) * per_kT * per_D
        L_uv = -0.5 * per_kT * L_u * L_v
        L_vv = 0.5 * H_v * per_D - 0.5 * per_kT * L_v * L_v
        C = (L_uu - per_u_L) * per_u * per_u
        Lambda |= {
            "AA": 0.25 * C + L_uv * per_u + L_vv,
            "Aq": 0.5 * C - 2 * L_vv,
            "qq": C - 4 * L_uv * per_u + 4 * L_vv - Lambda["q/q"],
        }
    return q, A, Lambda


def smallest_singular_values(M: Float[Array, "n n element"]) -> Float[Array, "element"]:
    """sigma_min of every M, by one-sided Jacobi rotations of its columns; NaN if M is not finite."""
    n = M.shape[1]

    def sweep(_: Any, columns: tuple[Any, ...]) -> tuple[Any, ...]:
        rotated = list(columns)
        for a, b in itertools.combinations(range(n), 2):
            u, v = rotated[a], rotated[b]
            overlap, apart = jnp.sum(u * v, axis=0), jnp.sum(v * v - u * u, axis=0) / 2
            # The smaller angle that makes them orthogonal.
            t = overlap / jnp.where(overlap == 0, 1.0, apart + jnp.where(apart < 0, -1.0, 1.0) * jnp.hypot(apart, overlap))
            c = 1 / jnp.sqrt(1 + t * t)
            rotated[a], rotated[b] = c * (u - t * v), c * (v + t * u)
        return tuple(rotated)

    columns = jax.lax.fori_loop(0, SWEEPS, sweep, tuple(M[:, k] for k in range(n)))
    lengths = jnp.stack([jnp.sqrt(jnp.sum(u * u, axis=0)) for u in columns])
    smallest = lengths[0]
    for length in lengths[1:]:
        smallest = jnp.where(length < smallest, length, smallest)
    return jnp.where(jnp.isfinite(lengths).all(axis=0), smallest, jnp.nan)
