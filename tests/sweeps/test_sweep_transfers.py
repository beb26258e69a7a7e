"""A warm sweep moves points to the device and results back when it says so, and nothing else."""

import jax
import numpy as np
import pytest
from problems import one_band

from jaxgap import Status
from jaxgap.numerics.cutting import for_gpu, forced
from jaxgap.sweeps.evaluate import Evaluator
from jaxgap.sweeps.grid import points
from jaxgap.sweeps.quantities import quantities

pytestmark = pytest.mark.usefixtures("sweeps_as_tests_compile")


@pytest.fixture
def sweep():
    """(evaluates all points, points, starts)."""
    grid = {"lam[a, a]": np.linspace(0.25, 0.5, 5), "T": np.array([0.0, 5.0])}
    where = points(one_band(), None, grid, None)
    names = tuple(one.name for one in where.axes)
    rows = np.stack([part.ravel() for part in np.meshgrid(*grid.values(), indexing="ij")], axis=1)
    with forced(for_gpu(2**24)):
        yield (
            Evaluator(where.family, names, quantities(("gap", "label"), where), None, 4, True),
            rows,
            np.full((len(rows), 1), 15.0),
        )


def test_no_implicit_transfer(sweep):
    evaluator, rows, start = sweep
    wanted = evaluator(rows, start)
    with jax.transfer_guard("disallow"):
        found = evaluator(rows, start)
    assert np.all(found["status"] == Status.CONVERGED)
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.slow
@pytest.mark.parametrize("checks", [jax.debug_nans, jax.enable_checks])
def test_checks_of_jax_find_nothing(sweep, checks):
    """Where all states exist no NaN is made on the way, in parts that are not taken either."""
    evaluator, rows, start = sweep
    with checks(True):
        found = evaluator(rows, start)
    assert np.all(found["status"] == Status.CONVERGED)
