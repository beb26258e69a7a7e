r"""The posterior of a fit: what the data leave possible for the parameters, all at once and not only near the optimum.

.. math:: p(\theta | y) \propto e^{-\chi^2(\theta) / 2}

uniform between the bounds of fit.toml, zero where the branch does not exist (`density`), drawn from by the No-U-Turn sampler
(`sampler`). Whether the chains are long enough is said by the rank-normalised split R-hat and the effective number of draws in
the bulk and in the tails (Vehtari et al., Bayesian Analysis 16, 667 (2021)). How well the model would predict another datum
like those fitted is said by WAIC and by leave-one-out from the same draws, whose Pareto k says whether to believe it
(Vehtari, Gelman and Gabry, Stat. Comput. 27, 1413 (2017)).

Needs the extra packages of `pip install "jaxgap[bayes]"` (numpyro, arviz), which are imported only when something is drawn.
"""

import hashlib
import json
import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgap._checks import InputError, NotConvergedError, check
from jaxgap._precision import require_float64
from jaxgap.fitting.checkpoint import NAME
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.density import density, laplace
from jaxgap.fitting.problem import Problem, error_of, systems_at
from jaxgap.fitting.profile import Interval
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.sampler import Draws, Progress, sampled
from jaxgap.superconductor import to_toml

__all__ = ["Criterion", "Marginal", "Posterior", "check_run", "posterior", "require_packages"]

PACKAGES = ("numpyro", "arviz")
R_HAT = 1.01
"""Chains with a larger R-hat have not met."""
EFFECTIVE = 400
"""Effective draws below which the diagnostics themselves are not to be trusted (Vehtari et al. 2021)."""
PARETO = 0.7
"""Pareto k above which leave-one-out from the draws is not to be trusted."""


class Marginal(NamedTuple):
    """What is known of one parameter, and how well the chains know it."""

    name: str
    unit: str
    mean: float
    sd: float
    median: float
    interval_68: tuple[float, float]
    """Central: as much probability below as above."""
    interval_95: tuple[float, float]
    r_hat: float
    """Rank-normalised split R-hat; NaN for a single chain."""
    ess_bulk: float
    ess_tail: float
    """Effective numbers of draws."""


class Criterion(NamedTuple):
    """An estimate of how well other data like those fitted would be predicted."""

    name: str
    elpd: float
    """Expected log predictive density of all data, higher is better."""
    se: float
    parameters: float
    """Effective number of parameters."""
    pareto_k: float
    """Largest over the data, for leave-one-out; NaN for WAIC."""
    trusted: bool
    """Whether the method's own check is content."""


@dataclass(frozen=True)
class Posterior:
    """Draws from the posterior of a fit; immutable."""

    config: FitConfig
    fitted: tuple[Datum, ...]
    """The rows that counted."""
    draws: np.ndarray
    """[chain, draw, parameter], in the order of `config.parameters`."""
    chi2: np.ndarray
    """[chain, draw]."""
    deviations: np.ndarray
    """[chain, draw, datum]: (model - datum) / error after the loss; for limits sqrt(-2 ln probability)."""
    diverging: np.ndarray
    """[chain, draw]: whether the trajectory met the edge of where the branch exists (or an energy error above 1000)."""
    steps: np.ndarray
    """[chain, draw]: evaluations of the density."""
    optimum: np.ndarray
    """Best parameters of the fit."""
    intervals: tuple[Interval, ...]
    """68.3 % intervals of the fit, from the profile of chi^2."""
    seed: int
    warmup: int
    seconds: float
    """Spent on sampling, compilation included, of all runs together if there were several."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.config.parameters)

    @property
    def divergences(self) -> int:
        return int(self.diverging.sum())

    @cached_property
    def summary(self) -> tuple[Marginal, ...]:
        """Mean, standard deviation, central intervals and diagnostics of every parameter."""
        return tuple(self._marginal(k) for k in range(len(self.names)))

    def _marginal(self, k: int) -> Marginal:
        arviz, x = _arviz(), self.draws[:, :, k]
        low_95, low, median, high, high_95 = np.quantile(x, [0.025, 0.16, 0.5, 0.84, 0.975]).tolist()
        # One chain cannot tell whether others would meet it.
        r_hat = float(arviz.rhat(x, method="rank")) if len(x) > 1 else np.nan
        ess = [float(arviz.ess(x, method=method)) for method in ("bulk", "tail")]
        name, unit = self.names[k], self.config.parameters[self.names[k]].unit
        return Marginal(name, unit, float(x.mean()), float(x.std(ddof=1)), median, (low, high), (low_95, high_95), r_hat, *ess)

    @property
    def correlation(self) -> np.ndarray:
        return np.atleast_2d(np.corrcoef(self.draws.reshape(-1, len(self.names)).T))

    @property
    def converged(self) -> bool:
        """Whether every parameter has R-hat < 1.01 and more than 400 effective draws in bulk and tails."""
        return all(m.r_hat < R_HAT and min(m.ess_bulk, m.ess_tail) > EFFECTIVE for m in self.summary)

    @cached_property
    def log_likelihood(self) -> np.ndarray:
        """ln p(datum | theta), [chain, draw, datum]: of a value the normalised Gaussian -z^2/2 - ln(sigma sqrt(2 pi)); of a
        limit the probability that a reading stays within it, which needs no norm. With another loss than `linear` z^2 is the
        loss and the norm still the Gaussian's: right up to a constant per datum. What is known beforehand is no datum."""
        norm = [0.0 if d.limit else np.log(error_of(d, self.config) * np.sqrt(2 * np.pi)) for d in self.fitted]
        return -(self.deviations**2) / 2 - np.array(norm)

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """WAIC and leave-one-out (PSIS) of the fitted data."""
        arviz, data = _arviz(), self.inference_data()
        with warnings.catch_warnings():
            # Said by `trusted` and in the report.
            warnings.filterwarnings("ignore", message="For one or more samples the posterior variance", category=UserWarning)
            warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto", category=UserWarning)
            waic, loo = arviz.waic(data, pointwise=True), arviz.loo(data, pointwise=True)
        worst = float(np.max(np.asarray(loo.pareto_k)))
        return (
            Criterion("WAIC", float(waic.elpd_waic), float(waic.se), float(waic.p_waic), np.nan, not waic.warning),
            Criterion("PSIS-LOO", float(loo.elpd_loo), float(loo.se), float(loo.p_loo), worst, worst <= PARETO),
        )

    def inference_data(self) -> Any:
        """The draws as arviz's InferenceData, parameters by name, with the statistics of the sampler and the log likelihood."""
        return _arviz().from_dict(
            posterior={name: self.draws[:, :, k] for k, name in enumerate(self.names)},
            log_likelihood={"data": self.log_likelihood},
            sample_stats={"diverging": self.diverging, "n_steps": self.steps, "lp": -self.chi2 / 2},
            observed_data={"data": np.array([d.value for d in self.fitted])},
            coords={"datum": [f"{d.label} {'' if d.T is None else f'at {d.T:g} K'}".strip() for d in self.fitted]},
            dims={"data": ["datum"]},
        )

    def __str__(self) -> str:
        from jaxgap.fitting.posterior_report import text

        return text(self)


