r"""`sweep`: many systems around one, over a grid or samples, into a labelled data set in memory or on disk.

.. math:: O_n = O(\theta_n, T_n, \Delta_n), \qquad \Delta_n = \lambda_n P(\Delta_n; \theta_n, T_n) / N_n

Points are computed in blocks. In memory the blocks fill arrays; on disk each is a chunk of a Zarr store
(`jaxgap.sweeps.store`), so that memory does not depend on the number of points, and an interrupted sweep goes on where it was.
"""

import json
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from jaxgap.model.superconductor import Superconductor
from jaxgap.numerics.checks import InputError, check
from jaxgap.numerics.cutting import cut
from jaxgap.numerics.precision import require_float64
from jaxgap.solving.blocks import cut_for
from jaxgap.sweeps.configuration import about_sweep, configuration, digest
from jaxgap.sweeps.extras import require
from jaxgap.sweeps.grid import Blocks, Points, points
from jaxgap.sweeps.layout import coordinates
from jaxgap.sweeps.lock import locked
from jaxgap.sweeps.progress import Report, Tracker
from jaxgap.sweeps.quantities import quantities
from jaxgap.sweeps.size import check_size
from jaxgap.sweeps.store import CONFIGURATION, Memory, Store
from jaxgap.sweeps.work import Work, work

__all__ = ["sweep", "open_sweep"]

CHUNK = 16384
"""Points of a block, unless it is said; fewer where a point takes long."""


def sweep(
    sc: Superconductor,
    grid: Any = None,
    observables: Any = ("branch_minimum", "label"),
    *,
    samples: Any = None,
    T: Any = None,
    mode: str = "branch",
    branch: str | None = None,
    start: Any = None,
    store: str | Path | None = None,
    chunk: int | None = None,
    batch: int | None = None,
    progress: Report | None = None,
    scheduler: Any = None,
    title: str = "",
) -> Any:
    """Observables at all points of a grid, or at samples, as an `xarray.Dataset`.

    Every variable has the axes as dimensions, named, with units. `status` says of every point how its solve ended (a `Status`
    code, with its meaning in the attributes); where it is not the solution asked for, quantities are NaN, and integers -1.

    Args:
        sc: the system around which the points lie.
        grid: name -> values of every axis, of which all combinations are taken. A name is a path into the system
            (`lambda_33`, `mu[beta]`, ...), "T" [K], "d" (the distance of two cross-paired bands [meV]), or any other name with
            an `axis`, which says what it sets.
        observables: what is recorded (`NAMES`), sensitivities such as "d branch_minimum/d lambda_33", functions of (sc, T,
            solution) that give an array of fixed shape for one state, or a mapping from names to any of these.
        samples: instead of `grid`, name -> column of values, all of equal length: one point per row.
        T: temperature [K], unless an axis sets it.
        mode: "branch" (one branch, as `solve` takes it), "ground_state", or "all" (all states that are found, in slots with
            the dimension `state`, by rising free energy; `count` says how many there are).
        branch: the branch to take, as for `solve`. Default: the one connected to T_c.
        start: amplitudes to start from [meV], instead of a branch.
        store: a folder for a Zarr store. If it holds an unfinished sweep of the same configuration, this one goes on there.
        chunk: points of a block. A block is what an interruption costs.
        batch: points that a device treats at once.
        progress: called with a `Progress` after every block.
        scheduler: address of a dask scheduler, or a `distributed.Client`: its workers compute the blocks (needs `store`).
        title: kept in the attributes.

    Returns:
        The data set; with `store` it is read from there when it is used.

    Raises:
        InputError: for anything that is not valid, more points than `jaxgap.sweeps.size` allows, a store of another
            configuration, one that cannot be written, or one into which another sweep writes now.

    Example:
        >>> data = jg.sweeps.sweep(jg.materials.two_band(), {"lambda_33": [0.1, 0.2]}, ["branch_minimum"], T=4.2)
        >>> np.asarray(data.branch_minimum).round(3).tolist()
        [[3.289, 7.508], [2.067, 8.535]]
    """
    # === convert and check
    require_float64()
    xarray = require("xarray")
    check(scheduler is None or store is not None, "store", "be given with `scheduler`: its workers write there", "none")
    check(chunk is None or (isinstance(chunk, int) and chunk > 0), "chunk", "be a positive integer", repr(chunk))
    where = points(sc, T, grid, samples)
    # One sweep writes into a store at a time: from the look at what is there to the last block.
    with nullcontext() if store is None else locked(store):
        chunk, batch = _as_begun(store, where, chunk, batch)
        task = work(where, quantities(observables, where), mode, branch, start, batch)
        blocks = Blocks.of(where.shape, chunk)
        check_size(task, blocks, store is not None)
        settings = configuration(where, task, blocks)
        about = about_sweep(title, where.family.sc)
        known = coordinates(where, task.variables)

        # === compute
        if store is None:
            memory = Memory(task.variables, blocks)
            _run(where, task, blocks, memory, progress)
            data = {one.name: (one.dims, memory.arrays[one.name], one.attributes) for one in task.variables}
            return xarray.Dataset(data, known, about | {CONFIGURATION: json.dumps(settings, sort_keys=True)})
        disk = Store.create_or_open(store, settings, about, task.variables, known, blocks)
        if scheduler is None:
            _run(where, task, blocks, disk, progress)
        else:
            from jaxgap.sweeps.cluster import run_on_cluster

            run_on_cluster(where, task, blocks, disk, progress, scheduler, digest(settings))
        disk.tidy()
    return open_sweep(store)


def open_sweep(store: str | Path) -> Any:
    """The data set of a sweep on disk, finished or not, read when it is used."""
    check((Path(store) / "zarr.json").is_file(), "store", "be the folder of a sweep", f"`{store}`")
    require("zarr")
    data = require("xarray").open_zarr(store, chunks=None, consolidated=False)
    # Names with spaces, such as those of couplings, are none to xarray's own list.
    return data.set_coords([name for name in data.attrs.pop("jaxgap_coordinates", ()) if name in data.data_vars])


def _as_begun(store: str | Path | None, where: Points, chunk: int | None, batch: int | None) -> tuple[int, int | None]:
    """(chunk, batch), where they are not given as an unfinished sweep has them."""
    begun: dict[str, Any] = {}
    if store is not None and (Path(store) / "zarr.json").is_file():
        try:
            attributes = json.loads((Path(store) / "zarr.json").read_text(encoding="utf-8"))["attributes"]
            begun = json.loads(attributes[CONFIGURATION])
        except (OSError, ValueError, KeyError):
            raise InputError(f"`{store}` exists and is no sweep of jaxgap, or a damaged one.") from None
    if chunk is None and len(begun.get("chunk", ())) == len(where.shape):
        chunk = 1
        for extent in begun["chunk"]:
            chunk *= extent
    if chunk is None:
        together = cut_for(where.family.sc).batch
        chunk = max(CHUNK * together // cut().batch, together)
    return chunk, batch or begun.get("batch")


def _run(where: Points, task: Work, blocks: Blocks, sink: Memory | Store, progress: Report | None) -> None:
    """Compute the blocks that are missing, one after the other."""
    missing = sink.missing()
    tracker = Tracker(where.size, where.size - sum(blocks.points(k) for k in missing), progress)
    for k in missing:
        sink.write(k, task.block(where.rows(blocks.block(k)), blocks.extent(k)))
        tracker.add(blocks.points(k))
