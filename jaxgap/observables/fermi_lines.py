r"""The Fermi surface of a lattice's normal state, and the gap on it.

.. math:: \xi_n(k) = 0, \qquad |\Delta_{nn}(k)| = |U^\dagger D(k) \, U|_{nn}, \qquad
          \min_s E\bigl(k + s \, \tfrac{\nabla \xi_n}{|\nabla \xi_n|}\bigr)

In two dimensions, and on a plane of constant k_z in three, it is lines. They are contours of every band on a grid (contourpy),
every point of which then goes to xi = 0 by Newton's method along the gradient, k -> k - xi grad xi / |grad xi|^2. On them are
the gap within the band and the smallest energy of a quasiparticle on the normal through the point, which is where a spectrum at
that k_F begins: it is less than the gap within the band where pairs across bands push it down. Everything here is found on the
host; `band_basis` at the points has derivatives.
"""

from typing import NamedTuple, cast

import contourpy
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Inexact

from jaxgap.model.lattice import Lattice
from jaxgap.numerics.checks import check, check_finite
from jaxgap.numerics.types import Real
from jaxgap.observables.orbital_pairing import band_basis
from jaxgap.observables.stiffness import lattice_of
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.lattice_matrices import energies_at

__all__ = ["FermiLine", "FermiSurface", "fermi_surface"]

STEPS = 30
POLISHED = 1e-12
"""|xi| that is left, in units of the largest |h - mu|: 5e-10 meV and less for a band of 500 meV."""
REACH = 4.0
"""How far from the Fermi line the smallest energy is looked for, in units of the largest gap over the velocity..."""
FURTHEST = 0.5
"""...but not further than that in k."""
LOOKED_AT = 41
"""Points on the normal."""
HALVINGS = 45
"""Of the interval around the lowest of them, by the golden section: to rounding."""


class FermiLine(NamedTuple):
    """A connected piece: closed, or from one edge of the Brillouin zone to another. Points are in order along it."""

    band: int
    """From below."""
    k: Float[np.ndarray, "point axis"]
    """In units of the reciprocal lattice over 2 pi, from -pi to pi."""
    velocity: Float[np.ndarray, "point axis"]
    """d xi / dk in the plane [meV]."""
    gap: Float[np.ndarray, "point"]
    """|Delta_nn(k)| [meV]."""
    minimum: Float[np.ndarray, "point"]
    """The smallest quasiparticle energy on the normal [meV]."""


class FermiSurface(NamedTuple):
    """All pieces of all bands; `plotting.plot_fermi_surface` draws them."""

    lines: tuple[FermiLine, ...]
    error: float
    """The largest |xi| on them [meV]."""
    missed: int
    """Points of contours from which none was found, as where bands touch: they are left out."""
    k_z: float | None


