"""Curves over temperature of a system with impurities: heat, superfluid density and nuclear relaxation, through `observe`."""

import csv

import numpy as np
import pytest
from disordered import EFREMOV, S, two_bands

import jaxgap as jg
from jaxgap.numerics.checks import InputError
from jaxgap.observables import (
    normal_specific_heat,
    relaxation_rate,
    specific_heat,
    superfluid_density,
)
from jaxgap.observables.curves import spectra
from jaxgap.observables.nmr import NMR
from jaxgap.observables.superfluid import superfluid_curves
from jaxgap.observables.thermodynamics import heat_curves

T = np.array([10.0, 25.0, 50.0])
"""T_c is 46 K."""
SC = two_bands(EFREMOV, 1.0 / np.pi, S["s1"])


@pytest.fixture(scope="module")
def solutions():
    return jg.solve_temperatures(SC, T)


@pytest.mark.slow
def test_curves_are_those_of_single_states(solutions):
    """And above T_c the normal state's."""
    heat = heat_curves({"": solutions}).curves[""]
    density = superfluid_curves({"": solutions}).curves["total"]
    rate = spectra(NMR, {"": solutions}, Gamma=0.3).curves[""]
    for k in (0, 1):
        one = jg.solve(SC, float(T[k]))
        np.testing.assert_allclose(heat[k], specific_heat(one) / normal_specific_heat(SC, float(T[k])), rtol=1e-6)
        np.testing.assert_allclose(density[k], superfluid_density(one).total, rtol=1e-6)
        np.testing.assert_allclose(rate[k], relaxation_rate(one, 0.3), rtol=1e-5)
    np.testing.assert_allclose([heat[2], density[2], rate[2]], [1.0, 0.0, 1.0], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", ["heat", "superfluid", "nmr"])
def test_the_command(command, tmp_path, experiment):
    jg.save(SC, tmp_path / "system.toml")
    out = tmp_path / "seen.png"
    assert command("observe", tmp_path / "system.toml", experiment, "--T", "10,25,50", "--out", out).code == 0
    assert out.stat().st_size > 0
    rows = [[float(x) for x in row] for row in list(csv.reader(out.with_suffix(".csv").read_text().splitlines()))[1:]]
    np.testing.assert_allclose([row[0] for row in rows], T)
    assert np.isfinite(rows).all()
    assert rows[2][1] == pytest.approx(0.0 if experiment == "superfluid" else 1.0, abs=1e-6)


def test_what_curves_refuse():
    with pytest.raises(InputError, match="must be positive with a retarded interaction"):
        jg.solve_temperatures(SC, [0.0, 10.0])
