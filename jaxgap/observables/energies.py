r"""Quasiparticle dispersion E_\pm(k), over the whole band: inside the shell, at its edges and outside it.

.. math:: E_\pm^2 = \tfrac12 (A \pm b)

Vargas-Paredes et al., Phys. Rev. B 101, 094516 (2020), Eq. 3-4, Fig. 3. The amplitudes are switched off outside the shell,
Delta_ij(k) = Delta_ij Theta(Omega - |zeta_i|) Theta(Omega - |zeta_j|), so the dispersion jumps at its edges.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.types import Reals
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.units import hbar2_over_2m_e

__all__ = ["dispersion", "wave_vector"]


@takes_solution
def dispersion(solution: MeanFieldState, kappa: Reals) -> Float[Array, "branch kappa"]:
    """Quasiparticle energies [meV] at kappa = hbar^2 k^2 / 2 m_e [meV].

    Rows are the branches in the order of `branch_names`: of a band alone, its E; of two cross-paired bands, E_- then E_+.
    """
    kappa = jnp.atleast_1d(jnp.asarray(kappa, jnp.float64))
    return solution.energies(kappa)


def wave_vector(kappa: Reals) -> Float[Array, "*k"]:
    """k [1/angstrom] of kappa = hbar^2 k^2 / 2 m_e [meV]."""
    return jnp.sqrt(jnp.asarray(kappa, jnp.float64) / hbar2_over_2m_e)
