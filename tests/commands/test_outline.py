"""The list of commands that --help prints without importing them: it is of all commands, and true."""

import os
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


COMPLETED = HELPED.replace('["jaxgap", *sys.argv[1:]]', '["jaxgap"]')


def test_a_shell_completes_commands_without_jax():
    asked = {"_JAXGAP_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "jaxgap so"}
    done = subprocess.run(
        [sys.executable, "-c", COMPLETED], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert "solve" in done.stdout
    assert COMMANDS["solutions"].line in done.stdout
    assert "posterior" not in done.stdout
    assert done.stderr.split()[-2] == "False"


def test_units_in_brackets_are_no_markup(capsys):
    command = typer.main.get_command(app).get_command(None, "solve")
    with pytest.raises(SystemExit):
        command.main(["--help"], prog_name="jaxgap solve")
    assert "[meV]" in capsys.readouterr().out
