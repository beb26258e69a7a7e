"""One impurity: Yu, Shiba and Rusinov's states, with cross pairs at a distance, and the density of states at its place."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import S, one_band
from problems import generator

import jaxgap as jg
from jaxgap.observables import bound_states, impurity_density_of_states
from jaxgap.solving.state import GivenState

SHIBA = json.loads((Path(__file__).parents[1] / "reference" / "disorder.json").read_text())["cases"][3]["values"]
EXACT = 1e-12
"""In units of the gap."""


def state(Delta, d=0.0, masses=(1.0, 1.0)):
    """A state of given amplitudes: of one band, or of two whose distance is d / m."""
    n = 1 if len(Delta) == 1 else 2
    bands = {name: {"mu": (500.0 + d * k) / masses[k], "mass": masses[k]} for k, name in enumerate("ab"[:n])}
    cross = ["a:b"] if n == 2 else []
    sc = jg.superconductor(bands=bands, lam=0.1 * np.eye(len(Delta)), cross=cross, Omega=100.0)
    return GivenState(sc, jnp.asarray(1.0), jnp.asarray(Delta, complex))


FULL = state([6.0, 4.0, 3.0], 10.0)


@pytest.mark.parametrize("case", SHIBA, ids=lambda c: f"x={c['x']} y={c['y']}")
def test_one_band(case):
    found = bound_states(state([case["Delta"]]), u=case["y"] / np.pi, J=case["x"] / np.pi)
    x, y = case["x"], case["y"]
    law = (1 - x**2 + y**2) / np.hypot(1 - x**2 + y**2, 2 * x)
    assert found.found == pytest.approx([-law], abs=EXACT)
    assert law == pytest.approx(case["E"], abs=EXACT)
    assert float(found.edge) == pytest.approx(case["Delta"], abs=EXACT)


def test_any_mass_and_amplitude_of_one_band():
    x, y, Delta = 0.6, 0.4, -3.7
    found = bound_states(state([Delta], masses=(0.3, 1.0)), u=y / (0.3 * np.pi), J=x / (0.3 * np.pi))
    law = (1 - x**2 + y**2) / np.hypot(1 - x**2 + y**2, 2 * x)
    assert found.found == pytest.approx([-3.7 * law], abs=3.7 * EXACT)


@pytest.mark.slow
def test_equal_spins_of_two_bands_at_no_distance():
    x = 0.8
    s = np.linalg.svd(np.array([[6.0, 3.0], [3.0, 4.0]]))[1]
    found = bound_states(state([6.0, 4.0, 3.0]), J=x / np.pi * np.eye(2))
    np.testing.assert_allclose(found.found, np.sort(-s * (1 - x**2) / (1 + x**2)), atol=1e-11)


def test_at_a_distance():
    """The page's numbers."""
    for k, E in enumerate((-2.682, -1.929)):
        J = np.zeros((2, 2))
        J[k, k] = 0.5 / np.pi
        assert bound_states(FULL, J=J).found == pytest.approx([E], abs=5e-4)


@pytest.mark.slow
@pytest.mark.parametrize("d", [0.0, 10.0])
def test_a_spin_on_one_band_crosses_zero_at_x_1(d):
    """At nu = 0 f(0) = pi N for any distance and cross amplitude."""
    found = [bound_states(state([6.0, 4.0, 3.0], d), J=np.diag([x / np.pi, 0.0])).found for x in (0.9, 1.0, 1.1)]
    energies = [E[np.argmin(np.abs(E))] for E in found]
    assert energies[0] < -0.1
    assert abs(energies[1]) < 1e-11
    assert energies[2] > 0.1


@pytest.mark.slow
def test_a_charge_binds_deep_states_with_the_other_winding():
    """At nu = 0 potentials of any strength bind no state in the lower 60 % of the gap; at nu = 1 they do."""

    def lowest(s, v):
        found = bound_states(s, u=v * S["s3"])
        return np.min(np.abs(found.found), initial=float(found.edge)) / float(found.edge)

    other = state([6.0, 4.0, 7.5], 10.0)
    strengths = np.linspace(0.02, 0.3, 8)
    assert min(lowest(FULL, v) for v in strengths) > 0.6
    assert min(lowest(other, v) for v in strengths) < 0.45


