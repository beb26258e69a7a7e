"""Posterior predictive checks of curves: from draws of a linear model, beside data that are drawn again for every draw."""

from pathlib import Path

import numpy as np
import pytest
from gaussian_draws import CHAINS, DRAWS, posterior_of, residuals
from rich.console import Console

from jaxgap.fitting import load_result
from jaxgap.fitting.report.posterior import print_report
from jaxgap.fitting.report.posterior_checks import posterior_checks

SHIPPED = Path(__file__).parents[2] / "fits" / "synthetic_spectra"
MONTE_CARLO = 4 / (2 * np.sqrt(CHAINS * DRAWS))
"""Four standard deviations of a share of so many repeated data sets."""


@pytest.fixture(scope="module")
def result():
    return load_result(SHIPPED)


def test_the_checks_are_those_of_repeated_data(result):
    """chi^2, and neighbours of either temperature, of new data at every draw."""
    found = posterior_of(result, residuals(result))
    (check,) = posterior_checks(found)
    assert (check.name, check.kind, check.points) == ("tip", "dIdV", 122)
    z = found.deviations.reshape(-1, 122)
    again = np.random.default_rng(8).normal(size=z.shape)
    assert abs(check.p_chi2 - np.mean(np.sum(again**2, axis=1) >= np.sum(z**2, axis=1))) < MONTE_CARLO

    def same(z):
        return sum(np.sum(part[:, 1:] * part[:, :-1] > 0, axis=1) for part in (z[:, :61], z[:, 61:]))

    assert [d.T for d in found.fitted[60:62]] == [4.2, 15.0]
    assert abs(check.p_neighbours - np.mean(same(again) >= same(z))) < MONTE_CARLO
    assert check.inside_68 == pytest.approx(np.mean(np.abs(z) <= 1), rel=1e-12)


def test_a_shape_that_the_model_misses(result):
    """A residual of one sign for half a period has an innocent chi^2."""
    wave = 1.2 * np.sin(2 * np.pi * np.arange(122) / 30)
    (check,) = posterior_checks(posterior_of(result, wave))
    assert check.p_chi2 > 0.1
    assert check.p_neighbours < 1e-6
    (small,) = posterior_checks(posterior_of(result, 0.3 * wave))
    assert small.p_chi2 > 0.999
    assert small.inside_68 > 0.9


def test_a_loss_that_forgives_has_no_chi2(result):
    forgiving = result.config.data.model_copy(update={"loss": "cauchy"})
    one = result._replace(config=result.config.model_copy(update={"data": forgiving}))
    (check,) = posterior_checks(posterior_of(one, residuals(one)))
    assert np.isnan(check.p_chi2)
    assert 0.0 < check.p_neighbours < 1.0


def test_they_are_printed(result, capsys):
    pytest.importorskip("arviz")
    print_report(posterior_of(result, residuals(result)), Console(width=120))
    said = capsys.readouterr().out
    assert "posterior predictive checks" in said
    assert "dIdV[tip]" in said
