r"""The gap equations and their derivative M, in closed form, of many systems at once or of one, on real unknowns x: the real
amplitudes, or the real and the imaginary parts of complex ones (`jaxgap.equations.pairing.pack`).

.. math:: M = \frac{\partial r}{\partial x} = 1 - \lambda N^{-1} \frac{\partial P}{\partial x}, \qquad
          2 P_x = \sum_k \frac{\partial \Lambda}{\partial x}, \qquad \Lambda = L(E_+) + L(E_-)

At every k, Lambda depends on the amplitudes through two numbers, A = E_+^2 + E_-^2 and q = E_+ E_- = sqrt(det). With their
derivatives (as complex numbers: those with respect to the real part plus i times those with respect to the imaginary part)

.. math:: A_x = (2\Delta_1, 2\Delta_2, 4\Delta_3), \qquad q \, q_x = \tfrac12 \det{}_x = \begin{cases}
          \Delta_1 \zeta_2^2 + \Delta_1 |\Delta_2|^2 - \Delta_3^2 \Delta_2^* \\
          \Delta_2 \zeta_1^2 + \Delta_2 |\Delta_1|^2 - \Delta_3^2 \Delta_1^* \\
          2 \Delta_3 \zeta_1 \zeta_2 + 2 \Delta_3 |\Delta_3|^2 - 2 \Delta_1 \Delta_2 \Delta_3^* \end{cases}

all second derivatives follow from five functions of k (`spectra.pair.curvatures`),

.. math:: 2 \frac{\partial P_x}{\partial x'} = \sum_k \Lambda_A A_{xx'} + \frac{\Lambda_q}{2q} \det{}_{xx'}
          + \Lambda_{AA} A_x A_{x'} + \Lambda_{Aq} (A_x q_{x'} + q_x A_{x'})
          + \Bigl(\Lambda_{qq} - \frac{\Lambda_q}{q}\Bigr) q_x q_{x'} .

It is what automatic differentiation of `equations.pairing.gap_residual` gives, but no function of k is evaluated once for every
unknown: Newton spends its time here. The functions of temperature have few exponentials and divisions: with
t_\pm = tanh(E_\pm / 2 k_B T) and v = E_+ - E_-,

.. math:: \Lambda_u = \frac{t_+ + t_-}{2}, \qquad
          \Lambda_{v^2} = \frac{t_+ - t_-}{4v}
                        = \frac{\sqrt{(1 - t_+^2)(1 - t_-^2)}}{8 k_B T} \frac{\sinh\delta}{\delta}, \qquad
          \delta = \frac{v}{2 k_B T},

where the second form, as a series, is taken for delta < 1/2.

Batches have their elements last (`jaxgap.equations.nodes`), and M, which costs more than r, is computed only where it is asked
for. One system is a batch of one; under `jax.vmap` it becomes one of many. Derivatives of both are those of the functions in
`equations.pairing`, which are smooth where the branches touch. Barriers are where XLA would compute something once per user, or
leave it to a slower kind of loop (`benchmarks/sweep_kernel.py` has what they are worth together).
"""

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact, PyTree

from jaxgap.equations.group_sums import Block, group_densities
from jaxgap.equations.lattice_sums import densities_on_lattices
from jaxgap.equations.nodes import Alone, Lanes, Pair, Table, bands_alone, lanes
from jaxgap.equations.pairing import gap_residual, pack, phase_jacobian, unpack
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.batching import one_of_many
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.node_sums import over_nodes
from jaxgap.numerics.programs import barrier
from jaxgap.spectra.pair import abs2, determinant, splitting
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import pick

__all__ = [
    "equations",
    "residual",
    "residual_and_matrix",
    "residual_and_phases",
    "residuals",
    "residuals_and_matrices",
    "residuals_and_phases",
]

SMALL = 0.25
"""delta^2 below which Lambda_(v^2) and its derivative are series."""
TERMS = 7
"""Terms after the first of sinh(delta)/delta: .25^8/17! = 4e-20. As many of its derivative."""
FEW = 32
"""Systems up to which the sums of real pairs are stacked: for 16 an evaluation takes a tenth less time on a CPU, and less to
compile."""

