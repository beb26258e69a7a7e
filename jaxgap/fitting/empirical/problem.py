"""An empirical model beside the data of a fit as arrays: what it says for every datum, at which parameters."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import OVER_T_C, Datum
from jaxgap.fitting.empirical.gap import ALPHA_BCS, reduced_gap_squared
from jaxgap.fitting.empirical.models import EMPIRICAL, EmpiricalModel
from jaxgap.fitting.empirical.parameters import (
    check_described,
    condition_name,
    empirical_parameters,
    is_weighed,
    weight_name,
)
from jaxgap.fitting.empirical.values import GAPS, FreeGaps, quantity_of
from jaxgap.fitting.experiments import Numbers, with_values
from jaxgap.fitting.predictions import combined, in_order, measured_at
from jaxgap.fitting.problem import Parameters, Problem, problem, without_experiments
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.types import Scalar
from jaxgap.observables.quantity import Quantity, names_along
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.units import k_B

__all__ = ["EmpiricalProblem", "empirical_predictions", "empirical_problem", "empirical_slopes"]


class EmpiricalProblem(eqx.Module):
    """A fit of free gaps."""

    p: Problem
    """The data and the numbers of experiments; its parameters are those of this model, and its systems stay as they are."""
    model: str = eqx.field(static=True)
    """A name in `EMPIRICAL`."""
    gap_of: tuple[tuple[str, tuple[int, ...]], ...] = eqx.field(static=True)
    """(axis, which gap each of its names has): of branches and bands."""
    samples: tuple[str, ...] = eqx.field(static=True)
    conditions: tuple[str, ...] = eqx.field(static=True)
    """Names of all conditions."""
    experiments: tuple[str, ...] = eqx.field(static=True)
    weights: tuple[tuple[str, str], ...] = eqx.field(static=True)
    """(kind and sample, or experiment; the parameter that is the weight of its first gap)."""
    named: bool = eqx.field(static=True)
    """Whether data tell the gaps apart: those that are of a band or branch."""

    @property
    def spec(self) -> EmpiricalModel:
        """Which model it is."""
        return EMPIRICAL[self.model]


def empirical_problem(
    name: str, config: FitConfig, sc: Superconductor, data: tuple[Datum, ...]
) -> tuple[FitConfig, EmpiricalProblem]:
    """(the configuration with the parameters of the model `name` of [models] in place of its own, its arrays).

    Raises:
        InputError: for data that the model does not describe.
    """
    chosen = config.models[name]
    assert chosen.empirical is not None
    spec, fitted = EMPIRICAL[chosen.empirical], [datum for datum in data if datum.use == "fit"]
    check_described(name, spec, fitted)
    parameters = empirical_parameters(name, spec, config, sc, fitted)
    named = "s++" if len(sc.bands) == 2 else "+" * len(sc.bands)
    own = config.with_branch(named).model_copy(update={"parameters": parameters, "ties": {}, "models": {name: chosen}})
    p = problem(own, own.systems(sc), data)
    e = EmpiricalProblem(
        p=p,
        model=spec.name,
        gap_of=_gaps_by_name(name, spec, chosen.gaps, sc, fitted),
        samples=config.sample_names,
        conditions=tuple(condition_name(config.sample_names[i], float(T)) for i, T in zip(p.sample, p.T, strict=True)),
        experiments=tuple(config.experiments),
        weights=tuple({_weighed(datum): weight_name(datum) for datum in fitted if is_weighed(datum)}.items()),
        named=any(kind in GAPS for datum in fitted for kind in (datum.kind, datum.second[0])),
    )
    return own, e


def _weighed(datum: Datum) -> str:
    return datum.experiment or f"{datum.kind}@{datum.sample}"


def _gaps_by_name(
    name: str, spec: EmpiricalModel, given: Mapping[str, int], sc: Superconductor, fitted: Sequence[Datum]
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Which gap every branch and band has: the only one, the one that is given, or, of two bands, the first one the first, and
    of two branches of a pair the upper one."""
    names = {axis: names_along(sc)[axis] for axis in ("branch", "band")}
    if unknown := [key for key in given if not any(key in part for part in names.values())]:
        raise InputError(f"Model `{name}`: `gaps` has `{unknown[0]}`, which is no band and no branch of the system.")
    default: dict[str, int] = {}
    if len(sc.bands) == 2:
        default = dict(zip(sc.band_names, (1, 2), strict=True))
        default |= {one: 1 if one.endswith(" upper") else 2 for one in names["branch"] if one not in default}
    known = default | dict(given) if spec.gaps == 2 else dict.fromkeys(sum(names.values(), ()), 1)
    for datum in fitted:
        for kind, of in ((datum.kind, datum.of), datum.second):
            if kind in GAPS and of not in known:
                raise InputError(f'Model `{name}`: which of its gaps does `{of}` have? Say `gaps = {{ "{of}" = 1 }}`, or 2.')
    return tuple((axis, tuple(known.get(one, 1) - 1 for one in part)) for axis, part in names.items())


