"""Files of systems: TOML, exact to the last bit, of bands or of a lattice.

A file of bands has the arguments of `jaxgap.superconductor`: Omega (or cutoff), bands, lam (or g) and, if wanted, cross,
channels, dimension, convention, density; instead of Omega a table `[interaction]` (`jaxgap.model.interaction_tables`), and with
it, if wanted, `[disorder]`, or several `[[disorder]]` (`jaxgap.model.disorder`). That of a lattice has one table, `[lattice]`
(`jaxgap.model.lattice_tables`).
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

from jaxgap.model.constructor import superconductor
from jaxgap.model.disorder import disorder_from
from jaxgap.model.files import read_text, write_files
from jaxgap.model.interaction_tables import interaction_from, with_spectra
from jaxgap.model.lattice_tables import lattice_from
from jaxgap.model.radial import read_dispersion
from jaxgap.model.superconductor import Superconductor, check_one_system
from jaxgap.model.tabulated import read_table
from jaxgap.model.wannier import with_hoppings
from jaxgap.numerics.checks import InputError, check

__all__ = ["from_table", "from_toml", "load", "save", "to_toml", "with_files"]

_KEYS = {
    "Omega",
    "cutoff",
    "density",
    "dimension",
    "convention",
    "cross",
    "channels",
    "lam",
    "g",
    "bands",
    "interaction",
    "disorder",
}


FILES = (("dos", read_table, ("energy", "density")), ("dispersion", read_dispersion, ("kappa", "energy")))
"""(key of a band that names a file, what reads it, what its columns are)."""


def to_toml(sc: Superconductor) -> str:
    """The system as TOML text, exact to the last bit; `from_toml` reads it back."""
    check_one_system(sc, "solve", retarded=True)
    return tomli_w.dumps(sc.table())


def from_toml(text: str, source: str = "system") -> Superconductor:
    """A system from TOML text, of bands or of a lattice."""
    return from_table(_parsed(text, source), source)


def _parsed(text: str, source: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{source}: not valid TOML: {error}.") from None


def from_table(table: Mapping[str, Any], source: str) -> Superconductor:
    """A system from the table of a configuration file; `source` names the file in messages."""
    try:
        return lattice_from(table) if "lattice" in table else _of_bands(table)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def _of_bands(table: Mapping[str, Any]) -> Superconductor:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise InputError(f"unknown key `{unknown[0]}`; the keys of a system are {', '.join(sorted(_KEYS))}.")
    either = (("Omega", "cutoff", "interaction"), ("bands",), ("lam", "g", "interaction"))  # spectra may say lam
    missing = [keys[0] for keys in either if not any(key in table for key in keys)]
    if missing:
        raise InputError(f"the key `{missing[0]}` is missing.")
    if not isinstance(table["bands"], Mapping):
        raise InputError("`bands` must be a table such as [bands.alpha] with mu and mass.")
    if "disorder" in table:
        table = {**table, "disorder": disorder_from(table["disorder"])}
    if "interaction" in table:
        return superconductor(**{**table, "interaction": interaction_from(table["interaction"])})
    return superconductor(**table)


def load(path: str | Path) -> Superconductor:
    """Read a system from a TOML file. Files that it names lie beside it: a band's `dos = "FILE"` is its density of states
    (`jaxgap.model.tabulated`), `dispersion = "FILE"` its energies (`jaxgap.model.radial`), a lattice's `hr = "FILE"` its
    Wannier90 Hamiltonian (`jaxgap.model.wannier`)."""
    path = Path(path)
    table = _parsed(read_text(path, "system"), str(path))
    try:
        table = with_files(table, path.parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return from_table(table, str(path))


def with_files(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table of a system with what is in the files in `folder` that it names."""
    if isinstance(table.get("lattice"), Mapping):
        return {**table, "lattice": with_hoppings(table["lattice"], folder)}
    if isinstance(table.get("interaction"), Mapping):
        table = {**table, "interaction": with_spectra(table["interaction"], folder)}
    bands = table.get("bands")
    if not isinstance(bands, Mapping):
        return dict(table)

    def read(name: str, band: Any) -> Any:
        for key, read_file, columns in FILES if isinstance(band, Mapping) else ():
            if key in band:
                check(isinstance(band[key], str), f"bands.{name}.{key}", "be the name of a file", repr(band[key]))
                rest = {other: value for other, value in band.items() if other != key}
                return rest | dict(zip(columns, read_file(folder / band[key]), strict=True))
        return band

    return {**table, "bands": {name: read(name, band) for name, band in bands.items()}}


def save(sc: Superconductor, path: str | Path) -> None:
    """Write a system to a TOML file; `load` reads it back, exactly."""
    write_files({Path(path): to_toml(sc)})
