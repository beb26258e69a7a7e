"""A fit as arrays and static structure: what is compared with what, at which parameters, for which system.

Several samples (compositions, pressures) may be fitted together: systems of one kind that share some parameters and not
others. Every sample at every temperature at which it was measured is a condition, with amplitudes of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgap.continuation.jumps import state_pattern
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum, at_temperature, targets
from jaxgap.fitting.experiments import Experiment, Numbers, Tie, arrays_of, experiment_of, is_experiment, ranges_of, tie
from jaxgap.fitting.expressions import evaluated, names_in
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.types import AnyArray
from jaxgap.selfenergy.frequencies import settled
from jaxgap.solving.labels import sign_pattern

__all__ = [
    "Problem",
    "Row",
    "at_conditions",
    "correlated",
    "covariance_of",
    "error_of",
    "filled_by",
    "fillings_at",
    "leaves_at",
    "problem",
    "system_at",
    "systems_at",
    "thinned",
    "without_experiments",
]

Parameters = Float[Array, "parameter"]


LEAST_T = 4.0
"""[K]: the coldest T_c that a fit of T_c alone resolves, of a retarded interaction."""
POINT = "point"
"""Kind of a term that is a point of an experiment."""


class Parametrised(eqx.Module):
    """Systems whose leaves depend on parameters."""

    systems: tuple[Superconductor, ...]
    """Every sample's system, with the values of everything that is not fitted."""
    ties: tuple[tuple[tuple[str, float], ...], ...] = eqx.field(static=True)
    """For every parameter the (path, factor) of the leaves that it sets."""
    only: tuple[int | None, ...] = eqx.field(static=True)
    """For every parameter the sample whose system it sets; None: all of them."""
    expressions: tuple[tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...], ...] = eqx.field(static=True)
    """For every sample the (path, expression, (name in it, index of the parameter)) of its tied leaves."""


class Filling(NamedTuple):
    """Chemical potentials that densities say, at every condition (`jaxgap.fitting.filling`)."""

    theta: Parameters
    """Where they were found."""
    shift: Float[Array, "condition"]
    """How far they are from those of the systems [meV]."""
    slope: Float[Array, "condition parameter"]
    """Their derivatives."""

    def at(self, theta: Parameters) -> Float[Array, "condition"]:
        """The shifts at theta, which is where they were found, but for its derivatives."""
        return self.shift + self.slope @ (theta - self.theta)

    def rows(self, theta: Parameters) -> Float[Array, "condition 1+parameter"]:
        """(Shift, its derivatives) at theta."""
        return jnp.concatenate([self.at(theta)[:, None], self.slope], axis=1)


class Problem(Parametrised):
    """A fit, as arrays and static structure."""

    lower: Parameters
    upper: Parameters
    T: Float[Array, "condition"]
    """The different temperatures of the fitted data [K], rising within every sample."""
    value: Float[Array, "datum"]
    error: Float[Array, "datum"]
    scale: Float[Array, ""]
    """s: residual of the gap equations [meV] that counts as one sigma in the search."""
    pattern: Float[Array, "band"]
    """Signs of the band amplitudes on the branch."""
    unstable: Int[Array, ""]
    """Unstable directions of the states that count (`fitting.states`); negative: any number."""
    prior: tuple[Parameters, Parameters]
    """(value, standard deviation); infinite where nothing is known beforehand."""
    names: tuple[str, ...] = eqx.field(static=True)
    sample: tuple[int, ...] = eqx.field(static=True)
    """Of every condition."""
    rows: tuple["Row", ...] = eqx.field(static=True)
    phases: bool = eqx.field(static=True, default=False)
    """Whether phases count among the unstable directions: g is symmetric."""
    numbers: tuple[Numbers, ...] = ()
    """Of every experiment, with the values of everything that is not fitted."""
    points: tuple[Float[Array, "_ _"], ...] = ()
    """Places of every experiment's points on the quantity's own axis, [condition, point]."""
    experiments: tuple[Experiment, ...] = eqx.field(static=True, default=())
    number_ties: tuple[tuple[Tie, ...], ...] = eqx.field(static=True, default=())
    """As `ties`, of the experiments' numbers."""
    covariances: tuple[Float[Array, "_ _"], ...] = ()
    """Of data whose errors are correlated, one matrix for every group of them."""
    correlated: tuple[tuple[int, ...], ...] = eqx.field(static=True, default=())
    """The rows of every such group."""
    filling: Filling | None = None
    """None: the systems have a mu of their own, or it has not been found yet."""
    after: Float[Array, "state band"] | None = None
    """Signs of the band amplitudes of the states that the data jump to."""


