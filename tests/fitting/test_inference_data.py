"""Draws in the groups of arviz: what is written is what was drawn, and repeated data scatter by their errors."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from gaussian_draws import CHAINS, DRAWS, posterior_of, residuals

from jaxgap.fitting import load_result
from jaxgap.fitting.elpd import leave_one_out, waic
from jaxgap.fitting.inference_data import arviz, has_trees, netcdf
from jaxgap.fitting.objective import LOSSES

pytest.importorskip("arviz")

SHIPPED = Path(__file__).parents[2] / "fits" / "synthetic_spectra"
ROUNDING = 1e-12
INVERTED = 1e-9
"""A loss is taken back to the rounding of its own root."""
SHARE = 0.06
"""Four standard deviations of a share of 1000 draws."""


@pytest.fixture(scope="module")
def result():
    return load_result(SHIPPED)


@pytest.fixture(scope="module")
def posterior(result):
    return posterior_of(result, residuals(result))


@pytest.fixture(scope="module")
def written(posterior, tmp_path_factory):
    path = tmp_path_factory.mktemp("draws") / "posterior.nc"
    path.write_bytes(netcdf(posterior.tree))
    return path


def with_first(result, **changes):
    """The fit with its first datum changed."""
    return result._replace(data=(result.data[0]._replace(**changes), *result.data[1:]))


def test_arviz_opens_what_is_written(posterior, written):
    found = arviz().from_netcdf(written)
    for k, (name, parameter) in enumerate(posterior.config.parameters.items()):
        np.testing.assert_array_equal(found.posterior[name].values, posterior.draws[:, :, k])
        assert found.posterior[name].attrs["units"] == (parameter.unit or "1")
        assert found.prior[name].shape == (CHAINS, DRAWS)
    np.testing.assert_array_equal(found.observed_data["data"].values, [d.value for d in posterior.fitted])
    np.testing.assert_array_equal(found.log_likelihood["data"].values, posterior.log_likelihood)
    assert set(found.posterior_predictive["data"].coords) >= {"datum", "T", "unit", "limit"}
    assert found.posterior_predictive["T"].attrs["units"] == "K"
    assert found.posterior_predictive["T"].values[0] == posterior.fitted[0].T


@pytest.mark.slow
def test_it_is_opened_without_jaxgap(written):
    said = (
        "import sys, warnings; warnings.simplefilter('ignore'); import arviz;"
        f"print(len(arviz.summary(arviz.from_netcdf({str(written)!r}))), 'jaxgap' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(load_result(SHIPPED).config.parameters)), "False"]


def test_repeated_data_scatter_about_the_model(posterior):
    group = posterior.tree["posterior_predictive"]
    value, error = (np.array([getattr(d, name) for d in posterior.fitted]) for name in ("value", "error"))
    model = group["model"].values
    np.testing.assert_allclose(model, value + posterior.deviations * error, rtol=ROUNDING)
    z = (group["data"].values - model) / error
    assert abs(np.mean(np.abs(z) < 1) - 0.6827) < SHARE
    assert abs(z.mean()) < SHARE


def test_the_model_before_the_data_stands_beside(posterior, tmp_path):
    """Of a draw of the prior at which the branch does not exist there is neither a number nor repeated data."""
    z = np.linspace(-3.0, 3.0, CHAINS * 10 * len(posterior.fitted)).reshape(CHAINS, 10, -1)
    z[0, 0] = np.nan
    path = tmp_path / "posterior.nc"
    path.write_bytes(netcdf(replace(posterior, deviations_before=z).tree))
    group = arviz().from_netcdf(path).prior_predictive
    value, error = (np.array([getattr(d, name) for d in posterior.fitted]) for name in ("value", "error"))
    np.testing.assert_allclose(group["model"].values, value + z * error, rtol=ROUNDING, equal_nan=True)
    assert np.isnan(group["data"].values[0, 0]).all()
    off = (group["data"].values - group["model"].values)[~np.isnan(z)] / np.broadcast_to(error, z.shape)[~np.isnan(z)]
    assert abs(np.mean(np.abs(off) < 1) - 0.6827) < SHARE
    assert "prior_predictive" not in posterior.tree.children


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_taken_back(result, loss):
    z = np.linspace(-5.0, 5.0, len(result.fitted))
    after = np.sign(z) * np.sqrt(np.asarray(LOSSES[loss](jnp.asarray(z**2))))
    forgiving = result.config.data.model_copy(update={"loss": loss})
    config = result.config.model_copy(update={"data": forgiving})
    flat = result._replace(config=config, jacobian=np.zeros_like(result.jacobian))
    model = posterior_of(flat, after).tree["posterior_predictive"]["model"].values
    value, error = (np.array([getattr(d, name) for d in result.fitted]) for name in ("value", "error"))
    np.testing.assert_allclose((model[0, 0] - value) / error, z, rtol=INVERTED, atol=INVERTED)


def test_correlated_errors_scatter_together(result):
    rows = [d for d in result.fitted if d.experiment == result.fitted[0].experiment]
    n = len(rows)
    C = 0.04 * (0.9 + 0.1 * np.eye(n))
    together = [d._replace(covariance=tuple(C[k])) for k, d in enumerate(rows)]
    one = result._replace(data=tuple(together))
    group = posterior_of(one, np.zeros(n)).tree["posterior_predictive"]
    off = (group["data"] - group["model"]).values.reshape(-1, n)
    correlation = np.corrcoef(off[:, 0], off[:, -1])[0, 1]
    assert abs(correlation - 0.9) < SHARE
    assert abs(off.std() - 0.2) < 0.2 * SHARE


def test_a_limit_has_no_number(result):
    one = with_first(result, limit="upper")
    group = posterior_of(one, residuals(result)).tree["posterior_predictive"]
    missing = np.isnan(group["data"].values).all(axis=(0, 1))
    assert missing[0]
    assert not missing[1:].any()


def test_the_prior_is_that_of_the_bounds(result):
    """Uniform; a Gaussian that is known beforehand has its centre and its width, and no draw beyond the bounds."""
    (name, parameter), *_ = result.config.parameters.items()
    lo, hi = parameter.bounds
    x = posterior_of(result, residuals(result)).tree["prior"][name].values
    assert lo <= x.min() < x.max() <= hi
    assert abs(np.mean(x < lo + (hi - lo) / 4) - 0.25) < SHARE
    known = parameter.model_copy(update={"prior": (lo, (hi - lo) / 10)})
    config = result.config.model_copy(update={"parameters": {**result.config.parameters, name: known}})
    x = posterior_of(result._replace(config=config), residuals(result)).tree["prior"][name].values
    assert lo <= x.min()
    assert abs(np.mean(x < lo + (hi - lo) / 10) - 0.6827) < SHARE


def test_waic_is_that_of_arviz(posterior):
    if has_trees():
        pytest.skip("arviz 1 has no WAIC")
    found = waic(posterior.log_likelihood)
    assert not found.trusted
    with pytest.warns(UserWarning, match="exceeds 0.4"):
        theirs = arviz().waic(posterior.inference_data(), pointwise=True)
    assert found.elpd == pytest.approx(float(theirs.elpd_waic), rel=ROUNDING)
    assert found.parameters == pytest.approx(float(theirs.p_waic), rel=ROUNDING)
    assert found.se == pytest.approx(float(theirs.se), rel=ROUNDING)


def test_leave_one_out_of_a_gaussian(posterior):
    """Of a linear model with Gaussian errors both estimates agree, and count its parameters."""
    one = leave_one_out(posterior.log_likelihood, posterior.draws)
    assert one.elpd == pytest.approx(waic(posterior.log_likelihood).elpd, abs=0.5)
    assert one.parameters == pytest.approx(len(posterior.names), abs=1.5)
    assert one.trusted