PerElement = Float[Array, "element"]
Residuals = Float[Array, "x element"]
Matrices = Float[Array, "x x element"]
Columns = Float[Array, "x column element"]

# === many systems, elements last


def residuals(x: Float[Array, "x element"], at: Lanes) -> Residuals:
    """What the gap equations leave at the amplitudes x [meV]."""
    x = barrier(x)
    return x - _mixed(at.coupling, _densities(x, at, "none"))[:, 0]


def residuals_and_matrices(x: Float[Array, "x element"], at: Lanes) -> tuple[Residuals, Matrices]:
    """(r [meV], M = dr/dx)."""
    return _with_block(barrier(x), at, "amplitudes")


def residuals_and_phases(x: Float[Array, "channel element"], at: Lanes) -> tuple[Residuals, Matrices]:
    """(r [meV], the phase block of M) at real amplitudes: the sums of r make it, too.

    To first order imaginary parts change none of |Delta_c|^2 and Re(Delta_1^* Delta_2^* Delta_3^2).
    """
    return _with_block(barrier(x), at, "phases")


def _with_block(x: Float[Array, "x element"], at: Lanes, block: Block) -> tuple[Residuals, Matrices]:
    mixed = _mixed(at.coupling, _densities(x, at, block))
    return x - mixed[:, 0], jnp.eye(len(x))[:, :, None] - mixed[:, 1:]


def _mixed(coupling: Float[Array, "channel channel element"], P: Columns) -> Columns:
    """sum over c' of lambda_cc' P_c' / N_c', of real parts and of imaginary ones, for every column of a matrix."""
    columns = P.reshape(-1, len(coupling), *P.shape[1:])
    mixed = jnp.sum(coupling[None, :, :, None] * columns[:, None], axis=2)
    return mixed.reshape(-1, *mixed.shape[2:])


def _densities(x: Float[Array, "x element"], at: Lanes, block: Block) -> Columns:
    """P and, if there is a block, dP/dx beside it, which is symmetric."""
    if at.lattices is not None:
        return _beside(*densities_on_lattices(at.lattices, x, block), block)
    if len(at.groups) == len(at.clusters) == 1 and at.clusters[0].channels == tuple(range(len(at.coupling))):
        return _beside(*group_densities(at.groups[0], x, at.kT, block), block)
    n, zero = len(at.coupling), jnp.zeros_like(at.kT)
    P, dP = [zero] * len(x), [[zero] * len(x) for _ in x]
    parts = range(0, len(x), n)
    if at.alone is not None:
        _add_alone(x, at, at.alone, block, P, dP)
    for c, table in zip(at.tabulated, at.tables, strict=True):
        D = jnp.stack([x[c + p] for p in parts])
        f, slope = _single_sums(table, jnp.sum(D * D, axis=0), at.kT, block == "amplitudes")
        bent = f * jnp.eye(len(D))[:, :, None] + 2 * slope * D[:, None] * D[None]
        _add([c + p for p in parts], f * D, bent, P, dP)
    for cluster, pair in zip((c for c in at.clusters if len(c.bands) == 2), at.pairs, strict=True):
        unknowns = [c + p for p in parts for c in cluster.channels]
        _add(unknowns, *_pair_densities(pair, pick(x, tuple(unknowns)), at.kT, block), P, dP)
    for cluster, group in zip((c for c in at.clusters if len(c.bands) > 2), at.groups, strict=True):
        unknowns = [c + p for p in parts for c in cluster.channels]
        _add(unknowns, *group_densities(group, pick(x, tuple(unknowns)), at.kT, block), P, dP)
    columns = [P] if block == "none" else [P, *dP]
    return jnp.stack([jnp.stack(column) for column in columns], axis=1)


