r"""Measured numbers: each with its temperature, its error and where it comes from; one row of a data.csv, or one point of a
curve (`jaxgap.fitting.sources`).

.. math:: y_d = y_d(\theta; T_d) + \sigma_d \, n_d, \qquad n_d \sim \mathcal{N}(0, 1)

A data.csv has one row for each.

Columns, in any order; the first four must be there (a cell may be empty where it says so):

- `quantity`: `branch_minimum[<branch>]`, `fermi_momentum[<band>]`, `coherence_peak[<branch>]` (its strongest; the three
  definitions are those of jaxgap/observables/gaps.py; of a retarded interaction `gap_edge[<band>]` instead), `T_c`,
  `branch_end`, `jump[<state>]` (the first-order transition from the fitted branch to a state such as s++, or to the normal one:
  `jaxgap.jump_temperature`); of two gaps at one temperature
  `<gap> - <gap>` or `<gap> / <gap>`; `2 <gap> / k_B T_c`; `dIdV[<junction>]`, a point of a tunnelling spectrum; or `-` for a
  number that the model has no counterpart for; and, relative to the normal state, every quantity of the registry
  (`jaxgap.observables.quantities`) that has a name for files of data, such as `heat` or `superfluid`;
- `T_K`: temperature [K]; empty if the source states none (such rows can be shown, not fitted), and for T_c, branch_end, jump.
  A gap above T_c is 0 in the model, in every definition;
- `value`: the number; `error`: one standard deviation, empty if the source gives none (a ratio needs one);
- `unit`: `meV` or `K`, or `1` for a ratio: it has to be the one that the quantity has; empty: that one;
- `use`: `fit` (it counts; so does an empty cell), `predict` (of T_c and branch_end: compared with what the fit predicts) or
  `show` (drawn and listed);
- `technique`, `source`, `how_obtained`: where the number comes from;
- `limit`: `upper` or `lower` if the number is a limit, softened by its error; empty for a value;
- `V_mV`: voltage of a point of a spectrum; empty for everything else;
- `sample`: which of fit.toml's [samples] it was measured on; may be empty only in rows that are shown.

`jaxgap.fitting.table` says how the table itself may be written.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgap.continuation.jumps import state_pattern
from jaxgap.fitting.table import Cells, read_table
from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError
from jaxgap.observables.located import JUMP
from jaxgap.observables.quantities import MEASURED, QUANTITIES
from jaxgap.observables.quantity import Need, names_along

__all__ = [
    "COLUMNS",
    "GAPS",
    "OVER_T_C",
    "Datum",
    "at_temperature",
    "axis_unit",
    "check_target",
    "check_used",
    "not_known",
    "read_data",
    "targets",
]

COLUMNS = ("quantity", "T_K", "value", "error")
"""Columns that must be there."""
OPTIONAL = ("unit", "use", "technique", "source", "how_obtained", "limit", "V_mV", "sample")
NUMBERS = ("T_K", "value", "error", "V_mV")
USES = ("fit", "predict", "show")
LIMITS = ("", "upper", "lower")
ASSUMED = ("meV", "K")
"""Units of numbers for which fit.toml may assume an error."""
SCATTER = 5.0
"""Standard deviations below zero up to which a reading of a gap is one of zero."""
GAPS = tuple(name for name, row in MEASURED.items() if row.units == "meV" and row.dims)
"""Kinds that can be subtracted from, and divided by, each other."""
OVER_T_C = "2 / k_B T_c"
"""The operator of 2 Delta / k_B T_c."""
_UNITS = {name: row.units for name, row in MEASURED.items()} | {"-": "meV"}
_WRITTEN = {"branch": "[<branch>]", "band": "[<band>]", "V": "[<junction>]"}
_OTHERS = tuple(name for name, row in MEASURED.items() if row.needs == Need.STATE and not row.dims)
_KINDS = ", ".join(
    name + ("[<state>]" if row is JUMP else "".join(_WRITTEN[dim] for dim in row.dims or ()))
    for name, row in MEASURED.items()
    if name not in _OTHERS and (name == "dIdV" or not row.axes)
)
KNOWN = f"{_KINDS}, <gap> - or / <gap>, 2 <gap> / k_B T_c, -, and responses such as {_OTHERS[0]}"
_TERM = re.compile(rf"(?P<kind>{'|'.join(map(re.escape, MEASURED))}|-)(?:\[(?P<of>[^\]]+)\])?")
_PAIR = re.compile(r"(?P<first>[a-z_]+\[[^\]]+\])\s*(?P<operator>[-/])\s*(?P<second>[a-z_]+\[[^\]]+\])")
_OVER_T_C = re.compile(r"2\s*(?P<first>[a-z_]+\[[^\]]+\])\s*/\s*k_B T_c")


class Datum(NamedTuple):
    """One measured number."""

    kind: str
    """A name in `MEASURED` (branch_minimum, T_c, dIdV, ...), or - ."""
    of: str
    """The quasiparticle branch, band or state it belongs to; empty where there is none."""
    T: float | None
    """Temperature [K]; None if not stated."""
    value: float
    """As measured."""
    error: float | None
    """One standard deviation; None if the source gives none."""
    unit: str
    """Of value and error."""
    use: str
    """fit, predict or show."""
    technique: str
    """How it was measured."""
    source: str
    """Where it is published."""
    how_obtained: str
    """From its text, a table, a figure."""
    line: int
    """Line of the file."""
    operator: str = ""
    """"-" or "/" between two gaps, or "2 / k_B T_c"; empty for a single quantity."""
    second: tuple[str, str] = ("", "")
    """(kind, of) of the second gap."""
    limit: str = ""
    """upper or lower; empty for a value."""
    x: float | None = None
    """Place of a point on an axis of the quantity's own: voltage [mV], energy [meV]."""
    sample: str = ""
    """Empty where there is only one."""
    experiment: str = ""
    """The junction or curve that it is a point of; empty for a number by itself."""
    entry: int = 0
    """Place of its file among the data of fit.toml."""
    covariance: tuple[float, ...] = ()
    """Of its error with those of all points of its experiment, in their order; empty where errors are independent."""

    @property
    def label(self) -> str:
        """The quantity, and of which sample where there are several."""
        return f"{self.sample}: {self.quantity}" if self.sample else self.quantity

    @property
    def quantity(self) -> str:
        """The quantity as it is written in the file."""
        if self.experiment:
            return self.curve if self.x is None else f"{self.curve} at {self.x:g} {axis_unit(self.kind)}"
        first, second = (f"{kind}[{of}]" if of else kind for kind, of in ((self.kind, self.of), self.second))
        if self.operator == OVER_T_C:
            return f"2 {first} / k_B T_c"
        return f"{first} {self.operator} {second}" if self.operator else first

    @property
    def curve(self) -> str:
        """The quantity and the experiment whose point it is."""
        return f"{self.kind}[{self.experiment}]"

    @property
    def series(self) -> str:
        """The experiment whose point it is, and of which sample where there are several."""
        return f"{self.sample}: {self.experiment}" if self.sample else self.experiment


