"""The pairs of Fermi surfaces that Fig. 3 of W18 sketches, two that resemble materials, and where the figure's ranking holds.

The paper draws its surfaces without scales. The shapes here are JAXGAP'S READING of the drawing, all of the size k_F = 0.5
1/angstrom with k_F^2 the product of the semi-axes; the pairs that resemble materials have round numbers of the right kind and
are no band structures.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import brentq

from jaxgap.numerics.checks import check
from jaxgap.numerics.types import Real, Reals
from jaxgap.origins.dispersions import Pocket, layered, pocket
from jaxgap.origins.nesting import Effectiveness, effectiveness, share
from jaxgap.origins.surfaces import FermiSurface, pocket_surface
from jaxgap.origins.three_dimensions import closed_surface, layered_surface
from jaxgap.units import hbar2_over_2m_e

__all__ = [
    "Pair",
    "close",
    "crossing",
    "effectiveness_over",
    "in_three_dimensions",
    "mgb2_like",
    "nested",
    "pnictide_like",
    "ranking_range",
]

K_F = 0.5
"""Size of the surfaces of Fig. 3 [1/angstrom]."""
MU = 1000.0
"""[meV]; only the shape of a surface matters where all masses scale together."""


class Pair(NamedTuple):
    """The bands of two Fermi surfaces, `o` with electrons to lift and `u` where they go."""

    u: Pocket
    o: Pocket

    def surfaces(self, points: int = 256) -> tuple[FermiSurface, FermiSurface]:
        """Both Fermi surfaces (2D)."""
        return pocket_surface(self.u, points), pocket_surface(self.o, points)


def ellipse(a: float, b: float, centre: Reals = (0.0, 0.0), sign: int = 1) -> Pocket:
    """A pocket with the semi-axes a, b [1/angstrom], of electrons (sign 1) or holes (-1)."""
    masses = hbar2_over_2m_e / MU * np.array([a, b]) ** 2
    return pocket(sign * masses, sign * MU, centre)


def crossing(elongation: float = 1.8) -> Pair:
    """Two equal ellipses across each other, with this ratio of their axes: they meet in four points (W18: ineffective)."""
    long, short = K_F * np.sqrt(elongation), K_F / np.sqrt(elongation)
    return Pair(ellipse(long, short), ellipse(short, long))


def close(separation: float = 0.1) -> Pair:
    """Two circles about one centre, k_F (1 +- separation / 2): similar and close (W18: effective)."""
    large, small = K_F * (1 + separation / 2), K_F * (1 - separation / 2)
    return Pair(ellipse(large, large, sign=-1), ellipse(small, small, sign=-1))


def nested(distance: float = 3.0) -> Pair:
    """A hole and an electron circle of one size, `distance` k_F apart: the shift Q makes them equal (W18: effective)."""
    return Pair(ellipse(K_F, K_F, (distance * K_F, 0.0)), ellipse(K_F, K_F, sign=-1))


def mgb2_like() -> Pair:
    """Two hole circles with one band edge and different masses, as the sigma bands of MgB2 in the plane."""
    return Pair(pocket([-0.5, -0.5], -500.0), pocket([-0.3, -0.3], -500.0))


def pnictide_like() -> Pair:
    """A hole circle at the centre and an electron ellipse at (pi/a, 0), a = 2.8 angstrom, as in an iron pnictide."""
    return Pair(pocket([1.2, 2.0], 60.0, (np.pi / 2.8, 0.0)), pocket([-1.5, -1.5], -60.0))


def in_three_dimensions(
    pair: Pair, c: float | None = None, t_z: float = 0.0, points: int = 16
) -> tuple[FermiSurface, FermiSurface]:
    """The surfaces of a pair in 3D: cylinders of layers at the distance c [angstrom], warped by t_z [meV], or closed ones.

    A closed one is the pair's ellipse with the geometric mean of its axes as the third (c = None).
    """
    made = []
    for band in pair:
        reach = 1.5 * float(np.max(band.k_F))
        if c is None:
            masses = np.append(band.masses, np.sign(band.mu) * np.sqrt(np.prod(np.asarray(band.masses))))
            centre = np.append(band.centre, 0.0)
            made.append(closed_surface(pocket(masses, band.mu, centre, band.angle), reach, centre, points))
        else:
            made.append(layered_surface(layered(band, c, t_z), reach, c, np.asarray(band.centre), (2 * points, points // 2)))
    return made[0], made[1]


def ranking_range(
    strong: Pair, weak: Pair, q_c: Reals, factor: float = 1.0, shifted: bool = True, points: int = 256
) -> list[tuple[float, float]]:
    """Intervals of q_c [1/angstrom] in which the relative effectiveness of `strong` is more than `factor` that of `weak`.

    Args:
        strong, weak: two pairs of surfaces.
        q_c: rising values among which changes are looked for [1/angstrom]; two changes between neighbours are missed.
        factor: how much more.
        shifted: at the best common shift; else as the surfaces are drawn.
        points: per surface.
    """
    q_c = np.asarray(q_c, float)
    check(q_c.ndim == 1 and len(q_c) > 1 and bool(np.all(np.diff(q_c) > 0)), "q_c", "hold rising values", q_c.tolist())
    surfaces = [pair.surfaces(points) for pair in (strong, weak)]

    def relative(both: tuple[FermiSurface, FermiSurface], q: float) -> float:
        if shifted:
            return float(effectiveness(*both, q).relative)
        u, o = both
        return float(share(u, o, q) / np.sqrt(share(u, u, q) * share(o, o, q)))

    return _positive(lambda q: relative(surfaces[0], q) - factor * relative(surfaces[1], q), q_c)


def _positive(f: Callable[[float], float], x: np.ndarray) -> list[tuple[float, float]]:
    """Intervals in which f > 0, their ends by Brent's method between neighbours of x."""
    y = np.array([f(value) for value in x])
    ends = [float(x[0])] if y[0] > 0 else []
    ends += [float(brentq(f, x[i], x[i + 1], xtol=1e-8)) for i in np.flatnonzero(np.sign(y[:-1]) * np.sign(y[1:]) < 0)]
    ends += [float(x[-1])] if y[-1] > 0 else []
    return list(zip(ends[::2], ends[1::2], strict=True))


def effectiveness_over(pair: Pair, q_c: Iterable[Real], points: int = 256) -> Effectiveness:
    """`effectiveness` of a pair in 2D at every q_c [1/angstrom]."""
    u, o = pair.surfaces(points)
    found = [effectiveness(u, o, q) for q in q_c]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)
