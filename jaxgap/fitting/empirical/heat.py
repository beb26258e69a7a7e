r"""Entropy, specific heat and critical field of free gaps of BCS shape: the alpha model, of one gap or of several.

.. math:: \frac{S}{\gamma T} = \sum_i w_i \, \sigma\!\left(\frac{\Delta_i}{k_B T}\right), \qquad
          \sigma(a) = \frac{6}{\pi^2} \int_0^\infty dx \, [\ln(1 + e^{-\epsilon}) + \epsilon f(\epsilon)], \quad
          \epsilon = \sqrt{x^2 + a^2}

.. math:: \frac{C}{\gamma T} = \frac{dS}{\gamma \, dT}, \qquad
          \frac{F_n - F}{\gamma T_c^2} = \int_t^1 dt' \; t' \left( 1 - \frac{S}{\gamma T} \right), \qquad
          \frac{H_c(T)}{H_c(0)} = \sqrt{\frac{F_n - F}{(F_n - F)(0)}}

with f = 1/(e^eps + 1) and Delta_i = alpha_i k_B T_c delta(t), delta that of BCS theory (`empirical.gap`): one gap, H. Padamsee,
J. E. Neighbor, C. A. Shiffman, J. Low Temp. Phys. 12, 387 (1973); two, with w_i = gamma_i / gamma, F. Bouquet et al., Europhys.
Lett. 56, 856 (2001). With alpha = alpha_BCS it is BCS theory. With any other one the gap is no minimum of this F, which is
what the entropy makes of it (D. C. Johnston, Supercond. Sci. Technol. 26, 115011 (2013)).

The integrand of sigma is even in epsilon, so it is an analytic function of x and a^2 whose poles are pi or more away from the
real axis: midpoints converge as exp(-2 pi^2 / STEP), the same for every gap, and exponentially small entropies have all digits.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import zeta

from jaxgap.fitting.empirical.gap import reduced_gap_squared_over_t_squared
from jaxgap.spectra.pair import safe_sqrt

__all__ = ["JUMP", "condensation_energy", "critical_field", "energies", "entropy", "specific_heat"]

STEP, REACH = 0.5, 44.0
"""Of the midpoints, in k_B T: 7e-18 are left by the first, 1e-19 by the second."""
NODES = 64
"""Gauss nodes over temperature."""
JUMP = float(12 / (7 * zeta(3)))
"""(C - C_n) / C_n at T_c of BCS theory, 1.4261; it grows as alpha^2."""
Gaps = Float[Array, "gap"]


def energies(squared: Float[Array, "*shape"]) -> Float[Array, "*shape midpoint"]:
    """epsilon = E / k_B T at the midpoints for (Delta / k_B T)^2; never zero."""
    return jnp.sqrt(np.arange(STEP / 2, REACH, STEP) ** 2 + squared[..., None])


def entropy(t: Float[Array, "temperature"], alpha: Gaps, weights: Gaps) -> Float[Array, "temperature"]:
    """S / gamma T = S / S_n at reduced temperatures, gaps alpha_i = Delta_i(0) / k_B T_c with weights that add up to one."""
    squared = reduced_gap_squared_over_t_squared(t)
    return _sigma(squared[:, None] * alpha**2) @ weights


def _sigma(squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """S / S_n of a gap with (Delta / k_B T)^2."""
    E = energies(squared)
    decay = jnp.exp(-E)
    return 6 / jnp.pi**2 * STEP * jnp.sum(jnp.log1p(decay) + E * decay / (1 + decay), axis=-1)


def specific_heat(t: Float[Array, "temperature"], alpha: Gaps, weights: Gaps) -> Float[Array, "temperature"]:
    """C / gamma T = C / C_n of the electrons, d(t S/S_n)/dt with the gap's own slope; 1 beyond T_c."""
    return jax.jvp(lambda t: t * entropy(t, alpha, weights), (t,), (jnp.ones_like(t),))[1]


def condensation_energy(t: Float[Array, "temperature"], alpha: Gaps, weights: Gaps) -> Float[Array, "temperature"]:
    """(F_n - F) / gamma T_c^2: 3 alpha^2 / 4 pi^2 = 0.2364 at t = 0 in BCS theory, zero beyond T_c."""
    u, weight = np.polynomial.legendre.leggauss(NODES)
    below = jnp.clip(t, 0.0, 1.0)
    half = (1 - below) / 2
    at = 1 + half[:, None] * (u - 1)
    missing = at * (1 - entropy(at.ravel(), alpha, weights).reshape(at.shape))
    return half * (missing @ weight)


def critical_field(t: Float[Array, "temperature"], alpha: Gaps, weights: Gaps) -> Float[Array, "temperature"]:
    """H_c(T) / H_c(0); zero beyond T_c."""
    energy = condensation_energy(jnp.append(t, 0.0), alpha, weights)
    return safe_sqrt(energy[:-1] / energy[-1])
