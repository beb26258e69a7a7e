"""What the command `jaxgap` answers before JAX is imported: itself without anything, --help, and --version."""

import sys
from pathlib import Path

SCRIPTS = ("jaxgap", "jaxgap-script")
"""The command's names."""

ALONE: tuple[list[str], ...] = ([], ["-h"], ["--help"], ["--version"])


def _is_asked() -> bool:
    if not sys.argv or sys.argv[1:] not in ALONE:
        return False
    # While `python -m jaxgap` imports the package, its first argument is still the option.
    own = sys.orig_argv[len(sys.orig_argv) - len(sys.argv[1:]) - 2 :][:2] == ["-m", "jaxgap"]
    return Path(sys.argv[0]).stem in SCRIPTS or (sys.argv[0] == "-m" and own)


if _is_asked():
    from jaxgap.commands.outline import app

    app(prog_name="jaxgap")  # It ends the process.
