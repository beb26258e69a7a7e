"""Lattices: an independent code's cases, P and M by another route, derivatives, meshes, what is refused."""

import json
from itertools import pairwise
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from lattices import square, three_orbitals, two, two_orbitals
from scipy.integrate import quad
from scipy.optimize import brentq

import jaxgap as jg
from jaxgap import InputError, Status, channel, critical_temperature, lattice, observables, smooth, solve
from jaxgap.equations.free_energy import quasiparticle_free_energy
from jaxgap.equations.gap_equations import residual_and_matrix, residual_and_phases
from jaxgap.equations.linear import linear_map
from jaxgap.equations.pairing import anomalous_densities, gap_residual
from jaxgap.solving.many import solve_many
from jaxgap.solving.state import GivenState
from jaxgap.spectra.mesh import mesh_for
from jaxgap.sweeps import sweep
from jaxgap.units import k_B

REFERENCE = json.loads((Path(__file__).parents[1] / "reference" / "lattices.json").read_text(encoding="utf-8"))["cases"]
"""Of an independent code, each solved on two meshes."""
SAME = 1e-9
"""What the independent code promises of its digits, and `tolerance` of ours."""
EXACT = 1e-12
"""The same sums in another order."""
DIFFERENCES = 1e-6
"""Derivatives against central differences."""


def case(name):
    return next(c for c in REFERENCE if c["name"].startswith(name))


def tilted(k):
    return 1 + 0.5 * jnp.cos(k[0] - 2 * k[1])


def d_wave(**options):
    c = case("d wave")
    given = {"g": c["g"], "mu": c["mu"], "channels": {"d": channel(form="d_x2-y2")}} | options
    return lattice(square, parameters={"t": c["t"], "tp": c["tp"]}, **given)


@pytest.fixture(scope="module")
def complex_lattice():
    channels = {"a": channel(0), "bd": channel(1, form="d_x2-y2"), "ac": channel((0, 2), form=tilted), "c": channel(2)}
    g = 100 * np.eye(4) + np.arange(16).reshape(4, 4)
    return lattice(three_orbitals, parameters={"a": 0.4, "b": 0.25}, channels=channels, g=g, mu=10.0, mesh=24)


# === against independent codes


@pytest.mark.parametrize("Delta", [[20.0, 12.0, -7.0, 3.0], [20.0 + 3j, 12.0 - 5j, -7.0 + 2j, 3.0 + 1j]])
@pytest.mark.parametrize("T", [0.0, 60.0])
def test_sums_are_those_of_numpy(complex_lattice, Delta, T):
    """All k of the mesh, from the eigenvectors of H: neither half of them, nor singular vectors, nor Taylor series."""
    P = densities_by_numpy(complex_lattice, np.array(Delta), T, 24)
    for found in (
        anomalous_densities(complex_lattice, jnp.array(Delta), jnp.asarray(T)),
        unmixed(complex_lattice, Delta, residual_and_matrix(complex_lattice, jnp.array(Delta), jnp.asarray(T))[0]),
    ):
        np.testing.assert_allclose(np.asarray(found), P, atol=EXACT * np.abs(P).max())


def unmixed(lattice, Delta, r):
    """P from what the gap equations leave, in real unknowns."""
    n = len(Delta)
    r = np.asarray(r) if len(r) == n else np.asarray(r)[:n] + 1j * np.asarray(r)[n:]
    return np.linalg.solve(np.asarray(lattice.g), np.array(Delta) - r)


def densities_by_numpy(lattice, Delta, T, N):
    k = 2 * np.pi * (np.arange(N) + 0.5) / N - np.pi
    k = jnp.asarray(np.stack(np.meshgrid(k, k), axis=-1).reshape(-1, 2))
    h, phi = np.asarray(jax.vmap(lattice.matrix)(k)), np.asarray(jax.vmap(lattice.forms)(k))
    n = h.shape[1]
    B = np.zeros((len(Delta), len(k), n, n))
    for c, (a, b) in enumerate(lattice.pairs):
        B[c, :, a, b] = B[c, :, b, a] = phi[:, c]
    D = np.einsum("c,ckab->kab", Delta, B)
    H = np.block([[h, D], [np.conj(np.swapaxes(D, 1, 2)), -h]])
    E, W = np.linalg.eigh(H)
    t = np.sign(E) if T == 0 else np.tanh(E / (2 * k_B * T))
    F = np.einsum("kai,ki,kbi->kab", W[:, :n], t, np.conj(W[:, n:])) / 2
    P = np.einsum("ckab,kab->c", B, F) / len(k)
    return P if np.iscomplexobj(Delta) else P.real


