r"""A first guess of couplings from gaps and T_c of the alpha model, as the place where a fit starts.

The alpha model is fitted to the data first. Its gaps Delta_i(0) = alpha_i k_B T_c are taken for the amplitudes of the bands at
T = 0 (with the signs of the branch), and its T_c for that of the system. Parameters theta that reproduce both minimise

.. math:: \sum_c \left| \frac{r_c(\Delta; \theta)}{\Delta_{\max}} \right|^2 + \left( \Lambda[\lambda K(T_c)] - 1 \right)^2
          + \epsilon^2 \sum_k \left( \frac{\theta_k - \theta_k^{(0)}}{w_k} \right)^2

with the residual r of the gap equations at T = 0, the largest eigenvalue Lambda of their linear part at T_c, and the amplitudes
of cross channels as further unknowns; the last term, small, chooses among parameters that do as well. With two bands and free
diagonal couplings that is the pair of couplings whose gaps are these. Which band has which gap is tried out where no datum and
no `gaps` in [models] says it: the way counts in which the sum, and the distance of the bands' shares of electrons and of n/m
from the weights of the gaps, is least.

It is a guess, no fit: cross-paired bands have excitation gaps other than their amplitudes, and no couplings between the bounds
need have such gaps and such a T_c together. What is left of the sum says how far they are off.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.optimize import least_squares

from jaxgap.equations.linear import linear_map
from jaxgap.equations.pairing import gap_residual
from jaxgap.equations.superfluid_weight import carrier_weight
from jaxgap.fitting.config import ANY, GROUND_STATE, FitConfig, ModelConfig
from jaxgap.fitting.data import OVER_T_C, Datum
from jaxgap.fitting.empirical.fit import EmpiricalFit, fit_empirical
from jaxgap.fitting.empirical.models import EMPIRICAL
from jaxgap.fitting.empirical.problem import empirical_problem
from jaxgap.fitting.problem import Problem, problem, system_at, without_experiments
from jaxgap.fitting.starts import INSIDE, points
from jaxgap.model.superconductor import Superconductor, check_static
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.programs import program
from jaxgap.numerics.types import AnyArray
from jaxgap.units import k_B

__all__ = ["FirstGuess", "first_guess"]

MODEL = "alpha"
"""Whose gaps are taken."""
PULL = 1e-3
"""epsilon."""
STARTS = 4
"""Of the search for parameters, for every way in which bands may have the gaps."""
STEPS = 60
"""Most evaluations of one of them."""
CROSSED, FARTHEST = 0.3, 3.0
"""Amplitudes of cross channels in units of the largest gap: where they start, and where they end at the latest."""
REFUSED = 1e3
"""Residual where there is none."""


class FirstGuess(NamedTuple):
    """Where a fit may start."""

    config: FitConfig
    """The fit with the starts of all its parameters."""
    alpha: EmpiricalFit
    gaps: tuple[int, ...]
    """Which gap every band has, from 1."""
    residual: float
    """Root of the sum above, without its last term: 0.1 says that gaps and T_c are reproduced to some 10 %."""

    def sentence(self, bands: Sequence[str]) -> str:
        """What the fit starts from."""
        found, T_c = self.alpha.parameters, next(value for key, value in self.alpha.parameters.items() if key.startswith("T_c"))
        sizes = {key: value * k_B * T_c for key, value in found.items() if key.startswith("alpha_")}
        gaps = ", ".join(f"{value:.3g} meV" for value in list(sizes.values())[:2])
        owners = " and ".join(f"{band} has gap {gap}" for band, gap in zip(bands, self.gaps, strict=True))
        starts = ", ".join(f"{name} = {parameter.start:.4g}" for name, parameter in self.config.parameters.items())
        return (
            f"The alpha model (chi^2 = {self.alpha.chi2:.2f}) has T_c = {T_c:.4g} K and gaps of {gaps} at T = 0. If {owners}, "
            f"the gap equations have them, and T_c, but for {self.residual:.2g} of the larger gap, at {starts}: one start was "
            "there."
        )


def first_guess(
    config: FitConfig,
    sc: Superconductor,
    data: tuple[Datum, ...],
    progress: Callable[[str, int, int, float], None] = lambda *_: None,
) -> FirstGuess:
    """The alpha model fitted to the data that it describes, and parameters of the system that have its gaps and T_c.

    Raises:
        InputError: if it describes none of the fitted data, or the system has a single band.
    """
    check_static(sc)
    if len(sc.bands) < 2:
        raise InputError("A first guess from the alpha model needs a system of two bands or more.")
    chosen = next((one for one in config.models.values() if one.empirical == MODEL), ModelConfig(empirical="alpha"))
    own, e = empirical_problem(MODEL, config.model_copy(update={"models": {MODEL: chosen}}), sc, _described(data))
    alpha = fit_empirical(own, e, data, progress)
    branch = config.system.branch
    named = ("s++" if len(sc.bands) == 2 else "+" * len(sc.bands)) if branch in (ANY, GROUND_STATE) else branch
    p = without_experiments(problem(config.with_branch(named), config.systems(sc), data))
    known = dict(zip(sc.band_names, (1, 2), strict=True)) if e.named and len(sc.bands) == 2 else {}
    ways = _ways(sc, known | chosen.gaps)
    T_c, sizes = _of_samples(config, alpha)
    found = []
    for i, way in enumerate(ways):
        gaps = (sizes * k_B * T_c[:, None])[:, list(way)] * np.asarray(p.pattern)
        found.append((*_solved(p, points(p, config, STARTS), gaps, T_c), way))
        progress("couplings", i + 1, len(ways), min(residual for _, residual, _ in found) ** 2)
    theta, residual, way = min(found, key=lambda one: one[1] ** 2 + _shares_missed(p, one[0], one[2], config, alpha) ** 2)
    return FirstGuess(_started(config, theta, alpha.parameters), alpha, tuple(k + 1 for k in way), residual)


def _described(data: tuple[Datum, ...]) -> tuple[Datum, ...]:
    """The data with those only shown of which the model says nothing."""
    known = EMPIRICAL[MODEL].kinds

    def is_known(datum: Datum) -> bool:
        return datum.kind in known and datum.second[0] in ("", *known) and datum.operator != OVER_T_C

    if not any(datum.use == "fit" and is_known(datum) for datum in data):
        raise InputError(f"The alpha model describes none of the fitted data; it describes {', '.join(known)}.")
    return tuple(datum if datum.use != "fit" or is_known(datum) else datum._replace(use="show") for datum in data)


def _ways(sc: Superconductor, given: Mapping[str, int]) -> list[tuple[int, ...]]:
    """The gaps, 0 or 1, that the bands may have."""
    choices = [(given[band] - 1,) if band in given else (0, 1) for band in sc.band_names]
    if not (ways := [way for way in itertools.product(*choices) if len(set(way)) == 2]):
        raise InputError("A first guess from the alpha model needs bands of either gap: `gaps` says the same of all.")
    return ways


def _of_samples(config: FitConfig, alpha: EmpiricalFit) -> tuple[np.ndarray, np.ndarray]:
    """(T_c [K] of every sample, its alpha_1 and alpha_2)."""
    suffixes = [f"@{name}" if name else "" for name in config.sample_names]
    T_c = np.array([alpha.parameters[f"T_c{of}"] for of in suffixes])
    return T_c, np.array([[alpha.parameters[f"alpha_{i}{of}"] for i in (1, 2)] for of in suffixes])


def _solved(p: Problem, points: np.ndarray, gaps: np.ndarray, T_c: np.ndarray) -> tuple[np.ndarray, float]:
    """(parameters with these amplitudes of the bands [sample, band] and T_c, what is left)."""
    lower, width, n = np.asarray(p.lower), np.asarray(p.upper - p.lower), points.shape[1]
    crossed = np.full((len(gaps), len(p.systems[0].channels) - gaps.shape[1]), CROSSED)

    def residuals(x: np.ndarray) -> np.ndarray:
        left = np.asarray(_mismatch(p, lower + width * x[:n], gaps, T_c, x[n:].reshape(crossed.shape)))
        return np.append(np.where(np.isfinite(left), left, REFUSED), PULL * (x[:n] - (points[0] - lower) / width))

    bounds = [np.append(np.full(n, edge), np.full(crossed.size, far)) for edge, far in ((0.0, -FARTHEST), (1.0, FARTHEST))]
    begin = [np.append((point - lower) / width, crossed) for point in points]
    ends = [least_squares(residuals, x, bounds=bounds, max_nfev=STEPS) for x in begin]
    best = min(ends, key=lambda end: float(end.cost))
    return lower + width * best.x[:n], float(np.linalg.norm(best.fun[:-n]))


def _shares_missed(p: Problem, theta: np.ndarray, way: Sequence[int], config: FitConfig, alpha: EmpiricalFit) -> float:
    """How far the bands that have the first gap are from its shares of electrons and of n/m, as far as data have told these."""
    first, missed = np.array(way) == 0, 0.0
    for i, name in enumerate(config.sample_names):
        sc, of = system_at(p, jnp.asarray(theta), i), f"@{name}" if name else ""
        for key, parts in (("weight", sc.band_densities), ("weight_s", carrier_weight(sc))):
            if (known := alpha.parameters.get(f"{key}{of}")) is not None:
                shares = np.abs(np.asarray(parts)) / np.sum(np.abs(np.asarray(parts)))
                missed += (float(shares[first].sum()) - known) ** 2
    return float(np.sqrt(missed))


@program
def _mismatch(
    p: Problem,
    theta: Float[AnyArray, "parameter"],
    gaps: Float[AnyArray, "sample band"],
    T_c: Float[AnyArray, "sample"],
    crossed: Float[AnyArray, "sample cross"],
) -> Float[Array, "residual"]:
    """r / Delta_max of all channels and Lambda - 1, of every sample; cross amplitudes are in units of the largest gap."""
    parts = []
    for i in range(len(p.systems)):
        sc, largest = system_at(p, jnp.asarray(theta), i), jnp.max(jnp.abs(gaps[i]))
        Delta = jnp.concatenate([jnp.asarray(gaps[i]), largest * crossed[i]])
        eigenvalues = jnp.linalg.eigvals(linear_map(sc, jnp.asarray(T_c[i])))
        parts += [gap_residual(sc, Delta, jnp.zeros(())) / largest, jnp.max(eigenvalues.real)[None] - 1]
    return jnp.concatenate(parts)


def _started(config: FitConfig, theta: np.ndarray, known: dict[str, float]) -> FitConfig:
    """The fit that starts there, and with the numbers of experiments that the alpha model has found."""
    parameters = {}
    for value, (name, parameter) in zip(theta, config.parameters.items(), strict=True):
        lo, hi = parameter.bounds
        margin = INSIDE * (hi - lo)
        start = float(np.clip(known.get(name, value), lo + margin, hi - margin))
        parameters[name] = parameter.model_copy(update={"start": start})
    return config.model_copy(update={"parameters": parameters})
