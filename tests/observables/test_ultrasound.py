"""Attenuation of sound: the textbook's 2 f(Delta), sums over extrema, and a sum over eigenvectors."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from amplitudes import bdg, central, state
from problems import one_band, system

from jaxgap import InputError, materials
from jaxgap.observables.ultrasound import attenuation_of, sound_attenuation
from jaxgap.units import k_B

EXACT = 1e-10
"""Closed forms: f at the shell's end, 30 meV, is 3e-13 of one."""
NORMAL = 1e-9
"""Nodes are dense down to 1e-3 k_B T, also where no gap wants them."""
DEEP = 1e-7
"""In 2D rho / sqrt(kappa) is not constant: (k_B T / mu)^2."""
VARIATION = 1e-7
"""Sums over a fine grid; its kinks leave the square of its step, and the far ends of the shells 1e-9."""
GRID = 1e-5
"""The same in 2D, where extrema leave the step itself."""
DIFFERENCES = 1e-6

T = 12.0
PAIRS = {"s++": [6.0, 4.0, 2.0], "s+-": [6.0, -4.0, 1.0], "across": [1.0, 1.0, 7.0], "broken": [6.0, 4.0j, 3.0]}


def two_bands(dimension, masses=(1.0, 1.0)):
    return system(np.diag([0.4, 0.3, 0.1]), [200.0, 208.0], masses, dimension=dimension)


def fermi(E):
    return 1 / (1 + np.exp(E / (k_B * T)))


@pytest.mark.parametrize(("options", "tolerance"), [({"dimension": 3}, EXACT), ({"mu": 2e4}, DEEP)])
@pytest.mark.parametrize("Delta", [0.01, 1.0, 5.0])
def test_one_band_is_the_textbook_s(options, tolerance, Delta):
    found = sound_attenuation(state(one_band(**options), [Delta], T))
    assert float(found) == pytest.approx(2 * fermi(Delta), rel=tolerance)


@pytest.mark.parametrize("sc", [one_band(), two_bands(2), two_bands(3)], ids=["one band", "2D", "3D"])
@pytest.mark.slow
def test_the_normal_state_attenuates_as_it_does(sc):
    assert float(sound_attenuation(state(sc, np.zeros(len(sc.channels)), T))) == pytest.approx(1.0, rel=NORMAL)


def test_bands_without_cross_pairing_add_up_by_mass():
    """alpha_n of a band is m^2 in three dimensions."""
    sc = system(np.diag([0.4, 0.3]), [200.0, 208.0], [1.0, 2.0], cross=(), dimension=3)
    wanted = (2 * fermi(3.0) + 4 * 2 * fermi(1.0)) / 5
    assert float(sound_attenuation(state(sc, [3.0, -1.0], T))) == pytest.approx(wanted, rel=EXACT)


@pytest.mark.parametrize("Delta", PAIRS.values(), ids=PAIRS)
def test_branches_change_f_from_extremum_to_extremum(Delta):
    """In three dimensions: the variation of f(E) along both branches, where pairs exist."""
    sc = two_bands(3)
    kappa = np.concatenate([np.linspace(170.0, 178.0, 20_001)[:-1], np.linspace(178.0, 238.0, 150_001)])
    E = np.linalg.eigvalsh(bdg(sc, Delta, kappa))[:, 2:]
    changes = np.abs(np.diff(fermi(E), axis=0))
    assert float(sound_attenuation(state(sc, Delta, T))) == pytest.approx(np.sum(changes) / 2, rel=VARIATION)


@pytest.mark.slow
@pytest.mark.parametrize("Delta", PAIRS.values(), ids=PAIRS)
def test_matrix_elements_and_velocities_are_those_of_the_eigenvectors(Delta):
    """sum <b|tau_3|b>^2 (-f') / |v_b| over a grid, with <b|tau_3|b> = m v_b / sqrt(kappa) from the eigenvectors, in 2D."""
    sc, h = two_bands(2), 2e-4
    kappa = np.arange(160.0 + h / 2, 250.0, h)
    E, states = np.linalg.eigh(bdg(sc, Delta, kappa))
    tau = np.array([1.0, 1.0, -1.0, -1.0])
    element = np.einsum("knb,n->kb", np.abs(states[..., 2:]) ** 2, tau)
    found = np.sum(np.abs(element) / np.sqrt(kappa)[:, None] * fermi(E[:, 2:]) * fermi(-E[:, 2:]))
    z = kappa[:, None] - np.array([200.0, 208.0])
    normal = np.sum(fermi(z) * fermi(-z) / np.sqrt(kappa)[:, None])
    assert float(sound_attenuation(state(sc, Delta, T))) == pytest.approx(found / normal, rel=GRID)


@pytest.mark.slow
def test_derivatives():
    sc, Delta = two_bands(3), jnp.array([6.0, -4.0, 1.0])
    attenuation = jax.jit(lambda x: attenuation_of(sc, x[:3], x[3]))
    x = jnp.append(Delta, T)
    slopes = jax.grad(attenuation)(x)
    np.testing.assert_allclose(slopes, central(attenuation, np.asarray(x), np.full(4, 1e-4)), atol=DIFFERENCES)
    np.testing.assert_allclose(jax.jacfwd(attenuation)(x), slopes, rtol=EXACT, atol=EXACT)


@pytest.mark.slow
def test_masses_that_differ_across_a_pair_are_refused():
    unlike = state(two_bands(3, (1.0, 1.2)), [6.0, 4.0, 2.0], T)
    with pytest.raises(InputError, match="equal masses"):
        sound_attenuation(unlike)
    assert np.isnan(jax.jit(sound_attenuation)(unlike))
    assert np.isfinite(sound_attenuation(state(materials.ba122(), [6.0, -4.0, 1.0], 0.0)))
