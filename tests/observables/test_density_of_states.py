"""The density of states without broadening: closed forms, conservation of states, the limit of small broadening."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import LAM, state
from problems import ba122, generator, one_band, problem, relative_error, scaled_error, system

from jaxgap import solve
from jaxgap.observables import coherence_peaks, tunnelling_conductance, tunnelling_density_of_states
from jaxgap.spectra.green import clean_density_of_states_of

CLOSED_FORM = 1e-8
"""Roots by Newton's method to the last bit, and omega - Delta."""
BROADENED = 2e-6
"""Terms linear in Gamma = 1e-6 meV, and the quadrature of the broadened one."""
CONSERVED = 1e-6
"""States per state at the Fermi level and meV."""
GAPLESS_DENSITY = 1e-4
"""Terms linear in omega, over the gap of E_+."""
DIFFERENCES = 1e-6
"""Central differences."""

BANDS = {
    "equal bands": ([200.0, 200.0], [1.0, 1.0], 2),
    "distance": ([200.0, 207.0], [1.0, 1.0], 2),
    "unequal masses": ([70.0, 66.0], [1.0, 1.06], 2),
    "electron and hole": ([60.0, -55.0], [1.0, -1.2], 2),
    "3D": ([120.0, 112.0], [1.0, 1.1], 3),
}
"""Names -> (mus, masses, dimension)."""
AMPLITUDES = {"real": np.array([6.0, 4.0, 1.5]), "s+-": np.array([6.0, -4.0, 2.0]), "phases": np.array([6, 4j, 3 - 2j])}


def bands(name):
    mus, masses, dimension = BANDS[name]
    return system(LAM, mus, masses, Omega=30.0, dimension=dimension)


def singular_energies(s):
    """Where the density of states of a state may jump or diverge: extrema, edges of the shells, bottoms of the bands."""
    sc = s.superconductor
    zeta = lambda band, kappa: float(kappa / band.mass - band.mu)  # noqa: E731
    found = [peak.energy for peak in coherence_peaks(s)]
    edges = [float(b.mass * (b.mu + sign * sc.Omega)) for b in sc.bands for sign in (-1, 1)]
    for kappa in [0.0, *edges]:
        for band, D in zip(sc.bands, np.abs(s.Delta), strict=False):
            found += [abs(zeta(band, kappa)), np.hypot(zeta(band, kappa), D)]
        H = np.diag([zeta(band, kappa) for band in sc.bands]).astype(complex)
        D1, D2, D3 = np.asarray(s.Delta)
        pairing = np.array([[D1, D3], [D3, D2]])
        found += list(np.abs(np.linalg.eigvalsh(np.block([[H, pairing], [pairing.conj().T, -H]]))))
    found = np.array(found)
    return np.unique(np.concatenate([found[found < 100], -found[found < 100], [-100.0, 100.0]]))


@pytest.mark.parametrize(("mass", "mu"), [(1.0, 70.0), (-1.2, -60.0)], ids=["electron", "hole"])
def test_one_band_is_the_closed_form(mass, mu):
    omega = np.array([-25.0, -4.1, -4.0001, -3.9999, 0.0, 3.0, 4.001, 5.0, 29.0])
    got = tunnelling_density_of_states(state(one_band(mu=mu, mass=mass), [4.0]), omega, 0.0).total
    outside = np.abs(omega) > 4
    wanted = np.abs(omega) / np.sqrt(np.where(outside, omega**2 - 16, 1.0))
    assert relative_error(np.asarray(got)[outside], wanted[outside]) < CLOSED_FORM
    assert np.all(np.asarray(got)[~outside] == 0)


def test_it_is_infinite_at_the_singularity_only():
    got = tunnelling_density_of_states(state(one_band(), [4.0]), [np.nextafter(4.0, 0), 4.0, np.nextafter(4.0, 5)], 0.0).total
    assert got[0] == 0
    assert np.isinf(got[1])
    assert np.isfinite(got[2])


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.slow if name == "3D" else ()) for name in BANDS])
@pytest.mark.parametrize("Delta", AMPLITUDES)
def test_it_is_the_limit_of_small_broadening(name, Delta):
    """Another route: quadrature of the Green's function 1e-6 meV above the real axis."""
    s = state(bands(name), AMPLITUDES[Delta])
    rng = generator(70)
    omega = rng.uniform(-45.0, 45.0, 60)
    away = np.min(np.abs(omega[:, None] - singular_energies(s)), axis=1) > 0.3
    omega = np.where(away, omega, 50.0)
    clean, broadened = (np.asarray(tunnelling_density_of_states(s, omega, Gamma).bands) for Gamma in (0.0, 1e-6))
    assert np.count_nonzero(away) > 20
    assert np.min(clean) >= 0
    assert np.abs(clean - broadened).max() < BROADENED


