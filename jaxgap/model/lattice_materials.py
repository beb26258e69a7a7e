"""Models of materials on a lattice. What ends in `_model` has the symmetry of a material and a T_c near the published one, or
hoppings that are published; every other number in it is a choice, made for trying things out, and none is measured."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxgap.model.forms import channel
from jaxgap.model.lattice import Lattice
from jaxgap.model.lattice_constructor import lattice
from jaxgap.model.materials import MATERIALS
from jaxgap.model.retarded_materials import mgb2_eliashberg
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.tight_binding import TightBinding, hopping, tight_binding

__all__ = ["SYSTEMS", "attractive_hubbard_model", "cuprate_lattice_model", "pnictide_orbitals_model", "square_lattice"]


def square_lattice() -> TightBinding:
    """-2t (cos k_x + cos k_y) + 4t' cos k_x cos k_y [meV]: one orbital, nearest and next-nearest neighbours."""
    return tight_binding([hopping("t", [(1, 0), (0, 1)], factor=-1.0), hopping("tp", [(1, 1), (1, -1)])])


def cuprate_lattice_model(g: float = 73.6) -> Lattice:
    """MODEL of a cuprate: one band of a square lattice with a d wave, t = 100 meV, t' = 25 meV, some 0.85 electrons per cell.

    From Wu et al., Phys. Rev. Lett. 58, 908 (1987), title: superconductivity at 93 K in Y-Ba-Cu-O. All else is a choice; g
    [meV] is that of neighbours (`jaxgap.model.forms`) and gives T_c = 93 K. Without self-energies and fluctuations this is no
    theory of cuprates.
    """
    channels = {"d": channel(form="d_x2-y2")}
    return lattice(square_lattice(), parameters={"t": 100.0, "tp": 25.0}, channels=channels, g=[[g]], mu=-86.0)


def attractive_hubbard_model(U: float = 300.0) -> Lattice:
    """MODEL: the attractive Hubbard model on a square lattice, t = 100 meV, without its Hartree term: pairs on one site, g = U.

    From strong to weak pairing it goes through BCS to BEC: with `jaxgap.at_density`, Delta = (U/2) sqrt(n (2 - n)) and
    mu = -(U/2)(1 - n) for U >> t.
    """
    nearest = tight_binding([hopping("t", [(1, 0), (0, 1)], factor=-1.0)])
    return lattice(nearest, parameters={"t": 100.0}, channels={"s": channel()}, g=[[U]], mu=-80.0)


def pnictide_orbitals_model(within: float = 269.0, between: float = 26.9) -> Lattice:
    r"""MODEL of an iron pnictide: orbitals xz and yz of one iron atom per cell, which hybridise as sin k_x sin k_y.

    .. math:: \epsilon_{xz} = -2 t_1 \cos k_x - 2 t_2 \cos k_y - 4 t_3 \cos k_x \cos k_y, \qquad
              \epsilon_{xz,yz} = -4 t_4 \sin k_x \sin k_y

    and yz with x and y exchanged. Raghu et al., Phys. Rev. B 77, 220503(R) (2008): t_1 = -1, t_2 = 1.3, t_3 = t_4 = -0.85 and
    mu = 1.45 in units of |t_1|, for which 100 meV is a choice. Pairs are of one orbital, with the form cos k_x cos k_y (Seo,
    Bernevig and Hu, Phys. Rev. Lett. 101, 206404 (2008)), which has opposite signs on hole and electron pockets: s+-. The
    couplings [meV] `within` an orbital and `between` both give T_c = 26 K, that of Kamihara et al., J. Am. Chem. Soc. 130,
    3296 (2008), title, and are a choice. What pairs of orbitals are across bands, `jaxgap.observables.band_basis` tells.
    """
    both = [("xz", "t1", "t2"), ("yz", "t2", "t1")]
    h = [hopping(along_x, [(1, 0)], factor=-1.0, orbitals=one) for one, along_x, _ in both]
    h += [hopping(along_y, [(0, 1)], factor=-1.0, orbitals=one) for one, _, along_y in both]
    h += [hopping("t3", [(1, 1), (1, -1)], factor=-1.0, orbitals=one) for one, _, _ in both]
    # sin k_x sin k_y = [cos(k_x - k_y) - cos(k_x + k_y)] / 2
    h += [
        hopping("t4", [(1, 1), (-1, -1)], orbitals=("xz", "yz")),
        hopping("t4", [(1, -1), (-1, 1)], factor=-1.0, orbitals=("xz", "yz")),
    ]
    g = np.array([[within, between], [between, within]])
    return lattice(
        tight_binding(h, ("xz", "yz")),
        parameters={"t1": -100.0, "t2": 130.0, "t3": -85.0, "t4": -85.0},
        channels={name: channel(name, form="s_x2y2") for name in ("xz", "yz")},
        g=jnp.asarray(g),
        mu=145.0,
        orbitals=("xz", "yz"),
    )


SYSTEMS: dict[str, Callable[..., Superconductor]] = MATERIALS | {
    "attractive_hubbard_model": attractive_hubbard_model,
    "cuprate_lattice_model": cuprate_lattice_model,
    "pnictide_orbitals_model": pnictide_orbitals_model,
    "mgb2_eliashberg": mgb2_eliashberg,
}
"""All by the names that the command line takes: materials of bands, on lattices, and with retarded interactions."""
