r"""A state with self-energies followed along a path through parameter space: in temperature, in disorder, in any leaf.

.. math:: \Phi = \Phi[\Phi; \text{system}(p), T(p)], \qquad p: 0 \to 1, \qquad \Phi(p + h) \approx \Phi + h \, d\Phi / dp

Every point is a state of `jaxgap.solve`, started from the line through Phi of the last two points; a step after which the order
parameter is not where that line says, or where no state is found, is tried again at half its length. So a state keeps its
identity where its signs change (s+- turns into s++ under scattering between bands, smoothly, through a band without a gap)
and where another one has the lower free energy. It ends in the normal state or at a fold, where it meets a state of other
stability and

.. math:: \sigma_{\min}^2 \propto p_{\mathrm{fold}} - p

whose place is on the line through sigma_min^2 of the last two points: p itself is stepped here, and folds are ends. (Static
interactions have `jaxgap.branches`, which goes through them.) Close to it a step could lead to the other state, whose
amplitudes are near: where the stability changes, only a state that has moved as the line says is the same one, as at a
pitchfork. First-order changes are where two followed states have equal free energies.
"""

from dataclasses import replace
from typing import NamedTuple, cast

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.optimize import brentq

from jaxgap.model.family import Path
from jaxgap.model.retarded import RetardedSuperconductor
from jaxgap.numerics.checks import NotConvergedError, check
from jaxgap.numerics.types import Numbers
from jaxgap.selfenergy.frequencies import settled
from jaxgap.solving.retarded import RetardedSolution, solve_retarded
from jaxgap.solving.solution import Status

__all__ = ["FollowedState", "equal_free_energies", "follow_state"]

NEAR = 0.1
"""Distance of an order parameter from where it was expected, in units of its size, up to which a step is taken."""
LEAST = 0.02
"""The same in units of the system's scale: small order parameters near T_c change by their own size."""
SAME_WAY = 0.5
"""Distance of a state whose stability has changed from where it was expected, in units of the way that was expected. That of
the other state at a fold is at least 1, however short the step."""
REACH = 4.0
"""How far beyond the last point a fold is believed, in units of the distance of the last two."""
SHORTEST = 1e-3
"""Of the first step, below which the state has ended."""
PLACE = 1e-6
"""Of a crossing, on the path's length."""
GOOD = (Status.CONVERGED, Status.INACCURATE)


class FollowedState(NamedTuple):
    """One state along a path, from where it began towards p = 1 (or 0)."""

    path: Path
    p: Float[np.ndarray, "point"]
    pairing: Float[np.ndarray, "point channel"]
    """The order parameter, what the interaction alone makes [meV]."""
    Delta: Float[np.ndarray, "point channel"]
    """Dressed, at the lowest Matsubara frequency [meV]."""
    Phi: Float[np.ndarray, "point channel"]
    """Z Delta there [meV], from which the state is found again."""
    free_energy: Float[np.ndarray, "point"]
    """Relative to the normal state [meV^2 times the unit of N]; NaN without detailed balance."""
    sigma_min: Float[np.ndarray, "point"]
    """Small towards a fold, or T_c."""
    end: str
    """"boundary", "normal", "fold", or "lost": steps of `SHORTEST` could not follow it."""
    fold: float
    """The position p of the fold at which it ends, NaN of other ends."""

    def value(self, name: str | None = None) -> np.ndarray:
        """The values of what changes along the path, [point]."""
        return np.asarray(self.path.value(self.p, name))

    def __str__(self) -> str:
        name, value = self.path.names[0], self.value()
        first, last = ("(" + ", ".join(f"{D:+.4g}" for D in self.Delta[i]) + ")" for i in (0, -1))
        end = f"fold at {float(self.path.value(self.fold)):.6g}" if self.end == "fold" else self.end
        return f"{first} meV at {name} = {value[0]:.6g}, {last} meV at {value[-1]:.6g}, where it ends: {end}"


def follow_state(path: Path, start: Numbers | RetardedSolution, points: int = 20, backwards: bool = False) -> FollowedState:
    """The state near `start` at p = 0 of a path, followed to p = 1 (`backwards`: from p = 1 to p = 0).

    Args:
        path: of systems with a Matsubara cutoff or a retarded interaction, `jaxgap.path`.
        start: a solution at its beginning, or Phi there [meV], one per channel.
        points: steps, if none has to be shorter.
        backwards: from the other end.

    Raises:
        NotConvergedError: if there is no superconducting state near the start.

    Example:
        >>> impurities = jg.Disorder(density=0.0, u=[[0.0, 1.0], [1.0, 0.0]])
        >>> bands, cutoff = {"a": {"mu": 500.0}, "b": {"mu": 500.0}}, jg.MatsubaraCutoff(30.0)
        >>> sc = jg.superconductor(bands=bands, lam=[[0.5, -0.05], [-0.05, 0.1]], interaction=cutoff, disorder=impurities)
        >>> path = jg.path(sc, 20.0, {"disorder.density": (0.0, 0.1)})
        >>> jg.follow_state(path, [8.0, -1.0], points=2).end
        'boundary'
    """
    check(isinstance(path.sc_0, RetardedSuperconductor), "path", "be of systems with self-energies", "static ones")
    check(points >= 1, "points", "be at least 1", points)
    path, forward = _with_frequencies(path), -1 if backwards else 1
    Phi = _numbers(start, "Phi") if isinstance(start, RetardedSolution) else np.asarray(start).real
    first = _state_at(path, float(backwards), Phi)
    if int(first.status) not in GOOD:
        raise NotConvergedError(f"There is no superconducting state near {Phi} where this path begins.")
    states, places, step, end, fold = [first], [float(backwards)], 1.0 / points, "boundary", np.nan
    while abs(places[-1] - float(backwards)) < 1:
        p = float(np.clip(places[-1] + forward * step, 0.0, 1.0))
        expected = [_expected(places, [_numbers(one, name) for one in states], p) for name in ("Phi", "pairing")]
        found = _state_at(path, p, expected[0])
        if _belongs(found, expected[1], states[-1]):
            states, places = [*states, found], [*places, p]
            step = min(2 * step, 1.0 / points)
        elif step / 2 < SHORTEST / points:
            normal = int(found.status) in (Status.TRIVIAL, Status.NORMAL) and _small(states[-1])
            fold = np.nan if normal else _fold(places, states, step)
            end = "normal" if normal else "lost" if np.isnan(fold) else "fold"
            break
        else:
            step /= 2
    pairing, Delta, Phi, sigma_min = (
        np.array([_numbers(one, name) for one in states]) for name in ("pairing", "Delta", "Phi", "sigma_min")
    )
    energies = np.array([float(one.free_energy()) for one in states])
    return FollowedState(path, np.array(places), pairing, Delta, Phi, energies, sigma_min, end, fold)


