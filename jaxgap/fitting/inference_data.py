r"""The draws of a posterior in the groups that arviz reads (arviz.org, "InferenceData schema specification"), as a tree of
labelled arrays and as a NetCDF file: whoever opens `posterior.nc` needs no jaxgap.

Beside the draws stand the prior (`jaxgap.fitting.prior`), what its model says of the data before they are known, and repeated
data of both,

.. math:: y^{\rm rep}_s = y(\theta_s) + L n, \qquad n \sim N(0, 1)

with the model's numbers y(theta) and the covariance L L^T of the errors. The model's numbers follow from the deviations that
the sampler keeps, by taking back the loss and the error; a limit, which only knows that a number is within it, has none (NaN).

arviz 1 has trees, arviz 0 an `InferenceData` of the same groups: `in_arviz` makes what the installed one takes.
"""

import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from jaxgap.fitting.data import Datum
from jaxgap.fitting.drawn import Drawn
from jaxgap.fitting.prior import draws_before
from jaxgap.fitting.problem import correlated, covariance_of, error_of
from jaxgap.numerics.checks import InputError
from jaxgap.numerics.provenance import VERSION

__all__ = ["arviz", "has_trees", "in_arviz", "netcdf", "require_packages", "tree", "tree_of"]

PACKAGES = ("numpyro", "arviz", "h5netcdf", "h5py")
Groups = Mapping[str, Mapping[str, tuple[Any, ...]]]
"""Group -> variable -> (dimensions, values, attributes)."""


def require_packages() -> None:
    """Say what to install if something is missing: better before the draws than after them.

    Raises:
        InputError: if numpyro, arviz or what writes NetCDF is not installed.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise InputError(f'Posteriors need {", ".join(missing)}: pip install "jaxgap[bayes]".')


def arviz() -> Any:
    """arviz, without what it says about its own future when it is imported."""
    require_packages()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        import arviz as package
    return package


def has_trees() -> bool:
    """Whether the installed arviz is 1.0 or newer."""
    return int(arviz().__version__.partition(".")[0]) >= 1


def tree(groups: Groups, coordinates: Mapping[str, tuple[Any, ...]] | None = None, **attributes: object) -> Any:
    """An `xarray.DataTree` of groups; each has those of the `coordinates` whose dimensions it has."""
    import xarray as xr

    sets = {name: xr.Dataset(dict(variables)) for name, variables in groups.items()}
    for name, one in sets.items():
        own = {key: of for key, of in (coordinates or {}).items() if of[0] in one.dims}
        sets[name] = one.assign_coords({**{dim: np.arange(n) for dim, n in one.sizes.items()}, **own})
    return xr.DataTree.from_dict({"/": xr.Dataset(attrs=attributes), **sets})


def in_arviz(groups: Any) -> Any:
    """The tree as the installed arviz takes it."""
    if has_trees():
        return groups
    return arviz().InferenceData(attrs=groups.attrs, **{name: one.to_dataset() for name, one in groups.children.items()})


def netcdf(groups: Any) -> bytes:
    """The tree as a NetCDF file, which `arviz.from_netcdf` and `xarray.open_datatree` open."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "posterior.nc"
        groups.to_netcdf(path, engine="h5netcdf")
        return path.read_bytes()


def tree_of(posterior: Drawn) -> Any:
    """All groups of a posterior: parameters by name with their units, the prior, the data with errors, what the model says of
    them with the posterior and with the prior, repeated data, the statistics of the sampler and the log likelihood."""
    draws, point = ("chain", "draw"), ("chain", "draw", "datum")
    unitless = {"units": "1"}
    lp = {"long_name": "log density of the posterior, up to a constant", **unitless}
    said = {"long_name": "ln p(datum | theta)", **unitless}
    groups: dict[str, dict[str, tuple[Any, ...]]] = {
        "posterior": _parameters(posterior, posterior.draws),
        "prior": _parameters(posterior, draws_before(posterior.config, posterior.chi2.shape, posterior.seed)),
        "log_likelihood": {"data": (point, posterior.log_likelihood, said)},
        "sample_stats": {
            "diverging": (draws, posterior.diverging.astype(bool)),
            "n_steps": (draws, posterior.steps, {"long_name": "evaluations of the density", **unitless}),
            "lp": (draws, -posterior.chi2 / 2, lp),
        },
        "posterior_predictive": _predictive(posterior, posterior.deviations, 2, "NaN for limits"),
        "observed_data": {"data": (("datum",), _column(posterior.fitted, lambda d: d.value))},
        "constant_data": {"error": (("datum",), _errors(posterior), {"long_name": "one standard deviation, as assumed"})},
    }
    if (before := posterior.deviations_before) is not None:
        groups["prior_predictive"] = _predictive(posterior, before, 3, "NaN for limits, and where the branch does not exist")
    about = {"title": posterior.config.title or "fit", "inference_library": "numpyro", "jaxgap_version": VERSION}
    return tree(groups, _coordinates(posterior.fitted), **about)


