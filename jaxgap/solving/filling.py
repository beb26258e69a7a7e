r"""A fixed density of electrons: the chemical potential is found with the gap equations, as one more unknown.

.. math:: n(\Delta, \mu) = \sum_k \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}

of both spins, in the units of `jaxgap.equations.occupation`. Occupations are those of the paired state at T: mu moves with the
gap, and by as much as the gap where a band is shallow. All mus of several bands move together.

Where the shell moves with mu, n is not -dF/dmu (of a shallow band in 2D they differ by m [sqrt(Omega^2 + Delta^2) - Omega]):
there is no free energy at a fixed density, nor a compressibility, to be had from these gap equations.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import equations
from jaxgap.equations.occupation import normal_occupation, occupation
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.newton import newton
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real
from jaxgap.solving.entry import takes_solution, takes_system
from jaxgap.solving.one import checked_temperature, solve_core
from jaxgap.solving.solution import Solution, Status
from jaxgap.spectra.mesh import fineness, with_fineness
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.units import k_B, thermal_energy

__all__ = ["at_density", "checked_density", "density_of", "lowest_shift", "normal_shift"]

ROUNDS = 30
"""A mu that moves may take the system from the normal state to a paired one, or to another branch: it is then solved anew."""
TRUSTING = 4
"""Rounds in which Newton's mu is taken, wherever it is; later on only between those known to be too low and too high."""
SETTLED = 1e-10
"""In units of `depth`: change of mu in the last round."""
SMEARED = 0.02
"""k_B T in units of `depth` at which the first mu of a lattice is found, if T is lower: its coarse mesh then has no steps."""
COARSE = 64
"""Nodes per direction for that in 2D; 16 in 3D."""
HALVINGS = 60
FARTHEST = 1e12
"""[meV] that the chemical potential is looked for."""

Scalar = Float[Array, ""]


class Filled(NamedTuple):
    """Where the search for mu is."""

    y: Float[Array, "n"]
    """Amplitudes, and mu counted from below all levels [meV]: nowhere zero."""
    low: Scalar
    """A mu that holds too few electrons,"""
    high: Scalar
    """and one that holds too many [meV]."""
    meshed: Superconductor
    """The system as finely as it was solved."""
    change: Scalar
    """Of mu in the last round [meV]."""
    found: Bool[Array, ""]
    rounds: Int[Array, ""]


@takes_system
def at_density(sc: Superconductor, T: object, density: object) -> Superconductor:
    """The system with the chemical potential at which it has so many electrons at T [K], in the state connected to T_c (`solve`
    of what is returned, at the same T, gives it). Differentiable: all leaves, T and density move mu.

    Args:
        sc: bands, whose mus are taken as offsets from each other, or a lattice, whose own mu does not matter. Couplings lam of
            bands are taken as the interaction g = lam / N at the mus given, and the result has g: N moves with mu, g does not.
        T: temperature [K].
        density: electrons of both spins: per cell of a lattice; of bands in 2D [meV] in units of one state per kappa,
            so that normal electrons at T = 0 are sum_i 2 m_i mu_i, in 3D sum_i 4/3 (m_i mu_i)^(3/2) [meV^(3/2)]
            (`jaxgap.equations.occupation` has the electrons per area and volume). Holes of hole bands are subtracted.

    Raises:
        InputError: if no mu gives such a density, or a band is not parabolic, or all of them are hole bands.
        NotConvergedError: if mu was not found; under tracing mu is NaN instead.
    """
    T, n = checked_temperature(T), checked_density(sc, density)
    filled = _filled(sc.bare, T, n)
    if is_concrete(filled) and not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(filled)):
        raise NotConvergedError(f"No chemical potential was found at which the density is {float(n):g} at T = {float(T):g} K.")
    return filled


@takes_solution
def density_of(solution: Solution) -> Float[Array, ""]:
    """Electrons of both spins in the state, in the units of `at_density`."""
    return occupation(solution.superconductor, solution.Delta, solution.T)


def checked_density(sc: Superconductor, density: object) -> Float[Array, ""]:
    """The density as a number that the system can have."""
    check_finite("density", density)
    n = jnp.asarray(cast(Real, density), jnp.float64)
    check(n.ndim == 0, "density", "be one number", f"shape {n.shape}")
    if isinstance(sc, Lattice):
        most = 2 * len(sc.orbitals)
        inside = not is_concrete(n) or 0 < float(n) < most
        check(inside, "density", f"lie between 0 and {most} electrons per cell, for {len(sc.orbitals)} orbitals", density)
        return n
    if is_concrete(sc):
        masses = [float(band.tangent[0]) for band in sc.bands]
        check(max(masses) > 0, "sc", "have an electron band for a density: hole bands have no lowest state", "hole bands alone")
        if is_concrete(n) and min(masses) > 0:
            check(float(n) > 0, "density", "be positive", density)
    return n


