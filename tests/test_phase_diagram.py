"""Phase diagrams: every point against `solutions`, and the first-order line of Fig. 2."""

import numpy as np
import pytest

from jaxgap import InputError, Label, materials, phase_diagram, solutions

EQUAL_F = 0.202509
"""lambda_33 of the first-order change at 4.2 K (printed to six digits)."""


@pytest.fixture(scope="module")
def diagram():
    return phase_diagram(materials.two_band(), 4.2, {"lambda_33": (0.15, 0.26, 12)}, {"T": (4.2, 30.2, 3)})


@pytest.mark.parametrize(("row", "column"), [(0, 0), (0, 5), (0, 6), (1, 6), (2, 11)])
def test_points_agree_with_solutions(diagram, row, column):
    """The same stable states, free energies and gaps as a search of that point alone finds."""
    sc = diagram.superconductor.set({"lambda_33": diagram.x[column]})
    states = [s for s in solutions(sc, float(diagram.y[row])).stable if s.label != Label.NORMAL]
    stable = diagram.stable[row, column]
    assert diagram.stable_states[row, column] == len(states)
    assert diagram.free_energy[row, column][stable] == pytest.approx([s.free_energy for s in states], abs=1e-9)
    assert diagram.gap[row, column][stable] == pytest.approx([s.gap for s in states], abs=1e-9)
    assert diagram.ground_gap[row, column] == pytest.approx(states[0].gap, abs=1e-9)


def test_first_order_line(diagram):
    """At 4.2 K the ground state jumps, at 17 K and above (beyond the critical end point) it does not."""
    assert diagram.first_order.shape == (1, 2)
    assert diagram.first_order[0] == pytest.approx([EQUAL_F, 4.2], abs=5e-7)


def test_the_change_of_regime(diagram):
    assert np.all(diagram.crossband[:, 0] < 1)
    assert np.all(diagram.crossband[:, -1] > 1)


@pytest.mark.slow
def test_above_T_c_everything_is_normal():
    normal = phase_diagram(materials.two_band(0.1), 4.2, {"lambda_33": (0.05, 0.1, 2)}, {"T": (100.0, 120.0, 2)})
    assert np.all(normal.ground == -1)
    assert np.all(normal.ground_gap == 0.0)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ({"lambda_33": (0.1, 0.2)}, {"T": (1.0, 2.0, 3)}, "`x`"),
        ({"lambda_33": (0.2, 0.1, 3)}, {"T": (1.0, 2.0, 3)}, "`x`"),
        ({"T": (1.0, 2.0, 3)}, {"T": (1.0, 2.0, 3)}, "`y`"),
        ({"lambda_99": (0.1, 0.2, 3)}, {"T": (1.0, 2.0, 3)}, "lambda_99"),
        ({"lambda_33": (0.1, 0.2, 3)}, {"T": (-1.0, 2.0, 3)}, "`T`"),
    ],
)
def test_bad_axes(x, y, message):
    with pytest.raises(InputError, match=message):
        phase_diagram(materials.two_band(), 4.2, x, y)