def _beside(P: Float[Array, "x element"], dP: Float[Array, "x x element"], block: Block) -> Columns:
    return P[:, None] if block == "none" else jnp.concatenate([P[:, None], dP], axis=1)


def _add(
    unknowns: list[int],
    P_c: Float[Array, "own element"],
    dP_c: Float[Array, "own own *element"],
    P: list[PerElement],
    dP: list[list[PerElement]],
) -> None:
    """What a cluster makes, to what is known."""
    for a, u in enumerate(unknowns):
        P[u] += P_c[a]
        for b, other in enumerate(unknowns):
            dP[u][other] += dP_c[a][b]


def _add_alone(
    x: Float[Array, "x element"], at: Lanes, alone: Alone, block: Block, P: list[PerElement], dP: list[list[PerElement]]
) -> None:
    """What bands make alone, to what is known."""
    n = len(at.coupling)
    parts = range(0, len(x), n)
    bands = bands_alone(at.clusters)
    # Of real and of imaginary parts, by interval; where one of two bands is alone, all is the share of that one.
    D_i, D_j = (jnp.stack([x[band::n] for band in side]) for side in zip(*bands, strict=True))
    first = alone.first[:, None]
    D = jnp.where(first > 0, D_i, D_j)
    f, slope = (part[:, None] for part in _single_sums(alone, jnp.sum(D * D, axis=1), at.kT, block == "amplitudes"))
    f_D, bent = f * D, f[:, None] * jnp.eye(len(x) // n)[:, :, None] + 2 * (slope * D)[:, None] * D[:, :, None]
    for side, share in enumerate((first, 1 - first)):
        P_side, dP_side = share * f_D, share[:, None] * bent
        for k, both in enumerate(bands):
            for a, u in enumerate(parts):
                P[both[side] + u] += P_side[k, a]
                for b, other in enumerate(parts):
                    dP[both[side] + u][both[side] + other] += dP_side[k, a, b]


def _single_sums(
    at: Alone | Table, D2: Float[Array, "*interval element"], kT: PerElement, with_slope: bool
) -> tuple[Float[Array, "*interval element"], Float[Array, "*interval element"]]:
    """Sums over k of f(E) = tanh(E / 2 k_B T) / 2E and df/d(E^2)."""

    def of_k(z: OfK, weight: OfK, D2: Float[Array, "*interval"], kT: Float[Array, "*element"]) -> tuple[OfK, ...]:
        E2, half = z * z + D2, 0.5 / kT
        # A node that falls on E = 0 is left out, as in `spectra.pair.pair_sum`.
        gapped = E2 > 0
        E2, weight = jnp.where(gapped, E2, 1.0), jnp.where(gapped, weight, 0.0)
        per_E = 1 / jnp.sqrt(E2)
        t = jnp.tanh(E2 * per_E * half)
        f = barrier(0.5 * t * per_E * weight)
        if not with_slope:
            return (f,)
        return f, barrier(((1 - t * t) * half * weight - 2 * f) * (0.25 * per_E * per_E))

    f, *slope = over_nodes(of_k, (at.z, at.weight), (D2, kT))
    return f, slope[0] if with_slope else jnp.zeros_like(D2)


# === where two bands pair together


class HalfGradient(NamedTuple):
    """det_x / 2 = zeta zeta' `lead` + `rest`, with the products of energies of `products`."""

    lead: Float[Array, "x element"]
    rest: Float[Array, "x element"]


def _half_gradient(x: Float[Array, "x element"]) -> HalfGradient:
    D1, D2, D3 = D = unpack(x, 3)
    s1, s2, s3 = (jnp.real(D_c * jnp.conj(D_c)) for D_c in D)
    rest = D1 * s2 - D3 * D3 * jnp.conj(D2), D2 * s1 - D3 * D3 * jnp.conj(D1), 2 * (D3 * s3 - D1 * D2 * jnp.conj(D3))
    return HalfGradient(pack(jnp.stack([D1, D2, 2 * D3])), pack(jnp.stack(rest)))


def _slopes_of_rest(x: Float[Array, "x element"]) -> tuple[Inexact[Array, "3 3 element"], Inexact[Array, "3 3 element"]]:
    """Derivatives of `rest` with respect to the amplitudes, and to their conjugates."""
    D1, D2, D3 = D = unpack(x, 3)
    C1, C2, C3 = jnp.conj(D)
    by_D = [D2 * C2, D1 * C2, -2 * D3 * C2], [D2 * C1, D1 * C1, -2 * D3 * C1], [-2 * D2 * C3, -2 * D1 * C3, 4 * D3 * C3]
    by_C = jnp.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, -2.0]])[:, :, None] * (D1 * D2 - D3 * D3)
    return jnp.stack([jnp.stack(row) for row in by_D]), by_C


