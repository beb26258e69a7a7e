"""NetCDF and HDF5 through xarray: curves, and the cubes of photoemission as erlab and peaks write them, with the axes eV and
alpha, theta_par or kx, and the sample's temperature beside them.

An array in a group of an HDF5 file has the variable "group/name".
"""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jaxgap.fitting.reading.columns import TEMPERATURE, key_of
from jaxgap.fitting.reading.config import FileConfig
from jaxgap.fitting.reading.foreign import as_a_file_of, require
from jaxgap.fitting.reading.grids import Along, Grid, along, real, table_of
from jaxgap.fitting.reading.tables import Table
from jaxgap.model.files import read_bytes

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_labelled"]

_HDF5 = b"\x89HDF"


def read_labelled(path: Path, config: FileConfig) -> Table:
    """The columns of a NetCDF or HDF5 file.

    Raises:
        InputError: if it cannot be read, or is not one curve.
    """
    hdf5 = read_bytes(path, "data file").startswith(_HDF5)
    require(path, "xarray", *(["h5netcdf"] if hdf5 else []))
    group, _, name = (config.variable or "").rpartition("/")
    with as_a_file_of(path, f"NetCDF or HDF5{f' with the group `{group}`' * bool(group)}"), _opened(path, hdf5, group) as found:
        noted = {str(key): value for key, value in found.attrs.items()}
        grids = {str(key): _grid(part, noted) for key, part in found.data_vars.items()}
    return table_of(grids, config.model_copy(update={"variable": name or None}), str(path))


def _opened(path: Path, hdf5: bool, group: str) -> "xr.Dataset":
    """The data set of a group, loaded when it is asked for."""
    import xarray

    if not hdf5:
        return xarray.open_dataset(path)
    import h5py

    h5py.File(path, "r").close()  # A damaged file is noticed here: h5netcdf would complain a second time when it is collected.
    return xarray.open_dataset(path, engine="h5netcdf", group=group or None, phony_dims="sort")


def _grid(array: "xr.DataArray", noted: Mapping[str, object]) -> Grid:
    """An array over its axes."""
    unit = array.attrs.get("units")
    axes = tuple(_axis(array, dim) for dim in array.dims)
    return Grid(np.asarray(array.values), axes, None if unit is None else str(unit), _temperature(array, noted))


def _axis(array: "xr.DataArray", dim: Hashable) -> Along:
    if dim not in array.coords:
        return Along(str(dim), None, None)
    unit = array.coords[dim].attrs.get("units")
    return along(str(dim), real(array.coords[dim].values, f"the axis `{dim}`"), None if unit is None else str(unit))


def _temperature(array: "xr.DataArray", noted: Mapping[str, object]) -> float | None:
    """The sample's temperature [K], if a coordinate or a note says it."""
    beside = {str(name): part.item() for name, part in array.coords.items() if part.ndim == 0}
    known = {**noted, **{str(name): value for name, value in array.attrs.items()}, **beside}
    found = [
        value for name, value in known.items() if key_of(name) in TEMPERATURE and isinstance(value, int | float | np.number)
    ]
    return float(found[0]) if len(found) == 1 else None
