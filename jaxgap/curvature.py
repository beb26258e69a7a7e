r"""The gap equations at real amplitudes together with their derivative M, in closed form.

.. math:: M = \frac{\partial r}{\partial \Delta} = 1 - \lambda N^{-1} \frac{\partial P}{\partial \Delta}, \qquad
          2 P_c = \sum_k \frac{\partial \Lambda}{\partial \Delta_c}, \qquad \Lambda = L(E_+) + L(E_-)

At every k, Lambda depends on the amplitudes through two numbers, A = E_+^2 + E_-^2 and q = E_+ E_-. With their derivatives

.. math:: A_c = \partial A / \partial \Delta_c = (2\Delta_1, 2\Delta_2, 4\Delta_3), \qquad
          q \, q_c = X X_c + Y Y_c, \quad X = \zeta_1\zeta_2 - \Delta_1\Delta_2 + \Delta_3^2, \quad
          Y = \zeta_1\Delta_2 + \zeta_2\Delta_1, \quad q^2 = X^2 + Y^2

all second derivatives follow from five functions of k (`spectrum.curvatures`),

.. math:: 2 \frac{\partial P_c}{\partial \Delta_{c'}} = \sum_k \Lambda_A A_{cc'}
          + \frac{\Lambda_q}{q} (X_c X_{c'} + Y_c Y_{c'} + X X_{cc'})
          + \Lambda_{AA} A_c A_{c'} + \Lambda_{Aq} (A_c q_{c'} + q_c A_{c'})
          + \Bigl(\Lambda_{qq} - \frac{\Lambda_q}{q}\Bigr) q_c q_{c'} .

It is what automatic differentiation of `pairing.gap_residual` gives, but no function of k is evaluated once for every
amplitude: Newton spends its time here.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap import spectrum
from jaxgap.bands import zeta
from jaxgap.pairing import overlap_nodes, pairs, parameters, pick, single_nodes, thermal_energy
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectrum import barrier, safe_sqrt
from jaxgap.superconductor import Cluster, Superconductor

__all__ = ["residual_and_matrix"]


@partial(jax.jit, static_argnames="rule")
def residual_and_matrix(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(r [meV], M = dr/dDelta) of the gap equations at real amplitudes."""
    # Sums of scalars: a scatter becomes a loop over its elements on the CPU.
    n, zero = len(sc.channels), jnp.zeros(())
    P, dP = [zero] * n, [[zero] * n for _ in range(n)]
    for i, P_i, dP_i in _alone(sc, Delta, T, rule):
        P[i] += P_i
        dP[i][i] += dP_i
    for cluster in pairs(sc):
        P_c, dP_c = _together(sc, cluster, Delta, T, rule)
        for a, c in enumerate(cluster.channels):
            P[c] += P_c[a]
            for b, d in enumerate(cluster.channels):
                dP[c][d] += dP_c[a, b]
    weighted = jnp.stack([jnp.stack([*row, P_i]) for row, P_i in zip(dP, P, strict=True)]) / sc.N[:, None]
    change = sc.lam @ weighted
    return Delta - change[:, -1], jnp.eye(n) - change[:, :-1]


def _alone(sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule) -> list[tuple[int, Any, Any]]:
    """(band, P, dP/dDelta) of the intervals where a band pairs alone: P = f Delta, with f(E) = tanh(E / 2 k_B T) / 2E."""
    kT = thermal_energy(T)
    m, mu = parameters(sc)
    bands, nodes = single_nodes(sc, Delta, T, rule.single)
    D = pick(Delta, bands)
    z = nodes.kappa / pick(m, bands)[:, None] - pick(mu, bands)[:, None]
    f, slope = (nodes.integral(part) for part in spectrum.single_curvature(safe_sqrt(z**2 + D[:, None] ** 2), kT))
    return list(zip(bands, f * D, f + 2 * slope * D**2, strict=True))


def _together(sc: Superconductor, cluster: Cluster, Delta: Float[Array, "channel"], T: Float[Array, ""], rule: Rule) -> Any:
    """(P, dP/dDelta) of the three channels of two cross-paired bands where both are inside the shell."""
    nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap)
    z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
    D1, D2, D3 = pick(Delta, cluster.channels)

    # === of every k: the five functions, and the derivatives of q
    X, Y = z1 * z2 - D1 * D2 + D3**2, z1 * D2 + z2 * D1
    X_c, A_c = jnp.stack([-D2, -D1, 2 * D3]), jnp.stack([2 * D1, 2 * D2, 4 * D3])
    x = spectrum.branches(z1, z2, D1, D2, D3)
    q = jnp.where(x.q > 0, x.q, 1.0)
    q_c = jnp.stack([(X * X_c[0] + Y * z2) / q, (X * X_c[1] + Y * z1) / q, X * X_c[2] / q])
    Lambda, q_c = barrier((spectrum.curvatures(x, thermal_energy(T)), q_c))

    # === their sums
    def total(integrand: Float[Array, "node"]) -> Float[Array, ""]:
        return jnp.sum(integrand * nodes.weight)

    A, AA = total(Lambda.A), total(Lambda.AA)
    w, w_X, w_11, w_12, w_22 = (total(Lambda.q / q * part) for part in (jnp.ones_like(q), X, z1 * z1, z1 * z2, z2 * z2))
    Lambda_c, Aq_c = (jnp.stack([total(part * q_c[i]) for i in range(3)]) for part in (Lambda.q, Lambda.Aq))
    q11, q12, q13, q22, q23, q33 = (total(Lambda.qq * q_c[i] * q_c[j]) for i in range(3) for j in range(i, 3))
    qq = jnp.array([[q11, q12, q13], [q12, q22, q23], [q13, q23, q33]])

    # === P and dP/dDelta
    mixed = jnp.outer(A_c, Aq_c)
    dP = AA * jnp.outer(A_c, A_c) + mixed + mixed.T + qq + w * jnp.outer(X_c, X_c)
    dP += jnp.array([[2 * A + w_22, w_12 - w_X, 0.0], [w_12 - w_X, 2 * A + w_11, 0.0], [0.0, 0.0, 4 * A + 2 * w_X]])
    return (A * A_c + Lambda_c) / 2, dP / 2
