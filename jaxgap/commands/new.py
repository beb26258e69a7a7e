"""The commands `jaxgap new` and `jaxgap examples`: folders to begin a fit with."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jaxgap.commands.records import NewRecord
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.fitting.examples import example_files
from jaxgap.fitting.examples import examples as known_examples
from jaxgap.fitting.folders import new_folder
from jaxgap.fitting.reading.kinds import CURVES
from jaxgap.materials import MATERIALS
from jaxgap.model.files import write_files
from jaxgap.model.records import print_json

__all__ = ["beginnings"]

beginnings = typer.Typer()


@beginnings.command(short_help="Begin a fit: a folder with fit.toml")
def new(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Is made if it is not there; nothing in it is overwritten.")],
    measured: Annotated[
        list[str] | None,
        typer.Argument(metavar="FILES", help="What was measured: a file, or QUANTITY=FILE where its columns do not tell."),
    ] = None,
    material: Annotated[str | None, typer.Option(help=f"A material whose bands are known: {', '.join(MATERIALS)}.")] = None,
    bands: Annotated[int | None, typer.Option(help="Number of bands, if it is none of those. Default: 2.")] = None,
    cross: Annotated[str | None, typer.Option(help="Cross-paired pairs of the bands a, b, c, ..., such as a:b,b:c.")] = None,
    as_json_: JsonOption = False,
) -> None:
    """Begin a fit: fit.toml with comments, for a material or a number of bands, and the measured files or an example data.csv.

    `jaxgap fit FOLDER` takes it as it stands. What the files do not say is assumed, and marked in fit.toml.

    Examples: jaxgap new fits/mine --material mgb2; jaxgap new fits/mine --bands 2 heat.csv dIdV=sts_4.2K.dat;
    jaxgap new fits/mine --bands 3 --cross a:b,b:c
    """
    pairs = [] if cross is None else [pair.strip() for pair in cross.split(",")]
    with waiting("new folder"):
        contents, assumed = new_folder(folder, material, bands, [_named(text) for text in measured or ()], pairs)
        paths = write_files(contents)
    if as_json_:
        print_json(NewRecord(files=[*map(str, paths)], to_be_checked=list(assumed)))
        return
    for sentence in assumed:
        console.print(escape(f"To be checked: {sentence}."), soft_wrap=True)
    console.print(escape(f"Wrote {', '.join(map(str, paths))}. Next: jaxgap fit {folder}"), soft_wrap=True)


@beginnings.command(short_help="The fits that come with it, to copy")
def examples(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Which one to copy. Default: list them all.")] = None,
    to: Annotated[Path | None, typer.Option(help="Folder of the copy. Default: NAME, in this folder.")] = None,
) -> None:
    """List the fits that come with jaxgap, or copy one, without its results, to a folder of your own.

    Example: jaxgap examples ba0.6k0.4fe2as2 && jaxgap fit ba0.6k0.4fe2as2
    """
    if name is None:
        for known, title in known_examples().items():
            console.print(escape(f"{known}: {title}"), soft_wrap=True)
        return
    folder = to or Path(name)
    paths = write_files(example_files(name, folder))
    console.print(escape(f"Wrote {', '.join(map(str, paths))}. Next: jaxgap fit {folder}"), soft_wrap=True)


def _named(text: str) -> tuple[str, Path]:
    """(quantity, file) of QUANTITY=FILE, or of FILE alone."""
    quantity, equals, file = text.partition("=")
    return (quantity, Path(file)) if equals and quantity in CURVES else ("", Path(text))
