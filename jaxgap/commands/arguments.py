"""Arguments that the commands share: systems, temperatures, numbers, as a user writes them."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.markup import escape

from jaxgap.commands.terminal import progress
from jaxgap.materials import SYSTEMS
from jaxgap.model.constructor import superconductor
from jaxgap.model.eliashberg_files import read_eliashberg_function
from jaxgap.model.interaction import Retarded
from jaxgap.model.parabolic import parabolic_band
from jaxgap.model.superconductor import Superconductor
from jaxgap.model.systems import load
from jaxgap.numerics.checks import InputError, check

MOST_TEMPERATURES = 100_000
"""A curve of so many takes some minutes; of more it is a slip of the pen, and may not fit into memory."""

__all__ = [
    "SetOption",
    "SpectrumArgument",
    "SystemArgument",
    "is_spectrum",
    "named_system",
    "number",
    "numbers",
    "parse_temperatures",
    "spectrum_system",
]

SystemArgument = Annotated[str, typer.Argument(metavar="SYSTEM", help="A material's name or a system.toml.")]
SpectrumArgument = Annotated[
    str, typer.Argument(metavar="SYSTEM", help="A material's name, a system.toml, or a file of alpha^2F.")
]
SetOption = Annotated[list[str], typer.Option("--set", metavar="PATH=VALUE", help="Set a leaf of the system; may be repeated.")]


def named_system(name: str, assignments: list[str]) -> Superconductor:
    """The system called `name`, with the leaves of --set changed."""
    if name in SYSTEMS:
        sc = SYSTEMS[name]()
    elif Path(name).is_file():
        sc = load(name)
    else:
        raise InputError(f"Unknown system `{name}`: it is neither a material ({', '.join(SYSTEMS)}) nor a file.")
    return _with(sc, assignments)


def _with(sc: Superconductor, assignments: list[str]) -> Superconductor:
    """The system with the leaves of --set changed."""
    values = {}
    for assignment in assignments:
        path, equals, text = assignment.rpartition("=")
        if not equals:
            raise InputError(f"Argument `--set` must look like PATH=VALUE, but got `{assignment}`.")
        values[path.strip()] = number("--set", text)
    sc = sc.set(values)
    for remark in sc.remarks:
        progress.print(escape(f"Note: {remark}"), soft_wrap=True)
    return sc


def is_spectrum(name: str, mu_star: float | None) -> bool:
    """Whether a file is of alpha^2F, not of a system."""
    return name not in SYSTEMS and (mu_star is not None or (Path(name).is_file() and Path(name).suffix.lower() != ".toml"))


def spectrum_system(
    name: str, mu_star: float | None, omega_c: float | None, unit: str | None, column: int, assignments: list[str]
) -> Superconductor:
    """One band with the alpha^2F of a file, whose couplings are its lambda, with the leaves of --set changed."""
    check((mu_star is None) == (omega_c is None), "--mu-star", "come with --cutoff, the energy that it is at", "one alone")
    spectrum = read_eliashberg_function(name, unit, column)
    band = parabolic_band("band", mu=1e3)
    return _with(superconductor(bands=[band], interaction=Retarded(spectrum, mu_star, omega_c)), assignments)


def parse_temperatures(text: str) -> np.ndarray:
    """Of --T: one, a list 1,5,10, or start:stop:count."""
    if ":" not in text:
        return numbers("--T", text)
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].strip().isdigit() or int(parts[2]) < 1:
        raise InputError(f"Argument `--T` must be a number, a list 1,5,10 or start:stop:count, but got `{text}`.")
    check(int(parts[2]) <= MOST_TEMPERATURES, "--T", f"have {MOST_TEMPERATURES:,} temperatures at most", text)
    check(int(parts[2]) > 1 or number("--T", parts[0]) == number("--T", parts[1]), "--T", "have two ends of a range", text)
    return np.linspace(number("--T", parts[0]), number("--T", parts[1]), int(parts[2]))


def numbers(name: str, text: str) -> np.ndarray:
    """A list 1,5,10."""
    return np.array([number(name, part) for part in text.split(",")])


def number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InputError(f"Argument `{name}` must hold a number, but got `{text}`.") from None
