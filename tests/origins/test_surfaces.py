"""Fermi surfaces and how lattice momenta join them: exact lengths, closed forms of circles and spheres, invariances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import ellipe, i0e

from jaxgap import InputError, NotConvergedError
from jaxgap.origins import (
    best_shift,
    closed_surface,
    couplings,
    difference_distribution,
    effectiveness,
    fermi_surface,
    follow,
    layered,
    layered_surface,
    local_share,
    pocket,
    pocket_surface,
    share,
    square_lattice,
    tight_binding,
)
from jaxgap.origins.geometries import (
    K_F,
    Pair,
    close,
    crossing,
    effectiveness_over,
    ellipse,
    nested,
    pnictide_like,
    ranking_range,
)
from jaxgap.units import hbar2_over_2m_e

EXACT = 1e-12
"""Sums over points of smooth periodic functions, and roots of band energies, are right to rounding."""
CURVE = 1e-9
"""Lengths of traced contours: 256 points resolve the harmonics of the surfaces here to this."""
SECOND_ORDER = 2e-3
"""The disc is counted on straight segments between points."""
DIFFERENCES = 1e-6
"""Central differences."""
POINTS = 128
"""All pairs of 2D surfaces have as many, so that they share their programs."""


def circle(k_F, centre=(0.0, 0.0)):
    return pocket_surface(ellipse(k_F, k_F, centre), POINTS)


@pytest.fixture(scope="module")
def slanted():
    return pocket([0.5, 2.0], 50.0, centre=(0.1, 0.2), angle=0.3)


# === surfaces


def test_the_length_of_an_ellipse(slanted):
    short, long = np.sort(np.asarray(slanted.k_F))
    exact = 4 * long * ellipe(1 - (short / long) ** 2)
    traced = fermi_surface(slanted, [(-1, 1), (-1, 1)])
    assert float(pocket_surface(slanted).size) == pytest.approx(exact, rel=EXACT)
    assert float(traced.size) == pytest.approx(exact, rel=EXACT)
    np.testing.assert_allclose(jax.vmap(slanted)(traced.k), 0.0, atol=50 * EXACT)


def test_the_density_of_states_of_an_ellipse(slanted):
    """N = sqrt(m_x m_y) / (2 pi hbar^2), however eccentric, and d(states)/d mu by the area pi k_x k_y / (2 pi)^2."""
    exact = np.sqrt(0.5 * 2.0) / (4 * np.pi * hbar2_over_2m_e)
    assert float(pocket_surface(slanted).density_of_states) == pytest.approx(exact, rel=EXACT)
    per_mu = jax.grad(lambda mu: jnp.prod(pocket([0.5, 2.0], mu).k_F) / (4 * jnp.pi))(50.0)
    assert float(per_mu) == pytest.approx(exact, rel=EXACT)


def test_any_dispersion_is_traced_as_itself():
    """A function instead of a pytree, two pockets, and open sheets of a quasi-one-dimensional band."""
    two = fermi_surface(lambda k: (jnp.abs(k[0]) - 1.0) ** 2 + k[1] ** 2 - 0.09, [(-2, 2), (-1, 1)], POINTS)
    assert two.sheets == (POINTS, POINTS)
    assert float(two.size) == pytest.approx(2 * 2 * np.pi * 0.3, rel=CURVE)
    band = tight_binding([1000.0, 100.0], [[1.0, 0.0], [0.0, 1.0]], cell=np.eye(2))
    sheets = fermi_surface(band, [(-np.pi, np.pi)] * 2, POINTS)
    assert len(sheets.sheets) == 2
    np.testing.assert_allclose(np.abs(np.asarray(sheets.drift)), [[0.0, 2 * np.pi]] * 2)
    y = np.linspace(0, 2 * np.pi, 20001)
    x = np.arccos(-0.1 * np.cos(y))
    exact = 2 * np.sum(np.hypot(np.diff(x), np.diff(y)))
    assert float(sheets.size) == pytest.approx(exact, rel=1e-8)  # the polygon's own error


def test_the_density_of_states_of_a_lattice_is_that_of_its_zone():
    """N on the contour against d(filling)/d mu of the zone: the two integrals share nothing."""
    lattice = square_lattice(250.0, 40.0, mu=-300.0)
    N = float(fermi_surface(lattice, [(-np.pi, np.pi)] * 2).density_of_states)
    k = 2 * np.pi * (np.arange(512) + 0.5) / 512
    zeta = -500 * (np.cos(k)[:, None] + np.cos(k)) - 160 * np.cos(k)[:, None] * np.cos(k) + 300
    for width in (8.0, 4.0):  # thermal smearing is of order width^2
        smeared = np.mean(1 / (4 * width * np.cosh(zeta / (2 * width)) ** 2))
        assert abs(smeared / N - 1) < 4e-5 * width**2


def test_areas_of_spheres_and_cylinders():
    k_F = 1.7
    masses = hbar2_over_2m_e * k_F**2 * np.ones(3)
    sphere = closed_surface(pocket(masses, 1.0), 3 * k_F, points=12)
    assert float(sphere.size) == pytest.approx(4 * np.pi * k_F**2, rel=EXACT)
    slope = jax.grad(lambda mu: closed_surface(pocket(masses, mu), 3 * k_F, points=12).size)(1.0)
    assert float(slope) == pytest.approx(4 * np.pi * k_F**2, rel=EXACT)  # the area goes as mu
    cylinder = layered_surface(layered(pocket(masses[:2], 1.0), c=5.0), 3 * k_F, 5.0, points=(12, 4))
    assert float(cylinder.size) == pytest.approx(2 * np.pi * k_F * 2 * np.pi / 5.0, rel=EXACT)


@pytest.mark.slow
def test_derivatives_follow_the_surface(slanted):
    traced = fermi_surface(slanted, [(-1, 1), (-1, 1)], POINTS)

    @jax.jit
    def length(mu, angle):
        return follow(traced, pocket([0.5, 2.0], mu, (0.1, 0.2), angle)).size

    slope = jax.grad(length, argnums=(0, 1))(50.0, 0.3)
    assert float(slope[0]) == pytest.approx(float(traced.size) / (2 * 50.0), rel=CURVE)  # size goes as sqrt(mu)
    assert float(slope[1]) == pytest.approx(0.0, abs=CURVE)
    difference = (length(50.01, 0.3) - length(49.99, 0.3)) / 0.02
    assert float(slope[0]) == pytest.approx(float(difference), rel=DIFFERENCES)
    curvature = jax.grad(jax.grad(length))(50.0, 0.3)
    assert float(curvature) == pytest.approx(-float(traced.size) / (4 * 50.0**2), rel=CURVE)


# === what joins them


def test_circles_in_closed_form():
    r"""eta = exp(-(k - k')^2 / q_c^2) I_0(2 k k' / q_c^2) e^(-2 k k' / q_c^2), and of the disc 2/pi arcsin(...)."""
    u, o = circle(0.5), circle(0.56)
    for q_c in (0.08, 0.3, 2.0):
        assert float(share(u, o, q_c)) == pytest.approx(np.exp(-(0.06**2) / q_c**2) * i0e(2 * 0.28 / q_c**2), rel=EXACT)
    edges = np.linspace(0.05, 1.1, 22)
    found = difference_distribution(u, o, edges)
    inside = np.clip((edges**2 - 0.06**2) / (4 * 0.28), 0, 1)
    np.testing.assert_allclose(
        found, np.diff(2 / np.pi * np.arcsin(np.sqrt(inside))) / np.diff(edges), rtol=0.02, atol=SECOND_ORDER
    )
    assert float(share(u, o, 0.4, profile="disc")) == pytest.approx(
        2 / np.pi * np.arcsin(np.sqrt((0.16 - 0.0036) / 1.12)), abs=SECOND_ORDER
    )


def test_spheres_in_closed_form():
    r"""eta = q_c^2 / (4 k k') (exp(-(k - k')^2 / q_c^2) - exp(-(k + k')^2 / q_c^2)): q^2 is evenly distributed."""
    u, o = (closed_surface(pocket(hbar2_over_2m_e * k**2 * np.ones(3), 1.0), 2.0, points=12) for k in (1.0, 1.1))
    exact = 0.64 / 4.4 * (np.exp(-0.01 / 0.64) - np.exp(-(2.1**2) / 0.64))
    assert float(share(u, o, 0.8)) == pytest.approx(exact, rel=1e-7)  # 288 points, spaced by q_c / 4


def test_the_whole_distribution_is_one_and_its_mean_square_is_exact():
    """int P = 1, int q^2 P = <(k_o - k_u)^2>: for concentric circles k^2 + k'^2."""
    u, o = circle(0.5), circle(0.7)
    edges = np.linspace(0.0, 1.25, 251)
    P, middle = np.asarray(difference_distribution(u, o, edges)), (edges[1:] + edges[:-1]) / 2
    assert P @ np.diff(edges) == pytest.approx(1.0, rel=EXACT)
    assert P @ (middle**2 * np.diff(edges)) == pytest.approx(0.25 + 0.49, abs=SECOND_ORDER)


@pytest.fixture(scope="module")
def pair():
    """Of different shape and size, nested by nothing."""
    u = pocket_surface(ellipse(0.4, 0.7, (0.9, 0.2)), POINTS)
    return u, pocket_surface(ellipse(0.6, 0.5, sign=-1), POINTS)


@pytest.mark.slow
def test_nothing_changes_under_a_common_shift_and_rotation(pair):
    u, o = pair
    e = effectiveness(u, o, 0.4)
    moved = effectiveness(u.moved((0.3, -0.2), 0.7), o.moved((0.3, -0.2), 0.7), 0.4)
    np.testing.assert_allclose([moved.share, moved.as_drawn], [e.share, e.as_drawn], rtol=1e-10)
    cos, sin = np.cos(0.7), np.sin(0.7)
    np.testing.assert_allclose(moved.Q, np.array([[cos, -sin], [sin, cos]]) @ e.Q, atol=1e-9)
    # Exchange of the surfaces turns Q around; a shift of one of them adds to it.
    swapped = best_shift(o, u, 0.4)
    np.testing.assert_allclose(swapped.Q, -e.Q, atol=1e-9)
    shifted = best_shift(u, o.moved((0.05, 0.4)), 0.4)
    np.testing.assert_allclose(shifted.Q, e.Q + jnp.array([0.05, 0.4]), atol=1e-9)
    assert float(shifted.share) == pytest.approx(float(e.share), rel=1e-10)


def test_the_best_shift_is_the_best(pair):
    """Against eta on a grid that covers all differences."""
    for surfaces, q_c in ((pair, 0.1), (pair, 0.3), (close().surfaces(POINTS), 0.05), (crossing().surfaces(POINTS), 0.05)):
        found = best_shift(*surfaces, q_c)
        k, K = (np.asarray(s.k) for s in surfaces)
        w, W = (np.asarray(s.weight / s.density_of_states) for s in surfaces)
        reach = np.max(np.abs(k)) + np.max(np.abs(K))
        best = 0.0
        for Q in np.stack(np.meshgrid(*[np.linspace(-reach, reach, 49)] * 2), axis=-1).reshape(-1, 2):
            # exp(-|k_o - k_u - Q|^2) is a product over components.
            x, y = (np.exp(-((K[None, :, i] - k[:, None, i] - Q[i]) ** 2) / q_c**2) for i in (0, 1))
            best = max(best, w @ (x * y) @ W)
        assert float(found.share) >= best * (1 - 1e-12)
        assert best > 0.9 * float(found.share)


def test_perfect_nesting_is_as_good_as_one_band_and_nothing_is_better(pair):
    for q_c in (0.05, 0.3, 1.5):
        e = effectiveness(*nested().surfaces(POINTS), q_c)
        assert float(e.relative) == pytest.approx(1.0, abs=EXACT)
        np.testing.assert_allclose(e.Q, [-3.0 * K_F, 0.0], atol=1e-9)
        assert float(effectiveness(*pair, q_c).relative) < 1.0
    u, o = nested().surfaces(POINTS)
    np.testing.assert_allclose(local_share(u, o, 0.1, (-3.0 * K_F, 0.0)), 1.0, rtol=1e-9)


def test_what_reaches_everywhere_joins_everything(pair):
    assert float(effectiveness(*pair, 1e4).relative) == pytest.approx(1.0, abs=1e-7)


def test_momenta_count_modulo_the_reciprocal_lattice(pair):
    """Moving one surface by a reciprocal lattice vector changes nothing; a zone much larger than everything neither."""
    u, o = pair
    zone = 3.0 * np.eye(2)
    here = float(share(u, o, 0.3, (-0.9, -0.2), reciprocal=zone))
    there = float(share(u.moved((3.0, -6.0)), o, 0.3, (-0.9, -0.2), reciprocal=zone))
    assert there == pytest.approx(here, rel=EXACT)
    assert float(share(u, o, 0.3, (-0.9, -0.2), reciprocal=1e3 * np.eye(2))) == pytest.approx(
        float(share(u, o, 0.3, (-0.9, -0.2))), rel=EXACT
    )


@pytest.mark.slow
def test_cylinders_are_their_sections():
    """The share of k_z differences is common to inter- and intraband: the ratio is that of 2D, at any t_z of both."""
    reciprocal = [[0.0, 0.0, 2 * np.pi / 6.0]]
    cylinders = [layered_surface(layered(p, c=6.0), 1.0, 6.0, points=(32, 4)) for p in close(0.2)]
    flat = [pocket_surface(p, 32) for p in close(0.2)]

    def ratio(u, o, **lattice):
        eta = [float(share(a, b, 0.4, **lattice)) for a, b in ((u, o), (u, u), (o, o))]
        return eta[0] / np.sqrt(eta[1] * eta[2])

    assert ratio(*cylinders, reciprocal=reciprocal) == pytest.approx(ratio(*flat), rel=EXACT)


@pytest.mark.slow
def test_gradients_of_the_effectiveness_and_of_the_best_shift():
    """With respect to shape, place and q_c; d eta/dQ = 0, so that eta's needs no derivative of Q, but Q's is there too."""
    o = pocket_surface(ellipse(0.6, 0.5, sign=-1), POINTS)

    @jax.jit
    def both(theta):
        u = pocket_surface(pocket(theta[:2], 1000.0, theta[2:4]), POINTS)
        e = effectiveness(u, o, theta[4])
        return jnp.append(e.Q, jnp.stack([e.share, e.relative]))

    at = np.array([0.6, 1.9, 0.9, 0.2, 0.2])
    slopes = jax.jit(jax.jacfwd(both))(at)
    for i in range(5):
        step = 1e-5 * np.eye(5)[i]
        difference = (both(at + step) - both(at - step)) / 2e-5
        np.testing.assert_allclose(slopes[:, i], difference, atol=DIFFERENCES * max(1.0, float(np.max(np.abs(difference)))))
    np.testing.assert_allclose(slopes[:2, 2:4], -np.eye(2), atol=1e-8)


def test_couplings_have_a_free_energy_and_reduce_to_one_band():
    u, o = nested().surfaces(POINTS)
    lam = couplings([u, o], 3e4, 0.2)
    N = np.array([float(u.density_of_states), float(o.density_of_states)])
    np.testing.assert_allclose(lam / N, (lam / N).T, rtol=EXACT)
    np.testing.assert_allclose(lam, lam[0, 0], rtol=1e-10)  # nested: interband as intraband


# === Fig. 3


def test_the_ranking_of_the_sketch():
    """Crossing weak, close strong, nested as one band, for separation < q_c << 2 k_F; below, as drawn, the ranking turns."""
    q_c = 0.15 * K_F
    weak, strong = (effectiveness(*pair.surfaces(POINTS), q_c) for pair in (crossing(), close()))
    assert float(weak.relative_as_drawn) < 0.2
    assert float(weak.relative) < 0.5 * float(strong.relative)
    # As drawn the sharp disc says the same.
    disc = [share(*pair.surfaces(POINTS), q_c, profile="disc") for pair in (crossing(), close(), nested(0.0))]
    assert float(disc[0] / disc[2]) < 0.2 < 0.6 < float(disc[1] / disc[2])
    assert float(effectiveness(*pnictide_like().surfaces(POINTS), q_c).relative) > 0.9
    further = effectiveness_over(close(), K_F * np.array([0.15, 0.3, 1.0]), POINTS).relative
    assert float(further[0]) == pytest.approx(float(strong.relative), rel=EXACT)
    assert np.all(np.diff(further) > 0)
    ((low, high),) = ranking_range(close(), crossing(), K_F * np.array([0.055, 0.08, 0.3, 1.0]), shifted=False)
    assert 0.055 * K_F < low < 0.1 * K_F
    assert high == pytest.approx(K_F)
    ((low, high),) = ranking_range(close(), crossing(), K_F * np.array([0.055, 0.15, 0.8]), 2.0, shifted=False)
    assert low < 0.1 * K_F < 0.3 * K_F < high < K_F


@pytest.mark.slow
def test_layers_win_only_below_the_separation():
    """Concentric surfaces, separation s: cylinders beat spheres for q_c = s/2, and are equal for q_c = 2s to a percent."""
    spheres, circles = [], []
    for k in (0.85, 1.15):
        spheres.append(closed_surface(pocket(hbar2_over_2m_e * k**2 * np.ones(3), 1.0), 2.0, points=24))
        circles.append(pocket_surface(ellipse(k, k), POINTS))
    narrow, wide = ([float(effectiveness(*pair, q_c).relative) for pair in (circles, spheres)] for q_c in (0.15, 0.6))
    assert narrow[0] > 1.1 * narrow[1]
    assert wide[0] == pytest.approx(wide[1], rel=0.01)


# === bad input


@pytest.mark.parametrize(
    ("call", "complaint"),
    [
        (lambda: pocket([1.0, -1.0], 50.0), "`mu` must have the sign"),
        (lambda: pocket([1.0, 1.0], np.nan), "`mu` must be finite"),
        (lambda: pocket([1.0, 1.0], 5.0, centre=[0.0]), "`centre` must have 2 numbers"),
        (lambda: pocket_surface(pocket([1.0], 5.0)), "`pocket` must have two masses"),
        (lambda: tight_binding([1.0], [[0.5]], cell=[[1.0]]), "`R` must hold lattice vectors"),
        (lambda: fermi_surface(pocket([1, 1], 50.0), [(3, 4), (3, 4)]), "`window` must contain a Fermi surface"),
        (lambda: fermi_surface(pocket([1, 1], 50.0), [(0, 1), (-1, 1)]), "`window` must contain every sheet"),
        (lambda: fermi_surface(pocket([1, 1], 50.0), [(1, 0), (-1, 1)]), "`window` must hold two rising pairs"),
        (lambda: closed_surface(pocket([1, 1, 1], 50.0), 0.01, points=12), "`reach` must make every ray meet"),
        (lambda: share(circle(0.5), circle(0.6), 0.0), "`q_c` must be positive"),
        (lambda: share(circle(0.5), circle(0.6), 0.001), "`q_c` must be at least the spacing"),
        (lambda: share(circle(0.5), circle(0.6), 0.1, profile="square"), "`profile` must be"),
        (lambda: share(circle(0.5), circle(0.6), 0.1, (1.0,)), "`Q` must have 2 components"),
        (lambda: difference_distribution(circle(0.5), circle(0.6), [0.2, 0.1]), "`edges` must rise"),
    ],
)
def test_bad_input_is_one_sentence(call, complaint):
    with pytest.raises(InputError, match=f"Argument {complaint}"):
        call()


@pytest.mark.parametrize("points", [32, 256])
def test_sheets_that_cross_are_refused(points):
    with pytest.raises(NotConvergedError, match="sheets cross"):
        fermi_surface(lambda k: k[0] ** 2 * (1 - k[0] ** 2) - k[1] ** 2, [(-2, 2), (-1, 1)], points, grid=200)


@pytest.mark.slow
def test_equal_pairs_are_not_told_apart_by_their_masses():
    """Only shapes matter: scaling masses and mu of one band changes neither the shares nor Q."""
    one, other = (Pair(pocket([0.5 * s, 0.9 * s], 80.0 / s), pocket([1.0, 1.0], 60.0)) for s in (1.0, 4.0))
    first, second = (effectiveness(*pair.surfaces(POINTS), 0.1) for pair in (one, other))
    assert float(first.share) == pytest.approx(float(second.share), rel=EXACT)
