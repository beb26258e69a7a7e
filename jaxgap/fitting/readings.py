r"""What experiments would read, and how that changes with the parameters of a fit and with the amplitudes.

.. math:: y(\theta, \Delta), \qquad \dot y = \frac{\partial y}{\partial \theta} \dot\theta
          + \frac{\partial y}{\partial \Delta} \dot\Delta

along given directions. Every experiment is a program of its own, of a few temperatures at a time: it does not grow with the
data, it serves the search (directions in theta and in Delta apart) and the finish (along the solution, where Delta follows
theta), and several are compiled and run side by side. Parameters that an experiment does not depend on cost it nothing.
A curve over temperature is one number at each: its gradient, in reverse, costs little more than the number, and has all
directions at once. A spectrum is differentiated forward, along one direction after the other.
"""

from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgap.fitting.experiments import Experiment, Numbers, Tie, with_values
from jaxgap.fitting.problem import Parameters, Parametrised, Problem, filled_by, fillings_at, systems_at
from jaxgap.numerics.checks import is_concrete, on_host
from jaxgap.numerics.chunks import all_in_chunks, in_chunks
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray, Scalar
from jaxgap.solving.given import given_state
from jaxgap.spectra.several_bands import several

__all__ = ["Direction", "Place", "Reading", "in_reverse", "readings", "readings_along", "readings_at", "relevant"]

CHUNK = 8
"""Temperatures at a time."""


class Instrument(Parametrised):
    """One experiment by itself: its numbers, and the systems that it sees."""

    numbers: Numbers
    number_ties: tuple[tuple[Tie, ...], ...] = eqx.field(static=True)
    experiment: Experiment = eqx.field(static=True)
    """Without its conditions."""


class Direction(NamedTuple):
    """Where an experiment's readings are differentiated along."""

    experiment: int
    theta: Float[AnyArray, "direction parameter"]
    Delta: Float[AnyArray, "place direction channel"]
    """At its own conditions."""


class Place(NamedTuple):
    """Where an experiment is read, one row for every temperature: as a rule at its own conditions."""

    T: Float[AnyArray, "place"]
    sample: Int[AnyArray, "place"]
    Delta: Float[AnyArray, "place channel"]
    x: Float[AnyArray, "place point"]
    mu: Float[AnyArray, "place _"]
    """Rows of a `Filling` at a fixed density, else of nothing."""
    Delta_dot: Float[AnyArray, "place direction channel"]


class Reading(NamedTuple):
    """What an experiment reads at its conditions and points."""

    value: Float[AnyArray, "place point"]
    slope: Float[AnyArray, "place direction point"]


class Gradient(NamedTuple):
    """What an experiment reads at one point of every condition, and its derivatives."""

    value: Float[AnyArray, "place"]
    theta: Float[AnyArray, "place parameter"]
    Delta: Float[AnyArray, "place channel"]

    def along(
        self, theta_dot: Float[AnyArray, "direction parameter"], Delta_dot: Float[AnyArray, "place direction channel"]
    ) -> Reading:
        """Its changes along directions."""
        slope = self.theta @ theta_dot.T + (Delta_dot @ self.Delta[..., None])[..., 0]
        return Reading(self.value[:, None], slope[..., None])


def instrument(p: Problem, i: int) -> Instrument:
    """The i-th experiment of a fit, whatever its conditions."""
    ties = tuple(tuple(to._replace(experiment=0) for to in group if to.experiment == i) for group in p.number_ties)
    return Instrument(p.systems, p.ties, p.only, p.expressions, p.numbers[i], ties, p.experiments[i]._replace(conditions=()))


def relevant(p: Problem, i: int) -> np.ndarray:
    """The parameters on which the i-th experiment depends."""
    used = {k for sample in p.expressions for _, _, names in sample for _, k in names}
    return np.array(
        [k for k in range(len(p.names)) if p.ties[k] or k in used or any(to.experiment == i for to in p.number_ties[k])], int
    )


def reading(
    one: Instrument,
    theta: Parameters,
    T: Float[Array, "place"],
    sample: Int[Array, "place"],
    Delta: Float[Array, "place channel"],
    x: Float[Array, "place point"],
    mu: Float[Array, "place _"],
) -> Float[Array, "place point"]:
    """What an experiment would read at some temperatures; at a fixed density with the mu there, which moves with theta."""
    systems = systems_at(one, theta)
    row, of = one.experiment.quantity, one.experiment.of
    (numbers,) = with_values((one.numbers,), one.number_ties, theta)
    plan = dict(one.experiment.plan)

    def at(
        place: Int[Array, ""],
        T: Float[Array, ""],
        D: Float[Array, "channel"],
        x: Float[Array, "point"],
        mu: Float[Array, "_"],
    ) -> Float[Array, "point"]:
        sc = systems[0] if len(systems) == 1 else jax.tree.map(lambda *leaves: jnp.stack(leaves)[place], *systems)
        if len(mu):
            sc = filled_by(sc, mu[0] + mu[1:] @ (theta - jax.lax.stop_gradient(theta)))
        points = dict.fromkeys(row.axes, x)
        return jnp.atleast_1d(row.reading(sc, T, given_state(sc, T, D), points, numbers, plan, of))

    return jax.vmap(at)(sample, T, Delta, x, mu)


