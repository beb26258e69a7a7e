r"""The critical temperature at a fixed density, where mu moves with the temperature.

.. math:: \lambda K(T, \mu) \text{ has the eigenvalue } 1, \qquad n_{\rm normal}(T, \mu) = n

Of a shallow band this is not T_c at the mu of low temperatures: mu falls with T, in the end below the bottom. Where pairs
are bound more tightly than E_F they break here, at the T^* of a mean field; phase coherence is lost far below, which no gap
equation knows.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.equations.linear import highest_temperature, linear_map
from jaxgap.equations.occupation import normal_occupation
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.marginal import MarginalSpace, differentiable, is_static, marginal_space, mean_eigenvalue
from jaxgap.numerics.programs import program
from jaxgap.solving.critical import unstable_directions
from jaxgap.solving.entry import takes_system
from jaxgap.solving.filling import checked_density, normal_shift
from jaxgap.solving.normal_state import LOWEST, STEP

__all__ = ["CriticalFilling", "critical_temperature_at_density"]

Scalar = Float[Array, ""]


class CriticalFilling(NamedTuple):
    """Where the gap of a fixed density vanishes."""

    T_c: Float[Array, ""]
    """[K]; 0 if the normal state of that density is stable at every temperature, NaN if it gives way in an oscillation."""
    superconductor: Superconductor
    """With the mu of that temperature."""


@takes_system
def critical_temperature_at_density(sc: Superconductor, density: object) -> CriticalFilling:
    """The largest temperature [K] at which the normal state of so many electrons gives way, and the system with the mu there;
    differentiable with respect to all leaves and the density.

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
    cold = frozen.shifted(normal_shift(frozen, jnp.zeros(()), n_0))
    # Bands hold more states in a shell in 3D if mu is higher: nowhere higher than at T = 0.
    log_T = jnp.log(2 * highest_temperature(cold)) - np.arange(0.0, -LOWEST, STEP)
    stable = jax.vmap(lambda t: _is_stable(frozen, n_0, t))(log_T)
    exists = ~stable.all()
    first = jnp.maximum(jnp.argmin(stable), 1)
    ends = bisected(lambda t: _is_stable(frozen, n_0, t), log_T[first - 1], log_T[first])
    T = jnp.exp(ends[1])
    shift = normal_shift(frozen, T, n_0)
    A = linear_map(frozen.shifted(shift), T)
    space = jax.lax.stop_gradient(marginal_space(A))
    slope = jax.jvp(lambda t: linear_map(frozen.shifted(shift), jnp.exp(t)), (ends[1],), (jnp.ones(()),))[1]
    static, room = is_static(A), jnp.abs(n_0) + normal_occupation(frozen, T)
    y = jnp.stack([ends[1], shift])
    y = at_root(_residual, y, (sc, density, room, space), exists & static & differentiable(space, slope))
    T_c = jnp.where(exists, jnp.where(static, jnp.exp(y[0]), jnp.nan), 0.0)
    return CriticalFilling(T_c, sc.shifted(jnp.where(exists, y[1], normal_shift(frozen, jnp.zeros(()), n_0))))


def _is_stable(sc: Superconductor, density: Scalar, log_T: Scalar) -> Bool[Array, ""]:
    T = jnp.exp(log_T)
    here = sc.shifted(normal_shift(sc, T, density))
    return unstable_directions(jax.tree.map(lambda leaf: leaf[None], here), T[None])[0] == 0


def _residual(y: Float[Array, "2"], theta: Theta) -> Float[Array, "2"]:
    sc, density, room, space = theta
    T, here = jnp.exp(y[0]), sc.shifted(y[1])
    n = normal_occupation(here, T)
    return jnp.stack([mean_eigenvalue(space, linear_map(here, T)), (n - density) / room])
