"""The fit itself: many starts at once, a search that no missing branch can stop, an exact finish, a verified end.

1. Search: adam on parameters and amplitudes together, the gap equations as stiff data (`joint_objective`).
2. Finish: lbfgs on chi^2 of the self-consistent solution, through the implicit derivative (`nested`).
3. Verify: `solve` finds the branch at the optimum from nothing, and must find the same amplitudes.

The residuals are compiled once, batched over starts; the loops stay on the host, where they can report and be stopped.
"""

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgap._checks import NotConvergedError
from jaxgap._precision import require_float64
from jaxgap.branches import fold_temperature, solve_temperatures
from jaxgap.critical import critical_temperature
from jaxgap.fitting.config import FitConfig, OptimiserConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.objective import (
    Problem,
    bounded,
    joint_objective,
    nested,
    predictions,
    problem,
    system_at,
    unbounded,
)
from jaxgap.labels import sign_pattern
from jaxgap.solution import Solution
from jaxgap.solve import implicit_amplitudes, starting_amplitudes
from jaxgap.superconductor import Superconductor

__all__ = ["FitResult", "Prediction", "fit"]

Progress = Callable[[str, int, int, float], None]
"""Called as progress(stage, step, steps, best chi^2 so far)."""

_ADAM_CHUNK = 50


class Prediction(NamedTuple):
    """A number that was predicted, not fitted."""

    name: str
    value: float
    uncertainty: float
    """Propagated from the parameters' covariance; NaN where the derivative does not exist."""
    unit: str


