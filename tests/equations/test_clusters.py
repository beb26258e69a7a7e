"""Gap equations of clusters of three and more bands.

`reference/clusters.json` holds solutions and evaluations of an independent brute-force code, which agrees with a third one.
"""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from problems import generator
from problems import random_system as random_pair

from jaxgap import Superconductor, solve, superconductor
from jaxgap.equations.free_energy import free_energy_functional_of_pairs, quasiparticle_free_energy
from jaxgap.equations.gap_equations import residual_and_matrix, residual_and_phases
from jaxgap.equations.group_sums import group_densities
from jaxgap.equations.nodes import Group, lanes
from jaxgap.equations.pairing import anomalous_densities, cubic_residual, gap_residual, pack, phase_jacobian, unpack
from jaxgap.solving.critical import critical_temperature
from jaxgap.spectra.quadrature import Rule
from jaxgap.spectra.several_bands import SeveralBands
from jaxgap.spectra.shells import Shells, band_pairs, nodes_on_parts, parts_of, shell_edges
from jaxgap.spectra.two_bands import TwoBands
from jaxgap.units import thermal_energy

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parents[1] / "reference" / "clusters.json").read_text())["cases"]
SOLVED = [case for case in CASES if "P" not in case]
EVALUATED = [case for case in CASES if "P" in case]

ROUNDING = 1e-13  # of sums of some 400 numbers of order 10
RESIDUAL = 1e-12  # [meV]; the references are good to that
AMPLITUDES = 1e-8  # relative: what the references promise
DIFFERENCES = 1e-6  # of central differences with a step of 1e-5


def system(case: dict[str, Any]) -> Superconductor:
    names = "abcdef"[: len(case["masses"])]
    bands = {name: {"mu": mu, "mass": m} for name, mu, m in zip(names, case["mus"], case["masses"], strict=True)}
    cross = [f"{names[i]}:{names[j]}" for i, j in case["cross"]]
    return superconductor(bands=bands, lam=case["lam"], Omega=case["Omega"], cross=cross, dimension=case["dim"])


def amplitudes(case: dict[str, Any]) -> jax.Array:
    Delta = np.array(case["Delta_real"]) + 1j * np.array(case.get("Delta_imag", 0.0))
    return jnp.asarray(Delta.real if np.abs(Delta.imag).max() < ROUNDING else Delta)


def named(case: dict[str, Any]) -> str:
    return str(case["name"])


@pytest.mark.parametrize(
    "case", [pytest.param(case, marks=[pytest.mark.slow] * (k % 2), id=named(case)) for k, case in enumerate(SOLVED)]
)
@pytest.mark.slow
def test_references_solve_both_forms_of_the_equations(case: dict[str, Any]) -> None:
    sc, Delta, T = system(case), amplitudes(case), jnp.asarray(case["T_K"])
    assert np.abs(gap_residual(sc, Delta, T)).max() < RESIDUAL
    r, M = residual_and_matrix(sc, Delta, T)
    assert np.abs(r).max() < RESIDUAL
    n = len(Delta)
    by_differentiation = jax.jit(jax.jacfwd(lambda x: pack(gap_residual(sc, unpack(x, n), T))))
    assert np.abs(M - by_differentiation(pack(Delta))).max() < ROUNDING


@pytest.mark.parametrize("case", EVALUATED, ids=named)
def test_evaluations(case: dict[str, Any]) -> None:
    sc, Delta, T = system(case), amplitudes(case), jnp.asarray(case["T_K"])
    densities = jax.jit(lambda D: anomalous_densities(sc, D, T))
    assert np.abs(densities(Delta) - np.array(case["P"])).max() < ROUNDING
    dP = jax.jit(jax.jacfwd(densities))(Delta)
    assert np.abs(dP - np.array(case["dP_dDelta"])).max() < ROUNDING
    M = np.eye(len(Delta)) - sc.lam @ (np.array(case["dP_dDelta"]) / sc.N[:, None])
    assert np.abs(jax.jit(residual_and_matrix)(sc, Delta, T)[1] - M).max() < ROUNDING
    block = np.eye(len(Delta)) - sc.lam @ (jax.jit(phase_jacobian)(sc, Delta, T) / sc.N[:, None])
    assert np.abs(jax.jit(residual_and_phases)(sc, Delta, T)[1] - block).max() < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in SOLVED if not np.any(case.get("Delta_imag", 0))], ids=named)
def test_solve_and_T_c(case: dict[str, Any]) -> None:
    sc = system(case)
    found = solve(sc, case["T_K"], start=1.01 * np.array(case["Delta_real"]))
    np.testing.assert_allclose(found.Delta.real, case["Delta_real"], rtol=AMPLITUDES, atol=AMPLITUDES)
    assert bool(found.converged)
    if "Tc_K" in case:
        assert abs(float(critical_temperature(sc)) - case["Tc_K"]) < 1e-9 * case["Tc_K"]


