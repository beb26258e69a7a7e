r"""The gap of weak-coupling BCS theory against temperature, solved, not interpolated.

.. math:: \ln \frac{1}{t} = \sum_{n=0}^\infty \left[ \frac{1}{n + 1/2} - \frac{1}{\sqrt{(n + 1/2)^2 + y^2}} \right], \qquad
          y = \frac{\Delta(T)}{2 \pi k_B T} = \frac{\alpha_{BCS} \, \delta(t)}{2 \pi t}, \qquad
          \alpha_{BCS} = \frac{\Delta(0)}{k_B T_c} = \frac{\pi}{e^\gamma} = 1.7639

with t = T/T_c and delta = Delta(T)/Delta(0): J. Bardeen, L. N. Cooper, J. R. Schrieffer, Phys. Rev. 108, 1175 (1957), Eq. 3.27,
summed over Matsubara frequencies; tables in B. Muehlschlegel, Z. Phys. 155, 313 (1959). The sum has its first terms as they are
and the others by Euler and Maclaurin's formula of midpoints, which holds for every y alike: no term cancels, near T_c nor at
low temperature.

The unknown is delta^2, which is smooth up to T_c, where it ends with a slope that is not zero; beyond T_c it is zero.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.implicit import at_root

__all__ = ["ALPHA_BCS", "reduced_gap_squared", "reduced_gap_squared_over_t_squared"]

ALPHA_BCS = float(np.pi * np.exp(-np.euler_gamma))
"""Delta(0) / k_B T_c of BCS theory, 1.76388."""
TERMS = 64
"""Terms of the sum that are not left to Euler and Maclaurin: their formula leaves 6e-14."""
COLDEST = 0.04
"""Below this T / T_c, delta differs from 1 by less than 1e-19."""
STEPS = 6
"""Of Newton, from tanh(1.74 sqrt(1/t - 1)), which is right to some percent: the fifth step only rounds."""


def reduced_gap_squared(t: Float[Array, "*temperature"]) -> Float[Array, "*temperature"]:
    """delta(t)^2 at reduced temperatures T/T_c: 1 at t = 0, zero beyond t = 1; differentiable to every order."""
    below = t < 1
    inside = jnp.clip(jnp.where(below, t, 0.5), COLDEST, 1.0)
    return jnp.where(below, jax.vmap(_below)(inside.ravel()).reshape(t.shape), 0.0)


def reduced_gap_squared_over_t_squared(t: Float[Array, "*temperature"]) -> Float[Array, "*temperature"]:
    """(delta / t)^2, large but finite at t = 0: (Delta / alpha k_B T)^2 of a gap with Delta(0) = alpha k_B T_c."""
    return reduced_gap_squared(t) / jnp.maximum(t, 1e-6) ** 2


def _below(t: Float[Array, ""]) -> Float[Array, ""]:
    """delta^2 at one temperature below T_c."""
    t0 = jax.lax.stop_gradient(t)
    start = jnp.tanh(1.74 * jnp.sqrt(1 / t0 - 1)) ** 2

    def step(_: object, squared: Float[Array, ""]) -> Float[Array, ""]:
        value, slope = jax.value_and_grad(_equation)(squared, t0)
        return jnp.maximum(squared - value / slope, 0.0)

    found = jax.lax.fori_loop(0, STEPS, step, start)
    return at_root(lambda x, t: _equation(x[0], t)[None], found[None], t)[0]


def _equation(squared: Float[Array, ""], t: Float[Array, ""]) -> Float[Array, ""]:
    """ln t and the sum: zero at delta^2."""
    return jnp.log(t) + _sum((ALPHA_BCS / (2 * jnp.pi * t)) ** 2 * squared)


def _sum(q: Float[Array, ""]) -> Float[Array, ""]:
    r"""The sum of h(n + 1/2), h(x) = 1/x - (x^2 + q)^(-1/2) with q = y^2: terms up to N, and from there

    .. math:: \int_N^\infty h \, dx + \tfrac{1}{24} h'(N) - \tfrac{7}{5760} h'''(N), \qquad
              \int_N^\infty h \, dx = \ln \frac{N + \sqrt{N^2 + q}}{2 N} .
    """
    x = jnp.arange(TERMS) + 0.5
    root = jnp.sqrt(x**2 + q)
    terms = jnp.sum(q / (x * root * (root + x)))
    N = float(TERMS)
    r = jnp.sqrt(N**2 + q)
    slope = -1 / N**2 + N / r**3
    third = -6 / N**4 - 9 * N / r**5 + 15 * N**3 / r**7
    return terms + jnp.log1p(q / (2 * N * (r + N))) + slope / 24 - 7 * third / 5760
