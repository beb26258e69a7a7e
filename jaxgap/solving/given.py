"""The state that amplitudes make, whether or not they solve the gap equations: what fits see of it before and after they do."""

from typing import cast

from jaxtyping import Array, Float, Inexact

from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.model.superconductor import Superconductor
from jaxgap.solving.dressed import DressedState
from jaxgap.solving.state import GivenState

__all__ = ["given_state"]


def given_state(sc: Superconductor, T: Float[Array, ""], Delta: Inexact[Array, "channel"]) -> GivenState | DressedState:
    """Of amplitudes that are constant within the shells; with an instantaneous interaction, of an order parameter that
    impurities dress."""
    return DressedState(cast(RetardedSuperconductor, sc), T, Delta) if sc.is_retarded else GivenState(sc, T, Delta)
