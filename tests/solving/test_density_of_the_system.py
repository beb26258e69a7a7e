"""A density as part of the system: whatever solves at it finds mu as `at_density` does; what is of one mu refuses it."""

import jax
import numpy as np
import pytest

import jaxgap as jg
from jaxgap import InputError, NotConvergedError, superconductor
from jaxgap.model.systems import from_toml, to_toml
from jaxgap.sweeps import sweep

BANDS = {"bands": {"a": {"mu": 10.0}, "b": {"mu": -3.0, "mass": 1.3}}, "g": [[1.1, 0.1], [0.1, 1.0]], "Omega": 30.0}
T, N = 5.0, 24.0
SAME = 1e-12
"""One solve and another."""
DIFFERENCES = 1e-6
HOPPINGS = [jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0)]


def square(**options):
    given = {"parameters": {"t": 100.0}, "channels": {"s": jg.channel()}, "g": [[300.0]], "mesh": 48}
    return jg.lattice(jg.tight_binding(HOPPINGS), **(given | options))


@pytest.fixture(scope="module")
def sc():
    return superconductor(**BANDS, density=N)


def test_what_it_is_made_of(sc):
    """The first band's mu is what the density says; the others are counted from it."""
    assert sc.paths[:5] == ("Omega", "density", "mu[b]", "mass[a]", "mass[b]")
    assert (sc.unit("density"), float(sc.get("density"))) == ("meV", N)
    assert float(sc.set({"density": 30.0}).density) == 30.0
    assert "density = 24 meV, which says mu" in str(sc)
    lattice = square(density=0.7)
    assert lattice.paths == ("t", "density", "g[s, s]")
    assert (lattice.unit("density"), lattice.unit("t")) == ("electrons per cell", "meV")
    for system in (sc, lattice):
        read = from_toml(to_toml(system))
        assert read.paths == system.paths
        assert float(read.density) == float(system.density)


@pytest.mark.slow
def test_solving_finds_mu(sc):
    filled = jg.at_density(superconductor(**BANDS), T, N)
    solution = jg.solve(sc, T)
    assert solution.superconductor.density is None
    np.testing.assert_array_equal(solution.superconductor.mus, filled.mus)
    np.testing.assert_allclose(jg.density_of(solution), N, rtol=SAME)
    np.testing.assert_array_equal(solution.Delta, jg.solve(filled, T).Delta)


@pytest.mark.slow
def test_many_temperatures_and_a_start(sc):
    """Every temperature has its own mu; so has the state that a start leads to."""
    temperatures = [0.0, T, 40.0, 2000.0]
    curve = jg.gap_curve(sc, temperatures)
    for i, t in enumerate(temperatures):
        alone = jg.solve(sc, t)
        np.testing.assert_allclose(curve.solutions.Delta[i], alone.Delta, rtol=1e-9)
    again = jg.solve(sc, T, start=[8.0, 7.0])
    np.testing.assert_allclose(again.Delta, jg.solve(sc, T).Delta, rtol=1e-9)
    np.testing.assert_allclose(jg.density_of(again), N, rtol=SAME)


@pytest.mark.slow
def test_T_c_and_its_derivatives(sc):
    T_c, critical = jg.critical_temperature_at_density(superconductor(**BANDS), N)
    np.testing.assert_allclose([jg.critical_temperature(sc), jg.critical_temperature(critical)], T_c, rtol=1e-9)
    slopes = jax.grad(jg.critical_temperature)(sc)
    for path, h in (("density", 1e-3), ("mu[b]", 1e-3), ("g[a, b]", 1e-5)):
        ends = [float(jg.critical_temperature(sc.set({path: sc.get(path) + step}))) for step in (h, -h)]
        np.testing.assert_allclose(slopes.get(path), (ends[0] - ends[1]) / (2 * h), rtol=DIFFERENCES)


@pytest.mark.slow
def test_a_lattice():
    """Filled to n it is the holes of 2 - n; where pairs break is the T_c of the mu there, with its derivatives."""
    lattice = square(density=0.7)
    T_c, critical = jg.critical_temperature_at_density(lattice)
    np.testing.assert_allclose(jg.critical_temperature(critical), T_c, rtol=1e-9)
    more = jg.critical_temperature_at_density(lattice, 1.3)
    np.testing.assert_allclose([more.T_c, -more.superconductor.mu], [T_c, critical.mu], rtol=1e-9)
    np.testing.assert_allclose(jg.density_of(jg.solve(critical, float(T_c) * (1 + 1e-6))), 0.7, rtol=1e-6)
    below, above = (jg.solve(lattice, float(T_c) * (1 + step)) for step in (-1e-3, 1e-3))
    assert float(below.Delta[0].real) > 0 == float(above.Delta[0].real)
    slopes = jax.grad(jg.critical_temperature)(lattice)
    for path, h in (("density", 1e-4), ("t", 1e-2), ("g[s, s]", 1e-2)):
        ends = [float(jg.critical_temperature(lattice.set({path: lattice.get(path) + step}))) for step in (h, -h)]
        np.testing.assert_allclose(slopes.get(path), (ends[0] - ends[1]) / (2 * h), rtol=1e-5)