class Row(NamedTuple):
    """What the model has to compute for a datum."""

    terms: tuple[tuple[str, int], ...]
    """(kind, index of the branch or band) of every term; (`POINT`, index of the experiment) for a point of a curve."""
    condition: int
    """Index of sample and temperature (0 where there is none)."""
    operator: str
    limit: str
    point: int = 0
    """Index among the points of its experiment at the same condition."""
    sample: int = 0
    loss: str = "linear"
    """What a deviation costs (`fitting.objective.deviations`)."""


def problem(config: FitConfig, systems: Sequence[Superconductor], data: tuple[Datum, ...]) -> Problem:
    """The arrays of a fit of every sample's system: only rows with use = fit enter."""
    fitted = [datum for datum in data if datum.use == "fit"]
    samples = config.sample_names
    conditions = sorted({(samples.index(datum.sample), datum.T) for datum in fitted if datum.T is not None})
    states = sorted({datum.of for datum in fitted if datum.kind == "jump"})
    given = config.experiments
    rows, places = _rows(systems[0], fitted, config, conditions, states)
    groups = correlated(fitted)
    parameters = config.parameters.values()
    bounds = np.array([parameter.bounds for parameter in parameters], dtype=float)
    prior = np.array([parameter.prior or (0.0, np.inf) for parameter in parameters], dtype=float)
    p = Problem(
        systems=tuple(systems),
        lower=jnp.asarray(bounds[:, 0]),
        upper=jnp.asarray(bounds[:, 1]),
        T=jnp.asarray([T for _, T in conditions], jnp.float64),
        value=jnp.asarray([d.value for d in fitted]),
        error=jnp.asarray([error_of(d, config) for d in fitted]),
        scale=jnp.asarray(config.optimiser.residual_scale_meV),
        names=tuple(config.parameters),
        ties=tuple(tuple(tie for tie in parameter.sets.items() if not is_experiment(tie[0])) for parameter in parameters),
        only=tuple(None if parameter.sample is None else samples.index(parameter.sample) for parameter in parameters),
        expressions=tuple(_expressions(config, sample) for sample in samples),
        sample=tuple(sample for sample, _ in conditions),
        rows=rows,
        pattern=sign_pattern(config.system.branch, systems[0].signed),
        unstable=jnp.asarray(0 if config.system.stability == "stable" else -1),
        prior=(jnp.asarray(prior[:, 0]), jnp.asarray(prior[:, 1])),
        numbers=tuple(arrays_of(one, systems[0]) for one in given.values()),
        points=tuple(jnp.asarray(_padded(own)) for own in places.values()),
        experiments=_experiments(config, systems[0], conditions, places),
        number_ties=tuple(
            tuple(tie(to, factor, given, systems[0].band_names) for to, factor in parameter.sets.items() if is_experiment(to))
            for parameter in parameters
        ),
        covariances=tuple(jnp.asarray(covariance_of(fitted, group)) for group in groups),
        correlated=groups,
        after=jnp.stack([state_pattern(state, systems[0].signed) for state in states]) if states else None,
    )
    _check_jumps(p)
    return replace(p, systems=_with_frequencies(p), phases=_symmetric(p))


def _with_frequencies(p: Problem) -> tuple[Superconductor, ...]:
    """The systems; those of a retarded interaction with as many Matsubara frequencies as the coldest datum needs, wherever the
    parameters are in their bounds: the same number everywhere, since a program is made for it."""
    if not p.systems[0].is_retarded:
        return p.systems
    T, ends = [float(t) for t in p.T], [systems_at(p, theta) for theta in (p.lower, p.upper)]
    T = T or [LEAST_T]
    N = max(settled(cast(RetardedSuperconductor, sc), jnp.asarray(min(T))).frequencies or 0 for end in ends for sc in end)
    return tuple(replace(cast(RetardedSuperconductor, sc), frequencies=N) for sc in p.systems)


def _symmetric(p: Problem) -> bool:
    """Whether every sample's g is symmetric whatever the parameters: at two points inside the bounds, of no special shares."""
    points = (p.lower + share * (p.upper - p.lower) for share in (0.3183, 0.7321))
    return all(bool(sc.has_free_energy) for theta in points for sc in systems_at(p, theta))


def _check_jumps(p: Problem) -> None:
    """Where the data have a first-order jump, every sample's system must have a free energy."""
    if p.after is not None and not all(bool(sc.has_free_energy) for sc in systems_at(p, (p.lower + p.upper) / 2)):
        raise InputError("The data have a `jump`, but the system has no free energy: g is not symmetric, also by [ties].")


def _expressions(config: FitConfig, sample: str) -> tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...]:
    known, order = config.named(sample), list(config.parameters)
    return tuple(
        (path, text, tuple((name, order.index(known[name])) for name in names_in(text))) for path, text in config.ties.items()
    )