# --- what it says -------------------------------------------------------------------------------------------------------


def empirical_predictions(e: EmpiricalProblem, theta: Parameters) -> Float[Array, "datum"]:
    """What the model says for every fitted datum."""
    return in_order(e.p, _numbers(e, theta), [_curve(e, theta, i) for i in range(len(e.experiments))])


def empirical_slopes(e: EmpiricalProblem, theta: Parameters) -> Float[Array, "datum parameter"]:
    """The derivatives of the predictions: of every experiment with respect to the parameters that it has."""

    def slope(f: Callable[[Parameters], Float[Array, "*shape"]], own: np.ndarray) -> Float[Array, "*shape parameter"]:
        part = jax.jacfwd(lambda t: f(theta.at[own].set(t)))(theta[own])
        return jnp.zeros((*part.shape[:-1], len(theta))).at[..., own].set(part)

    apart = np.array([k for k, ties in enumerate(e.p.number_ties) if not ties], int)
    curves = [slope(partial(_curve, e, i=i), _relevant(e, i)) for i in range(len(e.experiments))]
    return in_order(e.p, slope(partial(_numbers, e), apart), curves)


def _relevant(e: EmpiricalProblem, i: int) -> np.ndarray:
    """The parameters on which the i-th experiment depends."""
    ties, one = e.p.number_ties, e.p.experiments[i]
    ends = {e.conditions[k] for k in one.conditions} | {e.samples[e.p.sample[k]] for k in one.conditions}
    weight = dict(e.weights).get(e.experiments[i])

    def is_own(name: str) -> bool:
        if name.startswith("Delta"):
            return any(name.endswith(end) for end in ends if end.startswith("("))
        return name.startswith(("T_c", "alpha")) and (name.partition("@")[2] in ends)

    return np.array(
        [
            k
            for k, name in enumerate(e.p.names)
            if any(to.experiment == i for to in ties[k]) or (not ties[k] and (name == weight or is_own(name)))
        ],
        int,
    )


def _numbers(e: EmpiricalProblem, theta: Parameters) -> Float[Array, "datum"]:
    """The data that are no points of curves."""
    alone = without_experiments(e.p)
    if not alone.rows:
        return jnp.zeros(0)
    kinds = {kind for row in alone.rows for kind, _ in row.terms} | {"T_c" for row in alone.rows if row.operator == OVER_T_C}
    table = {kind: _of_gaps(e, theta, kind) for kind in sorted(kinds - {"T_c"})}
    if "T_c" in kinds:
        table["T_c"] = _of_samples(e, theta, "T_c")[:, None]
    return combined(alone, table)


