r"""From jaxgap's units of N to those of a laboratory.

The masses of the bands fix their densities of states absolutely. One unit of the sum over k stands for, per spin,

.. math:: \sum_k = \int d\kappa \, \rho(\kappa) \quad\leftrightarrow\quad
          \int \frac{d^2k}{(2\pi)^2 c} = \frac{m_e}{2\pi\hbar^2 c} \int d\kappa \;\;\text{(2D)}, \qquad
          \int \frac{d^3k}{(2\pi)^3} = \frac{1}{4\pi^2} \Bigl(\frac{2m_e}{\hbar^2}\Bigr)^{3/2} \int d\kappa \, \sqrt\kappa
          \;\;\text{(3D)}

states per volume, with kappa = hbar^2 k^2 / 2 m_e and c the distance of the layers, each of which has every 2D band once. So
N_i = m_i / 2 pi hbar^2 per spin and area of a layer. These are the densities of the bands as they are given: with
masses from a band calculation nothing is renormalised by phonons.
"""

from typing import Any, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check, check_finite
from jaxgap.numerics.types import Reals
from jaxgap.observables._checks import positive
from jaxgap.solving.entry import takes_system
from jaxgap.units import hbar2_over_2m_e, joule_per_mole, k_B

__all__ = ["cells_per_volume", "lattice_vectors", "molar", "sommerfeld_coefficient", "states_per_volume"]


def cells_per_volume(sc: Superconductor, cell: object, layer_spacing: Any = None) -> Float[Array, ""]:
    """Cells of a lattice [1/angstrom^3].

    Args:
        sc: the lattice.
        cell: its vectors [angstrom], one a row, or their lengths where they are orthogonal.
        layer_spacing: distance of the layers [angstrom] of a 2D lattice; in 3D there is none.
    """
    a, flat = lattice_vectors(cell, sc.dimension), sc.dimension == 2
    check(flat or layer_spacing is None, "layer_spacing", "not be given: the lattice is three-dimensional", layer_spacing)
    check(not flat or layer_spacing is not None, "layer_spacing", "be given [angstrom] for a lattice in two dimensions", "None")
    height = positive("layer_spacing", layer_spacing, "angstrom") if flat else jnp.ones(())
    return 1 / (jnp.abs(jnp.linalg.det(a)) * height)


def lattice_vectors(cell: object, d: int) -> Float[Array, "axis direction"]:
    """The vectors of a cell [angstrom], one a row; of lengths alone they are orthogonal."""
    needs = f"be {d} lengths, or {d} vectors of {d} components, of the cell [angstrom]"
    check(cell is not None, "cell", f"be given for a lattice: {needs}", "None")
    check_finite("cell", cell)
    a = jnp.asarray(cast(Reals, cell), jnp.float64)
    check(a.shape in ((d,), (d, d)), "cell", needs, f"shape {a.shape}")
    a = jnp.diag(a) if a.ndim == 1 else a
    flat = abs(float(np.linalg.det(np.asarray(a)))) <= 1e-9 * float(np.abs(np.asarray(a)).max()) ** d
    check(not flat, "cell", "span a volume", np.asarray(a).tolist())
    return a


@takes_system
def states_per_volume(sc: Superconductor, layer_spacing: Any = None) -> Float[Array, ""]:
    """States per spin [1/(meV angstrom^3)] for which one unit of N stands.

    Args:
        sc: the system.
        layer_spacing: distance of the layers c [angstrom] of 2D bands; 3D bands take none.

    Raises:
        InputError: if 2D bands come without a layer spacing, or 3D bands with one; of a lattice, whose sums are per cell.
    """
    check(
        bool(sc.beyond),
        "sc",
        "be of bands with masses: what is of a lattice is per cell, of a size that one knows",
        "a Lattice",
    )
    if sc.dimension == 3:
        check(layer_spacing is None, "layer_spacing", "not be given: the bands are three-dimensional", layer_spacing)
        return jnp.asarray(1 / (4 * jnp.pi**2 * hbar2_over_2m_e**1.5))
    if layer_spacing is None:
        raise InputError("Argument `layer_spacing` [angstrom] must be given: the bands are two-dimensional.")
    return 1 / (4 * jnp.pi * hbar2_over_2m_e * positive("layer_spacing", layer_spacing, "angstrom"))


def molar(value: Any, sc: Superconductor, formula_volume: Any, layer_spacing: Any = None) -> Float[Array, "*k"]:
    """`value` [meV^2/K^n times the unit of N] in mJ/(mol K^n): an energy, an entropy, a specific heat, or one over T.

    Args:
        value: what `condensation_energy`, `entropy`, `specific_heat` and the like return.
        sc: the system.
        formula_volume: volume of one formula unit [angstrom^3].
        layer_spacing: distance of the layers [angstrom] of 2D bands; 3D bands take none.

    Example:
        >>> sc = jg.materials.two_band()
        >>> round(float(jg.observables.molar(1.0, sc, 100.0, layer_spacing=6.0)), 2)
        33.59
    """
    per_formula = states_per_volume(sc, layer_spacing) * positive("formula_volume", formula_volume, "angstrom^3")
    return jnp.asarray(value) * per_formula * joule_per_mole * 1e3


@takes_system
def sommerfeld_coefficient(sc: Superconductor, formula_volume: Any, layer_spacing: Any = None) -> Float[Array, ""]:
    """gamma = (2 pi^2 / 3) k_B^2 sum_i N_i(0) [mJ/(mol K^2)] of the normal state, N_i per spin.

    Args:
        sc: the system.
        formula_volume: volume of one formula unit [angstrom^3].
        layer_spacing: distance of the layers [angstrom] of 2D bands; 3D bands take none.

    Example:
        >>> sc = jg.materials.two_band()
        >>> round(float(jg.observables.sommerfeld_coefficient(sc, 100.0, layer_spacing=6.0)), 4)
        3.2822
    """
    N = jnp.sum(sc.band_densities)
    return molar(2 * jnp.pi**2 / 3 * k_B**2 * N, sc, formula_volume, layer_spacing)
