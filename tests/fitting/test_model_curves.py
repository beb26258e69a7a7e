"""The model between the data: at them it is what the fit says, with the error that the fit gives it; at T_c it jumps."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from jaxgap.fitting import load_result
from jaxgap.fitting.model_curves import FINE, model_lines
from jaxgap.fitting.report.curve_pictures import plot_curves
from jaxgap.fitting.report.record import as_json, from_json
from jaxgap.fitting.report.residuals import model_errors
from jaxgap.fitting.result import Line

mpl.use("agg")

FITS = Path(__file__).parents[2] / "fits"
SAME = 1e-9
"""The branch of the report and the states of the fit solve the same equations."""
SAME_ERROR = 1e-7
"""Their derivatives."""
CLOSE = 1e-3
"""Of the temperature next to T_c, 3e-5 of it below: a continuous quantity has changed by the root of that at most."""


@pytest.fixture(scope="module")
def spectra():
    return load_result(FITS / "synthetic_spectra")


def check_at_the_data(result, lines):
    """Every datum lies on a line, where the line is the prediction."""
    sigma = model_errors(result)
    for k, (datum, predicted) in enumerate(zip(result.fitted, result.predicted, strict=True)):
        spectrum = datum.x is not None
        of = datum.experiment, datum.T if spectrum else None
        (line,) = [one for one in lines if (one.experiment, one.T) == of]
        at = np.argmin(np.abs(line.x - (datum.x if spectrum else datum.T)))
        assert line.x[at] == pytest.approx(datum.x if spectrum else datum.T, rel=1e-12)
        assert line.value[at] == pytest.approx(predicted, rel=SAME, abs=SAME * np.nanmax(np.abs(line.value)))
        assert line.sigma[at] == pytest.approx(sigma[k], rel=SAME_ERROR, abs=SAME_ERROR * np.nanmax(sigma))


@pytest.mark.slow
def test_curves_over_temperature_are_the_fit_at_the_data_and_jump_at_T_c():
    result = load_result(FITS / "synthetic_heat_and_musr")
    lines = model_lines(result.problem, result)
    check_at_the_data(result, lines)
    heat, muons = lines
    T_c, found = result.samples[0].T_c.value, dict(zip(result.config.parameters, result.value, strict=True))
    for line in lines:
        assert np.all(np.diff(line.x) >= 0)
        assert len(line.x) > 2 * len(result.fitted)
    normal = heat.x >= T_c
    assert heat.x[normal][0] == T_c
    np.testing.assert_allclose(heat.value[normal], found["gamma_n"] + 0.01 * heat.x[normal] ** 2, rtol=1e-12)
    below = np.flatnonzero(~normal)[-1]
    assert T_c - heat.x[below] < 1e-4 * T_c
    # C jumps by no more than a factor 2.43, and by some tens of percent where two bands share it.
    assert 0.3 * found["gamma_n"] < heat.value[below] - heat.value[below + 1] < 1.43 * found["gamma_n"]
    at = np.flatnonzero(muons.x >= T_c)[0]
    assert muons.value[at] == pytest.approx(0.1, rel=1e-12)
    assert muons.value[at - 1] == pytest.approx(muons.value[at], rel=CLOSE)


@pytest.mark.slow
def test_spectra_are_the_fit_at_the_data_and_finer_between(spectra):
    lines = model_lines(spectra.problem, spectra)
    assert [line.T for line in lines] == [4.2, 15.0]
    assert all(len(line.x) >= FINE and np.all(np.diff(line.x) >= 0) for line in lines)
    check_at_the_data(spectra, lines)


def test_lines_are_kept_and_drawn(spectra):
    """Also where there is no state, and no error; without lines the model is drawn at the data."""
    x = np.linspace(-9.0, 9.0, 7)
    line = Line("tip", "", 4.2, x, np.array([1, 1, 2, np.nan, 2, 1, 1.0]), np.full(7, np.nan))
    (kept,) = from_json(as_json(spectra._replace(lines=(line,)))).lines
    assert kept[:3] == line[:3]
    for one, other in zip(kept[3:], line[3:], strict=True):
        np.testing.assert_array_equal(one, other)
    figure = plot_curves(spectra._replace(lines=(line,)))
    drawn = [next(one for one in ax.lines if one.get_label() == "model").get_xdata() for ax in figure.axes[::2]]
    np.testing.assert_array_equal(drawn[0], x)
    assert len(drawn[1]) == 61
    mpl.pyplot.close(figure)
