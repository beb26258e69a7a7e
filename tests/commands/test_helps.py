"""What `jaxgap COMMAND --help` says from helps.json: what the commands say, at any width, in no time."""

import json
import os
import subprocess
import sys

import pytest
import typer
from test_outline import CPU_SECONDS, HELPED

from jaxgap.commands.help_texts import contents
from jaxgap.commands.helps import KEPT, TYPER, names_told
from jaxgap.commands.outline import COMMANDS, app


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


def test_a_command_of_a_command_says_what_it_is(capsys):
    for asked in (["new", "fit", "-h"], ["new", "sweep", "--help"]):
        with pytest.raises(SystemExit) as end:
            typer.main.get_command(app).main(asked, prog_name="jaxgap")
        assert end.value.code == 0
        assert f"Usage: jaxgap new {asked[1]} " in capsys.readouterr().out
    assert names_told() == {*COMMANDS, "new fit", "new system", "new sweep", "new schemas"}


EVERY_HELP = """
import sys, typer
from jaxgap.commands.helps import names_told
from jaxgap.commands.outline import COMMANDS, app
group = typer.main.get_command(app)
for name in sorted(names_told()):
    try:
        group.main([*name.split(), "--help"], prog_name="jaxgap")
    except SystemExit as end:
        print(name, end.code, "jax" in sys.modules, file=sys.stderr)
"""


def test_no_help_imports_jax():
    done = subprocess.run([sys.executable, "-c", EVERY_HELP], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == [f"{name} 0 False" for name in sorted(names_told())]
    assert done.stdout.count("Usage: jaxgap ") == len(names_told())


@pytest.mark.parametrize(
    "words", ["solve", "new", "fit", "new fit", "solve ba122", "solve ba122 --set Omega=40", "new fit here"]
)
def test_it_takes_no_second(words):
    environment = os.environ | {"COLUMNS": "80"}
    asked = [sys.executable, "-c", HELPED, *words.split(), "--help"]
    name = "new fit" if words.startswith("new fit") else words.split()[0]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=False)
    assert f"Usage: jaxgap {name} " in done.stdout
    imported, seconds = done.stderr.split()[-2:]
    assert imported == "False"
    assert float(seconds) < CPU_SECONDS
