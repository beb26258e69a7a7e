"""Batches of any size through one program of a fixed size, on all cores."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import jax
import numpy as np
from jaxtyping import PyTree

from jaxgap.numerics.threads import as_here, cores
from jaxgap.numerics.wanted import check_wanted

__all__ = ["in_chunks", "all_in_chunks"]

Job = tuple[PyTree, ...]
"""(program, *rows)."""


def in_chunks(program: Callable[..., PyTree], size: int, *rows: np.ndarray) -> PyTree:
    """A batched program on pieces of `size` rows, the last one padded: one shape, compiled once."""
    return all_in_chunks(size, (program, *rows))[0]


def all_in_chunks(size: int | Sequence[int], *jobs: Job) -> list[PyTree]:
    """`in_chunks` of several (program, *rows) at once, each with a size of its own where several are given; on all cores, on
    which results do not depend. Pieces that nobody wants any more (`while_wanted`) are not begun."""
    sizes = [size] * len(jobs) if isinstance(size, int) else size

    def run(job: Job, size: int, start: int) -> PyTree:
        program, *rows = job
        piece = [np.resize(row[start : start + size], (size, *row.shape[1:])) for row in rows]
        return jax.tree.map(np.asarray, program(*jax.device_put(piece)))

    run_here = as_here(run)
    pieces = [(job, own, start) for job, own in zip(jobs, sizes, strict=True) for start in range(0, len(job[1]), own)]
    check_wanted()
    if len(pieces) == 1:
        done = [run_here(*pieces[0])]
    else:
        waiting = [_threads().submit(run_here, *piece) for piece in pieces]
        try:
            done = []
            for one in waiting:
                done.append(one.result())
                check_wanted()
        except BaseException:
            for one in waiting:
                one.cancel()
            raise
    results = []
    for (_, *rows), own in zip(jobs, sizes, strict=True):
        count = len(rows[0])
        parts, done = done[: -(-count // own)], done[-(-count // own) :]
        results.append(_joined(parts, count))
    return results


def _joined(parts: list[PyTree], count: int) -> PyTree:
    """The pieces' results one after the other, without what was padded."""
    return jax.tree.map(lambda *ends: np.concatenate(ends)[:count], *parts)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores())