@pytest.mark.slow
def test_d_wave_of_the_reference():
    c, solution = case("d wave"), solve(d_wave(), case("d wave")["T_K"])
    assert solution.status == Status.CONVERGED
    assert abs(solution.Delta[0].real / c["Delta_real"][0] - 1) < SAME
    assert solution.quadrature_error < 1e-8
    assert abs(critical_temperature(d_wave(mu=c["mu_at_Tc"])) / c["Tc_K"] - 1) < SAME
    assert abs(solution.free_energy() / c["grand_potential"] - 1) < SAME
    np.testing.assert_allclose(jg.observables.excitation_gap(solution), 0.0, atol=1e-6)


@pytest.mark.slow
def test_hubbard_of_the_reference():
    c = case("attractive Hubbard")
    given = {"parameters": {"t": c["t"], "tp": c["tp"]}, "channels": {"s": channel()}, "g": c["g"]}
    solution = solve(lattice(square, mu=c["mu"], **given), 0.0)
    assert abs(solution.Delta[0].real / c["Delta_real"][0] - 1) < SAME
    assert abs(critical_temperature(lattice(square, mu=c["mu_at_Tc"], **given)) / c["Tc_K"] - 1) < SAME


@pytest.mark.slow
def test_two_orbitals_of_the_reference():
    c = case("two orbitals")
    given = {"parameters": {k: c[k] for k in ("t1", "t2", "e0", "V")}, "channels": {"a": channel(0), "b": channel(1)}}
    found = lattice(two_orbitals, mu=c["mu"], g=c["g"], **given)
    states = jg.solutions(found, c["T_K"])
    np.testing.assert_allclose(states[0].Delta, c["Delta_real"], rtol=SAME)
    assert [state.stable for state in states] == [True, False]
    at_T_c = lattice(two_orbitals, mu=c["mu_at_Tc"], g=c["g"], **given)
    assert abs(critical_temperature(at_T_c) / c["Tc_K"] - 1) < SAME
    # The case's free energy is that of its own mesh, too coarse for the kink of the normal state's energies at 20 K.
    theirs = lattice(two_orbitals, mu=c["mu"], g=c["g"], mesh=192, **given)
    assert abs(solve(theirs, c["T_K"]).free_energy() / c["grand_potential"] - 1) < 1e-8


# === the same by another route


@pytest.mark.slow
def test_free_energy_has_the_gap_equations_as_its_gradient(complex_lattice):
    Delta, T, h = jnp.array([20.0, 12.0, -7.0, 3.0]), jnp.asarray(60.0), 1e-3
    phi = [[float(quasiparticle_free_energy(complex_lattice, Delta + side * h * e, T)) for side in (1, -1)] for e in np.eye(4)]
    slope = [(up - down) / (2 * h) for up, down in phi]
    np.testing.assert_allclose(slope, -2 * anomalous_densities(complex_lattice, Delta, T), rtol=DIFFERENCES)


@pytest.mark.slow
def test_matrices_are_the_derivatives(complex_lattice):
    """M of Newton is that of automatic differentiation, in amplitudes, phases, and the normal state."""
    Delta, T = jnp.array([20.0, 12.0, -7.0, 3.0]), jnp.asarray(60.0)
    M = jax.jit(jax.jacfwd(lambda D: gap_residual(complex_lattice, D, T)))
    for D in (Delta, 0 * Delta):
        np.testing.assert_allclose(residual_and_matrix(complex_lattice, D, T)[1], M(D), atol=EXACT)
    np.testing.assert_allclose(np.eye(4) - linear_map(complex_lattice, T), M(0 * Delta), atol=EXACT)
    phases = residual_and_phases(complex_lattice, Delta, T)[1]
    turned = jax.jacfwd(lambda eta: gap_residual(complex_lattice, Delta + 1j * eta, T).imag)(jnp.zeros(4))
    np.testing.assert_allclose(phases, turned, atol=EXACT)


