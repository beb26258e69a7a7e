"""fit.toml: which system and branch, which parameters in which bounds, which errors are assumed, how to optimise."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jaxgap.fitting.data import Datum, check_used
from jaxgap.fitting.experiments import Given, check_bounds, check_numbers, is_experiment, parsed
from jaxgap.fitting.expressions import evaluated, names_in
from jaxgap.fitting.sources import CurveConfig, Entries, TableConfig, curves_of, read_entry
from jaxgap.model.config import STRICT, SourceConfig, in_file, read_config
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.solving.labels import sign_pattern

__all__ = ["FitConfig", "ParameterConfig", "load_fit"]


ANY, GROUND_STATE = "any", "ground_state"
"""What `system.branch` may say instead of a branch."""


class _Table(BaseModel):
    model_config = STRICT


class SystemConfig(SourceConfig):
    """The system and its branch."""

    branch: str
    """The branch that the data belong to: "s++", "s+-", one sign per band, "ground_state", or "any" (`fitting.choice`)."""
    stability: Literal["stable", "any"] = "stable"
    """Which states with these signs may be the fit: stable ones, as a sample shows them, or any (`fitting.states`). Stable in
    amplitude, and in phase where g is symmetric; where it is not, the stability of phases depends on relaxation rates, and
    only amplitudes count."""


class ParameterConfig(_Table):
    """A free parameter: its bounds, its start, and the leaves of the system that it sets."""

    # `each` is gone when the rest is read: there is one parameter per sample instead.
    model_config = ConfigDict(**STRICT, json_schema_extra=lambda schema: schema["properties"].update(each={"type": "boolean"}))

    bounds: tuple[float, float]
    start: float | None = None
    prior: tuple[float, Annotated[float, Field(gt=0)]] | None = None
    """What is known beforehand: (value, one standard deviation). It counts as one more datum."""
    unit: str = ""
    sets: dict[str, float] = {}
    """Path -> factor: the leaf is factor times the parameter. Several paths tie several leaves to one parameter. May be empty
    for a parameter that only [ties] use."""
    sample: str | None = None
    """The only sample whose system it sets; all of them, if not given. (In fit.toml `each = true` makes one such parameter
    per sample, called `<name>@<sample>`.)"""

    @model_validator(mode="after")
    def _ordered(self) -> "ParameterConfig":
        lo, hi = self.bounds
        if not lo < hi:
            raise ValueError(f"the lower bound must be below the upper one, but the bounds are {lo:g} and {hi:g}")
        if self.start is not None and not lo < self.start < hi:
            raise ValueError(f"the start {self.start:g} is not inside the bounds {lo:g} and {hi:g}")
        return self


class SampleConfig(_Table):
    """One of several samples (compositions, pressures) that are fitted together; rows of the data name theirs."""

    set: dict[str, float] = {}
    """Path -> value: leaves that this sample has different from the system, and that stay fixed."""


class JunctionConfig(_Table):
    """A tunnel junction whose points are rows of a table of numbers (`jaxgap.fitting.experiments`); a parameter may set any of
    these."""

    Gamma: Annotated[float, Field(gt=0)]
    """Dynes broadening [meV]."""
    scale: float = 1.0
    slope: float = 0.0
    """Of the background [1/mV]."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Band -> tunnelling weight; 1 where it is not given."""

    @property
    def experiment(self) -> Given:
        """What it measures, with which numbers."""
        return Given("dIdV", "", self.model_dump())


class OptimiserConfig(_Table):
    """Multi-start search on amplitudes and parameters together, then least squares through the implicit derivative."""

    starts: Annotated[int, Field(ge=1, le=4096)] = 16
    seed: int = 0
    search: Literal["least_squares", "adam"] = "least_squares"
    search_steps: Annotated[int, Field(ge=1)] = 100
    """Most evaluations of one start in the search by least squares."""
    adam_steps: Annotated[int, Field(ge=0)] = 300
    adam_learning_rate: Annotated[float, Field(gt=0)] = 0.05
    residual_scale_meV: Annotated[float, Field(gt=0)] = 0.05
    """Stiffness of the search: gap equations count as data with this error."""
    finish_steps: Annotated[int, Field(ge=1)] = 100
    """Most evaluations of one start in the finish."""
    tolerance: Annotated[float, Field(gt=0)] = 1e-7
    """A start has converged when the minimum is this close, in standard deviations (`minimise.distance`)."""


