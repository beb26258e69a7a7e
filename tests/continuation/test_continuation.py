"""Branches along a path: Fig. 2's first-order change, the end of s+-, and derivatives of where they happen."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import ba122

from jaxgap import (
    BifurcationKind,
    InputError,
    NotConvergedError,
    branch_end,
    branches,
    critical_end_point,
    critical_temperature,
    crossings,
    follow_path,
    gapless_limits,
    materials,
    parabolic_band,
    path,
    solutions_on,
    solve,
    superconductor,
)
from jaxgap.continuation import bifurcations as b
from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.pairing import gap_residual
from jaxgap.observables import gapless_excess
from jaxgap.solving.stability import phase_block

PRINTED = {"fold, intraband": 0.2171595, "fold, crossband": 0.1933869, "equal F": 0.202509, "gapless": 0.2030337}
LAST_DIGIT = {"fold, intraband": 5e-8, "fold, crossband": 5e-8, "equal F": 5e-7, "gapless": 1e-7}
CUSP = {"T": 13.6303156, "lambda_33": 0.2030347003}
"""By Newton on the cusp's equations, with third derivatives of the gap equations (two minutes of compilation: not here)."""
GAPLESS_STABLE_ABOVE = 13.60358546
"""[K] By Newton on r = 0, M v = 0 and Delta_3^2 = Delta_1 Delta_2."""
EQUATIONS = 1e-10
"""[meV] What the located points leave of their own equations."""
DIFFERENCES = 1e-5
"""Relative accuracy of central differences of located points."""


@pytest.fixture(scope="module")
def fig2():
    return branches(path(materials.two_band(), 4.2, {"lambda_33": (0.1, 0.3)}))


def kinds(branch):
    return [event.kind for event in branch.events]


@pytest.mark.slow
def test_the_s_curve_of_fig2(fig2):
    """Folds of the real subspace, and the phase instabilities that come before them."""
    main = fig2[0]
    assert main.ends == ("boundary", "boundary")
    assert [kind.name for kind in kinds(main)] == ["PITCHFORK", "FOLD", "GAPLESS", "FOLD", "PITCHFORK"]
    values = [float(event.value()) for event in main.events if event.kind != BifurcationKind.GAPLESS]
    assert values[1] == pytest.approx(PRINTED["fold, intraband"], abs=LAST_DIGIT["fold, intraband"])
    assert values[2] == pytest.approx(PRINTED["fold, crossband"], abs=LAST_DIGIT["fold, crossband"])
    assert 0.20252 <= values[0] < 0.20253
    assert 0.20249 < values[3] <= 0.2025


def test_stability_along_the_s_curve(fig2):
    """Stable outside the pitchforks; amplitudes unstable only between the folds."""
    main = fig2[0]
    turns = np.flatnonzero(np.diff(np.sign(np.diff(main.p)))) + 1
    assert len(turns) == 2
    assert np.all(main.unstable_amplitude[: turns[0]] == 0)
    assert np.all(main.unstable_amplitude[turns[0] + 1 : turns[1]] == 1)
    assert main.stable[0]
    assert main.stable[-1]
    assert not np.any(main.stable[turns[0] : turns[1] + 1])


def test_the_pass_between_the_two_minima(fig2):
    """A complex branch connects the two pitchforks, and has one unstable direction all along."""
    complex_ones = [branch for branch in fig2 if not branch.is_real]
    assert len(complex_ones) == 1
    assert complex_ones[0].ends == ("pitchfork", "pitchfork")
    main = fig2[0]
    ends = [float(event.value()) for event in complex_ones[0].events]
    assert ends == pytest.approx([float(main.events[0].value()), float(main.events[4].value())], abs=1e-12)
    assert np.all(complex_ones[0].unstable_amplitude[1:-1] == 1)


@pytest.mark.slow
def test_the_first_order_transition_of_fig2(fig2):
    (event,) = crossings(fig2)
    assert float(event.value()) == pytest.approx(PRINTED["equal F"], abs=LAST_DIGIT["equal F"])
    sc, T = event.path.at(event.p)
    F, other = (float(free_energy_of(sc, Delta, T)) for Delta in (event.Delta, event.direction))
    assert pytest.approx(other, abs=1e-10) == F