@pytest.mark.slow
def test_matrix_of_complex_amplitudes(complex_lattice):
    Delta, T = jnp.array([20.0 + 3j, 12.0 - 5j, -7.0 + 2j, 3.0 + 1j]), jnp.asarray(60.0)

    def r(x):
        left = gap_residual(complex_lattice, x[:4] + 1j * x[4:], T)
        return jnp.concatenate([left.real, left.imag])

    M = jax.jacfwd(r)(jnp.concatenate([Delta.real, Delta.imag]))
    np.testing.assert_allclose(residual_and_matrix(complex_lattice, Delta, T)[1], M, atol=EXACT)


@pytest.mark.slow
def test_derivatives_are_those_of_differences():
    system, T, h = d_wave(cutoff=smooth(200.0, 20.0)), 100.0, 1e-3

    def gap(s):
        return solve(s, T).Delta[0].real

    slopes, T_c = jax.grad(gap)(system), jax.grad(critical_temperature)(system)
    for path in ("t", "tp", "mu", "g[d, d]", "Omega", "width"):
        moved = [system.set({path: float(system.get(path)) + side * h}) for side in (1, -1)]
        for f, slope in ((gap, slopes), (critical_temperature, T_c)):
            difference = float(f(moved[0]) - f(moved[1])) / (2 * h)
            np.testing.assert_allclose(slope.get(path), difference, rtol=DIFFERENCES, atol=1e-8)
    forward = jax.jvp(lambda t: gap(system.set({"t": t})), (jnp.asarray(100.0),), (jnp.ones(()),))[1]
    np.testing.assert_allclose(forward, slopes.get("t"), rtol=1e-10)


@pytest.mark.slow
def test_second_derivatives_and_batches():
    system, T, h = d_wave(), 100.0, 0.05
    gap = jax.jit(lambda t: solve(system.set({"t": t}), T).Delta[0].real)
    slope = jax.jit(jax.grad(gap))
    difference = (slope(100.0 + h) - slope(100.0 - h)) / (2 * h)
    np.testing.assert_allclose(jax.hessian(gap)(100.0), difference, rtol=1e-5)
    t = jnp.array([95.0, 100.0, 110.0])
    np.testing.assert_allclose(jax.vmap(gap)(t), [gap(one) for one in t], rtol=EXACT)


@pytest.mark.slow
def test_second_derivatives_of_T_c_of_several_orbitals():
    """A third derivative of the functions of the matrix at every k."""
    system, h = two(), 0.05

    def T_c(x):
        return critical_temperature(system.set({"t1": 100.0 + x[0], "g[a, b]": 40.0 + x[1]}))

    slope = jax.jit(jax.grad(T_c))
    ends = [[slope(side * h * e) for side in (1, -1)] for e in jnp.eye(2)]
    difference = np.stack([(up - down) / (2 * h) for up, down in ends])
    assert np.abs(difference).min() > 1e-6
    np.testing.assert_allclose(jax.jit(jax.jacfwd(jax.grad(T_c)))(jnp.zeros(2)), difference, rtol=1e-5)


def cos_2_theta(k):
    """0 at k = 0, where it has no value."""
    square = jnp.sum(k**2)
    return jnp.where(square > 0, (k[0] ** 2 - k[1] ** 2) / jnp.where(square > 0, square, 1.0), 0.0)


