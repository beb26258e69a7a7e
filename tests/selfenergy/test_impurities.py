"""States dressed by impurities: what scattering makes of Green's functions, Anderson's theorem below T_c, the free energy."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from disordered import EFREMOV, S, one_band, two_bands
from problems import generator, relative_error
from scipy.optimize import brentq

import jaxgap as jg
from jaxgap.model.disorder import Disorder
from jaxgap.selfenergy.cross_pairs import cross_jacobian, cross_residual, green_functions, normal_parts
from jaxgap.selfenergy.eliashberg import equations_of
from jaxgap.selfenergy.impurities import opened, scattered
from jaxgap.selfenergy.local_green import Local
from jaxgap.units import k_B

ANDERSON = json.loads((Path(__file__).parents[1] / "reference" / "disorder.json").read_text())["cases"][2]
U, J = [[0.5, 0.2], [0.2, -0.3]], [[0.1, 0.05], [0.05, 0.2]]
LAM = [[0.9, 0.1, 0.05], [0.1, 0.6, 0.03], [0.05, 0.03, 0.3]]
FEW = jg.Retarded(20.0, frequencies=64)
"""Relations and derivatives hold for any number of frequencies."""


def local(seed=3, nodes=4):
    """Green's functions with the symmetries of local ones: g complex symmetric, f Hermitian."""
    g, f = (x + 1j * y for x, y in generator(seed).normal(size=(2, 2, 2, 2, nodes)))
    return Local(jnp.asarray(g + g.swapaxes(0, 1)), jnp.asarray(f + f.swapaxes(0, 1).conj()))


def in_one_matrix(G, k):
    g, f = (np.asarray(part[..., k]) for part in G)
    return np.block([[g, -f], [-f.conj(), -g.conj()]])


@pytest.mark.parametrize("kind", ["Born", "T-matrix"])
def test_the_self_energy_is_that_of_particles_and_holes(kind):
    G, u, J_, n = local(), np.array(U), np.array(J), 0.7
    found = scattered(G, (Disorder(jnp.asarray(n), jnp.asarray(u), jnp.asarray(J_), kind),))
    tau_3, tau_0 = np.diag([1.0, -1.0]), np.eye(2)
    for k in range(4):
        whole, total = in_one_matrix(G, k), 0
        for sign in (1, -1):
            one = np.kron(tau_3, u) + sign * np.kron(tau_0, J_)
            T = np.linalg.inv(np.eye(4) - one @ whole) @ one - one if kind == "T-matrix" else one @ whole @ one
            total = total + n * T / 2
        np.testing.assert_allclose(found.normal[..., k], total[:2, :2], rtol=1e-12)
        np.testing.assert_allclose(found.Phi[..., k], total[:2, 2:], rtol=1e-12)
        # Spins of both directions: time reversal holds on average.
        np.testing.assert_allclose(total[2:, 2:], -total[:2, :2].conj(), rtol=1e-12)
        np.testing.assert_allclose(total[:2, 2:], total[:2, 2:].conj().T, rtol=1e-12)


def test_all_pairs_of_bands_become_channels():
    bands = {name: {"mu": 500.0} for name in "abc"}
    lam = 0.1 * np.eye(4)
    sc = jg.superconductor(bands=bands, lam=lam, cross=["c:a"], interaction=FEW, disorder=jg.Disorder(1.0, np.eye(3)))
    wide = opened(sc)
    assert wide.channels == ("a", "b", "c", "c:a", "a:b", "b:c")
    np.testing.assert_array_equal(wide.lam[:4, :4], lam)
    assert not np.any(wide.lam[4:])
    assert not np.any(wide.lam[:, 4:])


