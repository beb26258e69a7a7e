"""Bands by their energies on a grid of kappa: tables of parabolic and bent bands are those bands, files, refusals."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from bent_band import bent_band
from scipy.integrate import quad

import jaxgap as jg
from jaxgap import InputError, radial_band
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.pairing import gap_residual
from jaxgap.model.band import density_of_states, kappa_F
from jaxgap.model.systems import from_toml, to_toml

EXACT = 1e-12
"""Closed forms against the spline, which is exact for what is a polynomial."""
SOLVED = 1e-8
"""Solutions of two bands that differ by rounding, or by what a bent table leaves."""
OMEGA = 20.0
KAPPA = 160.0 * np.linspace(0.0, 1.0, 41) ** 1.5
"""Dense at the centre."""


def bent(kappa):
    return kappa / 1.3 + 0.004 * kappa**2


def wavy(kappa):
    """No polynomial."""
    return 90.0 * np.tanh(kappa / 120.0) + 0.1 * kappa


def hole(kappa):
    return -kappa / 0.8 - 0.002 * kappa**2


BANDS = [radial_band("a", KAPPA, f, mu) for f, mu in ((bent, 60.0), (wavy, 40.0), (hole, -45.0))]


@pytest.mark.parametrize("band", BANDS, ids=["bent", "wavy", "hole"])
def test_it_is_a_band(band):
    band.check()
    ends = jnp.stack(band.shell(jnp.asarray(OMEGA)))
    np.testing.assert_allclose(np.sort(band.zeta(ends)), [-OMEGA, OMEGA], rtol=EXACT)
    at_F = kappa_F(band)
    assert abs(float(band.zeta(at_F))) < EXACT * 60
    energies = jnp.linspace(-15.0, 15.0, 7) + 2.0j
    np.testing.assert_allclose(band.zeta(band.kappa_at(energies)), energies, rtol=EXACT)
    slope = jax.grad(band.zeta)(at_F)
    np.testing.assert_allclose(band.slope(at_F), slope, rtol=EXACT)
    np.testing.assert_allclose(jax.grad(band.kappa_at)(0.0) * slope, 1.0, rtol=EXACT)
    np.testing.assert_allclose(density_of_states(band, 3), np.sqrt(at_F) / abs(slope), rtol=EXACT)
    beyond = band.kappa_at(jnp.asarray(1e3 * np.sign(float(slope))))
    assert float(beyond) > KAPPA[-1]
    assert float(band.states(beyond, 2)) == 0.0


def test_the_table_says_how_fine_it_is():
    """A spline of fifth order is a polynomial, exactly; of another function the error of half the knots bounds that of all."""
    assert BANDS[0].error < EXACT * 100
    between = (KAPPA[1:] + KAPPA[:-1]) / 2
    wrong = np.abs(np.asarray(BANDS[1].zeta(jnp.asarray(between))) + 40.0 - wavy(between)).max()
    assert wrong < BANDS[1].error < 1e-4
    assert f"{len(KAPPA)} energies up to kappa = 160 meV" in str(BANDS[1])


@pytest.mark.parametrize(("z", "dimension"), [(7.0 + 3.0j, 2), (-30.0 + 2.0j, 3), (45.0 + 2.0j, 3)])
def test_normal_states_beyond_the_shell(z, dimension):
    band = BANDS[0]
    ends = [0.0, *(float(end) for end in band.shell(jnp.asarray(OMEGA))), KAPPA[-1]]

    def integrand(kappa):
        return (kappa ** ((dimension - 2) / 2) / (z - (bent(kappa) - 60.0))).imag

    wanted = sum(quad(integrand, *ends[i : i + 2], limit=400, epsabs=1e-12)[0] for i in (0, 2))
    np.testing.assert_allclose(band.beyond_shell(jnp.asarray(z), jnp.asarray(OMEGA), dimension).imag, wanted, rtol=1e-5)


# === systems


def pair(alpha, beta, **options):
    lam = np.array([[0.35, 0.05, 0.02], [0.05, 0.3, 0.02], [0.02, 0.02, 0.2]])
    return jg.superconductor(bands=[alpha, beta], lam=lam, Omega=OMEGA, cross=["alpha:beta"], **options)


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 3])
def test_cross_paired_tables_are_the_bands_they_are_made_of(dimension):
    """A parabolic one and a bent one, by tables on different grids."""
    exact = (
        jg.parabolic_band("alpha", 60.0, 1.2),
        (bent_band("beta", 52.0, 0.002) if dimension == 2 else jg.parabolic_band("beta", 52.0, 0.9)),
    )
    shape = (lambda kappa: kappa + 0.002 * kappa**2) if dimension == 2 else (lambda kappa: kappa / 0.9)
    tables = radial_band("alpha", KAPPA, KAPPA / 1.2, 60.0), radial_band("beta", np.linspace(0, 160, 57), shape, 52.0)
    seen = []
    for bands in (exact, tables):
        sc = pair(*bands, dimension=dimension)
        solution = jg.solve(sc, 5.0)
        numbers = [solution.Delta.real, jg.critical_temperature(sc)]
        seen.append(np.concatenate([np.ravel(x) for x in numbers]))
    np.testing.assert_allclose(seen[1], seen[0], rtol=SOLVED)


@pytest.mark.slow
def test_derivatives_of_the_gap_equations():
    """With respect to the scale, mu and Omega, against differences; in batches they are the same."""
    sc = pair(radial_band("alpha", KAPPA, bent, 60.0), radial_band("beta", KAPPA, wavy, 40.0))
    Delta, T, paths = jnp.array([4.0, 3.0, 0.6]), jnp.asarray(5.0), ("scale[beta]", "mu[alpha]", "Omega")
    start = np.array([float(sc.get(path)) for path in paths])

    @jax.jit
    def r(x):
        return gap_residual(sc.set(dict(zip(paths, x, strict=True))), Delta, T)

    slopes = jax.jit(jax.jacfwd(r))(start)
    for k, h in enumerate((1e-5, 1e-3, 1e-3)):
        up, down = (np.asarray(r(start + side * h * np.eye(3)[k])) for side in (1, -1))
        np.testing.assert_allclose(slopes[:, k], (up - down) / (2 * h), rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(residual_and_matrix(sc, Delta, T)[0], r(start), atol=1e-9)


def test_files(tmp_path):
    sc = pair(radial_band("alpha", KAPPA, bent, 60.0, 0.9), jg.parabolic_band("beta", 50.0))
    read = from_toml(to_toml(sc))
    assert read.paths == sc.paths
    assert read.bands[0].spline == sc.bands[0].spline
    assert read.unit("scale[alpha]") == "1"
    (tmp_path / "alpha.csv").write_text("kappa,energy\n" + "\n".join(f"{k!r},{bent(k)!r}" for k in KAPPA.tolist()))
    (tmp_path / "system.toml").write_text(
        "Omega = 20.0\nlam = [[0.3]]\n[bands.alpha]\ndispersion = 'alpha.csv'\nscale = 0.9\nmu = 60.0\n"
    )
    loaded = jg.load(tmp_path / "system.toml")
    assert loaded.bands[0].spline == sc.bands[0].spline
    (tmp_path / "alpha.csv").write_text("kappa,energy\n0.0 1.0 2.0\n")
    with pytest.raises(InputError, match="line 2: expected two numbers, kappa and energy"):
        jg.load(tmp_path / "system.toml")


UP = np.arange(8.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: radial_band("a", UP[:5], UP[:5]), "`energy[a]` must have one number for each of at least 6 kappa"),
        (lambda: radial_band("a", UP, UP[:7]), "`energy[a]` must have one number for each"),
        (lambda: radial_band("a", UP + 1, UP), "`kappa[a]` must begin at 0, the centre of the band, but got 1.0"),
        (lambda: radial_band("a", UP[[0, 2, 1, 3, 4, 5]], UP[:6]), "`kappa[a]` must rise from knot to knot"),
        (lambda: radial_band("a", UP, np.sin(UP)), "`energy[a]` must rise all along, or fall, since a band has one Fermi"),
        (lambda: radial_band("a", UP, [0, 1, 1.01, 10, 10.01, 10.02, 11, 12]), "(between the knots, too), but got a turn"),
        (lambda: radial_band("a", UP, UP, mu=9.0), "`mu[a]` must lie inside the table, between 0 and 7 meV, but got 9.0"),
        (lambda: radial_band("a", UP, UP, mu=1.0, scale=0.0), "`scale[a]` must be positive"),
        (lambda: radial_band("a", UP, [*UP[:7], np.nan], mu=1.0), "`energy[a]` must be finite"),
        (lambda: radial_band("a b", UP, UP, mu=1.0), "`name` must be"),
        (lambda: jg.superconductor(bands={"a": {"kappa": UP, "mu": 1.0}}, lam=[[0.3]], Omega=1.0), "must have the key energy"),
        (
            lambda: jg.at_density(jg.superconductor(bands=[radial_band("a", UP, UP, 3.0)], g=[[0.3]], Omega=1.0), 1.0, 6.0),
            "must be parabolic, or a density of states, for a number of electrons, but got RadialBand",
        ),
        (
            lambda: jg.superconductor(bands=[radial_band("a", UP, UP, 3.0)], g=[[0.3]], cutoff=5.0),
            "`bands.a` must be parabolic for a cutoff",
        ),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)
