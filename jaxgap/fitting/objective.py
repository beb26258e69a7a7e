r"""What a fit minimises.

.. math:: \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d from the self-consistent solution on the chosen branch, and its gradient by the implicit function theorem. The
branch need not exist at a trial theta. Then the amplitudes are unknowns of their own, and the gap equations count as data,

.. math:: \chi^2(\theta, \Delta) + \sum_T |r(\Delta_T; \theta)|^2 / s^2

which is finite and smooth everywhere: such a theta is an ordinary point of the search, not a NaN. Both are sums of squares,
and both come as residuals with their Jacobians, for least squares.

Both are composed of programs: one for the states and the numbers that belong to them, one for every experiment
(`jaxgap.fitting.readings`), and one that weighs the deviations.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float

from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.equations.pairing import gap_residual
from jaxgap.fitting.filling import filled_at
from jaxgap.fitting.predictions import LOCATED, in_order, numbers, predictions, with_located
from jaxgap.fitting.problem import Parameters, Problem, at_conditions, without_experiments
from jaxgap.fitting.readings import Direction, Reading, in_reverse, readings_along, relevant
from jaxgap.fitting.retarded import retarded_states
from jaxgap.fitting.states import Amplitudes, states_near
from jaxgap.numerics.checks import on_host
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray
from jaxgap.spectra.pair import safe_sqrt

__all__ = ["Joint", "Nested", "beforehand", "chained", "deviations", "joint", "joint_objective", "nested", "nested_at_roots"]


def deviations(p: Problem, predicted: Float[Array, "datum"]) -> Float[Array, "datum"]:
    r"""The residual of every datum: z = (prediction - measurement) / error, after the loss.

    A limit costs -2 ln of the probability that a reading of the model, scattered by the error, stays within it:

    .. math:: \text{upper limit:} \quad z \to \sqrt{-2 \ln \Phi(-z)}, \qquad \text{lower limit:} \quad
              z \to \sqrt{-2 \ln \Phi(z)}

    Of data with correlated errors it is z = L^-1 (prediction - measurement), with their covariance L L^T.
    """
    z = (predicted - p.value) / p.error
    sign = np.array([{"upper": -1.0, "lower": 1.0, "": 0.0}[row.limit] for row in p.rows])
    z = jnp.where(sign != 0, safe_sqrt(-2 * jax.scipy.special.log_ndtr(sign * z)), z)
    for rows, C in zip(p.correlated, p.covariances, strict=True):
        own = np.array(rows, int)
        z = z.at[own].set(solve_triangular(jnp.linalg.cholesky(C), (predicted - p.value)[own], lower=True))
    losses = np.array([row.loss for row in p.rows])
    for loss, cost in LOSSES.items():
        if np.any(losses == loss):
            z = jnp.where(losses == loss, _forgiving(z, cost), z)
    return z


LOSSES: dict[str, Callable[[Float[Array, "datum"]], Float[Array, "datum"]]] = {
    "soft_l1": lambda s: 2 * (jnp.sqrt(1 + s) - 1),
    "cauchy": jnp.log1p,
}
"""What z^2 costs, where it is not itself."""


def _forgiving(
    z: Float[Array, "datum"], cost: Callable[[Float[Array, "datum"]], Float[Array, "datum"]]
) -> Float[Array, "datum"]:
    """sign(z) sqrt(cost(z^2)), smooth at z = 0."""
    small = z**2 < 1e-8
    safe = jnp.where(small, 1.0, z**2)
    return z * jnp.where(small, 1.0, jnp.sqrt(cost(safe) / safe))


def beforehand(p: Problem, theta: Parameters) -> Float[Array, "parameter"]:
    """(parameter - value) / standard deviation of what is known beforehand; zero where nothing is."""
    value, error = p.prior
    return (theta - value) / error


def _stiff(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "condition channel"]:
    """r / s: the gap equations at all conditions as data."""
    return at_conditions(p, theta, lambda sc, T, D: gap_residual(sc, D, T), Delta) / p.scale


# --- the search -----------------------------------------------------------------------------------------------------------


def joint_objective(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, ""]:
    """chi^2(theta, Delta) + |r|^2 / s^2: finite whether or not `Delta` solves the gap equations."""
    p = filled_at(p, theta)
    parts = _searched(p, predictions(p, theta, Delta)), _stiff(p, theta, Delta), beforehand(p, theta)
    return sum((jnp.sum(part**2) for part in parts), jnp.zeros(()))


def _searched(p: Problem, predicted: Float[Array, "datum"]) -> Float[Array, "datum"]:
    """The residuals of the data in the search, which knows nothing of what is `LOCATED`, nor of correlations: those would make
    a datum depend on the amplitudes at other temperatures. The finish has both."""
    known = np.array([row.terms[0][0] not in LOCATED for row in p.rows])
    p = replace(p, covariances=(), correlated=())
    return jnp.where(known, deviations(p, jnp.where(known, predicted, p.value)), 0.0)


class Joint(NamedTuple):
    """The residuals whose squares add up to `joint_objective`, and their derivatives.

    The derivatives with respect to the amplitudes are sparse: a datum depends on those at its own condition, the gap
    equations at one condition on those at it.
    """

    deviations: Float[AnyArray, "residual"]
    """Of the data; then of what is known beforehand."""
    stiff: Float[AnyArray, "condition channel"]
    deviations_theta: Float[AnyArray, "residual parameter"]
    stiff_theta: Float[AnyArray, "condition channel parameter"]
    deviations_Delta: Float[AnyArray, "datum channel"]
    stiff_Delta: Float[AnyArray, "condition channel channel"]


class _Apart(NamedTuple):
    """What numbers by themselves and the gap equations add to the search."""

    numbers: Float[AnyArray, "number"]
    numbers_theta: Float[AnyArray, "number parameter"]
    numbers_Delta: Float[AnyArray, "number channel"]
    stiff: Float[AnyArray, "condition channel"]
    stiff_theta: Float[AnyArray, "condition channel parameter"]
    stiff_Delta: Float[AnyArray, "condition channel channel"]


def joint(p: Problem, theta: Float[AnyArray, "parameter"], Delta: Float[AnyArray, "condition channel"]) -> Joint:
    """The residuals of the search at parameters and amplitudes, with their derivatives with respect to both."""
    p = filled_at(p, theta)
    apart = _apart(without_experiments(p), theta, Delta)
    found = readings_along(p, theta, Delta, [block for i in range(len(p.experiments)) for block in _blocks(p, i)])
    return _joined(p, theta, apart, found)


def _blocks(p: Problem, i: int) -> list[Direction]:
    """The directions of an experiment's parameters, then those of the amplitudes, and some that lead nowhere: in blocks of as
    many as the finish has, so that one program serves both; of curves with a gradient all at once."""
    own, n, places = _own_directions(p, i), len(p.systems[0].channels), len(p.experiments[i].conditions)
    m, all_of_them = len(own), len(own) + n
    size = all_of_them if in_reverse(p, i) else m
    rest = -all_of_them % size
    theta_dot = np.concatenate([own, np.zeros((n + rest, own.shape[1]))])
    along = np.concatenate([np.zeros((m, n)), np.eye(n), np.zeros((rest, n))])
    parts = [slice(first, first + size) for first in range(0, all_of_them, size)]
    return [Direction(i, theta_dot[part], np.broadcast_to(along[part], (places, size, n))) for part in parts]


def _own_directions(p: Problem, i: int) -> Float[np.ndarray, "direction parameter"]:
    """One direction for every parameter of an experiment; a direction that leads nowhere, if it has none."""
    own = relevant(p, i)
    return np.eye(len(p.names))[own] if len(own) else np.zeros((1, len(p.names)))


@program
def _apart(p: Problem, theta: Float[AnyArray, "parameter"], Delta: Float[AnyArray, "condition channel"]) -> _Apart:
    theta, Delta = jnp.asarray(theta), jnp.asarray(Delta)

    def terms(t: Parameters) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        both = numbers(p, t, Delta), _stiff(p, t, Delta)
        return both, both

    (n_theta, r_theta), (n, r) = jax.jacfwd(terms, has_aux=True)(theta)
    # All conditions at once: a datum sees only the change at its own.
    n_Delta = jax.jacfwd(lambda shift: numbers(p, theta, Delta + shift))(jnp.zeros(Delta.shape[1]))
    M = at_conditions(p, theta, lambda sc, T, D: residual_and_matrix(sc, D, T)[1], Delta)
    return _Apart(n, n_theta, n_Delta, r, r_theta, M / p.scale)


@program
def _joined(p: Problem, theta: Float[AnyArray, "parameter"], apart: _Apart, found: list[Reading]) -> Joint:
    theta, n = jnp.asarray(theta), apart.stiff.shape[1]
    values, slopes_theta, slopes_Delta = [], [], []
    rest = list(found)
    for i in range(len(p.experiments)):
        own, rest = rest[: len(_blocks(p, i))], rest[len(_blocks(p, i)) :]
        slopes, m = jnp.concatenate([one.slope for one in own], axis=1), len(_own_directions(p, i))
        values.append(jnp.asarray(own[0].value))
        slopes_theta.append(_spread(p, i, own[0]))
        slopes_Delta.append(jnp.moveaxis(slopes[:, m : m + n], 1, -1))
    predicted = in_order(p, jnp.asarray(apart.numbers), values)
    weighed = partial(_searched, p)
    d, d_theta = chained(weighed, predicted, in_order(p, jnp.asarray(apart.numbers_theta), slopes_theta))
    _, d_Delta = chained(weighed, predicted, in_order(p, jnp.asarray(apart.numbers_Delta), slopes_Delta))
    known, known_theta = beforehand(p, theta), jax.jacfwd(lambda t: beforehand(p, t))(theta)
    return Joint(
        jnp.append(d, known),
        apart.stiff,
        jnp.concatenate([d_theta, known_theta]),
        apart.stiff_theta,
        d_Delta,
        apart.stiff_Delta,
    )


def chained(
    weighed: Callable[[Float[Array, "datum"]], Float[Array, "datum"]],
    predicted: Float[Array, "datum"],
    slopes: Float[Array, "datum direction"],
) -> tuple[Float[Array, "datum"], Float[Array, "datum direction"]]:
    """A function of predictions, and its changes along theirs."""
    change = jax.vmap(lambda slope: jax.jvp(weighed, (predicted,), (slope,))[1], in_axes=1, out_axes=1)
    return weighed(predicted), change(slopes)


def _spread(p: Problem, i: int, one: Reading) -> Float[Array, "place point parameter"]:
    """The changes of an experiment's readings along its own parameters as derivatives with respect to all."""
    own = relevant(p, i)
    full = jnp.zeros((*one.value.shape, len(p.names)))
    return full.at[..., own].set(jnp.moveaxis(jnp.asarray(one.slope)[:, : len(own)], 1, -1))


