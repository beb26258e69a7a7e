"""The search of a fit: parameters and amplitudes together, the gap equations as stiff data (`joint`).

No missing branch can stop it: where the gap equations have no solution, the amplitudes are unknowns like the others. It is
done by least squares, or by adam, from every start (`jaxgap.fitting.starts`).
"""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from jaxgap.fitting.config import OptimiserConfig
from jaxgap.fitting.minimise import minimised
from jaxgap.fitting.objective import Joint, joint, joint_objective
from jaxgap.fitting.problem import Parameters, Problem, is_of_condition, thinned
from jaxgap.fitting.together import at_once, minimised_together, rows_at_once
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.programs import program
from jaxgap.numerics.threads import side_by_side
from jaxgap.numerics.types import PyTree, Scalar

__all__ = ["Progress", "by_adam", "by_least_squares", "searched", "searched_of_each", "searched_together"]

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
    tick = lambda done, lowest: progress("search", done, len(theta), lowest)  # noqa: E731
    theta, Delta, _, used = searched_of_each(p, settings, theta, Delta, tick)
    return theta, Delta, int(used.sum())


def searched_of_each(
    p: Problem,
    settings: OptimiserConfig,
    theta: np.ndarray,
    Delta: np.ndarray,
    tick: Callable[[int, float], None] = lambda *_: None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(parameters, amplitudes, joint objective, evaluations) where least squares on both ends, from every row: one by one side
    by side, or together. Called as tick(rows done, lowest objective so far)."""
    if at_once(p, len(theta)):
        found = searched_together(p, settings, theta, Delta)
        tick(len(theta), float(np.min(found[2])))
        return found
    theta, Delta, chi2, used = theta.copy(), Delta.copy(), np.full(len(theta), np.inf), np.zeros(len(theta), int)
    ends = side_by_side(lambda start: searched(p, settings, *start), zip(theta.copy(), Delta.copy(), strict=True))
    for i, (theta[i], Delta[i], chi2[i], used[i]) in enumerate(ends):
        tick(i + 1, float(np.min(chi2)))
    return theta, Delta, chi2, used


def searched(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float, int]:
    """(parameters, amplitudes, joint objective, evaluations) where least squares on both ends."""
    few, kept = thinned(p, SEARCHED)
    unknowns = _Unknowns(few, Delta.shape[-1])

    def evaluate(z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return unknowns.residuals(jax.tree.map(np.asarray, joint(few, *unknowns.apart(z))))

    start = unknowns.together(theta, Delta[kept])
    end = minimised(evaluate, start, unknowns.bounds, unknowns.scale, SEARCH_TOLERANCE, settings.search_steps)
    found, amplitudes = unknowns.apart(end.x)
    return found, _between(p, kept, amplitudes), 2 * float(end.cost), end.nfev


def searched_together(
    p: Problem, settings: OptimiserConfig, theta: np.ndarray, Delta: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of many starts, row by row, in batched programs."""
    few, kept = thinned(p, SEARCHED)
    unknowns, size = _Unknowns(few, Delta.shape[-1]), rows_at_once(few, len(theta))

    def evaluate(rows: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return unknowns.residuals(in_chunks(partial(_joint_of_each, few), size, *unknowns.apart(z)))

    start = unknowns.together(theta, Delta[:, kept])
    end = minimised_together(evaluate, start, unknowns.bounds, unknowns.scale, SEARCH_TOLERANCE, settings.search_steps)
    found, amplitudes = unknowns.apart(end.x)
    return found, np.stack([_between(p, kept, one) for one in amplitudes]), end.chi2, end.evaluations


@program
def _joint_of_each(p: Problem, theta: Float[Array, "row parameter"], Delta: Float[Array, "row condition channel"]) -> Joint:
    return jax.vmap(lambda t, D: joint(p, t, D))(theta, Delta)


class _Unknowns:
    """Parameters, then amplitudes at every condition: the unknowns of the search."""

    def __init__(self, p: Problem, channels: int) -> None:
        self.p, self.shape, width = p, (len(p.T), channels), np.asarray(p.upper - p.lower)
        n = len(p.T) * channels
        free = np.full(n, np.inf)
        self.bounds = np.concatenate([np.asarray(p.lower), -free]), np.concatenate([np.asarray(p.upper), free])
        self.scale = np.concatenate([width, np.full(n, float(p.systems[0].scale) / 10)])

    def together(self, theta: np.ndarray, Delta: np.ndarray) -> np.ndarray:
        return np.concatenate([theta, Delta.reshape(*theta.shape[:-1], -1)], axis=-1)

    def apart(self, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        k = len(self.p.names)
        return z[..., :k], z[..., k:].reshape(*z.shape[:-1], *self.shape)

    def residuals(self, found: Joint) -> tuple[np.ndarray, np.ndarray]:
        """(residuals, their Jacobian)."""
        stiff = found.stiff.reshape(*found.stiff.shape[:-2], -1)
        return np.concatenate([found.deviations, stiff], axis=-1), self._jacobian(found)

    def _jacobian(self, found: Joint) -> np.ndarray:
        k, rows, (*batch, T, n) = len(self.p.names), len(self.p.rows), found.stiff.shape
        d_Delta = np.zeros((*batch, rows + k, T, n))  # what is known beforehand comes last
        for d, row in enumerate(self.p.rows):
            # The row's own condition is the only one whose amplitudes a datum depends on.
            if is_of_condition(row):
                d_Delta[..., d, row.condition, :] = found.deviations_Delta[..., d, :]
        r_Delta = np.zeros((*batch, T, n, T, n))
        for t in range(T):
            r_Delta[..., t, :, t, :] = found.stiff_Delta[..., t, :, :]
        upper = np.concatenate([found.deviations_theta, d_Delta.reshape(*batch, rows + k, T * n)], axis=-1)
        stiff_theta, stiff_Delta = found.stiff_theta.reshape(*batch, T * n, k), r_Delta.reshape(*batch, T * n, T * n)
        return np.concatenate([upper, np.concatenate([stiff_theta, stiff_Delta], axis=-1)], axis=-2)


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
