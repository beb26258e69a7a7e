"""What a command printed, and how it ended; the fixture `command` (conftest.py) calls one in the process of the tests."""

import json
from typing import NamedTuple

import pytest

__all__ = ["Ended"]


class Ended(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """What it printed, where that is strict JSON."""
        return json.loads(self.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
