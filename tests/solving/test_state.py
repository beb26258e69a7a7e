"""The protocol of states: what observables need of one, and no more."""

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import Array, Float
from problems import one_band

from jaxgap import InputError, Superconductor, materials, solve
from jaxgap.observables import (
    branch_minima,
    dispersion,
    entropy,
    free_energy,
    photoemission,
    relaxation_rate,
    spectral_function,
    tunnelling_conductance,
    tunnelling_density_of_states,
)
from jaxgap.solving.state import GivenState, MeanFieldState, PairedState

EXACT = 1e-12
"""The same formula reached by two ways."""
NODES = 1e-5
"""What the nodes of the relaxation rate promise: they lie for the broadening that is named, not for the state's own."""

WIDE = 1e-3
"""Delta over half the shell's width: what a shell of infinite width would change."""

OMEGA = jnp.linspace(-20.0, 20.0, 41)


class Scattered(PairedState):
    """A solution whose electrons have the constant self-energy -i eta, as a user would write it: no amplitudes, no energies."""

    inner: MeanFieldState
    eta: Float[Array, ""]
    superconductor: Superconductor
    T: Float[Array, ""]

    def green_function(self, kappa, z):
        return self.inner.green_function(kappa, z + 1j * self.eta)

    def local_functions(self, z):
        return self.inner.local_functions(z + 1j * self.eta)

    def normal_green_function(self, z):
        return self.inner.normal_green_function(z + 1j * self.eta)

    def density_of_states(self, omega):
        return -self.local_functions(omega + 0j).G.imag / jnp.pi

    def singular_energies(self):
        return self.inner.singular_energies()


@pytest.fixture(scope="module")
def solution():
    return solve(materials.ba122(), 10.0)


@pytest.fixture(scope="module")
def scattered(solution):
    return Scattered(inner=solution, eta=jnp.asarray(0.3), superconductor=solution.superconductor, T=solution.T)


@pytest.mark.slow
def test_spectra_of_a_state_with_a_self_energy(solution, scattered):
    """A constant imaginary self-energy adds to the broadening that is asked for."""
    kappa = jnp.linspace(30.0, 70.0, 21)
    k = jnp.linspace(0.08, 0.14, 5)
    for found, expected in (
        (tunnelling_density_of_states(scattered, OMEGA, 0.2).bands, tunnelling_density_of_states(solution, OMEGA, 0.5).bands),
        (tunnelling_density_of_states(scattered, OMEGA, 0.0).bands, tunnelling_density_of_states(solution, OMEGA, 0.3).bands),
        (tunnelling_conductance(scattered, OMEGA, 0.2), tunnelling_conductance(solution, OMEGA, 0.5)),
        (spectral_function(scattered, kappa, OMEGA, 0.2), spectral_function(solution, kappa, OMEGA, 0.5)),
        (photoemission(scattered, k, OMEGA, 0.2), photoemission(solution, k, OMEGA, 0.5)),
    ):
        assert np.allclose(found, expected, rtol=EXACT, atol=EXACT)
    assert np.isclose(relaxation_rate(scattered, 0.2), relaxation_rate(solution, 0.5), rtol=NODES)


def test_what_needs_amplitudes_says_so(scattered):
    with pytest.raises(InputError, match=r"must be a MeanFieldState \(with amplitudes\), but got Scattered"):
        branch_minima(scattered)


def test_a_state_made_by_hand_gives_a_density_of_states():
    """One band: the formula of Dynes, Narayanamurti and Garno, Re z / sqrt(z^2 - Delta^2), far below the shell's edge."""
    sc = one_band(0.3, 2000.0, mu=1e5)
    state = GivenState(sc, jnp.asarray(0.0), jnp.asarray([3.0]))
    z = OMEGA + 0.4j
    expected = (z / np.sqrt(z**2 - 9.0)).real
    found = tunnelling_density_of_states(state, OMEGA, 0.4).total
    assert np.allclose(found, np.abs(expected), atol=WIDE)


@pytest.mark.slow
def test_a_solution_is_the_state_of_its_amplitudes(solution):
    given = GivenState(solution.superconductor, solution.T, solution.Delta)
    kappa = jnp.linspace(0.0, 120.0, 31)
    assert np.array_equal(dispersion(given, kappa), dispersion(solution, kappa))
    for observable in (branch_minima, entropy):
        assert np.allclose(observable(given), observable(solution), rtol=EXACT)
    with pytest.raises(InputError, match="no free energy"):
        free_energy(given)
