"""A sweep on many machines: blocks are tasks of dask.distributed, and every worker writes what it computes into the store.

A block has one writer at a time, which writes whole chunks of its own. A worker that dies loses its blocks, which the scheduler
gives to others, and one that joins gets its share: nothing here schedules anything. The store must be on a file system that all
machines share, and jaxgap installed on all of them.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from jaxgap.numerics.checks import InputError
from jaxgap.sweeps.extras import require
from jaxgap.sweeps.grid import Blocks, Points
from jaxgap.sweeps.progress import Report, Tracker
from jaxgap.sweeps.store import Store
from jaxgap.sweeps.work import Work

__all__ = ["run_on_cluster"]

PER_THREAD = 2
"""Blocks that wait for every thread of the workers: none is idle, and the client holds few at a time."""
ATTEMPTS = 10
"""Times that a block is given to the scheduler, which gives up on one whose workers died several times."""

_known: dict[str, Work] = {}
"""The work of sweeps that this worker has seen, with its compiled programs."""


def run_on_cluster(
    where: Points, task: Work, blocks: Blocks, store: Store, progress: Report | None, scheduler: Any, key: str = ""
) -> None:
    """Compute the blocks that are missing on the workers of a scheduler.

    Args:
        where: the points.
        task: what is done with them.
        blocks: the blocks in which it is done.
        store: where the results go.
        progress: called after every block.
        scheduler: its address, or a `distributed.Client`, which stays open.
        key: what the workers know this sweep by.

    Raises:
        InputError: if the scheduler cannot be reached, or a block cannot be written.
    """
    distributed = require("distributed")
    if isinstance(scheduler, distributed.Client):
        _feed(scheduler, where, task, blocks, store, progress, key)
        return
    try:
        client = distributed.Client(scheduler, timeout=10)
    except (OSError, ValueError, TimeoutError) as error:
        raise InputError(f"Cannot reach the scheduler `{scheduler}`: {error}.") from None
    with client:
        _feed(client, where, task, blocks, store, progress, key)


def _feed(client: Any, where: Points, task: Work, blocks: Blocks, store: Store, progress: Report | None, key: str) -> None:
    """Keep the workers busy until every block is written."""
    distributed = require("distributed")
    missing = store.missing()
    tracker = Tracker(where.size, where.size - sum(blocks.points(k) for k in missing), progress)
    waiting = iter(missing)

    def submitted(k: int, attempt: int = 1) -> Any:
        # Impure: what counts is what it writes, not what it returns.
        rows, name = where.rows(blocks.block(k)), f"jaxgap-{key[:8]}-{k}-{attempt}"
        return client.submit(_write, key, task, store, k, rows, pure=False, key=name)

    running = distributed.as_completed()
    _top_up(client, running, waiting, submitted)
    for future in running:
        try:
            tracker.add(blocks.points(future.result()))
        except distributed.KilledWorker as error:
            k, attempt = (int(part) for part in future.key.rsplit("-", 2)[1:])
            if attempt == ATTEMPTS:
                raise InputError(
                    f"Block {k} of the sweep `{store.path}` has killed its workers {attempt} times: {error}"
                ) from None
            running.add(submitted(k, attempt + 1))
        _top_up(client, running, waiting, submitted)


def _top_up(client: Any, running: Any, waiting: Iterator[int], submitted: Callable[[int], Any]) -> None:
    """Ask for more blocks, as many as the workers of this moment can use."""
    threads = max(1, sum(client.nthreads().values()))
    while running.count() < PER_THREAD * threads:
        k = next(waiting, None)
        if k is None:
            return
        running.add(submitted(k))


def _write(key: str, task: Work, store: Store, k: int, rows: np.ndarray) -> int:
    """Compute and write block k, on a worker."""
    store.write(k, _known.setdefault(key, task).block(rows, store.blocks.extent(k)))
    return k
