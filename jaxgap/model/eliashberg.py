r"""The Eliashberg function alpha^2F(omega) as a table: checked, and its moments.

.. math:: \lambda = 2 \int \frac{\alpha^2F}{\omega} d\omega, \qquad
          \omega_{log} = \exp\left[ \frac{2}{\lambda} \int \frac{\alpha^2F}{\omega} \ln\omega \, d\omega \right], \qquad
          \omega_2^2 = \frac{2}{\lambda} \int \alpha^2F \, \omega \, d\omega

(McMillan, Phys. Rev. 167, 331 (1968); Allen and Dynes, Phys. Rev. B 12, 905 (1975)). Between its points alpha^2F is a straight
line and beyond them it is zero; the integrals of that function are exact to rounding, including the first piece from omega = 0,
where 1/omega is not. Frequencies are energies hbar omega [meV]; alpha^2F has no unit.

alpha^2F is not negative. A table of it may be, a little: a smearing of Methfessel and Paxton's kind has negative lobes beside
every peak, so that its moments are right. They are integrated with their sign.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.types import Reals
from jaxgap.units import k_B, meV_per_Ry, meV_per_THz, meV_per_wavenumber

__all__ = ["UNITS", "NEGLIGIBLE", "EliashbergFunction", "Moments", "eliashberg_function", "moments", "quadrature"]

UNITS = {
    "meV": 1.0,
    "eV": 1e3,
    "THz": meV_per_THz,
    "cm-1": meV_per_wavenumber,
    "K": k_B,
    "Ry": meV_per_Ry,
    "Ha": 2 * meV_per_Ry,
}
"""Units of frequency, in meV. THz means the frequency nu, so that hbar omega = h nu."""
NEGLIGIBLE = 1e-3
"""Share of the largest alpha^2F that counts as zero at omega = 0 (tails of smeared peaks end there) and below."""
LOBES = 0.2
"""Largest share of lambda, or of lambda omega_2^2, that negative lobes may take away from what is positive."""
NODES = 24
"""Gauss nodes between two points: 1/omega is exact to rounding where neighbouring frequencies differ by less than tenfold."""

MODES = ((40, 16), (200, 6), (np.inf, 3))
"""(points up to which, Gauss nodes between two of them) of `quadrature`: the first pieces, which reach down to frequencies like
2 pi k_B T, need most, and are a smaller share of the spectrum the more points there are."""


class EliashbergFunction(eqx.Module):
    """alpha^2F on a grid. Made by `eliashberg_function` or `read_eliashberg_function`, which convert and check.

    Attributes:
        omega: frequencies hbar omega [meV], increasing; the first may be zero if alpha^2F vanishes there.
        alpha2F: alpha^2F at these, not negative but for small lobes. The leaf to differentiate by.
    """

    omega: Float[Array, "frequency"]
    alpha2F: Float[Array, "frequency"]


class Moments(NamedTuple):
    """What McMillan's and Allen and Dynes' formulas need of alpha^2F."""

    lam: Float[Array, ""]
    """lambda."""
    omega_log: Float[Array, ""]
    """Logarithmic average frequency [meV]."""
    omega_2: Float[Array, ""]
    """Root mean square frequency <omega^2>^(1/2) [meV]."""


def eliashberg_function(omega: Reals, alpha2F: Reals, unit: str = "meV") -> EliashbergFunction:
    """An `EliashbergFunction` from numbers, with omega in `unit` (one of `UNITS`).

    Args:
        omega: knots, rising.
        alpha2F: alpha^2F at the knots, linear between them.
        unit: of omega.

    Raises:
        InputError: if the frequencies are negative, do not increase or are fewer than two; if alpha^2F is zero everywhere,
            negative in more than small lobes, or more than 1e-3 of its largest value at omega = 0 (lambda would be infinite;
            less counts as zero); if anything is not finite.

    Example:
        >>> a2F = jg.origins.eliashberg_function([0.0, 10.0, 20.0, 30.0], [0.0, 0.0, 0.5, 0.0])
        >>> round(float(jg.origins.moments(a2F).lam), 4)
        0.5232
    """
    require_float64()
    check(unit in UNITS, "unit", f"be one of {', '.join(UNITS)}", repr(unit))
    for name, values in (("omega", omega), ("alpha2F", alpha2F)):
        check_finite(name, values)
    omega, alpha2F = jnp.asarray(omega, jnp.float64) * UNITS[unit], jnp.asarray(alpha2F, jnp.float64)
    check(omega.ndim == 1 and len(omega) >= 2, "omega", "hold at least two frequencies", f"shape {omega.shape}")
    check(alpha2F.shape == omega.shape, "alpha2F", f"have one value per frequency ({len(omega)})", f"shape {alpha2F.shape}")
    if is_concrete(omega, alpha2F):
        _check_values(np.asarray(omega), np.asarray(alpha2F))
    return EliashbergFunction(omega, alpha2F)


def _check_values(omega: np.ndarray, alpha2F: np.ndarray) -> None:
    check(bool(omega[0] >= 0), "omega", "not be negative", f"{omega[0]:g} meV")
    for k in np.flatnonzero(np.diff(omega) <= 0):
        check(False, "omega", "increase", f"{omega[k + 1]:g} meV after {omega[k]:g} meV")
    check(bool(np.any(alpha2F > 0)), "alpha2F", "not vanish everywhere", "no positive value")
    vanishes = bool(omega[0] > 0 or abs(alpha2F[0]) <= NEGLIGIBLE * np.max(alpha2F))
    check(vanishes, "alpha2F", "vanish at zero frequency, where lambda would diverge", f"{alpha2F[0]:g}")
    finite = omega > 0
    for weight in (1 / omega[finite], omega[finite]):
        # Of the tents of the points: how large lobes are, no more, is asked here.
        parts = alpha2F[finite] * np.gradient(omega)[finite] * weight
        negative, positive = -np.sum(parts[parts < 0]), np.sum(parts[parts > 0])
        lowest = int(np.argmin(alpha2F))
        value = f"{alpha2F[lowest]:g} at {omega[lowest]:g} meV"
        check(bool(negative <= LOBES * positive), "alpha2F", "not be negative, except for small lobes of a smearing", value)


def moments(a2F: EliashbergFunction) -> Moments:
    """lambda, omega_log and omega_2 [meV]; differentiable with respect to alpha^2F at every frequency (and the frequencies)."""
    lam, log, square = (2 * integral for integral in _integrals(a2F.omega, a2F.alpha2F))
    return Moments(lam, jnp.exp(log / lam), jnp.sqrt(square / lam))


def _integrals(omega: Float[Array, "n"], f: Float[Array, "n"]) -> tuple[Float[Array, ""], ...]:
    """Integrals of f / omega, f ln(omega) / omega and f omega, for f linear between the points."""
    u, weight = np.polynomial.legendre.leggauss(NODES)
    share = (u + 1) / 2
    width = jnp.diff(omega)
    x = omega[:-1, None] + width[:, None] * share
    y = (f[:-1, None] + jnp.diff(f)[:, None] * share) * width[:, None] * weight / 2
    # From omega = 0, where f = f_1 omega / omega_1: no quadrature of the logarithm there.
    from_zero = omega[0] == 0
    first = (f[1], f[1] * (jnp.log(omega[1]) - 1), f[1] * omega[1] ** 2 / 3)
    pieces = [jnp.sum(piece, axis=1) for piece in (y / x, y * jnp.log(x) / x, y * x)]
    return tuple(jnp.sum(piece[1:]) + jnp.where(from_zero, exact, piece[0]) for piece, exact in zip(pieces, first, strict=True))


def quadrature(a2F: EliashbergFunction) -> tuple[Float[Array, "node"], Float[Array, "node"]]:
    """(omega_k [meV], lambda_k) with 2 int alpha^2F h(omega) / omega = sum_k lambda_k h(omega_k) for smooth h, as if the
    spectrum were of sharp modes: Gauss nodes between neighbouring points, of few points more."""
    order = next(nodes for most, nodes in MODES if len(a2F.omega) <= most)
    u, weight = np.polynomial.legendre.leggauss(order)
    share = (u + 1) / 2
    omega, f = a2F.omega, a2F.alpha2F
    x = (omega[:-1, None] + jnp.diff(omega)[:, None] * share).ravel()
    y = (f[:-1, None] + jnp.diff(f)[:, None] * share) * jnp.diff(omega)[:, None] * weight
    return x, y.ravel() / x
