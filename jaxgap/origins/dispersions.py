r"""Band energies as functions of the wave vector, in one, two and three dimensions.

.. math:: \zeta(k) = \sum_i \frac{\hbar^2 (R^T (k - c))_i^2}{2 m_i} - \mu \;\text{(pocket)}, \qquad
          \zeta(k) = -2 \sum_n t_n \cos(R_n \cdot k) - \mu \;\text{(lattice)}, \qquad
          \zeta(k) = \zeta_\parallel(k_x, k_y) - 2 t_z \cos(k_z c) \;\text{(layered)}

and the bands of a lattice that is solved (`jaxgap.lattice`), the eigenvalues of its h(k) - mu: `band_of`.

Energies count from the chemical potential [meV], wave vectors are in 1/angstrom. A dispersion is a callable pytree of one wave
vector; whatever takes one here also takes any other function of k, which then has no parameters to differentiate.
"""

from collections.abc import Callable
from typing import TypeAlias

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.lattice import Lattice as SolvedLattice
from jaxgap.numerics.checks import check, check_finite, is_concrete
from jaxgap.numerics.types import Real, Reals
from jaxgap.units import hbar2_over_2m_e

__all__ = [
    "Dispersion",
    "Lattice",
    "LatticeBand",
    "Layered",
    "Pocket",
    "band_of",
    "layered",
    "pocket",
    "square_lattice",
    "tight_binding",
]

Dispersion: TypeAlias = Callable[[Float[Array, "d"]], Float[Array, ""]]
"""Energy [meV] at k [1/angstrom]: one of the pytrees below, or a function."""


class Pocket(eqx.Module):
    """An anisotropic parabolic band around `centre`; made by `pocket`."""

    masses: Float[Array, "d"]
    """Along the principal axes [electron masses]; all negative for a hole pocket."""
    mu: Float[Array, ""]
    """Chemical potential from the band's edge [meV], of the sign of the masses."""
    centre: Float[Array, "d"]
    """[1/angstrom]."""
    angle: Float[Array, ""]
    """By which the principal axes are turned in the x-y plane [radians]."""

    def __call__(self, k: Float[Array, "d"]) -> Float[Array, ""]:
        """Energy [meV] at k [1/angstrom]."""
        x = rotated(k - self.centre, -self.angle)
        return hbar2_over_2m_e * jnp.sum(x**2 / self.masses) - self.mu

    @property
    def k_F(self) -> Float[Array, "d"]:
        """Semi-axes of the Fermi surface [1/angstrom]: sqrt(2 m_i mu) / hbar."""
        return jnp.sqrt(self.masses * self.mu / hbar2_over_2m_e)


class Lattice(eqx.Module):
    """One orbital per cell with hopping to chosen neighbours; made by `tight_binding`."""

    t: Float[Array, "hop"]
    """Hopping amplitudes [meV]."""
    R: Float[Array, "hop d"]
    """To which neighbours [angstrom]; -R is understood."""
    mu: Float[Array, ""]
    """Chemical potential [meV], zero for half filling where t joins two sublattices."""
    cell: Float[Array, "d d"]
    """Lattice vectors, one per row [angstrom]."""

    def __call__(self, k: Float[Array, "d"]) -> Float[Array, ""]:
        """Energy [meV] at k [1/angstrom]."""
        return -2 * jnp.sum(self.t * jnp.cos(self.R @ k)) - self.mu

    @property
    def reciprocal(self) -> Float[Array, "d d"]:
        """Reciprocal lattice vectors, one per row [1/angstrom]."""
        return 2 * jnp.pi * jnp.linalg.inv(self.cell).T


class Layered(eqx.Module):
    """A 2D band in every layer, with hopping between layers; made by `layered`."""

    layer: Dispersion
    """The dispersion in the plane."""
    t_z: Float[Array, ""]
    """Hopping between layers [meV]; 0 makes the surface a cylinder."""
    c: Float[Array, ""]
    """Distance of the layers [angstrom]."""

    def __call__(self, k: Float[Array, "3"]) -> Float[Array, ""]:
        """Energy [meV] at k [1/angstrom]."""
        return self.layer(k[:2]) - 2 * self.t_z * jnp.cos(k[2] * self.c)

    @property
    def reciprocal(self) -> Float[Array, "1 3"]:
        """The reciprocal lattice vector across the layers [1/angstrom]."""
        return jnp.array([[0.0, 0.0, 1.0]]) * 2 * jnp.pi / self.c


