r"""What is done to the points of a curve before they are compared with a model, in the order of `FileConfig`.

.. math:: x = s (x_\mathrm{file} - x_0), \qquad y_s(x) = \tfrac12 [y(x) + y(-x)], \qquad y_n = y / \langle y \rangle_{|x| \ge b}

.. math:: \sigma^2 = \sigma_c^2 + (r y_n)^2 + \frac{1}{n - 2} \sum_i [y_n(x_i) - (a + b x_i)]^2

with the offset x_0 and the sign s of the axis, the constant and relative errors, and the scatter of the n points in a normal
range about a straight line. A quantity over temperature has T in place of x. All of it is done temperature by temperature.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from jaxgap.fitting.reading.config import ErrorsConfig, FileConfig, NormaliseConfig
from jaxgap.numerics.checks import InputError

__all__ = ["MeasuredCurve", "prepared"]

FEWEST = 5
"""Points from which a scatter is taken."""
SAME = 1e-9
"""Relative to the reach of the axis: two x that are closer are one."""


class MeasuredCurve(NamedTuple):
    """Points of a curve, or of several at their temperatures, in the registry's units."""

    T: Float[np.ndarray, "point"]
    """[K]"""
    x: Float[np.ndarray, "point"] | None
    """On the quantity's axis; None for a quantity over temperature."""
    value: Float[np.ndarray, "point"]
    error: Float[np.ndarray, "point"] | None
    """One standard deviation; None where nothing gives it."""
    T_error: Float[np.ndarray, "point"] | None
    """Of T [K]; None where nothing gives it."""
    lines: Int[np.ndarray, "point"]
    """Lines of a text, places in an array, from 1."""

    @property
    def along(self) -> Float[np.ndarray, "point"]:
        """The axis: x, or T."""
        return self.T if self.x is None else self.x

    @property
    def groups(self) -> list[Int[np.ndarray, "part"]]:
        """The points of each curve: of one temperature, or all where there is no other axis."""
        if self.x is None:
            return [np.arange(len(self.T))]
        return [np.flatnonzero(T == self.T) for T in np.unique(self.T)]

    def taken(self, which: Int[np.ndarray, "part"]) -> "MeasuredCurve":
        """Some of the points."""
        x, error, T_error = (None if part is None else part[which] for part in (self.x, self.error, self.T_error))
        return MeasuredCurve(self.T[which], x, self.value[which], error, T_error, self.lines[which])


def prepared(points: MeasuredCurve, config: FileConfig, where: str) -> MeasuredCurve:
    """The points as fit.toml wants them.

    Raises:
        InputError: if that cannot be done, beginning with `where` they stand.
    """
    if points.x is not None:
        points = points._replace(x=config.sign * (points.x - config.offset))
    elif config.symmetrise or config.offset or config.sign == -1:
        raise InputError(
            f"{where}: `offset`, `sign` and `symmetrise` are of an axis such as a voltage, but this quantity has only T."
        )
    if config.sort:
        points = points.taken(np.lexsort((points.along, points.T)))
    points = _joined(points, config, where)
    if config.symmetrise:
        points = _each(points, lambda part: _symmetrised(part, where))
    if (normalise := config.normalise) is not None:
        points = _each(points, lambda part: _normalised(part, normalise, where))
    return points if config.errors is None else points._replace(error=_errors(points, config.errors, where))


def _each(points: MeasuredCurve, done: Callable[[MeasuredCurve], MeasuredCurve]) -> MeasuredCurve:
    """What is done to every curve."""
    parts = [done(points.taken(group)) for group in points.groups]
    whole = points.taken(np.concatenate(points.groups))
    together = {
        name: np.concatenate([getattr(part, name) for part in parts])
        for name, one in whole._asdict().items()
        if one is not None
    }
    return whole._replace(**together)


def _joined(points: MeasuredCurve, config: FileConfig, where: str) -> MeasuredCurve:
    """Points at one place joined, left out, or refused."""
    if config.duplicates == "keep":
        return points
    places: dict[tuple[float, float], list[int]] = {}
    for k, place in enumerate(zip(points.T.tolist(), points.along.tolist(), strict=True)):
        places.setdefault(place, []).append(k)
    twice = next((part for part in places.values() if len(part) > 1), None)
    if twice is not None and config.duplicates == "refuse":
        first, second = points.lines[twice[:2]]
        raise InputError(
            f"{where}: every point must be there once, but {points.along[twice[0]]:g} stands in {first} and in {second}."
        )
    one = points.taken(np.array([part[0] for part in places.values()]))
    if config.duplicates == "first":
        return one
    value = np.array([points.value[part].mean() for part in places.values()])
    return one._replace(value=value, error=_of_means(points.error, places), T_error=_of_means(points.T_error, places))


