r"""The critical temperature of the linearised gap equations, differentiable.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} K_{c'}(T) \Delta_{c'}, \qquad
          K_i = \int \frac{\tanh(\zeta_i / 2 k_B T)}{2 \zeta_i}, \qquad
          K_{ij} = \int \frac{\tanh(\zeta_i / 2 k_B T) + \tanh(\zeta_j / 2 k_B T)}{\zeta_i + \zeta_j}

each over its shell and divided by N_c. T_c,lin is the largest T at which lambda K(T) has the eigenvalue 1. It is THE
critical temperature if the transition is continuous; with cross-band pairing between bands at a distance d the transition
can be of first order, and the eigenvalue is not monotonic in T, so the search scans.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap._compilation import program
from jaxgap._entry import takes_system
from jaxgap.bands import shell, zeta
from jaxgap.implicit import at_root
from jaxgap.pairing import overlap_nodes, pairs, parameters, pick, single_nodes, thermal_energy
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.superconductor import Superconductor
from jaxgap.units import k_B

__all__ = ["critical_temperature", "linear_kernel", "Instability", "instability", "highest_temperature", "pair_susceptibility"]

LOWEST = -32.0
"""T is searched down to e^-32 = 1e-14 of the highest temperature: couplings down to about 0.03."""
STEP = 0.15
"""Step of the search in ln T: an unstable interval narrower than this can be missed."""
BISECTIONS = 48
"""0.15 / 2^48 = 5e-16 in ln T."""


class Instability(NamedTuple):
    """Where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if the normal state is stable at every temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive)."""


@takes_system
def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which the normal state is marginal; 0 if there is none.

    Differentiable with respect to every leaf of `sc`; NaN derivative where two channels become critical together.
    """
    return _instability(sc).T_c


@takes_system
def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    return _instability(sc)


@partial(jax.jit, static_argnames="rule")
def linear_kernel(sc: Superconductor, T: Float[Array, ""], rule: Rule = DEFAULT_RULE) -> Float[Array, "channel"]:
    """K_c(T) of every channel (dimensionless): P_c = N_c K_c Delta_c for small amplitudes."""
    kT = thermal_energy(T)
    normal = jnp.zeros_like(sc.lam[0])
    m, mu = parameters(sc)
    bands, nodes = single_nodes(sc, normal, T, rule.single)
    z = nodes.kappa / pick(m, bands)[:, None] - pick(mu, bands)[:, None]
    K = normal.at[jnp.array(bands)].add(nodes.integral(pair_susceptibility(z, z, kT)) / 2)
    for cluster in pairs(sc):
        nodes = overlap_nodes(sc, cluster, normal, T, rule.overlap)
        z1, z2 = (zeta(sc.bands[i], nodes.kappa) for i in cluster.bands)
        z = jnp.stack([jnp.stack([z1, z1]), jnp.stack([z2, z2]), jnp.stack([z1, z2])])
        share = jnp.array([0.5, 0.5, 1.0])
        K = K.at[jnp.array(cluster.channels)].add(share * nodes.integral(pair_susceptibility(z[:, 0], z[:, 1], kT)))
    return K / sc.N


def pair_susceptibility(z1: Float[Array, "*k"], z2: Float[Array, "*k"], kT: Any) -> Float[Array, "*k"]:
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


@program
def _instability(sc: Superconductor) -> Instability:
    return continued(sc, *search(jax.lax.stop_gradient(sc)))


def continued(sc: Superconductor, v_0: Float[Array, "channel"], T_c: Float[Array, ""]) -> Instability:
    """What a search has found, as a differentiable function of `sc`."""
    exists = T_c > 0
    x = jnp.append(v_0, jnp.log(jnp.where(exists, T_c, 1.0)))
    x = at_root(_marginal, x, (sc, v_0), exists)
    return Instability(jnp.where(jnp.isnan(T_c), jnp.nan, jnp.where(exists, jnp.exp(x[-1]), 0.0)), x[:-1])


class _Scan(NamedTuple):
    unstable: Float[Array, ""]
    """ln T below T_c (once found)."""
    stable: Float[Array, ""]
    """ln T above T_c."""
    found: Bool[Array, ""]
    v: Float[Array, "channel"]
    steps: Int[Array, ""]


def search(sc: Superconductor) -> tuple[Float[Array, "channel"], Float[Array, ""]]:
    """(direction, T_c,lin): down from above in steps of ln T until an eigenvalue reaches 1, then bisection."""
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(sc)]).all()
    highest = jnp.log(highest_temperature(sc))
    lowest = highest + LOWEST

    def going(s: _Scan) -> Any:
        return jnp.where(s.found, s.steps < BISECTIONS, s.stable > lowest) & finite

    def step(s: _Scan) -> _Scan:
        log_T = jnp.where(s.found, (s.unstable + s.stable) / 2, s.stable - STEP)
        eigenvalue, v = _leading(sc, log_T)
        below = eigenvalue >= 1.0
        return _Scan(
            unstable=jnp.where(below, log_T, s.unstable),
            stable=jnp.where(below, s.stable, log_T),
            found=s.found | below,
            v=jnp.where(below, v, s.v),
            steps=s.steps + s.found,
        )

    start = _Scan(highest, highest, jnp.array(False), jnp.zeros_like(sc.lam[0]), jnp.zeros((), int))
    end = jax.lax.while_loop(going, step, start)
    T_c = jnp.where(end.found, jnp.exp((end.unstable + end.stable) / 2), 0.0)
    return end.v, jnp.where(finite, T_c, jnp.nan)


def highest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """A temperature [K] above which no solution but the normal state exists: |lambda K| < 1 (Frobenius norm).

    tanh(x)/x <= 1 bounds K_i <= n_i / 4 k_B T N_i and K_ij <= min(n_i, n_j) / 2 k_B T N_ij, where n_i is the number of states
    of band i in its shell.
    """
    ends = [shell(band, sc.Omega) for band in sc.bands]
    count = [b - a if sc.dimension == 2 else 2 * (b**1.5 - a**1.5) / 3 for a, b in ends]
    bounds = [n / 4 for n in count] + [jnp.minimum(count[i], count[j]) / 2 for i, j in sc.cross]
    return jnp.sqrt(jnp.sum((sc.lam * (jnp.stack(bounds) / sc.N)[None, :]) ** 2)) / k_B + 1e-300


def _leading(sc: Superconductor, log_T: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, "channel"]]:
    """Largest real eigenvalue of lambda K(T), and its eigenvector (norm 1, largest component positive)."""
    matrix = sc.lam * linear_kernel(sc, jnp.exp(log_T))
    values, vectors = jnp.linalg.eig(matrix)
    real = jnp.abs(values.imag) <= 1e-9 * jnp.abs(values)
    best = jnp.argmax(jnp.where(real, values.real, -jnp.inf))
    v = vectors[:, best].real
    v = v / jnp.sqrt(v @ v)
    return jnp.where(real.any(), values[best].real, -jnp.inf), v * jnp.sign(v[jnp.argmax(jnp.abs(v))])
