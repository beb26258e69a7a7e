"""The commands by name, with where each is and one line of help: `jaxgap --help` needs nothing else, and no JAX.

What a command needs is imported when the command is asked for. That this list has all of them is tested.
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup

from jaxgap.commands.helps import names_told, told
from jaxgap.numerics.provenance import VERSION

__all__ = ["ASKED", "COMMANDS", "SYSTEM_NAMES", "app"]

ASKED: tuple[list[str], ...] = (["-h"], ["--help"])
"""What stands after a command, or a command of a command, of which only the help is wanted."""


class Place(NamedTuple):
    """Where a command is."""

    module: str
    """Of jaxgap.commands."""
    group: str
    """The Typer in it that has the command."""
    line: str
    """What the list of commands says of it."""


COMMANDS = {
    "solve": Place("system", "systems", "One solution at one temperature"),
    "show": Place("system", "systems", "A system as a system.toml to change"),
    "solutions": Place("system", "systems", "All solutions at one temperature, ranked"),
    "tc": Place("system", "systems", "Critical temperature, its kind and slopes"),
    "gaps": Place("system", "systems", "Gaps against temperature along a branch"),
    "diagram": Place("diagram", "diagrams", "Phase diagram over any two leaves"),
    "explore": Place("explore", "explorers", "A system in the browser, to be moved"),
    "figures": Place("figures", "papers", "The figures of both papers, with data"),
    "data": Place("data", "files", "What is understood of a file"),
    "new": Place("new", "beginnings", "Begin: a fit, a system, a sweep"),
    "examples": Place("new", "beginnings", "The fits that come with it, to copy"),
    "check": Place("check", "checks", "Data beside the model, before a fit"),
    "fit": Place("fit", "fits", "Fit couplings to what was measured"),
    "report": Place("fit", "fits", "Report and pictures of a fit again"),
    "compare": Place("fit", "fits", "Several models of the same data"),
    "posterior": Place("fit", "fits", "Draw from the posterior of a fit"),
    "bootstrap": Place("fit", "fits", "Fit data drawn from the fitted model"),
    "observe": Place("observe", "observations", "What an experiment would see"),
    "sweep": Place("sweep", "sweeps", "Many systems into a labelled store"),
    "devices": Place("devices", "machines", "What jaxgap runs on"),
    "docs": Place("documentation", "documents", "The documentation, without a network"),
}
SYSTEM_NAMES = (
    "two_band",
    "mgb2",
    "ba122",
    "mgb2_six_layers_model",
    "lifeas_model",
    "five_band_pnictide_model",
    "oxide_interface_model",
    "attractive_hubbard_model",
    "cuprate_lattice_model",
    "pnictide_orbitals_model",
    "mgb2_eliashberg",
)
"""Those of `jaxgap.materials.SYSTEMS`."""


class _Commands(Mapping[str, Any]):
    """Name -> command, imported when it is taken."""

    def __init__(self) -> None:
        self.taken: dict[str, Any] = {}

    def __getitem__(self, name: str) -> Any:
        if name not in self.taken:
            place = COMMANDS[name]
            group = getattr(import_module(f"jaxgap.commands.{place.module}"), place.group)
            command = typer.main.get_group(group).commands[name]
            for one in (command, *getattr(command, "commands", {}).values()):
                one.rich_markup_mode = None  # [meV] is a unit, and no style.
            self.taken[name] = command
        return self.taken[name]

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Line(NamedTuple):
    """As much of a command as a completion tells."""

    line: str
    hidden: bool = False

    def get_short_help_str(self, limit: int = 0) -> str:
        """The line; it is short anyway."""
        return self.line


class _Lazy(TyperGroup):
    """Lists commands without importing them."""

    def __init__(self, **about: Any) -> None:
        super().__init__(**about)
        self.commands = _Commands()  # type: ignore[assignment]

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """A command that is only asked what it does is not imported, whatever else it is given."""
        named = next((name for words in (2, 1) if (name := " ".join(args[:words])) in names_told()), None)
        if args[-1:] in ASKED and named is not None:
            return named, told(named), args[-1:]
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """What a shell is told on TAB: of the commands their names and lines, without importing them."""
        commands = self.commands
        self.commands = {name: _Line(place.line) for name, place in COMMANDS.items()}  # type: ignore[misc]
        try:
            return super().shell_complete(ctx, incomplete)
        finally:
            self.commands = commands

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.line) for name, place in COMMANDS.items()])


app = typer.Typer(
    name="jaxgap",
    cls=_Lazy,
    help="Gap equations of multiband superconductors with cross-band pairing. Energies in meV, temperatures in K.\n\n"
    "A SYSTEM is a material (" + ", ".join(SYSTEM_NAMES) + ") or a system.toml; --set changes any of its leaves: "
    '--set Omega=42 --set "lam[alpha, alpha:beta]=0.03" --set "mu[beta]=55".\n\n'
    "A branch is one of solutions, by the signs of its gaps (s++, s+-); energies E(k) are quasiparticle branches "
    "(alpha:beta lower, upper).\n\n"
    "Exit codes: 0 done, 2 bad input, 3 did not converge, 4 done, but not to be quoted (the result says why), 130 interrupted.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool | None) -> None:
    if wanted:
        print(VERSION)
        raise typer.Exit


@app.callback()
def _version(
    version: Annotated[
        bool | None, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = None,
) -> None:
    del version
