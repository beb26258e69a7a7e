r"""How sure a fit is of its parameters, of the gaps on its branch and of what it predicts, by exact derivatives.

.. math:: C = (J^T J)^{-1}, \qquad \sigma^2_y = g^T C \, g, \qquad g = \frac{dy}{d\theta}

with J the derivatives of the residuals, and g through the solution by the implicit function theorem. At a fold, where
the branch ends, g diverges: close to it sigma says that the gap is unknown, not by how much. g is taken with respect to the
leaves of a sample's system, and from there to the parameters: one program serves all samples.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.continuation.ends import Begin, end_temperature
from jaxgap.equations.gap_equations import residual_and_matrix
from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.normal import paired
from jaxgap.fitting.problem import Problem, leaves_at, system_at
from jaxgap.model.records import Number
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray, Scalar
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.curves import GapCurve
from jaxgap.solving.filling import beside
from jaxgap.spectra.minima import branch_minima_of

__all__ = [
    "Prediction",
    "amplitude_slopes",
    "curvature",
    "curve_sigma",
    "end_and_T_c",
    "gap_slopes",
    "leaves",
    "mu_slopes",
    "mus_of",
    "predict",
    "state_of",
]


class Prediction(NamedTuple):
    """A number that was predicted, not fitted."""

    name: str
    """What is predicted."""
    value: float
    """At the optimum."""
    uncertainty: Number
    """Propagated from the parameters' covariance; NaN where the derivative does not exist."""
    unit: str
    """Of both."""


