"""Gaps, dispersion, density of states, phases and free energy against brute force: the BdG matrix, dense scans, quadrature."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import LAM, band_energies, bdg, brute_energies, central, state
from problems import PROBLEMS, ba122, generator, one_band, problem, relative_error, scaled_error, system
from scipy import integrate, optimize

from jaxgap import InputError, materials, solve, units
from jaxgap.model.band import rho
from jaxgap.observables import (
    branch_minima,
    branch_names,
    coherence_peaks,
    dispersion,
    excitation_gap,
    excitation_gaps,
    fermi_momentum_gaps,
    free_energy,
    overlap_minima,
    phase_difference,
    relative_signs,
    tunnelling_conductance,
    tunnelling_density_of_states,
    wave_vector,
)
from jaxgap.solving.critical import instability
from jaxgap.solving.stability import unstable_directions
from jaxgap.spectra.fermi_momentum import fermi_momentum_gaps_of
from jaxgap.spectra.minima import branch_minima_of, overlap_minima_of
from jaxgap.spectra.peaks import strongest_peaks_of

REFERENCE = 1e-7
"""[meV] The reference minimised E over kappa to about 1e-8."""
EIGENVALUES = 1e-10
"""[meV] Rounding of the eigenvalues of BdG matrices of norm 100 meV, with a margin of 1e3."""
GAPLESS = 1e-6
"""[meV] E_- = sqrt(det) / E_+ where det vanishes: the square root of the rounding of kappa, 1e-16 relative."""
EXTREMUM = 1e-9
"""[meV] scipy finds kappa of an extremum to 1e-6 only, which enters E squared."""
FERMI_PRINTED = 6e-3
"""[meV] Half a unit of the last printed digit of 12.54 and 11.42."""
CLOSED_FORM = 1e-10
"""Two closed forms of E_-, one of which takes the difference of A and b: 1e-13, and their second derivatives."""
FIRST_DIFFERENCES = 1e-7
"""Central differences with h = 1e-4 meV: h^2 times third derivatives, and rounding 1e-14 / h."""
SECOND_DIFFERENCES = 1e-6
"""The same of gradients, whose k of the minimum is itself a root to 1e-10."""
NEAR_T_C = 1e-6
"""[meV] Squares of amplitudes of 1e-3 meV over d."""
SLOPE = 1e-5
"""Differences over 1e-4 meV see the curvature of the V, 1e-5 relative."""
QUADRATURE = 1e-8
"""Relative error of the density of states against brute-force quadrature, both exponentially convergent."""
DYNES = 2e-4
"""Dynes' formula has no band bottom (Gamma / pi mu = 1e-4 of N is missing there) and no shell."""
CONSERVED = 1e-4
"""[meV] Lorentzian tails beyond 400 meV differ in the second moment only: Gamma Delta^2 Omega / 400^3."""
GAPLESS_DENSITY = 1e-3
"""Terms linear in omega and Gamma, over the gap of E_+."""
FREE_ENERGY = 1e-8
"""Quadrature error of the reference, whose integrand has the kinks |zeta|."""


# === brute force


def overlap(sc):
    """Where all bands are inside the shell."""
    m, mu, Omega = (np.abs([float(x) for x in xs]) for xs in ([b.mass for b in sc.bands], [b.mu for b in sc.bands], [sc.Omega]))
    return float((m * np.maximum(mu - Omega, 0)).max()), float((m * (mu + Omega)).min())


def polished(sc, Delta, branch, kappa, sign=1.0):
    """Energy of the minimum (sign = 1) or maximum (-1) near the middle of three neighbouring grid points."""
    E = functools.partial(_one_energy, sc, Delta, branch, sign)
    found = optimize.minimize_scalar(E, bounds=(kappa[0], kappa[2]), method="bounded", options={"xatol": 1e-9})
    return found.x, sign * found.fun


def _one_energy(sc, Delta, branch, sign, kappa):
    return sign * brute_energies(sc, Delta, np.array([kappa]))[0, branch]


def scanned_minima(sc, Delta, points=6001):
    """Branch minima of a pair of bands by a dense scan, polished."""
    kappa = np.linspace(*overlap(sc), points)
    E = brute_energies(sc, Delta, kappa)
    minima = []
    for branch in (0, 1):
        k = int(np.argmin(E[:, branch]))
        at = kappa[max(k - 1, 0)], kappa[k], kappa[min(k + 1, points - 1)]
        minima.append(min(E[k, branch], polished(sc, Delta, branch, at)[1]))
    return minima


