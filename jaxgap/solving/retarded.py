r"""Solutions and T_c of retarded interactions: what `solve` and `critical_temperature` do for them.

A solution is a self-energy at every Matsubara frequency; its amplitudes are those at the lowest,

.. math:: \Delta_c = \Phi_c(i \omega_0) / Z_c(i \omega_0), \qquad Z \Delta + \Delta Z = 2 \Phi \text{ of cross-paired bands}

which no experiment measures as they are: a gap edge is where Re Delta(E) = E on the real axis, some per cent above. The state
that is found is started from above, from amplitudes of the order omega sqrt(lambda) with the signs of the leading eigenvector
of the linearised equations, and comes down monotonically before Newton's method takes over: from small amplitudes iterations
crawl, and can end in the normal state at a strong coupling.
"""

from dataclasses import replace
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from jaxgap.equations.free_energy import FREE_ENERGY_RULE
from jaxgap.model.retarded import FREQUENCIES, RetardedSuperconductor
from jaxgap.model.superconductor import check_clean, retarded_refused
from jaxgap.numerics.checks import InputError, NotConvergedError, check, is_concrete
from jaxgap.numerics.programs import program
from jaxgap.selfenergy.eliashberg import Equations, equations_of
from jaxgap.selfenergy.finding import Found, SelfEnergy, energy_of, found, made_by_pairs, map_at_onset
from jaxgap.selfenergy.frequencies import MOST, settled, truncation_error
from jaxgap.selfenergy.impurities import opened
from jaxgap.selfenergy.leading import leading
from jaxgap.selfenergy.onset import linearised, onset_of
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.labels import has_signs, label_of
from jaxgap.solving.real_axis import POINTS, ContinuedState, on_real_axis, rounds_of
from jaxgap.solving.real_axis_across import CrossContinuedState, across_real_axis
from jaxgap.solving.solution import HAS_AMPLITUDES, Solution, Status
from jaxgap.solving.state import PairedState
from jaxgap.solving.winding import NO_WINDING
from jaxgap.spectra.cluster import LocalFunctions
from jaxgap.spectra.quadrature import Rule

__all__ = [
    "RetardedSolution",
    "SelfEnergy",
    "critical_temperature_of",
    "retarded_at_temperatures",
    "retarded_many",
    "solve_retarded",
    "with_frequencies",
]

WEAK = 0.1
"""Cross amplitude of a start by signs, in units of the scale."""
TOGETHER = 16
"""Systems of a batch that are solved at once: their matrices then stay in the caches of a core."""
FIRST = 256
"""Frequencies with which T_c is looked for first: those that it needs depend on it."""