@takes_solution
def fermi_surface(solution: MeanFieldState, *, k_z: Real | None = None, n: int = 200) -> FermiSurface:
    """The Fermi lines of a state's normal bands, with the gap and the smallest energy at every point.

    Args:
        solution: the state of a lattice.
        k_z: in three dimensions the plane, from -pi to pi.
        n: cells of the grid per direction; pockets smaller than a cell, 2 pi / n, may be missed.

    Raises:
        InputError: one sentence that says what is not as it must be.

    Example:
        >>> t = jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0)
        >>> options = {"parameters": {"t": 100.0}, "mu": -80.0, "mesh": 64, "tolerance": 1e-6}
        >>> sc = jg.lattice(jg.tight_binding([t]), channels={"s": jg.channel()}, g=[[300.0]], **options)
        >>> (line,) = jg.observables.fermi_surface(jg.solve(sc, 100.0), n=60).lines
        >>> bool(abs(jnp.cos(line.k).sum(1) - 80.0 / 200.0).max() < 1e-10)
        True
    """
    lattice = lattice_of(solution)
    check(8 <= n <= 4000 and n == int(n), "n", "be a number of cells from 8 to 4000", n)
    plane = _plane(lattice, k_z)
    grid = np.linspace(-np.pi, np.pi, n + 1)
    at = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    xi = np.concatenate([np.asarray(_bands(lattice, _in(plane, part))) for part in np.array_split(at, -(-len(at) // 20_000))])
    lines, errors, missed = [], [0.0], 0
    for band in range(len(lattice.orbitals)):
        contours = contourpy.contour_generator(grid, grid, xi[:, band].reshape(n + 1, n + 1)).lines(0.0)
        for contour in cast(list[np.ndarray], contours):
            k, velocity, left = (np.asarray(x) for x in _polished(lattice, jnp.asarray(contour), plane, band))
            good = (np.abs(left) <= POLISHED * float(lattice.depth)) & (np.abs(k - contour).max(axis=1) <= 4 * np.pi / n)
            missed += int(np.sum(~good))
            if good.any():
                errors.append(float(np.abs(left[good]).max()))
                lines.append(_line(solution, lattice, plane, band, k[good], velocity[good]))
    return FermiSurface(tuple(lines), max(errors), missed, None if k_z is None else float(np.asarray(k_z)))


def _plane(lattice: Lattice, k_z: Real | None) -> Float[Array, "out"]:
    """The components of k out of the plane."""
    if lattice.dimension == 2:
        check(k_z is None, "k_z", "not be given: the lattice is two-dimensional", k_z)
        return jnp.zeros(0)
    check(k_z is not None, "k_z", "be given in three dimensions: the plane on which the Fermi surface is cut", "None")
    check_finite("k_z", k_z)
    at = jnp.asarray(cast(float, k_z), jnp.float64)
    check(at.shape == (), "k_z", "be one number", f"shape {at.shape}")
    return at[None]


def _in(plane: Float[Array, "out"], k: np.ndarray) -> Float[Array, "point axis"]:
    return jnp.concatenate([jnp.asarray(k), jnp.broadcast_to(plane, (len(k), len(plane)))], axis=1)


def _line(
    solution: MeanFieldState, lattice: Lattice, plane: Float[Array, "out"], band: int, k: np.ndarray, velocity: np.ndarray
) -> FermiLine:
    whole = _in(plane, k)
    basis = band_basis(solution, whole)
    largest = jnp.max(basis.gap, axis=(1, 2))
    lowest = _lowest_beside(lattice, solution.Delta, whole, jnp.asarray(velocity), largest)
    return FermiLine(band, np.asarray(whole), velocity, np.asarray(basis.gap[:, band, band]), np.asarray(lowest))


@jax.jit
def _bands(lattice: Lattice, k: Float[Array, "point axis"]) -> Float[Array, "point band"]:
    return jnp.linalg.eigvalsh(jax.vmap(lattice.matrix)(k))


@jax.jit
def _polished(
    lattice: Lattice, k: Float[Array, "point 2"], plane: Float[Array, "out"], band: int | Array
) -> tuple[Float[Array, "point 2"], Float[Array, "point 2"], Float[Array, "point"]]:
    """(k, d xi / dk, xi) after Newton's steps."""

    def of_band(q: Float[Array, "2"]) -> tuple[Float[Array, ""], Float[Array, "2"]]:
        def h(q: Float[Array, "2"]) -> Inexact[Array, "n n"]:
            return lattice.matrix(jnp.concatenate([q, plane]))

        xi, U = jnp.linalg.eigh(h(q))
        u = U[:, band]
        return xi[band], jnp.real(jnp.einsum("a,abi,b->i", jnp.conj(u), jax.jacfwd(h)(q), u))

    def step(_: object, k: Float[Array, "point 2"]) -> Float[Array, "point 2"]:
        xi, v = jax.vmap(of_band)(k)
        square = jnp.sum(v * v, axis=1)
        return k - (xi / jnp.where(square > 0, square, 1.0))[:, None] * v

    k = jax.lax.fori_loop(0, STEPS, step, k)
    xi, v = jax.vmap(of_band)(k)
    return k, v, xi


@jax.jit
def _lowest_beside(
    lattice: Lattice,
    Delta: Inexact[Array, "channel"],
    k: Float[Array, "point axis"],
    velocity: Float[Array, "point 2"],
    largest: Float[Array, "point"],
) -> Float[Array, "point"]:
    """The smallest E on the normals through all k."""
    speed = jnp.sqrt(jnp.sum(velocity**2, axis=1))
    normal = jnp.pad(velocity / speed[:, None], ((0, 0), (0, k.shape[1] - 2)))
    reach = jnp.minimum(REACH * largest / speed, FURTHEST)

    def squared(s: Float[Array, "point"]) -> Float[Array, "point"]:
        return energies_at(lattice, Delta, k + s[:, None] * normal)[:, 0] ** 2

    places = jnp.linspace(-1, 1, LOOKED_AT)
    tried = jax.lax.map(lambda place: squared(place * reach), places)
    start, step = places[jnp.argmin(tried, axis=0)] * reach, 2 / (LOOKED_AT - 1) * reach
    golden = (5**0.5 - 1) / 2

    def narrower(_: object, ends: tuple[Array, Array]) -> tuple[Array, Array]:
        a, b = ends
        x, y = b - golden * (b - a), a + golden * (b - a)
        left = squared(x) < squared(y)
        return jnp.where(left, a, x), jnp.where(left, y, b)

    a, b = jax.lax.fori_loop(0, HALVINGS, narrower, (start - step, start + step))
    return jnp.sqrt(jnp.minimum(squared((a + b) / 2), jnp.min(tried, axis=0)))