BANDS = {
    "equal": ([200.0, 200.0], [1.0, 1.0], 2),
    "distance": ([200.0, 209.0], [1.0, 1.0], 2),
    "unequal masses": ([120.0, 112.0], [1.0, 1.1], 2),
    "electron and hole": ([60.0, -55.0], [1.0, -1.2], 2),
    "two hole bands": ([-80.0, -90.0], [-1.0, -0.9], 2),
    "3D": ([120.0, 112.0], [1.0, 1.1], 3),
    "3D electron and hole": ([60.0, -55.0], [1.0, -1.2], 3),
    "3D, band edge inside the shell": ([20.0, 25.0], [1.0, 1.0], 3),
}
"""Names -> (mus, masses, dimension)."""


def bands(name):
    mus, masses, dimension = BANDS[name]
    return system(LAM, mus, masses, Omega=30.0, dimension=dimension)


def random_amplitudes(seed, phases=True):
    rng = generator(seed)
    size = rng.uniform(1.0, 9.0, 3)
    return size * np.exp(1j * rng.uniform(-np.pi, np.pi, 3)) if phases else size * rng.choice([-1.0, 1.0], 3)


def gapless_amplitudes(D1, D2, d):
    """Exactly gapless amplitudes of two bands of mass 1 at the distance d, and the zeta_1 of the Fermi line."""
    return np.array([D1, D2, np.sqrt(D1 * D2 * (1 + (d / (D1 + D2)) ** 2))]), d * D1 / (D1 + D2)


# === branch minima


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_branch_minima_of_the_reference(case):
    minima = np.sort(branch_minima(state(case.system, case.Delta)))
    np.testing.assert_allclose(minima, case.minima, rtol=0, atol=REFERENCE)


@pytest.mark.parametrize("name", BANDS)
def test_branch_minima_against_a_dense_scan(name):
    sc = bands(name)
    for seed in range(6):
        Delta = random_amplitudes(seed, phases=seed % 2 == 0)
        np.testing.assert_allclose(
            branch_minima(state(sc, Delta)), scanned_minima(sc, Delta), rtol=0, atol=EXTREMUM, err_msg=f"seed {seed}"
        )


def test_branch_minima_of_a_gapless_state():
    sc = system(LAM, [200.0, 210.0])
    Delta, _ = gapless_amplitudes(6.0, 4.0, 10.0)
    assert abs(branch_minima(state(sc, Delta))[0]) < GAPLESS


def test_the_minimum_over_the_overlap_may_lie_at_its_edge():
    """Bands so far apart that both Fermi surfaces are outside the overlap: E decreases up to its edges."""
    sc = system(LAM, [200.0, 240.0])
    Delta = np.array([5.0, 3.0, 0.5])
    lo, hi = overlap(sc)
    edge = brute_energies(sc, Delta, np.array([lo, hi])).min(axis=0)
    np.testing.assert_allclose(overlap_minima(state(sc, Delta))[0], edge[0], atol=EIGENVALUES)


def test_no_minimum_over_the_overlap_where_there_is_none():
    assert np.isnan(overlap_minima(state(system(LAM, [200.0, 270.0]), [5.0, 3.0, 0.5]))).all()


def _minima_of(x):
    """Minima over the overlap as a function of mu_a, mu_b, mass_b, Omega and three real amplitudes."""
    sc = system(LAM, [200.0, 208.0])
    sc = eqx.tree_at(lambda s: (s.bands[0].mu, s.bands[1].mu, s.bands[1].mass, s.Omega), sc, tuple(x[:4]))
    return overlap_minima_of(sc, x[4:])


@jax.jit
def _orders(x):
    """Value, gradient and Hessian in one compiled program."""
    gradient = jax.jacfwd(_minima_of)
    return _minima_of(x), gradient(x), jax.jacfwd(gradient)(x)


def _minima(x):
    return _orders(x)[0]


def _gradients(x):
    return _orders(x)[1]


def _hessians(x):
    return _orders(x)[2]


INSIDE = jnp.array([200.0, 208.0, 1.03, 30.0, 6.0, -4.0, 1.5])
AT_THE_EDGE = jnp.array([200.0, 240.0, 1.0, 30.0, 5.0, 3.0, 0.5])


STEPS = 1e-4 * np.array([1, 1, 0.01, 1, 1, 1, 1])
"""A change of the mass moves zeta by kappa = 200 meV times as much."""


@pytest.mark.slow
def test_derivatives_of_branch_minima():
    assert scaled_error(_gradients(INSIDE), central(_minima, INSIDE, STEPS)) < FIRST_DIFFERENCES
    assert scaled_error(_hessians(INSIDE), central(_gradients, INSIDE, STEPS)) < SECOND_DIFFERENCES