@program
def _filled(sc: Superconductor, T: Scalar, density: Scalar) -> Superconductor:
    frozen, T_0, n_0 = jax.lax.stop_gradient((sc, T, density))
    C, (first, depth) = len(frozen.channels), _first(frozen, T_0, n_0)
    bottom = first - 2 * depth
    unit = depth / _room(frozen.shifted(first), depth)

    def step(s: Filled) -> Filled:
        here = s.meshed.shifted(bottom + s.y[-1])
        solution = solve_core(_as_fine(here, frozen), T_0, None, None, DEFAULT_RULE)
        meshed = _as_fine(frozen, solution.superconductor)
        x = jnp.where(solution.status <= Status.NORMAL, solution.Delta.real, 0.0)
        few = occupation(_as_fine(here, meshed), x, T_0) < n_0
        low, high = jnp.where(few, s.y[-1], s.low), jnp.where(few, s.high, s.y[-1])
        root = newton(_equations, jnp.append(x, s.y[-1]), (meshed.shifted(bottom), T_0, n_0, unit))
        mu = root.x[-1]
        taken = root.converged & ((s.rounds < TRUSTING) | ((mu > low) & (mu < high)))
        reach = depth * 2.0**s.rounds
        halved = jnp.where(jnp.isinf(low), high - reach, jnp.where(jnp.isinf(high), low + reach, (low + high) / 2))
        y = jnp.where(taken, root.x, jnp.append(x, halved))
        found = taken & (solution.status <= Status.NORMAL)
        return Filled(y, low, high, meshed, jnp.abs(y[-1] - s.y[-1]), found, s.rounds + 1)

    inf = jnp.asarray(jnp.inf)
    start = jnp.append(jnp.zeros(C), 2 * depth)
    begin = Filled(start, -inf, inf, frozen, inf, jnp.zeros((), bool), jnp.zeros((), int))
    end = jax.lax.while_loop(lambda s: ~(s.found & (s.change <= SETTLED * depth)) & (s.rounds < ROUNDS), step, begin)
    found = end.found & (end.change <= SETTLED * depth)
    below = _as_fine(sc, end.meshed).shifted(bottom)
    y = at_root(_residual, end.y, (below, T, density, unit), found)
    return below.shifted(jnp.where(found, y[-1], jnp.nan))


def _as_fine(sc: Superconductor, other: Superconductor) -> Superconductor:
    return with_fineness(sc, fineness(other))


Theta = tuple[Superconductor, Scalar, Scalar, Scalar]
"""(the system, with the mu that y is counted from; T; density; an energy per electron, which makes one of its equation)."""


def _residual(y: Float[Array, "n"], theta: Theta) -> Float[Array, "n"]:
    """The gap equations [meV], and that of the density, times an energy."""
    sc, T, density, unit = theta
    here = sc.shifted(y[-1])
    return jnp.append(gap_residual(here, y[:-1], T), unit * (occupation(here, y[:-1], T) - density))


def _equations(y: Float[Array, "n"], theta: Theta) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    """(r, dr/dy)."""
    sc, T, density, unit = theta
    r, M = equations(DEFAULT_RULE)(y[:-1], (sc.shifted(y[-1]), T))
    n, slopes = jax.value_and_grad(partial(_occupation_at, sc=sc, T=T))(y)
    if sc.beyond:  # Shells move with mu.
        by_mu = jax.jvp(lambda mu: gap_residual(sc.shifted(mu), y[:-1], T), (y[-1],), (jnp.ones(()),))[1]
    else:  # dP_c/dmu = (dn/dDelta_c) / 2.
        by_mu = -sc.lam @ slopes[:-1] / 2
    J = jnp.block([[M, by_mu[:, None]], [unit * slopes[None]]])
    return jnp.append(r, unit * (n - density)), J


def _occupation_at(y: Float[Array, "n"], sc: Superconductor, T: Scalar) -> Float[Array, ""]:
    return occupation(sc.shifted(y[-1]), y[:-1], T)


def _first(sc: Superconductor, T: Scalar, density: Scalar) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """(How far the mu of the normal state is from that of the system, of a lattice roughly; an energy of its depth) [meV]."""
    if not isinstance(sc, Lattice):
        shift = normal_shift(sc, T, density)
        return shift, sc.shifted(shift).depth + thermal_energy(T)
    depth = sc.depth + jnp.abs(sc.mu)
    coarse = eqx.tree_at(lambda s: s.mesh, sc, jnp.asarray(COARSE if sc.dimension == 2 else COARSE / 4))
    warm = jnp.maximum(T, SMEARED * depth / k_B)

    def few(shift: Scalar) -> Bool[Array, ""]:
        return normal_occupation(coarse.shifted(shift), warm) < density

    left, right = bisected(few, -sc.mu - depth, depth - sc.mu, HALVINGS)
    return (left + right) / 2, depth


def normal_shift(sc: Superconductor, T: Scalar, density: Scalar) -> Float[Array, ""]:
    """How far the mu at which bands have so many electrons in their normal state is from theirs [meV]. No derivatives."""

    def few(shift: Scalar) -> Bool[Array, ""]:
        return normal_occupation(sc.shifted(shift), T) < density

    return lowest_shift(sc, few, T)


def lowest_shift(sc: Superconductor, few: Callable[[Scalar], Bool[Array, ""]], T: Scalar) -> Float[Array, ""]:
    """How far mu has to be moved until there are no longer too `few` electrons [meV]."""

    def outside(reach: Scalar) -> Bool[Array, ""]:
        return (few(reach) | ~few(-reach)) & (reach < FARTHEST)

    reach = jax.lax.while_loop(outside, lambda reach: 4 * reach, sc.depth + thermal_energy(T) + 1.0)
    left, right = bisected(few, -reach, reach, HALVINGS)
    return (left + right) / 2


def _room(sc: Superconductor, depth: Scalar) -> Float[Array, ""]:
    """Electrons of bands within an energy; of a lattice one."""
    states = [band.states_between(*band.within(depth), sc.dimension) for band in sc.beyond]
    return 2 * jnp.sum(jnp.stack(states)) if states else jnp.ones(())
