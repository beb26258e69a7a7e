r"""What a fit minimises.

.. math:: \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d from the self-consistent solution on the chosen branch, and its gradient by the implicit function theorem. The
branch need not exist at a trial theta. Then the amplitudes are unknowns of their own, and the gap equations count as data,

.. math:: \chi^2(\theta, \Delta) + \sum_T |r(\Delta_T; \theta)|^2 / s^2

which is finite and smooth everywhere: such a theta is an ordinary point of the search, not a NaN. Both are sums of squares,
and both come as residuals with their Jacobians, for least squares.
"""

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
from jaxgap.fitting.data import OVER_T_C, Datum
from jaxgap.fitting.junctions import Junction, Spectrum, Tie, is_junction, measured, tie, with_values
from jaxgap.labels import has_signs
from jaxgap.newton import Root
from jaxgap.observables.conductance import common_nodes
from jaxgap.observables.gaps import branch_minima_of, branch_names, fermi_momentum_gaps_of
from jaxgap.pairing import gap_residual
from jaxgap.spectrum import safe_sqrt
from jaxgap.superconductor import Superconductor
from jaxgap.units import k_B
from jaxgap.unknowns import implicit_amplitudes, newton_amplitudes

__all__ = ["Problem", "problem", "system_at", "predictions", "joint_objective", "joint", "Joint", "nested", "Nested"]

Parameters = Float[Array, "parameter"]
Amplitudes = Float[Array, "temperature channel"]


class Problem(eqx.Module):
    """A fit, as arrays and static structure."""

    sc: Superconductor
    """The system, with the values of everything that is not fitted."""
    lower: Parameters
    upper: Parameters
    T: Float[Array, "temperature"]
    """The different temperatures of the fitted data [K]."""
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
    T: int
    """Index of the temperature (0 where there is none)."""
    operator: str
    limit: str
    point: int = 0
    """Index of the voltage within its spectrum."""


def problem(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], pattern: Float[Array, "band"]) -> Problem:
    """The arrays of a fit: only rows with use = fit enter."""
    fitted = [datum for datum in data if datum.use == "fit"]
    temperatures = sorted({datum.T for datum in fitted if datum.T is not None})
    rows, voltages = _rows(sc, fitted, temperatures)
    names = list(config.junctions)
    parameters = config.parameters.values()
    bounds = np.array([parameter.bounds for parameter in parameters], dtype=float)
    prior = np.array([parameter.prior or (0.0, np.inf) for parameter in parameters], dtype=float)
    return Problem(
        sc=sc,
        lower=jnp.asarray(bounds[:, 0]),
        upper=jnp.asarray(bounds[:, 1]),
        T=jnp.asarray(temperatures, jnp.float64),
        value=jnp.asarray([d.value for d in fitted]),
        error=jnp.asarray([error_of(d, config) for d in fitted]),
        scale=jnp.asarray(config.optimiser.residual_scale_meV),
        names=tuple(config.parameters),
        ties=tuple(tuple(tie for tie in parameter.sets.items() if not is_junction(tie[0])) for parameter in parameters),
        rows=rows,
        loss=config.data.loss,
        pattern=pattern,
        prior=(jnp.asarray(prior[:, 0]), jnp.asarray(prior[:, 1])),
        junctions=tuple(_junction(junction, sc) for junction in config.junctions.values()),
        V=tuple(jnp.asarray(V) for V in voltages.values()),
        spectra=tuple(Spectrum(names.index(of), T, common_nodes(V, temperatures[T])) for (of, T), V in voltages.items()),
        junction_ties=tuple(
            tuple(tie(path, factor, names, sc.band_names) for path, factor in parameter.sets.items() if is_junction(path))
            for parameter in parameters
        ),
    )


