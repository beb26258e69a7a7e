"""Commands that the documentation shows are commands: their names and options exist; what a page defines in Python runs; and
the tutorial's steps lead where it says (slow)."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer

from jaxgap.commands.outline import COMMANDS, app

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")])
_SHOWN = re.compile(r"(?:^    |`|&& )(jaxgap [^`\n#&]*)", re.MULTILINE)
TUTORIAL = ROOT / "docs" / "tutorial" / "fit_your_data.md"


def shown(page):
    return [found.strip() for found in _SHOWN.findall(page.read_text(encoding="utf-8"))]


def words(line):
    return shlex.split(line.replace("|", " ").replace(">", " "))[1:]


def command_of(arguments):
    """(command, what is left) of the words after `jaxgap`."""
    command, rest = typer.main.get_command(app).commands[arguments[0]], arguments[1:]
    if hasattr(command, "commands"):
        inner = rest[0] if rest and rest[0] in command.commands else "fit"
        command = command.commands[inner]
    return command, rest


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_commands_and_options_exist(page):
    for line in shown(page):
        arguments = words(line)
        if not arguments or arguments[0].startswith("-") or not arguments[0].isidentifier():
            continue  # `jaxgap --help`
        assert arguments[0] in COMMANDS, line
        command, rest = command_of(arguments)
        known = {flag for one in command.params for flag in (*one.opts, *one.secondary_opts)} | {"--help", "-h"}
        used = {word.partition("=")[0] for word in rest if re.match(r"--[A-Za-z]", word)}
        assert used <= known, line


def test_the_check_of_commands_can_fail():
    assert shown(TUTORIAL)
    command, _ = command_of(["solve"])
    assert "--branches" not in {flag for one in command.params for flag in one.opts}


def test_a_band_of_your_own_is_one():
    page = (ROOT / "docs" / "howto" / "add_a_band.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    names = {}
    for block in blocks:
        exec(compile(block, "add_a_band.md", "exec"), names)
    assert names["sc"].band_names == ("pi",)
    assert names["band"].name == "alpha"


@pytest.mark.slow
def test_the_tutorial_goes_where_it_says(command, monkeypatch, tmp_path):
    """Each of its commands, in their order, in one folder; a heat capacity and a spectrum of the repository for those of a
    reader. (What draws many samples is tried elsewhere.)"""
    monkeypatch.chdir(tmp_path)
    given = ROOT / "fits" / "synthetic_mgb2_experiments"
    shutil.copy2(given / "heat.csv", "heat.csv")
    shutil.copy2(given / "sts.txt", "sts_4.2K.dat")
    done = []
    for line in re.findall(r"^    (jaxgap [^\n#]*)", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE):
        ended = command(*words(line))
        assert ended.code == 0, (line, ended.err)
        done.append(line.split()[1])
    assert done == ["examples", "check", "fit", "new", "data", "new"]
    assert {"result.json", "fit.png", "report.html"} <= {path.name for path in Path("first").iterdir()}
    assert "ASSUMED" in Path("mine2/fit.toml").read_text(encoding="utf-8")