@pytest.mark.parametrize("Omega", [30.0, 30.01, 30.02, 30.03, 30.04, 30.05])
@pytest.mark.slow
def test_the_minimum_at_an_edge_moves_with_the_shell(Omega):
    """E_- at the upper end of the shell of band a, kappa = mu_a + Omega, whatever the rounding of that sum."""
    x = AT_THE_EDGE.at[3].set(Omega)
    np.testing.assert_allclose(_minima(x)[0], _edge(x), rtol=CLOSED_FORM)
    gradient, hessian = _edge_orders(x)
    assert scaled_error(_gradients(x)[0], gradient) < CLOSED_FORM
    assert scaled_error(_hessians(x)[0], hessian) < CLOSED_FORM
    assert abs(gradient[3]) > 0.5


def _edge(x):
    return _lower(x, x[0] + x[3])


_edge_orders = jax.jit(lambda x: (jax.grad(_edge)(x), jax.hessian(_edge)(x)))


@pytest.mark.slow
def test_the_hessian_knows_that_k_moves():
    """With k frozen at the minimum (stop_gradient) the Hessian would be wrong by much more than the tolerance."""
    moving = _hessians(INSIDE)[0]
    kappa = _argmin(INSIDE)
    frozen = jax.jit(jax.hessian(lambda x: _lower(x, kappa)))(INSIDE)
    assert scaled_error(frozen, moving) > 1e3 * SECOND_DIFFERENCES
    np.testing.assert_allclose(
        jax.grad(lambda x: _lower(x, kappa))(INSIDE), _gradients(INSIDE)[0], atol=1e-3
    )  # scipy's k, times 200


@jax.jit
def _lower(x, kappa):
    """E_- from the determinant and the trace of H^2, at a fixed kappa."""
    mu1, mu2, m2, _, D1, D2, D3 = x
    z1, z2 = kappa - mu1, kappa / m2 - mu2
    det = (z1 * z2 - D1 * D2 + D3**2) ** 2 + (z1 * D2 + z2 * D1) ** 2
    A = z1**2 + z2**2 + D1**2 + D2**2 + 2 * D3**2
    return jnp.sqrt((A - jnp.sqrt(A**2 - 4 * det)) / 2)


def _argmin(x):
    grid = np.linspace(180.0, 230.0, 5001)
    k = grid[np.argmin([_lower(x, kappa) for kappa in grid[::50]]) * 50]
    return optimize.minimize_scalar(lambda kappa: float(_lower(x, kappa)), bounds=(k - 0.6, k + 0.6), method="bounded").x


@pytest.mark.slow
def test_the_upper_minimum_tends_to_half_the_distance_at_T_c():
    """d = 10 meV: E_+ stays gapped where |zeta_1| = |zeta_2| = d/2, and rises from there linearly, by |Delta_3|."""
    sc = materials.ba122()
    T_c, direction = instability(sc)
    just_below = solve(sc, float(T_c) - 0.01)
    lower, upper = branch_minima(just_below)
    assert 0 < float(lower) < 0.1 < float(jnp.abs(just_below.Delta).max()) < 0.5
    assert abs(float(upper) - 5.0) < 0.05
    small = 1e-3 * direction
    assert abs(float(branch_minima_of(sc, small)[1]) - (5.0 + abs(float(small[2])))) < NEAR_T_C


@pytest.mark.slow
@pytest.mark.parametrize(
    ("Delta", "branch"),
    [(gapless_amplitudes(6.0, 4.0, 8.0)[0], 0), (np.array([5.0, 3.0, 0.0]), 1)],
    ids=["gapless line", "branches cross"],
)
def test_no_derivative_where_the_minimum_is_a_kink(Delta, branch):
    x = np.array([200.0, 208.0, 1.0, 30.0, *Delta])
    assert np.isfinite(_minima(x)).all()
    assert np.isnan(np.delete(_gradients(x)[branch], 3)).all()  # Omega does not enter


# === gaps at the Fermi momenta


def eigenvector_gaps(sc, Delta, i):
    """(E, weight of band i) on both branches at the Fermi momentum of band i, from the BdG eigenvectors."""
    kappa_F = float(sc.bands[i].mass * sc.bands[i].mu)
    E, v = np.linalg.eigh(bdg(sc, Delta, np.array([kappa_F]))[0])
    n = len(sc.bands)
    weight = np.abs(v[i, n:]) ** 2 + np.abs(v[i + n, n:]) ** 2
    return E[n:], weight


