r"""Phase diagrams: the ground state and all metastable states over two parameters.

The plane is swept column by column, all rows of a column in one batch: Newton starts from the solutions of the column before,
and every few columns also from a fresh set of starts; then the plane is swept back, so that a state that is born in one
sweep is carried both ways. Where the ground state changes by a jump, the first-order line F = F' is located on every row by
its own equations.

Real solutions only: complex ones are saddles wherever they were looked for, and a real state that is unstable towards them is
marked by its phase count.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap._checks import check
from jaxgap._precision import require_float64
from jaxgap.bifurcations import locate_crossing, path
from jaxgap.newton import norm
from jaxgap.observables.gaps import branch_minima_of
from jaxgap.observables.thermodynamics import free_energy_of
from jaxgap.quadrature import DEFAULT_RULE
from jaxgap.solutions import SEARCH_RULE, SEARCH_STEPS, iterated, real_starts
from jaxgap.solve import search_root, vanishing
from jaxgap.stability import negative_of_each, real_blocks
from jaxgap.superconductor import Superconductor

__all__ = ["PhaseDiagram", "phase_diagram"]

SLOTS = 6
"""States kept at every point."""
REFRESH = 20
"""Columns between two searches from fresh starts."""
SAME = 1e-5
JUMP = 0.1
"""The ground state changes by a jump if its amplitudes change by more than a tenth of their size from column to column."""
CHUNK = 512


class PhaseDiagram(NamedTuple):
    """States over a grid; NaN and -1 where a point has fewer than `SLOTS` states."""

    superconductor: Superconductor
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    Delta: np.ndarray
    """Amplitudes [meV], [row, column, state, channel]; by rising free energy (if g is symmetric). The normal state is not
    among them: its free energy is zero."""
    free_energy: np.ndarray
    """[row, column, state]; NaN if g is not symmetric."""
    unstable_amplitude: np.ndarray
    """[row, column, state]."""
    unstable_phase: np.ndarray
    """[row, column, state]; for equal relaxation rates."""
    gap: np.ndarray
    """Smallest branch minimum [meV], [row, column, state]."""
    first_order: np.ndarray
    """Points (x, y) of the lines on which the ground state changes by a jump, [point, 2]."""

    @property
    def stable(self) -> np.ndarray:
        """[row, column, state]."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase == 0)

    @property
    def stable_states(self) -> np.ndarray:
        """Number of stable superconducting states, [row, column]."""
        return np.sum(self.stable, axis=2)

    @property
    def ground(self) -> np.ndarray:
        """Index of the stable state of lowest free energy; -1 for the normal state, [row, column]."""
        first = np.argmax(self.stable, axis=2)
        F = np.take_along_axis(self.free_energy, first[..., None], axis=2)[..., 0]
        return np.where(self.stable.any(axis=2) & ~(F > 0), first, -1)

    @property
    def ground_Delta(self) -> np.ndarray:
        """Amplitudes of the ground state [meV], zero for the normal state, [row, column, channel]."""
        index = np.maximum(self.ground, 0)[..., None, None]
        Delta = np.take_along_axis(self.Delta, index, axis=2)[:, :, 0]
        return np.where(self.ground[..., None] >= 0, Delta, 0.0)

    @property
    def ground_gap(self) -> np.ndarray:
        """Smallest excitation energy of the ground state [meV], zero for the normal state, [row, column]."""
        gap = np.take_along_axis(self.gap, np.maximum(self.ground, 0)[..., None], axis=2)[..., 0]
        return np.where(self.ground >= 0, gap, 0.0)

    @property
    def crossband(self) -> np.ndarray:
        """|Delta_ij|^2 / |Delta_i Delta_j| of the first cross-paired pair in the ground state; 1 is the gapless line at
        d = 0, [row, column]."""
        i, j = self.superconductor.cross[0]
        D = self.ground_Delta
        product = np.abs(D[..., i] * D[..., j])
        return np.abs(D[..., len(self.superconductor.bands)]) ** 2 / np.where(product > 0, product, np.nan)