@pytest.mark.slow
def test_located_points_satisfy_their_equations(fig2):
    for event in fig2[0].events:
        sc, T = event.path.at(event.p)
        assert np.linalg.norm(gap_residual(sc, event.Delta, T)) < EQUATIONS
        if event.kind == BifurcationKind.GAPLESS:
            assert abs(float(gapless_excess(sc, event.Delta)[0])) < EQUATIONS
            continue
        M = jax.jacfwd(lambda D, sc=sc, T=T: gap_residual(sc, D, T))(event.Delta)
        B = phase_block(sc, event.Delta, T)
        block = M if event.kind == BifurcationKind.FOLD else B
        assert np.linalg.norm(block @ event.direction) < EQUATIONS


def test_points_of_a_branch_are_solutions(fig2):
    for branch in fig2:
        for p, Delta in list(zip(branch.p, branch.Delta, strict=True))[::7]:
            sc, T = branch.path.at(p)
            assert np.linalg.norm(gap_residual(sc, jnp.asarray(Delta), T)) < 1e-9


@pytest.mark.slow
def test_branch_points_between_real_branches():
    """Two equal bands: (D, -D, 0) and (D, D, 0) solve the equations at every lambda_33. A cross pair is as good as a difference
    or a sum of bands where 2 lambda_33 = lambda_11 -+ lambda_12: branches cross, or phases become unstable, exactly there (in
    the first case on a whole continuum of solutions). None ends in a fold, and none is listed twice."""
    bands = [parabolic_band("a", mu=200.0), parabolic_band("b", mu=200.0)]
    sc = superconductor(bands=bands, cross=["a:b"], lam=[[0.4, -0.05, 0], [-0.05, 0.4, 0], [0, 0, 0.05]], Omega=30.0)
    found = branches(path(sc, 4.2, {"lambda_33": (0.05, 0.3)}), searches=2)
    events = [(event.kind, float(event.value())) for branch in found for event in branch.events]
    at = {kind: [value for k, value in events if k == kind] for kind in BifurcationKind}
    assert not at[BifurcationKind.FOLD]
    assert min(abs(value - 0.225) for value in at[BifurcationKind.BRANCH_POINT]) < 1e-10
    assert min(abs(value - 0.175) for value in at[BifurcationKind.PITCHFORK]) < 1e-10
    real = [b for b in found if b.is_real and not b.is_vertical]
    (antisymmetric,) = [b for b in real if np.allclose(b.Delta[5], b.Delta[5, 0] * np.array([1, -1, 0]))]
    assert antisymmetric.events[0].kind == BifurcationKind.BRANCH_POINT
    assert float(antisymmetric.events[0].value()) == pytest.approx(0.225, abs=1e-10)
    for p in (0.37, 0.81):
        states = [(b.number, state) for b in found for state in b.at(p)]
        for i, (number, state) in enumerate(states):
            for other_number, other in states[i + 1 :]:
                same = len(state) == len(other) and min(np.linalg.norm(state - s * other) for s in (1, -1)) < 1e-6
                assert number == other_number or not same


@pytest.mark.parametrize(
    ("kind", "leaf"),
    [
        ("fold", "Omega"),
        pytest.param("pitchfork", "mu[b]", marks=pytest.mark.slow),
        pytest.param("crossing", "lam[a, a]", marks=pytest.mark.slow),
    ],
)
@pytest.mark.slow
def test_derivatives_of_located_points(fig2, kind, leaf):
    """Against central differences of points that are located anew."""
    event = crossings(fig2)[0] if kind == "crossing" else fig2[0].events[{"fold": 1, "pitchfork": 0}[kind]]
    base = materials.two_band()

    @jax.jit
    @jax.value_and_grad
    def located(value):
        along = path(base.set({leaf: value}), 4.2, {"lambda_33": (0.1, 0.3)})
        if kind == "crossing":
            return b.locate_crossing(along, event.Delta, event.direction, event.p).value()
        return {"fold": b.locate_fold, "pitchfork": b.locate_pitchfork}[kind](along, event.Delta, event.p).value()

    x = float(base.get(leaf))
    h = 1e-4 * abs(x) if leaf != "mu[b]" else 1e-3
    slope, (above, _), (below, _) = float(located(x)[1]), located(x + h), located(x - h)
    assert slope == pytest.approx(float(above - below) / (2 * h), rel=DIFFERENCES)


def test_the_gapless_state_of_fig2(fig2):
    """|Delta_3|^2 = Delta_1 Delta_2 at d = 0, on the unstable middle piece."""
    event = fig2[0].events[2]
    D = np.asarray(event.Delta)
    assert float(event.value()) == pytest.approx(PRINTED["gapless"], abs=LAST_DIGIT["gapless"])
    assert D[2] ** 2 == pytest.approx(D[0] * D[1], rel=1e-12)


