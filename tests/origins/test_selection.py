"""The selection rule by a second route: Hamiltonians made symmetric by averaging over the group, and a lattice, solved."""

import jax
import numpy as np
import pytest

from jaxgap.numerics.checks import InputError
from jaxgap.origins import CHARACTERS, cross_amplitude, spin_orbit_amplitude

ROUNDING = 1e-14
"""Of the average over angles of amplitudes of order 1."""
SEEN = 1e-3
"""A random Hamiltonian has no smaller part of what is allowed."""
ANGLES = np.arange(240) * 2 * np.pi / 240
"""Holds the angles that go into each other under every mirror here."""
ORDERS = 9
"""Of the trigonometric polynomials that are averaged: enough for one of sin 6 phi beside the doublet's 2 phi."""
TAU = {"0": np.eye(2), "x": np.array([[0, 1], [1, 0]]), "y": np.array([[0, -1j], [1j, 0]]), "z": np.diag([1, -1])}
SINGLES = [(a, b) for a in ("A1", "A2", "B1", "B2") for b in ("A1", "A2", "B1", "B2")]
CASES = [(*pair, n) for pair in SINGLES for n in (2, 4, 6)] + [("radial", "tangential", n) for n in (4, 6)]


def axis(angle):
    """cos 2 angle tau_z + sin 2 angle tau_x at every angle."""
    return np.cos(2 * angle)[:, None, None] * TAU["z"] + np.sin(2 * angle)[:, None, None] * TAU["x"]


def representation(first, second, n):
    """(turned angle, whether mirrored, matrix of the two orbitals) for every element of the group of n mirrors."""
    for k in range(n):
        turn = 2 * np.pi * k / n
        for mirrored in (False, True):
            if first == "radial":
                c, s = np.cos(turn), np.sin(turn)
                U = np.array([[c, -s], [s, c]]) @ (TAU["z"] if mirrored else TAU["0"])
            else:
                parities = [CHARACTERS[first], CHARACTERS[second]]
                U = np.diag([(p * q) ** k * (p if mirrored else 1) for p, q in parities])
            yield turn, mirrored, U


def symmetric(rng, first, second, n):
    """A random real symmetric matrix at every angle that the group turns into itself."""
    parts = rng.normal(size=(2, ORDERS, 2, 2)) / (1 + np.arange(ORDERS))[:, None, None]
    parts = parts + np.swapaxes(parts, -1, -2)

    def at(angle):
        m = np.arange(ORDERS) * angle[:, None]
        return np.einsum("am,mij->aij", np.cos(m), parts[0]) + np.einsum("am,mij->aij", np.sin(m), parts[1])

    elements = list(representation(first, second, n))
    turned = [U @ at((ANGLES - turn) * (-1 if mirrored else 1)) @ U.T for turn, mirrored, U in elements]
    return np.sum(turned, axis=0) / len(elements)


def across_bands(h, D):
    """Delta_12 at every angle, with band vectors whose sign goes on smoothly."""
    U = np.linalg.eigh(h)[1]
    for k in range(1, len(U)):
        U[k] *= np.sign(np.sum(U[k] * U[k - 1], axis=0))
    assert np.all(np.sum(U[0] * U[-1], axis=0) > 0)  # smooth all the way round
    return np.einsum("kia,kij,kjb->kab", U, D, U)[:, 0, 1]


def harmonic(form):
    """The angle dependence that a form names."""
    function, *number = form.split()[:-1] if form != "1" else ("1",)
    m = int(number[0]) if number else 1
    return {"1": np.ones_like(ANGLES), "sin": np.sin(m * ANGLES), "cos": np.cos(m * ANGLES)}[function]


@pytest.mark.parametrize(("first", "second", "n"), CASES)
def test_random_symmetric_bands(first, second, n):
    """The average over angles is zero where the rule says so, and the form that it names is what there is first."""
    rng = np.random.default_rng(n)
    apart = 20 * (axis(ANGLES) if first == "radial" else np.broadcast_to(TAU["z"], (len(ANGLES), 2, 2)))
    Delta_3 = across_bands(apart + symmetric(rng, first, second, n), symmetric(rng, first, second, n))
    found = cross_amplitude(first, second, mirrors=n)
    mean = abs(np.mean(Delta_3))
    assert mean > SEEN if found.allowed else mean < ROUNDING
    assert abs(np.mean(Delta_3 * harmonic(found.form))) > SEEN
    lower = [f(m * ANGLES) for m in range(1, n) for f in (np.sin, np.cos)]
    order = 0 if found.allowed else int(np.argmax(np.abs(np.fft.rfft(harmonic(found.form)))))
    assert all(abs(np.mean(Delta_3 * f)) < ROUNDING for f in lower[: 2 * (order - 1)] if order)


