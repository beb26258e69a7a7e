"""Dressed states followed in disorder and in temperature: s+- to s++ (Efremov), T_c, a first-order change, a fold."""

import numpy as np
import pytest
from disordered import EFREMOV, S, two_bands

import jaxgap as jg
from jaxgap.numerics.checks import InputError, NotConvergedError

EQUAL = [[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.2]]
"""Near the first-order change to what cross pairs dominate: between 0.200 and 0.205 of the last coupling at 4.2 K."""
ACROSS_THE_FOLD = [4.85, 2.76, 4.42]
"""Phi [meV] of the unstable state at a density of 0.1 of charges s3."""
FOLD = 1e-3
"""sigma_min^2 is linear to the first order of the distance, of which 1 % is left where steps fail."""


def crossing_of(path):
    """Where the states that intraband and cross amplitudes dominate at either end have equal free energies."""
    inner = jg.follow_state(path, [6.0, 4.0, 1.0], points=2)
    outer = jg.follow_state(path, [1.5, 1.5, 7.0], points=2, backwards=True)
    return jg.equal_free_energies(inner, outer), inner, outer


@pytest.mark.slow
def test_s_plus_minus_turns_into_s_plus_plus():
    """One state all the way: the dressed amplitude of the second band is positive at Gamma_12 = 3 meV, its order parameter
    turns positive between 3 and 10; T_c falls from 56.09 to 14.56 K meanwhile."""
    path = jg.path(two_bands(EFREMOV, 0.0, S["s1"]), 3.0, {"disorder.density": (0.0, 10.0 / np.pi)})
    found = jg.follow_state(path, jg.solve(path.sc_0, 3.0, branch="s+-"), points=10)
    assert found.end == "boundary"
    rate = np.pi * found.value()
    assert np.all(found.pairing[:, 0] > 0)
    turns = [rate[np.flatnonzero(np.diff(np.sign(row[:, 1])))[0]] for row in (found.Delta, found.pairing)]
    assert turns[0] < 3.0
    assert 2.9 < turns[1] < 10.0
    assert np.all(np.diff(found.free_energy) > 0)  # It loses energy all the way.
    assert np.all(found.free_energy < 0)
    for k in (2, len(rate) - 1):
        alone = jg.solve(path.at(found.p[k])[0], 3.0)
        np.testing.assert_allclose(found.pairing[k], alone.pairing, rtol=1e-7)
        np.testing.assert_allclose(found.free_energy[k], alone.free_energy(), rtol=1e-7)


@pytest.mark.slow
def test_in_temperature_it_ends_at_T_c():
    sc = two_bands(EFREMOV, 10.0 / np.pi, S["s1"])
    T_c = float(jg.critical_temperature(sc))
    assert T_c == pytest.approx(14.56, abs=0.005)
    path = jg.path(sc, 3.0, {"T": (3.0, 16.0)})
    found = jg.follow_state(path, jg.solve(sc, 3.0), points=12)
    assert found.end == "normal"
    assert found.value("T")[-1] == pytest.approx(T_c, rel=2e-2)
    assert found.value("T")[-1] < T_c
    assert np.all(np.diff(found.free_energy) > 0)


@pytest.mark.slow
def test_a_first_order_change_by_disorder():
    """Charges that are equal in both bands leave the change where it is; those that tell the bands apart break cross pairs:
    the state that these dominate loses against the other at some density."""
    found = {}
    for name, density in (("1", 0.5), ("s3", 0.002)):
        sc = two_bands(EQUAL, density, S[name])
        path = jg.path(sc, 4.2, {"lam[a:b, a:b]": (0.199, 0.207)})
        found[name, density], inner, outer = crossing_of(path)
        assert inner.end == outer.end == "boundary"
        assert np.abs(outer.pairing[0, 2]) > np.abs(outer.pairing[0, 0])
    (equal,), (apart,) = found.values()
    assert 0.200 < 0.199 + 0.008 * equal < 0.205  # As without impurities (page: at a Matsubara cutoff).
    assert apart > equal + 0.01


@pytest.mark.slow
def test_it_stops_at_a_fold():
    """Charges that tell the bands apart take the state that cross pairs dominate, the ground state of the clean system, through
    a first-order change to a fold. The other state there, which is unstable, ends at the same density from its side, and is not
    mistaken for the stable one."""
    lam = [*EQUAL[:2], [0.05, 0.05, 0.207]]
    path = jg.path(two_bands(lam, 0.0, S["s3"]), 4.2, {"disorder.density": (0.0, 0.2)})
    outer = jg.follow_state(path, [1.5, 1.5, 7.0], points=6)
    inner = jg.follow_state(path, [6.0, 4.0, 1.0], points=3, backwards=True)
    assert (outer.end, inner.end) == ("fold", "boundary")
    assert np.isnan(inner.fold)
    (change,) = path.value(jg.equal_free_energies(inner, outer))
    assert change == pytest.approx(0.031895, rel=1e-4)
    assert outer.free_energy[0] < inner.free_energy[-1]
    assert outer.free_energy[-1] > inner.free_energy[0]

    fold = float(path.value(outer.fold))
    assert outer.value()[-1] < fold < 0.104
    assert np.all(np.diff(outer.sigma_min) < 0)
    assert f"fold at {fold:.6g}" in str(outer)
    near = jg.path(path.at(0.5)[0], 4.2, {"disorder.density": (0.1, 0.11)})
    unstable = jg.solve(near.sc_0, 4.2, start=ACROSS_THE_FOLD)
    stable = jg.solve(near.sc_0, 4.2, start=outer.Phi[-1])
    assert (int(unstable.unstable_amplitude), int(stable.unstable_amplitude)) == (1, 0)
    there = jg.follow_state(near, unstable, points=4)
    assert there.end == "fold"
    assert np.all(there.pairing[:, 0] > outer.pairing[:, 0].max())
    assert float(near.value(there.fold)) == pytest.approx(fold, rel=FOLD)


def test_what_is_refused():
    static = jg.path(jg.materials.two_band(), 4.0, {"lambda_33": (0.1, 0.2)})
    with pytest.raises(InputError, match="`path` must be of systems with self-energies"):
        jg.follow_state(static, [1.0, 1.0, 1.0])
    dressed = jg.path(two_bands(EFREMOV, 1.0, S["s1"]), 4.0, {"disorder.density": (1.0, 2.0)})
    with pytest.raises(InputError, match="`path` must have a static interaction"):
        jg.branches(dressed)


@pytest.mark.slow
def test_there_must_be_a_state():
    path = jg.path(two_bands(EFREMOV, 10.0 / np.pi, S["s1"]), 20.0, {"T": (20.0, 30.0)})
    with pytest.raises(NotConvergedError, match="no superconducting state near"):
        jg.follow_state(path, [5.0, 1.0])