@pytest.mark.slow
def test_a_parabolic_band_through_the_lattice():
    """a k^2 has N = 1 / 4 pi a per cell, and a cutoff ends before the zone does: the gap equation is an integral over energies,
    which the lattice solves to the error that it tells."""
    a, mu, g, T, cutoff = 100.0, 225.0, 700.0, 50.0, smooth(100.0, 8.0)
    given = {"channels": {"s": channel()}, "cutoff": cutoff, "g": [[g]], "mu": mu}
    solution = solve(lattice(lambda k, p: p["a"] * jnp.sum(k**2), parameters={"a": a}, **given), T)

    def left(Delta):
        def integrand(zeta):
            chi = np.tanh((zeta + 100.0) / 16.0) - np.tanh((zeta - 100.0) / 16.0)
            E = np.hypot(zeta, Delta * chi / 2)  # The amplitude has chi, too.
            return (chi / 2) ** 2 * np.tanh(E / (2 * k_B * T)) / (2 * E)

        parts = [
            quad(integrand, *ends, epsabs=1e-13, epsrel=1e-13)[0] for ends in pairwise([-mu, -60.0, 0.0, 60.0, 150.0, 500.0])
        ]
        return g / (4 * np.pi * a) * sum(parts) - 1

    wanted = brentq(left, 1.0, 100.0, xtol=1e-12)
    assert abs(float(solution.Delta[0].real) / wanted - 1) < float(solution.quadrature_error) + 1e-11


@pytest.mark.slow
def test_a_d_wave_in_weak_coupling():
    """2 Delta_max / k_B T_c = 4 pi e^-gamma / sqrt(e) = 4.27938: from 1.002 to 1.004 of it at k_B T_c of .040, .053 and .067 of
    the cutoff, extrapolated in its square; Delta(T = 0) from states at four temperatures, where nodes leave T^3, T^5, T^6."""
    given = {"channels": {"d": channel(form=cos_2_theta)}, "cutoff": smooth(100.0, 4.0), "g": [[700.0]], "mu": 225.0}
    round_line = lattice(lambda k, p: p["a"] * jnp.sum(k**2), parameters={"a": 100.0}, **given)
    share = np.array([0.05, 0.065, 0.08, 0.1])
    x, ratio = [], []
    for g in (760.0, 830.0, 900.0):
        system = round_line.set({"g[d, d]": g})
        T_c = float(critical_temperature(system))
        Delta = [float(solve(system, part * T_c).Delta[0].real) for part in share]
        at_zero = np.linalg.solve(np.stack([share**n for n in (0, 3, 5, 6)], -1), Delta)[0]
        x.append(k_B * T_c / 100)
        ratio.append(2 * at_zero / (k_B * T_c))
    weak = np.linalg.solve(np.stack([np.array(x) ** n for n in (0, 2, 4)], -1), ratio)[0]
    assert abs(ratio[0] / weak - 1) > 1e-3
    np.testing.assert_allclose(weak, 4 * np.pi * np.exp(-np.euler_gamma - 0.5), rtol=1e-6)
    np.testing.assert_allclose(weak, 4.279381894825719, rtol=1e-6)


@pytest.mark.slow
def test_model_of_a_cuprate():
    assert abs(float(critical_temperature(jg.materials.cuprate_lattice_model())) - 93.0) < 0.5


# === meshes


def test_error_is_that_of_the_mesh():
    """On a mesh that is too coarse the error that is told is the true one or more, and the status says so."""
    c, coarse = case("d wave"), d_wave(mesh=128)
    solution = solve(coarse, c["T_K"], start=[19.0], throw=False)
    true = abs(float(solution.Delta[0].real) / c["Delta_real"][0] - 1)
    assert true < solution.quadrature_error < 100 * true
    assert solution.status == Status.INACCURATE
    assert not bool(solution.converged)


@pytest.mark.slow
def test_the_largest_mesh_is_no_proof():
    """A gap that no mesh resolves is told as such, though more nodes are not to be had."""
    system = d_wave(channels={"s": channel()}, g=[[28.0]])
    solution = solve(system, 0.0, start=[0.02], throw=False)
    assert not bool(solution.converged)
    assert np.isnan(critical_temperature(system))


def test_nodes_grow_with_what_they_have_to_resolve():
    system = d_wave()

    def N(Delta, T):
        return int(mesh_for(system, jnp.array([Delta]), jnp.asarray(T)).N)

    assert N(10.0, 0.0) > N(20.0, 0.0) > N(20.0, 500.0)
    assert N(0.0, 0.0) == 4096
    assert all(N(Delta, 1.0) % 2 == 0 for Delta in (3.0, 5.0, 7.0))