def test_an_interband_potential_beside_others_hybridises_the_normal_state():
    sc = opened(two_bands([[0.4, 0.05], [0.05, 0.3]], 0.7, U, J))
    W = normal_parts(sc, equations_of(sc, jnp.asarray(5.0))).W
    u, J_ = np.array(U), np.array(J)
    rates = 0.7 * np.pi * (u @ u + J_ @ J_)
    np.testing.assert_allclose(W[:, 0], [rates[0, 0], rates[1, 1], rates[0, 1]])


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Born", "T-matrix"])
def test_anderson_below_T_c(kind):
    """To all digits that the page prints, and to rounding of what there is without impurities; a shell's gap would fall by
    44 %."""
    u = 1.0 if kind == "Born" else 0.3
    clean = float(jg.solve(one_band(0.0, u=u, kind=kind), ANDERSON["T_K"]).pairing[0])
    for rate, gap in ANDERSON["Matsubara"].items():
        solution = jg.solve(one_band(float(rate) / np.pi, u=u, kind=kind), ANDERSON["T_K"])
        assert float(solution.Delta[0].real) == pytest.approx(gap, abs=1e-10)
        assert float(solution.pairing[0]) == pytest.approx(gap, abs=1e-10)
        assert float(solution.Delta[0].real) == pytest.approx(clean, rel=1e-13)
        assert float(solution.pairing[0]) == pytest.approx(clean, rel=1e-13)


