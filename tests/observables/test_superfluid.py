"""Superfluid density: the current response against the free energy of a twisted state, and what must hold exactly.

The twisted free energy is brute force: eigenvalues of the Bogoliubov-de Gennes matrix over k and angle, differences in q.
"""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import one_band, random_system, relative_error, system
from scipy.integrate import quad

from jaxgap import InputError, critical_temperature, solve
from jaxgap.equations.superfluid_weight import (
    RESPONSE_RULE,
    _minus_normal,
    _of_several,
    carrier_weight,
    superfluid_weights_of,
)
from jaxgap.observables import penetration_depth, superfluid_density
from jaxgap.spectra.bogoliubov import Bogoliubov
from jaxgap.units import k_B, thermal_energy

TWIST = 1e-6
"""Current response against the twisted free energy, relative: Richardson's extrapolation of differences leaves 2e-7."""
YOSIDA = 1e-6
"""Against Yosida's integral to infinity: the shell's share of it, exp(-Omega / k_B T), is smaller."""
EXACT = 1e-12
"""What holds to rounding."""
DIFFERENCES = 1e-6
"""Central differences with steps of 1e-4."""
MASSES, MUS = (1.0, 2.0), (200.0, 103.0)


def bands(masses=MASSES, mus=MUS, **options):
    """Two cross-paired bands; the couplings do not enter."""
    return system(0.3 * np.eye(3), mus, masses, **options)


def weights(sc, Delta, T):
    return np.asarray(jax.jit(superfluid_weights_of)(sc, jnp.asarray(Delta), jnp.asarray(T, float)))


# === brute force


def nodes(sc, angles, pieces=8, points=80):
    """kappa, cos(angle) and weights over all k at which a band is inside the shell."""
    m, mu, Omega = *(np.array([float(getattr(b, name)) for b in sc.bands]) for name in ("mass", "mu")), float(sc.Omega)
    edges = sorted({e for sign in (-1, 1) for e in np.maximum(abs(m) * (abs(mu) + sign * Omega), 0)})
    cuts = np.concatenate([np.linspace(a, b, pieces + 1)[:-1] for a, b in pairwise(edges)])
    x, w = np.polynomial.legendre.leggauss(points)
    width = np.diff(np.append(cuts, edges[-1]))[:, None]
    kappa, weight = (cuts[:, None] + width * (x + 1) / 2).ravel(), (width * w / 2).ravel()
    if sc.dimension == 2:
        c, wc = np.cos(np.pi * (np.arange(angles) + 0.5) / angles), np.full(angles, 1 / angles)
    else:
        c, wc = np.polynomial.legendre.leggauss(angles)
        wc, weight = wc / 2, weight * np.sqrt(kappa)
    K, C = (part.ravel() for part in np.meshgrid(kappa, c, indexing="ij"))
    return m, mu, K, C, np.outer(weight, wc).ravel()


def twisted_free_energy(sc, Delta, T, p, angles=8):
    """phi relative to the equally twisted normal state, with the shell fixed in relative momentum; p^2 = hbar^2 q^2 / 2 m_e."""
    m, mu, K, C, weight = nodes(sc, angles)
    z = K[:, None] / m - mu
    inside = np.abs(z) <= float(sc.Omega)
    shift, n = 2 * p * np.sqrt(K)[:, None] * C[:, None] / m, len(sc.bands)
    H = np.zeros((len(K), 2 * n, 2 * n), complex)
    for i in range(n):
        H[:, i, i], H[:, n + i, n + i] = z[:, i] + p**2 / m[i] + shift[:, i], -z[:, i] - p**2 / m[i] + shift[:, i]
    normal = np.real(np.einsum("kii->ki", H))
    for c, (i, j) in enumerate([*((i, i) for i in range(n)), *sc.cross]):
        H[:, i, n + j] = H[:, j, n + i] = Delta[c] * inside[:, i] * inside[:, j]
    H[:, n:, :n] = np.conj(np.swapaxes(H[:, :n, n:], 1, 2))
    kT = k_B * T

    def L(E):
        return np.abs(E) / 2 + kT * np.log1p(np.exp(-np.abs(E) / kT))

    return float(weight @ np.sum(L(normal) - L(np.linalg.eigvalsh(H)), axis=1))


def stiffness(sc, Delta, T, h=0.01):
    """D, by differences extrapolated twice."""
    phi = [twisted_free_energy(sc, Delta, T, n * h) for n in (0, 1, 2, 4)]
    D = [(phi[k] - phi[0]) / (n * h) ** 2 for k, n in ((1, 1), (2, 2), (3, 4))]
    first = [(4 * D[0] - D[1]) / 3, (4 * D[1] - D[2]) / 3]
    return (16 * first[0] - first[1]) / 15