def _of_gaps(e: EmpiricalProblem, theta: Parameters, kind: str) -> Float[Array, "chosen value"]:
    """A quantity at the conditions at which it was measured, or of every sample."""
    row = quantity_of(kind)
    if row.of_solution:
        chosen = measured_at(e.p, kind)
        T, places = e.p.T[chosen], np.array(e.p.sample, int)[chosen]
    else:
        chosen, T, places = np.zeros(0, int), jnp.zeros(len(e.samples)), np.arange(len(e.samples))
    weights = _weights(e, theta, [f"{kind}@{e.samples[i]}" for i in places])
    s = _gaps(e, theta, T, places, [e.conditions[i] for i in chosen], weights, (row.dims or ("",))[0])
    return jax.vmap(lambda T, s: jnp.atleast_1d(row(e.p.systems[0], T, s)))(T, s)


def _curve(e: EmpiricalProblem, theta: Parameters, i: int) -> Float[Array, "condition point"]:
    """What the i-th experiment would read at its conditions and points."""
    p, one, name = e.p, e.p.experiments[i], e.experiments[i]
    row, chosen = quantity_of(one.kind), np.array(one.conditions, int)
    places = np.array(p.sample, int)[chosen]
    weights = _weights(e, theta, [name] * len(chosen))
    s = _gaps(e, theta, p.T[chosen], places, [e.conditions[k] for k in chosen], weights, (row.dims or ("",))[0])
    numbers = with_values(p.numbers, p.number_ties, theta)[i]
    return jax.vmap(partial(_read, row, p.systems[places[0]], numbers, one.of))(p.T[chosen], s, p.points[i])


def _read(
    row: Quantity, sc: Superconductor, numbers: Numbers, of: int | None, T: Scalar, s: FreeGaps, x: Float[Array, "point"]
) -> Float[Array, "point"]:
    return jnp.atleast_1d(row.reading(sc, T, s, dict.fromkeys(row.axes, x), numbers, {}, of))


def _gaps(
    e: EmpiricalProblem,
    theta: Parameters,
    T: Float[Array, "condition"],
    places: np.ndarray,
    conditions: Sequence[str],
    weights: Float[Array, "condition gap"],
    axis: str,
) -> FreeGaps:
    """The gaps at some conditions, of the samples at `places`."""
    gaps = range(e.spec.gaps)
    if e.spec.along_T:
        T_c = _of_samples(e, theta, "T_c")[places]
        alpha = jnp.stack([_alpha(e, theta, i) for i in gaps], axis=1)[places]
        Delta = alpha * (k_B * T_c * safe_sqrt(reduced_gap_squared(T / T_c)))[:, None]
    else:
        T_c, alpha = jnp.full(len(T), jnp.nan), jnp.full((len(T), len(gaps)), jnp.nan)
        Delta = jnp.stack([_values(e, theta, [f"{_numbered('Delta', e, i)}{name}" for name in conditions]) for i in gaps], 1)
    own = dict(e.gap_of).get(axis, ())
    return FreeGaps(T / T_c, T_c, alpha, Delta, weights, Delta[:, np.array(own, int)])


def _alpha(e: EmpiricalProblem, theta: Parameters, i: int) -> Float[Array, "sample"]:
    if not e.spec.free:
        return jnp.full(len(e.samples), ALPHA_BCS)
    return _of_samples(e, theta, _numbered("alpha", e, i))


def _numbered(name: str, e: EmpiricalProblem, i: int) -> str:
    return f"{name}_{i + 1}" if e.spec.gaps > 1 else name


def _weights(e: EmpiricalProblem, theta: Parameters, keys: Sequence[str]) -> Float[Array, "condition gap"]:
    """What the gaps count in a quantity, at some conditions."""
    named = dict(e.weights)
    if e.spec.gaps == 1 or not all(key in named for key in keys):
        return jnp.full((len(keys), e.spec.gaps), 1 / e.spec.gaps)
    first = _values(e, theta, [named[key] for key in keys])
    return jnp.stack([first, 1 - first], axis=1)


def _of_samples(e: EmpiricalProblem, theta: Parameters, name: str) -> Float[Array, "sample"]:
    return _values(e, theta, [f"{name}@{sample}" if sample else name for sample in e.samples])


def _values(e: EmpiricalProblem, theta: Parameters, names: Sequence[str]) -> Float[Array, "name"]:
    return theta[np.array([e.p.names.index(name) for name in names], int)]
