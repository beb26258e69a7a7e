"""Branches in temperature: where they end and why, and that nothing passes for a branch beyond its end."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import problem, relative_error, system

from jaxgap import (
    EndKind,
    InputError,
    Label,
    NotConvergedError,
    Status,
    branch_end,
    critical_temperature,
    gap_curve,
    solve,
    solve_temperatures,
    symmetrised,
)
from jaxgap.equations.pairing import gap_residual
from jaxgap.materials import ba122
from jaxgap.observables import branch_minima
from jaxgap.solving.stability import unstable_directions

PUBLISHED = 0.01
"""[K] Half a unit of the last digit of 35.35, and a margin."""
SEVEN_DIGITS = 1e-4
"""[K] 35.3516 as an independent calculation printed it."""
DIFFERENCES = 1e-6
"""Central differences with h = 1e-4 of the value: h^2 times third derivatives (folds are smooth), rounding 1e-9 / h."""
SINGULAR = 1e-8
"""sigma_min at a fold found to 1e-12: proportional to the distance in Delta, not to its square."""
REPEATABLE = 1e-9
"""Two ways to the same solution agree to the accuracy that `solve` promises."""

SINGULAR_NEAR_FOLD, APART_NEAR_FOLD, SIZE_NEAR_T_C = 0.2297, 12.107, 21.08
"""Square-root laws of `ba122`: sigma_min, distance of the two states [meV] and |Delta| [meV], each over sqrt(1 - T / T_end)."""


@pytest.fixture(scope="module")
def fold():
    return branch_end(ba122(), "s+-")


@pytest.fixture(scope="module")
def temperatures():
    """The s+- branch up to its end and beyond."""
    T = np.concatenate([np.arange(0.0, 33.0, 0.5), [33.0, 35.0, 35.3, 35.35, 35.353, 36.0, 50.0, 100.0]])
    return solve_temperatures(ba122(), T, branch="s+-")


@jax.jit
def _equations(sc, Delta, T):
    """The residual of the gap equations and its Jacobian."""
    return gap_residual(sc, Delta, T), jax.jacfwd(gap_residual, argnums=1)(sc, Delta, T)


def element(solutions, i):
    return jax.tree.map(lambda leaf: leaf[i], solutions)


# === the fold of s+-


def test_the_s_plus_minus_branch_of_ba122_ends_in_a_fold(fold):
    assert int(fold.kind) == EndKind.FOLD
    assert abs(float(fold.T) - 35.35) < PUBLISHED
    assert abs(float(fold.T) - 35.3516) < SEVEN_DIGITS
    assert float(fold.Delta[0]) * float(fold.Delta[1]) < 0
    assert np.abs(np.asarray(fold.Delta)).min() > 0.5  # it disappears at a finite gap


def test_the_gap_equations_are_singular_at_the_fold(fold):
    residual, jacobian = _equations(ba122(), fold.Delta, fold.T)
    assert np.abs(residual).max() < REPEATABLE
    singular_values = np.linalg.svd(jacobian, compute_uv=False)
    assert singular_values[-1] < SINGULAR
    assert singular_values[-2] > 0.01


def test_two_solutions_meet_at_the_fold(fold):
    """Close below it there are two s+- solutions, on either side of the amplitudes at the fold."""
    sc, T = ba122(), float(fold.T) - 0.01
    null = np.linalg.svd(_equations(sc, fold.Delta, fold.T)[1])[2][-1]
    found = [solve(sc, T, start=np.asarray(fold.Delta) + sign * 0.3 * null) for sign in (1.0, -1.0)]
    sides = [float(null @ (s.Delta.real - fold.Delta)) for s in found]
    assert sides[0] * sides[1] < 0
    assert {int(s.label) for s in found} == {Label.S_PLUS_MINUS}


PATHS = ("Omega", "lam[alpha, alpha:beta]", "lam[beta, beta]")


def end_slopes(branch, base, T=lambda sc, branch: branch_end(sc, branch).T):
    """Derivatives of the end of a branch with respect to the leaves at `PATHS`, and to a scale of all energies."""

    def T_end(x):
        values = {path: value for path, value in zip(PATHS, x[:3], strict=True)}
        values |= {path: base.get(path) * x[3] for path in ("mu[alpha]", "mu[beta]")}
        return T(base.set(values | {"Omega": x[0] * x[3]}), branch)

    return jax.jacfwd(T_end)(jnp.array([*(base.get(path) for path in PATHS), 1.0]))


@pytest.fixture(scope="module")
def slopes():
    return end_slopes("s+-", ba122())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.slow
def test_the_derivative_of_the_end_temperature(path, slopes):
    sc = ba122()
    x = float(sc.get(path))
    h = 1e-4 * x
    above, below = (float(branch_end(sc.set({path: x + e}), "s+-").T) for e in (h, -h))
    assert relative_error(slopes[PATHS.index(path)], (above - below) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_the_end_temperature_scales_with_the_energies(fold, slopes):
    """2D: T_fold is of the first degree in Omega and the mus together."""
    assert relative_error(slopes[3], fold.T) < REPEATABLE


@pytest.mark.slow
def test_reverse_mode_agrees(slopes):
    slope = jax.grad(lambda sc: branch_end(sc, "s+-").T)(ba122())
    assert relative_error([slope.get(path) for path in PATHS], slopes[:3]) < REPEATABLE


@pytest.mark.slow
def test_second_derivative_of_the_end_temperature():
    """Of the amplitudes and null vectors at the fold, too."""
    slope = jax.jit(jax.grad(lambda x: branch_end(ba122().set({"Omega": x}), "s+-").T))
    x, h = float(ba122().Omega), 1e-3
    second = float(jax.jit(jax.jacfwd(slope))(x))
    assert second == pytest.approx((float(slope(x + h)) - float(slope(x - h))) / (2 * h), rel=1e-6)


def test_a_fold_moves_with_the_couplings(fold):
    moved = branch_end(ba122(0.02, 45.0), "s+-")
    assert int(moved.kind) == EndKind.FOLD
    assert abs(float(moved.T) - float(fold.T)) > 1.0


# === other ends


def with_numbers_of(sc):
    """Another system of two bands, by the names of ba122: it shares its compiled programs."""
    own = ba122()
    return own.set({path: sc.get(theirs) for path, theirs in zip(own.paths, sc.paths, strict=True)})


@pytest.mark.parametrize(
    "sc", [ba122(), problem("lambda33=0.15").system, problem("offset 10 meV").system], ids=["ba122", "Fig. 2", "Fig. 2, d"]
)
def test_the_s_plus_plus_branch_ends_at_T_c(sc):
    sc = with_numbers_of(sc)
    end = branch_end(sc, "s++")
    assert int(end.kind) == EndKind.NORMAL
    assert float(end.T) == pytest.approx(float(critical_temperature(sc)), rel=REPEATABLE)
    assert np.all(np.asarray(end.Delta) == 0)


@pytest.mark.slow
def test_the_end_in_the_normal_state_moves_like_T_c():
    """Two routes: equations of the end of the followed branch, and the search for T_c."""
    assert (
        relative_error(end_slopes("s++", ba122()), end_slopes("s++", ba122(), T=lambda sc, _: critical_temperature(sc)))
        < REPEATABLE
    )


WEAK = {"lambda_13": 0.02, "Omega": 38.0}
"""ba122 whose s+- branch goes over into s++ at 43.5 K: the beta amplitude passes zero."""


@pytest.fixture(scope="module")
def change():
    return branch_end(ba122(*WEAK.values()), "s+-")


def test_a_branch_ends_where_an_amplitude_changes_sign(change):
    assert int(change.kind) == EndKind.SIGN_CHANGE
    sc, T = ba122(*WEAK.values()), float(change.T)
    alpha, beta, _ = np.abs(np.asarray(change.Delta))
    assert beta < REPEATABLE * alpha
    assert np.abs(_equations(sc, change.Delta, change.T)[0]).max() < REPEATABLE
    # The state itself goes on.
    signs = [np.sign(solve(sc, T + dT, start=change.Delta).Delta.real[1]) for dT in (-0.1, 0.1)]
    assert signs == [-1.0, 1.0]


@pytest.mark.slow
def test_the_derivative_of_its_temperature():
    sc, h = ba122(*WEAK.values()), 1e-3
    above, below = (float(branch_end(sc.set({"Omega": WEAK["Omega"] + e}), "s+-").T) for e in (h, -h))
    assert relative_error(end_slopes("s+-", sc)[0], (above - below) / (2 * h)) < DIFFERENCES


def test_the_ends_go_over_into_each_other_without_a_jump():
    """With growing cross-pairing s+- of ba122 ends at T_c, where Delta_beta = 0, at a fold: its temperature is continuous."""
    systems = [ba122(x, WEAK["Omega"]) for x in [*np.linspace(0.0145, 0.0165, 5), *np.linspace(0.0205, 0.0225, 5)]]
    ends = [branch_end(sc, "s+-") for sc in systems]
    kinds = [EndKind(int(end.kind)) for end in ends]
    assert list(dict.fromkeys(kinds)) == [EndKind.NORMAL, EndKind.SIGN_CHANGE, EndKind.FOLD]
    steps = np.abs(np.diff([float(end.T) for end in ends]))
    for k in np.flatnonzero(np.diff(kinds)):
        assert steps[k] <= 1.1 * max(steps[k - 1], steps[k + 1])


def test_a_missing_branch():
    """lambda_12 > lambda_11: the eigenchannel of opposite signs is repulsive, and nothing has them."""
    sc = with_numbers_of(system([[0.3, 0.35, 0.0], [0.35, 0.3, 0.0], [0.0, 0.0, 0.05]], [200.0, 200.0]))
    with pytest.raises(NotConvergedError, match=r"branch s\+- was not found"):
        branch_end(sc, "s+-")
    assert int(branch_end(sc, "s+-", throw=False).kind) == EndKind.MISSING
    with pytest.raises(NotConvergedError, match="does not reach this temperature"):
        solve(sc, 1.0, branch="s+-")


def test_a_branch_beyond_its_end_is_an_error():
    with pytest.raises(NotConvergedError, match="see `branch_end`"):
        solve(ba122(), 36.0, branch="s+-")
    assert int(solve(ba122(), 36.0, branch="s+-", throw=False).status) == Status.LEFT_BRANCH


# === many temperatures


@pytest.mark.slow
def test_statuses_across_the_fold(temperatures, fold):
    below = np.asarray(temperatures.T) < float(fold.T)
    status, label = np.asarray(temperatures.status), np.asarray(temperatures.label)
    np.testing.assert_array_equal(status, np.where(below, Status.CONVERGED, Status.LEFT_BRANCH))
    np.testing.assert_array_equal(label[below], Label.S_PLUS_MINUS)
    assert Label.S_PLUS_MINUS not in label[~below]


@pytest.mark.slow
def test_batched_temperatures_are_single_solves(temperatures):
    for i in (0, 20, 40, -6):
        s = element(temperatures, i)
        assert relative_error(solve(ba122(), float(s.T), branch="s+-").Delta, s.Delta) < REPEATABLE


@pytest.fixture(scope="module")
def four_states():
    """Below 37 K four states: s++ ends there in a fold with one of small beta amplitude; s+- goes on to T_c = 71 K, and its
    beta amplitude changes sign at 47 K, so that above it is s++, too."""
    x = 0.0192
    lam = {f"lam[{band}, alpha:beta]": x for band in ("alpha", "beta")}
    lam |= {f"lam[alpha:beta, {band}]": x / 2 for band in ("alpha", "beta")}
    return ba122().set({**lam, "Omega": 37.878})


MANY_T = np.linspace(0.0, 75.0, 31)


@pytest.mark.parametrize(("branch", "kind", "last"), [("s++", EndKind.FOLD, 36.0), ("s+-", EndKind.SIGN_CHANGE, 47.0)])
@pytest.mark.slow
def test_a_named_branch_is_one_interval(four_states, branch, kind, last):
    """From T = 0 to its end, nowhere else: neither at 48 to 71 K, where the state connected to T_c is s++, nor by steps that
    jump on to it."""
    end = branch_end(four_states, branch)
    assert int(end.kind) == kind
    assert last < float(end.T) < last + 1.0
    curve = gap_curve(four_states, MANY_T, branch)
    below = float(end.T) > MANY_T
    np.testing.assert_array_equal(np.isfinite(curve.gaps).all(axis=1), below)
    np.testing.assert_array_equal(curve.solutions.status, np.where(below, Status.CONVERGED, Status.LEFT_BRANCH))


@pytest.mark.slow
def test_the_branch_from_T_c_is_one_branch(four_states):
    """It goes down to s+- at T = 0, through the change of sign, and never on to the states beside it."""
    solutions = gap_curve(four_states, MANY_T).solutions
    exists = float(critical_temperature(four_states)) > MANY_T
    np.testing.assert_array_equal(solutions.status, np.where(exists, Status.CONVERGED, Status.NORMAL))
    s_plus_minus = solve_temperatures(four_states, MANY_T, branch="s+-")
    below = np.asarray(s_plus_minus.converged)
    assert relative_error(np.asarray(solutions.Delta)[below], np.asarray(s_plus_minus.Delta)[below]) < REPEATABLE
    np.testing.assert_array_equal(np.asarray(solutions.label)[exists & ~below], Label.S_PLUS_PLUS)


def test_conditioning_worsens_towards_the_fold(temperatures):
    """sigma_min falls as the square root of the distance to the fold."""
    sigma = np.asarray(temperatures.sigma_min)[-8:-4]
    assert np.all(np.diff(sigma) < 0)
    distance = 35.3516112 - np.asarray(temperatures.T)[-6:-4]
    assert abs(sigma[2] / sigma[3] / np.sqrt(distance[0] / distance[1]) - 1) < 0.1  # leading order, .05 K below


def test_gaps_are_continuous_along_the_branch(temperatures):
    """Up to 33 K, steps of 0.5 K move no gap by more than 0.2 meV, and E_- only falls."""
    steps = np.diff(np.asarray(jax.vmap(branch_minima)(temperatures))[:-7], axis=0)
    assert np.abs(steps).max() < 0.2
    assert steps[:, 0].max() < REPEATABLE


def test_the_gaps_of_ba122_at_zero_temperature(temperatures):
    np.testing.assert_allclose(branch_minima(element(temperatures, 0)), [6.20, 12.41], atol=5.1e-3)  # as printed


@pytest.mark.slow
def test_the_branch_from_T_c_ends_in_the_normal_state():
    T_c = float(critical_temperature(ba122()))
    solutions = solve_temperatures(ba122(), T_c + np.array([-10.0, -0.01, 0.01]))
    np.testing.assert_array_equal(solutions.status, [Status.CONVERGED] * 2 + [Status.NORMAL])
    np.testing.assert_array_equal(solutions.label, [Label.S_PLUS_PLUS] * 2 + [Label.NORMAL])
    assert np.all(np.asarray(solutions.converged))
    assert np.all(np.asarray(solutions.Delta)[2] == 0)


def test_symmetrised_ba122_has_no_fold_of_s_plus_minus():
    """One band's amplitude goes through zero instead."""
    end = branch_end(symmetrised(ba122()), "s+-")
    assert int(end.kind) == EndKind.SIGN_CHANGE
    assert 42.0 < float(end.T) < 43.0
    assert abs(float(end.Delta[1])) < REPEATABLE * float(end.Delta[0])


