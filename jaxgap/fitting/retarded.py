r"""Fits of retarded interactions: their states, edges of gaps and T_c, with derivatives with respect to the parameters.

What is measured as a gap is the edge on the real axis,

.. math:: \mathrm{Re} \, \Delta_i(E) = E

not Delta(i omega_0). Delta(E) is continued by the exact formula around Pade approximants (`jaxgap.solving.real_axis`); the edge
is a root of its own, so that its derivative is that of the continuation, exactly:

.. math:: \frac{dE}{d\theta} = \frac{\partial_\theta \mathrm{Re} \, \Delta(E) + \partial_\Delta \mathrm{Re} \, \Delta(E)
          \; d\Delta / d\theta}{1 - \mathrm{Re} \, \Delta'(E)}

Of a disordered state with an instantaneous interaction it is the energy below which the band has no states
(`jaxgap.selfenergy.elastic_edge`). Curves of such states are read off the order parameter (`jaxgap.solving.dressed`), which
moves with the parameters as the gap equations say. Bands that cross channels link, with phonons, have no edges of their own: of
them T_c is fitted, alone, and the phases of their states are not examined.

A state is found from above with the signs of the branch wherever it exists, so that such a fit needs no search for amplitudes:
least squares runs on the self-consistent solution alone, from every start. Beyond T_c the model has no gap. A state counts if
none of its directions is unstable, in amplitude and, where g is symmetric, in phase; whether it is continuous with one at T = 0
is not examined.
"""

from collections.abc import Iterable
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.fitting.config import ANY, GROUND_STATE, FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.predictions import combined, measured_at
from jaxgap.fitting.problem import Parameters, Problem, at_conditions, system_at, systems_at
from jaxgap.fitting.uncertainty import Prediction, leaves
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_clean
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import openly_solved
from jaxgap.numerics.types import AnyArray, PyTree, Scalar
from jaxgap.observables.edges import EDGE, edges_within
from jaxgap.selfenergy.frequencies import coldest
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.curves import GapCurve
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.dressed_response import made_and_entropy
from jaxgap.solving.labels import Label, sign_pattern
from jaxgap.solving.retarded import RetardedSolution, solve_retarded
from jaxgap.solving.solution import Solution, Status

__all__ = [
    "RetardedStates",
    "check_retarded",
    "is_linked",
    "retarded_amplitude_slopes",
    "retarded_counts",
    "retarded_curve",
    "retarded_curve_sigma",
    "retarded_prediction",
    "retarded_states",
]

KINDS = (EDGE.datum, "T_c")
"""Data that a fit of a retarded interaction takes."""
CURVES = (
    "dIdV",
    "heat",
    "heat_over_T",
    "entropy",
    "superfluid",
    "inverse_lambda_squared",
    "penetration_depth",
)
"""Curves that it takes of disorder with an instantaneous interaction."""
CURVE_POINTS, DRESSED_POINTS = 24, 10
"""Temperatures of the curve of a fit, besides those of its data; fewer with impurities, whose states take longer."""


# --- what can be fitted ---------------------------------------------------------------------------------------------------


def check_retarded(config: FitConfig, sc: Superconductor, data: Iterable[Datum]) -> None:
    """Raise `InputError` for what a fit cannot do with a retarded interaction, and for edges of gaps without one."""
    fitted = [datum for datum in data if datum.use != "show" and datum.kind != "-"]
    if not sc.is_retarded:
        if edges := [datum for datum in fitted if EDGE.datum in (datum.kind, datum.second[0])]:
            raise InputError(f"`{edges[0].quantity}` is of a retarded interaction: here gaps are branch_minimum[<branch>].")
        return
    if is_linked(sc) and sc.is_disordered:
        raise InputError(
            "A fit of a retarded interaction with cross channels and disorder is not there: without disorder T_c can be fitted."
        )
    if config.system.branch in (ANY, GROUND_STATE):
        raise InputError(f"`system.branch` of a retarded interaction must be one branch, but is `{config.system.branch}`.")
    if empirical := [name for name, model in config.models.items() if model.empirical]:
        raise InputError(f"Model `{empirical[0]}`: empirical models are not compared with a retarded interaction.")
    if config.optimiser.search == "adam":
        raise InputError('`optimiser.search` = "adam" is of amplitudes: a fit of a retarded interaction has none to search.')
    _check_data(sc, fitted)


