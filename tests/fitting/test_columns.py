"""Tables at 80 columns: every name and number is there, whole or folded, and no ellipsis."""

import io
import re
from pathlib import Path

import pytest
from rich.console import Console
from rich.markup import escape

import jaxgap.commands
import jaxgap.fitting.report
from jaxgap.fitting.report.columns import Table

NAMES = ("branch_minimum[sigma1:sigma2:surface middle] - branch_minimum[pi]", "lambda_sigma1_sigma2_surface")
ROOMS = [Path(room.__path__[0]) for room in (jaxgap.commands, jaxgap.fitting.report)]


@pytest.mark.parametrize("width", [60, 80])
def test_names_are_folded_and_not_cropped(width):
    table = Table(title="names")
    for i in range(4):
        table.add_column(f"column {i}", justify="left" if i == 0 else "right")
    for name in NAMES:
        table.add_row(escape(name), "1.70021e-25", "0 .. 0.001012", "0.0024")
    stream = io.StringIO()
    Console(file=stream, width=width).print(table)
    said = stream.getvalue()
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= width
    assert "1.70021e-25" in said
    assert "0.0024" in said
    said = said[said.index("┡") :]
    first = re.sub(r"\s", "", "".join(line[1:].split("│")[0] for line in said.splitlines() if line.startswith("│")))
    assert first == re.sub(r"\s", "", "".join(NAMES))


def test_headings_are_folded_and_words_stay_whole():
    table = Table(title="gaps")
    for heading in ("T [K]", "state", "alpha:beta lower", "alpha:beta upper", "at k_F of alpha", "at k_F of beta"):
        table.add_column(heading, justify="right")
    table.add_row("36", "left_branch", *["12.5405"] * 4)
    stream = io.StringIO()
    Console(file=stream, width=74).print(table)
    said = stream.getvalue()
    assert "left_branch" in said
    assert said.count("12.5405") == 4
    for word in ("lower", "upper", "alpha:beta", "[K]"):
        assert word in said.split("┡")[0]


@pytest.mark.parametrize("path", [path for room in ROOMS for path in sorted(room.glob("*.py"))], ids=lambda path: path.stem)
def test_all_tables_are_such(path):
    if path.stem != "columns":
        assert "from rich.table" not in path.read_text(encoding="utf-8")
