r"""A fixed density of electrons: the chemical potential is found with the gap equations, as one more unknown.

.. math:: n(\Delta, \mu) = \sum_k \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}

of both spins, in the units of `jaxgap.equations.occupation`. Occupations are those of the paired state at T: mu moves with the
gap, and by as much as the gap where a band is shallow. All mus of several bands move together.

Where the shell moves with mu, n is not -dF/dmu (of a shallow band in 2D they differ by m [sqrt(Omega^2 + Delta^2) - Omega]):
there is no free energy at a fixed density, nor a compressibility, to be had from these gap equations.
"""

from dataclasses import replace
from functools import partial
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.gap_equations import equations
from jaxgap.equations.occupation import normal_occupation, occupation
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.lattice import Lattice
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.bracket import rising_root
from jaxgap.numerics.checks import NotConvergedError, check, check_finite, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.newton import newton
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real
from jaxgap.solving.core import solve_core
from jaxgap.solving.entry import checked_temperature, takes_any_filling, takes_solution
from jaxgap.solving.labels import sign_pattern
from jaxgap.solving.solution import Solution, Status
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.units import k_B, thermal_energy

__all__ = ["at_density", "beside", "check_found", "checked_density", "density_of", "filled", "normal_shift", "refilled"]

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
ROUNDING = 1e-15
"""Of an energy of the system's depth: how well the mu of a normal state is found."""

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
    accurate: Bool[Array, ""]
    """Whether the state of the last round is as accurate as promised."""
    rounds: Int[Array, ""]


@takes_any_filling
def at_density(sc: Superconductor, T: object, density: object = None, *, branch: str | None = None) -> Superconductor:
    """The system with the chemical potential at which it has so many electrons at T [K], in the state connected to T_c (`solve`
    of what is returned, at the same T, gives it). Differentiable: all leaves, T and density move mu.

    What is solved, swept or fitted at a fixed density (`density` of `jaxgap.superconductor` and `jaxgap.lattice`) is this.

    Args:
        sc: bands, whose mus are taken as offsets from each other, or a lattice, whose own mu does not matter. Couplings lam of
            bands are taken as the interaction g = lam / N at the mus given, and the result has g: N moves with mu, g does not.
        T: temperature [K].
        density: electrons of both spins: per cell of a lattice; of bands in 2D [meV] in units of one state per kappa,
            so that normal electrons at T = 0 are sum_i 2 m_i mu_i, in 3D sum_i 4/3 (m_i mu_i)^(3/2) [meV^(3/2)]
            (`jaxgap.equations.occupation` has the electrons per area and volume). Holes of hole bands are subtracted. None: the
            system's own.
        branch: the state whose electrons are counted, as for `solve`.

    Raises:
        InputError: if no mu gives such a density, or a band is not parabolic, or all of them are hole bands.
        NotConvergedError: if mu was not found, or only that of a state that is not as accurate as promised; under tracing mu is
            NaN instead.

    Example:
        >>> bands = {"a": {"mu": 10.0}, "b": {"mu": 12.0}}
        >>> sc = jg.superconductor(bands=bands, g=[[0.3, 0.05], [0.05, 0.3]], Omega=30.0)
        >>> filled = jg.at_density(sc, 4.2, density=60.0)
        >>> round(float(jg.density_of(jg.solve(filled, 4.2))), 6)
        60.0
    """
    T, n = checked_temperature(T), checked_density(sc, density)
    pattern = None if branch is None else sign_pattern(branch, sc.signed)
    found, accurate = _filled(replace(sc, density=None).bare, T, n, None, pattern)
    check_found(found, n, T)
    if is_concrete(accurate) and not bool(accurate):
        state = f"The state of density {float(n):g} at T = {float(T):g} K was found, but not accurately"
        raise NotConvergedError(f"{state}: {Status.INACCURATE.sentence}")
    return found.shifted(jnp.where(accurate, 0.0, jnp.nan))


def filled(
    sc: Superconductor,
    T: Scalar,
    Delta_0: Inexact[Array, "channel"] | None = None,
    pattern: Float[Array, "band"] | None = None,
) -> Superconductor:
    """The system, if it has a mu of its own; else with the mu at which the state of a start or of a sign pattern, as `solve`
    takes them, has its density. That mu is NaN if it was not found; how accurate the state is, its own status says."""
    if sc.density is None:
        return sc
    check(Delta_0 is None or not jnp.iscomplexobj(Delta_0), "start", "be real at a fixed density", "complex amplitudes")
    return _filled(replace(sc, density=None).bare, T, sc.density, Delta_0, pattern)[0]


def refilled(sc: Superconductor, T: Scalar, solution: Solution) -> Superconductor:
    """`filled`, without its search, beside a solution that has been found: with the same derivatives."""
    found = solution.superconductor
    return beside(_as_fine(sc, found), T, solution.Delta.real, found.mus[0], solution.converged)


