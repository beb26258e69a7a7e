r"""Fermi surfaces as points with the weights of the integrals over them.

.. math:: \zeta(k) = 0, \qquad v = \frac{\partial \zeta}{\partial k}, \qquad
          \sum_k \delta(\zeta_k) \, f(k) = \oint \frac{dS}{(2\pi)^d \, |v|} \, f(k), \qquad
          N = \oint \frac{dS}{(2\pi)^d \, |v|}

dS is the element of length in 2D and of area in 3D. The points are a smooth periodic function of their number, so that the
plain sum over them converges exponentially, and lengths follow from the derivative of a trigonometric interpolation.

Finding and differentiating are separate: a contour is traced on the host for given numbers, and `follow` puts its points onto
the surface of any nearby dispersion as differentiable roots. Elliptic pockets need no tracing, nor do the surfaces of 3D
(`jaxgap.origins.three_dimensions`).
"""

import contourpy
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import PyTree, Real, Reals
from jaxgap.origins.dispersions import Dispersion, Pocket, rotated

__all__ = ["FermiSurface", "fermi_surface", "follow", "pocket_surface"]

NEWTON_STEPS = 30
"""From a traced contour five are enough; the rest is for `follow` over a distance."""
ON_SURFACE = 1e-11
"""|zeta| <= 1e-11 |v| |k|: rounding of the energy."""
SMOOTH = 8
"""A traced contour keeps its lowest points / 8 harmonics before its points are put onto the surface."""
UNEVEN = 2.0
"""Between neighbouring points |v| changes less: towards v = 0 it is 1 : 3 : 5 however many points there are."""


class FermiSurface(eqx.Module):
    """Points of one band's Fermi surface, all its sheets together."""

    k: Float[Array, "point d"]
    """[1/angstrom]."""
    dS: Float[Array, "point"]
    """Length [1/angstrom] or area [1/angstrom^2] that a point stands for."""
    velocity: Float[Array, "point d"]
    """hbar v = d zeta / dk [meV angstrom]."""
    drift: Float[Array, "sheet d"]
    """By which a sheet ends away from where it began: 0 if it is closed, a reciprocal lattice vector if it is open."""
    sheets: tuple[int, ...] = eqx.field(static=True)
    """Number of points of each sheet (2D)."""

    @property
    def weight(self) -> Float[Array, "point"]:
        """States per energy that a point stands for: dS / (2 pi)^d |v|, per spin [1/meV/angstrom^d]."""
        return self.dS / jnp.sqrt(jnp.sum(self.velocity**2, axis=1)) / (2 * jnp.pi) ** self.k.shape[1]

    @property
    def size(self) -> Float[Array, ""]:
        """Length in 2D [1/angstrom], area in 3D [1/angstrom^2]."""
        return jnp.sum(self.dS)

    @property
    def density_of_states(self) -> Float[Array, ""]:
        """N, per spin [1/meV/angstrom^d]."""
        return jnp.sum(self.weight)

    @property
    def spacing(self) -> Float[Array, ""]:
        """The largest distance of neighbouring points [1/angstrom], roughly: the largest dS^(1/(d - 1))."""
        return jnp.max(self.dS) ** (1 / (self.k.shape[1] - 1))

    def moved(self, shift: Reals = 0.0, angle: Real = 0.0) -> "FermiSurface":
        """The same surface turned by `angle` about the origin in the x-y plane, then shifted [1/angstrom]."""
        turned = (rotated(x, angle) for x in (self.k, self.velocity, self.drift))
        k, velocity, drift = turned
        return FermiSurface(k + jnp.asarray(shift, jnp.float64), self.dS, velocity, drift, self.sheets)


def pocket_surface(pocket: Pocket, points: int = 256) -> FermiSurface:
    """The ellipse of a 2D pocket, k(u) = c + R (a cos u, b sin u); differentiable in all parameters of the pocket.

    Raises:
        InputError: if the pocket is not two-dimensional.
    """
    check(len(pocket.masses) == 2, "pocket", "have two masses", f"{len(pocket.masses)}")
    check(points >= 8, "points", "be at least 8", points)
    u = jnp.asarray(2 * np.pi * np.arange(points) / points)
    unit = jnp.stack([jnp.cos(u), jnp.sin(u)], axis=1)
    k = pocket.centre + rotated(unit * pocket.k_F, pocket.angle)
    return _surface(pocket, k, jnp.zeros((1, 2)), (points,))