def _check_data(sc: Superconductor, fitted: list[Datum]) -> None:
    curves = CURVES if sc.is_dressed else ()
    for datum in fitted:
        kinds = {datum.kind, *([datum.second[0]] if datum.second[0] else [])}
        if not kinds <= set(curves if datum.experiment else ("T_c",) if is_linked(sc) else KINDS):
            what, known = "a retarded interaction", "gap_edge[<band>] and T_c"
            if is_linked(sc):
                what, known = f"{what} and cross channels", "T_c alone, as their bands have no edges of their own"
            if sc.is_dressed:
                what, known = "disorder", f"{known}, and curves of {', '.join(CURVES[:-1])} and {CURVES[-1]}"
            # The file of a curve has no `use`.
            instead = "leave its file out" if datum.experiment else "set its `use` to show"
            raise InputError(f"`{datum.quantity}` cannot be fitted with {what}, whose data are {known}: {instead}.")
        if EDGE.datum in kinds and not sc.is_dressed:
            check_clean(sc)
        if datum.T is not None and datum.kind == EDGE.datum and datum.T <= 0:
            raise InputError(f"`{datum.quantity}` must be at a temperature above 0 K with a retarded interaction.")


def is_linked(sc: Superconductor) -> bool:
    """Whether cross channels link bands whose self-energies depend on frequency: gaps are the diagonal of a matrix, and bands
    have no edges of their own."""
    return sc.is_retarded and not sc.is_dressed and len(sc.channels) > len(sc.band_names)


# --- states and numbers ---------------------------------------------------------------------------------------------------


class RetardedStates(NamedTuple):
    """States at every condition, and the numbers that belong to them."""

    Delta: Float[Array, "condition channel"]
    """At the lowest frequency, with impurities the order parameter; zero in the normal state."""
    Delta_theta: Float[Array, "condition channel parameter"]
    """By the implicit function theorem."""
    numbers: Float[Array, "number"]
    numbers_theta: Float[Array, "number parameter"]
    exists: Bool[Array, ""]
    """Whether there is a state that may be taken at every condition."""


class _One(NamedTuple):
    """What is known at one condition."""

    Delta: Float[Array, "channel"]
    edge: Float[Array, "band"]
    allowed: Bool[Array, ""]


def retarded_states(p: Problem, theta: Parameters) -> RetardedStates:
    """The states with the branch's signs, at parameters where they need not exist."""
    Moved = tuple[Float[Array, "number"], Float[Array, "condition channel"]]

    def terms(t: Parameters) -> tuple[Moved, tuple[Float[Array, "number"], _One]]:
        found = at_conditions(p, t, lambda sc, T: _state(p, sc, T))
        table = {EDGE.datum: found.edge[measured_at(p, EDGE.datum)]}
        table["T_c"] = jnp.stack([critical_temperature(sc) for sc in systems_at(p, t)])[:, None]
        numbers = combined(p, table)
        return (numbers, found.Delta), (numbers, found)

    (slope, Delta_theta), (numbers, found) = jax.jacfwd(terms, has_aux=True)(theta)
    exists = found.allowed.all() & jnp.isfinite(numbers).all()
    return RetardedStates(found.Delta, Delta_theta, numbers, slope, exists)


def _state(p: Problem, sc: Superconductor, T: Scalar) -> _One:
    s = _solved(sc, T, p.pattern)
    normal = _is_normal(s)
    unstable = jnp.maximum(s.unstable_amplitude, s.unstable_phase if p.phases else 0)
    allowed = normal | ((s.status == Status.CONVERGED) & ((p.unstable < 0) | (unstable == p.unstable)))
    Delta = _amplitudes(s)
    # Compilation is most of a short fit's time.
    edge = _edges(s) if len(measured_at(p, EDGE.datum)) else jnp.full(len(sc.band_names), jnp.nan)
    return _One(jnp.where(normal, 0.0, Delta), jnp.where(normal, 0.0, edge), allowed)


def _solved(sc: Superconductor, T: Scalar, pattern: Float[Array, "band"]) -> RetardedSolution:
    return solve_retarded(cast(RetardedSuperconductor, sc), T, None, pattern, throw=False)


def _is_normal(s: RetardedSolution) -> Bool[Array, ""]:
    """Whether it has come to the normal state, where that is the stable one."""
    return (s.status == Status.TRIVIAL) & (s.rho < 1)


def _amplitudes(s: RetardedSolution) -> Float[Array, "channel"]:
    """What experiments see of a state (`solving.given`), or, where they see a self-energy, what is reported of it [meV]."""
    return s.pairing if s.superconductor.is_dressed else s.Delta.real


def _edges(s: RetardedSolution) -> Float[Array, "band"]:
    """Edges of gaps [meV]; NaN where there are none."""
    sc = s.superconductor
    return edges_within(s) if _has_edges(sc) else jnp.full(len(sc.band_names), jnp.nan)


