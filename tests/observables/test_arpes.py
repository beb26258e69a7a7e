"""Spectral function and photoemission: the BdG eigenvectors, sum rules, brute-force convolution, gaps as they are read."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import state
from problems import ba122, one_band, problem, scaled_error, system
from test_density_of_states import AMPLITUDES, bands

from jaxgap import InputError, materials, solve
from jaxgap.observables import (
    branch_minima,
    dispersion,
    fermi_momentum_gaps,
    fermi_wave_vector,
    gap_comparison,
    photoemission,
    photoemission_mesh,
    spectral_function,
    symmetrised_edc,
    symmetrised_gap,
    wave_vector,
)
from jaxgap.units import k_B

EIGENVECTORS = 1e-10
"""Rounding of eigenvectors, over Gamma."""
SUM_RULE = 1e-6
"""What the trapezoidal rule leaves; the sums themselves are exact."""
CONVOLVED = 1e-6
"""Of the highest intensity: trapezoidal sums against finer ones."""
SHARP = 3e-4
"""[meV] Peaks of width .05 meV against the energies: tails of the other peaks, squares of the width over the distance."""
PRINTED = 6e-3
"""[meV] Half a unit of the last printed digit, and weights likewise."""
DIFFERENCES = 1e-6
"""Central differences."""


def brute(sc, Delta, kappa, omega, Gamma):
    """A_i from the eigenvectors of the BdG matrix: two cross-paired bands, amplitudes where the shells are."""
    z = np.array([float(kappa / b.mass - b.mu) for b in sc.bands])
    inside = np.abs(z) <= float(sc.Omega)
    D = np.array([[Delta[0], Delta[2]], [Delta[2], Delta[1]]]) * np.outer(inside, inside)
    E, U = np.linalg.eigh(np.block([[np.diag(z), D], [D.conj().T, -np.diag(z)]]))
    lorentzians = Gamma / np.pi / ((omega - E[:, None]) ** 2 + Gamma**2)
    return (np.abs(U[:2]) ** 2) @ lorentzians


@pytest.mark.parametrize("name", ["distance", "electron and hole"])
def test_it_is_made_of_the_bdg_eigenvectors(name):
    sc, omega = bands(name), np.linspace(-40.0, 40.0, 17)
    kappa = np.array([3.0, 45.0, 62.0, 171.0, 178.0, 197.0, 205.0, 229.0, 240.0])
    for Delta in AMPLITUDES.values():
        found = spectral_function(state(sc, Delta), kappa, omega, 0.3)
        wanted = np.stack([brute(sc, Delta, k, omega, 0.3) for k in kappa], axis=1)
        np.testing.assert_allclose(found, wanted, atol=EIGENVECTORS)


@pytest.mark.parametrize("Gamma", [0.05, 1.0])
def test_it_is_positive_and_integrates_to_one(Gamma):
    """With omega = 10 tan(t): a trapezoidal sum over a period of t, which converges exponentially, over all energies."""
    t = (np.arange(40000) + 0.5) * np.pi / 40000 - np.pi / 2
    omega, weight = 10 * np.tan(t), 10 / np.cos(t) ** 2 * np.pi / 40000
    found = np.asarray(spectral_function(state(bands("distance"), AMPLITUDES["phases"]), [150.0, 199.0, 204.0], omega, Gamma))
    assert np.min(found) > 0
    np.testing.assert_allclose(found @ weight, 1.0, atol=SUM_RULE)


def test_its_peaks_are_the_branches():
    """Four peaks of a cross-paired band at +-E_- and +-E_+, where `dispersion` has them; two of a band alone."""
    s, kappa = state(bands("distance"), AMPLITUDES["real"]), np.array([196.0, 203.0, 208.0])
    omega = np.linspace(-20.0, 20.0, 40001)
    for place, energies in enumerate(np.asarray(dispersion(s, kappa)).T):
        A = np.asarray(spectral_function(s, kappa, omega, 2e-3)).sum(axis=0)[place]
        peaks = omega[1:-1][(A[1:-1] > A[:-2]) & (A[1:-1] > A[2:])]
        np.testing.assert_allclose(peaks, np.sort([*energies, *-energies]), atol=1e-3)  # the mesh


def test_intensity_without_resolution_is_the_occupied_part():
    s = state(bands("distance"), AMPLITUDES["s+-"], T=20.0)
    omega, k = np.linspace(-30.0, 30.0, 41), wave_vector([198.0, 203.0])
    A = np.asarray(spectral_function(s, [198.0, 203.0], omega, 0.5))
    occupied = 1 / (np.exp(omega / (k_B * 20.0)) + 1)
    np.testing.assert_allclose(photoemission(s, k, omega, 0.5), A.sum(axis=0) * occupied, rtol=1e-9)
    selected = photoemission(s, k, omega, 0.5, weights=[0.0, 2.0], fermi=False)
    np.testing.assert_allclose(selected, 2 * A[1], rtol=1e-9)


@pytest.mark.parametrize(
    "resolution",
    [pytest.param((1.5, 0.0), marks=pytest.mark.slow), pytest.param((0.0, 0.004), marks=pytest.mark.slow), (1.5, 0.004)],
    ids=["energy", "momentum", "both"],
)
def test_resolution_is_the_convolution(resolution):
    """By sums with other nodes, twice as dense."""
    s = state(bands("distance"), AMPLITUDES["real"], T=8.0)
    k, omega = float(wave_vector(203.0)), np.linspace(-12.0, 6.0, 10)
    sigma, sigma_k = np.array(resolution) / (8 * np.log(2)) ** 0.5
    x = np.linspace(-7, 7, 1601)
    gauss = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()
    wanted = []
    for w in omega:
        energies = w - sigma * x if sigma else np.array([w])
        around = k - sigma_k * x if sigma_k else np.array([k])
        A = np.asarray(spectral_function(s, 3809.98212 * around**2, energies, 0.4)).sum(axis=0) / (
            np.exp(energies / (k_B * 8.0)) + 1
        )
        A = gauss @ A if sigma_k else A[0]
        wanted.append(gauss @ A if sigma else A[0])
    found = photoemission(s, k, omega, 0.4, energy_resolution=resolution[0], momentum_resolution=resolution[1])[0]
    assert scaled_error(found, wanted) < CONVOLVED


def test_resolution_keeps_the_number_of_states():
    s = state(bands("distance"), AMPLITUDES["real"], T=8.0)
    omega = np.arange(-3000.0, 3000.0, 1.0)
    I = photoemission(s, wave_vector(200.0), omega, 2.0, energy_resolution=6.0, weights=[1.0, 0.0], fermi=False)[0]  # noqa: E741
    assert float(np.sum(I)) + 2 * 2.0 / np.pi / 3000 == pytest.approx(1.0, abs=SUM_RULE)


# === symmetrised


def test_a_symmetrised_band_alone_has_no_fermi_function():
    s = state(one_band(), [4.0], T=15.0)
    omega, k = np.linspace(0.0, 12.0, 31), fermi_wave_vector(one_band(), "a")
    found = symmetrised_edc(s, "a", omega, 0.5, energy_resolution=1.0)
    wanted = photoemission(s, k, omega, 0.5, energy_resolution=1.0, fermi=False)[0]
    assert scaled_error(found, wanted) < CONVOLVED
    assert float(symmetrised_gap(s, "a", 0.05, 0.1)) == pytest.approx(4.0, abs=SHARP)
    omega = np.linspace(3.0, 6.0, 3001)
    highest = omega[np.argmax(symmetrised_edc(s, "a", omega, 0.5, energy_resolution=2.0))]
    assert float(symmetrised_gap(s, "a", 0.5, 2.0)) == pytest.approx(highest, abs=6e-4)  # the mesh


def test_a_filled_gap_reads_zero():
    assert float(symmetrised_gap(state(one_band(), [1.0], T=15.0), "a", 3.0, 4.0)) == 0.0


@pytest.fixture(scope="module")
def ba122_state():
    return solve(materials.ba122(), 2.0, branch="s+-")


def test_ba122_as_photoemission_reads_it(ba122_state):
    """At k_F of alpha two branches, 11.42 meV with weight .33 and 12.54 with .67: sharp spectra show the latter, broad ones
    what lies between, and neither is the minimum of the branch, 12.41."""
    alpha, beta = gap_comparison(ba122_state, 0.05, 0.1)
    np.testing.assert_allclose(alpha.at_fermi_momentum, [11.42, 12.54], atol=PRINTED)
    np.testing.assert_allclose(alpha.weights, [0.33, 0.67], atol=PRINTED)
    np.testing.assert_allclose([alpha.minima, beta.minima], [[6.20, 12.41]] * 2, atol=PRINTED)
    assert alpha.symmetrised == pytest.approx(alpha.at_fermi_momentum[1], abs=SHARP)
    assert beta.symmetrised == pytest.approx(beta.at_fermi_momentum[0], abs=SHARP)
    broad = gap_comparison(ba122_state, 1.0, 2.0)[0].symmetrised
    assert alpha.at_fermi_momentum[0] < broad < alpha.at_fermi_momentum[1] - 0.1


@pytest.mark.slow
def test_the_occupied_weight_decides_not_the_whole_one():
    """`fermi_momentum` takes the branch with the larger |u|^2 + |v|^2; a symmetrised EDC shows that with the larger |v|^2."""
    s = solve(materials.two_band(0.3, 10.0), 4.2)
    a, b = gap_comparison(s, 0.05, 0.1)
    fermi = np.asarray(fermi_momentum_gaps(s).gap)
    for row, E in zip((a, b), fermi, strict=True):
        assert row.at_fermi_momentum[int(np.argmax(row.weights))] == pytest.approx(E, rel=1e-9)
        assert sum(row.weights) == pytest.approx(1.0, abs=1e-12)
        assert row.symmetrised == pytest.approx(row.at_fermi_momentum[int(np.argmax(row.occupied))], abs=SHARP)
    assert b.symmetrised - fermi[1] > 10.0
    np.testing.assert_allclose(a.minima, branch_minima(s))


@pytest.mark.slow
def test_derivatives_through_the_gap_equations():
    """Intensities and the gap read from them, through the gap equations, against central differences."""
    start, omega = problem("s+- branch, T=1.0").Delta.real, jnp.linspace(-14.0, 2.0, 5)
    base = solve(ba122(), 4.0, start=start)
    k = fermi_wave_vector(base.superconductor, "a")
    widths = {"energy_resolution": 1.5, "momentum_resolution": 0.003}
    mesh = photoemission_mesh(base, k, omega, 0.8, **widths)
    wide = photoemission_mesh(base, k, [-30.0, 30.0], 0.8, **widths)

    def read(x):
        s = solve(ba122().set({"lam[a, a:b]": x[0], "mu[b]": x[1]}), 4.0, start=start)
        spectrum = photoemission(s, k, omega, x[2], **widths, mesh=mesh)[0]
        gap = symmetrised_gap(s, "a", x[2], 1.5, 0.003, reach=30.0, mesh=wide)
        return jnp.append(spectrum, gap)

    x = jnp.array([0.0313, 60.0, 0.8])
    run, slopes = jax.jit(read), np.asarray(jax.jit(jax.jacfwd(read))(x))
    for column, h in enumerate((1e-6, 1e-4, 1e-5)):
        step = h * jnp.eye(3)[column]
        difference = np.asarray(run(x + step) - run(x - step)) / (2 * h)
        assert scaled_error(slopes[:-1, column], difference[:-1]) < DIFFERENCES
        assert slopes[-1, column] == pytest.approx(difference[-1], rel=DIFFERENCES, abs=1e-8)


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda s: spectral_function(s, [200.0], [0.0], 0.0), "`Gamma` must be positive"),
        (lambda s: spectral_function(s, [-1.0], [0.0], 0.1), "`kappa` must"),
        (lambda s: photoemission(s, [0.2], [0.0], 0.1, energy_resolution=-1.0), "`energy_resolution` must not be negative"),
        (lambda s: photoemission(s, [0.2], [0.0], 0.1, energy_resolution=1.0), "`T` must be positive"),
        (lambda s: symmetrised_gap(s, "c", 0.1, 1.0), "`band` must be one of a, b"),
        (lambda s: symmetrised_gap(s, "a", 0.1, 0.0), "`energy_resolution` must be positive"),
    ],
)
def test_wrong_input_is_named(call, complaint):
    with pytest.raises(InputError, match=f"Argument {complaint}"):
        call(state(bands("distance"), AMPLITUDES["real"]))


def test_tracing_needs_a_mesh():
    s = state(bands("distance"), AMPLITUDES["real"], T=4.0)
    with pytest.raises(InputError, match="Argument `mesh` must be given"):
        jax.jit(lambda Gamma: photoemission(s, [0.2], [0.0], Gamma, energy_resolution=1.0))(0.3)


@pytest.mark.slow
def test_systems_of_several_bands():
    """Bands of a pair and a band alone, each with its own sum rule and k_F."""
    sc = system(np.diag([0.4, 0.3, 0.3, 0.1]), [200.0, 205.0, 150.0])
    found = gap_comparison(state(sc, [6.0, 4.0, 3.0, 1.0], T=2.0), 0.05, 0.1)
    assert [row.band for row in found] == ["a", "b", "c"]
    assert found[2].symmetrised == pytest.approx(3.0, abs=SHARP)
    assert found[2].minima == (3.0,)
