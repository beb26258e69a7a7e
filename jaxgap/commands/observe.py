"""The command `jaxgap observe`: what an experiment would see of a system, as a picture with its data beside it.

Its options are the settings of the experiments in the registry (`jaxgap.observables.quantities`).
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jaxgap.commands.arguments import SetOption, named_system, numbers, parse_temperatures
from jaxgap.commands.records import ObserveRecord
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.drawing import write_csv
from jaxgap.model.records import print_json
from jaxgap.numerics.checks import InputError, check
from jaxgap.observables.experiments import Observed, Request, check_experiment, observed
from jaxgap.observables.quantities import EXPERIMENTS, OPTIONS
from jaxgap.observables.views import TEMPERATURE

__all__ = ["observations"]

observations = typer.Typer()

_PICTURES = {name: row.picture for name, row in EXPERIMENTS.items() if row.picture is not None}
_LIST = "; ".join(f"{name}: {shown.help}" for name, shown in _PICTURES.items())
_OVER_T = ", ".join(name for name, shown in _PICTURES.items() if shown.axis is TEMPERATURE)


def observe(
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="A material or a system.toml, or several: a,b.")],
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help=_LIST + ".")],
    T: Annotated[
        str,
        typer.Option("--T", help=f"Temperatures [K]: one, a list 2,10,30, or start:stop:count; the axis of {_OVER_T}."),
    ] = "2",
    branch: Annotated[
        str | None, typer.Option(help='Branches: "s++", "s+-,s++", ... Default: the one connected to T_c.')
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Picture (PNG or PDF). Default: SYSTEM_EXPERIMENT.png.")] = None,
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
    **settings: float | str | None,
) -> None:
    """What an experiment would see: a picture, and its data (csv) beside it. Several systems, branches or (of spectra)
    temperatures make several curves.

    Examples: jaxgap observe ba122 tunnelling --branch s+-,s++ --T 2,20 --Gamma 0.5; jaxgap observe mgb2 heat --T 1:45:60
    """
    given = {name: value for name, value in settings.items() if value is not None}
    check_experiment(experiment, given)
    named = [name.strip() for name in system.split(",")]
    systems = {Path(name).stem: named_system(name, set_) for name in named}
    check(len(systems) == len(named), "SYSTEM", "name different systems, with different file names", f"`{system}`")
    branches = (None,) if branch is None else tuple(part.strip() for part in branch.split(","))
    values = {name: numbers(OPTIONS[name].flag, value) if isinstance(value, str) else value for name, value in given.items()}
    with waiting(f"{experiment} of {', '.join(systems)}"):
        found = observed(experiment, Request(systems, branches, parse_temperatures(T), values))
        paths = _written(found, Path(f"{'_'.join(systems)}_{experiment}.png") if out is None else out)
    if as_json_:
        about = {"experiment": experiment, "states": [*found.states], "files": [*map(str, paths)], "notes": found.notes}
        print_json(ObserveRecord.model_validate({**about, **found.numbers}))
        return
    for line in (*found.notes, *found.said, f"Wrote {paths[0]} and {paths[1]}."):
        console.print(escape(line), soft_wrap=True)


def _signature() -> inspect.Signature:
    """That of `observe`, with an option for every setting of the experiments, after `branch`."""
    written = [one for one in inspect.signature(observe).parameters.values() if one.kind is not one.VAR_KEYWORD]
    place = [one.name for one in written].index("out")
    return inspect.Signature([*written[:place], *_settings(), *written[place:]])


def _settings() -> Iterator[inspect.Parameter]:
    for setting in OPTIONS.values():
        option = typer.Option(setting.flag, help=setting.help)
        annotation = Annotated[str | None, option] if setting.of_bands else Annotated[float | None, option]
        yield inspect.Parameter(setting.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=None, annotation=annotation)


observe.__signature__ = _signature()  # type: ignore[attr-defined]
observations.command(short_help="What an experiment would see")(observe)


def _written(found: Observed, path: Path) -> tuple[Path, Path]:
    """The picture and, beside it, its data."""
    import matplotlib.pyplot as plt

    from jaxgap.observables.pictures import picture

    data = path.with_suffix(".csv")
    figure = picture(found.sight)
    try:
        figure.savefig(path, dpi=160)
        columns, rows = found.sight.table
        write_csv(data, [column or "value" for column in columns], rows)
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot write the picture `{path}`: {error}.") from None
    finally:
        plt.close(figure)
    return path, data