# --- the finish -----------------------------------------------------------------------------------------------------------


class Nested(NamedTuple):
    """Residuals at theta with the amplitudes that belong to it."""

    residuals: Float[AnyArray, "residual"]
    """Of every datum; of what is known beforehand; then r / s, zero where the branch exists."""
    predicted: Float[AnyArray, "datum"]
    jacobian: Float[AnyArray, "residual parameter"]
    """Their derivatives, through the implicit derivative."""
    Delta: Float[AnyArray, "condition channel"]
    on_branch: Bool[AnyArray, ""]
    """Whether there is a solution that the fit may take (`fitting.states`) at every condition."""
    refused: Bool[AnyArray, ""]
    """Whether there are solutions with the branch's signs at every condition, of which one may not be taken."""


class _Solved(NamedTuple):
    """The states at theta, and the numbers that belong to them."""

    Delta: Float[AnyArray, "condition channel"]
    Delta_theta: Float[AnyArray, "condition channel parameter"]
    """Zero where the branch does not exist, and in the normal state."""
    numbers: Float[AnyArray, "number"]
    numbers_theta: Float[AnyArray, "number parameter"]
    stiff: Float[AnyArray, "condition channel"]
    stiff_theta: Float[AnyArray, "condition channel parameter"]
    on_branch: Bool[AnyArray, ""]
    refused: Bool[AnyArray, ""]


