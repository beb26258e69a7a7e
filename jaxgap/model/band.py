r"""What a band is to jaxgap: the protocol `Band`, in kappa = hbar^2 k^2 / 2 m_e >= 0 [meV], and the weight of the sum over k.

.. math:: \sum_k = \int d\kappa \, \rho(\kappa), \quad \rho = 1 \;(2D), \; \sqrt{\kappa} \;(3D), \qquad
          N(0) = \rho(\kappa_F) / |d\zeta / d\kappa|

Bands are isotropic around one centre, and zeta(kappa), the energy from the chemical potential, is monotonic: an electron band
rises, a hole band falls. So each has one Fermi momentum and one interval of kappa in its shell |zeta| <= Omega. All bands of a
system share kappa, since cross-band pairing is between two bands at one k. Where nodes of quadrature lie is decided on the
tangents of the bands at their Fermi momenta, which are the bands themselves if they are parabolic (`model.parabolic`).
"""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Complex, Float, Inexact

from jaxgap.numerics.checks import InputError, check, is_concrete
from jaxgap.units import hbar2_over_2m_e

__all__ = [
    "Band",
    "check_carriers",
    "check_fermi_surfaces",
    "check_in_k_space",
    "crosses",
    "density_of_states",
    "kappa_F",
    "larger",
    "rho",
    "shell",
    "smaller",
    "velocity",
    "zeta",
]


