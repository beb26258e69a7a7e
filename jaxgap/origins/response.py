r"""The two static responses that compete in Fig. 1 of W18: of charge density waves and of Cooper pairs.

.. math:: \chi(q) = \sum_k \frac{f(\zeta_{k-}) - f(\zeta_{k+})}{\zeta_{k+} - \zeta_{k-}}
                  = \frac12 \sum_k K(\zeta_{k+}, -\zeta_{k-}), \qquad
          C(q) = \frac12 \sum_k K(\zeta_{k+}, \zeta_{-k+}), \qquad
          K(x, y) = \frac{\tanh(x / 2 k_B T) + \tanh(y / 2 k_B T)}{x + y}

with k+- = k +- q/2, per spin: chi is Lindhard's response, in which one electron is lifted from k- to k+, C the Cooper
response, in which a pair of total momentum q forms. They are one function, and differ in the sign of one energy. C(0) grows as
N ln(1/T) on any Fermi surface, since zeta_k = zeta_-k always. chi(Q) grows only with the states that Q nests, zeta_{k+Q} =
-zeta_k: if it nests all of them, as in a half-filled chain or square lattice, it is the same number as C(0); Q = 2 k_F of a
chain that is not half filled takes one Fermi point to the other but not back, and chi grows half as fast. In W18 both are
arrows in a sketch; that these responses carry the argument is jaxgap's reading.

In units of the density of states, electron gases at T = 0 have, with x = q / 2 k_F,

.. math:: \frac{\chi}{N} = \frac{1}{2x} \ln\left|\frac{1+x}{1-x}\right| \;(1D), \qquad
          1 - \theta(x - 1) \sqrt{1 - x^{-2}} \;(2D), \qquad
          \frac12 + \frac{1 - x^2}{4x} \ln\left|\frac{1+x}{1-x}\right| \;(3D).

(J. Lindhard, Mat. Fys. Medd. Dan. Vid. Selsk. 28, no. 8 (1954); F. Stern, Phys. Rev. Lett. 18, 546 (1967).)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.equations.linear import pair_susceptibility
from jaxgap.model.band import kappa_F
from jaxgap.model.parabolic import ParabolicBand
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import Real, Reals, Scalar
from jaxgap.origins.dispersions import Lattice
from jaxgap.spectra.quadrature import panels
from jaxgap.units import hbar2_over_2m_e, k_B

__all__ = ["cooper", "gas_cooper", "gas_lindhard", "lindhard", "lindhard_function", "lowest_temperature"]

NODES = 64
"""Gauss nodes per piece: what is logarithmic over six decades of T / mu is integrated to 1e-9."""
TAIL = 45.0
"""f(45 k_B T) = 3e-20 is no electron."""
POINTS = {1: 4096, 2: 256, 3: 64}
"""Points of the zone per direction, by dimension."""


def lindhard_function(x: Reals, dimension: int) -> Float[Array, "*x"]:
    """chi(q) / N of an electron gas at T = 0 in closed form, x = q / 2 k_F > 0 (see the module); infinite at x = 1 in 1D."""
    check(dimension in (1, 2, 3), "dimension", "be 1, 2 or 3", dimension)
    x = jnp.asarray(x, jnp.float64)
    if dimension == 2:
        beyond = x > 1
        return 1 - jnp.where(beyond, jnp.sqrt(1 - 1 / jnp.where(beyond, x, 2.0) ** 2), 0.0)
    logarithm = jnp.log(jnp.abs((1 + x) / (1 - x)))
    if dimension == 1:
        return logarithm / (2 * x)
    # (1 - x) ln(1 - x) -> 0.
    at_kink = x == 1
    return 0.5 + jnp.where(at_kink, 0.0, (1 - x**2) / (4 * x) * jnp.where(at_kink, 0.0, logarithm))


def gas_lindhard(band: ParabolicBand, q: Real, T: Real, dimension: int = 1) -> Float[Array, ""]:
    """chi(q, T) / N of a parabolic electron band, N its density of states at the Fermi level; by integration over k.

    Args:
        band: from `parabolic_band`; electrons. Its mu is kept when T changes.
        q: wave vector, not zero [1/angstrom].
        T: temperature, positive [K]; the limit T -> 0 is reached, away from q = 2 k_F, at k_B T = 1e-6 mu.
        dimension: 1, 2 or 3.

    Raises:
        InputError: if q or T is not positive, or the band is one of holes.

    Example:
        >>> band = jg.parabolic_band("a", mu=100.0)
        >>> round(float(jg.origins.gas_lindhard(band, 0.01, 1.0, dimension=2)), 4)
        1.0
    """
    _check_gas(band, T, dimension)
    check_finite("q", q)
    if is_concrete(q):
        check(float(q) > 0, "q", "be positive [1/angstrom]", q)
    x = jnp.asarray(q, jnp.float64) / (2 * jnp.sqrt(kappa_F(band) / hbar2_over_2m_e))
    return _gas(x, k_B * jnp.asarray(T, jnp.float64) / band.mu, dimension)


def gas_cooper(band: ParabolicBand, T: Real, Omega: Real, dimension: int = 1) -> Float[Array, ""]:
    r"""C(0) / N of a parabolic band with pairing inside the shell |zeta| <= Omega [meV], smaller than mu.

    .. math:: \frac{C}{N} = \int_{-\Omega}^{\Omega} d\zeta \left(1 + \frac{\zeta}{\mu}\right)^{d/2-1}
              \frac{\tanh(\zeta / 2 k_B T)}{2 \zeta} \to \ln\frac{2 e^\gamma \Omega}{\pi k_B T}

    (2 e^gamma / pi = 1.134) for k_B T << Omega << mu. In 2D this is the K_i of `jaxgap.equations.linear`.

    Args:
        band: from `parabolic_band`.
        T: temperature [K].
        Omega: half width of the shell [meV].
        dimension: 1, 2 or 3.

    Example:
        >>> band = jg.parabolic_band("a", mu=200.0)
        >>> round(float(jg.origins.gas_cooper(band, 1.0, 30.0, dimension=2)), 4)
        5.9782
        >>> round(float(np.log(1.13387 * 30.0 / jg.units.k_B)), 4)
        5.9782
    """
    _check_gas(band, T, dimension)
    if is_concrete(band, Omega):
        given = f"Omega = {Omega} with mu = {band.mu}"
        check(0 < float(Omega) < float(band.mu), "Omega", "be positive and smaller than mu [meV]", given)
    return _gas_cooper(band, jnp.asarray(T, jnp.float64), jnp.asarray(Omega, jnp.float64), dimension)


def lindhard(lattice: Lattice, q: Reals, T: Reals, points: int | None = None) -> Float[Array, ""]:
    """chi(q, T) of a lattice, per cell and spin [1/meV]: the mean over the zone.

    Args:
        lattice: from `tight_binding` or `square_lattice`, in 1, 2 or 3 dimensions.
        q: wave vector, one component per dimension [1/angstrom].
        T: temperature [K], at least `lowest_temperature`, where the error is 1e-7 of the response or less; it falls
            exponentially with T and with the number of points.
        points: of the zone, per direction (4096, 256 and 64 by default in 1, 2 and 3 dimensions).

    Raises:
        InputError: if T is too low for the number of points, or q has the wrong shape.

    Example:
        >>> square = jg.origins.square_lattice(100.0)
        >>> round(float(jg.origins.lindhard(square, [np.pi, np.pi], 100.0)), 5)
        0.00717
    """
    return _zone_mean(lattice, _checked(lattice, q, T, points), -1)


def cooper(lattice: Lattice, T: Reals, q: Reals | None = None, points: int | None = None) -> Float[Array, ""]:
    """C(q, T) of a lattice, per cell [1/meV], for pairs of total momentum q (zero by default); as `lindhard`.

    Args:
        lattice: from `tight_binding` or `square_lattice`.
        T: temperature [K].
        q: total momentum of a pair [1/angstrom].
        points: of the zone, per direction.

    Example:
        >>> square = jg.origins.square_lattice(100.0)
        >>> bool(jg.origins.cooper(square, 100.0) > jg.origins.cooper(square, 200.0))
        True
    """
    q = jnp.zeros(len(lattice.cell)) if q is None else q
    return _zone_mean(lattice, _checked(lattice, q, T, points), 1)


def lowest_temperature(lattice: Lattice, points: int | None = None) -> Float[Array, ""]:
    """The lowest T [K] at which so many points resolve f: k_B T is the largest step in energy between neighbours."""
    return _lowest(lattice, zone_points(lattice, points)) / k_B


# --- lattices -----------------------------------------------------------------------------------------------------------


def zone_points(lattice: Lattice, points: int | None) -> int:
    """Points of the zone per direction, by default those of `POINTS`."""
    points = POINTS[len(lattice.cell)] if points is None else points
    check(points >= 4, "points", "be at least 4", points)
    return points


def _checked(lattice: Lattice, q: Reals, T: Reals, points: int | None) -> tuple[Float[Array, "d"], Scalar, int]:
    require_float64()
    d, points = len(lattice.cell), zone_points(lattice, points)
    q, T = jnp.atleast_1d(jnp.asarray(q, jnp.float64)), jnp.asarray(T, jnp.float64)
    check(q.shape == (d,), "q", f"have one component per dimension ({d})", f"shape {q.shape}")
    check(T.shape == (), "T", "be one temperature (use jax.vmap for many)", f"shape {T.shape}")
    check_finite("q", q)
    if is_concrete(lattice, T):
        lowest = float(lowest_temperature(lattice, points))
        enough = f"be at least {lowest:.3g} K with {points} points per direction (take more points)"
        check(float(T) >= lowest * (1 - 1e-9), "T", enough, f"{float(T):g}")
    return q, T, points


def _grid(lattice: Lattice, points: int) -> Float[Array, "point d"]:
    """Wave vectors of the zone [1/angstrom]."""
    d = len(lattice.cell)
    shares = np.stack(np.meshgrid(*[np.arange(points) / points] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return jnp.asarray(shares) @ lattice.reciprocal


@program
def _lowest(lattice: Lattice, points: int) -> Float[Array, ""]:
    """Largest step in energy between neighbouring points of the zone [meV]."""
    d = len(lattice.cell)
    energy = jax.vmap(lattice)(_grid(lattice, points)).reshape([points] * d)
    steps = [jnp.max(jnp.abs(jnp.roll(energy, 1, axis=axis) - energy)) for axis in range(d)]
    return jnp.max(jnp.stack(steps))


@program
def _zone_mean(lattice: Lattice, at: tuple[Float[Array, "d"], Scalar, int], sign: int) -> Float[Array, ""]:
    q, T, points = at
    return response(lattice, q, T, points, sign)


def response(lattice: Lattice, q: Float[Array, "d"], T: Scalar, points: int, sign: int) -> Float[Array, ""]:
    """`lindhard` (sign -1) or `cooper` (+1) [1/meV] without checks; for pairs zeta(-k + q/2) = zeta(k - q/2)."""
    k = _grid(lattice, points)
    above, below = jax.vmap(lattice)(k + q / 2), jax.vmap(lattice)(k - q / 2)
    return jnp.mean(pair_susceptibility(above, sign * below, k_B * T)) / 2


# --- electron gases -----------------------------------------------------------------------------------------------------


def _check_gas(band: ParabolicBand, T: Real, dimension: int) -> None:
    require_float64()
    check(dimension in (1, 2, 3), "dimension", "be 1, 2 or 3", dimension)
    check_finite("T", T)
    if is_concrete(T):
        check(float(T) > 0, "T", "be positive [K]", T)
    if is_concrete(band):
        check(float(band.mu) > 0, "band", "be an electron band (mu > 0)", f"mu = {float(band.mu):g} meV")


@program
def _gas(x: Float[Array, ""], tau: Float[Array, ""], dimension: int) -> Float[Array, ""]:
    r"""chi / N with wave vectors in k_F, energies in mu: of layers at p_perp, each one-dimensional with mu -> 1 - p_perp^2.

    .. math:: \frac{\chi}{N} = I(1), \quad \frac{2}{\pi} \int dp_\perp I(1 - p_\perp^2), \quad
              \int dp_\perp \, p_\perp I(1 - p_\perp^2) \qquad (d = 1, 2, 3)
    """
    if dimension == 1:
        return _one_dimensional(x, tau, jnp.ones(()))
    # Logarithmic where 2 k_F of a layer is q, a square root where the layer empties, both rounded by T.
    roots = jnp.sqrt(jnp.stack([1 - x**2, jnp.ones(())]) + 1j * jnp.pi * tau)
    p, weight = panels(jnp.zeros(()), jnp.sqrt(1 + TAIL * tau), roots.real, roots.imag, NODES)
    layers = jax.lax.map(lambda p: _one_dimensional(x, tau, 1 - p**2), p, batch_size=64)
    return jnp.sum(weight * layers * (2 / jnp.pi if dimension == 2 else p))


def _one_dimensional(x: Float[Array, ""], tau: Float[Array, ""], mu: Float[Array, ""]) -> Float[Array, ""]:
    """I(mu) = int dp K(zeta(p + x), -zeta(p - x)) / 2 with zeta(p) = p^2 - mu."""
    # The poles of f are at p = +-x +- sqrt(mu + i pi tau).
    pole = jnp.sqrt(mu + 1j * jnp.pi * tau)
    centre = jnp.stack([jnp.abs(pole.real - x), pole.real + x])
    end = x + jnp.sqrt(jnp.maximum(mu, 0.0) + TAIL * tau)
    p, weight = panels(jnp.zeros(()), end, centre, jnp.stack([pole.imag, pole.imag]), NODES)
    return weight @ pair_susceptibility((p + x) ** 2 - mu, mu - (p - x) ** 2, tau)


@program
def _gas_cooper(band: ParabolicBand, T: Float[Array, ""], Omega: Float[Array, ""], dimension: int) -> Float[Array, ""]:
    kT = k_B * T
    z, weight = panels(-Omega, Omega, jnp.zeros(1), jnp.pi * kT[None], NODES)
    return weight @ ((1 + z / band.mu) ** (dimension / 2 - 1) * pair_susceptibility(z, z, kT)) / 2