def _bent(x: Float[Array, "x element"], block: Block) -> Float[Array, "x x element"]:
    """The derivative of `rest`, on the unknowns or on imaginary parts."""
    by_D, by_C = _slopes_of_rest(x)
    if block == "phases":
        return by_D - by_C
    real, turned = by_D + by_C, by_D - by_C
    if len(x) == 3:
        return real
    return jnp.concatenate(
        [jnp.concatenate([real.real, -turned.imag], axis=1), jnp.concatenate([real.imag, turned.real], axis=1)]
    )


def _pair_densities(
    pair: Pair, x: Float[Array, "x element"], kT: PerElement, block: Block
) -> tuple[Float[Array, "x element"], Float[Array, "x x *element"]]:
    """P and dP/dx of the three channels of two cross-paired bands where both are inside the shell."""
    n = len(x)
    half = _half_gradient(x)
    stacked = n == 6 or (x.shape[-1] <= FEW and not cut().gpu)
    sums = (_stacked_sums if stacked else _sums_of_real_pairs)(pair, x, half, kT, block)
    slopes = jnp.array([2.0, 2.0, 4.0] * (n // 3))[:, None]
    A_x, Lambda_A, one, moment = slopes * x, barrier(sums.A), sums.per_q, jnp.stack([*sums.moments] * (n // 3))
    P = (Lambda_A * A_x + half.lead * moment + half.rest * one) / 2
    if block == "none":
        return P, jnp.zeros((n, n, 1))
    # Lambda_A A_xx + Lambda_q / 2q det_xx
    diagonal = jnp.eye(n)[:, :, None] * (Lambda_A * slopes + jnp.array([1.0, 1.0, 2.0] * (n // 3))[:, None] * moment)
    if block == "phases":
        return P, (diagonal + _bent(x, block) * one) / 2
    mixed = A_x[:, None] * sums.Aq_x
    AA = barrier(sums.AA) * A_x[:, None] * A_x[None]
    return P, (diagonal + _bent(x, block) * one + AA + mixed + mixed.transpose(1, 0, 2) + sums.qq_xx) / 2


OfK = Float[Array, "*k"]


class _Sums(NamedTuple):
    """Over k: of the functions of `_Functions`, and with zeta_2^2, zeta_1^2, zeta_1 zeta_2 and the slopes q_x."""

    A: PerElement
    per_q: PerElement
    moments: tuple[PerElement, ...]
    AA: PerElement
    Aq_x: Residuals
    qq_xx: Matrices


class _Functions(NamedTuple):
    """Derivatives of Lambda, as in `spectra.pair.curvatures`."""

    A: OfK
    per_q: OfK
    """Lambda_q / q."""
    AA: OfK
    Aq: OfK
    qq: OfK
    """Lambda_qq - Lambda_q / q."""


def _sums_of_real_pairs(pair: Pair, x: Float[Array, "3 element"], half: HalfGradient, kT: PerElement, block: Block) -> _Sums:
    """The sums at real amplitudes, each by itself: three stacked take three times as long for 256 systems on a CPU."""
    with_matrix = block == "amplitudes"

    def of_k(z1: OfK, z2: OfK, weight: OfK, kT: PerElement, *x_lead_rest: PerElement) -> tuple[OfK, ...]:
        x, lead, rest = x_lead_rest[:3], x_lead_rest[3:6], x_lead_rest[6:]
        q, Lambda = _functions_of_k(z1, z2, x, kT, with_matrix)
        gapped = q > 0
        q, weight = jnp.where(gapped, q, 1.0), jnp.where(gapped, weight, 0.0)
        products = z2 * z2, z1 * z1, z1 * z2
        found = [Lambda.A, Lambda.per_q, *(Lambda.per_q * zz for zz in products)]
        if with_matrix:
            q_x = [(a * zz + b) / q for a, b, zz in zip(lead, rest, products, strict=True)]
            found += [Lambda.AA, *(Lambda.Aq * part for part in q_x)]
            found += [Lambda.qq * (q_x[a] * q_x[b]) for a in range(3) for b in range(a, 3)]
        return tuple(f * weight for f in found)

    A, per_q, *rest = over_nodes(of_k, tuple(pair), (kT, *x, *half.lead, *half.rest))
    if not with_matrix:
        return _Sums(A, per_q, tuple(rest), A, x, x[None])  # the last three of no use
    upper = dict(zip([(a, b) for a in range(3) for b in range(a, 3)], rest[7:], strict=True))
    qq_xx = jnp.stack([jnp.stack([upper[min(a, b), max(a, b)] for b in range(3)]) for a in range(3)])
    return _Sums(A, per_q, tuple(rest[:3]), rest[3], jnp.stack(rest[4:7]), qq_xx)


def _stacked_sums(pair: Pair, x: Float[Array, "x element"], half: HalfGradient, kT: PerElement, block: Block) -> _Sums:
    """The sums at complex amplitudes, which come in small batches, and those of a few systems: for 16 a search takes a fifth
    less time than with each sum by itself."""
    z1, z2, _ = pair
    q, Lambda = _functions_of_k(z1, z2, [*unpack(x, 3)], kT, block == "amplitudes")
    gapped = q > 0
    q, weight = jnp.where(gapped, q, 1.0), jnp.where(gapped, pair.weight, 0.0)
    products = z2 * z2, z1 * z1, z1 * z2

    def summed(f: Float[Array, "node element"]) -> PerElement:
        return jnp.sum(f * weight, axis=0)

    sums = _Sums(summed(Lambda.A), summed(Lambda.per_q), tuple(summed(Lambda.per_q * zz) for zz in products), kT, x, x[None])
    if block != "amplitudes":
        return sums  # the last three of no use
    q_x = jnp.stack([(lead * zz + rest) / q for lead, rest, zz in zip(*half, products * (len(x) // 3), strict=True)])
    qq_xx = jnp.sum((Lambda.qq * weight * q_x)[:, None] * q_x[None], axis=2)
    return sums._replace(AA=summed(Lambda.AA), Aq_x=jnp.sum((Lambda.Aq * weight) * q_x, axis=1), qq_xx=qq_xx)


def _functions_of_k(
    z1: OfK, z2: OfK, D: Sequence[Inexact[Array, "*element"]], kT: Float[Array, "*element"], with_matrix: bool
) -> tuple[OfK, _Functions]:
    """q = E_+ E_- and the functions of k. Where q vanishes, at a node that is to be left out, they are those of q = 1."""
    s = [abs2(D_c) for D_c in D]
    product = jnp.sqrt(determinant(z1, z2, *D))
    q = jnp.where(product > 0, product, 1.0)
    per_u = 1 / jnp.sqrt(z1 * z1 + z2 * z2 + s[0] + s[1] + 2 * (s[2] + q))
    v2 = splitting(z1, z2, *D) * per_u * per_u
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
    none = jnp.zeros(())
    values = _Functions(0.5 * mean + L_v, (mean - 2 * L_v) / q, none, none, none)
    if not with_matrix:
        return product, values

    # === second derivatives
    both = 0.0625 * per_kT * (away_plus + away_minus)
    away = (both - L_v) * (0.5 * per_v * per_v)
    near = scale * per_kT * per_kT * 0.25 * _series_slope(delta2) - 0.5 * per_kT * L_v * L_v
    L_uu, L_uv, L_vv = 2 * both, -0.5 * per_kT * L_u * L_v, barrier(jnp.where(small, near, away))
    C, mixed = (L_uu - mean) * per_u * per_u, L_uv * per_u
    AA, Aq, qq = 0.25 * C + mixed + L_vv, 0.5 * C - 2 * L_vv, C - 4 * mixed + 4 * L_vv - values.per_q
    return product, _Functions(values.A, values.per_q, AA, Aq, qq)


def _series(z: OfK) -> OfK:
    """sinh(delta)/delta with z = delta^2."""
    total = jnp.ones_like(z)
    for k in range(TERMS, 0, -1):
        total = 1 + z * (1 / ((2 * k) * (2 * k + 1))) * total
    return total


def _series_slope(z: OfK) -> OfK:
    """Its derivative with respect to z."""
    total = jnp.zeros_like(z)
    for k in range(TERMS, 0, -1):
        total = k / math.factorial(2 * k + 1) + z * total
    return total


# === one system: a batch of one, and under vmap one of many

At = tuple[Superconductor, Float[Array, ""]]
"""(system, T [K])."""
Residual = Callable[[Float[Array, "x"], At], Float[Array, "x"]]
WithMatrix = Callable[[Float[Array, "x"], At], tuple[Float[Array, "x"], Float[Array, "x x"]]]


@cache
def equations(rule: Rule) -> WithMatrix:
    """(r, M) at (x, (sc, T)), as `numerics.newton` wants them."""
    gap_equations = _alone(rule)

    def alone(x: Float[Array, "x"], at: At) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
        return gap_equations(x, at), jax.jacfwd(gap_equations)(x, at)

    return one_of_many(partial(_many, residuals_and_matrices, rule), alone)


@cache
def _without_matrix(rule: Rule) -> Residual:
    return one_of_many(partial(_many, residuals, rule), _alone(rule))


@cache
def _with_phases(rule: Rule) -> WithMatrix:
    def alone(x: Float[Array, "x"], at: At) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
        sc, T = at
        block = jnp.eye(len(x)) - sc.lam @ (phase_jacobian(sc, x, T, rule) / sc.N[:, None])
        return _alone(rule)(x, at), block

    return one_of_many(partial(_many, residuals_and_phases, rule), alone)


def _alone(rule: Rule) -> Residual:
    """The gap equations in real unknowns, as `equations.pairing` has them."""

    def residual(x: Float[Array, "x"], at: At) -> Float[Array, "x"]:
        sc, T = at
        return pack(gap_residual(sc, unpack(x, len(sc.channels)), T, rule))

    return residual


def _many(
    together: Callable[..., PyTree], rule: Rule, x: Float[Array, "element x"], at: tuple[Superconductor, PerElement]
) -> PyTree:
    """`together`, elements last, of a batch with its elements first."""
    sc, T = at
    Delta = jax.vmap(partial(unpack, n=len(sc.channels)))(x)
    return jax.tree.map(lambda leaf: jnp.moveaxis(leaf, -1, 0), together(x.T, lanes(sc, Delta, T, rule)))


@partial(jax.jit, static_argnames="rule")
def residual(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> Float[Array, "x"]:
    """What the gap equations leave [meV], in real unknowns: of complex amplitudes real parts before imaginary ones."""
    return _without_matrix(rule)(pack(Delta), (sc, T))


@partial(jax.jit, static_argnames="rule")
def residual_and_matrix(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
    """(r [meV], M = dr/dx) in these unknowns."""
    return equations(rule)(pack(Delta), (sc, T))


@partial(jax.jit, static_argnames="rule")
def residual_and_phases(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(r [meV], B = 1 - lambda (d Im P / d Im Delta) / N) at real amplitudes; B Delta = 0 at a solution (the global phase is
    free)."""
    return _with_phases(rule)(Delta, (sc, T))
