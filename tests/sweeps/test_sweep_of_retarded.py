"""Sweeps of retarded interactions: the numbers and the derivatives of `solve`, point by point."""

from dataclasses import replace

import jax
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.numerics.checks import InputError
from jaxgap.observables import gap_edges
from jaxgap.sweeps import sweep

T = 20.0
PATH = "lam[sigma, sigma]"
SAME = 1e-9  # of two programs


def mgb2() -> jg.Superconductor:
    return replace(jg.materials.mgb2_eliashberg(), frequencies=256)


@pytest.mark.slow
def test_a_sweep_has_what_solve_finds():
    recorded = ("Delta", "gap_edge", "Z", "rho", "T_c", "label", f"d gap_edge/d {PATH}", "d T_c/d mode[0]")
    data = sweep(mgb2(), {PATH: [0.3, 0.9], "mode[0]": [60.0, 66.0]}, recorded, T=T)
    np.testing.assert_array_equal(data.status, [[jg.Status.NORMAL] * 2, [jg.Status.CONVERGED] * 2])
    assert np.all(np.asarray(data.rho)[0] < 1)
    there = mgb2().set({PATH: 0.9, "mode[0]": 66.0})
    solution, point = jg.solve(there, T), data.isel({PATH: 1, "mode[0]": 1})
    np.testing.assert_allclose(point.Delta, solution.Delta.real, rtol=SAME)
    np.testing.assert_allclose(point.gap_edge, gap_edges(solution).edge, rtol=SAME)
    np.testing.assert_allclose(point.Z, solution.self_energy.Z[:, 0], rtol=SAME)
    np.testing.assert_allclose(point.T_c, jg.critical_temperature(there), rtol=SAME)
    slope = jax.grad(jg.critical_temperature)(there).get("mode[0]")
    np.testing.assert_allclose(point["d_T_c_d_mode[0]"], slope, rtol=1e-7)
    step = 1e-4
    up, down = (gap_edges(jg.solve(there.set({PATH: 0.9 + h}), T)).edge for h in (step, -step))
    np.testing.assert_allclose(point[f"d_gap_edge_d_{PATH}"], (up - down) / (2 * step), rtol=1e-6)


@pytest.mark.parametrize(
    ("sc", "asked", "said"),
    [
        (jg.materials.mgb2_eliashberg(), {"observables": "branch_minimum"}, "with a retarded interaction, but got"),
        (jg.materials.mgb2_eliashberg(), {"mode": "all", "observables": "Delta"}, 'be "branch" with a retarded'),
        (jg.materials.two_band(), {"observables": "gap_edge", "grid": {"T": [4.0]}}, "have a retarded interaction"),
        (jg.materials.two_band(), {"observables": "Z", "grid": {"T": [4.0]}}, "have a retarded interaction"),
        (jg.materials.mgb2_eliashberg(), {"observables": "Delta", "grid": {"T": [0.0, 1.0]}}, "positive"),
    ],
)
def test_what_a_sweep_cannot_record_is_said(sc, asked, said):
    with pytest.raises(InputError, match=said):
        sweep(sc, **({"grid": {"T": [20.0, 21.0]}} | asked))
