r"""The Eliashberg function alpha^2F(omega) as a table: read from text, checked, and its moments.

.. math:: \lambda = 2 \int \frac{\alpha^2F}{\omega} d\omega, \qquad
          \omega_{log} = \exp\left[ \frac{2}{\lambda} \int \frac{\alpha^2F}{\omega} \ln\omega \, d\omega \right], \qquad
          \omega_2^2 = \frac{2}{\lambda} \int \alpha^2F \, \omega \, d\omega

(McMillan, Phys. Rev. 167, 331 (1968); Allen and Dynes, Phys. Rev. B 12, 905 (1975)). Between its points alpha^2F is a straight
line and beyond them it is zero; the integrals of that function are exact to rounding, including the first piece from omega = 0,
where 1/omega is not. Frequencies are energies hbar omega [meV]; alpha^2F has no unit.
"""

from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap._checks import InputError, check, check_finite, is_concrete
from jaxgap._precision import require_float64
from jaxgap.units import meV_per_Ry, meV_per_THz

__all__ = ["UNITS", "EliashbergFunction", "Moments", "eliashberg_function", "read_eliashberg_function", "moments"]

UNITS = {"meV": 1.0, "THz": meV_per_THz, "Ry": meV_per_Ry}
"""Units of frequency in files, in meV. THz means the frequency nu, so that hbar omega = h nu."""
COMMENTS = ("#", "!", "%", "@")
NODES = 24
"""Gauss nodes between two points: 1/omega is exact to rounding where neighbouring frequencies differ by less than tenfold."""


class EliashbergFunction(eqx.Module):
    """alpha^2F on a grid. Made by `eliashberg_function` or `read_eliashberg_function`, which convert and check.

    Attributes:
        omega: frequencies hbar omega [meV], increasing; the first may be zero if alpha^2F vanishes there.
        alpha2F: alpha^2F at these, not negative. The leaf to differentiate by.
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


def eliashberg_function(omega: Any, alpha2F: Any, unit: str = "meV") -> EliashbergFunction:
    """An `EliashbergFunction` from numbers, with omega in `unit` ("meV", "THz" or "Ry").

    Raises:
        InputError: if the frequencies are negative, do not increase or are fewer than two; if alpha^2F is negative, zero
            everywhere, or not zero at omega = 0 (lambda would be infinite); if anything is not finite.
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
    for k in np.flatnonzero(alpha2F < 0):
        check(False, "alpha2F", "not be negative", f"{alpha2F[k]:g} at {omega[k]:g} meV")
    check(bool(np.any(alpha2F > 0)), "alpha2F", "not vanish everywhere", "zeros only")
    vanishes = bool(omega[0] > 0 or alpha2F[0] == 0)
    check(vanishes, "alpha2F", "vanish at zero frequency, where lambda would diverge", f"{alpha2F[0]:g}")


def read_eliashberg_function(path: str | Path, unit: str, column: int = 2) -> EliashbergFunction:
    """alpha^2F from a text file with frequencies in the first column and alpha^2F in `column` (counted from 1).

    Blank lines and comments (from #, !, % or @ on) are skipped; columns are separated by blanks or commas; exponents may be
    Fortran's (1.0D-3). The unit of frequency cannot be seen in a file and must be given: "meV", "THz" or "Ry".

    Raises:
        InputError: one sentence with the file and, where it is one line's fault, its number.
    """
    check(isinstance(column, int) and column >= 2, "column", "be a whole number from 2 on", repr(column))
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read alpha^2F from `{path}`: {error}.") from None
    rows = [row for number, line in enumerate(text.splitlines(), 1) if (row := _row(line, column, f"{path}:{number}"))]
    if not rows:
        raise InputError(f"The file `{path}` has no rows of numbers.")
    try:
        omega, alpha2F = np.array(rows).T
        return eliashberg_function(omega, alpha2F, unit)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _row(line: str, column: int, where: str) -> tuple[float, float] | None:
    """(omega, alpha^2F) of a line, None of one without numbers."""
    for mark in COMMENTS:
        line = line.split(mark, 1)[0]
    cells = line.replace(",", " ").split()
    if not cells:
        return None
    if len(cells) < column:
        raise InputError(f"{where}: the line must have at least {column} columns, but has {len(cells)}.")
    try:
        omega, alpha2F = (float(cells[k].replace("D", "E").replace("d", "e")) for k in (0, column - 1))
    except ValueError:
        raise InputError(f"{where}: the columns must hold numbers, but the line is `{line.strip()}`.") from None
    return omega, alpha2F


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
