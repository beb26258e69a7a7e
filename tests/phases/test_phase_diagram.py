"""Phase diagrams: every point against `solutions`, and the first-order line of Fig. 2."""

import csv

import matplotlib as mpl

mpl.use("agg")

import jax.numpy as jnp
import numpy as np
import pytest
from problems import system

from jaxgap import BifurcationKind, InputError, Label, critical_temperature, materials, path, phase_diagram, solutions
from jaxgap.continuation.bifurcations import locate_crossing
from jaxgap.equations.groups import coupled_groups
from jaxgap.plotting.plots import plot_phase_diagram, write_phase_diagram
from jaxgap.states.identity import distances
from jaxgap.states.ranking import NO_GROUND

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
@pytest.mark.slow
def test_points_agree_with_solutions(diagram, row, column):
    """The same stable states, free energies and gaps as a search of that point alone finds."""
    sc = diagram.superconductor.set({"lambda_33": diagram.x[column]})
    states = [s for s in solutions(sc, float(diagram.y[row])).stable if s.label != Label.NORMAL]
    stable = diagram.stable[row, column]
    assert diagram.stable_states[row, column] == len(states)
    assert diagram.free_energy[row, column][stable] == pytest.approx([s.free_energy for s in states], abs=1e-9)
    assert diagram.gap[row, column][stable] == pytest.approx([s.gap for s in states], abs=1e-9)
    assert diagram.ground_gap[row, column] == pytest.approx(states[0].gap, abs=1e-9)


@pytest.mark.slow
def test_it_says_what_it_is(diagram):
    plane, *lines = repr(diagram).splitlines()
    assert plane.startswith(
        "phase diagram of lambda_33 = 0.15 .. 0.26 (12) and T = 4.2 .. 30.2 (3): normal at 0% of the points"
    )
    assert any(line.startswith("  crossing line: ") for line in lines)


@pytest.mark.slow
def test_first_order_line(diagram):
    """At 4.2 K the ground state jumps, at 17 K and above (beyond the critical end point) it does not."""
    points = diagram.lines[BifurcationKind.CROSSING]
    on_first_row = points[points[:, 1] == 4.2]
    assert on_first_row == pytest.approx(np.array([[EQUAL_F, 4.2]]), abs=5e-7)
    assert np.all(points[:, 1] < CUSP_T)


@pytest.mark.slow
def test_a_crossing_does_not_depend_on_phases():
    """Located with complex amplitudes, turned by two phases, it is the one that real amplitudes give: as for states that break
    time reversal, the phases stay where they began."""
    first, second = (np.asarray(state.Delta) for state in solutions(materials.two_band(EQUAL_F), 4.2).stable[:2])
    along = path(materials.two_band(), 4.2, {"lambda_33": (0.2, 0.205)})
    p = jnp.asarray(0.5)
    real = locate_crossing(along, jnp.asarray(first), jnp.asarray(second), p)
    turned = [jnp.asarray(D * np.exp(1j * angle)) for D, angle in ((first, 0.3), (second, -1.1))]
    event = locate_crossing(along, *turned, p)
    assert bool(real.converged)
    assert bool(event.converged)
    assert float(event.value()) == pytest.approx(float(real.value()), abs=1e-10)
    assert np.asarray(event.Delta) == pytest.approx(np.asarray(real.Delta) * np.exp(0.3j), abs=1e-6)
    assert np.asarray(event.direction) == pytest.approx(np.asarray(real.direction) * np.exp(-1.1j), abs=1e-6)


@pytest.mark.slow
def test_spinodals_and_limits_of_phase_stability(diagram):
    """On the row at 4.2 K: the folds and pitchforks of Fig. 2, no others."""
    for kind, values in ((BifurcationKind.FOLD, FOLDS), (BifurcationKind.PITCHFORK, PITCHFORKS)):
        points = diagram.lines[kind]
        assert np.sort(points[points[:, 1] == 4.2, 0]) == pytest.approx(values, abs=1e-9)


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_change_of_regime(diagram):
    assert np.all(diagram.crossband[:, 0] < 1)
    assert np.all(diagram.crossband[:, -1] > 1)


@pytest.mark.slow
def test_the_continuous_line():
    """Where the ground state vanishes, T is T_c of the system there, on edges along either axis."""
    sc = materials.two_band()
    found = phase_diagram(sc, 4.2, {"lambda_33": (0.15, 0.2, 3)}, {"T": (20.0, 60.0, 3)})
    points = found.lines[BifurcationKind.NORMAL]
    assert len(points) >= 3
    for x, T in points:
        assert float(critical_temperature(sc.set({"lambda_33": x}))) == pytest.approx(T, rel=1e-9)
    assert not len(found.lines[BifurcationKind.CROSSING])


