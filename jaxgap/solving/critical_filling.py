r"""The critical temperature at a fixed density, where mu moves with the temperature.

.. math:: \lambda K(T, \mu) \text{ has the eigenvalue } 1, \qquad n_{\rm normal}(T, \mu) = n

Of a shallow band this is not T_c at the mu of low temperatures: mu falls with T, in the end below the bottom. Where pairs
are bound more tightly than E_F they break here, at the T^* of a mean field; phase coherence is lost far below, which no gap
equation knows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxgap.equations.linear import linear_map
from jaxgap.equations.occupation import normal_occupation
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.entry import takes_system
from jaxgap.solving.filling import checked_density, lowest_shift

__all__ = ["CriticalFilling", "critical_temperature_at_density"]

Scalar = Float[Array, ""]


class CriticalFilling(NamedTuple):
    """Where the gap of a fixed density vanishes."""

    T_c: Float[Array, ""]
    """[K]; 0 if the normal state of that density is stable at every temperature."""
    superconductor: Superconductor
    """With the mu of that temperature."""


@takes_system
def critical_temperature_at_density(sc: Superconductor, density: object) -> CriticalFilling:
    """The temperature [K] at which the normal state of so many electrons gives way, and the system with the mu there: that mu
    at whose own T_c the normal state has them. Differentiable with respect to all leaves and the density.

    Args:
        sc: bands, as for `at_density`.
        density: electrons of both spins, as there.

    Raises:
        InputError: for a density that is none, or of a lattice.
    """
    n = checked_density(sc, density)
    check(not isinstance(sc, Lattice), "sc", "be of bands (of a lattice iterate at_density and T_c)", "a Lattice")
    return _critical(sc.bare, n)


Theta = tuple[Superconductor, Scalar, Scalar, MarginalSpace]
"""(the system, the density, electrons that are many, the directions that become critical)."""


@program
def _critical(sc: Superconductor, density: Scalar) -> CriticalFilling:
    frozen, n_0 = jax.lax.stop_gradient((sc, density))

    def few(shift: Scalar) -> Bool[Array, ""]:
        here = frozen.shifted(shift)
        return normal_occupation(here, critical_temperature(here)) < n_0

    shift = lowest_shift(frozen, few, jnp.zeros(()))
    here = frozen.shifted(shift)
    T = critical_temperature(here)
    exists = T > 0
    log_T = jnp.log(jnp.where(exists, T, 1.0))
    space = jax.lax.stop_gradient(marginal_space(linear_map(here, jnp.exp(log_T))))
    slope = jax.jvp(lambda t: linear_map(here, jnp.exp(t)), (log_T,), (jnp.ones(()),))[1]
    room = jnp.abs(n_0) + normal_occupation(here, T)
    y = jnp.stack([log_T, shift])
    y = at_root(_residual, y, (sc, density, room, space), exists & differentiable(space, slope))
    return CriticalFilling(jnp.where(exists, jnp.exp(y[0]), 0.0), sc.shifted(jnp.where(exists, y[1], shift)))


def _residual(y: Float[Array, "2"], theta: Theta) -> Float[Array, "2"]:
    sc, density, room, space = theta
    T, here = jnp.exp(y[0]), sc.shifted(y[1])
    n = normal_occupation(here, T)
    return jnp.stack([mean_eigenvalue(space, linear_map(here, T)), (n - density) / room])
