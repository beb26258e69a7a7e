"""Events on a branch of three linked bands, each by another route than its own equations: the change of Fig. 2 of two bands to
which a third is linked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import brute_energies
from problems import system

from jaxgap import (
    BifurcationKind,
    Label,
    TransitionKind,
    critical_end_point,
    follow_path,
    gapless_limits,
    linear_temperatures,
    path,
    phase_diagram,
    solutions,
    solve,
    transition,
)
from jaxgap.continuation.bifurcations import locate_crossing, locate_gapless
from jaxgap.equations.pairing import gap_residual
from jaxgap.observables import free_energy
from jaxgap.solving.stability import real_blocks

PITCHFORK, FOLD, GAPLESS = BifurcationKind.PITCHFORK, BifurcationKind.FOLD, BifurcationKind.GAPLESS
MARGINAL = 1e-9
"""Of an eigenvalue of M or its phase block; they are 0.1 to 1 elsewhere."""
EQUAL = 1e-10
"""Of two free energies."""
CUSP = 1e-4
"""It is extrapolated to 1e-6 of T*, near which M grows like the square root of what is left."""
BESIDE = 0.05  # [K]
TOUCHING = 1e-6  # [meV] of the lowest energy on a fine grid, which misses zero by the slope times half a step
LAM = np.array(
    [
        [0.4, 0.05, 0.02, 0.05, 0.0, 0.0],
        [0.05, 0.3, 0.02, 0.05, 0.0, 0.0],
        [0.02, 0.02, 0.12, 0.0, 0.01, 0.01],
        [0.05, 0.05, 0.0, 0.2, 0.01, 0.0],
        [0.0, 0.0, 0.01, 0.01, 0.06, 0.01],
        [0.0, 0.0, 0.01, 0.0, 0.01, 0.05],
    ]
)
SC = system(LAM, [200.0, 200.0, 208.0], cross=((0, 1), (0, 2), (1, 2)))
T = 4.2  # [K]
BETWEEN = 0.217152648, [5.865917175, 3.788019926, 0.797535311, 4.169067, 0.21872379, 0.041008702]
"""lam[a:b, a:b] and amplitudes [meV] of a state between the folds, away from all events."""


@pytest.fixture(scope="module")
def branch():
    along = path(SC, T, {"lam[a:b, a:b]": (0.19, 0.225)})
    return follow_path(along, BETWEEN[1], (BETWEEN[0] - 0.19) / 0.035)


def blocks(event):
    """Eigenvalues of M and of its phase block."""
    sc, T = event.path.at(event.p)
    return [np.linalg.eigvals(np.asarray(block)) for block in real_blocks(sc, event.Delta, T)]


@pytest.mark.slow
def test_events_are_where_an_eigenvalue_or_a_gap_vanishes(branch):
    assert [event.kind for event in branch.events] == [PITCHFORK, FOLD, GAPLESS, FOLD, PITCHFORK]
    assert branch.ends == ("boundary", "boundary")
    for event in branch.events:
        amplitude, phase = (np.sort(np.abs(eigenvalues)) for eigenvalues in blocks(event))
        # The global phase is free: one eigenvalue of the phase block vanishes everywhere.
        assert phase[0] < MARGINAL
        assert (phase[1] < MARGINAL) == (event.kind == PITCHFORK)
        assert (amplitude[0] < MARGINAL) == (event.kind == FOLD)
        if event.kind == GAPLESS:
            sc, _ = event.path.at(event.p)
            kappa = np.linspace(150.0, 250.0, 20001)
            E = brute_energies(sc, event.Delta, kappa)[:, 0]
            near = kappa[E.argmin()] + np.linspace(-0.01, 0.01, 20001)
            assert brute_energies(sc, event.Delta, near)[:, 0].min() < TOUCHING
    # Unstable in amplitude between the folds, in phase between the pitchforks.
    turns = np.flatnonzero(np.diff(np.sign(np.diff(branch.p)))) + 1
    assert len(turns) == 2
    assert (branch.unstable_amplitude[turns[0] + 1 : turns[1]] == 1).all()
    assert branch.stable[0]
    assert branch.stable[-1]


@pytest.mark.slow
def test_free_energies_are_equal_where_branches_cross(branch):
    """Of the two states that both are on the branch there; between them lies one that breaks time reversal."""
    p = (0.205455 - 0.19) / 0.035
    lower, *_, upper = branch.at(p)
    event = locate_crossing(branch.path, jnp.asarray(lower), jnp.asarray(upper), jnp.asarray(p))
    assert bool(event.converged)
    sc, _ = branch.path.at(event.p)
    F, F_other = (float(free_energy(solve(sc, T, start=Delta))) for Delta in (event.Delta, event.direction))
    assert F < 0
    assert abs(F - F_other) < EQUAL * abs(F)


@pytest.mark.slow
def test_the_transition_is_continuous():
    """No state just above the highest temperature at which the normal state is marginal, and small amplitudes just below."""
    found = transition(SC)
    assert found.kind == TransitionKind.CONTINUOUS
    assert (found.T_c, found.linear) == (found.linear[0], linear_temperatures(SC))
    near = [np.linalg.norm(solve(SC, found.T_c * (1 - share)).Delta) for share in (1e-3, 4e-3)]
    assert near[1] / near[0] == pytest.approx(2.0, rel=1e-2)  # a square root
    assert int(solve(SC, found.T_c * (1 + 1e-3)).label) == Label.NORMAL


def of_kind(branch, kind):
    return [event for event in branch.events if event.kind == kind]


@pytest.mark.slow
def test_where_the_first_order_change_ends(branch):
    """The cusp of two folds, found by following them until they meet, solves the cusp's own equations: M v = 0 = w M and
    w . d^2 r [v, v] = 0."""
    end = critical_end_point(*of_kind(branch, FOLD))
    sc, T_star = end.path.at(end.p)
    Delta = jnp.asarray(end.Delta)

    def slope(D):
        return jax.jvp(lambda x: gap_residual(sc, x, T_star), (D,), (v,))[1]

    w, sigma, v = np.linalg.svd(np.asarray(jax.jacfwd(lambda D: gap_residual(sc, D, T_star))(Delta)))
    w, v = jnp.asarray(w[:, -1]), jnp.asarray(v[-1])
    assert sigma[-1] < CUSP * sigma[-2]
    curvature = jax.jvp(slope, (Delta,), (v,))[1]
    assert abs(float(w @ curvature)) < CUSP * float(jnp.linalg.norm(curvature))


@pytest.mark.slow
def test_from_where_on_the_gapless_state_is_stable(branch):
    """By the counts of `solve` a little above both temperatures and a little below; with d they are two."""
    (event,) = of_kind(branch, GAPLESS)
    limits = gapless_limits(event)
    assert limits.amplitude < limits.phase < critical_end_point(*of_kind(branch, FOLD)).T
    counts = []
    for at in (limits.amplitude - BESIDE, (limits.amplitude + limits.phase) / 2, limits.phase + BESIDE):
        found = locate_gapless(path(SC, at, {"lam[a:b, a:b]": (0.19, 0.225)}), limits.event.Delta, limits.event.p)
        solution = solve(found.path.at(found.p)[0], at, start=found.Delta)
        counts.append((int(solution.unstable_amplitude), int(solution.unstable_phase)))
    assert counts == [(1, 1), (0, 1), (0, 0)]


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_phase_diagram(branch):
    """Between two real ground states lies one that breaks time reversal, from where the phases of the branch soften, and
    no line of first order crosses the row. States are those of a search."""
    diagram = phase_diagram(SC, T, {"lam[a:b, a:b]": (0.203, 0.208, 3)}, {"T": (T, 20.0, 2)})
    assert diagram.ground_broken[0].tolist() == [False, True, False]
    assert diagram.crossband[0, 0] < 1 < diagram.crossband[0, 2]
    assert not (diagram.lines[BifurcationKind.CROSSING][:, 1] == T).any()
    points = diagram.lines[PITCHFORK]
    softened = sorted(float(event.value()) for event in of_kind(branch, PITCHFORK) if 0.203 < float(event.value()) < 0.208)
    assert np.sort(points[points[:, 1] == T, 0]) == pytest.approx(softened, abs=1e-9)
    assert len(softened) > 0
    states = [s for s in solutions(SC.set({"lam[a:b, a:b]": 0.208}), T).stable if s.label != Label.NORMAL]
    assert diagram.free_energy[0, 2][diagram.stable[0, 2]] == pytest.approx([s.free_energy for s in states], abs=1e-9)


@pytest.mark.slow
def test_a_first_order_transition_is_that_of_two_bands():
    """Two bands at a distance that pair with each other alone, and a third one, linked to them without a coupling: the way of
    several bands must say what the closed form of two does."""
    two = np.diag([0.0, 0.0, 0.12])
    three = np.diag([0.0, 0.0, 0.0, 0.12, 0.0, 0.0])
    d = 1.3 * 60.0 / np.sinh(1 / 0.24)
    expected = transition(system(two, [200.0, 200.0 + d], Omega=60.0))
    found = transition(system(three, [200.0, 200.0 + d, 205.0], Omega=60.0, cross=((0, 1), (0, 2), (1, 2))))
    assert found.kind == expected.kind == TransitionKind.FIRST_ORDER
    assert found.T_c == pytest.approx(expected.T_c, rel=1e-8)
    assert found.superheating == pytest.approx(expected.superheating, rel=1e-6)
