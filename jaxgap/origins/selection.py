r"""Which cross-band amplitudes symmetry allows: bands by their parity under the mirrors of their centre.

Around a centre with n vertical mirror planes (n = 4 tetragonal, 6 hexagonal, 2 where strain along an axis has left two) the
state of a band at k on a mirror line is even or odd under that mirror. A pair with one electron in each of two bands has the
product of their parities, p_v on the mirror lines along the axes and p_d on those between them. A superconducting state of full
symmetry (A1g) has an amplitude of the cross channel that is odd wherever the pair is, and begins with

==============  ===============================
(p_v, p_d)      Delta_3 as the angle phi goes
==============  ===============================
(+, +)          constant: VP20's cross channel
(-, -)          sin n phi (A2g)
(+, -)          cos n phi / 2 (B1g)
(-, +)          sin n phi / 2 (B2g)
==============  ===============================

and a constant Delta_3 is none of its couplings unless both products are even: lambda_13 = lambda_23 = 0 by symmetry.

The two bands of one E doublet, xz/yz at the zone centre of iron pnictides or px/py, the sigma bands of MgB2, have one even and
one odd state on every mirror line: their orbitals point along k (radial) and across it (tangential). With the Hamiltonian

.. math:: h = \epsilon_0 + a k^2 (\cos 2 \phi \, \tau_z + \sin 2 \phi \, \tau_x), \qquad
   D = \Delta_0 + \Delta' (\cos 2 \phi \, \tau_z + \sin 2 \phi \, \tau_x)
   + \Delta'' [\cos (n - 2) \phi \, \tau_z - \sin (n - 2) \phi \, \tau_x]

an A1g D of two orbitals has in the basis of bands Delta_0 +- (Delta' + Delta'' cos n phi) within them and -Delta'' sin n phi
across. A constant Delta_3 would be Delta_3 (-sin 2 phi tau_z + cos 2 phi tau_x), which every mirror turns into its negative.

Three things lift the rule: mirrors that are broken (strain along no axis; a surface or a substrate only if it breaks *vertical*
mirrors, which a clean one across the axis keeps), bands of equal parity, and spin-orbit coupling. In a doublet the last is
(lambda_so / 2) tau_y sigma_z; with Delta'' = 0 it makes

.. math:: |\Delta_3| = \Delta' \, \frac{\lambda_{so} / 2}{\sqrt{(a k^2)^2 + (\lambda_{so} / 2)^2}}

at every angle. The rule is jaxgap's, not one of the papers'; VP20 has constant amplitudes without asking for the orbitals. What
is said here is of k in the plane, singlet pairs and states that do not break the symmetry themselves.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.types import Reals

__all__ = ["CHARACTERS", "Selection", "cross_amplitude", "spin_orbit_amplitude"]

CHARACTERS = {
    "A1": (1, 1),
    "A2": (-1, -1),
    "B1": (1, -1),
    "B2": (-1, 1),
    "radial": (1, 1),
    "tangential": (-1, -1),
}
"""Parity of a band's orbital on mirror lines along the axes, and between them. A1: s, pz, d_z2; B1: d_x2-y2; B2: d_xy (of n = 4
for both); radial and tangential: the two bands of one E doublet."""

MIRRORS = (2, 4, 6)


class Selection(NamedTuple):
    """What symmetry says of the amplitude of a cross channel."""

    allowed: bool
    """Whether a constant amplitude is, which the cross channels of `Superconductor` have."""
    form: str
    """The angle dependence of lowest order that a state of full symmetry may have."""
    reason: str
    """Why, in one sentence."""


def cross_amplitude(first: str, second: str, *, mirrors: int = 4, broken: bool = False, spin_orbit: bool = False) -> Selection:
    """Which amplitude the cross channel of two bands may have in a state that keeps the symmetry.

    Args:
        first, second: the orbital character of the bands, one of `CHARACTERS`.
        mirrors: number of vertical mirror planes: 4 (tetragonal), 6 (hexagonal), 2 (what strain along an axis leaves).
        broken: whether nothing of these mirrors is left.
        spin_orbit: whether spin-orbit coupling mixes the two bands.

    Example:
        >>> jg.origins.cross_amplitude("A1", "B1").allowed
        False
    """
    for name, character in (("first", first), ("second", second)):
        check(character in CHARACTERS, name, f"be one of {', '.join(CHARACTERS)}", repr(character))
    check(mirrors in MIRRORS, "mirrors", "be 2, 4 or 6", repr(mirrors))
    p_v, p_d = (p * q for p, q in zip(CHARACTERS[first], CHARACTERS[second], strict=True))
    if broken:
        return Selection(True, "1", "no mirror is left under which the pair of the two bands could be odd.")
    if p_v == p_d == 1:
        return Selection(True, "1", "the two bands have the same parity under every mirror.")
    odd = {(-1, -1): "every mirror", (1, -1): "the mirrors between the axes", (-1, 1): "the mirrors along the axes"}[p_v, p_d]
    if spin_orbit:
        return Selection(
            True, "1", f"the two bands have opposite parity under {odd}, but spin-orbit coupling mixes even with odd states."
        )
    form = {(-1, -1): f"sin {mirrors} phi", (1, -1): _half("cos", mirrors), (-1, 1): _half("sin", mirrors)}[p_v, p_d]
    reason = (
        f"the pair of the two bands is odd under {odd}, so that a constant amplitude couples to no gap of full symmetry and "
        f"Delta_3 goes at most as {form}."
    )
    return Selection(False, form, reason)


def spin_orbit_amplitude(Delta: Reals, splitting: Reals, spin_orbit: Reals) -> Float[Array, "..."]:
    """Delta_3 [meV] that spin-orbit coupling makes of the difference of a doublet's gaps; its sign is a matter of gauge.

    Args:
        Delta: Delta' [meV], half the difference of the gaps of the two bands without spin-orbit coupling.
        splitting: a k^2 [meV], half the distance of the bands without it.
        spin_orbit: lambda_so [meV], the distance of the bands at k = 0.

    Example:
        >>> round(float(jg.origins.spin_orbit_amplitude(1.0, 30.0, 40.0)), 4)
        0.5547
        >>> round(40 / (60**2 + 40**2) ** 0.5, 4)
        0.5547
    """
    for name, value in (("Delta", Delta), ("splitting", splitting), ("spin_orbit", spin_orbit)):
        check_finite(name, value)
    half = jnp.asarray(spin_orbit, jnp.float64) / 2
    return jnp.asarray(Delta, jnp.float64) * half / jnp.hypot(jnp.asarray(splitting, jnp.float64), half)


def _half(function: str, mirrors: int) -> str:
    """cos or sin of half as many angles."""
    n = mirrors // 2
    return f"{function} {n} phi" if n > 1 else f"{function} phi"
