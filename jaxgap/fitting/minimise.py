r"""Least squares: scipy's trust region on residuals that come with their exact Jacobian from one compiled program.

It ends when the minimum is near in standard deviations, whatever the units: with J = U S V^T the step to the minimum of the
linear problem is

.. math:: |U^T r| = \sqrt{(\hat\theta - \theta)^T C^{-1} (\hat\theta - \theta)}

long, where parameters at a bound that are pushed against it, and directions that move no residual, are left out.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.objective import Nested, nested
from jaxgap.fitting.problem import Problem
from jaxgap.fitting.states import continuous

__all__ = ["Linear", "distance", "linear", "minimised", "minimise_nested"]

REFUSED = 1e6
"""Residual, in sigmas, of parameters at which the model has no value."""


STUCK = 1e-9
"""A parameter is at a bound if it is within 1e-9 of its range, or could gain less than the tolerance on the way there."""
CLOSE = 1e-4
"""Within so many standard deviations of the minimum, steps are taken without looking at chi^2."""
POLISHING = 5
"""Limit of such steps."""
BLIND = 0.01
"""Directions along which a move by the whole range changes the residuals by less than this are left out."""

Value = TypeVar("Value")
Bounds = tuple[np.ndarray, np.ndarray]
Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Residuals and their Jacobian."""


class Linear(NamedTuple):
    """The least squares problem as it looks from a point, its residuals a straight line; of one point, or of rows of them."""

    along: np.ndarray
    """U^T r, [..., direction]: how far the minimum is along every direction; zero along those left out."""
    stretch: np.ndarray
    """The singular values of J times the ranges, zero for those left out, [..., direction]."""
    directions: np.ndarray
    """The directions in shares of the ranges, [..., direction, parameter]."""

    @property
    def distance(self) -> np.ndarray:
        """How far the minimum is, in standard deviations (the residuals' units)."""
        return np.asarray(np.linalg.norm(self.along, axis=-1))

    def stiffness(self, damping: np.ndarray | float = 0.0) -> np.ndarray:
        """s^2 + damping of every direction; 1 for those left out."""
        return np.where(self.stretch > 0, self.stretch**2 + np.asarray(damping)[..., None], 1.0)

    def step(self, damping: np.ndarray | float = 0.0) -> np.ndarray:
        """To the minimum, in shares of the ranges, [..., parameter]; damped, towards that of |r|^2 + damping |step|^2."""
        along = self.along * self.stretch / self.stiffness(damping)
        step: np.ndarray = -np.einsum("...d,...dp->...p", along, self.directions)
        return step


def linear(r: np.ndarray, J: np.ndarray, x: np.ndarray, bounds: Bounds, scale: np.ndarray, tolerance: float) -> Linear:
    """From finite residuals [..., residual] and their Jacobian at x [..., parameter]."""
    g = np.einsum("...rp,...r->...p", J, r)
    room = np.minimum(np.where(g > 0, x - bounds[0], bounds[1] - x), scale / BLIND)
    moving = (room > STUCK * scale) & (np.abs(g) * room > tolerance**2)
    U, s, V = np.linalg.svd(J * (scale * moving)[..., None, :], full_matrices=False)
    seen = s > BLIND
    along = np.where(seen, np.einsum("...rd,...r->...d", U, r), 0.0)
    return Linear(along, np.where(seen, s, 0.0), V)


def distance(r: np.ndarray, J: np.ndarray, x: np.ndarray, bounds: Bounds, scale: np.ndarray, tolerance: float = 0.0) -> float:
    """How far the minimum is, in standard deviations; infinite where there is no derivative."""
    if not (np.isfinite(r).all() and np.isfinite(J).all()):
        return float("inf")
    return float(linear(r, J, x, bounds, scale, tolerance).distance)


class Last(Generic[Value]):
    """A function of x that keeps its last value: scipy asks at one x for the residuals, and again for their Jacobian."""

    def __init__(self, function: Callable[[np.ndarray], Value]) -> None:
        self.function, self.calls = function, 0
        self._kept: dict[bytes, Value] = {}

    def __call__(self, x: np.ndarray) -> Value:
        if (key := x.tobytes()) not in self._kept:
            self.calls += 1
            self._kept = {key: self.function(x)}
        return self._kept[key]


