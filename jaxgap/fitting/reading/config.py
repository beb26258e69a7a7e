"""What fit.toml says about a file of measurements: where its numbers stand, in which units, and what is done to them before
they are compared with a model.

.. code-block:: toml

    [[data]]
    file = "sts_2K.dat"
    quantity = "dIdV"
    T = 2.0                                  # or a column T
    columns = { V = "Bias calc", value = 3 } # name or number (from 1); found by themselves where the header says it
    units = { V = "V" }                      # what the header says, if it says one
    offset = 0.12                            # the bias at which V = 0 really is [mV]
    normalise = { beyond = 8.0 }
    errors = { scatter = [8.0, 12.0] }

What is done, in this order, each number in the unit of the quantity: rows with missing numbers are refused or dropped; units
are converted; x = sign (x_file - offset); points are sorted; points at one x (and T) are joined; +x and -x are joined if asked;
values are normalised, temperature by temperature; errors are set.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Field, field_validator, model_validator

from jaxgap.model.config import STRICT

__all__ = ["DELIMITERS", "ErrorsConfig", "FileConfig", "NormaliseConfig"]

DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "spaces": " "}
"""What `delimiter` may say, and what separates the cells then."""
Positive = Annotated[float, Field(gt=0)]


class NormaliseConfig(BaseModel):
    """Values are divided by what they are where the sample is normal: at one point, or on average beyond one."""

    model_config = STRICT

    at: float | None = None
    """Of the axis (of T, for a quantity without one); between two points, on the line through them."""
    beyond: Annotated[float, Field(ge=0)] | None = None
    """|x| from which on the mean is taken."""

    @model_validator(mode="after")
    def _one(self) -> "NormaliseConfig":
        if (self.at is None) == (self.beyond is None):
            raise ValueError("give exactly one of `at` and `beyond`")
        return self


class ErrorsConfig(BaseModel):
    """Errors of values (one standard deviation) where the file has no column of them; those given add in quadrature."""

    model_config = STRICT

    constant: Positive | None = None
    """In the unit of the value, after it is normalised."""
    relative: Positive | None = None
    """As a part of the value's magnitude."""
    scatter: tuple[float, float] | None = None
    """From, to, on the axis (T, for a quantity without one): the scatter of the points there about a straight line, the sample
    being normal, is the error everywhere."""

    @model_validator(mode="after")
    def _some(self) -> "ErrorsConfig":
        if self.constant is None and self.relative is None and self.scatter is None:
            raise ValueError("give `constant`, `relative`, `scatter`, or several of them")
        if self.scatter is not None and not self.scatter[0] < self.scatter[1]:
            raise ValueError(f"`scatter` must be a range [from, to], but is {list(self.scatter)}")
        return self


class FileConfig(BaseModel):
    """A file of measured numbers."""

    model_config = STRICT

    file: str
    """Beside fit.toml: text, .npz, .npy, .nc, .h5, .itx or .ibw."""
    T: Annotated[float, Field(ge=0)] | Literal["header"] | None = None
    """Temperature of all points [K], where no column has it; "header" where every temperature has a column of values, whose
    name says it (2K, T = 4.2 K)."""
    T_error: Annotated[float, Field(ge=0)] | None = None
    """One standard deviation of T [K], where no column has it."""

    columns: dict[str, str | Annotated[int, Field(ge=1)]] = {}
    """T, the quantity's axis (or x), value, error, T_error -> the column's name, or its number from 1."""
    units: dict[str, str] = {}
    """The same keys -> unit, such as "mV" or "mJ/mol K^2"; "arbitrary" for what only a free scale relates to the model."""
    variable: str | None = None
    """Of a file that holds several arrays: the one meant; in HDF5 "group/name", or "group/" for all in a group."""
    at: dict[str, float | tuple[float, float]] = {}
    """Axis of an array -> where on it a curve is taken (at the point of the grid that is nearest), or [from, to]: the mean."""

    encoding: str | None = None
    """Such as "latin-1"; found by itself: UTF-8, UTF-16, else Latin-1."""
    skip: Annotated[int, Field(ge=0)] = 0
    """Lines at the top that are not read."""
    header: Annotated[int, Field(ge=0)] | None = None
    """Lines above the numbers, the skipped ones not counted; found by itself."""
    delimiter: Literal["comma", "semicolon", "tab", "spaces"] | None = None
    """What separates the cells; found by itself."""
    decimal: Literal["point", "comma"] | None = None
    """Found by itself; between commas only cells in quotes can have decimal commas."""
    comment: tuple[str, ...] = ("#", "%", "!", "//")
    """Lines that begin with one of these are not read, except that the last one above the numbers may name the columns."""
    missing: Literal["refuse", "drop"] = "refuse"
    """What happens to a row in which a number is missing (an empty cell, NaN, --)."""

    offset: float = 0.0
    """Of the axis, in its unit: x of the file where it is zero in truth."""
    sign: Literal[1, -1] = 1
    """-1 turns the axis round, after the offset is taken off."""
    sort: bool = True
    """By T, and by x within one T; false leaves the points as they come."""
    duplicates: Literal["keep", "mean", "first", "refuse"] = "keep"
    """What happens to several points at one x (and T)."""
    symmetrise: bool = False
    """Whether +x and -x are joined to their mean, at x >= 0; points whose other side was not measured are dropped."""
    normalise: NormaliseConfig | None = None
    """Values are divided by the normal state's."""
    errors: ErrorsConfig | None = None
    """One standard deviation of values, where no column has it."""

    @field_validator("comment", mode="before")
    @classmethod
    def _one_mark(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @field_validator("comment")
    @classmethod
    def _marks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(mark.strip() for mark in value):
            raise ValueError("a mark of comments must not be empty")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "FileConfig":
        """What contradicts itself within an entry is said before the file is read."""
        for name, stated in (("T", self.T), ("T_error", self.T_error), ("error", self.errors)):
            if stated is not None and name in self.columns:
                raise ValueError(f"`{'errors' if name == 'error' else name}` and `columns.{name}` must not both be given")
        if self.delimiter == "comma" and self.decimal == "comma":
            raise ValueError("commas cannot both separate the cells and mark decimals")
        return self
