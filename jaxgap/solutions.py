r"""All solutions of the gap equations of one system at one temperature, ranked, named, with their stability.

A gap equation with cross-band pairing has several solutions; an iteration finds one. Here Newton runs from a deterministic
batch of starts: every combination of relative signs, each channel dominant in turn, large and small, and complex starts with
phases spread evenly. Half of them first iterate Delta <- lambda P / N a few times, which leads to the stable solutions from
far away; the other half goes straight to the root, which finds the unstable ones. What is found is made distinct up to the
free phases and complex conjugation, solved again to full accuracy, and judged.

No finite set of starts can promise completeness; `benchmarks/solutions.py` measures it against thousands of random starts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap._checks import InputError, NotConvergedError, check, check_finite, is_concrete
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.couplings import CONVENTIONS
from jaxgap.labels import Label
from jaxgap.observables.gaps import GAPLESS, branch_minima_of
from jaxgap.observables.thermodynamics import free_energy_of
from jaxgap.pairing import gap_residual
from jaxgap.quadrature import DEFAULT_RULE, Rule
from jaxgap.solution import Solution, Status
from jaxgap.solve import checked_temperature, coupled_channels, pack, search_root, solve, solve_core, unpack
from jaxgap.stability import MARGINAL, complex_matrix, negative_of_each, phase_block, real_blocks
from jaxgap.superconductor import Superconductor

__all__ = ["State", "Solutions", "solutions", "ground_state"]

SEARCH_RULE = Rule(16, 8)
"""Nodes of the search: its roots need only be near enough to be told apart and polished."""
SEARCH_STEPS = 16
ITERATIONS = 8
"""Plain iterations before Newton, in the half of the starts that looks for stable solutions."""
SAME = 1e-6
"""Two solutions are one if their amplitudes differ by less than 1e-6 of their size: the search finds them to about 1e-8."""
NEARLY_REAL = 1e-7
"""Complex amplitudes whose phases differ from 0 and pi by less are a real solution."""
DISPLACEMENTS = (0.03, 0.3)
"""Shares of |Delta| by which real states of unstable phases are displaced to look for complex ones."""
FURTHER = 16
"""Starts from the states found so far come in batches of a multiple of 16."""
BATCH = 4
"""Solutions are judged in batches of a multiple of 4, so that few programs serve every number of them."""


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
    """Smallest excitation energy, the lowest of the branch minima [meV]."""
    crossband: float
    """Largest |Delta_ij|^2 / |Delta_i Delta_j| over the cross-paired pairs of bands: above 1 the state is
    crossband-dominated, below intraband-dominated (at equal bands, d = 0, it is gapless in between)."""
    branch: int | None = None
    """Number of its branch, if it comes from `jaxgap.continuation.solutions_on`; a search at one point knows of none."""

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
        words = [self.label.text]
        if self.label not in (Label.NORMAL, Label.CROSSBAND) and self.solution.superconductor.cross:
            words.append("crossband-dominated" if self.crossband > 1 else "intraband-dominated")
        return ", ".join(words + ["gapless"] * self.gapless)

    @property
    def stability(self) -> str:
        """Stability in words."""
        count = [f"{n} in {what}" for n, what in ((self.unstable_amplitude, "amplitude"), (self.unstable_phase, "phase")) if n]
        if self.unstable_amplitude == 0 and not self.phase_defined and self.label != Label.NORMAL:
            phase = "stable" if self.unstable_phase == 0 else f"{self.unstable_phase} unstable"
            return f"amplitudes stable; phases undefined (asymmetric g; at equal rates: {phase})"
        return "stable" if self.stable else "unstable: " + ", ".join(count)


@dataclass(frozen=True, repr=False)
class Solutions:
    """All solutions found, ranked: by free energy where it exists, else by the number of unstable directions."""

    superconductor: Superconductor
    T: float
    states: tuple[State, ...]

    def __iter__(self) -> Iterator[State]:
        return iter(self.states)

    def __len__(self) -> int:
        return len(self.states)

    def __getitem__(self, i: Any) -> Any:
        return self.states[i]

    @property
    def stable(self) -> tuple[State, ...]:
        """The states without unstable directions, in their ranking."""
        return tuple(state for state in self.states if state.stable)

    @property
    def ground_state(self) -> State:
        """The first stable state."""
        if not self.stable:
            raise NotConvergedError(f"No stable solution was found at T = {self.T:g} K, not even the normal state.")
        return self.stable[0]

    def __str__(self) -> str:
        names = self.superconductor.channels
        lines = [f"{len(self)} solutions at T = {self.T:g} K (up to global phase and complex conjugation)"]
        if not bool(self.superconductor.has_free_energy):
            lines += ["  no free energy exists: g = lambda/N is not symmetric; ranked by unstable directions"]
        for i, state in enumerate(self.states):
            F = "" if state.free_energy is None else f"F = {state.free_energy:+.6f}  "
            amplitudes = ", ".join(f"{name} {_short(D)}" for name, D in zip(names, state.Delta, strict=True))
            number = "" if state.branch is None else f" (branch {state.branch})"
            lines += [f"  {i}: {state.name}{number}; {state.stability}", f"     {F}gap {state.gap:.4f} meV; {amplitudes}"]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)


def _short(z: Any) -> str:
    return f"{z:+.4f}" if np.isrealobj(z) else f"{z.real:+.4f}{z.imag:+.4f}i"


def solutions(sc: Superconductor, T: Any, *, starts: Any = None) -> Solutions:
    """All solutions of the gap equations of `sc` at temperature T [K], real and complex, ranked and named.

    The normal state is among them. Complex solutions come in conjugate pairs and are listed once. No search can promise to
    find all: how many this one finds is measured in `benchmarks/solutions.py`.

    Args:
        sc: the system.
        T: temperature [K].
        starts: amplitudes [meV], [start, channel], real or complex, to start from besides the built-in ones.

    Raises:
        InputError: for a system or a temperature that is not one concrete value (a search cannot be traced), or not valid.
    """
    require_float64()
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    T = checked_temperature(T)
    if not is_concrete((sc, T)) or jnp.ndim(sc.Omega) > 0:
        raise InputError("`solutions` is a search on the host: it takes one concrete system and temperature, not traced ones.")
    groups = coupled_groups(sc)
    real, broken = _candidates(sc, T, groups, _given(starts, len(sc.channels)))
    # The normal state is a solution at every temperature.
    found = _polished(sc, T, np.concatenate([np.zeros((1, len(sc.channels))), real])) + _polished(sc, T, broken)
    rows, _ = _as_real(np.stack([np.asarray(s.Delta) for s in found]), groups)
    states = judged(sc, [found[i] for i in _distinct(rows, groups)])
    return Solutions(sc, float(T), tuple(sorted(states, key=_rank)))


def ground_state(sc: Superconductor, T: Any) -> State:
    """The stable solution of lowest free energy (without a free energy: the first of `solutions` that is stable)."""
    return solutions(sc, T).ground_state


def _rank(state: State) -> tuple[Any, ...]:
    unstable = state.unstable_amplitude + state.unstable_phase
    size = -float(np.linalg.norm(state.Delta))
    return (unstable, size) if state.free_energy is None else (state.free_energy, unstable)


# --- starts -----------------------------------------------------------------------------------------------------------


@lru_cache
def _shapes(n: int) -> tuple[np.ndarray, np.ndarray]:
    """(real, complex) relative amplitudes, norm 1 in the largest: signs or phases times which channel dominates."""
    # At most 16 sign patterns: all of them for up to five channels, else evenly spread ones.
    patterns = np.unique(np.linspace(0, 2 ** (n - 1) - 1, min(2 ** (n - 1), 16)).astype(int))
    signs = 1.0 - 2.0 * ((patterns[:, None] >> np.arange(n)) & 1)
    weights = np.concatenate([np.ones((1, n)), np.where(np.eye(n) > 0, 1.0, 0.25)])
    real = (signs[:, None] * weights[None]).reshape(-1, n)
    # Phases from an additive recurrence with irrational steps: even in every number of dimensions, without a seed.
    steps = np.modf(1 / _harmonious(n) ** np.arange(1, n + 1))[0]
    phases = 2 * np.pi * np.modf(np.arange(1, 4 * (n + 1) + 1)[:, None] * steps)[0]
    return real, np.exp(1j * phases) * np.resize(weights, (len(phases), n))


def _harmonious(n: int) -> float:
    """The root of x^(n+1) = x + 1, whose powers are badly approximable together."""
    x = 2.0
    for _ in range(60):
        x = (1 + x) ** (1 / (n + 1))
    return x


def real_starts(sc: Superconductor) -> np.ndarray:
    """Real amplitudes to start from [meV], [start, channel]."""
    return _starts(sc)[0]


def _starts(sc: Superconductor) -> tuple[np.ndarray, np.ndarray]:
    """(real, complex) amplitudes to start from [meV]: the shapes at two sizes and at every channel's own."""
    share = {CONVENTIONS[0]: 2.0, CONVENTIONS[1]: 1.0}[sc.convention]
    weight = np.array([1.0] * len(sc.bands) + [share] * len(sc.cross))
    lam, Omega = np.asarray(sc.lam) * weight, float(sc.Omega)
    size = Omega / np.sinh(1 / np.clip(np.max(np.abs(np.linalg.eigvals(lam))), 0.08, 3.0))
    own = Omega / np.sinh(1 / np.clip(np.abs(np.diag(lam)), 0.15, 3.0))
    real, broken = _shapes(len(lam))
    return np.concatenate([size * real, 0.3 * size * real, own * real]), np.concatenate([size * broken, own * broken])