class RetardedSolution(Solution):
    """A `Solution` of a retarded interaction: amplitudes at the lowest Matsubara frequency, and the self-energy at all.

    `sigma_min` is the smallest singular value of d(Delta Z - Phi)/dDelta at the nodes: 0 at T_c. `quadrature_error` is the
    estimated relative error by frequencies beyond the highest. `unstable_amplitude` and `unstable_phase` say whether there is
    such a direction, 1 or 0, not how many; -1: not examined. Spectra are those of the continued self-energy, without cross
    channels, or of impurities with an instantaneous interaction; what needs amplitudes that depend on no frequency (energies,
    entropy) is refused with a sentence. With impurities `self_energy` has every pair of bands as a channel, behind the
    system's.
    """

    self_energy: SelfEnergy
    rho: Float[Array, ""]
    """The leading eigenvalue of the linearised equations at this temperature: above 1 below T_c, a distance to it."""
    distance: Float[Array, ""]
    """T_c - T [K], to first order in rho - 1: near T_c exact, far from it an order of magnitude."""

    def free_energy(self, rule: Rule = FREE_ENERGY_RULE) -> Float[Array, ""]:
        """Bardeen and Stephen's, relative to the normal state [meV^2 times the unit of N]; NaN without detailed balance."""
        sc = cast(RetardedSuperconductor, self.superconductor)
        wide = opened(sc)
        return jnp.where(_balanced(sc), energy_of(self.self_energy, wide, equations_of(wide, self.T)), jnp.nan)

    @property
    def winding(self) -> Int[Array, ""]:
        """As of any solution; -1 where there are impurities, whose states may be gapless without changing it."""
        return jnp.asarray(NO_WINDING) if self.superconductor.is_disordered else super().winding

    @property
    def pairing(self) -> Float[Array, "channel"]:
        """What the interaction alone makes of Phi at the lowest frequency [meV]: the order parameter, which impurities dress.
        Without them it is Phi there."""
        sc = cast(RetardedSuperconductor, self.superconductor)
        return made_by_pairs(self.self_energy, opened(sc))[: len(sc.channels)]

    # --- at real energies -----------------------------------------------------------------------------------------------

    def continued(self, points: int = POINTS, rounds: int | None = None) -> ContinuedState | CrossContinuedState:
        """The state at real energies, from Pade approximants through so many Matsubara frequencies and so many `rounds` of the
        exact formula (as many as are cheap; none of cross-paired bands)."""
        sc, own = cast(RetardedSuperconductor, self.superconductor), self.self_energy
        check_clean(sc, "solution")
        if sc.cross:
            return across_real_axis(sc, self.T, own, self.Delta.real, points)
        return on_real_axis(sc, self.T, own.Phi / own.Z, points, rounds_of(sc) if rounds is None else rounds)

    def at_real_energies(self) -> PairedState:
        """What spectra are made of: continued, or with impurities and an instantaneous interaction solved for at every
        energy."""
        sc = cast(RetardedSuperconductor, self.superconductor)
        return DressedState(sc, self.T, self.pairing) if sc.is_dressed else self.continued()

    def green_function(self, kappa: Float[Array, "*#k"], z: Complex[Array, "*#k"]) -> Complex[Array, "band *k"]:
        return self.at_real_energies().green_function(kappa, z)

    def green_function_at(self, k: Float[Array, "k *axis"], z: Complex[Array, "omega"]) -> Complex[Array, "band k omega"]:
        return self.at_real_energies().green_function_at(k, z)

    def local_functions(self, z: Complex[Array, ""]) -> LocalFunctions:
        return self.at_real_energies().local_functions(z)

    def local_functions_at(self, z: Complex[Array, "omega"]) -> LocalFunctions:
        return self.at_real_energies().local_functions_at(z)

    def normal_green_function(self, z: Complex[Array, ""]) -> Complex[Array, "band"]:
        return self.at_real_energies().normal_green_function(z)

    def density_of_states(self, omega: Float[Array, ""]) -> Float[Array, "band"]:
        return self.at_real_energies().density_of_states(omega)

    def density_of_states_at(self, omega: Float[Array, "omega"]) -> Float[Array, "omega band"]:
        return self.at_real_energies().density_of_states_at(omega)

    def singular_energies(self) -> Float[Array, "peak"]:
        return self.at_real_energies().singular_energies()

    # --- of mean-field states alone -------------------------------------------------------------------------------------

    def energies(self, kappa: Float[Array, "*k"]) -> Float[Array, "branch *k"]:
        raise InputError(retarded_refused("solution"))

    def entropy(self) -> Float[Array, ""]:
        return self._dressed().entropy()

    def specific_heat(self) -> Float[Array, ""]:
        return self._dressed().specific_heat()

    def superfluid_weights(self) -> Float[Array, "band"]:
        return self._dressed().superfluid_weights()

    def _dressed(self) -> DressedState:
        """The state at all energies, of an instantaneous interaction; of a retarded one this is refused."""
        sc = cast(RetardedSuperconductor, self.superconductor)
        if sc.spectra:
            raise InputError(retarded_refused("solution"))
        return DressedState(sc, self.T, self.pairing)


# --- T_c ----------------------------------------------------------------------------------------------------------------


