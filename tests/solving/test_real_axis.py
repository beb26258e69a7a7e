"""Retarded states at real energies: the exact continuation of one mode on a ladder of energies, and spectra made of it."""

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.observables import branch_minima, spectral_function, tunnelling_conductance, tunnelling_density_of_states
from jaxgap.selfenergy.matsubara import mesh
from jaxgap.units import k_B

PHONON = 20.0
"""[meV]"""
MU = 1e5
"""[meV]: bands have no edges here."""
T = 8.0
RUNGS = 8
EXACT = 1e-9


@pytest.fixture(scope="module")
def solution():
    sc = jg.superconductor(bands={"a": {"mu": MU}}, lam=1.0, interaction=jg.Retarded(PHONON))
    return jg.solve(sc, T)


def on_a_ladder(solution, z_0):
    """(Z, Phi) at z_0 from the formula at z_0 + k omega_q, which couples these energies and no others, iterated to its end; all
    frequencies are summed one by one."""
    kT, own, N = k_B * T, solution.self_energy, solution.superconductor.frequencies
    Delta = mesh(N).L @ np.asarray(own.Phi / own.Z)[0]
    omega = (2 * np.arange(N) + 1) * np.pi * kT
    omega, Delta = np.concatenate([-omega[::-1], omega]), np.concatenate([Delta[::-1], Delta])
    R = np.sqrt(omega**2 + Delta**2)
    z = z_0 + PHONON * np.arange(-RUNGS, RUNGS + 1)
    propagator = PHONON**2 / (PHONON**2 - (z[:, None] - 1j * omega) ** 2)
    beyond = sum(np.arctanh(PHONON / (z - sign * 2j * np.pi * kT * N)) for sign in (1, -1))
    pairs = np.pi * kT * (propagator @ (Delta / R))
    normal = 1j * np.pi * kT * (propagator @ (omega / R)) + PHONON / 2 * beyond
    n, f = 1 / np.expm1(PHONON / kT), lambda x: 1 / (np.exp(x / kT) + 1)
    out, taken = (1j * np.pi * PHONON / 2 * (n + f(energy)) for energy in (PHONON - z, PHONON + z))

    def phonons(F):
        return out * np.append(F[0], F[:-1]) + taken * np.append(F[1:], F[-1])

    W, Phi = z.copy(), np.full(z.shape, Delta[N], complex)
    for _ in range(100):
        root = 1j * np.sqrt(Phi**2 - W**2)
        W, Phi = z + normal + phonons(W / root), pairs + phonons(Phi / root)
    return W[RUNGS] / z_0, Phi[RUNGS]


@pytest.mark.slow
@pytest.mark.parametrize("z", [3.0 + 0.5j, 4.9 + 0.01j, 15.0 + 0.5j, 26.0 + 0.1j, -31.0 + 0.2j])
def test_the_self_energy_of_one_mode_is_exact(solution, z):
    """Also beyond one phonon above the gap, where Pade approximants alone are off by a tenth and more."""
    Z, Phi = (part[0] for part in solution.continued().self_energy(jnp.asarray(z)))
    np.testing.assert_allclose([Z, Phi], on_a_ladder(solution, z), rtol=EXACT)


@pytest.mark.slow
def test_spectra(solution):
    """The density of states is the sum of spectral functions over kappa, and has the phonon's dip above Delta + omega_q."""
    omega, Gamma = np.array([-12.0, 3.0, 6.0, 24.5, 26.0]), 0.4
    found = tunnelling_density_of_states(solution, omega, Gamma).total
    x, weight = np.polynomial.legendre.leggauss(400)
    u = np.pi / 2 * x
    kappa, width = MU + 20 * np.tan(u), weight * np.pi / 2 * 20 / np.cos(u) ** 2
    A = np.asarray(spectral_function(solution, jnp.asarray(np.maximum(kappa, 0.0)), omega, Gamma))[0]
    np.testing.assert_allclose((kappa > 0) * width @ A, found, atol=2e-3)
    assert found[3] > 1.15 > 1.0 > found[4]
    assert found[1] < 0.2
    V = tunnelling_conductance(solution, omega, Gamma)
    np.testing.assert_allclose(V[0], found[0], atol=0.05)


def test_what_means_static_amplitudes_says_so(solution):
    with pytest.raises(jg.InputError, match="Argument `solution` must have a static interaction for this"):
        branch_minima(solution)