@program
def _along(
    one: Instrument,
    theta: Float[AnyArray, "parameter"],
    theta_dot: Float[AnyArray, "direction parameter"],
    T: Float[Array, "place"],
    sample: Int[Array, "place"],
    Delta: Float[Array, "place channel"],
    x: Float[Array, "place point"],
    mu: Float[Array, "place _"],
    Delta_dot: Float[Array, "place direction channel"],
) -> Reading:
    def f(theta: Parameters, Delta: Float[Array, "place channel"]) -> Float[Array, "place point"]:
        return reading(one, theta, T, sample, Delta, x, mu)

    at = jnp.asarray(theta), Delta
    slope = jax.vmap(lambda t, D: jax.jvp(f, at, (t, D))[1], in_axes=(0, 1), out_axes=1)(jnp.asarray(theta_dot), Delta_dot)
    return Reading(f(*at), slope)


@program
def _gradient(
    one: Instrument,
    theta: Float[AnyArray, "parameter"],
    T: Float[Array, "place"],
    sample: Int[Array, "place"],
    Delta: Float[Array, "place channel"],
    x: Float[Array, "place 1"],
    mu: Float[Array, "place _"],
) -> Gradient:
    def at(
        T: Scalar, sample: Int[Array, ""], D: Float[Array, "channel"], x: Float[Array, "1"], mu: Float[Array, "_"]
    ) -> tuple[Scalar, tuple[Parameters, Float[Array, "channel"]]]:
        def value(theta: Parameters, D: Float[Array, "channel"]) -> Scalar:
            return reading(one, theta, T[None], sample[None], D[None], x[None], mu[None])[0, 0]

        return jax.value_and_grad(value, (0, 1))(jnp.asarray(theta), D)

    value, (slope, slope_Delta) = jax.vmap(at)(T, sample, Delta, x, mu)
    return Gradient(value, slope, slope_Delta)


def readings_along(
    p: Problem,
    theta: Float[AnyArray, "parameter"],
    Delta: Float[AnyArray, "condition channel"],
    directions: list[Direction],
) -> list[Reading]:
    """What experiments read, and how that changes along directions."""
    jobs, (T, Delta) = [], on_host((p.T, Delta))
    for i, theta_dot, Delta_dot in directions:
        places = np.array(p.experiments[i].conditions, int)
        mu = on_host(fillings_at(p, theta, places))
        rows = T[places], np.array(p.sample, int)[places], Delta[places], p.points[i], mu
        jobs.append(_job(p, i, theta, theta_dot, Delta_dot, *rows))
    if not all(is_concrete((rows, run.args)) for run, *rows in jobs):
        # Inside another program all temperatures are one batch.
        found = [run(*rows) for run, *rows in jobs]
    else:
        sizes = [_at_a_time(p, one.experiment) for one in directions]
        found = all_in_chunks(sizes, *((run, *map(np.asarray, rows)) for run, *rows in jobs))
    return [_along_them(one, way.theta, way.Delta) for one, way in zip(found, directions, strict=True)]


def _job(
    p: Problem,
    i: int,
    theta: Float[AnyArray, "parameter"],
    theta_dot: Float[AnyArray, "direction parameter"],
    Delta_dot: Float[AnyArray, "place direction channel"],
    *rows: Float[AnyArray, "place ..."] | Int[AnyArray, "place"],
) -> tuple[Any, ...]:
    """(program, *its rows)."""
    if in_reverse(p, i):
        return partial(_gradient, instrument(p, i), theta), *rows
    return partial(_along, instrument(p, i), theta, theta_dot), *rows, Delta_dot


def _along_them(
    found: Reading | Gradient,
    theta_dot: Float[AnyArray, "direction parameter"],
    Delta_dot: Float[AnyArray, "place direction channel"],
) -> Reading:
    return found if isinstance(found, Reading) else found.along(theta_dot, Delta_dot)


def in_reverse(p: Problem, i: int) -> bool:
    """Whether the i-th experiment is differentiated in reverse: it has one point at every temperature, and no cluster whose
    matrices at all nodes reverse mode would keep, nor impurities, whose are as many."""
    return p.experiments[i].points == 1 and not several(p.systems[0]) and not p.systems[0].is_dressed


def _at_a_time(p: Problem, i: int) -> int:
    return min(CHUNK, len(p.experiments[i].conditions))


def readings_at(
    p: Problem,
    theta: Float[AnyArray, "parameter"],
    i: int,
    theta_dot: Float[AnyArray, "direction parameter"],
    at: Place,
) -> Reading:
    """What the i-th experiment would read elsewhere, and how that changes: by the program of the fit, if there are as many
    points at every place as at its conditions."""
    run, *rows = _job(p, i, theta, theta_dot, at.Delta_dot, at.T, at.sample, at.Delta, at.x, at.mu)
    return _along_them(in_chunks(run, _at_a_time(p, i), *map(np.asarray, rows)), theta_dot, at.Delta_dot)


def readings(p: Problem, theta: Parameters, Delta: Float[Array, "condition channel"]) -> list[Float[Array, "_ _"]]:
    """What every experiment reads, [condition, point], as part of another program."""
    found = []
    for i, one in enumerate(p.experiments):
        places = np.array(one.conditions, int)
        at = (
            p.T[places],
            jnp.asarray(np.array(p.sample, int)[places]),
            Delta[places],
            p.points[i],
            fillings_at(p, theta, places),
        )
        found.append(reading(instrument(p, i), theta, *at))
    return found
