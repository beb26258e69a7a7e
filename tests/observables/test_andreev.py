"""Andreev reflection: BTK's table for one band, the limits of the barrier, and two cross-paired bands by other routes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import state
from problems import ba122, one_band, problem, scaled_error, system
from scipy.linalg import signm

from jaxgap import InputError, solve
from jaxgap.observables import andreev_conductance, andreev_reflection, tunnelling_density_of_states
from jaxgap.observables.andreev import reflection_of
from jaxgap.observables.point_contact import andreev_conductance_of, common_centres
from jaxgap.units import k_B

CLOSED_FORM = 1e-7
"""Terms linear in Gamma = 1e-9 meV, over the distance from the gap's edge."""
MATRICES = 1e-8
"""The matrix sign function by iteration, and roots of a quartic."""
STRONG = 1e-5
"""Terms of order N/Z^2 at Z = 1000 relative to N, and rounding Z^2 eps."""
SMEARED = 1e-8
"""Gauss nodes against the trapezoidal rule, both exponentially convergent."""
DIFFERENCES = 1e-6
"""Central differences."""
LAM = np.diag([0.4, 0.3, 0.1])
OMEGA = np.array([-9.0, -4.5, 0.0, 1.0, 3.0, 5.5, 7.0, 12.0])


def btk(E, gap, Z):
    """A and B of BTK's Table II."""
    E = np.abs(E)
    inside = gap**2 / (E**2 + (gap**2 - E**2) * (1 + 2 * Z**2) ** 2)
    if gap > E:
        return inside, 1 - inside
    ratio = np.sqrt(E**2 - gap**2) / E
    u2, v2 = (1 + ratio) / 2, (1 - ratio) / 2
    gamma = u2 + Z**2 * (u2 - v2)
    return u2 * v2 / gamma**2, (u2 - v2) ** 2 * Z**2 * (1 + Z**2) / gamma**2


@pytest.mark.parametrize("Z", [0.0, 0.5, 3.0])
@pytest.mark.parametrize(("mass", "mu"), [(1.0, 200.0), (-1.2, -160.0)], ids=["electron", "hole"])
def test_one_band_is_btk(mass, mu, Z):
    found = andreev_reflection(state(one_band(mass=mass, mu=mu), [4.0j]), OMEGA, 1e-9, Z)
    A, B = np.array([btk(E, 4.0, Z) for E in OMEGA]).T
    np.testing.assert_allclose(found.andreev[0], A, atol=CLOSED_FORM)
    np.testing.assert_allclose(found.normal[0], B, atol=CLOSED_FORM)
    np.testing.assert_allclose(found.conductance[0], (1 + A - B) * (1 + Z**2), atol=CLOSED_FORM * (1 + Z**2))


PAIRS = {
    "equal bands": (system(LAM, [200.0, 200.0]), [6.0, -4.0, 2.0]),
    "distance": (system(LAM, [200.0, 210.0]), [6.0, 4.0, 3.0]),
    "unequal masses and phases": (system(LAM, [140.0, 120.0], [1.0, 1.2]), [6.0, 4.0j, 3.0 - 2.0j]),
    "two hole bands": (system(LAM, [-160.0, -170.0], [-1.0, -0.9]), [6.0, -4.0, 2.0 + 1.0j]),
}


@pytest.mark.parametrize("name", PAIRS)
def test_no_barrier_doubles_the_current_below_both_branches(name):
    found = andreev_reflection(state(*PAIRS[name]), [-0.8, 0.0, 0.5], 1e-9, 0.0)
    np.testing.assert_allclose(found.conductance, 2.0, atol=CLOSED_FORM)


@pytest.mark.parametrize("name", PAIRS)
def test_no_current_is_lost_and_none_is_made(name):
    """Below both branches A + B = 1; above, the rest goes into the superconductor."""
    found = andreev_reflection(state(*PAIRS[name]), np.linspace(-12.0, 12.0, 81), 1e-9, 0.7)
    total = np.asarray(found.andreev + found.normal)
    assert np.min(found.andreev) >= 0
    assert np.min(found.normal) >= 0
    assert np.max(total) < 1 + CLOSED_FORM
    assert np.min(total) < 0.5
    np.testing.assert_allclose(total[:, 38:43], 1.0, atol=CLOSED_FORM)


@pytest.mark.parametrize("name", PAIRS)
def test_a_strong_barrier_gives_the_density_of_states(name):
    s = state(*PAIRS[name])
    omega = np.array([-11.0, -5.3, 0.5, 4.4, 8.0, 14.0])
    N = s.superconductor.N[:2]
    wanted = tunnelling_density_of_states(s, omega, 0.0).bands * jnp.sum(N) / N[:, None]
    found = andreev_reflection(s, omega, 1e-7, 1000.0).conductance
    np.testing.assert_allclose(found, wanted, rtol=STRONG, atol=2 * STRONG)


