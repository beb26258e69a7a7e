r"""Density of states of two cross-paired bands with sharp quasiparticles, from the k at which a branch has a given energy.

.. math:: N_i(\omega) = \sum_{r} \rho(\kappa_r) \frac{|u_{ib}|^2}{|dE_b / d\kappa|} \Big|_{\kappa_r}, \qquad
          E_b(\kappa_r) = |\omega|

(|v|^2 for omega < 0), over the real roots kappa_r inside the shell, of both branches b = +- (Vargas-Paredes et al., Phys. Rev.
B 101, 094516 (2020), Eq. 3-4). The weight is the residue of G_ii at omega = +-E_b, with delta = eps_1^2 - eps_2^2 and
b = E_+^2 - E_-^2

.. math:: |u_{1\pm}|^2 = \tfrac14 \left( 1 + \frac{\zeta_1}{\omega} \right) \pm \frac{1}{4b} \left[ \delta
          + \frac{\zeta_1 \delta + 2 |\Delta_3|^2 (\zeta_1 - \zeta_2)}{\omega} \right]
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.model.band import Band, kappa_F, rho
from jaxgap.model.parabolic import check_parabolic
from jaxgap.model.superconductor import Cluster, Superconductor
from jaxgap.spectra import pair as spectrum
from jaxgap.spectra.pair import abs2, safe_sqrt
from jaxgap.spectra.roots import pair_quartic

__all__ = ["density_of_pair", "electron_weights"]

Scalar = Float[Array, ""]

REAL = 1e-6
"""Roots within 1e-6 Omega |m| of the real axis are candidates (rounding moves a double root by less); Newton decides."""


FOUND = 1e-9
"""A candidate is a root if Newton's method ends where |E - |omega|| <= 1e-9 Omega."""


def density_of_pair(
    sc: Superconductor, cluster: Cluster, Delta: Inexact[Array, "3"], omega: Scalar, ends: tuple[Scalar, Scalar]
) -> Float[Array, "2"]:
    """N_1 and N_2 [unit of N] of two bands with a cross amplitude, over an interval of kappa in which both pair."""
    one, two = (sc.bands[i] for i in cluster.bands)
    check_parabolic((one, two), "the density of states of sharp quasiparticles")
    # Roots that are double up to rounding are told from pairs by their imaginary parts, which a companion matrix keeps small.
    centre, quartic = pair_quartic(*one.tangent, *two.tangent, Delta, omega)
    roots = centre + jnp.roots(quartic, strip_zeros=False)
    width = sc.Omega * jnp.maximum(jnp.abs(one.tangent[0]), jnp.abs(two.tangent[0]))

    def at(root: Complex[Array, ""]) -> Float[Array, "2"]:
        kappa, slope, upper, found = _refined(one, two, Delta, root.real, jnp.abs(omega), FOUND * sc.Omega)
        found &= (jnp.abs(root.imag) <= REAL * width) & (kappa >= ends[0]) & (kappa <= ends[1])
        kappa = jnp.where(found, kappa, jnp.abs(kappa_F(one)))
        weights = electron_weights(one.zeta(kappa), two.zeta(kappa), Delta, omega, jnp.where(upper, 1.0, -1.0))
        return jnp.where(found, rho(kappa, sc.dimension) * weights / jnp.where(found, jnp.abs(slope), 1.0), 0.0)

    return jnp.sum(jax.vmap(at)(roots), axis=0)


def _refined(
    one: Band, two: Band, Delta: Inexact[Array, "3"], kappa: Scalar, size: Scalar, tolerance: Scalar
) -> tuple[Scalar, Scalar, Bool[Array, ""], Bool[Array, ""]]:
    """(kappa, dE/dkappa, whether on the upper branch, whether found), by Newton's method on E(kappa) = size.

    Two steps beyond the root also carry its derivatives, to the third order.
    """

    def energies(kappa: Scalar) -> tuple[Scalar, Scalar]:
        return spectrum.energies(one.zeta(kappa), two.zeta(kappa), *Delta)

    E_plus, E_minus = jax.lax.stop_gradient(energies(kappa))
    upper = 2 * size**2 > E_plus**2 + E_minus**2

    def value_and_slope(kappa: Scalar) -> tuple[Scalar, Scalar]:
        E, slope = jax.jvp(energies, (kappa,), (jnp.ones_like(kappa),))
        return jnp.where(upper, E[0], E[1]), jnp.where(upper, slope[0], slope[1])

    for _ in range(3):
        E, slope = value_and_slope(kappa)
        kappa = kappa - jnp.where(slope == 0, 0.0, (E - size) / jnp.where(slope == 0, 1.0, slope))
    E, slope = value_and_slope(kappa)
    return kappa, slope, upper, jnp.abs(E - size) <= tolerance


def electron_weights(
    z1: Scalar, z2: Scalar, Delta: Inexact[Array, "3"] | Sequence[Inexact[Array, ""]], omega: Scalar, sign: Scalar | float
) -> Float[Array, "2"]:
    """|u|^2 of both bands on the branch E_+ (sign 1) or E_- (sign -1) for omega = E, |v|^2 for omega = -E."""
    s1, s2, s3 = (abs2(D) for D in Delta)
    b = safe_sqrt(spectrum.splitting(z1, z2, *Delta))
    # Where the branches are one (b = 0), each has half of it.
    over_b = jnp.where(b > 0, sign / jnp.where(b > 0, b, 1.0), 0.0)
    delta = (z1 - z2) * (z1 + z2) + s1 - s2
    first = (1 + z1 / omega + over_b * (delta + (z1 * delta + 2 * s3 * (z1 - z2)) / omega)) / 4
    second = (1 + z2 / omega - over_b * (delta + (z2 * delta + 2 * s3 * (z1 - z2)) / omega)) / 4
    return jnp.stack([first, second])
