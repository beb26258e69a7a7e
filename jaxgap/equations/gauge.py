r"""The gap equations in real unknowns: their roots by safeguarded Newton, and the implicit derivative of those.

Real amplitudes are n unknowns, complex ones 2n. Complex amplitudes may turn for free, once for every group of channels that
are coupled: along these gauge directions u the equations say nothing, and get a term of their own,

.. math:: r(\Delta) + \sum_u u \, (u \cdot (x - x_0)) = 0 .
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Inexact, Int

from jaxgap.equations.gap_equations import equations
from jaxgap.equations.groups import coupled_channels
from jaxgap.equations.pairing import gap_residual, pack, unpack
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.newton import CAREFUL, MAX_STEPS, Root, Stride, newton
from jaxgap.spectra.pair import abs2
from jaxgap.spectra.quadrature import DEFAULT_RULE, Rule
from jaxgap.units import thermal_energy

__all__ = [
    "fixed_gauge_residual",
    "implicit_amplitudes",
    "search_root",
    "newton_amplitudes",
    "vanishing",
    "rounding",
    "group_directions",
    "gauge_directions",
    "theta_at",
]


class Theta(NamedTuple):
    """What the residual depends on besides the unknowns."""

    sc: Superconductor
    T: Float[Array, ""]
    gauge: Float[Array, "direction n"]
    """Unit vectors along i Delta, one per independent U(1): the directions in which complex amplitudes may turn for free
    (as many rows as channels: rows of one group are equal and share its weight); none for real ones."""
    origin: Float[Array, "n"]
    """Amplitudes relative to which they do not turn."""


def theta_at(sc: Superconductor, T: Float[Array, ""], x: Float[Array, "n"]) -> Theta:
    """The residual's parameters, with the gauge fixed at the amplitudes x."""
    return Theta(sc, T, gauge_directions(sc, x), x)


def gauge_directions(sc: Superconductor, x: Float[Array, "n"]) -> Float[Array, "direction n"]:
    """Rows u_c whose sum over c of u_c u_c^T projects on the directions i Delta of all groups of coupled channels.

    Channels turn together if they are coupled, directly or through others, by lambda or by a common spectrum; every group
    of them has a free phase of its own.
    """
    n = len(sc.channels)
    if x.shape[0] == n:
        return jnp.zeros((0, n))
    turned = group_directions(sc, 1j * unpack(x, n))
    return jnp.concatenate([turned.real, turned.imag], axis=1)


def group_directions(sc: Superconductor, Delta: Inexact[Array, "channel"]) -> Inexact[Array, "direction channel"]:
    """The amplitudes of every channel's group, of norm 1 / sqrt(channels in the group): the rows' projectors add up to the
    projector on all groups' amplitudes."""
    together = coupled_channels(sc)
    rows = together * Delta[None, :]
    weight = jnp.sum(abs2(rows), axis=1, keepdims=True) * jnp.sum(together, axis=1, keepdims=True)
    return rows / jnp.sqrt(jnp.where(weight > 0, weight, 1.0))


def fixed_gauge_residual(x: Float[Array, "n"], theta: Theta, rule: Rule) -> Float[Array, "n"]:
    """The gap equations in real unknowns, plus u (u . (x - x_0)): without it the Jacobian of complex amplitudes is
    singular along every gauge direction u, and gradients would be silently wrong."""
    n = len(theta.sc.channels)
    r = pack(gap_residual(theta.sc, unpack(x, n), theta.T, rule))
    return r + (theta.gauge @ (x - theta.origin)) @ theta.gauge


def implicit_amplitudes(
    sc: Superconductor,
    T: Float[Array, ""],
    Delta: Inexact[Array, "channel"],
    trusted: Bool[Array, ""],
    jacobian: Float[Array, "n n"] | None,
    rule: Rule = DEFAULT_RULE,
) -> Inexact[Array, "channel"]:
    """The solution `Delta`, and dr/dx there, as a differentiable function of `sc` and `T`; NaN derivatives unless `trusted`.

    Without `jacobian` it is computed, where it is needed.
    """
    Delta = jax.lax.stop_gradient(Delta)
    theta = jax.lax.stop_gradient(theta_at(sc, T, pack(Delta)))._replace(sc=sc, T=T)
    return unpack(at_root(partial(fixed_gauge_residual, rule=rule), pack(Delta), theta, trusted, jacobian), len(sc.channels))


def vanishing(sc: Superconductor, T: Float[Array, ""]) -> Float[Array, ""]:
    """|Delta| [meV] below which a solution is the normal one: 1e-6 k_B T (1e-13 below T_c), and 1e-18 Omega at T = 0."""
    return jnp.maximum(1e-6 * thermal_energy(T), 1e-18 * sc.scale)


@partial(jax.jit, static_argnames="rule")
def search_root(
    sc: Superconductor,
    T: Float[Array, ""],
    x: Float[Array, "n"],
    rule: Rule,
    max_steps: Int[Array | np.ndarray, ""] | int = MAX_STEPS,
    stride: Stride = CAREFUL,
) -> Root:
    """Safeguarded Newton from the amplitudes x, without derivatives, with the gauge fixed anew at every step.

    Fixed at the start instead, the term u (u . (x - x_0)) could balance r at amplitudes that solve nothing.
    """

    def fixed_gauge(
        x: Float[Array, "n"], at: tuple[Superconductor, Float[Array, ""]]
    ) -> tuple[Float[Array, "n"], Float[Array, "n n"]]:
        r, M = equations(rule)(x, at)
        gauge = gauge_directions(at[0], x)
        return r, M + gauge.T @ gauge

    return newton(fixed_gauge, x, (sc, T), max_steps, vanishing(sc, T), stride, rounding=rounding(sc))


def rounding(sc: Superconductor) -> Float[Array, ""]:
    """|r| [meV] that rounding may leave: zeta = kappa / m - mu is good to eps mu, which counts where amplitudes are below
    1e-5 mu."""
    return 0.1 * jnp.finfo(float).eps * sc.depth


def newton_amplitudes(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "channel"], max_steps: int = 30) -> Root:
    """Safeguarded Newton from the real amplitudes `Delta`, without derivatives: the inner solve of a fit."""
    return search_root(sc, T, Delta, DEFAULT_RULE, max_steps=max_steps)
