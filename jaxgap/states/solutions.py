r"""All solutions of the gap equations of one system at one temperature, ranked, named, with their stability.

.. math:: \Delta = \lambda P(\Delta) / N, \qquad F_1 \le F_2 \le \dots, \qquad F = \Delta^\dagger g^{-1} \Delta + \varphi

A gap equation with cross-band pairing has several solutions; an iteration finds one. Here a search (`jaxgap.states.search`)
finds as many as it can, each is solved to full accuracy, and judged: its free energy, its stability, its gap, its name.

No finite set of starts can promise completeness; `benchmarks/solutions.py` measures it against thousands of random starts.
"""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, overload

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact, Int

from jaxgap.equations.groups import as_real, coupled_groups
from jaxgap.model.family import point
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_known_mu
from jaxgap.numerics.checks import InputError, NotConvergedError, check, check_finite, is_concrete
from jaxgap.numerics.chunks import all_in_chunks
from jaxgap.numerics.programs import program
from jaxgap.solving.core import solve_core
from jaxgap.solving.entry import checked_temperature, takes_any_system, takes_system
from jaxgap.solving.labels import Label, signs_of, winding_of
from jaxgap.solving.one import solve
from jaxgap.solving.real_axis import ContinuedState, edges_of
from jaxgap.solving.real_axis_across import onset_of_spectrum
from jaxgap.solving.retarded import RetardedSolution
from jaxgap.solving.solution import Solution, Status, stability_in_words
from jaxgap.spectra.minima import GAPLESS
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.states.identity import distinct
from jaxgap.states.judging import values_of
from jaxgap.states.ranking import ranked
from jaxgap.states.retarded import retarded_states
from jaxgap.states.search import AT_ONE_POINT, BrokenStates, Places, RealStates, all_states
from jaxgap.states.starts import Starts, starts_of

__all__ = ["State", "Solutions", "solutions", "ground_state", "is_superconducting"]


class State(NamedTuple):
    """One solution with what is known about it."""

    solution: Solution
    free_energy: float | None
    """Relative to the normal state [meV^2 times the unit of N]; None if g is not symmetric: then none exists."""
    unstable_amplitude: int
    """Unstable directions in the amplitudes (for complex amplitudes: of all of M)."""
    unstable_phase: int
    """Unstable directions in the phases; for equal relaxation rates, which matters only if g is not symmetric."""
    phase_defined: bool
    """Whether g is symmetric; if not, phase stability depends on relaxation rates and is properly undefined."""
    gap: float
    """Smallest excitation energy (`excitation_gap`) [meV]."""
    crossband: float
    """Largest |Delta_ij|^2 / |Delta_i Delta_j| over the cross-paired pairs of bands: above 1 the state is
    crossband-dominated, below intraband-dominated (at equal bands, d = 0, it is gapless in between)."""
    branch: int | None = None
    """Number of its branch, if it comes from `jaxgap.continuation.branches.solutions_on`; a search at one point knows of
    none."""

    @property
    def Delta(self) -> np.ndarray:
        """Amplitudes [meV]: real where they can be made real."""
        Delta = np.asarray(self.solution.Delta)
        return Delta.real if not np.any(Delta.imag) else Delta

    @property
    def label(self) -> Label:
        """normal, s++, s+-, ..."""
        return Label(int(self.solution.label))

    @property
    def stable(self) -> bool:
        """Whether no direction is unstable (phases: for equal relaxation rates)."""
        return self.unstable_amplitude == 0 and self.unstable_phase == 0

    @property
    def gapless(self) -> bool:
        """Whether the smallest excitation energy is zero to tolerance."""
        return self.label != Label.NORMAL and self.gap <= GAPLESS * float(np.max(np.abs(self.Delta)))

    @property
    def name(self) -> str:
        """The label, which pairing dominates, and `gapless` where it is: a description, not an identity."""
        words = [self.label.named(self.solution.superconductor) + self._which]
        if self.label not in (Label.NORMAL, Label.CROSSBAND) and self.solution.superconductor.cross:
            words.append("crossband-dominated" if self.crossband > 1 else "intraband-dominated")
        return ", ".join(words + ["gapless"] * self.gapless)

    @property
    def signs(self) -> str:
        """Of the band amplitudes, such as `++-`; empty if time reversal is broken (`jaxgap.solving.labels.signs_of`)."""
        sc = self.solution.superconductor
        return signs_of(np.asarray(self.solution.Delta), coupled_groups(sc), sc.signed)

    @property
    def winding(self) -> int:
        """How often the phase turns round on the way through the bands: 1 in the chiral state of three that repel."""
        sc = self.solution.superconductor
        return winding_of(np.asarray(self.solution.Delta), coupled_groups(sc), sc.signed)

    @property
    def _which(self) -> str:
        """Of three and more bands, of which there is more than one s+- and more than one way to break time reversal."""
        if self.solution.superconductor.signed < 3 or self.label in (Label.NORMAL, Label.CROSSBAND, Label.NOTHING):
            return ""
        return f" (winding {self.winding})" if self.label == Label.BROKEN else f" ({self.signs})"

    @property
    def stability(self) -> str:
        """Stability in words."""
        phase_defined = self.phase_defined or self.label == Label.NORMAL
        return stability_in_words(self.unstable_amplitude, self.unstable_phase, phase_defined)


