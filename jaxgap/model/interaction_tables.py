"""The interaction of a system.toml, beside `lam` and `bands`, where it is no shell `Omega`:

    [interaction]
    kind = "retarded"            # or "Matsubara cutoff", which has omega_c alone
    modes = [66.0]               # [meV], equally strong unless there are `weights`; or omega and alpha2F as two lists,
                                 # or file = "NAME" of alpha^2F, with `unit` and `column` where it does not say them
    mu_star = [[0.21, 0.095], [0.069, 0.172]]
    omega_c = 660.0              # [meV]: the energy that mu_star is at

Instead of one spectrum for all channels there can be several, each with the pairs of channels that it is of:

    [[interaction.spectra]]
    pairs = ["sigma, sigma", "sigma, pi"]
    modes = [70.0]
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jaxgap.model.eliashberg import EliashbergFunction, eliashberg_function
from jaxgap.model.eliashberg_files import read_eliashberg_function
from jaxgap.model.interaction import Interaction, MatsubaraCutoff, Modes, Retarded, Spectrum, spectrum_of
from jaxgap.numerics.checks import check

__all__ = ["interaction_from", "interaction_table", "with_spectra"]

RETARDED, CUTOFF = "retarded", "Matsubara cutoff"
SPECTRUM = ("modes", "weights", "omega", "alpha2F")
OTHERS = ("kind", "mu_star", "omega_c", "odd", "frequencies", "spectra")


def interaction_table(interaction: Interaction) -> dict[str, Any]:
    """The table of an interaction that is no shell, exact to the last bit."""
    if isinstance(interaction, MatsubaraCutoff):
        return {"kind": CUTOFF, "omega_c": float(np.asarray(interaction.omega_c))}
    assert isinstance(interaction, Retarded)
    table: dict[str, Any] = {"kind": RETARDED, "odd": float(np.asarray(interaction.odd))}
    if interaction.mu_star is not None:
        table |= {"mu_star": np.asarray(interaction.mu_star).tolist(), "omega_c": float(np.asarray(interaction.omega_c))}
    if interaction.frequencies is not None:
        table["frequencies"] = interaction.frequencies
    if not isinstance(interaction.spectrum, Mapping):
        return table | _spectrum_table(spectrum_of(interaction.spectrum, "spectrum"))
    pairs: dict[int, list[str]] = {}
    known: dict[int, Spectrum] = {}
    for pair, given in interaction.spectrum.items():
        spectrum = spectrum_of(given, "spectrum")
        known[id(given)] = spectrum
        pairs.setdefault(id(given), []).append(pair)
    return table | {"spectra": [{"pairs": names, **_spectrum_table(known[key])} for key, names in pairs.items()]}


def _spectrum_table(spectrum: Spectrum) -> dict[str, list[float]]:
    if isinstance(spectrum, EliashbergFunction):
        return {"omega": np.asarray(spectrum.omega).tolist(), "alpha2F": np.asarray(spectrum.alpha2F).tolist()}
    return {"modes": np.asarray(spectrum.omega).tolist(), "weights": np.asarray(spectrum.weight).tolist()}


def interaction_from(table: Any) -> Interaction:
    """The interaction that a table says."""
    check(isinstance(table, Mapping), "interaction", "be a table such as [interaction] with kind", repr(table))
    kind = table.get("kind")
    check(kind in (RETARDED, CUTOFF), "interaction.kind", f'be "{RETARDED}" or "{CUTOFF}"', repr(kind))
    known = ("kind", "omega_c") if kind == CUTOFF else (*OTHERS, *SPECTRUM)
    unknown = sorted(set(table) - set(known))
    check(not unknown, "interaction", f"have only the keys {', '.join(known)}", f"`{(unknown or [''])[0]}`")
    if kind == CUTOFF:
        check("omega_c" in table, "interaction", "have the key omega_c", sorted(table))
        return MatsubaraCutoff(table["omega_c"])
    rest = {key: table[key] for key in ("mu_star", "omega_c", "odd", "frequencies") if key in table}
    if "spectra" not in table:
        return Retarded(_spectrum_from(table, "interaction"), **rest)
    several, own = table["spectra"], [key for key in SPECTRUM if key in table]
    check(not own, "interaction", "have a spectrum of its own or `spectra`, not both", f"`{(own or [''])[0]}`, too")
    check(isinstance(several, list) and len(several) > 0, "interaction.spectra", "be tables [[interaction.spectra]]", several)
    found: dict[str, Spectrum] = {}
    for k, one in enumerate(several):
        name = f"interaction.spectra[{k}]"
        check(isinstance(one, Mapping) and isinstance(one.get("pairs"), list), name, 'have pairs such as ["sigma, pi"]', one)
        spectrum = _spectrum_from({key: value for key, value in one.items() if key != "pairs"}, name)
        found |= dict.fromkeys(one["pairs"], spectrum)
    return Retarded(found, **rest)


def _spectrum_from(table: Mapping[str, Any], name: str) -> Spectrum:
    listed = "omega" in table or "alpha2F" in table
    check(listed != ("modes" in table), name, "have modes, or omega and alpha2F, or the name of a file", sorted(table))
    if listed:
        check("omega" in table and "alpha2F" in table, name, "have both omega and alpha2F", sorted(table))
        return eliashberg_function(table["omega"], table["alpha2F"])
    modes = table["modes"]
    if "weights" not in table:
        return spectrum_of(modes, f"{name}.modes")
    return spectrum_of(Modes(np.atleast_1d(np.asarray(modes, float)), np.asarray(table["weights"], float)), f"{name}.modes")


def with_spectra(table: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The table of a system's interaction with what is in the files in `folder` that its spectra name."""
    if not isinstance(table.get("spectra"), list):
        return _read(table, folder, "interaction")
    parts = [_read(one, folder, f"interaction.spectra[{k}]") for k, one in enumerate(table["spectra"])]
    return {**_read(table, folder, "interaction"), "spectra": parts}


def _read(table: Any, folder: Path, name: str) -> Any:
    if not isinstance(table, Mapping) or "file" not in table:
        return table
    check(isinstance(table["file"], str), f"{name}.file", "be the name of a file", repr(table["file"]))
    options = {key: table[key] for key in ("unit", "column") if key in table}
    spectrum = read_eliashberg_function(folder / table["file"], **options)
    return {key: value for key, value in table.items() if key not in ("file", "unit", "column")} | _spectrum_table(spectrum)
