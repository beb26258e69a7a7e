"""Sweeps: many systems around one, on all local devices or on many machines, into labelled results in memory or on disk.

xarray and zarr are the extra `sweeps` (pip install "jaxgap[sweeps]"), dask.distributed the extra `cluster`.
"""

from jaxgap.sweeps.grid import Axis as Axis
from jaxgap.sweeps.grid import axis as axis
from jaxgap.sweeps.kernel import solve_many as solve_many
from jaxgap.sweeps.pictures import plot_sweep as plot_sweep
from jaxgap.sweeps.progress import Progress as Progress
from jaxgap.sweeps.quantities import NAMES as NAMES
from jaxgap.sweeps.quantities import Quantity as Quantity
from jaxgap.sweeps.quantities import observable as observable
from jaxgap.sweeps.run import open_sweep as open_sweep
from jaxgap.sweeps.run import sweep as sweep
