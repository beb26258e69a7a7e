r"""Transverse-field muon spin rotation: the width of the field distribution of a vortex lattice.

.. math:: \sigma_{sc} = \gamma_\mu \sqrt{\langle \Delta B^2 \rangle}, \qquad
          \langle \Delta B^2 \rangle = B^2 \sum_{G \neq 0} \frac{1}{(1 + \lambda^2 G^2)^2}
          \to C \, \frac{\Phi_0^2}{\lambda^4}, \qquad \sigma = \sqrt{\sigma_{sc}^2 + \sigma_n^2}

for a triangular lattice in London's theory at fields between H_c1 and H_c2, where lambda G >> 1 and cores do not count
(E. H. Brandt, Phys. Rev. B 37, 2349 (1988); 68, 054506 (2003)). With |G|^2 = (16 pi^2 / 3 a^2)(m^2 + mn + n^2) and
B a^2 = 2 Phi_0 / sqrt 3 the sum is

.. math:: C = \frac{3}{64 \pi^4} \sum_{(m, n) \neq 0} \frac{1}{(m^2 + mn + n^2)^2}
            = \frac{9 \zeta(2) L(2)}{32 \pi^4} = 0.0037107, \qquad
          L(2) = \sum_{k \geq 0} \Bigl[ \frac{1}{(3k+1)^2} - \frac{1}{(3k+2)^2} \Bigr]

Brandt's 0.00371 (L is Dirichlet's L-function of the character modulo 3). sigma_n is the nuclear moments' part. The line is no
Gaussian: sigma^2 is its second moment. Of a powder of layers lambda is an average (some 1.31 lambda_ab), which a free lambda_0
takes up.
"""

import numpy as np
from jaxtyping import Array, Float
from scipy.special import zeta

from jaxgap.numerics.types import Scalar
from jaxgap.observables.measurements import DEPOLARISATION
from jaxgap.observables.penetration import LAMBDA_0, inverse_square_of, without_depth
from jaxgap.observables.quantity import LAYER_SPACING, Need, Picture, Quantity
from jaxgap.observables.superfluid import superfluid_fraction_of
from jaxgap.observables.views import TEMPERATURE
from jaxgap.units import flux_quantum, muon_gyromagnetic_ratio

__all__ = ["MUON_ROTATION", "SECOND_MOMENT", "depolarisation_of"]

SECOND_MOMENT = 9 * zeta(2.0) * (zeta(2.0, 1 / 3) - zeta(2.0, 2 / 3)) / 9 / (32 * np.pi**4)
"""C."""


def depolarisation_of(inverse_square: Scalar) -> Float[Array, ""]:
    """sigma_sc [1/us] of 1/lambda^2 [1/um^2]."""
    return muon_gyromagnetic_ratio * SECOND_MOMENT**0.5 * flux_quantum * 1e-6 * inverse_square


# --- for observe, sweeps and fits ---------------------------------------------------------------------------------------

MUON_ROTATION = Quantity(
    "sigma_sc",
    lambda sc, T, s, lambda_0, layer_spacing: depolarisation_of(
        inverse_square_of(sc, lambda_0, layer_spacing) * superfluid_fraction_of(s)
    ),
    units="1/us",
    long_name="muon spin depolarisation by the vortex lattice",
    needs=Need.STATE,
    settings=(LAMBDA_0, LAYER_SPACING),
    normal=0.0,
    datum="sigma_sc",
    measurement=DEPOLARISATION,
    refused=without_depth,
    picture=Picture(
        TEMPERATURE,
        "muon spin depolarisation over temperature, in 1/us",
        r"$\sigma_{sc}$ ($\mu$s$^{-1}$)",
        "muon spin rotation, triangular vortex lattice",
    ),
)
