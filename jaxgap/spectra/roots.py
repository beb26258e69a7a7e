r"""The complex kappa at which a quasiparticle of two cross-paired bands has the energy z.

.. math:: (z^2 - E_+^2)(z^2 - E_-^2) = z^4 - A z^2 + \det = 0, \qquad A = \epsilon_1^2 + \epsilon_2^2 + 2|\Delta_3|^2

is a quartic in kappa, since zeta_i = kappa / m_i - mu_i is linear in it (E_+-: Vargas-Paredes et al., Phys. Rev. B 101, 094516
(2020), Eq. 3-4). Its roots are found all at once by Aberth's iteration (O. Aberth, Math. Comp. 27, 339 (1973)),

.. math:: x_i \to x_i - \frac{N_i}{1 - N_i \sum_{j \neq i} 1 / (x_i - x_j)}, \qquad N_i = \frac{p(x_i)}{p'(x_i)}

and by no eigenvalues of a companion matrix: jaxlib gives a batch of those to the threads in which it waits for them, and two
programs that run at once can wait for each other for ever.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Complex, Float, Inexact, Int

from jaxgap.numerics.types import Scalar
from jaxgap.spectra.pair import abs2

__all__ = ["pair_quartic", "pair_roots", "roots_of"]

STEPS = 40
"""Of Aberth's iteration, at most: simple roots need some ten; of a double one every step halves the distance."""
STANDS = 1e-15
"""The iteration ends where no root of a batch moves by more than this, of the largest."""


def pair_roots(
    m1: Scalar, mu1: Scalar, m2: Scalar, mu2: Scalar, Delta: Inexact[Array, "3"], z: Inexact[Array, ""]
) -> Complex[Array, "4"]:
    """The four kappa at which E_+ or E_- equals z [meV], without derivatives."""
    centre, quartic = pair_quartic(m1, mu1, m2, mu2, Delta, z)
    return centre + roots_of(quartic)


def pair_quartic(
    m1: Scalar, mu1: Scalar, m2: Scalar, mu2: Scalar, Delta: Inexact[Array, "3"], z: Inexact[Array, ""]
) -> tuple[Float[Array, ""], Complex[Array, "5"]]:
    """(centre, coefficients of the quartic in kappa - centre [meV]), without derivatives."""
    # Counted from between the Fermi surfaces: far from there the coefficients would cancel.
    centre = (m1 * mu1 + m2 * mu2) / 2
    x1, x2 = jnp.stack([1 / m1, centre / m1 - mu1]), jnp.stack([1 / m2, centre / m2 - mu2])
    s1, s2, s3 = abs2(Delta)
    x11, x22, x12 = jnp.polymul(x1, x1), jnp.polymul(x2, x2), jnp.polymul(x1, x2)
    A = (x11 + x22).at[-1].add(s1 + s2 + 2 * s3)
    det = jnp.polymul(x12, x12).at[2:].add(2 * s3 * x12 + s2 * x11 + s1 * x22)
    constant = s3**2 + s1 * s2 - 2 * jnp.real(jnp.conj(Delta[0] * Delta[1]) * Delta[2] ** 2)
    quartic = det.astype(complex).at[2:].add(-(z**2) * A).at[-1].add(constant + z**4)
    return jax.lax.stop_gradient((centre, quartic))


_State = tuple[Int[Array, ""], Complex[Array, "root"], Float[Array, ""]]
"""Of the iteration: steps, roots, the square of the last change."""


def roots_of(c: Complex[Array, "n"]) -> Complex[Array, "n-1"]:
    """The roots of c[0] x^(n-1) + ... + c[n-1], c[0] not zero; NaN where a coefficient is not finite."""
    n = len(c) - 1
    monic = c / c[0]
    # x = scale y, with the roots y inside the unit circle or near it (Fujiwara's bound, without its factor 2).
    scale = jnp.max(jnp.abs(monic[1:]) ** (1 / np.arange(1, n + 1)))
    scale = jnp.where(scale > 0, scale, 1.0)
    a = monic / scale ** np.arange(n + 1)
    slope = a[:-1] * np.arange(n, 0, -1)
    start = 0.9 * jnp.exp(1j * (2 * np.pi * np.arange(n) / n + 0.4)) - a[1] / n

    def goes_on(state: _State) -> Bool[Array, ""]:
        return (state[0] < STEPS) & (state[2] > STANDS**2)

    def step(state: _State) -> _State:
        y = _step(a, slope, state[1])
        return state[0] + 1, y, jnp.max(abs2(y - state[1]))

    return scale * jax.lax.while_loop(goes_on, step, (jnp.zeros((), int), start, jnp.full((), jnp.inf)))[1]


def _step(a: Complex[Array, "n"], slope: Complex[Array, "n-1"], y: Complex[Array, "n-1"]) -> Complex[Array, "n-1"]:
    """One step of Aberth's iteration; a root that is found stays."""
    p, dp = jnp.polyval(a, y), jnp.polyval(slope, y)
    apart = y[:, None] - y
    others = jnp.sum(jnp.where(apart == 0, 0.0, 1 / jnp.where(apart == 0, 1.0, apart)), axis=1)
    below = dp - p * others
    return y - jnp.where(below == 0, 0.0, p / jnp.where(below == 0, 1.0, below))
