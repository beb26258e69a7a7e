"""Shallow and incipient bands, and contact interactions, at a fixed density: closed forms, published numbers, other routes.

`reference/shallow.json` holds solutions that two independent codes, or a code and a closed form, agree on to 1e-11.
"""

import json
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

import jaxgap as jg
from jaxgap import InputError
from jaxgap.equations.occupation import normal_occupation, occupation
from jaxgap.units import k_B

CASES = {
    c["name"]: c
    for c in json.loads((Path(__file__).parents[1] / "reference" / "shallow.json").read_text(encoding="utf-8"))["cases"]
}
PUBLISHED = 1e-9
"""Digits that known answers are given to."""
CLOSED = 1e-12
"""A closed form, where nothing is ill-conditioned."""
DIFFERENCES = 1e-6
"""Central differences of solutions that are good to 1e-12, with steps of 1e-4."""
OMEGA = 30.0


def shallow(E_F=10.0, g=1.2, Omega=OMEGA, mass=1.0):
    return jg.superconductor(bands={"a": {"mu": E_F, "mass": mass}}, g=[[g]], Omega=Omega)


def contact(E_b, cutoff, E_F=10.0, mass=1.0):
    g = jg.contact_from_binding(E_b, cutoff, mass)
    return jg.superconductor(bands={"a": {"mu": E_F, "mass": mass}}, g=[[g]], cutoff=cutoff)


def in_3d(inverse_k_F_a, cutoff, E_F=10.0):
    g = jg.contact_from_scattering(inverse_k_F_a, E_F, cutoff)
    return jg.superconductor(bands={"a": {"mu": E_F}}, g=[[g]], cutoff=cutoff, dimension=3)


def one_solved(sc, T, density):
    """(Delta, mu) of one band."""
    filled = jg.at_density(sc, T, density)
    return jnp.stack([jg.solve(filled, T).Delta[0].real, filled.bands[0].mu])


def pairing_sum(Delta, mu, Omega=OMEGA):
    """2 / lambda of one shell in 2D at T = 0."""
    return np.arcsinh(Omega / Delta) + np.arcsinh(min(mu, Omega) / Delta)


# === one shallow band in 2D


@pytest.mark.slow
@pytest.mark.parametrize(
    ("E_F", "Delta", "mu"), [(10.0, 17.35271404923674, 6.22248794324876), (3.0, 9.26176787606342, -2.09964127661416)]
)
def test_one_shallow_band_at_a_fixed_density(E_F, Delta, mu):
    filled = jg.at_density(shallow(), 0.0, 2 * E_F)
    solution = jg.solve(filled, 0.0)
    np.testing.assert_allclose([solution.Delta[0].real, filled.bands[0].mu], [Delta, mu], rtol=CLOSED)
    np.testing.assert_allclose(jg.density_of(solution), 2 * E_F, rtol=CLOSED)
    np.testing.assert_allclose(pairing_sum(Delta, mu), 2 / 1.2, rtol=CLOSED)


@pytest.mark.slow
def test_a_shell_that_ends_at_the_bottom_of_its_band():
    """2/lambda = asinh(Omega/Delta) + asinh(min(mu, Omega)/Delta), with mu of either sign."""
    for mu in (45.0, 30.0, 12.0, 1e-6, 0.0, -4.0, -5.0):
        Delta = brentq(lambda D, mu=mu: pairing_sum(D, mu) - 2 / 1.2, 1e-3, 1e3, xtol=1e-14, rtol=1e-14)
        solution = jg.solve(shallow(mu), 0.0)
        np.testing.assert_allclose(solution.Delta[0].real, Delta, rtol=CLOSED)
        s = min(mu, OMEGA)
        n = 2 * max(mu - OMEGA, 0) + OMEGA + s - np.hypot(OMEGA, Delta) + np.hypot(s, Delta)
        np.testing.assert_allclose(jg.density_of(solution), n, rtol=CLOSED)