@dataclass(frozen=True, repr=False)
class Solutions:
    """All solutions found, in the order of `jaxgap.states.ranking`: by free energy where it exists, else by the number of
    unstable directions."""

    superconductor: Superconductor
    T: float
    states: tuple[State, ...]

    def __iter__(self) -> Iterator[State]:
        return iter(self.states)

    def __len__(self) -> int:
        return len(self.states)

    @overload
    def __getitem__(self, i: int) -> State: ...

    @overload
    def __getitem__(self, i: slice) -> tuple[State, ...]: ...

    def __getitem__(self, i: int | slice) -> State | tuple[State, ...]:
        return self.states[i]

    @property
    def stable(self) -> tuple[State, ...]:
        """The states without unstable directions, in their ranking."""
        return tuple(state for state in self.states if state.stable)

    @property
    def ground_state(self) -> State:
        """The first stable state; of a retarded interaction among the real ones."""
        if not self.stable and any(state.unstable_phase < 0 for state in self.states):
            raise InputError(
                "The phases of cross-paired states of a retarded interaction are not examined, so that none is known to be the "
                "ground state: `solutions(...)[0]` has the lowest free energy."
            )
        if not self.stable:
            raise NotConvergedError(f"No stable solution was found at T = {self.T:g} K, not even the normal state.")
        return self.stable[0]

    def __str__(self) -> str:
        names = self.superconductor.channels
        lines = [f"{len(self)} solutions at T = {self.T:g} K (up to free phases and complex conjugation)"]
        if not bool(self.superconductor.has_free_energy):
            lines += ["  no free energy exists: g = lambda/N is not symmetric; ranked by unstable directions"]
        if self.superconductor.is_retarded:
            lines = [f"{len(self)} real solutions at T = {self.T:g} K, by Delta(i omega_0) (complex ones are not looked for)"]
        for i, state in enumerate(self.states):
            F = "" if state.free_energy is None else f"F = {state.free_energy:+.6f}  "
            amplitudes = ", ".join(f"{name} {_short(D)}" for name, D in zip(names, state.Delta, strict=True))
            number = "" if state.branch is None else f" (branch {state.branch})"
            gap = "" if np.isnan(state.gap) else f"gap {state.gap:.4f} meV; "
            lines += [f"  {i}: {state.name}{number}; {state.stability}", f"     {F}{gap}{amplitudes}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _short(z: complex) -> str:
    return f"{z:+.4f}" if np.isrealobj(z) else f"{z.real:+.4f}{z.imag:+.4f}i"


@takes_any_system
def solutions(sc: Superconductor, T: object, *, starts: object = None) -> Solutions:
    """All solutions of the gap equations of `sc` at temperature T [K], real and complex, ranked and named.

    The normal state is among them. Complex solutions come in conjugate pairs and are listed once. No search can promise to
    find all: how many this one finds is measured in `benchmarks/solutions.py`. Of a retarded interaction it is one for real
    states, from every pattern of signs (`jaxgap.states.retarded`).

    Args:
        sc: the system.
        T: temperature [K].
        starts: amplitudes [meV], [start, channel], real or complex, to start from besides the built-in ones.

    Raises:
        InputError: for a system or a temperature that is not one concrete value (a search cannot be traced), or not valid.

    Example:
        >>> len(jg.solutions(jg.materials.two_band(), 4.2))
        3
    """
    check_known_mu(sc)
    T = checked_temperature(T)
    if not is_concrete((sc, T)) or jnp.ndim(sc.lam) > 2:
        raise InputError("`solutions` is a search on the host: it takes one concrete system and temperature, not traced ones.")
    if isinstance(sc, RetardedSuperconductor):
        return _of_retarded(sc, T, starts)
    groups = coupled_groups(sc)
    real, broken = _searched(sc, T, groups, _starts(sc, starts))
    # The normal state is a solution at every temperature.
    found = _polished(sc, T, np.concatenate([np.zeros((1, len(sc.channels))), real[0]]), broken[0])
    rows, _ = as_real(np.stack([np.asarray(s.Delta) for s in found]), groups)
    states = described(sc, [found[i] for i in distinct(rows, groups)])
    return Solutions(sc, float(T), tuple(states[i] for i in _order(states)))


@takes_system
def is_superconducting(sc: Superconductor, T: object) -> bool:
    """Whether the search of `solutions` finds anything but the normal state at T [K]: what it finds is not solved any further,
    whose programs take longest to compile."""
    return any(
        np.isfinite(found).any() for found in _searched(sc, checked_temperature(T), coupled_groups(sc), _starts(sc, None))
    )


def _searched(
    sc: Superconductor, T: Float[Array, ""], groups: list[np.ndarray], starts: Starts
) -> tuple[RealStates, BrokenStates]:
    return all_states(Places(point(sc, T), np.zeros((1, 0)), groups), starts, AT_ONE_POINT)


@takes_any_system
def ground_state(sc: Superconductor, T: object) -> State:
    """The stable solution of lowest free energy (without a free energy: the first of `solutions` that is stable)."""
    return solutions(sc, T).ground_state


def _of_retarded(sc: RetardedSuperconductor, T: Float[Array, ""], given: object) -> Solutions:
    more = np.zeros((0, len(sc.channels)))
    if given is not None:
        check_finite("starts", given)
        more = np.atleast_2d(np.asarray(given, float))
        check(
            more.ndim == 2 and more.shape[1] == len(sc.channels), "starts", f"have rows of {len(sc.channels)}", f"{more.shape}"
        )
    states = [_described_retarded(one) for one in retarded_states(sc, T, more)]
    return Solutions(sc, float(T), tuple(states[i] for i in _order(states)))


def _described_retarded(one: RetardedSolution) -> State:
    """A state from its self-energy; its gap is where its spectrum begins."""
    sc, normal = one.superconductor, not bool(np.any(np.asarray(one.Delta)))
    F = 0.0 if normal else float(one.free_energy())
    known = 0.0 if normal else np.nan  # The spectrum of a disordered state is not continued.
    gap = known if normal or sc.is_disordered else float(_lowest_edge(one))
    return State(
        solution=one,
        free_energy=F if np.isfinite(F) else None,
        unstable_amplitude=int(one.unstable_amplitude),
        unstable_phase=int(one.unstable_phase),
        phase_defined=bool(sc.has_free_energy),
        gap=gap,
        crossband=_crossband(sc, np.asarray(one.Delta)),
    )


@program
def _lowest_edge(one: RetardedSolution) -> Float[Array, ""]:
    found = one.continued()
    return jnp.min(edges_of(found)) if isinstance(found, ContinuedState) else onset_of_spectrum(found)


def _order(states: list[State]) -> Int[np.ndarray, "state"]:
    """Indices of the states as they are ranked."""
    free_energy = np.array([np.nan if state.free_energy is None else state.free_energy for state in states])
    unstable = np.array([state.unstable_amplitude + state.unstable_phase for state in states])
    return ranked(free_energy, unstable, np.array([np.linalg.norm(state.Delta) for state in states]))


def _starts(sc: Superconductor, given: object) -> Starts:
    """Where the search of one point begins: the built-in starts, and the user's."""
    direct, far, broken = (part[None] for part in starts_of(sc))
    if given is not None:
        check_finite("starts", given, real=False)
        rows, n = np.atleast_2d(np.asarray(given)), len(sc.channels)
        check(
            rows.ndim == 2 and rows.shape[1] == n,
            "starts",
            f"have one row of {n} amplitudes per start",
            f"shape {rows.shape}",
        )
        real = ~np.any(np.imag(rows), axis=1)
        direct = np.concatenate([direct, rows[real].real[None]], axis=1)
        broken = np.concatenate([broken, rows[~real][None]], axis=1)
    return Starts(direct, far, broken)


# --- polish and judge -------------------------------------------------------------------------------------------------


@program
def _solve_all(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "state channel"]) -> Solution:
    return jax.vmap(lambda D: solve_core(sc, T, D, None, DEFAULT_RULE))(Delta)