class Band(eqx.Module):
    """One band: an abstract class. A new kind is a subclass with all of these, whose array fields are its numbers."""

    mu: eqx.AbstractVar[Float[Array, ""]]
    """Chemical potential [meV], from the band's edge or on an axis of its own."""
    name: eqx.AbstractVar[str]
    """A short identifier; part of the structure, so it neither batches nor differentiates."""

    @property
    @abstractmethod
    def leaves(self) -> tuple[str, ...]:
        """Names of its numbers, as paths have them: `mu` of `mu[alpha]`."""

    @abstractmethod
    def check(self) -> None:
        """Raise `InputError` unless its numbers, which are concrete, make a band."""

    def table(self) -> dict[str, Any]:
        """What is in a file of it: its numbers by their names, and what else its constructor takes."""
        raise InputError(
            f"Argument `sc` must have parabolic bands, or tables, to be written as TOML, but got the band {self.name}."
        )

    @property
    def own_numbers(self) -> dict[str, float]:
        """Its numbers by their names."""
        return {leaf: float(getattr(self, leaf)) for leaf in self.leaves}

    @abstractmethod
    def zeta(self, kappa: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        """Energy from the chemical potential [meV]."""

    @abstractmethod
    def slope(self, kappa: Float[Array, "*k"]) -> Float[Array, "*#k"]:
        """dzeta/dkappa, of one sign."""

    @abstractmethod
    def kappa_at(self, energy: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        """kappa [meV] at which zeta is `energy` [meV], real or complex: the inverse of zeta, also where kappa < 0 is no k."""

    @property
    @abstractmethod
    def tangent(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """(m, mu) of the parabolic band kappa / m - mu that touches this one at the Fermi momentum: 1/m = dzeta/dkappa, and
        m mu = kappa_F [meV]."""

    @abstractmethod
    def shell(self, Omega: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The interval of kappa in which |zeta| <= Omega, cut at kappa = 0 [meV]."""

    def within(self, energy: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """The interval of kappa in which |zeta| <= energy, cut at kappa = 0 [meV]: as `shell` about the chemical potential."""
        return self.shell(energy)

    def pairs_at(self, energy: Float[Array, "*k"], Omega: Float[Array, ""]) -> Bool[Array, "*k"]:
        """Whether states with zeta = `energy` [meV] are inside the shell."""
        return jnp.abs(energy) <= Omega

    @property
    def range_leaf(self) -> str:
        """What the width of the shell is called: `Omega`, about the chemical potential."""
        return "Omega"

    @property
    def in_k_space(self) -> bool:
        """Whether kappa is that of a k. If not, the band is known by its density of states alone, and kappa is an energy."""
        return True

    def segments(self, a: Float[Array, ""], b: Float[Array, ""]) -> tuple[Float[Array, "segment"], Float[Array, "segment"]]:
        """The parts of an interval [a, b] of kappa, some perhaps empty, in which the band is smooth."""
        return a[None], b[None]

    def states(self, kappa: Float[Array, "*k"], dimension: int) -> Float[Array, "*k"]:
        """States per kappa, the weight of the sum over its k [unit of N]."""
        return rho(kappa, dimension)

    def states_within(self, Omega: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        """Number of states inside the shell [meV times the unit of N]."""
        return self.states_between(*self.shell(Omega), dimension)

    def states_between(self, a: Float[Array, ""], b: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        """Number of states with kappa in [a, b] [meV times the unit of N]."""
        return b - a if dimension == 2 else 2 * (b**1.5 - a**1.5) / 3

    def shifted(self, energy: Float[Array, ""]) -> "Band":
        """The same band where the chemical potential is higher by an energy [meV]."""
        return replace(self, mu=self.mu + energy)

    @property
    def sense(self) -> Float[Array, ""]:
        """1 of an electron band, -1 of a hole band, which is counted by its holes: it has no lowest state."""
        return jnp.sign(self.tangent[0])

    @property
    def most_electrons(self) -> Float[Array, ""]:
        """Electrons of both spins that it has room for [meV times the unit of N]; infinite where it has no upper end."""
        return jnp.asarray(jnp.inf)

    def electrons_above(self, a: Float[Array, ""], kT: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        """Electrons of both spins in normal states with kappa above a, or less than zero as many holes of a hole band, at a
        temperature [meV times the unit of N]."""
        del a, kT, dimension
        raise InputError(
            f"Argument `bands.{self.name}` must be parabolic, or a density of states, for a number of electrons, "
            f"but got {type(self).__name__}."
        )

    def electrons_outside(self, Omega: Float[Array, ""], kT: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        """The same, outside the shell."""
        whole, *ends = (self.electrons_above(a, kT, dimension) for a in (jnp.zeros(()), *self.shell(Omega)))
        return whole - (ends[0] - ends[1])

    def electrons_inside(self, Omega: Float[Array, ""], kT: Float[Array, ""], dimension: int) -> Float[Array, ""]:
        """The same, inside the shell, of a band that is normal there, too."""
        lower, upper = (self.electrons_above(a, kT, dimension) for a in self.shell(Omega))
        return lower - upper

    @abstractmethod
    def beyond_shell(self, z: Complex[Array, ""], Omega: Float[Array, ""], dimension: int) -> Complex[Array, ""]:
        r"""\int d\kappa \rho / (z - \zeta) over the k outside the shell, up to a real constant: normal states there."""


def zeta(band: Band, kappa: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """Band energy from the chemical potential [meV]."""
    return band.zeta(kappa)


def kappa_F(band: Band) -> Float[Array, ""]:
    """kappa at the Fermi surface [meV]: kappa_F = m mu, of the tangent there."""
    m, mu = band.tangent
    return m * mu


def shell(band: Band, Omega: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """The interval of kappa in which |zeta| <= Omega [meV]."""
    return band.shell(Omega)


def rho(kappa: Float[Array, "*k"], dimension: int) -> Float[Array, "*k"]:
    """Weight of the sum over k, up to a constant that cancels: 1 in 2D, sqrt(kappa) in 3D."""
    return jnp.ones_like(kappa) if dimension == 2 else jnp.sqrt(kappa)


def density_of_states(band: Band, dimension: int) -> Float[Array, ""]:
    """Normal density of states at the Fermi level, N(0) = |m| rho(kappa_F) with 1/m = dzeta/dkappa there; 0 of a band without
    Fermi surface (kappa_F < 0)."""
    crossed = kappa_F(band) > 0
    N = jnp.abs(band.tangent[0]) * band.states(jnp.where(crossed, kappa_F(band), 1.0), dimension)
    return jnp.where(crossed, N, 0.0)


def check_in_k_space(bands: Iterable[Band], what: str) -> None:
    """Raise `InputError` unless every band has momenta, where something is seen at a k."""
    for band in bands:
        check(band.in_k_space, f"bands.{band.name}", f"be a band in k space for {what}", "a density of states")


def check_fermi_surfaces(bands: Iterable[Band], what: str) -> None:
    """Raise `InputError` unless every band has a Fermi surface, where something is defined at it."""
    for band in bands:
        if is_concrete(band):
            check(crosses(band), f"mu[{band.name}]", f"leave a Fermi surface for {what}", float(band.mu))


def crosses(band: Band) -> bool:
    """Whether it has a Fermi surface; asked of numbers also where something else is traced."""
    with jax.ensure_compile_time_eval():
        return bool(kappa_F(band) > 0)


def check_carriers(bands: Iterable[Band], what: str) -> None:
    """Raise `InputError` if no band has a Fermi surface, where something is relative to the normal state at one."""
    bands = tuple(bands)
    if bands and is_concrete(bands) and not any(crosses(band) for band in bands):
        names = ", ".join(f"mu[{band.name}]" for band in bands)
        raise InputError(f"Argument `{names}` must leave a Fermi surface: {what} is relative to the normal state there.")


def velocity(band: Band, k: Float[Array, "*k"]) -> Float[Array, "*k"]:
    """hbar times the group velocity, dzeta/dk [meV angstrom], at k [1/angstrom]."""
    return 2 * hbar2_over_2m_e * k * band.slope(hbar2_over_2m_e * k**2)


def larger(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """max(x, y), with the mean of both derivatives where they are equal.

    JAX's own derivatives of max and min compare x and y with the result. XLA may compute x once more for that, and round it
    differently: it then equals neither, and the derivative is 0 (`jnp.maximum`) or NaN (`jnp.max` of an array).
    """
    return jnp.where(x > y, x, jnp.where(x < y, y, (x + y) / 2))


def smaller(x: Float[Array, "*shape"], y: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """min(x, y), as `larger`."""
    return jnp.where(x < y, x, jnp.where(x > y, y, (x + y) / 2))
