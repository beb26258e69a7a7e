r"""Electrons and their chemical potential, which of a system with a density is found with the amplitudes.

.. math:: n = \sum_k \mathrm{tr} \left[ 1 - \tanh(H / 2 k_B T) \right]_{11}

in the units of `jaxgap.equations.occupation`.
"""

from jaxgap.equations.occupation import occupation
from jaxgap.observables.quantity import Need, Quantity

__all__ = ["ELECTRONS"]

ELECTRONS = (
    Quantity(
        "mu", lambda sc, T, s: sc.mus[0], (), "meV", "chemical potential of the first band, or of the lattice", Need.STATE
    ),
    Quantity(
        "density",
        lambda sc, T, s: occupation(sc, s.Delta, T),
        (),
        "1",
        "electrons, in the unit of sums over k (of bands meV, in 3D meV^(3/2); of a lattice per cell)",
        Need.STATE,
    ),
)