def test_where_the_first_order_change_ends(fig2):
    """The cusp of the two folds, against the solution of the cusp's own equations (w . d^2 r [v, v] = 0 with M v = 0 = w M)."""
    folds = [event for event in fig2[0].events if event.kind == BifurcationKind.FOLD]
    found = critical_end_point(*folds)
    assert pytest.approx(CUSP["T"], abs=1e-4) == found.T
    assert found.value() == pytest.approx(CUSP["lambda_33"], abs=1e-7)
    with pytest.raises(InputError, match="two different folds"):
        critical_end_point(folds[0], folds[0])
    with pytest.raises(InputError, match="two folds"):
        critical_end_point(folds[0], fig2[0].events[0])


def test_where_the_gapless_state_becomes_stable(fig2):
    """At d = 0 in amplitude and phase at once, and below the critical end point."""
    limits = gapless_limits(fig2[0].events[2])
    assert limits.amplitude == pytest.approx(limits.phase, rel=1e-6)
    assert pytest.approx(GAPLESS_STABLE_ABOVE, abs=1e-4) == limits.T
    assert CUSP["T"] > limits.T
    with pytest.raises(InputError, match="gapless state"):
        gapless_limits(fig2[0].events[0])


# Between the pitchforks, at .5125, there are complex solutions, and programs for them.
@pytest.mark.parametrize("p", [0.49, pytest.param(0.5125, marks=pytest.mark.slow)])
def test_solutions_carry_the_number_of_their_branch(fig2, p):
    states = solutions_on(fig2, p)
    numbers = [state.branch for state in states if np.any(state.Delta)]
    assert None not in numbers
    assert numbers.count(0) == 3  # three passages of the S curve
    assert "(branch 0)" in str(states)


@pytest.mark.slow
@pytest.mark.parametrize(("d", "window"), [(5, (0.2265, 0.2295)), (10, (0.2755, 0.294)), (15, (0.340, 0.404))])
def test_the_window_of_two_minima_opens_with_d(d, window):
    """Between them two states are stable in amplitudes and phases (bounds printed to about 5e-4)."""
    sc = materials.two_band(d=d)
    branch = follow_path(path(sc, 4.2, {"lambda_33": (0.15, 0.5)}), solve(sc.set({"lambda_33": 0.15}), 4.2).Delta.real, 0.0)
    x = [float(e.value()) for e in branch.events if e.kind in (BifurcationKind.PITCHFORK, BifurcationKind.FOLD)]
    assert min(abs(value - window[0]) for value in x) < 6e-4
    assert min(abs(value - window[1]) for value in x) < 6e-4


@pytest.mark.slow
def test_the_end_of_s_plus_minus_by_continuation():
    """Asymmetric g: the s+- branch of ba122 folds at 35.35 K, as `branch_end` finds it by other means."""
    sc = ba122()
    branch = follow_path(path(sc, 0.0, {"T": (5.0, 60.0)}), solve(sc, 20.0, branch="s+-").Delta.real, 15.0 / 55.0)
    folds = [event for event in branch.events if event.kind == BifurcationKind.FOLD]
    assert float(folds[0].value()) == pytest.approx(float(branch_end(sc, "s+-").T), abs=1e-8)


def test_a_branch_ends_in_the_normal_state(fig2):
    """The first point of Fig. 2's branch, followed in temperature."""
    sc = materials.two_band(0.1)
    branch = follow_path(path(sc, 0.0, {"T": (4.2, 150.0)}), fig2[0].Delta[0], 0.0)
    assert branch.ends == ("boundary", "normal")
    assert branch.events[-1].kind == BifurcationKind.NORMAL
    assert float(branch.events[-1].value()) == pytest.approx(float(critical_temperature(sc)), rel=1e-11)
    assert np.all(branch.stable)


def test_bad_paths():
    with pytest.raises(InputError, match="along"):
        path(materials.two_band(), 4.2, {})
    with pytest.raises(InputError, match="pair"):
        path(materials.two_band(), 4.2, {"lambda_33": 0.1})
    with pytest.raises(InputError, match="lambda_99"):
        path(materials.two_band(), 4.2, {"lambda_99": (0.1, 0.2)})
    with pytest.raises(InputError, match="`T`"):
        path(materials.two_band(), -4.2, {"lambda_33": (0.1, 0.2)})


def test_no_solution_to_follow():
    with pytest.raises(NotConvergedError, match="no superconducting solution"):
        follow_path(path(materials.two_band(0.1), 200.0, {"lambda_33": (0.1, 0.2)}), np.array([1.0, 1.0, 1.0]))
