"""The smallest excitation energy of a lattice where it is one number on the whole Fermi surface."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxgap as jg
from jaxgap.spectra.lattice_minima import lowest_energy

STEP = 1e-4
DIFFERENCES = 1e-7  # of central differences with that step, of slopes of order 1


def square(channels):
    h = jg.tight_binding([jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0), jg.hopping("tp", [(1, 1), (1, -1)])])
    n = len(channels)
    return jg.lattice(h, parameters={"t": 100.0, "tp": 20.0}, channels=channels, g=100.0 * np.eye(n), mu=-80.0)


def test_the_gap_of_an_s_wave_is_its_amplitude():
    """With all derivatives, although no single k is lowest."""
    lattice, Delta = square({"s": jg.channel()}), jnp.array([5.0])
    value, slopes = jax.jit(jax.value_and_grad(lowest_energy, argnums=(0, 1)))(lattice, Delta)
    assert float(value) == pytest.approx(5.0, rel=1e-12)
    np.testing.assert_allclose(slopes[1], [1.0], rtol=1e-12)
    np.testing.assert_allclose([slopes[0].get(path) for path in ("t", "tp", "mu")], 0.0, atol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.hessian(lowest_energy, argnums=1))(lattice, Delta), 0.0, atol=1e-9)


def test_an_amplitude_that_lifts_it_has_a_kink_there():
    """With a d wave beside the s wave the gap is lowest at one k: for either sign of it at another one."""
    lattice = square({"s": jg.channel(), "d": jg.channel(form="d_x2-y2")})
    at = jax.jit(jax.value_and_grad(lowest_energy, argnums=1))
    assert float(at(lattice, jnp.array([5.0, 0.0]))[0]) == pytest.approx(5.0, rel=1e-12)
    assert np.isnan(at(lattice, jnp.array([5.0, 0.0]))[1]).all()
    above, below = (at(lattice, jnp.array([5.0, d])) for d in (0.5, -0.5))
    assert float(above[0]) == pytest.approx(float(below[0]), rel=1e-10)
    np.testing.assert_allclose(above[1][1], -below[1][1], rtol=1e-8)
    for k in range(2):
        step = STEP * jnp.eye(2)[k]
        ends = [float(at(lattice, jnp.array([5.0, 0.5]) + sign * step)[0]) for sign in (1, -1)]
        assert float(above[1][k]) == pytest.approx((ends[0] - ends[1]) / (2 * STEP), abs=DIFFERENCES)