def _rows(
    sc: Superconductor, fitted: list[Datum], temperatures: list[float]
) -> tuple[tuple[Row, ...], dict[tuple[str, int], list[float]]]:
    """(what has to be computed for every datum, the voltages [mV] of every spectrum by junction and temperature)."""
    targets = {"branch_minimum": branch_names(sc), "fermi_momentum": sc.band_names}
    voltages: dict[tuple[str, int], list[float]] = {}
    rows = []
    for d in fitted:
        T = temperatures.index(d.T) if d.of and d.T is not None else 0
        if d.V is not None:
            V = voltages.setdefault((d.of, T), [])
            V.append(d.V)
            rows.append(Row((("dIdV", list(voltages).index((d.of, T))),), T, "", d.limit, len(V) - 1))
        else:
            terms = ((d.kind, d.of), d.second) if d.second[0] else ((d.kind, d.of),)
            indices = tuple((kind, targets[kind].index(of) if of else 0) for kind, of in terms)
            rows.append(Row(indices, T, d.operator, d.limit))
    return tuple(rows), voltages


def _junction(config: JunctionConfig, sc: Superconductor) -> Junction:
    weight = [config.weights.get(band, 1.0) for band in sc.band_names]
    return Junction(*(jnp.asarray(part, jnp.float64) for part in (config.Gamma, config.scale, config.slope, weight)))


def error_of(datum: Datum, config: FitConfig) -> float:
    """Its own error, or the one assumed for its unit."""
    if datum.error is not None:
        return datum.error
    return config.data.assumed_error_meV if datum.unit == "meV" else config.data.assumed_error_K


def system_at(p: Problem, theta: Parameters) -> Superconductor:
    """The system with the parameters (and all leaves tied to them) set."""
    return p.sc.set({path: factor * theta[k] for k, ties in enumerate(p.ties) for path, factor in ties})


