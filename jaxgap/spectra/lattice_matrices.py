r"""The matrices of a lattice at given k, and the energies of its quasiparticles.

.. math:: H(k) = \begin{pmatrix} h(k) - \mu & D(k) \\ D(k)^\dagger & -(h(k) - \mu) \end{pmatrix}, \qquad
          E = \sqrt{\xi^2 + |D|^2} \text{ of one orbital}
"""

from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from jaxgap.model.lattice import Lattice
from jaxgap.spectra.bogoliubov import dagger, levels
from jaxgap.spectra.lattice_cutoff import root_of_cutoff
from jaxgap.spectra.mesh import gap_on
from jaxgap.spectra.pair import abs2, safe_sqrt

__all__ = ["at_nodes", "energies_at", "hamiltonians", "one_orbital", "within_cutoff"]


def at_nodes(lattice: Lattice, k: Float[Array, "node axis"]) -> tuple[Inexact[Array, "node n n"], Float[Array, "node channel"]]:
    """(h - mu [meV], forms) at all nodes; of one orbital with its cutoff."""
    h = jax.vmap(lattice.matrix)(k)
    if lattice.cutoff is None or len(lattice.orbitals) > 1:
        return h, jax.vmap(lattice.forms)(k)
    return h, jax.vmap(lattice.forms)(k, jnp.real(h[:, 0, 0]))


def within_cutoff(lattice: Lattice, h: Inexact[Array, "node n n"], D: Inexact[Array, "node n n"]) -> Inexact[Array, "node n n"]:
    """S D S of several orbitals with a cutoff; S is its own adjoint, so that pairs are counted by the same."""
    if lattice.cutoff is None or len(lattice.orbitals) == 1:
        return D
    S = root_of_cutoff(lattice.cutoff, h)
    return S @ D @ S


def hamiltonians(
    lattice: Lattice, Delta: Inexact[Array, "channel"], k: Float[Array, "node axis"]
) -> Inexact[Array, "node m m"]:
    """H(k) [meV] at all nodes."""
    h, phi = at_nodes(lattice, k)
    D = within_cutoff(lattice, h, jax.vmap(partial(gap_on, lattice, Delta))(phi))
    return jnp.concatenate([jnp.concatenate([h, D], axis=2), jnp.concatenate([dagger(D), -h], axis=2)], axis=1)


def one_orbital(
    lattice: Lattice, Delta: Inexact[Array, "channel"], k: Float[Array, "node axis"]
) -> tuple[Float[Array, "node"], Inexact[Array, "node"], Float[Array, "node"], Float[Array, "node channel"]]:
    """(xi, D, E [meV], forms) at all nodes."""
    h, phi = at_nodes(lattice, k)
    xi, D = jnp.real(h[:, 0, 0]), phi @ Delta
    return xi, D, safe_sqrt(xi**2 + abs2(D)), phi


def energies_at(
    lattice: Lattice, Delta: Inexact[Array, "channel"], k: Float[Array, "node axis"]
) -> Float[Array, "node branch"]:
    """Quasiparticle energies [meV] at all nodes, lowest first."""
    if len(lattice.orbitals) == 1:
        return one_orbital(lattice, Delta, k)[2][:, None]
    return levels(hamiltonians(lattice, Delta, k))[:, len(lattice.orbitals) :]
