"""What `solve` finds, what it says when it finds nothing, and how accurate it is."""

import importlib
import warnings

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import (
    PROBLEMS,
    ba122,
    gauge_error,
    generator,
    likely_amplitudes,
    one_band,
    problem,
    random_system,
    relative_error,
    stacked,
    system,
)

from jaxgap import (
    InputError,
    Label,
    NotConvergedError,
    Rule,
    Solution,
    Status,
    branch_end,
    critical_temperature,
    solve,
    solve_temperatures,
)
from jaxgap.equations.gap_equations import equations
from jaxgap.solving.solution import promised_accuracy

AMPLITUDE = 1e-8
"""The reference prints 12 decimals and its own quadrature error is below 1e-9."""
SAME = 1e-11
"""Two ways to one solution: rounding, amplified by 1/sigma_min < 100."""
FOLD = 35.3516
"""[K] The end of s+- of Ba0.6K0.4Fe2As2, from an independent calculation, to four decimals."""


# === the branch connected to T_c


@pytest.mark.parametrize("share", [0.0, 0.01, 0.2, 0.5, 0.8, 0.95, 0.999, 1 - 1e-6])
@pytest.mark.parametrize("words", ["lambda33=0.15", "offset 10 meV", "s++ branch, T=1.0"])
def test_default_branch_exists_up_to_T_c(words, share):
    sc = problem(words).system
    T_c = float(critical_temperature(sc))
    solution = solve(sc, share * T_c)
    assert int(solution.status) == Status.CONVERGED
    assert int(solution.label) == Label.S_PLUS_PLUS
    again = solve(sc, share * T_c, start=0.98 * solution.Delta)
    assert relative_error(again.Delta, solution.Delta) < max(SAME, 100 * float(promised_accuracy(solution.sigma_min)))


@pytest.mark.parametrize("words", ["lambda33=0.15", "s++ branch, T=1.0"])
def test_default_branch_is_the_one_that_starts_at_T_c(words):
    """Followed down in small steps from close to T_c, each solution starting the next, it is the same branch."""
    sc = problem(words).system
    T_c = float(critical_temperature(sc))
    followed = solve(sc, 0.99 * T_c)
    for share in np.linspace(0.98, 0.02, 49):
        followed = solve(sc, share * T_c, start=followed)
    assert relative_error(solve(sc, 0.02 * T_c).Delta, followed.Delta) < SAME


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_default_branch_of_random_systems(seed, share):
    """Where all couplings attract nothing is frustrated: between 0 and T_c there is a superconducting solution of equal signs,
    and it is found."""
    sc = random_system(seed)
    sc = system(np.abs(sc.lam), [float(b.mu) for b in sc.bands], Omega=float(sc.Omega))
    solution = solve(sc, share * float(critical_temperature(sc)))
    assert int(solution.status) == Status.CONVERGED
    assert np.all(np.asarray(solution.Delta.real) > 0)


def test_default_branch_vanishes_like_a_square_root():
    sc = problem("lambda33=0.15").system
    T_c = float(critical_temperature(sc))
    sizes = [np.linalg.norm(solve(sc, T_c * (1 - t)).Delta) for t in (1e-4, 1e-6)]
    assert abs(sizes[0] / sizes[1] / 10 - 1) < 1e-3


@pytest.mark.parametrize("excess", [1e-6, 1e-3, 1.0, 10.0])
def test_above_T_c_is_normal(excess):
    sc = problem("lambda33=0.15").system
    solution = solve(sc, float(critical_temperature(sc)) * (1 + excess))
    assert int(solution.status) == Status.NORMAL
    assert int(solution.label) == Label.NORMAL
    assert bool(solution.converged)
    assert np.all(np.asarray(solution.Delta) == 0)


@pytest.mark.slow
def test_temperatures_at_once():
    sc = problem("lambda33=0.15").system
    T = np.array([0.0, 4.2, 30.0, 60.0])
    batch = solve_temperatures(sc, T)
    assert np.asarray(batch.status).tolist() == [Status.CONVERGED] * 3 + [Status.NORMAL]
    for i, t in enumerate(T):
        assert np.abs(np.asarray(batch.Delta)[i] - np.asarray(solve(sc, t).Delta)).max() < 1e-9


