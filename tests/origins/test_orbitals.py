"""Two hybridised orbitals as two cross-paired bands, and back."""

import jax
import numpy as np
import pytest

from jaxgap import InputError, critical_temperature, parabolic_band, solve, superconductor
from jaxgap.origins import orbital_amplitudes, orbitals_of, pairs_of_orbitals, superconductor_from_orbitals
from jaxgap.units import k_B

ANGLE, D, T, OMEGA = 0.6, 10.0, 4.2, 30.0
G = np.array([[0.3, 0.04], [0.04, 0.22]])
INDEPENDENT = {
    "Delta": [2.3716295123348266, 2.0519368061554863, -0.411149056390571],
    "orbitals": [2.65291171552655, 1.7706546029637302],
    "V": 4.660195429836131,
    "splitting": 3.623577544766736,
}
"""Of an independent code, which solved it in the basis of orbitals as well (2e-14): angle .6, d = 10, Omega = 30 meV, 4.2 K."""
DIGITS = 1e-9
ROUNDING = 1e-12
GRID = 1e-6  # of midpoints .01 meV apart, where amplitudes are 2 meV


def orbitals(G=G, angle=ANGLE, V_sign=1.0):
    mu = 205.0 + D / 2 * np.array([-np.cos(2 * angle), np.cos(2 * angle)])
    return superconductor_from_orbitals(mu=mu, V=V_sign * D / 2 * np.sin(2 * angle), G=G, Omega=OMEGA)


@pytest.mark.slow
def test_the_case_of_an_independent_code():
    sc = orbitals()
    np.testing.assert_allclose([float(band.mu) for band in sc.bands], [200.0, 210.0], rtol=ROUNDING)
    solution = solve(sc, T)
    np.testing.assert_allclose(solution.Delta.real, INDEPENDENT["Delta"], rtol=DIGITS)
    found = orbital_amplitudes(solution.Delta.real, ANGLE)
    np.testing.assert_allclose(found[:2], INDEPENDENT["orbitals"], rtol=DIGITS)
    assert abs(float(found[2])) < DIGITS  # nothing pairs a with b
    back = orbitals_of(sc)
    assert float(back.V) == pytest.approx(INDEPENDENT["V"], rel=DIGITS)
    assert float(back.mu[1] - back.mu[0]) == pytest.approx(INDEPENDENT["splitting"], rel=DIGITS)


def test_amplitudes_and_pairs_turn_with_the_bands():
    """D of the orbitals is U D U^T; the energy sum_c Delta_c P_c is the same in both."""
    c, s = np.cos(ANGLE), np.sin(ANGLE)
    U = np.array([[c, -s], [s, c]])
    Delta, P = np.array([2.0, -1.0, 0.7]), np.array([0.3, 0.5, -0.2])
    turned = U @ np.array([[Delta[0], Delta[2]], [Delta[2], Delta[1]]]) @ U.T
    found = np.asarray(orbital_amplitudes(Delta, ANGLE))
    np.testing.assert_allclose(found, [turned[0, 0], turned[1, 1], turned[0, 1]], atol=ROUNDING)
    assert found @ np.asarray(pairs_of_orbitals(ANGLE) @ P) == pytest.approx(Delta @ P, abs=ROUNDING)


@pytest.mark.slow
def test_gap_equations_in_the_basis_of_orbitals():
    """Delta_a = sum_b G_ab P_b with the matrix of two orbitals on a grid; bands inside their shells pair."""
    full = np.array([[0.3, 0.04, 0.02], [0.04, 0.22, -0.03], [0.02, -0.03, 0.1]])
    found = np.asarray(orbital_amplitudes(solve(orbitals(full), T).Delta.real, ANGLE))
    # Shells end on the grid's edges, 170, 180, 230 and 240 meV.
    kappa = np.linspace(170.0, 240.0, 7001)[:-1] + 0.005
    c, s = np.cos(ANGLE), np.sin(ANGLE)
    U = np.array([[c, -s], [s, c]])
    zeta = kappa[:, None] - np.array([200.0, 210.0])
    h, inside = (U @ (x[:, :, None] * U.T) for x in (zeta, (np.abs(zeta) <= OMEGA).astype(float)))
    pairing = inside @ np.array([[found[0], found[2]], [found[2], found[1]]]) @ inside
    H = np.block([[h, pairing], [pairing, -h]])
    E, v = np.linalg.eigh(H)
    F = np.einsum("kij,kj,klj->kil", v, np.tanh(E / (2 * k_B * T)) / 2, v)[:, :2, 2:].sum(axis=0) * 0.01
    np.testing.assert_allclose(full @ [F[0, 0], F[1, 1], F[0, 1] + F[1, 0]], found, rtol=GRID)


