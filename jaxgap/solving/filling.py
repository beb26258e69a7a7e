r"""Lattices at a fixed density of electrons: the chemical potential is found with the gap equations.

.. math:: n = \sum_k \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}

of both spins, from 0 to twice the number of orbitals. Occupations are those of the paired state at T: mu moves with the gap.
"""

from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gap_equations import equations
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
from jaxgap.spectra.on_lattice import OnLattice
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.units import k_B

__all__ = ["at_density", "density_of"]

ROUNDS = 8
"""A mu that moves may take the system from the normal state to a paired one, or to another branch: it is then solved anew."""
SETTLED = 1e-10
"""In units of `depth`: change of mu in the last round."""
SMEARED = 0.02
"""k_B T in units of `depth` at which the first mu is found, if T is lower: levels of a coarse mesh then are no steps."""
COARSE = 64
"""Nodes per direction for that in 2D; 16 in 3D."""
HALVINGS = 40

Scalar = Float[Array, ""]


class Filled(NamedTuple):
    """Where the search for mu is."""

    y: Float[Array, "n"]
    """Amplitudes, and mu counted from below all levels [meV]: nowhere zero."""
    finer: Scalar
    change: Scalar
    """Of mu in the last round [meV]."""
    found: Bool[Array, ""]
    rounds: Int[Array, ""]


@takes_system
def at_density(sc: Superconductor, T: object, density: object) -> Superconductor:
    """The lattice with the chemical potential at which it has so many electrons per cell at T [K], in the state connected to
    T_c (`solve` of what is returned, at the same T, gives it). Differentiable: hoppings, couplings, T and density move mu.

    Args:
        sc: a `Lattice`; its own mu does not matter.
        T: temperature [K].
        density: electrons per cell, of both spins.

    Raises:
        InputError: if `sc` is no lattice, or no mu gives such a density.
        NotConvergedError: if mu was not found; under tracing mu is NaN instead.
    """
    T = checked_temperature(T)
    check(isinstance(sc, Lattice), "sc", "be a Lattice: a band with a shell has no density of its own", type(sc).__name__)
    assert isinstance(sc, Lattice)
    check_finite("density", density)
    n = jnp.asarray(cast(Real, density), jnp.float64)
    check(n.ndim == 0, "density", "be one number", f"shape {n.shape}")
    most = 2 * len(sc.orbitals)
    inside = not is_concrete(n) or 0 < float(n) < most
    check(inside, "density", f"lie between 0 and {most} electrons per cell, for {len(sc.orbitals)} orbitals", density)
    filled = _filled(sc, T, n)
    if is_concrete(filled) and not bool(jnp.isfinite(filled.mu)):
        raise NotConvergedError(f"No chemical potential was found at which the density is {float(n):g} at T = {float(T):g} K.")
    return filled


@takes_solution
def density_of(solution: Solution) -> Float[Array, ""]:
    """Electrons per cell, of both spins, in the state of a lattice."""
    sc = solution.superconductor
    check(
        isinstance(sc, Lattice), "solution", "be of a Lattice: a band with a shell has no density of its own", type(sc).__name__
    )
    return _occupation(sc, solution.Delta, solution.T)


def _occupation(sc: Superconductor, Delta: Array, T: Scalar) -> Float[Array, ""]:
    return OnLattice(sc, Delta, sc.clusters[0]).occupation(T, DEFAULT_RULE)


@program
def _filled(lattice: Lattice, T: Scalar, density: Scalar) -> Lattice:
    frozen, T_0, n_0 = jax.lax.stop_gradient((lattice, T, density))
    depth, C = frozen.depth + jnp.abs(frozen.mu), len(lattice.pairing)
    bottom = -2 * depth
    first = _first_mu(frozen, T_0, n_0, depth)

    def step(s: Filled) -> Filled:
        here = _with(frozen, s.y[-1] + bottom, frozen.finer)
        solution = solve_core(here, T_0, None, None, DEFAULT_RULE)
        mesh = _finer_of(solution.superconductor)
        x = jnp.where(solution.status <= Status.NORMAL, solution.Delta.real, 0.0)
        root = newton(_equations, jnp.append(x, s.y[-1]), (_with(frozen, bottom, mesh), T_0, n_0, depth))
        change = jnp.abs(root.x[-1] - s.y[-1])
        return Filled(root.x, mesh, change, root.converged & (solution.status <= Status.NORMAL), s.rounds + 1)

    start = Filled(
        jnp.append(jnp.zeros(C), first - bottom), frozen.finer, jnp.asarray(jnp.inf), jnp.zeros((), bool), jnp.zeros((), int)
    )
    end = jax.lax.while_loop(lambda s: (s.change > SETTLED * depth) & (s.rounds < ROUNDS), step, start)
    found = end.found & (end.change <= SETTLED * depth)
    theta = (_with(lattice, bottom, end.finer), T, density, depth)
    y = at_root(_residual, end.y, theta, found)
    return _with(lattice, jnp.where(found, y[-1] + bottom, jnp.nan), end.finer)


def _finer_of(sc: Superconductor) -> Scalar:
    assert isinstance(sc, Lattice)
    return sc.finer


def _with(lattice: Lattice, mu: Scalar, finer: Scalar) -> Lattice:
    return eqx.tree_at(lambda s: (s.mu, s.finer), lattice, (mu, finer))


Theta = tuple[Lattice, Scalar, Scalar, Scalar]
"""(the lattice, whose mu is where y is counted from; T; density; an energy that makes one of the density's equation)."""


def _moved(y: Float[Array, "n"], lattice: Lattice) -> Lattice:
    return eqx.tree_at(lambda s: s.mu, lattice, lattice.mu + y[-1])


def _residual(y: Float[Array, "n"], theta: Theta) -> Float[Array, "n"]:
    """The gap equations [meV], and that of the density, times an energy."""
    lattice, T, density, depth = theta
    here = _moved(y, lattice)
    return jnp.append(gap_residual(here, y[:-1], T), depth * (_occupation(here, y[:-1], T) - density))


def _equations(y: Float[Array, "n"], theta: Theta) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    r"""(r, dr/dy), with dP_c/dmu = (dn/d\Delta_c) / 2."""
    lattice, T, density, depth = theta
    here = _moved(y, lattice)
    r, M = equations(DEFAULT_RULE)(y[:-1], (here, T))
    occupation = partial(_occupation_at, lattice=lattice, T=T)
    n, slopes = occupation(y), jax.jacfwd(occupation)(y)
    by_mu = -lattice.lam @ slopes[:-1] / 2
    J = jnp.block([[M, by_mu[:, None]], [depth * slopes[None, :-1], depth * slopes[None, -1:]]])
    return jnp.append(r, depth * (n - density)), J


def _occupation_at(y: Float[Array, "n"], lattice: Lattice, T: Scalar) -> Float[Array, ""]:
    return _occupation(_moved(y, lattice), y[:-1], T)


def _first_mu(lattice: Lattice, T: Scalar, density: Scalar, depth: Scalar) -> Float[Array, ""]:
    """mu of the normal state, on a coarse mesh."""
    N = COARSE if lattice.dimension == 2 else COARSE // 4
    coarse = eqx.tree_at(lambda s: s.mesh, lattice, jnp.asarray(float(N)))
    warm = jnp.maximum(T, SMEARED * depth / k_B)

    def below(mu: Scalar) -> Bool[Array, ""]:
        here = eqx.tree_at(lambda s: s.mu, coarse, mu)
        return _occupation(here, jnp.zeros(len(lattice.pairing)), warm) < density

    left, right = bisected(below, -depth, depth, HALVINGS)
    return (left + right) / 2
