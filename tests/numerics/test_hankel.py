"""K_0 of complex arguments: SciPy's, either side of where one formula takes over, and its derivative -K_1."""

import jax
import jax.numpy as jnp
import numpy as np
from problems import generator
from scipy.special import kv

from jaxgap.numerics.hankel import NEAR, bessel_K0

DIGITS = 1e-13


def test_values_and_derivatives():
    rng = generator(28)
    size = np.append(np.exp(rng.uniform(-6, 5, 200)), NEAR * (1 + np.array([-1e-12, 1e-12])))
    w = size * np.exp(0.5j * np.pi * rng.uniform(-1, 1, len(size)))
    value, slope = jax.jvp(bessel_K0, (jnp.asarray(w),), (jnp.ones(len(w), complex),))
    np.testing.assert_allclose(value, kv(0, w), rtol=DIGITS)
    np.testing.assert_allclose(slope, -kv(1, w), rtol=1e-11)
