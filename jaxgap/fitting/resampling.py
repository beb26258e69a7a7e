r"""Parametric bootstrap: how a fit scatters when its data are drawn again from the fitted model.

.. math:: y^*_d = y_d(\hat\theta) + \sigma_d \, \mathcal{N}(0, 1), \qquad \hat\theta^* = \arg\min \chi^2(\theta; y^*)

Every set is fitted from the optimum. The spread of the ends is a third route to the uncertainties, beside covariance and
profile, that knows nothing of their approximations; their mean shows a bias of the estimate; and the chi^2 of the sets is what
this fit's own chi^2 has to be compared with, also where a robust loss or limits give it no distribution in closed form (Efron
and Tibshirani, An Introduction to the Bootstrap (1993), chapters 6 and 13). What is known of a parameter beforehand is a
datum, and drawn again too. A limit stays: it is no reading that could have come out otherwise.

Every set depends on the seed and its own number alone, so that a run that was interrupted goes on, and a finished one is made
longer, with the very sets of one uninterrupted run. (Where many go together, their fits agree with those done one by one to the
fit's tolerance, not to the last bit.)
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.checkpoint import digest_of, load_checkpoint, save_checkpoint
from jaxgap.fitting.minimise import minimise_nested
from jaxgap.fitting.objective import Nested
from jaxgap.fitting.optima import distance_of
from jaxgap.fitting.problem import Problem, error_of
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.together import Readings, at_once, minimise_nested_together
from jaxgap.model.systems import to_toml
from jaxgap.numerics.checks import NotConvergedError, check
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.threads import side_by_side

__all__ = ["NAME", "Bootstrap", "Scatter", "bootstrap", "check_sets"]


class Scatter(NamedTuple):
    """Of one parameter over the sets."""

    name: str
    unit: str
    best: float
    """Of the fit."""
    mean: float
    sd: float
    interval_68: tuple[float, float]
    """Central: as many sets below as above."""
    interval_95: tuple[float, float]


class Bootstrap(NamedTuple):
    """Fits to data drawn from the fitted model."""

    fit: FitResult
    values: np.ndarray
    """[set, parameter], of the sets whose fit converged on the branch."""
    chi2: np.ndarray
    """[set]."""
    drawn: int
    """Number of sets drawn."""
    seed: int

    @property
    def summary(self) -> tuple[Scatter, ...]:
        """Mean, standard deviation and central intervals of every parameter."""
        rows = []
        for k, (name, parameter) in enumerate(self.fit.config.parameters.items()):
            x = self.values[:, k]
            low_95, low, high, high_95 = np.quantile(x, [0.025, 0.16, 0.84, 0.975]).tolist()
            sd = float(x.std(ddof=1))
            rows.append(
                Scatter(name, parameter.unit, float(self.fit.value[k]), float(x.mean()), sd, (low, high), (low_95, high_95))
            )
        return tuple(rows)

    @property
    def p_value(self) -> float:
        """Share of the sets with a chi^2 as large as the fit's, the fit counted as one of them: how surprising it is."""
        return float((1 + np.sum(self.chi2 >= self.fit.chi2)) / (1 + len(self.chi2)))

    @property
    def lost(self) -> int:
        """Sets whose fit did not converge, or ended where the branch does not exist."""
        return self.drawn - len(self.values)


NAME = "bootstrap.npz"
"""What is kept beside the data."""
ROUND = 4096
"""Sets that are fitted together."""
KEEP = 5.0
"""Seconds after which what is done is kept: what a power cut costs at most."""


def bootstrap(
    result: FitResult,
    *,
    sets: int = 200,
    seed: int = 0,
    folder: str | Path | None = None,
    fresh: bool = False,
    progress: Callable[[int, int], None] = lambda *_: None,
) -> Bootstrap:
    """Fit `sets` sets of data drawn from the fitted model.

    With a `folder` the sets done so far are kept there, in bootstrap.npz, and calling again goes on from them.

    Args:
        result: a fit.
        sets: how many, at least ten.
        seed: of the random numbers.
        folder: where to keep what is done; nowhere if not given.
        fresh: drop what an earlier run kept there.
        progress: called as progress(set, sets).

    Raises:
        InputError: for less than ten sets, or if what is kept is damaged or another run's.
        NotConvergedError: if the fit did not converge, or less than half of the sets can be fitted.

    Example:
        >>> result = jg.fitting.load_result(jg.fitting.example("ba0.6k0.4fe2as2"))
        >>> drawn = jg.fitting.bootstrap(result, sets=10)
        >>> [(one.name, round(one.sd, 2 if one.unit else 4)) for one in drawn.summary]
        [('lambda_13', 0.0047), ('Omega', 0.56)]
    """
    require_float64()
    check_sets(sets, seed)
    if not result.start_converged.any():
        raise NotConvergedError("The fit did not converge: there is no model to draw data from.")
    path = None if folder is None else Path(folder) / NAME
    if fresh and path is not None:
        path.unlink(missing_ok=True)
    run = _settings(result, seed)
    kept = None if path is None else load_checkpoint(path, run)
    theta, chi2 = ([], []) if kept is None else (list(kept["theta"][:sets]), kept["chi2"][:sets].tolist())
    p, rng, done, kept_at = result.problem, np.random.default_rng(seed), len(theta), time.monotonic()

    def keep() -> None:
        if path is not None and len(theta) > done:
            save_checkpoint(path, run, {"theta": np.array(theta), "chi2": np.array(chi2)})

    # All are drawn, whatever is done already: each has its own random numbers.
    drawn = (one for number, one in enumerate(_drawn(p, result, rng) for _ in range(sets)) if number >= done)
    try:
        for number, found in enumerate(_fits(result, drawn, sets - done), done):
            theta.append(found[0])
            chi2.append(found[1])
            if time.monotonic() - kept_at > KEEP:
                keep()
                kept_at = time.monotonic()
            progress(number + 1, sets)
    finally:
        keep()
    good = np.isfinite(chi2)
    if 2 * good.sum() < sets:
        raise NotConvergedError(
            f"Only {good.sum()} of {sets} sets could be fitted: the branch ends within the errors, or "
            "`optimiser.finish_steps` is too small."
        )
    return Bootstrap(result, np.array(theta)[good], np.array(chi2)[good], sets, seed)


