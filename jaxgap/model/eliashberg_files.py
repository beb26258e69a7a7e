r"""alpha^2F(omega) from text files as programs write them: a table, with words before and after it.

.. math:: \lambda = 2 \int \frac{\alpha^2F(\omega)}{\omega} \, d\omega

EPW (`prefix.a2f`: meV, alpha^2F for several smearings, then as many columns of lambda integrated up to omega), matdyn.x of
Quantum ESPRESSO (`a2F.dos`: Ry, the total, then every mode) and its lambda.x (`alpha2F.dat`: THz, several smearings), CSV with
a header, plain columns. What is read must look like a spectrum of lattice vibrations: else it is refused in one sentence.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from jaxgap.model.eliashberg import NEGLIGIBLE, UNITS, EliashbergFunction, eliashberg_function, moments
from jaxgap.numerics.checks import InputError, check

__all__ = ["read_eliashberg_function"]

COMMENT = re.compile(r"[#!%@]")
NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eEdD]([+-]?\d+)|([+-]\d{3}))?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
"""Also Fortran's 1.0D-3, and its 1.0-103 for three digits of exponent."""
DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+(?:[eEdD][+-]?\d+)?")
QUANTITY = r"(?:\bw|\be|omega|ω|\bfreq\w*|\benerg\w*|\bnu|\bhbar\w*)[\s_\[({/,]*(?:in\s+)?"
NAMES = {
    "meV": "mev",
    "eV": "ev",
    "THz": "thz",
    "cm-1": r"cm\^?\{?-1|1/cm|cm⁻¹",
    "K": "k|kelvin",
    "Ry": "ry|rydbergs?",
    "Ha": "ha|hartrees?",
}
"""How headers write the units of frequency (in lower case)."""
ENDS = 0.01
"""Share of its largest value at which alpha^2F must have arrived at its highest frequency."""
VIBRATIONS = (1.0, 1000.0)
"""[meV] between which the highest frequencies of solids lie: hydrogen's, at the pressures of planets, reach some 400."""
STATED = 0.1
"""Largest share by which lambda may differ from the one that matdyn.x writes below its table."""


class _Table(NamedTuple):
    rows: list[list[float]]
    header: str
    footer: str


def read_eliashberg_function(path: str | Path, unit: str | None = None, column: int = 2) -> EliashbergFunction:
    r"""alpha^2F from a text file with frequencies in the first column and alpha^2F in `column` (counted from 1).

    Columns are separated by blanks, tabs, semicolons or commas. Numbers may have Fortran's exponents (1.0D-3), and decimal
    commas if the columns have other separators. Words before the table and after it, comments (from #, !, % or @ on) and blank
    lines are skipped. Rows at negative frequencies are left out if alpha^2F vanishes there.

    Args:
        path: the file.
        unit: of the frequencies: "meV", "eV", "THz" (nu, not omega), "cm-1", "K", "Ry" or "Ha". It can be left out if the
            header says it, as those of EPW and Quantum ESPRESSO do; if it is given as well, the two must agree.
        column: of alpha^2F. Files of EPW and lambda.x have one for every smearing (in EPW's the integrated lambda follows).

    Raises:
        InputError: one sentence with the file and, where it is one line's fault, its number. Also if alpha^2F does not return
            to zero at its highest frequency (an integrated lambda does not; a spectrum that ends there needs a last row with
            zero), and if frequencies in this unit are not those of lattice vibrations.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("alpha2F.dat").write_text("# omega [meV]  alpha^2F\n0 0\n10 0.4\n20 0.9\n30 0\n")
        >>> a2F = jg.origins.read_eliashberg_function("alpha2F.dat", unit="meV")
        >>> round(float(jg.origins.moments(a2F).lam), 3)
        2.051
    """
    check(isinstance(column, int) and column >= 2, "column", "be a whole number from 2 on", repr(column))
    check(unit is None or unit in UNITS, "unit", f"be one of {', '.join(UNITS)}", repr(unit))
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"Cannot read alpha^2F from `{path}`: {error}.") from None
    table = _table(text, str(path), column)
    try:
        a2F = _spectrum(np.array([(row[0], row[column - 1]) for row in table.rows]), _unit(table.header, unit))
        _check_spectrum(np.asarray(a2F.omega), np.asarray(a2F.alpha2F), column)
        _check_stated(a2F, table.footer if column == 2 else "")
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return a2F


# --- the table ----------------------------------------------------------------------------------------------------------


def _table(text: str, path: str, column: int) -> _Table:
    """The rows of numbers, and the words before and after them."""
    lines = [(COMMENT.split(line, maxsplit=1)[0].strip(), line) for line in text.splitlines()]
    comma = _decimal_comma([line for line, _ in lines], path)
    rows: list[list[float]] = []
    words: tuple[list[str], list[str]] = ([], [])
    ended = 0
    for number, (line, full) in enumerate(lines, 1):
        cells = _cells(line, comma)
        if not cells or not _is_number(cells[0]):
            words[bool(rows)].append(full)
            ended = number if cells and rows and not ended else ended
        elif ended and len(cells) == len(rows[0]):
            raise InputError(f"{path}:{number}: numbers go on after words in line {ended}; a file must hold one table.")
        elif not ended:
            row = _row(cells, line, column, f"{path}:{number}")
            if rows and len(row) != len(rows[0]):
                raise InputError(f"{path}:{number}: the line has {len(row)} columns, those before it have {len(rows[0])}.")
            rows.append(row)
    if not rows:
        raise InputError(f"The file `{path}` has no rows of numbers.")
    return _Table(rows, "\n".join(words[0]), "\n".join(words[1]))


