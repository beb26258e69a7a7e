"""Eliashberg's equations without cross-band pairing: reference numbers, limits, derivatives, free energy, bad input."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import relative_error

import jaxgap as jg
from jaxgap.selfenergy.eliashberg import equations_of
from jaxgap.selfenergy.matsubara import mesh
from jaxgap.units import k_B

REFERENCE = {
    case["name"]: case
    for case in json.loads((Path(__file__).parents[1] / "reference" / "strong_coupling.json").read_text())["cases"]
}
EINSTEIN = REFERENCE["Einstein lambda=1, omega=20, mu*=0"]
LINEAR = REFERENCE["piecewise-linear alpha2F"]
MGB2 = REFERENCE["MgB2, Golubov et al. 2002 (lambda, mu*), one Einstein mode for all"]
FEW = 128
"""Frequencies where only derivatives and relations are asked."""

REFERENCE_TOLERANCE = 1e-8
"""The reference sums every frequency; the compressed grid interpolates to 4e-10."""
OF_TABLES = 6e-8
"""The reference's quadrature of a table has lambda = 2.2180709783; exact is 2.2180709778."""


def one_band(lam=1.0, omega=20.0, frequencies=FEW, **options):
    interaction = jg.Retarded(omega, frequencies=frequencies, **options)
    return jg.superconductor(bands={"a": {"mu": 500.0}}, lam=lam, interaction=interaction)


def linear(frequencies):
    spectrum = jg.origins.eliashberg_function(LINEAR["omega"], LINEAR["alpha2F"])
    interaction = jg.Retarded(spectrum, LINEAR["mu_star"], LINEAR["omega_c"], frequencies=frequencies)
    return jg.superconductor(bands={"a": {"mu": 500.0}}, interaction=interaction)


def mgb2(frequencies):
    """Masses in the ratio of the couplings: N_i lambda_ij is symmetric."""
    interaction = jg.Retarded(66.0, MGB2["mu_star"], MGB2["omega_c"], frequencies=frequencies)
    bands = {"sigma": {"mu": 500.0, "mass": 0.155}, "pi": {"mu": 500.0, "mass": 0.213}}
    return jg.superconductor(bands=bands, lam=MGB2["lam"][0], interaction=interaction)


SYSTEMS = {"Einstein": (one_band, EINSTEIN), "table": (linear, LINEAR), "MgB2": (mgb2, MGB2)}


@pytest.mark.parametrize("name", ["MgB2", *(pytest.param(one, marks=pytest.mark.slow) for one in ("Einstein", "table"))])
def test_critical_temperature(name):
    system, case = SYSTEMS[name]
    sc = system(frequencies=case["T_c_N"])
    assert relative_error(jg.critical_temperature(sc), case["T_c"]) < REFERENCE_TOLERANCE


@pytest.mark.parametrize("name", ["MgB2", *(pytest.param(one, marks=pytest.mark.slow) for one in ("Einstein", "table"))])
def test_gap_functions(name):
    system, case = SYSTEMS[name]
    known = case["solution"]
    tolerance = OF_TABLES if name == "table" else REFERENCE_TOLERANCE
    solution = jg.solve(system(frequencies=known["N"]), known["T_K"])
    assert int(solution.status) == jg.Status.CONVERGED
    n = mesh(known["N"]).n
    places = [k for k in known["n"] if k in n]
    at = np.searchsorted(n, places)
    chosen = np.searchsorted(known["n"], places)
    energy = solution.self_energy
    Delta, Z = np.array(known["Delta"]), np.array(known["Z"])
    np.testing.assert_allclose((energy.Phi / energy.Z)[:, at], Delta[:, chosen], atol=tolerance * Delta.max())
    np.testing.assert_allclose(energy.Z[:, at], Z[:, chosen], rtol=tolerance)
    np.testing.assert_allclose(solution.Delta, Delta[:, 0], rtol=tolerance)
    if "free_energy_over_N" in case:
        N = solution.superconductor.N[0]
        assert relative_error(solution.free_energy() / N, case["free_energy_over_N"]) < tolerance


