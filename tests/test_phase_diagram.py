"""Phase diagrams: every point against `solutions`, and the first-order line of Fig. 2."""

import numpy as np
import pytest
from problems import system

from jaxgap import BifurcationKind, InputError, Label, critical_temperature, materials, phase_diagram, solutions
from jaxgap.phase_lines import NO_GROUND

EQUAL_F = 0.202509
"""lambda_33 of the first-order change at 4.2 K (printed to six digits)."""
FOLDS, PITCHFORKS = [0.1933868684, 0.2171595031], [0.2024964104, 0.2025212767]
"""Those of the branch at 4.2 K, each by its own equations along lambda_33."""
CUSP_T = 13.6303156
"""[K] Critical end point."""


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
    points = diagram.lines[BifurcationKind.CROSSING]
    on_first_row = points[points[:, 1] == 4.2]
    assert on_first_row == pytest.approx(np.array([[EQUAL_F, 4.2]]), abs=5e-7)
    assert np.all(points[:, 1] < CUSP_T)


def test_spinodals_and_limits_of_phase_stability(diagram):
    """On the row at 4.2 K: the folds and pitchforks of Fig. 2, no others."""
    for kind, values in ((BifurcationKind.FOLD, FOLDS), (BifurcationKind.PITCHFORK, PITCHFORKS)):
        points = diagram.lines[kind]
        assert np.sort(points[points[:, 1] == 4.2, 0]) == pytest.approx(values, abs=1e-9)


def test_the_gapless_line(diagram):
    """Above the critical end point the ground state becomes gapless on every row: |Delta_3|^2 = Delta_1 Delta_2 there."""
    points = diagram.lines[BifurcationKind.GAPLESS]
    for row in (1, 2):
        ((x, y),) = points[points[:, 1] == diagram.y[row]]
        ratio = diagram.crossband[row]
        k = np.searchsorted(diagram.x, x)
        assert ratio[k - 1] < 1 < ratio[k]
        state = solutions(diagram.superconductor.set({"lambda_33": x}), y).ground_state
        assert state.gapless
        assert state.crossband == pytest.approx(1.0, abs=1e-9)


def test_the_change_of_regime(diagram):
    assert np.all(diagram.crossband[:, 0] < 1)
    assert np.all(diagram.crossband[:, -1] > 1)


def test_the_continuous_line():
    """Where the ground state vanishes, T is T_c of the system there, on edges along either axis."""
    sc = materials.two_band()
    found = phase_diagram(sc, 4.2, {"lambda_33": (0.15, 0.2, 3)}, {"T": (20.0, 60.0, 3)})
    points = found.lines[BifurcationKind.NORMAL]
    assert len(points) >= 3
    for x, T in points:
        assert float(critical_temperature(sc.set({"lambda_33": x}))) == pytest.approx(T, rel=1e-9)
    assert not len(found.lines[BifurcationKind.CROSSING])


@pytest.mark.slow
def test_frustrated_bands_have_no_real_ground_state():
    """Three equal bands that repel each other's pairs: every real state is unstable in phase, and none is called the ground
    state; `solutions` finds the one that breaks time reversal."""
    sc = system(np.full((3, 3), -0.3) + 0.4 * np.eye(3), [200.0] * 3, cross=())
    found = phase_diagram(sc, 2.0, {"Omega": (28.0, 32.0, 2)}, {"T": (1.0, 5.0, 2)})
    assert np.all(found.ground == NO_GROUND)
    assert np.isnan(found.ground_gap).all()
    assert solutions(sc, 2.0).ground_state.label == Label.BROKEN


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
