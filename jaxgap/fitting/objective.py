r"""What a fit minimises.

.. math:: \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d from the self-consistent solution on the chosen branch, and its gradient by the implicit function theorem. The
branch need not exist at a trial theta. Then the amplitudes are unknowns of their own, and the gap equations count as data,

.. math:: \chi^2(\theta, \Delta) + \sum_T |r(\Delta_T; \theta)|^2 / s^2

which is finite and smooth everywhere: such a theta is an ordinary point of the search, not a NaN. Both are sums of squares,
and both come as residuals with their Jacobians, for least squares.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.continuation.ends import Begin
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.equations.pairing import gap_residual
from jaxgap.fitting.data import OVER_T_C
from jaxgap.fitting.junctions import measured, with_values
from jaxgap.fitting.problem import Parameters, Problem, Row, at_conditions, systems_at
from jaxgap.fitting.states import Amplitudes, states_near
from jaxgap.model.superconductor import Superconductor
from jaxgap.observables.located import OnBranch
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.solving.state import GivenState
from jaxgap.spectra.pair import safe_sqrt
from jaxgap.units import k_B

__all__ = ["Joint", "Nested", "joint", "joint_objective", "nested", "predictions"]

Residuals = tuple[Float[Array, "..."], Float[Array, "..."]]

LOCATED = tuple(name for name, row in MEASURED.items() if row.needs == Need.BRANCH)
"""Temperatures that equations of their own locate, from the system alone."""
OF_STATE = tuple(name for name, row in MEASURED.items() if row.needs == Need.STATE and not row.axes)
"""What amplitudes at a temperature have: one number, or one per branch or band."""


def predictions(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """What the model says for every fitted datum, from the parameters and the amplitudes at every condition; NaN for what is
    `LOCATED`, which they do not tell.

    Where all amplitudes are exactly zero the state is the normal one, and every gap is 0, in any definition (a branch of
    quasiparticles may have a minimum above zero there: that is a distance between bands). A ratio of such gaps is NaN.
    """
    unknown = jnp.full((len(p.systems), 1 if p.after is None else len(p.after)), jnp.nan)
    table: dict[str, Float[Array, "place value"]] = dict.fromkeys(LOCATED, unknown)
    where = {kind: _where(p, kind) for kind in OF_STATE}
    table |= {kind: _of_states(p, theta, Delta, kind, chosen) for kind, chosen in where.items() if len(chosen)}
    if any(kind == "T_c" for row in p.rows for kind, _ in row.terms) or any(row.operator == OVER_T_C for row in p.rows):
        table["T_c"] = jnp.stack([critical_temperature(sc) for sc in systems_at(p, theta)])[:, None]
    # All numbers in one row, and every datum as (a - b) / c of some of them: a program that does not grow with the data.
    parts = {"0": jnp.zeros(1), "1": jnp.ones(1)} | {kind: part.ravel() for kind, part in table.items()}
    parts |= {f"dIdV {i}": curve for i, curve in enumerate(_spectra(p, theta, Delta))}
    widths = {kind: part.shape[1] for kind, part in table.items()}
    first = dict(zip(parts, np.cumsum([0, *(len(part) for part in parts.values())]).tolist(), strict=False))
    places = (_places(row, first, widths, where) for row in p.rows)
    a, b, c, factor = (jnp.array(column) for column in zip(*places, strict=True))
    numbers = jnp.concatenate(list(parts.values()))
    return factor * (numbers[a] - numbers[b]) / numbers[c]


def _where(p: Problem, kind: str) -> np.ndarray:
    """The conditions at which a quantity of the state was measured."""
    return np.array(sorted({row.condition for row in p.rows if any(kind == one for one, _ in row.terms)}), int)


def _of_states(p: Problem, theta: Parameters, Delta: Amplitudes, kind: str, chosen: np.ndarray) -> Float[Array, "chosen value"]:
    """A quantity at the `chosen` conditions; where all amplitudes are zero, as the normal state has it."""
    quantity = MEASURED[kind]
    found = at_conditions(p, theta, lambda sc, T, D: quantity(sc, T, GivenState(sc, T, D)), Delta, chosen=chosen)
    found = found.reshape(len(chosen), -1)
    normal = ~jnp.any(Delta[chosen] != 0, axis=1, keepdims=True)
    return found if quantity.normal is None else jnp.where(normal, quantity.normal, found)


def _places(
    row: Row, first: dict[str, int], widths: dict[str, int], where: dict[str, np.ndarray]
) -> tuple[int, int, int, float]:
    """Where the numbers a, b and c of a datum factor (a - b) / c are, and the factor."""

    def place(kind: str, i: int) -> int:
        if kind == "dIdV":
            return first[f"dIdV {i}"] + row.point
        at = int(np.searchsorted(where[kind], row.condition)) if kind in where else row.sample
        return first[kind] + widths[kind] * at + i

    a, zero, one = place(*row.terms[0]), first["0"], first["1"]
    if row.operator == OVER_T_C:
        return a, zero, place("T_c", 0), 2 / k_B
    if row.operator == "-":
        return a, place(*row.terms[1]), one, 1.0
    return a, zero, place(*row.terms[1]) if row.operator == "/" else one, 1.0


def _spectra(p: Problem, theta: Parameters, Delta: Amplitudes) -> list[Float[Array, "voltage"]]:
    """Every spectrum at its voltages."""
    if not p.spectra:
        return []
    systems, junctions = systems_at(p, theta), with_values(p.junctions, p.junction_ties, theta)
    return [
        measured(systems[p.sample[s.condition]], Delta[s.condition], p.T[s.condition], V, junctions[s.junction], s.nodes)
        for s, V in zip(p.spectra, p.V, strict=True)
    ]


def deviations(p: Problem, predicted: Float[Array, "datum"]) -> Float[Array, "datum"]:
    r"""The residual of every datum: z = (prediction - measurement) / error, after the loss.

    A limit costs -2 ln of the probability that a reading of the model, scattered by the error, stays within it:

    .. math:: \text{upper limit:} \quad z \to \sqrt{-2 \ln \Phi(-z)}, \qquad \text{lower limit:} \quad
              z \to \sqrt{-2 \ln \Phi(z)}
    """
    z = (predicted - p.value) / p.error
    sign = np.array([{"upper": -1.0, "lower": 1.0, "": 0.0}[row.limit] for row in p.rows])
    z = jnp.where(sign != 0, safe_sqrt(-2 * jax.scipy.special.log_ndtr(sign * z)), z)
    if p.loss == "linear":
        return z
    # sign(z) sqrt(loss), smooth at z = 0.
    z2 = z**2
    small = z2 < 1e-8
    safe = jnp.where(small, 1.0, z2)
    cost = {"soft_l1": lambda s: 2 * (jnp.sqrt(1 + s) - 1), "cauchy": jnp.log1p}[p.loss]
    return z * jnp.where(small, 1.0, jnp.sqrt(cost(safe) / safe))


def beforehand(p: Problem, theta: Parameters) -> Float[Array, "parameter"]:
    """(parameter - value) / standard deviation of what is known beforehand; zero where nothing is."""
    value, error = p.prior
    return (theta - value) / error


def _stiff(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "condition channel"]:
    """r / s: the gap equations at all conditions as data."""
    return at_conditions(p, theta, lambda sc, T, D: gap_residual(sc, D, T), Delta) / p.scale


def joint_objective(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, ""]:
    """chi^2(theta, Delta) + |r|^2 / s^2: finite whether or not `Delta` solves the gap equations."""
    parts = _searched(p, theta, Delta), _stiff(p, theta, Delta), beforehand(p, theta)
    return sum((jnp.sum(part**2) for part in parts), jnp.zeros(()))


def _searched(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """The residuals of the data in the search, which knows nothing of what is `LOCATED`."""
    known = np.array([row.terms[0][0] not in LOCATED for row in p.rows])
    return jnp.where(known, deviations(p, jnp.where(known, predictions(p, theta, Delta), p.value)), 0.0)


class Joint(NamedTuple):
    """The residuals whose squares add up to `joint_objective`, and their derivatives.

    The derivatives with respect to the amplitudes are sparse: a datum depends on those at its own condition, the gap
    equations at one condition on those at it.
    """

    deviations: Float[Array, "datum"]
    """Of the data; then of what is known beforehand."""
    stiff: Float[Array, "condition channel"]
    deviations_theta: Float[Array, "datum parameter"]
    stiff_theta: Float[Array, "condition channel parameter"]
    deviations_Delta: Float[Array, "datum channel"]
    stiff_Delta: Float[Array, "condition channel channel"]


def joint(p: Problem, theta: Parameters, Delta: Amplitudes) -> Joint:
    """The residuals of the search at parameters and amplitudes, with their derivatives with respect to both."""

    def terms(t: Parameters) -> tuple[Residuals, Residuals]:
        both = jnp.append(_searched(p, t, Delta), beforehand(p, t)), _stiff(p, t, Delta)
        return both, both

    (d_theta, r_theta), (d, r) = jax.jacfwd(terms, has_aux=True)(theta)
    # All conditions at once: a datum sees only the change at its own.
    d_Delta = jax.jacfwd(lambda shift: _searched(p, theta, Delta + shift))(jnp.zeros(Delta.shape[1]))
    M = at_conditions(p, theta, lambda sc, T, D: residual_and_matrix(sc, D, T)[1], Delta)
    return Joint(d, r, d_theta, r_theta, d_Delta, M / p.scale)


class Nested(NamedTuple):
    """Residuals at theta with the amplitudes that belong to it."""

    residuals: Float[Array, "residual"]
    """Of every datum; of what is known beforehand; then r / s, zero where the branch exists."""
    predicted: Float[Array, "datum"]
    jacobian: Float[Array, "residual parameter"]
    """Their derivatives, through the implicit derivative."""
    Delta: Amplitudes
    on_branch: Bool[Array, ""]
    """Whether there is a solution that the fit may take (`fitting.states`) at every condition."""
    refused: Bool[Array, ""]
    """Whether there are solutions with the branch's signs at every condition, of which one may not be taken."""


