"""Eliashberg's equations with cross-band pairing: reference numbers, quadrature over kappa, the free energy, derivatives."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator, relative_error

import jaxgap as jg
from jaxgap.selfenergy.cross_pairs import (
    cross_jacobian,
    cross_linearised,
    cross_residual,
    cross_step,
    densities,
    matrices,
    normal_parts,
    parts_of,
)
from jaxgap.selfenergy.eliashberg import equations_of
from jaxgap.selfenergy.finding import energy_of, map_at_onset
from jaxgap.selfenergy.leading import leading
from jaxgap.units import k_B

CASES = json.loads((Path(__file__).parents[1] / "reference" / "strong_coupling.json").read_text())["cases"]
BY_NAME = {"odd=0": CASES[-2], "odd=1": CASES[-1], "MgB2": CASES[-3]}
REFERENCE = 1e-9
"""The reference's own residual is 3e-11 or better."""


def system(case, frequencies, **options):
    bands = {name: {"mu": mu, "mass": mass} for name, mu, mass in zip("abc", case["mus"], case["masses"], strict=False)}
    interaction = jg.Retarded(
        case["modes"], case.get("mu_star"), case.get("omega_c"), odd=case.get("odd", 0.0), frequencies=frequencies
    )
    return jg.superconductor(bands=bands, lam=case["lam"][0], cross=["a:b"], interaction=interaction, **options)


def small(frequencies=48, d=10.0, odd=0.0, mass=1.0):
    """Few frequencies: derivatives and relations hold for any number of them."""
    lam = [[0.73, 0.09, 0.09], [0.09, 0.46, 0.09], [0.09, 0.09, 0.25]]
    bands = {"a": {"mu": 500.0}, "b": {"mu": 500.0 / mass + d, "mass": mass}}
    interaction = jg.Retarded(20.0, odd=odd, frequencies=frequencies)
    return jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=interaction)


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_reference_solutions(name):
    case = BY_NAME[name]
    sc = system(case, case["N"])
    solution = jg.solve(sc, case["T_K"])
    assert int(solution.status) == jg.Status.CONVERGED
    state = solution.self_energy
    np.testing.assert_allclose(state.Phi[:, 0], case["Phi0"], rtol=REFERENCE)
    np.testing.assert_allclose(state.Z[:, 0], case["W0_over_omega0"], rtol=REFERENCE)
    if "X0" in case:
        np.testing.assert_allclose(state.X[:, 0], case["X0"], atol=REFERENCE)
        np.testing.assert_allclose(state.A[:, 0], case["A0"], atol=REFERENCE)
    assert relative_error(solution.free_energy(), case["free_energy"]) < REFERENCE
    assert "phases not examined" in str(solution)


def test_the_linearised_map_at_a_reference_temperature():
    case = BY_NAME["odd=1"]
    sc = system(case, case["T_c_N"])
    M = jax.jit(lambda T: map_at_onset(sc, equations_of(sc, T)))(jnp.asarray(case["T_c"]))
    assert abs(np.max(np.linalg.eigvals(M).real) - 1) < REFERENCE


@pytest.mark.slow
@pytest.mark.parametrize("name", BY_NAME)
def test_reference_temperatures(name):
    case = BY_NAME[name]
    assert relative_error(jg.critical_temperature(system(case, case["T_c_N"])), case["T_c"]) < REFERENCE


@pytest.fixture(scope="module")
def solved():
    """With a distance, different masses and an odd part: nothing vanishes."""
    sc = small(d=6.0, odd=0.7, mass=0.6)
    return sc, jg.solve(sc, 12.0)


