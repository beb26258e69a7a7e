"""Branches where a weakly coupled band sets in, named branches that couplings between bands make, and what is no state.

With D_i = Omega / sinh(1/lambda_ii), two bands with small lambda_12 have
|Delta_2| = D_2 + |lambda_12| D_1 / (lambda_11 lambda_22) at T = 0, to first order.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.materials import ba122, mgb2
from jaxgap.numerics.characteristic import count_negative
from jaxgap.solving.stability import unstable_directions

WEAK = (3e-4, 1e-4, 1e-5, 1e-7, 1e-10, 0.0, -1e-10, -1e-7, -1e-5, -3e-4)
SECOND_ORDER = 0.15
"""What is left, as a share of the first order."""
EXACT = 1e-9
"""The promise of `solve`."""


def two_bands(lam):
    return jg.superconductor(bands={"a": {"mu": 500.0}, "b": {"mu": 500.0}}, lam=lam, Omega=30.0)


def weakly_coupled(diagonal):
    """A batch of systems, one per lambda_12 of `WEAK`."""
    sc = two_bands(np.diag(diagonal))
    lam = np.array([[[diagonal[0], x], [x, diagonal[1]]] for x in WEAK])
    return jax.vmap(lambda one: eqx.tree_at(lambda s: s.lam, sc, one))(jnp.asarray(lam))


@pytest.mark.parametrize("diagonal", [(0.3, 0.2), (0.5, 0.4), (0.3, 0.299)])
@pytest.mark.slow
def test_branch_from_T_c_goes_on_where_a_weakly_coupled_band_sets_in(diagonal):
    systems = weakly_coupled(diagonal)
    T_c = float(jg.critical_temperature(two_bands(np.diag(diagonal))))
    T = np.array([0.0, 0.1, 0.5, 0.85]) * T_c
    found = jax.jit(jax.vmap(lambda s: jax.vmap(lambda t: jg.solve(s, t))(T)))(systems)
    assert np.all(found.converged)
    assert np.all(found.unstable_amplitude == 0)
    cold = np.asarray(found.Delta.real)[:, 0]
    own = 30.0 / np.sinh(1 / np.array(diagonal))
    first_order = np.abs(WEAK)[:, None] * own[::-1] / np.prod(diagonal)
    assert np.all(np.abs(np.abs(cold) - own - first_order) <= SECOND_ORDER * first_order + EXACT * own)
    relative = np.sign(cold[:, 0] * cold[:, 1])
    assert np.array_equal(relative[np.array(WEAK) != 0], np.sign(WEAK)[np.array(WEAK) != 0])
    assert relative[WEAK.index(0.0)] == 1


@pytest.mark.slow
def test_a_batch_of_temperatures_up_to_T_c_ends():
    """Each within few steps (`told`; the batch that went on for ever is in tests/fitting/test_fit_normal.py)."""
    sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.3]], Omega=20.0)
    T_c = float(jg.critical_temperature(sc))
    for count in (80, 98):
        T = T_c * np.sort(np.concatenate([np.linspace(0, 1.04, count - 30), 1 - np.geomspace(3e-5, 0.2, 30)]))
        curve = jg.gap_curve(sc, T, "s+")
        assert np.array_equal(curve.solutions.converged, T_c > T)
        assert np.max(curve.solutions.steps) < 500


@pytest.mark.slow
def test_a_band_of_mgb2_that_hardly_couples():
    sc = mgb2()
    pi = sc.channels.index("pi")
    lam = np.array(sc.lam)
    others = [i for i in range(len(lam)) if i != pi]
    lam[pi, others] = lam[others, pi] = 1e-5
    solution = jg.solve(eqx.tree_at(lambda s: s.lam, sc, jnp.asarray(lam)), 0.0)
    assert abs(float(solution.Delta[pi].real) - 1.594) < 5e-4
    assert int(solution.unstable_amplitude) == 0


@pytest.mark.slow
def test_decoupled_bands_have_the_states_of_both():
    sc = two_bands(np.diag([0.3, 0.2]))
    for T in (0.0, 2.0):
        states = jg.solutions(sc, T)
        assert len(states) == 4
        assert [state.stable for state in states] == [True, False, False, False]
        assert np.allclose(np.abs(jg.solve(sc, T).Delta), np.abs(states[0].Delta), rtol=EXACT)
    own = 30.0 / np.sinh(1 / np.array([0.3, 0.2]))
    assert np.allclose(np.sort(np.abs([s.Delta for s in jg.solutions(sc, 0.0)]), axis=0)[-1], own, rtol=EXACT)
    above = jg.solve(sc, 7.0)  # between the two critical temperatures
    assert above.Delta[1] == 0
    assert bool(above.stable)


@pytest.mark.parametrize(
    ("lam", "branch"),
    [
        ([[0.05, -0.3], [-0.3, 0.1]], "s+-"),
        ([[0.2, 0.2], [0.2, 0.1]], "s++"),
        ([[0.0, 0.3], [0.3, 0.0]], "s++"),
        ([[0.0, -0.3], [-0.3, 0.0]], "s+-"),
    ],
)
@pytest.mark.slow
def test_named_branches_that_interband_coupling_makes(lam, branch):
    sc = two_bands(lam)
    named, default = jg.solve(sc, 1.0, branch=branch), jg.solve(sc, 1.0)
    assert int(named.unstable_amplitude) == 0
    assert np.allclose(np.abs(named.Delta), np.abs(default.Delta), rtol=EXACT)


def test_an_unstable_state_says_so():
    """The second optimum of the shipped fit: the gaps are those measured, the state is a saddle, and the only s+- there."""
    sc = ba122(0.131229, 39.8202)
    saddle = jg.solve(sc, 1.0, start=[5.79226, -9.77075, -4.00647])
    assert int(saddle.unstable_amplitude) == 1
    assert int(saddle.unstable_phase) == 1
    assert "unstable: 1 in amplitude" in str(saddle)
    named = jg.solve(sc, 1.0, branch="s+-")
    assert int(named.unstable_amplitude) == 1
    assert not bool(named.stable)


@pytest.mark.slow
def test_beyond_a_branch_there_are_no_numbers():
    T = jnp.array([10.0, 36.0])
    found = jax.vmap(lambda t: jg.solve(ba122(), t, branch="s+-"))(T)
    assert found.status.tolist() == [jg.Status.CONVERGED, jg.Status.LEFT_BRANCH]
    assert np.isfinite(found.Delta[0]).all()
    assert np.isnan(found.Delta[1].real).all()
    slope = jax.vmap(jax.grad(lambda t: jg.solve(ba122(), t, branch="s+-").Delta.real[0]))(T)
    assert np.isfinite(slope[0])
    assert np.isnan(slope[1])
    with pytest.raises(jg.NotConvergedError, match="does not reach"):
        jg.solve(ba122(), 36.0, branch="s+-")


@pytest.mark.parametrize("coupling", [0.05, 0.08, 0.12])
def test_amplitudes_far_below_mu(coupling):
    """zeta = kappa / m - mu is good to eps mu: Delta / mu is 2e-10 in the first case."""
    sc = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[coupling]], Omega=30.0)
    expected = 30.0 / np.sinh(1 / coupling)
    rounding = 10 * np.finfo(float).eps * 500.0 / expected
    assert abs(float(jg.solve(sc, 0.0).Delta[0].real) / expected - 1) < max(EXACT, rounding)


def test_unstable_directions_are_counted_as_eigenvalues():
    rng = np.random.default_rng(3)
    for n in (1, 2, 3, 4, 6, 9):
        M = rng.normal(size=(200, n, n)) + np.eye(n) * rng.uniform(0, 3, (200, 1, 1))
        expected = np.sum(np.linalg.eigvals(M).real < 0, axis=-1)
        assert np.array_equal(jax.jit(count_negative)(jnp.moveaxis(jnp.asarray(M), 0, -1)), expected)
    assert int(count_negative(jnp.full((3, 3), jnp.nan))) == 3


def test_counts_of_a_solution_are_those_of_its_stability():
    for start in ([12.0, 6.0, 1.0], [12.0, -6.0, 1.0], [5.0, -9.0, -4.0]):
        solution = jg.solve(ba122(0.06, 40.0), 5.0, start=start)
        stability = unstable_directions(solution)
        assert (int(solution.unstable_amplitude), int(solution.unstable_phase)) == (stability.amplitude, stability.phase)
