r"""How strong an impurity must be for a bound state at zero energy, and where the clean state has states there by itself.

.. math:: \det(1 - (u_0 \tau_3 + J_0 \tau_0 + s \, V) \, G(0)) = 0, \qquad
          s = 1 / \mathrm{eig} \{ [1 - G(0) U_0]^{-1} G(0) V \}

with a potential V that is scaled by s, of charges (u tau_3) or of spins (J tau_0), beside a fixed one U_0; G(0) of the clean
state is real inside the gap (`jaxgap.observables.impurity`). At winding nu = 0 a spin on one of two bands has s pi N J = 1 at
any distance d and any cross amplitude, and charges have no such s; at nu = 1 s depends on Delta.

What tells such a state from those of a gapless clean state, Delta_12^2 = Delta_1 Delta_2 [1 + d^2 / (Delta_1 + Delta_2)^2] of
equal masses, whose density of states at zero energy is N / c everywhere: the bound state sits at its impurity (far away
`density_of_states_around_impurity` falls to nothing, while N / c stays), it moves through zero with s, and it is there at
either side of the gapless state, where the clean gap `edge` is open.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import eigenvalues
from jaxgap.numerics.types import Reals
from jaxgap.observables.impurity import edge_of, matrix_at, over_masses, potentials, static_system
from jaxgap.selfenergy.impurities import spinor_potential
from jaxgap.selfenergy.local_green import imaginary_sign
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.state import MeanFieldState

__all__ = ["ZeroEnergy", "zero_energy_strengths"]

REAL = 1e-9
"""|Im| / |s| below which a strength is called real."""
NEVER = 1e-10
"""An eigenvalue below this share of the largest entry belongs to no strength."""


class ZeroEnergy(NamedTuple):
    """Where bound states are at zero energy."""

    s: Float[Array, "state"]
    """Strengths of either sign, as many as there can be; NaN where there is none, and all where the clean state is gapless."""
    edge: Float[Array, ""]
    """The gap of the clean state [meV]; 0: it is gapless."""

    @property
    def found(self) -> Float[np.ndarray, "found"]:
        """Those that exist, in rising order, where numbers are known."""
        s = np.asarray(self.s)
        found: np.ndarray = np.sort(s[np.isfinite(s)])
        return found


@takes_any_solution
def zero_energy_strengths(
    solution: MeanFieldState,
    u: Reals | None = None,
    J: Reals | None = None,
    *,
    fixed_u: Reals | None = None,
    fixed_J: Reals | None = None,
) -> ZeroEnergy:
    """The factors s of one potential (u, J) with which an impurity binds a state at zero energy.

    Under `jax.vmap` over states it is a map of the neighbourhood of the gapless state.

    Args:
        solution: a solved state, or a given one, of parabolic bands in two dimensions, with real, static amplitudes.
        u: charge potential between the bands [meV] that s multiplies, symmetric; of one band a number.
        J: the same of a classical spin.
        fixed_u: charge potential that stays as it is.
        fixed_J: the same of a spin.

    Example:
        >>> state = jg.solve(jg.materials.two_band(), T=1.0)
        >>> spin = [[1 / np.pi, 0.0], [0.0, 0.0]]  # pi N J = 1
        >>> jg.observables.zero_energy_strengths(state, J=spin).found.round(9).tolist()
        [-1.0, 1.0]
    """
    sc = static_system(solution)
    check(u is not None or J is not None, "u", "be given, or `J`: what is scaled", "neither")
    n = len(sc.bands)
    return _strengths(sc, jnp.real(solution.Delta), *potentials(u, J, n), *potentials(fixed_u, fixed_J, n))


@program
def _strengths(
    sc: Superconductor,
    Delta: Float[Array, "channel"],
    u: Float[Array, "band band"],
    J: Float[Array, "band band"],
    fixed_u: Float[Array, "band band"],
    fixed_J: Float[Array, "band band"],
) -> ZeroEnergy:
    edge, zero = edge_of(sc, Delta), jnp.zeros(())
    G = jnp.real(over_masses(imaginary_sign(matrix_at(sc, Delta, zero)), sc))
    one = jnp.eye(len(G))
    M = jnp.linalg.solve(one - G @ spinor_potential(fixed_u, fixed_J), G @ spinor_potential(u, J))
    values = eigenvalues(M + 0j)
    size = jnp.abs(values)
    real = (jnp.abs(values.imag) <= REAL * size) & (size > NEVER * jnp.max(jnp.abs(M)))
    s = 1 / jnp.where(real, values.real, 1.0)
    return ZeroEnergy(jnp.where(real & (edge > 0), s, jnp.nan), edge)