@pytest.mark.slow
def test_the_equations_hold_by_quadrature_over_kappa(solved):
    sc, solution = solved
    state, (mu, mass) = solution.self_energy, ([500.0, 500 / 0.6 + 6.0], [1.0, 0.6])
    bare = jnp.zeros_like(state.W).at[:2].set(state.omega)
    x = jnp.concatenate([state.W - bare, state.X, state.Phi, state.A])
    W, X, Phi = map(np.asarray, matrices(parts_of(x, sc), state.omega, sc))
    u, w = np.polynomial.legendre.leggauss(1200)
    kappa, weight = 505.0 + 60 * np.tan(np.pi / 2 * u), w * 60 * np.pi / 2 / np.cos(np.pi / 2 * u) ** 2
    g, f = np.zeros((2, 2, 2, len(state.omega)), complex)
    for n in range(len(state.omega)):
        zeta = (kappa[:, None] / np.array(mass) - np.array(mu))[:, :, None] * np.eye(2)
        upper = np.concatenate([1j * W[..., n] - X[..., n] - zeta, np.broadcast_to(-Phi[..., n], zeta.shape)], axis=2)
        lower = np.concatenate([np.broadcast_to(-Phi[..., n].T, zeta.shape), 1j * W[..., n] + X[..., n] + zeta], axis=2)
        G = np.tensordot(weight, np.linalg.inv(np.concatenate([upper, lower], axis=1)), 1)
        g[..., n], f[..., n] = G[:2, :2], -G[:2, 2:]
    E = equations_of(sc, jnp.asarray(12.0))
    N = np.pi * np.asarray(sc.N)[:, None]
    made = [np.stack([A[0, 0], A[1, 1], A[0, 1] + A[1, 0]]) / N for A in (g, f)]
    lam, odd, even, tail = np.asarray(E.lam[0]), *(np.asarray(K[0]) for K in (E.K.odd, E.K.even, E.K.tail))
    W_c = -lam @ made[0].imag @ odd.T + (lam[:, :2].sum(axis=1))[:, None] * tail
    np.testing.assert_allclose(state.W - bare, W_c, atol=1e-8)
    np.testing.assert_allclose(state.X, lam @ made[0].real @ even.T, atol=1e-8)
    np.testing.assert_allclose(state.Phi, lam @ made[1].real @ even.T, atol=1e-8)
    np.testing.assert_allclose(state.A[0], 0.7 * lam[2, 2] * odd @ (f[0, 1] - f[1, 0]).imag / N[2], atol=1e-8)
    assert np.abs(state.A).max() > 1e-4


@pytest.mark.slow
def test_the_jacobian(solved):
    sc, solution = solved
    E = equations_of(sc, jnp.asarray(12.0))
    x = normal_parts(sc, E)._replace(Phi=solution.self_energy.Phi, A=solution.self_energy.A).flat.ravel()
    v = jnp.asarray(generator(5).normal(size=len(x)))
    along = jax.jit(lambda v: jax.jvp(lambda y: cross_residual(y, (sc, E)), (x,), (v,))[1])(v)
    J = np.asarray(jax.jit(cross_jacobian)(x, (sc, E)))
    np.testing.assert_allclose(J @ v, along, atol=1e-11)
    known = jax.jit(cross_linearised)(x, (sc, E))
    np.testing.assert_allclose(known.product(v), J @ v, atol=1e-12)
    np.testing.assert_allclose(known.transposed(v), v @ J, atol=1e-12)
    np.testing.assert_allclose(J @ known.solved(v), v, atol=1e-11)
    np.testing.assert_allclose(known.solved_transposed(v) @ J, v, atol=1e-11)
    assert relative_error(known.smallest_singular_value(), np.linalg.svd(J, compute_uv=False)[-1]) < 1e-3


@pytest.mark.slow
def test_hellmann_feynman(solved):
    """dF/dlambda_33 = k_B T sum tr Sigma^(33) G, through derivatives of the solution, differences, and the functional."""
    sc, T = small(frequencies=256), 12.0

    def F(x):
        return jg.solve(sc.set({"lam[a:b, a:b]": x}), T).free_energy()

    solution = jg.solve(sc, T)
    state, E = solution.self_energy, equations_of(sc, jnp.asarray(T))
    only = E._replace(lam=jnp.zeros_like(E.lam).at[0, 2, 2].set(1.0))
    bare = jnp.zeros_like(state.W).at[:2].set(state.omega)
    x = jnp.concatenate([state.W - bare, state.X, state.Phi, state.A])
    part = parts_of(cross_step(x, sc, only), sc)
    made = densities(parts_of(x, sc), state.omega, sc)
    product = -made.W * part.W + made.X * part.X - made.Phi * part.Phi
    expected = 2 * k_B * T * jnp.pi * sc.N[2] * jnp.sum(product[2] * E.total)
    slope = jax.jit(jax.grad(F))(0.25)
    h = 1e-4
    assert relative_error(slope, (F(0.25 + h) - F(0.25 - h)) / (2 * h)) < 1e-5
    assert relative_error(slope, expected) < 1e-7


