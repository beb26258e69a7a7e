"""A fit as arrays and static structure: what is compared with what, at which parameters, for which system.

Several samples (compositions, pressures) may be fitted together: systems of one kind that share some parameters and not
others. Every sample at every temperature at which it was measured is a condition, with amplitudes of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from jaxgap.continuation.jumps import state_pattern
from jaxgap.fitting.config import FitConfig, JunctionConfig
from jaxgap.fitting.data import Datum, at_temperature, targets
from jaxgap.fitting.expressions import evaluated, names_in
from jaxgap.fitting.junctions import Junction, Spectrum, Tie, is_junction, tie
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.conductance import common_nodes
from jaxgap.solving.labels import sign_pattern

__all__ = ["Problem", "Row", "at_conditions", "error_of", "leaves_at", "problem", "system_at", "systems_at", "thinned"]

Parameters = Float[Array, "parameter"]


class Problem(eqx.Module):
    """A fit, as arrays and static structure."""

    systems: tuple[Superconductor, ...]
    """Every sample's system, with the values of everything that is not fitted."""
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
    ties: tuple[tuple[tuple[str, float], ...], ...] = eqx.field(static=True)
    """For every parameter the (path, factor) of the leaves that it sets."""
    only: tuple[int | None, ...] = eqx.field(static=True)
    """For every parameter the sample whose system it sets; None: all of them."""
    expressions: tuple[tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...], ...] = eqx.field(static=True)
    """For every sample the (path, expression, (name in it, index of the parameter)) of its tied leaves."""
    sample: tuple[int, ...] = eqx.field(static=True)
    """Of every condition."""
    rows: tuple["Row", ...] = eqx.field(static=True)
    loss: str = eqx.field(static=True)
    phases: bool = eqx.field(static=True, default=False)
    """Whether phases count among the unstable directions: g is symmetric."""
    junctions: tuple[Junction, ...] = ()
    """With the values of everything that is not fitted."""
    V: tuple[Float[Array, "voltage"], ...] = ()
    """Voltages of every spectrum [mV]."""
    spectra: tuple[Spectrum, ...] = eqx.field(static=True, default=())
    junction_ties: tuple[tuple[Tie, ...], ...] = eqx.field(static=True, default=())
    """As `ties`, of the junctions."""
    after: Float[Array, "state band"] | None = None
    """Signs of the band amplitudes of the states that the data jump to."""


class Row(NamedTuple):
    """What the model has to compute for a datum."""

    terms: tuple[tuple[str, int], ...]
    """(kind, index of the branch or band) of every term."""
    condition: int
    """Index of sample and temperature (0 where there is none)."""
    operator: str
    limit: str
    point: int = 0
    """Index of the voltage within its spectrum."""
    sample: int = 0


def problem(config: FitConfig, systems: Sequence[Superconductor], data: tuple[Datum, ...]) -> Problem:
    """The arrays of a fit of every sample's system: only rows with use = fit enter."""
    fitted = [datum for datum in data if datum.use == "fit"]
    samples = config.sample_names
    conditions = sorted({(samples.index(datum.sample), datum.T) for datum in fitted if datum.T is not None})
    states = sorted({datum.of for datum in fitted if datum.kind == "jump"})
    rows, voltages = _rows(systems[0], fitted, samples, conditions, states)
    names = list(config.junctions)
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
        ties=tuple(tuple(tie for tie in parameter.sets.items() if not is_junction(tie[0])) for parameter in parameters),
        only=tuple(None if parameter.sample is None else samples.index(parameter.sample) for parameter in parameters),
        expressions=tuple(_expressions(config, sample) for sample in samples),
        sample=tuple(sample for sample, _ in conditions),
        rows=rows,
        loss=config.data.loss,
        pattern=sign_pattern(config.system.branch, len(systems[0].bands)),
        unstable=jnp.asarray(0 if config.system.stability == "stable" else -1),
        prior=(jnp.asarray(prior[:, 0]), jnp.asarray(prior[:, 1])),
        junctions=tuple(_junction(junction, systems[0]) for junction in config.junctions.values()),
        V=tuple(jnp.asarray(V) for V in voltages.values()),
        spectra=tuple(
            Spectrum(names.index(junction), condition, common_nodes(V, conditions[condition][1]))
            for (junction, condition), V in voltages.items()
        ),
        junction_ties=tuple(
            tuple(tie(to, factor, names, systems[0].band_names) for to, factor in parameter.sets.items() if is_junction(to))
            for parameter in parameters
        ),
        after=jnp.stack([state_pattern(state, len(systems[0].bands)) for state in states]) if states else None,
    )
    _check_jumps(p)
    return replace(p, phases=_symmetric(p))


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