def fermi_surface(dispersion: Dispersion, window: Reals, points: int = 256, grid: int = 201) -> FermiSurface:
    """The contour zeta(k) = 0 of any 2D dispersion inside a window of k.

    Args:
        dispersion: k (2,) [1/angstrom] -> energy [meV]; a pytree such as `pocket(...)`, or a function.
        window: ((x_from, x_to), (y_from, y_to)) [1/angstrom]. A sheet must close inside it, or cross it from one edge to the
            same place of the opposite edge (an open sheet of a periodic band).
        points: per sheet.
        grid: on how many points per direction the contour is traced; two sheets nearer than the grid can be confused.

    Raises:
        InputError: if there is no surface in the window, or a sheet leaves it.
        NotConvergedError: if traced points cannot be put onto the surface, or do not resolve how 1/v varies along it, as at a
            crossing of sheets, where v = 0.

    Example:
        >>> circle = jg.origins.fermi_surface(jg.origins.pocket([1.0, 1.0], mu=100.0), ((-0.3, 0.3), (-0.3, 0.3)))
        >>> k_F = jnp.linalg.norm(circle.k, axis=1)
        >>> round(float(k_F.min()), 5), round(float(k_F.max()), 5)
        (0.16201, 0.16201)
    """
    require_float64()
    window = np.asarray(window, float)
    check(
        window.shape == (2, 2) and bool(np.all(window[:, 1] > window[:, 0])), "window", "hold two rising pairs", window.tolist()
    )
    check(points >= 8, "points", "be at least 8", points)
    traced = [_resampled(line, window, points) for line in _lines(dispersion, window, grid)]
    check(len(traced) > 0, "window", "contain a Fermi surface: zeta has no zero in it", window.tolist())
    k = jnp.asarray(np.concatenate([k for k, _ in traced]))
    drift = jnp.asarray(np.stack([drift for _, drift in traced]))
    surface, found = _polished(dispersion, k, drift, tuple(points for _ in traced))
    if not bool(jnp.all(found)):
        raise NotConvergedError(
            f"{int(jnp.sum(~found))} of {len(k)} traced points are not on the Fermi surface after {NEWTON_STEPS} Newton steps: "
            "sheets cross or nearly touch there (v = 0). Move the chemical potential, or take a finer `grid`."
        )
    if _unevenness(surface) > UNEVEN:
        raise NotConvergedError(
            f"The Fermi velocity changes more than {UNEVEN:g}-fold between neighbouring points: sheets cross or nearly touch "
            "(v = 0). Move the chemical potential, or take more `points`."
        )
    return surface


def follow(surface: FermiSurface, dispersion: Dispersion) -> FermiSurface:
    """The 2D surface of `dispersion`, starting from the points of a nearby one; differentiable in the dispersion's parameters.

    Points that do not arrive are NaN. For derivatives: `jax.grad(lambda d: follow(surface, d).size)(dispersion)`.
    """
    moved, found = _polished(dispersion, jax.lax.stop_gradient(surface.k), surface.drift, surface.sheets)
    return eqx.tree_at(lambda s: s.dS, moved, jnp.where(found, moved.dS, jnp.nan))


def _unevenness(surface: FermiSurface) -> float:
    """The largest ratio of |v| at neighbouring points of a sheet."""
    speed = np.split(np.linalg.norm(np.asarray(surface.velocity), axis=1), np.cumsum(surface.sheets)[:-1])
    return max(float(np.exp(np.max(np.abs(np.log(v / np.roll(v, 1)))))) for v in speed)


# --- points onto surfaces ---------------------------------------------------------------------------------------------


def _surface(
    dispersion: Dispersion, k: Float[Array, "point 2"], drift: Float[Array, "sheet 2"], sheets: tuple[int, ...]
) -> FermiSurface:
    """Velocities and elements of length of points on a 2D surface."""
    ends = np.cumsum((0, *sheets))
    dS = [_lengths(k[a:b], step) for a, b, step in zip(ends[:-1], ends[1:], drift, strict=True)]
    return FermiSurface(k, jnp.concatenate(dS), jax.vmap(jax.grad(dispersion))(k), drift, sheets)