# === what is refused


def odd(k):
    return jnp.sin(k[0])


def not_hermitian(k, p):
    return jnp.array([[0.0, 1.0], [2.0, 0.0]]) * p["t"]


def moving(k, p):
    return -2 * p["t"] * (jnp.cos(k[0] + 0.1) + jnp.cos(k[1]))


def six(k, p):
    return p["t"] * jnp.eye(6)


GIVEN = {"parameters": {"t": 100.0, "tp": 0.0}, "channels": {"s": channel()}, "g": [[100.0]]}
REFUSED = [
    ({"hamiltonian": 3}, "`hamiltonian` must be a function"),
    ({"hamiltonian": lambda k: k}, "`hamiltonian` must take two arguments"),
    ({"hamiltonian": six}, "up to 5 orbitals"),
    ({"hamiltonian": not_hermitian}, "must be Hermitian"),
    ({"hamiltonian": moving}, "that of reversed time"),
    ({"parameters": {"t": 1.0}}, "`parameters` must have all that `hamiltonian` asks for"),
    ({"parameters": {"t": np.nan, "tp": 0.0}}, "`t` must be finite"),
    ({"parameters": {"mu": 1.0}}, "other names than mu"),
    ({"channels": {}}, "`channels` must be a dict"),
    ({"channels": {"s": channel(1)}}, "`channels.s` must name orbitals"),
    ({"channels": {"p": channel(form=odd)}}, "even in k"),
    ({"g": [[1.0, 2.0]]}, "`g` must be a 1 x 1 matrix"),
    ({"g": [["a"]]}, "`g` must hold numbers"),
    ({"dimension": 4}, "`dimension` must be 2 or 3"),
    ({"mesh": 33}, "an even number of nodes"),
    ({"mesh": "fine"}, '`mesh` must be "auto"'),
    ({"cutoff": 30.0}, "a sharp shell leaves errors"),
    ({"mu": [1.0, 2.0]}, "`mu` must be one number"),
    ({"tolerance": 1e-20}, "`tolerance` must lie between"),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED, ids=[sentence[:30] for _, sentence in REFUSED])
def test_bad_input_is_one_sentence(change, sentence):
    given = {"hamiltonian": square, **GIVEN, **change}
    with pytest.raises(InputError, match=sentence) as error:
        lattice(given.pop("hamiltonian"), **given)
    assert "\n" not in str(error.value)


def test_forms_and_cutoffs_are_checked():
    with pytest.raises(InputError, match="`form` must be a function of k or one of"):
        channel(form="p")
    with pytest.raises(InputError, match="`width` must be positive"):
        smooth(30.0, 0.0)


def test_paths_and_what_is_of_bands_alone():
    system = d_wave()
    assert system.paths == ("t", "tp", "mu", "g[d, d]")
    changed = system.set({"t": 110.0, "g[d,d]": 90.0, "mu": -50.0})
    assert [float(changed.get(path)) for path in ("t", "g[d, d]", "mu")] == [110.0, 90.0, -50.0]
    assert "d_x2-y2 of a" in str(system)
    with pytest.raises(InputError, match="Unknown path `Omega`"):
        system.get("Omega")
    with pytest.raises(InputError, match="a Lattice has orbitals"):
        jg.observables.superfluid_density(jg.solving.state.GivenState(system, jnp.asarray(1.0), jnp.array([10.0])))
    batch = eqx.tree_at(lambda s: s.mu, system, jnp.zeros(3))
    with pytest.raises(InputError, match="must be one system"):
        solve(batch, 1.0)


# === a fixed density, and what is seen