def test_equal_bands_are_btk_channels_of_their_branches():
    """At d = 0 the amplitudes are one matrix for all k: in its eigenvectors the channels part."""
    sc, Delta = PAIRS["equal bands"]
    gaps, vectors = np.linalg.eigh([[Delta[0], Delta[2]], [Delta[2], Delta[1]]])
    found = andreev_reflection(state(sc, Delta), OMEGA, 1e-9, 0.8)
    A, B = np.moveaxis(np.array([[btk(E, abs(gap), 0.8) for gap in gaps] for E in OMEGA]), 2, 0)
    np.testing.assert_allclose(found.andreev, vectors**2 @ A.T, atol=CLOSED_FORM)
    np.testing.assert_allclose(found.normal, vectors**2 @ B.T, atol=CLOSED_FORM)


@pytest.mark.parametrize("name", PAIRS)
def test_coherence_factors_from_the_greens_function_summed_over_k(name):
    """Another route: sign(-i K) by scipy, its projectors, and holes that come in by the complementary one."""
    sc, (D1, D2, D3) = PAIRS[name]
    m, mu = np.array([[abs(float(b.mass)), float(b.mu)] for b in sc.bands]).T
    B, R = np.array([[D1, D3], [D3, D2]]) * np.sqrt(np.outer(m, m)), 0.6**2 / (1 + 0.6**2)
    found = andreev_reflection(state(*PAIRS[name]), OMEGA, 0.3, 0.6)
    for k, z in enumerate(OMEGA + 0.3j):
        x = np.diag(m * mu - np.mean(m * mu))
        S = signm(-1j * np.block([[x + z * np.diag(m), -B], [B.conj().T, x - z * np.diag(m)]]))
        np.testing.assert_allclose(S @ S, np.eye(4), atol=MATRICES)
        gamma = S[2:, :2] @ np.linalg.inv(np.eye(2) + S[:2, :2])
        tilde = -S[:2, 2:] @ np.linalg.inv(np.eye(2) - S[2:, 2:])
        inverse = np.linalg.inv(np.eye(2) - R * tilde @ gamma)
        a, b = (1 - R) * gamma @ inverse, np.sqrt(R) * (np.eye(2) - tilde @ gamma) @ inverse
        np.testing.assert_allclose(found.andreev[:, k], (np.abs(a) ** 2).sum(axis=0), atol=MATRICES)
        np.testing.assert_allclose(found.normal[:, k], (np.abs(b) ** 2).sum(axis=0), atol=MATRICES)


def test_without_a_cross_amplitude_bands_are_channels_side_by_side():
    s = state(PAIRS["distance"][0], [6.0, 4.0, 0.0])
    found = andreev_reflection(s, OMEGA, 0.2, 0.7)
    for i, gap in enumerate((6.0, 4.0)):
        alone = andreev_reflection(state(one_band(), [gap]), OMEGA, 0.2, 0.7)
        np.testing.assert_allclose(found.conductance[i], alone.conductance[0], atol=MATRICES)
    normal = andreev_reflection(state(PAIRS["equal bands"][0], [0.0, 0.0, 0.0]), OMEGA, 0.2, 0.7)
    np.testing.assert_allclose(normal.conductance, 1.0, atol=MATRICES)


@pytest.mark.parametrize(("T", "Gamma"), [(4.2, 0.3), pytest.param(10.0, 0.01, marks=pytest.mark.slow)])
def test_smearing_is_the_integral_with_the_fermi_function(T, Gamma):
    s, V, kT = state(ba122(), problem("s+- branch, T=1.0").Delta, T), np.linspace(-18.0, 18.0, 13), k_B * T
    step = 0.3 * min(Gamma, kT)
    omega = np.arange(-18 - 24 * kT, 18 + 24 * kT, step)
    sigma = np.asarray(andreev_reflection(s, omega, Gamma, 0.5).conductance).mean(axis=0)
    wanted = [step * np.sum(sigma / (4 * kT * np.cosh((omega - v) / (2 * kT)) ** 2)) for v in V]
    np.testing.assert_allclose(andreev_conductance(s, V, Gamma, 0.5), wanted, atol=SMEARED)
    weighted = andreev_conductance(s, V, Gamma, 0.5, weights=[1.0, 0.0])
    assert np.abs(np.asarray(weighted) - wanted).max() > 0.1


def test_at_zero_temperature_nothing_is_smeared():
    s = state(ba122(), problem("s+- branch, T=1.0").Delta)
    wanted = andreev_reflection(s, OMEGA, 0.3, 0.5).conductance.mean(axis=0)
    np.testing.assert_allclose(andreev_conductance(s, OMEGA, 0.3, 0.5), wanted, rtol=1e-14)