def _parameters(posterior: Drawn, draws: np.ndarray) -> dict[str, tuple[Any, ...]]:
    found = {}
    for k, (name, one) in enumerate(posterior.config.parameters.items()):
        about = {"units": one.unit or "1", "long_name": ", ".join(one.sets) or name}
        found[name] = (("chain", "draw"), draws[:, :, k], about)
    return found


def _predictive(posterior: Drawn, deviations: np.ndarray, stream: int, missing: str) -> dict[str, tuple[Any, ...]]:
    """The model's numbers and repeated data, from the deviations of draws; `stream` tells random numbers of groups apart."""
    model, repeated = _predicted(posterior, deviations, stream)
    point = ("chain", "draw", "datum")
    return {
        "data": (point, repeated, {"long_name": f"repeated data; {missing}"}),
        "model": (point, model, {"long_name": f"numbers of the model; {missing}"}),
    }


def _predicted(posterior: Drawn, deviations: np.ndarray, stream: int) -> tuple[np.ndarray, np.ndarray]:
    """(the model's numbers, repeated data), [chain, draw, datum]; NaN for limits."""
    z = np.where([bool(d.limit) for d in posterior.fitted], np.nan, _before_the_loss(posterior, deviations))
    n = np.random.default_rng([posterior.seed, stream]).normal(size=z.shape)
    errors, value = _errors(posterior), _column(posterior.fitted, lambda d: d.value)
    off, scatter = z * errors, np.where(np.isnan(z), np.nan, n) * errors
    for own in correlated(posterior.fitted):
        rows, L = list(own), np.linalg.cholesky(covariance_of(posterior.fitted, own))
        off[..., rows], scatter[..., rows] = z[..., rows] @ L.T, n[..., rows] @ L.T
    return value + off, value + off + scatter


INVERSES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda cost: cost,
    "soft_l1": lambda cost: (1 + cost / 2) ** 2 - 1,
    "cauchy": np.expm1,
}
"""z^2 from what it costs (`jaxgap.fitting.objective.LOSSES`)."""


def _before_the_loss(posterior: Drawn, deviations: np.ndarray) -> np.ndarray:
    """(model - datum) / error, from the deviations after the loss."""
    z = np.array(deviations, float)
    for k, d in enumerate(posterior.fitted):
        z[..., k] = np.sign(z[..., k]) * np.sqrt(INVERSES[posterior.config.entries[d.entry].loss](z[..., k] ** 2))
    return z


def _errors(posterior: Drawn) -> np.ndarray:
    return _column(posterior.fitted, lambda d: error_of(d, posterior.config))


def _column(fitted: tuple[Datum, ...], of: Callable[[Datum], float]) -> np.ndarray:
    return np.array([of(d) for d in fitted])


def _coordinates(fitted: tuple[Datum, ...]) -> dict[str, tuple[Any, ...]]:
    """What every datum is."""
    temperatures = _column(fitted, lambda d: np.nan if d.T is None else d.T)
    names = [f"{d.label} {'' if d.T is None else f'at {d.T:g} K'}".strip() for d in fitted]
    return {
        "datum": ("datum", names),
        "T": ("datum", temperatures, {"units": "K", "long_name": "temperature"}),
        "unit": ("datum", [d.unit for d in fitted], {"long_name": "unit of the datum and of its error"}),
        "limit": ("datum", [d.limit or "none" for d in fitted], {"long_name": "upper or lower limit, or a value"}),
    }