@pytest.mark.slow
def test_a_mu_star_is_at_its_cutoff():
    case = REFERENCE["what mu* = 0.1 means: Einstein lambda=1, omega=20, omega_c=300"]
    sc = one_band(mu_star=0.1, omega_c=300.0, frequencies=400)
    assert relative_error(jg.critical_temperature(sc), case["T_c_fractional_phonons_to_N400"]) < REFERENCE_TOLERANCE
    at_the_mode = sc.set({"mu_star[a, a]": 0.1 / (1 + 0.1 * np.log(20 / 300))})
    assert relative_error(jg.critical_temperature(at_the_mode), case["T_c_if_0p1_is_at_omega_and_rescaled_to_300"]) < 1e-3


@pytest.mark.slow
def test_strong_coupling():
    """k_B T_c -> .1827262 omega sqrt(lambda): Combescot 1990; within 1 % from lambda = 40 on, 1e-5 extrapolated in 1/lambda."""
    case = REFERENCE["strong coupling, Einstein, mu*=0: k_B T_c/(omega sqrt(lambda))"]
    T_c = jax.jit(lambda lam: jg.critical_temperature(one_band(frequencies=300).set({"lam[a, a]": lam})))
    found = {float(lam): float(k_B * T_c(float(lam)) / 20 / np.sqrt(float(lam))) for lam in case["values"]}
    for lam, value in case["values"].items():
        assert relative_error(found[float(lam)], value) < REFERENCE_TOLERANCE
    assert 0 < 1 - found[40.0] / case["limit"] < 0.01
    limit = (1e4 * found[1e4] - 1e3 * found[1e3]) / 9e3
    assert relative_error(limit, case["limit"]) < 1e-5


@pytest.mark.slow
def test_weak_coupling():
    """k_B T_c -> .68772 omega exp(-(1 + lambda)/lambda), and gaps of BCS: 2 Delta / k_B T_c -> 3.5278."""
    case = REFERENCE["weak coupling, Einstein, mu*=0, lambda=0.3"]
    T_c = float(jg.critical_temperature(one_band(lam=0.3, frequencies=1024)))
    # The reference summed too few frequencies for its digits.
    assert relative_error(k_B * T_c / 20, case["T_c_over_omega"]) < 3e-5
    solution = jg.solve(
        one_band(lam=0.2, frequencies=None), 0.1 * float(jg.critical_temperature(one_band(0.2, frequencies=None)))
    )
    ratio = 2 * float(solution.Delta[0].real) / (k_B * float(jg.critical_temperature(one_band(0.2, frequencies=None))))
    assert abs(ratio - case["limits"]["ratio"]) < 2e-3


@pytest.mark.slow
def test_where_an_added_phonon_helps_most():
    """dT_c / dalpha^2F(omega): Bergmann and Rainer 1973; reference numbers by perturbation theory."""
    case = REFERENCE["delta T_c/delta alpha2F(omega), Einstein lambda=1, omega=20, mu*=0"]

    def T_c(strength, omega):
        """alpha^2F = 10 delta(omega - 20) + strength delta(omega - omega): lambda grows by 2 strength / omega."""
        lam = 1 + 2 * strength / omega
        modes = jg.Modes(jnp.stack([20.0 + 0 * omega, omega]), jnp.stack([1 / lam, 1 - 1 / lam]))
        bands = {"a": {"mu": 500.0}}
        return jg.critical_temperature(
            jg.superconductor(bands=bands, lam=lam[None, None], interaction=jg.Retarded(modes, frequencies=case["N"]))
        )

    omega = k_B * case["T_c"] * np.array(case["omega_over_kTc"])
    found = jax.jit(jax.vmap(jax.grad(T_c), in_axes=(None, 0)))(0.0, jnp.asarray(omega))
    np.testing.assert_allclose(found, case["dTc_K_per_meV"], rtol=1e-6)
    assert np.argmax(found) == case["omega_over_kTc"].index(case["maximum_at_omega_over_kTc"])


