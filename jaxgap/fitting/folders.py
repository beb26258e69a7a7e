"""A new folder for a fit: fit.toml with comments for a material or for a number of bands, with the files that were measured
or an example to begin with.

The example is no measurement: its numbers are those of the system of fit.toml with other couplings, so that the fit finds them.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from jaxgap.fitting.reading.entries import Beginning, Entry, entry_of
from jaxgap.model.materials import MATERIALS
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import from_table
from jaxgap.numerics.checks import InputError, check
from jaxgap.observables.gaps import branch_minima
from jaxgap.solving.critical import critical_temperature
from jaxgap.solving.one import solve
from jaxgap.spectra.minima import branch_names

__all__ = ["new_folder"]

BRANCHES = {"ba122": "s+-", "lifeas_model": "++--", "five_band_pnictide_model": "+++--"}
"""Of materials whose couplings have another sign than s++."""
APART_FROM_T_C = {"ba122"}
"""Materials whose branch does not begin at T_c."""
SIGMAS = ("sigma1", "sigma2")
TOGETHER = {
    "mgb2": {"sigma": SIGMAS, "pi": ("pi",)},
    "mgb2_six_layers_model": {"sigma": SIGMAS, "surface": ("surface",), "pi": ("pi",)},
}
"""Bands that no measurement tells apart have one parameter: name -> its bands. Others have one each."""
MOST_BANDS = 6
NAMES = "abcdef"
OMEGA, MU = 30.0, 200.0
"""Cutoff and chemical potential [meV] of bands about which nothing is known: mu > Omega, where it drops out."""
APART = 10.0
"""Distance [meV] of bands with pairs across them: at none the edges of their shells coincide, where derivatives are means."""
BETWEEN, ACROSS, INTO = 0.05, 0.1, 0.02
"""Couplings between bands; of a cross channel to itself, and to all others."""
OFF = 1.05
"""Factor between the couplings of the example and those at which the fit begins."""
SHARES = (0.1, 0.4)
"""Of T_c: temperatures of the example, at which all of `BRANCHES` exist."""
ERRORS = {"meV": 0.02, "K": 0.01}
"""Of the example: relative to its numbers."""


def new_folder(
    folder: Path, material: str | None, bands: int | None, files: Sequence[tuple[str, Path]], cross: Sequence[str] = ()
) -> tuple[dict[Path, str], tuple[str, ...]]:
    """(path -> text, what was assumed) of a new folder, for files as (quantity or "", path); nothing is written yet.

    `cross` names the pairs of its bands (a, b, c, ...) that are cross-paired, such as `a:b`.

    Raises:
        InputError: if there is a fit.toml or a data.csv, or a file's kind or temperature cannot be told.
    """
    check(material is None or bands is None, "--bands", "not be given with a material, which has its own", bands)
    check(material is None or not cross, "--cross", "not be given with a material, which has its own", ",".join(cross))
    for name in ("fit.toml", "data.csv"):
        if (folder / name).exists():
            raise InputError(f"The folder `{folder}` has a {name} already: nothing is overwritten.")
    lines, sc = _system(material, 2 if bands is None else bands, cross)
    entries: dict[str, Entry] = {}
    for quantity, file in files:
        entry = entry_of(file, quantity, folder, sc, entries)
        entries[entry.name] = entry
    parameters = _couplings(sc, TOGETHER.get(material or "", {name: (name,) for name in sc.band_names})) | {
        name: one for entry in entries.values() for name, one in entry.parameters.items()
    }
    branch = BRANCHES.get(material or "", "s++")
    text = "\n".join([*lines, "", *_of_parameters(parameters), *_of_data(entries), *_ENDS]) + "\n"
    contents = {folder / "fit.toml": text.replace("BRANCH", branch)}
    if not entries:
        contents[folder / "data.csv"] = _example(sc, branch, connected=material not in APART_FROM_T_C)
    return contents, tuple(sentence for entry in entries.values() for sentence in entry.assumed)


def _system(material: str | None, n: int, cross: Sequence[str]) -> tuple[list[str], Superconductor]:
    """The lines of [system], and the system."""
    head = [
        f"# A fit of {f'the couplings of {material}' if material else f'{n} band' + 's' * (n > 1)}: jaxgap fit FOLDER.",
        "# Energies in meV, temperatures in K. docs/schemas/fit.toml.schema.json says what else there is.",
        'title = ""',
        "",
        "[system]",
        'branch = "BRANCH"    # signs of the gaps: s++, s+-, one sign per band such as "++-", "any", or "ground_state"',
    ]
    if material is not None:
        check(material in MATERIALS, "--material", f"be one of {', '.join(MATERIALS)}", f"`{material}`")
        return [*head, f'material = "{material}"'], MATERIALS[material]()
    check(1 <= n <= MOST_BANDS, "--bands", f"be 1 to {MOST_BANDS}", n)
    lam = _begun(n, len(cross))
    mu = {name: MU + (APART * i if cross else 0.0) for i, name in enumerate(NAMES[:n])}
    table = {"Omega": OMEGA, "lam": lam, "cross": list(cross), "bands": {name: {"mu": mu[name]} for name in mu}}
    sc = from_table(table, "fit.toml")
    more = (
        f"rows and columns: {', '.join(sc.channels)}" if cross else 'cross = ["a:b"] adds the channel of pairs across two bands'
    )
    own = ["[system.inline]", f"Omega = {OMEGA}    # cutoff of the pairing interaction"]
    own += [f"cross = {list(cross)}    # pairs across two bands"] if cross else []
    own += [f"lam = {lam}    # dimensionless couplings; {more}"]
    says = "of cross-paired bands the distances count" if cross else "above Omega it drops out"
    own += [line for name in mu for line in (f"[system.inline.bands.{name}]", f"mu = {mu[name]}    # {says}")]
    return [*head, "", *own], sc


def _begun(n: int, n_cross: int) -> list[list[float]]:
    """Couplings to begin with, of n bands and their cross channels."""
    own = [round(0.35 - 0.04 * i, 2) for i in range(n)] + [ACROSS] * n_cross
    size = len(own)
    return [[own[i] if i == j else BETWEEN if max(i, j) < n else INTO for j in range(size)] for i in range(size)]


def _couplings(sc: Superconductor, groups: Mapping[str, Sequence[str]]) -> dict[str, Beginning]:
    """The couplings of the bands to themselves, as parameters; those of a group keep their ratios."""
    out, called = {}, "g" if sc.coupling_leaf == "g" else "lambda"
    for name, bands in groups.items():
        paths = [f"{sc.coupling_leaf}[{band}, {band}]" for band in bands]
        values = {path: float(sc.get(path)) for path in paths}
        first = next(iter(values.values()))
        sets = {path: round(value / first, 4) for path, value in values.items()}
        out[f"{called}_{name}"] = Beginning(round(first / OFF, 4), (round(0.6 * first, 4), round(1.6 * first, 4)), "", sets)
    return out


def _of_parameters(parameters: Mapping[str, Beginning]) -> Iterator[str]:
    """A table for every parameter."""
    yield "# Parameters: bounds, where the first start begins, and what each sets (path = factor)."
    for name, one in parameters.items():
        yield f"[parameters.{name}]"
        yield f"bounds = [{one.bounds[0]!r}, {one.bounds[1]!r}]"
        yield f"start = {one.start!r}"
        if one.unit:
            yield f'unit = "{one.unit}"'
        yield "sets = { " + ", ".join(f'"{path}" = {factor!r}' for path, factor in one.sets.items()) + " }"
        yield ""


def _of_data(entries: Mapping[str, Entry]) -> Iterator[str]:
    """[[data]] for every file, or [data] for the example."""
    if not entries:
        yield from ("[data]", 'file = "data.csv"', "assumed_error_meV = 0.1    # of gaps without an error of their own", "")
    for entry in entries.values():
        yield "[[data]]    # jaxgap data FILE shows what is understood of it"
        yield from entry.lines
        yield ""


_ENDS = ("[optimiser]", "starts = 4", "seed = 0")


def _example(sc: Superconductor, branch: str, *, connected: bool) -> str:
    """Gaps at some temperatures, and T_c where the branch begins there, of the system as it is: the fit begins elsewhere."""
    T_c = float(critical_temperature(sc))
    lines = [
        "# EXAMPLE, calculated and not measured: put your numbers in its place.",
        "quantity,T_K,value,error,technique,source",
    ]
    for T in (round(part * T_c, 1) for part in SHARES):
        gaps = np.asarray(branch_minima(solve(sc, T, branch=branch)))
        for name, gap in zip(branch_names(sc), gaps.tolist(), strict=True):
            lines.append(f"branch_minimum[{name}],{T:g},{gap:.4g},{ERRORS['meV'] * gap:.2g},EXAMPLE,calculated")
    if connected:
        lines.append(f"T_c,,{T_c:.4g},{ERRORS['K'] * T_c:.2g},EXAMPLE,calculated")
    return "\n".join(lines) + "\n"
