r"""Phase diagrams: the ground state and all metastable states over two parameters, and the lines between them.

The search begins anew, from a set of starts and from the points half way between the states found, at some points of some
columns. The states are then carried over the plane by Newton, along x and along y, forwards and backwards, so that a state
found anywhere reaches every point at which it exists and to which a row or a column leads. The lines (first order, spinodals,
continuous, gapless) are located on every edge of the grid by their own equations (`jaxgap.phase_lines`).

Real states only. A real state that is unstable towards complex amplitudes is marked by its phase count; where the normal state
is unstable and no real state is stable, as in frustrated systems whose ground state breaks time reversal, the ground state is
`NO_GROUND`, and `jaxgap.solutions` finds the complex one.
"""

import itertools
from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap._checks import check
from jaxgap._chunks import in_chunks
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.bifurcations import BifurcationKind, path
from jaxgap.critical import highest_temperature, linear_kernel
from jaxgap.newton import norm
from jaxgap.observables.gaps import branch_minima_of, gapless_excess
from jaxgap.observables.thermodynamics import free_energy_of
from jaxgap.phase_lines import NO_GROUND, NORMAL_GROUND, Grid, Plane, phase_lines
from jaxgap.quadrature import DEFAULT_RULE
from jaxgap.search import SEARCH_RULE, SEARCH_STEPS, half_way, iterated, real_starts
from jaxgap.solve import checked_temperature
from jaxgap.stability import negative_of_each, real_blocks
from jaxgap.superconductor import Superconductor
from jaxgap.unknowns import search_root, vanishing

__all__ = ["PhaseDiagram", "phase_diagram"]

SLOTS = 6
"""States kept at every point."""
SEARCHED = (12, 24)
"""(columns, rows) at whose crossings the search begins anew, evenly spread."""
SAME = 1e-5
CHUNK = 256
COLDEST = 1e-14
"""In units of the highest possible T_c: the normal state's stability at T = 0 is that at this temperature."""


class PhaseDiagram(NamedTuple):
    """States over a grid; NaN and -1 where a point has fewer than `SLOTS` states."""

    superconductor: Superconductor
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    Delta: np.ndarray
    """Amplitudes [meV], [row, column, state, channel]; by rising free energy (if g is not symmetric: by falling size). The
    normal state is not among them: its free energy is zero."""
    free_energy: np.ndarray
    """[row, column, state]; NaN if g is not symmetric."""
    unstable_amplitude: np.ndarray
    """[row, column, state]."""
    unstable_phase: np.ndarray
    """[row, column, state]; for equal relaxation rates."""
    gap: np.ndarray
    """Smallest branch minimum [meV], [row, column, state]."""
    normal_stable: np.ndarray
    """Whether the normal state is stable, [row, column]."""
    lines: dict[BifurcationKind, np.ndarray]
    """Points (x, y) of the lines, [point, 2], by kind (`jaxgap.phase_lines`)."""

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


def phase_diagram(sc: Superconductor, T: Any, x: Any, y: Any) -> PhaseDiagram:
    """States and lines over the plane of two leaves (or "T" [K]), each given as {name: (from, to, points)}.

    Example: `phase_diagram(two_band(), 4.2, {"lambda_33": (0.15, 0.26, 200)}, {"T": (0.5, 20.0, 200)})`.

    Raises:
        InputError: for a temperature or an axis that is not valid.
    """
    require_float64()
    check(isinstance(sc, Superconductor), "sc", "be a Superconductor", type(sc).__name__)
    T = checked_temperature(T)
    (x_name, xs), (y_name, ys) = _axis("x", x), _axis("y", y)
    check(x_name != y_name, "y", "be another leaf than x", y_name)
    for name, values in ((x_name, xs), (y_name, ys)):
        for end in (values[0], values[-1]):
            path(sc, T, {name: (end, end)})
    plane = Plane(sc, T, x_name, y_name)
    Delta, F, amplitude, phase, gap, excess = _judged(plane, xs, ys, _swept(plane, xs, ys), bool(sc.has_free_energy))
    normal_stable = _normal_stable(plane, xs, ys)
    diagram = PhaseDiagram(sc, x_name, y_name, xs, ys, Delta, F, amplitude, phase, gap, normal_stable, {})
    grid = Grid(xs, ys, Delta, amplitude, phase, excess, diagram.ground)
    return diagram._replace(lines=phase_lines(plane, grid, bool(sc.has_free_energy)))


def _axis(argument: str, axis: Any) -> tuple[str, np.ndarray]:
    good = isinstance(axis, Mapping) and len(axis) == 1 and all(len(ends) == 3 for ends in axis.values())
    check(good, argument, 'be one leaf with (from, to, points), such as {"lambda_33": (0.1, 0.3, 100)}', repr(axis))
    name, (lo, hi, points) = next(iter(axis.items()))
    check(int(points) >= 2 and hi > lo, argument, "rise over at least two points", (lo, hi, points))
    return name, np.linspace(lo, hi, int(points))


# --- sweep ------------------------------------------------------------------------------------------------------------


@program
def _roots(plane: Plane, x: Any, y: Any, starts: Float[Array, "start channel"]) -> tuple[Any, Any]:
    """(amplitudes, converged to a superconducting state) of Newton from every start at its own point."""

    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        root = search_root(sc, T, D, SEARCH_RULE, SEARCH_STEPS)
        return root.x, root.converged & (norm(root.x) > 2 * vanishing(sc, T))

    return jax.vmap(one)(x, y, starts)


@program
def _iterated(plane: Plane, x: Any, y: Any, starts: Float[Array, "start channel"]) -> Float[Array, "start channel"]:
    """Every start after a few plain iterations at its own point."""
    return jax.vmap(lambda x, y, D: iterated(*plane.at(x, y), D))(x, y, starts)


