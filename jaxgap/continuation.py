r"""Branches of solutions along a path through parameter space, through folds, by pseudo-arclength.

.. math:: r(\Delta, p) = 0, \qquad t \cdot (y - y_0) = h, \qquad y = (\Delta / s, p)

The arclength h, not p, is stepped, with the tangent t of the branch: at a fold p turns back and the branch goes on. Along
the branch the unstable directions are counted, and where their number changes the bifurcation is located by its own
equations (`jaxgap.bifurcations`). The branches that leave at pitchforks and branch points are followed too.

`branches` puts it together: all solutions at several points of the path, each followed both ways, each branch with a number.
"""

import itertools
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap._checks import NotConvergedError, check
from jaxgap._compilation import program
from jaxgap.bifurcations import (
    Bifurcation,
    BifurcationKind,
    Path,
    is_gapless,
    is_transversal,
    locate_branch_point,
    locate_crossing,
    locate_fold,
    locate_gapless,
    locate_normal,
    locate_pitchfork,
    root_at,
)
from jaxgap.labels import Label
from jaxgap.newton import newton
from jaxgap.observables.gaps import branch_minima_of, gapless_excess
from jaxgap.observables.thermodynamics import free_energy_of
from jaxgap.pairing import gap_residual
from jaxgap.solutions import Solutions, coupled_groups, distances, solutions
from jaxgap.solve import gauge_directions, pack, unpack
from jaxgap.stability import negative_of_each, phase_block, real_blocks

__all__ = ["Branch", "follow_path", "branches", "crossings", "solutions_on"]

FIRST_STEP, LONGEST_STEP, SHORTEST_STEP = 0.01, 0.04, 1e-7
"""Steps of arclength in y = (Delta / s, p), where s is the size of the first amplitudes and p runs from 0 to 1."""
TURN = 0.96
"""Smallest cosine between successive tangents: a step that turns further is tried again at half its length."""
MAX_POINTS = 3000
VERTICAL = 1e-6
"""Where |dp| along the unit tangent is smaller, a branch is vertical: a symmetry makes a continuum of solutions at one p."""


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


def _along(quantity: Any, branch: Branch) -> np.ndarray:
    """A quantity at every point of a branch, in a batch of a multiple of 64: few programs serve all branches."""
    p, Delta = (np.concatenate([part, np.repeat(part[-1:], -len(part) % 64, axis=0)]) for part in (branch.p, branch.Delta))
    return np.asarray(quantity(branch.path, jnp.asarray(p), jnp.asarray(Delta)))[: len(branch.p)]


@program
def _free_energies(path: Path, p: Float[Array, "point"], Delta: Inexact[Array, "point channel"]) -> Float[Array, "point"]:
    return jax.lax.map(lambda row: free_energy_of(path.at(row[0])[0], row[1], path.at(row[0])[1]), (p, Delta), batch_size=32)


@program
def _gaps(path: Path, p: Float[Array, "point"], Delta: Inexact[Array, "point channel"]) -> Float[Array, "point branch"]:
    return jax.lax.map(lambda row: branch_minima_of(path.at(row[0])[0], row[1]), (p, Delta), batch_size=32)


class _Point(NamedTuple):
    """A point of a branch, with what the next step needs (arrays of JAX inside the compiled step, of numpy outside)."""

    x: Any
    p: Any
    tangent: Any
    M: Any
    """dr/dx at x."""
    phase: Any
    """The phase block at x, if x is real."""
    excess: Any
    """How far x, if real, is from gapless, per cross-paired pair of bands [meV^2]."""
    converged: Any
    steps: Any


class _Step(NamedTuple):
    """What the equations of one step depend on."""

    path: Path
    target: Float[Array, "m"]
    tangent: Float[Array, "m"]
    scale: Float[Array, ""]


def _extended(y: Float[Array, "m"], s: _Step) -> Float[Array, "m"]:
    """The gap equations (gauge fixed at x itself) in units of the scale, and the arclength condition."""
    sc, T = s.path.at(y[-1])
    x = y[:-1] * s.scale
    here = jax.lax.stop_gradient(x)
    gauge = jax.lax.stop_gradient(gauge_directions(sc, here))
    r = pack(gap_residual(sc, unpack(x, len(sc.channels)), T)) + (gauge @ (x - here)) @ gauge
    return jnp.append(r / s.scale, s.tangent @ (y - s.target))


def _advance(path: Path, x: Any, p: Any, tangent: Any, h: float, scale: float) -> _Point:
    """The point at arclength h along the tangent."""
    arrays = (jnp.asarray(value, jnp.float64) for value in (x, p, tangent, h, scale))
    return jax.tree.map(np.asarray, _advanced(path, *arrays))