def phase_diagram(sc: Superconductor, T: Any, x: Any, y: Any) -> PhaseDiagram:
    """States over the plane of two leaves (or "T" [K]), each given as {name: (from, to, points)}.

    Example: `phase_diagram(two_band(), 4.2, {"lambda_33": (0.15, 0.26, 200)}, {"T": (0.5, 20.0, 200)})`.
    """
    require_float64()
    (x_name, xs), (y_name, ys) = _axis("x", x), _axis("y", y)
    check(x_name != y_name, "y", "be another leaf than x", y_name)
    for name, values in ((x_name, xs), (y_name, ys)):
        for end in (values[0], values[-1]):
            path(sc, T, {name: (end, end)})
    plane = _Plane(sc, jnp.asarray(float(T)), x_name, y_name)
    Delta = _swept(plane, xs, ys)
    Delta, F, amplitude, phase, gap = _judged(plane, xs, ys, Delta)
    diagram = PhaseDiagram(sc, x_name, y_name, xs, ys, Delta, F, amplitude, phase, gap, np.zeros((0, 2)))
    return diagram._replace(first_order=_first_order(diagram, plane))


def _axis(argument: str, axis: Any) -> tuple[str, np.ndarray]:
    good = isinstance(axis, Mapping) and len(axis) == 1 and all(len(ends) == 3 for ends in axis.values())
    check(good, argument, 'be one leaf with (from, to, points), such as {"lambda_33": (0.1, 0.3, 100)}', repr(axis))
    name, (lo, hi, points) = next(iter(axis.items()))
    check(int(points) >= 2 and hi > lo, argument, "rise over at least two points", (lo, hi, points))
    return name, np.linspace(lo, hi, int(points))


class _Plane(eqx.Module):
    """The system at any point of the plane."""

    sc: Superconductor
    T: Float[Array, ""]
    x_name: str = eqx.field(static=True)
    y_name: str = eqx.field(static=True)

    def at(self, x: Any, y: Any) -> tuple[Superconductor, Any]:
        values = {self.x_name: x, self.y_name: y}
        T = values.pop("T", self.T)
        return self.sc.set(values), T


# --- sweep ------------------------------------------------------------------------------------------------------------


@eqx.filter_jit
def _column(plane: _Plane, x: Any, ys: Any, starts: Float[Array, "row start channel"]) -> tuple[Any, Any]:
    """(amplitudes, converged to a superconducting state) of Newton from every start of every row."""

    def row(y: Any, rows: Any) -> Any:
        sc, T = plane.at(x, y)

        def one(D: Any) -> Any:
            root = search_root(sc, T, D, SEARCH_RULE, SEARCH_STEPS)
            return root.x, root.converged & (norm(root.x) > 2 * vanishing(sc, T))

        return jax.vmap(one)(rows)

    return jax.vmap(row)(ys, starts)


@eqx.filter_jit
def _iterated(plane: _Plane, x: Any, ys: Any, starts: Float[Array, "start channel"]) -> Float[Array, "row start channel"]:
    """Every start after a few plain iterations, on every row."""

    def row(y: Any) -> Any:
        return jax.vmap(lambda D: iterated(*plane.at(x, y), D))(starts)

    return jax.vmap(row)(ys)