def _of_means(error: Float[np.ndarray, "point"] | None, places: dict[tuple[float, float], list[int]]) -> np.ndarray | None:
    """Errors of means of independent points."""
    if error is None:
        return None
    return np.array([np.sqrt(np.sum(error[part] ** 2)) / len(part) for part in places.values()])


def _symmetrised(points: MeasuredCurve, where: str) -> MeasuredCurve:
    """y(x) and y(-x) as their mean, at the x >= 0 whose other side was measured."""
    assert points.x is not None
    order = np.argsort(points.x, kind="stable")
    x, y = points.x[order], points.value[order]
    near = SAME * max(np.abs(x).max(), np.finfo(float).tiny)
    kept = np.flatnonzero((points.x >= -near) & (points.x <= near - x[0]))
    if kept.size == 0:
        raise InputError(f"{where}: `symmetrise` needs points on both sides of zero, but x is from {x[0]:g} to {x[-1]:g}.")
    half = points.taken(kept)
    error = half.error
    if points.error is not None and error is not None:
        # A point at zero is its own mirror image, no second measurement.
        both = np.hypot(error, np.interp(-half.along, x, points.error[order])) / 2
        error = np.where(np.abs(half.along) <= near, error, both)
    return half._replace(value=(half.value + np.interp(-half.along, x, y)) / 2, error=error)


def _normalised(points: MeasuredCurve, config: NormaliseConfig, where: str) -> MeasuredCurve:
    """Values and their errors over the value where the sample is normal."""
    along, at = points.along, f" at {points.T[0]:g} K" * (points.x is not None)
    if config.at is not None:
        order = np.argsort(along, kind="stable")
        low, high = along[order[0]], along[order[-1]]
        if not low <= config.at <= high:
            raise InputError(f"{where}: `normalise.at` must be within the data{at}, {low:g} to {high:g}, but is {config.at:g}.")
        unit = float(np.interp(config.at, along[order], points.value[order]))
    else:
        far = np.abs(along) >= float(config.beyond or 0.0)
        if not far.any():
            raise InputError(f"{where}: there are no points{at} beyond {config.beyond:g}, where `normalise` takes their mean.")
        unit = float(points.value[far].mean())
    if unit == 0 or (config.beyond is not None and unit < 0):
        raise InputError(f"{where}: `normalise` must divide by a positive value, but finds {unit:g}{at}.")
    return points._replace(value=points.value / unit, error=None if points.error is None else points.error / abs(unit))


def _errors(points: MeasuredCurve, config: ErrorsConfig, where: str) -> Float[np.ndarray, "point"]:
    """One standard deviation of every point by the model of errors."""
    squares = np.full(len(points.value), (config.constant or 0.0) ** 2)
    squares += ((config.relative or 0.0) * points.value) ** 2
    if config.scatter is not None:
        squares += _scatter(points, config.scatter, where)
    if not (squares > 0).all():
        line = points.lines[int(np.argmin(squares))]
        raise InputError(f"{where}: the error of the value in line {line} is zero: give `errors.constant` beside `relative`.")
    return np.sqrt(squares)


def _scatter(points: MeasuredCurve, reach: tuple[float, float], where: str) -> float:
    """Variance about straight lines, of all temperatures together."""
    squares, freedom = 0.0, 0
    for group in points.groups:
        inside = group[(points.along[group] >= reach[0]) & (points.along[group] <= reach[1])]
        if len(inside) >= FEWEST:
            along, y = points.along[inside], points.value[inside]
            # Centred, so that a and b are as good as they can be.
            slopes = np.stack([np.ones_like(along), along - along.mean()], axis=1)
            rest = y - slopes @ np.linalg.lstsq(slopes, y, rcond=None)[0]
            squares, freedom = squares + float(rest @ rest), freedom + len(inside) - 2
    if freedom == 0:
        raise InputError(
            f"{where}: `errors.scatter` needs {FEWEST} points at one temperature between {reach[0]:g} and {reach[1]:g}."
        )
    return squares / freedom
