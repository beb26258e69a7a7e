r"""Which comes first: the charge density wave or superconductivity, for one attraction at mean field.

.. math:: g \, \chi(Q, T_{CDW}) = 1, \qquad g \, C(0, T_c) = 1

Both responses are those of `jaxgap.origins.response`, per cell and spin; g > 0 [meV] is an attraction at one site (that of the
Hubbard model with U = -g: its random-phase charge response diverges at the first, its pair response at the second temperature).
Perfect nesting, zeta_{k+Q} = -zeta_k, makes the two temperatures equal; where it is imperfect, chi(Q) stops growing and the
charge density wave falls behind, like pairs in a field: zeta_{k+Q} = -zeta_k - 2 delta with one delta for all k gives, in weak
coupling,

.. math:: \ln\frac{T_{CDW}}{T_c} = \psi\left(\tfrac12\right)
          - \mathrm{Re} \, \psi\left(\tfrac12 + \frac{i \delta}{2 \pi k_B T_{CDW}}\right) .

This is jaxgap's reading of Fig. 1 of W18, which has no formula. Fluctuations are left out: in one dimension they forbid both.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.numerics.bracket import bisected
from jaxgap.numerics.checks import check, is_concrete
from jaxgap.numerics.implicit import at_root
from jaxgap.numerics.precision import require_float64
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import PyTree, Real, Reals, Scalar
from jaxgap.origins.dispersions import Lattice
from jaxgap.origins.response import lowest_temperature, response, zone_points
from jaxgap.units import k_B

__all__ = ["Instabilities", "instabilities"]

SCAN = 64
"""Temperatures, evenly in ln T, among which the highest instability is looked for."""
BISECTIONS = 50


class Instabilities(NamedTuple):
    """At which temperatures the normal state gives way, each response alone."""

    T_CDW: Float[Array, ""]
    """Of the charge density wave [K]; 0 if there is none above `lowest`."""
    T_c: Float[Array, ""]
    """Of superconductivity [K]; 0 if there is none above `lowest`."""
    lowest: Float[Array, ""]
    """The lowest temperature that the points of the zone resolve [K]."""

    @property
    def first(self) -> str:
        """The one that comes first as the temperature falls, in words."""
        cdw, pairs = float(self.T_CDW), float(self.T_c)
        if cdw == pairs == 0:
            return "neither"
        if abs(cdw - pairs) <= 1e-9 * max(cdw, pairs):
            return "both at once"
        return "charge density wave" if cdw > pairs else "superconductivity"


def instabilities(lattice: Lattice, g: Real, Q: Reals, points: int | None = None) -> Instabilities:
    """T_CDW at the wave vector Q and T_c [K] of a lattice with the attraction g, both differentiable in lattice, g and Q.

    Args:
        lattice: from `tight_binding` or `square_lattice`.
        g: attraction at a site [meV], positive.
        Q: wave vector of the charge density wave [1/angstrom].
        points: of the zone per direction; more reach lower temperatures.

    Raises:
        InputError: if g is not positive, or Q has the wrong shape.

    Example:
        >>> cell = [[4.0, 0.0], [0.0, 4.0]]
        >>> square = jg.origins.tight_binding([1000.0, 1000.0], cell, cell=cell)
        >>> jg.origins.instabilities(square, g=1500.0, Q=[np.pi / 4, np.pi / 4]).first
        'both at once'
    """
    require_float64()
    Q = jnp.atleast_1d(jnp.asarray(Q, jnp.float64))
    check(Q.shape == (len(lattice.cell),), "Q", f"have one component per dimension ({len(lattice.cell)})", f"shape {Q.shape}")
    if is_concrete(g):
        check(float(g) > 0, "g", "be positive [meV]: an attraction", g)
    return _instabilities(lattice, jnp.asarray(g, jnp.float64), Q, zone_points(lattice, points))


@program
def _instabilities(lattice: Lattice, g: Float[Array, ""], Q: Float[Array, "d"], points: int) -> Instabilities:
    lowest = jax.lax.stop_gradient(lowest_temperature(lattice, points))
    T_CDW = _highest(lattice, g, Q, lowest, points, -1)
    return Instabilities(T_CDW, _highest(lattice, g, jnp.zeros_like(Q), lowest, points, 1), lowest)


def _highest(lattice: Lattice, g: Scalar, q: Float[Array, "d"], lowest: Scalar, points: int, sign: int) -> Float[Array, ""]:
    """The highest T with g response = 1, from above; a response need not be monotonic in T."""

    def residual(log_T: Float[Array, "1"], theta: PyTree) -> Float[Array, "1"]:
        lattice, g, q = theta
        return (g * response(lattice, q, jnp.exp(log_T[0]), points, sign) - 1)[None]

    theta = (lattice, g, q)
    fixed = jax.lax.stop_gradient(theta)
    # tanh(x)/x <= 1 bounds both responses by 1 / 4 k_B T.
    top = jnp.log(jnp.maximum(fixed[1] / (4 * k_B), lowest))
    scan = jnp.linspace(top, jnp.log(lowest), SCAN)
    unstable = jax.lax.map(lambda log_T: residual(log_T[None], fixed)[0] >= 0, scan)
    exists = jnp.any(unstable)
    first = jnp.argmax(unstable)

    ends = scan[jnp.maximum(first - 1, 0)], scan[first]
    hot, cold = bisected(lambda log_T: ~(residual(log_T[None], fixed)[0] >= 0), *ends, BISECTIONS)
    log_T = at_root(residual, ((hot + cold) / 2)[None], theta, exists)[0]
    return jnp.where(exists, jnp.exp(log_T), 0.0)
