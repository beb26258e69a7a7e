r"""Where a first-order change ends, and from where on the gapless state is stable.

Along a path through the couplings two folds bound the range in which two states coexist. With rising temperature they
approach each other and annihilate in a cusp, the critical end point T*: above it the change is smooth. Near it the two folds
differ by

.. math:: |\Delta_a - \Delta_b|^2 \propto T^* - T, \qquad |p_a - p_b| \propto (T^* - T)^{3/2}

so that the squared distance of their amplitudes, extrapolated to zero, gives T*, from folds that are themselves located by
their own equations. The gapless state between the two minima becomes stable where the smallest eigenvalue of M (amplitudes)
and of its phase block have become positive; both temperatures are roots along the line of gapless states. At d = 0, where the
gapless states are those of det Delta = 0, the two eigenvalues were found equal at every temperature looked at (4.2 to 20 K, to
rounding): a numerical finding, without a proof here. With d they part.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from jaxgap.continuation.bifurcations import Bifurcation, BifurcationKind, locate_fold, locate_gapless
from jaxgap.equations.gauge import group_directions
from jaxgap.model.family import Path
from jaxgap.numerics.checks import InputError, NotConvergedError, check
from jaxgap.solving.stability import real_blocks

__all__ = ["CriticalEndPoint", "critical_end_point", "GaplessLimits", "gapless_limits"]

PRECISION = 1e-6
"""Relative accuracy of the temperatures found here."""
MAX_STEPS = 60


class CriticalEndPoint(NamedTuple):
    """The cusp at which two folds annihilate."""

    T: float
    """Temperature T* [K]."""
    p: float
    """Position on the path."""
    Delta: np.ndarray
    """Amplitudes there [meV]."""
    path: Path
    """The path at T*."""

    def value(self, name: str | None = None) -> float:
        """The value of what changes along the path."""
        return float(self.path.value(self.p, name))


def at_temperature(path: Path, T: float) -> Path:
    """The same path through the couplings at another temperature [K]."""
    if "T" in path.names:
        raise InputError("The temperature is the unknown here: the path must change couplings only, not `T`.")
    return eqx.tree_at(lambda s: (s.T_0, s.T_1), path, (jnp.asarray(T, float), jnp.asarray(T, float)))


class _Pair(NamedTuple):
    """Two folds at one temperature: mean and half difference of (Delta, p)."""

    T: float
    mean: np.ndarray
    half: np.ndarray

    @property
    def square(self) -> float:
        """Squared distance of the amplitudes [meV^2]: linear in T close to the cusp."""
        return float(4 * self.half[:-1] @ self.half[:-1])


def critical_end_point(one: Bifurcation, other: Bifurcation) -> CriticalEndPoint:
    """The temperature T* [K] at which two folds of one path annihilate, followed upwards from theirs.

    Args:
        one, other: two folds of one branch (`jaxgap.branches(...)[k].events`), of a path along couplings.

    Raises:
        InputError: if these are not two different folds of a path along couplings.
        NotConvergedError: if the folds cannot be followed until they meet.
    """
    check(one.kind == other.kind == BifurcationKind.FOLD, "one, other", "be two folds", f"{one.kind.name}, {other.kind.name}")
    pair = _pair(one, other)
    check(pair.square > 0, "one, other", "be two different folds", "one fold twice")
    h, before, first = 0.02 * max(pair.T, 1.0), pair, pair
    for _ in range(MAX_STEPS):
        T_star = _meeting(before, pair)
        if np.isfinite(T_star) and T_star - pair.T <= PRECISION * T_star:
            mean = _extrapolated(before, pair, T_star)
            return CriticalEndPoint(T_star, float(mean[-1]), mean[:-1], at_temperature(one.path, T_star))
        T = min(pair.T + h, pair.T + 0.8 * (T_star - pair.T))
        new = _followed(one.path, before, pair, T, T_star)
        if new is None:
            h = (T - pair.T) / 3
            continue
        before, pair, h = pair, new, 2 * h
    raise NotConvergedError(f"The two folds could be followed from {first.T:g} K to {pair.T:g} K, but not until they meet.")


def _pair(one: Bifurcation, other: Bifurcation) -> _Pair:
    a, b = (np.append(np.asarray(event.Delta), float(event.p)) for event in (one, other))
    return _Pair(float(one.path.T_0), (a + b) / 2, (a - b) / 2)


def _meeting(before: _Pair, pair: _Pair) -> float:
    """The temperature at which the squared distance, extrapolated, is zero; infinite while it does not fall."""
    if before.square <= pair.square:
        return np.inf
    return pair.T + pair.square * (pair.T - before.T) / (before.square - pair.square)


def _extrapolated(before: _Pair, pair: _Pair, T: float) -> np.ndarray:
    return pair.mean + (pair.mean - before.mean) * (T - pair.T) / (pair.T - before.T)


def _followed(path: Path, before: _Pair, pair: _Pair, T: float, T_star: float) -> _Pair | None:
    """The two folds at T, from where they are expected: None if they are not found there, as two."""
    mean, half = pair.mean, pair.half
    if np.isfinite(T_star):
        mean, half = _extrapolated(before, pair, T), half * np.sqrt((T_star - T) / (T_star - pair.T))
    folds = [locate_fold(at_temperature(path, T), jnp.asarray(y[:-1]), jnp.asarray(y[-1])) for y in (mean + half, mean - half)]
    new = _pair(*folds)
    same_way = new.half[:-1] @ pair.half[:-1] > 0
    alike = 0.02 * pair.square < new.square < 1.1 * pair.square
    return new if all(bool(fold.converged) for fold in folds) and same_way and alike else None


class GaplessLimits(NamedTuple):
    """From where on the gapless state is stable [K]."""

    amplitude: float
    """Temperature above which its amplitudes are stable."""
    phase: float
    """Temperature above which its phases are stable (for equal relaxation rates)."""
    event: Bifurcation
    """The gapless state at the higher of the two, above which it is stable."""

    @property
    def T(self) -> float:
        """Temperature above which the gapless state is stable [K]."""
        return max(self.amplitude, self.phase)


def gapless_limits(event: Bifurcation) -> GaplessLimits:
    """Temperatures [K] above which the gapless state of a path along couplings is stable.

    Args:
        event: a gapless state, unstable in amplitude and in phase, of kind `BifurcationKind.GAPLESS`.

    Raises:
        InputError: if it is none.
        NotConvergedError: if it does not become stable while it can be followed.
    """
    check(event.kind == BifurcationKind.GAPLESS, "event", "be a gapless state", event.kind.name)
    amplitude, phase = (_limit(event, index) for index in (0, 1))
    T_amplitude, T_phase = float(amplitude.path.T_0), float(phase.path.T_0)
    return GaplessLimits(T_amplitude, T_phase, amplitude if T_amplitude >= T_phase else phase)


def _limit(event: Bifurcation, index: int) -> Bifurcation:
    """The gapless state at which the smallest eigenvalue of a block (0: amplitudes, 1: phases) is zero."""
    from scipy.optimize import brentq  # here: a quarter of a second that no other part of `import jaxgap` needs

    lo, hi = event, event
    check(_smallest(lo, index) < 0, "event", f"be unstable in {('amplitude', 'phase')[index]}", "stable")
    while _smallest(hi, index) < 0:
        lo, hi = hi, _gapless_at(hi, 1.15 * max(float(hi.path.T_0), 1.0))
    ends = float(lo.path.T_0), float(hi.path.T_0)
    return _gapless_at(lo, brentq(lambda T: _smallest(_gapless_at(lo, T), index), *ends, rtol=PRECISION))


def _gapless_at(event: Bifurcation, T: float) -> Bifurcation:
    found = locate_gapless(at_temperature(event.path, T), event.Delta, event.p)
    if not bool(found.converged):
        raise NotConvergedError(f"The gapless state could not be followed to {T:g} K.")
    return found


def _smallest(event: Bifurcation, index: int) -> float:
    """Smallest eigenvalue of the amplitude or the phase block, the free global phase left out."""
    sc, T = event.path.at(event.p)
    block = np.asarray(real_blocks(sc, event.Delta, T)[index])
    if index == 1:
        gauge = np.asarray(group_directions(sc, event.Delta))
        block = block + gauge.T @ gauge
    return float(np.min(np.linalg.eigvals(block).real))