Empirical = Literal["bcs", "alpha_one_gap", "alpha", "dynes", "two_gap_dynes", "btk", "two_gap_btk", "smw"]
SMW = "smw"
FULL = "all"
"""Name of the model as fit.toml has it, among those that it is compared with."""


class ModelConfig(_Table):
    """Another model for the same data, to be compared with: parameters held at a value, some techniques only, or one of the
    models that people fit without gap equations."""

    hold: dict[str, float] = {}
    """Parameter -> value at which it is held."""
    techniques: tuple[str, ...] = ()
    """Only rows of these techniques count (all, if it is not given)."""
    empirical: Empirical | None = None
    """A model of `jaxgap.fitting.empirical`: gaps that are free (`alpha`, `two_gap_btk`, ...), or `smw`, the self-consistent
    one without cross-band pairing."""
    bounds: dict[str, tuple[float, float]] = {}
    """Of the parameters of an empirical model, where its own will not do."""
    gaps: dict[str, Literal[1, 2]] = {}
    """Band or branch -> which gap of an empirical model it has; of two bands the first has the first."""

    @model_validator(mode="after")
    def _differs(self) -> "ModelConfig":
        held = bool(self.hold) and self.empirical != SMW
        if held + bool(self.techniques) + bool(self.empirical) != 1:
            raise ValueError("give exactly one of `hold`, `techniques` and `empirical`")
        if (self.bounds or self.gaps) and self.empirical in (None, SMW):
            raise ValueError("`bounds` and `gaps` are of an empirical model with free gaps")
        if wrong := [name for name, (lo, hi) in self.bounds.items() if not lo < hi]:
            raise ValueError(f"the lower bound of `{wrong[0]}` must be below the upper one")
        return self


