"""Work on all cores: JAX runs what one thread asks of the CPU one after the other, so every piece has a thread."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any, TypeVar

import jax
from threadpoolctl import ThreadpoolController

from jaxgap.numerics.cutting import forced, forced_cut

__all__ = ["as_here", "blas_on_one_thread", "cores", "side_by_side"]

A = TypeVar("A")
R = TypeVar("R")

_counting = Lock()
_limits: list[Any] = []
"""One for everyone inside `blas_on_one_thread`: the limits that the first has set, which hold for the whole process."""


@cache
def _libraries() -> ThreadpoolController:
    """All that are loaded, which takes milliseconds to find out; scipy's among them, which takes longer to load."""
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()


@contextmanager
def blas_on_one_thread() -> Iterator[None]:
    """Linear algebra of small matrices, on one thread as long as anybody is inside.

    Where every core has its own piece, OpenBLAS's threads only wait for each other, by spinning: two singular value
    decompositions of 260 x 75 numbers side by side take 1.2 ms each on one thread and 86 ms of both cores on two.
    """
    with _counting:
        _limits.append(_limits[0] if _limits else _libraries().limit(limits=1, user_api="blas"))
    try:
        yield
    finally:
        with _counting:
            limits = _limits.pop()
            if not _limits:
                limits.restore_original_limits()


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
    with blas_on_one_thread():
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
