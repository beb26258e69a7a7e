"""Sweeps: many systems around one, on all local devices or on many machines, into labelled results in memory or on disk.

A sweep uses all cores by itself. Processes of one's own must begin afresh, not as copies (fork) of one in which JAX has
computed: its threads are not copied, and the copy waits for them for ever. `multiprocessing.get_context("spawn")` is how,
also as `mp_context` of `concurrent.futures.ProcessPoolExecutor`; dask does so by itself.

xarray and zarr are the extra `sweeps` (pip install "jaxgap[sweeps]"), dask.distributed the extra `cluster`.
"""

from jaxgap.solving.many import solve_many as solve_many
from jaxgap.sweeps.grid import Axis as Axis
from jaxgap.sweeps.grid import axis as axis
from jaxgap.sweeps.netcdf import to_netcdf as to_netcdf
from jaxgap.sweeps.pictures import plot_sweep as plot_sweep
from jaxgap.sweeps.progress import Progress as Progress
from jaxgap.sweeps.quantities import NAMES as NAMES
from jaxgap.sweeps.quantities import Quantity as Quantity
from jaxgap.sweeps.quantities import observable as observable
from jaxgap.sweeps.run import open_sweep as open_sweep
from jaxgap.sweeps.run import sweep as sweep
