"""Measured numbers: one row of data.csv each, with its temperature, its error and where it comes from.

Columns (all must be there; a cell may be empty where it says so):

- `quantity`: `branch_minimum[<branch>]`, `fermi_momentum[<band>]`, `T_c`, `branch_end`, or `-` for a number that the model
  has no counterpart for;
- `T_K`: temperature [K]; empty if the source states none (such rows can be shown, not fitted), and for T_c and branch_end;
- `value`, `unit`: the number, in `meV` or `K`; `error`: one standard deviation, empty if the source gives none;
- `use`: `fit` (it counts), `predict` (compared with the fit's prediction) or `show` (drawn and listed only);
- `technique`, `source`, `how_obtained`: where the number comes from.
"""

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jaxgap._checks import InputError
from jaxgap.observables.gaps import branch_names
from jaxgap.superconductor import Superconductor

__all__ = ["COLUMNS", "Datum", "read_data"]

COLUMNS = ("quantity", "T_K", "value", "error", "unit", "use", "technique", "source", "how_obtained")
USES = ("fit", "predict", "show")
_UNITS = {"branch_minimum": "meV", "fermi_momentum": "meV", "T_c": "K", "branch_end": "K", "-": "meV"}
_QUANTITY = re.compile(r"^(?P<kind>branch_minimum|fermi_momentum|T_c|branch_end|-)(?:\[(?P<of>[^\]]+)\])?$")


class Datum(NamedTuple):
    """One measured number."""

    kind: str
    """branch_minimum, fermi_momentum, T_c, branch_end, or - ."""
    of: str
    """The branch or band it belongs to; empty where there is none."""
    T: float | None
    """Temperature [K]; None if not stated."""
    value: float
    error: float | None
    """One standard deviation; None if the source gives none."""
    unit: str
    use: str
    technique: str
    source: str
    how_obtained: str
    line: int
    """Line of the file."""

    @property
    def quantity(self) -> str:
        """The quantity as it is written in the file."""
        return f"{self.kind}[{self.of}]" if self.of else self.kind


def read_data(path: str | Path, sc: Superconductor) -> tuple[Datum, ...]:
    """Rows of a data.csv, checked against the system; every complaint names the file and the line."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"The data file `{path}` does not exist.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read the data file `{path}`: {error}.") from None
    reader = csv.DictReader(text.splitlines(), skipinitialspace=True)
    missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{path}:1: the column `{missing[0]}` is missing; the columns are {', '.join(COLUMNS)}.")
    data = tuple(_datum(row, f"{path}:{reader.line_num}", reader.line_num, sc) for row in reader)
    if not data:
        raise InputError(f"The data file `{path}` has no rows.")
    if not any(datum.use == "fit" for datum in data):
        raise InputError(f"The data file `{path}` has no row with use = fit: there is nothing to fit.")
    return data


def _datum(row: dict[str, str], where: str, line: int, sc: Superconductor) -> Datum:
    if None in row or any(value is None for value in row.values()):
        raise InputError(f"{where}: the row must have {len(COLUMNS)} cells (quote a cell that contains a comma).")
    row = {key: value.strip() for key, value in row.items()}
    match = _QUANTITY.match(row["quantity"])
    if match is None:
        raise InputError(
            f"{where}: unknown quantity `{row['quantity']}`; see the header of jaxgap/fitting/data.py for those known."
        )
    kind, of = match["kind"], match["of"] or ""
    _check_target(kind, of, sc, where)
    T, value, error = (_number(row, column, where) for column in ("T_K", "value", "error"))
    if value is None:
        raise InputError(f"{where}: the column `value` is empty.")
    if row["use"] not in USES:
        raise InputError(f"{where}: `use` must be one of {', '.join(USES)}, but is `{row['use']}`.")
    if row["unit"] != _UNITS[kind]:
        raise InputError(f"{where}: the unit of {kind} must be {_UNITS[kind]}, but is `{row['unit']}`.")
    if T is not None and T < 0:
        raise InputError(f"{where}: T_K must not be negative, but is {T:g}.")
    if error is not None and error <= 0:
        raise InputError(f"{where}: error must be positive, but is {error:g}.")
    _check_use(kind, T, row["use"], where)
    return Datum(kind, of, T, value, error, row["unit"], row["use"], row["technique"], row["source"], row["how_obtained"], line)


def _check_use(kind: str, T: float | None, use: str, where: str) -> None:
    if use == "fit" and kind in ("branch_end", "-"):
        raise InputError(f"{where}: `{kind}` cannot be fitted yet: set its `use` to predict or show.")
    if use != "show" and kind == "-":
        raise InputError(f"{where}: a row without a quantity can only be shown: set its `use` to show.")
    if use != "show" and kind in ("branch_minimum", "fermi_momentum") and T is None:
        raise InputError(f"{where}: a gap that is used needs a temperature T_K (it is empty): set its `use` to show.")


def _check_target(kind: str, of: str, sc: Superconductor, where: str) -> None:
    """Gaps belong to a branch or a band of the system; T_c and branch_end to none."""
    targets: Sequence[str] = {"branch_minimum": branch_names(sc), "fermi_momentum": sc.band_names}.get(kind, ())
    if targets and of not in targets:
        raise InputError(f"{where}: `{kind}` must be of one of {', '.join(targets)}, but is of `{of}`.")
    if not targets and of:
        raise InputError(f"{where}: `{kind}` takes nothing in brackets, but has `{of}`.")


def _number(row: dict[str, str], column: str, where: str) -> float | None:
    if not row[column]:
        return None
    try:
        value = float(row[column])
    except ValueError:
        raise InputError(f"{where}: the column `{column}` must hold a number, but holds `{row[column]}`.") from None
    if not math.isfinite(value):
        raise InputError(f"{where}: the column `{column}` must be finite, but holds `{row[column]}`.")
    return value