@pytest.mark.parametrize("angle", [0.6, -0.4, 1.2])
def test_there_and_back(angle):
    """With three orbital channels at the angle that is given, with two at the one that is found."""
    full = np.array([[0.3, 0.04, 0.02], [0.04, 0.22, -0.03], [0.02, -0.03, 0.1]])
    back = orbitals_of(orbitals(full, angle), angle)
    np.testing.assert_allclose(back.G, full, atol=ROUNDING)
    found = orbitals_of(orbitals(G, angle))
    # Bands and g are the same for theta and theta + pi / 2, where a and b change names.
    again = superconductor_from_orbitals(mu=found.mu, V=found.V, G=found.G, Omega=OMEGA)
    np.testing.assert_allclose(again.lam, orbitals(G, angle).lam, atol=1e-8)
    assert abs(float(found.G[2, 2])) < 1e-8


@pytest.mark.slow
def test_an_orbital_that_does_not_pair_is_gapless_without_hybridisation():
    """Rank one: Delta_3^2 = Delta_1 Delta_2 at any d."""
    alone = orbitals(np.diag([0.4, 0.0]))
    assert np.linalg.matrix_rank(np.asarray(alone.g), tol=1e-10) == 1
    D1, D2, D3 = (float(x) for x in solve(alone, T).Delta.real)
    assert pytest.approx(D1 * D2, rel=DIGITS) == D3**2


@pytest.mark.slow
def test_T_c_differentiates_through_the_map():
    def T_c(V):
        return critical_temperature(superconductor_from_orbitals(mu=[203.0, 207.0], V=V, G=G, Omega=OMEGA))

    slope = float(jax.jit(jax.grad(T_c))(3.0))
    ends = [float(T_c(3.0 + h)) for h in (-1e-3, 1e-3)]
    assert slope == pytest.approx((ends[1] - ends[0]) / 2e-3, rel=1e-6)


BANDS = [parabolic_band("a", 200.0), parabolic_band("b", 210.0)]
BAD = {
    "one level": (lambda: superconductor_from_orbitals(mu=[200.0], V=1.0, G=G, Omega=OMEGA), "`mu` must be two numbers"),
    "four channels": (
        lambda: superconductor_from_orbitals(mu=[1.0, 2.0], V=1.0, G=np.eye(4), Omega=1.0),
        "`G` must be a 2 x 2",
    ),
    "NaN": (lambda: superconductor_from_orbitals(mu=[200.0, 205.0], V=np.nan, G=G, Omega=OMEGA), "`V` must be finite"),
    "no cross channel": (lambda: orbitals_of(superconductor(bands=BANDS, lam=np.eye(2), Omega=OMEGA)), "a cross channel"),
    "two masses": (
        lambda: orbitals_of(
            superconductor(bands=[BANDS[0], parabolic_band("c", 210.0, 1.1)], lam=np.eye(3), Omega=OMEGA, cross=["a:c"])
        ),
        "bands of one mass",
    ),
    "three orbital channels": (
        lambda: orbitals_of(superconductor(bands=BANDS, lam=np.eye(3), Omega=OMEGA, cross=["a:b"])),
        "or `angle` must be given",
    ),
    "two amplitudes": (lambda: orbital_amplitudes([1.0, 2.0], 0.1), "must have three amplitudes"),
}


@pytest.mark.parametrize(("call", "sentence"), BAD.values(), ids=BAD)
def test_one_sentence_for_what_cannot_be(call, sentence):
    with pytest.raises(InputError) as error:
        call()
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)