@program
def _advanced(path: Path, x: Any, p: Any, tangent: Any, h: Any, scale: Any) -> _Point:
    target = jnp.append(x / scale, p) + h * tangent
    root = newton(_extended, target, _Step(path, target, tangent, scale), max_steps=12)
    direction = jnp.linalg.solve(root.jacobian, jnp.zeros_like(target).at[-1].set(1.0))
    direction = direction / jnp.sqrt(direction @ direction)
    sc, T = path.at(root.x[-1])
    n, x = len(sc.channels), root.x[:-1] * scale
    real = len(x) == n
    B = phase_block(sc, x, T) if real else jnp.eye(n)
    excess = gapless_excess(sc, x) if real else jnp.ones(1)
    return _Point(x, root.x[-1], direction, root.jacobian[:-1, :-1], B, excess, root.converged, root.steps)


def _counts(point: _Point) -> tuple[int, int]:
    """(unstable directions in the amplitudes, in the phases)."""
    return int(negative_of_each(point.M)), int(negative_of_each(point.phase))


class _Followed(NamedTuple):
    points: list[_Point]
    events: list[Bifurcation]
    end: str


def _follow(path: Path, x: np.ndarray, p: float, tangent: np.ndarray, scale: float) -> _Followed:
    """Steps along a branch in one direction, until it leaves the path, ends in the normal state, or closes."""
    point = _advance(path, x, p, tangent, 0.0, scale)
    if not point.converged:
        return _Followed([], [], "lost")
    if not np.isfinite(point.tangent).all():
        # At a pitchfork two branches cross and the equations have no single tangent: take the one asked for.
        point = point._replace(tangent=tangent)
    points: list[_Point] = [point]
    events: list[Bifurcation] = []
    h = FIRST_STEP
    while len(points) < MAX_POINTS:
        new = _advance(path, point.x, point.p, point.tangent, h, scale)
        new = new._replace(tangent=new.tangent * (1.0 if new.tangent @ point.tangent >= 0 else -1.0))
        if not (new.converged and np.isfinite(new.x).all() and new.tangent @ point.tangent >= TURN):
            h /= 2
            if h < SHORTEST_STEP:
                break
            continue
        last = _ending(path, point, new)
        if last is not None:
            return _Followed(points + last.points, events + last.events, last.end)
        events += _events_between(path, point, new) if len(x) == len(path.sc_0.channels) else []
        points.append(new)
        if len(points) > 10 and _meets(points, h):
            return _Followed(points, events, "closed")
        h = min(LONGEST_STEP, 1.5 * h) if new.steps <= 5 else h
        point = new
    return _Followed(points, events, "lost")


def _ending(path: Path, point: _Point, new: _Point) -> _Followed | None:
    """How the branch ends between two points, if it does: in the normal state, in a real branch, or where the path ends."""
    n = len(path.sc_0.channels)
    if len(new.x) == n and new.x @ point.x <= 0:
        event = _checked(locate_normal(path, jnp.asarray(point.x), jnp.asarray(point.p)), point, new)
        if event is None:
            return _Followed([], [], "normal")
        return _Followed([new._replace(x=np.zeros(n), p=np.asarray(event.p))], [event], "normal")
    if len(new.x) > n and _became_real(point.x, new.x):
        event = _checked_real(path, point, new)
        return _Followed([], [] if event is None else [event], "pitchfork")
    if not 0.0 <= new.p <= 1.0:
        last = _on_boundary(path, point, new, n)
        return _Followed([] if last is None else [last], [], "boundary")
    return None


def _meets(points: list[_Point], h: float) -> bool:
    """Whether the last point is back at the first one."""
    first, last = points[0], points[-1]
    size = np.linalg.norm(first.x)
    near = np.linalg.norm(last.x - first.x) <= h * size and abs(last.p - first.p) <= h
    return bool(near and last.tangent @ first.tangent > TURN)


def _on_boundary(path: Path, point: _Point, new: _Point, n: int) -> _Point | None:
    """The point where the branch leaves the path, solved at its end."""
    edge = 0.0 if new.p < 0 else 1.0
    if point.p == edge:
        return None
    share = (edge - point.p) / (new.p - point.p)
    Delta, converged = root_at(path, jnp.asarray(edge), unpack(jnp.asarray(point.x + share * (new.x - point.x)), n))
    return new._replace(x=np.asarray(pack(Delta)), p=np.asarray(edge)) if bool(converged) else None