def _given(starts: Any, n: int) -> list[np.ndarray]:
    """The user's starts: real ones and complex ones apart."""
    if starts is None:
        return []
    starts = np.atleast_2d(np.asarray(starts))
    check_finite("starts", starts)
    check(
        starts.ndim == 2 and starts.shape[1] == n,
        "starts",
        f"have one row of {n} amplitudes per start",
        f"shape {starts.shape}",
    )
    is_real = ~np.any(np.imag(starts), axis=1)
    return [part for part in (starts[is_real].real.astype(float), starts[~is_real]) if len(part)]


def iterated(sc: Superconductor, T: Any, Delta: Inexact[Array, "channel"]) -> Inexact[Array, "channel"]:
    """`Delta` [meV] after a few plain iterations Delta <- lambda P / N, which lead towards the stable solutions."""
    return jax.lax.fori_loop(0, ITERATIONS, lambda _, D: D - gap_residual(sc, D, T, SEARCH_RULE), Delta)


@program
def _search(sc: Superconductor, T: Float[Array, ""], starts: Inexact[Array, "start channel"]) -> tuple[Any, Any]:
    """(amplitudes, converged) of Newton from every start, and from every start after a few plain iterations."""

    def one(Delta: Any) -> Any:
        root = search_root(sc, T, pack(Delta), SEARCH_RULE, SEARCH_STEPS)
        return unpack(root.x, len(sc.channels)), root.converged

    return jax.vmap(one)(jnp.concatenate([starts, jax.vmap(lambda D: iterated(sc, T, D))(starts)]))


