"""The gap where one band of a cross-paired pair pairs alone, against the BdG matrix scanned over all kappa."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import pytest
from amplitudes import LAM, brute_energies, central, state
from problems import PROBLEMS, generator, scaled_error, system

from jaxgap import gap_curve, materials, solutions, solve
from jaxgap.commands.printing import gap_lines
from jaxgap.observables import (
    branch_minima,
    coherence_peaks,
    excitation_gap,
    fermi_momentum_gaps,
    overlap_minima,
    tunnelling_density_of_states,
    wave_vector,
)
from jaxgap.plotting.plots import plot_dispersion
from jaxgap.spectra.minima import branch_minima_of, excitation_gap_of, overlap_minima_of
from jaxgap.spectra.peaks import strongest_peaks_of

SCAN = 1e-9
"""[meV] A scan that zooms in on the lowest points, rounding of eigenvalues, with a margin of 1e4; `solve` promises it too."""
FIRST_DIFFERENCES = 1e-7
"""Central differences: h^2 times third derivatives, and rounding 1e-14 / h."""
SECOND_DIFFERENCES = 1e-6
"""The same of gradients, whose kappa is itself a root to 1e-10."""
EXACT = 1e-12
"""[meV] |Delta_i| itself, but for the rounding of zeta_i(k_F)."""


def issue_system(masses=(1.0, 0.6), mus=(100.0, 100.0), Omega=30.0):
    """Bands of different k_F: 100 and 60 in kappa, with shells [70, 130] and [42, 78]."""
    return system([[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.1]], list(mus), list(masses), Omega=Omega)


def shells(sc):
    m, mu = (np.abs([float(getattr(band, leaf)) for band in sc.bands]) for leaf in ("mass", "mu"))
    return m * np.maximum(mu - float(sc.Omega), 0.0), m * (mu + float(sc.Omega))


def scanned(sc, Delta):
    """(branch minima, minima over the overlap) of a pair of bands: BdG matrices with the Theta functions, on every interval
    between shell edges and Fermi momenta."""
    (a, b), everywhere, overlap = shells(sc), np.full(2, np.inf), np.full(2, np.inf)
    k_F = [float(band.mass * band.mu) for band in sc.bands]
    ends = np.unique(np.concatenate([[0.0, 1.5 * b.max()], a, b, k_F]))
    for left, right in itertools.pairwise(ends):
        inside = ((left + right) / 2 > a) & ((left + right) / 2 < b)
        if right - left < SCAN:
            continue
        edge = 1e-13 * right  # at an end itself rounding decides which side it is on
        for branch in (0, 1):
            lowest = _lowest(sc, Delta, branch, left + edge, right - edge)
            if inside.all():
                overlap[branch] = min(overlap[branch], lowest)
            everywhere[branch] = min(everywhere[branch], lowest)
    # The upper branch is that of both bands, if they are ever together.
    upper = overlap[1] if np.isfinite(overlap[1]) else everywhere[1]
    return np.array([everywhere[0], upper]), np.where(np.isfinite(overlap), overlap, np.nan)


def _lowest(sc, Delta, branch, left, right):
    """The minimum of one branch on an interval, by a scan that zooms in around the lowest points."""
    kappa = np.linspace(left, right, 401)
    E = brute_energies(sc, Delta, kappa)[:, branch]
    padded = np.pad(E, 1, constant_values=np.inf)
    valleys = np.flatnonzero(np.minimum(padded[:-2], padded[2:]) >= E)
    found = np.inf
    for k in valleys[np.argsort(E[valleys])[:2]]:
        lo, hi = kappa[max(k - 1, 0)], kappa[min(k + 1, 400)]
        for _ in range(7):
            fine = np.linspace(lo, hi, 31)
            E_fine = brute_energies(sc, Delta, fine)[:, branch]
            j = int(np.argmin(E_fine))
            lo, hi = fine[max(j - 1, 0)], fine[min(j + 1, 30)]
        found = min(found, E_fine.min())
    return found


SHELLS = {
    "k_F of b outside a's shell": ([100.0, 100.0], [1.0, 0.6], 30.0, 2),
    "the shells do not overlap": ([100.0, 100.0], [1.0, 0.6], 20.0, 2),
    "electron and hole": ([100.0, -60.0], [1.0, -0.9], 20.0, 2),
    "two hole bands": ([-100.0, -100.0], [-1.0, -0.6], 30.0, 2),
    "3D": ([100.0, 100.0], [1.0, 0.6], 30.0, 3),
    "one shell inside the other": ([100.0, 100.0], [0.8, 0.4], 70.0, 2),
    "cut at kappa = 0": ([20.0, 90.0], [1.0, 0.7], 30.0, 2),
    "equal masses, d > Omega": ([100.0, 140.0], [1.0, 1.0], 30.0, 2),
    "d < Omega": ([100.0, 110.0], [1.0, 1.0], 30.0, 2),
    "d = 0": ([100.0, 100.0], [1.0, 1.0], 30.0, 2),
    "the shells just miss each other": ([100.0, 160.001], [1.0, 1.0], 30.0, 2),
}
"""Names -> (mus, masses, Omega, dimension)."""


def drawn(seed):
    rng = generator(seed)
    sizes = rng.uniform(1.0, 9.0, 3)
    phases = np.exp(1j * rng.uniform(-np.pi, np.pi, 3)) if seed % 2 else rng.choice([-1.0, 1.0], 3)
    return sizes * phases


_both = jax.jit(lambda sc, D: (branch_minima_of(sc, D), overlap_minima_of(sc, D)))


@pytest.mark.parametrize("name", SHELLS)
def test_minima_over_all_k_against_the_bdg_matrix(name):
    mus, masses, Omega, dimension = SHELLS[name]
    sc = system(LAM, mus, masses, Omega=Omega, dimension=dimension)
    for seed in range(3):
        Delta = drawn(seed)
        for got, wanted in zip(_both(sc, jnp.asarray(Delta, complex)), scanned(sc, Delta), strict=True):
            np.testing.assert_allclose(got, wanted, rtol=0, atol=SCAN, err_msg=f"seed {seed}")


@pytest.mark.slow
def test_the_gap_of_bands_of_different_fermi_momenta():
    """The smallest excitation is the band's that pairs alone at its own k_F, far below every E_- of the overlap; the density of
    states begins there."""
    s = solve(issue_system(), 0.0)
    lower, upper = (float(gap) for gap in branch_minima(s))
    np.testing.assert_allclose(overlap_minima(s), [17.007907320503, 26.784618585981], rtol=0, atol=SCAN)
    np.testing.assert_allclose([lower, upper], [3.917798180583, 26.784618585981], rtol=0, atol=SCAN)
    assert abs(lower - float(abs(s.Delta[1]))) < EXACT
    assert float(excitation_gap(s)) == lower
    N = tunnelling_density_of_states(s, np.array([0.0, lower - 1e-6, lower + 1e-6]), 0.0).total
    assert N[0] == N[1] == 0
    assert N[2] > 100


def test_the_gap_is_continuous_where_the_overlap_ends():
    """A map of it has no cliff: mu of b from shells that overlap to ones that do not, with one state all the way."""
    Delta = jnp.array([6.0, -4.0, 1.0])
    mus = jnp.linspace(100.0, 200.0, 4001)
    base = issue_system((1.0, 1.0))
    run = jax.jit(jax.vmap(lambda mu: branch_minima_of(base.set({"mu[b]": mu}), Delta)))
    lower, upper = np.asarray(run(mus)).T
    assert np.isfinite(upper).all()
    # 0.025 meV a step, of which the gap moves by a few per cent.
    assert np.abs(np.diff(lower)).max() < 1e-3
    np.testing.assert_allclose(lower[-1], 4.0, atol=EXACT)
    # The upper one is d/2 and what the amplitudes add, which it loses at the overlap's end, at Omega.
    np.testing.assert_allclose(upper[mus > 160.0], (mus[mus > 160.0] - 100.0) / 2, rtol=EXACT)
    assert np.abs(np.diff(upper)).max() < 1.6


def test_shells_that_touch_have_no_overlap():
    """At the one k they share E_- would be Omega - |Delta_3| = 3, whatever rounding makes of it."""
    for shift in (0.0, 1e-14, -1e-14):
        s = state(issue_system((1.0, 1.0), (100.0, 160.0 + shift)), [6.0, 5.0, 27.0])
        np.testing.assert_allclose(branch_minima(s), [5.0, 30.0], atol=EXACT)
        assert np.isnan(overlap_minima(s)).all()


@pytest.mark.slow
def test_nothing_pairs_below_a_normal_band():
    """A band without an amplitude inside a pair: no gap, also where its k_F is outside the other's shell."""
    for Omega in (30.0, 20.0):
        sc = issue_system(Omega=Omega)
        assert float(excitation_gap(state(sc, [5.0, 0.0, 0.0]))) < EXACT
    assert float(excitation_gap(state(materials.mgb2(), [7.0, 6.0, 0.0, 1.0]))) == 0.0


