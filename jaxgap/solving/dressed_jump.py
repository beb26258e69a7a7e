r"""The jump of the specific heat at T_c with impurities and an instantaneous interaction.

Below T_c the order parameter is Delta = epsilon v, and to lowest order the gap equations and the entropy are

.. math:: A v = v, \quad w A = w, \quad w \cdot v = 1, \qquad
          (T - T_c) \, w A' v + \frac{\epsilon^2}{6} \, w \cdot \frac{d^3 P(\epsilon v)}{d\epsilon^3} = 0, \qquad
          S = S_n + \frac{\epsilon^2}{2} \frac{d^2 S(\epsilon v)}{d\epsilon^2}

.. math:: \Delta C = - 3 T_c \, w A' v \; \frac{d^2 S(\epsilon v)}{d\epsilon^2} \Big/
          \left( w \cdot \frac{d^3 P(\epsilon v)}{d\epsilon^3} \right)

with P(Delta, T) what the interaction makes of the anomalous functions of an order parameter (`solving.dressed_response`), A its
derivative at Delta = 0 and A' that of A by T. One band with spins has, with rho = alpha / 2 pi k_B T_c and a cutoff far
away, (S. Skalski, O. Betbeder-Matibet and P. R. Weiss, Phys. Rev. 136, A1500 (1964))

.. math:: \frac{\Delta C}{C_n} = \frac{12 \, [1 - \rho \, \psi'(\frac12 + \rho)]^2}
          {- \frac12 \psi''(\frac12 + \rho) - \frac{\rho}{6} \psi'''(\frac12 + \rho)},

and charges of one band leave its 12 / 7 zeta(3). T_c is here where the equations of the specific heat have it, in which the
last cell below omega_c counts with the middle of what is left: the critical temperature up to (k_B T_c / omega_c)^2.
"""

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.entropy import normal_specific_heat_of
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.numerics.checks import is_concrete
from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import openly_solved, smallest_singular_value
from jaxgap.numerics.types import Scalar
from jaxgap.selfenergy.frequencies import MOST, coldest, settled, truncation_error
from jaxgap.selfenergy.leading import leading
from jaxgap.selfenergy.pair_breaking import pair_map
from jaxgap.solving.dressed_response import made_and_entropy
from jaxgap.solving.retarded import critical_temperature_of
from jaxgap.units import k_B

__all__ = ["dressed_jump"]

SMALL, ORDERS = 0.3, 8
"""Largest order parameter of the series, in units of pi k_B T, and how many of its terms are kept: what is left is 1e-9 of the
cubic one (six leave 6e-8)."""
STEPS, ARRIVED = 5, 1e-9
"""Of Newton's method, and the last of its steps."""
NEAR = 0.2
"""Of ln T: how far from the critical temperature that of the specific heat may be."""


class _Critical(NamedTuple):
    """What the lowest orders are made of."""

    T: Scalar
    slope: Scalar
    """w A' v [1/K]."""
    cubic: Scalar
    """w . d^3 P / d epsilon^3 [meV^-2]."""
    entropy: Scalar
    """d^2 S / d epsilon^2."""
    alone: Bool[Array, ""]
    """Whether one direction becomes critical, and no other."""


def dressed_jump(sc: RetardedSuperconductor) -> Float[Array, ""]:
    """(C - C_n) / C_n just below T_c; NaN where nothing condenses, where the branch sets out towards higher temperatures, and
    where T_c is too low for as many Matsubara frequencies as there can be."""
    T_c = critical_temperature_of(sc)
    lowest = coldest(replace(sc, frequencies=sc.frequencies or MOST))
    if is_concrete((T_c, lowest)) and not bool(T_c * (1 - NEAR) > lowest):
        return jnp.full((), jnp.nan)
    return _jump(settled(sc, T_c * (1 - NEAR)), T_c)


