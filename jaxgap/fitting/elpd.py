r"""How well the model would predict another datum like those fitted: the expected log predictive density, from draws alone.

.. math:: {\rm elpd}_{\rm WAIC} = \sum_i \Bigl[ \ln \frac{1}{S} \sum_s p(y_i | \theta_s)
          - {\rm Var}_s \ln p(y_i | \theta_s) \Bigr]

(Watanabe, J. Mach. Learn. Res. 11, 3571 (2010)), whose second sum is the effective number of parameters, and leave-one-out by
Pareto-smoothed importance sampling, whose Pareto k says whether to believe it (Vehtari, Gelman and Gabry, Stat. Comput. 27,
1413 (2017)). WAIC is not to be believed where a single datum has a variance above 0.4 (the same paper, sec. 3.3).
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from jaxgap.fitting.inference_data import arviz, has_trees, in_arviz, tree
from jaxgap.model.records import Known

__all__ = ["PARETO", "Criterion", "leave_one_out", "waic"]

PARETO = 0.7
"""Pareto k above which leave-one-out from the draws is not to be trusted."""
VARIANCE = 0.4
"""Variance of ln p(datum) above which WAIC is not."""


class Criterion(NamedTuple):
    """An estimate of how well other data like those fitted would be predicted."""

    name: str
    elpd: float
    """Expected log predictive density of all data, higher is better."""
    se: float
    parameters: float
    """Effective number of parameters."""
    pareto_k: Known
    """Largest over the data, for leave-one-out; NaN for WAIC."""
    trusted: bool
    """Whether the method's own check is content."""


def waic(log_likelihood: np.ndarray) -> Criterion:
    """WAIC from ln p(datum | theta), [chain, draw, datum].

    Of one draw it is the log likelihood itself, and of several that agree, too.
    """
    rows = log_likelihood.reshape(-1, log_likelihood.shape[-1])
    density = logsumexp(rows, axis=0) - np.log(len(rows))
    spread = rows.var(axis=0)
    each = density - spread
    se = float(np.sqrt(each.size * each.var()))
    return Criterion("WAIC", float(each.sum()), se, float(spread.sum()), np.nan, bool(np.all(spread <= VARIANCE)))


def leave_one_out(log_likelihood: np.ndarray, draws: np.ndarray) -> Criterion:
    """PSIS-LOO by arviz, from ln p(datum | theta), [chain, draw, datum], and the draws of the parameters, whose effective
    number says how smooth the tails of the weights are."""
    parameters: dict[str, tuple[Any, ...]] = {f"theta_{k}": (("chain", "draw"), draws[:, :, k]) for k in range(draws.shape[-1])}
    groups: dict[str, dict[str, tuple[Any, ...]]] = {
        "posterior": parameters,
        "log_likelihood": {"data": (("chain", "draw", "datum"), log_likelihood)},
    }
    with warnings.catch_warnings():
        # Said by `trusted` and in the report.
        warnings.filterwarnings("ignore", message="Estimated shape parameter of Pareto", category=UserWarning)
        found = arviz().loo(in_arviz(tree(groups)), pointwise=True)
    # 1.0 dropped the method from the names.
    of = "" if has_trees() else "_loo"
    elpd, parameters_used = (float(getattr(found, name + of)) for name in ("elpd", "p"))
    # A datum that no draw moves, such as a gap beyond T_c, has no tail to fit: its k is infinite, and it costs nothing.
    moved = np.ptp(log_likelihood, axis=(0, 1)) > 0
    worst = float(np.max(np.asarray(found.pareto_k)[moved])) if moved.any() else 0.0
    return Criterion("PSIS-LOO", elpd, float(found.se), parameters_used, worst, worst <= PARETO)
