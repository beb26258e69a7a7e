r"""The posterior of a fit: what the data leave possible for the parameters, all at once and not only near the optimum.

.. math:: p(\theta | y) \propto e^{-\chi^2(\theta) / 2}

uniform between the bounds of fit.toml, zero where there is no state that the fit may take (`density`), drawn from by the
No-U-Turn sampler (`sampler`). The gap equations can have several states at the same parameters; a point of the posterior is
parameters with one of them: the state that continues that of an optimum, with as many unstable directions. Every optimum of the
fit that may be taken, and is not too bad to matter, is a mode with chains of its own, since chains do not go from one to
another; their shares follow by bridge sampling (`masses`), and the draws are put together in these proportions.

Chains that agree (`draws`) know nothing of a mode where none of these started: that no other is worth mentioning is up to the
starts of the fit.

Needs the extra packages of `pip install "jaxgap[bayes]"` (numpyro, arviz), which are imported only when something is drawn.
"""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from jaxgap.fitting.checkpoint import NAME
from jaxgap.fitting.config import FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.density import density, laplace
from jaxgap.fitting.drawn import Mode
from jaxgap.fitting.draws import Posterior
from jaxgap.fitting.inference_data import arviz, require_packages
from jaxgap.fitting.masses import Chains, cells, masses
from jaxgap.fitting.minimise import nested_at
from jaxgap.fitting.optima import Optimum
from jaxgap.fitting.prior import deviations_before, draws_before
from jaxgap.fitting.problem import Problem, error_of, systems_at
from jaxgap.fitting.result import FitResult
from jaxgap.fitting.sampler import Draws, Progress, sampled
from jaxgap.fitting.states import of_stability
from jaxgap.model.superconductor import check_static
from jaxgap.model.systems import to_toml
from jaxgap.numerics.checks import NotConvergedError, check
from jaxgap.numerics.precision import require_float64

__all__ = ["check_run", "posterior"]

WORTH = 25.0
"""An optimum whose chi^2 is higher by more than this has some e^-12 of the weight, and no chains."""


def posterior(
    result: FitResult,
    *,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    seed: int = 0,
    folder: str | Path | None = None,
    fresh: bool = False,
    block: int = 100,
    progress: Progress = lambda *_: None,
) -> Posterior:
    """Draw from the posterior of a fit, whose errors, limits, bounds and prior knowledge are those of its fit.toml.

    With a `folder` the state and all draws so far are kept there, in posterior.npz. Calling again goes on from them: after an
    interruption, and also to make a finished run longer; the draws are bit for bit those of one uninterrupted run.

    Args:
        result: a fit.
        draws: kept draws of every chain.
        warmup: draws before them, which adapt the sampler and are dropped.
        chains: number of chains; they start scattered around the optimum.
        seed: of the random numbers.
        folder: where to keep the checkpoint; nowhere if not given.
        fresh: drop what an earlier run kept there.
        block: keep it after every so many draws of all chains: what a power cut costs at most.
        progress: called as progress(stage, step, steps) after every draw of all chains.

    Raises:
        InputError: for numbers of draws that make no sense, missing packages, or a checkpoint that is damaged or another run's.
        NotConvergedError: if the fit did not converge, or no chain can start.

    Example:
        >>> best = jg.fitting.fit(*jg.fitting.load_fit(jg.fitting.example("ba0.6k0.4fe2as2")))
        >>> drawn = jg.fitting.posterior(best, draws=100, warmup=100, chains=2)
        >>> [one.name for one in drawn.summary], drawn.diverging.size
        (['lambda_13', 'Omega'], 200)
    """
    check_static(result.samples[0].superconductor, "result")
    require_packages()
    require_float64()
    check_run({"draws": draws, "warmup": warmup, "chains": chains, "block": block, "seed": seed})
    if not result.start_converged.any():
        raise NotConvergedError("The fit did not converge: there is no optimum for the chains to start from.")
    path = None if folder is None else Path(folder) / NAME
    if fresh and path is not None:
        for old in (path, *path.parent.glob(f"{path.stem}-[0-9]*{path.suffix}")):
            old.unlink(missing_ok=True)
    p = result.problem
    # With the branch that was taken: one that fit.toml leaves open may be another one in another run.
    run = _settings(result.config.with_branch(result.branch), p, result.fitted)
    run |= {"seed": seed, "warmup": warmup, "chains": chains}
    modes, seconds = [], 0.0
    for m, (one, lowest, best, Delta, J) in enumerate(_optima(result)):
        own = path if path is None or m == 0 else path.with_name(f"{path.stem}-{m + 1}{path.suffix}")
        around, d = laplace(one, best, J), density(one, best, Delta)
        drawn, more = sampled(d, around, run | {"seed": seed + m}, draws, block, own, progress)
        seconds += more
        modes.append(Chains(d, around, lowest, drawn, _effective(drawn)))
    return _posterior(result, modes, seed, warmup, seconds)


