"""What is done for a block of points, here or on another machine: search if need be, solve, record."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from jaxgap.equations.groups import coupled_groups
from jaxgap.model.superconductor import check_known_mu
from jaxgap.numerics.checks import check
from jaxgap.observables.quantity import Quantity
from jaxgap.solving.blocks import cut_for
from jaxgap.solving.labels import sign_pattern
from jaxgap.solving.one import amplitudes
from jaxgap.states.many import Found, ground_states, search
from jaxgap.states.search import Places
from jaxgap.sweeps.evaluate import Evaluator
from jaxgap.sweeps.grid import Points
from jaxgap.sweeps.layout import NO_STATE, Variable, filled, variables

__all__ = ["MODES", "Work", "work"]

MODES = ("branch", "ground_state", "all")
"""One branch; the stable state of lowest free energy; all states."""


@dataclass(frozen=True)
class Work:
    """Everything that a block needs besides its points."""

    evaluator: Evaluator
    mode: str
    start: np.ndarray | None
    """Amplitudes from which every point starts [meV], or None."""
    groups: tuple[np.ndarray, ...]
    """Channels that turn together: those in the middle of the sweep, so that they are the same in every block."""
    variables: tuple[Variable, ...]

    def block(self, rows: Float[np.ndarray, "point axis"], extent: tuple[int, ...]) -> dict[str, np.ndarray]:
        """All variables at the points of a block of shape `extent`."""
        values = self.evaluator(rows, self.start) if self.mode == "branch" else self._searched(rows)
        return {one.name: filled(one, extent, values[one.name]) for one in self.variables}

    def _searched(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        found = search(Places(self.evaluator.family, rows, list(self.groups)))
        count = np.isfinite(found.states.Delta).all(axis=2).sum(axis=1)
        of_points = {"count": count, "normal_stable": found.normal_stable}
        if self.mode == "ground_state":
            return of_points | self._solved(rows, ground_states(found))
        return of_points | self._all(rows, found)

    def _all(self, rows: np.ndarray, found: Found) -> dict[str, np.ndarray]:
        n, slots, channels = found.states.Delta.shape
        flat = self._solved(np.repeat(rows, slots, axis=0), found.states.Delta.reshape(n * slots, channels))
        counts = {"unstable_amplitude": found.states.unstable_amplitude, "unstable_phase": found.states.unstable_phase}
        return counts | {name: values.reshape(n, slots, *values.shape[1:]) for name, values in flat.items()}

    def _solved(self, rows: np.ndarray, Delta: np.ndarray) -> dict[str, np.ndarray]:
        """The states near `Delta`, one per row, NaN where there is none; real ones are solved for as real ones."""
        present = np.isfinite(Delta).all(axis=1)
        real = present & ~np.any(Delta.imag, axis=1)
        out: dict[str, np.ndarray] = {}
        for one in self.variables:
            if one.name in self.evaluator.names:
                out[one.name] = np.full((len(rows), *one.inner), one.fill, one.dtype)
        out["status"][:] = NO_STATE
        for which, starts in ((real, Delta.real), (present & ~real, Delta)):
            if which.any():
                for name, values in self.evaluator(rows[which], starts[which]).items():
                    out[name][which] = values
        return out


def work(
    points: Points, quantities: tuple[Quantity, ...], mode: str, branch: str | None, start: object, batch: int | None
) -> Work:
    """The work of a sweep, checked."""
    sc = points.family.sc
    check(mode in MODES, "mode", f"be one of {', '.join(MODES)}", repr(mode))
    check(mode == "branch" or not sc.is_retarded, "mode", 'be "branch" with a retarded interaction', repr(mode))
    if mode != "branch":
        check_known_mu(sc)  # Every state of a density has its own.
    chosen = branch is not None or start is not None
    check(mode == "branch" or not chosen, "mode", 'be "branch" where a branch or a start is given', repr(mode))
    check(branch is None or start is None, "start", "not be given together with `branch`", "both")
    check(batch is None or (isinstance(batch, int) and batch > 0), "batch", "be a positive integer", repr(batch))
    if branch is not None:
        sign_pattern(branch, sc.signed)
    amplitudes_ = None if start is None else np.asarray(amplitudes(start, sc))
    real = mode == "branch" and (amplitudes_ is None or not np.iscomplexobj(amplitudes_))
    names = tuple(one.name for one in points.axes)
    evaluator = Evaluator(points.family, names, quantities, branch, batch or cut_for(sc).batch, real)
    middle = np.array([(one.values.min() + one.values.max()) / 2 for one in points.axes])
    groups = tuple(coupled_groups(points.family.at(*middle)[0])) if mode != "branch" else ()
    return Work(evaluator, mode, amplitudes_, groups, variables(points, quantities, evaluator.shapes(), mode))