def test_states_outside_the_shells_are_below_a_gap_above_omega():
    sc = system([[0.4]], [100.0], cross=(), Omega=30.0)
    s = state(sc, [40.0])
    assert float(branch_minima(s)[0]) == 40.0
    assert float(excitation_gap(s)) == 30.0
    assert tunnelling_density_of_states(s, np.array([30.0 + 1e-9]), 0.0).total[0] > 0


@pytest.mark.parametrize("case", PROBLEMS, ids=str)
def test_the_reference_has_its_minima_in_the_overlap(case):
    """No case of the reference is changed by what lies beyond: both definitions agree there."""
    s = state(case.system, case.Delta)
    np.testing.assert_allclose(branch_minima(s), overlap_minima(s), rtol=0, atol=EXACT)


def test_a_nan_amplitude_is_a_nan_gap_in_large_batches():
    """XLA's min drops NaN above some 3,000 elements."""
    base, Delta = issue_system(), np.tile([6.0, 4.0, 1.0], (5000, 1))
    Delta[1::2, 0] = np.nan
    gap = np.asarray(jax.jit(jax.vmap(lambda D: excitation_gap_of(base, D)))(jnp.asarray(Delta)))
    assert np.isnan(gap[1::2]).all()
    np.testing.assert_allclose(gap[::2], 4.0, atol=EXACT)