def _candidates(sc: Superconductor, T: Any, groups: list[np.ndarray], given: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(real, complex) amplitudes to which the search leads, each once, the normal state left out.

    The real states that real starts find are starts themselves: half way between every two of them (between two minima lies a
    saddle), and, where their phases are unstable, displaced along these: a state that breaks time reversal may be close to
    one of them, and far from everything else.
    """
    starts, broken_starts = _starts(sc)
    rows, real = _ends(sc, T, groups, [starts, *(part for part in given if np.isrealobj(part))])
    between, between_real = _ends(sc, T, groups, _between(rows[real].real))
    rows, real = np.concatenate([rows, between]), np.concatenate([real, between_real])
    displaced = _displaced(sc, T, rows[real].real)
    more, more_real = _ends(sc, T, groups, [broken_starts, *displaced, *(part for part in given if np.iscomplexobj(part))])
    rows, real = np.concatenate([rows, more]), np.concatenate([real, more_real])
    # Real ones first: a complex copy of a real one goes.
    order = np.argsort(~real, kind="stable")
    kept = order[_distinct(rows[order], groups)]
    return rows[kept[real[kept]]].real, rows[kept[~real[kept]]]


def _ends(sc: Superconductor, T: Any, groups: list[np.ndarray], batches: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(amplitudes, which are real) to which batches of starts lead, each once, the normal state left out."""
    found = [np.zeros((0, len(sc.channels)), complex)]
    for starts in batches:
        Delta, converged = (np.asarray(part) for part in _search(sc, T, jnp.asarray(starts)))
        large = np.linalg.norm(Delta, axis=1) > SAME * np.max(np.abs(starts))
        found.append(Delta[converged & large].astype(complex))
    rows, real = _as_real(np.concatenate(found), groups)
    kept = _distinct(rows, groups)
    return rows[kept], real[kept]


def _between(states: np.ndarray) -> list[np.ndarray]:
    """Half way between every two real states, in either relative sign."""
    one, other = np.triu_indices(len(states), k=1)
    middles = np.concatenate([(states[one] + sign * states[other]) / 2 for sign in (1, -1)])
    return [_padded(middles, FURTHER)] if len(middles) else []


@program
def _phase_blocks(sc: Superconductor, T: Float[Array, ""], Delta: Float[Array, "state channel"]) -> Float[Array, "state n n"]:
    return jax.vmap(lambda D: phase_block(sc, D, T, SEARCH_RULE))(Delta)


def _displaced(sc: Superconductor, T: Any, states: np.ndarray) -> list[np.ndarray]:
    """Complex starts: real states moved along their unstable phases, by a little and by more."""
    if not len(states):
        return []
    blocks = np.asarray(_phase_blocks(sc, T, jnp.asarray(_padded(states))))[: len(states)]
    starts = []
    for D, (values, vectors) in zip(states, map(np.linalg.eig, blocks), strict=True):
        for w in vectors.real.T[values.real < -MARGINAL]:
            starts += [D + 1j * share * np.linalg.norm(D) / np.linalg.norm(w) * w for share in DISPLACEMENTS]
    return [_padded(np.array(starts), FURTHER)] if starts else []


# --- the same solution ------------------------------------------------------------------------------------------------


def coupled_groups(sc: Superconductor) -> list[np.ndarray]:
    """Groups of coupled channels: each has a free phase of its own."""
    together = np.asarray(coupled_channels(sc)) > 0
    return [np.flatnonzero(row) for row in np.unique(together, axis=0)]


def _as_real(Delta: np.ndarray, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(rows, which are real): the free phases of every row chosen so that it is as real as it can be, with the largest
    amplitude of every group positive."""
    turned = np.array(Delta, dtype=complex)
    for group in groups:
        part = turned[:, group]
        part = part * np.exp(-0.5j * np.angle(np.sum(part**2, axis=1)))[:, None]
        lead = np.take_along_axis(part, np.argmax(np.abs(part), axis=1)[:, None], axis=1)
        turned[:, group] = np.where(lead.real < 0, -part, part)
    real = np.linalg.norm(turned.imag, axis=1) <= NEARLY_REAL * np.linalg.norm(turned, axis=1)
    return np.where(real[:, None], turned.real, turned), real


def distances(a: np.ndarray, b: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """|a - b| of one state and many (rows of b), up to the free phases and complex conjugation."""
    total = np.zeros(len(b))
    for group in groups:
        x, rows = a[group], b[:, group]
        choices = []
        for y in (rows, np.conj(rows)):
            inner = np.conj(y) @ x
            phase = np.where(np.abs(inner) > 0, inner / np.where(np.abs(inner) > 0, np.abs(inner), 1.0), 1.0)
            choices.append(np.sum(np.abs(x - y * phase[:, None]) ** 2, axis=1))
        total += np.minimum(*choices)
    return np.sqrt(total)


def _distinct(rows: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """Indices of the rows without repetitions, each time the first."""
    kept, remaining = [], np.arange(len(rows))
    while len(remaining):
        first = remaining[0]
        kept.append(first)
        far = distances(rows[first], rows[remaining], groups) > SAME * np.linalg.norm(rows[first])
        remaining = remaining[far]
    return np.array(kept, dtype=int)


# --- polish and judge -------------------------------------------------------------------------------------------------


@program
def _solve_all(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "state channel"]) -> Solution:
    return jax.vmap(lambda D: solve_core(sc, T, D, None, DEFAULT_RULE))(Delta)


def _polished(sc: Superconductor, T: Any, candidates: np.ndarray) -> list[Solution]:
    """The candidates solved to full accuracy; those that lead nowhere are dropped."""
    if not len(candidates):
        return []
    batch = jax.tree.map(np.asarray, _solve_all(sc, T, jnp.asarray(_padded(candidates))))
    found = []
    for i in range(len(candidates)):
        one = jax.tree.map(lambda leaf, i=i: leaf[i], batch)
        one = eqx.tree_at(lambda s: s.superconductor, one, sc)
        if int(one.status) == Status.INACCURATE:
            one = solve(sc, T, start=one, throw=False)
        if int(one.status) in (Status.CONVERGED, Status.INACCURATE, Status.TRIVIAL):
            found.append(one)
    return found


def _padded(rows: np.ndarray, multiple: int = BATCH) -> np.ndarray:
    """Rows repeated to a multiple: few shapes, few programs."""
    return np.concatenate([rows, np.repeat(rows[:1], -len(rows) % multiple, axis=0)])


class _Judged(NamedTuple):
    free_energy: Float[Array, "state"]
    gaps: Float[Array, "state branch"]
    blocks: Any


@program
def _judge(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "state channel"]) -> _Judged:
    def one(D: Any) -> _Judged:
        blocks = complex_matrix(sc, D, T) if jnp.iscomplexobj(D) else real_blocks(sc, D, T)
        return _Judged(free_energy_of(sc, D, T), branch_minima_of(sc, D), blocks)

    return jax.vmap(one)(Delta)


def judged(sc: Superconductor, found: list[Solution]) -> list[State]:
    """States from solutions of one system at one temperature."""
    has_free_energy = bool(sc.has_free_energy)
    states = []
    for real in (True, False):
        batch = [s for s in found if bool(s.is_real) == real]
        if not batch:
            continue
        Delta = np.stack([np.asarray(s.Delta.real if real else s.Delta) for s in batch])
        result = _judge(sc, batch[0].T, jnp.asarray(_padded(Delta)))
        counts = [negative_of_each(block) for block in (result.blocks if real else (result.blocks,))]
        for i, s in enumerate(batch):
            states.append(
                State(
                    solution=s,
                    free_energy=float(result.free_energy[i]) if has_free_energy else None,
                    unstable_amplitude=int(counts[0][i]),
                    unstable_phase=int(counts[1][i]) if real else 0,
                    phase_defined=has_free_energy,
                    gap=float(np.min(result.gaps[i])) if np.isfinite(result.gaps[i]).all() else float("nan"),
                    crossband=_crossband(sc, Delta[i]),
                )
            )
    return states


def _crossband(sc: Superconductor, Delta: np.ndarray) -> float:
    n = len(sc.bands)
    ratios = [0.0]
    for k, (i, j) in enumerate(sc.cross):
        product = abs(Delta[i] * Delta[j])
        ratios.append(abs(Delta[n + k]) ** 2 / product if product > 0 else (np.inf if abs(Delta[n + k]) > 0 else 0.0))
    return float(max(ratios))
