"""Sums over k in closed form: against quadrature of the same integrands, also where roots are double, and their derivatives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from problems import system

from jaxgap.spectra import one_band
from jaxgap.spectra.partial_fractions import Quadratic, cauchy, over_quadratic
from jaxgap.spectra.regions import overlap_interval
from jaxgap.spectra.roots import pair_roots
from jaxgap.spectra.two_bands import TwoBands

VALUES = {1e-2: 1e-11, 0.1: 1e-12, 1.0: 1e-13}
"""Of the largest function at this Gamma: rounding over (Gamma / scale of the bands)."""
SLOPES = {1e-2: 1e-9, 0.1: 1e-11, 1.0: 1e-11}
N = 24


def pairs(Gamma):
    """(mu, m, Delta, z): real and complex amplitudes, equal bands, cross amplitudes of 1e-6 and none, branches that are one."""
    rng = np.random.default_rng(3)
    mu, m = 50 + 4 * rng.normal(size=(N, 2)), 1 + 0.1 * rng.normal(size=(N, 2))
    mu[::5], m[::5] = 50.0, 1.0
    Delta = 5 * rng.normal(size=(N, 3)) + 0j
    Delta[::3] *= np.exp(2j * np.pi * rng.uniform(size=(N // 3, 3)))
    Delta[::7, 2] *= 1e-6
    Delta[::11, 1], Delta[::11, 2] = Delta[::11, 0], 0.0
    return mu, m, Delta, rng.uniform(-12, 12, N) + 1j * Gamma


@pytest.mark.parametrize("Gamma", VALUES)
@pytest.mark.parametrize("dimension", [2, 3])
def test_two_bands_are_their_quadrature(dimension, Gamma, monkeypatch):
    monkeypatch.setattr("jaxgap.spectra.regions.NODES_AT_ROOTS", 48)
    base = system(0.3 * np.eye(3), [50.0, 60.0], [1.0, 1.0], Omega=15.0, dimension=dimension)

    def both(mu, m, Delta, z):
        leaves = mu[0], mu[1], m[0], m[1]
        sc = eqx.tree_at(lambda s: [band.mu for band in s.bands] + [band.mass for band in s.bands], base, leaves)
        cluster = TwoBands(sc, Delta, sc.clusters[0])
        roots = pair_roots(*sc.bands[0].tangent, *sc.bands[1].tangent, Delta, z)
        ends = overlap_interval(sc, cluster.cluster)
        return [jnp.stack(way(z, roots, *ends)) for way in (cluster._in_closed_form, cluster._on_nodes)]

    def slopes(mu, m, Delta, z):
        return jax.jvp(both, (mu, m, Delta, z), (0.1 * mu, 0.2 * m, 0.3 * Delta + 0.1, 0.1 * z))

    (found, wanted), (change, wanted_change) = jax.jit(jax.vmap(slopes))(*pairs(Gamma))
    for one, two, bar in ((found, wanted, VALUES[Gamma]), (change, wanted_change, SLOPES[Gamma])):
        largest = np.abs(two).max(axis=(1, 2), keepdims=True)
        assert np.max(np.abs(one - two) / largest) < bar


@pytest.mark.parametrize("mu", [50.0, 8.0, -30.0])
@pytest.mark.parametrize("dimension", [2, 3])
def test_one_band_is_its_quadrature(dimension, mu):
    """Also of a band whose edge is inside the shell."""
    sc = system([[0.3]], [mu], [1.3 * np.sign(mu)], cross=(), Omega=15.0, dimension=dimension)
    a, b = (end[None] for end in sc.bands[0].shell(sc.Omega))
    for z in (0.3 + 0.05j, 5.0 + 0.05j, -7.0 + 0.3j):
        root = jnp.sqrt(jnp.asarray([z]) ** 2 - 25.0)
        found, wanted = (way(sc, (0,), a, b, root) for way in (one_band._in_closed_form, one_band._on_nodes))
        np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-9, atol=1e-13)


@pytest.mark.parametrize("h2", [0.0, 1e-12, 0.02 + 0.1j, 3.0 - 1.0j, 40.0 + 2j])
@pytest.mark.parametrize("dimension", [2, 3])
def test_integrals_of_single_terms(dimension, h2):
    """Against 30 digits: the roots double, close and far; and one root alone."""
    c, a, b = 20.0 + 3.0j, 12.0, 31.0

    def integral(f):
        weight = (lambda x: mp.sqrt(x)) if dimension == 3 else (lambda x: 1)
        with mp.workdps(30):
            return complex(mp.quad(lambda x: weight(x) * f(x), [a, 16, 20, 24, b]))

    ends = jnp.asarray(a), jnp.asarray(b)
    found = over_quadratic(*ends, Quadratic(jnp.asarray(c), jnp.asarray(h2 + 0j)), dimension)
    wanted = [integral(lambda x, n=n: (x - c) ** n / ((x - c) ** 2 - h2)) for n in (1, 0)]
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-12)
    np.testing.assert_allclose(
        np.asarray(cauchy(*ends, jnp.asarray(c), dimension)), integral(lambda x: 1 / (x - c)), rtol=1e-13
    )


@pytest.mark.parametrize("h2", [1e-12, 0.02 + 0.1j, 3.0 - 1.0j])
@pytest.mark.slow
def test_derivatives_to_the_second_order(h2):
    """With respect to the roots and the ends, against differences of first derivatives."""

    def f(x):
        x = jnp.asarray(x)
        found = over_quadratic(x[0], x[1], Quadratic(x[2] + 1j * x[3], x[4] + 1j * x[5]), 2)
        return jnp.stack([part for one in found for part in (one.real, one.imag)])

    h2 = complex(h2)
    x, step = np.array([12.0, 31.0, 20.0, 3.0, h2.real, h2.imag]), 1e-4
    for g, bar in ((f, 1e-8), (jax.jacfwd(f), 1e-7)):
        wanted = np.stack([(np.asarray(g(x + d)) - np.asarray(g(x - d))) / (2 * step) for d in step * np.eye(6)], axis=-1)
        np.testing.assert_allclose(np.asarray(jax.jacfwd(g)(x)), wanted, atol=bar)
