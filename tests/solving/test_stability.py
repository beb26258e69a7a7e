"""Unstable directions: against the Hessian of the free energy, and the published first-order change of Fig. 2."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import state
from problems import PROBLEMS, ba122, balanced, generator, problem, system

from jaxgap import Label, Status, solve
from jaxgap.equations.free_energy import free_energy_functional
from jaxgap.equations.linear import linear_kernel
from jaxgap.observables import branch_minima, free_energy
from jaxgap.solving.stability import unstable_directions

ZERO_MODE = 1e-6
"""Eigenvalues of the Hessian of F, of order 1 to 10, count as negative below -1e-6: the gauge mode's zero is good to 1e-10."""
SAME = 1e-6
"""Relative distance within which two solves found the same solution: far above rounding, far below the spread of solutions."""
PRINTED = 1e-5
"""One unit of the last digit of .20252 and .20250."""
EQUAL_ENERGY = 2e-6
"""Two units of the last digit of .202509."""
GAPLESS = 1e-4
"""[meV] E_- of the gapless solution: its lambda_33 is printed to seven digits, and dE_-/dlambda_33 is of order 100 meV."""


FIG2 = problem("lambda33=0.15")


# === theory: the number of unstable directions is n_-(Hessian of F) - n_-(g)


def repulsive_system(seed):
    """Random couplings of either sign between all channels: g has negative eigenvalues more often than not."""
    rng = generator(500 + seed)
    lam = np.diag([*rng.uniform(0.3, 0.5, 2), rng.uniform(-0.3, 0.4)])
    off = np.triu(rng.uniform(-0.45, 0.45, (3, 3)), 1)
    mu, d, mass = rng.uniform(100, 200), rng.uniform(0.0, 12.0), rng.uniform(0.97, 1.03)
    return balanced(system(lam + off + off.T, [mu, mu + d], [1.0, mass], Omega=rng.uniform(20, 40)))


def different_solutions(sc, T, seed, starts=10):
    """Superconducting solutions from random real starts of all signs."""
    rng, found = generator(600 + seed), []
    for _ in range(starts):
        solution = solve(sc, T, start=rng.uniform(2.0, 12.0, 3) * rng.choice([-1.0, 1.0], 3), throw=False)
        if int(solution.status) == Status.CONVERGED and not any(_same(solution, other) for other in found):
            found.append(solution)
    return found


def _same(a, b):
    return any(np.linalg.norm(a.Delta - sign * b.Delta) <= SAME * np.linalg.norm(a.Delta) for sign in (1.0, -1.0))


@jax.jit
def _negative_directions(sc, Delta, T):
    """n_-(Hessian of F) - n_-(g), on real and imaginary parts."""
    F = lambda x: free_energy_functional(sc, x[:3] + 1j * x[3:], T)  # noqa: E731
    hessian = jnp.linalg.eigvalsh(jax.hessian(F)(jnp.concatenate([Delta.real, Delta.imag])))
    return jnp.sum(hessian < -ZERO_MODE) - 2 * jnp.sum(jnp.linalg.eigvalsh(sc.g) < 0), hessian


def counted(solution):
    stability = unstable_directions(solution)
    assert bool(stability.phase_defined)
    return int(stability.amplitude) + int(stability.phase)


@pytest.mark.parametrize("seed", range(15))
@pytest.mark.slow
def test_unstable_directions_are_those_of_the_free_energy(seed):
    sc, T = repulsive_system(seed), 4.0
    solutions = different_solutions(sc, T, seed)
    assert solutions
    for solution in solutions:
        expected, hessian = _negative_directions(sc, solution.Delta, solution.T)
        assert np.isfinite(hessian).all()
        assert counted(solution) == int(expected), f"{solution}"


def test_the_random_systems_are_not_all_easy():
    """Among them are repulsive eigenchannels, saddles, and solutions without an unstable direction."""
    counts, repulsive = [], 0
    for seed in range(15):
        sc = repulsive_system(seed)
        repulsive += int((np.linalg.eigvalsh(np.asarray(sc.g)) < 0).sum())
        counts += [counted(solution) for solution in different_solutions(sc, 4.0, seed)]
    assert repulsive >= 5
    assert 0 in counts
    assert max(counts) >= 2


@pytest.mark.slow
def test_a_complex_saddle():
    """The reference's state with broken time reversal is unstable, and M has no amplitude and phase blocks there."""
    case = problem("complex saddle")
    s = state(case.system, case.Delta, case.T)
    stability = unstable_directions(s)
    assert not bool(s.is_real)
    assert int(stability.phase) == 0
    assert int(stability.amplitude) >= 1
    assert counted(s) == int(_negative_directions(case.system, s.Delta, s.T)[0])


@pytest.mark.parametrize("phase", [0.4, 2.0])
@pytest.mark.slow
def test_counts_do_not_depend_on_the_global_phase(phase):
    case = FIG2
    real = unstable_directions(state(case.system, case.Delta, case.T))
    turned = unstable_directions(state(case.system, case.Delta * np.exp(1j * phase), case.T))
    assert int(turned.amplitude) + int(turned.phase) == int(real.amplitude) + int(real.phase) == 0


@pytest.mark.parametrize("seed", range(5))
def test_unstable_directions_of_the_normal_state(seed):
    """An amplitude and a phase for every eigenvalue of the linearised map above 1."""
    sc, T = repulsive_system(seed), jnp.asarray(4.0)
    eigenvalues = np.linalg.eigvals(np.asarray(sc.lam * linear_kernel(sc, T)))
    stability = unstable_directions(state(sc, np.zeros(3), T))
    assert int(stability.amplitude) == int(stability.phase) == np.sum(eigenvalues.real > 1) > 0


