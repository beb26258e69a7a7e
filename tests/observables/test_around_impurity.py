"""The density of states at a distance from an impurity: propagators by brute force over momentum, one band by hand, limits."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import jn_zeros, jv

import jaxgap as jg
from jaxgap.observables import bound_states, density_of_states_around_impurity, impurity_density_of_states
from jaxgap.observables.around_impurity import propagator
from jaxgap.solving.state import GivenState
from jaxgap.units import hbar2_over_2m_e

ZEROS = 400
"""Of J_0, between which the integrand is summed before the sums are averaged."""


def state(Delta, d=0.0, masses=(1.0, 1.0), mu=100.0):
    """A state of given amplitudes: of one band, or of two whose distance is d / m."""
    n = 1 if len(Delta) == 1 else 2
    bands = {name: {"mu": (mu + d * k) / masses[k], "mass": masses[k]} for k, name in enumerate("ab"[:n])}
    sc = jg.superconductor(bands=bands, lam=0.1 * np.eye(len(Delta)), cross=["a:b"] * (n - 1), Omega=50.0)
    return GivenState(sc, jnp.asarray(1.0), jnp.asarray(Delta, complex))


def by_brute_force(Delta, masses, mus, z, r):
    """The integral of J_0(k r) [z - H(k)]^-1 over d kappa: Gauss between zeros of J_0, and repeated means of partial sums."""
    edges = np.concatenate([[0.0], jn_zeros(0, ZEROS)]) / (10 * r)
    x, weights = np.polynomial.legendre.leggauss(64)
    n = len(masses)

    def between(low, high):  # In many pieces where k_F is, 0.16 / angstrom, about which the integrand is sharp.
        total = np.zeros((2 * n, 2 * n), complex)
        for a, b in pairwise(np.linspace(low, high, 65 if low < 0.5 else 2)):
            k = (a + b) / 2 + (b - a) / 2 * x
            zeta = hbar2_over_2m_e * k[:, None] ** 2 / masses - mus
            M = np.zeros((len(k), 2 * n, 2 * n), complex)
            for i in range(n):
                M[:, i, i], M[:, n + i, n + i] = z - zeta[:, i], z + zeta[:, i]
            M[:, :n, n:] = M[:, n:, :n] = -Delta
            f = 2 * hbar2_over_2m_e * k * jv(0, 10 * k * r) * weights * (b - a) / 2
            total += np.einsum("k,kij->ij", f, np.linalg.inv(M))
        return total

    sums = np.cumsum([between(a, b) for a, b in pairwise(edges)], axis=0)[-20:]
    while len(sums) > 1:
        sums = (sums[1:] + sums[:-1]) / 2
    return sums[0]


@pytest.mark.slow
@pytest.mark.parametrize(("masses", "d"), [((1.0, 1.0), 10.0), ((1.0, 0.7), 4.0), ((1.0, 1.0), 0.0)])
def test_propagators_by_brute_force_over_momentum(masses, d):
    """Of equal bands without cross pairs, eigenvalues coincide."""
    Delta = np.array([[6.0, 3.0], [3.0, 4.0]]) if d else np.diag([4.0, 4.0])
    s = state([Delta[0, 0], Delta[1, 1], Delta[0, 1]], d, masses)
    mus = np.array([100.0, (100.0 + d) / masses[1]])
    for r in (0.3, 2.0):
        found = propagator(s.superconductor, jnp.real(s.Delta), jnp.asarray(1.5 + 0.5j), jnp.asarray(r))
        expected = by_brute_force(Delta, np.array(masses), mus, 1.5 + 0.5j, r)
        np.testing.assert_allclose(found, expected, atol=1e-8 * np.max(np.abs(expected)))


@pytest.mark.slow
def test_far_away_a_bound_state_has_gone_and_the_gapless_state_has_not():
    """At zero energy: a spin with pi N J = 1 close to the gapless state, and the gapless state's own N / c."""
    J, r = np.diag([1 / np.pi, 0.0]), np.array([1.0, 300.0])
    near = density_of_states_around_impurity(state([6.0, 4.0, 6.5], 10.0), r, 0.0, 0.02, J=J).sum(axis=0)[:, 0]
    assert float(near[0]) > 1.0
    assert float(near[1]) < 0.1
    gapless = state([6.0, 4.0, np.sqrt(48.0)], 10.0)
    own = density_of_states_around_impurity(gapless, r, 0.0, 1e-3, J=0.0 * J).sum(axis=0)[:, 0]
    np.testing.assert_allclose(own, 1.386750, atol=3e-5)


@pytest.mark.slow
def test_a_bound_state_is_seen_around_its_impurity():
    """A peak at its two energies at every distance, which oscillates with 2 k_F and decays; far away the clean spectrum."""
    s, spin = state([1.0]), 0.15
    E = float(bound_states(s, J=spin).found[0])
    r = np.linspace(0.5, 6.0, 60)
    N = np.asarray(density_of_states_around_impurity(s, r, [E, 0.0, -E], 1e-3, J=spin)[0])
    assert np.all(N[:, [0, 2]].sum(axis=1) > 20 * N[:, 1])
    k_F = np.sqrt(100.0 / hbar2_over_2m_e) * 10
    turns = np.sum(np.diff(np.sign(np.diff(N[:, 0]))) < 0)
    assert turns == pytest.approx(2 * k_F * (r[-1] - r[0]) / (2 * np.pi), abs=1.5)
    assert np.max(N[-12:, 0]) < 0.5 * np.max(N[:12, 0])
    omega = np.array([0.3, 1.2, 3.0])
    far = density_of_states_around_impurity(s, 3000.0, omega, 0.05, J=spin)[:, 0]
    np.testing.assert_allclose(far, impurity_density_of_states(s, omega, 0.05), rtol=1e-3)


BAD = {
    "no distance": ({"r": 0.0, "Gamma": 0.1}, "`r` must be positive .nm."),
    "no width": ({"r": 1.0, "Gamma": 0.0}, "`Gamma` must be positive .meV."),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_sentence(what):
    given, sentence = BAD[what]
    with pytest.raises(jg.InputError, match=sentence):
        density_of_states_around_impurity(state([1.0]), omega=0.0, J=0.1, **given)