CASES = {
    "unequal masses": (MASSES, MUS, (4.0, 3.0, 4.0), 2),
    "equal masses": ((1.0, 1.0), (200.0, 207.0), (4.0, 3.0, 2.0), 2),
    "s+-": (MASSES, MUS, (4.0, -3.0, 4.0), 2),
    "complex": (MASSES, MUS, (4.0, -3.0j, 4.0 + 1.0j), 2),
    "a hole band": ((1.0, -2.0), (200.0, -103.0), (4.0, 3.0, 4.0), 2),
    "3D": (MASSES, MUS, (4.0, 3.0, 4.0), 3),
}
SLOW = {"equal masses", "complex", "3D", "a hole band"}


@pytest.mark.parametrize("case", [pytest.param(c, marks=[pytest.mark.slow] * (c in SLOW)) for c in CASES])
def test_current_response_is_the_stiffness_of_a_twist(case):
    masses, mus, Delta, dimension = CASES[case]
    sc = bands(masses, mus, dimension=dimension)
    assert relative_error(weights(sc, Delta, 8.0).sum(), stiffness(sc, np.array(Delta), 8.0)) < TWIST


@pytest.mark.slow
def test_amplitudes_need_not_relax():
    """phi is even in the twist at all amplitudes, so that they change by O(p^2) and the free energy, by relaxing, by O(p^4)."""
    sc, Delta = bands(), np.array([4.0, -3.0j, 4.0 + 1.0j])
    for amplitudes in (Delta, Delta + 0.1 * np.array([1.0, 1.0j, 0.5])):
        there, back = (twisted_free_energy(sc, amplitudes, 8.0, p) for p in (0.03, -0.03))
        assert abs(there - back) < EXACT * abs(there)
    # dphi/dDelta, which drives the relaxation, along a mixed change of moduli and phases.
    change = 1e-4 * np.array([1.0, 1.0j, 0.5])

    def force(p):
        up, down = (twisted_free_energy(sc, Delta + s * change, 8.0, p) for s in (1, -1))
        return (up - down) / 2e-4

    still, once, twice = (force(p) for p in (0.0, 0.005, 0.01))
    assert (twice - still) / (once - still) == pytest.approx(4.0, rel=1e-2)


# === three and more bands


def several_bands(masses=(1.0, 1.5, -2.0), mus=(200.0, 140.0, -98.0), **options):
    return system(0.3 * np.eye(6), mus, masses, cross=((0, 1), (0, 2), (1, 2)), **options)


SIX = np.array([4.0, -3.0, 5.0, 1.5, 2.0, -1.0])


