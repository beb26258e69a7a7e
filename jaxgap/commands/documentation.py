"""The command `jaxgap docs`: where the pages of the documentation are."""

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from jaxgap.numerics.checks import InputError

__all__ = ["documents", "front_page"]

documents = typer.Typer()

PACKAGE = Path(__file__).parents[1]
PLACES = (PACKAGE / "pages", PACKAGE.parent / "build" / "docs")
"""In an installed package (hatch_build.py puts them there), and where a copy of the source builds them."""


@documents.command(short_help="The documentation, without a network")
def docs(
    open_: Annotated[bool, typer.Option("--open", help="Also open them in a browser.")] = False,
) -> None:
    """Print where the pages of the documentation are: they need no network.

    Example: jaxgap docs --open
    """
    page = front_page()
    print(page)
    if open_ and not webbrowser.open(page.as_uri()):
        raise InputError(f"No browser could be opened: open {page} yourself.")


def front_page() -> Path:
    """The first page.

    Raises:
        InputError: if there are no pages, with how to make them.
    """
    for folder in PLACES:
        if (folder / "index.html").is_file():
            return folder / "index.html"
    raise InputError(
        'This copy of jaxgap has no pages yet: in the folder of the source, pip install -e ".[docs]" && '
        "python -m sphinx -b html docs build/docs"
    )
