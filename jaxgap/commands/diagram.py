"""The command `diagram`: phase diagrams of a system over two leaves."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jaxgap.commands.arguments import SetOption, SystemArgument, named_system, number
from jaxgap.commands.printing import print_diagram
from jaxgap.commands.records import diagram_record
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.model.records import print_json
from jaxgap.numerics.checks import InputError, check
from jaxgap.phases.diagram import phase_diagram

__all__ = ["diagrams"]

diagrams = typer.Typer()


@diagrams.command(short_help="Phase diagram over any two leaves")
def diagram(
    system: SystemArgument,
    x: Annotated[str, typer.Option("--x", metavar="PATH=FROM:TO:POINTS", help="Horizontal axis: a leaf, or T [K].")],
    y: Annotated[str, typer.Option("--y", metavar="PATH=FROM:TO:POINTS", help="Vertical axis: a leaf, or T [K].")],
    T: Annotated[float | None, typer.Option("--T", help="Temperature [K], unless it is an axis. Default: 0.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write picture and tables.")] = Path("diagram"),
    set_: SetOption = [],  # noqa: B006
    as_json_: JsonOption = False,
) -> None:
    """Phase diagram over two leaves: all real states, the stable complex ones, and the lines between them, as picture and
    tables.

    Example: jaxgap diagram two_band --x lambda_33=0.15:0.26:60 --y T=1:20:20
    """
    from jaxgap.plotting.plots import write_phase_diagram

    sc, axes = named_system(system, set_), (_axis("--x", x), _axis("--y", y))
    check(T is None or not any("T" in axis for axis in axes), "--T", "be left out where T is an axis", T)
    with waiting("searching for all states at every point"):
        found = phase_diagram(sc, 0.0 if T is None else T, *axes)
    try:
        paths = write_phase_diagram(found, folder)
    except OSError as error:
        raise InputError(f"Cannot write the phase diagram into `{folder}`: {error}.") from None
    record = diagram_record(found, paths)
    if as_json_:
        print_json(record)
    else:
        print_diagram(found, record)
        console.print(escape(f"Wrote {', '.join(str(path) for path in paths)}."), soft_wrap=True)


def _axis(option: str, text: str) -> dict[str, tuple[float, float, int]]:
    """{name: (from, to, points)} from PATH=FROM:TO:POINTS."""
    name, equals, numbers = text.rpartition("=")
    parts = numbers.split(":")
    if not equals or len(parts) != 3 or not parts[2].strip().isdigit():
        raise InputError(f"Argument `{option}` must look like PATH=FROM:TO:POINTS, such as T=1:20:40, but got `{text}`.")
    first, last, points = number(option, parts[0]), number(option, parts[1]), int(parts[2])
    return {name.strip(): (first, last, points)}
