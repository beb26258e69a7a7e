r"""Two orbitals with a constant hybridisation are two bands with a cross channel, exactly.

.. math:: h = \frac{\kappa}{m} - \begin{pmatrix} \mu_a & -V \\ -V & \mu_b \end{pmatrix}
            = U \begin{pmatrix} \zeta_1 & \\ & \zeta_2 \end{pmatrix} U^T, \qquad
          U = \begin{pmatrix} \cos\theta & -\sin\theta \\ \sin\theta & \cos\theta \end{pmatrix}, \qquad
          \mu_b - \mu_a = d \cos 2\theta, \quad V = \tfrac d2 \sin 2\theta

Orbitals of one mass, whose levels differ and which hybridise by the same V at every k, are bands at a distance d. Pairs of
orbitals, a with a, b with b, and the singlet of a with b, are pairs of bands:

.. math:: P_{\rm orbital} = W P_{\rm band}, \qquad \Delta_{\rm band} = W^T \Delta_{\rm orbital}, \qquad g = W^T G \, W, \qquad
          W = \begin{pmatrix} c^2 & s^2 & -cs \\ s^2 & c^2 & cs \\ 2cs & -2cs & c^2 - s^2 \end{pmatrix}

so that the constant cross amplitude of Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), is a constant hybridisation of
orbitals that pair ("resembles a two-band system with hybridisation" there; A. Moreo et al., Phys. Rev. B 80, 104507 (2009)).
The rank of g is the number of orbital channels. Where one orbital alone pairs, Delta_3^2 = Delta_1 Delta_2: the gapless state
is the orbital that does not, and d opens it by hybridisation.

The shells are those of the bands' energies. And the limits: with V(k) the angle varies, and Delta_3(k) has a form,
sin 2 theta_k, instead of being constant (`jaxgap.lattice`, `jaxgap.observables.band_basis`); the sign of Delta_3 is that of a
band's vector, and a constant one needs vectors that are smooth and real, which there are not where 2 theta winds once; and two
bands of one doublet have none by symmetry (`jaxgap.origins.cross_amplitude`).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.constructor import superconductor
from jaxgap.model.parabolic import ParabolicBand, parabolic_band
from jaxgap.model.superconductor import Superconductor, check_one_system
from jaxgap.numerics.checks import InputError, check, check_finite, is_concrete
from jaxgap.numerics.precision import own_rules
from jaxgap.numerics.types import Numbers, Real, Reals

__all__ = ["Orbitals", "orbital_amplitudes", "orbitals_of", "pairs_of_orbitals", "superconductor_from_orbitals"]

SYMMETRIC = 1e-8
"""In units of the largest coupling: below, an eigenvalue of g is zero, and so is what is left of two orbital channels."""


class Orbitals(NamedTuple):
    """Two bands as two orbitals a and b."""

    mu: Float[Array, "2"]
    """Chemical potential from the levels of a and b [meV]."""
    V: Float[Array, ""]
    """Hybridisation [meV]."""
    angle: Float[Array, ""]
    """theta [radians]."""
    G: Float[Array, "3 3"]
    """Couplings of pairs a with a, b with b, a with b [unit of 1/N]."""


def pairs_of_orbitals(angle: Real) -> Float[Array, "3 3"]:
    """W at the mixing angle theta [radians]: rows are the orbital channels a, b and a:b, columns the bands' 1, 2 and 1:2."""
    check_finite("angle", angle)
    c, s = jnp.cos(jnp.asarray(angle, jnp.float64)), jnp.sin(jnp.asarray(angle, jnp.float64))
    return jnp.array([[c * c, s * s, -c * s], [s * s, c * c, c * s], [2 * c * s, -2 * c * s, c * c - s * s]])


