r"""Paths through parameter space, by what changes along them.

.. math:: \theta(p) = (1 - p) \, \theta_0 + p \, \theta_1, \qquad 0 \le p \le 1

with theta all leaves of the system and T.
"""

from collections.abc import Mapping

from jaxgap.model.family import Path
from jaxgap.model.superconductor import Superconductor, check_known_mu
from jaxgap.numerics.checks import InputError, check
from jaxgap.solving.entry import checked_temperature, takes_any_system

__all__ = ["path"]


@takes_any_system
def path(sc: Superconductor, T: object, along: object) -> Path:
    """The path on which the leaves named in `along` (and "T" [K]) go from their first to their second value together.

    Args:
        sc: the system.
        T: temperature [K], where it is not moved.
        along: leaf, or "T", -> (first value, second value), in their units.

    Example:
        >>> sc = jg.materials.two_band()
        >>> coupling = jg.path(sc, 4.2, {"lambda_33": (0.1, 0.3)})
        >>> temperature = jg.path(sc, 0.0, {"T": (0.0, 80.0)})
    """
    check_known_mu(sc)
    if not isinstance(along, Mapping) or not along:
        raise InputError(f'Argument `along` must name what changes, such as {{"lambda_33": (0.1, 0.3)}}, but got {along!r}.')
    for name, ends in along.items():
        check(isinstance(ends, tuple | list) and len(ends) == 2, f"along[{name}]", "be a pair (from, to)", repr(ends))
    leaves = {name: ends for name, ends in along.items() if name != "T"}
    sc_0, sc_1 = (sc.set({name: ends[i] for name, ends in leaves.items()}) for i in (0, 1))
    T_0, T_1 = (checked_temperature(value) for value in along.get("T", (T, T)))
    return Path(sc_0, sc_1, T_0, T_1, tuple(along))
