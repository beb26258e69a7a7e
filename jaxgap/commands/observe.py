"""The command `jaxgap observe`: what an experiment would see of a system, as a picture with its data beside it."""

from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
import typer
from rich.markup import escape

from jaxgap.commands.arguments import SetOption, named_system, numbers, parse_temperatures
from jaxgap.commands.records import ObserveRecord
from jaxgap.commands.terminal import JsonOption, console
from jaxgap.drawing import write_csv
from jaxgap.model.records import print_json
from jaxgap.numerics.checks import InputError, check
from jaxgap.observables.experiments import EXPERIMENTS, TAKES, Drawing, Request

__all__ = ["observations"]

observations = typer.Typer()

_LIST = "; ".join(f"{name}: {(made.__doc__ or name).splitlines()[0].rstrip('.')}" for name, made in EXPERIMENTS.items())


@observations.command()
def observe(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="A material or a system.toml, or several: a,b.")],
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help=_LIST + ".")],
    T: Annotated[
        str,
        typer.Option(
            "--T", help="Temperatures [K]: one, a list 2,10,30, or start:stop:count; the axis of heat, superfluid, nmr."
        ),
    ] = "2",
    branch: Annotated[
        str | None, typer.Option(help='Branches: "s++", "s+-,s++", ... Default: the one connected to T_c.')
    ] = None,
    Gamma: Annotated[float | None, typer.Option("--Gamma", help="Broadening [meV]. Default: .1; dos 0, arpes 1.")] = None,
    Z: Annotated[float | None, typer.Option("--Z", help="Barrier of a point contact. Default: .5.")] = None,
    weights: Annotated[str | None, typer.Option(help="Weights of the bands in tunnelling, or at the nucleus: 1,0.3.")] = None,
    resolution: Annotated[
        float | None, typer.Option(help="Energy resolution of photoemission, full width [meV]. Default: 2.")
    ] = None,
    momentum_resolution: Annotated[
        float | None, typer.Option(help="Its momentum resolution, full width [1/angstrom]. Default: 0.")
    ] = None,
    reach: Annotated[float | None, typer.Option(help="Highest energy or voltage of the picture [meV, mV].")] = None,
    formula_volume: Annotated[float | None, typer.Option(help="Volume per formula unit [angstrom^3], for heat.")] = None,
    layer_spacing: Annotated[
        float | None, typer.Option(help="Distance of the layers of 2D bands [angstrom], for heat and superfluid.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Picture (PNG or PDF). Default: SYSTEM_EXPERIMENT.png.")] = None,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """What an experiment would see: a picture, and its data (csv) beside it. Several systems, branches or (of spectra)
    temperatures make several curves.

    Examples: jaxgap observe ba122 tunnelling --branch s+-,s++ --T 2,20 --Gamma 0.5; jaxgap observe mgb2 heat --T 1:45:60
    """
    check(experiment in EXPERIMENTS, "EXPERIMENT", f"be one of {', '.join(EXPERIMENTS)}", f"`{experiment}`")
    given = {
        "--Gamma": Gamma,
        "--Z": Z,
        "--weights": weights,
        "--resolution": resolution,
        "--momentum-resolution": momentum_resolution,
        "--reach": reach,
        "--formula-volume": formula_volume,
        "--layer-spacing": layer_spacing,
    }
    _check_options(experiment, [option for option, value in given.items() if value is not None])
    named = [name.strip() for name in system.split(",")]
    systems = {Path(name).stem: named_system(name, set_) for name in named}
    check(len(systems) == len(named), "SYSTEM", "name different systems, with different file names", f"`{system}`")
    branches = (None,) if branch is None else tuple(part.strip() for part in branch.split(","))
    weighted = None if weights is None else numbers("--weights", weights)
    Z, resolution, momentum_resolution = (
        default if value is None else value for value, default in ((Z, 0.5), (resolution, 2.0), (momentum_resolution, 0.0))
    )
    states = (systems, branches, parse_temperatures(T))
    request = Request(*states, Gamma, Z, weighted, resolution, momentum_resolution, reach, formula_volume, layer_spacing)
    request.check(experiment)
    drawing = EXPERIMENTS[experiment](request)
    paths = _written(drawing, Path(f"{'_'.join(systems)}_{experiment}.png") if out is None else out)
    if as_json_:
        about = {"experiment": experiment, "states": [*drawing.states], "files": [*map(str, paths)], "notes": drawing.notes}
        print_json(ObserveRecord.model_validate({**about, **drawing.numbers}))
        return
    for note in drawing.notes:
        console.print(escape(note), soft_wrap=True)
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


def _check_options(experiment: str, given: list[str]) -> None:
    """Refuse options that have no meaning for the experiment."""
    for option in given:
        check(option in TAKES[experiment], option, f"be left out: `{experiment}` takes {', '.join(TAKES[experiment])}", "it")


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
