r"""The critical temperature at a fixed density, where mu moves with the temperature.

.. math:: \lambda K(T, \mu) \text{ has the eigenvalue } 1, \qquad n_{\rm normal}(T, \mu) = n

Of a shallow band this is not T_c at the mu of low temperatures: mu falls with T, in the end below the bottom. Where pairs
are bound more tightly than E_F they break here, at the T^* of a mean field; phase coherence is lost far below, which no gap
equation knows.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.equations.linear import coldest_temperature, linear_map
from jaxgap.equations.occupation import normal_occupation
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.bracket import rising_root
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_any_filling
from jaxgap.solving.filling import checked_density, normal_shift
from jaxgap.solving.onset import temperature_at
from jaxgap.units import k_B

__all__ = ["CriticalFilling", "at_critical_mu", "critical_temperature_at_density"]

Scalar = Float[Array, ""]

WARM = 0.02
"""k_B T in units of `depth` at which the first mu is that of the normal state."""
SETTLED = 1e-14
"""In units of `depth`: how well mu is found."""


class CriticalFilling(NamedTuple):
    """Where the gap of a fixed density vanishes."""

    T_c: Float[Array, ""]
    """[K]; 0 if the normal state of that density is stable at every temperature; NaN on a lattice where that is not known down
    to what its largest mesh resolves."""
    superconductor: Superconductor
    """With the mu of that temperature."""


@takes_any_filling
def critical_temperature_at_density(sc: Superconductor, density: object = None) -> CriticalFilling:
    """The temperature [K] at which the normal state of so many electrons gives way, and the system with the mu there: that mu
    at whose own T_c the normal state has them. Differentiable with respect to all leaves and the density.

    Args:
        sc: bands or a lattice, as for `at_density`.
        density: electrons of both spins, as there; None: the system's own.

    Raises:
        InputError: for a density that is none.
    """
    n = checked_density(sc, density)
    return _critical(replace(sc, density=None).bare, n)


def at_critical_mu(sc: Superconductor) -> Superconductor:
    """A system with a density, with the mu that it has at its T_c."""
    assert sc.density is not None
    return _critical(replace(sc, density=None).bare, sc.density).superconductor


Theta = tuple[Superconductor, Scalar, Scalar, MarginalSpace]
"""(the system, the density, electrons that are many, the directions that become critical)."""


@program
def _critical(sc: Superconductor, density: Scalar) -> CriticalFilling:
    frozen, n_0 = jax.lax.stop_gradient((sc, density))

    def excess(shift: Scalar) -> Scalar:
        """Electrons too many at the T_c of a mu."""
        here = frozen.shifted(shift)
        T, least = temperature_at(here), coldest_temperature(here)
        return normal_occupation(here, jnp.where(least < T, T, least)) - n_0

    depth = frozen.depth + 1.0
    first = normal_shift(frozen, WARM * depth / k_B, n_0)
    shift = rising_root(excess, first, WARM * depth, SETTLED * depth)
    here = frozen.shifted(shift)
    T = temperature_at(here)
    exists = T > 0
    log_T = jnp.log(jnp.where(exists, T, 1.0))
    space = jax.lax.stop_gradient(marginal_space(linear_map(here, jnp.exp(log_T))))
    slope = jax.jvp(lambda t: linear_map(here, jnp.exp(t)), (log_T,), (jnp.ones(()),))[1]
    room = jnp.abs(n_0) + normal_occupation(here, jnp.exp(log_T))
    y = jnp.stack([log_T, shift])
    y = at_root(_residual, y, (sc, density, room, space), exists & differentiable(space, slope))
    T_c = jnp.where(exists, jnp.exp(y[0]), jnp.where(jnp.isnan(T), jnp.nan, 0.0))
    return CriticalFilling(T_c, sc.shifted(jnp.where(exists, y[1], shift)))


def _residual(y: Float[Array, "2"], theta: Theta) -> Float[Array, "2"]:
    sc, density, room, space = theta
    T, here = jnp.exp(y[0]), sc.shifted(y[1])
    n = normal_occupation(here, T)
    return jnp.stack([mean_eigenvalue(space, linear_map(here, T)), (n - density) / room])