@pytest.mark.slow
def test_the_free_energy_falls_as_many_ways_from_the_normal_state():
    """The Hessian of F at Delta = 0, where phi is smooth although E is not."""
    sc, T = repulsive_system(1), jnp.asarray(4.0)
    assert int(_negative_directions(sc, jnp.zeros(3, complex), T)[0]) == counted(state(sc, np.zeros(3), T))


def test_the_normal_state_is_unstable_below_T_c_only():
    """One complex direction, so one amplitude and one phase, for every attractive eigenvalue of the linearised map."""
    case = FIG2
    below, above = (unstable_directions(state(case.system, np.zeros(3), T)) for T in (case.T_c - 0.5, case.T_c + 0.5))
    assert (int(below.amplitude), int(below.phase)) == (1, 1)
    assert (int(above.amplitude), int(above.phase)) == (0, 0)


def test_decoupled_bands_have_two_free_phases():
    """Neither zero mode counts as unstable."""
    sc = system(np.diag([0.4, 0.3]), [200.0, 200.0], cross=())
    s = solve(sc, 2.0, start=[5.0, 2.0])
    stability = unstable_directions(s)
    assert (int(stability.amplitude), int(stability.phase)) == (0, 0)


# === Fig. 2 at 4.2 K: the change from intraband to cross-band pairing

T_FIG2 = 4.2
_free_energy = eqx.filter_jit(free_energy)
STARTS = {"intraband": FIG2.Delta.real, "crossband": problem("lambda33=0.25").Delta.real}


@functools.cache
def fig2(branch, lambda_33):
    """The intraband or the crossband solution, followed from where the reference has it in steps of lambda_33."""
    Delta, origin = STARTS[branch], {"intraband": 0.15, "crossband": 0.25}[branch]
    for x in np.linspace(origin, lambda_33, 7)[1:]:
        solution = solve(FIG2.system.set({"lambda_33": x}), T_FIG2, start=Delta)
        Delta = np.asarray(solution.Delta.real)
    assert (abs(Delta[2]) > np.abs(Delta[:2]).max()) == (branch == "crossband")
    return solution


@pytest.mark.parametrize(
    ("branch", "lambda_33", "stable"),
    [
        ("intraband", 0.15, True),
        ("intraband", 0.2024, True),
        ("intraband", 0.20252 - PRINTED, True),
        ("intraband", 0.20252 + PRINTED, False),
        ("intraband", 0.2026, False),
        ("intraband", 0.215, False),
        ("crossband", 0.195, False),
        ("crossband", 0.2024, False),
        ("crossband", 0.20250 - PRINTED, False),
        ("crossband", 0.20250 + PRINTED, True),
        ("crossband", 0.2026, True),
        ("crossband", 0.25, True),
    ],
)
def test_phases_decide_in_fig2(branch, lambda_33, stable):
    """Both branches are stable against real changes to far beyond; phases end them within 2e-5 of each other."""
    stability = unstable_directions(fig2(branch, lambda_33))
    assert int(stability.amplitude) == 0
    assert (int(stability.phase) == 0) == stable
    assert bool(stability.phase_defined)


@pytest.mark.slow
def test_free_energies_cross_where_both_are_stable():
    """F of the two branches is equal at lambda_33 = .202509: a first-order change without hysteresis to speak of."""

    def advantage(x):
        return float(_free_energy(fig2("crossband", x)) - _free_energy(fig2("intraband", x)))

    assert advantage(0.202509 - EQUAL_ENERGY) > 0 > advantage(0.202509 + EQUAL_ENERGY)


def test_the_gapless_solution_of_fig2_has_two_unstable_directions():
    """It lies between the branches, at lambda_33 = .2030337."""
    x = 0.2030337
    middle = (fig2("intraband", x).Delta.real + fig2("crossband", x).Delta.real) / 2
    middle = middle.at[2].set(jnp.sqrt(middle[0] * middle[1]))
    gapless = solve(FIG2.system.set({"lambda_33": x}), T_FIG2, start=middle)
    assert float(branch_minima(gapless)[0]) < GAPLESS
    assert counted(gapless) == 2


# === asymmetric g


def test_phase_stability_of_ba122_is_information_only():
    """s+- is stable in amplitudes up to its fold; with equal rates phases end it at about 27 K; no free energy decides."""
    sc = ba122()
    cold = solve(sc, 20.0, start=problem("s+- branch, T=20.0").Delta.real)
    warm = solve(sc, 33.0, branch="s+-")
    assert int(cold.label) == int(warm.label) == Label.S_PLUS_MINUS
    for solution, phases in ((cold, 0), (warm, 1)):
        stability = unstable_directions(solution)
        assert (int(stability.amplitude), int(stability.phase)) == (0, phases)
        assert not bool(stability.phase_defined)


def test_every_stable_reference_state():
    """The low-temperature states that the papers draw have no unstable direction in their amplitudes."""
    alike = [case for case in PROBLEMS if jax.tree.structure(case.system) == jax.tree.structure(FIG2.system)]  # one program
    real = [case for case in alike if not np.any(case.Delta.imag)]
    assert len(real) >= 5
    for case in real:
        assert int(unstable_directions(state(case.system, case.Delta, case.T)).amplitude) == 0, case.name
