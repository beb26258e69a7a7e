"""fit.toml: which system and branch, which parameters in which bounds, which errors are assumed, how to optimise."""

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from jaxgap._checks import InputError
from jaxgap.fitting.data import Datum, read_data
from jaxgap.fitting.junctions import is_junction, tie
from jaxgap.labels import sign_pattern
from jaxgap.materials import MATERIALS
from jaxgap.superconductor import Superconductor, from_table, load

__all__ = ["FitConfig", "ParameterConfig", "load_fit"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class SystemConfig(_Table):
    """The system and its branch: a material by name, a TOML file beside fit.toml, or the tables of a system inline."""

    material: str | None = None
    file: str | None = None
    inline: dict[str, Any] | None = None
    branch: str
    """The branch that the data belong to: "s++", "s+-", or one sign per band."""
    set: dict[str, float] = {}
    """Path -> value: leaves that are changed and stay fixed."""

    @model_validator(mode="after")
    def _one_source(self) -> "SystemConfig":
        if sum(source is not None for source in (self.material, self.file, self.inline)) != 1:
            raise ValueError("give exactly one of `material`, `file` and `inline`")
        if self.material is not None and self.material not in MATERIALS:
            raise ValueError(f"unknown material `{self.material}`; the materials are {', '.join(MATERIALS)}")
        return self


class ParameterConfig(_Table):
    """A free parameter: its bounds, its start, and the leaves of the system that it sets."""

    bounds: tuple[float, float]
    start: float | None = None
    prior: tuple[float, Annotated[float, Field(gt=0)]] | None = None
    """What is known beforehand: (value, one standard deviation). It counts as one more datum."""
    unit: str = ""
    sets: Annotated[dict[str, float], Field(min_length=1)]
    """Path -> factor: the leaf is factor times the parameter. Several paths tie several leaves to one parameter."""

    @model_validator(mode="after")
    def _ordered(self) -> "ParameterConfig":
        lo, hi = self.bounds
        if not lo < hi:
            raise ValueError(f"the lower bound must be below the upper one, but the bounds are {lo:g} and {hi:g}")
        if self.start is not None and not lo < self.start < hi:
            raise ValueError(f"the start {self.start:g} is not inside the bounds {lo:g} and {hi:g}")
        return self


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

    def superconductor(self, folder: Path) -> Superconductor:
        """The system at its starting point, with the leaves that are set."""
        if self.system.material is not None:
            sc = MATERIALS[self.system.material]()
        elif self.system.file is not None:
            sc = load(folder / self.system.file)
        else:
            sc = from_table(self.system.inline or {}, str(folder / "fit.toml"))
        return sc.set(dict(self.system.set))


def load_fit(folder: str | Path) -> tuple[FitConfig, Superconductor, tuple[Datum, ...]]:
    """(configuration, system, data) of a fit folder; everything that can be wrong with it is said in one sentence."""
    folder = Path(folder)
    path = folder / "fit.toml"
    if not path.is_file():
        raise InputError(f"The folder `{folder}` has no fit.toml.")
    try:
        config = FitConfig.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML: {error}.") from None
    except ValidationError as error:
        raise InputError(f"{path}: {_sentence(error)}") from None
    try:
        sc = config.superconductor(folder)
    except InputError as error:
        raise InputError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from None
    sign_pattern(config.system.branch, len(sc.bands))
    _check_parameters(config, sc, path)
    data = read_data(folder / config.data.file, sc)
    for datum in data:
        if datum.kind == "dIdV" and datum.of not in config.junctions:
            raise InputError(f"{path}: `{datum.quantity}` in the data needs a [junctions.{datum.of}] with its Gamma.")
    return config, sc, data


def _check_parameters(config: FitConfig, sc: Superconductor, path: Path) -> None:
    """Every path exists, is set once, and both bounds make a valid system."""
    for name, junction in config.junctions.items():
        if unknown := [band for band in junction.weights if band not in sc.band_names]:
            bands = ", ".join(sc.band_names)
            raise InputError(f"{path}: `junctions.{name}.weights`: there is no band `{unknown[0]}`; the bands are {bands}.")
    owners = {sc.canonical(target): "system.set" for target in config.system.set}
    for name, parameter in config.parameters.items():
        for target, factor in parameter.sets.items():
            try:
                leaf = _leaf(config, sc, target, [factor * bound for bound in parameter.bounds])
            except InputError as error:
                raise InputError(f"{path}: parameter `{name}`: {error}") from None
            if leaf in owners:
                raise InputError(f"{path}: `{leaf}` is set by both `{owners[leaf]}` and `{name}`.")
            owners[leaf] = name


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


def _sentence(error: ValidationError) -> str:
    """The first of pydantic's complaints as one sentence."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"unknown key `{where}`."
    if first["type"] == "missing":
        return f"the key `{where}` is missing."
    message = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f", but got {first['input']!r}"
    return f"`{where}`: {message[0].lower()}{message[1:]}{given}."
