"""The commands `jaxgap new` and `jaxgap examples`: files to begin with."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperGroup

from jaxgap.commands.records import NewRecord
from jaxgap.commands.schemas import READ, contents
from jaxgap.commands.templates import SWEEP, SYSTEM
from jaxgap.commands.terminal import JsonOption, console, waiting
from jaxgap.fitting.examples import example_files
from jaxgap.fitting.examples import examples as known_examples
from jaxgap.fitting.folders import new_folder
from jaxgap.fitting.reading.kinds import CURVES
from jaxgap.materials import MATERIALS
from jaxgap.model.files import write_files
from jaxgap.model.records import print_json
from jaxgap.numerics.checks import InputError

__all__ = ["beginnings"]

beginnings = typer.Typer()
HELP = ("-h", "--help")


class _FitByDefault(TyperGroup):
    """`jaxgap new FOLDER` is `jaxgap new fit FOLDER`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # The context's class is typer's own, or click's.
        if args and args[0] not in (*self.commands, *HELP):
            args = ["fit", *args]
        return super().parse_args(ctx, args)


new = typer.Typer(
    cls=_FitByDefault,
    short_help="Begin: a fit, a system, a sweep",
    help="Begin with files that have comments, and that work as they stand. `jaxgap new FOLDER` is `jaxgap new fit FOLDER`.\n\n"
    "Examples: jaxgap new fits/mine --bands 2 heat.csv; jaxgap new system system.toml; jaxgap new sweep sweeps/mine",
    no_args_is_help=True,
)
beginnings.add_typer(new, name="new")


@new.command(short_help="A folder with fit.toml")
def fit(
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

    Examples: jaxgap new fit fits/mine --material mgb2; jaxgap new fit fits/mine --bands 2 heat.csv dIdV=sts_4.2K.dat;
    jaxgap new fit fits/mine --bands 3 --cross a:b,b:c
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


@new.command(short_help="A system.toml of two bands")
def system(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Such as system.toml; must not be there yet.")],
) -> None:
    """Begin a system: a system.toml of two bands, with comments on what else there is. `jaxgap show` prints that of a material.

    Example: jaxgap new system system.toml && jaxgap solve system.toml --T 4.2
    """
    _write({file: SYSTEM})
    console.print(escape(f"Wrote {file}. Next: jaxgap solve {file} --T 4.2"), soft_wrap=True)


@new.command(short_help="A folder with sweep.toml")
def sweep(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Is made if it is not there; nothing in it is overwritten.")],
) -> None:
    """Begin a sweep: a sweep.toml over couplings and distance of two bands, with comments on what else there is.

    Example: jaxgap new sweep sweeps/mine && jaxgap sweep sweeps/mine/sweep.toml
    """
    file = folder / "sweep.toml"
    _write({file: SWEEP})
    console.print(escape(f"Wrote {file}. Next: jaxgap sweep {file}"), soft_wrap=True)


@new.command(short_help="JSON schemas, for an editor")
def schemas(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Is made if it is not there; schemas in it are written anew.")
    ],
) -> None:
    """JSON schemas of the files that one writes: an editor that has them completes and checks keys. With the first line
    "#:schema ./fit.toml.schema.json" of a file editors with taplo (Even Better TOML in VS Code) find them.

    Example: jaxgap new schemas fits/mine
    """
    wanted = {f"{name}.schema.json" for name in READ}
    paths = write_files({folder / name: text for name, text in contents().items() if name in wanted})
    console.print(escape(f"Wrote {', '.join(map(str, paths))}."), soft_wrap=True)


def _write(files: dict[Path, str]) -> None:
    """Write files that are not there yet."""
    for path in files:
        if path.exists():
            raise InputError(f"There is a `{path}` already: nothing is overwritten.")
    write_files(files)


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