def test_ba122_at_the_fermi_momentum():
    case = problem("s+- branch, T=1.0")
    gaps = fermi_momentum_gaps(state(case.system, case.Delta))
    assert abs(float(gaps.gap[0]) - 12.54) < FERMI_PRINTED
    assert abs(float(gaps.weight[0]) - 0.67) < FERMI_PRINTED
    E, weight = eigenvector_gaps(case.system, case.Delta, 0)
    assert abs(E[0] - 11.42) < FERMI_PRINTED
    assert abs(weight[0] - 0.33) < FERMI_PRINTED


@pytest.mark.parametrize("name", ["distance", "unequal masses", "electron and hole", "3D"])
def test_fermi_momentum_gaps_against_eigenvectors(name):
    sc = bands(name)
    for seed in range(10, 16):
        Delta = random_amplitudes(seed, phases=seed % 2 == 0)
        got = fermi_momentum_gaps(state(sc, Delta))
        for i in range(2):
            E, weight = eigenvector_gaps(sc, Delta, i)
            k = int(np.argmax(weight))
            np.testing.assert_allclose([got.gap[i], got.weight[i]], [E[k], weight[k]], rtol=0, atol=EIGENVALUES)


def test_a_band_pairs_alone_where_its_partner_is_outside_the_shell():
    sc = system(LAM, [200.0, 240.0])
    got = fermi_momentum_gaps(state(sc, [5.0, -3.0, 0.5]))
    np.testing.assert_allclose(got.gap, [5.0, 3.0], atol=EIGENVALUES)
    np.testing.assert_allclose(got.weight, 1.0, atol=EIGENVALUES)


def test_bands_without_cross_channel_have_their_own_gaps():
    sc = system(np.diag([0.4, 0.3]), [200.0, 200.0], cross=())
    got = fermi_momentum_gaps(state(sc, [5.0, -3.0]))
    np.testing.assert_allclose(got.gap, [5.0, 3.0], atol=EIGENVALUES)
    np.testing.assert_allclose(branch_minima(state(sc, [5.0, -3.0])), [5.0, 3.0], atol=EIGENVALUES)


def test_excitation_gaps_by_definition():
    s = state(ba122(), problem("s+- branch, T=1.0").Delta)
    np.testing.assert_array_equal(excitation_gaps(s), branch_minima(s))
    np.testing.assert_array_equal(excitation_gaps(s, "overlap_minimum"), overlap_minima(s))
    np.testing.assert_array_equal(excitation_gaps(s, "fermi_momentum"), fermi_momentum_gaps(s).gap)
    with pytest.raises(InputError, match="`definition` must be"):
        excitation_gaps(s, "coherence_peak")


def test_fermi_momentum_gaps_differentiate():
    sc = ba122()
    Delta = problem("s+- branch, T=1.0").Delta.real
    f = jax.jit(lambda D: fermi_momentum_gaps_of(sc, D).gap)
    assert scaled_error(jax.jacfwd(f)(Delta), central(f, Delta, np.full(3, 1e-4))) < FIRST_DIFFERENCES


def test_branch_names():
    assert branch_names(materials.ba122()) == ("alpha:beta lower", "alpha:beta upper")
    assert branch_names(materials.mgb2()) == ("sigma1:sigma2 lower", "sigma1:sigma2 upper", "pi")


# === coherence peaks


@pytest.mark.parametrize(("mass", "mu", "dimension"), [(1.0, 200.0, 2), (-1.3, -80.0, 2), (0.7, 120.0, 3)])
def test_coherence_peak_of_one_band(mass, mu, dimension):
    """E = sqrt(zeta^2 + Delta^2): E'' = 1 / m^2 Delta at k_F."""
    sc = one_band(mu=mu, mass=mass, dimension=dimension)
    (peak,) = coherence_peaks(state(sc, [-2.5]))
    density = 1.0 if dimension == 2 else np.sqrt(mass * mu)
    assert (peak.branch, peak.kind, peak.is_artefact) == ("a", "minimum", False)
    np.testing.assert_allclose(
        [peak.energy, peak.kappa, peak.weight], [2.5, mass * mu, density * abs(mass) * np.sqrt(2 * 2.5)], rtol=1e-14
    )


def scanned_extrema(sc, Delta, branch, points=8001):
    """(energy, kind) of all interior extrema of a branch by a dense scan, ascending."""
    kappa = np.linspace(*overlap(sc), points)
    E = brute_energies(sc, Delta, kappa)[:, branch]
    rising = np.diff(E) > 0
    found = []
    for k in np.flatnonzero(rising[1:] != rising[:-1]) + 1:
        kind, sign = ("minimum", 1.0) if rising[k] else ("maximum", -1.0)
        found.append((polished(sc, Delta, branch, kappa[k - 1 : k + 2], sign)[1], kind))
    return sorted(found)