def equal_free_energies(one: FollowedState, other: FollowedState) -> Float[np.ndarray, "crossing"]:
    """Positions p at which two states that were followed along the same path have equal free energies: first-order changes.
    Between the points of both each is solved for again, from its neighbours."""
    p = np.unique(np.concatenate([one.p, other.p]))
    shared = (p >= max(one.p.min(), other.p.min())) & (p <= min(one.p.max(), other.p.max()))

    def difference(at: float) -> float:
        return _energy_at(one, at) - _energy_at(other, at)

    p = p[shared]
    F = np.array([difference(at) for at in p])
    places = np.flatnonzero(np.sign(F[:-1]) * np.sign(F[1:]) < 0)
    return np.array([brentq(difference, p[k], p[k + 1], xtol=PLACE) for k in places])


# --- steps ------------------------------------------------------------------------------------------------------------------


def _with_frequencies(path: Path) -> Path:
    """With as many Matsubara frequencies as the end that needs most: one program along the path."""
    ends = [settled(cast(RetardedSuperconductor, sc), T) for sc, T in ((path.sc_0, path.T_0), (path.sc_1, path.T_1))]
    N = max(sc.frequencies or 0 for sc in ends)
    sc_0, sc_1 = (replace(cast(RetardedSuperconductor, sc), frequencies=N) for sc in (path.sc_0, path.sc_1))
    return Path(sc_0, sc_1, path.T_0, path.T_1, path.names)


def _state_at(path: Path, p: float, Phi: Float[np.ndarray, "channel"]) -> RetardedSolution:
    sc, T = path.at(p)
    return solve_retarded(cast(RetardedSuperconductor, sc), T, jnp.asarray(Phi), None, throw=False)


def _numbers(state: RetardedSolution, name: str) -> np.ndarray:
    if name == "Phi":
        return np.asarray(state.self_energy.Phi)[: len(state.superconductor.channels), 0]
    return np.asarray(getattr(state, name)).real


def _expected(places: list[float], values: list[np.ndarray], p: float) -> np.ndarray:
    """On the line through the last two points."""
    if len(places) < 2:
        return values[-1]
    share = (p - places[-1]) / (places[-1] - places[-2])
    return values[-1] + share * (values[-1] - values[-2])


def _belongs(found: RetardedSolution, expected: Float[np.ndarray, "channel"], last: RetardedSolution) -> bool:
    """Whether a state is the next one."""
    off = float(np.linalg.norm(_numbers(found, "pairing") - expected))
    limit = max(NEAR * float(np.linalg.norm(expected)), LEAST * float(found.superconductor.scale))
    if int(found.unstable_amplitude) != int(last.unstable_amplitude):
        limit = min(limit, SAME_WAY * float(np.linalg.norm(expected - _numbers(last, "pairing"))))
    return int(found.status) in GOOD and off <= limit


def _fold(places: list[float], states: list[RetardedSolution], step: float) -> float:
    """Where sigma_min vanishes, if that is within reach of the last two points, or of the step that failed; else NaN."""
    if len(places) < 2 or _small(states[-1]):
        return np.nan
    a, b = (float(one.sigma_min) ** 2 for one in states[-2:])
    way = places[-1] - places[-2]
    beyond = way * b / (a - b) if b < a else np.inf
    return places[-1] + beyond if abs(beyond) <= REACH * abs(way) + step else np.nan


def _small(state: RetardedSolution) -> bool:
    return float(np.linalg.norm(_numbers(state, "pairing"))) < 10 * LEAST * float(state.superconductor.scale)


def _energy_at(followed: FollowedState, p: float) -> float:
    """Its free energy at one of its points, or of the state found again between them."""
    known = np.flatnonzero(followed.p == p)
    return float(followed.free_energy[known[0]] if len(known) else _again(followed, p).free_energy())


def _again(followed: FollowedState, p: float) -> RetardedSolution:
    order = np.argsort(followed.p)
    Phi = np.array([np.interp(p, followed.p[order], column[order]) for column in followed.Phi.T])
    return _state_at(followed.path, p, Phi)