def posterior(
    result: FitResult,
    *,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    seed: int = 0,
    folder: str | Path | None = None,
    fresh: bool = False,
    block: int = 100,
    progress: Progress = lambda *_: None,
) -> Posterior:
    """Draw from the posterior of a fit, whose errors, limits, bounds and prior knowledge are those of its fit.toml.

    With a `folder` the state and all draws so far are kept there, in posterior.npz. Calling again goes on from them: after an
    interruption, and also to make a finished run longer; the draws are bit for bit those of one uninterrupted run.

    Args:
        result: a fit.
        draws: kept draws of every chain.
        warmup: draws before them, which adapt the sampler and are dropped.
        chains: number of chains; they start scattered around the optimum.
        seed: of the random numbers.
        folder: where to keep the checkpoint; nowhere if not given.
        fresh: drop what an earlier run kept there.
        block: keep it after every so many draws of all chains: what a power cut costs at most.
        progress: called as progress(stage, step, steps) after every draw of all chains.

    Raises:
        InputError: for numbers of draws that make no sense, missing packages, or a checkpoint that is damaged or another run's.
        NotConvergedError: if the fit did not converge, or no chain can start.
    """
    require_packages()
    require_float64()
    check_run({"draws": draws, "warmup": warmup, "chains": chains, "block": block, "seed": seed})
    if not result.start_converged.any():
        raise NotConvergedError("The fit did not converge: there is no optimum for the chains to start from.")
    path = None if folder is None else Path(folder) / NAME
    if fresh and path is not None:
        path.unlink(missing_ok=True)
    p = result.problem
    around = laplace(p, result.value, result.jacobian)
    # With the branch that was taken: one that fit.toml leaves open may be another one in another run.
    run = _settings(result.config.with_branch(result.branch), p, result.fitted)
    run |= {"seed": seed, "warmup": warmup, "chains": chains}
    d = density(p, result.value, result.amplitudes)
    drawn, seconds = sampled(d, around, run, draws, block, path, progress)
    return _posterior(result, drawn, seed, warmup, seconds)


LEAST = {"draws": 4, "warmup": 1, "chains": 1, "block": 1, "seed": 0}


def check_run(numbers: dict[str, int], dashes: str = "") -> None:
    """Raise InputError for numbers of draws that make no sense; on the command line their names begin with `dashes`."""
    for name, value in numbers.items():
        check(value >= LEAST[name], f"{dashes}{name}", f"be at least {LEAST[name]}", value)


def require_packages() -> None:
    """Say what to install if something is missing.

    Raises:
        InputError: if numpyro or arviz is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f'Posteriors need {" and ".join(missing)}: pip install "jaxgap[bayes]".')


def _posterior(result: FitResult, drawn: Draws, seed: int, warmup: int, seconds: float) -> Posterior:
    """With chains first, and nothing that can be written to."""
    parts: dict[str, Any] = {name: np.ascontiguousarray(np.swapaxes(part, 0, 1)) for name, part in drawn._asdict().items()}
    parts["optimum"] = result.value.copy()
    for part in parts.values():
        part.setflags(write=False)
    about: dict[str, Any] = {"seed": seed, "warmup": warmup, "seconds": seconds, "intervals": result.intervals}
    return Posterior(result.config, result.fitted, parts.pop("theta"), **parts, **about)


def _settings(config: FitConfig, p: Problem, fitted: tuple[Datum, ...]) -> dict[str, Any]:
    """Everything that the draws depend on, besides the numbers of the run: by hashes, so that a difference can be named."""
    rows = [(d.label, d.T, d.value, error_of(d, config), d.limit) for d in fitted]
    chosen = config.model_dump(mode="json", exclude={"title", "optimiser"})
    versions = ", ".join(f"{name} {version(name)}" for name in ("jaxgap", "jax", "jaxlib", "numpyro"))
    # The fitted leaves are set: a system is what it is besides the parameters.
    systems = [to_toml(sc) for sc in systems_at(p, jnp.asarray(p.lower))]
    return {"fit.toml": _hash(chosen), "data": _hash(rows), "system": _hash(systems), "versions": versions}


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _arviz() -> Any:
    """arviz, without what it says about its own future when it is imported."""
    require_packages()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        import arviz
    return arviz
