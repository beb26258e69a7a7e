r"""The posterior of a fit: what the data leave possible for the parameters, all at once and not only near the optimum.

.. math:: p(\theta | y) \propto e^{-\chi^2(\theta) / 2}

uniform between the bounds of fit.toml, zero where there is no state that the fit may take (`density`), drawn from by the
No-U-Turn sampler (`sampler`). The gap equations can have several states at the same parameters; a point of the posterior is
parameters with one of them: the state that continues that of an optimum, with as many unstable directions. Every optimum of the
fit that may be taken, and is not too bad to matter, is a mode with chains of its own, since chains do not go from one to
another; their shares follow by bridge sampling (`masses`), and the draws are put together in these proportions.

Whether the chains are long enough is said by the rank-normalised split R-hat and the effective number of draws in the bulk and
in the tails (Vehtari et al., Bayesian Analysis 16, 667 (2021)). Chains that agree know nothing of a mode where none of these
started: that no other is worth mentioning is up to the starts of the fit. How well the model would predict another datum like
those fitted is said by WAIC and by leave-one-out from the same draws, whose Pareto k says whether to believe it (Vehtari,
Gelman and Gabry, Stat. Comput. 27, 1413 (2017)).

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
from typing import Any, NamedTuple, cast

import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.checkpoint import NAME
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.density import density, laplace
from jaxgap.fitting.masses import Chains, Mass, cells, masses
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.problem import Problem, error_of, systems_at
from jaxgap.fitting.profile import Interval
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.sampler import Draws, Progress, sampled
from jaxgap.fitting.states import of_stability
from jaxgap.model.superconductor import to_toml
from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.numerics.precision import require_float64

__all__ = ["Criterion", "Marginal", "Mode", "Posterior", "check_run", "posterior", "require_packages"]

PACKAGES = ("numpyro", "arviz")
R_HAT = 1.01
"""Chains with a larger R-hat have not met."""
EFFECTIVE = 400
"""Effective draws below which the diagnostics themselves are not to be trusted (Vehtari et al. 2021)."""
SHARE = 0.03
"""Error of a mode's share from which on the shares, and what depends on them, are not to be trusted."""
WORTH = 25.0
"""An optimum whose chi^2 is higher by more than this has some e^-12 of the weight, and no chains."""
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


class Mode(NamedTuple):
    """One mode of the posterior, around an optimum of the fit."""

    optimum: Optimum
    mass: Mass
    """Its share."""
    chains: np.ndarray
    """What its own chains have drawn, [chain, draw, parameter]."""


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
    modes: tuple[Mode, ...] = ()
    """If there are several; `draws` has then as many of each as it has share, in no order."""

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
        # The chains of a mode have to meet among themselves; the worst mode counts.
        parts = [mode.chains[:, :, k] for mode in self.modes] or [x]
        r_hat = max(float(arviz.rhat(part, method="rank")) for part in parts) if len(parts[0]) > 1 else np.nan
        ess = [min(float(arviz.ess(part, method=method)) for part in parts) for method in ("bulk", "tail")]
        name, unit = self.names[k], self.config.parameters[self.names[k]].unit
        return Marginal(name, unit, float(x.mean()), float(x.std(ddof=1)), median, (low, high), (low_95, high_95), r_hat, *ess)

    @property
    def correlation(self) -> np.ndarray:
        return np.atleast_2d(np.corrcoef(self.draws.reshape(-1, len(self.names)).T))

    @property
    def converged(self) -> bool:
        """Whether every parameter has R-hat < 1.01 and more than 400 effective draws in bulk and tails, within every mode, and
        the modes' shares are known to 3 %."""
        known = all(mode.mass.error < SHARE for mode in self.modes)
        return known and all(m.r_hat < R_HAT and min(m.ess_bulk, m.ess_tail) > EFFECTIVE for m in self.summary)

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
        # A datum that no draw moves, such as a gap beyond T_c, has no tail to fit: its k is infinite, and it costs nothing.
        moved = np.ptp(self.log_likelihood, axis=(0, 1)) > 0
        worst = float(np.max(np.asarray(loo.pareto_k)[moved])) if moved.any() else 0.0
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
        from jaxgap.fitting.report.posterior import text

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
        for old in (path, *path.parent.glob(f"{path.stem}-[0-9]*{path.suffix}")):
            old.unlink(missing_ok=True)
    p = result.problem
    # With the branch that was taken: one that fit.toml leaves open may be another one in another run.
    run = _settings(result.config.with_branch(result.branch), p, result.fitted)
    run |= {"seed": seed, "warmup": warmup, "chains": chains}
    modes, seconds = [], 0.0
    for m, (one, lowest, best, Delta, J) in enumerate(_optima(result)):
        own = path if path is None or m == 0 else path.with_name(f"{path.stem}-{m + 1}{path.suffix}")
        around, d = laplace(one, best, J), density(one, best, Delta)
        drawn, more = sampled(d, around, run | {"seed": seed + m}, draws, block, own, progress)
        seconds += more
        modes.append(Chains(d, around, lowest, drawn, _effective(drawn)))
    return _posterior(result, modes, seed, warmup, seconds)