PEAKED = {
    "equal": (6.5, 4.3, 2.2),
    "distance": (3.0, 2.0, 0.6),
    "unequal masses": (4.0, 2.0j, 1.0),
    "electron and hole": (2.0, 3.0, 1.0),
    "3D": (3.0, -2.0, 1.6),
}
"""Amplitudes that give several extrema."""


@functools.cache
def peaks_of(name):
    return coherence_peaks(state(bands(name), PEAKED[name]))


@pytest.mark.parametrize("name", PEAKED)
def test_coherence_peaks_match_a_dense_scan(name):
    sc, Delta, peaks = bands(name), np.array(PEAKED[name]), peaks_of(name)
    assert [p.energy for p in peaks] == sorted(p.energy for p in peaks)
    for branch, label in enumerate(branch_names(sc)):
        ours = [(p.energy, p.kind) for p in peaks if p.branch == label and not p.is_artefact]
        theirs = scanned_extrema(sc, Delta, branch)
        assert [kind for _, kind in ours] == [kind for _, kind in theirs]
        np.testing.assert_allclose([E for E, _ in ours], [E for E, _ in theirs], rtol=0, atol=EXTREMUM)


def test_extrema_at_the_edge_of_the_shell_are_flagged():
    sc, Delta = bands("distance"), np.array(PEAKED["distance"])
    edges = [p for p in peaks_of("distance") if p.is_artefact]
    assert len(edges) == 4
    assert {p.kind for p in edges} == {"shell edge"}
    assert {p.kappa for p in edges} == set(overlap(sc))
    wanted = brute_energies(sc, Delta, np.array(overlap(sc))).ravel()
    np.testing.assert_allclose(sorted(p.energy for p in edges), np.sort(wanted), atol=EIGENVALUES)


def test_peak_weight_is_the_density_of_states_near_the_peak():
    """weight / sqrt(omega - E) against 1 / |dE/dkappa| summed over both sides of the minimum."""
    sc, Delta = bands("3D"), np.array(PEAKED["3D"])
    peak = next(p for p in peaks_of("3D") if p.kind == "minimum")
    h = 1e-3
    E = dispersion(state(sc, Delta), peak.kappa + h * np.array([-1.0, 0.0, 1.0]))
    row = branch_names(sc).index(peak.branch)
    curvature = float(E[row, 0] - 2 * E[row, 1] + E[row, 2]) / h**2
    wanted = float(rho(jnp.asarray(peak.kappa), 3)) * np.sqrt(2 / curvature)
    assert relative_error(peak.weight, wanted) < 1e-5  # second differences: h^2 E'''' / 12 E'' and rounding / h^2


@pytest.mark.parametrize("name", ["distance", pytest.param("3D", marks=pytest.mark.slow)])
def test_the_strongest_peak_of_every_branch(name):
    """The one of the list with the largest weight; its derivatives against differences."""
    sc, Delta = bands(name), jnp.asarray(PEAKED[name])
    run = jax.jit(strongest_peaks_of)
    found = np.asarray(run(sc, Delta))
    for label, energy in zip(branch_names(sc), found, strict=True):
        smooth = [p for p in peaks_of(name) if p.branch == label and p.weight > 0]
        wanted = max(smooth, key=lambda p: p.weight).energy if smooth else np.nan
        np.testing.assert_allclose(energy, wanted, atol=EXTREMUM)
    slopes = np.asarray(jax.jit(jax.jacfwd(strongest_peaks_of, argnums=1))(sc, Delta))
    for k in range(3):
        high, low = (np.asarray(run(sc, Delta.at[k].add(h))) for h in (1e-4, -1e-4))
        np.testing.assert_allclose(slopes[:, k], (high - low) / 2e-4, atol=1e-7)


@pytest.mark.parametrize("d", [0.0, 10.0])
def test_a_gapless_line_is_a_kink(d):
    sc = system(LAM, [200.0, 200.0 + d])
    Delta, zeta_1 = gapless_amplitudes(6.0, 4.0, d)
    lowest = coherence_peaks(state(sc, Delta))[0]
    assert lowest.kind == "kink"
    assert lowest.energy < GAPLESS
    assert abs(lowest.kappa - (200.0 + zeta_1)) < GAPLESS
    assert np.isnan(lowest.weight)