def test_an_incipient_band_pairs_alone_only_if_strong_enough():
    """lambda > 2 / ln(Omega / |mu|)."""
    for mu in (-4.0, -20.0):
        threshold = 2 / np.log(OMEGA / -mu)
        assert float(jg.critical_temperature(shallow(mu, 0.999 * threshold))) == 0
        assert float(jg.critical_temperature(shallow(mu, 1.001 * threshold))) > 0
    assert float(jg.critical_temperature(shallow(-OMEGA - 1.0, 50.0))) == 0


@pytest.mark.slow
def test_derivatives_at_zero_temperature():
    """dDelta/dn and dmu/dn of the page, and those with respect to everything else, in both modes."""
    by_density = jax.jacfwd(lambda n: one_solved(shallow(), 0.0, n))(20.0)
    np.testing.assert_allclose(by_density, [0.4650649276, 0.5944378014], rtol=PUBLISHED)

    def of(theta):
        g, Omega, mass = theta
        sc = jg.superconductor(bands={"a": {"mu": 10.0, "mass": mass}}, g=g[None, None], Omega=Omega)
        return one_solved(sc, 0.0, 20.0)

    at = jnp.array([1.2, 30.0, 1.1])
    forward, reverse = jax.jacfwd(of)(at), jax.jacrev(of)(at)
    np.testing.assert_allclose(forward, reverse, rtol=CLOSED)
    h = 1e-4
    differences = np.stack([(of(at.at[k].add(h)) - of(at.at[k].add(-h))) / (2 * h) for k in range(3)], axis=1)
    np.testing.assert_allclose(forward, differences, rtol=DIFFERENCES)


@pytest.mark.slow
def test_a_normal_state_at_a_fixed_density():
    """n = 2 m k_B T ln(1 + e^(mu / k_B T)), whose inverse is closed; at T = 0 its derivative is 1 / 2m."""
    sc, kT = shallow(g=1e-3, mass=1.3), 3.0
    filled = jg.at_density(sc, kT / k_B, 20.0)
    np.testing.assert_allclose(filled.bands[0].mu, kT * np.log(np.expm1(20.0 / (2 * 1.3 * kT))), rtol=CLOSED)
    repelled = shallow(g=-1.0, mass=1.3)
    mu, slope = jax.value_and_grad(lambda n: jg.at_density(repelled, 0.0, n).bands[0].mu)(20.0)
    np.testing.assert_allclose([mu, slope], [20.0 / 2.6, 1 / 2.6], rtol=CLOSED)


# === contact interactions


@pytest.mark.slow
@pytest.mark.parametrize("E_b", [0.1, 10.0, 40.0, 370.0])
def test_randeria_duan_shieh(E_b):
    """Delta = sqrt(2 E_F E_b), mu = E_F - E_b / 2, reached like (E_b / 4 + E_F / 2) / cutoff."""
    E_F = 10.0
    for cutoff in (1e5, 1e11, 1e13):
        Delta, mu = one_solved(contact(E_b, cutoff), 0.0, 2 * E_F)
        np.testing.assert_allclose(Delta, np.sqrt(2 * E_F * E_b), rtol=max((0.26 * E_b + 0.51 * E_F) / cutoff, PUBLISHED))
        np.testing.assert_allclose(mu, E_F - E_b / 2, rtol=PUBLISHED, atol=1.01 * E_F * E_b / cutoff)


@pytest.mark.slow
def test_contact_of_the_reference():
    c = CASES["contact interaction in 2D, cutoff 1000 E_F above the band bottom, lam = 0.5"]
    sc = contact(c["bound_state_E_b"], c["cutoff"])
    np.testing.assert_allclose(sc.g, c["g"], rtol=CLOSED)
    np.testing.assert_allclose(one_solved(sc, 0.0, c["density"]), [c["Delta_real"][0], c["mu"]], rtol=CLOSED)


