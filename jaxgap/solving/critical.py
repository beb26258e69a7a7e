r"""The critical temperature of the linearised gap equations, differentiable.

.. math:: \Delta_c = \sum_{c'} \lambda_{cc'} K_{c'}(T) \Delta_{c'}, \qquad
          K_i = \int \frac{\tanh(\zeta_i / 2 k_B T)}{2 \zeta_i}, \qquad
          K_{ij} = \int \frac{\tanh(\zeta_i / 2 k_B T) + \tanh(\zeta_j / 2 k_B T)}{\zeta_i + \zeta_j}

each over its shell and divided by N_c. T_c,lin is the largest T at which lambda K(T) has the eigenvalue 1. It is THE
critical temperature if the transition is continuous; with cross-band pairing between bands at a distance d the transition
can be of first order, and the eigenvalue is not monotonic in T, so the search scans.

Without detailed balance (g not symmetric) eigenvalues of lambda K can be complex. Where a pair of them crosses 1 with its real
part, the normal state becomes unstable too (for equal relaxation rates), but in an oscillation: the linearised equations have
no static solution there, and no static superconducting state branches off. That is no T_c; it is told beside it. A crossing
counts as static where it is that of a real eigenvalue to 1e-10 (`numerics.marginal.is_static`), so that a defective eigenvalue,
which rounding makes a complex pair at a distance of some 1e-8, is what it is.
"""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.model.band import shell, zeta
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import differentiable, is_static, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_system
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.spectra.regions import energies_alone, overlap_nodes, pairs, single_nodes
from jaxgap.units import k_B, thermal_energy

__all__ = [
    "critical_temperature",
    "linear_kernel",
    "Instability",
    "instability",
    "Onset",
    "onset",
    "highest_temperature",
    "lowest_temperature",
    "pair_susceptibility",
]

LOWEST = -32.0
"""T is searched down to e^-32 = 1e-14 of the highest temperature: couplings down to about 0.03."""
STEP = 0.15
"""Step of the search in ln T: an unstable interval narrower than this can be missed."""
BISECTIONS = 48
"""0.15 / 2^48 = 5e-16 in ln T."""


class Instability(NamedTuple):
    """Where the normal state gives way to a static superconducting one."""

    T_c: Float[Array, ""]
    """T_c,lin [K]; 0 if no static superconducting state branches off at any temperature."""
    direction: Float[Array, "channel"]
    """Relative amplitudes with which superconductivity sets in (norm 1; the largest is positive). Where several directions
    become critical together, the one in which all channels take part."""


class Onset(NamedTuple):
    """All that is known of where the normal state becomes unstable."""

    T_c: Float[Array, ""]
    """As in `Instability`."""
    direction: Float[Array, "channel"]
    together: Int[Array, ""]
    """How many directions become critical at T_c together: eigenvalues within 1e-9 of 1 with as many eigenvectors."""
    differentiable: Bool[Array, ""]
    """Whether T_c has a derivative; not where there is none, nor where its eigenvalue is defective (double, with one
    eigenvector): there T_c moves with the square root of a coupling, and rounding in lambda leaves it 8 digits."""
    oscillatory: Float[Array, ""]
    """Temperature [K] above T_c at which the normal state becomes unstable in an oscillation (for equal relaxation rates), with
    a complex pair of eigenvalues: possible only without detailed balance. 0 if there is none."""


@takes_system
def critical_temperature(sc: Superconductor) -> Float[Array, ""]:
    """T_c,lin [K]: the largest temperature at which lambda K has the real eigenvalue 1; 0 if there is none.

    Differentiable with respect to every leaf of `sc`. Where several channels become critical together (equal bands without
    coupling) the derivative is that of the mean of their temperatures: exact in every direction in which they stay together,
    such as that of a tied parameter, else the mean of both sides of T_c = max. NaN where the eigenvalue is defective.
    """
    return _onset(sc).T_c


