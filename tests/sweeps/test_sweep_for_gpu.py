"""A sweep cut as for a GPU (whole batches, forced on this device) says what one cut as for a CPU says."""

import numpy as np
import pytest
from problems import one_band

from jaxgap import Status, materials
from jaxgap.numerics.cutting import for_gpu, forced
from jaxgap.sweeps import sweep

pytestmark = pytest.mark.usefixtures("sweeps_as_tests_compile")

GPU = for_gpu(2**24)
"""Blocks of 64 elements, batches of 32, 8 of those that are left."""
SAME = 1e-10
"""Two roots of the same equations by other steps, and their derivatives; sigma_min > 1e-3 here."""


def _both(sc, grid, wanted, **asked):
    """The same sweep, cut both ways; statuses are equal."""
    one = sweep(sc, grid, wanted, batch=64, **asked)
    with forced(GPU):
        other = sweep(sc, grid, wanted, **asked)
    np.testing.assert_array_equal(other.status, one.status)
    assert np.any(one.status == Status.CONVERGED)
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=SAME, atol=SAME, err_msg=name)
    return one


@pytest.mark.slow
def test_of_one_band():
    """40 points, more than a batch, below T_c and above; what `solve` does alone is left to the long way at T = 0."""
    grid = {"lam[a, a]": np.linspace(0.2, 0.5, 8), "T": np.array([0.0, 2.0, 20.0, 60.0, 200.0])}
    found = _both(one_band(), grid, ("gap", "Delta", "label", "T_c", "d gap/d lam[a, a]", "d T_c/d Omega"))
    assert np.any(found.status == Status.NORMAL)


@pytest.mark.slow
@pytest.mark.parametrize("asked", [{}, {"branch": "s+-"}, {"start": [8.0, 5.0, 3.0]}], ids=["T_c", "branch", "start"])
def test_across_the_change_of_regime(asked):
    grid = {"lambda_33": np.linspace(0.05, 0.35, 5), "d": np.array([0.5, 8.0, 14.0]), "T": np.array([0.5, 4.2, 60.0])}
    _both(materials.two_band(), grid, ("gap", "Delta", "label", "T_c", "d gap/d lambda_33"), **asked)
