"""The command line `jaxgap`: parse, call the library, print. One file for every group of commands.

Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.
"""

from jaxgap.commands.environment import in_sentences  # before matplotlib, which another program's backend would stop

# isort: split

from jaxgap.commands.interruption import heeded
from jaxgap.commands.outline import app
from jaxgap.numerics.programs import compile_quickly, keep_programs

__all__ = ["app", "main"]


def main() -> None:
    """Entry point: one sentence and an exit code instead of a traceback."""
    with heeded(), in_sentences():
        compile_quickly()
        keep_programs()
        app()
