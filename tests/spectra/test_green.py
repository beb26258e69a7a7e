"""Clusters, and the Green's functions that they add up to, against the Bogoliubov-de Gennes matrix at every k."""

import jax.numpy as jnp
import numpy as np
import pytest
from problems import system

from jaxgap.spectra.cluster import ClusterSpectrum
from jaxgap.spectra.green import clusters_of, energies_of, green_function
from jaxgap.spectra.one_band import OneBand
from jaxgap.spectra.pair import bdg_matrix
from jaxgap.spectra.two_bands import TwoBands

CLOSED = 1e-12
"""Closed forms against a matrix of the same numbers."""

LAM = 0.3 * np.eye(4)
DELTA = np.array([6.0, 4.0 * np.exp(0.4j), 3.0, 2.0 * np.exp(1.1j)])
"""Of the bands a, b, c and the channel a:b [meV]."""
KAPPA = np.array([5.0, 42.0, 58.0, 75.0, 95.0])
"""Outside all shells, a alone, a and b together, b alone, outside."""


@pytest.fixture(scope="module")
def sc():
    return system(LAM, [50.0, 62.0, 55.0], [1.0, 1.1, 1.0], Omega=15.0)


def _matrices(sc):
    """Of every kappa, the 6 x 6 matrix with the amplitudes that act there."""
    for kappa in KAPPA:
        z = np.array([float(band.zeta(jnp.asarray(kappa))) for band in sc.bands])
        inside = np.abs(z) <= 15.0
        D = np.diag(DELTA[:3] * inside)
        D[0, 1] = D[1, 0] = DELTA[3] * (inside[0] and inside[1])
        yield np.asarray(bdg_matrix(jnp.asarray(z), jnp.asarray(D)))


def test_the_kinds_of_clusters(sc):
    pair, alone = clusters_of(sc, jnp.asarray(DELTA))
    assert isinstance(pair, TwoBands)
    assert isinstance(alone, OneBand)
    assert all(isinstance(cluster, ClusterSpectrum) for cluster in (pair, alone))
    assert pair.cluster.channels == (0, 1, 3)


def test_green_function_is_the_inverse(sc):
    z = 3.0 + 0.7j
    found = green_function(sc, jnp.asarray(DELTA), jnp.asarray(KAPPA), jnp.full(len(KAPPA), z))
    for k, H in enumerate(_matrices(sc)):
        expected = np.diag(np.linalg.inv(z * np.eye(6) - H))[:3]
        assert np.allclose(found[:, k], expected, rtol=CLOSED)


def test_energies_are_its_eigenvalues(sc):
    found = np.asarray(energies_of(sc, jnp.asarray(DELTA), jnp.asarray(KAPPA)))
    for k, H in enumerate(_matrices(sc)):
        assert np.allclose(np.sort(found[:, k]), np.linalg.eigvalsh(H)[3:], rtol=CLOSED)