def check_sets(sets: int, seed: int, dashes: str = "") -> None:
    """Raise InputError for numbers that make no sense; on the command line their names begin with `dashes`."""
    check(sets >= 10, f"{dashes}sets", "be at least 10", sets)
    check(seed >= 0, f"{dashes}seed", "not be negative", seed)


def _settings(result: FitResult, seed: int) -> dict[str, object]:
    """What the sets depend on: the fitted model, by a digest, and the numbers of the run."""
    systems = [to_toml(sample.superconductor) for sample in result.samples]
    config = result.config.with_branch(result.branch).model_dump(mode="json", exclude={"title"})
    rows = [(d.label, d.T, d.value, error_of(d, result.config), d.limit) for d in result.fitted]
    return {"fit": digest_of([systems, config, rows, result.value.tolist()]), "seed": seed}


def _drawn(p: Problem, result: FitResult, rng: np.random.Generator) -> Problem:
    """The fit with other readings."""
    limit, known = np.array([bool(row.limit) for row in p.rows]), np.isfinite(np.asarray(p.prior[1]))
    reading = result.predicted + _scattered(p, rng)
    beforehand = result.value + np.where(known, np.asarray(p.prior[1]), 0.0) * rng.normal(size=len(known))
    # The same structure: one compiled program serves all sets.
    return replace(
        p,
        value=jnp.asarray(np.where(limit, np.asarray(p.value), reading)),
        prior=(jnp.asarray(np.where(known, beforehand, np.asarray(p.prior[0]))), p.prior[1]),
    )


def _scattered(p: Problem, rng: np.random.Generator) -> np.ndarray:
    """Errors of all data, drawn."""
    drawn = rng.normal(size=len(p.rows))
    found: np.ndarray = np.asarray(p.error) * drawn
    for rows, C in zip(p.correlated, p.covariances, strict=True):
        own = np.array(rows, int)
        found[own] = np.linalg.cholesky(np.asarray(C)) @ drawn[own]
    return found


def _fits(result: FitResult, drawn: Iterator[Problem], n: int) -> Iterator[tuple[np.ndarray, float]]:
    """(parameters, chi^2) of the fits to n sets, in their order: one by one side by side, or together, in rounds."""
    if not at_once(result.problem, n):
        yield from side_by_side(lambda one: _fitted(one, result), drawn)
        return
    while some := list(islice(drawn, ROUND)):
        yield from _fitted_together(some, result)


def _fitted(drawn: Problem, result: FitResult) -> tuple[np.ndarray, float]:
    """(parameters, chi^2) of the fit to a set; NaN if it did not converge on the branch."""
    settings = result.config.optimiser
    theta, end, _ = minimise_nested(drawn, result.value.copy(), result.amplitudes, settings)
    return theta, _chi2(drawn, theta, end, settings.tolerance)


def _fitted_together(drawn: list[Problem], result: FitResult) -> Iterator[tuple[np.ndarray, float]]:
    """The same of many sets, in batched programs."""
    p, settings, n = result.problem, result.config.optimiser, len(drawn)
    readings = Readings(*(np.stack(parts) for parts in zip(*((one.value, one.prior[0]) for one in drawn), strict=True)))
    begin = np.tile(result.value, (n, 1)), np.tile(result.amplitudes, (n, 1, 1))
    theta, at, _ = minimise_nested_together(p, *begin, settings, readings)
    for i in range(n):
        own, end = jax.tree.map(lambda part: part[i], (theta, at))  # noqa: B023
        yield own, _chi2(p, own, end, settings.tolerance)


def _chi2(p: Problem, theta: np.ndarray, end: Nested, tolerance: float) -> float:
    good = end.on_branch and distance_of(p, theta, end, tolerance) <= tolerance
    return float(np.sum(np.asarray(end.residuals) ** 2)) if good else float("nan")
