"""The list of commands that --help prints without importing them: it is of all commands, and true."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from jaxgap.commands.outline import COMMANDS, SYSTEM_NAMES, app
from jaxgap.materials import SYSTEMS

COMMANDS_FOLDER = Path(__file__).parents[2] / "jaxgap" / "commands"
CPU_SECONDS = 1.0
"""Of --help, at most; it takes a tenth."""


def test_systems_are_those_that_there_are():
    assert tuple(SYSTEMS) == SYSTEM_NAMES


@pytest.mark.parametrize("name", [*COMMANDS])
def test_a_command_says_of_itself_what_the_list_says(name):
    found = typer.main.get_command(app).get_command(None, name)
    assert found.short_help == COMMANDS[name].line
    assert found.help


def test_every_command_is_in_the_list():
    """Every module with a group of commands is, with all that the group has."""
    groups = {(place.module, place.group) for place in COMMANDS.values()}
    begun = {path.stem for path in COMMANDS_FOLDER.glob("*.py") if " = typer.Typer()" in path.read_text(encoding="utf-8")}
    assert {module for module, _ in groups} == begun
    for module, group in groups:
        __import__(f"jaxgap.commands.{module}")
        there = typer.main.get_group(getattr(sys.modules[f"jaxgap.commands.{module}"], group)).commands
        assert set(there) == {name for name, place in COMMANDS.items() if (place.module, place.group) == (module, group)}


HELPED = """
import resource, sys
sys.argv = ["jaxgap", *sys.argv[1:]]
try:
    import jaxgap
finally:
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("jax" in sys.modules, used.ru_utime + used.ru_stime, file=sys.stderr)
"""


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_imports_no_jax_and_takes_no_second(arguments):
    done = subprocess.run([sys.executable, "-c", HELPED, *arguments], capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    assert "Usage: jaxgap" in said
    assert all(f"  {name} " in said for name in COMMANDS)
    imported, seconds = done.stderr.split()[-2:]
    assert imported == "False"
    assert float(seconds) < CPU_SECONDS
