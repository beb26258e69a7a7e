r"""The gap equations of many systems at once, at real amplitudes, on nodes that stay where they are.

The equations and their derivative M are those of `jaxgap.equations.curvature`, in the same functions of A = E_+^2 + E_-^2 and
q = E_+ E_-. What differs is the layout: arrays are [node, element] with the elements last, so that every operation runs over
long vectors; M, which costs more than the equations, is computed only where it is asked for; and nodes, placed by
`jaxgap.equations.pairing`, serve several evaluations.

Only the functions of temperature have a form of their own, with few exponentials and divisions, good to rounding for the
equations and to 1e-10 for M. With t_\pm = tanh(E_\pm / 2 k_B T) and v = E_+ - E_-,

.. math:: \Lambda_u = \frac{t_+ + t_-}{2}, \qquad
          \Lambda_{v^2} = \frac{t_+ - t_-}{4v}
                        = \frac{\sqrt{(1 - t_+^2)(1 - t_-^2)}}{8 k_B T} \frac{\sinh\delta}{\delta}, \qquad
          \delta = \frac{v}{2 k_B T},

where the second form, as a series, is taken for delta < 1/2. Barriers are where XLA would compute something once per user, or
leave it to a slower kind of loop (`benchmarks/sweep_kernel.py` has what they are worth together).
"""

import itertools
import math
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.equations.curvature import Energies, half_gradient
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.regions import Nodes, integrand_peaks, nodes_on, overlap_interval, pairs, parameters, pick, single_intervals
from jaxgap.units import thermal_energy

__all__ = [
    "Lanes",
    "lanes",
    "residual",
    "residual_and_matrix",
    "residual_and_phases",
    "normal_matrix",
    "smallest_singular_values",
]

SMALL = 0.25
"""delta^2 below which Lambda_(v^2) and its derivative are series."""
TERMS = 7
"""Terms after the first of sinh(delta)/delta: .25^8/17! = 4e-20."""
SLOPE_TERMS = 4
"""Terms of its derivative: .25^4/11! = 1e-10, for M."""
SWEEPS = 6
"""Sweeps of rotations: the angles left over are squared, at least, by each."""


Derivative = Literal["none", "amplitudes", "phases"]
"""Of real amplitudes, or of imaginary parts beside them."""


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
    alone, together, coupling, kT = barrier(jax.vmap(_intervals, out_axes=-1)(sc, Delta, T))
    kappa, weight = _nodes(sc, alone, rule.single)
    singles = Alone(kappa * (1 / alone.m[0]) - alone.mu[0], weight, alone.first)
    both = []
    for interval in together:
        kappa, weight = _nodes(sc, interval, rule.overlap)
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


def _nodes(sc: Superconductor, on: _Interval, n: int) -> Nodes:
    (a, b), (centre, width) = on.ends, on.peaks
    return nodes_on(sc, a, b, centre, width, n)


def _intervals(sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""]) -> tuple[_Interval, Any, Any, Any]:
    """(where bands pair alone, where two pair together, g, k_B T) of one system."""
    ends = [interval[1:] for interval in single_intervals(sc)]
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
    x = barrier(x)
    return x - _mixed(at.coupling, _densities(x, at, "none")[0])


def residual_and_matrix(
    x: Float[Array, "channel element"], at: Lanes
) -> tuple[Float[Array, "channel element"], Float[Array, "channel channel element"]]:
    """(r [meV], M = dr/dx)."""
    x = barrier(x)
    return _with_block(x, at, "amplitudes")


def residual_and_phases(
    x: Float[Array, "channel element"], at: Lanes
) -> tuple[Float[Array, "channel element"], Float[Array, "channel channel element"]]:
    """(r [meV], the phase block of M), as in `solving.stability.phase_block`: the sums of r make it, too."""
    return _with_block(barrier(x), at, "phases")


def _with_block(x: Any, at: Lanes, derivative: Derivative) -> Any:
    P, dP = _densities(x, at, derivative)
    columns = [_mixed(at.coupling, column) for column in dP]
    one = jnp.eye(len(x))[:, :, None]
    return x - _mixed(at.coupling, P), one - jnp.stack(columns, axis=1)