def axis_unit(kind: str) -> str:
    """Of a quantity's own axis; empty where it has none."""
    return next(iter(MEASURED[kind].axis_units.values()), "")


def read_data(path: str | Path, sc: Superconductor, samples: Sequence[str] = (), entry: int = 0) -> tuple[Datum, ...]:
    r"""Rows of a data.csv, checked against the system and the names of the samples; every complaint names the file and the
    line.

    Args:
        path: the data.csv.
        sc: the system, whose bands and branches the rows name.
        samples: names of the samples of fit.toml; none: there is one, without a name.
        entry: which [[data]] entry of fit.toml the file is, from 0.

    Example:
        >>> from pathlib import Path
        >>> rows = ["quantity,T_K,value,error", "branch_minimum[alpha:beta lower],10,6.0,0.2", "T_c,,38.0,1.0"]
        >>> _ = Path("data.csv").write_text("\n".join(rows))
        >>> [(one.quantity, one.T, one.value, one.error) for one in jg.fitting.read_data("data.csv", jg.materials.ba122())]
        [('branch_minimum[alpha:beta lower]', 10.0, 6.0, 0.2), ('T_c', None, 38.0, 1.0)]
    """
    path = Path(path)
    rows = read_table(path, COLUMNS, OPTIONAL, NUMBERS)
    if samples and rows and "sample" not in rows[0].values:
        raise InputError(f"{rows[0].where}: fit.toml has samples: the column `sample` must say which of {', '.join(samples)}.")
    data = tuple(_datum(row, sc, samples)._replace(entry=entry) for row in rows)
    if not data:
        raise InputError(f"The data file `{path}` has no rows.")
    return data


