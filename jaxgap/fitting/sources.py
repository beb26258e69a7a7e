"""Where the data of a fit come from: [data] or [[data]] in fit.toml.

An entry without a `quantity` is a table of numbers whose rows say what they are (`jaxgap.fitting.data`). One with a `quantity`
is a curve as an instrument has written it (`jaxgap.fitting.reading` says how files are read): every point of it is a datum.
"""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from jaxgap.fitting.data import Datum, check_target, not_known, read_data
from jaxgap.fitting.experiments import Given
from jaxgap.fitting.reading import FileConfig, MeasuredCurve, read_curve
from jaxgap.fitting.reading.kinds import CURVES
from jaxgap.model.config import KIND, STRICT
from jaxgap.model.files import read_text
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.quantities import MEASURED
from jaxgap.observables.quantity import Need

__all__ = ["CurveConfig", "Entries", "TableConfig", "curves_of", "read_entry"]

Loss = Literal["linear", "soft_l1", "cauchy"]
"""What a deviation of z sigmas costs: z^2; 2 (sqrt(1 + z^2) - 1); ln(1 + z^2). The last two forgive outliers."""
NAME = re.compile(r"[^\[\]]+")


class TableConfig(BaseModel):
    """A table of numbers, and the errors assumed where a source gives none."""

    model_config = STRICT

    file: str = "data.csv"
    """The table, beside fit.toml."""
    assumed_error_meV: Annotated[float, Field(gt=0)]
    """One standard deviation of energies that have no error of their own [meV]."""
    assumed_error_K: Annotated[float, Field(gt=0)] = 1.0
    """The same of temperatures [K]."""
    loss: Loss = "linear"
    """What a deviation of z sigmas costs: z^2 (linear); 2 (sqrt(1 + z^2) - 1) (soft_l1); ln(1 + z^2) (cauchy)."""


class CurveConfig(FileConfig):
    """A curve: a file, the quantity that it is of, and the experiment's own numbers."""

    quantity: str
    """A name in the registry of what can be a datum."""
    name: str = ""
    """As paths and reports call it; the file's name without its ending, if it is not given."""
    of: str = ""
    """The quasiparticle branch or the band, where the quantity has one."""
    sample: str = ""
    """Which of [samples] it was measured on, where there are any."""
    settings: dict[str, float | dict[str, float]] = Field(default_factory=dict)
    """The experiment's numbers that are fixed, and where those that are parameters start: Gamma, scale, weights of bands."""
    loss: Loss = "linear"
    """What a deviation of z sigmas costs: z^2 (linear); 2 (sqrt(1 + z^2) - 1) (soft_l1); ln(1 + z^2) (cauchy)."""
    scale_error: Annotated[float, Field(gt=0)] | None = None
    """Relative error that all points share: `scale` becomes a parameter, known to so much beforehand."""
    covariance: str = ""
    """File with the covariances of the points' errors, a matrix in the order of the file's lines."""
    technique: str = ""
    """How it was measured, for reports and `techniques` of a model; the quantity, if it is not given."""
    source: str = ""
    """Where the file comes from, for reports."""

    @model_validator(mode="after")
    def _known(self) -> "CurveConfig":
        if self.quantity not in MEASURED:
            raise ValueError(not_known(self.quantity, ", ".join(CURVES)))
        if MEASURED[self.quantity].needs < Need.STATE:
            raise ValueError(f"`{self.quantity}` belongs to no temperature: it is a row of a table of numbers, not a curve")
        if not NAME.fullmatch(self.called):
            raise ValueError(f"the name `{self.called}` must not have brackets: paths have them")
        numbers = {one.name for one in MEASURED[self.quantity].numbers}
        if self.scale_error is not None and "scale" not in numbers:
            raise ValueError(f"`{self.quantity}` has no `scale` that could have an error")
        if self.scale_error is not None and "scale" in self.settings:
            raise ValueError("give either `scale_error` or `settings.scale`")
        return self

    @property
    def called(self) -> str:
        """Its name."""
        return self.name or Path(self.file).stem

    @property
    def experiment(self) -> Given:
        """What it measures, with which numbers."""
        return Given(self.quantity, self.of, self.settings)


def _kind(one: object) -> str:
    """Of what fit.toml says under `data`."""
    if isinstance(one, Sequence):
        return f"{KIND}list"
    curve = "quantity" in one if isinstance(one, Mapping) else isinstance(one, CurveConfig)
    return f"{KIND}curve" if curve else f"{KIND}table"