Places = dict[str, dict[int, list[float]]]
"""Experiment -> condition -> the points there (0 where the quantity has no axis of its own)."""


def _rows(
    sc: Superconductor, fitted: list[Datum], config: FitConfig, conditions: list[tuple[int, float]], states: list[str]
) -> tuple[tuple[Row, ...], Places]:
    """(what to compute for every datum, where the points of every experiment are)."""
    names, samples, order = {**targets(sc), "jump": states}, config.sample_names, list(config.experiments)
    places: Places = {name: {} for name in order}
    rows = []
    for d in fitted:
        sample, loss = samples.index(d.sample), config.entries[d.entry].loss
        condition = conditions.index((sample, d.T)) if at_temperature(d.kind) and d.T is not None else 0
        if d.experiment:
            own = places[d.experiment].setdefault(condition, [])
            own.append(d.x or 0.0)
            rows.append(Row(((POINT, order.index(d.experiment)),), condition, "", d.limit, len(own) - 1, sample, loss))
        else:
            terms = ((d.kind, d.of), d.second) if d.second[0] else ((d.kind, d.of),)
            indices = tuple((kind, list(names[kind]).index(of) if of else 0) for kind, of in terms)
            rows.append(Row(indices, condition, d.operator, d.limit, sample=sample, loss=loss))
    return tuple(rows), {name: dict(sorted(own.items())) for name, own in places.items()}


def _padded(places: dict[int, list[float]]) -> np.ndarray:
    """[condition, point]: equally many at every condition, the last one once more where there are fewer."""
    most = max((len(x) for x in places.values()), default=0)
    return np.array([x + x[-1:] * (most - len(x)) for x in places.values()]).reshape(len(places), most)


def _experiments(
    config: FitConfig, sc: Superconductor, conditions: list[tuple[int, float]], places: Places
) -> tuple[Experiment, ...]:
    found, given = [], config.experiments
    for name, one in given.items():
        own = tuple(places[name])
        T = np.array([conditions[i][1] for i in own])
        ranges = ranges_of(name, given, sc, [(parameter.bounds, parameter.sets) for parameter in config.parameters.values()])
        found.append(experiment_of(one, sc, own, T, _padded(places[name]), ranges))
    return tuple(found)


def correlated(fitted: Sequence[Datum]) -> tuple[tuple[int, ...], ...]:
    """The rows of every experiment whose errors are correlated."""
    own: dict[str, list[int]] = {}
    for k, d in enumerate(fitted):
        if d.covariance:
            own.setdefault(d.experiment, []).append(k)
    return tuple(tuple(rows) for rows in own.values())


def covariance_of(fitted: Sequence[Datum], rows: tuple[int, ...]) -> np.ndarray:
    """Of the errors of these rows."""
    return np.array([fitted[k].covariance for k in rows])


def without_experiments(p: Problem) -> Problem:
    """The same fit without any curve among the data: the rows that are numbers by themselves."""
    alone = np.array([k for k, row in enumerate(p.rows) if row.terms[0][0] != POINT], int)
    return replace(
        p,
        rows=tuple(p.rows[k] for k in alone),
        value=p.value[alone],
        error=p.error[alone],
        experiments=(),
        points=(),
        numbers=(),
        number_ties=((),) * len(p.names),
        covariances=(),
        correlated=(),
    )


def thinned(p: Problem, most: int) -> tuple[Problem, np.ndarray]:
    """(the same fit at no more than `most` temperatures of every series, which conditions those are).

    A series are the conditions of one sample at which the same was measured; what stays is spread evenly over it, its ends
    included. Data that belong to no temperature stay.
    """
    measured: dict[int, set[Any]] = {i: set() for i in range(len(p.T))}
    for row in p.rows:
        if is_of_condition(row):
            measured[row.condition].add((row.terms, row.operator, row.limit))
    series: dict[Any, list[int]] = {}
    for i, of in measured.items():
        series.setdefault((p.sample[i], frozenset(of)), []).append(i)
    if all(len(places) <= most for places in series.values()):
        return p, np.arange(len(p.T))
    kept = np.array(sorted(places[k] for places in series.values() for k in _spread(len(places), most)))
    return _at(p, kept), kept


def _spread(n: int, most: int) -> list[int]:
    """No more than `most` of n places, evenly."""
    return sorted({round(x) for x in np.linspace(0, n - 1, min(n, most))})