@pytest.mark.parametrize(("name", "Delta"), [("distance", "real"), ("distance", "phases"), ("electron and hole", "s+-")])
def test_states_are_conserved(name, Delta):
    """The integral of N - N_normal over all energies, cut at the singularities. On each piece omega = a + (b - a) sin^2(t): the
    inverse square roots at its ends become smooth, and Gauss nodes in t converge exponentially."""
    s = state(bands(name), AMPLITUDES[Delta])
    cuts = singular_energies(s)
    cuts = cuts[np.append(True, np.diff(cuts) > 1e-9)]
    x, w = np.polynomial.legendre.leggauss(96)
    t, width = np.pi / 4 * (1 + x), np.diff(cuts)[:, None]
    omega = cuts[:-1, None] + width * np.sin(t) ** 2
    weight = np.pi / 4 * w * width * np.sin(2 * t)
    padded = np.concatenate([omega.ravel(), np.full(-omega.size % 4096, 100.0)])
    run = jax.jit(jax.vmap(lambda D, e: clean_density_of_states_of(s.superconductor, D, e), (None, 0)))
    paired, normal = (np.asarray(run(D, padded))[: omega.size] for D in (s.Delta, 0 * s.Delta))
    moved = (paired - normal).reshape(*omega.shape, 2) * weight[..., None]
    assert np.abs(moved).sum(axis=(0, 1)).min() > 5.0
    assert np.abs(moved.sum(axis=(0, 1))).max() < CONSERVED


@pytest.mark.parametrize(("D1", "D2", "d"), [(6.0, 4.0, 0.0), (6.0, 4.0, 10.0), (8.0, 2.0, 12.0)])
def test_a_gapless_line_has_a_constant_density_of_states(D1, D2, d):
    """N / c of the one gapless branch, half of it relative to two bands; omega = 0 is read as the limit."""
    sc = system(LAM, [200.0, 200.0 + d])
    Delta = [D1, D2, np.sqrt(D1 * D2 * (1 + (d / (D1 + D2)) ** 2))]
    t, asymmetry = d / (D1 + D2), (D1 - D2) / (D1 + D2)
    c = np.sqrt((1 + (t * asymmetry) ** 2) / (1 + t**2))
    total = tunnelling_density_of_states(state(sc, Delta), [-1e-4, 0.0, 1e-6, 1e-4], 0.0).total
    assert relative_error(total, np.full(4, 0.5 / c)) < GAPLESS_DENSITY


def test_branches_that_are_one_everywhere():
    """Delta_2 = -Delta_1 at d = 0 (or no cross channel): both branches are E^2 = zeta^2 + Delta_1^2 + |Delta_3|^2."""
    omega = np.array([-9.0, 4.0, 5.1, 12.0])
    wanted = np.where(np.abs(omega) > 5, np.abs(omega) / np.sqrt(np.maximum(omega**2 - 25, 1)), 0)
    for Delta in ([3.0, -3.0, 4.0], [5.0, 5.0, 0.0], [3.0, -3.0 - 1e-9, 4.0]):
        found = tunnelling_density_of_states(state(bands("equal bands"), Delta), omega, 0.0)
        np.testing.assert_allclose(found.total, wanted, atol=CLOSED_FORM)
        np.testing.assert_allclose(found.bands[0], wanted / 2, atol=CLOSED_FORM)


def test_the_normal_density_of_states_is_one():
    """Also at the energy d/2 at which the bands cross, and at zero."""
    total = tunnelling_density_of_states(state(bands("distance"), np.zeros(3)), [-40.0, -3.5, 0.0, 3.5, 29.0, 40.0], 0.0).total
    np.testing.assert_allclose(total, 1.0, rtol=1e-12)


@pytest.mark.parametrize("Gamma", [0.0, 0.2])
def test_weights(Gamma):
    s, omega = state(bands("unequal masses"), AMPLITUDES["real"]), [2.0, 6.5, 40.0]
    N = s.superconductor.N[:2]
    bare = tunnelling_density_of_states(s, omega, Gamma).bands * jnp.sum(N)
    got = tunnelling_density_of_states(s, omega, Gamma, weights=[3.0, 0.0])
    np.testing.assert_allclose(got.total, bare[0] / N[0], rtol=1e-12)
    assert np.all(np.asarray(got.bands[1]) == 0)


@pytest.mark.slow
def test_it_differentiates():
    """With respect to omega, a mass, Omega, and an amplitude, against central differences."""
    sc, Delta, omega = bands("distance"), AMPLITUDES["real"], np.array([-7.5, 3.9, 20.0])

    def density(x):
        system_ = sc.set({"mass[b]": x[0], "mu[a]": x[1]})
        found = jax.vmap(lambda w: clean_density_of_states_of(system_, jnp.asarray(Delta) * x[2], x[3] * w))(omega)
        return found.ravel()

    x = jnp.array([1.0, 200.0, 1.0, 1.0])
    run = jax.jit(density)
    slopes = np.asarray(jax.jit(jax.jacfwd(density))(x))
    for k, h in enumerate((1e-6, 1e-4, 1e-6, 1e-6)):
        step = h * jnp.eye(4)[k]
        assert scaled_error(slopes[:, k], (run(x + step) - run(x - step)) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_the_conductance_without_broadening():
    """At a temperature the limit of small broadening; at T = 0 the density of states."""
    start = problem("s+- branch, T=1.0").Delta.real
    V = np.linspace(-15.0, 15.0, 31)
    warm = solve(ba122(), 4.2, start=start)
    bare, broadened = (np.asarray(tunnelling_conductance(warm, V, Gamma)) for Gamma in (0.0, 1e-7))
    assert np.abs(bare - broadened).max() < BROADENED
    cold = state(ba122(), start)
    np.testing.assert_array_equal(tunnelling_conductance(cold, V, 0.0), tunnelling_density_of_states(cold, V, 0.0).total)
