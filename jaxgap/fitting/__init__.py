"""Fitting couplings to measured gaps: data, parameters, objective, optimiser, uncertainty, record, report.

The names below are imported when they are asked for.
"""

from typing import TYPE_CHECKING

from jaxgap.numerics.listed import later

if TYPE_CHECKING:
    from jaxgap.fitting.choice import fit as fit
    from jaxgap.fitting.comparison import Comparison as Comparison
    from jaxgap.fitting.comparison import compare as compare
    from jaxgap.fitting.config import FitConfig as FitConfig
    from jaxgap.fitting.data import Datum as Datum
    from jaxgap.fitting.data import read_data as read_data
    from jaxgap.fitting.directions import Combination as Combination
    from jaxgap.fitting.directions import combinations as combinations
    from jaxgap.fitting.draws import Marginal as Marginal
    from jaxgap.fitting.draws import Posterior as Posterior
    from jaxgap.fitting.examples import example as example
    from jaxgap.fitting.information import Measurement as Measurement
    from jaxgap.fitting.information import next_measurement as next_measurement
    from jaxgap.fitting.loading import load_fit as load_fit
    from jaxgap.fitting.profile import Interval as Interval
    from jaxgap.fitting.report.corner import plot_posterior as plot_posterior
    from jaxgap.fitting.report.files import write_report as write_report
    from jaxgap.fitting.report.posterior import write_posterior as write_posterior
    from jaxgap.fitting.report.record import load_result as load_result
    from jaxgap.fitting.resampling import Bootstrap as Bootstrap
    from jaxgap.fitting.resampling import bootstrap as bootstrap
    from jaxgap.fitting.result import FitResult as FitResult
    from jaxgap.fitting.sampling import posterior as posterior
else:
    __all__, __getattr__, __dir__ = later(__name__, __file__)
