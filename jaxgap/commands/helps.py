"""What `jaxgap COMMAND --help` says, kept in helps.json: showing it needs neither the command's module nor JAX.

`jaxgap.commands.help_texts` writes the file from the commands. Kept is what a command tells the formatter, not lines: these are
broken to the terminal's width when they are shown.
"""

import json
from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from typer.core import TyperCommand

__all__ = ["KEPT", "TYPER", "Told", "names_told", "told"]

KEPT = Path(__file__).with_name("helps.json")
TYPER = "typer"
"""The key of the version whose words they are."""


class Told(TyperCommand):
    """A command of which only the help is asked."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Say to the formatter what the command would."""
        for method, *arguments in _kept()[self.name]:
            if method == "write_dl":
                arguments = [[tuple(row) for row in arguments[0]]]
            getattr(formatter, method)(*arguments)


def names_told() -> Collection[str]:
    """All commands, and those of commands as `new fit`."""
    return _kept().keys() - {TYPER}


def told(name: str) -> Told:
    """The command `name`, as far as its help goes."""
    return Told(name, context_settings={"help_option_names": ["-h", "--help"]}, rich_markup_mode=None)


@cache
def _kept() -> dict[Any, Any]:
    kept: dict[Any, Any] = json.loads(KEPT.read_text(encoding="utf-8"))
    return kept
