"""Predictive checks of fitted curves: known residuals give known numbers, and a linear model scatters as they say."""

import shutil
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from problems import relative_error
from scipy.stats import binom, norm

from jaxgap.fitting import load_result
from jaxgap.fitting.model_curves import SPECTRA, drawn
from jaxgap.fitting.report.checks import LEVELS, badly_described, curve_checks, neighbours, share_within
from jaxgap.fitting.report.curve_pictures import plot_curves
from jaxgap.fitting.report.page import page
from jaxgap.fitting.report.residuals import independent_residuals, leverages, model_errors
from jaxgap.fitting.report.verdict import verdict

mpl.use("agg")

SHIPPED = Path(__file__).parents[2] / "fits" / "synthetic_spectra"
"""122 points of one junction at two temperatures, six parameters."""
SETS = 4000
SCATTER = 4.0
"""Standard deviations of a mean over so many sets that are allowed."""


@pytest.fixture(scope="module")
def result():
    return load_result(SHIPPED)


def with_residuals(result, z):
    """The result with its model so far from the data, in errors."""
    value, error = (np.array([getattr(d, name) for d in result.fitted]) for name in ("value", "error"))
    return result._replace(predicted=value + error * z)


def gaussian(n, seed=5):
    return np.random.default_rng(seed).normal(size=n)


# === residuals, leverages, errors of the model


def test_the_leverages_are_those_of_the_covariance(result):
    """And add up to the number of parameters; the model's error is the leverage in units of the datum's."""
    J = result.jacobian[: len(result.fitted)]
    h = leverages(result)
    assert relative_error(h, np.einsum("di,ij,dj->d", J, result.covariance, J)) < 1e-9
    assert h.sum() == pytest.approx(len(result.value), rel=1e-9)
    errors = np.array([d.error for d in result.fitted])
    assert relative_error(model_errors(result), errors * np.sqrt(h)) < 1e-9


def test_correlated_errors(result):
    """chi^2 is r C^-1 r, and the model's error that of J_y C J_y^T, with J = L^-1 J_y."""
    n = len(result.fitted)
    C = 4e-4 * (np.eye(n) + 0.5)
    data = tuple(d._replace(covariance=tuple(row)) for d, row in zip(result.fitted, C, strict=True))
    L, slopes = np.linalg.cholesky(C), result.jacobian[:n] * 0.02
    J = np.linalg.solve(L, slopes)
    one = result._replace(data=data, jacobian=J, covariance=np.linalg.inv(J.T @ J))
    r = np.asarray(one.predicted) - np.array([d.value for d in data])
    assert np.sum(independent_residuals(one) ** 2) == pytest.approx(r @ np.linalg.solve(C, r), rel=1e-10)
    assert relative_error(model_errors(one), np.sqrt(np.einsum("di,ij,dj->d", slopes, one.covariance, slopes))) < 1e-9


def test_what_is_no_difference_has_no_error(result):
    """A datum that is a limit; and all of them where a parameter is open."""
    limits = (result.fitted[0]._replace(limit="upper"), *result.fitted[1:])
    sigma = model_errors(result._replace(data=limits))
    assert np.isnan(sigma[0])
    assert np.isfinite(sigma[1:]).all()
    assert np.isnan(model_errors(result._replace(covariance=np.full((6, 6), np.inf)))).all()
    (check,) = curve_checks(result._replace(data=limits))
    assert check.shares["68 %"].points == 121


# === the checks


def test_neighbours_on_the_same_side():
    """All on one side: 2^-m; alternating: no pair; lines are not joined, and zeros have no side."""
    assert neighbours([np.ones(11)])[:2] == (10, 10)
    assert neighbours([np.ones(11)]).p == pytest.approx(2.0**-10, rel=1e-12)
    assert neighbours([(-1.0) ** np.arange(11)]) == (0, 10, 1.0)
    assert neighbours([np.ones(3), -np.ones(3)])[:2] == (4, 4)
    assert neighbours([np.array([1.0, 0.0, 1.0, 1.0])])[:2] == (1, 1)


def test_shares_of_points_that_were_not_fitted():
    """Without leverage the expected shares are those of the normal distribution; p is the binomial distribution's."""
    z = np.array([0.5] * 10 + [1.5] * 10)
    share = share_within(z, np.zeros(20), LEVELS["68 %"])
    assert (share.inside, share.points) == (10, 20)
    assert share.expected == pytest.approx(2 * norm.cdf(1) - 1, rel=1e-12)
    far = [k for k in range(21) if binom.pmf(k, 20, share.expected) <= binom.pmf(10, 20, share.expected) * (1 + 1e-7)]
    assert share.p == pytest.approx(sum(binom.pmf(k, 20, share.expected) for k in far), rel=1e-9)
    assert share_within(z, np.zeros(20), LEVELS["95 %"]).expected == pytest.approx(0.95, rel=1e-12)


