r"""How strong an impurity must be for a bound state at zero energy, and where the clean state has states there by itself.

.. math:: \det(1 - (u_0 \tau_3 + J_0 \tau_0 + s \, V) \, G(0)) = 0, \qquad
          s = 1 / \mathrm{eig} \{ [1 - G(0) U_0]^{-1} G(0) V \}

with a potential V that is scaled by s, of charges (u tau_3) or of spins (J tau_0), beside a fixed one U_0; G(0) of the clean
state is real inside the gap (`jaxgap.observables.impurity`). At winding nu = 0 a spin on one of two bands has s pi N J = 1 at
any distance d and any cross amplitude, and charges have no such s; at nu = 1 s depends on Delta.

What tells such a state from those of a gapless clean state, Delta_12^2 = Delta_1 Delta_2 [1 + d^2 / (Delta_1 + Delta_2)^2] of
equal masses, whose density of states at zero energy is N / c everywhere: the bound state sits at its impurity (far away
`density_of_states_around_impurity` falls to nothing, while N / c stays), it moves through zero with s, and it is there at
either side of the gapless state, where the clean gap `edge` is open. Where there is no continuum at zero energy its peak is as
narrow as Gamma, N_i(0) growing as 1 / Gamma, which N / c does not. `zero_energy_map` has both beside each other. A clean state
is gapless where an eigenvalue of M_1^-1 (mu + i Delta) is real, which is at single values of Delta_12.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.couplings import band_matrix
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import eigenvalues
from jaxgap.numerics.types import Real, Reals
from jaxgap.observables.impurity import (
    edge_of,
    impurity_density_of_states,
    matrix_at,
    over_masses,
    potentials,
    static_system,
)
from jaxgap.selfenergy.impurities import spinor_potential
from jaxgap.selfenergy.local_green import imaginary_sign
from jaxgap.solving.entry import takes_any_solution
from jaxgap.solving.state import MeanFieldState

__all__ = ["ZeroEnergy", "ZeroEnergyMap", "zero_energy_map", "zero_energy_strengths"]

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

    Of many states, such as the neighbours of the gapless one: `jax.vmap`, or `zero_energy_map`.

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


# --- a map ------------------------------------------------------------------------------------------------------------------


class ZeroEnergyMap(NamedTuple):
    """What a row of states has at zero energy beside one impurity, against the strength of that."""

    s: Float[np.ndarray, "strength"]
    """Factors of the potential."""
    N: Float[np.ndarray, "state strength"]
    """Density of states of all bands at zero energy at the impurity's place, over that of the normal metal without it."""
    clean: Float[np.ndarray, "state"]
    """The same without the impurity: of a gapless state its N / c, over the normal metal's density of states of all bands."""
    crossings: Float[np.ndarray, "state crossing"]
    """Factors with which a bound state is at zero energy, in rising order; NaN where there are fewer."""
    edge: Float[np.ndarray, "state"]
    """The clean gap [meV]."""
    axis: Float[np.ndarray, "state band"]
    """Imaginary parts of the eigenvalues of M_1^-1 (mu + i Delta), in rising order [meV]: a state is gapless where one is 0."""
    Gamma: float
    """Broadening of N and `clean` [meV]."""

    def gapless(self, x: Reals) -> Float[np.ndarray, "gapless"]:
        """Where the row is gapless, if its states are at positions x, in rising or falling order; between two on a line."""
        place, closed = np.asarray(x, float), self.edge == 0
        found, between = list(place[closed]), ~closed[:-1] & ~closed[1:]
        for part in self.axis.T:
            k = np.flatnonzero(between & (part[:-1] * part[1:] < 0))
            found += list(place[k] + (place[k + 1] - place[k]) * part[k] / (part[k] - part[k + 1]))
        return np.sort(np.array(found))


def zero_energy_map(
    states: Sequence[MeanFieldState], s: Reals, Gamma: Real, u: Reals | None = None, J: Reals | None = None
) -> ZeroEnergyMap:
    """Zero energy in a row of states, at an impurity whose potential is multiplied by s: as colours, with the bound states'
    crossings, it is `jaxgap.plotting.plot_zero_energy_map`.

    Args:
        states: in order, as for `zero_energy_strengths`; those of one system against a coupling, a distance, an amplitude.
        s: factors.
        Gamma: broadening [meV], positive.
        u: charge potential between the bands [meV] that s multiplies, symmetric; of one band a number.
        J: the same of a classical spin.

    Example:
        >>> states, spin = [jg.solve(jg.materials.two_band(), T) for T in (1.0, 4.2)], [[1 / np.pi, 0.0], [0.0, 0.0]]
        >>> found = jg.observables.zero_energy_map(states, [0.5, 1.0], Gamma=0.1, J=spin)
        >>> found.crossings.round(9).tolist(), bool(np.all(found.N[:, 1] > 10 * found.N[:, 0]))
        ([[-1.0, 1.0], [-1.0, 1.0]], True)
    """
    check(len(states) > 0, "states", "be at least one", 0)
    check_finite("s", s)
    factors = jnp.atleast_1d(jnp.asarray(s, jnp.float64))
    check(factors.ndim == 1, "s", "be one row of factors", f"shape {factors.shape}")
    rows = [_zero_energy_row(state, factors, Gamma, u, J) for state in states]
    N, clean, crossings, edge, axis = (np.stack([np.asarray(row[k]) for row in rows]) for k in range(5))
    crossings = np.sort(crossings)[:, : int(np.isfinite(crossings).sum(axis=1).max())]  # NaN are last.
    return ZeroEnergyMap(np.asarray(factors), N, clean, crossings, edge, axis, float(Gamma))


def _zero_energy_row(
    state: MeanFieldState, s: Float[Array, "strength"], Gamma: Real, u: Reals | None, J: Reals | None
) -> tuple[Array, ...]:
    found = zero_energy_strengths(state, u, J)
    sc = state.superconductor
    both = potentials(u, J, len(sc.bands))

    def total(s: Float[Array, ""]) -> Float[Array, ""]:
        N = impurity_density_of_states(state, 0.0, Gamma, s * both[0], s * both[1])
        return jnp.sum(N) / jnp.sum(jnp.abs(sc.band_densities))

    return jax.vmap(total)(s), total(jnp.zeros(())), found.s, found.edge, _axis(sc, jnp.real(state.Delta))


@program
def _axis(sc: Superconductor, Delta: Float[Array, "channel"]) -> Float[Array, "band"]:
    mass, mu = (jnp.stack(part) for part in zip(*(band.tangent for band in sc.bands), strict=True))
    matrix = jnp.diag(mu) + 1j * band_matrix(Delta, len(sc.bands), sc.cross)
    return jnp.sort(jnp.imag(eigenvalues(mass[:, None] * matrix)))