# === named branches


def _by_steps(T):
    """s+- of ba122, followed from the reference at 20 K in steps, each solution starting the next."""
    solution = solve(ba122(), 20.0, start=problem("s+- branch, T=20.0").Delta)
    for t in np.linspace(20.0, T, 12)[1:]:
        solution = solve(ba122(), t, start=solution)
    return solution


@pytest.mark.parametrize("T", [0.0, 1.0, 20.0, 35.3])
def test_s_plus_minus(T):
    solution = solve(ba122(), T, branch="s+-")
    assert int(solution.status) == Status.CONVERGED
    assert int(solution.label) == Label.S_PLUS_MINUS
    assert relative_error(solution.Delta, _by_steps(T).Delta) < 1e-9


@pytest.mark.parametrize("T", [0.0, 1.0, 20.0, 40.0, 70.0])
def test_s_plus_plus(T):
    solution = solve(ba122(), T, branch="s++")
    assert int(solution.status) == Status.CONVERGED
    assert int(solution.label) == Label.S_PLUS_PLUS
    assert relative_error(solution.Delta, solve(ba122(), T).Delta) < 1e-9


@pytest.mark.parametrize("T", [35.353, 36.0, 50.0])
def test_past_the_end_of_s_plus_minus(T):
    """Newton finds s++ there: that is not the branch asked for, and must not pass for it."""
    solution = solve(ba122(), T, branch="s+-", throw=False)
    assert int(solution.status) == Status.LEFT_BRANCH
    assert not bool(solution.converged)
    with pytest.raises(NotConvergedError, match="does not reach this temperature"):
        solve(ba122(), T, branch="s+-")


def test_end_of_s_plus_minus():
    end = branch_end(ba122(), "s+-")
    assert abs(float(end.T) - FOLD) < 1e-4
    assert float(end.Delta[0] * end.Delta[1]) < 0


@pytest.mark.parametrize(
    ("branch", "words"), [("s+", "s+-"), ("+-+", "one sign per band"), ("d", "one sign per band"), ("", "s+-")]
)
def test_unknown_branch(branch, words):
    with pytest.raises(InputError, match="Argument `branch`") as error:
        solve(ba122(), 4.0, branch=branch)
    assert words in str(error.value)


def test_signs_are_up_to_a_global_phase():
    assert relative_error(solve(ba122(), 1.0, branch="-+").Delta, solve(ba122(), 1.0, branch="s+-").Delta) < SAME


# === starts


@pytest.mark.parametrize("start", [[1e-3, 1e-3, 1e-3], [0.0, 0.0, 0.0]])
def test_trivial_solution_is_not_an_answer(start):
    """Above T_c a start leads to the normal state, which nobody who gives a start has asked for."""
    sc = problem("lambda33=0.15").system
    T = 1.5 * float(critical_temperature(sc))
    solution = solve(sc, T, start=start, throw=False)
    assert int(solution.status) == Status.TRIVIAL
    assert not bool(solution.converged)
    with pytest.raises(NotConvergedError, match="normal state"):
        solve(sc, T, start=start)


def test_a_solution_is_a_start():
    sc = problem("lambda33=0.15").system
    first = solve(sc, 4.2)
    second = solve(sc, 4.3, start=first)
    assert isinstance(first, Solution)
    assert int(second.status) == Status.CONVERGED
    assert bool(second.is_real)


@pytest.mark.parametrize("case", [problem("complex saddle"), problem("s+- branch, T=1.0")], ids=str)
def test_real_starts_stay_real_and_complex_ones_are_free(case):
    """A start whose imaginary parts are exactly zero is a real one, whatever its type."""
    real = solve(case.system, case.T, start=case.Delta.real.astype(complex), throw=False)
    assert bool(real.is_real)
    free = solve(case.system, case.T, start=case.Delta * np.exp(0.1j))
    assert not bool(free.is_real)
    assert gauge_error(free.Delta, case.Delta) < AMPLITUDE


@pytest.mark.parametrize("start", [[1.0, 2.0], [[1.0, 2.0, 3.0]], 5.0, []])
def test_start_of_wrong_shape(start):
    with pytest.raises(InputError, match=r"Argument `start` must have one amplitude per channel \(a, b, a:b\)"):
        solve(ba122(), 4.0, start=start)


