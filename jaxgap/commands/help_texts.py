"""The help of every command as helps.json keeps it: `python -m jaxgap.commands.help_texts` writes it anew.

Whoever changes a command's help or options runs this: `tests/commands/test_helps.py` compares.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import typer

from jaxgap.commands.helps import KEPT
from jaxgap.commands.outline import COMMANDS, app
from jaxgap.model.files import write_files

__all__ = ["TYPER", "contents"]

TYPER = "typer"
"""The key of the version whose words they are."""


class _Listener:
    """A formatter that writes down what it is told."""

    width = 80  # Of lines about the commands of a command, which are cut, and not broken.

    def __init__(self) -> None:
        self.heard: list[list[Any]] = []

    def __getattr__(self, method: str) -> Callable[..., None]:
        return lambda *arguments: self.heard.append([method, *arguments])

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        self.heard += [["write_paragraph"], ["write_heading", name]]
        with self.indentation():
            yield

    @contextmanager
    def indentation(self) -> Iterator[None]:
        self.heard.append(["indent"])
        yield
        self.heard.append(["dedent"])


def contents() -> dict[str, Any]:
    """What helps.json has to hold, asked of every command."""
    group = typer.main.get_command(app)
    above: Any = group.context_class(group, info_name="jaxgap", **group.context_settings)
    said: dict[str, Any] = {TYPER: version("typer")}
    for name in COMMANDS:
        command, listener = group.commands[name], _Listener()  # type: ignore[attr-defined]
        command.format_help(command.context_class(command, info_name=name, parent=above), listener)
        said[name] = listener.heard
    return json.loads(json.dumps(said))  # lists, as the file has them


if __name__ == "__main__":
    write_files({KEPT: json.dumps(contents(), indent=1, ensure_ascii=False) + "\n"})
