"""A fit of three linked bands to gaps that were calculated for known numbers, and its posterior."""

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.fitting import fit, load_fit, posterior
from jaxgap.observables import branch_minima

LAM = [
    [0.38, 0.0122, 0.0062, 0.0125, 0.0083],
    [0.0122, 0.35, 0.0068, 0.0035, -0.0012],
    [0.0062, 0.0068, 0.33, 0.0099, 0.0049],
    [0.0125, 0.0035, 0.0099, 0.14, 0.0105],
    [0.0083, -0.0012, 0.0049, 0.0105, 0.12],
]
SYSTEM = f"""
Omega = 30.0
cross = ["a:b", "b:c"]
lam = {LAM}
[bands.a]
mu = 150.0
[bands.b]
mu = 168.0
[bands.c]
mu = 190.0
"""
FIT = """
title = "SYNTHETIC: three linked bands"

[system]
file = "system.toml"
branch = "+++"

[parameters.cross]
sets = { "lam[a:b, a:b]" = 1.0 }
bounds = [0.05, 0.25]

[parameters.own]
sets = { "lam[c, c]" = 1.0 }
bounds = [0.28, 0.38]

[data]
file = "data.csv"
assumed_error_meV = 1.0

[optimiser]
starts = 2
"""
TRUTH = np.array([0.14, 0.33])
ERROR = 0.01
"""[meV]: small enough for gaps to be linear in the parameters, and the posterior Gaussian, to a few per cent of its width."""
FOUND = 1e-5
SIGMAS = 4.0
"""Monte Carlo errors by which an estimate from draws may be off (fixed seed)."""


@pytest.fixture(scope="module")
def fitted(optimised, tmp_path_factory):
    folder = tmp_path_factory.mktemp("linked")
    (folder / "system.toml").write_text(SYSTEM)
    (folder / "fit.toml").write_text(FIT)
    header, rows = "quantity,T_K,value,error,unit,use,technique,source,how_obtained", []
    for T in (2.0, 20.0):
        gaps = branch_minima(jg.solve(jg.load(folder / "system.toml"), T, branch="+++"))
        for k, gap in enumerate(gaps):
            name = f"branch_minimum[a:b:c {k + 1}]"
            rows.append(f"{name},{T},{float(gap)!r},{ERROR},meV,fit,SYNTHETIC,test,calculated")
    (folder / "data.csv").write_text("\n".join([header, *rows]) + "\n")
    return fit(*load_fit(folder))


@pytest.mark.slow
def test_known_numbers_of_linked_bands_are_found_again(fitted):
    np.testing.assert_allclose(fitted.value, TRUTH, rtol=FOUND)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_posterior_of_linked_bands_is_that_of_its_covariance(fitted):
    found = posterior(fitted, chains=4, warmup=60, draws=80)
    for m, value, sigma in zip(found.summary, TRUTH, fitted.uncertainty, strict=True):
        error = sigma / np.sqrt(m.ess_bulk)
        assert abs(m.mean - value) < SIGMAS * error
        assert abs(m.sd - sigma) < SIGMAS * error
    assert found.divergences == 0
    assert min(m.ess_bulk for m in found.summary) > 60
