"""The command `jaxgap observe`: what an experiment would see of a system, as a picture with its data beside it.

An experiment is a function of a `Request` that returns a `Drawing`; `EXPERIMENTS` has them by the names that the command takes.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import typer
from rich.markup import escape

from jaxgap._arguments import SetOption, named_system, numbers, parse_temperatures
from jaxgap._checks import InputError, check
from jaxgap._json import print_json
from jaxgap._terminal import JsonOption, console
from jaxgap.labels import Label
from jaxgap.observables import pictures
from jaxgap.observables.symmetrised import gap_comparison
from jaxgap.plotting import COLOURS
from jaxgap.solution import Solution
from jaxgap.solve import solve
from jaxgap.superconductor import Superconductor
from jaxgap.tables import write_csv

__all__ = ["EXPERIMENTS", "Drawing", "Request", "observations"]

observations = typer.Typer()


@dataclass(frozen=True)
class Request:
    """What is to be seen: states of systems at temperatures on branches, and the experiment's own numbers."""

    systems: dict[str, Superconductor]
    branches: tuple[str | None, ...]
    T: np.ndarray
    """[K]"""
    Gamma: float | None
    """[meV]; None: the experiment's own."""
    Z: float
    weights: np.ndarray | None
    energy_resolution: float
    """[meV]"""
    momentum_resolution: float
    """[1/angstrom]"""
    given_reach: float | None
    """[meV]; None: from the gaps."""

    def __post_init__(self) -> None:
        curves = len(self.systems) * len(self.branches) * len(self.T)
        check(1 <= curves <= len(COLOURS), "--T", f"make at most {len(COLOURS)} curves with the systems and branches", curves)

    @cached_property
    def states(self) -> dict[str, Solution]:
        """The solved states by what tells them apart; each must be the one asked for (`solve` raises otherwise)."""
        found = {}
        for name, sc in self.systems.items():
            for branch in self.branches:
                for T in self.T:
                    s = solve(sc, float(T), branch=branch)
                    label = Label(int(s.label)).text if branch is None else branch
                    parts = [name] * (len(self.systems) > 1) + [label] * (len(self.branches) > 1)
                    parts += [f"{T:g} K"] * (len(self.T) > 1)
                    found[", ".join(parts)] = s
        return found

    @property
    def title(self) -> str:
        """What all states have in common."""
        parts = [*self.systems] * (len(self.systems) == 1) + [f"{self.T[0]:g} K"] * (len(self.T) == 1)
        if len(self.branches) == 1:
            labels = {Label(int(s.label)).text for s in self.states.values()}
            parts += [self.branches[0] or labels.pop()] if self.branches[0] or len(labels) == 1 else []
        return ", ".join(parts)

    @property
    def reach(self) -> float:
        """The highest energy or voltage of the picture."""
        return self.given_reach if self.given_reach is not None else pictures.reach_of(self.states)

    def axis(self, points: int = 501) -> np.ndarray:
        """Energies or voltages, even around zero."""
        return np.linspace(-self.reach, self.reach, points)

    def broadening(self, default: float) -> float:
        """Gamma [meV]."""
        return default if self.Gamma is None else self.Gamma


class Drawing(NamedTuple):
    """A picture and its data."""

    figure: Any
    columns: Iterable[str]
    rows: Iterable[Iterable[Any]]
    numbers: Mapping[str, Any] = MappingProxyType({})
    """What the picture is read for."""


def _one(request: Request, spectra: pictures.Spectra) -> Drawing:
    """The drawing of one set of curves."""
    title = f"{request.title}; {spectra.title}" if request.title else spectra.title
    columns, rows = spectra.table
    named = [column or "value" for column in columns]
    return Drawing(pictures.draw(spectra._replace(title=title)).figure, named, rows)


def density_of_states(request: Request) -> Drawing:
    """N(omega) / N(0), exact where no --Gamma is given."""
    omega = request.axis(2001)
    return _one(request, pictures.density_spectra(request.states, omega, request.broadening(0.0), request.weights))


def tunnelling(request: Request) -> Drawing:
    """dI/dV of a tunnel junction, smeared with temperature."""
    return _one(request, pictures.tunnelling_spectra(request.states, request.axis(), request.broadening(0.1), request.weights))


def andreev(request: Request) -> Drawing:
    """dI/dV of a point contact with a barrier --Z, smeared with temperature."""
    V, Gamma = request.axis(), request.broadening(0.1)
    return _one(request, pictures.andreev_spectra(request.states, V, Gamma, request.Z, request.weights))


def photoemission(request: Request) -> Drawing:
    """Symmetrised EDCs at the Fermi momentum of every band, and the gaps that they show."""
    bands = {sc.band_names for sc in request.systems.values()}
    check(len(bands) == 1, "SYSTEM", "have the same bands in one photoemission picture", [*request.systems])
    names, widths = bands.pop(), (request.broadening(1.0), request.energy_resolution, request.momentum_resolution)
    figure, axes = plt.subplots(1, len(names), figsize=(max(6.4, 4.6 * len(names)), 4.4), layout="constrained", squeeze=False)
    columns, data = ["omega_meV"], [request.axis()]
    for band, ax in zip(names, axes[0], strict=True):
        spectra = pictures.edc_spectra(request.states, band, data[0], *widths)
        pictures.draw(spectra._replace(title=f"at $k_F$ of {band}", y_label=spectra.y_label if ax is axes[0, 0] else ""), ax)
        columns += [", ".join(part for part in (band, label) if part) for label in spectra.curves]
        data += spectra.curves.values()
    k = f", {widths[2]:g} $\\mathrm{{\\AA}}^{{-1}}$" if widths[2] else ""
    figure.suptitle(
        f"{request.title}; $\\Gamma$ = {widths[0]:g} meV, resolution {widths[1]:g} meV{k}".lstrip("; "), fontsize=10
    )
    gaps = {label: [row._asdict() for row in gap_comparison(s, *widths)] for label, s in request.states.items()}
    return Drawing(figure, columns, zip(*(map(float, column) for column in data), strict=True), {"gaps_meV": gaps})


