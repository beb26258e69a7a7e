"""The fit itself: many starts at once, a search that no missing branch can stop, an exact finish, a verified end.

1. Search: adam on parameters and amplitudes together, the gap equations as stiff data (`joint_objective`).
2. Finish: lbfgs on chi^2 of the self-consistent solution, through the implicit derivative (`nested`).
3. Verify: `solve` finds the branch at the optimum from nothing, and must find the same amplitudes.

The residuals are compiled once, batched over starts; the loops stay on the host, where they can report and be stopped.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgap._checks import NotConvergedError
from jaxgap._compilation import program
from jaxgap._precision import require_float64
from jaxgap.branches import GapCurve, fold_temperature, gap_curve
from jaxgap.critical import critical_temperature
from jaxgap.fitting.config import FitConfig, OptimiserConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.objective import (
    Problem,
    bounded,
    joint_objective,
    nested,
    problem,
    system_at,
    unbounded,
)
from jaxgap.following import starting_amplitudes
from jaxgap.labels import sign_pattern
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
    curve: GapCurve
    """The branch against temperature, found by `solve` from nothing; the fitted temperatures are among its own."""
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

    theta, u, Delta = _starts(p, config)
    with ThreadPoolExecutor(2) as pool:
        # What comes after the search is run once, at a start, so that its compilation overlaps with the search's.
        sc, T = system_at(p, theta), _curve_temperatures(p, 10.0, 20.0)
        ahead: list[Future[Any]] = [pool.submit(_temperatures, p, theta), pool.submit(gap_curve, sc, T, config.system.branch)]
        u, Delta = _search(p, config.optimiser, u, Delta, progress)
        points = _finish(p, config.optimiser, u, Delta, progress)
        for compiled in ahead:
            compiled.result()

    chi2, converged = points.chi2_on_branch, points.done(config.optimiser.tolerance)
    best = _best(chi2, converged)
    theta = jnp.asarray(points.theta[best])
    covariance, undetermined = _curvature(p, points.jacobian[best])
    predicted = _predict(p, config, theta, covariance)
    T = _curve_temperatures(p, *(prediction.value for prediction in predicted))
    return FitResult(
        config=config,
        data=data,
        superconductor=system_at(p, theta),
        curve=_verify(p, config, theta, points.Delta[best], T),
        value=np.asarray(theta),
        covariance=covariance,
        undetermined=undetermined,
        chi2=float(chi2[best]),
        predicted=np.asarray(p.value) + np.asarray(p.error) * points.deviations[best],
        predictions=predicted,
        start_values=points.theta,
        start_chi2=chi2,
        start_converged=converged,
        seconds=time.perf_counter() - began,
    )


def _starts(p: Problem, config: FitConfig) -> tuple[Any, Any, Any]:
    """(the configured start; unbounded parameters of every start, that one first, the others spread over the bounds; their
    amplitudes)."""
    rng = np.random.default_rng(config.optimiser.seed)
    n, k = config.optimiser.starts, len(p.names)
    lower, upper = np.asarray(p.lower), np.asarray(p.upper)
    # A Latin hypercube: every parameter visits each of n equal slices of its range once.
    share = (np.stack([rng.permutation(n) for _ in range(k)], axis=1) + rng.uniform(size=(n, k))) / n
    theta = lower + (upper - lower) * np.clip(share, 0.02, 0.98)
    configured = [parameter.start for parameter in config.parameters.values()]
    theta[0] = [t if start is None else start for t, start in zip(theta[0], configured, strict=True)]
    return jnp.asarray(theta[0]), *_unknowns(p, jnp.asarray(theta))


@program
def _unknowns(p: Problem, theta: Any) -> tuple[Any, Any]:
    """Unbounded parameters and amplitudes at every temperature to start from, for a batch of parameters."""
    Delta = jax.vmap(lambda t: jnp.tile(starting_amplitudes(system_at(p, t), p.pattern)[0], (len(p.T), 1)))(theta)
    return jax.vmap(lambda t: unbounded(p, t))(theta), Delta


def _search(p: Problem, settings: OptimiserConfig, u: Any, Delta: Any, progress: Progress) -> tuple[Any, Any]:
    """adam on parameters and amplitudes together, all starts in one batch."""
    rate, total = settings.adam_learning_rate, settings.adam_steps
    unknowns, state = (u, Delta), _adam(rate, total).init((u, Delta))
    for done in range(0, total, _ADAM_CHUNK):
        steps = min(_ADAM_CHUNK, total - done)
        unknowns, state, value = _advance(p, unknowns, state, rate, total, steps)
        progress("search", done + steps, total, _lowest(value))
    return unknowns


def _adam(learning_rate: float, steps: int) -> Any:
    return optax.adam(optax.cosine_decay_schedule(learning_rate, max(steps, 1), 0.02))


@program
def _advance(p: Problem, unknowns: Any, state: Any, rate: float, total: int, steps: int) -> tuple[Any, Any, Any]:
    """(unknowns, state, chi^2 before the last step) after steps of adam, which acts on every number by itself."""
    optimiser = _adam(rate, total)
    objective = jax.vmap(jax.value_and_grad(lambda x: joint_objective(p, bounded(p, x[0]), x[1])))

    def one(carry: Any, _: None) -> Any:
        unknowns, state = carry
        value, gradient = objective(unknowns)
        updates, state = optimiser.update(gradient, state)
        return (optax.apply_updates(unknowns, updates), state), value

    (unknowns, state), values = jax.lax.scan(one, (unknowns, state), None, length=steps)
    return unknowns, state, values[-1]


class _Points(NamedTuple):
    """Where all starts are, on the host: between two calls of compiled programs eager JAX would compile every operation."""

    u: np.ndarray
    theta: np.ndarray
    """The parameters: `u` inside their bounds."""
    chi2: np.ndarray
    gradient: np.ndarray
    """Of chi^2 in u."""
    Delta: np.ndarray
    on_branch: np.ndarray
    deviations: np.ndarray
    jacobian: np.ndarray
    """Of the deviations in the parameters."""

    def done(self, tolerance: float) -> np.ndarray:
        """Which starts have converged."""
        return self.on_branch & (np.linalg.norm(self.gradient, axis=1) <= tolerance * np.sqrt(1.0 + self.chi2))

    @property
    def chi2_on_branch(self) -> np.ndarray:
        """chi^2, infinite where the branch does not exist."""
        return np.where(self.on_branch, self.chi2, np.inf)


def _finish(p: Problem, settings: OptimiserConfig, u: Any, Delta: Any, progress: Progress) -> _Points:
    """lbfgs through the implicit derivative, all starts in one batch.

    A step that does not lower chi^2 is tried again at a quarter of its length, each start for itself.
    """
    points = _evaluate(p, np.asarray(u), Delta)
    direction, state = _host(_direction(points.gradient, None, points.u))
    t = np.ones(len(points.u))
    for count in range(settings.lbfgs_steps):
        done = points.done(settings.tolerance)
        progress("finish", count, settings.lbfgs_steps, _lowest(points.chi2_on_branch))
        if done.all():
            break
        trial = _evaluate(p, points.u + t[:, None] * direction, points.Delta)
        slope = np.sum(direction * points.gradient, axis=1)
        lower = np.isfinite(trial.chi2) & (trial.chi2 <= points.chi2 + 1e-4 * t * slope) & ~done
        points = _choose(lower, trial, points)
        direction, state = _choose(lower, _host(_direction(points.gradient, state, points.u)), (direction, state))
        t = np.where(lower, 1.0, t / 4)
    progress("finish", settings.lbfgs_steps, settings.lbfgs_steps, _lowest(points.chi2_on_branch))
    return points


def _evaluate(p: Problem, u: np.ndarray, near: Any) -> _Points:
    return _Points(u, *_host(_objective(p, u, near)))


def _host(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


_LBFGS = optax.lbfgs(learning_rate=1.0, linesearch=None)
"""Steps of full length: `_finish` shortens them itself, each start for itself."""


@program
def _objective(p: Problem, u: Any, near: Any) -> tuple[Any, ...]:
    """(theta, chi^2, its gradient in u, amplitudes, on branch, deviations, their Jacobian in theta) of every start."""

    def one(u: Any, near: Any) -> Any:
        theta, slope = jax.jvp(lambda v: bounded(p, v), (u,), (jnp.ones_like(u),))
        result = nested(p, theta, near)
        gradient = result.gradient * slope
        return theta, result.chi2, gradient, result.Delta, result.on_branch, result.deviations, result.jacobian

    return jax.vmap(one)(u, near)


@program
def _direction(gradient: Any, state: Any, u: Any) -> tuple[Any, Any]:
    """The lbfgs step of every start, and its new memory; without `state`, the first step."""
    return jax.vmap(_LBFGS.update)(gradient, jax.vmap(_LBFGS.init)(u) if state is None else state, u)


def _choose(which: Any, yes: Any, no: Any) -> Any:
    """Per start: the leaves of `yes` where `which`, else those of `no`."""
    return jax.tree.map(lambda a, b: np.where(which.reshape(-1, *[1] * (a.ndim - 1)), a, b), yes, no)


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


def _verify(p: Problem, config: FitConfig, theta: Any, near: Any, T: np.ndarray) -> GapCurve:
    """The branch at the optimum, from nothing: at every fitted temperature it must have the amplitudes of the fit."""
    curve = gap_curve(system_at(p, theta), T, config.system.branch)
    index = np.searchsorted(T, np.asarray(p.T))
    found, converged = np.asarray(curve.solutions.Delta).real[index], np.asarray(curve.solutions.converged)[index]
    good = np.isclose(found, np.asarray(near), rtol=1e-6, atol=1e-8 * float(p.sc.Omega)).all(axis=1) & converged
    if not good.all():
        raise NotConvergedError(
            f"The fit ended on another solution than the branch {config.system.branch} at T = {T[index][~good][0]:g} K: "
            "raise `optimiser.starts`, or give a start in fit.toml."
        )
    return curve


def _curve_temperatures(p: Problem, end: float, T_c: float) -> np.ndarray:
    """The fitted temperatures, and a grid from 0 to beyond T_c that is denser towards the end of the branch [K]."""
    grid = np.linspace(0.0, 1.04 * max(end, T_c, 1.0), 60)
    closer = end * (1 - np.geomspace(3e-5, 0.2, 24))
    return np.sort(np.concatenate([np.asarray(p.T), grid, closer]))


def _curvature(p: Problem, J: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(covariance, undetermined directions) from the Jacobian of the deviations; infinite where nothing is determined."""
    width = np.asarray(p.upper - p.lower)
    _, s, V = np.linalg.svd(J * width, full_matrices=True)
    s = np.concatenate([s, np.zeros(len(V) - len(s))])
    # A direction is undetermined if the data allow it to move by more than 100 times the bounds.
    free = s < 0.01
    inverse = V.T @ np.diag(1 / np.where(free, np.inf, s) ** 2) @ V
    covariance = inverse * np.outer(width, width)
    lost = np.any(np.abs(V[free]) > 1e-3, axis=0) if free.any() else np.zeros(len(width), bool)
    covariance[np.diag_indices(len(width))] = np.where(lost, np.inf, np.diag(covariance))
    return covariance, V[free]


def _predict(p: Problem, config: FitConfig, theta: Any, covariance: np.ndarray) -> tuple[Prediction, ...]:
    """The temperature at which the branch ends, and T_c, with their propagated uncertainties."""
    names = (f"end of the {config.system.branch} branch", "T_c of the normal state")
    values, gradients = (np.asarray(part) for part in _temperatures(p, theta))
    known = np.isfinite(covariance).all()
    variances = [g @ covariance @ g if known else np.inf for g in gradients]
    rows = zip(names, values, variances, strict=True)
    return tuple(Prediction(name, float(value), float(np.sqrt(variance)), "K") for name, value, variance in rows)


@program
def _temperatures(p: Problem, theta: Any) -> tuple[Any, Any]:
    """(end of the branch, T_c) [K] and their derivatives with respect to the parameters."""

    def of(theta: Any) -> Any:
        sc = system_at(p, theta)
        T = jnp.stack([fold_temperature(sc, p.pattern), critical_temperature(sc)])
        return T, T

    gradients, values = jax.jacfwd(of, has_aux=True)(theta)
    return values, gradients
