"""Matsubara sums on the compressed grid: against sums over every frequency, and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matsubara_sums import all_frequencies

from jaxgap.selfenergy.matsubara import frequencies, kernels, mesh, phonon_propagator
from jaxgap.units import k_B

INTERPOLATED = 3e-9
"""Of functions like Delta(i omega), relative to the largest: twelve nodes per panel."""
ROUNDING = 1e-13
SUMMED = 1e-11
"""To infinity, with all energies below a tenth of omega_N."""
T = jnp.asarray(3.0)
OMEGA = jnp.array([8.0, 21.0])
WEIGHT = jnp.array([[0.4, 0.6], [1.0, 0.0]])
CUTOFF = 130.3

_kernels = jax.jit(lambda omega_c: kernels(mesh(512), OMEGA, WEIGHT, omega_c, T))


def _gap(omega):
    """Like a gap of two phonons: it changes sign."""
    return 3 / (1 + (omega / 20) ** 2) - 0.2 + omega**2 / (1e3 + omega**2) * 0.1


def test_few_nodes():
    assert len(mesh(8192).n) < 135
    assert mesh(8192).N == 8192
    assert (mesh(20).n == np.arange(20)).all()


@pytest.mark.parametrize("N", [5, 12, 20, 300, 8192])
def test_what_is_known_at_the_nodes_is_between_the_nodes_of_its_own_panel(N):
    grid, known = mesh(N), 0
    for panel in grid.panels:
        block = np.eye(panel.end - panel.first) if panel.L is None else panel.L
        rows = grid.L[panel.first : panel.end]
        assert (rows[:, known : known + block.shape[1]] == block).all()
        assert np.count_nonzero(rows) == np.count_nonzero(block)
        known += block.shape[1]
    assert (known, panel.end) == (len(grid.n), N)
    ones = jnp.ones(N)
    np.testing.assert_allclose(grid.onto_nodes(lambda i, j: ones[i:j]), grid.L.sum(axis=0), rtol=1e-13, atol=1e-13)


def test_sums_are_those_over_every_frequency():
    grid, found = mesh(512), _kernels(CUTOFF)
    m = np.arange(512)
    omega = (2 * m + 1) * np.pi * k_B * T
    n = grid.n[:, None]
    f = _gap(omega) / np.hypot(omega, _gap(omega))
    apart, together = (np.asarray(phonon_propagator(OMEGA, WEIGHT, T, k)) for k in (n - m, n + m + 1))
    at = _gap(found.omega) / jnp.hypot(found.omega, _gap(found.omega))
    for kernel, sign in ((found.even, 1), (found.odd, -1)):
        brute = np.pi * k_B * T * (apart + sign * together) @ f
        np.testing.assert_allclose(kernel @ at, brute, atol=INTERPOLATED * np.abs(brute).max())
    whole = int(CUTOFF / (2 * np.pi * k_B * T))
    share = CUTOFF / (2 * np.pi * k_B * T) - whole
    brute = 2 * np.pi * k_B * T * (f[:whole].sum() + share * f[whole])
    assert abs(found.instant @ at - brute) < INTERPOLATED * brute


def test_the_tail_and_the_normal_state_are_sums_to_infinity():
    found, n = _kernels(CUTOFF), mesh(512).n
    far = np.arange(200_000)
    step = np.pi * k_B * T
    for k in (0, 5, len(n) - 1):
        u = [np.asarray(phonon_propagator(OMEGA, WEIGHT, T, j)) for j in (np.abs(n[k] - far), n[k] + far + 1)]
        difference = step * (u[0] - u[1])
        np.testing.assert_allclose(found.tail[:, k], difference[:, 512:].sum(axis=1), rtol=1e-4)
        np.testing.assert_allclose(found.normal[:, k], difference.sum(axis=1), rtol=1e-6)
    ones = jnp.ones(len(n))
    np.testing.assert_allclose(found.odd @ ones + found.tail, found.normal, rtol=ROUNDING)


def test_the_cutoff_is_no_staircase():
    slope = jax.grad(lambda c: jnp.sum(_kernels(c).instant))(CUTOFF)
    assert slope > 0
    nearly = [float(jnp.sum(_kernels(CUTOFF + x).instant)) for x in (-1e-5, 1e-5)]
    assert abs((nearly[1] - nearly[0]) / 2e-5 - slope) < 1e-8


@pytest.mark.parametrize("energy", [0.3, 5.0, 60.0])
def test_all_frequencies(energy):
    """sum 1/(omega_n^2 + E^2) = tanh(E / 2 k_B T) / 4 E k_B T."""
    n, w = all_frequencies(512)
    omega = np.asarray(frequencies(n, T))
    exact = np.tanh(energy / (2 * k_B * T)) / (4 * energy * k_B * T)
    assert abs(w @ (1 / (omega**2 + energy**2)) - exact) < SUMMED * exact