def _lengths(k: Float[Array, "point 2"], drift: Float[Array, "2"]) -> Float[Array, "point"]:
    """|dk/du| / n of a curve whose part beyond u drift is periodic, by its Fourier series."""
    n = len(k)
    u = jnp.arange(n) / n
    harmonic = np.fft.fftfreq(n, 1 / n)
    harmonic = np.where(2 * np.abs(harmonic) == n, 0.0, harmonic)  # the highest one has no derivative
    slope = jnp.fft.ifft(2j * jnp.pi * harmonic[:, None] * jnp.fft.fft(k - u[:, None] * drift, axis=0), axis=0).real + drift
    return jnp.sqrt(jnp.sum(slope**2, axis=1)) / n


@program
def _polished(
    dispersion: Dispersion, k: Float[Array, "point 2"], drift: Float[Array, "sheet 2"], sheets: tuple[int, ...]
) -> tuple[FermiSurface, Bool[Array, "point"]]:
    """Points put onto the surface by Newton along the gradient, and which of them arrived."""
    numbers, rest = eqx.partition(dispersion, eqx.is_array)
    fixed = eqx.combine(jax.lax.stop_gradient(numbers), rest)
    size = jnp.sqrt(jnp.mean(jnp.sum((k - jnp.mean(k, axis=0)) ** 2, axis=1)))

    def step(_: object, k: Float[Array, "2"]) -> Float[Array, "2"]:
        energy, v = jax.value_and_grad(fixed)(k)
        # Never further than a tenth of the surface, and nowhere at all where v = 0.
        move = energy * v / jnp.maximum(v @ v, 1e-300)
        return k - move * jnp.minimum(1.0, 0.1 * size / jnp.maximum(jnp.sqrt(move @ move), 1e-300))

    def one(k: Float[Array, "2"]) -> tuple[Float[Array, "2"], Bool[Array, ""]]:
        k = jax.lax.stop_gradient(jax.lax.fori_loop(0, NEWTON_STEPS, step, k))
        energy, v = jax.value_and_grad(fixed)(k)
        speed = jnp.sqrt(v @ v)
        found = jnp.isfinite(energy) & (jnp.abs(energy) <= ON_SURFACE * speed * (size + jnp.sqrt(k @ k)))
        along = v / jnp.where(speed > 0, speed, 1.0)

        def residual(x: Float[Array, "1"], theta: PyTree) -> Float[Array, "1"]:
            numbers, k, along, speed = theta
            return eqx.combine(numbers, rest)(k + x[0] * along)[None] / speed

        # Zero, but one of every point, so that it is batched with them.
        x = at_root(residual, jnp.zeros_like(speed)[None] * speed, (numbers, k, along, speed), found)
        return k + x[0] * along, found

    k, found = jax.vmap(one)(k)
    return _surface(dispersion, k, drift, sheets), found


# --- tracing ----------------------------------------------------------------------------------------------------------


def _lines(dispersion: Dispersion, window: np.ndarray, grid: int) -> list[np.ndarray]:
    """Contour lines of zeta = 0 as polygons."""
    x, y = (np.linspace(lo, hi, grid) for lo, hi in window)
    k = jnp.asarray(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    energy = np.asarray(jax.vmap(dispersion)(k)).reshape(grid, grid)
    if not np.isfinite(energy).all():
        raise InputError("Argument `dispersion` must be finite everywhere in the window, but it is not.")
    lines = contourpy.contour_generator(x, y, energy).lines(0.0)
    return [np.asarray(line) for line in lines if len(line) > 3]


def _resampled(line: np.ndarray, window: np.ndarray, points: int) -> tuple[np.ndarray, np.ndarray]:
    """(points at equal distances on a smoothed polygon, drift from its end to its beginning)."""
    span = window[:, 1] - window[:, 0]
    drift = line[-1] - line[0]
    periods = np.round(drift / span)
    if np.max(np.abs(drift - periods * span) / span) > 1e-3:
        raise InputError(
            "Argument `window` must contain every sheet of the surface, or be a period of it, but a sheet leaves it between "
            f"({line[0][0]:.4g}, {line[0][1]:.4g}) and ({line[-1][0]:.4g}, {line[-1][1]:.4g}) 1/angstrom."
        )
    drift = periods * span
    s = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    u = np.arange(points) / points
    k = np.stack([np.interp(u * s[-1], s, component) for component in line.T], axis=1) - u[:, None] * drift
    # Corners of the polygon would make the points a rough function of their number, and lengths inexact.
    series = np.fft.rfft(k, axis=0)
    series[max(points // SMOOTH, 2) :] = 0
    return np.fft.irfft(series, points, axis=0) + u[:, None] * drift, drift
