"""sweep.toml: which system, over which axes or samples, what is recorded, how, and where it goes."""

import csv
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, Field, model_validator

from jaxgap.model.config import STRICT, SourceConfig, in_file, read_config
from jaxgap.numerics.checks import InputError
from jaxgap.sweeps.grid import MOST_VALUES, Axis, axis, points
from jaxgap.sweeps.quantities import quantities

__all__ = ["SweepConfig", "load_sweep"]


class _Table(BaseModel):
    model_config = STRICT


class AxisConfig(_Table):
    """An axis: evenly spaced from one value to another, or a list of values."""

    from_: Annotated[float | None, Field(alias="from")] = None
    """The first value, in the unit of what the axis sets."""
    to: float | None = None
    """The last value."""
    points: Annotated[int | None, Field(ge=1, le=MOST_VALUES)] = None
    """How many values, the ends counted."""
    values: Annotated[tuple[float, ...] | None, Field(min_length=1)] = None
    """Instead of `from`, `to` and `points`: the values."""
    sets: dict[str, float | tuple[float, float]] = {}
    """Path -> factor, or [factor, offset]: leaves that the axis sets. Not needed if its name is a path, "T" or "d"."""
    unit: str = ""
    """Written beside the axis; that of the leaf, if the name is one."""

    @model_validator(mode="after")
    def _one_way(self) -> "AxisConfig":
        range_ = (self.from_, self.to, self.points)
        if (self.values is None) == (None in range_) and (self.values is not None or any(x is not None for x in range_)):
            raise ValueError("give `from`, `to` and `points`, all three, or `values`")
        if self.values is None and None in range_:
            raise ValueError("give `from`, `to` and `points`, all three, or `values`")
        if self.points == 1 and self.from_ != self.to:
            raise ValueError("an axis from one value to another has 2 points at least; give a single one as `values`")
        return self

    def axis(self) -> Axis:
        """The axis, without its name."""
        values = self.values if self.values is not None else np.linspace(self.from_, self.to, self.points)  # type: ignore[arg-type]
        return axis(values, self.sets or None, self.unit)


class SamplesConfig(_Table):
    """Points from a table: a CSV file beside sweep.toml, with a line of names (paths, "T", "d") and a row for every point."""

    file: str
    """The table, beside sweep.toml."""


class RunConfig(_Table):
    """How it is computed; what is not given is chosen."""

    chunk: Annotated[int | None, Field(ge=1)] = None
    """Points of a block: what an interruption costs."""
    batch: Annotated[int | None, Field(ge=1)] = None
    """Points that a device treats at once."""


class PictureConfig(_Table):
    """A picture beside sweep.toml."""

    variable: str
    """What is drawn: a variable of the result."""
    at: dict[str, float | str] = {}
    """Dimension -> value: what is held fixed."""


class SweepConfig(_Table):
    """All of sweep.toml."""

    title: str = ""
    """Of the result and its pictures."""
    system: SourceConfig
    """The system that axes change."""
    observables: Annotated[tuple[str, ...], Field(min_length=1)]
    """What is recorded: quantities by name, and sensitivities such as "d gap/d lambda_33"."""
    T: Annotated[float | None, Field(ge=0)] = None
    """Temperature [K], unless it is an axis."""
    mode: Literal["branch", "ground_state", "all"] = "branch"
    """The state with the lowest free energy, all states, or that of one named branch."""
    branch: str | None = None
    """Of the mode "branch": "s++", "s+-", or one sign per band; without it and `start`, the one connected to T_c."""
    start: tuple[float, ...] | None = None
    """Amplitudes to start from [meV], instead of a branch."""
    store: str = "sweep.zarr"
    """Folder of the result, beside sweep.toml."""
    axes: dict[str, AxisConfig] = {}
    """Name -> axis; the points are all combinations. A name is a path, "T", "d", or any with `sets`."""
    samples: SamplesConfig | None = None
    """Instead of axes: the points, one by one."""
    run: RunConfig = RunConfig()
    """How it is computed."""
    pictures: dict[str, PictureConfig] = {}
    """File name (without .png) -> picture."""

    @model_validator(mode="after")
    def _points(self) -> "SweepConfig":
        if bool(self.axes) == (self.samples is not None):
            raise ValueError("give either [axes] or [samples]")
        return self

    def arguments(self, path: Path) -> dict[str, Any]:
        """The arguments of `sweep`; `path` is the configuration's."""
        folder = path.parent
        given: dict[str, Any] = {"grid": {name: one.axis() for name, one in self.axes.items()}}
        if self.samples is not None:
            given = {"samples": read_samples(folder / self.samples.file)}
        start = None if self.start is None else np.array(self.start)
        return given | {
            "sc": self.system.superconductor(path),
            "observables": self.observables,
            "T": self.T,
            "mode": self.mode,
            "branch": self.branch,
            "start": start,
            "store": folder / self.store,
            "chunk": self.run.chunk,
            "batch": self.run.batch,
            "title": self.title,
        }


def read_samples(path: Path) -> dict[str, np.ndarray]:
    """Columns of a CSV file by their names."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            names, *rows = list(csv.reader(file))
        table = np.array([[float(text) for text in row] for row in rows if row])
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the samples `{path}`: {error}.") from None
    except ValueError as error:
        raise InputError(f"The samples `{path}` must be a line of names and rows of as many numbers: {error}.") from None
    if table.ndim != 2 or table.shape[1] != len(names):
        raise InputError(f"The samples `{path}` must be a line of names and rows of as many numbers.")
    return {name.strip(): column for name, column in zip(names, table.T, strict=True)}


def load_sweep(path: str | Path) -> tuple[SweepConfig, dict[str, Any]]:
    """(configuration, arguments of `sweep`) of a sweep.toml; everything that can be wrong with it is said in one sentence."""
    path = Path(path)
    config = read_config(SweepConfig, path)
    with in_file(path):
        given = config.arguments(path)
        # Said before anything is written.
        where = points(given["sc"], given["T"], given.get("grid"), given.get("samples"))
        quantities(given["observables"], where)
    return config, given
