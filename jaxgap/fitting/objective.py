r"""What a fit minimises.

.. math:: \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d from the self-consistent solution on the chosen branch, and its gradient by the implicit function theorem. The
branch need not exist at a trial theta. Then the amplitudes are unknowns of their own, and the gap equations count as data,

.. math:: \chi^2(\theta, \Delta) + \sum_T |r(\Delta_T; \theta)|^2 / s^2

which is finite and smooth everywhere: such a theta is an ordinary point of the search, not a NaN.
"""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxgap.critical import critical_temperature
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.labels import has_signs
from jaxgap.observables.gaps import branch_minima_of, branch_names, fermi_momentum_gaps_of
from jaxgap.pairing import gap_residual
from jaxgap.superconductor import Superconductor
from jaxgap.unknowns import implicit_amplitudes, newton_amplitudes

__all__ = ["Problem", "problem", "system_at", "predictions", "joint_objective", "nested", "Nested"]

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
    names: tuple[str, ...] = eqx.field(static=True)
    ties: tuple[tuple[tuple[str, float], ...], ...] = eqx.field(static=True)
    """For every parameter the (path, factor) of the leaves that it sets."""
    rows: tuple[tuple[str, int, int], ...] = eqx.field(static=True)
    """For every datum (kind, index of the branch or band, index of the temperature)."""


def problem(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], pattern: Float[Array, "band"]) -> Problem:
    """The arrays of a fit: only rows with use = fit enter."""
    fitted = [datum for datum in data if datum.use == "fit"]
    temperatures = sorted({datum.T for datum in fitted if datum.T is not None})
    targets = {"branch_minimum": branch_names(sc), "fermi_momentum": sc.band_names}
    rows = tuple(
        (d.kind, targets[d.kind].index(d.of) if d.of else 0, temperatures.index(d.T) if d.of and d.T is not None else 0)
        for d in fitted
    )
    bounds = np.array([parameter.bounds for parameter in config.parameters.values()], dtype=float)
    return Problem(
        sc=sc,
        lower=jnp.asarray(bounds[:, 0]),
        upper=jnp.asarray(bounds[:, 1]),
        T=jnp.asarray(temperatures, jnp.float64),
        value=jnp.asarray([d.value for d in fitted]),
        error=jnp.asarray([error_of(d, config) for d in fitted]),
        scale=jnp.asarray(config.optimiser.residual_scale_meV),
        names=tuple(config.parameters),
        ties=tuple(tuple(parameter.sets.items()) for parameter in config.parameters.values()),
        rows=rows,
        pattern=pattern,
    )


def error_of(datum: Datum, config: FitConfig) -> float:
    """Its own error, or the one assumed for its unit."""
    if datum.error is not None:
        return datum.error
    return config.data.assumed_error_meV if datum.unit == "meV" else config.data.assumed_error_K


def bounded(p: Problem, u: Parameters) -> Parameters:
    """Parameters inside their bounds from unconstrained ones: theta = lower + (upper - lower) / (1 + exp(-u))."""
    return p.lower + (p.upper - p.lower) * jax.nn.sigmoid(u)


def unbounded(p: Problem, theta: Parameters) -> Parameters:
    """The inverse of `bounded`."""
    share = (theta - p.lower) / (p.upper - p.lower)
    return jnp.log(share) - jnp.log1p(-share)


def system_at(p: Problem, theta: Parameters) -> Superconductor:
    """The system with the parameters (and all leaves tied to them) set."""
    return p.sc.set({path: factor * theta[k] for k, ties in enumerate(p.ties) for path, factor in ties})


def predictions(p: Problem, sc: Superconductor, Delta: Amplitudes) -> Float[Array, "datum"]:
    """What the model says for every fitted datum, from the amplitudes at every temperature."""
    kinds = {kind for kind, _, _ in p.rows}
    table: dict[str, Any] = {}
    if "branch_minimum" in kinds:
        table["branch_minimum"] = jax.vmap(lambda D: branch_minima_of(sc, D))(Delta)
    if "fermi_momentum" in kinds:
        table["fermi_momentum"] = jax.vmap(lambda D: fermi_momentum_gaps_of(sc, D).gap)(Delta)
    if "T_c" in kinds:
        table["T_c"] = jnp.full((1, 1), critical_temperature(sc))
    return jnp.stack([table[kind][t, i] for kind, i, t in p.rows])


def deviations(p: Problem, sc: Superconductor, Delta: Amplitudes) -> Float[Array, "datum"]:
    """(prediction - measurement) / error of every fitted datum."""
    return (predictions(p, sc, Delta) - p.value) / p.error


def joint_objective(p: Problem, theta: Parameters, Delta: Amplitudes) -> Float[Array, ""]:
    """chi^2(theta, Delta) + |r|^2 / s^2: finite whether or not `Delta` solves the gap equations."""
    sc = system_at(p, theta)
    return jnp.sum(deviations(p, sc, Delta) ** 2) + jnp.sum(_stiff(p, sc, Delta) ** 2)


def _stiff(p: Problem, sc: Superconductor, Delta: Amplitudes) -> Float[Array, "equation"]:
    """r / s: the gap equations at all temperatures as data."""
    return (jax.vmap(lambda D, T: gap_residual(sc, D, T))(Delta, p.T) / p.scale).ravel()


class Nested(NamedTuple):
    """chi^2 at theta with the amplitudes that belong to it."""

    chi2: Float[Array, ""]
    """chi^2, plus the stiff term where the branch does not exist."""
    gradient: Float[Array, "parameter"]
    deviations: Float[Array, "datum"]
    """(prediction - measurement) / error."""
    jacobian: Float[Array, "datum parameter"]
    """Their derivatives, through the implicit derivative."""
    Delta: Amplitudes
    on_branch: Bool[Array, ""]
    """Whether the solution exists, on the asked-for branch, at every temperature."""


def nested(p: Problem, theta: Parameters, near: Amplitudes) -> Nested:
    """chi^2 of the self-consistent solution near the amplitudes `near`, and its gradient by the implicit function theorem.

    Where there is none on the branch, it is the joint objective at the amplitudes where the search for one ended.
    """
    roots = jax.vmap(lambda D, T: newton_amplitudes(system_at(p, theta), T, D))(near, p.T)
    exists = (roots.converged & jax.vmap(lambda D: has_signs(D, p.pattern))(roots.x)).all()
    ended = jnp.where(jnp.isfinite(roots.x).all(), roots.x, near)

    def terms(t: Parameters) -> Any:
        sc = system_at(p, t)
        Delta = jax.vmap(lambda D, J, T: implicit_amplitudes(sc, T, D, exists, J))(ended, roots.jacobian, p.T)
        # Off the branch the implicit derivative is NaN; the amplitudes are then held fixed.
        Delta = jnp.where(exists, Delta, ended)
        d, r = deviations(p, sc, Delta), jnp.where(exists, 0.0, _stiff(p, sc, ended))
        return (d, r), (d, r)

    (J_d, J_r), (d, r) = jax.jacfwd(terms, has_aux=True)(theta)
    return Nested(jnp.sum(d**2) + jnp.sum(r**2), 2 * (d @ J_d + r @ J_r), d, J_d, ended, exists)