@program
def _jump(sc: RetardedSuperconductor, T_c: Float[Array, ""]) -> Float[Array, ""]:
    exists = T_c > 0
    at = _critical(sc, jnp.where(exists, T_c, 1.0))
    known = exists & at.alone & (truncation_error(sc, at.T) == 0)
    condenses = known & (at.slope < 0) & (at.cubic < 0)
    growth = -6 * at.slope / jnp.where(condenses, at.cubic, 1.0)  # d(epsilon^2) / dT
    jump = at.T * growth * at.entropy / 2 / normal_specific_heat_of(sc, at.T)
    return jnp.where(condenses, jump, jnp.nan)


def _critical(sc: RetardedSuperconductor, T_c: Float[Array, ""]) -> _Critical:
    """By Newton's method for v and ln T; what is asked for is known at every step, and right at the last."""
    near, n = jax.lax.stop_gradient(T_c), len(sc.channels)
    first = leading(pair_map(jax.lax.stop_gradient(sc), near)).right
    first = first / jnp.sqrt(first @ first)

    def step(_: Int[Array, ""], now: tuple[Float[Array, "n"], _Critical]) -> tuple[Float[Array, "n"], _Critical]:
        v, T = now[0][:n], near * jnp.exp(now[0][n])

        def series(T: Scalar) -> _Series:
            return _series(sc, jnp.concatenate([jnp.eye(n), v[None]]), T)

        here, change = jax.jvp(series, (T,), (jnp.ones(()),))
        rest, moved = here.linear[:n].T - jnp.eye(n), change.linear[:n].T
        J = jnp.block([[rest, T * (moved @ v)[:, None]], [first[None], jnp.zeros((1, 1))]])
        w = openly_solved(J.T, jnp.zeros(n + 1).at[n].set(1.0))[:n]
        w = w / (w @ v)
        move = openly_solved(J, jnp.append(rest @ v, 0.0))
        # Several directions that become critical together leave one of them free.
        bordered = jnp.block([[rest, v[:, None]], [w[None], jnp.zeros((1, 1))]])
        alone = smallest_singular_value(jax.lax.stop_gradient(bordered)) > SINGULAR
        arrived = (jnp.max(jnp.abs(move)) < ARRIVED) & (jnp.abs(now[0][n]) < NEAR)
        found = _Critical(T, w @ moved @ v, 6 * (w @ here.cubic[n]), 2 * here.entropy[n], alone & arrived)
        return now[0] - move, found

    nothing = jnp.full((), jnp.nan)
    unknown = _Critical(nothing, nothing, nothing, nothing, jnp.asarray(False))
    return jax.lax.fori_loop(0, STEPS, step, (jnp.append(first, 0.0), unknown))[1]


class _Series(NamedTuple):
    """Of small order parameters along some directions."""

    linear: Float[Array, "direction channel"]
    """Of P."""
    cubic: Float[Array, "direction channel"]
    """Of P [meV^-2]."""
    entropy: Float[Array, "direction"]
    """The quadratic coefficient."""


def _series(sc: RetardedSuperconductor, directions: Float[Array, "direction channel"], T: Scalar) -> _Series:
    """From values within the radius of convergence, which is pi k_B T or more: P is odd, and S even. Derivatives of the third
    order would take minutes to compile."""
    s = SMALL * np.cos(np.pi * (2 * np.arange(ORDERS) + 1) / (4 * ORDERS))
    powers = s[:, None] ** (2 * np.arange(ORDERS))
    inverse, unit = np.linalg.inv(powers), jnp.pi * k_B * T
    at = unit * jnp.asarray(s)[None, :, None] * directions[:, None]
    P, S = jax.lax.map(jax.vmap(lambda D: made_and_entropy(sc, D, T)), at)
    odd = jnp.einsum("ks,dsc->kdc", jnp.asarray(inverse[:2] / s), P)
    return _Series(odd[0] / unit, odd[1] / unit**3, jnp.asarray(inverse[1]) @ S.T / unit**2)
