r"""The posterior density of a fit, in coordinates without bounds.

.. math:: p(\theta) \propto e^{-\chi^2(\theta) / 2}, \qquad \theta_k \text{ uniform between its bounds } a_k < b_k

and zero where there is no state that the fit may take (`jaxgap.fitting.states`). With the share of the bounds as a logistic
function, theta = a + (b - a) s(u), and its Jacobian, samplers see a potential on all of R^n,

.. math:: U(u) = \frac{\chi^2}{2} - \sum_k \ln s(u_k) \, s(-u_k), \qquad
          \frac{\partial U}{\partial u} = \frac{\partial \theta}{\partial u} J^T r - \bigl( 1 - 2 s(u) \bigr)

with the residuals r (data after the loss, limits, what is known beforehand) and their Jacobian J through the implicit
derivative, as in the fit. Where the branch does not exist U is infinite and its gradient zero: a finite number that no
sampler uses, since it rejects such a point.

The gap equations may have several states at theta. U is that of one sheet of solutions, the one that continues the state of the
optimum with as many unstable directions: Newton starts at the amplitudes that the optimum's derivatives predict; where that
fails, at the optimum's own. Both depend on theta alone, and so does U.
"""

from dataclasses import replace
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gauge import implicit_amplitudes
from jaxgap.fitting.filling import filled_at
from jaxgap.fitting.objective import nested_at_roots
from jaxgap.fitting.problem import Parameters, Problem, at_conditions
from jaxgap.fitting.states import Amplitudes, states_near
from jaxgap.numerics.newton import Root
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray

__all__ = ["Density", "Evaluated", "density", "evaluated", "laplace", "potential", "share_of", "theta_of"]

INSIDE = 0.01
"""An optimum closer to a bound than this share of the range is taken to be there when a Gaussian is put on it."""


NEWTON_STEPS = 20
"""From either start. Convergence takes 3 to 8; where there is no branch, all of them are the price of finding that out."""


class Density(eqx.Module):
    """A fit's posterior: its problem, and from where Newton starts."""

    p: Problem
    theta: Parameters
    """The optimum."""
    Delta: Amplitudes
    """Its amplitudes [meV]."""
    slope: Float[Array, "condition channel parameter"]
    """Their derivatives with respect to the parameters; zero where there are none."""


class Evaluated(NamedTuple):
    """The potential at a point, and what it is made of."""

    potential: Float[Array, ""]
    """U up to a constant; infinite where the branch does not exist."""
    gradient: Float[Array, "parameter"]
    """dU/du; zero where the branch does not exist."""
    deviations: Float[Array, "datum"]
    """Of every datum in standard deviations, after the loss."""
    chi2: Float[Array, ""]
    exists: Bool[Array, ""]
    """Whether the branch exists, and is differentiable, at every condition of the data."""


def density(p: Problem, theta: Float[AnyArray, "parameter"], Delta: Float[AnyArray, "condition channel"]) -> Density:
    """The posterior around the optimum `theta` with the amplitudes `Delta` [meV] at the conditions of the data."""
    slope = np.asarray(_slope(p, jnp.asarray(theta), jnp.asarray(Delta)))
    slope = np.where(np.isfinite(slope).all(), slope, 0.0)
    return Density(p, jnp.asarray(theta), jnp.asarray(Delta), jnp.asarray(slope))


@program
def _slope(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, "condition channel parameter"]:
    """dDelta/dtheta of the solution near `Delta`; NaN where there is none."""
    p = filled_at(p, theta)
    found = states_near(p, theta, Delta)

    def amplitudes(t: Parameters) -> Amplitudes:
        solve = lambda sc, T, D, M, good: implicit_amplitudes(sc, T, D, good, M)  # noqa: E731
        return at_conditions(p, t, solve, found.root.x, found.root.jacobian, found.allowed)

    return jax.jacfwd(amplitudes)(theta)