@pytest.mark.parametrize("n", [4, 6])
def test_a_doublet_has_the_form_of_the_module(n):
    """Delta_0 +- (Delta' + Delta'' cos n phi) within the bands, -Delta'' sin n phi across."""
    D = 5.0 * TAU["0"] + 0.7 * axis(ANGLES) + 0.4 * axis(-(n - 2) / 2 * ANGLES)
    U = np.stack([[np.cos(ANGLES), -np.sin(ANGLES)], [np.sin(ANGLES), np.cos(ANGLES)]]).transpose(2, 0, 1)
    band = np.einsum("kia,kij,kjb->kab", U, D, U)
    within = 0.7 + 0.4 * np.cos(n * ANGLES)
    np.testing.assert_allclose(band[:, 0, 0], 5.0 + within, atol=ROUNDING)
    np.testing.assert_allclose(band[:, 1, 1], 5.0 - within, atol=ROUNDING)
    np.testing.assert_allclose(band[:, 0, 1], -0.4 * np.sin(n * ANGLES), atol=ROUNDING)


# === a lattice of xz and yz orbitals, solved


def lattice(n=48):
    """(kx, ky, h) on a mesh that holds the mirror lines; two orbitals on the square lattice, with their hybridisation."""
    k = -np.pi + np.arange(n) * 2 * np.pi / n
    kx, ky = (part.ravel() for part in np.meshgrid(k, k))
    even, odd, cross = np.cos(kx) + np.cos(ky), np.cos(kx) - np.cos(ky), 4 * np.sin(kx) * np.sin(ky)
    shape = (-1, 1, 1)
    h = (0.3 + 0.4 * even).reshape(shape) * TAU["0"] + (0.5 * odd).reshape(shape) * TAU["z"]
    return kx, ky, h - 0.35 * cross.reshape(shape) * TAU["x"]


def anomalous(h, D, kT):
    """F(k): the upper right block of tanh(H / 2 kT) / 2 of the matrix of Bogoliubov and de Gennes."""
    H = np.block([[h, D], [D, -h]])
    E, U = np.linalg.eigh(H)
    return 0.5 * np.einsum("kia,ka,kja->kij", U, np.tanh(E / (2 * kT)), U)[:, :2, 2:]


def solved(h, B, g, kT, start):
    """Amplitudes of the channels with form factors B(k), iterated to rounding, and F(k)."""
    Delta = np.array(start)
    for _ in range(400):
        F = anomalous(h, np.einsum("c,ckij->kij", Delta, B), kT)
        new = g @ np.einsum("ckij,kij->c", B, F) / len(h)
        done, Delta = np.abs(new - Delta).max() < 1e-15, new
        if done:
            break
    return Delta, anomalous(h, np.einsum("c,ckij->kij", Delta, B), kT)


def test_intraorbital_pairing_and_pair_hopping_make_no_cross_pairs():
    """Delta_xz = Delta_yz comes out, from a start without symmetry, and commutes with h(k): |Delta_12(k)| is rounding."""
    _, _, h = lattice(24)
    B = np.stack([np.broadcast_to(np.diag(e), h.shape) for e in np.eye(2)])
    g = np.array([[2.2, 0.5], [0.5, 2.2]])
    Delta, _ = solved(h, B, g, 0.05, [0.5, 0.2])
    assert Delta.min() > 0.1
    U = np.linalg.eigh(h)[1]
    band = np.einsum("kia,kij,kjb->kab", U, np.broadcast_to(np.diag(Delta), h.shape), U)
    assert np.abs(band[:, 0, 1]).max() < ROUNDING