@pytest.mark.slow
def test_the_normal_state_hybridises():
    """lambda_i3 makes W_12 in the normal state: fact (i). Without it there is none."""
    sc = small(frequencies=64)
    normal = jg.solve(sc, 60.0)
    assert int(normal.status) == jg.Status.NORMAL
    W = normal.self_energy.W
    np.testing.assert_allclose(W[2] / (W[0] - normal.self_energy.omega), (0.09 + 0.09) / (0.73 + 0.09), rtol=1e-12)
    assert not normal.self_energy.X.any()


@pytest.mark.slow
def test_equal_bands_are_a_problem_without_cross_channels():
    """d = 0 and equal bands: in the basis (1 +- 2)/sqrt 2 there is no cross channel, lambda_++ = (a + b)/2 + 2 x + c, ..."""
    a, b, c, x = 0.6, 0.1, 0.25, 0.08
    lam = [[a, b, x], [b, a, x], [x, x, c]]
    bands = {"a": {"mu": 500.0}, "b": {"mu": 500.0}}
    phonons = jg.Retarded(20.0, frequencies=64)
    crossed = jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=phonons)
    plus, mixed, minus = (a + b) / 2 + 2 * x + c, (a + b) / 2 - c, (a + b) / 2 - 2 * x + c
    turned = jg.superconductor(bands=bands, lam=[[plus, mixed], [mixed, minus]], interaction=phonons)
    assert relative_error(jg.critical_temperature(crossed), jg.critical_temperature(turned)) < 1e-12
    found, known = jg.solve(crossed, 10.0), jg.solve(turned, 10.0)
    Phi, known_Phi = found.self_energy.Phi, known.self_energy.Phi
    np.testing.assert_allclose(Phi[0] + Phi[2], known_Phi[0], atol=1e-10)
    np.testing.assert_allclose(Phi[0] - Phi[2], known_Phi[1], atol=1e-10)
    assert relative_error(found.free_energy(), known.free_energy()) < 1e-6


@pytest.mark.slow
def test_derivatives():
    sc, T = small(frequencies=48, odd=0.5), 20.0
    paths = ("lam[a, a:b]", "odd", "mode[0]", "mu[b]")

    def amplitudes(x):
        return jg.solve(sc.set(dict(zip(paths, x, strict=True))), T).Delta.real

    def T_c(x):
        return jg.critical_temperature(sc.set(dict(zip(paths, x, strict=True))))

    x, h = jnp.array([0.09, 0.5, 20.0, 510.0]), 1e-4 * np.eye(4)
    for f in (amplitudes, T_c):
        g = jax.jit(jax.jacrev(f))(x)
        np.testing.assert_allclose(jax.jit(jax.jacfwd(f))(x), g, rtol=1e-9, atol=1e-11)
        differences = np.stack([(f(x + step) - f(x - step)) / 2e-4 for step in h], axis=-1)
        np.testing.assert_allclose(g, differences, rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_a_matsubara_cutoff_with_a_distance():
    """VP20's Fig. 2 with d = 10 meV: the cross amplitude, that the shell makes 1.612, is 1.698."""
    lam = [[0.4, 0.05, 0.05], [0.05, 0.3, 0.05], [0.05, 0.05, 0.1]]
    bands = {"a": {"mu": 200.0}, "b": {"mu": 210.0}}
    sc = jg.superconductor(bands=bands, lam=lam, cross=["a:b"], interaction=jg.MatsubaraCutoff(30.0))
    solution = jg.solve(sc, 4.2)
    assert abs(solution.Delta[2].real - 1.698) < 1e-3


@pytest.mark.slow
def test_around_T_c():
    sc = small(frequencies=64)
    T_c = float(jg.critical_temperature(sc))
    E = equations_of(sc, jnp.asarray(T_c))
    assert abs(leading(map_at_onset(sc, E)).value - 1) < 1e-12
    below = jg.solve(sc, 0.999 * T_c)
    assert int(below.status) == jg.Status.CONVERGED
    assert relative_error(below.distance, 1e-3 * T_c) < 0.01
    assert energy_of(below.self_energy, sc, equations_of(sc, below.T)) < 0
    assert int(jg.solve(sc, 1.001 * T_c).status) == jg.Status.NORMAL
