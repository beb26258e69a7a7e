"""The command line `jaxgap`: parse, call the library, print. One file for every group of commands.

Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.
"""

from typing import Annotated

import typer

from jaxgap.commands.environment import in_sentences  # before matplotlib, which another program's backend would stop

# isort: split

from jaxgap import __version__
from jaxgap.commands.check import checks
from jaxgap.commands.data import files
from jaxgap.commands.devices import machines
from jaxgap.commands.diagram import diagrams
from jaxgap.commands.documentation import documents
from jaxgap.commands.figures import papers
from jaxgap.commands.fit import fits
from jaxgap.commands.interruption import heeded
from jaxgap.commands.new import beginnings
from jaxgap.commands.observe import observations
from jaxgap.commands.sweep import sweeps
from jaxgap.commands.system import systems
from jaxgap.commands.terminal import console
from jaxgap.materials import SYSTEMS
from jaxgap.numerics.programs import compile_quickly, keep_programs

__all__ = ["app", "main"]

app = typer.Typer(
    name="jaxgap",
    help="Gap equations of multiband superconductors with cross-band pairing. Energies in meV, temperatures in K.\n\n"
    "A SYSTEM is a material (" + ", ".join(SYSTEMS) + ") or a system.toml; --set changes any of its leaves: "
    '--set Omega=42 --set "lam[alpha, alpha:beta]=0.03" --set "mu[beta]=55".\n\n'
    "A branch is one of solutions, by the signs of its gaps (s++, s+-); energies E(k) are quasiparticle branches "
    "(alpha:beta lower, upper).\n\n"
    "Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for group in (systems, diagrams, papers, files, beginnings, checks, fits, observations, sweeps, machines, documents):
    app.add_typer(group)


def _print_version(wanted: bool | None) -> None:
    if wanted:
        console.print(__version__)
        raise typer.Exit


@app.callback()
def _version(
    version: Annotated[
        bool | None, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = None,
) -> None:
    del version


def main() -> None:
    """Entry point: one sentence and an exit code instead of a traceback."""
    with heeded(), in_sentences():
        compile_quickly()
        keep_programs()
        app()
