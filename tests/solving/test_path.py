"""What is expected of a branch in temperature: the gap of weak coupling, and a parabola in T^2 through three points."""

import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band, relative_error

import jaxgap as jg
from jaxgap.solving.path import expected, first_point, from_T_c, from_temperature, gap_scale, longer, weak_coupling_gap

INTERPOLATION = 0.025
"""Of the gap of a weakly coupled band, largest around 0.6 T_c."""
ROUNDING = 1e-12


def test_the_gap_that_is_taken_out_is_that_of_weak_coupling():
    """2 Delta(0) = 3.528 k_B T_c, and Delta(T) in between as `solve` has it."""
    sc = one_band(0.2)
    T_c = float(jg.critical_temperature(sc))
    T = np.array([0.0, 0.3, 0.6, 0.9, 0.99]) * T_c
    wanted = [float(jg.solve(sc, t).Delta[0].real) for t in T]
    assert relative_error(weak_coupling_gap(jnp.asarray(T), jnp.full(5, T_c)), wanted) < INTERPOLATION
    assert float(weak_coupling_gap(jnp.asarray(T_c), jnp.asarray(T_c))) == 0


@pytest.mark.parametrize("T_c", [0.0, 10.0])
def test_a_parabola_in_T_squared_is_expected_exactly(T_c):
    start, goal, none = jnp.array([3.0, -1.0]), jnp.array(1.0), jnp.array(0.0)
    path = from_T_c(goal, jnp.array(T_c), start, none) if T_c else from_temperature(jnp.array(9.0), goal, start[None], none)

    def u(T):
        return start * (1 - 0.003 * T**2) + jnp.array([0.2, 0.3]) * 1e-4 * T**4

    points = first_point(path)
    for T in (9.0, 7.0, 4.0):
        points = longer(points, jnp.array(T), u(T))
    for T in (3.0, 2.0, 0.0):
        assert relative_error(expected(path, points, jnp.array(T)), u(T) * gap_scale(path, jnp.array(T))) < ROUNDING