PAIR_BREAKING = {
    0.01: (0.080176438505, 0.999999692876),
    0.1: (0.253952238497, 0.995001069377),
    1.0: (0.846173654236, 0.690017511594),
    4.0: (1.893066734094, -0.686192453729),
}
"""k_B T^* and mu(T^*) of binding energies, all in units of E_F, without cutoff."""


@pytest.mark.parametrize("E_b", PAIR_BREAKING)
def test_pairs_break(E_b):
    E_F = 10.0
    found = jg.critical_temperature_at_density(contact(E_F * E_b, 1e12), 2 * E_F)
    got = float(k_B * found.T_c) / E_F, float(found.superconductor.bands[0].mu) / E_F
    np.testing.assert_allclose(got, PAIR_BREAKING[E_b], rtol=PUBLISHED)


@pytest.mark.slow
def test_where_the_gap_of_a_fixed_density_vanishes():
    """It is the T_c of the system that it returns, and the gap at that density is gone above and there below."""
    sc = contact(10.0, 1e4)
    T_c, critical = jg.critical_temperature_at_density(sc, 20.0)
    np.testing.assert_allclose(jg.critical_temperature(critical), T_c, rtol=PUBLISHED)
    np.testing.assert_allclose(normal_occupation(critical, T_c), 20.0, rtol=CLOSED)
    assert abs(float(one_solved(sc, 1.001 * T_c, 20.0)[0])) == 0
    assert float(one_solved(sc, 0.999 * T_c, 20.0)[0]) > 0
    T_c, _ = jg.critical_temperature_at_density(shallow(g=-1.0), 20.0)
    assert float(T_c) == 0


@pytest.mark.slow
def test_derivative_of_the_temperature_at_which_pairs_break():
    def T_c(theta):
        E_b, n = theta
        return jg.critical_temperature_at_density(contact(E_b, 1e5), n).T_c

    at, h = jnp.array([10.0, 20.0]), 1e-3
    got = jax.grad(T_c)(at)
    differences = [(T_c(at.at[k].add(h)) - T_c(at.at[k].add(-h))) / (2 * h) for k in (0, 1)]
    np.testing.assert_allclose(got, differences, rtol=DIFFERENCES)


IN_3D = {
    -1.0: (0.2084173070238, 0.9539825175184),
    0.0: (0.6864020520699, 0.5906055070328),
    1.0: (1.3318716869001, -0.8009521768353),
    2.0: (1.8485814144493, -3.8949124672712),
}
"""Delta and mu at 1 / (k_F a), in units of E_F, without cutoff."""


@pytest.mark.slow
@pytest.mark.parametrize("inverse_k_F_a", IN_3D)
def test_contact_in_3d(inverse_k_F_a):
    """Without cutoff by extrapolation, since it acts like 1 / sqrt(cutoff): 1e-3 at 1e4 E_F, 1e-4 at 1e6 E_F."""
    E_F = 10.0
    n = 4 / 3 * E_F**1.5
    x = [np.asarray(one_solved(in_3d(inverse_k_F_a, c * E_F), 0.0, n)) / E_F for c in (1e4, 4e4, 1.6e5, 1e6)]
    wanted = np.array(IN_3D[inverse_k_F_a])
    np.testing.assert_array_less(np.abs(x[0] - wanted), 0.12)
    np.testing.assert_array_less(np.abs(x[3] - wanted), 0.012)
    once = [2 * x[1] - x[0], 2 * x[2] - x[1]]
    np.testing.assert_allclose((4 * once[1] - once[0]) / 3, wanted, rtol=1e-5)
    for name in ("contact interaction in 3D, 1/(k_F a) = 0, T = 0", "contact interaction in 3D, 1/(k_F a) = 1, T = 0"):
        c = CASES[name]
        np.testing.assert_allclose(IN_3D[c["inverse_kFa"]], [c["Delta_over_EF"], c["mu_over_EF"]], rtol=1e-12)