def test_start_that_is_not_finite():
    with pytest.raises(InputError, match="Argument `start` must be finite"):
        solve(ba122(), 4.0, start=[1.0, np.nan, 1.0])


# === temperatures


@pytest.mark.parametrize(
    ("T", "words"),
    [
        (-1.0, "must not be negative"),
        (np.nan, "must be finite"),
        (np.inf, "must be finite"),
        (np.array([1.0, 2.0]), "jax.vmap"),
        ([4.2], "jax.vmap"),
    ],
)
def test_temperature_is_checked(T, words):
    with pytest.raises(InputError, match="Argument `T`") as error:
        solve(ba122(), T)
    assert words in str(error.value)


@pytest.mark.parametrize("T", [[-1.0, 2.0], 4.0, [[1.0]]])
def test_list_of_temperatures_is_checked(T):
    with pytest.raises(InputError, match="Argument `T`"):
        solve_temperatures(ba122(), T)


def test_kind_of_number_makes_no_new_trace(monkeypatch):
    """T as int, float, numpy float32 or array: one compiled program. The gap equations run as Python only while traced."""
    sc, start = problem("lambda33=0.15").system, jnp.array([6.5, 4.3, 2.2])
    solve(sc, 7.0, start=start)
    traced = []

    def counting(*args, **kwargs):
        traced.append(1)
        return equations(*args, **kwargs)

    module = importlib.import_module("jaxgap.equations.gauge")
    monkeypatch.setattr(module, "equations", counting)
    answers = [solve(sc, T, start=start) for T in (10, 10.0, np.float32(10), np.array(10), jnp.asarray(10.0))]
    solve(sc, 11.0, start=[6.5, 4.3, 2.2])
    solve(sc.set({"Omega": 31.0}), 11.0, start=(6.5, 4.3, 2.2))
    assert not traced
    for answer in answers[1:]:
        assert np.array_equal(answer.Delta, answers[0].Delta)
    jax.eval_shape(lambda T: solve(sc, T, start=start, rule=Rule(overlap=5, single=5)), 10.0)
    assert traced  # another rule is another program: the count can see one


def test_not_a_superconductor():
    """One sentence by `solve`, or by the type checker that runs in tests."""
    with pytest.raises((InputError, TypeError), match="Superconductor"):
        solve({"lam": 1}, 4.0)


# === batches


@pytest.mark.slow
def test_one_bad_element_in_ten_thousand():
    """XLA's max and min drop NaN in large batches on the CPU: one NaN system must be flagged, and nothing else."""
    n, bad = 10_000, 6_789
    lam = np.linspace(0.25, 0.35, n)
    wanted = 30.0 / np.sinh(1 / lam)
    broken = lam.copy()
    broken[bad] = np.nan
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (n, *leaf.shape)), one_band())
    batch = jax.tree.map(lambda leaf: jnp.asarray(broken)[:, None, None] if leaf.ndim == 3 else leaf, batch)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        solutions = jax.jit(jax.vmap(lambda sc, x: solve(sc, 0.0, start=x)))(batch, jnp.asarray(1.1 * wanted)[:, None])
    status = np.asarray(solutions.status)
    assert status[bad] == Status.INVALID
    good = np.arange(n) != bad
    assert np.all(status[good] == Status.CONVERGED)
    assert relative_error(np.asarray(solutions.Delta)[good, 0], wanted[good]) < 1e-10


@pytest.mark.parametrize("path", ["Omega", "mu[b]", "lam[a, a:b]"])
def test_nan_anywhere_is_invalid(path):
    """In a batch, where nothing can raise: NaN in any leaf, and a shell of negative width."""
    good = problem("lambda33=0.15").system
    batch = stacked([good, good, good])
    leaf = batch.get(path)
    nan, negative = jnp.asarray([1.0, np.nan, 1.0]), jnp.asarray([1.0, 1.0, -1.0])
    values = leaf * nan * (negative if path == "Omega" else 1.0)
    broken = _with_leaf(batch, path, values)
    status = np.asarray(_solve_batch(broken, jnp.full(3, 4.2)).status)
    assert status.tolist() == [Status.CONVERGED, Status.INVALID, Status.INVALID if path == "Omega" else Status.CONVERGED]


