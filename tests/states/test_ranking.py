"""The order of states: by free energy where there is one, else by stability and size; the first stable one is ground state."""

import numpy as np
import pytest

from jaxgap.states.ranking import NO_GROUND, NORMAL_GROUND, ground_index, ranked

NAN = np.nan


def test_by_free_energy_then_by_stability_and_what_is_not_there_last():
    F, unstable, size = np.array([[0.0, NAN, -2.0, -1.0, -1.0]]), np.array([[1, -2, 3, 2, 0]]), np.array([[0.0, NAN, 1, 2, 3]])
    assert ranked(F, unstable, size).tolist() == [[2, 4, 3, 0, 1]]


def test_without_free_energy_by_stability_then_by_size():
    unstable, size = np.array([2, 0, 0, 0, -2]), np.array([9.0, 0.0, 5.0, 7.0, NAN])
    assert ranked(np.full(5, NAN), unstable, size).tolist() == [3, 2, 1, 0, 4]


@pytest.mark.parametrize(
    ("F", "stable", "normal_stable", "wanted"),
    [
        ([-2.0, -1.0], [False, True], False, 1),
        ([-2.0, -1.0], [False, True], True, 1),
        ([1.0, NAN], [True, False], True, NORMAL_GROUND),
        ([1.0, NAN], [True, False], False, 0),
        ([NAN, NAN], [True, False], True, 0),
        ([-1.0, NAN], [False, False], True, NORMAL_GROUND),
        ([-1.0, NAN], [False, False], False, NO_GROUND),
    ],
)
def test_ground(F, stable, normal_stable, wanted):
    assert ground_index(np.array(F), np.array(stable), np.array(normal_stable)) == wanted