def nested(p: Problem, theta: Float[AnyArray, "parameter"], near: Float[AnyArray, "condition channel"]) -> Nested:
    """Residuals of the self-consistent solution near the amplitudes `near`, differentiated by the implicit function theorem.

    Where there is none on the branch, they are those of the joint objective at the amplitudes where the search for one ended.
    """
    p = filled_at(p, theta)
    return _with_curves(p, theta, _solved(without_experiments(p), theta, near))


@program
def _solved(p: Problem, theta: Float[AnyArray, "parameter"], near: Float[AnyArray, "condition channel"]) -> _Solved:
    theta, near = jnp.asarray(theta), jnp.asarray(near)
    if p.systems[0].is_retarded:
        return _of_retarded(p, theta)
    found = states_near(p, theta, near)
    ended = jnp.where(jnp.isfinite(found.root.x).all(), found.root.x, near)
    at = _at_roots(p, theta, ended, found.root.jacobian, found.allowed.all())
    return at._replace(refused=found.solves.all() & ~at.on_branch)


def _of_retarded(p: Problem, theta: Parameters) -> _Solved:
    """Self-energies do not enter as amplitudes near which one looks: a state is found from nothing, or refused."""
    at = retarded_states(p, theta)
    stiff, slope = jnp.zeros_like(at.Delta), jnp.zeros((*at.Delta.shape, len(theta)))
    return _Solved(at.Delta, at.Delta_theta, at.numbers, at.numbers_theta, stiff, slope, at.exists, ~at.exists)


