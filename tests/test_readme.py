"""The README's example runs as it is printed, its commands are the ones that CI runs, and what pages import exists."""

import ast
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = sorted([README, *(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md"])


@pytest.mark.slow
def test_the_library_example_ends_in_its_check():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0].rstrip().splitlines()[-1].startswith("assert")
    exec(compile(blocks[0], "README.md", "exec"), {})


def test_the_two_commands_are_there_verbatim():
    lines = [line.strip() for line in README.read_text(encoding="utf-8").splitlines()]
    assert "pip install -e . && jaxgap fit fits/ba0.6k0.4fe2as2" in lines
    assert 'pip install -e ".[test]" && pytest' in lines


def imports(code):
    """The lines of a program that import, one by one; lines to the notebook itself (%) are no Python."""
    code = re.sub(r"^%.*$", "", code, flags=re.MULTILINE)
    return [ast.unparse(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_imports_exists(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    found = [line for cell in cells if cell["cell_type"] == "code" for line in imports("".join(cell["source"]))]
    assert any("jaxgap" in line for line in found)
    for line in found:
        exec(line, {})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_a_page_imports_exists(path):
    for block in re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL):
        for line in imports(block):
            exec(line, {})
