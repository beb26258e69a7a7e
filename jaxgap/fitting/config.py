"""fit.toml: which system and branch, which parameters in which bounds, which errors are assumed, how to optimise."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jaxgap.fitting.data import Datum, read_data
from jaxgap.fitting.expressions import evaluated, names_in
from jaxgap.fitting.junctions import PATH, is_junction, tie
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
    """A tunnel junction whose spectrum is fitted (`jaxgap.fitting.junctions`); a parameter may set any of these."""

    Gamma: Annotated[float, Field(gt=0)]
    """Dynes broadening [meV]."""
    scale: float = 1.0
    slope: float = 0.0
    """Of the background [1/mV]."""
    weights: dict[str, Annotated[float, Field(ge=0)]] = {}
    """Band -> tunnelling weight; 1 where it is not given."""


class DataConfig(_Table):
    """The data file, and the errors assumed where a source gives none."""

    file: str = "data.csv"
    assumed_error_meV: Annotated[float, Field(gt=0)]
    assumed_error_K: Annotated[float, Field(gt=0)] = 1.0
    loss: Literal["linear", "soft_l1", "cauchy"] = "linear"
    """What a deviation of z sigmas costs: z^2; 2 (sqrt(1 + z^2) - 1); ln(1 + z^2). The last two forgive outliers."""


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


FULL = "all"
"""Name of the model as fit.toml has it, among those that it is compared with."""


class ModelConfig(_Table):
    """Another model for the same data, to be compared with: parameters held at a value, or some techniques only."""

    hold: dict[str, float] = {}
    """Parameter -> value at which it is held."""
    techniques: tuple[str, ...] = ()
    """Only rows of these techniques count (all, if it is not given)."""

    @model_validator(mode="after")
    def _differs(self) -> "ModelConfig":
        if bool(self.hold) == bool(self.techniques):
            raise ValueError("give exactly one of `hold` and `techniques`")
        return self


class FitConfig(_Table):
    """All of fit.toml."""

    title: str = ""
    system: SystemConfig
    parameters: Annotated[dict[str, ParameterConfig], Field(min_length=1)]
    data: DataConfig
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
    def _samples_exist(self) -> "FitConfig":
        for name, parameter in self.parameters.items():
            if parameter.sample is not None and parameter.sample not in self.samples:
                raise ValueError(f"parameter `{name}` is of the sample `{parameter.sample}`, which is not in [samples]")
            if parameter.sample is not None and any(is_junction(path) for path in parameter.sets):
                raise ValueError(f"parameter `{name}` sets a junction, which belongs to no sample: give each its own junction")
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
    config = read_config(FitConfig, path, _with_each)
    with in_file(path):
        sc = config.superconductor(folder)
    if config.system.branch not in (ANY, GROUND_STATE):
        sign_pattern(config.system.branch, len(sc.bands))
    _check_parameters(config, sc, path)
    data = read_data(folder / config.data.file, sc, tuple(config.samples))
    for datum in data:
        if datum.kind == "dIdV" and datum.of not in config.junctions:
            raise InputError(f"{path}: `{datum.quantity}` in the data needs a [junctions.{datum.of}] with its Gamma.")
    _check_idle(config, data, path)
    return config, sc, data


def _check_idle(config: FitConfig, data: tuple[Datum, ...], path: Path) -> None:
    """What fit.toml says without effect is refused: it was meant to have one."""
    given = sorted({"adam_steps", "adam_learning_rate"} & config.optimiser.model_fields_set)
    if given and config.optimiser.search != "adam":
        raise InputError(f'{path}: `optimiser.{given[0]}` has an effect only with search = "adam".')
    measured = {datum.of for datum in data if datum.kind == "dIdV"}
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
    for name, junction in config.junctions.items():
        if unknown := [band for band in junction.weights if band not in sc.band_names]:
            bands = ", ".join(sc.band_names)
            raise InputError(f"{path}: `junctions.{name}.weights`: there is no band `{unknown[0]}`; the bands are {bands}.")
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


def changed(junctions: dict[str, JunctionConfig], path: str, value: float) -> dict[str, JunctionConfig]:
    """The junctions with the number at a `path` that was checked."""
    found = PATH.fullmatch(path)
    assert found is not None
    name, leaf, band = found["name"], found["leaf"], found["band"]
    update = {"weights": junctions[name].weights | {band: value}} if leaf == "weight" else {leaf: value}
    return junctions | {name: junctions[name].model_copy(update=update)}


def _leaf(config: FitConfig, sc: Superconductor, target: str, values: list[float]) -> str:
    """The name of what a path sets; a path that leads nowhere, or values that it must not have, are refused."""
    if not is_junction(target):
        for value in values:
            sc.set({target: value})
        return sc.canonical(target)
    found = tie(target, 1.0, list(config.junctions), sc.band_names)
    if (found.leaf == "Gamma" and min(values) <= 0) or (found.leaf == "weight" and min(values) < 0):
        must = "be positive" if found.leaf == "Gamma" else "not be negative"
        raise InputError(f"`{target}` must {must}, but its bounds are {values[0]:g} and {values[1]:g}.")
    return target
