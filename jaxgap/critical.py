r"""The critical temperature of the linearised gap equations, differentiable.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} K_{c'}(T) \Delta_{c'}, \qquad
          K_i = \int \frac{\tanh(\zeta_i / 2 k_B T)}{2 \zeta_i}, \qquad
          K_{ij} = \int \frac{\tanh(\zeta_i / 2 k_B T) + \tanh(\zeta_j / 2 k_B T)}{\zeta_i + \zeta_j}

each over its shell and divided by N_c. T_c,lin is the largest T at which lambda K(T) has the eigenvalue 1. It is THE
critical temperature if the transition is continuous; with cross-band pairing between bands at a distance d the transition
can be of first order, and the eigenvalue is not monotonic in T, so the search scans.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap._precision import require_float64
from jaxgap.bands import zeta
from jaxgap.implicit import at_root
from jaxgap.pairing import overlap_nodes, pairs, parameters, pick, single_nodes, thermal_energy
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.superconductor import Superconductor

__all__ = ["critical_temperature", "linear_kernel", "Instability", "instability", "highest_temperature"]

_LOWEST = 1e-14
"""T is searched down to 1e-14 of the scale |lambda| Omega / k_B: couplings down to about 0.03."""
_POINTS = 160
_BISECTIONS = 48


class Instability(NamedTuple):
    """Where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if the normal state is stable at every temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive)."""


def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which the normal state is marginal; 0 if there is none.

    Differentiable with respect to every leaf of `sc`; NaN derivative where two channels become critical together.
    """
    require_float64()
    return _instability(sc).T_c


def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    require_float64()
    return _instability(sc)


def linear_kernel(sc: Superconductor, T: Float[Array, ""], rule: Rule = DEFAULT_RULE) -> Float[Array, "channel"]:
    """K_c(T) of every channel (dimensionless): P_c = N_c K_c Delta_c for small amplitudes."""
    kT = thermal_energy(T)
    normal = jnp.zeros_like(sc.lam[0])
    m, mu = parameters(sc)
    bands, nodes = single_nodes(sc, normal, T, rule.single)
    z = nodes.kappa / pick(m, bands)[:, None] - pick(mu, bands)[:, None]
    K = normal.at[jnp.array(bands)].add(nodes.integral(_pair_susceptibility(z, z, kT)) / 2)
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, normal, T, rule.overlap)
        z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
        z = jnp.stack([jnp.stack([z1, z1]), jnp.stack([z2, z2]), jnp.stack([z1, z2])])
        share = jnp.array([0.5, 0.5, 1.0])
        K = K.at[jnp.array(cluster.channels)].add(share * nodes.integral(_pair_susceptibility(z[:, 0], z[:, 1], kT)))
    return K / sc.N


def _pair_susceptibility(z1: Float[Array, "*k"], z2: Float[Array, "*k"], kT: Any) -> Float[Array, "*k"]:
    """[tanh(z1/2kT) + tanh(z2/2kT)] / (z1 + z2), by sinh(x + y)/(cosh x cosh y), which has no 0/0 at z1 = -z2."""
    x, y = z1 / (2 * kT), z2 / (2 * kT)
    s = jnp.abs(x + y)
    near = s < 1e-4
    ratio = jnp.where(near, 2 * (1 - s + 2 * s**2 / 3), -jnp.expm1(-2 * s) / jnp.where(near, 1.0, s))  # (1 - e^-2s)/s
    x, y = jnp.abs(x), jnp.abs(y)
    return ratio * jnp.exp(s - x - y) / (kT * (1 + jnp.exp(-2 * x)) * (1 + jnp.exp(-2 * y)))


def _marginal(x: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    """Residual whose root is (direction v, ln T): lambda K(T) v = v with v . v_0 = 1."""
    sc, v_0 = theta
    v, T = x[:-1], jnp.exp(x[-1])
    return jnp.append(v - sc.lam @ (linear_kernel(sc, T) * v), v_0 @ v - 1)


@eqx.filter_jit
def _instability(sc: Superconductor) -> Instability:
    v_0, T_c = _search(jax.lax.stop_gradient(sc))
    exists = T_c > 0
    x = jnp.append(v_0, jnp.log(jnp.where(exists, T_c, 1.0)))
    x = at_root(_marginal, x, (sc, v_0), exists)
    return Instability(jnp.where(jnp.isnan(T_c), jnp.nan, jnp.where(exists, jnp.exp(x[-1]), 0.0)), x[:-1])


def _search(sc: Superconductor) -> tuple[Float[Array, "channel"], Float[Array, ""]]:
    """(direction, T_c,lin) by a scan from above for the first eigenvalue >= 1, then bisection in ln T."""
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(sc)]).all()
    highest = jnp.log(highest_temperature(sc))
    grid = highest + jnp.linspace(0.0, jnp.log(_LOWEST), _POINTS)
    unstable = jax.vmap(lambda log_T: _leading(sc, log_T)[0])(grid) >= 1.0
    first = jnp.argmax(unstable)

    def bisect(_: int, bracket: Any) -> Any:
        lo, hi = bracket
        middle = (lo + hi) / 2
        below = _leading(sc, middle)[0] >= 1.0
        return jnp.where(below, middle, lo), jnp.where(below, hi, middle)

    lo, hi = jax.lax.fori_loop(0, _BISECTIONS, bisect, (grid[first], grid[jnp.maximum(first - 1, 0)]))
    _, v = _leading(sc, lo)
    T_c = jnp.where(unstable.any(), jnp.exp((lo + hi) / 2), 0.0)
    return v, jnp.where(finite, T_c, jnp.nan)


def highest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """A temperature [K] above which no eigenvalue reaches 1: |lambda K| < 1, as tanh(x)/x <= 1 bounds every K_c."""
    share = linear_kernel(sc, jnp.asarray(1e12)) * 1e12  # K_c(T) <= share_c / T
    return jnp.sqrt(jnp.sum((sc.lam * share) ** 2)) + 1e-300


def _leading(sc: Superconductor, log_T: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, "channel"]]:
    """Largest real eigenvalue of lambda K(T), and its eigenvector (norm 1, largest component positive)."""
    matrix = sc.lam * linear_kernel(sc, jnp.exp(log_T))
    values, vectors = jnp.linalg.eig(matrix)
    real = jnp.abs(values.imag) <= 1e-9 * jnp.abs(values)
    best = jnp.argmax(jnp.where(real, values.real, -jnp.inf))
    v = vectors[:, best].real
    v = v / jnp.sqrt(v @ v)
    return jnp.where(real.any(), values[best].real, -jnp.inf), v * jnp.sign(v[jnp.argmax(jnp.abs(v))])
