r"""The gap equations together with their derivative M, in closed form, on real unknowns x: the real amplitudes, or the real
and the imaginary parts of complex ones.

.. math:: M = \frac{\partial r}{\partial x} = 1 - \lambda N^{-1} \frac{\partial P}{\partial x}, \qquad
          2 P_x = \sum_k \frac{\partial \Lambda}{\partial x}, \qquad \Lambda = L(E_+) + L(E_-)

At every k, Lambda depends on the amplitudes through two numbers, A = E_+^2 + E_-^2 and q = E_+ E_- = sqrt(det). With their
derivatives (as complex numbers: those with respect to the real part plus i times those with respect to the imaginary part)

.. math:: A_x = (2\Delta_1, 2\Delta_2, 4\Delta_3), \qquad q \, q_x = \tfrac12 \det{}_x = \begin{cases}
          \Delta_1 (\zeta_2^2 + |\Delta_2|^2) - \Delta_3^2 \Delta_2^* \\
          \Delta_2 (\zeta_1^2 + |\Delta_1|^2) - \Delta_3^2 \Delta_1^* \\
          2 \Delta_3 (\zeta_1 \zeta_2 + |\Delta_3|^2) - 2 \Delta_1 \Delta_2 \Delta_3^* \end{cases}

all second derivatives follow from five functions of k (`spectra.pair.curvatures`),

.. math:: 2 \frac{\partial P_x}{\partial x'} = \sum_k \Lambda_A A_{xx'} + \frac{\Lambda_q}{2q} \det{}_{xx'}
          + \Lambda_{AA} A_x A_{x'} + \Lambda_{Aq} (A_x q_{x'} + q_x A_{x'})
          + \Bigl(\Lambda_{qq} - \frac{\Lambda_q}{q}\Bigr) q_x q_{x'} .

It is what automatic differentiation of `equations.pairing.gap_residual` gives, but no function of k is evaluated once for every
unknown: Newton spends its time here.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.band import zeta
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.numerics.programs import barrier
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import energies_alone, overlap_nodes, pairs, pick, single_nodes
from jaxgap.units import thermal_energy

__all__ = ["residual_and_matrix", "half_gradient", "Energies"]


@partial(jax.jit, static_argnames="rule")
def residual_and_matrix(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = DEFAULT_RULE
) -> tuple[Float[Array, "x"], Float[Array, "x x"]]:
    """(r [meV], M = dr/dx) of the gap equations: for complex amplitudes real parts before imaginary ones
    (`equations.pairing.pack`)."""  # Sums of scalars: a scatter becomes a loop over its elements on the CPU.
    n, zero = len(sc.channels), jnp.zeros(())
    parts = 2 if jnp.iscomplexobj(Delta) else 1
    P, dP = [zero] * (parts * n), [[zero] * (parts * n) for _ in range(parts * n)]

    def add(channels: tuple[int, ...], P_c: Float[Array, "x"], dP_c: Float[Array, "x x"]) -> None:
        unknowns = [c + part * n for part in range(parts) for c in channels]
        for a, x in enumerate(unknowns):
            P[x] += P_c[a]
            for b, y in enumerate(unknowns):
                dP[x][y] += dP_c[a, b]

    for i, P_i, dP_i in _alone(sc, Delta, T, rule):
        add((i,), P_i, dP_i)
    for cluster in pairs(sc):
        add(cluster.channels, *_together(sc, cluster, Delta, T, rule))
    weighted = jnp.stack([jnp.stack([*row, P_x]) for row, P_x in zip(dP, P, strict=True)])
    change = jnp.concatenate([sc.lam @ (part / sc.N[:, None]) for part in jnp.split(weighted, parts)])
    return pack(Delta) - change[:, -1], jnp.eye(parts * n) - change[:, :-1]


def _alone(sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule) -> list[tuple[int, Any, Any]]:
    """(band, P, dP/dx) of the intervals where a band pairs alone: P = f Delta, with f(E) = tanh(E / 2 k_B T) / 2E."""
    kT = thermal_energy(T)
    bands, nodes = single_nodes(sc, Delta, T, rule.single)
    D = pick(Delta, bands)
    z = energies_alone(sc, bands, nodes.kappa)
    f, slope = (nodes.integral(part) for part in spectrum.single_curvature(safe_sqrt(z**2 + abs2(D)[:, None]), kT))
    rows = []
    for i, f_i, slope_i, D_i in zip(bands, f, slope, D, strict=True):
        x = pack(D_i[None])
        rows.append((i, f_i * x, f_i * jnp.eye(len(x)) + 2 * slope_i * jnp.outer(x, x)))
    return rows


class Energies(NamedTuple):
    """What det(Delta) needs of zeta_1 and zeta_2: at every k, or summed over k with weights."""

    one: Float[Array, "*k"]
    z11: Float[Array, "*k"]
    z22: Float[Array, "*k"]
    z12: Float[Array, "*k"]


def half_gradient(Delta: Inexact[Array, "3 *k"], z: Energies) -> Any:
    """det_x / 2, linear in `z`."""
    D1, D2, D3 = Delta
    g1 = D1 * (z.z22 + abs2(D2) * z.one) - D3**2 * jnp.conj(D2) * z.one
    g2 = D2 * (z.z11 + abs2(D1) * z.one) - D3**2 * jnp.conj(D1) * z.one
    g3 = D3 * (z.z12 + abs2(D3) * z.one) - D1 * D2 * jnp.conj(D3) * z.one
    return pack(jnp.stack([g1, g2, 2 * g3]))


def _together(sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule) -> Any:
    """(P, dP/dx) of the three channels of two cross-paired bands where both are inside the shell."""
    nodes = overlap_nodes(sc, cluster, Delta, T, rule.overlap)
    z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
    D = pick(Delta, cluster.channels)
    x = pack(D)

    # === of every k: the five functions, and the derivatives of q
    branches = spectrum.branches(z1, z2, *D)
    q = jnp.where(branches.q > 0, branches.q, 1.0)
    z = Energies(jnp.ones_like(q), z1 * z1, z2 * z2, z1 * z2)
    Lambda, q_x = barrier((spectrum.curvatures(branches, thermal_energy(T)), half_gradient(D, z) / q))

    # === their sums, as few matrix products
    w_q = Lambda.q / q
    rows = jnp.stack([Lambda.A, Lambda.AA, *(w_q * part for part in z)])
    A, AA, *sums = rows @ nodes.weight
    weighted = jnp.concatenate([Lambda.qq * q_x, jnp.stack([Lambda.q, Lambda.Aq])]) * nodes.weight
    products = weighted @ q_x.T
    qq_xx, Lambda_x, Aq_x = products[:-2], products[-2], products[-1]

    # === P and dP/dx
    slopes = jnp.tile(jnp.array([2.0, 2.0, 4.0]), len(x) // 3)  # A_x = slopes x
    A_x = slopes * x
    mixed = jnp.outer(A_x, Aq_x)
    bent = jax.jacfwd(lambda y: half_gradient(unpack(y, 3), Energies(*sums)))(x)  # sum of Lambda_q / 2q det_xx
    dP = A * jnp.diag(slopes) + bent + AA * jnp.outer(A_x, A_x) + mixed + mixed.T + qq_xx
    return (A * A_x + Lambda_x) / 2, dP / 2
