"""Entries of fit.toml and their files: what belongs to a point stays with it, in whatever order the file has its lines."""

import numpy as np

from jaxgap import materials
from jaxgap.fitting.sources import CurveConfig, read_entry


def test_a_covariance_is_in_the_order_of_the_lines(tmp_path):
    """The points are sorted by temperature, the matrix with them."""
    T = np.array([9.0, 2.0, 5.0])
    C = np.array([[0.09, 0.01, 0.02], [0.01, 0.02, 0.003], [0.02, 0.003, 0.05]])
    np.savetxt(tmp_path / "heat.csv", np.c_[T, T / 10], delimiter=",", header="T (K),C", comments="")
    np.savetxt(tmp_path / "C.txt", C)
    data = read_entry(CurveConfig(file="heat.csv", quantity="heat", covariance="C.txt"), 0, tmp_path, materials.mgb2(), ())
    assert [datum.T for datum in data] == [2.0, 5.0, 9.0]
    order = [1, 2, 0]
    np.testing.assert_array_equal([datum.covariance for datum in data], C[np.ix_(order, order)])
    np.testing.assert_allclose([datum.error for datum in data], np.sqrt(np.diag(C))[order], rtol=1e-15)
