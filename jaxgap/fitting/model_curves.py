r"""What the fitted model reads between the points that were measured, for pictures: curves without corners.

.. math:: y(x), \qquad \sigma_y^2 = \frac{dy}{d\theta} \, C \, \frac{dy}{d\theta}^T, \qquad
          \frac{dy}{d\theta} = \frac{\partial y}{\partial \theta} + \frac{\partial y}{\partial \Delta} \frac{d\Delta}{d\theta}

Over temperature at the temperatures of the fitted branch (`FitResult.samples`), which are denser towards its end and T_c, and
from T_c on in the normal state: what jumps there, jumps. Over voltages and energies at some points between all neighbours.
Nothing is solved, and the programs are those of the fit (`fitting.readings`): a temperature costs what it costs there.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.problem import Problem
from jaxgap.fitting.readings import Place, readings_at, relevant
from jaxgap.fitting.result import FitResult, Line
from jaxgap.fitting.retarded import retarded_amplitude_slopes
from jaxgap.fitting.uncertainty import amplitude_slopes, leaves, mu_slopes, mus_of

__all__ = ["drawn", "model_lines"]

SPECTRA = 6
"""Temperatures of one experiment that are drawn, spread evenly over them."""
FINE, MOST = 200, 8
"""Points along a spectrum, at least; parts into which the distance of neighbours is cut for it, at most."""
SAME_T = 1e-9
"""Relative: a temperature of the data is one of the branch's."""


class States(NamedTuple):
    """Amplitudes of a sample over temperature."""

    T: np.ndarray
    Delta: np.ndarray
    """[temperature, channel] in meV; zero in the normal state, NaN where there is none."""
    slope: np.ndarray
    """d Delta / d theta, [temperature, channel, parameter]."""
    mu: np.ndarray
    """Rows of a `Filling` at a fixed density, else of nothing."""

    def at(self, chosen: np.ndarray) -> "States":
        """Some of them."""
        return States(*(part[chosen] for part in self))


class Measured(NamedTuple):
    """An experiment on one sample."""

    result: FitResult
    p: Problem
    i: int
    """Its place among the fit's experiments."""
    sample: int

    @property
    def name(self) -> tuple[str, str]:
        """Of the experiment, and of the sample."""
        return list(self.result.config.experiments)[self.i], self.result.samples[self.sample].name

    @property
    def places(self) -> np.ndarray:
        """Its conditions, among all of the experiment."""
        one = self.p.experiments[self.i]
        return np.array([k for k, condition in enumerate(one.conditions) if self.p.sample[condition] == self.sample], int)

    @property
    def T(self) -> np.ndarray:
        """Temperatures [K] at its conditions."""
        return np.asarray(self.p.T)[np.array(self.p.experiments[self.i].conditions, int)[self.places]]


def drawn(temperatures: Sequence[float]) -> list[float]:
    """The temperatures of a spectrum that have a picture: no more than `SPECTRA`, spread evenly over them."""
    n = len(temperatures)
    return [temperatures[i] for i in sorted({round(x) for x in np.linspace(0, n - 1, min(n, SPECTRA))})]


def model_lines(p: Problem, result: FitResult) -> tuple[Line, ...]:
    """The model along every fitted curve of a fit `p`; of a spectrum at the temperatures that are `drawn`."""
    found = []
    for sample in range(len(result.samples)):
        own = [one for i in range(len(p.experiments)) if len((one := Measured(result, p, i, sample)).places)]
        if not own:
            continue
        states = _states(p, result, sample)
        for one in own:
            if p.experiments[one.i].quantity.axes:
                found += [_spectrum(one, states, T) for T in drawn(one.T.tolist())]
            else:
                found.append(_over_temperature(one, states))
    return tuple(found)


# --- states -------------------------------------------------------------------------------------------------------------


