"""Names of solutions: a small vocabulary of integer codes, which live under vmap and on disk; words are made when printed.

`s++` and `s+-` are told by the relative signs of the band amplitudes. A label is not an identity: several solutions of one
system can be s++.
"""

from enum import IntEnum

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap._checks import InputError
from jaxgap.spectrum import abs2

__all__ = ["Label", "label_of", "has_signs", "sign_pattern"]

ZERO = 1e-7
"""A band amplitude below 1e-7 of the largest has no sign: far above rounding, far below what is measured."""
REAL = 1e-10
"""Amplitudes count as real up to a global phase if |sum Delta^2| >= (1 - 1e-10) sum |Delta|^2: phases within 1e-5."""


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


def label_of(Delta: Inexact[Array, "channel"], n_bands: int) -> Int[Array, ""]:
    """The `Label` of amplitudes (zero amplitudes are normal, NaN are no state), independent of their global phase."""
    total = jnp.sum(abs2(Delta))
    bands = _without_phase(Delta)[:n_bands]
    plus, minus = (jnp.any(side > ZERO * jnp.sqrt(total)) for side in (bands, -bands))
    kind = jnp.where(plus & minus, Label.S_PLUS_MINUS, Label.S_PLUS_PLUS)
    kind = jnp.where(plus | minus, kind, Label.CROSSBAND)
    kind = jnp.where(jnp.abs(jnp.sum(Delta**2)) >= (1 - REAL) * total, kind, Label.BROKEN)
    kind = jnp.where(total > 0, kind, Label.NORMAL)
    return jnp.where(jnp.isfinite(total), kind, Label.NOTHING).astype(int)


def has_signs(Delta: Inexact[Array, "channel"], pattern: Float[Array, "band"]) -> Bool[Array, ""]:
    """Whether the band amplitudes have the signs of `pattern`, up to a global phase."""
    aligned = _without_phase(Delta)[: len(pattern)] * pattern
    smallest = ZERO * jnp.sqrt(jnp.sum(abs2(Delta)))
    return jnp.all(aligned > smallest) | jnp.all(aligned < -smallest)


def _without_phase(Delta: Inexact[Array, "channel"]) -> Float[Array, "channel"]:
    """Real parts after the global phase that makes the amplitudes as real as possible is taken out."""
    if not jnp.iscomplexobj(Delta):
        return Delta
    square = jnp.sum(Delta**2)
    size = jnp.abs(square)
    phase = jnp.where(size > 0, jnp.sqrt(square / jnp.where(size > 0, size, 1.0)), 1.0)
    return jnp.real(Delta * jnp.conj(phase))


def sign_pattern(branch: str, n_bands: int) -> Float[Array, "band"]:
    """Signs of the band amplitudes asked for by `s++`, `s+-` or a pattern with one sign per band, such as `++-`."""
    signs = branch.strip().removeprefix("s")
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
