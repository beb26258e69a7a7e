r"""Channels of pairing on a lattice: which orbitals pair, and with which form phi(k).

.. math:: D(k) = \sum_c \Delta_c B_c(k), \qquad B_c = \phi_c(k) \, e_a e_a^T \quad \text{or} \quad
          \phi_c(k) \, (e_a e_b^T + e_b e_a^T)

(singlets: phi is real and even). Forms are not normalised: nearest-neighbour attraction V [cos(k_x - k_x') + cos(k_y - k_y')]
has g = V/2 for the extended s wave and for d_{x2-y2}. k is in units of the reciprocal lattice over 2 pi: from -pi to pi.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias, cast

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Reals

__all__ = ["FORMS", "Channel", "Form", "Smooth", "channel", "smooth"]

Form: TypeAlias = Callable[[Float[Array, "axis"]], Float[Array, ""]]


def _s(k: Float[Array, "axis"]) -> Float[Array, ""]:
    """1: pairs on one site."""
    return jnp.ones_like(k[0])


def _extended_s(k: Float[Array, "axis"]) -> Float[Array, ""]:
    """cos k_x + cos k_y (+ cos k_z): pairs of nearest neighbours."""
    return jnp.sum(jnp.cos(k))


def _s_x2y2(k: Float[Array, "axis"]) -> Float[Array, ""]:
    """cos k_x cos k_y: pairs along the diagonals, of opposite signs at (0, 0) and (pi, 0)."""
    return jnp.cos(k[0]) * jnp.cos(k[1])


def _d_x2_y2(k: Float[Array, "axis"]) -> Float[Array, ""]:
    """cos k_x - cos k_y: pairs of nearest neighbours of opposite sign along x and y."""
    return jnp.cos(k[0]) - jnp.cos(k[1])


def _d_xy(k: Float[Array, "axis"]) -> Float[Array, ""]:
    """sin k_x sin k_y: pairs along the diagonals."""
    return jnp.sin(k[0]) * jnp.sin(k[1])


FORMS: dict[str, Form] = {"s": _s, "extended s": _extended_s, "s_x2y2": _s_x2y2, "d_x2-y2": _d_x2_y2, "d_xy": _d_xy}
"""By their names."""


class Channel(NamedTuple):
    """A pairing channel: two orbitals, or twice the same one, and a form."""

    orbitals: tuple[int | str, int | str]
    form: Form
    named: str
    """The form's name."""


def channel(orbital: object = 0, form: object = "s") -> Channel:
    """A channel of `lattice(..., channels={"d": channel("a", form="d_x2-y2")})`.

    Args:
        orbital: the orbital that pairs with itself, by its number from 0 or its name; or two of them, which pair as a singlet.
        form: "s", "extended s", "s_x2y2", "d_x2-y2", "d_xy", or any real and even function of k [axis], made of `jax.numpy`.
    """
    both = orbital if isinstance(orbital, tuple) else (orbital, orbital)
    named = len(both) == 2 and all(isinstance(one, int | str) and not isinstance(one, bool) for one in both)
    check(named, "orbital", "be an orbital's number or name, or two of them", repr(orbital))
    if not isinstance(form, str):
        check(callable(form), "form", f"be a function of k or one of {', '.join(map(repr, FORMS))}", repr(form))
        assert callable(form)
        return Channel((both[0], both[1]), form, getattr(form, "__name__", "form"))
    check(form in FORMS, "form", f"be a function of k or one of {', '.join(map(repr, FORMS))}", repr(form))
    return Channel((both[0], both[1]), FORMS[form], form)


class Smooth(eqx.Module):
    r"""A smooth cutoff of the attraction: of one orbital phi(k) is multiplied by

    .. math:: \chi(\zeta) = \tfrac12 \left[ \tanh\frac{\zeta + \Omega}{2s} - \tanh\frac{\zeta - \Omega}{2s} \right] ,

    of several each of both electrons has the root of chi at the energy of its band.
    """

    Omega: Float[Array, ""]
    """Energy [meV] up to which electrons attract each other."""
    width: Float[Array, ""]
    """s [meV]."""

    def __call__(self, zeta: Float[Array, "*k"]) -> Float[Array, "*k"]:
        return (jnp.tanh((zeta + self.Omega) / (2 * self.width)) - jnp.tanh((zeta - self.Omega) / (2 * self.width))) / 2


def smooth(Omega: object, width: object) -> Smooth:
    """A smooth cutoff of half width `Omega` [meV], which falls off over some `width` [meV]: a sharp one would leave errors of
    N^(-3/2) on a mesh of N nodes per direction."""
    for name, value in (("Omega", Omega), ("width", width)):
        check_finite(name, value)
        number = jnp.asarray(cast(Reals, value), jnp.float64)
        check(number.ndim == 0, name, "be one number [meV]", f"shape {number.shape}")
        check(not is_concrete(number) or bool(number > 0), name, "be positive [meV]", value)
    return Smooth(*(jnp.asarray(cast(Reals, value), jnp.float64) for value in (Omega, width)))
