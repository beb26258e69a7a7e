"""Seconds of every call of something compiled, for benchmarks that take the least or the median of many."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

__all__ = ["seconds"]


def seconds(call: Callable[[], Any], calls: int, clock: Callable[[], float] = time.perf_counter) -> np.ndarray:
    """One number per call, each waited for; one call before them compiles. By the processor's clock where others compete."""
    jax.block_until_ready(call())
    times = []
    for _ in range(calls):
        began = clock()
        jax.block_until_ready(call())
        times.append(clock() - began)
    return np.array(times)