@pytest.mark.slow
def test_row_sums_are_mass_enhancements():
    """lambda_ij is not divided by the phonon's frequency: Z(0) of the normal state is 1 + sum_j lambda_ij."""
    bands = {"sigma": {"mu": 500.0}, "pi": {"mu": 500.0}}
    lam = [[0.2, 0.05], [0.05, 0.1]]
    sc = jg.superconductor(bands=bands, lam=lam, interaction=jg.Retarded(66.0, frequencies=1024))
    normal = jg.solve(sc, 3.0)
    assert int(normal.status) == jg.Status.NORMAL
    np.testing.assert_allclose(normal.self_energy.Z[:, 0], [1.25, 1.15], rtol=1e-4)


@pytest.mark.slow
def test_several_states():
    """Two equal bands that repel each other: s+- is the ground state, s++ exists beside it; signs tell them apart."""
    lam = [[1.0, -0.1], [-0.1, 1.0]]
    sc = jg.superconductor(bands={"a": {"mu": 9.0}, "b": {"mu": 9.0}}, lam=lam, interaction=jg.Retarded(20.0, frequencies=FEW))
    below = jg.solve(sc, 10.0)
    assert below.label == jg.Label.S_PLUS_MINUS
    assert (below.unstable_amplitude, below.unstable_phase) == (0, 0)
    # Both are those of one band, as one sees in their sums and differences.
    alone = jg.solve(sc, 10.0, branch="s++")
    assert int(alone.status) == jg.Status.CONVERGED
    assert alone.label == jg.Label.S_PLUS_PLUS
    assert alone.unstable_phase == 1
    assert alone.free_energy() > below.free_energy()
    again = jg.solve(sc, 10.0, start=[3.0, 3.5])
    np.testing.assert_allclose(again.Delta, alone.Delta, rtol=1e-9)


@pytest.mark.slow
def test_around_T_c():
    sc = one_band()
    T_c = float(jg.critical_temperature(sc))
    below, above = jg.solve(sc, 0.999 * T_c), jg.solve(sc, 1.001 * T_c)
    assert (int(below.status), int(above.status)) == (jg.Status.CONVERGED, jg.Status.NORMAL)
    for solution, share in ((below, 1e-3), (above, -1e-3)):
        assert relative_error(solution.distance, share * T_c) < 0.01
    assert below.sigma_min < 0.01
    assert not above.Delta.any()
    assert int(jg.solve(sc, 1.001 * T_c, branch="+", throw=False).status) == jg.Status.TRIVIAL


