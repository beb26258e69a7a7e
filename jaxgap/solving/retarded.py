r"""Solutions and T_c of retarded interactions: what `solve` and `critical_temperature` do for them.

A solution is a self-energy at every Matsubara frequency; its amplitudes are those at the lowest,

.. math:: \Delta_c = \Phi_c(i \omega_0) / Z_c(i \omega_0)

which no experiment measures as they are: a gap edge is where Re Delta(E) = E on the real axis, some per cent above. The state
that is found is started from above, from amplitudes of the order omega sqrt(lambda) with the signs of the leading eigenvector
of the linearised equations, and comes down monotonically before Newton's method takes over: from small amplitudes iterations
crawl, and can end in the normal state at a strong coupling.
"""

from dataclasses import replace
from typing import NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from jaxgap.equations.free_energy import FREE_ENERGY_RULE
from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.model.superconductor import retarded_refused
from jaxgap.numerics.checks import InputError, NotConvergedError, check, is_concrete
from jaxgap.numerics.implicit import SINGULAR, at_root
from jaxgap.numerics.newton import Root, newton
from jaxgap.numerics.programs import program
from jaxgap.selfenergy.continuation import MORE_POINTS, POINTS
from jaxgap.selfenergy.eliashberg import (
    Equations,
    amplitude_jacobian,
    equations_of,
    free_energy,
    gap_residual,
    linearised_map,
    phase_map,
    plain_step,
    self_energy,
)
from jaxgap.selfenergy.frequencies import MOST, settled, truncation_error
from jaxgap.selfenergy.leading import leading
from jaxgap.selfenergy.onset import onset_of
from jaxgap.solving.labels import has_signs, label_of
from jaxgap.solving.real_axis import ContinuedState, Edges, edges_of, on_real_axis, rounds_of
from jaxgap.solving.solution import HAS_AMPLITUDES, Solution, Status
from jaxgap.spectra.cluster import LocalFunctions
from jaxgap.spectra.quadrature import Rule

__all__ = ["RetardedSolution", "SelfEnergy", "critical_temperature_of", "solve_retarded"]

PLAIN = 6
"""Plain iterations before Newton's method."""
ONE = 1e-7
"""What an eigenvalue must exceed 1 by for a direction to count as unstable."""
FIRST = 256
"""Frequencies with which T_c is looked for first: those that it needs depend on it."""


class SelfEnergy(eqx.Module):
    """The self-energy of a state at Matsubara frequencies: nodes, between which it is smooth."""

    omega: Float[Array, "node"]
    """omega_n [meV]."""
    W: Float[Array, "channel node"]
    """omega Z [meV]; of a cross channel what phonons mix the bands by."""
    X: Float[Array, "channel node"]
    """Shifts of the bands [meV]: without cross channels none."""
    Phi: Float[Array, "channel node"]
    """[meV]"""
    A: Float[Array, "cross node"]
    """The part of a cross channel that is odd in frequency and in the exchange of the bands [meV]."""

    @property
    def Z(self) -> Float[Array, "channel node"]:
        """W / omega."""
        return self.W / self.omega