def test_the_normal_state_has_no_coherence_peak_of_finite_weight():
    peaks = coherence_peaks(state(ba122(), np.zeros(3)))
    assert all(p.is_artefact or not p.weight > 0 for p in peaks)


# === dispersion


@pytest.mark.parametrize("name", ["distance", "electron and hole", "two hole bands", "3D"])
def test_dispersion_against_bdg(name):
    """Inside the shell, where one band is inside, and outside both."""
    sc = bands(name)
    kappa = np.sort(generator(3).uniform(0.0, 300.0, 400))
    inside = np.abs(band_energies(sc, kappa)) <= float(sc.Omega)
    assert {0, 1, 2} <= set(inside.sum(axis=1))
    Delta = random_amplitudes(30)
    got = dispersion(state(sc, Delta), kappa)
    np.testing.assert_allclose(got.T, brute_energies(sc, Delta, kappa), rtol=0, atol=EIGENVALUES)


def test_dispersion_of_three_bands_follows_branch_names():
    sc = problem("MgB2").system
    Delta = np.array([7.0, 6.0, 3.0, 0.4])
    kappa = np.linspace(400.0, 600.0, 37)
    lower, upper, pi = dispersion(state(sc, Delta), kappa)
    z = band_energies(sc, kappa)[:, 2]
    np.testing.assert_allclose(pi, np.sqrt(z**2 + np.where(np.abs(z) <= float(sc.Omega), 9.0, 0.0)), atol=EIGENVALUES)
    brute = brute_energies(sc, Delta, kappa)
    np.testing.assert_allclose(np.sort(np.stack([lower, upper, pi], axis=1)), brute, atol=EIGENVALUES)
    assert np.all(np.asarray(upper) >= np.asarray(lower))


@pytest.mark.parametrize(("D1", "D2", "d"), [(6.0, 4.0, 0.0), (6.0, 4.0, 10.0), (5.0, 5.0, 8.0), (8.0, 1.0, 20.0)])
def test_slope_of_a_gapless_line(D1, D2, d):
    """c^2 = (1 + t^2 rho^2) / (1 + t^2), t = d / (D1 + D2), rho = (D1 - D2) / (D1 + D2)."""
    sc = system(LAM, [200.0, 200.0 + d])
    Delta, zeta_1 = gapless_amplitudes(D1, D2, d)
    left, node, right = dispersion(state(sc, Delta), 200.0 + zeta_1 + 1e-4 * np.array([-1.0, 0.0, 1.0]))[0]
    c = velocity(D1, D2, d)
    assert float(node) < GAPLESS
    assert relative_error([left / 1e-4, right / 1e-4], [c, c]) < SLOPE


def velocity(D1, D2, d):
    t, asymmetry = d / (D1 + D2), (D1 - D2) / (D1 + D2)
    return np.sqrt((1 + (t * asymmetry) ** 2) / (1 + t**2))


def test_wave_vector():
    """k = 1 / angstrom is hbar^2 k^2 / 2 m_e = 3.80998 eV."""
    np.testing.assert_allclose(wave_vector([0.0, 3809.98, 4 * 3809.98]), [0.0, 1.0, 2.0], rtol=1e-6)  # six digits given
    assert units.hbar2_over_2m_e == pytest.approx(3809.98, rel=1e-6)


# === density of states

POINTS = 801


def density_of_states(s, omega, Gamma):
    """The density of states on as many energies as in all other tests, so that they share one compiled program."""
    padded = np.concatenate([omega, np.zeros(-len(omega) % POINTS)]).reshape(-1, POINTS)
    parts = [tunnelling_density_of_states(s, part, Gamma) for part in padded]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=-1)[..., : len(omega)], *parts)


def brute_density(sc, Delta, omega, Gamma):
    """N_i(omega) of every band in units of the normal total, from the resolvent of the BdG matrix on a fine mesh of Gauss
    panels, with the Lorentzian of the normal band beyond it to infinity."""
    n, z = len(sc.bands), omega + 1j * Gamma
    m, mu = np.array([float(b.mass) for b in sc.bands]), np.array([float(b.mu) for b in sc.bands])
    edges = np.abs(m)[:, None] * (np.abs(mu)[:, None] + float(sc.Omega) * np.array([-1.0, 1.0]))
    top = edges.max() + 50.0
    breaks = np.unique(np.concatenate([np.linspace(0.0, np.sqrt(top), 700), np.sqrt(edges[edges > 0])]))  # in sqrt(kappa)
    x, w = np.polynomial.legendre.leggauss(10)
    half, middle = np.diff(breaks) / 2, (breaks[1:] + breaks[:-1]) / 2
    q = (middle[:, None] + half[:, None] * x).ravel()
    weight = (half[:, None] * w).ravel() * 2 * q * (q if sc.dimension == 3 else 1.0)
    G = np.linalg.inv(z * np.eye(2 * n) - bdg(sc, Delta, q**2))
    density = [weight @ -G[:, i, i].imag for i in range(n)]
    tails = [
        integrate.quad(_lorentzian, np.sqrt(top), np.inf, (a, b, omega, Gamma, sc.dimension))[0]
        for a, b in zip(m, mu, strict=True)
    ]
    N = np.sum(np.abs(m) * (np.sqrt(m * mu) if sc.dimension == 3 else 1.0))
    return (np.array(density) + tails) / np.pi / N


