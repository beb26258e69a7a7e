r"""What a fit minimises.

.. math:: \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d from the self-consistent solution on the chosen branch, and its gradient by the implicit function theorem. The
branch need not exist at a trial theta. Then the amplitudes are unknowns of their own, and the gap equations count as data,

.. math:: \chi^2(\theta, \Delta) + \sum_T |r(\Delta_T; \theta)|^2 / s^2

which is finite and smooth everywhere: such a theta is an ordinary point of the search, not a NaN. Both are sums of squares,
and both come as residuals with their Jacobians, for least squares.

Several samples (compositions, pressures) may be fitted together: systems of one kind that share some parameters and not
others. Every sample at every temperature at which it was measured is a condition, with amplitudes of its own.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.branches import fold_temperature
from jaxgap.critical import critical_temperature
from jaxgap.curvature import residual_and_matrix
from jaxgap.fitting.config import FitConfig, JunctionConfig
from jaxgap.fitting.data import GAPS, OVER_T_C, Datum, gap_names
from jaxgap.fitting.expressions import evaluated, names_in
from jaxgap.fitting.junctions import Junction, Spectrum, Tie, is_junction, measured, tie, with_values
from jaxgap.labels import has_signs, sign_pattern
from jaxgap.newton import Root
from jaxgap.observables.conductance import common_nodes
from jaxgap.observables.gaps import branch_minima_of, fermi_momentum_gaps_of, strongest_peaks_of
from jaxgap.pairing import gap_residual
from jaxgap.spectrum import safe_sqrt
from jaxgap.superconductor import Superconductor
from jaxgap.units import k_B
from jaxgap.unknowns import implicit_amplitudes, newton_amplitudes

__all__ = [
    "Joint",
    "Nested",
    "Problem",
    "at_conditions",
    "joint",
    "joint_objective",
    "leaves_at",
    "nested",
    "predictions",
    "problem",
    "system_at",
    "systems_at",
]

Parameters = Float[Array, "parameter"]
Amplitudes = Float[Array, "condition channel"]


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
    junctions: tuple[Junction, ...] = ()
    """With the values of everything that is not fitted."""
    V: tuple[Float[Array, "voltage"], ...] = ()
    """Voltages of every spectrum [mV]."""
    spectra: tuple[Spectrum, ...] = eqx.field(static=True, default=())
    junction_ties: tuple[tuple[Tie, ...], ...] = eqx.field(static=True, default=())
    """As `ties`, of the junctions."""


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
    rows, voltages = _rows(systems[0], fitted, samples, conditions)
    names = list(config.junctions)
    parameters = config.parameters.values()
    bounds = np.array([parameter.bounds for parameter in parameters], dtype=float)
    prior = np.array([parameter.prior or (0.0, np.inf) for parameter in parameters], dtype=float)
    return Problem(
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
    )


def _expressions(config: FitConfig, sample: str) -> tuple[tuple[str, str, tuple[tuple[str, int], ...]], ...]:
    known, order = config.named(sample), list(config.parameters)
    return tuple(
        (path, text, tuple((name, order.index(known[name])) for name in names_in(text))) for path, text in config.ties.items()
    )


def _rows(
    sc: Superconductor, fitted: list[Datum], samples: tuple[str, ...], conditions: list[tuple[int, float]]
) -> tuple[tuple[Row, ...], dict[tuple[str, int], list[float]]]:
    """(what to compute for every datum, the voltages of every spectrum by junction and condition)."""
    targets = gap_names(sc)
    voltages: dict[tuple[str, int], list[float]] = {}
    rows = []
    for d in fitted:
        sample = samples.index(d.sample)
        condition = conditions.index((sample, d.T)) if d.of and d.T is not None else 0
        if d.V is not None:
            V = voltages.setdefault((d.of, condition), [])
            V.append(d.V)
            spectrum = list(voltages).index((d.of, condition))
            rows.append(Row((("dIdV", spectrum),), condition, "", d.limit, len(V) - 1, sample))
        else:
            terms = ((d.kind, d.of), d.second) if d.second[0] else ((d.kind, d.of),)
            indices = tuple((kind, list(targets[kind]).index(of) if of else 0) for kind, of in terms)
            rows.append(Row(indices, condition, d.operator, d.limit, sample=sample))
    return tuple(rows), voltages


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


def at_conditions(p: Problem, theta: Parameters, f: Callable[..., Any], *batched: Any) -> Any:
    """f(system, T, ...) at every condition, with its own row of what is `batched`."""
    systems = systems_at(p, theta)
    if len(systems) == 1:
        return jax.vmap(lambda T, *own: f(systems[0], T, *own))(p.T, *batched)
    of_condition = jax.tree.map(lambda *leaves: jnp.stack(leaves)[np.array(p.sample, int)], *systems)
    return jax.vmap(f)(of_condition, p.T, *batched)


def predictions(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """What the model says for every fitted datum, from the parameters and the amplitudes at every condition; NaN for the end
    of the branch, which they do not tell."""
    kinds = {kind for row in p.rows for kind, _ in row.terms} | {"T_c" for row in p.rows if row.operator == OVER_T_C}
    table: dict[str, Any] = {"branch_end": jnp.full((len(p.systems), 1), jnp.nan)}
    if "branch_minimum" in kinds:
        table["branch_minimum"] = at_conditions(p, theta, lambda sc, _, D: branch_minima_of(sc, D), Delta)
    if "fermi_momentum" in kinds:
        table["fermi_momentum"] = at_conditions(p, theta, lambda sc, _, D: fermi_momentum_gaps_of(sc, D).gap, Delta)
    if "coherence_peak" in kinds:
        table["coherence_peak"] = at_conditions(p, theta, lambda sc, _, D: strongest_peaks_of(sc, D), Delta)
    if "T_c" in kinds:
        table["T_c"] = jnp.stack([critical_temperature(sc) for sc in systems_at(p, theta)])[:, None]
    curves = _spectra(p, theta, Delta)
    values = []
    for row in p.rows:
        if row.terms[0][0] == "dIdV":
            values.append(curves[row.terms[0][1]][row.point])
            continue
        first, *rest = (table[kind][row.condition if kind in GAPS else row.sample, i] for kind, i in row.terms)
        if row.operator == OVER_T_C:
            values.append(2 * first / (k_B * table["T_c"][row.sample, 0]))
        elif row.operator:
            values.append(first - rest[0] if row.operator == "-" else first / rest[0])
        else:
            values.append(first)
    return jnp.stack(values)


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
    """The residuals of the data in the search, which knows nothing of the end of the branch."""
    known = np.array([row.terms[0][0] != "branch_end" for row in p.rows])
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

    def terms(t: Parameters) -> Any:
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
    """Whether the solution exists, on the asked-for branch, at every condition."""


def nested(p: Problem, theta: Parameters, near: Amplitudes) -> Nested:
    """Residuals of the self-consistent solution near the amplitudes `near`, differentiated by the implicit function theorem.

    Where there is none on the branch, they are those of the joint objective at the amplitudes where the search for one ended.
    """
    roots, found = roots_near(p, theta, near)
    ended = jnp.where(jnp.isfinite(roots.x).all(), roots.x, near)
    return nested_at_roots(p, theta, ended, roots.jacobian, found.all())


def roots_near(p: Problem, theta: Parameters, near: Amplitudes, max_steps: int = 30) -> tuple[Root, Bool[Array, "condition"]]:
    """(where Newton ends from `near` at every condition, whether that is a solution on the asked-for branch)."""
    roots = at_conditions(p, theta, lambda sc, T, D: newton_amplitudes(sc, T, D, max_steps), near)
    return roots, roots.converged & jax.vmap(lambda D: has_signs(D, p.pattern))(roots.x)


def nested_at_roots(
    p: Problem,
    theta: Parameters,
    ended: Amplitudes,
    matrices: Float[Array, "condition channel channel"],
    exists: Bool[Array, ""],
) -> Nested:
    """`nested` where Newton has ended: the amplitudes, dr/dDelta there, and whether all of them are solutions on the branch."""

    def terms(t: Parameters) -> Any:
        Delta = at_conditions(p, t, lambda sc, T, D, J: implicit_amplitudes(sc, T, D, exists, J), ended, matrices)
        # Off the branch the implicit derivative is NaN; the amplitudes are then held fixed.
        Delta = jnp.where(exists, Delta, ended)
        predicted = predictions(p, t, Delta)
        at_end = np.array([row.terms[0][0] == "branch_end" for row in p.rows])
        if at_end.any():
            ends = jnp.stack([fold_temperature(sc, p.pattern) for sc in systems_at(p, t)])
            predicted = jnp.where(at_end, ends[np.array([row.sample for row in p.rows])], predicted)
        stiff = jnp.where(exists, 0.0, _stiff(p, t, ended)).ravel()
        residuals = jnp.concatenate([deviations(p, predicted), beforehand(p, t), stiff])
        return residuals, (residuals, predicted)

    jacobian, (residuals, predicted) = jax.jacfwd(terms, has_aux=True)(theta)
    return Nested(residuals, predicted, jacobian, ended, exists)