def _decimal_comma(lines: list[str], path: str) -> bool:
    """Whether the file's numbers have decimal commas: some do in lines whose columns are separated by something else."""
    data = [(number, line) for number, line in enumerate(lines, 1) if line and line[0] in "+-.0123456789"]
    tokens = [(number, line, re.split(r"[;\s]+", line)) for number, line in data]
    found = any(len(parts) > 1 and any(map(DECIMAL_COMMA.fullmatch, parts)) for _, _, parts in tokens)
    for number, line, parts in tokens:
        if found and ("." in line or any(part.strip(",") != part for part in parts)):
            raise InputError(
                f"{path}:{number}: numbers have decimal commas, but in this line commas or points mean something else."
            )
    if data and not found and all(line.count(",") >= 2 and "." not in line for _, line in data):
        raise InputError(f"{path}: commas separate columns and, it seems, decimals; write decimal points.")
    return found


def _cells(line: str, decimal_comma: bool) -> list[str]:
    if decimal_comma:
        cells = line.replace(",", ".").split(";") if ";" in line else line.replace(",", ".").split()
    elif "," in line or ";" in line:
        # An empty cell is a cell: without it the columns after it would move.
        cells = re.split("[,;]", line.rstrip(",;"))
    else:
        cells = line.split()
    return [cell.strip().strip('"') for cell in cells]


def _is_number(cell: str) -> bool:
    return NUMBER.fullmatch(cell) is not None or set(cell) == {"*"}


def _row(cells: list[str], line: str, column: int, where: str) -> list[float]:
    if len(cells) < column:
        raise InputError(f"{where}: the line must have at least {column} columns, but has {len(cells)}.")
    found = [NUMBER.fullmatch(cell) for cell in cells]
    if any(one is None for one in (found[0], found[column - 1])):
        raise InputError(f"{where}: the columns must hold numbers, but the line is `{line}`.")
    return [np.nan if one is None else _float(one) for one in found]


def _float(found: re.Match[str]) -> float:
    digits, exponent, bare = found.groups()
    return float(found[0]) if digits is None else float(f"{digits}e{exponent or bare or 0}")


# --- what it means ------------------------------------------------------------------------------------------------------


def _unit(header: str, given: str | None) -> str:
    """The unit of frequency, from the header or as given."""
    said = {unit for unit, name in NAMES.items() if re.search(rf"{QUANTITY}(?:{name})(?![a-z0-9])", header.lower())}
    stated = next(iter(said)) if len(said) == 1 else None
    if given is None and stated is None:
        raise InputError(f"the header does not say the unit of frequency; argument `unit` must be one of {', '.join(UNITS)}.")
    if given is not None and stated is not None and given != stated:
        raise InputError(f"the header says that frequencies are in {stated}, argument `unit` says {given}.")
    return str(given or stated)


def _spectrum(table: np.ndarray, unit: str) -> EliashbergFunction:
    """Without the rows at negative frequencies, where alpha^2F must vanish."""
    omega, alpha2F = table.T
    negative = omega < 0
    largest = np.max(np.abs(alpha2F), initial=0.0)
    for k in np.flatnonzero(negative & (np.abs(alpha2F) > NEGLIGIBLE * largest)):
        raise InputError(
            f"alpha^2F is {alpha2F[k]:g} at the negative frequency {omega[k]:g} {unit}: phonons that are unstable (imaginary) "
            "have no place in lambda."
        )
    return eliashberg_function(omega[~negative], alpha2F[~negative], unit)


def _check_spectrum(omega: np.ndarray, alpha2F: np.ndarray, column: int) -> None:
    largest, last = float(np.max(alpha2F)), float(alpha2F[-1])
    if abs(last) > ENDS * largest:
        integrated = last >= (1 - ENDS) * largest
        what = ", as lambda integrated up to omega does" if integrated else ""
        raise InputError(
            f"column {column} ends at {last:g}, {100 * last / largest:.0f} % of its largest value{what}; alpha^2F returns to "
            "zero at its highest frequency (if it really ends there, add a row with zero)."
        )
    highest = float(omega[np.flatnonzero(np.abs(alpha2F) > NEGLIGIBLE * largest)[-1]])
    if not VIBRATIONS[0] <= highest <= VIBRATIONS[1]:
        raise InputError(
            f"alpha^2F reaches up to {highest:.3g} meV, and lattice vibrations to between {VIBRATIONS[0]:g} and "
            f"{VIBRATIONS[1]:g} meV; the unit of frequency must be another one."
        )


def _check_stated(a2F: EliashbergFunction, footer: str) -> None:
    """That lambda is the one of matdyn.x's last line."""
    found = re.search(r"^\s*lambda\s*=\s*([\d.]+(?:[EeDd][+-]?\d+)?)", footer, re.MULTILINE)
    if found:
        stated, lam = float(found[1].upper().replace("D", "E")), float(moments(a2F).lam)
        if abs(lam - stated) > STATED * stated:
            raise InputError(f"the file says lambda = {stated:g}, but its table gives {lam:g}.")