@pytest.mark.slow
def test_nothing_is_read_off_a_state_that_was_not_found():
    s = state(issue_system(), np.full(3, np.nan))
    for read in (branch_minima, overlap_minima, excitation_gap, lambda s: fermi_momentum_gaps(s).gap):
        assert np.isnan(read(s)).all()
    for Gamma in (0.0, 0.1):
        assert np.isnan(tunnelling_density_of_states(s, [1.0, 3.0], Gamma).total).all()


# === derivatives

STEPS = 1e-4 * np.array([1, 1, 0.01, 0.01, 1, 1, 1, 1])
"""A change of a mass moves zeta by kappa = 100 meV times as much."""


def _with(x):
    sc = issue_system()
    leaves = lambda s: (s.bands[0].mu, s.bands[1].mu, s.bands[0].mass, s.bands[1].mass, s.Omega)  # noqa: E731
    return eqx.tree_at(leaves, sc, tuple(x[:5])), x[5:]


def _minima(x):
    return branch_minima_of(*_with(x))


_value, _forward, _reverse = jax.jit(_minima), jax.jit(jax.jacfwd(_minima)), jax.jit(jax.jacrev(_minima))
POINTS = {
    "alone at k_F": [100.0, 100.0, 1.0, 0.6, 30.0, 6.18, 3.918, 1.24],
    "no overlap": [100.0, 100.0, 1.0, 0.6, 20.0, 6.18, -3.918, 1.24],
    "at the overlap's edge": [100.0, 100.0, 0.9, 0.6, 25.0, 22.0, 21.0, 9.0],
    "inside the overlap": [50.0, 60.0, 1.0, 1.0, 41.0, 12.4, -6.2, 1.0],
    "nearly equal bands": [100.0, 100.0001, 1.0, 1.0, 8.0, 5.0, 3.0, 9.0],
}