def test_a_linear_model_scatters_as_expected():
    """A straight line through eight points, many times: shares inside the predictive intervals, and chi^2 of three of the
    points on three less their leverages."""
    x = np.array([0.0, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 9.0])
    A = np.stack([np.ones(8), x], axis=1)
    hat = A @ np.linalg.solve(A.T @ A, A.T)
    h = np.diag(hat)
    z = np.random.default_rng(2).normal(size=(SETS, 8)) @ (hat - np.eye(8))
    for k in LEVELS.values():
        expected = share_within(z[0], h, k).expected
        shares = np.mean(np.abs(z) <= k * np.sqrt(1 + h), axis=1)
        assert abs(shares.mean() - expected) < SCATTER * shares.std() / np.sqrt(SETS)
    part = np.sum(z[:, [0, 3, 7]] ** 2, axis=1)
    assert abs(part.mean() - np.sum(1 - h[[0, 3, 7]])) < SCATTER * part.std() / np.sqrt(SETS)


def test_the_checks_of_a_fit(result):
    """Of its residuals as they are; both temperatures are one data set, but not one line."""
    (check,) = curve_checks(result)
    z = independent_residuals(result)
    assert check.name == "tip"
    assert check.chi2 == pytest.approx(result.chi2, rel=1e-9)
    assert check.freedom == pytest.approx(len(result.fitted) - len(result.value), rel=1e-9)
    assert check.neighbours.pairs == 120
    assert check.shares["68 %"].inside == int(np.sum(np.abs(z) <= np.sqrt(1 + leverages(result))))
    assert badly_described([check]) == []


def test_a_shape_that_the_model_misses_is_said(result):
    """Residuals of the right size, but of one sign for half a period: in the checks, the verdict and on the page."""
    x = np.arange(122)
    wave = with_residuals(result, np.sqrt(2) * 0.9 * np.sin(2 * np.pi * x / 30))
    (check,) = curve_checks(wave)
    assert check.p_chi2 > 0.5
    assert check.neighbours.p < 1e-10
    (said,) = badly_described([check])
    assert said.startswith("The curve tip is badly described: ")
    assert "neighbours lie on the same side of the model" in said
    assert said in verdict(wave)
    assert "neighbours lie on the same side" in page(wave)


@pytest.mark.parametrize(
    ("size", "says"),
    [(1.0, None), (1.5, "badly described: chi^2 = "), (0.5, "The errors of tip look too large: chi^2 = ")],
)
def test_errors_of_a_wrong_size_are_said(result, size, says):
    checks = curve_checks(with_residuals(result, size * gaussian(122)))
    assert [says in text for text in badly_described(checks)] == [True] * (says is not None)


def test_a_loss_that_forgives_has_no_chi2(result):
    """Outliers are expected there: only the sides of neighbours are judged."""
    forgiving = result.config.data.model_copy(update={"loss": "cauchy"})
    one = result._replace(config=result.config.model_copy(update={"data": forgiving}))
    (check,) = curve_checks(one)
    assert np.isnan([check.p_chi2, *(share.p for share in check.shares.values())]).all()
    assert check.neighbours.p == curve_checks(result)[0].neighbours.p
    assert "–" in page(one)


# === pictures


def test_the_picture_has_every_curve_with_its_residuals(result):
    figure = plot_curves(result)
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles == ["tip, 4.2 K", "tip, 15 K"]
    assert figure.get_suptitle().startswith("SYNTHETIC: ")
    assert all(ax.get_xlabel() == "voltage $V$ (mV)" for ax in figure.axes[1::2])
    z = independent_residuals(result)
    shown = np.concatenate([ax.lines[-1].get_ydata() for ax in figure.axes[1::2]])
    assert sorted(shown) == pytest.approx(sorted(z), abs=1e-12)
    for ax in figure.axes[1::2]:
        assert np.abs(ax.lines[-1].get_ydata()).max() < ax.get_ylim()[1] == -ax.get_ylim()[0]
    mpl.pyplot.close(figure)


def test_of_many_temperatures_some_are_drawn(result):
    """And the page says so."""
    assert drawn([4.0]) == [4.0]
    many = [float(T) for T in range(20)]
    assert len(drawn(many)) == SPECTRA
    assert {0.0, 19.0} <= set(drawn(many))
    data = tuple(d._replace(T=2.0 + k % 8) for k, d in enumerate(result.fitted))
    assert "Of the 8 temperatures of tip 6 are drawn." in page(result._replace(data=data))


def test_the_page_is_made_from_the_record_alone(tmp_path):
    shutil.copy(SHIPPED / "result.json", tmp_path)
    text = page(load_result(tmp_path))
    assert "No curve is badly described." in text
    assert "<td>tip</td><td>dIdV</td>" in text