def _has_edges(sc: Superconductor) -> bool:
    """Not of impurities with a retarded interaction, whose spectra are not continued, nor of bands that cross channels link."""
    return sc.is_dressed or not (sc.is_disordered or is_linked(sc))


def retarded_counts(p: Problem, theta: np.ndarray) -> tuple[int, int]:
    """(whether a state has an unstable direction in amplitude, and in phase), over all conditions."""
    if not len(p.T):
        return 0, 0
    amplitude, phase = _counts(p, theta)
    return int(np.max(amplitude)), int(np.max(phase))


@program
def _counts(p: Problem, theta: Float[AnyArray, "parameter"]) -> tuple[Int[Array, "condition"], Int[Array, "condition"]]:
    def one(sc: Superconductor, T: Scalar) -> tuple[Int[Array, ""], Int[Array, ""]]:
        s = _solved(sc, T, p.pattern)
        return jnp.where(_is_normal(s), 0, s.unstable_amplitude), jnp.where(_is_normal(s), 0, s.unstable_phase)

    return at_conditions(p, jnp.asarray(theta), one)


# --- the curve ------------------------------------------------------------------------------------------------------------


def retarded_curve(sc: Superconductor, T: Iterable[float], T_c: float, branch: str) -> GapCurve:
    """Edges of gaps along a branch, from the coldest temperature that its frequencies resolve, at those of the data, and up to
    T_c; without self-energies, which nothing draws."""
    assert isinstance(sc, RetardedSuperconductor)
    lowest = float(coldest(sc)) * (1 + 1e-9)
    high = max(T_c, *T, lowest * 1.1) if np.isfinite(T_c) else max(*T, lowest * 2)
    n = DRESSED_POINTS if sc.is_dressed else CURVE_POINTS
    grid = np.concatenate([np.linspace(max(lowest, 0.02 * high), 0.9 * high, n // 2), _near(high, n - n // 2)])
    places = np.unique(np.concatenate([grid, np.asarray(list(T), float)]))
    return _curve(sc, jnp.asarray(places), sign_pattern(branch, sc.signed))


def _near(T_c: float, n: int) -> np.ndarray:
    """Denser towards T_c, where gaps go with the root of the distance."""
    return np.append(T_c * (1 - np.geomspace(0.08, 2e-3, n)), 1.03 * T_c)


@program
def _curve(sc: Superconductor, T: Float[Array, "temperature"], pattern: Float[Array, "band"]) -> GapCurve:
    def at(t: Scalar) -> tuple[Solution, Float[Array, "band"], Bool[Array, ""]]:
        s = _solved(sc, t, pattern)
        exists = s.status == Status.CONVERGED
        edges = jnp.where(exists, _drawn(s), jnp.nan)
        # -1: not examined, and drawn as what is not known to be unstable.
        return _amplitudes_of(s, exists), edges, exists & (s.unstable_amplitude <= 0) & (s.unstable_phase <= 0)

    return GapCurve(*jax.lax.map(at, T))


def _amplitudes_of(s: RetardedSolution, exists: Bool[Array, ""]) -> Solution:
    """What a curve keeps of a state."""
    fields = {name: getattr(s, name) for name in Solution.__dataclass_fields__}
    status = jnp.where(exists, s.status, jnp.where(s.status == Status.TRIVIAL, int(Status.LEFT_BRANCH), s.status))
    label = jnp.where(exists, s.label, int(Label.NOTHING))
    Delta = jnp.where(exists, _amplitudes(s), jnp.nan).astype(complex)
    return Solution(**fields | {"status": status, "label": label, "Delta": Delta})


def _drawn(s: RetardedSolution) -> Float[Array, "band"]:
    """What the picture has for gaps [meV]: edges, or, where there are none, the size of the order parameter, of cross-paired
    bands of Delta at the lowest frequency."""
    sc = s.superconductor
    if _has_edges(sc):
        return _edges(s)
    return jnp.abs((s.pairing if sc.is_disordered else s.Delta.real)[: len(sc.band_names)])


def retarded_curve_sigma(p: Problem, theta: np.ndarray, curve: GapCurve, covariance: np.ndarray, sample: int) -> np.ndarray:
    """One standard deviation of what is drawn of a curve [meV], [temperature, band]."""
    gaps = np.asarray(curve.gaps)
    if not np.isfinite(covariance).all():
        return np.full_like(gaps, np.nan)
    if p.systems[0].is_dressed:
        slopes = _dressed_slopes_of(p, theta, curve, sample, edges=True)[:, curve.solutions.Delta.shape[1] :]
    else:
        slopes = np.asarray(_slopes(p, jnp.asarray(theta), curve.T, sample))
    variance = np.einsum("tbk,kl,tbl->tb", slopes, covariance, slopes)
    return np.sqrt(np.where(np.isfinite(gaps), np.maximum(variance, 0.0), np.nan))


@program
def _slopes(
    p: Problem, theta: Parameters, T: Float[Array, "temperature"], sample: int
) -> Float[Array, "temperature band parameter"]:
    def drawn(t: Parameters, at: Scalar) -> Float[Array, "band"]:
        s = _solved(systems_at(p, t)[sample], at, p.pattern)
        return _edges(s) if s.superconductor.is_disordered else _drawn(s)

    return jax.lax.map(lambda at: jax.jacfwd(drawn)(theta, at), T)


def retarded_amplitude_slopes(
    p: Problem, theta: np.ndarray, curve: GapCurve, sample: int
) -> Float[np.ndarray, "temperature channel parameter"]:
    """d (order parameter) / d theta along the branch of a sample with impurities."""
    return _dressed_slopes_of(p, theta, curve, sample, edges=False)


def _dressed_slopes_of(
    p: Problem, theta: np.ndarray, curve: GapCurve, sample: int, edges: bool
) -> Float[np.ndarray, "temperature channel_and_band parameter"]:
    """The same, and of `edges` behind them."""
    paths, factors = leaves(p, theta, sample)
    sc = cast(RetardedSuperconductor, system_at(p, jnp.asarray(theta), sample))
    found: np.ndarray = np.asarray(_dressed_slopes(sc, paths, curve.T, curve.solutions.Delta.real, edges)) @ factors
    return found


@program
def _dressed_slopes(
    sc: RetardedSuperconductor,
    paths: tuple[str, ...],
    T: Float[Array, "temperature"],
    Delta: Float[Array, "temperature channel"],
    edges: bool,
) -> Float[Array, "temperature channel_and_band leaf"]:
    """By the gap equations of the order parameter alone; NaN where there is none."""

    def at(both: tuple[Scalar, Float[Array, "channel"]]) -> Float[Array, "channel_and_band leaf"]:
        t, D = both

        def made(D: Float[Array, "channel"], values: Float[Array, "leaf"]) -> Float[Array, "channel_and_band"]:
            changed = cast(RetardedSuperconductor, sc.set(dict(zip(paths, values, strict=True))))
            order = made_and_entropy(changed, D, t)[0]
            return jnp.append(order, DressedState(changed, t, D).edges()) if edges else order

        values, n = jnp.stack([sc.get(path) for path in paths]) if paths else jnp.zeros(0), len(D)
        by_D, by_leaf = jax.jacfwd(made, (0, 1))(D, values)
        slopes = openly_solved(jnp.eye(n) - by_D[:n], by_leaf[:n])
        return jnp.concatenate([slopes, by_leaf[n:] + by_D[n:] @ slopes])

    return jax.lax.map(at, (T, Delta))


# --- predictions ----------------------------------------------------------------------------------------------------------


def retarded_prediction(
    p: Problem, config: FitConfig, theta: np.ndarray, covariance: np.ndarray, sample: int
) -> tuple[Prediction, Prediction]:
    """(the end of the branch, T_c) [K]. The end is T_c where the branch has the signs of the state that begins there; of
    others it is not examined, NaN."""
    of = f" of {config.sample_names[sample]}" if config.samples else ""
    paths, factors = leaves(p, theta, sample)
    found = _transition(system_at(p, jnp.asarray(theta), sample), paths, p.pattern)
    value, slope, own = (np.asarray(part) for part in found)
    slope = slope @ factors
    sigma = float(np.sqrt(slope @ covariance @ slope)) if np.isfinite(covariance).all() else float("inf")
    end, end_sigma = (float(value), sigma) if own else (float("nan"), float("nan"))
    branch = config.system.branch
    return (
        Prediction(f"end of the {branch} branch{of}", end, end_sigma, "K"),
        Prediction(f"T_c of the normal state{of}", float(value), sigma, "K"),
    )


@program
def _transition(sc: Superconductor, paths: tuple[str, ...], pattern: Float[Array, "band"]) -> PyTree:
    """(T_c, its derivatives with respect to leaves, whether the branch begins there)."""

    def T_c(values: Float[Array, "leaf"]) -> tuple[Scalar, Scalar]:
        value = critical_temperature(sc.set(dict(zip(paths, values, strict=True))))
        return value, value

    slope, value = jax.jacfwd(T_c, has_aux=True)(jnp.stack([sc.get(path) for path in paths]) if paths else jnp.zeros(0))
    near = _solved(sc, 0.98 * value, pattern)
    return value, slope, near.status == Status.CONVERGED
