r"""Markov chains of a fit's posterior: the No-U-Turn sampler (Hoffman and Gelman, J. Mach. Learn. Res. 15, 1593 (2014)).

numpyro's sampler is advanced by one draw of all chains at a time, from a loop on the host that reports, keeps and can be
stopped. The chains are one batch: one chain is too small to fill a processor, and the potential with its gradient costs four
together two to three times one (`benchmarks/kernels.py`); waiting for the longest of four trajectories takes less of
that back than it gains. A draw depends on the state before it and on nothing else, so a run that was interrupted and goes on
is bit for bit the run that was not.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray, Shaped

from jaxgap.fitting.checkpoint import load_checkpoint, save_checkpoint
from jaxgap.fitting.density import Density, Evaluated, evaluated, potential, theta_of
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.numerics.chunks import in_chunks
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray, PyTree, Scalar

__all__ = ["Draws", "Progress", "evaluated_at", "sampled"]

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, step, steps) after every step; the stages are `warmup` and `draws`."""

ACCEPTANCE = 0.8
"""Wanted mean acceptance. (At 0.9 trajectories took a quarter more evaluations, for as many effective draws.)"""
DEPTH = 7
"""Trajectories double at most so often: at the edge of a branch, where steps get short, they would be a thousand steps long."""
OVERDISPERSION = 2.0
"""Chains start scattered by this many standard deviations, so that R-hat can tell whether they have met."""
TRIES = 40


class Draws(NamedTuple):
    """What the chains have drawn, [draw, chain, ...]."""

    theta: np.ndarray
    deviations: np.ndarray
    """Of every datum in standard deviations, after the loss."""
    chi2: np.ndarray
    diverging: np.ndarray
    """Whether the draw's trajectory met the edge of the branch, or an energy error above 1000."""
    steps: np.ndarray
    """Evaluations of the potential for the draw."""

    def extended(self, draws: int) -> "Draws":
        """With room for at least so many draws."""
        room = max(draws - len(self.theta), 0)
        return Draws(*(np.concatenate([part, np.zeros((room, *part.shape[1:]), part.dtype)]) for part in self))

    def first(self, draws: int) -> "Draws":
        return Draws(*(part[:draws] for part in self))


class _At(NamedTuple):
    """Where all chains are."""

    state: PyTree
    """As numpyro has it."""
    done: int
    """Steps, those of the warm-up included."""


def sampled(
    d: Density,
    laplace: tuple[np.ndarray, np.ndarray],
    settings: dict[str, Any],
    draws: int,
    block: int,
    path: Path | None,
    progress: Progress,
) -> tuple[Draws, float]:
    """(`draws` draws of every chain, seconds spent on them), going on from the checkpoint `path` if there is one."""
    chains, warmup = settings["chains"], settings["warmup"]
    kept = None if path is None else load_checkpoint(path, settings)
    # A run that goes on has the very density of its beginning, not one that agrees with it to rounding.
    d = d if kept is None else _restored(d, kept)
    first = _started(d, laplace, settings) if kept is None else _blank(d, laplace, settings)
    at, record, spent = _begin(d, first, chains) if kept is None else _resumed(first, kept)
    record, began = record.extended(draws), time.perf_counter()

    def keep() -> None:
        if path is not None:
            seconds = spent + time.perf_counter() - began
            save_checkpoint(path, settings, _packed(d, at, record.first(max(at.done - warmup, 0)), seconds))

    saved = at.done
    try:
        while at.done < warmup + draws:
            at = _advanced(d, at, record, warmup)
            if at.done - saved >= block or at.done in (warmup, warmup + draws):
                keep()
                saved = at.done
            warm = at.done <= warmup
            progress(*(("warmup", at.done, warmup) if warm else ("draws", at.done - warmup, draws)))
    except KeyboardInterrupt:
        keep()
        raise
    return record.first(draws), spent + time.perf_counter() - began


def _advanced(d: Density, at: _At, record: Draws, warmup: int) -> _At:
    """All chains one step further; after the warm-up the draw is put on record."""
    state = jax.block_until_ready(_step(d, at.state, warmup, _numpyro_version()))
    if (draw := at.done - warmup) >= 0:
        here = _evaluated(d, state.z)
        record.theta[draw] = _theta(d, state.z)
        record.deviations[draw], record.chi2[draw] = here.deviations, here.chi2
        record.diverging[draw], record.steps[draw] = state.diverging, state.num_steps
    return _At(state, at.done + 1)


# --- one step of the sampler -------------------------------------------------------------------------------------------


def _numpyro_version() -> str:
    """A static argument of what is compiled: programs kept between runs belong to one release of the sampler."""
    import numpyro

    return str(numpyro.__version__)


def _kernel(d: Density, warmup: int) -> tuple[Callable[..., PyTree], Callable[[PyTree], PyTree]]:
    """(initial state from (u, U, dU/du, covariance, key), next state from a state) of one chain."""
    from numpyro.infer.hmc import hmc
    from numpyro.infer.util import ParamInfo

    initialise, following = hmc(partial(potential, d), algo="NUTS")

    def start(
        u: Float[Array, "parameter"],
        U: Scalar,
        gradient: Float[Array, "parameter"],
        covariance: Float[Array, "parameter parameter"],
        key: PRNGKeyArray,
    ) -> PyTree:
        known = ParamInfo(u, U, gradient)
        options = {"dense_mass": True, "target_accept_prob": ACCEPTANCE, "trajectory_length": None, "max_tree_depth": DEPTH}
        return initialise(known, warmup, 1.0, covariance, rng_key=key, **options)

    return start, following