def beside(
    sc: Superconductor, T: Scalar, Delta: Float[Array, "channel"], mu: Scalar, trusted: Bool[Array, ""]
) -> Superconductor:
    """`filled`, of which amplitudes [meV] and the first mu [meV] are known."""
    if sc.density is None:
        return sc
    below = replace(sc, density=None).bare
    frozen, T_0, Delta, mu = jax.lax.stop_gradient((below, T, Delta, mu))
    shift = mu - frozen.mus[0]
    found = frozen.shifted(shift)
    depth = found.depth + thermal_energy(T_0)
    theta = below, T, sc.density, depth / _room(found, depth)
    return below.shifted(at_root(_residual, jnp.append(Delta, shift), theta, trusted)[-1])


def check_found(found: Superconductor, density: Scalar, T: Scalar) -> None:
    """Raise `NotConvergedError` if no mu was found; skipped for what JAX traces."""
    if is_concrete(found) and not all(bool(jnp.isfinite(leaf).all()) for leaf in jax.tree.leaves(found)):
        many = f"the density is {float(density):g} at T = {float(T):g} K"
        raise NotConvergedError(f"No chemical potential was found at which {many}.")


@takes_solution
def density_of(solution: Solution) -> Float[Array, ""]:
    """Electrons of both spins in the state, in the units of `at_density`."""
    return occupation(solution.superconductor, solution.Delta, solution.T)


def checked_density(sc: Superconductor, density: object) -> Float[Array, ""]:
    """The density, that of the system if it is None, as a number that the system can have."""
    density = sc.density if density is None else density
    check(density is not None, "density", "be given, as an argument or by the system", "neither")
    check_finite("density", density)
    n = jnp.asarray(cast(Real, density), jnp.float64)
    check(n.ndim == 0, "density", "be one number", f"shape {n.shape}")
    sc.check_density(n)
    return n


@program
def _filled(
    sc: Superconductor,
    T: Scalar,
    density: Scalar,
    Delta_0: Float[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> tuple[Superconductor, Bool[Array, ""]]:
    """(The system with its mu, NaN if that was not found; whether the state there is as accurate as promised.)"""
    frozen, T_0, n_0 = jax.lax.stop_gradient((sc, T, density))
    C, (first, depth) = len(frozen.channels), _first(frozen, T_0, n_0)
    bottom = first - 2 * depth
    unit = depth / _room(frozen.shifted(first), depth)

    def step(s: Filled) -> Filled:
        here = s.meshed.shifted(bottom + s.y[-1])
        solution = solve_core(_as_fine(here, frozen), T_0, Delta_0, pattern, DEFAULT_RULE)
        meshed = _as_fine(frozen, solution.superconductor)
        accurate = solution.status <= Status.TRIVIAL
        known = accurate | (solution.status == Status.INACCURATE)
        x = jnp.where(known, solution.Delta.real, 0.0)
        few = occupation(_as_fine(here, meshed), x, T_0) < n_0
        low, high = jnp.where(few, s.y[-1], s.low), jnp.where(few, s.high, s.y[-1])
        root = newton(_equations, jnp.append(x, s.y[-1]), (meshed.shifted(bottom), T_0, n_0, unit))
        mu = root.x[-1]
        taken = root.converged & ((s.rounds < TRUSTING) | ((mu > low) & (mu < high)))
        reach = depth * 2.0**s.rounds
        halved = jnp.where(jnp.isinf(low), high - reach, jnp.where(jnp.isinf(high), low + reach, (low + high) / 2))
        y = jnp.where(taken, root.x, jnp.append(x, halved))
        found = taken & known
        return Filled(y, low, high, meshed, jnp.abs(y[-1] - s.y[-1]), found, accurate, s.rounds + 1)

    inf = jnp.asarray(jnp.inf)
    start = jnp.append(jnp.zeros(C), 2 * depth)
    no = jnp.zeros((), bool)
    begin = Filled(start, -inf, inf, frozen, inf, no, no, jnp.zeros((), int))
    end = jax.lax.while_loop(lambda s: ~(s.found & (s.change <= SETTLED * depth)) & (s.rounds < ROUNDS), step, begin)
    found = end.found & (end.change <= SETTLED * depth)
    below = _as_fine(sc, end.meshed).shifted(bottom)
    y = at_root(_residual, end.y, (below, T, density, unit), found)
    return below.shifted(jnp.where(found, y[-1], jnp.nan)), end.accurate


def _as_fine(sc: Superconductor, other: Superconductor) -> Superconductor:
    return sc.as_fine(other.fineness)


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
    return normal_shift(coarse, jnp.maximum(T, SMEARED * depth / k_B), density), depth


def normal_shift(sc: Superconductor, T: Scalar, density: Scalar) -> Float[Array, ""]:
    """How far the mu at which the normal state has so many electrons is from that of the system [meV]. No derivatives."""
    reach = sc.depth + thermal_energy(T) + 1.0
    return rising_root(lambda shift: normal_occupation(sc.shifted(shift), T) - density, jnp.zeros(()), reach, ROUNDING * reach)


def _room(sc: Superconductor, depth: Scalar) -> Float[Array, ""]:
    """Electrons of bands within an energy; of a lattice one."""
    states = [band.states_between(*band.within(depth), sc.dimension) for band in sc.beyond]
    return 2 * jnp.sum(jnp.stack(states)) if states else jnp.ones(())