class LatticeBand(eqx.Module):
    """A band of a lattice that is solved; made by `band_of`."""

    lattice: SolvedLattice
    cell: Float[Array, "d d"]
    """Lattice vectors, one per row [angstrom]."""
    band: int = eqx.field(static=True)
    """Its number, from the lowest."""

    def __call__(self, k: Float[Array, "d"]) -> Float[Array, ""]:
        """Energy [meV] at k [1/angstrom]; where bands touch it has a kink."""
        h = self.lattice.matrix(self.cell @ k)
        return jnp.linalg.eigvalsh(h)[self.band] if len(h) > 1 else h[0, 0].real

    @property
    def reciprocal(self) -> Float[Array, "d d"]:
        """Reciprocal lattice vectors, one per row [1/angstrom]."""
        return 2 * jnp.pi * jnp.linalg.inv(self.cell).T


def band_of(lattice: object, cell: Reals, band: int = 0) -> LatticeBand:
    """A band of `jaxgap.lattice(...)` or `jaxgap.wannier90(...)` as a dispersion, differentiable in hoppings and mu.

    Args:
        lattice: the lattice; its pairing plays no part.
        cell: lattice vectors, one per row [angstrom].
        band: its number, from the lowest.

    Raises:
        InputError: for something else than a lattice, a cell that does not fit, or a band that is not there.

    Example:
        >>> t = jg.hopping("t", [(1, 0), (0, 1)], factor=-1.0)
        >>> options = {"parameters": {"t": 100.0}, "mu": -80.0, "mesh": 64, "tolerance": 1e-6}
        >>> sc = jg.lattice(jg.tight_binding([t]), channels={"s": jg.channel()}, g=[[300.0]], **options)
        >>> zeta = jg.origins.band_of(sc, cell=[[4.0, 0.0], [0.0, 4.0]])
        >>> float(zeta(jnp.zeros(2)))
        -320.0
    """
    check(isinstance(lattice, SolvedLattice), "lattice", "be a lattice (`jaxgap.lattice`)", type(lattice).__name__)
    assert isinstance(lattice, SolvedLattice)
    cell, d, most = jnp.asarray(cell, jnp.float64), lattice.dimension, len(lattice.orbitals)
    check(cell.shape == (d, d), "cell", f"have {d} lattice vectors of {d} components", f"shape {cell.shape}")
    check_finite("cell", cell)
    if is_concrete(cell):
        check(abs(float(jnp.linalg.det(cell))) > 0, "cell", "hold independent vectors", cell.tolist())
    check(0 <= band < most, "band", f"be from 0 to {most - 1}", band)
    return LatticeBand(lattice, cell, band)


def pocket(masses: Reals, mu: Real, centre: Reals | None = None, angle: Real = 0.0) -> Pocket:
    """A parabolic pocket from numbers: `pocket([0.5, 2.0], mu=50.0)` is an ellipse, `pocket([-1, -1], -50)` a hole circle.

    Args:
        masses: one per dimension [electron masses]; all positive, or all negative for holes.
        mu: chemical potential from the band's edge [meV], of the sign of the masses.
        centre: middle of the pocket [1/angstrom]; the origin by default.
        angle: of the first axis from the x axis [radians].

    Raises:
        InputError: if a value is not finite, or signs differ.

    Example:
        >>> ellipse = jg.origins.pocket([0.5, 2.0], mu=50.0)
        >>> float(ellipse(jnp.zeros(2)))
        -50.0
    """
    masses = jnp.atleast_1d(jnp.asarray(masses, jnp.float64))
    centre = jnp.zeros_like(masses) if centre is None else jnp.atleast_1d(jnp.asarray(centre, jnp.float64))
    check(masses.ndim == 1 and len(masses) in (1, 2, 3), "masses", "hold one, two or three numbers", f"shape {masses.shape}")
    check(centre.shape == masses.shape, "centre", f"have {len(masses)} numbers, one per mass", f"shape {centre.shape}")
    for name, value in (("masses", masses), ("mu", mu), ("centre", centre), ("angle", angle)):
        check_finite(name, value)
    if is_concrete(masses, mu):
        same_sign = bool(np.all(np.asarray(masses) * float(mu) > 0))
        given = f"mu = {mu} with masses = {masses.tolist()}"
        check(same_sign, "mu", "have the sign of all masses (positive for electrons, negative for holes)", given)
    return Pocket(masses, jnp.asarray(mu, jnp.float64), centre, jnp.asarray(angle, jnp.float64))