@program
def _start(
    d: Density,
    u: Float[AnyArray, "chain parameter"],
    U: Float[AnyArray, "chain"],
    gradient: Float[AnyArray, "chain parameter"],
    covariance: Float[AnyArray, "parameter parameter"],
    keys: Shaped[Array, "chain *key"],
    warmup: int,
    version: str,
) -> PyTree:
    del version
    start, _ = _kernel(d, warmup)
    return jax.vmap(start, in_axes=(0, 0, 0, None, 0))(u, U, gradient, covariance, keys)


@program
def _step(d: Density, state: PyTree, warmup: int, version: str) -> PyTree:
    del version
    start, following = _kernel(d, warmup)

    def one(state: PyTree) -> PyTree:
        # numpyro's kernel has to be initialised before it can be used; what that returns is not, and costs nothing.
        start(state.z, state.potential_energy, state.z_grad, state.adapt_state.inverse_mass_matrix, state.rng_key)
        return following(state)

    return jax.vmap(one)(state)


@program
def _evaluated(d: Density, u: Float[AnyArray, "row parameter"]) -> Evaluated:
    return jax.vmap(lambda one: evaluated(d, one))(u)


def evaluated_at(d: Density, u: np.ndarray, size: int = 4) -> Evaluated:
    """The density at rows of coordinates, by the program that serves the chains."""
    return in_chunks(partial(_evaluated, d), size, u)


def _theta(d: Density, u: Float[Array, "chain parameter"]) -> np.ndarray:
    """Inside the bounds, whatever the rounding."""
    return np.clip(np.asarray(theta_of(d.p, jnp.asarray(u))), np.asarray(d.p.lower), np.asarray(d.p.upper))


# --- the beginning -----------------------------------------------------------------------------------------------------


def _started(d: Density, laplace: tuple[np.ndarray, np.ndarray], settings: dict[str, Any]) -> PyTree:
    """Chains scattered around the optimum, on the branch."""
    u, here = _scattered(d, laplace, settings["chains"], settings["seed"])
    return _initial(d, u, here.potential, here.gradient, laplace[1], settings)


def _initial(
    d: Density, u: np.ndarray, U: AnyArray, gradient: AnyArray, covariance: np.ndarray, settings: dict[str, Any]
) -> PyTree:
    keys = jax.random.split(jax.random.PRNGKey(settings["seed"]), settings["chains"])
    return _start(d, u, U, gradient, covariance, keys, settings["warmup"], _numpyro_version())


def _scattered(d: Density, laplace: tuple[np.ndarray, np.ndarray], chains: int, seed: int) -> tuple[np.ndarray, Evaluated]:
    """(coordinates of every chain's start, the density there); where the branch does not exist, closer to the optimum."""
    centre, covariance = laplace
    rng, root = np.random.default_rng(seed), np.linalg.cholesky(covariance)
    u, spread = np.zeros((chains, len(centre))), np.full(chains, OVERDISPERSION)
    wanted = np.ones(chains, bool)
    for _ in range(TRIES):
        drawn = centre + spread[:, None] * (rng.normal(size=u.shape) @ root.T)
        u = np.where(wanted[:, None], drawn, u)
        here = jax.tree.map(np.asarray, _evaluated(d, u))
        wanted = ~here.exists
        if not wanted.any():
            return u, here
        spread = np.where(wanted, spread / 1.5, spread)
    raise NotConvergedError("No start of a chain was found on the branch: the optimum is at the very edge of where it exists.")


# --- the checkpoint ----------------------------------------------------------------------------------------------------


def _begin(d: Density, state: PyTree, chains: int) -> tuple[_At, Draws, float]:
    n, k = len(d.p.rows), len(d.p.names)
    empty = Draws(
        np.zeros((0, chains, k)),
        np.zeros((0, chains, n)),
        np.zeros((0, chains)),
        np.zeros((0, chains), bool),
        np.zeros((0, chains), int),
    )
    return _At(state, 0), empty, 0.0


def _packed(d: Density, at: _At, record: Draws, seconds: float) -> dict[str, np.ndarray]:
    leaves = {f"state_{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(at.state))}
    centre = {"optimum": np.asarray(d.theta), "amplitudes": np.asarray(d.Delta), "slope": np.asarray(d.slope)}
    return {**leaves, **centre, **record._asdict(), "done": np.array(at.done), "seconds": np.array(seconds)}


def _restored(d: Density, kept: dict[str, np.ndarray]) -> Density:
    return Density(d.p, *(jnp.asarray(kept[name]) for name in ("optimum", "amplitudes", "slope")))


def _blank(d: Density, laplace: tuple[np.ndarray, np.ndarray], settings: dict[str, Any]) -> PyTree:
    """A state of the right structure."""
    chains = settings["chains"]
    u = np.tile(laplace[0], (chains, 1))
    return _initial(d, u, np.zeros(chains), 0 * u, laplace[1], settings)


def _resumed(blank: PyTree, kept: dict[str, np.ndarray]) -> tuple[_At, Draws, float]:
    leaves, tree = jax.tree.flatten(blank)
    state = jax.tree.unflatten(tree, [jnp.asarray(kept[f"state_{i}"]) for i in range(len(leaves))])
    return _At(state, int(kept["done"])), Draws(*(kept[name] for name in Draws._fields)), float(kept["seconds"])
