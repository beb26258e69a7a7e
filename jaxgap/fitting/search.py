"""The search of a fit: parameters and amplitudes together, the gap equations as stiff data (`joint`).

No missing branch can stop it: where the gap equations have no solution, the amplitudes are unknowns like the others. It is
done by least squares, or by adam, from every start (`jaxgap.fitting.starts`).
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgap._compilation import program
from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import minimised
from jaxgap.fitting.objective import joint, joint_objective
from jaxgap.fitting.problem import Problem

__all__ = ["Progress", "by_adam", "by_least_squares", "searched"]

Progress = Callable[[str, int, int, float], None]
"""Called as progress(stage, step, steps, best chi^2 so far)."""

SEARCH_TOLERANCE = 1e-3
"""The search ends this many standard deviations from its minimum; the finish does the rest."""
_ADAM_CHUNK = 50


@program
def _joint(p: Problem, theta: Any, Delta: Any) -> Any:
    return joint(p, theta, Delta)


def by_least_squares(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray, int]:
    """(parameters, amplitudes, evaluations) where least squares on both ends, from every start."""
    theta, Delta, evaluations, lowest = theta.copy(), Delta.copy(), 0, np.inf
    for i in range(len(theta)):
        theta[i], Delta[i], chi2, used = searched(p, settings, theta[i], Delta[i])
        evaluations, lowest = evaluations + used, min(lowest, chi2)
        progress("search", i + 1, len(theta), lowest)
    return theta, Delta, evaluations


def searched(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """(parameters, amplitudes, joint objective, evaluations) where least squares on both ends."""
    k, shape = len(p.names), Delta.shape
    width, free = np.asarray(p.upper - p.lower), np.full(Delta.size, np.inf)
    bounds = np.concatenate([np.asarray(p.lower), -free]), np.concatenate([np.asarray(p.upper), free])
    # The row's own condition is the only one whose amplitudes a datum depends on.
    of_datum = np.array([row.condition for row in p.rows])

    def evaluate(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        found = jax.tree.map(np.asarray, _joint(p, z[:k], z[k:].reshape(shape)))
        T, n = shape
        d_Delta = np.zeros((len(of_datum), T, n))
        d_Delta[np.arange(len(of_datum)), of_datum] = found.deviations_Delta
        r_Delta = np.zeros((T, n, T, n))
        r_Delta[np.arange(T), :, np.arange(T)] = found.stiff_Delta
        d_Delta = np.concatenate([d_Delta.reshape(len(of_datum), -1), np.zeros((k, T * n))])  # then what is known beforehand
        upper = np.concatenate([found.deviations_theta, d_Delta], axis=1)
        lower = np.concatenate([found.stiff_theta.reshape(T * n, -1), r_Delta.reshape(T * n, T * n)], axis=1)
        return np.append(found.deviations, found.stiff), np.concatenate([upper, lower])

    scale = np.concatenate([width, np.full(Delta.size, float(p.systems[0].Omega) / 10)])
    end = minimised(evaluate, np.append(theta, Delta), bounds, scale, SEARCH_TOLERANCE, settings.search_steps)
    return end.x[:k], end.x[k:].reshape(shape), 2 * float(end.cost), end.nfev


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


def _adam(learning_rate: float, steps: int) -> Any:
    return optax.adam(optax.cosine_decay_schedule(learning_rate, max(steps, 1), 0.02))


@program
def _advance(p: Problem, unknowns: Any, state: Any, rate: float, total: int, steps: int) -> tuple[Any, Any, Any]:
    """(unknowns, state, chi^2 before the last step) after steps of adam, which acts on every number by itself."""
    optimiser = _adam(rate, total)

    def objective(x: Any) -> Any:
        return joint_objective(p, p.lower + (p.upper - p.lower) * jax.nn.sigmoid(x[0]), x[1])

    def one(carry: Any, _: None) -> Any:
        unknowns, state = carry
        value, gradient = jax.vmap(jax.value_and_grad(objective))(unknowns)
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(unknowns, updates), state), value

    (unknowns, state), values = jax.lax.scan(one, (unknowns, state), None, length=steps)
    return unknowns, state, values[-1]


def _lowest(values: Any) -> float:
    values = np.asarray(values)
    return float(np.min(values[np.isfinite(values)], initial=np.inf))
