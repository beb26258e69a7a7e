r"""Bands of which the density of states is known, as a table: from a calculation, or of any shape.

.. math:: \sum_k \to \int d\epsilon \, N(\epsilon), \qquad \zeta = \epsilon - \mu, \qquad
          N(\epsilon) = N_s + \frac{N_{s+1} - N_s}{\epsilon_{s+1} - \epsilon_s} (\epsilon - \epsilon_s)

between the knots of the table, and zero outside. Such a band pairs alone: which of its states are at the k of another band's, a
density of states does not say. For the protocol `Band` its kappa is the energy above the table's lower end [meV].
"""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact

from jaxgap.model.band import Band, larger, smaller
from jaxgap.model.fermi import linear_filling
from jaxgap.model.files import read_columns
from jaxgap.numerics.checks import check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.types import Real, Reals

__all__ = ["TabulatedBand", "coarser", "read_table", "tabulated_band"]

Scalar = Float[Array, ""]


class TabulatedBand(Band):
    """A band by its density of states. Made by `tabulated_band`, which converts and checks.

    Attributes:
        energy: knots, rising [meV].
        density: density of states there [unit of N].
        mu: chemical potential, on the axis of the energies [meV].
        name: a short identifier.
    """

    energy: Float[Array, "*batch knot"]
    density: Float[Array, "*batch knot"]
    mu: Float[Array, ""]
    name: str = eqx.field(static=True)

    def __str__(self) -> str:
        lowest, highest = float(self.energy[0]), float(self.energy[-1])
        table = f"{len(self.energy)} densities of states from {lowest:g} to {highest:g} meV"
        return f"{self.name}: {table}, mu {float(self.mu):g} meV"

    @property
    def leaves(self) -> tuple[str, ...]:
        return ("mu",)

    @property
    def in_k_space(self) -> bool:
        return False

    @property
    def knots(self) -> Float[Array, "knot"]:
        """kappa of the knots [meV]."""
        return self.energy - self.energy[0]

    def check(self) -> None:
        _check_table(self.name, self.energy, self.density, self.mu)

    def table(self) -> dict[str, Any]:
        return self.own_numbers | {leaf: np.asarray(getattr(self, leaf)).tolist() for leaf in ("energy", "density")}

    def zeta(self, kappa: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        return kappa + (self.energy[0] - self.mu)

    def slope(self, kappa: Float[Array, "*k"]) -> Float[Array, "*#k"]:
        return jnp.ones_like(kappa)

    def kappa_at(self, energy: Inexact[Array, "*k"]) -> Inexact[Array, "*k"]:
        return energy + (self.mu - self.energy[0])

    @property
    def tangent(self) -> tuple[Scalar, Scalar]:
        return jnp.ones(()), self.mu - self.energy[0]

    def shell(self, Omega: Scalar) -> tuple[Scalar, Scalar]:
        """Cut at both ends of the table."""
        lower, upper = self.kappa_at(jnp.stack([-Omega, Omega]))
        last = self.energy[-1] - self.energy[0]
        return larger(jnp.zeros(()), smaller(lower, last)), larger(jnp.zeros(()), smaller(upper, last))

    def states(self, kappa: Float[Array, "*k"], dimension: int) -> Float[Array, "*k"]:
        """N from the table, of whatever dimension."""
        return jnp.interp(kappa, self.knots, self.density, left=0.0, right=0.0)

    def states_between(self, a: Scalar, b: Scalar, dimension: int) -> Scalar:
        a, b = self.segments(a, b)
        middle = self.states((a + b) / 2, dimension)
        return jnp.sum(middle * (b - a))

    def segments(self, a: Scalar, b: Scalar) -> tuple[Float[Array, "segment"], Float[Array, "segment"]]:
        """What [a, b] has of the intervals of kappa between the knots, on which N is linear; most may be empty."""
        lower, upper = self.knots[:-1], self.knots[1:]
        a, b = (jnp.broadcast_to(end, lower.shape) for end in (a, b))
        return larger(smaller(a, upper), lower), smaller(larger(b, lower), upper)

    @property
    def most_electrons(self) -> Scalar:
        return 2 * jnp.sum((self.density[1:] + self.density[:-1]) / 2 * jnp.diff(self.energy))

    def electrons_above(self, a: Scalar, kT: Scalar, dimension: int) -> Scalar:
        """Up to the upper end of the table."""
        lower, upper = self.segments(a, self.knots[-1])
        rise = jnp.diff(self.density) / jnp.diff(self.energy)
        N = [self.density[:-1] + rise * (end - self.knots[:-1]) for end in (lower, upper)]
        return 2 * jnp.sum(linear_filling((N[0], N[1]), (self.zeta(lower), self.zeta(upper)), rise, kT))

    def beyond_shell(self, z: Complex[Array, ""], Omega: Scalar, dimension: int) -> Complex[Array, ""]:
        r"""Of a linear N on [a, b], with w the kappa of z: N(w) \ln[(w - a) / (w - b)] - N' (b - a)."""
        lower, upper = self.shell(Omega)
        w = self.kappa_at(z)
        rise = jnp.diff(self.density) / jnp.diff(self.energy)
        total = jnp.zeros((), complex)
        for a, b in (self.segments(jnp.zeros(()), lower), self.segments(upper, self.knots[-1])):
            at_w = self.density[:-1] + rise * (w - self.knots[:-1])
            inside = b > a
            logarithm = jnp.log(w - jnp.where(inside, a, 0.0)) - jnp.log(w - jnp.where(inside, b, 0.0))
            total += jnp.sum(jnp.where(inside, at_w * logarithm - rise * (b - a), 0.0))
        return total


def tabulated_band(name: str, energy: Reals, density: Reals, mu: Real = 0.0) -> TabulatedBand:
    """A band by its density of states, linear between the knots of a table and zero outside.

    Its unit is that of N: a parabolic band in 2D has N = m. Of one band, or where all are tables, any unit serves, since the
    gap equations have N relative to N(mu); entropies, heat and free energies come in it. How fine a table has to be, the
    result says: with every second knot left out (`coarser`) it changes by some three times the error of the whole table.

    Args:
        name: a short identifier such as `pi`.
        energy: knots, rising [meV]. Where N is sharp, they should be dense.
        density: density of states at the knots, not negative, for one spin [unit of N].
        mu: chemical potential, on the axis of the energies [meV].

    Raises:
        InputError: if the table is none, energies do not rise, a density is negative, or there are no states at mu.

    Example:
        >>> band = jg.tabulated_band("pi", energy=[-100.0, 0.0, 100.0], density=[1.0, 2.0, 1.0], mu=50.0)
        >>> band.density.tolist()
        [1.0, 2.0, 1.0]
    """
    check_identifier("name", name)
    _check_table(name, energy, density, mu)
    energy, density, mu = (jnp.asarray(value, jnp.float64) for value in (energy, density, mu))
    return TabulatedBand(energy=energy, density=density, mu=mu, name=name)


def read_table(path: Path) -> tuple[list[float], list[float]]:
    """(energies [meV], densities of states) from the two columns of a file.

    Raises:
        InputError: one sentence with the line.
    """
    return read_columns(path, "density of states", ("energy [meV]", "density of states"))


def coarser(band: TabulatedBand) -> TabulatedBand:
    """The band with every second knot of its table left out, but for both ends."""
    kept = np.unique(np.r_[np.arange(0, len(band.energy), 2), len(band.energy) - 1])
    return eqx.tree_at(lambda b: (b.energy, b.density), band, (band.energy[kept], band.density[kept]))


def _check_table(name: str, energy: Reals, density: Reals, mu: Real) -> None:
    for leaf, value in ((f"energy[{name}]", energy), (f"density[{name}]", density), (f"mu[{name}]", mu)):
        check_finite(leaf, value)
    shapes = jnp.shape(jnp.asarray(energy)), jnp.shape(jnp.asarray(density))
    table = len(shapes[0]) == 1 and shapes[0] == shapes[1] and shapes[0][0] >= 2
    check(table, f"density[{name}]", "have one number for each of at least two energies", f"shapes {shapes[0]} and {shapes[1]}")
    check(jnp.ndim(jnp.asarray(mu)) == 0, f"mu[{name}]", "be one number", f"shape {jnp.shape(jnp.asarray(mu))}")
    if not is_concrete((energy, density, mu)):
        return
    E, N, at = np.asarray(energy, float), np.asarray(density, float), float(np.asarray(mu))
    falls = np.flatnonzero(np.diff(E) <= 0)
    check(not len(falls), f"energy[{name}]", "rise from knot to knot", f"{E[falls[:1]]} meV, then {E[falls[:1] + 1]} meV")
    check(bool((N >= 0).all()), f"density[{name}]", "not be negative", float(N.min()))
    there = float(np.interp(at, E, N, left=0.0, right=0.0))
    check(there > 0, f"mu[{name}]", "lie where the band has states", f"N = 0 at {at:g} meV")