@pytest.mark.slow
def test_pairs_break_in_3d():
    """At unitarity k_B T^* = .4965 E_F, which the cutoff changes like 1 / sqrt(cutoff)."""
    E_F = 10.0
    x = []
    for cutoff in (1e6, 4e6, 16e6):
        found = jg.critical_temperature_at_density(in_3d(0.0, cutoff * E_F), 4 / 3 * E_F**1.5)
        x.append(np.array([float(k_B * found.T_c), float(found.superconductor.bands[0].mu)]) / E_F)
    once = [2 * x[1] - x[0], 2 * x[2] - x[1]]
    np.testing.assert_allclose((4 * once[1] - once[0]) / 3, [0.496464889435, 0.746919856149], rtol=PUBLISHED)


# === several bands


@pytest.mark.slow
def test_a_deep_and_an_incipient_band():
    c = CASES["deep and incipient 2D band with a cross channel, density fixed, T = 5"]
    bands = {name: {"mu": mu + 3.0, "mass": m} for name, mu, m in zip("ab", c["mus"], c["masses"], strict=True)}
    sc = jg.superconductor(bands=bands, cross=["a:b"], g=c["g"], Omega=c["Omega"])
    filled = jg.at_density(sc, c["T_K"], c["density"])
    np.testing.assert_allclose([float(band.mu) for band in filled.bands], c["mus"], rtol=CLOSED)
    solution = jg.solve(filled, c["T_K"])
    np.testing.assert_allclose(solution.Delta.real, c["Delta_real"], rtol=1e-11)
    np.testing.assert_allclose(jg.density_of(solution), c["density"], rtol=CLOSED)


@pytest.mark.slow
def test_derivatives_of_a_deep_and_an_incipient_band():
    c = CASES["deep and incipient 2D band with a cross channel, density fixed, T = 5"]

    def of(theta):
        g, n, mass, T = theta
        two = {"a": {"mu": 48.0, "mass": mass}, "b": {"mu": 0.0, "mass": 1.3}}
        interaction = jnp.asarray(c["g"]).at[0, 2].set(g).at[2, 0].set(g)
        found = jg.at_density(jg.superconductor(bands=two, cross=["a:b"], g=interaction, Omega=30.0), T, n)
        return jnp.append(jg.solve(found, T).Delta.real, found.bands[1].mu)

    at, h = jnp.array([0.052, 95.0, 1.0, 5.0]), 1e-4
    differences = np.stack([(of(at.at[k].add(h)) - of(at.at[k].add(-h))) / (2 * h) for k in range(4)], axis=1)
    np.testing.assert_allclose(jax.jacfwd(of)(at), differences, rtol=DIFFERENCES, atol=1e-8)


@pytest.mark.slow
@pytest.mark.parametrize("T", [0.0, 40.0])
def test_decoupled_bands_are_bands_alone(T):
    """Two bands with a cross channel that does nothing, and the same with a third band linked to them: each band is that of a
    system of its own at the mu found."""
    masses, g = {"a": 1.0, "b": 1.3, "c": 0.8}, {"a": 0.9, "b": 0.8, "c": 1.1}
    mus = {"a": 12.0, "b": 4.0, "c": 30.0}
    for names, cross in (("ab", ["a:b"]), ("abc", ["a:b", "b:c"])):
        bands = {name: {"mu": mus[name], "mass": masses[name]} for name in names}
        interaction = np.diag([*(g[name] for name in names), *[0.0] * len(cross)])
        filled = jg.at_density(jg.superconductor(bands=bands, cross=cross, g=interaction, Omega=OMEGA), T, 40.0)
        solution = jg.solve(filled, T)
        np.testing.assert_allclose(jg.density_of(solution), 40.0, rtol=CLOSED)
        total = 0.0
        for i, band in enumerate(filled.bands):
            alone = jg.solve(shallow(float(band.mu), g[band.name], mass=masses[band.name]), T)
            np.testing.assert_allclose(solution.Delta[i].real, alone.Delta[0].real, rtol=1e-11, atol=1e-11)
            total += float(jg.density_of(alone))
        np.testing.assert_allclose(total, 40.0, rtol=CLOSED)


