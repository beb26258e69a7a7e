"""What lies around one setting: its branches in temperature, all its solutions, its slopes, and a phase map.

Every branch is drawn up to its own end, which is located first: temperatures beyond it would only be searched in vain.
"""

from collections.abc import Iterator
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import PyTreeDef

from jaxgap.continuation.bifurcations import BifurcationKind
from jaxgap.continuation.ends import EndKind, branch_end
from jaxgap.continuation.jumps import NORMAL, jump_temperature
from jaxgap.continuation.whole import whole_branch
from jaxgap.explorer.moment import Answer, Moment, known_stable
from jaxgap.explorer.setting import MOST_BRANCHES, Setting
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.observables import branch_names
from jaxgap.phases.diagram import PhaseDiagram, phase_diagram
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.curves import GapCurve, gap_curve
from jaxgap.solving.labels import named_branches, sign_pattern
from jaxgap.solving.one import solve
from jaxgap.solving.solution import Solution
from jaxgap.states.solutions import solutions

__all__ = ["branches", "jumps", "map_of", "slopes", "states"]

TEMPERATURES = 24
"""Of a curve."""
NEAREST = 1e-4
"""How near to its end a branch is drawn, as a share of it: gaps close as a square root there."""
ALIKE = 1e-6
"""Relative distance of amplitudes that are the same, far above what two solutions of one state differ by."""
CONNECTED = ""
"""Name of the branch connected to T_c, which need not be one that begins at T = 0."""


def branches(moment: Moment) -> Answer:
    """Gaps against temperature of every named branch and of the one connected to T_c, with where and how each ends."""
    sc = moment.setting.sc
    T_c = float(critical_temperature(sc))
    connected = gap_curve(sc, T_c * _shares()) if T_c > 0 else None
    rows = [_branch(sc, name, connected, T_c) for name in named_branches(sc.signed)[:MOST_BRANCHES]]
    if connected is not None and not any(row["end"] == T_c for row in rows):
        rows.append(_row(CONNECTED, T_c, EndKind.NORMAL, connected))
    return {"T_c": T_c, "branches": branch_names(sc), "curves": rows}


def _branch(sc: Superconductor, name: str, connected: GapCurve | None, T_c: float) -> Answer:
    """One branch up to its end; without a curve where it does not exist at T = 0."""
    cold = solve(sc, 0.0, branch=name, throw=False)
    if connected is not None and _is_named(sc, name, connected, cold):
        return _row(name, T_c, EndKind.NORMAL, connected)
    if bool(cold.converged) and sc.density is None:
        end, curve = whole_branch(sc, name, cold, _shares())
        return _row(name, float(end.T), EndKind(int(end.kind)), curve)
    end = branch_end(sc, name, throw=False)
    if int(end.kind) == EndKind.MISSING:
        return {"name": name, "kind": "missing", "words": "does not exist at T = 0", "end": None}
    return _row(name, float(end.T), EndKind(int(end.kind)), gap_curve(sc, float(end.T) * _shares(), name))


def _is_named(sc: Superconductor, name: str, connected: GapCurve, cold: Solution) -> bool:
    """Whether the branch connected to T_c is the named one, which at T = 0 is `cold`: all the way down it has its signs, and
    there its amplitudes. Then its end is known, and its curve drawn already."""
    Delta = np.asarray(connected.solutions.Delta).real
    pattern = np.asarray(sign_pattern(name, sc.signed))
    signs = np.sign(Delta[:, : sc.signed]) * np.sign(Delta[:, :1])
    if not bool(np.asarray(connected.solutions.converged).all()) or not (signs == pattern).all():
        return False
    own, other = np.asarray(cold.Delta).real, Delta[0]
    apart = np.linalg.norm(own * np.sign(own[0] * other[0]) - other)
    return bool(cold.converged) and bool(apart <= ALIKE * np.linalg.norm(other))


def _row(name: str, end: float, kind: EndKind, curve: GapCurve) -> Answer:
    return {
        "name": name,
        "kind": kind.name.lower(),
        "words": kind.words,
        "end": end,
        "T": np.asarray(curve.T),
        "gaps": np.asarray(curve.gaps),
        "stable": np.asarray(curve.stable),
    }


def _shares() -> np.ndarray:
    """Of a branch's end: from 0 to 1, denser towards it, where gaps change fastest."""
    shares: np.ndarray = (1 - NEAREST) * (1 - (1 - np.linspace(0.0, 1.0, TEMPERATURES)) ** 2)
    return shares


