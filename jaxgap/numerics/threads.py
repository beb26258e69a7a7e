"""Work on all cores: JAX runs what one thread asks of the CPU one after the other, so every piece has a thread."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import jax

from jaxgap.numerics.cutting import forced, forced_cut

__all__ = ["as_here", "cores", "side_by_side"]

A = TypeVar("A")
R = TypeVar("R")


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def as_here(work: Callable[..., R]) -> Callable[..., R]:
    """The same work with the settings of the thread that asks for it, of which other threads know nothing."""
    device, how = getattr(jax.config, "jax_default_device"), forced_cut()  # noqa: B009 (its type is not known to mypy)

    def run(*args: object) -> R:
        with jax.enable_x64(True), jax.default_device(device), forced(how):
            return work(*args)

    return run


def side_by_side(work: Callable[[A], R], items: Iterable[A]) -> Iterator[R]:
    """`work` of every item, in their order, as many at a time as there are cores; items are asked for when they are needed.
    What has not begun is dropped where one fails, or where nobody wants the rest."""
    run, at_once = as_here(work), cores()
    waiting: deque[Future[R]] = deque()
    pool = ThreadPoolExecutor(at_once)
    try:
        for item in items:
            waiting.append(pool.submit(run, item))
            if len(waiting) >= 2 * at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