@pytest.mark.slow
def test_derivatives_of_T_c():
    """Forward = reverse; differences; the second derivative as the difference of first ones."""
    sc = linear(FEW)

    def T_c(x):
        return jg.critical_temperature(sc.set({"lam[a, a]": x[0], "mu_star[a, a]": x[1], "omega_c": x[2]}))

    x = jnp.array([float(sc.lam[0, 0]), 0.12, 160.0])
    slope = jax.jit(jax.grad(T_c))
    g = slope(x)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(T_c))(x), g, rtol=1e-11)
    h = 1e-5
    steps = h * np.eye(3)
    differences = [(T_c(x + step) - T_c(x - step)) / (2 * h) for step in steps]
    np.testing.assert_allclose(g, differences, rtol=1e-6, atol=1e-8)
    second = jax.jit(jax.hessian(T_c))(x)
    np.testing.assert_allclose(second, np.stack([(slope(x + s) - slope(x - s)) / (2 * h) for s in steps]), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_derivatives_of_gaps_and_the_free_energy():
    sc, T = mgb2(256), 30.0
    paths = ("lam[sigma, pi]", "mu_star[sigma, sigma]", "mode[0]")

    def both(x):
        solution = jg.solve(sc.set(dict(zip(paths, x, strict=True))), T)
        return jnp.append(solution.Delta.real, solution.self_energy.W[0, 3])

    x = jnp.array([float(sc.get(path)) for path in paths])
    g = jax.jit(jax.jacrev(both))(x)
    steps = 1e-5 * np.eye(3)
    differences = np.stack([(both(x + step) - both(x - step)) / 2e-5 for step in steps], axis=1)
    np.testing.assert_allclose(g, differences, rtol=1e-6, atol=1e-8)
    gaps = jax.jit(jax.jacfwd(jax.jacrev(lambda y: both(x.at[0].set(y))[0])))
    slope = jax.jit(jax.grad(lambda y: both(x.at[0].set(y))[0]))
    assert relative_error(gaps(x[0]), (slope(x[0] + 1e-4) - slope(x[0] - 1e-4)) / 2e-4) < 1e-5


@pytest.mark.slow
def test_the_free_energy_is_stationary():
    """Hellmann and Feynman: dF/dlambda is what lambda multiplies in the functional, -(pi k_B T)^2 N sum lambda(n - m)
    (g_n g_m + f_n f_m) less that of the normal state, with g = omega / R and f = Delta / R."""
    sc, T = one_band(frequencies=512), 8.0

    def F(lam):
        return jg.solve(sc.set({"lam[a, a]": lam}), T).free_energy()

    solution = jg.solve(sc, T)
    E = equations_of(solution.superconductor, jnp.asarray(T))
    omega, Delta = E.K.omega, (solution.self_energy.Phi / solution.self_energy.Z)[0]
    R = jnp.hypot(omega, Delta)
    g, f, odd, even, tail = omega / R, Delta / R, E.K.odd[0], E.K.even[0], E.K.tail[0]
    summand = g * (odd @ g + tail) - (odd @ jnp.ones_like(g) + tail) + (g - 1) * tail + f * (even @ f)
    expected = -2 * omega[0] * sc.N[0] * (E.total @ summand)
    slope = jax.jit(jax.grad(F))(1.0)
    assert relative_error(slope, expected) < 1e-8
    h = 1e-4
    assert relative_error(slope, (F(1 + h) - F(1 - h)) / (2 * h)) < 1e-7


def test_a_batch():
    """`jax.vmap` over couplings and temperatures, with statuses of their own."""
    sc = one_band()
    lam, T = jnp.array([0.5, 1.0, 1.0]), jnp.array([20.0, 20.0, 5.0])
    solutions = jax.jit(jax.vmap(lambda x, t: jg.solve(sc.set({"lam[a, a]": x}), t)))(lam, T)
    assert list(solutions.status) == [jg.Status.NORMAL, jg.Status.CONVERGED, jg.Status.CONVERGED]
    alone = jg.solve(sc, 5.0)
    np.testing.assert_allclose(solutions.Delta[2], alone.Delta, rtol=1e-12)
    far = jax.vmap(lambda t: jg.solve(sc, t))(jnp.array([0.05]))
    assert int(far.status[0]) == jg.Status.INACCURATE


@pytest.mark.slow
def test_a_matsubara_cutoff_is_nearly_a_shell():
    """At d = 0 they agree to 2e-4."""
    lam = [[0.4, 0.05], [0.05, 0.3]]
    bands = {"a": {"mu": 200.0}, "b": {"mu": 200.0}}
    cut = jg.superconductor(bands=bands, lam=lam, interaction=jg.MatsubaraCutoff(30.0))
    shell = jg.superconductor(bands=bands, lam=lam, interaction=jg.Shell(30.0))
    assert isinstance(shell.interaction, jg.Shell)
    found, known = jg.solve(cut, 1.0), jg.solve(shell, 1.0)
    np.testing.assert_allclose(found.Delta, known.Delta, rtol=3e-4)
    np.testing.assert_allclose(found.self_energy.Z, 1.0)


def test_anderson_has_its_number():
    """lambda = .3, 30 meV, 4.2 K: 2.1368459724 meV with a Matsubara cutoff."""
    sc = jg.superconductor(bands={"a": {"mu": 200.0}}, lam=[[0.3]], interaction=jg.MatsubaraCutoff(30.0))
    assert relative_error(jg.solve(sc, 4.2).Delta[0].real, 2.1368459724) < 1e-9