def normal_matrix(at: Lanes) -> Float[Array, "channel channel element"]:
    """M = 1 - lambda K(T) of the normal state, with K as in `solving.critical.linear_kernel`.

    That of a cross channel is summed as tanh(x + y) / (x + y) (1 + tanh x tanh y), which has no 0/0 at x = -y.
    """
    n, half = len(at.coupling), 0.5 / at.kT
    K = [jnp.zeros_like(at.kT)] * n
    bands = [(c.bands[0], c.bands[-1]) for c in at.clusters for _ in range(len(c.bands))]
    alone = half / 2 * jnp.sum(_tanh_over(at.alone.z * half) * at.alone.weight, axis=0)
    for k, (i, j) in enumerate(bands):
        K[i] += at.alone.first[k] * alone[k]
        K[j] += (1 - at.alone.first[k]) * alone[k]
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        x, y = pair.z1 * half, pair.z2 * half
        both = _tanh_over(x + y) * (1 + jnp.tanh(x) * jnp.tanh(y))
        for channel, f in zip(cluster.channels, (_tanh_over(x) / 2, _tanh_over(y) / 2, both), strict=True):
            K[channel] += half * jnp.sum(f * pair.weight, axis=0)
    return jnp.eye(n)[:, :, None] - at.coupling * jnp.stack(K)[None]


def _tanh_over(x: Any) -> Any:
    """tanh(x) / x."""
    apart = x != 0
    return jnp.where(apart, jnp.tanh(x) / jnp.where(apart, x, 1.0), 1.0)


def _mixed(coupling: Any, P: list[Any]) -> Float[Array, "channel element"]:
    """sum over c' of lambda_cc' P_c' / N_c'."""
    return jnp.stack([sum(g * P_c for g, P_c in zip(row, P, strict=True)) for row in coupling])


def _densities(x: Float[Array, "channel element"], at: Lanes, derivative: Derivative) -> tuple[list[Any], list[list[Any]]]:
    """(P, dP/dx) by channel, in amplitudes or in phases; without the matrix the latter are of no use."""
    n, zero = len(x), jnp.zeros_like(at.kT)
    P, dP = [zero] * n, [[zero] * n for _ in range(n)]
    bands = [(c.bands[0], c.bands[-1]) for c in at.clusters for _ in range(len(c.bands))]
    D = jnp.stack([jnp.where(first > 0, x[i], x[j]) for (i, j), first in zip(bands, at.alone.first, strict=True)])
    f, slope = _single_sums(at.alone, D, at.kT, derivative == "amplitudes")
    for k, (i, j) in enumerate(bands):
        for band, share in ((i, at.alone.first[k]), (j, 1 - at.alone.first[k])):
            P[band] += share * f[k] * D[k]
            dP[band][band] += share * (f[k] + slope[k] * 2 * D[k] * D[k])
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        P_c, dP_c = _pair_densities(pair, pick(x, cluster.channels), at.kT, derivative)
        for a, channel in enumerate(cluster.channels):
            P[channel] += P_c[a]
            for b, other in enumerate(cluster.channels):
                dP[channel][other] += dP_c[a][b]
    return P, dP


def _single_sums(at: Alone, D: Any, kT: Any, with_slope: bool) -> tuple[Any, Any]:
    """Sums over k of f(E) = tanh(E / 2 k_B T) / 2E and df/d(E^2), [interval, element]."""
    z, weight, _ = at
    E2, half = z * z + D * D, 0.5 / kT
    # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
    gapped = E2 > 0
    E2, weight = jnp.where(gapped, E2, 1.0), jnp.where(gapped, weight, 0.0)
    per_E = 1 / jnp.sqrt(E2)
    t = jnp.tanh(E2 * per_E * half)
    f = barrier(0.5 * t * per_E * weight)
    if not with_slope:
        return jnp.sum(f, axis=0), jnp.zeros_like(D)
    slope = ((1 - t * t) * half * weight - 2 * f) * (0.25 * per_E * per_E)
    return jnp.sum(f, axis=0), jnp.sum(slope, axis=0)


def _pair_densities(pair: Pair, x: Float[Array, "3 element"], kT: Any, derivative: Derivative) -> tuple[Any, Any]:
    """P and dP/dx of the three channels of two cross-paired bands where both are inside the shell."""
    z = Energies(jnp.ones_like(pair.z1), pair.z1**2, pair.z2**2, pair.z1 * pair.z2)
    q, Lambda = _functions_of_k(pair, x, kT, derivative == "amplitudes")

    gapped = q > 0
    q, weight = jnp.where(gapped, q, 1.0), jnp.where(gapped, pair.weight, 0.0)

    def summed(f: Any) -> Any:
        return jnp.sum(f * weight, axis=0)

    slopes = jnp.array([2.0, 2.0, 4.0])[:, None]
    A_x, Lambda_A = slopes * x, barrier(summed(Lambda.A))
    moments = Energies(*(summed(Lambda.per_q * part) for part in z))
    P = (Lambda_A * A_x + half_gradient(x, moments)) / 2
    diagonal = jnp.eye(3)[:, :, None] * (Lambda_A * slopes)
    if derivative == "none":
        return P, jnp.zeros((3, 3, 1))
    if derivative == "phases":
        return P, (diagonal + jax.vmap(_turned, in_axes=-1, out_axes=-1)(x, moments)) / 2
    q_x = half_gradient(x[:, None], z) / q
    weighted = [Lambda.qq * part for part in q_x]
    upper = {(a, b): summed(weighted[a] * q_x[b]) for a in range(3) for b in range(a, 3)}
    qq_xx = jnp.stack([jnp.stack([upper[min(a, b), max(a, b)] for b in range(3)]) for a in range(3)])
    mixed = A_x[:, None] * jnp.stack([summed(Lambda.Aq * part) for part in q_x])
    bent = jax.vmap(jax.jacfwd(half_gradient), in_axes=-1, out_axes=-1)(x, moments)  # sum of Lambda_q / 2q det_xx
    AA = barrier(summed(Lambda.AA)) * A_x[:, None] * A_x[None]
    return P, (diagonal + bent + AA + mixed + mixed.transpose(1, 0, 2) + qq_xx) / 2