@pytest.mark.slow
def test_electrons_of_three_linked_bands():
    """The number of electrons is that of the matrix at every k: against two bands in closed form, the third one far away."""
    two = jg.superconductor(
        bands={"a": {"mu": 12.0}, "b": {"mu": -4.0, "mass": 1.3}}, cross=["a:b"], g=np.eye(3) * 0.5, Omega=OMEGA
    )
    three = jg.superconductor(
        bands={"a": {"mu": 12.0}, "b": {"mu": -4.0, "mass": 1.3}, "c": {"mu": -90.0}},
        cross=["a:b", "b:c"],
        g=np.eye(5) * 0.5,
        Omega=OMEGA,
    )
    for T in (0.0, 30.0):
        at = jnp.asarray(T)
        n = occupation(two, jnp.array([3.0, 2.0, -1.5]), at), occupation(three, jnp.array([3.0, 2.0, 0.7, -1.5, 0.4]), at)
        np.testing.assert_allclose(n[1], n[0], rtol=1e-11)


@pytest.mark.slow
def test_holes_are_subtracted():
    """A hole band is an electron band turned over."""
    T = 20.0
    electrons = jg.superconductor(bands={"a": {"mu": 12.0}, "b": {"mu": 7.0}}, g=np.diag([0.9, 0.7]), Omega=OMEGA)
    both = jg.superconductor(bands={"a": {"mu": 12.0}, "b": {"mu": -7.0, "mass": -1.0}}, g=np.diag([0.9, 0.7]), Omega=OMEGA)
    alone = [float(jg.density_of(jg.solve(shallow(mu, g), T))) for mu, g in ((12.0, 0.9), (7.0, 0.7))]
    np.testing.assert_allclose(jg.density_of(jg.solve(electrons, T)), sum(alone), rtol=CLOSED)
    np.testing.assert_allclose(jg.density_of(jg.solve(both, T)), alone[0] - alone[1], rtol=CLOSED)
    filled = jg.at_density(both, T, alone[0] - alone[1])
    np.testing.assert_allclose([float(band.mu) for band in filled.bands], [12.0, -7.0], rtol=PUBLISHED)


@pytest.mark.slow
def test_couplings_of_deep_bands_are_taken_as_an_interaction():
    """lam / N at the mus given; deep bands have the mu of normal ones but for (Delta / mu)^2."""
    sc = jg.superconductor(bands={"a": {"mu": 200.0}}, lam=[[0.3]], Omega=OMEGA, dimension=3)
    filled = jg.at_density(sc, 2.0, 4 / 3 * 200.0**1.5)
    assert filled.paths == ("Omega", "mu[a]", "mass[a]", "g[a, a]")
    np.testing.assert_allclose(filled.g, sc.g, rtol=CLOSED)
    np.testing.assert_allclose(filled.bands[0].mu, 200.0, rtol=1e-4)


# === tables


def tables(others=(), g=((0.9,),)):
    """A system with a table that is constant, and the same with the parabolic band of which it is the density of states."""
    energy = np.array([0.0, 3.0, 10.0, 400.0])
    table = jg.tabulated_band("a", energy=energy, density=np.full(4, 1.3), mu=10.0)
    band = jg.parabolic_band("a", mu=10.0, mass=1.3)
    return [jg.superconductor(bands=[first, *others], g=np.array(g), Omega=OMEGA) for first in (table, band)]


