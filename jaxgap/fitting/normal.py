r"""The normal state in a fit: beyond T_c the model has no gap, and a measurement there counts like any other.

At a temperature where the normal state is stable, and no state with the signs of the branch is found, the amplitudes are
exactly zero: that is how the rest of a fit knows it. As parameters change T_c may move over a temperature of the data. Then
pairs form, close below T_c with

.. math:: \Delta = \pi k_B T \sqrt{\frac{8}{7 \zeta(3)} \, \frac{\kappa - 1}{\lambda_v}
          \, \frac{\sum_c v_c^2}{\sum_c v_c^4}} \; v

where kappa is the largest eigenvalue of lambda K(T), v its eigenvector and lambda_v = |lambda v| / |v|, since K grows as
ln(1 / T). Newton starts from there.
"""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.equations.linear import linear_map
from jaxgap.fitting.problem import Problem
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.newton import norm
from jaxgap.numerics.small import eigenvalues, right_vectors
from jaxgap.units import thermal_energy

__all__ = ["first_pairs", "only_with_pairs", "paired"]

CUBIC = 3.0628
"""pi (8 / 7 zeta(3))^(1/2): Delta / k_B T_c of one weakly coupled band close to T_c, over (1 - T / T_c)^(1/2)."""


def first_pairs(sc: Superconductor, T: Any) -> tuple[Bool[Array, ""], Float[Array, "channel"]]:
    """(whether the normal state is stable, lambda K(T) having no eigenvalue beyond 1; if it is not, about the amplitudes of the
    pairs that form first [meV])."""
    A = linear_map(sc, T)
    values = eigenvalues(A).real
    largest = jnp.max(values)
    v = right_vectors(A - largest * jnp.eye(len(A)))[1][:, -1]
    above = jnp.maximum(largest - 1, 0.0) / norm(sc.lam @ v)
    size = CUBIC * thermal_energy(T) * jnp.sqrt(above * jnp.sum(v**2) / jnp.sum(v**4))
    return jnp.all(values < 1), jnp.where(jnp.isfinite(size), size, 0.0) * v


def only_with_pairs(p: Problem) -> np.ndarray:
    """The conditions with a datum that has no value in the normal state: a ratio of gaps."""
    without = {row.condition for row in p.rows if row.operator == "/"}
    return np.array([i in without for i in range(len(p.T))], bool)


def paired(Delta: Any) -> np.ndarray:
    """The conditions at which amplitudes [condition, channel] are not those of the normal state."""
    found: np.ndarray = np.any(np.asarray(Delta) != 0, axis=1)
    return found
