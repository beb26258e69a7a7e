r"""Phase diagrams: the ground state and all metastable states over two parameters, and the lines between them.

States are found at some points and carried over the plane (`jaxgap.phases.sweep`): all real ones, and of those that break time
reversal the stable ones, since an unstable one is neither ground state nor metastable. The lines (first order, spinodals,
continuous, gapless) are located on every edge of the grid by their own equations (`jaxgap.phases.lines`).

A real state that is unstable towards complex amplitudes is marked by its phase count. Where the normal state is unstable and no
stable state was found, the ground state is `NO_GROUND`. If g is not symmetric no complex states are looked for: in general none
exists.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.continuation.bifurcations import BifurcationKind
from jaxgap.continuation.paths import path
from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.gauge import search_root
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Section, leaf
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.programs import program
from jaxgap.phases.lines import BROKEN_GROUND, NO_GROUND, NORMAL_GROUND, Grid, phase_lines
from jaxgap.phases.sweep import broken_states, groups_of, real_states
from jaxgap.solving.critical import highest_temperature, linear_kernel
from jaxgap.solving.entry import takes_system
from jaxgap.solving.labels import breaks_time_reversal
from jaxgap.solving.one import checked_temperature
from jaxgap.solving.stability import negative_of_each, real_blocks
from jaxgap.spectra.minima import excitation_gap_of, gapless_excess_of
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.states.search import SEARCH_STEPS, as_real

__all__ = ["PhaseDiagram", "phase_diagram", "States", "judged_states", "linear_map"]

CHUNK, BROKEN_CHUNK = 256, 32
MOST_POINTS = 1_000_000
"""Of a diagram, which is held in memory: more are refused before anything is allocated."""
BYTES_PER_POINT = 1e4
"""Of two bands, roughly: six states with all that is known about them, once more at both ends of every edge."""
COLDEST = 1e-14
"""In units of the highest possible T_c: the normal state's stability at T = 0 is that at this temperature."""