def _turned(x: Float[Array, "3"], moments: Energies) -> Float[Array, "3 3"]:
    """What imaginary parts of the amplitudes do to that of det_x / 2."""
    return jax.jacfwd(lambda eta: half_gradient(x + 1j * eta, moments)[3:])(jnp.zeros_like(x))


class _Functions(NamedTuple):
    """Derivatives of Lambda, as in `spectra.pair.curvatures`."""

    A: Any
    per_q: Any
    """Lambda_q / q."""
    AA: Any = None
    Aq: Any = None
    qq: Any = None
    """Lambda_qq - Lambda_q / q."""


def _functions_of_k(pair: Pair, x: Float[Array, "3 element"], kT: Any, with_matrix: bool) -> tuple[Any, _Functions]:
    """q = E_+ E_- and the functions of k. Where q vanishes, at a node that is to be left out, they are those of q = 1."""
    z1, z2, _ = pair
    D1, D2, D3 = x
    s1, s2, s3 = D1 * D1, D2 * D2, D3 * D3
    q = jnp.sqrt((z1 * z2 - D1 * D2 + s3) ** 2 + (z1 * D2 + z2 * D1) ** 2)
    product, q = q, jnp.where(q > 0, q, 1.0)
    b2 = ((z1 - z2) * (z1 + z2) + s1 - s2) ** 2 + 4 * s3 * ((z1 - z2) ** 2 + (D1 + D2) ** 2)
    per_u = 1 / jnp.sqrt(z1 * z1 + z2 * z2 + s1 + s2 + 2 * (s3 + q))
    v2 = b2 * per_u * per_u
    v, per_kT = jnp.sqrt(v2), 1 / kT
    E_plus = (1 / per_u + v) / 2
    plus, minus = jnp.tanh(E_plus * (0.5 * per_kT)), jnp.tanh(q / E_plus * (0.5 * per_kT))
    away_plus, away_minus = 1 - plus * plus, 1 - minus * minus

    # === Lambda_u and Lambda_(v^2)
    delta2 = v2 * (0.25 * per_kT * per_kT)
    small = delta2 < SMALL
    delta2, per_v = jnp.where(small, delta2, 0.0), 1 / jnp.where(small, 1.0, v)
    scale = 0.125 * per_kT * jnp.sqrt(away_plus * away_minus)
    L_u = 0.5 * (plus + minus)
    L_v = jnp.where(small, scale * _series(delta2), 0.25 * (plus - minus) * per_v)
    mean = L_u * per_u
    values = _Functions(0.5 * mean + L_v, (mean - 2 * L_v) / q)
    if not with_matrix:
        return product, values

    # === second derivatives
    both = 0.0625 * per_kT * (away_plus + away_minus)
    away = (both - L_v) * (0.5 * per_v * per_v)
    near = scale * per_kT * per_kT * 0.25 * _series_slope(delta2) - 0.5 * per_kT * L_v * L_v
    L_uu, L_uv, L_vv = 2 * both, -0.5 * per_kT * L_u * L_v, jnp.where(small, near, away)
    C, mixed = (L_uu - mean) * per_u * per_u, L_uv * per_u
    return product, values._replace(
        AA=0.25 * C + mixed + L_vv, Aq=0.5 * C - 2 * L_vv, qq=C - 4 * mixed + 4 * L_vv - values.per_q
    )


def _series(z: Any) -> Any:
    """sinh(delta)/delta with z = delta^2."""
    total = jnp.ones_like(z)
    for k in range(TERMS, 0, -1):
        total = 1 + z * (1 / ((2 * k) * (2 * k + 1))) * total
    return total


def _series_slope(z: Any) -> Any:
    """Its derivative with respect to z."""
    total = jnp.zeros_like(z)
    for k in range(SLOPE_TERMS, 0, -1):
        total = k / math.factorial(2 * k + 1) + z * total
    return total


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