def _events_between(path: Path, a: _Point, b: _Point) -> list[Bifurcation]:
    """Bifurcations between two points of a real branch: where determinants of M and of its phase block change sign, and
    where a cross-paired pair of bands becomes gapless."""
    if max(abs(a.tangent[-1]), abs(b.tangent[-1])) <= VERTICAL:
        return []  # A continuum of solutions at one p: every point is singular.
    turned = a.tangent[-1] * b.tangent[-1] < 0
    crossed = np.linalg.det(a.M) * np.linalg.det(b.M) < 0
    phases = _counts(a)[1] != _counts(b)[1]
    found: list[Bifurcation | None] = []
    fold = _nearest(locate_fold, path, a, b) if turned else None
    if fold is not None and is_transversal(fold):
        found.append(fold)
    elif turned or crossed:
        # Also where a pair of real branches leaves another one: there p turns, but nothing ends.
        found.append(_nearest(locate_branch_point, path, a, b))
    if phases:
        found.append(_nearest(locate_pitchfork, path, a, b))
    if np.any(a.excess * b.excess < 0):
        event = _nearest(locate_gapless, path, a, b)
        # Zero only if the k at which E_- touches zero lies inside the shell.
        found.append(event if event is not None and is_gapless(event) else None)
    return [event for event in found if event is not None]


def _nearest(locate: Any, path: Path, a: _Point, b: _Point) -> Bifurcation | None:
    """The bifurcation between two points, started from the middle, else from either."""
    for x, p in (((a.x + b.x) / 2, (a.p + b.p) / 2), (a.x, a.p), (b.x, b.p)):
        event = _checked(locate(path, jnp.asarray(x), jnp.asarray(p)), a, b)
        if event is not None:
            return event
    return None


def _checked(event: Bifurcation, a: _Point, b: _Point) -> Bifurcation | None:
    """The event, if it lies where it was looked for."""
    if not bool(event.converged):
        return None
    size = np.linalg.norm(a.x)
    reach = 2 * np.hypot(np.linalg.norm(b.x - a.x) / size, b.p - a.p)
    away = np.hypot(np.linalg.norm(np.asarray(event.Delta) - a.x) / size, float(event.p) - a.p)
    return event if away <= reach else None


def follow_path(path: Path, Delta: Any, p: float = 0.0, number: int = 0) -> Branch:
    """The branch through the solution `Delta` [meV] at p, followed in both directions.

    Raises:
        NotConvergedError: if there is no solution near `Delta` at p.
    """
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
    forward = _follow(path, x, p, tangent, scale)
    if forward.end == "closed":
        return _branch(path, forward.points, forward.events, ("closed", "closed"), number)
    backward = _follow(path, x, p, -tangent, scale)
    points = backward.points[:0:-1] + forward.points
    return _branch(path, points, backward.events[::-1] + forward.events, (backward.end, forward.end), number)


def _branch(path: Path, points: list[_Point], events: list[Bifurcation], ends: tuple[str, str], number: int) -> Branch:
    if not points:
        raise NotConvergedError("The branch could not be followed from its first point.")
    n = len(path.sc_0.channels)
    x = np.stack([point.x for point in points])
    counts = np.array([_counts(point) for point in points])
    Delta = x if x.shape[1] == n else x[:, :n] + 1j * x[:, n:]
    p = np.array([float(point.p) for point in points])
    return Branch(number, path, p, Delta, counts[:, 0], counts[:, 1], tuple(events), ends)


def branches(path: Path, searches: int = 5) -> tuple[Branch, ...]:
    """All branches of superconducting solutions along a path, real and complex, numbered.

    All solutions are searched for at `searches` evenly spaced points, and every one that lies on no branch so far is
    followed both ways; so is every complex branch that leaves at a pitchfork of phases, and every real one that crosses at a
    branch point.
    """
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
    followed = _follow(event.path, x, float(event.p), tangent, float(np.linalg.norm(x)))
    if len(followed.points) < 2:
        return []
    # At the pitchfork itself two directions are marginal: the count there is that of the branch.
    points = [followed.points[0]._replace(M=followed.points[1].M), *followed.points[1:]]
    return [_branch(event.path, points, [event, *followed.events], ("pitchfork", followed.end), number)]


def _made_real(x: np.ndarray, reference: np.ndarray | None = None) -> np.ndarray:
    """(real, imaginary) parts after the global phase that makes the amplitudes as real as possible is taken out, with the
    sign that brings the real parts nearer to those of `reference`."""
    n = len(x) // 2
    z = x[:n] + 1j * x[n:]
    z = z * np.exp(-0.5j * np.angle(np.sum(z**2)))
    if reference is not None and np.real(z) @ reference[0] < 0:
        z = -z
    return np.stack([z.real, z.imag])