@pytest.mark.slow
@pytest.mark.parametrize("T", [0.0, 30.0])
def test_a_table_of_a_parabolic_band(T):
    """The same mu, gap and T_c, with the same derivatives; beside another band, too."""
    beside = tables([jg.parabolic_band("b", mu=4.0)], [[0.9, 0.1], [0.1, 0.8]])
    for pair in (tables(), beside):
        at = [jg.at_density(sc, T, 26.0) for sc in pair]
        np.testing.assert_allclose(at[0].mus, at[1].mus, rtol=1e-11)
        solutions = [jg.solve(sc, T) for sc in at]
        np.testing.assert_allclose(solutions[0].Delta, solutions[1].Delta, rtol=1e-11)
        np.testing.assert_allclose([jg.density_of(one) for one in solutions], 26.0, rtol=CLOSED)
    slopes = [jax.jacfwd(lambda n, sc=sc: one_solved(sc, T, n))(26.0) for sc in tables()]
    np.testing.assert_allclose(slopes[0], slopes[1], rtol=1e-9)
    T_c = [jg.critical_temperature_at_density(sc, 26.0).T_c for sc in beside]
    np.testing.assert_allclose(T_c[0], T_c[1], rtol=1e-10)


def test_electrons_of_a_table():
    """2 N f, with N linear between the knots, by adaptive quadrature; a step at T = 0."""
    energy, N, mu = np.array([-20.0, -5.0, 12.0, 40.0]), np.array([0.4, 2.0, 0.1, 1.5]), 7.0
    band = jg.tabulated_band("a", energy=energy, density=N, mu=mu)
    for kT in (0.03, 2.0, 60.0):

        def filling(x, kT=kT):
            return 2 * np.interp(x, energy, N) / (1 + np.exp(np.clip((x - mu) / kT, -700, 700)))

        parts = np.unique(np.clip(np.r_[energy, mu + kT * np.linspace(-40, 40, 33), -11.0], -11.0, 40.0))
        want = sum(quad(filling, a, b, epsabs=0, epsrel=1e-13)[0] for a, b in pairwise(parts))
        np.testing.assert_allclose(band.electrons_above(jnp.asarray(9.0), jnp.asarray(kT), 2), want, rtol=1e-12)
    step = 2 * (np.trapezoid(N[:2], energy[:2]) + (2.0 + np.interp(mu, energy, N)) / 2 * (mu + 5.0))
    at_zero = band.electrons_above(jnp.zeros(()), jnp.asarray(1e-30), 2)
    np.testing.assert_allclose(at_zero, step, rtol=1e-14)
    np.testing.assert_allclose(band.most_electrons, 2 * np.trapezoid(N, energy), rtol=1e-14)
    slope = jax.grad(lambda mu: band.shifted(mu - 7.0).electrons_above(jnp.zeros(()), jnp.asarray(1e-30), 2))(7.0)
    np.testing.assert_allclose(slope, 2 * np.interp(mu, energy, N), rtol=1e-14)


# === bad input


@pytest.mark.parametrize(
    ("mass", "density", "words"),
    [
        (1.0, -3.0, "`density` must be positive"),
        (1.0, 0.0, "`density` must be positive"),
        (1.0, np.nan, "`density` must be finite"),
        (1.0, [1.0, 2.0], "`density` must be one number"),
        (-1.0, 3.0, "`sc` must have an electron band"),
    ],
)
def test_a_density_that_is_none(mass, density, words):
    sc = shallow(10.0 * mass, mass=mass)
    for function in (lambda n: jg.at_density(sc, 0.0, n), lambda n: jg.critical_temperature_at_density(sc, n)):
        with pytest.raises(InputError, match=words) as error:
            function(density)
        assert "\n" not in str(error.value)


def test_a_table_has_room_for_so_many_electrons():
    band = jg.tabulated_band("a", energy=[0.0, 50.0, 100.0], density=[1.0, 1.0, 1.0], mu=40.0)
    sc = jg.superconductor(bands=[band], lam=[[0.5]], Omega=OMEGA)
    with pytest.raises(InputError, match="`density` must be below 200, which is all that the bands have room for"):
        jg.at_density(sc, 0.0, 250.0)