@pytest.mark.slow
@pytest.mark.parametrize("masses", [(1.0, 1.0), (1.0, 0.7)])
def test_by_brute_force_over_kappa(masses):
    """det(1 - U G) with G integrated over kappa on a fine grid changes its sign at the energy."""
    s = state([2.0, 1.5, 1.0], 3.0, masses)
    u, J = np.array([[0.1, 0.05], [0.05, -0.1]]), np.diag([0.2, 0.1])
    found = bound_states(s, u=u, J=J)
    m, mu = np.array(masses), np.array([500.0, 503.0 / masses[1]])
    t = np.linspace(-1, 1, 400001)[1:-1]
    kappa, weight = 501.0 + 4 * t / (1 - t**2), 4 * (1 + t**2) / (1 - t**2) ** 2 * (t[1] - t[0])
    Delta = np.array([[2.0, 1.0], [1.0, 1.5]])

    def det(E):
        M = np.zeros((len(t), 4, 4))
        zeta = kappa[:, None] / m - mu
        M[:, [0, 1], [0, 1]], M[:, [2, 3], [2, 3]] = E - zeta, E + zeta
        M[:, :2, 2:] = M[:, 2:, :2] = -Delta
        G = np.einsum("k,kij->ij", weight, np.linalg.inv(M))
        return np.linalg.det(np.eye(4) - np.block([[u + J, 0 * u], [0 * u, J - u]]) @ G)

    assert len(found.found) >= 1
    for E in found.found:
        if abs(E) < 0.98 * float(found.edge):
            assert det(E - 1e-4) * det(E + 1e-4) < 0


@pytest.mark.slow
def test_derivatives():
    def energies(x, Delta):
        given = GivenState(FULL.superconductor, FULL.T, jnp.asarray([6.0, 4.0, 3.0]) * Delta + 0j)
        return bound_states(given, u=0.1 * x * jnp.ones((2, 2)), J=x * jnp.diag(jnp.array([1.0, 0.3]))).E

    h, at = 1e-5, (0.2, 1.0)
    forward, reverse = (mode(energies, (0, 1))(*at) for mode in (jax.jacfwd, jax.jacrev))
    for k in (0, 1):
        step = h * np.eye(2)[k]
        difference = (energies(*(at + step)) - energies(*(at - step))) / (2 * h)
        exists = np.isfinite(difference)
        assert exists.sum() == 2
        np.testing.assert_allclose(forward[k][exists], difference[exists], rtol=1e-6)
        np.testing.assert_allclose(reverse[k][exists], forward[k][exists], rtol=1e-10)


def test_the_gapless_state_has_its_own_density_of_states():
    """N / c = 1.386750 at zero energy, without an impurity: no bound state."""
    gapless = state([6.0, 4.0, np.sqrt(48.0)], 10.0)
    assert float(jnp.sum(impurity_density_of_states(gapless, 0.0, 1e-3))) == pytest.approx(1.386750, abs=3e-5)
    assert float(bound_states(gapless, J=np.eye(2)).edge) == 0.0
    assert len(bound_states(gapless, J=np.eye(2)).found) == 0


def test_the_density_of_states_at_an_impurity():
    """Without one that of the clean state, of Dynes; with a spin a peak at its two energies."""
    s, omega = state([1.0]), np.array([0.0, 0.7, 1.3, 4.0])
    z = omega + 0.05j
    np.testing.assert_allclose(impurity_density_of_states(s, omega, 0.05)[0], np.real(z / np.sqrt(z**2 - 1)), rtol=1e-12)
    E = float(-bound_states(s, u=0.05, J=0.15).found[0])
    N = np.asarray(impurity_density_of_states(s, np.array([-E, -E / 2, 0.0, E / 2, E]), 1e-3, u=0.05, J=0.15)[0])
    assert min(N[0], N[4]) > 50 * max(N[1:4])
    rng = generator(4)
    u = rng.normal(size=(2, 2))
    both = impurity_density_of_states(FULL, np.linspace(-9, 9, 7), 0.3, u=0.1 * (u + u.T), J=0.1 * S["s1"])
    assert np.all(np.asarray(both) > 0)


@pytest.mark.slow
def test_a_matsubara_cutoff_has_static_amplitudes():
    clean = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=0.3, interaction=jg.MatsubaraCutoff(30.0))
    solution = jg.solve(clean, 4.0)
    assert bound_states(solution, J=1 / np.pi).found == pytest.approx([0.0], abs=1e-11)
    with pytest.raises(jg.InputError, match="`solution` must have no disorder for this"):
        bound_states(jg.solve(one_band(1.0, u=0.3), 4.0), J=0.1)


BAD = {
    "asymmetric": (lambda: bound_states(FULL, u=[[0.0, 1.0], [0.5, 0.0]]), "`u` must be symmetric"),
    "a shape": (
        lambda: bound_states(FULL, J=0.3),
        r"`J` must be a 2 x 2 matrix between the bands .meV., but got shape \(1, 1\)",
    ),
    "complex": (lambda: bound_states(state([1.0 + 1j])), "`solution` must have real amplitudes"),
    "no width": (lambda: impurity_density_of_states(FULL, 1.0, 0.0), "`Gamma` must be positive"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_input_is_one_sentence(what):
    ask, sentence = BAD[what]
    with pytest.raises(jg.InputError, match=sentence):
        ask()