def _optima(result: FitResult) -> list[tuple[Problem, float, np.ndarray, np.ndarray, np.ndarray]]:
    """(problem over states of its stability, chi^2, parameters, amplitudes, derivatives of the residuals) of every optimum that
    is a mode, the reported one first."""
    p, rows = result.problem, len(result.jacobian)
    found = [(p, result.chi2, result.value, result.amplitudes, result.jacobian)]
    for one in _modes(result)[1:]:
        own = of_stability(p, one.unstable)
        J = np.asarray(nested_at(own, one.value, one.amplitudes).jacobian)[:rows]
        found.append((own, one.chi2, one.value, one.amplitudes, J))
    return found


def _modes(result: FitResult) -> list[Optimum]:
    """The optima that may be taken and are not too bad to matter, the reported one first."""
    others = [one for one in result.others if not one.refused and one.chi2 <= result.chi2 + WORTH]
    return [] if result.reported is None else [result.reported, *others]


def _effective(drawn: Draws) -> float:
    """Effective number of draws of a mode's chains: of the parameter that has least."""
    x = np.swapaxes(drawn.theta, 0, 1)
    return min(float(_arviz().ess(x[:, :, k], method="bulk")) for k in range(x.shape[-1]))


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


def _posterior(result: FitResult, modes: list[Chains], seed: int, warmup: int, seconds: float) -> Posterior:
    """With chains first, and nothing that can be written to."""
    drawn, told = modes[0].draws, cast(tuple[Mode, ...], ())
    if len(modes) > 1:
        shares = masses(modes, seed)
        drawn = _together(modes, [mass.share for mass in shares], seed)
        rows = zip(_modes(result), shares, modes, strict=True)
        told = tuple(Mode(one, mass, np.swapaxes(mode.draws.theta, 0, 1)) for one, mass, mode in rows)
    parts: dict[str, Any] = {name: np.ascontiguousarray(np.swapaxes(part, 0, 1)) for name, part in drawn._asdict().items()}
    parts["optimum"] = result.value.copy()
    for part in parts.values():
        part.setflags(write=False)
    about: dict[str, Any] = {"seed": seed, "warmup": warmup, "seconds": seconds, "intervals": result.intervals, "modes": told}
    return Posterior(result.config, result.fitted, parts.pop("theta"), **parts, **about)


def _together(modes: list[Chains], shares: list[float], seed: int) -> Draws:
    """As many draws as one mode has, of every mode as many as it has share, evenly taken from those in its cell, shuffled."""
    shape = modes[0].draws.chi2.shape
    ends = np.round(np.cumsum(shares) * np.prod(shape)).astype(int)
    chosen = []
    for mode, kept, n in zip(modes, cells(modes), np.diff(ends, prepend=0), strict=True):
        places = np.argwhere(kept)
        places = places[np.linspace(0, len(places) - 1, n).round().astype(int)]
        chosen.append(Draws(*(part[tuple(places.T)] for part in mode.draws)))
    order = np.random.default_rng(seed).permutation(np.prod(shape))
    joined = (np.concatenate(parts)[order] for parts in zip(*chosen, strict=True))
    return Draws(*(part.reshape(*shape, *part.shape[1:]) for part in joined))


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
