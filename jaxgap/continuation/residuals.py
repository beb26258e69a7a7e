r"""The equations of the special points of a path: each is r(z, theta) = 0 with as many unknowns z as equations.

With r the gap equations, M = dr/dDelta, B their phase block and p the place on the path,

.. math::
    \text{fold:} \quad & r = 0, \; M v = 0, \; v_0 \cdot v = 1 \\
    \text{pitchfork (phases):} \quad & r = 0, \; (B + \hat\Delta \hat\Delta^T) w = 0, \; w_0 \cdot w = 1 \\
    \text{branch point (real):} \quad & r + \beta w = 0, \; M^T w = 0, \; w \cdot \partial_p r = 0, \; w \cdot w = 1 \\
    \text{end at the normal state:} \quad & \lambda K v = v, \; v_0 \cdot v = 1 \\
    \text{gapless:} \quad & r = 0, \; \min_k E_-(k) = 0 \\
    \text{equal free energies:} \quad & r(\Delta) = 0, \; r(\Delta') = 0, \; F(\Delta) = F(\Delta')

B always has the gauge direction as a null vector, which the added projector removes. Unknowns are the amplitudes, null vectors,
and p (at a branch point, beta after it).
"""

from typing import TypeAlias

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import fixed_gauge_residual, group_directions, theta_at
from jaxgap.equations.linear import normal_matrix
from jaxgap.equations.pairing import gap_residual, unpack
from jaxgap.model.family import Path
from jaxgap.model.superconductor import Superconductor
from jaxgap.solving.stability import phase_block
from jaxgap.spectra.minima import gapless_excess_of
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = [
    "gap_equations",
    "gap_equations_and_matrix",
    "deflated_phase_block",
    "fold",
    "pitchfork",
    "branch_point",
    "normal",
    "crossing",
    "crossing_broken",
    "gapless",
]

Referred: TypeAlias = tuple[Path, Float[Array, "m"]]
"""The path, and the vector along which a null vector has length 1 (or whose phases amplitudes keep)."""


def gap_equations(path: Path, Delta: Inexact[Array, "channel"], p: Float[Array, ""]) -> Inexact[Array, "channel"]:
    """r at p."""
    sc, T = path.at(p)
    return gap_residual(sc, Delta, T)


def gap_equations_and_matrix(
    path: Path, Delta: Float[Array, "channel"], p: Float[Array, ""]
) -> tuple[Float[Array, "channel"], Float[Array, "channel channel"]]:
    """(r, M) at p, for real amplitudes."""
    sc, T = path.at(p)
    return residual_and_matrix(sc, Delta, T)


def fold(z: Float[Array, "n"], theta: Referred) -> Float[Array, "n"]:
    path, v_0 = theta
    n = len(v_0)
    r, M = gap_equations_and_matrix(path, z[:n], z[-1])
    return jnp.concatenate([r, M @ z[n:-1], (v_0 @ z[n:-1] - 1)[None]])


def pitchfork(z: Float[Array, "n"], theta: Referred) -> Float[Array, "n"]:
    path, w_0 = theta
    n = len(w_0)
    Delta, w, p = z[:n], z[n:-1], z[-1]
    sc, T = path.at(p)
    return jnp.concatenate([gap_residual(sc, Delta, T), deflated_phase_block(sc, Delta, T) @ w, (w_0 @ w - 1)[None]])


def deflated_phase_block(
    sc: Superconductor, Delta: Float[Array, "channel"], T: Float[Array, ""]
) -> Float[Array, "channel channel"]:
    """B + the projector on the gauge directions: its other eigenvalues are those of B."""
    gauge = group_directions(sc, Delta)
    return phase_block(sc, Delta, T) + gauge.T @ gauge


def branch_point(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    n = (len(z) - 2) // 2
    Delta, w, p, beta = z[:n], z[n : 2 * n], z[-2], z[-1]
    r, M = gap_equations_and_matrix(theta, Delta, p)
    _, r_p = jax.jvp(lambda q: gap_equations(theta, Delta, q), (p,), (jnp.ones(()),))
    return jnp.concatenate([r + beta * w, w @ M, jnp.stack([w @ r_p, w @ w - 1])])


def normal(z: Float[Array, "n"], theta: Referred) -> Float[Array, "n"]:
    path, v_0 = theta
    sc, T = path.at(z[-1])
    return jnp.append(normal_matrix(sc, T) @ z[:-1], v_0 @ z[:-1] - 1)


def crossing(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    n = (len(z) - 1) // 2
    sc, T = theta.at(z[-1])
    states = z[:n], z[n : 2 * n]
    F, F_other = (free_energy_of(sc, Delta, T) for Delta in states)
    # In units of meV, like the gap equations.
    balance = (F - F_other) / (jnp.sum(sc.N) * sc.scale)
    return jnp.concatenate([*(gap_residual(sc, Delta, T) for Delta in states), balance[None]])


def crossing_broken(z: Float[Array, "n"], theta: Referred) -> Float[Array, "n"]:
    """`crossing` of complex amplitudes, real parts before imaginary ones, which do not turn relative to `origin`."""
    path, origin = theta
    m = len(origin) // 2
    sc, T = path.at(z[-1])
    r, F = [], []
    for part in (slice(0, m), slice(m, 2 * m)):
        r.append(fixed_gauge_residual(z[part], theta_at(sc, T, origin[part]), DEFAULT_RULE))
        F.append(free_energy_of(sc, unpack(z[part], len(sc.channels)), T))
    return jnp.concatenate([*r, (F[0] - F[1])[None] / (jnp.sum(sc.N) * sc.scale)])


def gapless(z: Float[Array, "n"], theta: Path) -> Float[Array, "n"]:
    sc, T = theta.at(z[-1])
    # In units of meV, like the gap equations.
    excess = sc.scale * jnp.prod(gapless_excess_of(sc, z[:-1]) / sc.scale**2)
    return jnp.append(gap_residual(sc, z[:-1], T), excess)
