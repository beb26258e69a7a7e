"""The command `figures`: those of the papers."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from jaxgap.commands.terminal import console, waiting
from jaxgap.numerics.checks import InputError

__all__ = ["FIGURE_NAMES", "papers"]

papers = typer.Typer()

FIGURE_NAMES = ("fig2a", "fig2b", "fig2c", "dos", "fig3", "fig4", "fig5", "w18_fig1", "w18_fig3")


@papers.command(short_help="The figures of both papers, with data")
def figures(
    names: Annotated[list[str] | None, typer.Argument(help=f"Which: {', '.join(FIGURE_NAMES)}. Default: all.")] = None,
    folder: Annotated[Path, typer.Option(help="Where to write them.")] = Path("figures"),
) -> None:
    """The figures of Phys. Rev. B 101, 094516, and (w18_...) of ChemPhysChem 19, 3191: PNG, PDF, data (csv), and a table of
    the paper's statements (md).

    Example: jaxgap figures fig2a fig5 --folder figures
    """
    from jaxgap.papers.figures import write_figure

    wanted = names or list(FIGURE_NAMES)
    for name in wanted:
        if name not in FIGURE_NAMES:
            raise InputError(f"Unknown figure `{name}`: the figures are {', '.join(FIGURE_NAMES)}.")
    for name in wanted:
        try:
            with waiting(f"computing {name}"):
                paths = write_figure(name, folder)
        except OSError as error:
            raise InputError(f"Cannot write the figure `{name}` into `{folder}`: {error}.") from None
        console.print(escape(f"{name}: wrote {', '.join(str(path) for path in paths)}."), soft_wrap=True)
        console.print(escape(paths[-1].read_text(encoding="utf-8")))