def test_negative_temperature_in_a_batch_is_invalid():
    batch = stacked([problem("lambda33=0.15").system] * 3)
    status = np.asarray(_solve_batch(batch, jnp.array([4.2, -1.0, np.nan])).status)
    assert status.tolist() == [Status.CONVERGED, Status.INVALID, Status.INVALID]


def _with_leaf(sc, path, values):
    """`set` without its check of values."""
    if path == "Omega":
        return eqx.tree_at(lambda s: s.Omega, sc, values)
    if path == "mu[b]":
        return eqx.tree_at(lambda s: s.bands[1].mu, sc, values)
    return eqx.tree_at(lambda s: s.lam, sc, sc.lam.at[:, 0, 2].set(values))


_solve_batch = jax.jit(jax.vmap(lambda sc, T: solve(sc, T, start=jnp.array([6.5, 4.3, 2.2]))))


# === accuracy


FINE = Rule(overlap=96, single=84)
N_SYSTEMS = 40


@pytest.mark.slow
def test_promised_accuracy():
    """Amplitudes above 1e-4 Omega are good to max(1e-9, 10 eps / sigma_min), quadrature included: three times the nodes."""
    systems = [random_system(600 + s, d=0.0 if s % 4 == 0 else None, equal_masses=s % 3 > 0) for s in range(N_SYSTEMS)]
    start = jnp.asarray(np.stack([likely_amplitudes(sc) for sc in systems]))
    batch = stacked(systems)
    T = jnp.asarray(generator(700).permutation(np.geomspace(0.01, 20.0, N_SYSTEMS)))
    coarse = jax.jit(jax.vmap(lambda sc, t, x: solve(sc, t, start=x)))(batch, T, start)
    fine = jax.jit(jax.vmap(lambda sc, t, x: solve(sc, t, start=x, rule=FINE)))(batch, T, start)
    converged = np.asarray(coarse.status) == Status.CONVERGED
    assert converged.sum() > 0.8 * N_SYSTEMS
    Delta, wanted = np.asarray(coarse.Delta), np.asarray(fine.Delta)
    large = np.abs(wanted) > 1e-4 * np.asarray(batch.Omega)[:, None]
    error = np.where(large, np.abs(Delta / wanted - 1), 0.0)
    promise = np.asarray(jax.vmap(promised_accuracy)(coarse.sigma_min))[:, None]
    assert np.all((error <= promise)[converged])


def test_residual_and_steps_are_reported():
    solution = solve(ba122(), 20.0, start=problem("s+- branch, T=20.0").Delta)
    assert 0 <= float(solution.residual) < 1e-11
    assert 0 < int(solution.steps) < 20
    assert float(solution.sigma_min) > 1e-3


@pytest.mark.parametrize("lam_33", [0.2030337, 0.2030])
def test_gapless_state_of_figure_2(lam_33):
    """The gapless real solution at 4.2 K, Delta_3^2 = Delta_1 Delta_2: found from a gapless start, to the promised accuracy."""
    sc = system([[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, lam_33]], [200.0, 200.0])
    solution = solve(sc, 4.2, start=[5.3, 3.7, 4.43])
    assert int(solution.status) == Status.CONVERGED
    assert abs(solution.Delta[2] ** 2 / (solution.Delta[0] * solution.Delta[1]) - 1) < 0.02


# === printing


def test_printed_solution_says_what_it_is():
    text = str(solve(ba122(), 1.0, start=problem("s+- branch, T=1.0").Delta))
    assert "s+-" in text
    assert "converged" in text
    assert "12.132159" in text
    assert "1.087066" in text
    failed = str(solve(ba122(), 40.0, branch="s+-", throw=False))
    assert "left_branch" in failed
    assert "branch_end" in failed


def test_every_status_has_a_sentence():
    assert all(status.sentence.endswith(".") for status in Status)
    assert len({status.sentence for status in Status}) == len(Status)
    assert all(label.text for label in Label)


def test_reference_solutions_are_accurate_enough_at_the_default_rule():
    for case in PROBLEMS[4:9]:
        solution = solve(case.system, case.T, start=case.Delta)
        assert float(solution.quadrature_error) <= float(promised_accuracy(solution.sigma_min))
