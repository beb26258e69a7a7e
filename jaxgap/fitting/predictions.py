r"""What the model says for the data of a fit: numbers by themselves, and points of curves (`jaxgap.fitting.readings`).

A number by itself is (a - b) / c of quantities of the registry: a gap, a difference or a ratio of two, 2 Delta / k_B T_c, T_c,
the end of a branch, a response at one temperature.
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.continuation.ends import Begin
from jaxgap.fitting.data import OVER_T_C
from jaxgap.fitting.problem import POINT, Parameters, Problem, Row, at_conditions, systems_at, without_experiments
from jaxgap.fitting.readings import readings
from jaxgap.fitting.states import Amplitudes
from jaxgap.model.superconductor import Superconductor
from jaxgap.observables.located import OnBranch
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need
from jaxgap.solving.given import given_state
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.units import k_B

__all__ = ["LOCATED", "combined", "in_order", "measured_at", "numbers", "predictions", "with_located"]

LOCATED = tuple(name for name, row in MEASURED.items() if row.needs == Need.BRANCH)
"""Temperatures that equations of their own locate, from the system alone."""
OF_STATE = tuple(name for name, row in MEASURED.items() if row.needs >= Need.STATE and not row.axes)
"""What a state at a temperature has, most of them by its amplitudes alone: one number, or one per branch or band."""
OF_SYSTEM = tuple(name for name, row in MEASURED.items() if row.needs == Need.SYSTEM)
"""What the system alone has."""


def predictions(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """What the model says for every fitted datum, from the parameters and the amplitudes at every condition; NaN for what is
    `LOCATED`, which they do not tell."""
    return in_order(p, numbers(without_experiments(p), theta, Delta), readings(p, theta, Delta))


def in_order(
    p: Problem, alone: Float[Array, "number *rest"], curves: list[Float[Array, "_ _ *rest"]]
) -> Float[Array, "datum *rest"]:
    """What is known of numbers by themselves and of curves, [condition, point], in the order of the data."""
    first = np.cumsum([len(alone), *(curve.shape[0] * curve.shape[1] for curve in curves)])
    count, places = 0, []
    for row in p.rows:
        kind, i = row.terms[0]
        if kind == POINT:
            one = p.experiments[i]
            places.append(first[i] + one.points * one.conditions.index(row.condition) + row.point)
        else:
            places.append(count)
            count += 1
    flat = [curve.reshape(-1, *curve.shape[2:]) for curve in curves]
    return jnp.concatenate([alone, *flat])[np.array(places, int)]


def numbers(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """`predictions` of a fit without curves.

    Where all amplitudes are exactly zero the state is the normal one, and every gap is 0, in any definition (a branch of
    quasiparticles may have a minimum above zero there: that is a distance between bands). A ratio of such gaps is NaN.
    """
    unknown = jnp.full((len(p.systems), 1 if p.after is None else len(p.after)), jnp.nan)
    table: dict[str, Float[Array, "place value"]] = dict.fromkeys(LOCATED, unknown)
    where = {kind: measured_at(p, kind) for kind in OF_STATE}
    table |= {kind: _of_states(p, theta, Delta, kind, chosen) for kind, chosen in where.items() if len(chosen)}
    wanted = {kind for row in p.rows for kind, _ in row.terms} | {"T_c" for row in p.rows if row.operator == OVER_T_C}
    for kind in wanted.intersection(OF_SYSTEM):
        table[kind] = jnp.stack([MEASURED[kind](sc, None, None) for sc in systems_at(p, theta)])[:, None]
    return combined(p, table)


def combined(p: Problem, table: Mapping[str, Float[Array, "place value"]]) -> Float[Array, "datum"]:
    """The data of a fit without curves, from the numbers of every kind: at the conditions `measured_at`, or of every sample."""
    if not p.rows:
        return jnp.zeros(0)
    # All numbers in one row, and every datum as (a - b) / c of some of them: a program that does not grow with the data.
    where = {kind: measured_at(p, kind) for kind in OF_STATE}
    parts = {"0": jnp.zeros(1), "1": jnp.ones(1)} | {kind: part.ravel() for kind, part in table.items()}
    widths = {kind: part.shape[1] for kind, part in table.items()}
    first = dict(zip(parts, np.cumsum([0, *(len(part) for part in parts.values())]).tolist(), strict=False))
    places = (_places(row, first, widths, where) for row in p.rows)
    a, b, c, factor = (jnp.array(column) for column in zip(*places, strict=True))
    known = jnp.concatenate(list(parts.values()))
    return factor * (known[a] - known[b]) / known[c]


def measured_at(p: Problem, kind: str) -> np.ndarray:
    """The conditions at which a quantity of the state was measured."""
    return np.array(sorted({row.condition for row in p.rows if any(kind == one for one, _ in row.terms)}), int)


def _of_states(p: Problem, theta: Parameters, Delta: Amplitudes, kind: str, chosen: np.ndarray) -> Float[Array, "chosen value"]:
    """A quantity at the `chosen` conditions; where all amplitudes are zero, as the normal state has it."""
    quantity = MEASURED[kind]
    found = at_conditions(p, theta, lambda sc, T, D: quantity(sc, T, given_state(sc, T, D)), Delta[chosen], chosen=chosen)
    found = found.reshape(len(chosen), -1)
    normal = ~jnp.any(Delta[chosen] != 0, axis=1, keepdims=True)
    return found if quantity.normal is None else jnp.where(normal, quantity.normal, found)


def _places(
    row: Row, first: dict[str, int], widths: dict[str, int], where: dict[str, np.ndarray]
) -> tuple[int, int, int, float]:
    """Where the numbers a, b and c of a datum factor (a - b) / c are, and the factor."""

    def place(kind: str, i: int) -> int:
        at = int(np.searchsorted(where[kind], row.condition)) if kind in where else row.sample
        return first[kind] + widths[kind] * at + i

    a, zero, one = place(*row.terms[0]), first["0"], first["1"]
    if row.operator == OVER_T_C:
        return a, zero, place("T_c", 0), 2 / k_B
    if row.operator == "-":
        return a, place(*row.terms[1]), one, 1.0
    return a, zero, place(*row.terms[1]) if row.operator == "/" else one, 1.0


def with_located(
    p: Problem, theta: Parameters, predicted: Float[Array, "datum"], ended: Amplitudes, exists: Bool[Array, ""]
) -> Float[Array, "datum"]:
    """The predictions, with the temperatures at which branches end and jump."""
    systems = systems_at(p, theta)
    wanted = sorted({(*row.terms[0], row.sample) for row in p.rows if row.terms[0][0] in LOCATED})
    if not wanted:
        return predicted
    found = [_located(p, systems[sample], kind, i, sample, ended, exists) for kind, i, sample in wanted]
    places = [(k, wanted.index((*row.terms[0], row.sample))) for k, row in enumerate(p.rows) if row.terms[0][0] in LOCATED]
    rows, which = np.array(places).T
    return predicted.at[rows].set(jnp.stack(found)[which])


def _located(
    p: Problem, sc: Superconductor, kind: str, state: int, sample: int, ended: Amplitudes, exists: Bool[Array, ""]
) -> Float[Array, ""]:
    after = None if p.after is None else p.after[state]
    on = OnBranch(p.pattern, _begin(p, sc, sample, ended, exists), after)
    return MEASURED[kind](sc, None, on)


def _begin(p: Problem, sc: Superconductor, sample: int, ended: Amplitudes, exists: Bool[Array, ""]) -> Begin | None:
    """The end is that of the fitted state's branch: others may have its signs, too. Without a state it is that of the branch
    which the signs name at T = 0."""
    if sample not in p.sample:
        return None
    lowest = p.sample.index(sample)
    named = starting_amplitudes(sc, p.pattern)
    paired = exists & jnp.any(ended[lowest] != 0)
    return Begin(jnp.where(paired, p.T[lowest], 0.0), jnp.where(paired, ended[lowest], named))
