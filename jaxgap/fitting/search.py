"""The search of a fit: parameters and amplitudes together, the gap equations as stiff data (`joint`).

No missing branch can stop it: where the gap equations have no solution, the amplitudes are unknowns like the others. It is
done by least squares, or by adam, from every start (`jaxgap.fitting.starts`).
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import minimised
from jaxgap.fitting.objective import Joint, joint, joint_objective
from jaxgap.fitting.problem import Parameters, Problem, is_of_condition, thinned
from jaxgap.numerics.programs import program
from jaxgap.numerics.threads import side_by_side
from jaxgap.numerics.types import PyTree, Scalar

__all__ = ["Progress", "by_adam", "by_least_squares", "searched"]

Progress = Callable[[str, int, int, float], None]
"""Called as progress(stage, step, steps, best chi^2 so far)."""

SEARCHED = 7
"""Temperatures of a series of data at which the search looks (`problem.thinned`): their amplitudes are unknowns, and what least
squares costs grows with the third power of these. With one more, that another series shares, they are a `readings.CHUNK`. The
finish has all data, and no such unknowns."""
SEARCH_TOLERANCE = 0.3
"""The search ends this many standard deviations from its minimum, from where the finish, on all data, goes further anyway."""
_ADAM_CHUNK = 50

Unknowns = tuple[Float[Array, "start parameter"], Float[Array, "start condition channel"]]
"""Parameters, as sigmoids have them, and amplitudes [meV]."""


def by_least_squares(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray, int]:
    """(parameters, amplitudes, evaluations) where least squares on both ends, from every start."""
    theta, Delta, evaluations, lowest = theta.copy(), Delta.copy(), 0, np.inf
    ends = side_by_side(lambda start: searched(p, settings, *start), zip(theta.copy(), Delta.copy(), strict=True))
    for i, (parameters, amplitudes, chi2, used) in enumerate(ends):
        theta[i], Delta[i] = parameters, amplitudes
        evaluations, lowest = evaluations + used, min(lowest, chi2)
        progress("search", i + 1, len(theta), lowest)
    return theta, Delta, evaluations


def searched(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """(parameters, amplitudes, joint objective, evaluations) where least squares on both ends."""
    few, kept = thinned(p, SEARCHED)
    k, shape = len(p.names), (len(kept), Delta.shape[1])
    width, free = np.asarray(p.upper - p.lower), np.full(shape[0] * shape[1], np.inf)
    bounds = np.concatenate([np.asarray(p.lower), -free]), np.concatenate([np.asarray(p.upper), free])

    def evaluate(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = jax.tree.map(np.asarray, joint(few, z[:k], z[k:].reshape(shape)))
        return np.append(found.deviations, found.stiff), _dense(few, found)

    scale = np.concatenate([width, np.full(len(free), float(p.systems[0].scale) / 10)])
    start = np.append(theta, Delta[kept])
    end = minimised(evaluate, start, bounds, scale, SEARCH_TOLERANCE, settings.search_steps)
    return end.x[:k], _between(p, kept, end.x[k:].reshape(shape)), 2 * float(end.cost), end.nfev


def _dense(p: Problem, found: Joint) -> np.ndarray:
    """The Jacobian of the search's residuals with respect to (parameters, amplitudes at every condition)."""
    rows, (T, n) = len(p.rows), found.stiff.shape
    d_Delta = np.zeros((rows + len(p.names), T, n))  # what is known beforehand comes last
    for d, row in enumerate(p.rows):
        # The row's own condition is the only one whose amplitudes a datum depends on.
        if is_of_condition(row):
            d_Delta[d, row.condition] = found.deviations_Delta[d]
    r_Delta = np.zeros((T, n, T, n))
    r_Delta[np.arange(T), :, np.arange(T)] = found.stiff_Delta
    upper = np.concatenate([found.deviations_theta, d_Delta.reshape(len(d_Delta), T * n)], axis=1)
    lower = np.concatenate([found.stiff_theta.reshape(T * n, len(p.names)), r_Delta.reshape(T * n, T * n)], axis=1)
    return np.concatenate([upper, lower])


def _between(p: Problem, kept: np.ndarray, Delta: np.ndarray) -> np.ndarray:
    """Amplitudes at all conditions from those at the ones that were `kept`: on a straight line in T."""
    T, sample, full = np.asarray(p.T), np.array(p.sample, int), np.zeros((len(p.T), Delta.shape[1]))
    for i in set(p.sample):
        own, known = sample == i, sample[kept] == i
        full[own] = np.stack([np.interp(T[own], T[kept[known]], part) for part in Delta[known].T], axis=1)
    return full


def by_adam(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray, int]:
    """The same by adam on the joint objective, all starts in one batch; parameters inside their bounds as sigmoids."""
    rate, total = settings.adam_learning_rate, settings.adam_steps
    lower, width = np.asarray(p.lower), np.asarray(p.upper - p.lower)
    share = (theta - lower) / width
    unknowns = jax.tree.map(jnp.asarray, (np.log(share) - np.log1p(-share), Delta))
    state = _adam(rate, total).init(unknowns)
    for done in range(0, total, _ADAM_CHUNK):
        steps = min(_ADAM_CHUNK, total - done)
        unknowns, state, value = _advance(p, unknowns, state, rate, total, steps)
        progress("search", done + steps, total, _lowest(value))
    u, Delta = (np.asarray(part) for part in unknowns)
    return lower + width / (1 + np.exp(-u)), Delta, total * len(theta)


def _adam(learning_rate: float, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(learning_rate, max(steps, 1), 0.02))


@program
def _advance(
    p: Problem, unknowns: Unknowns, state: PyTree, rate: float, total: int, steps: int
) -> tuple[Unknowns, PyTree, Float[Array, "start"]]:
    """(unknowns, state, chi^2 before the last step) after steps of adam, which acts on every number by itself."""
    optimiser = _adam(rate, total)

    def objective(x: tuple[Parameters, Float[Array, "condition channel"]]) -> Scalar:
        return joint_objective(p, p.lower + (p.upper - p.lower) * jax.nn.sigmoid(x[0]), x[1])

    def one(carry: tuple[Unknowns, PyTree], _: None) -> tuple[tuple[Unknowns, PyTree], Float[Array, "start"]]:
        unknowns, state = carry
        value, gradient = jax.vmap(jax.value_and_grad(objective))(unknowns)
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(unknowns, updates), state), value

    (unknowns, state), values = jax.lax.scan(one, (unknowns, state), None, length=steps)
    return unknowns, state, values[-1]


def _lowest(values: Float[Array, "start"]) -> float:
    finite = np.asarray(values)[np.isfinite(values)]
    return float(np.min(finite, initial=np.inf))
