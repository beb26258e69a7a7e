"""Numbers of things, and that no text of a command makes a plural of one."""

import re
from pathlib import Path

from jaxgap.numerics.amounts import amount

ROOMS = [Path(__file__).parents[2] / "jaxgap" / room for room in ("commands", "fitting/report")]
BY_HAND = re.compile(r"f\"[^\"]*(?<!of )(?<!/)\{len\([^{}]*\)\} (?:temperatures|points|rows|data|starts|parameters|systems)\b")
"""A count and its plural in one string, but for a share `n of {len(rows)} points`."""


def test_one_is_one():
    assert amount(1, "row") == "one row"
    assert amount(2000, "row") == "2,000 rows"
    assert amount(0, "datum", "data") == "0 data"


def test_the_pattern_finds_a_plural_by_hand():
    assert BY_HAND.search('f"solving at {len(temperatures)} temperatures"')


def test_no_plural_is_made_by_hand():
    texts = {path.name: path.read_text(encoding="utf-8") for room in ROOMS for path in room.glob("*.py")}
    assert len(texts) > 20
    assert [name for name, text in texts.items() if BY_HAND.search(text)] == []
