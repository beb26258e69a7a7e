r"""Phase diagrams: the ground state and all metastable states over two parameters, and the lines between them.

.. math:: r(\Delta; x, y) = 0, \qquad \Delta_0(x, y) = \arg\min_{\text{stable}} F(\Delta; x, y)

States are found at some points and carried over the plane (`jaxgap.phases.sweep`): all real ones, and of those that break time
reversal the stable ones, since an unstable one is neither ground state nor metastable. The lines (first order, spinodals,
continuous, gapless) are located on every edge of the grid by their own equations (`jaxgap.phases.lines`).

A real state that is unstable towards complex amplitudes is marked by its phase count. Where the normal state is unstable and no
stable state was found, the ground state is `NO_GROUND`. If g is not symmetric no complex states are looked for: in general none
exists.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Inexact

from jaxgap.continuation.bifurcations import BifurcationKind
from jaxgap.continuation.paths import path
from jaxgap.model.family import Section, leaf
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import check
from jaxgap.phases.lines import BROKEN_GROUND, Grid, phase_lines
from jaxgap.phases.sweep import Plane, broken_states_on, real_states_on
from jaxgap.solving.entry import checked_temperature, takes_system
from jaxgap.spectra.minima import excesses
from jaxgap.states.judging import States, in_order, joined, judged
from jaxgap.states.many import systems_on
from jaxgap.states.ranking import NO_GROUND, NORMAL_GROUND, ground_index
from jaxgap.states.search import AT_MANY_POINTS

__all__ = ["PhaseDiagram", "phase_diagram"]

MOST_POINTS = 1_000_000
"""Of a diagram, which is held in memory: more are refused before anything is allocated."""
BYTES_PER_POINT = 1e4
"""Of two bands, roughly: six states with all that is known about them, once more at both ends of every edge."""


class PhaseDiagram(NamedTuple):
    """States over a grid: all real ones, and the stable ones that break time reversal; NaN and -1 where a point has fewer."""

    superconductor: Superconductor
    x_name: str
    y_name: str
    x: np.ndarray
    y: np.ndarray
    Delta: np.ndarray
    """Amplitudes [meV], complex, [row, column, state, channel]; ranked (`jaxgap.states.ranking`).
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
    """Places (x, y) of the lines, [point, 2], by kind (`jaxgap.phases.lines`)."""

    def __str__(self) -> str:
        (x_name, x), (y_name, y) = (self.x_name, self.x), (self.y_name, self.y)
        plane = f"{x_name} = {x[0]:g} .. {x[-1]:g} ({len(x)}) and {y_name} = {y[0]:g} .. {y[-1]:g} ({len(y)})"
        normal, none = (float(np.mean(self.ground == code)) for code in (NORMAL_GROUND, NO_GROUND))
        shares = [f"normal at {normal:.0%} of the points"] + [f"without a stable state at {none:.0%}"] * (none > 0)
        shares += [f"{word} at {np.mean(at):.0%}" for word, at in self._special() if np.any(at)]
        lines = [f"  {kind.name.lower()} line: {len(places)} points" for kind, places in self.lines.items() if len(places)]
        return "\n".join([f"phase diagram of {plane}: {', '.join(shares)}", *lines])

    def __repr__(self) -> str:
        return str(self)

    def _special(self) -> tuple[tuple[str, np.ndarray], ...]:
        return ("broken time reversal", self.ground_broken), ("several stable states", self.stable_states > 1)

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
        return ground_index(self.free_energy, self.stable, self.normal_stable)

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
            ratios[..., k] = np.abs(D[..., sc.signed + k]) ** 2 / np.where(product > 0, product, np.nan)
        return np.max(ratios, axis=2)


