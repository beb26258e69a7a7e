r"""Which measurement would help most. With J the derivatives of all predictions over their errors, exact through the solution,
the covariance after one more datum with derivative g and error sigma is

.. math:: C' = \Bigl( J^T J + \frac{g g^T}{\sigma^2} \Bigr)^{-1} .
"""

from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.data import at_temperature, targets
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.problem import Problem, Row, without_experiments
from jaxgap.fitting.result import FitResult
from jaxgap.model.superconductor import check_static
from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.observables.quantities import MEASURED
from jaxgap.solving.curves import GapCurve

__all__ = ["Measurement", "next_measurement"]

PROPOSED = tuple(name for name, row in MEASURED.items() if row.proposed)
"""Kinds of data that might be measured next."""

LAST = 0.97
"""Share of the branch's last temperature up to which gaps are considered: closer to a fold they change faster with T than any
thermometer allows."""


class Measurement(NamedTuple):
    """One more datum, and what it would do."""

    quantity: str
    T: float | None
    """Temperature [K]."""
    error: float
    """One standard deviation, as assumed for it."""
    uncertainty: float
    """Of the chosen parameter, with it."""


def next_measurement(
    result: FitResult, name: str, *, error_meV: float | None = None, error_K: float | None = None, temperatures: int = 12
) -> tuple[Measurement, ...]:
    """Which further measurement would shrink the uncertainty of a parameter most: gaps of every branch and band at several
    temperatures of the fitted branch, T_c and the branch's end; the most useful first.

    Args:
        result: a fit.
        name: the parameter.
        error_meV, error_K: the error of one more gap, of one more temperature; by default those that the fit assumes.
        temperatures: at how many temperatures gaps are considered.

    Raises:
        InputError: for an unknown parameter or an error that is not positive.
        NotConvergedError: if the branch is not found again at one of the temperatures.

    Example:
        >>> result = jg.fitting.load_result(jg.fitting.example("ba0.6k0.4fe2as2"))
        >>> best = jg.fitting.next_measurement(result, "lambda_13")[0]
        >>> best.quantity, round(best.T, 1), round(best.uncertainty, 4)
        ('branch_minimum[alpha:beta lower]', 34.3, 0.0015)
    """
    check_static(result.samples[0].superconductor, "result")
    names = list(result.config.parameters)
    check(name in names, "name", f"be one of {', '.join(names)}", name)
    gap_error = _assumed(result, "assumed_error_meV") if error_meV is None else error_meV
    T_error = _assumed(result, "assumed_error_K") if error_K is None else error_K
    check(gap_error > 0, "error_meV", "be positive", gap_error)
    check(T_error > 0, "error_K", "be positive", T_error)
    p, near, labels = _candidates(result, temperatures)
    found = nested_at(p, result.value, near)
    if not found.on_branch:
        # Else the derivatives of all gaps would be zero, and every measurement useless.
        raise NotConvergedError("The fitted branch could not be found again at all temperatures at which one might measure.")
    slopes = np.asarray(found.jacobian)[: len(labels)]
    widths = np.asarray(p.upper - p.lower)
    information = (result.jacobian * widths).T @ (result.jacobian * widths)
    rows, k = [], names.index(name)
    for (quantity, T), slope in zip(labels, slopes, strict=True):
        error = T_error if T is None else gap_error
        if np.isfinite(slope).all():
            g = slope * widths / error
            rows.append(Measurement(quantity, T, error, float(widths[k] * _sigma(information + np.outer(g, g), k))))
    return tuple(sorted(rows, key=lambda row: row.uncertainty))


def _assumed(result: FitResult, name: str) -> float:
    """What the fit assumes of numbers without an error, the least if there are several tables of them."""
    assumed = [getattr(table, name) for table in result.config.tables]
    check(bool(assumed), name.removeprefix("assumed_"), "be given: the fit has no table of numbers that assumes one", None)
    return float(min(assumed))


def _sigma(information: np.ndarray, k: int) -> float:
    """Standard deviation of parameter k in units of its width; infinite if the data allow it 100 times that."""
    values, vectors = np.linalg.eigh(information)
    lost = values < 1e-4
    if np.any(np.abs(vectors[k, lost]) > 1e-3):
        return float("inf")
    return float(np.sqrt(np.sum(vectors[k, ~lost] ** 2 / values[~lost])))


def _candidates(result: FitResult, temperatures: int) -> tuple[Problem, np.ndarray, list[tuple[str, float | None]]]:
    """(a problem whose data are the candidates with errors of 1, amplitudes at its conditions, (quantity, T) of each)."""
    rows: list[Row] = []
    labels: list[tuple[str, float | None]] = []
    places: list[tuple[int, float]] = []
    near = []
    for sample, found in enumerate(result.samples):
        sc, curve = found.superconductor, found.curve
        of = f"{found.name}: " if found.name else ""
        chosen = _places(curve, temperatures)
        alone = [kind for kind in PROPOSED if not at_temperature(kind)]
        rows += [Row(((kind, 0),), 0, "", "", sample=sample) for kind in alone]
        labels += [(f"{of}{kind}", None) for kind in alone]
        T, first = np.asarray(curve.T)[chosen].tolist(), len(places)
        for kind in (kind for kind in PROPOSED if at_temperature(kind)):
            for i, target in enumerate(targets(sc).get(kind, ("",))):
                rows += [Row(((kind, i),), first + t, "", "", sample=sample) for t in range(len(T))]
                labels += [(f"{of}{kind}[{target}]" if target else f"{of}{kind}", t) for t in T]
        places += [(sample, t) for t in T]
        near.append(np.asarray(curve.solutions.Delta)[chosen].real)
    p, ones = without_experiments(result.problem), jnp.ones(len(rows))
    prior = jnp.zeros_like(p.lower), jnp.full_like(p.lower, jnp.inf)
    at, of_place = jnp.asarray([t for _, t in places]), tuple(i for i, _ in places)
    p = replace(p, T=at, sample=of_place, value=0 * ones, error=ones, prior=prior, rows=tuple(rows))
    return p, np.concatenate(near), labels


def _places(curve: GapCurve, temperatures: int) -> np.ndarray:
    """Where to measure: evenly spread over the branch, not as densely as its end is sampled."""
    exists = np.flatnonzero(np.asarray(curve.solutions.converged))
    if not len(exists):
        raise InputError("The fit's curve has no point on its branch: there is nothing to measure.")
    T = np.asarray(curve.T)[exists]
    return exists[[int(np.argmin(np.abs(T - t))) for t in np.linspace(T[0], LAST * T[-1], temperatures)]]