def tight_binding(t: Reals, R: Reals, mu: Real = 0.0, *, cell: Reals) -> Lattice:
    """One orbital per cell: `tight_binding([1000.0], [[4.0]], cell=[[4.0]])` is a chain.

    Args:
        t: hopping amplitudes [meV].
        R: the vectors to the neighbours [angstrom], one row per hopping amplitude, lattice vectors all.
        mu: chemical potential [meV].
        cell: lattice vectors, one per row [angstrom].

    Raises:
        InputError: if a value is not finite, shapes do not fit, or a neighbour is not a lattice vector away.

    Example:
        >>> chain = jg.origins.tight_binding([1000.0], [[4.0]], cell=[[4.0]])
        >>> float(chain(jnp.zeros(1)))
        -2000.0
    """
    t, R, cell = (jnp.asarray(value, jnp.float64) for value in (t, R, cell))
    check(cell.ndim == 2 and cell.shape[0] == cell.shape[1], "cell", "have one lattice vector per dimension", cell.shape)
    check(R.shape == (*t.shape, len(cell)), "R", f"have the shape {(*t.shape, len(cell))}, one vector per hopping", R.shape)
    for name, value in (("t", t), ("R", R), ("mu", mu), ("cell", cell)):
        check_finite(name, value)
    if is_concrete(R, cell):
        check(abs(float(jnp.linalg.det(cell))) > 0, "cell", "hold independent vectors", cell.tolist())
        steps = np.asarray(R) @ np.linalg.inv(np.asarray(cell))
        check(bool(np.allclose(steps, np.round(steps), atol=1e-9)), "R", "hold lattice vectors of `cell`", R.tolist())
    return Lattice(t, R, jnp.asarray(mu, jnp.float64), cell)


def square_lattice(t: Real, t_diagonal: Real = 0.0, mu: Real = 0.0, a: float = 1.0) -> Lattice:
    """Hopping t to the four neighbours and t_diagonal to the four across the diagonal [meV], lattice constant a [angstrom].

    Args:
        t: hopping to the four neighbours [meV].
        t_diagonal: hopping to the four across the diagonal [meV].
        mu: chemical potential [meV].
        a: lattice constant [angstrom].

    Example:
        >>> lattice = jg.origins.square_lattice(100.0, mu=-50.0)
        >>> float(lattice(jnp.zeros(2)))
        -350.0
    """
    check(a > 0, "a", "be positive [angstrom]", a)
    R = a * np.array([[1, 0], [0, 1], [1, 1], [1, -1]])
    return tight_binding(
        jnp.stack([jnp.asarray(x, jnp.float64) for x in (t, t, t_diagonal, t_diagonal)]), R, mu, cell=a * np.eye(2)
    )


def layered(layer: Dispersion, c: Real, t_z: Real = 0.0) -> Layered:
    """Layers of a 2D dispersion at the distance c [angstrom], with hopping t_z between them [meV].

    Args:
        layer: a 2D dispersion.
        c: distance of the layers [angstrom].
        t_z: hopping between them [meV].

    Example:
        >>> layers = jg.origins.layered(jg.origins.pocket([1.0, 1.0], mu=50.0), c=6.0, t_z=2.0)
        >>> float(layers(jnp.zeros(3)))
        -54.0
    """
    check_finite("t_z", t_z)
    if is_concrete(c):
        check(bool(np.isfinite(c)) and float(c) > 0, "c", "be positive [angstrom]", c)
    return Layered(layer, jnp.asarray(t_z, jnp.float64), jnp.asarray(c, jnp.float64))


def rotated(k: Float[Array, "*points d"], angle: Real) -> Float[Array, "*points d"]:
    """Wave vectors turned by `angle` in the x-y plane."""
    if k.shape[-1] == 1:
        return k
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    x, y = k[..., 0], k[..., 1]
    return jnp.concatenate([jnp.stack([cos * x - sin * y, sin * x + cos * y], axis=-1), k[..., 2:]], axis=-1)