WINDOW = [0.2486675868, 0.2489329737]
"""lambda_33 between which two cross-paired bands with a frustrated cross channel break time reversal at 4.2 K: the pitchforks
of s++ and of s+-, each by its own equations."""


@pytest.fixture(scope="module")
def window():
    lam = [[0.41, 0.13, -0.03], [0.13, 0.44, 0.13], [-0.03, 0.13, 0.24]]
    sc = system(lam, [200.0, 206.0], Omega=40.0)
    return phase_diagram(sc, 4.2, {"lambda_33": (0.2485, 0.2491, 7)}, {"T": (4.2, 4.4, 2)})


@pytest.mark.slow
def test_a_ground_state_that_breaks_time_reversal(window):
    """Just inside its window."""
    inside = (window.x > WINDOW[0]) & (window.x < WINDOW[1])
    np.testing.assert_array_equal(window.ground_broken, [inside] * 2)


@pytest.mark.slow
def test_the_broken_state_is_that_of_a_search_at_one_point(window):
    """Its amplitudes, free energy and gap."""
    k = 3
    state = solutions(window.superconductor.set({"lambda_33": window.x[k]}), 4.2).ground_state
    index = window.ground[0, k]
    assert state.label == Label.BROKEN
    assert window.free_energy[0, k, index] == pytest.approx(state.free_energy, abs=1e-9)
    assert window.gap[0, k, index] == pytest.approx(state.gap, abs=1e-9)
    groups = coupled_groups(window.superconductor)
    apart = distances(window.ground_Delta[0, k][None], np.asarray(state.Delta)[None], groups)
    assert apart[0, 0] < 1e-7 * np.linalg.norm(state.Delta)  # the distance itself is right to 1e-8


@pytest.mark.slow
def test_time_reversal_breaks_continuously_at_the_pitchforks(window):
    points = window.lines[BifurcationKind.PITCHFORK]
    assert np.sort(points[points[:, 1] == 4.2, 0]) == pytest.approx(WINDOW, abs=1e-9)
    assert not len(window.lines[BifurcationKind.CROSSING])


@pytest.mark.slow
def test_the_window_is_drawn_and_written(window, tmp_path):
    """A legend names it, and every state in the table says whether it breaks time reversal, with its imaginary parts."""
    labels = [text.get_text() for text in plot_phase_diagram(window).figure.legends[0].get_texts()]
    assert "ground state breaks time reversal" in labels
    assert "no stable state found" not in labels
    write_phase_diagram(window, tmp_path)
    with (tmp_path / "states.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    broken = [row for row in rows if row["broken"] == "1"]
    assert len(broken) == np.sum(window.broken)
    assert sum(row["ground"] == "1" for row in broken) == np.sum(window.ground_broken)
    assert all(any(float(row[f"Delta_{name}_imaginary_meV"]) for name in ("a", "b", "a:b")) == (row in broken) for row in rows)


@pytest.mark.slow
def test_frustrated_bands():
    """Three bands that repel each other's pairs: over a wide region no real state is stable, and the ground state breaks time
    reversal; at every point it is that of a search of this point alone. It vanishes directly where all bands are equal."""
    sc = system(np.full((3, 3), -0.3) + 0.4 * np.eye(3), [200.0] * 3, cross=())
    found = phase_diagram(sc, 2.0, {"lam[a, a]": (0.0, 0.2, 5)}, {"T": (1.0, 40.0, 5)})
    assert not np.any(found.ground == NO_GROUND)
    assert np.all(found.ground_broken[0])
    assert not np.any(found.ground_broken[-1])
    for row, column in ((0, 0), (0, 2), (1, 4), (2, 1), (2, 2), (3, 0)):
        state = solutions(sc.set({"lam[a, a]": found.x[column]}), found.y[row]).ground_state
        assert found.ground_broken[row, column] == (state.label == Label.BROKEN)
        energy = 0.0 if found.ground[row, column] < 0 else found.free_energy[row, column, found.ground[row, column]]
        assert energy == pytest.approx(state.free_energy, abs=1e-9)
    equal = found.lines[BifurcationKind.NORMAL][found.lines[BifurcationKind.NORMAL][:, 0] == 0.1]
    T_c = float(critical_temperature(sc.set({"lam[a, a]": 0.1})))
    assert equal == pytest.approx(np.array([[0.1, T_c]]), rel=1e-9)


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