def _polished(sc: Superconductor, T: Float[Array, ""], *kinds: np.ndarray) -> list[Solution]:
    """The rows of every kind (real, complex) solved to full accuracy; those that lead nowhere are dropped."""
    found = []
    for batch in all_in_chunks(AT_ONE_POINT.states, *((partial(_solve_all, sc, T), rows) for rows in kinds if len(rows))):
        names = [field.name for field in dataclasses.fields(batch) if field.name != "superconductor"]
        for i in range(len(batch.Delta)):
            one = Solution(superconductor=sc, **jax.device_put({name: getattr(batch, name)[i] for name in names}))
            status = batch.status[i]
            if status == Status.INACCURATE:
                one = solve(sc, T, start=one, throw=False)
                status = int(one.status)
            if status in (Status.CONVERGED, Status.INACCURATE, Status.TRIVIAL):
                found.append(one)
    return found


def described(sc: Superconductor, found: list[Solution]) -> list[State]:
    """States from solutions of one system at one temperature: real ones before those that break time reversal."""
    amplitudes = [np.asarray(s.Delta) for s in found]
    broken = [bool(np.any(D.imag)) for D in amplitudes]
    kinds = [[i for i in range(len(found)) if broken[i] == kind] for kind in (False, True)]
    kinds = [kind for kind in kinds if kind]
    rows = [np.stack([amplitudes[i] for i in kind]) for kind in kinds]
    rows = [part if np.any(part.imag) else part.real for part in rows]
    here = point(sc, found[0].T)
    values = values_of(here, AT_ONE_POINT.states, *((np.zeros((len(part), 0)), part) for part in rows), solve=False)
    states = []
    for kind, (value, amplitude, phase) in zip(kinds, values, strict=True):
        for k, i in enumerate(kind):
            F = float(value.free_energy[k])
            states.append(
                State(
                    solution=found[i],
                    free_energy=F if value.symmetric[k] else None,
                    unstable_amplitude=int(amplitude[k]),
                    unstable_phase=int(phase[k]),
                    phase_defined=bool(value.symmetric[k]),
                    gap=float(value.gap[k]),
                    crossband=_crossband(sc, amplitudes[i]),
                )
            )
    return states


def _crossband(sc: Superconductor, Delta: np.ndarray) -> float:
    n = sc.signed
    ratios = [0.0]
    for k, (i, j) in enumerate(sc.cross):
        product = abs(Delta[i] * Delta[j])
        ratios.append(abs(Delta[n + k]) ** 2 / product if product > 0 else (np.inf if abs(Delta[n + k]) > 0 else 0.0))
    return float(max(ratios))
