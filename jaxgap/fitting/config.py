"""fit.toml: which system and branch, which parameters in which bounds, which errors are assumed, how to optimise."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from jaxgap.fitting.data import Datum
from jaxgap.fitting.experiments import Given, is_experiment, parsed
from jaxgap.fitting.expressions import names_in
from jaxgap.fitting.sources import CurveConfig, Entries, TableConfig, curves_of
from jaxgap.model.config import STRICT, SourceConfig
from jaxgap.model.superconductor import Superconductor

__all__ = ["FitConfig", "ParameterConfig"]


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


EACH = {"type": "boolean", "default": False, "description": "Whether every sample has a parameter of its own, `NAME@SAMPLE`."}


class ParameterConfig(_Table):
    """A free parameter: its bounds, its start, and the leaves of the system that it sets."""

    # `each` is gone when the rest is read: there is one parameter per sample instead.
    model_config = ConfigDict(**STRICT, json_schema_extra=lambda schema: schema["properties"].update(each=EACH))

    bounds: tuple[float, float]
    """[lower, upper], in the parameter's unit."""
    start: float | None = None
    """Where the first start begins; somewhere between the bounds, if it is not given. The others fill the space there."""
    prior: tuple[float, Annotated[float, Field(gt=0)]] | None = None
    """What is known beforehand: (value, one standard deviation). It counts as one more datum."""
    unit: str = ""
    """For reports."""
    note: str = ""
    """What a reader of its value has to know, in sentences: they stand in the verdict."""
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
    """Factor of the whole spectrum."""
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
    """How many; the first is at the parameters' `start`."""
    seed: int = 0
    """Of the starts that are drawn."""
    search: Literal["least_squares", "adam"] = "least_squares"
    """How the search goes; the finish is always by least squares."""
    search_steps: Annotated[int, Field(ge=1)] = 100
    """Most evaluations of one start in the search by least squares."""
    adam_steps: Annotated[int, Field(ge=0)] = 300
    """Steps of a search by adam."""
    adam_learning_rate: Annotated[float, Field(gt=0)] = 0.05
    """Of a search by adam."""
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
    """Band or quasiparticle branch -> which gap of an empirical model it has; of two bands the first has the first."""

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
    """Of reports and pictures."""
    system: SystemConfig
    """The system, and the branch that the data belong to."""
    parameters: Annotated[dict[str, ParameterConfig], Field(min_length=1)]
    """Name -> free parameter."""
    data: Entries
    """A table of numbers, or a list of tables and curves."""
    junctions: dict[str, JunctionConfig] = {}
    """Name -> tunnel junction, for rows `dIdV[NAME]` of a data.csv."""
    ties: dict[str, str] = {}
    """Path -> expression: a leaf of every sample's system that follows from parameters (`jaxgap.fitting.expressions`); a
    parameter of `each` sample has the name without the sample there."""
    samples: dict[str, SampleConfig] = {}
    """Samples fitted together; without any there is one, which has no name."""
    optimiser: OptimiserConfig = OptimiserConfig()
    """How the optimum is searched for."""
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


def _with_setting(one: CurveConfig, number: str, band: str | None, value: float) -> CurveConfig:
    """The curve with one of its numbers fixed."""
    before = one.settings.get(number, {})
    new = value if band is None else (before if isinstance(before, dict) else {}) | {band: value}
    return one.model_copy(update={"settings": one.settings | {number: new}})