class FitConfig(_Table):
    """All of fit.toml."""

    title: str = ""
    system: SystemConfig
    parameters: Annotated[dict[str, ParameterConfig], Field(min_length=1)]
    data: Entries
    """A table of numbers, or a list of tables and curves."""
    junctions: dict[str, JunctionConfig] = {}
    ties: dict[str, str] = {}
    """Path -> expression: a leaf of every sample's system that follows from parameters (`jaxgap.fitting.expressions`); a
    parameter of `each` sample has the name without the sample there."""
    samples: dict[str, SampleConfig] = {}
    """Samples fitted together; without any there is one, which has no name."""
    optimiser: OptimiserConfig = OptimiserConfig()
    models: dict[str, ModelConfig] = {}
    """Models to compare with (`jaxgap compare`)."""

    @model_validator(mode="after")
    def _held_exist(self) -> "FitConfig":
        for name, model in self.models.items():
            if name == FULL:
                raise ValueError(f"a model cannot be called `{FULL}`: that is the one with everything free")
            for parameter, value in model.hold.items():
                if parameter not in self.parameters:
                    raise ValueError(f"model `{name}` holds `{parameter}`, which is no parameter")
                lo, hi = self.parameters[parameter].bounds
                if not lo <= value <= hi:
                    raise ValueError(f"model `{name}` holds `{parameter}` at {value:g}, outside its bounds {lo:g} and {hi:g}")
            if len(model.hold) == len(self.parameters):
                raise ValueError(f"model `{name}` holds every parameter: nothing is left to fit")
        return self

    @model_validator(mode="after")
    def _names_differ(self) -> "FitConfig":
        names = [*self.junctions, *(one.called for one in self.entries if isinstance(one, CurveConfig))]
        if twice := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"two entries of [[data]] are called `{twice[0]}`: give one of them another `name`")
        return self

    @model_validator(mode="after")
    def _samples_exist(self) -> "FitConfig":
        for name, parameter in self.parameters.items():
            if parameter.sample is not None and parameter.sample not in self.samples:
                raise ValueError(f"parameter `{name}` is of the sample `{parameter.sample}`, which is not in [samples]")
            if parameter.sample is not None and any(is_experiment(path) for path in parameter.sets):
                raise ValueError(
                    f"parameter `{name}` sets a number of an experiment, which belongs to no sample: give each its own"
                )
        return self

    @model_validator(mode="after")
    def _ties_have_values(self) -> "FitConfig":
        used = set()
        for path, text in self.ties.items():
            for sample in self.sample_names:
                known = self.named(sample)
                names = names_in(text)
                if missing := [name for name in names if name not in known]:
                    raise ValueError(f"the tie of `{path}` uses `{missing[0]}`, which is no parameter")
                used |= {known[name] for name in names}
        if idle := [name for name, parameter in self.parameters.items() if not parameter.sets and name not in used]:
            raise ValueError(f"parameter `{idle[0]}` sets nothing: give it `sets`, or use it in [ties]")
        return self

    def named(self, sample: str) -> dict[str, str]:
        """Parameters of a sample by the name that expressions use."""
        own = {name: part.sample for name, part in self.parameters.items() if part.sample in (None, sample)}
        return {name if only is None else name.removesuffix(f"@{only}"): name for name, only in own.items()}

    @property
    def sample_names(self) -> tuple[str, ...]:
        """The samples in their order; one without a name if fit.toml has none."""
        return tuple(self.samples) or ("",)

    @property
    def entries(self) -> tuple[TableConfig | CurveConfig, ...]:
        """What `data` lists."""
        return self.data if isinstance(self.data, tuple) else (self.data,)

    @property
    def tables(self) -> tuple[TableConfig, ...]:
        """Those that are tables of numbers."""
        return tuple(one for one in self.entries if isinstance(one, TableConfig))

    def assumed_error(self, datum: Datum) -> float:
        """What the table of a datum assumes of its error."""
        table = self.entries[datum.entry]
        assert isinstance(table, TableConfig)
        return table.assumed_error_meV if datum.unit == "meV" else table.assumed_error_K

    @property
    def robust(self) -> str:
        """The loss that makes chi^2 something else; empty if there is none."""
        return next((one.loss for one in self.entries if one.loss != "linear"), "")

    @property
    def experiments(self) -> dict[str, Given]:
        """Junctions and curves by their names."""
        own = self.junctions | curves_of(self.entries)
        return {name: one.experiment for name, one in own.items()}

    def with_number(self, path: str, value: float, bands: Sequence[str]) -> "FitConfig":
        """The same fit with the number of an experiment at a `path` fixed."""
        name, number, band = parsed(path, self.experiments, bands)
        if name in self.junctions:
            part = self.junctions[name]
            new = value if band is None else part.weights | {band: value}
            return self.model_copy(update={"junctions": self.junctions | {name: part.model_copy(update={number: new})}})
        data = [
            one if one is not curves_of(self.entries).get(name) else _with_setting(one, number, band, value)
            for one in self.entries
        ]
        return self.model_copy(update={"data": tuple(data) if isinstance(self.data, tuple) else data[0]})

    def with_branch(self, branch: str) -> "FitConfig":
        """The same fit on a given branch."""
        return self.model_copy(update={"system": self.system.model_copy(update={"branch": branch})})

    def systems(self, sc: Superconductor) -> tuple[Superconductor, ...]:
        """Every sample's system."""
        return tuple(sc.set(dict(sample.set)) for sample in self.samples.values()) or (sc,)

    def superconductor(self, folder: Path) -> Superconductor:
        """The system at its starting point, with the leaves that are set."""
        return self.system.superconductor(folder / "fit.toml")


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
        sign_pattern(config.system.branch, len(sc.bands))
    _check_parameters(config, sc, path)
    data = _read_all(config, folder, sc, path)
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


SCALES = 8.0
"""Bounds of the scale of a curve, in its error, on either side."""
LEAST_SCALE = 0.01


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


def _with_setting(one: CurveConfig, number: str, band: str | None, value: float) -> CurveConfig:
    """The curve with one of its numbers fixed."""
    before = one.settings.get(number, {})
    new = value if band is None else (before if isinstance(before, dict) else {}) | {band: value}
    return one.model_copy(update={"settings": one.settings | {number: new}})


def _leaf(config: FitConfig, sc: Superconductor, target: str, values: list[float]) -> str:
    """The name of what a path sets; a path that leads nowhere, or values that it must not have, are refused."""
    if not is_experiment(target):
        for value in values:
            sc.set({target: value})
        return sc.canonical(target)
    place = parsed(target, config.experiments, sc.band_names)
    check_bounds(target, place, config.experiments, values, sc)
    return f"data[{place.name}].{place.number}" + (f"[{place.band}]" if place.band else "")