def check_used(data: Sequence[Datum], files: Sequence[Path], samples: Sequence[str]) -> None:
    """Raise InputError if there is nothing to fit, or nothing of one of the samples."""
    named = (
        f"The data file `{files[0]}` has"
        if len(files) == 1
        else f"The data files {', '.join(f'`{file}`' for file in files)} have"
    )
    if not any(datum.use == "fit" for datum in data):
        raise InputError(f"{named} no row with use = fit: there is nothing to fit.")
    if unused := [name for name in samples if not any(datum.sample == name and datum.use == "fit" for datum in data)]:
        raise InputError(f"{named} no row with use = fit of the sample `{unused[0]}`.")


def _datum(row: Cells, sc: Superconductor, samples: Sequence[str]) -> Datum:
    where, quantity = row.where, row.text("quantity")
    operator, terms = _parsed(quantity, where)
    for kind, of in terms:
        _check_row(kind, of, sc, where)
    kind, of = terms[0]
    use = row.text("use") or ("show" if kind == "-" else "fit")
    if use not in USES:
        raise InputError(f"{where}: `use` must be one of {', '.join(USES)}, but is `{use}`.")
    limit = row.text("limit")
    if limit not in LIMITS:
        raise InputError(f"{where}: `limit` must be upper, lower or empty, but is `{limit}`.")
    unit = "1" if operator in ("/", OVER_T_C) else _UNITS[kind]
    if row.text("unit") not in ("", unit):
        raise InputError(f"{where}: the unit of `{quantity}` must be {unit}, but is `{row.text('unit')}`.")
    T, value, error = _temperature(row), _value(row, kind, operator), _error(row, unit, use)
    _check_use(kind, T, use, where)
    if use == "fit":
        _check_numbers(kind, T, sc, where)
    technique, source, how = (row.text(key) for key in ("technique", "source", "how_obtained"))
    V, sample, second = _voltage(row, kind), _sample(row, samples, use), terms[1] if len(terms) > 1 else ("", "")
    place = (operator, second, limit, V, sample)
    junction, of = (of, "") if kind == "dIdV" else ("", of)
    return Datum(kind, of, T, value, error, unit, use, technique, source, how, row.line, *place, experiment=junction)


def _temperature(row: Cells) -> float | None:
    T = row.number("T_K")
    if T is not None and T < 0:
        raise InputError(f"{row.where}: T_K must not be negative, but is {T:g}.")
    return T


def _value(row: Cells, kind: str, operator: str) -> float:
    value, error = row.number("value"), row.number("error")
    if value is None:
        raise InputError(f"{row.where}: the column `value` is empty.")
    if value >= 0 or operator == "-" or kind in ("-", "dIdV"):
        return value
    # Readings of a gap that has closed scatter around zero; without them the others would be biased.
    scatters = at_temperature(kind) and error is not None
    if error is not None and scatters and value >= -SCATTER * error:
        return value
    far = f" by more than {SCATTER:g} of its errors" if scatters else ""
    raise InputError(f"{row.where}: `{row.text('quantity')}` must not be negative{far}, but is {value:g}.")


def _error(row: Cells, unit: str, use: str) -> float | None:
    error = row.number("error")
    if error is not None and error <= 0:
        raise InputError(f"{row.where}: error must be positive, but is {error:g}.")
    if error is None and use == "fit" and unit not in ASSUMED:
        raise InputError(f"{row.where}: a number without unit that is fitted needs an error (none is assumed for it).")
    return error


def _sample(row: Cells, samples: Sequence[str], use: str) -> str:
    sample = row.text("sample")
    if sample not in (samples if samples and use != "show" else ("", *samples)):
        known = ", ".join(samples) or "none in fit.toml"
        raise InputError(f"{row.where}: the column `sample` must name a sample ({known}), but is `{sample}`.")
    return sample


def _voltage(row: Cells, kind: str) -> float | None:
    V = row.number("V_mV")
    if (V is None) == (kind == "dIdV"):
        raise InputError(
            f"{row.where}: a point of a spectrum needs its voltage in the column `V_mV`, and nothing else has one."
        )
    return V