def intensity_map(request: Request) -> Drawing:
    """The photoemission intensity I(k, omega) around the Fermi momenta, of one state."""
    check(len(request.states) == 1, "--T", "leave one state for a map", f"{len(request.states)} states")
    state, widths = next(iter(request.states.values())), (request.broadening(1.0), request.energy_resolution)
    omega = np.linspace(-request.reach, request.reach / 2, 201)
    found = pictures.photoemission_map(state, omega, *widths, request.momentum_resolution, request.title)
    return Drawing(pictures.draw_map(found).figure, *found.table)


EXPERIMENTS: dict[str, Callable[[Request], Drawing]] = {
    "dos": density_of_states,
    "tunnelling": tunnelling,
    "andreev": andreev,
    "arpes": photoemission,
    "map": intensity_map,
}
"""By the names that `jaxgap observe` takes; the docstring's first line is what the help shows."""

_LIST = "; ".join(f"{name}: {(made.__doc__ or '').splitlines()[0].rstrip('.')}" for name, made in EXPERIMENTS.items())


@observations.command()
def observe(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="A material or a system.toml, or several: a,b.")],
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help=_LIST + ".")],
    T: Annotated[str, typer.Option("--T", help="Temperatures [K]: one, a list 2,10,30, or start:stop:count.")] = "2",
    branch: Annotated[
        str | None, typer.Option(help='Branches: "s++", "s+-,s++", ... Default: the one connected to T_c.')
    ] = None,
    Gamma: Annotated[float | None, typer.Option("--Gamma", help="Broadening [meV]. Default: .1; dos 0, arpes 1.")] = None,
    Z: Annotated[float, typer.Option("--Z", help="Barrier of a point contact.")] = 0.5,
    weights: Annotated[str | None, typer.Option(help="Tunnelling weights of the bands: 1,0.3.")] = None,
    resolution: Annotated[float, typer.Option(help="Energy resolution of photoemission, full width [meV].")] = 2.0,
    momentum_resolution: Annotated[float, typer.Option(help="Its momentum resolution, full width [1/angstrom].")] = 0.0,
    reach: Annotated[float | None, typer.Option(help="Highest energy or voltage of the picture [meV, mV].")] = None,
    out: Annotated[Path | None, typer.Option(help="Picture (PNG or PDF). Default: SYSTEM_EXPERIMENT.png.")] = None,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """What an experiment would see: a picture, and its data (csv) beside it. Several temperatures, branches or systems make
    several curves.

    Example: jaxgap observe ba122 tunnelling --branch s+-,s++ --T 2,20 --Gamma 0.5
    """
    check(experiment in EXPERIMENTS, "EXPERIMENT", f"be one of {', '.join(EXPERIMENTS)}", f"`{experiment}`")
    systems = {Path(name).stem: named_system(name.strip(), set_) for name in system.split(",")}
    branches = (None,) if branch is None else tuple(part.strip() for part in branch.split(","))
    if reach is not None:
        check(np.isfinite(reach) and reach > 0, "--reach", "be positive [meV]", reach)
    weighted = None if weights is None else numbers("--weights", weights)
    states = (systems, branches, parse_temperatures(T))
    request = Request(*states, Gamma, Z, weighted, resolution, momentum_resolution, reach)
    drawing = EXPERIMENTS[experiment](request)
    paths = _written(drawing, Path(f"{'_'.join(systems)}_{experiment}.png") if out is None else out)
    if as_json_:
        print_json({"experiment": experiment, "states": [*request.states], "files": [*map(str, paths)], **drawing.numbers})
        return
    for label, rows in drawing.numbers.get("gaps_meV", {}).items():
        for row in rows:
            at_k_F = ", ".join(f"{E:.2f} ({w:.2f})" for E, w in zip(row["at_fermi_momentum"], row["weights"], strict=True))
            minima = ", ".join(f"{E:.2f}" for E in row["minima"])
            prefix = f"{label}, {row['band']}" if label else row["band"]
            console.print(
                escape(f"{prefix}: reads {row['symmetrised']:.2f} meV; at k_F (weight) {at_k_F}; branch minima {minima}"),
                soft_wrap=True,
            )
    console.print(escape(f"Wrote {paths[0]} and {paths[1]}."), soft_wrap=True)


def _written(drawing: Drawing, picture: Path) -> tuple[Path, Path]:
    """The picture and, beside it, its data."""
    data = picture.with_suffix(".csv")
    try:
        drawing.figure.savefig(picture, dpi=160)
        write_csv(data, drawing.columns, drawing.rows)
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot write the picture `{picture}`: {error}.") from None
    finally:
        plt.close(drawing.figure)
    return picture, data
