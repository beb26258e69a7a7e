"""The command `jaxgap explore`: the explorer's page on this machine, until Ctrl-C."""

import webbrowser
from typing import Annotated

import typer

from jaxgap.commands.arguments import SetOption, named_system
from jaxgap.commands.terminal import console
from jaxgap.explorer.pieces import Desk
from jaxgap.explorer.server import Server

__all__ = ["explorers"]

explorers = typer.Typer()


@explorers.command(short_help="A system in the browser, to be moved")
def explore(
    system: Annotated[str, typer.Argument(metavar="[SYSTEM]", help="A material or a system.toml.")] = "two_band",
    set_: SetOption = [],  # noqa: B006
    port: Annotated[int, typer.Option(help="Of the address; 0: any that is free.", min=0, max=65535)] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
) -> None:
    """A page on which every number of a system is a slider, and what follows from it is drawn at once: energies, spectra, gaps
    against temperature, all solutions, slopes, a phase map. It is open on this machine only, needs no network, and ends with
    Ctrl-C.

    Example: jaxgap explore ba122
    """
    sc = named_system(system, set_)
    with Server(Desk(sc, system), port) as server:
        console.print(f"The explorer is at {server.url} (Ctrl-C ends it)", markup=False, soft_wrap=True)
        if open_ and not webbrowser.open(server.url):
            console.print("No browser could be opened: open the address yourself.", markup=False)
        server.serve_forever(poll_interval=0.2)