def _lorentzian(q, m, mu, omega, Gamma, dimension):
    return 2 * q * (q if dimension == 3 else 1.0) * Gamma / ((omega - q**2 / m + mu) ** 2 + Gamma**2)


@pytest.mark.parametrize(("mass", "mu"), [(1.0, 70.0), (-1.2, -60.0), (0.8, 20.0)], ids=["electron", "hole", "band edge"])
@pytest.mark.parametrize("dimension", [2, 3])
def test_density_of_states_of_one_band(mass, mu, dimension):
    sc = one_band(mu=mu, mass=mass, dimension=dimension)
    omega = np.array([-33.0, -5.0, 0.0, 2.0, 4.0, 5.0, 31.0])
    got = density_of_states(state(sc, [4.0]), omega, 0.4)
    wanted = [brute_density(sc, np.array([4.0]), w, 0.4)[0] for w in omega]
    assert relative_error(got.total, wanted) < QUADRATURE


@pytest.mark.parametrize("Gamma", [0.01, 0.3])
def test_dynes_formula(Gamma):
    """A wide shell of a deep band: N = Re z / sqrt(z^2 - Delta^2)."""
    sc = one_band(mu=3000.0, Omega=500.0)
    omega = np.linspace(-8.0, 8.0, 33)
    z = omega + 1j * Gamma
    root = np.sqrt(z**2 - 9.0)
    wanted = np.abs((z / root).real)
    got = density_of_states(state(sc, [3.0]), omega, Gamma).total
    assert np.abs(got - wanted).max() < DYNES


@pytest.mark.parametrize("name", ["distance", "unequal masses", "electron and hole", "two hole bands", "3D"])
def test_density_of_states_of_two_bands(name):
    sc = bands(name)
    omega = np.array([-31.0, -6.0, 0.0, 3.0, 7.5, 28.0])
    for seed in (40, 41):
        Delta = random_amplitudes(seed, phases=seed % 2 == 0)
        got = density_of_states(state(sc, Delta), omega, 0.4)
        wanted = np.stack([brute_density(sc, Delta, w, 0.4) for w in omega], axis=1)
        assert scaled_error(got.bands, wanted) < QUADRATURE
        np.testing.assert_allclose(got.total, np.sum(got.bands, axis=0), rtol=1e-14)


@pytest.mark.parametrize("name", ["distance", "electron and hole", "3D"])
def test_states_are_conserved(name):
    """Pairing moves states in energy, band by band, and neither makes nor destroys any."""
    sc = bands(name)
    omega = np.arange(-400.0, 401.0, 0.1)  # trapezoids converge as exp(-2 pi Gamma / 0.1)
    paired, normal = (density_of_states(state(sc, D), omega, 0.5).bands for D in (random_amplitudes(42), np.zeros(3)))
    moved = 0.1 * np.asarray(paired - normal)
    assert np.abs(moved).sum(axis=1).min() > 1.0
    assert np.abs(moved.sum(axis=1)).max() < CONSERVED


@pytest.mark.parametrize("name", BANDS)
def test_density_of_states_is_positive(name):
    omega = np.linspace(-40.0, 40.0, 801)
    for seed, Gamma in ((50, 1e-3), (51, 0.1)):
        bands_ = density_of_states(state(bands(name), random_amplitudes(seed)), omega, Gamma).bands
        assert np.isfinite(bands_).all()
        assert np.min(bands_) > 0


def test_the_normal_density_of_states_is_one():
    total = density_of_states(state(bands("distance"), np.zeros(3)), np.linspace(-50, 50, 11), 0.1).total
    assert np.abs(total - 1).max() < 1e-3  # the bands' bottoms, 200 meV away: Gamma / pi 150


