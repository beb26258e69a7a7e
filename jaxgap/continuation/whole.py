r"""A named branch as a whole: followed once from T = 0 until it ends, with its gaps at shares of the temperature of that end.

.. math:: \Delta(s T_{end}), \qquad 0 \le s < 1

`jaxgap.branch_end` and `jaxgap.gap_curve` find the same, each for itself.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxgap.continuation.ends import RESOLUTION, BranchEnd, EndKind, located
from jaxgap.equations.linear import highest_temperature
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.programs import program
from jaxgap.solving.curves import GapCurve, curve_at
from jaxgap.solving.following import track_of
from jaxgap.solving.labels import sign_pattern
from jaxgap.solving.solution import Solution
from jaxgap.solving.stations import past_stations
from jaxgap.solving.walk import Walk
from jaxgap.solving.ways import way_from_zero
from jaxgap.spectra.mesh import coarser
from jaxgap.spectra.quadrature import DEFAULT_RULE

__all__ = ["WholeBranch", "whole_branch"]


class WholeBranch(NamedTuple):
    """A branch from T = 0 to its end."""

    end: BranchEnd
    """Where it ends; its derivatives are those of `branch_end` only, here there are none."""
    curve: GapCurve
    """Its gaps on the way."""


def whole_branch(sc: Superconductor, branch: str, cold: Solution, shares: object) -> WholeBranch:
    """A named branch with its end.

    Args:
        sc: the system.
        branch: "s++", "s+-", or one sign per band such as "++-".
        cold: its solution at T = 0, from which it is followed.
        shares: where its gaps are wanted, as shares of the temperature at which it ends.

    Example:
        >>> sc = jg.materials.two_band()
        >>> cold = jg.solve(sc, 0.0, branch="s+-")
        >>> end, curve = jg.continuation.whole.whole_branch(sc, "s+-", cold, [0.0, 0.9])
        >>> round(float(end.T), 3), np.asarray(curve.gaps).round(3).tolist()
        (12.378, [[0.921, 2.269], [0.675, 1.097]])
    """
    return _whole_branch(sc, sign_pattern(branch, sc.signed), jnp.real(cold.Delta), jnp.asarray(shares, dtype=float))


@program
def _whole_branch(
    sc: Superconductor, pattern: Float[Array, "band"], cold: Float[Array, "channel"], shares: Float[Array, "share"]
) -> WholeBranch:
    frozen = jax.lax.stop_gradient(sc)
    way = way_from_zero(coarser(frozen), pattern, DEFAULT_RULE, RESOLUTION, known=cold)
    furthest = highest_temperature(frozen)

    def places(walk: Walk) -> tuple[Float[Array, "share"], BranchEnd]:
        z, kind, _, _ = located(frozen, track_of(way.path(furthest, begun), walk), pattern)
        Delta = jnp.where(kind == EndKind.NORMAL, 0.0, z[: len(cold)])
        return z[-1] * shares, BranchEnd(z[-1], Delta, kind)

    begun = way.begin(furthest)
    stations = past_stations(way, furthest, places, rising=True, pattern=pattern)
    return WholeBranch(stations.told, curve_at(sc, stations, pattern))
