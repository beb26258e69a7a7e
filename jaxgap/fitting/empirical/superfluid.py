r"""Superfluid density of free gaps of BCS shape, clean and local: the alpha model of penetration depths.

.. math:: \rho_s(T) = \sum_i w_i \left[ 1 + 2 \int_{\Delta_i}^\infty dE \, f'(E) \frac{E}{\sqrt{E^2 - \Delta_i^2}} \right]
          = 1 - \sum_i w_i \int_0^\infty \frac{dx}{2 \cosh^2 (\epsilon / 2)}, \qquad
          \epsilon^2 = x^2 + (\Delta_i / k_B T)^2

M. Tinkham, Introduction to Superconductivity, 2nd ed., section 3.10 (Yosida's function); two gaps with the shares w_i of the
squared plasma frequencies, A. Carrington, F. Manzano, Physica C 385, 205 (2003). rho_s = (lambda(0) / lambda(T))^2.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.fitting.empirical.gap import reduced_gap_squared_over_t_squared
from jaxgap.fitting.empirical.heat import STEP, energies

__all__ = ["superfluid_density"]


def superfluid_density(
    t: Float[Array, "temperature"], alpha: Float[Array, "gap"], weights: Float[Array, "gap"]
) -> Float[Array, "temperature"]:
    """rho_s at reduced temperatures, gaps alpha_i = Delta_i(0) / k_B T_c with weights that add up to one; zero beyond T_c."""
    squared = reduced_gap_squared_over_t_squared(t)
    paired = (1 - _yosida(squared[:, None] * alpha**2)) @ weights
    return jnp.where(t < 1, paired, 0.0)


def _yosida(squared: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """The share that is not superfluid, for (Delta / k_B T)^2."""
    decay = jnp.exp(-energies(squared))
    return STEP * jnp.sum(2 * decay / (1 + decay) ** 2, axis=-1)