def nested_at_roots(
    p: Problem,
    theta: Parameters,
    ended: Amplitudes,
    matrices: Float[Array, "condition channel channel"],
    exists: Bool[Array, ""],
) -> Nested:
    """`nested` where Newton has ended: the amplitudes, dr/dDelta there, and whether the fit may take all of them."""
    return _with_curves(p, theta, _at_roots(without_experiments(p), theta, ended, matrices, exists))


def _at_roots(
    p: Problem,
    theta: Parameters,
    ended: Amplitudes,
    matrices: Float[Array, "condition channel channel"],
    exists: Bool[Array, ""],
) -> _Solved:
    Terms = tuple[Float[Array, "condition channel"], Float[Array, "number"], Float[Array, "condition channel"]]

    def terms(t: Parameters) -> tuple[Terms, Terms]:
        Delta = at_conditions(p, t, lambda sc, T, D, J: implicit_amplitudes(sc, T, D, exists, J), ended, matrices)
        # Off the branch the implicit derivative is NaN; the amplitudes are then held fixed, and in the normal state zero.
        Delta = jnp.where(exists & jnp.any(ended != 0, axis=1, keepdims=True), Delta, ended)
        found = with_located(p, t, numbers(p, t, Delta), ended, exists)
        every = Delta, found, jnp.where(exists, 0.0, _stiff(p, t, ended))
        return every, every

    (D_theta, n_theta, r_theta), (_, n, r) = jax.jacfwd(terms, has_aux=True)(theta)
    return _Solved(ended, D_theta, n, n_theta, r, r_theta, exists, ~exists)


def _with_curves(p: Problem, theta: Float[AnyArray, "parameter"], at: _Solved) -> Nested:
    """The numbers and the curves of solved states, weighed."""
    at = on_host(at)
    return _weighed(p, theta, at, readings_along(p, theta, at.Delta, [_through(p, i, at) for i in range(len(p.experiments))]))


def _through(p: Problem, i: int, at: _Solved) -> Direction:
    """The directions of an experiment's parameters, along which the amplitudes follow."""
    own, places = relevant(p, i), np.array(p.experiments[i].conditions, int)
    along = at.Delta_theta[places][:, :, own] if len(own) else np.zeros((len(places), at.Delta.shape[1], 1))
    return Direction(i, _own_directions(p, i), along.swapaxes(1, 2))


@program
def _weighed(p: Problem, theta: Float[AnyArray, "parameter"], at: _Solved, curves: list[Reading]) -> Nested:
    theta = jnp.asarray(theta)
    predicted = in_order(p, jnp.asarray(at.numbers), [jnp.asarray(one.value) for one in curves])
    slopes = in_order(p, jnp.asarray(at.numbers_theta), [_spread(p, i, one) for i, one in enumerate(curves)])
    z, z_theta = chained(partial(deviations, p), predicted, slopes)
    known, known_theta = beforehand(p, theta), jax.jacfwd(lambda t: beforehand(p, t))(theta)
    residuals = jnp.concatenate([z, known, jnp.ravel(at.stiff)])
    jacobian = jnp.concatenate([z_theta, known_theta, jnp.reshape(at.stiff_theta, (-1, len(theta)))])
    return Nested(residuals, predicted, jacobian, at.Delta, at.on_branch, at.refused)
