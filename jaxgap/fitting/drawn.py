"""Draws from the posterior of a fit, by themselves: parameters, deviations from the data, and how the chains went.

What they say is in `jaxgap.fitting.draws`, how other programs read them in `jaxgap.fitting.inference_data`.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.masses import Mass
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.problem import error_of
from jaxgap.fitting.profile import Interval

__all__ = ["Drawn", "Mode"]


class Mode(NamedTuple):
    """One mode of the posterior, around an optimum of the fit."""

    optimum: Optimum
    mass: Mass
    """Its share."""
    chains: np.ndarray
    """What its own chains have drawn, [chain, draw, parameter]."""


@dataclass(frozen=True)
class Drawn:
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
    deviations_before: np.ndarray | None = None
    """[chain, draw, datum]: as `deviations`, of the first draws of the prior (`jaxgap.fitting.prior`); NaN where the branch
    of the optimum does not exist."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.config.parameters)

    @cached_property
    def log_likelihood(self) -> np.ndarray:
        """ln p(datum | theta), [chain, draw, datum]: of a value the normalised Gaussian -z^2/2 - ln(sigma sqrt(2 pi)); of a
        limit the probability that a reading stays within it, which needs no norm. With another loss than `linear` z^2 is the
        loss and the norm still the Gaussian's: right up to a constant per datum. What is known beforehand is no datum."""
        norm = [0.0 if d.limit else np.log(error_of(d, self.config) * np.sqrt(2 * np.pi)) for d in self.fitted]
        return -(self.deviations**2) / 2 - np.array(norm)
