r"""Isotropic bands of any dispersion, by a table of their energies on a grid of kappa = hbar^2 k^2 / 2 m_e.

.. math:: \zeta(\kappa) = s \, \epsilon(\kappa) - \mu, \qquad
          \epsilon(\kappa) = \sum_{p=0}^{5} c_{pn} (\kappa - \kappa_n)^p \quad \text{between the knots } \kappa_n, \kappa_{n+1}

a spline of fifth order through the table (de Boor, A Practical Guide to Splines, ch. 13), beyond its ends the tangents there.
The band has states on the table and nowhere else. It pairs across with any band in k space: all share kappa. Coefficients are
found once, when the band is made, and are part of its structure; what moves are mu and a scale s of the energies, such as a
renormalisation. A table that is too coarse is told by `RadialBand.error`.
"""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Inexact, Int

from jaxgap.model.band import Band, larger, rho, smaller
from jaxgap.model.files import read_columns
from jaxgap.numerics.checks import check, check_finite, check_identifier, is_concrete
from jaxgap.numerics.types import Real, Reals

__all__ = ["RadialBand", "RadialTable", "radial_band", "read_dispersion"]

Scalar = Float[Array, ""]
OfKappa = Inexact[Array, "*k"]

LEAST = 6
"""Knots of a spline of fifth order."""
INVERTED = 6
"""Steps of Newton's method from the chord of an interval: each squares the error."""
BETWEEN = 8
"""Points of every interval at which the sign of the slope is looked at."""
GAUSS = 10
"""Nodes between two knots, where integrands are smooth."""
EDGE = 1e-6
"""Share of the table at its lower end where the density of states in 3D has no slope."""


class RadialTable:
    """The spline of a table; two with the same numbers are equal, so that programs are shared."""

    def __init__(self, kappa: np.ndarray, energy: np.ndarray) -> None:
        from scipy.interpolate import PPoly, make_interp_spline  # here: it takes half a second to import

        self.kappa, self.energy = kappa, energy
        self._key = (kappa.tobytes(), energy.tobytes())
        spline = PPoly.from_spline(make_interp_spline(kappa, energy, k=5))
        long = np.flatnonzero(np.diff(spline.x) > 0)
        self.knots = np.append(spline.x[long], spline.x[-1])
        """Ends of the intervals: those of the table but for the second and third at either end."""
        self.coefficients = spline.c[::-1, long]
        """[power, interval]"""
        self.rises = bool(energy[-1] > energy[0])

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RadialTable) and self._key == other._key

    def __repr__(self) -> str:
        return f"{len(self.kappa)} energies up to kappa = {self.kappa[-1]:g} meV"

    def __call__(self, kappa: np.ndarray, derivative: int = 0) -> np.ndarray:
        """The spline, or a derivative, on the table's own axis, by numpy."""
        from scipy.interpolate import PPoly  # here: it takes half a second to import

        found: np.ndarray = PPoly(self.coefficients[::-1], self.knots)(kappa, derivative)
        return found

    @cached_property
    def ends(self) -> np.ndarray:
        """Energies at the knots, rising."""
        found = self(self.knots)
        return found if self.rises else -found

    @cached_property
    def error(self) -> float:
        """Largest error at the knots that a table without every second one leaves out [meV]."""
        kept = np.unique(np.r_[np.arange(0, len(self.kappa), 2), len(self.kappa) - 1])
        if len(kept) < LEAST:
            return float("inf")
        return float(np.abs(RadialTable(self.kappa[kept], self.energy[kept])(self.kappa) - self.energy).max())


