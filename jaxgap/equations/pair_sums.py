r"""P and its derivatives where two bands pair together, on real unknowns x (`jaxgap.equations.pairing.pack`), in closed
form, elements of a batch last.

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

The functions of temperature have few exponentials and divisions: with t_\pm = tanh(E_\pm / 2 k_B T) and v = E_+ - E_-,

.. math:: \Lambda_u = \frac{t_+ + t_-}{2}, \qquad
          \Lambda_{v^2} = \frac{t_+ - t_-}{4v}
                        = \frac{\sqrt{(1 - t_+^2)(1 - t_-^2)}}{8 k_B T} \frac{\sinh\delta}{\delta}, \qquad
          \delta = \frac{v}{2 k_B T},

where the second form, as a series, is taken for delta < 1/2.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.equations.group_sums import Block
from jaxgap.equations.nodes import Pair
from jaxgap.equations.pairing import pack, unpack
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.node_sums import Later, over_nodes
from jaxgap.numerics.programs import barrier
from jaxgap.numerics.scalars import Unscalar
from jaxgap.spectra.pair import abs2, determinant, splitting

__all__ = ["pair_densities"]

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
OfK = Float[Array, "*k"]


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


def pair_densities(
    pair: Pair | Later, x: Float[Array, "x element"], kT: PerElement, block: Block
) -> tuple[Float[Array, "x element"], Float[Array, "x x *element"]]:
    """P and dP/dx of the three channels of two cross-paired bands where both are inside the shell."""
    n = len(x)
    half = _half_gradient(x)
    if n == 6 or (x.shape[-1] <= FEW and not cut().gpu):
        if isinstance(pair, Later):
            raise Unscalar("sums at complex amplitudes")
        sums = _stacked_sums(pair, x, half, kT, block)
    else:
        sums = _sums_of_real_pairs(pair, x, half, kT, block)
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


def _sums_of_real_pairs(
    pair: Pair | Later, x: Float[Array, "3 element"], half: HalfGradient, kT: PerElement, block: Block
) -> _Sums:
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

    A, per_q, *rest = over_nodes(of_k, pair, (kT, *x, *half.lead, *half.rest))
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