@takes_system
def phase_diagram(sc: Superconductor, T: object, x: object, y: object) -> PhaseDiagram:
    """States and lines over the plane of two leaves (or "T" [K]), each given as {name: (from, to, points)}.

    Args:
        sc: the system around which the plane lies.
        T: temperature [K], where neither axis is "T".
        x: {leaf or "T": (from, to, points)} of the horizontal axis.
        y: the same of the vertical one.

    Raises:
        InputError: for a temperature or an axis that is not valid.

    Example:
        >>> sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.3]], Omega=20.0)
        >>> jg.phase_diagram(sc, 4.2, {"lam[a, a]": (0.15, 0.26, 5)}, {"T": (0.5, 10.0, 4)})
        phase diagram of lam[a, a] = 0.15 .. 0.26 (5) and T = 0.5 .. 10 (4): normal at 75% of the points
          normal line: 6 points
    """
    T = checked_temperature(T)
    (x_name, xs), (y_name, ys) = _axis("x", x), _axis("y", y)
    check(x_name != y_name, "y", "be another leaf than x", y_name)
    points = len(xs) * len(ys)
    check(points <= MOST_POINTS, "x and y", f"make at most {MOST_POINTS:,} points", _size_in_words(points))
    for name, values in ((x_name, xs), (y_name, ys)):
        for end in (values[0], values[-1]):
            path(sc, T, {name: (end, end)})
    plane = Plane(Section(sc, T, (leaf(x_name), leaf(y_name))), xs, ys)
    has_free_energy = bool(sc.has_free_energy)
    normal_stable = systems_on(plane.points).normal_stable.reshape(plane.shape)
    states = _judged(plane, real_states_on(plane), AT_MANY_POINTS.block)
    if has_free_energy:
        states = _with_broken(plane, states, normal_stable)
    states = in_order(states)
    diagram = PhaseDiagram(sc, x_name, y_name, xs, ys, *states[:5], normal_stable, {})
    return diagram._replace(
        lines=phase_lines(plane.section, _grid(diagram, states.excess), plane.points.groups, has_free_energy)
    )


def _judged(plane: Plane, Delta: Inexact[np.ndarray, "row column slot channel"], block: int) -> States:
    """What the states near `Delta` are worth."""
    flat = Delta.reshape(-1, *Delta.shape[2:])
    states = judged(plane.points, flat, excesses(plane.section.sc), block)
    return States(*(field.reshape(*plane.shape, *field.shape[1:]) for field in states))


def _with_broken(plane: Plane, real: States, normal_stable: Bool[np.ndarray, "row column"]) -> States:
    """The real states and, in further slots if there are any, the stable ones that break time reversal."""
    lacking = ~normal_stable & ~np.any(real.stable, axis=2)
    found = broken_states_on(plane, np.where(real.softened[..., None], real.Delta, np.nan), lacking)
    broken = _judged(plane, found, AT_MANY_POINTS.broken_block)
    return joined(real, broken) if np.isfinite(broken.gap).any() else real


def _grid(diagram: PhaseDiagram, excess: np.ndarray) -> Grid:
    """What the lines are found from: the real states, and the ground states that break time reversal."""
    d, broken = diagram, diagram.broken
    amplitude, phase = (np.where(broken, -1, count) for count in (d.unstable_amplitude, d.unstable_phase))
    real = np.where(broken[..., None], np.nan, d.Delta.real)
    ground = np.where(d.ground_broken, BROKEN_GROUND, d.ground)
    return Grid(d.x, d.y, real, amplitude, phase, excess, ground, np.where(d.ground_broken[..., None], d.ground_Delta, np.nan))


def _axis(argument: str, axis: object) -> tuple[str, np.ndarray]:
    given = dict(axis) if isinstance(axis, Mapping) else {}
    good = len(given) == 1 and all(len(ends) == 3 for ends in given.values())
    check(good, argument, 'be one leaf with (from, to, points), such as {"lambda_33": (0.1, 0.3, 100)}', repr(axis))
    name, (lo, hi, points) = next(iter(given.items()))
    check(bool(np.isfinite((lo, hi)).all()), argument, "have finite ends", (lo, hi, points))
    check(int(points) >= 2 and hi > lo, argument, "rise over at least two points", (lo, hi, points))
    # Before anything is allocated.
    check(int(points) <= MOST_POINTS, argument, f"have at most {MOST_POINTS:,} points", _size_in_words(int(points)))
    return name, np.linspace(lo, hi, int(points))


def _size_in_words(points: int) -> str:
    return f"{points:,}, for which some {points * BYTES_PER_POINT / 1e9:,.0f} GB of memory are needed"
