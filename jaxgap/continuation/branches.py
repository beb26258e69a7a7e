r"""Branches of solutions along a path through parameter space, through folds, each with a number.

.. math:: r(\Delta(s); \theta(p(s))) = 0, \qquad r = \Delta - \lambda P(\Delta) / N

with the arclength s: where p turns back, the branch goes on.

All solutions are searched for at several points of the path, and each is followed both ways (`jaxgap.continuation.arclength`).
The branches that leave at pitchforks and branch points are followed too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.continuation.arclength import LONGEST_STEP, VERTICAL, Point, unstable_counts, walk
from jaxgap.continuation.bifurcations import Bifurcation, BifurcationKind, root_at
from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.groups import coupled_groups
from jaxgap.equations.pairing import pack
from jaxgap.model.family import Path
from jaxgap.model.superconductor import check_static
from jaxgap.numerics.checks import NotConvergedError, check
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Numbers
from jaxgap.solving.labels import Label
from jaxgap.solving.stability import real_blocks
from jaxgap.spectra.minima import branch_minima_of
from jaxgap.states.identity import distances
from jaxgap.states.solutions import Solutions, solutions

__all__ = ["Branch", "follow_path", "branches", "solutions_on"]


class Branch(NamedTuple):
    """A branch of solutions along a path, in the order in which it was followed."""

    number: int
    """Its identity along this path (a label such as s++ is none: several branches can be s++)."""
    path: Path
    p: np.ndarray
    """Position on the path, [point]."""
    Delta: np.ndarray
    """Amplitudes [meV], [point, channel]: real, or complex."""
    unstable_amplitude: np.ndarray
    """Unstable directions in the amplitudes (for complex amplitudes: of all of M), [point]."""
    unstable_phase: np.ndarray
    """Unstable directions in the phases (for equal relaxation rates), [point]."""
    events: tuple[Bifurcation, ...]
    """Folds, pitchforks, branch points and ends in the normal state on it."""
    ends: tuple[str, str]
    """How it ends on either side: "boundary", "normal", "pitchfork", "closed", or "lost" where steps of 1e-7 could not follow
    it any further."""

    @property
    def stable(self) -> np.ndarray:
        """Where no direction is unstable, [point]."""
        return (self.unstable_amplitude == 0) & (self.unstable_phase == 0)

    @property
    def is_real(self) -> bool:
        """Whether its amplitudes are real."""
        return bool(np.isrealobj(self.Delta))

    @property
    def is_vertical(self) -> bool:
        """Whether it is a continuum of solutions at one p, as a symmetry makes it."""
        return bool(np.ptp(self.p) < VERTICAL)

    def value(self, name: str | None = None) -> np.ndarray:
        """The values of what changes along the path, [point]."""
        return np.asarray(self.path.value(self.p, name))

    def __str__(self) -> str:
        name, value = self.path.names[0], self.value()
        kind = "real" if self.is_real else "complex"
        ends = " and ".join(f"{end} at {name} = {value[i]:.6g}" for end, i in zip(self.ends, (0, -1), strict=True))
        lines = [f"branch {self.number} ({kind}, {len(value)} points, {np.mean(self.stable):.0%} stable): ends with {ends}"]
        lines += [
            f"  {event.kind.name.lower().replace('_', ' ')} at {name} = {float(event.value()):.10g}" for event in self.events
        ]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    @property
    def free_energy(self) -> np.ndarray:
        """Free energy at every point (NaN if g is not symmetric), [point]."""
        return _along(_free_energies, self)

    @property
    def gaps(self) -> np.ndarray:
        """Branch minima at every point [meV], [point, branch of the spectrum]."""
        return _along(_gaps, self)

    def at(self, p: float) -> list[np.ndarray]:
        """Amplitudes of this branch at p, solved there: one row for every passage."""
        inside = (self.p[:-1] - p) * (self.p[1:] - p) <= 0
        rows = []
        for i in np.flatnonzero(inside):
            width = self.p[i + 1] - self.p[i]
            share = (p - self.p[i]) / width if width != 0 else 0.0
            x, converged = root_at(
                self.path, jnp.asarray(p), jnp.asarray(self.Delta[i] + share * (self.Delta[i + 1] - self.Delta[i]))
            )
            if bool(converged):
                rows.append(np.asarray(x))
        return rows


def _along(quantity: Callable[[Path, Array, Array], Array], branch: Branch) -> np.ndarray:
    """A quantity at every point of a branch, in a batch of a multiple of 64: few programs serve all branches."""
    p, Delta = (np.concatenate([part, np.repeat(part[-1:], -len(part) % 64, axis=0)]) for part in (branch.p, branch.Delta))
    return np.asarray(quantity(branch.path, jnp.asarray(p), jnp.asarray(Delta)))[: len(branch.p)]


@program
def _free_energies(path: Path, p: Float[Array, "point"], Delta: Inexact[Array, "point channel"]) -> Float[Array, "point"]:
    return jax.lax.map(lambda row: free_energy_of(path.at(row[0])[0], row[1], path.at(row[0])[1]), (p, Delta), batch_size=32)


@program
def _gaps(path: Path, p: Float[Array, "point"], Delta: Inexact[Array, "point channel"]) -> Float[Array, "point branch"]:
    return jax.lax.map(lambda row: branch_minima_of(path.at(row[0])[0], row[1]), (p, Delta), batch_size=32)


def follow_path(path: Path, Delta: Numbers, p: float = 0.0, number: int = 0) -> Branch:
    """The branch through the solution `Delta` [meV] at p, followed in both directions.

    Args:
        path: the path, as `jaxgap.path` makes it.
        Delta: amplitudes of a solution at p, or near one [meV].
        p: place on the path, 0 to 1.
        number: the branch's identity, `Branch.number`.

    Raises:
        NotConvergedError: if there is no solution near `Delta` at p.

    Example:
        >>> coupling = jg.path(jg.materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)})
        >>> Delta = jg.solve(jg.materials.two_band(), 4.2).Delta.real
        >>> branch = jg.follow_path(coupling, Delta)
        >>> [event.kind.name.lower() for event in branch.events]
        ['pitchfork', 'fold', 'gapless', 'fold', 'pitchfork']
    """
    check_static(path.sc_0, "path")
    p = float(p)
    check(0.0 <= p <= 1.0, "p", "be between 0 and 1", p)
    start, converged = root_at(path, jnp.asarray(p), jnp.asarray(Delta))
    if not bool(converged) or not np.any(np.asarray(start)):
        raise NotConvergedError(f"There is no superconducting solution near {np.asarray(Delta)} at p = {p:g} of this path.")
    x = np.asarray(pack(start))
    along = np.append(np.zeros_like(x), 1.0)
    return _both_ways(path, x, p, along, number)


def _both_ways(path: Path, x: np.ndarray, p: float, tangent: np.ndarray, number: int) -> Branch:
    scale = float(np.linalg.norm(x))
    forward = walk(path, x, p, tangent, scale)
    if forward.end == "closed":
        return _branch(path, forward.points, forward.events, ("closed", "closed"), number)
    backward = walk(path, x, p, -tangent, scale)
    points = backward.points[:0:-1] + forward.points
    return _branch(path, points, backward.events[::-1] + forward.events, (backward.end, forward.end), number)


def _branch(path: Path, points: list[Point], events: list[Bifurcation], ends: tuple[str, str], number: int) -> Branch:
    if not points:
        raise NotConvergedError("The branch could not be followed from its first point.")
    n = len(path.sc_0.channels)
    x = np.stack([point.x for point in points])
    counts = np.array([unstable_counts(point) for point in points])
    Delta = x if x.shape[1] == n else x[:, :n] + 1j * x[:, n:]
    p = np.array([float(point.p) for point in points])
    return Branch(number, path, p, Delta, counts[:, 0], counts[:, 1], tuple(events), ends)


def branches(path: Path, searches: int = 5) -> tuple[Branch, ...]:
    """All branches of superconducting solutions along a path, real and complex, numbered.

    All solutions are searched for at `searches` evenly spaced points, and every one that lies on no branch so far is
    followed both ways; so is every complex branch that leaves at a pitchfork of phases, and every real one that crosses at a
    branch point.
    """
    check_static(path.sc_0, "path")
    found: list[Branch] = []
    for p in np.linspace(0.0, 1.0, searches):
        for state in solutions(*path.at(p)):
            if state.label != Label.NORMAL and not any(_contains(branch, p, state.Delta) for branch in found):
                found.append(follow_path(path, state.Delta, p, len(found)))
    for branch in found:  # grows while it is read: a branch that leaves may itself branch
        for event in branch.events if branch.is_real else ():
            if event.kind == BifurcationKind.PITCHFORK and not any(_ends_at(b, event) for b in found):
                found += _broken_branch(event, len(found))
            if event.kind == BifurcationKind.BRANCH_POINT:
                found += _crossing_branch(event, found)
    return tuple(found)


def solutions_on(found: tuple[Branch, ...], p: float) -> Solutions:
    """All solutions at p, searched for anew, each with the number of the branch of `found` that it lies on (None: of none)."""
    check(len(found) > 0, "found", "hold at least one branch", "none")
    listed = solutions(*found[0].path.at(float(p)))
    numbers = [next((b.number for b in found if _contains(b, p, state.Delta)), None) for state in listed]
    states = tuple(state._replace(branch=number) for state, number in zip(listed, numbers, strict=True))
    return replace(listed, states=states)


def _crossing_branch(event: Bifurcation, found: list[Branch]) -> list[Branch]:
    """The real branch that crosses another at a branch point, unless it is known already."""
    sc, T = event.path.at(event.p)
    M = np.asarray(real_blocks(sc, event.Delta, T)[0])
    along = np.append(np.linalg.svd(M)[2][-1], 0.0)
    branch = _both_ways(event.path, np.asarray(event.Delta), float(event.p), along, len(found))
    # Not at its ends (in the normal state every branch has the same amplitudes, none), nor at symmetric points of a loop.
    inside = [int(share * len(branch.p)) for share in (0.21, 0.43, 0.71)]
    known = any(_contains(b, branch.p[i], branch.Delta[i]) for b in found for i in inside)
    return [branch] if not known and len(branch.p) > 2 else []


def _broken_branch(event: Bifurcation, number: int) -> list[Branch]:
    """The complex branch that leaves a real one at a pitchfork of phases (one of the two conjugate halves)."""
    n = len(event.Delta)
    w = np.asarray(event.direction)
    x = np.concatenate([np.asarray(event.Delta), np.zeros(n)])
    tangent = np.concatenate([np.zeros(n), w / np.linalg.norm(w), [0.0]])
    followed = walk(event.path, x, float(event.p), tangent, float(np.linalg.norm(x)))
    if len(followed.points) < 2:
        return []
    # At the pitchfork itself two directions are marginal: the count there is that of the branch.
    points = [followed.points[0]._replace(M=followed.points[1].M), *followed.points[1:]]
    return [_branch(event.path, points, [event, *followed.events], ("pitchfork", followed.end), number)]


def _contains(branch: Branch, p: float, Delta: np.ndarray) -> bool:
    """Whether a solution at p lies on a branch."""
    if branch.is_vertical:
        apart = [np.min(np.linalg.norm(branch.Delta - sign * Delta, axis=1)) for sign in (1, -1)]
        return bool(abs(p - branch.p[0]) < VERTICAL and min(apart) <= LONGEST_STEP * np.linalg.norm(Delta))
    rows = [row for row in branch.at(p) if np.isrealobj(row) == np.isrealobj(Delta)]
    if not rows:
        return False
    sc, _ = branch.path.at(p)
    return bool(np.min(distances(Delta[None], np.stack(rows), coupled_groups(sc))) <= ON_BRANCH * np.linalg.norm(Delta))


ON_BRANCH = 1e-5
"""A solution lies on a branch if it differs by less than 1e-5 of its size from the branch's own solution at its p."""


def _ends_at(branch: Branch, event: Bifurcation) -> bool:
    """Whether a complex branch begins or ends at a pitchfork."""
    if branch.is_real:
        return False
    size = np.linalg.norm(np.asarray(event.Delta))
    for other in branch.events:
        same = [np.linalg.norm(np.asarray(event.Delta) - sign * np.asarray(other.Delta)) for sign in (1, -1)]
        if other.kind == BifurcationKind.PITCHFORK and min(same) <= ON_BRANCH * size:
            return True
    return False
