r"""Fermi surfaces in 3D, on rays from a centre or an axis.

.. math:: dS = r^2 \, d\Omega \, \frac{|v|}{|v \cdot e_r|} \;\text{(closed)}, \qquad
          dS = r \, d\varphi \, dk_z \, \frac{|v|}{|v \cdot e_r|} \;\text{(layered: a warped cylinder)}

The radius on every ray is a root of the band's energy, so that everything is differentiable in the dispersion's parameters;
nodes are those of Gauss in cos(theta) and even ones in phi and k_z, which converge exponentially.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.checks import check, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import PyTree, Real, Reals, Scalar
from jaxgap.origins.dispersions import Dispersion
from jaxgap.origins.surfaces import FermiSurface

__all__ = ["closed_surface", "layered_surface"]

RADII = 64
"""On so many radii of a ray the first change of sign is looked for; the surface must be beyond the first of them."""
BISECTIONS = 52


def closed_surface(dispersion: Dispersion, reach: Real, centre: Reals = (0.0, 0.0, 0.0), points: int = 24) -> FermiSurface:
    """A closed surface of a 3D dispersion, star-shaped about `centre`: dS = r^2 dOmega |v| / |v . e_r|.

    Args:
        dispersion: k (3,) [1/angstrom] -> energy [meV].
        reach: how far from the centre the surface is looked for [1/angstrom]; the first crossing on a ray counts.
        centre: [1/angstrom].
        points: Gauss nodes in cos(theta); twice as many in phi.

    Raises:
        InputError: if a ray meets no surface within `reach`.

    Example:
        >>> sphere = jg.origins.closed_surface(jg.origins.pocket([1.0, 1.0, 1.0], mu=100.0), reach=0.3)
        >>> k_F = jnp.linalg.norm(sphere.k, axis=1)
        >>> round(float(k_F.min()), 5), round(float(k_F.max()), 5)
        (0.16201, 0.16201)
    """
    cos, weight = np.polynomial.legendre.leggauss(points)
    phi = np.pi * np.arange(2 * points) / points
    sin = np.sqrt(1 - cos**2)[:, None]
    direction = np.stack([sin * np.cos(phi), sin * np.sin(phi), cos[:, None] + 0 * phi], axis=-1).reshape(-1, 3)
    dOmega = np.repeat(weight * np.pi / points, 2 * points)
    origin = jnp.broadcast_to(jnp.asarray(centre, jnp.float64), direction.shape)
    return _complete(_on_rays(dispersion, origin, jnp.asarray(direction), reach, jnp.asarray(dOmega), 2), reach)


def layered_surface(
    dispersion: Dispersion, reach: Real, c: Real, centre: Reals = (0.0, 0.0), points: tuple[int, int] = (48, 16)
) -> FermiSurface:
    """A (warped) cylinder of a 3D dispersion along k_z: dS = r dphi dk_z |v| / |v . e_r|.

    Args:
        dispersion: k (3,) [1/angstrom] -> energy [meV], of period 2 pi / c in k_z.
        reach: how far from the axis the surface is looked for [1/angstrom].
        c: distance of the layers [angstrom].
        centre: (k_x, k_y) of the axis [1/angstrom].
        points: in phi and in k_z.

    Raises:
        InputError: if a ray meets no surface within `reach`.

    Example:
        >>> warped = jg.origins.layered(jg.origins.pocket([1.0, 1.0], mu=100.0), t_z=10.0, c=6.0)
        >>> surface = jg.origins.layered_surface(warped, reach=0.3, c=6.0)
        >>> k_F = jnp.linalg.norm(surface.k[:, :2], axis=1)
        >>> round(float(k_F.min()), 4), round(float(k_F.max()), 4)
        (0.1449, 0.1775)
    """
    phi, z = (2 * np.pi * np.arange(n) / n for n in points)
    around = jnp.asarray(np.stack([np.cos(phi), np.sin(phi), 0 * phi], axis=1))
    axis = jnp.asarray(np.stack([0 * z, 0 * z, z], axis=1)) / c
    origin = axis + jnp.concatenate([jnp.asarray(centre, jnp.float64), jnp.zeros(1)])
    origin, direction = jnp.repeat(origin, points[0], axis=0), jnp.tile(around, (points[1], 1))
    cells = jnp.full(len(origin), (2 * jnp.pi) ** 2 / (points[0] * points[1])) / c
    return _complete(_on_rays(dispersion, origin, direction, reach, cells, 1), reach)


def _complete(surface: FermiSurface, reach: Real) -> FermiSurface:
    """The surface, unless rays have met none."""
    if is_concrete(surface.k):
        missing = int(np.sum(~np.isfinite(np.asarray(surface.dS))))
        check(missing == 0, "reach", "make every ray meet the surface, between reach / 64 and reach", f"{missing} that do not")
    return surface


@program
def _on_rays(
    dispersion: Dispersion,
    origin: Float[Array, "point 3"],
    direction: Float[Array, "point 3"],
    reach: Real,
    cells: Float[Array, "point"],
    power: int,
) -> FermiSurface:
    """The first crossing on every ray; NaN where there is none. A cell of directions covers dS = r^power cell |v| / |v . e|."""
    numbers, rest = eqx.partition(dispersion, eqx.is_array)

    def residual(r: Float[Array, "1"], theta: PyTree) -> Float[Array, "1"]:
        numbers, origin, e, scale = theta
        return eqx.combine(numbers, rest)(origin + r[0] * e)[None] / scale

    def one(origin: Float[Array, "3"], e: Float[Array, "3"]) -> Float[Array, ""]:
        fixed, o = jax.lax.stop_gradient((numbers, origin))

        def energy(r: Scalar) -> Scalar:
            return eqx.combine(fixed, rest)(o + r * e)

        radii = jnp.asarray(jax.lax.stop_gradient(reach)) * jnp.linspace(0.0, 1.0, RADII + 1)[1:]
        sign = jnp.sign(jax.vmap(energy)(radii))
        # The first radius is inside, also where the origin itself is degenerate.
        crossed = sign != sign[0]
        first = jnp.argmax(crossed)

        inside, outside = radii[jnp.maximum(first - 1, 0)], radii[first]
        lo, hi = bisected(lambda r: jnp.sign(energy(r)) == sign[0], inside, outside, BISECTIONS)
        slope = jnp.abs(jax.grad(energy)((lo + hi) / 2))
        exists = jnp.any(crossed) & (slope > 0)
        r = at_root(residual, ((lo + hi) / 2)[None], (numbers, origin, e, jnp.where(exists, slope, 1.0)), exists)[0]
        return jnp.where(exists, r, jnp.nan)

    r = jax.vmap(one)(origin, direction)
    k = origin + r[:, None] * direction
    v = jax.vmap(jax.grad(dispersion))(k)
    dS = r**power * cells * jnp.sqrt(jnp.sum(v**2, axis=1)) / jnp.abs(jnp.sum(v * direction, axis=1))
    return FermiSurface(k, dS, v, jnp.zeros((1, 3)), (len(cells),))