def theta_of(p: Problem, u: Float[Array, "*batch parameter"]) -> Float[Array, "*batch parameter"]:
    """The parameters at the coordinates u."""
    return p.lower + (p.upper - p.lower) * jax.nn.sigmoid(u)


def share_of(p: Problem, theta: Parameters) -> Float[Array, "parameter"]:
    """The share of the bounds at which the parameters are, kept off the bounds themselves."""
    return jnp.clip((theta - p.lower) / (p.upper - p.lower), INSIDE, 1 - INSIDE)


def potential(d: Density, u: Float[Array, "parameter"]) -> Float[Array, ""]:
    """U(u) with its exact gradient as first derivative."""
    fixed = jax.lax.stop_gradient(u)
    at = evaluated(d, fixed)
    # The gradient is known with the value: nothing that found it (Newton, Jacobians) is differentiated again.
    return at.potential + at.gradient @ (u - fixed)


def evaluated(d: Density, u: Float[Array, "parameter"]) -> Evaluated:
    """U(u), its gradient and the deviations of the data."""
    theta = theta_of(d.p, u)
    d = replace(d, p=filled_at(d.p, theta))
    p = d.p
    roots, found = _roots(d, theta)
    ended = jnp.where(found[:, None], roots.x, d.Delta)
    at = nested_at_roots(p, theta, ended, roots.jacobian, found.all())
    rows = len(p.rows) + len(p.names)
    r, J, on_branch = (jnp.asarray(part) for part in (at.residuals[:rows], at.jacobian[:rows], at.on_branch))
    share, chi2 = jax.nn.sigmoid(u), r @ r
    U = chi2 / 2 - jnp.sum(jax.nn.log_sigmoid(u) + jax.nn.log_sigmoid(-u))
    dU = (r @ J) * (p.upper - p.lower) * share * (1 - share) - (1 - 2 * share)
    # A branch that is about to end has no derivative any more (`jaxgap.numerics.implicit.SINGULAR`).
    exists = on_branch & jnp.isfinite(U) & jnp.isfinite(dU).all()
    return Evaluated(
        jnp.where(exists, U, jnp.inf), jnp.where(exists, dU, 0.0), r[: len(p.rows)], jnp.where(exists, chi2, jnp.inf), exists
    )


Attempt = tuple[Int[Array, ""], Root, Bool[Array, "condition"]]
"""Number, what Newton has found, where it is a state."""


def _roots(d: Density, theta: Parameters) -> tuple[Root, Bool[Array, "condition"]]:
    """Newton from the predicted amplitudes, and where that fails from the optimum's own."""
    starts = jnp.stack([d.Delta + d.slope @ (theta - d.theta), d.Delta])

    def going(state: Attempt) -> Bool[Array, ""]:
        return (state[0] < len(starts)) & ~state[2].all()

    def attempt(state: Attempt) -> Attempt:
        i, kept, found = state
        new = states_near(d.p, theta, starts[i], NEWTON_STEPS)
        kept = jax.tree.map(lambda a, b: jnp.where(found.reshape(-1, *[1] * (a.ndim - 1)), a, b), kept, new.root)
        return i + 1, kept, found | new.allowed

    shapes = jax.eval_shape(lambda: states_near(d.p, theta, d.Delta).root)
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    _, roots, found = jax.lax.while_loop(going, attempt, (jnp.zeros((), int), nothing, jnp.zeros(len(d.p.T), bool)))
    return roots, found


def laplace(p: Problem, theta: np.ndarray, jacobian: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(centre, covariance) in the coordinates u of the Gaussian that approximates the posterior, from the derivatives of the
    residuals at the optimum. The bounds keep it finite where the data say nothing."""
    share = np.asarray(share_of(p, jnp.asarray(theta)))
    J = jacobian * np.asarray(p.upper - p.lower) * share * (1 - share)
    return np.log(share) - np.log1p(-share), np.linalg.inv(J.T @ J + np.diag(2 * share * (1 - share)))
