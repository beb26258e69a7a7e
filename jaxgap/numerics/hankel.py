r"""The modified Bessel function K_0 of complex arguments with a positive real part: waves that go out from a point in 2D.

.. math:: K_0(w) = \sqrt{\frac{2}{w}} \, e^{-w} \int_0^\infty \frac{e^{-s^2}}{\sqrt{1 + s^2 / 2w}} \, ds
          = -\Bigl( \ln\frac{w}{2} + \gamma \Bigr) I_0(w) + \sum_{k \geq 1} \frac{(w^2/4)^k}{k!^2} H_k, \qquad
          H_0^{(1)}(x) = \frac{2}{i \pi} K_0(-i x)

(NIST Handbook of Mathematical Functions, sections 10.31 and 10.32; H_k harmonic numbers). The series serves up to |w| = 2,
where it loses no digits; beyond, equal steps in s leave exp(-2 pi sqrt |w| / step): the nearest branch point is sqrt(-2w).
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

__all__ = ["bessel_K0"]

NEAR = 2.0
TERMS = 24
STEP, REACH = 0.2, 6.4
"""Of s: e^-41 is left at the end."""


def bessel_K0(w: Complex[Array, "*w"]) -> Complex[Array, "*w"]:
    """K_0(w); relative errors of 1e-14."""
    near = jnp.abs(w) < NEAR
    # Either formula gets an argument at which it is finite, so that derivatives of the other's are.
    return jnp.where(near, _series(jnp.where(near, w, 1.0)), _integral(jnp.where(near, NEAR + 0j, w)))


def _series(w: Complex[Array, "*w"]) -> Complex[Array, "*w"]:
    k = np.arange(1, TERMS)
    harmonic, quarter = np.cumsum(1 / k), w * w / 4
    term, I_0, rest = jnp.ones_like(w), jnp.ones_like(w), jnp.zeros_like(w)
    for j in k:
        term = term * quarter / j**2
        I_0, rest = I_0 + term, rest + harmonic[j - 1] * term
    return rest - (jnp.log(w / 2) + np.euler_gamma) * I_0


def _integral(w: Complex[Array, "*w"]) -> Complex[Array, "*w"]:
    s = np.arange(0, REACH, STEP)
    weights = STEP * np.exp(-(s**2)) * np.where(s == 0, 0.5, 1.0)
    smooth = jnp.sum(weights / jnp.sqrt(1 + s**2 / (2 * w[..., None])), axis=-1)
    return jnp.sqrt(2 / w) * jnp.exp(-w) * smooth
