"""What all commands share: where they print, and the option for machines."""

from typing import Annotated

import typer
from rich.console import Console

__all__ = ["JsonOption", "console", "progress"]

console = Console(highlight=False)
progress = Console(stderr=True, highlight=False)
"""For what is said on the way."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
