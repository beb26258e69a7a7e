r"""Where the search of a fit starts: points spread over the parameters, and at each of them the states that exist there.

The points fill the space between the bounds evenly (a scrambled Halton sequence). At every point the gap equations have several
solutions with the signs of the branch; starts that take one amplitude pattern for all of them find one optimum of several. So
the states are looked for (with the shapes of `jaxgap.states.starts`), and every start takes one: in turn those that the fit may
take, and, from starts of their own, the others, so that an optimum that is refused is known, too. Where there is no state the
amplitudes are those of decoupled channels, and the search moves them.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from jaxgap.equations.gauge import search_root, vanishing
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.problem import Parameters, Problem, system_at, systems_at
from jaxgap.fitting.states import unstable_directions
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.newton import norm
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray
from jaxgap.solving.filling import filled
from jaxgap.solving.labels import has_signs
from jaxgap.solving.starts import starting_amplitudes
from jaxgap.states.search import ITERATIONS, SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE, iterated
from jaxgap.states.starts import starts_of

__all__ = ["INSIDE", "Starts", "points", "spread", "starts"]

SAME = 1e-4
"""Amplitudes of one state, as far as the search's few nodes find them, differ by less than this share."""
OTHERS = 0.5
"""Starts from states that the fit may not take, as a share of `optimiser.starts`."""
POINTS = 4
"""Points searched by one program at once, where the pieces run on all cores of a CPU."""
INSIDE = 0.02
"""Starts keep this share of the range away from the bounds."""


class Starts(NamedTuple):
    """Parameters and amplitudes from where to search."""

    theta: np.ndarray
    """[start, parameter], the configured one first."""
    Delta: np.ndarray
    """[start, condition, channel]."""
    asked: int
    """The first so many are `optimiser.starts`; those that follow start from states that the fit may not take."""


def starts(p: Problem, config: FitConfig) -> Starts:
    """The starts of a fit."""
    theta = points(p, config, config.optimiser.starts)
    if p.systems[0].is_retarded:  # Its states are found from nothing, at every parameter.
        return Starts(theta, np.zeros((len(theta), len(p.T), len(p.systems[0].channels))), len(theta))
    plain = np.asarray(_decoupled(p, theta))
    found = _states(p, theta)
    Delta, others = plain.copy(), []
    for i, (states, unstable) in enumerate(found):
        good = (unstable == p.unstable) | (p.unstable < 0)
        if good.any():
            Delta[i] = _everywhere(p, states[good][i % good.sum()], plain[i])
        others += [(i, _everywhere(p, state, plain[i])) for state in states[~good]]
    chosen = others[:: max(1, -(-len(others) // max(1, round(OTHERS * len(theta)))))]
    more = np.array([i for i, _ in chosen], int)
    return Starts(
        np.concatenate([theta, theta[more]]),
        np.concatenate([Delta, np.reshape([D for _, D in chosen], (len(chosen), *Delta.shape[1:]))]),
        len(theta),
    )


def spread(p: Problem, n: int, seed: int) -> np.ndarray:
    """[start, parameter]: n points that fill the space between the bounds."""
    from scipy.stats import qmc  # here: it takes half a second to import

    lower, upper = np.asarray(p.lower), np.asarray(p.upper)
    share = qmc.Halton(len(p.names), seed=seed).random(n)
    theta: np.ndarray = lower + (upper - lower) * np.clip(share, INSIDE, 1 - INSIDE)
    return theta


def points(p: Problem, config: FitConfig, n: int) -> np.ndarray:
    """[start, parameter]: the configured one, then such as fill the space between the bounds."""
    theta = spread(p, n, config.optimiser.seed)
    configured = [parameter.start for parameter in config.parameters.values()]
    theta[0] = [t if start is None else start for t, start in zip(theta[0], configured, strict=True)]
    return theta


@program
def _decoupled(p: Problem, theta: Float[AnyArray, "start parameter"]) -> Float[Array, "start condition channel"]:
    """Amplitudes of decoupled channels at every condition, for a batch of parameters."""

    def one(t: Parameters) -> Float[Array, "condition channel"]:
        of_sample = jnp.stack([starting_amplitudes(sc, p.pattern)[0] for sc in systems_at(p, t)])
        return of_sample[np.array(p.sample, int)]

    return jax.vmap(one)(jnp.asarray(theta))


def _everywhere(p: Problem, state: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """A state of the first sample at every condition; other samples have it in the size of their own decoupled channels."""
    first = np.linalg.norm(plain[:1], axis=1)
    return state * (np.linalg.norm(plain, axis=1) / first)[:, None] if len(plain) else plain


# --- the states at a point ---------------------------------------------------------------------------------------------


def _states(p: Problem, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every point (amplitudes [meV] of the first sample's states with the branch's signs at its lowest temperature, their
    unstable directions), each state once, the largest first."""
    if not len(p.T):
        return [(np.zeros((0, len(p.systems[0].channels))), np.zeros(0, int))] * len(theta)
    direct, far, _ = starts_of(_systems(p, theta))
    begin = np.concatenate([direct, far], axis=1)
    iterations = np.broadcast_to(np.where(np.arange(begin.shape[1]) < direct.shape[1], 0, ITERATIONS), begin.shape[:2])
    size = max(POINTS, cut().block // begin.shape[1]) if cut().gpu else POINTS
    found = in_chunks(partial(_search, p), min(size, len(theta)), theta, begin, iterations)
    return [_distinct(*one) for one in zip(*found, strict=True)]


def _distinct(Delta: np.ndarray, good: np.ndarray, unstable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(states, their unstable directions), each once, the largest first."""
    Delta, unstable = Delta[good], unstable[good]
    order = np.argsort(-np.linalg.norm(Delta, axis=1), kind="stable")
    kept: list[int] = []
    for i in order:
        if not any(np.linalg.norm(Delta[i] - Delta[k]) <= SAME * np.linalg.norm(Delta[i]) for k in kept):
            kept.append(int(i))
    return Delta[kept], unstable[kept]


@program
def _systems(p: Problem, theta: Float[AnyArray, "point parameter"]) -> Superconductor:
    return jax.vmap(lambda t: system_at(p, t, p.sample[0]))(theta)


Ends = tuple[Float[Array, "start channel"], Bool[Array, "start"], Int[Array, "start"]]


@program
def _search(
    p: Problem,
    theta: Float[Array, "point parameter"],
    begin: Float[Array, "point start channel"],
    iterations: Int[Array, "point start"],
) -> tuple[Float[Array, "point start channel"], Bool[Array, "point start"], Int[Array, "point start"]]:
    """(amplitudes, the first band's sign that of the branch; whether they are a state with its signs; its unstable directions)
    where every start leads."""

    def at(t: Parameters, begin: Float[Array, "start channel"], iterations: Int[Array, "start"]) -> Ends:
        T = p.T[0]
        sc = filled(system_at(p, t, p.sample[0]), T)

        def one(
            Delta: Float[Array, "channel"], n: Int[Array, ""]
        ) -> tuple[Float[Array, "channel"], Bool[Array, ""], Int[Array, ""]]:
            root = search_root(sc, T, iterated(sc, T, Delta, n), SEARCH_RULE, SEARCH_STEPS, SEARCH_STRIDE)
            x = root.x * jnp.sign(root.x[0] * p.pattern[0])
            good = root.converged & has_signs(sc, x, p.pattern) & (norm(x) > vanishing(sc, T))
            return x, good, unstable_directions(p, sc, T, x, root.jacobian)

        return jax.vmap(one)(begin, iterations)

    return jax.vmap(at)(theta, begin, iterations)