@pytest.mark.slow
def test_hubbard_at_a_fixed_density():
    c = case("attractive Hubbard")
    free = lattice(square, parameters={"t": c["t"], "tp": 0.0}, channels={"s": channel()}, g=c["g"])
    filled = jg.at_density(free, 0.0, c["density"])
    solution = solve(filled, 0.0)
    np.testing.assert_allclose([filled.mu, solution.Delta[0].real], [c["mu"], c["Delta_real"][0]], rtol=1e-8)
    np.testing.assert_allclose(jg.density_of(solution), c["density"], rtol=1e-10)
    strong = free.set({"t": 1.0, "g[s, s]": 100.0})
    at = jg.at_density(strong, 0.0, 0.4)
    np.testing.assert_allclose([solve(at, 0.0).Delta[0].real, at.mu], [39.968, -30.048], atol=1e-3)
    assert abs(float(jg.at_density(strong, 0.0, 1.0).mu)) < 1e-9
    slope = jax.grad(lambda n: jg.at_density(free, 0.0, n).mu)(0.7)
    mu = [float(jg.at_density(free, 0.0, n).mu) for n in (0.7005, 0.6995)]
    np.testing.assert_allclose(slope, (mu[0] - mu[1]) / 1e-3, rtol=1e-6)


def test_a_density_that_is_none():
    for density, sentence in ((2.5, "lie between 0 and 2"), ([1.0], "`density` must be one number")):
        with pytest.raises(InputError, match=sentence):
            jg.at_density(d_wave(), 4.0, density)


@pytest.mark.slow
def test_pairs_of_orbitals_seen_in_bands():
    c = case("two orbitals")
    numbers = {k: c[k] for k in ("t1", "t2", "e0", "V")}
    system = lattice(two_orbitals, parameters=numbers, channels={"a": channel(0), "b": channel(1)}, g=c["g"], mu=c["mu"])
    solution = solve(system, c["T_K"])
    for row in c["band_basis"]:
        energy, gap = (found[0] for found in jg.observables.band_basis(solution, [row["k"]]))
        np.testing.assert_allclose(energy + c["mu"], row["band_energies"], atol=1e-8)
        np.testing.assert_allclose(sorted(np.diag(gap)), sorted(row["intraband"]), atol=1e-7)
        np.testing.assert_allclose(gap[0, 1], row["cross_band_modulus"], atol=1e-7)
    along = jg.observables.lattice_energies(solution, jg.observables.path_between((0, 0), (np.pi, 0), (np.pi, np.pi), n=7))
    assert along.shape == (15, 2)
    assert float(along.min()) > float(jg.observables.excitation_gap(solution)) - 1e-9


NOT_YET = {
    "coherence_peaks": (),
    "gap_comparison": (0.1, 1.0),
    "overlap_minima": (),
    "dispersion": (jnp.array([3.0, 4.0]),),
    "fermi_momentum_gaps": (),
    "andreev_conductance": (jnp.array([0.0, 5.0]), 0.5, 0.3),
    "superfluid_density": (),
    "sound_attenuation": (),
}
SOLUTION_ONLY = ("gap_comparison", "sound_attenuation")
"""That take no other state."""


@pytest.mark.parametrize("name", NOT_YET)
def test_what_is_of_bands_is_one_sentence(name):
    given = GivenState(d_wave(), jnp.asarray(40.0), jnp.array([8.0]))
    state = solve(d_wave(), 40.0) if name in SOLUTION_ONLY else given
    with pytest.raises(InputError, match="a Lattice has") as error:
        getattr(observables, name)(state, *NOT_YET[name])
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_lattice_of_functions_is_swept_in_batches_and_has_branch_ends():
    """What `solve` and T_c say; and it counts for a sweep's configuration by its source."""
    sc, mus = d_wave(), [-90.0, -80.0]
    data = sweep(sc, {"mu": mus}, ["Delta"], T=40.0)
    systems = jax.tree.map(lambda x: jnp.stack([x, x]), sc)
    batch = solve_many(eqx.tree_at(lambda s: s.mu, systems, jnp.array(mus)), jnp.array([40.0, 40.0]))
    expected = [float(solve(sc.set({"mu": mu}), 40.0).Delta[0].real) for mu in mus]
    np.testing.assert_allclose(data.Delta[:, 0], expected, rtol=1e-9)
    np.testing.assert_allclose(batch.Delta[:, 0].real, expected, rtol=1e-9)
    assert "square " in data.attrs["jaxgap_configuration"]
    np.testing.assert_allclose(jg.branch_end(sc, "+").T, critical_temperature(sc), rtol=1e-6)