def _swept(plane: _Plane, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """States at every point, [row, column, slot, channel], NaN where there are fewer."""
    n, rows = len(plane.sc.channels), len(ys)
    found = np.full((rows, len(xs), SLOTS, n), np.nan)
    for columns in (range(len(xs)), range(len(xs) - 1, -1, -1)):
        before = np.full((rows, SLOTS, n), np.nan)
        for k in columns:
            known = np.concatenate([found[:, k], before], axis=1)
            candidates = [_newton(plane, xs[k], ys, np.nan_to_num(known))]
            if columns.step > 0 and (k % REFRESH == 0 or k == len(xs) - 1):
                starts = real_starts(plane.at(float(xs[k]), float(ys[0]))[0])
                iterated = np.asarray(_iterated(plane, jnp.asarray(xs[k]), jnp.asarray(ys), jnp.asarray(starts)))
                direct = np.broadcast_to(starts, (rows, *starts.shape))
                candidates += [_newton(plane, xs[k], ys, part) for part in (iterated, direct)]
            before = found[:, k] = _distinct(np.concatenate(candidates, axis=1))
    return found


def _newton(plane: _Plane, x: float, ys: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Where Newton ends, NaN where it does not converge or ends in the normal state."""
    Delta, converged = (np.asarray(part) for part in _column(plane, jnp.asarray(x), jnp.asarray(ys), jnp.asarray(starts)))
    return np.where(converged[..., None], Delta, np.nan)


def _distinct(candidates: np.ndarray) -> np.ndarray:
    """The different states of every row, up to sign, in `SLOTS` slots: [row, slot, channel]."""
    rows, _, n = candidates.shape
    left = np.isfinite(candidates).all(axis=2)
    kept = np.full((rows, SLOTS, n), np.nan)
    for slot in range(SLOTS):
        first = np.argmax(left, axis=1)
        state = np.where(left.any(axis=1)[:, None], candidates[np.arange(rows), first], np.nan)
        kept[:, slot] = state
        size = np.linalg.norm(state, axis=1)[:, None]
        near = np.minimum(*(np.linalg.norm(candidates - sign * state[:, None], axis=2) for sign in (1.0, -1.0)))
        left &= ~(near <= SAME * size) & np.isfinite(size)
    return kept


# --- judge ------------------------------------------------------------------------------------------------------------


@eqx.filter_jit
def _judge(plane: _Plane, x: Any, y: Any, Delta: Any) -> Any:
    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        root = search_root(sc, T, D, DEFAULT_RULE, SEARCH_STEPS)
        return (
            root.x,
            root.converged,
            free_energy_of(sc, root.x, T),
            jnp.min(branch_minima_of(sc, root.x)),
            real_blocks(sc, root.x, T),
        )

    return jax.vmap(one)(x, y, Delta)


def _judged(plane: _Plane, xs: np.ndarray, ys: np.ndarray, Delta: np.ndarray) -> tuple[np.ndarray, ...]:
    """(Delta, F, unstable in amplitude, in phase, gap), states sorted by free energy."""
    shape = Delta.shape[:3]
    present = np.isfinite(Delta).all(axis=3)
    row, column, _ = np.nonzero(present)
    x, y, D = xs[column], ys[row], Delta[present]
    parts = []
    for start in range(0, len(D), CHUNK):
        piece = [np.resize(part[start : start + CHUNK], (CHUNK, *part.shape[1:])) for part in (x, y, D)]
        parts.append(jax.tree.map(np.asarray, _judge(plane, *map(jnp.asarray, piece))))
    out = [np.full(shape, np.nan), np.full(shape, -1), np.full(shape, -1), np.full(shape, np.nan)]
    Delta = np.full_like(Delta, np.nan)
    if parts:
        solved, converged, F, gap, blocks = jax.tree.map(lambda *rows: np.concatenate(rows)[: len(D)], *parts)
        counts = [negative_of_each(block) for block in blocks]
        Delta[present] = np.where(converged[:, None], solved, np.nan)
        for array, values in zip(out, (F, *counts, gap), strict=True):
            array[present] = np.where(converged, values, np.nan if array.dtype == float else -1)
    order = np.argsort(out[0], axis=2, kind="stable")
    sorted_out = [np.take_along_axis(array, order, axis=2) for array in out]
    return np.take_along_axis(Delta, order[..., None], axis=2), *sorted_out


def _first_order(diagram: PhaseDiagram, plane: _Plane) -> np.ndarray:
    """Points (x, y) where the free energies of two ground states are equal, located on every row."""
    if not bool(plane.sc.has_free_energy):
        return np.zeros((0, 2))
    D = diagram.ground_Delta
    step = np.minimum(*(np.linalg.norm(D[:, 1:] - sign * D[:, :-1], axis=2) for sign in (1.0, -1.0)))
    jump = step > JUMP * np.maximum(np.linalg.norm(D[:, 1:], axis=2), np.linalg.norm(D[:, :-1], axis=2))
    points = []
    for i, k in zip(*np.nonzero(jump), strict=True):
        sc, T = plane.at(float(diagram.x[k]), float(diagram.y[i]))
        along = path(sc, T, {diagram.x_name: (float(diagram.x[k]), float(diagram.x[k + 1]))})
        event = locate_crossing(along, jnp.asarray(D[i, k]), jnp.asarray(D[i, k + 1]), jnp.asarray(0.5))
        if bool(event.converged) and -1.0 <= float(event.p) <= 2.0 and _two_states(event):
            points.append((float(event.value()), float(diagram.y[i])))
    return np.array(points).reshape(-1, 2)


def _two_states(event: Any) -> bool:
    """Whether a crossing is one of two different states (Newton may have led both to one)."""
    a, b = np.asarray(event.Delta), np.asarray(event.direction)
    return bool(min(np.linalg.norm(a - b), np.linalg.norm(a + b)) > 1e-3 * np.linalg.norm(a))
