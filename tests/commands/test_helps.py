"""What `jaxgap COMMAND --help` says from helps.json: what the commands say, at any width, in no time."""

import json
import os
import subprocess
import sys

import pytest
import typer
from test_outline import CPU_SECONDS, HELPED

from jaxgap.commands.help_texts import TYPER, contents
from jaxgap.commands.helps import KEPT
from jaxgap.commands.outline import app


def test_the_file_is_what_the_commands_say():
    """`python -m jaxgap.commands.help_texts` writes it anew."""
    kept, said = json.loads(KEPT.read_text(encoding="utf-8")), contents()
    if kept.pop(TYPER) != said.pop(TYPER):
        pytest.skip("helps.json has the words of another typer")
    assert kept == said


@pytest.mark.parametrize("width", [50, 80])
@pytest.mark.parametrize("name", ["solve", "new"])
def test_it_is_the_help_of_the_command(name, width, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(width))
    group = typer.main.get_command(app)
    for command, asked in ((group, [name, "--help"]), (group.commands[name], ["--help"])):
        with pytest.raises(SystemExit) as end:
            command.main(asked, prog_name="jaxgap" if command is group else f"jaxgap {name}")
        assert end.value.code == 0
    first, second = capsys.readouterr().out.split("Usage: ")[1:]
    # By itself a command does not know -h, which it has from `jaxgap`.
    assert " ".join(first.replace("-h, --help", "--help").split()) == " ".join(second.split())
    assert max(map(len, first.splitlines())) <= width


@pytest.mark.parametrize("name", ["solve", "new", "fit"])
def test_it_needs_no_jax(name):
    environment = os.environ | {"COLUMNS": "80"}
    asked = [sys.executable, "-c", HELPED, name, "--help"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert f"Usage: jaxgap {name} " in done.stdout
    imported, seconds = done.stderr.split()[-2:]
    assert imported == "False"
    assert float(seconds) < CPU_SECONDS