class RadialBand(Band):
    """A band by its dispersion. Made by `radial_band`, which converts and checks.

    Attributes:
        mu: chemical potential, on the axis of the scaled energies [meV].
        scale: s, by which the table's energies are multiplied.
        name: a short identifier.
        spline: that through the table.
    """

    mu: Float[Array, ""]
    scale: Float[Array, ""]
    name: str = eqx.field(static=True)
    spline: RadialTable = eqx.field(static=True)

    def __str__(self) -> str:
        return f"{self.name}: {self.spline!r}, scale {float(self.scale):g}, mu {float(self.mu):g} meV"

    @property
    def leaves(self) -> tuple[str, ...]:
        return ("mu", "scale")

    @property
    def error(self) -> float:
        """What every second knot less would change of the energies [meV]: some 60 times what the table itself leaves, if it is
        fine enough."""
        return float(self.scale) * self.spline.error

    def check(self) -> None:
        for leaf, value in ((f"mu[{self.name}]", self.mu), (f"scale[{self.name}]", self.scale)):
            check_finite(leaf, value)
            check(jnp.ndim(value) == 0, leaf, "be one number", f"shape {jnp.shape(value)}")
        check(float(self.scale) > 0, f"scale[{self.name}]", "be positive", float(self.scale))
        low, high = np.sort(float(self.scale) * self.spline.energy[[0, -1]])
        inside = bool(low < float(self.mu) < high)
        check(inside, f"mu[{self.name}]", f"lie inside the table, between {low:g} and {high:g} meV", float(self.mu))

    def table(self) -> dict[str, Any]:
        return self.own_numbers | {"kappa": self.spline.kappa.tolist(), "energy": self.spline.energy.tolist()}

    # === the spline

    def zeta(self, kappa: OfKappa) -> OfKappa:
        at, beyond = self._on_table(kappa)
        n = self._interval(at)
        c, u = self._coefficients(n), at - jnp.asarray(self.spline.knots)[n]
        return self.scale * (_value(c, u) + _slope(c, jnp.real(u)) * beyond) - self.mu

    def slope(self, kappa: Float[Array, "*k"]) -> Float[Array, "*#k"]:
        at, _ = self._on_table(kappa)
        n = self._interval(at)
        return self.scale * _slope(self._coefficients(n), at - jnp.asarray(self.spline.knots)[n])

    def kappa_at(self, energy: OfKappa) -> OfKappa:
        """On the table by Newton's method; beyond its ends, and where Im zeta exceeds the height of an interval, of the
        tangent."""
        wanted = (energy + self.mu) / self.scale
        kappa, slope, aim = self._inverse(jnp.real(wanted))
        found = kappa + (wanted - aim) / slope
        if not jnp.iscomplexobj(energy):
            return found
        n = self._interval(kappa)
        c, below, w = self._coefficients(n), jnp.asarray(self.spline.knots)[n], found
        for _ in range(3):
            w = w - (_value(c, w - below) - wanted) / _slope(c, w - below)
        height = jnp.asarray(np.diff(self.spline.ends))[n]
        near = (jnp.abs(jnp.imag(wanted)) <= height) & (jnp.real(wanted) == aim)
        return jnp.where(near, w, found)

    def _inverse(self, energy: Float[Array, "*k"]) -> tuple[Float[Array, "*k"], ...]:
        """(kappa, the slope there, the energy there: that nearest to the one given) on the table's own axis of energies."""
        sense = 1.0 if self.spline.rises else -1.0
        ends, widths = jnp.asarray(self.spline.ends), jnp.asarray(np.diff(self.spline.knots))
        aim = jnp.clip(energy, *np.sort(sense * self.spline.ends[[0, -1]]))
        n = _place(ends, sense * aim)
        c, fixed = self._coefficients(n), jax.lax.stop_gradient(aim)
        start = widths[n] * (sense * fixed - ends[n]) / (ends[n + 1] - ends[n])

        def step(_: object, u: Float[Array, "*k"]) -> Float[Array, "*k"]:
            return jnp.clip(u - (_value(c, u) - fixed) / _slope(c, u), 0.0, widths[n])

        # In a loop, which is one step to compile.
        u = jax.lax.stop_gradient(jax.lax.fori_loop(0, INVERTED, step, jnp.clip(start, 0.0, widths[n])))
        for _ in range(2):  # At the root these change nothing but derivatives, up to the third.
            u = u - (_value(c, u) - aim) / _slope(c, u)
        return jnp.asarray(self.spline.knots)[n] + u, _slope(c, u), aim

    def _on_table(self, kappa: OfKappa) -> tuple[OfKappa, Float[Array, "*k"]]:
        """(kappa, but not beyond the table's ends; how far it is beyond them)."""
        real = jnp.real(kappa)
        beyond = real - jnp.clip(real, self.spline.knots[0], self.spline.knots[-1])
        return kappa - beyond, beyond

    def _interval(self, kappa: OfKappa) -> Int[Array, "*k"]:
        return _place(jnp.asarray(self.spline.knots), jnp.real(kappa))

    def _coefficients(self, n: Int[Array, "*k"]) -> Float[Array, "power *k"]:
        return jnp.asarray(self.spline.coefficients)[:, n]

    # === a band

    @property
    def tangent(self) -> tuple[Scalar, Scalar]:
        at_mu = self.mu / self.scale
        kappa, slope, aim = self._inverse(at_mu)
        kappa_F = kappa + (at_mu - aim) / slope
        return 1 / (self.scale * slope), kappa_F * self.scale * slope

    def shell(self, Omega: Scalar) -> tuple[Scalar, Scalar]:
        """Cut at both ends of the table."""
        ends = self.kappa_at(jnp.stack([-Omega, Omega]))
        lower, upper = ends if self.spline.rises else ends[::-1]
        first, last = (jnp.asarray(end) for end in self.spline.kappa[[0, -1]])
        return larger(first, smaller(lower, last)), larger(first, smaller(upper, last))

    def states(self, kappa: Float[Array, "*k"], dimension: int) -> Float[Array, "*k"]:
        """None beyond the table."""
        inside = (kappa >= self.spline.kappa[0]) & (kappa <= self.spline.kappa[-1])
        return jnp.where(inside, rho(jnp.where(inside, kappa, 1.0), dimension), 0.0)

    def beyond_shell(self, z: Complex[Array, ""], Omega: Scalar, dimension: int) -> Complex[Array, ""]:
        """Less the N that is linear in the energy where the pole is, and that in closed form: what is left is smooth."""
        lower, upper = self.shell(Omega)
        first, last = (jnp.asarray(end) for end in self.spline.kappa[[0, -1]])
        return self._cauchy(z, first, lower, dimension) + self._cauchy(z, upper, last, dimension)

    def _cauchy(self, z: Complex[Array, ""], a: Scalar, b: Scalar, dimension: int) -> Complex[Array, ""]:
        def N(kappa: Scalar) -> Scalar:
            return rho(kappa, dimension) / jnp.abs(self.slope(kappa))

        at = jnp.clip(self.kappa_at(jnp.real(z)), a, b)
        flat = (b > a) & (at > EDGE * self.spline.kappa[-1])
        at = jnp.where(flat, at, jnp.asarray(self.spline.kappa[-1] / 2))
        there, rise = jax.jvp(N, (at,), (jnp.ones(()),))
        c, rise = self.zeta(at), jnp.where(flat, rise / self.slope(at), 0.0)
        there = jnp.where(flat, there, 0.0)
        kappa, weight = _gauss(self.spline.knots, a, b)
        zeta, slope = self.zeta(kappa), jnp.abs(self.slope(kappa))
        rest = rho(kappa, dimension) - (there + rise * (zeta - c)) * slope
        low, high = (self.zeta(end) for end in ((a, b) if self.spline.rises else (b, a)))
        linear = (there + rise * (z - c)) * (jnp.log(z - low) - jnp.log(z - high)) - rise * (high - low)
        return jnp.sum(weight * rest / (z - zeta)) + linear