@pytest.mark.slow
def test_a_start_for_many_temperatures():
    case = problem("s+- branch, T=20.0")
    solutions = solve_temperatures(case.system, [15.0, 20.0, 25.0], start=case.Delta)
    assert np.all(np.asarray(solutions.status) == Status.CONVERGED)
    assert relative_error(element(solutions, 1).Delta, case.Delta) < 1e-8  # twelve decimals of the reference


@pytest.mark.parametrize("T", [5.0, [[1.0, 2.0]], [1.0, -1.0]], ids=["number", "matrix", "negative"])
def test_temperatures_are_a_list(T):
    with pytest.raises(InputError, match="`T` must be a list of temperatures"):
        solve_temperatures(ba122(), T)


def test_temperatures_are_finite():
    with pytest.raises(InputError, match="`T` must be finite"):
        solve_temperatures(ba122(), [1.0, np.nan])


@pytest.mark.parametrize("branch", ["", "d", "s+-+", "+", "s+0"])
def test_branch_names(branch):
    with pytest.raises(InputError, match="`branch` must"):
        branch_end(ba122(), branch)


# === close to where a branch ends


@pytest.mark.parametrize("share", [1e-3, 1e-6])
def test_close_to_the_fold_nothing_fails_silently(fold, share):
    """Below the fold two states at a distance of sqrt(T_end - T), one stable in its amplitudes and one not; above it none."""
    sc, T = ba122(), float(fold.T) * (1 - share)
    solution = solve(sc, T, branch="s+-")
    other = solve(sc, T, start=2 * np.asarray(fold.Delta) - np.asarray(solution.Delta.real))
    assert float(solution.residual) < 1e-13
    assert float(solution.sigma_min) == pytest.approx(SINGULAR_NEAR_FOLD * np.sqrt(share), rel=0.02)
    assert (int(unstable_directions(solution).amplitude), int(unstable_directions(other).amplitude)) == (0, 1)
    apart = np.linalg.norm(np.asarray(other.Delta - solution.Delta))
    assert apart == pytest.approx(APART_NEAR_FOLD * np.sqrt(share), rel=0.01)
    above = solve(sc, float(fold.T) * (1 + share), branch="s+-", throw=False)
    assert int(above.status) == Status.LEFT_BRANCH


@pytest.mark.parametrize("share", [1e-3, 1e-6])
@pytest.mark.slow
def test_close_to_T_c_nothing_fails_silently(share):
    """Below T_c a stable state of size sqrt(T_c - T), above it the normal one; derivatives are flagged where they diverge."""
    sc = ba122()
    T_c = float(critical_temperature(sc))
    solution = solve(sc, T_c * (1 - share))
    assert int(solution.status) == Status.CONVERGED
    assert float(solution.residual) < 1e-15
    assert np.linalg.norm(np.asarray(solution.Delta)) == pytest.approx(SIZE_NEAR_T_C * np.sqrt(share), rel=0.01)
    assert int(unstable_directions(solution).amplitude) == int(unstable_directions(solution).phase) == 0
    assert bool(solution.differentiable) == (float(solution.sigma_min) > 1e-6)
    assert int(solve(sc, T_c * (1 + share)).status) == Status.NORMAL
