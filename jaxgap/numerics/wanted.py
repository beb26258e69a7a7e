"""Work that is given up half way: long computations on the host ask between their parts whether anybody still wants them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["NotWantedError", "check_wanted", "while_wanted"]

_wanted: ContextVar[Callable[[], bool]] = ContextVar("wanted", default=lambda: True)


class NotWantedError(Exception):
    """Nobody wants the result any more."""


@contextmanager
def while_wanted(wanted: Callable[[], bool]) -> Iterator[None]:
    """What is inside ends with `NotWantedError`, where it can, as soon as `wanted` says no."""
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def check_wanted() -> None:
    """Raise `NotWantedError` if the computation this is part of is not wanted any more."""
    if not _wanted.get()():
        raise NotWantedError