def _gauss(knots: np.ndarray, a: Scalar, b: Scalar) -> tuple[Float[Array, "node"], Float[Array, "node"]]:
    """Nodes and weights on what [a, b] has of every interval, in sqrt(kappa), in which a band's edge is smooth in 3D."""
    x, w = np.polynomial.legendre.leggauss(GAUSS)
    ends = jnp.sqrt(jnp.clip(jnp.asarray(knots), a, b))
    lower, width = ends[:-1, None], jnp.diff(ends)[:, None]
    y = lower + width * (x + 1) / 2
    return (y * y).ravel(), (y * width * w).ravel()


def _place(knots: Float[Array, "knot"], x: Float[Array, "*k"]) -> Int[Array, "*k"]:
    """The interval in which x is, or the nearest one."""
    return jnp.clip(jnp.searchsorted(knots, x, side="right", method="compare_all") - 1, 0, len(knots) - 2)


def _value(c: Float[Array, "power *k"], u: OfKappa) -> OfKappa:
    found = c[-1] + 0 * u
    for one in c[-2::-1]:
        found = found * u + one
    return found


def _slope(c: Float[Array, "power *k"], u: OfKappa) -> OfKappa:
    found = (len(c) - 1) * c[-1] + 0 * u
    for p in range(len(c) - 2, 0, -1):
        found = found * u + p * c[p]
    return found