def _optima(result: FitResult) -> list[tuple[Problem, float, np.ndarray, np.ndarray, np.ndarray]]:
    """(problem over states of its stability, chi^2, parameters, amplitudes, derivatives of the residuals) of every optimum that
    is a mode, the reported one first."""
    p, rows = result.problem, len(result.jacobian)
    found = [(p, result.chi2, result.value, result.amplitudes, result.jacobian)]
    for one in _modes(result)[1:]:
        own = of_stability(p, one.unstable)
        J = np.asarray(nested_at(own, one.value, one.amplitudes).jacobian)[:rows]
        found.append((own, one.chi2, one.value, one.amplitudes, J))
    return found


def _modes(result: FitResult) -> list[Optimum]:
    """The optima that may be taken and are not too bad to matter, the reported one first."""
    others = [one for one in result.others if not one.refused and one.chi2 <= result.chi2 + WORTH]
    return [] if result.reported is None else [result.reported, *others]


def _effective(drawn: Draws) -> float:
    """Effective number of draws of a mode's chains: of the parameter that has least."""
    x = np.swapaxes(drawn.theta, 0, 1)
    return min(float(arviz().ess(x[:, :, k], method="bulk")) for k in range(x.shape[-1]))


LEAST = {"draws": 4, "warmup": 1, "chains": 1, "block": 1, "seed": 0}


def check_run(numbers: dict[str, int], dashes: str = "") -> None:
    """Raise InputError for numbers of draws that make no sense; on the command line their names begin with `dashes`."""
    for name, value in numbers.items():
        check(value >= LEAST[name], f"{dashes}{name}", f"be at least {LEAST[name]}", value)


def _posterior(result: FitResult, modes: list[Chains], seed: int, warmup: int, seconds: float) -> Posterior:
    """With chains first, and nothing that can be written to."""
    drawn, told = modes[0].draws, cast(tuple[Mode, ...], ())
    if len(modes) > 1:
        shares = masses(modes, seed)
        drawn = _together(modes, [mass.share for mass in shares], seed)
        rows = zip(_modes(result), shares, modes, strict=True)
        told = tuple(Mode(one, mass, np.swapaxes(mode.draws.theta, 0, 1)) for one, mass, mode in rows)
    parts: dict[str, Any] = {name: np.ascontiguousarray(np.swapaxes(part, 0, 1)) for name, part in drawn._asdict().items()}
    parts["optimum"] = result.value.copy()
    before = draws_before(result.config, parts["chi2"].shape, seed)
    parts["deviations_before"] = deviations_before(modes[0].density, before)
    for part in parts.values():
        part.setflags(write=False)
    about: dict[str, Any] = {"seed": seed, "warmup": warmup, "seconds": seconds, "intervals": result.intervals, "modes": told}
    return Posterior(result.config, result.fitted, parts.pop("theta"), **parts, **about)


def _together(modes: list[Chains], shares: list[float], seed: int) -> Draws:
    """As many draws as one mode has, of every mode as many as it has share, evenly taken from those in its cell, shuffled."""
    shape = modes[0].draws.chi2.shape
    ends = np.round(np.cumsum(shares) * np.prod(shape)).astype(int)
    chosen = []
    for mode, kept, n in zip(modes, cells(modes), np.diff(ends, prepend=0), strict=True):
        places = np.argwhere(kept)
        places = places[np.linspace(0, len(places) - 1, n).round().astype(int)]
        chosen.append(Draws(*(part[tuple(places.T)] for part in mode.draws)))
    order = np.random.default_rng(seed).permutation(np.prod(shape))
    joined = (np.concatenate(parts)[order] for parts in zip(*chosen, strict=True))
    return Draws(*(part.reshape(*shape, *part.shape[1:]) for part in joined))


def _settings(config: FitConfig, p: Problem, fitted: tuple[Datum, ...]) -> dict[str, object]:
    """Everything that the draws depend on, besides the numbers of the run: by hashes, so that a difference can be named."""
    rows = [(d.label, d.T, d.value, error_of(d, config), d.limit) for d in fitted]
    chosen = config.model_dump(mode="json", exclude={"title", "optimiser"})
    versions = ", ".join(f"{name} {version(name)}" for name in ("jaxgap", "jax", "jaxlib", "numpyro"))
    # The fitted leaves are set: a system is what it is besides the parameters.
    systems = [to_toml(sc) for sc in systems_at(p, jnp.asarray(p.lower))]
    return {"fit.toml": _hash(chosen), "data": _hash(rows), "system": _hash(systems), "versions": versions}


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