def random_system(rng: np.random.Generator, n: int, dimension: int = 2) -> Superconductor:
    """Bands of different masses whose shells overlap partly, all of them cross-paired, detailed balance."""
    names = "abcdef"[:n]
    mus = 150 + np.cumsum(rng.uniform(0, 25, n))
    bands = {name: {"mu": mu, "mass": m} for name, mu, m in zip(names, mus, rng.uniform(0.8, 1.3, n), strict=True)}
    cross = [f"{a}:{b}" for k, a in enumerate(names) for b in names[k + 1 :]]
    size = n + len(cross)
    bare = superconductor(bands=bands, cross=cross, Omega=30.0, lam=np.eye(size), dimension=dimension)
    A = rng.normal(size=(size, size)) * 0.05
    g = (A + A.T) / 2 + np.diag(np.r_[rng.uniform(0.3, 0.45, n), rng.uniform(0.05, 0.2, len(cross))])
    root = np.sqrt(np.asarray(bare.N))
    return superconductor(bands=bands, cross=cross, Omega=30.0, lam=g / root[:, None] * root, dimension=dimension)


@pytest.mark.parametrize("T", [0.0, pytest.param(8.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("complex_", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_free_energy_is_stationary_where_the_equations_are_solved(n: int, complex_: bool, T: float) -> None:
    """d phi / d Delta^* = -P, and F(X) = X^+ g X + phi(g X) has the gradient 2 g r."""
    rng = generator(n)
    sc, T = random_system(rng, n, 2 if complex_ else 3), jnp.asarray(T)
    Delta = jnp.asarray(rng.normal(size=len(sc.channels)) * 3)
    Delta = Delta + 1j * rng.normal(size=len(sc.channels)) if complex_ else Delta
    slope = jnp.conj(jax.jit(jax.grad(lambda D: quasiparticle_free_energy(sc, D, T)))(Delta))
    P = anomalous_densities(sc, Delta, T)
    assert np.abs(slope + 2 * P).max() < 1e-9 * np.abs(P).max()
    X = jnp.linalg.solve(sc.g.astype(Delta.dtype), Delta)
    slope = jnp.conj(jax.jit(jax.grad(lambda X: free_energy_functional_of_pairs(sc, X, T)))(X))
    r = gap_residual(sc, Delta, T)
    assert np.abs(slope - 2 * sc.g @ (X - P)).max() < 1e-9 * np.abs(slope).max()
    np.testing.assert_allclose(sc.g @ (X - P), r, atol=ROUNDING * np.abs(Delta).max() * 10)


@pytest.mark.parametrize("T", [0.0, pytest.param(6.0, marks=pytest.mark.slow)])
@pytest.mark.slow
def test_general_route_equals_the_closed_form_of_two_bands(T: float) -> None:
    """200 random systems, real and complex amplitudes, also with few digits left to lose: spectra and densities."""
    rng, rule = generator(2), Rule(64, 64, 64)

    def both(sc: Superconductor, Delta: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        (cluster,) = sc.clusters
        closed, general = TwoBands(sc, Delta, cluster), SeveralBands(sc, Delta, cluster)
        kappa, at = jnp.linspace(80.0, 220.0, 41), jnp.asarray(T)
        return (
            closed.anomalous_densities(at, rule),
            general.anomalous_densities(at, rule),
            closed.energies(kappa),
            general.energies(kappa),
        )

    compare = jax.jit(jax.vmap(both))
    systems = [random_pair(seed, equal_masses=False) for seed in range(100)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *systems)
    real = jnp.asarray(rng.normal(size=(100, 3)) * 4)
    for Delta in (real, real + 1j * rng.normal(size=(100, 3))):
        P, P_general, E, E_general = compare(stacked, Delta)
        assert np.abs(P - P_general).max() < 1e-12 * np.abs(P).max()
        assert np.abs(E - E_general).max() < 1e-12 * np.abs(E).max()


@pytest.mark.slow
def test_batched_sums_equal_the_closed_form_of_two_bands() -> None:
    rng = generator(5)
    systems = [random_pair(seed, equal_masses=False) for seed in range(20)]
    sc = jax.tree.map(lambda *leaves: jnp.stack(leaves), *systems)
    x, T = jnp.asarray(rng.normal(size=(20, 3)) * 4), jnp.linspace(0.5, 12.0, 20)

    def shells(sc: Superconductor, x: jax.Array) -> tuple[jax.Array, ...]:
        m, mu = zip(*(band.tangent for band in sc.bands), strict=True)
        return jnp.stack(m), jnp.stack(mu), *shell_edges(sc, sc.clusters[0]), x

    @jax.jit
    def summed(sc: Superconductor, x: jax.Array) -> tuple[jax.Array, ...]:
        m, mu, a, b, Delta = jax.vmap(shells, out_axes=-1)(sc, x)
        pairs = band_pairs(systems[0], systems[0].clusters[0])
        at = nodes_on_parts(parts_of(Shells(m, mu, a, b, pairs, Delta)), thermal_energy(T), 32, 2)
        z = jnp.stack([band.zeta(at.kappa) for band in sc.bands])
        return group_densities(Group(z, at, pairs), x.T, thermal_energy(T), "amplitudes")

    P, dP = summed(sc, x)
    r = x.T - jnp.einsum("ecd,de->ce", jax.vmap(lambda sc: sc.g)(sc), P)
    M = jnp.eye(3)[..., None] - jnp.einsum("ecd,dfe->cfe", jax.vmap(lambda sc: sc.g)(sc), dP)
    closed = jax.jit(jax.vmap(lambda sc, x, T: residual_and_matrix(sc, x, T, Rule(64, 64))))(sc, x, T)
    assert np.abs(r.T - closed[0]).max() < 1e-12 * np.abs(x).max()
    assert np.abs(jnp.moveaxis(M, -1, 0) - closed[1]).max() < 1e-12


@pytest.mark.slow
def test_bands_that_are_not_linked_by_an_amplitude_are_independent() -> None:
    """A chain whose cross couplings vanish solves as three bands alone."""
    chain = system(CASES[0])
    n = len(chain.bands)
    lam = np.diag([0.38, 0.35, 0.33, 0.0, 0.0])
    bands = {band.name: {"mu": band.mu, "mass": band.mass} for band in chain.bands}
    linked = superconductor(bands=bands, lam=lam, Omega=30.0, cross=["a:b", "b:c"])
    apart = superconductor(bands=bands, lam=lam[:n, :n], Omega=30.0)
    start = np.array([4.0, 4.0, 3.0, 0.0, 0.0])
    found, alone = solve(linked, 3.0, start=start), solve(apart, 3.0, start=start[:n])
    np.testing.assert_allclose(found.Delta[:n], alone.Delta, rtol=1e-11)
    assert np.abs(found.Delta[n:]).max() == 0


def test_the_order_of_bands_changes_nothing() -> None:
    rng = generator(7)
    sc = random_system(rng, 3)
    Delta, T = jnp.asarray(rng.normal(size=6) * 3), jnp.asarray(4.0)
    bands, order = sc.bands, [2, 0, 1]
    cross = [f"{bands[i].name}:{bands[j].name}" for i, j in sc.cross]
    turned = superconductor(
        bands=[bands[k] for k in order], lam=sc.lam, Omega=30.0, cross=cross[::-1], channels=list(sc.channels)
    )
    places = [sc.channels.index(name) for name in turned.channels]
    P, P_turned = anomalous_densities(sc, Delta, T), anomalous_densities(turned, Delta[jnp.array(places)], T)
    np.testing.assert_allclose(P_turned, P[jnp.array(places)], atol=ROUNDING * 10)


def _along(sc: Superconductor, rng: np.random.Generator) -> dict[str, float]:
    """A direction in which every kind of number moves."""
    paths = ["Omega", "mu[a]", "mu[c]", "mass[b]", "lam[a, b]", "lam[a, a:b]"]
    return {path: float(rng.normal()) * {"O": 1.0, "m": 0.3, "l": 0.01}[path[0]] for path in paths}


@pytest.mark.parametrize("T", [0.0, pytest.param(5.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("tie", ["all shells equal", pytest.param("apart", marks=pytest.mark.slow)])
def test_derivatives(tie: str, T: float) -> None:
    """First and second derivatives of the residual in everything, forward and reverse, against differences.

    Where all shells are equal a direction in which they move together is differentiable; one in which they part is not: there
    the mean of both sides is given for two edges, and no gradient is right for three.
    """
    rng = generator(11)
    sc = random_system(rng, 3)
    if tie != "apart":
        mu, m = sc.bands[0].mu, sc.bands[0].mass
        sc = sc.set({f"{leaf}[{name}]": x for name in "bc" for leaf, x in (("mu", mu), ("mass", m))})
        direction = {"Omega": 1.0, "mu[a]": 0.4, "mu[b]": 0.4, "mu[c]": 0.4, "lam[a, b]": 0.01}
    else:
        direction = _along(sc, rng)
    Delta, w = jnp.asarray([4.0, -3.0, 3.5, 0.8, 0.5, -0.6]), jnp.asarray(rng.normal(size=6))

    def value(s: jax.Array) -> jax.Array:
        moved = sc.set({path: sc.get(path) + s * step for path, step in direction.items()})
        return w @ gap_residual(moved, Delta * (1 + 0.03 * s), T + 0.2 * s if T > 0 else jnp.asarray(0.0))

    f = jax.jit(value)
    slope, bend = jax.jit(jax.grad(value)), jax.jit(jax.grad(jax.grad(value)))
    zero, h = jnp.zeros(()), 1e-4
    differences = float((f(h) - f(-h)) / (2 * h)), float((slope(h) - slope(-h)) / (2 * h))
    assert abs(float(slope(zero)) - differences[0]) < DIFFERENCES * max(1.0, abs(differences[0]))
    assert abs(float(bend(zero)) - differences[1]) < 1e-4 * max(1.0, abs(differences[1]))
    forward = jax.jit(lambda s: jax.jvp(value, (s,), (jnp.ones(()),))[1])
    assert abs(float(forward(zero) - slope(zero))) < 1e-11 * max(1.0, abs(float(slope(zero))))
    mixed = jax.jit(lambda s: jax.jvp(jax.grad(value), (s,), (jnp.ones(()),))[1])
    assert abs(float(mixed(zero) - bend(zero))) < 1e-9 * max(1.0, abs(float(bend(zero))))


@pytest.mark.parametrize("n", [3, pytest.param(4, marks=pytest.mark.slow)])
def test_cubic_term(n: int) -> None:
    """r(e v) = a e + c e^3 / 6 + b e^5 / 120 + ...: c from five amplitudes, up to the ninth order."""
    rng = generator(13)
    sc, T = random_system(rng, n, 3 if n == 3 else 2), jnp.asarray(40.0)
    v = jnp.asarray(rng.normal(size=len(sc.channels)))
    e = 0.12 * np.arange(1, 6)
    r = jax.jit(jax.vmap(lambda e: gap_residual(sc, e * v, T)))(jnp.asarray(e))
    series = np.linalg.solve(e[:, None] ** np.arange(1, 11, 2), np.asarray(r))
    c = jax.jit(lambda v: cubic_residual(sc, v, T))(v)
    assert np.abs(c - 6 * series[1]).max() < 1e-5 * np.abs(c).max()


@pytest.mark.slow
def test_nodes_converge() -> None:
    """Twice as many nodes change nothing that is promised."""
    rng = generator(3)
    for n, dimension in ((3, 2), (4, 3)):
        sc = random_system(rng, n, dimension)
        Delta = jnp.asarray(rng.normal(size=len(sc.channels)) * 3)
        for T in (0.0, 4.0):
            few, many = (anomalous_densities(sc, Delta, jnp.asarray(T), Rule(several=k)) for k in (24, 61))
            assert np.abs(few - many).max() < 1e-11 * np.abs(many).max()


@pytest.mark.slow
def test_lanes_of_several_kinds_of_clusters() -> None:
    """A band alone, a pair and a cluster of three in one system: each as by itself."""
    rng = generator(9)
    three, pair = random_system(rng, 3), random_pair(3)
    bands = {f"t{b.name}": {"mu": b.mu, "mass": b.mass} for b in three.bands}
    bands |= {f"p{b.name}": {"mu": b.mu, "mass": b.mass} for b in pair.bands} | {"s": {"mu": 170.0}}
    cross = ["ta:tb", "ta:tc", "tb:tc", "pa:pb"]
    sc = superconductor(bands=bands, lam=0.3 * np.eye(10), Omega=30.0, cross=cross)
    Delta, T = jnp.asarray(rng.normal(size=10) * 3), jnp.asarray(3.0)
    P = dict(zip(sc.channels, anomalous_densities(sc, Delta, T), strict=True))
    own = dict(zip(sc.channels, Delta, strict=True))
    three = superconductor(bands=three.bands, lam=three.lam, Omega=30.0, cross=["a:b", "a:c", "b:c"])
    names = ["ta", "tb", "tc", "ta:tb", "ta:tc", "tb:tc"]
    alone = anomalous_densities(three, jnp.stack([own[name] for name in names]), T)
    np.testing.assert_allclose(jnp.stack([P[name] for name in names]), alone, atol=ROUNDING * 10)
    r = residual_and_matrix(sc, Delta, T)[0]
    np.testing.assert_allclose(r, gap_residual(sc, Delta, T), atol=ROUNDING * 10)
    assert len(lanes(jax.tree.map(lambda leaf: leaf[None], sc), Delta[None], T[None], Rule()).groups) == 1
