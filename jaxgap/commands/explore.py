"""The command `jaxgap explore`: the explorer's page on this machine, until Ctrl-C."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from jaxgap.commands.arguments import SetOption, named_system
from jaxgap.commands.terminal import console
from jaxgap.explorer.pieces import Desk
from jaxgap.explorer.server import Server
from jaxgap.numerics.checks import check

__all__ = ["explorers"]

explorers = typer.Typer()


@explorers.command(short_help="A system in the browser, to be moved")
def explore(
    system: Annotated[
        str, typer.Argument(metavar="[SYSTEM | FOLDER]", help="A material, a system.toml, or the folder of a fit.")
    ] = "two_band",
    set_: SetOption = [],  # noqa: B006
    port: Annotated[int, typer.Option(help="Of the address; 0: any that is free.", min=0, max=65535)] = 0,
    open_: Annotated[bool, typer.Option("--open/--no-open", help="Open it in a browser.")] = True,
) -> None:
    """A page on which every number of a system is a slider, and what follows from it is drawn at once: energies, spectra, gaps
    against temperature, all solutions, slopes, a phase map. It is open on this machine only, needs no network, and ends with
    Ctrl-C.

    Examples: jaxgap explore ba122; jaxgap explore fits/ba0.6k0.4fe2as2 (its measured gaps can be dragged, and fitted again)
    """
    desk = _desk(system, set_)
    with Server(desk, port) as server:
        desk.begin()
        console.print(f"The explorer is at {server.url} (Ctrl-C ends it)", markup=False, soft_wrap=True)
        if open_ and not webbrowser.open(server.url):
            console.print("No browser could be opened: open the address yourself.", markup=False)
        server.serve_forever(poll_interval=0.2)


def _desk(name: str, assignments: list[str]) -> Desk:
    """The desk of a system, or of a folder of a fit with the system at the start of its parameters."""
    if not Path(name).is_dir():
        return Desk(named_system(name, assignments), Path(name).stem)
    from jaxgap.explorer.refit import Folder
    from jaxgap.fitting import load_fit

    config, sc, data = load_fit(name)
    check(not config.samples, "FOLDER", "be a fit of one sample", "one of several samples")
    check(not assignments, "--set", "be left out with a folder, whose fit.toml says it", assignments[:1])
    return Desk(sc, Path(name).resolve().name, Folder(config, sc, data))
