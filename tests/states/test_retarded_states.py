"""All real solutions of a retarded interaction: the first-order change to what cross pairs dominate survives retardation."""

import json

import numpy as np
import pytest

import jaxgap as jg
from jaxgap.numerics.checks import InputError
from jaxgap.states.retarded import patterns

CROSSING = 0.348  # lambda_33 at which the free energies of both states cross: 1e-3, its digits


def system(lambda_33: float) -> jg.Superconductor:
    """What VP20's Fig. 2 is with phonons of 49.5 meV, 4.2 K, at d = 0."""
    lam = [[0.73, 0.09, 0.09], [0.09, 0.46, 0.09], [0.09, 0.09, lambda_33]]
    bands = {"a": {"mu": 500.0}, "b": {"mu": 500.0}}
    return jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=jg.Retarded(49.5, frequencies=512))


def test_patterns_hold_every_relative_sign_once():
    assert patterns(3, 0).shape == (4, 3)
    one = patterns(2, 1)
    assert len(np.unique(one, axis=0)) == len(one) == 12
    assert (one[:, 0] > 0).all()


@pytest.mark.slow
def test_the_first_order_change_survives_retardation():
    T, couplings = 4.2, (0.345, 0.351)
    found = {x: jg.solutions(system(x), T) for x in (0.31, *couplings, 0.40)}
    kinds = {x: [state.name.split(", ")[-1] for state in states] for x, states in found.items()}
    assert kinds[0.31] == ["intraband-dominated", "normal"]
    assert kinds[0.40] == ["crossband-dominated", "normal"]
    assert kinds[0.345] == ["intraband-dominated", "crossband-dominated", "normal"]
    assert kinds[0.351] == ["crossband-dominated", "intraband-dominated", "normal"]
    apart = [{state.name: state.free_energy for state in found[x]} for x in couplings]
    low, high = (one["s++, crossband-dominated"] - one["s++, intraband-dominated"] for one in apart)
    assert couplings[0] + (couplings[1] - couplings[0]) * low / (low - high) == pytest.approx(CROSSING, abs=1e-3)
    for state in found[0.345]:
        # Every one is what `solve` makes of it.
        again = jg.solve(system(0.345), T, start=state.Delta, throw=False)
        np.testing.assert_allclose(again.Delta.real, state.Delta, rtol=1e-6, atol=1e-9)
    assert "real solutions" in str(found[0.345])
    assert "phases not examined" in str(found[0.345])
    with pytest.raises(InputError, match="phases"):
        _ = found[0.345].ground_state


@pytest.mark.slow
def test_signs_of_bands_and_what_the_commands_say(command, tmp_path):
    """Two bands that repel each other: s+- is the ground state, s++ is not there or lies higher."""
    sc = jg.superconductor(
        bands={"a": {"mu": 500.0}, "b": {"mu": 500.0}},
        lam=[[0.9, -0.1], [-0.1, 0.7]],
        interaction=jg.Retarded(20.0, frequencies=256),
    )
    states = jg.solutions(sc, 6.0)
    assert states.ground_state.label == jg.Label.S_PLUS_MINUS
    assert [state.free_energy for state in states] == sorted(state.free_energy for state in states)
    assert states[-1].label == jg.Label.NORMAL
    jg.save(sc, tmp_path / "system.toml")
    printed = command("solutions", str(tmp_path / "system.toml"), "--T", "6", "--json")
    rows = json.loads(printed.out)["solutions"]
    assert [row["name"] for row in rows] == [state.name for state in states]
    one = json.loads(command("solve", str(tmp_path / "system.toml"), "--T", "6", "--json").out)
    np.testing.assert_allclose(one["gap_edges_meV"], rows[0]["gap_edges_meV"], rtol=1e-8)
    assert one["excitation_gap_meV"] == pytest.approx(min(one["gap_edges_meV"]))
    assert one["matsubara_frequencies"] == 256
    assert all(Z > 1 for Z in one["Z"])