@pytest.mark.slow
def test_it_differentiates_through_the_gap_equations():
    """With respect to a coupling, a chemical potential, Z and Gamma, against central differences."""
    start, V = problem("s+- branch, T=1.0").Delta.real, jnp.array([-12.0, 0.5, 6.0, 9.0])
    centres = common_centres(V, 4.0, 0.5)

    def conductance(x):
        s = solve(ba122().set({"lam[a, a:b]": x[0], "mu[b]": x[1]}), 4.0, start=start)
        return andreev_conductance_of(s.superconductor, s.Delta, s.T, V, x[2], x[3], jnp.ones(2), centres)

    x = jnp.array([0.0313, 60.0, 0.5, 0.6])
    run, slopes = jax.jit(conductance), np.asarray(jax.jit(jax.jacfwd(conductance))(x))
    for k, h in enumerate((1e-6, 1e-4, 1e-5, 1e-5)):
        step = h * jnp.eye(4)[k]
        assert scaled_error(slopes[:, k], (run(x + step) - run(x - step)) / (2 * h)) < DIFFERENCES


@pytest.mark.slow
def test_derivatives():
    """Forward and reverse, through the matrix gamma, which is found as a root; against central differences."""
    sc, Delta = PAIRS["unequal masses and phases"]

    def total(x):
        found = reflection_of(sc.set({"mass[b]": x[3]}), jnp.asarray(Delta) * x[0], x[1] + 0.2j, x[2])
        return jnp.array([1.0, 2.0]) @ found.conductance

    x = jnp.array([1.0, 3.0, 0.4, 1.2])
    run, slopes = jax.jit(total), np.asarray(jax.jit(jax.grad(total))(x))
    np.testing.assert_allclose(slopes, jax.jit(jax.jacfwd(total))(x), rtol=1e-10)
    steps = 1e-5 * jnp.eye(4)
    difference = np.array([run(x + step) - run(x - step) for step in steps]) / 2e-5
    assert scaled_error(slopes, difference) < DIFFERENCES


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [((0.0, 0.5), "Gamma"), ((np.nan, 0.5), "Gamma"), ((0.1, -0.5), "Z"), ((0.1, np.inf), "Z")],
)
def test_wrong_input_is_named(arguments, complaint):
    with pytest.raises(InputError, match=f"Argument `{complaint}` must"):
        andreev_reflection(state(one_band(), [4.0]), [1.0], *arguments)


def test_an_electron_and_a_hole_band_are_refused():
    sc = system(LAM, [60.0, -55.0], [1.0, -1.2])
    with pytest.raises(InputError, match="one sign only, but a and b are an electron and a hole band"):
        andreev_conductance(state(sc, [6.0, 4.0, 3.0]), [1.0], 0.1, 0.5)


# --- spin polarisation ----------------------------------------------------------------------------------------------------


def half_metal(E, gap, Z):
    """Mazin, Golubov and Nadgorny's ballistic half-metallic contact, over the normal state's 1 / (1 + Z^2)."""
    if abs(E) < gap:
        return 0.0
    beta = abs(E) / np.sqrt(E**2 - gap**2)
    return 4 * beta / ((1 + beta) ** 2 + 4 * Z**2) * (1 + Z**2)


@pytest.mark.parametrize("Z", [0.0, 0.5, 3.0])
def test_a_polarised_contact_is_two_currents(Z):
    one, P = state(one_band(), [4.0]), 0.4
    found = andreev_conductance(one, OMEGA, 1e-9, Z, polarisation=P)
    plain = andreev_conductance(one, OMEGA, 1e-9, Z)
    wanted = (1 - P) * plain + P * np.array([half_metal(E, 4.0, Z) for E in OMEGA])
    np.testing.assert_allclose(found, wanted, atol=CLOSED_FORM * (1 + Z**2))


def test_a_half_metal_without_barrier_conducts_nothing_below_the_gap_and_is_even_in_the_bias():
    warm = state(one_band(), [4.0], 3.0)
    V = np.linspace(-12.0, 12.0, 25)
    found = np.asarray(andreev_conductance(warm, V, 0.3, 0.7, polarisation=1.0))
    np.testing.assert_allclose(found, found[::-1], atol=SMEARED)
    assert found[12] < 0.2
    cold = andreev_conductance(state(one_band(), [4.0]), [0.0, 2.0], 1e-9, 0.0, polarisation=1.0)
    np.testing.assert_allclose(cold, 0.0, atol=CLOSED_FORM)


def test_a_polarised_contact_of_cross_paired_bands_is_refused():
    one = state(PAIRS["distance"][0], [6.0, 4.0, 3.0], 3.0)
    with pytest.raises(InputError, match="a and b are cross-paired, so that `polarisation` must be 0"):
        andreev_conductance(one, [0.0], 0.3, 0.5, polarisation=0.3)
    with pytest.raises(InputError, match="`polarisation` must be at most 1"):
        andreev_conductance(state(one_band(), [4.0]), [0.0], 0.3, 0.5, polarisation=1.2)


def test_without_barrier_the_derivative_exists():
    """|r| = Z / sqrt(1 + Z^2) as it stands: sqrt(R) has none at Z = 0."""
    one = state(PAIRS["distance"][0], [6.0, 4.0, 3.0], 3.0)
    z = jnp.asarray(2.0 + 0.3j)
    slope = jax.grad(lambda Z: jnp.sum(reflection_of(one.superconductor, one.Delta, z, Z).conductance))(jnp.zeros(()))
    assert slope == pytest.approx(0.0, abs=DIFFERENCES)