def radial_band(name: str, kappa: Reals, energy: Reals | Callable[[Any], Any], mu: Real = 0.0, scale: Real = 1.0) -> RadialBand:
    """An isotropic band by its energies on a grid of kappa, through which a spline of fifth order is laid.

    The grid begins at kappa = 0 and should be dense where the band bends; `RadialBand.error` says what it leaves. Bands that
    pair across need not have the same grid: kappa is common to all.

    Args:
        name: a short identifier such as `alpha`.
        kappa: knots, hbar^2 k^2 / 2 m_e, rising from 0 [meV], at least six.
        energy: there [meV], rising all along (electrons) or falling (holes); or a function of an array of kappa.
        mu: chemical potential, on the axis of the energies times `scale` [meV].
        scale: what the energies are multiplied by, as a renormalisation: with mu the number that moves.

    Raises:
        InputError: if the table is none, does not begin at 0, or is not monotonic, or mu is outside of it.

    Example:
        >>> band = jg.radial_band("a", np.linspace(0.0, 200.0, 61), lambda kappa: kappa / 1.3 + 0.002 * kappa**2, mu=60.0)
        >>> print(f"kappa_F = {band.kappa_at(jnp.zeros(1))[0]:.4f} meV")
        kappa_F = 66.5016 meV
    """
    check_identifier("name", name)
    given = energy(np.asarray(kappa, float)) if callable(energy) else energy
    for leaf, value in ((f"kappa[{name}]", kappa), (f"energy[{name}]", given)):
        check_finite(leaf, value)
        check(is_concrete(value), leaf, "be numbers, not traced by JAX (mu and scale may be)", "a traced array")
    table = _checked_table(name, np.asarray(kappa, float), np.asarray(given, float))
    band = RadialBand(mu=jnp.asarray(mu, jnp.float64), scale=jnp.asarray(scale, jnp.float64), name=name, spline=table)
    if is_concrete((mu, scale)):
        band.check()
    return band


def read_dispersion(path: Path) -> tuple[list[float], list[float]]:
    """(kappa [meV], energies [meV]) from the two columns of a file.

    Raises:
        InputError: one sentence with the line.
    """
    return read_columns(path, "dispersion", ("kappa [meV]", "energy [meV]"))


def _checked_table(name: str, kappa: np.ndarray, energy: np.ndarray) -> RadialTable:
    fits = kappa.ndim == 1 and kappa.shape == energy.shape and len(kappa) >= LEAST
    check(fits, f"energy[{name}]", f"have one number for each of at least {LEAST} kappa", f"{energy.shape} and {kappa.shape}")
    check(bool(kappa[0] == 0), f"kappa[{name}]", "begin at 0, the centre of the band", float(kappa[0]))
    falls = np.flatnonzero(np.diff(kappa) <= 0)
    check(not len(falls), f"kappa[{name}]", "rise from knot to knot", f"{kappa[falls[:1]]} meV, then {kappa[falls[:1] + 1]}")
    one_way = "rise all along, or fall, since a band has one Fermi momentum"
    steps = np.diff(energy)
    turns = np.flatnonzero(steps * np.sign(energy[-1] - energy[0]) <= 0)
    check(not len(turns), f"energy[{name}]", one_way, f"a turn beyond kappa = {kappa[turns[:1]]} meV")
    table = RadialTable(kappa, energy)
    shares = np.arange(BETWEEN) / BETWEEN
    between = np.append((kappa[:-1, None] + np.diff(kappa)[:, None] * shares).ravel(), kappa[-1])
    slopes = table(between, 1) * (1 if table.rises else -1)
    turns = np.flatnonzero(slopes <= 0)
    check(
        not len(turns), f"energy[{name}]", f"{one_way} (between the knots, too)", f"a turn at kappa = {between[turns[:1]]} meV"
    )
    return table