class PhaseDiagram(NamedTuple):
    """States over a grid: all real ones, and the stable ones that break time reversal; NaN and -1 where a point has fewer."""

    superconductor: Superconductor
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    Delta: np.ndarray
    """Amplitudes [meV], complex, [row, column, state, channel]; by rising free energy (if g is not symmetric: by falling size).
    Imaginary parts are exactly zero unless the state breaks time reversal. The normal state is not among them: its free energy
    is zero."""
    free_energy: np.ndarray
    """[row, column, state]; NaN if g is not symmetric."""
    unstable_amplitude: np.ndarray
    """[row, column, state]; for complex amplitudes of all of M (0: unstable ones are not kept)."""
    unstable_phase: np.ndarray
    """[row, column, state]; for equal relaxation rates."""
    gap: np.ndarray
    """Smallest excitation energy [meV], [row, column, state]; NaN only where a point has fewer states."""
    normal_stable: np.ndarray
    """Whether the normal state is stable, [row, column]."""
    lines: dict[BifurcationKind, np.ndarray]
    """Points (x, y) of the lines, [point, 2], by kind (`jaxgap.phases.lines`)."""

    @property
    def stable(self) -> np.ndarray:
        """[row, column, state]."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase == 0)

    @property
    def broken(self) -> np.ndarray:
        """Whether the state breaks time reversal, [row, column, state]."""
        return np.any(np.imag(self.Delta) != 0, axis=3) & np.isfinite(self.gap)

    @property
    def ground_broken(self) -> np.ndarray:
        """Whether the ground state breaks time reversal, [row, column]."""
        of_ground = np.take_along_axis(self.broken, np.maximum(self.ground, 0)[..., None], axis=2)[..., 0]
        return of_ground & (self.ground >= 0)

    @property
    def stable_states(self) -> np.ndarray:
        """Number of stable superconducting states, [row, column]."""
        return np.sum(self.stable, axis=2)

    @property
    def ground(self) -> np.ndarray:
        """Index of the stable state of lowest free energy (if g is not symmetric: of largest amplitudes), [row, column];
        `NORMAL_GROUND` (-1) for the normal state, `NO_GROUND` (-2) if no stable state was found."""
        first = np.argmax(self.stable, axis=2)
        F = np.take_along_axis(self.free_energy, first[..., None], axis=2)[..., 0]
        superconducting = self.stable.any(axis=2) & ~(self.normal_stable & (F > 0))
        return np.where(superconducting, first, np.where(self.normal_stable, NORMAL_GROUND, NO_GROUND))

    @property
    def ground_Delta(self) -> np.ndarray:
        """Amplitudes of the ground state [meV], zero for the normal state, NaN if there is none, [row, column, channel]."""
        index = np.maximum(self.ground, 0)[..., None, None]
        Delta = np.take_along_axis(self.Delta, index, axis=2)[:, :, 0]
        return self._of_ground(Delta)

    @property
    def ground_gap(self) -> np.ndarray:
        """Smallest gap of the ground state [meV], zero for the normal state, NaN if there is none, [row, column]."""
        return self._of_ground(np.take_along_axis(self.gap, np.maximum(self.ground, 0)[..., None], axis=2))[..., 0]

    def _of_ground(self, values: np.ndarray) -> np.ndarray:
        ground = self.ground[..., None]
        return np.where(ground >= 0, values, np.where(ground == NORMAL_GROUND, 0.0, np.nan))

    @property
    def crossband(self) -> np.ndarray:
        """Largest |Delta_ij|^2 / |Delta_i Delta_j| over the cross-paired pairs in the ground state, [row, column]; NaN where
        there is no superconducting ground state or no such pair."""
        sc, D = self.superconductor, self.ground_Delta
        ratios = np.full((*D.shape[:2], max(len(sc.cross), 1)), np.nan)
        for k, (i, j) in enumerate(sc.cross):
            product = np.abs(D[..., i] * D[..., j])
            ratios[..., k] = np.abs(D[..., len(sc.bands) + k]) ** 2 / np.where(product > 0, product, np.nan)
        return np.max(ratios, axis=2)


@takes_system
def phase_diagram(sc: Superconductor, T: Any, x: Any, y: Any) -> PhaseDiagram:
    """States and lines over the plane of two leaves (or "T" [K]), each given as {name: (from, to, points)}.

    Example: `phase_diagram(two_band(), 4.2, {"lambda_33": (0.15, 0.26, 200)}, {"T": (0.5, 20.0, 200)})`.

    Raises:
        InputError: for a temperature or an axis that is not valid.
    """
    T = checked_temperature(T)
    (x_name, xs), (y_name, ys) = _axis("x", x), _axis("y", y)
    check(x_name != y_name, "y", "be another leaf than x", y_name)
    points = len(xs) * len(ys)
    check(points <= MOST_POINTS, "x and y", f"make at most {MOST_POINTS:,} points", _size_in_words(points))
    for name, values in ((x_name, xs), (y_name, ys)):
        for end in (values[0], values[-1]):
            path(sc, T, {name: (end, end)})
    plane = Section(sc, T, (leaf(x_name), leaf(y_name)))
    has_free_energy = bool(sc.has_free_energy)
    normal_stable = _normal_stable(plane, xs, ys)
    states = judged_states(plane, xs, ys, real_states(plane, xs, ys))
    if has_free_energy:
        states = _with_broken(plane, xs, ys, states, normal_stable)
    states = _ranked(states, has_free_energy)
    diagram = PhaseDiagram(sc, x_name, y_name, xs, ys, *states[:5], normal_stable, {})
    return diagram._replace(lines=phase_lines(plane, _grid(diagram, states.excess), has_free_energy))


def _grid(diagram: PhaseDiagram, excess: np.ndarray) -> Grid:
    """What the lines are found from: the real states, and the ground states that break time reversal."""
    d, broken = diagram, diagram.broken
    amplitude, phase = (np.where(broken, -1, count) for count in (d.unstable_amplitude, d.unstable_phase))
    real = np.where(broken[..., None], np.nan, d.Delta.real)
    ground = np.where(d.ground_broken, BROKEN_GROUND, d.ground)
    return Grid(d.x, d.y, real, amplitude, phase, excess, ground, np.where(d.ground_broken[..., None], d.ground_Delta, np.nan))


def _axis(argument: str, axis: Any) -> tuple[str, np.ndarray]:
    good = isinstance(axis, Mapping) and len(axis) == 1 and all(len(ends) == 3 for ends in axis.values())
    check(good, argument, 'be one leaf with (from, to, points), such as {"lambda_33": (0.1, 0.3, 100)}', repr(axis))
    name, (lo, hi, points) = next(iter(axis.items()))
    check(bool(np.isfinite((lo, hi)).all()), argument, "have finite ends", (lo, hi, points))
    check(int(points) >= 2 and hi > lo, argument, "rise over at least two points", (lo, hi, points))
    # Before anything is allocated.
    check(int(points) <= MOST_POINTS, argument, f"have at most {MOST_POINTS:,} points", _size_in_words(int(points)))
    return name, np.linspace(lo, hi, int(points))


def _size_in_words(points: int) -> str:
    return f"{points:,}, for which some {points * BYTES_PER_POINT / 1e9:,.0f} GB of memory are needed"


# --- judge ------------------------------------------------------------------------------------------------------------


class States(NamedTuple):
    """The fields of `PhaseDiagram`, and `gapless_excess` of real amplitudes, [row, column, state, pair]."""

    Delta: np.ndarray
    free_energy: np.ndarray
    unstable_amplitude: np.ndarray
    unstable_phase: np.ndarray
    gap: np.ndarray
    excess: np.ndarray


@program
def _judge(plane: Any, x: Any, y: Any, Delta: Inexact[Array, "state channel"]) -> Any:
    """(Delta, good, F, gap, excess, blocks of M) of the states near `Delta`: real ones, or those that break time reversal."""

    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        root = search_root(sc, T, pack(D), DEFAULT_RULE, SEARCH_STEPS)
        solved = unpack(root.x, len(sc.channels))
        if jnp.iscomplexobj(D):
            good, excess = root.converged & breaks_time_reversal(sc, solved), jnp.full(max(len(sc.cross), 1), jnp.nan)
            blocks: tuple[Any, ...] = (root.jacobian,)
        else:
            good, excess, blocks = root.converged, gapless_excess_of(sc, solved), real_blocks(sc, solved, T)
        return solved, good, free_energy_of(sc, solved, T), excitation_gap_of(sc, solved), excess, blocks

    return jax.vmap(one)(x, y, Delta)


def judged_states(plane: Any, xs: np.ndarray, ys: np.ndarray, Delta: np.ndarray, groups: Any = None) -> States:
    """What the states near `Delta`, [row, column, state, channel], are worth; NaN and -1 where there is none.

    `groups` of channels that turn together: if not given, those in the middle of the plane.
    """
    shape = Delta.shape[:3]
    present = np.isfinite(Delta).all(axis=3)
    row, column, _ = np.nonzero(present)
    nothing = np.full(shape, np.nan)
    excess = np.full((*shape, max(len(plane.sc.cross), 1)), np.nan)
    out = States(np.full_like(Delta, np.nan), nothing, np.full(shape, -1), np.full(shape, -1), nothing.copy(), excess)
    if len(row):
        size = BROKEN_CHUNK if np.iscomplexobj(Delta) else CHUNK
        solved, good, F, gap, excess, blocks = in_chunks(partial(_judge, plane), size, xs[column], ys[row], Delta[present])
        amplitude, phase = [*(negative_of_each(block) for block in blocks), np.zeros(len(row), int)][:2]
        if np.iscomplexobj(Delta):
            good &= amplitude == 0
            solved = as_real(solved, groups_of(plane, xs, ys) if groups is None else groups)[0]
        kept = np.zeros(shape, bool)
        kept[present] = good
        for field, values in zip(out, (solved, F, amplitude, phase, gap, excess), strict=True):
            field[kept] = values[good]
    return out


def _with_broken(plane: Section, xs: np.ndarray, ys: np.ndarray, real: States, normal_stable: np.ndarray) -> States:
    """The real states and, in further slots if there are any, the stable ones that break time reversal."""
    lacking = ~normal_stable & ~np.any((real.unstable_amplitude == 0) & (real.unstable_phase == 0), axis=2)
    soft = (real.unstable_amplitude == 0) & (real.unstable_phase > 0)
    found = broken_states(plane, xs, ys, np.where(soft[..., None], real.Delta, np.nan), lacking)
    broken = judged_states(plane, xs, ys, found)
    if not np.isfinite(broken.gap).any():
        return real
    return States(*(np.concatenate(parts, axis=2) for parts in zip(real, broken, strict=True)))


def _ranked(states: States, has_free_energy: bool) -> States:
    """Sorted by free energy, else by size."""
    if not has_free_energy:
        states = states._replace(free_energy=np.full_like(states.free_energy, np.nan))
    key = states.free_energy if has_free_energy else -np.linalg.norm(states.Delta, axis=3)
    order = np.argsort(key, axis=2, kind="stable")
    fields = (np.take_along_axis(field, order[..., None] if field.ndim > 3 else order, axis=2) for field in states)
    ranked = States(*fields)
    return ranked._replace(Delta=ranked.Delta.astype(complex))


@program
def _linear_maps(plane: Section, x: Any, ys: Any) -> Float[Array, "row channel channel"]:
    """lambda K(T) on every row of a column."""

    return jax.vmap(lambda y: linear_map(*plane.at(x, y)))(ys)


def linear_map(sc: Superconductor, T: Float[Array, ""]) -> Float[Array, "channel channel"]:
    """lambda K(T), whose eigenvalues above 1 make the normal state unstable."""
    return sc.lam * linear_kernel(sc, jnp.maximum(T, COLDEST * highest_temperature(sc)))[None, :]


def _normal_stable(plane: Section, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Whether no eigenvalue of lambda K(T) is above 1, [row, column]."""
    maps = [np.asarray(_linear_maps(plane, jnp.asarray(x), jnp.asarray(ys))) for x in xs]
    return np.stack([negative_of_each(np.eye(one.shape[-1]) - one) == 0 for one in maps], axis=1)