class FitResult(NamedTuple):
    """The best fit, its uncertainty, and how the starts ended."""

    config: FitConfig
    data: tuple[Datum, ...]
    superconductor: Superconductor
    """The system at the optimum."""
    solutions: Solution
    """The verified solutions on the branch, batched: first at the fitted temperatures, then along `curve_T`."""
    curve_T: np.ndarray
    """Temperatures of the curve Delta(T) [K]."""
    value: np.ndarray
    """Best parameters, in the order of `config.parameters`."""
    covariance: np.ndarray
    """From the curvature of chi^2 at the optimum (Gauss-Newton, exact derivatives), with the errors as given or assumed;
    infinite along directions that the data do not determine."""
    undetermined: np.ndarray
    """Directions in parameter space (rows, in units of the bounds' widths) that the data do not determine."""
    chi2: float
    predicted: np.ndarray
    """Model value of every fitted datum."""
    predictions: tuple[Prediction, ...]
    """The end of the branch, and T_c."""
    start_values: np.ndarray
    start_chi2: np.ndarray
    """Where every start ended."""
    start_converged: np.ndarray
    seconds: float

    @property
    def uncertainty(self) -> np.ndarray:
        """One standard deviation of every parameter."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def fitted(self) -> tuple[Datum, ...]:
        """The rows that counted."""
        return tuple(datum for datum in self.data if datum.use == "fit")


def fit(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], progress: Progress = lambda *_: None) -> FitResult:
    """Fit the parameters of `config` to the rows of `data` that count (`load_fit` reads all three from a folder).

    Raises:
        NotConvergedError: if no start ends at a solution on the asked-for branch.
    """
    require_float64()
    began = time.perf_counter()
    pattern = sign_pattern(config.system.branch, len(sc.bands))
    p = problem(config, sc, data, pattern)

    u, Delta = _search(p, config.optimiser, *_starts(p, config), progress)
    u, Delta, chi2, converged = _finish(p, config.optimiser, u, Delta, progress)

    best = _best(chi2, converged)
    theta, near = bounded(p, u[best]), Delta[best]
    covariance, undetermined, predicted = _curvature(p, theta, near)
    predictions = _predict(p, config, theta, covariance)
    curve_T = _curve_temperatures(predictions)
    solutions = _verify(p, config, theta, near, curve_T)
    return FitResult(
        config=config,
        data=data,
        superconductor=system_at(p, theta),
        solutions=solutions,
        curve_T=curve_T,
        value=np.asarray(theta),
        covariance=covariance,
        undetermined=undetermined,
        chi2=float(chi2[best]),
        predicted=predicted,
        predictions=predictions,
        start_values=np.asarray(jax.vmap(lambda v: bounded(p, v))(u)),
        start_chi2=chi2,
        start_converged=converged,
        seconds=time.perf_counter() - began,
    )


def _starts(p: Problem, config: FitConfig) -> tuple[Any, Any]:
    """Starting parameters (the configured start first, the others spread over the bounds) and amplitudes."""
    rng = np.random.default_rng(config.optimiser.seed)
    n, k = config.optimiser.starts, len(p.names)
    lower, upper = np.asarray(p.lower), np.asarray(p.upper)
    # A Latin hypercube: every parameter visits each of n equal slices of its range once.
    share = (np.stack([rng.permutation(n) for _ in range(k)], axis=1) + rng.uniform(size=(n, k))) / n
    theta = lower + (upper - lower) * np.clip(share, 0.02, 0.98)
    configured = [parameter.start for parameter in config.parameters.values()]
    theta[0] = [t if start is None else start for t, start in zip(theta[0], configured, strict=True)]
    theta = jnp.asarray(theta)
    Delta = jax.vmap(lambda t: jnp.tile(starting_amplitudes(system_at(p, t), p.pattern)[0], (len(p.T), 1)))(theta)
    return jax.vmap(lambda t: unbounded(p, t))(theta), Delta


def _search(p: Problem, settings: OptimiserConfig, u: Any, Delta: Any, progress: Progress) -> tuple[Any, Any]:
    """adam on parameters and amplitudes together, all starts in one batch."""
    optimiser = optax.adam(optax.cosine_decay_schedule(settings.adam_learning_rate, max(settings.adam_steps, 1), 0.02))

    @eqx.filter_jit
    def advance(p: Problem, unknowns: Any, state: Any, steps: int) -> Any:
        def one(carry: Any, _: None) -> Any:
            unknowns, state = carry
            value, gradient = jax.value_and_grad(lambda x: joint_objective(p, bounded(p, x[0]), x[1]))(unknowns)
            updates, state = optimiser.update(gradient, state)
            return (optax.apply_updates(unknowns, updates), state), value

        return jax.vmap(lambda x, s: jax.lax.scan(one, (x, s), None, length=steps))(unknowns, state)

    unknowns, state = (u, Delta), jax.vmap(optimiser.init)((u, Delta))
    for done in range(0, settings.adam_steps, _ADAM_CHUNK):
        (unknowns, state), values = advance(p, unknowns, state, _ADAM_CHUNK)
        progress("search", min(done + _ADAM_CHUNK, settings.adam_steps), settings.adam_steps, _lowest(values[:, -1]))
    return unknowns


def _finish(
    p: Problem, settings: OptimiserConfig, u: Any, Delta: Any, progress: Progress
) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """lbfgs through the implicit derivative, all starts in one batch: (u, amplitudes, chi^2, converged).

    A step that does not lower chi^2 is tried again at a quarter of its length, each start for itself.
    """
    optimiser = optax.lbfgs(learning_rate=1.0, linesearch=None)
    state = jax.vmap(optimiser.init)(u)
    value, gradient, near, on_branch = _objective(p, u, Delta)
    direction, state = _direction(optimiser, gradient, state, u)
    t = jnp.ones(len(u))
    for count in range(settings.lbfgs_steps):
        done = on_branch & (_lengths(gradient) <= settings.tolerance * jnp.sqrt(1.0 + value))
        progress("finish", count, settings.lbfgs_steps, _lowest(jnp.where(on_branch, value, jnp.inf)))
        if bool(np.all(done)):
            break
        trial = u + t[:, None] * direction
        found = _objective(p, trial, near)
        slope = jnp.sum(direction * gradient, axis=1)
        lower = jnp.isfinite(found[0]) & (found[0] <= value + 1e-4 * t * slope) & ~done
        u, value, gradient, near, on_branch = _choose(lower, (trial, *found), (u, value, gradient, near, on_branch))
        new_direction, new_state = _direction(optimiser, gradient, state, u)
        direction, state = _choose(lower, (new_direction, new_state), (direction, state))
        t = jnp.where(lower, 1.0, t / 4)
    progress("finish", settings.lbfgs_steps, settings.lbfgs_steps, _lowest(jnp.where(on_branch, value, jnp.inf)))
    done = on_branch & (_lengths(gradient) <= settings.tolerance * jnp.sqrt(1.0 + value))
    return u, near, np.asarray(jnp.where(on_branch, value, jnp.inf)), np.asarray(done)


@eqx.filter_jit
def _objective(p: Problem, u: Any, near: Any) -> tuple[Any, Any, Any, Any]:
    """(chi^2, its gradient in u, amplitudes, on branch) of every start."""

    def one(u: Any, near: Any) -> Any:
        def chi2(u: Any) -> Any:
            result = nested(p, bounded(p, u), near)
            return result.objective, result

        (value, result), gradient = jax.value_and_grad(chi2, has_aux=True)(u)
        return value, gradient, result.Delta, result.on_branch

    return jax.vmap(one)(u, near)


@eqx.filter_jit
def _direction(optimiser: Any, gradient: Any, state: Any, u: Any) -> tuple[Any, Any]:
    """The lbfgs step of every start, and its new memory."""
    return jax.vmap(optimiser.update)(gradient, state, u)


def _choose(which: Any, yes: Any, no: Any) -> Any:
    """Per start: the leaves of `yes` where `which`, else those of `no`."""
    return jax.tree.map(lambda a, b: jnp.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no)


def _lengths(gradient: Any) -> Any:
    return jnp.sqrt(jnp.sum(gradient**2, axis=1))


def _lowest(values: Any) -> float:
    values = np.asarray(values)
    return float(np.min(values[np.isfinite(values)], initial=np.inf))


def _best(chi2: np.ndarray, converged: np.ndarray) -> int:
    """The lowest chi^2 among the starts that converged, or, if none did, among those on the branch."""
    finite = np.isfinite(chi2)
    if not finite.any():
        raise NotConvergedError(
            "The fit did not converge: no start ended at parameters for which the asked-for branch exists. Widen the bounds, "
            "raise `optimiser.starts` or `optimiser.adam_steps`, or check `system.branch` in fit.toml."
        )
    usable = converged & finite if (converged & finite).any() else finite
    return int(np.argmin(np.where(usable, chi2, np.inf)))


def _verify(p: Problem, config: FitConfig, theta: Any, near: Any, curve_T: np.ndarray) -> Solution:
    """`solve` on the branch, from nothing: at every fitted temperature it must find the amplitudes of the fit."""
    T = np.asarray(p.T)
    solutions = solve_temperatures(system_at(p, theta), np.concatenate([T, curve_T]), branch=config.system.branch)
    found = np.asarray(solutions.Delta.real)[: len(T)]
    same = np.isclose(found, np.asarray(near), rtol=1e-6, atol=1e-8 * float(p.sc.Omega)).all(axis=1)
    good = same & np.asarray(solutions.converged)[: len(T)]
    if not good.all():
        raise NotConvergedError(
            f"The fit ended on another solution than the branch {config.system.branch} at T = {T[~good][0]:g} K: "
            "raise `optimiser.starts`, or give a start in fit.toml."
        )
    return solutions


def _curve_temperatures(predictions: tuple[Prediction, ...]) -> np.ndarray:
    """Temperatures from 0 to beyond T_c, denser towards the end of the branch [K]."""
    end, T_c = (prediction.value for prediction in predictions)
    return np.union1d(np.linspace(0.0, 1.04 * max(end, T_c), 64), end - np.geomspace(1e-3, 0.2 * max(end, 1e-2), 24))


@eqx.filter_jit
def _jacobian(p: Problem, theta: Any, near: Any) -> tuple[Any, Any]:
    """Derivatives of all deviations with respect to the parameters, through the implicit derivative, and predictions."""

    def of(theta: Any) -> Any:
        sc = system_at(p, theta)
        Delta = jax.vmap(lambda D, T: implicit_amplitudes(sc, T, D, jnp.array(True)))(near, p.T)
        y = predictions(p, sc, Delta)
        return (y - p.value) / p.error, y

    return jax.jacfwd(of, has_aux=True)(theta)


def _curvature(p: Problem, theta: Any, near: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(covariance, undetermined directions, predictions); a variance is infinite where nothing is determined."""
    J, predicted = (np.asarray(part) for part in _jacobian(p, theta, near))
    width = np.asarray(p.upper - p.lower)
    _, s, V = np.linalg.svd(J * width, full_matrices=True)
    s = np.concatenate([s, np.zeros(len(V) - len(s))])
    # A direction is undetermined if the data allow it to move by more than 100 times the bounds.
    free = s < 0.01
    inverse = V.T @ np.diag(1 / np.where(free, np.inf, s) ** 2) @ V
    covariance = inverse * np.outer(width, width)
    lost = np.any(np.abs(V[free]) > 1e-3, axis=0) if free.any() else np.zeros(len(width), bool)
    covariance[np.diag_indices(len(width))] = np.where(lost, np.inf, np.diag(covariance))
    return covariance, V[free], predicted


def _predict(p: Problem, config: FitConfig, theta: Any, covariance: np.ndarray) -> tuple[Prediction, ...]:
    """The temperature at which the branch ends, and T_c, with their propagated uncertainties."""
    names = (f"end of the {config.system.branch} branch", "T_c of the normal state")
    values, gradients = (np.asarray(part) for part in _temperatures(p, theta))
    known = np.isfinite(covariance).all()
    variances = [g @ covariance @ g if known else np.inf for g in gradients]
    rows = zip(names, values, variances, strict=True)
    return tuple(Prediction(name, float(value), float(np.sqrt(variance)), "K") for name, value, variance in rows)


@eqx.filter_jit
def _temperatures(p: Problem, theta: Any) -> tuple[Any, Any]:
    """(end of the branch, T_c) [K] and their derivatives with respect to the parameters."""

    def of(theta: Any) -> Any:
        sc = system_at(p, theta)
        T = jnp.stack([fold_temperature(sc, p.pattern), critical_temperature(sc)])
        return T, T

    gradients, values = jax.jacfwd(of, has_aux=True)(theta)
    return values, gradients