@own_rules
def superconductor_from_orbitals(
    *, mu: Reals, V: Real, G: Reals, Omega: Real, mass: Real = 1.0, dimension: int = 2
) -> Superconductor:
    """The two cross-paired bands, called `b1` and `b2`, that two hybridised orbitals are. Differentiable in all numbers, unless
    both levels are equal and V is zero, where the bands meet.

    Args:
        mu: chemical potential from the levels of the orbitals a and b [meV].
        V: hybridisation, the same at every k [meV].
        G: couplings of pairs of orbitals [unit of 1/N]: a 2 x 2 matrix of a with a and b with b, or 3 x 3 with the singlet of a
            with b last.
        Omega: half width of the pairing shell, in the bands' energies [meV].
        mass: of both orbitals [electron masses].
        dimension: 2 or 3.

    Raises:
        InputError: one sentence.

    Example:
        >>> pairing = {"G": [[0.3, 0.0], [0.0, 0.2]], "Omega": 30.0}
        >>> sc = jg.origins.superconductor_from_orbitals(mu=[200.0, 206.0], V=4.0, **pairing)
        >>> [round(float(band.mu), 6) for band in sc.bands]
        [198.0, 208.0]
    """
    for name, value in (("mu", mu), ("V", V), ("G", G), ("mass", mass)):
        check_finite(name, value)
    levels, couplings = jnp.asarray(mu, jnp.float64), jnp.asarray(G, jnp.float64)
    V = jnp.asarray(V, jnp.float64)
    check(levels.shape == (2,), "mu", "be two numbers, of the orbitals a and b [meV]", f"shape {levels.shape}")
    check(V.ndim == 0, "V", "be one number [meV]", f"shape {V.shape}")
    check(couplings.shape in ((2, 2), (3, 3)), "G", "be a 2 x 2 or a 3 x 3 matrix", f"shape {couplings.shape}")
    n = len(couplings)
    apart = levels[1] - levels[0]
    d = jnp.hypot(apart, 2 * V)
    angle = jnp.arctan2(2 * V, apart) / 2
    W = pairs_of_orbitals(angle)[:n]
    middle = jnp.mean(levels)
    bands = [parabolic_band(name, middle + half, mass) for name, half in (("b1", -d / 2), ("b2", d / 2))]
    return superconductor(bands=bands, g=W.T @ couplings @ W, Omega=Omega, cross=["b1:b2"], dimension=dimension)


def orbitals_of(sc: Superconductor, angle: Real | None = None) -> Orbitals:
    """Two cross-paired bands of one mass as two hybridised orbitals.

    Any mixing angle is possible: the bands then pair in three orbital channels. Without `angle` it is the one with pairs of a
    with a and of b with b only, which there is where g has an eigenvalue zero whose eigenvector (n_1, n_2, n_3) has n_1 = -n_2:
    tan 2 theta = 2 n_1 / n_3.

    Args:
        sc: two parabolic bands with a cross channel.
        angle: theta [radians].

    Raises:
        InputError: if there are other bands than these, or no such angle.
    """
    check_one_system(sc, "orbitals_of")
    two = sc.beyond and len(sc.bands) == 2 and len(sc.cross) == 1
    check(bool(two), "sc", "have two bands with a cross channel", ", ".join(sc.channels))
    check(all(isinstance(band, ParabolicBand) for band in sc.bands), "sc", "have parabolic bands", "other ones")
    masses, mus = zip(*(band.tangent for band in sc.bands), strict=True)
    if is_concrete(masses):
        same = bool(np.isclose(float(masses[0]), float(masses[1]), rtol=1e-12))
        check(same, "sc", "have bands of one mass: else orbitals hybridise differently at every k", [float(m) for m in masses])
    theta = _angle_of(sc) if angle is None else jnp.asarray(angle, jnp.float64)
    d, middle = mus[1] - mus[0], (mus[0] + mus[1]) / 2
    inverse = jnp.linalg.inv(pairs_of_orbitals(theta))
    levels = middle + d / 2 * jnp.stack([-jnp.cos(2 * theta), jnp.cos(2 * theta)])
    return Orbitals(levels, d / 2 * jnp.sin(2 * theta), theta, inverse.T @ sc.g @ inverse)


def _angle_of(sc: Superconductor) -> Float[Array, ""]:
    """The angle at which no pairs of a with b are needed."""
    g = np.asarray(sc.g)
    size = np.abs(g).max()
    _, sigma, rows = np.linalg.svd(g)
    n = rows[-1]
    if sigma[-1] > SYMMETRIC * size or abs(n[0] + n[1]) > np.sqrt(SYMMETRIC):
        raise InputError(
            "Argument `sc` must have couplings of two orbital channels (g n = 0 with n_1 = -n_2), or `angle` must be given, "
            f"but got an eigenvalue of {sigma[-1]:g} with n = {n.round(6).tolist()}."
        )
    return jnp.asarray(np.arctan2(2 * n[0] * np.sign(n[2] or 1.0), abs(n[2])) / 2)


def orbital_amplitudes(Delta: Numbers, angle: Real) -> Inexact[Array, "3"]:
    """Amplitudes [meV] of pairs a with a, b with b and a with b, from those of the channels 1, 2 and 1:2: U Delta U^T."""
    check_finite("Delta", Delta, real=False)
    D = jnp.asarray(Delta)
    check(D.shape == (3,), "Delta", "have three amplitudes, of the bands and their cross channel", f"shape {D.shape}")
    return jnp.linalg.inv(pairs_of_orbitals(angle)).T @ D
