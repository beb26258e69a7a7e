"""Heat of lattices, fields, photoemission at a k; and what is not of lattices."""

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from lattices import all_k, one, state, two

from jaxgap import InputError, solve
from jaxgap.observables import (
    condensation_energy,
    critical_field,
    entropy,
    gapless_excess,
    molar,
    photoemission,
    specific_heat,
    spectral_function,
    states_per_volume,
)
from jaxgap.plotting import plot_density_of_states
from jaxgap.units import k_B, magnetic_energy


@pytest.mark.parametrize("T", [8.0, 60.0])
def test_entropy_of_a_gap_with_nodes(T):
    """By numpy on a mesh that resolves k_B T; a mesh for the mean gap was wrong by 2e-3 at 10 K, by half at 2 K."""
    k = all_k(2400)
    xi = -200 * np.sum(np.cos(k), axis=1) + 100 * np.prod(np.cos(k), axis=1) + 86.76
    x = np.hypot(xi, 20.0 * (np.cos(k[:, 0]) - np.cos(k[:, 1]))) / (k_B * T)
    exact = k_B * np.mean(2 * np.log1p(np.exp(-x)) + 2 * x / (np.exp(np.minimum(x, 700.0)) + 1))
    np.testing.assert_allclose(entropy(state(one(), 20.0, T=T)), exact, rtol=1e-8)


@pytest.mark.slow
def test_entropy_that_no_mesh_resolves():
    assert np.isnan(entropy(state(one(), 20.0, T=1.0)))
    assert float(entropy(state(one(), 20.0, T=0.0))) == 0.0
    assert 0 < float(entropy(state(one(form="s"), 20.0, T=4.0))) < 1e-20


@pytest.mark.slow
@pytest.mark.parametrize(("system", "T"), [(one(), 60.0), (two(), 300.0)], ids=["one", "two"])
def test_heat_is_the_change_of_entropy(system, T):
    h = 0.05
    ends = [float(entropy(solve(system, T + side * h))) for side in (1, -1)]
    np.testing.assert_allclose(specific_heat(solve(system, T)), T * (ends[0] - ends[1]) / (2 * h), rtol=1e-5)


def test_critical_field_of_a_cell():
    """(mu_0 H_c)^2 / 2 mu_0 = (F_n - F) / V."""
    given = state(one(), 20.0, T=40.0)
    field = critical_field(given, 6.0, [3.9, 3.9])
    np.testing.assert_allclose(field, np.sqrt(magnetic_energy * condensation_energy(given) / (6 * 3.9**2)), rtol=1e-12)


def test_photoemission_is_the_occupied_part():
    """f(omega) A_aa(k, omega), with matrix elements of the orbitals; smeared by the resolution."""
    given, k, omega, Gamma = state(two(), 25.0, -15.0, T=80.0), [[0.4, 1.0], [2.0, 0.3]], np.linspace(-80.0, 40.0, 241), 4.0
    A = spectral_function(given, k, omega, Gamma)
    f = 1 / (np.exp(omega / (k_B * 80.0)) + 1)
    seen = photoemission(given, jnp.array(k), omega, Gamma, weights=[1.0, 0.3])
    np.testing.assert_allclose(seen, (A[0] + 0.3 * A[1]) * f, rtol=1e-10)
    smeared = photoemission(given, jnp.array(k), omega[100:140], Gamma, weights=[1.0, 0.3], energy_resolution=5.0)
    sigma, step = 5.0 / np.sqrt(8 * np.log(2)), omega[1] - omega[0]
    R = np.exp(-((omega[100:140, None] - omega) ** 2) / (2 * sigma**2)) / (sigma * np.sqrt(2 * np.pi)) * step
    np.testing.assert_allclose(smeared, np.asarray(seen) @ R.T, rtol=1e-5)


@pytest.mark.slow
def test_picture_of_a_density_of_states():
    ax = plot_density_of_states(solve(one(), 100.0), omega=np.linspace(-60.0, 60.0, 41), Gamma=12.0)
    assert "cell" in ax.get_ylabel()
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["total", "a"]
    plt.close("all")


REFUSED = [
    (lambda s: critical_field(s, 6.0), "`cell` must be given for a lattice"),
    (lambda s: states_per_volume(s.superconductor, 6.0), "must be of bands with masses"),
    (lambda s: molar(1.0, s.superconductor, 100.0, 6.0), "must be of bands with masses"),
    (lambda s: gapless_excess(s.superconductor, jnp.array([8.0])), "a Lattice has orbitals"),
    (lambda s: photoemission(s, jnp.array([[0.5, 2.0]]), OMEGA, 2.0, momentum_resolution=0.1), "must be 0 for a lattice"),
    (lambda s: photoemission(s, 0.5, OMEGA, 2.0), "`k` must be points of 2 components"),
]
OMEGA = jnp.array([0.0, 5.0])


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=[f"{k} {sentence}" for k, (_, sentence) in enumerate(REFUSED)])
def test_what_is_not_of_lattices_is_one_sentence(call, sentence):
    with pytest.raises(InputError, match=sentence) as error:
        call(state(one(), 20.0))
    assert "\n" not in str(error.value)
