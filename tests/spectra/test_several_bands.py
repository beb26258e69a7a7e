"""Spectra of three and four cross-paired bands against the Bogoliubov-de Gennes matrix on dense grids, in NumPy alone."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import random_system, relative_error, system
from scipy.optimize import brentq, minimize_scalar

from jaxgap.model.superconductor import Superconductor
from jaxgap.spectra.fermi_momentum import fermi_momentum_gaps_of
from jaxgap.spectra.green import clean_density_of_states_of, clusters_of, energies_of, green_function
from jaxgap.spectra.minima import branch_minima_of, branch_names, excitation_gap_of, gapless_excess_of, overlap_minima_of
from jaxgap.spectra.peaks import coherence_peaks_of, strongest_peaks_of
from jaxgap.spectra.quadrature import DEFAULT_RULE
from jaxgap.spectra.several_bands import SeveralBands
from jaxgap.spectra.two_bands import TwoBands

EXACT = 1e-12  # closed forms and eigenvalues of the same matrices
ROOTS = 1e-8  # of N: the slopes of brute force are differences
PARABOLA = 1e-8  # [meV] of an extremum: three points of a grid leave the fourth order
CUBIC = 3e-9  # the third derivative of the closed form leaves 1e-9 of rounding
TOUCHING = 1e-5  # [meV]: k of a kink is found to the root of rounding, 2e-6
DIFFERENCES = 1e-6  # central differences with steps of 1e-4

DELTA = np.array([5.0, -4.0, 3.0, 1.5, 0.8, -1.1])
TURNED = DELTA * np.exp(1j * np.array([0.0, 0.4, -0.7, 1.0, 0.2, 2.0]))
FOUR = np.array([5.0, -4.0, 3.0, 2.0, 1.5, 0.8, -1.1, 0.5, 0.6, -0.9])
SLOW = [pytest.param(Delta, marks=pytest.mark.slow) for Delta in (TURNED, FOUR)]


def bands(n: int = 3, dimension: int = 2) -> Superconductor:
    """Bands whose shells overlap partly, all of them cross-paired; the couplings do not enter."""
    cross = [(i, j) for i in range(n) for j in range(i + 1, n)]
    lam = 0.3 * np.eye(n + len(cross))
    return system(lam, [150.0, 162.0, 171.0, 158.0][:n], [1.0, 1.1, 0.9, 1.05][:n], cross=cross, dimension=dimension)


SC = bands()


# === brute force


def matrices(sc: Superconductor, Delta: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """H at every kappa, and which bands are inside their shells."""
    kappa, n = np.atleast_1d(kappa), len(sc.bands)
    z = np.stack([kappa / float(band.mass) - float(band.mu) for band in sc.bands], axis=1)
    inside = np.abs(z) <= float(sc.Omega)
    D = np.zeros((len(kappa), n, n), complex)
    for c, (i, j) in enumerate([*((i, i) for i in range(n)), *sc.cross]):
        D[:, i, j] = D[:, j, i] = Delta[c] * inside[:, i] * inside[:, j]
    Z = z[:, :, None] * np.eye(n)
    return np.block([[Z, D], [np.conj(np.swapaxes(D, 1, 2)), -Z]]), inside


def edges(sc: Superconductor) -> np.ndarray:
    return np.unique([[float(end) for end in band.shell(sc.Omega)] for band in sc.bands])


def extrema(sc: Superconductor, Delta: np.ndarray, points: int = 6001) -> list[tuple[int, float, float, float, bool]]:
    """(rank, E, kappa, E'', whether all bands pair) of all smooth extrema between the edges, from parabolas through three
    points, twice."""
    n, found = len(sc.bands), []
    for a, b in pairwise(edges(sc)):
        kappa = np.linspace(a, b, points)[1:-1]
        H, inside = matrices(sc, Delta, kappa)
        for rank, E in enumerate(np.linalg.eigvalsh(H)[:, n:].T):
            turns = np.flatnonzero((E[1:-1] - E[:-2]) * (E[2:] - E[1:-1]) < 0) + 1
            for at in turns:
                k = kappa[at]
                for h in np.diff(kappa[:2])[0] / np.array([1, 4]):
                    low, mid, high = np.linalg.eigvalsh(matrices(sc, Delta, np.array([k - h, k, k + h]))[0])[:, n + rank]
                    bend = (low - 2 * mid + high) / h**2
                    k = k - (high - low) / (2 * h * bend)
                energy = np.linalg.eigvalsh(matrices(sc, Delta, k)[0])[0, n + rank]
                found.append((rank, float(energy), float(k), float(bend), bool(inside[at].all())))
    return found


def lowest(sc: Superconductor, Delta: np.ndarray, everywhere: bool = True) -> list[float]:
    """Minima of the branches: extrema, or ends of intervals."""
    n, smooth = len(sc.bands), extrema(sc, Delta)
    found = [[E for rank, E, *_, all_pair in smooth if rank == k and (everywhere or all_pair)] for k in range(n)]
    for a, b in pairwise(edges(sc)):
        H, inside = matrices(sc, Delta, np.array([a, b]) + 1e-12 * (b - a) * np.array([1, -1]))
        if everywhere or inside.all():
            for k in range(n):
                found[k] += np.linalg.eigvalsh(H)[:, n + k].tolist()
    return [min(energies) for energies in found]


def sharp_density(sc: Superconductor, Delta: np.ndarray, omega: float, points: int = 3001) -> np.ndarray:
    """sum of rho |u_i|^2 / |dl/dkappa| over all roots l = omega of all levels."""
    n, N = len(sc.bands), np.zeros(len(sc.bands))
    for a, b in pairwise(edges(sc)):
        kappa = np.linspace(a, b, points)[1:-1]
        H, inside = matrices(sc, Delta, kappa)
        for k, level in enumerate(np.linalg.eigvalsh(H).T):

            def away(x: float, k: int = k) -> float:
                return float(np.linalg.eigvalsh(matrices(sc, Delta, np.array([x]))[0])[0, k]) - omega

            for at in np.flatnonzero((level[:-1] - omega) * (level[1:] - omega) < 0):
                root, h = brentq(away, kappa[at], kappa[at + 1], xtol=1e-13), 1e-4
                slope = (8 * (away(root + h) - away(root - h)) - away(root + 2 * h) + away(root - 2 * h)) / (12 * h)
                u = np.linalg.eigh(matrices(sc, Delta, np.array([root]))[0])[1][0, :n, k]
                N += np.abs(u) ** 2 * inside[at] * (root**0.5 if sc.dimension == 3 else 1) / abs(slope)
    return N


# === energies and Green's functions


@pytest.mark.parametrize("Delta", [DELTA, TURNED, FOUR], ids=["real", "complex", "four bands"])
def test_energies_and_green_functions_are_those_of_the_matrix(Delta: np.ndarray) -> None:
    sc = SC if len(Delta) == 6 else bands(4)
    n, kappa, z = len(sc.bands), np.linspace(100.0, 220.0, 241), 2.3 + 0.4j
    H = matrices(sc, Delta, kappa)[0]
    E = jax.jit(energies_of)(sc, jnp.asarray(Delta), jnp.asarray(kappa))
    assert np.abs(E - np.linalg.eigvalsh(H)[:, n:].T).max() < 1e-11
    G = jax.jit(green_function)(sc, jnp.asarray(Delta), jnp.asarray(kappa), jnp.asarray(z))
    inverse = np.linalg.inv(z * np.eye(2 * n) - H)
    assert np.abs(G - np.diagonal(inverse, axis1=1, axis2=2)[:, :n].T).max() < EXACT


@pytest.mark.parametrize("Delta", [pytest.param(DELTA, marks=pytest.mark.slow), TURNED], ids=["real", "complex"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_local_functions_are_sums_over_k(dimension: int, Delta: np.ndarray) -> None:
    """G, G at the opposite energy, and the anomalous function, against Gauss panels."""
    sc, z = bands(dimension=dimension), 3.1 + 0.5j
    x, w = np.polynomial.legendre.leggauss(16)
    cuts = np.concatenate([np.linspace(a, b, 200)[:-1] for a, b in pairwise(edges(sc))] + [edges(sc)[-1:]])
    half = np.diff(cuts)[:, None] / 2
    kappa, weight = (cuts[:-1, None] + half * (x + 1)).ravel(), (half * w).ravel()
    H, inside = matrices(sc, Delta, kappa)
    weight = weight * (kappa**0.5 if dimension == 3 else 1)
    G, below, conj = (np.linalg.inv(w * np.eye(6) - H) for w in (z, -np.conj(z), np.conj(z)))

    def summed(M: np.ndarray) -> np.ndarray:
        return np.sum((weight[:, None] * inside) * np.diagonal(M, axis1=1, axis2=2), axis=0)

    (spectrum,) = clusters_of(sc, jnp.asarray(Delta))
    found = jax.jit(lambda w: spectrum.local_functions(w))(jnp.asarray(z))
    M = -(G - conj)[:, :3, 3:] / (2j * np.pi)
    for got, wanted in zip(found, (G[:, :3, :3], below[:, :3, :3], M), strict=True):
        assert np.abs(got - summed(wanted)).max() < EXACT * 100


@pytest.mark.slow
@pytest.mark.parametrize("Delta", [DELTA, TURNED, FOUR], ids=["real", "complex", "four bands"])
def test_sharp_density_of_states(Delta: np.ndarray) -> None:
    """Of both signs of omega, below the gap, between the peaks, and outside the shells."""
    sc = SC if len(Delta) == 6 else bands(4)
    omega = np.array([1.0, 3.3, -3.3, 4.2, 9.0, -12.0, 29.5])
    N = jax.jit(jax.vmap(lambda w: clean_density_of_states_of(sc, jnp.asarray(Delta), w)))(jnp.asarray(omega))
    for got, w in zip(N, omega, strict=True):
        assert np.abs(got - sharp_density(sc, Delta, float(w))).max() < ROOTS
    beyond = clean_density_of_states_of(sc, jnp.asarray(Delta), jnp.asarray(-40.0))
    np.testing.assert_allclose(beyond, [float(band.mass) for band in sc.bands], rtol=EXACT)


@pytest.mark.slow
def test_equal_bands_are_those_of_the_eigenvectors_of_their_amplitudes() -> None:
    """Of three bands with one amplitude within and one across, two of these are equal: their levels touch at every k."""
    omega = jnp.asarray([2.0, 3.31, 3.3137, -5.0, 8.0])
    same, alone = (system(0.3 * np.eye(n), [150.0] * 3, cross=cross) for n, cross in ((6, ((0, 1), (0, 2), (1, 2))), (3, ())))
    for Delta in ([4.0, 4.0, 4.0, 1.0, 1.0, 1.0], [4.0, 3.0, 2.0, 0.5, 0.7, 0.6], [4.0, 4.0, 4.0, 0.0, 0.0, 0.0]):
        a, b, c, ab, ac, bc = Delta
        own, V = np.linalg.eigh([[a, ab, ac], [ab, b, bc], [ac, bc, c]])
        N, of_own = (
            jax.jit(jax.vmap(lambda w, s=s, D=D: clean_density_of_states_of(s, D, w)))(omega)
            for s, D in ((same, jnp.asarray(Delta)), (alone, jnp.asarray(own)))
        )
        assert np.abs(N - of_own @ (V**2).T).max() < 1e-11
    found = fermi_momentum_gaps_of(same, jnp.asarray([4.0, 4.0, 4.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose((found.gap, found.weight), ([3.0] * 3, [2 / 3] * 3), rtol=1e-11)


# === gaps and peaks


@pytest.mark.parametrize("Delta", [DELTA, *SLOW], ids=["real", "complex", "four bands"])
def test_minima_of_the_branches(Delta: np.ndarray) -> None:
    sc = SC if len(Delta) == 6 else bands(4)
    minima, overlap = (np.asarray(jax.jit(f)(sc, jnp.asarray(Delta))) for f in (branch_minima_of, overlap_minima_of))
    np.testing.assert_allclose(minima, lowest(sc, Delta), atol=PARABOLA)
    np.testing.assert_allclose(overlap, lowest(sc, Delta, everywhere=False), atol=PARABOLA)
    assert float(excitation_gap_of(sc, jnp.asarray(Delta))) == minima[0]


def test_where_no_k_has_all_three_bands_paired() -> None:
    """Two pairs share a band: there is no overlap of all, and every branch is where two of them pair."""
    sc = system(0.3 * np.eye(6), [120.0, 160.0, 200.0], [1.0, 1.0, 1.0], cross=((0, 1), (0, 2), (1, 2)))
    assert np.isnan(overlap_minima_of(sc, jnp.asarray(DELTA))).all()
    np.testing.assert_allclose(branch_minima_of(sc, jnp.asarray(DELTA)), lowest(sc, DELTA), atol=PARABOLA)


@pytest.mark.slow
def test_peaks_are_the_extrema() -> None:
    wanted = sorted((E, kappa, bend, rank) for rank, E, kappa, bend, _ in extrema(SC, DELTA) if float(SC.Omega) > E)
    peaks = [peak for peak in coherence_peaks_of(SC, jnp.asarray(DELTA)) if not peak.is_artefact]
    assert len(peaks) == len(wanted)
    for peak, (E, kappa, bend, rank) in zip(peaks, wanted, strict=True):
        assert peak.branch == branch_names(SC)[rank]
        assert peak.kind == ("minimum" if bend > 0 else "maximum")
        assert abs(peak.energy - E) < PARABOLA
        assert abs(peak.kappa - kappa) < 1e-4
        assert relative_error(peak.weight, (2 / abs(bend)) ** 0.5) < 1e-4
    strongest = strongest_peaks_of(SC, jnp.asarray(DELTA))
    for rank, name in enumerate(branch_names(SC)):
        best = max((peak for peak in peaks if peak.branch == name), key=lambda peak: peak.weight)
        assert abs(float(strongest[rank]) - best.energy) < PARABOLA


@pytest.mark.slow
def test_no_peak_is_a_band_outside_its_shell() -> None:
    peaks = coherence_peaks_of(SC, jnp.asarray(DELTA))
    assert all(peak.energy < float(SC.Omega) * (1 - EXACT) for peak in peaks)


@pytest.mark.parametrize("Delta", [DELTA, SLOW[0]], ids=["real", "complex"])
def test_gaps_at_the_fermi_momenta(Delta: np.ndarray) -> None:
    """The third band is alone at its own k_F here."""
    sc = system(0.3 * np.eye(6), [150.0, 162.0, 195.0], [1.0, 1.1, 1.0], cross=((0, 1), (0, 2), (1, 2)))
    found = fermi_momentum_gaps_of(sc, jnp.asarray(Delta))
    for i, band in enumerate(sc.bands):
        E, W = np.linalg.eigh(matrices(sc, Delta, float(band.mass * band.mu))[0][0])
        weight = (np.abs(W) ** 2)[[i, 3 + i], 3:].sum(axis=0)
        assert abs(float(found.gap[i]) - E[3 + weight.argmax()]) < 1e-11
        assert abs(float(found.weight[i]) - weight.max()) < 1e-11


@pytest.mark.slow
def test_gapless_excess_vanishes_where_the_lowest_branch_does() -> None:
    """Along a line of cross amplitudes it changes its sign where min E, on a fine grid, is zero."""
    sc = system(0.3 * np.eye(6), [150.0, 153.0, 157.0], [1.0, 1.1, 0.95], cross=((0, 1), (0, 2), (1, 2)))
    base, along = jnp.asarray([4.0, 3.0, 3.5, 0.0, 0.0, 0.0]), jnp.asarray([0.0, 0.0, 0.0, 1.0, 0.9, 0.8])
    excess = jax.jit(lambda s: gapless_excess_of(sc, base + s * along)[0])
    grid = np.linspace(0.0, 12.0, 61)
    values = np.array([float(excess(s)) for s in grid])
    changes = np.flatnonzero(values[:-1] * values[1:] < 0)
    assert len(changes) > 0
    for at in changes:
        s = brentq(lambda s: float(excess(s)), grid[at], grid[at + 1], xtol=1e-14)
        Delta, kappa = np.asarray(base + s * along), np.linspace(120.0, 200.0, 8001)
        near = kappa[np.linalg.eigvalsh(matrices(sc, Delta, kappa)[0])[:, 3].argmin()]

        def level(k: float, Delta: np.ndarray = Delta) -> float:
            return float(np.linalg.eigvalsh(matrices(sc, Delta, np.array([k]))[0])[0, 3])

        found = minimize_scalar(level, bounds=(near - 0.01, near + 0.01), method="bounded", options={"xatol": 1e-10})
        assert found.fun < TOUCHING
    # Equal bands: -det Delta / Omega, as Delta_3^2 - Delta_1 Delta_2 of two.
    same = system(0.3 * np.eye(6), [150.0] * 3, cross=((0, 1), (0, 2), (1, 2)))
    matrix = np.array([[4.0, 2.0, 1.8], [2.0, 3.0, 1.6], [1.8, 1.6, 3.5]])
    found = gapless_excess_of(same, base + 2.0 * along)[0]
    assert relative_error(found, -np.linalg.det(matrix) / 30.0) < 1e-10
    slope = jax.grad(lambda s: gapless_excess_of(sc, base + s * along)[0])(2.0)
    assert relative_error(slope, (excess(2.0 + 1e-4) - excess(2.0 - 1e-4)) / 2e-4) < DIFFERENCES


@pytest.mark.slow
def test_singular_energies_have_all_extrema() -> None:
    """Also of bands whose lowest branch has three minima and two maxima."""
    sc = system(0.3 * np.eye(6), [150.0, 156.0, 165.0], cross=((0, 1), (0, 2), (1, 2)))
    Delta = np.array([5.2, 4.9, 4.0, 0.5, 0.6, 0.3])
    found = np.asarray(jax.jit(lambda D: clusters_of(sc, D)[0].singular_energies())(jnp.asarray(Delta)))
    for _, E, *_ in extrema(sc, Delta):
        assert np.abs(found - E).min() < 1e-6


# === derivatives, and the closed form of two bands


@pytest.mark.slow
def test_derivatives() -> None:
    """Of minima, of gaps at k_F, of the density of states and of local functions, with respect to amplitudes, mu and Omega."""

    def numbers(s: jax.Array) -> jax.Array:
        sc = SC.set({"mu[b]": SC.get("mu[b]") + 0.4 * s, "mass[c]": SC.get("mass[c]") + 0.002 * s, "Omega": SC.Omega + s})
        Delta = jnp.asarray(DELTA) + s * jnp.asarray([0.3, 0.2, -0.4, 0.5, -0.2, 0.3])
        (spectrum,) = clusters_of(sc, Delta)
        local = spectrum.local_functions(jnp.asarray(3.1 + 0.5j))
        parts = [branch_minima_of(sc, Delta), fermi_momentum_gaps_of(sc, Delta).gap]
        parts += [clean_density_of_states_of(sc, Delta, jnp.asarray(9.0)), local.G.imag, local.M.real]
        return jnp.concatenate(parts)

    value, h = jax.jit(numbers), 1e-4
    found = jax.jit(jax.jacfwd(numbers))(jnp.zeros(()))
    wanted = (value(jnp.asarray(h)) - value(jnp.asarray(-h))) / (2 * h)
    assert np.abs(found - wanted).max() < DIFFERENCES * np.abs(wanted).max()


@pytest.mark.slow
def test_the_density_of_states_has_second_derivatives() -> None:
    """Its kappa moves to second order, too."""

    def N(s: jax.Array) -> jax.Array:
        sc = SC.set({"mu[b]": SC.get("mu[b]") + 0.4 * s, "Omega": SC.Omega + s})
        return clean_density_of_states_of(sc, jnp.asarray(DELTA) * (1 + 0.1 * s), jnp.asarray(9.0))

    slope, h = jax.jit(jax.jacfwd(N)), 1e-3
    found = jax.jit(jax.jacfwd(jax.jacfwd(N)))(jnp.zeros(()))
    wanted = (8 * (slope(jnp.asarray(h)) - slope(jnp.asarray(-h))) - slope(jnp.asarray(2 * h)) + slope(jnp.asarray(-2 * h))) / (
        12 * h
    )
    assert np.abs(found - wanted).max() < DIFFERENCES * np.abs(wanted).max()


@pytest.mark.slow
@pytest.mark.parametrize("turned", [0.0, pytest.param(0.7, marks=pytest.mark.slow)], ids=["real", "complex"])
def test_two_bands_by_both_routes(turned: float) -> None:
    sc = random_system(4, equal_masses=False)
    Delta = jnp.asarray([5.0, -4.0, 1.5]) * (jnp.exp(1j * turned * jnp.arange(3)) if turned else 1.0)
    (cluster,) = sc.clusters

    def of(kind: type[TwoBands] | type[SeveralBands]) -> tuple[jax.Array, ...]:
        spectrum, z = kind(sc, Delta, cluster), jnp.asarray(4.0 + 0.3j)
        kappa = jnp.linspace(80.0, 220.0, 41)
        local = spectrum.local_functions(z)
        densities = [spectrum.density_of_states(jnp.asarray(w)) for w in (6.0, -8.0)]
        phase = [] if turned else [spectrum.phase_jacobian(jnp.asarray(5.0), DEFAULT_RULE)]
        return jnp.stack(spectrum.green_function(kappa, z)), local.G, local.below.imag, local.M, *densities, *phase

    for closed, general in zip(jax.jit(lambda: of(TwoBands))(), jax.jit(lambda: of(SeveralBands))(), strict=True):
        assert np.abs(closed - general).max() < 1e-10 * np.abs(closed).max()


@pytest.mark.slow
def test_cubic_densities_by_both_routes() -> None:
    """d^3 P / d epsilon^3: divided differences against three derivatives of the closed form."""
    sc, Delta = random_system(4, equal_masses=False), jnp.asarray([1.0, -0.6, 0.5])
    (cluster,) = sc.clusters
    closed, general = (
        jax.jit(lambda T, kind=kind: kind(sc, Delta, cluster).cubic_densities(T, DEFAULT_RULE))(jnp.asarray(30.0))
        for kind in (TwoBands, SeveralBands)
    )
    assert np.abs(closed - general).max() < CUBIC * np.abs(closed).max()
