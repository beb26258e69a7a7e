"""What is said of systems beyond weak coupling, and of shells that reach the edge of their band."""

import numpy as np
import pytest

from jaxgap import materials, solve, superconductor
from jaxgap.validity import STRONG, remarks


@pytest.mark.parametrize("name", materials.MATERIALS)
def test_nothing_is_said_of_the_papers_materials(name):
    assert remarks(materials.MATERIALS[name]()) == ()


def test_a_gap_as_large_as_the_shell_is_where_it_is_said():
    """Delta(0) = Omega / sinh(1 / lambda) = 0.85 Omega at the limit."""
    for coupling, said in ((0.99 * STRONG, 0), (1.01 * STRONG, 1), (50.0, 1)):
        sc = superconductor(bands={"a": {"mu": 500.0}}, lam=[[coupling]], Omega=20.0)
        assert len(remarks(sc)) == said
    at = superconductor(bands={"a": {"mu": 500.0}}, lam=[[STRONG]], Omega=20.0)
    assert abs(float(np.abs(solve(at, 0.0).Delta[0])) / 20.0 - 0.8509) < 1e-4
    assert "is 50:" in remarks(superconductor(bands={"a": {"mu": 500.0}}, lam=[[50.0]], Omega=20.0))[0]


def test_a_shell_that_reaches_the_band_edge():
    bands = {"a": {"mu": 500.0}, "h": {"mu": -15.0, "mass": -1.0}}
    sc = superconductor(bands=bands, lam=[[0.3, 0.1], [0.1, 0.3]], Omega=20.0)
    (said,) = remarks(sc)
    # 15 of 20 meV on one side, 20 on the other.
    assert "band h" in said
    assert "88 %" in said