def curvature(p: Problem, J: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(covariance, undetermined directions) from the Jacobian of the deviations; infinite where nothing is determined."""
    width = np.asarray(p.upper - p.lower)
    _, s, V = np.linalg.svd(J * width, full_matrices=True)
    s = np.concatenate([s, np.zeros(len(V) - len(s))])
    # A direction is undetermined if the data allow it to move by more than 100 times the bounds.
    free = s < 0.01
    inverse = V.T @ np.diag(1 / np.where(free, np.inf, s) ** 2) @ V
    covariance = inverse * np.outer(width, width)
    lost = np.any(np.abs(V[free]) > 1e-3, axis=0) if free.any() else np.zeros(len(width), bool)
    covariance[np.diag_indices(len(width))] = np.where(lost, np.inf, np.diag(covariance))
    return covariance, V[free]


def leaves(p: Problem, theta: Float[AnyArray, "parameter"], sample: int) -> tuple[tuple[str, ...], np.ndarray]:
    """(paths of a sample's leaves that depend on parameters, their derivatives with respect to all parameters)."""
    slopes = jax.jacfwd(lambda t: leaves_at(p, t, sample))(jnp.asarray(theta))
    return tuple(slopes), np.stack([np.asarray(slope) for slope in slopes.values()]) if slopes else np.zeros((0, len(theta)))


def predict(
    p: Problem,
    config: FitConfig,
    theta: Float[AnyArray, "parameter"],
    covariance: np.ndarray,
    Delta: np.ndarray,
    sample: int,
) -> tuple[Prediction, ...]:
    """The temperature at which the branch of a sample's state `Delta` [condition, channel] ends, and T_c, with their propagated
    uncertainties."""
    of = f" of {config.sample_names[sample]}" if config.samples else ""
    names = (f"end of the {config.system.branch} branch{of}", f"T_c of the normal state{of}")
    paths, factors = leaves(p, theta, sample)
    values, slopes = (
        np.asarray(part)
        for part in end_and_T_c(system_at(p, jnp.asarray(theta), sample), p.pattern, paths, state_of(p, Delta, sample))
    )
    known = np.isfinite(covariance).all()
    variances = [g @ covariance @ g if known else np.inf for g in slopes @ factors]
    rows = zip(names, values, variances, strict=True)
    return tuple(Prediction(name, float(value), float(np.sqrt(variance)), "K") for name, value, variance in rows)


def state_of(p: Problem, Delta: np.ndarray, sample: int) -> Begin | None:
    """The state of a sample at its lowest temperature; None if it was measured at none, or is normal there."""
    lowest = p.sample.index(sample) if sample in p.sample else None
    if lowest is None or not paired(Delta)[lowest]:
        return None
    return Begin(p.T[lowest], jnp.asarray(Delta[lowest])[None])


@program
def end_and_T_c(
    sc: Superconductor, pattern: Float[Array, "band"], paths: tuple[str, ...], begin: Begin | None
) -> tuple[Float[Array, "2"], Float[Array, "2 leaf"]]:
    """(end of the branch, T_c) [K] and their derivatives with respect to the leaves at `paths`."""

    def of(values: Float[Array, "leaf"]) -> tuple[Float[Array, "2"], Float[Array, "2"]]:
        changed = sc.set(dict(zip(paths, values, strict=True)))
        T_c = critical_temperature(changed)
        # The branch whose electrons are counted is the one connected to T_c.
        T = jnp.stack([end_temperature(changed, pattern, begin) if changed.density is None else T_c, T_c])
        return T, T

    gradients, values = jax.jacfwd(of, has_aux=True)(_values(sc, paths))
    return values, gradients


def curve_sigma(p: Problem, theta: np.ndarray, curve: GapCurve, covariance: np.ndarray, sample: int = 0) -> np.ndarray:
    """One standard deviation of the gaps along a sample's branch [meV], [temperature, branch]; NaN where the branch or the
    derivative does not exist, or the data do not determine all parameters."""
    gaps = np.asarray(curve.gaps)
    if not np.isfinite(covariance).all():
        return np.full_like(gaps, np.nan)
    Delta = np.asarray(curve.solutions.Delta).real
    paths, factors = leaves(p, theta, sample)
    of = system_at(p, jnp.asarray(theta), sample), paths, curve.T, jnp.asarray(Delta), mus_of(curve)
    slopes = np.asarray(gap_slopes(*of)) @ factors
    variance = np.einsum("tbk,kl,tbl->tb", slopes, covariance, slopes)
    exists = np.isfinite(gaps) & np.asarray(curve.solutions.differentiable)[:, None]
    # C is positive definite up to rounding, which must not make a NaN of a gap that no parameter moves.
    return np.sqrt(np.where(exists, np.maximum(variance, 0.0), np.nan))


@program
def gap_slopes(
    sc: Superconductor,
    paths: tuple[str, ...],
    T: Float[Array, "temperature"],
    Delta: Float[Array, "temperature channel"],
    mu: Float[Array, "temperature"],
) -> Float[Array, "temperature branch leaf"]:
    """d gap / d leaf of solutions `Delta` [meV] at the temperatures `T` [K]; NaN where it does not exist."""
    return _along_branch(branch_minima_of, sc, paths, T, Delta, mu)


@program
def amplitude_slopes(
    sc: Superconductor,
    paths: tuple[str, ...],
    T: Float[Array, "temperature"],
    Delta: Float[Array, "temperature channel"],
    mu: Float[Array, "temperature"],
) -> Float[Array, "temperature channel leaf"]:
    """d Delta / d leaf of the same."""
    return _along_branch(lambda _, D: D, sc, paths, T, Delta, mu)


@program
def mu_slopes(
    sc: Superconductor,
    paths: tuple[str, ...],
    T: Float[Array, "temperature"],
    Delta: Float[Array, "temperature channel"],
    mu: Float[Array, "temperature"],
) -> Float[Array, "temperature 1 leaf"]:
    """d mu / d leaf of the same at a fixed density."""
    return _along_branch(lambda here, _: here.mus[:1], sc, paths, T, Delta, mu)


def _along_branch(
    seen: Callable[[Superconductor, Float[Array, "channel"]], Float[Array, "value"]],
    sc: Superconductor,
    paths: tuple[str, ...],
    T: Float[Array, "temperature"],
    Delta: Float[Array, "temperature channel"],
    mu: Float[Array, "temperature"],
) -> Float[Array, "temperature value leaf"]:
    """d seen(system, Delta) / d leaf, the amplitudes solving the gap equations; at a density mu is the first band's."""

    def at(t: Scalar, D: Float[Array, "channel"], mu: Scalar) -> Float[Array, "value leaf"]:
        exists = jnp.isfinite(D).all()
        M = residual_and_matrix(beside(sc, t, D, mu, exists), D, t)[1]

        def value(values: Float[Array, "leaf"]) -> Float[Array, "value"]:
            changed = beside(sc.set(dict(zip(paths, values, strict=True))), t, D, mu, exists)
            return seen(changed, implicit_amplitudes(changed, t, D, exists, M))

        return jax.jacfwd(value)(_values(sc, paths))

    return jax.vmap(at)(T, Delta, mu)


def mus_of(curve: GapCurve) -> Float[Array, "temperature"]:
    """The first mu at every temperature of a curve [meV]."""
    return jax.vmap(lambda sc: sc.mus[0])(curve.solutions.superconductor)


def _values(sc: Superconductor, paths: tuple[str, ...]) -> Float[Array, "leaf"]:
    return jnp.stack([sc.get(path) for path in paths]) if paths else jnp.zeros(0)
