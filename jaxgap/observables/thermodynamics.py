r"""Free energy of a solved state.

.. math:: F = \Delta^\dagger g^{-1} \Delta + \varphi = \mathrm{Re}\, \Delta^\dagger P + \varphi \text{ at a solution}

(the second form needs no inverse, so rank-one couplings are allowed). It exists only if g is symmetric.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap._checks import InputError, is_concrete
from jaxgap.pairing import FREE_ENERGY_RULE, anomalous_densities, quasiparticle_free_energy
from jaxgap.quadrature import Rule
from jaxgap.solution import Solution, check_single
from jaxgap.superconductor import Superconductor

__all__ = ["free_energy"]


def free_energy(solution: Solution, rule: Rule = FREE_ENERGY_RULE) -> Float[Array, ""]:
    """Free energy relative to the normal state [meV^2 times the unit of N]; divide by a density of states to compare.

    Raises:
        InputError: if g = lambda / N is not symmetric: then no free energy exists, and that of a symmetrised system would
            be another system's. Under tracing the result is NaN instead.
    """
    check_single(solution, "free_energy")
    sc = solution.superconductor
    symmetric = sc.has_free_energy
    if is_concrete(symmetric) and not bool(jnp.all(symmetric)):
        raise InputError(
            "This system has no free energy: g_cc' = lambda_cc' / N_c' is not symmetric, so its gap equations are not the "
            "stationarity of any functional (detailed balance does not hold)."
        )
    return free_energy_of(sc, solution.Delta, solution.T, rule)


@partial(jax.jit, static_argnames="rule")
def free_energy_of(
    sc: Superconductor, Delta: Inexact[Array, "channel"], T: Float[Array, ""], rule: Rule = FREE_ENERGY_RULE
) -> Float[Array, ""]:
    """`free_energy` of amplitudes that solve the gap equations; NaN if g is not symmetric."""
    condensate = jnp.real(jnp.vdot(Delta, anomalous_densities(sc, Delta, T, rule)))
    F = condensate + quasiparticle_free_energy(sc, Delta, T, rule)
    return jnp.where(sc.has_free_energy, F, jnp.nan)
