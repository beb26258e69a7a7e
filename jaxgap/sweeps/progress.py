"""How far a sweep is, how fast it goes, how long it will take."""

import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Progress", "Report", "Tracker"]


class Progress(NamedTuple):
    """What a long sweep reports after every block."""

    done: int
    """Points that are finished, those of an earlier run included."""
    total: int
    kept: int
    """Points that an earlier run had finished."""
    rate: float
    """Points per second; NaN until it is known."""
    left: float
    """Seconds that the rest takes at this rate; NaN until it is known."""


Report = Callable[[Progress], None]


class Tracker:
    """Counts points and takes the time."""

    def __init__(self, total: int, kept: int, report: Report | None):
        self.total, self.kept, self.report = total, kept, report
        self.done, self.begun, self.since = kept, 0.0, 0

    def add(self, points: int) -> None:
        """So many points more are finished."""
        now = time.monotonic()
        self.done += points
        if not self.begun:
            # The first block compiles: it is no part of the rate.
            self.begun, self.since, rate = now, self.done, float("nan")
        else:
            rate = (self.done - self.since) / max(now - self.begun, 1e-9)
        left = 0.0 if self.done == self.total else (self.total - self.done) / rate
        if self.report is not None:
            self.report(Progress(self.done, self.total, self.kept, rate, left))
