"""What the command `jaxgap` answers before JAX is imported: itself without anything, --help, --version, the --help of a
command (and of `new fit`), whatever stands before it, and the names of commands that a shell completes."""

import os
import sys
from pathlib import Path

SCRIPTS = ("jaxgap", "jaxgap-script")
"""The command's names."""

ALONE: tuple[list[str], ...] = ([], ["-h"], ["--help"], ["--version"])


def _is_asked() -> bool:
    return bool(sys.argv) and (sys.argv[1:] in ALONE or _is_help()) and _is_command()


def _is_help() -> bool:
    """Whether it is a command's, or that of a command of a command."""
    # A command that there is not is told so before JAX, too; an option of `jaxgap` itself is left to itself.
    return sys.argv[-1:] in ALONE[1:3] and len(sys.argv) > 2 and not sys.argv[1].startswith("-")


def _is_command() -> bool:
    # While `python -m jaxgap` imports the package, its first argument is still the option.
    own = sys.orig_argv[len(sys.orig_argv) - len(sys.argv[1:]) - 2 :][:2] == ["-m", "jaxgap"]
    return Path(sys.argv[0]).stem in SCRIPTS or (sys.argv[0] == "-m" and own)


def _completes_a_command() -> bool:
    """On TAB after the command's name; what stands after one of `jaxgap`'s commands is asked of that."""
    words = os.environ.get("_TYPER_COMPLETE_ARGS", "")
    first = len(words.split()) == (1 if words.endswith(" ") else 2) or os.environ.get("COMP_CWORD") == "1"
    return "_JAXGAP_COMPLETE" in os.environ and first and _is_command()


if _is_asked() or _completes_a_command():
    from jaxgap.commands.outline import app

    try:
        try:
            app(prog_name="jaxgap")  # It ends the process.
        finally:
            sys.stdout.flush()
    except OSError as error:
        from jaxgap.commands.environment import in_sentences  # Nobody waits for JAX here.

        with in_sentences():
            raise error
