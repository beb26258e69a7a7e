"""Temperatures that equations of their own locate: T_c, the end of a branch, the first-order jump to another state."""

from typing import NamedTuple

from jaxtyping import Array, Float

from jaxgap.continuation.ends import Begin, end_temperature
from jaxgap.continuation.jumps import jump_between
from jaxgap.observables.quantity import Need, Quantity
from jaxgap.solving.critical import critical_temperature

__all__ = ["BRANCH_END", "JUMP", "T_C", "OnBranch"]


class OnBranch(NamedTuple):
    """Where a branch is known, and what it jumps to: what a quantity that needs a branch takes for the state."""

    pattern: Float[Array, "band"]
    """Signs of the band amplitudes."""
    begin: Begin | None
    """None: it begins at T = 0."""
    after: Float[Array, "band"] | None
    """Signs of the band amplitudes of the other state, zero for the normal one; None where there is none."""


T_C = Quantity(
    "T_c",
    lambda sc, T, s: critical_temperature(sc),
    (),
    "K",
    "critical temperature (linear)",
    Need.SYSTEM,
    datum="T_c",
    proposed=True,
)
BRANCH_END = Quantity(
    "branch_end",
    lambda sc, T, on: end_temperature(sc, on.pattern, on.begin),
    (),
    "K",
    "temperature at which the branch ends",
    Need.BRANCH,
    datum="branch_end",
    proposed=True,
)
JUMP = Quantity(
    "jump",
    lambda sc, T, on: jump_between(sc, on.pattern, on.after),
    (),
    "K",
    "temperature of the first-order transition to another state",
    Need.BRANCH,
    datum="jump",
)