def test_gaps_of_full_symmetry_do_not_drive_a_constant_cross_amplitude():
    """With an anisotropic A1g channel Delta_12(k) is zero on mirror lines only; the density of the constant channel is zero."""
    kx, ky, h = lattice()
    odd = (np.cos(kx) - np.cos(ky)).reshape(-1, 1, 1)
    B = np.stack([np.broadcast_to(TAU["0"], h.shape), odd * TAU["z"]])
    Delta, F = solved(h, B, np.diag([1.2, 0.9]) + 0.2 * TAU["x"], 0.05, [0.5, 0.2])
    assert np.abs(Delta).min() > 0.01
    U = np.linalg.eigh(h)[1]
    band = np.abs(np.einsum("kia,kij,kjb->kab", U, np.einsum("c,ckij->kij", Delta, B), U)[:, 0, 1])
    mirrors = np.isclose(kx * ky, 0) | np.isclose(np.abs(kx), np.abs(ky)) | np.isclose(np.abs(kx), np.pi)
    degenerate = np.isclose(np.linalg.norm(h - np.trace(h, axis1=1, axis2=2).reshape(-1, 1, 1) / 2 * TAU["0"], axis=(1, 2)), 0)
    assert band[mirrors & ~degenerate].max() < ROUNDING
    assert band.max() > SEEN
    z, x = h[:, 0, 0] - h[:, 1, 1], 2 * h[:, 0, 1]
    length = np.where(degenerate, 1, np.hypot(z, x))
    constant = (-x / length).reshape(-1, 1, 1) * TAU["z"] + (z / length).reshape(-1, 1, 1) * TAU["x"]
    near = np.exp(-(kx**2 + ky**2)).reshape(-1, 1, 1)  # around the centre
    assert abs(np.einsum("kij,kij->", near * constant, F)) / len(h) < ROUNDING


# === what lifts it


def test_spin_orbit_coupling():
    """The formula at every angle, from 2 x 2 matrices of one spin; time reversal gives the other."""
    Delta_prime, splitting, spin_orbit = 0.8, 11.0, 7.0
    h = splitting * axis(ANGLES) + spin_orbit / 2 * TAU["y"]
    D = 5.0 * TAU["0"] + Delta_prime * axis(ANGLES)
    U = np.linalg.eigh(h)[1]
    across = np.abs(np.einsum("kia,kij,kjb->kab", U.conj(), D, U)[:, 0, 1])
    np.testing.assert_allclose(across, float(spin_orbit_amplitude(Delta_prime, splitting, spin_orbit)), atol=ROUNDING)
    slope = jax.grad(lambda x: spin_orbit_amplitude(Delta_prime, splitting, x))(0.0)
    assert float(slope) == pytest.approx(Delta_prime / (2 * splitting), rel=1e-14)
    assert cross_amplitude("radial", "tangential", spin_orbit=True).allowed


def test_strain():
    """Along no axis it breaks every mirror; along one it leaves two, and sin 2 phi."""
    D = 5.0 * TAU["0"] + 0.5 * axis(ANGLES) + 0.3 * axis(-ANGLES)
    h = 20 * axis(ANGLES)
    along, off = across_bands(h + 10 * TAU["z"], D), across_bands(h + 10 * axis(np.full_like(ANGLES, 0.3)), D)
    assert abs(np.mean(along)) < ROUNDING < SEEN < abs(np.mean(off))
    assert abs(np.mean(along * np.sin(2 * ANGLES))) > SEEN
    assert cross_amplitude("A1", "A2", mirrors=2).form == "sin 2 phi"
    assert cross_amplitude("radial", "tangential", broken=True).allowed


def test_sentences():
    found = cross_amplitude("radial", "tangential", mirrors=6)
    assert not found.allowed
    assert found.form == "sin 6 phi"
    assert "odd under every mirror" in found.reason
    assert cross_amplitude("A1", "B1", mirrors=2).form == "cos phi"
    assert all(cross_amplitude(name, name).allowed for name in CHARACTERS)


@pytest.mark.parametrize(
    ("arguments", "options", "said"),
    [
        (("radial", "E"), {}, "`second` must be one of A1"),
        (("s", "A1"), {}, "`first` must be one of A1"),
        (("A1", "A1"), {"mirrors": 3}, "`mirrors` must be 2, 4 or 6"),
    ],
)
def test_bad_arguments(arguments, options, said):
    with pytest.raises(InputError, match=said):
        cross_amplitude(*arguments, **options)
