"""Draws from the posterior of a fit: what they say of every parameter, how well they would predict other data, and whether to
trust them (`posterior` makes them).

Whether the chains are long enough is said by the rank-normalised split R-hat and the effective number of draws in the bulk and
in the tails (Vehtari et al., Bayesian Analysis 16, 667 (2021)). How well the model would predict another datum like those
fitted is said by WAIC and by leave-one-out from the same draws, whose Pareto k says whether to believe it (Vehtari, Gelman and
Gabry, Stat. Comput. 27, 1413 (2017)).
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.masses import Mass
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.profile import Interval
from jaxgap.model.records import Known
from jaxgap.numerics.checks import InputError

__all__ = ["EFFECTIVE", "PARETO", "R_HAT", "SHARE", "Criterion", "Marginal", "Mode", "Posterior", "arviz", "require_packages"]

PACKAGES = ("numpyro", "arviz")
R_HAT = 1.01
"""Chains with a larger R-hat have not met."""
EFFECTIVE = 400
"""Effective draws below which the diagnostics themselves are not to be trusted (Vehtari et al. 2021)."""
SHARE = 0.03
"""Error of a mode's share from which on the shares, and what depends on them, are not to be trusted."""
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
    r_hat: Known
    """Rank-normalised split R-hat; NaN for a single chain."""
    ess_bulk: float
    ess_tail: float
    """Effective numbers of draws."""
    optimum: float
    """Of the fit."""
    bounds: tuple[float, float]


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
    pareto_k: Known
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
        az, x = arviz(), self.draws[:, :, k]
        low_95, low, median, high, high_95 = np.quantile(x, [0.025, 0.16, 0.5, 0.84, 0.975]).tolist()
        # One chain cannot tell whether others would meet it.
        # The chains of a mode have to meet among themselves; the worst mode counts.
        parts = [mode.chains[:, :, k] for mode in self.modes] or [x]
        r_hat = max(float(az.rhat(part, method="rank")) for part in parts) if len(parts[0]) > 1 else np.nan
        ess = [min(float(az.ess(part, method=method)) for part in parts) for method in ("bulk", "tail")]
        name, parameter = self.names[k], self.config.parameters[self.names[k]]
        return Marginal(
            name=name,
            unit=parameter.unit,
            mean=float(x.mean()),
            sd=float(x.std(ddof=1)),
            median=median,
            interval_68=(low, high),
            interval_95=(low_95, high_95),
            r_hat=r_hat,
            ess_bulk=ess[0],
            ess_tail=ess[1],
            optimum=float(self.optimum[k]),
            bounds=parameter.bounds,
        )

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
        az, data = arviz(), self.inference_data()
        with warnings.catch_warnings():
            # Said by `trusted` and in the report.
            warnings.filterwarnings("ignore", message="For one or more samples the posterior variance", category=UserWarning)
            warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto", category=UserWarning)
            waic, loo = az.waic(data, pointwise=True), az.loo(data, pointwise=True)
        # A datum that no draw moves, such as a gap beyond T_c, has no tail to fit: its k is infinite, and it costs nothing.
        moved = np.ptp(self.log_likelihood, axis=(0, 1)) > 0
        worst = float(np.max(np.asarray(loo.pareto_k)[moved])) if moved.any() else 0.0
        return (
            Criterion("WAIC", float(waic.elpd_waic), float(waic.se), float(waic.p_waic), np.nan, not waic.warning),
            Criterion("PSIS-LOO", float(loo.elpd_loo), float(loo.se), float(loo.p_loo), worst, worst <= PARETO),
        )

    def inference_data(self) -> Any:
        """The draws as arviz's InferenceData, parameters by name, with the statistics of the sampler and the log likelihood."""
        return arviz().from_dict(
            posterior={name: self.draws[:, :, k] for k, name in enumerate(self.names)},
            log_likelihood={"data": self.log_likelihood},
            sample_stats={"diverging": self.diverging, "n_steps": self.steps, "lp": -self.chi2 / 2},
            observed_data={"data": np.array([d.value for d in self.fitted])},
            coords={"datum": [f"{d.label} {'' if d.T is None else f'at {d.T:g} K'}".strip() for d in self.fitted]},
            dims={"data": ["datum"]},
        )

    @property
    def verdict(self) -> str:
        """One paragraph: whether to trust the draws, and what stands against it."""
        return _verdict(self)

    def __str__(self) -> str:
        rows = [
            f"  {m.name} = {m.mean:.5g} +- {m.sd:.2g} {m.unit}".rstrip() + " (68 %: {:.4g} .. {:.4g})".format(*m.interval_68)
            for m in self.summary
        ]
        return "\n".join([f"posterior: {self.config.title or 'fit'}", *rows, self.verdict])


