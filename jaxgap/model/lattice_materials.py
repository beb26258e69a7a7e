"""Models of materials on a lattice. What ends in `_model` has the symmetry of a material and a T_c near the published one;
every other number in it is a choice, made for trying things out, and none is measured."""

import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.model.forms import channel
from jaxgap.model.lattice import Lattice, lattice

__all__ = ["cuprate_lattice_model", "square_lattice"]


def square_lattice(k: Float[Array, "axis"], parameters: dict[str, Array]) -> Float[Array, ""]:
    """-2t (cos k_x + cos k_y) + 4t' cos k_x cos k_y [meV]: one orbital, nearest and next-nearest neighbours."""
    t, tp = parameters["t"], parameters["tp"]
    return -2 * t * (jnp.cos(k[0]) + jnp.cos(k[1])) + 4 * tp * jnp.cos(k[0]) * jnp.cos(k[1])


def cuprate_lattice_model(g: float = 73.6) -> Lattice:
    """MODEL of a cuprate: one band of a square lattice with a d wave, t = 100 meV, t' = 25 meV, some 0.85 electrons per cell.

    From Wu et al., Phys. Rev. Lett. 58, 908 (1987), title: superconductivity at 93 K in Y-Ba-Cu-O. All else is a choice; g
    [meV] is that of neighbours (`jaxgap.model.forms`) and gives T_c = 93 K. Without self-energies and fluctuations this is no
    theory of cuprates.
    """
    channels = {"d": channel(form="d_x2-y2")}
    return lattice(square_lattice, parameters={"t": 100.0, "tp": 25.0}, channels=channels, g=[[g]], mu=-86.0)