DataConfig = Annotated[TableConfig, Tag(f"{KIND}table")] | Annotated[CurveConfig, Tag(f"{KIND}curve")]
Entry = Annotated[DataConfig, Discriminator(_kind)]
Entries = Annotated[DataConfig | Annotated[tuple[Entry, ...], Field(min_length=1), Tag(f"{KIND}list")], Discriminator(_kind)]
"""[data] of fit.toml, or [[data]], one or more."""


def curves_of(data: Sequence[TableConfig | CurveConfig]) -> dict[str, CurveConfig]:
    """The curves by their names."""
    return {one.called: one for one in data if isinstance(one, CurveConfig)}


def read_entry(
    one: TableConfig | CurveConfig, entry: int, folder: Path, sc: Superconductor, samples: Sequence[str]
) -> tuple[Datum, ...]:
    """The data of an entry, the `entry`-th of fit.toml, checked against the system and the names of the samples."""
    if isinstance(one, TableConfig):
        return read_data(folder / one.file, sc, samples, entry)
    where = f"data `{one.called}`"
    check_target(one.quantity, one.of, sc, where)
    if one.sample not in (samples or ("",)):
        raise InputError(f"{where}: `sample` must be one of {', '.join(samples) or 'none'}, but is `{one.sample}`.")
    row = MEASURED[one.quantity]
    axis = next(iter(row.axis_units.items()), None)
    curve = read_curve(one, folder, axis, row.units)
    return _data(one, entry, curve, _covariance(one, folder, curve))


def _covariance(one: CurveConfig, folder: Path, curve: MeasuredCurve) -> np.ndarray | None:
    """The covariances of a curve's points in their order; the file has them in the order of its own lines."""
    if not one.covariance:
        return None
    path, n = folder / one.covariance, len(curve.value)
    try:
        C = np.loadtxt(io.StringIO(read_text(path, "covariance")), ndmin=2)
    except ValueError as error:
        raise InputError(f"{path}: a covariance must be rows of numbers, but {error}.") from None
    if C.shape != (n, n):
        raise InputError(f"{path}: a covariance of {n} points must be {n} x {n} numbers, but is {C.shape[0]} x {C.shape[1]}.")
    if not (np.isfinite(C).all() and np.allclose(C, C.T) and np.linalg.eigvalsh(C)[0] > 0):
        raise InputError(f"{path}: a covariance must be symmetric and positive definite.")
    place = np.argsort(np.argsort(curve.lines, kind="stable"), kind="stable")
    return C[np.ix_(place, place)]


def _data(one: CurveConfig, entry: int, curve: MeasuredCurve, C: np.ndarray | None) -> tuple[Datum, ...]:
    row, n = MEASURED[one.quantity], len(curve.value)
    where = f"data `{one.called}`"
    if row.needs >= Need.STATE and curve.T is None:
        raise InputError(f"{where}: its temperature is missing: give `T` [K], or the column that has it.")
    by_T = np.zeros(n) if curve.T_error is None else _slopes(curve, where) * curve.T_error
    if C is not None:
        C = C + np.diag(by_T**2)
        error = np.sqrt(np.diag(C))
    elif curve.error is not None:
        error = np.hypot(curve.error, by_T)
    else:
        raise InputError(f"{where}: its errors are missing: give a column `error`, `errors`, or a `covariance`.")
    T = [None] * n if curve.T is None else curve.T.tolist()
    x = [None] * n if curve.x is None else curve.x.tolist()
    return tuple(
        Datum(
            kind=one.quantity,
            of=one.of,
            T=T[i],
            value=float(curve.value[i]),
            error=float(error[i]),
            unit=row.units,
            use="fit",
            technique=one.technique or one.quantity,
            source=one.source,
            how_obtained=one.file,
            line=int(curve.lines[i]),
            x=x[i],
            sample=one.sample,
            experiment=one.called,
            entry=entry,
            covariance=() if C is None else tuple(C[i].tolist()),
        )
        for i in range(n)
    )


NEIGHBOURS = 5
"""Points through which a parabola gives the slope of a curve."""


def _slopes(curve: MeasuredCurve, where: str) -> np.ndarray:
    """|dy/dT| of a curve over temperature, by the parabola through the nearest points: what an error of T is worth in y."""
    if curve.x is not None or curve.T is None or len(np.unique(curve.T)) < NEIGHBOURS:
        raise InputError(f"{where}: an error of T needs a curve over temperature of at least {NEIGHBOURS} points.")
    found = np.empty(len(curve.T))
    for i, T in enumerate(curve.T):
        near = np.argsort(np.abs(curve.T - T), kind="stable")[:NEIGHBOURS]
        found[i] = abs(np.polyfit(curve.T[near] - T, curve.value[near], 2)[1])
    return found
