"""All solutions: the reference set is found without being told, ranked and named; the search is complete where it was tried."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import PROBLEMS, ba122, balanced, generator, system

from jaxgap import InputError, Label, Status, ground_state, materials, solutions, solve
from jaxgap.equations.groups import coupled_groups
from jaxgap.equations.pairing import gap_residual
from jaxgap.observables import free_energy

SAME = 1e-8
"""Relative distance, up to phases and conjugation, from the reference amplitudes, which are good to 1e-11."""
GAPLESS_LAMBDA_33 = 0.2030337
"""Where the real solution in between is gapless at 4.2 K; printed to seven digits, and dE_-/dlambda_33 is about 100 meV."""


def found_in(states, Delta):
    """The distance written out, not by the search's formula, which cancels below 1e-8."""
    squared = np.zeros(len(states))
    for group in coupled_groups(states.superconductor):
        x = np.asarray(Delta)[group]
        for k, state in enumerate(states):
            y = np.asarray(state.solution.Delta)[group]
            apart = [np.linalg.norm(x - z * np.exp(1j * np.angle(np.vdot(z, x)))) for z in (y, np.conj(y))]
            squared[k] += min(apart) ** 2
    return np.sqrt(np.min(squared)) <= SAME * np.linalg.norm(Delta)


QUICK = ("two-band Fig. 2, lambda33=0.15", "complex saddle, time reversal broken")
"""Reference cases that share one compiled program; the others, of other structure, are compiled anew."""


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case.name in QUICK else pytest.mark.slow, id=case.name) for case in PROBLEMS],
)
def test_every_reference_solution_is_found(case):
    assert found_in(solutions(case.system, case.T), case.Delta)


@pytest.fixture(scope="module")
def near_the_change():
    return solutions(materials.two_band(0.2025), 4.2)


def test_the_complex_saddle_is_found_once(near_the_change):
    broken = [state for state in near_the_change if state.label == Label.BROKEN]
    assert len(broken) == 1
    assert (broken[0].unstable_amplitude, broken[0].unstable_phase) == (1, 0)


def test_ranking_and_ground_state(near_the_change):
    F = [state.free_energy for state in near_the_change]
    assert sorted(F) == F
    assert near_the_change.ground_state is near_the_change[0]
    assert [state.name for state in near_the_change.stable] == ["s++, intraband-dominated", "s++, crossband-dominated"]
    assert near_the_change[-1].label == Label.NORMAL
    for state in near_the_change:
        assert state.free_energy == pytest.approx(float(free_energy(state.solution)), abs=1e-11)


def test_every_row_solves_the_gap_equations(near_the_change):
    for state in near_the_change:
        s = state.solution
        assert np.max(np.abs(gap_residual(s.superconductor, s.Delta, s.T))) < 1e-11


@pytest.mark.slow
def test_the_gapless_state_is_named():
    states = solutions(materials.two_band(GAPLESS_LAMBDA_33), 4.2)
    gapless = [state for state in states if state.gap < 1e-4 and state.label != Label.NORMAL]
    assert len(gapless) == 1
    assert (gapless[0].unstable_amplitude, gapless[0].unstable_phase) == (1, 1)
    assert gapless[0].crossband == pytest.approx(1.0, abs=1e-5)


def test_asymmetric_couplings_have_no_free_energy():
    states = solutions(ba122(), 10.0)
    assert all(state.free_energy is None for state in states)
    assert "not symmetric" in str(states)
    labels = [state.label for state in states if state.unstable_amplitude == 0]
    assert sorted(labels) == [Label.S_PLUS_PLUS, Label.S_PLUS_MINUS]
    assert "undefined (asymmetric g" in states[0].stability
    assert ground_state(ba122(), 10.0).label == Label.S_PLUS_MINUS


def test_only_the_normal_state_above_T_c():
    states = solutions(materials.two_band(0.1), 150.0)
    assert [state.name for state in states] == ["normal"]
    assert states.ground_state.label == Label.NORMAL


@pytest.mark.slow
def test_decoupled_clusters_count_relative_phases_once():
    """Without coupling the relative phase of two bands is free: (D1, D2), (D1, 0), (0, D2) and normal are all."""
    lam = np.diag([0.4, 0.3])
    states = solutions(system(lam, [200.0, 200.0], cross=[]), 2.0)
    assert len(states) == 4
    assert [len(state.Delta[np.abs(state.Delta) > 0]) for state in states] == [2, 1, 1, 0]