def minimised(
    evaluate: Evaluate, x: np.ndarray, bounds: Bounds, scale: np.ndarray, tolerance: float, steps: int
) -> OptimizeResult:
    """scipy's trust region on residuals that come with their Jacobian, until the minimum is `tolerance` standard deviations
    away; what is not finite is refused like a step too long."""
    at = Last(lambda x: _finite(*evaluate(x)))

    def jacobian(x: np.ndarray) -> np.ndarray:
        r, J = at(x)
        # Arrived: scipy ends where the gradient vanishes.
        return 0 * J if distance(r, J, x, bounds, scale, tolerance) <= tolerance else J

    # ftol is off: close to a minimum chi^2 changes by less than its rounding long before the parameters settle.
    tolerances = {"ftol": None, "xtol": 1e-14, "gtol": 1e-15}
    inside = np.clip(x, bounds[0] + 1e-9 * scale, bounds[1] - 1e-9 * scale)
    end = least_squares(lambda x: at(x)[0], inside, jacobian, bounds, x_scale=scale, max_nfev=steps, **tolerances)
    return _polished(evaluate, end, bounds, scale, tolerance)


def _finite(r: np.ndarray, J: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Residuals and Jacobian, `REFUSED` where they are not finite."""
    if np.isfinite(r).all() and np.isfinite(J).all():
        return r, J
    return np.full_like(r, REFUSED), np.zeros_like(J)


def _polished(evaluate: Evaluate, end: OptimizeResult, bounds: Bounds, scale: np.ndarray, tolerance: float) -> OptimizeResult:
    """The end of least squares, brought closer by Gauss-Newton steps where chi^2 changes by less than its rounding, so that the
    trust region sees no progress any more, but the distance to the minimum still shrinks."""
    r, J = end.fun, end.jac
    left = distance(r, J, end.x, bounds, scale, tolerance)
    for _ in range(POLISHING):
        if not tolerance < left < CLOSE:
            break
        x = np.clip(end.x + scale * linear(r, J, end.x, bounds, scale, tolerance).step(), *bounds)
        r, J = evaluate(x)
        new = distance(r, J, x, bounds, scale, tolerance)
        end.nfev += 1
        if new >= left:
            break
        end.x, end.cost, left = x, 0.5 * float(r @ r), new
    return end


def nested_at(p: Problem, theta: np.ndarray, near: np.ndarray) -> Nested:
    """`nested` on the host."""
    return jax.tree.map(np.asarray, nested(p, theta, near))


def minimise_nested(
    p: Problem, theta: np.ndarray, Delta: np.ndarray, settings: OptimiserConfig, free: np.ndarray | None = None
) -> tuple[np.ndarray, Nested, int]:
    """(parameters, residuals there, evaluations) where least squares through the implicit derivative ends.

    `free` says which parameters move (all, if it is not given). Newton starts at the amplitudes of the last evaluation. Where
    it ends the states must also be continuous with one at T = 0 (which of retarded interactions is not examined).
    """
    lower, upper = np.asarray(p.lower), np.asarray(p.upper)
    free = np.ones(len(theta), bool) if free is None else free
    full, near = theta.copy(), Delta
    solved = Last(lambda x: nested_at(p, x, near))

    def evaluate(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        nonlocal near
        full[free] = x
        found = solved(full)
        near = np.asarray(found.Delta) if found.on_branch else near
        residuals, jacobian = np.asarray(found.residuals), np.asarray(found.jacobian)[:, free]
        # A state that may not be taken is refused like a step too long.
        return (np.full_like(residuals, np.nan) if found.refused else residuals), jacobian

    if free.any():
        bounds, scale = (lower[free], upper[free]), (upper - lower)[free]
        full[free] = minimised(evaluate, theta[free], bounds, scale, settings.tolerance, settings.finish_steps).x
    at = solved(full)
    if at.on_branch and not p.systems[0].is_retarded and not continuous(p, full, np.asarray(at.Delta)):
        at = at._replace(on_branch=jnp.zeros((), bool), refused=jnp.ones((), bool))
    return full, at, solved.calls
