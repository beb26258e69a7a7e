"""Formulas of docs/physics.md that no other test has in this form, against the code and against brute force."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.equations.pairing import anomalous_densities, gap_residual
from jaxgap.spectra.pair import bdg_matrix, determinant, energies, splitting

RNG = np.random.default_rng(20261128)
ROUNDING = 1e-12
"""Two routes to the same number."""


@pytest.fixture(scope="module")
def point():
    """(zeta_1, zeta_2, Delta_1, Delta_2, Delta_3) of any phases [meV]."""
    zeta = RNG.uniform(-20, 20, 2)
    Delta = RNG.uniform(-8, 8, 3) + 1j * RNG.uniform(-8, 8, 3)
    return *map(jnp.asarray, zeta), *map(jnp.asarray, Delta)


def test_spectrum(point):
    z1, z2, D1, D2, D3 = point
    matrix = bdg_matrix(jnp.stack([z1, z2]), jnp.array([[D1, D3], [D3, D2]]))
    positive = np.linalg.eigvalsh(np.asarray(matrix))[2:]
    assert np.sort(np.array(energies(*point))) == pytest.approx(positive, rel=ROUNDING)
    e1, e2 = (float(z**2 + abs(D) ** 2) for z, D in ((z1, D1), (z2, D2)))
    A, b2 = e1 + e2 + 2 * abs(D3) ** 2, splitting(*point)
    E = np.sqrt([(A - np.sqrt(b2)) / 2, (A + np.sqrt(b2)) / 2])
    assert positive == pytest.approx(E, rel=1e-9)  # the difference loses digits, as the page says
    theta = 2 * jnp.angle(D3) - jnp.angle(D1) - jnp.angle(D2)
    p = abs(D1 * D2)
    squares = (z1 * z2 - p + abs(D3) ** 2) ** 2 + (z1 * abs(D2) + z2 * abs(D1)) ** 2
    assert float(squares + 4 * p * abs(D3) ** 2 * jnp.sin(theta / 2) ** 2) == pytest.approx(np.prod(positive) ** 2, rel=1e-10)


@pytest.mark.parametrize("d", [0.0, 7.0])
def test_gapless_condition(d):
    D1, D2 = 5.0, 3.0
    D3 = np.sqrt(D1 * D2 * (1 + d**2 / (D1 + D2) ** 2))
    zeta = np.linspace(-20, 20, 400_001)
    lowest = float(np.min(determinant(*map(jnp.asarray, (zeta, zeta - d, D1, D2, D3)))))
    off = float(np.min(determinant(*map(jnp.asarray, (zeta, zeta - d, D1, D2, 1.01 * D3)))))
    assert 0 <= lowest < 1e-6 < 1e-2 < off


@pytest.mark.parametrize(("convention", "factor"), [("mean", 2), ("sum", 1)])
def test_a_cross_channel_alone(convention, factor):
    bands = {"a": {"mu": 200.0}, "b": {"mu": 200.0}}
    sc = jg.superconductor(bands=bands, cross=["a:b"], lam=np.diag([0, 0, 0.3]), Omega=30.0, convention=convention)
    solution = jg.solve(sc, T=0.0, start=[0.0, 0.0, 5.0])
    assert float(abs(solution.Delta[2])) == pytest.approx(30.0 / np.sinh(1 / (factor * 0.3)), rel=1e-8)


def test_closed_form_of_the_densities():
    """P of two bands as the page has it, summed on a grid of midpoints."""
    sc, T, Delta = jg.materials.ba122(), 12.0, jnp.array([9.0, -6.0, 4.0])
    band_1, band_2 = sc.bands
    edges = np.linspace(float(band_2.mu - sc.Omega), float(band_1.mu + sc.Omega), 400_001)
    kappa = (edges[1:] + edges[:-1]) / 2
    z1, z2 = kappa - float(band_1.mu), kappa - float(band_2.mu)
    E_plus, E_minus = (np.asarray(E) for E in energies(*map(jnp.asarray, (z1, z2)), *Delta))
    kT = jg.units.k_B * T

    def f(E):
        return np.tanh(E / (2 * kT)) / (2 * E)

    S, R = f(E_plus) + f(E_minus), (f(E_plus) - f(E_minus)) / (E_plus**2 - E_minus**2)
    D1, D2, D3 = np.asarray(Delta)
    difference = z1**2 + D1**2 - z2**2 - D2**2
    P_1 = (D1 * S + R * (D1 * (difference + 2 * D3**2) + 2 * D3**2 * D2)) / 2
    P_2 = (D2 * S + R * (D2 * (-difference + 2 * D3**2) + 2 * D3**2 * D1)) / 2
    P_3 = D3 * S + R * (D3 * ((z1 - z2) ** 2 + D1**2 + D2**2) + 2 * D1 * D2 * D3)
    together = np.array([np.mean(P) * (edges[-1] - edges[0]) for P in (P_1, P_2, P_3)])
    for i, mu in enumerate((float(band_1.mu), float(band_2.mu))):  # where a band pairs alone
        lo, hi = (mu - sc.Omega, edges[0]) if i == 0 else (edges[-1], mu + sc.Omega)
        z = np.linspace(float(lo), float(hi), 200_001) - mu
        z = (z[1:] + z[:-1]) / 2
        together[i] += float(Delta[i]) * np.mean(f(np.hypot(z, float(Delta[i])))) * float(hi - lo)
    assert np.asarray(anomalous_densities(sc, Delta, jnp.asarray(T))) == pytest.approx(together, rel=1e-7)


def test_several_linked_bands():
    """P_c = sum tr B_c F of three bands, from eigenvectors of H on a grid of midpoints where all are inside their shells."""
    mus, Omega, kT = (150.0, 153.0, 157.0), 30.0, jg.units.k_B * 6.0
    bands = {name: {"mu": mu} for name, mu in zip("abc", mus, strict=True)}
    sc = jg.superconductor(bands=bands, cross=["a:b", "b:c"], lam=np.eye(5), Omega=Omega)
    Delta = np.array([5.0, -3.0, 4.0, 1.5, 0.7])
    B = np.zeros((5, 3, 3))
    for c, (i, j) in enumerate([(0, 0), (1, 1), (2, 2), (0, 1), (1, 2)]):
        B[c, i, j] = B[c, j, i] = 1.0
    edges = np.sort([mu + side * Omega for mu in mus for side in (-1, 1)])
    P = np.zeros(5)
    for lo, hi in itertools.pairwise(edges):
        kappa = lo + (np.arange(4000) + 0.5) / 4000 * (hi - lo)
        zeta = kappa[:, None] - np.array(mus)
        inside = (np.abs(zeta) < Omega).astype(float)
        h = zeta[:, :, None] * np.eye(3)
        D = np.einsum("c,cij->ij", Delta, B) * inside[:, :, None] * inside[:, None, :]
        E, W = np.linalg.eigh(np.block([[h, D], [D, -h]]))
        F = 0.5 * np.einsum("kia,ka,kja->kij", W, np.tanh(E / (2 * kT)), W)[:, :3, 3:]
        P += np.einsum("cij,kij->c", B, F * inside[:, :, None] * inside[:, None, :]) / 4000 * (hi - lo)
    assert np.asarray(anomalous_densities(sc, jnp.asarray(Delta), jnp.asarray(6.0))) == pytest.approx(P, rel=1e-6)


def test_frustration():
    eta, lam, Omega = 0.4, 0.3, 30.0
    matrix = [[0.0, -eta, -lam], [-eta, 0.0, -lam], [-lam, -lam, 0.0]]
    sc = jg.superconductor(bands={name: {"mu": 200.0} for name in ("h1", "h2", "e")}, lam=matrix, Omega=Omega)
    h, e = Omega / np.sinh(1 / eta), Omega / np.sinh(eta / lam**2)
    phi = np.arccos(eta * e / (2 * lam * h))
    Delta = jnp.asarray([h * np.exp(1j * phi), h * np.exp(-1j * phi), -e])
    assert np.abs(gap_residual(sc, Delta, jnp.zeros(()))).max() < 1e-9 * h
