"""What the command `jaxgap` answers before JAX is imported: itself without anything, and --help. Imported by the package, which
otherwise takes a second."""

import sys
from pathlib import Path

SCRIPTS = ("jaxgap", "jaxgap-script")
"""The command's names."""

if sys.argv and Path(sys.argv[0]).stem in SCRIPTS and sys.argv[1:] in ([], ["-h"], ["--help"]):
    from jaxgap.commands.outline import app

    app()  # It ends the process.