@pytest.mark.parametrize("name", POINTS)
def test_derivatives_against_differences(name):
    x = np.array(POINTS[name])
    assert scaled_error(_forward(x), central(_value, x, STEPS)) < FIRST_DIFFERENCES


@pytest.mark.slow
@pytest.mark.parametrize("name", POINTS)
def test_reverse_and_second_derivatives(name):
    x = np.array(POINTS[name])
    np.testing.assert_allclose(_reverse(x), _forward(x), rtol=0, atol=EXACT)
    assert scaled_error(jax.jit(jax.hessian(_minima))(x), central(_forward, x, STEPS)) < SECOND_DIFFERENCES


def test_the_gap_of_a_band_that_pairs_alone_is_its_amplitude():
    """Nothing else moves it: neither masses, nor mu, nor Omega."""
    gradient = _forward(np.array(POINTS["alone at k_F"]))[0]
    np.testing.assert_allclose(gradient, [0, 0, 0, 0, 0, 0, 1, 0], atol=EXACT)


# === what reads it


def test_the_dispersion_is_drawn_over_both_shells():
    ax = plot_dispersion(state(issue_system(Omega=20.0), [6.0, -4.0, 1.0]))
    k, E = ax.lines[0].get_data()
    plt.close(ax.figure)
    for kappa, gap in ((60.0, 4.0), (100.0, 6.0)):
        assert np.interp(float(wave_vector(kappa)), k, E) == pytest.approx(gap, abs=0.01)


def test_the_command_says_which_band_pairs_alone():
    s = solve(issue_system(), 0.0)
    assert gap_lines(s) == [
        "gap (branch minimum) a:b lower: 3.917798 meV",
        "gap (branch minimum) a:b upper: 26.784619 meV",
        "`a:b lower` is of a band that pairs alone, where its partner is outside the shell; "
        "where both bands pair the minimum is 17.007907 meV",
    ]
    apart = solve(issue_system(Omega=20.0), 0.0)
    assert gap_lines(apart)[-1] == (
        "the shells of a:b do not overlap: each band pairs alone; `a:b upper` is no gap but the cutoff's"
    )
    assert len(gap_lines(solve(materials.ba122(), 1.0, branch="s+-"))) == 2


def test_coherence_peaks_of_bands_that_pair_alone():
    sc, Delta = issue_system(), [6.0, -4.0, 1.0]
    peaks = [peak for peak in coherence_peaks(state(sc, Delta)) if not peak.is_artefact]
    assert [(peak.branch, peak.kind) for peak in peaks[:2]] == [("a:b lower", "minimum")] * 2
    np.testing.assert_allclose([peak.energy for peak in peaks[:2]], [4.0, 6.0], atol=EXACT)
    np.testing.assert_allclose([peak.kappa for peak in peaks[:2]], [60.0, 100.0], atol=SCAN)
    np.testing.assert_allclose([peak.weight for peak in peaks[:2]], [0.6 * 8.0**0.5, 12.0**0.5], rtol=EXACT)
    strongest = strongest_peaks_of(sc, jnp.asarray(Delta))
    assert abs(float(strongest[0]) - 6.0) < EXACT
    apart = strongest_peaks_of(issue_system(Omega=20.0), jnp.asarray(Delta))
    assert abs(float(apart[0]) - 6.0) < EXACT
    assert np.isnan(apart[1])


@pytest.mark.slow
def test_gaps_of_states_and_curves_have_no_nan_where_the_overlap_ends():
    sc = issue_system(Omega=20.0)
    states = solutions(sc, 2.0)
    for found in states.stable:
        assert found.gap == pytest.approx(np.abs(found.Delta[:2]).min(), abs=EXACT)
    assert np.isfinite(gap_curve(sc, [0.0, 5.0]).gaps).all()
