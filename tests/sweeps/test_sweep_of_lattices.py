"""Sweeps of a lattice over its filling: mu follows, point by point."""

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.sweeps import axis, sweep

T = 200.0
FILLINGS = (0.6, 0.9)
SAME = 1e-9  # of two programs


@pytest.mark.slow
def test_a_sweep_over_the_filling():
    lattice = jg.materials.attractive_hubbard_model()
    filling = axis(FILLINGS, lambda sc, n: jg.at_density(sc, T, n), "electrons per cell")
    data = sweep(lattice, {"filling": filling}, ("Delta", "T_c"), T=T)
    assert (data.status == jg.Status.CONVERGED).all()
    for n in FILLINGS:
        filled = jg.at_density(lattice, T, n)
        solution = jg.solve(filled, T)
        assert float(jg.density_of(solution)) == pytest.approx(n, abs=1e-9)
        np.testing.assert_allclose(data.sel(filling=n).Delta, solution.Delta.real, rtol=SAME)
        np.testing.assert_allclose(data.sel(filling=n).T_c, jg.critical_temperature(filled), rtol=SAME)
