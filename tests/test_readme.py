"""The README's example runs as it is printed, and its commands are the ones that CI runs."""

import re
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"


def test_the_library_example_ends_in_its_check():
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 1
    assert blocks[0].rstrip().splitlines()[-1].startswith("assert")
    exec(compile(blocks[0], "README.md", "exec"), {})


def test_the_two_commands_are_there_verbatim():
    lines = [line.strip() for line in README.read_text(encoding="utf-8").splitlines()]
    assert "pip install -e . && jaxgap fit fits/ba0.6k0.4fe2as2" in lines
    assert 'pip install -e ".[test]" && pytest' in lines