def predictions(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """What the model says for every fitted datum, from the parameters and the amplitudes at every temperature; NaN for the end
    of the branch, which they do not tell."""
    sc = system_at(p, theta)
    kinds = {kind for row in p.rows for kind, _ in row.terms} | {"T_c" for row in p.rows if row.operator == OVER_T_C}
    table: dict[str, Any] = {"branch_end": jnp.full((1, 1), jnp.nan)}
    if "branch_minimum" in kinds:
        table["branch_minimum"] = jax.vmap(lambda D: branch_minima_of(sc, D))(Delta)
    if "fermi_momentum" in kinds:
        table["fermi_momentum"] = jax.vmap(lambda D: fermi_momentum_gaps_of(sc, D).gap)(Delta)
    if "T_c" in kinds:
        table["T_c"] = jnp.full((1, 1), critical_temperature(sc))
    junctions = with_values(p.junctions, p.junction_ties, theta) if p.spectra else ()
    curves = [
        measured(sc, Delta[s.T], p.T[s.T], V, junctions[s.junction], s.nodes) for s, V in zip(p.spectra, p.V, strict=True)
    ]
    values = []
    for row in p.rows:
        if row.terms[0][0] == "dIdV":
            values.append(curves[row.terms[0][1]][row.point])
            continue
        first, *rest = (table[kind][row.T, i] for kind, i in row.terms)
        if row.operator == OVER_T_C:
            values.append(2 * first / (k_B * table["T_c"][0, 0]))
        elif row.operator:
            values.append(first - rest[0] if row.operator == "-" else first / rest[0])
        else:
            values.append(first)
    return jnp.stack(values)


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


def _stiff(p: Problem, sc: Superconductor, Delta: Amplitudes) -> Float[Array, "temperature channel"]:
    """r / s: the gap equations at all temperatures as data."""
    return jax.vmap(lambda D, T: gap_residual(sc, D, T))(Delta, p.T) / p.scale


def joint_objective(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, ""]:
    """chi^2(theta, Delta) + |r|^2 / s^2: finite whether or not `Delta` solves the gap equations."""
    sc = system_at(p, theta)
    return sum(
        (jnp.sum(part**2) for part in (_searched(p, theta, Delta), _stiff(p, sc, Delta), beforehand(p, theta))), jnp.zeros(())
    )


def _searched(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "datum"]:
    """The residuals of the data in the search, which knows nothing of the end of the branch."""
    known = np.array([row.terms[0][0] != "branch_end" for row in p.rows])
    return jnp.where(known, deviations(p, jnp.where(known, predictions(p, theta, Delta), p.value)), 0.0)


class Joint(NamedTuple):
    """The residuals whose squares add up to `joint_objective`, and their derivatives.

    The derivatives with respect to the amplitudes are sparse: a datum depends on those at its own temperature, the gap
    equations at one temperature on those at it.
    """

    deviations: Float[Array, "datum"]
    """Of the data; then of what is known beforehand."""
    stiff: Float[Array, "temperature channel"]
    deviations_theta: Float[Array, "datum parameter"]
    stiff_theta: Float[Array, "temperature channel parameter"]
    deviations_Delta: Float[Array, "datum channel"]
    stiff_Delta: Float[Array, "temperature channel channel"]


def joint(p: Problem, theta: Parameters, Delta: Amplitudes) -> Joint:
    """The residuals of the search at parameters and amplitudes, with their derivatives with respect to both."""

    def terms(t: Parameters) -> Any:
        sc = system_at(p, t)
        both = jnp.append(_searched(p, t, Delta), beforehand(p, t)), _stiff(p, sc, Delta)
        return both, both

    (d_theta, r_theta), (d, r) = jax.jacfwd(terms, has_aux=True)(theta)
    sc = system_at(p, theta)
    # All temperatures at once: a datum sees only the change at its own.
    d_Delta = jax.jacfwd(lambda shift: _searched(p, theta, Delta + shift))(jnp.zeros(Delta.shape[1]))
    M = jax.vmap(lambda D, T: residual_and_matrix(sc, D, T)[1])(Delta, p.T)
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
    """Whether the solution exists, on the asked-for branch, at every temperature."""


def nested(p: Problem, theta: Parameters, near: Amplitudes) -> Nested:
    """Residuals of the self-consistent solution near the amplitudes `near`, differentiated by the implicit function theorem.

    Where there is none on the branch, they are those of the joint objective at the amplitudes where the search for one ended.
    """
    roots, found = roots_near(p, theta, near)
    ended = jnp.where(jnp.isfinite(roots.x).all(), roots.x, near)
    return nested_at_roots(p, theta, ended, roots.jacobian, found.all())


def roots_near(p: Problem, theta: Parameters, near: Amplitudes, max_steps: int = 30) -> tuple[Root, Bool[Array, "temperature"]]:
    """(where Newton ends from `near` at every temperature, whether that is a solution on the asked-for branch)."""
    roots = jax.vmap(lambda D, T: newton_amplitudes(system_at(p, theta), T, D, max_steps))(near, p.T)
    return roots, roots.converged & jax.vmap(lambda D: has_signs(D, p.pattern))(roots.x)


def nested_at_roots(
    p: Problem,
    theta: Parameters,
    ended: Amplitudes,
    matrices: Float[Array, "temperature channel channel"],
    exists: Bool[Array, ""],
) -> Nested:
    """`nested` where Newton has ended: the amplitudes, dr/dDelta there, and whether all of them are solutions on the branch."""

    def terms(t: Parameters) -> Any:
        sc = system_at(p, t)
        Delta = jax.vmap(lambda D, J, T: implicit_amplitudes(sc, T, D, exists, J))(ended, matrices, p.T)
        # Off the branch the implicit derivative is NaN; the amplitudes are then held fixed.
        Delta = jnp.where(exists, Delta, ended)
        predicted = predictions(p, t, Delta)
        at_end = np.array([row.terms[0][0] == "branch_end" for row in p.rows])
        if at_end.any():
            predicted = jnp.where(at_end, fold_temperature(sc, p.pattern), predicted)
        stiff = jnp.where(exists, 0.0, _stiff(p, sc, ended)).ravel()
        residuals = jnp.concatenate([deviations(p, predicted), beforehand(p, t), stiff])
        return residuals, (residuals, predicted)

    jacobian, (residuals, predicted) = jax.jacfwd(terms, has_aux=True)(theta)
    return Nested(residuals, predicted, jacobian, ended, exists)
