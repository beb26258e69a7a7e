r"""First-order jumps: the temperature at which a branch ceases to be the state of lower free energy of two.

.. math:: r(\Delta; T) = r(\Delta'; T) = 0, \qquad F(\Delta; T) = F(\Delta'; T)

There the ground state goes from one branch to another, or to the normal state, at finite amplitudes: gaps jump, and heat is
latent. (Each branch goes on beyond it, metastable, to its own end: `jaxgap.branch_end`.) Both branches are followed from T = 0,
and the crossing of their free energies is located by its own equations (`jaxgap.locate_crossing`), which make its temperature
a differentiable function of the system.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.continuation.bifurcations import locate_crossing
from jaxgap.equations.free_energy import free_energy_of
from jaxgap.equations.linear import highest_temperature
from jaxgap.model.family import heating
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, NotConvergedError, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.programs import program
from jaxgap.solving.entry import takes_system
from jaxgap.solving.following import follow_from_zero
from jaxgap.solving.labels import sign_pattern

__all__ = ["NORMAL", "jump_between", "jump_temperature", "state_pattern"]

NORMAL = "normal"
"""The name of the state without pairs."""
GRID = 24
"""Temperatures at which free energies are compared: two crossings closer than a 24th of the way to the end can be missed."""


@takes_system
def jump_temperature(sc: Superconductor, branch: str, to: str = NORMAL) -> Float[Array, ""]:
    """The lowest temperature [K] at which the free energies of the states `branch` and `to` are equal, differentiable.

    Args:
        sc: a system with a free energy (symmetric g).
        branch: "s++", "s+-", or one sign per band such as "++-".
        to: another branch, or "normal".

    Raises:
        InputError: if the system has no free energy.
        NotConvergedError: if one of the branches does not exist at T = 0, or their free energies do not cross (under tracing:
            NaN).

    Example:
        >>> bands = {"a": {"mu": 50.0}, "b": {"mu": 62.0}}
        >>> lam = [[0.45, -0.02, 0.06], [-0.02, 0.42, 0.06], [0.06, 0.06, 0.24]]
        >>> sc = jg.superconductor(bands=bands, cross=["a:b"], lam=lam, Omega=40.0)
        >>> round(float(jg.jump_temperature(sc, "s+-", "s++")), 3)
        29.965
    """
    patterns = (sign_pattern(branch, sc.signed), state_pattern(to, sc.signed))
    symmetric = sc.has_free_energy
    if is_concrete(symmetric) and not bool(symmetric):
        raise InputError("This system has no free energy (g is not symmetric), so no first-order jump can be located.")
    T = jump_between(sc, *patterns)
    if is_concrete(T) and not bool(jnp.isfinite(T)):
        raise NotConvergedError(f"The free energies of the states {branch} and {to} do not cross at any temperature.")
    return T


def state_pattern(state: str, n_bands: int) -> Float[Array, "band"]:
    """Signs of the band amplitudes of a state; zero in the normal state."""
    return jnp.zeros(n_bands) if state == NORMAL else sign_pattern(state, n_bands)


@program
def jump_between(sc: Superconductor, pattern: Float[Array, "band"], other: Float[Array, "band"]) -> Float[Array, ""]:
    """`jump_temperature` of states known by their signs (all zero: the normal state); NaN if there is none."""
    frozen, states = jax.lax.stop_gradient(sc), jnp.stack([pattern, other])
    normal = ~jnp.any(states != 0, axis=1)

    # === both branches from T = 0 to the end of the one that ends first
    followed = jax.vmap(lambda signs: follow_from_zero(frozen, highest_temperature(frozen), signs, resolution=1e-3))(states)
    end = jnp.min(jnp.where(normal, jnp.inf, followed.T))
    T = end * jnp.arange(GRID) / (GRID - 1)

    def at(t: Any, signs: Any) -> tuple[Any, Any]:
        track = follow_from_zero(frozen, t, signs)
        Delta = jnp.where(jnp.any(signs != 0), track.root.x, 0.0)
        exists = track.arrived | ~jnp.any(signs != 0)
        return Delta, jnp.where(exists, free_energy_of(frozen, Delta, t), jnp.nan)

    Delta, F = jax.vmap(lambda signs: jax.vmap(lambda t: at(t, signs))(T))(states)

    # === the first crossing, by its own equations
    excess = F[0] - F[1]
    crosses = excess[:-1] * excess[1:] < 0
    k = jnp.argmax(crosses)
    share = excess[k] / jnp.where(crosses[k], excess[k] - excess[k + 1], 1.0)
    start = Delta[:, k] + share * (Delta[:, k + 1] - Delta[:, k])
    event = locate_crossing(heating(sc), start[0], start[1], T[k] + share * (T[k + 1] - T[k]))
    good = crosses[k] & event.converged & (event.p >= T[k]) & (event.p <= T[k + 1])
    return at_root(jnp.subtract, jnp.where(good, event.p, jnp.nan)[None], event.p[None], good)[0]