@pytest.mark.slow
def test_a_sweep(sc):
    """Point by point what `solve` finds, and derivatives along a fixed density."""
    along = ("d Delta/d density", "d Delta/d g[a, b]", "d T_c/d density")
    data = sweep(sc, {"density": [20.0, N]}, ("Delta", "T_c", "mu", *along), T=T)
    assert (data.status == jg.Status.CONVERGED).all()
    for n in (20.0, N):
        solution = jg.solve(sc.set({"density": n}), T)
        point = data.sel(density=n)
        np.testing.assert_allclose(point.Delta, solution.Delta.real, rtol=1e-9)
        np.testing.assert_allclose(point.mu, solution.superconductor.mus[0], rtol=1e-9)
        np.testing.assert_allclose(point.T_c, jg.critical_temperature(sc.set({"density": n})), rtol=1e-9)
    for path, h in (("density", 1e-3), ("g[a, b]", 1e-5)):
        ends = [np.asarray(jg.solve(sc.set({path: sc.get(path) + step}), T).Delta.real) for step in (h, -h)]
        got = data[f"d_Delta_d_{path}"].sel(density=N)
        np.testing.assert_allclose(got, (ends[0] - ends[1]) / (2 * h), rtol=DIFFERENCES)
    with pytest.raises(InputError, match="must have a chemical potential of its own"):
        sweep(sc, {"density": [20.0]}, T=T, mode="ground_state")


# === bad input


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: superconductor(**BANDS, density=-1.0), "`density` must be positive"),
        (lambda: superconductor(**BANDS, density=[1.0, 2.0]), "`density` must be one number"),
        (lambda: superconductor(**BANDS, density="many"), "`density` must hold numbers"),
        (lambda: superconductor(**BANDS, density=N).set({"density": 0.0}), "`density` must be positive"),
        (lambda: superconductor(**BANDS, density=N).set({"mu[a]": 3.0}), "The path `mu[a]` is not free at a fixed density"),
        (lambda: superconductor(**BANDS).get("density"), "Unknown path `density`"),
        (lambda: square(density=2.5), "`density` must lie between 0 and 2 electrons per cell"),
        (lambda: square(density=0.7, mu=3.0), "`mu` must be left out where there is a density"),
        (lambda: square(density=0.7).set({"mu": 3.0}), "Unknown path `mu`"),
        (lambda: jg.at_density(square(), T), "`density` must be given, as an argument or by the system"),
        (lambda: jg.solutions(square(density=0.7), T), "`sc` must have a chemical potential of its own"),
        (lambda: jg.branch_end(superconductor(**BANDS, density=N), "s++"), "but got density = 24"),
        (lambda: jg.solve(superconductor(**BANDS, density=N), T, start=[1j, 2.0]), "`start` must be real at a fixed density"),
    ],
)
def test_bad_input(make, words):
    with pytest.raises(InputError) as error:
        make()
    assert words in str(error.value)


@pytest.mark.slow
def test_where_no_mu_is_found(sc):
    """A branch that is not there has no density: one sentence, and without `throw` a status."""
    hot = 2000.0
    with pytest.raises(NotConvergedError, match="No chemical potential was found at which the density is 24 at T = 2000 K"):
        jg.solve(sc, hot, branch="s+-")
    assert not bool(jg.solve(sc, hot, branch="s+-", throw=False).converged)


@pytest.mark.slow
def test_what_was_found_but_not_accurately_is_not_called_missing():
    """On a mesh that is too coarse: mu and amplitudes are there, and the status says what they are worth."""
    coarse = square(density=0.7, mesh=8, tolerance=1e-10)
    solution = jg.solve(coarse, 100.0, throw=False)
    assert int(solution.status) == jg.Status.INACCURATE
    assert np.isfinite(solution.superconductor.mu)
    np.testing.assert_allclose(jg.density_of(solution), 0.7, rtol=1e-9)
    with pytest.raises(NotConvergedError, match="solve at T = 100 K: Converged, but the quadrature error exceeds"):
        jg.solve(coarse, 100.0)
    words = r"The state of density 0.7 at T = 100 K was found, but not accurately: Converged, but the quadrature"
    with pytest.raises(NotConvergedError, match=words):
        jg.at_density(coarse, 100.0)
    assert np.isnan(jax.jit(lambda n: jg.at_density(coarse, 100.0, n).mu)(0.7))
