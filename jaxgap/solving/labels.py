"""Names of solutions: a small vocabulary of integer codes, which live under vmap and on disk; words are made when printed.

`s++` and `s+-` are told by the relative signs of the band amplitudes that have any: those within a group of coupled channels
(`jaxgap.equations.groups`). Bands that are not coupled are s++ whatever phases a solution gives them. A label is not an
identity: several solutions of one system can be s++.
"""

import itertools
from enum import IntEnum

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.groups import coupled_channels, is_broken, membership, real_parts, turned
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.spectra.pair import abs2

__all__ = [
    "Label",
    "breaks_time_reversal",
    "has_signs",
    "label_of",
    "named_branches",
    "sign_pattern",
    "signs_of",
    "winding_of",
]

ZERO = 1e-7
"""A band amplitude below 1e-7 of the largest has no sign: far above rounding, far below what is measured."""


class Label(IntEnum):
    """What kind of state a set of amplitudes is."""

    NORMAL = 0
    S_PLUS_PLUS = 1
    S_PLUS_MINUS = 2
    CROSSBAND = 3
    BROKEN = 4
    NOTHING = 5

    @property
    def text(self) -> str:
        """The label in the field's words."""
        return ("normal", "s++", "s+-", "purely cross-band", "time-reversal broken", "no state")[self]

    def named(self, sc: Superconductor) -> str:
        """The same where channels are not all s waves: `++` and `+-`, and `+` of a single one."""
        if sc.wave:
            return self.text
        return "+" if self == Label.S_PLUS_PLUS and sc.signed == 1 else self.text.replace("s+", "+")


def label_of(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Int[Array, ""]:
    """The `Label` of amplitudes (zero amplitudes are normal, NaN are no state), independent of the free phases."""
    together, n_bands = coupled_channels(sc), sc.signed
    bands, smallest = real_parts(together, Delta)[:n_bands], ZERO * jnp.sqrt(jnp.sum(abs2(Delta)))
    plus, minus = bands > smallest, bands < -smallest
    opposed = jnp.any((together[:n_bands, :n_bands] @ plus > 0) & minus)
    kind = jnp.where(opposed, Label.S_PLUS_MINUS, Label.S_PLUS_PLUS)
    kind = jnp.where(jnp.any(plus | minus), kind, Label.CROSSBAND)
    kind = jnp.where(is_broken(together, Delta), Label.BROKEN, kind)
    kind = jnp.where(jnp.any(Delta != 0), kind, Label.NORMAL)
    return jnp.where(jnp.isfinite(Delta).all(), kind, Label.NOTHING).astype(int)


def breaks_time_reversal(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Bool[Array, ""]:
    """Whether no choice of the free phases makes the amplitudes real."""
    return is_broken(coupled_channels(sc), Delta)


def has_signs(sc: Superconductor, Delta: Inexact[Array, "channel"], pattern: Float[Array, "band"]) -> Bool[Array, ""]:
    """Whether the band amplitudes have the signs of `pattern`, up to the free phase of every group of coupled channels."""
    together, n_bands = coupled_channels(sc), len(pattern)
    aligned = real_parts(together, Delta)[:n_bands] * pattern
    smallest = ZERO * jnp.sqrt(jnp.sum(abs2(Delta)))
    sign = jnp.where(aligned > smallest, 1.0, 0.0) - jnp.where(aligned < -smallest, 1.0, 0.0)
    groups = together[:n_bands, :n_bands]
    return jnp.all(jnp.abs(groups @ sign) == jnp.sum(groups, axis=1))


def signs_of(Delta: Inexact[np.ndarray, "channel"], groups: list[np.ndarray], n_bands: int) -> str:
    """Signs of the band amplitudes, one per band such as `++-` (0: none), on the host: the first of every group of coupled
    channels is positive. Empty if time reversal is broken."""
    if bool(is_broken(membership(groups), Delta[None])[0]):
        return ""
    bands = turned(membership(groups), Delta.astype(complex)).real[:n_bands]
    sign = np.where(np.abs(bands) > ZERO * np.linalg.norm(Delta), np.sign(bands), 0.0)
    for group in groups:
        own = group[group < n_bands]
        sign[own] *= next((x for x in sign[own] if x != 0), 1.0)
    return "".join("-0+"[int(x) + 1] for x in sign)


def winding_of(Delta: Inexact[np.ndarray, "channel"], groups: list[np.ndarray], n_bands: int) -> int:
    r"""The largest winding number among the groups of coupled channels, on the host: how often the phase turns round on the way
    through their bands, \sum arg(\Delta_{i+1} / \Delta_i) / 2 \pi with the last band before the first.

    Its sign is that of one of two states that are each other's reverse in time, and is not told.
    """
    found = [0]
    for group in groups:
        bands = Delta[group[group < n_bands]].astype(complex)
        bands = bands[np.abs(bands) > ZERO * np.linalg.norm(Delta)]
        found.append(abs(round(float(np.sum(np.angle(np.roll(bands, -1) * np.conj(bands)))) / (2 * np.pi))))
    return max(found)


def named_branches(n_bands: int) -> tuple[str, ...]:
    """Every pattern of relative signs by name: `s++` and `s+-` for two bands, else one sign per band."""
    if n_bands == 2:
        return "s++", "s+-"
    return tuple("+" + "".join(signs) for signs in itertools.product("+-", repeat=n_bands - 1))


def sign_pattern(branch: str, n_bands: int) -> Float[Array, "band"]:
    """Signs of the band amplitudes asked for by `s++`, `s+-` or a pattern with one sign per band, such as `++-`."""
    signs = branch.strip().removeprefix("s") if isinstance(branch, str) else ""
    if signs == "++" and n_bands != 2:
        signs = "+" * n_bands
    if not signs or set(signs) - set("+-"):
        raise InputError(f"Argument `branch` must be `s++`, `s+-` or one sign per band such as `++-`, but got {branch!r}.")
    if len(signs) != n_bands:
        raise InputError(
            f"Argument `branch` must have one sign per band ({n_bands}) where `s+-` is ambiguous, but got {branch!r}."
        )
    pattern = np.array([1.0 if sign == "+" else -1.0 for sign in signs])
    return jnp.asarray(pattern * pattern[0])