@pytest.mark.parametrize(("D1", "D2", "d"), [(6.0, 4.0, 0.0), (6.0, 4.0, 10.0), (8.0, 2.0, 12.0)])
def test_low_energy_density_of_states_of_a_gapless_line_is_constant(D1, D2, d):
    """N / c of the one gapless branch, half of it relative to two bands: constant, not linear in omega."""
    sc = system(LAM, [200.0, 200.0 + d])
    Delta, _ = gapless_amplitudes(D1, D2, d)
    total = density_of_states(state(sc, Delta), np.array([0.0, 1e-3, 5e-3]), 1e-4).total
    assert relative_error(total, np.full(3, 0.5 / velocity(D1, D2, d))) < GAPLESS_DENSITY


@pytest.mark.slow
def test_density_of_states_differentiates():
    """With respect to Omega and a coupling, through the solution of the gap equations."""
    sc, paths = ba122(), ("Omega", "lam[a, a:b]")
    start = problem("s+- branch, T=1.0").Delta.real
    omega = np.array([-31.0, -6.0, 0.0, 3.0, 7.5, 28.0])

    def density(x):
        return density_of_states(solve(sc.set(dict(zip(paths, x, strict=True))), 4.0, start=start), omega, 0.5).total

    x = np.array([float(sc.get(path)) for path in paths])
    difference = central(density, x, np.array([1e-4, 1e-6]))
    for got, wanted in zip(jax.jacfwd(density)(x).T, difference.T, strict=True):
        assert scaled_error(got, wanted) < SECOND_DIFFERENCES


@pytest.mark.parametrize("Gamma", [-0.1, np.nan, np.inf])
def test_broadening_must_not_be_negative(Gamma):
    with pytest.raises(InputError, match="`Gamma` must"):
        tunnelling_density_of_states(state(one_band(), [2.0]), [0.0], Gamma)


def test_energies_must_be_finite():
    with pytest.raises(InputError, match="`omega` must be finite"):
        tunnelling_density_of_states(state(one_band(), [2.0]), [0.0, np.nan], 0.1)


# === phases


def test_phases():
    sc = problem("MgB2").system
    s = state(sc, [2.0 * np.exp(0.4j), -3.0 * np.exp(0.4j), 1.0j * np.exp(0.4j), 0.0])
    np.testing.assert_allclose(phase_difference(s), [0.0, np.pi, np.pi / 2, np.nan], atol=1e-15)
    np.testing.assert_allclose(relative_signs(s), [1.0, -1.0, 0.0, 0.0], atol=1e-15)


def test_phases_do_not_depend_on_the_global_phase():
    Delta = random_amplitudes(60)
    here, there = (state(ba122(), Delta * np.exp(1j * a)) for a in (0.0, 2.5))
    np.testing.assert_allclose(phase_difference(here), phase_difference(there), atol=1e-14)
    np.testing.assert_allclose(relative_signs(here), relative_signs(there), atol=1e-14)


# === free energy

_free_energy = eqx.filter_jit(free_energy)


@pytest.mark.parametrize("case", [p for p in PROBLEMS if p.free_energy is not None], ids=str)
def test_free_energy_of_the_reference(case):
    F = _free_energy(state(case.system, case.Delta, case.T)) / case.system.N[0]
    assert relative_error(F, case.free_energy) < FREE_ENERGY


def test_no_free_energy_without_detailed_balance():
    s = state(ba122(), problem("s+- branch, T=1.0").Delta, 1.0)
    assert not bool(s.superconductor.has_free_energy)
    with pytest.raises(InputError, match="not symmetric"):
        free_energy(s)
    assert np.isnan(_free_energy(s))


# === one state at a time


ONE_STATE = {
    "branch_minima": branch_minima,
    "coherence_peaks": coherence_peaks,
    "dispersion": lambda s: dispersion(s, [50.0]),
    "excitation_gap": excitation_gap,
    "excitation_gaps": excitation_gaps,
    "fermi_momentum_gaps": fermi_momentum_gaps,
    "free_energy": free_energy,
    "phase_difference": phase_difference,
    "relative_signs": relative_signs,
    "tunnelling_conductance": lambda s: tunnelling_conductance(s, [1.0], 0.1),
    "tunnelling_density_of_states": lambda s: tunnelling_density_of_states(s, [1.0], 0.1),
    "unstable_directions": unstable_directions,
}


@pytest.mark.parametrize("name", ONE_STATE)
def test_a_batch_of_states_is_refused(name):
    """`relative_signs` of a batch would compare temperatures."""
    one = state(materials.two_band(), np.array([6.5, 4.3, 2.2]))
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), one)
    with pytest.raises(InputError, match=r"must be one state \(for a batch: jax.vmap\(.*\)\(solution\)\), but got a batch of"):
        ONE_STATE[name](batch)
