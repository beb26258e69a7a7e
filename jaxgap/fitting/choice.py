r"""Which branch the data belong to: the one that was asked for, the ground state, or whichever fits best, with all others
named.

.. math:: \hat\theta = \arg\min_\theta \chi^2(\theta), \qquad
          \chi^2(\theta) = \sum_d \left( \frac{y_d(\theta) - y_d}{\sigma_d} \right)^2

with y_d of the solution on that branch (`jaxgap.fitting.objective`).

`system.branch = "any"` fits every pattern of relative signs of the bands in turn and keeps the one of lowest chi^2.
`"ground_state"` keeps the lowest among those that are, at the optimum, the ground state at every temperature of the data
(`jaxgap.ground_state`): a branch that would be the ground state at neighbouring parameters only is not found this way.
"""

import numpy as np

from jaxgap.equations.groups import coupled_groups
from jaxgap.fitting.config import ANY, GROUND_STATE, FitConfig
from jaxgap.fitting.data import Datum
from jaxgap.fitting.optimise import Progress, fit_branch
from jaxgap.fitting.result import FitResult, Tried
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import NotConvergedError
from jaxgap.solving.labels import named_branches
from jaxgap.states.identity import SAME, distances
from jaxgap.states.solutions import ground_state

__all__ = ["fit"]


def fit(config: FitConfig, sc: Superconductor, data: tuple[Datum, ...], progress: Progress = lambda *_: None) -> FitResult:
    """Fit the parameters of `config` to the rows of `data` that count (`load_fit` reads all three from a folder).

    Args:
        config: what fit.toml says.
        sc: the system that the fit starts from.
        data: the rows; those with `use` "fit" count.
        progress: called as progress(stage, step, steps, chi2) while it goes on.

    Raises:
        NotConvergedError: if no start ends at a solution on the asked-for branch.

    Example:
        >>> config, sc, data = jg.fitting.load_fit(jg.fitting.example("ba0.6k0.4fe2as2"))
        >>> best = jg.fitting.fit(config, sc, data)
        >>> dict(zip(config.parameters, best.value.round(3).tolist()))
        {'lambda_13': 0.031, 'Omega': 40.963}
    """
    asked = config.system.branch
    if asked not in (ANY, GROUND_STATE):
        return fit_branch(config, sc, data, progress)
    fits: list[FitResult] = []
    refused: list[FitResult] = []
    tried: list[Tried] = []
    for branch in named_branches(sc.signed):
        try:
            found = fit_branch(config.with_branch(branch), sc, data, progress)
        except NotConvergedError:
            tried.append(Tried(branch, float("nan"), "not found"))
            continue
        if found.refused:
            tried.append(Tried(branch, found.chi2, f"refused: {found.refused}"))
            refused.append(found)
            continue
        T = not_ground(found) if asked == GROUND_STATE else None
        tried.append(Tried(branch, found.chi2, "" if T is None else f"not the ground state at {T:g} K"))
        if T is None:
            fits.append(found)
    if not fits and not refused:
        said = "; ".join(f"{one.branch}: {one.remark}" for one in tried)
        raise NotConvergedError(f"No branch is what was asked for ({asked}): {said}.")
    best = min(fits or refused, key=lambda found: found.chi2)
    return best._replace(config=config, tried=tuple(tried))


def not_ground(result: FitResult) -> float | None:
    """The first temperature [K] of the data at which the fitted state is not the ground state; None if there is none."""
    p = result.problem
    for place, T, Delta in zip(p.sample, np.asarray(p.T).tolist(), result.amplitudes, strict=True):
        sc = result.samples[place].superconductor
        # By its amplitudes: several states can have the same signs.
        ground = np.asarray(ground_state(sc, T).Delta)
        if distances(Delta[None], ground[None], coupled_groups(sc))[0, 0] > SAME * np.linalg.norm(Delta):
            return T
    return None
