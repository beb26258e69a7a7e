"""Every kind of system in the explorer: what is defined for it is shown, and of the rest a sentence says why it is not."""

import numpy as np
import pytest
from disordered import one_band

import jaxgap as jg
from jaxgap.explorer.moment import gaps_of
from jaxgap.explorer.pieces import PIECES, Desk
from jaxgap.explorer.scope import missing
from jaxgap.materials import attractive_hubbard_model, mgb2_eliashberg, two_band
from jaxgap.observables import gap_edges

SYSTEMS = {
    "bands": (two_band, set()),
    "lattice": (attractive_hubbard_model, {"energies", "slopes"}),
    "retarded": (mgb2_eliashberg, {"energies", "slopes", "branches", "jumps", "map"}),
    "disordered": (lambda: one_band(1e-3, 0.1), {"energies", "spectra", "slopes", "branches", "jumps", "map"}),
}
"""(system, pieces that it has not)."""
KAPPA = np.linspace(0.0, 160.0, 41)


def answers(sc, *pieces, T=None):
    """What the page hears of each piece; a piece that fails otherwise fails here."""
    desk = Desk(sc)
    T = desk.about()["system"]["T"] if T is None else T
    message = {"page": "p", "line": "moves", "move": 1, "T": T, "Gamma": 0.3, "pieces": list(pieces)}
    told = (event for event in desk.events(message) if "seconds" not in event)
    return {event["piece"]: event for event in told}


@pytest.mark.parametrize("kind", SYSTEMS)
def test_what_a_system_has_not_is_said_in_a_sentence(kind):
    make, lacking = SYSTEMS[kind]
    sc = make()
    assert {piece for piece in PIECES if missing(sc, piece)} == lacking
    for piece in lacking:
        sentence = missing(sc, piece)
        assert sentence.endswith(".")
        assert len(sentence) > 20


def test_the_page_hears_the_sentence_and_nothing_is_computed():
    sc = mgb2_eliashberg()
    desk = Desk(sc)
    message = {"page": "p", "line": "moves", "move": 1, "T": 1.0, "pieces": ["energies", "map"]}
    events = {event["piece"]: event for event in desk.events(message)}
    assert events["energies"]["error"] == missing(sc, "energies")
    assert events["map"]["error"] == missing(sc, "map")


@pytest.mark.slow
def test_a_retarded_interaction_has_edges_and_spectra():
    sc = mgb2_eliashberg()
    found = answers(sc, "point", "spectra", T=4.0)
    solution = jg.solve(sc, 4.0)
    point, spectra = found["point"]["answer"], found["spectra"]["answer"]
    np.testing.assert_allclose(point["Delta"], np.asarray(solution.Delta).real, rtol=1e-9)
    np.testing.assert_allclose(point["gaps"], np.asarray(gap_edges(solution).edge), rtol=1e-9)
    assert point["branches"] == ["sigma", "pi"]
    N, omega = np.array(spectra["N"]), np.array(spectra["omega"])
    assert N[0] < 0.3
    assert abs(omega[np.argmax(N)] - min(point["gaps"])) < 1.0 or abs(omega[np.argmax(N)] - max(point["gaps"])) < 1.0


@pytest.mark.slow
def test_a_disordered_system_has_amplitudes_and_T_c():
    found = answers(one_band(1e-3, 0.1), "point", "spectra", T=1.0)["point"]["answer"]
    assert found["converged"]
    assert found["stable"] is None
    assert found["stability"] == "amplitudes stable; phases not examined"
    assert found["gaps"] == []
    assert found["T_c"] > 1.0


@pytest.mark.slow
def test_bands_given_by_tables():
    one = jg.radial_band("a", KAPPA, KAPPA / 1.2, 60.0)
    sc = jg.superconductor(bands=[one, jg.parabolic_band("b", 50.0)], lam=[[0.4, 0.05], [0.05, 0.3]], Omega=15.0)
    found = answers(sc, "point", "energies", T=1.0)
    E = np.array(found["energies"]["answer"]["E"])
    assert np.isfinite(E).all()
    gaps = gaps_of(jg.solve(sc, 1.0))[1]
    np.testing.assert_allclose(E.min(axis=1), gaps, atol=0.05 * gaps.max())


@pytest.mark.slow
def test_a_lattice_has_amplitudes_and_no_line_of_energies():
    found = answers(attractive_hubbard_model(), "point", "energies", T=100.0)
    assert found["point"]["answer"]["converged"]
    assert "lattice" in found["energies"]["error"]


@pytest.mark.slow
def test_branches_end_and_go_as_by_the_public_functions():
    """s+- is unstable, and found at T = 0 from the last of many starts: once, for its end and its curve."""
    sc = two_band()
    rows = {row["name"]: row for row in answers(sc, "branches")["branches"]["answer"]["curves"]}
    end, curve = jg.branch_end(sc, "s+-"), jg.gap_curve(sc, rows["s+-"]["T"], "s+-")
    assert rows["s+-"]["end"] == pytest.approx(float(end.T), rel=1e-12)
    np.testing.assert_allclose(rows["s+-"]["gaps"], np.asarray(curve.gaps), rtol=1e-9)
    assert rows["s+-"]["stable"] == np.asarray(curve.stable).tolist()
    assert rows["s++"]["end"] == pytest.approx(float(jg.critical_temperature(sc)), rel=1e-12)