@pytest.mark.slow
def test_complex_starts_never_end_where_nothing_is_solved():
    """With the gauge fixed at the start, r + u (u . (x - x_0)) = 0 had roots at which r is 1 meV."""
    lam = np.array([[0.43488, -0.0077772, 0.11426], [-0.0077772, 0.42554, 0.14937], [0.11426, 0.14937, 0.12799]])
    sc = system(lam, [200.0, 210.345], Omega=35.6652)
    rng = generator(77)
    starts = np.repeat([[1.0], [8.0]], 30, axis=0) * rng.normal(size=(60, 3)) * np.exp(2j * np.pi * rng.uniform(size=(60, 3)))
    result = jax.vmap(lambda D: solve(sc, 0.879, start=D, throw=False))(jnp.asarray(starts))
    residual = jax.vmap(lambda D: jnp.linalg.norm(gap_residual(sc, D, jnp.asarray(0.879))))(result.Delta)
    ended = np.asarray(result.status) == Status.CONVERGED
    assert ended.sum() > 10
    assert not np.any(np.asarray(result.status) == Status.INACCURATE)
    assert np.all(np.asarray(residual)[ended] < 1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("lambda_33", [0.2487, 0.2488])
def test_a_stable_state_that_breaks_time_reversal(lambda_33):
    """Two cross-paired bands whose cross channel is frustrated, between the pitchforks at which the phases of s++ (.248668)
    and of s+- (.248933) become unstable: the ground state is complex, also 3e-5 above the first one, where it is almost s++."""
    sc = system([[0.41, 0.13, -0.03], [0.13, 0.44, 0.13], [-0.03, 0.13, lambda_33]], [200.0, 206.0], Omega=40.0)
    states = solutions(sc, 4.2)
    ground = states.ground_state
    assert ground.label == Label.BROKEN
    assert ground is states[0]
    assert len(states.stable) == 1
    assert np.linalg.norm(gap_residual(sc, jnp.asarray(ground.Delta), jnp.asarray(4.2))) < 1e-10


def test_starts_of_the_user(near_the_change):
    """They can only add; bad ones are refused."""
    sc = near_the_change.superconductor
    more = solutions(sc, 4.2, starts=[[6.0, 4.0, 3.0], [5.0, 4.0j, 1.0 + 1.0j]])
    assert len(more) == len(near_the_change)
    for starts in ([[1.0, 2.0]], [[np.nan, 1.0, 1.0]], [1.0, 2.0]):
        with pytest.raises(InputError, match="starts"):
            solutions(sc, 4.2, starts=starts)


@pytest.mark.slow
def test_random_starts_find_nothing_new():
    rng = generator(78)
    for _ in range(20):
        lam = np.diag([*rng.uniform(0.25, 0.5, 2), rng.uniform(-0.2, 0.35)])
        off = np.triu(rng.uniform(-0.15, 0.15, (3, 3)), 1)
        sc = balanced(system(lam + off + off.T, [200.0, 200.0 + rng.uniform(0, 12)]))
        T = rng.uniform(0.5, 12.0)
        states = solutions(sc, T)
        for _ in range(40):
            start = rng.normal(size=3) * 10 ** rng.uniform(-0.5, 1.2) * np.exp(2j * np.pi * rng.uniform(size=3))
            other = solve(sc, T, start=start, throw=False)
            if int(other.status) == Status.CONVERGED:
                assert found_in(states, np.asarray(other.Delta))


@pytest.mark.parametrize("T", [-1.0, float("nan"), [1.0, 2.0]])
def test_bad_temperatures(T):
    with pytest.raises(InputError, match="`T`"):
        solutions(materials.two_band(), T)


def test_a_search_cannot_be_traced():
    with pytest.raises(InputError, match="on the host"):
        jax.jit(lambda T: solutions(materials.two_band(), T).T)(4.2)


def test_it_prints(near_the_change):
    text = str(near_the_change)
    assert text.startswith("7 solutions at T = 4.2 K")
    assert "time-reversal broken" in text
