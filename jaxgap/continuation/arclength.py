r"""One walk along a branch by pseudo-arclength, in one direction, with what happens on the way.

.. math:: r(\Delta, p) = 0, \qquad t \cdot (y - y_0) = h, \qquad y = (\Delta / s, p)

The arclength h, not p, is stepped, with the tangent t of the branch: at a fold p turns back and the branch goes on. Along
the branch the unstable directions are counted, and where their number changes the bifurcation is located by its own
equations (`jaxgap.continuation.bifurcations`).
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.continuation.bifurcations import (
    Bifurcation,
    is_gapless,
    is_transversal,
    locate_branch_point,
    locate_fold,
    locate_gapless,
    locate_normal,
    locate_pitchfork,
    root_at,
)
from jaxgap.continuation.residuals import gap_equations
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import gauge_directions
from jaxgap.equations.groups import coupled_groups, membership, turned
from jaxgap.equations.pairing import pack, unpack
from jaxgap.model.family import Path
from jaxgap.numerics.newton import newton
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import solved
from jaxgap.solving.stability import negative_of_each, phase_block
from jaxgap.spectra.minima import gapless_excess_of

__all__ = ["Point", "Walk", "walk", "unstable_counts"]

FIRST_STEP, LONGEST_STEP, SHORTEST_STEP = 0.01, 0.04, 1e-7
"""Steps of arclength in y = (Delta / s, p), where s is the size of the first amplitudes and p runs from 0 to 1."""
TURN = 0.96
"""Smallest cosine between successive tangents: a step that turns further is tried again at half its length."""
MAX_POINTS = 3000
VERTICAL = 1e-6
"""Where |dp| along the unit tangent is smaller, a branch is vertical: a symmetry makes a continuum of solutions at one p."""


Anything: TypeAlias = Array | np.ndarray
"""Arrays of JAX inside the compiled step, of numpy outside."""


class Point(NamedTuple):
    """A point of a branch, with what the next step needs."""

    x: Float[Anything, "x"]
    p: Float[Anything, ""]
    tangent: Float[Anything, "m"]
    M: Float[Anything, "x x"]
    """dr/dx at x."""
    phase: Float[Anything, "channel channel"]
    """The phase block at x, if x is real."""
    excess: Float[Anything, "pair"]
    """How far x, if real, is from gapless, per cross-paired pair of bands [meV^2]."""
    converged: Bool[Anything, ""]
    steps: Int[Anything, ""]


class _Step(NamedTuple):
    """What the equations of one step depend on."""

    path: Path
    target: Float[Array, "m"]
    tangent: Float[Array, "m"]
    scale: Float[Array, ""]


def _extended(y: Float[Array, "m"], s: _Step) -> tuple[Float[Array, "m"], Float[Array, "m m"]]:
    """The gap equations (gauge fixed at x itself) in units of the scale, and the arclength condition; and their derivative."""
    n = len(s.path.sc_0.channels)
    sc, T = s.path.at(y[-1])
    x = y[:-1] * s.scale
    r, M = residual_and_matrix(sc, unpack(x, n), T)
    gauge = gauge_directions(sc, x)
    _, r_p = jax.jvp(lambda p: pack(gap_equations(s.path, unpack(x, n), p)), (y[-1],), (jnp.ones(()),))
    derivative = jnp.column_stack([M + gauge.T @ gauge, r_p / s.scale])
    return jnp.append(r / s.scale, s.tangent @ (y - s.target)), jnp.concatenate([derivative, s.tangent[None]])


def _advance(path: Path, x: Anything, p: float | Anything, tangent: Anything, h: float, scale: float) -> Point:
    """The point at arclength h along the tangent."""
    arrays = (jnp.asarray(value, jnp.float64) for value in (x, p, tangent, h, scale))
    return jax.tree.map(np.asarray, _advanced(path, *arrays))


@program
def _advanced(
    path: Path,
    x: Float[Array, "x"],
    p: Float[Array, ""],
    tangent: Float[Array, "m"],
    h: Float[Array, ""],
    scale: Float[Array, ""],
) -> Point:
    target = jnp.append(x / scale, p) + h * tangent
    root = newton(_extended, target, _Step(path, target, tangent, scale), max_steps=12)
    direction = solved(root.jacobian, jnp.zeros_like(target).at[-1].set(1.0))
    direction = direction / jnp.sqrt(direction @ direction)
    sc, T = path.at(root.x[-1])
    n, x = len(sc.channels), root.x[:-1] * scale
    real = len(x) == n
    B = phase_block(sc, x, T) if real else jnp.eye(n)
    excess = gapless_excess_of(sc, x) if real else jnp.ones(1)
    return Point(x, root.x[-1], direction, root.jacobian[:-1, :-1], B, excess, root.converged, root.steps)


def unstable_counts(point: Point) -> tuple[int, int]:
    """(unstable directions in the amplitudes, in the phases)."""
    return int(negative_of_each(point.M)), int(negative_of_each(point.phase))


class Walk(NamedTuple):
    points: list[Point]
    events: list[Bifurcation]
    end: str


def walk(path: Path, x: np.ndarray, p: float, tangent: np.ndarray, scale: float) -> Walk:
    """Steps along a branch in one direction, until it leaves the path, ends in the normal state, or closes."""
    point = _advance(path, x, p, tangent, 0.0, scale)
    if not point.converged:
        return Walk([], [], "lost")
    if not np.isfinite(point.tangent).all():
        # At a pitchfork two branches cross and the equations have no single tangent: take the one asked for.
        point = point._replace(tangent=tangent)
    points: list[Point] = [point]
    events: list[Bifurcation] = []
    h, groups = FIRST_STEP, coupled_groups(path.at(0.5)[0])
    while len(points) < MAX_POINTS:
        new = _advance(path, point.x, point.p, point.tangent, h, scale)
        new = new._replace(tangent=new.tangent * (1.0 if new.tangent @ point.tangent >= 0 else -1.0))
        if not (new.converged and np.isfinite(new.x).all() and new.tangent @ point.tangent >= TURN):
            h /= 2
            if h < SHORTEST_STEP:
                break
            continue
        last = _ending(path, point, new, groups)
        if last is not None:
            return Walk(points + last.points, events + last.events, last.end)
        events += _events_between(path, point, new) if len(x) == len(path.sc_0.channels) else []
        points.append(new)
        if len(points) > 10 and _meets(points, h):
            return Walk(points, events, "closed")
        h = min(LONGEST_STEP, 1.5 * h) if new.steps <= 5 else h
        point = new
    return Walk(points, events, "lost")


def _ending(path: Path, point: Point, new: Point, groups: list[np.ndarray]) -> Walk | None:
    """How the branch ends between two points, if it does: in the normal state, in a real branch, or where the path ends."""
    n = len(path.sc_0.channels)
    if len(new.x) == n and new.x @ point.x <= 0:
        event = _checked(locate_normal(path, jnp.asarray(point.x), jnp.asarray(point.p)), point, new)
        if event is None:
            return Walk([], [], "normal")
        return Walk([new._replace(x=np.zeros(n), p=np.asarray(event.p))], [event], "normal")
    if len(new.x) > n and _became_real(point.x, new.x, groups):
        event = _checked_real(path, point, new, groups)
        return Walk([], [] if event is None else [event], "pitchfork")
    if not 0.0 <= float(new.p) <= 1.0:
        last = _on_boundary(path, point, new, n)
        return Walk([] if last is None else [last], [], "boundary")
    return None


def _meets(points: list[Point], h: float) -> bool:
    """Whether the last point is back at the first one."""
    first, last = points[0], points[-1]
    size = np.linalg.norm(first.x)
    near = np.linalg.norm(last.x - first.x) <= h * size and abs(float(last.p) - float(first.p)) <= h
    return bool(near and last.tangent @ first.tangent > TURN)


def _on_boundary(path: Path, point: Point, new: Point, n: int) -> Point | None:
    """The point where the branch leaves the path, solved at its end."""
    edge = 0.0 if new.p < 0 else 1.0
    if point.p == edge:
        return None
    share = (edge - point.p) / (new.p - point.p)
    Delta, converged = root_at(path, jnp.asarray(edge), unpack(jnp.asarray(point.x + share * (new.x - point.x)), n))
    return new._replace(x=np.asarray(pack(Delta)), p=np.asarray(edge)) if bool(converged) else None


def _events_between(path: Path, a: Point, b: Point) -> list[Bifurcation]:
    """Bifurcations between two points of a real branch: where determinants of M and of its phase block change sign, and
    where a cross-paired pair of bands becomes gapless."""
    if max(abs(a.tangent[-1]), abs(b.tangent[-1])) <= VERTICAL:
        return []  # A continuum of solutions at one p: every point is singular.
    turned = a.tangent[-1] * b.tangent[-1] < 0
    crossed = np.linalg.det(a.M) * np.linalg.det(b.M) < 0
    phases = unstable_counts(a)[1] != unstable_counts(b)[1]
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


def _nearest(locate: Callable[..., Bifurcation], path: Path, a: Point, b: Point) -> Bifurcation | None:
    """The bifurcation between two points, started from the middle, else from either."""
    for x, p in (((a.x + b.x) / 2, (a.p + b.p) / 2), (a.x, a.p), (b.x, b.p)):
        event = _checked(locate(path, jnp.asarray(x), jnp.asarray(p)), a, b)
        if event is not None:
            return event
    return None


def _checked(event: Bifurcation, a: Point, b: Point) -> Bifurcation | None:
    """The event, if it lies where it was looked for."""
    if not bool(event.converged):
        return None
    size = np.linalg.norm(a.x)
    reach = 2 * np.hypot(np.linalg.norm(b.x - a.x) / size, b.p - a.p)
    away = np.hypot(np.linalg.norm(np.asarray(event.Delta) - a.x) / size, float(event.p) - a.p)
    return event if away <= reach else None


def _made_real(x: Anything, groups: list[np.ndarray], reference: np.ndarray | None = None) -> np.ndarray:
    """(real, imaginary) parts after the free phases that make the amplitudes as real as possible are taken out, with the signs
    that bring the real parts nearer to those of `reference`."""
    n = len(x) // 2
    z = turned(membership(groups), np.asarray(x[:n] + 1j * x[n:]))
    for group in groups:
        if reference is not None and z.real[group] @ reference[0][group] < 0:
            z[group] = -z[group]
    return np.stack([z.real, z.imag])


def _became_real(old: Anything, new: Anything, groups: list[np.ndarray]) -> bool:
    """Whether the imaginary parts changed sign between two points of a complex branch: a real solution lies between."""
    before = _made_real(old, groups)
    return bool(before[1] @ _made_real(new, groups, before)[1] < 0)


def _checked_real(path: Path, a: Point, b: Point, groups: list[np.ndarray]) -> Bifurcation | None:
    """The pitchfork between two points of a complex branch."""
    real = _made_real(a.x, groups)[0]
    event = locate_pitchfork(path, jnp.asarray(real), jnp.asarray(a.p))
    near = np.linalg.norm(np.asarray(event.Delta) - real) <= 2 * np.linalg.norm(b.x - a.x) + 0.1 * np.linalg.norm(a.x)
    return event if bool(event.converged) and near else None