def _states(p: Problem, result: FitResult, i: int) -> States:
    """The fitted branch of the i-th sample up to where it ends, and the normal state above T_c, which is at T_c, too."""
    one = result.samples[i]
    T, Delta = np.asarray(one.curve.T), np.asarray(one.curve.solutions.Delta).real
    exists = np.asarray(one.curve.solutions.converged) & np.any(np.nan_to_num(Delta) != 0, axis=1)
    T_c, last = one.T_c.value, np.max(T[exists], initial=0.0)
    normal = np.append(T_c, T[T_c < T]) if np.isfinite(T_c) else np.zeros(0)
    normal = normal[normal > last]
    below = np.min(normal, initial=np.inf) > T
    slope, mu = _slopes(p, result, i)
    branch = States(T, np.where(exists[:, None], Delta, np.nan), slope, mu).at(below)
    zero = np.zeros((len(normal), *branch.slope.shape[1:]))
    # At T_c itself, where mu has two slopes, between its neighbours.
    above = np.stack([np.interp(normal, T, column) for column in mu.T], axis=1) if mu.shape[1] else mu[: len(normal)]
    return States(*map(np.concatenate, zip(branch, (normal, zero[..., 0], zero, above), strict=True)))


def _slopes(p: Problem, result: FitResult, i: int) -> tuple[np.ndarray, np.ndarray]:
    """(d Delta / d theta, rows of mu) along the branch of the i-th sample; NaN where it does not exist."""
    one = result.samples[i]
    if one.superconductor.is_retarded:
        found = retarded_amplitude_slopes(p, result.value, one.curve, i)
        return found, np.zeros((len(found), 0))
    (paths, factors), Delta, mu = leaves(p, result.value, i), jnp.asarray(one.curve.solutions.Delta.real), mus_of(one.curve)
    branch = one.superconductor, paths, one.curve.T, Delta, mu
    found = np.asarray(amplitude_slopes(*branch)) @ factors
    if one.superconductor.density is None:
        return found, np.zeros((len(mu), 0))
    shift = np.asarray(mu - one.superconductor.mus[0])[:, None]
    return found, np.concatenate([shift, (np.asarray(mu_slopes(*branch)) @ factors)[:, 0]], axis=1)


# --- lines --------------------------------------------------------------------------------------------------------------


def _over_temperature(one: Measured, states: States) -> Line:
    """From the lowest to the highest temperature that was measured."""
    lowest, highest = one.T.min() * (1 - SAME_T), one.T.max() * (1 + SAME_T)
    states = states.at((lowest <= states.T) & (highest >= states.T))
    exists = np.isfinite(states.Delta).all(axis=1)
    value, sigma = np.full((2, len(states.T)), np.nan)
    if exists.any():
        # As many points as the fit has at one temperature, where some were measured twice.
        points = np.zeros((int(exists.sum()), one.p.experiments[one.i].points))
        value[exists], sigma[exists] = (part[:, 0] for part in _read(one, states.at(exists), points))
    return Line(*one.name, None, states.T, value, sigma)


def _spectrum(one: Measured, states: States, T: float) -> Line:
    """At one temperature, with points between those that were measured."""
    x = np.sort(np.asarray(one.p.points[one.i])[one.places[one.T.tolist().index(T)]])
    parts = int(np.clip(-(-FINE // len(x)), 1, MOST))
    points = np.stack([x + np.append(np.diff(x), 0.0) * part / parts for part in range(parts)])
    here = states.at(np.flatnonzero(np.isclose(states.T, T, rtol=SAME_T, atol=0.0))[:1])
    if not len(here.T) or not np.isfinite(here.Delta).all():
        return Line(*one.name, T, x, *np.full((2, len(x)), np.nan))
    value, sigma = _read(one, here.at(np.zeros(parts, int)), points)
    order = np.argsort(points.ravel(), kind="stable")
    return Line(*one.name, T, *(part.ravel()[order] for part in (points, value, sigma)))


def _read(one: Measured, states: States, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(readings [place, point] in these states, their standard deviations)."""
    p, C, own = one.p, one.result.covariance, relevant(one.p, one.i)
    # A direction that leads nowhere, where there is no parameter: as the fit has it.
    theta_dot = np.eye(len(p.names))[own] if len(own) else np.zeros((1, len(p.names)))
    along = states.slope[:, :, own].swapaxes(1, 2) if len(own) else np.zeros((len(states.T), 1, states.Delta.shape[1]))
    places = Place(states.T, np.full(len(states.T), one.sample), states.Delta, x, states.mu, along)
    value, slope = map(np.asarray, readings_at(p, one.result.value, one.i, theta_dot, places))
    if not np.isfinite(C).all():
        return value, np.full_like(value, np.nan)
    slope = slope[:, : len(own)]
    return value, np.sqrt(np.maximum(np.einsum("pkx,kl,plx->px", slope, C[np.ix_(own, own)], slope), 0.0))
