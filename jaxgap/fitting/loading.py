"""A fit folder read: fit.toml, its system and its data; everything that can be wrong with them is one sentence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxgap.fitting.config import ANY, GROUND_STATE, FitConfig, ParameterConfig
from jaxgap.fitting.data import Datum, check_used
from jaxgap.fitting.experiments import check_bounds, check_numbers, is_experiment, parsed
from jaxgap.fitting.expressions import evaluated
from jaxgap.fitting.filling import check_fillable
from jaxgap.fitting.retarded import check_retarded
from jaxgap.fitting.sources import curves_of, read_entry
from jaxgap.model.config import in_file, read_config
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.solving.labels import sign_pattern

__all__ = ["load_fit"]

SCALES = 8.0
"""Bounds of the scale of a curve, in its error, on either side."""
LEAST_SCALE = 0.01


def load_fit(folder: str | Path) -> tuple[FitConfig, Superconductor, tuple[Datum, ...]]:
    """(configuration, system, data) of a fit folder; everything that can be wrong with it is said in one sentence."""
    folder = Path(folder)
    path = folder / "fit.toml"
    if not path.is_file():
        raise InputError(f"The folder `{folder}` has no fit.toml.")
    config = _with_scales(read_config(FitConfig, path, _with_each))
    with in_file(path):
        sc = config.superconductor(folder)
    if config.system.branch not in (ANY, GROUND_STATE):
        sign_pattern(config.system.branch, sc.signed)
    _check_parameters(config, sc, path)
    data = _read_all(config, folder, sc, path)
    with in_file(path):
        check_fillable(sc, data)
        check_retarded(config, sc, data)
    _check_idle(config, data, path)
    return config, sc, data


def _with_scales(config: FitConfig) -> FitConfig:
    """The fit with a parameter for the scale of every curve whose points have an error in common."""
    scales = {
        f"scale of {name}": ParameterConfig(
            bounds=(max(1 - SCALES * error, LEAST_SCALE), 1 + SCALES * error),
            start=1.0,
            prior=(1.0, error),
            sets={f"data[{name}].scale": 1.0},
        )
        for name, one in curves_of(config.entries).items()
        if (error := one.scale_error) is not None
    }
    return config.model_copy(update={"parameters": config.parameters | scales}) if scales else config


def _read_all(config: FitConfig, folder: Path, sc: Superconductor, path: Path) -> tuple[Datum, ...]:
    samples = tuple(config.samples)
    parts = [read_entry(one, i, folder, sc, samples) for i, one in enumerate(config.entries)]
    data = tuple(datum for part in parts for datum in part)
    check_used(data, [folder / one.file for one in config.entries], samples)
    for datum in data:
        if datum.kind == "dIdV" and datum.experiment not in config.experiments:
            raise InputError(f"{path}: `{datum.quantity}` in the data needs a [junctions.{datum.experiment}] with its Gamma.")
    return data


def _check_idle(config: FitConfig, data: tuple[Datum, ...], path: Path) -> None:
    """What fit.toml says without effect is refused: it was meant to have one."""
    given = sorted({"adam_steps", "adam_learning_rate"} & config.optimiser.model_fields_set)
    if given and config.optimiser.search != "adam":
        raise InputError(f'{path}: `optimiser.{given[0]}` has an effect only with search = "adam".')
    measured = {datum.experiment for datum in data}
    if idle := [name for name in config.junctions if name not in measured]:
        raise InputError(f"{path}: no spectrum in the data is of [junctions.{idle[0]}]: dIdV[{idle[0]}].")


def _with_each(table: dict[str, Any]) -> dict[str, Any]:
    """The table of fit.toml in which a parameter with `each = true` is one parameter per sample, also where a model holds
    it. What is not as it should be is left for the validation."""
    parameters, samples, models = (table.get(key, {}) for key in ("parameters", "samples", "models"))
    if not all(isinstance(part, dict) for part in (parameters, samples, models)):
        return table
    each = {name for name, part in parameters.items() if isinstance(part, dict) and part.get("each") is True}
    if each and not samples:
        raise InputError(f"parameter `{min(each)}` has `each = true`, but there are no [samples].")

    def spread(part: dict[str, Any], of_sample: Callable[[Any, str], Any]) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for name, value in part.items():
            out |= {f"{name}@{sample}": of_sample(value, sample) for sample in samples} if name in each else {name: value}
        return out

    def own(value: dict[str, Any], sample: str) -> dict[str, Any]:
        return {key: part for key, part in value.items() if key != "each"} | {"sample": sample}

    if each:
        table = table | {"parameters": spread(parameters, own)}
    if each and models:
        table["models"] = {
            name: part | {"hold": spread(part["hold"], lambda value, _: value)}
            if isinstance(part, dict) and isinstance(part.get("hold"), dict)
            else part
            for name, part in models.items()
        }
    return table


def _check_parameters(config: FitConfig, sc: Superconductor, path: Path) -> None:
    """Every path exists, is set once, and both bounds make a valid system."""
    experiments = config.experiments
    free = [path for parameter in config.parameters.values() for path in parameter.sets if is_experiment(path)]
    with in_file(path):
        places = [parsed(one, experiments, sc.band_names) for one in free]
        for name, given in experiments.items():
            check_numbers(name, given, sc, {place.number for place in places if place.name == name})
    systems = {key: sc for key in config.sample_names}
    owners = {key: {sc.canonical(target): "system.set" for target in config.system.set} for key in config.sample_names}
    for key, own in config.samples.items():
        try:
            systems[key] = sc.set(dict(own.set))
        except InputError as error:
            raise InputError(f"{path}: sample `{key}`: {error}") from None
        owners[key] |= {sc.canonical(target): f"samples.{key}.set" for target in own.set}
    for name, parameter in config.parameters.items():
        for target, factor in parameter.sets.items():
            for sample in config.sample_names if parameter.sample is None else (parameter.sample,):
                try:
                    leaf = _leaf(config, systems[sample], target, [factor * bound for bound in parameter.bounds])
                except InputError as error:
                    raise InputError(f"{path}: parameter `{name}`: {error}") from None
                _own(owners[sample], leaf, name, path)
    _check_ties(config, systems, path, owners)


def _own(owners: dict[str, str], leaf: str, name: str, path: Path) -> None:
    """Nothing is set twice."""
    if leaf in owners:
        raise InputError(f"{path}: `{leaf}` is set by both `{owners[leaf]}` and `{name}`.")
    owners[leaf] = name


def _check_ties(config: FitConfig, systems: dict[str, Superconductor], path: Path, owners: dict[str, dict[str, str]]) -> None:
    """Every tied leaf exists, is set once, and has valid values where all parameters are at one end of their bounds."""
    for target, text in config.ties.items():
        for sample, sc in systems.items():
            try:
                for end in (0, 1):
                    values = {short: config.parameters[name].bounds[end] for short, name in config.named(sample).items()}
                    sc.set({target: evaluated(text, values)})
                leaf = sc.canonical(target)
            except InputError as error:
                raise InputError(f"{path}: ties: {error}") from None
            _own(owners[sample], leaf, "ties", path)


def _leaf(config: FitConfig, sc: Superconductor, target: str, values: list[float]) -> str:
    """The name of what a path sets; a path that leads nowhere, or values that it must not have, are refused."""
    if not is_experiment(target):
        for value in values:
            sc.set({target: value})
        return sc.canonical(target)
    place = parsed(target, config.experiments, sc.band_names)
    check_bounds(target, place, config.experiments, values, sc)
    return f"data[{place.name}].{place.number}" + (f"[{place.band}]" if place.band else "")
