"""Where a result comes from: the day, the commit of the sources, and data that are told apart."""

import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from jaxgap.numerics.provenance import provenance

ROOT = Path(__file__).parents[2]


def test_the_date_is_now():
    assert abs(datetime.fromisoformat(provenance()["date"]) - datetime.now(UTC)).total_seconds() < 60


def test_the_commit_is_that_of_the_sources():
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout with git")
    head = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout
    assert provenance()["commit"].removesuffix("-dirty") == head.strip()


def test_data_are_told_apart():
    one, same, other = (provenance(data=data).get("data", "") for data in ([("gap", 4.2, 1.5)], [["gap", 4.2, 1.5]], [1.5]))
    assert re.fullmatch("[0-9a-f]{64}", one)
    assert one == same != other
    assert "data" not in provenance()
