r"""The pairing of orbitals, seen in bands: energies, gaps within bands and between them, at any k of a lattice.

.. math:: h(k) - \mu = U \, \mathrm{diag}(\xi) \, U^\dagger, \qquad \Delta_{nm}(k) = (U^\dagger D(k) \, U)_{nm}

in the gauge of reversed time (bands at -k have U^*). |Delta_nm| does not depend on the signs of U. Cross-band pairing exists
exactly where D does not commute with h(k): a pairing of equal size in all orbitals has none. Where bands touch, so that U is
open, |Delta_nm| is that of one choice.
"""

from itertools import pairwise
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.model.lattice import Lattice
from jaxgap.numerics.checks import check
from jaxgap.numerics.types import Reals
from jaxgap.solving.entry import takes_solution
from jaxgap.solving.state import MeanFieldState
from jaxgap.spectra.lattice_matrices import at_nodes, energies_at, within_cutoff
from jaxgap.spectra.mesh import gap_on

__all__ = ["BandBasis", "band_basis", "lattice_energies", "path_between"]


class BandBasis(NamedTuple):
    """Of all k that were asked for."""

    energy: Float[Array, "k band"]
    """xi_n(k) of the normal bands, from mu [meV], rising."""
    gap: Float[Array, "k band band"]
    """|Delta_nm(k)| [meV]: within bands on the diagonal, between them beside it."""


@takes_solution
def band_basis(solution: MeanFieldState, k: object) -> BandBasis:
    """Energies of bands, and gaps within and between them, at k [k, axis], in units of the reciprocal lattice over 2 pi."""
    lattice, at = _lattice(solution), solution.superconductor.places(k)
    h, phi = at_nodes(lattice, at)
    xi, U = jnp.linalg.eigh(h)
    D = within_cutoff(lattice, h, jax.vmap(lambda forms: gap_on(lattice, solution.Delta, forms))(phi))
    return BandBasis(xi, jnp.abs(jnp.conj(jnp.swapaxes(U, 1, 2)) @ D @ U))


@takes_solution
def lattice_energies(solution: MeanFieldState, k: object) -> Float[Array, "k branch"]:
    """Quasiparticle energies [meV] at k [k, axis], lowest first: of a path, `path_between`."""
    return energies_at(_lattice(solution), solution.Delta, solution.superconductor.places(k))


def path_between(*corners: object, n: int = 100) -> Float[Array, "k axis"]:
    """k on straight lines from corner to corner, n to a line, and the last corner: (0, 0), (pi, 0), (pi, pi), (0, 0)."""
    ends = jnp.asarray(cast(Reals, list(corners)), jnp.float64)
    check(ends.ndim == 2 and len(ends) >= 2, "corners", "be two or more points in k", f"shape {ends.shape}")
    share = jnp.arange(n)[:, None] / n
    lines = [a + share * (b - a) for a, b in pairwise(ends)]
    return jnp.concatenate([*lines, ends[-1:]])


def _lattice(solution: MeanFieldState) -> Lattice:
    sc = solution.superconductor
    check(isinstance(sc, Lattice), "solution", "be of a Lattice", type(sc).__name__)
    assert isinstance(sc, Lattice)
    return sc