def abrikosov_gorkov(alpha, T, lam, omega_c):
    """The order parameter, by u = W / Phi of every frequency: omega / Delta = u - (alpha / Delta) u / sqrt(1 + u^2)."""
    m = np.arange(200)
    step = 2 * np.pi * k_B * T
    omega, share = (m + 0.5) * step, np.clip(omega_c / step - m, 0, 1)

    def excess(Delta):
        def f_over_N(w, s):
            u = brentq(lambda u: u * Delta - alpha * u / np.sqrt(1 + u * u) - w, w / Delta, (w + alpha) / Delta + 1e-9)
            return s / np.sqrt(1 + u * u)

        return lam * step * sum(f_over_N(w, s) for w, s in zip(omega, share, strict=True) if s > 0) - Delta

    return brentq(excess, 0.2, 5.0, xtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Born", "T-matrix"])
def test_spins_below_T_c(kind):
    """Born's are Abrikosov and Gor'kov's; weak ones of the T-matrix, too."""
    J_, tolerance = (0.2, 1e-9) if kind == "Born" else (1e-4, 1e-6)
    alpha = 0.3
    solution = jg.solve(one_band(alpha / (2 * np.pi * J_**2), J=J_, kind=kind), 4.0)
    assert relative_error(float(solution.pairing[0]), abrikosov_gorkov(alpha, 4.0, 0.3, 30.0)) < tolerance
    assert float(solution.Delta[0].real) < float(solution.pairing[0])
    assert float(solution.free_energy()) < 0


@pytest.mark.slow
def test_interband_scattering_changes_the_sign_of_the_smaller_gap():
    found = {G: jg.solve(two_bands(EFREMOV, G / np.pi, S["s1"]), 3.0) for G in (0.0, 0.3, 3.0, 10.0, 100.0)}
    assert all(bool(s.converged) for s in found.values())
    assert [s.pairing[1] > 0 for s in found.values()] == [False, False, False, True, True]
    # What is dressed, and has the gap of the spectrum, changes its sign before: below Gamma = 1.
    assert [s.Delta[1].real > 0 for s in found.values()] == [False, False, True, True, True]
    assert [jg.Label(int(s.label)).name for s in found.values()] == ["S_PLUS_MINUS"] * 2 + ["S_PLUS_PLUS"] * 3
    assert [int(s.winding) for s in found.values()] == [-1] * 5


@pytest.fixture(scope="module")
def solved():
    sc = two_bands(LAM, 0.8, U, J, d=4.0, interaction=FEW)
    return sc, jg.solve(sc, 8.0)


@pytest.mark.slow
def test_the_jacobian_with_impurities(solved):
    sc, solution = solved
    wide = opened(sc)
    E = equations_of(wide, jnp.asarray(8.0))
    x = normal_parts(wide, E)._replace(Phi=solution.self_energy.Phi, A=solution.self_energy.A).flat.ravel()
    J_ = cross_jacobian(x, (wide, E))
    v = jnp.asarray(generator(5).normal(size=len(x)))
    direct = jax.jvp(lambda y: cross_residual(y, (wide, E)), (x,), (v,))[1]
    np.testing.assert_allclose(J_ @ v, direct, atol=1e-11)


@pytest.mark.slow
def test_the_free_energy_is_stationary(solved):
    """n dF/dn = 2 k_B T sum_n Re tr [Sigma g - Phi f] of what impurities make, less the same of the normal state."""
    sc, solution = solved
    wide = opened(sc)
    E = equations_of(wide, jnp.asarray(8.0))

    def by_impurities(parts):
        G = green_functions(parts, E.K.omega, wide)
        own = scattered(G, wide.disorder)
        return jnp.sum(jnp.real(own.normal * jnp.swapaxes(G.g, 0, 1) - own.Phi * G.f), axis=(0, 1))

    state, normal = solution.self_energy, normal_parts(wide, E)
    bare = jnp.zeros_like(state.W).at[:2].set(state.omega)
    own = by_impurities(normal._replace(W=state.W - bare, X=state.X, Phi=state.Phi, A=state.A))
    expected = 2 * k_B * 8.0 * jnp.sum((own - by_impurities(normal)) * E.total)

    def F(n):
        return jg.solve(sc.set({"disorder.density": n}), 8.0).free_energy()

    n, h = 0.8, 1e-3
    assert float(n * (F(n + h) - F(n - h)) / (2 * h)) == pytest.approx(float(expected), rel=1e-5)
    assert float(expected) > 0


@pytest.mark.slow
def test_derivatives_of_a_dressed_state(solved):
    sc, solution = solved

    def of(values):
        return jg.solve(sc.set(values), 8.0)

    slope = jax.grad(lambda s: jg.solve(s, 8.0).Delta[1].real)(sc)
    for path in ("disorder.density", "disorder.u[a, b]", "disorder.J[b, b]", "lam[a, a:b]"):
        x, h = float(sc.get(path)), 1e-4
        up, down = (float(of({path: x + s * h}).Delta[1].real) for s in (1, -1))
        assert float(slope.get(path)) == pytest.approx((up - down) / (2 * h), rel=1e-6, abs=1e-8), path
    assert bool(solution.differentiable)


@pytest.mark.slow
def test_retarded_pairs_obey_anderson_and_have_a_T_c():
    """Of potentials that are one, T_c, the order parameter and F do not depend on the density, at any distance; of spins T_c is
    where a gap vanishes."""
    clean, dirty = (two_bands(LAM, n, S["1"], d=4.0, interaction=FEW) for n in (0.0, 5.0))
    assert relative_error(float(jg.critical_temperature(dirty)), float(jg.critical_temperature(clean))) < 1e-10
    one, other = jg.solve(clean, 8.0), jg.solve(dirty, 8.0)
    np.testing.assert_allclose(other.pairing, one.pairing, rtol=1e-9)
    assert relative_error(float(other.free_energy()), float(one.free_energy())) < 1e-9
    spins = two_bands(LAM, 0.8, U, J, d=4.0, interaction=FEW)
    T_c = float(jg.critical_temperature(spins))
    near = [jg.solve(spins, T_c * (1 - x)) for x in (4e-4, 1e-4)]
    assert float(jnp.abs(near[0].Delta[0] / near[1].Delta[0])) == pytest.approx(2.0, rel=1e-3)
    assert relative_error(float(near[1].distance), 1e-4 * T_c) < 1e-3
    assert jg.Label(int(jg.solve(spins, 1.01 * T_c).label)).name == "NORMAL"


@pytest.mark.slow
def test_what_does_not_know_impurities_refuses_them(solved):
    solution, observables = solved[1], jg.observables
    asked = {
        "edges": lambda: observables.gap_edges(solution),
        "tunnelling": lambda: observables.tunnelling_density_of_states(solution, jnp.linspace(0.0, 5.0, 5), Gamma=0.1),
        "photoemission": lambda: observables.spectral_function(solution, jnp.array([500.0]), jnp.array([1.0]), Gamma=0.1),
        "relaxation": lambda: observables.relaxation_rate(solution, Gamma=0.1),
        "a bound state": lambda: observables.bound_states(solution, J=np.eye(2)),
        "local": lambda: solution.local_functions(jnp.asarray(1.0 + 0.1j)),
        "density of states": lambda: solution.density_of_states(jnp.asarray(1.0)),
        "continued": lambda: solution.continued(),
        "normal": lambda: solution.normal_green_function(jnp.asarray(1.0 + 0.1j)),
        "peaks": lambda: solution.singular_energies(),
    }
    for ask in asked.values():
        with pytest.raises(jg.InputError, match="`solution` must have no disorder for this"):
            ask()
    for ask in (solution.entropy, solution.specific_heat, lambda: solution.energies(jnp.array([500.0]))):
        with pytest.raises(jg.InputError, match="`solution` must have a static interaction"):
            ask()