class RetardedSolution(Solution):
    """A `Solution` of a retarded interaction: amplitudes at the lowest Matsubara frequency, and the self-energy at all.

    `sigma_min` is the smallest singular value of d(Delta Z - Phi)/dDelta at the nodes: 0 at T_c. `quadrature_error` is the
    estimated relative error by frequencies beyond the highest. What a mean-field state is asked beyond amplitudes and free
    energy (energies, spectra, entropy) it refuses with a sentence.
    """

    self_energy: SelfEnergy
    rho: Float[Array, ""]
    """The leading eigenvalue of the linearised equations at this temperature: above 1 below T_c, a distance to it."""
    distance: Float[Array, ""]
    """T_c - T [K], to first order in rho - 1: near T_c exact, far from it an order of magnitude."""

    def free_energy(self, rule: Rule = FREE_ENERGY_RULE) -> Float[Array, ""]:
        """Bardeen and Stephen's, relative to the normal state [meV^2 times the unit of N]; NaN without detailed balance."""
        sc = cast(RetardedSuperconductor, self.superconductor)
        E, Delta = equations_of(sc, self.T), self.self_energy.Phi / self.self_energy.Z
        return jnp.where(_balanced(sc), free_energy(Delta, E, sc.band_densities, self.T), jnp.nan)

    # --- at real energies -----------------------------------------------------------------------------------------------

    def continued(self, points: int = POINTS, rounds: int | None = None) -> ContinuedState:
        """The state at real energies, from Pade approximants through so many Matsubara frequencies and so many `rounds` of the
        exact formula (as many as are cheap)."""
        sc, own = cast(RetardedSuperconductor, self.superconductor), self.self_energy
        return on_real_axis(sc, self.T, own.Z, own.Phi, points, rounds_of(sc) if rounds is None else rounds)

    def gap_edges(self) -> Edges:
        """Where Re Delta_i(E) = E for every band [meV], and how well that is known."""
        rounds = rounds_of(cast(RetardedSuperconductor, self.superconductor))
        E, other = edges_of(self.continued()), edges_of(self.continued(MORE_POINTS, rounds - 1))
        return Edges(E, jnp.abs(E - other))

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        return self.continued().green_function(kappa, z)

    def green_function_at(self, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]) -> Complex[Array, "band k omega"]:
        return self.continued().green_function_at(k, z)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return self.continued().local_functions(z)

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        return self.continued().local_functions_at(z)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return self.continued().normal_green_function(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        return self.continued().density_of_states(omega)

    def singular_energies(self) -> Float[Array, "peak"]:
        return self.continued().singular_energies()

    # --- of mean-field states alone -------------------------------------------------------------------------------------

    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
        raise InputError(retarded_refused("solution"))

    def entropy(self) -> Float[Array, ""]:
        raise InputError(retarded_refused("solution"))

    def specific_heat(self) -> Float[Array, ""]:
        raise InputError(retarded_refused("solution"))


def check_no_cross(sc: RetardedSuperconductor) -> None:
    check(not sc.cross, "sc", "have no cross channel with a retarded interaction", ", ".join(sc.channels[len(sc.bands) :]))


# --- T_c ----------------------------------------------------------------------------------------------------------------


def critical_temperature_of(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """T_c [K] with so many frequencies as it needs, where numbers are known: found with few, and once more with those."""
    check_no_cross(sc)
    if sc.frequencies or not is_concrete(sc):
        return _temperature(replace(sc, frequencies=sc.frequencies or FREQUENCIES))
    N = FIRST
    while True:
        some = replace(sc, frequencies=N)
        T_c = _temperature(some)
        if np.isfinite(T_c):
            enough = cast(int, settled(sc, T_c).frequencies)
            return T_c if enough <= N else _temperature(replace(sc, frequencies=enough))
        if N == MOST:
            return jnp.zeros(())
        N *= 16


@program
def _temperature(sc: RetardedSuperconductor) -> Float[Array, ""]:
    return onset_of(sc).T_c


# --- solutions ----------------------------------------------------------------------------------------------------------


def solve_retarded(
    sc: RetardedSuperconductor,
    T: Float[Array, ""],
    Delta_0: Inexact[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
    throw: bool,
) -> RetardedSolution:
    """`solve` of a retarded interaction."""
    if is_concrete(T):
        check(
            float(T) > 0, "T", "be positive with a retarded interaction, whose frequencies are those of a temperature", float(T)
        )
    check(
        Delta_0 is None or not jnp.iscomplexobj(Delta_0), "start", "be real with a retarded interaction", "complex amplitudes"
    )
    check_no_cross(sc)
    sc = settled(sc, T)
    solution = _solved(sc, T, Delta_0, pattern)
    if throw and is_concrete(solution) and not bool(solution.converged):
        raise NotConvergedError(f"solve at T = {float(T):g} K: {Status(int(solution.status)).sentence}")
    return solution


@program
def _solved(
    sc: RetardedSuperconductor,
    T: Float[Array, ""],
    Delta_0: Float[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> RetardedSolution:
    """In stages: start, find, judge, differentiate."""
    E = equations_of(sc, T)
    frozen, fixed, T_found = jax.lax.stop_gradient((sc, E, T))

    # === start and find
    M = linearised_map(fixed)
    onset = leading(M)
    shape = (len(sc.channels), len(E.K.omega))
    Delta = _start(frozen, fixed, onset.right.reshape(shape)[:, 0], Delta_0, pattern)
    exists = (onset.value > 1) | (Delta_0 is not None) | (pattern is not None)
    root = _found(Delta, fixed, frozen.small)
    vanished = (jnp.sqrt(root.x @ root.x) <= frozen.small) | ~exists

    # === judge
    judged = _judged(root, fixed, shape)
    x = jnp.where(vanished, 0.0, root.x)
    error = truncation_error(frozen, T_found)
    default = Delta_0 is None and pattern is None
    status = jnp.where(root.converged, int(Status.CONVERGED), int(Status.NOT_CONVERGED))
    if pattern is not None:
        kept = has_signs(frozen, x.reshape(shape)[:, 0], pattern)
        status = jnp.where(root.converged & ~kept, int(Status.LEFT_BRANCH), status)
    status = jnp.where(vanished, int(Status.NORMAL if default else Status.TRIVIAL), status)
    has = jnp.isin(status, jnp.array([Status.CONVERGED, Status.NORMAL]))
    status = jnp.where(has & ~(error <= sc.promised), int(Status.INACCURATE), status)
    status = jnp.where(_valid(frozen, T_found), status, int(Status.INVALID))

    # === differentiate
    differentiable = root.converged & ~vanished & (judged.sigma_min > SINGULAR)
    x = jnp.where(vanished, x, at_root(_residual, root.x, E, differentiable | vanished, root.jacobian))
    Delta = x.reshape(shape) * jnp.where(jnp.isin(status, jnp.array(HAS_AMPLITUDES)), 1.0, jnp.nan)
    W, Phi = self_energy(Delta, E)
    lowest = Delta[:, 0]
    slope = jax.jvp(lambda t: onset.left @ linearised_map(equations_of(frozen, t)) @ onset.right, (T_found,), (jnp.ones(()),))[
        1
    ]
    return RetardedSolution(
        superconductor=sc,
        T=T,
        Delta=lowest.astype(jnp.complex128),
        status=status,
        label=label_of(frozen, jax.lax.stop_gradient(lowest)),
        residual=jnp.where(vanished, 0.0, root.residual),
        steps=root.steps + PLAIN,
        sigma_min=judged.sigma_min,
        quadrature_error=error,
        differentiable=differentiable,
        unstable_amplitude=jnp.where(vanished, (onset.value > 1 + ONE).astype(int), judged.amplitude),
        unstable_phase=jnp.where(vanished, 0, judged.phase),
        self_energy=SelfEnergy(E.K.omega, W, jnp.zeros_like(W), Phi, jnp.zeros((0, shape[1]))),
        rho=onset.value,
        distance=(1 - onset.value) / slope,
    )


def _start(
    sc: RetardedSuperconductor,
    E: Equations,
    direction: Float[Array, "channel"],
    Delta_0: Float[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> Float[Array, "channel node"]:
    """Amplitudes above the solution's, or those given; they fall off above the spectrum."""
    if Delta_0 is not None:
        lowest = Delta_0
    else:
        signs = direction / jnp.max(jnp.abs(direction)) if pattern is None else pattern
        lowest = sc.scale * signs
    if not sc.spectra:
        return lowest[:, None] * jnp.ones_like(E.K.omega)
    return lowest[:, None] / (1 + (E.K.omega / sc.highest) ** 2)


def _found(Delta: Float[Array, "channel node"], E: Equations, floor: Float[Array, "..."]) -> Root:
    for _ in range(PLAIN):
        Delta = plain_step(Delta, E)
    return newton(_newton_equations, Delta.ravel(), E, floor=floor)


def _newton_equations(x: Float[Array, "n"], E: Equations) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
    Delta = x.reshape(-1, len(E.K.omega))
    return gap_residual(Delta, E).ravel(), amplitude_jacobian(Delta, E)


def _residual(x: Float[Array, "n"], E: Equations) -> Float[Array, "n"]:
    return gap_residual(x.reshape(-1, len(E.K.omega)), E).ravel()


class _Judged(NamedTuple):
    sigma_min: Float[Array, ""]
    amplitude: Int[Array, ""]
    phase: Int[Array, ""]


def _judged(root: Root, E: Equations, shape: tuple[int, int]) -> _Judged:
    """Conditioning, and whether iterations move away from the solution, in amplitude or, beside the free one, in phase."""
    Delta, J = root.x.reshape(shape), root.jacobian
    Z = (self_energy(Delta, E)[0] / E.K.omega).ravel()
    amplitude = leading(jnp.eye(len(J)) - J / Z[:, None]).value
    phase = leading(phase_map(Delta, E)).value
    return _Judged(_smallest(J), (amplitude > 1 + ONE).astype(int), (phase > 1 + ONE).astype(int))


def _smallest(J: Float[Array, "n n"]) -> Float[Array, ""]:
    """sigma_min(J) as 1 / |J^-1|, by the power method: good to a few per cent, and where it is small to all digits."""
    inverse = jnp.linalg.inv(J)
    v = jnp.ones(len(J))
    for _ in range(12):
        v = inverse.T @ (inverse @ v)
        v = v / jnp.sqrt(v @ v)
    size = inverse @ v
    return 1 / jnp.sqrt(size @ size)


def _balanced(sc: RetardedSuperconductor) -> Bool[Array, ""]:
    """Whether N_i lambda_ij and N_i mu*_ij are symmetric."""
    pairs = sc.N[:, None] * sc.instantaneous
    off = jnp.max(jnp.abs(pairs - pairs.T))
    return sc.has_free_energy & (off <= 1e-10 * jnp.maximum(jnp.max(jnp.abs(pairs)), 1e-300))


def _valid(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Bool[Array, ""]:
    return jnp.isfinite(sc.lam).all() & (T > 0) & jnp.isfinite(sc.highest) & (sc.highest > 0)
