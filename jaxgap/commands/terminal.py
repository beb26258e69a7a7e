"""What all commands share: where they print, what they say while one waits, and the option for machines."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console, ConsoleDimensions
from rich.live import Live
from rich.markup import escape
from rich.spinner import Spinner

from jaxgap.numerics.programs import compiling

__all__ = ["JsonOption", "Waiting", "console", "progress", "waiting"]

NARROWEST = 60
"""Columns: a table that is squeezed into fewer is none; a narrower terminal wraps its lines."""


class _Console(Console):
    @property
    def size(self) -> ConsoleDimensions:
        width, height = super().size
        return ConsoleDimensions(max(width, NARROWEST), height)

    @size.setter
    def size(self, size: tuple[int, int]) -> None:
        self._width, self._height = size


# Names such as a:b:c are not to become emojis.
console = _Console(highlight=False, emoji=False)
progress = _Console(stderr=True, highlight=False, emoji=False)
"""For what is said on the way."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

EVERY = 2.0
"""Seconds between two lines of progress that is made."""
QUIET = 5.0
"""Seconds of silence after which it is said that, and on what, time is spent; they double up to `LONGEST`."""
LONGEST = 60.0


class Waiting:
    """What is said while one waits: on a terminal a line that is written over, elsewhere lines now and then."""

    def __init__(self, text: str) -> None:
        self.text, self.begun, self.printed, self.quiet = text, time.monotonic(), time.monotonic(), QUIET
        self.live: Live | None = None

    def say(self, text: str, *, last: bool = False) -> None:
        """What goes on now; `last` of its kind, and therefore kept."""
        self.text = text
        if last or (self.live is None and time.monotonic() - self.printed >= EVERY):
            self._print(text)
            self.quiet = QUIET

    def now(self) -> str:
        """What goes on, and for how long."""
        what = f"{self.text}, compiling" if compiling() else self.text
        return f"{what} ({time.monotonic() - self.begun:.0f} s)"

    def remind(self) -> None:
        """Say after a while of silence that it goes on."""
        if self.live is not None:
            self.live.update(Spinner("line", escape(self.now())))
        elif time.monotonic() - self.printed >= self.quiet:
            self._print(self.now())
            self.quiet = min(2 * self.quiet, LONGEST)

    def _print(self, text: str) -> None:
        self.printed = time.monotonic()
        progress.print(escape(text), soft_wrap=True)


@contextmanager
def waiting(text: str) -> Iterator[Waiting]:
    """Something is waited for inside; `text` says what until `Waiting.say` says more."""
    now, over = Waiting(text), threading.Event()

    def remind() -> None:
        while not over.wait(0.25):
            now.remind()

    thread = threading.Thread(target=remind, daemon=True)
    if progress.is_terminal:
        # What goes to the output is not redirected: it may be a file.
        now.live = Live(console=progress, transient=True, redirect_stdout=False, redirect_stderr=False)
        now.live.start()
    thread.start()
    try:
        yield now
    finally:
        over.set()
        thread.join()
        if now.live is not None:
            now.live.stop()