@takes_system
def instability(sc: Superconductor) -> Instability:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable."""
    return Instability(*onset(sc)[:2])


@takes_system
def onset(sc: Superconductor) -> Onset:
    """T_c,lin [K] and the direction in which the normal state gives way, both differentiable, and what else is known there."""
    return _onset(sc)


@partial(jax.jit, static_argnames="rule")
def linear_kernel(sc: Superconductor, T: Float[Array, ""], rule: Rule = DEFAULT_RULE) -> Float[Array, "channel"]:
    """K_c(T) of every channel (dimensionless): P_c = N_c K_c Delta_c for small amplitudes."""
    kT = thermal_energy(T)
    normal = jnp.zeros_like(sc.lam[0])
    bands, nodes = single_nodes(sc, normal, T, rule.single)
    z = energies_alone(sc, bands, nodes.kappa)
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


def _linear_map(sc: Superconductor, log_T: Float[Array, ""]) -> Float[Array, "n n"]:
    """lambda K(T): Delta -> lambda K Delta."""
    return sc.lam * linear_kernel(sc, jnp.exp(log_T))


@program
def _onset(sc: Superconductor) -> Onset:
    return continued(sc, *search(jax.lax.stop_gradient(sc)))


def continued(sc: Superconductor, T_c: Float[Array, ""], oscillatory: Any = 0.0) -> Onset:
    """What a search has found, as a differentiable function of `sc`."""
    exists = T_c > 0
    x = jnp.log(jnp.where(exists, T_c, 1.0))
    A, slope = jax.jvp(lambda t: _linear_map(jax.lax.stop_gradient(sc), t), (x,), (jnp.ones(()),))
    space = jax.lax.stop_gradient(marginal_space(A))
    good = exists & differentiable(space, slope)
    x = at_root(_mean_crosses_one, x[None], (sc, space), good)[0]
    v = at_root(_marginal_direction, jnp.append(space.direction, 0.0), (sc, space, x), good)[:-1]
    return Onset(
        jnp.where(jnp.isnan(T_c), jnp.nan, jnp.where(exists, jnp.exp(x), 0.0)),
        jnp.where(exists, v, 0.0),
        jnp.where(exists, jnp.sum(space.chosen), 0).astype(int),
        good,
        jnp.asarray(oscillatory, float),
    )


def _mean_crosses_one(x: Float[Array, "1"], theta: Any) -> Float[Array, "1"]:
    """Residual whose root is ln T_c: the mean of the eigenvalues that cross 1 there, less 1."""
    sc, space = theta
    return mean_eigenvalue(space, _linear_map(sc, x[0]))[None]


def _marginal_direction(x: Float[Array, "n"], theta: Any) -> Float[Array, "n"]:
    """Residual whose root is (v, 0): lambda K(T_c) v = v with v . v_0 = 1."""
    sc, space, log_T = theta
    v = x[:-1]
    return jnp.append(v - _linear_map(sc, log_T) @ v + x[-1] * space.left[:, -1], space.direction @ v - 1)


class _Scan(NamedTuple):
    upper: Float[Array, ""]
    """ln T down to which as many eigenvalues as `above` have a real part above 1."""
    lower: Float[Array, ""]
    """ln T below it at which it is another number, `under` (once bracketed)."""
    above: Int[Array, ""]
    under: Int[Array, ""]
    bracketed: Bool[Array, ""]
    steps: Int[Array, ""]
    found: Bool[Array, ""]
    """Whether the crossing that is bracketed is that of a real eigenvalue."""
    oscillatory: Float[Array, ""]
    """ln T of the first crossing that was not; -inf if there was none."""


def search(sc: Superconductor) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(T_c,lin, the temperature of an oscillatory instability above it) [K], 0 for none.

    Down from above in steps of ln T until an eigenvalue's real part crosses 1, then bisection; past every crossing of a
    complex pair the search goes on. (A real eigenvalue above 1 alone is not looked for: it can also come from a pair that
    meets above 1, and that is no crossing.)
    """
    finite = jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(sc)]).all()
    highest = jnp.log(highest_temperature(sc))
    lowest = highest + LOWEST

    def going(s: _Scan) -> Any:
        return ~s.found & (s.bracketed | (s.upper > lowest)) & finite

    def step(s: _Scan) -> _Scan:
        log_T = jnp.where(s.bracketed, (s.upper + s.lower) / 2, s.upper - STEP)
        A = _linear_map(sc, log_T)
        count = jnp.sum(jnp.linalg.eigvals(A).real >= 1.0)
        same = count == s.above
        lower, under = jnp.where(same, s.lower, log_T), jnp.where(same, s.under, count)
        narrow = s.steps >= BISECTIONS
        static = jax.lax.cond(narrow, is_static, lambda A: jnp.array(False), A)
        past = narrow & ~static
        return _Scan(
            upper=jnp.where(past, lower, jnp.where(same, log_T, s.upper)),
            lower=lower,
            above=jnp.where(past, under, s.above),
            under=under,
            bracketed=(s.bracketed | ~same) & ~past,
            steps=jnp.where(s.bracketed & ~past, s.steps + 1, 0),
            found=narrow & static,
            oscillatory=jnp.where(past, jnp.maximum(s.oscillatory, log_T), s.oscillatory),
        )

    no, zero = jnp.array(False), jnp.zeros((), int)
    start = _Scan(highest, highest, zero, zero, no, zero, no, jnp.full((), -jnp.inf))
    end = jax.lax.while_loop(going, step, start)
    T_c = jnp.where(end.found, jnp.exp((end.lower + end.upper) / 2), 0.0)
    return jnp.where(finite, T_c, jnp.nan), jnp.where(finite, jnp.exp(end.oscillatory), jnp.nan)


def highest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """A temperature [K] above which no solution but the normal state exists: |lambda K| < 1 (Frobenius norm).

    tanh(x)/x <= 1 bounds K_i <= n_i / 4 k_B T N_i and K_ij <= min(n_i, n_j) / 2 k_B T N_ij, where n_i is the number of states
    of band i in its shell.
    """
    ends = [shell(band, sc.Omega) for band in sc.bands]
    count = [b - a if sc.dimension == 2 else 2 * (b**1.5 - a**1.5) / 3 for a, b in ends]
    bounds = [n / 4 for n in count] + [jnp.minimum(count[i], count[j]) / 2 for i, j in sc.cross]
    return jnp.sqrt(jnp.sum((sc.lam * (jnp.stack(bounds) / sc.N)[None, :]) ** 2)) / k_B + 1e-300


def lowest_temperature(sc: Superconductor) -> Float[Array, ""]:
    """The temperature [K] down to which T_c is searched for."""
    return highest_temperature(sc) * jnp.exp(LOWEST)