def _became_real(old: np.ndarray, new: np.ndarray) -> bool:
    """Whether the imaginary parts changed sign between two points of a complex branch: a real solution lies between."""
    before = _made_real(old)
    return bool(before[1] @ _made_real(new, before)[1] < 0)


def _checked_real(path: Path, a: _Point, b: _Point) -> Bifurcation | None:
    """The pitchfork between two points of a complex branch."""
    real = _made_real(a.x)[0]
    event = locate_pitchfork(path, jnp.asarray(real), jnp.asarray(a.p))
    near = np.linalg.norm(np.asarray(event.Delta) - real) <= 2 * np.linalg.norm(b.x - a.x) + 0.1 * np.linalg.norm(a.x)
    return event if bool(event.converged) and near else None


def _contains(branch: Branch, p: float, Delta: np.ndarray) -> bool:
    """Whether a solution at p lies on a branch."""
    if branch.is_vertical:
        apart = [np.min(np.linalg.norm(branch.Delta - sign * Delta, axis=1)) for sign in (1, -1)]
        return bool(abs(p - branch.p[0]) < VERTICAL and min(apart) <= LONGEST_STEP * np.linalg.norm(Delta))
    rows = [row for row in branch.at(p) if np.isrealobj(row) == np.isrealobj(Delta)]
    if not rows:
        return False
    sc, _ = branch.path.at(p)
    return bool(np.min(distances(Delta, np.stack(rows), coupled_groups(sc))) <= ON_BRANCH * np.linalg.norm(Delta))


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


def crossings(found: tuple[Branch, ...], stable: bool = True) -> tuple[Bifurcation, ...]:
    """Where two real branches have equal free energies (first-order transitions), and where one equals the normal state.

    Args:
        found: branches of one path.
        stable: only crossings at which both states are stable (phases: for equal relaxation rates).
    """
    pieces = [piece for branch in found if branch.is_real for piece in _monotonic(branch)]
    events = []
    for k, a in enumerate(pieces):
        for b in [*pieces[k + 1 :], None]:
            events += _crossings_of(a, b)
    return tuple(event for event in events if not stable or _both_stable(event))


def _both_stable(event: Bifurcation) -> bool:
    """Whether both states of a crossing are stable."""
    sc, T = event.path.at(event.p)
    blocks = [block for Delta in (event.Delta, event.direction) for block in real_blocks(sc, Delta, T)]
    return not negative_of_each(np.stack(blocks)).any()


class _Piece(NamedTuple):
    path: Path
    p: np.ndarray
    Delta: np.ndarray
    F: np.ndarray


def _monotonic(branch: Branch) -> list[_Piece]:
    """Pieces of a branch between its turning points, each with increasing p."""
    turns = np.flatnonzero(np.diff(np.sign(np.diff(branch.p)))) + 1
    F, pieces = branch.free_energy, []
    for start, stop in itertools.pairwise([0, *turns, len(branch.p) - 1]):
        index = np.arange(start, stop + 1)
        index = index if branch.p[stop] > branch.p[start] else index[::-1]
        pieces.append(_Piece(branch.path, branch.p[index], branch.Delta[index], F[index]))
    return pieces


def _crossings_of(a: _Piece, b: _Piece | None) -> list[Bifurcation]:
    """Crossings of the free energies of two pieces, or of one with the normal state's."""
    p = np.unique(np.concatenate([a.p, b.p if b is not None else []]))
    lo, hi = (a.p[0], a.p[-1]) if b is None else (max(a.p[0], b.p[0]), min(a.p[-1], b.p[-1]))
    p = p[(p >= lo) & (p <= hi)]
    if len(p) < 2:
        return []
    difference = np.interp(p, a.p, a.F) - (np.interp(p, b.p, b.F) if b is not None else 0.0)
    found = []
    for i in np.flatnonzero(difference[:-1] * difference[1:] < 0):
        middle = p[i] + (p[i + 1] - p[i]) * difference[i] / (difference[i] - difference[i + 1])
        state, other = (_interpolated(piece, middle, a.Delta.shape[1]) for piece in (a, b))
        event = locate_crossing(a.path, jnp.asarray(state), jnp.asarray(other), jnp.asarray(middle))
        if bool(event.converged) and abs(float(event.p) - middle) <= 2 * LONGEST_STEP:
            found.append(event)
    return found


def _interpolated(piece: _Piece | None, p: float, n: int) -> np.ndarray:
    if piece is None:
        return np.zeros(n)
    return np.array([np.interp(p, piece.p, column) for column in piece.Delta.T])