def nested(p: Problem, theta: Parameters, near: Amplitudes) -> Nested:
    """Residuals of the self-consistent solution near the amplitudes `near`, differentiated by the implicit function theorem.

    Where there is none on the branch, they are those of the joint objective at the amplitudes where the search for one ended.
    """
    found = states_near(p, theta, near)
    ended = jnp.where(jnp.isfinite(found.root.x).all(), found.root.x, near)
    at = nested_at_roots(p, theta, ended, found.root.jacobian, found.allowed.all())
    return at._replace(refused=found.solves.all() & ~at.on_branch)


def nested_at_roots(
    p: Problem,
    theta: Parameters,
    ended: Amplitudes,
    matrices: Float[Array, "condition channel channel"],
    exists: Bool[Array, ""],
) -> Nested:
    """`nested` where Newton has ended: the amplitudes, dr/dDelta there, and whether the fit may take all of them."""

    def terms(t: Parameters) -> tuple[Float[Array, "residual"], Residuals]:
        Delta = at_conditions(p, t, lambda sc, T, D, J: implicit_amplitudes(sc, T, D, exists, J), ended, matrices)
        # Off the branch the implicit derivative is NaN; the amplitudes are then held fixed, and in the normal state zero.
        Delta = jnp.where(exists & jnp.any(ended != 0, axis=1, keepdims=True), Delta, ended)
        predicted = _with_located(p, t, predictions(p, t, Delta), ended, exists)
        stiff = jnp.where(exists, 0.0, _stiff(p, t, ended)).ravel()
        residuals = jnp.concatenate([deviations(p, predicted), beforehand(p, t), stiff])
        return residuals, (residuals, predicted)

    jacobian, (residuals, predicted) = jax.jacfwd(terms, has_aux=True)(theta)
    return Nested(residuals, predicted, jacobian, ended, exists, ~exists)


def _with_located(
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
