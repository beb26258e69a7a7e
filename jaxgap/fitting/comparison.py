r"""Models compared on the same data: with and without cross-band pairing, and whether techniques agree with each other.

A model with parameters held (`hold`) is nested in the full one. Beside chi^2 and its price for every parameter (AICc, BIC)

.. math:: \chi^2_{\rm held} - \chi^2_{\rm full} \sim \chi^2_k

if the held model is right (Wilks), k parameters held; one that is held at a bound of its range can only rise, and half of the
probability sits at zero (Chernoff, Ann. Math. Stat. 25, 573 (1954)). The evidence is Laplace's (`fitting.criteria`); it has no
value where data leave a parameter open.

Models with free gaps (`jaxgap.fitting.empirical`) are not nested in it, nor it in them: AICc, BIC and evidence compare them.
`smw` is the self-consistent model in which no channel has pairs across bands: every coupling of such a channel is zero.

Models that use some `techniques` only answer another question: do the techniques agree? Fitted together they cost more than
fitted apart,

.. math:: \chi^2_{\rm together} - \sum_t \chi^2_t \sim \chi^2_{k (n_t - 1)} .
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from jaxgap.fitting.choice import fit
from jaxgap.fitting.config import FULL, SMW, FitConfig, ModelConfig
from jaxgap.fitting.criteria import laplace
from jaxgap.fitting.data import Datum
from jaxgap.fitting.empirical.fit import EmpiricalFit, fit_empirical
from jaxgap.fitting.empirical.problem import empirical_problem
from jaxgap.fitting.empirical.uncrossed import without_cross_pairing
from jaxgap.fitting.experiments import is_experiment
from jaxgap.fitting.expressions import held, names_in
from jaxgap.fitting.report.verdict import misfit
from jaxgap.fitting.result import FitResult
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.amounts import amount
from jaxgap.numerics.checks import InputError, NotConvergedError

__all__ = ["Comparison", "Tension", "compare", "log_evidence", "model"]

LOWER = 1e-3
"""A model that is a special case of another one, and yet has a chi^2 lower by more than this, was fitted better."""


class Comparison(NamedTuple):
    """Fits of several models to the same data, or to parts of them."""

    fits: dict[str, FitResult]
    """The full model first, if its fit converged."""
    failed: Mapping[str, str] = MappingProxyType({})
    """Model -> why its fit did not converge."""
    empirical: Mapping[str, EmpiricalFit] = MappingProxyType({})
    """Models with free gaps."""

    @property
    def held(self) -> dict[str, FitResult]:
        """Models with parameters held, by name."""
        return self._those(lambda model: bool(model.hold))

    @property
    def parts(self) -> dict[str, FitResult]:
        """Models that use some techniques only."""
        return self._those(lambda model: bool(model.techniques))

    @property
    def uncrossed(self) -> dict[str, FitResult]:
        """Self-consistent models without cross-band pairing."""
        return self._those(lambda model: model.empirical == SMW)

    def _those(self, wanted: Callable[[ModelConfig], bool]) -> dict[str, FitResult]:
        models = next(iter(self.fits.values())).config.models
        return {name: self.fits[name] for name, model in models.items() if wanted(model) and name in self.fits}

    @property
    def full(self) -> FitResult:
        """The model as fit.toml has it."""
        return self.fits[FULL]

    def p_value(self, name: str) -> float:
        """Probability that chi^2 falls by as much as it does if the held model `name` is right and the rest is freedom only;
        NaN without the full model."""
        from scipy.stats import chi2 as chi2_distribution  # here: it takes half a second to import

        if FULL not in self.fits:
            return float("nan")
        hold, bounds = self.full.config.models[name].hold, self.full.config.parameters
        rise = max(self.fits[name].chi2 - self.full.chi2, 0.0)
        at_bound = len(hold) == 1 and all(value in bounds[parameter].bounds for parameter, value in hold.items())
        return float(chi2_distribution.sf(rise, len(hold)) * (0.5 if at_bound and rise > 0 else 1.0))

    @property
    def tension(self) -> "Tension | None":
        """How badly the techniques disagree; None if fewer than two were fitted alone, or if they share data, or a fit is
        missing."""
        from scipy.stats import chi2 as chi2_distribution  # here: it takes half a second to import

        if FULL not in self.fits:
            return None
        rows = [datum.line for fit in self.parts.values() for datum in fit.fitted]
        if len(self.parts) < 2 or sorted(rows) != sorted(datum.line for datum in self.full.fitted):
            return None
        apart = sum(fit.chi2 for fit in self.parts.values())
        # A part with fewer data than parameters uses up only as many.
        used = sum(min(len(fit.value), len(fit.fitted)) for fit in self.parts.values())
        freedom = used - min(len(self.full.value), len(self.full.fitted))
        rise = max(self.full.chi2 - apart, 0.0)
        return Tension(self.full.chi2, apart, freedom, float(chi2_distribution.sf(rise, freedom)))

    def __str__(self) -> str:
        models = dict[str, FitResult | EmpiricalFit](self.fits) | dict(self.empirical)
        rows = [
            f"  {name}: chi^2 = {one.chi2:.4g} of {amount(len(one.fitted), 'datum', 'data')} with "
            f"{amount(len(one.value), 'parameter')}"
            for name, one in models.items()
        ]
        return "\n".join(["comparison", *rows, self.verdict])

    def __repr__(self) -> str:
        return str(self)

    @property
    def verdict(self) -> str:
        """What the comparison says, in sentences."""
        said = [f"The fit of `{name}` is missing: {why}" for name, why in self.failed.items()]
        if FULL in self.fits:
            others = self.uncrossed | dict(self.empirical)
            said += [misfit(self.full), *(_preference(self, name) for name in self.held), _agreement(self)]
            said += [_against(self.full, name, other) for name, other in others.items()]
        return " ".join(text for text in said if text)


class Tension(NamedTuple):
    """Techniques fitted together and apart."""

    together: float
    """chi^2 of one fit to all."""
    apart: float
    """Sum of chi^2 of a fit to each."""
    freedom: int
    """Parameters that the separate fits have more."""
    p_value: float
    """Probability of such a rise of chi^2, or a larger one, if all techniques measure the same system."""


DECISIVE = 0.01
"""Probability below which a model is called excluded, and techniques in conflict."""
LEVELING = 2.0
"""Difference of AICc below which neither of two models is preferred."""


def _preference(comparison: Comparison, name: str) -> str:
    """The full model against one with parameters held."""
    full, held, p = comparison.full, comparison.fits[name], comparison.p_value(name)
    values = " and ".join(f"{key} = {value:g}" for key, value in full.config.models[name].hold.items())
    if held.chi2 < full.chi2 - LOWER:
        return (
            f"Holding {values} ended at a lower chi^2 ({held.chi2:.2f}) than the full model ({full.chi2:.2f}), which cannot "
            "be: raise `optimiser.starts`."
        )
    text = f"Holding {values} costs {max(held.chi2 - full.chi2, 0.0):.2f} in chi^2 (p = {p:.2g})"
    gain = held.criteria["AICc"] - full.criteria["AICc"]
    if not np.isfinite(gain):
        excluded = f"excludes `{name}`" if p < DECISIVE else "does not tell the models apart"
        return f"{text}, which {excluded}; the data are too few for AICc."
    if abs(gain) < LEVELING:
        return f"{text}; AICc differs by {gain:+.2f}: the data do not prefer either."
    better = "the full model" if gain > 0 else f"`{name}`"
    return f"{text}; AICc prefers {better} by {abs(gain):.2f}."


def _against(full: FitResult, name: str, other: FitResult | EmpiricalFit) -> str:
    """The full model against one that is no special case of it, or one without cross-band pairing."""
    k, free = len(full.value), len(other.value)
    text = f"`{name}` has chi^2 = {other.chi2:.2f} with {free} parameters, the full model {full.chi2:.2f} with {k}"
    gain = other.criteria["AICc"] - full.criteria["AICc"]
    if not np.isfinite(gain):
        return f"{text}; the data are too few for AICc."
    if abs(gain) < LEVELING:
        return f"{text}; AICc differs by {gain:+.2f}: the data do not prefer either."
    return f"{text}; AICc prefers {'the full model' if gain > 0 else f'`{name}`'} by {abs(gain):.2f}."


def _agreement(comparison: Comparison) -> str:
    tension = comparison.tension
    if tension is None:
        return ""
    names = ", ".join(comparison.parts)
    text = f"Fitted apart, {names} cost {tension.apart:.2f} in chi^2, fitted together {tension.together:.2f}"
    if tension.together < tension.apart - LOWER:
        return f"{text}, which cannot be less: raise `optimiser.starts`."
    verdict = "They are in conflict within this model." if tension.p_value < DECISIVE else "They can be fitted together."
    return f"{text}, with {tension.freedom} parameters less (p = {tension.p_value:.2g}). {verdict}"


def model(
    config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], name: str
) -> tuple[FitConfig, Superconductor, tuple[Datum, ...]]:
    """(configuration, system, data) of the model `name` of `config.models`, to be fitted.

    Raises:
        InputError: for a technique that no fitted row has.
    """
    hold, techniques = config.models[name].hold, config.models[name].techniques
    shared, own, numbers = _held_leaves(config, hold)
    samples = {key: part.model_copy(update={"set": part.set | own.get(key, {})}) for key, part in config.samples.items()}
    free = {key: parameter for key, parameter in config.parameters.items() if key not in hold}
    known = {datum.technique for datum in data if datum.use == "fit"}
    if missing := [technique for technique in techniques if technique not in known]:
        raise InputError(
            f"Model `{name}`: no fitted row has the technique `{missing[0]}`; there are {', '.join(sorted(known))}."
        )
    if techniques:
        data = tuple(d._replace(use="show") if d.use == "fit" and d.technique not in techniques else d for d in data)
    ties = {path: held(text, _held_names(config, name)) for path, text in config.ties.items()}
    config = config.model_copy(update={"parameters": free, "samples": samples, "ties": ties})
    for path, value in numbers.items():
        config = config.with_number(path, value, sc.band_names)
    sc = sc.set(shared)
    return (*(without_cross_pairing(name, config, sc) if config.models[name].empirical == SMW else (config, sc)), data)


def _held_names(config: FitConfig, name: str) -> dict[str, float]:
    """The values of held parameters by the names that [ties] use, which are those of all samples."""
    hold, found = config.models[name].hold, {}
    for short in {short for text in config.ties.values() for short in names_in(text)}:
        values = {hold.get(config.named(sample)[short]) for sample in config.sample_names}
        if len(values) > 1:
            raise InputError(f"Model `{name}`: `{short}` is used in [ties]: hold it at one value in every sample, or in none.")
        if (value := values.pop()) is not None:
            found[short] = value
    return found


def _held_leaves(
    config: FitConfig, hold: dict[str, float]
) -> tuple[dict[str, float], dict[str, dict[str, float]], dict[str, float]]:
    """What held parameters set: (leaves of all samples, leaves by sample, numbers of experiments)."""
    shared: dict[str, float] = {}
    own: dict[str, dict[str, float]] = {}
    numbers: dict[str, float] = {}
    for name, value in hold.items():
        parameter = config.parameters[name]
        leaves = shared if parameter.sample is None else own.setdefault(parameter.sample, {})
        for path, factor in parameter.sets.items():
            (numbers if is_experiment(path) else leaves)[path] = factor * value
    return shared, own, numbers


def compare(
    config: FitConfig,
    sc: Superconductor,
    data: tuple[Datum, ...],
    progress: Callable[[str, str, int, int, float], None] = lambda *_: None,
) -> Comparison:
    """Fit the model of `config` and all of `config.models` to the data; `progress` has the model's name first.

    A fit that does not converge is told in `Comparison.failed`, and the others go on.

    Args:
        config: what fit.toml says, with its [models].
        sc: the system that the fits start from.
        data: the rows; those with `use` "fit" count.
        progress: called as progress(model, stage, step, steps, chi2).

    Raises:
        InputError: if there are no models to compare with, or one names an unknown technique.
        NotConvergedError: if none of the fits converges.

    Example:
        >>> found = jg.fitting.compare(*jg.fitting.load_fit(jg.fitting.example("mgb2")))
        >>> {name: len(one.value) for name, one in found.fits.items()}, round(found.p_value("without_cross_band_pairing"), 2)
        ({'all': 3, 'without_cross_band_pairing': 2}, 0.5)
    """
    if not config.models:
        raise InputError("fit.toml has no [models.<name>] to compare with: give one a `hold`, `techniques` or `empirical`.")
    free = {name for name, one in config.models.items() if one.empirical not in (None, SMW)}
    problems = {FULL: (config, sc, data)} | {name: model(config, sc, data, name) for name in config.models if name not in free}
    gaps = {name: empirical_problem(name, config, sc, data) for name in config.models if name in free}

    def reported(name: str) -> Callable[[str, int, int, float], None]:
        return lambda *state: progress(name, *state)

    fits: dict[str, FitResult] = {}
    empirical: dict[str, EmpiricalFit] = {}
    failed: dict[str, str] = {}
    for name in (FULL, *config.models):
        try:
            if name in gaps:
                empirical[name] = fit_empirical(*gaps[name], data, reported(name))
            else:
                fits[name] = fit(*problems[name], reported(name))
        except NotConvergedError as error:
            failed[name] = str(error)
    if not fits:
        raise NotConvergedError(f"No model could be fitted; `{FULL}`: {failed[FULL]}")
    return Comparison(fits, failed, empirical)


def log_evidence(result: FitResult | EmpiricalFit) -> float:
    """ln Z by Laplace's approximation, up to a constant of the data; NaN where the data leave a parameter open."""
    return laplace(result.chi2, result.covariance, result.config)
