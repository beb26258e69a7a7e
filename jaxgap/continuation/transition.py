r"""The transition out of the normal state: its temperature, and whether it is continuous.

T_c,lin, where the normal state becomes unstable, is the critical temperature only if the transition is continuous. Pairs of
electrons from two bands at a distance d resist it as paramagnetic pair breaking does: pure cross pairing is the
Sarma/Clogston problem, E = sqrt(xi^2 + Delta_3^2) +- d/2, whose transition is of first order at d = sqrt(2) Delta_3(0) for
T = 0 and whose linear eigenvalue crosses 1 twice for 1 < d/Delta_3(0) < 1.22. Then T_c is where the free energy of a followed
solution equals that of the normal state.

Without detailed balance a complex pair of eigenvalues may come first (`jaxgap.solving.critical`): the normal state is then
unstable below that temperature, in an oscillation, and no static superconducting state branches off there.
"""

from enum import IntEnum
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxgap.continuation.bifurcations import Bifurcation, BifurcationKind
from jaxgap.continuation.branches import branches
from jaxgap.continuation.crossings import crossings
from jaxgap.continuation.paths import path
from jaxgap.equations.linear import highest_temperature, linear_map
from jaxgap.equations.pairing import cubic_residual
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.numerics.implicit import SINGULAR
from jaxgap.numerics.marginal import marginal_space, projector
from jaxgap.numerics.programs import program
from jaxgap.solving.critical import linear_crossings
from jaxgap.solving.entry import takes_system
from jaxgap.solving.labels import Label
from jaxgap.states.solutions import State, is_superconducting, solutions
from jaxgap.units import k_B

__all__ = ["Transition", "TransitionKind", "transition"]


class TransitionKind(IntEnum):
    """How superconductivity sets in when the temperature falls."""

    NONE = 0
    """It does not: no superconducting ground state was found at any temperature."""
    CONTINUOUS = 1
    """The gap grows from zero at T_c,lin."""
    FIRST_ORDER = 2
    """A superconducting state of finite gap takes over where its free energy equals the normal state's."""
    UNDEFINED = 3
    """Superconducting states exist above T_c,lin, but g is not symmetric: without a free energy nothing says which state
    wins."""
    OSCILLATORY = 4
    """g is not symmetric, and the normal state becomes unstable in an oscillation before any static superconducting state
    branches off: without detailed balance relaxation rates, which a gap equation does not know, decide what follows."""

    @property
    def text(self) -> str:
        """The kind in words."""
        return ("no transition", "continuous", "first order", "undefined", "oscillatory")[self]


class Transition(NamedTuple):
    """The transition temperature with its kind."""

    T_c: float
    """[K]; T_c,lin if the kind is continuous or undefined, 0 if there is none."""
    kind: TransitionKind
    linear: tuple[float, ...]
    """All temperatures at which the normal state is marginal [K], highest first: the first is T_c,lin."""
    event: Bifurcation | None
    """The crossing of the free energies of a first-order transition: `event.value()` is a differentiable T_c."""
    superheating: float | None
    """Highest temperature at which a superconducting state above T_c,lin exists (its fold) [K]."""
    oscillatory: float | None = None
    """Temperature above T_c,lin [K] below which the normal state is unstable in an oscillation (for equal relaxation rates)."""


@program
def _cubic(sc: Superconductor, T: Float[Array, ""]) -> Float[Array, ""]:
    """Sign of the cubic term of the gap equations along the critical direction at T_c,lin: where it is negative, the
    superconducting branch sets out towards higher temperatures, and the transition is of first order.

    With M v = 0 and w M = 0 it is w . d^3 r(e v)/de^3 / (w . v); r is odd in Delta, so nothing else enters at this order. NaN
    where w . v = 0 (a defective eigenvalue).
    """
    space = marginal_space(linear_map(sc, T))
    v = space.direction
    w = projector(space).T @ v
    third, overlap = w @ cubic_residual(sc, v, T), w @ v
    return jnp.where(jnp.abs(overlap) > SINGULAR, third / overlap, jnp.nan)


@takes_system
def transition(sc: Superconductor) -> Transition:
    """T_c [K] with its kind, all linear roots, and the first-order crossing if there is one.

    It is continuous if no superconducting state exists just above T_c,lin (at 1.001 T_c,lin) and the cubic term of the gap
    equations there has the sign that keeps the branch below. Else superconducting branches are followed from T near 0 until
    they end; the highest crossing of a stable one's free energy with zero, if it lies above T_c,lin, is a first-order
    transition.

    Raises:
        NotConvergedError: if a superconducting state beats the normal one above T_c,lin and where it ceases to was not located.
    """
    unstable = linear_crossings(sc)
    found = _static_transition(sc, tuple(crossing.T for crossing in unstable if crossing.static))
    if not unstable or unstable[0].static:
        return found
    return found._replace(kind=TransitionKind.OSCILLATORY, oscillatory=unstable[0].T)


def _static_transition(sc: Superconductor, linear: tuple[float, ...]) -> Transition:
    """The transition into static states, from the temperatures at which the normal state is marginal."""
    T_lin = linear[0] if linear else 0.0
    above: list[State] = []
    if linear and is_superconducting(sc, T_lin * (1 + 1e-3)):
        above = [state for state in solutions(sc, T_lin * (1 + 1e-3)) if state.label != Label.NORMAL]
    if linear and not above and _cubic(sc, jnp.asarray(T_lin)) > 0:
        return Transition(T_lin, TransitionKind.CONTINUOUS, linear, None, None)
    coldest = 0.01 * T_lin if linear else 1e-4 * float(highest_temperature(sc))
    cold = solutions(sc, coldest)
    largest = max((float(np.max(np.abs(state.Delta))) for state in cold), default=0.0)
    if largest == 0.0:
        return Transition(0.0, TransitionKind.NONE, linear, None, None)
    # No gap ratio Delta / k_B T_c is below 1/2 for the largest amplitude: twice that temperature lies above every branch.
    found = branches(path(sc, 0.0, {"T": (coldest, max(1.5 * T_lin, 2 * largest / k_B))}), searches=1)
    folds = [float(e.value()) for b in found for e in b.events if e.kind == BifurcationKind.FOLD]
    superheating = max((T for T in folds if T_lin < T), default=None)
    if not bool(sc.has_free_energy):
        # Where the cubic term does not exist (a defective eigenvalue), that no state was found above T_c,lin decides.
        kind = TransitionKind.CONTINUOUS if linear and not above and superheating is None else TransitionKind.UNDEFINED
        return Transition(T_lin, kind, linear, None, superheating)
    first = [e for e in crossings(found) if not np.any(np.asarray(e.direction)) and float(e.value()) > T_lin]
    if not first:
        # Whatever beats the normal state there ends, or is beaten, further up: a crossing must exist.
        if any(state.free_energy is not None and state.free_energy < 0 for state in (above if linear else cold)):
            raise NotConvergedError(
                f"A superconducting state beats the normal one {f'above T_c,lin = {T_lin:.6g} K' if linear else 'near T = 0'}, "
                "but the temperature at which their free energies are equal was not located."
            )
        kind = TransitionKind.CONTINUOUS if linear else TransitionKind.NONE
        return Transition(T_lin, kind, linear, None, superheating)
    event = max(first, key=lambda e: float(e.value()))
    return Transition(float(event.value()), TransitionKind.FIRST_ORDER, linear, event, superheating)
