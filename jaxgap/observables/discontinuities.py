r"""What is discontinuous at a transition: the specific heat where it is continuous, the entropy where it is of first order.

Below a continuous transition Delta = epsilon v, with v the critical direction, (1 - lambda K) v = 0, and w the left one. To
lowest order the gap equations are

.. math:: w \cdot r = -\epsilon \, (T - T_c) \, w \lambda K'(T_c) v + \frac{\epsilon^3}{6} c = 0, \qquad
          c = w \cdot \frac{d^3 r(\epsilon v)}{d\epsilon^3}

and the entropy is S - S_n = epsilon^2 sum_c N_c K_c'(T) v_c^2, since phi = -epsilon^2 sum_c N_c K_c v_c^2, so that

.. math:: \Delta C = T_c \, \frac{d\epsilon^2}{dT} \sum_c N_c K_c' v_c^2
          = \frac{6 T_c}{c} \; w \lambda K' v \; \sum_c N_c K_c' v_c^2 .

Nothing here is taken from the neighbourhood of T_c, where everything is ill-conditioned. For one band in weak coupling it is
Delta C / C_n = 12 / 7 zeta(3) = 1.42613 (Bardeen, Cooper, Schrieffer, Phys. Rev. 108, 1175 (1957)). At a first-order
transition the latent heat is L = T (S' - S) of the two states with equal free energies. Of impurities and of a Matsubara cutoff
`jaxgap.solving.dressed_jump` has the jump.
"""

from typing import Any, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Inexact

from jaxgap.equations.entropy import entropy_of, normal_specific_heat_of
from jaxgap.equations.linear import linear_kernel, linear_map
from jaxgap.equations.pairing import cubic_residual
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor, check_known_mu, check_static
from jaxgap.numerics.checks import check
from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.marginal import marginal_space, projector
from jaxgap.numerics.newton import norm
from jaxgap.numerics.programs import program
from jaxgap.numerics.small import openly_solved
from jaxgap.solving.critical import instability
from jaxgap.solving.dressed_jump import dressed_jump
from jaxgap.solving.entry import takes_any_system

__all__ = ["specific_heat_jump", "latent_heat"]

ALONE = 1e-8
"""Share of the cubic term across the critical direction up to which it counts as along it."""


@takes_any_system
def specific_heat_jump(sc: Superconductor) -> Float[Array, ""]:
    """(C - C_n) / C_n just below T_c,lin, from quasiparticle occupations; rounding in the cubic term leaves 1e-9.

    NaN where nothing condenses, and where the branch sets out towards higher temperatures: then the transition is of first
    order, and has a latent heat. It can be of first order otherwise, too, which only `jaxgap.transition` sees. NaN also where
    the critical eigenvalue is defective, or several directions become critical together and their mean is none that condenses
    (with impurities or a Matsubara cutoff: wherever several do).

    Example:
        >>> clean = jg.superconductor(bands={"a": {"mu": 500.0}}, lam=[[0.15]], Omega=20.0)
        >>> round(float(jg.observables.specific_heat_jump(clean)), 4)
        1.4261

    Raises:
        InputError: of a system with phonons.
    """
    check_known_mu(sc)
    if not sc.is_retarded:
        return _jump(sc)
    if cast(RetardedSuperconductor, sc).spectra:
        check_static(sc)
    return dressed_jump(cast(RetardedSuperconductor, sc))


@program
def _jump(sc: Superconductor) -> Float[Array, ""]:
    T_c, v = instability(sc)
    T = jnp.where(T_c > 0, T_c, 1.0)
    _, slope = jax.jvp(lambda t: linear_kernel(sc, t), (T,), (jnp.ones(()),))
    third = cubic_residual(sc, v, T)
    w, condenses = _left_vector(linear_map(sc, T), v, third)
    c = w @ third
    growth = 6 * (w @ sc.lam @ (slope * v)) / c  # d(epsilon^2)/dT
    jump = T * growth * jnp.sum(sc.N * slope * v**2) / normal_specific_heat_of(sc, T)
    return jnp.where((T_c > 0) & (growth < 0) & condenses, jump, jnp.nan)


def _left_vector(
    A: Float[Array, "n n"], v: Float[Array, "n"], third: Float[Array, "n"]
) -> tuple[Float[Array, "n"], Bool[Array, ""]]:
    """(w with w A = w and w . v = 1, whether it exists and the cubic term leaves the direction v alone), for A v = v.

    Where several directions become critical together (equal bands) the cubic term decides in which of them something condenses.
    """
    space = jax.lax.stop_gradient(marginal_space(A))
    several = jnp.sum(space.chosen) > 1
    forced = jax.lax.stop_gradient(projector(space) @ third)
    alone = norm(forced - v * (v @ forced)) <= ALONE * norm(forced)
    one = _left_null_vector(jnp.where(several, jnp.eye(len(v)), jnp.eye(len(v)) - A), v)
    exists = jnp.abs(jnp.trace(projector(space))) > SINGULAR
    return jnp.where(several, projector(space).T @ v, one), exists & (~several | alone)


def _left_null_vector(matrix: Float[Array, "n n"], v: Float[Array, "n"]) -> Float[Array, "n"]:
    """w with w matrix = 0 and w . v = 1, for the right null vector v: a linear system, which is differentiable."""
    bordered = jnp.block([[matrix.T, v[:, None]], [v[None, :], jnp.zeros((1, 1))]])
    return openly_solved(bordered, jnp.append(jnp.zeros_like(v), 1.0))[:-1]


def latent_heat(event: Any) -> Float[Array, ""]:
    """Latent heat T |S' - S| of a first-order transition driven by temperature [meV^2 times the unit of N]; `molar` converts.

    Args:
        event: a crossing of free energies along a path on which the temperature changes: `jaxgap.transition(sc).event` (the
            other state is then the normal one) or one of `jaxgap.crossings(...)`. Differentiable, as its position is.
    """
    check(event.kind.name == "CROSSING", "event", "be a crossing of two free energies", event.kind.name)
    sc, T = event.path.at(event.p)
    return _latent_heat(sc, event.Delta, event.direction, T)


@program
def _latent_heat(
    sc: Superconductor, Delta: Inexact[Array, "channel"], other: Inexact[Array, "channel"], T: Float[Array, ""]
) -> Float[Array, ""]:
    return T * jnp.abs(entropy_of(sc, Delta, T) - entropy_of(sc, other, T))
