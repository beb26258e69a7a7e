"""Seconds of every call of something compiled, for benchmarks that take the least or the median of many."""

import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

__all__ = ["seconds"]


def seconds(call: Callable[[], Any], calls: int) -> np.ndarray:
    """One number per call, each waited for; one call before them compiles."""
    jax.block_until_ready(call())
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        jax.block_until_ready(call())
        times.append(time.perf_counter() - began)
    return np.array(times)