def _swept(plane: Plane, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """States at every point, [row, column, slot, channel], NaN where there are fewer."""
    found = np.full((len(ys), len(xs), SLOTS, len(plane.sc.channels)), np.nan)
    columns, rows = (
        np.unique(np.linspace(0, n - 1, most).round().astype(int)) for n, most in zip((len(xs), len(ys)), SEARCHED, strict=True)
    )
    for k in columns:
        found[rows, k] = _searched(plane, np.full(len(rows), xs[k]), ys[rows])
    X, Y = np.meshgrid(xs, ys)
    # Views: what is found enters `found`. Along the columns first (few hold anything), along the rows, along all columns.
    for x, y, states in ((X, Y, found), (X.T, Y.T, found.swapaxes(0, 1)), (X, Y, found)):
        for order in (range(len(x)), range(len(x) - 1, -1, -1)):
            for before, here in itertools.pairwise(order):
                carried = _newton(plane, x[here], y[here], states[before])
                states[here] = _distinct(np.concatenate([states[here], carried], axis=1))
    return found


def _searched(plane: Plane, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """States at the points of one column, from fresh starts (some after a few plain iterations) and half way between the
    states that these lead to, [point, slot, channel]."""
    # Starts depend on the couplings: those of the first and of the last point.
    ends = [real_starts(plane.at(float(x[i]), float(y[i]))[0]) for i in (0, -1)]
    direct, far = (
        np.broadcast_to(starts, (len(y), *starts.shape))
        for starts in (np.unique(np.concatenate(part), axis=0) for part in zip(*ends, strict=True))
    )
    flat = [np.repeat(part, far.shape[1], axis=0) for part in (x, y)] + [far.reshape(-1, far.shape[2])]
    after = in_chunks(partial(_iterated, plane), CHUNK, *flat).reshape(far.shape)
    states = _distinct(_newton(plane, x, y, np.concatenate([direct, after], axis=1)))
    return _distinct(np.concatenate([states, _newton(plane, x, y, half_way(states))], axis=1))


def _newton(plane: Plane, x: np.ndarray, y: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Where Newton ends from every start (that is not NaN) of every point; NaN if it does not converge, or becomes normal."""
    ended = np.full_like(starts, np.nan)
    present = np.isfinite(starts).all(axis=2)
    if present.any():
        point, _ = np.nonzero(present)
        Delta, converged = in_chunks(partial(_roots, plane), CHUNK, x[point], y[point], starts[present])
        ended[present] = np.where(converged[:, None], Delta, np.nan)
    return ended


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


@program
def _judge(plane: Plane, x: Any, y: Any, Delta: Any) -> Any:
    def one(x: Any, y: Any, D: Any) -> Any:
        sc, T = plane.at(x, y)
        root = search_root(sc, T, D, DEFAULT_RULE, SEARCH_STEPS)
        return (
            root.x,
            root.converged,
            free_energy_of(sc, root.x, T),
            jnp.min(branch_minima_of(sc, root.x)),
            gapless_excess(sc, root.x),
            real_blocks(sc, root.x, T),
        )

    return jax.vmap(one)(x, y, Delta)


def _judged(plane: Plane, xs: np.ndarray, ys: np.ndarray, Delta: np.ndarray, has_free_energy: bool) -> tuple[np.ndarray, ...]:
    """(Delta, F, unstable in amplitude, in phase, gap, excess), states sorted by free energy, else by size."""
    shape = Delta.shape[:3]
    present = np.isfinite(Delta).all(axis=3)
    row, column, _ = np.nonzero(present)
    x, y, D = xs[column], ys[row], Delta[present]
    pairs = max(len(plane.sc.cross), 1)
    kinds = {"F": (float, ()), "amplitude": (int, ()), "phase": (int, ()), "gap": (float, ()), "excess": (float, (pairs,))}
    out = {name: np.full((*shape, *more), np.nan if kind is float else -1) for name, (kind, more) in kinds.items()}
    Delta = np.full_like(Delta, np.nan)
    if len(D):
        solved, good, F, gap, excess, blocks = in_chunks(partial(_judge, plane), CHUNK, x, y, D)
        amplitude, phase = (negative_of_each(block) for block in blocks)
        kept = np.zeros(shape, bool)
        kept[present] = good
        Delta[kept] = solved[good]
        for name, values in {"F": F, "amplitude": amplitude, "phase": phase, "gap": gap, "excess": excess}.items():
            out[name][kept] = values[good]
    if not has_free_energy:
        out["F"][:] = np.nan
    key = out["F"] if has_free_energy else -np.linalg.norm(Delta, axis=3)
    order = np.argsort(key, axis=2, kind="stable")
    ordered = [np.take_along_axis(array, order[..., None] if array.ndim > 3 else order, axis=2) for array in out.values()]
    return np.take_along_axis(Delta, order[..., None], axis=2), *ordered


@program
def _linear_maps(plane: Plane, x: Any, ys: Any) -> Float[Array, "row channel channel"]:
    """lambda K(T) on every row of a column."""

    def row(y: Any) -> Any:
        sc, T = plane.at(x, y)
        return sc.lam * linear_kernel(sc, jnp.maximum(T, COLDEST * highest_temperature(sc)))[None, :]

    return jax.vmap(row)(ys)


def _normal_stable(plane: Plane, xs: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """Whether no eigenvalue of lambda K(T) is above 1, [row, column]."""
    maps = [np.asarray(_linear_maps(plane, jnp.asarray(x), jnp.asarray(ys))) for x in xs]
    return np.stack([negative_of_each(np.eye(one.shape[-1]) - one) == 0 for one in maps], axis=1)