def jumps(moment: Moment) -> Answer:
    """Where the ground state may leave a branch in a first-order jump [K]: to the normal state, or to another branch."""
    sc = moment.setting.sc
    names = named_branches(sc.signed)[:MOST_BRANCHES]
    pairs = [(one, NORMAL) for one in names] + [(one, two) for k, one in enumerate(names) for two in names[k + 1 :]]
    return {"jumps": [{"from": one, "to": two, "T": T} for one, two in pairs for T in _crossing(sc, one, two)]}


def _crossing(sc: Superconductor, one: str, two: str) -> Iterator[float]:
    """The temperature at which the free energies of two states are equal, if there is one. (A branch that meets the other
    continuously at its end does not cross it.)"""
    try:
        yield float(jump_temperature(sc, one, two))
    except NotConvergedError:
        return


def states(moment: Moment) -> Answer:
    """All solutions at the setting, ranked: free energy, stability, name, gap, amplitudes."""
    sc, T = moment.setting[:2]
    rows = [
        {
            "name": state.name,
            "free_energy": state.free_energy,
            "stable": known_stable(state.unstable_amplitude, state.unstable_phase),
            "stability": state.stability,
            "gap": state.gap,
            "real": np.real(state.Delta),
            "imaginary": np.imag(state.Delta),
        }
        for state in solutions(sc, T)
    ]
    return {"T": T, "channels": sc.channels, "states": rows}


def slopes(moment: Moment) -> Answer:
    """d gap / d leaf of every branch minimum for every leaf, through the implicit derivative of the solution."""
    # The room of fits takes time to enter, and nothing before needs it.
    from jaxgap.fitting.uncertainty import gap_slopes

    solution = moment.solved()
    sc = moment.setting.sc
    Delta = jnp.real(solution.Delta)[None]
    found = gap_slopes(sc, sc.paths, solution.T[None], Delta, jnp.zeros(1))
    return {
        "paths": sc.paths,
        "units": _units(jax.tree.structure(sc)),
        "branches": branch_names(sc),
        "slopes": np.asarray(found[0]),
        "differentiable": bool(solution.differentiable),
    }


@lru_cache(1)
def _units(kind: PyTreeDef) -> tuple[str, ...]:
    """Those of the leaves, which are the same for all systems of a kind."""
    sc: Superconductor = jax.tree.unflatten(kind, [np.zeros(())] * kind.num_leaves)
    return tuple(sc.unit(path) for path in sc.paths)


# --- the phase map ------------------------------------------------------------------------------------------------------


def map_of(setting: Setting, points: int, hottest: float) -> Answer:
    """The ground state over a leaf and the temperature, around the setting, on points x points: its gap, how many states are
    stable, and the lines between phases."""
    value = float(np.asarray(setting.sc.get(setting.along)))
    x = {setting.along: (value - setting.width, value + setting.width, points)}
    diagram = phase_diagram(setting.sc, setting.T, x, {"T": (0.02 * hottest, hottest, points)})
    return {
        "x_name": setting.along,
        "x_unit": setting.sc.unit(setting.along),
        "x": diagram.x,
        "y": diagram.y,
        "gap": diagram.ground_gap,
        "kind": _kinds(diagram),
        "several": diagram.stable_states > 1,
        "lines": {LINES[kind]: places for kind, places in diagram.lines.items() if kind in LINES and len(places)},
        "points": points,
    }


LINES = {
    BifurcationKind.CROSSING: "first order (F equal)",
    BifurcationKind.NORMAL: "continuous",
    BifurcationKind.FOLD: "end of a state (fold)",
    BifurcationKind.PITCHFORK: "phases become unstable",
    BifurcationKind.GAPLESS: "gapless",
}
"""What the lines of a map are called."""


def _kinds(diagram: PhaseDiagram) -> np.ndarray:
    """0 the normal state, 1 s++ or one band, 2 s+-, 3 broken time reversal, -1 none found, [row, column]."""
    bands = diagram.ground_Delta[..., : diagram.superconductor.signed]
    opposite = np.any(np.real(bands * np.conj(bands[..., :1])) < 0, axis=-1)
    normal, none = diagram.ground == -1, diagram.ground < -1
    kinds: np.ndarray = np.select([none, normal, diagram.ground_broken, opposite], [-1, 0, 3, 2], 1)
    return kinds