def _rows(
    sc: Superconductor,
    fitted: list[Datum],
    samples: tuple[str, ...],
    conditions: list[tuple[int, float]],
    states: list[str],
) -> tuple[tuple[Row, ...], dict[tuple[str, int], list[float]]]:
    """(what to compute for every datum, the voltages of every spectrum by junction and condition)."""
    names = {**targets(sc), "jump": states}
    voltages: dict[tuple[str, int], list[float]] = {}
    rows = []
    for d in fitted:
        sample = samples.index(d.sample)
        condition = conditions.index((sample, d.T)) if at_temperature(d.kind) and d.T is not None else 0
        if d.V is not None:
            V = voltages.setdefault((d.of, condition), [])
            V.append(d.V)
            spectrum = list(voltages).index((d.of, condition))
            rows.append(Row((("dIdV", spectrum),), condition, "", d.limit, len(V) - 1, sample))
        else:
            terms = ((d.kind, d.of), d.second) if d.second[0] else ((d.kind, d.of),)
            indices = tuple((kind, list(names[kind]).index(of) if of else 0) for kind, of in terms)
            rows.append(Row(indices, condition, d.operator, d.limit, sample=sample))
    return tuple(rows), voltages


def thinned(p: Problem, most: int) -> tuple[Problem, np.ndarray]:
    """(the same fit at no more than `most` temperatures of every series, which conditions those are).

    A series are the conditions of one sample at which the same was measured; what stays is spread evenly over it, its ends
    included. Data that belong to no temperature stay.
    """
    measured: dict[int, set[Any]] = {i: set() for i in range(len(p.T))}
    for row in p.rows:
        if is_of_condition(row):
            kinds = tuple(kind if kind == "dIdV" else (kind, i) for kind, i in row.terms)
            measured[row.condition].add((kinds, row.operator, row.limit))
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
    shown = [k for k, s in enumerate(p.spectra) if s.condition in new]
    chosen = [k for k, row in enumerate(p.rows) if not is_of_condition(row) or row.condition in new]

    def moved(row: Row) -> Row:
        terms = tuple((kind, shown.index(i) if kind == "dIdV" else i) for kind, i in row.terms)
        return row._replace(terms=terms, condition=new.get(row.condition, 0) if is_of_condition(row) else 0)

    return replace(
        p,
        T=p.T[kept],
        sample=tuple(p.sample[i] for i in kept),
        value=p.value[np.array(chosen)],
        error=p.error[np.array(chosen)],
        rows=tuple(moved(p.rows[k]) for k in chosen),
        V=tuple(p.V[k] for k in shown),
        spectra=tuple(p.spectra[k]._replace(condition=new[p.spectra[k].condition]) for k in shown),
    )


def is_of_condition(row: Row) -> bool:
    """Whether a datum belongs to a temperature at which it was measured."""
    return at_temperature(row.terms[0][0])


def _junction(config: JunctionConfig, sc: Superconductor) -> Junction:
    weight = [config.weights.get(band, 1.0) for band in sc.band_names]
    return Junction(*(jnp.asarray(part, jnp.float64) for part in (config.Gamma, config.scale, config.slope, weight)))


def error_of(datum: Datum, config: FitConfig) -> float:
    """Its own error, or the one assumed for its unit."""
    if datum.error is not None:
        return datum.error
    return config.data.assumed_error_meV if datum.unit == "meV" else config.data.assumed_error_K


def system_at(p: Problem, theta: Parameters, sample: int = 0) -> Superconductor:
    """A sample's system with the parameters (and all leaves tied to them) set."""
    return p.systems[sample].set(leaves_at(p, theta, sample))


def leaves_at(p: Problem, theta: Parameters, sample: int) -> dict[str, Float[Array, ""]]:
    """Path -> value of the leaves that depend on parameters."""
    own = [k for k, only in enumerate(p.only) if only in (None, sample)]
    simple = {path: factor * theta[k] for k in own for path, factor in p.ties[k]}
    tied = {path: evaluated(text, {name: theta[k] for name, k in names}) for path, text, names in p.expressions[sample]}
    return simple | {path: jnp.asarray(value, jnp.float64) for path, value in tied.items()}


def systems_at(p: Problem, theta: Parameters) -> list[Superconductor]:
    return [system_at(p, theta, sample) for sample in range(len(p.systems))]


def at_conditions(p: Problem, theta: Parameters, f: Callable[..., Any], *batched: Any, chosen: np.ndarray | None = None) -> Any:
    """f(system, T, ...) at every condition, or at those that are `chosen`, with its own row of what is `batched`."""
    systems, T, samples = systems_at(p, theta), p.T, np.array(p.sample, int)
    if chosen is not None and len(chosen) < len(samples):
        T, samples, batched = T[chosen], samples[chosen], jax.tree.map(lambda leaf: leaf[chosen], batched)
    if len(systems) == 1:
        return jax.vmap(lambda T, *own: f(systems[0], T, *own))(T, *batched)
    of_condition = jax.tree.map(lambda *leaves: jnp.stack(leaves)[samples], *systems)
    return jax.vmap(f)(of_condition, T, *batched)