def _parsed(quantity: str, where: str) -> tuple[str, list[tuple[str, str]]]:
    """(operator, [(kind, of), ...]) of a quantity."""
    if pair := _PAIR.fullmatch(quantity):
        operator, texts = pair["operator"], [pair["first"], pair["second"]]
    elif over := _OVER_T_C.fullmatch(quantity):
        operator, texts = OVER_T_C, [over["first"]]
    else:
        operator, texts = "", [quantity]
    matches = [_TERM.fullmatch(text) for text in texts]
    terms = [(match["kind"], match["of"] or "") for match in matches if match is not None]
    if len(terms) < len(texts) or (operator and any(kind not in GAPS for kind, _ in terms)):
        raise InputError(f"{where}: {not_known(quantity, KNOWN)}.")
    return operator, terms


def not_known(name: str, known: str) -> str:
    """What is said of a quantity that no file of data may be of; it may have another name there."""
    row = QUANTITIES.get(name)
    if row is not None and row.datum:
        return f"`{name}` is called `{row.datum}` in files of data"
    return f"unknown quantity `{name}`; known are {known}"


def targets(sc: Superconductor) -> dict[str, tuple[str, ...]]:
    """What the quantities that have several values belong to: branches, or bands."""
    names = names_along(sc)
    return {kind: names[row.dims[0]] for kind, row in MEASURED.items() if row.dims and row.dims[0] in names}


def at_temperature(kind: str) -> bool:
    """Whether a quantity is measured at a temperature (gaps, spectra, responses), or is one itself, or is of the system."""
    return kind in MEASURED and MEASURED[kind].needs >= Need.STATE


def _check_use(kind: str, T: float | None, use: str, where: str) -> None:
    if use != "show" and kind == "-":
        raise InputError(f"{where}: a row without a quantity can only be shown: set its `use` to show.")
    if use == "predict" and kind == "jump":
        raise InputError(f"{where}: a `jump` can be fitted or shown; no prediction is made to compare it with.")
    if use != "show" and at_temperature(kind) and T is None:
        what = "a gap or a spectrum" if MEASURED[kind].dims else f"a `{kind}`"
        raise InputError(f"{where}: {what} that is used needs a temperature T_K (it is empty): set its `use` to show.")


def _check_numbers(kind: str, T: float | None, sc: Superconductor, where: str) -> None:
    """A row of a table has no numbers of an experiment: it is read with their defaults, as far as there are any."""
    row = MEASURED[kind]
    if needed := [one.name for one in row.settings if one.required]:
        raise InputError(
            f"{where}: `{kind}` needs `{needed[0]}`, for which a table has no place: give it a file of its own in a [[data]] "
            "entry of fit.toml."
        )
    if row.refused is not None:
        try:
            row.refused(sc, np.array([T or 0.0]), {one.name: one.default for one in row.settings})
        except InputError as error:
            raise InputError(f"{where}: {error}") from None


def _check_row(kind: str, of: str, sc: Superconductor, where: str) -> None:
    """Of a table: points of curves have a file of their own, except those of a junction."""
    if kind == "dIdV":
        if not of:
            raise InputError(f"{where}: `dIdV` takes the name of its junction in brackets, such as dIdV[tip].")
        return
    if kind in MEASURED and MEASURED[kind].axes:
        raise InputError(f"{where}: a curve of `{kind}` has a file of its own: name it in a [[data]] entry of fit.toml.")
    check_target(kind, of, sc, where)


def check_target(kind: str, of: str, sc: Superconductor, where: str) -> None:
    """Raise InputError for a branch or a band that the system has not; T_c and branch_end belong to none."""
    known = targets(sc).get(kind, ())
    if known and of not in known:
        raise InputError(f"{where}: `{kind}` must be of one of {', '.join(known)}, but is of `{of}`.")
    if kind == "jump":
        _check_state(of, sc, where)
        return
    if not known and of:
        raise InputError(f"{where}: `{kind}` takes nothing in brackets, but has `{of}`.")


def _check_state(state: str, sc: Superconductor, where: str) -> None:
    try:
        state_pattern(state, sc.signed)
    except InputError:
        raise InputError(
            f"{where}: `jump` takes the state after it in brackets, normal or such as s++, but has `{state}`."
        ) from None
