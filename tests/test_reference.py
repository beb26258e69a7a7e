"""Every solution of the independent brute-force code is found again: amplitudes, T_c and free energy."""

import jax
import numpy as np
import pytest
from problems import PROBLEMS, gauge_error, generator, problem, relative_error

from jaxgap import Label, Status, critical_temperature, materials, solve
from jaxgap.equations.free_energy import free_energy_functional
from jaxgap.equations.pairing import gap_residual

AMPLITUDE = 1e-8
"""The reference prints 12 decimals and its own quadrature error is below 1e-9."""
T_C = 1e-7
"""The reference found T_c by bisection to 1e-8 relative."""
FREE_ENERGY = 1e-8
"""Quadrature error of the reference, whose integrand has the kinks |zeta|."""
RESIDUAL = 1e-8
"""[meV] Jacobians are of order one, so that the residual at the printed amplitudes is of the order of their error."""
PERTURBATION = 0.03
"""Starts are off by up to 3 % per channel: Newton has to work, but stays in the basin of the wanted solution."""

_free_energy = jax.jit(free_energy_functional)
_residual = jax.jit(gap_residual)

WITH_ENERGY = [p for p in PROBLEMS if p.free_energy is not None]


def _start(case):
    off = generator(len(case.name)).uniform(-PERTURBATION, PERTURBATION, len(case.Delta))
    return case.Delta * (1 + off)


def _amplitudes(case):
    return case.Delta if np.any(case.Delta.imag) else case.Delta.real


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_amplitudes(case):
    start = _start(case)
    assert gauge_error(start, case.Delta) > AMPLITUDE
    solution = solve(case.system, case.T, start=start)
    assert int(solution.status) == Status.CONVERGED
    assert gauge_error(solution.Delta, case.Delta) < AMPLITUDE


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_the_gap_equations_hold_at_the_reference(case):
    Delta = _amplitudes(case)
    T = np.float64(case.T)
    assert np.abs(_residual(case.system, Delta, T)).max() < RESIDUAL
    assert np.abs(_residual(case.system, 1.01 * Delta, T)).max() > 1e4 * RESIDUAL


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_critical_temperature(case):
    assert relative_error(critical_temperature(case.system), case.T_c) < T_C


@pytest.mark.parametrize("case", WITH_ENERGY, ids=str)
def test_free_energy(case):
    F = _free_energy(case.system, _amplitudes(case), np.float64(case.T)) / case.system.N[0]
    assert relative_error(F, case.free_energy) < FREE_ENERGY


@pytest.mark.parametrize(
    ("words", "label"),
    [
        ("s+- branch, T=20.0", Label.S_PLUS_MINUS),
        ("s++ branch, T=1.0", Label.S_PLUS_PLUS),
        ("complex saddle", Label.BROKEN),
        ("lambda33=0.25", Label.S_PLUS_PLUS),
    ],
)
def test_labels(words, label):
    case = problem(words)
    assert int(solve(case.system, case.T, start=_start(case)).label) == label


def test_materials_solve_as_the_reference():
    """The same numbers under the paper's own names of the bands."""
    case = problem("s+- branch, T=20.0")
    assert gauge_error(solve(materials.ba122(), 20.0, start=_start(case)).Delta, case.Delta) < AMPLITUDE