def _at(p: Problem, kept: np.ndarray) -> Problem:
    """The fit of the data at the conditions `kept`, and of those that belong to none."""
    new = {int(old): i for i, old in enumerate(kept)}
    chosen = [k for k, row in enumerate(p.rows) if not is_of_condition(row) or row.condition in new]
    place = {k: i for i, k in enumerate(chosen)}
    stay = [[i for i, condition in enumerate(one.conditions) if condition in new] for one in p.experiments]
    groups = [[i for i, k in enumerate(rows) if k in place] for rows in p.correlated]

    def moved(row: Row) -> Row:
        return row._replace(condition=new.get(row.condition, 0) if is_of_condition(row) else 0)

    return replace(
        p,
        T=p.T[kept],
        sample=tuple(p.sample[i] for i in kept),
        value=p.value[np.array(chosen)],
        error=p.error[np.array(chosen)],
        rows=tuple(moved(p.rows[k]) for k in chosen),
        points=tuple(x[np.array(own, int)] for x, own in zip(p.points, stay, strict=True)),
        experiments=tuple(
            one._replace(conditions=tuple(new[one.conditions[i]] for i in own))
            for one, own in zip(p.experiments, stay, strict=True)
        ),
        covariances=tuple(C[np.ix_(own, own)] for C, own in zip(p.covariances, groups, strict=True)),
        correlated=tuple(tuple(place[rows[i]] for i in own) for rows, own in zip(p.correlated, groups, strict=True)),
    )


def is_of_condition(row: Row) -> bool:
    """Whether a datum belongs to a temperature at which it was measured."""
    return row.terms[0][0] == POINT or at_temperature(row.terms[0][0])


def error_of(datum: Datum, config: FitConfig) -> float:
    """Its own error, or the one assumed for its unit."""
    if datum.error is not None:
        return datum.error
    return config.assumed_error(datum)


def system_at(p: Parametrised, theta: Parameters, sample: int = 0) -> Superconductor:
    """A sample's system with the parameters (and all leaves tied to them) set."""
    return p.systems[sample].set(leaves_at(p, theta, sample))


def leaves_at(p: Parametrised, theta: Parameters, sample: int) -> dict[str, Float[Array, ""]]:
    """Path -> value of the leaves that depend on parameters."""
    own = [k for k, only in enumerate(p.only) if only in (None, sample)]
    simple = {path: factor * theta[k] for k in own for path, factor in p.ties[k]}
    tied = {path: evaluated(text, {name: theta[k] for name, k in names}) for path, text, names in p.expressions[sample]}
    return simple | {path: jnp.asarray(value, jnp.float64) for path, value in tied.items()}


def systems_at(p: Parametrised, theta: Parameters) -> list[Superconductor]:
    return [system_at(p, theta, sample) for sample in range(len(p.systems))]


def fillings_at(p: Problem, theta: Float[AnyArray, "parameter"], places: np.ndarray) -> Float[Array, "place _"]:
    """`Filling.rows` at some conditions; rows of nothing, where systems have a mu of their own."""
    return jnp.zeros((len(places), 0)) if p.filling is None else p.filling.rows(jnp.asarray(theta))[places]


def at_conditions(p: Problem, theta: Parameters, f: Callable[..., Any], *batched: Any, chosen: np.ndarray | None = None) -> Any:
    """f(system, T, ...) at every condition, or at those that are `chosen`; what is `batched` has one row for each of them."""
    systems, T, samples = systems_at(p, theta), p.T, np.array(p.sample, int)
    if p.filling is not None:
        return _at_fillings(systems, T, samples, p.filling.at(theta), f, batched, chosen)
    if chosen is not None:
        T, samples = T[chosen], samples[chosen]
    if len(systems) == 1:
        return jax.vmap(lambda T, *own: f(systems[0], T, *own))(T, *batched)
    of_condition = jax.tree.map(lambda *leaves: jnp.stack(leaves)[samples], *systems)
    return jax.vmap(f)(of_condition, T, *batched)


def _at_fillings(
    systems: list[Superconductor],
    T: Float[Array, "condition"],
    samples: np.ndarray,
    shifts: Float[Array, "condition"],
    f: Callable[..., Any],
    batched: tuple[Any, ...],
    chosen: np.ndarray | None,
) -> Any:
    """`at_conditions` of systems with a density, whose mus are known."""
    which = np.arange(len(samples)) if chosen is None else chosen
    of_condition = jax.tree.map(lambda *leaves: jnp.stack(leaves)[samples[which]], *systems)
    return jax.vmap(lambda sc, T, shift, *own: f(filled_by(sc, shift), T, *own))(
        of_condition, T[which], shifts[which], *batched
    )


def filled_by(sc: Superconductor, shift: Float[Array, ""]) -> Superconductor:
    """A system with a density, whose mu is known to be so much higher [meV]."""
    return replace(sc, density=None).bare.shifted(shift)