def critical_temperature_of(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """T_c [K] with so many frequencies as it needs, where numbers are known: found with few, and once more with those."""
    closed = sc.is_dressed
    settled_sc = sc if closed else with_frequencies(sc)
    T_c = _temperature(settled_sc)
    nothing = is_concrete(T_c) and (closed or settled_sc.frequencies == MOST) and bool(jnp.isnan(T_c))
    return jnp.zeros(()) if nothing else T_c


def with_frequencies(sc: RetardedSuperconductor) -> RetardedSuperconductor:
    """The system with so many Matsubara frequencies as its T_c needs, unless it has a number of them, or is traced."""
    if sc.frequencies or not is_concrete(sc):
        return replace(sc, frequencies=sc.frequencies or FREQUENCIES)
    N = FIRST
    while N < MOST:
        T_c = _temperature(replace(sc, frequencies=N))
        if np.isfinite(T_c):
            return settled(sc, T_c)
        N *= 16
    return replace(sc, frequencies=MOST)


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
    check_positive(T)
    check(
        Delta_0 is None or not jnp.iscomplexobj(Delta_0), "start", "be real with a retarded interaction", "complex amplitudes"
    )
    sc = settled(sc, T)
    solution = _solved(sc, T, Delta_0, pattern)
    if throw and is_concrete(solution) and not bool(solution.converged):
        raise NotConvergedError(f"solve at T = {float(T):g} K: {Status(int(solution.status)).sentence}")
    return solution


def check_positive(T: Float[Array, "*temperature"]) -> None:
    if is_concrete(T):
        lowest = float(jnp.min(T))
        check(lowest > 0, "T", "be positive with a retarded interaction, whose frequencies are those of a temperature", lowest)


def retarded_many(
    systems: RetardedSuperconductor,
    T: Float[Array, "element"],
    Delta_0: Inexact[Array, "element channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> RetardedSolution:
    """`solve_many` of retarded interactions: `solve` of every element, some at once; all have as many Matsubara frequencies."""
    check(
        Delta_0 is None or not jnp.iscomplexobj(Delta_0), "start", "be real with a retarded interaction", "complex amplitudes"
    )
    sc = systems if systems.frequencies else replace(systems, frequencies=FREQUENCIES)

    n, size = len(T), min(TOGETHER, len(T))
    blocks = -(-n // size)
    index = jnp.minimum(jnp.arange(blocks * size), n - 1)  # The last block is filled up with the last element.
    stacked = jax.tree.map(lambda leaf: leaf[index].reshape(blocks, size, *leaf.shape[1:]), (sc, T, Delta_0))
    found = jax.lax.map(jax.vmap(lambda one: _solved(one[0], one[1], one[2], pattern)), stacked)
    return jax.tree.map(lambda leaf: leaf.reshape(blocks * size, *leaf.shape[2:])[:n], found)


def retarded_at_temperatures(
    sc: RetardedSuperconductor,
    T: Float[Array, "temperature"],
    Delta_0: Inexact[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> RetardedSolution:
    """`solve_retarded` at each of the temperatures, which come first, with as many Matsubara frequencies as the lowest needs:
    one after the other, by the program that `solve` has."""
    check_positive(T)
    sc = settled(sc, jnp.min(T))
    found = [_solved(sc, t, Delta_0, pattern) for t in T]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


@program
def _solved(
    sc: RetardedSuperconductor,
    T: Float[Array, ""],
    Delta_0: Float[Array, "channel"] | None,
    pattern: Float[Array, "band"] | None,
) -> RetardedSolution:
    """In stages: where one is in T, the start, the state, the status."""
    wide = opened(sc)
    E = equations_of(wide, T)
    frozen, fixed, T_found = jax.lax.stop_gradient((wide, E, T))
    default = Delta_0 is None and pattern is None
    onset = leading(map_at_onset(frozen, fixed))
    slope = jax.jvp(lambda t: onset.left @ linearised(frozen, t) @ onset.right, (T_found,), (jnp.ones(()),))[1]

    direction = onset.right.reshape(-1, len(E.K.omega))[: len(sc.channels), 0]
    start = _start(sc, fixed, direction, Delta_0, pattern)
    start = jax.lax.stop_gradient(jnp.pad(start, ((0, len(wide.channels) - len(sc.channels)), (0, 0))))
    state = found(wide, E, start, (onset.value > 1) if default else True)
    state = state._replace(Delta=state.Delta[: len(sc.channels)])
    frozen = jax.lax.stop_gradient(sc)
    error = truncation_error(frozen, T_found)
    status = _status(state, frozen, pattern, default, error)
    status = jnp.where(_valid(frozen, T_found), status, int(Status.INVALID))

    real = jnp.where(jnp.isin(status, jnp.array(HAS_AMPLITUDES)), 1.0, jnp.nan)
    return RetardedSolution(
        superconductor=sc,
        T=T,
        Delta=(state.Delta * real).astype(jnp.complex128),
        status=status,
        label=label_of(frozen, jax.lax.stop_gradient(state.Delta * real)),
        residual=jnp.where(state.vanished, 0.0, state.residual),
        steps=state.steps,
        sigma_min=state.sigma_min,
        quadrature_error=error,
        differentiable=state.differentiable,
        unstable_amplitude=jnp.where(state.vanished, (onset.value > 1).astype(int), state.unstable_amplitude),
        unstable_phase=jnp.where(state.vanished, 0, state.unstable_phase),
        self_energy=jax.tree.map(lambda part: part * real, state.self_energy),
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
    elif pattern is not None:
        lowest = sc.scale * jnp.append(pattern, jnp.full(len(sc.cross), WEAK))
    else:
        lowest = sc.scale * direction / jnp.max(jnp.abs(direction))
    if not sc.spectra:
        return lowest[:, None] * jnp.ones_like(E.K.omega)
    return lowest[:, None] / (1 + (E.K.omega / sc.highest) ** 2)


def _status(
    state: Found,
    sc: RetardedSuperconductor,
    pattern: Float[Array, "band"] | None,
    default: bool,
    error: Float[Array, ""],
) -> Int[Array, ""]:
    status = jnp.where(state.converged, int(Status.CONVERGED), int(Status.NOT_CONVERGED))
    if pattern is not None:
        kept = has_signs(sc, jax.lax.stop_gradient(state.Delta), pattern)
        status = jnp.where(state.converged & ~kept, int(Status.LEFT_BRANCH), status)
    status = jnp.where(state.vanished, int(Status.NORMAL if default else Status.TRIVIAL), status)
    fine = jnp.isin(status, jnp.array([Status.CONVERGED, Status.NORMAL]))
    return jnp.where(fine & ~(error <= sc.promised), int(Status.INACCURATE), status)


def _balanced(sc: RetardedSuperconductor) -> Bool[Array, ""]:
    """Whether N_i lambda_ij and N_i mu*_ij are symmetric."""
    pairs = sc.N[:, None] * sc.instantaneous
    off = jnp.max(jnp.abs(pairs - pairs.T))
    return sc.has_free_energy & (off <= 1e-10 * jnp.maximum(jnp.max(jnp.abs(pairs)), 1e-300))


def _valid(sc: RetardedSuperconductor, T: Float[Array, ""]) -> Bool[Array, ""]:
    return jnp.isfinite(sc.lam).all() & (T > 0) & jnp.isfinite(sc.highest) & (sc.highest > 0)
