"""The help of every command as helps.json keeps it: `python -m jaxgap.commands.help_texts` writes it anew.

Whoever changes a command's help or options runs this: `tests/commands/test_helps.py` compares.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import typer

from jaxgap.commands.helps import KEPT, TYPER
from jaxgap.commands.outline import COMMANDS, app
from jaxgap.model.files import write_files

__all__ = ["contents"]


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
    """What helps.json has to hold, asked of every command, and of the commands that a command has."""
    group = typer.main.get_command(app)
    above: Any = group.context_class(group, info_name="jaxgap", **group.context_settings)
    said: dict[str, Any] = {TYPER: version("typer")}
    for name in COMMANDS:
        said |= _asked(group.commands[name], name, above)  # type: ignore[attr-defined]
    return json.loads(json.dumps(said))  # lists, as the file has them


def _asked(command: Any, name: str, above: Any) -> dict[str, list[Any]]:
    """`new fit` -> what the command tells a formatter of its help; the same of all below it."""
    context, listener = command.context_class(command, info_name=name, parent=above), _Listener()
    command.format_help(context, listener)
    said = {context.command_path.removeprefix("jaxgap "): listener.heard}
    for below, one in getattr(command, "commands", {}).items():
        said |= _asked(one, below, context)
    return said


if __name__ == "__main__":
    write_files({KEPT: json.dumps(contents(), indent=1, ensure_ascii=False) + "\n"})
