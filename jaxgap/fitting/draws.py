"""What draws from the posterior of a fit say of every parameter, how well they would predict other data, and whether to trust
them (`posterior` makes them).

Whether the chains are long enough is said by the rank-normalised split R-hat and the effective number of draws in the bulk and
in the tails (Vehtari et al., Bayesian Analysis 16, 667 (2021)). How well the model would predict another datum like those
fitted is said by WAIC and by leave-one-out from the same draws, whose Pareto k says whether to believe it (Vehtari, Gelman and
Gabry, Stat. Comput. 27, 1413 (2017)).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from jaxgap.fitting.drawn import Drawn, Mode
from jaxgap.fitting.elpd import Criterion, leave_one_out, waic
from jaxgap.fitting.inference_data import arviz, in_arviz, tree_of
from jaxgap.model.records import Known

__all__ = ["EFFECTIVE", "R_HAT", "SHARE", "Marginal", "Posterior"]

R_HAT = 1.01
"""Chains with a larger R-hat have not met."""
EFFECTIVE = 400
"""Effective draws below which the diagnostics themselves are not to be trusted (Vehtari et al. 2021)."""
SHARE = 0.03
"""Error of a mode's share from which on the shares, and what depends on them, are not to be trusted."""


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


@dataclass(frozen=True)
class Posterior(Drawn):
    """Draws from the posterior of a fit, and what they say; immutable."""

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
        # The tails as arviz 0 has them unasked; 1.0 wants to be told.
        asked: dict[str, dict[str, Any]] = {"bulk": {}, "tail": {"prob": (0.05, 0.95)}}
        ess = [min(float(az.ess(part, method=one, **more)) for part in parts) for one, more in asked.items()]
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
    def criteria(self) -> tuple[Criterion, ...]:
        """WAIC and leave-one-out (PSIS) of the fitted data."""
        return waic(self.log_likelihood), leave_one_out(self.log_likelihood, self.draws)

    @cached_property
    def tree(self) -> Any:
        """All groups as an `xarray.DataTree`: parameters by name with their units, the prior, the data, what the model says of
        them and repeated data, both with the posterior and with the prior, the statistics of the sampler and the log likelihood
        (`jaxgap.fitting.inference_data`)."""
        return tree_of(self)

    def inference_data(self) -> Any:
        """The same as arviz has it: a `DataTree` from 1.0 on, an `InferenceData` before."""
        return in_arviz(self.tree)

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
