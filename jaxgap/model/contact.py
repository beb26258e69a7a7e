r"""A contact interaction, through a cutoff that is fixed to the bands.

Its gap equations need a cutoff, of which nothing else depends once the coupling is told by what it does to two electrons: their
binding energy E_b in 2D, where they always bind, the scattering length a in 3D. Of one band that pairs for 0 <= eps <= cutoff,

.. math:: \frac1g = \sum_k \frac{1}{2 \epsilon + E_b} = \frac m2 \ln \left( 1 + \frac{2 \epsilon_c}{E_b} \right) \;(2D), \qquad
          \frac1g = \sum_k \frac{1}{2 \epsilon} - \frac{m^{3/2}}{g_a}
                  = m^{3/2} \left[ \sqrt{\epsilon_c} - \frac \pi2 \frac{\sqrt{E_F}}{k_F a} \right] \;(3D)

M. Randeria, J.-M. Duan and L.-Y. Shieh, Phys. Rev. B 41, 327 (1990), have the limit of an infinite cutoff in 2D: at T = 0 and a
fixed density Delta = sqrt(2 E_F E_b), mu = E_F - E_b / 2. It is reached like E_b / 4 eps_c; in 3D like sqrt(E_F / eps_c).

Give g to `superconductor(..., g=, cutoff=)`.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Real, Reals

__all__ = ["contact_from_binding", "contact_from_scattering", "contact_interaction"]


def contact_from_binding(E_b: Real, cutoff: Real, mass: Real = 1.0) -> Float[Array, ""]:
    """g of a band in 2D from the binding energy E_b of two of its electrons alone [meV]: lambda = g m.

    Args:
        E_b: binding energy [meV].
        cutoff: energy above the band's bottom up to which it pairs [meV].
        mass: m [electron masses].

    Raises:
        InputError: if a number is not positive.

    Example:
        >>> round(float(jg.contact_from_binding(0.5, cutoff=1000.0)), 4)
        0.2411
    """
    E_b, cutoff, mass = (_positive(name, x) for name, x in (("E_b", E_b), ("cutoff", cutoff), ("mass", mass)))
    return 2 / (mass * jnp.log1p(2 * cutoff / E_b))


def contact_from_scattering(inverse_k_F_a: Real, E_F: Real, cutoff: Real, mass: Real = 1.0) -> Float[Array, ""]:
    """g of a band in 3D from 1 / k_F a [unit of 1/N]: 0 at unitarity, positive where two electrons alone bind.

    Args:
        inverse_k_F_a: 1 / k_F a.
        E_F: the energy above the band's bottom that k_F belongs to [meV].
        cutoff: energy above the band's bottom up to which it pairs [meV].
        mass: m [electron masses].

    Raises:
        InputError: if an energy or the mass is not positive, or the cutoff is so low that there is no attraction as strong.

    Example:
        >>> round(float(jg.contact_from_scattering(0.0, E_F=10.0, cutoff=1000.0)), 4)
        0.0316
    """
    check_finite("inverse_k_F_a", inverse_k_F_a)
    E_F, cutoff, mass = (_positive(name, x) for name, x in (("E_F", E_F), ("cutoff", cutoff), ("mass", mass)))
    inverse = jnp.sqrt(cutoff) - jnp.pi / 2 * jnp.sqrt(E_F) * jnp.asarray(inverse_k_F_a, jnp.float64)
    if is_concrete(inverse):
        least = f"be above (pi / 2 k_F a)^2 E_F = {(float(np.pi / 2 * inverse_k_F_a)) ** 2 * float(E_F):g} meV"
        check(float(inverse) > 0, "cutoff", least, float(cutoff))
    return 1 / (mass**1.5 * inverse)


def contact_interaction(
    inverse: Reals, masses: Reals, cutoff: Real, *, pairs: tuple[tuple[int, int], ...] = (), E_0: Real | None = None
) -> Float[Array, "channel channel"]:
    r"""g between the channels of several bands from what is left of its inverse without cutoff,

    .. math:: (g^{-1})_{cc'} = (g_R^{-1})_{cc'} + \delta_{cc'} \sum_k \frac{w_c}{\epsilon_i + \epsilon_j + E_0}

    with w = 1 for a band (i = j) and 2 for a cross channel, which counts both orderings. In 3D E_0 = 0.

    Args:
        inverse: the renormalised g_R^-1, of bands first, then cross channels [unit of N].
        masses: of the bands [electron masses].
        cutoff: energy above the bands' bottoms up to which they pair [meV].
        pairs: the bands of every cross channel, by their places.
        E_0: in 2D, the energy that g_R belongs to [meV]: the binding energy of one band alone if its g_R^-1 is 0.

    Raises:
        InputError: if the matrix has not one row and column per channel, or is singular with the sums.

    Example:
        >>> g = jg.contact_interaction([[0.0]], [1.0], cutoff=1000.0, E_0=0.5)
        >>> round(float(g[0, 0]), 4)
        0.2411
        >>> round(float(jg.contact_from_binding(0.5, cutoff=1000.0)), 4)
        0.2411
    """
    m, cutoff = jnp.asarray(masses, jnp.float64), _positive("cutoff", cutoff)
    channels = [(i, i) for i in range(len(m))] + list(pairs)
    g_R = jnp.asarray(inverse, jnp.float64)
    check_finite("inverse", g_R)
    check(g_R.shape == 2 * (len(channels),), "inverse", f"be a {len(channels)} x {len(channels)} matrix", f"shape {g_R.shape}")
    sums = []
    for i, j in channels:
        top, reduced = jnp.minimum(m[i], m[j]) * cutoff, m[i] * m[j] / (m[i] + m[j])
        w = 1.0 if i == j else 2.0
        scale = jnp.log1p(top / (reduced * _positive("E_0", E_0))) if E_0 is not None else 2 * jnp.sqrt(top)
        sums.append(w * reduced * scale)
    return jnp.linalg.inv(g_R + jnp.diag(jnp.stack(sums)))


def _positive(name: str, value: Real) -> Float[Array, ""]:
    check_finite(name, value)
    if is_concrete(value):
        check(float(np.asarray(value)) > 0, name, "be positive", value)
    return jnp.asarray(value, jnp.float64)
