"""What a fit gives back: the optimum, how sure it is, what it says of every sample, and how the starts ended."""

from typing import NamedTuple

import numpy as np

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.criteria import criteria_of, degrees_of_freedom
from jaxgap.fitting.data import Datum
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.problem import Problem, problem
from jaxgap.fitting.profile import Interval, Minimum, profile
from jaxgap.fitting.states import of_stability
from jaxgap.fitting.uncertainty import Prediction
from jaxgap.model.records import Number
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.amounts import amount
from jaxgap.numerics.checks import check
from jaxgap.numerics.provenance import Provenance
from jaxgap.solving.curves import GapCurve

__all__ = ["FitResult", "Line", "SampleResult", "Tried"]


class SampleResult(NamedTuple):
    """What a fit says of one sample."""

    name: str
    """Empty if there is only one."""
    superconductor: Superconductor
    """The system at the optimum."""
    curve: GapCurve
    """The branch against temperature, found by `solve` from nothing; the fitted temperatures are among its own."""
    curve_sigma: np.ndarray
    """One standard deviation of the gaps of `curve` [meV], [temperature, branch], propagated from the covariance; NaN where
    the branch or the derivative does not exist, or the covariance is infinite."""
    comparison: GapCurve
    """s++ (s+- if s++ was fitted) of the same system at the same temperatures."""
    predictions: tuple[Prediction, ...]
    """The end of the branch, and T_c."""

    @property
    def end(self) -> Prediction:
        """Where the branch ends [K]."""
        return self.predictions[0]

    @property
    def T_c(self) -> Prediction:
        """Where the normal state ceases to be stable [K]."""
        return self.predictions[1]


class Line(NamedTuple):
    """The model along a fitted curve, on an axis finer than the data's (`jaxgap.fitting.model_curves`)."""

    experiment: str
    sample: str
    """Empty if there is only one."""
    T: float | None
    """[K] of a spectrum; None for a curve over temperature."""
    x: np.ndarray
    """T [K], or places on the quantity's own axis."""
    value: np.ndarray
    """NaN where there is no state."""
    sigma: np.ndarray
    """One standard deviation; NaN where the data do not determine all parameters."""


class Tried(NamedTuple):
    """A branch that was fitted because fit.toml leaves open which one it is."""

    branch: str
    """Its signs."""
    chi2: Number
    """NaN if no start ended on it."""
    remark: str
    """Why it was not taken, other than for its chi^2."""


class FitResult(NamedTuple):
    """The best fit, its uncertainty, and how the starts ended."""

    config: FitConfig
    data: tuple[Datum, ...]
    samples: tuple[SampleResult, ...]
    """In the order of `config.sample_names`."""
    value: np.ndarray
    """Best parameters, in the order of `config.parameters`."""
    covariance: np.ndarray
    """From the curvature of chi^2 at the optimum (Gauss-Newton, exact derivatives), with the errors as given or assumed;
    infinite along directions that the data do not determine."""
    undetermined: np.ndarray
    """Directions in parameter space (rows, in units of the bounds' widths) that the data do not determine."""
    jacobian: np.ndarray
    """Derivatives of the residuals (data, then what is known beforehand) with respect to the parameters."""
    intervals: tuple[Interval, ...]
    """68.3 % intervals from the profile of chi^2, in the same order."""
    chi2: float
    amplitudes: np.ndarray
    """At every sample and temperature of the fitted data [meV], [condition, channel]."""
    predicted: np.ndarray
    """Model value of every fitted datum."""
    start_values: np.ndarray
    start_chi2: np.ndarray
    """Where every start ended."""
    start_converged: np.ndarray
    evaluations: int
    """Evaluations of residuals and Jacobian, of all starts together."""
    seconds: float
    provenance: Provenance
    """Versions, device and precision of the run (`jaxgap.numerics.provenance`)."""
    branch: str
    """The fitted branch."""
    tried: tuple[Tried, ...] = ()
    """All branches, if fit.toml leaves open which one it is."""
    optima: tuple[Optimum, ...] = ()
    """All optima found: those that the fit may take by rising chi^2, then those refused. The first one is reported, unless it
    is refused and a start that has not converged is at a state that may be taken."""
    start_optimum: np.ndarray | None = None
    """For every start the number of the optimum at which it ended, -1 for none."""
    explored: int = 0
    """Further starts, from states that the fit may not take."""
    refused: str = ""
    """Why the reported state may not be taken, if no other one was found; empty if it may."""
    lines: tuple[Line, ...] = ()
    """The model along every fitted curve; none in a record of before."""

    @property
    def superconductor(self) -> Superconductor:
        """The system at the optimum, of a fit of one sample."""
        check(len(self.samples) == 1, "superconductor", "be that of one of `samples`: this fit has several", len(self.samples))
        return self.samples[0].superconductor

    @property
    def problem(self) -> Problem:
        """What was minimised, over states of the optimum's stability."""
        p = problem(self.config.with_branch(self.branch), [sample.superconductor for sample in self.samples], self.data)
        return p if self.reported is None else of_stability(p, self.reported.unstable)

    @property
    def reported(self) -> Optimum | None:
        """The optimum that the result is; None if no start has converged there."""
        return self.optima[0] if self.optima and (self.refused or not self.optima[0].refused) else None

    @property
    def others(self) -> tuple[Optimum, ...]:
        """The other optima."""
        return (self.optima or ())[0 if self.reported is None else 1 :]

    @property
    def uncertainty(self) -> np.ndarray:
        """One standard deviation of every parameter."""
        return np.sqrt(np.diag(self.covariance))

    def interval(self, name: str, rise: float = 1.0, points: int = 0) -> Interval:
        """The interval in which chi^2, minimised over all other parameters, is less than `rise` above its minimum: 1 for
        68.3 %, 3.841 for 95 %. Right where errors are not symmetric, and at bounds. `points`: also the profile at so many
        values spread evenly over it."""
        names = list(self.config.parameters)
        check(name in names, "name", f"be one of {', '.join(names)}", name)
        minimum = Minimum(self.value, self.amplitudes, self.chi2, self.uncertainty)
        return profile(self.problem, self.config.optimiser, minimum, names.index(name), rise, points)

    @property
    def degrees_of_freedom(self) -> int:
        """Data, and what is known of parameters beforehand, less the number of parameters."""
        return degrees_of_freedom(self.config, self.fitted)

    @property
    def criteria(self) -> dict[str, float]:
        """Information criteria of the fit, lower is better: chi^2 plus a price for every parameter. NaN where the data are
        too few for the correction (AICc needs two more data than parameters)."""
        return criteria_of(self.chi2, len(self.value), self.degrees_of_freedom)

    def __str__(self) -> str:
        found = zip(self.config.parameters.items(), self.value, self.uncertainty, self.intervals, strict=True)
        rows = [
            f"  {name} = {value:.5g} +- {error:.2g} {one.unit}".rstrip()
            + (
                f" (68 %: {interval.lower.value:.4g} .. {interval.upper.value:.4g})"
                if np.isfinite(error)
                else ", not determined"
            )
            for (name, one), value, error, interval in found
        ]
        cost = f"chi^2 = {self.chi2:.4g} of {amount(len(self.fitted), 'datum', 'data')}, branch {self.branch}"
        return "\n".join([f"fit: {self.config.title or 'without a title'}", *rows, cost, *filter(None, [self.refused])])

    def __repr__(self) -> str:
        return str(self)

    @property
    def fitted(self) -> tuple[Datum, ...]:
        """The rows that counted."""
        return tuple(datum for datum in self.data if datum.use == "fit")