@pytest.mark.slow
@pytest.mark.parametrize("phase", [0.0, 0.5], ids=["real", "complex"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_current_response_of_three_bands(dimension, phase):
    sc, Delta = several_bands(dimension=dimension), SIX * np.exp(1j * phase * np.arange(6))
    assert relative_error(weights(sc, Delta if phase else SIX, 8.0).sum(), stiffness(sc, Delta, 8.0)) < TWIST


@pytest.mark.slow
def test_current_response_of_four_bands():
    cross = ((0, 1), (0, 2), (1, 2), (2, 3))
    sc = system(0.3 * np.eye(8), (200.0, 140.0, -98.0, 190.0), (1.0, 1.5, -2.0, 1.1), cross=cross)
    Delta = np.array([4.0, -3.0, 5.0, 3.5, 1.5, 2.0, -1.0, 0.7])
    assert relative_error(weights(sc, Delta, 8.0).sum(), stiffness(sc, Delta, 8.0)) < TWIST


@pytest.mark.slow
@pytest.mark.parametrize("case", ["unequal masses", "complex", "a hole band", "3D"])
def test_the_matrix_has_the_response_of_the_closed_form(case):
    """Two bands by both routes, with all first derivatives."""
    masses, mus, Delta, dimension = CASES[case]
    sc, Delta = bands(masses, mus, dimension=dimension), jnp.asarray(Delta)
    (cluster,) = sc.clusters
    numbers = ("mu[a]", "mass[b]", "Omega")

    def closed(x, T):
        moved = sc.set(dict(zip(numbers, x, strict=True)))
        return superfluid_weights_of(moved, Delta, T)

    def general(x, T):
        moved = sc.set(dict(zip(numbers, x, strict=True)))
        normal = jnp.stack([_minus_normal(moved, i, thermal_energy(T)) for i in range(2)])
        return normal + _of_several(Bogoliubov(moved, Delta, cluster), T, RESPONSE_RULE)

    x = jnp.stack([sc.get(name) for name in numbers])
    for T in (0.0, 8.0):
        one, other = (jax.jit(f)(x, jnp.asarray(T)) for f in (closed, general))
        assert relative_error(other, one) < 1e-12
        one, other = (jax.jit(jax.jacfwd(f, argnums=(0, 1)))(x, jnp.asarray(T)) for f in (closed, general))
        for wanted, got in zip(one, other, strict=True):
            assert np.abs(got - wanted).max() < 1e-10 * np.abs(wanted).max() + 1e-10


@pytest.mark.slow
def test_limits_of_three_bands():
    """Without cross amplitudes they are bands alone; the normal state has none; equal masses keep all of it at T = 0."""
    sc, T = several_bands(), 8.0
    alone = system(0.3 * np.eye(3), [200.0, 140.0, -98.0], [1.0, 1.5, -2.0], cross=())
    whole = float(jnp.sum(carrier_weight(sc)))
    assert np.abs(weights(sc, SIX * [1, 1, 1, 0, 0, 0], T) - weights(alone, SIX[:3], T)).max() < EXACT * whole
    assert np.abs(weights(sc, 0 * SIX, 60.0)).max() < EXACT * whole
    equal = several_bands((1.0, 1.0, 1.0), (200.0, 200.0, 200.0))
    assert relative_error(weights(equal, np.abs(SIX), 0.0).sum(), float(jnp.sum(carrier_weight(equal)))) < EXACT


# === what must hold


def test_at_zero_temperature_one_band_has_its_full_weight():
    state = solve(one_band(0.4), 0.0)
    assert abs(float(superfluid_density(state).total) - 1) < EXACT


def test_it_is_yosidas():
    """rho_s = 1 - int dxi [-f'(E)], without a shell."""
    sc = one_band(0.3)
    state = solve(sc, 0.6 * float(critical_temperature(sc)))
    kT, Delta = k_B * float(state.T), float(np.abs(state.Delta[0]))
    Y = quad(lambda x: 0.5 / kT / (1 + np.cosh(np.hypot(x, Delta) / kT)), 0, 40 * kT, epsabs=1e-12)[0] * 2
    assert float(superfluid_density(state).total) == pytest.approx(1 - Y, abs=YOSIDA)


def test_cross_band_pairing_of_unequal_masses_loses_weight_at_zero_temperature():
    """Equal masses keep all of it; m = (1, 2) with equal Fermi momenta and Delta = (4, 3, Delta_3) lose 1.2 % at Delta_3 = 2
    and 7.4 % at 4 (7.5 % in a wide shell). The normal state has none, at any temperature."""
    sc = bands(mus=(200.0, 100.0))
    kept = [weights(sc, (4.0, 3.0, D3), 0.0).sum() / float(jnp.sum(carrier_weight(sc))) for D3 in (0.0, 2.0, 4.0)]
    np.testing.assert_allclose(kept, [1.0, 0.98783, 0.92618], atol=1e-5)
    wide = bands(mus=(200.0, 100.0), Omega=99.0)
    assert 1 - weights(wide, (4.0, 3.0, 4.0), 0.0).sum() / float(jnp.sum(carrier_weight(wide))) == pytest.approx(
        0.0753, abs=5e-5
    )
    equal = bands((1.0, 1.0), (200.0, 200.0))
    assert relative_error(weights(equal, (4.0, 3.0, 4.0), 0.0).sum(), float(jnp.sum(carrier_weight(equal)))) < EXACT
    assert np.abs(weights(sc, (0.0, 0.0, 0.0), 100.0)).max() < 1e-9 * float(jnp.sum(carrier_weight(sc)))


def test_nothing_is_singular_where_the_branches_touch():
    """Delta = (4, 4, 0) at d = 0: E_+ = E_- everywhere. Two bands alone, and derivatives by differences."""
    sc, alone = bands((1.0, 1.0), (200.0, 200.0)), system(np.eye(2) * 0.3, [200.0, 200.0], cross=())
    assert relative_error(weights(sc, (4.0, 4.0, 0.0), 15.0), weights(alone, (4.0, 4.0), 15.0)) < 1e-9
    unequal = bands(mus=(200.0, 100.0))
    f = jax.jit(
        lambda x: jnp.sum(superfluid_weights_of(unequal, jnp.array([4.0, 4.0, 0.0]) + x * jnp.arange(3.0), jnp.asarray(15.0)))
    )
    h = 1e-3
    assert relative_error(jax.jit(jax.grad(f))(0.0), (f(h) - f(-h)) / (2 * h)) < 1e-5


@pytest.mark.slow
def test_it_differentiates_through_the_solution():
    base = random_system(1, equal_masses=False)

    def rho(x):
        solution = solve(base.set({"mass[b]": x}), 40.0)
        return superfluid_density(solution).total

    x, h = float(base.get("mass[b]")), 1e-4
    assert relative_error(jax.grad(rho)(x), (float(rho(x + h)) - float(rho(x - h))) / (2 * h)) < DIFFERENCES


def test_penetration_depth_is_londons():
    """lambda^2 = m / mu_0 n e^2 with n = k_F^2 / 2 pi c, in SI units; infinite above T_c."""
    sc = one_band(0.4, mu=200.0, mass=1.3)
    e, hbar, m_e, mu_0, c = 1.602176634e-19, 1.054571817646156e-34, 9.1093837015e-31, 1.25663706212e-6, 6e-10
    k_F2 = 2 * m_e * 1.3 * 200e-3 * e / hbar**2
    wanted = np.sqrt(1.3 * m_e / (mu_0 * e**2 * k_F2 / (2 * np.pi * c))) * 1e9
    assert relative_error(penetration_depth(solve(sc, 0.0), 6.0), wanted) < 1e-9
    assert np.isinf(float(penetration_depth(solve(sc, 1e3), 6.0)))
    with pytest.raises(InputError, match="layer_spacing"):
        penetration_depth(solve(sc, 0.0))