def _verdict(posterior: Posterior) -> str:
    """Whether to trust the draws, and what stands against it."""
    sentences = [_length(posterior), _modes(posterior)]
    total = posterior.diverging.size
    if n := posterior.divergences:
        sentences.append(
            f"{n} of {total} trajectories ({100 * n / total:.2g} %) diverged: they met parameters at which the branch does not "
            "exist, an edge of the posterior that the chains explore slowly, or a corner too narrow for their step."
        )
    if not all(criterion.trusted for criterion in posterior.criteria):
        sentences.append(
            "WAIC or leave-one-out fail their own check (single data move the posterior too much): compare models by refitting "
            "without each datum instead."
        )
    if robust := posterior.config.robust:
        sentences.append(
            f"The loss `{robust}` is no normalised density: compare log likelihoods only with fits of the same data and loss."
        )
    return " ".join(sentences)


def _length(posterior: Posterior) -> str:
    """Whether the chains have met, and are long enough."""
    chains, draws, _ = posterior.draws.shape
    if posterior.converged:
        return f"{chains} chains of {draws} draws agree (R-hat < {R_HAT}, more than {EFFECTIVE} effective draws)."
    if chains == 1:
        return "NOT CONVERGED as far as can be told: a single chain cannot be compared with others; draw at least two chains."
    apart = [f"{m.name} ({m.r_hat:.3f})" for m in posterior.summary if not m.r_hat < R_HAT]
    few = [f"{m.name} ({min(m.ess_bulk, m.ess_tail):.0f})" for m in posterior.summary if not _effective(m) > EFFECTIVE]
    reasons = [f"R-hat is not below {R_HAT} for {' and '.join(apart)}"] if apart else []
    reasons += [f"fewer than {EFFECTIVE} draws are effective for {' and '.join(few)}"] if few else []
    more = "draw more, or, if that does not help, with a longer warm-up; until then do not quote these"
    return f"NOT CONVERGED: {'; '.join(reasons)}: {more}."


def _modes(posterior: Posterior) -> str:
    """Of how many modes the posterior is, as far as the fit's starts have found them."""
    if not posterior.modes:
        return "The fit found one mode; chains that agree do not prove that there is no other."
    said = [
        f"{100 * m.mass.share:.1f} +- {100 * m.mass.error:.1f} % around {_place(posterior, m)} ({m.optimum.stability})"
        for m in posterior.modes
    ]
    text = f"The posterior has {len(said)} modes, each with chains of its own: {'; '.join(said)} (shares by bridge sampling)."
    known = all(mode.mass.error < SHARE for mode in posterior.modes)
    return text if known else f"{text} NOT CONVERGED: the shares are not known well enough: draw more."


def _place(posterior: Posterior, mode: Mode) -> str:
    return ", ".join(f"{name} = {value:.5g}" for name, value in zip(posterior.names, mode.optimum.value, strict=True))


def _effective(m: Marginal) -> float:
    return float(min(m.ess_bulk, m.ess_tail))


def require_packages() -> None:
    """Say what to install if something is missing.

    Raises:
        InputError: if numpyro or arviz is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f'Posteriors need {" and ".join(missing)}: pip install "jaxgap[bayes]".')


def arviz() -> Any:
    """arviz, without what it says about its own future when it is imported."""
    require_packages()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        import arviz as package
    return package
