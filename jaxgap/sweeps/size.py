"""How large a sweep may be: said before anything is allocated.

A slip in an exponent asks for a billion points as easily as for a million. Every limit is far above what has been computed
(ten million points), and the sentence has the numbers.
"""

import math

import numpy as np

from jaxgap.numerics.checks import InputError
from jaxgap.sweeps.grid import Blocks
from jaxgap.sweeps.work import Work

__all__ = ["check_size", "MOST_POINTS", "MOST_IN_MEMORY", "MOST_ON_DISK", "MOST_OF_A_BLOCK", "MOST_OF_A_BATCH"]

MOST_POINTS = 10**9
"""Points of a sweep."""
MOST_IN_MEMORY = 8 * 2**30
"""Bytes of a result without a store."""
MOST_ON_DISK = 2**40
"""Bytes of a result in a store, before they are compressed."""
MOST_OF_A_BLOCK = 2**30
"""Bytes of one block of points."""
MOST_OF_A_BATCH = 2**20
"""Points that a device treats at once."""


def check_size(task: Work, blocks: Blocks, on_disk: bool) -> None:
    """Raise `InputError` if a sweep, one of its blocks or its batches are too large."""
    points, of_a_block = math.prod(blocks.shape), math.prod(blocks.chunk)
    each = sum(one.dtype.itemsize * math.prod(one.shape[len(blocks.shape) :]) for one in task.variables)
    each += np.dtype(float).itemsize * len(task.evaluator.axes)
    says = f"this sweep has {points:,} points of {each} bytes, {_gigabytes(points * each)} in all"
    if points > MOST_POINTS:
        raise InputError(f"A sweep may have {MOST_POINTS:,} points, but {says}.")
    if on_disk and points * each > MOST_ON_DISK:
        raise InputError(f"A sweep may take {_gigabytes(MOST_ON_DISK)} of a store, but {says}: record less.")
    if not on_disk and points * each > MOST_IN_MEMORY:
        raise InputError(f"A sweep without `store` may take {_gigabytes(MOST_IN_MEMORY)} of memory, but {says}.")
    if of_a_block * each > MOST_OF_A_BLOCK:
        raise InputError(
            f"A block may take {_gigabytes(MOST_OF_A_BLOCK)}, but `chunk` makes it {of_a_block:,} points of {each} bytes."
        )
    if task.evaluator.batch > MOST_OF_A_BATCH:
        raise InputError(f"Argument `batch` must be at most {MOST_OF_A_BATCH:,}, but got {task.evaluator.batch:,}.")


def _gigabytes(number: int) -> str:
    return f"{number / 2**30:,.3g} GiB"
