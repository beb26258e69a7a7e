r"""How sure a fit is of its parameters, of the gaps on its branch and of what it predicts, by exact derivatives.

.. math:: C = (J^T J)^{-1}, \qquad \sigma^2_y = g^T C \, g, \qquad g = \frac{dy}{d\theta}

with J the derivatives of the residuals, and g through the solution by the implicit function theorem. At a fold, where
the branch ends, g diverges: close to it sigma says that the gap is unknown, not by how much.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap._compilation import program
from jaxgap.branches import GapCurve, fold_temperature
from jaxgap.critical import critical_temperature
from jaxgap.curvature import residual_and_matrix
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.objective import Problem, system_at
from jaxgap.observables.gaps import branch_minima_of
from jaxgap.unknowns import implicit_amplitudes

__all__ = ["Prediction", "curvature", "curve_sigma", "end_and_T_c", "gap_slopes", "predict"]


class Prediction(NamedTuple):
    """A number that was predicted, not fitted."""

    name: str
    value: float
    uncertainty: float
    """Propagated from the parameters' covariance; NaN where the derivative does not exist."""
    unit: str


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


def predict(p: Problem, config: FitConfig, theta: Any, covariance: np.ndarray) -> tuple[Prediction, ...]:
    """The temperature at which the branch ends, and T_c, with their propagated uncertainties."""
    names = (f"end of the {config.system.branch} branch", "T_c of the normal state")
    values, gradients = (np.asarray(part) for part in end_and_T_c(p, theta))
    known = np.isfinite(covariance).all()
    variances = [g @ covariance @ g if known else np.inf for g in gradients]
    rows = zip(names, values, variances, strict=True)
    return tuple(Prediction(name, float(value), float(np.sqrt(variance)), "K") for name, value, variance in rows)


@program
def end_and_T_c(p: Problem, theta: Any) -> tuple[Any, Any]:
    """(end of the branch, T_c) [K] and their derivatives with respect to the parameters."""

    def of(theta: Any) -> Any:
        sc = system_at(p, theta)
        T = jnp.stack([fold_temperature(sc, p.pattern), critical_temperature(sc)])
        return T, T

    gradients, values = jax.jacfwd(of, has_aux=True)(theta)
    return values, gradients


def curve_sigma(p: Problem, theta: np.ndarray, curve: GapCurve, covariance: np.ndarray) -> np.ndarray:
    """One standard deviation of the gaps along a branch [meV], [temperature, branch]; NaN where the branch or the derivative
    does not exist, or the data do not determine all parameters."""
    gaps = np.asarray(curve.gaps)
    if not np.isfinite(covariance).all():
        return np.full_like(gaps, np.nan)
    Delta = np.asarray(curve.solutions.Delta).real
    slopes = np.asarray(gap_slopes(p, jnp.asarray(theta), curve.T, jnp.asarray(Delta)))
    variance = np.einsum("tbk,kl,tbl->tb", slopes, covariance, slopes)
    exists = np.isfinite(gaps) & np.asarray(curve.solutions.differentiable)[:, None]
    # C is positive definite up to rounding, which must not make a NaN of a gap that no parameter moves.
    return np.sqrt(np.where(exists, np.maximum(variance, 0.0), np.nan))


@program
def gap_slopes(
    p: Problem, theta: Float[Array, "parameter"], T: Float[Array, "temperature"], Delta: Float[Array, "temperature channel"]
) -> Float[Array, "temperature branch parameter"]:
    """d gap / d theta of solutions `Delta` [meV] at the temperatures `T` [K]; NaN where it does not exist."""
    fixed = system_at(p, theta)

    def at(t: Any, D: Any) -> Any:
        M = residual_and_matrix(fixed, D, t)[1]

        def gaps(theta: Any) -> Any:
            sc = system_at(p, theta)
            return branch_minima_of(sc, implicit_amplitudes(sc, t, D, jnp.isfinite(D).all(), M))

        return jax.jacfwd(gaps)(theta)

    return jax.vmap(at)(T, Delta)
